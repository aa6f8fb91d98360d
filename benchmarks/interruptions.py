"""Kills a training again and again: no epoch may be lost but the one in work, no file torn.

``python benchmarks/interruptions.py --kills 30`` trains ResNeXt-50 on a few drawn birds with the
course's own command, takes some minutes, and prints what it saw. Linux and macOS only.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402

from resnext_helpers import evaluation, photo_folder  # noqa: E402
from resnext_helpers.training import BEST, CHECKPOINT, HISTORY, is_finished  # noqa: E402

NEVER = "never"
MOMENTS = ("at random", "while the checkpoint is written", "while the best model is written")
EPOCHS = 12
PATIENCE = 300  # seconds for a start on a busy machine


class Interrupted:
    """A training that is killed again and again, until it has finished.

    Attributes:
        kills: how many there were, by moment.
        torn: how many left a file behind that was written only in part.
    """

    SECONDS = 20  # a kill at random comes at most so long after the network was built
    DELAY = 0.1  # seconds, at most, after a file was begun

    def __init__(self, command, run_dir, chance):
        self.command = command
        self.run_dir = run_dir
        self.chance = chance
        self.kills = Counter()
        self.torn = 0
        self._epochs = 0

    def run_until_killed(self, moment):
        """Start the training and kill it; returns whether the training ended."""
        environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(self.command, env=environ, stdout=log, stderr=log)
            try:
                self._wait_for(moment, process)
            finally:
                process.kill()
                process.wait()
            if process.returncode > 0:
                log.seek(0)
                raise SystemExit(f"The training failed:\n{log.read()}")
        if process.returncode == 0:
            return True
        self.kills[moment] += 1
        self._check()
        return is_finished(self.run_dir)

    def _wait_for(self, moment, process):
        """Wait until the moment has come, or the training has ended."""
        if moment == NEVER:
            process.wait()
            return
        end = time.monotonic() + PATIENCE
        names = {MOMENTS[1]: CHECKPOINT, MOMENTS[2]: BEST}
        wanted = f".new-{names[moment]}" if moment in names else None
        if wanted:  # left by the kill before
            (self.run_dir / wanted).unlink(missing_ok=True)
        lock = self.run_dir.with_name(f".{self.run_dir.name}.lock")
        lock.unlink(missing_ok=True)  # of the training before, which is dead
        while process.poll() is None and time.monotonic() < end:
            if wanted and (self.run_dir / wanted).exists():
                time.sleep(self.chance.uniform(0, self.DELAY))
                return
            if not wanted and lock.exists():
                time.sleep(self.chance.uniform(0, self.SECONDS))
                return
            time.sleep(0.0005)
        if process.poll() is None:
            raise SystemExit(f"In {PATIENCE} s no moment came {moment}.")

    def _check(self):
        """Every file is whole, and no epoch is lost that there was before."""
        self.torn += any(self.run_dir.glob(".new-*"))
        for name in (CHECKPOINT, BEST):
            if (self.run_dir / name).exists():
                assert zipfile.ZipFile(self.run_dir / name).testzip() is None, name
        for path in self.run_dir.glob("*.json"):
            json.loads(path.read_text(encoding="utf-8"))
        epochs = epochs_kept(self.run_dir)
        assert epochs >= self._epochs, f"{self._epochs} epochs were kept, and now {epochs} are"
        self._epochs = epochs


def epochs_kept(run_dir):
    """How many epochs the run holds, read without the code that wrote it."""
    if is_finished(run_dir):
        return len(_history(run_dir)) - 1
    if not (run_dir / CHECKPOINT).exists():
        return 0
    with np.load(run_dir / CHECKPOINT) as arrays:
        return len(json.loads(str(arrays["about"]))["rows"])


def is_whole(run_dir, epochs):
    """Whether a run has each epoch once, and a model that can be loaded."""
    numbers = [int(line.partition(",")[0]) for line in _history(run_dir)[1:]]
    evaluation.load_run(run_dir)
    return numbers == list(range(1, epochs + 1))


def _history(run):
    """The lines of its history without the last column, the seconds."""
    lines = (run / HISTORY).read_text(encoding="utf-8").splitlines()
    return [line.rpartition(",")[0] for line in lines]


def interrupt(command, folder, epochs, kills, chance):
    """Kill trainings of so many epochs, started by ``command(run_dir)``, until so many kills.

    Returns:
        How many kills there were by moment, how many left a torn file, and how many trainings
        ended; each has every epoch once, and its best model can be loaded.
    """
    total, torn, ended = Counter(), 0, 0
    while total.total() < kills:
        run = Interrupted(command(folder / f"run{ended}"), folder / f"run{ended}", chance)
        while True:
            enough = total.total() + run.kills.total() >= kills
            moment = NEVER if enough else chance.choice(MOMENTS)
            if run.run_until_killed(moment):
                break
        total, torn, ended = total + run.kills, torn + run.torn, ended + 1
        assert is_whole(run.run_dir, epochs)
    return total, torn, ended


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for photo in photo_folder.unpack_sample().glob("*/00[1-5].jpg"):
            (folder / "birds" / photo.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(photo, folder / "birds" / photo.parent.name)
        os.environ["RESNEXT_RUNS"] = name

        def command(run_dir):
            program = [sys.executable, "-m", "resnext_course", "train", "--deterministic"]
            small = ["--image-size", "32", "--epochs", str(EPOCHS), "--data", str(folder / "birds")]
            return [*program, *small, "--run", run_dir.name]

        kills, torn, ended = interrupt(
            command, folder, EPOCHS, options.kills, random.Random(options.seed)
        )
    for moment, count in kills.items():
        print(f"killed {moment}: {count}")
    print(f"{kills.total()} kills; {torn} left a torn file; {ended} trainings ended.")
    print("No epoch was lost; each training has every epoch once, and its best model.")


if __name__ == "__main__":
    main()
