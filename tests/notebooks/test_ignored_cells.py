"""Cells whose outputs nbval ignores say what is true of made-up data, worked out by hand.

Such an output differs in each run, so nothing else would notice two arguments that changed places.
"""

import contextlib
import io
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from resnext_course import calibration
from resnext_course.publishing.notebook_runner import FOLDER
from resnext_helpers import evaluation, training

# Three classes of 4, 2 and 4 photographs, and what a network says of each, and how sure it is.
LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 1])
CONFIDENCES = np.array([0.9, 0.9, 0.5, 0.8, 0.9, 0.6, 0.9, 0.5, 0.9, 0.7])


@pytest.fixture
def names():
    probabilities = np.repeat((1 - CONFIDENCES)[:, None] / 2, 3, axis=1)
    probabilities[np.arange(10), PREDICTED] = CONFIDENCES
    shown = []
    return {
        "shown": shown,
        "np": np,
        "evaluation": evaluation,
        "calibration": calibration,
        "display": shown.append,
        "confusion": SimpleNamespace(picture=lambda matrix, names: shown.append(matrix)),
        "plots": SimpleNamespace(photo_grid=lambda pictures, titles, alt: (pictures, titles)),
        "photos": SimpleNamespace(read=lambda path, size: path),
        "predictions": SimpleNamespace(compare=lambda *told: shown.append(told)),
        "my_width": None,
        "labels": LABELS,
        "predicted": PREDICTED,
        "probabilities": probabilities,
        "confidences": CONFIDENCES,
        "run": SimpleNamespace(
            class_names=["owl", "gull", "wren"],
            validation=[SimpleNamespace(path=number) for number in range(10)],
        ),
    }


def run(number, names, *ids):
    """Run cells of a notebook with these names defined; returns the lines that they print."""
    (path,) = FOLDER.glob(f"{number}_*.ipynb")
    sources = {cell.id: cell.source for cell in nbformat.read(path, 4).cells}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for cell_id in ids:
            exec(sources[cell_id], names)
    return printed.getvalue().splitlines()


def test_accuracy_and_its_interval(names):
    accuracy, interval = run("06", names, "compute-accuracy", "wilson", "interval")
    assert "70.0%, that is 7 of 10" in accuracy
    low, high = binomtest(7, 10).proportion_ci(method="wilson")
    assert f"{low:.1%} to {high:.1%}" in interval
    low, high = binomtest(45, 50).proportion_ci(method="wilson")
    assert names["shown"][0][2] == pytest.approx(100 * (high - low), abs=0.01)


def test_rows_of_the_confusion_matrix_are_true_classes(names):
    run("06", names, "confusion-matrix", "check-confusion")
    np.testing.assert_array_equal(names["shown"][0], [[3, 1, 0], [0, 1, 1], [0, 1, 3]])


def test_the_report_tells_precision_from_recall(names):
    lines = run("06", names, "confusion-matrix", "report", "report-by-hand")
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert rows["owl"] == ["1.00", "0.75", "0.86", "4"]
    assert rows["gull"] == ["0.33", "0.50", "0.40", "2"]
    np.testing.assert_allclose(names["precision"], [1, 1 / 3, 3 / 4])
    np.testing.assert_allclose(names["recall"], [3 / 4, 1 / 2, 3 / 4])


def test_the_most_confident_mistakes_come_first(names):
    run("06", names, "show-mistakes")
    ((pictures, titles),) = names["shown"]
    assert pictures == [3, 9, 5]
    assert titles[0] == "owl,\ncalled gull\nwith 80%"


def test_the_calibration_error(names):
    *bins, error = run("06", names, "calibration-bins", "show-bins")[1:]
    assert bins[0].endswith("photographs  2, mean confidence 50%, right 100%")
    # Bins to 0.5, 0.6, 0.7, 0.8, 0.9: (2·0.5 + 1·0.6 + 1·0.7 + 1·0.8 + 5·0.1) / 10
    assert error.endswith("36.0%")


def test_the_best_epoch(names):
    rows = [
        {"epoch": 1, "val_accuracy": 0.5, "val_loss": 0.9},
        {"epoch": 2, "val_accuracy": 0.75, "val_loss": 0.6},
        {"epoch": 3, "val_accuracy": 0.75, "val_loss": 0.7},
    ]
    names |= {
        "training": training,
        "run": SimpleNamespace(rows=rows),
        "config": SimpleNamespace(epochs=3),
        "birds": SimpleNamespace(class_names=["owl", "gull"]),
    }
    best, accuracy, guess = run("05", names, "best-epoch")
    assert "2 of 3" in best
    assert "75.0%" in accuracy and "0.60" in accuracy
    assert "50%" in guess


def test_the_races_say_who_is_faster(names):
    times = {"standard": 6, "Keras, groups=32": 12, "GroupedConv2D": 2, "loop": 3, "x + 1": 1}
    keras_layer = SimpleNamespace(build=lambda shape: None)
    names |= {
        "pd": pd,
        "layers": SimpleNamespace(Conv2D=lambda *size, **settings: keras_layer),
        "layer_32": None,
        "ours": None,
        "x": np.zeros((8, 16, 16, 128)),
        "tf": SimpleNamespace(random=SimpleNamespace(normal=np.zeros)),
        "program": lambda function, inputs: None,
        "measure": lambda programs, inputs, repeats=0: pd.Series(
            {name: times.get(name, 0.5) * len(inputs) / 8 for name in programs}
        ),
        "my_speed": None,
        "my_step": None,
        "steps": dict.fromkeys(list(times)[:3]),
        "predictions": SimpleNamespace(compare=lambda *told, within: names["shown"].append(told)),
    }
    run("03", names, "measure-forward", "measure-training", "measure-travel")
    assert [told[2] for told in names["shown"]] == [3, 2]  # times as fast; times as long
    of_8, of_64 = (names["travel"][f"{count} feature maps, ms"] for count in (8, 64))
    assert of_8["standard / 32"] == 6 / 32 and of_64["standard / 32"] == 48 / 32
    assert (of_8["one number"], of_64["x + 1"]) == (0.5, 8)
