"""Each wrong block has its fault and no other, and the checker of blocks names it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnext_course import exercises
from resnext_course.exercises.wrong_blocks import FAULTS, MYSTERIES, mystery_blocks
from resnext_course.figures import block_diagrams
from resnext_helpers import models

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(2, 8, 8, 32)).astype("float32")


@pytest.fixture(params=["float32", "float64", "mixed_float16"])
def policy(request):
    """The checker must not depend on what a notebook has set."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_dtype_policy(before)


def checked(capsys, name, answer):
    exercises.check(name, answer)
    return capsys.readouterr().out


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("fault", FAULTS)
def test_the_checker_refuses_each_with_its_own_message(capsys, fault):
    said = checked(capsys, "04-build", FAULTS[fault].block)
    assert "not yet" in said
    named = [name for name in FAULTS if FAULTS[name].message in said]
    assert named == [fault]


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("fault", ["early ReLU", "no last ReLU", "ReLU twice", "no shortcut"])
def test_a_repaired_block_is_refused_in_the_same_words(capsys, fault):
    answer = FAULTS[fault].block
    said = checked(capsys, "04-repair", lambda x: answer(x, 256, 128, 32))
    assert FAULTS[fault].message in said


def test_messages_and_signs_are_all_different():
    assert len({fault.message for fault in FAULTS.values()}) == len(FAULTS)
    assert len({FAULTS[name].sign for name in MYSTERIES.values()} - {""}) == len(MYSTERIES) == 6


# The experiments of the notebook, on each wrong block and on the right one


def small(block, channels_in=32, strides=1):
    x = keras.Input((8, 8, channels_in))
    return keras.Model(x, block(x, channels=32, width=16, groups=8, strides=strides))


def right(x, **numbers):
    return models.block(x, **numbers, name="block")


def weights(model):
    return sum(block_diagrams.weights(model))


def weights_in_all(block):
    return weights(small(block))


def is_negative(block):
    return bool(np.min(small(block)(MAPS)) < 0)


def weights_of_the_projection(block):
    return weights(small(block, channels_in=16, strides=2)) - weights(small(block))


def norm_numbers(block):
    model = small(block)
    return model.count_params() - weights(model)


def moved_pixels(block):
    model, changed = small(block, strides=2), MAPS.copy()
    changed[0, 2, 2] += 1
    difference = np.asarray(model(changed), "float64") - np.asarray(model(MAPS), "float64")
    return int((np.abs(difference).max(axis=-1) > 1e-4).sum())


def filters_without_gradient(block):
    model = small(block)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.cast(model(MAPS, training=True), "float32") ** 2)
    kernels = [weight for weight in model.trainable_weights if len(weight.shape) == 4]
    slopes = tape.gradient(loss, kernels)
    return sum(int((np.abs(np.asarray(slope)).max(axis=(0, 1, 2)) == 0).sum()) for slope in slopes)


RIGHT = {
    weights_in_all: 1_312,
    weights_of_the_projection: 256,
    norm_numbers: 4 * (16 + 16 + 32),
    is_negative: False,
    moved_pixels: 1,
    filters_without_gradient: 0,
}

# Of 16 filters in the first 1×1, a late-bound loop reads the last two.
BETRAYED = {
    "groups swapped": (weights_in_all, 2_176),
    "no projection": (weights_of_the_projection, -256),
    "norm in each path": (norm_numbers, 4 * (16 + 16 + 8 * 32)),
    "early ReLU": (is_negative, True),
    "same padding": (moved_pixels, 4),
    "late binding": (filters_without_gradient, 14),
}


@pytest.mark.parametrize("experiment", RIGHT)
def test_the_right_block_shows_nothing(experiment):
    assert experiment(right) == RIGHT[experiment]


@pytest.mark.parametrize("fault", BETRAYED)
def test_one_experiment_betrays_each_fault(fault):
    experiment, result = BETRAYED[fault]
    expected = {**RIGHT, experiment: result}
    assert {experiment: experiment(FAULTS[fault].block) for experiment in RIGHT} == expected


def test_mystery_blocks_have_the_faults_and_dont_tell_their_names():
    assert set(MYSTERIES.values()) == set(BETRAYED)
    assert list(mystery_blocks()) == list("ABCDEF")
    for letter, block in mystery_blocks().items():
        experiment, result = BETRAYED[MYSTERIES[letter]]
        assert experiment(block) == result
        name = FAULTS[MYSTERIES[letter]].block.__name__
        assert name not in (block.__name__, block.__qualname__) and not block.__doc__


def test_the_letters_dont_follow_the_notebooks_list_of_faults():
    listed = [
        "groups swapped",
        "no projection",
        "early ReLU",
        "late binding",
        "same padding",
        "norm in each path",
    ]
    assert set(listed) == set(MYSTERIES.values())
    assert all(a != b for a, b in zip(listed, MYSTERIES.values(), strict=True))
