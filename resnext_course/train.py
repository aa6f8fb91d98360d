"""Training without a notebook: the same code, with lines instead of a figure."""

import re
import sys
from dataclasses import fields, replace

import keras
import tensorflow as tf

from resnext_helpers import data, devices, models, settings, training
from resnext_helpers.settings import CourseError, display_path


def run(options):
    """Train ResNeXt-50 with the course's recipe into ``runs/NAME``.

    ``options`` are what ``python -m resnext_course train --help`` lists. Returns the exit status:
    0, or 130 where Ctrl-C ended it.

    Raises:
        CourseError: the name is no folder's, or as in ``data.load`` and ``training.train``.
    """
    names = {field.name for field in fields(settings.CourseSettings)}
    given = {name: value for name, value in vars(options).items() if name in names}
    config = replace(settings.load(options.profile), **given)
    run_dir = config.runs_dir / options.run
    if not re.fullmatch(r"\w[\w .,+=()-]{0,59}", options.run) or options.run[-1] in " .":
        raise CourseError(
            f"--run is {options.run!r}: give the name of a folder, without a path: up to 60 "
            f"letters, digits, blanks and signs of .,+=()-_, the first a letter or a digit."
        )
    print(devices.use_gpu(every=True))
    devices.use_mixed_precision()
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = devices.strategy()
    several = strategy.num_replicas_in_sync > 1
    birds = data.load(config, progress=sys.stdout.isatty(), drop_remainder=several)
    classes = len(birds.class_names)
    print(f"{len(birds.report.photos)} photographs of {classes} classes: {birds.source}")

    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        model = models.ResNeXt50((config.image_size, config.image_size, 3), classes)
        schedule = warm_up_and_cosine(config.learning_rate, config.epochs * len(birds.train))
        training.compile_model(model, schedule)
    rows = training.train(model, birds, config, run_dir, progress=Lines, replace=False)
    if not training.is_finished(run_dir):
        print(f"Start it again to go on: {display_path(run_dir)} keeps what was reached.")
        return 130
    best = training.best(rows)
    print(
        f"Best epoch: {best['epoch']}, validation accuracy {best['val_accuracy']:.1%}. "
        f"The run is in {display_path(run_dir)}."
    )
    return 0


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


class Lines(training.Progress):
    """Prints a line for each epoch, and in a long one now and then how much time is left."""

    SECONDS = 30

    def show(self, rows, title):
        print(title, flush=True)

    def on_epoch_end(self, epoch, logs=None):
        row = self.run.rows[-1]
        print(
            f"epoch {row['epoch']} of {self.params['epochs']}: loss {row['loss']:.3f}, accuracy "
            f"{row['accuracy']:.1%}; validation loss {row['val_loss']:.3f}, accuracy "
            f"{row['val_accuracy']:.1%}; {row['seconds']:.0f} s"
        )
        super().on_epoch_end(epoch, logs)
