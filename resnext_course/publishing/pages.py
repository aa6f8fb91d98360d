"""Executed notebooks as HTML pages that need nothing else: no network, no file beside them."""

import os
import re
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

TEMPLATES = Path(__file__).parent / "templates"


def title(notebook: nbformat.NotebookNode) -> str:
    """The notebook's first heading, as plain text."""
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    heading = re.search(r"^# +(.+)$", "\n".join(texts), re.MULTILINE)
    return re.sub(r"[*`]", "", heading[1]).strip() if heading else "Notebook"


def write_page(notebook: nbformat.NotebookNode, page: Path, folder: Path) -> None:
    """Writes an executed notebook as one HTML file, with the pictures of its ``folder``."""
    exporter = HTMLExporter(
        extra_template_paths=[str(TEMPLATES)], template_file="page.html.j2", embed_images=True
    )
    export(exporter, notebook, page, folder)


def write_index(
    index: Path, heading: str, facts: dict[str, str], units: str, rows: list[tuple]
) -> None:
    """Writes the page that leads to the others; a row is a page, its title and its numbers.

    ``units`` names the numbers, such as "Minutes | Pages".
    """
    lines = [f"# {heading}", "", *(f"- **{name}**: {text}" for name, text in facts.items()), ""]
    lines += [f"| Notebook | {units} |", "| --- |" + " ---: |" * (units.count("|") + 1)]
    for page, name, *numbers in rows:
        lines.append(f"| [{name}]({page.name}) | {' | '.join(f'{n:.0f}' for n in numbers)} |")
    cell = nbformat.v4.new_markdown_cell("\n".join(lines))
    write_page(nbformat.v4.new_notebook(cells=[cell]), index, index.parent)


def export(exporter, notebook, file, folder) -> None:
    """Writes what ``exporter`` makes of the notebook, which lies in ``folder``.

    Links to notebooks lead to their pages, and links such as ``../README.md`` where they led.
    """
    titled = nbformat.from_dict(
        {**notebook, "metadata": {**notebook.metadata, "title": title(notebook)}}
    )
    text, _ = exporter.from_notebook_node(titled, resources={"metadata": {"path": str(folder)}})
    file.parent.mkdir(parents=True, exist_ok=True)
    text = re.sub(r'(href="0\d_\w+)\.ipynb', r"\1.html", text)

    def moved(link):
        return f'href="{Path(os.path.relpath(folder / link[1], file.parent)).as_posix()}'

    file.write_text(re.sub(r'href="(\.\./[^"#]*)', moved, text), encoding="utf-8")
