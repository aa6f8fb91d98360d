"""What a committed notebook must be, beyond what nbval compares; and that each guard catches.

nbval passes a notebook whose cells were never executed, and it doesn't compare pictures.
"""

import ast
import builtins
import re
import subprocess
import sys

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from resnext_course.publishing.notebook_runner import FOLDER, METADATA, NAMES
from resnext_helpers.settings import PROJECT
from tools.sections import FURTHER, TIME, core, further, minutes, sections, slides, words

MOST_LINES = 30
MOST_CELLS, MOST_WORDS, MOST_ON_A_SLIDE = 60, 2000, 90  # of a core before its exercises
MOST_MINUTES = {"1": 20, "2": 28, "3": 30, "4": 30, "5": 30, "6": 27}  # of the same; 165 in all
A_CLASS = 45  # minutes: the core with its exercises and its recap
WORDS_A_MINUTE = 130  # that a student reads in a second language
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


def a_core_that_fits(notebook):
    cells, (before, whole, _) = core(notebook), minutes(notebook)
    number = re.match(r"# (\d)", notebook.cells[0].source)
    limits = [
        (len(cells), MOST_CELLS, "cells before the exercises"),
        (words(cells), MOST_WORDS, "words before the exercises"),
        (before, MOST_MINUTES[number[1]] if number else A_CLASS, "minutes before the exercises"),
        (whole, A_CLASS, "minutes in the core"),
    ]
    return [f"{have} {what}, at most {most}" for have, most, what in limits if have > most]


def time_for_reading(notebook):
    """In a section's minutes its words can at least be read."""
    read_at_home = ("Glossary", "References")
    return [
        f"{one.heading}: {words(one.cells)} words in {one.minutes} minutes"
        for one in sections(notebook)
        if not one.heading.startswith(read_at_home)
        and words(one.cells) > WORDS_A_MINUTE * (one.minutes + 0.5)
    ]


def short_slides(notebook):
    return [
        f"{slide[0].id}: {words(slide)} words on a slide"
        for slide in slides(notebook)
        if words(slide) > MOST_ON_A_SLIDE
    ]


def further_at_the_end(notebook):
    """``Go further`` comes behind the references, and nothing else does."""
    behind = {cell.id for cell in further(notebook)}
    headed = {one.cells[0].id for one in sections(notebook)}
    problems = [
        f"{one.cells[0].id}: {one.heading!r}"
        for one in sections(notebook)
        if one.is_further != (one.cells[0].id in behind)
        or (one.is_further and not (one.course.get("minutes") and one.course.get("notes")))
    ]
    return problems + [
        f"{cell.id}: no heading" for cell in further(notebook)[:1] if cell.id not in headed
    ]


def further_stands_alone(notebook):
    """A ``Go further`` section uses names of the core and its own, and no other section's."""
    known = names(core(notebook), ast.Store) | set(dir(builtins)) | {"display", "get_ipython"}
    return [
        f"{one.heading}: {name} comes from elsewhere"
        for one in sections(notebook)
        if one.is_further
        for name in sorted(names(one.cells, ast.Load) - names(one.cells, ast.Store) - known)
    ]


def names(cells, context):
    """The names that code cells use (``ast.Load``), or that they define (``ast.Store``)."""
    transform = TransformerManager().transform_cell  # for lines such as %time
    code = "\n".join(transform(cell.source) for cell in cells if cell.cell_type == "code")
    nodes = list(ast.walk(ast.parse(code)))
    found = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)
    }
    if context is ast.Store:
        found |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        defined = (ast.FunctionDef, ast.ClassDef, ast.ExceptHandler)
        found |= {node.name for node in nodes if isinstance(node, defined)}
        aliases = [node for node in nodes if isinstance(node, ast.alias)]
        found |= {(one.asname or one.name).partition(".")[0] for one in aliases}
    return found


def the_time_that_it_takes(notebook):
    _, whole, more = minutes(notebook)
    said = TIME.search(notebook.cells[0].source)
    wanted = f"{whole} minutes for the core, {more} to go further"
    return [] if said and (int(said[1]), int(said[2])) == (whole, more) else [f"Time: {wanted}"]


def the_article_introduced(notebook):
    """Where it is first named it is linked."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    first = next((text for text in texts if re.search(r"\barticle\b", text)), "")
    return [] if not first or "](../README.md#the-article)" in first else ["no link to the article"]


def layers_of_keras(notebook):
    """``layers`` is Keras' module, everywhere."""
    code = "\n".join(cell.source for cell in code_cells(notebook))
    return re.findall(r"from resnext_helpers import .*\blayers\b.*", code)


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
    a_core_that_fits,
    time_for_reading,
    short_slides,
    further_at_the_end,
    further_stands_alone,
    the_time_that_it_takes,
    the_article_introduced,
    layers_of_keras,
]


