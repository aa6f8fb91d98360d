"""What a committed notebook must be, beyond what nbval compares; and that each guard catches.

nbval passes a notebook whose cells were never executed, and it doesn't compare pictures.
"""

import re
import subprocess
import sys

import nbformat
import pytest

from resnext_course.publishing.notebook_runner import FOLDER, METADATA, NAMES
from resnext_helpers.settings import PROJECT

MOST_LINES = 30
SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
RANDOM = re.compile(r"(?=.*\d)[0-9a-f]{8,}")  # as tools name cells by themselves
MACHINE = re.compile(
    r"(?<![\w./])(/root|/home/|/Users/|/tmp|/var/|/work|/opt/|/usr/)|[A-Z]:\\|site-packages|ipykernel_"
)
WARNING = re.compile(r"\w*Warning\b:|^WARNING\b", re.MULTILINE)
NBVAL_TAGS = {"nbval-ignore-output", "nbval-check-output", "nbval-skip"}


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def texts(output):
    """What of an output can be read, without the colours of a terminal."""
    found = [output.get("text", ""), *output.get("traceback", [])]
    found += [
        text for kind, text in output.get("data", {}).items() if not kind.startswith("image/")
    ]
    return [re.sub(r"\x1b\[[\d;]*m", "", str(text)) for text in found]


# A guard takes a notebook and returns what is wrong with it, one string a problem.


def executed_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    return [] if counts == list(range(1, len(counts) + 1)) else [f"execution counts {counts}"]


def no_error_and_no_warning(notebook):
    problems = []
    for cell in code_cells(notebook):
        if "raises-exception" in tags(cell):
            continue
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                problems.append(f"{cell.id}: {output}")
            problems += [f"{cell.id}: {text}" for text in texts(output) if WARNING.search(text)]
    return problems


def readable_cell_ids(notebook):
    ids = [cell.id for cell in notebook.cells]
    problems = [f"{name} is no slug" for name in ids if not SLUG.fullmatch(name)]
    problems += [f"{name} is random" for name in ids if RANDOM.match(name)]
    return problems + [f"{name} is there twice" for name in set(ids) if ids.count(name) > 1]


def small_cells(notebook):
    lines = {cell.id: len(cell.source.splitlines()) for cell in code_cells(notebook)}
    return [f"{name} has {count} lines" for name, count in lines.items() if count > MOST_LINES]


def a_text_for_each_picture(notebook):
    return [
        f"{cell.id}: a picture without alt text"
        for cell in code_cells(notebook)
        for output in cell.outputs
        for kind in output.get("data", {})
        if kind.startswith("image/") and not output.metadata.get(kind, {}).get("alt", "").strip()
    ]


def nothing_of_the_machine(notebook):
    return [
        f"{cell.id}: {match[0]!r} in {text[:200]!r}"
        for cell in code_cells(notebook)
        for output in cell.outputs
        for text in texts(output)
        if (match := MACHINE.search(text))
    ]


def set_up_first(notebook):
    cells = code_cells(notebook)
    return [] if cells and cells[0].id == "setup" else ["the first code cell isn't `setup`"]


def title_first(notebook):
    first = notebook.cells[0]
    good = first.cell_type == "markdown" and first.source.startswith("# ")
    return [] if good else ["no title"]


def neutral_metadata(notebook):
    """No version of a Python, no name of somebody's kernel, no state of widgets."""
    found = {
        key: value for key, value in notebook.metadata.items() if "jupyterlab-fonts" not in key
    }
    return [] if found == METADATA else [f"metadata {found}"]


def tags_that_nbval_knows(notebook):
    """It ignores a misspelt one silently."""
    return [
        f"{cell.id}: {tag}"
        for cell in code_cells(notebook)
        for tag in tags(cell)
        if tag.startswith("nbval") and tag not in NBVAL_TAGS
    ]


GUARDS = [
    executed_in_order,
    no_error_and_no_warning,
    readable_cell_ids,
    small_cells,
    a_text_for_each_picture,
    nothing_of_the_machine,
    set_up_first,
    title_first,
    neutral_metadata,
    tags_that_nbval_knows,
]


def test_the_six_notebooks_are_there():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_notebook(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    # Not nbformat.read, which puts some of what is wrong right.
    notebook = nbformat.v4.reads(text)
    assert [problem for guard in GUARDS for problem in guard(notebook)] == []


# The guards themselves


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def error(line):
    return nbformat.v4.new_output("error", ename="E", evalue="x", traceback=[line])


def shown(kind, content="iVBO", **metadata):
    return nbformat.v4.new_output("display_data", {kind: content}, metadata={kind: metadata})


def code(name, *outputs, source="1", count=2, tags=()):
    metadata = {"tags": list(tags)} if tags else {}
    return nbformat.v4.new_code_cell(
        source, id=name, execution_count=count, metadata=metadata, outputs=list(outputs)
    )


def notebook(*cells, title="# Title", first="setup", **metadata):
    """A good notebook with ``cells`` at its end, but for what is given."""
    start = [nbformat.v4.new_markdown_cell(title, id="title"), code(first, count=1)]
    metadata = METADATA | metadata
    return nbformat.from_dict(nbformat.v4.new_notebook(cells=[*start, *cells], metadata=metadata))


TWICE = notebook(code("a"))
TWICE.cells[-1].id = TWICE.cells[0].id  # afterwards: nbformat would put it right


def test_a_good_notebook_passes():
    good = notebook(
        code("say", stream("data/sample_birds: 4 classes, 1/2")),
        code("a-figure", shown("image/png", alt="Two lines"), count=3),
        code("the-trap", error("\x1b[31mE: x"), count=4, tags=["raises-exception"]),
        code("time", stream("3 s"), count=5, tags=["nbval-ignore-output"]),
    )
    assert [problem for guard in GUARDS for problem in guard(good)] == []


@pytest.mark.parametrize(
    ("guard", "bad"),
    [
        (executed_in_order, notebook(code("a", count=3))),
        (no_error_and_no_warning, notebook(code("a", error("KeyError")))),
        (no_error_and_no_warning, notebook(code("a", stream("hm", "stderr")))),
        (no_error_and_no_warning, notebook(code("a", stream("x: UserWarning: no")))),
        (readable_cell_ids, notebook(code("4f0c7a1e"))),
        (readable_cell_ids, notebook(code("The_Plot"))),
        (readable_cell_ids, TWICE),
        (small_cells, notebook(code("a", source="x\n" * 31))),
        (a_text_for_each_picture, notebook(code("a", shown("image/png")))),
        (nothing_of_the_machine, notebook(code("a", error("at \x1b[32m/tmp/x.py\x1b[0m")))),
        (nothing_of_the_machine, notebook(code("a", shown("text/html", "<b>/root/x</b>")))),
        (set_up_first, notebook(first="begin")),
        (title_first, notebook(title="No title")),
        (neutral_metadata, notebook(language_info={"name": "python", "version": "3.11.7"})),
        (tags_that_nbval_knows, notebook(code("a", tags=["nbval-variable-output"]))),
    ],
)
def test_a_guard_catches_a_bad_notebook(guard, bad):
    assert guard(bad) != []


# The code's form, notebooks included


@pytest.mark.parametrize("check", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_finds_nothing(check):
    command = [sys.executable, "-m", "ruff", *check, "."]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
