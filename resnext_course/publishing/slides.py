"""The committed notebooks as slide decks: one HTML file each, complete without a network.

A cell's ``slideshow.slide_type`` says where it goes, as in JupyterLab: ``slide``, ``subslide``,
``fragment``, ``skip`` or ``notes``; without one it continues the slide. A section's ``course``
metadata, ``{"minutes": 4, "notes": "…"}``, is what the speaker sees.
"""

import re
from importlib import resources
from pathlib import Path

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
        text, _ = exporter.from_notebook_node(notebook, resources=place)
        text = re.sub(r'(href="0\d_\w+)\.ipynb', r"\1.html", text)
        text = re.sub(r'href="\.\./([^"#]*)', lambda link: f'href="{to(link[1])}', text)
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
