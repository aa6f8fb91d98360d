"""Drawings of residual blocks: two blocks to scale, and the three forms of one ResNeXt block.

They are our own, after Figures 1 and 3 of Xie et al. (2017); weights are counted on built layers.
"""

from dataclasses import dataclass

import keras
import matplotlib.pyplot as plt
from matplotlib.patches import Polygon, Rectangle

from resnext_helpers.layers import GroupedConv2D
from resnext_helpers.plots import COLORS, HATCHES, Picture

STEP_COLORS = [COLORS["sky"], COLORS["orange"], COLORS["green"]]  # first 1×1, 3×3, last 1×1
_LINE = {"color": "black", "linewidth": 1.6}


@dataclass(frozen=True)
class Convolution:
    """What a drawing says of one convolution.

    Attributes:
        kernel_size: height and width of its kernels, in pixels.
        channels_in: channels that it reads, all groups together.
        channels_out: channels that it writes.
        groups: its groups; 1 for an ordinary convolution.
        weights: numbers in its kernels.
    """

    kernel_size: int
    channels_in: int
    channels_out: int
    groups: int
    weights: int


def convolutions(model):
    """The ``Convolution`` of each convolution layer of a built model, in the model's order."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | GroupedConv2D):
            size, _, channels_of_a_group, filters = layer.kernel.shape
            channels = channels_of_a_group * layer.groups
            weights = size * size * channels_of_a_group * filters
            found.append(Convolution(size, channels, filters, layer.groups, weights))
    return found


def side_by_side(blocks):
    """Residual blocks beside each other; the width of a shape is its number of channels.

    Args:
        blocks: built models by title, each one block of convolutions in a row whose input and
            output have the same channels, with an identity shortcut.

    Returns:
        A ``Picture``; ``weights`` in its data has the weights of each convolution, by title.
    """
    figure, axes = plt.subplots(1, len(blocks), figsize=(3.7 * len(blocks), 5), squeeze=False)
    weights, sentences = {}, []
    for axis, (title, model) in zip(axes.flat, blocks.items(), strict=True):
        steps = convolutions(model)
        weights[title] = [step.weights for step in steps]
        words = ", ".join(f"{_name(s)} from {s.channels_in} to {s.channels_out}" for s in steps)
        sentences.append(f"{title}: {words}; {sum(weights[title]):,} weights in all.")
        draw_block(axis, title, steps)
    alt = "Residual blocks from top to bottom, as wide as their channels. " + " ".join(sentences)
    return Picture(figure, alt, weights=weights)


def weight_bars(blocks, title):
    """The weights of blocks as horizontal bars, each divided into its convolutions.

    Args:
        blocks: built models by name, each one block of three convolutions in a row.
        title: the figure's title.

    Returns:
        A ``Picture``; ``weights`` in its data has the weights of each convolution, by name.
    """
    weights = {name: [step.weights for step in convolutions(m)] for name, m in blocks.items()}
    figure, axis = plt.subplots(figsize=(9, 1.9 + 0.55 * len(blocks)))
    start = [0] * len(blocks)
    for i, label in enumerate(("first 1×1", "3×3", "last 1×1")):
        values = [of_block[i] for of_block in weights.values()]
        style = {"color": STEP_COLORS[i], "hatch": HATCHES[i], "edgecolor": "black"}
        bars = axis.barh(list(weights), values, left=start, label=label, **style)
        start = [a + b for a, b in zip(start, values, strict=True)]
    axis.bar_label(bars, [f"{total:,}" for total in start], padding=4)
    axis.margins(x=0.14)
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.set_xlabel("weights in the three convolutions")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    figure.suptitle(title, fontsize=15)
    figure.legend(loc="outside lower center", ncols=3)
    totals = "; ".join(f"{name}: {sum(values):,}" for name, values in weights.items())
    return Picture(figure, f"Bars of the weights in a block. {totals}.", weights=weights)


def three_forms(paths=32, width=4, channels=256):
    """Figure 3's three ways to write one block: (a) paths, (b) early concatenation, (c) groups.

    Args:
        paths: the cardinality, C in the paper; at least 3.
        width: channels inside one path, d in the paper.
        channels: channels that enter and leave the block.

    Returns:
        A ``Picture``; its data has ``paths``, ``width`` and ``channels``.
    """
    merged = paths * width
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 5))
    titles = "(a) split, transform, merge", "(b) early concatenation", "(c) grouped convolution"
    for axis, title in zip(axes, titles, strict=True):
        axis.set(xlim=(0, 3.05), ylim=(-0.95, 7.05))
        axis.axis("off")
        axis.set_title(title, fontsize=13)
        _draw_frame(axis, channels)

    first, middle = f"1×1\n{channels}→{width}", f"3×3\n{width}→{width}"
    last = f"1×1\n{merged}→{channels}"
    a, b, c = axes
    _draw_paths(a, [first, middle, f"1×1\n{width}→{channels}"], paths, end=_SUM)
    _circle(a, _CENTRE, _SUM)
    a.text(_CENTRE - 0.25, _SUM, f"sum of {paths}", ha="right", va="center", fontsize=12)
    _draw_paths(b, [first, middle], paths, end=_JOIN)
    _bar(b, _JOIN, f"join: {paths} × {width} = {merged}")
    _box(b, _CENTRE, 2.0, last, STEP_COLORS[2], width=2.56)
    wide = [f"1×1\n{channels}→{merged}", f"3×3 in {paths} groups\n{merged}→{merged}", last]
    for y, text, color in zip(_ROWS, wide, STEP_COLORS, strict=True):
        _box(c, _CENTRE, y, text, color, width=2.56)

    alt = (
        f"The same block in three forms. (a) {paths} paths, each 1×1 from {channels} to {width} "
        f"channels, 3×3, and 1×1 back to {channels}; then their sum. (b) The {width} channels of "
        f"each path are joined to {merged} after the 3×3, then one 1×1. (c) One 1×1 to {merged}, "
        f"one 3×3 in {paths} groups, one 1×1 to {channels}. In all three forms a batch norm "
        f"follows, then the shortcut is added, then ReLU."
    )
    return Picture(figure, alt, paths=paths, width=width, channels=channels)


_CENTRE, _RIGHT = 1.38, 2.9  # where the blocks and the shortcuts run, left to right
_TOP, _NORM, _PLUS = 6.7, 0.75, -0.05  # heights that all three forms share
_ROWS = (5.45, 4.05, 2.65)  # heights of the three convolutions
_SUM, _JOIN = 1.55, 3.05


def _draw_frame(axis, channels):
    """What the three forms share: input, batch norm, shortcut, addition, ReLU."""
    axis.plot([_CENTRE, _CENTRE], [_TOP, -0.45], zorder=0, **_LINE)
    _bar(axis, _TOP, f"{channels} channels")
    _bar(axis, _NORM, "batch norm")
    axis.plot([_CENTRE, _RIGHT, _RIGHT, _CENTRE], [_TOP, _TOP, _PLUS, _PLUS], zorder=0, **_LINE)
    _label(axis, _RIGHT, 3.3, "shortcut", rotation=90)
    _circle(axis, _CENTRE, _PLUS)
    axis.text(_CENTRE - 0.25, _PLUS, "add", ha="right", va="center", fontsize=12)
    _label(axis, _CENTRE, -0.65, "ReLU")


def _draw_paths(axis, texts, paths, end):
    """Paths 1, 2 and the last one; dots stand for those between."""
    # The frame's line would run through the gap between the paths.
    axis.plot([_CENTRE, _CENTRE], [_TOP, end], color="white", linewidth=4, zorder=0)
    for x in (0.47, 1.27, 2.29):
        axis.plot([x, x], [_TOP, _ROWS[len(texts) - 1]], zorder=0, **_LINE)
        below = x if end == _JOIN else _CENTRE
        axis.plot([x, below], [_ROWS[len(texts) - 1], end], zorder=0, **_LINE)
        for y, text, color in zip(_ROWS, texts, STEP_COLORS, strict=False):
            _box(axis, x, y, text, color, width=0.74)
    for y in _ROWS[: len(texts)]:
        axis.text(1.78, y, "···", ha="center", va="center", fontsize=16)


def _box(axis, x, y, text, color, width):
    style = {"facecolor": color, "edgecolor": "black", "linewidth": 1.2}
    axis.add_patch(Rectangle((x - width / 2, y - 0.42), width, 0.84, **style))
    axis.text(x, y, text, ha="center", va="center", fontsize=12, linespacing=1.35)


def _bar(axis, y, text):
    style = {"facecolor": "#DDDDDD", "edgecolor": "black", "linewidth": 1.2}
    axis.add_patch(Rectangle((_CENTRE - 1.28, y - 0.22), 2.56, 0.44, **style))
    axis.text(_CENTRE, y, text, ha="center", va="center", fontsize=12)


def _circle(axis, x, y):
    """A plus sign in a circle: here things are added."""
    axis.plot(x, y, "o", markersize=22, markerfacecolor="white", markeredgecolor="black")
    axis.plot(x, y, "+", markersize=12, markeredgewidth=2, color="black")


def _label(axis, x, y, text, rotation=0):
    box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    axis.text(x, y, text, ha="center", va="center", fontsize=12, rotation=rotation, bbox=box)


def _name(step):
    name = f"{step.kernel_size}×{step.kernel_size}"
    return name if step.groups == 1 else f"{name} in {step.groups} groups"


def draw_block(axis, title, steps):
    """One block from top to bottom: shapes in the middle, words right, the shortcut left.

    ``steps`` are its ``Convolution``; the words need an ``axis`` of about 3.5 by 5 inches.
    """
    bottom = -_STEP * len(steps)
    plus = bottom - 0.75
    axis.set(xlim=(-1.5, 3.2), ylim=(plus - 0.8, 0.4))
    axis.axis("off")
    axis.set_title(f"{title}\n{sum(step.weights for step in steps):,} weights", fontsize=15)
    axis.plot([0, 0], [0, plus - 0.6], zorder=0, **_LINE)
    axis.plot([0, -1.3, -1.3, 0], [0, 0, plus, plus], zorder=0, **_LINE)
    _label(axis, -1.3, bottom / 2, "identity shortcut", rotation=90)

    widest = max(step.channels_in for step in steps)
    _draw_channels(axis, 0, steps[0].channels_in / widest, f"{steps[0].channels_in} channels in")
    for i, step in enumerate(steps):
        _draw_step(axis, -_STEP * i, step, widest, STEP_COLORS[i], HATCHES[i])
        after = "batch norm, ReLU" if i < len(steps) - 1 else "batch norm"
        _draw_channels(axis, -_STEP * (i + 1), step.channels_out / widest, after)
    _circle(axis, 0, plus)
    axis.text(1.15, plus, "add, then ReLU", va="center", fontsize=12)


_STEP = 2.1  # height from one feature map to the next


def _draw_step(axis, top, step, widest, color, hatch):
    """A shape that narrows or widens from the channels in to the channels out."""
    above, below = step.channels_in / widest, step.channels_out / widest
    high, low = top - 0.22, top - _STEP + 0.22
    corners = [(-above, high), (above, high), (below, low), (-below, low)]
    hatch = hatch if step.groups == 1 else ""  # the lines between the groups are a pattern too
    axis.add_patch(Polygon(corners, facecolor=color, edgecolor="black", hatch=hatch))
    for group in range(1, step.groups):
        x = -above + 2 * above * group / step.groups
        style = {"color": "black", "snap": False}  # or many lines would clump together
        axis.plot([x, x], [low, high], linewidth=0.8 * min(1, (32 / step.groups) ** 2), **style)
    text = f"{_name(step)}\n{step.channels_in} → {step.channels_out}\n{step.weights:,} weights"
    axis.text(1.15, (high + low) / 2, text, va="center", fontsize=13, linespacing=1.3)


def _draw_channels(axis, y, half_width, text):
    """A feature map, as wide as its channels."""
    axis.add_patch(Rectangle((-half_width, y - 0.13), 2 * half_width, 0.26, facecolor="black"))
    axis.text(1.15, y, text, va="center", fontsize=12)
