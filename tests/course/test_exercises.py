"""What holds for every exercise of every notebook."""

from importlib import import_module

import nbformat
import pytest

from resnext_course import exercises
from resnext_course.publishing.notebook_runner import FOLDER, NAMES

BY_NOTEBOOK = {
    name: import_module(f"resnext_course.exercises.{exercises._MODULES[name[:2]]}").EXERCISES
    for name in NAMES
}
ALL = {name: one for several in BY_NOTEBOOK.values() for name, one in several.items()}


@pytest.fixture
def said(capsys):
    """What was printed since it was last asked."""
    return lambda: capsys.readouterr().out


@pytest.mark.parametrize("notebook", NAMES)
def test_a_notebook_asks_each_of_its_exercises(notebook):
    cells = nbformat.read(FOLDER / f"{notebook}.ipynb", 4).cells
    text = "\n".join(cell.source for cell in cells)
    assert len(BY_NOTEBOOK[notebook]) >= 4
    for name in BY_NOTEBOOK[notebook]:
        for call in ("check", "hint", "solution"):
            assert f'exercises.{call}("{name}"' in text


@pytest.mark.parametrize("name", ALL)
def test_an_unanswered_exercise_is_no_error(name, said):
    exercises.check(name, None)
    assert "not answered yet" in said()


@pytest.mark.parametrize("name", ALL)
def test_hints_come_one_after_another_and_begin_again(name, said, monkeypatch):
    monkeypatch.setattr(exercises, "_hints_shown", {})
    hints = ALL[name].hints
    assert len(hints) > 1
    for number, hint in enumerate((*hints, hints[0])):
        exercises.hint(name)
        assert said() == f"{name}, hint {number % len(hints) + 1} of {len(hints)}: {hint}\n"


@pytest.mark.parametrize("name", ALL)
def test_the_solution_is_shown(name, said):
    exercises.solution(name)
    assert ALL[name].solution in said()


@pytest.mark.parametrize("name", ["06-nothing", "99-blocks", "", 5])
def test_an_unknown_exercise_is_named(name):
    with pytest.raises(KeyError, match="There is no exercise"):
        exercises.check(name, 1)
