"""Makes the course's environment: ``.venv`` in the project's folder, from ``requirements.lock``.

This runs before anything is installed, so it needs the standard library alone. It is written so
that an older Python can read it, too: only then can it say that the Python is too old.
"""

from __future__ import annotations

import collections
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from resnext_course.terminal import StatusLine
from resnext_helpers.settings import PROJECT, CourseError

SUPPORTED = ("3.13", "3.12", "3.11")
STAMP = "course-set-up.txt"
UNFINISHED = "unfinished"

_PACKAGES_FAILED = (
    "The packages could not be installed (the installer's last words are above). Check the network "
    "and that 3 GB of disk are free, then run the same command again: finished downloads are kept."
)
_VENV_FAILED = (
    "Python could not make the folder .venv (its last words are above). On Debian and Ubuntu, run "
    "'sudo apt install python3-venv', then the same command again."
)


def set_up(project: Path = PROJECT) -> None:
    """Makes ``project/.venv`` what ``requirements.lock`` says; returns at once if it already is.

    A stamp inside ``.venv`` says what was installed. Where it says "unfinished", or where
    ``.venv`` has no Python that starts, ``.venv`` is made afresh. Where it is only out of date, or
    was made by hand and has no stamp, the packages are installed into it.

    Raises:
        CourseError: this Python doesn't suit the course, or an installer failed.
    """
    venv = project / ".venv"
    stamp = venv / STAMP
    wanted = fingerprint(project)
    found = stamp.read_text() if stamp.is_file() else None
    starts = _succeeds([venv_python(venv), "-c", ""])
    if starts and found == wanted:
        return

    started = time.monotonic()
    uv = shutil.which("uv")
    create = not starts or found == UNFINISHED
    if create:
        check_python()
        shutil.rmtree(venv, ignore_errors=True)
        venv.mkdir()
    # Written first, so that a set-up that is cut off anywhere from here on leaves a sign of it.
    stamp.write_text(UNFINISHED)
    for what, command, failure in _steps(project, uv, create):
        _run(what, command, failure)
    stamp.write_text(wanted)
    print(f"Set-up: done in {time.monotonic() - started:.0f} s.", flush=True)


def check_python(version: tuple = tuple(sys.version_info[:3])) -> None:
    """Refuses a Python for which there is no TensorFlow of the course's version.

    Raises:
        CourseError: ``version`` isn't among ``SUPPORTED``; the message names one to use.
    """
    if "{}.{}".format(*version) in SUPPORTED:
        return
    found = next((number for number in SUPPORTED if shutil.which(f"python{number}")), None)
    number = found or SUPPORTED[0]
    windows = f"py -{number} -m resnext_course setup"
    again = windows if os.name == "nt" else f"make run PYTHON=python{number}"
    raise CourseError(
        f"The course needs Python 3.11, 3.12 or 3.13, but {sys.executable} is Python "
        f"{'.'.join(map(str, version))}. "
        + (f"You have Python {number}: " if found else f"Install Python {number}, then run: ")
        + again
    )


def fingerprint(project: Path) -> str:
    """What ``.venv`` should hold, as a hash: of the lock, the package and the folder's place.

    The place counts because the package is installed as a link to its folder: a copied project with
    a copied ``.venv`` would run the other folder's code.
    """
    digest = hashlib.sha256(str(project).encode())
    for name in ("requirements.lock", "pyproject.toml"):
        digest.update((project / name).read_bytes())
    return digest.hexdigest()


def venv_python(venv: Path) -> Path:
    """The Python inside ``venv``."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install_commands(project: Path, uv: str | None) -> list[list[str]]:
    """The two commands that fill ``project/.venv``: the locked packages, then the course itself.

    The course is installed as a link to its folder, and built with the lock's own setuptools, so
    that nothing outside the lock is downloaded.
    """
    python = str(venv_python(project / ".venv"))
    if uv:
        install = [uv, "pip", "install", "--python", python]
    else:
        install = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    return [
        [*install, "--requirement", str(project / "requirements.lock")],
        [*install, "--no-deps", "--no-build-isolation", "--editable", str(project)],
    ]


def _steps(project: Path, uv: str | None, create: bool) -> list[tuple[str, list[str], str]]:
    """What set-up does: (what to show, command, what to say if it fails)."""
    venv = project / ".venv"
    python = str(venv_python(venv))
    # Inside an activated environment, the Python that this environment was made from.
    base = getattr(sys, "_base_executable", None) or sys.executable
    installer = "uv" if uv else "pip"
    steps = []
    if create and uv:
        # --seed puts pip in too, as Python's own venv does.
        command = [uv, "venv", "--seed", "--allow-existing", "--python", base, str(venv)]
        steps.append(("making .venv", command, _VENV_FAILED))
    elif create:
        steps.append(("making .venv", [base, "-m", "venv", str(venv)], _VENV_FAILED))
    elif not uv and not _succeeds([python, "-m", "pip", "--version"]):
        steps.append(("adding pip", [python, "-m", "ensurepip"], _VENV_FAILED))
    packages, course = install_commands(project, uv)
    steps.append((f"installing the packages with {installer}", packages, _PACKAGES_FAILED))
    steps.append((f"installing the course with {installer}", course, _PACKAGES_FAILED))
    return steps


def _succeeds(command: list) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def _run(what: str, command: list[str], failure: str) -> None:
    """Runs one step; shows its newest line in place, and its last lines only if it fails."""
    started = time.monotonic()
    line = StatusLine()
    last = collections.deque(maxlen=12)
    line.update(f"Set-up: {what} ...")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for text in process.stdout:
            last.append(text.rstrip())
            line.update(f"Set-up: {what}: {text.strip()}")
    if process.returncode:
        line.finish(f"Set-up: {what} failed.")
        print("\n".join(last), file=sys.stderr)
        raise CourseError(failure)
    line.finish(f"Set-up: {what}, {time.monotonic() - started:.0f} s")
