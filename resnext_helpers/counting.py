"""Parameters and multiply-adds: by formula, and counted on a built model.

One multiply-add (MAC) is one multiplication and one addition. The paper calls them "FLOPs" and
counts the convolutions and the last layer alone; so do these functions.
"""

import math
from dataclasses import dataclass

import keras

from resnext_helpers.layers import GroupedConv2D


def conv_parameters(in_channels, out_channels, kernel_size, groups=1):
    """Weights of a square convolution without bias.

    Each of the ``out_channels`` filters sees ``in_channels / groups`` channels (Xie et al.,
    Section 3).

    Raises:
        ValueError: the channels can't be split into equal groups.
    """
    for what, channels in (("input", in_channels), ("output", out_channels)):
        if groups < 1 or channels % groups:
            raise ValueError(
                f"{channels} {what} channels can't be split into {groups} equal groups: "
                f"choose groups that divide the channels."
            )
    return kernel_size**2 * (in_channels // groups) * out_channels


def conv_macs(in_channels, out_channels, kernel_size, output_size, groups=1):
    """Multiply-adds of a square convolution for one picture.

    Every weight is used once at each position of the output, which is ``output_size`` pixels high
    and wide. Raises as ``conv_parameters``.
    """
    return conv_parameters(in_channels, out_channels, kernel_size, groups) * output_size**2


def template_block_parameters(cardinality, width_per_group, channels=256):
    """Weights of one block of conv2: ``C · (256·d + 3·3·d·d + d·256)`` (Section 4, equation 4)."""
    d = width_per_group
    return cardinality * (channels * d + 3 * 3 * d * d + d * channels)


def width_at_equal_price(cardinality):
    """The width of a path whose block comes nearest to the ResNet block's 69,632 weights.

    For the paper's cardinalities these are the widths of its Table 2.
    """
    price = template_block_parameters(1, 64)
    return min(range(1, 65), key=lambda d: abs(template_block_parameters(cardinality, d) - price))


@dataclass(frozen=True)
class Convolution:
    """One square convolution: its channels, its kernel's side, its output's side and its groups."""

    in_channels: int
    out_channels: int
    kernel_size: int
    output_size: int
    groups: int = 1


def network_parameters(
    blocks, groups, width_per_group, num_classes=1000, *, cifar=False, trainable_only=True
):
    """Numbers in a whole ResNeXt or ResNet for colour pictures, by formula.

    Each convolution has its weights, and behind it a batch norm has two trainable numbers a channel
    and two running statistics; the last layer has a weight and a bias for each class.

    Args:
        blocks: residual blocks in each stage, ``(3, 4, 6, 3)`` for 50 layers.
        groups: the cardinality, C in the paper.
        width_per_group: channels of one group in the first stage, d in the paper.
        num_classes: number of logits.
        cifar: the stem is a 3×3 convolution without pooling (Section 5.3).
        trainable_only: leave the running statistics out, as the paper does.

    Raises:
        ValueError: there is no group.
    """
    # No number of parameters depends on the picture's size, so any will do.
    convolutions = list(network_convolutions(blocks, groups, width_per_group, 32, cifar=cifar))
    numbers_a_channel = 2 if trainable_only else 4
    last = convolutions[-1].out_channels
    return (
        sum(
            conv_parameters(c.in_channels, c.out_channels, c.kernel_size, c.groups)
            + numbers_a_channel * c.out_channels
            for c in convolutions
        )
        + (last + 1) * num_classes
    )


def network_macs(blocks, groups, width_per_group, image_size, num_classes=1000, *, cifar=False):
    """Multiply-adds of a whole ResNeXt or ResNet for one square colour picture, by formula.

    Args:
        image_size: height and width of the picture, in pixels.

    The other arguments, and the error, as in ``network_parameters``.
    """
    convolutions = list(
        network_convolutions(blocks, groups, width_per_group, image_size, cifar=cifar)
    )
    return (
        sum(
            conv_macs(c.in_channels, c.out_channels, c.kernel_size, c.output_size, c.groups)
            for c in convolutions
        )
        + convolutions[-1].out_channels * num_classes
    )


def network_convolutions(blocks, groups, width_per_group, image_size, *, cifar=False):
    """Yield every ``Convolution`` of a network, in order (Table 1; Section 5.3 with ``cifar``).

    Arguments as in ``network_macs``.
    """
    if cifar:
        size = image_size
        yield Convolution(3, 64, 3, size)
    else:
        size = _half(image_size)
        yield Convolution(3, 64, 7, size)
        size = _half(size)  # the max pooling
    channels = 64
    for stage, number_of_blocks in enumerate(blocks):
        inside, outside = groups * width_per_group * 2**stage, 256 * 2**stage
        for block in range(number_of_blocks):
            yield Convolution(channels, inside, 1, size)
            if stage > 0 and block == 0:
                size = _half(size)
            yield Convolution(inside, inside, 3, size, groups)
            yield Convolution(inside, outside, 1, size)
            if block == 0:  # the shortcut's projection
                yield Convolution(channels, outside, 1, size)
            channels = outside


def _half(size):
    """What a step of two pixels leaves, with the network's padding: half, rounded up."""
    return (size + 1) // 2


@dataclass(frozen=True)
class LayerCount:
    """What one layer of a model costs.

    Attributes:
        name: the layer's name.
        output_shape: shape of its output without the batch.
        parameters: trainable numbers in it.
        macs: multiply-adds for one picture; 0 for layers that only add, scale or pool.
    """

    name: str
    output_shape: tuple
    parameters: int
    macs: int


def count_layers(model):
    """Walk a built model and count every layer, in the model's order.

    Args:
        model: a ``keras.Model`` whose input height and width are fixed.

    Returns:
        A list of ``LayerCount``.

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
        LayerCount(
            name=layer.name,
            output_shape=tuple(layer.output.shape[1:]),
            parameters=sum(math.prod(weight.shape) for weight in layer.trainable_weights),
            macs=_macs(layer),
        )
        for layer in model.layers
    ]


def trainable_parameters(model):
    """Numbers that training changes; the batch norms' running statistics don't count."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def macs(model):
    """Multiply-adds for one picture through a built model (the paper's "FLOPs")."""
    return sum(count.macs for count in count_layers(model))


def _macs(layer):
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense | GroupedConv2D):
        positions = math.prod(layer.output.shape[1:-1])
        return math.prod(layer.kernel.shape) * positions
    if any(len(weight.shape) > 1 for weight in layer.weights):  # a kernel, and none of the above
        raise ValueError(
            f"Layer {layer.name!r} is a {type(layer).__name__}, and only the multiply-adds of "
            f"Conv2D, GroupedConv2D and Dense can be counted: count this layer by hand."
        )
    return 0
