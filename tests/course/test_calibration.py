"""Calibration on probabilities whose answer is known."""

import nbformat
import numpy as np
import pytest

from resnext_course import calibration
from resnext_helpers import plots
from resnext_helpers.settings import PROJECT

# Four bins of ten; a border belongs to the bin below it.
CONFIDENCES = np.array([0.55, 0.6, 0.61, 0.9, 0.95, 1.0, 1.0, 0.25])
RIGHT = np.array([True, False, True, True, True, True, False, False])


def test_bins_by_hand():
    rows = calibration.reliability(CONFIDENCES, RIGHT)
    assert [(round(row.low, 9), row.count, row.right) for row in rows] == [
        (0.2, 1, 0),
        (0.5, 2, 1),
        (0.6, 1, 1),
        (0.8, 1, 1),
        (0.9, 3, 2),
    ]
    assert [row.accuracy for row in rows] == [0, 0.5, 1, 1, pytest.approx(2 / 3)]
    assert rows[1].confidence == pytest.approx(0.575)
    assert sum(row.count for row in rows) == len(RIGHT)
    assert all(row.low < row.confidence <= row.high + 1e-9 for row in rows)


@pytest.mark.parametrize("border", [0.1, 0.3, 0.6, 0.7, 0.9])
def test_a_border_belongs_to_the_bin_below(border):
    (row,) = calibration.reliability([border], [True])
    assert row.high == pytest.approx(border)


def test_the_ends_belong_to_the_first_and_the_last_bin():
    first, last = calibration.reliability([0.0, 1.0], [True, True], bins=4)
    assert (first.low, first.high) == (0, 0.25) and (last.low, last.high) == (0.75, 1)


def test_error_by_hand():
    # |0 - 0.25| + 2 |0.5 - 0.575| + |1 - 0.61| + |1 - 0.9| + 3 |2/3 - 2.95/3|, over 8
    expected = (0.25 + 0.15 + 0.39 + 0.1 + 0.95) / 8
    got = calibration.expected_calibration_error(CONFIDENCES, RIGHT)
    assert got == pytest.approx(expected)


@pytest.mark.parametrize(
    ("confidence", "share_right", "expected"), [(0.8, 0.8, 0), (1, 0, 1), (0.9, 0.6, 0.3)]
)
def test_error_of_one_confidence(confidence, share_right, expected):
    right = np.arange(10) < 10 * share_right
    got = calibration.expected_calibration_error(np.full(10, confidence), right)
    assert got == pytest.approx(expected)


def test_bins_weigh_by_their_photographs_and_gaps_do_not_cancel():
    confidences = np.array([0.95] * 9 + [0.55])
    right = np.array([True] * 9 + [False])
    got = calibration.expected_calibration_error(confidences, right)
    assert got == pytest.approx(0.9 * 0.05 + 0.1 * 0.55)


def test_one_bin_compares_the_means():
    got = calibration.expected_calibration_error(CONFIDENCES, RIGHT, bins=1)
    assert got == pytest.approx(abs(CONFIDENCES.mean() - RIGHT.mean()))


def test_a_calibrated_network_comes_near_zero_only_with_many_photographs():
    rng = np.random.default_rng(0)

    def error(count):
        confidences = rng.uniform(0.5, 1, count)
        return calibration.expected_calibration_error(confidences, rng.random(count) < confidences)

    assert error(100_000) < 0.01
    assert np.mean([error(48) for _ in range(50)]) > 0.05


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    # Newcombe (Statistics in Medicine, 1998), Table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval(right, total, low, high):
    assert calibration.wilson(right, total) == pytest.approx((low, high), abs=1e-4)


def test_the_diagram_shows_counts_bars_and_intervals(monkeypatch):
    drawn = []
    close = plots.plt.close
    monkeypatch.setattr(plots.plt, "close", lambda figure: (drawn.append(figure), close(figure)))
    rows = calibration.reliability(CONFIDENCES, RIGHT)
    picture = calibration.reliability_diagram(rows)
    (axis,) = drawn[0].axes
    (bars,) = axis.containers
    assert [bar.get_height() for bar in bars] == [row.accuracy for row in rows]
    assert [bar.get_x() for bar in bars] == [row.low for row in rows]
    assert [text.get_text() for text in axis.texts[:-1]] == ["1", "2", "1", "1", "3"]
    ends = [segment[:, 1].tolist() for segment in axis.collections[0].get_segments()]
    assert ends == [list(calibration.wilson(row.right, row.count)) for row in rows]
    (line,) = axis.lines
    assert list(line.get_xdata()) == list(line.get_ydata()) == [0, 1]
    assert "90% to 100%: 67% right, photographs: 3" in picture.alt


def test_the_notebooks_own_error_is_the_helpers_for_a_network_that_is_sure():
    """Its error is small beside what float32 rounds of a confidence near 1."""
    notebook = nbformat.read(PROJECT / "notebooks" / "06_evaluation.ipynb", 4)
    (code,) = [cell.source for cell in notebook.cells if cell.id == "calibration-bins"]
    labels = np.zeros(48, int)
    names = {"np": np, "calibration": calibration, "labels": labels, "predicted": labels}
    for seed in range(50):
        doubts = np.random.default_rng(seed).exponential(0.003, 48).astype("float32")
        exec(code, {**names, "confidences": 1 - doubts.clip(0, 0.7)})
