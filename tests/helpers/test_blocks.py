"""The stem and the residual block: where they pad, where they step, and what the shortcut does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnext_helpers import blocks

# -- padding -----------------------------------------------------------------------------------


def between(model, first, last):
    """The part of ``model`` from the input of layer ``first`` to the output of layer ``last``."""
    return keras.Model(model.get_layer(first).input, model.get_layer(last).output)


def random_images(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def convolution(images, kernel, strides=1, padding=0, groups=1):
    """A grouped convolution spelt out: zeros on every side, and a sum for each position."""
    images = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(images, kernel.shape[:2], axis=(1, 2))
    windows = windows[:, ::strides, ::strides]  # batch, row, column, channel, kernel row and column
    by_group = [
        np.einsum("nyxcij,ijcf->nyxf", w, k)
        for w, k in zip(np.split(windows, groups, 3), np.split(kernel, groups, 3), strict=True)
    ]
    return np.concatenate(by_group, axis=-1)


def close(actual, expected):
    return np.shape(actual) == expected.shape and np.allclose(actual, expected, atol=1e-4)


SIZES = [8, 7, 2, 1]  # even and odd


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("strides", [1, 2])
def test_the_3x3_pads_one_pixel_on_every_side_and_has_the_stride(size, strides):
    x = keras.Input((None, None, 16))
    block = keras.Model(
        x, blocks.block(x, channels=32, width=16, groups=4, strides=strides, name="block")
    )
    images = random_images((2, size, size, 16))
    kernels = {
        layer.name.removeprefix("block_"): layer.kernel.numpy()
        for layer in block.layers
        if hasattr(layer, "kernel")
    }

    after_conv1 = between(block, "block_conv1", "block_relu1")(images).numpy()
    expected = convolution(images, kernels["conv1"])  # its batch norm, still new, all but keeps it
    assert close(after_conv1, np.maximum(expected, 0))

    first = "block_pad" if strides == 2 else "block_conv2"
    after_conv2 = between(block, first, "block_conv2")(after_conv1)
    assert close(after_conv2, convolution(after_conv1, kernels["conv2"], strides, 1, groups=4))

    shortcut = between(block, "block_downsample_0", "block_downsample_0")(images)
    assert close(shortcut, convolution(images, kernels["downsample_0"], strides))


@pytest.mark.parametrize(("size", "differs"), [(8, True), (7, False), (2, True), (1, False)])
def test_the_padding_test_can_tell_tensorflows_same(size, differs):
    """At stride 2 "same" puts the padding of an even size right and below alone."""
    images, kernel = random_images((2, size, size, 16)), random_images((3, 3, 16, 16))
    same = tf.nn.conv2d(images, kernel, strides=2, padding="SAME")
    assert close(same, convolution(images, kernel, strides=2, padding=1)) != differs


@pytest.mark.parametrize("size", [32, 31, *SIZES])
@pytest.mark.parametrize(("cifar", "strides", "padding"), [(False, 2, 3), (True, 1, 1)])
def test_the_stem_pads_alike_on_every_side(size, cifar, strides, padding):
    x = keras.Input((None, None, 3))
    model = keras.Model(x, blocks.cifar_stem(x) if cifar else blocks.stem(x))
    images = random_images((2, size, size, 3))
    expected = convolution(images, model.get_layer("conv1").kernel.numpy(), strides, padding)
    assert close(between(model, "conv1" if cifar else "conv1_pad", "conv1")(images), expected)


def test_max_pooling_takes_its_windows_from_one_pixel_before_the_edge():
    x = keras.Input((None, None, 3))
    model = keras.Model(x, blocks.stem(x))
    row = np.array([1, 9, 2, 3, 0, 8, 4, 5], "float32")  # windows: -1..1, 1..3, 3..5, 5..7
    images = np.zeros((1, 8, 8, 64), "float32")
    images[0, 0, :, 0] = row
    pooled = between(model, "maxpool_pad", "maxpool")(images).numpy()
    assert pooled[0, 0, :, 0].tolist() == [9, 9, 8, 8]


# -- the block ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels_in", "strides", "projects"), [(256, 1, False), (64, 1, True), (256, 2, True)]
)
def test_the_shortcut_is_a_projection_only_where_the_shape_changes(channels_in, strides, projects):
    x = keras.Input((8, 8, channels_in))
    y = blocks.block(x, channels=256, width=128, groups=32, strides=strides, name="block")
    assert ("block_downsample_0" in {layer.name for layer in keras.Model(x, y).layers}) == projects
    assert y.shape == (None, 8 // strides, 8 // strides, 256)


def test_with_a_silent_branch_the_block_is_relu_of_its_input():
    x = keras.Input((8, 8, 256))
    model = keras.Model(x, blocks.block(x, channels=256, width=128, groups=32, name="block"))
    model.get_layer("block_bn3").gamma.assign(np.zeros(256))
    images = random_images((2, 8, 8, 256))
    np.testing.assert_array_equal(model(images), np.maximum(images, 0))
