"""Calibration: does a network that says 90% get 90 of 100 right? (Guo et al., ICML 2017.)"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from resnext_helpers import plots


@dataclass(frozen=True)
class Bin:
    """The photographs whose confidence lies above ``low`` and not above ``high``.

    Attributes:
        low, high: the bin's borders.
        count: photographs in it, at least one.
        confidence: the mean of their confidences.
        right: how many of their predictions are right.
    """

    low: float
    high: float
    count: int
    confidence: float
    right: int

    @property
    def accuracy(self) -> float:
        return self.right / self.count


def reliability(confidences, right, bins=10) -> list[Bin]:
    """Sort photographs into bins of equal width by their confidence.

    Args:
        confidences: ``(count,)``, for each photograph the probability of the predicted class.
        right: bool ``(count,)``, whether the prediction is right.
        bins: how many bins share the range from 0 to 1.

    Returns:
        The bins that hold a photograph, the lowest first.
    """
    confidences, right = np.asarray(confidences, float), np.asarray(right, bool)
    borders = np.linspace(0, 1, bins + 1)
    numbers = np.digitize(confidences, borders[1:-1], right=True)
    return [
        Bin(
            low=float(borders[number]),
            high=float(borders[number + 1]),
            count=int((numbers == number).sum()),
            confidence=float(confidences[numbers == number].mean()),
            right=int(right[numbers == number].sum()),
        )
        for number in np.unique(numbers)
    ]


def expected_calibration_error(confidences, right, bins=10) -> float:
    """How far confidence and accuracy lie apart: the mean over the photographs of their bin's gap.

    Naeini et al. (AAAI 2015); arguments as in ``reliability``. 0 is perfect, 1 the worst.
    """
    rows = reliability(confidences, right, bins)
    return sum(row.count * abs(row.accuracy - row.confidence) for row in rows) / len(confidences)


def wilson(right, total, z=1.96):
    """The 95% confidence interval of a share of ``right`` out of ``total`` (Wilson, 1927).

    Returns:
        Its lower and its upper end, 0 to 1.
    """
    share = right / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * (share * (1 - share) / total + z**2 / (4 * total**2)) ** 0.5
    return centre - half, centre + half


def reliability_diagram(rows: list[Bin]):
    """Accuracy in each bin beside the line of a perfectly calibrated network.

    Each bar bears its number of photographs and its 95% interval: short bars of many photographs
    tell something, bars of one or two photographs nothing.

    Returns:
        A ``Picture``.
    """
    figure, axis = plt.subplots(figsize=(9, 4.6))
    axis.bar(
        [row.low for row in rows],
        [row.accuracy for row in rows],
        width=[row.high - row.low for row in rows],
        align="edge",
        color=plots.COLORS["sky"],
        edgecolor="black",
        label="accuracy",
    )
    middles = [(row.low + row.high) / 2 for row in rows]
    intervals = [wilson(row.right, row.count) for row in rows]
    axis.vlines(middles, *zip(*intervals, strict=True), color="black", lw=2, label="95% interval")
    axis.plot([0, 1], [0, 1], "--", color=plots.COLORS["vermillion"], label="perfect calibration")
    for middle, row in zip(middles, rows, strict=True):
        axis.text(middle, 1.04, row.count, ha="center", fontsize=13)
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
