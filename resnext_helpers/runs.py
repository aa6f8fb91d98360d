"""The run folder: what a training writes, and how it goes on after it was cut off.

Whatever happens, each file is an old one or a new one, never half of one; and of two trainings that
want the same folder, the second is refused.
"""

import csv
import json
import os
import shutil
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import filelock
import keras
import numpy as np
import tensorflow as tf

from resnext_helpers.settings import CourseError, display_path

COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
CHECKPOINT = "checkpoint.npz"
HISTORY = "history.csv"
BEST = "model.keras"
LAST = "last.keras"
TENSORBOARD = "tensorboard"


@contextmanager
def replacing(path: Path):
    """A path to write to, which takes the place of ``path`` at the end.

    Whatever happens in between, ``path`` is the old file or the new one, never half of one.
    """
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # on the disk before it counts, should the power go
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path, content):
    """Write a file that people can read, too."""
    with replacing(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
        # A file name may hold bytes that are no text; they come back as they were.
        temporary.write_text(text + "\n", encoding="utf-8", errors="surrogateescape")


def write_history(path, rows):
    """Write one line an epoch, with the columns of ``COLUMNS``."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


@contextmanager
def alone_in(folder: Path):
    """Hold the run folder, made if need be, against every other training.

    The system lets go of it when the process ends, however it ends.

    Raises:
        CourseError: another training holds it, or it can't be written to.
    """
    lock = filelock.FileLock(folder.with_name(f".{folder.name}.lock"), timeout=0)
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise CourseError(
                f"Another training is writing to {display_path(folder)}: wait until it ends, stop "
                f"it, or choose another run folder."
            ) from error
    try:
        with explained(folder):
            for leftover in folder.glob(".[0-9]*-*"):  # of a training that was killed in a write
                leftover.unlink()
        yield
    finally:
        lock.release()


@contextmanager
def explained(folder):
    """Says what to do where the disk is full or the folder is protected.

    Raises:
        CourseError: instead of an ``OSError`` or TensorFlow's error.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CourseError(
            f"{display_path(folder)} can't be written to ({reason}). What was written before is "
            f"whole. Make room on the disk (1 GB is enough), close the program that has one of its "
            f"files open, or choose a run folder in which you may write; then start again: a "
            f"training goes on after the last epoch that was kept."
        ) from error


def refuse_finished(folder):
    """Refuse to replace what a finished training left.

    Raises:
        CourseError: the folder holds a finished training.
    """
    if (folder / HISTORY).exists() and not (folder / CHECKPOINT).exists():
        raise CourseError(
            f"{display_path(folder)} holds a finished training: choose another name, or delete "
            f"the folder."
        )


def save_checkpoint(folder, model, rows, training):
    """Write all that is needed to go on after these epochs, in one file.

    Args:
        folder: the run folder.
        model: compiled network whose optimizer has its variables.
        rows: one dict an epoch, with the keys of ``COLUMNS``.
        training: what is trained and how; a checkpoint is only for the training that wrote it.
    """
    arrays = {name: keras.ops.convert_to_numpy(v) for name, v in variables(model).items()}
    about = json.dumps({"rows": rows, "training": training}, default=str)
    with replacing(folder / CHECKPOINT) as temporary, temporary.open("wb") as file:
        np.savez(file, about=np.array(about), **arrays)


def read_checkpoint(folder):
    """The rows and the training of a checkpoint, without its weights; None where there is none.

    Raises:
        CourseError: the file is damaged, or may not be read.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    with _readable(path), np.load(path) as arrays:  # no pickles: a file runs no code
        about = json.loads(str(arrays["about"]))
        return about["rows"], about["training"]


def load_checkpoint(folder, model):
    """Give the network and its optimizer the state of the checkpoint, all of it or nothing.

    Raises:
        CourseError: the file is damaged, or may not be read.
    """
    path = folder / CHECKPOINT
    changing = variables(model)
    with _readable(path), np.load(path) as arrays:
        kept = {name: arrays[name] for name in changing}
    for name, variable in changing.items():
        variable.assign(kept[name])


@contextmanager
def _readable(path):
    try:
        yield
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        if getattr(error, "errno", None):  # the system's, which says nothing of what is in it
            raise CourseError(
                f"{display_path(path)} can't be read ({error.strerror}): close the program that "
                f"has it open, or see that you may read it; then start again."
            ) from error
        raise CourseError(
            f"{display_path(path)} is damaged, so the training can't go on from it: delete the "
            f"file to start anew, or choose another run folder."
        ) from error


def variables(model):
    """All numbers that training changes, by a name that depends on their order alone."""
    kinds = {"weight": model.weights, "optimizer": model.optimizer.variables}
    return {f"{kind}{i}": v for kind, all_ in kinds.items() for i, v in enumerate(all_)}


def differences(one, other):
    """In what two descriptions of a training differ once they are written, as a list in words."""
    one, other = (json.loads(json.dumps(content, default=str)) for content in (one, other))
    return ", ".join(name for name in {**one, **other} if one.get(name) != other.get(name))


def clear(folder):
    """Take away what only a whole run has, before another one is written over it.

    A run without a history counts as none, so nobody reads a mixture of both.
    """
    (folder / HISTORY).unlink(missing_ok=True)
    (folder / LAST).unlink(missing_ok=True)
    shutil.rmtree(folder / TENSORBOARD, ignore_errors=True)


def log_epoch(folder, row):
    """Add an epoch to the log that TensorBoard shows."""
    for part, prefix in (("train", ""), ("validation", "val_")):
        with tf.summary.create_file_writer(str(folder / TENSORBOARD / part)).as_default():
            for name in ("loss", "accuracy"):
                tf.summary.scalar(f"epoch_{name}", row[prefix + name], step=row["epoch"])
