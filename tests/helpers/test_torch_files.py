"""Files that PyTorch wrote are read without it, and without running anything.

``benchmarks/parity.py --record`` wrote the files in ``tests/fixtures`` with a real PyTorch.
"""

import io
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnext_helpers.settings import CourseError
from resnext_helpers.torch_files import LEGACY_MAGIC, read_state_dict

FIXTURES = Path(__file__).parents[1] / "fixtures"
FILES = (
    "zip.pth",
    "legacy.pth",
    "checkpoint.pth",
    "legacy_checkpoint.pth",
    "tensors.safetensors",
)
NUMBERS = np.arange(12, dtype="float32")
EXPECTED = {
    "matrix": NUMBERS.reshape(3, 4),
    "transposed": NUMBERS.reshape(3, 4).T,
    "part": NUMBERS[5:9],
    "parameter": -NUMBERS[:3],
    "float64": NUMBERS.astype("float64") / 3,
    "float16": NUMBERS.astype("float16") / 4,
    "bfloat16": np.array(
        [0, 1000, 2000, 3008, 4000, 4992, 6016, 7008, 8000, 9024, 9984, 11008], "float32"
    ),
    "count": np.array(7),
    "empty": np.zeros((0, 3), "float32"),
}


@pytest.mark.parametrize("name", FILES)
def test_every_number_type_and_layout_of_pytorch(name):
    tensors = read_state_dict(FIXTURES / name)
    prefix = "module." if "checkpoint" in name else ""
    assert set(tensors) == {prefix + key for key in EXPECTED}
    for key, expected in EXPECTED.items():
        tensor = tensors[prefix + key]
        assert (tensor.dtype, tensor.shape) == (expected.dtype, expected.shape), key
        np.testing.assert_array_equal(tensor, expected, err_msg=key)


@pytest.mark.parametrize("name", FILES)
def test_the_content_decides_not_the_name(name, tmp_path):
    shutil.copy(FIXTURES / name, tmp_path / "weights.txt")
    assert len(read_state_dict(str(tmp_path / "weights.txt"))) == len(EXPECTED)


# -- files made here, to be wrong in one thing ---------------------------------------------------


def fragment(value):
    """A pickle's bytes for one value, to be put into a longer pickle."""
    return pickle.dumps(value, protocol=2)[2:-1]


FLOATS = b"ctorch\nFloatStorage\n"


def pickled(storage=FLOATS, key="0", count=6, offset=0, size=(2, 3), stride=(3, 1)):
    """A pickle of ``{"weight": a tensor}`` as torch.save writes it."""
    description = [fragment("storage"), storage]
    description += [fragment(value) for value in (key, "cpu", count)]
    arguments = [b"(", *description, b"tQ"]
    arguments += [fragment(value) for value in (offset, size, stride, False)]
    tensor = [b"ctorch._utils\n_rebuild_tensor_v2\n(", *arguments, b"tR"]
    return b"\x80\x02}" + fragment("weight") + b"".join(tensor) + b"s."


def zip_file(data_pickle, numbers=NUMBERS[:6], compression=zipfile.ZIP_STORED, **members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data_pickle)
        archive.writestr("archive/data/0", numbers.tobytes())
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)
    return buffer.getvalue()


def legacy_file(data_pickle, little_endian=True, count=6, numbers=NUMBERS[:6]):
    parts = (LEGACY_MAGIC, 1001, {"little_endian": little_endian})
    first = b"".join(pickle.dumps(part, protocol=2) for part in parts)
    keys = pickle.dumps(["0"], protocol=2)
    return first + data_pickle + keys + count.to_bytes(8, "little") + numbers.tobytes()


@pytest.fixture
def read(tmp_path):
    def read(content):
        (tmp_path / "weights.pth").write_bytes(content)
        return read_state_dict(tmp_path / "weights.pth")

    return read


def test_the_files_made_here_are_right_where_nothing_is_wrong(read):
    for content in (zip_file(pickled(), byteorder="little"), legacy_file(pickled())):
        np.testing.assert_array_equal(read(content)["weight"], NUMBERS[:6].reshape(2, 3))
    skipping = pickled(offset=1, size=(2, 2), stride=(1, 3))
    np.testing.assert_array_equal(read(zip_file(skipping))["weight"], [[1, 4], [2, 5]])


WRONG_TENSORS = {
    "more numbers than there are": {"size": (2, 4), "stride": (4, 1)},
    "begins too late": {"offset": 1},
    "begins before the first": {"offset": -1},
    "steps too far": {"stride": (4, 1)},
    "steps back": {"stride": (-3, 1)},
    "a negative size": {"size": (-2, -3)},
    "a step too few": {"stride": (3,)},
    "one number repeated for ever": {"size": (10**12,), "stride": (0,)},
    "not whole numbers": {"offset": 0.5},
    "another storage": {"key": "1"},
    "another length of the storage": {"count": 7},
    "a type that PyTorch hasn't": {"storage": fragment("<u4")},
    "a type that isn't one": {"storage": b"ctorch._utils\n_rebuild_parameter\n"},
}


@pytest.mark.parametrize("made_by", [zip_file, legacy_file])
@pytest.mark.parametrize("wrong", WRONG_TENSORS)
def test_a_tensor_never_reaches_outside_its_numbers(read, wrong, made_by):
    with pytest.raises(CourseError, match=r"is damaged or cut off .*: download it again"):
        read(made_by(pickled(**WRONG_TENSORS[wrong])))


