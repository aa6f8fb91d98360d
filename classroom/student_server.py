"""Starts one student's Jupyter server, as that student; JupyterHub calls it."""

import os
import shutil
import sys
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def give_notebooks(folder: Path) -> None:
    """Copies the course's notebooks that aren't in ``folder``; what is there is never touched.

    So a student who renames a notebook gets a fresh one with the next start.
    """
    folder.mkdir(exist_ok=True)
    for notebook in NOTEBOOKS.glob("*.ipynb"):
        if not (folder / notebook.name).exists():
            # Written beside and renamed: a full disk leaves no half of a notebook.
            part = folder / f".{notebook.name}.part"
            shutil.copyfile(notebook, part)
            part.rename(folder / notebook.name)


if __name__ == "__main__":
    give_notebooks(Path.home() / "notebooks")
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]])
