"""Executed notebooks as HTML pages that need nothing else: no network, no file beside them."""

import html
import re
from pathlib import Path

import nbformat
from jinja2 import DictLoader
from nbconvert import HTMLExporter

# A picture with its alternative text, which nbconvert leaves out.
PICTURE = """\
{% block data_png %}
<div class="jp-RenderedImage jp-OutputArea-output {{ extra_class }}">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
 alt="{{ (output | get_metadata('alt', 'image/png') or '') | escape_html }}">
</div>
{% endblock %}
"""

# JupyterLab's own page, with two changes: nothing is loaded from the network (there is no formula
# or widget in a page that would need it), and a picture keeps its alternative text.
_TEMPLATE = (
    """\
{% extends 'lab/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block body_header %}
{{ super() }}
<nav class="jp-RenderedHTMLCommon"><a href="index.html">All notebooks</a></nav>
{% endblock %}
"""
    + PICTURE
)

_INDEX = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{heading}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1.1rem/1.5 system-ui, sans-serif; }}
main {{ max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
caption {{ text-align: left; padding-bottom: .5rem; }}
th, td {{ text-align: left; padding: .5rem 1rem .5rem 0; border-bottom: 1px solid; }}
.number {{ text-align: right; }}
dt {{ font-weight: bold; }}
</style>
</head>
<body>
<main>
<h1>{heading}</h1>
<dl>
{facts}
</dl>
<table>
<caption>The notebooks, in order</caption>
<thead><tr><th scope="col">Notebook</th><th scope="col" class="number">{number}</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</main>
</body>
</html>
"""


def title(notebook: nbformat.NotebookNode) -> str:
    """The notebook's first heading, as plain text."""
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    heading = re.search(r"^# +(.+)$", "\n".join(texts), re.MULTILINE)
    return re.sub(r"[*`]", "", heading[1]).strip() if heading else "Notebook"


def write_page(notebook: nbformat.NotebookNode, page: Path, folder: Path) -> None:
    """Writes an executed notebook as one self-contained HTML file.

    Args:
        notebook: with its outputs.
        page: the file to write; folders are made as needed.
        folder: where the notebook lies: pictures that its text refers to are read from there.
    """
    exporter = HTMLExporter(
        extra_loaders=[DictLoader({"course.html.j2": _TEMPLATE})],
        template_file="course.html.j2",
        embed_images=True,
    )
    titled = nbformat.from_dict(
        {**notebook, "metadata": {**notebook.metadata, "title": title(notebook)}}
    )
    text, _ = exporter.from_notebook_node(titled, resources={"metadata": {"path": str(folder)}})
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(link_pages(text), encoding="utf-8")


def link_pages(text: str) -> str:
    """Turns a page's links from notebook to notebook into links from page to page."""
    return re.sub(r'(href="0\d_\w+)\.ipynb', r"\1.html", text)


def write_index(
    written: list[tuple[Path, str, float]],
    facts: dict[str, str],
    index: Path,
    *,
    heading: str = "ResNeXt-50: the executed notebooks",
    number: str = "Seconds",
) -> None:
    """Writes the page that leads to the others.

    Args:
        written: page, title and a number (of seconds) of each notebook.
        facts: what came out, as {name: text}.
        index: the file to write, beside the pages.
        heading: its title.
        number: what the number is.
    """
    rows = [
        f'<tr><td><a href="{page.name}">{html.escape(name)}</a></td>'
        f'<td class="number">{seconds:.0f}</td></tr>'
        for page, name, seconds in written
    ]
    terms = [
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(fact)}</dd>" for name, fact in facts.items()
    ]
    text = _INDEX.format(
        heading=heading, number=number, facts="\n".join(terms), rows="\n".join(rows)
    )
    index.write_text(text, encoding="utf-8")
