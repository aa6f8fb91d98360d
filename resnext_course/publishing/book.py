"""The course as a book: Sphinx, MyST-NB and a theme write the pages, this says of what."""

import copy
import html
import io
import itertools
import re
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from sphinx.application import Sphinx

from resnext_course import exercises
from resnext_course.publishing import copies, slides
from resnext_helpers.settings import PROJECT

FOLDER = PROJECT / "build" / "html"
PARTS = {  # of the contents: the pages under each heading, with a title where theirs is too long
    "Look up": ("Glossary <GLOSSARY>", "Results <benchmarks/RESULTS>", "Photographs <data/README>"),
    "Teach": ("INSTRUCTORS", "classroom/README", "benchmarks/NOTEBOOKS"),
    "Take part": ("CONTRIBUTING", "CHANGELOG"),
}
STYLE = Path(__file__).parent / "templates" / "book.css"
SETTINGS = {
    "project": "ResNeXt, step by step",
    "html_title": "ResNeXt, step by step",
    "language": "en",
    "root_doc": "index",
    "extensions": ["myst_nb", "sphinx_copybutton"],
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_ipywidgets_js": {},
    "myst_enable_extensions": ["html_image"],
    "myst_heading_anchors": 4,
    "myst_words_per_minute": 130,  # of somebody who reads in a second language
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {"use_download_button": False, "navbar_persistent": []},
    "html_context": {"default_mode": "auto"},
    "html_static_path": [str(STYLE)],
    "html_css_files": [STYLE.name],
    "html_show_copyright": False,
    "html_sourcelink_suffix": "",
    "html_show_search_summary": False,  # it would read other pages, which needs a server
    "copybutton_selector": ".cell_input pre, div.highlight-default pre",
}
GUESS = "What happened? Make your prediction first."
CONTROLS = (
    "The picture shows the first settings. Its controls need Python: they move in the notebook, "
    "which `make lab` opens."
)
WIDGET = "application/vnd.jupyter.widget-view+json"
# What a fold ends before: a heading, a question, an exercise.
BEGINS = re.compile(r"^(?:#|\*\*Exercise|\*\*\d+\. )|redict first", re.MULTILINE)
LINK = re.compile(r"""(?:\]\(|src=")(?![a-z]+:|#)([^)#"\s]+)""")


def build(notebooks: dict[str, NotebookNode], folder: Path = FOLDER, run: str = "") -> str:
    """Writes the book of executed notebooks, their decks, and a list of the links that leave it.

    Args:
        notebooks: the chapters by name, such as "03_grouped_convolution".
        folder: gets the pages, and nothing else; ``index.html`` is the front page.
        run: a section in Markdown for the front page, on how the notebooks were executed.

    Returns:
        What Sphinx warned of, such as links that lead nowhere; "" as a rule.
    """
    sources, warnings = folder.with_name(f".{folder.name}"), io.StringIO()
    for old in (folder, sources):
        shutil.rmtree(old, ignore_errors=True)
    _write_sources(notebooks, sources, run)
    settings = {"confdir": None, "confoverrides": SETTINGS, "status": None, "warning": warnings}
    places = {"srcdir": sources, "outdir": folder, "doctreedir": sources / ".doctrees"}
    Sphinx(**places, **settings, buildername="html").build()
    shutil.rmtree(sources)
    for name, notebook in notebooks.items():  # to download: without outputs, as from `make lab`
        copies.write(notebook, folder / "_sources" / "notebooks" / f"{name}.ipynb")
    slides.write(notebooks, folder / "slides", lambda file: f"../{_page(file)}")
    outside = {
        link
        for page in folder.rglob("*.html")
        for link in re.findall(r'href="(https?://[^"#]+)', page.read_text("utf-8"))
    }
    (folder.parent / "outside_links.txt").write_text("\n".join(sorted(outside)) + "\n", "utf-8")
    return warnings.getvalue()


def _page(file):
    """The page that shows a file of the project, or the file."""
    return re.sub(r"\.(md|ipynb)$", ".html", re.sub(r"^README\.md", "index.md", file))


