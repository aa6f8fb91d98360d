"""What importing ``resnext_helpers`` does to a process, tried in fresh ones.

Most of them see a stand-in for TensorFlow, because the real one takes seconds to import.
"""

import os
import subprocess
import sys

import pytest

NAMES = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS")
IN_A_NOTEBOOK = "import sys, types; sys.modules['ipykernel.kernelapp'] = types.ModuleType('k')\n"
TENSORFLOW_FIRST = "import sys, types; sys.modules['tensorflow'] = types.ModuleType('tensorflow')\n"
SHOW_VALUES = f"import os; print(*[os.environ.get(name) for name in {NAMES}])\n"


def run(program, *, path=None, **environment):
    """Run a program in a fresh Python; its environment has no start-up values but these."""
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}
    if path:
        kept["PYTHONPATH"] = str(path)
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**kept, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def stand_in(tmp_path):
    """Make a package ``tensorflow`` whose import runs some code; returns the folder to search."""

    def make(code):
        (tmp_path / "tensorflow").mkdir()
        (tmp_path / "tensorflow" / "__init__.py").write_text(code)
        return tmp_path

    return make


def test_the_log_is_quiet_and_onednn_is_on():
    done = run("import resnext_helpers\n" + SHOW_VALUES)
    assert (done.stdout.split(), done.stderr) == (["3", "1"], "")


def test_a_users_own_values_are_kept():
    own = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = run("import resnext_helpers\n" + SHOW_VALUES, **own)
    assert (done.stdout.split(), done.stderr) == (["0", "0"], "")


def test_outside_a_notebook_tensorflow_is_not_imported():
    done = run("import resnext_helpers, sys; print('tensorflow' in sys.modules)")
    assert done.stdout.split() == ["False"]


def test_it_warns_when_tensorflow_came_first():
    done = run(TENSORFLOW_FIRST + "import resnext_helpers\n" + SHOW_VALUES)
    assert "UserWarning" in done.stderr
    assert "Restart the kernel" in done.stderr
    assert done.stdout.split() == ["None", "None"]


def test_it_does_not_warn_when_the_user_chose_the_values():
    own = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}
    assert run(TENSORFLOW_FIRST + "import resnext_helpers", **own).stderr == ""


def test_in_a_notebook_only_harmless_log_lines_are_dropped(stand_in):
    code = r"""
import os
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called ...\n")
os.write(2, b"I0000 00:00:1795515531.202302 8457 port.cc:153] oneDNN custom operations are on.\n")
os.write(2, b"W0000 00:00:1795515531.202302 8457 cuda.cc:1] no driver\n")
os.write(2, b"E0000 00:00:1795515531.202302 8457 cuda.cc:2] out of memory\n")
os.write(2, "Warnung: \u00e4lter\nlast, without an end".encode())
"""
    program = IN_A_NOTEBOOK + "import resnext_helpers, os; os.write(2, b'later')"
    lines = run(program, path=stand_in(code)).stderr.splitlines()
    assert [line[:5] for line in lines if "later" not in line] == ["E0000", "Warnu", "last,"]
    assert "later" in lines[-1]  # file descriptor 2 is back


def test_in_a_notebook_a_failed_import_says_why(stand_in):
    code = r"""
import os
os.write(2, b"F0000 00:00:1 1 cpu.cc:1] this CPU has no AVX\n")
raise ImportError("DLL load failed")
"""
    done = run(IN_A_NOTEBOOK + "import resnext_helpers", path=stand_in(code))
    assert done.returncode != 0
    assert "this CPU has no AVX" in done.stderr
    assert "ImportError: DLL load failed" in done.stderr
