"""A training that was cut off goes on as if nothing had happened, and two don't mix."""

import dataclasses
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from pictures import make_folder

from resnext_helpers import data, evaluation, models, runs, training
from resnext_helpers.settings import PROFILES, PROJECT, CourseError

CONFIG = dataclasses.replace(PROFILES["sample"], image_size=32, batch_size=4, epochs=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("data") / "birds", {"Finch": 6, "Owl": 6})


class Stop(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch, as the ■ button does."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 1:
            raise KeyboardInterrupt


def network():
    """A new small network, as a fresh start of the process would make it."""
    keras.utils.set_random_seed(1)
    return models.resnext((32, 32, 3), 2, groups=2, width_per_group=2, blocks=(1,))


def train(
    folder,
    run_dir,
    stop_in=None,
    config=CONFIG,
    rate=1e-2,
    label_smoothing=0.0,
    model=None,
    **options,
):
    """Trains a new network, or this one, which is compiled if need be."""
    config = dataclasses.replace(config, data_dir=folder)
    photos = data.load(config, progress=False)
    next(iter(photos.train))  # a learner looks at a batch first: the order must not follow from it
    if model is None:
        model = network()
    if not model.compiled:
        schedule = training.warm_up_and_cosine(rate, 4 * len(photos.train))
        training.compile_model(model, schedule, label_smoothing)
    fit = model.fit
    if stop_in is not None:
        model.fit = lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, Stop(stop_in)], **k)
    options.setdefault("report", lambda *shown: None)
    try:
        return training.train(model, photos, config, run_dir, **options), model
    finally:
        model.fit = fit


@pytest.fixture(scope="module")
def alone(folder, tmp_path_factory):
    """A training that nothing disturbed: its folder, its rows, its network."""
    run_dir = tmp_path_factory.mktemp("runs") / "alone"
    return run_dir, *train(folder, run_dir)


