"""The exercises of notebook 03."""

from inspect import getsource

import keras
import numpy as np
from keras import ops

from .checking import AnswerError, Exercise, call, diagnoses, number_list, one_number, refuse_if
from .wrong_convolutions import DIAGNOSES, convolve, grouped_convolution, wrong_axis


def channels(right, mistakes, otherwise):
    """A check for a list of channels, in any order; arguments as of ``one_number``."""

    def check(answer):
        found = number_list(answer)
        refuse_if(
            not all(isinstance(one, int) for one in found),
            "The answer must be a list of whole numbers, for example [0, 1, 2].",
        )
        if set(found) != right:
            raise AnswerError(mistakes.get(frozenset(found), otherwise))

    return check


CLUES = {
    "mixed": "In its table, input 0 feeds the outputs 0, 3, 6 and 9. "
    "Which four outputs should belong to one group?",
    "last for all": "How many rows of its table hold no True? And which rows are full?",
    "wrong axis": "probe finds nothing wrong with it. So compare its numbers with those of "
    "by_loop(x, suspect_kernel, 3): are they the same?",
    "swapped": "In its table, count how many inputs one output reads, and how many groups "
    "there are.",
    "right": "Its table is as it should be; compare its numbers with those of "
    "by_loop(x, suspect_kernel, 3) too.",
    "one twice": "Which rows of its table hold no True, and which hold twice as many as they "
    "should?",
    "wrong order": "Each of its groups has 4 inputs and 4 outputs, as it should. "
    "But which outputs do the inputs 0 to 3 feed?",
}

# Channels, filters, groups. In the first, each mistake shows itself: the numbers of groups, of
# channels in a group and of filters in a group differ, and the kernel's third axis can be cut too.
LAYERS = ((18, 36, 3), (6, 12, 3), (12, 4, 2), (4, 4, 1))


