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
    block_diagrams,
    confusion,
    device_diagrams,
    diagrams,
    grad_cam,
    group_responses,
)
from resnext_helpers import counting, models, plots

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


MATRIX = np.array([[5, 1, 0], [2, 7, 3], [0, 0, 9]])
NAMES = ["Bananaquit 曲嘴森莺", "Black Skimmer", "Cockatoo"]
HEAT = np.array([[0.0, 1.0], [0.0, 0.5]])
EXPLAINED = grad_cam.Explanation("gull", HEAT, {"owl": 0.25, "gull": 0.75})
PHOTOS = RNG.integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
RESPONSE = RNG.random((9, 4))
DRAWINGS = {
    "connections": lambda: diagrams.connections(
        {"right": (grouped(8, 8, 4), 4), "broken": (as_the_article(8, 4), 4)}
    ),
    "sixteen groups of one": lambda: diagrams.connections({"layer": (grouped(16, 16, 16), 16)}),
    "kernel": lambda: diagrams.kernel_matrix(grouped(8, 8, 4), 4),
    "merged kernel": lambda: diagrams.kernel_matrix(grouped(128, 128, 32), 32, blocks=4),
    "blocks side by side": lambda: block_diagrams.side_by_side(two_blocks()),
    "bars of blocks": lambda: block_diagrams.weight_bars(two_blocks(), "Two blocks"),
    "three forms": block_diagrams.three_forms,
    "three forms of another block": lambda: block_diagrams.three_forms(64, 4, 512),
    "host and device": device_diagrams.host_and_device,
    "confusion matrix": lambda: confusion.picture(MATRIX, NAMES),
    "Grad-CAM": lambda: grad_cam.picture(PHOTOS[0], EXPLAINED),
    "what groups like": lambda: group_responses.picture(
        RESPONSE, np.corrcoef(RESPONSE.T), {"group 2": 2, "group 0": 0}, PHOTOS, columns=3
    ),
}
WITH_FREE_TEXTS = [name for name in DRAWINGS if not re.search("kernel|like|Grad-CAM", name)]


@pytest.fixture
def drawn(figures):
    """Draws, and returns the figure and its picture."""

    def draw(name):
        picture = DRAWINGS[name]()
        return figures[-1], picture

    return draw


def texts_of(axis):
    return [text.get_text() for text in axis.texts]


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_fits_a_slide_and_can_be_read_by_everybody(drawn, name):
    figure, picture = drawn(name)
    assert figure_guard.problems(figure) == []
    assert figure.get_figwidth() <= 11 and figure.get_figheight() <= 5
    assert len(picture.alt) > 20
    for axis in figure.axes if name in WITH_FREE_TEXTS else ():
        boxes = {t: t.get_window_extent() for t in (*axis.texts, axis.title) if t.get_text()}
        page = figure.bbox.padded(1)  # pixels
        for text, box in boxes.items():
            assert page.contains(*box.min) and page.contains(*box.max), text
        for one, other in itertools.combinations(boxes, 2):
            assert not boxes[one].overlaps(boxes[other]), (one, other)
        if "forms" in name:  # and each text is inside its box
            for box in (patch.get_window_extent() for patch in axis.patches):
                for words in boxes.values():
                    if box.contains((words.x0 + words.x1) / 2, (words.y0 + words.y1) / 2):
                        assert box.x0 <= words.x0 and words.x1 <= box.x1


# Connections


def lines(axis):
    """The drawn lines: their two ends, colour and style."""
    found = []
    for lines in axis.collections:
        if isinstance(lines, LineCollection) and lines.get_segments():
            look = (to_hex(lines.get_color()[0]), str(lines.get_linestyle()[0]))
            found += [(*map(tuple, ends), look) for ends in lines.get_segments()]
    return found


@pytest.mark.parametrize(
    ("feeds", "groups"),
    [
        (grouped(8, 8, 1), 1),
        (grouped(8, 8, 4), 4),
        (grouped(6, 12, 3), 3),
        (as_the_article(8, 4), 4),
    ],
)
def test_each_connection_is_a_line_and_no_line_is_more(figures, feeds, groups):
    picture = diagrams.connections({"layer": (feeds, groups)})
    pairs = {(i, o) for i in range(feeds.shape[0]) for o in range(feeds.shape[1]) if feeds[i, o]}
    (axis,) = figures[0].axes
    numbers = {t.get_position(): int(t.get_text()) for t in axis.texts if t.get_text().isdigit()}
    drawn_pairs = [(numbers[start], numbers[end]) for start, end, _ in lines(axis)]
    assert sorted(drawn_pairs) == sorted(pairs)
    assert picture.data["pairs"] == {"layer": pairs}
    assert f"{len(pairs)} connections" in axis.get_title()


