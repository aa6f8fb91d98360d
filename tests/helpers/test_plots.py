"""The figures: something is drawn, what is drawn is the data, and it can be read."""

import dataclasses
import io
import warnings

import figure_guard
import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib import font_manager
from PIL import Image

from resnext_helpers import plots

PHOTOS = np.random.default_rng(0).integers(0, 256, (5, 20, 20, 3), dtype=np.uint8)
NAMES = ["Bananaquit 曲嘴森莺", "Black Skimmer", "Cockatoo", "Owl", "Gull"]
ROWS = [
    {"epoch": i, "loss": 2 / i, "accuracy": 0.2 * i, "val_loss": 3 / i, "val_accuracy": 0.1 * i}
    for i in (1, 2, 3)
]
FIGURES = {
    "photo_grid": lambda: plots.photo_grid(PHOTOS, NAMES, "Five pictures"),
    "learning_curves": lambda: plots.learning_curves(ROWS, "A run", 3),
}

pytestmark = pytest.mark.usefixtures("style")


def a_line(**title):
    figure, axis = plt.subplots(figsize=(3, 2))
    axis.plot([1, 2, 3])
    axis.set_title(**title)
    return plots.Picture(figure, "A rising line", heights=[1, 2, 3])


def test_the_palette_is_okabe_and_itos_and_every_colour_has_a_second_cue():
    assert {color.upper() for color in plots.COLORS.values()} == set(figure_guard.OKABE_ITO)
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == plots.CYCLE
    for cues in (plots.MARKERS, plots.HATCHES, plots.CYCLE):
        assert len(set(cues)) == len(plots.CYCLE)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_for_everybody_without_a_warning(name, figures):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = FIGURES[name]()
    assert figure_guard.problems(figures[0]) == []
    pixels = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB"))
    assert (pixels != 255).any(axis=2).mean() > 0.02  # not blank
    assert len(picture.alt) > 3


def test_jupyter_gets_the_png_with_its_alt_text_and_once():
    before = plt.get_fignums()
    picture = a_line(label="")
    assert plt.get_fignums() == before
    bundle, metadata = DisplayFormatter().format(picture)
    assert bundle == {"image/png": picture.png, "text/plain": "A rising line"}
    assert metadata == {"image/png": {"alt": "A rising line"}}
    assert picture.data == {"heights": [1, 2, 3]}
    assert a_line(label="").png == picture.png
    assert Image.open(io.BytesIO(picture.png)).size == (300, 200)


def test_photographs_keep_their_colours_and_drawings_are_light():
    """With 256 colours for a whole figure, a small yellow belly among green leaves turned olive."""
    x, y = np.meshgrid(np.linspace(0, 1, 300), np.linspace(0, 1, 200))
    photo = np.stack([250 * x, 250 * y, 125 + 120 * np.sin(9 * x * y)], axis=-1).astype(np.uint8)
    saved = Image.open(io.BytesIO(plots.small_png(Image.fromarray(photo))))
    assert np.abs(np.asarray(saved, int) - photo).max() <= 2
    lines = Image.open(io.BytesIO(a_line(label="A title").png))
    assert lines.mode == "P"  # a palette


def test_the_grid_shows_each_photograph_under_its_title(figures):
    picture = FIGURES["photo_grid"]()
    axes = figures[0].axes
    assert len(axes) == 8  # two rows of four; three places stay empty
    for axis, photo, name in zip(axes, PHOTOS, NAMES, strict=False):
        np.testing.assert_array_equal(axis.images[0].get_array(), photo)
        assert axis.get_title() == name
    assert not any(axis.images or axis.axison for axis in axes[5:])
    assert picture.data["titles"] == NAMES


def test_many_and_long_names_stay_apart(figures):
    names = [f"Black_Throated_Bushtiti number {i}\nwith an owl" for i in range(24)]
    plots.photo_grid(PHOTOS[np.zeros(24, int)], names, "Owls", columns=6)
    (figure,) = figures
    assert figure_guard.problems(figure) + figure_guard.crowded(figure) == []


def test_a_text_fits_into_its_lines_and_keeps_both_ends():
    name = "Black Throated Bushtiti"
    assert (plots.fit(name, 3), plots.fit(name, 1.5, 2)) == (name, "Black Throated\nBushtiti")
    assert plots.fit(name, 1.5) == "Black T…ushtiti"
    assert plots.fit("红头长尾山雀" * 9, 1) == "红头…山雀"  # twice as wide as Latin letters
    assert plots.fit("W" * 60, 1) == "WW…WW" and len(plots.fit("i" * 60, 1)) > 12
    assert plots.fit("", 1) == "" and plots.fit("$1", 1) == r"\$1"


def test_learning_curves_are_the_history(figures):
    picture = FIGURES["learning_curves"]()
    for axis, name in zip(figures[0].axes, ("loss", "accuracy"), strict=True):
        assert axis.get_ylabel() == name
        lines = {line.get_label(): line for line in axis.lines}
        for label, key in (("training", name), ("validation", f"val_{name}")):
            assert lines[label].get_xdata().tolist() == [1, 2, 3]
            values = [row[key] for row in ROWS]
            assert lines[label].get_ydata().tolist() == picture.data[key] == values
        assert lines["training"].get_linestyle() != lines["validation"].get_linestyle()
    assert "validation accuracy 0.10 to 0.30" in picture.alt
    assert "No epoch" in plots.learning_curves([], "A run", 3).alt


def test_chinese_is_drawn_with_the_courses_own_font(caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph is a warning
        titled = a_line(label="曲嘴森莺,黑剪嘴鸥:红头长尾山雀")
        # A size of its own: Matplotlib logs only when it looks for a font the first time.
        a_line(label="曲嘴森莺", weight="bold", size=17.3)
    assert titled.png != a_line(label="").png
    assert not caplog.records
    with pytest.warns(UserWarning, match="missing from font"):
        a_line(label="曲", family="DejaVu Sans")


def test_what_the_courses_font_lacks_comes_from_the_computers(monkeypatch, caplog):
    fonts = font_manager.fontManager
    courses = next(font for font in fonts.ttflist if font.fname == str(plots.CHINESE_FONT))
    others = [dataclasses.replace(courses, name="SimHei", fname="of Windows.ttf")]
    others += [font for font in fonts.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(fonts, "ttflist", others)
    plots.use_style()
    assert plt.rcParams["font.family"] == ["DejaVu Sans", "Noto Sans CJK SC"]
    others.append(dataclasses.replace(others[0], name="Microsoft YaHei"))
    plots.use_style()
    assert plt.rcParams["font.family"] == ["DejaVu Sans", "Noto Sans CJK SC", "Microsoft YaHei"]
