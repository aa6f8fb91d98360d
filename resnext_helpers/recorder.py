"""What happens after each epoch of a training: it is written down, and shown."""

import math
import time
from dataclasses import asdict

import keras
from IPython.display import display

from resnext_helpers import runs
from resnext_helpers.plots import learning_curves
from resnext_helpers.settings import CourseError, display_path


class Recorder(keras.callbacks.Callback):
    """Writes down each epoch, and shows how training goes."""

    REDRAW_SECONDS = 3  # within an epoch; drawing takes about 0.1 s

    def __init__(self, model, photos, config, run_dir, report):
        super().__init__()
        self.photos = photos
        self.config = config
        self.run_dir = run_dir
        self.report = report
        # A copy without the optimizer, on the same weights: a third of the size to save.
        self.bare_model = keras.Model(model.inputs, model.outputs, name=model.name)
        self.set_model(model)
        self.description = {  # what the run's JSON files say, by name
            "classes.json": photos.class_names,
            "settings.json": {**asdict(config), "data_dir": str(photos.folder)},
            "split.json": _split_by_name(photos),
        }
        self.training = {  # two trainings that agree in this may go on from one checkpoint
            **config.without_folders(),
            "classes": photos.class_names,
            "split": self.description["split.json"],
            "network": [model.name, model.count_params()],
            "trained parameters": sum(v.shape.num_elements() for v in model.trainable_variables),
            "loss": _loss(model.loss),
            "optimizer": _without_names(keras.optimizers.serialize(model.optimizer)),
        }
        self.rows = []

    def take_up(self, replace):
        """Go on where a training with the same settings was cut off."""
        found = runs.read_checkpoint(self.run_dir)
        if found is None:
            if not replace:
                runs.refuse_finished(self.run_dir)
            return
        rows, training = found
        where = display_path(self.run_dir)
        if other := runs.differences(training, self.training):
            found = f"{where} holds an unfinished training that differs in {other}"
            if not replace:
                raise CourseError(f"{found}: choose another run folder, or delete this one.")
            print(f"{found}; a new one replaces it after its first epoch.")
            return
        runs.load_checkpoint(self.run_dir, self.model)
        with runs.explained(self.run_dir):
            self._describe()  # the photographs may have moved
        self._write_run(rows)  # in case it was cut off just before
        print(
            f"Found an unfinished training in {where}: {len(rows)} of {self.config.epochs} epochs, "
            f"best validation accuracy {best(rows)['val_accuracy']:.1%}. It goes on from there."
        )

    def on_train_begin(self, logs=None):
        self.started = self.drawn = time.perf_counter()
        self.first_step = None
        self.epochs_before = len(self.rows)
        self._show("TensorFlow prepares the first step; this takes up to half a minute.")

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.photos.passes.assign(epoch)
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
            **{name: float(logs[name]) for name in runs.COLUMNS[1:5]},
            "seconds": time.perf_counter() - self.epoch_started,
        }
        rows = [*self.rows, row]
        with runs.explained(self.run_dir):
            runs.save_checkpoint(self.run_dir, self.model, rows, self.training)
        self._write_run(rows)
        self._show(self._progress(epoch + 1))
        self.model.stop_training = self.has_finished()

    def _write_run(self, rows):
        """Bring the run's files to the state of the checkpoint, which holds these epochs."""
        with runs.explained(self.run_dir):
            if len(rows) == 1:  # not before there is a model to describe: an older run stays whole
                runs.clear(self.run_dir)
                self._describe()
            if best(rows) is rows[-1]:
                self._save(runs.BEST)
            runs.write_history(self.run_dir / runs.HISTORY, rows)
            runs.log_epoch(self.run_dir, rows[-1])
        self.rows = rows

    def _describe(self):
        for name, content in self.description.items():
            runs.write_json(self.run_dir / name, content)

    def _save(self, name):
        with runs.replacing(self.run_dir / name) as path:
            self.bare_model.save(path)

    def has_finished(self):
        """Whether all epochs were trained, or the last ``patience`` of them brought nothing."""
        patience, epochs = self.config.patience, len(self.rows)
        waited = patience and self.rows and epochs - best(self.rows)["epoch"] >= patience
        return epochs == self.config.epochs or bool(waited)

    def finish(self):
        """Keep the last weights, and take away what was only for going on."""
        with runs.explained(self.run_dir):
            self._save(runs.LAST)
            (self.run_dir / runs.CHECKPOINT).unlink()

    def _progress(self, epochs_done):
        """How far training is, in words; the first step's preparation isn't in the estimate."""
        elapsed = time.perf_counter() - self.started
        epochs, done = self.config.epochs, epochs_done - self.epochs_before
        left = (elapsed - self.first_step) / done * (epochs - epochs_done)
        if self.has_finished():
            return f"{len(self.rows)} epochs in {elapsed:.0f} s"
        return f"Epoch {math.floor(epochs_done) + 1} of {epochs}, about {left:.0f} s left"

    def _show(self, title):
        self.drawn = time.perf_counter()
        self.report(self.rows, title, self.config.epochs)


class LiveFigure:
    """Shows the curves in a notebook, and draws them again in the same place."""

    def __init__(self):
        self._shown = None

    def __call__(self, rows, title, epochs):
        picture = learning_curves(rows, title=title, epochs=epochs)
        if self._shown is None:
            self._shown = display(picture, display_id=True)
        else:
            self._shown.update(picture)


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


def _without_names(config):
    """Keras numbers the optimizers of a process; the second one is no other for that."""
    if not isinstance(config, dict):
        return config
    return {key: _without_names(value) for key, value in config.items() if key != "name"}


def _loss(loss):
    """What tells a loss from another: its class and its numbers, or a function's name."""
    if isinstance(loss, keras.losses.Loss):
        return [type(loss).__name__, _without_names(loss.get_config())]
    return getattr(loss, "__name__", str(loss))


def _split_by_name(photos):
    """For each part of the split: file names, from the data folder, with the class of each."""
    return {
        part: {
            photo.path.relative_to(photos.folder).as_posix(): photos.class_names[photo.label]
            for photo in members
        }
        for part, members in vars(photos.split).items()
    }
