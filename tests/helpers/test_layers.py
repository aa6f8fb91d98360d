"""GroupedConv2D computes what Keras' grouped convolution computes, in each of its ways.

``test_layer_properties.py`` asks the same of many more shapes.
"""

import platform

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from resnext_helpers import layers

WAYS = ("native", "split", "merged", "auto")
ON_A_CPU = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="a GPU computes in other ways"
)
WITH_ONEDNN = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"),
    reason="TensorFlow has oneDNN for Intel's and AMD's processors",
)
SHAPES = {  # channels, filters and the layer's other arguments
    "as in ResNeXt": (64, 64, {"kernel_size": 3, "groups": 16, "padding": "same"}),
    "stride 2": (16, 16, {"kernel_size": 3, "groups": 4, "strides": 2}),
    "stride 2, same": (16, 16, {"kernel_size": 3, "groups": 4, "strides": 2, "padding": "same"}),
    "more filters than channels": (12, 24, {"kernel_size": 3, "groups": 6}),
    "fewer filters than channels": (24, 12, {"kernel_size": 3, "groups": 6}),
    "groups wider than a merged block": (80, 4, {"kernel_size": 1, "groups": 2}),
    "blocks that can't be full": (48, 48, {"kernel_size": 3, "groups": 6}),
    "depthwise": (6, 6, {"kernel_size": 3, "groups": 6}),
    "one group": (6, 4, {"kernel_size": 3, "groups": 1}),
    "kernel that isn't square": (8, 8, {"kernel_size": (1, 3), "groups": 4, "padding": "same"}),
}


def numbers(shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def keras_layer(channels, filters, arguments):
    layer = keras.layers.Conv2D(filters, use_bias=False, **arguments)
    layer.build((None, None, None, channels))
    layer.set_weights([numbers(layer.kernel.shape, seed=1)])
    return layer


def with_the_same_weights(other, channels, filters, **arguments):
    layer = layers.GroupedConv2D(filters, **arguments)
    layer.build((None, None, None, channels))
    layer.set_weights(other.get_weights())
    return layer


def convolutions(layer, channels):
    """The convolutions in the graph that TensorFlow builds for the layer."""
    picture = tf.zeros((1, 8, 8, channels), layer.compute_dtype)
    layer(picture)
    graph = tf.function(layer).get_concrete_function(picture).graph
    return [operation for operation in graph.get_operations() if operation.type == "Conv2D"]


def kernel_shapes(layer, channels):
    return [tuple(operation.inputs[1].shape) for operation in convolutions(layer, channels)]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_way_gives_what_keras_gives(shape):
    channels, filters, arguments = SHAPES[shape]
    reference = keras_layer(channels, filters, arguments)
    x = numbers((2, 7, 9, channels), seed=2)
    wanted = ops.convert_to_numpy(reference(x))
    for way in WAYS:
        layer = with_the_same_weights(reference, channels, filters, implementation=way, **arguments)
        np.testing.assert_allclose(layer(x), wanted, atol=2e-5, err_msg=way)


@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_those_of_keras(way):
    arguments = {"kernel_size": 3, "groups": 4, "padding": "same"}
    reference = keras_layer(8, 12, arguments)
    layer = with_the_same_weights(reference, 8, 12, implementation=way, **arguments)
    x, weighting = tf.constant(numbers((2, 5, 5, 8), seed=2)), numbers((2, 5, 5, 12), seed=3)

    def gradients(layer):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) * weighting)
        return tape.gradient(loss, [layer.kernel.value, x])

    for ours, keras_own in zip(gradients(layer), gradients(reference), strict=True):
        np.testing.assert_allclose(ours, keras_own, atol=1e-4)


def test_a_filter_reads_its_own_group_alone():
    for way in WAYS:
        layer = layers.GroupedConv2D(12, 3, groups=4, padding="same", implementation=way)
        one_channel_each = np.zeros((8, 4, 4, 8), "float32")
        one_channel_each[range(8), :, :, range(8)] = 1
        reached = ops.convert_to_numpy(ops.any(layer(one_channel_each) != 0, axis=(1, 2)))
        wanted = np.kron(np.eye(4), np.ones((2, 3))).astype(bool)
        np.testing.assert_array_equal(reached, wanted, err_msg=way)


def test_merged_runs_few_convolutions_and_split_one_a_group():
    def kernels(way, channels=128, groups=32):
        layer = layers.GroupedConv2D(channels, 3, groups=groups, padding="same", implementation=way)
        return kernel_shapes(layer, channels)

    assert kernels("split") == 32 * [(3, 3, 4, 4)]
    assert kernels("merged") == 4 * [(3, 3, 32, 32)]
    assert kernels("merged", channels=48, groups=6) == 2 * [(3, 3, 24, 24)]
    assert kernels("merged", channels=80, groups=2) == 2 * [(3, 3, 40, 40)]


