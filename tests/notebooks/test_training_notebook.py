"""Notebook 05: its own network, the numbers that it quotes, and a training that is stopped."""

import time

import jupyter_client
import nbformat
import numpy as np
import pandas as pd
import pytest

from resnext_course import comparison, predictions
from resnext_course.publishing.execution import kernel_environment
from resnext_course.publishing.notebook_runner import find, pinned_settings
from resnext_helpers import models
from resnext_helpers.layers import BatchNorm
from resnext_helpers.settings import PROJECT

# isort: split
import keras

CELLS = {cell.id: cell.source for cell in nbformat.read(find(["05"])[0], 4).cells}


@pytest.fixture
def names():
    return {"keras": keras, "layers": keras.layers, "models": models, "BatchNorm": BatchNorm}


def run(names, *ids):
    for name in ids:
        exec(CELLS[name], names)


def test_the_network_of_the_cells_is_the_helpers(names):
    run(names, "write-stack", "write-stem", "write-network")
    shape = (64, 64, 3)
    ours = names["resnext50"](shape, 4)
    helper = models.ResNeXt50(shape, 4, zero_init_residual=True)
    assert ours.name == helper.name
    assert [one.name for one in ours.layers[1:]] == [one.name for one in helper.layers[1:]]
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=w.shape) * 0.05 + (w == 1) for w in helper.get_weights()]
    weights = [np.abs(w) if w.ndim == 1 else w for w in weights]  # a variance is positive
    ours.set_weights(weights)
    helper.set_weights(weights)
    pictures = rng.normal(size=(2, *shape)).astype("float32")
    logits = np.asarray(helper(pictures))
    np.testing.assert_allclose(ours(pictures), logits, rtol=1e-5, atol=1e-5 * np.abs(logits).max())
    fresh = names["resnext50"](shape, 4)
    assert not any(np.any(one.gamma) for one in fresh.layers if one.name.endswith("_bn3"))


def test_the_recorded_numbers_are_those_of_the_benchmark():
    results = (PROJECT / "benchmarks" / "RESULTS.md").read_text("utf-8")
    rows = {row.split(" | ")[0].strip("| "): row for row in results.splitlines() if "| " in row}
    shown = {
        "comparison": comparison,
        "predictions": predictions,
        "np": np,
        "pd": pd,
        "my_article": None,
    }
    exec(CELLS["recorded-runs"] + "\n" + CELLS["recorded"], shown)
    for name, told in zip(("as written", "the course's"), shown["rows"].values(), strict=True):
        cells = [cell.strip() for cell in rows[name].strip("|").split("|")]
        last, spread, anew = told.values()
        accuracy = float(cells[2].partition("%")[0])
        assert float(last.rstrip("%")) == pytest.approx(accuracy, abs=0.51)
        assert (spread, f"{anew} (one seed)") == (cells[4], cells[5])
    assert shown["as_written"] == 56
    mended = [rows[name].split("|")[3] for name in ("groups mended", "groups and rate mended")]
    assert all(float(cell.partition("%")[0]) <= 56 for cell in mended)  # "no better"
    facts = "540 photographs of 4 species, 432 to train and 108"
    assert facts in results and all(n in CELLS["predict-article"] for n in ("540", "108", "94%"))
    assert "| 94.1% |" in rows["as written"]


def test_the_table_of_the_recipe_says_what_the_settings_say():
    from resnext_helpers.settings import PROFILES

    rows = [row.split("|")[1:4] for row in CELLS["recipe"].splitlines() if row.startswith("| ")]
    table = {name.strip(): course for name, _, course in rows}
    for name, field in (("picture", "image_size"), ("batch", "batch_size"), ("epochs", "epochs")):
        for profile, settings in PROFILES.items():
            assert f"{profile} {getattr(settings, field)}" in table[name]
    assert "| batch norm's momentum | 0.99 | 0.9 |" in CELLS["recipe-learning"]
    assert keras.layers.BatchNormalization().momentum == 0.99 and BatchNorm().momentum == 0.9


SMALL = """
import time
import tensorflow as tf


class Slow(layers.Layer):  # a step takes a moment, so that there is time to stop it
    def call(self, x):
        wait = lambda y: time.sleep(0.05) or y
        return tf.ensure_shape(tf.numpy_function(wait, [x], x.dtype), x.shape)


inputs = keras.Input((config.image_size, config.image_size, 3))
x = layers.Flatten()(Slow()(layers.AveragePooling2D(8)(inputs)))
model = keras.Model(inputs, layers.Dense(len(birds.class_names))(x), name="small")
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(training.Adam(1e-3), loss, metrics=["accuracy"])
"""


class Kernel:
    """A kernel in which cells of notebook 05 run, and can be stopped as with ■."""

    def __init__(self, folder):
        environ = kernel_environment(**pinned_settings(folder))
        self.manager, self.client = jupyter_client.manager.start_new_kernel(
            env=environ, cwd=str(PROJECT / "notebooks")
        )

    def run(self, source, stop=None):
        """Runs a cell; interrupts it once, when ``stop`` of a shown text is true.

        Returns the printed text, the texts of the figures by their display, and the error.
        """
        sent, printed, figures, error = self.client.execute(source), "", {}, None
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream" and content["name"] == "stdout":
                printed += content["text"]
            elif kind in ("display_data", "update_display_data"):
                text = content["data"]["text/plain"]
                figures.setdefault(content["transient"]["display_id"], []).append(text)
                if stop and stop(text):
                    time.sleep(0.2)
                    self.manager.interrupt_kernel()
                    stop = None
            elif kind == "error":
                error = content["evalue"]
            elif kind == "status" and content["execution_state"] == "idle":
                return printed, list(figures.values()), error


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    one = Kernel(tmp_path_factory.mktemp("runs"))
    for name in ("setup", "imports", "load-photographs"):
        assert one.run(CELLS[name])[2] is None
    yield one
    one.client.stop_channels()
    one.manager.shutdown_kernel(now=True)


def test_the_cell_that_trains_can_be_stopped_and_run_again(kernel):
    assert kernel.run(SMALL)[2] is None
    cell = CELLS["train-model"]
    printed, (figure,), error = kernel.run(cell, stop=lambda text: text.startswith("Epoch 3"))
    assert error is None  # one line, no traceback
    assert printed == "Stopped by you; full epochs kept: 2.\n"
    assert figure[-1].startswith("Stopped after 2 of 5 epochs")

    printed, (figure,), error = kernel.run(cell)
    assert error is None
    assert "2 epochs" in printed and "It goes on from there" in printed
    assert figure[-1].startswith("5 epochs, ")
    assert not any("6 of 5" in text for text in figure)

    printed, (again,), error = kernel.run(cell)
    assert error is None
    assert printed.count("\n") == 1 and "This training is over" in printed
    assert again == figure[-1:]

    printed, _, error = kernel.run(CELLS["best-epoch"])
    assert error is None and "of 5" in printed
