"""Drawings of what a convolution connects.

Every line and every filled square comes from a boolean array ``feeds`` of shape
``(channels, filters)``, which is True at ``[i, o]`` where output channel ``o`` reads input channel
``i``. The notebooks get it from real layers, so a drawing shows what a layer does.
"""

import itertools

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import Patch, Rectangle

from resnext_helpers.plots import CYCLE, Picture

LINE_STYLES = ["-", "--", "-.", ":"]  # the second cue beside a group's colour
DEAD = "#767676"
ZEROS = {"facecolor": "#E8E8E8", "edgecolor": DEAD, "hatch": "..."}
READABLE = 16  # up to so many channels, there is room for a number on each
WIDEST = 11  # inches
GAP = 0.5  # between two groups, in steps from channel to channel


def connections(panels):
    """Input channels above, output channels below, a line where one feeds the other.

    Each group has a colour and a line style, and up to 16 channels also have their numbers and
    their groups' names. An input channel that feeds nothing is grey, with a broken edge and the
    word "dead".

    Args:
        panels: ``(feeds, groups)`` by title, one drawing each, side by side.

    Returns:
        A ``Picture``; ``data["pairs"]`` holds the set of drawn ``(input, output)`` pairs by title.
    """
    longest = max(max(_places(n, groups)) for feeds, groups in panels.values() for n in feeds.shape)
    width = min(WIDEST, len(panels) * max(4.2, 1.8 + 0.7 * longest))
    figure, axes = plt.subplots(1, len(panels), figsize=(width, 3.7), squeeze=False)
    alt = "Input channels above, output channels below, lines between them."
    for axis, (title, (feeds, groups)) in zip(axes.flat, panels.items(), strict=True):
        _draw_connections(axis, feeds, groups, inches=width / len(panels) - 1)
        axis.set_title(f"{title}\n{feeds.sum()} connections")
        alt += f" {title}: {feeds.sum()} lines; {_in_words(feeds)}."
    pairs = {
        title: {(int(i), int(o)) for i, o in np.argwhere(feeds)}
        for title, (feeds, _) in panels.items()
    }
    return Picture(figure, alt, pairs=pairs)


def kernel_matrix(feeds, groups, *, blocks=0, title=""):
    """The kernel as a table: a row for each input channel, a column for each filter.

    A square is filled where the filter has weights for the channel, in the colour of its group.

    Args:
        feeds: boolean ``(channels, filters)``.
        groups: number of groups.
        blocks: number of convolutions that the groups are merged into. A merged convolution also
            multiplies by the zeros between its groups: they are hatched.
        title: the drawing's title.

    Returns:
        A ``Picture``; ``data`` holds the numbers of ``filled`` and of ``hatched`` squares.
    """
    channels, filters = feeds.shape
    figure, axis = plt.subplots(figsize=(9.4 if blocks else 5.4, 4.9))
    computed = np.zeros_like(feeds)
    for block in range(blocks):
        rows, columns = _span(block, blocks, channels), _span(block, blocks, filters)
        computed[rows, columns] = True
        size = columns.stop - columns.start, rows.stop - rows.start
        axis.add_patch(Rectangle((columns.start, rows.start), *size, **ZEROS))
    squares = np.zeros((channels, filters, 4))  # transparent where nothing is filled
    for i, o in np.argwhere(feeds):
        squares[i, o] = to_rgba(_color(_group(i, channels, groups)))
    axis.imshow(squares, extent=(0, filters, channels, 0), zorder=2)
    if max(channels, filters) <= READABLE:
        _number_squares(axis, feeds, groups)
    else:
        axis.set(xticks=[], yticks=[])
    if blocks:
        weights = Patch(facecolor=_color(0), label="weights, a colour for each group")
        zeros = Patch(**ZEROS, label="zeros, multiplied all the same")
        axis.legend(
            handles=[weights, zeros], loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False
        )
    axis.set(xlim=(0, filters), ylim=(channels, 0), title=title)
    axis.set(xlabel=f"{filters} filters (output channels)", ylabel=f"{channels} input channels")
    axis.spines[["top", "right"]].set_visible(True)
    axis.grid(False)

    filled, hatched = int(feeds.sum()), int((computed & ~feeds).sum())
    alt = f"A table of {channels} input channels by {filters} filters. "
    alt += f"{filled} squares are filled: {_in_words(feeds)}."
    if blocks:
        alt += f" They lie in {blocks} larger squares, which hold {hatched} zeros too."
    return Picture(figure, alt, filled=filled, hatched=hatched)


