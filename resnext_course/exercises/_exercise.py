"""What an exercise is."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real


@dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook.

    Attributes:
        what_is_wrong: takes an answer (never None) and returns a sentence that helps, or None if
        the
            answer is right; it must not fail for any answer.
        praise: one sentence after "right!" that says why it is right.
        hints: from a nudge to almost the solution.
        solution: the solution, with the reason.
    """

    what_is_wrong: Callable[[object], str | None]
    praise: str
    hints: tuple[str, ...]
    solution: str


def is_number(answer):
    """True for ints, floats and NumPy's numbers; False for True and False."""
    return isinstance(answer, Real) and not isinstance(answer, bool)
