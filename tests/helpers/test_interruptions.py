"""A training that is killed ends like one that was left alone."""

import random
import sys
import zipfile
from pathlib import Path

import pytest
from pictures import make_folder

SEED = 9
TESTS = Path(__file__).resolve().parents[1]
TRAINING = str(TESTS / "support" / "small_training.py")
sys.path.insert(0, str(TESTS.parent / "benchmarks"))

import interruptions  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


@pytest.fixture
def command(tmp_path):
    birds = make_folder(tmp_path / "birds", {"Finch": 6, "Owl": 6})
    return lambda run_dir: [sys.executable, TRAINING, birds, run_dir]


def test_killed_at_random_and_while_it_writes(command, tmp_path, monkeypatch):
    monkeypatch.setattr(interruptions.Interrupted, "SECONDS", 10)
    monkeypatch.setattr(interruptions.Interrupted, "DELAY", 0)  # its files are small
    kills, torn, ended = interruptions.interrupt(command, tmp_path, 3, random.Random(SEED))
    assert kills.total() == 3
    assert len(kills) > 1  # at random, and while it wrote
    assert torn > 0
    assert ended > 0


def test_a_difference_is_seen(tmp_path):
    """The comparison itself: other weights, or another history, are no same run."""

    def run(name, weights=b"1", loss="0.5", seconds="1"):
        folder = tmp_path / name
        folder.mkdir()
        for model in (interruptions.BEST, interruptions.LAST):
            with zipfile.ZipFile(folder / model, "w") as archive:
                archive.writestr("model.weights.h5", weights)
        (folder / interruptions.HISTORY).write_text(f"epoch,loss,seconds\n1,{loss},{seconds}\n")
        return folder

    one = run("one")
    assert interruptions.same_run(one, run("slower", seconds="2"))
    assert not interruptions.same_run(one, run("weights", weights=b"2"))
    assert not interruptions.same_run(one, run("history", loss="0.6"))
