"""Whatever a learner gives as an answer: a checker says one line about it, and never fails."""

import datetime
import itertools
import sys
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from resnext_course import exercises, predictions
from resnext_course.exercises.checking import number


class Odd:
    """Nothing works with it."""

    __repr__ = __str__ = __eq__ = __iter__ = __array__ = __float__ = lambda *_: 1 / 0
    __len__ = __bool__ = __getitem__ = __iter__
    __hash__ = object.__hash__


class OddError(Exception):
    __str__ = __repr__ = lambda *_: 1 / 0


class PretendsToBeAnArray:
    shape, dtype, ndim = (3,), float, 1

    def __array__(self, *_, **__):
        raise OddError


def stops_python(*_, **__):
    sys.exit(3)


def never_ends():
    yield from itertools.count()


def is_broken(*_, **__):
    raise OddError


PLAIN = {  # what a beginner may write
    "True": True,
    "text": "?",
    "a number in quotes": "12",
    "bytes": b"12",
    "nan": float("nan"),
    "inf": -float("inf"),
    "huge": 10**400,
    "5,000 digits": 10**5000,
    "negative": -7.25,
    "fraction": Fraction(22, 7),
    "decimal": Decimal("2.71828"),
    "decimal that signals": Decimal("sNaN"),
    "complex": 6 + 0j,
    "complex of NumPy": np.complex64(6),
    "0-d array": np.array(77),
    "tensor": tf.constant(77.5),
    "tensor of 8 bits": tf.constant(77, tf.uint8),
    "variable": tf.Variable(77),
    "text tensor": tf.constant("12"),
    "array": np.ones((2, 3)),
    "empty array": np.array([]),
    "ragged": tf.ragged.constant([[1], [2, 3]]),
    "sparse": tf.sparse.from_dense([[0, 1]]),
    "series of one": pd.Series([77]),
    "table": pd.DataFrame({"a": [1, 2]}),
    "date": datetime.date(2017, 7, 21),
    "date of NumPy": np.datetime64("2017-07-21"),
    "seconds of NumPy": np.timedelta64(6, "s"),
    "date of pandas": pd.Timestamp("2017-07-21"),
    "range": range(3),
    "empty list": [],
    "list with a gap": [None, "1"],
    "lists in a list": [[1], [2, 3]],
    "list that holds itself": [],
    "set": {1.5, "b"},
    "empty dict": {},
    "dict": {"A": None, 3: 4},
    "odd keys": {None: "mixed", (1, 2): [], 1.5: {}},
    "letters": {"A": 3.5, "B": ["late binding"]},
    "module": np,
    "class": dict,
    "function": print,
    "generator": (letter for letter in "AB"),
    "endless": never_ends(),
    "endless iterator": itertools.cycle("AB"),
    "bytearray": bytearray(b"AB"),
    "ellipsis": ...,
    "exception": ValueError("no"),
}
PLAIN["list that holds itself"].append(PLAIN["list that holds itself"])
STRANGE = {
    "odd": Odd(),
    "list of odd": [Odd()],
    "dict of odd": {"A": Odd(), Odd(): "A"},
    "pretends": PretendsToBeAnArray(),
    "object array": np.array([{}, None], object),
    "masked": np.ma.masked,
    "symbolic tensor": keras.Input((4,)),
    "unbuilt model": keras.Sequential([keras.layers.Dense(3)]),
    "empty model": keras.Sequential(),
    "model of two inputs": keras.Model([a := keras.Input((4,)), b := keras.Input((4,))], [a, b]),
    "layer": keras.layers.Dense(3),
    "dataset": tf.data.Dataset.range(3),
    "dataset of dicts": tf.data.Dataset.from_tensors({"a": 1}),
    "endless dataset": tf.data.Dataset.range(3).repeat(),
    "stops Python": stops_python,
    "broken error": is_broken,
    "no arguments": lambda: 1,
    "only names": lambda *, a: 1,
    "recursion": (again := lambda *_, **__: again()),
}


def is_one_line(said):
    return isinstance(said, str) and 10 < len(said) < 600 and len(said.splitlines()) == 1


@pytest.mark.parametrize("name", exercises.TEXTS)
def test_an_answer_of_any_kind_is_told_in_one_line_what_is_wrong(name):
    """As the answer, and as what a function returns: whatever arguments it takes."""
    for kind, answer in (PLAIN | STRANGE).items():
        said = exercises.what_is_wrong(name, answer)
        assert is_one_line(said), (kind, said)
        returned = exercises.what_is_wrong(name, lambda *_, answer=answer, **__: answer)
        assert is_one_line(returned), (kind, returned)
        if kind in PLAIN:  # these are judged: no checker fails
            assert "can't be judged" not in said, (kind, said)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        *((kind(6), None) for kind in (np.int8, np.float16, np.array, tf.constant, tf.Variable)),
        (Fraction(6), None),
        (Decimal(6), None),
        ("6", "must be one number, without quotes"),
        (float("nan"), "is nan"),
        (np.float32("nan"), "is nan"),
        (tf.constant(float("inf")), "is inf"),
        (10**400, "too large"),
        (True, "must be one number, and it is True"),
        (np.True_, "must be one number"),
        (6 + 0j, "must be one number"),
        (np.complex64(6), "must be one number"),
        (np.timedelta64(6, "s"), "must be one number"),
        ([6], r"must be one number, and it is [6]."),
        (pd.Series([6]), "must be one number"),
    ],
)
def test_what_counts_as_a_number(answer, words):
    said = exercises.what_is_wrong("05-blocks", answer)
    assert said is None if words is None else words in said
    assert words or type(number(answer)) is int  # as a message shows it, without .0


def test_capitals_and_hyphens_do_not_matter_in_names(capsys, monkeypatch):
    monkeypatch.setattr(exercises, "_hints_shown", Counter())
    for answer in ({"a": "MIXED"}, {" A ": " Mixed"}):
        assert "Right so far" in exercises.what_is_wrong("03-diagnose", answer)
    for answer in ({"b": "Last-for-all"}, {"B": "last_for  all"}):
        assert "Right so far" in exercises.what_is_wrong("03-diagnose", answer)
    exercises.check(" 06-F1 ", None)
    exercises.hint("06-F1")
    exercises.solution("06-F1")
    assert capsys.readouterr().out.count("06-f1") == 3


def test_a_prediction_of_any_kind_gets_a_verdict(capsys):
    for kind, answer in (PLAIN | STRANGE).items():
        predictions.compare(kind, answer, 4608)
    assert len(capsys.readouterr().out.splitlines()) == 2 * len(PLAIN | STRANGE)
