"""The learner's own copies of the notebooks: without outputs, so that nothing is given away."""

import itertools
from pathlib import Path

import nbformat

from resnext_helpers.settings import PROJECT

FOLDER = PROJECT / "my_notebooks"  # as deep as notebooks/, so that links lead where they led


def give(notebooks: list[Path], folder: Path) -> None:
    """Puts a copy of each notebook that ``folder`` lacks there; what is there is never touched."""
    folder.mkdir(exist_ok=True)
    for notebook in notebooks:
        if not (folder / notebook.name).exists():
            _write(notebook, folder / notebook.name)


def fresh(notebook: Path, folder: Path) -> Path:
    """Puts one more copy of a notebook beside those that are there; returns it."""
    folder.mkdir(exist_ok=True)
    endings = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    names = (folder / f"{notebook.stem}{ending}.ipynb" for ending in endings)
    copy = next(name for name in names if not name.exists())
    _write(notebook, copy)
    return copy


def text(notebook: nbformat.NotebookNode) -> str:
    """A notebook's file, without its outputs."""
    content = nbformat.from_dict(notebook)
    for cell in content.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(content) + "\n"


def _write(notebook, copy):
    # Written beside and renamed: a full disk leaves no half of a notebook.
    part = copy.with_name(f".{copy.name}.part")
    part.write_text(text(nbformat.read(notebook, 4)), encoding="utf-8", newline="\n")
    part.rename(copy)
