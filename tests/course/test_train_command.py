"""Training without a notebook: what it prints, what it refuses, and how it ends."""

import time
from types import SimpleNamespace

import keras
import pytest
from pictures import make_folder

from resnext_course import __main__ as course
from resnext_course import train
from resnext_helpers import evaluation, models, training

SMALL = ["--image-size", "32", "--batch-size", "4", "--epochs", "3"]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs ``train`` as a user types it, with a network of one block and a folder for its runs."""
    folder = make_folder(tmp_path / "birds", {"Finch": 6, "Owl": 6})

    def one_block(input_shape, num_classes):
        return models.resnext(
            input_shape, num_classes, groups=2, width_per_group=2, blocks=(1,), name="one_block"
        )

    monkeypatch.setattr(models, "ResNeXt50", one_block)
    monkeypatch.setenv("RESNEXT_RUNS", str(tmp_path / "runs"))
    yield lambda *more: course.main(["train", "--run", "m", "--data", str(folder), *SMALL, *more])
    keras.mixed_precision.set_global_policy("float32")


def test_it_trains_is_stopped_with_ctrl_c_and_goes_on(command, tmp_path, capsys, monkeypatch):
    def stop(self, epoch, logs=None):
        if self.run.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train.Lines, "on_epoch_begin", stop)
        assert command() == 130
    said = capsys.readouterr().out
    assert "12 photographs of 2 classes" in said
    assert "epoch 1 of 3" in said and "epoch 2 of 3" not in said
    assert "Start it again to go on" in said

    assert command() == 0
    said = capsys.readouterr().out
    assert "Found an unfinished training" in said
    assert "epoch 1 of 3" not in said and "epoch 3 of 3" in said
    assert "Best epoch: " in said
    run = evaluation.load_run(tmp_path / "runs" / "m")
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    assert run.model.name == "one_block"

    assert command() == 2
    assert "holds a finished training" in capsys.readouterr().err


def test_what_cannot_be_trained_is_said_in_one_sentence(command, capsys):
    for name in ("../mine", "..", "", "/tmp/mine", "x" * 300, "a\nb", ".m"):
        assert command("--run", name) == 2
        error = capsys.readouterr().err
        assert "give the name of a folder" in error and error.count("\n") == 1, name
    assert command("--data", "nowhere") == 2
    error = capsys.readouterr().err
    assert "nowhere" in error and error.count("\n") == 1


def test_a_number_that_cannot_be_trained_with_gets_the_usage(command, capsys):
    for option, value, said in (
        ("--epochs", "0", "--epochs: 0: give a number from 1"),
        ("--image-size", "16", "--image-size: 16: give a number from 32"),
        ("--learning-rate", "inf", "--learning-rate: inf: give a number"),
        ("--learning-rate", "nan", "--learning-rate: nan: give a number"),
        ("--seed", str(2**40), "--seed: 1099511627776: give a number"),
        ("--data", "~nobody-of-that-name/x", "no such user"),
        ("--profile", "large", "invalid choice: 'large'"),
    ):
        with pytest.raises(SystemExit):
            command(option, value)
        assert said in capsys.readouterr().err


def test_the_command_line_changes_the_profile(monkeypatch):
    seen = []

    def look(config, **options):
        seen.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(train.data, "load", look)
    assert course.main(["train", "--run", "new", "--patience", "2", "--seed", "0"]) == 130
    config = seen[0]
    assert (config.profile, config.image_size, config.epochs) == ("full", 224, 10)
    assert (config.patience, config.seed) == (2, 0)


def test_in_a_long_epoch_a_line_comes_now_and_then(capsys, monkeypatch, tmp_path):
    class Run(training.RunFolder):
        def __init__(self):
            self.rows = []

    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    lines = train.Lines(Run())
    lines.set_params({"epochs": 2, "steps": 100})
    lines.set_model(SimpleNamespace(stop_training=False))
    lines.on_train_begin()
    for batch, seconds in enumerate([1, 10, 10, 11, 10]):
        now[0] += seconds
        lines.on_train_batch_end(batch)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert "Epoch 1 of 2" in said[1]
