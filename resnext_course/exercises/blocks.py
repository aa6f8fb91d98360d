"""The exercises of notebook 04: numbers here, blocks in ``block_building``."""

import math
from numbers import Integral

import keras

from resnext_course.exercises import block_building
from resnext_course.exercises._block_checks import first_line
from resnext_course.exercises._exercise import Exercise, is_number
from resnext_course.figures import block_diagrams
from resnext_helpers import models
from resnext_helpers.counting import template_block_parameters, width_at_equal_price

_RESNET_WEIGHTS = template_block_parameters(1, 64)


# 04-params
_WRONG_COUNTS = {
    template_block_parameters(32, 4): "That is the 32×4d block. This one has 64 paths.",
    template_block_parameters(1, 256): "That is the block with an ordinary 3×3. In 64 groups, a "
    "filter of the 3×3 sees 4 channels, not 256.",
    template_block_parameters(64, 4) + 2 * (256 + 256 + 256): "You counted the batch norms too. "
    "The question asks for the three convolutions alone.",
    template_block_parameters(1, 4): "That is one path. The block has 64 of them.",
    64 * 4 * 4 * 9: "That is the 3×3 alone. The two 1×1 convolutions belong to the block too.",
    64 * (256 * 4 + 4 * 4 + 4 * 256): "A 3×3 kernel has 9 numbers for each channel that it sees; "
    "you counted 1.",
}


def _params_wrong(answer):
    if not is_number(answer):
        return "The answer is one whole number, for example 70144."
    if answer == template_block_parameters(64, 4):
        return None
    if answer in _WRONG_COUNTS:
        return _WRONG_COUNTS[answer]
    return "Count one path first: 1×1 from 256 to 4, 3×3 from 4 to 4, 1×1 from 4 to 256."


# 04-resnet


def _resnet_wrong(answer):
    if not isinstance(answer, dict) or set(answer) != {"groups", "width"}:
        return 'The answer is a dictionary with two numbers: {"groups": ..., "width": ...}.'
    groups, width = answer["groups"], answer["width"]
    if not all(isinstance(n, Integral) and 1 <= n <= 256 for n in (groups, width)):
        return "Both numbers are whole, at least 1, and at most 256."
    if width % groups:
        return f"{width} channels can't be divided into {groups} equal groups."
    if (groups, width) == (1, 64):
        return None
    weights = sum(block_diagrams.weights(_block(width, groups)))
    case = f"Your block has {weights:,} weights, the ResNet block has {_RESNET_WEIGHTS:,}"
    if groups == 1:
        return f"{case}: the groups are right, the width isn't."
    return f"{case}, and in its 3×3 each filter sees all the channels, not one group of {groups}."


def _block(width, groups):
    inputs = keras.Input((8, 8, 256))
    outputs = models.block(inputs, channels=256, width=width, groups=groups, name="block")
    return keras.Model(inputs, outputs)


# 04-width


def _width_wrong(answer):
    if not callable(answer):
        return "The answer is a function: give its name, without brackets."
    for cardinality in (*models.TABLE_2, 16, 64):
        try:
            width = answer(cardinality)
        except Exception as error:
            return f"Your function failed for C = {cardinality}. {first_line(error)}"
        wanted = width_at_equal_price(cardinality)
        if not is_number(width) or not math.isfinite(width):
            return f"For C = {cardinality} your function returned {width!r}; it must return d."
        if width != wanted:
            return _why_another_width(cardinality, width, wanted)
    return None


def _why_another_width(cardinality, width, wanted):
    case = f"For C = {cardinality} your function returned {width}"
    if width != int(width):
        return f"{case}, but d is a number of channels: it must be whole."
    if width == cardinality * wanted:
        return f"{case}: that is the width C·d of all groups together. Return d, that of one."
    if width == 64 // cardinality:
        return (
            f"{case}. That keeps C·d at 64, and the weights become fewer and fewer "
            f"({template_block_parameters(cardinality, int(width)):,} here). Keep the weights."
        )
    if abs(width - wanted) == 1:
        return (
            f"{case}, and its neighbour comes nearer to {_RESNET_WEIGHTS:,} weights. "
            f"Compare the weights of both neighbours; don't always round down or up."
        )
    return f"{case}. A block with that d is far from {_RESNET_WEIGHTS:,} weights."


EXERCISES = {
    "04-params": Exercise(
        what_is_wrong=_params_wrong,
        praise="Twice the paths of 32×4d, each as wide as before: twice the weights.",
        hints=(
            "Count the weights of one path, then multiply.",
            "One path: 1×1 from 256 to 4 channels, 3×3 from 4 to 4, 1×1 from 4 to 256.",
            "64 × (256·4 + 9·4·4 + 4·256)",
        ),
        solution=(
            "64 * (256 * 4 + 9 * 4 * 4 + 4 * 256)  # 140,288\n"
            "It is exactly twice 70,144: the paths don't share weights, so their number multiplies "
            "the cost."
        ),
    ),
    "04-resnet": Exercise(
        what_is_wrong=_resnet_wrong,
        praise="A ResNet block is a ResNeXt block with one path that is 64 channels wide (1×64d).",
        hints=(
            "How many paths does a ResNet block have?",
            "The width is the number of channels between the two 1×1 convolutions.",
        ),
        solution=(
            'answer = {"groups": 1, "width": 64}\n'
            "Cardinality 1: all channels are one group. The paper writes it 1×64d (Table 2)."
        ),
    ),
    "04-width": Exercise(
        what_is_wrong=_width_wrong,
        praise="It gives the paper's Table 2, and widths for C = 16 and C = 64 too.",
        hints=(
            "Weights of a block: C · (256·d + 9·d² + 256·d). Which d comes nearest to 69,632?",
            "You need no algebra: try every d from 1 to 64 and keep the best.",
            "min(range(1, 65), key=lambda d: abs(... - 69_632))",
        ),
        solution=(
            "def width_for(cardinality):\n"
            "    def weights(d):\n"
            "        return cardinality * (256 * d + 9 * d**2 + 256 * d)\n"
            "\n"
            "    return min(range(1, 65), key=lambda d: abs(weights(d) - 69_632))\n"
            "\n"
            "It tries every width and keeps the one whose block is nearest to the ResNet block."
        ),
    ),
    **block_building.EXERCISES,
}
