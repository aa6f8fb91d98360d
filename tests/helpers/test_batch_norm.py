"""BatchNorm computes what the reference computes, each number checked against NumPy or Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnext_helpers.layers import BatchNorm

EPSILON = 1e-5
SHAPE = (3, 4, 5, 6)
# The dtypes that a policy computes in, and how far a result may be from NumPy's. The 16-bit ones
# carry 8 and 11 significant bits, and are rounded at most once, at the end. In 64 bits TensorFlow
# has no fused operation, so Keras' own steps compute, as they do in several replicas.
EXACTNESS = {"float32": 1e-5, "mixed_bfloat16": 2**-8, "mixed_float16": 2**-11, "float64": 1e-12}
FIRST = np.random.default_rng(0).uniform(0.5, 2, (4, SHAPE[-1])).astype("float32")
GAMMA, BETA, MEAN, VARIANCE = FIRST.astype("float64")
POLICIES = pytest.mark.parametrize("policy", EXACTNESS)


def pictures(policy="float32", shape=SHAPE):
    """Far from mean 0 and variance 1, and exact in the policy's dtype."""
    x = np.random.default_rng(7).normal(2, 3, shape)
    return tf.cast(x, keras.DTypePolicy(policy).compute_dtype)


def batch_norm(kind=BatchNorm, momentum=0.9, **arguments):
    layer = kind(momentum=momentum, epsilon=EPSILON, **arguments)
    layer.build((None, None, None, SHAPE[-1]))
    layer.set_weights(list(FIRST))
    return layer


def as_numpy(x):
    return np.array(tf.cast(x, "float64"))


def normalized(x, mean, variance):
    return (as_numpy(x) - mean) / np.sqrt(variance + EPSILON) * GAMMA + BETA


def of_batch(x):
    """Mean, variance and unbiased variance of each channel."""
    x = as_numpy(x).reshape(-1, SHAPE[-1])
    return x.mean(0), x.var(0), x.var(0, ddof=1)


def running(layer):
    return np.array([layer.moving_mean.value, layer.moving_variance.value])


def running_after(x, momentum=0.9):
    mean, _, unbiased = of_batch(x)
    return momentum * np.array([MEAN, VARIANCE]) + (1 - momentum) * np.array([mean, unbiased])


def assert_near(ours, wanted, policy="float32"):
    rtol = EXACTNESS[policy]
    np.testing.assert_allclose(as_numpy(ours), wanted, rtol=rtol, atol=rtol)


@POLICIES
@pytest.mark.parametrize("wrap", [lambda layer: layer, tf.function])
def test_training_normalises_with_the_batch_and_remembers_it(policy, wrap):
    layer, x = batch_norm(dtype=policy), pictures(policy)
    output = wrap(layer)(x, training=True)
    assert output.dtype == x.dtype
    assert_near(output, normalized(x, *of_batch(x)[:2]), policy)
    # Whatever the policy, the statistics have 32 bits at least, and are as exact.
    np.testing.assert_allclose(running(layer), running_after(x), rtol=min(EXACTNESS[policy], 1e-5))


@POLICIES
@pytest.mark.parametrize("frozen", [False, True])
def test_otherwise_it_normalises_with_what_it_remembers(policy, frozen):
    layer, x = batch_norm(dtype=policy), pictures(policy)
    layer.trainable = not frozen
    output = layer(x, training=True) if frozen else layer(x)
    assert_near(output, normalized(x, MEAN, VARIANCE), policy)
    np.testing.assert_array_equal(running(layer), FIRST[2:])
    if frozen:
        layer.trainable = True
        layer(x, training=True)
        np.testing.assert_allclose(running(layer), running_after(x), rtol=1e-5)


@POLICIES
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_keras(policy, training):
    x = pictures(policy)
    weighting = np.random.default_rng(8).normal(size=x.shape).astype("float32")

    def gradients(kind):
        layer = batch_norm(kind, dtype=policy)
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x, training=training)
            loss = tf.reduce_sum(tf.cast(output, "float32") * weighting)
        return tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])

    # The gradients to gamma and beta are sums over all the pixels; each term was rounded.
    for got, wanted in zip(
        gradients(BatchNorm), gradients(keras.layers.BatchNormalization), strict=True
    ):
        assert got.dtype == wanted.dtype
        limit = 4 * EXACTNESS[policy] * np.abs(as_numpy(wanted)).max()
        np.testing.assert_allclose(as_numpy(got), as_numpy(wanted), rtol=0, atol=limit)


@pytest.mark.parametrize("policy", ["float32", "float64"])
def test_one_pixel_of_one_picture_leaves_numbers(policy):
    layer, x = batch_norm(dtype=policy), pictures(policy, shape=(1, 1, 1, SHAPE[-1]))
    assert_near(layer(x, training=True), np.broadcast_to(BETA, x.shape), policy)
    # One number has no variance to speak of; this one is taken as 0.
    wanted = [0.9 * MEAN + 0.1 * as_numpy(x).ravel(), 0.9 * VARIANCE]
    np.testing.assert_allclose(running(layer), wanted, rtol=1e-5)


def test_a_large_mean_does_not_spoil_the_variance():
    # A sum of squares minus the square of the sum would lose all its digits here.
    layer, x = batch_norm(), pictures() + 1000
    layer(x, training=True)
    np.testing.assert_allclose(running(layer), running_after(x), rtol=1e-3)
