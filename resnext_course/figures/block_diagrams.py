"""Drawings of residual blocks: two blocks to scale, and the three forms of one ResNeXt block.

They are our own, after Figures 1 and 3 of Xie et al. (2017); weights are counted on built layers.
"""

import math

import keras
import matplotlib.pyplot as plt
from matplotlib.patches import Polygon, Rectangle

from resnext_helpers.layers import GroupedConv2D
from resnext_helpers.plots import COLORS, HATCHES, Picture

STEP_COLORS = [COLORS["sky"], COLORS["orange"], COLORS["green"]]  # first 1×1, 3×3, last 1×1
_LINE = {"color": "black", "linewidth": 1.6, "zorder": 0}
_CENTRED = {"ha": "center", "va": "center", "fontsize": 12}


def convolutions(model):
    """The convolution layers of a built model, in the model's order."""
    kinds = keras.layers.Conv2D | GroupedConv2D
    return [layer for layer in model.layers if isinstance(layer, kinds)]


def weights(model):
    """The numbers in the kernels of each convolution of a built model, in the model's order."""
    return [math.prod(layer.kernel.shape) for layer in convolutions(model)]


def side_by_side(blocks):
    """Residual blocks beside each other; the width of a shape is its number of channels.

    Args:
        blocks: built models by title, each as in ``draw_block``.

    Returns:
        A ``Picture``; ``weights`` in its data has the weights of each convolution, by title.
    """
    figure, axes = plt.subplots(1, len(blocks), figsize=(3.7 * len(blocks), 5), squeeze=False)
    alt = "Residual blocks from top to bottom, as wide as their channels."
    for axis, (title, model) in zip(axes.flat, blocks.items(), strict=True):
        draw_block(axis, title, model)
        words = ", ".join(
            f"{_name(layer)} from {_channels_in(layer)} to {layer.filters}"
            for layer in convolutions(model)
        )
        alt += f" {title}: {words}; {sum(weights(model)):,} weights in all."
    return Picture(figure, alt, weights={title: weights(model) for title, model in blocks.items()})


def weight_bars(blocks, title):
    """The weights of blocks as horizontal bars, each divided into its convolutions.

    Args:
        blocks: built models by name, each one block of three convolutions in a row.
        title: the figure's title.

    Returns:
        A ``Picture``; ``weights`` in its data has the weights of each convolution, by name.
    """
    counted = {name: weights(model) for name, model in blocks.items()}
    figure, axis = plt.subplots(figsize=(9, 1.9 + 0.55 * len(blocks)))
    for i, label in enumerate(("first 1×1", "3×3", "last 1×1")):
        values = [block[i] for block in counted.values()]
        start = [sum(block[:i]) for block in counted.values()]
        style = {"color": STEP_COLORS[i], "hatch": HATCHES[i], "edgecolor": "black"}
        bars = axis.barh(list(counted), values, left=start, label=label, **style)
    totals = {name: f"{sum(block):,}" for name, block in counted.items()}
    axis.bar_label(bars, list(totals.values()), padding=4)
    axis.margins(x=0.14)
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.set_xlabel("weights in the three convolutions")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    figure.suptitle(title, fontsize=15)
    figure.legend(loc="outside lower center", ncols=3)
    told = "; ".join(map(": ".join, totals.items()))
    return Picture(figure, f"Bars of the weights in a block. {told}.", weights=counted)


_STEP = 2.1  # height from one feature map to the next


def draw_block(axis, title, model):
    """One block from top to bottom: shapes in the middle, words right, the shortcut left.

    Args:
        axis: Matplotlib axes of about 3.5 by 5 inches, which the words need.
        title: stands above, with the number of weights.
        model: a built model of convolutions in a row, with an identity shortcut.
    """
    layers = convolutions(model)
    bottom = -_STEP * len(layers)
    plus = bottom - 0.75
    axis.set(xlim=(-1.5, 3.2), ylim=(plus - 0.8, 0.4))
    axis.axis("off")
    axis.set_title(f"{title}\n{sum(weights(model)):,} weights", fontsize=15)
    axis.plot([0, 0], [0, plus - 0.6], **_LINE)
    axis.plot([0, -1.3, -1.3, 0], [0, 0, plus, plus], **_LINE)
    _label(axis, -1.3, bottom / 2, "identity shortcut", rotation=90)

    widest = max(map(_channels_in, layers))
    entering = _channels_in(layers[0])
    _draw_channels(axis, 0, entering / widest, f"{entering} channels in")
    for i, layer in enumerate(layers):
        _draw_layer(axis, -_STEP * i, layer, widest, STEP_COLORS[i], HATCHES[i])
        after = "batch norm, ReLU" if i < len(layers) - 1 else "batch norm"
        _draw_channels(axis, -_STEP * (i + 1), layer.filters / widest, after)
    _circle(axis, 0, plus)
    axis.text(1.15, plus, "add, then ReLU", va="center", fontsize=12)


