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

    ``blocks`` are built models by title, each as in ``draw_block``.
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
    return Picture(figure, alt)


def draw_block(axis, title, model):
    """One block from top to bottom: shapes in the middle, words right, the shortcut left.

    ``model`` is built, of convolutions in a row, with an identity shortcut. The words need axes of
    about 3.5 by 5 inches.
    """
    layers = convolutions(model)
    step = 2.1  # height from one feature map to the next
    bottom = -step * len(layers)
    plus = bottom - 0.75
    axis.set(xlim=(-1.5, 3.2), ylim=(plus - 0.8, 0.4))
    axis.axis("off")
    axis.set_title(f"{title}\n{sum(weights(model)):,} weights", fontsize=15)
    axis.plot([0, 0], [0, plus - 0.6], **_LINE)
    axis.plot([0, -1.3, -1.3, 0], [0, 0, plus, plus], **_LINE)
    _label(axis, -1.3, bottom / 2, "identity shortcut", rotation=90)

    scale, entering = 1 / max(map(_channels_in, layers)), _channels_in(layers[0])
    _draw_channels(axis, 0, entering * scale, f"{entering} channels in")
    for i, layer in enumerate(layers):
        above, below = _channels_in(layer) * scale, layer.filters * scale
        high, low = -step * i - 0.22, -step * (i + 1) + 0.22
        corners = [(-above, high), (above, high), (below, low), (-below, low)]
        # The lines between the groups are a pattern too.
        hatch = HATCHES[i] if layer.groups == 1 else ""
        style = {"facecolor": STEP_COLORS[i], "edgecolor": "black", "hatch": hatch}
        axis.add_patch(Polygon(corners, **style))
        for group in range(1, layer.groups):
            x = -above + 2 * above * group / layer.groups
            thin = 0.8 * min(1, (32 / layer.groups) ** 2)
            # Without snapping, or many lines would clump together.
            axis.plot([x, x], [low, high], color="black", linewidth=thin, snap=False)
        channels = f"{_channels_in(layer)} → {layer.filters}"
        text = f"{_name(layer)}\n{channels}\n{weights(model)[i]:,} weights"
        axis.text(1.15, (high + low) / 2, text, va="center", fontsize=13, linespacing=1.3)
        after = "batch norm, ReLU" if layer is not layers[-1] else "batch norm"
        _draw_channels(axis, -step * (i + 1), below, after)
    _circle(axis, 0, plus)
    axis.text(1.15, plus, "add, then ReLU", va="center", fontsize=12)


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
_TOP, _PLUS = 6.7, -0.05  # heights of the input and of the addition
_ROWS = (5.45, 4.05, 2.65)  # heights of the three convolutions
_JOIN = 3.05


def three_forms():
    """Figure 3's three ways to write one block: (a) paths, (b) early concatenation, (c) groups."""
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 5))
    titles = "(a) split, transform, merge", "(b) early concatenation", "(c) grouped convolution"
    for axis, title in zip(axes, titles, strict=True):
        axis.set(xlim=(0, 3.05), ylim=(-0.95, 7.05))
        axis.axis("off")
        axis.set_title(title, fontsize=13)
        axis.plot([_CENTRE, _CENTRE], [_TOP, -0.45], **_LINE)
        axis.plot([_CENTRE, _RIGHT, _RIGHT, _CENTRE], [_TOP, _TOP, _PLUS, _PLUS], **_LINE)
        _label(axis, _RIGHT, 3.3, "shortcut", rotation=90)
    a, b, c = axes
    narrow = ["1×1\n256→4", "3×3\n4→4", "1×1\n4→256"]
    _draw_paths(a, narrow, end=1.55)
    _draw_paths(b, narrow[:2], end=_JOIN)
    _circle(a, _CENTRE, 1.55)
    a.text(_CENTRE - 0.25, 1.55, "sum of 32", ha="right", va="center", fontsize=12)
    _box(b, _CENTRE, _JOIN, "join: 32 × 4 = 128")
    _box(b, _CENTRE, 2.0, "1×1\n128→256", STEP_COLORS[2], height=0.84)
    wide = ["1×1\n256→128", "3×3 in 32 groups\n128→128", "1×1\n128→256"]
    for y, text, color in zip(_ROWS, wide, STEP_COLORS, strict=True):
        _box(c, _CENTRE, y, text, color, height=0.84)
    for axis in axes:
        _box(axis, _CENTRE, _TOP, "256 channels")
        _box(axis, _CENTRE, 0.75, "batch norm")
        _circle(axis, _CENTRE, _PLUS)
        axis.text(_CENTRE - 0.25, _PLUS, "add", ha="right", va="center", fontsize=12)
        _label(axis, _CENTRE, -0.65, "ReLU")
    return Picture(
        figure,
        "The same block in three forms. (a) 32 paths, each 1×1 from 256 to 4 channels, 3×3, and "
        "1×1 back to 256; then their sum. (b) The 4 channels of each path are joined to 128 after "
        "the 3×3, then one 1×1. (c) One 1×1 to 128, one 3×3 in 32 groups, one 1×1 to 256. In all "
        "three forms a batch norm follows, then the shortcut is added, then ReLU.",
    )


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
