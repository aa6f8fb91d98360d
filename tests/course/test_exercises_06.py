"""The checkers of notebook 06 accept what is right and say what is wrong."""

import nbformat
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_score, recall_score

from resnext_course import calibration, exercises
from resnext_course.exercises import _evaluation_code
from resnext_course.publishing.notebook_runner import FOLDER
from resnext_helpers import evaluation


def verdict(capsys, name, answer):
    exercises.check(name, answer)
    return capsys.readouterr().out


def solution(capsys, name, **names):
    """What is defined when the code of an exercise's solution has run."""
    exercises.solution(name)
    namespace = {"np": np, **names}
    exec(capsys.readouterr().out.split("\n", 1)[1], namespace)
    return namespace


def guarded_f1(precision, recall):
    total = precision + recall
    return 2 * precision * recall / total if total else 0


def guarded_f1_written_differently(p, r):
    return 0.0 if p == 0 or r == 0 else 2 / (1 / p + 1 / r)


def lowest(confidences, right, wanted):
    good = [t for t in confidences if np.mean(right[confidences >= t]) >= wanted]
    return min(good) if good else None


def lowest_by_counting(confidences, right, wanted):
    order = np.argsort(-confidences)
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(shares >= wanted)
    return confidences[order[good[-1]]] if len(good) else None


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("06-recall", (0.75, 0.9)),
        ("06-recall", [18 / 24, 18 / 20]),
        ("06-overfit", 4),
        ("06-overfit", 4.0),
        ("06-f1", guarded_f1),
        ("06-f1", guarded_f1_written_differently),
        ("06-threshold", lowest),
        ("06-threshold", lowest_by_counting),
    ],
)
def test_right_answers(capsys, name, answer):
    assert ": right!" in verdict(capsys, name, answer)


def from_the_top(confidences, right, wanted):
    """Goes down from the most confident, and stops at the first mistake too many."""
    best = None
    for t in sorted(confidences)[::-1]:
        if right[confidences >= t].mean() < wanted:
            break
        best = t
    return best


def of_all(confidences, right, wanted):
    """Divides by all photographs."""
    for t in np.sort(confidences):
        if (right & (confidences >= t)).mean() >= wanted:
            return t
    return None


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("06-recall", (0.9, 0.75), "wrong order"),
        ("06-recall", (0.5, 0.9), "Precision: of the 24"),
        ("06-recall", (0.75, 0.5), "Recall: of the 20"),
        ("06-recall", 0.75, "a pair of numbers"),
        ("06-overfit", 6, "lowest training loss"),
        ("06-overfit", 3, "counted from 0"),
        ("06-overfit", 2, "smallest validation loss"),
        ("06-overfit", "four", "number of an epoch"),
        ("06-f1", 0.8, "a function of two numbers"),
        ("06-f1", lambda p, r: (p + r) / 2, "That is the plain mean"),
        ("06-f1", lambda p, r: 2 * p * r / (p + r), "divides by zero"),
        ("06-f1", lambda p, r: p, "not 0.818"),
        ("06-f1", lambda p: p, "fails with TypeError"),
        ("06-f1", lambda p, r: None, "is no number"),
        ("06-threshold", 0.9, "Give a function"),
        ("06-threshold", lambda c, r: 0.9, "fails with TypeError"),
        ("06-threshold", lambda c, r, w: "0.9", "That is no number"),
        ("06-threshold", lambda c, r, w: c.min(), "only 4 of 6 answers are right, 67%"),
        ("06-threshold", of_all, "Do you divide by the answers that are kept"),
        ("06-threshold", lambda c, r, w: c.max(), "a lower one is too"),
        ("06-threshold", from_the_top, "Accuracy can fall and rise again"),
        ("06-threshold", lambda c, r, w: 2.0, "nothing is answered at all"),
        ("06-threshold", lambda c, r, w: lowest(c, r, w) or 1.0, "return None"),
        ("06-threshold", lambda c, r, w: (lowest(c, r, w) or 9) - 0.05, "one of the confidences"),
    ],
)
def test_wrong_answers_get_their_own_message(capsys, name, answer, message):
    said = verdict(capsys, name, answer)
    assert "not yet" in said
    assert message in said


# The evaluation code that a learner repairs

NAMES = {
    "np": np,
    "evaluation": evaluation,
    "calibration": calibration,
    "confusion_matrix": confusion_matrix,
}


def judge_from(code):
    namespace = dict(NAMES)
    exec(code, namespace)
    return namespace["judge"]


def mended(*, but=()):
    """The course's code with every repair but these."""
    code = _evaluation_code.BROKEN
    for i, (old, new, _why) in enumerate(_evaluation_code.REPAIRS):
        if i not in but:
            assert code.count(old) == 1
            code = code.replace(old, new)
    return code


