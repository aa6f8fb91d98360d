"""The checkers of notebook 04 accept what is right, however written, and say what is wrong."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from resnext_course import exercises
from resnext_helpers import models
from resnext_helpers.layers import GroupedConv2D


def verdict(capsys, name, answer):
    exercises.check(name, answer)
    return capsys.readouterr().out


def conv_norm(x, filters, kernel_size, groups=1, **options):
    x = GroupedConv2D(filters, kernel_size, groups=groups, padding="same", **options)(x)
    return layers.BatchNormalization()(x)


def relu(x):
    return layers.ReLU()(x)


def block(x, *, width=128, groups=32):
    y = relu(conv_norm(x, width, 1))
    y = relu(conv_norm(y, width, 3, groups))
    return conv_norm(y, 256, 1)


def grouped(x):
    return relu(layers.Add()([block(x), x]))


def with_keras_groups(x):
    y = relu(conv_norm(x, 128, 1))
    y = layers.Conv2D(128, 3, groups=32, padding="same", use_bias=False)(y)
    y = relu(layers.BatchNormalization()(y))
    return keras.activations.relu(conv_norm(y, 256, 1) + x)


def in_paths(x):
    """Figure 3 (a)."""
    ends = []
    for _ in range(32):
        y = relu(conv_norm(relu(conv_norm(x, 4, 1)), 4, 3))
        ends.append(layers.Conv2D(256, 1, use_bias=False)(y))
    y = layers.BatchNormalization()(layers.Add()(ends))
    return relu(layers.Add()([x, y]))


def helper(x):
    return models.block(x, channels=256, width=128, groups=32, name="block")


def to_shape(x, channels, strides):
    """The shortcut, as one layer of several."""
    if strides == 1 and x.shape[-1] == channels:
        return x
    parts = [
        layers.Conv2D(channels, 1, strides=strides, use_bias=False),
        layers.BatchNormalization(),
    ]
    return keras.Sequential(parts)(x)


def with_course_layers(x, channels, width, groups, strides=1):
    y = relu(conv_norm(x, width, 1))
    y = layers.ZeroPadding2D(1)(y)
    y = GroupedConv2D(width, 3, groups=groups, strides=strides)(y)
    y = conv_norm(relu(layers.BatchNormalization()(y)), channels, 1)
    return relu(layers.Add()([to_shape(x, channels, strides), y]))


def with_keras_alone(x, n, w, g, s=1):
    """Other names, the shortcut first, ops in place of layers, and another epsilon."""
    shortcut = x
    if s != 1 or x.shape[-1] != n:
        shortcut = layers.Conv2D(n, 1, s, use_bias=False)(x)
        shortcut = layers.BatchNormalization(epsilon=1e-3)(shortcut)
    y = layers.Conv2D(w, 1, use_bias=False, kernel_initializer="zeros")(x)
    y = keras.ops.relu(layers.BatchNormalization(scale=False, center=False)(y))
    y = keras.ops.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = layers.Conv2D(w, 3, strides=s, groups=g, use_bias=False)(y)
    y = keras.activations.relu(layers.BatchNormalization()(y))
    y = layers.Conv2D(n, 1, use_bias=False)(y)
    return keras.ops.maximum(layers.BatchNormalization(gamma_initializer="zeros")(y) + shortcut, 0)


def with_slices(x, channels, width, groups, strides=1):
    """One wide 1×1, whose channels are cut for small convolutions and joined again."""
    y = layers.ZeroPadding2D(1)(relu(conv_norm(x, width, 1)))
    d = width // groups
    small = [layers.Conv2D(d, 3, strides, use_bias=False) for _ in range(groups)]
    y = layers.Concatenate()([conv(y[..., g * d : g * d + d]) for g, conv in enumerate(small)])
    y = conv_norm(relu(layers.BatchNormalization()(y)), channels, 1)
    return relu(to_shape(x, channels, strides) + y)


def with_bound_lambdas(x, channels, width, groups, strides=1):
    y = layers.ZeroPadding2D(1)(relu(conv_norm(x, width, 1)))
    parts = []
    for g, d in zip(range(groups), [width // groups] * groups, strict=True):
        part = layers.Lambda(lambda z, g=g, d=d: z[..., g * d : g * d + d])(y)
        parts.append(layers.Conv2D(d, 3, strides, use_bias=False)(part))
    y = relu(layers.BatchNormalization()(layers.Concatenate()(parts)))
    return relu(layers.Add()([conv_norm(y, channels, 1), to_shape(x, channels, strides)]))


def path(x, d, strides):
    y = layers.ZeroPadding2D()(relu(conv_norm(x, d, 1)))
    y = layers.Conv2D(d, 3, strides, use_bias=False)(y)
    return relu(layers.BatchNormalization()(y))


def in_summed_paths(x, channels, width, groups, strides=1):
    """Figure 3 (a), added up one by one."""
    total = None
    for _ in range(groups):
        y = path(x, width // groups, strides)
        y = layers.Conv2D(channels, 1, use_bias=False)(y)
        total = y if total is None else total + y
    return relu(layers.BatchNormalization()(total) + to_shape(x, channels, strides))


def in_joined_paths(x, channels, width, groups, strides=1):
    """Figure 3 (b), the last path first."""
    paths = [path(x, width // groups, strides) for _ in range(groups)]
    y = conv_norm(layers.Concatenate()(paths[::-1]), channels, 1)
    return relu(layers.Add()([y, to_shape(x, channels, strides)]))


def with_dense_layers(x, channels, width, groups, strides=1):
    """A dense layer on a feature map is a 1×1 convolution."""
    y = relu(layers.BatchNormalization()(layers.Dense(width, use_bias=False)(x)))
    y = layers.Conv2D(width, 3, strides, groups=groups, use_bias=False)(layers.ZeroPadding2D()(y))
    y = relu(layers.BatchNormalization()(y))
    y = layers.BatchNormalization()(layers.Dense(channels, use_bias=False)(y))
    return relu(y + to_shape(x, channels, strides))


def helper_with_any_shape(x, channels, width, groups, strides=1):
    numbers = {"channels": channels, "width": width, "groups": groups, "strides": strides}
    return models.block(x, **numbers, name="block", zero_init_residual=True)


RIGHT_BLOCKS = [
    with_course_layers,
    with_keras_alone,
    with_slices,
    with_bound_lambdas,
    in_summed_paths,
    in_joined_paths,
    with_dense_layers,
    helper_with_any_shape,
]


@pytest.fixture
def policy():
    """Sets a policy for numbers, and puts the old one back."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("block", RIGHT_BLOCKS, ids=lambda block: block.__name__)
