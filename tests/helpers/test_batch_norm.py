"""BatchNorm computes what the reference computes, each number checked against NumPy or Keras."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnext_helpers.batch_norm import BatchNorm

MOMENTUM, EPSILON = 0.9, 1e-5
SHAPE = (3, 4, 5, 6)
# The dtypes that a policy computes in, and how far a result may be from NumPy's. The 16-bit ones
# carry 8 and 11 significant bits, and are rounded at most once, at the end.
EXACTNESS = {"float32": 1e-5, "mixed_bfloat16": 2**-8, "mixed_float16": 2**-11}
POLICIES = pytest.mark.parametrize("policy", EXACTNESS)
FIRST = {  # gamma, beta, the running mean and the running variance, one row each
    name: np.random.default_rng(seed).uniform(0.5, 2, SHAPE[-1]).astype("float32")
    for seed, name in enumerate(("gamma", "beta", "mean", "variance"))
}


def pictures(policy="float32", shape=SHAPE, seed=7):
    """Far from mean 0 and variance 1, and exact in the policy's dtype."""
    x = np.random.default_rng(seed).normal(2, 3, shape)
    return tf.cast(x, keras.DTypePolicy(policy).compute_dtype)


def batch_norm(kind=BatchNorm, **arguments):
    layer = kind(momentum=MOMENTUM, epsilon=EPSILON, **arguments)
    layer.build((None, None, None, SHAPE[-1]))
    layer.set_weights(list(FIRST.values()))
    return layer


def as_numpy(x):
    return np.array(tf.cast(x, "float64"))


def normalized(x, mean, variance):
    return (as_numpy(x) - mean) / np.sqrt(variance + EPSILON) * FIRST["gamma"] + FIRST["beta"]


def running(layer):
    return np.array([layer.moving_mean.value, layer.moving_variance.value])


def running_after(x, momentum=MOMENTUM):
    x = as_numpy(x).reshape(-1, x.shape[-1])
    first = np.array([FIRST["mean"], FIRST["variance"]])
    return momentum * first + (1 - momentum) * np.array([x.mean(0), x.var(0, ddof=1)])


def assert_near(ours, wanted, policy="float32"):
    rtol = EXACTNESS[policy]
    np.testing.assert_allclose(as_numpy(ours), wanted, rtol=rtol, atol=rtol)


def eager(layer):
    return layer


def in_a_function(layer):
    return tf.function(layer)


def with_xla(layer):
    return tf.function(layer, jit_compile=True)


CALLS = pytest.mark.parametrize("call", [eager, in_a_function, with_xla])


@CALLS
@POLICIES
def test_training_normalises_with_the_batch_and_remembers_it(policy, call):
    layer, x = batch_norm(dtype=policy), pictures(policy)
    output = call(layer)(x, training=True)
    assert output.dtype == x.dtype
    batch = as_numpy(x).reshape(-1, SHAPE[-1])
    assert_near(output, normalized(x, batch.mean(0), batch.var(0)), policy)
    # Whatever the policy, the statistics are float32 and as exact.
    assert layer.moving_mean.dtype == layer.moving_variance.dtype == "float32"
    np.testing.assert_allclose(running(layer), running_after(x), rtol=1e-5)


@CALLS
@POLICIES
@pytest.mark.parametrize("frozen", [False, True])
def test_otherwise_it_normalises_with_what_it_remembers(policy, call, frozen):
    layer, x = batch_norm(dtype=policy), pictures(policy)
    before = running(layer)
    layer.trainable = not frozen
    output = call(layer)(x, training=frozen)
    assert output.dtype == x.dtype
    assert_near(output, normalized(x, FIRST["mean"], FIRST["variance"]), policy)
    np.testing.assert_array_equal(running(layer), before)


def test_called_without_training_it_remembers_nothing():
    layer, x = batch_norm(), pictures()
    before = running(layer)
    assert_near(layer(x), normalized(x, FIRST["mean"], FIRST["variance"]))
    np.testing.assert_array_equal(running(layer), before)


def test_thawed_it_trains_again():
    layer, x = batch_norm(), pictures()
    layer.trainable = False
    layer(x, training=True)
    layer.trainable = True
    layer(x, training=True)
    np.testing.assert_allclose(running(layer), running_after(x), rtol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 1.0])
