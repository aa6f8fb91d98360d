"""Parameters and multiply-adds of a built model.

One multiply-add (MAC) is one multiplication and one addition. The paper calls them "FLOPs" and
counts the convolutions and the last layer alone; so do these functions.
"""

import math
from typing import NamedTuple

import keras


class LayerCount(NamedTuple):
    """What one layer of a model costs; ``macs`` is 0 if it only adds, scales or pools."""

    name: str
    output_shape: tuple  # without the batch
    parameters: int  # trainable
    macs: int  # for one picture


def count_layers(model):
    """Count every layer of a built model, in the model's order, as a list of ``LayerCount``.

    Raises:
        ValueError: the model's height or width is open, so its multiply-adds are too; or a layer
            multiplies in a way that isn't counted here.
    """
    if None in model.input_shape[1:]:
        raise ValueError(
            f"The model's input is {model.input_shape[1:]}: give its height and width a number, "
            f"for multiply-adds depend on them."
        )
    return [
        LayerCount(layer.name, layer.output.shape[1:], trainable_parameters(layer), _macs(layer))
        for layer in model.layers
    ]


def trainable_parameters(model):
    """Numbers that training changes; the batch norms' running statistics don't count."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def macs(model):
    """Multiply-adds for one picture through a built model (the paper's "FLOPs")."""
    return sum(count.macs for count in count_layers(model))


def _macs(layer):
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        return math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
    if any(len(weight.shape) > 1 for weight in layer.weights):  # a kernel, and none of the above
        raise ValueError(
            f"Layer {layer.name!r} is a {type(layer).__name__}, and only the multiply-adds of "
            f"Conv2D, GroupedConv2D and Dense can be counted: count this layer by hand."
        )
    return 0
