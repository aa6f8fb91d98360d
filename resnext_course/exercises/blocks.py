"""The exercises of notebook 04.

A learner's block is built, known weights are put into it, and what comes out is compared with a
right block and with ``wrong_blocks``. So paths, slices and grouped convolutions are all welcome.
"""

import functools
import math
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from .checking import call, diagnoses, first_reason, in_case, number
from .wrong_blocks import FAULTS, MYSTERIES


def check_resnet(answer):
    if isinstance(answer, dict):
        answer = {str(key).lower(): value for key, value in answer.items()}
    are_there = isinstance(answer, dict) and set(answer) == {"groups", "width"}
    example = '{"groups": ..., "width": ...}'
    yield {f"The answer is a dictionary with two numbers: {example}.": not are_there}
    groups, width = (number(answer[name], name) for name in ("groups", "width"))
    yield {"A block has at least one group.": groups < 1}
    yield {f"{width} channels can't be divided into {groups} equal groups.": width % groups}
    count = f"Your block has {weights(groups, width // groups):,} weights, the ResNet block 69,632"
    is_resnext = (groups, width) == (32, 128)
    yield {
        "That is the ResNeXt block, 32×4d: 32 paths, each 4 channels wide. The ResNet block is "
        "1×64d.": is_resnext,
        f"{count}: the groups are right, the width isn't.": groups == 1 and width != 64,
        f"In the 3×3 of your block a filter sees the {width // groups} channels of its own group. "
        f"In the ResNet block it sees all channels: how many groups is that?": groups != 1,
    }


def weights(cardinality, d):
    """Of one block's convolutions (Section 4, equation 4)."""
    return cardinality * (256 * d + 9 * d**2 + 256 * d)


def width_for(cardinality):
    def difference(d):
        return abs(cardinality * (256 * d + 9 * d**2 + 256 * d) - 69_632)

    return min(range(1, 65), key=difference)


def check_width(answer):
    for cardinality in (1, 2, 4, 8, 32, 16, 64):  # those of Table 2 first
        said, wanted = f"width_for({cardinality})", width_for(cardinality)
        d = number(call(answer, cardinality, said=said), said)
        if d == wanted:
            continue
        yield {
            f"{said} is {d}, but channels are whole.": not isinstance(d, int),
            f"{said} is {d}: that is the width C·d of all groups together. Return d, that of "
            f"one.": d == cardinality * wanted,
            f"{said} is {d}. That keeps C·d at 64, and the weights become fewer and fewer "
            f"({weights(cardinality, d):,} here). Keep the weights.": d == 64 // cardinality,
            f"{said} is {d}, and its neighbour comes nearer to 69,632 weights. Compare the weights "
            f"of both neighbours; don't always round down or up.": abs(d - wanted) == 1,
            f"{said} is {d}. A block with that d is far from 69,632 weights.": True,
        }


class Case(NamedTuple):
    """The numbers of a block to try; ``width`` is that of all groups together.

    Channels in and out are more than the width, and not the same multiple of it; otherwise kernels
    can't be told apart by their shapes.
    """

    channels_in: int
    channels: int
    width: int
    groups: int
    strides: int = 1

    @property
    def projects(self):
        return self.strides != 1 or self.channels_in != self.channels


TEMPLATE = Case(channels_in=256, channels=256, width=128, groups=32)
CASES = (
    Case(channels_in=20, channels=20, width=8, groups=2),
    Case(channels_in=12, channels=32, width=6, groups=3),
    Case(channels_in=20, channels=20, width=8, groups=2, strides=2),
)
SIZE = 6  # pixels; even, for only then "same" pads on another side at stride 2


def check_repair(answer):
    yield from check_block(lambda x, *numbers: call(answer, x), TEMPLATE)


def my_block(x, channels, width, groups, strides=1):
    def conv_norm(x, filters, size, **options):
        x = layers.Conv2D(filters, size, use_bias=False, **options)(x)
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    y = layers.ReLU()(conv_norm(x, width, 1))
    y = layers.ZeroPadding2D(1)(y)
    y = layers.ReLU()(conv_norm(y, width, 3, groups=groups, strides=strides))
    y = conv_norm(y, channels, 1)
    if strides != 1 or x.shape[-1] != channels:
        x = conv_norm(x, channels, 1, strides=strides)
    return layers.ReLU()(layers.Add()([y, x]))


def check_build(answer):
    for case in CASES:
        tried = (
            f"Tried with {case.channels_in} → {case.channels} channels, strides={case.strides}, "
            f"width={case.width}, groups={case.groups}: "
        )
        yield in_case(tried, check_block(answer, case))


