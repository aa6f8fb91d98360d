"""What a committed notebook must be, beyond what nbval compares; and that each guard catches.

nbval passes a notebook whose cells were never executed, and it doesn't compare pictures.
"""

import re
import subprocess
import sys

import nbformat
import pytest

from resnext_course.publishing import slides
from resnext_course.publishing.notebook_runner import FOLDER, NAMES
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
    neutral = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    found = {key: value for key, value in notebook.metadata.items() if key != slides.LIVE_KEY}
    return [] if found == neutral else [f"metadata {found}"]


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


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_notebook(name, guard):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    # Not nbformat.read, which puts some of what is wrong right.
    assert guard(nbformat.v4.reads(text)) == []


# The guards themselves


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def picture(kind="image/png", **metadata):
    return nbformat.v4.new_output("display_data", {kind: "iVBO"}, metadata={kind: metadata})


def code(name, source="1", count=2, tags=(), outputs=()):
    metadata = {"tags": list(tags)} if tags else {}
    return nbformat.v4.new_code_cell(
        source, id=name, execution_count=count, metadata=metadata, outputs=list(outputs)
    )


def notebook(*cells):
    """A good notebook with ``cells`` at its end."""
    start = [nbformat.v4.new_markdown_cell("# Title", id="title"), code("setup", count=1)]
    metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    return nbformat.from_dict(nbformat.v4.new_notebook(cells=[*start, *cells], metadata=metadata))


GOOD = notebook(
    code("say", outputs=[stream("data/sample_birds: 4 classes, 1/2")]),
    code("a-figure", count=3, outputs=[picture(alt="Two lines")]),
    code(
        "the-trap",
        count=4,
        tags=["raises-exception"],
        outputs=[
            nbformat.v4.new_output("error", ename="E", evalue="x", traceback=["\x1b[31mE: x"])
        ],
    ),
    code("time", count=5, tags=["nbval-ignore-output"], outputs=[stream("3 s")]),
)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_a_guard_lets_a_good_notebook_pass(guard):
    assert guard(GOOD) == []


def changed(change):
    bad = notebook()
    change(bad)
    return bad


def without_title(bad):
    del bad.cells[0]


def without_set_up(bad):
    bad.cells[1].id = "begin"


def with_an_id_twice(bad):
    bad.cells[0].id = "setup"


def with_python_version(bad):
    bad.metadata.language_info.version = "3.11.7"


def with_own_kernel(bad):
    bad.metadata.kernelspec.name = "my-env"


ERROR = nbformat.v4.new_output("error", ename="KeyError", evalue="x", traceback=[])
COLOURED_PATH = nbformat.v4.new_output(
    "error", ename="E", evalue="x", traceback=["File \x1b[32m/tmp/ipykernel_1/2.py\x1b[0m"]
)
HTML_PATH = nbformat.v4.new_output("display_data", {"text/html": "<b>/root/x</b>"}, metadata={})


@pytest.mark.parametrize(
    ("guard", "bad"),
    [
        (executed_in_order, notebook(code("a", count=None))),
        (executed_in_order, notebook(code("a", count=3))),
        (executed_in_order, notebook(code("a", count=1))),
        (no_error_and_no_warning, notebook(code("a", outputs=[ERROR]))),
        (no_error_and_no_warning, notebook(code("a", outputs=[stream("hm", "stderr")]))),
        (no_error_and_no_warning, notebook(code("a", outputs=[stream("x: UserWarning: no")]))),
        (no_error_and_no_warning, notebook(code("a", outputs=[stream("a\nWARNING: no")]))),
        (readable_cell_ids, notebook(code("4f0c7a1e"))),
        (readable_cell_ids, notebook(code("b2a9c3d4-1f2e-4c3b-9a8d-0f1e2d3c4b5a"))),
        (readable_cell_ids, notebook(code("The_Plot"))),
        (readable_cell_ids, changed(with_an_id_twice)),
        (small_cells, notebook(code("a", "x\n" * 31))),
        (a_text_for_each_picture, notebook(code("a", outputs=[picture()]))),
        (a_text_for_each_picture, notebook(code("a", outputs=[picture(alt=" ")]))),
        (a_text_for_each_picture, notebook(code("a", outputs=[picture("image/jpeg")]))),
        (nothing_of_the_machine, notebook(code("a", outputs=[stream("in /home/ana/x")]))),
        (nothing_of_the_machine, notebook(code("a", outputs=[stream("in C:\\Users\\ana")]))),
        (nothing_of_the_machine, notebook(code("a", outputs=[COLOURED_PATH]))),
        (nothing_of_the_machine, notebook(code("a", outputs=[HTML_PATH]))),
        (set_up_first, changed(without_set_up)),
        (title_first, changed(without_title)),
        (neutral_metadata, changed(with_python_version)),
        (neutral_metadata, changed(with_own_kernel)),
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
