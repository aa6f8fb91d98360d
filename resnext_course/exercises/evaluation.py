"""The exercises of notebook 06."""

from numbers import Real

import numpy as np
from scipy.special import softmax
from sklearn.metrics import confusion_matrix

from resnext_course import calibration

from .checking import AnswerError, call, in_case, is_close, number, number_list


def check_recall(answer):
    example = "Give a pair, such as (0.5, 0.6)."
    yield {example: isinstance(answer, Real)}
    pair = number_list(answer)
    yield {
        example: len(pair) != 2,
        "You gave percent; give shares between 0 and 1.": max(pair, default=0) > 2,
    }
    precision, recall = ([is_close(one, share, 0.005) for share in (0.75, 0.9)] for one in pair)
    yield {
        "These are the right numbers in the wrong order: which one asks about all "
        "cockatoos?": precision[1] and recall[0],
        "Precision: of the 24 pictures that were called cockatoo, which share is "
        "right?": not precision[0],
        "Recall: of the 20 cockatoos, which share was found?": not recall[1],
    }


def f1(precision, recall):
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def check_f1(answer):
    for pair in ((0.75, 0.9), (1.0, 1.0), (0.5, 0.1), (0.0, 0.0)):
        said, right, mean = f"f1{pair}", f1(*pair), sum(pair) / 2
        try:
            value = number(call(answer, *pair, said=said), said)
        except AnswerError as wrong:
            divides = any(sign in str(wrong) for sign in ("ZeroDivision", "nan"))
            yield {"f1(0, 0) divides by zero: say what it shall be when both are 0.": divides}
            raise
        why = " That is the plain mean; F1 is the harmonic one." if value == mean else ""
        yield {f"{said} is {value:.3g}, not {right:.3g}.{why}": not is_close(value, right, 1e-6)}


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
        case = f"{said} gives {got!r}. "
        yield in_case(case, check_one_threshold(got, confidences, right, wanted))


def check_one_threshold(got, confidences, right, wanted):
    lowest = threshold(confidences, right, wanted)
    if got is None and lowest is None:
        return
    yield {"No threshold reaches this: return None.": lowest is None}
    share = f"from {lowest} on {right[confidences >= lowest].mean():.0%} are right"
    yield {
        f"There is one: of the answers {share}. Do you divide by the answers that are kept, or by "
        f"all photographs?": got is None
    }
    value = number(got, "It")
    if is_close(value, lowest, 1e-6):
        return
    kept = right[confidences >= value]
    yield {"With it nothing is answered at all.": not len(kept)}
    yield {
        f"From there on only {kept.sum()} of {len(kept)} answers are right, "
        f"{kept.mean():.0%}.": kept.mean() < wanted,
        f"It is high enough, but a lower one is too: {share}. Accuracy can fall and rise again, so "
        f"try every confidence.": value > lowest,
        "Take one of the confidences: from the lowest that is kept on.": True,
    }


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


def check_repair(answer):
    logits, labels, chosen = made_up_answers()
    given = logits.copy(), labels.copy(), chosen.copy()
    got = call(answer, *given, said="judge(logits, labels, is_validation)")
    right, of_all, of_training = (
        judge(logits, labels, part) for part in (chosen, chosen | True, ~chosen)
    )
    is_whole = isinstance(got, dict) and all(got.get(key) is not None for key in right)
    yield {f"The function must still return a dict with all of: {', '.join(right)}.": not is_whole}
    known = known_mistakes(right, logits[chosen], labels[chosen])
    for key, wanted in right.items():
        if is_same(got[key], wanted):
            continue
        is_nan = np.isnan(as_numbers(got[key])).any()
        yield {f"{key}: nan is no number; is something divided by 0?": is_nan}
        mistakes = {
            "this judges the photographs of the training part as well. The network has seen their "
            "answers, so it looks better than it is. Judge those of is_validation "
            "alone.": of_all[key],
            "this judges the photographs of the training part alone, and the network has seen "
            "their answers. Which value of is_validation do the others have?": of_training[key],
            **known[key],
        }
        yield {f"{key}: {why}": is_same(got[key], wrong) for why, wrong in mistakes.items()}
        why = "this isn't it yet. Say in words what it must be, then read the line again."
        yield {f"{key}: {why}": True}


def known_mistakes(right, logits, labels):
    """For each key of ``judge``'s result: what to say of a mistake, and what wrong code gives."""
    matrix, confidences = right["matrix"], right["confidences"]
    rows = calibration.reliability(confidences, logits.argmax(axis=1) == labels)
    gaps = np.array([row.accuracy - row.confidence for row in rows])
    recalls = matrix.diagonal() / matrix.sum(axis=1)
    signed = abs(np.average(gaps, weights=[row.count for row in rows]))
    return {
        "accuracy": {"this is the share of the wrong answers.": 1 - right["accuracy"]},
        "matrix": {
            "rows and columns are exchanged. Its rows must be the true classes: which of the two "
            "does confusion_matrix take first?": matrix.T,
        },
        "mean recall": {
            "this is the accuracy again: each photograph counts the same, so a large class hides "
            "a small one (the micro average). Compute the recall of each class first, then their "
            "mean (the macro average).": right["accuracy"],
            "this is one number per class; take their mean.": recalls,
            "this divides by the columns, which gives precision.": (
                matrix.diagonal() / matrix.sum(axis=0)
            ).mean(),
        },
        "confidences": {
            "this applies the softmax twice. The second one presses all probabilities towards the "
            "same value, though the predictions stay as they "
            "were.": softmax(softmax(logits, axis=1), axis=1).max(axis=1),
            "these are logits. Which function makes probabilities of them?": logits.max(axis=1),
        },
        "calibration error": {
            "this gives a bin with one photograph the same weight as a bin with many. Weight each "
            "gap by the photographs in its bin.": abs(gaps).mean(),
            "here gaps above and below cancel. Take the absolute value of each gap.": signed,
            "this is the largest gap. Take the mean, weighted by photos.": abs(gaps).max(),
        },
    }


def is_same(got, wanted):
    got, wanted = (as_numbers(one) for one in (got, wanted))
    return got.shape == wanted.shape and np.allclose(got, wanted, rtol=0, atol=1e-5)


def as_numbers(value):
    """An array of what can be numbers; else an empty one, which is the same as nothing wanted."""
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError):
        return np.empty(0)
