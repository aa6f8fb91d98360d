"""Evaluation: reading a run back, a picture's prediction."""

import dataclasses
import shutil

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from resnext_course import quick_run
from resnext_course.figures import own_photo
from resnext_helpers import data, evaluation, models, photos, training
from resnext_helpers.settings import PROFILES, CourseError


@pytest.fixture(scope="module")
def run_and_config(tmp_path_factory):
    """A real small run on two classes that differ in brightness."""
    data_dir = tmp_path_factory.mktemp("two classes")
    rng = np.random.default_rng(0)
    for name, brightness in (("bright", 200), ("dark", 30)):
        (data_dir / name).mkdir()
        for i in range(10):
            pixels = rng.integers(brightness, brightness + 50, (48, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(data_dir / name / f"{i}.jpg")
    config = dataclasses.replace(
        PROFILES["sample"], data_dir=data_dir, runs_dir=tmp_path_factory.mktemp("runs")
    )
    # One block for four, and few channels: a training that takes a second.
    full = models.resnext
    tiny = {"groups": 2, "width_per_group": 2, "blocks": (1,)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "resnext", lambda *shape, **form: full(*shape, **form | tiny))
        return quick_run.find(config), config


def test_without_a_run_a_small_one_is_trained_and_then_found(run_and_config, capsys):
    run, config = run_and_config
    assert run.model.name == "small_resnext"
    assert run.model.output_shape == (None, 2)
    assert run.class_names == ["bright", "dark"]
    assert {photo.label for photo in run.validation} == {0, 1}
    assert len(run.history) == 6

    again = quick_run.find(config)
    assert "The run in" in capsys.readouterr().out
    assert [row["val_loss"] for row in again.history] == [row["val_loss"] for row in run.history]


def test_the_run_of_these_photographs_comes_before_the_small_one(run_and_config):
    run, config = run_and_config
    full = config.run_dir(config.data_dir)
    shutil.copytree(run.folder, full)
    assert quick_run.find(config).folder == full
    shutil.rmtree(full)


@pytest.mark.parametrize(
    "name", ["model.keras", "history.csv", "classes.json", "settings.json", "split.json"]
)
def test_a_damaged_or_missing_file_is_named_and_no_other_network_trained(
    run_and_config, tmp_path, name
):
    run, config = run_and_config
    config = dataclasses.replace(config, runs_dir=tmp_path)
    broken = config.run_dir(config.data_dir)
    shutil.copytree(run.folder, broken)
    content = (broken / name).read_bytes()
    (broken / name).write_bytes(b"" if name == "history.csv" else content[: len(content) // 2])
    with pytest.raises(CourseError, match=f"{name} is damaged.*train again with notebook 05"):
        quick_run.find(config)
    assert list(tmp_path.iterdir()) == [broken]
    (broken / name).unlink()
    with pytest.raises(CourseError, match=f"has no {name}: train with notebook 05"):
        evaluation.load_run(broken)


CHANGED = {  # what somebody, or another version, has written into a file of a run
    "settings.json": ["[]", '{"image_size": 64}', '{"data_dir": 3, "image_size": 64}'],
    "classes.json": ["3", '["owl", "owl"]', "[1, 2]", '{"a": 1}', "null"],
    "split.json": ["[]", '{"train": {}}', '{"validation": {"a/1.jpg": "no class of it"}}'],
    "history.csv": ["epoch,loss\n1,2\n", "epoch,loss,accuracy,val_loss,val_accuracy\n1,x,1,1,1\n"],
}


@pytest.mark.parametrize(
    ("name", "content"), [(name, content) for name, all_ in CHANGED.items() for content in all_]
)
def test_a_file_that_another_hand_wrote_is_named(run_and_config, tmp_path, name, content):
    run, _ = run_and_config
    folder = shutil.copytree(run.folder, tmp_path / "changed")
    (folder / name).write_text(content, "utf-8")
    with pytest.raises(CourseError, match=f"{name} is damaged") as refusal:
        evaluation.load_run(folder)
    assert "\n" not in str(refusal.value)


def test_a_model_of_another_kind_or_with_a_flipped_byte_is_named(run_and_config, tmp_path):
    """It is read in Keras' safe mode, so Python code in it doesn't run."""
    run, _ = run_and_config
    folder = shutil.copytree(run.folder, tmp_path / "other")
    inputs = keras.Input((48, 48, 3))
    for outputs, said in (
        (keras.layers.Dense(3)(keras.layers.Flatten()(inputs)), "for 48 pixels and 3 classes"),
        (keras.layers.Lambda(lambda x: x)(inputs), "deserialization"),
    ):
        keras.Model(inputs, outputs).save(folder / "model.keras")
        with pytest.raises(CourseError, match=f"model.keras .*{said}"):
            _ = evaluation.load_run(folder).model
    content = bytearray((run.folder / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.keras").write_bytes(content)
    with pytest.raises(CourseError, match=r"model.keras is damaged"):
        _ = evaluation.load_run(folder).model


def test_photographs_that_moved_away_are_named(run_and_config, tmp_path):
    run, _ = run_and_config
    moved = tmp_path / "moved"
    shutil.copytree(run.folder, moved)
    settings = (moved / "settings.json").read_text("utf-8")
    (moved / "settings.json").write_text(settings.replace("two classes", "gone"), "utf-8")
    with pytest.raises(CourseError, match="of the 4 validation photographs are not there any more"):
        evaluation.load_run(moved)


def test_the_best_epoch_was_saved_and_one_picture_gets_what_it_gets_among_many(run_and_config):
    run, _ = run_and_config
    batches = data.pipeline(run.validation, image_size=run.image_size, batch_size=3)
    of_many = softmax(run.model.predict(batches, verbose=0), axis=1)
    right = of_many.argmax(axis=1) == [photo.label for photo in run.validation]
    assert right.mean() == pytest.approx(training.best(run.history)["val_accuracy"])
    for photo, wanted in zip(run.validation, of_many, strict=True):
        image = data.scale(photos.read(photo.path, run.image_size))
        of_one = own_photo.predict_image(run.model, image)
        np.testing.assert_allclose(of_one, wanted, atol=1e-4)
