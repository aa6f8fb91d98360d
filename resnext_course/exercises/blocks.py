"""The exercises of notebook 04.

A learner's block is built, known weights are put into it, and what comes out is compared with a
right block and with ``wrong_blocks``. So paths, slices and grouped convolutions are all welcome.
"""

import functools
import math
from contextlib import contextmanager
from inspect import getsource
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from .checking import AnswerError, Exercise, call, diagnoses, number, one_number, refuse_if
from .wrong_blocks import FAULTS, MYSTERIES


def weights(cardinality, d):
    """Of one block's convolutions (Section 4, equation 4)."""
    return cardinality * (256 * d + 9 * d * d + d * 256)


RESNET_WEIGHTS = weights(1, 64)


def check_resnet(answer):
    refuse_if(
        not isinstance(answer, dict) or set(answer) != {"groups", "width"},
        'The answer is a dictionary with two numbers: {"groups": ..., "width": ...}.',
    )
    groups, width = (number(answer[name], name) for name in ("groups", "width"))
    refuse_if(
        not all(isinstance(one, int) and 1 <= one <= 256 for one in (groups, width)),
        "Both numbers are whole, at least 1, and at most 256.",
    )
    refuse_if(width % groups, f"{width} channels can't be divided into {groups} equal groups.")
    if (groups, width) != (1, 64):
        case = (
            f"Your block has {weights(groups, width // groups):,} weights, the ResNet block has "
            f"{RESNET_WEIGHTS:,}"
        )
        refuse_if(groups == 1, f"{case}: the groups are right, the width isn't.")
        raise AnswerError(
            f"{case}, and in its 3×3 each filter sees all the channels, not one group of {groups}."
        )


def width_for(cardinality):
    def weights(d):
        return cardinality * (256 * d + 9 * d**2 + 256 * d)

    return min(range(1, 65), key=lambda d: abs(weights(d) - 69_632))


def check_width(answer):
    for cardinality in (1, 2, 4, 8, 32, 16, 64):  # those of Table 2 first
        said = f"width_for({cardinality})"
        d, wanted = number(call(answer, cardinality, said=said), said), width_for(cardinality)
        if d == wanted:
            continue
        refuse_if(not isinstance(d, int), f"{said} is {d}, but channels are whole.")
        refuse_if(
            d == cardinality * wanted,
            f"{said} is {d}: that is the width C·d of all groups together. Return d, that of one.",
        )
        refuse_if(
            d == 64 // cardinality,
            f"{said} is {d}. That keeps C·d at 64, and the weights become fewer and fewer "
            f"({weights(cardinality, d):,} here). Keep the weights.",
        )
        refuse_if(
            abs(d - wanted) == 1,
            f"{said} is {d}, and its neighbour comes nearer to {RESNET_WEIGHTS:,} weights. Compare "
            f"the weights of both neighbours; don't always round down or up.",
        )
        raise AnswerError(
            f"{said} is {d}. A block with that d is far from {RESNET_WEIGHTS:,} weights."
        )


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
    Case(channels_in=20, channels=20, width=8, groups=4),
    Case(channels_in=12, channels=20, width=8, groups=4),
    Case(channels_in=20, channels=20, width=8, groups=4, strides=2),
    Case(channels_in=12, channels=32, width=10, groups=5, strides=2),
)
SIZE = 6  # pixels; even, for only then "same" pads on another side at stride 2


def check_repair(answer):
    refuse_if(not callable(answer), "The answer is the function itself: its name, no brackets.")
    with float32():
        check_block(lambda x, *numbers: answer(x), TEMPLATE)


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
        try:
            with float32():
                check_block(answer, case)
        except AnswerError as wrong:
            raise AnswerError(
                f"Tried with {case.channels_in} → {case.channels} channels, strides={case.strides}, "
                f"width={case.width}, groups={case.groups}: {wrong}"
            ) from wrong