def test_momentum_is_the_share_of_the_past(momentum):
    layer, x = batch_norm(), pictures()
    layer.momentum = momentum
    layer(x, training=True)
    np.testing.assert_allclose(running(layer), running_after(x, momentum), rtol=1e-5)


def output_and_gradients(layer, x, training):
    weighting = np.random.default_rng(8).normal(size=x.shape).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = layer(x, training=training)
        loss = tf.reduce_sum(tf.cast(output, "float32") * weighting)
    return output, *tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])


@POLICIES
@pytest.mark.parametrize("wrap", [eager, in_a_function, with_xla])
@pytest.mark.parametrize(
    ("training", "trainable"), [(True, True), (True, False), (False, True), (False, False)]
)
def test_gradients_are_those_of_keras(policy, wrap, training, trainable):
    x = pictures(policy)

    def numbers(kind):
        layer = batch_norm(kind, dtype=policy)
        layer.trainable = trainable
        step = wrap(lambda x: output_and_gradients(layer, x, training))
        return step(x)

    ours = numbers(BatchNorm)
    keras_own = numbers(keras.layers.BatchNormalization)
    assert ours[1].dtype == x.dtype
    assert ours[2].dtype == ours[3].dtype == "float32"
    # The gradients to gamma and beta are sums over all the pixels; each term was rounded.
    for got, wanted in zip(ours, keras_own, strict=True):
        scale = np.abs(as_numpy(wanted)).max()
        np.testing.assert_allclose(
            as_numpy(got), as_numpy(wanted), rtol=0, atol=4 * EXACTNESS[policy] * scale
        )


@POLICIES
@pytest.mark.parametrize("training", [True, False])
def test_in_steps_it_computes_the_same(policy, training):
    layer, x = batch_norm(dtype=policy), pictures(policy)
    output, *statistics = layer._in_steps(x, training)
    assert output.dtype == x.dtype
    fused, *fused_statistics = layer._fused(x, training)
    assert_near(output, as_numpy(fused), policy)
    if training:
        np.testing.assert_allclose(statistics, fused_statistics, rtol=1e-5)
        np.testing.assert_allclose(statistics, running_after(x), rtol=1e-5)


@CALLS
def test_one_pixel_of_one_picture_leaves_numbers(call):
    layer, x = batch_norm(), pictures(shape=(1, 1, 1, SHAPE[-1]))
    output = call(layer)(x, training=True)
    assert_near(output, np.broadcast_to(FIRST["beta"], x.shape))
    # One number has no variance to speak of; this one is taken as 0.
    wanted = [0.9 * FIRST["mean"] + 0.1 * as_numpy(x).ravel(), 0.9 * FIRST["variance"]]
    np.testing.assert_allclose(running(layer), wanted, rtol=1e-5)
    layer.set_weights(list(FIRST.values()))
    np.testing.assert_allclose(layer._in_steps(x, True)[1:], wanted, rtol=1e-5)


def test_a_large_mean_does_not_spoil_the_variance():
    # A sum of squares minus the square of the sum would lose all its digits here.
    layer, x = batch_norm(), pictures() + 1000
    layer(x, training=True)
    np.testing.assert_allclose(running(layer), running_after(x), rtol=1e-3)


def test_a_function_takes_pictures_of_any_size():
    layer = batch_norm()
    signature = [tf.TensorSpec((None, None, None, SHAPE[-1]))]
    step = tf.function(lambda x: layer(x, training=True), input_signature=signature)
    for shape in (SHAPE, (1, 9, 2, 6), (7, 1, 1, 6)):
        layer.set_weights(list(FIRST.values()))
        x = pictures(shape=shape)
        batch = as_numpy(x).reshape(-1, SHAPE[-1])
        assert_near(step(x), normalized(x, batch.mean(0), batch.var(0)))
        np.testing.assert_allclose(running(layer), running_after(x), rtol=1e-5)


def test_its_numbers_are_the_references():
    layer = BatchNorm()
    assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)


