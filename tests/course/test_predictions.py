"""What a learner predicted is put beside what happened, in words that help."""

import numpy as np
import pytest

from resnext_course import predictions


@pytest.fixture(autouse=True)
def nothing_predicted_yet(monkeypatch):
    monkeypatch.setattr(predictions, "_compared", {})


@pytest.mark.parametrize(
    "predicted, actual, words",
    [
        (None, 5, "no prediction"),
        ("five", 5, "not a number"),
        (True, 1, "not a number"),
        (5, 5, "right"),
        (0, 0, "right"),
        (np.float32(1.1), 1.1, "right"),
        (4600, 4608, "right"),
        (5000, 4608, "close, a little too high"),
        (4000, 4608, "close, a little too low"),
        (8, 5, "too high"),
        (3, 5, "too low"),
        (32, 4, "8 times too high"),
        (4, 32, "8 times too low"),
        (147456, 4608, "32 times too high"),
        (-4, 4, "too low"),
        (4, 0, "too high"),
        (0, 4, "too low"),
    ],
)
def test_the_verdict_says_how_near_a_prediction_came(predicted, actual, words):
    assert predictions.verdict(predicted, actual) == words


def test_a_result_is_shown_beside_its_prediction(capsys):
    predictions.compare("weights with 32 groups", 147_456, 4608)
    assert capsys.readouterr().out == (
        "weights with 32 groups: 4,608\nYou predicted 147,456: 32 times too high.\n"
    )


def test_without_a_prediction_the_result_is_shown_all_the_same(capsys):
    predictions.compare("weights left", None, 33.3333, "%")
    out = capsys.readouterr().out
    assert out.startswith("weights left: 33.33%\nYou made no prediction.")


def test_the_recap_keeps_the_order_and_the_last_prediction(capsys):
    predictions.compare("the speed", None, 4.0, "times")
    predictions.compare("weights", 4608, 4608)
    predictions.compare("the speed", 32, 4.0, "times")
    capsys.readouterr()
    predictions.recap()
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    cells = [[text.strip() for text in line if text.strip()] for line in lines]
    assert cells == [
        ["question", "predicted", "result", "your prediction was"],
        ["the speed", "32 times", "4 times", "8 times too high"],
        ["weights", "4,608", "4,608", "right"],
        [],
        ["You made 2 of 2 predictions."],
    ]


def test_the_recap_of_nothing_says_what_to_do(capsys):
    predictions.recap()
    assert "run the cells above" in capsys.readouterr().out