def _draw_layer(axis, top, layer, widest, color, hatch):
    """A shape that narrows or widens from the channels in to the channels out."""
    above, below = _channels_in(layer) / widest, layer.filters / widest
    high, low = top - 0.22, top - _STEP + 0.22
    corners = [(-above, high), (above, high), (below, low), (-below, low)]
    hatch = hatch if layer.groups == 1 else ""  # the lines between the groups are a pattern too
    axis.add_patch(Polygon(corners, facecolor=color, edgecolor="black", hatch=hatch))
    for group in range(1, layer.groups):
        x = -above + 2 * above * group / layer.groups
        thin = 0.8 * min(1, (32 / layer.groups) ** 2)
        # Without snapping, or many lines would clump together.
        axis.plot([x, x], [low, high], color="black", linewidth=thin, snap=False)
    channels = f"{_channels_in(layer)} → {layer.filters}"
    text = f"{_name(layer)}\n{channels}\n{math.prod(layer.kernel.shape):,} weights"
    axis.text(1.15, (high + low) / 2, text, va="center", fontsize=13, linespacing=1.3)


def _draw_channels(axis, y, half_width, text):
    """A feature map, as wide as its channels."""
    axis.add_patch(Rectangle((-half_width, y - 0.13), 2 * half_width, 0.26, facecolor="black"))
    axis.text(1.15, y, text, va="center", fontsize=12)


def _channels_in(layer):
    return layer.kernel.shape[2] * layer.groups


def _name(layer):
    name = f"{layer.kernel.shape[0]}×{layer.kernel.shape[1]}"
    return name if layer.groups == 1 else f"{name} in {layer.groups} groups"


_CENTRE, _RIGHT = 1.38, 2.9  # where the three forms' blocks and shortcuts run, left to right
_TOP, _NORM, _PLUS = 6.7, 0.75, -0.05  # heights that all three forms share
_ROWS = (5.45, 4.05, 2.65)  # heights of the three convolutions
_SUM, _JOIN = 1.55, 3.05


def three_forms(paths=32, width=4, channels=256):
    """Figure 3's three ways to write one block: (a) paths, (b) early concatenation, (c) groups.

    Args:
        paths: the cardinality, C in the paper; at least 3.
        width: channels inside one path, d in the paper.
        channels: channels that enter and leave the block.
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
    _draw_paths(a, [first, middle, f"1×1\n{width}→{channels}"], end=_SUM)
    _circle(a, _CENTRE, _SUM)
    a.text(_CENTRE - 0.25, _SUM, f"sum of {paths}", ha="right", va="center", fontsize=12)
    _draw_paths(b, [first, middle], end=_JOIN)
    _box(b, _CENTRE, _JOIN, f"join: {paths} × {width} = {merged}")
    _box(b, _CENTRE, 2.0, last, STEP_COLORS[2], height=0.84)
    wide = [f"1×1\n{channels}→{merged}", f"3×3 in {paths} groups\n{merged}→{merged}", last]
    for y, text, color in zip(_ROWS, wide, STEP_COLORS, strict=True):
        _box(c, _CENTRE, y, text, color, height=0.84)

    return Picture(
        figure,
        f"The same block in three forms. (a) {paths} paths, each 1×1 from {channels} to {width} "
        f"channels, 3×3, and 1×1 back to {channels}; then their sum. (b) The {width} channels of "
        f"each path are joined to {merged} after the 3×3, then one 1×1. (c) One 1×1 to {merged}, "
        f"one 3×3 in {paths} groups, one 1×1 to {channels}. In all three forms a batch norm "
        f"follows, then the shortcut is added, then ReLU.",
    )


def _draw_frame(axis, channels):
    """What the three forms share: input, batch norm, shortcut, addition, ReLU."""
    axis.plot([_CENTRE, _CENTRE], [_TOP, -0.45], **_LINE)
    _box(axis, _CENTRE, _TOP, f"{channels} channels")
    _box(axis, _CENTRE, _NORM, "batch norm")
    axis.plot([_CENTRE, _RIGHT, _RIGHT, _CENTRE], [_TOP, _TOP, _PLUS, _PLUS], **_LINE)
    _label(axis, _RIGHT, 3.3, "shortcut", rotation=90)
    _circle(axis, _CENTRE, _PLUS)
    axis.text(_CENTRE - 0.25, _PLUS, "add", ha="right", va="center", fontsize=12)
    _label(axis, _CENTRE, -0.65, "ReLU")


def _draw_paths(axis, texts, end):
    """Paths 1, 2 and the last one; dots stand for those between."""
    # The frame's line would run through the gap between the paths.
    axis.plot([_CENTRE, _CENTRE], [_TOP, end], color="white", linewidth=4, zorder=0)
    for x in (0.47, 1.27, 2.29):
        below = x if end == _JOIN else _CENTRE
        axis.plot([x, x, below], [_TOP, _ROWS[len(texts) - 1], end], **_LINE)
        for y, text, color in zip(_ROWS, texts, STEP_COLORS, strict=False):
            _box(axis, x, y, text, color, width=0.74, height=0.84)
    for y in _ROWS[: len(texts)]:
        axis.text(1.78, y, "···", ha="center", va="center", fontsize=16)


def _box(axis, x, y, text, color="#DDDDDD", width=2.56, height=0.44):
    style = {"facecolor": color, "edgecolor": "black", "linewidth": 1.2}
    axis.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, **style))
    axis.text(x, y, text, linespacing=1.35, **_CENTRED)


def _circle(axis, x, y):
    """A plus sign in a circle: here things are added."""
    axis.plot(x, y, "o", markersize=22, markerfacecolor="white", markeredgecolor="black")
    axis.plot(x, y, "+", markersize=12, markeredgewidth=2, color="black")


def _label(axis, x, y, text, rotation=0):
    box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    axis.text(x, y, text, rotation=rotation, bbox=box, **_CENTRED)
