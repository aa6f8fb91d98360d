"""Wrong grouped convolutions, as people write them, for learners to diagnose.

Each is a function of ``x`` (batch, height, width, channels), ``kernel`` (kernel height, kernel
width, channels / groups, filters), ``groups`` and ``convolve``, a standard convolution; it returns
(batch, height, width, filters), as the right one does.
"""

from functools import partial

import keras
from keras import ops

SUSPECT_CHANNELS, SUSPECT_GROUPS = 12, 3


def convolve(x, kernel):
    """A standard convolution with zero padding: the kernel is for all channels of ``x``.

    Args:
        x: ``(batch, height, width, channels)``.
        kernel: ``(kernel height, kernel width, channels, filters)``.

    Raises:
        ValueError: the kernel is for another number of channels. (Keras would compute a grouped
            convolution, if it can.)
    """
    if x.shape[-1] != kernel.shape[2]:
        raise ValueError(
            f"x has {x.shape[-1]} channels, but this kernel is for {kernel.shape[2]} channels"
        )
    return ops.conv(x, kernel, padding="same")


def right(x, kernel, groups, convolve):
    """The right one: both are cut at their last axis, and the results are joined in order."""
    parts, kernels = ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1)
    return ops.concatenate(list(map(convolve, parts, kernels)), axis=-1)


def last_for_all(x, kernel, groups, convolve):
    """The article's loop: ``g`` is looked up when the lambda is called, after the loop."""
    width = x.shape[-1] // groups
    cuts = [lambda x: x[..., g * width : (g + 1) * width] for g in range(groups)]  # noqa: B023
    kernels = ops.split(kernel, groups, axis=-1)
    results = [convolve(cut(x), k) for cut, k in zip(cuts, kernels, strict=True)]
    return ops.concatenate(results, axis=-1)


def swapped(x, kernel, groups, convolve):
    """As many channels in a group as there should be groups, as in a well-known book."""
    width = groups
    starts = range(0, x.shape[-1], width)
    filters = kernel.shape[-1] // len(starts)
    parts = [x[..., start : start + width] for start in starts]
    kernels = [kernel[..., i * filters : (i + 1) * filters] for i in range(len(starts))]
    return ops.concatenate(list(map(convolve, parts, kernels)), axis=-1)


def one_twice(x, kernel, groups, convolve):
    """Every slice is taken one group too late; the last group has none behind it."""
    parts, kernels = ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1)
    parts = [parts[min(g + 1, groups - 1)] for g in range(groups)]
    return ops.concatenate(list(map(convolve, parts, kernels)), axis=-1)


def wrong_order(x, kernel, groups, convolve):
    """Each result is put before the others instead of behind them."""
    results = ops.split(right(x, kernel, groups, convolve), groups, axis=-1)
    return ops.concatenate(results[::-1], axis=-1)


def mixed(x, kernel, groups, convolve):
    """The results are stacked at a new last axis, and then flattened."""
    results = ops.split(right(x, kernel, groups, convolve), groups, axis=-1)
    return ops.reshape(ops.stack(results, axis=-1), (*x.shape[:3], -1))


def wrong_axis(x, kernel, groups, convolve):
    """The groups are looked for in the kernel's third axis, and they are in its last one."""
    height, width, channels, filters = kernel.shape
    cut = ops.reshape(kernel, (height, width, groups, channels, filters // groups))
    kernels = [cut[:, :, g] for g in range(groups)]
    return ops.concatenate(list(map(convolve, ops.split(x, groups, axis=-1), kernels)), axis=-1)


_LINE_UP = {
    "A": mixed,
    "B": last_for_all,
    "C": wrong_axis,
    "D": swapped,
    "E": right,
    "F": one_twice,
    "G": wrong_order,
}


def line_up():
    """The suspects of notebook 03: layers with 12 input channels, 12 filters and 3 groups.

    Returns:
        A dict of functions of ``x`` by letter, and the kernel that all of them were given.
    """
    per_group = SUSPECT_CHANNELS // SUSPECT_GROUPS
    kernel = keras.random.normal((3, 3, per_group, SUSPECT_CHANNELS), seed=1)
    suspects = {}
    for letter, layer in _LINE_UP.items():
        # Groups and width swapped leave 3 channels a group, and so need a smaller kernel.
        own = kernel[:, :, :SUSPECT_GROUPS] if layer is swapped else kernel
        suspects[letter] = partial(layer, kernel=own, groups=SUSPECT_GROUPS, convolve=convolve)
    return suspects, kernel


def name(layer):
    """What learners call it: ``"last for all"``."""
    return layer.__name__.replace("_", " ")


DIAGNOSES = {letter: name(layer) for letter, layer in _LINE_UP.items()}
_CLUES = {
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


def diagnoses_are_wrong(answer):
    """What is wrong with a learner's dict of diagnoses by letter, or None."""
    if not isinstance(answer, dict):
        return 'The answer is a dictionary, for example {"A": "right", "B": "swapped"}.'
    for letter, diagnosis in answer.items():
        if letter not in DIAGNOSES:
            return f"There is no suspect {letter!r}: the letters are A to G."
        if not isinstance(diagnosis, str) or diagnosis not in _CLUES:
            return f"{letter}: {diagnosis!r} is no name in the table of faults."
        if diagnosis != DIAGNOSES[letter]:
            return f"{letter} is not {diagnosis!r}. {_CLUES[DIAGNOSES[letter]]}"
    missing = [letter for letter in DIAGNOSES if letter not in answer]
    return f"Right so far. These are left: {', '.join(missing)}." if missing else None
