"""Drawings of what a convolution connects.

Every box, line and filled square comes from a boolean array ``feeds`` of shape
``(channels, filters)``, which is True at ``[i, o]`` where output channel ``o`` reads input channel
``i``. The notebooks get it from real layers, so a drawing shows what a layer does.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Polygon

from resnext_helpers.plots import CYCLE, Picture

LINE_STYLES = ["-", "--", "-.", ":"]  # the second cue beside a group's colour
DEAD = "#767676"
READABLE = 16  # up to so many channels, there is room for a number on each


def feature_maps(panels):
    """Height × width × channels: the input above, each filter in a row under the channels that it
    reads, and at the end of its row the one output channel that it makes.

    Each group has a colour, and its name stands above its channels. ``panels`` are
    ``(feeds, groups)`` by title, one drawing each, side by side.
    """
    count = len(panels)
    figure, axes = plt.subplots(1, count, figsize=(5.5 * count, 4.9), squeeze=False)
    alt = "Boxes, height × width × channels."
    for axis, (title, (feeds, groups)) in zip(axes.flat, panels.items(), strict=True):
        _draw_feature_maps(axis, feeds, groups)
        axis.set_title(title)
        channels, filters = feeds.shape
        reads = feeds.sum(axis=0).max()
        alt += f" {title}: {channels} input channels, groups: {groups}; {filters} filters, each "
        alt += f"{reads} channels long, under the channels that it reads; {filters} output "
        alt += "channels, coloured as their filters."
    return Picture(figure, alt)


def connections(panels):
    """Input channels above, output channels below, a line where one feeds the other.

    Each group has a colour and a line style (if only one of several is read, each of its channels
    has a style), and up to 16 channels also have their numbers and their groups' names. Of more
    channels only the first two groups are drawn, if they have room for theirs. An input channel
    that feeds nothing is grey, with a broken edge and the word "dead". ``panels`` as above.
    """
    count = len(panels)
    figure, axes = plt.subplots(1, count, figsize=(min(11, 8 * count), 3.7), squeeze=False)
    alt = "Input channels above, output channels below, lines between them."
    for axis, (title, (feeds, groups)) in zip(axes.flat, panels.items(), strict=True):
        shown = _first_two_groups(feeds, groups)
        _draw_connections(axis, shown, groups if shown is feeds else 2)
        if shown is not feeds:
            axis.text(1.07, 0.5, f"… {groups - 2} more", ha="left", va="center")
        axis.set_title(f"{title}\n{feeds.sum()} connections")
        alt += f" {title}: {feeds.sum()} lines, {feeds.sum(axis=0).max()} to an output"
        alt += f", and {(~feeds.any(axis=1)).sum()} dead inputs."
        alt += "" if shown is feeds else " The first two groups are drawn."
    return Picture(figure, alt)


def _draw_feature_maps(axis, feeds, groups):
    channels, filters = feeds.shape
    of_input, of_output = (_groups(size, groups) for size in feeds.shape)
    numbers = {"ha": "center", "va": "center", "weight": "bold"}
    for i in range(channels):  # from left to right: each hides the side of the one before
        _draw_box(axis, (i, 1.8), (1, 2), (0.9, 0.7), _color(of_input[i]))
        axis.text(i + 0.5, 2.8, i, color=_ink(of_input[i]), **numbers)
    for group in range(groups):
        x = np.flatnonzero(of_input == group).mean() + 0.5
        axis.text(x + 0.9, 4.9, group + 1, ha="center", va="center")
    before = {"x": -0.3, "ha": "right", "va": "center"}
    axis.text(y=4.9, s="group", **before)
    axis.text(y=3.5, s="input", weight="bold", **before)
    axis.text(y=2.5, s="height", **before)
    axis.text(channels / 2, 1.6, "channels", ha="center", va="top")
    axis.text(channels + 0.6, 1.75, "width", ha="left", va="center")
    out = channels + 2.2
    for o in reversed(range(filters)):  # from below: the plates lie on each other
        y, group = -o - 0.7, of_output[o]
        for i in np.flatnonzero(feeds[:, o]):
            _draw_box(axis, (i, y), (1, 0.6), (0.3, 0.22), _color(group))
        _draw_box(axis, (out, y), (2, 1), (0.9, 0.7), _color(group))
        axis.text(out + 1, y + 0.47, o, color=_ink(group), **numbers)
        start = np.flatnonzero(feeds[:, o]).max() + 1.4
        arrow = {"arrowstyle": "->", "color": _color(group), "linewidth": 1.5}
        axis.annotate("", (out - 0.1, y + 0.4), (start, y + 0.4), arrowprops=arrow)
    below = {"y": -filters - 0.1, "ha": "center", "va": "top", "weight": "bold"}
    reads = feeds.sum(axis=0).max()
    axis.text(x=channels / 2, s=f"{filters} filters of 3×3×{reads}", **below)
    axis.text(x=out + 1.3, s="output", **below)
    axis.set(xlim=(-2.6, out + 3), ylim=(-filters - 1.2, 5.4), aspect="equal")
    axis.axis("off")


def _draw_box(axis, corner, size, depth, color):
    """A box seen from the front, a little from the right and from above."""
    (x, y), (width, height) = corner, size
    front = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    back = front + depth
    top, side = ([*front[edge], *back[edge[::-1]]] for edge in ([3, 2], [2, 1]))
    for face, white in ((front, 0), (top, 0.45), (side, 0.25)):
        light = np.array(to_rgb(color)) * (1 - white) + white
        axis.add_patch(Polygon(face, facecolor=light, edgecolor="white", linewidth=0.8))


def _draw_connections(axis, feeds, groups):
    readable = max(feeds.shape) <= READABLE
    group_of = [_groups(channels, groups) for channels in feeds.shape]
    # A gap between groups. Both rows are equally long: a group's outputs stand below its inputs.
    places = [np.arange(len(group)) + group / 2 for group in group_of]
    above, below = (row / row[-1] for row in places)
    inputs = np.argwhere(feeds)[:, 0]
    of_line = group_of[0][inputs]
    is_one = groups > 1 and len(set(of_line)) == 1  # each channel has its style then
    style_of = inputs - inputs.min() if is_one else of_line
    lines = LineCollection(
        [[(above[i], 1), (below[o], 0)] for i, o in np.argwhere(feeds)],
        colors=[_color(group) for group in of_line],
        linestyles=[LINE_STYLES[style % len(LINE_STYLES)] for style in style_of],
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


def _first_two_groups(feeds, groups):
    """The part of a large ``feeds`` that has room for numbers; ``feeds`` where it can't be cut."""
    i, o = (2 * size // groups for size in feeds.shape)
    is_apart = not feeds[:i, o:].any() and not feeds[i:, :o].any()
    is_cut = max(i, o) <= READABLE < max(feeds.shape) and is_apart
    return feeds[:i, :o] if is_cut else feeds


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


def _ink(group):
    """Black or white, whichever can be read on a group's colour."""
    return "white" if np.dot(to_rgb(_color(group)), (0.3, 0.6, 0.1)) < 0.5 else "black"


def _color(group):
    return np.array(CYCLE)[group % len(CYCLE)]
