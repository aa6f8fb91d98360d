"""Grad-CAM: which places of a picture speak for a class (Selvaraju et al., ICCV 2017)."""

import re

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from PIL import Image

from resnext_helpers import data, plots
from resnext_helpers.evaluation import predict_image

MOST_LIKELY = "the most likely"  # instead of a class: whichever the network names


def heat_map(model, image, class_index, layer=None):
    """How much each cell of a feature map speaks for a class: Grad-CAM, equations 1 and 2.

    Args:
        model: functional network from ``(batch, height, width, 3)`` to logits.
        image: one scaled picture, ``(height, width, 3)``.
        class_index: number of the class whose logit is explained.
        layer: name of the layer whose output is the feature map; the last one that gives a feature
            map unless given.

    Returns:
        ``float32 (rows, columns)``, one number a cell of the feature map, none below 0. All are 0
        where nothing speaks for the class.

    Raises:
        ValueError: there is no such layer or class, or the layer's output is no feature map.
    """
    layer = layer or last_feature_map(model)
    _check(model, class_index, layer)
    # From one input, not from a list of one: Keras would warn of the difference at each call.
    to_both = keras.Model(model.inputs[0], [model.get_layer(layer).output, model.outputs[0]])
    pictures = tf.convert_to_tensor(image)[None]
    with tf.GradientTape() as tape:
        tape.watch(pictures)  # or nothing is recorded where no layer is trainable
        features, logits = to_both(pictures, training=False)
        score = logits[:, class_index]
    gradients = tf.cast(tape.gradient(score, features), tf.float32)
    weights = tf.reduce_mean(gradients, (1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * tf.cast(features, tf.float32), -1))[0].numpy()


def last_feature_map(model):
    """Name of the last layer whose output has rows, columns and channels.

    Raises:
        ValueError: no layer's has.
    """
    for layer in reversed(model.layers):
        if _is_feature_map(layer):
            return layer.name
    raise ValueError(f"{model.name} has no feature map: none of its layers keeps rows and columns.")


def stages(model):
    """The last layer of each stage of a ResNeXt or ResNet, as ``{"layer1": name of the layer}``."""
    matches = (re.fullmatch(r"(layer\d+)_\d+_out", layer.name) for layer in model.layers)
    return {match[1]: match[0] for match in matches if match}


def readable_layer(model, cells=4):
    """Name of the deepest stage's last layer whose feature map has at least ``cells`` rows and
    columns; the deepest layers know most, but of small pictures they keep only 2×2 cells."""
    fine = [
        layer for layer in stages(model).values() if min(_size(model.get_layer(layer))) >= cells
    ]
    return fine[-1] if fine else last_feature_map(model)


def _size(layer):
    return layer.output.shape[1:3]


def _is_feature_map(layer):
    return len(getattr(layer.output, "shape", ())) == 4


def _check(model, class_index, layer):
    names = [one.name for one in model.layers]
    if layer not in names:
        raise ValueError(
            f"{model.name} has no layer {layer!r}; the last ones are {', '.join(names[-3:])}."
        )
    if not _is_feature_map(model.get_layer(layer)):
        raise ValueError(
            f"The output of {layer!r} has no rows and columns: choose a layer before the pooling, "
            f"such as {last_feature_map(model)!r}."
        )
    count = model.output_shape[-1]
    if class_index not in range(count):
        raise ValueError(
            f"There is no class {class_index}: the network knows {count}, numbered from 0."
        )


def explanation(model, class_names, pixels, explained=MOST_LIKELY, strength=0.6, layer=None):
    """A picture as the network sees it, its heat map over it, and the probabilities.

    Args:
        model: as in ``heat_map``.
        class_names: one name a logit.
        pixels: ``uint8 (height, width, 3)`` of the size that the network takes.
        explained: the class whose heat map is drawn, or ``MOST_LIKELY``.
        strength: how much the heat map covers the picture, 0 to 1.
        layer: as in ``heat_map``.

    Returns:
        A ``Picture``; its data are the explained class, the cells of the heat map, where it is
        hottest, and the probability of each class.

    Raises:
        ValueError: as in ``heat_map``, or there is no class of this name.
    """
    image = data.scale(pixels)
    probabilities = predict_image(model, image)
    if explained == MOST_LIKELY:
        explained = class_names[probabilities.argmax()]
    if explained not in class_names:
        raise ValueError(f"There is no class {explained!r}: use {', '.join(class_names)}.")
    heat = heat_map(model, image, class_names.index(explained), layer)
    hottest = where_hottest(heat)

    figure, axes = plt.subplots(1, 3, figsize=(11, 4), width_ratios=[1, 1, 1.25])
    axes[0].imshow(pixels)
    axes[0].set_title("what the network sees", fontsize=13)
    draw_over(axes[1], pixels, heat, strength)
    axes[1].set_title(f"what speaks for\n{explained}", fontsize=13)
    for axis in axes[:2]:
        axis.axis("off")
    _draw_probabilities(axes[2], class_names, probabilities, explained)
    shares = {name: float(share) for name, share in zip(class_names, probabilities, strict=True)}
    return plots.Picture(
        figure,
        f"A photo as the network sees it; the Grad-CAM of {explained} over it, hottest: {hottest}; "
        f"the probabilities: {', '.join(f'{name} {share:.1%}' for name, share in shares.items())}.",
        explained=explained,
        heat_map=f"{heat.shape[0]} × {heat.shape[1]} cells",
        hottest=hottest,
        **{f"probability of {name}": f"{share:.1%}" for name, share in shares.items()},
    )


def draw_over(axis, pixels, heat, strength=0.6):
    """Draw a picture and a heat map over it; a line goes around what is at least half as hot as
    the hottest.

    Args:
        axis: Matplotlib axes.
        pixels: ``uint8 (height, width, 3)``.
        heat: ``(rows, columns)``, none below 0.
        strength: how much the heat map covers the picture, 0 to 1.
    """
    axis.imshow(pixels)
    if heat.max() == 0:
        return
    share = Image.fromarray((heat / heat.max()).astype(np.float32))
    smooth = np.asarray(share.resize(pixels.shape[1::-1], Image.Resampling.BILINEAR))
    axis.imshow(smooth, cmap="inferno", vmin=0, vmax=1, alpha=strength)
    if strength > 0:
        axis.contour(smooth, levels=[0.5], colors="white", linewidths=2.5)


def where_hottest(heat):
    """In words, in which of nine parts of the picture the hottest cell lies."""
    if heat.max() == 0:
        return "nowhere"
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    down = ("top", "middle", "bottom")[int((row + 0.5) / heat.shape[0] * 3)]
    across = ("left", "centre", "right")[int((column + 0.5) / heat.shape[1] * 3)]
    return f"{down} {across}"


def _draw_probabilities(axis, class_names, probabilities, explained):
    colors = [plots.COLORS["orange" if name == explained else "sky"] for name in class_names]
    bars = axis.barh(class_names, probabilities, color=colors, edgecolor="black")
    bars[class_names.index(explained)].set_hatch("//")
    axis.bar_label(bars, [f"{share:.1%}" for share in probabilities], padding=4)
    axis.invert_yaxis()
    axis.set(xlim=(0, 1.25), xlabel="probability", xticks=[0, 0.5, 1])
