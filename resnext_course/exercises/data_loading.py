"""The exercises of notebook 02."""

from collections import Counter
from itertools import chain

import numpy as np
import tensorflow as tf

from resnext_course.exercises import TEXTS

from .checking import call, letters, number_list

LEAKS = {line[0]: line for line in TEXTS["02-leak"]["solution"].splitlines()[:5]}


def check_leak(answer):
    found = set(letters(answer))
    are_known = found and found <= set(LEAKS)
    yield {'Write the letters of the ways that leak, such as "AE".': not are_known}
    yield {why: (letter in found) == ("doesn't" in why) for letter, why in LEAKS.items()}


# Labels in place of photographs; 20% of each class are whole photographs.
FRACTION, SIZES = 0.2, {0: 40, 1: 20, 2: 10, 3: 30}
LABELS = [label for label, size in SIZES.items() for _ in range(size)]
WANTED = {label: round(FRACTION * size) for label, size in SIZES.items()}


def keep_back(labels, fraction, seed):
    chance = np.random.default_rng(seed)
    kept = []
    for label in set(labels):
        members = np.flatnonzero(np.array(labels) == label)
        kept += list(chance.permutation(members)[: round(fraction * len(members))])
    return kept


def check_split(answer):
    mixed = [int(label) for label in np.random.default_rng(0).permutation(LABELS)]
    yield from check_shares((yield from draw(answer, mixed, 3)), mixed)
    first = yield from draw(answer, LABELS, 3)  # a draw with replacement repeats itself, by chance
    yield from check_shares(first, LABELS)
    again = yield from draw(answer, LABELS, 3)
    other = yield from draw(answer, LABELS, 5)  # and here, too
    varies = first != again
    yield {
        "The same seed gives another draw: use np.random.default_rng(seed) for all chance.": varies,
        "It keeps the first or the last of each class. Photographs taken one after the other look "
        "alike: shuffle each class first.": is_at_an_end(first),
        "Another seed gives the same draw: let the seed decide.": first == other,
    }


def draw(answer, labels, seed):
    """Returns the positions that ``answer`` keeps back, in order."""
    said = "keep_back(labels, fraction, seed)"
    kept = call(answer, list(labels), FRACTION, seed, said=said)
    yield {"It returns nothing: end it with return.": kept is None}
    two = isinstance(kept, tuple | list) and any(map(np.ndim, kept))
    yield {"It returns two parts: return only the positions that are kept back.": two}
    is_mask = np.asarray(kept).dtype == bool
    yield {"These are True and False: np.flatnonzero makes positions of them.": is_mask}
    kept = sorted(number_list(kept, said))
    are_whole = all(isinstance(one, int) for one in kept)
    repeats, are_there = len(set(kept)) < len(kept), set(kept) <= set(range(len(labels)))
    yield {
        "It should return whole numbers, the positions.": not are_whole,
        "A position comes more than once. Are these labels, or drawn with replacement?": repeats,
        "Positions count from 0, and there are no more than there are labels.": not are_there,
    }
    return kept


def check_shares(kept, labels):
    total = sum(WANTED.values())
    counts = Counter(labels[position] for position in kept)
    is_rest = len(kept) == len(labels) - total
    yield {"These are the photographs for training: return the ones that are kept back.": is_rest}
    why = "How many are the given fraction of this class?"
    if len(kept) == total:
        why = "The total is right, so cut each class by itself."
    if len(set(counts.values())) == 1 and len(counts) == len(WANTED):
        why = "All classes give the same number; they should give the same share."
    yield {
        f"Of class {label}, with {SIZES[label]} photographs, it keeps back {counts[label]} and not "
        f"{wanted}. {why}": counts[label] != wanted
        for label, wanted in WANTED.items()
    }


def is_at_an_end(kept):
    """Whether these are the first positions of each class in ``LABELS``, or the last."""
    members = {label: [i for i, one in enumerate(LABELS) if one == label] for label in WANTED}
    first = [i for label, wanted in WANTED.items() for i in members[label][:wanted]]
    last = [i for label, wanted in WANTED.items() for i in members[label][-wanted:]]
    return sorted(kept) in (first, last)


