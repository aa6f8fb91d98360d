"""Set-up: the virtual environment, the conda route, and the lock that both install."""

import ast
import importlib.metadata
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from resnext_course import environment
from resnext_helpers.settings import PROJECT, CourseError

PYTHONS = ("3.11", "3.12", "3.13")
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# A build backend of a few lines, so that set-up can be tried without a network.
BACKEND = """
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "tiny-1.0-py3-none-any.whl"
    info = "tiny-1.0.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        wheel.writestr("tiny.pth", str(pathlib.Path(__file__).parent))
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that installs nothing but itself, with no network, by pip."""
    folder = tmp_path / "a project"
    folder.mkdir()
    (folder / "requirements.lock").write_text("")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "tiny.py").write_text("")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tiny"\nversion = "1.0"\n'
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)  # as without uv
    return folder


def can_import_tiny(project):
    python = environment.venv_python(project / ".venv")
    return subprocess.run([python, "-c", "import tiny"], cwd=project.parent).returncode == 0


def test_set_up_installs_and_then_leaves_it_alone(project, monkeypatch):
    environment.set_up(project)
    assert can_import_tiny(project)

    monkeypatch.setattr(environment, "_run", lambda *step: pytest.fail(f"did {step} again"))
    environment.set_up(project)


def test_set_up_with_uv(project, monkeypatch):
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("there is no uv on this machine")
    monkeypatch.setattr(environment.shutil, "which", lambda name: uv)
    environment.set_up(project)
    assert can_import_tiny(project)


def test_set_up_uses_uv_for_every_step(project):
    steps = environment._steps(project, "/some/uv", create=True)
    assert [command[:2] for _, command, _ in steps] == [
        ["/some/uv", "venv"],
        ["/some/uv", "pip"],
        ["/some/uv", "pip"],
    ]


def test_an_environment_made_by_hand_is_filled_even_without_pip(project):
    make_by_hand(project)
    environment.set_up(project)
    assert (project / ".venv" / "kept").exists()
    assert can_import_tiny(project)


