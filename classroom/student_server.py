"""Starts one student's Jupyter server, as that student; JupyterHub calls it."""

import os
import sys
from pathlib import Path

from resnext_course.publishing import copies, notebook_runner

COURSE = Path(__file__).resolve().parent.parent
LINKED = ("README.md", "benchmarks", "images")  # where the notebooks' links lead


def prepare(home: Path) -> None:
    """Gives a student what ``home`` lacks of the course; what is there is never touched."""
    copies.give(notebook_runner.find(), home / "notebooks")
    for name in LINKED:
        if not os.path.lexists(home / name):
            (home / name).symlink_to(COURSE / name)


if __name__ == "__main__":
    prepare(Path.home())
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]])
