"""From photographs to batches: the split, the order, the cache, augmentation, scaling."""

import dataclasses
import logging
import random
import unicodedata
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from pictures import make_folder, picture

from resnext_helpers import data, photo_folder, photos
from resnext_helpers.photo_folder import Photo, Report
from resnext_helpers.settings import PROFILES, CourseError


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "birds", {"Finch": 5, "Owl": 4, "Wren": 3})


@pytest.fixture
def report(folder):
    return photo_folder.check(folder, progress=False)


@pytest.fixture
def config(folder):
    return dataclasses.replace(PROFILES["sample"], data_dir=folder, image_size=16, batch_size=4)


def batches(report, **options):
    return data.pipeline(report.photos, **{"image_size": 16, "batch_size": 5, **options})


def epoch(dataset):
    """All pictures and labels of one pass."""
    images, labels = zip(*dataset, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def read_all(some_photos):
    return np.stack([photos.read(photo.path, 16) for photo in some_photos])


@pytest.fixture
def reads(monkeypatch):
    """How often each photograph is read from now on."""
    counts, read = Counter(), photos.read

    def counted(path, image_size):
        counts[path] += 1
        return read(path, image_size)

    monkeypatch.setattr(photos, "read", counted)
    return counts


# --- Splitting ---


def listed(counts):
    names = [
        (f"{class_name}/{n:03}.jpg", label)
        for label, (class_name, count) in enumerate(counts.items())
        for n in range(1, count + 1)
    ]
    return Report(
        Path("birds"), list(counts), [Photo(Path("birds") / n, label) for n, label in names], []
    )


def names(some_photos):
    return [f"{photo.path.parent.name}/{photo.path.stem}" for photo in some_photos]


@pytest.mark.parametrize(
    ("seed", "kept_back"),
    [
        (123, ["Finch/006", "Finch/007", "猫头鹰/003", "猫头鹰/005"]),
        (124, ["Finch/005", "Finch/009", "猫头鹰/002", "猫头鹰/010"]),
    ],
)
def test_the_split_is_this_one_on_every_machine(seed, kept_back):
    split = data.split(listed({"Finch": 10, "猫头鹰": 10}), 0.2, seed)
    assert names(split.validation) == kept_back


@pytest.mark.parametrize(
    ("counts", "fraction", "kept_back"),
    [
        ({"Finch": 60, "Owl": 30, "Wren": 11}, 0.2, {0: 12, 1: 6, 2: 2}),
        ({"Finch": 2, "Owl": 3, "Wren": 20}, 0.01, {0: 1, 1: 1, 2: 1}),
        ({"Finch": 2, "Owl": 3, "Wren": 20}, 0.99, {0: 1, 1: 2, 2: 19}),
    ],
)
def test_every_photo_is_in_one_part_and_each_class_gives_its_share(counts, fraction, kept_back):
    report = listed(counts)
    split = data.split(report, fraction, seed=1)
    assert Counter(photo.label for photo in split.validation) == kept_back
    assert sorted(names(split.train + split.validation)) == sorted(names(report.photos))


def test_neither_the_order_of_a_listing_nor_the_spelling_of_a_name_matters():
    def kept_back(form, order):
        report = listed({"Finch": 20, "Égrette": 20})
        spelled = [
            Photo(Path(unicodedata.normalize(form, f"é/{photo.path}")), photo.label)
            for photo in order(report.photos)
        ]
        split = data.split(dataclasses.replace(report, photos=spelled), 0.2, seed=5)
        return {unicodedata.normalize("NFC", name) for name in names(split.validation)}

    assert kept_back("NFC", list) == kept_back(
        "NFD", lambda some: random.Random(1).sample(some, 40)
    )


# --- Batches ---


def test_a_batch(report):
    dataset = batches(report)
    images, labels = next(iter(dataset))
    assert (images.shape, images.dtype) == ((5, 16, 16, 3), tf.float32)
    assert (labels.shape, labels.dtype) == ((5,), tf.int32)
    assert dataset.element_spec[0].shape.as_list() == [None, 16, 16, 3]
    whole = batches(report, training=True, drop_remainder=True)
    for some, sizes in ((dataset, [5, 5, 2]), (whole, [5, 5])):
        assert len(some) == len(sizes)
        assert [len(labels) for _, labels in some] == sizes


def test_without_training_the_photos_come_in_order_and_unchanged(report):
    dataset = batches(report)
    for _ in range(2):
        images, labels = epoch(dataset)
        assert labels.tolist() == [photo.label for photo in report.photos]
        np.testing.assert_array_equal(data.unscale(images), read_all(report.photos))


@pytest.mark.parametrize("cache", [True, False])
def test_training_shuffles_anew_each_epoch(report, cache):
    dataset, orders = batches(report, training=True, cache=cache), []
    for _ in range(3):
        images, labels = epoch(dataset)
        differences = np.abs(data.unscale(images)[:, None].astype(int) - read_all(report.photos))
        order = differences.sum((2, 3, 4)).argmin(axis=1).tolist()
        assert sorted(order) == list(range(12))
        assert labels.tolist() == [report.photos[number].label for number in order]
        orders.append(order)
    assert len({tuple(order) for order in [range(12), *orders]}) == 4


@pytest.mark.parametrize("cache", [True, False])
def test_the_order_follows_from_the_seed_and_the_pass_alone(report, cache):
    passes = tf.Variable(0, dtype=tf.int64)
    form = {"training": True, "cache": cache, "seed": 7}
    dataset = batches(report, passes=passes, **form)
    epochs = [epoch(dataset)[0] for _ in range(3)]
    assert passes == 3 and not np.array_equal(epochs[0], epochs[1])
    passes.assign(1)  # as a training that goes on
    np.testing.assert_array_equal(epoch(dataset)[0], epochs[1])
    next(iter(dataset))  # a look at the first batch
    passes.assign(2)
    np.testing.assert_array_equal(epoch(dataset)[0], epochs[2])
    tf.random.set_seed(5)
    np.testing.assert_array_equal(epoch(batches(report, **form))[0], epochs[0])
    assert not np.array_equal(epoch(batches(report, **form | {"seed": 8}))[0], epochs[0])


@pytest.mark.parametrize(("cache", "count"), [(True, 12), (False, 36)])
def test_the_cache_reads_each_photo_once(report, reads, cache, count):
    dataset = batches(report, training=True, cache=cache)
    for _ in range(3):
        epoch(dataset)
    assert reads.total() == count


def test_batches_are_prepared_in_advance_and_no_pass_waits_for_a_sleeping_tuner(report):
    """Which would be a wait of up to a minute, now and then, so only the setting is tested."""
    dataset = batches(report, training=True)
    assert "Prefetch" in type(dataset).__name__
    assert dataset.options().autotune.enabled is False


def test_a_photo_that_is_gone_after_the_check_is_replaced_and_reported_once(report, caplog):
    gone, cut = report.photos[1], report.photos[7]
    gone.path.unlink()
    cut.path.write_bytes(cut.path.read_bytes()[:100])
    dataset = batches(report, cache=False)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            images, labels = epoch(dataset)
    assert labels.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2]
    pixels = data.unscale(images)
    np.testing.assert_array_equal(pixels[1], pixels[2])
    np.testing.assert_array_equal(pixels[7], pixels[8])
    first, second = sorted(record.getMessage() for record in caplog.records)
    assert "Finch/002.jpg: there is no such file" in first
    assert "Owl/003.jpg: cut off" in second


