"""Tries a grouped convolution that a learner has written, and says what is wrong with it."""

import keras
import numpy as np
from keras import ops

from resnext_course.exercises.wrong_convolutions import convolve, wrong_axis
from resnext_helpers.layers import GroupedConv2D

# Channels, filters, groups. In the first, each mistake shows itself: the numbers of groups, of
# channels in a group and of filters in a group differ, and the kernel's third axis can be cut too.
_CASES = ((18, 36, 3), (6, 12, 3), (12, 4, 2), (4, 4, 1))


class _Convolve:
    """The convolution that the learner's function gets; it keeps what it was called with."""

    def __init__(self):
        self.calls = []  # channels of x, shape of the kernel

    def __call__(self, x, kernel):
        self.calls.append((x.shape[-1], tuple(kernel.shape)))
        return convolve(x, kernel)


def function_is_wrong(answer):
    """Try ``answer(x, kernel, groups, convolve)`` on layers of several shapes.

    Returns:
        A sentence that helps, or None if the function is right.
    """
    if not callable(answer):
        return "The answer is the function itself: answer = grouped_convolution, without brackets."
    for channels, filters, groups in _CASES:
        x = keras.random.normal((2, 5, 6, channels), seed=channels)
        kernel = keras.random.normal((3, 3, channels // groups, filters), seed=filters)
        spy = _Convolve()
        try:
            result = answer(x, kernel, groups, spy)
            if result is not None:
                result = ops.convert_to_numpy(result)
            wrong = _result_is_wrong(result, x, kernel, groups, spy.calls)
        except Exception as error:  # whatever a learner's code may raise
            wrong = _call_is_wrong(spy.calls, x, kernel, groups)
            wrong = wrong or f"your function stopped with {type(error).__name__}: {error}"
        if wrong:
            parts = "1 group" if groups == 1 else f"{groups} groups"
            return f"With {channels} channels, {filters} filters and {parts}, {wrong}"
    return None


def _call_is_wrong(calls, x, kernel, groups):
    """Whether the last call of ``convolve`` mixed what doesn't fit, and why."""
    if not calls or calls[-1][0] == calls[-1][1][2]:
        return None
    part, (_, _, seen, filters) = calls[-1]
    channels, per_group = x.shape[-1], kernel.shape[2]
    if part == channels and seen == per_group:
        return (
            "convolve got all channels of x. It is a standard convolution: "
            "cut x into groups first, and call it once for each group."
        )
    if part == groups and seen == per_group:
        return (
            f"your parts of x have {groups} channels, and {groups} is the number of groups: "
            f"the two are swapped. A group has {channels} / {groups} = {per_group} channels."
        )
    if part == per_group and seen < per_group and filters == kernel.shape[-1]:
        return (
            "the kernel is cut along the wrong axis. Its third axis holds the channels of one "
            "group already: cut its last axis, the filters."
        )
    return f"convolve got {part} channels of x, but a kernel for {seen} channels."


def _result_is_wrong(result, x, kernel, groups, calls):
    if result is None:
        return "your function returned None. Does it end with return?"
    if not calls:
        return (
            "your function never called convolve. Cut x and kernel into groups yourself, "
            "and let convolve(part, part_kernel) compute each of them."
        )
    wanted = _right(x, kernel, groups)
    if result.shape != wanted.shape:
        return _shape_is_wrong(result.shape, wanted.shape, groups)
    if np.allclose(result, wanted, atol=1e-4):
        return None
    return (
        _sources_are_wrong(_sources(result, x, kernel, groups))
        or _channels_are_mixed(result, wanted)
        or _kernel_is_cut_wrong(result, x, kernel, groups)
        or "the shape is right, but the numbers aren't. Compare one group with its own convolution."
    )


def _shape_is_wrong(shape, wanted, groups):
    what = f"the result's shape is {shape}, and it should be {wanted}."
    if shape == (*wanted[:3], wanted[3] // groups):
        return f"{what} This is one group: concatenate the results of all groups."
    if shape == (*wanted[:3], wanted[3] * groups):
        return f"{what} Each group uses all filters: cut the kernel's last axis too."
    return what


def _sources(result, x, kernel, groups):
    """For each part of the result, ``(i, k)``: part i of x, convolved with part k of the kernel.

    None stands where a part of the result is nothing of the kind.
    """
    candidates = {
        (i, k): ops.convert_to_numpy(convolve(part, part_kernel))
        for i, part in enumerate(ops.split(x, groups, axis=-1))
        for k, part_kernel in enumerate(ops.split(kernel, groups, axis=-1))
    }
    return [
        next((pair for pair, one in candidates.items() if np.allclose(one, part, atol=1e-4)), None)
        for part in np.split(result, groups, axis=-1)
    ]


def _sources_are_wrong(sources):
    if None in sources:
        return None
    inputs, kernels = ([source[side] for source in sources] for side in (0, 1))
    every = set(range(len(sources)))
    if len(set(inputs)) == 1:
        return (
            "every group reads the same channels. Is it the trap of section 4, "
            "or does your slice of x forget the group?"
        )
    if len(set(kernels)) == 1:
        return "every group uses the same filters. Cut the kernel's last axis too."
    if set(inputs) != every:
        twice = next(i for i in inputs if inputs.count(i) > 1)
        return (
            f"part {twice + 1} of x is read by more than one group, "
            f"and part {min(every - set(inputs)) + 1} by none. Look where your slices begin."
        )
    if inputs == kernels:
        return (
            f"each group is right, but their order isn't: your result begins with group "
            f"{inputs[0] + 1}. Put group after group."
        )
    i, k = next((i, k) for i, k in sources if i != k)
    return f"part {i + 1} of x meets part {k + 1} of the kernel: both must be of the same group."


def _channels_are_mixed(result, wanted):
    """Whether each wanted channel is somewhere in the result."""
    found = np.moveaxis(result, -1, 0)
    mixed = all(
        any(np.allclose(channel, other, atol=1e-4) for other in found)
        for channel in np.moveaxis(wanted, -1, 0)
    )
    return (
        "all output channels are right, but the groups are mixed: "
        "all channels of the first group come first. Concatenate at the last axis."
        if mixed
        else None
    )


def _kernel_is_cut_wrong(result, x, kernel, groups):
    mutant = ops.convert_to_numpy(wrong_axis(x, kernel, groups, convolve))
    return (
        "the kernel is cut along the wrong axis: each group's filters are a mixture. "
        "Groups are neighbours in the kernel's last axis, not in its third."
        if np.allclose(result, mutant, atol=1e-4)
        else None
    )


def _right(x, kernel, groups):
    layer = GroupedConv2D(
        kernel.shape[-1], 3, groups=groups, padding="same", implementation="split"
    )
    layer.build(x.shape)
    layer.set_weights([kernel])
    return ops.convert_to_numpy(layer(x))
