"""GroupedConv2D is the same function as Keras' grouped convolution, in each of its ways."""

import functools
import platform
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from resnext_helpers import layers

WAYS = ("native", "split", "merged", "auto")
FIXTURES = Path(__file__).parents[1] / "fixtures"
ON_A_CPU = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="a GPU computes in other ways"
)
WITH_ONEDNN = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"),
    reason="TensorFlow has oneDNN for Intel's and AMD's processors",
)


# -- the definition ------------------------------------------------------------------------------


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
    def arguments(self):
        names = ("filters", "kernel_size", "groups", "strides", "padding")
        return {name: getattr(self, name) for name in names}


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


def by_definition(case, x, kernel, weighting):
    """A standard convolution a group, and the gradients of ``sum(output * weighting)``.

    In 64 bits, in which TensorFlow computes without oneDNN.
    """
    x, kernel = tf.constant(x, "float64"), tf.constant(kernel, "float64")
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        parts = zip(tf.split(x, case.groups, 3), tf.split(kernel, case.groups, 3), strict=True)
        output = tf.concat(
            [tf.nn.conv2d(*part, case.strides, case.padding.upper()) for part in parts], 3
        )
        loss = tf.reduce_sum(output * weighting(output.shape))
    return output, *tape.gradient(loss, [x, kernel])


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


def assert_right(case, layer, wrap=lambda step: step, dtype="float32"):
    """The layer's output and gradients are the definition's, to the last digit."""
    x = numbers((case.batch, *case.size, case.channels), seed=1)
    layer.set_weights([numbers(layer.kernel.shape, seed=2)])
    weighting = functools.partial(numbers, seed=3)
    wanted = by_definition(case, x, layer.get_weights()[0], weighting)
    step = wrap(functools.partial(output_and_gradients, layer))
    got = step(tf.constant(x, dtype), tf.constant(weighting(wanted[0].shape)))
    for ours, right, what in zip(got, wanted, ("output", "to x", "to the kernel"), strict=True):
        np.testing.assert_array_equal(tf.cast(ours, "float64"), right, err_msg=what)


# Merged: two full blocks as in ResNeXt, blocks that can't be full, groups wider than a block.
@example(Case(2, (4, 5), 16, 4, 4, (3, 3), 1, "same"), "merged", "float32", tf.function)
@example(Case(1, (4, 5), 6, 8, 2, (1, 3), 2, "valid"), "merged", "float32", tf.function)
@example(Case(1, (3, 4), 2, 33, 2, (1, 1), 1, "valid"), "merged", "float32", tf.function)
@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    cases(),
    st.sampled_from(WAYS),
    st.sampled_from(("float32", "bfloat16", "float16")),
    st.sampled_from((lambda step: step, tf.function)),
)
def test_each_way_is_the_definition(case, way, dtype, wrap):
    # In float16 "native" is Keras' own, compiled for seconds: see the next tests.
    assume(way != "native" or dtype == "float32")
    # In bfloat16 some of TensorFlow's convolutions, dense ones too, are wrong if the stride is as
    # large as the picture. No network comes to that.
    assume(dtype != "bfloat16" or case.strides < min(case.size))
    assert_right(case, built(case, way, dtype), wrap, dtype)


CASE = Case(2, (5, 8), 2, 3, 1, (3, 2), 2, "same")


def test_the_definition_is_keras_own():
    layer = keras.layers.Conv2D(**CASE.arguments, use_bias=False)
    layer.build((None, None, None, CASE.channels))
    assert_right(CASE, layer)


def test_native_falls_back_on_keras_own_where_tensorflow_cannot_train():
    assert_right(CASE, built(CASE, "native", "float16"), dtype="float16")


@pytest.mark.parametrize("way", ["native", "merged"])
def test_xla_computes_the_same(way):
    assert_right(CASE, built(CASE, way), functools.partial(tf.function, jit_compile=True))


@pytest.mark.parametrize("way", WAYS)
def test_one_graph_takes_pictures_of_any_size(way):
    layer = built(CASE, way)
    signature = [tf.TensorSpec((None, None, None, n)) for n in (CASE.channels, CASE.filters)]
    step = tf.function(functools.partial(output_and_gradients, layer), input_signature=signature)
    for size in ((5, 8), (12, 3), (7, 7)):
        assert_right(CASE._replace(size=size), layer, lambda _: step)


@pytest.mark.parametrize("training", [True, False])
def test_a_graph_with_its_neighbours_computes_the_same(training):
    """In a graph, TensorFlow joins padding, convolution, batch norm and ReLU, as it sees fit."""
    norm = layers.BatchNorm(momentum=0.5)
    parts = [keras.layers.ZeroPadding2D(1), built(CASE, "auto"), norm, keras.layers.ReLU()]
    x = tf.random.stateless_normal((2, 5, 8, CASE.channels), seed=(1, 2))
    norm.build((None, None, None, CASE.filters))
    norm.set_weights(list(np.random.default_rng(0).uniform(0.5, 2, (4, CASE.filters))))
    first = norm.get_weights()

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x
            for part in parts:
                y = part(y, training=training) if part is norm else part(y)
            loss = tf.reduce_sum(y**2)
        return y, *tape.gradient(loss, [x, parts[1].kernel.value, norm.gamma.value])

    alone, alone_after = step(x), norm.get_weights()
    norm.set_weights(first)
    for ours, wanted in zip(tf.function(step)(x), alone, strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())
    np.testing.assert_allclose(norm.get_weights(), alone_after, rtol=1e-4)


