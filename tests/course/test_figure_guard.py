"""The guard of the figures refuses what not everybody can read, and every kernel has it."""

import subprocess
import sys

import figure_guard
import matplotlib.pyplot as plt
import pytest

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


def tiny_text(axis):
    axis.text(0.5, 0.5, "tiny", fontsize=10)


def tiny_title(axis):
    axis.set_title("tiny", fontsize=10)


def tiny_ticks(axis):
    axis.tick_params(labelsize=10)
    axis.figure.canvas.draw()


def too_wide(axis):
    axis.figure.set_figwidth(14)


def red_line(axis):
    axis.plot([1, 2], color="red", label="line")


def almost_green_bars(axis):
    axis.bar([0], [1], color="#009E00")


def blue_words(axis):
    axis.text(0, 0, "words", color="#1f77b4")


def lines_alike(axis):
    axis.plot([1, 2], label="training")
    axis.plot([2, 1], label="validation")
    axis.legend()


def bars_alike(axis):
    axis.bar([0], [1], label="right")
    axis.bar([1], [1], label="wrong")
    axis.bar([2], [1], label="unsure", hatch="//")
    axis.legend()


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (tiny_text, "'tiny' has 10 points"),
        (tiny_title, "'tiny' has 10 points"),
        (tiny_ticks, "has 10 points"),
        (too_wide, "14.0 inches wide, above 11.5"),
        (red_line, "Line2D 'line'"),
        (almost_green_bars, "Rectangle"),
        (blue_words, "Text"),
        (lines_alike, "Only the colour tells 'training' and 'validation' apart"),
        (bars_alike, "Only the colour tells 'right' and 'wrong' apart"),
    ],
)
def test_what_not_everybody_can_read_is_found(axis, draw, words):
    draw(axis)
    assert words in problems(axis)


def test_every_ipython_stops_at_such_a_figure():
    """As every kernel does: both run what lies in IPython's folder for their start."""
    code = (
        "import os, matplotlib.pyplot as plt\n"
        "plt.figure().text(0, 0, 'tiny', fontsize=5)\n"
        "plt.savefig(os.devnull, format='png')"
    )
    command = [sys.executable, "-m", "IPython", "--colors=NoColor", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "not everybody can read: 'tiny' has 5 points" in done.stdout + done.stderr
