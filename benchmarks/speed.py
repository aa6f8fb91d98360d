"""How fast the course's ResNeXt-50 (32×4d) is on this machine's CPU, beside its peers.

``make bench`` runs it and writes RESULTS.md, speed.json and speed.png into this folder; it takes
up to an hour. Each peer and the course's network take turns, step by step, so that both meet
the same moods of the machine; only their ratio is worth keeping. While it runs, leave the machine
alone.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from contenders import CONTENDERS, MATMUL_SIZE  # noqa: E402
from machine import machine  # noqa: E402

SETTINGS = [(64, 8), (64, 32), (224, 8), (224, 32)]  # picture size, batch
REPEATS = 15
PATIENCE = 45  # seconds for all repeats of a slow contender
PEERS = [name for name in CONTENDERS if name != "course"]
PACKAGES = ("tensorflow", "keras", "torch", "torchvision", "numpy")


class Worker:
    """A contender at work in its own process."""

    def __init__(self, name, size, batch):
        # A pipe that nobody reads would fill up, and the contender would wait for ever.
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (``__exit__`` closes it)
        self.process = subprocess.Popen(
            [sys.executable, HERE / "contenders.py", name, str(size), str(batch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    def __enter__(self):
        self.first_step = self._number()
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def ask(self, word):
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self._number()

    def _number(self):
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise SystemExit(f"A contender stopped:\n{self.log.read()[-3000:]}")
        return float(line)


def heat(peer, size, batch):
    """One peer beside the course's network.

    Returns:
        For both, by name: seconds of the first step (building the network included), of a training
        step and of a prediction (medians), seconds of a matrix product (the best), and the peak
        memory of training in bytes.
    """
    names = ["course", peer]
    with ExitStack() as stack:
        # One after the other: a first step is timed alone.
        workers = {name: stack.enter_context(Worker(name, size, batch)) for name in names}
        times = {word: take_turns(workers, word) for word in ("train", "matmul")}
        memory = {name: workers[name].ask("memory") for name in names}
        for worker in workers.values():
            worker.ask("predict")  # its graph is built
        times |= {"predict": take_turns(workers, "predict")}
    return {
        name: {
            "first_step": workers[name].first_step,
            "train": statistics.median(times["train"][name]),
            "predict": statistics.median(times["predict"][name]),
            "matmul": min(times["matmul"][name]),
            "memory": memory[name],
        }
        for name in names
    }


def take_turns(workers, word):
    """Seconds of each repeat, by name; a first one warms up, and counts only if it is slow."""
    times = {name: [worker.ask(word)] for name, worker in workers.items()}
    repeats = {name: min(REPEATS, int(PATIENCE / first)) for name, (first,) in times.items()}
    for turn in range(max(repeats.values())):
        due = [name for name in workers if turn < repeats[name]]
        for name in random.sample(due, len(due)):
            times[name].append(workers[name].ask(word))
    return {name: seconds[1:] or seconds for name, seconds in times.items()}


def input_pipeline(size):
    """Pictures of the sample that the course's data pipeline gives a second: first epoch, later."""
    from resnext_helpers import data, photo_folder, settings

    config = replace(settings.load(), image_size=size, data_dir=photo_folder.SAMPLE)
    photos = data.load(config, progress=False)
    rates = []
    for _ in range(4):
        start = time.perf_counter()
        count = sum(len(images) for images, _ in photos.train)
        rates.append(count / (time.perf_counter() - start))
    return {"first": rates[0], "later": statistics.median(rates[1:])}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", metavar="SIZExBATCH", help="one setting, as 224x8; nothing is written"
    )
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, metavar="PEER")
    arguments = parser.parse_args()
    settings = [tuple(map(int, arguments.only.split("x")))] if arguments.only else SETTINGS

    results = {"machine": machine(PACKAGES), "heats": []}
    for size, batch in settings:
        for peer in arguments.peers:
            print(f"{size} px, batch {batch}: course and {peer}", flush=True)
            result = heat(peer, size, batch)
            results["heats"].append({"size": size, "batch": batch, "peer": peer, **result})
            ratio = {k: result["course"][k] / result[peer][k] for k in ("train", "predict")}
            print(
                f"  {ratio['train']:.3f} of its training step, {ratio['predict']:.3f} of its "
                f"prediction  {json.dumps(result)}",
                flush=True,
            )
    if arguments.only or arguments.peers != PEERS:
        return
    results["pipeline"] = {str(size): input_pipeline(size) for size in (64, 224)}
    results["matmul_size"] = MATMUL_SIZE
    (HERE / "speed.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    import report  # not above: it imports TensorFlow, which the timing does without

    report.write(results, HERE)


if __name__ == "__main__":
    main()
