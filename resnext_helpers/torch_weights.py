"""Fills the course's networks with weights from torchvision or timm.

Both give the same names and shapes to the tensors of a ResNeXt, and ``models`` names its layers
after them: ``layer1.0.conv2.weight`` is the kernel of ``layer1_0_conv2``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from resnext_helpers.settings import CourseError, display_path
from resnext_helpers.torch_files import read_state_dict

HEAD = "fc"  # the last layer, whose size depends on the number of classes
TORCH_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
LISTED = 3  # names in an error


@dataclass(frozen=True)
class Loaded:
    """What ``load_torchvision_weights`` did.

    Attributes:
        filled: the number of weights that were filled.
        fresh: the names of those that kept their first values.
    """

    filled: int
    fresh: tuple[str, ...] = ()


def load_torchvision_weights(
    model: keras.Model, path_or_state_dict: str | Path | Mapping
) -> Loaded:
    """Fill a model of ``resnext_helpers.models`` with weights that were trained in PyTorch.

    If the weights are for another number of classes, the last layer keeps its own, and a printed
    line says so. If anything else doesn't fit, the model stays as it is.

    Args:
        model: built with the same groups, width and blocks as the network that was trained.
        path_or_state_dict: a ``.pth``, ``.pt`` or ``.safetensors`` file, or tensors by name
            (arrays or PyTorch's). The names may begin with ``module.``.

    Returns:
        What was filled.

    Raises:
        CourseError: a tensor is missing, left over or of another shape, or the file can't be used
            (see ``torch_files``).
    """
    source, tensors = _named_tensors(path_or_state_dict)
    partners = torchvision_names(model)
    fresh = _head_of_other_classes(partners, tensors)
    wanted = {name: variable for name, variable in partners.items() if name not in fresh}
    given = {name: tensor for name, tensor in tensors.items() if name not in fresh}
    _require_fit(f"{source} doesn't fit {model.name}", wanted, given)
    for name, variable in wanted.items():
        variable.assign(to_keras_layout(given[name]))
    if fresh:
        classes = len(tensors[f"{HEAD}.bias"])
        print(f"{source} is for {classes} classes: {HEAD}, the last layer, keeps its own weights.")
    return Loaded(filled=len(wanted), fresh=fresh)


def torchvision_names(model: keras.Model) -> dict:
    """The model's weights (Keras variables), by the name that torchvision gives to each."""
    return {
        f"{layer.name.replace('_', '.')}.{TORCH_NAMES.get(weight.name, weight.name)}": weight
        for layer in model.layers
        for weight in layer.weights
    }


def to_keras_layout(array: np.ndarray) -> np.ndarray:
    """A weight of PyTorch as Keras arranges it.

    A convolution's ``(filters, channels / groups, height, width)`` becomes ``(height, width,
    channels / groups, filters)``; a dense layer's ``(classes, features)`` is transposed.
    """
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def to_torch_layout(array: np.ndarray) -> np.ndarray:
    """A weight of Keras as PyTorch arranges it: ``to_keras_layout`` backwards."""
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def _named_tensors(path_or_state_dict):
    """What the errors call the weights, and the arrays by torchvision's names."""
    if isinstance(path_or_state_dict, Mapping):
        source, tensors = "The state dict", path_or_state_dict
    else:
        source = display_path(Path(path_or_state_dict))
        tensors = read_state_dict(path_or_state_dict)
    if all(name.startswith("module.") for name in tensors):  # trained on several GPUs
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return source, {
        name: _as_array(tensor)
        for name, tensor in tensors.items()
        if not name.endswith(".num_batches_tracked")  # which only a momentum of None would need
    }


def _as_array(tensor):
    if hasattr(tensor, "detach"):  # PyTorch's, perhaps on a GPU or in bfloat16
        tensor = tensor.detach().cpu().float()
    return np.asarray(tensor, "float32")


def _head_of_other_classes(partners, tensors):
    """The names of the last layer's weights if they differ in nothing but the number of classes."""
    names = (f"{HEAD}.weight", f"{HEAD}.bias")
    if not all(name in partners and name in tensors for name in names):
        return ()
    weight, bias = (tensors[name].shape for name in names)
    our_weight, our_bias = (_torch_shape(partners[name]) for name in names)
    return names if weight[1:] == our_weight[1:] and weight[:1] == bias != our_bias else ()


def _require_fit(failure, partners, tensors):
    problems = {
        "missing": [name for name in partners if name not in tensors],
        "unknown to the model": [name for name in tensors if name not in partners],
        "of another shape": [
            f"{name} is {tensors[name].shape} instead of {_torch_shape(variable)}"
            for name, variable in partners.items()
            if name in tensors and tensors[name].shape != _torch_shape(variable)
        ],
    }
    if any(problems.values()):
        listed = "; ".join(_listed(what, names) for what, names in problems.items() if names)
        raise CourseError(f"{failure}: {listed}.")


def _listed(what, names):
    count = "1 tensor is" if len(names) == 1 else f"{len(names)} tensors are"
    more = ", …" if len(names) > LISTED else ""
    return f"{count} {what} ({', '.join(names[:LISTED])}{more})"


def _torch_shape(variable):
    return to_torch_layout(np.broadcast_to(0, variable.shape)).shape
