"""Drawings of what a convolution connects.

Every line and every filled square comes from a boolean array ``feeds`` of shape
``(channels, filters)``, which is True at ``[i, o]`` where output channel ``o`` reads input channel
``i``. The notebooks get it from real layers, so a drawing shows what a layer does.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch, Rectangle

from resnext_helpers.plots import CYCLE, Picture

LINE_STYLES = ["-", "--", "-.", ":"]  # the second cue beside a group's colour
DEAD = "#767676"
ZEROS = {"facecolor": "#E8E8E8", "edgecolor": DEAD, "hatch": "..."}
READABLE = 16  # up to so many channels, a square of the table has room for a number


def connections(panels):
    """Input channels on the left, output channels on the right, a line where one feeds the other.

    Each group has a colour, a line style and a label. An input channel that feeds nothing is grey,
    with a broken edge and the word "dead".

    Args:
        panels: ``(feeds, groups)`` by title, one drawing each; about ten channels are readable.

    Returns:
        A ``Picture``; ``data["pairs"]`` holds the set of drawn ``(input, output)`` pairs by title.
    """
    largest = max(max(feeds.shape) for feeds, _ in panels.values())
    size = (4.8 * len(panels), 1.6 + 0.48 * largest)
    figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False)
    alt = "Input channels on the left, output channels on the right, lines between them."
    for axis, (title, (feeds, groups)) in zip(axes.flat, panels.items(), strict=True):
        _draw_connections(axis, feeds, groups)
        axis.set_title(f"{title}\n{feeds.sum()} connections")
        alt += f" {title}: {feeds.sum()} lines; {_in_words(feeds)}."
    pairs = {title: _pairs(feeds) for title, (feeds, _) in panels.items()}
    return Picture(figure, alt, pairs=pairs)


def kernel_matrix(feeds, groups, *, blocks=None, title=""):
    """The kernel as a table: a row for each input channel, a column for each filter.

    A square is filled where the filter has weights for the channel, in the colour of its group.

    Args:
        feeds: boolean ``(channels, filters)``.
        groups: number of groups.
        blocks: number of convolutions that the groups are merged into, or None. A merged
            convolution also multiplies by the zeros between its groups: they are hatched.
        title: the drawing's title.

    Returns:
        A ``Picture``; ``data`` holds the numbers of ``filled`` and of ``hatched`` squares.
    """
    channels, filters = feeds.shape
    computed = np.zeros_like(feeds)
    figure, axis = plt.subplots(figsize=(6.4, 6.0))
    for block in range(blocks or 0):
        rows, columns = _span(block, blocks, channels), _span(block, blocks, filters)
        computed[rows, columns] = True
        axis.add_patch(_rectangle(rows, columns, **ZEROS))
    for i, o in _pairs(feeds):
        color = _color(_group(i, channels, groups))
        axis.add_patch(Rectangle((o, i), 1, 1, facecolor=color, edgecolor=color))
    if max(channels, filters) <= READABLE:
        _number_squares(axis, feeds, groups)
    else:
        axis.set(xticks=[], yticks=[])
    if blocks:
        _explain_hatching(axis)
    axis.set(xlim=(0, filters), ylim=(channels, 0), aspect="equal", title=title)
    axis.set(xlabel=f"{filters} filters (output channels)", ylabel=f"{channels} input channels")
    axis.spines[["top", "right"]].set_visible(True)
    axis.grid(False)

    filled, hatched = int(feeds.sum()), int((computed & ~feeds).sum())
    alt = f"A table of {channels} input channels by {filters} filters. "
    alt += f"{filled} squares are filled: {_in_words(feeds)}."
    if blocks:
        alt += f" They lie in {blocks} larger squares, which hold {hatched} zeros too."
    return Picture(figure, alt, filled=filled, hatched=hatched)


def _draw_connections(axis, feeds, groups):
    channels, filters = feeds.shape
    left, right = _heights(channels, groups), _heights(filters, groups)
    for i, o in sorted(_pairs(feeds)):
        group = _group(i, channels, groups)
        style = LINE_STYLES[group % len(LINE_STYLES)]
        width = 1.2 if groups == 1 else 2.2
        axis.plot([0, 1], [left[i], right[o]], style, color=_color(group), lw=width, zorder=1)
    for channel, y in enumerate(left):
        color = _color(_group(channel, channels, groups))
        _draw_channel(axis, 0, y, channel, color, dead=not feeds[channel].any())
    for channel, y in enumerate(right):
        _draw_channel(axis, 1, y, channel, _color(_group(channel, filters, groups)))
    for group in range(groups if groups > 1 else 0):
        y = np.mean(right[_span(group, groups, filters)])
        axis.text(1.1, y, f"group {group + 1}", ha="left", va="center_baseline")
    axis.text(0, 0.75, "input", ha="center")
    axis.text(1, 0.75, "output", ha="center")
    axis.set(xlim=(-0.3, 1.45), ylim=(min(left[-1], right[-1]) - 0.5, 1.2))
    axis.axis("off")


def _draw_channel(axis, x, y, number, color, dead=False):
    edge = {"edgecolor": DEAD, "linestyle": "--"} if dead else {"edgecolor": color}
    axis.scatter(x, y, s=480, facecolor="white", linewidth=2.5, **edge)
    axis.text(x, y, number, ha="center", va="center_baseline", color=DEAD if dead else "black")
    if dead:
        axis.text(x - 0.09, y, "dead", ha="right", va="center_baseline", color=DEAD)


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
        rows, columns = _span(group, groups, channels), _span(group, groups, filters)
        x, y = (columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2
        axis.text(x, y, f"group {group + 1}", ha="center", va="center", bbox=label)


def _explain_hatching(axis):
    meanings = [
        Patch(facecolor=_color(0), label="weights, a colour for each group"),
        Patch(**ZEROS, label="zeros, multiplied all the same"),
        Patch(facecolor="white", edgecolor=DEAD, label="never computed"),
    ]
    axis.legend(handles=meanings, loc="upper center", bbox_to_anchor=(0.5, -0.08), frameon=False)


def _rectangle(rows, columns, **style):
    corner = (columns.start, rows.start)
    return Rectangle(corner, columns.stop - columns.start, rows.stop - rows.start, **style)


def _heights(channels, groups):
    """Where the channels stand: one below the other, with a gap between groups."""
    return -np.array([i + 0.5 * _group(i, channels, groups) for i in range(channels)])


def _group(channel, channels, groups):
    return channel * groups // channels


def _span(group, groups, channels):
    width = channels // groups
    return slice(group * width, (group + 1) * width)


def _color(group):
    return CYCLE[group % len(CYCLE)]


def _pairs(feeds):
    return {(int(i), int(o)) for i, o in np.argwhere(feeds)}


def _in_words(feeds):
    """What feeds what; neighbouring input channels with the same outputs share a phrase."""
    phrases = []
    start = 0
    for i in range(1, len(feeds) + 1):
        if i == len(feeds) or (feeds[i] != feeds[start]).any():
            outputs = np.flatnonzero(feeds[start])
            fed = f"outputs {_range(outputs)}" if outputs.size else "nothing"
            phrases.append(f"inputs {_range(range(start, i))} feed {fed}")
            start = i
    if len(phrases) > 8:
        phrases[2:-1] = ["and so on"]
    return ", ".join(phrases)


def _range(channels):
    """``[4, 5, 6]`` as ``4-6``; numbers with holes between them are listed."""
    first, last = channels[0], channels[-1]
    if last - first + 1 != len(channels):
        return " and ".join(map(str, channels))
    return f"{first}-{last}" if last > first else str(first)
