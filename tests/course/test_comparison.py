"""The comparison of networks: intervals by hand, and honest words and drawings."""

import contextlib
import io
import math
import sys
from types import SimpleNamespace

import figure_guard
import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from resnext_course import comparison
from resnext_course.comparison import NETWORKS, RESNET, RESNEXT, interval
from resnext_course.figures import comparison_diagrams
from resnext_helpers import plots
from resnext_helpers.settings import PROJECT

sys.path.insert(0, str(PROJECT / "benchmarks"))

import accuracy
import accuracy_report


def test_an_interval_by_hand():
    found = interval([1, 2, 3])
    half = 4.302653 / math.sqrt(3)  # t for 95% and two degrees of freedom, from a printed table
    assert tuple(found) == pytest.approx((2, 2 - half, 2 + half, 1, 3))


def test_the_luck_of_a_seed_cancels_out_in_pairs():
    found = comparison.paired({1: 0.5, 2: 0.9, 3: 0.7}, {3: 0.72, 1: 0.53, 2: 0.91, 4: 0.1})
    assert (found.mean, found.std, found.count) == (pytest.approx(0.02), pytest.approx(0.01), 3)


def test_the_last_epoch_counts_and_not_the_best():
    runs = [
        {"name": f"small, {case}", "seed": 1, "val_accuracy": [1.0, last]}
        for case, last in {"1×64": 0.7, "2×40": 0.6, "4×24": 0, "8×14": 0, "32×4": 0.8}.items()
    ]
    networks = comparison.by_network(runs)
    assert networks[RESNET] == {1: 0.7} and networks[RESNEXT] == {1: 0.8}
    gaps = comparison.against_resnet(networks)
    assert list(gaps) == list(NETWORKS)[1:]
    assert [gaps[name].mean for name in ("2×40d", RESNEXT)] == pytest.approx([-0.1, 0.1])


def test_the_recipe_in_notebook_06_is_the_benchmarks():
    cells = nbformat.read(PROJECT / "notebooks" / "06_evaluation.ipynb", 4).cells
    (said,) = [cell.source for cell in cells if cell.id == "recorded-recipe"]
    small = accuracy.SMALL
    for words in (
        f"{small['image_size']} pixels, batches of {small['batch_size']},",
        f"warms up to {small['learning_rate']} and",
        f"{small['epochs']} epochs,",
    ):
        assert words in said


@pytest.fixture(scope="module")
def notebook():
    """What the cells of notebook 06 that compute from the recorded runs print, by id."""
    cells = nbformat.read(PROJECT / "notebooks" / "06_evaluation.ipynb", 4).cells
    compare = SimpleNamespace(compare=lambda *told: None)
    names = {"pd": pd, "np": np, "predictions": compare, "my_seeds": None, "plt": plots.plt}
    names["plots"] = SimpleNamespace(show=lambda figure, alt: plots.plt.close(figure))
    wanted = {"best-and-last", "seeds", "fair-figure", "paired-difference", "photo-luck"}
    printed = {}
    for cell in cells:
        if cell.id in wanted | {"pairing-gain", "pairs-needed", "mcnemar"}:
            with contextlib.redirect_stdout(io.StringIO()) as said:
                exec(cell.source, names)
            printed[cell.id] = said.getvalue()
    return {cell.id: cell.source for cell in cells}, printed, names


def test_what_the_notebook_says_of_the_recorded_pairs(notebook):
    prose, printed, names = notebook
    resnet, resnext = (comparison.by_network(comparison.load())[name] for name in (RESNET, RESNEXT))
    found = comparison.paired(resnet, resnext)
    low, high = 100 * found.low, 100 * found.high
    assert f"{low:+.1f} to {high:+.1f}" in printed["paired-difference"]
    assert "contains 0." in printed["paired-difference"] and "can't tell" in prose["pairs-result"]
    assert f"Of the {len(comparison.load())} recorded runs we use ten" in prose["fair-predict"]
    assert {run["validation"] for run in comparison.load()} == {108}
    assert list(names["differences"]) == [3, -7, 0, 0, -1]
    assert "3 photographs more" in prose["pairs"] and "7 fewer" in prose["pairs"]
    assert f"it is {stats.t.ppf(0.975, 4):.2f}" in prose["pairs"]
    # Pairing did not help.
    assert 100 * found.std == pytest.approx(names["paired_spread"])
    assert f"by {names['paired_spread']:.1f} points" in printed["pairing-gain"]
    assert names["paired_spread"] > names["unrelated"] and "**not** help" in prose["pairing-result"]
    assert np.corrcoef(list(resnet.values()), list(resnext.values()))[0, 1] < 0
    # The choice of the photographs alone explains the spread.
    assert names["photo_luck"] == pytest.approx(100 * math.sqrt(0.936 * 0.064 / 108), abs=0.05)
    assert names["spreads"].max() < names["photo_luck"]


