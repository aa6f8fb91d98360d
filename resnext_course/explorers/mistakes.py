"""Mistakes by class: what a network gets right, wrong, and what it had better not answer."""

from functools import partial

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter

from resnext_course.explorers.panel import Panel, choice
from resnext_helpers import plots

ALL = "all classes"
MOST = 12  # classes that get a bar


def explore(labels, probabilities, class_names):
    """The panel: sliders for the threshold and the class; arguments as in ``draw``.

    It opens where a mistake is left, if there is any.
    """
    wrong = probabilities.argmax(axis=1) != labels
    surest = probabilities[wrong].max() if wrong.any() else 0.8
    opened = min(90, int(10 * surest) * 10)  # a multiple of 10 below the surest mistake
    return Panel(
        partial(draw, labels, probabilities, class_names),
        threshold=widgets.IntSlider(
            opened, 0, 99, description="answer only from a probability of, in %"
        ),
        true_class=choice([ALL, *(class_names[i] for i in np.unique(labels))], "true class"),
    )


def draw(labels, probabilities, class_names, threshold, true_class=ALL):
    """Draw the answers of each class, and how they change with the threshold.

    The ``threshold`` is the lowest probability of an answer, in percent. The numbers and the curves
    are of the photographs of ``true_class``. ``labels`` are the numbers of the true classes.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), width_ratios=[1.2, 1])
    shown = _most_mistaken(labels, probabilities, class_names, true_class)
    _draw_classes(left, labels, class_names, _decide(labels, probabilities, threshold), shown)
    for tick, i in zip(left.get_yticklabels(), shown, strict=True):
        tick.set_fontweight("bold" if class_names[i] == true_class else "normal")
    chosen = (true_class == ALL) | (np.array(class_names)[labels] == true_class)
    shares = _decide(labels[chosen], probabilities[chosen], np.arange(100)[:, None])
    counts = {name: members.sum(axis=1) for name, members in shares.items()}
    _draw_thresholds(right, counts, threshold)
    correct, wrong, withheld = (int(count[threshold]) for count in counts.values())
    answered, total = correct + wrong, correct + wrong + withheld
    return plots.Picture(
        figure,
        f"Answers from a probability of {threshold}%, {true_class}: {correct} right, {wrong} wrong "
        f"and {withheld} withheld of {total} photographs; and how answered and right change with "
        f"the threshold.",
        photographs=total,
        answered=f"{answered} ({answered / total:.0%})",
        right_of_these=f"{correct / answered:.1%}" if answered else "nothing is answered",
        mistakes_left=wrong,
        withheld=withheld,
    )


def _decide(labels, probabilities, threshold):
    """Which photographs are right, wrong and withheld if only sure answers are given.

    The ``threshold`` is in percent, a number or ``(thresholds, 1)``.
    """
    right = probabilities.argmax(axis=1) == labels
    answered = probabilities.max(axis=1) >= threshold / 100
    return {"right": answered & right, "wrong": answered & ~right, "withheld": ~answered}


def _most_mistaken(labels, probabilities, class_names, true_class):
    """Numbers of the classes that get a bar: the chosen one, and those with the most mistakes."""
    wrong = labels[probabilities.argmax(axis=1) != labels]
    mistakes = np.bincount(wrong, minlength=len(class_names)).astype(float)
    if true_class in class_names:
        mistakes[class_names.index(true_class)] = np.inf
    return np.sort(np.argsort(-mistakes, kind="stable")[:MOST])


def _draw_classes(axis, labels, class_names, shares, shown):
    """One bar a class, its photographs shared into right, wrong and withheld."""
    count = partial(np.bincount, minlength=len(class_names))
    counts = {name: count(labels[members])[shown] for name, members in shares.items()}
    colors = [plots.COLORS["sky"], plots.COLORS["vermillion"], "white"]
    style = {"width": 0.8, "edgecolor": "black", "color": colors, "legend": False}
    names = [plots.fit(class_names[i], 2.4, 1 if len(shown) > 6 else 2) for i in shown]
    pd.DataFrame(counts, names).plot.barh(stacked=True, ax=axis, **style)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    for bars, hatch in zip(axis.containers, ("", "xx", ".."), strict=True):
        plt.setp(bars, hatch=hatch)
        axis.bar_label(bars, fmt=lambda n: f"{n:.0f}" if n else "", label_type="center", bbox=box)
    axis.invert_yaxis()
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    left_out = len(shown) < len(class_names)
    most = f"\n(the {MOST} of {len(class_names)} classes with the most mistakes)"
    axis.set_xlabel("photographs" + most * left_out)
    axis.figure.legend(*axis.get_legend_handles_labels(), loc="outside upper left", ncols=3)


def _draw_thresholds(axis, counts, threshold):
    """Coverage and accuracy at every threshold, and where the chosen one lies."""
    answered = counts["right"] + counts["wrong"]
    with np.errstate(invalid="ignore"):  # 0 / 0, undefined, where nothing is answered
        accuracy = counts["right"] / answered
    axis.axvline(threshold, color="black", linestyle=":", linewidth=1.5)
    for values, mark, line, color, label in (
        (answered / answered[0], "o", "-", "blue", "answered"),
        (accuracy, "s", "--", "orange", "right, of these"),
    ):
        style = {"color": plots.COLORS[color], "marker": mark, "markevery": [threshold]}
        axis.plot(values, linestyle=line, label=label, **style)
    axis.set(xlabel="lowest probability of an answer, in %", ylim=(0, 1.05), xlim=(0, 100))
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.legend(loc="lower left")
