"""The benchmarks time what they say, and their pages say what was measured."""

import json
import subprocess
import sys
from types import SimpleNamespace

import keras
import nbformat
import numpy as np
import pytest

from resnext_course.publishing import notebook_runner
from resnext_helpers import settings
from resnext_helpers.settings import PROJECT

FOLDER = PROJECT / "benchmarks"
sys.path.insert(0, str(FOLDER))

import contenders  # noqa: E402
import report  # noqa: E402
import speed  # noqa: E402

import notebooks  # noqa: E402

# The contenders of the speed benchmark


@pytest.fixture(scope="module")
def course():
    return contenders.Course(32, 2)


@pytest.mark.slow
def test_keras_own_layers_compute_the_same_function(course):
    model = contenders.KerasGroups(32, 2).model
    model.set_weights(course.model.get_weights())
    wanted = course.model(course.images)
    np.testing.assert_allclose(model(course.images), wanted, atol=1e-4)
    own = {type(layer).__module__ for layer in model.layers if layer.weights}
    assert all(module.startswith("keras.") for module in own)


@pytest.mark.slow
def test_the_articles_loop_has_as_many_parameters_and_reads_only_the_last_group(course):
    layer = course.model.get_layer("layer1_0_conv2")
    loop = contenders.ArticleLoop.grouped_convolution(None, keras, layer)
    assert loop.count_params() == layer.count_params()
    x = np.random.default_rng(0).normal(size=(1, *layer.input.shape[1:])).astype("float32")
    others = x.copy()
    others[..., :124] += 1
    np.testing.assert_array_equal(loop(x), loop(others))


def test_slow_contenders_have_fewer_turns():
    def worker(seconds):
        return SimpleNamespace(ask={"train": seconds}.__getitem__)

    workers = {"quick": worker(0.1), "slow": worker(10), "slowest": worker(1000)}
    times = speed.take_turns(workers, "train")
    turns = {name: len(seconds) for name, seconds in times.items()}
    assert turns == {"quick": speed.REPEATS, "slow": 4, "slowest": 1}


# RESULTS.md


def test_results_are_what_was_measured(tmp_path):
    results = json.loads((FOLDER / "speed.json").read_text(encoding="utf-8"))
    assert {(heat["size"], heat["batch"], heat["peer"]) for heat in results["heats"]} == {
        (size, batch, peer) for size, batch in speed.SETTINGS for peer in speed.PEERS
    }
    report.write(results, tmp_path)
    written = (FOLDER / "RESULTS.md").read_text(encoding="utf-8")
    assert written == (tmp_path / "RESULTS.md").read_text(encoding="utf-8")


def test_the_speeds_in_notebook_01_are_the_measured_ones():
    content = nbformat.read(PROJECT / "notebooks" / "01_gpu_setup.ipynb", 4)
    sources = {cell.id: cell.source for cell in content.cells}
    names = {"settings": settings}
    exec(sources["minutes"], names)
    speeds = names["training"]["photographs a second"]
    results = json.loads((FOLDER / "speed.json").read_text(encoding="utf-8"))
    keras = "Keras Conv2D(groups=32)"
    heats = {report.setting(heat): heat for heat in results["heats"] if heat["peer"] == keras}
    for size in (64, 224):
        assert speeds[size] == pytest.approx(8 / heats[size, 8]["course"]["train"], rel=0.1)
    assert f"train {speeds[224]:.1f} photographs a second" in sources["predict-minutes-text"]


# NOTEBOOKS.md


@pytest.mark.skipif(sys.platform != "linux", reason="measures on Linux only")
def test_memory_and_processor_time_are_of_all_processes_and_without_waiting():
    child = (
        "import time; held = bytearray(b'x') * 300_000_000\n"
        "while time.process_time() < 1: pass\n"
        "time.sleep(0.5)"
    )
    parent = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {child!r}])"
    with notebooks.Watch() as watch:
        subprocess.run([sys.executable, "-c", f"{parent}\ntime.sleep(0.5)"], check=True, timeout=60)
    assert 290e6 < watch.peak < 400e6
    assert watch.kept < 100e6  # the child has ended
    assert 1 <= watch.cpu < 1.9  # with the waiting, two and more


def test_the_committed_page_is_of_all_notebooks_and_of_the_committed_results():
    results = json.loads((FOLDER / "notebooks.json").read_text(encoding="utf-8"))
    assert tuple(results["notebooks"]) == notebook_runner.NAMES
    assert (FOLDER / "NOTEBOOKS.md").read_text("utf-8") == notebooks.page(results)
