"""The HTML pages in a real browser."""

import browser
import nbformat
import pytest

from resnext_course.publishing import pages
from resnext_course.publishing.notebook_runner import FOLDER, NAMES

pytestmark = browser.needs_chromium


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_its_pictures_with_no_network(name, page, tmp_path):
    """Also those that stand in for explorers."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    pages.write_page(notebook, tmp_path / f"{name}.html", FOLDER)
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto((tmp_path / f"{name}.html").as_uri())

    pictures = page.locator(".jp-OutputArea img").all()
    assert len(pictures) == browser.pictures(notebook.cells) > 0
    for picture in pictures:
        assert picture.evaluate("one => one.complete && one.naturalWidth > 100")
        assert len(picture.get_attribute("alt")) > 10
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_index_leads_to_the_pages(page, tmp_path):
    (tmp_path / "01_a.html").write_text("<h1>A</h1>")
    pages.write_index([(tmp_path / "01_a.html", "A", 1.0)], {}, tmp_path / "index.html")
    page.goto((tmp_path / "index.html").as_uri())
    page.get_by_role("link").first.click()
    page.wait_for_url("**/01_a.html")
