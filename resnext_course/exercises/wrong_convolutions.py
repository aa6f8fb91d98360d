"""Wrong grouped convolutions, as people write them, for learners to diagnose.

Each is a function of ``x`` (batch, height, width, channels), ``kernel`` (kernel height, kernel
width, channels / groups, filters), ``groups`` and ``convolve``, a standard convolution; it returns
(batch, height, width, filters), as the right one does.
"""

from ast import literal_eval
from functools import partial

import keras
from keras import ops

from resnext_course.exercises import TEXTS


def convolve(x, kernel):
    """A standard convolution with zero padding: the kernel is for all channels of ``x``."""
    has, wanted = x.shape[-1], kernel.shape[2]
    if has != wanted:  # Keras would compute a grouped convolution, if it can
        raise ValueError(f"x has {has} channels, but this kernel is for {wanted} channels")
    return ops.conv(x, kernel, padding="same")


def grouped_convolution(x, kernel, groups, convolve):
    parts = ops.split(x, groups, axis=-1)
    kernels = ops.split(kernel, groups, axis=-1)
    results = [convolve(parts[g], kernels[g]) for g in range(groups)]
    return ops.concatenate(results, axis=-1)


def last_for_all(x, kernel, groups, convolve):
    """The article's loop: ``g`` is looked up when the lambda is called, after the loop."""
    width = x.shape[-1] // groups
    cuts = [lambda x: x[..., g * width : (g + 1) * width] for g in range(groups)]  # noqa: B023
    parts = ops.concatenate([cut(x) for cut in cuts], axis=-1)
    return grouped_convolution(parts, kernel, groups, convolve)


def swapped(x, kernel, groups, convolve):
    """As many channels in a group as there should be groups, as in a well-known book."""
    return grouped_convolution(x, kernel, x.shape[-1] // groups, convolve)


def one_twice(x, kernel, groups, convolve):
    """Every slice is taken one group too late; the last group has none behind it."""
    parts = ops.split(x, groups, axis=-1)
    late = ops.concatenate([*parts[1:], parts[-1]], axis=-1)
    return grouped_convolution(late, kernel, groups, convolve)


def wrong_order(x, kernel, groups, convolve):
    """Each result is put before the others instead of behind them."""
    results = ops.split(grouped_convolution(x, kernel, groups, convolve), groups, axis=-1)
    return ops.concatenate(results[::-1], axis=-1)


def mixed(x, kernel, groups, convolve):
    """The results are stacked at a new last axis, and then flattened."""
    results = ops.split(grouped_convolution(x, kernel, groups, convolve), groups, axis=-1)
    return ops.reshape(ops.stack(results, axis=-1), (*x.shape[:3], -1))


def wrong_axis(x, kernel, groups, convolve):
    """The groups are looked for in the kernel's third axis, and they are in its last one."""
    height, width, channels, filters = kernel.shape
    cut = ops.reshape(kernel, (height, width, groups, channels, filters // groups))
    kernels = ops.concatenate([cut[:, :, g] for g in range(groups)], axis=-1)
    return grouped_convolution(x, kernels, groups, convolve)


# Which fault the suspect of each letter has.
DIAGNOSES = literal_eval(TEXTS["03-diagnose"]["solution"].removeprefix("answer = "))


def line_up():
    """The suspects of notebook 03: layers with 12 input channels, 12 filters and 3 groups.

    Returns a dict of functions of ``x`` by letter, and the kernel that all of them were given.
    """
    kernel = keras.random.normal((3, 3, 4, 12), seed=1)
    layers = (mixed, last_for_all, wrong_axis, swapped, grouped_convolution, one_twice, wrong_order)
    suspects = {}
    for letter, layer in zip(DIAGNOSES, layers, strict=True):
        # Groups and width swapped leave 3 channels a group, and so need a smaller kernel.
        own = kernel[:, :, :3] if layer is swapped else kernel
        suspects[letter] = partial(layer, kernel=own, groups=3, convolve=convolve)
    return suspects, kernel
