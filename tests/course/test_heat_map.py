"""Grad-CAM on networks whose answer is known, and on the course's own."""

import keras
import numpy as np
import pytest
from keras import layers

from resnext_course.figures import grad_cam
from resnext_helpers import models

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def corner_model():
    """Class 0 is the brightness of the top left quarter, class 1 its opposite, class 2 nothing."""
    inputs = keras.Input((8, 8, 3))
    x = layers.AveragePooling2D(2, name="map")(inputs)  # 4 × 4 cells
    flat = layers.Flatten(name="flat")(x)
    model = keras.Model(inputs, layers.Dense(3, name="fc")(flat), name="corner")
    kernel = np.zeros((4, 4, 3, 3), np.float32)
    kernel[:2, :2, :, 0], kernel[:2, :2, :, 1] = 1, -1
    model.get_layer("fc").set_weights([kernel.reshape(48, 3), np.zeros(3, np.float32)])
    return model


@pytest.fixture(scope="module")
def resnext():
    keras.utils.set_random_seed(1)
    return models.resnext((64, 64, 3), 3, groups=4, width_per_group=4, blocks=(1, 2, 1, 1))


def lit(rows, columns):
    """A dark picture with one bright patch."""
    image = np.zeros((8, 8, 3), np.float32)
    image[rows, columns] = 1
    return image


def test_the_map_is_where_the_picture_has_what_the_class_looks_for(corner_model):
    heat = grad_cam.heat_map(corner_model, lit(slice(0, 2), slice(2, 4)), 0)
    assert heat.shape == (4, 4) and heat.dtype == np.float32
    assert np.argwhere(heat > 0).tolist() == [[0, 1]]
    # By hand: 4 of 16 cells have gradient 1, so each of 3 channels weighs 1/4; the cell holds 1.
    assert heat[0, 1] == pytest.approx(3 * 4 / 16)


def test_what_speaks_against_a_class_is_cut_off(corner_model):
    image = lit(slice(0, 4), slice(0, 4))
    assert [grad_cam.heat_map(corner_model, image, k).max() for k in (0, 1, 2)] == [0.75, 0, 0]


def test_a_channel_weighs_as_much_as_its_mean_gradient():
    """Behind global pooling Grad-CAM is CAM: the last layer's weights, over the cells."""
    inputs = keras.Input((6, 6, 2))
    pooled = layers.GlobalAveragePooling2D()(layers.Identity(name="map")(inputs))
    model = keras.Model(inputs, layers.Dense(2, name="fc")(pooled))
    image = RNG.normal(size=(6, 6, 2)).astype("float32")
    kernel = model.get_layer("fc").get_weights()[0]
    for k in (0, 1):
        expected = np.maximum(image @ kernel[:, k], 0) / 36
        np.testing.assert_allclose(grad_cam.heat_map(model, image, k), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("layer", "size"),
    [(None, 2), ("layer3_0_out", 4), ("layer2_1_out", 8), ("layer1_0_conv2", 16)],
)
def test_the_courses_networks_have_a_map_at_every_stage_frozen_or_not(resnext, layer, size):
    image = RNG.normal(size=(64, 64, 3)).astype("float32")
    heat = grad_cam.heat_map(resnext, image, 1, layer)
    assert heat.shape == (size, size)
    assert np.isfinite(heat).all() and heat.min() >= 0
    resnext.trainable = False
    frozen = grad_cam.heat_map(resnext, image, 1, layer)
    resnext.trainable = True
    np.testing.assert_array_equal(frozen, heat)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("layer9_0_out", "layer9_0_out"),
        ("flat", "no rows and columns: choose a layer before the pooling, such as 'map'"),
    ],
)
def test_what_is_not_there_is_named(corner_model, layer, message):
    with pytest.raises(ValueError, match=message):
        grad_cam.heat_map(corner_model, lit(0, 0), 0, layer)


def test_a_network_without_feature_maps_of_its_own_is_named(corner_model):
    """One inside another one must not be explained by the picture itself."""
    inputs, numbers = keras.Input((8, 8, 3)), keras.Input((4,))
    for model, said in (
        (keras.Model(numbers, layers.Dense(2)(numbers), name="outer"), ""),
        (keras.Model(inputs, corner_model(inputs), name="outer"), ".* ask that network"),
        (keras.Sequential([inputs, corner_model], name="outer"), ".* ask that network"),
    ):
        image = np.zeros(model.input_shape[1:], np.float32)
        with pytest.raises(ValueError, match=f"outer has no feature map{said}"):
            grad_cam.heat_map(model, image, 0)
