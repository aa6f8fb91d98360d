"""Every exercise: right answers pass however they are written, each mistake gets its own words."""

import functools
import itertools
import re
import statistics
import time
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from inspect import getsource

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from scipy.special import softmax
from sklearn.metrics import confusion_matrix, precision_score, recall_score
from sklearn.model_selection import train_test_split

from resnext_course import calibration, exercises
from resnext_course.exercises import evaluation as evaluation_exercises
from resnext_course.exercises import training, wrong_convolutions
from resnext_course.exercises.wrong_blocks import FAULTS, MYSTERIES, mystery_blocks
from resnext_helpers import counting, evaluation, models
from resnext_helpers.layers import GroupedConv2D
from resnext_helpers.settings import PROJECT

CELLS = {
    path.name[:2]: {cell.id: cell.source for cell in nbformat.read(path, 4).cells}
    for path in sorted((PROJECT / "notebooks").glob("0*.ipynb"))
}
RIGHT = None  # in the tables, in place of words from the message

# 01


def timer(*, warm_up=3, runs=20, wait=float, late=None, result=statistics.median):
    """A timing function with any of the usual mistakes."""

    def seconds_a_run(work, clock):
        for _ in range(warm_up):
            float(work())
        seconds = []
        for _ in range(runs):
            start = clock()
            done = wait(work())
            seconds.append(clock() - start)
            if late:
                late(done)
        return result(seconds)

    return seconds_a_run


def one_clock(warm_up, wait=float):
    """The clock is read twice, round all runs."""

    def seconds_a_run(work, clock):
        for _ in range(warm_up):
            float(work())
        start = clock()
        for _ in range(20):
            wait(work())
        return (clock() - start) / 20

    return seconds_a_run


def own_clock(work, clock):
    start = time.perf_counter()
    float(work())
    return time.perf_counter() - start


def unchanged(result):
    return result


ROWS_01 = [
    ("01-order", "e, d, b, c, a", RIGHT),
    ("01-order", ["E", "D", "B", "C", "A"], RIGHT),
    ("01-order", "DEBCA", "before its import"),
    ("01-order", "EBDCA", "only D imports it"),
    ("01-order", "EDCBA", "only B makes it"),
    ("01-order", "EDBAC", "the first computation"),
    ("01-order", "EDBC", "each of the letters"),
    ("01-order", "EDBCAA", "each of the letters"),
    ("01-minutes", 720, "seconds"),
    ("01-minutes", 0.2, "hours"),
    ("01-minutes", 1.2, "one epoch"),
    ("01-minutes", 432, "must take less time"),
    ("01-minutes", 13, "Count all photographs"),
    ("01-batch", 53, "subtract it"),
    ("01-batch", 8000 / 150, "subtract it"),
    ("01-batch", 56, "less left"),
    ("01-batch", 14, "not for each photograph"),
    ("01-batch", 51, "8050 MB"),
    ("01-batch", 7600 / 150, "whole photographs"),
    ("01-batch", 32, "32 photographs fit"),
    ("01-batch", 48, "48 photographs fit"),
    ("01-batch", 7, "How much memory is left"),
    ("01-loss-scale", lambda g, s: np.float32(np.float16(np.float32(g) * s)) / s, RIGHT),
    ("01-loss-scale", lambda g, s: float(tf.cast(g * s, tf.float16)) / s, RIGHT),
    ("01-loss-scale", lambda g, s: g, "never was float16"),
    ("01-loss-scale", lambda g, s: tf.cast(g, tf.float16), "returns float16"),
    ("01-loss-scale", lambda g, s: tf.cast(tf.cast(g, tf.float16), tf.float32) * s / s, "as 0"),
    ("01-loss-scale", lambda g, s: tf.cast(tf.cast(g * s, "float16"), "float32"), "too large"),
    ("01-loss-scale", lambda g, s: tf.cast(tf.cast(g / s, "float16"), "float32"), "as 0"),
    ("01-loss-scale", lambda g, s: None, "Is there a return?"),
    ("01-loss-scale", lambda g: g, "TypeError"),
    ("01-loss-scale", 1e-8, "the function itself"),
    ("01-loss-scale", lambda g, s: g * 3.3, "nearly the same"),
    ("01-timer", timer(), RIGHT),
    ("01-timer", timer(warm_up=0), RIGHT),  # a median of many runs doesn't see the slow ones
    ("01-timer", timer(wait=np.asarray), RIGHT),
    ("01-timer", timer(wait=int), RIGHT),
    ("01-timer", timer(wait=lambda result: result.numpy()), RIGHT),
    ("01-timer", timer(wait=tf.reduce_sum, result=min), RIGHT),  # nothing makes a run too fast
    ("01-timer", one_clock(0, wait=unchanged), "only the start of a run"),
    ("01-timer", timer(wait=unchanged), "only the start of a run"),
    ("01-timer", timer(wait=unchanged, late=float), "only the start of a run"),
    ("01-timer", timer(warm_up=0, runs=6, result=statistics.mean), "slow first runs"),
    ("01-timer", timer(warm_up=1, result=statistics.mean), "slow first runs"),
    ("01-timer", one_clock(0), "slow first runs"),
    ("01-timer", timer(result=statistics.mean), "disturbed runs"),
    ("01-timer", one_clock(5), "disturbed runs"),
    ("01-timer", timer(result=max), "disturbed runs"),
    ("01-timer", timer(warm_up=1, runs=5, result=max), "a slow first run"),
    ("01-timer", timer(warm_up=0, runs=1), "runs the work once"),
    ("01-timer", timer(warm_up=1, runs=1), "runs the work 2 times"),
    ("01-timer", timer(result=sum), "all runs together"),
    ("01-timer", timer(result=lambda all: 1000 * statistics.median(all)), "milliseconds"),
    ("01-timer", timer(result=lambda all: -all[-1]), "less than 0"),
    ("01-timer", timer(result=lambda all: 70 * all[0]), "just before and just after"),
    ("01-timer", lambda work, clock: clock(), "call work()"),
    ("01-timer", own_clock, "call clock() twice"),
    ("01-timer", timer(result=list), "must be one number"),
    ("01-timer", lambda work: 1.0, "TypeError"),
]

# 02


def by_counter(labels, fraction, seed):
    """In plain Python: the lots decide, and each class stops when it has enough."""
    chance = np.random.default_rng(seed)
    wanted = {label: round(fraction * count) for label, count in Counter(labels).items()}
    kept = set()
    for position in chance.permutation(len(labels)):
        if wanted[labels[position]] > 0:
            wanted[labels[position]] -= 1
            kept.add(position)
    return kept


def by_scikit_learn(labels, fraction, seed):
    positions = np.arange(len(labels))
    return train_test_split(positions, test_size=fraction, stratify=labels, random_state=seed)[1]


def each_class(choose):
    """A split that lets ``choose(members, share, chance)`` take from each class."""

    def keep_back(labels, fraction, seed):
        chance, kept = np.random.default_rng(seed), []
        for label in sorted(set(labels)):
            members = np.flatnonzero(np.array(labels) == label)
            kept += list(choose(members, round(fraction * len(members)), chance))
        return kept

    return keep_back


def seeded(seed):
    return each_class(
        lambda members, share, _: np.random.default_rng(seed).permutation(members)[:share]
    )


def mask(labels, fraction, seed):
    kept = np.zeros(len(labels), bool)
    kept[list(by_counter(labels, fraction, seed))] = True
    return kept


