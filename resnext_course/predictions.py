"""Predict first: what a learner expected, kept beside what happened.

A notebook's cell asks for a number, a later one calls ``compare``, and the last one ``recap``.
"""

import pandas as pd

from resnext_course.exercises.checking import AnswerError, number

RIGHT, CLOSE = 0.01, 0.25  # how far from the result a prediction may be, as a share of it
_compared: dict[str, tuple[object, float, str]] = {}  # in the order of the notebook


def compare(question, predicted, actual, unit=""):
    """Print a result beside the prediction of it, a number or None; keep both for ``recap``."""
    _compared[question] = predicted, actual, unit
    said = f"You predicted {_with_unit(predicted, unit)}: {verdict(predicted, actual)}."
    if predicted is None:
        said = "You made no prediction. Try it: a wrong guess helps to remember the answer."
    print(f"{question}: {_with_unit(actual, unit)}", said, sep="\n")


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
    rows = [
        (_with_unit(told, unit), _with_unit(actual, unit), verdict(told, actual))
        for told, actual, unit in _compared.values()
    ]
    made = sum(told is not None for told, _, _ in _compared.values())
    print(f"You made {made} of {len(_compared)} predictions.")
    return pd.DataFrame(rows, list(_compared), ["predicted", "result", "your prediction was"])


def _with_unit(answer, unit):
    if answer is None:
        return "–"
    try:
        value = number(answer)
    except AnswerError:
        return repr(answer)
    space = "" if unit in ("", "%") else " "
    return f"{value:{',' if isinstance(value, int) else ',.4g'}}{space}{unit}"
