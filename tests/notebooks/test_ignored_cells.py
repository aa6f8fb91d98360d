"""Cells whose outputs nbval ignores say what is true of made-up data, worked out by hand.

Such an output differs in each run, so nothing else would notice two arguments that changed places.
"""

import contextlib
import io
import os
import statistics
import subprocess
from types import SimpleNamespace

import nbformat
import numpy as np
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
        "predictions": SimpleNamespace(compare=lambda *told, within=None: shown.append(told)),
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


def test_with_two_gpus_the_first_is_chosen_and_its_memory_grows():
    calls = []
    config = SimpleNamespace(
        experimental=SimpleNamespace(set_memory_growth=lambda *told: calls.append(told)),
        set_visible_devices=lambda *told: calls.append(told),
        get_visible_devices=lambda: [],
    )
    names = {"tf": SimpleNamespace(config=config), "gpus": ["GPU:0", "GPU:1"]}
    run("01", names, "article-gpu")
    assert calls == [("GPU:0", True), (["GPU:0"], "GPU")]


def test_a_gpu_is_timed_beside_the_cpu_and_without_the_warm_up(names):
    milliseconds = {"CPU:0": 20.0, "GPU:0": 0.5}
    names |= {
        "gpus": ["GPU:0"],
        "run_times": lambda device: [900.0, 500.0, 90.0] + 17 * [milliseconds[device]],
        "statistics": statistics,
        "my_milliseconds": 7,
    }
    lines = run("01", names, "measure")
    assert names["shown"] == [("milliseconds of a run on the CPU", 7, 20.0, "ms")]
    # 8·56·56·128·3·3·128 = 3,699,376,128 in 0.02 s, and in 0.0005 s.
    assert lines == [
        "CPU: 185 billion multiply-adds a second",
        "GPU: 7,399 billion multiply-adds a second",
    ]


def test_of_tensorflows_log_each_line_on_gpus_is_shown_once(monkeypatch):
    log = "I0 x.cc:1] Custom operations\n" + 2 * "I0 y.cc:2] No cuda here\n" + "E0 z.cc:3] My GPU\n"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stderr=log))
    lines = run("01", {"os": os}, "ask-the-log")
    assert lines == ["CUDA_VISIBLE_DEVICES: -1", "No cuda here", "My GPU"]


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
        "history": rows,
        "config": SimpleNamespace(epochs=3),
        "birds": SimpleNamespace(class_names=["owl", "gull"]),
    }
    best, accuracy, guess = run("05", names, "best-epoch")
    assert "2 of 3" in best
    assert "75.0%" in accuracy and "0.60" in accuracy
    assert "50%" in guess
