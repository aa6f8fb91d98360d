"""From a folder of photographs to batches for training: find, check, split, and feed."""

import hashlib
import logging
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from resnext_helpers import augmentation
from resnext_helpers import photos as photo_files
from resnext_helpers.augmentation import augment
from resnext_helpers.checking import check_folder as check
from resnext_helpers.checking import find, source
from resnext_helpers.report import Photo, Report
from resnext_helpers.settings import CourseError, CourseSettings, display_path

__all__ = [
    "Photos",
    "Split",
    "augment",
    "check",
    "find",
    "load",
    "pipeline",
    "scale",
    "split",
    "unscale",
]

# Mean and spread of red, green and blue in ImageNet: published weights expect pictures scaled so.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)

CACHE_BYTES = 1_000_000_000  # ``load`` keeps photographs in memory up to here
DEFAULT_SEED = 87654321  # TensorFlow's own, where none is set

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """The photographs for training, and those kept back to test what was learned."""

    train: list[Photo]
    validation: list[Photo]


@dataclass
class Passes:
    """Counts the passes over the photographs: each has an order and variations of its own.

    Attributes:
        number: of the next pass. A training that goes on sets it to the epochs that it had.
    """

    number: int = 0

    def assign(self, number):
        self.number = number


@dataclass(frozen=True)
class Photos:
    """All that a notebook needs of a folder of photographs.

    Attributes:
        folder: where the photographs are.
        source: the same, in words.
        report: what the check of the folder found.
        class_names: one name a class, in the order of the labels.
        split: which photographs are in which part.
        train: batches for training: shuffled, augment, scaled.
        validation: batches for validation: in order, scaled.
        passes: which pass over ``train`` comes next.
    """

    folder: Path
    source: str
    report: Report
    class_names: list[str]
    split: Split
    train: tf.data.Dataset
    validation: tf.data.Dataset
    passes: Passes = field(default_factory=Passes)


def load(config: CourseSettings, progress: bool = True, drop_remainder: bool = False) -> Photos:
    """Find the photographs, check every file, split them, and make both pipelines.

    Raises:
        CourseError: the folder is missing, or its photographs are too few (see ``check``).
    """
    folder = find(config)
    report = check(folder, progress)
    parts = split(report, config.validation_fraction, config.seed)
    form = {
        "image_size": config.image_size,
        "batch_size": config.batch_size,
        "cache": len(report.photos) * config.image_size**2 * 3 <= CACHE_BYTES,
        "seed": config.seed,
    }
    passes = Passes()
    return Photos(
        folder,
        source(folder),
        report,
        report.class_names,
        parts,
        train=pipeline(parts.train, training=True, augment=True, passes=passes, **form),
        validation=pipeline(parts.validation, **form),
        passes=passes,
    )


def split(report: Report, validation_fraction: float, seed: int) -> Split:
    """Share the photographs of each class between training and validation.

    The share is the same for every class, with at least one photograph in each part. Where a
    photograph goes depends only on the seed, its class and its name, so the split is the same on
    every machine.
    """
    train, validation = [], []
    for label, class_name in enumerate(report.class_names):
        members = [photo for photo in report.photos if photo.label == label]
        lots = {photo: _lot(seed, class_name, photo.path.name) for photo in members}
        wanted = round(len(members) * validation_fraction)
        drawn = sorted(members, key=lots.get)[: min(max(wanted, 1), len(members) - 1)]
        train += [photo for photo in members if photo not in drawn]
        validation += [photo for photo in members if photo in drawn]
    return Split(train, validation)