@POLICIES
def test_a_saved_model_comes_back(policy, tmp_path):
    inputs = keras.Input((None, None, SHAPE[-1]))
    layer = BatchNorm(
        momentum=0.8, epsilon=0.1, gamma_initializer="zeros", dtype=policy, name="norm"
    )
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights(list(FIRST.values()))
    model(pictures(policy), training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")

    again = loaded.get_layer("norm")
    assert type(again) is BatchNorm
    assert again.get_config() == layer.get_config()
    assert (again.momentum, again.epsilon) == (0.8, 0.1)
    assert isinstance(again.gamma_initializer, keras.initializers.Zeros)
    np.testing.assert_array_equal(again.get_weights(), layer.get_weights())
    for training in (False, True):
        x = pictures(policy)
        np.testing.assert_array_equal(loaded(x, training=training), model(x, training=training))
        np.testing.assert_array_equal(running(again), running(layer))


@pytest.mark.parametrize("shape", [(4, 6), (4, 5, 6), (2, 3, 4, 5, 6)])
def test_what_is_no_picture_is_refused(shape):
    message = r"takes pictures, .* got the shape \(.*6\): use keras.layers.BatchNormalization"
    with pytest.raises(ValueError, match=message):
        BatchNorm()(np.zeros(shape, "float32"))
    with pytest.raises(ValueError, match=message):  # before a model is trained, not in ``fit``
        BatchNorm()(keras.Input(shape[1:]))


@pytest.mark.parametrize(
    "argument", [{"axis": 1}, {"center": False}, {"scale": False}, {"renorm": True}]
)
def test_what_it_cannot_do_is_refused(argument):
    with pytest.raises(ValueError, match=r"of BatchNorm is always .* keras.layers.BatchNormal"):
        BatchNorm(**argument)


# The two devices must be made before TensorFlow starts, so in a process of their own.
TWO_REPLICAS = """
import resnext_helpers
import keras, numpy as np, tensorflow as tf
from resnext_helpers.batch_norm import BatchNorm

exactness = {"float32": 1e-5, "mixed_bfloat16": 2**-8, "mixed_float16": 2**-11, "float64": 1e-12}
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_visible_devices(cpu)
tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
one, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
random = np.random.default_rng(0)
noise, weighting = random.normal(size=(2, 5, 2, 3, 4))

def numbers(policy, mean, training, strategy, shares):
    def step(x, weighting):
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x, training=training)
            loss = tf.reduce_sum(tf.cast(output, "float64") * weighting)
        variables = [layer.gamma.value, layer.beta.value]
        return (output, *tape.gradient(loss, [x, *variables]))

    def shared(tensor):
        parts = iter(tf.split(tensor, shares))
        return strategy.experimental_distribute_values_from_function(lambda _: next(parts))

    with strategy.scope():
        layer = BatchNorm(dtype=policy)
        layer.build(noise.shape)
    x = tf.cast(mean + 3 * noise, layer.compute_dtype)
    output = strategy.run(tf.function(step), (shared(x), shared(weighting)))
    output, to_x, to_gamma, to_beta = map(strategy.experimental_local_results, output)
    copies = [
        strategy.experimental_local_results(variable.value)
        for variable in (layer.moving_mean, layer.moving_variance)
    ]
    for copy in copies:
        np.testing.assert_array_equal(copy[0], copy[-1])
    running = [copy[0] for copy in copies]
    found = [tf.concat(output, 0), tf.concat(to_x, 0), sum(to_gamma), sum(to_beta), *running]
    return [tf.cast(number, "float64") for number in found]

def compare(policy, mean, training=True):
    wanted = numbers(policy, mean, training, one, [5])
    for shares in ([3, 2], [4, 1], [5, 0]):
        for got, number in zip(numbers(policy, mean, training, two, shares), wanted, strict=True):
            limit = 4 * exactness[policy] * np.abs(number).max()
            np.testing.assert_allclose(got, number, rtol=0, atol=limit, err_msg=f"{policy, shares}")

for policy in exactness:
    compare(policy, mean=2)
compare("float32", mean=2, training=False)
exactness["float32"] = 1e-3  # as a float, a pixel of 1000 has four digits less of its noise
compare("float32", mean=1000)
print("the same")
"""


def test_replicas_use_the_statistics_of_the_whole_batch():
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True)
    assert done.stdout.strip() == "the same", done.stderr


@pytest.mark.parametrize("training", [True, False])
def test_64_bits_stay_64_bits(training):
    x = np.random.default_rng(0).normal(size=(4, 3, 5, 2))
    layer = BatchNorm(dtype="float64")
    output = layer(x, training=training)
    mean, variance = (x.mean((0, 1, 2)), x.var((0, 1, 2))) if training else (0, 1)
    assert output.dtype == "float64"
    np.testing.assert_allclose(output, (x - mean) / np.sqrt(variance + 1e-5), rtol=0, atol=1e-12)
