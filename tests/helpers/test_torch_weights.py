"""Weights of torchvision and timm go into the right places of the course's networks, or nowhere.

That the filled network then answers as torchvision's does is in ``test_parity.py``.
"""

import numpy as np
import pytest
from safetensors.numpy import save, save_file

from resnext_helpers import models
from resnext_helpers.settings import CourseError

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


@pytest.fixture
def model():
    numbers = {"groups": GROUPS, "width_per_group": WIDTH // GROUPS, "blocks": (1,)}
    return models.resnext((None, None, 3), CLASSES, **numbers, name="small")


def state_dict(changes=None):
    """Random tensors in torchvision's shapes; ``changes`` replaces shapes, None removes one."""
    random = np.random.default_rng(0)
    return {
        name: random.normal(size=shape).astype("float32")
        for name, shape in (SHAPES | (changes or {})).items()
        if shape is not None
    }


def assert_filled(model, tensors):
    """Each tensor is where torchvision has it, with its axes in Keras' order."""
    norm = dict(zip(("gamma", "beta", "moving_mean", "moving_variance"), NORM, strict=True))
    found = set()
    for layer in model.layers:
        is_norm = "bn" in layer.name or layer.name.endswith("downsample_1")
        for weight in layer.weights:
            name = norm[weight.name] if is_norm else weight.name.replace("kernel", "weight")
            tensor = tensors[f"{layer.name.replace('_', '.')}.{name}"]
            order = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[tensor.ndim]
            np.testing.assert_array_equal(weight, tensor.transpose(order), err_msg=weight.path)
            found.add(f"{layer.name.replace('_', '.')}.{name}")
    assert found == set(SHAPES)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_safetensors_file_fills_every_weight(model, tmp_path, dtype, capsys):
    tensors = {name: array.astype(dtype) for name, array in state_dict().items()}
    counted = tensors | {"bn1.num_batches_tracked": np.array(7)}  # as torchvision's files have it
    save_file(counted, tmp_path / "weights.safetensors")
    models.load_torchvision_weights(model, str(tmp_path / "weights.safetensors"))
    assert_filled(model, tensors)
    assert capsys.readouterr().out == ""


class TorchTensor:
    """A stand-in for a trained parameter on a GPU: NumPy can read it only where and when it may."""

    def __init__(self, array, *done):
        self.array, self.done = array, done

    def __getattr__(self, name):
        if name not in ("detach", "cpu", "float"):
            raise AttributeError(name)
        return lambda: TorchTensor(self.array, *self.done, name)

    def __array__(self, dtype=None, copy=None):
        assert {*self.done} == {"detach", "cpu", "float"}  # PyTorch would raise an error
        return self.array.astype(dtype)


def test_pytorchs_tensors_fill_every_weight(model):
    tensors = state_dict()
    models.load_torchvision_weights(model, {k: TorchTensor(array) for k, array in tensors.items()})
    assert_filled(model, tensors)


def test_another_number_of_classes_leaves_the_last_layer_and_says_so(model, capsys):
    kernel, bias = model.get_layer("fc").get_weights()
    tensors = state_dict({"fc.weight": (1000, 256), "fc.bias": (1000,)})
    models.load_torchvision_weights(model, tensors)
    assert_filled(model, tensors | {"fc.weight": kernel.T, "fc.bias": bias})
    printed = capsys.readouterr().out
    assert "The state dict is for 1000 classes: fc, the last layer, keeps its own" in printed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer1.0.conv2.weight": None}, "1 missing (layer1.0.conv2.weight)."),
        (
            {name: None for name in SHAPES if "bn" in name},
            "16 missing (bn1.weight, bn1.bias, bn1.running_mean, …).",
        ),
        ({"head": (5,)}, "1 unknown to the model (head)."),
        ({"layer1.0.conv2.weight": (8, 8, 3, 3)}, "(3, 3, 8, 8) instead of (3, 3, 2, 8))."),
        ({"bn1.running_var": (32,), "fc.bias": None}, "1 missing (fc.bias); 1 of another shape (b"),
        ({"fc.weight": (7, 256), "fc.bias": (7,), "bn1.bias": None}, "1 missing (bn1.bias)."),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(model, changes, message, capsys):
    before = model.get_weights()
    with pytest.raises(CourseError, match="The state dict doesn't fit small: ") as failure:
        models.load_torchvision_weights(model, state_dict(changes))
    assert message in str(failure.value)
    assert capsys.readouterr().out == ""
    for array, first in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, first)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.pth", b"PK", "no .safetensors file: turn weights that torch.save wrote"),
        ("missing.safetensors", None, "can't be read .*No such file"),
        ("empty.safetensors", b"", "can't be read"),
        ("page.safetensors", b"<html>Please log in</html>", "can't be read"),
        ("cut.safetensors", save(state_dict())[:-1], "get it again"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(model, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CourseError, match=f"{name} .*{message}"):
        models.load_torchvision_weights(model, tmp_path / name)
