"""GLOSSARY.md and INSTRUCTORS.md say what the notebooks say."""

import re

import nbformat
import pytest

from resnext_course.publishing import gathered, slides
from resnext_course.publishing.notebook_runner import NAMES, find
from resnext_helpers.settings import CourseError

NOTEBOOKS = {path.stem: nbformat.read(path, 4) for path in find()}
PLAN = gathered.INSTRUCTORS.read_text("utf-8")


def test_both_are_gathered_anew_when_a_notebook_changes():
    glossary = gathered.GLOSSARY.read_text("utf-8")
    assert gathered.with_glossary(glossary, NOTEBOOKS) == glossary, "run `make notebooks`"
    assert gathered.with_plan(PLAN, NOTEBOOKS) == PLAN, "run `make notebooks`"
    assert all(f"### [{name}]" in PLAN for name in NAMES)


@pytest.mark.parametrize("heading, most", [("three hours", 180), ("45 minutes", 45)])
def test_the_minutes_of_a_plan_are_those_of_its_sections(heading, most):
    (plan,) = [part for part in PLAN.split("\n## ") if part.splitlines()[0].endswith(heading)]
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


def test_terms_are_sorted_the_first_notebook_explains_and_chinese_names_agree():
    def notebook(*rows):
        table = "\n".join(["| English | 中文 | meaning |", "| --- | --- | --- |", *rows])
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(table, id="glossary")])

    notebooks = {
        "01_a": notebook("| width | 宽度 | how wide |", "| Adam | 亚当 | an optimizer |"),
        "02_b": notebook("| width | 宽度 | something else |", "| path | 路径 | a branch |"),
    }
    rows = gathered.with_glossary("", notebooks).splitlines()[1:]
    assert rows[0] == "| Adam | 亚当 | an optimizer | [01](notebooks/01_a.ipynb) |"
    assert [row.split(" | ")[2] for row in rows[1:]] == ["a branch", "how wide"]
    notebooks["03_c"] = notebook("| width | 宽 | how wide |")
    with pytest.raises(CourseError, match="'width' is 宽 in 03_c and 宽度 in 01_a"):
        gathered.with_glossary("", notebooks)


@pytest.mark.parametrize("name", NAMES)
def test_every_term_is_used_in_its_notebook_and_explained_in_few_words(name):
    prose = " ".join(cell.source for cell in NOTEBOOKS[name].cells if cell.id != "glossary")
    for english, chinese, meaning in gathered.terms_of(NOTEBOOKS[name]):
        for word in re.sub(r"\(.*?\)", "", english).split(","):
            assert word.strip().lower() in prose.lower(), word
        assert re.search(r"[\u4e00-\u9fff]|F1", chinese), english
        assert len(meaning.split()) <= 16, english


@pytest.mark.parametrize("name", NAMES)
def test_each_section_has_minutes_and_notes_and_their_sum_is_stated(name):
    for cell in NOTEBOOKS[name].cells:
        heading = re.search(r"^## (?!Glossary|References)", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            assert cell.metadata.course.minutes > 0, cell.id
            assert 5 <= len(cell.metadata.course.notes.split()) <= 70, cell.id
    total = slides.minutes(NOTEBOOKS[name])
    title = NOTEBOOKS[name].cells[0].source
    assert re.search(rf"\*\*Time\*\* .*about {total} minutes in class", title)