# Pipelines are tried on the numbers 0 to 41 in place of photographs, for three epochs. The last
# batch is smaller, so an answer that drops it is noticed.
ELEMENTS, BATCH = 42, 8


def prepare(dataset):
    return dataset.cache().shuffle(len(dataset)).batch(8).prefetch(tf.data.AUTOTUNE)


def check_shuffle(answer):
    epochs = yield from run_epochs(answer, tf.data.Dataset.range(ELEMENTS))
    yield from check_batches(epochs[0])
    yield from check_order(epochs)


def training_batches(dataset, vary):
    dataset = dataset.cache().shuffle(len(dataset)).map(vary)
    return dataset.batch(8).prefetch(tf.data.AUTOTUNE)


def check_repair(answer):
    """Reading is counted, and ``vary`` adds a random fraction to the number of a photograph."""
    read = []
    # Not TensorFlow's chance: after ``tf.random.set_seed`` it would repeat itself in each epoch.
    chance = np.random.default_rng()

    def read_number(number):
        read.append(number)
        return number

    def add_fraction(numbers):
        return (numbers + chance.uniform(0.1, 0.4, np.shape(numbers))).astype("float32")

    def in_graph(function, dtype):
        return lambda x: tf.ensure_shape(tf.numpy_function(function, [x], dtype), x.shape)

    dataset = tf.data.Dataset.range(ELEMENTS).map(in_graph(read_number, tf.int64))
    epochs = yield from run_epochs(answer, dataset, in_graph(add_fraction, tf.float32))
    photographs = [[np.floor(batch).astype(int).tolist() for batch in epoch] for epoch in epochs]
    yield from check_batches(photographs[0])
    first, second = (set(chain(*epoch)) for epoch in epochs[:2])
    yield {
        "Nothing is varied: add map(vary).": all(one == int(one) for one in first),
        "The variations are the same in every epoch: cache() keeps what comes before it, so put "
        "map(vary) after it.": first == second,
    }
    yield from check_order(photographs)
    read_again = len(read) > ELEMENTS
    yield {"Every photograph is read again in each epoch: put cache() first.": read_again}


def run_epochs(answer, *given):
    """Returns three passes over the dataset that is made, each a list of batches of numbers."""
    made = call(answer, *given, said="Your function, called with a dataset,")
    is_dataset = isinstance(made, tf.data.Dataset)
    yield {"It should return a dataset: does it end with return?": not is_dataset}
    rank = made.element_spec.shape.rank
    yield {
        f"It returns single elements: put {BATCH} together with batch({BATCH}).": rank == 0,
        "It makes batches of batches: call batch() once.": rank == 2,
    }
    # ``take``, for a dataset that never ends.
    return [[batch.numpy().tolist() for batch in made.take(ELEMENTS + 1)] for _ in range(3)]


def check_batches(batches):
    found, sizes = list(chain(*batches)), sorted(map(len, batches), reverse=True)
    largest = max(sizes, default=0)
    are_full = largest <= BATCH and all(size == BATCH for size in sizes[:-1])
    yield {
        "It never ends: leave out repeat().": len(batches) > ELEMENTS,
        "Elements come more than once an epoch: leave out repeat().": len(found) > ELEMENTS,
        f"Its batches have {largest} elements; {BATCH} were asked for.": not are_full,
        f"{len(set(found))} of {ELEMENTS} elements come: each one should come once an "
        f"epoch.": sorted(found) != list(range(ELEMENTS)),
    }


def check_order(epochs):
    orders = [list(chain(*epoch)) for epoch in epochs]
    first, second = ({frozenset(batch) for batch in epoch} for epoch in epochs[:2])
    company_stays = len(first & second) > len(first) / 2
    # With a buffer of n, the first batch can only hold the first n + 7 elements.
    is_near = max(max(epoch[0]) for epoch in epochs) < ELEMENTS / 2
    yield {
        "Nothing is shuffled: add shuffle(...).": orders[0] == list(range(ELEMENTS)),
        "The order is the same in every epoch: a cache() after shuffle() freezes it, and so does "
        "reshuffle_each_iteration=False.": orders[0] == orders[1],
        "The same elements share a batch in every epoch: call shuffle() before "
        "batch().": company_stays,
        "The elements only move a little: make the shuffle buffer as large as the "
        "dataset.": is_near,
    }
