"""GroupedConv2D is the same function as Keras' grouped convolution, whatever its arguments.

The examples are drawn by Hypothesis, the same ones on each run. For ten times as many: ``FUZZ=10``
in the environment.
"""

import functools
import os
import subprocess
import sys
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from resnext_helpers import layers
from resnext_helpers.batch_norm import BatchNorm

WAYS = ("native", "split", "merged", "auto")
DTYPES = ("float32", "bfloat16", "float16")
MORE = int(os.environ.get("FUZZ", "1"))


def examples(number):
    return settings(deadline=None, derandomize=True, max_examples=number * MORE)


class Case(NamedTuple):
    """The arguments of one grouped convolution, and the shape of its input."""

    batch: int
    size: tuple
    groups: int
    channels_in_a_group: int
    filters_in_a_group: int
    kernel_size: tuple
    strides: int
    padding: str

    @property
    def channels(self):
        return self.groups * self.channels_in_a_group

    @property
    def filters(self):
        return self.groups * self.filters_in_a_group

    @property
    def kernel_shape(self):
        return (*self.kernel_size, self.channels_in_a_group, self.filters)

    @property
    def arguments(self):
        return {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "groups": self.groups,
            "strides": self.strides,
            "padding": self.padding,
        }


@st.composite
def cases(draw):
    kernel_size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = draw(st.sampled_from(("valid", "same")))
    smallest = kernel_size if padding == "valid" else (1, 1)
    return Case(
        batch=draw(st.integers(1, 3)),
        size=tuple(draw(st.integers(least, least + 8)) for least in smallest),
        groups=draw(st.sampled_from((1, 2, 3, 4, 6, 8, 32))),
        channels_in_a_group=draw(st.sampled_from((1, 2, 3, 4, 8, 33))),
        filters_in_a_group=draw(st.integers(1, 5)),
        kernel_size=kernel_size,
        strides=draw(st.integers(1, 4)),
        padding=padding,
    )


def numbers(shape, seed):
    """Sums of a few hundred of these are exact in each dtype, so no result may differ at all.

    A bfloat16 holds the integers up to 256, a float16 those up to 2048.
    """
    return np.random.default_rng(seed).integers(-1, 2, shape).astype("float32")


