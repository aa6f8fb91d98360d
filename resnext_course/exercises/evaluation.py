"""The exercises of notebook 06."""

from inspect import getsource

import numpy as np
from scipy.special import softmax
from sklearn.metrics import confusion_matrix

from resnext_course import calibration

from .checking import (
    AnswerError,
    Exercise,
    call,
    is_close,
    number,
    number_list,
    one_number,
    refuse_if,
)

ROUNDING = 0.005  # how far precision and recall may be off, as a share


def check_recall(answer):
    pair = number_list(answer)
    refuse_if(len(pair) != 2, "Give a pair of numbers: (precision, recall).")

    def is_near(*wanted):
        return [is_close(one, share, ROUNDING) for one, share in zip(pair, wanted, strict=True)]

    refuse_if(
        all(is_near(0.9, 0.75)),
        "These are the right numbers in the wrong order: which one asks about all cockatoos?",
    )
    precision, recall = is_near(0.75, 0.9)
    refuse_if(
        not precision,
        "Precision: of the 24 pictures that were called cockatoo, which share is right?",
    )
    refuse_if(not recall, "Recall: of the 20 cockatoos, which share was found?")


def f1(precision, recall):
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def check_f1(answer):
    for pair in ((0.75, 0.9), (1.0, 1.0), (0.5, 0.1), (0.0, 0.0)):
        said = f"f1{pair}"
        try:
            value = number(call(answer, *pair, said=said), said)
        except AnswerError as wrong:
            refuse_if(
                not any(pair) and ("ZeroDivision" in str(wrong) or "nan" in str(wrong)),
                "f1(0, 0) divides by zero: say what it shall be when both are 0.",
            )
            raise
        if not is_close(value, f1(*pair), within=1e-6):
            is_mean = is_close(value, sum(pair) / 2, within=1e-6)
            why = " That is the plain mean; F1 is the harmonic one." if is_mean else ""
            raise AnswerError(f"{said} is {value:.3g}, not {f1(*pair):.3g}.{why}")


def threshold(confidences, right, wanted):
    for t in np.sort(confidences):
        if right[confidences >= t].mean() >= wanted:
            return t
    return None


# Of these answers, 67% are right from 0.3 on, 80% from 0.5, 75% from 0.7 and 100% from 0.9: up,
# down and up again.
CONFIDENCES = np.array([0.3, 0.95, 0.5, 0.9, 0.7, 0.99])
RIGHT = np.array([0, 1, 1, 1, 0, 1], bool)


def check_threshold(answer):
    for confidences, right, wanted in (
        (CONFIDENCES, RIGHT, 0.95),
        (CONFIDENCES, RIGHT, 0.6),
        (CONFIDENCES, RIGHT, 0.8),
        (np.array([0.4, 0.8]), np.array([False, False]), 0.5),
    ):
        said = f"threshold({confidences.tolist()}, {right.tolist()}, {wanted})"
        got = call(answer, confidences.copy(), right.copy(), wanted, said=said)
        try:
            check_one_threshold(got, confidences, right, wanted)
        except AnswerError as wrong:
            raise AnswerError(f"{said} gives {got!r}. {wrong}") from wrong


def check_one_threshold(got, confidences, right, wanted):
    lowest = threshold(confidences, right, wanted)
    if got is None and lowest is None:
        return
    refuse_if(lowest is None, "No threshold reaches this: return None.")
    share = right[confidences >= lowest].mean()
    refuse_if(
        got is None,
        f"There is one: of the answers from {lowest} on, {share:.0%} are right. Do you divide by "
        f"the answers that are kept, or by all photographs?",
    )
    value = number(got, "It")
    if is_close(value, lowest, within=1e-6):
        return
    kept = right[confidences >= value]
    refuse_if(not len(kept), "With it nothing is answered at all.")
    refuse_if(
        kept.mean() < wanted,
        f"From there on only {kept.sum()} of {len(kept)} answers are right, {kept.mean():.0%}.",
    )
    refuse_if(
        value > lowest,
        f"It is high enough, but a lower one is too: from {lowest} on {share:.0%} are right. "
        f"Accuracy can fall and rise again, so try every confidence.",
    )
    raise AnswerError("Take one of the confidences: from the lowest that is kept on.")


def judge(logits, labels, is_validation):
    """Judge a network by the photographs that it was not trained on."""
    logits, labels = logits[is_validation], labels[is_validation]  # 1. not the training part
    predicted = logits.argmax(axis=1)
    right = predicted == labels
    matrix = confusion_matrix(labels, predicted)  # 2. scikit-learn takes the true classes first
    confidences = softmax(logits, axis=1).max(axis=1)  # 3. one softmax; two make all alike
    rows = calibration.reliability(confidences, right)
    return {
        "accuracy": right.mean(),
        "matrix": matrix,
        # 4. The mean of the classes' recalls (macro), not the share of all photographs (micro).
        "mean recall": (matrix.diagonal() / matrix.sum(axis=1)).mean(),
        "confidences": confidences,
        "calibration error": np.average(
            [abs(row.accuracy - row.confidence) for row in rows],
            weights=[row.count for row in rows],  # 5. each bin counts by its photographs
        ),
    }


def made_up_answers():
    """Logits, labels and which photographs are for validation; of those for training, the network
    knows every one. The classes differ in size and in how hard they are."""
    rng = np.random.default_rng(7)
    labels = np.repeat([0, 1, 2], [40, 24, 16])
    is_validation = np.arange(len(labels)) % 4 > 0
    hardness = np.array([0.7, 1.3, 2.2])[labels] * is_validation
    logits = 2.5 * np.eye(3)[labels] + rng.normal(size=(len(labels), 3)) * hardness[:, None]
    return logits, labels, is_validation


