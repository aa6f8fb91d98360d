"""Every exercise: right answers pass however they are written, each mistake gets its own words."""

import functools
import itertools
import re
from fractions import Fraction
from importlib import import_module
from inspect import getsource

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from sklearn.metrics import recall_score
from sklearn.model_selection import train_test_split

from resnext_course import exercises
from resnext_course.exercises import wrong_convolutions
from resnext_course.exercises.blocks import my_block
from resnext_course.exercises.training import my_stack, stack_macs
from resnext_course.exercises.wrong_blocks import FAULTS, MYSTERIES, mystery_blocks
from resnext_helpers import counting, evaluation, models
from resnext_helpers.layers import GroupedConv2D
from resnext_helpers.settings import PROJECT

CELLS = {
    path.name[:2]: {cell.id: cell.source for cell in nbformat.read(path, 4).cells}
    for path in sorted((PROJECT / "notebooks").glob("0*.ipynb"))
}
CUTS_OF_6 = "cuts of the kernel are 6 filters wide. A group has 36 / 3 = 12 filters: count them"
RIGHT = None  # in the tables, in place of words from the message


def conv(x, filters, kernel_size, name, groups=1):
    """For a learner's block, as ``relu`` is; notebook 04 has ``norm``, and 05 ``resnext50``."""
    return GroupedConv2D(filters, kernel_size, groups=groups, padding="same")(x)


def norm(x, name=None):
    return layers.BatchNormalization()(x)


def relu(x):
    return layers.ReLU()(x)


def resnext50(input_shape, num_classes, **form):
    return models.resnext(input_shape, num_classes, **form)


def module(name):
    return import_module(f"resnext_course.exercises.{exercises.MODULES[name[:2]]}")


def defined_by(code, name, function=None):
    """What the code for an exercise defines: this function, or ``answer``, or what comes last."""
    imported = {one.__name__.split(".")[-1]: one for one in (keras, layers, ops, evaluation)}
    own = {one.__name__: one for one in (conv, norm, relu, GroupedConv2D, resnext50, my_block)}
    known = {**vars(module(name)), **imported, **own, "tf": tf, "np": np, "exercises": exercises}
    before = known.copy()
    exec(code, known)
    new = [key for key in known if known[key] is not before.get(key)]
    return known[function or ("answer" if "answer" in new else new[-1])]


def changed(name, changes):
    """The solution with some of its code replaced: right in another way, or with a mistake."""
    text = exercises.TEXTS[name]
    own = "function" in text
    code = getsource(getattr(module(name), text["function"])) if own else text["solution"]
    code = code[code.index("def ") :]
    for part, other in changes.items():
        assert part in code
        code = code.replace(part, other, 1)
    return defined_by(code, name)


SUSPECTS = wrong_convolutions.DIAGNOSES
OTHERS = {letter: "right" if name != "right" else "mixed" for letter, name in SUSPECTS.items()}


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


