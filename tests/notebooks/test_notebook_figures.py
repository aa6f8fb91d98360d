"""Figures that a notebook's own cell draws hold the data that the text speaks of.

A comparison of outputs can't see this: it would pass a blank plot. So each such cell runs here on
known numbers, and the drawn lines, bars and pictures are read back from the figure.
"""

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import nbformat
import numpy as np
import pytest

from resnext_course.figures import grad_cam
from resnext_course.publishing.notebook_runner import NAMES
from resnext_helpers import counting, plots, training
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


def test_runs_of_a_convolution(draw):
    times = {"CPU": [50.0, 40.0, *(18 * [20.0])], "GPU": [9.0, *(19 * [0.5])]}
    typical = {"CPU": 20.0, "GPU": 0.5}
    figure, alt = draw("01", "measure-figure", times=times, typical=typical)
    (axis,) = figure.axes
    runs, medians = axis.lines[::2], axis.lines[1::2]
    for line, median, name in zip(runs, medians, times, strict=True):
        assert list(line.get_xdata()) == list(range(1, 21))
        assert list(line.get_ydata()) == times[name]
        assert set(median.get_ydata()) == {typical[name]}
    (warm_up,) = axis.patches
    assert (warm_up.get_x(), warm_up.get_width()) == (0.5, 3)  # runs 1, 2 and 3
    assert axis.get_xlabel() and axis.get_ylabel().startswith("milliseconds")
    assert "CPU 20 ms, GPU 0.5 ms" in alt


def test_bits(draw):
    figure, _ = draw("01", "bits-figure")
    sign, exponent, fraction = figure.axes[0].containers
    # IEEE 754 for float32 and float16; bfloat16 is float32 without its last 16 bits.
    assert widths(sign) == [1, 1, 1]
    assert widths(exponent) == [8, 8, 5]
    assert widths(fraction) == [23, 7, 10]
    assert [bar.get_x() for bar in fraction] == [9, 9, 6]


def test_grid(draw):
    pictures = {f"{i}.jpg": RNG.integers(0, 256, (224, 224, 3), dtype=np.uint8) for i in range(10)}
    report = SimpleNamespace(
        class_names=["owl", "gull"],
        photos=[SimpleNamespace(path=path, label=i % 2) for i, path in enumerate(pictures)],
    )
    photos = SimpleNamespace(read=lambda path, size: pictures[path])
    chosen = report.photos[1:9]
    figure, alt = draw("02", "grid", report=report, photos=photos, chosen=chosen)
    assert len(figure.axes) == 8
    for axis in figure.axes:
        shown = axis.images[0].get_array()
        (i,) = [i for i, one in enumerate(pictures.values()) if np.array_equal(one, shown)]
        assert axis.get_title() == report.class_names[i % 2]
    assert alt.count("owl") + alt.count("gull") == 8


def test_histograms(draw):
    pixels = RNG.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    scaled = (pixels / 255 - 0.45) / 0.25
    figure, alt = draw("02", "histograms", pixels=pixels, scaled=scaled)
    for axis, values in zip(figure.axes, (pixels, scaled), strict=True):
        bars = axis.patches
        assert sum(bar.get_height() for bar in bars) == pytest.approx(100)
        assert bars[0].get_x() == pytest.approx(values.min())
        assert bars[-1].get_x() + bars[-1].get_width() == pytest.approx(values.max())
        assert axis.lines[0].get_xdata()[0] == pytest.approx(values.mean())
        assert f"mean {values.mean():.1f}, spread {values.std():.1f}" in axis.get_title()
    assert f"spread {scaled.std():.1f}" in alt


def test_speed_by_groups(draw):
    names = {
        "tf": SimpleNamespace(random=SimpleNamespace(normal=np.zeros)),
        "layers": SimpleNamespace(GroupedConv2D=lambda groups: groups),
        "counting": counting,
        "size": {},
        "x": np.zeros((8, 16, 16, 128)),
        "program": lambda function: lambda x: None,
        "measure": lambda programs, repeats: dict.fromkeys(programs, 2.0),  # milliseconds
    }
    figure, alt = draw("03", "speed-by-groups", **names)
    # By hand: 8 feature maps, 16 x 16 pixels, 3 x 3 x 128 / G x 128 multiply-adds each, in 2 ms.
    standard = 8 * 16 * 16 * 3 * 3 * 128 * 128 / 0.002 / 1e9
    wanted = [1024**3 / 0.002 / 1e9, *(standard / groups for groups in (1, 2, 4, 8, 16, 32))]
    (axis,) = figure.axes
    heights = [bar.get_height() for bar in axis.containers[0]]
    assert heights == pytest.approx(wanted, abs=0.05)
    names = [label.get_text() for label in axis.get_xticklabels()]
    assert names == ["matrices", "128", "64", "32", "16", "8", "4"]
    assert texts(axis) == [f"{height:,}" for height in heights]
    assert "'128': 151.0" in alt


# Xie et al. (2017), Table 3 and Section 5.1: top-1 error in %.
TABLE_3 = [[23.9, 23.0, 22.6, 22.3, 22.2], [22.0, 21.7, 21.4, 21.3, 21.2]]
SHORTCUTS = [[23.9, 31.2], [22.2, 26.1]]


@pytest.mark.parametrize(
    ("cell_id", "errors"), [("paper-cardinality", TABLE_3), ("without-shortcuts", SHORTCUTS)]
)
def test_errors_of_the_paper(draw, cell_id, errors):
    figure, alt = draw("04", cell_id)
    (axis,) = figure.axes
    assert [list(line.get_ydata()) for line in axis.lines] == errors
    assert sorted(map(float, texts(axis))) == sorted(itertools.chain(*errors))
    for first, *_, last in errors:
        assert f"{first} to {last} %" in alt