@WITH_ONEDNN
def test_auto_is_one_convolution_where_tensorflow_can_train_it():
    assert layers._native_trains("float32")  # oneDNN is on, see resnext_helpers/__init__.py
    auto = layers.GroupedConv2D(128, 3, groups=32, padding="same")
    assert kernel_shapes(auto, 128) == [(3, 3, 4, 128)]


@ON_A_CPU
def test_auto_merges_where_tensorflow_has_no_gradient_for_groups():
    assert not layers._native_trains("float16")
    auto = layers.GroupedConv2D(128, 3, groups=32, padding="same", dtype="float16")
    assert kernel_shapes(auto, 128) == 4 * [(3, 3, 32, 32)]


@ON_A_CPU
def test_auto_finds_that_out_inside_a_function_too():
    # There, an operation that TensorFlow can't run raises no error until the function is called.
    layers._native_trains.cache_clear()
    auto = layers.GroupedConv2D(8, 3, groups=4, dtype="float16")
    output = tf.function(auto)(tf.ones((1, 4, 4, 8), "float16"))
    assert output.shape == (1, 2, 2, 8)
    assert not layers._native_trains("float16")


@pytest.mark.parametrize("way", WAYS)
def test_the_stride_of_a_1x1_kernel_is_no_convolutions(way):
    """oneDNN's gradient of that one, for few channels, writes outside its memory."""
    layer = layers.GroupedConv2D(4, 1, groups=2, strides=2, implementation=way)
    assert convolutions(layer, 4)
    assert {tuple(one.get_attr("strides")) for one in convolutions(layer, 4)} == {(1, 1, 1, 1)}
    x = numbers((2, 5, 8, 4), seed=2)
    kernel = layer.kernel.numpy()[0, 0]
    wanted = [x[:, ::2, ::2, :2] @ kernel[:, :2], x[:, ::2, ::2, 2:] @ kernel[:, 2:]]
    np.testing.assert_allclose(layer(x), np.concatenate(wanted, axis=-1), atol=1e-5)


@pytest.mark.parametrize("gpu", ["none", "hidden"])
@pytest.mark.parametrize("way", WAYS)
def test_on_a_cpu_keras_leaves_xla_off(way, gpu, monkeypatch):
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

    assert not uses_xla(layers.GroupedConv2D(8, 3, groups=4, implementation=way))
    assert uses_xla(keras.layers.Conv2D(8, 3)) == (gpu == "hidden")


def test_first_weights_are_the_references():
    # std = sqrt(2 / (3 · 3 · 128)), where he_normal would start at sqrt(2 / (3 · 3 · 4)) = 0.236.
    layer = layers.GroupedConv2D(128, 3, groups=32)
    layer.build((None, None, None, 128))
    assert ops.convert_to_numpy(layer.kernel).std() == pytest.approx(0.0417, rel=0.05)


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

    assert loaded.output_shape == (None, None, None, 16)
    assert loaded.get_layer("conv").get_config() == layer.get_config()
    assert isinstance(loaded.get_layer("conv").kernel_initializer, keras.initializers.Ones)
    x = numbers((2, 6, 5, 8), seed=2)
    np.testing.assert_array_equal(loaded(x), model(x))


def test_mixed_precision_computes_in_float16_and_keeps_float32_weights():
    layer = layers.GroupedConv2D(8, 3, groups=4, implementation="merged", dtype="mixed_float16")
    output = layer(numbers((1, 5, 5, 8), seed=1))
    assert output.dtype == "float16"
    assert layer.kernel.dtype == "float32"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 6, "groups": 4}, "6 filters can't be shared equally by 4 groups"),
        ({"filters": 6, "groups": 0}, "6 filters can't be shared equally by 0 groups"),
        ({"filters": 6, "groups": -2}, "6 filters can't be shared equally by -2 groups"),
        ({"filters": 0, "groups": 1}, "0 filters can't be shared"),
        ({"filters": 8, "groups": 4, "padding": "full"}, "padding is 'full': choose"),
        ({"filters": 8, "groups": 4, "implementation": "fast"}, "'fast': choose one of auto, "),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.GroupedConv2D(kernel_size=3, **arguments)


@pytest.mark.parametrize("channels", [6, 2, None])
def test_channels_that_cannot_be_split_are_named(channels):
    layer = layers.GroupedConv2D(8, 3, groups=4)
    message = f"{channels} input channels can't be split into 4 equal groups: choose groups that"
    with pytest.raises(ValueError, match=message):
        layer.build((None, 8, 8, channels))
