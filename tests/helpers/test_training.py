"""Training: what is kept, what is written, and what the learner sees meanwhile."""

import csv
import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnext_helpers import recorder, runs, training
from resnext_helpers.data import Photos, Split
from resnext_helpers.photo_folder import Photo, Report
from resnext_helpers.settings import PROFILES, CourseError

CONFIG = dataclasses.replace(PROFILES["sample"], image_size=8, batch_size=4, epochs=3)


@pytest.fixture
def birds(tmp_path):
    """Eight pictures of two classes, bright and dark, that one layer can tell apart."""
    folder = tmp_path / "birds 鸟"
    names = [f"{name}/{i}.jpg" for name in ("bright", "dark") for i in range(4)]
    photos = [Photo(folder / name, int(name.startswith("dark"))) for name in names]
    rng = np.random.default_rng(0)
    images = rng.normal(size=(8, 8, 8, 3)) + np.repeat([1.0, -1.0], 4)[:, None, None, None]
    dataset = tf.data.Dataset.from_tensor_slices(
        (images.astype("float32"), np.repeat([0, 1], 4).astype("int32"))
    )
    return Photos(
        folder,
        "pictures of the test",
        Report(folder, ["bright", "dark"], photos, []),
        ["bright", "dark"],
        Split(photos[:3] + photos[4:7], [photos[3], photos[7]]),
        dataset.batch(4),
        dataset.batch(4),
    )


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, name="fc")]
    )
    training.compile_model(network, 1e-2)
    return network


def test_the_run_folder_holds_what_the_run_was(birds, model, tmp_path):
    rows = training.train(model, birds, CONFIG, tmp_path / "run")

    names = {path.name for path in (tmp_path / "run").iterdir()}
    described = {"classes.json", "settings.json", "split.json"}
    assert names == {"model.keras", "last.keras", "history.csv", "tensorboard", *described}
    with (tmp_path / "run" / "history.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in written] == [1, 2, 3]
    assert [float(row["loss"]) for row in written] == [row["loss"] for row in rows]
    split = json.loads((tmp_path / "run" / "split.json").read_text("utf-8"))
    assert split["validation"] == {"bright/3.jpg": "bright", "dark/3.jpg": "dark"}
    assert len(split["train"]) == 6
    settings = json.loads((tmp_path / "run" / "settings.json").read_text("utf-8"))
    assert (settings["image_size"], settings["data_dir"]) == (8, str(birds.folder))


def test_tensorflow_builds_the_training_graph_once(birds, tmp_path):
    built = []

    class Counter(keras.layers.Layer):
        def call(self, inputs, training=None):
            if training:
                built.append(1)
            return inputs

    inputs = keras.Input((8, 8, 3))
    logits = keras.layers.Dense(2)(keras.layers.Flatten()(Counter()(inputs)))
    network = keras.Model(inputs, logits)
    training.compile_model(network, 1e-2)
    training.train(network, birds, CONFIG, tmp_path)
    assert len(built) == 1


def test_training_learns(birds, model, tmp_path):
    rows = training.train(model, birds, CONFIG, tmp_path)
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_the_best_weights_are_kept_and_not_the_last(birds, model, tmp_path):
    weights_by_epoch = []

    class GetWorse(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:  # from the second epoch on, everything is wrong
                self.model.optimizer.learning_rate = 0.0
                self.model.set_weights([-10 * w for w in self.model.get_weights()])

        def on_epoch_end(self, epoch, logs=None):
            weights_by_epoch.append(self.model.get_weights())

    fit = model.fit
    model.fit = lambda *a, callbacks, **k: fit(*a, callbacks=[GetWorse(), *callbacks], **k)
    rows = training.train(model, birds, CONFIG, tmp_path)

    assert training.best(rows)["epoch"] == 1
    for kept, first, last in zip(model.get_weights(), *weights_by_epoch[::2], strict=True):
        np.testing.assert_array_equal(kept, first)
        assert not np.allclose(kept, last)
    on_disk = keras.saving.load_model(tmp_path / "model.keras").get_weights()
    np.testing.assert_array_equal(on_disk[0], weights_by_epoch[0][0])


def test_of_equal_accuracies_the_lower_loss_is_better():
    rows = [
        {"epoch": 1, "val_accuracy": 0.9, "val_loss": 0.5},
        {"epoch": 2, "val_accuracy": 0.9, "val_loss": 0.4},
        {"epoch": 3, "val_accuracy": 0.8, "val_loss": 0.1},
    ]
    assert training.best(rows)["epoch"] == 2


def test_stopping_keeps_the_epochs_that_ended(birds, model, tmp_path, capsys):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if self.model.optimizer.iterations >= 3:  # in the second epoch
                raise KeyboardInterrupt

    fit = model.fit
    model.fit = lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, Stop()], **k)
    rows = training.train(model, birds, CONFIG, tmp_path)

    assert [row["epoch"] for row in rows] == [1]
    assert "Stopped by you; 1 full epoch" in capsys.readouterr().out
    assert (tmp_path / "model.keras").is_file()


def test_the_figure_is_updated_after_each_epoch(birds, model, tmp_path, monkeypatch):
    shown = []

    class Handle:
        def update(self, picture):
            shown.append(picture)

    def display(picture, display_id):
        shown.append(picture)
        return Handle()

    monkeypatch.setattr(recorder, "display", display)
    rows = training.train(model, birds, CONFIG, tmp_path)

    assert [len(picture.data["loss"]) for picture in shown] == [0, 1, 2, 3]
    assert shown[-1].data["val_accuracy"] == [row["val_accuracy"] for row in rows]
    assert "prepares the first step" in shown[0].alt
    assert "Epoch 2 of 3, about" in shown[1].alt
    assert "3 epochs in" in shown[-1].alt


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="disk full"), runs.replacing(path) as temporary:
        temporary.write_text("ne")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_warm_up_and_cosine():
    schedule = training.warm_up_and_cosine(1e-3, steps=100)
    rates = [float(schedule(step)) for step in range(101)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates.index(max(rates)) == 10
    assert max(rates) == pytest.approx(1e-3)
    assert rates[55] == pytest.approx(0.5e-3, rel=0.01)
    assert rates[100] == pytest.approx(0, abs=1e-9)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stop_in_the_first_epoch(model):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise KeyboardInterrupt

    fit = model.fit
    model.fit = lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, Stop()], **k)


def test_a_training_stopped_at_once_leaves_the_older_run_whole(birds, model, tmp_path):
    training.train(model, birds, CONFIG, tmp_path)
    before = contents(tmp_path)
    other = dataclasses.replace(birds, class_names=["light", "shade"])
    training.compile_model(model, 1e-2)
    stop_in_the_first_epoch(model)

    assert training.train(model, other, CONFIG, tmp_path) == []

    assert contents(tmp_path) == before


def test_no_epoch_is_no_best_epoch():
    with pytest.raises(CourseError, match="run the training cell again"):
        training.best([])