def test_the_six_notebooks_are_there():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_notebook(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    # Not nbformat.read, which puts some of what is wrong right.
    notebook = nbformat.v4.reads(text)
    assert [problem for guard in GUARDS for problem in guard(notebook)] == []


def test_the_cores_before_their_exercises_fit_three_hours():
    found = [nbformat.read(FOLDER / f"{name}.ipynb", 4) for name in NAMES]
    assert sum(minutes(notebook)[0] for notebook in found) <= sum(MOST_MINUTES.values()) == 165


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


def text(name, source, minutes=None, slide=None):
    metadata = {"slideshow": {"slide_type": slide}} if slide else {}
    if minutes is not None:
        metadata["course"] = {"minutes": minutes, "notes": "Ask, and wait for an answer."}
    return nbformat.v4.new_markdown_cell(source, id=name, metadata=metadata)


def notebook(*cells, title="# 1 · Title", time=(40, 12), first="setup", more=(), **metadata):
    """A good one, but for what is given: ``cells`` are in its core, ``more`` at its end."""
    core, go_further = time
    title += (
        f"\n\n**Time** {core} minutes for the core, in class or alone. *Go further*, at the end: "
        f"{go_further} minutes. All cells together compute for a minute."
    )
    cells = [
        text("title", title, slide="slide"),
        code(first, count=1, source="import math, os.path as path"),
        text("look", "## Look", 18, "slide"),
        *cells,
        text("exercises", "## Exercises", 20, "slide"),
        text("recap", "## Recap", 2, "slide"),
        text("glossary", "## Glossary", 0),
        text("references", "## References", 0),
        text("deeper", "## Go further: deeper", 12, "slide"),
        *more,
    ]
    metadata = METADATA | metadata
    return nbformat.from_dict(nbformat.v4.new_notebook(cells=cells, metadata=metadata))


def prose(number):
    """So many words, in a table and a link, with what is none between them."""
    start = "| a | b |\n| --- | --- |\n| [a link](https://example.org/a%20b) | $a + b$ |\n\n"
    start += "![No word](a.png)\n\n```\nno = 1\n```\n\n<br>\n\n"
    return start + "word " * (number - 5)


TWICE = notebook(code("a"))
TWICE.cells[3].id = TWICE.cells[0].id  # afterwards: nbformat would put it right
NO_HEADING = notebook()
NO_HEADING.cells[-1].source = "Deeper"
ONE_SECTION = text("a", f"## {FURTHER}a", 1), code("b", source="one = 1")
ANOTHER_SECTION = text("c", f"## {FURTHER}c", 1), code("d", source="one + 1")


def test_a_good_notebook_passes():
    good = notebook(
        code("say", stream("data/sample_birds: 4 classes, 1/2")),
        code("a-figure", shown("image/png", alt="Two lines"), count=3),
        code("the-trap", error("\x1b[31mE: x"), count=4, tags=["raises-exception"]),
        code(
            "time",
            stream("3 s"),
            source="one = 1\n%time one",
            count=5,
            tags=["nbval-ignore-output"],
        ),
        text("read", prose(90), slide="subslide"),
        text("read-at-home", prose(1800), slide="skip"),
        text("article", "[The article](../README.md#the-article) does. An article.", slide="slide"),
        more=[code("more", source="def f(x):\n    return x + one + path.sep", count=6)],
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
        (a_core_that_fits, notebook(*[text(f"a{i}", "Word.") for i in range(58)])),
        (a_core_that_fits, notebook(text("a", prose(2000), slide="skip"))),
        (a_core_that_fits, notebook(text("a", "## A", 3), time=(43, 12))),
        (a_core_that_fits, notebook(text("a", "## A", 6), title="# 2 · T", time=(46, 12))),
        (time_for_reading, notebook(text("a", "## A\n" + prose(200), 1))),
        (short_slides, notebook(text("a", prose(50), slide="slide"), text("b", prose(41)))),
        (short_slides, notebook(text("a", prose(91), slide="subslide"))),
        (further_at_the_end, notebook(text("a", f"## {FURTHER}a", 3))),
        (further_at_the_end, notebook(more=[text("a", "## Another", 3)])),
        (further_at_the_end, notebook(more=[text("a", f"## {FURTHER}a")])),
        (further_at_the_end, NO_HEADING),
        (further_stands_alone, notebook(more=[code("a", source="print(unknown)")])),
        (further_stands_alone, notebook(more=[*ONE_SECTION, *ANOTHER_SECTION])),
        (the_time_that_it_takes, notebook(time=(41, 12))),
        (the_time_that_it_takes, notebook(time=(40, 11))),
        (the_article_introduced, notebook(text("a", "The article does so."))),
        (layers_of_keras, notebook(code("a", source="from resnext_helpers import data, layers"))),
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
