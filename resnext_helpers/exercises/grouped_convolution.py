"""The exercises of notebook 03."""

from itertools import islice

import keras
import numpy as np
from keras import ops

from resnext_helpers.exercises._exercise import Exercise, is_number

from ..layers import GroupedConv2D

_CASES = ((8, 8, 4), (6, 12, 3), (12, 4, 2), (4, 4, 1))  # channels, filters, groups
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


def _function_is_wrong(answer):
    """Try a learner's ``grouped_convolution(x, kernel, groups)`` on layers of several shapes."""
    if not callable(answer):
        return "The answer is the function itself: answer = grouped_convolution, without brackets."
    for channels, filters, groups in _CASES:
        x = keras.random.normal((2, 5, 6, channels), seed=channels)
        kernel = keras.random.normal((3, 3, channels // groups, filters), seed=filters)
        try:
            result = answer(x, kernel, groups)
            if result is not None:
                result = ops.convert_to_numpy(result)
            wrong = _result_is_wrong(result, x, kernel, groups)
        except Exception as error:  # whatever a learner's code may raise
            wrong = f"your function stopped with {type(error).__name__}: {error}"
        if wrong:
            return f"With {channels} channels, {filters} filters and {groups} groups, {wrong}"
    return None


def _result_is_wrong(result, x, kernel, groups):
    if result is None:
        return "your function returned None. Does it end with return?"
    wanted = _convolve(x, kernel, groups)
    if result.shape != wanted.shape:
        return _shape_is_wrong(result.shape, wanted.shape, groups)
    if np.allclose(result, wanted, atol=1e-4):
        return None
    if any(np.allclose(result, wrong, atol=1e-4) for wrong in _one_input(x, kernel, groups)):
        return (
            "every group reads the same channels. Is it the trap of section 4, "
            "or does your slice of x forget the group?"
        )
    if any(np.allclose(result, wrong, atol=1e-4) for wrong in _one_kernel(x, kernel, groups)):
        return "every group uses the same filters. Cut the kernel's last axis too."
    if _reordered(result, wanted):
        return "all output channels are right, but their order isn't: put group after group."
    return "the shape is right, but the numbers aren't. Compare one group with its own convolution."


def _shape_is_wrong(shape, wanted, groups):
    what = f"the result's shape is {shape}, and it should be {wanted}."
    if shape[1:3] == (wanted[1] - 2, wanted[2] - 2):
        return f'{what} The border is missing: use padding="same".'
    if shape == (*wanted[:3], wanted[3] // groups):
        return f"{what} This is one group: concatenate the results of all groups."
    return what


def _convolve(x, kernel, groups):
    layer = GroupedConv2D(
        kernel.shape[-1], 3, groups=groups, padding="same", implementation="split"
    )
    layer.build(x.shape)
    layer.set_weights([kernel])
    return ops.convert_to_numpy(layer(x))


def _one_input(x, kernel, groups):
    """What comes out where all groups read the first group's channels, the second's, and so on."""
    for part in ops.split(x, groups, axis=-1):
        yield _convolve(ops.tile(part, (1, 1, 1, groups)), kernel, groups)


def _one_kernel(x, kernel, groups):
    """What comes out where all groups use the first group's filters, the second's, and so on."""
    for part in ops.split(kernel, groups, axis=-1):
        yield _convolve(x, ops.tile(part, (1, 1, 1, groups)), groups)


def _reordered(result, wanted):
    """Whether each wanted channel is somewhere in the result."""
    found = np.moveaxis(result, -1, 0)
    return all(
        any(np.allclose(channel, other, atol=1e-4) for other in found)
        for channel in np.moveaxis(wanted, -1, 0)
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
    "03-by-hand": Exercise(
        what_is_wrong=_function_is_wrong,
        praise="It gives the same numbers as the course's own layer, in four sizes.",
        hints=(
            "ops.split(x, groups, axis=-1) cuts the channels into equal parts. "
            "The kernel needs a cut too.",
            "Cut the kernel at its last axis, the filters. "
            "Its third axis holds the channels of one group already.",
            'For each pair of parts: ops.conv(part, part_kernel, padding="same"). '
            "Then ops.concatenate(results, axis=-1).",
        ),
        solution="""\
def grouped_convolution(x, kernel, groups):
    parts = ops.split(x, groups, axis=-1)
    kernels = ops.split(kernel, groups, axis=-1)
    results = [ops.conv(p, k, padding="same") for p, k in zip(parts, kernels)]
    return ops.concatenate(results, axis=-1)


answer = grouped_convolution""",
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
}
