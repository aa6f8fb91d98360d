"""The exercises of notebook 03: right answers pass, each common mistake gets its own message."""

import itertools
import json

import keras
import numpy as np
import pytest
from keras import ops

from resnext_helpers import exercises
from resnext_helpers.exercises.grouped_convolution import EXERCISES
from resnext_helpers.settings import PROJECT

NOTEBOOK = PROJECT / "notebooks" / "03_grouped_convolution.ipynb"


def verdict(capsys, name, answer):
    exercises.check(name, answer)
    return capsys.readouterr().out


def right(capsys, name, answer):
    return verdict(capsys, name, answer).startswith(f"{name}: right!")


def split_and_join(x, kernel, groups):
    parts, kernels = ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1)
    pairs = zip(parts, kernels, strict=True)
    return ops.concatenate([ops.conv(p, k, padding="same") for p, k in pairs], axis=-1)


def with_numpy(x, kernel, groups):
    """From the definition, and with another result type than a tensor."""
    x, kernel = ops.convert_to_numpy(x), ops.convert_to_numpy(kernel)
    width, filters = x.shape[-1] // groups, kernel.shape[-1] // groups
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    result = np.zeros((*x.shape[:3], kernel.shape[-1]))
    for row, column, o in itertools.product(range(3), range(3), range(kernel.shape[-1])):
        g = o // filters
        window = padded[:, row : row + x.shape[1], column : column + x.shape[2]]
        seen = window[..., g * width : (g + 1) * width]
        result[..., o] += seen @ kernel[row, column, :, o]
    return result


def with_keras_layer(x, kernel, groups):
    layer = keras.layers.Conv2D(kernel.shape[-1], 3, padding="same", groups=groups, use_bias=False)
    layer.build(x.shape)
    layer.set_weights([kernel])
    return layer(x)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("03-parameters", 18432),
        ("03-parameters", 18432.0),
        ("03-parameters", np.int64(18432)),
        ("03-who-sees", range(8, 16)),
        ("03-who-sees", {8, 9, 10, 11, 12, 13, 14, 15}),
        ("03-who-sees", np.arange(8, 16)),
        ("03-who-sees", [15, 14, 13, 12, 11, 10, 9, 8]),
        ("03-by-hand", split_and_join),
        ("03-by-hand", with_numpy),
        ("03-by-hand", with_keras_layer),
        ("03-dead-channels", [10, 11]),
        ("03-dead-channels", (11, 10)),
        ("03-dead-channels", np.array([10, 11])),
    ],
)
def test_right_answers_pass(capsys, name, answer):
    assert right(capsys, name, answer)


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("03-parameters", 589_824, "standard convolution"),
        ("03-parameters", 18_688, "256 biases"),
        ("03-parameters", 576, "one group alone"),
        ("03-parameters", 2048, "3 pixels high"),
        ("03-parameters", 73_728, "32 is the number of groups"),
        ("03-parameters", 17, "Think of one filter"),
        ("03-parameters", float("nan"), "Think of one filter"),
        ("03-parameters", "18432", "one number"),
        ("03-parameters", True, "one number"),
        ("03-parameters", [18432], "one number"),
        ("03-who-sees", [4, 5, 6, 7], "input channels of the right group"),
        ("03-who-sees", range(9, 17), "counted from 1"),
        ("03-who-sees", range(16, 24), "one group too far"),
        ("03-who-sees", range(128), "standard convolution"),
        ("03-who-sees", [8, 9], "more than 2"),
        ("03-who-sees", [], "First find the group"),
        ("03-who-sees", [5], "First find the group"),
        ("03-who-sees", range(8, 17), "First find the group"),
        ("03-who-sees", 8, "list of whole numbers"),
        ("03-who-sees", "8-15", "list of whole numbers"),
        ("03-who-sees", [8.5], "list of whole numbers"),
        ("03-who-sees", [float("inf")], "list of whole numbers"),
        ("03-who-sees", [None], "list of whole numbers"),
        ("03-who-sees", np.eye(3), "list of whole numbers"),
        ("03-who-sees", itertools.count(), "First find the group"),
        ("03-dead-channels", [11, 12], "from 0"),
        ("03-dead-channels", range(10), "that live"),
        ("03-dead-channels", [3, 6], "Two groups read these"),
        ("03-dead-channels", set(), "There are some"),
        ("03-dead-channels", [8, 9, 10, 11], "which rows"),
        ("03-dead-channels", "10, 11", "list of whole numbers"),
    ],
)
def test_wrong_answers_get_their_own_message(capsys, name, answer, message):
    said = verdict(capsys, name, answer)
    assert said.startswith(f"{name}: not yet. ")
    assert message in said