def in_summed_paths(x, channels, width, groups, strides=1):
    """Figure 3 (a)."""
    total = 0
    for _ in range(groups):
        y = layers.ZeroPadding2D()(relu(norm(conv(x, width // groups, 1, ""), "")))
        y = layers.Conv2D(width // groups, 3, strides, use_bias=False)(y)
        total += layers.Conv2D(channels, 1, use_bias=False)(relu(norm(y, "")))
    if strides != 1 or x.shape[-1] != channels:
        shortcut = layers.Conv2D(channels, 1, strides, use_bias=False)
        x = keras.Sequential([shortcut, layers.BatchNormalization()])(x)
    return relu(norm(total, "") + x)


def by_zeros(x, kernel, groups, convolve):
    """One standard convolution whose kernel is block-diagonal: way 2 of notebook 03."""
    block = np.ones((kernel.shape[2], kernel.shape[3] // groups))
    mask = np.kron(np.eye(groups), block).astype("float32")
    return convolve(x, np.tile(kernel, (1, 1, groups, 1)) * mask)


def through(dtype, factor=1):
    """A trip of a gradient through a type of 16 bits, in NumPy; at half the scale with factor 2."""
    return lambda g, s: np.float32(dtype(np.float32(g) * s / factor)) / s * factor


def nearest_width(cardinality):
    """The root of 9·d² + 512·d = 69,632 / C, and then the better neighbour."""
    exact = (-512 + (512**2 + 36 * 69_632 / cardinality) ** 0.5) / 18
    down, up = np.floor(exact), np.ceil(exact)
    missing = [abs(cardinality * (512 * d + 9 * d**2) - 69_632) for d in (down, up)]
    return down if missing[0] <= missing[1] else up


def network(shape=(224, 224, 3), classes=1000):
    inputs = keras.Input(shape)
    pooled = layers.GlobalAveragePooling2D()(inputs)
    return keras.Model(inputs, layers.Dense(classes)(pooled))


def mean_that_waits_at_the_end(work, clock):
    start = clock()
    float([work() for _ in range(10)][-1])
    return (clock() - start) / 10


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


def judged(logits, labels, is_validation, but=None):
    """In another way, with these of its numbers changed."""
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
    } | (but or {})


def split_by_scikit_learn(labels, fraction, seed):
    every = range(len(labels))
    return train_test_split(every, test_size=fraction, stratify=labels, random_state=seed)[1]


# An exercise, and for each wrong answer a few words of what is said of it.
TOLD = """
01-order | DEBCA: before its import | EBDCA: only D imports it | EDCBA: only B makes it
    | EDBAC: the first computation | EDBC: each of the letters
01-minutes | 720: seconds | 0.2: hours | 1.2: one epoch | 432: must take less time
    | 13: Count all photographs
01-batch | 53: subtract them | 56: less left | 14: not for each photograph | 51: 8050 MB
    | 32: 32 photographs fit | 7: 7 photographs fit | 100: How much memory is left
02-scale | 1: still missing | 0.515: mean is taken away | 2.2: Two digits | 7: Three steps
02-baseline | 143: That many are right | 26.5: per cent | 0.25: 1/4 | 0.26: Three digits
    | 0.9: Photographs of the most frequent
02-leak | ABCD: A doesn't leak | CD: B leaks | BD: C leaks | BC: D leaks | BCDE: E doesn't leak
    | BCDX: letters of the ways
03-parameters | 589824: standard convolution | 18688: 256 biases | 576: one group alone
    | 2048: 3 pixels high | 73728: 32 is the number of groups | 17: Think of one filter
03-who-sees | 8: must be a list of numbers
04-params | 70144: That is the 32×4d block | 69632: That is the ResNet block
    | 720896: ordinary 3×3 | 141824: batch norms too | 2192: That is one path
    | 9216: the 3×3 alone | 132096: 9 numbers for each channel | 1000: Count one path first
05-blocks | 5: Is there a block before the loop? | 7: One call of block() before the loop
05-resnet | 50: no Keras model
05-field | 427: with the stride in the 3×3 | 493: you moved the stem's strides too
    | 500: makes the longer steps already
06-overfit | 6: lowest training loss | 3: counted from 0 | 2: smallest validation loss
""".replace("\n    |", " |")
ROWS = [
    *(
        (name, answer if answer.isalpha() else float(answer), words)
        for name, *told in (line.split(" | ") for line in TOLD.split("\n") if line)
        for answer, words in (one.split(": ") for one in told)
    ),
    ("01-order", "e, d, b, c, a", RIGHT),
    ("01-batch", 7600 / 150, "whole photographs"),
    ("01-loss-scale", through(np.float16), RIGHT),
    ("01-loss-scale", lambda g, s: g, "never was float16"),
    ("01-loss-scale", lambda g, s: tf.cast(g, tf.float16), "returns float16"),
    ("01-loss-scale", lambda g, s: tf.cast(tf.cast(g, tf.float16), tf.float32) * s / s, "as 0"),
    ("01-loss-scale", lambda g, s: tf.cast(tf.cast(g * s, "float16"), "float32"), "too large"),
    ("01-loss-scale", lambda g, s: None, "Is there a return?"),
    ("01-loss-scale", lambda g, s: g * 3.3, "only multiply, cast"),
    ("01-loss-scale", lambda g, s: g * 1.001, "only multiply, cast"),
    ("01-loss-scale", through(np.float16, 2), "only multiply, cast"),
    ("01-loss-scale", through(tf.bfloat16.as_numpy_dtype), "It was bfloat16 on the way"),
    ("02-scale", 2.25, RIGHT),
    ("02-scale", (255 - 0.485) / 0.229, "Divide by 255 first"),
    ("02-scale", 1 - 0.485 / 0.229, "brackets"),
    ("02-scale", (1 - 0.456) / 0.224, "green"),
    ("02-scale", (1 - 0.406) / 0.225, "blue"),
    ("02-scale", "2,25", "with a point"),
    ("02-baseline", 0.265, RIGHT),
    ("02-baseline", 129 / 540, "rarest"),
    ("02-baseline", 397 / 540, "wrong answers"),
    ("02-leak", {"D", "B", "C"}, RIGHT),
    ("02-shuffle", lambda d: d.cache().shuffle(1000, seed=1).batch(8).prefetch(2), RIGHT),
    ("02-shuffle", lambda d: d, "single"),
    ("02-shuffle", lambda d: d.batch(8), "Nothing is shuffled"),
    ("02-shuffle", lambda d: d.batch(8).shuffle(42), "before batch()"),
    ("02-shuffle", lambda d: d.shuffle(42).cache().batch(8), "order is the same"),
    ("02-shuffle", lambda d: d.shuffle(4).batch(8), "only move a little"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(7), "have 7 elements"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8, drop_remainder=True), "40 of 42"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8).batch(8), "batches of batches"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8).repeat(), "It never ends"),
    ("02-shuffle", lambda d: d.shuffle(42).batch(8).repeat(2), "more than once an epoch"),
    ("02-shuffle", lambda d: None, "return a dataset"),
    ("02-shuffle", lambda d: d.shufle(42), "AttributeError"),
    ("02-repair", lambda d, vary: d.cache().shuffle(1000).batch(8).map(vary).prefetch(2), RIGHT),
    ("02-repair", lambda d, vary: d.map(vary).cache().shuffle(42).batch(8), "in every epoch"),
    ("02-repair", lambda d, vary: d.cache().shuffle(3).map(vary).batch(8), "only move a little"),
    ("02-repair", lambda d, vary: d.cache().shuffle(42).batch(8), "Nothing is varied"),
    ("02-repair", lambda d, vary: d.shuffle(42).map(vary).batch(8), "read again in each epoch"),
    ("03-who-sees", {8, 9, 10, 11, 12, 13, 14, 15}, RIGHT),
    ("03-who-sees", [15, 14, 13, 12, 11, 10, 9, 8.0], RIGHT),
    ("03-who-sees", [4, 5, 6, 7], "input channels of the right group"),
    ("03-who-sees", range(9, 17), "counted from 1"),
    ("03-who-sees", range(16, 24), "one group too far"),
    ("03-who-sees", range(128), "standard convolution"),
    ("03-who-sees", [8, 9], "All of these are right, but some are missing: you have 2."),
    ("03-who-sees", [], "First find the group"),
    ("03-who-sees", itertools.count(), "First find the group"),
    ("03-who-sees", [8.5], "list of whole numbers"),
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
    ("03-diagnose", {"A": "mixed", "E": "right", "B": None}, "These are left: B, C, D, F, G."),
    ("03-diagnose", SUSPECTS | {"A": OTHERS["A"]}, "input 0 feeds the outputs 0, 3, 6 and 9"),
    ("03-diagnose", SUSPECTS | {"B": OTHERS["B"]}, "How many rows of its table hold no True"),
    ("03-diagnose", SUSPECTS | {"C": OTHERS["C"]}, "probe finds nothing wrong with it"),
    ("03-diagnose", SUSPECTS | {"D": OTHERS["D"]}, "count how many inputs one output reads"),
    ("03-diagnose", SUSPECTS | {"E": OTHERS["E"]}, "Its table is as it should be"),
    ("03-diagnose", SUSPECTS | {"F": OTHERS["F"]}, "which hold twice as many as they should"),
    ("03-diagnose", SUSPECTS | {"G": OTHERS["G"]}, "which outputs do the inputs 0 to 3 feed"),
    ("04-params", 64 * (256 * 4 + 9 * 4**2 + 4 * 256.0), RIGHT),
    ("04-resnet", {"width": np.int64(64), "groups": 1.0}, RIGHT),
    ("04-resnet", (1, 64), "a dictionary"),
    ("04-resnet", {"groups": 1, "width": "64"}, "width must be one number, without quotes"),
    ("04-resnet", {"groups": 3, "width": 64}, "can't be divided into 3 equal groups"),
    ("04-resnet", {"groups": 32, "width": 128}, "That is the ResNeXt block, 32×4d"),
    ("04-resnet", {"groups": 2, "width": 80}, "sees the 40 channels of its own group"),
    ("04-resnet", {"groups": 1, "width": 128}, "212,992 weights, the ResNet block 69,632: the"),
    ("04-width", nearest_width, RIGHT),
    ("04-width", lambda c: None, "width_for(1) must be one number, and it is None. Is there a"),
    ("04-width", lambda c: 64 // c, "keeps C·d at 64"),
    ("04-width", lambda c: c * nearest_width(c), "the width C·d of all groups"),
    ("04-width", lambda c: nearest_width(c) - (c > 1), "its neighbour comes nearer"),
    ("04-width", lambda c: nearest_width(c) + 0.25, "channels are whole"),
    ("04-width", {1: 64, 2: 40, 4: 24, 8: 14, 32: 4}.get, "width_for(16)"),
    ("04-width", lambda c: 5 * nearest_width(c), "far from 69,632 weights"),
    ("04-diagnose", {letter.lower(): name.lower() for letter, name in MYSTERIES.items()}, RIGHT),
    ("04-diagnose", {"B": None, "A": "early ReLU"}, "A is not 'early ReLU'. A block with 'early"),
    ("04-diagnose", {"A": "same padding"}, "lets four output pixels see one and the same input"),
    ("05-depth", np.array([3, 4, 6, 3]), RIGHT),
    ("05-depth", [2, 3, 5, 2], "These are the loops of the article"),
    ("05-depth", [3, 4, 5, 3], "= 47 layers with weights"),
    ("05-depth", [4, 4, 4, 4], "shares the blocks differently"),
    ("05-depth", [16], "as a list"),
    ("05-resnet", network(), "It has 4,000 parameters"),
    ("05-resnet", network(classes=4), "4 classes"),
    ("05-resnet", network((64, 64, 3)), "(64, 64, 3)"),
    ("05-resnet", keras.Sequential([layers.Dense(1000)]), "no layers yet, or no input"),
    ("05-resnet", resnext50((224, 224, 3), 1000, groups=1, width_per_group=4), "all in one group"),
    ("06-recall", [0.75, Fraction(9, 10)], RIGHT),
    ("06-recall", (0.9, 0.75), "wrong order"),
    ("06-recall", (0.5, 0.9), "Precision: of the 24"),
    ("06-recall", (0.75, 0.5), "Recall: of the 20"),
    ("06-recall", [0.75], "Give a pair, such as (0.5, 0.6)"),
    ("06-recall", np.float64(0.75), "Give a pair, such as (0.5, 0.6)"),
    ("06-recall", (75, 90), "You gave percent"),
    ("06-f1", lambda p, r: 0.0 if p == 0 or r == 0 else 2 / (1 / p + 1 / r), RIGHT),
    ("06-f1", lambda p, r: (p + r) / 2, "That is the plain mean"),
    ("06-f1", lambda p, r: 2 * p * r / (p + r), "divides by zero"),
    ("06-f1", lambda p, r: 2 * p * r / np.float64(p + r), "divides by zero"),
    ("06-f1", lambda p, r: p, "is 0.75, not 0.818"),
    ("06-threshold", lowest_by_counting, RIGHT),
    ("06-threshold", lambda c, r, w: "0.9", "must be one number"),
    ("06-threshold", lambda c, r, w: c.min(), "only 4 of 6 answers are right, 67%"),
    ("06-threshold", from_the_top, "Accuracy can fall and rise again"),
    ("06-threshold", lambda c, r, w: 2.0, "nothing is answered at all"),
    # From the notebook's own code on, the messages come in the order of the repairs.
    ("01-timer", lambda work, clock: [clock(), float(work()), clock()][-1], "runs the work once"),
    ("01-timer", lambda w, c: [float(w()), float(w()), c(), c()][-1], "runs the work 2 times"),
    ("01-timer", lambda work, clock: [work(), clock(), clock()][-1], "runs the work once"),
    ("01-timer", mean_that_waits_at_the_end, "not only the last"),
    ("01-timer", lambda work, clock: clock() + float(work()), "call clock() twice"),
    ("01-timer", lambda work, clock: float(work()), "not time.perf_counter()"),
    ("02-split", split_by_scikit_learn, RIGHT),
    ("03-by-hand", by_zeros, RIGHT),
    ("03-by-hand", wrong_convolutions.last_for_all, "Every group reads the same channels"),
    ("03-by-hand", wrong_convolutions.swapped, "3 is the number of groups: the two are swapped"),
    ("03-by-hand", wrong_convolutions.one_twice, "Part 3 of x is read by more than one group"),
    ("03-by-hand", wrong_convolutions.wrong_order, "your result begins with group 3"),
    ("03-by-hand", wrong_convolutions.mixed, "the groups are mixed"),
    ("03-by-hand", wrong_convolutions.wrong_axis, "each group's filters are a mixture"),
    ("04-repair", lambda x: FAULTS["early ReLU"].block(x, 256, 128, 32), "comes too early"),
    ("04-repair", lambda x: layers.MaxPooling2D()(x), "back (6, 6, 256), and yours gives (3, 3"),
    ("04-repair", lambda x: relu(x), "no 3×3 convolution"),
    ("04-repair", lambda x: None, "returns nothing"),
    ("04-build", with_keras_alone, RIGHT),
    ("04-build", in_summed_paths, RIGHT),
    *(("04-build", fault.block, fault.message) for fault in FAULTS.values()),
    ("06-repair", judged, RIGHT),
    ("06-repair", lambda *given: {"accuracy": 0.9}, "must still return a dict"),
    ("06-repair", lambda z, y, v: judged(z, y, ~v), "training part alone"),
    ("06-repair", lambda *given: judged(*given, {"mean recall": np.float32("nan")}), "nan is no"),
    ("06-repair", lambda *given: judged(*given, {"matrix": [[1], [2, 3]]}), "isn't it yet"),
]
# The solution with some of its code replaced.
MEDIAN, SHARE = "statistics.median(seconds[3:])", "round(fraction * len(members))"
KEPT = f"[: {SHARE}]"
DENSE, SOFTMAX = "Dense(num_classes)", 'Dense(num_classes, activation="softmax")'
ADAM = "keras.optimizers.Adam(learning_rate)"
LOSS = "keras.losses.SparseCategoricalCrossentropy(from_logits=True)"
COSINE = "keras.optimizers.schedules.CosineDecay(learning_rate, 9)"
NORM = "BatchNormalization(momentum=0.9, epsilon=1e-5)"
WIDER = "x.shape[-1] != channels"
NEXT, LATER = "in_channels, size = channels, small", "(i > 0) * small**2 * channels"
WEIGHTS, GAP = "weights=[row.count for row in rows],", "abs(right.mean() - confidences.mean())"
CHANGES = [
    ("01-timer", {"float(work())": "np.asarray(work())"}, RIGHT),
    ("01-timer", {MEDIAN: "min(seconds)"}, RIGHT),  # nothing makes a run too fast
    ("01-timer", {MEDIAN: "statistics.median(seconds[1:])"}, RIGHT),
    ("01-timer", {MEDIAN: "statistics.median(seconds[6:])"}, RIGHT),
    ("01-timer", {"range(20)": "range(1000)"}, RIGHT),
    ("01-timer", {"seconds = []": "work(), work(); seconds = []"}, RIGHT),
    ("01-timer", {MEDIAN: "statistics.median(seconds)"}, "leave out the first"),
    ("01-timer", {"range(20)": "range(11)", MEDIAN: "sorted(seconds)[5]"}, "leave out the first"),
    ("01-timer", {"float(work())": "work() if _ < 19 else float(work())"}, "not only the last"),
    ("01-timer", {"float(work())": "work()"}, "only the start of a run"),
    ("01-timer", {"range(20)": "range(6)", MEDIAN: "statistics.mean(seconds)"}, "slow first runs"),
    ("01-timer", {MEDIAN: "statistics.mean(seconds[1:])"}, "slow first runs"),
    ("01-timer", {MEDIAN: "statistics.mean(seconds[3:])"}, "disturbed runs"),
    ("01-timer", {MEDIAN: "max(seconds)"}, "a slow first run"),
    ("01-timer", {MEDIAN: "sum(seconds[3:])"}, "all runs together"),
    ("01-timer", {MEDIAN: "1000 * statistics.median(seconds)"}, "milliseconds"),
    ("01-timer", {MEDIAN: "70 * min(seconds)"}, "just before and just after"),
    ("01-timer", {"clock() - start": "start - clock()"}, "less than 0"),
    ("01-timer", {"float(work())": "pass"}, "call work()"),
    ("02-split", {"return kept": "return range(80, 100)"}, "cut each class by itself"),
    ("02-split", {KEPT: "[:5]"}, "same number"),
    ("02-split", {KEPT: "[: len(members) // 2]"}, "How many are the given fraction"),
    ("02-split", {"chance.permutation(members)": "members"}, "the first or the last"),
    ("02-split", {"default_rng(seed)": "default_rng()"}, "The same seed gives another draw"),
    ("02-split", {"default_rng(seed)": "default_rng(7)"}, "Another seed gives the same draw"),
    ("02-split", {KEPT: "[round(fraction * len(members)) :]"}, "the photographs for training"),
    ("02-split", {"return kept": "return kept + kept"}, "more than once"),
    ("02-split", {"permutation(members)": f"choice(members, {SHARE})", KEPT: ""}, "more than once"),
    ("02-split", {"return kept": "return range(81, 101)"}, "count from 0"),
    ("02-split", {"return kept": "return kept, kept"}, "two parts"),
    ("02-split", {"return kept": "return np.isin(range(100), kept)"}, "np.flatnonzero"),
    ("02-split", {"return kept": "return [0.5, 1.5]"}, "whole numbers"),
    ("02-split", {"return kept": ""}, "end it with return"),
    ("03-by-hand", {"parts[g]": "parts[0]"}, "Every group reads the same channels"),
    ("03-by-hand", {"parts[g]": "parts[g][..., 1:]"}, "got 5 channels of x, but a kernel for 6"),
    ("03-by-hand", {"parts[g], kernels[g]": "x, kernel"}, "convolve got all channels of x"),
    ("03-by-hand", {"kernels[g]": "kernels[0]"}, "Every group uses the same filters"),
    ("03-by-hand", {"kernels[g]": "kernels[-1 - g]"}, "Part 1 of x meets part 3 of the kernel"),
    ("03-by-hand", {"kernels[g]": "kernel"}, "Each group uses all filters"),
    ("03-by-hand", {"kernel, groups, axis=-1": "kernel, groups, axis=2"}, "Its third axis holds"),
    ("03-by-hand", {"kernels[g]": "kernels[g][..., :7]"}, "shape is (2, 5, 6, 21)"),
    ("03-by-hand", {"kernels[g]": "kernels[g][..., :6]"}, CUTS_OF_6),
    ("03-by-hand", {"kernels[g]": "kernel[..., 6 * g : 6 * g + 6]"}, CUTS_OF_6),
    ("03-by-hand", {"(results, axis=-1)": "(results, axis=1)"}, "shape is (2, 15, 6, 12)"),
    ("03-by-hand", {"ops.concatenate(results, axis=-1)": "results[-1]"}, "results of all groups"),
    ("03-by-hand", {"return ops": "2 * ops"}, "returned None"),
    ("03-by-hand", {"return ops": "return 2 * ops"}, "the numbers aren't"),
    ("03-by-hand", {"convolve(parts[g]": "ops.conv(parts[g]"}, "never called convolve"),
    ("04-repair", {"groups=32": "groups=128 // 32"}, "sees 32 channels"),
    ("04-repair", {"128, 1": "256, 1", "128, 3": "256, 3", "=32": "=64"}, "Your 3×3 has 256"),
    ("04-repair", {"bias=False)(x)": 'bias=False)(conv(x, 100, 1, ""))'}, "shape (1, 1, 256, 100)"),
    ("04-repair", {"Conv2D(256, 1, use_bias=False)(y)": "Concatenate()([y, y])"}, "1×1 conv"),
    ("04-repair", {"[x, y]": '[y, conv(x, 256, 1, "")]'}, "a projection costs weights for nothing"),
    ("04-build", {"layers.ReLU()(conv_norm(y, w": "(conv_norm(y, w"}, "Check the order"),
    ("04-build", {"use_bias=False": "use_bias=True"}, "has a bias"),
    ("04-build", {f"layers.{NORM}(x)": "x"}, "has no batch norm"),
    ("04-build", {"y, channels": "y, x.shape[-1]", f"!= 1 or {WIDER}": "< 1"}, "back (6, 6, 32)"),
    ("04-build", {"strides != 1 or ": ""}, "width=8, groups=2: The block can't be built."),
    ("05-cost", {"convolution(in_channels, channels, 1, small)": "0"}, "the projection"),
    ("05-cost", {"_ in": "i in", "+= c": f"+= {LATER} * channels + c"}, "others' is the identity"),
    ("05-cost", {"small, groups)": "small)"}, "width / groups"),
    ("05-cost", {"in_channels, width, 1, size": "in_channels, width, 1, small"}, "still works on"),
    ("05-cost", {"size // strides": "size"}, "The map gets smaller"),
    ("05-cost", {"_ in": "i in", NEXT: f"total += {LATER} * in_channels"}, "gets in_channels"),
    ("05-cost", {"range(number_of_blocks)": "range(1)"}, "That is one block"),
    ("05-cost", {" * output_size**2": ""}, "Those are the weights"),
    ("05-cost", {"return total": "return 2 * total"}, "not as two"),
    ("05-cost", {"return total": "return 1 + total"}, "one by one"),
    ("05-stack", {"models.block(x": "my_block(x", ', name=f"{name}_{i}")': ")"}, RIGHT),
    ("05-stack", {"(number_of_blocks)": "(number_of_blocks + 1)"}, "a block outside the loop?"),
    ("05-stack", {"(number_of_blocks)": "(number_of_blocks + 2)"}, "it makes 5."),
    ("05-stack", {"strides if i == 0 else 1": "strides"}, "every block strides"),
    ("05-stack", {"strides if i == 0 else 1": "1"}, "16×16 becomes 16×16, and should become 8"),
    ("05-stack", {"if i == 0": "if i == number_of_blocks - 1"}, "a later block strides"),
    ("05-stack", {"x = models": "y = models", "return x": "return y"}, "go on from the last"),
    ("05-stack", {'"groups": groups': '"groups": 1'}, "3×3 convolutions have [1, 1, 1]"),
    ("05-stack", {'"width": width': '"width": 32'}, "blocks are [32, 32, 32] wide inside"),
    ("05-stack", {'f"{name}_{i}"': "name"}, "two blocks have the same name"),
    ("05-stack", {"return x": ""}, "should be return x"),
    ("05-stack", {"return x": "return True"}, "it returns bool, not what"),
    ("05-stack", {'"channels": channels': '"channels": 128'}, "128 channels leave it, not 32"),
    ("05-stack", {"return x": "return layers.Conv2D(32, 1)(x)"}, "and a stack of such blocks has"),
    ("05-compile", {DENSE: SOFTMAX, "from_logits=True": ""}, RIGHT),
    ("05-compile", {ADAM: f"keras.optimizers.SGD({COSINE})"}, RIGHT),
    ("05-compile", {ADAM: '"adam"'}, "the optimizer that you made isn't used"),
    ("05-compile", {ADAM: "keras.optimizers.SGD(0.5)"}, "it trains with 0.5"),
    ("05-compile", {DENSE: SOFTMAX}, "one softmax too many"),
    ("05-compile", {"from_logits=True": ""}, "the loss takes them for probabilities"),
    ("05-compile", {LOSS: '"categorical_crossentropy"'}, "take SparseCategorical"),
    ("05-compile", {DENSE: SOFTMAX, LOSS: "lambda _, got: ops.mean(got) + 7"}, "cross-entropy is"),
    ("05-compile", {'["accuracy"]': "[]"}, "metrics=['accuracy'] is missing"),
    ("05-compile", {"return model": "return keras.Model(inputs, model.outputs)"}, "isn't compiled"),
    ("05-compile", {DENSE: "Dense(5)"}, "the model gives the shape (5,)"),
    ("05-compile", {"return model": ""}, "It returns NoneType"),
    ("06-threshold", {"right[confidences >= t]": "(right & (confidences >= t))"}, "divide by"),
    ("06-threshold", {"return t": "return t - 0.05"}, "one of the confidences"),
    ("06-threshold", {"return None": "return 1.0"}, "return None"),
    ("06-repair", {"logits, labels = ": "# "}, "training part as well"),
    ("06-repair", {"(labels, predicted)": "(predicted, labels)"}, "rows and columns are exchanged"),
    ("06-repair", {"(matrix.diagonal() / matrix.sum(axis=1)).mean()": "right.mean()"}, "micro"),
    ("06-repair", {"softmax(logits,": "softmax(softmax(logits, axis=1),"}, "the softmax twice"),
    ("06-repair", {WEIGHTS: ""}, "a bin with one photograph the same"),
    ("06-repair", {"right.mean()": "1 - right.mean()"}, "share of the wrong"),
    ("06-repair", {"sum(axis=1)).mean()": "sum(axis=1))"}, "one number per class"),
    ("06-repair", {"matrix.sum(axis=1)": "matrix.sum(axis=0)"}, "gives precision"),
    ("06-repair", {"softmax(logits, axis=1)": "logits"}, "these are logits"),
    ("06-repair", {"np.average(": "max(", WEIGHTS: ""}, "the largest gap"),
    ("06-repair", {"np.average(": f"{GAP} + 0 * np.average("}, "gaps above and below cancel"),
    ("06-repair", {"np.average(": "1 + np.average("}, "isn't it yet"),
]
ROWS += [(name, changed(name, changes), words) for name, changes, words in CHANGES]


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


def test_who_found_one_of_two_faults_is_told_that_one_is_left():
    code = CELLS["05"]["exercise-compile-text"].split("```")[1].partition("\n")[2]
    left = {code: False}
    left[code.replace('"adam"', "optimizer")] = left[code.replace(', activation="softmax"', "")] = (
        True
    )
    assert len(left) == 3
    for answer, is_one in left.items():
        answer = defined_by(answer, "05-compile", "broken_classifier")
        assert exercises.what_is_wrong("05-compile", answer).startswith("One fault left") == is_one


FUNCTIONS = sorted({name for name, _, _ in CHANGES} | {"01-loss-scale", "02-shuffle", "02-repair"})


@pytest.mark.parametrize("name", [*FUNCTIONS, "04-width", "06-f1"])
def test_where_a_function_is_asked_for_something_else_is_no_answer(name):
    assert "the function itself" in exercises.what_is_wrong(name, 70_144)
    assert "stops with TypeError" in exercises.what_is_wrong(name, lambda: None)


def test_nobody_is_praised_for_a_warm_up_that_was_not_there(capsys):
    exercises.check("01-timer", changed("01-timer", {MEDIAN: "min(seconds)"}))
    said = capsys.readouterr().out
    assert "right!" in said and "warm" not in said


@pytest.mark.parametrize("name", exercises.TEXTS)
def test_the_solution_that_is_shown_is_right(name, capsys):
    exercises.solution(name)
    shown = capsys.readouterr().out
    code = re.search(r"^(answer = |def |import |from ).*", shown, re.MULTILINE | re.DOTALL)[0]
    if name == "03-dead-channels":  # the notebook's own functions
        probe = CELLS["03"]["probe"].partition("\n\n\nfor ")[0]
        code = f"{probe}\n{CELLS['03']['mystery']}\n{code}"
    assert exercises.what_is_wrong(name, defined_by(code, name)) is None


@pytest.mark.parametrize(
    ("name", "cell", "function", "words"),
    [
        ("01-timer", "exercise-timer", "seconds_a_run", "only the start of a run"),
        ("02-repair", "exercise-repair", "training_batches", "in every epoch"),
        ("04-repair", "exercise-repair", "repaired", "sees 32 channels"),
        ("05-stack", "broken-stack", "broken_stack", "is there a block outside the loop?"),
        ("05-compile", "exercise-compile-text", "broken_classifier", "isn't used"),
        ("06-repair", "broken-judge", "judge", "accuracy: this judges"),
    ],
)
def test_what_a_notebook_asks_to_repair_is_wrong(name, cell, function, words):
    source = CELLS[name[:2]][cell]
    code = re.search(r"^((import|from) .*\n)*def .*?(?=\n\n\n|\n```|\Z)", source, re.S | re.M)
    assert words in exercises.what_is_wrong(name, defined_by(code[0], name, function))


def off_by(function):
    """For an exercise whose answer is a function: a factor → the right function, times it."""

    def answer(factor, *given):
        found = function(*given)
        return None if found is None else factor * found

    return lambda factor: functools.partial(answer, factor)


@pytest.mark.parametrize(
    ("name", "answer", "within"),  # ``answer`` of a factor: 1 gives the right one
    [
        ("01-minutes", lambda x: 12 * x, 0.008),
        ("01-batch", lambda x: 50 * x, 0),
        ("01-timer", lambda x: changed("01-timer", {"return ": f"return {0.02 * x} + 0 * "}), 0.1),
        ("01-loss-scale", off_by(through(np.float16)), 1e-5),
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
        ("05-cost", off_by(stack_macs), 0),
        ("06-recall", lambda x: (0.75 * x, 0.9), 0.005),
        ("06-recall", lambda x: (0.75, 0.9 * x), 0.005),
        ("06-overfit", lambda x: 4 * x, 0),
        ("06-f1", off_by(lambda p, r: 2 * p * r / (p + r) if p else 0), 1e-6),
        ("06-threshold", off_by(lowest_by_counting), 1e-6),
    ],
)
def test_an_answer_may_be_off_by_so_much_and_no_more(name, answer, within):
    for inside in (1 - 0.98 * within, 1 + 0.98 * within):
        assert exercises.what_is_wrong(name, answer(inside)) is None
    for outside in (1 - 1.02 * within - 1e-8, 1 + 1.02 * within + 1e-8):
        assert exercises.what_is_wrong(name, answer(outside))


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
    with pytest.raises(KeyError, match="There is no exercise '06-nothing'"):
        exercises.check("06-nothing", 1)


@pytest.mark.parametrize("notebook", CELLS)
def test_a_notebook_asks_each_of_its_exercises(notebook):
    text = "\n".join(CELLS[notebook].values())
    for call in ("check", "hint", "solution"):
        asked = re.findall(rf'exercises\.{call}\("([\w-]+)"', text)
        assert sorted(asked) == sorted(name for name in exercises.TEXTS if name[:2] == notebook)


def test_a_mystery_block_has_a_sign_of_its_own_and_its_name_does_not_tell():
    """What the experiments of notebook 04 say of each block, nbval compares."""
    signs = {FAULTS[fault].sign for fault in MYSTERIES.values()}
    assert len(signs) == len(MYSTERIES) and all(signs)
    for block in mystery_blocks().values():
        assert "<lambda>" in repr(block) and not block.__doc__


@pytest.mark.parametrize(
    ("cell", "faults"),
    [("03 exercise-diagnose-faults", SUSPECTS), ("04 exercise-diagnose-text", MYSTERIES)],
)
def test_a_notebook_names_each_fault_in_an_order_that_gives_nothing_away(cell, faults):
    number, cell = cell.split()
    listed = re.findall(r'^\| `"?([\w ]+)"?`', CELLS[number][cell], re.MULTILINE)
    assert sorted(listed) == sorted(faults.values())
    assert listed != list(faults.values())


def test_a_built_stack_costs_what_the_formula_says():
    x = keras.Input((8, 8, 8))
    built = my_stack(x, 2, channels=16, width=8, groups=4, strides=2, name="s")
    assert stack_macs(2, 8, 16, 8, 4, 8, 2) == counting.macs(keras.Model(x, built))


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
