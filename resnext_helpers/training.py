"""Training with Keras' ``model.fit``: a fast first step, a live figure, a run that survives.

Why a run folder of our own? Keras 3.15 was killed with SIGKILL while it wrote. Between a backup's
weights and their epoch's number, ``BackupAndRestore(double_checkpoint=True)`` trained one epoch
twice; inside that number, it did not start again (``JSONDecodeError``). ``CSVLogger`` then lists an
epoch twice, and after each new start ``ModelCheckpoint`` forgets which model was the best.
"""

import contextlib
import json
import os
import re
import time
import weakref
import zipfile
import zlib
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import filelock
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from IPython.display import display

from resnext_helpers.plots import learning_curves
from resnext_helpers.settings import CourseError, CourseSettings, display_path

CHECKPOINT = "checkpoint.npz"  # there while a training is unfinished: all that it needs to go on
HISTORY = "history.csv"  # a line an epoch: its number, Keras' losses and accuracies, and seconds
BEST = "model.keras"
GUESSES = 4  # after so many epochs a network should know more than which class is the commonest
_finished = weakref.WeakKeyDictionary()  # optimizer: the training that it came through, its rows


@keras.saving.register_keras_serializable(package="resnext_helpers")
class Adam(keras.optimizers.Adam):
    """Keras' Adam with the same numbers, and a first step that takes a fraction of the time: one
    operation for each variable, and not 13, of which TensorFlow builds a graph in seconds."""

    def update_step(self, gradient, variable, learning_rate):
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            return super().update_step(gradient, variable, learning_rate)
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )


def compile_model(model, learning_rate):
    """Compile a network that gives logits, ready for a quick first step; a number as learning rate,
    or a schedule of Keras."""
    model.compile(
        optimizer=Adam(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA would replace oneDNN's convolutions by slower ones
    )
    make_variables(model)


def make_variables(model):
    """Give the optimizer and the metrics of a compiled model their variables. Born inside the first
    step, they would make TensorFlow build its graph twice, which takes seconds."""
    with model.distribute_strategy.scope():  # a copy on each device that the model is on
        if not model.optimizer.built:  # a LossScaleOptimizer would make some of them again
            model.optimizer.build(model.trainable_variables)
        label, logits = keras.ops.zeros((1,)), keras.ops.zeros((1, model.output_shape[-1]))
        model.compute_metrics(None, label, logits)
        model.reset_metrics()


def best(rows):
    """The epoch whose weights are kept: the highest validation accuracy; of equals, the lowest
    validation loss. A ``CourseError`` says that no epoch has ended."""
    if not rows:
        raise CourseError(
            "The training was stopped before its first epoch ended, so there is nothing to see: "
            "run the cell that builds the model, then the training cell again."
        )
    return max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))


def is_a_guess(accuracy, labels):
    """Whether naming the commonest class each time would be as often right, but for chance (two
    standard errors of a share)."""
    share = max(Counter(labels).values()) / len(labels)
    return accuracy < min(1, share + 2 * (share * (1 - share) / len(labels)) ** 0.5)


