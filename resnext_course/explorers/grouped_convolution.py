"""Explorer: what a grouped convolution connects and what it costs, counted on a real layer."""

import numpy as np

from resnext_course.explorers.panel import Panel, choice
from resnext_course.figures import diagrams
from resnext_helpers import counting
from resnext_helpers.layers import GroupedConv2D

CHANNELS = (4, 6, 8, 12, 16, 32, 64, 128)


def explore():
    """The explorer as a ``Panel``, for a notebook's cell."""
    return Panel(
        draw,
        channels=choice(CHANNELS, "channels in", 8),
        filters=choice(CHANNELS, "channels out (filters)", 8),
        groups=choice((1, 2, 3, *CHANNELS), "groups", 4),
        kernel_size=choice((1, 3, 5, 7), "kernel size", 3),
        side=choice((8, 16, 32, 56), "feature map size", 16),
    )


def draw(channels, filters, groups, kernel_size, side):
    """Draw a grouped convolution; the picture's data are its numbers, counted and by formula.

    The feature map that comes out is ``side`` pixels high and wide.
    """
    if channels % groups or filters % groups:
        raise ValueError(
            f"{channels} input and {filters} output channels can't be split into {groups} equal "
            f"groups: choose groups that divide both."
        )
    weights_wanted = kernel_size**2 * (channels // groups) * filters
    macs_wanted = weights_wanted * side**2
    weights, macs, feeds = measure(channels, filters, groups, kernel_size, side)
    standard_weights, standard_macs, _ = measure(channels, filters, 1, kernel_size, side)
    equal = (weights, macs) == (weights_wanted, macs_wanted)
    kind = "standard convolution" if groups == 1 else f"{groups} groups"
    kind += " (depthwise convolution)" if groups == channels else ""
    picture = diagrams.connections({f"{channels} → {filters} channels, {kind}": (feeds, groups)})
    picture.data = {
        "weights, counted": weights,
        "weights, by formula": f"{kernel_size} · {kernel_size} · ({channels} / {groups})"
        f" · {filters} = {weights_wanted:,}",
        "multiply-adds, counted": macs,
        "multiply-adds, by formula": f"{weights_wanted:,} · {side} · {side} = {macs_wanted:,}",
        "counted = formula": "yes" if equal else "no",
        "standard layer, weights": standard_weights,
        "standard layer, multiply-adds": standard_macs,
        "times fewer": standard_macs // macs,
    }
    return picture


def measure(channels, filters, groups, kernel_size, side):
    """Count what a real layer has and connects; arguments as in ``draw``.

    All its weights are 1. For a feature map of ones, each multiply-add that isn't by zero then adds
    exactly 1 to the output, so the output's sum is their number. And an input channel that alone
    holds ones shows which outputs read it: those that aren't 0.

    Returns the number of weights, the number of multiply-adds, and which input channel feeds which
    output channel, as a boolean ``(channels, filters)``.
    """
    layer = GroupedConv2D(
        filters, kernel_size, groups=groups, kernel_initializer="ones", dtype="float32"
    )
    edge = side + kernel_size - 1  # the layer doesn't pad
    sums = np.asarray(layer(np.ones((1, edge, edge, channels), "float32")))
    one_channel_each = np.zeros((channels, kernel_size, kernel_size, channels), "float32")
    one_channel_each[range(channels), ..., range(channels)] = 1
    feeds = np.asarray(layer(one_channel_each)).reshape(channels, filters) > 0.5
    # Each sum is exact; only their total is too large for the 24 bits of a float32.
    return counting.trainable_parameters(layer), int(sums.astype(np.int64).sum()), feeds