def test_right_blocks_however_written(capsys, block):
    assert ": right!" in verdict(capsys, "04-build", block)


@pytest.mark.parametrize("numbers", ["float64", "mixed_float16"])
def test_the_notebooks_precision_changes_no_verdict_and_stays(capsys, policy, numbers):
    policy(numbers)
    assert ": right!" in verdict(capsys, "04-build", with_course_layers)
    assert ": right!" in verdict(capsys, "04-repair", grouped)
    assert "too early" in verdict(capsys, "04-repair", relu_too_early)
    assert keras.config.dtype_policy().name == numbers


def nearest_width(cardinality):
    def distance(d):
        return abs(cardinality * (512 * d + 9 * d**2) - 69_632)

    return min(range(1, 100), key=distance)


def nearest_width_by_algebra(cardinality):
    """The root of 9·d² + 512·d = 69,632 / C, and then the better neighbour."""
    exact = (-512 + (512**2 + 36 * 69_632 / cardinality) ** 0.5) / 18
    down, up = np.floor(exact), np.ceil(exact)
    missing = [abs(cardinality * (512 * d + 9 * d**2) - 69_632) for d in (down, up)]
    return down if missing[0] <= missing[1] else up


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("04-params", 140_288),
        ("04-params", 64 * (256 * 4 + 9 * 4**2 + 4 * 256.0)),
        ("04-params", np.int64(140_288)),
        ("04-resnet", {"groups": 1, "width": 64}),
        ("04-resnet", dict(width=64, groups=1)),
        ("04-width", nearest_width),
        ("04-width", nearest_width_by_algebra),
        ("04-repair", grouped),
        ("04-repair", with_keras_groups),
        ("04-repair", in_paths),
        ("04-repair", helper),
    ],
)
def test_right_answers(capsys, name, answer):
    assert ": right!" in verdict(capsys, name, answer)


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("04-params", 70_144, "That is the 32×4d block"),
        ("04-params", 720_896, "ordinary 3×3"),
        ("04-params", 141_824, "batch norms too"),
        ("04-params", 2_192, "That is one path"),
        ("04-params", 9_216, "the 3×3 alone"),
        ("04-params", 132_096, "9 numbers for each channel"),
        ("04-params", 1_000, "Count one path first"),
        ("04-params", "140288", "one whole number"),
        ("04-params", True, "one whole number"),
        ("04-resnet", (1, 64), "a dictionary"),
        ("04-resnet", {"groups": 1}, "a dictionary"),
        ("04-resnet", {"groups": 0, "width": 64}, "at least 1"),
        ("04-resnet", {"groups": 1, "width": 10**9}, "at most 256"),
        ("04-resnet", {"groups": 3, "width": 64}, "can't be divided into 3 equal groups"),
        ("04-resnet", {"groups": 32, "width": 128}, "not one group of 32"),
        ("04-resnet", {"groups": 64, "width": 64}, "not one group of 64"),
        ("04-resnet", {"groups": 1, "width": 128}, "has 212,992 weights"),
        ("04-width", 4, "a function"),
        ("04-width", lambda c: None, "returned None; it must return d"),
        ("04-width", lambda c: float("nan"), "it must return d"),
        ("04-width", lambda c: 1 / 0, "failed for C = 1. ZeroDivisionError"),
        ("04-width", lambda: 4, "failed for C = 1. TypeError"),
        ("04-width", lambda c: 64 // c, "keeps C·d at 64"),
        ("04-width", lambda c: c * nearest_width(c), "the width C·d of all groups"),
        ("04-width", lambda c: nearest_width(c) - (c > 1), "its neighbour comes nearer"),
        ("04-width", lambda c: nearest_width(c) + 0.25, "it must be whole"),
        ("04-width", {1: 64, 2: 40, 4: 24, 8: 14, 32: 4}.get, "For C = 16"),
        ("04-width", lambda c: 5 * nearest_width(c), "far from 69,632 weights"),
    ],
)
def test_wrong_numbers_and_functions(capsys, name, answer, message):
    assert message in verdict(capsys, name, answer)


