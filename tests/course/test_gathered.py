"""GLOSSARY.md and INSTRUCTORS.md say what the notebooks say."""

import re

import nbformat
import pytest

from resnext_course.publishing import slides
from resnext_course.publishing.notebook_runner import NAMES, find
from resnext_helpers.settings import PROJECT

NOTEBOOKS = {path.stem: nbformat.read(path, 4) for path in find()}
PLAN = (PROJECT / "INSTRUCTORS.md").read_text("utf-8")
SECTIONS = {
    name: {
        re.search(r"^## (.+)$", cell.source, re.MULTILINE)[1]: cell.metadata.course
        for cell in notebook.cells
        if "course" in cell.metadata
    }
    for name, notebook in NOTEBOOKS.items()
}


def table(text):
    """The rows of a table, without its head."""
    return [row for row in text.splitlines() if row.startswith("| ")][2:]


def test_the_glossary_has_each_term_once_as_the_first_notebook_explains_it():
    names, rows = {}, {}
    for notebook, content in NOTEBOOKS.items():
        (glossary,) = [cell for cell in content.cells if cell.id == "glossary"]
        prose = " ".join(cell.source for cell in content.cells if cell is not glossary).lower()
        for row in table(glossary.source):
            english, chinese, meaning = row.strip("| ").split(" | ")
            assert names.setdefault(english, chinese) == chinese, english
            rows.setdefault(english, f"{row} [{notebook[:2]}](notebooks/{notebook}.ipynb) |")
            for word in re.sub(r"\(.*?\)", "", english).lower().split(","):
                assert word.strip() in prose, word
            assert re.search(r"[\u4e00-\u9fff]|F1", chinese), english
            assert len(meaning.split()) <= 16, english
    wanted = [rows[english] for english in sorted(rows, key=str.lower)]
    assert table((PROJECT / "GLOSSARY.md").read_text("utf-8")) == wanted


@pytest.mark.parametrize("name", NAMES)
def test_each_section_has_minutes_and_notes_and_the_plan_repeats_them(name):
    for cell in NOTEBOOKS[name].cells:
        heading = re.search(r"^## (?!Glossary|References)", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            assert cell.metadata.course.minutes > 0, cell.id
            assert 5 <= len(cell.metadata.course.notes.split()) <= 70, cell.id
    total = slides.minutes(NOTEBOOKS[name])
    title = NOTEBOOKS[name].cells[0].source
    assert re.search(rf"\*\*Time\*\* .*about {total} minutes in class", title)
    part = PLAN.partition(f"### [{name}](notebooks/{name}.ipynb): {total} minutes\n")[2]
    assert table(part.partition("\n### ")[0]) == [
        f"| {heading} | {course['minutes']} | {course['notes']} |"
        for heading, course in SECTIONS[name].items()
    ]


@pytest.mark.parametrize("heading, most", [("three hours", 180), ("45 minutes", 45)])
def test_the_minutes_of_a_class_are_those_of_its_sections(heading, most):
    (plan,) = [part for part in PLAN.split("\n## ") if part.splitlines()[0].endswith(heading)]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table(plan)]
    for _, number, wanted, total in rows:
        if number:  # else a break
            (name,) = [name for name in NAMES if name.startswith(number)]
            chosen = SECTIONS[name] if wanted == "all" else wanted.split("; ")
            assert sum(SECTIONS[name][head]["minutes"] for head in chosen) == int(total), name
    totals = [int(row[-1]) for row in rows]
    assert (sum(totals) if most == 180 else max(totals)) <= most
