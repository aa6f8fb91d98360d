"""The exercises of notebooks 01 and 02: right answers pass, and each mistake gets its own words."""

from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf

from resnext_helpers import exercises
from resnext_helpers.exercises import data_loading, gpu_setup

ALL = {**gpu_setup.EXERCISES, **data_loading.EXERCISES}


def reply(name, answer):
    """What is wrong with the answer; None where it is right."""
    return ALL[name].what_is_wrong(answer)


def from_solution(name, function):
    """The function that an exercise's printed solution defines."""
    names = {"tf": tf}
    exec(ALL[name].solution, names)
    return names[function]


RIGHT = [
    ("01-order", "EDBCA"),
    ("01-order", "e, d, b, c, a"),
    ("01-order", ["E", "D", "B", "C", "A"]),
    ("01-minutes", 12),
    ("01-minutes", 432 * 10 / 6 / 60),
    ("01-minutes", np.float32(12)),
    ("01-loss-scale", from_solution("01-loss-scale", "through_float16")),
    ("01-loss-scale", lambda g, s: tf.cast(tf.cast(g * s, tf.float16), tf.float32) / s),
    ("01-loss-scale", lambda g, s: np.float32(np.float16(np.float32(g) * s)) / s),
    ("01-loss-scale", lambda g, s: float(tf.cast(g * s, tf.float16)) / s),
    ("02-scale", 2.25),
    ("02-scale", 2.249),
    ("02-scale", (255 / 255 - 0.485) / 0.229),
    ("02-scale", np.float32(2.2489)),
    ("02-baseline", 143 / 540),
    ("02-baseline", 0.265),
    ("02-baseline", Fraction(143, 540)),
    ("02-shuffle", from_solution("02-shuffle", "prepare")),
    ("02-shuffle", lambda d: d.shuffle(len(d)).batch(8)),
    ("02-shuffle", lambda d: d.cache().shuffle(1000, seed=1).batch(8).prefetch(2)),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8).map(lambda batch: batch)),
]

WRONG = [
    ("01-order", "DEBCA", "before its import"),
    ("01-order", "EBDCA", "only D imports it"),
    ("01-order", "EDCBA", "only B makes it"),
    ("01-order", "EDBAC", "the first computation"),
    ("01-order", "EDBC", "each of the letters"),
    ("01-order", "EDBCAA", "each of the letters"),
    ("01-minutes", 720, "seconds"),
    ("01-minutes", 0.2, "hours"),
    ("01-minutes", 1.2, "one epoch"),
    ("01-minutes", 432, "divide by the speed"),
    ("01-minutes", 13, "Count all photographs"),
    ("01-minutes", "12", "one number"),
    ("01-loss-scale", lambda g, s: g, "never was float16"),
    ("01-loss-scale", lambda g, s: g * s / s, "never was float16"),
    ("01-loss-scale", lambda g, s: tf.cast(g, tf.float16), "returns float16"),
    ("01-loss-scale", lambda g, s: tf.cast(tf.cast(g, tf.float16), tf.float32) * s / s, "as 0"),
    ("01-loss-scale", lambda g, s: tf.cast(tf.cast(g * s, tf.float16), tf.float32), "too large"),
    ("01-loss-scale", lambda g, s: tf.cast(tf.cast(g * s, tf.float16) / s, tf.float32), "as 0"),
    ("01-loss-scale", lambda g, s: tf.cast(tf.cast(g / s, tf.float16), tf.float32), "as 0"),
    ("01-loss-scale", lambda g, s: None, "return"),
    ("01-loss-scale", lambda g, s: "1e-8", "one number"),
    ("01-loss-scale", lambda g: g, "TypeError"),
    ("01-loss-scale", 1e-8, "the function itself"),
    ("01-loss-scale", lambda g, s: g * 3.3, "nearly the same"),
    ("02-scale", 1, "still missing"),
    ("02-scale", 0.515, "0.229"),
    ("02-scale", (255 - 0.485) / 0.229, "Divide by 255 first"),
    ("02-scale", 255 / 0.229, "Divide by 255 first"),
    ("02-scale", 1 - 0.485 / 0.229, "brackets"),
    ("02-scale", (1 - 0.456) / 0.224, "green"),
    ("02-scale", (1 - 0.406) / 0.225, "blue"),
    ("02-scale", 7, "Three steps"),
    ("02-baseline", 143, "divide"),
    ("02-baseline", 26.5, "per cent"),
    ("02-baseline", 0.25, "1/4"),
    ("02-baseline", 129 / 540, "rarest"),
    ("02-baseline", 397 / 540, "wrong answers"),
    ("02-baseline", 0.9, "most frequent"),
    ("02-shuffle", lambda d: d, "single"),
    ("02-shuffle", lambda d: d.shuffle(42), "single"),
    ("02-shuffle", lambda d: d.batch(8), "Nothing is shuffled"),
    ("02-shuffle", lambda d: d.batch(8).shuffle(42), "before batch()"),
    ("02-shuffle", lambda d: d.shuffle(64).batch(8).cache().shuffle(1000), "before batch()"),
    ("02-shuffle", lambda d: d.shuffle(42).cache().batch(8), "every epoch"),
    (
        "02-shuffle",
        lambda d: d.shuffle(42, reshuffle_each_iteration=False).batch(8),
        "same in every epoch",
    ),
    ("02-shuffle", lambda d: d.shuffle(4).batch(8), "only move a little"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(7), "have 7 elements"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(42), "have 42 elements"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8, drop_remainder=True), "40 of 42"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8).batch(8), "once"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8).repeat(), "repeat()"),
    ("02-shuffle", lambda d: d.repeat().shuffle(42).batch(8), "repeat()"),
    ("02-shuffle", lambda d: d.map(lambda x: 0 * x).shuffle(42).batch(8), "1 of 42"),
    ("02-shuffle", lambda d: None, "return"),
    ("02-shuffle", lambda d: d.shufle(42), "AttributeError"),
    ("02-shuffle", tf.data.Dataset.range(3), "the function itself"),
]

ODD_ANSWERS = [
    *(True, "", "?", [], [[1], [2, 3]], {}, object(), 1j, -1, 10**400, float("nan"), float("inf")),
    *(np.arange(3), print, lambda *a: a, lambda *a: 1 / 0, tf.zeros(2), lambda *a: iter([1])),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_passes(name, answer):
    assert reply(name, answer) is None


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_mistake_gets_its_own_words(name, answer, words):
    assert words in reply(name, answer)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=lambda answer: type(answer).__name__)
def test_an_odd_answer_is_refused_in_words(name, answer):
    assert reply(name, answer)


@pytest.mark.parametrize("name", ALL)
def test_check_hint_and_solution_print(name, capsys):
    exercises.check(name, None)
    assert "not answered yet" in capsys.readouterr().out
    for _ in range(len(ALL[name].hints) + 1):  # after the last hint, the first again
        exercises.hint(name)
    assert len(set(capsys.readouterr().out.splitlines())) == len(ALL[name].hints)
    exercises.solution(name)
    assert ALL[name].solution in capsys.readouterr().out


def test_the_printed_numbers_are_right():
    assert reply("02-scale", eval(ALL["02-scale"].solution.split("=")[0])) is None
    assert "143 / 540 = 0.265" in ALL["02-baseline"].solution
    assert ALL["01-minutes"].solution.endswith("12 minutes.")
    assert reply("01-order", ALL["01-order"].solution[1:6]) is None
