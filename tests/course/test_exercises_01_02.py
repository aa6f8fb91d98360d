"""The exercises of notebooks 01 and 02: right answers pass, and each mistake gets its own words."""

import re
import statistics
import time
from collections import Counter
from fractions import Fraction

import nbformat
import numpy as np
import pytest
import tensorflow as tf
from sklearn.model_selection import train_test_split

from resnext_course import exercises
from resnext_course.exercises import data_loading, gpu_setup
from resnext_course.publishing.notebook_runner import FOLDER

ALL = {**gpu_setup.EXERCISES, **data_loading.EXERCISES}


def reply(name, answer):
    """What is wrong with the answer; None where it is right."""
    return ALL[name].what_is_wrong(answer)


def from_solution(name, function):
    """The function that an exercise's printed solution defines."""
    names = {"tf": tf, "np": np, "time": time, "statistics": statistics}
    exec(re.search(r"^def .*", ALL[name].solution, re.MULTILINE | re.DOTALL)[0], names)
    return names[function]


def from_notebook(number, cell_id, function):
    """The wrong function that a notebook asks to repair."""
    (path,) = FOLDER.glob(f"{number}_*.ipynb")
    (cell,) = [cell for cell in nbformat.read(path, 4).cells if cell.id == cell_id]
    names = {"tf": tf, "np": np, "time": time, "exercises": exercises}
    exec(cell.source, names)
    return names[function]


def waiting_inside(work, clock):
    float(work())
    seconds = []
    while len(seconds) < 11:
        start = clock()
        result = work().numpy()
        end = clock()
        assert result == 0
        seconds.append(end - start)
    return sorted(seconds)[5]


def fastest(work, clock):
    """The fastest run is an honest measure too: nothing makes a run too fast."""
    seconds = []
    for _ in range(10):
        start = clock()
        tf.reduce_sum(work()).numpy()
        seconds.append(clock() - start)
    return min(seconds)


def unchanged(result):
    return result


def timer(*, warm_up=3, runs=20, wait=float, late=None, result=statistics.median):
    """A timing function with any of the usual mistakes."""

    def seconds_a_run(work, clock):
        for _ in range(warm_up):
            float(work())
        seconds = []
        for _ in range(runs):
            start = clock()
            done = wait(work())
            seconds.append(clock() - start)
            if late:
                late(done)
        return result(seconds)

    return seconds_a_run


def one_clock(warm_up, wait=float):
    """The clock is read twice, round all runs."""

    def seconds_a_run(work, clock):
        for _ in range(warm_up):
            float(work())
        start = clock()
        for _ in range(20):
            wait(work())
        return (clock() - start) / 20

    return seconds_a_run


def own_clock(work, clock):
    start = time.perf_counter()
    float(work())
    return time.perf_counter() - start


# The mistakes of "01-timer", each with what the check says of it.
TIMERS = {
    "no wait, no warm-up": (one_clock(0, wait=unchanged), "only the start of a run"),
    "no wait": (timer(wait=unchanged), "only the start of a run"),
    "wait after the clock": (timer(wait=unchanged, late=float), "only the start of a run"),
    "no warm-up": (timer(warm_up=0, runs=6, result=statistics.mean), "slow first runs"),
    "too short a warm-up": (timer(warm_up=1, result=statistics.mean), "slow first runs"),
    "no warm-up, one clock": (one_clock(0), "slow first runs"),
    "a mean": (timer(result=statistics.mean), "disturbed runs"),
    "a mean, one clock": (one_clock(5), "disturbed runs"),
    "the slowest": (timer(result=max), "disturbed runs"),
    "median of slow runs": (timer(warm_up=1, runs=5, result=max), "a slow first run"),
    "one run": (timer(warm_up=0, runs=1), "runs the work once"),
    "two runs": (timer(warm_up=1, runs=1), "runs the work 2 times"),
    "a sum": (timer(result=sum), "all runs together"),
    "milliseconds": (timer(result=lambda all: 1000 * statistics.median(all)), "milliseconds"),
    "end and start swapped": (timer(result=lambda all: -all[-1]), "less than 0"),
    "halved": (timer(result=lambda all: all[0] / 2), "disturbed runs"),
    "hours": (timer(result=lambda all: 70 * all[0]), "just before and just after"),
    "no run": (lambda work, clock: clock(), "call work()"),
    "another clock": (own_clock, "call clock() twice"),
    "all seconds": (timer(result=list), "one number"),
    "nothing returned": (timer(result=lambda all: None), "one number"),
    "no clock": (lambda work: 1.0, "TypeError"),
}


def by_counter(labels, fraction, seed):
    """In plain Python: the lots decide, and each class stops when it has enough."""
    chance = np.random.default_rng(seed)
    wanted = {label: round(fraction * count) for label, count in Counter(labels).items()}
    kept = set()
    for position in chance.permutation(len(labels)):
        if wanted[labels[position]] > 0:
            wanted[labels[position]] -= 1
            kept.add(position)
    return kept


