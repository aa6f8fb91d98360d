"""The formulas agree with real layers, and the walk through a model finds every layer."""

import keras
import numpy as np
import pytest

from resnext_helpers import counting, layers, models

SIZES = [(128, 128, 3, 1), (128, 128, 3, 32), (64, 128, 3, 16), (3, 64, 7, 1), (12, 6, 1, 3)]


@pytest.mark.parametrize(("channels", "filters", "kernel_size", "groups"), SIZES)
def test_formulas_of_a_convolution(channels, filters, kernel_size, groups):
    """Where all pixels and weights are 1, each multiply-add adds 1 to the output."""
    layer = layers.GroupedConv2D(
        filters, kernel_size, groups=groups, implementation="split", kernel_initializer="ones"
    )
    side = 5 + kernel_size - 1
    output = np.array(layer(np.ones((1, side, side, channels), "float32")))
    numbers = channels, filters, kernel_size
    assert counting.conv_parameters(*numbers, groups) == layer.count_params()
    assert counting.conv_macs(*numbers, 5, groups) == output.astype(int).sum()


@pytest.mark.parametrize(("channels", "filters", "groups"), [(6, 8, 4), (8, 6, 4), (8, 8, 0)])
def test_unequal_groups_are_refused(channels, filters, groups):
    with pytest.raises(ValueError, match=f"can't be split into {groups} equal groups"):
        counting.conv_macs(channels, filters, 3, 8, groups)


@pytest.mark.parametrize(
    ("cardinality", "width", "parameters"),
    [(1, 64, 69_632), (2, 40, 69_760), (4, 24, 69_888), (8, 14, 71_456), (32, 4, 70_144)],
)
def test_blocks_of_table_2_cost_about_70k(cardinality, width, parameters):
    assert models.TABLE_2[cardinality] == width
    assert counting.template_block_parameters(cardinality, width) == parameters
    assert counting.width_at_equal_price(cardinality) == width


# -- a whole network, by formula -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "groups", "width", "parameters", "with_statistics", "macs"),
    [  # counted on torchvision's models
        (50, 1, 64, 25_557_032, 25_610_152, 4_089_184_256),
        (50, 2, 40, 25_425_000, 25_481_896, 4_124_508_160),
        (50, 4, 24, 25_292_968, 25_353_640, 4_159_832_064),
        (50, 8, 14, 25_603_016, 25_667_464, 4_267_409_408),
        (50, 32, 4, 25_028_904, 25_097_128, 4_230_479_872),
        (101, 1, 64, 44_549_160, 44_654_504, 7_801_405_440),
        (101, 32, 4, 44_177_704, 44_315_560, 7_969_996_800),
        (152, 32, 4, 59_951_400, 60_150_696, 11_709_513_728),
    ],
)
def test_networks_cost_what_torchvisions_do(
    depth, groups, width, parameters, with_statistics, macs
):
    size = models.BLOCKS[depth], groups, width
    assert counting.network_parameters(*size) == parameters
    assert counting.network_parameters(*size, trainable_only=False) == with_statistics
    assert counting.network_macs(*size, image_size=224) == macs


@pytest.mark.parametrize(
    ("image_size", "macs"),
    [(223, 4_230_479_872), (65, 517_589_696), (64, 347_226_112), (31, 88_342_528), (1, 24_959_680)],
)
def test_odd_pictures_are_halved_upwards_as_in_torchvision(image_size, macs):
    assert counting.network_macs(models.BLOCKS[50], 32, 4, image_size) == macs


@pytest.mark.parametrize("image_size", [37, 16])
def test_the_formula_is_the_walk_for_an_unusual_network(image_size):
    size = {"blocks": (2, 1, 1), "groups": 3, "width_per_group": 5}
    model = models.resnext((image_size, image_size, 3), 7, **size)
    numbers = counting.network_parameters(**size, num_classes=7)
    assert numbers == counting.trainable_parameters(model)
    numbers = counting.network_parameters(**size, num_classes=7, trainable_only=False)
    assert numbers == model.count_params()
    macs = counting.network_macs(**size, image_size=image_size, num_classes=7)
    assert macs == counting.macs(model)


# -- the walk through a model --------------------------------------------------------------------


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
