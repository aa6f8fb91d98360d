"""Reads files of weights that PyTorch wrote, without PyTorch: ``.pth``, ``.pt``, ``.safetensors``.

See torch's ``torch/serialization.py`` and the safetensors format for what lies where.
"""

import io
import math
import struct
import zipfile
from pathlib import Path

import numpy as np
import safetensors

from resnext_helpers.settings import CourseError, display_path
from resnext_helpers.torch_pickle import (
    BFLOAT16,
    SHOWN,
    ForbiddenError,
    NotWeightsError,
    Unpickler,
    state_dict,
)

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first number in a file of torch before 1.6

SAFETENSORS_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": BFLOAT16,
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors in a file that PyTorch or safetensors wrote, by name.

    The file's content decides, not its name, and nothing in it is run. In a checkpoint of a
    training the tensors are looked for under ``state_dict`` and ``model``.

    Returns:
        Arrays in the file's own shapes and types; bfloat16 becomes float32.

    Raises:
        CourseError: the file is missing, cut off, damaged, or holds something other than weights.
    """
    path = Path(path)
    shown = display_path(path)
    content = _content(path)
    read = _reader(content, shown)
    try:
        return read(content)
    except ForbiddenError as error:
        raise CourseError(
            f"{shown} asks to run {error}, and nothing in a file is run here: save "
            f"model.state_dict() alone, or take a .safetensors file."
        ) from error
    except NotWeightsError as error:
        raise CourseError(f"{shown} can't be used: {error}.") from error
    # A damaged file makes its readers raise nearly anything.
    except Exception as error:
        reason = ascii(str(error)[:SHOWN])[1:-1] or type(error).__name__
        raise CourseError(
            f"{shown} is damaged or cut off ({reason}): download it again."
        ) from error


def _content(path):
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{display_path(path)} can't be read: {error.strerror}.") from error
    if not content:
        raise CourseError(f"{display_path(path)} is empty (0 bytes): download it again.")
    return content


def _reader(content, shown):
    """The function that reads this format, told from the first bytes."""
    if content.startswith(b"PK"):
        return _read_zip
    if content.startswith(b"\x80"):  # how a pickle begins
        return _read_legacy
    if content[8:9] == b"{":
        return _read_safetensors
    if content.lstrip().startswith(b"<"):
        raise CourseError(
            f"{shown} holds a web page, not weights: download it again, from the address of the "
            f"file itself."
        )
    raise CourseError(
        f"{shown} is neither a file of torch.save nor a .safetensors file "
        f"(it starts with {content[:12]!r})."
    )


def _read_zip(content):
    """torch.save since 1.6: a zip archive with a pickle, and each storage as a member of its own.

    The members aren't compressed. If they are larger than the file, it is a trick to fill the
    memory.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > len(content):
            raise ValueError("its parts are larger than the whole")
        names = archive.namelist()
        pickles = [name for name in names if name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise NotWeightsError("it is a zip archive, but torch.save didn't write it")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in names:
            _require_little_endian(archive.read(f"{folder}byteorder") == b"little")
        tensors = state_dict(Unpickler(io.BytesIO(archive.read(pickles[0]))).load())
        storages = {
            storage: _numbers(
                archive.read(f"{folder}data/{storage.key}"), storage.dtype, storage.count
            )
            for storage in {tensor.storage for tensor in tensors.values()}
        }
    return {name: _array(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}


def _read_legacy(content):
    """torch.save before 1.6: five pickles in a row, then the storages one after another."""
    file = io.BytesIO(content)
    if Unpickler(file).load() != LEGACY_MAGIC:
        raise NotWeightsError("it is a pickle, but torch.save didn't write it")
    Unpickler(file).load()  # the version of the format, always 1001
    _require_little_endian(Unpickler(file).load()["little_endian"])
    unpickler = Unpickler(file)
    tensors = state_dict(unpickler.load())
    storages = {}
    for key in Unpickler(file).load():
        storage = unpickler.storages[key]
        if struct.unpack("<Q", file.read(8)) != (storage.count,):
            raise ValueError("a tensor's size is wrong")
        storages[storage] = _numbers(content, storage.dtype, storage.count, file.tell())
        file.seek(storage.count * _item_size(storage.dtype), io.SEEK_CUR)
    return {name: _array(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}


def _read_safetensors(content):
    return {
        name: _numbers(
            tensor["data"], SAFETENSORS_DTYPES[tensor["dtype"]], math.prod(tensor["shape"])
        ).reshape(tensor["shape"])
        for name, tensor in safetensors.deserialize(content)
    }


def _require_little_endian(is_little):
    if not is_little:
        raise NotWeightsError("it was written on a big-endian machine")


def _item_size(dtype):
    return 2 if dtype == BFLOAT16 else np.dtype(dtype).itemsize


def _numbers(buffer, dtype, count, offset=0):
    """``count`` numbers from ``buffer``, not copied if NumPy has their type."""
    if dtype == BFLOAT16:  # the upper half of a float32
        return (np.frombuffer(buffer, "<u2", count, offset).astype("<u4") << 16).view("<f4")
    return np.frombuffer(buffer, dtype, count, offset)


def _array(tensor, numbers):
    """The tensor as a view of its storage: it may take the numbers in any order, but no others."""
    _, offset, size, stride = tensor
    if len(size) != len(stride) or min((offset, *size, *stride)) < 0:
        raise ValueError("a tensor's shape is impossible")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count > len(numbers) or (count and last >= len(numbers)):
        raise ValueError("a tensor reaches beyond its numbers")
    steps = [step * numbers.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(numbers[offset:], size, steps, writeable=False)
