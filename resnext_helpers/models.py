"""The ResNeXt and ResNet family: every network from one builder.

The networks are those of Xie et al., *Aggregated Residual Transformations for Deep Neural Networks*
(2017), with the names, the padding and the first weights of torchvision's implementation. They are
plain Keras models that return logits, one number a class before the softmax.
"""

import keras
from keras import layers

# ``block`` and ``load_torchvision_weights`` are for the notebooks, which know ``models`` alone.
from resnext_helpers.blocks import block, cifar_stem, stack, stem  # noqa: F401
from resnext_helpers.torch_weights import load_torchvision_weights  # noqa: F401

# Residual blocks in each stage. Three convolutions a block, the stem's one and the last layer make
# the number of layers (Table 1; He et al., 2016, Table 1; Section 5.3 for 29).
BLOCKS = {29: (3, 3, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
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

    Raises:
        ValueError: an argument is no shape or no positive number.
    """
    return _resnext(50, input_shape, num_classes, groups, width_per_group, zero_init_residual)


def ResNeXt101(  # noqa: N802
    input_shape=(224, 224, 3),
    num_classes=1000,
    *,
    groups=32,
    width_per_group=4,
    zero_init_residual=False,
):
    """ResNeXt-101 (32×4d): 44,177,704 trainable parameters with 1000 classes (Table 3).

    With ``groups=64`` it is the 64×4d of Table 4. Arguments, result and errors as in ``ResNeXt50``.
    """
    return _resnext(101, input_shape, num_classes, groups, width_per_group, zero_init_residual)


def ResNeXt152(  # noqa: N802
    input_shape=(224, 224, 3),
    num_classes=1000,
    *,
    groups=32,
    width_per_group=4,
    zero_init_residual=False,
):
    """ResNeXt-152 (32×4d): 59,951,400 trainable parameters with 1000 classes.

    The paper doesn't train it; its stages are those of ResNet-152 (He et al., 2016, Table 1).
    Arguments, result and errors as in ``ResNeXt50``.
    """
    return _resnext(152, input_shape, num_classes, groups, width_per_group, zero_init_residual)


def ResNeXt29(  # noqa: N802
    input_shape=(32, 32, 3),
    num_classes=10,
    *,
    groups=8,
    width_per_group=64,
    zero_init_residual=False,
):
    """ResNeXt-29 (8×64d) for CIFAR-10: 34,426,698 trainable parameters (Section 5.3, Table 7).

    The stem is a 3×3 convolution without pooling, and three stages follow. Arguments, result and
    errors as in ``ResNeXt50``.
    """
    return _resnext(29, input_shape, num_classes, groups, width_per_group, zero_init_residual)


def ResNet50(  # noqa: N802
    input_shape=(224, 224, 3), num_classes=1000, *, zero_init_residual=False
):
    """ResNet-50, which is ResNeXt with one group of 64 channels: 25,557,032 parameters (Table 1).

    The stride sits in the 3×3 convolution. Arguments, result and errors as in ``ResNeXt50``.
    """
    return _resnet(50, input_shape, num_classes, zero_init_residual)


def ResNet101(  # noqa: N802
    input_shape=(224, 224, 3), num_classes=1000, *, zero_init_residual=False
):
    """ResNet-101: 44,549,160 parameters (He et al., 2016, Table 1). Otherwise as ``ResNet50``."""
    return _resnet(101, input_shape, num_classes, zero_init_residual)


def ResNet152(  # noqa: N802
    input_shape=(224, 224, 3), num_classes=1000, *, zero_init_residual=False
):
    """ResNet-152: 60,192,808 parameters (He et al., 2016, Table 1). Otherwise as ``ResNet50``."""
    return _resnet(152, input_shape, num_classes, zero_init_residual)


def resnext(
    input_shape,
    num_classes,
    *,
    groups,
    width_per_group,
    blocks=BLOCKS[50],
    cifar=False,
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
        cifar: begin with ``cifar_stem``, for pictures of about 32×32 pixels.
        zero_init_residual: start the last batch norm of every block at zero, so that a fresh block
            passes on its shortcut alone (Goyal et al., 2017, Section 5.1). Training starts faster.
        name: the model's name.

    Returns:
        A ``keras.Model`` from ``(batch, height, width, channels)`` to logits
        ``(batch, num_classes)``.

    Raises:
        ValueError: an argument is no shape or no positive number.
    """
    _check_shape(input_shape)
    _check_positive(num_classes=num_classes, groups=groups, width_per_group=width_per_group)
    _check_blocks(blocks)
    inputs = keras.Input(input_shape)
    x = cifar_stem(inputs) if cifar else stem(inputs)
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


def _resnext(depth, input_shape, num_classes, groups, width_per_group, zero_init_residual):
    return resnext(
        input_shape,
        num_classes,
        groups=groups,
        width_per_group=width_per_group,
        blocks=BLOCKS[depth],
        cifar=depth == 29,
        zero_init_residual=zero_init_residual,
        name=f"resnext{depth}_{groups}x{width_per_group}d",
    )


def _resnet(depth, input_shape, num_classes, zero_init_residual):
    return resnext(
        input_shape,
        num_classes,
        groups=1,
        width_per_group=64,
        blocks=BLOCKS[depth],
        zero_init_residual=zero_init_residual,
        name=f"resnet{depth}",
    )


def _check_shape(shape):
    is_shape = (
        isinstance(shape, tuple | list)
        and len(shape) == 3
        and all(side is None or _is_positive(side) for side in shape[:2])
        and _is_positive(shape[2])
    )
    if not is_shape:
        raise ValueError(
            f"input_shape is {shape!r}: give the height, width and channels of a picture, "
            f"such as (224, 224, 3)."
        )


def _check_positive(**numbers):
    for name, number in numbers.items():
        if not _is_positive(number):
            raise ValueError(f"{name} is {number!r}: give a whole number, 1 or more.")


def _check_blocks(blocks):
    if not isinstance(blocks, tuple | list) or not blocks or not all(map(_is_positive, blocks)):
        raise ValueError(
            f"blocks is {blocks!r}: give the number of residual blocks in each stage, 1 or more, "
            f"such as {BLOCKS[50]}."
        )


def _is_positive(number):
    return isinstance(number, int) and number > 0
