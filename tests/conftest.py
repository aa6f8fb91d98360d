"""The fixtures that several files share."""

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
