"""The committed notebooks as slide decks: one HTML file each, complete without a network.

A cell's ``slideshow.slide_type`` says where it goes, as in JupyterLab: ``slide``, ``subslide``,
``fragment``, ``skip`` or ``notes``; without one it continues the slide. A section's ``course``
metadata, ``{"minutes": 4, "notes": "…"}``, is what the speaker sees.
"""

import copy
import re
from importlib import resources
from pathlib import Path

import nbformat
from jinja2 import DictLoader
from nbconvert import SlidesExporter
from traitlets.config import Config

from resnext_course.publishing import pages
from resnext_helpers.settings import PROJECT, display_path

FOLDER = PROJECT / "build" / "slides"

# What a notebook's metadata tell jupyterlab-slideshow (through jupyterlab-fonts): letters for the
# back of a room at 1280×720; beside a picture, long code scrolls, so that both are seen.
LIVE_KEY = "@deathbeds/jupyterlab-fonts"
LIVE_STYLE = {
    "styles": {
        "": {
            "body[data-jp-deck-mode='presenting'] &": {
                "--jp-content-font-size1": "19px",
                "--jp-content-line-height": "1.35",
                "--jp-code-font-size": "16px",
                "--jp-code-line-height": "1.3",
                "--jp-widgets-font-size": "16px",
                "& .jp-RenderedHTMLCommon > *": {"margin-bottom": "0.5em"},
                "& .jp-OutputArea img": {"max-height": "54vh", "width": "auto"},
                "& .jp-CodeCell:has(.jp-OutputArea img) .cm-editor": {"max-height": "28vh"},
                "& .jp-RenderedHTML pre": {"font-size": "12px"},  # a model's summary
                # An explorer's table finds its place beside the picture.
                "& .jupyter-widgets img": {"max-width": "590px", "height": "auto"},
                "& .jupyter-widgets table": {
                    "font-size": "15px !important",
                    "line-height": "1.4",
                },
                "& .jupyter-widgets :is(th, td)": {"padding": "4px 8px 4px 0 !important"},
            }
        }
    }
}
_OURS = Path(__file__).parent / "deck"
# A copy of reveal.js, which turns the slides, comes with this package.
_REVEAL = resources.files("sphinx_revealjs") / "_static" / "revealjs"

# nbconvert's deck loads reveal.js, require.js and MathJax from the network; here all is inside.
_TEMPLATE = (
    """\
{% extends 'reveal/base.html.j2' %}
{% block header %}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ nb.metadata.title | escape_html }}: slides</title>
{% for style in resources.inlining.css + resources.deck.styles %}
<style>{{ style }}</style>
{% endfor %}
</head>
<body>
<main class="reveal">
<div class="slides">
{% endblock %}
{% block footer %}
</div>
</main>
{% for script in resources.deck.scripts %}
<script>{{ script }}</script>
{% endfor %}
</body>
</html>
{% endblock %}
"""
    + pages.PICTURE
)


def write(notebooks: list[Path], folder: Path = FOLDER) -> None:
    """Writes a deck for each notebook, from its saved outputs, and ``index.html``."""
    written = []
    for path in notebooks:
        notebook = nbformat.read(path, 4)
        deck = folder / f"{path.stem}.html"
        write_deck(notebook, deck, path.parent)
        written.append((deck, pages.title(notebook), minutes(notebook)))
    facts = {
        "Keys": "→ next section, ↓ deeper, space everything in order, F full screen, O overview",
        "Speaker's window": "S: notes, minutes, the next slide",
        "On paper": "write ?print-pdf after .html in the address, then print",
    }
    index = folder / "index.html"
    pages.write_index(written, facts, index, heading="ResNeXt-50: the slides", number="Minutes")
    print(f"Slides: {display_path(index)}")


def write_deck(notebook: nbformat.NotebookNode, deck: Path, folder: Path) -> None:
    """Writes one notebook as a deck.

    Args:
        notebook: with its outputs and slide types.
        deck: the HTML file to write; folders are made as needed.
        folder: where the notebook lies: pictures that its text refers to are read from there.
    """
    exporter = SlidesExporter(
        config=Config(CSSHTMLHeaderPreprocessor={"style": "default"}),
        extra_loaders=[DictLoader({"deck.html.j2": _TEMPLATE})],
        template_file="deck.html.j2",
        embed_images=True,
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    parts = {
        "styles": [_text(_REVEAL / "dist/reveal.css"), _text(_OURS / "deck.css")],
        "scripts": [
            _script(_REVEAL / "dist/reveal.js"),
            _script(_REVEAL / "plugin/notes/notes.js"),
            _script(_OURS / "deck.js"),
        ],
    }
    text, _ = exporter.from_notebook_node(
        for_speakers(notebook), resources={"metadata": {"path": str(folder)}, "deck": parts}
    )
    deck.parent.mkdir(parents=True, exist_ok=True)
    deck.write_text(pages.link_pages(text), encoding="utf-8")


def minutes(notebook: nbformat.NotebookNode) -> int:
    """How long the notebook takes in class: the sum of its sections' minutes."""
    return sum(cell.metadata.get("course", {}).get("minutes", 0) for cell in notebook.cells)


def for_speakers(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy that shows its speaker what the sections' metadata say.

    The notes become cells of their own, which only the speaker sees. A section's seconds are spread
    over its slides: reveal.js compares them with the clock.
    """
    titled = nbformat.from_dict(
        {**notebook, "cells": [], "metadata": {"title": pages.title(notebook)}}
    )
    section, seconds = [], 0
    for cell in copy.deepcopy(notebook.cells):
        titled.cells.append(cell)
        course = cell.metadata.get("course", {})
        if course:
            _spread(section, seconds)
            section, seconds = [], 60 * course.get("minutes", 0)
            said = f"**{course['minutes']} min.** " if seconds else ""
            note = nbformat.v4.new_markdown_cell(said + course.get("notes", ""))
            note.metadata.slideshow = {"slide_type": "notes"}
            titled.cells.append(note)
        if cell.metadata.get("slideshow", {}).get("slide_type") in ("slide", "subslide"):
            section.append(cell)
    _spread(section, seconds)
    return titled


def _spread(slides, seconds):
    """Divides a section's seconds among its slides, as reveal.js reads them: data-timing."""
    for slide in slides if seconds else []:
        slide.metadata.slideshow.data = {"timing": round(seconds / len(slides))}


def _text(file):
    return file.read_text(encoding="utf-8")


def _script(file):
    """A script whose text can stand inside HTML: nothing in it looks like a tag to the browser."""
    return re.sub(r"<(?=!--|/?script)", r"\\x3C", _text(file))
