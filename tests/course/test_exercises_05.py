"""The checkers of notebook 05 accept what is right, however written, and name each mistake."""

import functools

import keras
import pytest

from resnext_course import exercises
from resnext_course.exercises import _classifier_exercise, _stack_exercises
from resnext_helpers import counting, models


def verdict(capsys, name, answer):
    exercises.check(name, answer)
    return capsys.readouterr().out


def solved(capsys, name, function):
    """The function that a solution defines, run as a learner would who copies it."""
    exercises.solution(name)
    code = capsys.readouterr().out.split("\n", 1)[1].split("\nWith a softmax")[0]
    namespace = {"counting": counting, "keras": keras, "models": models}
    exec(code, namespace)
    return namespace[function]


# Numbers


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("05-blocks", 6),
        ("05-blocks", 6.0),
        ("05-depth", [3, 4, 6, 3]),
        ("05-depth", (3, 4, 6, 3)),
        ("05-field", 483),
        ("05-field", 427 + 8 + 16 + 32.0),
    ],
)
def test_right_numbers(capsys, name, answer):
    assert ": right!" in verdict(capsys, name, answer)


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("05-blocks", 5, "Is there a block before the loop?"),
        ("05-blocks", 7, "One call of block() before the loop"),
        ("05-blocks", "six", "is no number"),
        ("05-blocks", True, "is no number"),
        ("05-depth", [2, 3, 5, 2], "These are the loops of the article"),
        ("05-depth", [3, 4, 5, 3], "= 47 layers with weights"),
        ("05-depth", [4, 4, 4, 4], "shares the blocks differently"),
        ("05-depth", 50, "as a list"),
        ("05-resnet", 50, "no Keras model"),
        ("05-field", 427, "with the stride in the 3×3"),
        ("05-field", 493, "you moved the stem's strides too"),
        ("05-field", 500, "makes the longer steps already"),
        ("05-field", "all", "is no number"),
    ],
)
def test_wrong_answers_get_their_own_message(capsys, name, answer, message):
    said = verdict(capsys, name, answer)
    assert "not yet" in said
    assert message in said


def receptive_field(early_stack_strides, early_stem_strides=False):
    """By hand: each window with its stride, before it or behind it."""
    size, step = 1, 1
    windows = [(7, 2, early_stem_strides), (3, 2, early_stem_strides)]
    for stage, count in enumerate((3, 4, 6, 3)):
        windows += [(3, 2 if stage and not i else 1, early_stack_strides) for i in range(count)]
    for kernel, stride, early in windows:
        size += (kernel - 1) * step * (stride if early else 1)
        step *= stride
    return size


def test_the_numbers_of_the_receptive_field():
    assert receptive_field(False) == 427
    assert receptive_field(True) == 483
    assert receptive_field(True, early_stem_strides=True) == 493


# ResNet-50


def test_two_ways_to_resnet50(capsys):
    built = models.resnext((224, 224, 3), 1000, groups=1, width_per_group=64)
    assert ": right!" in verdict(capsys, "05-resnet", built)
    assert ": right!" in verdict(capsys, "05-resnet", models.ResNet50())


def test_other_networks_are_not_resnet50(capsys):
    resnext = verdict(capsys, "05-resnet", models.ResNeXt50())
    assert "25,028,904 parameters" in resnext
    assert "4 classes" in verdict(capsys, "05-resnet", models.ResNet50(num_classes=4))
    small = models.ResNet50((64, 64, 3))
    assert "(64, 64, 3)" in verdict(capsys, "05-resnet", small)


# What a stack costs


right_cost = _stack_exercises.stack_macs


@pytest.mark.parametrize("stack", _stack_exercises.STACKS.values())
def test_the_solution_of_the_cost_is_what_a_built_stack_counts(stack):
    count, in_channels, channels, width, groups, size, strides = stack
    inputs = keras.Input((size, size, in_channels))
    form = {"channels": channels, "width": width, "groups": groups, "strides": strides}
    built = keras.Model(inputs, _stack(inputs, count, **form))
    assert right_cost(*stack) == counting.macs(built)


def _stack(x, number_of_blocks, *, strides, name="s", **form):
    for i in range(number_of_blocks):
        x = models.block(x, **form, strides=1 if i else strides, name=f"{name}_{i}")
    return x


