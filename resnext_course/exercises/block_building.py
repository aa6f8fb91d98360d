"""The exercises of notebook 04 in which blocks are repaired, written and diagnosed."""

from resnext_course.exercises._block_checks import Case, what_is_wrong
from resnext_course.exercises._exercise import Exercise
from resnext_course.exercises.wrong_blocks import FAULTS, MYSTERIES

_TEMPLATE = Case(channels_in=256, channels=256, width=128, groups=32)
_CASES = (
    Case(channels_in=20, channels=20, width=8, groups=4),
    Case(channels_in=12, channels=20, width=8, groups=4),
    Case(channels_in=20, channels=20, width=8, groups=4, strides=2),
    Case(channels_in=12, channels=32, width=10, groups=5, strides=2),
)
_NOT_A_FUNCTION = "The answer is the function itself: give its name, without brackets."


def _repair_wrong(answer):
    if not callable(answer):
        return _NOT_A_FUNCTION
    return what_is_wrong(lambda x, *numbers: answer(x), _TEMPLATE)


def _build_wrong(answer):
    if not callable(answer):
        return _NOT_A_FUNCTION
    for case in _CASES:
        wrong = what_is_wrong(answer, case)
        if wrong:
            return f"Tried with {case}, width={case.width}, groups={case.groups}: {wrong}"
    return None


def _diagnosis_wrong(answer):
    if not isinstance(answer, dict) or not set(answer) <= set(MYSTERIES):
        return 'The answer is a dictionary from letters to faults: {"A": "early ReLU", ...}.'
    made = {letter: fault for letter, fault in answer.items() if fault is not None}
    for fault in made.values():
        if not isinstance(fault, str) or fault not in MYSTERIES.values():
            return f"{fault!r} is none of the faults: {', '.join(sorted(MYSTERIES.values()))}."
    misread = [letter for letter, fault in made.items() if fault != MYSTERIES[letter]]
    if misread:
        letter = misread[0]
        return (
            f"Block {letter} isn't it: a block with {made[letter]!r} {FAULTS[made[letter]].sign}. "
            f"In which column does {letter} differ from the right block?"
        )
    missing = [letter for letter in MYSTERIES if letter not in made]
    return f"Right so far; still open: {', '.join(missing)}." if missing else None


EXERCISES = {
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
    "04-build": Exercise(
        what_is_wrong=_build_wrong,
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
        solution="""\
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


answer = my_block

The 3×3 alone is grouped, and it alone moves in steps; the shortcut takes the same steps to fit.""",
    ),
    "04-diagnose": Exercise(
        what_is_wrong=_diagnosis_wrong,
        praise="Each fault left its own trace, and all six blocks ran without an error message.",
        hints=(
            "Compare each row with the row of the right block. In which column does it differ?",
            "Only a ReLU at the very end keeps all numbers from being negative. Without a "
            "projection, weights are missing where the shape changes.",
            "Groups that are too few make the 3×3 dearer. A batch norm in each path needs many "
            "numbers. What no group reads gets no gradient.",
        ),
        solution="\n".join(
            f"{letter}: {fault}. This block {FAULTS[fault].sign}."
            for letter, fault in MYSTERIES.items()
        ),
    ),
}
