"""Executing notebooks: a book for a learner, outputs renewed in place, failures, Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from ipykernel.ipkernel import IPythonKernel

from resnext_course.publishing import book, notebook_runner
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

TRAIN = """\
import os, pathlib, sys
run = pathlib.Path(os.environ["RESNEXT_RUNS"], "sample-sample_birds")
run.mkdir(parents=True)
(run / "model.keras").touch()
(run / "history.csv").write_text("epoch,val_accuracy\\n1,0.5\\n2,0.91666\\n3,0.75\\n")
print(sys.prefix, os.getcwd())
"""


@pytest.fixture
def books(monkeypatch):
    """What would be written as a book: the chapters and the section on the run, in this order."""
    written = []

    def build(chapters, folder, run):
        written.append((chapters, run))
        (folder / "index.html").write_text(run, encoding="utf-8")
        return ""

    monkeypatch.setattr(book, "build", build)
    return written


def test_run_writes_a_book_and_leaves_the_notebooks_alone(tmp_path, capsys, monkeypatch, books):
    monkeypatch.setenv("RESNEXT_RUNS", str(tmp_path / "runs"))
    first = write_notebook(tmp_path / "01_first.ipynb", {"a": "print(6 * 7)", "b": "", "c": "1"})
    train = write_notebook(tmp_path / "05_train.ipynb", {"a": TRAIN})
    before = first.read_bytes(), train.read_bytes()

    notebook_runner.run([first, train], tmp_path)

    assert (first.read_bytes(), train.read_bytes()) == before
    ((chapters, told),) = books
    assert chapters["01_first"].cells[1].outputs[0].text == "42\n"
    # The kernel is of the Python that runs this test, and starts in the notebook's folder.
    assert chapters["05_train"].cells[1].outputs[0].text == f"{sys.prefix} {tmp_path}\n"
    assert "**Validation accuracy 0.917**" in told and "names 92% of" in told
    assert "about 25% right" in told and "in the profile `sample`" in told
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Executing takes a few minutes on two cores."
    assert re.fullmatch(r"01_first +cell +2 of 2 +\d+ s", lines[2])
    assert re.fullmatch(r"05_train +cell +1 of 1 +\d+ s", lines[3])
    assert lines[-3] == "Validation accuracy: 0.917"
    assert lines[-2].endswith("sample-sample_birds/model.keras")
    assert lines[-1].endswith("index.html")

    notebook_runner.run([first], tmp_path)
    told = " ".join(capsys.readouterr().out.splitlines()[:2])
    assert f"open {tmp_path / 'index.html'}" in told and "executed again" in told


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{}['lost']", "KeyError: 'lost'"),
        ("class CourseError(Exception): pass\nraise CourseError('Do that.')", "Do that."),
        ("import os\nos._exit(1)", "memory"),
    ],
)
def test_a_failing_cell_is_named_and_its_page_is_written(tmp_path, capsys, source, reason, books):
    path = write_notebook(
        tmp_path / "03_bad.ipynb", {"good": "print('reached')", "bad-one": source, "later": "1"}
    )
    later = write_notebook(tmp_path / "04_later.ipynb", {"a": "1"})
    with pytest.raises(CourseError) as error:
        notebook_runner.run([path, later], tmp_path)
    message = str(error.value)
    assert message.startswith("03_bad.ipynb stopped in cell 'bad-one': ")
    assert reason in message and "notebooks/03_bad.html" in message
    assert "Error: Do that" not in message  # the course's own sentences need no type of error
    ((chapters, told),) = books
    assert chapters["03_bad"].cells[1].outputs[0].text == "reached\n"
    assert "04_later" in chapters  # as it was
    assert "**It stopped** in [notebooks/03_bad.ipynb]" in told
    assert re.search(r"cell +2 of 3", capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends a signal as POSIX does")
def test_ctrl_c_ends_the_run_and_its_kernel(tmp_path):
    ready = tmp_path / "pid"
    source = (
        "import os, pathlib, time\n"
        f"part = pathlib.Path({str(tmp_path / 'part')!r}); part.write_text(str(os.getpid()))\n"
        f"part.rename({str(ready)!r}); time.sleep(600)"
    )
    path = write_notebook(tmp_path / "01_long.ipynb", {"a": source})
    code = (
        "import pathlib, signal, sys\n"
        # A shell's background job, as some CI's, starts with Ctrl-C ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from resnext_course import __main__ as course\n"
        "from resnext_course.publishing import notebook_runner\n"
        f"notebook_runner.find = lambda: [pathlib.Path({str(path)!r})]\n"
        "sys.exit(course.main(['run']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as run:
        try:
            deadline = time.monotonic() + 120
            while not ready.exists():
                assert run.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
            run.send_signal(signal.SIGINT)
            errors = run.communicate(timeout=60)[1]
        finally:
            run.kill()
    assert run.returncode == 130
    assert errors.endswith("\nStopped.\n")
    assert "Traceback" not in errors
    with pytest.raises(ProcessLookupError):
        os.kill(int(ready.read_text()), 0)


# rewrite

CELLS = {
    "compared": "seen = 'seen' in globals(); print('the same', seen)",
    "ignored": ("import random; print(random.random())", "nbval-ignore-output"),
    "widget": "import ipywidgets; ipywidgets.IntSlider()",  # known by a new number in each run
    "pinned": (
        "import os, pathlib\n"
        "print(os.environ['RESNEXT_PROFILE'], os.environ['RESNEXT_DATA'][-12:],\n"
        "      os.environ.get('MPLBACKEND', 'none')[:6])  # IPython sets its own\n"
        "print(pathlib.Path(os.environ['RESNEXT_RUNS'], 'sample-sample_birds').exists())"
    ),
}


def rewrite(path, **options):
    return notebook_runner.rewrite([path], runs=path.parent / "runs", **options)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The bytes of a notebook as it would be committed: executed by ``rewrite``."""
    path = write_notebook(tmp_path_factory.mktemp("committed") / "01_x.ipynb", CELLS)
    (path.parent / "runs" / "sample-sample_birds").mkdir(parents=True)  # of an older training
    with pytest.MonkeyPatch.context() as user:
        user.setenv("RESNEXT_PROFILE", "full")
        user.setenv("RESNEXT_DATA", "/photos")
        user.setenv("MPLBACKEND", "pdf")
        assert rewrite(path) == [path]
    return path.read_bytes()