def written_differently(logits, labels, is_validation):
    kept = [i for i, one in enumerate(is_validation) if one]
    shares = np.exp(logits[kept]) / np.exp(logits[kept]).sum(axis=1, keepdims=True)
    named, true = shares.argmax(axis=1), labels[kept]
    matrix = [[int(((true == i) & (named == j)).sum()) for j in range(3)] for i in range(3)]
    confident = shares.max(axis=1)
    bins = [(confident > low) & (confident <= low + 0.1) for low in np.linspace(0, 0.9, 10)]
    return {
        "accuracy": float(sum(named == true)) / len(true),
        "matrix": matrix,
        "mean recall": recall_score(true, named, average="macro"),
        "confidences": confident,
        "calibration error": sum(
            abs(float((named == true)[b].sum()) - confident[b].sum()) for b in bins
        )
        / len(true),
    }


def test_mended_code_is_right_however_it_is_written(capsys):
    assert ": right!" in verdict(capsys, "06-repair", judge_from(mended()))
    assert ": right!" in verdict(capsys, "06-repair", written_differently)


def test_the_solutions_solve_their_exercises(capsys):
    assert ": right!" in verdict(capsys, "06-f1", solution(capsys, "06-f1")["f1"])
    found = solution(capsys, "06-threshold")["threshold"]
    assert ": right!" in verdict(capsys, "06-threshold", found)
    answer = solution(capsys, "06-repair", **NAMES)["answer"]
    assert ": right!" in verdict(capsys, "06-repair", answer)


MISTAKES = [
    (0, "accuracy: this judges the photographs of the training part as well"),
    (1, "matrix: rows and columns are exchanged"),
    (2, "mean recall: this is the accuracy again"),
    (3, "confidences: this applies the softmax twice"),
    (4, "calibration error: this gives a bin with one photograph the same weight"),
]


@pytest.mark.parametrize(("left", "message"), MISTAKES)
def test_each_mistake_alone_gets_its_own_message(capsys, left, message):
    assert message in verdict(capsys, "06-repair", judge_from(mended(but=[left])))


def test_the_learner_mends_one_mistake_after_another(capsys):
    """The messages come in the order of the repairs, from the notebook's own code on."""
    cells = nbformat.read(FOLDER / "06_evaluation.ipynb", 4).cells
    (code,) = [cell.source for cell in cells if cell.id == "broken-judge"]
    assert _evaluation_code.BROKEN.strip() in code
    for done, (_, message) in enumerate(MISTAKES):
        half = judge_from(mended(but=range(done, len(MISTAKES))))
        assert message in verdict(capsys, "06-repair", half)


def with_result(**changed):
    def judge(logits, labels, is_validation):
        logits, labels = logits[is_validation], labels[is_validation]
        result = judge_from(mended())(logits, labels, np.ones(len(labels), bool))
        return {**result, **{key: make(logits, labels) for key, make in changed.items()}}

    return judge


def signed_gap(logits, labels):
    confident = evaluation.softmax(logits).max(axis=1)
    return abs((logits.argmax(axis=1) == labels).mean() - confident.mean())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("judge", "Give the function itself"),
        (lambda logits, labels: {}, "stops with TypeError"),
        (lambda *given: 0.9, "must still return a dict"),
        (lambda *given: {"accuracy": 0.9}, "must still return a dict"),
        (
            lambda logits, labels, val: judge_from(mended())(logits, labels, ~val),
            "training part alone",
        ),
        (with_result(accuracy=lambda z, y: (z.argmax(1) != y).mean()), "share of the wrong"),
        (
            with_result(
                **{"mean recall": lambda z, y: precision_score(y, z.argmax(1), average="macro")}
            ),
            "gives precision",
        ),
        (with_result(confidences=lambda z, y: z.max(axis=1)), "these are logits"),
        (with_result(**{"calibration error": signed_gap}), "gaps above and below cancel"),
        (with_result(**{"calibration error": lambda z, y: 0.5}), "this isn't it yet"),
        (with_result(matrix=lambda z, y: "full"), "matrix: this isn't it yet"),
    ],
)
def test_other_mistakes_in_it_get_their_own_message(capsys, answer, message):
    said = verdict(capsys, "06-repair", answer)
    assert "not yet" in said
    assert message in said


def test_no_two_mistakes_give_the_same_number():
    """Else a learner would read of a mistake that the code doesn't have."""
    logits, labels, chosen = _evaluation_code.made_up_answers()
    parts = [
        _evaluation_code._judge(logits[part], labels[part])
        for part in (chosen, chosen | True, ~chosen)
    ]
    for key in _evaluation_code.KEYS:
        known = _evaluation_code._known_mistakes(key, *parts, logits[chosen])
        values = [np.asarray(parts[0][key]), *(np.asarray(value) for value, _message in known)]
        for i, one in enumerate(values):
            for other in values[i + 1 :]:
                assert one.shape != other.shape or not np.allclose(one, other, atol=1e-3), key