def edges(size, kernel, stride, padding):
    """Rows of zeros before and after: TensorFlow's rule for "same"."""
    outputs = -(-size // stride)
    missing = max((outputs - 1) * stride + kernel - size, 0) if padding == "same" else 0
    return missing // 2, missing - missing // 2


def by_definition(case, x, kernel, weighting=None):
    """The convolution as one sum a kernel position, in float64.

    Without ``weighting`` the output; with it the gradients of ``sum(output * weighting)`` to ``x``
    and to the kernel.
    """
    groups, (height, width), stride = case.groups, case.size, case.strides
    around = [
        edges(size, k, stride, case.padding)
        for size, k in zip(case.size, case.kernel_size, strict=True)
    ]
    rows, columns = (
        (size + sum(edge) - k) // stride + 1
        for size, edge, k in zip(case.size, around, case.kernel_size, strict=True)
    )
    padded = np.pad(x.astype("float64"), ((0, 0), *around, (0, 0)))
    padded = padded.reshape(*padded.shape[:3], groups, -1)
    kernel = kernel.astype("float64").reshape(*kernel.shape[:3], groups, -1)
    output = np.zeros((len(x), rows, columns, groups, case.filters_in_a_group))
    to_padded, to_kernel = np.zeros_like(padded), np.zeros_like(kernel)
    if weighting is not None:
        weighting = weighting.reshape(output.shape)
    for i, j in np.ndindex(*case.kernel_size):
        seen = np.s_[:, i : i + rows * stride : stride, j : j + columns * stride : stride]
        pixels = padded[seen][:, :rows, :columns]
        if weighting is None:
            output += np.einsum("nyxgc,cgf->nyxgf", pixels, kernel[i, j])
        else:
            to_padded[seen][:, :rows, :columns] += np.einsum(
                "nyxgf,cgf->nyxgc", weighting, kernel[i, j]
            )
            to_kernel[i, j] = np.einsum("nyxgc,nyxgf->cgf", pixels, weighting)
    if weighting is None:
        return output.reshape(*output.shape[:3], case.filters)
    (top, _), (left, _) = around
    to_x = to_padded[:, top : top + height, left : left + width].reshape(x.shape)
    return to_x, to_kernel.reshape(case.kernel_shape)


def built(case, way, dtype="float32"):
    policy = "float32" if dtype == "float32" else f"mixed_{dtype}"  # the kernel stays float32
    layer = layers.GroupedConv2D(**case.arguments, implementation=way, dtype=policy)
    layer.build((None, None, None, case.channels))
    return layer


def output_and_gradients(layer, x, weighting):
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = layer(x)
        loss = tf.reduce_sum(tf.cast(output, "float32") * weighting)
    return output, *tape.gradient(loss, [x, layer.kernel.value])


def assert_right(case, compute, dtype="float32"):
    """``compute``, given an input, a kernel and a weighting, returns the right numbers."""
    x = numbers((case.batch, *case.size, case.channels), seed=1)
    kernel = numbers(case.kernel_shape, seed=2)
    output = by_definition(case, x, kernel)
    weighting = numbers(output.shape, seed=3)
    wanted = (output, *by_definition(case, x, kernel, weighting))
    got = compute(tf.constant(x, dtype), tf.constant(kernel), tf.constant(weighting))
    for ours, right, what in zip(got, wanted, ("output", "to x", "to the kernel"), strict=True):
        np.testing.assert_array_equal(tf.cast(ours, "float64"), right, err_msg=what)


@pytest.fixture(autouse=True)
def no_warnings_of_retracing(caplog):
    yield
    messages = [record.getMessage() for record in caplog.get_records("call")]
    assert not [text for text in messages if "retracing" in text]


@examples(120)
@given(cases(), st.sampled_from(WAYS), st.sampled_from(DTYPES), st.booleans())
def test_each_way_is_the_definition(case, way, dtype, in_a_function):
    # Elsewhere "native" is Keras' own, compiled for seconds: see the next test.
    assume(way != "native" or layers._native_trains(dtype))
    # In bfloat16 some of TensorFlow's convolutions, dense ones too, are wrong if the stride is as
    # large as the picture. No network comes to that.
    assume(dtype != "bfloat16" or case.strides < min(case.size))

    def compute(x, kernel, weighting):
        layer = built(case, way, dtype)
        layer.set_weights([kernel])
        step = functools.partial(output_and_gradients, layer)
        if in_a_function:
            step = tf.function(step).get_concrete_function(x, weighting)
        return step(x, weighting)

    assert_right(case, compute, dtype)


KERAS_OWN = [
    Case(2, (5, 6), 4, 2, 3, (3, 3), 1, "same"),
    Case(2, (5, 8), 2, 3, 1, (3, 2), 2, "same"),
    Case(1, (6, 5), 3, 1, 2, (2, 3), 3, "valid"),
]


@pytest.mark.parametrize("case", KERAS_OWN)
def test_the_definition_is_keras_own(case):
    def compute(x, kernel, weighting):
        layer = keras.layers.Conv2D(**case.arguments, use_bias=False)
        layer.build(x.shape)
        layer.set_weights([kernel])
        return output_and_gradients(layer, x, weighting)

    assert_right(case, compute)


def test_native_falls_back_on_keras_own_where_tensorflow_cannot_train():
    case = KERAS_OWN[1]

    def compute(x, kernel, weighting):
        layer = built(case, "native", "float16")
        layer.set_weights([kernel])
        return output_and_gradients(layer, x, weighting)

    assert_right(case, compute, "float16")


@functools.cache
def of_any_size(way, strides, padding, dtype):
    """One graph for pictures of any number and size."""
    layer = built(Case(1, (9, 9), 4, 2, 3, (3, 2), strides, padding), way, dtype)

    def step(x, kernel, weighting):
        layer.kernel.assign(kernel)
        return output_and_gradients(layer, x, weighting)

    signature = [
        tf.TensorSpec((None, None, None, 8), dtype),
        tf.TensorSpec(layer.kernel.shape),
        tf.TensorSpec((None, None, None, 12)),
    ]
    layer(tf.zeros((1, 9, 9, 8), dtype))
    return tf.function(step, input_signature=signature).get_concrete_function()


@examples(60)
@given(
    batch=st.integers(1, 4),
    size=st.tuples(st.integers(3, 12), st.integers(3, 12)),
    way=st.sampled_from(WAYS),
    strides=st.integers(1, 2),
    padding=st.sampled_from(("valid", "same")),
    dtype=st.sampled_from(("float32", "bfloat16")),
)
def test_one_function_takes_pictures_of_any_size(batch, size, way, strides, padding, dtype):
    assume(way != "native" or layers._native_trains(dtype))
    case = Case(batch, size, 4, 2, 3, (3, 2), strides, padding)
    assert_right(case, of_any_size(way, strides, padding, dtype), dtype)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_xla_computes_the_same(way, dtype):
    case = Case(2, (5, 6), 4, 2, 3, (3, 3), 2, "same")

    def compute(x, kernel, weighting):
        layer = built(case, way, dtype)
        layer.set_weights([kernel])
        step = functools.partial(output_and_gradients, layer)
        return tf.function(step, jit_compile=True).get_concrete_function(x, weighting)(x, weighting)

    assert_right(case, compute, dtype)


@examples(40)
@given(cases(), st.sampled_from(WAYS), st.booleans(), st.integers(0, 1))
def test_a_graph_with_its_neighbours_too(case, way, training, zeros_around):
    """In a graph, TensorFlow joins padding, convolution, batch norm and ReLU, as it sees fit."""
    assume(way != "native" or layers._native_trains("float32"))
    layer, norm = built(case, way), BatchNorm()
    parts = [keras.layers.ZeroPadding2D(zeros_around), layer, norm, keras.layers.ReLU()]
    random = np.random.default_rng(0)
    layer.set_weights([random.normal(size=layer.kernel.shape)])
    norm.build((None, None, None, case.filters))
    weights = [random.uniform(0.5, 2, size=weight.shape) for weight in norm.weights]
    x = tf.constant(random.normal(size=(case.batch, *case.size, case.channels)), "float32")

    def forward(x):
        for part in parts:
            x = part(x, training=training) if part is norm else part(x)
        return x, *norm.non_trainable_variables

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(forward(x)[0] ** 2)
        variables = [layer.kernel.value, norm.gamma.value, norm.beta.value]
        return tape.gradient(loss, [x, *variables])

    for compute in (forward, step):
        norm.set_weights(weights)
        alone = [np.array(number) for number in compute(x)]
        norm.set_weights(weights)
        joined = tf.function(compute).get_concrete_function(x)(x)
        for ours, wanted in zip(joined, alone, strict=True):
            np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-4 * (1 + np.abs(wanted).max()))