def inverse_of_cardinality(x):
    return relu(layers.Add()([block(x, groups=128 // 32), x]))


def without_groups(x):
    return relu(layers.Add()([block(x, groups=1), x]))


def too_wide(x):
    return relu(layers.Add()([block(x, width=256, groups=64), x]))


def relu_too_early(x):
    return layers.Add()([relu(block(x)), x])


def relu_twice(x):
    return relu(layers.Add()([relu(block(x)), x]))


def without_last_relu(x):
    return layers.Add()([block(x), x])


def without_shortcut(x):
    return relu(block(x))


def without_middle_relu(x):
    y = conv_norm(relu(conv_norm(x, 128, 1)), 128, 3, groups=32)
    return relu(layers.Add()([conv_norm(y, 256, 1), x]))


def with_bias(x):
    y = relu(layers.BatchNormalization()(layers.Conv2D(128, 1)(x)))
    y = relu(conv_norm(y, 128, 3, groups=32))
    return relu(layers.Add()([conv_norm(y, 256, 1), x]))


def half_the_size(x):
    return layers.MaxPooling2D()(grouped(x))


def not_addable(x):
    return layers.Add()([relu(conv_norm(x, 128, 1)), x])


def with_a_fourth_convolution(x):
    y = relu(conv_norm(relu(conv_norm(x, 100, 1)), 128, 1))
    y = relu(conv_norm(y, 128, 3, groups=32))
    return relu(layers.Add()([conv_norm(y, 256, 1), x]))


def without_expansion(x):
    y = relu(conv_norm(relu(conv_norm(x, 128, 1)), 128, 3, groups=32))
    return relu(layers.Add()([layers.Concatenate()([y, y]), x]))


def with_projection(x):
    return relu(layers.Add()([block(x), conv_norm(x, 256, 1)]))


def fails_with_numbers(x):
    return layers.Lambda(lambda z: 1 / 0 if tf.executing_eagerly() else z)(grouped(x))


def no_spatial_convolution(x):
    return relu(layers.Add()([conv_norm(relu(conv_norm(x, 128, 1)), 256, 1), x]))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (inverse_of_cardinality, "sees 32 channels"),
        (without_groups, "sees 128 channels"),
        (inverse_of_cardinality, "With 128 channels in 32 groups it sees 128 / 32 = 4"),
        (too_wide, "Your 3×3 has 256 filters; the middle of the block is 128 wide"),
        (with_a_fourth_convolution, "kernel of the shape (1, 1, 256, 100)"),
        (without_expansion, "The 1×1 convolutions don't fit a ResNeXt block"),
        (with_projection, "a projection costs weights for nothing"),
        (fails_with_numbers, "it fails when it gets numbers. ZeroDivisionError"),
        (relu_too_early, "The last ReLU comes too early"),
        (relu_twice, "a ReLU too many"),
        (without_last_relu, "The ReLU after the addition is missing"),
        (without_shortcut, "The shortcut is missing"),
        (without_middle_relu, "Check the order"),
        (with_bias, "has a bias"),
        (half_the_size, "must give back (6, 6, 256), and yours gives (3, 3, 256)"),
        (not_addable, "can't be built. ValueError"),
        (no_spatial_convolution, "no 3×3 convolution"),
        (lambda x: None, "returns nothing"),
        (lambda: None, "can't be built. TypeError"),
        (70_144, "the function itself"),
    ],
)
def test_wrong_blocks(capsys, answer, message):
    assert message in verdict(capsys, "04-repair", answer)


NAMES = ["04-params", "04-resnet", "04-width", "04-repair", "04-build", "04-diagnose"]


def always_same_shape(x, channels, width, groups, strides=1):
    y = relu(conv_norm(relu(conv_norm(x, width, 1)), width, 3, groups))
    return relu(layers.Add()([conv_norm(y, x.shape[-1], 1), x]))


def by_channels_alone(x, channels, width, groups, strides=1):
    """Forgets that a stride changes the shape too."""
    y = layers.ZeroPadding2D(1)(relu(conv_norm(x, width, 1)))
    y = GroupedConv2D(width, 3, groups=groups, strides=strides)(y)
    y = conv_norm(relu(layers.BatchNormalization()(y)), channels, 1)
    return relu(layers.Add()([y, to_shape(x, channels, 1)]))


def not_by_strides(x, channels, width, groups, strides=1):
    return with_course_layers(x, channels, width, groups)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (always_same_shape, "must give back (6, 6, 20)"),
        (by_channels_alone, "strides=2, width=8, groups=4: The block can't be built. The shape"),
        (not_by_strides, "must give back (3, 3, 20), and yours gives (6, 6, 20)"),
        (lambda x, channels, width, groups, strides: None, "returns nothing"),
        (lambda x: x, "can't be built. TypeError"),
        (lambda x, *numbers: x, "no 3×3 convolution"),
        ("my_block", "the function itself"),
    ],
)
def test_wrong_blocks_of_any_shape(capsys, answer, message):
    assert message in verdict(capsys, "04-build", answer)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("late binding", "a dictionary from letters to faults"),
        ({"G": "late binding"}, "a dictionary from letters to faults"),
        ({"A": "late"}, "'late' is none of the faults: early ReLU, "),
        ({"A": 3}, "3 is none of the faults"),
        ({"A": ["late binding"]}, "['late binding'] is none of the faults"),
        ({"B": None, "A": "early ReLU"}, "Block A isn't it: a block with 'early ReLU' gives neg"),
        ({"A": "same padding"}, "lets four output pixels see one and the same input pixel"),
        ({"A": "late binding", "E": "early ReLU"}, "still open: B, C, D, F"),
        ({}, "still open: A, B, C, D, E, F"),
    ],
)
def test_wrong_diagnoses(capsys, answer, message):
    assert message in verdict(capsys, "04-diagnose", answer)


