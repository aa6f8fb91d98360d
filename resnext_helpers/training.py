"""Train a network with a live figure, keep its best weights, and write the run folder."""

import csv
import json
import math
import os
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import keras
from IPython.display import display

from resnext_helpers.data import Photos
from resnext_helpers.plots import learning_curves
from resnext_helpers.settings import CourseError, CourseSettings

COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")


def compile_model(model, learning_rate):
    """Choose what training minimises and how: cross-entropy, with Adam.

    Args:
        model: a network that gives logits.
        learning_rate: a number, or a ``keras.optimizers.schedules`` schedule.
    """
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA would replace oneDNN's convolutions by slower ones
    )


def make_variables(model):
    """Give the optimizer and the metrics of a compiled model their variables.

    Born inside the first step, they would make TensorFlow build its graph twice, which takes
    seconds.
    """
    model.optimizer.build(model.trainable_variables)
    label, logits = keras.ops.zeros((1,)), keras.ops.zeros((1, model.output_shape[-1]))
    model.compute_metrics(None, label, logits)
    model.reset_metrics()


def warm_up_and_cosine(peak, steps):
    """Learning rate that rises to ``peak`` over a tenth of the steps, then falls along a cosine.

    The rise gives batch norm's statistics time to settle; the fall lets the weights settle.
    """
    warm_up = max(1, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / 10,
        warmup_target=peak,
        warmup_steps=warm_up,
        decay_steps=max(1, steps - warm_up),
    )


def train(model, photos: Photos, config: CourseSettings, run_dir: Path):
    """Train a compiled model; show its curves as they grow, and keep the best weights.

    The best weights are those with the highest validation accuracy (of equals, the lowest
    validation loss). They are in the model at the end, and on disk from the epoch that found them.
    Stopping the kernel ends the training early and keeps everything up to the last full epoch.

    Args:
        model: compiled network (see ``compile_model``).
        photos: what to train on and to validate with.
        config: gives the number of epochs and the seed.
        run_dir: folder for ``model.keras``, ``history.csv``, ``classes.json``, ``settings.json``
            and ``split.json``; what an earlier run left there is replaced.

    Returns:
        One dict an epoch with the keys of ``COLUMNS``.
    """
    # The order of training does not depend on what ran before.
    keras.utils.set_random_seed(config.seed)
    run_dir.mkdir(parents=True, exist_ok=True)
    description = {
        "classes.json": photos.class_names,
        "settings.json": {**asdict(config), "data_dir": str(photos.folder)},
        "split.json": _split_by_name(photos),
    }
    recorder = _Recorder(run_dir, config.epochs, description)
    make_variables(model)
    try:
        model.fit(
            photos.train,
            validation_data=photos.validation,
            epochs=config.epochs,
            shuffle=False,  # the dataset does it
            verbose=0,
            callbacks=[recorder],
        )
    except KeyboardInterrupt:
        epochs = len(recorder.rows)
        print(f"Stopped by you; {epochs} full epoch{'s' if epochs != 1 else ''} kept.")
    if recorder.best_weights is not None:
        model.set_weights(recorder.best_weights)
    return recorder.rows


class _Recorder(keras.callbacks.Callback):
    """Records each epoch, keeps the best weights, and shows how training goes."""

    REDRAW_SECONDS = 3  # within an epoch; drawing takes about 0.1 s

    def __init__(self, run_dir, epochs, description):
        super().__init__()
        self.run_dir = run_dir
        self.epochs = epochs
        self.description = description  # what the run's JSON files say, by name
        self.rows = []
        self.best_weights = None
        self.figure = None

    def on_train_begin(self, logs=None):
        # A copy without the optimizer, on the same weights: a third of the size to save.
        self.bare_model = keras.Model(self.model.inputs, self.model.outputs, name=self.model.name)
        self.started = self.drawn = time.perf_counter()
        self.first_step = None
        self._show("TensorFlow prepares the first step; this takes up to half a minute.")

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.epoch_started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if self.first_step is None:
            self.first_step = now - self.started
        elif now - self.drawn > self.REDRAW_SECONDS:
            self._show(self._progress(self.epoch + (batch + 1) / self.params["steps"]))

    def on_epoch_end(self, epoch, logs=None):
        row = {
            "epoch": epoch + 1,
            **{name: float(logs[name]) for name in COLUMNS[1:5]},
            "seconds": time.perf_counter() - self.epoch_started,
        }
        if all(score(row) > score(old) for old in self.rows):
            self.best_weights = self.model.get_weights()
            if not self.rows:  # not before there is a model to describe: an older run stays whole
                for name, content in self.description.items():
                    _write_json(self.run_dir / name, content)
            with replacing(self.run_dir / "model.keras") as path:
                self.bare_model.save(path)
        self.rows.append(row)
        write_history(self.run_dir / "history.csv", self.rows)
        self._show(self._progress(epoch + 1))

    def _progress(self, epochs_done):
        """How far training is, in words; the first step's preparation isn't in the estimate."""
        elapsed = time.perf_counter() - self.started
        left = (elapsed - self.first_step) / epochs_done * (self.epochs - epochs_done)
        if epochs_done == self.epochs:
            return f"{self.epochs} epochs in {elapsed:.0f} s"
        return f"Epoch {math.floor(epochs_done) + 1} of {self.epochs}, about {left:.0f} s left"

    def _show(self, title):
        self.drawn = time.perf_counter()
        picture = learning_curves(self.rows, title=title, epochs=self.epochs)
        if self.figure is None:
            self.figure = display(picture, display_id=True)
        else:
            self.figure.update(picture)


def score(row):
    """What makes an epoch better than another: accuracy first, then loss, both on validation."""
    return row["val_accuracy"], -row["val_loss"]


def best(rows):
    """The epoch whose weights are kept.

    Raises:
        CourseError: no epoch has ended.
    """
    if not rows:
        raise CourseError(
            "The training was stopped before its first epoch ended, so there is nothing to see: "
            "run the training cell again."
        )
    return max(rows, key=score)


def write_history(path, rows):
    """Write one line an epoch, with the columns of ``COLUMNS``."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


@contextmanager
def replacing(path: Path):
    """A path to write to, which takes the place of ``path`` at the end.

    Whatever happens in between, ``path`` is the old file or the new one, never half of one.
    """
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_json(path, content):
    with replacing(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
        # A file name may hold bytes that are no text; they come back as they were.
        temporary.write_text(text + "\n", encoding="utf-8", errors="surrogateescape")


def _split_by_name(photos):
    """For each part of the split: file names, from the data folder, with the class of each."""
    return {
        part: {
            photo.path.relative_to(photos.folder).as_posix(): photos.class_names[photo.label]
            for photo in members
        }
        for part, members in vars(photos.split).items()
    }
