"""The command line: what it prints, and with which exit status it ends."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from resnext_course import __main__ as course
from resnext_helpers.photo_folder import SAMPLE
from resnext_helpers.settings import PROJECT

COMMANDS = ("setup", "run", "lab", "notebooks", "check-data")


def test_check_data_prints_the_report(capsys):
    assert course.main(["check-data", str(SAMPLE)]) == 0
    assert re.search(r"^ *60 +Cockatoo$", capsys.readouterr().out, re.MULTILINE)


def test_check_data_says_what_is_wrong_in_one_line(tmp_path, capsys):
    assert course.main(["check-data", str(tmp_path)]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert str(tmp_path) in error and error.count("\n") == 1


def test_a_file_name_that_the_terminal_cannot_show_ends_nothing(tmp_path):
    for name in ("a 鸟", "b"):
        (tmp_path / name).mkdir()
    command = [sys.executable, "-m", "resnext_course", "check-data", str(tmp_path)]
    environ = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        course.main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^ {{4}}{name}\b", shown, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["runn"], ["run", "--fast"]])
def test_a_command_that_does_not_exist_gets_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        course.main(arguments)
    assert end.value.code == 2
    assert "usage: python -m resnext_course" in capsys.readouterr().err


def test_what_the_learner_can_put_right_is_said_without_a_traceback(monkeypatch, capsys):
    monkeypatch.setenv("RESNEXT_PROFILE", "huge")
    assert course.main(["run"]) == 2
    assert "huge" in capsys.readouterr().err
    assert course.main(["notebooks", "07"]) == 2
    assert "07" in capsys.readouterr().err


def test_a_python_without_the_packages_is_told_about_set_up():
    code = (
        f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from resnext_course import __main__\n"
        "sys.exit(__main__.main(['run']))"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "Run the set-up" in result.stderr
    assert "Traceback" not in result.stderr


def test_lab_opens_the_first_notebook_for_this_computer_and_its_token_only(tmp_path):
    """Without a browser; as root, too, which JupyterLab refuses unless it is configured."""
    settings = {"ServerApp": {"open_browser": False, "allow_root": True}}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(settings))
    environ = os.environ | dict.fromkeys(
        ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"), str(tmp_path)
    )
    command = [sys.executable, "-m", "resnext_course", "lab"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as lab:
        try:
            address = next(filter(None, (re.search(r"http://\S+", line) for line in lab.stderr)))[0]
            match = re.fullmatch(
                r"(http://127\.0\.0\.1:\d+/)lab/tree/notebooks/01_gpu_setup\.ipynb\?token=(\w+)",
                address,
            )
            assert match, address
            contents = f"{match[1]}api/contents"
            assert status(contents, lab) == 403
            assert status(f"{contents}?token={match[2]}", lab) == 200
        finally:
            lab.terminate()


def status(address, server):
    """The answer's HTTP status; a server prints its address a moment before it listens there."""
    while server.poll() is None:
        try:
            return urllib.request.urlopen(address).status
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            time.sleep(0.1)