def cost_in_one_sum(n, a, b, w, g, size, s):
    left = (size // s) ** 2
    first = a * w * size**2 + a * b * left
    return float(first + left * (n * (9 * w * w // g + w * b) + (n - 1) * b * w))


def test_right_costs(capsys):
    assert ": right!" in verdict(capsys, "05-cost", cost_in_one_sum)
    assert ": right!" in verdict(capsys, "05-cost", solved(capsys, "05-cost", "stack_macs"))


def wrong_cost(n, a, b, w, g, size, s, *, projections=1, early=False, alike=False, keep=False):
    """A stack's multiply-adds, with one mistake."""
    total, left = 0, size // s
    if keep:
        left = size
    for block in range(n):
        entering, before = (a, size) if alike or not block else (b, left)
        total += entering * w * (left if early else before) ** 2
        total += (9 * w * w // g + w * b) * left**2
        if alike or block < projections:
            total += entering * b * left**2
    return total


COST_MUTANTS = {
    "the projection": functools.partial(wrong_cost, projections=0),
    "the others' is the identity": functools.partial(wrong_cost, projections=99),
    "width / groups": lambda n, a, b, w, g, size, s: wrong_cost(n, a, b, w, 1, size, s),
    "still works on the large map": functools.partial(wrong_cost, early=True),
    "The map gets smaller": functools.partial(wrong_cost, keep=True),
    "Only the first block gets in_channels": functools.partial(wrong_cost, alike=True),
    "That is one block": lambda n, *rest: wrong_cost(1, *rest),
    "Those are the weights": lambda n, a, b, w, g, size, s: wrong_cost(n, a, b, w, g, 1, 1),
    "not as two": lambda *stack: 2 * wrong_cost(*stack),
    "one by one": lambda *stack: 1 + wrong_cost(*stack),
    "fails with TypeError": lambda n: n,
    "Is there a return?": lambda *stack: None,
    "is no function": 25,
}


@pytest.mark.parametrize(("message", "mutant"), COST_MUTANTS.items())
def test_each_wrong_cost_gets_its_own_message(capsys, message, mutant):
    said = verdict(capsys, "05-cost", mutant)
    assert "not yet" in said
    assert [other for other in COST_MUTANTS if other in said] == [message]


def test_a_cost_that_is_right_for_one_stack_alone_is_refused(capsys):
    def for_many_groups_alone(*stack):
        return right_cost(*stack[:4], max(8, stack[4]), *stack[5:])

    assert "ResNet-50's stack 4" in verdict(capsys, "05-cost", for_many_groups_alone)


# A stack to repair


def recursive_stack(x, number_of_blocks, *, channels, width, groups, strides, name):
    form = {"channels": channels, "width": width, "groups": groups}
    if number_of_blocks > 1:
        x = recursive_stack(x, number_of_blocks - 1, **form, strides=strides, name=name)
        strides = 1
    return models.block(x, **form, strides=strides, name=f"{name}-{number_of_blocks}")


def stack_with_a_block_before_the_loop(x, number_of_blocks, *, strides, name, **form):
    x = models.block(x, **form, strides=strides, name="first")
    for i in range(number_of_blocks - 1):
        x = models.block(x, **form, name=f"other{i}")
    return x


def stack_with_keras_own_layers(x, number_of_blocks, *, channels, width, groups, strides, name):
    layers = keras.layers
    for i in range(number_of_blocks):
        step = 1 if i else strides
        y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 1, use_bias=False)(x)))
        y = layers.ZeroPadding2D()(y)
        y = layers.Conv2D(width, 3, groups=groups, strides=step, use_bias=False)(y)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(channels, 1, use_bias=False)(y))
        if not i:
            x = layers.Conv2D(channels, 1, strides=step, use_bias=False)(x)
            x = layers.BatchNormalization()(x)
        x = layers.ReLU()(y + x)
    return x


@pytest.mark.parametrize(
    "answer",
    [
        models.stack,
        _stack,
        recursive_stack,
        stack_with_a_block_before_the_loop,
    ],
)
def test_right_stacks(capsys, answer):
    assert ": right!" in verdict(capsys, "05-stack", answer)


def test_a_right_stack_of_other_layers(capsys):
    def shortcut_where_the_shape_changes(x, number_of_blocks, *, channels, **form):
        assert x.shape[-1] != channels  # in every trial, so that a projection is needed
        return stack_with_keras_own_layers(x, number_of_blocks, channels=channels, **form)

    assert ": right!" in verdict(capsys, "05-stack", shortcut_where_the_shape_changes)


def test_the_solution_of_the_stack(capsys):
    assert ": right!" in verdict(capsys, "05-stack", solved(capsys, "05-stack", "my_stack"))


def loop(x, count, name, block):
    for i in range(count):
        x = block(x, i, f"{name}_{i}")
    return x


def as_in_the_article(x, number_of_blocks, *, strides, name, **form):
    x = models.block(x, **form, strides=strides, name=f"{name}_first")
    return loop(x, number_of_blocks, name, lambda x, i, name: models.block(x, **form, name=name))


def strides_everywhere(x, number_of_blocks, *, name, **form):
    return loop(x, number_of_blocks, name, lambda x, i, name: models.block(x, **form, name=name))


def strides_nowhere(x, number_of_blocks, *, strides, name, **form):
    return strides_everywhere(x, number_of_blocks, name=name, **form)


def strides_at_the_end(x, number_of_blocks, *, strides, name, **form):
    def block(x, i, name):
        last = i == number_of_blocks - 1
        return models.block(x, **form, strides=strides if last else 1, name=name)

    return loop(x, number_of_blocks, name, block)


def side_by_side(x, number_of_blocks, *, name, **form):
    for i in range(number_of_blocks):
        y = models.block(x, **form, name=f"{name}_{i}")
    return y


def without_groups(x, number_of_blocks, *, groups, **form):
    return _stack(x, number_of_blocks, **form, groups=1)


def too_wide(x, number_of_blocks, *, width, **form):
    return _stack(x, number_of_blocks, **form, width=2 * width)


def groups_and_width_swapped(x, number_of_blocks, *, width, groups, **form):
    return _stack(x, number_of_blocks, **form, width=groups, groups=width)


def one_name(x, number_of_blocks, *, strides, name, **form):
    for i in range(number_of_blocks):
        x = models.block(x, **form, strides=1 if i else strides, name=name)
    return x


def without_return(x, number_of_blocks, **form):
    _stack(x, number_of_blocks, **form)


def four_times_the_channels(x, number_of_blocks, *, channels, **form):
    return _stack(x, number_of_blocks, **form, channels=4 * channels)


def always_three(x, number_of_blocks, **form):
    return _stack(x, 3, **form)


def with_one_convolution_more(x, number_of_blocks, **form):
    x = _stack(x, number_of_blocks, **form)
    return keras.layers.Conv2D(form["channels"], 1)(x)


def of_loose_layers(x, number_of_blocks, **form):
    return keras.layers.Flatten()(x)


STACK_MUTANTS = {
    "is there a block outside the loop?": as_in_the_article,
    "every block strides, and only one should": strides_everywhere,
    "32×32 becomes 32×32, and should become 16×16": strides_nowhere,
    "a later block strides": strides_at_the_end,
    "each must go on from the last": side_by_side,
    "its 3×3 convolutions have 1": without_groups,
    "its blocks are 32 wide inside": too_wide,
    "4 filters can't be shared equally by 16 groups": groups_and_width_swapped,
    "Two blocks have the same name": one_name,
    "should be return x": without_return,
    "128 channels leave it, not 32": four_times_the_channels,
    "Asked for 2 blocks with strides=1, it makes 3": always_three,
    "and a stack of such blocks has": with_one_convolution_more,
    "strides=2, it makes 0": of_loose_layers,
    "it fails with TypeError": lambda x: x,
    "is no function": "stack",
}


@pytest.mark.parametrize(("message", "mutant"), STACK_MUTANTS.items())
def test_each_wrong_stack_gets_its_own_message(capsys, message, mutant):
    said = verdict(capsys, "05-stack", mutant)
    assert "not yet" in said
    assert message in said


# A classifier to repair


def classifier(
    inputs,
    features,
    num_classes,
    learning_rate,
    *,
    activation=None,
    loss=None,
    optimizer=None,
    metrics=("accuracy",),
):
    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=activation is None)
    x = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(inputs, keras.layers.Dense(num_classes, activation=activation)(x))
    optimizer = optimizer or keras.optimizers.Adam(learning_rate)
    model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics))
    return model


