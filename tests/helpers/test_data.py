import dataclasses
import logging
import random
import unicodedata
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from pictures import UNUSUAL, add, make_folder

from resnext_helpers import checking, data, photos, sample_birds
from resnext_helpers.report import Photo, Report
from resnext_helpers.settings import PROFILES, CourseError


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "birds", {"Finch": 5, "Owl": 4, "Wren": 3})


@pytest.fixture
def report(folder):
    return data.check(folder, progress=False)


@pytest.fixture
def config(folder):
    return dataclasses.replace(PROFILES["sample"], data_dir=folder, image_size=16, batch_size=4)


def batches(report_or_photos, **options):
    chosen = getattr(report_or_photos, "photos", report_or_photos)
    return data.pipeline(chosen, **{"image_size": 16, "batch_size": 5, **options})


def epoch(dataset):
    """All pictures and labels of one pass."""
    images, labels = zip(*dataset, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def read_all(report):
    return np.stack([photos.read(photo.path, 16) for photo in report.photos])


# --- Finding the folder ---


def test_resnext_data_comes_first_then_your_photographs_then_the_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "OWN_PHOTOS", tmp_path / "bird_photos")
    monkeypatch.setattr(checking, "SAMPLE", tmp_path / "sample_birds")
    monkeypatch.setattr(checking.sample_birds, "draw", lambda folder: folder)
    config = PROFILES["sample"]
    assert data.find(config) == tmp_path / "sample_birds"
    (tmp_path / "bird_photos").mkdir()
    assert data.find(config) == tmp_path / "bird_photos"
    chosen = dataclasses.replace(config, data_dir=tmp_path / "elsewhere")
    assert data.find(chosen) == tmp_path / "elsewhere"


@pytest.mark.parametrize("chosen", [False, True])
def test_the_sample_is_drawn_on_first_use(tmp_path, monkeypatch, chosen):
    sample = tmp_path / "sample_birds"
    monkeypatch.setattr(checking, "OWN_PHOTOS", tmp_path / "bird_photos")
    monkeypatch.setattr(checking, "SAMPLE", sample)
    few = partial(sample_birds.draw, per_class=2, size=32)
    monkeypatch.setattr(checking.sample_birds, "draw", few)
    config = dataclasses.replace(PROFILES["sample"], data_dir=sample if chosen else None)
    found = data.load(config, progress=False)
    assert found.folder == sample
    assert found.report.counts() == dict.fromkeys(sample_birds.SPECIES, 2)
    assert found.report.problems == []
    assert "drawings, not photographs" in found.source


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


def test_the_split_is_this_one_on_every_machine():
    split = data.split(listed({"Finch": 10, "猫头鹰": 10}), 0.2, seed=123)
    assert names(split.validation) == ["Finch/006", "Finch/007", "猫头鹰/003", "猫头鹰/005"]
    split = data.split(listed({"Finch": 10, "猫头鹰": 10}), 0.2, seed=124)
    assert names(split.validation) == ["Finch/005", "Finch/009", "猫头鹰/002", "猫头鹰/010"]


def test_every_photo_is_in_one_part_and_each_class_gives_its_share():
    report = listed({"Finch": 60, "Owl": 30, "Wren": 11})
    split = data.split(report, 0.2, seed=1)
    assert Counter(photo.label for photo in split.validation) == {0: 12, 1: 6, 2: 2}
    assert sorted(names(split.train + split.validation)) == sorted(names(report.photos))


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.99])
def test_each_class_has_at_least_one_photo_in_each_part(fraction):
    split = data.split(listed({"Finch": 2, "Owl": 3, "Wren": 20}), fraction, seed=1)
    assert {photo.label for photo in split.train} == {0, 1, 2}
    assert {photo.label for photo in split.validation} == {0, 1, 2}


