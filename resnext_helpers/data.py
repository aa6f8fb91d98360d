"""From photographs to batches for training: split, read, shuffle, augment, scale."""

import hashlib
import logging
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from resnext_helpers import photo_folder
from resnext_helpers import photos as photo_files
from resnext_helpers.photo_folder import Photo, Report
from resnext_helpers.settings import CourseError, CourseSettings, display_path

# Mean and spread of red, green and blue in ImageNet: published weights expect pictures scaled so.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)

CACHE_BYTES = 1_000_000_000  # ``load`` keeps photographs in memory up to here

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """The photographs for training, and those kept back to test what was learned."""

    train: list[Photo]
    validation: list[Photo]


@dataclass(frozen=True)
class Photos:
    """All that a notebook needs of a folder of photographs."""

    folder: Path
    source: str  # the folder, in words
    report: Report
    class_names: list[str]  # in the order of the labels
    split: Split
    train: tf.data.Dataset  # batches: shuffled, augmented, scaled
    validation: tf.data.Dataset  # batches: in order, scaled
    passes: tf.Variable  # number of the next pass over ``train``: the epochs so far


def load(config: CourseSettings, progress: bool = True, drop_remainder: bool = False) -> Photos:
    """Find the photographs, check every file, split them, and make both pipelines.

    Args:
        config: finds the photographs (see ``photo_folder.find``), and says how to prepare them.
        progress: show a bar while the files are checked.
        drop_remainder: leave out a last, smaller batch: one of several GPUs would have nothing.

    Raises:
        CourseError: the photographs can't be used (see ``photo_folder.check``), or no whole batch
            is left.
    """
    folder = photo_folder.find(config)
    report = photo_folder.check(folder, progress)
    parts = split(report, config.validation_fraction, config.seed)
    if drop_remainder and min(map(len, vars(parts).values())) < config.batch_size:
        raise CourseError(
            f"There are fewer than {config.batch_size} photographs, a batch, to train or to "
            f"validate with: set a smaller batch size, or use one GPU (CUDA_VISIBLE_DEVICES=0)."
        )
    form = {
        "image_size": config.image_size,
        "batch_size": config.batch_size,
        "drop_remainder": drop_remainder,
        "cache": len(report.photos) * config.image_size**2 * 3 <= CACHE_BYTES,
    }
    passes = tf.Variable(0, trainable=False, dtype=tf.int64)
    training = {"training": True, "augment": True, "seed": config.seed, "passes": passes}
    return Photos(
        folder,
        photo_folder.source(folder),
        report,
        report.class_names,
        parts,
        train=pipeline(parts.train, **training, **form),
        validation=pipeline(parts.validation, **form),
        passes=passes,
    )


def split(report: Report, validation_fraction: float, seed: int) -> Split:
    """Share the photographs of each class between training and validation.

    The share is the same for every class, with at least one photograph in each part. Kept back are
    those whose seed, class and name give the smallest numbers: the same ones on every machine, and
    nearly all of the same ones when photographs are added.
    """

    def lot(photo):
        """A random number that no version of a random generator can change."""
        text = f"{seed}/{report.class_names[photo.label]}/{photo.path.name}"
        text = unicodedata.normalize("NFC", text)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()

    members = {label: [] for label in range(len(report.class_names))}
    for photo in report.photos:
        members[photo.label].append(photo)
    validation = set()
    for photos in members.values():
        wanted = round(len(photos) * validation_fraction)
        validation.update(sorted(photos, key=lot)[: min(max(wanted, 1), len(photos) - 1)])
    return Split(
        [photo for photo in report.photos if photo not in validation],
        [photo for photo in report.photos if photo in validation],
    )


