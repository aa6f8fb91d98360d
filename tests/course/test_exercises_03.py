"""The exercises of notebook 03: right answers pass, each common mistake gets its own message."""

import itertools
import json
import re

import keras
import numpy as np
import pytest
from keras import ops

from resnext_course import exercises
from resnext_course.exercises import wrong_convolutions
from resnext_helpers.settings import PROJECT

NOTEBOOK = PROJECT / "notebooks" / "03_grouped_convolution.ipynb"


DIAGNOSES = {
    "A": "mixed",
    "B": "last for all",
    "C": "wrong axis",
    "D": "swapped",
    "E": "right",
    "F": "one twice",
    "G": "wrong order",
}


def verdict(capsys, name, answer):
    exercises.check(name, answer)
    return capsys.readouterr().out


def right(capsys, name, answer):
    return verdict(capsys, name, answer).startswith(f"{name}: right!")


def split_and_join(x, kernel, groups, convolve):
    parts, kernels = ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1)
    pairs = zip(parts, kernels, strict=True)
    return ops.concatenate([convolve(p, k) for p, k in pairs], axis=-1)


def by_slices_in_numpy(x, kernel, groups, convolve):
    """Written into an array of zeros, and with another result type than a tensor."""
    x, kernel = ops.convert_to_numpy(x), ops.convert_to_numpy(kernel)
    width, filters = x.shape[-1] // groups, kernel.shape[-1] // groups
    result = np.zeros((*x.shape[:3], kernel.shape[-1]))
    for g in range(groups):
        mine = slice(g * filters, (g + 1) * filters)
        result[..., mine] = convolve(x[..., g * width : (g + 1) * width], kernel[..., mine])
    return result


def one_filter_at_a_time(x, kernel, groups, convolve):
    width, filters = kernel.shape[2], kernel.shape[-1]
    results = []
    for o in range(filters):
        first = o // (filters // groups) * width
        results.append(convolve(x[..., first : first + width], kernel[..., o : o + 1]))
    return ops.concatenate(results, axis=-1)


def by_zeros(x, kernel, groups, convolve):
    """One standard convolution whose kernel is block-diagonal: way 2 of the notebook."""
    kernel = ops.convert_to_numpy(kernel)
    width, filters = kernel.shape[2], kernel.shape[-1] // groups
    wide = np.zeros((3, 3, width * groups, filters * groups), "float32")
    for g in range(groups):
        mine = slice(g * filters, (g + 1) * filters)
        wide[:, :, g * width : (g + 1) * width, mine] = kernel[..., mine]
    return convolve(x, wide)


def with_lambdas_that_keep_their_group(x, kernel, groups, convolve):
    width = x.shape[-1] // groups
    cuts = [lambda x, g=g: x[..., g * width : (g + 1) * width] for g in range(groups)]
    kernels = ops.split(kernel, groups, axis=-1)
    return ops.concatenate([convolve(cut(x), k) for cut, k in zip(cuts, kernels, strict=True)], -1)


def with_two_more_axes(x, kernel, groups, convolve):
    x = ops.reshape(x, (*x.shape[:3], groups, -1))
    kernel = ops.reshape(kernel, (*kernel.shape[:3], groups, -1))
    results = [convolve(x[..., g, :], kernel[..., g, :]) for g in range(groups)]
    stacked = ops.stack(results, axis=-2)
    return ops.reshape(stacked, (*x.shape[:3], -1))


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
        ("03-by-hand", by_slices_in_numpy),
        ("03-by-hand", one_filter_at_a_time),
        ("03-by-hand", by_zeros),
        ("03-by-hand", with_lambdas_that_keep_their_group),
        ("03-by-hand", with_two_more_axes),
        ("03-by-hand", wrong_convolutions.right),
        ("03-dead-channels", [10, 11]),
        ("03-dead-channels", (11, 10)),
        ("03-dead-channels", np.array([10, 11])),
        ("03-diagnose", DIAGNOSES),
        ("03-diagnose", dict(reversed(DIAGNOSES.items()))),
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
        ("03-diagnose", "right", "The answer is a dictionary"),
        ("03-diagnose", {"H": "right"}, "no suspect 'H'"),
        ("03-diagnose", {"A": "broken"}, "'broken' is no name in the table"),
        ("03-diagnose", {"A": ["mixed"]}, "['mixed'] is no name in the table"),
        ("03-diagnose", {"A": None}, "None is no name in the table"),
        ("03-diagnose", {"A": "mixed", "E": "right"}, "These are left: B, C, D, F, G."),
        ("03-diagnose", {}, "These are left: A, B, C, D, E, F, G."),
    ],
)
def test_wrong_answers_get_their_own_message(capsys, name, answer, message):
    said = verdict(capsys, name, answer)
    assert said.startswith(f"{name}: not yet. ")
    assert message in said