def test_how_far_the_best_epoch_lies_above_the_last(notebook):
    prose, printed, _ = notebook
    one_recipe = [run for run in comparison.load() if "article" not in run["name"]]
    gaps = [100 * (max(run["val_accuracy"]) - run["val_accuracy"][-1]) for run in one_recipe]
    assert f"In {len(gaps)} recorded runs" in printed["best-and-last"]
    points = f"{sum(gaps) / len(gaps):.1f} points"
    assert f"\n{points} above" in printed["best-and-last"]
    assert f"in our {len(gaps)} recorded runs by {points}" in prose["headline-honest"]


def test_mcnemars_test_by_hand(notebook):
    _, _, names = notebook
    p = names["p_values"]
    assert p["0 : 7"] == pytest.approx(2 * 0.5**7)
    assert p["1 : 8"] == pytest.approx(2 * (1 + 9) * 0.5**9)
    assert p["10 : 17"] == pytest.approx(2 * sum(math.comb(27, i) for i in range(11)) * 0.5**27)


def test_how_many_pairs_and_how_sure_that_is(notebook):
    prose, printed, names = notebook
    paper = 23.9 - 22.2  # Table 3
    assert f"{paper:.1f} points" in prose["pairs-result"]
    # 4 s²/χ² with 4 degrees of freedom: 11.14 and 0.484, from a printed table.
    about, few, many = names["needed"]
    assert about == accuracy_report.pairs_needed(names["paired_spread"], paper)
    assert few == pytest.approx(about * 4 / 11.14, abs=1)
    assert many == pytest.approx(about * 4 / 0.484, rel=0.03)
    # Nadeau and Bengio (2003): (1/pairs + validated/trained) s², instead of s²/pairs.
    wider = names["half"] * math.sqrt((1 / 5 + 1 / 4) / (1 / 5))
    assert names["corrected"] == pytest.approx(wider)
    least = 1.96 * names["paired_spread"] * math.sqrt(1 / 4)
    assert f"{least:.1f}" in printed["pairs-needed"] and round(least) == 3 and least > paper


def test_our_errors_stand_beside_the_papers_at_the_same_scale(style, figures):
    measured = {name: {1: 0.9, 2: 0.92, 3: 0.94} for name in NETWORKS}
    picture = comparison_diagrams.beside_paper(measured)
    left, right = figures[0].axes
    assert list(left.lines[0].get_ydata()) == [23.9, 23.0, 22.6, 22.3, 22.2]
    assert list(left.lines[0].get_xdata()) == [1, 2, 4, 8, 32]
    assert list(right.lines[0].get_ydata()) == pytest.approx([8] * 5)
    assert all(line.get_linestyle() == "None" for line in (left.lines[0], right.lines[0]))
    assert np.ptp(left.get_ylim()) == pytest.approx(np.ptp(right.get_ylim()))
    mean = interval([8, 6, 10])
    for ends in right.collections[0].get_segments():
        assert list(ends[:, 1]) == pytest.approx([mean.low, mean.high])
    assert f"C = 32: 22.2%, 8.0% ({mean.low:.1f} to {mean.high:.1f})" in picture.alt
    assert figure_guard.problems(figures[0]) == []


# RESULTS.md, from the same runs


def gap(mean, std, count=5):
    """A paired difference of this mean and standard deviation."""
    numbers = np.linspace(-1, 1, count)
    return interval(mean + std * numbers / numbers.std(ddof=1))


def test_pairs_needed_by_hand():
    # (1.96 + 0.84)² = 7.85 for a difference as large as the spread, four times that for half.
    pairs = [(0.02, 0.02), (0.02, 0.01), (0.0, 0.01)]
    assert [accuracy_report.pairs_needed(*pair) for pair in pairs] == [8, 32, 2]


@pytest.mark.parametrize(
    ("found", "words", "unsaid"),
    [
        # 1.7 points: 23.9 − 22.2, Table 3.
        (gap(0.005, 0.03), ("+0.5 (", "5 pairs", "can't tell", "1.7 points"), "better"),
        (gap(0.02, 0.005), ("ResNeXt-50 did better", "it says little"), "can't tell"),
        (gap(-0.02, 0.005), ("ResNet-50 did better", "it says little"), "can't tell"),
    ],
)
def test_a_verdict_says_what_the_interval_says_and_no_more(found, words, unsaid):
    said = accuracy_report.verdict(found)
    assert all(word in said for word in words) and unsaid not in said


def test_each_seed_is_a_mark_and_each_mean_an_interval(style, figures):
    measured = {"ResNet-50": {1: 0.91, 2: 0.93, 3: 0.95}, "ResNeXt-50": {1: 0.9, 2: 0.9}}
    accuracy_report.dots(measured, "A title")
    (axis,) = figures[0].axes
    for row, by_seed in enumerate(measured.values()):
        marks, line, star = axis.lines[3 * row : 3 * row + 3]
        mean = interval(by_seed.values())
        assert list(marks.get_xdata()) == pytest.approx([100 * a for a in by_seed.values()])
        assert len(set(marks.get_ydata())) == len(by_seed)  # equal accuracies don't hide
        assert list(line.get_xdata()) == pytest.approx([100 * mean.low, 100 * mean.high])
        assert list(star.get_xdata()) == pytest.approx([100 * mean.mean])
    assert [tick.get_text() for tick in axis.get_yticklabels()] == list(measured)
    assert figure_guard.problems(figures[0]) == []
