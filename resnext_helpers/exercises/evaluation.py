"""The exercises of notebook 06."""

import math

from resnext_helpers.exercises._exercise import Exercise, is_number


def _recall(answer):
    if not isinstance(answer, list | tuple) or len(answer) != 2 or not all(map(is_number, answer)):
        return "Give a pair of numbers: (precision, recall)."
    precision, recall = answer
    if math.isclose(precision, 0.9) and math.isclose(recall, 0.75):
        return "These are the right numbers in the wrong order: which one asks about all cockatoos?"
    if not math.isclose(precision, 0.75, abs_tol=0.005):
        return "Precision: of the 24 pictures that were called cockatoo, which share is right?"
    if not math.isclose(recall, 0.9, abs_tol=0.005):
        return "Recall: of the 20 cockatoos, which share was found?"
    return None


def _overfit(answer):
    if not is_number(answer):
        return "Give the number of an epoch, 1 to 6."
    if answer == 6:
        return "The last epoch has the lowest training loss, but look at the validation loss."
    if answer == 3:
        return "Epochs count from 1 here; you seem to have counted from 0."
    if answer != 4:
        return "Find the smallest validation loss."
    return None


def _f1(answer):
    if not callable(answer):
        return "Give a function of two numbers, precision and recall."
    for precision, recall in ((0.75, 0.9), (1.0, 1.0), (0.5, 0.1)):
        try:
            got = answer(precision, recall)
        except Exception as error:
            return f"f1({precision}, {recall}) fails with {type(error).__name__}: {error}."
        expected = 2 * precision * recall / (precision + recall)
        if is_number(got) and not math.isclose(got, expected, abs_tol=1e-6):
            mean = math.isclose(got, (precision + recall) / 2)
            reason = "That is the plain mean; F1 is the harmonic one." if mean else ""
            return f"f1({precision}, {recall}) is {got:.3f}, not {expected:.3f}. {reason}".strip()
        if not is_number(got):
            return f"f1({precision}, {recall}) gives {got!r}, which is no number."
    try:
        of_zeros = answer(0.0, 0.0)
    except ZeroDivisionError:
        return "f1(0, 0) divides by zero: say what it shall be when both are 0."
    except Exception as error:
        return f"f1(0, 0) fails with {type(error).__name__}: {error}."
    if not is_number(of_zeros) or of_zeros != 0:
        return f"f1(0, 0) is {of_zeros!r}; a class that is never found has an F1 of 0."
    return None


EXERCISES = {
    "06-recall": Exercise(
        _recall,
        praise="18 of the 24 that it named are right, and it found 18 of the 20.",
        hints=(
            "Precision divides by the pictures called cockatoo, recall by the true cockatoos.",
            "Both have 18 above the line.",
        ),
        solution="precision = 18 / 24 = 0.75, recall = 18 / 20 = 0.90.",
    ),
    "06-overfit": Exercise(
        _overfit,
        praise="After epoch 4 the validation loss rises: from there on it learns by heart.",
        hints=("The training loss doesn't decide.", "Which validation loss is the smallest?"),
        solution="Epoch 4, with 0.55.",
    ),
    "06-f1": Exercise(
        _f1,
        praise="The harmonic mean is high only if both numbers are high.",
        hints=(
            "F1 = 2 · precision · recall / (precision + recall).",
            "If precision + recall is 0, return 0.",
        ),
        solution="def f1(precision, recall):\n"
        "    total = precision + recall\n"
        "    return 2 * precision * recall / total if total else 0.0",
    ),
}
