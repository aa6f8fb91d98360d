"""README.md is true: its links lead somewhere, its minutes and numbers have a source."""

import re

import nbformat
import pytest

from resnext_course import __main__ as course
from resnext_course.publishing.notebook_runner import NAMES
from resnext_helpers.settings import PROJECT
from tools.sections import TIME

README = (PROJECT / "README.md").read_text("utf-8")
# A number with a unit or a decimal point; 224×224 is a size and has neither.
NUMBER = re.compile(r"(?<![\w.×])(?:\d+/\d+|\d+(?:\.\d+)?[%×](?!\d)|\d+\.\d+)")
OTHER_SOURCES = {
    "3.11": "pyproject.toml",
    "3.12": "pyproject.toml",
    "3.13": "pyproject.toml",
    "1611.05431": "the paper's number at arXiv",
}


def test_every_link_and_picture_is_there():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    assert len(links) > 12
    assert [link for link in links if not (PROJECT / link).exists()] == []


def test_every_picture_has_an_alternative_text():
    alts = re.findall(r'<img [^>]*?alt="([^"]*)"', README) + re.findall(r"!\[([^\]]*)\]", README)
    assert len(alts) == README.count("<img ") + README.count("![") >= 6
    assert [alt for alt in alts if len(alt) < 20] == []


def test_it_can_be_read_in_a_few_minutes():
    assert len(README.splitlines()) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_minutes_are_those_of_the_notebook(name):
    first = nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", 4).cells[0].source
    core, further = TIME.search(first).groups()
    row = next(line for line in README.splitlines() if f"notebooks/{name}.ipynb) |" in line)
    assert row.endswith(f"| {core} + {further} |")


def test_the_article_is_told_step_by_step_under_the_heading_that_notebooks_link():
    (part,) = [part for part in README.split("\n## ") if part.startswith("The article\n")]
    steps = " ".join(row.split("|")[1] for row in part.splitlines() if row.startswith("| "))
    for step in (
        "1",
        "2",
        "3.1",
        "3.2.1",
        "3.2.6",
        "3.3.1",
        "3.3.2",
        "3.3.3",
        "3.3.4",
        "3.4",
        "3.5",
    ):
        assert step in re.findall(r"[\d.]+\d|\d", steps), step
    assert all(f"notebooks/{name}.ipynb" in part for name in NAMES)


def test_the_disk_that_set_up_takes_is_what_the_makefile_says():
    disk = re.compile(r"(\d+) GB of disk")
    assert disk.findall(README) == disk.findall((PROJECT / "Makefile").read_text("utf-8"))[::-1]


def test_every_measured_number_is_in_the_results():
    results = (PROJECT / "benchmarks" / "RESULTS.md").read_text("utf-8")
    known = set(NUMBER.findall(results)) | set(OTHER_SOURCES)
    known |= {f"{float(one[:-1]):.0f}%" for one in known if one.endswith("%")}
    article = README[README.index("## The article") : README.index("## More")]  # has its sections
    found = set(NUMBER.findall(README.replace(article, "")))
    assert len(found) > 8
    assert found - known == set()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"-m resnext_course ([a-z-]+)", README))))
def test_its_commands_exist(command):
    with pytest.raises(SystemExit) as stopped:
        course.main([command, "--help"])
    assert stopped.value.code == 0