def test_the_order_of_a_listing_does_not_matter():
    report = listed({"Finch": 20, "Égrette": 20})
    expected = data.split(report, 0.2, seed=5)
    shuffled = random.Random(1).sample(report.photos, len(report.photos))
    split = data.split(dataclasses.replace(report, photos=shuffled), 0.2, seed=5)
    assert set(names(split.validation)) == set(names(expected.validation))


def test_the_spelling_of_a_name_does_not_matter():
    def spelled(form):
        report = listed({"Finch": 20, "Owl": 20})
        renamed = [
            Photo(
                photo.path.with_name(unicodedata.normalize(form, f"é {photo.path.name}")),
                photo.label,
            )
            for photo in report.photos
        ]
        split = data.split(dataclasses.replace(report, photos=renamed), 0.2, seed=5)
        return [unicodedata.normalize("NFC", name) for name in names(split.validation)]

    assert spelled("NFD") == spelled("NFC")


def test_the_split_is_spread_over_the_names():
    """Over many seeds each photograph is drawn about equally often."""
    report = listed({"Finch": 10, "Owl": 10})
    drawn = Counter(
        name for seed in range(300) for name in names(data.split(report, 0.2, seed).validation)
    )
    assert len(drawn) == 20
    assert 35 < min(drawn.values()) <= max(drawn.values()) < 85  # 60 expected


# --- Batches ---


def test_a_batch(report):
    dataset = batches(report)
    images, labels = next(iter(dataset))
    assert (images.shape, images.dtype) == ((5, 16, 16, 3), tf.float32)
    assert (labels.shape, labels.dtype) == ((5,), tf.int32)
    assert dataset.element_spec[0].shape.as_list() == [None, 16, 16, 3]
    assert len(dataset) == 3
    assert [len(labels) for _, labels in dataset] == [5, 5, 2]


def test_without_training_the_photos_come_in_order_and_unchanged(report):
    images, labels = epoch(batches(report))
    assert labels.tolist() == [photo.label for photo in report.photos]
    np.testing.assert_array_equal(data.unscale(images), read_all(report))


def test_training_shuffles_anew_each_epoch(report):
    for cache in (True, False):
        dataset = batches(report, training=True, cache=cache, seed=1)
        first, second = epoch(dataset), epoch(dataset)
        assert not np.array_equal(first[0], second[0])
        for images, labels in (first, second):
            pixels = data.unscale(images)
            order = [int(np.abs(read_all(report) - p).sum((1, 2, 3)).argmin()) for p in pixels]
            assert sorted(order) == list(range(len(report.photos)))
            assert order != sorted(order)
            assert labels.tolist() == [report.photos[number].label for number in order]


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("augment", [True, False])
def test_a_seed_makes_every_epoch_repeatable(report, cache, augment):
    one, again, other = (
        batches(report, training=True, augment=augment, cache=cache, seed=seed)
        for seed in (7, 7, 8)
    )
    for _ in range(3):
        images, labels = epoch(one)
        repeated, labels_again = epoch(again)
        np.testing.assert_array_equal(images, repeated)
        np.testing.assert_array_equal(labels, labels_again)
        assert not np.array_equal(images, epoch(other)[0])


def test_the_order_follows_from_the_seed_and_the_pass_alone(report):
    passes = data.Passes(3)
    one = batches(report, training=True, augment=True, seed=7, passes=passes)
    expected = epoch(one)
    assert passes.number == 4
    for global_seed in (1, 2):
        tf.random.set_seed(global_seed)
        again = batches(report, training=True, augment=True, seed=7, passes=data.Passes(3))
        np.testing.assert_array_equal(epoch(again)[0], expected[0])
    assert not np.array_equal(epoch(one)[0], expected[0])


def test_augmentation_varies_from_epoch_to_epoch_and_only_when_asked(report):
    dataset = batches(report, augment=True)
    first, second = epoch(dataset)[0], epoch(dataset)[0]
    assert not np.allclose(first, second, atol=0.1)
    assert len(dataset) == 3
    np.testing.assert_array_equal(*(epoch(batches(report))[0] for _ in range(2)))


