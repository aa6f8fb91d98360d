"""The book and the slide decks: what is where, nothing from elsewhere, nothing given away."""

import base64
import copy
import re
import subprocess
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_output
from pictures import raw_png

from resnext_course.publishing import book, notebook_runner, slides
from resnext_course.publishing.notebook_runner import FOLDER, LIVE, NAMES

PNG = raw_png(1, 1, 8, 2, [bytes(3)])
WIDGET = {book.WIDGET: {"model_id": "1"}, "text/plain": "HBox()"}
ALT = 'A panel, 1 < 2, "open"'
PANEL = new_output(
    "display_data",
    {**WIDGET, "image/png": base64.b64encode(PNG).decode()},
    metadata={"image/png": {"alt": ALT}},
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
        text("# The first one", "slide"),
        text("![a bird](bird.png) `$x$` [next](02_next.ipynb#top) [course](../README.md#top)"),
        text("## Counting", "slide", minutes=4, notes="Ask: how many?"),
        text("hidden", "skip"),
        text("continued"),
        text("answer", "fragment"),
        text("more", "subslide"),
        new_code_cell("explore()", outputs=[PANEL], execution_count=1),
        new_code_cell("2", outputs=[new_output("display_data", WIDGET)], execution_count=2),
        text("## Recap", "slide", minutes=1, notes="Say it again."),
        text("## Go further: more", "slide", minutes=7, notes="Only if asked."),
    ]
)


def test_book_and_decks_are_of_what_is_committed(tmp_path, capsys):
    path = tmp_path / "01_first.ipynb"
    nbformat.write(NOTEBOOK, path)
    whole = {"01_first": NOTEBOOK}
    assert notebook_runner.committed([path]) == whole  # no repository yet

    def git(*arguments):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "x")
    assert notebook_runner.committed([path]) == whole
    assert capsys.readouterr().out == ""
    path.write_text(path.read_text("utf-8").replace("explore()", "answer = 42"), encoding="utf-8")
    assert notebook_runner.committed([path]) == whole
    assert "01_first.ipynb was changed" in capsys.readouterr().out


# The book of all six notebooks


@pytest.fixture(scope="module")
def pages(book_folder):
    """The text of every page, decks included, by its path."""
    found = [page for page in book_folder.rglob("*.html") if "_static" not in page.parts]
    return {page: page.read_text("utf-8") for page in found}


def test_sphinx_has_nothing_to_warn_of(book_folder):
    assert (book_folder.parent / "warnings").read_text("utf-8") == ""


def test_every_link_leads_somewhere(pages):
    """To a page or a file of the book, and to a place in it; code can't hold a bare quote."""
    places = {page: set(re.findall(r'\bid="([^"]+)"', html)) for page, html in pages.items()}
    dead, count = [], 0
    for page, html in pages.items():
        for link in set(re.findall(r'\b(?:href|src)="([^"]+)"', html)):
            parts = urlsplit(link)
            if not parts.scheme:
                target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
                names = {parts.fragment, unquote(parts.fragment)}
                count += 1
                if not target.exists() or not names & {"", *places.get(target, names)}:
                    dead.append((page.name, link))
    assert count > 500
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(pages, book_folder):
    loads = re.compile(r"<(?!a\b)\w+[^>]*?\b(?:src|href)=\"(?:https?:)?//[^\"]*\"|import\(")
    assert [
        (page.name, found[0]) for page, html in pages.items() if (found := loads.search(html))
    ] == []
    for style in book_folder.rglob("*.css"):
        outside = re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text("utf-8"))
        assert not outside, style


def test_the_links_that_leave_it_are_listed(pages, book_folder):
    listed = (book_folder.parent / "outside_links.txt").read_text("utf-8").split()
    assert "https://arxiv.org/abs/1611.05431" in listed
    assert all(re.match("https?://", link) for link in listed)


@pytest.fixture(scope="module", params=NAMES)
def page(request, book_folder):
    """One chapter, parsed."""
    file = book_folder / "notebooks" / f"{request.param}.html"
    return BeautifulSoup(file.read_text("utf-8"), "html.parser")


def test_a_chapter_gives_nothing_away_and_describes_its_pictures(page):
    pictures = page.select(".bd-article img")
    assert pictures
    assert [image["src"] for image in pictures if len(image.get("alt", "")) < 20] == []
    seen = copy.copy(page.select_one("article"))
    helps = [fold.summary.text for fold in seen.select("details.fold")]
    assert helps.count("Solution") >= 5 and helps.count(book.GUESS) >= 3
    for fold in seen.select("details.fold"):
        assert not fold.has_attr("open")
        assert not fold.find(re.compile("h[1-6]"))  # the contents lead there
        fold.decompose()
    asked = seen.find(string=re.compile("redict first"))
    assert asked and "You made no prediction" not in seen.text
    assert "About three times as many" not in seen.text  # 04: an answer, then the next question
    assert seen.find(string=re.compile("minutes to read"))


def test_a_chapter_leads_to_its_deck_and_to_a_copy_without_outputs(page, book_folder):
    links = {link.text: link["href"] for link in page.select(".bd-article a")}
    assert (book_folder / "notebooks" / links["Slides"]).is_file()
    encoded = links["Download this notebook"].partition("base64,")[2]
    given = nbformat.reads(base64.b64decode(encoded).decode("utf-8"), 4)
    assert len(given.cells) > 80
    assert not any(cell.get("outputs") for cell in given.cells)


def test_an_explorer_says_that_its_controls_need_the_notebook(page):
    (link,) = page.select("a[download]")
    saved = nbformat.read(FOLDER / link["download"], 4)
    panels = [
        output
        for cell in saved.cells
        for output in cell.get("outputs", [])
        if book.WIDGET in output.get("data", {})
    ]
    assert len(page.find_all(string=re.compile("Its controls need Python"))) == len(panels)


