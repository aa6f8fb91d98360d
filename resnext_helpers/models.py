"""The ResNeXt and ResNet family: every network from one builder.

The networks are those of Xie et al., *Aggregated Residual Transformations for Deep Neural Networks*
(2017), with the names, the padding and the first weights of torchvision's implementation: its
``layer1.0.conv2`` is ``layer1_0_conv2`` here. They are plain Keras models that return logits, one
number a class before the softmax.
"""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from keras import layers
from safetensors import SafetensorError
from safetensors.numpy import load

from resnext_helpers.layers import BatchNorm, GroupedConv2D, kaiming_normal
from resnext_helpers.settings import CourseError, display_path

# Residual blocks in each stage. Three convolutions a block, the stem's one and the last layer make
# the number of layers (Table 1; He et al., 2016, Table 1).
BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
TABLE_2 = {1: 64, 2: 40, 4: 24, 8: 14, 32: 4}  # cardinality: width of a group, at equal complexity

HEAD = ("fc.weight", "fc.bias")  # of the last layer, whose size depends on the number of classes
TORCH_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def stem(x):
    """The 7×7 convolution and the max pooling before the first stage: 1/4 of the size remains."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = _convolution(x, 64, 7, strides=2, name="conv1")
    x = BatchNorm(name="bn1")(x)
    x = layers.ReLU(name="relu")(x)
    # Zeros can't win against what a ReLU lets through, so padding with zeros is exact here.
    x = layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="maxpool")(x)


def block(x, *, channels, width, groups, strides=1, zero_init_residual=False, name):
    """One residual block, Figure 3(c): 1×1, grouped 3×3, 1×1, plus the shortcut.

    Where the shape changes the shortcut is a projection (the paper's option B), elsewhere the
    identity.

    Args:
        x: feature map ``(batch, height, width, any channels)``.
        channels: channels that leave the block.
        width: channels inside, between the two 1×1 convolutions, all groups together.
        groups: the cardinality.
        strides: step of the 3×3 convolution.
        zero_init_residual: as in ``resnext``.
        name: the layers are called ``{name}_conv1`` and so on.

    Returns:
        The feature map ``(batch, height / strides, width / strides, channels)``, sizes rounded up.

    Raises:
        ValueError: ``width`` can't be split into ``groups`` equal groups.
    """
    shortcut = x
    if strides != 1 or x.shape[-1] != channels:
        shortcut = _convolution(x, channels, 1, strides=strides, name=f"{name}_downsample_0")
        shortcut = BatchNorm(name=f"{name}_downsample_1")(shortcut)

    x = _convolution(x, width, 1, name=f"{name}_conv1")
    x = BatchNorm(name=f"{name}_bn1")(x)
    x = layers.ReLU(name=f"{name}_relu1")(x)

    # One pixel of zeros on every side. TensorFlow's "same" pads so only at stride 1; at stride 2 it
    # pads right and below alone.
    if strides != 1:
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    padding = "same" if strides == 1 else "valid"
    form = {"groups": groups, "strides": strides, "padding": padding}
    x = GroupedConv2D(width, 3, **form, name=f"{name}_conv2")(x)
    x = BatchNorm(name=f"{name}_bn2")(x)
    x = layers.ReLU(name=f"{name}_relu2")(x)

    x = _convolution(x, channels, 1, name=f"{name}_conv3")
    first_scale = "zeros" if zero_init_residual else "ones"
    x = BatchNorm(name=f"{name}_bn3", gamma_initializer=first_scale)(x)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_out")(x)


def stack(x, number_of_blocks, *, strides, name, **form):
    """One stage: the first ``block`` has the strides and changes the shape, the others keep it.

    The other arguments, result and errors as in ``block``; block i is called ``{name}_{i}``.
    """
    for i in range(number_of_blocks):
        x = block(x, **form, strides=strides if i == 0 else 1, name=f"{name}_{i}")
    return x


def _convolution(x, filters, kernel_size, *, strides=1, name):
    """A convolution without bias: the batch norm behind it adds its own."""
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        use_bias=False,
        kernel_initializer=kaiming_normal(),
        name=name,
    )(x)


def ResNeXt50(  # noqa: N802 (Keras writes its models' names so)
    input_shape=(224, 224, 3),
    num_classes=1000,
    *,
    groups=32,
    width_per_group=4,
    zero_init_residual=False,
):
    """ResNeXt-50 (32×4d): 25,028,904 trainable parameters with 1000 classes (Table 1).

    Arguments, result and errors as in ``resnext``.
    """
    form = {"groups": groups, "width_per_group": width_per_group}
    form["name"] = f"resnext50_{groups}x{width_per_group}d"
    return resnext(input_shape, num_classes, **form, zero_init_residual=zero_init_residual)


def ResNet50(  # noqa: N802
    input_shape=(224, 224, 3), num_classes=1000, *, zero_init_residual=False
):
    """ResNet-50, which is ResNeXt with one group of 64 channels: 25,557,032 parameters (Table 1).

    The stride sits in the 3×3 convolution. Arguments, result and errors as in ``resnext``.
    """
    size = {"groups": 1, "width_per_group": 64, "name": "resnet50"}
    return resnext(input_shape, num_classes, **size, zero_init_residual=zero_init_residual)


def resnext(
    input_shape,
    num_classes,
    *,
    groups,
    width_per_group,
    blocks=BLOCKS[50],
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
        blocks: residual blocks in each stage, such as ``BLOCKS[101]``.
        zero_init_residual: start the last batch norm of every block at zero, so that a fresh block
            passes on its shortcut alone (Goyal et al., 2017, Section 5.1). Training starts faster.
        name: the model's name.

    Returns:
        A ``keras.Model`` from ``(batch, height, width, channels)`` to logits
        ``(batch, num_classes)``.

    Raises:
        ValueError: an argument is no shape or no positive number.
    """
    inputs = keras.Input(input_shape)
    x = stem(inputs)
    for stage, number_of_blocks in enumerate(blocks):
        x = stack(
            x,
            number_of_blocks,
            channels=256 * 2**stage,
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


def load_torchvision_weights(model, path_or_state_dict):
    """Fill a network with weights from torchvision or timm, which name the tensors alike.

    If the weights are for another number of classes, the last layer keeps its own, and a printed
    line says so. If anything else doesn't fit, the model stays as it is.

    The model has the groups, width and blocks of the network that was trained. The weights are a
    ``.safetensors`` file, or arrays (or PyTorch's tensors) by name. A ``CourseError`` says that a
    tensor is missing, left over or of another shape, or that the file can't be used.
    """
    source, tensors = "The state dict", path_or_state_dict
    if not isinstance(path_or_state_dict, Mapping):
        source = display_path(Path(path_or_state_dict))
        tensors = _read(Path(path_or_state_dict))
    # The number of batches counts only in a batch norm without momentum, and ours have one.
    arrays = {
        name: _in_keras_order(tensor)
        for name, tensor in tensors.items()
        if not name.endswith(".num_batches_tracked")
    }
    variables, head_kept = torchvision_names(model), None
    if all(name in arrays and arrays[name].shape != variables[name].shape for name in HEAD):
        classes = len(arrays["fc.bias"])
        head_kept = f"{source} is for {classes} classes: fc, the last layer, keeps its own weights."
        for name in HEAD:
            del variables[name], arrays[name]
    problems = {
        "missing": [name for name in variables if name not in arrays],
        "unknown to the model": [name for name in arrays if name not in variables],
        "of another shape": [
            f"{name} is, in Keras' order, {arrays[name].shape} instead of {variable.shape}"
            for name, variable in variables.items()
            if name in arrays and arrays[name].shape != variable.shape
        ],
    }
    if any(problems.values()):
        listed = "; ".join(
            f"{len(names)} {what} ({', '.join(names[:3])}{', …' * (len(names) > 3)})"
            for what, names in problems.items()
            if names
        )
        raise CourseError(f"{source} doesn't fit {model.name}: {listed}.")
    for name, variable in variables.items():
        variable.assign(arrays[name])
    if head_kept:
        print(head_kept)


def torchvision_names(model):
    """The model's weights (Keras variables), by the name that torchvision gives to each."""
    return {
        f"{layer.name.replace('_', '.')}.{TORCH_NAMES[weight.name]}": weight
        for layer in model.layers
        for weight in layer.weights
    }


def _in_keras_order(tensor):
    """A convolution's ``(filters, channels / groups, height, width)`` becomes ``(height, width,
    channels / groups, filters)``; a dense layer's ``(classes, features)`` is transposed."""
    if hasattr(tensor, "detach"):  # PyTorch's, perhaps on a GPU or in bfloat16
        tensor = tensor.detach().cpu().float()
    array = np.asarray(tensor, "float32")
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def _read(path):
    if path.suffix != ".safetensors":
        raise CourseError(
            f"{display_path(path)} is no .safetensors file: turn weights that torch.save wrote "
            f"(.pth) into one, data/README.md shows how."
        )
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise CourseError(
            f"{display_path(path)} can't be read ({error}): if it is damaged, get it again."
        ) from error