class RunFolder(keras.callbacks.Callback):
    """Keeps a training in a folder, so that a stop, a crash or a power cut costs one epoch at most.

    ``with RunFolder(...) as run:`` fit the model, with ``run`` as the first callback and
    ``initial_epoch=run.epoch``; Ctrl-C or ■ then ends it in one line. A training of the same
    network, settings and photographs that was cut off goes on after its last full epoch, with
    Adam's state and each epoch's order of photographs; one that is over stays as it is. At the
    end, the model has its best weights. Each file is an old one or a new one, never half of one.

    Args:
        folder: for ``model.keras`` (best), ``history.csv``, ``classes.json``, ``settings.json``
            and ``split.json``; while it trains, ``checkpoint.npz`` holds what is needed to go on.
        model: compiled network.
        photos: the ``data.Photos`` to train on.
        config: ``settings.CourseSettings``.
        replace: whether another training in the folder may be replaced, when an epoch has ended.

    ``rows`` has a dict for each epoch so far, by the names of ``history.csv``.

    Raises:
        CourseError: another process trains in the folder; or the folder holds a training that may
            not be replaced, or can't be written to; or the network has been trained before. When
            training: the loss is no number any more, or a class has no readable photograph left.
    """

    def __init__(self, folder: Path, model, photos, config: CourseSettings, replace=True):
        super().__init__()
        make_variables(model)
        self.folder, self.photos, self.rows = folder, photos, []
        self.progress = None
        names = photos.class_names
        # Without the optimizer, and on the same weights: a third of the size to save.
        self._bare_model = keras.Model(model.inputs, model.outputs, name=model.name)
        self.set_model(model)
        self._files = {
            "classes.json": names,
            "settings.json": {**asdict(config), "data_dir": str(photos.folder)},
            "split.json": {
                part: {
                    p.path.relative_to(photos.folder).as_posix(): names[p.label] for p in members
                }
                for part, members in vars(photos.split).items()
            },
        }
        compiled = json.dumps(model.get_compile_config(), default=str)
        training = {  # trainings that agree in this are the same
            **config.without_folders(),
            "split": self._files["split.json"],
            "network": [model.name, model.count_params()],
            "trained weights": len(model.trainable_variables),
            "optimizer or loss": re.sub(r'"name": "\w+"', "", compiled),  # Keras numbers them
        }
        self._training = {name: json.dumps(value) for name, value in training.items()}
        self._lock = filelock.FileLock(
            folder.with_name(f".{folder.name}.lock"), timeout=0, is_singleton=True
        )
        with _explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except filelock.Timeout as error:
                raise CourseError(
                    f"Another training is writing to {display_path(folder)}: wait until it ends, "
                    f"stop it, or choose another run folder."
                ) from error
        try:
            self._resume(replace)
        except BaseException:  # who was refused or stopped must not keep others out
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close()
        if isinstance(error, KeyboardInterrupt):
            print(f"Stopped by you; full epochs kept: {self.epoch}.")
            if self.progress:
                self.progress.stopped()
            return True
        # The input pipeline says it in one sentence; TensorFlow hides that in many lines.
        if kind and (said := re.search("CourseError: (.+)", str(error))):
            raise CourseError(said[1]) from error
        return False

    @property
    def epoch(self):
        """How many epochs are done."""
        return len(self.rows)

    def close(self):
        """Let other processes train in the folder."""
        self._lock.release(force=True)

    def _resume(self, replace):
        where = display_path(self.folder)
        path, differ, found = self.folder / CHECKPOINT, None, None
        if path.exists():
            with _explained(path), np.load(path) as arrays:  # no pickles: a file runs no code
                found = json.loads(str(arrays["about"]))
                differ = [n for n, v in self._training.items() if found["training"].get(n) != v]
                if not differ:  # all of it or nothing
                    kept = [arrays[f"arr_{i}"] for i, _ in enumerate(self._variables())]
        if found and not differ:
            for variable, array in zip(self._variables(), kept, strict=True):
                variable.assign(array)
            self._write_run(found["rows"])  # it may have been killed just before
            print(
                f"Found an unfinished training in {where}: {self.epoch} epochs, best validation "
                f"accuracy {best(self.rows)['val_accuracy']:.1%}. It goes on from there."
            )
        elif found:
            found = f"{where} holds an unfinished training that differs in {', '.join(differ)}"
            if not replace:
                raise CourseError(f"{found}: choose another run folder, or delete this one.")
            print(f"{found}; a new one replaces it after its first epoch.")
        elif self._is_strange():
            raise CourseError(
                f"{where} holds files that are not of this course, or are damaged, and a training "
                f"would replace them: move them away, or choose another run folder."
            )
        elif is_finished(self.folder) and not replace:
            raise CourseError(
                f"{where} holds a finished training: choose another name, or delete the folder."
            )
        steps = int(self.model.optimizer.iterations)
        training, rows = _finished.get(self.model.optimizer, (None, ()))
        if training == (self.folder, self._training) and f"{len(rows)}" == training[1]["epochs"]:
            self.rows += rows
            print("This training is over. To train anew, build and compile the model again.")
        elif steps and not self.rows:
            raise CourseError(
                f"This network was trained for {steps} steps already: run the cell that builds and "
                f"compiles it again to train anew."
            )

    def _is_strange(self):
        """Whether files that a training would replace aren't a training's."""
        there = [n for n in (*self._files, HISTORY, BEST) if (self.folder / n).exists()]
        with contextlib.suppress(OSError, ValueError, TypeError):
            settings = json.loads((self.folder / "settings.json").read_text("utf-8"))
            return not {"profile", "image_size"} <= {*settings}
        return bool(there)

    def on_epoch_begin(self, epoch, logs=None):
        self.photos.passes.assign(epoch)
        self._started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise CourseError(
                f"The loss is {logs['loss']} in epoch {self.epoch + 1}, so the training was "
                f"stopped: build the model again, and try a smaller learning rate."
            )

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._started
        numbers = {name: float(value) for name, value in logs.items()}
        rows = [*self.rows, {"epoch": epoch + 1, **numbers, "seconds": seconds}]
        about = np.array(json.dumps({"rows": rows, "training": self._training}))
        arrays = map(keras.ops.convert_to_numpy, self._variables())
        with _explained(self.folder), atomic_write(self.folder / CHECKPOINT) as path:
            np.savez(path, *arrays, about=about)
        self._write_run(rows)
        labels = [photo.label for photo in self.photos.split.validation]
        if len(rows) == GUESSES and is_a_guess(best(rows)["val_accuracy"], labels):
            print(
                f"In {GUESSES} epochs, validation was never better than guessing. Is the learning "
                f"rate too high? Do photographs lie in wrong class folders?"
            )

    def _variables(self):
        """All numbers that training changes."""
        return [*self.model.weights, *self.model.optimizer.variables]

    def _write_run(self, rows):
        """Bring the other files to the state of the checkpoint, which holds these epochs."""
        with _explained(self.folder):
            if len(rows) == 1:  # an older run ends here: without a history, it counts as none
                (self.folder / HISTORY).unlink(missing_ok=True)
            for name, content in self._files.items():  # the photographs may have moved
                text = json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"
                with atomic_write(self.folder / name) as path:
                    # A file's name may hold bytes that are no text; they come back as they were.
                    path.write_text(text, encoding="utf-8", errors="surrogateescape")
            if best(rows) is rows[-1]:
                with atomic_write(self.folder / BEST) as path:
                    self._bare_model.save(path)
            with atomic_write(self.folder / HISTORY) as path:
                pd.DataFrame(rows).to_csv(path, index=False)
        self.rows[:] = rows

    def on_train_end(self, logs=None):
        if self.model.optimizer not in _finished:
            with _explained(self.folder):
                (self.folder / CHECKPOINT).unlink(missing_ok=True)
            self._bare_model.load_weights(self.folder / BEST)
            _finished[self.model.optimizer] = (self.folder, self._training), self.rows
        self.close()


