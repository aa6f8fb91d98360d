"""Cardinality against width: the paper's Table 2 as a curve to walk along (Xie et al., 2017)."""

import functools

import ipywidgets as widgets
import keras
import matplotlib.pyplot as plt
import numpy as np

from resnext_course.comparison import PAPER_ERRORS
from resnext_course.explorers._panel import Panel, choice
from resnext_course.figures import block_diagrams
from resnext_helpers import counting, models
from resnext_helpers.plots import COLORS, Picture

CHANNELS = 256  # that enter and leave the block
CARDINALITIES = (1, 2, 4, 8, 16, 32, 64, 128)
RESNET_WEIGHTS = counting.template_block_parameters(1, 64)
_PICTURE_SIZE = 56  # pixels, where the paper's template block stands


def explore():
    """The panel: choose cardinality and width, see the price and the block."""
    controls = {
        "cardinality": choice(CARDINALITIES, "cardinality C", 32),
        "width": widgets.IntSlider(
            value=4, min=1, max=128, description="width of a path d", continuous_update=False
        ),
        "equal_price": widgets.Checkbox(value=True, description="equal price: d follows C"),
    }

    def follow(_change=None):
        controls["width"].disabled = controls["equal_price"].value
        if controls["equal_price"].value:
            controls["width"].value = counting.width_at_equal_price(controls["cardinality"].value)

    follow()
    for name in ("cardinality", "equal_price"):
        controls[name].observe(follow, "value")

    def draw_chosen(cardinality, width, equal_price):
        # A width that follows is a second change, which finds what is drawn already.
        return draw(
            cardinality, counting.width_at_equal_price(cardinality) if equal_price else width
        )

    return Panel(draw_chosen, **controls)


@functools.cache
def built(cardinality, width):
    """A real block of ``cardinality`` paths (C), each ``width`` channels wide (d).

    Raises:
        ValueError: the block is wider in its middle than at its ends.
    """
    if cardinality * width > CHANNELS:
        raise ValueError(
            f"{cardinality} paths of {width} channels make the middle {cardinality * width} wide, "
            f"more than the {CHANNELS} channels that come in. A bottleneck is narrower: choose a "
            f"width d of at most {CHANNELS // cardinality}, or fewer paths."
        )
    x = keras.Input((_PICTURE_SIZE, _PICTURE_SIZE, CHANNELS))
    numbers = {"channels": CHANNELS, "width": cardinality * width, "groups": cardinality}
    return keras.Model(x, models.block(x, **numbers, name="block"))


def count(cardinality, width):
    """The price of a block, counted on a real one, as the rows of the table.

    Arguments and errors as in ``built``.
    """
    block = built(cardinality, width)
    weights = sum(block_diagrams.weights(block))
    measured = models.TABLE_2.get(cardinality) == width
    error = f"{PAPER_ERRORS[cardinality]} %" if measured else "not measured in the paper"
    return {
        "cardinality C": cardinality,
        "width of a path d": width,
        "width of the middle C·d": cardinality * width,
        "weights": weights,
        "weights, beside the ResNet block": f"{weights / RESNET_WEIGHTS:.1%}",
        f"multiply-adds at {_PICTURE_SIZE}×{_PICTURE_SIZE} pixels": counting.macs(block),
        "paper's error with 50 layers": error,
    }


@functools.lru_cache(maxsize=1)
def draw(cardinality, width):
    """The block on the curve of equal price, and beside ResNet's, to scale.

    Arguments and errors as in ``built``.

    Returns:
        A ``Picture``; its data are what ``count`` gives.
    """
    table = count(cardinality, width)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 5), width_ratios=(4, 3.5, 3.5))
    _draw_curve(left, cardinality, width)
    block_diagrams.draw_block(middle, "ResNet block, 1×64d", built(1, 64))
    block_diagrams.draw_block(
        right, f"your block, {cardinality}×{width}d", built(cardinality, width)
    )
    alt = (
        f"The curve of equal price, with the paper's five blocks and your block, "
        f"{cardinality}×{width}d. Beside it two blocks to scale: the ResNet block, 64 wide in its "
        f"middle, with {RESNET_WEIGHTS:,} weights; yours, {cardinality * width} wide, with "
        f"{table['weights']:,} weights."
    )
    return Picture(figure, alt, **table)


def _draw_curve(axis, cardinality, width):
    paths = np.geomspace(0.7, 180)
    # The positive root of C · (2 · 256 · d + 9 · d²) = 69,632.
    widths = (-CHANNELS + (CHANNELS**2 + 9 * RESNET_WEIGHTS / paths) ** 0.5) / 9
    axis.plot(paths, widths, color="black")
    axis.fill_between(paths, CHANNELS / paths, 1000, facecolor="0.9", edgecolor="0.5")
    style = {"color": COLORS["blue"], "marker": "s", "linestyle": "none"}
    axis.plot(*zip(*models.TABLE_2.items(), strict=True), label="the paper's, with error", **style)
    for point in models.TABLE_2.items():
        error = f"{PAPER_ERRORS[point[0]]} %"
        axis.annotate(error, point, (7, 5), textcoords="offset points", fontsize=12)
    ring = {"mec": COLORS["vermillion"], "mew": 3, "markersize": 17, "mfc": "none"}
    axis.plot(cardinality, width, "o", label="your block", color="none", **ring)
    axis.text(40, 50, "too wide", ha="center", fontsize=12)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log", base=2)
    axis.set_xticks(CARDINALITIES, CARDINALITIES)
    axis.set_yticks(CARDINALITIES, CARDINALITIES)
    axis.set(xlim=(0.7, 180), ylim=(0.7, 180), xlabel="cardinality C", ylabel="width of a path d")
    axis.set_title("On the line: ResNet's price.\nAbove it: dearer")
    axis.legend(loc="lower left", fontsize=12)
