"""A drawing of a comparison over several seeds: the means, and the paper beside them."""

import matplotlib.pyplot as plt
import numpy as np

from resnext_course.comparison import NETWORKS, PAPER_ERRORS, ends, interval
from resnext_helpers import plots


def beside_paper(measured):
    """Error over cardinality at equal complexity: the paper's on ImageNet, and the recorded one.

    ``measured`` is as from ``comparison.by_network``.
    """
    cardinalities = [NETWORKS[name] for name in measured]
    paper = [PAPER_ERRORS[cardinality] for cardinality in cardinalities]
    means = [interval(by_seed.values()) for by_seed in measured.values()]
    errors = [100 * (1 - mean.mean) for mean in means]
    highs, lows = 100 - np.transpose([ends(mean) for mean in means])

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    left.plot(cardinalities, paper, "o", color=plots.COLORS["blue"])
    left.set(ylabel="top-1 error (%)", title="the paper, on ImageNet")
    right.vlines(cardinalities, lows, highs, color=plots.COLORS["orange"], lw=2)
    right.plot(cardinalities, errors, "s", color=plots.COLORS["orange"])
    right.set(ylabel="validation error (%)", title="the recorded runs: mean, 95% interval")
    # The same height in points for both, so that differences can be compared.
    half = 0.6 * max(highs.max() - lows.min(), np.ptp(paper))
    for axis, shown in ((left, paper), (right, [*lows, *highs])):
        middle = (max(shown) + min(shown)) / 2
        axis.set(ylim=(middle - half, middle + half), xlabel="cardinality C")
        axis.set_xscale("log", base=2)
        axis.set_xticks(cardinalities, cardinalities)
    told = "; ".join(
        f"C = {c}: {there}%, {here:.1f}% ({low:.1f} to {high:.1f})"
        for c, there, here, low, high in zip(cardinalities, paper, errors, lows, highs, strict=True)
    )
    return plots.Picture(
        figure,
        f"Errors at equal complexity, the paper's on ImageNet and then the recorded mean: {told}.",
    )