# The two devices must be made before TensorFlow starts, so in a process of their own.
TWO_REPLICAS = """
import resnext_helpers
import keras, numpy as np, tensorflow as tf
from resnext_helpers import layers
from resnext_helpers.batch_norm import BatchNorm

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_visible_devices(cpu)
tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
random = np.random.default_rng(0)
x, y = (random.normal(size=(4, 6, 6, 8)).astype("float32") for _ in range(2))
kernel = random.normal(size=(3, 3, 2, 8))

def after_one_step(way, strategy=tf.distribute.get_strategy()):
    with strategy.scope():
        layer = layers.GroupedConv2D(8, 3, groups=4, padding="same", implementation=way)
        model = keras.Sequential([keras.Input((6, 6, 8)), layer])
        model.set_weights([kernel])
        model.compile(keras.optimizers.SGD(1.0), "mse")
    model.fit(x, y, batch_size=4, epochs=1, verbose=0)
    return model.get_weights()[0]

two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert two.num_replicas_in_sync == 2
wanted = after_one_step("split")
assert np.abs(wanted - kernel).max() > 0.01
for way in layers.IMPLEMENTATIONS:
    np.testing.assert_allclose(after_one_step(way, two), wanted, atol=1e-5, err_msg=way)
print("the same")
"""


def test_two_replicas_train_as_one_device_does():
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True)
    assert done.stdout.strip() == "the same", done.stderr
