"""What checkers share: an answer becomes a number, a list, a name, a result, or one sentence."""

import math
import re
import reprlib
from decimal import Decimal
from itertools import islice
from numbers import Real
from textwrap import shorten

import numpy as np


class AnswerError(Exception):
    """An answer is wrong; the message is a sentence that helps."""


def first_reason(tables):
    """The first sentence that holds, or None.

    ``tables`` yields dicts of sentences, each with whether it holds; one may rely on that nothing
    in those before it holds. An ``AnswerError`` on the way is a reason too.
    """
    try:
        return next((why for table in tables for why, holds in table.items() if holds), None)
    except AnswerError as wrong:
        return str(wrong)


def in_case(case, tables):
    """A dict of one sentence, for a checker that tries several cases: the case and the reason."""
    why = first_reason(tables)
    return {f"{case}{why}": why}


def in_words(error):
    """An exception's name and the first line of its message."""
    name = type(error).__name__
    try:
        first = str(error).strip().splitlines()[0]
    except Exception:  # no message, or a learner's own exception that is broken, too
        return f"{name}."
    return f"{name}: {shorten(first, 200, placeholder=' …').rstrip('.')}."


def shown(answer):
    """Any object in one short line."""
    try:
        return " ".join(reprlib.repr(answer).split())
    except Exception:  # such as an integer of 5,000 digits
        return f"<{type(answer).__name__}>"


def number(answer, what="The answer"):
    """An int or a float for any real number: NumPy's, a tensor without axes, a fraction.

    Raises:
        AnswerError: it is none (True, False and texts are none), or not finite; ``what`` names it.
    """
    try:
        value = np.asarray(answer)[()]
    except Exception:  # an object that pretends to be an array, a tensor without a value
        value = None
    if isinstance(value, str):
        comma = ", with a point and not a comma" if "," in value else ""
        raise AnswerError(f"{what} must be one number, without quotes{comma}.")
    if not isinstance(value, Real | Decimal) or isinstance(value, np.timedelta64):
        is_none = " Is there a return?" if answer is None and "(" in what else ""
        raise AnswerError(f"{what} must be one number, and it is {shown(answer)}.{is_none}")
    try:
        value = float(value)
    except (OverflowError, ValueError):  # more than 1e308; a Decimal that signals
        raise AnswerError(f"{what} is too large, or no number: {shown(answer)}.") from None
    if not math.isfinite(value):
        raise AnswerError(f"{what} is {value}: such as 0 / 0 or 1 / 0 gives, and no number.")
    return int(value) if value.is_integer() else value


def number_list(answer, what="The answer"):
    """The numbers in a list, a tuple, a set, a range, an array or a tensor; at most 1,000."""
    example = f"{what} must be a list of numbers, without quotes, for example [0, 1, 2]."
    if isinstance(answer, str | bytes | dict):
        raise AnswerError(example)
    try:
        items = list(islice(iter(answer), 1000))
    except Exception:  # no list, an array without axes, or an object that only looks like a list
        raise AnswerError(example) from None
    return [number(item, "Each item of the list") for item in items]


def one_number(right, mistakes, otherwise, *, within):
    """A check for an exercise whose answer is one number; ``texts.toml`` explains the arguments."""

    def check(answer):
        value = number(answer)
        if not is_close(value, right, within):
            yield {why: is_close(value, known, within) for known, why in mistakes}
            yield {otherwise: True}

    return check


def is_close(value, wanted, within):
    """Whether a number is off by at most the share ``within`` of the wanted one."""
    return abs(value - wanted) <= within * abs(wanted)


def letters(answer):
    """The letters of ``"E, d"`` or ``["E", "D"]``, in capitals; of anything else, none."""
    text = "".join(map(str, answer)) if isinstance(answer, str | list | tuple | set) else ""
    return [letter for letter in text.upper() if letter not in " ,;->"]


def diagnoses(right, clue):
    """A check for a dict from letters to names of faults, filled little by little.

    ``clue`` says what helps whoever gave a letter a wrong fault.
    """
    names = {_plain(name): name for name in right.values()}
    listed = ", ".join(sorted(right.values()))

    def check(answer):
        is_dict = isinstance(answer, dict)
        yield {"The answer is a dictionary from letters to faults: {'A': ..., ...}.": not is_dict}
        said = {
            str(letter).strip().upper(): name for letter, name in answer.items() if name is not None
        }
        for letter, name in said.items():
            known, exists = names.get(_plain(name)), letter in right
            yield {f"There is no {shown(letter)}: the letters are {', '.join(right)}.": not exists}
            yield {f"{letter}: {shown(name)} is none of the faults: {listed}.": not known}
            if known != right[letter]:
                yield {f"{letter} is not {known!r}. {clue(letter, known)}": True}
        missing = [letter for letter in right if letter not in said]
        yield {f"Right so far. These are left: {', '.join(missing)}.": missing}

    return check


def _plain(name):
    """A name without what doesn't matter in it: capitals, and what stands between its words."""
    return " ".join(re.split(r"[\s_-]+", str(name).strip().casefold()))


def call(function, *args, said="Your function", **named):
    """What a learner's function returns, or an AnswerError; ``said`` names the call in it."""
    if not callable(function):
        raise AnswerError("The answer is the function itself: its name, without brackets.")
    try:
        return function(*args, **named)
    except AnswerError:
        raise
    except (Exception, SystemExit) as error:  # whatever a learner's code may raise
        raise AnswerError(f"{said} stops with {in_words(error)}") from error
