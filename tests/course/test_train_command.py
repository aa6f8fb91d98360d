"""Training without a notebook: what it prints, what it refuses, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from pictures import make_folder

from resnext_course import __main__ as course
from resnext_course import train
from resnext_helpers import evaluation, runs
from resnext_helpers.settings import PROJECT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("data") / "birds", {"Finch": 5, "Owl": 5})


SMALL = ("--image-size", "32", "--epochs", "3")


def start(folder, runs_dir, *options, run="mine"):
    """The command as a user types it, on small pictures."""
    command = [sys.executable, "-m", "resnext_course", "train", "--run", run, "--data", folder]
    return subprocess.Popen(
        [*command, *SMALL, *options],
        env={**os.environ, "RESNEXT_RUNS": str(runs_dir)},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def hears_ctrl_c():
    """Processes started in it: a shell's background job, such as these tests, may ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent in another way on Windows")
def test_it_trains_is_stopped_with_ctrl_c_and_goes_on(
    folder, tmp_path, hears_ctrl_c, capsys, monkeypatch
):
    first = start(folder, tmp_path)
    for line in first.stdout:
        if line.startswith("epoch 1 of 3"):
            break
    first.send_signal(signal.SIGINT)
    said, error = first.communicate()
    assert first.returncode == 130, error
    assert re.search(r"Stopped by you; \d full epochs? kept.*\nStart it again to go on", said)

    second = start(folder, tmp_path)
    said, error = second.communicate()
    assert second.returncode == 0, error
    assert error == ""
    assert re.search(r"10 photographs of 2 classes", said)
    assert re.search(r"Found an unfinished training in .*mine: \d of 3 epochs", said)
    assert re.search(r"epoch 3 of 3: loss [\d.]+, accuracy .*; validation loss", said)
    assert re.search(r"Best epoch: \d, validation accuracy [\d.]+%", said)
    run = evaluation.load_run(tmp_path / "mine")
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    assert run.model.name == "resnext50_32x4d"

    monkeypatch.setenv("RESNEXT_RUNS", str(tmp_path))
    assert course.main(["train", "--run", "mine", "--data", str(folder), *SMALL]) == 2
    assert "mine holds a finished training: choose another name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--run", "../mine"], "--run is '../mine': give the name of a folder"),
        (["--run", "m", "--epochs", "0"], "--epochs is 0: give 1 or more"),
        (["--run", "m", "--image-size", "16"], "--image-size is 16: give 32 or more"),
        (["--run", "m", "--data", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(options, said, capsys, monkeypatch):
    assert course.main(["train", *options]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_the_command_line_changes_the_profile(tmp_path):
    options = course._parser().parse_args(
        ["train", "--run", "m", "--patience", "2", "--data", str(tmp_path), "--seed", "0"]
    )
    config = train.chosen_settings(options)
    assert (config.profile, config.image_size, config.epochs) == ("full", 224, 10)
    assert (config.patience, config.seed, config.data_dir) == (2, 0, tmp_path)


def test_an_unfinished_run_is_no_finished_one(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / runs.HISTORY).touch()
    (tmp_path / "m" / runs.CHECKPOINT).touch()
    assert train.run_folder(tmp_path, "m") == tmp_path / "m"


def test_lines_come_with_each_epoch_and_now_and_then(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    lines = train.Lines()
    row = dict.fromkeys(runs.COLUMNS, 1.0) | {"epoch": 1}
    lines([], "prepares", 2)
    now[0] += train.SILENCE - 1
    lines([], "too early", 2)
    now[0] += 2
    lines([], "half a minute later", 2)
    lines([row], "after the epoch", 2)
    lines([row], "too early again", 2)
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if not line.startswith("epoch 1 of 2: loss")] == [
        "prepares",
        "half a minute later",
        "after the epoch",
    ]
    assert said.count("epoch 1 of 2: loss 1.000, accuracy 100.0%") == 1
