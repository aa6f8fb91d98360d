"""The parts of a network: the stem, the stages, and the residual block that stages consist of.

Each function takes a Keras tensor and returns the tensor behind the layers that it adds, in the
way of Keras' functional models. Layer names follow torchvision's: its ``layer1.0.conv2`` is
``layer1_0_conv2`` here.
"""

from keras import layers

from resnext_helpers.batch_norm import BatchNorm
from resnext_helpers.layers import GroupedConv2D, default_kernel_initializer


def stem(x):
    """The 7×7 convolution and the max pooling before the first stage: 1/4 of the size remains."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = _convolution(x, 64, 7, strides=2, name="conv1")
    x = BatchNorm(name="bn1")(x)
    x = layers.ReLU(name="relu")(x)
    # Zeros can't win against what a ReLU lets through, so padding with zeros is exact here.
    x = layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="maxpool")(x)


def cifar_stem(x):
    """The stem for CIFAR's small pictures: a 3×3 convolution, and the size stays (Section 5.3)."""
    x = _convolution(x, 64, 3, padding="same", name="conv1")
    x = BatchNorm(name="bn1")(x)
    return layers.ReLU(name="relu")(x)


def stack(x, number_of_blocks, *, channels, width, groups, strides, zero_init_residual=False, name):
    """One stage: the first block changes the shape, the others keep it.

    Args:
        x: feature map ``(batch, height, width, any channels)``.
        number_of_blocks: residual blocks.
        channels: channels that leave each block.
        width: channels inside, between the two 1×1 convolutions, all groups together.
        groups: the cardinality.
        strides: step of the first block's 3×3 convolution.
        zero_init_residual: as in ``models.resnext``.
        name: the layers are called ``{name}_{block}_...``.

    Returns:
        The feature map ``(batch, height / strides, width / strides, channels)``, sizes rounded up.

    Raises:
        ValueError: ``width`` can't be split into ``groups`` equal groups.
    """
    for i in range(number_of_blocks):
        x = block(
            x,
            channels=channels,
            width=width,
            groups=groups,
            strides=strides if i == 0 else 1,
            zero_init_residual=zero_init_residual,
            name=f"{name}_{i}",
        )
    return x


def block(x, *, channels, width, groups, strides=1, zero_init_residual=False, name):
    """One residual block, Figure 3(c): 1×1, grouped 3×3, 1×1, plus the shortcut.

    Arguments, result and errors as in ``stack``. Where the shape changes the shortcut is a
    projection (the paper's option B), elsewhere the identity.
    """
    shortcut = x
    if strides != 1 or x.shape[-1] != channels:
        shortcut = _convolution(x, channels, 1, strides=strides, name=f"{name}_downsample_0")
        shortcut = BatchNorm(name=f"{name}_downsample_1")(shortcut)

    x = _convolution(x, width, 1, name=f"{name}_conv1")
    x = BatchNorm(name=f"{name}_bn1")(x)
    x = layers.ReLU(name=f"{name}_relu1")(x)

    x = _grouped_convolution(x, groups, strides, name)
    x = BatchNorm(name=f"{name}_bn2")(x)
    x = layers.ReLU(name=f"{name}_relu2")(x)

    x = _convolution(x, channels, 1, name=f"{name}_conv3")
    first_scale = "zeros" if zero_init_residual else "ones"
    x = BatchNorm(name=f"{name}_bn3", gamma_initializer=first_scale)(x)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_out")(x)


def _convolution(x, filters, kernel_size, *, strides=1, padding="valid", name):
    """A convolution without bias: the batch norm behind it adds its own."""
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer=default_kernel_initializer(),
        name=name,
    )(x)


def _grouped_convolution(x, groups, strides, name):
    """The 3×3 convolution, padded by one pixel on every side.

    TensorFlow's "same" pads so only at stride 1; at stride 2 it pads right and below alone.
    """
    if strides == 1:
        return GroupedConv2D(x.shape[-1], 3, groups=groups, padding="same", name=f"{name}_conv2")(x)
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return GroupedConv2D(
        x.shape[-1], 3, groups=groups, strides=strides, padding="valid", name=f"{name}_conv2"
    )(x)