# -- how it is computed --------------------------------------------------------------------------


def convolutions(layer, channels):
    """The convolutions in the graph that TensorFlow builds: the shapes of kernels, and strides."""
    picture = tf.zeros((1, 8, 8, channels), layer.compute_dtype)
    graph = tf.function(layer).get_concrete_function(picture).graph
    found = [operation for operation in graph.get_operations() if operation.type == "Conv2D"]
    return [(tuple(one.inputs[1].shape), one.get_attr("strides")[1]) for one in found]


@pytest.mark.parametrize(
    ("way", "channels", "groups", "kernels"),
    [
        ("split", 128, 32, 32 * [(3, 3, 4, 4)]),
        ("merged", 128, 32, 4 * [(3, 3, 32, 32)]),
        ("merged", 48, 6, 2 * [(3, 3, 24, 24)]),
        ("merged", 80, 2, 2 * [(3, 3, 40, 40)]),
        pytest.param("auto", 128, 32, [(3, 3, 4, 128)], marks=WITH_ONEDNN),
        ("auto float16", 128, 32, 4 * [(3, 3, 32, 32)]),  # no gradient for groups there
    ],
)
@ON_A_CPU
def test_the_convolutions_of_each_way(way, channels, groups, kernels):
    way, _, dtype = way.partition(" ")
    form = {"groups": groups, "implementation": way, "dtype": dtype or "float32"}
    layer = layers.GroupedConv2D(channels, 3, **form)
    assert convolutions(layer, channels) == [(kernel, 1) for kernel in kernels]


@pytest.mark.parametrize("way", WAYS)
def test_the_stride_of_a_1x1_kernel_is_no_convolutions(way):
    """oneDNN's gradient of that one, for few channels, writes outside its memory."""
    layer = layers.GroupedConv2D(4, 1, groups=2, strides=2, implementation=way)
    assert {strides for _, strides in convolutions(layer, 4)} == {1}


@pytest.mark.parametrize("gpu", ["none", "hidden"])
def test_on_a_cpu_keras_leaves_xla_off(gpu, monkeypatch):
    # XLA would replace oneDNN's convolutions by slower ones. Keras itself leaves it off only where
    # there is no GPU at all.
    kinds = ["CPU"] if gpu == "none" else ["CPU", "GPU"]
    there = [tf.config.PhysicalDevice(f"/physical_device:{kind}:0", kind) for kind in kinds]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda: there)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [])

    def uses_xla(layer):
        model = keras.Sequential([keras.Input((6, 5, 8)), layer])
        model.compile("sgd", "mse", jit_compile="auto")
        return model.jit_compile

    assert not uses_xla(layers.GroupedConv2D(8, 3, groups=4))
    assert uses_xla(keras.layers.Conv2D(8, 3)) == (gpu == "hidden")


# -- as a layer of Keras -------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_saved_model_comes_back(way, tmp_path):
    inputs = keras.Input((None, None, 8))
    layer = layers.GroupedConv2D(
        16, (3, 1), groups=4, strides=2, implementation=way, kernel_initializer="ones", name="conv"
    )
    model = keras.Model(inputs, layer(inputs))
    model.set_weights([numbers((3, 1, 2, 16), seed=1)])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("conv").get_config() == layer.get_config()
    x = numbers((2, 6, 5, 8), seed=2)
    np.testing.assert_array_equal(loaded(x), model(x))


def test_a_model_that_the_first_edition_saved_loads():
    """Its layers were a ``keras.layers.Layer`` of our own, and a module of their own."""
    model = keras.models.load_model(FIXTURES / "first_edition.keras")
    grouped, norm = model.layers[1:]
    assert (type(grouped), type(norm)) == (layers.GroupedConv2D, layers.BatchNorm)
    assert (grouped.groups, grouped.strides, grouped.padding) == (2, (2, 2), "same")
    assert (grouped.implementation, norm.momentum, norm.epsilon) == ("merged", 0.9, 1e-5)
    case = Case(1, (5, 6), 2, 2, 2, (3, 3), 2, "same")
    assert_right(case, grouped)
    np.testing.assert_array_equal(norm.get_weights(), np.arange(16).reshape(4, 4))


@pytest.mark.parametrize(
    ("channels", "arguments", "message"),
    [
        (8, {"filters": 6, "groups": 4}, "groups=4, filters=6"),
        (8, {"filters": 6, "groups": 0}, "groups=0"),
        (6, {"filters": 8, "groups": 4}, "6 channels"),
        (8, {"filters": 8, "groups": 4, "padding": "full"}, "full"),
        (8, {"filters": 8, "groups": 4, "implementation": "fast"}, "'fast': choose one of auto, "),
    ],
)
def test_wrong_arguments_are_named(channels, arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.GroupedConv2D(kernel_size=3, **arguments).build((None, 8, 8, channels))