def one_group_for_all(x, kernel, groups):
    """The article's loop, as it really computes."""
    part = ops.split(x, groups, axis=-1)[-1]
    kernels = ops.split(kernel, groups, axis=-1)
    return ops.concatenate([ops.conv(part, k, padding="same") for k in kernels], axis=-1)


def one_kernel_for_all(x, kernel, groups):
    parts, first = ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1)[0]
    return ops.concatenate([ops.conv(p, first, padding="same") for p in parts], axis=-1)


def no_border(x, kernel, groups):
    return split_and_join(x, kernel, groups)[:, 1:-1, 1:-1]


def last_group_only(x, kernel, groups):
    return split_and_join(x, kernel, groups)[..., -(kernel.shape[-1] // groups) :]


def groups_backwards(x, kernel, groups):
    return ops.concatenate(ops.split(split_and_join(x, kernel, groups), groups, axis=-1)[::-1], -1)


def joined_at_the_wrong_axis(x, kernel, groups):
    return ops.concatenate(ops.split(split_and_join(x, kernel, groups), groups, axis=-1), axis=1)


def only_for_as_many_filters_as_channels(x, kernel, groups):
    width = x.shape[-1] // groups
    results = []
    for g in range(groups):
        channels = slice(g * width, (g + 1) * width)
        results.append(ops.conv(x[..., channels], kernel[..., channels], padding="same"))
    return ops.concatenate(results, axis=-1)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (one_group_for_all, "every group reads the same channels"),
        (one_kernel_for_all, "every group uses the same filters"),
        (no_border, 'use padding="same"'),
        (last_group_only, "concatenate the results of all groups"),
        (groups_backwards, "order isn't: put group after group"),
        (
            joined_at_the_wrong_axis,
            "result's shape is (2, 20, 6, 2), and it should be (2, 5, 6, 8)",
        ),
        (only_for_as_many_filters_as_channels, "With 6 channels, 12 filters and 3 groups, "),
        (lambda x, kernel, groups: 2 * split_and_join(x, kernel, groups), "the numbers aren't"),
        (lambda x, kernel, groups: ops.split(x, groups + 1, axis=-1), "stopped with"),
        (lambda x, kernel, groups: None, "returned None"),
        (lambda x, kernel, groups: "done", "result's shape is ()"),
        (lambda x, kernel, groups: [[1], [2, 3]], "your function stopped with"),
        (lambda x, kernel: x, "your function stopped with TypeError"),
        (split_and_join(np.ones((1, 3, 3, 2)), np.ones((3, 3, 1, 2)), 2), "function itself"),
    ],
)
def test_wrong_functions_get_their_own_message(capsys, function, message):
    said = verdict(capsys, "03-by-hand", function)
    assert said.startswith("03-by-hand: not yet. ")
    assert message in said


@pytest.mark.parametrize("name", EXERCISES)
def test_an_unanswered_exercise_breaks_nothing(capsys, name):
    assert "not answered yet" in verdict(capsys, name, None)


def test_the_shown_solutions_are_right(capsys):
    for name in ("03-by-hand", "03-who-sees"):
        exercises.solution(name)
        _, _, shown = capsys.readouterr().out.partition("solution:\n")
        code = shown[shown.index("def " if "def " in shown else "answer =") :]
        scope = {"ops": ops}
        exec(code, scope)
        assert right(capsys, name, scope["answer"])


def notebook_cell(cell_id):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    (source,) = ["".join(cell["source"]) for cell in cells if cell["id"] == cell_id]
    return source


def test_the_notebooks_mystery_has_the_dead_channels_that_the_checker_wants(capsys):
    scope = {"keras": keras, "ops": ops, "np": np}
    exec(notebook_cell("probe").partition("\n\n\nfor ")[0], scope)
    exec(notebook_cell("mystery"), scope)
    lives = scope["probe"](scope["mystery"], 12).any(axis=1)
    assert right(capsys, "03-dead-channels", np.flatnonzero(~lives))
    assert scope["mystery"](np.zeros((1, 8, 8, 12), "float32")).shape == (1, 8, 8, 12)


def test_the_notebook_asks_each_exercise():
    text = NOTEBOOK.read_text(encoding="utf-8")
    for name in EXERCISES:
        for call in ("check", "hint", "solution"):
            assert f'exercises.{call}(\\"{name}\\"' in text
