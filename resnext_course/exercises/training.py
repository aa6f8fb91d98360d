"""The exercises of notebook 05."""

import keras

from resnext_course.exercises._classifier_exercise import COMPILE
from resnext_course.exercises._exercise import Exercise, is_number
from resnext_course.exercises._stack_exercises import COST, STACK
from resnext_helpers import counting

RESNET50_PARAMETERS = 25_557_032  # trainable, 1000 classes


def _blocks(answer):
    if not is_number(answer):
        return f"{answer!r} is no number: count the calls of block()."
    if answer == 5:
        return "You counted the loop. Is there a block before the loop?"
    if answer != 6:
        return "One call of block() before the loop, and range(blocks) gives one call each time."
    return None


def _depth(answer):
    if not isinstance(answer, list | tuple) or len(answer) != 4 or not all(map(is_number, answer)):
        return "Write the four numbers of blocks as a list, such as [1, 2, 3, 4]."
    if list(answer) == [2, 3, 5, 2]:
        return "These are the loops of the article; each stack has one block more, before its loop."
    layers = 1 + 3 * sum(answer) + 1
    if layers != 50:
        return f"1 + 3 × {sum(answer)} + 1 = {layers} layers with weights, and it should be 50."
    if list(answer) != [3, 4, 6, 3]:
        return "The sum is right, but the paper's Table 1 shares the blocks differently."
    return None


def _resnet(answer):
    if not isinstance(answer, keras.Model):
        return f"{type(answer).__name__} is no Keras model: give what resnext50(...) returns."
    if answer.output_shape[-1] != 1000:
        return f"It has {answer.output_shape[-1]} classes; 1000 were asked for."
    if answer.input_shape[1:] != (224, 224, 3):
        return f"Its pictures have the shape {answer.input_shape[1:]}, not (224, 224, 3)."
    parameters = counting.trainable_parameters(answer)
    if parameters != RESNET50_PARAMETERS:
        return (
            f"It has {parameters:,} parameters; ResNet-50 has {RESNET50_PARAMETERS:,}. "
            f"How many groups has an ordinary convolution, and how wide is its first stack?"
        )
    return None


def _field(answer):
    if not is_number(answer):
        return f"{answer!r} is no number: how many pixels wide is the square?"
    if answer == 427:
        return "427 is with the stride in the 3×3, where the 3×3 still makes the shorter steps."
    if answer == 493:
        return "Almost: you moved the stem's strides too. Its two windows stay as they are."
    if answer != 483:
        return (
            "With the stride in the 1×1 before it, each stack's first 3×3 makes the longer steps "
            "already: 8, 16 and 32 pixels instead of 4, 8 and 16. How much does this add?"
        )
    return None


EXERCISES = {
    "05-blocks": Exercise(
        _blocks,
        praise="One block with a projection and five without: the third stack's 6 blocks.",
        hints=(
            "Read the code of stack() line by line: where is block() called?",
            "Once before the loop, and once for each i in range(5).",
        ),
        solution="1 + 5 = 6. So the article's blocks of 2, 3, 5, 2 are the paper's 3, 4, 6, 3.",
    ),
    "05-depth": Exercise(
        _depth,
        praise="1 + 3 × (3 + 4 + 6 + 3) + 1 = 50.",
        hints=(
            "Each block has three convolutions on its main path: 1×1, 3×3, 1×1.",
            "1 + 3 × (sum of the blocks) + 1 = 50, so the sum is 16.",
        ),
        solution="[3, 4, 6, 3]: 1 (stem) + 3 × 16 (blocks) + 1 (dense) = 50. The projections "
        "of the shortcuts are not counted.",
    ),
    "05-resnet": Exercise(
        _resnet,
        praise="ResNet is ResNeXt with a cardinality of 1.",
        hints=(
            "An ordinary convolution is a grouped convolution with one group.",
            "ResNet-50's first stack is 64 channels wide inside its blocks.",
        ),
        solution="resnext50((224, 224, 3), 1000, groups=1, width_per_group=64): "
        "25,557,032 parameters. One builder makes both networks.",
    ),
    "05-field": Exercise(
        _field,
        praise="56 pixels more, for the same cost in 3×3 convolutions.",
        hints=(
            "Only the three 3×3 windows with stride 2 change. By how many pixels do they widen "
            "what is seen, and by how many would they with a step twice as long?",
            "Each widens it by 2 steps. The steps were 4, 8, 16; now they are 8, 16, 32.",
        ),
        solution="427 + 2 × (8 - 4) + 2 × (16 - 8) + 2 × (32 - 16) = 483. The 1×1 in front of "
        "each of these 3×3 has halved the map already.",
    ),
    "05-cost": COST,
    "05-stack": STACK,
    "05-compile": COMPILE,
}