def test_groups_differ_in_colour_and_in_line_and_dead_channels_are_marked(drawn):
    figure, picture = drawn("connections")
    right, broken = figure.axes
    looks = {look for *_, look in lines(right)}
    assert len(looks) == len({color for color, _ in looks}) == len({line for _, line in looks}) == 4
    groups = [text for text in texts_of(right) if text.startswith("group")]
    assert groups == [f"group {g}" for g in (1, 2, 3, 4)]
    assert texts_of(right).count("dead") == 0 and texts_of(broken).count("dead") == 6
    assert "broken: 16 lines; inputs 0-5 feed nothing, inputs 6-7 feed outputs 0-7." in picture.alt


def test_many_channels_are_lines_without_numbers(figures):
    picture = diagrams.connections({"layer": (grouped(128, 64, 32), 32)})
    (axis,) = figures[0].axes
    assert len(lines(axis)) == len(picture.data["pairs"]["layer"]) == 128 * 2
    assert texts_of(axis) == ["input", "output"]
    assert "and so on, inputs 124-127 feed outputs 62-63." in picture.alt


def test_holes_are_not_hidden_in_the_alt_text():
    feeds = np.array([[True, False, True], [False, True, False]])
    alt = diagrams.connections({"odd": (feeds, 1)}).alt
    assert "inputs 0 feed outputs 0 and 2, inputs 1 feed outputs 1." in alt


# The kernel as a table


def test_the_table_is_filled_where_the_kernel_has_weights(figures):
    feeds = grouped(6, 12, 3)
    picture = diagrams.kernel_matrix(feeds, 3)
    axis = figures[0].axes[0]
    (squares,) = axis.images
    np.testing.assert_array_equal(squares.get_array()[..., 3], feeds)
    assert squares.get_extent() == [0, 12, 6, 0]  # the first row is on top
    colors = {to_hex(color) for color in squares.get_array()[feeds]}
    assert colors == {color.lower() for color in plots.CYCLE[:3]}
    assert picture.data == {"filled": 24, "hatched": 0}
    assert texts_of(axis).count("0") == 72 - 24
    assert {f"group {g}" for g in (1, 2, 3)} < set(texts_of(axis))


def test_merged_blocks_are_hatched_around_the_weights(drawn):
    figure, picture = drawn("merged kernel")
    hatched = [patch for patch in figure.axes[0].patches if patch.get_hatch()]
    corners = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in hatched]
    assert corners == [(at, at, 32, 32) for at in (0, 32, 64, 96)]
    assert picture.data == {"filled": 512, "hatched": 4 * 32 * 32 - 512}
    assert "in 4 larger squares, which hold 3584 zeros" in picture.alt


# Blocks


def test_weights_are_counted_as_counting_does():
    model = block(112, 8)
    counted = {count.name: count.parameters for count in counting.count_layers(model)}
    assert block_diagrams.weights(model) == [counted[f"block_conv{i}"] for i in (1, 2, 3)]


@pytest.mark.parametrize("name", ["blocks side by side", "bars of blocks"])
def test_pictures_hold_the_counted_weights(drawn, name):
    _, picture = drawn(name)
    assert picture.data["weights"] == {
        "ResNet block": [16_384, 36_864, 16_384],
        "ResNeXt block": [32_768, 4_608, 32_768],
    }
    assert "69,632" in picture.alt and "70,144" in picture.alt


def test_shapes_are_as_wide_as_their_channels(drawn):
    figure, _ = drawn("blocks side by side")
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


def test_bars_are_as_long_as_the_weights(drawn):
    (axis,) = drawn("bars of blocks")[0].axes
    lengths = [[bar.get_width() for bar in container] for container in axis.containers]
    assert lengths == [[16_384, 32_768], [36_864, 4_608], [16_384, 32_768]]
    assert [[bar.get_x() for bar in container] for container in axis.containers][1:] == [
        [16_384, 32_768],
        [53_248, 37_376],
    ]
    assert texts_of(axis) == ["69,632", "70,144"]


def test_three_forms_write_the_channels_of_the_real_block(drawn):
    a, b, c = map(texts_of, drawn("three forms")[0].axes)
    assert a.count("1×1\n256→4") == a.count("3×3\n4→4") == a.count("1×1\n4→256") == 3
    assert "sum of 32" in a
    assert b.count("3×3\n4→4") == 3 and "join: 32 × 4 = 128" in b and "1×1\n128→256" in b
    channels = [
        (layer.kernel.shape, layer.groups) for layer in block_diagrams.convolutions(block(128, 32))
    ]
    assert channels == [((1, 1, 256, 128), 1), ((3, 3, 4, 128), 32), ((1, 1, 128, 256), 1)]
    assert [text for text in c if "→" in text] == [
        "1×1\n256→128",
        "3×3 in 32 groups\n128→128",
        "1×1\n128→256",
    ]


