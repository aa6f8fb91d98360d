"""Calibration on probabilities whose answer is known."""

import nbformat
import numpy as np
import pandas as pd
import pytest

from resnext_course import calibration
from resnext_helpers.settings import PROJECT

# Four bins of ten; a border belongs to the bin below it.
CONFIDENCES = np.array([0.55, 0.6, 0.61, 0.9, 0.95, 1.0, 1.0, 0.25])
RIGHT = np.array([True, False, True, True, True, True, False, False])


def test_bins_by_hand():
    rows = calibration.reliability(CONFIDENCES, RIGHT)
    assert [(round(row.low, 9), row.count, row.accuracy) for row in rows] == [
        (0.2, 1, 0),
        (0.5, 2, 0.5),
        (0.6, 1, 1),
        (0.8, 1, 1),
        (0.9, 3, pytest.approx(2 / 3)),
    ]
    assert rows[1].confidence == pytest.approx(0.575)
    assert all(row.low < row.confidence <= row.high + 1e-9 for row in rows)


@pytest.mark.parametrize(
    ("confidences", "right", "expected"),
    [
        # |0 - 0.25| + 2 |0.5 - 0.575| + |1 - 0.61| + |1 - 0.9| + 3 |2/3 - 2.95/3|, over 8
        (CONFIDENCES, RIGHT, (0.25 + 0.15 + 0.39 + 0.1 + 0.95) / 8),
        ([0.8] * 10, np.arange(10) < 8, 0),
        ([1.0] * 10, np.arange(10) < 0, 1),
        # Bins weigh by their photographs, and gaps don't cancel.
        ([0.95] * 9 + [0.55], np.arange(10) < 9, 0.9 * 0.05 + 0.1 * 0.55),
    ],
)
def test_the_error_of_notebook_06_by_hand(confidences, right, expected):
    notebook = nbformat.read(PROJECT / "notebooks" / "06_evaluation.ipynb", 4)
    ids = "calibration-by-bin", "calibration-bins"
    code = "\n".join(cell.source for cell in notebook.cells if cell.id in ids)
    names = {"np": np, "pd": pd, "confidences": np.array(confidences), "right": np.array(right)}
    exec(code, names)
    assert names["error"] == pytest.approx(expected, abs=1e-6)


def test_the_diagram_shows_counts_bars_and_intervals(style, unrendered, figures):
    right = np.arange(263) < 81
    rows = calibration.reliability(np.r_[CONFIDENCES, np.full(263, 0.35)], np.r_[RIGHT, right])
    picture = calibration.reliability_diagram(rows)
    (axis,) = figures[0].axes
    (bars,) = axis.containers
    assert [bar.get_height() for bar in bars] == [row.accuracy for row in rows]
    assert [bar.get_x() for bar in bars] == [row.low for row in rows]
    assert [text.get_text() for text in axis.texts[:-1]] == ["1", "263", "2", "1", "1", "3"]
    ends = axis.collections[1].get_segments()[0][:, 1]
    # Newcombe (Statistics in Medicine, 1998), Table I, method 3: Wilson's.
    assert ends == pytest.approx((0.2553, 0.3662), abs=1e-4)
    dots, line = axis.lines  # the dots show a bin with 0% right
    assert list(dots.get_ydata()) == [row.accuracy for row in rows]
    assert list(dots.get_xdata()) == pytest.approx([row.low + 0.05 for row in rows])
    assert list(line.get_xdata()) == list(line.get_ydata()) == [0, 1]
    assert "90% to 100%: 67% right, photographs: 3" in picture.alt
