"""GLOSSARY.md and INSTRUCTORS.md say what the notebooks say."""

import re

import nbformat
import pytest

from resnext_course.publishing import gathered, slides
from resnext_course.publishing.notebook_runner import FOLDER, NAMES
from resnext_helpers.settings import CourseError

NOTEBOOKS = {name: nbformat.read(FOLDER / f"{name}.ipynb", 4) for name in NAMES}


def notebook(rows):
    table = "## Glossary\n\n| English | 中文 | meaning |\n| --- | --- | --- |\n" + "\n".join(rows)
    cell = nbformat.v4.new_markdown_cell(table, id="glossary")
    return nbformat.v4.new_notebook(cells=[cell])


def test_the_glossary_is_gathered_from_the_notebooks():
    assert gathered.GLOSSARY.read_text("utf-8") == gathered.glossary(NOTEBOOKS)


def test_the_instructors_plan_is_gathered_from_the_notebooks():
    text = gathered.INSTRUCTORS.read_text("utf-8")
    assert gathered.with_plan(text, NOTEBOOKS) == text
    assert all(f"### [{name}]" in text for name in NAMES)


@pytest.mark.parametrize("heading, most", [("three hours", 180), ("45 minutes", 45)])
def test_the_minutes_of_a_plan_are_those_of_its_sections(heading, most):
    text = gathered.INSTRUCTORS.read_text("utf-8")
    (plan,) = [part for part in text.split("\n## ") if part.splitlines()[0].endswith(heading)]
    rows = [row.strip("|").split("|") for row in plan.splitlines() if row.startswith("| ")][2:]
    for _, number, wanted, total in rows:
        if not number.strip():
            continue  # a break
        (name,) = [name for name in NAMES if name.startswith(number.strip())]
        minutes = {head: course["minutes"] for head, course in gathered.sections(NOTEBOOKS[name])}
        chosen = list(minutes) if wanted.strip() == "all" else wanted.strip().split("; ")
        assert sum(minutes[head] for head in chosen) == int(total), name
    totals = [int(row[-1]) for row in rows]
    assert (sum(totals) if most == 180 else max(totals)) <= most


def test_terms_are_sorted_and_the_first_notebook_explains():
    text = gathered.glossary(
        {
            "01_a": notebook(["| width | 宽度 | how wide |", "| Adam | 亚当 | an optimizer |"]),
            "02_b": notebook(["| width | 宽度 | something else |", "| path | 路径 | a branch |"]),
        }
    )
    assert text.splitlines()[-3:] == [
        "| Adam | 亚当 | an optimizer | [01](notebooks/01_a.ipynb) |",
        "| path | 路径 | a branch | [02](notebooks/02_b.ipynb) |",
        "| width | 宽度 | how wide | [01](notebooks/01_a.ipynb) |",
    ]


def test_two_chinese_names_for_a_term_are_refused():
    notebooks = {
        "01_a": notebook(["| batch | 批次 | pictures |"]),
        "02_b": notebook(["| batch | 批 | pictures |"]),
    }
    with pytest.raises(CourseError, match="'batch' is 批 in 02_b and 批次 in 01_a: choose one"):
        gathered.glossary(notebooks)


@pytest.mark.parametrize("name", NAMES)
def test_every_term_is_used_in_its_notebook_and_explained_in_few_words(name):
    prose = " ".join(cell.source for cell in NOTEBOOKS[name].cells if cell.id != "glossary")
    terms = gathered.terms_of(NOTEBOOKS[name])
    assert len(terms) >= 5
    for english, chinese, meaning in terms:
        for word in re.sub(r"\(.*?\)", "", english).split(","):
            assert word.strip().lower() in prose.lower(), word
        assert re.search(r"[\u4e00-\u9fff]|F1", chinese), english
        assert len(meaning.split()) <= 16, english


@pytest.mark.parametrize("name", NAMES)
def test_each_section_has_minutes_and_notes_and_their_sum_is_stated(name):
    cells = [cell for cell in NOTEBOOKS[name].cells if re.search("^## ", cell.source, re.MULTILINE)]
    silent = {"## Glossary", "## References"}
    for cell in cells:
        if cell.cell_type == "markdown" and cell.source.splitlines()[0] not in silent:
            assert cell.metadata.course.minutes > 0, cell.id
            assert 5 <= len(cell.metadata.course.notes.split()) <= 70, cell.id
    total = slides.minutes(NOTEBOOKS[name])
    title = NOTEBOOKS[name].cells[0].source
    assert re.search(rf"\*\*Time\*\* .*about {total} minutes in class", title)
