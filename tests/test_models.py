"""The networks against the paper's tables and the reference implementation's numbers.

The parameters and multiply-adds were counted on torchvision's models. The paper's Table 1 gives
the same numbers, rounded, and calls multiply-adds "FLOPs".
"""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnext_helpers import counting, models

# groups, width of a group: trainable parameters, multiply-adds at 224 x 224 (1000 classes)
NETWORKS_OF_50_LAYERS = {
    (1, 64): (25_557_032, 4.0892e9),
    (2, 40): (25_425_000, 4.1245e9),
    (4, 24): (25_292_968, 4.1598e9),
    (8, 14): (25_603_016, 4.2674e9),
    (32, 4): (25_028_904, 4.2305e9),
}


@functools.cache
def fifty_layers(groups, width):
    return models.ResNeXt50(groups=groups, width_per_group=width)


@functools.cache
def small_network(image_size=64):
    """Each kind of block once: as quick as a network of the builder can be."""
    shape = (image_size, image_size, 3)
    return models.resnext(shape, 5, groups=32, width_per_group=4, blocks=(2, 1, 1, 1))


@pytest.mark.parametrize(("groups", "width"), NETWORKS_OF_50_LAYERS)
def test_parameters_and_macs_are_those_of_the_paper(groups, width):
    parameters, macs = NETWORKS_OF_50_LAYERS[groups, width]
    model = fifty_layers(groups, width)
    assert counting.trainable_parameters(model) == parameters
    assert counting.macs(model) == pytest.approx(macs, abs=0.00005e9)


def test_resnext50_to_the_last_multiply_add():
    model = fifty_layers(32, 4)
    assert counting.macs(model) == 4_230_479_872
    assert model.count_params() == 25_097_128  # with batch norm's running statistics


def test_resnet50_is_one_group_of_64_channels():
    model = models.ResNet50()
    assert counting.trainable_parameters(model) == 25_557_032
    assert model.get_layer("layer1_0_conv2").kernel.shape == (3, 3, 64, 64)


def test_101_layers_from_the_same_builder():
    model = models.resnext((224, 224, 3), 1000, groups=32, width_per_group=4, blocks=(3, 4, 23, 3))
    assert counting.trainable_parameters(model) == 44_177_704
    assert counting.macs(model) == pytest.approx(7.970e9, abs=0.0005e9)


def test_layers_with_weights_have_the_reference_names():
    expected = {"conv1", "bn1", "fc"}
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        expected |= {f"layer{stage}_0_downsample_{i}" for i in (0, 1)}
        for block in range(blocks):
            for i in (1, 2, 3):
                expected |= {f"layer{stage}_{block}_{kind}{i}" for kind in ("conv", "bn")}
    assert {layer.name for layer in fifty_layers(32, 4).layers if layer.weights} == expected


@pytest.mark.parametrize(
    ("stage", "width", "channels", "size"),
    [(1, 128, 256, 56), (2, 256, 512, 28), (3, 512, 1024, 14), (4, 1024, 2048, 7)],
)
def test_widths_and_sizes_of_each_stage(stage, width, channels, size):
    model = fifty_layers(32, 4)
    assert model.get_layer(f"layer{stage}_0_conv2").kernel.shape == (3, 3, width // 32, width)
    assert model.get_layer(f"layer{stage}_0_conv1").output.shape[-1] == width
    assert model.get_layer(f"layer{stage}_2_out").output.shape == (None, size, size, channels)


# -- padding -----------------------------------------------------------------------------------


def between(model, first, last):
    """The part of ``model`` from the input of layer ``first`` to the output of layer ``last``."""
    return keras.Model(model.get_layer(first).input, model.get_layer(last).output)


def random_images(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("size", [8, 7])
def test_stride_2_pads_one_pixel_on_every_side(size):
    model = models.resnext((None, None, 3), 5, groups=32, width_per_group=4, blocks=(1, 1))
    images = random_images((2, size, size, 256))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    kernel = model.get_layer("layer2_0_conv2").kernel.numpy()
    by_group = [
        tf.nn.conv2d(x, k, strides=2, padding="VALID")
        for x, k in zip(np.split(padded, 32, -1), np.split(kernel, 32, -1), strict=True)
    ]
    result = between(model, "layer2_0_pad", "layer2_0_conv2")(images)
    np.testing.assert_allclose(result, tf.concat(by_group, -1), atol=1e-4)


@pytest.mark.parametrize("size", [32, 31])
def test_the_stem_pads_three_pixels_on_every_side(size):
    model = models.resnext((None, None, 3), 5, groups=1, width_per_group=4, blocks=(1,))
    images = random_images((2, size, size, 3))
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)))
    expected = tf.nn.conv2d(padded, model.get_layer("conv1").kernel, strides=2, padding="VALID")
    np.testing.assert_allclose(between(model, "conv1_pad", "conv1")(images), expected, atol=1e-4)


def test_max_pooling_takes_its_windows_from_one_pixel_before_the_edge():
    model = models.resnext((None, None, 3), 5, groups=1, width_per_group=4, blocks=(1,))
    row = np.array([1, 9, 2, 3, 0, 8, 4, 5], "float32")  # windows: -1..1, 1..3, 3..5, 5..7
    images = np.zeros((1, 8, 8, 64), "float32")
    images[0, 0, :, 0] = row
    pooled = between(model, "maxpool_pad", "maxpool")(images).numpy()
    assert pooled[0, 0, :, 0].tolist() == [9, 9, 8, 8]


