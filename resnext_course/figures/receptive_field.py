"""How far one number of a feature map sees: its receptive field, by formula and by gradient.

The formula walks a real model: a window of k×k numbers widens what is seen by k - 1 steps, and a
stride of s makes every later step s times as long (Araujo, Norris and Sim, *Computing Receptive
Fields of Convolutional Neural Networks*, 2019).
"""

import math
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf
from matplotlib.ticker import MultipleLocator

from resnext_helpers import plots
from resnext_helpers.layers import GroupedConv2D

_EACH_NUMBER_ALONE = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.BatchNormalization,
    keras.layers.ReLU,
)
_WINDOWS = (
    keras.layers.AveragePooling2D,
    keras.layers.Conv2D,
    keras.layers.MaxPooling2D,
    GroupedConv2D,
)
_BORDERS = ["-", "--", "-.", ":", "s-"]  # the second cue beside the colour; s: at the corners


@dataclass(frozen=True)
class Field:
    """What the numbers of a feature map see of the picture, in pixels; height and width alike.

    Attributes:
        size: side of the square that one number sees.
        step: from one number's square to its neighbour's.
        start: where the first number's square begins; below 0 it begins in the padding.
    """

    size: int = 1
    step: int = 1
    start: int = 0

    def square(self, index):
        """First pixel that the number at ``index`` sees, and the first one that it doesn't."""
        first = self.start + index * self.step
        return first, first + self.size


def walk(model):
    """The ``Field`` of each layer that gives a feature map, by the layer's name.

    Args:
        model: a functional ``keras.Model`` with one picture as input and square kernels.

    Raises:
        ValueError: what a layer sees isn't known here, or hangs on the picture's size.
    """
    fields = {id(model.inputs[0]): Field()}
    by_name = {}
    for layer in model.layers:
        is_map = len(layer.output.shape) == 4
        if is_map and not isinstance(layer, keras.layers.InputLayer):
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            seen = _together([fields[id(tensor)] for tensor in inputs])
            by_name[layer.name] = fields[id(layer.output)] = _behind(layer, seen)
    return by_name


def _together(fields):
    """Where two paths meet, a number sees what either path sees."""
    start = min(field.start for field in fields)
    end = max(field.start + field.size for field in fields)
    return Field(end - start, fields[0].step, start)


def _behind(layer, field):
    if isinstance(layer, _EACH_NUMBER_ALONE):
        return field
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return replace(field, start=field.start - layer.padding[0][0] * field.step)
    if not isinstance(layer, _WINDOWS):
        raise ValueError(
            f"Layer {layer.name!r} is a {type(layer).__name__}, and how far it sees isn't known "
            f"here: end the model before it."
        )
    kernel = _side(layer, "pool_size" if hasattr(layer, "pool_size") else "kernel_size")
    reach = (kernel - 1) * _side(layer, "dilation_rate")
    stride = _side(layer, "strides")
    padding = 0
    if layer.padding == "same" and reach:
        if stride != 1:
            raise ValueError(
                f'Layer {layer.name!r} pads with "same" at stride {stride}, so where it begins '
                f"hangs on the picture's size: pad with ZeroPadding2D instead."
            )
        padding = reach // 2
    return Field(
        size=field.size + reach * field.step,
        step=field.step * stride,
        start=field.start - padding * field.step,
    )


def _side(layer, name):
    """One number for height and width; 1 where a layer has no such setting."""
    value = getattr(layer, name, 1)
    sides = {value} if isinstance(value, int) else set(value)
    if len(sides) > 1:
        raise ValueError(f"Layer {layer.name!r} isn't square: its {name} is {value}.")
    return sides.pop()


def opened(model):
    """A copy of a model in which nothing hides a pixel, with the same windows and strides.

    With random kernels some numbers are negative, and a ReLU lets nothing of them through; a max
    pooling passes on one number of its window. Then a gradient of zero wouldn't prove that a pixel
    isn't seen. So here each kernel is a plain mean, each pooling too, and no batch norm multiplies
    by zero.
    """
    copy = keras.models.clone_model(model, clone_function=_without_maximum)
    for layer in copy.layers:
        for weight in layer.trainable_weights:
            seen = math.prod(weight.shape[:-1])  # numbers that a filter sees; 1 in a batch norm
            start = 0 if weight.name in ("bias", "beta") else 1 / seen
            weight.assign(np.full(weight.shape, start, "float32"))
    return copy


def _without_maximum(layer):
    kind = type(layer)
    if isinstance(layer, keras.layers.MaxPooling2D):
        kind = keras.layers.AveragePooling2D
    return kind.from_config(layer.get_config())


def influence(model, layer_name, index):
    """How much each pixel of a white picture changes one number of a feature map: the gradient.

    Args:
        model: a ``keras.Model`` whose input height and width are fixed, as from ``opened``.
        layer_name: the layer that gives the feature map; all its channels are added up.
        index: row and column of the number in the map.

    Returns:
        ``float32`` array ``(height, width)``.
    """
    white = tf.ones((1, *model.input_shape[1:]))
    part = keras.Model(model.inputs, model.get_layer(layer_name).output)
    with tf.GradientTape() as tape:
        tape.watch(white)
        number = tf.reduce_sum(part(white, training=False)[0, index, index])
    return np.abs(tape.gradient(number, white)[0]).sum(axis=-1)


def extent(influence_map):
    """First column with any influence, and the first one behind the last (as ``Field.square``)."""
    columns = np.flatnonzero(influence_map.any(axis=0))
    return int(columns[0]), int(columns[-1]) + 1


def over_photo(photo, squares):
    """A photograph with the squares that one number of each part sees.

    Args:
        photo: uint8 ``(side, side, 3)``.
        squares: by the part's name, from the smallest to the largest, first and last pixel as
            ``Field.square`` gives them.

    Returns:
        A ``Picture`` whose ``data`` is the side of each square, in pixels.
    """
    side = len(photo)
    low = min(0, *(first for first, _ in squares.values())) - 8
    high = max(side, *(end for _, end in squares.values())) + 8
    figure, axis = plots.plt.subplots(figsize=(10, 5))
    axis.set_facecolor("#EEEEEE")
    axis.imshow(photo, extent=(0, side, side, 0))
    for i, (name, (first, end)) in enumerate(squares.items()):
        border = [first, end, end, first, first], [first, first, end, end, first]
        # A white line below keeps each border visible on light and dark parts of a photo.
        axis.plot(*border, color="white", lw=6)
        label = f"{name}: {end - first} × {end - first} pixels"
        axis.plot(*border, _BORDERS[i % 5], color=plots.CYCLE[i % 6], lw=3, label=label)
    if low < -20:
        axis.text(side / 2, 0.65 * low, "padding: zeros", ha="center", va="center", fontsize=12)
    axis.set(xlim=(low, high), ylim=(high, low), xlabel="pixel", ylabel="pixel")
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_locator(MultipleLocator(100))
    axis.grid(False)
    axis.legend(loc="center left", bbox_to_anchor=(1.03, 0.5), title="one number sees")
    sizes = {name: end - first for name, (first, end) in squares.items()}
    return plots.Picture(figure, _in_words(sizes, squares, side), **sizes)


def _in_words(sizes, squares, side):
    beyond = [name for name, (first, end) in squares.items() if first < 0 or end > side]
    text = ", ".join(f"{name} {size}" for name, size in sizes.items())
    return (
        f"A photograph of {side} × {side} pixels with nested squares: what one number of each part "
        f"sees. Sides in pixels: {text}. Beyond the photograph: {', '.join(beyond) or 'none'}."
    )
