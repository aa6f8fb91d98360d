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


@pytest.mark.parametrize(
    ("before", "own", "values", "said"),
    [
        ("", [], "3 1", ""),
        ("", ["0", "0"], "0 0", ""),
        (TENSORFLOW_FIRST, [], "None None", "Restart the kernel"),
        (TENSORFLOW_FIRST, ["2", "0"], "2 0", ""),
    ],
    ids=["quiet, with oneDNN", "the user's own", "too late", "too late, the user's own"],
)
def test_it_chooses_what_the_user_did_not_and_warns_if_it_is_too_late(before, own, values, said):
    environment = dict(zip(NAMES, own, strict=False))
    done = run(f"{before}import resnext_helpers\n{SHOW_VALUES}", **environment)
    assert done.stdout.split() == values.split()
    assert said in done.stderr and ("UserWarning" in done.stderr) == bool(said)


def test_outside_a_notebook_tensorflow_is_not_imported():
    done = run("import resnext_helpers, sys; print('tensorflow' in sys.modules)")
    assert (done.stdout.split(), done.stderr) == (["False"], "")


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
