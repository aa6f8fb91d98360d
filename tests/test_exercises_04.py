"""The checkers of notebook 04 accept what is right, however written, and say what is wrong."""

import keras
import numpy as np
import pytest
from keras import layers

from resnext_helpers import exercises, models
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


def wrong_channels(x):
    return layers.Add()([relu(conv_norm(x, 128, 1)), x])


def no_spatial_convolution(x):
    return relu(layers.Add()([conv_norm(relu(conv_norm(x, 128, 1)), 256, 1), x]))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (inverse_of_cardinality, "sees 32 channels"),
        (without_groups, "sees 128 channels"),
        (too_wide, "have 140,288 weights; a 32×4d block has 70,144"),
        (relu_too_early, "The last ReLU comes too early"),
        (relu_twice, "a ReLU too many"),
        (without_last_relu, "The ReLU after the addition is missing"),
        (without_shortcut, "The shortcut is missing"),
        (without_middle_relu, "Check the order"),
        (with_bias, "has a bias"),
        (half_the_size, "must give back (8, 8, 256)"),
        (wrong_channels, "can't be built. ValueError"),
        (no_spatial_convolution, "no 3×3 convolution any more"),
        (lambda x: None, "can't be built"),
        (lambda: None, "can't be built. TypeError"),
        (70_144, "the function itself"),
    ],
)
def test_wrong_blocks(capsys, answer, message):
    assert message in verdict(capsys, "04-repair", answer)


@pytest.mark.parametrize("name", ["04-params", "04-resnet", "04-width", "04-repair"])
def test_unanswered_hints_and_solutions(capsys, name):
    assert "not answered yet" in verdict(capsys, name, None)
    exercises.hint(name)
    exercises.solution(name)
    assert "hint 1 of" in capsys.readouterr().out


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

    repaired = solved("04-repair", conv=conv, norm=norm, relu=relu, layers=layers)["repaired"]
    assert ": right!" in verdict(capsys, "04-repair", repaired)
