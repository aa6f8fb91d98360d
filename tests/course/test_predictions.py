"""What a learner predicted is put beside what happened, in words that help."""

import importlib

import numpy as np
import pytest

from resnext_course import predictions


@pytest.fixture(autouse=True)
def nothing_predicted_yet():
    importlib.reload(predictions)


@pytest.mark.parametrize(
    "predicted, actual, words",
    [
        (None, 5, "no prediction"),
        (True, 1, "A prediction must be one number, and it is True"),
        (5, 5, "right"),
        (np.float32(1.1), 1.1, "right"),
        (0.992 * 4608, 4608, "right"),
        (0.988 * 4608, 4608, "close, a little too low"),
        (1.24 * 4608, 4608, "close, a little too high"),
        (1.26 * 4608, 4608, "too high"),
        (3, 5, "too low"),
        (32, 4, "8 times too high"),
        (4, 32, "8 times too low"),
        (69.632, 70_144, "about 1,000 times too low"),
        (9_876_543, 2, "about 4,900,000 times too high"),
        (-4, 4, "too low"),
        (4, 0, "too high"),
        (0, 4, "too low"),
    ],
)
def test_the_verdict_says_how_near_a_prediction_came(predicted, actual, words):
    assert predictions.verdict(predicted, actual) == words


@pytest.mark.parametrize(
    "predicted, actual, unit, words",
    [
        (0.33, 33, "%", "did you mean 33%? Write per cent, not a fraction"),
        (0.5, 33, "%", "did you mean 50%? Write per cent, not a fraction"),
        (0.5, 0.7, "%", "too low"),
        (0.33, 33, "", "100 times too low"),
    ],
)
def test_a_fraction_in_place_of_per_cent_is_noticed(predicted, actual, unit, words):
    assert predictions.verdict(predicted, actual, unit=unit) == words


def test_a_result_is_shown_beside_its_prediction_and_without_one(capsys):
    predictions.compare("weights with 32 groups", 147_456, 4608)
    predictions.compare("weights left", None, 33.3333, "%")
    assert capsys.readouterr().out.splitlines()[:3] == [
        "weights with 32 groups: 4,608",
        "You predicted 147,456: 32 times too high.",
        "weights left: 33.33%",
    ]


@pytest.mark.parametrize(
    "predicted, words",
    [
        (3.465, "right"),
        (5, "right, as near as this can be measured"),
        (2, "right, as near as this can be measured"),
        (6, "too high"),
        (32, "about 9.2 times too high"),
        (None, "no prediction"),
    ],
)
def test_a_measured_result_has_a_margin(predicted, words):
    assert predictions.verdict(predicted, 3.465, within=0.5) == words


@pytest.mark.parametrize(
    "actual, shown",
    [
        (3.465, "about 3.5 s"),
        (1234.5, "about 1,200 s"),
        (0, "about 0 s"),
        (1 / 3e3, "about 0.00033 s"),
    ],
)
def test_a_measured_result_is_rounded(actual, shown, capsys):
    predictions.compare("a step", 1, actual, "s", within=0.5)
    assert capsys.readouterr().out.splitlines()[0] == f"a step: {shown}"


def test_the_recap_has_all_questions_in_order_and_the_last_prediction(capsys):
    predictions.compare("the speed", None, 4.0, "times")
    predictions.compare("weights", 4608, 4608)
    predictions.compare("a share", None, 0.5)
    predictions.compare("the speed", 32, 4.0, "times")
    capsys.readouterr()
    assert predictions.recap().to_csv(sep="|").splitlines() == [
        "|predicted|result|your prediction was",
        "the speed|32 times|4 times|8 times too high",
        "weights|4,608|4,608|right",
        "a share|–|0.5|no prediction",
    ]
    assert capsys.readouterr().out == "You made 2 of 3 predictions.\n"


def test_the_recap_of_nothing_says_what_to_do(capsys):
    assert predictions.recap() is None
    assert "run the cells above" in capsys.readouterr().out
