"""The exercises of notebook 03."""

import keras
import numpy as np
from keras import ops

from .checking import AnswerError, call, diagnoses, in_case, number_list
from .wrong_convolutions import DIAGNOSES, convolve, grouped_convolution, wrong_axis


def channels(right, mistakes, otherwise):
    """A check for a list of channels, in any order; arguments as of ``one_number``."""

    def check(answer):
        found = frozenset(number_list(answer))
        are_whole = all(isinstance(one, int) for one in found)
        yield {"The answer must be a list of whole numbers, for example [0, 1, 2].": not are_whole}
        yield {
            f"All of these are right, but some are missing: you have {len(found)}.": found
            and found < right,
            mistakes.get(found, otherwise): found != right,
        }

    return check


# 64 input channels, 128 filters, 16 groups: who sees input channel 5?
check_who_sees = channels(
    frozenset(range(8, 16)),
    {
        frozenset(range(4, 8)): "These are the input channels of the right group. The group has "
        "more filters than input channels: which are they?",
        frozenset(range(9, 17)): "Nearly: these are the right ones, but counted from 1.",
        frozenset(range(16, 24)): "This is one group too far. Channels are counted from 0.",
        frozenset(range(128)): "In a standard convolution all would see it. Here are 16 groups.",
    },
    otherwise="First find the group of input channel 5, then all filters of this group.",
)
# The notebook's ``mystery`` reads the channels 0-3, 3-6 and 6-9 of 12.
check_dead_channels = channels(
    frozenset({10, 11}),
    {
        frozenset(): "There are some. What does a row of probe(mystery, 12) without a True mean?",
        frozenset({11, 12}): "Nearly: count the channels from 0.",
        frozenset(range(10)): "These are the channels that live. Which ones are left?",
        frozenset({3, 6}): "Two groups read these, so they live. Which does no group read?",
    },
    otherwise="Call probe(mystery, 12): which rows of the table hold no True at all?",
)

CLUES = {
    "mixed": "In its table, input 0 feeds the outputs 0, 3, 6 and 9. Which four outputs should "
    "belong to one group?",
    "last for all": "How many rows of its table hold no True? And which rows are full?",
    "wrong axis": "probe finds nothing wrong with it. So compare its numbers with those of "
    "by_loop(x, suspect_kernel, 3): are they the same?",
    "swapped": "In its table, count how many inputs one output reads, and how many groups there "
    "are.",
    "right": "Its table is as it should be; compare its numbers with those of "
    "by_loop(x, suspect_kernel, 3) too.",
    "one twice": "Which rows of its table hold no True, and which hold twice as many as they "
    "should?",
    "wrong order": "Each of its groups has 4 inputs and 4 outputs, as it should. But which outputs "
    "do the inputs 0 to 3 feed?",
}

# Channels, filters, groups. In the first, each mistake shows itself: the numbers of groups, of
# channels in a group and of filters in a group differ, and the kernel's third axis can be cut too.
LAYERS = ((18, 36, 3), (6, 12, 3), (12, 4, 2), (4, 4, 1))


