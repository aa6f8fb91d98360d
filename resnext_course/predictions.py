"""Predict first: what a learner expected, kept beside what happened.

A notebook's cell asks for a number, a later one calls ``compare``, and the last one ``recap``.
"""

import pandas as pd

from resnext_course.exercises.checking import AnswerError, number

RIGHT, CLOSE = 0.01, 0.25  # how far from the result a prediction may be, as a share of it
_compared: dict[str, tuple[object, float, str]] = {}  # in the order of the notebook


def compare(question, predicted, actual, unit=""):
    """Print a result beside the prediction of it, and keep both for ``recap``.

    Args:
        question: what was to be predicted, in a few words.
        predicted: the learner's number; None where there is none.
        actual: what happened, a number.
        unit: written behind both numbers, such as ``"%"`` or ``"times"``.
    """
    _compared[question] = predicted, actual, unit
    print(f"{question}: {_with_unit(actual, unit)}")
    if predicted is None:
        print("You made no prediction. Try it: a wrong guess helps to remember the answer.")
    else:
        print(f"You predicted {_with_unit(predicted, unit)}: {verdict(predicted, actual)}.")


def verdict(predicted, actual):
    """In words, how near a prediction came to the result."""
    if predicted is None:
        return "no prediction"
    try:
        predicted = number(predicted, "A prediction")
    except AnswerError as wrong:
        return str(wrong).rstrip(".")
    difference = abs(predicted - actual)
    if difference <= RIGHT * abs(actual):
        return "right"
    direction = "high" if predicted > actual else "low"
    if difference <= CLOSE * abs(actual):
        return f"close, a little too {direction}"
    factor = max(predicted / actual, actual / predicted) if predicted * actual > 0 else 0
    return f"{factor:,.3g} times too {direction}" if factor >= 2 else f"too {direction}"


def recap():
    """All predictions of this notebook beside what happened, as a DataFrame."""
    if not _compared:
        print("Nothing was predicted yet: run the cells above.")
        return None
    rows = {
        question: {
            "predicted": "–" if predicted is None else _with_unit(predicted, unit),
            "result": _with_unit(actual, unit),
            "your prediction was": verdict(predicted, actual),
        }
        for question, (predicted, actual, unit) in _compared.items()
    }
    made = sum(predicted is not None for predicted, _, _ in _compared.values())
    print(f"You made {made} of {len(_compared)} predictions.")
    return pd.DataFrame.from_dict(rows, orient="index")


def _with_unit(answer, unit):
    try:
        value = number(answer)
    except AnswerError:
        return repr(answer)
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
    return f"{text}{'' if unit in ('', '%') else ' '}{unit}"
