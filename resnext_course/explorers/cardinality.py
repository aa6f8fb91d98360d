"""Cardinality against width: the paper's Table 2 as a curve to walk along (Xie et al., 2017)."""

import functools

import ipywidgets as widgets
import keras
import matplotlib.pyplot as plt
import numpy as np

from resnext_course.explorers._panel import Panel, choice
from resnext_course.figures.block_diagrams import convolutions, draw_block
from resnext_helpers import counting, models
from resnext_helpers.plots import COLORS, Picture

CHANNELS = 256  # that enter and leave the block
CARDINALITIES = (1, 2, 4, 8, 16, 32, 64, 128)
ERRORS = {(1, 64): 23.9, (2, 40): 23.0, (4, 24): 22.6, (8, 14): 22.3, (32, 4): 22.2}
"""Top-1 error on ImageNet in % with 50 layers, by ``(cardinality, width)`` (Table 3)."""
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
    # A width that follows is a second change, for which nothing needs to be drawn again.
    return Panel(functools.lru_cache(maxsize=1)(compare), **controls)


def compare(cardinality, width, equal_price=True):
    """The price of a block on the curve of equal price, and the block beside ResNet's, to scale.

    Args:
        cardinality: number of paths, C in the paper.
        width: channels of one path, d in the paper.
        equal_price: take the width that costs as much as the ResNet block instead of ``width``.

    Returns:
        A ``Picture``; its data are the rows of the table, counted on a real block.

    Raises:
        ValueError: the block is impossible, or wider in its middle than at its ends.
    """
    if equal_price:
        width = counting.width_at_equal_price(cardinality)
    _check(cardinality, width)
    steps, macs = _count(cardinality, width)
    resnet_steps, _ = _count(1, 64)
    weights, resnet_weights = (sum(s.weights for s in block) for block in (steps, resnet_steps))
    error = ERRORS.get((cardinality, width))
    table = {
        "cardinality C": cardinality,
        "width of a path d": width,
        "width of the middle C·d": cardinality * width,
        "weights": weights,
        "weights, beside the ResNet block": f"{weights / resnet_weights:.1%}",
        f"multiply-adds at {_PICTURE_SIZE}×{_PICTURE_SIZE} pixels": macs,
        "paper's error with 50 layers": f"{error} %" if error else "not measured in the paper",
    }
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 5), width_ratios=(4, 3.5, 3.5))
    _draw_curve(left, cardinality, width)
    draw_block(middle, "ResNet block, 1×64d", resnet_steps)
    draw_block(right, f"your block, {cardinality}×{width}d", steps)
    alt = (
        f"The curve of equal price, with the paper's five blocks and your block, "
        f"{cardinality}×{width}d. Beside it two blocks to scale: the ResNet block, 64 wide in its "
        f"middle, with {resnet_weights:,} weights; yours, {cardinality * width} wide, with "
        f"{weights:,} weights."
    )
    return Picture(figure, alt, **table)


def _check(cardinality, width):
    for name, number in (("cardinality C", cardinality), ("width d", width)):
        if number < 1:
            raise ValueError(f"The {name} is {number}: it must be 1 or more.")
    if cardinality * width > CHANNELS:
        raise ValueError(
            f"{cardinality} paths of {width} channels make the middle {cardinality * width} wide, "
            f"more than the {CHANNELS} channels that come in. A bottleneck is narrower: choose a "
            f"width d of at most {CHANNELS // cardinality}, or fewer paths."
        )


@functools.cache
def _count(cardinality, width):
    """The convolutions of a real block, and its multiply-adds."""
    x = keras.Input((_PICTURE_SIZE, _PICTURE_SIZE, CHANNELS))
    numbers = {"channels": CHANNELS, "width": cardinality * width, "groups": cardinality}
    block = keras.Model(x, models.block(x, **numbers, name="block"))
    return convolutions(block), counting.macs(block)


def _draw_curve(axis, cardinality, width):
    paths = np.geomspace(0.7, 180)
    # The positive root of C · (2 · 256 · d + 9 · d²) = 69,632.
    price = counting.template_block_parameters(1, 64)
    axis.plot(paths, (-CHANNELS + (CHANNELS**2 + 9 * price / paths) ** 0.5) / 9, color="black")
    limit = CHANNELS / paths
    axis.fill_between(paths, limit, 1000, facecolor="0.9", edgecolor="0.5")
    style = {"color": COLORS["blue"], "marker": "s", "linestyle": "none"}
    axis.plot(*zip(*ERRORS, strict=True), label="the paper's, with error", **style)
    for point, error in ERRORS.items():
        axis.annotate(f"{error} %", point, (7, 5), textcoords="offset points", fontsize=12)
    ring = {"markeredgecolor": COLORS["vermillion"], "markeredgewidth": 3, "markersize": 17}
    axis.plot(
        cardinality, width, "o", markerfacecolor="none", label="your block", color="none", **ring
    )
    axis.text(40, 50, "too wide", ha="center", fontsize=12)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log", base=2)
    axis.set_xticks(CARDINALITIES, CARDINALITIES)
    axis.set_yticks(CARDINALITIES, CARDINALITIES)
    axis.set(xlim=(0.7, 180), ylim=(0.7, 180), xlabel="cardinality C", ylabel="width of a path d")
    axis.set_title("On the line: ResNet's price.\nAbove it: dearer")
    axis.legend(loc="lower left", fontsize=12)
