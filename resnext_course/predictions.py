"""Predict first: what a learner expected, kept beside what happened.

A notebook's cell asks for a number, a later one calls ``compare``, and the last one ``recap``.
"""

import pandas as pd

from resnext_course.exercises.checking import AnswerError, number, shown

RIGHT, CLOSE = 0.01, 0.25  # how far from the result a prediction may be, as a share of it
NONE = "no prediction"
_compared: dict[str, tuple[str, str, str]] = {}  # in the order of the notebook


def compare(question, predicted, actual, unit="", within=None):
    """Print a result beside the prediction of it, a number or None; keep both for ``recap``.

    A measured result varies: ``within=0.5`` lets a prediction be half of it off, and rounds it to
    the two digits that mean something.
    """
    result = _with_unit(actual, unit)
    if within is not None:
        result = f"about {_with_unit(float(f'{actual:.2g}'), unit)}"
    told, judged = _with_unit(predicted, unit), verdict(predicted, actual, within, unit)
    _compared[question] = told, result, judged
    said = f"You predicted {told}: {judged}."
    if predicted is None:
        said = "You made no prediction. Try it: a wrong guess helps to remember the answer."
    print(f"{question}: {result}", said, sep="\n")


def verdict(predicted, actual, within=None, unit=""):
    """In words, how near a prediction came to the result."""
    if predicted is None:
        return NONE
    try:
        predicted = number(predicted, "A prediction")
    except AnswerError as wrong:
        return str(wrong).rstrip(".")
    difference = abs(predicted - actual)
    if difference <= RIGHT * abs(actual):
        return "right"
    if within is not None and difference <= within * abs(actual):
        return "right, as near as this can be measured"
    if unit == "%" and 0 < predicted < 1 <= actual:
        return f"did you mean {100 * predicted:.3g}%? Write per cent, not a fraction"
    direction = "high" if predicted > actual else "low"
    if difference <= CLOSE * abs(actual):
        return f"close, a little too {direction}"
    factor = max(predicted / actual, actual / predicted) if predicted * actual > 0 else 0
    if factor < 2:
        return f"too {direction}"
    rounded = float(f"{factor:.2g}")
    about = "" if rounded == factor else "about "
    return f"{about}{rounded:,.15g} times too {direction}"


def recap():
    """All predictions of this notebook beside what happened, as a DataFrame."""
    if not _compared:
        print("Nothing was predicted yet: run the cells above.")
        return None
    made = sum(judged != NONE for _, _, judged in _compared.values())
    print(f"You made {made} of {len(_compared)} predictions.")
    columns = ["predicted", "result", "your prediction was"]
    return pd.DataFrame(list(_compared.values()), list(_compared), columns)


def _with_unit(answer, unit):
    if answer is None:
        return "–"
    try:
        value = number(answer)
    except AnswerError:
        return shown(answer)
    space = "" if unit in ("", "%") else " "
    return f"{value:{',' if isinstance(value, int) else ',.4g'}}{space}{unit}"
