"""Tell whether a learner's residual block is right, however it is written.

The block is built, known weights are put into it, and what comes out is compared with the course's
own block and with ``wrong_blocks``. So paths, slices and grouped convolutions are all welcome.
"""

import functools
import math
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np

from resnext_course.exercises.wrong_blocks import FAULTS
from resnext_helpers import models

_SIZE = 6  # pixels; even, for only then "same" pads on another side at stride 2


@dataclass(frozen=True)
class Case:
    """The numbers of a block to try; ``width`` is that of all groups together."""

    channels_in: int
    channels: int
    width: int
    groups: int
    strides: int = 1

    def __str__(self):
        return f"{self.channels_in} → {self.channels} channels, strides={self.strides}"

    @property
    def projects(self):
        return self.strides != 1 or self.channels_in != self.channels

    @property
    def output_shape(self):
        return (_SIZE // self.strides, _SIZE // self.strides, self.channels)


def what_is_wrong(block, case):
    """A sentence about the first mistake that is found, or None.

    Args:
        block: the answer, a function of ``(x, channels, width, groups, strides)``.
        case: the numbers to try it with. Channels in and out are more than the width, and not the
            same multiple of it; otherwise kernels can't be told apart by their shapes.
    """
    with _float32():
        inputs = keras.Input((_SIZE, _SIZE, case.channels_in))
        try:
            outputs = _call(block, inputs, case)
            if outputs is None:
                return "The function returns nothing: return what comes out of the last layer."
            model = keras.Model(inputs, outputs)
        except Exception as error:
            return _not_built(error, case)
        shape = model.output_shape[1:]
        if shape != case.output_shape:
            return f"The block must give back {case.output_shape}, and yours gives {shape}."
        return _wrong_weights(model, case) or _wrong_numbers(model, case)


@contextmanager
def _float32():
    """Compare in the same precision, whatever the notebook has set."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def _call(block, x, case):
    return block(x, case.channels, case.width, case.groups, case.strides)


def _not_built(error, case):
    hint = " The shape changes here, and x must change too." if case.projects else ""
    return f"The block can't be built.{hint} {first_line(error)}"


def first_line(error):
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _kernels(case):
    """The weights of each step, and the axis along which paths share them out."""
    d = case.width // case.groups
    shapes = {
        "reduce": ((1, 1, case.channels_in, case.width), -1),
        "transform": ((3, 3, d, case.width), -1),
        "expand": ((1, 1, case.width, case.channels), -2),
    }
    if case.projects:
        shapes["project"] = ((1, 1, case.channels_in, case.channels), -1)
    rng = np.random.default_rng(4)
    # The variance that keeps numbers near 1: no batch norm's epsilon matters then.
    return {
        step: (rng.normal(0, math.prod(shape[:3]) ** -0.5, shape), axis)
        for step, (shape, axis) in shapes.items()
    }


def _kernel_variables(model, case):
    """The model's kernels by step; those of no step are under None."""
    found = {}
    for variable in model.trainable_weights:
        if len(variable.shape) > 1:
            found.setdefault(_step(variable.shape, case), []).append(variable)
    return found


def _step(shape, case):
    area, (inside, outside) = math.prod(shape[:-2]), shape[-2:]
    if area == 9:
        return "transform"
    if area != 1:
        return None
    if (inside, outside) == (case.channels_in, case.channels):
        return "project"
    if inside == case.channels_in and case.width % outside == 0:
        return "reduce"
    if outside == case.channels and case.width % inside == 0:
        return "expand"
    return None


def _wrong_weights(model, case):
    if any(variable.name == "bias" for variable in model.trainable_weights):
        return "A convolution has a bias. The batch norm after it removes it again: leave it out."
    found = _kernel_variables(model, case)
    wrong = _wrong_transform(found.get("transform", []), case)
    if wrong:
        return wrong
    way = f"{case.channels_in}, {case.width}, {case.width}, {case.channels}"
    if None in found:
        shape = tuple(found[None][0].shape)
        return f"There is a kernel of the shape {shape}. The channels go {way}."
    if "project" in found and not case.projects:
        return "The shape stays, so add x as it is: a projection costs weights for nothing."
    if "project" not in found and case.projects:
        return FAULTS["no projection"].message
    for step, (kernel, axis) in _kernels(case).items():
        if sum(variable.shape[axis] for variable in found.get(step, ())) != kernel.shape[axis]:
            return f"The 1×1 convolutions don't fit a ResNeXt block: the channels go {way}."
    return None


def _wrong_transform(kernels, case):
    if not kernels:
        return "The block has no 3×3 convolution."
    d = case.width // case.groups
    seen = next((kernel.shape[-2] for kernel in kernels if kernel.shape[-2] != d), d)
    if seen != d:
        swapped = f" {FAULTS['groups swapped'].message}" if seen == case.groups else ""
        return (
            f"A filter of your 3×3 sees {seen} channels. With {case.width} channels in "
            f"{case.groups} groups it sees {case.width} / {case.groups} = {d}.{swapped}"
        )
    filters = sum(kernel.shape[-1] for kernel in kernels)
    if filters != case.width:
        return f"Your 3×3 has {filters} filters; the middle of the block is {case.width} wide."
    return None


def _wrong_numbers(model, case):
    try:
        given = _outcome(model, case)
    except Exception as error:
        return f"The block is built, but it fails when it gets numbers. {first_line(error)}"
    if _equal(given, _known_outcome(_helper, case)):
        return None
    for fault in FAULTS.values():
        wrong = _known_outcome(fault.block, case)
        if wrong is not None and _equal(given, wrong):
            return fault.message
    return (
        "With the same weights your block gives other numbers than a ResNeXt block. Check the "
        "order: convolution, batch norm, ReLU, and after the last batch norm the addition."
    )


def _helper(x, channels, width, groups, strides):
    numbers = {"channels": channels, "width": width, "groups": groups, "strides": strides}
    return models.block(x, **numbers, name="block")


@functools.cache
def _known_outcome(block, case):
    """The outcome of one of our own blocks, or None where its weights are others."""
    x = keras.Input((_SIZE, _SIZE, case.channels_in))
    model = keras.Model(x, _call(block, x, case))
    return None if _wrong_weights(model, case) else _outcome(model, case)


def _outcome(model, case):
    """What the block makes of random feature maps in training, with the weights of ``_kernels``.

    In training, for there the place of a batch norm shows; a fresh one does nothing in inference.
    """
    fresh = {"gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1}
    for variable in model.weights:
        if variable.name in fresh:
            variable.assign(np.full(variable.shape, fresh[variable.name]))
    found = _kernel_variables(model, case)
    for step, (kernel, axis) in _kernels(case).items():
        sizes = [variable.shape[axis] for variable in found[step]]
        pieces = np.split(kernel, np.cumsum(sizes)[:-1], axis)
        for variable, piece in zip(found[step], pieces, strict=True):
            variable.assign(piece.reshape(variable.shape))
    images = np.random.default_rng(5).normal(size=(4, _SIZE, _SIZE, case.channels_in))
    return np.asarray(model(images.astype("float32"), training=True))


def _equal(one, other):
    # So loose, because another epsilon in the batch norms is no mistake.
    return np.allclose(one, other, rtol=0.02, atol=0.02)
