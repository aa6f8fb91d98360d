"""Receptive fields: by formula as by gradient, on small stacks and on the real network."""

import keras
import numpy as np
import pytest
from keras import layers

from resnext_course.figures import receptive_field
from resnext_course.figures.receptive_field import Field, extent, influence, opened, walk
from resnext_helpers import models, plots

LAST = {
    "stem": "maxpool",
    "stack 1": "layer1_2_out",
    "stack 2": "layer2_3_out",
    "stack 3": "layer3_5_out",
    "stack 4": "layer4_2_out",
}


@pytest.fixture(scope="module")
def thin():
    """ResNeXt-50's windows and strides with one channel inside the blocks, on a large picture."""
    network = models.resnext((448, 448, 3), 1, groups=1, width_per_group=1, zero_init_residual=True)
    return opened(network)


def chain(*parts, size=40):
    return keras.Sequential([keras.Input((size, size, 3)), *parts])


def test_the_network_sees_what_is_known():
    fields = walk(models.ResNeXt50())
    assert {part: fields[layer].size for part, layer in LAST.items()} == {
        "stem": 11,
        "stack 1": 35,
        "stack 2": 91,
        "stack 3": 267,
        "stack 4": 427,  # also by Araujo, Norris and Sim's formula, with the stride in the 3×3
    }
    assert {part: fields[layer].step for part, layer in LAST.items()} == {
        "stem": 4,
        "stack 1": 4,
        "stack 2": 8,
        "stack 3": 16,
        "stack 4": 32,
    }
    assert "avgpool" not in fields and "fc" not in fields


def test_width_and_groups_change_nothing(thin):
    full, narrow = walk(models.ResNeXt50()), walk(thin)
    assert [full[layer] for layer in LAST.values()] == [narrow[layer] for layer in LAST.values()]


@pytest.mark.parametrize("layer", LAST.values())
def test_the_gradient_is_not_zero_exactly_inside(thin, layer):
    field = walk(thin)[layer]
    index = 224 // field.step
    first, end = field.square(index)
    seen = influence(thin, layer, index) > 0
    inside = np.zeros((448, 448), bool)
    inside[first:end, first:end] = True
    np.testing.assert_array_equal(seen, inside)
    assert extent(seen) == (first, end)


@pytest.mark.parametrize(
    "network",
    [
        chain(layers.Conv2D(2, 5, padding="same"), layers.Conv2D(2, 3, strides=2)),
        chain(layers.ZeroPadding2D(2), layers.Conv2D(2, 5, strides=3), layers.Conv2D(2, 3)),
        chain(layers.AveragePooling2D(2), layers.Conv2D(2, 4, strides=(1, 1))),
        chain(layers.Conv2D(2, 3, dilation_rate=2, padding="same"), layers.MaxPooling2D(3, 2)),
        models.ResNeXt29((64, 64, 3), groups=2, width_per_group=1),
    ],
    ids=["same", "padded", "pooled", "dilated", "CIFAR's 29 layers"],
)
def test_other_networks_by_gradient(network):
    copy = opened(keras.Model(network.inputs, network.outputs))
    name, field = list(walk(copy).items())[-1]
    index = copy.get_layer(name).output.shape[1] // 2
    first, end = field.square(index)
    size = copy.input_shape[1]
    assert extent(influence(copy, name, index)) == (max(0, first), min(size, end))


def test_where_two_paths_meet_both_count():
    inputs = keras.Input((20, 20, 1))
    wide = layers.Conv2D(1, 5, padding="same")(inputs)
    left = layers.ZeroPadding2D(((3, 0), (3, 0)))(inputs)
    left = layers.Cropping2D(((0, 3), (0, 3)))(left)
    outputs = layers.Add(name="sum")([wide, inputs])
    assert walk(keras.Model(inputs, outputs))["sum"] == Field(size=5, step=1, start=-2)
    with pytest.raises(ValueError, match="Cropping2D, and how far it sees isn't known"):
        walk(keras.Model(inputs, left))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.Conv2D(2, (3, 5)), "isn't square"),
        (layers.Conv2D(2, 3, strides=2, padding="same"), "hangs on the picture's size"),
        (layers.Conv2DTranspose(2, 3), "isn't known"),
    ],
)
def test_what_has_no_formula_here_is_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        walk(chain(layer))


def test_closed_paths_hide_pixels_and_opening_shows_them():
    """Why ``opened`` is needed: a network whose ReLU is shut has a gradient of zero."""
    network = chain(layers.Conv2D(1, 3, name="c"), layers.ReLU(name="out"))
    network.get_layer("c").set_weights([-np.ones((3, 3, 3, 1)), np.zeros(1)])
    network = keras.Model(network.inputs, network.outputs)
    assert not influence(network, "out", 5).any()
    assert (influence(opened(network), "out", 5) > 0).sum() == 9


def test_the_picture_says_which_squares_leave_the_photograph():
    plots.use_style()
    photo = np.full((224, 224, 3), 127, "uint8")
    squares = {"stem": (91, 102), "stack 3": (-37, 230)}
    picture = receptive_field.over_photo(photo, squares)
    assert picture.data == {"stem": 11, "stack 3": 267}
    assert "stem 11, stack 3 267" in picture.alt
    assert picture.alt.endswith("Beyond the photograph: stack 3.")
    inside = receptive_field.over_photo(photo, {"stem": (91, 102)})
    assert inside.alt.endswith("Beyond the photograph: none.")


def test_each_square_is_drawn_where_it_is(monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "Picture", lambda figure, alt, **data: drawn.append(figure))
    photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype="uint8")
    squares = {"stem": (91, 102), "stack 1": (79, 114), "stack 2": (51, 142)}
    squares |= {"stack 3": (-37, 230), "stack 4": (-117, 310)}
    receptive_field.over_photo(photo, squares)
    (axis,) = drawn[0].axes
    np.testing.assert_array_equal(axis.images[0].get_array(), photo)
    lines = [line for line in axis.lines if line.get_label().startswith("st")]
    for line, (first, end) in zip(lines, squares.values(), strict=True):
        assert set(line.get_xdata()) == set(line.get_ydata()) == {first, end}
        assert len(set(zip(*line.get_data(), strict=True))) == 4  # corners
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 5
    texts = [text.get_text() for text in axis.get_legend().get_texts()]
    assert texts[-1] == "stack 4: 427 × 427 pixels"
    assert axis.get_xlim()[0] < -117 and axis.get_xlim()[1] > 310