def pipeline(
    photos: list[Photo],
    *,
    image_size: int,
    batch_size: int,
    training: bool = False,
    augment: bool = False,
    cache: bool = True,
    seed: int = 0,
    passes: tf.Variable | None = None,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Batches of scaled pictures and their labels, prepared while the network computes.

    A file that can't be read any more (moved or damaged since the check) is left out and reported
    in the log. The next readable photograph of its class stands in for it, so that the number of
    batches and the order of the labels stay as they were.

    Args:
        photos: what to read; without ``training`` the batches keep this order.
        image_size: height and width of a picture, in pixels.
        batch_size: pictures in a batch.
        training: shuffle. The order follows from ``seed`` and the number of the pass alone.
        augment: vary each picture each time (see ``augmentation``).
        cache: keep the pictures in memory after the first epoch.
        seed: another seed gives other orders and other variations.
        passes: number of the next pass, begins at 0 unless given.
        drop_remainder: leave out a last, smaller batch.

    Returns:
        Dataset of ``(images, labels)``: ``float32 (batch, image_size, image_size, 3)`` as from
        ``scale``, and ``int32 (batch,)``.
    """
    if passes is None:
        passes = tf.Variable(0, trainable=False, dtype=tf.int64)
    items, read = tf.data.Dataset.range(len(photos)), _reader(photos, image_size)
    if cache:  # before shuffling, and as 8-bit pixels, a quarter of the memory of floats
        items = items.map(read, tf.data.AUTOTUNE).cache()

    def one_pass(_):
        tf.random.set_seed(1)  # of this graph: the process's own seed has no part in it
        number = passes.assign_add(1) - 1
        order = tf.random.stateless_uniform((), (seed, number), None, None, tf.int64)
        return items.shuffle(len(photos), order, reshuffle_each_iteration=False)

    dataset = items
    if training:
        dataset = tf.data.Dataset.from_tensors(0).flat_map(one_pass)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(photos)))
    if not cache:  # after shuffling: a buffer of numbers, not of pictures
        dataset = dataset.map(read, tf.data.AUTOTUNE)
    dataset = dataset.batch(batch_size, drop_remainder)
    if augment:  # one batch after the other, so that a seed gives the same variations each time
        vary = augmentation(seed)
        dataset = dataset.map(lambda images, labels: (vary(images, training=True), labels))
    dataset = dataset.map(lambda images, labels: (scale(images), labels), tf.data.AUTOTUNE)
    # TensorFlow's tuner sleeps for up to a minute between its looks, and a pass that ends may have
    # to wait until it wakes up. Without it, a map has as many threads as there are cores.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def _reader(photos, image_size):
    """A function from a photograph's number to its pixels and label, for ``Dataset.map``."""
    left_out = set()

    def read_or_stand_in(number):
        label, folder = photos[number].label, photos[number].path.parent
        for step in range(len(photos)):
            photo = photos[(number + step) % len(photos)]
            if photo.label == label and photo not in left_out:
                try:
                    return photo_files.read(photo.path, image_size), np.int32(label)
                except photo_files.PhotoError as error:
                    left_out.add(photo)
                    _log.warning("Left out, another photograph stands in: %s", error)
        raise CourseError(
            f"No photograph of {folder.name!r} can be read any more: is the drive with "
            f"{display_path(folder)} still connected?"
        )

    def read(number):
        image, label = tf.numpy_function(read_or_stand_in, [number], (tf.uint8, tf.int32))
        return tf.ensure_shape(image, (image_size, image_size, 3)), tf.ensure_shape(label, ())

    return read


def augmentation(seed: int) -> keras.Sequential:
    """Layers that change each picture a little, as if it were another photograph of the same thing.

    Half of the pictures are mirrored; each is turned by up to 10°, shifted and zoomed by up to 10%,
    and its light changes. What turns in over an edge is the mirror image of what lies inside it.

    Args:
        seed: new layers with the same seed give the same changes, call by call.

    Returns:
        Call it with pixels 0..255, ``(batch, height, width, 3)``, and ``training=True``; it gives
        ``float32`` of the same shape and range.
    """
    layers, form = keras.layers, {"dtype": "float32"}  # whatever the network's policy is
    edges = {"fill_mode": "reflect", **form}
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal", seed=seed, **form),
            layers.RandomRotation(10 / 360, seed=seed + 1, **edges),
            layers.RandomTranslation(0.1, 0.1, seed=seed + 2, **edges),
            layers.RandomZoom(0.1, seed=seed + 3, **edges),
            layers.RandomBrightness(0.1, seed=seed + 4, **form),  # of 255: a fifth of a mean of 128
            layers.RandomContrast((0.2, 0.2), seed=seed + 5, **form),  # 0.2 alone would only raise
        ]
    )


def scale(images) -> tf.Tensor:
    """Pixels 0..255, ``(..., 3)``, to ``float32`` around 0: minus the mean, over the spread."""
    return (tf.cast(images, tf.float32) / 255.0 - MEAN) / STD


def unscale(images) -> np.ndarray:
    """Back from ``scale`` to ``uint8`` pixels 0..255, for showing."""
    pixels = (np.asarray(images, np.float32) * STD + MEAN) * 255
    return pixels.round().clip(0, 255).astype(np.uint8)
