"""Calibration: does a network that says 90% get 90 of 100 right? (Guo et al., ICML 2017.)"""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import binomtest

from resnext_helpers import plots


class Bin(NamedTuple):
    """The photographs whose confidence lies above ``low`` and not above ``high``."""

    low: float
    high: float
    count: int  # photographs, at least one
    confidence: float  # their mean
    accuracy: float


def reliability(confidences, right) -> list[Bin]:
    """Photographs in ten bins of equal width by their confidence, the lowest first, no empty one.

    Both are arrays, one item a photograph: the probability of the predicted class, and whether the
    prediction is right.
    """
    borders = np.linspace(0, 1, 11)
    bin_of = np.digitize(confidences, borders[1:-1], right=True)
    return [
        Bin(*borders[b : b + 2], inside.sum(), confidences[inside].mean(), right[inside].mean())
        for b in np.unique(bin_of)
        for inside in [bin_of == b]
    ]


def reliability_diagram(rows: list[Bin]):
    """Accuracy in each bin beside the line of a perfectly calibrated network, as a ``Picture``.

    Each bar bears its number of photographs and its 95% interval (Wilson, 1927): short bars of many
    photographs tell something, bars of one or two photographs nothing.
    """
    figure, axis = plt.subplots(figsize=(9, 4.6))
    style = {"color": plots.COLORS["sky"], "edgecolor": "black", "label": "accuracy"}
    # A dot ends each bar: else a bin with 0% right would look like an empty one.
    middles = [(row.low + row.high) / 2 for row in rows]
    lows, accuracies = [row.low for row in rows], [row.accuracy for row in rows]
    axis.bar(lows, accuracies, rows[0].high - rows[0].low, align="edge", **style)
    axis.plot(middles, accuracies, "ko", ms=9, clip_on=False, zorder=3)
    for row, middle in zip(rows, middles, strict=True):
        right = round(row.count * row.accuracy)
        interval = binomtest(right, row.count).proportion_ci(method="wilson")
        label = "95% interval" if row is rows[0] else None
        axis.vlines(middle, *interval, color="black", lw=2, label=label)
        axis.text(middle, 1.04, row.count, ha="center", fontsize=13)
    axis.plot([0, 1], [0, 1], "--", color=plots.COLORS["vermillion"], label="perfect calibration")
    axis.text(-0.01, 1.04, "photos:", ha="right", fontsize=13)
    axis.set(xlim=(0, 1), ylim=(0, 1.12), xlabel="confidence", ylabel="accuracy")
    axis.set_xticks(np.linspace(0, 1, 11))
    axis.set_yticks(np.linspace(0, 1, 6))
    axis.legend(loc="upper left", bbox_to_anchor=(0.01, 0.93))
    told = "; ".join(
        f"{row.low:.0%} to {row.high:.0%}: {row.accuracy:.0%} right, photographs: {row.count}"
        for row in rows
    )
    return plots.Picture(figure, f"Reliability diagram. {told}.", bins=rows)
