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
