"""GLOSSARY.md, INSTRUCTORS.md and README.md say what the notebooks say."""

import re

import pytest

from resnext_course.publishing.notebook_runner import NAMES
from resnext_helpers.settings import PROJECT
from tools import gather
from tools.sections import sections

NOTEBOOKS = gather.read()
SAY = "`.venv/bin/python -m tools.gather` writes it anew"


@pytest.mark.parametrize("file", ["README.md", "INSTRUCTORS.md", "GLOSSARY.md"])
def test_a_page_repeats_the_notebooks(file):
    assert (PROJECT / file).read_text("utf-8") == gather.written(NOTEBOOKS)[file], SAY


def test_each_term_has_one_name_and_a_short_meaning_and_is_used():
    names = {}
    for content in NOTEBOOKS.values():
        (glossary,) = [cell for cell in content.cells if cell.id == "glossary"]
        prose = " ".join(cell.source for cell in content.cells if cell is not glossary).lower()
        for row in gather.rows(glossary.source):
            english, chinese, meaning = row.strip("| ").split(" | ")
            assert names.setdefault(english, chinese) == chinese, english
            for word in re.sub(r"\(.*?\)", "", english).lower().split(","):
                assert word.strip() in prose, word
            assert re.search(r"[\u4e00-\u9fff]|F1", chinese), english
            assert len(meaning.split()) <= 16, english


@pytest.mark.parametrize("name", NAMES)
def test_each_section_has_minutes_and_notes(name):
    for section in sections(NOTEBOOKS[name]):
        if not section.heading.startswith(("Glossary", "References")):
            assert section.minutes > 0, section.heading
            assert 5 <= len(section.course["notes"].split()) <= 70, section.heading


# How the pages are made, on two small notebooks


def notebook(number, terms, *parts):
    cell = gather.nbformat.v4.new_markdown_cell
    time = (
        "**Time** 30 minutes for the core, in class or alone. *Go further*, at the end: 9 minutes. "
    )
    head = "| English | 中文 | meaning |\n| --- | --- | --- |\n"
    cells = [cell(f"# {number}\n\n{time}", id="title")]
    for name, heading, minutes in parts:
        cells.append(cell(f"## {heading}", id=name, metadata={"course": {"minutes": minutes}}))
    cells.append(cell(f"## Glossary\n\n{head}{terms}", id="glossary"))
    return gather.nbformat.v4.new_notebook(cells=cells)


MADE = {
    "03_a": notebook(
        3,
        "| Block | 块 | first |\n| axis | 轴 | first |\n",
        ("one", "One", 12),
        ("two", "Two", 55),
        ("exercises", "Exercises", 8),
        ("recap", "Recap", 1),
        ("more", "Go further: more", 9),
    ),
    "04_b": notebook(
        4, "| axis | 轴 | again |\n", ("three", "Three", 7), ("exercises", "Exercises", 2)
    ),
}


def test_the_glossary_has_each_term_once_as_the_first_notebook_explains_it():
    assert gather.rows(gather.glossary(MADE)) == [
        "| axis | 轴 | first | [03](notebooks/03_a.ipynb) |",
        "| Block | 块 | first | [03](notebooks/03_a.ipynb) |",
    ]


def test_a_class_of_three_hours_is_the_cores_before_their_exercises_and_a_break():
    assert gather.rows(gather.three_hours(MADE)) == [
        "| 0:00 | [03](notebooks/03_a.ipynb) | 67 | One (12) · Two (55) |",
        "| 1:07 |  | 15 | a break |",
        "| 1:22 | [04](notebooks/04_b.ipynb) | 7 | Three (7) |",
        "| 1:29 |  |  | end |",
    ]


def test_a_class_of_one_notebook_is_its_whole_core():
    assert gather.rows(gather.six_classes(MADE)) == [
        "| [03](notebooks/03_a.ipynb) | 67 | 9 | 76 | 9 |",
        "| [04](notebooks/04_b.ipynb) | 7 | 2 | 9 | 0 |",
    ]


def test_a_page_is_written_where_its_marks_are(monkeypatch, tmp_path):
    monkeypatch.setattr(gather, "PROJECT", tmp_path)
    row = "| <img> | [03 A](notebooks/03_a.ipynb) | you learn | {} |\nAfter."
    (tmp_path / "README.md").write_text(row.format("–"), "utf-8")
    mark = "<!-- six_classes -->\n{}\n<!-- end -->\nAfter."
    (tmp_path / "INSTRUCTORS.md").write_text(mark.format("old\nold"), "utf-8")
    (tmp_path / "GLOSSARY.md").write_text("# Glossary\n\nAll.\n\n| old |\n| --- |\n", "utf-8")
    assert gather.written(MADE) == {
        "README.md": row.format("30 + 9"),
        "INSTRUCTORS.md": mark.format(gather.six_classes(MADE)),
        "GLOSSARY.md": f"# Glossary\n\nAll.\n\n{gather.glossary(MADE)}\n",
    }
    assert "  core: 3 cells (0 of code), 20 words" in list(gather.sizes(MADE))
