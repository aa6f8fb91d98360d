"""Cardinality against width: the paper's Table 2 as a curve to walk along (Xie et al., 2017)."""

import functools

import ipywidgets as widgets
import keras
import matplotlib.pyplot as plt
import numpy as np

from resnext_course.comparison import PAPER_ERRORS
from resnext_course.explorers.panel import Panel, choice
from resnext_course.figures import block_diagrams
from resnext_helpers import counting, models
from resnext_helpers.plots import COLORS, Picture

CHANNELS = 256  # that enter and leave the block
CARDINALITIES = (1, 2, 4, 8, 16, 32, 64, 128)
RESNET_WEIGHTS = 69_632  # of the ResNet block, 1×64d


def explore():
    """The panel: choose cardinality and width, see the price and the block."""
    cardinality = choice(CARDINALITIES, "cardinality C", 32)
    width = widgets.IntSlider(
        4, 1, 128, description="width of a path d", continuous_update=False, disabled=True
    )
    equal_price = widgets.Checkbox(True, description="equal price: d follows C")

    def follow(_change):
        width.disabled = equal_price.value
        if equal_price.value:
            width.value = round(width_at_equal_price(cardinality.value))

    for control in (cardinality, equal_price):
        control.observe(follow, "value")
    return Panel(
        lambda cardinality, width, equal_price: draw(cardinality, width),
        cardinality=cardinality,
        width=width,
        equal_price=equal_price,
    )


def width_at_equal_price(cardinality):
    """The width d of a path that costs as much as the ResNet block (Section 4, equation 4).

    The positive root of ``C · (256·d + 3·3·d·d + d·256) = 69,632``.
    """
    return (-CHANNELS + (CHANNELS**2 + 9 * RESNET_WEIGHTS / cardinality) ** 0.5) / 9


@functools.cache
def built(cardinality, width):
    """A real block of ``cardinality`` paths (C), each ``width`` channels wide (d)."""
    if cardinality * width > CHANNELS:
        raise ValueError(
            f"{cardinality} paths of {width} channels make the middle {cardinality * width} wide, "
            f"more than the {CHANNELS} channels that come in. A bottleneck is narrower: choose a "
            f"width d of at most {CHANNELS // cardinality}, or fewer paths."
        )
    x = keras.Input((56, 56, CHANNELS))  # as where the paper's template block stands
    numbers = {"channels": CHANNELS, "width": cardinality * width, "groups": cardinality}
    return keras.Model(x, models.block(x, **numbers, name="block"))


@functools.lru_cache(maxsize=1)  # a width that follows is a second change
def draw(cardinality, width):
    """The block on the curve of equal price, and beside ResNet's, to scale.

    The picture's data are counted on the built block.
    """
    block = built(cardinality, width)
    weights = sum(block_diagrams.weights(block))
    measured = models.TABLE_2.get(cardinality) == width
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 5), width_ratios=(4, 3.5, 3.5))
    _draw_curve(left, cardinality, width)
    block_diagrams.draw_block(middle, "ResNet block, 1×64d", built(1, 64))
    block_diagrams.draw_block(right, f"your block, {cardinality}×{width}d", block)
    return Picture(
        figure,
        f"The curve of equal price, with the paper's five blocks and your block, "
        f"{cardinality}×{width}d. Beside it two blocks to scale: the ResNet block, 64 wide in its "
        f"middle, with {RESNET_WEIGHTS:,} weights; yours, {cardinality * width} wide, with "
        f"{weights:,} weights.",
        **{
            "cardinality C": cardinality,
            "width of a path d": width,
            "width of the middle C·d": cardinality * width,
            "weights": weights,
            "weights, beside the ResNet block": f"{weights / RESNET_WEIGHTS:.1%}",
            "multiply-adds at 56×56 pixels": counting.macs(block),
            "paper's error with 50 layers": f"{PAPER_ERRORS[cardinality]} %"
            if measured
            else "not measured in the paper",
        },
    )


def _draw_curve(axis, cardinality, width):
    paths = np.geomspace(0.25, 180)
    axis.plot(paths, width_at_equal_price(paths), color="black")
    axis.fill_between(paths, CHANNELS / paths, 1000, facecolor="0.9", edgecolor="0.5")
    style = {"color": COLORS["blue"], "marker": "s", "linestyle": "none"}
    axis.plot(*zip(*models.TABLE_2.items(), strict=True), label="the paper's, with error", **style)
    for point in models.TABLE_2.items():
        error = f"{PAPER_ERRORS[point[0]]} %"
        # Left and below: on the other side it would lie across the border of "too wide".
        style = {"ha": "right", "va": "top", "fontsize": 12}
        axis.annotate(error, point, (-8, -4), textcoords="offset points", **style)
    ring = {"mec": COLORS["vermillion"], "mew": 3, "markersize": 17, "mfc": "none"}
    axis.plot(cardinality, width, "o", label="your block", color="none", **ring)
    axis.text(40, 50, "too wide", ha="center", fontsize=12)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log", base=2)
    axis.set_xticks(CARDINALITIES, CARDINALITIES)
    axis.set_yticks(CARDINALITIES, CARDINALITIES)
    axis.set(xlim=(0.25, 180), ylim=(0.7, 180), xlabel="cardinality C", ylabel="width of a path d")
    axis.set_title("On the line: ResNet's price.\nAbove it: more expensive")
    axis.legend(loc="lower left", fontsize=12)