def check_block(answer, case):
    hint = " The shape changes here, and x must change too." if case.projects else ""
    said = f"The block can't be built.{hint} It"
    model = call(build, lambda *given: call(answer, *given, said=said), case, said=said)
    yield {"The function returns nothing: return what comes out at the end.": model is None}
    shape, side = model.output_shape[1:], SIZE // case.strides
    wanted = (side, side, case.channels)
    yield {f"The block must give back {wanted}, and yours gives {shape}.": shape != wanted}
    yield from check_weights(model, case)
    given = outcome(model, case)
    if is_same(given, outcome_of(my_block, case)):
        return
    for fault in FAULTS.values():
        yield {fault.message: is_same(given, outcome_of(fault.block, case))}
    yield {
        "With the same weights your block gives other numbers than a ResNeXt block. Check the "
        "order: convolution, batch norm, ReLU, and after the last batch norm the addition.": True
    }


def build(block, case):
    """A model of one block."""
    x = keras.Input((SIZE, SIZE, case.channels_in))
    outputs = block(x, case.channels, case.width, case.groups, case.strides)
    return None if outputs is None else keras.Model(x, outputs)


def known_kernels(case):
    """The weights of each step, and the axis along which paths share them out."""
    shapes = {
        "reduce": ((1, 1, case.channels_in, case.width), -1),
        "transform": ((3, 3, case.width // case.groups, case.width), -1),
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


def kernels_by_step(model, case):
    """The model's kernels; those of no step are under None."""
    found = {}
    for variable in model.trainable_weights:
        if len(variable.shape) > 1:
            found.setdefault(step_of(variable.shape, case), []).append(variable)
    return found


def step_of(shape, case):
    area, (inside, outside) = math.prod(shape[:-2]), shape[-2:]
    if area == 9:
        return "transform"
    if area == 1 and (inside, outside) == (case.channels_in, case.channels):
        return "project"
    if area == 1 and inside == case.channels_in and case.width % outside == 0:
        return "reduce"
    if area == 1 and outside == case.channels and case.width % inside == 0:
        return "expand"
    return None


def check_weights(model, case):
    found, d = kernels_by_step(model, case), case.width // case.groups
    transform = found.get("transform", [])
    filters = sum(kernel.shape[-1] for kernel in transform)
    is_other = filters != case.width
    seen = next((one.shape[-2] for one in transform if one.shape[-2] != d), d)
    swapped = f" {FAULTS['groups swapped'].message}" if seen == case.groups else ""
    way = f"the channels go {case.channels_in}, {case.width}, {case.width}, {case.channels}."
    strange = [tuple(kernel.shape) for kernel in found.get(None, [])]
    has_norm = any(variable.name == "moving_mean" for variable in model.weights)
    has_bias = any(variable.name == "bias" for variable in model.trainable_weights)
    fit = all(
        sum(one.shape[axis] for one in found.get(step, ())) == kernel.shape[axis]
        for step, (kernel, axis) in known_kernels(case).items()
    )
    is_needless = "project" in found and not case.projects
    yield {
        "A convolution has a bias. The batch norm after it removes it again: leave it "
        "out.": has_bias,
        "The block has no 3×3 convolution.": not transform,
        "The block has no batch norm. Put one after each convolution.": not has_norm,
        f"A filter of your 3×3 sees {seen} channels. With {case.width} channels in {case.groups} "
        f"groups it sees {case.width} / {case.groups} = {d}.{swapped}": seen != d,
        f"Your 3×3 has {filters} filters; the middle of the block is {case.width} wide.": is_other,
        f"There is a kernel of the shape {(*strange, None)[0]}: {way}": strange,
        "The shape stays, so add x as it is: a projection costs weights for nothing.": is_needless,
        FAULTS["no projection"].message: "project" not in found and case.projects,
        f"The 1×1 convolutions don't fit a ResNeXt block: {way}": not fit,
    }


@functools.cache
def outcome_of(block, case):
    """The outcome of one of our own blocks, or None where its weights are others."""
    model = build(block, case)
    return None if first_reason(check_weights(model, case)) else outcome(model, case)


def outcome(model, case):
    """What the block makes of random feature maps in training, with ``known_kernels``.

    In training, for there the place of a batch norm shows; a fresh one does nothing in inference.
    """
    fresh = {"gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1}
    for variable in model.weights:
        if variable.name in fresh:
            variable.assign(np.full(variable.shape, fresh[variable.name]))
    found = kernels_by_step(model, case)
    for step, (kernel, axis) in known_kernels(case).items():
        ends = np.cumsum([variable.shape[axis] for variable in found[step]])
        pieces = np.split(kernel, ends[:-1], axis)
        for variable, piece in zip(found[step], pieces, strict=True):
            variable.assign(piece.reshape(variable.shape))
    images = np.random.default_rng(5).normal(size=(4, SIZE, SIZE, case.channels_in))
    return np.asarray(model(images.astype("float32"), training=True))


def is_same(one, other):
    # So loose, because another epsilon in the batch norms is no mistake.
    return other is not None and np.allclose(one, other, rtol=0.02, atol=0.02)


def clue(letter, name):
    in_which = f"In which column does {letter} differ from the right block?"
    return f"A block with {name!r} {FAULTS[name].sign}. {in_which}"


check_diagnose = diagnoses(MYSTERIES, clue)
