"""Weights of torchvision and timm go into the right places of the course's networks, or nowhere.

That the filled network then answers as torchvision's does is in ``test_parity.py``.
"""

from pathlib import Path

import numpy as np
import pytest
from keras import ops
from safetensors.numpy import save_file

from resnext_helpers import models
from resnext_helpers.settings import CourseError
from resnext_helpers.torch_weights import Loaded, load_torchvision_weights, torchvision_names

CLASSES = 5
WIDTH, GROUPS = 8, 4
NORM = ("weight", "bias", "running_mean", "running_var")
SHAPES = {  # of torchvision's ResNet(Bottleneck, ...), if it had one block
    "conv1.weight": (64, 3, 7, 7),
    **{f"bn1.{name}": (64,) for name in NORM},
    "layer1.0.conv1.weight": (WIDTH, 64, 1, 1),
    **{f"layer1.0.bn1.{name}": (WIDTH,) for name in NORM},
    "layer1.0.conv2.weight": (WIDTH, WIDTH // GROUPS, 3, 3),
    **{f"layer1.0.bn2.{name}": (WIDTH,) for name in NORM},
    "layer1.0.conv3.weight": (256, WIDTH, 1, 1),
    **{f"layer1.0.bn3.{name}": (256,) for name in NORM},
    "layer1.0.downsample.0.weight": (256, 64, 1, 1),
    **{f"layer1.0.downsample.1.{name}": (256,) for name in NORM},
    "fc.weight": (CLASSES, 256),
    "fc.bias": (CLASSES,),
}


def small_network(blocks=(1,), groups=GROUPS):
    return models.resnext(
        (None, None, 3),
        CLASSES,
        groups=groups,
        width_per_group=WIDTH // groups,
        blocks=blocks,
        name="small",
    )


def state_dict(**changes):
    """Random tensors in torchvision's shapes; ``changes`` replaces shapes, None removes a tensor.

    A dot in a name is written as two underscores.
    """
    shapes = SHAPES | {name.replace("__", "."): shape for name, shape in changes.items()}
    random = np.random.default_rng(0)
    return {
        name: random.normal(size=shape).astype("float32")
        for name, shape in shapes.items()
        if shape is not None
    }


def weights(model):
    return {weight.path: ops.convert_to_numpy(weight) for weight in model.weights}


def weight(model, layer, name):
    return ops.convert_to_numpy(getattr(model.get_layer(layer), name))


def assert_filled(model, tensors):
    """The places of each kind of weight, written out."""
    np.testing.assert_array_equal(
        weight(model, "conv1", "kernel"), np.einsum("oihw->hwio", tensors["conv1.weight"])
    )
    np.testing.assert_array_equal(
        weight(model, "layer1_0_conv2", "kernel"),
        np.einsum("oihw->hwio", tensors["layer1.0.conv2.weight"]),
    )
    np.testing.assert_array_equal(
        weight(model, "layer1_0_downsample_0", "kernel")[0, 0],
        tensors["layer1.0.downsample.0.weight"][:, :, 0, 0].T,
    )
    for layer, name in (
        ("bn1", "bn1"),
        ("layer1_0_bn2", "layer1.0.bn2"),
        ("layer1_0_downsample_1", "layer1.0.downsample.1"),
    ):
        for ours, theirs in zip(
            ("gamma", "beta", "moving_mean", "moving_variance"), NORM, strict=True
        ):
            np.testing.assert_array_equal(weight(model, layer, ours), tensors[f"{name}.{theirs}"])
    np.testing.assert_array_equal(weight(model, "fc", "kernel"), tensors["fc.weight"].T)
    np.testing.assert_array_equal(weight(model, "fc", "bias"), tensors["fc.bias"])


def test_every_weight_has_torchvisions_name_and_shape():
    tensors = state_dict()
    model = small_network()
    assert load_torchvision_weights(model, tensors) == Loaded(filled=len(SHAPES), fresh=())
    assert_filled(model, tensors)


def test_names_with_two_digits_as_in_a_network_of_101_layers():
    names = torchvision_names(small_network(blocks=(11, 1)))
    assert {"layer1.10.bn3.running_var", "layer1.9.conv1.weight", "layer2.0.conv2.weight"} < set(
        names
    )


def test_a_file_as_text_or_path(tmp_path, capsys):
    tensors = state_dict()
    path = tmp_path / "weights.safetensors"
    save_file(tensors, path)
    for source in (path, str(path)):
        model = small_network()
        load_torchvision_weights(model, source)
        assert_filled(model, tensors)
    assert capsys.readouterr().out == ""


class TorchTensor:
    """What is used of a PyTorch tensor that is trained on a GPU in bfloat16."""

    def __init__(self, array, where="gpu, trained, bfloat16"):
        self.array, self.where = array, where

    def detach(self):
        return TorchTensor(self.array, self.where.replace(", trained", ""))

    def cpu(self):
        return TorchTensor(self.array, self.where.replace("gpu", "cpu"))

    def float(self):
        return TorchTensor(self.array, self.where.replace("bfloat16", "float32"))

    def __array__(self, dtype=None, copy=None):
        assert self.where == "cpu, float32"  # PyTorch would raise an error
        return self.array.astype(dtype)


@pytest.mark.parametrize(
    "kind",
    {
        "float64": lambda array: array.astype("float64"),
        "lists": np.ndarray.tolist,
        "PyTorch": TorchTensor,
    }.items(),
    ids=lambda kind: kind[0],
)
def test_tensors_of_other_kinds(kind):
    tensors = state_dict()
    model = small_network()
    load_torchvision_weights(model, {name: kind[1](array) for name, array in tensors.items()})
    assert_filled(model, tensors)


def test_training_on_several_gpus_and_counters_make_no_difference():
    tensors = state_dict()
    model = small_network()
    counted = {"bn1.num_batches_tracked": np.array(7), **tensors}
    load_torchvision_weights(model, {f"module.{name}": array for name, array in counted.items()})
    assert_filled(model, tensors)


def test_another_number_of_classes_leaves_the_last_layer_and_says_so(capsys):
    model = small_network()
    first = {name: weight(model, "fc", name) for name in ("kernel", "bias")}
    tensors = state_dict(fc__weight=(1000, 256), fc__bias=(1000,))
    loaded = load_torchvision_weights(model, tensors)

    assert loaded == Loaded(filled=len(SHAPES) - 2, fresh=("fc.weight", "fc.bias"))
    printed = capsys.readouterr().out
    assert printed == (
        "The state dict is for 1000 classes: fc, the last layer, keeps its own weights.\n"
    )
    assert_filled(model, tensors | {"fc.weight": first["kernel"].T, "fc.bias": first["bias"]})


WRONG = {
    "one missing": (
        {"layer1__0__conv2__weight": None},
        "1 tensor is missing (layer1.0.conv2.weight).",
    ),
    "many missing": (
        {name.replace(".", "__"): None for name in SHAPES if "bn" in name},
        "16 tensors are missing (bn1.weight, bn1.bias, bn1.running_mean, …).",
    ),
    "one unknown": (
        {"layer1__1__conv1__weight": (8, 256, 1, 1)},
        "1 tensor is unknown to the model (layer1.1.conv1.weight).",
    ),
    "another width": (
        {"layer1__0__conv2__weight": (8, 8, 3, 3)},
        "1 tensor is of another shape (layer1.0.conv2.weight is (8, 8, 3, 3) instead of "
        "(8, 2, 3, 3)).",
    ),
    "another rank": (
        {"bn1__running_var": (64, 1)},
        "1 tensor is of another shape (bn1.running_var is (64, 1) instead of (64,)).",
    ),
    "missing, unknown and of another shape": (
        {"fc__bias": None, "head": (5,), "bn1__weight": (32,), "bn1__bias": (32,)},
        "1 tensor is missing (fc.bias); 1 tensor is unknown to the model (head); 2 tensors are of "
        "another shape (bn1.weight is (32,) instead of (64,), bn1.bias is (32,) instead of (64,)).",
    ),
    "other classes, and other features": (
        {"fc__weight": (7, 128), "fc__bias": (7,)},
        "2 tensors are of another shape (fc.weight is (7, 128) instead of (5, 256), fc.bias is "
        "(7,) instead of (5,)).",
    ),
    "a last layer that contradicts itself": (
        {"fc__weight": (7, 256), "fc__bias": (6,)},
        "2 tensors are of another shape (fc.weight is (7, 256) instead of (5, 256), fc.bias is "
        "(6,) instead of (5,)).",
    ),
    "other classes, and one missing": (
        {"fc__weight": (7, 256), "fc__bias": (7,), "bn1__bias": None},
        "1 tensor is missing (bn1.bias).",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_does_not_fit_is_named_and_changes_nothing(kind, capsys):
    changes, message = WRONG[kind]
    model = small_network()
    before = weights(model)
    with pytest.raises(CourseError) as failure:
        load_torchvision_weights(model, state_dict(**changes))
    assert str(failure.value) == f"The state dict doesn't fit small: {message}"
    assert capsys.readouterr().out == ""
    for path, array in weights(model).items():
        np.testing.assert_array_equal(array, before[path], err_msg=path)


def test_weights_of_a_resnet_do_not_fit_a_resnext(tmp_path):
    save_file(state_dict(), tmp_path / "resnext.safetensors")
    with pytest.raises(
        CourseError, match=r"resnext\.safetensors doesn't fit small: 1 tensor is of"
    ):
        load_torchvision_weights(small_network(groups=1), tmp_path / "resnext.safetensors")


def test_a_file_that_holds_other_tensors_is_named():
    fixture = Path(__file__).parents[1] / "fixtures" / "zip.pth"
    with pytest.raises(CourseError, match=r"fixtures/zip\.pth doesn't fit small: 27 .* missing"):
        load_torchvision_weights(small_network(), fixture)
