"""The figures: something is drawn, what is drawn is the data, and it can be read."""

import io
import json
import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib import font_manager
from matplotlib.text import Text
from PIL import Image

from resnext_course.figures import device_diagrams
from resnext_helpers import plots
from resnext_helpers.settings import PROJECT

OKABE_ITO = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"]
CHINESE = re.compile(r"[\u2E80-\u9FFF\uF900-\uFAFF]")

rng = np.random.default_rng(0)
PHOTOS = rng.integers(0, 256, (5, 20, 20, 3), dtype=np.uint8)
NAMES = ["Bananaquit 曲嘴森莺", "Black Skimmer", "Cockatoo", "Owl", "Gull"]
ROWS = [
    {"epoch": i, "loss": 2 / i, "accuracy": 0.2 * i, "val_loss": 3 / i, "val_accuracy": 0.1 * i}
    for i in (1, 2, 3)
]
MATRIX = np.array([[5, 1, 0], [2, 7, 3], [0, 0, 9]])
BARS = {"one": 3, "two": 1200, "three": 0.5}

FIGURES = {
    "photo_grid": lambda: plots.photo_grid(PHOTOS, NAMES, "Five pictures"),
    "bars": lambda: plots.bars(BARS, "Three bars", ylabel="milliseconds"),
    "bars, horizontal": lambda: plots.bars(BARS, "Bars", ylabel="seconds", horizontal=True),
    "learning_curves": lambda: plots.learning_curves(ROWS, title="A run"),
    "confusion": lambda: plots.confusion(MATRIX, NAMES[:3]),
    "host_and_device": device_diagrams.host_and_device,
}


pytestmark = pytest.mark.usefixtures("style")


def small_figure():
    figure, axis = plt.subplots(figsize=(3, 2))
    axis.plot([1, 2, 3])
    return figure


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB"))


def test_the_palette_is_okabe_and_itos():
    assert sorted(plots.COLORS.values()) == sorted(OKABE_ITO)
    assert set(plots.CYCLE) <= set(OKABE_ITO)
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == plots.CYCLE


def test_every_colour_has_a_second_cue_of_its_own():
    for cues in (plots.MARKERS, plots.HATCHES, plots.CYCLE):
        assert len(set(cues)) == len(plots.CYCLE)


