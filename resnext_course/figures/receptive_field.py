"""How far one number of a feature map sees: its receptive field, by formula and by gradient.

The formula walks a real model: a window of k×k numbers widens what is seen by k - 1 steps, and a
stride of s makes every later step s times as long (Araujo, Norris and Sim, *Computing Receptive
Fields of Convolutional Neural Networks*, 2019).
"""

import math
from typing import NamedTuple

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from resnext_helpers import plots

_BORDERS = ["-", "--", "-.", ":", "s-"]  # the second cue beside the colour; s: at the corners


class Field(NamedTuple):
    """What the numbers of a feature map see of the picture, in pixels; height and width alike."""

    size: int = 1  # side of the square that one number sees
    step: int = 1  # from one number's square to its neighbour's
    start: int = 0  # where the first number's square begins; below 0 it begins in the padding

    def square(self, index):
        """First pixel that the number at ``index`` sees, and the first one that it doesn't."""
        first = self.start + index * self.step
        return first, first + self.size


def walk(model):
    """The ``Field`` of each layer of a ResNeXt that gives a feature map, by the layer's name."""
    fields = {id(model.inputs[0]): Field()}
    by_name = {}
    for layer in model.layers[1:]:
        if len(layer.output.shape) == 4:
            paths = [fields[id(tensor)] for tensor in keras.tree.flatten(layer.input)]
            # Where two paths meet, a number sees what either path sees.
            start = min(path.start for path in paths)
            end = max(path.start + path.size for path in paths)
            seen = _behind(layer, Field(end - start, paths[0].step, start))
            by_name[layer.name] = fields[id(layer.output)] = seen
    return by_name


def _behind(layer, seen):
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return seen._replace(start=seen.start - layer.padding[0][0] * seen.step)
    if not isinstance(layer, keras.layers.Conv2D | keras.layers.MaxPooling2D):
        return seen  # each number alone
    window = layer.pool_size if isinstance(layer, keras.layers.MaxPooling2D) else layer.kernel_size
    reach = window[0] - 1
    padding = reach // 2 if layer.padding == "same" else 0  # so at stride 1 alone
    start = seen.start - padding * seen.step
    return Field(seen.size + reach * seen.step, seen.step * layer.strides[0], start)


def linearized(model):
    """A copy of a model in which nothing hides a pixel, with the same windows and strides.

    With random kernels some numbers are negative, and a ReLU lets nothing of them through; a max
    pooling passes on one number of its window. Then a gradient of zero wouldn't prove that a pixel
    isn't seen. So here each kernel is a plain mean, and each pooling too.
    """

    def without_maximum(layer):
        is_pooling = isinstance(layer, keras.layers.MaxPooling2D)
        kind = keras.layers.AveragePooling2D if is_pooling else type(layer)
        return kind.from_config({**layer.get_config(), "dtype": "float32"})  # 16 bits would be 0

    copy = keras.models.clone_model(model, clone_function=without_maximum)
    for layer in copy.layers:
        for weight in layer.trainable_weights:
            seen = math.prod(weight.shape[:-1])  # numbers that a filter sees; 1 in a batch norm
            start = 0 if weight.name in ("bias", "beta") else 1 / seen
            weight.assign(np.full(weight.shape, start, "float32"))
    return copy


def influence(model, layer_name, index):
    """How much each pixel of a white picture changes one number of a feature map: the gradient.

    The number is at row and column ``index``, all channels of the layer are added up. Returns a
    ``float32`` array ``(height, width)``.
    """
    white = tf.ones((1, *model.input_shape[1:]))
    part = keras.Model(model.inputs, model.get_layer(layer_name).output)
    with tf.GradientTape() as tape:
        tape.watch(white)
        number = tf.reduce_sum(part(white, training=False)[0, index, index])
    return np.abs(tape.gradient(number, white)[0]).sum(axis=-1)


def over_photo(photo, squares):
    """A photograph with the squares that one number of each part sees.

    ``squares`` are by the part's name, from the smallest to the largest, as from ``Field.square``.
    """
    side = len(photo)
    low = min(0, *(first for first, _ in squares.values())) - 8
    high = max(side, *(end for _, end in squares.values())) + 8
    figure, axis = plt.subplots(figsize=(10, 5))
    axis.set_facecolor("#EEEEEE")
    axis.imshow(photo, extent=(0, side, side, 0))
    sizes = {name: end - first for name, (first, end) in squares.items()}
    for i, (name, (first, end)) in enumerate(squares.items()):
        border = [first, end, end, first, first], [first, first, end, end, first]
        # A white line below keeps each border visible on light and dark parts of a photo.
        axis.plot(*border, color="white", lw=6)
        label = f"{name}: {sizes[name]} × {sizes[name]} pixels"
        axis.plot(*border, _BORDERS[i], color=plots.CYCLE[i], lw=3, label=label)
    axis.text(side / 2, 0.65 * low, "padding: zeros", ha="center", va="center", fontsize=12)
    ticks = range(-100, 301, 100)
    axis.set(xticks=ticks, yticks=ticks, xlabel="pixel", ylabel="pixel")
    axis.set(xlim=(low, high), ylim=(high, low))
    axis.grid(False)
    axis.legend(loc="center left", bbox_to_anchor=(1.03, 0.5), title="one number sees")
    beyond = [name for name, (first, end) in squares.items() if first < 0 or end > side]
    return plots.Picture(
        figure,
        f"A photograph of {side} × {side} pixels with nested squares: what one number of each part "
        f"sees. Sides in pixels: {', '.join(f'{name} {size}' for name, size in sizes.items())}. "
        f"Beyond the photograph: {', '.join(beyond) or 'none'}.",
    )
