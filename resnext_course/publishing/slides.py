"""The committed notebooks as slide decks: one HTML file each, complete without a network.

A cell's ``slideshow.slide_type`` says where it goes, as in JupyterLab: ``slide``, ``subslide``,
``fragment``, ``skip`` or ``notes``; without one it continues the slide. A section's ``course``
metadata, ``{"minutes": 4, "notes": "…"}``, is what the speaker sees.
"""

import re
from importlib import resources
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from traitlets.config import Config

from resnext_helpers.settings import PROJECT

FOLDER = PROJECT / "build" / "slides"
TEMPLATES = Path(__file__).parent / "templates"
# A copy of reveal.js, which turns the slides, comes with this package.
REVEAL = resources.files("sphinx_revealjs") / "_static" / "revealjs"


def write(notebooks: dict[str, NotebookNode], folder: Path = FOLDER, to="../../{}".format) -> None:
    """Writes a deck for each notebook, from its outputs.

    ``to`` gives the address of a file of the project, such as "README.md", that a notebook links.
    """
    exporter = SlidesExporter(
        config=Config(CSSHTMLHeaderPreprocessor={"style": "default"}),
        extra_template_paths=[str(TEMPLATES), str(REVEAL)],
        template_file="deck.html.j2",
        embed_images=True,
        anchor_link_text="",  # only the place that a link leads to
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, notebook in notebooks.items():
        place = {"metadata": {"path": str(PROJECT / "notebooks")}}
        text, _ = exporter.from_notebook_node(for_speakers(notebook), resources=place)
        text = re.sub(r'(href="0\d_\w+)\.ipynb', r"\1.html", text)
        text = re.sub(r'href="\.\./([^"#]*)', lambda link: f'href="{to(link[1])}', text)
        (folder / f"{name}.html").write_text(text, encoding="utf-8")


def title(notebook: NotebookNode) -> str:
    """The notebook's first heading, as plain text."""
    return re.sub(r"[#*`]", "", notebook.cells[0].source.partition("\n")[0]).strip()


def for_speakers(notebook: NotebookNode) -> NotebookNode:
    """A copy in which the sections' minutes and notes are cells that only the speaker sees."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if course := cell.metadata.get("course"):
            said = f"**{course['minutes']} min.** " if course["minutes"] else ""
            cells.append(nbformat.v4.new_markdown_cell(said + course["notes"]))
            cells[-1].metadata.slideshow = {"slide_type": "notes"}
    metadata = {"title": title(notebook)}
    return nbformat.from_dict({**notebook, "cells": cells, "metadata": metadata})
