"""Receptive fields: by formula as by gradient, on small stacks and on the real network."""

import keras
import numpy as np
import pytest
from keras import layers

from resnext_course.figures import receptive_field
from resnext_course.figures.receptive_field import Field, influence, opened, walk
from resnext_helpers import models

LAST = {  # the last layer of each part: size and step of what it sees; 427 also by Araujo et al.
    "maxpool": (11, 4),
    "layer1_2_out": (35, 4),
    "layer2_3_out": (91, 8),
    "layer3_5_out": (267, 16),
    "layer4_2_out": (427, 32),
}


def chain(*parts, size=40):
    model = keras.Sequential([keras.Input((size, size, 3)), *parts])
    return keras.Model(model.inputs, model.outputs)


def seen(model, layer, index):
    """First row and column with any influence, and the first ones behind the last."""
    found = np.argwhere(influence(model, layer, index) > 0)
    assert len(found) == np.prod(found.max(axis=0) + 1 - found.min(axis=0))  # and none missing
    return [*found.min(axis=0), *found.max(axis=0) + 1]


def test_the_gradient_is_not_zero_exactly_where_the_formula_says():
    """ResNeXt-50's windows and strides, with one channel inside the blocks, on a large picture."""
    network = models.resnext((448, 448, 3), 1, groups=1, width_per_group=1)
    fields, model = walk(network), opened(network)
    for layer, (size, step) in LAST.items():
        assert (fields[layer].size, fields[layer].step) == (size, step)
        index = 224 // step
        first, end = fields[layer].square(index)
        assert seen(model, layer, index) == [first, first, end, end]
    assert "avgpool" not in fields and "fc" not in fields


@pytest.mark.parametrize(
    "parts",
    [
        (layers.Conv2D(2, 5, padding="same"), layers.Conv2D(2, 3, strides=2)),
        (layers.ZeroPadding2D(2), layers.Conv2D(2, 5, strides=3), layers.Conv2D(2, 3)),
        (layers.Conv2D(2, 3, padding="same"), layers.MaxPooling2D(3, 2)),
    ],
    ids=["same", "padded", "pooled"],
)
def test_other_networks_by_gradient(parts):
    network = chain(*parts)
    name, field = list(walk(network).items())[-1]
    first, end = field.square(5)
    assert seen(opened(network), name, 5) == [first, first, end, end]


def test_where_two_paths_meet_both_count():
    inputs = keras.Input((20, 20, 1))
    wide = layers.Conv2D(1, 5, padding="same")(inputs)
    model = keras.Model(inputs, layers.Add(name="sum")([wide, inputs]))
    assert walk(model)["sum"] == Field(size=5, step=1, start=-2)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.Conv2D(2, 3, strides=2, padding="same"), "depends on the picture's size"),
        (layers.Conv2DTranspose(2, 3), "isn't known"),
        (layers.Cropping2D(2), "isn't known"),
    ],
)
def test_what_has_no_formula_here_is_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        walk(chain(layer))


def test_closed_paths_hide_pixels_and_opening_shows_them():
    """Why ``opened`` is needed: a network whose ReLU is shut has a gradient of zero."""
    network = chain(layers.Conv2D(1, 3, name="c"), layers.ReLU(name="out"))
    network.get_layer("c").set_weights([-np.ones((3, 3, 3, 1)), np.zeros(1)])
    assert not influence(network, "out", 5).any()
    assert (influence(opened(network), "out", 5) > 0).sum() == 9


def test_each_square_is_drawn_where_it_is(style, figures):
    photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype="uint8")
    squares = {"stem": (91, 102), "stack 3": (-37, 230)}
    picture = receptive_field.over_photo(photo, squares)
    assert picture.data == {"stem": 11, "stack 3": 267}
    assert picture.alt.endswith("Beyond the photograph: stack 3.")
    (axis,) = figures[0].axes
    np.testing.assert_array_equal(axis.images[0].get_array(), photo)
    borders = [line.get_xdata() for line in axis.lines if line.get_label()[0] != "_"]
    assert [(min(x), max(x)) for x in borders] == list(squares.values())
    for first, end in squares.values():
        assert axis.get_xlim()[0] < first and end < axis.get_xlim()[1]