def known_mistakes(logits, labels, is_validation):
    """For each key of ``judge``'s result: what wrong code gives, and what to say of it."""
    right = judge(logits, labels, is_validation)
    of_all = judge(logits, labels, is_validation | True)
    of_training = judge(logits, labels, ~is_validation)
    logits, labels = logits[is_validation], labels[is_validation]
    matrix, confidences = right["matrix"], right["confidences"]
    rows = calibration.reliability(confidences, logits.argmax(axis=1) == labels)
    gaps = np.array([row.accuracy - row.confidence for row in rows])
    counts = np.array([row.count for row in rows])
    own = {
        "accuracy": [(1 - right["accuracy"], "this is the share of the wrong answers.")],
        "matrix": [
            (
                matrix.T,
                "rows and columns are exchanged. Its rows must be the true classes: which of the "
                "two does confusion_matrix take first?",
            )
        ],
        "mean recall": [
            (
                right["accuracy"],
                "this is the accuracy again: each photograph counts the same, so a large class "
                "hides a small one (the micro average). Compute the recall of each class first, "
                "then their mean (the macro average).",
            ),
            (
                (matrix.diagonal() / matrix.sum(axis=0)).mean(),
                "this divides by the columns, which gives precision.",
            ),
        ],
        "confidences": [
            (
                softmax(softmax(logits, axis=1), axis=1).max(axis=1),
                "this applies the softmax twice. The second one presses all probabilities towards "
                "the same value, though the predictions stay as they were.",
            ),
            (logits.max(axis=1), "these are logits. Which function makes probabilities of them?"),
        ],
        "calibration error": [
            (
                abs(gaps).mean(),
                "this gives a bin with one photograph the same weight as a bin with many. Weight "
                "each gap by the photographs in its bin.",
            ),
            (
                abs(counts @ gaps) / counts.sum(),
                "here gaps above and below cancel. Take the absolute value of each gap.",
            ),
            (abs(gaps).max(), "this is the largest gap. Take the mean, weighted by photos."),
        ],
    }
    of_every_key = (
        (
            of_all,
            "this judges the photographs of the training part as well. The network has seen their "
            "answers, so it looks better than it is. Judge those of is_validation alone.",
        ),
        (
            of_training,
            "this judges the photographs of the training part alone, and the network has seen "
            "their answers. Which value of is_validation do the others have?",
        ),
    )
    return {key: [*((part[key], why) for part, why in of_every_key), *own[key]] for key in right}


def check_judge(answer):
    given = made_up_answers()
    got = call(answer, *(one.copy() for one in given), said="judge(logits, labels, is_validation)")
    right = judge(*given)
    refuse_if(
        not isinstance(got, dict) or any(got.get(key) is None for key in right),
        f"The function must still return a dict with all of: {', '.join(right)}.",
    )
    mistakes = known_mistakes(*given)
    for key, wanted in right.items():
        if is_same(got[key], wanted):
            continue
        otherwise = "this isn't it yet. Say in words what it must be, then read the line again."
        why = (why for wrong, why in mistakes[key] if is_same(got[key], wrong))
        raise AnswerError(f"{key}: {next(why, otherwise)}")


def is_same(got, wanted):
    try:
        got = np.asarray(got, float)
    except (TypeError, ValueError):
        return False
    return got.shape == np.shape(wanted) and np.allclose(got, wanted, rtol=0, atol=1e-5)


EXERCISES = {
    "06-recall": Exercise(
        check_recall,
        praise="18 of the 24 that it named are right, and it found 18 of the 20.",
        hints=(
            "Precision divides by the pictures called cockatoo, recall by the true cockatoos.",
            "Both have 18 above the line.",
        ),
        solution="answer = 18 / 24, 18 / 20  # precision 0.75, recall 0.90",
    ),
    "06-overfit": Exercise(
        one_number(
            4,
            {
                6: "The last epoch has the lowest training loss, but look at the validation loss.",
                3: "Epochs count from 1 here; you seem to have counted from 0.",
            },
            otherwise="Give an epoch, 1 to 6: the one with the smallest validation loss.",
        ),
        praise="After epoch 4 the validation loss rises: from there on it learns by heart.",
        hints=("The training loss doesn't decide.", "Which validation loss is the smallest?"),
        solution="answer = 4  # with 0.55",
    ),
    "06-f1": Exercise(
        check_f1,
        praise="The harmonic mean is high only if both numbers are high.",
        hints=(
            "F1 = 2 · precision · recall / (precision + recall).",
            "If precision + recall is 0, return 0.",
        ),
        solution=getsource(f1),
    ),
    "06-threshold": Exercise(
        check_threshold,
        praise="The lowest threshold keeps the most answers.",
        hints=(
            "Only the confidences themselves matter as thresholds: between two of them nothing "
            "changes.",
            "For one threshold t: answered = confidences >= t, and the accuracy is "
            "right[answered].mean().",
            "Go through np.sort(confidences), and return the first that is good enough.",
        ),
        solution=getsource(threshold),
    ),
    "06-repair": Exercise(
        check_judge,
        praise="All five are mended. None of them stopped the code, or looked wrong.",
        hints=(
            "There are five mistakes, about one for each thing that is returned. Read what each "
            "line is given, not only what it does.",
            "Which photographs are judged? is_validation isn't used anywhere.",
            "help(confusion_matrix) tells the order of its arguments.",
            "Does a rare class count as much as a frequent one in the mean recall? And a bin with "
            "one photograph as much as a full one in the calibration error?",
        ),
        solution=f"from scipy.special import softmax\n\n\n{getsource(judge)}",
    ),
}
