"""The HTML pages: complete without a network, readable without eyes, linked to each other."""

import base64
import re

import nbformat
import pytest
from bs4 import BeautifulSoup

from resnext_course.publishing import pages

PNG = base64.b64encode(
    base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    )
)


@pytest.fixture
def page(tmp_path):
    """A page of a notebook that has everything a page may load from elsewhere, parsed."""
    (tmp_path / "bird.png").write_bytes(base64.b64decode(PNG))
    text = "# The *first* `one`\n\n![a bird](bird.png) `$x$` [next](02_next.ipynb#top)"
    cell = nbformat.v4.new_code_cell("show()", id="show", execution_count=1)
    cell.outputs = [
        nbformat.v4.new_output(
            "display_data",
            {"image/png": PNG.decode(), "text/plain": "x"},
            metadata={"image/png": {"alt": 'Two "lines", 1 < 2'}},
        ),
        nbformat.v4.new_output(
            "display_data",
            {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "HBox()"},
        ),
        nbformat.v4.new_output(
            "display_data",
            {
                "application/vnd.jupyter.widget-view+json": {"model_id": "2"},
                "image/png": PNG.decode(),
                "text/plain": "a panel",
            },
            metadata={"image/png": {"alt": "A panel's picture"}},
        ),
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(text, id="title"), cell]
    )
    file = tmp_path / "html" / "01_first.html"
    pages.write_page(notebook, file, tmp_path)
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


def test_a_page_loads_nothing(page):
    loading = [
        element
        for element in page.find_all(["script", "link", "img", "iframe", "source", "object"])
        for name in ("src", "href", "data")
        if element.get(name) and not element[name].startswith("data:")
    ]
    assert loading == []
    for style in page.find_all("style"):
        assert not re.search(r"@import|url\((?!['\"]?(data:|#))", style.text)
    assert not any("import(" in script.text for script in page.find_all("script"))


def test_a_page_keeps_the_text_for_each_picture(page):
    assert [image["alt"] for image in page.find_all("img")] == [
        "a bird",
        'Two "lines", 1 < 2',
        "A panel's picture",  # of an explorer, whose widget doesn't run here
    ]


def test_a_widget_leaves_its_text(page):
    assert "HBox()" in page.text


def test_a_page_has_language_title_and_a_way_back(page):
    assert page.html["lang"] == "en"
    assert page.title.text == "The first one"
    assert page.nav.a["href"] == "index.html"


def test_links_between_notebooks_become_links_between_pages(page):
    assert page.find("a", string="next")["href"] == "02_next.html#top"


def test_the_index_leads_to_each_page(tmp_path):
    written = [(tmp_path / "01_a.html", "Birds & more", 12.3), (tmp_path / "02_b.html", "B", 4.0)]
    pages.write_index(written, {"Validation accuracy": "0.9"}, tmp_path / "index.html")
    index = BeautifulSoup((tmp_path / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert [(a.text, a["href"]) for a in index.table.find_all("a")] == [
        ("Birds & more", "01_a.html"),
        ("B", "02_b.html"),
    ]
    assert [cell.text for cell in index.select("td.number")] == ["12", "4"]
    assert (index.dt.text, index.dd.text) == ("Validation accuracy", "0.9")
    assert index.html["lang"] == "en"
    assert index.title.text and index.h1.text
    assert index.find_all(["script", "link", "img"]) == []
