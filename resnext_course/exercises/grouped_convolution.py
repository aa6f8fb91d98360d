"""The exercises of notebook 03."""

from itertools import islice

from resnext_course.exercises._by_hand import function_is_wrong
from resnext_course.exercises._exercise import Exercise, is_number
from resnext_course.exercises.wrong_convolutions import DIAGNOSES, diagnoses_are_wrong

_LONGEST_LIST = 1000
_NOT_A_LIST = "The answer is a list of whole numbers, for example [0, 1, 2]."


def _weights_are_wrong(answer):
    """256 → 256 channels, 3×3, 32 groups, no bias."""
    if not is_number(answer):
        return "The answer is one number, for example 1234."
    if answer == 3 * 3 * 8 * 256:
        return None
    messages = {
        3 * 3 * 256 * 256: "This is the standard convolution. What do 32 groups change?",
        3 * 3 * 8 * 256 + 256: "This counts 256 biases as well, and the layer has none.",
        3 * 3 * 8 * 8: "This is one group alone, and there are 32.",
        8 * 256: "This leaves out that a kernel is 3 pixels high and 3 wide.",
        3 * 3 * 32 * 256: "This lets a filter read 32 channels. 32 is the number of groups: "
        "how many channels are in one?",
    }
    return messages.get(
        answer, "Think of one filter first: how many channels does it read, at how many pixels?"
    )


def _seeing_outputs_are_wrong(answer):
    """64 input channels, 128 filters, 16 groups: who sees input channel 5?"""
    channels = _channels(answer)
    if channels is None:
        return _NOT_A_LIST
    right = frozenset(range(8, 16))
    if channels == right:
        return None
    if channels and channels < right:
        return f"These do, but there are more than {len(channels)}."
    messages = {
        frozenset(range(4, 8)): "These are the input channels of the right group. "
        "The group has more filters than input channels: which are they?",
        frozenset(range(9, 17)): "Nearly: these are the right ones, but counted from 1.",
        frozenset(range(16, 24)): "This is one group too far. Channels are counted from 0.",
        frozenset(range(128)): "In a standard convolution all would see it. Here are 16 groups.",
    }
    return messages.get(
        channels, "First find the group of input channel 5, then the filters of this group."
    )


def _dead_channels_are_wrong(answer):
    """The notebook's ``mystery`` reads the channels 0-3, 3-6 and 6-9 of 12."""
    channels = _channels(answer)
    if channels is None:
        return _NOT_A_LIST
    if channels == {10, 11}:
        return None
    messages = {
        frozenset(): "There are some. What does a row of probe(mystery, 12) without a True mean?",
        frozenset({11, 12}): "Nearly: count the channels from 0.",
        frozenset(range(10)): "These are the channels that live. Which ones are left?",
        frozenset({3, 6}): "Two groups read these, so they live. Which does no group read?",
    }
    return messages.get(
        channels, "Call probe(mystery, 12): which rows of the table hold no True at all?"
    )


def _channels(answer):
    """The channel numbers in an answer as a frozenset, or None if it isn't a collection of such."""
    if isinstance(answer, str):
        return None
    try:
        numbers = list(islice(answer, _LONGEST_LIST))
    except TypeError:
        return None
    if not all(is_number(number) and number % 1 == 0 for number in numbers):
        return None
    return frozenset(int(number) for number in numbers)


EXERCISES = {
    "03-parameters": Exercise(
        what_is_wrong=_weights_are_wrong,
        praise="A filter reads 256 / 32 = 8 channels, so it is 3 · 3 · 8 · 256 = 18,432.",
        hints=(
            "Start with one filter. How many of the 256 channels does it read?",
            "A filter reads 256 / 32 = 8 channels, at 3 × 3 pixels. There are 256 filters.",
        ),
        solution="3 · 3 · (256 / 32) · 256 = 18,432.\n"
        "A standard convolution has 32 times as many: 589,824.",
    ),
    "03-who-sees": Exercise(
        what_is_wrong=_seeing_outputs_are_wrong,
        praise="Input channel 5 is in the second group, whose 8 filters are 8 to 15.",
        hints=(
            "How many input channels does a group have? In which group is channel 5?",
            "A group has 64 / 16 = 4 input channels: channel 5 is in the second group. "
            "How many filters does a group have?",
            "connections(64, 128, 16)[5] is channel 5's row in the table, "
            "and np.flatnonzero(row) tells where a row is True.",
        ),
        solution="A group has 64 / 16 = 4 input channels and 128 / 16 = 8 filters.\n"
        "First group: inputs 0 to 3, outputs 0 to 7. Second: inputs 4 to 7, outputs 8 to 15.\n"
        "answer = range(8, 16)",
    ),
    "03-dead-channels": Exercise(
        what_is_wrong=_dead_channels_are_wrong,
        praise="The slices are 0-3, 3-6 and 6-9, for start = g * len(branches) should be g * 4.",
        hints=(
            "Row i of probe(mystery, 12) says which outputs change with input i.",
            "probe(mystery, 12).any(axis=1) is True for each channel that lives.",
        ),
        solution="np.flatnonzero(~probe(mystery, 12).any(axis=1)) gives 10 and 11.\n"
        "The slices start at g * len(branches): 0-3, 3-6 and 6-9. Right is start = g * 4.",
    ),
    "03-diagnose": Exercise(
        what_is_wrong=diagnoses_are_wrong,
        praise="All seven. C is the lesson: probe sees which channels are connected, but not with "
        "which weights. A test needs both: connections, and numbers.",
        hints=(
            "Print probe(suspects[letter], 12).astype(int) for each letter, "
            "and compare it with connections(12, 12, 3).",
            "Rows without a True are dead channels: two suspects have them. One of the others has "
            "groups of another size, and two have groups of the right size in the wrong places.",
            "Two suspects have the right table. For these, compare suspects[letter](x) with "
            "by_loop(x, suspect_kernel, 3), for any x with 12 channels.",
        ),
        solution=f"answer = {DIAGNOSES}\n"
        "A: input 0 feeds outputs 0, 3, 6, 9: results stacked, then flattened. B: inputs 0-7 dead, "
        "8-11 feed all: late binding.\n"
        "C: the right table, but other numbers than by_loop: the kernel is cut along the wrong "
        "axis. D: 4 blocks of 3 channels.\n"
        "E: the right table and the right numbers. F: inputs 0-3 dead, 8-11 read twice. "
        "G: inputs 0-3 feed outputs 8-11.\n"
        "D stands in a well-known book, whose block gives the layer channels / groups as its "
        "number of groups.",
    ),
    "03-by-hand": Exercise(
        what_is_wrong=function_is_wrong,
        praise="It gives the same numbers as the course's own layer, in four sizes.",
        hints=(
            "ops.split(x, groups, axis=-1) cuts the channels into equal parts. "
            "The kernel needs a cut too.",
            "Cut the kernel at its last axis, the filters. "
            "Its third axis holds the channels of one group already.",
            "For each pair of parts: convolve(part, part_kernel). "
            "Then ops.concatenate(results, axis=-1).",
        ),
        solution="""\
def grouped_convolution(x, kernel, groups, convolve):
    parts = ops.split(x, groups, axis=-1)
    kernels = ops.split(kernel, groups, axis=-1)
    results = [convolve(part, part_kernel) for part, part_kernel in zip(parts, kernels)]
    return ops.concatenate(results, axis=-1)


answer = grouped_convolution

Both are cut at their last axis: x into its channels of each group, the kernel into its filters of
each group. The results stand side by side in the same order.""",
    ),
}
