"""The slide decks in a real browser, on a screen of 1280×720."""

import browser
import nbformat
import pytest
from playwright.sync_api import expect

from resnext_course.publishing import slides
from resnext_course.publishing.notebook_runner import FOLDER, NAMES

pytestmark = browser.needs_chromium

MEASURE = """() => Reveal.getSlides().map((slide, index) => ({
    number: index + 1,
    heading: (slide.querySelector('h1, h2, h3') ?? slide).innerText.trim().split('\\n')[0],
    below: slide.scrollHeight - 720,
    beside: slide.scrollWidth - 1280,
}))"""


FITTED = (
    "Reveal.isReady() && Reveal.getSlides().every(slide => slide.style.cssText.includes('--fit'))"
)


@pytest.fixture(scope="module", params=NAMES)
def deck(request, page, tmp_path_factory):
    """A page that shows a notebook's deck."""
    file = tmp_path_factory.mktemp("slides") / "deck.html"
    slides.write_deck(nbformat.read(FOLDER / f"{request.param}.ipynb", 4), file, FOLDER)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_function(FITTED)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    return page


def test_every_slide_fits(deck):
    """Else: say less on it, or begin a subslide. ``below`` and ``beside`` are pixels."""
    measured = deck.evaluate(MEASURE)
    assert len(measured) > 10
    assert [slide for slide in measured if slide["below"] > 0 or slide["beside"] > 0] == []


def test_every_slide_is_reached_with_one_key(deck):
    deck.keyboard.press("Home")
    seen = {deck.evaluate("Reveal.getSlidePastCount()")}
    while not deck.evaluate("Reveal.isLastSlide()"):
        before = deck.evaluate("Reveal.getState()")
        deck.keyboard.press("Space")
        assert deck.evaluate("Reveal.getState()") != before
        seen.add(deck.evaluate("Reveal.getSlidePastCount()"))
    assert len(seen) == deck.evaluate("Reveal.getTotalSlides()")


def test_only_the_speaker_sees_the_notes(page, tmp_path):
    cells = [nbformat.v4.new_markdown_cell(f"## Section {number}") for number in (1, 2)]
    for number, cell in enumerate(cells, start=1):
        cell.metadata.slideshow = {"slide_type": "slide"}
        cell.metadata.course = {"minutes": number, "notes": f"Say {number}."}
    slides.write_deck(nbformat.v4.new_notebook(cells=cells), tmp_path / "deck.html", tmp_path)
    page.goto((tmp_path / "deck.html").as_uri())
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    notes = opened.value.locator(".speaker-controls-notes")
    expect(notes).to_contain_text("1 min. Say 1.")
    page.keyboard.press("ArrowRight")
    expect(notes).to_contain_text("2 min. Say 2.")
    expect(page.get_by_role("heading", name="Section 2")).to_be_visible()
    expect(page.get_by_text("Say 2.")).to_be_hidden()
    opened.value.close()
