"""What a learner predicted is put beside what happened, in words that help."""

import importlib

import numpy as np
import pytest

from resnext_course import predictions


@pytest.fixture(autouse=True)
def nothing_predicted_yet():
    importlib.reload(predictions)


PERCENT, MEASURED = {"unit": "%"}, {"within": 0.5}


@pytest.mark.parametrize(
    ("predicted", "actual", "how", "words"),
    [
        (None, 5, {}, "no prediction"),
        (True, 1, {}, "A prediction must be one number, and it is True"),
        (5, 5, {}, "right"),
        (np.float32(1.1), 1.1, {}, "right"),
        (0.992 * 4608, 4608, {}, "right"),
        (0.988 * 4608, 4608, {}, "close, a little too low"),
        (1.24 * 4608, 4608, {}, "close, a little too high"),
        (1.26 * 4608, 4608, {}, "too high"),
        (3, 5, {}, "too low"),
        (32, 4, {}, "8 times too high"),
        (4, 32, {}, "8 times too low"),
        (69.632, 70_144, {}, "about 1,000 times too low"),
        (9_876_543, 2, {}, "about 4,900,000 times too high"),
        (-4, 4, {}, "too low"),
        (4, 0, {}, "too high"),
        (0, 4, {}, "too low"),
        (0.33, 33, PERCENT, "did you mean 33%? Write per cent, not a fraction"),
        (0.5, 33, PERCENT, "did you mean 50%? Write per cent, not a fraction"),
        (0.5, 0.7, PERCENT, "too low"),
        (0.33, 33, {}, "100 times too low"),
        (3.465, 3.465, MEASURED, "right"),
        (5, 3.465, MEASURED, "right, as near as this can be measured"),
        (2, 3.465, MEASURED, "right, as near as this can be measured"),
        (6, 3.465, MEASURED, "too high"),
        (32, 3.465, MEASURED, "about 9.2 times too high"),
        (None, 3.465, MEASURED, "no prediction"),
    ],
)
def test_the_verdict_says_how_near_a_prediction_came(predicted, actual, how, words):
    assert predictions.verdict(predicted, actual, **how) == words


def test_a_result_is_shown_beside_its_prediction_and_without_one(capsys):
    predictions.compare("weights with 32 groups", 147_456, 4608)
    predictions.compare("weights left", None, 33.3333, "%")
    assert capsys.readouterr().out.splitlines()[:3] == [
        "weights with 32 groups: 4,608",
        "You predicted 147,456: 32 times too high.",
        "weights left: 33.33%",
    ]


def test_a_measured_result_is_rounded(capsys):
    for actual, shown in ((3.465, "3.5"), (1234.5, "1,200"), (0, "0"), (1 / 3e3, "0.00033")):
        predictions.compare("a step", 1, actual, "s", within=0.5)
        assert capsys.readouterr().out.splitlines()[0] == f"a step: about {shown} s"


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
