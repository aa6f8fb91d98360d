"""Texts that are gathered from the notebooks: GLOSSARY.md, and the plan in INSTRUCTORS.md."""

import re

import nbformat

from resnext_course.publishing import slides
from resnext_course.publishing.notebook_runner import FOLDER, NAMES
from resnext_helpers.settings import PROJECT, CourseError

GLOSSARY = PROJECT / "GLOSSARY.md"
INSTRUCTORS = PROJECT / "INSTRUCTORS.md"
_GLOSSARY_HEAD = """\
# Glossary

Every term that the notebooks explain, with the notebook that explains it first. `make notebooks`
gathers this page from the glossary at the end of each.

| English | 中文 | meaning | notebook |
| --- | --- | --- | --- |
"""
_PLAN = re.compile(r"(<!-- plan, from the notebooks -->\n).*(<!-- end of plan -->)", re.DOTALL)


def write() -> None:
    """Write both texts anew."""
    notebooks = {name: nbformat.read(FOLDER / f"{name}.ipynb", 4) for name in NAMES}
    GLOSSARY.write_text(glossary(notebooks), encoding="utf-8")
    text = INSTRUCTORS.read_text(encoding="utf-8")
    INSTRUCTORS.write_text(with_plan(text, notebooks), encoding="utf-8")


def glossary(notebooks: dict[str, nbformat.NotebookNode]) -> str:
    """GLOSSARY.md: the terms of all notebooks in alphabetical order, each once.

    Raises:
        CourseError: two notebooks give a term different Chinese names.
    """
    terms: dict[str, tuple[str, str, str]] = {}
    for name, notebook in notebooks.items():
        for english, chinese, meaning in terms_of(notebook):
            first = terms.setdefault(english, (chinese, meaning, name))
            if first[0] != chinese:
                raise CourseError(
                    f"{english!r} is {chinese} in {name} and {first[0]} in {first[2]}: choose one."
                )
    rows = [
        f"| {english} | {chinese} | {meaning} | [{name[:2]}](notebooks/{name}.ipynb) |\n"
        for english, (chinese, meaning, name) in sorted(
            terms.items(), key=lambda term: term[0].lower()
        )
    ]
    return _GLOSSARY_HEAD + "".join(rows)


def terms_of(notebook):
    """English, Chinese and meaning of each row of the notebook's glossary."""
    (cell,) = [cell for cell in notebook.cells if cell.id == "glossary"]
    rows = [line.strip("| ").split(" | ") for line in cell.source.splitlines() if line[:1] == "|"]
    return rows[2:]  # without the head of the table and the line below it


def with_plan(text: str, notebooks: dict[str, nbformat.NotebookNode]) -> str:
    """INSTRUCTORS.md with the sections, minutes and speaker notes of each notebook."""
    parts = [plan_of(name, notebook) for name, notebook in notebooks.items()]
    plan = "\n".join(parts)
    return _PLAN.sub(lambda found: f"{found[1]}\n{plan}\n{found[2]}", text)


def plan_of(name, notebook):
    """A table: each section of a notebook, its minutes, and what to ask and say."""
    rows = [
        f"| {heading} | {course['minutes']} | {course['notes']} |\n"
        for heading, course in sections(notebook)
    ]
    return (
        f"### [{name}](notebooks/{name}.ipynb): {slides.minutes(notebook)} minutes\n\n"
        f"| section | minutes | notes |\n| --- | --- | --- |\n{''.join(rows)}"
    )


def sections(notebook):
    """Heading and ``course`` metadata (minutes, notes) of each section of a notebook."""
    return [
        (re.search(r"^## (.+)$", cell.source, re.MULTILINE)[1], cell.metadata.course)
        for cell in notebook.cells
        if "course" in cell.metadata
    ]
