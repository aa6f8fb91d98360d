"""The block that notebook 04 writes is the block of the course's networks."""

import keras
import nbformat
import numpy as np
import pytest
from keras import layers

from resnext_helpers import models
from resnext_helpers.layers import GroupedConv2D
from resnext_helpers.settings import PROJECT

NAMES = {  # the notebook's names: the helper's
    "reduce": "conv1",
    "reduce_norm": "bn1",
    "transform": "conv2",
    "transform_norm": "bn2",
    "expand": "conv3",
    "expand_norm": "bn3",
    "project": "downsample_0",
    "project_norm": "downsample_1",
}


@pytest.fixture
def bottleneck():
    """The notebook's function, in numbers of 64 bits."""
    path = PROJECT / "notebooks" / "04_resnet_vs_resnext_block.ipynb"
    source = {cell.id: cell.source for cell in nbformat.read(path, 4).cells}
    namespace = {"layers": layers, "GroupedConv2D": GroupedConv2D}
    exec(source["norm"] + "\n" + source["bottleneck"], namespace)
    keras.config.set_dtype_policy("float64")
    yield namespace["bottleneck"]
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("channels_in", "channels", "strides"), [(32, 32, 1), (16, 32, 1), (32, 32, 2), (32, 64, 2)]
)
def test_the_same_weights_give_the_same_numbers(bottleneck, channels_in, channels, strides):
    x = keras.Input((8, 8, channels_in))
    numbers = {"channels": channels, "width": 16, "groups": 4, "strides": strides}
    theirs = keras.Model(x, bottleneck(x, **numbers))
    ours = keras.Model(x, models.block(x, **numbers, name="block"))
    rng = np.random.default_rng(0)
    for layer in theirs.layers:
        if layer.weights:
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
            ours.get_layer(f"block_{NAMES[layer.name]}").set_weights(layer.get_weights())
    assert theirs.count_params() == ours.count_params()
    maps = rng.normal(size=(2, 8, 8, channels_in))
    for training in (False, True):
        got, wanted = theirs(maps, training=training), ours(maps, training=training)
        # 64 bits hold 16 digits; seven are left for rounding.
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
