"""Exercises: ``check`` an answer, ask for a ``hint``, see the ``solution``.

All of it works without a network and leaves no files. An answer of None means "not answered yet",
so a notebook runs from top to bottom before anything is solved. Hints and solutions are in
``texts.toml``; each notebook's module checks its answers: ``check_f1`` those of "06-f1".
"""

import tomllib
from collections import Counter
from importlib import import_module
from inspect import getsource
from pathlib import Path
from textwrap import shorten

from .checking import first_reason, in_words, one_number

TEXTS = tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))
MODULES = {  # of each notebook, imported when they are needed
    "01": "gpu_setup",
    "02": "data_loading",
    "03": "grouped_convolution",
    "04": "blocks",
    "05": "training",
    "06": "evaluation",
}
_hints_shown = Counter()


def check(name, answer):
    """Say whether ``answer`` solves the exercise and, where it doesn't, what is wrong with it."""
    name = _known(name)
    praise = TEXTS[name]["praise"]
    if answer is None:
        print(
            f"{name}: not answered yet. Put your answer in place of None and run this cell again."
        )
        return
    wrong = what_is_wrong(name, answer)
    print(f"{name}: not yet. {wrong}" if wrong else f"{name}: right! {praise}")


def what_is_wrong(name, answer):
    """A sentence that helps, or None if the answer is right; it fails for no answer."""
    name = _known(name)
    text = TEXTS[name]
    if "right" in text:
        numbers = (text[key] for key in ("right", "mistakes", "otherwise"))
        checker = one_number(*numbers, within=text.get("within", 0))
    else:
        checker = getattr(_module(name), f"check_{name[3:].replace('-', '_')}")
    try:
        reason = first_reason(checker(answer))
    except (Exception, SystemExit) as error:  # whatever objects of a learner may raise
        reason = f"This answer can't be judged. {in_words(error)}"
    return reason and shorten(reason, 500, placeholder=" …")  # one line, whatever is quoted in it


def hint(name):
    """Show the next hint; after the last one, the first again."""
    name = _known(name)
    hints = TEXTS[name]["hints"]
    next_one = _hints_shown[name] % len(hints)
    _hints_shown[name] += 1
    print(f"{name}, hint {next_one + 1} of {len(hints)}: {hints[next_one]}")


def solution(name):
    """Show the solution and why it is right."""
    name = _known(name)
    text = TEXTS[name]
    parts = [text["solution"]] if "solution" in text else []
    if "function" in text:
        parts.append(getsource(getattr(_module(name), text["function"])))
    print(f"{name}, solution:", *(part.strip() for part in parts), sep="\n")


def _known(name):
    """The exercise's name as it is in ``TEXTS``, however it was written."""
    known = str(name).strip().lower()
    if known not in TEXTS:
        those = [other for other in TEXTS if other[:2] == known[:2]] or TEXTS
        raise KeyError(f"There is no exercise {name!r}; there are: {', '.join(those)}.")
    return known


def _module(name):
    return import_module(f"{__name__}.{MODULES[name[:2]]}")
