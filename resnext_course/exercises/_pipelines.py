"""Tries a learner's ``tf.data`` pipelines on numbers in place of photographs."""

from itertools import chain

import numpy as np
import tensorflow as tf

_ELEMENTS, _BATCH = 42, 8  # the last batch is smaller, so an answer that drops it is noticed


def wrong_batches(answer):
    """What is wrong with a ``prepare(dataset)``, tried on the numbers 0 to 41 for three epochs."""
    wrong, epochs = _try(answer, tf.data.Dataset.range(_ELEMENTS))
    return wrong or _wrong_form(epochs[0]) or _wrong_shuffling(epochs)


def wrong_training_batches(answer):
    """What is wrong with a ``training_batches(dataset, vary)``.

    It is tried for three epochs on numbers whose reading is counted; ``vary`` adds a random
    fraction, so that a whole number tells the photograph and its fraction the variation.
    """
    read = []

    def read_number(number):
        read.append(number)
        return number

    # Not TensorFlow's chance: after ``tf.random.set_seed`` it would repeat itself in each epoch.
    chance = np.random.default_rng()

    def add_fraction(numbers):
        return (numbers + chance.uniform(0.1, 0.4, np.shape(numbers))).astype("float32")

    def vary(numbers):
        varied = tf.numpy_function(add_fraction, [numbers], tf.float32)
        return tf.ensure_shape(varied, numbers.shape)

    dataset = tf.data.Dataset.range(_ELEMENTS).map(
        lambda number: tf.ensure_shape(tf.numpy_function(read_number, [number], tf.int64), ())
    )
    wrong, epochs = _try(answer, dataset, vary)
    if wrong:
        return wrong
    numbers = [[np.floor(batch).astype(int).tolist() for batch in epoch] for epoch in epochs]
    return (
        _wrong_form(numbers[0])
        or _wrong_variations(epochs)
        or _wrong_shuffling(numbers)
        or _wrong_reading(len(read) / len(epochs))
    )


def _try(answer, dataset, *more):
    """What went wrong, or None; and the batches of three epochs, each as a list of numbers."""
    if not callable(answer):
        return "The answer is the function itself, its name without brackets.", []
    try:
        made = answer(dataset, *more)
        if not isinstance(made, tf.data.Dataset):
            return "It should return a dataset: does it end with return?", []
        wrong = _wrong_elements(made.element_spec)
        return wrong, [] if wrong else [_epoch(made) for _ in range(3)]
    except Exception as error:  # whatever a learner's code may raise
        return f"Called with a dataset, it raised {type(error).__name__}: {error}", []


def _epoch(dataset):
    """The batches of one pass; some more than there can be if the dataset never ends."""
    return [batch.numpy().tolist() for batch in dataset.take(_ELEMENTS + 1)]


def _wrong_elements(element):
    if element.shape.rank == 0:
        return f"It returns single elements: put {_BATCH} together with batch({_BATCH})."
    if element.shape.rank == 2:
        return "It makes batches of batches: call batch() once."
    if not element.dtype.is_integer and not element.dtype.is_floating:
        return "It should keep the elements that it was given."
    return None


def _wrong_form(batches):
    if len(batches) > _ELEMENTS:
        return "It never ends: leave out repeat()."
    sizes = sorted(len(batch) for batch in batches)  # one batch, the first here, may be smaller
    if max(sizes, default=0) > _BATCH or any(size < _BATCH for size in sizes[1:]):
        return f"Its batches have {sizes[-1]} elements; {_BATCH} were asked for."
    elements = list(chain.from_iterable(batches))
    if sorted(elements) != list(range(_ELEMENTS)):
        if len(elements) > _ELEMENTS:
            return "Elements come more than once an epoch: leave out repeat()."
        found = len(set(elements))
        return f"{found} of {_ELEMENTS} elements come: each one should come once an epoch."
    return None


def _wrong_shuffling(epochs):
    orders = [list(chain.from_iterable(epoch)) for epoch in epochs]
    if orders[0] == list(range(_ELEMENTS)):
        return "Nothing is shuffled: add shuffle(...)."
    if orders[0] == orders[1]:
        return (
            "The order is the same in every epoch: a cache() after shuffle() freezes it, and so "
            "does reshuffle_each_iteration=False."
        )
    first, second = ({frozenset(batch) for batch in epoch} for epoch in epochs[:2])
    if len(first & second) > len(first) / 2:
        return "The same elements share a batch in every epoch: call shuffle() before batch()."
    # With a buffer of n, the first batch can only hold the first n + 7 elements.
    if max(max(epoch[0]) for epoch in epochs) < _ELEMENTS / 2:
        return "The elements only move a little: make the shuffle buffer as large as the dataset."
    return None


def _wrong_variations(epochs):
    first, second = (set(chain.from_iterable(epoch)) for epoch in epochs[:2])
    if all(number == int(number) for number in first):
        return "Nothing is varied: add map(vary)."
    if first == second:
        return (
            "The variations are the same in every epoch: cache() keeps what comes before it, so "
            "put map(vary) after it."
        )
    return None


def _wrong_reading(read_an_epoch):
    if read_an_epoch >= _ELEMENTS:
        return "Every photograph is read again in each epoch: put cache() first."
    return None
