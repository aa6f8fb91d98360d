"""The article's ResNeXt-50 and its training, as written or with its groups mended.

Its loop over the groups (3.3.1) is late bound: every branch reads the last group's channels
(notebook 03 shows it). Both networks are built here without the loop, which is several times
faster; benchmarks/test_accuracy.py proves them equal to the loop's.
"""

import math
from dataclasses import replace

from resnext_helpers import data  # before Keras, so that TensorFlow starts as set up
from resnext_helpers.layers import GroupedConv2D

# isort: split
import keras
from keras import layers

EPSILON = 1.001e-5


class LastGroupConv2D(GroupedConv2D):
    """What the late-bound loop computes: every group's kernels read the last group's channels."""

    def convolution_op(self, inputs, kernel):
        width = inputs.shape[-1] // self.groups
        return layers.Conv2D.convolution_op(self, inputs[..., -width:], kernel)


def grouped_convolution_block(x, strides, groups, g_channels, as_written):
    spread = math.sqrt(6 / (2 * 9 * g_channels))  # Glorot's, of one branch's 3×3 kernel
    x = (LastGroupConv2D if as_written else GroupedConv2D)(
        groups * g_channels,
        3,
        groups=groups,
        strides=strides,
        padding="same",
        kernel_initializer=keras.initializers.RandomUniform(-spread, spread),
    )(x)
    x = layers.BatchNormalization(epsilon=EPSILON)(x)
    return layers.ReLU()(x)


def block(x, filters, strides, groups, as_written, conv_shortcut):
    def convolution(x, filters, strides=1):
        x = layers.Conv2D(filters, 1, strides=strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization(epsilon=EPSILON)(x)

    shortcut = convolution(x, 2 * filters, strides) if conv_shortcut else x
    x = layers.ReLU()(convolution(x, filters))
    x = grouped_convolution_block(x, strides, groups, filters // groups, as_written)
    x = layers.Add()([convolution(x, 2 * filters), shortcut])
    return layers.ReLU()(x)


def resnext(image_size, num_classes, as_written, *, groups=32, blocks=(3, 4, 6, 3)):
    """The article's network (3.3.4), of 4 channels a group, which gives probabilities."""
    inputs = keras.Input((image_size, image_size, 3))
    x = layers.ZeroPadding2D(3)(inputs)
    x = layers.Conv2D(64, 7, strides=2)(x)  # with the bias that batch norm takes away again
    x = layers.BatchNormalization(epsilon=EPSILON)(x)
    x = layers.ReLU()(x)
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for stage, number_of_blocks in enumerate(blocks):
        for i in range(number_of_blocks):
            filters, strides = 4 * groups * 2**stage, 2 if stage > 0 and i == 0 else 1
            x = block(x, filters, strides, groups, as_written, conv_shortcut=i == 0)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="article")


def compile_model(model, learning_rate):
    """The article's 3.4, which makes an Adam with 0.0001 and then compiles with ``"adam"``."""
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # slower on a CPU
    )


def measure_statistics(model, train):
    """Give batch norm the mean statistics of all training batches, with the weights as they are.

    Those that it gathers in training are of older weights as well, the more so the nearer its
    momentum is to 1. Wu and Johnson (2021, arXiv:2105.07576) call the new ones PreciseBN.

    Args:
        model: what was trained; its batch norm is ready for prediction then, not for more training.
        train: batches of pictures and labels.
    """
    norms = [one for one in model.layers if isinstance(one, layers.BatchNormalization)]
    for i, (images, _) in enumerate(train):
        for norm in norms:
            norm.momentum = i / (i + 1)  # the running mean becomes a plain one
        model(images, training=True)


def feed(photos, config):
    """The article's 3.2.6: raw pixels in the same batches each epoch, in another order.

    Args:
        photos: what ``data.load`` gave.
        config: the same settings.

    Returns:
        The photos with batches of that kind.
    """

    def raw(images, labels):
        return (images * data.STD + data.MEAN) * 255, labels

    form = {
        "image_size": config.image_size,
        "batch_size": config.batch_size,
        "seed": config.seed,
    }
    train = data.pipeline(photos.split.train, training=True, **form).map(raw)
    validation = data.pipeline(photos.split.validation, **form).map(raw)
    return replace(
        photos, train=train.cache().shuffle(1000, seed=config.seed), validation=validation
    )
