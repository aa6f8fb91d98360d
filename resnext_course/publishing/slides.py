"""The committed notebooks as slide decks: one HTML file each, complete without a network.

A cell's ``slideshow.slide_type`` says where it goes, as in JupyterLab: ``slide``, ``subslide``,
``fragment``, ``skip`` or ``notes``; without one it continues the slide. A section's ``course``
metadata, ``{"minutes": 4, "notes": "…"}``, is what the speaker sees.
"""

import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from traitlets.config import Config

from resnext_course.publishing import pages
from resnext_helpers.settings import PROJECT, display_path

FOLDER = PROJECT / "build" / "slides"
# A copy of reveal.js, which turns the slides, comes with this package.
REVEAL = resources.files("sphinx_revealjs") / "_static" / "revealjs"
FACTS = {
    "Keys": "→ next section, ↓ deeper, space everything in order, F full screen, O overview",
    "Speaker's window": "S: notes, minutes, the next slide",
    "On paper": "write ?print-pdf after .html in the address, then print",
    "With the notes": "write ?print-pdf&showNotes=separate-page; each slide's notes follow it",
}


def committed(path: Path) -> nbformat.NotebookNode:
    """The notebook as git has it committed; as its file is where there is no git, or not in it."""
    command = ["git", "-C", str(path.parent), "show", f"HEAD:./{path.name}"]
    shown = subprocess.run(command, capture_output=True) if shutil.which("git") else None
    if shown is None or shown.returncode:
        return nbformat.read(path, 4)
    if shown.stdout.split() != path.read_bytes().split():
        print(f"{path.name} was changed since it was committed: its slides are the committed ones.")
    return nbformat.reads(shown.stdout.decode("utf-8"), 4)


def write(notebooks: list[Path], folder: Path = FOLDER, read=committed) -> None:
    """Writes a deck for each notebook that ``read`` gives, from its outputs, and ``index.html``."""
    exporter = SlidesExporter(
        config=Config(CSSHTMLHeaderPreprocessor={"style": "default"}),
        extra_template_paths=[str(pages.TEMPLATES), str(REVEAL)],
        template_file="deck.html.j2",
        embed_images=True,
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    rows = []
    for path in notebooks:
        notebook, deck = read(path), folder / f"{path.stem}.html"
        pages.export(exporter, for_speakers(notebook), deck, path.parent)
        rows.append((deck, pages.title(notebook), minutes(notebook), minutes(notebook, True)))
    index = folder / "index.html"
    pages.write_index(index, "ResNeXt-50: the slides", FACTS, "Minutes | Go further", rows)
    print(f"Slides: {display_path(index)}")


def minutes(notebook: nbformat.NotebookNode, go_further: bool = False) -> int:
    """How long the notebook takes in class: the sum of its sections' minutes.

    Of the core; or else of the sections whose heading begins with "Go further".
    """
    return sum(
        cell.metadata.course["minutes"]
        for cell in notebook.cells
        if "course" in cell.metadata
        and bool(re.search(r"^#+ Go further", cell.source, re.MULTILINE)) == go_further
    )


def for_speakers(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy in which the sections' minutes and notes are cells that only the speaker sees."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if course := cell.metadata.get("course"):
            said = f"**{course['minutes']} min.** " if course["minutes"] else ""
            cells.append(nbformat.v4.new_markdown_cell(said + course["notes"]))
            cells[-1].metadata.slideshow = {"slide_type": "notes"}
    return nbformat.from_dict({**notebook, "cells": cells, "metadata": {}})