def solved(name, **names):
    """What the printed solution defines when it is run."""
    code = exercises._find(name).solution
    lines = [line for line in code.splitlines() if line.startswith((" ", "def", "answer"))]
    exec("\n".join(lines), names)
    return names


def test_the_printed_solutions_are_right(capsys):
    assert ": right!" in verdict(capsys, "04-resnet", solved("04-resnet")["answer"])
    assert ": right!" in verdict(capsys, "04-width", solved("04-width")["width_for"])
    code = exercises._find("04-params").solution.splitlines()[0]
    assert ": right!" in verdict(capsys, "04-params", eval(code))

    def conv(x, filters, kernel_size, name, groups=1):
        return GroupedConv2D(filters, kernel_size, groups=groups, padding="same")(x)

    def norm(x, name):
        return layers.BatchNormalization()(x)

    my_block = solved("04-build", layers=layers)["my_block"]
    assert ": right!" in verdict(capsys, "04-build", my_block)
    lines = [line.split(": ") for line in exercises._find("04-diagnose").solution.splitlines()]
    diagnosis = {letter: rest.partition(".")[0] for letter, rest in lines}
    assert ": right!" in verdict(capsys, "04-diagnose", diagnosis)

    repaired = solved("04-repair", conv=conv, norm=norm, relu=relu, layers=layers)["repaired"]
    assert ": right!" in verdict(capsys, "04-repair", repaired)
