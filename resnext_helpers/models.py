"""ResNeXt-50 and ResNet-50: two networks from one builder.

The networks are those of Xie et al., *Aggregated Residual Transformations for Deep Neural Networks*
(2017, Table 1), with the names, the padding and the first weights of torchvision's implementation.
They are plain Keras models that return logits, one number a class before the softmax.
"""

import keras
from keras import layers

from resnext_helpers.layers import BatchNorm, GroupedConv2D, default_kernel_initializer

RESNET50_BLOCKS = (3, 4, 6, 3)  # residual blocks in conv2 ... conv5 (Table 1)
EXPANSION = 4  # a stage's output has four times the channels of the ResNet bottleneck


def ResNeXt50(  # noqa: N802 (Keras writes its models' names so)
    input_shape=(224, 224, 3),
    num_classes=1000,
    *,
    groups=32,
    width_per_group=4,
    zero_init_residual=False,
):
    """ResNeXt-50 (32×4d): 25,028,904 trainable parameters with 1000 classes (Table 1).

    Args:
        input_shape: height, width and channels of a picture; height and width may be None.
        num_classes: number of logits.
        groups: the cardinality, C in the paper.
        width_per_group: channels of one group in the first stage, d in the paper.
        zero_init_residual: as in ``resnext``.

    Returns:
        A ``keras.Model`` from ``(batch, height, width, channels)`` to logits
        ``(batch, num_classes)``.
    """
    name = f"resnext50_{groups}x{width_per_group}d"
    return resnext(
        input_shape,
        num_classes,
        groups=groups,
        width_per_group=width_per_group,
        zero_init_residual=zero_init_residual,
        name=name,
    )


def ResNet50(  # noqa: N802
    input_shape=(224, 224, 3), num_classes=1000, *, zero_init_residual=False
):
    """ResNet-50, which is ResNeXt with one group of 64 channels: 25,557,032 parameters (Table 1).

    Arguments and result as in ``ResNeXt50``. The stride sits in the 3×3 convolution.
    """
    return resnext(
        input_shape,
        num_classes,
        groups=1,
        width_per_group=64,
        zero_init_residual=zero_init_residual,
        name="resnet50",
    )


def resnext(
    input_shape,
    num_classes,
    *,
    groups,
    width_per_group,
    blocks=RESNET50_BLOCKS,
    zero_init_residual=False,
    name="resnext",
):
    """The network of Table 1 with any cardinality, width and number of blocks a stage.

    Args:
        input_shape: height, width and channels of a picture; height and width may be None.
        num_classes: number of logits.
        groups: the cardinality, C in the paper.
        width_per_group: channels of one group in the first stage, d in the paper; it doubles from
            stage to stage.
        blocks: residual blocks in each stage.
        zero_init_residual: start the last batch norm of every block at zero, so that a fresh block
            passes on its shortcut alone (Goyal et al., 2017, Section 5.1). Training starts faster.
        name: the model's name.

    Returns:
        A ``keras.Model`` from ``(batch, height, width, channels)`` to logits
        ``(batch, num_classes)``.
    """
    inputs = keras.Input(input_shape)
    x = stem(inputs)
    for stage, number_of_blocks in enumerate(blocks):
        x = stack(
            x,
            number_of_blocks,
            channels=64 * 2**stage * EXPANSION,
            width=groups * width_per_group * 2**stage,
            groups=groups,
            strides=1 if stage == 0 else 2,
            zero_init_residual=zero_init_residual,
            name=f"layer{stage + 1}",
        )
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)
    bound = x.shape[-1] ** -0.5  # PyTorch's default for a dense layer, which the reference uses
    logits = layers.Dense(
        num_classes,
        kernel_initializer=keras.initializers.RandomUniform(-bound, bound),
        bias_initializer=keras.initializers.RandomUniform(-bound, bound),
        dtype="float32",  # with mixed precision too: a softmax needs the digits
        name="fc",
    )(x)
    return keras.Model(inputs, logits, name=name)


def stem(x):
    """The 7×7 convolution and the max pooling before the first stage: 1/4 of the size remains."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.Conv2D(
        64,
        7,
        strides=2,
        use_bias=False,
        kernel_initializer=default_kernel_initializer(),
        name="conv1",
    )(x)
    x = BatchNorm(name="bn1")(x)
    x = layers.ReLU(name="relu")(x)
    # Zeros can't win against what a ReLU lets through, so padding with zeros is exact here.
    x = layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="maxpool")(x)


def stack(x, number_of_blocks, *, channels, width, groups, strides, zero_init_residual=False, name):
    """One stage: the first block changes the shape, the others keep it.

    Args:
        x: feature map ``(batch, height, width, any channels)``.
        number_of_blocks: residual blocks.
        channels: channels that leave each block.
        width: channels inside, between the two 1×1 convolutions, all groups together.
        groups: the cardinality.
        strides: step of the first block's 3×3 convolution.
        zero_init_residual: as in ``resnext``.
        name: the layers are called ``{name}_{block}_...``.
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

    Arguments as in ``stack``. Where the shape changes the shortcut is a projection (the paper's
    option B), elsewhere the identity.
    """
    shortcut = x
    if strides != 1 or x.shape[-1] != channels:
        shortcut = _convolution(x, channels, strides, f"{name}_downsample_0")
        shortcut = BatchNorm(name=f"{name}_downsample_1")(shortcut)

    x = _convolution(x, width, 1, f"{name}_conv1")
    x = BatchNorm(name=f"{name}_bn1")(x)
    x = layers.ReLU(name=f"{name}_relu1")(x)

    x = _grouped_convolution(x, groups, strides, name)
    x = BatchNorm(name=f"{name}_bn2")(x)
    x = layers.ReLU(name=f"{name}_relu2")(x)

    x = _convolution(x, channels, 1, f"{name}_conv3")
    x = BatchNorm(name=f"{name}_bn3", gamma_initializer="zeros" if zero_init_residual else "ones")(
        x
    )
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_out")(x)


def _convolution(x, filters, strides, name):
    """A 1×1 convolution."""
    return layers.Conv2D(
        filters,
        1,
        strides=strides,
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