@pytest.mark.parametrize(("cache", "reads"), [(True, 12), (False, 36)])
def test_the_cache_reads_each_photo_once(report, monkeypatch, cache, reads):
    count = Counter()
    read = photos.read

    def counted(path, image_size):
        count[path] += 1
        return read(path, image_size)

    monkeypatch.setattr(photos, "read", counted)
    dataset = batches(report, training=True, cache=cache)
    for _ in range(3):
        epoch(dataset)
    assert count.total() == reads


def test_batches_are_prepared_in_advance(report):
    assert "Prefetch" in type(batches(report)).__name__


def test_no_unusual_file_ends_an_epoch(folder):
    for kind in UNUSUAL:
        add(folder / "Owl", kind)
    report = data.check(folder, progress=False)
    dataset = batches(report, training=True, augment=True)
    for _ in range(2):
        images, labels = epoch(dataset)
        used = sum(not skipped for *_, skipped, _words in UNUSUAL.values())
        assert Counter(labels.tolist()) == {0: 5, 1: 4 + used, 2: 3}
        assert np.isfinite(images).all()


def test_a_photo_that_is_gone_after_the_check_is_replaced_and_reported(report, caplog):
    gone, cut = report.photos[1], report.photos[7]
    gone.path.unlink()
    cut.path.write_bytes(cut.path.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        images, labels = epoch(batches(report))
    assert labels.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2]
    pixels = data.unscale(images)
    np.testing.assert_array_equal(pixels[1], pixels[2])
    np.testing.assert_array_equal(pixels[7], pixels[8])
    messages = sorted(record.getMessage() for record in caplog.records)
    assert len(messages) == 2
    assert "Finch/002.jpg: there is no such file" in messages[0]
    assert "Owl/003.jpg: cut off" in messages[1]


def test_a_lost_photo_is_reported_once(report, caplog):
    report.photos[0].path.unlink()
    dataset = batches(report, cache=False)
    for _ in range(3):
        epoch(dataset)
    assert len(caplog.records) == 1


def test_a_class_that_is_gone_altogether_is_named(report, folder):
    for path in (folder / "Owl").iterdir():
        path.unlink()
    with pytest.raises(tf.errors.OpError, match="No photograph of 'Owl' can be read any more"):
        epoch(batches(report))


@pytest.mark.parametrize("training", [True, False])
def test_no_pass_waits_for_a_sleeping_tuner(report, training):
    """Which would be a wait of up to a minute, now and then, so only the setting is tested."""
    assert batches(report, training=training).options().autotune.enabled is False


# --- Scaling ---


def test_scale_and_unscale():
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    scaled = data.scale(pixels)
    assert scaled.dtype == tf.float32
    red, green, blue = scaled.numpy()[0, 0, 0]
    # Black, in ImageNet's means and spreads: -0.485 / 0.229 and so on.
    np.testing.assert_allclose([red, green, blue], [-2.1179, -2.0357, -1.8044], atol=1e-4)
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
    np.testing.assert_array_equal(epoch(found.validation)[1], [0, 1, 2])
    np.testing.assert_array_equal(epoch(data.load(config, progress=False).train)[0], first[0])


@pytest.mark.parametrize(("spare", "cached"), [(0, True), (-1, False)])
def test_load_caches_what_fits_into_memory(config, monkeypatch, spare, cached):
    asked = []
    pipeline = data.pipeline

    def spy(some_photos, **options):
        asked.append(options["cache"])
        return pipeline(some_photos, **options)

    monkeypatch.setattr(data, "CACHE_BYTES", 12 * 16 * 16 * 3 + spare)
    monkeypatch.setattr(data, "pipeline", spy)
    data.load(config, progress=False)
    assert asked == [cached, cached]


def test_load_says_what_is_wrong_with_a_folder(config, tmp_path):
    with pytest.raises(CourseError, match="nowhere"):
        data.load(dataclasses.replace(config, data_dir=tmp_path / "nowhere"))