@pytest.mark.parametrize(
    ("letter", "clue"),
    [
        ("A", "input 0 feeds the outputs 0, 3, 6 and 9"),
        ("B", "How many rows of its table hold no True"),
        ("C", "probe finds nothing wrong with it"),
        ("D", "count how many inputs one output reads"),
        ("E", "Its table is as it should be"),
        ("F", "which hold twice as many as they should"),
        ("G", "which outputs do the inputs 0 to 3 feed"),
    ],
)
def test_a_wrong_diagnosis_gets_the_suspects_own_clue(capsys, letter, clue):
    for wrong in set(DIAGNOSES.values()) - {DIAGNOSES[letter]}:
        said = verdict(capsys, "03-diagnose", {**DIAGNOSES, letter: wrong})
        assert f"{letter} is not '{wrong}'." in said
        assert clue in said


def connections(channels, filters, groups):
    """By hand, without the notebook's rule."""
    return np.kron(np.eye(groups), np.ones((channels // groups, filters // groups))).astype(bool)


def test_each_suspect_has_the_fault_of_its_name(probe):
    suspects, kernel = wrong_convolutions.line_up()
    tables = {DIAGNOSES[letter]: probe(suspect, 12) for letter, suspect in suspects.items()}
    good = connections(12, 12, 3)
    for name in ("right", "wrong axis"):
        np.testing.assert_array_equal(tables[name], good)
    np.testing.assert_array_equal(tables["swapped"], connections(12, 12, 4))
    np.testing.assert_array_equal(tables["wrong order"], good[:, ::-1])
    np.testing.assert_array_equal(np.flatnonzero(tables["mixed"][0]), [0, 3, 6, 9])
    assert not tables["last for all"][:8].any() and tables["last for all"][8:].all()
    assert not tables["one twice"][:4].any() and tables["one twice"].sum() == good.sum()

    x = keras.random.normal((1, 8, 8, 12), seed=5)
    wanted = split_and_join(x, kernel, 3, wrong_convolutions.convolve)
    same = {letter for letter, suspect in suspects.items() if np.allclose(suspect(x), wanted)}
    assert same == {"E"}


def test_a_standard_convolution_refuses_groups():
    with pytest.raises(ValueError, match="x has 8 channels, but this kernel is for 2 channels"):
        wrong_convolutions.convolve(np.ones((1, 3, 3, 8)), np.ones((3, 3, 2, 8)))


def with_keras_layer(x, kernel, groups, convolve):
    layer = keras.layers.Conv2D(kernel.shape[-1], 3, padding="same", groups=groups, use_bias=False)
    layer.build(x.shape)
    layer.set_weights([kernel])
    return layer(x)


def one_kernel_for_all(x, kernel, groups, convolve):
    parts, first = ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1)[0]
    return ops.concatenate([convolve(part, first) for part in parts], axis=-1)


def all_filters_for_each(x, kernel, groups, convolve):
    return ops.concatenate([convolve(p, kernel) for p in ops.split(x, groups, axis=-1)], axis=-1)


def last_group_only(x, kernel, groups, convolve):
    return split_and_join(x, kernel, groups, convolve)[..., -(kernel.shape[-1] // groups) :]


def first_group_twice(x, kernel, groups, convolve):
    parts, kernels = ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1)
    parts = [parts[max(g - 1, 0)] for g in range(groups)]
    return ops.concatenate(list(map(convolve, parts, kernels)), axis=-1)


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


def one_channel_short(x, kernel, groups, convolve):
    return convolve(x[..., : kernel.shape[2] - 1], kernel)


MUTANTS = [
    (wrong_convolutions.last_for_all, "every group reads the same channels"),
    (wrong_convolutions.swapped, "3 is the number of groups: the two are swapped"),
    (wrong_convolutions.one_twice, "part 3 of x is read by more than one group, and part 1 by"),
    (wrong_convolutions.wrong_order, "order isn't: your result begins with group 3"),
    (wrong_convolutions.mixed, "the groups are mixed"),
    (wrong_convolutions.wrong_axis, "wrong axis: each group's filters are a mixture"),
    (kernel_split_at_its_third_axis, "wrong axis. Its third axis holds the channels of one group"),
    (first_group_twice, "part 1 of x is read by more than one group, and part 3 by none"),
    (one_kernel_for_all, "every group uses the same filters"),
    (all_filters_for_each, "Each group uses all filters"),
    (last_group_only, "concatenate the results of all groups"),
    (parts_of_two_groups_meet, "part 1 of x meets part 3 of the kernel"),
    (with_keras_layer, "never called convolve"),
    (lambda x, kernel, groups, convolve: convolve(x, kernel), "convolve got all channels of x"),
    (one_channel_short, "convolve got 5 channels of x, but a kernel for 6 channels"),
    (joined_at_the_wrong_axis, "result's shape is (2, 15, 6, 12), and it should be (2, 5, 6, 36)"),
    (
        lambda x, kernel, groups, convolve: 2 * split_and_join(x, kernel, groups, convolve),
        "the numbers aren't",
    ),
    (only_for_as_many_filters_as_channels, "result's shape is (2, 5, 6, 18)"),
    (lambda x, kernel, groups, convolve: None, "returned None"),
    (lambda x, kernel, groups, convolve: ops.split(x, groups + 1, axis=-1), "stopped with"),
    (lambda x, kernel, groups, convolve: [[1], [2, 3]], "your function stopped with"),
    (lambda x, kernel, groups: x, "your function stopped with TypeError"),
    (np.ones((1, 3, 3, 2)), "function itself"),
]


@pytest.mark.parametrize(("function", "message"), MUTANTS)
def test_wrong_functions_get_their_own_message(capsys, function, message):
    said = verdict(capsys, "03-by-hand", function)
    assert said.startswith("03-by-hand: not yet. ")
    assert message in said


def test_no_two_of_the_shared_mutants_get_the_same_message(capsys):
    mutants = [one for one, _ in MUTANTS if getattr(one, "__module__", "").endswith("convolutions")]
    assert len(mutants) == len(DIAGNOSES) - 1
    assert len({verdict(capsys, "03-by-hand", mutant) for mutant in mutants}) == len(mutants)


def test_a_mistake_in_one_shape_only_is_found(capsys):
    """Right where a group has as many channels as filters, as in notebook 04's block."""
    said = verdict(capsys, "03-by-hand", only_if_there_is_more_than_one_group)
    assert "With 4 channels, 4 filters and 1 group," in said


def only_if_there_is_more_than_one_group(x, kernel, groups, convolve):
    result = split_and_join(x, kernel, groups, convolve)
    return result if groups > 1 else 0 * result


def test_the_shown_solutions_are_right(capsys):
    for name in ("03-by-hand", "03-who-sees", "03-diagnose"):
        exercises.solution(name)
        _, _, shown = capsys.readouterr().out.partition("solution:\n")
        start = shown.index("def " if "def " in shown else "answer =")
        end = shown.index("\n", shown.index("answer ="))
        scope = {"ops": ops}
        exec(shown[start:end], scope)
        assert right(capsys, name, scope["answer"])


def notebook_cell(cell_id):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    (source,) = ["".join(cell["source"]) for cell in cells if cell["id"] == cell_id]
    return source


@pytest.fixture
def probe():
    """The notebook's own function."""
    scope = {"keras": keras, "ops": ops, "np": np}
    exec(notebook_cell("probe").partition("\n\n\nfor ")[0], scope)
    return scope["probe"]


def test_the_notebooks_mystery_has_the_dead_channels_that_the_checker_wants(capsys, probe):
    scope = {"keras": keras, "ops": ops}
    exec(notebook_cell("mystery"), scope)
    lives = probe(scope["mystery"], 12).any(axis=1)
    assert right(capsys, "03-dead-channels", np.flatnonzero(~lives))
    assert scope["mystery"](np.zeros((1, 8, 8, 12), "float32")).shape == (1, 8, 8, 12)


def test_the_notebook_names_each_fault_and_no_other():
    question = notebook_cell("exercise-diagnose-question")
    assert set(re.findall(r'^\| `"([\w ]+)"`', question, re.MULTILINE)) == set(DIAGNOSES.values())
