"""Grad-CAM as a picture: where a class is seen, drawn over the photograph."""

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from PIL import Image

from resnext_course.figures import own_photo
from resnext_helpers import data, plots

MOST_LIKELY = "the most likely"  # instead of a class: whichever the network names


def picture(model, class_names, pixels, *, explained, layer, strength):
    """The photograph, the heat map over it, and the probabilities.

    ``explained`` is the class whose heat map is drawn, or ``MOST_LIKELY``; ``pixels`` are ``uint8``
    and of the network's size. For the others see ``heat_map`` and ``draw_over``.
    """
    image = data.scale(pixels)
    probabilities = own_photo.predict_image(model, image)
    if explained == MOST_LIKELY:
        explained = class_names[probabilities.argmax()]
    heat = heat_map(model, image, class_names.index(explained), layer)
    hottest = where_hottest(heat)
    figure, (photo, over, bars) = plt.subplots(1, 3, figsize=(11, 4), width_ratios=[1, 1, 0.9])
    photo.imshow(pixels)
    photo.set_title("what the network sees", fontsize=13)
    draw_over(over, pixels, heat, strength)
    if heat.max() > 0:
        color_scale(figure, [photo, over])
    over.set_title(f"where it sees\n{plots.fit(explained, 2.1)}", fontsize=13)
    for axis in (photo, over):
        axis.axis("off")
    shares = own_photo.draw_probabilities(bars, class_names, probabilities, explained)
    return plots.Picture(
        figure,
        f"A photo as the network sees it; the Grad-CAM of {explained} over it, hottest: {hottest}; "
        f"the probabilities: {', '.join(map(' '.join, shares.items()))}.",
        explained=explained,
        heat_map=f"{heat.shape[0]} × {heat.shape[1]} cells",
        hottest=hottest,
        **{f"probability of {name}": share for name, share in shares.items()},
    )


def heat_map(model, image, class_index, layer=None):
    """How much each cell of a map raises a class's logit: Grad-CAM (Selvaraju et al., 2017).

    The map is what the layer of this name makes of one scaled picture, ``(height, width, 3)``.
    Without a name it is ``last_feature_map``'s, and a ValueError says that it is no feature map.
    Returns ``float32 (rows, columns)``, none below 0; all are 0 where nothing raises the logit.
    """
    features = model.get_layer(layer or last_feature_map(model)).output
    if len(features.shape) != 4:
        raise ValueError(f"{layer!r} has no rows and columns: choose a layer before the pooling.")
    # From one input, not from a list of one: Keras would warn of the difference at each call.
    to_both = keras.Model(model.inputs[0], [features, model.outputs[0]])
    pictures = tf.convert_to_tensor(image)[None]
    with tf.GradientTape() as tape:
        tape.watch(pictures)  # or nothing is recorded where no layer is trainable
        features, logits = to_both(pictures, training=False)
        score = logits[:, class_index]
    gradients = tf.cast(tape.gradient(score, features), tf.float32)
    weights = tf.reduce_mean(gradients, (1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * tf.cast(features, tf.float32), -1))[0].numpy()


def last_feature_map(model):
    """Name of the last layer whose output has rows, columns and channels; a ValueError says that
    there is none. The picture itself is no feature map."""
    for layer in reversed(model.layers):
        if len(layer.output.shape) == 4 and not isinstance(layer, keras.layers.InputLayer):
            return layer.name
    raise ValueError(
        f"{model.name} has no feature map: none of its layers keeps rows and columns. If a whole "
        f"network is one of its layers, ask that network."
    )


def stages(model):
    """The last layer of each stage of a ResNeXt or ResNet, as ``{"layer1": name of the layer}``."""
    ends = [layer.name for layer in model.layers if layer.name.endswith("_out")]
    return {name.partition("_")[0]: name for name in ends}


def draw_over(axis, pixels, heat, strength=0.6):
    """Draw a picture, and over it what ``heat_map`` gave; ``strength``, 0 to 1, is how opaque.

    Bright is hot, dark is cold; a line parts what is at least half as hot as the hottest cell from
    the rest.
    """
    axis.imshow(pixels)
    if heat.max() == 0:
        return
    share = Image.fromarray((heat / heat.max()).astype(np.float32))
    smooth = np.asarray(share.resize(pixels.shape[1::-1], Image.Resampling.BILINEAR))
    axis.imshow(smooth, cmap="inferno", vmin=0, vmax=1, alpha=strength)
    if strength > 0:
        axis.contour(smooth, levels=[0.5], colors="white", linewidths=2.5)


def color_scale(figure, axes):
    """Say beside heat maps, drawn on ``axes``, which colours are hot and where the line lies."""
    scale = ScalarMappable(Normalize(0, 100), "inferno")
    label = "% of the hottest cell"
    bar = figure.colorbar(scale, ax=axes, label=label, ticks=[0, 50, 100], shrink=0.8)
    bar.ax.axhline(50, color="white", linewidth=2.5)


def where_hottest(heat):
    """In words, in which of nine parts of the picture the hottest cell lies."""
    if heat.max() == 0:
        return "nowhere"
    cell = np.array(np.unravel_index(heat.argmax(), heat.shape))
    down, across = ((cell + 0.5) / heat.shape * 3).astype(int)
    return f"{('top', 'middle', 'bottom')[down]} {('left', 'centre', 'right')[across]}"
