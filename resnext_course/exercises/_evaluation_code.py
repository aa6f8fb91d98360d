"""The checker of a learner's evaluation code: it tries the code on made-up answers of a network.

Each mistake that people make in such code gives another number, and so its own message.
"""

import numpy as np
from sklearn.metrics import confusion_matrix

from resnext_course import calibration
from resnext_helpers.evaluation import softmax

KEYS = ("accuracy", "matrix", "mean recall", "confidences", "calibration error")


def made_up_answers():
    """Logits, labels and which photographs are for validation; of those for training, the network
    knows every one. The classes differ in size and in how hard they are."""
    rng = np.random.default_rng(7)
    labels = np.repeat([0, 1, 2], [40, 24, 16])
    is_validation = np.arange(len(labels)) % 4 > 0
    hardness = np.array([0.7, 1.3, 2.2])[labels] * is_validation
    logits = 2.5 * np.eye(3)[labels] + rng.normal(size=(len(labels), 3)) * hardness[:, None]
    return logits, labels, is_validation


def what_is_wrong(judge):
    """What is wrong with ``judge(logits, labels, is_validation)``, or None."""
    if not callable(judge):
        return "Give the function itself: answer = judge, without brackets."
    logits, labels, chosen = made_up_answers()
    try:
        got = judge(logits.copy(), labels.copy(), chosen.copy())
    except Exception as error:  # whatever a learner's code may raise
        return f"Your function stops with {type(error).__name__}: {error}."
    if not isinstance(got, dict) or any(got.get(key) is None for key in KEYS):
        return f"The function must still return a dict with all of: {', '.join(KEYS)}."
    right, of_all, of_training = (
        _judge(logits[part], labels[part]) for part in (chosen, chosen | True, ~chosen)
    )
    for key in KEYS:
        if _same(got[key], right[key]):
            continue
        for wrong, message in _known_mistakes(key, right, of_all, of_training, logits[chosen]):
            if _same(got[key], wrong):
                return f"{key}: {message}"
        return f"{key}: this isn't it yet. Say in words what it must be, then read the line again."
    return None


def _judge(logits, labels):
    """What the right code gives, and the numbers that wrong code would give."""
    predicted, probabilities = logits.argmax(axis=1), softmax(logits)
    matrix = confusion_matrix(labels, predicted, labels=range(logits.shape[1]))
    confidences = probabilities.max(axis=1)
    rows = calibration.reliability(confidences, predicted == labels)
    gaps = np.array([row.accuracy - row.confidence for row in rows])
    return {
        "accuracy": matrix.trace() / matrix.sum(),
        "matrix": matrix,
        "mean recall": (matrix.diagonal() / matrix.sum(axis=1)).mean(),
        "mean precision": (matrix.diagonal() / matrix.sum(axis=0)).mean(),
        "confidences": confidences,
        "calibration error": calibration.expected_calibration_error(
            confidences, predicted == labels
        ),
        "mean gap": abs(gaps).mean(),
        "signed gap": abs(np.dot([row.count for row in rows], gaps)) / len(labels),
        "largest gap": abs(gaps).max(),
    }


def _known_mistakes(key, right, of_all, of_training, logits):
    """Values that wrong code gives for ``key``, each with what is wrong."""
    yield (
        of_all[key],
        "this judges the photographs of the training part as well. The network has seen their "
        "answers, so it looks better than it is. Judge those of is_validation alone.",
    )
    yield (
        of_training[key],
        "this judges the photographs of the training part alone, and the network has seen their "
        "answers. Which value of is_validation do the others have?",
    )
    yield from {
        "accuracy": [(1 - right["accuracy"], "this is the share of the wrong answers.")],
        "matrix": [
            (
                right["matrix"].T,
                "rows and columns are exchanged. Its rows must be the true classes: which of the "
                "two does confusion_matrix take first?",
            ),
        ],
        "mean recall": [
            (
                right["accuracy"],
                "this is the accuracy again: each photograph counts the same, so a large class "
                "hides a small one (the micro average). Compute the recall of each class first, "
                "then their mean (the macro average).",
            ),
            (right["mean precision"], "this divides by the columns, which gives precision."),
        ],
        "confidences": [
            (
                softmax(softmax(logits)).max(axis=1),
                "this applies the softmax twice. The second one presses all probabilities towards "
                "the same value, though the predictions stay as they were.",
            ),
            (logits.max(axis=1), "these are logits. Which function makes probabilities of them?"),
        ],
        "calibration error": [
            (
                right["mean gap"],
                "this gives a bin with one photograph the same weight as a bin with many. Weight "
                "each gap by the photographs in its bin.",
            ),
            (
                right["signed gap"],
                "here gaps above and below cancel. Take the absolute value of each gap.",
            ),
            (right["largest gap"], "this is the largest gap. Take the mean, weighted by photos."),
        ],
    }[key]


def _same(got, wanted):
    try:
        got = np.asarray(got, float)
    except (TypeError, ValueError):
        return False
    return got.shape == np.shape(wanted) and np.allclose(got, wanted, atol=1e-5)


BROKEN = '''\
def judge(logits, labels, is_validation):
    """Judge a network by the photographs that it was not trained on."""
    predicted = logits.argmax(axis=1)
    right = predicted == labels
    matrix = confusion_matrix(predicted, labels)
    confidences = evaluation.softmax(evaluation.softmax(logits)).max(axis=1)
    rows = calibration.reliability(confidences, right)
    return {
        "accuracy": right.mean(),
        "matrix": matrix,
        "mean recall": matrix.diagonal().sum() / matrix.sum(),
        "confidences": confidences,
        "calibration error": np.mean([abs(row.accuracy - row.confidence) for row in rows]),
    }
'''
REPAIRS = (  # from, to, why; applied to BROKEN one after another they mend it
    (
        "    predicted = logits.argmax(axis=1)\n",
        "    logits, labels = logits[is_validation], labels[is_validation]\n"
        "    predicted = logits.argmax(axis=1)\n",
        "It judged the training photographs too.",
    ),
    (
        "confusion_matrix(predicted, labels)",
        "confusion_matrix(labels, predicted)",
        "scikit-learn takes the true classes first; the matrix was transposed.",
    ),
    (
        "matrix.diagonal().sum() / matrix.sum()",
        "(matrix.diagonal() / matrix.sum(axis=1)).mean()",
        "The mean of the classes' recalls (macro), not the share of all photographs (micro).",
    ),
    (
        "evaluation.softmax(evaluation.softmax(logits))",
        "evaluation.softmax(logits)",
        "One softmax makes probabilities; a second one makes them all alike.",
    ),
    (
        "np.mean([abs(row.accuracy - row.confidence) for row in rows])",
        "np.average(\n"
        "            [abs(row.accuracy - row.confidence) for row in rows],\n"
        "            weights=[row.count for row in rows],\n"
        "        )",
        "Each bin counts by its photographs.",
    ),
)


def solution():
    """The mended code, and what was mended."""
    code = BROKEN
    for old, new, _why in REPAIRS:
        code = code.replace(old, new)
    reasons = "\n".join(f"# {i}. {why}" for i, (_, _, why) in enumerate(REPAIRS, start=1))
    return f"{reasons}\n{code}\n\nanswer = judge"