class Progress(keras.callbacks.Callback):
    """Says how the training of a ``RunFolder`` goes: ``show`` gets its rows and a sentence."""

    SECONDS = 3  # between two calls of ``show`` within an epoch

    def __init__(self, run: RunFolder):
        super().__init__()
        self.run, run.progress = run, self

    def on_train_begin(self, logs=None):
        self.started, self.first_step, self.before = time.perf_counter(), None, self.run.epoch
        if self.run.epoch < self.params["epochs"]:
            self._show("TensorFlow prepares the first step; this takes some seconds.")

    def on_train_batch_end(self, batch, logs=None):
        if self.first_step is None:
            self.first_step = time.perf_counter() - self.started
        elif time.perf_counter() - self.shown > self.SECONDS:
            self._show_left((batch + 1) / self.params["steps"])

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 < self.params["epochs"]:
            self._show_left(0)

    def on_train_end(self, logs=None):
        seconds = sum(row["seconds"] for row in self.run.rows)  # those before a stop, too
        self._show(f"{len(self.run.rows)} epochs, trained in {seconds:.0f} s")

    def stopped(self):
        """Say that the training was stopped by hand."""
        self._show(f"Stopped after {len(self.run.rows)} of {self.params['epochs']} epochs")

    def _show_left(self, share):
        """How far it is, with this share of an epoch; without the first step's preparation."""
        elapsed, epochs = time.perf_counter() - self.started, self.params["epochs"]
        done = self.run.epoch + share
        left = (elapsed - self.first_step) / (done - self.before) * (epochs - done)
        self._show(f"Epoch {self.run.epoch + 1} of {epochs}, about {left:.0f} s left")

    def _show(self, title):
        self.shown = time.perf_counter()
        self.show(self.run.rows, title)


class LiveFigure(Progress):
    """Shows the curves in a notebook, and draws them again in the same place."""

    shown_at = None

    def show(self, rows, title):
        picture = learning_curves(rows, title, self.params["epochs"])
        if self.shown_at is None:
            self.shown_at = display(picture, display_id=True)
        else:
            self.shown_at.update(picture)


def train(model, photos, config, folder: Path, progress=LiveFigure, replace=True):
    """Train a compiled model: ``model.fit`` with a ``RunFolder``, and TensorBoard's log in it.

    Arguments and errors as in ``RunFolder``; ``progress`` is the class of the callback that shows
    how it goes. It returns ``RunFolder.rows``; after Ctrl-C or ■, of the epochs that ended.
    """
    with RunFolder(folder, model, photos, config, replace) as run:
        log = folder / "tensorboard" / time.strftime("%Y-%m-%d-%H-%M-%S")
        others = [progress(run), keras.callbacks.TensorBoard(log, write_graph=False)]
        if config.patience:
            others.append(keras.callbacks.EarlyStopping("val_accuracy", patience=config.patience))
        model.fit(
            photos.train,
            validation_data=photos.validation,
            initial_epoch=run.epoch,
            epochs=config.epochs,
            shuffle=False,  # the dataset does it
            verbose=0,
            callbacks=[run, *others],
        )
    return run.rows


def is_finished(folder):
    """Whether a run folder holds a training that came to its end."""
    return (folder / HISTORY).exists() and not (folder / CHECKPOINT).exists()


@contextlib.contextmanager
def atomic_write(path: Path):
    """A path to write to, which takes the place of ``path`` at the end.

    Whatever happens in between, ``path`` is the old file or the new one, never half of one.
    """
    temporary = path.with_name(f".new-{path.name}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # on the disk before it counts, should the power go
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(path):
    """Says what to do where a disk is full, a folder protected, or a file damaged."""
    try:
        yield
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise CourseError(
            f"{display_path(path)} can't be used ({getattr(error, 'strerror', None) or error}). "
            f"What was written before is whole. Make room on the disk (1 GB is enough), close the "
            f"program that has one of its files open, delete {CHECKPOINT} if it is damaged, or "
            f"choose a run folder in which you may write; then start again."
        ) from error
