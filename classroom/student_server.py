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
    try:
        prepare(Path.home())
    except OSError as error:  # a full disk: the student has to get in to delete something
        print(f"Not all of the course could be copied: {error}", file=sys.stderr)
    # The kernels' sockets lie in a folder that systemd makes for this student alone.
    os.environ["JUPYTER_RUNTIME_DIR"] = os.environ["RUNTIME_DIRECTORY"]
    # -P: a student's json.py in the home folder doesn't take the place of Python's own.
    os.execv(sys.executable, [sys.executable, "-Pm", "jupyterhub.singleuser", *sys.argv[1:]])
