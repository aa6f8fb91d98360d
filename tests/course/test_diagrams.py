"""The drawings show what their array says, readably, and not by colour alone."""

import io
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

from resnext_course.figures import diagrams
from resnext_helpers import plots


def grouped(channels, filters, groups):
    ones = np.ones((channels // groups, filters // groups), bool)
    return np.kron(np.eye(groups, dtype=bool), ones)


def as_the_article(channels, groups):
    feeds = np.zeros((channels, channels), bool)
    feeds[-(channels // groups) :] = True
    return feeds


@pytest.fixture
def drawn(monkeypatch):
    """Keeps the figures open: after a drawing, ``drawn[0]`` is its figure."""
    plots.use_style()
    figures = []

    class OpenPicture:
        def __init__(self, figure, alt, **data):
            figures.append(figure)
            self.alt, self.data = alt, data

    monkeypatch.setattr(diagrams, "Picture", OpenPicture)
    yield figures
    for figure in figures:
        plt.close(figure)


def lines(axis):
    """The drawn lines: their two ends, colour and style."""
    found = []
    for lines in axis.collections:
        if isinstance(lines, LineCollection):
            look = (to_hex(lines.get_color()[0]), str(lines.get_linestyle()[0]))
            found += [(*map(tuple, ends), look) for ends in lines.get_segments()]
    return found


def numbers_of_channels(axis):
    return {t.get_position(): int(t.get_text()) for t in axis.texts if t.get_text().isdigit()}


@pytest.mark.parametrize(
    ("feeds", "groups"),
    [
        (grouped(8, 8, 1), 1),
        (grouped(8, 8, 4), 4),
        (grouped(6, 12, 3), 3),
        (as_the_article(8, 4), 4),
    ],
)
def test_each_connection_is_a_line_and_no_line_is_more(drawn, feeds, groups):
    picture = diagrams.connections({"layer": (feeds, groups)})
    pairs = {(i, o) for i in range(feeds.shape[0]) for o in range(feeds.shape[1]) if feeds[i, o]}
    (axis,) = drawn[0].axes
    numbers = numbers_of_channels(axis)
    drawn_pairs = [(numbers[start], numbers[end]) for start, end, _ in lines(axis)]
    assert sorted(drawn_pairs) == sorted(pairs)
    assert picture.data["pairs"] == {"layer": pairs}
    assert f"{len(pairs)} connections" in axis.get_title()


def test_groups_differ_in_colour_and_in_line_and_have_labels(drawn):
    diagrams.connections({"layer": (grouped(8, 8, 4), 4)})
    (axis,) = drawn[0].axes
    numbers = numbers_of_channels(axis)
    looks = {}
    for start, _, look in lines(axis):
        looks.setdefault(numbers[start] // 2, set()).add(look)  # two channels are a group
    assert [len(looks[group]) for group in range(4)] == [1, 1, 1, 1]
    colors, styles = zip(*(look for group in looks.values() for look in group), strict=True)
    assert len(set(colors)) == len(set(styles)) == 4
    texts = [text.get_text() for text in axis.texts]
    assert [t for t in texts if t.startswith("group")] == [f"group {g}" for g in (1, 2, 3, 4)]


def test_many_channels_are_lines_without_numbers(drawn):
    picture = diagrams.connections({"layer": (grouped(128, 64, 32), 32)})
    (axis,) = drawn[0].axes
    assert len(lines(axis)) == 128 * 2
    assert [text.get_text() for text in axis.texts] == ["input", "output"]
    assert len(picture.data["pairs"]["layer"]) == 128 * 2
    points = [one for one in axis.collections if not isinstance(one, LineCollection)]
    assert [len(row.get_offsets()) for row in points] == [128, 64]


@pytest.mark.parametrize(
    ("channels", "filters", "groups"), [(4, 4, 1), (8, 8, 8), (16, 16, 16), (4, 16, 4), (1, 1, 1)]
)
def test_texts_do_not_overlap_and_fit_a_slide(drawn, channels, filters, groups):
    diagrams.connections({"layer": (grouped(channels, filters, groups), groups)})
    (figure,) = drawn
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    page = figure.bbox
    assert all(page.contains(*box.min) and page.contains(*box.max) for box in boxes)
    assert figure.get_figwidth() <= 11 and figure.get_figheight() <= 5


def test_channels_that_feed_nothing_are_marked_dead(drawn):
    picture = diagrams.connections(
        {"right": (grouped(8, 8, 4), 4), "broken": (as_the_article(8, 4), 4)}
    )
    right, broken = drawn[0].axes
    assert [t.get_text() for t in right.texts].count("dead") == 0
    assert [t.get_text() for t in broken.texts].count("dead") == 6
    assert "broken: 16 lines; inputs 0-5 feed nothing, inputs 6-7 feed outputs 0-7." in picture.alt


@pytest.mark.parametrize(("channels", "filters", "groups"), [(8, 8, 4), (6, 12, 3), (64, 64, 16)])
def test_the_table_is_filled_where_the_kernel_has_weights(drawn, channels, filters, groups):
    feeds = grouped(channels, filters, groups)
    picture = diagrams.kernel_matrix(feeds, groups)
    squares = [patch for patch in drawn[0].axes[0].patches if isinstance(patch, Rectangle)]
    filled = np.zeros_like(feeds)
    for square in squares:
        filled[square.get_y(), square.get_x()] = True
    np.testing.assert_array_equal(filled, feeds)
    assert len({to_hex(square.get_facecolor()) for square in squares}) == min(groups, 6)
    assert picture.data == {"filled": feeds.sum(), "hatched": 0}
    assert f"{feeds.sum()} squares are filled" in picture.alt


def test_a_small_table_names_groups_and_zeros(drawn):
    diagrams.kernel_matrix(grouped(8, 8, 4), 4)
    texts = [text.get_text() for text in drawn[0].axes[0].texts]
    assert texts.count("0") == 64 - 16
    assert [t for t in texts if t != "0"] == [f"group {g}" for g in (1, 2, 3, 4)]


def test_merged_blocks_are_hatched_around_the_weights(drawn):
    picture = diagrams.kernel_matrix(grouped(128, 128, 32), 32, blocks=4)
    axis = drawn[0].axes[0]
    hatched = [patch for patch in axis.patches if patch.get_hatch()]
    corners = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in hatched]
    assert corners == [(at, at, 32, 32) for at in (0, 32, 64, 96)]
    assert picture.data == {"filled": 512, "hatched": 4 * 32 * 32 - 512}
    assert "in 4 larger squares, which hold 3584 zeros" in picture.alt
    assert len(axis.get_legend().get_texts()) == 2


def test_a_long_alt_text_is_shortened(drawn):
    alt = diagrams.kernel_matrix(grouped(128, 128, 32), 32).alt
    assert "inputs 0-3 feed outputs 0-3" in alt
    assert "and so on, inputs 124-127 feed outputs 124-127." in alt
    assert len(alt) < 250


def test_holes_are_not_hidden_in_the_alt_text(drawn):
    feeds = np.array([[True, False, True], [False, True, False]])
    alt = diagrams.connections({"odd": (feeds, 1)}).alt
    assert "inputs 0 feed outputs 0 and 2, inputs 1 feed outputs 1." in alt


def test_no_text_is_too_small_to_read(drawn):
    diagrams.connections({"layer": (grouped(8, 8, 4), 4)})
    diagrams.kernel_matrix(grouped(8, 8, 4), 4)
    diagrams.kernel_matrix(grouped(128, 128, 32), 32, blocks=4)
    for figure in drawn:
        sizes = [text.get_fontsize() for text in figure.findobj(plt.Text) if text.get_text()]
        assert sizes
        assert min(sizes) >= 12


def test_the_picture_is_not_blank():
    picture = diagrams.connections({"layer": (grouped(8, 8, 4), 4)})
    image = Image.open(io.BytesIO(picture.png)).convert("RGB")
    colors = {"#{:02x}{:02x}{:02x}".format(*color) for _, color in image.getcolors(1 << 20)}
    assert {color.lower() for color in plots.CYCLE[:4]} <= colors