@pytest.fixture
def committed(executed, tmp_path):
    path = tmp_path / "01_x.ipynb"
    path.write_bytes(executed)
    return path


def test_neither_the_users_settings_nor_an_older_model_reach_committed_outputs(committed):
    settings, trained = outputs(committed, "pinned").splitlines()
    assert settings.startswith("sample sample_birds ") and not settings.endswith("pdf")
    assert trained == "False"
    metadata = nbformat.read(committed, 4).metadata
    assert metadata == notebook_runner.METADATA | notebook_runner.LIVE
    # As JupyterLab would write it, so that opening a notebook doesn't change it.
    version = {"version": metadata.language_info.version}
    assert metadata.language_info == IPythonKernel.language_info | version


def test_an_unchanged_notebook_stays_the_same_to_the_byte(committed, executed):
    assert rewrite(committed) == []
    assert committed.read_bytes() == executed


def test_refresh_renews_what_differs_on_each_run(committed):
    before = outputs(committed, "ignored")
    assert rewrite(committed, refresh=True) == [committed]
    assert outputs(committed, "ignored") != before


def test_a_changed_cell_gets_its_new_output(committed):
    before = outputs(committed, "ignored")
    text = committed.read_text(encoding="utf-8").replace("print('the same'", "print('new'")
    committed.write_text(text, encoding="utf-8")
    assert rewrite(committed) == [committed]
    assert outputs(committed, "compared") == "new False\n"
    assert outputs(committed, "ignored") == before


def test_new_kinds_of_output_are_not_replaced_by_old_ones():
    def notebook(*outputs):
        cell = nbformat.v4.new_code_cell(id="a", metadata={"tags": ["nbval-ignore-output"]})
        cell.outputs = list(outputs)
        return nbformat.v4.new_notebook(cells=[cell])

    def text(text):
        return nbformat.v4.new_output("stream", text=text)

    figure = nbformat.v4.new_output("display_data", {"image/png": "x"})
    for new, kept in ((notebook(text("new")), "old"), (notebook(text("new"), figure), "new")):
        notebook_runner.keep_outputs(new, notebook(text("old")))
        assert new.cells[0].outputs[0].text == kept


# find


def test_find_takes_numbers_and_file_names():
    assert [path.stem for path in notebook_runner.find()] == list(notebook_runner.NAMES)
    assert all(path.is_file() for path in notebook_runner.find())
    chosen = notebook_runner.find(["06", "notebooks/01_gpu_setup.ipynb"])
    assert [path.stem for path in chosen] == ["01_gpu_setup", "06_evaluation"]


@pytest.mark.parametrize("name", ["07", "", "gpu"])
def test_find_refuses_what_means_no_notebook(name):
    with pytest.raises(CourseError, match="01 to 06"):
        notebook_runner.find([name])