def _write_sources(notebooks, folder, run):
    """Writes what Sphinx reads, each file where it lies in the project."""
    contents = {"Notebooks": [f"notebooks/{name}" for name in notebooks], **PARTS}
    texts = {f"notebooks/{name}.ipynb": chapter(one, name) for name, one in notebooks.items()}
    for title in itertools.chain(*PARTS.values()):
        file = f"{re.sub('.*<|>', '', title)}.md"
        texts[file] = (PROJECT / file).read_text("utf-8")
    front = (PROJECT / "README.md").read_text("utf-8").replace("\n## ", f"\n{run}\n## ", 1)
    trees = (f":caption: {part}\n" + "\n".join(pages) for part, pages in contents.items())
    texts["index.md"] = front + "".join(
        f"\n```{{toctree}}\n:hidden:\n{tree}\n```\n" for tree in trees
    )
    for file, text in texts.items():
        place = folder / file
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.endswith("RESULTS.md"):  # two reports in one file
            text = "# Results\n\n" + re.sub("^#", "##", text, flags=re.MULTILINE)
        text = re.sub(r"(\]\((?:\.\./)*)README\.md", r"\1index.md", text)
        place.write_text(text, "utf-8")
        for link in LINK.findall(text):
            linked = (place.parent / link).resolve().relative_to(folder.resolve())
            if str(linked) not in texts and (PROJECT / linked).is_file():
                (folder / linked).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / linked, folder / linked)


def chapter(notebook: NotebookNode, name: str) -> str:
    """A notebook as the book shows it: what answers a question is folded until it is opened."""
    cells, folded, asked = [], False, False
    for cell in map(copy.deepcopy, notebook.cells):
        text = cell.source
        begins = cell.cell_type == "markdown" and BEGINS.search(text)
        answers = "predictions.compare(" in text or (asked and "= None" not in text)
        if folded and begins:
            cells.append(new_markdown_cell("</details>"))
            folded = False
        if cell.cell_type == "code" and answers and not folded:
            cells.append(new_markdown_cell(f'<details class="fold"><summary>{GUESS}</summary>'))
            folded = True
        asked = bool(begins and "redict first" in text) or (asked and cell.cell_type != "code")
        if help_for := re.match(r'# exercises\.hint\("(.+)"\)', text):
            cells += map(new_markdown_cell, _help(help_for[1]))
            continue
        cells.append(cell)
        for output in cell.get("outputs", []):
            if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                cell.metadata["mystnb"] = {"image": {"alt": alt}}
            if output.get("data", {}).pop(WIDGET, None) and "image/png" in output.data:
                cells.append(new_markdown_cell(f"```{{note}}\n{CONTROLS}\n```"))
    if folded:
        cells.append(new_markdown_cell("</details>"))
    for cell in cells:  # Jupyter's anchors are other ones than Sphinx's
        if cell.cell_type == "markdown":
            anchor = re.compile(r"(?<=\]\(#)[^)]+")
            cell.source = anchor.sub(lambda link: slug(link[0]), cell.source)
    heading, _, rest = cells[0].source.partition("\n")
    cells[0].source = f"""{heading}

<a href="../slides/{name}.html">Slides</a> ·
<a href="../_sources/notebooks/{name}.ipynb" download>Download this notebook</a> ·
{{sub-ref}}`wordcount-minutes` minutes to read all of it
{rest}"""
    kept = {key: notebook.metadata.get(key, {}) for key in ("kernelspec", "language_info")}
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=kept))


def slug(heading: str) -> str:
    """The anchor that a heading gets in the book."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _help(name):
    """The hints and the solution of an exercise, each one folded."""
    texts = {f"Hint {n}": one for n, one in enumerate(exercises.TEXTS[name]["hints"], 1)}
    with redirect_stdout(io.StringIO()) as printed:
        exercises.solution(name)
    texts["Solution"] = printed.getvalue().partition("\n")[2].rstrip()
    for summary, text in texts.items():
        text = f'<pre tabindex="0">{html.escape(text)}</pre>'.replace("\n\n", "\n&#32;\n")
        yield f'<details class="fold"><summary>{summary}</summary>{text}</details>'
