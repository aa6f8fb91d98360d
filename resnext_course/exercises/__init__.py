"""Exercises: ``check`` an answer, ask for a ``hint``, see the ``solution``.

All of it works without a network and leaves no files. An answer of None means "not answered yet",
so a notebook runs from top to bottom before anything is solved.
"""

from collections import Counter
from importlib import import_module

MODULES = {  # the exercises of each notebook, imported when they are asked for
    "01": "gpu_setup",
    "02": "data_loading",
    "03": "grouped_convolution",
    "04": "blocks",
    "05": "training",
    "06": "evaluation",
}
_hints_shown = Counter()


def of_notebook(number):
    """The exercises of the notebook ``"01"`` to ``"06"``, by name; of another one, none."""
    module = MODULES.get(number)
    return import_module(f"{__name__}.{module}").EXERCISES if module else {}


def check(name, answer):
    """Say whether ``answer`` solves the exercise and, where it doesn't, what is wrong with it."""
    exercise = _find(name)
    if answer is None:
        print(
            f"{name}: not answered yet. Put your answer in place of None and run this cell again."
        )
        return
    wrong = exercise.what_is_wrong(answer)
    print(f"{name}: not yet. {wrong}" if wrong else f"{name}: right! {exercise.praise}")


def hint(name):
    """Show the next hint; after the last one, the first again."""
    hints = _find(name).hints
    next_one = _hints_shown[name] % len(hints)
    _hints_shown[name] += 1
    print(f"{name}, hint {next_one + 1} of {len(hints)}: {hints[next_one]}")


def solution(name):
    """Show the solution and why it is right."""
    print(f"{name}, solution:\n{_find(name).solution}")


def _find(name):
    exercises = of_notebook(str(name)[:2])
    if name not in exercises:
        known = ", ".join(exercises) or "names begin with 01- to 06-"
        raise KeyError(f"There is no exercise {name!r}; there are: {known}.")
    return exercises[name]
