"""The drawings of blocks say what the built layers are."""

import functools
import itertools

import keras
import pytest
from matplotlib.patches import Polygon, Rectangle

from resnext_course.figures import block_diagrams
from resnext_helpers import counting, models


@functools.cache
def block(width, groups):
    x = keras.Input((8, 8, 256))
    y = models.block(x, channels=256, width=width, groups=groups, name="block")
    return keras.Model(x, y)


BLOCKS = {"ResNet block": (64, 1), "ResNeXt block": (128, 32)}


def draw_side_by_side():
    return block_diagrams.side_by_side({name: block(*numbers) for name, numbers in BLOCKS.items()})


def draw_bars():
    models_by_name = {name: block(*numbers) for name, numbers in BLOCKS.items()}
    return block_diagrams.weight_bars(models_by_name, "Two blocks")


DRAWINGS = {
    "side by side": draw_side_by_side,
    "bars": draw_bars,
    "three forms": block_diagrams.three_forms,
    "three forms of another block": lambda: block_diagrams.three_forms(64, 4, 512),
}


@pytest.fixture
def figure_of(figures, style):
    """Draws, and returns the figure."""

    def draw(drawing):
        drawing()
        return figures[-1]

    return draw


def texts_of(figure):
    """Every text that can be read, but the numbers along the axes."""
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for axis in figure.axes:
        texts += [*axis.texts, axis.title]
        if axis.axison:
            texts += [axis.xaxis.label, *axis.get_yticklabels()]
    return [text for text in texts if text.get_text()]


def test_convolutions_reads_the_built_layers():
    first, middle, last = block_diagrams.convolutions(block(128, 32))
    assert (first.kernel_size, first.channels_in, first.channels_out) == (1, 256, 128)
    assert (middle.kernel_size, middle.channels_in, middle.channels_out) == (3, 128, 128)
    assert (last.kernel_size, last.channels_in, last.channels_out) == (1, 128, 256)
    assert [step.groups for step in (first, middle, last)] == [1, 32, 1]
    assert [step.weights for step in (first, middle, last)] == [32_768, 4_608, 32_768]


def test_convolutions_counts_as_counting_does():
    model = block(112, 8)
    counted = {count.name: count.parameters for count in counting.count_layers(model)}
    weights = [step.weights for step in block_diagrams.convolutions(model)]
    assert weights == [counted[f"block_conv{i}"] for i in (1, 2, 3)]


@pytest.mark.parametrize("draw", [draw_side_by_side, draw_bars])
def test_pictures_hold_the_counted_weights(draw):
    picture = draw()
    assert picture.data["weights"] == {
        "ResNet block": [16_384, 36_864, 16_384],
        "ResNeXt block": [32_768, 4_608, 32_768],
    }
    assert "69,632" in picture.alt and "70,144" in picture.alt


def test_shapes_are_as_wide_as_their_channels(figure_of):
    for axis, (width, _) in zip(figure_of(draw_side_by_side).axes, BLOCKS.values(), strict=True):
        shapes = [patch for patch in axis.patches if isinstance(patch, Polygon)]
        ends = []
        for shape in shapes:
            (x0, _), (x1, _), (x2, _), (x3, _) = shape.get_xy()[:4]
            ends.append((x1 - x0, x2 - x3))  # above, below
        narrow = 2 * width / 256
        assert ends == [(2, narrow), (narrow, narrow), (narrow, 2)]
        bars = [p.get_width() for p in axis.patches if isinstance(p, Rectangle)]
        assert bars == [2, narrow, narrow, 2]


def test_32_groups_are_drawn_as_32_stripes(figure_of):
    resnet, resnext = figure_of(draw_side_by_side).axes

    def thin_lines(axis):
        return [line for line in axis.lines if line.get_linewidth() == 0.8]

    assert len(thin_lines(resnet)) == 0
    assert len(thin_lines(resnext)) == 31


def test_more_groups_are_drawn_in_thinner_lines(figure_of):
    """Else the colour between them would be gone."""

    def draw():
        return block_diagrams.side_by_side({"64 groups": block(128, 64)})

    (axis,) = figure_of(draw).axes
    widths = [line.get_linewidth() for line in axis.lines if line.get_linewidth() < 1]
    assert widths == [0.2] * 63


def test_each_convolution_is_written_beside_its_shape(figure_of):
    resnet, resnext = (
        [text.get_text() for text in axis.texts] for axis in figure_of(draw_side_by_side).axes
    )
    assert "3×3\n64 → 64\n36,864 weights" in resnet
    assert "3×3 in 32 groups\n128 → 128\n4,608 weights" in resnext
    assert "1×1\n128 → 256\n32,768 weights" in resnext


def test_bars_are_as_long_as_the_weights(figure_of):
    axis = figure_of(draw_bars).axes[0]
    lengths = [[bar.get_width() for bar in container] for container in axis.containers]
    assert lengths == [[16_384, 32_768], [36_864, 4_608], [16_384, 32_768]]
    assert [text.get_text() for text in axis.texts] == ["69,632", "70,144"]
    assert len({bars[0].get_hatch() for bars in axis.containers}) == 3  # not colour alone


def test_three_forms_write_the_channels_of_the_real_block(figure_of):
    a, b, c = (
        [text.get_text() for text in axis.texts]
        for axis in figure_of(block_diagrams.three_forms).axes
    )
    assert a.count("1×1\n256→4") == a.count("3×3\n4→4") == a.count("1×1\n4→256") == 3
    assert "sum of 32" in a
    assert b.count("3×3\n4→4") == 3 and "join: 32 × 4 = 128" in b and "1×1\n128→256" in b
    steps = block_diagrams.convolutions(block(128, 32))
    for step, text in zip(steps, ("1×1", "3×3 in 32 groups", "1×1"), strict=True):
        assert f"{text}\n{step.channels_in}→{step.channels_out}" in c
    for texts in (a, b, c):
        assert "batch norm" in texts and "shortcut" in texts


@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_are_large_whole_and_apart(figure_of, name):
    figure = figure_of(DRAWINGS[name])
    texts = texts_of(figure)
    assert min(text.get_fontsize() for text in texts) >= 12
    boxes = {text: text.get_window_extent() for text in texts}
    for text, box in boxes.items():
        inside = figure.bbox.padded(1)  # pixels
        assert inside.containsx(box.x0) and inside.containsx(box.x1), text
        assert inside.containsy(box.y0) and inside.containsy(box.y1), text
    for one, other in itertools.combinations(texts, 2):
        assert not boxes[one].overlaps(boxes[other]), (one, other)


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_fit_on_a_slide(figure_of, name):
    width, height = figure_of(DRAWINGS[name]).get_size_inches()
    assert width <= 11 and height <= 5


@pytest.mark.parametrize("name", ["three forms", "three forms of another block"])
def test_texts_fit_into_their_boxes(figure_of, name):
    for axis in figure_of(DRAWINGS[name]).axes:
        boxes = [patch.get_window_extent() for patch in axis.patches]
        for text in axis.texts:
            words = text.get_window_extent()
            for box in boxes:
                if box.contains((words.x0 + words.x1) / 2, (words.y0 + words.y1) / 2):
                    assert box.x0 <= words.x0 and words.x1 <= box.x1, text