def test_the_front_page_tells_of_the_run(pages, book_folder):
    front = BeautifulSoup(pages[book_folder / "index.html"], "html.parser")
    assert front.select_one("#your-run").p.text == "Executed in a test."
    assert len(front.select("td img")) == 6


# One chapter


def shown(*cells):
    """What a chapter shows of a title and these cells, as texts."""
    cells = [nbformat.from_dict({**cell, "id": f"cell-{i}"}) for i, cell in enumerate(cells)]
    notebook = nbformat.v4.new_notebook(cells=[text("# Title"), *cells])
    written = nbformat.reads(book.chapter(notebook, "03_x"), 4)
    return [cell.source.partition("\n")[0] for cell in written.cells][1:]


OPEN, CLOSE = book.FOLD.format(book.GUESS, ""), book.UNFOLD
ASK, ANSWER = text("**Predict first.** How many?"), new_code_cell("predictions.compare(1, mine, 2)")
MINE, OTHER, EXERCISE = new_code_cell("mine = None"), new_code_cell("3"), text("**1. Add.**")


@pytest.mark.parametrize(
    ("cells", "folded"),
    [
        ([ASK, MINE, OTHER, ANSWER, text("So 2.")], [3, 4]),
        ([ASK, MINE, ANSWER, OTHER, text("## Next")], [2, 3]),
        ([ASK, MINE, ANSWER, ASK, MINE, ANSWER], [2, 5]),
        ([ASK, MINE, ANSWER, ANSWER, EXERCISE], [2, 3]),
        ([ASK, text("Think."), OTHER, text("So 3."), text("### Next")], [2, 3]),
        ([OTHER, text("So 3.")], []),
    ],
)
def test_a_fold_goes_from_the_answer_to_the_next_subject(cells, folded):
    wanted, is_open = [], False
    for index, cell in enumerate(cells):
        if (index in folded) != is_open:
            is_open = not is_open
            wanted.append(OPEN if is_open else CLOSE)
        wanted.append(cell.source)
    assert shown(*cells) == wanted + [CLOSE] * is_open


def test_a_chapter_folds_hints_and_solution_and_leads_where_jupyter_does():
    help_cell = new_code_cell('# exercises.hint("01-order")\n# exercises.solution("01-order")')
    hints = shown(help_cell)
    assert [re.search("<summary>(.*)</summary>", one)[1] for one in hints] == [
        "Hint 1",
        "Hint 2",
        "Solution",
    ]
    assert "EDBCA" not in "".join(hints[:2]) and "EDBCA" in hints[2]
    assert shown(text("[on](#Go-further:-one-pixel-apart)")) == [
        "[on](#go-further-one-pixel-apart)"
    ]


def test_where_a_cell_failed_nothing_is_folded():
    error = new_output("error", ename="Oh", evalue="no", traceback=[])
    failed = new_code_cell("1 / 0", outputs=[error])
    cells = [ASK, MINE, ANSWER, failed]
    assert shown(*cells) == [cell.source for cell in cells]


# Decks


@pytest.fixture(scope="module")
def deck(tmp_path_factory):
    """The deck of ``NOTEBOOK``, parsed."""
    folder = tmp_path_factory.mktemp("slides")
    notebook = nbformat.from_dict(NOTEBOOK)
    notebook.cells[1].source = notebook.cells[1].source.replace("![a bird](bird.png) ", "")
    slides.write({"01_first": notebook}, folder)
    return BeautifulSoup((folder / "01_first.html").read_text("utf-8"), "html.parser")


def test_a_deck_is_complete_and_its_links_lead_to_the_project(deck):
    for element in deck.find_all(["script", "link", "img", "iframe", "source", "object"]):
        for attribute in ("src", "href", "data"):
            assert element.get(attribute, "data:").startswith("data:"), element
    assert deck.html["lang"] == "en" and deck.title.text == "The first one: slides"
    assert deck.find("a", string="next")["href"] == "02_next.html#top"
    assert deck.find("a", string="course")["href"] == "../../README.md#top"
    assert [image["alt"] for image in deck.find_all("img")] == [ALT]  # it stands in for its widget


def test_cells_are_on_the_slides_that_their_metadata_say(deck):
    found = [
        [
            [
                words
                for words in slide.stripped_strings
                if not words.startswith(("4 min", "1 min", "7 min"))
            ]
            for slide in section.find_all("section", recursive=False)
        ]
        for section in deck.select(".slides > section")
    ]
    assert [len(section) for section in found] == [1, 2, 1, 1]
    assert found[1][0][0] == "Counting" and {"continued", "answer"} < set(found[1][0])
    assert found[1][1][:2] == ["more", "explore"]
    assert "hidden" not in deck.main.text
    assert deck.select_one(".fragment").text.strip() == "answer"


def test_minutes_and_notes_are_the_speakers(deck):
    notes = [" ".join(aside.text.split()) for aside in deck.select("aside.notes")]
    assert notes == ["4 min. Ask: how many?", "1 min. Say it again.", "7 min. Only if asked."]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_can_be_presented_live(name):
    """jupyterlab-slideshow shows neither a cell of type "-" nor one of type "notes"."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    assert {key: notebook.metadata[key] for key in LIVE} == LIVE
    types = {cell.metadata.get("slideshow", {}).get("slide_type") for cell in notebook.cells}
    assert types <= {None, "slide", "subslide", "fragment", "skip"}
    assert notebook.cells[0].metadata.slideshow.slide_type == "slide"
