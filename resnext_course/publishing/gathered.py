"""Texts that are gathered from the notebooks: GLOSSARY.md, and the plan in INSTRUCTORS.md."""

import re
from pathlib import Path

import nbformat

from resnext_course.publishing import slides
from resnext_helpers.settings import PROJECT, CourseError

GLOSSARY = PROJECT / "GLOSSARY.md"
INSTRUCTORS = PROJECT / "INSTRUCTORS.md"
_LAST_OF_HEAD = "| --- | --- | --- | --- |\n"
_PLAN = re.compile(r"(?<=<!-- plan, from the notebooks -->\n).*(?=<!-- end of plan -->)", re.DOTALL)


def write(paths: list[Path]) -> None:
    """Writes both texts anew, from the notebooks' files."""
    notebooks = {path.stem: nbformat.read(path, 4) for path in paths}
    for file, gather in ((GLOSSARY, with_glossary), (INSTRUCTORS, with_plan)):
        file.write_text(gather(file.read_text("utf-8"), notebooks), encoding="utf-8")


def with_glossary(text: str, notebooks: dict[str, nbformat.NotebookNode]) -> str:
    """GLOSSARY.md with the terms of all notebooks in alphabetical order, each once.

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
    return "".join([text.partition(_LAST_OF_HEAD)[0], _LAST_OF_HEAD, *rows])


def terms_of(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """English, Chinese and meaning of each row of the notebook's glossary."""
    (cell,) = [cell for cell in notebook.cells if cell.id == "glossary"]
    rows = [line.strip("| ").split(" | ") for line in cell.source.splitlines() if line[:1] == "|"]
    return rows[2:]  # without the head of the table and the line below it


def with_plan(text: str, notebooks: dict[str, nbformat.NotebookNode]) -> str:
    """INSTRUCTORS.md with the sections, minutes and speaker notes of each notebook."""
    plan = ""
    for name, notebook in notebooks.items():
        plan += f"\n### [{name}](notebooks/{name}.ipynb): {slides.minutes(notebook)} minutes\n\n"
        plan += "| section | minutes | notes |\n| --- | --- | --- |\n"
        for heading, course in sections(notebook):
            plan += f"| {heading} | {course['minutes']} | {course['notes']} |\n"
    return _PLAN.sub(lambda found: f"{plan}\n", text)


def sections(notebook: nbformat.NotebookNode) -> list[tuple[str, dict]]:
    """Heading and ``course`` metadata (minutes, notes) of each section of a notebook."""
    return [
        (re.search(r"^## (.+)$", cell.source, re.MULTILINE)[1], cell.metadata.course)
        for cell in notebook.cells
        if "course" in cell.metadata
    ]
