"""Figures that a notebook's own cell draws hold the data that the text speaks of.

A comparison of outputs can't see this: it would pass a blank plot. So each such cell runs here on
known numbers, and the drawn lines, bars and pictures are read back from the figure.
"""

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import keras
import matplotlib as mpl
import nbformat
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from resnext_course import comparison, train
from resnext_course.figures import confusion, grad_cam
from resnext_course.publishing.notebook_runner import NAMES
from resnext_helpers import plots
from resnext_helpers.settings import PROJECT

mpl.use("agg")
RNG = np.random.default_rng(0)


def cells(name):
    path = PROJECT / "notebooks" / f"{name}.ipynb"
    return {cell.id: cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"}


@pytest.fixture
def draw(monkeypatch):
    """Run a notebook's cell with these names defined; return its figure and its alt text."""

    def run(notebook, cell_id, **names):
        drawn = []

        class Spy(plots.Picture):
            def __init__(self, figure, alt, **data):
                super().__init__(figure, alt, **data)
                drawn.append((figure, alt))

        monkeypatch.setattr(plots, "Picture", Spy)
        monkeypatch.setattr(plots, "display", lambda picture: None)
        name = next(name for name in NAMES if name.startswith(notebook))
        namespace = {"plots": plots, "np": np, "plt": plots.plt, **names}
        exec(cells(name)[cell_id].source, namespace)
        ((figure, alt),) = drawn
        return figure, alt

    return run


def widths(container):
    return [bar.get_width() for bar in container]


def texts(axis):
    return [text.get_text() for text in axis.texts]


def test_bits(draw):
    figure, _ = draw("01", "bits-figure")
    sign, exponent, fraction = figure.axes[0].containers
    # IEEE 754 for float32 and float16; bfloat16 is float32 without its last 16 bits.
    assert widths(sign) == [1, 1, 1]
    assert widths(exponent) == [8, 8, 5]
    assert widths(fraction) == [23, 7, 10]
    assert [bar.get_x() for bar in fraction] == [9, 9, 6]


@pytest.mark.parametrize("count", [8, 3])
def test_grid(draw, count):
    pictures = RNG.integers(0, 256, (count, 4, 4, 3)).astype(np.float32)
    labels = np.arange(count) % 2
    batch = tf.constant(pictures), tf.constant(labels)
    loader = SimpleNamespace(take=lambda count: [batch] * count)
    names = ["Owl", "A gull with a rather long name"]
    figure, alt = draw("02", "grid", article_train=loader, class_names=names)
    assert [len(axis.images) for axis in figure.axes] == count * [1] + (8 - count) * [0]
    for axis, picture, label in zip(figure.axes, pictures, labels, strict=False):
        np.testing.assert_array_equal(axis.images[0].get_array(), picture)
        assert axis.get_title().replace("\n", " ") == names[label]
    assert (alt.count("Owl"), alt.count("A gull")) == (count - count // 2, count // 2)


def test_weights_by_groups(draw):
    figure, alt = draw("03", "parameters-by-groups", layers=keras.layers)
    (axis,) = figure.axes
    wanted = [3 * 3 * 128 * 128 // groups for groups in (1, 2, 4, 8, 16, 32, 64, 128)]
    assert [bar.get_height() for bar in axis.containers[0]] == wanted
    assert texts(axis) == [f"{count:,}" for count in wanted]
    assert "'32': 4608" in alt


def test_each_suspect_has_its_table(draw):
    suspects = {letter: RNG.random((12, 12)) < 0.3 for letter in "ABCDEFG"}
    names = {
        "wrong_convolutions": SimpleNamespace(line_up=lambda: (suspects, None)),
        "connections": lambda *_: np.eye(12),
        "probe": lambda suspect, channels: suspect,
    }
    figure, alt = draw("03", "line-up", **names)
    shown = {axis.get_title(): np.asarray(axis.images[0].get_array()) for axis in figure.axes}
    for title, feeds in {"wanted": np.eye(12), **suspects}.items():
        np.testing.assert_array_equal(shown[title], feeds)
    assert f"G: {np.argwhere(suspects['G']).tolist()}" in alt


def test_speed_by_groups(draw):
    names = {
        "tf": SimpleNamespace(random=SimpleNamespace(normal=np.zeros)),
        "GroupedConv2D": lambda *size, groups, padding: SimpleNamespace(
            count_params=lambda: 3 * 3 * 128 // groups * 128
        ),
        "x": np.zeros((8, 16, 16, 128)),
        "program": lambda function, inputs: None,
        "measure": lambda programs, inputs: dict.fromkeys(programs, 2.0),  # milliseconds
    }
    figure, alt = draw("03", "speed-by-groups", **names)
    # By hand: 8 feature maps, 16 x 16 pixels, 3 x 3 x 128 / G x 128 multiply-adds each, in 2 ms.
    standard = 8 * 16 * 16 * 3 * 3 * 128 * 128 / 0.002 / 1e9
    wanted = [1024**3 / 0.002 / 1e9, *(standard / groups for groups in (1, 2, 4, 8, 16, 32))]
    (axis,) = figure.axes
    heights = [bar.get_height() for bar in axis.containers[0]]
    assert heights == pytest.approx(wanted, abs=0.5)
    names = [label.get_text() for label in axis.get_xticklabels()]
    assert names == ["matrices", "128", "64", "32", "16", "8", "4"]
    assert texts(axis) == [f"{height:,}" for height in heights]
    assert "'128': 151" in alt


# Xie et al. (2017), Table 3 and Section 5.1: top-1 error in %.
TABLE_3 = [[23.9, 23.0, 22.6, 22.3, 22.2], [22.0, 21.7, 21.4, 21.3, 21.2]]
SHORTCUTS = [[23.9, 31.2], [22.2, 26.1]]


@pytest.mark.parametrize(
    ("cell_id", "errors"), [("paper-cardinality", TABLE_3), ("without-shortcuts", SHORTCUTS)]
)
def test_errors_of_the_paper(draw, cell_id, errors):
    figure, alt = draw("04", cell_id, pd=pd)
    (axis,) = figure.axes
    assert [list(line.get_ydata()) for line in axis.lines] == errors
    assert sorted(map(float, texts(axis))) == sorted(itertools.chain(*errors))
    for first, *_, last in errors:
        assert f"{first} to {last} %" in alt


def test_what_computation_buys(draw):
    figure, alt = draw("04", "paper-double", pd=pd)
    # Table 3: ResNet-101 has 22.0 % error, 32 paths for its price 21.2; Table 4: twice its price.
    gains = [round(22.0 - error, 1) for error in (21.2, 21.7, 21.3, 20.7, 20.4)]
    (bars,) = figure.axes[0].containers
    assert widths(bars)[::-1] == gains
    assert [bar.get_hatch() for bar in bars] == [None] * 4 + ["//"]
    assert [float(number) for number in re.findall(r"\d\.\d", alt)] == gains


def test_the_middle_of_what_each_way_reads(draw):
    read = {}
    for name, (first, size) in {"1×1": (2, 1), "same": (2, 3), "ours": (1, 3)}.items():
        read[name] = np.zeros((8, 8), bool)
        read[name][first : first + size, first : first + size] = True
    centres = {"1×1": np.array([2, 1]), "same": np.array([3, 4]), "ours": np.array([2, 2])}
    figure, alt = draw("04", "draw-one-pixel", read=read, centres=centres)
    for axis, where, (row, column) in zip(
        figure.axes, read.values(), centres.values(), strict=True
    ):
        np.testing.assert_array_equal(axis.images[0].get_array(), where)
        assert axis.lines[0].get_xydata().tolist() == [[column, row]]
    assert "1×1: [2, 1]; same: [3, 4]; ours: [2, 2]" in alt


def test_shares_of_the_stages(draw):
    columns = {"parameters": [1, 2, 3, 20, 70, 4], "macs": [20, 100, 200, 480, 200, 0]}
    parts = ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "dense"]
    figure, _ = draw("05", "plot-by-stage", by_part=pd.DataFrame(columns, parts))
    for axis, numbers in zip(figure.axes, columns.values(), strict=True):
        shares = [100 * number / sum(numbers) for number in numbers]
        assert widths(axis.containers[0]) == pytest.approx(shares)
        assert texts(axis) == [f"{share:.0f}%" if share >= 1 else "<1%" for share in shares]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == parts


def test_learning_rate(draw):
    names = {
        "birds": SimpleNamespace(train=[None] * 5),
        "config": SimpleNamespace(epochs=8, learning_rate=0.01),
        "keras": keras,
    }
    exec(cells("05_train_resnext50")["learning-rate-schedule"].source, names)
    figure, _ = draw("05", "plot-schedule", **names)
    line, dotted = figure.axes[0].lines
    schedule = train.warm_up_and_cosine(0.01, 40)  # the command's, which the notebook writes out
    assert list(line.get_ydata()) == pytest.approx([float(schedule(i)) for i in range(41)])
    assert (line.get_xdata()[0], line.get_xdata()[-1]) == (0, 8)
    assert max(line.get_ydata()) == line.get_ydata()[4]
    assert set(dotted.get_xdata()) == {4 / 5}  # "warm-up ends"


def test_curves(draw, tmp_path):
    columns = ("loss", "val_loss", "accuracy", "val_accuracy")
    for epochs in (3, 1):
        history = pd.DataFrame(RNG.random((epochs, 4)), columns=columns)
        history.index = pd.RangeIndex(1, epochs + 1, name="epoch")
        history.to_csv(tmp_path / "history.csv")
        figure, alt = draw("06", "draw-curves", run=SimpleNamespace(folder=tmp_path), pd=pd)
        lines = [line for axis in figure.axes for line in axis.lines]
        for line, column in zip(lines, columns, strict=True):
            assert list(line.get_xdata()) == list(history.index)
            assert list(line.get_ydata()) == pytest.approx(list(history[column]))
            assert (line.get_label() == "validation") == column.startswith("val_")
        assert len({line.get_linestyle() for line in lines}) == 2
        assert f"to {history['val_accuracy'].iloc[-1]:.0%}" in alt


def test_pairs(draw):
    networks = pd.DataFrame(comparison.by_network(comparison.load()))
    figure, alt = draw("06", "fair-figure", networks=networks)
    (axis,) = figure.axes
    resnet, resnext = axis.lines
    # The last epochs' accuracies of accuracy.json, in photographs of 108.
    assert list(resnet.get_xdata()) == [100, 104, 101, 101, 102]
    assert list(resnext.get_xdata()) == [103, 97, 101, 101, 101]
    for line in (resnet, resnext):
        assert list(line.get_ydata()) == [1, 2, 3, 4, 5]
    ends = [segment[:, 0].tolist() for segment in axis.collections[0].get_segments()]
    assert ends == [[100, 103], [97, 104], [101, 101], [101, 101], [101, 102]]
    assert alt.endswith("by seed: +3, -7, +0, +0, -1.")


def test_grad_cam_of_each_stage(draw):
    maps = {"layer1_0_out": np.eye(4), "layer2_0_out": np.array([[0.0, 0.0], [0.0, 3.0]])}
    pixels = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    names = {
        "hard_pixels": pixels,
        "hard_image": pixels[None],
        "k": 1,
        "model": None,
        "confusion": confusion,
        "run": SimpleNamespace(class_names=["owl", "gull"]),
        "grad_cam": SimpleNamespace(
            draw_over=grad_cam.draw_over,
            color_scale=grad_cam.color_scale,
            stages=lambda model: {layer[:6]: layer for layer in maps},
            heat_map=lambda model, image, k, layer: maps[layer] if k == 1 else None,
        ),
    }
    figure, alt = draw("06", "grad-cam-stages", **names)
    assert "gull" in alt
    photo, *stages = [axis for axis in figure.axes if axis.images]
    np.testing.assert_array_equal(photo.images[0].get_array(), pixels)
    titles = [axis.get_title() for axis in stages]
    assert titles == ["layer1\n4 × 4 cells", "layer2\n2 × 2 cells"]
    hottest = [np.argwhere(axis.images[1].get_array() == 1)[-1].tolist() for axis in stages]
    assert hottest == [[7, 7], [7, 7]]
    assert figure.axes[-1].get_ylabel() == "% of the hottest cell"


def test_no_figure_of_a_cell_is_left_out():
    """Each cell that draws with Matplotlib itself has its test above; helpers have theirs."""
    tested = set(re.findall(r'draw\(\s*"0\d", "([\w-]+)"', Path(__file__).read_text("utf-8")))
    tested |= {"paper-cardinality", "without-shortcuts"}  # a parametrized test
    drawing = {
        cell_id
        for name in NAMES
        for cell_id, cell in cells(name).items()
        if "subplots(" in cell.source
    }
    assert drawing <= tested
