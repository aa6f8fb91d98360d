"""Train a network, show how it goes, and keep what was reached."""

import re
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from resnext_helpers import devices, runs
from resnext_helpers.data import Photos
from resnext_helpers.recorder import LiveFigure, Recorder, best
from resnext_helpers.settings import CourseError, CourseSettings

__all__ = ["best", "compile_model", "make_variables", "train", "warm_up_and_cosine"]


def compile_model(model, learning_rate, label_smoothing=0.0):
    """Choose what training minimises and how: cross-entropy, with Adam.

    Args:
        model: a network that gives logits.
        learning_rate: a number, or a ``keras.optimizers.schedules`` schedule.
        label_smoothing: the share of each label that all classes get in equal parts, so that the
            network isn't driven to be quite sure (Szegedy et al., 2016, Section 7).
    """
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if label_smoothing:  # which the sparse loss doesn't know
        smooth = keras.losses.CategoricalCrossentropy(True, label_smoothing=label_smoothing)

        def loss(labels, logits):
            return smooth(keras.ops.one_hot(labels, logits.shape[-1]), logits)

        loss.__name__ = f"cross-entropy with label smoothing of {label_smoothing}"

    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=loss,
        metrics=["accuracy"],
        jit_compile=False,  # XLA would replace oneDNN's convolutions by slower ones
    )


def make_variables(model):
    """Give the optimizer and the metrics of a compiled model their variables.

    Born inside the first step, they would make TensorFlow build its graph twice, which takes
    seconds.
    """
    with model.distribute_strategy.scope():  # a copy on each device that the model is on
        if not model.optimizer.built:  # a LossScaleOptimizer would make some of them again
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


def train(model, photos: Photos, config: CourseSettings, run_dir: Path, report=None, replace=True):
    """Train a compiled model, and write the run folder after each epoch.

    The best weights are those with the highest validation accuracy (of equals, the lowest
    validation loss). They are in the model at the end, and on disk from the epoch that found them.
    A training that was cut off goes on after its last full epoch, as if nothing had happened; in
    its first epoch, the model gets its first weights back. A finished run, or one of other
    settings, is replaced once the first new epoch has ended.

    Args:
        model: compiled network (see ``compile_model``).
        photos: what to train on and to validate with.
        config: gives the number of epochs, the patience and the seed.
        run_dir: folder for ``model.keras`` (best), ``last.keras``, ``history.csv``,
            ``classes.json``, ``settings.json``, ``split.json`` and ``tensorboard/``; while it
            trains, ``checkpoint.npz`` holds what is needed to go on.
        report: called with the rows so far, a sentence, and the number of epochs; None shows a live
            figure.
        replace: whether it may replace an unfinished training of other settings.

    Returns:
        One dict an epoch with the keys of ``runs.COLUMNS``.

    Raises:
        CourseError: another training is writing to the folder, or holds it unfinished and may not
            be replaced; or the folder can't be written to; or several GPUs can't share the batches;
            or the model was trained before, and wasn't compiled again; or no photograph of a class
            can be read any more.
    """
    # The order of training does not depend on what ran before.
    keras.utils.set_random_seed(config.seed)
    make_variables(model)
    device_count = model.distribute_strategy.num_replicas_in_sync
    batches = devices.share(photos, config.batch_size, device_count)
    with runs.alone_in(run_dir):
        recorder = Recorder(model, photos, config, run_dir, report or LiveFigure())
        first = None
        try:
            recorder.take_up(replace)
            done = len(recorder.rows)
            if not done:
                _refuse_trained(model)
                first = _state(model)
            model.fit(
                batches,
                validation_data=photos.validation,
                initial_epoch=done,
                epochs=done if recorder.has_finished() else config.epochs,
                shuffle=False,  # the dataset does it
                verbose=0,
                callbacks=[recorder],
            )
            recorder.finish()
        except KeyboardInterrupt:
            epochs = len(recorder.rows)
            print(f"Stopped by you; {epochs} full epoch{'s' if epochs != 1 else ''} kept.")
        except tf.errors.OpError as error:
            # The input pipeline says it in one sentence; TensorFlow hides that in many lines.
            if said := re.search(r"CourseError: (.+)", error.message):
                raise CourseError(said[1]) from error
            raise
        finally:
            if first and not recorder.rows:
                _give_back(first)
        if recorder.rows:
            recorder.bare_model.load_weights(run_dir / runs.BEST)
    return recorder.rows


def _refuse_trained(model):
    steps = int(keras.ops.convert_to_numpy(model.optimizer.iterations))
    if steps:
        raise CourseError(
            f"This network was trained for {steps} steps already: build and compile it again to "
            f"train anew, or only compile it again to go on with its weights."
        )


def _state(model):
    """All variables that training changes, with their numbers; None where all are 0, as Adam's."""
    variables = runs.variables(model).values()
    numbers = ((variable, keras.ops.convert_to_numpy(variable)) for variable in variables)
    return [(variable, array if array.any() else None) for variable, array in numbers]


def _give_back(state):
    for variable, array in state:
        variable.assign(np.zeros(variable.shape) if array is None else array)
