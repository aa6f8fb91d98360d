"""The exercises of notebook 02."""

from itertools import chain

import tensorflow as tf

from resnext_helpers.exercises._exercise import Exercise, is_number

_ELEMENTS, _BATCH = 42, 8  # the last batch is smaller, so an answer that drops it is noticed


def _wrong_scaled(answer):
    """(255 / 255 - 0.485) / 0.229"""
    mistakes = (
        (1.0, "That is 255 / 255; the mean and the spread are still missing."),
        (0.515, "The mean is taken away; divide by the spread, 0.229, too."),
        ((255 - 0.485) / 0.229, "Divide by 255 first: the mean belongs to values from 0 to 1."),
        (1 - 0.485 / 0.229, "First the mean, then the spread: put brackets round the difference."),
        (2.429, "These are the green channel's mean and spread."),
        (2.640, "These are the blue channel's mean and spread."),
    )
    steps = "Three steps: divide by 255, take the mean away, divide by the spread."
    return _wrong_number(answer, 0.515 / 0.229, mistakes, steps)


def _wrong_baseline(answer):
    """143 / (143 + 129 + 131 + 137)"""
    mistakes = (
        (143, "That many are right; divide by the number of all photographs."),
        (26.48, "That is in per cent: write it as a number between 0 and 1."),
        (0.25, "It would be 1/4 if all classes had the same size, and they don't."),
        (129 / 540, "That is the rarest bird; the most frequent one is right more often."),
        (397 / 540, "That is the share of wrong answers."),
    )
    steps = "Photographs of the most frequent bird, divided by all photographs."
    return _wrong_number(answer, 143 / 540, mistakes, steps)


def _wrong_number(answer, right, mistakes, otherwise):
    if not is_number(answer):
        return "The answer is one number."
    if _is_near(answer, right):
        return None
    return next((why for value, why in mistakes if _is_near(answer, value)), otherwise)


def _is_near(answer, value):
    margin = 0.004 * abs(value)  # room for an answer that was rounded
    return value - margin <= answer <= value + margin


def _wrong_batches(answer):
    """Try a learner's ``prepare(dataset)`` on the numbers 0 to 41, for three epochs."""
    if not callable(answer):
        return "The answer is the function itself: answer = prepare, without brackets."
    try:
        dataset = answer(tf.data.Dataset.range(_ELEMENTS))
        if not isinstance(dataset, tf.data.Dataset):
            return "It should return a dataset: does it end with return?"
        wrong = _wrong_depth(dataset.element_spec)
        epochs = [] if wrong else [_epoch(dataset) for _ in range(3)]
    except Exception as error:  # whatever a learner's code may raise
        return f"Called with a dataset, it raised {type(error).__name__}: {error}"
    return wrong or _wrong_form(epochs[0]) or _wrong_shuffling(epochs)


def _epoch(dataset):
    """The batches of one pass; some more than there can be if the dataset never ends."""
    return [batch.numpy().tolist() for batch in dataset.take(_ELEMENTS + 1)]


def _wrong_depth(element):
    if element.shape.rank == 0:
        return f"It returns single elements: put {_BATCH} together with batch({_BATCH})."
    if element.shape.rank == 2:
        return "It makes batches of batches: call batch() once."
    return None


def _wrong_form(batches):
    if len(batches) > _ELEMENTS:
        return "It never ends: leave out repeat()."
    sizes = sorted(len(batch) for batch in batches)
    if sizes[-1] != _BATCH or sizes[1] != _BATCH:  # one batch may be smaller
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


EXERCISES = {
    "02-scale": Exercise(
        what_is_wrong=_wrong_scaled,
        praise="The brightest red lies 2.2 spreads above the mean.",
        hints=(
            "First bring 0..255 to 0..1.",
            "(x / 255 - mean) / spread, with the numbers of the red channel.",
        ),
        solution="(255 / 255 - 0.485) / 0.229 = 2.249",
    ),
    "02-baseline": Exercise(
        what_is_wrong=_wrong_baseline,
        praise="A network that doesn't beat 0.265 has learned nothing.",
        hints=(
            "Which class does it name, and how often is that right?",
            "There are 143 + 129 + 131 + 137 photographs.",
        ),
        solution="It is right for 143 of 540 photographs: 143 / 540 = 0.265.",
    ),
    "02-shuffle": Exercise(
        what_is_wrong=_wrong_batches,
        praise="Every element comes once an epoch, each time in new company.",
        hints=(
            "Which should come first, batch() or shuffle()?",
            "shuffle(n) chooses among the next n elements. How many elements are there?",
        ),
        solution=(
            "def prepare(dataset):\n"
            "    return dataset.cache().shuffle(len(dataset)).batch(8).prefetch(tf.data.AUTOTUNE)"
        ),
    ),
}