@contextmanager
def float32():
    """Compare in the same precision, whatever the notebook has set."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def check_block(answer, case):
    hint = ". The shape changes here, and x must change too:" if case.projects else ""
    model = call(build, answer, case, said=f"The block can't be built{hint}")
    refuse_if(model is None, "The function returns nothing: return what comes out at the end.")
    wanted = (SIZE // case.strides, SIZE // case.strides, case.channels)
    shape = model.output_shape[1:]
    refuse_if(shape != wanted, f"The block must give back {wanted}, and yours gives {shape}.")
    check_weights(model, case)
    given = call(outcome, model, case, said="The block is built, but with numbers it")
    if is_same(given, outcome_of(my_block, case)):
        return
    for fault in FAULTS.values():
        refuse_if(is_same(given, outcome_of(fault.block, case)), fault.message)
    raise AnswerError(
        "With the same weights your block gives other numbers than a ResNeXt block. Check the "
        "order: convolution, batch norm, ReLU, and after the last batch norm the addition."
    )


def build(block, case):
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
    refuse_if(
        any(variable.name == "bias" for variable in model.trainable_weights),
        "A convolution has a bias. The batch norm after it removes it again: leave it out.",
    )
    found, d = kernels_by_step(model, case), case.width // case.groups
    transform = found.get("transform", [])
    refuse_if(not transform, "The block has no 3×3 convolution.")
    for seen in {kernel.shape[-2] for kernel in transform} - {d}:
        swapped = f" {FAULTS['groups swapped'].message}" if seen == case.groups else ""
        raise AnswerError(
            f"A filter of your 3×3 sees {seen} channels. With {case.width} channels in "
            f"{case.groups} groups it sees {case.width} / {case.groups} = {d}.{swapped}"
        )
    filters = sum(kernel.shape[-1] for kernel in transform)
    refuse_if(
        filters != case.width,
        f"Your 3×3 has {filters} filters; the middle of the block is {case.width} wide.",
    )
    way = f"the channels go {case.channels_in}, {case.width}, {case.width}, {case.channels}."
    if None in found:
        raise AnswerError(f"There is a kernel of the shape {tuple(found[None][0].shape)}: {way}")
    refuse_if(
        "project" in found and not case.projects,
        "The shape stays, so add x as it is: a projection costs weights for nothing.",
    )
    refuse_if("project" not in found and case.projects, FAULTS["no projection"].message)
    for step, (kernel, axis) in known_kernels(case).items():
        refuse_if(
            sum(variable.shape[axis] for variable in found.get(step, ())) != kernel.shape[axis],
            f"The 1×1 convolutions don't fit a ResNeXt block: {way}",
        )


@functools.cache
def outcome_of(block, case):
    """The outcome of one of our own blocks, or None where its weights are others."""
    model = build(block, case)
    try:
        check_weights(model, case)
    except AnswerError:
        return None
    return outcome(model, case)


def outcome(model, case):
    """What the block makes of random feature maps in training, with the weights of ``kernels``.

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


