"""The fixtures that several files share. One JupyterLab and one page serve all tests of a file."""

import browser
import matplotlib.pyplot as plt
import pytest

from resnext_helpers import plots


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


@pytest.fixture(scope="module")
def page():
    with browser.browser_page() as page:
        yield page


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = browser.Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.wait()
        yield lab
    finally:
        lab.stop()