# -- first weights and batch norm --------------------------------------------------------------


def test_first_kernels_have_the_reference_spread():
    for layer in fifty_layers(32, 4).layers:
        if layer.weights and ("conv" in layer.name or layer.name.endswith("downsample_0")):
            height, width, _, filters = layer.kernel.shape
            expected = np.sqrt(2 / (height * width * filters))
            kernel = layer.kernel.numpy()
            assert kernel.std() == pytest.approx(expected, rel=0.05), layer.name
            assert abs(kernel.mean()) < 0.05 * expected, layer.name


def test_the_first_grouped_kernel_starts_at_0_042():
    kernel = fifty_layers(32, 4).get_layer("layer1_0_conv2").kernel.numpy()
    assert kernel.std() == pytest.approx(0.042, abs=0.002)


def test_the_last_layer_starts_evenly_between_two_bounds():
    bound = 1 / np.sqrt(2048)
    kernel, bias = (weight.numpy() for weight in fifty_layers(32, 4).get_layer("fc").weights)
    for weights in (kernel, bias):
        assert abs(weights).max() <= bound
        assert weights.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)


def test_batch_norm_has_the_papers_numbers():
    norms = [
        layer
        for layer in fifty_layers(32, 4).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(norms) == 53
    for norm in norms:
        assert (norm.momentum, norm.epsilon) == (0.9, 1e-5), norm.name
        assert (norm.gamma.numpy() == 1).all() and (norm.beta.numpy() == 0).all(), norm.name


def test_no_convolution_has_a_bias():
    for layer in fifty_layers(32, 4).layers:
        if layer.name != "fc" and not isinstance(layer, keras.layers.BatchNormalization):
            assert len(layer.weights) <= 1, layer.name


# -- the block ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels_in", "strides", "projects"), [(256, 1, False), (64, 1, True), (256, 2, True)]
)
def test_the_shortcut_is_a_projection_only_where_the_shape_changes(channels_in, strides, projects):
    x = keras.Input((8, 8, channels_in))
    y = models.block(x, channels=256, width=128, groups=32, strides=strides, name="block")
    assert ("block_downsample_0" in {layer.name for layer in keras.Model(x, y).layers}) == projects
    assert y.shape == (None, 8 // strides, 8 // strides, 256)


def test_with_a_silent_branch_the_block_is_relu_of_its_input():
    x = keras.Input((8, 8, 256))
    model = keras.Model(x, models.block(x, channels=256, width=128, groups=32, name="block"))
    model.get_layer("block_bn3").gamma.assign(np.zeros(256))
    images = random_images((2, 8, 8, 256))
    np.testing.assert_array_equal(model(images), np.maximum(images, 0))


# -- the whole network -------------------------------------------------------------------------


def test_the_outputs_are_logits():
    model = small_network()
    logits = model(random_images((2, 64, 64, 3))).numpy()
    assert logits.shape == (2, 5)
    assert model.get_layer("fc").activation is keras.activations.linear
    assert not np.allclose(logits.sum(axis=1), 1)  # as they would after a softmax


def test_saves_and_loads_in_safe_mode(tmp_path):
    model = small_network()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    images = random_images((2, 64, 64, 3))
    np.testing.assert_array_equal(loaded(images), model(images))


def test_any_image_size_with_the_same_weights():
    flexible = models.resnext((None, None, 3), 5, groups=32, width_per_group=4, blocks=(2, 1, 1, 1))
    flexible.set_weights(small_network().get_weights())
    images = random_images((2, 64, 64, 3))
    np.testing.assert_allclose(flexible(images), small_network()(images), rtol=1e-4, atol=1e-5)
    assert flexible(random_images((1, 96, 50, 3))).shape == (1, 5)


def test_every_weight_gets_a_gradient():
    model = small_network()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(random_images((2, 64, 64, 3)), training=True) ** 2)
    for weight, gradient in zip(
        model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True
    ):
        assert gradient is not None and np.abs(gradient).max() > 0, weight.path


def test_logits_stay_in_32_bits_with_mixed_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = models.resnext((32, 32, 3), 5, groups=4, width_per_group=4, blocks=(1,))
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.get_layer("layer1_0_conv2").compute_dtype == "float16"
    assert model.output.dtype == "float32"


def test_zero_init_residual_starts_every_block_as_its_shortcut():
    model = models.resnext(
        (32, 32, 3), 5, groups=32, width_per_group=4, blocks=(2, 1, 1, 1), zero_init_residual=True
    )
    scales = {
        layer.name: layer.gamma
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    for name, gamma in scales.items():
        np.testing.assert_array_equal(gamma, 0 if name.endswith("_bn3") else 1, err_msg=name)

    inputs = model.get_layer("layer1_1_conv1").input
    block = keras.Model(inputs, model.get_layer("layer1_1_out").output)
    pixels = np.random.default_rng(0).uniform(0, 1, (1, 8, 8, 256)).astype("float32")
    np.testing.assert_array_equal(block(pixels), pixels)


def test_without_it_every_scale_starts_at_one_as_in_the_reference():
    for layer in small_network().layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            np.testing.assert_array_equal(layer.gamma, 1, err_msg=layer.name)
