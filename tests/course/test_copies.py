"""The learner's copies: nothing is given away, and nothing of theirs is touched."""

import re
import subprocess
from pathlib import Path

import nbformat
import pytest

from resnext_course.publishing import copies
from resnext_course.publishing.notebook_runner import find
from resnext_helpers.settings import PROJECT


def test_copies_are_the_notebooks_without_outputs(tmp_path):
    copies.give(find(), tmp_path / "mine")
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [p.name for p in find()]
    for original in find():
        notebook, copy = (
            nbformat.read(p, 4) for p in (original, tmp_path / "mine" / original.name)
        )
        assert any(cell.get("outputs") for cell in notebook.cells)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        assert copy == notebook


def test_what_the_learner_has_is_never_touched(tmp_path):
    first, second = find()[:2]
    copies.give([first], tmp_path)
    (tmp_path / first.name).write_text("mine")
    copies.give([first, second], tmp_path)
    assert (tmp_path / first.name).read_text() == "mine"
    assert (tmp_path / second.name).is_file()
    assert copies.fresh(first, tmp_path).name == f"{first.stem}-2.ipynb"
    assert copies.fresh(first, tmp_path).name == f"{first.stem}-3.ipynb"
    assert (tmp_path / first.name).read_text() == "mine"


@pytest.mark.parametrize("path", find(), ids=lambda path: path.stem)
def test_links_lead_where_they_led(path):
    """Also from a copy: its folder is beside that of the notebooks."""
    assert copies.FOLDER.parent == path.parent.parent == PROJECT
    cells = nbformat.read(path, 4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = re.sub(r"`[^`]*`", "", text)
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (path.parent / link).exists(), link
        assert link.startswith("../") or link in {other.name for other in find()}, link


def test_git_ignores_the_copies():
    copy = copies.FOLDER.relative_to(PROJECT) / Path("01_gpu_setup.ipynb")
    if not (PROJECT / ".git").exists():
        pytest.skip("not a git repository")
    subprocess.run(["git", "check-ignore", "-q", copy.as_posix()], cwd=PROJECT, check=True)