def test_a_storage_that_is_too_short(read):
    for content in (
        zip_file(pickled(), NUMBERS[:5]),
        legacy_file(pickled(), numbers=NUMBERS[:5]),
        legacy_file(pickled(), count=5),
    ):
        with pytest.raises(CourseError, match="damaged or cut off"):
            read(content)


def test_another_byte_order(read):
    for content in (
        zip_file(pickled(), byteorder="big"),
        legacy_file(pickled(), little_endian=False),
    ):
        with pytest.raises(CourseError, match="big-endian machine"):
            read(content)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_anywhere(read, name):
    whole = (FIXTURES / name).read_bytes()
    for length in {1, 2, 9, *range(3, len(whole), 23), len(whole) - 1}:
        with pytest.raises(CourseError, match=r"download it again|neither a file of"):
            read(whole[:length])


@given(st.sampled_from(FILES), st.data())
@settings(max_examples=300, deadline=None)
def test_any_damage_is_told_or_harmless(tmp_path_factory, name, data):
    content = bytearray((FIXTURES / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    try:
        tensors = read_state_dict(path)
    except CourseError as error:
        assert "\n" not in str(error) and len(str(error)) < 400
    else:
        assert all(isinstance(tensor, np.ndarray) for tensor in tensors.values())


# -- files that want more than to be read --------------------------------------------------------


class Command:
    """Pickled, it asks for a command to be run."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("place", ["bare", "zip", "legacy", "legacy's beginning"])
def test_code_in_a_pickle_is_not_run(read, tmp_path, monkeypatch, place, protocol):
    monkeypatch.chdir(tmp_path)
    attack = pickle.dumps({"weight": Command("echo > was_run")}, protocol)
    content = {
        "bare": attack,
        "zip": zip_file(attack),
        "legacy": legacy_file(attack),
        "legacy's beginning": pickle.dumps(LEGACY_MAGIC, 2) + attack,
    }[place]
    with pytest.raises(CourseError, match=r"asks to run (posix|nt)\.system, and nothing in a file"):
        read(content)
    assert not Path("was_run").exists()
    pickle.loads(attack)
    assert Path("was_run").exists(), "the attack was none"


@pytest.mark.parametrize(
    "name",
    ["builtins eval", "collections OrderedDict.fromkeys", "torch.hub load", "torch FloatStorage.x"],
)
def test_only_what_tensors_need_can_be_named(read, name):
    module, name = name.split()
    names = fragment(module) + fragment(name)
    with pytest.raises(CourseError, match=f"asks to run {module}.{name}"):
        read(zip_file(b"\x80\x04" + names + b"\x93."))


def test_a_name_from_the_file_cannot_fill_the_screen(read):
    names = fragment("torch") + fragment("new\nline" * 1000)
    with pytest.raises(CourseError, match=r"asks to run torch\.new\\nlinenew") as failure:
        read(zip_file(b"\x80\x04" + names + b"\x93."))
    assert "\n" not in str(failure.value) and len(str(failure.value)) < 400


def test_a_whole_module_is_refused_with_the_way_out():
    with pytest.raises(CourseError, match=r"Linear, .* save model\.state_dict\(\) alone"):
        read_state_dict(FIXTURES / "whole_module.pth")


def test_a_small_file_does_not_fill_the_memory(read):
    zeros = np.zeros(10_000_000, "float32")
    with pytest.raises(CourseError, match="its parts are larger than the whole"):
        read(zip_file(pickled(count=10_000_000), zeros, zipfile.ZIP_DEFLATED))
    # The last memo of four thousand million; Python's fast unpickler would make room for them all.
    with pytest.raises(CourseError, match="holds no dictionary of tensors"):
        read(zip_file(b"\x80\x02}r\xff\xff\xff\xff."))


# -- files that are something else ---------------------------------------------------------------


def numpy_archive():
    buffer = io.BytesIO()
    np.savez(buffer, weight=NUMBERS)
    return buffer.getvalue()


ITSELF = b"\x80\x02}q\x05X\x05\0\0\0modelh\x05s."  # a = {}; a["model"] = a
SOMETHING_ELSE = {
    "empty": (b"", r"is empty \(0 bytes\): download it again"),
    "a web page": (b"\n<!DOCTYPE html><html>", "holds a web page, not weights: download it again"),
    "a text": (b"version https://git-lfs", "neither a file of torch.save nor .* with b'version ht"),
    "another archive": (numpy_archive(), "it is a zip archive, but torch.save didn't write it"),
    "another pickle": (pickle.dumps([1, 2]), "it is a pickle, but torch.save didn't write it"),
    "no tensors": (zip_file(pickle.dumps({"epoch": 3})), "neither by itself nor as state_dict or"),
    "a list": (zip_file(pickle.dumps([1])), "holds no dictionary of tensors"),
    "nothing": (zip_file(pickle.dumps({})), "holds no dictionary of tensors"),
    "a wrapper of itself": (zip_file(ITSELF), "holds no dictionary of tensors"),
}


@pytest.mark.parametrize("kind", SOMETHING_ELSE)
def test_something_else_is_named(read, kind):
    content, message = SOMETHING_ELSE[kind]
    with pytest.raises(CourseError, match=message) as failure:
        read(content)
    assert "weights.pth" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_no_file_or_a_folder(tmp_path):
    with pytest.raises(CourseError, match=r"none\.pth can't be read: No such file"):
        read_state_dict(tmp_path / "none.pth")
    with pytest.raises(CourseError, match="can't be read"):
        read_state_dict(tmp_path)
