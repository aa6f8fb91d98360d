"""The exercises of notebook 06."""

import math

import numpy as np

from resnext_course.exercises import _evaluation_code
from resnext_course.exercises._exercise import Exercise, is_number


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


# Confidences, whether right, the wanted accuracy, the lowest threshold. Of the first answers, 67%
# are right from 0.3 on, 80% from 0.5, 75% from 0.7 and 100% from 0.9: up, down and up again.
_ANSWERS = (np.array([0.3, 0.95, 0.5, 0.9, 0.7, 0.99]), np.array([0, 1, 1, 1, 0, 1], bool))
_THRESHOLDS = (
    (*_ANSWERS, 0.95, 0.9),
    (*_ANSWERS, 0.6, 0.3),
    (*_ANSWERS, 0.8, 0.5),
    (np.array([0.4, 0.8]), np.array([False, False]), 0.5, None),
)


def _threshold(answer):
    if not callable(answer):
        return "Give a function of three things: confidences, right, wanted."
    for confidences, right, wanted, expected in _THRESHOLDS:
        call = f"threshold({confidences.tolist()}, {right.tolist()}, {wanted})"
        try:
            got = answer(confidences.copy(), right.copy(), wanted)
        except Exception as error:
            return f"{call} fails with {type(error).__name__}: {error}."
        if wrong := _threshold_is_wrong(got, confidences, right, wanted, expected):
            return f"{call} gives {got!r}. {wrong}"
    return None


def _threshold_is_wrong(got, confidences, right, wanted, expected):
    if expected is None:
        return None if got is None else "No threshold reaches this: return None."
    if got is None:
        return (
            f"There is one: of the answers from {expected} on, "
            f"{right[confidences >= expected].mean():.0%} are right. Do you divide by the answers "
            "that are kept, or by all photographs?"
        )
    if not is_number(got):
        return "That is no number."
    if math.isclose(got, expected):
        return None
    answered = confidences >= got
    if not answered.any():
        return "With it nothing is answered at all."
    if right[answered].mean() < wanted:
        return (
            f"From there on only {right[answered].sum()} of {answered.sum()} answers are right, "
            f"{right[answered].mean():.0%}."
        )
    if got > expected:
        return (
            f"It is high enough, but a lower one is too: from {expected} on "
            f"{right[confidences >= expected].mean():.0%} are right. Accuracy can fall and rise "
            "again, so try every confidence."
        )
    return "Take one of the confidences: from the lowest that is kept on."


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
    "06-threshold": Exercise(
        _threshold,
        praise="The lowest threshold keeps the most answers.",
        hints=(
            "Only the confidences themselves matter as thresholds: between two of them nothing "
            "changes.",
            "For one threshold t: answered = confidences >= t, and the accuracy is "
            "right[answered].mean().",
            "Go through np.sort(confidences), and return the first that is good enough.",
        ),
        solution="""\
def threshold(confidences, right, wanted):
    for t in np.sort(confidences):
        if right[confidences >= t].mean() >= wanted:
            return t
    return None""",
    ),
    "06-repair": Exercise(
        _evaluation_code.what_is_wrong,
        praise="All five are mended. None of them stopped the code, or looked wrong.",
        hints=(
            "There are five mistakes, about one for each thing that is returned. Read what each "
            "line is given, not only what it does.",
            "Which photographs are judged? is_validation isn't used anywhere.",
            "help(confusion_matrix) tells the order of its arguments.",
            "Does a rare class count as much as a frequent one in the mean recall? And a bin with "
            "one photograph as much as a full one in the calibration error?",
        ),
        solution=_evaluation_code.solution(),
    ),
}
