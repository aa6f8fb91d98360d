"""The speed benchmark times what it says, and RESULTS.md says what it measured."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from resnext_helpers import counting, models

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import contenders  # noqa: E402
import report  # noqa: E402
import speed  # noqa: E402


@pytest.fixture(scope="module")
def course():
    return contenders.Course(32, 2)


def test_the_course_contender_is_the_courses_network(course):
    assert course.model.name == "resnext50_32x4d"
    assert course.model.optimizer.built  # as training.train leaves it before the first step
    assert not course.model.jit_compile


def test_keras_own_layers_compute_the_same_function(course):
    model = contenders.KerasGroups(32, 2).model
    model.set_weights(course.model.get_weights())
    wanted = course.model(course.images)
    np.testing.assert_allclose(model(course.images), wanted, atol=1e-4)
    own = {type(layer).__module__ for layer in model.layers if layer.weights}
    assert all(module.startswith("keras.") for module in own)


def test_the_articles_loop_has_as_many_parameters_and_reads_only_the_last_group(course):
    model = contenders.ArticleLoop(32, 2).model
    assert counting.trainable_parameters(model) == counting.trainable_parameters(course.model)
    layer = model.get_layer("layer1_0_conv2")
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 128)).astype("float32")
    others = x.copy()
    others[..., :124] += 1
    np.testing.assert_array_equal(layer(x), layer(others))


def test_a_contender_answers_with_a_number_a_line():
    words = ["train", "predict", "matmul", "memory"]
    done = subprocess.run(
        [sys.executable, FOLDER / "contenders.py", "course", "32", "1"],
        input="".join(f"{word}\n" for word in words),
        capture_output=True,
        text=True,
        check=True,
    )
    numbers = [float(line) for line in done.stdout.splitlines()]
    assert len(numbers) == 1 + len(words)
    assert all(number > 0 and math.isfinite(number) for number in numbers)
    assert numbers[-1] > 3e8  # bytes: TensorFlow alone takes more


def test_slow_contenders_have_fewer_turns(monkeypatch):
    class Clock:
        def __init__(self, seconds):
            self.seconds, self.asked = seconds, 0

        def ask(self, word):
            assert word == "train"
            self.asked += 1
            return self.seconds

    workers = {"quick": Clock(0.1), "slow": Clock(10), "slowest": Clock(1000)}
    times = speed.take_turns(workers, "train")
    assert {name: len(seconds) for name, seconds in times.items()} == {
        "quick": speed.REPEATS,
        "slow": 4,
        "slowest": 1,
    }
    # All but the slowest go once more, to warm up.
    assert {name: worker.asked for name, worker in workers.items()} == {
        "quick": speed.REPEATS + 1,
        "slow": 5,
        "slowest": 1,
    }


def measured(train, predict):
    return {"first_step": 4, "train": train, "predict": predict, "matmul": 0.1, "memory": 2e9}


def made_up():
    peers = {
        "torchvision, channels last": (4, 1),
        "torchvision, channels first": (5, 2),
        "Keras Conv2D(groups=32)": (80, 8),
    }
    return {
        "machine": {"date": "2026-01-02", "cpu": "a CPU", "cores": 2, "system": "x", "python": "3"},
        "heats": [
            {"size": 224, "batch": 8, "peer": peer, peer: measured(*times)}
            | {"course": measured(2, 0.5)}
            for peer, times in peers.items()
        ],
        "pipeline": {"64": {"first": 100, "later": 200}},
        "matmul_size": 1000,
    }


def test_the_report_compares_with_torchvisions_best_and_with_keras():
    text = report.summary(made_up())
    assert "training step, against torchvision's best layout | 0.50× its time" in text
    assert "prediction, against torchvision's best layout | 0.50× its time" in text
    assert "`Conv2D(groups=32)` | 1/40 of its time" in text


def test_the_limit_is_the_operations_over_the_matrix_products_rate():
    macs = counting.macs(models.ResNeXt50())
    assert report.gflop(224, 8) == pytest.approx(2 * 3 * 8 * macs / 1e9)
    assert report.gflops_a_second(made_up()) == pytest.approx(2 * 1000**3 / 0.1 / 1e9)
    share = report.share_of_limit(made_up())
    assert share == pytest.approx(report.gflop(224, 8) / 20 / 2)


def test_results_are_what_was_measured(tmp_path):
    results = json.loads((FOLDER / "speed.json").read_text(encoding="utf-8"))
    assert {(heat["size"], heat["batch"], heat["peer"]) for heat in results["heats"]} == {
        (size, batch, peer) for size, batch in speed.SETTINGS for peer in speed.PEERS
    }
    report.write(results, tmp_path)
    written = (FOLDER / "RESULTS.md").read_text(encoding="utf-8")
    assert written == (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert (FOLDER / "speed.png").exists()


def test_what_the_readme_says_of_the_speed_is_in_the_results():
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    written = (FOLDER / "RESULTS.md").read_text(encoding="utf-8")
    training, _, keras = re.findall(r"\| ([\d.×/]+) (?:its|of its) time \|", written)
    assert f"took {training} the time of torchvision's" in " ".join(readme.split())
    assert f"{keras} of that with Keras' own layer" in " ".join(readme.split())
    (words,) = re.findall(r"!\[(Bars: .*)\]\(speed.png\)", written)
    assert f"![{words}](benchmarks/speed.png)" in readme


def test_the_speeds_in_notebook_01_are_the_measured_ones():
    notebook = nbformat.read(FOLDER.parent / "notebooks" / "01_gpu_setup.ipynb", 4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "minutes"]
    names = {}
    exec(cell.source, names)
    results = json.loads((FOLDER / "speed.json").read_text(encoding="utf-8"))

    def photographs_a_second(size, peer, who):
        heats = [heat for heat in results["heats"] if report.setting(heat) == (size, 8)]
        (seconds,) = [heat[who]["train"] for heat in heats if heat["peer"] == peer]
        return pytest.approx(8 / seconds, rel=0.1)

    keras = "Keras Conv2D(groups=32)"
    assert list(names["photographs_a_second"].values()) == [
        photographs_a_second(64, keras, "course"),
        photographs_a_second(224, keras, "course"),
        photographs_a_second(224, keras, keras),
    ]