def _lot(seed, class_name, file_name):
    """A random number that no version of a random generator can change."""
    text = unicodedata.normalize("NFC", f"{seed}/{class_name}/{file_name}")
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def pipeline(
    photos: list[Photo],
    *,
    image_size: int,
    batch_size: int,
    training: bool = False,
    augment: bool = False,
    cache: bool = True,
    seed: int | None = None,
    passes: Passes | None = None,
) -> tf.data.Dataset:
    """Batches of scaled pictures and their labels, prepared while the network computes.

    A file that can't be read any more (moved or damaged since the check) is left out and reported
    in the log. The next readable photograph of its class stands in for it, so that the number of
    batches and the order of the labels stay as they were.

    Args:
        photos: what to read; without ``training`` the batches keep this order.
        image_size: height and width of a picture, in pixels.
        batch_size: pictures in a batch; the last batch may be smaller.
        training: shuffle, in a new order each epoch.
        augment: vary each picture each time (see ``augment``).
        cache: keep the pictures in memory after the first epoch.
        seed: makes the orders and the variations repeatable: they follow from it and the pass.
        passes: which pass comes next; None begins to count here.

    Returns:
        Dataset of ``(images, labels)``: ``float32 (batch, image_size, image_size, 3)`` as from
        ``scale``, and ``int32 (batch,)``.
    """

    items, read = tf.data.Dataset.range(len(photos)), _reader(photos, image_size)
    if cache:  # as 8-bit pixels, a quarter of the memory of floats
        items = items.map(read, tf.data.AUTOTUNE).cache()
    next_seeds = _seeds(seed, Passes() if passes is None else passes)

    def one_pass(_):
        tf.random.set_seed(DEFAULT_SEED)  # of this graph: the process's own seed has no part in it
        seeds = tf.ensure_shape(tf.numpy_function(next_seeds, [], tf.int64), (2,))
        ordered = items
        if training:
            ordered = items.shuffle(len(photos), seeds[0], reshuffle_each_iteration=False)
        return tf.data.Dataset.zip(ordered, tf.data.Dataset.random(seed=seeds[1]))

    dataset = tf.data.Dataset.from_tensors(0).flat_map(one_pass)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(photos)))
    if not cache:  # after shuffling: a buffer of numbers, not of pictures
        dataset = dataset.map(lambda number, chance: (read(number), chance), tf.data.AUTOTUNE)

    def prepare(pictures, chances):
        images, labels = pictures
        if augment:
            images = augmentation.augment(images, chances[0])
        return scale(images), labels

    dataset = dataset.batch(batch_size).map(prepare, tf.data.AUTOTUNE)
    # TensorFlow's tuner sleeps for up to a minute between its looks, and a pass that ends may have
    # to wait until it wakes up. Without it, a map has as many threads as there are cores.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def _seeds(seed, passes):
    """A function that gives the two seeds of the next pass: for its order, for its variations."""
    start = np.random.SeedSequence(seed).entropy  # without a seed: another one each time

    def draw():
        number, passes.number = passes.number, passes.number + 1
        return np.random.default_rng([start, number]).integers(2**62, size=2)

    return draw


def _reader(photos, image_size):
    """A function from a photograph's number to its pixels and label, for ``Dataset.map``."""
    left_out = set()

    def read_or_stand_in(number):
        label = photos[number].label
        for step in range(len(photos)):
            photo = photos[(number + step) % len(photos)]
            if photo.label == label and photo not in left_out:
                try:
                    return photo_files.read(photo.path, image_size), np.int32(label)
                except photo_files.PhotoError as error:
                    left_out.add(photo)
                    _log.warning("Left out, another photograph stands in: %s", error)
        raise CourseError(
            f"No photograph of {photos[number].path.parent.name!r} can be read any more: is the "
            f"drive with {display_path(photos[number].path.parent)} still connected?"
        )

    def read(number):
        image, label = tf.numpy_function(read_or_stand_in, [number], (tf.uint8, tf.int32))
        return tf.ensure_shape(image, (image_size, image_size, 3)), tf.ensure_shape(label, ())

    return read


def scale(images) -> tf.Tensor:
    """Pixels 0..255, ``(..., 3)``, to ``float32`` around 0: minus the mean, over the spread."""
    return (tf.cast(images, tf.float32) / 255.0 - MEAN) / STD


def unscale(images) -> np.ndarray:
    """Back from ``scale`` to ``uint8`` pixels 0..255, for showing."""
    pixels = (np.asarray(images, np.float32) * STD + MEAN) * 255
    return pixels.round().clip(0, 255).astype(np.uint8)
