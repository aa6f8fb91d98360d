"""Reads the pickles in PyTorch's files of weights, without running what they ask for.

A pickle is a small program that may call any function of Python, so opening a stranger's file with
``pickle`` runs the stranger's code. Here it can name nothing but tensors and dictionaries.
"""

import pickle
from collections import OrderedDict
from typing import NamedTuple

BFLOAT16 = "bfloat16"  # NumPy has no such type
WRAPPERS = ("state_dict", "model")  # where a checkpoint of a training keeps the weights
SHOWN = 80  # characters of a name that comes from the file


class ForbiddenError(Exception):
    """The pickle asks for something other than tensors and dictionaries; the message names it."""


class NotWeightsError(Exception):
    """The file is whole, but doesn't hold weights that can be used; the message says why."""


class Storage(NamedTuple):
    """A row of numbers that lies elsewhere in the file: their type, its name, how many they are."""

    dtype: str
    key: str
    count: int


class Tensor(NamedTuple):
    """A tensor as a pickle describes it: which numbers of a storage, in which order."""

    storage: Storage
    offset: int
    size: tuple
    stride: tuple


def _rebuild_tensor(storage, offset, size, stride, *_):
    return Tensor(storage, offset, tuple(size), tuple(stride))


def _rebuild_parameter(tensor, *_):
    return tensor


DTYPES = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.BFloat16Storage": BFLOAT16,
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1",
    "torch.BoolStorage": "?",
}
ALLOWED = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    **DTYPES,
}


class Unpickler(pickle._Unpickler):
    """Knows nothing but ``ALLOWED``; ``storages`` collects the storages that it met, by key.

    It is Python's slower unpickler: the fast one makes room for as many objects as a damaged file
    asks for, which can be 64 GB.
    """

    def __init__(self, file):
        super().__init__(file, encoding="utf-8")  # for names that Python 2 wrote
        self.storages = {}

    def find_class(self, module, name):
        name = f"{module}.{name}".rstrip(".")
        if name in ALLOWED:
            return ALLOWED[name]
        if any(allowed.startswith(name) for allowed in ALLOWED):
            raise EOFError("it ends in the middle of a name")
        raise ForbiddenError(ascii(name[:SHOWN])[1:-1])  # as the file's author may like newlines

    def persistent_load(self, description):
        _kind, dtype, key, _device, count, *view = description
        if dtype not in DTYPES.values():
            raise ValueError("a tensor's type is unknown")
        if any(view):
            raise NotWeightsError("it stores views of tensors, as torch did before 0.4")
        self.storages[key] = Storage(dtype, key, count)
        return self.storages[key]


def state_dict(checkpoint) -> dict[str, Tensor]:
    """The dictionary of tensors in what was unpickled: all of it, or under one of ``WRAPPERS``.

    Raises:
        NotWeightsError: there is none.
    """
    for _ in range(len(WRAPPERS) + 1):
        if not isinstance(checkpoint, dict):
            break
        if checkpoint and all(isinstance(value, Tensor) for value in checkpoint.values()):
            return checkpoint
        checkpoint = next((checkpoint[name] for name in WRAPPERS if name in checkpoint), None)
    raise NotWeightsError(
        f"it holds no dictionary of tensors, neither by itself nor as {' or '.join(WRAPPERS)}"
    )
