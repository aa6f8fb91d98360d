"""The guard of the figures refuses what not everybody can read, and every kernel has it."""

import figure_guard
import matplotlib.pyplot as plt
import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from resnext_helpers import plots


@pytest.fixture
def axis():
    with plt.rc_context():
        plots.use_style()
        figure, axis = plt.subplots()
        yield axis
        plt.close(figure)


def problems(axis):
    return "\n".join(figure_guard.problems(axis.figure))


def test_the_palette_is_the_courses():
    assert {color.upper() for color in plots.COLORS.values()} == set(figure_guard.OKABE_ITO)


def test_a_good_figure_passes(axis):
    axis.plot([1, 2], "o-", label="training")
    axis.plot([2, 1], "s--", label="validation", color=(*plt.cm.colors.to_rgb("#56B4E9"), 0.5))
    axis.bar([0, 1], [1, 2], color="#cce3f0", edgecolor="0.5", hatch="//", label="bars")
    axis.text(0, 0, "small, but hidden", fontsize=5, visible=False)
    axis.legend()
    assert problems(axis) == ""


@pytest.mark.parametrize("place", ["text", "set_title", "set_xlabel"])
def test_small_text_is_found(axis, place):
    words = (0.5, 0.5, "tiny") if place == "text" else ("tiny",)
    getattr(axis, place)(*words, fontsize=10)
    assert problems(axis) == "'tiny' has 10 points."


def test_small_ticks_are_found(axis):
    axis.tick_params(labelsize=8)
    axis.figure.canvas.draw()
    assert "has 8 points" in problems(axis)


def test_a_wide_figure_is_found(axis):
    axis.figure.set_figwidth(14)
    assert problems(axis) == "The figure is 14.0 inches wide, above 11.5."


@pytest.mark.parametrize("color", ["red", "#1f77b4", "#009E00"])
def test_another_colour_is_found(axis, color):
    axis.plot([1, 2], color=color, label="line")
    axis.bar([0], [1], color=color)
    axis.text(0, 0, "words", color=color)
    found = problems(axis)
    assert all(kind in found for kind in ("Line2D 'line'", "Rectangle", "Text"))


def test_what_only_colour_tells_apart_is_found(axis):
    axis.plot([1, 2], label="training")
    axis.plot([2, 1], label="validation")
    axis.legend()
    assert problems(axis) == "Only the colour tells 'training' and 'validation' apart."


def test_bars_that_only_colour_tells_apart_are_found(axis):
    axis.bar([0], [1], label="right")
    axis.bar([1], [1], label="wrong")
    axis.bar([2], [1], label="unsure", hatch="//")
    axis.legend()
    assert problems(axis) == "Only the colour tells 'right' and 'wrong' apart."


def test_a_notebooks_kernel_stops_at_such_a_figure():
    code = (
        "import matplotlib.pyplot as plt\n"
        "from resnext_helpers import plots\n"
        "figure, axis = plt.subplots()\n"
        "axis.text(0, 0, 'tiny', fontsize=5)\n"
        "plots.Picture(figure, 'alt')"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with pytest.raises(CellExecutionError, match="not everybody can read: 'tiny' has 5 points"):
        NotebookClient(notebook, kernel_name="python3").execute()