def test_the_styles_texts_are_12_points_or_more():
    sizes = ["font.size", "axes.titlesize", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"]
    assert min(plt.rcParams[name] for name in [*sizes, "legend.fontsize"]) >= 12


@pytest.mark.parametrize("name", FIGURES)
def test_a_drawn_text_is_12_points_or_more(name, figures):
    FIGURES[name]()
    texts = [text for text in figures[0].findobj(Text) if text.get_text() and text.get_visible()]
    assert texts
    assert min(text.get_fontsize() for text in texts) >= 12


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_without_a_warning_and_closed(name):
    before = plt.get_fignums()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = FIGURES[name]()
    assert plt.get_fignums() == before
    drawn = pixels(picture)
    assert (drawn != 255).any(axis=2).mean() > 0.02  # not blank
    assert len(picture.alt) > 3


@pytest.mark.parametrize("name", FIGURES)
def test_drawing_twice_gives_the_same_file(name):
    assert FIGURES[name]().png == FIGURES[name]().png


def test_jupyter_gets_the_png_with_its_alt_text():
    picture = plots.Picture(small_figure(), "A rising line", heights=[1, 2, 3])
    bundle, metadata = DisplayFormatter().format(picture)
    assert bundle == {"image/png": picture.png, "text/plain": "A rising line"}
    assert metadata == {"image/png": {"alt": "A rising line"}}
    assert picture.data == {"heights": [1, 2, 3]}


def test_show_displays_a_figure_that_a_cell_has_drawn(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "display", shown.append)
    picture = plots.show(small_figure(), "A rising line", heights=[1, 2, 3])
    assert shown == [picture]
    assert (picture.alt, picture.data) == ("A rising line", {"heights": [1, 2, 3]})


def test_a_picture_can_be_saved(tmp_path):
    picture = plots.Picture(small_figure(), "A rising line")
    picture.save(tmp_path / "line.png")
    assert Image.open(tmp_path / "line.png").size == (300, 200)


def test_the_grid_shows_each_photograph_under_its_title(figures):
    picture = FIGURES["photo_grid"]()
    axes = figures[0].axes
    assert len(axes) == 8  # two rows of four; three places stay empty
    for axis, photo, name in zip(axes, PHOTOS, NAMES, strict=False):
        assert np.array_equal(axis.images[0].get_array(), photo)
        assert axis.get_title() == name
    assert not any(axis.images or axis.axison for axis in axes[5:])
    assert picture.data["titles"] == NAMES


@pytest.mark.parametrize("name", ["bars", "bars, horizontal"])
def test_bars_are_as_long_as_their_values(name, figures):
    picture = FIGURES[name]()
    (axis,) = figures[0].axes
    horizontal = name != "bars"
    lengths = [bar.get_width() if horizontal else bar.get_height() for bar in axis.patches]
    assert lengths == list(BARS.values())
    assert picture.data["values"] == BARS
    ticks = axis.get_yticklabels() if horizontal else axis.get_xticklabels()
    assert [tick.get_text() for tick in ticks] == list(BARS)
    assert [text.get_text() for text in axis.texts] == ["3", "1,200", "0.5"]
    assert len({bar.get_hatch() for bar in axis.patches}) == len(BARS)
    assert (axis.get_xlabel() or axis.get_ylabel()) in ("seconds", "milliseconds")


def test_bars_carry_other_texts_where_asked(figures):
    plots.bars(BARS, "Bars", ylabel="ms", labels={"one": "a", "two": "b", "three": "c"})
    assert [text.get_text() for text in figures[0].axes[0].texts] == ["a", "b", "c"]


def test_learning_curves_are_the_history(figures):
    picture = FIGURES["learning_curves"]()
    lines = {
        (axis.get_ylabel(), line.get_label()): line
        for axis in figures[0].axes
        for line in axis.lines
    }
    for name, key in (
        ("loss", ("loss", "training")),
        ("val_loss", ("loss", "validation")),
        ("accuracy", ("accuracy", "training")),
        ("val_accuracy", ("accuracy", "validation")),
    ):
        assert lines[key].get_xdata().tolist() == [1, 2, 3]
        assert lines[key].get_ydata().tolist() == [row[name] for row in ROWS]
        assert picture.data[name] == [row[name] for row in ROWS]
    training, validation = lines["loss", "training"], lines["loss", "validation"]
    assert training.get_linestyle() != validation.get_linestyle()
    assert "validation accuracy 10% to 30%" in picture.alt


def test_learning_curves_before_the_first_epoch():
    assert "No epoch" in plots.learning_curves([], epochs=3).alt


def test_the_confusion_matrix_shows_every_count(figures):
    picture = FIGURES["confusion"]()
    (axis,) = figures[0].axes
    assert np.array_equal(axis.images[0].get_array(), MATRIX)
    shown = {tuple(text.get_position()): text.get_text() for text in axis.texts}
    assert shown == {(x, y): str(MATRIX[y, x]) for x in range(3) for y in range(3)}
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")
    assert "27 photographs; 21" in picture.alt


def test_the_device_drawing_has_an_arrow_for_each_road(figures):
    picture = device_diagrams.host_and_device()
    (axis,) = figures[0].axes
    arrows = [text for text in axis.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == len(picture.data["roads"]) == 4
    places = {place for road in picture.data["roads"] for place in road}
    assert places <= {text.get_text() for text in axis.texts}


def test_chinese_is_drawn_with_the_courses_own_font():
    label = "曲嘴森莺,黑剪嘴鸥:红头长尾山雀"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph is a warning
        figure = small_figure()
        figure.axes[0].set_title(label)
        with_label = pixels(plots.Picture(figure, label))
    assert not np.array_equal(with_label, pixels(plots.Picture(small_figure(), label)))


def test_bold_chinese_leaves_no_line_in_the_log(caplog):
    figure = small_figure()
    # A size of its own: Matplotlib logs only when it looks for a font the first time.
    figure.axes[0].set_title("曲嘴森莺", weight="bold", size=17.3)
    plots.Picture(figure, "A bold title")
    assert not caplog.records


def test_without_the_courses_font_the_same_label_warns():
    figure = small_figure()
    figure.axes[0].set_title("曲", family="DejaVu Sans")
    with pytest.warns(UserWarning, match="missing from font"):
        plots.Picture(figure, "A title that can't be read")


def test_the_font_has_every_chinese_character_of_the_notebooks_code():
    font = font_manager.get_font(plots._CHINESE_FONT).get_charmap()
    used = set()
    for path in (PROJECT / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                used |= set(CHINESE.findall("".join(cell["source"])))
    assert {"曲", "鹦"} <= used
    assert not {character for character in used if ord(character) not in font}