def check_by_hand(answer):
    """Try ``answer(x, kernel, groups, convolve)`` on layers of several shapes."""
    for inputs, filters, groups in LAYERS:
        x = keras.random.normal((2, 5, 6, inputs), seed=inputs)
        kernel = keras.random.normal((3, 3, inputs // groups, filters), seed=filters)
        try:
            check_layer(answer, x, kernel, groups)
        except AnswerError as wrong:
            parts = "1 group" if groups == 1 else f"{groups} groups"
            raise AnswerError(
                f"With {inputs} channels, {filters} filters and {parts}: {wrong}"
            ) from None


def check_layer(answer, x, kernel, groups):
    calls = []  # channels of x, shape of the kernel

    def watched(x, kernel):
        calls.append((x.shape[-1], tuple(kernel.shape)))
        return convolve(x, kernel)

    try:
        result = call(answer, x, kernel, groups, watched)
    except AnswerError:
        check_last_call(calls, x, kernel, groups)
        raise
    refuse_if(result is None, "Your function returned None. Does it end with return?")
    refuse_if(
        not calls,
        "Your function never called convolve. Cut x and kernel into groups yourself, and let "
        "convolve(part, part_kernel) compute each of them.",
    )
    result = call(ops.convert_to_numpy, result)
    wanted = ops.convert_to_numpy(grouped_convolution(x, kernel, groups, convolve))
    check_shape(result.shape, wanted.shape, groups)
    if is_same(result, wanted):
        return
    check_sources(result, x, kernel, groups)
    found = np.moveaxis(result, -1, 0)
    refuse_if(
        all(any(is_same(one, other) for other in found) for one in np.moveaxis(wanted, -1, 0)),
        "All output channels are right, but the groups are mixed: all channels of the first group "
        "come first. Concatenate at the last axis.",
    )
    refuse_if(
        is_same(result, wrong_axis(x, kernel, groups, convolve)),
        "The kernel is cut along the wrong axis: each group's filters are a mixture. Groups are "
        "neighbours in the kernel's last axis, not in its third.",
    )
    raise AnswerError(
        "The shape is right, but the numbers aren't. Compare one group with its own convolution."
    )


def is_same(one, other):
    return np.allclose(one, other, atol=1e-4)


def check_last_call(calls, x, kernel, groups):
    """Whether the last call of ``convolve`` mixed what doesn't fit, and why."""
    part, (_, _, seen, filters) = calls[-1] if calls else (1, (3, 3, 1, 1))
    inputs, per_group = x.shape[-1], kernel.shape[2]
    refuse_if(
        part == inputs and seen == per_group < inputs,
        "convolve got all channels of x. It is a standard convolution: cut x into groups first, "
        "and call it once for each group.",
    )
    refuse_if(
        part == groups and seen == per_group != groups,
        f"Your parts of x have {groups} channels, and {groups} is the number of groups: the two "
        f"are swapped. A group has {inputs} / {groups} = {per_group} channels.",
    )
    refuse_if(
        part == per_group and seen < per_group and filters == kernel.shape[-1],
        "The kernel is cut along the wrong axis. Its third axis holds the channels of one group "
        "already: cut its last axis, the filters.",
    )
    refuse_if(part != seen, f"convolve got {part} channels of x, but a kernel for {seen} channels.")


def check_shape(shape, wanted, groups):
    why = ""
    if shape == (*wanted[:3], wanted[3] // groups):
        why = " This is one group: concatenate the results of all groups."
    if shape == (*wanted[:3], wanted[3] * groups):
        why = " Each group uses all filters: cut the kernel's last axis too."
    refuse_if(shape != wanted, f"The result's shape is {shape}, and it should be {wanted}.{why}")


def check_sources(result, x, kernel, groups):
    """Whether the parts of the result are parts of x and of the kernel, but the wrong ones."""
    made = {
        (i, k): ops.convert_to_numpy(convolve(part, part_kernel))
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
    refuse_if(
        len(set(inputs)) == 1,
        "Every group reads the same channels. Is it the trap of section 4, or does your slice of x "
        "forget the group?",
    )
    refuse_if(
        len(set(kernels)) == 1,
        "Every group uses the same filters. Cut the kernel's last axis too.",
    )
    unread = set(range(groups)) - set(inputs)
    if unread:
        twice = next(i for i in inputs if inputs.count(i) > 1)
        raise AnswerError(
            f"Part {twice + 1} of x is read by more than one group, and part {min(unread) + 1} by "
            f"none. Look where your slices begin."
        )
    refuse_if(
        inputs == kernels,
        f"Each group is right, but their order isn't: your result begins with group "
        f"{inputs[0] + 1}. Put group after group.",
    )
    i, k = next((i, k) for i, k in sources if i != k)
    raise AnswerError(
        f"Part {i + 1} of x meets part {k + 1} of the kernel: both must be of the same group."
    )


EXERCISES = {
    "03-parameters": Exercise(
        one_number(  # 256 → 256 channels, 3×3, 32 groups, no bias
            3 * 3 * 8 * 256,
            {
                3 * 3 * 256 * 256: "This is the standard convolution. What do 32 groups change?",
                3 * 3 * 8 * 256 + 256: "This counts 256 biases as well, and the layer has none.",
                3 * 3 * 8 * 8: "This is one group alone, and there are 32.",
                8 * 256: "This leaves out that a kernel is 3 pixels high and 3 wide.",
                3 * 3 * 32 * 256: "This lets a filter read 32 channels. 32 is the number of "
                "groups: how many channels are in one?",
            },
            otherwise="Think of one filter first: how many channels does it read, at how many "
            "pixels?",
        ),
        praise="A filter reads 256 / 32 = 8 channels, so it is 3 · 3 · 8 · 256 = 18,432.",
        hints=(
            "Start with one filter. How many of the 256 channels does it read?",
            "A filter reads 256 / 32 = 8 channels, at 3 × 3 pixels. There are 256 filters.",
        ),
        solution="A standard convolution has 32 times as many: 589,824.\n"
        "answer = 3 * 3 * (256 // 32) * 256  # 18,432",
    ),
    "03-who-sees": Exercise(
        channels(  # 64 input channels, 128 filters, 16 groups: who sees input channel 5?
            set(range(8, 16)),
            {
                frozenset(range(4, 8)): "These are the input channels of the right group. The "
                "group has more filters than input channels: which are they?",
                frozenset(range(9, 17)): "Nearly: these are the right ones, but counted from 1.",
                frozenset(range(16, 24)): "This is one group too far. Channels count from 0.",
                frozenset(range(128)): "In a standard convolution all would see it. Here are 16 "
                "groups.",
            },
            otherwise="First find the group of input channel 5, then all filters of this group.",
        ),
        praise="Input channel 5 is in the second group, whose 8 filters are 8 to 15.",
        hints=(
            "How many input channels does a group have? In which group is channel 5?",
            "A group has 64 / 16 = 4 input channels: channel 5 is in the second group. "
            "How many filters does a group have?",
            "connections(64, 128, 16)[5] is channel 5's row in the table, "
            "and np.flatnonzero(row) tells where a row is True.",
        ),
        solution="""\
A group has 64 / 16 = 4 input channels and 128 / 16 = 8 filters.
First group: inputs 0 to 3, outputs 0 to 7. Second: inputs 4 to 7, outputs 8 to 15.
answer = range(8, 16)""",
    ),
    "03-dead-channels": Exercise(
        channels(  # the notebook's ``mystery`` reads the channels 0-3, 3-6 and 6-9 of 12
            {10, 11},
            {
                frozenset(): "There are some. What does a row of probe(mystery, 12) without a True "
                "mean?",
                frozenset({11, 12}): "Nearly: count the channels from 0.",
                frozenset(range(10)): "These are the channels that live. Which ones are left?",
                frozenset({3, 6}): "Two groups read these, so they live. Which does no group read?",
            },
            otherwise="Call probe(mystery, 12): which rows of the table hold no True at all?",
        ),
        praise="The slices are 0-3, 3-6 and 6-9, for start = g * len(branches) should be g * 4.",
        hints=(
            "Row i of probe(mystery, 12) says which outputs change with input i.",
            "probe(mystery, 12).any(axis=1) is True for each channel that lives.",
        ),
        solution="""\
The slices start at g * len(branches): 0-3, 3-6 and 6-9. Right is start = g * 4.
answer = np.flatnonzero(~probe(mystery, 12).any(axis=1))  # 10 and 11""",
    ),
    "03-diagnose": Exercise(
        diagnoses(DIAGNOSES, clue=lambda letter, name: CLUES[DIAGNOSES[letter]]),
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
        solution=f"""\
A: input 0 feeds outputs 0, 3, 6, 9: results stacked, then flattened.
B: inputs 0-7 dead, 8-11 feed all: late binding.
C: the right table, but other numbers than by_loop: the kernel is cut along the wrong axis.
D: 4 blocks of 3 channels. It stands in a well-known book, whose block gives the layer
channels / groups as its number of groups.
E: the right table and the right numbers.
F: inputs 0-3 dead, 8-11 read twice.
G: inputs 0-3 feed outputs 8-11.
answer = {DIAGNOSES}""",
    ),
    "03-by-hand": Exercise(
        check_by_hand,
        praise="It gives the same numbers as the course's own layer, in four sizes.",
        hints=(
            "ops.split(x, groups, axis=-1) cuts the channels into equal parts. "
            "The kernel needs a cut too.",
            "Cut the kernel at its last axis, the filters. "
            "Its third axis holds the channels of one group already.",
            "For each pair of parts: convolve(part, part_kernel). "
            "Then ops.concatenate(results, axis=-1).",
        ),
        solution=f"""\
Both are cut at their last axis: x into its channels of each group, the kernel into its filters of
each group. The results stand side by side in the same order.

{getsource(grouped_convolution)}""",
    ),
}
