"""Predict first: what a learner expected, kept beside what happened.

A notebook's cell asks for a number, a later one calls ``compare``, and the last one ``recap``.
"""

from numbers import Integral

from resnext_course.exercises import is_number

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
    if not is_number(predicted):
        return "not a number"
    difference = abs(predicted - actual)
    if difference <= RIGHT * abs(actual):
        return "right"
    direction = "high" if predicted > actual else "low"
    if difference <= CLOSE * abs(actual):
        return f"close, a little too {direction}"
    if predicted * actual > 0:
        factor = max(predicted / actual, actual / predicted)
        if factor >= 2:
            return f"{factor:,.3g} times too {direction}"
    return f"too {direction}"


def recap():
    """Print all predictions of this notebook beside what happened."""
    if not _compared:
        print("Nothing was predicted yet: run the cells above.")
        return
    rows = [("question", "predicted", "result", "your prediction was")]
    for question, (predicted, actual, unit) in _compared.items():
        shown = "–" if predicted is None else _with_unit(predicted, unit)
        rows.append((question, shown, _with_unit(actual, unit), verdict(predicted, actual)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )
    made = sum(predicted is not None for predicted, _, _ in _compared.values())
    print(f"\nYou made {made} of {len(_compared)} predictions.")


def _with_unit(number, unit):
    if not is_number(number):
        return repr(number)
    text = f"{number:,}" if isinstance(number, Integral) else f"{number:,.4g}"
    return f"{text}{'' if unit in ('', '%') else ' '}{unit}"
