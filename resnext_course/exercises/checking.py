"""What checkers share: an answer becomes a number, a list, a name, a result, or one sentence."""

import math
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from numbers import Number

import numpy as np


class AnswerError(Exception):
    """An answer is wrong; the message is a sentence that helps."""


@dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook.

    Attributes:
        check: takes an answer (never None) and raises ``AnswerError`` if it is wrong.
        praise: one sentence after "right!" that says why it is right.
        hints: from a nudge to almost the solution.
        solution: the reason, then code that can be run; of a function, the source of one that the
            course itself uses.
    """

    check: Callable[[object], None]
    praise: str
    hints: tuple[str, ...]
    solution: str

    def what_is_wrong(self, answer):
        """A sentence that helps, or None if the answer is right; it fails for no answer."""
        try:
            self.check(answer)
        except AnswerError as wrong:
            return str(wrong)
        except Exception as error:  # whatever objects of a learner may raise
            return f"This answer can't be judged. {in_words(error)}"
        return None


def refuse_if(is_wrong, message):
    """Raise an ``AnswerError`` with this message if ``is_wrong``."""
    if is_wrong:
        raise AnswerError(message)


def in_words(error):
    """An exception's name and the first line of its message."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0].rstrip('.')}."


def number(answer, what="The answer"):
    """A Python number for any real number: NumPy's, a tensor without axes, a fraction, a decimal.

    Returns:
        An int where it is whole, else a float.

    Raises:
        AnswerError: it is none (True and texts are none), or not finite; ``what`` names it.
    """
    try:
        value = np.asarray(answer)[()]
    except Exception:  # lists of lists, symbolic tensors
        value = None
    refuse_if(isinstance(value, str), f"{what} must be one number, without quotes.")
    if not isinstance(value, Number) or isinstance(value, bool | np.bool):
        is_none = " Is there a return?" if answer is None and what != "The answer" else ""
        raise AnswerError(f"{what} must be one number, and it is {reprlib.repr(answer)}.{is_none}")
    try:
        value = float(value)
    except OverflowError:
        raise AnswerError(f"{what} is far too large.") from None
    except (TypeError, ValueError):
        raise AnswerError(f"{what} must be one real number.") from None
    refuse_if(math.isnan(value), f"{what} is nan, not a number: such as 0 / 0 gives.")
    refuse_if(math.isinf(value), f"{what} is infinite: such as 1 / 0 gives.")
    return int(value) if value.is_integer() else value


def number_list(answer, what="The answer"):
    """The numbers in a list, a tuple, a set, a range, an array or a tensor; at most 1,000."""
    try:
        refuse_if(isinstance(answer, str | dict), "")
        items = list(islice(answer, 1000))
    except Exception:
        raise AnswerError(f"{what} must be a list of numbers, for example [0, 1, 2].") from None
    return [number(item, f"Each number of the list, such as {item!r},") for item in items]


def one_number(right, mistakes, otherwise, *, within=0.0):
    """A check for an exercise whose answer is one number.

    Args:
        right: the right number.
        mistakes: known wrong numbers, each with what to say of it.
        otherwise: what to say of any other number.
        within: how far an answer may be off, as a share of the number: room for rounding.
    """

    def check(answer):
        value = number(answer)
        if is_close(value, right, within):
            return
        raise AnswerError(
            next(
                (why for known, why in mistakes.items() if is_close(value, known, within)),
                otherwise,
            )
        )

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

    Args:
        right: each letter's fault.
        clue: a function of a letter and a wrong name of a fault; returns what to say.
    """
    names = {name.casefold(): name for name in right.values()}

    def check(answer):
        example = dict(zip(right, names.values(), strict=True))
        refuse_if(
            not isinstance(answer, dict),
            f"The answer is a dictionary from letters to faults, such as {{'A': {names!r}}}.",
        )
        open_letters = list(right)
        for key, said in answer.items():
            letter, name = str(key).upper(), names.get(str(said).casefold())
            refuse_if(
                letter not in right, f"There is no {key!r}: the letters are {', '.join(right)}."
            )
            if said is None:
                continue
            refuse_if(
                name is None, f"{letter}: {said!r} is no name in the table of faults: {example}."
            )
            refuse_if(name != right[letter], f"{letter} is not {name!r}. {clue(letter, name)}")
            open_letters.remove(letter)
        refuse_if(open_letters, f"Right so far. These are left: {', '.join(open_letters)}.")

    return check


def call(function, *args, said="Your function"):
    """What a learner's function returns.

    Raises:
        AnswerError: it is no function, or it fails; ``said`` names the call.
    """
    refuse_if(not callable(function), "The answer is the function itself: its name, no brackets.")
    try:
        return function(*args)
    except Exception as error:  # whatever a learner's code may raise
        raise AnswerError(f"{said} stops with {in_words(error)}") from error