def check_by_hand(answer):
    """Try ``answer(x, kernel, groups, convolve)`` on layers of several shapes."""
    for inputs, filters, groups in LAYERS:
        x = keras.random.normal((2, 5, 6, inputs), seed=inputs)
        kernel = keras.random.normal((3, 3, inputs // groups, filters), seed=filters)
        case = f"With {inputs} channels, {filters} filters and groups={groups}: "
        yield in_case(case, check_layer(answer, x, kernel, groups))


def check_layer(answer, x, kernel, groups):
    calls = []  # channels of x, shape of the kernel

    def watched(x, kernel):
        calls.append((x.shape[-1], tuple(kernel.shape)))
        return convolve(x, kernel)

    try:
        result = call(answer, x, kernel, groups, watched)
    except AnswerError:
        if calls:
            yield misfits(*calls[-1], x.shape[-1], kernel, groups)
        raise
    yield {
        "Your function returned None. Does it end with return?": result is None,
        "Your function never called convolve. Cut x and kernel into groups yourself, and let "
        "convolve(part, part_kernel) compute each of them.": not calls,
    }
    result, wanted = map(np.asarray, (result, grouped_convolution(x, kernel, groups, convolve)))
    batch, height, width, filters = wanted.shape
    why = {
        (batch, height, width, filters // groups): " This is one group: concatenate the results of "
        "all groups.",
        (batch, height, width, filters * groups): " Each group uses all filters: cut the kernel's "
        "last axis too.",
    }.get(result.shape, "")
    width, own = x.shape[-1] // groups, filters // groups
    if {shape[3] for _, shape in calls} == {width} != {own}:
        why = (
            f" Your cuts of the kernel are {width} filters wide. A group has {filters} / {groups} "
            f"= {own} filters: count them in the kernel."
        )
    case = f"The result's shape is {result.shape}, and it should be {wanted.shape}."
    yield {f"{case}{why}": result.shape != wanted.shape}
    if is_same(result, wanted):
        return
    yield from wrong_sources(result, x, kernel, groups)
    found, mixture = np.moveaxis(result, -1, 0), wrong_axis(x, kernel, groups, convolve)
    are_mixed = all(
        any(is_same(one, other) for other in found) for one in np.moveaxis(wanted, -1, 0)
    )
    yield {
        "All output channels are right, but the groups are mixed: all channels of the first group "
        "come first. Concatenate at the last axis.": are_mixed,
        "The kernel is cut along the wrong axis: each group's filters are a mixture. Groups are "
        "neighbours in the kernel's last axis, not in its third.": is_same(result, mixture),
        "The shape is right, but the numbers aren't. Compare one group with its own "
        "convolution.": True,
    }


def is_same(one, other):
    return np.allclose(one, other, atol=1e-4)


def misfits(part, shape, inputs, kernel, groups):
    """Why ``convolve`` got ``part`` channels and a kernel of this shape, which don't fit."""
    seen, per_group = shape[2], kernel.shape[2]
    is_whole_kernel, cuts_third_axis = seen == per_group, seen < per_group == part
    return {
        "convolve got all channels of x. It is a standard convolution: cut x into groups first, "
        "and call it once for each group.": is_whole_kernel and part == inputs > seen,
        f"Your parts of x have {groups} channels, and {groups} is the number of groups: the two "
        f"are swapped. A group has {inputs} / {groups} = {per_group} "
        f"channels.": is_whole_kernel and part == groups != seen,
        "The kernel is cut along the wrong axis. Its third axis holds the channels of one group "
        "already: cut its last axis, the "
        "filters.": cuts_third_axis and shape[3] == kernel.shape[3],
        f"convolve got {part} channels of x, but a kernel for {seen} channels.": part != seen,
    }


def wrong_sources(result, x, kernel, groups):
    """Whether the parts of the result come from wrong parts of x or of the kernel."""
    made = {
        (i, k): np.asarray(convolve(part, part_kernel))
        for i, part in enumerate(ops.split(x, groups, axis=-1))
        for k, part_kernel in enumerate(ops.split(kernel, groups, axis=-1))
    }
    sources = [
        next((pair for pair, one in made.items() if is_same(one, part)), None)
        for part in np.split(result, groups, axis=-1)
    ]
    if None in sources:
        return
    inputs, kernels = zip(*sources, strict=True)
    twice = next((i for i in inputs if inputs.count(i) > 1), None)
    unread = min(set(range(groups)) - set(inputs), default=0)
    i, k = next((pair for pair in sources if pair[0] != pair[1]), (0, 0))
    same_filters = len(set(kernels)) == 1
    yield {
        "Every group reads the same channels. Is it the trap of section 4, or does your slice of x "
        "forget the group?": len(set(inputs)) == 1,
        "Every group uses the same filters. Cut the kernel's last axis too.": same_filters,
        f"Part {(twice or 0) + 1} of x is read by more than one group, and part {unread + 1} by "
        f"none. Look where your slices begin.": twice is not None,
        f"Each group is right, but their order isn't: your result begins with group "
        f"{inputs[0] + 1}. Put group after group.": inputs == kernels,
        f"Part {i + 1} of x meets part {k + 1} of the kernel: both must be of the same "
        f"group.": True,
    }


check_diagnose = diagnoses(DIAGNOSES, lambda letter, name: CLUES[DIAGNOSES[letter]])
