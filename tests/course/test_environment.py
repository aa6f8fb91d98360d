"""The lock that pip, uv and conda install, and what the code imports."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from resnext_helpers.settings import PROJECT

PROJECT_TABLE = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
NEEDED = PROJECT_TABLE["dependencies"] + PROJECT_TABLE["optional-dependencies"]["test"]
LOCK = (PROJECT / "requirements.lock").read_text("utf-8").splitlines()
PYTHONS = ("3.11", "3.12", "3.13")
FOLDERS = ("resnext_helpers", "resnext_course", "tests", "benchmarks", "classroom", "tools")
OWNERS = packages_distributions()
ELSEWHERE = {"torch", "torchvision", "jupyterhub"}  # benchmarks/ and classroom/requirements.txt


def test_the_lock_names_versions_and_no_address():
    pin = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [A-Za-z0-9_.*'<>=! ()-]+)?")
    assert [line for line in LOCK if not pin.fullmatch(line)] == []


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_what_the_course_asks_for(python, platform):
    here = {"python_version": python, "python_full_version": f"{python}.9"}
    here |= {"sys_platform": platform, "os_name": "nt" if platform == "win32" else "posix"}
    pins = [Requirement(line) for line in LOCK]
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(here)]
    versions = {pin.name: next(iter(pin.specifier)).version for pin in pins}
    assert len(versions) == len(pins)  # none twice
    for needed in map(Requirement, NEEDED):
        assert versions[canonicalize_name(needed.name)] in needed.specifier, needed


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_imported_is_declared(folder):
    declared = {canonicalize_name(Requirement(one).name) for one in NEEDED} | ELSEWHERE
    ours = {file.stem for name in FOLDERS for file in (PROJECT / name).rglob("*.py")} | set(FOLDERS)
    for file in (PROJECT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - ours:
                owners = map(canonicalize_name, OWNERS.get(name, [name]))
                assert declared & set(owners), f"{file} imports {name}"


def test_everything_says_the_same_of_pythons():
    allowed = Requirement(f"python{PROJECT_TABLE['requires-python']}").specifier
    assert [f"3.{n}" for n in range(9, 20) if f"3.{n}.1" in allowed] == list(PYTHONS)
    conda, make = ((PROJECT / name).read_text("utf-8") for name in ("environment.yml", "Makefile"))
    assert f"python {PROJECT_TABLE['requires-python']}" in conda
    assert "(3, 11) <= sys.version_info < (3, 14)" in make
    for text in (make, (PROJECT / "README.md").read_text("utf-8")):
        assert "3.11, 3.12 or 3.13" in text
