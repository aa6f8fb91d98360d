"""The exercises of notebook 02."""

from collections import Counter
from inspect import getsource
from itertools import chain

import numpy as np
import tensorflow as tf

from .checking import Exercise, call, letters, number_list, one_number, refuse_if

LEAKS = {
    "A": "A doesn't leak: each photograph goes into one part, and only the training part is varied",
    "B": "B leaks: variations of one photograph can lie in both parts",
    "C": "C leaks: the two calls shuffle in different ways, so their cuts don't fit together",
    "D": "D leaks: photographs of the same moment look nearly the same, and can lie in both parts",
    "E": "E doesn't leak: nothing of the validation photographs is used for training",
}


def check_leaks(answer):
    found = set(letters(answer))
    refuse_if(
        not found or found - set(LEAKS), 'Write the letters of the ways that leak, such as "AE".'
    )
    for letter, why in LEAKS.items():
        refuse_if((letter in found) == ("doesn't" in why), f"{why}.")


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
    check_shares(draw(answer, mixed, 1), mixed)
    first, again, other = (draw(answer, LABELS, seed) for seed in (1, 1, 2))
    check_shares(first, LABELS)
    refuse_if(
        set(first) != set(again),
        "The same seed gives another draw: use np.random.default_rng(seed) for all chance.",
    )
    refuse_if(
        is_at_an_end(first),
        "It keeps the first or the last of each class. Photographs taken one after the other look "
        "alike: shuffle each class first.",
    )
    refuse_if(set(first) == set(other), "Another seed gives the same draw: let the seed decide.")


def draw(answer, labels, seed):
    """The positions that ``answer`` keeps back, as a list of whole numbers."""
    said = "keep_back(labels, fraction, seed)"
    kept = call(answer, list(labels), FRACTION, seed, said=said)
    refuse_if(kept is None, "It returns nothing: end it with return.")
    refuse_if(
        isinstance(kept, tuple | list) and any(np.ndim(part) for part in kept),
        "It returns two parts: return only the positions that are kept back.",
    )
    refuse_if(
        np.asarray(kept).dtype == bool,
        "These are True and False: np.flatnonzero makes positions of them.",
    )
    kept = number_list(kept, said)
    refuse_if(not all(isinstance(one, int) for one in kept), "Positions are whole numbers.")
    refuse_if(
        len(set(kept)) < len(kept),
        "A position comes more than once. Are these labels, or drawn with replacement?",
    )
    refuse_if(
        not set(kept) <= set(range(len(labels))),
        "Positions count from 0, and there are no more than there are labels.",
    )
    return kept


def check_shares(kept, labels):
    total = sum(WANTED.values())
    counts = Counter(labels[position] for position in kept)
    refuse_if(
        len(kept) == len(labels) - total,
        "These are the photographs for training: return the ones that are kept back.",
    )
    if len(set(counts.values())) == 1 and len(counts) == len(WANTED):
        why = "All classes give the same number; they should give the same share."
    elif len(kept) == total:
        why = "The total is right, so cut each class by itself."
    else:
        why = "How many are the given fraction of this class?"
    for label, wanted in WANTED.items():
        refuse_if(
            counts[label] != wanted,
            f"Of class {label}, with {SIZES[label]} photographs, it keeps back {counts[label]} and "
            f"not {wanted}. {why}",
        )


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
    epochs = run_epochs(answer, tf.data.Dataset.range(ELEMENTS))
    check_batches(epochs[0])
    check_order(epochs)


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
    epochs = run_epochs(answer, dataset, in_graph(add_fraction, tf.float32))
    photographs = [[np.floor(batch).astype(int).tolist() for batch in epoch] for epoch in epochs]
    check_batches(photographs[0])
    first, second = (set(chain(*epoch)) for epoch in epochs[:2])
    refuse_if(all(one == int(one) for one in first), "Nothing is varied: add map(vary).")
    refuse_if(
        first == second,
        "The variations are the same in every epoch: cache() keeps what comes before it, so put "
        "map(vary) after it.",
    )
    check_order(photographs)
    refuse_if(
        len(read) > ELEMENTS, "Every photograph is read again in each epoch: put cache() first."
    )


def run_epochs(answer, *given):
    """Three passes over what ``answer`` makes of a dataset, each a list of batches of numbers."""
    made = call(answer, *given, said="Your function, called with a dataset,")
    refuse_if(
        not isinstance(made, tf.data.Dataset),
        "It should return a dataset: does it end with return?",
    )
    element = made.element_spec
    refuse_if(
        element.shape.rank == 0,
        f"It returns single elements: put {BATCH} together with batch({BATCH}).",
    )
    refuse_if(element.shape.rank == 2, "It makes batches of batches: call batch() once.")
    refuse_if(
        not element.dtype.is_integer and not element.dtype.is_floating,
        "It should keep the elements that it was given.",
    )
    # ``take``, for a dataset that never ends.
    return [[batch.numpy().tolist() for batch in made.take(ELEMENTS + 1)] for _ in range(3)]


