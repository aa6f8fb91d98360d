"""Augmentation: small random changes, so that a network never sees quite the same picture twice."""

import math

import tensorflow as tf

MAX_TURN = math.radians(10)
MAX_ZOOM = 0.1  # as a share of what is seen
MAX_SHIFT = 0.1  # as a share of the width and of the height
MAX_LIGHT = 0.2  # for brightness and for contrast


def augment(images, seed) -> tf.Tensor:
    """Change each picture a little, as if it were another photograph of the same thing.

    Half of the pictures are mirrored; each is turned by up to 10°, zoomed and shifted by up to 10%,
    and its brightness and contrast change by up to 20%. What turns in over an edge is the mirror
    image of what lies inside it.

    Args:
        images: pixels 0..255, ``(batch, height, width, 3)``.
        seed: a whole number; the same one gives the same changes.

    Returns:
        ``float32``, the same shape and range.
    """
    turn, zoom, right, down, mirror, brightness, contrast = tf.unstack(
        tf.random.stateless_uniform((7, tf.shape(images)[0]), (seed, 0), minval=-1.0, maxval=1.0)
    )
    return vary(
        images,
        mirror=mirror < 0,
        turn=MAX_TURN * turn,
        view=1 + MAX_ZOOM * zoom,
        right=MAX_SHIFT * right,
        down=MAX_SHIFT * down,
        brightness=1 + MAX_LIGHT * brightness,
        contrast=1 + MAX_LIGHT * contrast,
    )


def vary(images, *, mirror, turn, view, right, down, brightness, contrast) -> tf.Tensor:
    """Change each picture by the given amounts, as if the camera had moved and the light changed.

    Args:
        images: pixels 0..255, ``(batch, height, width, 3)``.
        mirror: whether left and right change places; like all amounts below one value a picture,
            ``(batch,)``.
        turn: how far the thing in the picture turns to the left, in radians.
        view: how much the camera sees, as a share of the width: 0.5 makes everything twice as
            large.
        right: how far the camera moves to the right, as a share of the width.
        down: how far it moves down, as a share of the height.
        brightness: the factor for the picture's mean.
        contrast: the factor for each value's distance from the mean.

    Returns:
        ``float32``, the same shape and range.
    """
    images = tf.cast(images, tf.float32)
    moved = _move(images, turn, view, right, down, tf.where(mirror, -1.0, 1.0))
    return _relight(moved, brightness, contrast)


def _move(images, turn, view, right, down, mirror):
    """All movements in one pass, so that the picture is blurred only once."""
    height, width = (tf.cast(size, tf.float32) for size in tf.unstack(tf.shape(images)[1:3]))
    # The output pixel (x, y) shows the input at (ax·x + bx·y + cx, ay·x + by·y + cy).
    ax, bx = mirror * view * tf.cos(turn), -mirror * view * tf.sin(turn)
    ay, by = view * tf.sin(turn), view * tf.cos(turn)
    # But for the shift, the middle of the picture stays where it is.
    x, y = (width - 1) / 2, (height - 1) / 2
    cx = x - ax * x - bx * y + right * width
    cy = y - ay * x - by * y + down * height
    flat = tf.zeros_like(ax)  # no perspective
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([ax, bx, cx, ay, by, cy, flat, flat], axis=1),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def _relight(images, brightness, contrast):
    """Contrast moves the values away from the picture's mean, brightness moves the mean."""
    brightness, contrast = (factor[:, None, None, None] for factor in (brightness, contrast))
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return tf.clip_by_value((images - mean) * contrast + mean * brightness, 0.0, 255.0)
