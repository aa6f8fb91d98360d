"""Times the first training step of ResNeXt-50 with the course's Adam, beside Keras' own.

``python benchmarks/first_step.py`` starts a fresh process for each, in turns, and prints medians of
seconds and their ratio (64 pixels, batch 16, four classes; the network is built and compiled).
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def first_step(optimizer, image_size, batch_size):
    """Seconds of the first step, and of the median of five later ones."""
    from resnext_helpers import models, training

    # isort: split
    import keras
    import numpy as np

    model = models.ResNeXt50((image_size, image_size, 3), 4)
    if optimizer == "course":
        training.compile_model(model, 1e-3)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"], jit_compile=False)
    images = np.zeros((batch_size, image_size, image_size, 3), "float32")
    labels = np.arange(batch_size) % 4
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        model.train_on_batch(images, labels)
        seconds.append(time.perf_counter() - start)
    return seconds[0], statistics.median(seconds[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", choices=("course", "keras"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(*first_step(options.only, options.image_size, options.batch_size))
        return
    numbers = {"course": [], "keras": []}
    for _ in range(options.turns):
        for optimizer, found in numbers.items():
            command = [sys.executable, __file__, "--only", optimizer]
            command += ["--image-size", options.image_size, "--batch-size", options.batch_size]
            done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)
            found.append([float(word) for word in done.stdout.split()])
    medians = {
        name: list(map(statistics.median, zip(*n, strict=True))) for name, n in numbers.items()
    }
    for name, (first, later) in medians.items():
        print(f"{name:8} first step {first:5.1f} s, later ones {later:.2f} s")
    for i, what in enumerate(("first step", "later steps")):
        print(f"{what}: {medians['course'][i] / medians['keras'][i]:.2f} of the time")


if __name__ == "__main__":
    main()
