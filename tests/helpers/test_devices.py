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


def test_without_a_gpu_nothing_is_changed(machine):
    asked = machine()
    assert devices.use_gpu() == "No GPU was found: TensorFlow computes on the CPU."
    assert not asked.growth and not asked.visible


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


@pytest.mark.parametrize(("gpus", "strategy"), [(0, None), (1, None), (2, "mirrored")])
def test_several_gpus_work_in_step(machine, monkeypatch, gpus, strategy):
    machine(*gpus * [{}])
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: "mirrored")
    assert devices.strategy() == (strategy or tf.distribute.get_strategy())


@pytest.mark.parametrize(
    ("capabilities", "helps"),
    [
        ([], False),
        ([None], False),  # not an NVIDIA GPU
        ([(6, 1)], False),
        ([(7, 0)], True),
        ([(9, 0)], True),
        ([(9, 0), (6, 1)], False),  # the slowest decides
    ],
)
def test_mixed_precision_is_used_where_it_helps(machine, capabilities, helps):
    machine(*({"compute_capability": one} if one else {} for one in capabilities))
    before = keras.mixed_precision.global_policy()
    try:
        policy = devices.use_mixed_precision()
        assert policy == ("mixed_float16" if helps else "float32")
        assert keras.mixed_precision.global_policy().name == policy
    finally:
        keras.mixed_precision.set_global_policy(before)
