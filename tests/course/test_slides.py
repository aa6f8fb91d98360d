"""The slide decks: what is on which slide, what only the speaker sees, nothing from elsewhere."""

import base64
import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from pictures import raw_png

from resnext_course.publishing import slides
from resnext_course.publishing.notebook_runner import FOLDER, NAMES

PNG = raw_png(1, 1, 8, 2, [bytes(3)])
PANEL = nbformat.v4.new_output(
    "execute_result",
    {
        "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
        "image/png": base64.b64encode(PNG).decode(),
        "text/plain": "a panel",
    },
    metadata={"image/png": {"alt": 'A panel, 1 < 2, "open"'}},
    execution_count=1,
)


def text(source, slide_type=None, **course):
    cell = nbformat.v4.new_markdown_cell(source)
    if slide_type:
        cell.metadata.slideshow = {"slide_type": slide_type}
    if course:
        cell.metadata.course = course
    return cell


CELLS = [
    text("# The *first*", "slide"),
    text("![a bird](bird.png) [next](02_next.ipynb#top)"),
    text("## Counting", "slide", minutes=4, notes="Ask: how many?"),
    text("hidden", "skip"),
    text("continued"),
    text("answer", "fragment"),
    text("more", "subslide"),
    nbformat.v4.new_code_cell("explore()", outputs=[PANEL], execution_count=1),
    text("## Recap", "slide", minutes=1, notes="Say it again."),
]


@pytest.fixture
def deck(tmp_path):
    (tmp_path / "bird.png").write_bytes(PNG)
    file = tmp_path / "slides" / "01_first.html"
    slides.write_deck(nbformat.v4.new_notebook(cells=CELLS), file, tmp_path)
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


def sections(deck):
    """The texts of each slide, by section."""
    return [
        [list(slide.stripped_strings) for slide in section.find_all("section", recursive=False)]
        for section in deck.select(".slides > section")
    ]


def test_cells_are_on_the_slides_that_their_metadata_say(deck):
    for aside in deck.find_all("aside"):
        aside.extract()
    assert sections(deck) == [
        [["The", "first", "next"]],
        [["Counting", "continued", "answer"], ["more", "explore", "()"]],
        [["Recap"]],
    ]
    assert deck.select_one(".fragment").text.strip() == "answer"


def test_only_the_speaker_sees_minutes_and_notes(deck):
    asides = [aside.extract().text for aside in deck.select("aside.notes")]
    assert [" ".join(aside.split()) for aside in asides] == [
        "4 min. Ask: how many?",
        "1 min. Say it again.",
    ]
    assert "Ask:" not in deck.main.text


def test_the_seconds_of_a_section_are_spread_over_its_slides(deck):
    timings = [slide.get("data-timing") for slide in deck.select(".slides > section > section")]
    assert timings == [None, "120", "120", "60"]


def test_a_deck_is_complete_without_a_network(deck):
    for element in deck.find_all(["script", "link", "img", "iframe", "source", "object"]):
        for name in ("src", "href", "data"):
            assert element.get(name, "data:").startswith("data:")
    for style in deck.find_all("style"):
        assert not re.search(r"@import|url\((?!['\"]?(data:|#))", style.text)


def test_no_script_holds_what_a_browser_takes_for_a_tag(deck):
    scripts = [script.text for script in deck.find_all("script")]
    assert len(scripts) == 3 and "Reveal.initialize" in scripts[-1]
    assert not any(re.search(r"<!--|</?script", script) for script in scripts)


def test_pictures_keep_their_texts_and_stand_in_for_widgets(deck):
    texts = [image["alt"] for image in deck.find_all("img")]
    assert texts == ["a bird", 'A panel, 1 < 2, "open"']


def test_a_deck_has_language_and_title_and_leads_to_other_decks(deck):
    assert deck.html["lang"] == "en"
    assert deck.title.text == "The first: slides"
    assert deck.find("a", string="next")["href"] == "02_next.html#top"


def test_the_index_leads_to_each_deck_and_says_its_minutes(tmp_path, capsys):
    source = tmp_path / "01_first.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=CELLS[2:3] + CELLS[-1:]), source)
    slides.write([source], tmp_path / "slides")
    index = BeautifulSoup((tmp_path / "slides" / "index.html").read_text("utf-8"), "html.parser")
    assert index.table.a["href"] == "01_first.html"
    assert index.select_one("td.number").text == "5"
    assert (tmp_path / "slides" / "01_first.html").is_file()
    assert "index.html" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_can_be_presented_live(name):
    """jupyterlab-slideshow shows neither a cell of type "-" nor one of type "notes"."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    assert notebook.metadata.get(slides.LIVE_KEY) == slides.LIVE_STYLE
    types = {cell.metadata.get("slideshow", {}).get("slide_type") for cell in notebook.cells}
    assert types <= {None, "slide", "subslide", "fragment", "skip"}
    assert notebook.cells[0].metadata.slideshow.slide_type == "slide"