SAME_VARIATIONS = "variations are the same in every epoch"
ROWS_02 = [
    ("02-scale", 2.25, RIGHT),
    ("02-scale", 1, "still missing"),
    ("02-scale", 0.515, "mean is taken away"),
    ("02-scale", (255 - 0.485) / 0.229, "Divide by 255 first"),
    ("02-scale", 255 / 0.229, "Divide by 255 first"),
    ("02-scale", 1 - 0.485 / 0.229, "brackets"),
    ("02-scale", (1 - 0.456) / 0.224, "green"),
    ("02-scale", (1 - 0.406) / 0.225, "blue"),
    ("02-scale", 7, "Three steps"),
    ("02-baseline", 0.265, RIGHT),
    ("02-baseline", 143, "That many are right"),
    ("02-baseline", 26.5, "per cent"),
    ("02-baseline", 0.25, "1/4"),
    ("02-baseline", 129 / 540, "rarest"),
    ("02-baseline", 397 / 540, "wrong answers"),
    ("02-baseline", 0.9, "Photographs of the most frequent"),
    ("02-leak", "d, c, b", RIGHT),
    ("02-leak", {"D", "B", "C"}, RIGHT),
    ("02-leak", "ABCD", "A doesn't leak"),
    ("02-leak", "CD", "B leaks"),
    ("02-leak", "BD", "C leaks"),
    ("02-leak", "BC", "D leaks"),
    ("02-leak", "BCDE", "E doesn't leak"),
    ("02-leak", "BCDX", "letters of the ways"),
    ("02-leak", 3, "letters of the ways"),
    ("02-shuffle", lambda d: d.shuffle(len(d)).batch(8), RIGHT),
    ("02-shuffle", lambda d: d.cache().shuffle(1000, seed=1).batch(8).prefetch(2), RIGHT),
    ("02-shuffle", lambda d: d, "single"),
    ("02-shuffle", lambda d: d.batch(8), "Nothing is shuffled"),
    ("02-shuffle", lambda d: d.batch(8).shuffle(42), "before batch()"),
    ("02-shuffle", lambda d: d.shuffle(64).batch(8).cache().shuffle(1000), "before batch()"),
    ("02-shuffle", lambda d: d.shuffle(42).cache().batch(8), "order is the same"),
    (
        "02-shuffle",
        lambda d: d.shuffle(42, reshuffle_each_iteration=False).batch(8),
        "order is the same",
    ),
    ("02-shuffle", lambda d: d.shuffle(4).batch(8), "only move a little"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(7), "have 7 elements"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(42), "have 42 elements"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8, drop_remainder=True), "40 of 42"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8).batch(8), "batches of batches"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8).repeat(), "It never ends"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8).repeat(2), "more than once an epoch"),
    ("02-shuffle", lambda d: d.map(lambda x: 0 * x).shuffle(42).batch(8), "1 of 42"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8).map(tf.as_string), "keep the elements"),
    ("02-shuffle", lambda d: None, "return a dataset"),
    ("02-shuffle", lambda d: d.shufle(42), "AttributeError"),
    ("02-shuffle", tf.data.Dataset.range(3), "the function itself"),
    ("02-split", by_counter, RIGHT),
    ("02-split", by_scikit_learn, RIGHT),
    ("02-split", lambda *given: tf.constant(by_scikit_learn(*given)), RIGHT),
    ("02-split", lambda labels, fraction, seed: list(range(80, 100)), "cut each class by itself"),
    ("02-split", each_class(lambda all, share, chance: chance.permutation(all)[:5]), "same number"),
    (
        "02-split",
        each_class(lambda all, share, chance: chance.permutation(all)[: len(all) // 2]),
        "How many are the given fraction",
    ),
    ("02-split", each_class(lambda all, share, chance: all[:share]), "the first or the last"),
    ("02-split", each_class(lambda all, share, chance: all[-share:]), "the first or the last"),
    ("02-split", seeded(None), "The same seed gives another draw"),
    ("02-split", seeded(7), "Another seed gives the same draw"),
    (
        "02-split",
        each_class(lambda all, share, chance: chance.permutation(all)[share:]),
        "the photographs for training",
    ),
    ("02-split", each_class(lambda all, share, chance: [all[0]] * share), "more than once"),
    ("02-split", lambda labels, fraction, seed: labels[:20], "more than once"),
    ("02-split", lambda labels, fraction, seed: range(81, 101), "count from 0"),
    ("02-split", lambda labels, fraction, seed: (labels[20:], labels[:20]), "two parts"),
    ("02-split", mask, "np.flatnonzero"),
    ("02-split", lambda labels, fraction, seed: [0.5, 1.5, 2.5], "whole numbers"),
    ("02-split", lambda labels, fraction, seed: 20, "must be a list"),
    ("02-split", lambda labels, fraction, seed: None, "end it with return"),
    ("02-split", lambda labels, fraction: [], "TypeError"),
    ("02-split", [1, 2, 3], "the function itself"),
    ("02-repair", lambda d, vary: d.cache().shuffle(1000).batch(8).map(vary).prefetch(2), RIGHT),
    ("02-repair", lambda d, vary: d.cache().map(vary).shuffle(len(d)).batch(8), RIGHT),
    ("02-repair", lambda d, vary: d.map(vary).cache().shuffle(42).batch(8), SAME_VARIATIONS),
    ("02-repair", lambda d, vary: d.shuffle(42).map(vary).batch(8).cache(), SAME_VARIATIONS),
    ("02-repair", lambda d, vary: d.cache().map(vary).batch(8).shuffle(3), "before batch()"),
    ("02-repair", lambda d, vary: d.cache().shuffle(3).map(vary).batch(8), "only move a little"),
    ("02-repair", lambda d, vary: d.shuffle(42).cache().map(vary).batch(8), "order is the same"),
    ("02-repair", lambda d, vary: d.cache().map(vary).batch(8), "Nothing is shuffled"),
    ("02-repair", lambda d, vary: d.cache().shuffle(42).batch(8), "Nothing is varied"),
    ("02-repair", lambda d, vary: d.shuffle(42).map(vary).batch(8), "read again in each epoch"),
    ("02-repair", lambda d, vary: d.take(0).batch(8).map(vary), "0 of 42 elements come"),
    ("02-repair", lambda d: d, "TypeError"),
]

# 03


def split_and_join(x, kernel, groups, convolve):
    parts, kernels = ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1)
    return ops.concatenate(list(map(convolve, parts, kernels)), axis=-1)


def by_slices_in_numpy(x, kernel, groups, convolve):
    """Written into an array of zeros, and with another result type than a tensor."""
    x, kernel = ops.convert_to_numpy(x), ops.convert_to_numpy(kernel)
    width, filters = x.shape[-1] // groups, kernel.shape[-1] // groups
    result = np.zeros((*x.shape[:3], kernel.shape[-1]))
    for g in range(groups):
        mine = slice(g * filters, (g + 1) * filters)
        result[..., mine] = convolve(x[..., g * width : (g + 1) * width], kernel[..., mine])
    return result


def by_zeros(x, kernel, groups, convolve):
    """One standard convolution whose kernel is block-diagonal: way 2 of the notebook."""
    kernel = ops.convert_to_numpy(kernel)
    width, filters = kernel.shape[2], kernel.shape[-1] // groups
    wide = np.zeros((3, 3, width * groups, filters * groups), "float32")
    for g in range(groups):
        mine = slice(g * filters, (g + 1) * filters)
        wide[:, :, g * width : (g + 1) * width, mine] = kernel[..., mine]
    return convolve(x, wide)


def with_keras_layer(x, kernel, groups, convolve):
    return ops.conv(x, kernel, padding="same")


def one_kernel_for_all(x, kernel, groups, convolve):
    first = ops.split(kernel, groups, axis=-1)[0]
    return split_and_join(x, ops.concatenate([first] * groups, axis=-1), groups, convolve)


def all_filters_for_each(x, kernel, groups, convolve):
    return ops.concatenate([convolve(p, kernel) for p in ops.split(x, groups, axis=-1)], axis=-1)