def make_by_hand(project):
    """A bare ``.venv``, and a file in it that shows whether ``.venv`` was made afresh."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    (project / ".venv" / "kept").touch()


def changed_lock(project):
    (project / "requirements.lock").write_text("# changed")


def interrupted(project):
    (project / ".venv" / environment.STAMP).write_text(environment.UNFINISHED)


def python_gone(project):
    environment.venv_python(project / ".venv").unlink()


@pytest.mark.parametrize(
    ("spoil", "afresh"), [(changed_lock, False), (interrupted, True), (python_gone, True)]
)
def test_an_environment_that_is_not_right_is_repaired(project, monkeypatch, spoil, afresh):
    make_by_hand(project)
    stamp = project / ".venv" / environment.STAMP
    stamp.write_text(environment.fingerprint(project))
    spoil(project)
    asked = []

    def steps(project, uv, create):
        assert stamp.read_text() == environment.UNFINISHED  # should it be cut off from here on
        asked.append(create)
        return []

    monkeypatch.setattr(environment, "_steps", steps)
    environment.set_up(project)
    assert asked == [afresh]
    assert (project / ".venv" / "kept").exists() is not afresh
    assert stamp.read_text() == environment.fingerprint(project)


def test_a_failed_step_says_why_and_is_not_taken_for_finished(project, monkeypatch, capsys):
    make_by_hand(project)
    command = [sys.executable, "-c", "print('the disk is full'); exit(1)"]
    monkeypatch.setattr(environment, "_steps", lambda *_: [("trying", command, "Do this.")])
    with pytest.raises(CourseError, match=r"^Do this\.$"):
        environment.set_up(project)
    assert "the disk is full" in capsys.readouterr().err
    assert (project / ".venv" / environment.STAMP).read_text() == environment.UNFINISHED


def test_a_moved_project_is_installed_anew(project):
    before = environment.fingerprint(project)
    moved = project.rename(project.with_name("moved"))
    assert environment.fingerprint(moved) != before


@pytest.mark.parametrize("version", [(3, 9, 6), (3, 10, 14), (3, 14, 0)])
def test_another_python_is_refused_in_one_sentence(version, monkeypatch):
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    with pytest.raises(CourseError) as error:
        environment.check_python(version)
    message = str(error.value)
    assert f"is Python {version[0]}.{version[1]}.{version[2]}" in message
    assert "Install Python 3.13" in message
    assert "\n" not in message


def test_a_python_that_suits_is_named(monkeypatch):
    have = {"python3.12": "/usr/bin/python3.12"}
    monkeypatch.setattr(environment.shutil, "which", have.get)
    with pytest.raises(CourseError, match=r"You have Python 3\.12: .*3\.12"):
        environment.check_python((3, 14, 0))


@pytest.mark.parametrize("python", PYTHONS)
def test_a_python_that_suits_is_accepted(python):
    environment.check_python((*map(int, python.split(".")), 0))


def test_set_up_needs_the_standard_library_only():
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import resnext_course.__main__"
    # -I -S: without the packages that are installed here.
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


@pytest.mark.parametrize(
    "name",
    [
        "resnext_helpers/__init__",
        "resnext_helpers/settings",
        "resnext_course/__init__",
        "resnext_course/__main__",
        "resnext_course/environment",
        "resnext_course/terminal",
    ],
)
def test_an_old_python_can_read_what_set_up_imports(name):
    """Only then can it print the sentence that says that it is too old."""
    source = (PROJECT / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    new_annotations = [node for node in ast.walk(tree) if is_union_annotation(node)]
    assert not new_annotations or "from __future__ import annotations" in source


def is_union_annotation(node):
    annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
    return annotation is not None and " | " in ast.unparse(annotation)


# The two routes and the lock


def read_requirements(arguments):
    """What pip would be asked for by ``-r FILE`` and ``-e FOLDER`` among ``arguments``."""
    found = set()
    for flag, value in itertools.pairwise(arguments):
        if flag in ("-r", "--requirement"):
            lines = (PROJECT / value).read_text(encoding="utf-8").splitlines()
            found |= {line for line in lines if line and not line.startswith("#")}
        elif flag in ("-e", "--editable"):
            found.add(f"editable {(PROJECT / value).resolve()}")
    return found


def active(requirements, python, platform="linux"):
    """The names and versions of ``requirements`` that hold for a Python, as {name: requirement}."""
    variables = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": platform,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[platform],
        "os_name": "nt" if platform == "win32" else "posix",
        "platform_machine": "arm64" if platform == "darwin" else "x86_64",
        "extra": "",
    }
    chosen = {}
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate(variables):
            name = canonicalize_name(requirement.name)
            assert name not in chosen, f"{name} has two versions for Python {python}"
            chosen[name] = requirement
    return chosen


LOCK = read_requirements(["-r", "requirements.lock"])


def test_conda_and_venv_install_the_same():
    conda = yaml.safe_load((PROJECT / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    from_conda = read_requirements(" ".join(pip).split())
    from_venv = set()
    for command in environment.install_commands(PROJECT, uv=None):
        from_venv |= read_requirements(command)
    assert len(from_venv) > 100
    assert from_conda == from_venv


def test_conda_and_venv_allow_the_same_pythons():
    conda = yaml.safe_load((PROJECT / "environment.yml").read_text(encoding="utf-8"))
    assert f"python {PYPROJECT['requires-python']}" in conda["dependencies"]
    range_of_pythons = Requirement(f"python{PYPROJECT['requires-python']}").specifier
    accepted = {f"3.{minor}" for minor in range(8, 20) if f"3.{minor}.1" in range_of_pythons}
    assert accepted == set(environment.SUPPORTED) == set(PYTHONS)


def test_the_lock_holds_versions_and_nothing_else():
    """No address, no host: the lock works with whatever package index a user has set."""
    pin = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [A-Za-z0-9_.*'<>=! ()-]+)?")
    assert [line for line in LOCK if not pin.fullmatch(line)] == []


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_what_the_course_asks_for(python, platform):
    pins = active(LOCK, python, platform)
    asked = active(
        PYPROJECT["dependencies"] + PYPROJECT["optional-dependencies"]["test"], python, platform
    )
    for name, requirement in asked.items():
        (pin,) = pins[name].specifier
        assert pin.version in requirement.specifier, f"{name}=={pin.version} for {requirement}"


def test_this_environment_is_the_locked_one():
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    for name, requirement in here(LOCK).items():
        installed = importlib.metadata.version(name)
        assert installed in requirement.specifier, f"{name} {installed}, Python {python}"


def test_the_lock_is_complete():
    """Whatever a locked package needs is locked, so an install never picks a version by itself."""
    pins = here(LOCK)
    for name in pins:
        for needed in importlib.metadata.requires(name) or []:
            requirement = Requirement(needed)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needs = canonicalize_name(requirement.name)
                assert needs in pins, f"{name} needs {needs}"
                (pin,) = pins[needs].specifier
                assert requirement.specifier.contains(pin.version, prereleases=True), needed


def here(lock):
    """The lock's lines for the Python and platform that run this test."""
    requirements = [Requirement(line) for line in lock]
    return {
        canonicalize_name(one.name): one
        for one in requirements
        if one.marker is None or one.marker.evaluate()
    }


@pytest.mark.skipif(os.name == "nt", reason="Windows has no make")
@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("run", "-m resnext_course run"),
        ("test", "-m pytest"),
        ("lab", "-m resnext_course lab"),
        ("notebooks", "-m resnext_course notebooks"),
        ("setup", "-m resnext_course setup"),
    ],
)
def test_make_sets_up_and_then_runs_one_line(target, command):
    # Without what an outer "make test PYTHON=..." hands down.
    environ = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "PYTHON")}
    shown = subprocess.run(
        ["make", "--dry-run", target],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        env=environ,
    )
    lines = [line for line in shown.stdout.splitlines() if "make[" not in line]
    assert lines[0] == "python3 -m resnext_course setup"
    assert lines[1:] == ([] if target == "setup" else [f".venv/bin/python {command}"])
