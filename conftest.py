"""Every test runs on the drawn sample, whatever the user's environment or ``data/`` holds.

This file lies here, not in ``tests/``, so that it also holds for ``pytest notebooks/03_…ipynb``.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from resnext_course.publishing.execution import kernel_environment
from resnext_course.publishing.notebook_runner import pinned_settings
from resnext_helpers import photo_folder

_runs = tempfile.TemporaryDirectory(prefix="resnext-runs-")
os.environ.pop("MPLBACKEND", None)
os.environ["MPLCONFIGDIR"] = str(Path(_runs.name) / "matplotlib")  # as on a new machine
os.environ.update(kernel_environment(**pinned_settings(Path(_runs.name))))
# Every kernel looks at the figures that its notebook draws.
os.environ["IPYTHONDIR"] = str(Path(_runs.name) / "ipython")
if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers keep the cores busy already; more threads would only wait for one another.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def pytest_configure(config):
    photo_folder.unpack_sample()
    at_start = Path(os.environ["IPYTHONDIR"]) / "profile_default" / "startup"
    at_start.mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "tests" / "support" / "figure_guard.py", at_start)


def pytest_unconfigure(config):
    _runs.cleanup()


def pytest_collection_modifyitems(items):
    """The longest first, so that no worker is left alone: training, notebooks, other slow files."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker("slow")
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def quickness(path):
        return path.suffix != ".ipynb", "train" not in path.name, path not in slow

    items.sort(key=lambda item: quickness(item.path))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Each notebook stands alone: none finds a model that another one trained.

    Only the one on evaluation finds a run: training one would test nothing that others don't. They
    train for two epochs; what they print of their settings is masked (``tests/sanitize.cfg``).
    """
    runs = Path(_runs.name) / item.path.stem
    os.environ["RESNEXT_RUNS"] = str(runs)
    os.environ["RESNEXT_EPOCHS"] = "2" if item.path.suffix == ".ipynb" else ""
    if item.path.name == "06_evaluation.ipynb" and not runs.exists():
        import prepared_run  # which imports TensorFlow

        prepared_run.prepare()
