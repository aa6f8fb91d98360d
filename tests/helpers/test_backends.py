"""The networks are plain Keras 3: on JAX and PyTorch they compute and train as on TensorFlow.

A process has one backend, from its first import of Keras on. So TensorFlow runs in the tests' own
process, and each other backend in a process of its own, with this file as its program.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from resnext_helpers import layers, models

GROUPED = ("native", "split", "merged")
REPOSITORY = Path(__file__).parents[2]
BACKENDS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(name) is None,
            reason=f"{name} isn't installed here; the course itself doesn't need it",
        ),
    )
    for name in ("jax", "torch")
]


# -- what every backend does ---------------------------------------------------------------------


def network():
    """Each kind of block, as quick as it can be."""
    return models.resnext((64, 64, 3), 5, groups=8, width_per_group=4, blocks=(2, 1, 1, 1))


def pictures_and_classes():
    random = np.random.default_rng(1)
    return random.normal(size=(4, 64, 64, 3)).astype("float32"), np.array([0, 3, 1, 4])


def named_weights(model):
    return {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}


def results(folder):
    """What the network computes from the weights in ``folder``, before and after one step."""
    pictures, classes = pictures_and_classes()
    model = network()
    with np.load(folder / "weights.npz") as weights:
        for weight in model.weights:
            weight.assign(weights[weight.path])
    found = {"logits": model.predict_on_batch(pictures)}

    loaded = keras.models.load_model(folder / "model.keras")
    found["logits of the loaded model"] = loaded.predict_on_batch(pictures)

    model.compile(
        optimizer=keras.optimizers.SGD(0.01, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    found["loss"] = model.train_on_batch(pictures, classes)
    found["loss after one step"] = model.test_on_batch(pictures, classes)
    found |= named_weights(model)

    return found | {name: grouped(name, pictures.reshape(4, 16, 48, 16)) for name in GROUPED}


def grouped(implementation, features):
    layer = layers.GroupedConv2D(24, 3, groups=4, strides=2, implementation=implementation)
    layer.build(features.shape)
    layer.kernel.assign(np.random.default_rng(2).normal(size=layer.kernel.shape))
    return keras.ops.convert_to_numpy(layer(features))


# -- the comparison ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network as a model and as its weights, of which none is a neutral 0 or 1."""
    folder = tmp_path_factory.mktemp("backends")
    keras.utils.set_random_seed(0)
    model = network()
    random = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1:  # a batch norm's, or the last bias
            middle = 1 if weight.name in ("gamma", "moving_variance") else 0
            weight.assign(random.uniform(middle - 0.5, middle + 0.5, weight.shape))
    np.savez(folder / "weights.npz", **named_weights(model))
    model.save(folder / "model.keras")
    return folder


@pytest.fixture(scope="module")
def on_tensorflow(folder):
    return results(folder)


@pytest.fixture(scope="module", params=BACKENDS)
def on_another(request, folder):
    environment = {
        **os.environ,
        "KERAS_BACKEND": request.param,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        "CUDA_VISIBLE_DEVICES": "",  # the numbers below are those of a CPU
        "JAX_PLATFORMS": "cpu",
    }
    process = subprocess.run(
        [sys.executable, __file__, folder],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stderr
    with np.load(folder / f"{request.param}.npz") as found:
        return dict(found)


def close(actual, expected, *, part):
    """Equal but for a small part of the largest number."""
    return np.abs(actual - expected).max() < part * np.abs(expected).max()


@pytest.mark.parametrize("which", ["logits", "logits of the loaded model"])
def test_the_logits_are_tensorflows(on_another, on_tensorflow, which):
    assert on_another[which].shape == (4, 5)
    assert close(on_another[which], on_tensorflow[which], part=1e-4)


@pytest.mark.parametrize("implementation", GROUPED)
def test_a_grouped_convolution_is_tensorflows(on_another, on_tensorflow, implementation):
    assert close(on_another[implementation], on_tensorflow[implementation], part=1e-5)


def test_one_step_lowers_the_loss_as_on_tensorflow(on_another, on_tensorflow):
    assert on_another["loss after one step"] < on_another["loss"]
    for which in ("loss", "loss after one step"):
        assert on_another[which] == pytest.approx(on_tensorflow[which], rel=1e-4)


def test_one_step_changes_every_weight_as_on_tensorflow(on_another, on_tensorflow, folder):
    with np.load(folder / "weights.npz") as first:
        for path in first:
            change = on_another[path] - first[path]
            expected = on_tensorflow[path] - first[path]
            assert np.abs(change).max() > 0, path
            # A change of 1e-4 in a weight of about 1 has three digits left in 32 bits.
            assert close(change, expected, part=0.02), path


def test_one_step_takes_in_the_batchs_statistics_as_on_tensorflow(on_another, on_tensorflow):
    moving = [path for path in on_tensorflow if "moving_" in path]
    assert len(moving) == 2 * (1 + 4 + 4 * 4 - 1)  # the stem's, five blocks' and four shortcuts'
    for path in moving:
        assert close(on_another[path], on_tensorflow[path], part=1e-5), path


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    np.savez(folder / f"{keras.backend.backend()}.npz", **results(folder))
