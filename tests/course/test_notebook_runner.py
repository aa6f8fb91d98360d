"""Executing notebooks: pages for a learner, outputs renewed in place, failures, Ctrl-C."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from resnext_course.publishing import notebook_runner
from resnext_course.publishing.execution import execute, kernel_environment
from resnext_course.terminal import StatusLine
from resnext_helpers.settings import CourseError


def write_notebook(path, cells):
    """Writes a notebook of code cells, given as {id: source} or {id: (source, tag)}."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells.append(nbformat.v4.new_markdown_cell(f"# About *{path.stem}*", id="title"))
    for name, source in cells.items():
        source, *tags = [source] if isinstance(source, str) else source
        metadata = {"tags": tags} if tags else {}
        notebook.cells.append(nbformat.v4.new_code_cell(source, id=name, metadata=metadata))
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return path


def outputs(path, name):
    """The text that a cell of a saved notebook printed."""
    cells = {cell.id: cell for cell in nbformat.read(path, 4).cells}
    return "".join(output.get("text", "") for output in cells[name].outputs)


# run


def test_run_writes_pages_and_leaves_the_notebooks_alone(tmp_path, capsys):
    first = write_notebook(tmp_path / "01_first.ipynb", {"a": "print(6 * 7)", "b": "", "c": "1"})
    second = write_notebook(tmp_path / "02_second.ipynb", {"a": "import sys; print(sys.prefix)"})
    before = first.read_bytes(), second.read_bytes()
    notebook_runner.run([first, second], tmp_path / "html")

    assert (first.read_bytes(), second.read_bytes()) == before
    assert "42" in (tmp_path / "html" / "01_first.html").read_text(encoding="utf-8")
    # The kernel is of the Python that runs this test.
    assert sys.prefix in (tmp_path / "html" / "02_second.html").read_text(encoding="utf-8")
    assert "About 01_first" in (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"01_first +cell +2 of 2 +\d+ s", lines[1])
    assert re.fullmatch(r"02_second +cell +1 of 1 +\d+ s", lines[2])
    assert lines[-2].startswith("Trained model:") and "none in" in lines[-2]
    assert lines[-1].startswith("Pages:") and lines[-1].endswith("html/index.html")


def test_run_ends_with_the_kept_weights_accuracy(tmp_path, capsys):
    train = (
        "import os, pathlib\n"
        "run = pathlib.Path(os.environ['RESNEXT_RUNS'], 'sample-sample_birds')\n"
        "run.mkdir(parents=True, exist_ok=True)\n"
        "(run / 'model.keras').touch()\n"
        "_ = (run / 'history.csv').write_text("
        "'epoch,val_accuracy\\n1,0.5\\n2,0.91666\\n3,0.75\\n')"
    )
    notebook_runner.run([write_notebook(tmp_path / "05_x.ipynb", {"a": train})], tmp_path / "html")
    out = capsys.readouterr().out
    assert re.search(r"^Validation accuracy: +0\.917$", out, re.MULTILINE)
    assert re.search(r"^Trained model: .*sample-sample_birds/model\.keras$", out, re.MULTILINE)
    assert "0.917" in (tmp_path / "html" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{}['lost']", "KeyError: 'lost'"),
        (
            "class CourseError(Exception): pass\nraise CourseError('Do that.')",
            "Do that.",
        ),
        ("import os\nos._exit(1)", "memory"),
    ],
)
def test_a_failing_cell_is_named_and_its_page_is_written(tmp_path, capsys, source, reason):
    path = write_notebook(
        tmp_path / "03_bad.ipynb", {"good": "print('reached')", "bad-one": source, "later": "1"}
    )
    with pytest.raises(CourseError) as error:
        notebook_runner.run([path], tmp_path / "html")
    message = str(error.value)
    assert message.startswith("03_bad.ipynb stopped in cell 'bad-one': ")
    assert reason in message
    assert "Error: Do that" not in message  # the course's own sentences need no type of error
    assert "reached" in (tmp_path / "html" / "03_bad.html").read_text(encoding="utf-8")
    assert re.search(r"cell +2 of 3 .* stopped$", capsys.readouterr().out, re.MULTILINE)


def test_photographs_that_cannot_be_used_are_told_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("RESNEXT_DATA", str(tmp_path / "nothing"))
    path = write_notebook(tmp_path / "01_x.ipynb", {"a": "1"})
    with pytest.raises(CourseError, match="nothing"):
        notebook_runner.run([path], tmp_path / "html")
    assert not (tmp_path / "html").exists()