def test_twice_the_computation(draw):
    figure, alt = draw("04", "paper-double")
    # Table 4: ResNet-101 has 22.0 % error; twice its computation gives these.
    gains = [round(22.0 - error, 1) for error in (21.7, 21.3, 20.7, 20.4)]
    assert widths(figure.axes[0].containers[0]) == gains
    assert [float(number) for number in re.findall(r"\d\.\d", alt)] == gains


def test_shares_of_the_stages(draw):
    by_part = {
        "stem": (1, 20),
        "stack 1": (2, 100),
        "stack 2": (3, 200),
        "stack 3": (20, 480),
        "stack 4": (70, 200),
        "dense": (4, 0),
    }
    figure, _ = draw("05", "plot-by-stage", by_part=by_part, parameters=100, macs=1000)
    for axis, column, total in zip(figure.axes, (0, 1), (100, 1000), strict=True):
        shares = [numbers[column] / total for numbers in by_part.values()]
        assert widths(axis.containers[0]) == pytest.approx(shares)
        assert texts(axis) == [f"{share:.0%}" for share in shares]


def test_learning_rate(draw):
    names = {
        "birds": SimpleNamespace(train=[None] * 5),
        "config": SimpleNamespace(epochs=8, learning_rate=0.01),
        "training": training,
    }
    figure, _ = draw("05", "learning-rate-schedule", **names)
    (line,) = figure.axes[0].lines
    schedule = training.warm_up_and_cosine(0.01, 40)
    assert list(line.get_ydata()) == pytest.approx([float(schedule(i)) for i in range(41)])
    assert (line.get_xdata()[0], line.get_xdata()[-1]) == (0, 8)


def test_curves(draw):
    columns = ("loss", "val_loss", "accuracy", "val_accuracy")
    history = [{"epoch": i, **dict(zip(columns, RNG.random(4), strict=True))} for i in (1, 2, 3)]
    figure, alt = draw("06", "draw-curves", run=SimpleNamespace(history=history))
    lines = [line for axis in figure.axes for line in axis.lines]
    for line, column in zip(lines, columns, strict=True):
        assert list(line.get_xdata()) == [1, 2, 3]
        assert list(line.get_ydata()) == [row[column] for row in history]
    assert f"to {history[-1]['val_accuracy']:.0%}" in alt


def test_hardest(draw):
    labels = np.array([0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    pictures = {str(i): np.full((4, 4, 3), 80 * i, np.uint8) for i in range(3)}
    run = SimpleNamespace(
        class_names=["owl", "gull"], validation=[SimpleNamespace(path=path) for path in pictures]
    )
    photos = SimpleNamespace(read=lambda path, size: pictures[path])
    names = {"labels": labels, "probabilities": probabilities, "run": run, "photos": photos}
    figure, _ = draw("06", "show-hardest", **names)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["gull:\n40%", "gull:\n70%", "owl:\n90%"]
    assert [axis.images[0].get_array().max() for axis in figure.axes] == [80, 160, 0]


def test_grad_cam_of_each_stage(draw):
    maps = {"layer1_0_out": np.eye(4), "layer2_0_out": np.array([[0.0, 0.0], [0.0, 3.0]])}
    pixels = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    names = {
        "pixels": pixels,
        "image": pixels[None],
        "k": 1,
        "run": SimpleNamespace(model=None, class_names=["owl", "gull"]),
        "evaluation": SimpleNamespace(
            stages=lambda model: {layer[:6]: layer for layer in maps},
            heat_map=lambda model, image, k, layer: maps[layer] if k == 1 else None,
        ),
        "grad_cam": grad_cam,
    }
    figure, alt = draw("06", "grad-cam-stages", **names)
    assert "gull" in alt
    photo, *stages = [axis for axis in figure.axes if axis.images]
    np.testing.assert_array_equal(photo.images[0].get_array(), pixels)
    titles = [axis.get_title() for axis in stages]
    assert titles == ["layer1\n4 × 4 cells", "layer2\n2 × 2 cells"]
    hottest = [np.argwhere(axis.images[1].get_array() == 1)[-1].tolist() for axis in stages]
    assert hottest == [[7, 7], [7, 7]]


def test_own_photo(draw):
    picture = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    answer = {"gull": 0.75, "owl": 0.25}
    names = {
        "my_photo": "gull.jpg",
        "run": None,
        "evaluation": SimpleNamespace(predict_photo=lambda run, path: (picture, answer)),
    }
    figure, alt = draw("06", "predict-own-photo", **names)
    photo, bars = figure.axes
    np.testing.assert_array_equal(photo.images[0].get_array(), picture)
    assert widths(bars.containers[0]) == [0.75, 0.25]
    assert texts(bars) == ["75.0%", "25.0%"]
    assert "gull 75.0%, owl 25.0%" in alt


def test_no_figure_of_a_cell_is_left_out():
    """Each cell that draws with Matplotlib itself has its test above; helpers have theirs."""
    tested = set(re.findall(r'draw\(\s*"0\d", "([\w-]+)"', Path(__file__).read_text("utf-8")))
    tested |= {"paper-cardinality", "without-shortcuts"}  # a parametrized test
    text_in_a_picture = {"chinese-trap"}  # no data: what it shows is compared as a number
    drawing = {
        cell_id
        for name in NAMES
        for cell_id, cell in cells(name).items()
        if "subplots(" in cell.source
    }
    assert drawing - text_in_a_picture <= tested