# Other drawings


def test_the_device_drawing_has_an_arrow_for_each_road(drawn):
    figure, picture = drawn("host and device")
    (axis,) = figure.axes
    arrows = [text for text in axis.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == len(picture.data["roads"]) == 4
    assert {place for road in picture.data["roads"] for place in road} <= set(texts_of(axis))


def test_the_confusion_matrix_shows_every_count(drawn):
    figure, picture = drawn("confusion matrix")
    (axis,) = figure.axes
    np.testing.assert_array_equal(axis.images[0].get_array(), MATRIX)
    shown = {tuple(text.get_position()): text.get_text() for text in axis.texts}
    assert shown == {(x, y): str(MATRIX[y, x]) for x in range(3) for y in range(3)}
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")
    assert [tick.get_text() for tick in axis.get_yticklabels()] == NAMES
    assert "27 photographs; 21" in picture.alt


def test_each_row_of_groups_has_its_strongest_photographs_first(drawn):
    figure, picture = drawn("what groups like")
    strongest = {f"group {g}": np.argsort(-RESPONSE[:, g])[:3].tolist() for g in (2, 0)}
    assert picture.data["strongest"] == strongest
    shown = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    np.testing.assert_array_equal(shown[0], np.corrcoef(RESPONSE.T))
    for image, number in zip(shown[1:4], strongest["group 2"], strict=True):
        np.testing.assert_array_equal(image, PHOTOS[number])
    low, high = map(float, re.search(r"from (-?[\d.]+) to (-?[\d.]+),", picture.alt).groups())
    between = np.corrcoef(RESPONSE.T)[~np.eye(4, dtype=bool)]
    assert (low, high) == pytest.approx((between.min(), between.max()), abs=0.005)


# Grad-CAM


def test_the_overlay_covers_the_photo_where_it_is_hot(drawn):
    figure, picture = drawn("Grad-CAM")
    photo, overlay, bars = figure.axes
    np.testing.assert_array_equal(photo.images[0].get_array(), PHOTOS[0])
    under, heat = overlay.images
    np.testing.assert_array_equal(under.get_array(), PHOTOS[0])
    assert heat.get_array().shape == (32, 32) and heat.get_alpha() == 0.6
    assert heat.get_array()[0, 31] == pytest.approx(1) and heat.get_array()[:, 0].max() == 0
    assert len(overlay.collections) == 1  # the line around what is hot: it needs no colour
    assert [bar.get_width() for bar in bars.patches] == [0.25, 0.75]
    assert [bar.get_hatch() for bar in bars.patches] == [None, "//"]
    assert picture.data["hottest"] == "top right"
    assert picture.data["probability of gull"] == "75.0%"
    assert "owl 25.0%, gull 75.0%" in picture.alt


def test_nothing_is_drawn_over_where_nothing_speaks_for_the_class(figures):
    picture = grad_cam.picture(PHOTOS[0], EXPLAINED._replace(heat=np.zeros((2, 2))))
    assert len(figures[0].axes[1].images) == 1 and picture.data["hottest"] == "nowhere"


@pytest.mark.parametrize(
    ("cell", "shape", "words"),
    [
        ((1, 0), (2, 2), "bottom left"),
        ((3, 3), (7, 7), "middle centre"),
        ((0, 6), (7, 7), "top right"),
        ((2, 1), (4, 4), "middle centre"),
    ],
)
def test_the_hottest_place_in_words(cell, shape, words):
    heat = np.zeros(shape)
    heat[cell] = 1
    assert grad_cam.where_hottest(heat) == words


def test_the_explained_class_is_the_most_likely_unless_one_is_chosen():
    keras.utils.set_random_seed(1)
    model = models.resnext((64, 64, 3), 3, groups=4, width_per_group=4, blocks=(1, 2, 1, 1))
    pixels = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    names = ["owl", "gull", "heron"]
    likely = grad_cam.explain(model, names, pixels)
    assert likely.explained == max(likely.probabilities, key=likely.probabilities.get)
    assert sum(likely.probabilities.values()) == pytest.approx(1)
    heron = grad_cam.explain(model, names, pixels, "heron", layer="layer2_1_out")
    assert heron.explained == "heron" and heron.heat.shape == (8, 8)
    with pytest.raises(ValueError, match="no class 'crow': use owl, gull, heron"):
        grad_cam.explain(model, names, pixels, "crow")
    cells = {2: "layer4_0_out", 4: "layer3_0_out", 5: "layer2_1_out", 99: "layer4_0_out"}
    assert {n: grad_cam.readable_layer(model, n) for n in cells} == cells
