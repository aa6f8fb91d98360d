"""The formulas agree with real layers, and the walk through a model finds every layer."""

import keras
import numpy as np
import pytest
from keras import ops

from resnext_helpers import counting, layers, models

SIZES = [(128, 128, 3, 1), (128, 128, 3, 32), (64, 128, 3, 16), (3, 64, 7, 1), (12, 6, 1, 3)]


@pytest.mark.parametrize(("channels", "filters", "kernel_size", "groups"), SIZES)
def test_parameters_are_those_of_a_real_layer(channels, filters, kernel_size, groups):
    layer = keras.layers.Conv2D(filters, kernel_size, groups=groups, use_bias=False)
    layer.build((None, None, None, channels))
    formula = counting.conv_parameters(channels, filters, kernel_size, groups)
    assert formula == layer.count_params()


@pytest.mark.parametrize(("channels", "filters", "kernel_size", "groups"), SIZES)
def test_multiply_adds_are_those_that_happen(channels, filters, kernel_size, groups):
    """Where all pixels and weights are 1, each multiply-add adds 1 to the output."""
    layer = layers.GroupedConv2D(
        filters, kernel_size, groups=groups, implementation="split", kernel_initializer="ones"
    )
    side = 5 + kernel_size - 1
    output = ops.convert_to_numpy(layer(np.ones((1, side, side, channels), "float32")))
    assert output.shape[1:3] == (5, 5)
    formula = counting.conv_macs(channels, filters, kernel_size, 5, groups)
    assert formula == output.astype(int).sum()


@pytest.mark.parametrize(
    ("channels", "filters", "groups", "message"),
    [
        (6, 8, 4, "6 input channels can't be split into 4"),
        (8, 6, 4, "6 output channels can't be split into 4"),
        (8, 8, 0, "8 input channels can't be split into 0"),
    ],
)
def test_unequal_groups_are_refused(channels, filters, groups, message):
    with pytest.raises(ValueError, match=message):
        counting.conv_parameters(channels, filters, 3, groups)
    with pytest.raises(ValueError, match=message):
        counting.conv_macs(channels, filters, 3, 8, groups)


@pytest.mark.parametrize(
    ("cardinality", "width", "parameters"),
    [(1, 64, 69_632), (2, 40, 69_760), (4, 24, 69_888), (8, 14, 71_456), (32, 4, 70_144)],
)
def test_blocks_of_table_2_cost_about_70k(cardinality, width, parameters):
    assert counting.template_block_parameters(cardinality, width) == parameters


# -- a whole network, by formula -----------------------------------------------------------------
# ``test_models.py`` builds the family's networks and compares them with the formulas; these are
# counted on torchvision's models too, but not built again.

FIFTY, HUNDRED_AND_ONE, HUNDRED_AND_FIFTY_TWO = (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)


@pytest.mark.parametrize(
    ("blocks", "groups", "width", "parameters", "macs"),
    [
        (HUNDRED_AND_ONE, 2, 40, 44_456_296, 7_843_553_280),
        (HUNDRED_AND_ONE, 4, 24, 44_363_432, 7_885_701_120),
        (HUNDRED_AND_ONE, 8, 14, 45_104_328, 8_076_871_680),
        (HUNDRED_AND_ONE, 64, 4, 83_455_272, 15_460_270_080),
        (HUNDRED_AND_ONE, 32, 8, 88_791_336, 16_414_015_488),
        (HUNDRED_AND_FIFTY_TWO, 32, 8, 122_372_392, 24_384_372_736),
    ],
)
def test_networks_cost_what_torchvisions_do(blocks, groups, width, parameters, macs):
    assert counting.network_parameters(blocks, groups, width) == parameters
    assert counting.network_macs(blocks, groups, width, image_size=224) == macs


@pytest.mark.parametrize(
    ("image_size", "macs"),
    [(223, 4_230_479_872), (65, 517_589_696), (64, 347_226_112), (31, 88_342_528), (1, 24_959_680)],
)
def test_odd_pictures_are_halved_upwards_as_in_torchvision(image_size, macs):
    assert counting.network_macs(FIFTY, 32, 4, image_size) == macs


@pytest.mark.parametrize("cifar", [False, True])
@pytest.mark.parametrize("image_size", [37, 16])
def test_the_formula_is_the_walk_for_an_unusual_network(image_size, cifar):
    blocks, groups, width = (2, 1, 1), 3, 5
    model = models.resnext(
        (image_size, image_size, 3),
        7,
        groups=groups,
        width_per_group=width,
        blocks=blocks,
        cifar=cifar,
    )
    numbers = counting.network_parameters(blocks, groups, width, 7, cifar=cifar)
    assert numbers == counting.trainable_parameters(model)
    numbers = counting.network_parameters(
        blocks, groups, width, 7, cifar=cifar, trainable_only=False
    )
    assert numbers == model.count_params()
    multiply_adds = counting.network_macs(blocks, groups, width, image_size, 7, cifar=cifar)
    assert multiply_adds == counting.macs(model)


def test_the_first_and_last_convolutions_of_a_network():
    convolutions = list(counting.network_convolutions(FIFTY, 32, 4, 224))
    assert len(convolutions) == 53
    assert convolutions[0] == counting.Convolution(3, 64, 7, 112)
    assert convolutions[2] == counting.Convolution(128, 128, 3, 56, groups=32)
    assert convolutions[-1] == counting.Convolution(1024, 2048, 1, 7)


def test_a_network_without_groups_is_refused():
    with pytest.raises(ValueError, match="can't be split into 0 equal groups"):
        counting.network_parameters(FIFTY, 0, 4)


# -- the walk through a model --------------------------------------------------------------------


def small_network(size=8):
    inputs = keras.Input((size, size, 4))
    x = keras.layers.Conv2D(8, 3, padding="same", name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = layers.GroupedConv2D(8, 3, groups=4, strides=2, padding="same", name="grouped")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(5, name="fc")(x))


def test_every_layer_is_counted_in_order():
    counted = {
        count.name: (count.output_shape, count.parameters, count.macs)
        for count in counting.count_layers(small_network())[1:]  # all but the input
    }
    assert list(counted.items()) == [
        ("conv", ((8, 8, 8), 3 * 3 * 4 * 8 + 8, 3 * 3 * 4 * 8 * 64)),  # its bias isn't multiplied
        ("bn", ((8, 8, 8), 16, 0)),
        ("grouped", ((4, 4, 8), 3 * 3 * 2 * 8, 3 * 3 * 2 * 8 * 16)),
        ("pool", ((8,), 0, 0)),
        ("fc", ((5,), 8 * 5 + 5, 8 * 5)),
    ]


def test_totals_are_the_sums():
    model = small_network()
    counts = counting.count_layers(model)
    assert counting.macs(model) == sum(count.macs for count in counts) == 20_776
    assert counting.trainable_parameters(model) == sum(count.parameters for count in counts)
    assert counting.trainable_parameters(model) == model.count_params() - 16  # running statistics


def test_a_dense_layer_on_a_feature_map_works_at_each_position():
    inputs = keras.Input((8, 8, 4))
    model = keras.Model(inputs, keras.layers.Dense(6)(inputs))
    assert counting.macs(model) == 4 * 6 * 64


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
