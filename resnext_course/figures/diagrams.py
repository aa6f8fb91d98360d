"""Drawings of what a convolution connects.

Every line and every filled square comes from a boolean array ``feeds`` of shape
``(channels, filters)``, which is True at ``[i, o]`` where output channel ``o`` reads input channel
``i``. The notebooks get it from real layers, so a drawing shows what a layer does.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch, Rectangle

from resnext_helpers.plots import CYCLE, Picture

LINE_STYLES = ["-", "--", "-.", ":"]  # the second cue beside a group's colour
DEAD = "#767676"
ZEROS = {"facecolor": "#E8E8E8", "edgecolor": DEAD, "hatch": "..."}
READABLE = 16  # up to so many channels, there is room for a number on each


def connections(panels):
    """Input channels above, output channels below, a line where one feeds the other.

    Each group has a colour and a line style, and up to 16 channels also have their numbers and
    their groups' names. An input channel that feeds nothing is grey, with a broken edge and the
    word "dead".

    Args:
        panels: ``(feeds, groups)`` by title, one drawing each, side by side.
    """
    count = len(panels)
    figure, axes = plt.subplots(1, count, figsize=(min(11, 8 * count), 3.7), squeeze=False)
    alt = "Input channels above, output channels below, lines between them."
    for axis, (title, (feeds, groups)) in zip(axes.flat, panels.items(), strict=True):
        _draw_connections(axis, feeds, groups)
        axis.set_title(f"{title}\n{feeds.sum()} connections")
        alt += f" {title}: {feeds.sum()} lines, {feeds.sum(axis=0).max()} to an output"
        alt += f", and {(~feeds.any(axis=1)).sum()} dead inputs."
    return Picture(figure, alt)


def kernel_matrix(feeds, groups, *, blocks=0, title):
    """The kernel as a table: a row for each input channel, a column for each filter.

    A square is filled where the filter has weights for the channel, in the colour of its group.

    Args:
        feeds: boolean ``(channels, filters)``.
        groups: number of groups.
        blocks: number of convolutions that the groups are merged into. A merged convolution also
            multiplies by the zeros between its groups: they are hatched.
        title: the drawing's title.
    """
    channels, filters = feeds.shape
    figure, axis = plt.subplots(figsize=(9.4 if blocks else 5.4, 4.9))
    colors = np.where(feeds, _groups(channels, groups)[:, None] % len(CYCLE), np.nan)
    axis.imshow(colors, ListedColormap(CYCLE), vmin=-0.5, vmax=len(CYCLE) - 0.5, zorder=2)
    axis.set(xticks=[], yticks=[], title=title)
    axis.set(xlabel=f"{filters} filters (output channels)", ylabel=f"{channels} input channels")
    axis.spines[["top", "right"]].set_visible(True)
    axis.grid(False)
    if max(channels, filters) <= READABLE:
        axis.set(xticks=range(filters), yticks=range(channels))
        axis.tick_params(length=0)
        centred = {"ha": "center", "va": "center"}
        for i, o in np.argwhere(~feeds):
            axis.text(o, i, "0", color=DEAD, **centred)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        for group in range(groups):
            x, y = ((group + 0.5) * size / groups - 0.5 for size in (filters, channels))
            axis.text(x, y, f"group {group + 1}", bbox=box, **centred)
    alt = f"A table of {channels} input channels by {filters} filters. {feeds.sum()} squares are "
    alt += f"filled, {feeds.sum(axis=0).max()} in a column, in the colours of {groups} groups."
    if blocks:
        height, width = channels / blocks, filters / blocks
        for block in range(blocks):
            corner = block * width - 0.5, block * height - 0.5
            axis.add_patch(Rectangle(corner, width, height, **ZEROS))
        weights = Patch(facecolor=CYCLE[0], label="weights, a colour for each group")
        zeros = Patch(**ZEROS, label="zeros, multiplied all the same")
        beside = {"loc": "center left", "bbox_to_anchor": (1.02, 0.5), "frameon": False}
        axis.legend(handles=[weights, zeros], **beside)
        hatched = feeds.size // blocks - feeds.sum()
        alt += f" They lie in {blocks} larger squares, which hold {hatched} zeros too."
    return Picture(figure, alt)


def _draw_connections(axis, feeds, groups):
    readable = max(feeds.shape) <= READABLE
    group_of = [_groups(channels, groups) for channels in feeds.shape]
    # A gap between groups. Both rows are equally long: a group's outputs stand below its inputs.
    places = [np.arange(len(group)) + group / 2 for group in group_of]
    above, below = (row / row[-1] for row in places)
    of_line = group_of[0][np.argwhere(feeds)[:, 0]]
    lines = LineCollection(
        [[(above[i], 1), (below[o], 0)] for i, o in np.argwhere(feeds)],
        colors=[_color(group) for group in of_line],
        linestyles=[LINE_STYLES[group % len(LINE_STYLES)] for group in of_line],
        linewidths=0.6 if not readable else 1.2 if groups == 1 else 2.2,
        antialiaseds=readable,  # thousands of smoothed lines would take seconds
        zorder=1,
    )
    axis.add_collection(lines)
    dead = ~feeds.any(axis=1)
    _draw_channels(axis, "input", above, 1, np.where(dead, DEAD, _color(group_of[0])), readable)
    _draw_channels(axis, "output", below, 0, _color(group_of[1]), readable)
    turned = groups > 5  # a group's name is longer than the group is wide
    if readable:
        for x in above[dead]:
            axis.text(x, 1.17, "dead", ha="center", color=DEAD, fontsize=12)
        for group in range(groups if groups > 1 else 0):
            x = below[group_of[1] == group].mean()
            style = {"ha": "center", "va": "top", "rotation": 90 if turned else 0}
            axis.text(x, -0.2, f"group {group + 1}", **style)
    axis.set(xlim=(-0.07, 1.07), ylim=(-0.8 if readable and turned else -0.4, 1.35))
    axis.axis("off")


def _draw_channels(axis, name, row, y, colors, readable):
    style = {"facecolor": "white", "edgecolor": colors, "linewidth": 2.5, "zorder": 2}
    broken = ["--" if color == DEAD else "-" for color in colors]
    axis.scatter(row, [y] * len(row), 480 if readable else 8, linestyle=broken, **style)
    for channel, x in enumerate(row if readable else ()):
        color = DEAD if colors[channel] == DEAD else "black"
        axis.text(x, y, channel, ha="center", va="center_baseline", color=color)
    left = {"xytext": (-20, 0), "textcoords": "offset points", "ha": "right"}
    axis.annotate(name, (0, y), va="center_baseline", **left)


def _groups(channels, groups):
    """The number of the group of each channel."""
    return np.arange(channels) * groups // channels


def _color(group):
    return np.array(CYCLE)[group % len(CYCLE)]
