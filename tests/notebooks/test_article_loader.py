"""What notebook 02 says of the article's way to load photographs, tried on the real loader."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from resnext_helpers import data, photo_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of 30 pictures, each in a grey of its own, by which it can be told apart."""
    folder = tmp_path_factory.mktemp("photographs")
    for label, name in enumerate(("gull", "owl")):
        (folder / name).mkdir()
        for number in range(30):
            grey = 4 * (2 * number + label)
            Image.new("RGB", (8, 8), (grey, grey, grey)).save(folder / name / f"{number:03}.png")
    return folder


def load(folder, subset, seed=123):
    """The article's 3.2.3."""
    return keras.utils.image_dataset_from_directory(
        folder,
        validation_split=0.2,
        subset=subset,
        seed=seed,
        image_size=(8, 8),
        batch_size=8,
        verbose=False,
    )


def epoch(batches):
    """The pictures that share a batch, by their grey, in one pass."""
    return [
        frozenset(np.asarray(images)[:, 0, 0, 0].round(3).tolist()) for images, _labels in batches
    ]


def test_the_articles_batches_keep_their_members(folder):
    batches = load(folder, "training").cache().shuffle(1000).prefetch(tf.data.AUTOTUNE)
    first, second = epoch(batches), epoch(batches)
    assert len(set(first)) == len(first) == 6
    assert set(first) == set(second)
    assert first != second  # only their order changes


def test_the_courses_batches_do_not(folder):
    photos = photo_folder.check(folder, progress=False).photos
    batches = data.pipeline(photos, image_size=8, batch_size=8, training=True, seed=123)
    first, second = epoch(batches), epoch(batches)
    assert frozenset().union(*first) == frozenset().union(*second)
    assert len(frozenset().union(*first)) == 60
    assert not set(first) & set(second)


def test_two_calls_with_different_seeds_leak(folder):
    train = set(load(folder, "training").file_paths)
    assert len(train) == 48
    assert not train & set(load(folder, "validation").file_paths)
    assert len(train & set(load(folder, "validation", seed=124).file_paths)) > 6


def test_the_articles_split_ignores_the_classes(folder):
    """The course's split gives each class 6 of 12 for any seed; the article's doesn't."""
    report = photo_folder.check(folder, progress=False)
    article, ours = set(), set()
    for seed in range(5):
        files = load(folder, "validation", seed).file_paths
        article.add(sum(Path(file).parent.name == "gull" for file in files))
        ours.add(sum(p.label == 0 for p in data.split(report, 0.2, seed).validation))
    assert len(article) > 1
    assert ours == {6}


def test_the_articles_loader_stops_at_a_bad_file(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "owl" / "broken.jpg").write_text("Dear bird")
    loader = keras.utils.image_dataset_from_directory(tmp_path, batch_size=1, verbose=False)
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(loader)
    assert len(photo_folder.check(tmp_path, progress=False).photos) == 60
