"""The network on another of Keras' backends: ``KERAS_BACKEND=torch python benchmarks/backends.py``.

A process has one backend, so a child process computes the same on TensorFlow. Compared are the
logits of a saved and loaded network, before and after one training step, and each way of the
grouped convolution.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from resnext_helpers import layers, models

# isort: split
import keras
import numpy as np


def main(folder):
    """Compute on this process' backend, from the network that TensorFlow saved."""
    random = np.random.default_rng(1)
    images = random.normal(size=(4, 64, 64, 3)).astype("float32")
    if keras.backend.backend() == "tensorflow":
        size = {"groups": 8, "width_per_group": 4, "blocks": (2, 1, 1, 1)}
        models.resnext((64, 64, 3), 5, **size).save(folder / "model.keras")
    model = keras.models.load_model(folder / "model.keras")
    found = {"logits": model.predict(images, verbose=0)}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss)
    found["loss"] = model.train_on_batch(images, np.array([0, 3, 1, 4]))
    found["loss after one step"] = model.test_on_batch(images, np.array([0, 3, 1, 4]))
    for way in ("native", "split", "merged"):
        form = {"groups": 4, "strides": 2, "kernel_initializer": "ones"}
        layer = layers.GroupedConv2D(24, 3, **form, implementation=way)
        found[way] = keras.ops.convert_to_numpy(layer(images.reshape(4, 16, 48, 16)))
    np.savez(folder / keras.backend.backend(), **found)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        raise SystemExit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory() as folder:
        child = [sys.executable, __file__, folder]
        subprocess.run(child, env=os.environ | {"KERAS_BACKEND": "tensorflow"}, check=True)
        main(Path(folder))
        ours, wanted = (
            np.load(Path(folder) / f"{name}.npz")
            for name in (keras.backend.backend(), "tensorflow")
        )
        errors = {k: np.abs(ours[k] - wanted[k]).max() / np.abs(wanted[k]).max() for k in wanted}
        for name, error in errors.items():
            print(
                f"{keras.backend.backend()}, {name}: {error:.0e}", "ok" if error < 1e-3 else "BAD"
            )
        raise SystemExit(int(max(errors.values()) >= 1e-3))
