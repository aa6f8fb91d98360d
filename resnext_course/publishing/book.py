"""The course as a book: Sphinx, MyST-NB and a theme make its pages of what is chosen here."""

import base64
import copy
import html
import io
import itertools
import re
import shutil
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from sphinx.application import Sphinx

from resnext_course import exercises
from resnext_course.publishing import copies, slides
from resnext_helpers import import_tensorflow_quietly, plots
from resnext_helpers.settings import PROJECT

FOLDER = PROJECT / "build" / "html"
PARTS = {  # of the contents, behind the notebooks; with a title where a page's own is too long
    "Look up": ("GLOSSARY", "Results <benchmarks/RESULTS>", "Your photographs <data/README>"),
    "Teach": ("INSTRUCTORS", "classroom/README", "benchmarks/NOTEBOOKS"),
    "Take part": ("CONTRIBUTING", "CHANGELOG"),
}
SETTINGS = {
    "root_doc": "README",
    "exclude_patterns": [".*", "build", "runs", "data/*/*", "my_notebooks"],  # need no look
    "extensions": ["myst_nb", "sphinx_copybutton"],
    "nb_execution_mode": "off",
    "myst_enable_extensions": ["html_image"],
    "myst_heading_anchors": 4,
    "myst_words_per_minute": 130,  # of somebody who reads in a second language
    "html_title": "ResNeXt, step by step",
    "html_theme": "sphinx_book_theme",
    "html_theme_options": dict.fromkeys(  # what the theme would show
        ("use_download_button", "navbar_persistent", "footer_content_items"), ""
    ),
    "html_static_path": [str(slides.TEMPLATES / "book.css"), str(plots.CHINESE_FONT)],
    "html_css_files": ["book.css"],
    "html_copy_source": False,
    "html_show_search_summary": False,  # it would read other pages, which needs a server
    "copybutton_selector": ".cell_input pre, .highlight-default pre",
}
FOLD, UNFOLD = '<details class="fold"><summary>{}</summary>{}', "</details>"
GUESS = "What happened? Make your prediction first."
CONTROLS = """```{note}
The picture shows the first settings. Its controls need Python: they move in the notebook, which
`make lab` opens.
```"""
WIDGET = "application/vnd.jupyter.widget-view+json"
# What a fold ends before: a heading, a question, an exercise.
BEGINS = re.compile(r"^(?:#|\*\*Exercise|\*\*\d+\. )|redict first", re.MULTILINE)