def last_group_only(x, kernel, groups, convolve):
    return split_and_join(x, kernel, groups, convolve)[..., -(kernel.shape[-1] // groups) :]


def first_group_twice(x, kernel, groups, convolve):
    parts = ops.split(x, groups, axis=-1)
    early = ops.concatenate([parts[max(g - 1, 0)] for g in range(groups)], axis=-1)
    return split_and_join(early, kernel, groups, convolve)


def parts_of_two_groups_meet(x, kernel, groups, convolve):
    kernels = ops.split(kernel, groups, axis=-1)[::-1]
    return split_and_join(x, ops.concatenate(kernels, axis=-1), groups, convolve)


def kernel_split_at_its_third_axis(x, kernel, groups, convolve):
    parts, kernels = ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=2)
    return ops.concatenate(list(map(convolve, parts, kernels)), axis=-1)


def joined_at_the_wrong_axis(x, kernel, groups, convolve):
    results = ops.split(split_and_join(x, kernel, groups, convolve), groups, axis=-1)
    return ops.concatenate(results, axis=1)


def only_for_as_many_filters_as_channels(x, kernel, groups, convolve):
    width = x.shape[-1] // groups
    slices = [slice(g * width, (g + 1) * width) for g in range(groups)]
    return ops.concatenate([convolve(x[..., s], kernel[..., s]) for s in slices], axis=-1)


def only_with_groups(x, kernel, groups, convolve):
    return split_and_join(x, kernel, groups, convolve) * (groups > 1)


SUSPECTS = wrong_convolutions.DIAGNOSES
OTHERS = {letter: "right" if name != "right" else "mixed" for letter, name in SUSPECTS.items()}
ROWS_03 = [
    ("03-parameters", 589_824, "standard convolution"),
    ("03-parameters", 18_688, "256 biases"),
    ("03-parameters", 576, "one group alone"),
    ("03-parameters", 2048, "3 pixels high"),
    ("03-parameters", 73_728, "32 is the number of groups"),
    ("03-parameters", 17, "Think of one filter"),
    ("03-who-sees", {8, 9, 10, 11, 12, 13, 14, 15}, RIGHT),
    ("03-who-sees", np.arange(8, 16), RIGHT),
    ("03-who-sees", [15, 14, 13, 12, 11, 10, 9, 8.0], RIGHT),
    ("03-who-sees", [4, 5, 6, 7], "input channels of the right group"),
    ("03-who-sees", range(9, 17), "counted from 1"),
    ("03-who-sees", range(16, 24), "one group too far"),
    ("03-who-sees", range(128), "standard convolution"),
    ("03-who-sees", [8, 9], "more than 2"),
    ("03-who-sees", [], "First find the group"),
    ("03-who-sees", range(8, 17), "First find the group"),
    ("03-who-sees", itertools.count(), "First find the group"),
    ("03-who-sees", 8, "must be a list of numbers"),
    ("03-who-sees", "8-15", "must be a list of numbers"),
    ("03-who-sees", [8.5], "list of whole numbers"),
    ("03-who-sees", [None], "must be one number"),
    ("03-who-sees", np.eye(3), "must be one number"),
    ("03-dead-channels", (11, 10), RIGHT),
    ("03-dead-channels", [11, 12], "count the channels from 0"),
    ("03-dead-channels", range(10), "that live"),
    ("03-dead-channels", [3, 6], "Two groups read these"),
    ("03-dead-channels", set(), "There are some"),
    ("03-dead-channels", [8, 9, 10, 11], "which rows"),
    ("03-diagnose", {letter.lower(): name.upper() for letter, name in SUSPECTS.items()}, RIGHT),
    ("03-diagnose", "right", "The answer is a dictionary"),
    ("03-diagnose", {"H": "right"}, "no 'H'"),
    ("03-diagnose", {"A": "broken"}, "'broken' is none of the faults"),
    ("03-diagnose", {"A": ["mixed"]}, "['mixed'] is none of the faults"),
    ("03-diagnose", {"A": "mixed", "E": "right", "B": None}, "These are left: B, C, D, F, G."),
    ("03-diagnose", SUSPECTS | {"A": OTHERS["A"]}, "input 0 feeds the outputs 0, 3, 6 and 9"),
    ("03-diagnose", SUSPECTS | {"B": OTHERS["B"]}, "How many rows of its table hold no True"),
    ("03-diagnose", SUSPECTS | {"C": OTHERS["C"]}, "probe finds nothing wrong with it"),
    ("03-diagnose", SUSPECTS | {"D": OTHERS["D"]}, "count how many inputs one output reads"),
    ("03-diagnose", SUSPECTS | {"E": OTHERS["E"]}, "Its table is as it should be"),
    ("03-diagnose", SUSPECTS | {"F": OTHERS["F"]}, "which hold twice as many as they should"),
    ("03-diagnose", SUSPECTS | {"G": OTHERS["G"]}, "which outputs do the inputs 0 to 3 feed"),
    ("03-by-hand", split_and_join, RIGHT),
    ("03-by-hand", by_slices_in_numpy, RIGHT),
    ("03-by-hand", by_zeros, RIGHT),
    ("03-by-hand", wrong_convolutions.last_for_all, "Every group reads the same channels"),
    ("03-by-hand", wrong_convolutions.swapped, "3 is the number of groups: the two are swapped"),
    ("03-by-hand", wrong_convolutions.one_twice, "Part 3 of x is read by more than one group"),
    ("03-by-hand", wrong_convolutions.wrong_order, "your result begins with group 3"),
    ("03-by-hand", wrong_convolutions.mixed, "the groups are mixed"),
    ("03-by-hand", wrong_convolutions.wrong_axis, "each group's filters are a mixture"),
    ("03-by-hand", kernel_split_at_its_third_axis, "Its third axis holds the channels of one"),
    ("03-by-hand", first_group_twice, "Part 1 of x is read by more than one group, and part 3 by"),
    ("03-by-hand", one_kernel_for_all, "Every group uses the same filters"),
    ("03-by-hand", all_filters_for_each, "Each group uses all filters"),
    ("03-by-hand", last_group_only, "concatenate the results of all groups"),
    ("03-by-hand", parts_of_two_groups_meet, "Part 1 of x meets part 3 of the kernel"),
    ("03-by-hand", with_keras_layer, "never called convolve"),
    ("03-by-hand", lambda x, kernel, groups, convolve: convolve(x, kernel), "got all channels"),
    (
        "03-by-hand",
        lambda x, kernel, groups, convolve: convolve(x[..., : kernel.shape[2] - 1], kernel),
        "convolve got 5 channels of x, but a kernel for 6 channels",
    ),
    ("03-by-hand", joined_at_the_wrong_axis, "shape is (2, 15, 6, 12), and it should be (2, 5, 6"),
    ("03-by-hand", only_for_as_many_filters_as_channels, "shape is (2, 5, 6, 18)"),
    ("03-by-hand", lambda *given: 2 * split_and_join(*given), "the numbers aren't"),
    ("03-by-hand", only_with_groups, "the numbers aren't"),
    ("03-by-hand", lambda x, kernel, groups, convolve: None, "returned None"),
    ("03-by-hand", lambda x, kernel, groups, convolve: [[1], [2, 3]], "stops with ValueError"),
    ("03-by-hand", lambda x, kernel, groups: x, "stops with TypeError"),
]

# 04


def relu(x):
    return layers.ReLU()(x)


def conv_norm(x, filters, kernel_size, **options):
    x = GroupedConv2D(filters, kernel_size, **{"groups": 1, "padding": "same"} | options)(x)
    return layers.BatchNormalization()(x)


def main_path(x, width=128, groups=32):
    y = relu(conv_norm(relu(conv_norm(x, width, 1)), width, 3, groups=groups))
    return conv_norm(y, 256, 1)


def to_shape(x, channels, strides):
    """The shortcut, as one layer of several."""
    if strides == 1 and x.shape[-1] == channels:
        return x
    convolution = layers.Conv2D(channels, 1, strides=strides, use_bias=False)
    return keras.Sequential([convolution, layers.BatchNormalization()])(x)


def with_keras_alone(x, n, w, g, s=1):
    """Other names, the shortcut first, ops in place of layers, and another epsilon."""
    shortcut = x
    if s != 1 or x.shape[-1] != n:
        shortcut = layers.Conv2D(n, 1, s, use_bias=False)(x)
        shortcut = layers.BatchNormalization(epsilon=1e-3)(shortcut)
    y = layers.Dense(w, use_bias=False, kernel_initializer="zeros")(x)  # a 1×1 convolution
    y = ops.relu(layers.BatchNormalization(scale=False, center=False)(y))
    y = ops.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = layers.Conv2D(w, 3, strides=s, groups=g, use_bias=False)(y)
    y = keras.activations.relu(layers.BatchNormalization()(y))
    y = layers.Conv2D(n, 1, use_bias=False)(y)
    return ops.maximum(layers.BatchNormalization(gamma_initializer="zeros")(y) + shortcut, 0)


def with_bound_lambdas(x, channels, width, groups, strides=1):
    y = layers.ZeroPadding2D(1)(relu(conv_norm(x, width, 1)))
    parts, d = [], width // groups
    for g in range(groups):
        part = layers.Lambda(lambda z, g=g: z[..., g * d : g * d + d])(y)
        parts.append(layers.Conv2D(d, 3, strides, use_bias=False)(part))
    y = relu(layers.BatchNormalization()(layers.Concatenate()(parts)))
    return relu(layers.Add()([conv_norm(y, channels, 1), to_shape(x, channels, strides)]))


def paths(x, width, groups, strides):
    for _ in range(groups):
        y = layers.ZeroPadding2D()(relu(conv_norm(x, width // groups, 1)))
        yield relu(conv_norm(y, width // groups, 3, strides=strides, padding="valid"))


def in_summed_paths(x, channels, width, groups, strides=1):
    """Figure 3 (a)."""
    one = layers.Conv2D
    ends = [one(channels, 1, use_bias=False)(y) for y in paths(x, width, groups, strides)]
    total = layers.BatchNormalization()(layers.Add()(ends))
    return relu(total + to_shape(x, channels, strides))


def helper(x, channels, width, groups, strides=1):
    numbers = {"channels": channels, "width": width, "groups": groups, "strides": strides}
    return models.block(x, **numbers, name="block")


def always_same_shape(x, channels, width, groups, strides=1):
    y = relu(conv_norm(relu(conv_norm(x, width, 1)), width, 3, groups=groups))
    return relu(layers.Add()([conv_norm(y, x.shape[-1], 1), x]))


def by_channels_alone(x, channels, width, groups, strides=1):
    """Forgets that a stride changes the shape too."""
    y = layers.ZeroPadding2D(1)(relu(conv_norm(x, width, 1)))
    y = relu(conv_norm(y, width, 3, groups=groups, strides=strides, padding="valid"))
    return relu(layers.Add()([conv_norm(y, channels, 1), to_shape(x, channels, 1)]))


def without_middle_relu(x, channels, width, groups, strides=1):
    y = conv_norm(relu(conv_norm(x, width, 1)), width, 3, groups=groups)
    return relu(layers.Add()([conv_norm(y, channels, 1), x]))


def with_bias(x):
    return relu(layers.Add()([main_path(layers.Conv2D(256, 1)(x)), x]))


def with_a_fourth_convolution(x):
    return relu(layers.Add()([main_path(conv_norm(x, 100, 1)), x]))


def without_expansion(x):
    y = relu(conv_norm(relu(conv_norm(x, 128, 1)), 128, 3, groups=32))
    return relu(layers.Add()([layers.Concatenate()([y, y]), x]))


def fails_with_numbers(x):
    y = layers.Lambda(lambda z: 1 / 0 if tf.executing_eagerly() else z)(main_path(x))
    return relu(layers.Add()([y, x]))


def nearest_width(cardinality):
    """The root of 9·d² + 512·d = 69,632 / C, and then the better neighbour."""
    exact = (-512 + (512**2 + 36 * 69_632 / cardinality) ** 0.5) / 18
    down, up = np.floor(exact), np.ceil(exact)
    missing = [abs(cardinality * (512 * d + 9 * d**2) - 69_632) for d in (down, up)]
    return down if missing[0] <= missing[1] else up


ROWS_04 = [
    ("04-params", 64 * (256 * 4 + 9 * 4**2 + 4 * 256.0), RIGHT),
    ("04-params", 70_144, "That is the 32×4d block"),
    ("04-params", 720_896, "ordinary 3×3"),
    ("04-params", 141_824, "batch norms too"),
    ("04-params", 2_192, "That is one path"),
    ("04-params", 9_216, "the 3×3 alone"),
    ("04-params", 132_096, "9 numbers for each channel"),
    ("04-params", 1_000, "Count one path first"),
    ("04-resnet", {"width": np.int64(64), "groups": 1.0}, RIGHT),
    ("04-resnet", (1, 64), "a dictionary"),
    ("04-resnet", {"groups": 1}, "a dictionary"),
    ("04-resnet", {"groups": 1, "width": "64"}, "width must be one number, without quotes"),
    ("04-resnet", {"groups": 0, "width": 64}, "at least 1, and at most 256"),
    ("04-resnet", {"groups": 1, "width": 10**9}, "at least 1, and at most 256"),
    ("04-resnet", {"groups": 3, "width": 64}, "can't be divided into 3 equal groups"),
    ("04-resnet", {"groups": 32, "width": 128}, "70,144 weights, the ResNet block 69,632, and in"),
    ("04-resnet", {"groups": 1, "width": 128}, "212,992 weights, the ResNet block 69,632: the"),
    ("04-width", nearest_width, RIGHT),
    ("04-width", 4, "the function itself"),
    ("04-width", lambda c: None, "width_for(1) must be one number, and it is None. Is there a"),
    ("04-width", lambda c: 1 / 0, "width_for(1) stops with ZeroDivisionError"),
    ("04-width", lambda c: 64 // c, "keeps C·d at 64"),
    ("04-width", lambda c: c * nearest_width(c), "the width C·d of all groups"),
    ("04-width", lambda c: nearest_width(c) - (c > 1), "its neighbour comes nearer"),
    ("04-width", lambda c: nearest_width(c) + 0.25, "channels are whole"),
    ("04-width", {1: 64, 2: 40, 4: 24, 8: 14, 32: 4}.get, "width_for(16)"),
    ("04-width", lambda c: 5 * nearest_width(c), "far from 69,632 weights"),
    ("04-repair", lambda x: relu(main_path(x) + x), RIGHT),
    ("04-repair", lambda x: relu(layers.Add()([main_path(x, groups=4), x])), "sees 32 channels"),
    ("04-repair", lambda x: relu(layers.Add()([main_path(x, groups=1), x])), "sees 128 channels"),
    (
        "04-repair",
        lambda x: relu(layers.Add()([main_path(x, width=256, groups=64), x])),
        "Your 3×3 has 256 filters; the middle of the block is 128 wide",
    ),
    ("04-repair", with_a_fourth_convolution, "kernel of the shape (1, 1, 256, 100)"),
    ("04-repair", without_expansion, "The 1×1 convolutions don't fit a ResNeXt block"),
    (
        "04-repair",
        lambda x: relu(layers.Add()([main_path(x), conv_norm(x, 256, 1)])),
        "a projection costs weights for nothing",
    ),
    ("04-repair", fails_with_numbers, "with numbers it stops with ZeroDivisionError"),
    *(
        ("04-repair", lambda x, block=FAULTS[name].block: block(x, 256, 128, 32), message)
        for name, message in {
            "early ReLU": "The last ReLU comes too early",
            "no last ReLU": "The ReLU after the addition is missing",
            "ReLU twice": "a ReLU too many",
            "no shortcut": "The shortcut is missing",
        }.items()
    ),
    ("04-build", without_middle_relu, "Check the order"),
    ("04-repair", with_bias, "has a bias"),
    ("04-repair", lambda x: layers.MaxPooling2D()(x), "back (6, 6, 256), and yours gives (3, 3"),
    ("04-repair", lambda x: layers.Add()([conv_norm(x, 128, 1), x]), "stops with ValueError"),
    ("04-repair", lambda x: relu(x), "no 3×3 convolution"),
    ("04-repair", lambda x: None, "returns nothing"),
    ("04-repair", lambda: None, "stops with TypeError"),
    ("04-repair", 70_144, "the function itself"),
    ("04-build", with_keras_alone, RIGHT),
    ("04-build", with_bound_lambdas, RIGHT),
    ("04-build", in_summed_paths, RIGHT),
    ("04-build", helper, RIGHT),
    *(("04-build", fault.block, fault.message) for fault in FAULTS.values()),
    ("04-build", always_same_shape, "must give back (6, 6, 20)"),
    ("04-build", by_channels_alone, "strides=2, width=8, groups=2: The block can't be built. The"),
    ("04-build", lambda x, *numbers: x, "no 3×3 convolution"),
    ("04-build", "my_block", "the function itself"),
    ("04-diagnose", {letter.lower(): name.lower() for letter, name in MYSTERIES.items()}, RIGHT),
    ("04-diagnose", {"A": "late"}, "'late' is none"),
    ("04-diagnose", {"A": ["late binding"]}, "['late binding'] is none of the faults"),
    ("04-diagnose", {"B": None, "A": "early ReLU"}, "A is not 'early ReLU'. A block with 'early"),
    ("04-diagnose", {"A": "same padding"}, "lets four output pixels see one and the same input"),
    ("04-diagnose", {"A": "late binding", "E": "early ReLU"}, "These are left: B, C, D, F"),
]

# 05


def network(shape=(224, 224, 3), classes=1000):
    inputs = keras.Input(shape)
    pooled = layers.GlobalAveragePooling2D()(inputs)
    return keras.Model(inputs, layers.Dense(classes)(pooled))


def wrong_cost(n, a, b, w, g, size, s, *, projections=1, early=False, alike=False, keep=False):
    """A stack's multiply-adds, with one mistake."""
    total, left = 0, size if keep else size // s
    for block in range(n):
        entering, before = (a, size) if alike or not block else (b, left)
        total += entering * w * (left if early else before) ** 2
        total += (9 * w * w // g + w * b) * left**2
        if alike or block < projections:
            total += entering * b * left**2
    return total


def with_cost(**mistake):
    return functools.partial(wrong_cost, **mistake)


def recursive_stack(x, number_of_blocks, *, channels, width, groups, strides, name):
    form = {"channels": channels, "width": width, "groups": groups}
    if number_of_blocks > 1:
        x = recursive_stack(x, number_of_blocks - 1, **form, strides=strides, name=name)
        strides = 1
    return models.block(x, **form, strides=strides, name=f"{name}-{number_of_blocks}")


def stack(before=0, strides_at=0, more=0, **other):
    """A stack with blocks before the loop, another place for the stride, or other arguments."""

    def my_stack(x, number_of_blocks, *, strides, name, **form):
        form |= {key: change(form) for key, change in other.items()}
        for i in range(number_of_blocks + before):
            step = strides if strides_at in (i, "all") or i - number_of_blocks == strides_at else 1
            x = models.block(x, **form, strides=step, name=f"{name}_{i}")
        return layers.Conv2D(32, 1)(x) if more else x

    return my_stack


def side_by_side(x, number_of_blocks, *, name, **form):
    return [models.block(x, **form, name=f"{name}_{i}") for i in range(number_of_blocks)][-1]


def one_name(x, number_of_blocks, *, strides, name, **form):
    for i in range(number_of_blocks):
        x = models.block(x, **form, strides=1 if i else strides, name=name)
    return x


def classifier(inputs, features, num_classes, learning_rate, *, softmax=False, **options):
    x = layers.GlobalAveragePooling2D()(features)
    activation = "softmax" if softmax else None
    model = keras.Model(inputs, layers.Dense(num_classes, activation=activation)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not softmax)
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(**{"optimizer": optimizer, "loss": loss, "metrics": ["accuracy"]} | options)
    return model


def compiled(**options):
    return functools.partial(classifier, **options)


def scheduled(inputs, features, num_classes, learning_rate):
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, 100)
    return classifier(inputs, features, num_classes, 0.1, optimizer=keras.optimizers.SGD(schedule))


SPARSE = "sparse_categorical_crossentropy"
FROM_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
ROWS_05 = [
    ("05-blocks", 5, "Is there a block before the loop?"),
    ("05-blocks", 7, "One call of block() before the loop"),
    ("05-depth", np.array([3, 4, 6, 3]), RIGHT),
    ("05-depth", [2, 3, 5, 2], "These are the loops of the article"),
    ("05-depth", [3, 4, 5, 3], "= 47 layers with weights"),
    ("05-depth", [4, 4, 4, 4], "shares the blocks differently"),
    ("05-depth", [16], "as a list"),
    ("05-depth", 50, "must be a list"),
    ("05-resnet", network(), "It has 4,000 parameters"),
    ("05-resnet", network(classes=4), "4 classes"),
    ("05-resnet", network((64, 64, 3)), "(64, 64, 3)"),
    ("05-resnet", 50, "no Keras model"),
    ("05-field", 427, "with the stride in the 3×3"),
    ("05-field", 493, "you moved the stem's strides too"),
    ("05-field", 500, "makes the longer steps already"),
    ("05-cost", lambda *stack: float(wrong_cost(*stack)), RIGHT),
    ("05-cost", with_cost(projections=0), "the projection"),
    ("05-cost", with_cost(projections=99), "the others' is the identity"),
    ("05-cost", lambda n, a, b, w, g, *rest: wrong_cost(n, a, b, w, 1, *rest), "width / groups"),
    ("05-cost", with_cost(early=True), "still works on the large map"),
    ("05-cost", with_cost(keep=True), "The map gets smaller"),
    ("05-cost", with_cost(alike=True), "Only the first block gets in_channels"),
    ("05-cost", lambda n, *rest: wrong_cost(1, *rest), "That is one block"),
    ("05-cost", lambda *stack: wrong_cost(*stack[:5], 1, 1), "Those are the weights"),
    ("05-cost", lambda *stack: 2 * wrong_cost(*stack), "not as two"),
    ("05-cost", lambda *stack: 1 + wrong_cost(*stack), "one by one"),
    (
        "05-cost",
        lambda *stack: wrong_cost(*stack[:4], max(8, stack[4]), *stack[5:]),
        "one by one",
    ),
    ("05-cost", lambda *stack: None, "Is there a return?"),
    ("05-cost", 25, "the function itself"),
    ("05-stack", recursive_stack, RIGHT),
    ("05-stack", stack(before=1), "is there a block outside the loop?"),
    ("05-stack", stack(before=2), "it makes 5."),
    ("05-stack", stack(strides_at="all"), "every block strides, and only one should"),
    ("05-stack", stack(strides_at=None), "32×32 becomes 32×32, and should become 16×16"),
    ("05-stack", stack(strides_at=-1), "a later block strides"),
    ("05-stack", side_by_side, "each must go on from the last"),
    ("05-stack", stack(groups=lambda form: 1), "3×3 convolutions have [1, 1, 1]"),
    ("05-stack", stack(width=lambda form: 32), "blocks are [32, 32, 32] wide inside"),
    ("05-stack", stack(width=lambda form: 4, groups=lambda form: 16), "it stops with ValueError"),
    ("05-stack", one_name, "two blocks have the same name"),
    ("05-stack", lambda x, count, **form: None, "should be return x"),
    ("05-stack", stack(channels=lambda form: 128), "128 channels leave it, not 32"),
    ("05-stack", stack(more=1), "and a stack of such blocks has"),
    ("05-stack", lambda x, count, **form: layers.Flatten()(x), "it makes 0."),
    ("05-stack", lambda x: x, "it stops with TypeError"),
    ("05-stack", "stack", "the function itself"),
    ("05-compile", classifier, RIGHT),
    ("05-compile", compiled(softmax=True), RIGHT),
    ("05-compile", compiled(softmax=True, loss=SPARSE), RIGHT),
    ("05-compile", scheduled, RIGHT),
    ("05-compile", compiled(optimizer="adam"), "the optimizer that you made isn't used"),
    ("05-compile", compiled(optimizer=keras.optimizers.SGD(0.5)), "it trains with 0.5"),
    ("05-compile", compiled(softmax=True, loss=FROM_LOGITS), "one softmax too many"),
    ("05-compile", compiled(loss=SPARSE), "the loss takes them for probabilities"),
    ("05-compile", compiled(loss="categorical_crossentropy"), "take SparseCategorical"),
    (
        "05-compile",
        compiled(softmax=True, loss=lambda true, predicted: ops.mean(predicted) + 7),
        "for these probabilities the cross-entropy is",
    ),
    ("05-compile", compiled(metrics=[]), "metrics=['accuracy'] is missing"),
    ("05-compile", lambda i, f, n, r: keras.Model(i, layers.Flatten()(i)[:, :3]), "isn't compiled"),
    ("05-compile", lambda i, f, n, r: classifier(i, f, 5, r), "the model gives the shape (5,)"),
    ("05-compile", lambda *given: None, "It returns NoneType"),
    ("05-compile", lambda: None, "It stops with TypeError"),
]

# 06


def lowest_by_counting(confidences, right, wanted):
    order = np.argsort(-confidences)
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(shares >= wanted)
    return confidences[order[good[-1]]] if len(good) else None


def from_the_top(confidences, right, wanted):
    """Goes down from the most confident, and stops at the first mistake too many."""
    good = itertools.takewhile(
        lambda t: right[confidences >= t].mean() >= wanted, sorted(confidences)[::-1]
    )
    return min(good, default=None)


def of_all(confidences, right, wanted):
    """Divides by all photographs."""
    good = [t for t in confidences if (right & (confidences >= t)).mean() >= wanted]
    return min(good, default=None)


def judge_differently(logits, labels, is_validation):
    kept = [i for i, one in enumerate(is_validation) if one]
    shares = np.exp(logits[kept]) / np.exp(logits[kept]).sum(axis=1, keepdims=True)
    named, true, confident = shares.argmax(axis=1), labels[kept], shares.max(axis=1)
    matrix = [[int(((true == i) & (named == j)).sum()) for j in range(3)] for i in range(3)]
    bins = [(confident > low) & (confident <= low + 0.1) for low in np.linspace(0, 0.9, 10)]
    gaps = [abs(float((named == true)[b].sum()) - confident[b].sum()) for b in bins]
    return {
        "accuracy": float(sum(named == true)) / len(true),
        "matrix": matrix,
        "mean recall": recall_score(true, named, average="macro"),
        "confidences": confident,
        "calibration error": sum(gaps) / len(true),
    }


def judge_but(key, make):
    def judge(logits, labels, is_validation):
        result = judge_differently(logits, labels, is_validation)
        return result | {key: make(logits[is_validation], labels[is_validation])}

    return judge


def mean_precision(logits, labels):
    return precision_score(labels, logits.argmax(1), average="macro")


def signed_gap(logits, labels):
    confident = softmax(logits, axis=1).max(axis=1)
    return abs((logits.argmax(axis=1) == labels).mean() - confident.mean())


REPAIRS = {  # of the solution: the right line, the mistake that a notebook has there, its message
    "    logits, labels = logits[is_validation], labels[is_validation]": (
        "",
        "accuracy: this judges the photographs of the training part as well",
    ),
    "confusion_matrix(labels, predicted)": (
        "confusion_matrix(predicted, labels)",
        "matrix: rows and columns are exchanged",
    ),
    "(matrix.diagonal() / matrix.sum(axis=1)).mean()": (
        "matrix.diagonal().sum() / matrix.sum()",
        "mean recall: this is the accuracy again",
    ),
    "softmax(logits, axis=1)": (
        "softmax(softmax(logits, axis=1), axis=1)",
        "confidences: this applies the softmax twice",
    ),
    "weights=[row.count for row in rows],": (
        "",
        "calibration error: this gives a bin with one photograph the same weight",
    ),
}


def judge_with(*mistakes):
    """The solution, with these mistakes in it."""
    code = getsource(evaluation_exercises.judge)
    for line in mistakes:
        assert line in code
        code = code.replace(line, REPAIRS[line][0], 1)
    return defined_by(code, "judge")


def defined_by(code, name=None):
    """What ``name`` is after ``code`` ran, or ``answer``, or the last function."""
    known = {
        "keras": keras, "layers": layers, "ops": ops, "np": np, "tf": tf, "time": time,
        "models": models, "counting": counting, "evaluation": evaluation, "softmax": softmax,
        "calibration": calibration, "confusion_matrix": confusion_matrix, "exercises": exercises,
        "statistics": statistics, "relu": relu,
        "conv": lambda x, filters, size, name, groups=1: GroupedConv2D(filters, size, groups=groups, padding="same")(x),
        "norm": lambda x, name: layers.BatchNormalization()(x),
        "resnext50": lambda shape, classes, **form: models.resnext(shape, classes, **form),
    }  # fmt: skip
    before = set(known)
    exec(code, known)
    new = [key for key in known if key not in before]
    return known[name or ("answer" if "answer" in new else new[-1])]


ROWS_06 = [
    ("06-recall", [0.75, Fraction(9, 10)], RIGHT),
    ("06-recall", (0.9, 0.75), "wrong order"),
    ("06-recall", (0.5, 0.9), "Precision: of the 24"),
    ("06-recall", (0.75, 0.5), "Recall: of the 20"),
    ("06-recall", [0.75], "a pair of numbers"),
    ("06-recall", 0.75, "must be a list"),
    ("06-overfit", 6, "lowest training loss"),
    ("06-overfit", 3, "counted from 0"),
    ("06-overfit", 2, "smallest validation loss"),
    ("06-f1", lambda p, r: 0.0 if p == 0 or r == 0 else 2 / (1 / p + 1 / r), RIGHT),
    ("06-f1", 0.8, "the function itself"),
    ("06-f1", lambda p, r: (p + r) / 2, "That is the plain mean"),
    ("06-f1", lambda p, r: 2 * p * r / (p + r), "divides by zero"),
    ("06-f1", lambda p, r: 2 * p * r / np.float64(p + r), "divides by zero"),
    ("06-f1", lambda p, r: p, "is 0.75, not 0.818"),
    ("06-f1", lambda p: p, "stops with TypeError"),
    ("06-f1", lambda p, r: None, "must be one number"),
    ("06-threshold", lowest_by_counting, RIGHT),
    ("06-threshold", 0.9, "the function itself"),
    ("06-threshold", lambda c, r: 0.9, "stops with TypeError"),
    ("06-threshold", lambda c, r, w: "0.9", "must be one number"),
    ("06-threshold", lambda c, r, w: c.min(), "only 4 of 6 answers are right, 67%"),
    ("06-threshold", of_all, "Do you divide by the answers that are kept"),
    ("06-threshold", lambda c, r, w: c.max(), "Accuracy can fall and rise again"),
    ("06-threshold", from_the_top, "Accuracy can fall and rise again"),
    ("06-threshold", lambda c, r, w: 2.0, "nothing is answered at all"),
    ("06-threshold", lambda c, r, w: lowest_by_counting(c, r, w) or 1.0, "return None"),
    ("06-threshold", lambda c, r, w: (lowest_by_counting(c, r, w) or 9) - 0.05, "one of the conf"),
    ("06-repair", judge_differently, RIGHT),
    *(("06-repair", judge_with(line), why) for line, (_, why) in REPAIRS.items()),
    # From the notebook's own code on, the messages come in the order of the repairs.
    *(
        ("06-repair", judge_with(*list(REPAIRS)[i:]), why)
        for i, (_, why) in enumerate(REPAIRS.values())
    ),
    ("06-repair", "judge", "the function itself"),
    ("06-repair", lambda logits, labels: {}, "stops with TypeError"),
    ("06-repair", lambda *given: {"accuracy": 0.9}, "must still return a dict"),
    ("06-repair", lambda z, y, v: judge_differently(z, y, ~v), "training part alone"),
    ("06-repair", judge_but("accuracy", lambda z, y: (z.argmax(1) != y).mean()), "of the wrong"),
    ("06-repair", judge_but("mean recall", mean_precision), "gives precision"),
    ("06-repair", judge_but("confidences", lambda z, y: z.max(axis=1)), "these are logits"),
    ("06-repair", judge_but("calibration error", signed_gap), "gaps above and below cancel"),
    ("06-repair", judge_but("calibration error", lambda z, y: 0.5), "this isn't it yet"),
    ("06-repair", judge_but("matrix", lambda z, y: "full"), "this isn't it yet"),
]

ROWS = [*ROWS_01, *ROWS_02, *ROWS_03, *ROWS_04, *ROWS_05, *ROWS_06]


@pytest.fixture(autouse=True)
def seed_is_set():
    """As many programs do. A checker that used TensorFlow's chance would then see it repeat."""
    tf.random.set_seed(1)


@pytest.mark.parametrize(("name", "answer", "words"), ROWS)
def test_an_answer_is_right_or_gets_its_own_words(name, answer, words):
    said = exercises.what_is_wrong(name, answer)
    if words is RIGHT:
        assert said is None
        return
    others = {row[2] for row in ROWS if row[0] == name and row[2]}
    assert [other for other in others if said and other in said] == [words], said


@pytest.mark.parametrize("name", exercises.TEXTS)
def test_the_solution_that_is_shown_is_right(name, capsys):
    exercises.solution(name)
    shown = capsys.readouterr().out
    code = re.search(r"^(answer = |def |import |from ).*", shown, re.MULTILINE | re.DOTALL)[0]
    if name == "03-dead-channels":  # the notebook's own functions
        probe = CELLS["03"]["probe"].partition("\n\n\nfor ")[0]
        code = f"{probe}\n{CELLS['03']['mystery']}\n{code}"
    assert exercises.what_is_wrong(name, defined_by(code)) is None


@pytest.mark.parametrize(
    ("name", "cell", "function", "words"),
    [
        ("01-timer", "exercise-timer", "seconds_a_run", "only the start of a run"),
        ("02-repair", "exercise-repair", "training_batches", SAME_VARIATIONS),
        ("04-repair", "exercise-repair", "repaired", "sees 32 channels"),
        ("05-stack", "broken-stack", "broken_stack", "is there a block outside the loop?"),
        ("05-compile", "exercise-compile-text", "broken_classifier", "isn't used"),
        ("06-repair", "broken-judge", "judge", "accuracy: this judges"),
    ],
)
def test_what_a_notebook_asks_to_repair_is_wrong(name, cell, function, words):
    source = CELLS[name[:2]][cell]
    code = re.search(r"(?:^|\n)((import|from) .*\n)*def .*?(?=\n\n\n|\n```|$)", source, re.DOTALL)[
        0
    ]
    assert words in exercises.what_is_wrong(name, defined_by(code, function))


def off_by(function):
    """For an exercise whose answer is a function: a factor → the right function, times it."""
    return lambda factor: lambda *given: factor * function(*given)


@pytest.mark.parametrize(
    ("name", "answer", "within"),  # ``answer`` of a factor: 1 gives the right one
    [
        ("01-minutes", lambda x: 12 * x, 0.008),
        ("01-batch", lambda x: 50 * x, 0),
        ("01-timer", lambda x: timer(result=lambda seconds: 0.02 * x), 0.1),
        ("01-loss-scale", off_by(lambda g, s: 1.00001 * float(g)), 0.01),
        ("02-scale", lambda x: 0.515 / 0.229 * x, 0.004),
        ("02-baseline", lambda x: 143 / 540 * x, 0.004),
        ("03-parameters", lambda x: 18_432 * x, 0),
        ("03-who-sees", lambda x: [8, 9, 10, 11, 12, 13, 14, 15 * x], 0),
        ("03-dead-channels", lambda x: [10, 11 * x], 0),
        ("04-params", lambda x: 140_288 * x, 0),
        ("04-resnet", lambda x: {"groups": 1, "width": 64 * x}, 0),
        ("04-resnet", lambda x: {"groups": x, "width": 64}, 0),
        ("04-width", off_by(nearest_width), 0),
        ("05-blocks", lambda x: 6 * x, 0),
        ("05-depth", lambda x: [3, 4, 6 * x, 3], 0),
        ("05-field", lambda x: 483 * x, 0),
        ("05-cost", off_by(wrong_cost), 0),
        ("06-recall", lambda x: (0.75 * x, 0.9), 0.005),
        ("06-recall", lambda x: (0.75, 0.9 * x), 0.005),
        ("06-overfit", lambda x: 4 * x, 0),
        ("06-f1", off_by(lambda p, r: 2 * p * r / (p + r) if p else 0), 1e-6),
        (
            "06-threshold",
            lambda x: lambda *given: (lowest_by_counting(*given) or 0) * x or None,
            1e-6,
        ),
    ],
)
def test_an_answer_may_be_off_by_so_much_and_no_more(name, answer, within):
    for inside in (1 - 0.98 * within, 1 + 0.98 * within):
        assert exercises.what_is_wrong(name, answer(inside)) is None
    for outside in (1 - 1.02 * within - 1e-8, 1 + 1.02 * within + 1e-8):
        assert exercises.what_is_wrong(name, answer(outside))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        *(
            (kind(6), RIGHT)
            for kind in (np.int8, np.float16, np.array, tf.constant, Fraction, Decimal)
        ),
        (tf.Variable(6.0), RIGHT),
        ("6", "without quotes"),
        (np.array("6"), "without quotes"),
        (float("nan"), "nan"),
        (Decimal("nan"), "nan"),
        (tf.constant(float("inf")), "inf"),
        (10**400, "far too large"),
        (True, "must be one number"),
        (np.True_, "must be one number"),
        (6 + 0j, "must be one number"),
        ([6], "must be one number"),
        ([[6], [6, 6]], "must be one number"),
        (object(), "must be one number"),
        (keras.Input((1,)), "must be one number"),
    ],
)
def test_what_counts_as_a_number(answer, words):
    said = exercises.what_is_wrong("05-blocks", answer)
    assert said is None if words is RIGHT else words in said


class Odd:
    """Nothing works with it."""

    def __getattr__(self, name):
        raise RuntimeError("odd")

    __repr__ = __str__ = __eq__ = __iter__ = __array__ = __float__ = lambda *_: 1 / 0
    __hash__ = object.__hash__


ODD = [
    *(True, "", "?", "12", [], [None, "1", object()], [[1], [2, 3]], {}, {"A": None, 3: 4}, 1j, -1),
    *(
        Fraction(1, 3),
        Decimal("sNaN"),
        10**400,
        float("nan"),
        object(),
        Odd(),
        [Odd()],
        {"A": Odd()},
    ),
    *(np.arange(3), tf.zeros(2), itertools.count(), print, lambda *a, **b: a),
    *(
        lambda *a, **b: 1 / 0,
        lambda *a, **b: Odd(),
        lambda *a, **b: 10**400,
        lambda *a, **b: [Odd()],
    ),
]


@pytest.mark.parametrize("name", exercises.TEXTS)
def test_no_answer_stops_a_checker(name):
    for answer in ODD:
        assert exercises.what_is_wrong(name, answer)


@pytest.mark.parametrize("name", exercises.TEXTS)
def test_hints_come_one_after_another_and_begin_again(name, capsys):
    hints = exercises.TEXTS[name]["hints"]
    assert len(hints) > 1
    for _ in range(2):
        for number, hint in enumerate(hints, start=1):
            exercises.hint(name)
            assert capsys.readouterr().out == f"{name}, hint {number} of {len(hints)}: {hint}\n"


def test_check_says_whether_an_answer_is_right(capsys):
    for answer, words in ((None, "not answered yet"), (6, "right! One block"), (5, "not yet. You")):
        exercises.check("05-blocks", answer)
        assert capsys.readouterr().out.startswith(f"05-blocks: {words}")
    for unknown in ("06-nothing", "99-blocks", "", 5):
        with pytest.raises(KeyError, match="There is no exercise"):
            exercises.check(unknown, 1)


@pytest.mark.parametrize("notebook", CELLS)
def test_a_notebook_asks_each_of_its_exercises(notebook):
    text = "\n".join(CELLS[notebook].values())
    for call in ("check", "hint", "solution"):
        asked = re.findall(rf'exercises\.{call}\("([\w-]+)"', text)
        assert sorted(asked) == sorted(name for name in exercises.TEXTS if name[:2] == notebook)


@pytest.mark.parametrize("policy", ["float64", "mixed_float16"])
def test_the_notebooks_precision_changes_no_verdict_and_stays(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        assert exercises.what_is_wrong("04-build", helper) is None
        assert "too early" in exercises.what_is_wrong("04-build", FAULTS["early ReLU"].block)
        assert keras.config.dtype_policy().name == policy
    finally:
        keras.config.set_dtype_policy(before)


# What the learners diagnose


def test_each_suspect_has_the_fault_of_its_name():
    suspects, kernel = wrong_convolutions.line_up()
    probe = defined_by(CELLS["03"]["probe"].partition("\n\n\nfor ")[0], "probe")
    tables = {SUSPECTS[letter]: probe(suspect, 12) for letter, suspect in suspects.items()}
    good, four = (np.kron(np.eye(g), np.ones((12 // g, 12 // g))).astype(bool) for g in (3, 4))
    assert (tables["right"] == good).all() and (tables["wrong axis"] == good).all()
    assert (tables["swapped"] == four).all() and (tables["wrong order"] == good[:, ::-1]).all()
    assert np.flatnonzero(tables["mixed"][0]).tolist() == [0, 3, 6, 9]
    assert not tables["last for all"][:8].any() and tables["last for all"][8:].all()
    assert not tables["one twice"][:4].any() and tables["one twice"].sum() == good.sum()
    x = keras.random.normal((1, 8, 8, 12), seed=5)
    wanted = split_and_join(x, kernel, 3, wrong_convolutions.convolve)
    same = [letter for letter, suspect in suspects.items() if np.allclose(suspect(x), wanted)]
    assert [SUSPECTS[letter] for letter in same] == ["right"]


MAPS = np.random.default_rng(0).normal(size=(1, 8, 8, 32)).astype("float32")
SYMPTOMS = {
    "weights": 1_312,
    "weights in a new shape": 1_568,
    "norm numbers": 4 * (16 + 16 + 32),
    "is negative": False,
    "moved pixels": 1,
    "filters without gradient": 0,
}
BETRAYED = {  # of 16 filters in the first 1×1, a late-bound loop reads the last two
    "groups swapped": {"weights": 2_176, "weights in a new shape": 2_432},
    "no projection": {"weights in a new shape": 1_056},
    "norm in each path": {"norm numbers": 4 * (16 + 16 + 8 * 32)},
    "early ReLU": {"is negative": True},
    "same padding": {"moved pixels": 4},
    "late binding": {"filters without gradient": 14},
}


def symptoms(block):
    """What the experiments of notebook 04 show."""

    def small(channels_in=32, strides=1):
        x = keras.Input((8, 8, channels_in))
        return keras.Model(x, block(x, channels=32, width=16, groups=8, strides=strides))

    def kernels(model):
        return [weight for weight in model.trainable_weights if len(weight.shape) == 4]

    def weights(model):
        return sum(int(np.prod(kernel.shape)) for kernel in kernels(model))

    model, strided, changed = small(), small(strides=2), MAPS.copy()
    changed[0, 2, 2] += 1
    moved = np.abs(np.asarray(strided(changed)) - np.asarray(strided(MAPS))).max(axis=-1) > 1e-4
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(MAPS, training=True) ** 2)
    slopes = [np.abs(slope).max(axis=(0, 1, 2)) for slope in tape.gradient(loss, kernels(model))]
    return {
        "weights": weights(model),
        "weights in a new shape": weights(small(16, strides=2)),
        "norm numbers": model.count_params() - weights(model),
        "is negative": bool(np.min(model(MAPS)) < 0),
        "moved pixels": int(moved.sum()),
        "filters without gradient": sum(int((slope == 0).sum()) for slope in slopes),
    }


@pytest.mark.parametrize("letter", MYSTERIES)
def test_the_experiments_betray_each_mystery_block_and_its_name_does_not(letter):
    block, fault = mystery_blocks()[letter], FAULTS[MYSTERIES[letter]]
    assert symptoms(block) == SYMPTOMS | BETRAYED[MYSTERIES[letter]]
    assert "<lambda>" in repr(block) and not block.__doc__ and fault.sign


def test_the_right_block_shows_nothing():
    assert symptoms(helper) == SYMPTOMS


@pytest.mark.parametrize(
    ("cell", "faults"),
    [("03 exercise-diagnose-question", SUSPECTS), ("04 exercise-diagnose-text", MYSTERIES)],
)
def test_a_notebook_names_each_fault_in_an_order_that_gives_nothing_away(cell, faults):
    number, cell = cell.split()
    listed = re.findall(r'^\| `"?([\w ]+)"?`', CELLS[number][cell], re.MULTILINE)
    assert sorted(listed) == sorted(faults.values())
    assert all(one != other for one, other in zip(listed, faults.values(), strict=True))


# What the exercises take for true


def test_a_built_stack_costs_what_the_formula_says():
    x = keras.Input((8, 8, 8))
    built = stack()(x, 2, channels=16, width=8, groups=4, strides=2, name="s")
    assert training.stack_macs(2, 8, 16, 8, 4, 8, 2) == counting.macs(keras.Model(x, built))


def test_the_receptive_field_is_as_wide_as_the_checker_says():
    def field(early, early_stem=False):
        size, step = 1, 1
        windows = [(7, 2, early_stem), (3, 2, early_stem)]
        for stage, count in enumerate((3, 4, 6, 3)):
            windows += [(3, 2 if stage and not i else 1, early) for i in range(count)]
        for kernel, stride, is_early in windows:
            size += (kernel - 1) * step * (stride if is_early else 1)
            step *= stride
        return size

    assert (field(False), field(True), field(True, early_stem=True)) == (427, 483, 493)
