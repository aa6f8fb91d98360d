"""The command line: what it prints, and with which exit status it ends."""

import os
import re
import subprocess
import sys

import pytest

from resnext_course import __main__ as course
from resnext_course.publishing import copies
from resnext_helpers.photo_folder import SAMPLE
from resnext_helpers.settings import PROJECT


def test_check_data_prints_the_report(capsys):
    assert course.main(["check-data", str(SAMPLE)]) == 0
    assert re.search(r"^ *60 +Cockatoo$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "named"), [(["check-data", "no/where"], "where"), (["notebooks", "07"], "07")]
)
def test_what_the_learner_can_put_right_is_one_line_on_stderr(arguments, named, capsys):
    assert course.main(arguments) == 2
    out, error = capsys.readouterr()
    assert out == "" and named in error and error.count("\n") == 1


@pytest.mark.slow
def test_a_file_name_that_the_terminal_cannot_show_ends_nothing(tmp_path):
    (tmp_path / "a 鸟").mkdir()
    command = [sys.executable, "-m", "resnext_course", "check-data", str(tmp_path)]
    environ = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [[], ["runn"], ["run", "--fast"], ["copy"]])
def test_a_command_that_does_not_exist_gets_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        course.main(arguments)
    assert end.value.code == 2
    assert "usage: python -m resnext_course" in capsys.readouterr().err


def test_a_python_without_the_packages_is_told_about_set_up():
    code = (
        f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from resnext_course import __main__\n"
        "sys.exit(__main__.main(['run']))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert "README" in result.stderr and result.stderr.count("\n") == 1


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """What JupyterLab would be given, by name, and the folder of the copies."""
    monkeypatch.setattr(course, "PROJECT", tmp_path)
    monkeypatch.setattr(copies, "FOLDER", tmp_path / "my_notebooks")
    given = []
    monkeypatch.setattr("jupyterlab.labapp.main", given.extend)
    return given


def test_lab_opens_the_first_notebook_for_this_computer_only_but_for_jupyterlabs_options(lab):
    assert course.main(["lab"]) == 0
    options = dict(option.lstrip("-").split("=") for option in lab)
    assert options["ip"] == "127.0.0.1"
    first = copies.FOLDER / "01_gpu_setup.ipynb"
    assert options["LabApp.default_url"] == f"/lab/tree/my_notebooks/{first.name}"
    assert first.is_file() and options["ServerApp.root_dir"] == str(copies.FOLDER.parent)
    lab.clear()
    further = ["--no-browser", "--port", "9999", "--ip=0.0.0.0", "--allow-root"]
    assert course.main(["lab", *further]) == 0
    assert lab[-5:] == further and "--ip=127.0.0.1" not in lab


def test_copy_makes_a_fresh_one_beside_it_and_prints_its_path(lab, capsys):
    for name in ("03_grouped_convolution", "03_grouped_convolution-2"):
        assert course.main(["copy", "03"]) == 0
        copy = copies.FOLDER / f"{name}.ipynb"
        assert copy.is_file() and capsys.readouterr().out == f"{copy}\n"
