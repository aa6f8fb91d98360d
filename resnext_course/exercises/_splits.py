"""Tries a learner's stratified split on labels in place of photographs."""

from collections import Counter

import numpy as np

# Numbers that leave nothing to round: 20% of each class are whole photographs.
_FRACTION = 0.2
_SIZES = {0: 40, 1: 20, 2: 10, 3: 30}
_WANTED = {label: round(_FRACTION * size) for label, size in _SIZES.items()}
_LABELS = [label for label, size in _SIZES.items() for _ in range(size)]
_MIXED = [int(label) for label in np.random.default_rng(0).permutation(_LABELS)]


def wrong_split(answer):
    """What is wrong with a ``keep_back(labels, fraction, seed)`` that returns positions."""
    if not callable(answer):
        return "The answer is the function itself: answer = keep_back, without brackets."
    draws = []
    for labels, seed in ((_MIXED, 1), (_LABELS, 1), (_LABELS, 1), (_LABELS, 2)):
        try:
            kept = _positions(answer(list(labels), _FRACTION, seed))
        except _OddError as odd:
            return str(odd)
        except Exception as error:  # whatever a learner's code may raise
            return f"Called with labels, {_FRACTION} and a seed, it raised {_name(error)}"
        wrong = _wrong_positions(kept) or _wrong_shares(kept, labels)
        if wrong:
            return wrong
        draws.append(set(kept))
    return _wrong_chance(*draws[1:])


class _OddError(Exception):
    """What was returned isn't a list of positions; the message says what it is instead."""


def _name(error):
    return f"{type(error).__name__}: {error}"


def _positions(kept):
    """Lists, sets, arrays and tensors of whole numbers, all as a list."""
    if kept is None:
        raise _OddError("It returns nothing: end it with return.")
    if not hasattr(kept, "__iter__") or isinstance(kept, str | dict):
        raise _OddError("It should return a list of positions.")
    kept = [np.asarray(one) for one in kept]
    if len(kept) == 2 and any(one.ndim for one in kept):
        raise _OddError("It returns two parts: return only the positions that are kept back.")
    if not all(one.shape == () and one.dtype.kind in "iub" for one in kept):
        raise _OddError("It should return a list of whole numbers, the positions.")
    if kept and all(one.dtype.kind == "b" for one in kept):
        raise _OddError("These are True and False: np.flatnonzero makes positions of them.")
    return [int(one) for one in kept]


def _wrong_positions(kept):
    if len(set(kept)) < len(kept):
        return "A position comes more than once. Are these labels, or drawn with replacement?"
    if any(not 0 <= position < len(_LABELS) for position in kept):
        return "Positions count from 0, and there are no more than there are labels."
    return None


def _wrong_shares(kept, labels):
    counts = Counter(labels[position] for position in kept)
    if len(kept) == len(labels) - sum(_WANTED.values()):
        return "These are the photographs for training: return the ones that are kept back."
    for label, wanted in _WANTED.items():
        if counts[label] != wanted:
            return (
                f"Of class {label}, with {_SIZES[label]} photographs, it keeps back "
                f"{counts[label]} and not {wanted}. {_why(counts)}"
            )
    return None


def _why(counts):
    if len(set(counts.values())) == 1 and len(counts) == len(_WANTED):
        return "All classes give the same number; they should give the same share."
    if sum(counts.values()) == sum(_WANTED.values()):
        return "The total is right, so cut each class by itself."
    return "How many are the given fraction of this class?"


def _wrong_chance(draw, again, other_seed):
    if draw != again:
        return "The same seed gives another draw: use np.random.default_rng(seed) for all chance."
    if draw in (_ends(first=True), _ends(first=False)):
        return (
            "It keeps the first or the last of each class. Photographs taken one after the other "
            "look alike: shuffle each class first."
        )
    if draw == other_seed:
        return "Another seed gives the same draw: let the seed decide."
    return None


def _ends(first):
    """The first, or the last, positions of each class in ``_LABELS``."""
    kept = set()
    for label, wanted in _WANTED.items():
        members = [position for position, one in enumerate(_LABELS) if one == label]
        kept.update(members[:wanted] if first else members[-wanted:])
    return kept
