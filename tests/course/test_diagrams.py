"""The drawings show what they are given, readably, and not by colour alone."""

import functools
import itertools
import re

import figure_guard
import keras
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon, Rectangle

from resnext_course.figures import (
    bars,
    block_diagrams,
    confusion,
    device_diagrams,
    diagrams,
    grad_cam,
    group_responses,
    own_photo,
    pipeline_timeline,
)
from resnext_helpers import models, plots

pytestmark = pytest.mark.usefixtures("style")
RNG = np.random.default_rng(0)


def grouped(channels, filters, groups):
    ones = np.ones((channels // groups, filters // groups), bool)
    return np.kron(np.eye(groups, dtype=bool), ones)


def as_the_article(channels, groups):
    feeds = np.zeros((channels, channels), bool)
    feeds[-(channels // groups) :] = True
    return feeds


@functools.cache
def block(width, groups):
    x = keras.Input((8, 8, 256))
    y = models.block(x, channels=256, width=width, groups=groups, name="block")
    return keras.Model(x, y)


def two_blocks():
    return {"ResNet block": block(64, 1), "ResNeXt block": block(128, 32)}


BARS = {"one": 3, "two": 1200, "three": 0.5}
MATRIX = np.array([[5, 1, 0], [2, 7, 3], [0, 0, 9]])
NAMES = ["Bananaquit 曲嘴森莺", "Black Skimmer", "Cockatoo"]
PHOTOS = RNG.integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
RESPONSE = RNG.random((9, 4))
RUNS = {"CPU": [50.0, 40.0, *(18 * [20.0])], "GPU": [900.0, 2.0, *(18 * [0.5])]}
DRAWINGS = {
    "bars": lambda: bars.picture(BARS, "Three bars, one of them long", xlabel="milliseconds"),
    "feature maps": lambda: diagrams.feature_maps(
        {"one group": (grouped(8, 8, 1), 1), "four groups": (grouped(8, 8, 4), 4)}
    ),
    "connections": lambda: diagrams.connections(
        {"right": (grouped(8, 8, 4), 4), "broken": (as_the_article(8, 4), 4)}
    ),
    "many small groups": lambda: diagrams.connections({"layer": (grouped(128, 64, 32), 32)}),
    "sixteen groups of one": lambda: diagrams.connections({"layer": (grouped(16, 16, 16), 16)}),
    "blocks side by side": lambda: block_diagrams.side_by_side(two_blocks()),
    "three forms": block_diagrams.three_forms,
    "host and device": device_diagrams.host_and_device,
    "runs": lambda: device_diagrams.runs(RUNS, {"CPU": 20.0, "GPU": 0.5}),
    "runs on a CPU": lambda: device_diagrams.runs({"CPU": RUNS["CPU"]}, {"CPU": 20.0}),
    "timeline": pipeline_timeline.picture,
    "confusion matrix": lambda: confusion.picture(MATRIX, NAMES),
    "what groups like": lambda: group_responses.picture(
        RESPONSE, np.corrcoef(RESPONSE.T), {"group 2": 2, "group 0": 0}, PHOTOS
    ),
}


@pytest.fixture
def drawn(figures, unrendered):
    """Draws, and returns the figure and its picture."""

    def draw(name):
        picture = DRAWINGS[name]()
        return figures[-1], picture

    return draw


def texts_of(axis):
    return [text.get_text() for text in axis.texts]


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_fits_a_slide_and_can_be_read_by_everybody(figures, name):
    picture, (figure,) = DRAWINGS[name](), figures
    assert figure_guard.problems(figure) + figure_guard.crowded(figure) == []
    assert figure.get_figwidth() <= 11 and figure.get_figheight() <= 5
    assert len(picture.alt) > 20
    if name == "three forms":  # each text is inside its box
        for axis in figure.axes:
            boxes = [patch.get_window_extent() for patch in axis.patches]
            for words in (text.get_window_extent() for text in axis.texts):
                for box in boxes:
                    if box.contains((words.x0 + words.x1) / 2, (words.y0 + words.y1) / 2):
                        assert box.x0 <= words.x0 and words.x1 <= box.x1


def lines(axis):
    """The drawn lines: their two ends, colour and style."""
    (drawn,) = [lines for lines in axis.collections if isinstance(lines, LineCollection)]
    looks = zip(map(to_hex, drawn.get_color()), map(str, drawn.get_linestyle()), strict=True)
    return [
        (*map(tuple, ends), look) for ends, look in zip(drawn.get_segments(), looks, strict=True)
    ]


@pytest.mark.parametrize(
    ("feeds", "groups"),
    [(grouped(8, 8, 1), 1), (grouped(6, 12, 3), 3), (as_the_article(8, 4), 4)],
)
def test_each_connection_is_a_line_and_no_line_is_more(figures, feeds, groups):
    diagrams.connections({"layer": (feeds, groups)})
    pairs = [(i, o) for i in range(feeds.shape[0]) for o in range(feeds.shape[1]) if feeds[i, o]]
    (axis,) = figures[0].axes
    numbers = {t.get_position(): int(t.get_text()) for t in axis.texts if t.get_text().isdigit()}
    assert sorted((numbers[start], numbers[end]) for start, end, _ in lines(axis)) == pairs
    assert f"{len(pairs)} connections" in axis.get_title()


def test_groups_differ_in_colour_and_in_line_and_dead_channels_are_marked(drawn):
    figure, picture = drawn("connections")
    right, broken = figure.axes
    looks = {look for *_, look in lines(right)}
    assert len(looks) == len({color for color, _ in looks}) == len({line for _, line in looks}) == 4
    groups = [text for text in texts_of(right) if text.startswith("group")]
    assert groups == [f"group {g}" for g in (1, 2, 3, 4)]
    assert texts_of(right).count("dead") == 0 and texts_of(broken).count("dead") == 6
    styles = {start: line for start, _, (_, line) in lines(broken)}  # of the two that are read
    assert len(styles) == len(set(styles.values())) == 2
    assert "broken: 16 lines, 2 to an output, and 6 dead inputs." in picture.alt


def test_of_many_small_groups_the_first_two_are_drawn(drawn):
    figure, picture = drawn("many small groups")
    (axis,) = figure.axes
    assert len(lines(axis)) == 2 * 4 * 2 and "256 connections" in axis.get_title()
    assert {"7", "3", "group 2", "… 30 more"} < set(texts_of(axis)) and "8" not in texts_of(axis)
    assert "layer: 256 lines, 4 to an output, and 0 dead inputs. The first two" in picture.alt
    linked = grouped(128, 64, 32)
    linked[0, 63] = True  # not apart: nothing may be hidden, but there is no room for numbers
    diagrams.connections({"layer": (linked, 32)})
    axis = plots.plt.gcf().axes[0]
    assert len(lines(axis)) == 257 and texts_of(axis) == ["input", "output"]


def boxes(axis, height):
    """Each row of boxes whose front is so high, from above: their left edges and colours."""
    rows = {}
    for patch in axis.patches:
        (a, b, c, d) = patch.get_xy()[:4]
        is_front = a[1] == b[1] and c[1] == d[1] and a[0] == d[0] and b[0] == c[0]
        if is_front and c[1] - b[1] == pytest.approx(height):
            rows.setdefault(-round(a[1], 2), []).append((a[0], to_hex(patch.get_facecolor())))
    return [sorted(rows[low]) for low in sorted(rows)]


@pytest.mark.parametrize(("channels", "filters", "groups"), [(8, 8, 1), (8, 8, 4), (6, 12, 3)])
def test_each_filter_lies_under_the_channels_that_it_reads(figures, channels, filters, groups):
    feeds = grouped(channels, filters, groups)
    picture = diagrams.feature_maps({"layer": (feeds, groups)})
    (axis,) = figures[0].axes
    cycle = [color.lower() for color in plots.CYCLE]
    assert boxes(axis, 2) == [[(i, cycle[i * groups // channels]) for i in range(channels)]]
    colors = [cycle[o * groups // filters] for o in range(filters)]
    reads = [np.flatnonzero(feeds[:, o]) for o in range(filters)]
    assert boxes(axis, 0.6) == [[(i, colors[o]) for i in reads[o]] for o in range(filters)]
    assert [color for row in boxes(axis, 1) for _, color in row] == colors  # one plate a filter
    assert f"{filters} filters of 3×3×{channels // groups}" in texts_of(axis)
    assert f"{filters} filters, each {channels // groups} channels long" in picture.alt


def test_shapes_are_as_wide_as_their_channels(drawn):
    figure, picture = drawn("blocks side by side")
    assert "69,632" in picture.alt and "70,144" in picture.alt
    for axis, width in zip(figure.axes, (64, 128), strict=True):
        narrow = 2 * width / 256
        corners = [patch.get_xy() for patch in axis.patches if isinstance(patch, Polygon)]
        ends = [(c[1][0] - c[0][0], c[2][0] - c[3][0]) for c in corners]  # above, below
        assert ends == [(2, narrow), (narrow, narrow), (narrow, 2)]
        maps = [patch.get_width() for patch in axis.patches if isinstance(patch, Rectangle)]
        assert maps == [2, narrow, narrow, 2]
    thin = [[line for line in axis.lines if line.get_linewidth() < 1] for axis in figure.axes]
    assert [len(stripes) for stripes in thin] == [0, 31]
    resnet, resnext = map(texts_of, figure.axes)
    assert "3×3\n64 → 64\n36,864 weights" in resnet
    assert "3×3 in 32 groups\n128 → 128\n4,608 weights" in resnext
    assert "1×1\n128 → 256\n32,768 weights" in resnext


def test_runs_of_a_convolution(drawn):
    figure, picture = drawn("runs")
    (axis,) = figure.axes
    each, medians = axis.lines[::2], axis.lines[1::2]
    for line, median, (name, typical) in zip(
        each, medians, {"CPU": 20.0, "GPU": 0.5}.items(), strict=True
    ):
        assert list(line.get_xdata()) == list(range(1, 21))
        assert list(line.get_ydata()) == RUNS[name]
        assert set(median.get_ydata()) == {typical}
    (warm_up,) = axis.patches
    assert (warm_up.get_x(), warm_up.get_width()) == (0.5, 3)  # runs 1, 2 and 3
    assert axis.get_yscale() == "log" and axis.get_ylabel().startswith("milliseconds")
    assert axis.get_ylim()[0] <= 0.25 and axis.get_ylim()[1] >= 1800  # no point at the edge
    assert "CPU 20 ms, GPU 0.5 ms" in picture.alt
    for one in (axis, drawn("runs on a CPU")[0].axes[0]):
        low, high = one.get_ylim()
        assert 2 <= sum(low <= mark <= high for mark in one.get_yticks()) <= 6


def test_the_confusion_matrix_shows_every_count(drawn):
    figure, picture = drawn("confusion matrix")
    (axis,) = figure.axes
    np.testing.assert_array_equal(axis.images[0].get_array(), MATRIX)
    shown = {tuple(text.get_position()): text.get_text() for text in axis.texts}
    assert shown == {(x, y): str(MATRIX[y, x]) for x in range(3) for y in range(3)}
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")
    assert [tick.get_text() for tick in axis.get_yticklabels()] == NAMES
    assert "27 photographs; 21" in picture.alt


def test_of_many_classes_those_with_the_most_mistakes_are_shown(figures, unrendered):
    names, matrix = [f"a bird of the kind {i:02}" for i in range(44)], np.diag(np.arange(44) + 1)
    matrix[43, 42] = 7
    confusion.picture(matrix, names)
    (axis,) = figures[0].axes
    rows = [tick.get_text() for tick in axis.get_yticklabels()]
    assert len(rows) == confusion.MOST and rows[-1] == "a bird of the kind 43  44"
    assert [tick.get_text() for tick in axis.get_xticklabels()][-2:] == ["43", "44"]
    assert ("7", (38, 39)) in [(text.get_text(), text.get_position()) for text in axis.texts]
    confusion.picture(100 * np.eye(44, dtype=int) + 22, names)  # wider numbers, fewer classes
    assert figures[1].axes[0].get_title() == "the 28 of 44 classes with the most mistakes"
    assert figure_guard.crowded(figures[1]) == []


def test_the_likeliest_classes_get_a_bar_and_the_explained_one(figures, unrendered):
    names, probabilities = [f"bird {i}" for i in range(8)], np.arange(8) / 28
    picture = own_photo.picture(PHOTOS[0], names, probabilities)
    photo, bars = figures[0].axes
    np.testing.assert_array_equal(photo.images[0].get_array(), PHOTOS[0])
    assert [bar.get_width() for bar in bars.patches] == list(probabilities[:2:-1])
    assert [text.get_text() for text in bars.texts] == ["25.0%", "21.4%", "17.9%", "14.3%", "10.7%"]
    assert picture.alt.endswith(
        "bird 7 25.0%, bird 6 21.4%, bird 5 17.9%, bird 4 14.3%, bird 3 10.7%"
    )
    shares = own_photo.draw_probabilities(bars, names, probabilities, "bird 1")
    assert list(shares) == ["bird 7", "bird 6", "bird 5", "bird 4", "bird 1"]


def test_each_row_of_groups_has_its_strongest_photographs_first(drawn):
    figure, picture = drawn("what groups like")
    similarity, *shown = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    np.testing.assert_array_equal(similarity, np.corrcoef(RESPONSE.T))
    strongest = [number for g in (2, 0) for number in np.argsort(-RESPONSE[:, g])[:5]]
    np.testing.assert_array_equal(shown, PHOTOS[strongest])
    low, high = map(float, re.search(r"from (-?[\d.]+) to (-?[\d.]+),", picture.alt).groups())
    between = np.corrcoef(RESPONSE.T)[~np.eye(4, dtype=bool)]
    assert (low, high) == pytest.approx((between.min(), between.max()), abs=0.005)


def test_bars_are_as_long_as_their_values(drawn):
    figure, picture = drawn("bars")
    (axis,) = figure.axes
    lengths = [bar.get_width() for bar in axis.patches]
    assert lengths == list(picture.data["values"].values()) == list(BARS.values())
    assert [tick.get_text() for tick in axis.get_yticklabels()] == list(BARS)
    assert [text.get_text() for text in axis.texts] == ["3", "1,200", "0.5"]
    assert len({(bar.get_hatch(), bar.get_facecolor()) for bar in axis.patches}) == 1
    assert axis.get_xlabel() == "milliseconds"


@pytest.fixture
def cam(monkeypatch, unrendered):
    """Draws the Grad-CAM of a network that speaks for gulls, with these heat maps by class."""

    def draw(heats, explained=grad_cam.MOST_LIKELY):
        probabilities = np.array([0.25, 0.75])
        monkeypatch.setattr(own_photo, "predict_image", lambda model, image: probabilities)
        monkeypatch.setattr(grad_cam, "heat_map", lambda model, image, k, layer: heats[k])
        chosen = {"explained": explained, "layer": None, "strength": 0.6}
        return grad_cam.picture(None, ["owl", "gull"], PHOTOS[0], **chosen)

    return draw


def test_the_overlay_covers_the_photo_where_it_is_hot(cam, figures):
    picture = cam([None, np.array([[0.0, 1.0], [0.0, 0.5]])])
    assert figure_guard.problems(figures[0]) == []
    photo, overlay, bars, scale = figures[0].axes
    assert scale.get_ylabel() == "% of the hottest cell"
    assert list(scale.lines[-1].get_ydata()) == [50, 50]  # as the line around what is hot
    np.testing.assert_array_equal(photo.images[0].get_array(), PHOTOS[0])
    under, heat = overlay.images
    np.testing.assert_array_equal(under.get_array(), PHOTOS[0])
    assert heat.get_array().shape == (32, 32) and heat.get_alpha() == 0.6
    assert heat.get_array()[0, 31] == pytest.approx(1) and heat.get_array()[:, 0].max() == 0
    assert len(overlay.collections) == 1  # the line around what is hot: it needs no colour
    assert [bar.get_width() for bar in bars.patches] == [0.75, 0.25]
    assert [bar.get_hatch() for bar in bars.patches] == ["//", None]
    assert picture.data["hottest"] == "top right" and picture.data["explained"] == "gull"
    assert picture.data["probability of gull"] == "75.0%"
    assert "gull 75.0%, owl 25.0%" in picture.alt
    nothing_speaks_for = cam([np.zeros((2, 2)), None], "owl")
    assert len(figures[1].axes[1].images) == 1 and nothing_speaks_for.data["hottest"] == "nowhere"


def test_the_hottest_place_in_words():
    assert grad_cam.where_hottest(np.array([[0, 0], [1, 0]])) == "bottom left"
    assert grad_cam.where_hottest(np.diag([0, 0, 0, 1, 0, 0, 0])) == "middle centre"


def test_the_gpu_waits_less_with_prefetch_and_least_with_a_cache(drawn):
    figure, picture = drawn("timeline")
    for axis, end in zip(figure.axes, (20, 14, 9), strict=True):
        cpu, gpu = ([(bar.get_x(), bar.get_width()) for bar in bars] for bars in axis.containers)
        prepared = [start + length for start, length in cpu]
        assert all(done <= start for done, (start, _) in zip(prepared, gpu, strict=True))
        for one, after in (*itertools.pairwise(cpu), *itertools.pairwise(gpu)):
            assert one[0] + one[1] <= after[0]  # each does one thing at a time
        assert sum(gpu[-1]) == end
        assert f"all is done after {end}" in picture.alt
        assert texts_of(axis) == ["1", "2", "3", "4"] * 2
    without = [bars.patches for bars in figure.axes[0].containers]
    for gpu, after in zip(without[1], without[0][1:], strict=False):  # they take turns
        assert gpu.get_x() + gpu.get_width() == after.get_x()