def without_seconds(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def weights(path):
    """All numbers of a saved network, as bytes."""
    model = keras.saving.load_model(path, compile=False)
    return [weight.tobytes() for weight in model.get_weights()]


@pytest.mark.parametrize("stops", [[0], [1], [3], [1, 2, 2]])
def test_after_a_stop_it_ends_like_the_one_that_was_left_alone(
    folder, alone, tmp_path, stops, capsys
):
    run_dir, rows, model = alone
    for epoch in stops:
        kept, _ = train(folder, tmp_path / "run", stop_in=epoch)
        assert without_seconds(kept) == without_seconds(rows[:epoch])
    resumed, same_model = train(folder, tmp_path / "run")

    assert without_seconds(resumed) == without_seconds(rows)
    for name in ("model.keras", "last.keras"):
        assert weights(tmp_path / "run" / name) == weights(run_dir / name)
    for one, other in zip(model.get_weights(), same_model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    if max(stops):
        assert f"{max(stops)} of 4 epochs" in capsys.readouterr().out.splitlines()[-1]
    assert not (tmp_path / "run" / runs.CHECKPOINT).exists()


@pytest.mark.parametrize("write", ["save_checkpoint", "write_history", "log_epoch"])
def test_a_cut_between_two_files_is_mended(folder, alone, tmp_path, write, monkeypatch):
    """The process dies before one of the files of the second epoch is written."""

    class Killed(BaseException):
        pass

    original = getattr(runs, write)

    def die(*arguments):
        if epoch_of(arguments) == 2:
            raise Killed
        original(*arguments)

    def epoch_of(arguments):
        rows = next(a for a in arguments if isinstance(a, list | dict))
        return rows["epoch"] if isinstance(rows, dict) else len(rows)

    monkeypatch.setattr(runs, write, die)
    with pytest.raises(Killed):
        train(folder, tmp_path / "run")
    monkeypatch.undo()
    resumed, _ = train(folder, tmp_path / "run")
    run_dir, rows, _ = alone
    assert without_seconds(resumed) == without_seconds(rows)
    assert weights(tmp_path / "run" / "model.keras") == weights(run_dir / "model.keras")
    assert without_seconds(evaluation.load_run(tmp_path / "run").history) == without_seconds(rows)


def test_other_settings_begin_anew_or_are_refused(folder, tmp_path, capsys):
    run_dir = tmp_path / "run"
    train(folder, run_dir, stop_in=2)
    with pytest.raises(CourseError, match=r"differs in optimizer: choose another run folder"):
        train(folder, run_dir, rate=1e-3, replace=False)
    other = dataclasses.replace(CONFIG, batch_size=3)
    with pytest.raises(CourseError, match=r"differs in batch_size"):
        train(folder, run_dir, config=other, replace=False)
    with pytest.raises(CourseError, match=r"differs in loss:"):
        train(folder, run_dir, label_smoothing=0.1, replace=False)
    head_only = network()
    for layer in head_only.layers[:-1]:
        layer.trainable = False
    with pytest.raises(CourseError, match=r"differs in trained parameters"):
        train(folder, run_dir, model=head_only, replace=False)
    capsys.readouterr()
    rows, _ = train(folder, run_dir, rate=1e-3)
    assert len(rows) == 4
    assert "differs in optimizer; a new one replaces it" in capsys.readouterr().out


def test_other_photographs_are_another_training(folder, tmp_path, capsys):
    train(folder, tmp_path / "run", stop_in=2)
    other = make_folder(tmp_path / "birds", {"Finch": 6, "Wren": 6})
    train(other, tmp_path / "run", stop_in=1)
    assert "differs in classes, split" in capsys.readouterr().out


def test_patience_stops_early_and_is_kept_over_a_stop(folder, tmp_path):
    lazy = dataclasses.replace(CONFIG, epochs=20, patience=2)
    rows, _ = train(folder, tmp_path / "alone", config=lazy, rate=0.0)  # nothing gets better
    assert len(rows) < 20
    assert len(rows) == training.best(rows)["epoch"] + 2
    train(folder, tmp_path / "run", config=lazy, rate=0.0, stop_in=len(rows) - 1)
    again, _ = train(folder, tmp_path / "run", config=lazy, rate=0.0)
    assert without_seconds(again) == without_seconds(rows)


def test_a_training_cut_off_after_its_last_epoch_is_only_put_away(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(training.Recorder, "finish", lambda self: None)
    rows, _ = train(folder, tmp_path / "run")
    monkeypatch.undo()
    again, _ = train(folder, tmp_path / "run")
    assert again == rows
    assert (tmp_path / "run" / "last.keras").exists()


def test_a_finished_run_is_replaced_only_after_an_epoch(folder, tmp_path):
    run_dir = tmp_path / "run"
    train(folder, run_dir)
    before = files(run_dir)
    train(folder, run_dir, stop_in=0)
    assert files(run_dir) == before
    train(folder, run_dir, stop_in=1)
    assert len(evaluation.load_run(run_dir).history) == 1
    assert not (run_dir / "last.keras").exists()


def test_the_same_network_begins_anew_after_a_stop_in_its_first_epoch_and_not_after_its_last(
    folder, alone, tmp_path
):
    run_dir, _, _ = alone
    rows, model = train(folder, tmp_path / "run", stop_in=0)
    assert rows == []
    train(folder, tmp_path / "run", model=model)
    assert weights(tmp_path / "run" / "last.keras") == weights(run_dir / "last.keras")

    before = files(tmp_path / "run")
    with pytest.raises(CourseError, match=r"for 12 steps already: build and compile it again"):
        train(folder, tmp_path / "run", model=model)
    with pytest.raises(CourseError, match=r"run holds a finished training: choose another"):
        train(folder, tmp_path / "run", replace=False)
    assert files(tmp_path / "run") == before


def test_two_trainings_in_one_folder_do_not_mix(folder, tmp_path):
    refused = []

    def second(*shown):
        if not refused:
            with pytest.raises(CourseError, match=r"Another training is writing to .*run"):
                train(folder, tmp_path / "run")
            refused.append(True)

    rows, _ = train(folder, tmp_path / "run", report=second)
    assert len(rows) == 4 and refused


def test_a_damaged_checkpoint_is_named_and_nothing_is_overwritten(folder, tmp_path):
    run_dir = tmp_path / "run"
    train(folder, run_dir, stop_in=2)
    sound = (run_dir / runs.CHECKPOINT).read_bytes()
    middle = len(sound) // 2  # where the numbers are
    flipped = sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :]
    for content in (b"", b"no archive", sound[:-1000], flipped):
        (run_dir / runs.CHECKPOINT).write_bytes(content)
        before = weights(run_dir / "model.keras")
        with pytest.raises(CourseError, match=r"checkpoint.npz is damaged.*delete the file"):
            train(folder, run_dir)
        assert weights(run_dir / "model.keras") == before


def test_a_checkpoint_that_another_program_holds_is_not_called_damaged(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    (tmp_path / runs.CHECKPOINT).write_bytes(b"whole")
    monkeypatch.setattr(np, "load", refuse)
    with pytest.raises(
        CourseError, match=r"can't be read \(Permission denied\): close the program"
    ):
        runs.read_checkpoint(tmp_path)


def test_photographs_that_moved_or_went_away(folder, tmp_path):
    """A training goes on with moved ones, and says in one sentence that a class is gone."""
    moved = shutil.copytree(folder, tmp_path / "moved")
    train(folder, tmp_path / "run", stop_in=2)

    def take_away(*shown):
        shutil.rmtree(moved / "Owl", ignore_errors=True)

    with pytest.raises(CourseError, match=r"^No photograph of 'Owl' can be read any more.*\?$"):
        train(moved, tmp_path / "run", report=take_away)
    settings = json.loads((tmp_path / "run" / "settings.json").read_text(encoding="utf-8"))
    assert settings["data_dir"] == str(moved)
    assert len(runs.read_checkpoint(tmp_path / "run")[0]) == 2


def test_what_a_killed_training_left_half_written_is_taken_away(folder, tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / ".123-model.keras").write_bytes(b"half")
    (run_dir / "my notes.txt").write_text("mine")
    train(folder, run_dir, stop_in=1)
    assert not list(run_dir.glob(".*"))
    assert (run_dir / "my notes.txt").read_text() == "mine"


def test_what_cannot_be_taken_away_is_said_in_one_sentence(tmp_path):
    (tmp_path / "run" / ".123-model.keras").mkdir(parents=True)  # a folder is no file to unlink
    with (
        pytest.raises(CourseError, match=r"run can't be written to"),
        runs.alone_in(tmp_path / "run"),
    ):
        pass


def test_tensorboard_gets_every_epoch(folder, tmp_path):
    rows, _ = train(folder, tmp_path / "run")
    for part, prefix in (("train", ""), ("validation", "val_")):
        seen = {}
        for path in sorted((tmp_path / "run" / "tensorboard" / part).iterdir()):
            for event in tf.compat.v1.train.summary_iterator(str(path)):
                for value in event.summary.value:
                    seen[value.tag, event.step] = tf.make_ndarray(value.tensor).item()
        for row in rows:
            for name in ("loss", "accuracy"):
                logged = seen[f"epoch_{name}", row["epoch"]]
                assert logged == pytest.approx(row[prefix + name], rel=1e-6)


FULL_DISK = """
import resource, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import test_training_goes_on as t
folder, run_dir = Path(sys.argv[1]), Path(sys.argv[2])
t.train(folder, run_dir, stop_in=2)
# From here on no file may grow beyond 100 kB: like a disk that fills up in the middle of a write.
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    t.train(folder, run_dir)
except t.CourseError as error:
    print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    print(len(t.train(folder, run_dir)[0]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's size")
def test_a_full_disk_ends_it_with_one_sentence_and_loses_nothing(folder, alone, tmp_path):
    program = FULL_DISK.format(tests=str(PROJECT / "tests"))
    done = subprocess.run(
        [sys.executable, "-c", program, folder, tmp_path / "run"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *_, said, found, epochs = done.stdout.splitlines()
    assert "run can't be written to (File too large). What was written before is whole." in said
    assert "2 of 4 epochs" in found
    assert epochs == "4"
    assert weights(tmp_path / "run" / "last.keras") == weights(alone[0] / "last.keras")


PROTECTED = """
import os, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import test_training_goes_on as t
if os.getuid() == 0:
    os.setuid(65534)  # root may write everywhere
try:
    with t.runs.alone_in(Path(sys.argv[1])):
        print("not refused")
except t.CourseError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows protects folders in another way")
def test_a_protected_folder_is_named(tmp_path):
    protected = tmp_path / "protected"
    protected.mkdir(mode=0o555)
    program = PROTECTED.format(tests=str(PROJECT / "tests"))
    done = subprocess.run(
        [sys.executable, "-c", program, protected / "run"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "run can't be written to (Permission denied)" in done.stdout.splitlines()[-1]


def test_a_strangers_model_runs_no_code(folder, alone, tmp_path):
    """``model.keras`` is read in Keras' safe mode, which refuses Python code in it."""
    run_dir = tmp_path / "run"
    train(folder, run_dir)
    inputs = keras.Input((32, 32, 3))
    stranger = keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs))
    stranger.save(run_dir / "model.keras")
    with pytest.raises((ValueError, CourseError), match=r"(?i)unsafe|safe mode"):
        evaluation.load_run(run_dir)