def check_batches(batches):
    refuse_if(len(batches) > ELEMENTS, "It never ends: leave out repeat().")
    sizes = sorted(map(len, batches))  # one batch, the first here, may be smaller
    refuse_if(
        max(sizes, default=0) > BATCH or any(size < BATCH for size in sizes[1:]),
        f"Its batches have {max(sizes, default=0)} elements; {BATCH} were asked for.",
    )
    found = list(chain(*batches))
    refuse_if(len(found) > ELEMENTS, "Elements come more than once an epoch: leave out repeat().")
    refuse_if(
        sorted(found) != list(range(ELEMENTS)),
        f"{len(set(found))} of {ELEMENTS} elements come: each one should come once an epoch.",
    )


def check_order(epochs):
    first, second = (list(chain(*epoch)) for epoch in epochs[:2])
    refuse_if(first == list(range(ELEMENTS)), "Nothing is shuffled: add shuffle(...).")
    refuse_if(
        first == second,
        "The order is the same in every epoch: a cache() after shuffle() freezes it, and so does "
        "reshuffle_each_iteration=False.",
    )
    first, second = ({frozenset(batch) for batch in epoch} for epoch in epochs[:2])
    refuse_if(
        len(first & second) > len(first) / 2,
        "The same elements share a batch in every epoch: call shuffle() before batch().",
    )
    refuse_if(  # with a buffer of n, the first batch can only hold the first n + 7 elements
        max(max(epoch[0]) for epoch in epochs) < ELEMENTS / 2,
        "The elements only move a little: make the shuffle buffer as large as the dataset.",
    )


EXERCISES = {
    "02-scale": Exercise(
        one_number(
            0.515 / 0.229,
            {
                1: "That is 255 / 255; the mean and the spread are still missing.",
                0.515: "The mean is taken away; divide by the spread, 0.229, too.",
                (255 - 0.485) / 0.229: "Divide by 255 first: the mean belongs to values 0 to 1.",
                1 - 0.485 / 0.229: "First the mean, then the spread: put brackets round the "
                "difference.",
                2.429: "These are the green channel's mean and spread.",
                2.640: "These are the blue channel's mean and spread.",
            },
            otherwise="Three steps: divide by 255, take the mean away, divide by the spread.",
            within=0.004,
        ),
        praise="The brightest red lies 2.2 spreads above the mean.",
        hints=(
            "First bring 0..255 to 0..1.",
            "(x / 255 - mean) / spread, with the numbers of the red channel.",
        ),
        solution="answer = (255 / 255 - 0.485) / 0.229  # 2.249",
    ),
    "02-baseline": Exercise(
        one_number(
            143 / 540,
            {
                143: "That many are right; divide by the number of all photographs.",
                26.48: "That is in per cent: write it as a number between 0 and 1.",
                0.25: "It would be 1/4 if all classes had the same size, and they don't.",
                129 / 540: "That is the rarest bird; the most frequent one is right more often.",
                397 / 540: "That is the share of wrong answers.",
            },
            otherwise="Photographs of the most frequent bird, divided by all photographs.",
            within=0.004,
        ),
        praise="A network that doesn't beat 0.265 has learned nothing.",
        hints=(
            "Which class does it name, and how often is that right?",
            "There are 143 + 129 + 131 + 137 photographs.",
        ),
        solution="It is right for 143 of 540 photographs.\nanswer = 143 / 540  # 0.265",
    ),
    "02-leak": Exercise(
        check_leaks,
        praise="In B, C and D, the network is tested on what it has seen, or nearly so.",
        hints=(
            "Ask for each way: can the same bird on the same branch lie in both parts?",
            "Three of the five ways leak.",
        ),
        solution="".join(f"{why}.\n" for why in LEAKS.values()) + 'answer = "BCD"',
    ),
    "02-shuffle": Exercise(
        check_shuffle,
        praise="Every element comes once an epoch, each time in new company.",
        hints=(
            "Which should come first, batch() or shuffle()?",
            "shuffle(n) chooses among the next n elements. How many elements are there?",
        ),
        solution=getsource(prepare),
    ),
    "02-split": Exercise(
        check_split,
        praise="The same share of each class, drawn by chance, and the same for everybody.",
        hints=(
            "Do one class at a time: where is labels equal to it?",
            "Shuffle the positions of this class, and keep the first share of them.",
            "np.random.default_rng(seed) gives the same chance for the same seed. Its method "
            "permutation(positions) shuffles.",
        ),
        solution=getsource(keep_back),
    ),
    "02-repair": Exercise(
        check_repair,
        praise="Read once, shuffled one by one, and varied anew in each epoch.",
        hints=(
            "What does cache() keep? What should be new in each epoch?",
            "What does shuffle(3) shuffle here: photographs, or batches?",
            "cache, shuffle, batch, prefetch. What is random comes after cache.",
        ),
        solution="It had three mistakes: cache() keeps the first variations for ever, shuffle() "
        f"moves whole batches,\nand only three of them at a time.\n{getsource(training_batches)}",
    ),
}
