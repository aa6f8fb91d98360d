"""The guard of the figures refuses what not everybody can read, and every kernel has it."""

import os
import runpy
from pathlib import Path

import figure_guard
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

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


def test_a_good_figure_passes(axis):
    axis.plot([1, 2], "o-", label="training")
    axis.plot([2, 1], "s--", label="validation", color=(*plt.cm.colors.to_rgb("#56B4E9"), 0.5))
    axis.bar([0, 1], [1, 2], color="#cce3f0", edgecolor="0.5", hatch="//", label="bars")
    axis.text(0, 0, "small, but hidden", fontsize=5, visible=False)
    axis.legend()
    assert problems(axis) == ""


def alike(axis):
    """Two entries of a legend that differ in colour alone."""
    axis.bar([1, 2], [1, 2], label="right")
    axis.bar([3, 4], [1, 2], label="wrong")
    axis.legend()


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda axis: axis.text(0.5, 0.5, "tiny", fontsize=10), "'tiny' has 10 points"),
        (lambda axis: axis.set_title("tiny", fontsize=10), "'tiny' has 10 points"),
        (lambda axis: axis.tick_params(labelsize=10), "has 10 points"),
        (lambda axis: axis.figure.set_figwidth(14), "14.0 inches wide, above 11.5"),
        (lambda axis: axis.plot([1, 2], color="red", label="line"), "Line2D 'line'"),
        (lambda axis: axis.bar([0], [1], color="#009E00"), "Rectangle"),
        (lambda axis: axis.text(0, 0, "words", color="#1f77b4"), "Text"),
        (alike, "Only the colour tells 'right' and 'wrong' apart"),
    ],
)
def test_what_not_everybody_can_read_is_found(axis, draw, words):
    draw(axis)
    axis.figure.canvas.draw()
    assert words in problems(axis)


def test_every_kernel_stops_at_such_a_figure(axis, monkeypatch, tmp_path):
    """IPython runs what lies in its folder for its start."""
    monkeypatch.setattr(Figure, "savefig", Figure.savefig)  # put back afterwards
    at_start = Path(os.environ["IPYTHONDIR"]) / "profile_default" / "startup"
    runpy.run_path(at_start / "figure_guard.py", run_name="__main__")
    axis.text(0, 0, "tiny", fontsize=5)
    with pytest.raises(AssertionError, match="not everybody can read: 'tiny' has 5 points"):
        axis.figure.savefig(tmp_path / "figure.png")
