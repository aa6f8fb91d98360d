"""The exercises of notebook 04."""

import math
from numbers import Integral

import keras
import numpy as np

from resnext_helpers.exercises._exercise import Exercise, is_number

from .. import models
from ..block_diagrams import convolutions
from ..counting import template_block_parameters

TABLE_2 = {1: 64, 2: 40, 4: 24, 8: 14, 32: 4}  # cardinality: width of a group (Xie et al., 2017)
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
    weights = sum(step.weights for step in convolutions(_block(width, groups)))
    case = f"Your block has {weights:,} weights, the ResNet block has {_RESNET_WEIGHTS:,}"
    if groups == 1:
        return f"{case}: the groups are right, the width isn't."
    return f"{case}, and in its 3×3 each filter sees all the channels, not one group of {groups}."


def _block(width, groups):
    inputs = keras.Input((8, 8, 256))
    outputs = models.block(inputs, channels=256, width=width, groups=groups, name="block")
    return keras.Model(inputs, outputs)


# 04-width


def _nearest_width(cardinality):
    """The width of a group whose block comes nearest to the ResNet block's weights."""
    return min(
        range(1, 65),
        key=lambda d: abs(template_block_parameters(cardinality, d) - _RESNET_WEIGHTS),
    )


def _width_wrong(answer):
    if not callable(answer):
        return "The answer is a function: give its name, without brackets."
    for cardinality in (*TABLE_2, 16, 64):
        try:
            width = answer(cardinality)
        except Exception as error:
            return f"Your function failed for C = {cardinality}. {_first_line(error)}"
        wanted = _nearest_width(cardinality)
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


# 04-repair


def _repair_wrong(answer):
    if not callable(answer):
        return "The answer is the function itself: give its name, without brackets."
    inputs = keras.Input((8, 8, 256))
    try:
        model = keras.Model(inputs, answer(inputs))
    except Exception as error:
        return f"The block can't be built. {_first_line(error)}"
    if model.output_shape != (None, 8, 8, 256):
        return f"The block must give back (8, 8, 256), and yours gives {model.output_shape[1:]}."
    return _wrong_convolutions(model) or _wrong_wiring(model)


def _wrong_convolutions(model):
    steps = convolutions(model)
    spatial = [step for step in steps if step.kernel_size == 3]
    if not spatial:
        return "The block has no 3×3 convolution any more."
    channels_of_a_filter = spatial[0].channels_in // spatial[0].groups
    if channels_of_a_filter != 4:
        return (
            f"A filter of your 3×3 sees {channels_of_a_filter} channels. With 128 channels in 32 "
            f"groups it sees 128 / 32 = 4. What does the argument `groups` mean?"
        )
    weights = sum(step.weights for step in steps)
    if weights != template_block_parameters(32, 4):
        return (
            f"Your convolutions have {weights:,} weights; a 32×4d block has "
            f"{template_block_parameters(32, 4):,}. The channels go 256, 128, 128, 256."
        )
    if any(getattr(layer, "use_bias", False) for layer in model.layers):
        return "A convolution has a bias. The batch norm after it removes it again: leave it out."
    return None


def _wrong_wiring(model):
    reference = _block(width=128, groups=32)
    try:
        _copy_kernels(model, reference)
    except ValueError:
        return "The kernels don't fit a ResNeXt block: the channels go 256, 128, 128, 256."
    images = np.random.default_rng(4).normal(size=(2, 8, 8, 256)).astype("float32")
    branch = keras.Model(reference.input, reference.get_layer("block_bn3").output)
    changes, given = np.asarray(branch(images)), np.asarray(model(images))

    def relu(x):
        return np.maximum(x, 0)

    outcomes = (
        (relu(changes + images), None),
        (changes + images, "The ReLU after the addition is missing."),
        (relu(changes), "The shortcut is missing: the input must be added to the branch."),
        (relu(changes) + images, "The last ReLU comes too early: add first, then ReLU."),
        (relu(relu(changes) + images), "There is a ReLU too many: none before the addition."),
    )
    for outcome, message in outcomes:
        # So loose, because another epsilon in the batch norms is no mistake.
        if np.allclose(given, outcome, rtol=0.01, atol=0.02):
            return message
    return (
        "With the same weights your block gives other numbers than a ResNeXt block. Check the "
        "order: convolution, batch norm, ReLU, and after the last batch norm the addition."
    )


def _copy_kernels(model, reference):
    """Give the reference the answer's kernels; paths that are written apart are joined."""
    kernels = [np.asarray(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
    steps = {
        "block_conv1": ([k for k in kernels if k.shape[:3] == (1, 1, 256)], -1),
        "block_conv2": ([k for k in kernels if k.shape[0] == 3], -1),
        "block_conv3": ([k for k in kernels if k.shape[0] == 1 and k.shape[2] < 256], -2),
    }
    for name, (parts, axis) in steps.items():
        reference.get_layer(name).set_weights([np.concatenate(parts, axis)])


def _first_line(error):
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


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
    "04-repair": Exercise(
        what_is_wrong=_repair_wrong,
        praise="With the same weights your block gives the same numbers as the course's own.",
        hints=(
            "There are two mistakes: one in an argument, one in the last two lines.",
            "Print the weights of each convolution. Which one differs from the drawing?",
            "`groups` is the number of groups, not the channels in one. And the ReLU comes last.",
        ),
        solution=(
            "def repaired(x):\n"
            '    y = relu(norm(conv(x, 128, 1, "reduce"), "reduce"))\n'
            '    y = relu(norm(conv(y, 128, 3, "transform", groups=32), "transform"))\n'
            '    y = norm(conv(y, 256, 1, "expand"), "expand")\n'
            "    return relu(layers.Add()([y, x]))\n"
            "\n"
            "`groups=128 // 32` made 4 groups of 32 channels, 8 times the weights in the 3×3. And "
            "ReLU before the addition means that a branch can add, but never take away."
        ),
    ),
}
