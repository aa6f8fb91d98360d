"""The explorer of mistakes counts what is right, wrong and withheld at every threshold."""

import numpy as np
import pytest

from resnext_course.explorers.mistakes import ALL, decide, explore

NAMES = ["owl", "gull", "heron"]
LABELS = np.array([0, 0, 0, 1, 1, 2])
PROBABILITIES = np.array(
    [
        [0.90, 0.05, 0.05],  # owl, right
        [0.60, 0.30, 0.10],  # owl, right, unsure
        [0.10, 0.85, 0.05],  # owl, called gull
        [0.10, 0.80, 0.10],  # gull, right
        [0.45, 0.40, 0.15],  # gull, called owl, unsure
        [0.00, 0.01, 0.99],  # heron, right
    ]
)


def counts(threshold, true_class=ALL):
    data = decide(LABELS, PROBABILITIES, NAMES, threshold, true_class).data
    return data["photographs"], data["answered"], data["mistakes_left"], data["withheld"]


@pytest.mark.parametrize(
    ("threshold", "true_class", "expected"),
    [
        (0, ALL, (6, "6 (100%)", 2, 0)),
        (50, ALL, (6, "5 (83%)", 1, 1)),
        (80, ALL, (6, "4 (67%)", 1, 2)),  # 0.80 itself is answered
        (81, ALL, (6, "3 (50%)", 1, 3)),
        (90, ALL, (6, "2 (33%)", 0, 4)),
        (70, "owl", (3, "2 (67%)", 1, 1)),
        (70, "gull", (2, "1 (50%)", 0, 1)),
        (99, "heron", (1, "1 (100%)", 0, 0)),
    ],
)
def test_counts_by_hand(threshold, true_class, expected):
    assert counts(threshold, true_class) == expected


def test_accuracy_of_the_answers():
    assert decide(LABELS, PROBABILITIES, NAMES, 0).data["right_of_these"] == "66.7%"
    assert decide(LABELS, PROBABILITIES, NAMES, 90).data["right_of_these"] == "100.0%"
    nothing = decide(LABELS, PROBABILITIES, NAMES, 95, "gull").data
    assert nothing["right_of_these"] == "nothing is answered"


def test_the_bars_share_each_class_and_the_curves_are_of_the_chosen_one(figures):
    picture = decide(LABELS, PROBABILITIES, NAMES, 80, "owl")
    bars, curves = figures[0].axes
    right, wrong, withheld = ([bar.get_width() for bar in c] for c in bars.containers)
    assert (right, wrong, withheld) == ([1, 1, 1], [1, 0, 0], [1, 1, 0])
    assert len({container[0].get_hatch() for container in bars.containers}) == 3
    bold = [tick.get_text() for tick in bars.get_yticklabels() if tick.get_fontweight() == "bold"]
    assert bold == ["owl"]
    _here, answered, accuracy, *_points = curves.lines
    assert answered.get_ydata()[[0, 60, 61, 86, 91]] == pytest.approx([1, 1, 2 / 3, 1 / 3, 0])
    assert accuracy.get_ydata()[[0, 61, 86]] == pytest.approx([2 / 3, 0.5, 1])
    assert np.isnan(accuracy.get_ydata()[91])
    assert "owl: 1 right, 1 wrong and 1 withheld of 3" in picture.alt


def test_what_is_not_there_is_named():
    with pytest.raises(ValueError, match="no class 'crow': use owl, gull, heron"):
        decide(LABELS, PROBABILITIES, NAMES, 50, "crow")
    with pytest.raises(ValueError, match="no photograph of heron to judge"):
        decide(LABELS[:5], PROBABILITIES[:5], NAMES, 50, "heron")


def test_the_panel_follows_its_controls():
    panel = explore(LABELS, PROBABILITIES, NAMES)
    assert panel.picture.data["withheld"] == 2
    panel.controls["threshold"].value = 90
    assert panel.picture.data["withheld"] == 4
    panel.controls["true_class"].value = "heron"
    assert panel.picture.data["withheld"] == 0 and panel.picture.data["photographs"] == 1
    assert all(control.description for control in panel.controls.values())
