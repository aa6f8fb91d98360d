"""Mistakes by class: what a network gets right, wrong, and what it had better not answer."""

from functools import partial

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from resnext_course.explorers._panel import Panel, choice
from resnext_helpers import plots

ALL = "all classes"
_LOOKS = {
    "right": {"color": plots.COLORS["sky"]},
    "wrong": {"color": plots.COLORS["vermillion"], "hatch": "xx"},
    "withheld": {"color": "white", "hatch": ".."},
}


def explore(labels, probabilities, class_names):
    """The panel: sliders for the threshold and the class; arguments as in ``decide``."""
    return Panel(
        partial(decide, labels, probabilities, class_names),
        threshold=widgets.IntSlider(
            value=80, min=0, max=99, description="answer only from a probability of, in %"
        ),
        true_class=choice([ALL, *class_names], "true class"),
    )


def decide(labels, probabilities, class_names, threshold, true_class=ALL):
    """What is right, wrong and withheld if the network answers only where it is sure.

    Args:
        labels: int ``(count,)``, the true classes.
        probabilities: ``(count, classes)``, rows that sum to 1.
        class_names: one name a class.
        threshold: the lowest probability of an answer, in percent.
        true_class: the class whose photographs the numbers and the curves are of, or ``ALL``.

    Returns:
        A ``Picture``; its data count the answers of ``true_class``.

    Raises:
        ValueError: no class, or no photograph of it.
    """
    if true_class not in (ALL, *class_names):
        raise ValueError(f"There is no class {true_class!r}: use {', '.join(class_names)}.")
    confidences, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    answered = confidences >= threshold / 100
    chosen = np.ones(len(labels), bool)
    if true_class != ALL:
        chosen = labels == class_names.index(true_class)
    if not chosen.any():
        raise ValueError(f"There is no photograph of {true_class} to judge.")

    figure, (left, right_axis) = plt.subplots(1, 2, figsize=(11, 4.4), width_ratios=[1.2, 1])
    shares = {"right": answered & right, "wrong": answered & ~right, "withheld": ~answered}
    _draw_classes(left, labels, class_names, shares, true_class)
    _draw_thresholds(right_axis, confidences[chosen], right[chosen], threshold)
    return _in_numbers(figure, chosen, shares, threshold, true_class)


def _draw_classes(axis, labels, class_names, shares, true_class):
    """One bar a class, its photographs shared into right, wrong and withheld."""
    start = np.zeros(len(class_names))
    for name, members in shares.items():
        counts = np.bincount(labels[members], minlength=len(class_names))
        bars = axis.barh(
            class_names, counts, left=start, label=name, edgecolor="black", **_LOOKS[name]
        )
        text = [str(count) if count else "" for count in counts]
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axis.bar_label(bars, text, label_type="center", bbox=box)
        start += counts
    for tick in axis.get_yticklabels():
        tick.set_fontweight("bold" if tick.get_text() == true_class else "normal")
    axis.invert_yaxis()
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("photographs of this class")
    axis.figure.legend(*axis.get_legend_handles_labels(), loc="outside upper left", ncols=3)


def _draw_thresholds(axis, confidences, right, threshold):
    """Coverage and accuracy at every threshold, and where the chosen one lies."""
    percents = np.arange(100)
    answered = confidences >= percents[:, None] / 100
    kept = answered.sum(axis=1)
    coverage = kept / len(confidences)
    accuracy = np.full(100, np.nan)  # undefined where nothing is answered
    np.divide((answered & right).sum(axis=1), kept, out=accuracy, where=kept > 0)
    axis.axvline(threshold, color="black", linestyle=":", linewidth=1.5)
    axis.plot(percents, coverage, color=plots.COLORS["blue"], label="answered")
    axis.plot(percents, accuracy, "--", color=plots.COLORS["orange"], label="right, of these")
    axis.plot(threshold, coverage[threshold], "o", color=plots.COLORS["blue"])
    axis.plot(threshold, accuracy[threshold], "s", color=plots.COLORS["orange"])
    axis.set(xlabel="lowest probability of an answer, in %", ylim=(0, 1.05), xlim=(0, 100))
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.legend(loc="lower left")


def _in_numbers(figure, chosen, shares, threshold, true_class):
    counts = {name: int((members & chosen).sum()) for name, members in shares.items()}
    total, answered = int(chosen.sum()), counts["right"] + counts["wrong"]
    accuracy = f"{counts['right'] / answered:.1%}" if answered else "nothing is answered"
    return plots.Picture(
        figure,
        f"Answers from a probability of {threshold}%, {true_class}: {counts['right']} right, "
        f"{counts['wrong']} wrong and {counts['withheld']} withheld of {total} photographs; "
        "and how answered and right change with the threshold.",
        photographs=total,
        answered=f"{answered} ({answered / total:.0%})",
        right_of_these=accuracy,
        mistakes_left=counts["wrong"],
        withheld=counts["withheld"],
    )