def build(notebooks: dict[str, NotebookNode], folder: Path = FOLDER, run: str = "") -> str:
    """Writes the book of executed notebooks, their decks, and a list of the links that leave it.

    Args:
        notebooks: the chapters by name, such as "03_grouped_convolution".
        folder: gets the pages, and nothing else; ``index.html`` is the front page.
        run: a section in Markdown for the front page, on how the notebooks were executed.

    Returns:
        What Sphinx warned of, such as a link that leads nowhere; "" as a rule.
    """
    import_tensorflow_quietly()  # which some solutions import
    contents = {"Notebooks": [f"notebooks/{name}" for name in notebooks], **PARTS}
    pages = [re.sub(".*<|>", "", title) for title in itertools.chain(*contents.values())]
    settings = SETTINGS | {"include_patterns": [f"{page}.*" for page in ("README", *pages)]}

    def read(_app, page, text):
        if page in contents["Notebooks"]:
            text[0] = chapter(notebooks[Path(page).name], Path(page).name)
        if page == "benchmarks/RESULTS":  # two reports in one file
            text[0] = "# Results\n\n" + re.sub("(?m)^#", "##", text[0])
        if page == "README":
            text[0] = text[0].replace("\n## ", f"\n{run}\n\n## ", 1)
            for part, titles in contents.items():
                lines = ["```{toctree}", f":caption: {part}", ":hidden:", *titles, "```"]
                text[0] += "\n" + "\n".join(lines) + "\n"

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work, io.StringIO() as warnings:
        made = Path(work, "html")
        app = Sphinx(PROJECT, None, made, work, "html", settings, status=None, warning=warnings)
        app.connect("source-read", read)
        app.build()
        shutil.copy(made / "README.html", made / "index.html")
        slides.write(notebooks, made / "slides", lambda file: f"../{file.replace('.md', '.html')}")
        texts = (page.read_text("utf-8") for page in made.rglob("*.html"))
        outside = {link for text in texts for link in re.findall(r'href="(https?://[^"#]+)', text)}
        folder.with_name("outside_links.txt").write_text("\n".join(sorted(outside)) + "\n", "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
        return warnings.getvalue()


def chapter(notebook: NotebookNode, name: str) -> str:
    """A notebook as the book shows it: what answers a question is folded until it is opened."""
    cells, folded, asked = [], False, False
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    failed = any(output.output_type == "error" for output in outputs)  # then all is shown
    for cell in [*parted(notebook.cells), new_markdown_cell("# End")]:
        is_text, text = cell.cell_type == "markdown", cell.source
        begins = is_text and BEGINS.search(text)
        answers = "predictions.compare(" in text or (asked and "= None" not in text)
        answers = answers and not is_text and not failed
        if folded and begins:
            cells.append(new_markdown_cell(UNFOLD))
        elif answers and not folded:
            cells.append(new_markdown_cell(FOLD.format(GUESS, "")))
        folded = not begins and (folded or answers)
        asked = is_text and ("redict first" in text if begins else asked)
        if is_text:  # Jupyter's anchors, such as #Go-further:-more, are other ones than the book's
            cell.source = re.sub(r"(?<=\]\(#)[^)]+", lambda link: slug(link[0]), text)
        if exercise := re.match(r'# exercises\.hint\("(.+)"\)', text):
            cells += map(new_markdown_cell, helps(exercise[1]))
        else:
            cells.append(cell)
        for output in cell.get("outputs", []):
            if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                cell.metadata["mystnb"] = {"image": {"alt": alt}}
            if output.get("data", {}).pop(WIDGET, None) and "image/png" in output.data:
                cells.append(new_markdown_cell(CONTROLS))
    learners = base64.b64encode(copies.text(notebook).encode()).decode()
    links = (
        f'<a href="../slides/{name}.html">Slides</a> · '
        # The file itself: from a stick, a browser would show what a link leads to.
        f'<a href="data:application/x-ipynb+json;base64,{learners}" '
        f'download="{name}.ipynb">Download this notebook</a> · '
        "{sub-ref}`wordcount-minutes` minutes to read all of it"
    )
    cells[0].source = cells[0].source.replace("\n", f"\n\n{links}\n", 1)
    language = {"language_info": notebook.metadata.get("language_info", {"name": "python"})}
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells[:-1], metadata=language))


def parted(cells: list[NotebookNode]) -> list[NotebookNode]:
    """The cells anew, a text in two that first answers one question, then asks the next."""
    parts = []
    for cell in copy.deepcopy(cells):
        question = BEGINS.search(cell.source) if cell.cell_type == "markdown" else None
        end = cell.source.rfind("\n\n", 0, question.start()) if question else -1
        if end > 0:
            parts.append(new_markdown_cell(cell.source[:end]))
            cell.source = cell.source[end + 2 :]
        parts.append(cell)
    return parts


def slug(heading: str) -> str:
    """The anchor that the book gives a heading."""
    return re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-"))


def helps(name: str) -> list[str]:
    """The hints and the solution of an exercise, each of them folded."""
    with redirect_stdout(io.StringIO()) as printed:
        exercises.solution(name)
    texts = {f"Hint {n}": one for n, one in enumerate(exercises.TEXTS[name]["hints"], 1)}
    texts["Solution"] = printed.getvalue().partition("\n")[2].strip()
    # An empty line would end the piece of HTML.
    texts = {name: html.escape(text).replace("\n\n", "\n&#32;\n") for name, text in texts.items()}
    return [FOLD.format(name, f"<pre>{text}</pre>{UNFOLD}") for name, text in texts.items()]