@pytest.mark.skipif(os.name == "nt", reason="sends a signal as POSIX does")
def test_ctrl_c_ends_the_run_and_its_kernel(tmp_path):
    path = write_notebook(
        tmp_path / "01_long.ipynb",
        {"a": f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"}
        | {"b": f"import time; open({str(tmp_path / 'here')!r}, 'w'); time.sleep(600)"},
    )
    code = (
        "import pathlib, signal, sys\n"
        # A shell's background job, as some CI's, starts with Ctrl-C ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from resnext_helpers import __main__ as course\n"
        "from resnext_course.publishing import notebook_runner\n"
        f"notebook_runner.find = lambda: [pathlib.Path({str(path)!r})]\n"
        "sys.exit(course.main(['run']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as run:
        while not (tmp_path / "here").exists():
            assert run.poll() is None
            time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        errors = run.communicate(timeout=120)[1]
    assert run.returncode == 130
    assert errors.endswith("\nStopped.\n")
    assert "Traceback" not in errors
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


# rewrite

CELLS = {
    "compared": "print('the same')",
    "ignored": ("import random; print(random.random())", "nbval-ignore-output"),
    "widget": "import ipywidgets; ipywidgets.IntSlider()",  # known by a new number in each run
    "pinned": "import os; print(os.environ['RESNEXT_PROFILE'], os.environ['RESNEXT_DATA'][-12:])",
}


def rewrite(path, **options):
    return notebook_runner.rewrite([path], runs=path.parent / "runs", **options)


@pytest.fixture
def committed(tmp_path):
    """A notebook as it would be committed: executed by ``rewrite``."""
    path = write_notebook(tmp_path / "01_x.ipynb", CELLS)
    assert rewrite(path) == [path]
    return path


def test_an_unchanged_notebook_stays_the_same_to_the_byte(committed):
    before = committed.read_bytes()
    assert rewrite(committed) == []
    assert committed.read_bytes() == before
    assert b'"language_info": {\n   "name": "python"\n  }' in before


def test_refresh_renews_what_differs_on_each_run(committed):
    before = outputs(committed, "ignored")
    assert rewrite(committed, refresh=True) == [committed]
    assert outputs(committed, "ignored") != before


def test_no_older_model_is_evaluated(tmp_path):
    look = "import os; print(os.path.exists(os.environ['RESNEXT_RUNS'] + '/sample-sample_birds'))"
    path = write_notebook(tmp_path / "06_x.ipynb", {"look": look})
    (tmp_path / "runs" / "sample-sample_birds").mkdir(parents=True)
    rewrite(path)
    assert outputs(path, "look") == "False\n"


def test_a_changed_cell_gets_its_new_output(committed):
    before = outputs(committed, "ignored")
    text = committed.read_text(encoding="utf-8").replace("print('the same')", "print('new')")
    committed.write_text(text, encoding="utf-8")
    assert rewrite(committed) == [committed]
    assert outputs(committed, "compared") == "new\n"
    assert outputs(committed, "ignored") == before


def test_a_notebook_that_was_only_run_returns_to_what_git_has(committed):
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], cwd=committed.parent, check=True)
    before = committed.read_bytes()
    text = committed.read_text(encoding="utf-8")
    ran = text.replace(outputs(committed, "ignored").strip(), "0.123")
    committed.write_text(ran, encoding="utf-8")
    rewrite(committed)
    assert committed.read_bytes() == before


def test_the_users_settings_do_not_reach_committed_outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("RESNEXT_PROFILE", "full")
    monkeypatch.setenv("RESNEXT_DATA", "/photos")
    monkeypatch.setenv("MPLBACKEND", "pdf")
    look = {"backend": "import os; print(os.environ.get('MPLBACKEND', 'the notebook'))"}
    path = write_notebook(tmp_path / "01_x.ipynb", CELLS | look)
    rewrite(path)
    assert outputs(path, "pinned") == "sample sample_birds\n"
    assert "pdf" not in outputs(path, "backend")


def test_new_kinds_of_output_are_not_replaced_by_old_ones():
    def notebook(*outputs):
        cell = nbformat.v4.new_code_cell(id="a", metadata={"tags": ["nbval-ignore-output"]})
        cell.outputs = [nbformat.from_dict(output) for output in outputs]
        return nbformat.v4.new_notebook(cells=[cell])

    def text(text):
        return {"output_type": "stream", "name": "stdout", "text": text}

    figure = {"output_type": "display_data", "data": {"image/png": "x"}, "metadata": {}}
    new = notebook(text("new"))
    notebook_runner.keep_outputs(new, notebook(text("old")))
    assert new.cells[0].outputs[0].text == "old"
    new = notebook(text("new"), figure)
    notebook_runner.keep_outputs(new, notebook(text("old")))
    assert new.cells[0].outputs[0].text == "new"


# the rest


def test_every_execution_starts_in_the_notebooks_folder_with_no_memory(tmp_path):
    path = write_notebook(
        tmp_path / "01_x.ipynb",
        {"a": "'seen' in globals()", "b": "seen = 1; import os; print(os.getcwd())"},
    )
    notebook = nbformat.read(path, 4)
    for _ in range(2):
        execute(notebook, path, kernel_environment())
    assert notebook.cells[1].outputs[0].data["text/plain"] == "False"
    assert Path(notebook.cells[2].outputs[0].text.strip()).samefile(tmp_path)
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2]


def test_find_takes_numbers_and_file_names():
    assert [path.name for path in notebook_runner.find()] == [
        f"{name}.ipynb" for name in notebook_runner.NAMES
    ]
    chosen = notebook_runner.find(["06", "notebooks/01_gpu_setup.ipynb"])
    assert [path.stem for path in chosen] == ["01_gpu_setup", "06_evaluation"]


@pytest.mark.parametrize("name", ["07", "", "gpu"])
def test_find_refuses_what_means_no_notebook(name):
    with pytest.raises(CourseError, match="no notebook"):
        notebook_runner.find([name])


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_status_line_is_written_over_on_a_terminal():
    terminal = Terminal()
    line = StatusLine(terminal)
    line.update("a long text")
    line.update("short")
    line.finish("end")
    assert terminal.getvalue() == "\ra long text\rshort      \rend  \n"


def test_a_status_line_never_wraps(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    StatusLine(terminal).update("x" * 50)
    assert terminal.getvalue() == "\r" + "x" * 19


def test_a_status_line_leaves_one_line_in_a_log():
    log = io.StringIO()
    line = StatusLine(log)
    line.update("cell 1")
    line.finish("cell 2")
    assert log.getvalue() == "cell 2\n"
