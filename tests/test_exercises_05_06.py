"""The checkers of notebooks 05 and 06 accept what is right and say what is wrong."""

import pytest

from resnext_helpers import exercises, models


def verdict(capsys, name, answer):
    exercises.check(name, answer)
    return capsys.readouterr().out


def guarded_f1(precision, recall):
    total = precision + recall
    return 2 * precision * recall / total if total else 0


def guarded_f1_written_differently(p, r):
    return 0.0 if p == 0 or r == 0 else 2 / (1 / p + 1 / r)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("05-blocks", 6),
        ("05-blocks", 6.0),
        ("05-depth", [3, 4, 6, 3]),
        ("05-depth", (3, 4, 6, 3)),
        ("06-recall", (0.75, 0.9)),
        ("06-recall", [18 / 24, 18 / 20]),
        ("06-overfit", 4),
        ("06-f1", guarded_f1),
        ("06-f1", guarded_f1_written_differently),
    ],
)
def test_right_answers(capsys, name, answer):
    assert ": right!" in verdict(capsys, name, answer)


def test_two_ways_to_resnet50(capsys):
    built = models.resnext((224, 224, 3), 1000, groups=1, width_per_group=64)
    assert ": right!" in verdict(capsys, "05-resnet", built)
    assert ": right!" in verdict(capsys, "05-resnet", models.ResNet50())


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("05-blocks", 5, "Is there a block before the loop?"),
        ("05-blocks", 7, "One call of block() before the loop"),
        ("05-blocks", "six", "is no number"),
        ("05-blocks", True, "is no number"),
        ("05-depth", [2, 3, 5, 2], "These are the loops of the article"),
        ("05-depth", [3, 4, 5, 3], "= 47 layers with weights"),
        ("05-depth", [4, 4, 4, 4], "shares the blocks differently"),
        ("05-depth", 50, "as a list"),
        ("05-resnet", 50, "no Keras model"),
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
    ],
)
def test_wrong_answers_get_their_own_message(capsys, name, answer, message):
    said = verdict(capsys, name, answer)
    assert "not yet" in said
    assert message in said


def test_other_networks_are_not_resnet50(capsys):
    resnext = verdict(capsys, "05-resnet", models.ResNeXt50())
    assert "25,028,904 parameters" in resnext
    assert "4 classes" in verdict(capsys, "05-resnet", models.ResNet50(num_classes=4))
    small = models.ResNet50((64, 64, 3))
    assert "(64, 64, 3)" in verdict(capsys, "05-resnet", small)


def test_an_unanswered_exercise_is_no_error(capsys):
    assert "not answered yet" in verdict(capsys, "05-blocks", None)


def test_hints_come_one_after_another_and_begin_again(capsys):
    said = []
    for _ in range(3):
        exercises.hint("06-overfit")
        said.append(capsys.readouterr().out)
    assert "hint 1 of 2" in said[0]
    assert "hint 2 of 2" in said[1]
    assert said[2] == said[0]


def test_the_solution_of_f1_solves_it(capsys):
    exercises.solution("06-f1")
    code = capsys.readouterr().out.split("\n", 1)[1]
    namespace = {}
    exec(code, namespace)
    assert ": right!" in verdict(capsys, "06-f1", namespace["f1"])


@pytest.mark.parametrize("name", ["05-nothing", "99-blocks", "", 5])
def test_an_unknown_exercise_is_named(name):
    with pytest.raises(KeyError, match="There is no exercise"):
        exercises.check(name, 1)
