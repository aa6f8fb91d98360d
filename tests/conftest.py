"""The fixtures that several files share."""

import matplotlib.pyplot as plt
import pytest
from PIL import Image

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


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are built but not rendered, for tests that read them back from Matplotlib."""
    monkeypatch.setattr(plots, "drawn", lambda figure: Image.new("RGB", (1, 1)))