EXERCISES = {
    "04-params": Exercise(
        one_number(
            weights(64, 4),
            {
                weights(32, 4): "That is the 32×4d block. This one has 64 paths.",
                weights(1, 256): "That is the block with an ordinary 3×3. In 64 groups, a filter "
                "of the 3×3 sees 4 channels, not 256.",
                weights(64, 4) + 2 * (256 + 256 + 256): "You counted the batch norms too. The "
                "question asks for the three convolutions alone.",
                weights(1, 4): "That is one path. The block has 64 of them.",
                64 * 4 * 4 * 9: "That is the 3×3 alone. The two 1×1 convolutions belong to the "
                "block too.",
                64 * (256 * 4 + 4 * 4 + 4 * 256): "A 3×3 kernel has 9 numbers for each channel "
                "that it sees; you counted 1.",
            },
            otherwise="Count one path first: 1×1 from 256 to 4, 3×3 from 4 to 4, 1×1 from 4 to "
            "256.",
        ),
        praise="Twice the paths of 32×4d, each as wide as before: twice the weights.",
        hints=(
            "Count the weights of one path, then multiply.",
            "One path: 1×1 from 256 to 4 channels, 3×3 from 4 to 4, 1×1 from 4 to 256.",
            "64 × (256·4 + 9·4·4 + 4·256)",
        ),
        solution="""\
It is exactly twice 70,144: the paths don't share weights, so their number multiplies the cost.
answer = 64 * (256 * 4 + 9 * 4 * 4 + 4 * 256)  # 140,288""",
    ),
    "04-resnet": Exercise(
        check_resnet,
        praise="A ResNet block is a ResNeXt block with one path that is 64 channels wide (1×64d).",
        hints=(
            "How many paths does a ResNet block have?",
            "The width is the number of channels between the two 1×1 convolutions.",
        ),
        solution="""\
Cardinality 1: all channels are one group. The paper writes it 1×64d (Table 2).
answer = {"groups": 1, "width": 64}""",
    ),
    "04-width": Exercise(
        check_width,
        praise="It gives the paper's Table 2, and widths for C = 16 and C = 64 too.",
        hints=(
            "Weights of a block: C · (256·d + 9·d² + 256·d). Which d comes nearest to 69,632?",
            "You need no algebra: try every d from 1 to 64 and keep the best.",
            "min(range(1, 65), key=lambda d: abs(... - 69_632))",
        ),
        solution="It tries every width and keeps the one whose block is nearest to the ResNet "
        f"block.\n{getsource(width_for)}",
    ),
    "04-repair": Exercise(
        check_repair,
        praise="With the same weights your block gives the same numbers as the course's own.",
        hints=(
            "There are two mistakes: one in an argument, one in the last two lines.",
            "Print the weights of each convolution. Which one differs from the drawing?",
            "`groups` is the number of groups, not the channels in one. And the ReLU comes last.",
        ),
        solution="""\
`groups=128 // 32` made 4 groups of 32 channels, 8 times the weights in the 3×3. And ReLU before
the addition means that a branch can add, but never take away.
def repaired(x):
    y = relu(norm(conv(x, 128, 1, "reduce"), "reduce"))
    y = relu(norm(conv(y, 128, 3, "transform", groups=32), "transform"))
    y = norm(conv(y, 256, 1, "expand"), "expand")
    return relu(layers.Add()([y, x]))""",
    ),
    "04-build": Exercise(
        check_build,
        praise="It gives the numbers of the course's own block, in four shapes and in training.",
        hints=(
            "Begin with the easy case, where the shape stays: 1×1, grouped 3×3, 1×1, each with a "
            "batch norm; add x; ReLU.",
            "When does x not fit what it is added to? If strides isn't 1, or x.shape[-1] isn't "
            "`channels`. Then x goes through a 1×1 convolution with these strides, and a batch "
            "norm.",
            "The 3×3: layers.ZeroPadding2D(1), then layers.Conv2D(width, 3, groups=groups, "
            'strides=strides, use_bias=False). Not padding="same": see section 8.',
        ),
        solution="The 3×3 alone is grouped, and it alone moves in steps; the shortcut takes the "
        f"same steps to fit.\n{getsource(my_block)}",
    ),
    "04-diagnose": Exercise(
        diagnoses(
            MYSTERIES,
            clue=lambda letter, name: (
                f"A block with {name!r} {FAULTS[name].sign}. In which column "
                f"does {letter} differ from the right block?"
            ),
        ),
        praise="Each fault left its own trace, and all six blocks ran without an error message.",
        hints=(
            "Compare each row with the row of the right block. In which column does it differ?",
            "Only a ReLU at the very end keeps all numbers from being negative. Without a "
            "projection, weights are missing where the shape changes.",
            "Groups that are too few make the 3×3 dearer. A batch norm in each path needs many "
            "numbers. What no group reads gets no gradient.",
        ),
        solution="".join(
            f"{letter}: this block {FAULTS[fault].sign}.\n" for letter, fault in MYSTERIES.items()
        )
        + f"answer = {MYSTERIES}",
    ),
}
