"""Devices, on machines that we only pretend to have."""

from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf

from resnext_helpers import devices
from resnext_helpers.settings import CourseError


def gpu(number):
    return tf.config.PhysicalDevice(f"/physical_device:GPU:{number}", "GPU")


@pytest.fixture
def machine(monkeypatch):
    """Pretend that TensorFlow finds these GPUs; returns what is asked of it afterwards."""

    def pretend(*details, error=None):
        found = [gpu(number) for number in range(len(details))]
        asked = SimpleNamespace(growth=[], visible=[])

        def note(calls):
            def call(*arguments):
                if error:
                    raise error
                calls.append(arguments)

            return call

        config = tf.config
        monkeypatch.setattr(config, "list_physical_devices", lambda kind: found)
        monkeypatch.setattr(config, "get_visible_devices", lambda kind: found)
        monkeypatch.setattr(config, "set_visible_devices", note(asked.visible))
        monkeypatch.setattr(config.experimental, "set_memory_growth", note(asked.growth))
        monkeypatch.setattr(
            config.experimental, "get_device_details", lambda one: details[found.index(one)]
        )
        return asked

    return pretend


def with_capability(*numbers):
    return {"compute_capability": numbers}


def test_without_a_gpu_nothing_is_changed(machine):
    asked = machine()
    assert devices.use_gpu() == "No GPU was found: TensorFlow computes on the CPU."
    assert not asked.growth
    assert not asked.visible


@pytest.mark.parametrize(("every", "chosen"), [(False, [0]), (True, [0, 1, 2])])
def test_gpus_are_chosen_and_their_memory_grows(machine, every, chosen):
    asked = machine({}, {}, {})
    said = devices.use_gpu(every)
    assert all(f"GPU:{number}" in said for number in chosen)
    assert asked.growth == [(gpu(number), True) for number in chosen]
    assert asked.visible == [([gpu(number) for number in chosen], "GPU")]


def test_too_late_a_choice_says_what_to_do(machine):
    machine({}, {}, error=RuntimeError("cannot be modified after being initialized"))
    with pytest.raises(CourseError, match="restart the kernel"):
        devices.use_gpu()


@pytest.mark.parametrize("details", [(), ({},)])
def test_up_to_one_gpu_needs_no_strategy(machine, details):
    machine(*details)
    assert devices.strategy() is tf.distribute.get_strategy()


def test_several_gpus_work_in_step(machine, monkeypatch):
    machine({}, {})
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: "mirrored")
    assert devices.strategy() == "mirrored"


@pytest.mark.parametrize(
    ("details", "helps"),
    [
        ((), False),
        (({},), False),  # not an NVIDIA GPU
        ((with_capability(6, 1),), False),
        ((with_capability(7, 0),), True),
        ((with_capability(9, 0),), True),
        ((with_capability(9, 0), with_capability(6, 1)), False),  # the slowest decides
    ],
)
def test_mixed_precision_is_used_where_it_helps(machine, details, helps):
    machine(*details)
    before = keras.mixed_precision.global_policy()
    try:
        policy = devices.use_mixed_precision()
        assert policy == ("mixed_float16" if helps else "float32")
        assert keras.mixed_precision.global_policy().name == policy
    finally:
        keras.mixed_precision.set_global_policy(before)
