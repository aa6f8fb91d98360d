"""The exercises of notebook 05."""

import keras

from resnext_helpers import counting
from resnext_helpers.exercises._exercise import Exercise, is_number

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
        return f"{type(answer).__name__} is no Keras model: give what models.resnext(...) returns."
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
        solution="models.resnext((224, 224, 3), 1000, groups=1, width_per_group=64): "
        "25,557,032 parameters.",
    ),
}