def _number_squares(axis, feeds, groups):
    """Number the channels and the groups, and write a 0 where a filter has no weights."""
    channels, filters = feeds.shape
    axis.set_xticks(np.arange(filters) + 0.5, range(filters))
    axis.set_yticks(np.arange(channels) + 0.5, range(channels))
    axis.tick_params(length=0)
    for i, o in np.argwhere(~feeds):
        axis.text(o + 0.5, i + 0.5, "0", ha="center", va="center", color=DEAD)
    label = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    for group in range(groups):
        x, y = ((group + 0.5) * size / groups for size in (filters, channels))
        axis.text(x, y, f"group {group + 1}", ha="center", va="center", bbox=label)


def _draw_connections(axis, feeds, groups, inches):
    """Draw one panel; ``inches`` is about how long its rows of channels are."""
    # Both rows are equally long, so that a group's outputs stand below its inputs.
    above, below = (_places(n, groups) / max(1, _places(n, groups)[-1]) for n in feeds.shape)
    readable = max(feeds.shape) <= READABLE
    for group in range(groups):
        ends = [
            [(above[i], 1), (below[o], 0)]
            for i, o in np.argwhere(feeds)
            if _group(i, len(above), groups) == group
        ]
        style = {"color": _color(group), "linestyle": LINE_STYLES[group % len(LINE_STYLES)]}
        style["linewidth"] = 0.6 if not readable else 1.2 if groups == 1 else 2.2
        # Thousands of smoothed lines would take seconds.
        axis.add_collection(LineCollection(ends, antialiased=readable, zorder=1, **style))
    _draw_channels(axis, "input", above, 1, groups, readable, dead=~feeds.any(axis=1))
    _draw_channels(axis, "output", below, 0, groups, readable, dead=np.zeros(len(below), bool))
    turned = inches / groups < 0.8  # a group's name is longer than the group is wide
    for group in range(groups if readable and groups > 1 else 0):
        x = np.mean(below[_span(group, groups, len(below))])
        style = {"ha": "center", "va": "top", "rotation": 90 if turned else 0}
        axis.text(x, -0.2, f"group {group + 1}", **style)
    axis.set(xlim=(-0.07, 1.07), ylim=(-0.8 if readable and turned else -0.4, 1.35))
    axis.axis("off")


def _draw_channels(axis, name, row, y, groups, readable, dead):
    colors = [
        DEAD if gone else _color(_group(channel, len(row), groups))
        for channel, gone in enumerate(dead)
    ]
    style = {"facecolor": "white", "edgecolor": colors, "linewidth": 2.5, "zorder": 2}
    lines = np.where(dead, "--", "-")
    axis.scatter(row, [y] * len(row), 480 if readable else 8, linestyle=lines, **style)
    for channel, x in enumerate(row if readable else ()):
        color = DEAD if dead[channel] else "black"
        axis.text(x, y, channel, ha="center", va="center_baseline", color=color)
    for x in row[dead] if readable else ():
        axis.text(x, y + 0.17, "dead", ha="center", color=DEAD, fontsize=12)
    left = {"xytext": (-20, 0), "textcoords": "offset points", "ha": "right"}
    axis.annotate(name, (0, y), va="center_baseline", **left)


def _places(channels, groups):
    """Where the channels stand, from left to right: 0, 1, ..., with a gap between groups."""
    return np.array([i + GAP * _group(i, channels, groups) for i in range(channels)])


def _group(channel, channels, groups):
    return channel * groups // channels


def _span(group, groups, channels):
    width = channels // groups
    return slice(group * width, (group + 1) * width)


def _color(group):
    return CYCLE[group % len(CYCLE)]


def _in_words(feeds):
    """What feeds what; neighbouring input channels with the same outputs share a phrase."""
    phrases = []
    same = itertools.groupby(range(len(feeds)), key=lambda i: tuple(np.flatnonzero(feeds[i])))
    for outputs, inputs in same:
        fed = f"outputs {_range(outputs)}" if outputs else "nothing"
        phrases.append(f"inputs {_range(list(inputs))} feed {fed}")
    if len(phrases) > 8:
        phrases[2:-1] = ["and so on"]
    return ", ".join(phrases)


def _range(channels):
    """``[4, 5, 6]`` as ``4-6``; numbers with holes between them are listed."""
    first, last = channels[0], channels[-1]
    if last - first + 1 != len(channels):
        return " and ".join(map(str, channels))
    return f"{first}-{last}" if last > first else str(first)
