"""Parameters and multiply-adds: counted on a built model, and by formula.

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


def conv_parameters(in_channels, out_channels, kernel_size, groups=1):
    """Weights of a square convolution without bias.

    Each of the ``out_channels`` filters sees ``in_channels / groups`` channels (Xie et al.,
    Section 3).

    Raises:
        ValueError: the channels can't be split into equal groups.
    """
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{in_channels} input and {out_channels} output channels can't be split into {groups} "
            f"equal groups: choose groups that divide both."
        )
    return kernel_size**2 * (in_channels // groups) * out_channels


def conv_macs(in_channels, out_channels, kernel_size, output_size, groups=1):
    """Multiply-adds of a square convolution for one picture; raises as ``conv_parameters``.

    Every weight is used once at each position of the output, ``output_size`` pixels high and wide.
    """
    return conv_parameters(in_channels, out_channels, kernel_size, groups) * output_size**2


def template_block_parameters(cardinality, width_per_group):
    """Weights of one block of conv2: ``C · (256·d + 3·3·d·d + d·256)`` (Section 4, equation 4)."""
    d = width_per_group
    return cardinality * (256 * d + 3 * 3 * d * d + d * 256)


def width_at_equal_price(cardinality):
    """The width of a path whose block comes nearest to the ResNet block's 69,632 weights.

    For the paper's cardinalities these are the widths of its Table 2 (``models.TABLE_2``).
    """
    price = template_block_parameters(1, 64)
    return min(range(1, 65), key=lambda d: abs(template_block_parameters(cardinality, d) - price))


def network_parameters(blocks, groups, width_per_group, num_classes=1000, *, trainable_only=True):
    """Numbers in a whole ResNeXt or ResNet for colour pictures, by formula.

    Arguments as in ``models.resnext``; ``trainable_only`` leaves out batch norm's running
    statistics, as the paper does.
    """
    # No number of parameters depends on the picture's size, so any will do.
    convolutions = list(network_convolutions(blocks, groups, width_per_group, 32))
    norm = 2 if trainable_only else 4  # numbers a channel, behind each convolution
    last = convolutions[-1][1]
    return (last + 1) * num_classes + sum(
        conv_parameters(i, o, k, g) + norm * o for i, o, k, _, g in convolutions
    )


def network_macs(blocks, groups, width_per_group, image_size, num_classes=1000):
    """Multiply-adds of a whole ResNeXt or ResNet for one square picture, by formula.

    Arguments as in ``models.resnext``; ``image_size`` is the picture's side in pixels.
    """
    convolutions = list(network_convolutions(blocks, groups, width_per_group, image_size))
    return convolutions[-1][1] * num_classes + sum(conv_macs(*numbers) for numbers in convolutions)


def network_convolutions(blocks, groups, width_per_group, image_size):
    """Yield the numbers of every convolution of a network (Table 1), in ``conv_macs``' order."""
    size = (image_size + 1) // 2  # a step of two pixels leaves half, rounded up
    yield 3, 64, 7, size, 1
    size, channels = (size + 1) // 2, 64  # the max pooling
    for stage, number_of_blocks in enumerate(blocks):
        inside, outside = groups * width_per_group * 2**stage, 256 * 2**stage
        for block in range(number_of_blocks):
            yield channels, inside, 1, size, 1
            if stage > 0 and block == 0:
                size = (size + 1) // 2
            yield inside, inside, 3, size, groups
            yield inside, outside, 1, size, 1
            if block == 0:  # the shortcut's projection
                yield channels, outside, 1, size, 1
            channels = outside
