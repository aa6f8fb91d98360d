"""Cells whose outputs nbval ignores say what is true of made-up data, worked out by hand.

Such an output differs in each run, so nothing else would notice two arguments that changed places.
"""

import ast
import contextlib
import io
import os
import statistics
import subprocess
from types import SimpleNamespace

import figure_guard
import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from resnext_course import calibration
from resnext_course.figures import confusion
from resnext_course.publishing.notebook_runner import FOLDER
from resnext_helpers import plots, training

# Three classes of 4, 2 and 4 photographs, and what a network says of each, and how sure it is.
LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 1])
CONFIDENCES = np.array([0.9, 0.9, 0.5, 0.8, 0.9, 0.6, 0.9, 0.5, 0.9, 0.7])


def answers(labels, predicted, confidences, class_names):
    """What the cells of notebook 06 need to know of a network that gives these answers."""
    shown, count, classes = [], len(labels), len(class_names)
    probabilities = np.repeat((1 - confidences)[:, None] / (classes - 1), classes, axis=1)
    probabilities[np.arange(count), predicted] = confidences
    return {
        "shown": shown,
        "np": np,
        "pd": pd,
        "calibration": calibration,
        "confusion": confusion,
        "plots": plots,
        "photos": SimpleNamespace(read=lambda path, size: np.full((4, 4, 3), path, np.uint8)),
        "predictions": SimpleNamespace(compare=lambda *told, within=None: shown.append(told)),
        "my_baseline": None,
        "my_width": None,
        "labels": labels,
        "counts": np.bincount(labels, minlength=classes),
        "predicted": predicted,
        "probabilities": probabilities,
        "confidences": confidences,
        "logits": np.log(probabilities.clip(1e-9)),
        "run": SimpleNamespace(
            class_names=class_names,
            validation=[SimpleNamespace(path=number) for number in range(count)],
        ),
    }


@pytest.fixture
def names():
    found = answers(LABELS, PREDICTED, CONFIDENCES, ["owl", "gull", "wren"])
    columns = {"val_accuracy": [0.5, 0.7, 0.6, 0.7, 0.6], "val_loss": [0.9, 0.8, 0.6, 0.7, 0.8]}
    history = pd.DataFrame(columns, index=[1, 2, 3, 4, 5])
    return found | {"history": history, "last": history.iloc[-1]}


def run(number, names, *ids):
    """Run cells of a notebook with these names defined.

    Returns:
        The lines that they print, and the value of the last line of the last cell.
    """
    (path,) = FOLDER.glob(f"{number}_*.ipynb")
    sources = {cell.id: cell.source for cell in nbformat.read(path, 4).cells}
    value = None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for cell_id in ids:
            *lines, last = ast.parse(sources[cell_id]).body
            is_value = isinstance(last, ast.Expr)
            exec(compile(ast.Module(lines if is_value else [*lines, last], []), "", "exec"), names)
            value = eval(compile(ast.Expression(last.value), "", "eval"), names) if is_value else 0
    return printed.getvalue().splitlines(), value


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
    lines, _ = run("01", names, "measure", "speed")
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
    lines, _ = run("01", {"os": os}, "ask-the-log")
    assert lines == ["CUDA_VISIBLE_DEVICES: -1", "No cuda here", "My GPU"]


def test_the_headline_tells_the_chosen_accuracy_from_the_honest_one(names):
    ids = ("baseline", "headline", "wilson", "interval")
    _, table = run("06", names, *ids)
    assert table.index.tolist() == ["best epoch, 4 (saved)", "last epoch, 5", "simplest rule"]
    assert table["accuracy in %"].tolist() == [70, 60, 40]
    assert table["photographs right"].tolist() == [7, 6, 4]
    assert table.loc["simplest rule", ["from %", "to %"]].tolist() == ["", ""]
    for right, row in zip((7, 6), table[:2].itertuples(), strict=True):
        wanted = binomtest(right, 10).proportion_ci(method="wilson")
        assert row[3:] == pytest.approx(100 * np.array(wanted), abs=0.06)
    baseline, width = names["shown"]
    assert baseline[2] == 40 and width[2] == 17
    low, high = binomtest(45, 50).proportion_ci(method="wilson")
    assert 100 * (high - low) == pytest.approx(17, abs=0.02)


def test_rows_of_the_confusion_matrix_are_true_classes(names, unrendered):
    _, picture = run("06", names, "confusion-matrix")
    np.testing.assert_array_equal(picture.data["matrix"], [[3, 1, 0], [0, 1, 1], [0, 1, 3]])


def test_the_report_tells_precision_from_recall(names):
    _, table = run("06", names, "report")
    assert table.loc["owl"].tolist() == [1.0, 0.75, 0.86, 4]
    assert table.loc["gull"].tolist() == [0.33, 0.5, 0.4, 2]
    assert table.index[3:].tolist() == ["macro avg", "weighted avg"]


def test_the_most_confident_mistakes_come_first_then_the_least_sure_right_answers(names):
    names["right"] = LABELS == PREDICTED
    printed, picture = run("06", names, "show-mistakes")
    assert printed == ["Mistakes: 3 of 10"]
    assert names["hardest"].tolist()[:5] == [3, 9, 5, 2, 7]
    assert picture.data["titles"][0] == "owl\ncalled gull, 80%"
    assert picture.data["titles"][3] == "owl\nright, 50%"
    assert picture.alt.startswith("owl called gull, 80%; wren called gull, 70%")


@pytest.mark.parametrize(("said", "word"), [(0.7, "underconfident"), (0.99, "overconfident")])
def test_the_temperature_says_whether_a_network_is_too_sure(names, said, word):
    confidences = np.full(10, said)
    ten = answers(np.zeros(10, int), np.arange(10) // 9, confidences, ["owl", "gull"])
    names |= ten | {"right": np.arange(10) < 9}
    printed, _ = run("06", names, "temperature")
    assert word in printed[0]
    # 9 of 10 are right: a calibrated network says 90%.
    surer = np.log(said / (1 - said)) / names["temperature"]
    assert 1 / (1 + np.exp(-surer)) == pytest.approx(0.9, abs=0.01)


CELLS = (
    *("baseline", "headline", "wilson", "interval", "confusion-matrix", "report"),
    *("show-mistakes", "explore-mistakes", "calibration-by-bin", "calibration-bins"),
    *("reliability-diagram",),
    *("calibrated-network", "calibration-luck", "temperature"),
)


@pytest.mark.parametrize("classes", [2, 24])
@pytest.mark.parametrize("mistakes", [0, 7])
def test_the_cells_hold_for_any_number_of_classes_and_of_mistakes(
    names, style, figures, classes, mistakes
):
    labels = np.arange(48) % classes
    predicted = np.where(np.arange(48) < mistakes, (labels + 1) % classes, labels)
    confidences = np.linspace(0.55, 1, 48).astype("float32")
    class_names = [f"Abcdefghij Klmnopqr{letter}" for letter in "abcdefghijklmnopqrstuvwx"]
    names |= answers(labels, predicted, confidences, class_names[:classes])
    names["my_ece"] = None
    shown = {cell: run("06", names, cell)[1] for cell in CELLS}
    assert shown["report"].shape == (classes + 2, 4)
    # The surest mistake is the seventh photograph, with 0.55 + 6 · 0.45 / 47 = 61%.
    assert shown["explore-mistakes"].controls["threshold"].value == (60 if mistakes else 80)
    for figure in figures:
        assert figure_guard.problems(figure) + figure_guard.crowded(figure) == []


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
    (best, accuracy, guess), _ = run("05", names, "best-epoch")
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
