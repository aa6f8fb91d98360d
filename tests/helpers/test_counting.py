"""The counts agree with real layers, and the walk through a model finds every layer.

``test_models.py`` counts whole networks.
"""

import keras
import numpy as np
import pytest

from resnext_helpers import counting, layers

SIZES = [(128, 128, 3, 1), (128, 128, 3, 32), (64, 128, 3, 16), (3, 64, 7, 1), (12, 6, 1, 3)]


@pytest.mark.parametrize(("channels", "filters", "kernel_size", "groups"), SIZES)
def test_multiply_adds_are_as_many_as_there_are(channels, filters, kernel_size, groups):
    """Where all pixels and weights are 1, each multiply-add adds 1 to the output."""
    side = 5 + kernel_size - 1
    inputs = keras.Input((side, side, channels))
    form = {"implementation": "split", "kernel_initializer": "ones"}
    layer = layers.GroupedConv2D(filters, kernel_size, groups=groups, **form)
    model = keras.Model(inputs, layer(inputs))
    output = np.array(model(np.ones((1, side, side, channels), "float32")))
    assert counting.macs(model) == output.astype(int).sum()


def small_network(size=8):
    inputs = keras.Input((size, size, 4))
    x = keras.layers.Conv2D(8, 3, padding="same", name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = layers.GroupedConv2D(8, 3, groups=4, strides=2, padding="same", name="grouped")(x)
    x = keras.layers.Dense(6, name="1x1")(x)  # on a feature map it works at each position
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(5, name="fc")(x))


def test_every_layer_is_counted_in_order():
    model = small_network()
    counts = counting.count_layers(model)
    assert [tuple(count) for count in counts[1:]] == [  # all but the input
        ("conv", (8, 8, 8), 3 * 3 * 4 * 8 + 8, 3 * 3 * 4 * 8 * 64),  # its bias isn't multiplied
        ("bn", (8, 8, 8), 16, 0),
        ("grouped", (4, 4, 8), 3 * 3 * 2 * 8, 3 * 3 * 2 * 8 * 16),
        ("1x1", (4, 4, 6), 8 * 6 + 6, 8 * 6 * 16),
        ("pool", (6,), 0, 0),
        ("fc", (5,), 6 * 5 + 5, 6 * 5),
    ]
    assert counting.macs(model) == sum(count.macs for count in counts)
    assert counting.trainable_parameters(model) == sum(count.parameters for count in counts)
    assert counting.trainable_parameters(model) == model.count_params() - 16  # running statistics


def test_an_open_size_leaves_parameters_but_no_multiply_adds():
    model = small_network(size=None)
    assert counting.trainable_parameters(model) == counting.trainable_parameters(small_network())
    with pytest.raises(ValueError, match="give its height and width a number"):
        counting.macs(model)


def test_a_layer_that_cannot_be_counted_is_named():
    inputs = keras.Input((8, 8, 4))
    depthwise = keras.layers.DepthwiseConv2D(3, name="odd_one")
    model = keras.Model(inputs, depthwise(inputs))
    with pytest.raises(ValueError, match="'odd_one' is a DepthwiseConv2D"):
        counting.macs(model)
