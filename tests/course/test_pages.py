"""Pages and slide decks: what is where, nothing from elsewhere, readable without eyes."""

import base64
import re
import subprocess

import nbformat
import pytest
from bs4 import BeautifulSoup
from pictures import raw_png

from resnext_course.publishing import pages, slides
from resnext_course.publishing.notebook_runner import FOLDER, LIVE, NAMES

PNG = raw_png(1, 1, 8, 2, [bytes(3)])
WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "HBox()"}
PANEL = nbformat.v4.new_output(
    "display_data",
    {**WIDGET, "image/png": base64.b64encode(PNG).decode()},
    metadata={"image/png": {"alt": 'A panel, 1 < 2, "open"'}},
)


def text(source, slide_type=None, **course):
    cell = nbformat.v4.new_markdown_cell(source)
    if slide_type:
        cell.metadata.slideshow = {"slide_type": slide_type}
    if course:
        cell.metadata.course = course
    return cell


NOTEBOOK = nbformat.v4.new_notebook(
    cells=[
        text("# The *first* `one`", "slide"),
        text("![a bird](bird.png) `$x$` [next](02_next.ipynb#top) [course](../README.md#top)"),
        text("## Counting", "slide", minutes=4, notes="Ask: how many?"),
        text("hidden", "skip"),
        text("continued"),
        text("answer", "fragment"),
        text("more", "subslide"),
        nbformat.v4.new_code_cell("explore()", outputs=[PANEL], execution_count=1),
        nbformat.v4.new_code_cell(
            "2", outputs=[nbformat.v4.new_output("display_data", WIDGET)], execution_count=2
        ),
        text("## Recap", "slide", minutes=1, notes="Say it again."),
        text("## Go further: more", "slide", minutes=7, notes="Only if asked."),
    ]
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page and the deck of ``NOTEBOOK``, and the index of the decks, parsed, by name."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "bird.png").write_bytes(PNG)
    nbformat.write(NOTEBOOK, folder / "01_first.ipynb")
    written = folder / "build" / "slides"
    pages.write_page(NOTEBOOK, written / "page.html", folder)
    slides.write([folder / "01_first.ipynb"], written)  # not in a repository
    files = {"page": "page.html", "deck": "01_first.html", "index": "index.html"}
    return {
        name: BeautifulSoup((written / file).read_text("utf-8"), "html.parser")
        for name, file in files.items()
    }


@pytest.mark.parametrize("name", ["page", "deck", "index"])
def test_nothing_is_loaded_from_elsewhere(written, name):
    for element in written[name].find_all(["script", "link", "img", "iframe", "source", "object"]):
        for attribute in ("src", "href", "data"):
            assert element.get(attribute, "data:").startswith("data:"), element
        assert element.name != "script" or "import(" not in element.text
    for style in written[name].find_all("style"):
        assert not re.search(r"@import|url\((?!['\"]?(data:|#))", style.text)


@pytest.mark.parametrize("name", ["page", "deck"])
def test_language_title_links_and_the_texts_of_pictures(written, name):
    document = written[name]
    assert document.html["lang"] == "en"
    assert document.title.text == {"page": "The first one", "deck": "The first one: slides"}[name]
    assert document.find("a", string="next")["href"] == "02_next.html#top"
    assert document.find("a", string="course")["href"] == "../../../README.md#top"
    texts = [image["alt"] for image in document.find_all("img")]
    assert texts == ["a bird", 'A panel, 1 < 2, "open"']  # which stands in for its widget


def test_a_page_leads_back_and_a_widget_leaves_its_text(written):
    assert written["page"].nav.a["href"] == "index.html"
    assert "HBox()" in written["page"].text


def test_the_index_leads_to_each_deck_and_says_its_minutes(written):
    (row,) = written["index"].table.tbody.find_all("tr")
    assert row.a["href"] == "01_first.html" and row.a.text == "The first one"
    assert [cell.text for cell in row.find_all("td")[1:]] == ["5", "7"]  # core, Go further
    assert "full screen" in written["index"].ul.text


def test_cells_are_on_the_slides_that_their_metadata_say(written):
    found = [
        [
            [
                words
                for words in slide.stripped_strings
                if not words.startswith(("4 min", "1 min", "7 min"))
            ]
            for slide in section.find_all("section", recursive=False)
        ]
        for section in written["deck"].select(".slides > section")
    ]
    assert [len(section) for section in found] == [1, 2, 1, 1]
    assert found[1][0][0] == "Counting" and {"continued", "answer"} < set(found[1][0])
    assert found[1][1][:2] == ["more", "explore"]
    assert "hidden" not in written["deck"].main.text
    assert written["deck"].select_one(".fragment").text.strip() == "answer"


def test_minutes_and_notes_are_the_speakers(written):
    notes = [" ".join(aside.text.split()) for aside in written["deck"].select("aside.notes")]
    assert notes == ["4 min. Ask: how many?", "1 min. Say it again.", "7 min. Only if asked."]


def test_decks_are_of_what_is_committed(tmp_path, capsys):
    path = tmp_path / "01_first.ipynb"
    nbformat.write(NOTEBOOK, path)
    read = slides.committed(path)  # no repository yet
    assert read == NOTEBOOK

    def git(*arguments):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "x")
    assert slides.committed(path) == NOTEBOOK
    assert capsys.readouterr().out == ""
    path.write_text(path.read_text("utf-8").replace("explore()", "answer = 42"), encoding="utf-8")
    assert slides.committed(path) == NOTEBOOK
    assert "01_first.ipynb was changed" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_can_be_presented_live(name):
    """jupyterlab-slideshow shows neither a cell of type "-" nor one of type "notes"."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    assert {key: notebook.metadata[key] for key in LIVE} == LIVE
    types = {cell.metadata.get("slideshow", {}).get("slide_type") for cell in notebook.cells}
    assert types <= {None, "slide", "subslide", "fragment", "skip"}
    assert notebook.cells[0].metadata.slideshow.slide_type == "slide"