def test_a_class_that_is_gone_altogether_is_named(report, folder):
    for path in (folder / "Owl").iterdir():
        path.unlink()
    with pytest.raises(tf.errors.OpError, match="CourseError: No photograph of 'Owl' can be read"):
        epoch(batches(report))


# --- Augmentation ---


def augmented(images, seed=1):
    return np.asarray(data.augmentation(seed)(np.asarray(images), training=True))


def test_augmentation_keeps_form_and_range_and_follows_the_seed():
    images = np.stack([np.array(picture(seed, (32, 32))) for seed in range(6)])
    changed = augmented(images)
    assert (changed.shape, changed.dtype) == (images.shape, np.float32)
    assert changed.min() >= 0 and changed.max() <= 255
    np.testing.assert_array_equal(augmented(images), changed)
    assert not np.allclose(augmented(images, seed=2), changed, atol=1)
    first, second, *_ = augmented([images[0]] * 4)
    assert not np.allclose(first, second, atol=1)


def test_movements_stay_within_their_limits():
    """Two spots, in red at the left and in blue at the right, tell how their picture moved."""
    size = 65
    spots = np.full((400, size, size, 3), 60, np.uint8)
    spots[:, 30:35, 14:19, 0] = spots[:, 30:35, 46:51, 2] = 180
    changed = augmented(spots)
    weights = (changed - changed.min((1, 2), keepdims=True)).clip(20)[..., ::2] - 20
    places = np.einsum("nhwc,hwp->cnp", weights, np.indices((size, size)).transpose(1, 2, 0))
    red, blue = places / weights.sum((1, 2)).T[..., None]
    mirrored = red[:, 1] > blue[:, 1]
    assert 160 < mirrored.sum() < 240
    down, right = np.where(mirrored, (red - blue).T, (blue - red).T)
    turn = np.degrees(np.arctan2(down, right))
    assert -10.5 < turn.min() < -8 and 8 < turn.max() < 10.5
    zoom = np.hypot(down, right) / 32
    assert 0.89 < zoom.min() < 0.92 and 1.08 < zoom.max() < 1.13
    shift = ((red + blue) / 2 - size // 2) / size
    assert (np.abs(shift) < 0.12).all() and (np.abs(shift).max(axis=0) > 0.09).all()
    together = np.corrcoef([mirrored, turn, zoom, *shift.T]) - np.eye(5)
    assert np.abs(together).max() < 0.25  # each of its own accord


def test_no_black_border_turns_in():
    assert augmented(np.full((50, 32, 32, 3), 128)).min() > 128 - 26


def test_light_changes_both_ways_within_its_limits():
    """Values in steps from left to right, of one mean and one spread, far from black and white."""
    stripes = np.full((400, 32, 32, 3), 118, np.uint8)
    stripes[:, ::2] += 20
    network = data.augmentation(3)
    light = keras.Sequential(network.layers[-2:])(stripes, training=True).numpy()
    brighter, spread = light.mean((1, 2, 3)) - 128, light.std((1, 2, 3)) / 10
    assert -25.6 < brighter.min() < -23 and 23 < brighter.max() < 25.6
    assert 0.8 <= spread.min() < 0.83 and 1.17 < spread.max() <= 1.2


# --- Scaling ---


def test_scale_and_unscale():
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    scaled = data.scale(pixels)
    assert scaled.dtype == tf.float32
    # Black, in ImageNet's means and spreads: -0.485 / 0.229 and so on.
    np.testing.assert_allclose(scaled[0, 0, 0], [-2.1179, -2.0357, -1.8044], atol=1e-4)
    np.testing.assert_array_equal(data.unscale(scaled), pixels)
    assert data.unscale([[[9.0, 9.0, 9.0]]]).tolist() == [[[255, 255, 255]]]


# --- All of it ---


def test_load(config, folder):
    found = data.load(config, progress=False)
    assert found.folder == folder
    assert "RESNEXT_DATA" in found.source
    assert found.class_names == ["Finch", "Owl", "Wren"]
    assert Counter(photo.label for photo in found.split.validation) == {0: 1, 1: 1, 2: 1}
    first, second = epoch(found.train), epoch(found.train)
    assert Counter(first[1].tolist()) == {0: 4, 1: 3, 2: 2}
    assert not np.array_equal(first[0], second[0])
    assert found.passes == 2
    np.testing.assert_array_equal(epoch(data.load(config, progress=False).train)[0], first[0])


def test_several_gpus_get_whole_batches(config):
    """9 photographs are for training and 3 for validation."""
    found = data.load(
        dataclasses.replace(config, batch_size=2), progress=False, drop_remainder=True
    )
    assert (len(found.train), len(found.validation)) == (4, 1)
    with pytest.raises(CourseError, match="fewer than 4"):
        data.load(dataclasses.replace(config, batch_size=4), progress=False, drop_remainder=True)


def test_training_is_augmented_and_validation_never(config):
    found = data.load(config, progress=False)
    for _ in range(2):
        images, labels = epoch(found.validation)
        assert labels.tolist() == [0, 1, 2]
        np.testing.assert_array_equal(data.unscale(images), read_all(found.split.validation))
    seen = data.unscale(np.concatenate([epoch(found.train)[0] for _ in range(2)]))
    assert len(np.unique([*seen, *read_all(found.split.train)], axis=0)) == 3 * 9


@pytest.mark.parametrize(("spare", "times"), [(0, 1), (-1, 2)])
def test_load_caches_what_fits_into_memory(config, reads, monkeypatch, spare, times):
    monkeypatch.setattr(data, "CACHE_BYTES", 12 * 16 * 16 * 3 + spare)
    found = data.load(config, progress=False)
    for _ in range(2):
        epoch(found.train), epoch(found.validation)
    assert reads.total() == 12 * times
