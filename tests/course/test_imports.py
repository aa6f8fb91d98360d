"""Who may import whom: the thin package stands on its own feet, and is thin."""

import ast
from pathlib import Path

import pytest

from resnext_helpers.settings import PROJECT


def imports(file: Path):
    """The dotted names that a file imports, relative ones (which nobody needs) excluded."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


FLOORS = (  # of the helpers, from the ground up: each imports only from floors below its own
    {"__init__", "settings", "layers"},
    {"devices", "plots", "photos", "counting", "models"},
    {"photo_folder", "training"},
    {"data", "evaluation"},
)


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_the_helpers_import_nothing_from_above_and_never_the_course(floor):
    below = set().union(*FLOORS[:floor], {"import_tensorflow_quietly"})
    for module in FLOORS[floor]:
        names = imports(PROJECT / "resnext_helpers" / f"{module}.py")
        ours = {
            name.removeprefix("resnext_helpers.").partition(".")[0]
            for name in names
            if name.startswith("resnext_")
        }
        assert ours <= below, module


def test_the_helpers_are_read_in_an_evening():
    files = {file.stem: file for file in (PROJECT / "resnext_helpers").glob("*.py")}
    assert files.keys() == set().union(*FLOORS)
    assert sum(len(file.read_text("utf-8").splitlines()) for file in files.values()) <= 2200


@pytest.mark.parametrize("package", ["resnext_helpers", "resnext_course", "tests", "benchmarks"])
def test_nobody_imports_the_private_names_of_another_file(package):
    for file in (PROJECT / package).rglob("*.py"):
        private = [n for n in imports(file) if n.split(".")[-1].startswith("_") and "__" not in n]
        assert not [name for name in private if name.startswith("resnext")], file
