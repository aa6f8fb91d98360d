"""What checkers share: an answer becomes a number, a list, a name, a result, or one sentence."""

import math
import reprlib
from itertools import islice
from numbers import Number

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
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0].rstrip('.')}."


def number(answer, what="The answer"):
    """An int or a float for any real number: NumPy's, a tensor without axes, a fraction.

    Raises:
        AnswerError: it is none (True, False and texts are none), or not finite; ``what`` names it.
    """
    value = np.asarray(answer)[()]
    if isinstance(value, str):
        raise AnswerError(f"{what} must be one number, without quotes.")
    if not isinstance(value, Number) or isinstance(value, complex):
        is_none = " Is there a return?" if answer is None and "(" in what else ""
        raise AnswerError(f"{what} must be one number, and it is {reprlib.repr(answer)}.{is_none}")
    value = float(value)
    if not math.isfinite(value):
        raise AnswerError(f"{what} is {value}: such as 0 / 0 or 1 / 0 gives, and no number.")
    return int(value) if value.is_integer() else value


def number_list(answer, what="The answer"):
    """The numbers in a list, a tuple, a set, a range, an array or a tensor; at most 1,000."""
    if isinstance(answer, str | dict) or not hasattr(answer, "__iter__"):
        raise AnswerError(f"{what} must be a list of numbers, for example [0, 1, 2].")
    return [number(item, "Each item of the list") for item in islice(answer, 1000)]


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
    names = {name.casefold(): name for name in right.values()}
    listed = ", ".join(sorted(right.values()))

    def check(answer):
        is_dict = isinstance(answer, dict)
        yield {"The answer is a dictionary from letters to faults: {'A': ..., ...}.": not is_dict}
        said = {str(letter).upper(): name for letter, name in answer.items() if name is not None}
        for letter, name in said.items():
            known, exists = names.get(str(name).casefold()), letter in right
            yield {f"There is no {letter!r}: the letters are {', '.join(right)}.": not exists}
            yield {f"{letter}: {name!r} is none of the faults: {listed}.": not known}
            if known != right[letter]:
                yield {f"{letter} is not {known!r}. {clue(letter, known)}": True}
        missing = [letter for letter in right if letter not in said]
        yield {f"Right so far. These are left: {', '.join(missing)}.": missing}

    return check


def call(function, *args, said="Your function", **named):
    """What a learner's function returns, or an AnswerError; ``said`` names the call in it."""
    if not callable(function):
        raise AnswerError("The answer is the function itself: its name, without brackets.")
    try:
        return function(*args, **named)
    except AnswerError:
        raise
    except Exception as error:  # whatever a learner's code may raise
        raise AnswerError(f"{said} stops with {in_words(error)}") from error
