"""Who may import whom: the thin package stands on its own feet."""

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


@pytest.mark.parametrize("file", sorted((PROJECT / "resnext_helpers").rglob("*.py")), ids=str)
def test_the_helpers_never_import_the_course(file):
    assert not [name for name in imports(file) if name.startswith("resnext_course")]