def by_scikit_learn(labels, fraction, seed):
    positions = np.arange(len(labels))
    split = train_test_split(
        positions, test_size=fraction, stratify=labels, shuffle=True, random_state=seed
    )
    return split[1]


def cut(labels, fraction, seed):
    return list(range(int((1 - fraction) * len(labels)), len(labels)))


def shuffled_cut(labels, fraction, seed):
    chance = np.random.default_rng(seed)
    return chance.permutation(len(labels))[: round(fraction * len(labels))]


def each_class(choose):
    """A split that lets ``choose(members, share, chance)`` take from each class."""

    def keep_back(labels, fraction, seed):
        chance, kept = np.random.default_rng(seed), []
        for label in sorted(set(labels)):
            members = np.flatnonzero(np.array(labels) == label)
            kept += list(choose(members, round(fraction * len(members)), chance))
        return kept

    return keep_back


def mask(labels, fraction, seed):
    kept = np.zeros(len(labels), bool)
    kept[list(by_counter(labels, fraction, seed))] = True
    return kept


# The mistakes of "02-split".
SPLITS = {
    "a cut": (cut, "cut each class by itself"),
    "a shuffled cut": (shuffled_cut, "cut each class by itself"),
    "five of each": (
        each_class(lambda members, share, chance: chance.permutation(members)[:5]),
        "the same number",
    ),
    "half": (
        each_class(lambda members, share, chance: chance.permutation(members)[: len(members) // 2]),
        "the given fraction",
    ),
    "the first ones": (
        each_class(lambda members, share, chance: members[:share]),
        "the first or the last of each class",
    ),
    "the last ones": (
        each_class(lambda members, share, chance: members[-share:]),
        "the first or the last of each class",
    ),
    "no seed": (
        each_class(lambda members, share, _: np.random.default_rng().permutation(members)[:share]),
        "The same seed gives another draw",
    ),
    "always one seed": (
        each_class(lambda members, share, _: np.random.default_rng(7).permutation(members)[:share]),
        "Another seed gives the same draw",
    ),
    "the training part": (
        each_class(lambda members, share, chance: chance.permutation(members)[share:]),
        "the photographs for training",
    ),
    "with replacement": (
        each_class(lambda members, share, chance: [members[0]] * share),
        "more than once",
    ),
    "labels": (lambda labels, fraction, seed: labels[:20], "more than once"),
    "counted from 1": (
        lambda labels, fraction, seed: range(81, len(labels) + 1),
        "count from 0",
    ),
    "both parts": (lambda labels, fraction, seed: (labels[20:], labels[:20]), "two parts"),
    "a mask": (mask, "np.flatnonzero"),
    "fractions": (lambda labels, fraction, seed: [0.5, 1.5, 2.5], "whole numbers"),
    "a number": (lambda labels, fraction, seed: 20, "a list of positions"),
    "nothing returned": (lambda labels, fraction, seed: None, "end it with return"),
    "no seed taken": (lambda labels, fraction: [], "TypeError"),
    "not called": ([1, 2, 3], "the function itself"),
}

# The mistakes of "02-repair".
REPAIRS = {
    "three mistakes": (
        lambda d, vary: d.map(vary).cache().batch(8).shuffle(3),
        "the same in every epoch: cache()",
    ),
    "varied before cache": (
        lambda d, vary: d.map(vary).cache().shuffle(42).batch(8),
        "the same in every epoch: cache()",
    ),
    "cached at the end": (
        lambda d, vary: d.shuffle(42).map(vary).batch(8).cache(),
        "the same in every epoch: cache()",
    ),
    "batches shuffled": (
        lambda d, vary: d.cache().map(vary).batch(8).shuffle(3),
        "shuffle() before batch()",
    ),
    "buffer of 3": (
        lambda d, vary: d.cache().shuffle(3).map(vary).batch(8),
        "only move a little",
    ),
    "order frozen": (
        lambda d, vary: d.shuffle(42).cache().map(vary).batch(8),
        "order is the same in every epoch",
    ),
    "not shuffled": (lambda d, vary: d.cache().map(vary).batch(8), "Nothing is shuffled"),
    "not varied": (lambda d, vary: d.cache().shuffle(42).batch(8), "Nothing is varied"),
    "no cache": (lambda d, vary: d.shuffle(42).map(vary).batch(8), "read again in each epoch"),
    "no batch": (lambda d, vary: d.cache().shuffle(42).map(vary), "single elements"),
    "batches of 16": (
        lambda d, vary: d.cache().shuffle(42).batch(16).map(vary),
        "have 16 elements",
    ),
    "last batch dropped": (
        lambda d, vary: d.cache().shuffle(42).batch(8, drop_remainder=True).map(vary),
        "of 42 elements come",
    ),
    "repeated": (lambda d, vary: d.cache().shuffle(42).batch(8).map(vary).repeat(), "repeat()"),
    "cut short": (lambda d, vary: d.take(8).cache().batch(8).map(vary), "of 42 elements come"),
    "empty": (lambda d, vary: d.take(0).batch(8).map(vary), "of 42 elements come"),
    "texts": (lambda d, vary: d.map(tf.as_string).batch(8), "keep the elements"),
    "nothing returned": (lambda d, vary: None, "end with return"),
    "vary not taken": (lambda d: d, "TypeError"),
    "not called": (tf.data.Dataset.range(3), "the function itself"),
}
MUTANTS = {"01-timer": TIMERS, "02-split": SPLITS, "02-repair": REPAIRS}


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
    ("01-batch", 50),
    ("01-batch", (8000 - 400) // 150),
    ("01-batch", np.int64(50)),
    ("01-timer", from_solution("01-timer", "seconds_a_run")),
    ("01-timer", timer()),
    ("01-timer", timer(warm_up=0)),  # a median of many runs doesn't see the slow ones
    ("01-timer", timer(wait=np.asarray)),
    ("01-timer", timer(wait=str)),
    ("01-timer", timer(wait=int)),
    ("01-timer", waiting_inside),
    ("01-timer", fastest),
    ("02-leak", "BCD"),
    ("02-leak", "d, c, b"),
    ("02-leak", ["B", "C", "D"]),
    ("02-leak", {"D", "B", "C"}),
    ("02-split", from_solution("02-split", "keep_back")),
    ("02-split", by_counter),
    ("02-split", by_scikit_learn),
    ("02-split", lambda labels, fraction, seed: tf.constant(by_scikit_learn(labels, 0.2, seed))),
    ("02-repair", from_solution("02-repair", "training_batches")),
    ("02-repair", lambda d, vary: d.cache().shuffle(1000).batch(8).map(vary).prefetch(2)),
    ("02-repair", lambda d, vary: d.cache().map(vary).shuffle(len(d)).batch(8)),
    ("02-repair", lambda d, vary: d.batch(8).cache().unbatch().map(vary).shuffle(42).batch(8)),
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
    ("01-batch", 53, "subtract it"),
    ("01-batch", 8000 / 150, "subtract it"),
    ("01-batch", 56, "less left"),
    ("01-batch", 14, "not for each photograph"),
    ("01-batch", 51, "round down"),
    ("01-batch", 7600 / 150, "whole photographs"),
    ("01-batch", 32, "a few more fit"),
    ("01-batch", 7, "How much memory is left"),
    ("01-batch", "50", "one number"),
    ("02-leak", "ABCD", "A doesn't leak"),
    ("02-leak", "CD", "B leaks"),
    ("02-leak", "BD", "C leaks"),
    ("02-leak", "BC", "D leaks"),
    ("02-leak", "BCDE", "E doesn't leak"),
    ("02-leak", "BCDX", "letters of the ways"),
    ("02-leak", 3, "letters of the ways"),
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


@pytest.fixture(autouse=True)
def seed_is_set():
    """As many programs do. A checker that used TensorFlow's chance would then see it repeat."""
    tf.random.set_seed(1)


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_passes(name, answer):
    assert reply(name, answer) is None


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_mistake_gets_its_own_words(name, answer, words):
    assert words in reply(name, answer)


@pytest.mark.parametrize(
    ("name", "mutant"), [(name, mutant) for name, mutants in MUTANTS.items() for mutant in mutants]
)
def test_a_mutant_is_refused_in_words_of_its_own(name, mutant):
    answer, words = MUTANTS[name][mutant]
    assert words in reply(name, answer)


@pytest.mark.parametrize(
    ("name", "cell_id", "function", "words"),
    [
        ("01-timer", "exercise-timer", "seconds_a_run", "only the start of a run"),
        ("02-repair", "exercise-repair", "training_batches", "the same in every epoch: cache()"),
    ],
)
def test_what_a_notebook_asks_to_repair_is_wrong(name, cell_id, function, words):
    assert words in reply(name, from_notebook(name[:2], cell_id, function))


@pytest.mark.parametrize("name", MUTANTS)
def test_no_message_fits_all_mutants(name):
    """Each kind of mistake has its own words, and they don't stand in another kind's message."""
    kinds = {words for _, words in MUTANTS[name].values()}
    assert len(kinds) >= 12
    for answer, words in MUTANTS[name].values():
        message = reply(name, answer)
        assert [kind for kind in kinds if kind in message] == [words]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=lambda answer: type(answer).__name__)
def test_an_odd_answer_is_refused_in_words(name, answer):
    assert reply(name, answer)


def test_the_printed_numbers_are_right():
    assert reply("02-scale", eval(ALL["02-scale"].solution.split("=")[0])) is None
    assert "143 / 540 = 0.265" in ALL["02-baseline"].solution
    assert ALL["01-minutes"].solution.endswith("12 minutes.")
    assert reply("01-order", ALL["01-order"].solution[1:6]) is None
    assert "so 50 photographs" in ALL["01-batch"].solution
    assert reply("02-leak", ALL["02-leak"].solution[1:4]) is None
