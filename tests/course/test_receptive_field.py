"""Receptive fields: by formula as by gradient, on small stacks and on the real network."""

import keras
import numpy as np
import pytest
from keras import layers

from resnext_course.figures import receptive_field
from resnext_course.figures.receptive_field import Field, influence, linearized, walk
from resnext_helpers import models


def test_the_fields_of_resnext50():
    fields = walk(models.resnext((64, 64, 3), 1, groups=1, width_per_group=1))
    last = {  # the last layer of each part: size and step of what it sees
        "maxpool": (11, 4),
        "layer1_2_out": (35, 4),
        "layer2_3_out": (91, 8),
        "layer3_5_out": (267, 16),
        "layer4_2_out": (427, 32),  # 427 also by Araujo et al.
    }
    assert {layer: fields[layer][:2] for layer in last} == last
    assert "avgpool" not in fields and "fc" not in fields


def chain(*parts):
    model = keras.Sequential([keras.Input((40, 40, 3)), *parts])
    return keras.Model(model.inputs, model.outputs)


def same_and(last):
    return chain(layers.Conv2D(2, 5, padding="same"), last)


def stages():
    return models.resnext((96, 96, 3), 1, groups=1, width_per_group=1, blocks=(1, 2))


@pytest.mark.parametrize(
    ("build", "layer", "index"),
    [
        (stages, "layer2_1_out", 6),
        (lambda: same_and(layers.Conv2D(2, 3, 2, name="last")), "last", 5),
        (lambda: same_and(layers.MaxPooling2D(3, 2, name="last")), "last", 5),
    ],
)
def test_the_gradient_is_not_zero_exactly_where_the_formula_says(build, layer, index):
    network = build()
    first, end = walk(network)[layer].square(index)
    assert first > 0 and end < network.input_shape[1]
    wanted = np.zeros(network.input_shape[1:3], bool)
    wanted[first:end, first:end] = True
    np.testing.assert_array_equal(influence(linearized(network), layer, index) > 0, wanted)


def test_where_two_paths_meet_both_count():
    inputs = keras.Input((20, 20, 1))
    wide = layers.Conv2D(1, 5, padding="same")(inputs)
    model = keras.Model(inputs, layers.Add(name="sum")([wide, inputs]))
    assert walk(model)["sum"] == Field(size=5, step=1, start=-2)


def test_each_square_is_drawn_where_it_is(style, unrendered, figures):
    photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype="uint8")
    squares = {"stem": (91, 102), "stack 3": (-37, 230)}
    picture = receptive_field.over_photo(photo, squares)
    assert picture.alt.endswith("stem 11, stack 3 267. Beyond the photograph: stack 3.")
    (axis,) = figures[0].axes
    np.testing.assert_array_equal(axis.images[0].get_array(), photo)
    borders = [line.get_xdata() for line in axis.lines if line.get_label()[0] != "_"]
    assert [(min(x), max(x)) for x in borders] == list(squares.values())
    for first, end in squares.values():
        assert axis.get_xlim()[0] < first and end < axis.get_xlim()[1]