def changed(**arguments):
    return functools.partial(classifier, **arguments)


FROM_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def scheduled(inputs, features, num_classes, learning_rate):
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, 100)
    optimizer = keras.optimizers.SGD(schedule)
    return classifier(inputs, features, num_classes, 0, optimizer=optimizer)


@pytest.mark.parametrize(
    "answer",
    [
        classifier,
        changed(activation="softmax"),
        changed(activation="softmax", loss="sparse_categorical_crossentropy"),
        changed(metrics=[keras.metrics.SparseCategoricalAccuracy()]),
        scheduled,
    ],
)
def test_right_classifiers(capsys, answer):
    assert ": right!" in verdict(capsys, "05-compile", answer)


def test_the_solution_of_the_classifier(capsys):
    answer = solved(capsys, "05-compile", "my_classifier")
    assert ": right!" in verdict(capsys, "05-compile", answer)


def not_compiled(inputs, features, num_classes, learning_rate):
    model = classifier(inputs, features, num_classes, learning_rate)
    return keras.Model(model.inputs, model.outputs)


CLASSIFIER_MUTANTS = {
    "the optimizer that you made isn't used": changed(optimizer="adam"),
    "it trains with 0.5": changed(optimizer=keras.optimizers.SGD(0.5)),
    "one softmax too many": changed(activation="softmax", loss=FROM_LOGITS),
    "the loss takes them for probabilities": changed(loss="sparse_categorical_crossentropy"),
    "take SparseCategoricalCrossentropy": changed(loss="categorical_crossentropy"),
    "for these probabilities the cross-entropy is": changed(
        activation="softmax", loss=lambda true, predicted: keras.ops.mean(predicted) + 7
    ),
    "metrics=['accuracy'] is missing": changed(metrics=()),
    "The model isn't compiled": not_compiled,
    "the model gives the shape (5,)": lambda i, f, n, r: classifier(i, f, 5, r),
    "It returns NoneType": lambda *arguments: None,
    "It fails with TypeError": lambda: None,
    "is no function": "adam",
}


@pytest.mark.parametrize(("message", "mutant"), CLASSIFIER_MUTANTS.items())
def test_each_wrong_classifier_gets_its_own_message(capsys, message, mutant):
    said = verdict(capsys, "05-compile", mutant)
    assert "not yet" in said
    assert message in said


def test_the_trial_does_not_ask_for_keras_own_rate():
    """Or an unused optimizer could not be noticed."""
    assert float(keras.optimizers.Adam().learning_rate) != _classifier_exercise.RATE
