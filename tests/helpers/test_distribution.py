"""Several devices train as one does, and half the bits train as well.

``two_devices.py`` trains on two logical CPU devices; here is what must hold of its results.
"""

import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from resnext_helpers import models, training


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What ``two_devices.py`` leaves behind."""
    folder = tmp_path_factory.mktemp("two_devices")
    script = Path(__file__).parents[1] / "support" / "two_devices.py"
    done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return pickle.loads((folder / "results.pickle").read_bytes())


def assert_near(ours, wanted, exactness):
    """Equal but for a share of the largest number."""
    limit = exactness * np.abs(wanted).max()
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=limit)


def test_the_course_s_training_is_the_same_on_two_devices(results):
    one, two = (results["course"][on] for on in ("one", "two"))
    for of_one, of_two in zip(one["rows"], two["rows"], strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert of_two[name] == pytest.approx(of_one[name], rel=1e-6), name
    # In 64 bits: of a gradient that is almost nothing, Adam makes a whole step, the rounding too.
    for of_one, of_two in zip(one["copies"], two["copies"], strict=True):
        assert_near(of_two[0], of_one[0], 1e-6)


@pytest.mark.parametrize("training", ["course", "uneven", "float16"])
def test_the_devices_never_drift_apart(results, training):
    copies = {
        "course": results["course"]["two"],
        "uneven": results["two"],
        "float16": results["float16"],
    }[training]["copies"]
    for copy, other in copies:
        np.testing.assert_array_equal(copy, other)


@pytest.mark.parametrize("name", ["model.keras", "last.keras"])
def test_a_model_from_two_devices_loads_on_one(folder, results, name):
    of_one, of_two = (keras.models.load_model(folder / on / name) for on in ("one", "two"))
    pictures = np.random.default_rng(0).normal(size=(3, 32, 32, 3)).astype("float32")
    assert_near(of_two.predict(pictures, verbose=0), of_one.predict(pictures, verbose=0), 1e-3)
    if name == "model.keras":  # whose weights the network has at the end
        for weight, copies in zip(
            of_two.get_weights(), results["course"]["two"]["copies"], strict=False
        ):
            np.testing.assert_array_equal(weight, copies[0])


# In 64 bits: what 32 bits round differently may push an activation over zero, and grows from there.
def test_batch_norm_remembers_the_whole_of_an_uneven_batch(results):
    for ours, wanted, is_statistic in zip(
        results["two"]["moved"],
        results["one"]["moved"],
        results["one"]["is statistic"],
        strict=True,
    ):
        if is_statistic:
            assert_near(ours, wanted, 1e-12)


def test_in_an_uneven_batch_each_device_counts_the_same(results):
    two, weighted = results["two"], results["weighted"]
    for ours, wanted in zip(two["moved"], weighted["moved"], strict=True):
        assert_near(ours, wanted, 1e-6)
    assert_near(two["predictions"], weighted["predictions"], 1e-6)
    # It is not quite the same as on one device, where each picture counts the same.
    assert np.abs(two["predictions"] - results["one"]["predictions"]).max() > 1e-3


def test_losses_and_accuracies_count_each_picture_of_an_uneven_batch(results):
    two, one, weighted = (results[name]["history"] for name in ("two", "one", "weighted"))
    for name in ("loss", "accuracy"):
        assert two[name] == pytest.approx(one[name], rel=1e-6)
        # Validated by another network than that of one device, because of the last step.
        assert two[f"val_{name}"] == pytest.approx(weighted[f"val_{name}"], rel=1e-6)


def test_two_devices_train_in_16_bits(results):
    found = results["float16"]
    assert found["optimizer"] == "LossScaleOptimizer"
    assert np.isfinite([*found["history"]["loss"], *found["history"]["val_loss"]]).all()
    assert all(np.abs(moved).max() > 0 for moved in found["moved"])


@pytest.fixture
def policy(request):
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    keras.mixed_precision.set_global_policy(before)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"], indirect=True)
def test_a_network_trains_in_16_bits_with_weights_of_32(policy):
    keras.utils.set_random_seed(0)
    model = models.resnext((32, 32, 3), 2, groups=4, width_per_group=2, blocks=(1,))
    training.compile_model(model, 1e-3)
    first = model.get_weights()
    labels = np.arange(8) % 2
    pictures = np.random.default_rng(0).normal(size=(8, 32, 32, 3)) + labels[:, None, None, None]
    training.make_variables(model)
    variables = len(model.optimizer.variables)
    training.make_variables(model)
    assert len(model.optimizer.variables) == variables
    losses = model.fit(pictures, labels, batch_size=8, epochs=3, verbose=0).history["loss"]

    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    assert model.get_layer("layer1_0_conv2").compute_dtype == policy.removeprefix("mixed_")
    assert model(pictures).dtype == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert all(
        np.any(now != before) for now, before in zip(model.get_weights(), first, strict=True)
    )
    # Gradients that float16 would round to zero are scaled up; bfloat16 reaches as far as float32.
    scales = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scales == (policy == "mixed_float16")
