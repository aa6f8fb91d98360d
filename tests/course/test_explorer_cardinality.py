"""The explorer of equal price shows the paper's numbers, counts real blocks and draws to scale."""

import numpy as np
import pytest
from matplotlib.patches import Polygon

from resnext_course.explorers import cardinality as explorer
from resnext_helpers import counting

PAPER = {  # C, d: weights of the template block (facts of Table 2), error in % (Table 3)
    (1, 64): (69_632, 23.9),
    (2, 40): (69_760, 23.0),
    (4, 24): (69_888, 22.6),
    (8, 14): (71_456, 22.3),
    (32, 4): (70_144, 22.2),
}
ERROR = "paper's error with 50 layers"
SHARE = "weights, beside the ResNet block"


pytestmark = pytest.mark.usefixtures("style")


@pytest.fixture
def axes_of(figures):
    """Draws, and returns the picture's three axes."""

    def draw(*values):
        explorer.compare(*values)
        return figures[-1].axes

    return draw


@pytest.mark.parametrize("point", PAPER)
def test_the_papers_blocks(point):
    weights, error = PAPER[point]
    picture = explorer.compare(point[0], 1, equal_price=True)
    assert picture.data["width of a path d"] == point[1]
    assert picture.data["weights"] == weights
    assert picture.data["multiply-adds at 56×56 pixels"] == weights * 56 * 56
    assert picture.data[ERROR] == f"{error} %"
    assert f"{point[0]}×{point[1]}d" in picture.alt and f"{weights:,} weights" in picture.alt


@pytest.mark.parametrize("numbers", [(1, 63), (2, 64), (8, 13), (16, 8), (64, 4), (128, 1)])
def test_no_error_is_invented(numbers):
    data = explorer.compare(*numbers, equal_price=False).data
    assert data[ERROR] == "not measured in the paper"


@pytest.mark.parametrize("numbers", [(1, 100), (2, 64), (16, 7), (64, 4), (128, 1), (3, 5)])
def test_a_real_block_is_counted(numbers):
    data = explorer.compare(*numbers, equal_price=False).data
    assert data["weights"] == counting.template_block_parameters(*numbers)
    assert data["width of the middle C·d"] == numbers[0] * numbers[1]


def test_what_the_notebook_says_about_the_curve():
    def share(*numbers):
        return explorer.compare(*numbers).data[SHARE]

    assert [share(16, 8, False), share(16, 7, False)] == ["107.4%", "92.5%"]
    assert share(16, 1, True) == "107.4%"
    twice = [share(1, 100, False), share(2, 64, False), share(64, 4, False)]
    assert twice == ["202.8%", "200.0%", "201.5%"]
    for cardinality in (16, 32, 64, 128):
        assert cardinality * counting.width_at_equal_price(cardinality) == 128


def test_no_whole_width_comes_nearer_to_the_price():
    price = 69_632
    for cardinality in explorer.CARDINALITIES:
        best = counting.width_at_equal_price(cardinality)
        distance = abs(counting.template_block_parameters(cardinality, best) - price)
        for d in (best - 1, best + 1):
            assert abs(counting.template_block_parameters(cardinality, d) - price) > distance


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((32, 16), "make the middle 512 wide, more than the 256.*a width d of at most 8"),
        ((0, 4), "The cardinality C is 0: it must be 1 or more"),
        ((4, 0), "The width d is 0: it must be 1 or more"),
    ],
)
def test_what_cannot_be_is_explained(numbers, message):
    with pytest.raises(ValueError, match=message):
        explorer.compare(*numbers, equal_price=False)


def test_the_line_is_the_price_and_the_marks_are_where_they_belong(axes_of):
    curve = axes_of(8, 5, False)[0]
    line, paper, ring = curve.lines
    for paths, width in np.transpose(line.get_data()):
        assert counting.template_block_parameters(paths, width) == pytest.approx(69_632)
    assert list(zip(*paper.get_data(), strict=True)) == list(PAPER)
    assert [text.get_text() for text in curve.texts[:5]] == [f"{e} %" for _, e in PAPER.values()]
    assert [text.xy for text in curve.texts[:5]] == list(PAPER)
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (8, 5)
    assert paper.get_marker() != ring.get_marker()


def test_where_the_middle_would_be_too_wide_the_picture_is_grey(axes_of):
    (grey,) = axes_of(1, 1, True)[0].collections
    area = grey.get_paths()[0]
    assert not area.contains_point((2, 120)) and area.contains_point((2, 136))


@pytest.mark.parametrize("numbers", [(32, 4), (2, 128), (8, 5)])
def test_both_blocks_are_drawn_to_one_scale(axes_of, numbers):
    _, *blocks = axes_of(*numbers, False)
    for axis, width in zip(blocks, (64, numbers[0] * numbers[1]), strict=True):
        first = next(patch for patch in axis.patches if isinstance(patch, Polygon))
        corners = first.get_xy()
        assert corners[1][0] - corners[0][0] == 2  # 256 channels
        assert corners[2][0] - corners[3][0] == pytest.approx(2 * width / 256)
    assert blocks[0].get_xlim() == blocks[1].get_xlim()
    assert blocks[0].get_position().width == pytest.approx(blocks[1].get_position().width)


@pytest.mark.parametrize("numbers", [(32, 4), (128, 1), (1, 128), (2, 128)])
def test_texts_fit_into_the_picture(axes_of, numbers):
    axes = axes_of(*numbers, False)
    figure = axes[0].figure
    assert figure.get_figheight() <= 5
    for axis in axes:
        for text in (*axis.texts, axis.title):
            box = text.get_window_extent()
            assert figure.bbox.padded(1).containsx(box.x0) and figure.bbox.containsx(box.x1), text
            assert text.get_fontsize() >= 12


# The panel


@pytest.fixture
def drawn(monkeypatch):
    """The values that were drawn, in their order."""
    values, compare = [], explorer.compare

    def spy(**numbers):
        values.append(tuple(numbers.values()))
        return compare(**numbers)

    monkeypatch.setattr(explorer, "compare", spy)
    return values


def test_at_equal_price_the_width_follows(drawn):
    panel = explorer.explore()
    cardinality, width = panel.controls["cardinality"], panel.controls["width"]
    assert (cardinality.value, width.value, width.disabled) == (32, 4, True)
    assert panel.picture.data[ERROR] == "22.2 %"
    for value in (8, 1):
        cardinality.value = value
        assert width.value == counting.width_at_equal_price(value)
        assert panel.picture.data["width of a path d"] == width.value
    assert drawn == [(32, 4, True), (8, 14, True), (1, 64, True)]  # each once


def test_without_equal_price_the_width_is_free_and_comes_back():
    panel = explorer.explore()
    cardinality, width, equal_price = panel.controls.values()
    equal_price.value = False
    assert not width.disabled
    width.value = 8
    assert panel.picture.data["weights"] == counting.template_block_parameters(32, 8)
    width.value = 16
    assert panel.picture is None and "512 wide" in panel.message
    cardinality.value = 2
    assert panel.message == "" and panel.picture.data["width of a path d"] == 16
    equal_price.value = True
    assert width.value == 40 and width.disabled
    assert panel.picture.data["weights"] == 69_760


def test_every_control_says_what_it_is():
    for control in explorer.explore().controls.values():
        assert control.description
