"""Grad-CAM on networks whose answer is known, and on the course's own."""

import keras
import numpy as np
import pytest
from keras import layers

from resnext_helpers import data, gradcam, models, plots
from resnext_helpers.evaluation import softmax

NAMES = ["owl", "gull", "heron"]
RNG = np.random.default_rng(0)


pytestmark = pytest.mark.usefixtures("style")


@pytest.fixture
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
    heat = gradcam.heat_map(corner_model, lit(slice(0, 2), slice(2, 4)), 0)
    assert heat.shape == (4, 4) and heat.dtype == np.float32
    assert np.argwhere(heat > 0).tolist() == [[0, 1]]
    # By hand: 4 of 16 cells have gradient 1, so each of 3 channels weighs 1/4; the cell holds 1.
    assert heat[0, 1] == pytest.approx(3 * 4 / 16)


def test_what_speaks_against_a_class_is_cut_off(corner_model):
    image = lit(slice(0, 4), slice(0, 4))
    assert gradcam.heat_map(corner_model, image, 0).max() > 0
    assert gradcam.heat_map(corner_model, image, 1).max() == 0
    assert gradcam.heat_map(corner_model, image, 2).max() == 0


def test_a_channel_weighs_as_much_as_its_mean_gradient():
    """Behind global pooling Grad-CAM is CAM: the last layer's weights, over the cells."""
    inputs = keras.Input((6, 6, 2))
    pooled = layers.GlobalAveragePooling2D()(layers.Identity(name="map")(inputs))
    model = keras.Model(inputs, layers.Dense(2, name="fc")(pooled))
    image = RNG.normal(size=(6, 6, 2)).astype("float32")
    kernel = model.get_layer("fc").get_weights()[0]
    for k in (0, 1):
        expected = np.maximum(image @ kernel[:, k], 0) / 36
        np.testing.assert_allclose(gradcam.heat_map(model, image, k), expected, rtol=1e-4)


def test_a_frozen_network_has_the_same_map(resnext):
    image = RNG.normal(size=(64, 64, 3)).astype("float32")
    before = gradcam.heat_map(resnext, image, 0)
    resnext.trainable = False
    frozen = gradcam.heat_map(resnext, image, 0)
    resnext.trainable = True
    np.testing.assert_array_equal(frozen, before)


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (None, 2),
        ("layer4_0_out", 2),
        ("layer3_0_out", 4),
        ("layer2_1_out", 8),
        ("layer1_0_conv2", 16),
    ],
)
def test_the_courses_networks_have_a_map_at_every_stage(resnext, layer, size):
    image = RNG.normal(size=(64, 64, 3)).astype("float32")
    heat = gradcam.heat_map(resnext, image, 1, layer)
    assert heat.shape == (size, size)
    assert np.isfinite(heat).all() and heat.min() >= 0


def test_the_last_feature_map_is_that_of_the_last_stage(resnext):
    assert gradcam.last_feature_map(resnext) == "layer4_0_out"
    assert gradcam.stages(resnext) == {
        "layer1": "layer1_0_out",
        "layer2": "layer2_1_out",
        "layer3": "layer3_0_out",
        "layer4": "layer4_0_out",
    }


def test_the_readable_map_is_the_deepest_with_enough_cells(resnext, corner_model):
    assert gradcam.readable_layer(resnext) == "layer3_0_out"
    assert gradcam.readable_layer(resnext, cells=5) == "layer2_1_out"
    assert gradcam.readable_layer(resnext, cells=2) == "layer4_0_out"
    assert gradcam.readable_layer(resnext, cells=99) == "layer4_0_out"
    assert gradcam.readable_layer(corner_model) == "map"


@pytest.mark.parametrize(
    ("class_index", "layer", "message"),
    [
        (0, "layer9_0_out", "corner has no layer 'layer9_0_out'; the last ones are map, flat, fc"),
        (0, "flat", "no rows and columns: choose a layer before the pooling, such as 'map'"),
        (3, None, "There is no class 3: the network knows 3, numbered from 0"),
        (-1, None, "There is no class -1"),
    ],
)
def test_what_is_not_there_is_named(corner_model, class_index, layer, message):
    with pytest.raises(ValueError, match=message):
        gradcam.heat_map(corner_model, lit(0, 0), class_index, layer)


def test_a_network_without_feature_maps_is_named():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(inputs), name="flat_one")
    with pytest.raises(ValueError, match="flat_one has no feature map"):
        gradcam.heat_map(model, np.zeros(4, np.float32), 0)


def test_the_explanation_shows_and_counts(resnext):
    pixels = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    logits = resnext.predict(data.scale(pixels).numpy()[None], verbose=0)
    probabilities = softmax(logits)[0]
    picture = gradcam.explanation(resnext, NAMES, pixels)
    assert picture.data["explained"] == NAMES[probabilities.argmax()]
    assert picture.data["heat_map"] == "2 × 2 cells"
    for name, share in zip(NAMES, probabilities, strict=True):
        assert picture.data[f"probability of {name}"] == f"{share:.1%}"
        assert f"{name} {share:.1%}" in picture.alt
    other = gradcam.explanation(resnext, NAMES, pixels, "heron", layer="layer2_1_out")
    assert other.data["explained"] == "heron" and other.data["heat_map"] == "8 × 8 cells"
    assert other.png != picture.png


def test_an_unknown_class_is_named(resnext):
    pixels = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(ValueError, match="no class 'crow': use owl, gull, heron"):
        gradcam.explanation(resnext, NAMES, pixels, "crow")


def drawn(heat, **options):
    figure, axis = plots.plt.subplots()
    gradcam.draw_over(axis, np.zeros((32, 32, 3), np.uint8), np.array(heat, float), **options)
    plots.plt.close(figure)
    return axis


def test_the_overlay_covers_the_photo_where_it_is_hot():
    axis = drawn([[0, 0], [0, 2]], strength=0.3)
    _photo, heat = axis.images
    shown = heat.get_array()
    assert shown.shape == (32, 32) and heat.get_alpha() == 0.3
    assert (heat.norm.vmin, heat.norm.vmax) == (0, 1)
    assert shown[31, 31] == pytest.approx(1) and shown[0, 0] == 0
    assert len(axis.collections) == 1  # the line around what is hot: it needs no colour


def test_nothing_is_drawn_over_where_nothing_speaks_for_the_class():
    assert len(drawn([[0, 0], [0, 0]]).images) == 1


@pytest.mark.parametrize(
    ("cell", "shape", "words"),
    [
        ((0, 0), (2, 2), "top left"),
        ((1, 1), (2, 2), "bottom right"),
        ((3, 3), (7, 7), "middle centre"),
        ((0, 6), (7, 7), "top right"),
        ((2, 1), (4, 4), "middle centre"),
    ],
)
def test_the_hottest_place_in_words(cell, shape, words):
    heat = np.zeros(shape)
    assert gradcam.where_hottest(heat) == "nowhere"
    heat[cell] = 1
    assert gradcam.where_hottest(heat) == words
