"""The fixtures that several files share."""

import matplotlib.pyplot as plt
import nbformat
import pytest
from filelock import FileLock
from PIL import Image

from resnext_course.publishing import book, notebook_runner
from resnext_helpers import plots


@pytest.fixture(scope="session")
def book_folder(tmp_path_factory):
    """The book of the working copy's notebooks, built once for all workers."""
    shared = tmp_path_factory.getbasetemp()
    shared = (shared.parent if shared.name.startswith("popen") else shared) / "book"
    with FileLock(shared.with_suffix(".lock")):
        if not (shared / "warnings").exists():
            notebooks = {path.stem: nbformat.read(path, 4) for path in notebook_runner.find()}
            told = book.build(notebooks, shared / "html", "## Your run\n\nExecuted in a test.")
            (shared / "warnings").write_text(told, encoding="utf-8")
    return shared / "html"


@pytest.fixture
def style():
    """The course's fonts and colours, for one test."""
    with plt.rc_context():
        plots.use_style()
        yield


@pytest.fixture
def figures(monkeypatch):
    """The Matplotlib figures that were rendered, which otherwise are closed at once."""
    rendered = []
    monkeypatch.setattr(plt, "close", rendered.append)
    yield rendered
    monkeypatch.undo()
    plt.close("all")


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are built but not rendered, for tests that read them back from Matplotlib."""
    monkeypatch.setattr(plots, "drawn", lambda figure: Image.new("RGB", (1, 1)))
