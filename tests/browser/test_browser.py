"""What a reader, a learner and a presenter see, in a real browser: book, JupyterLab, decks.

nbval runs the notebooks' cells, so one explorer alone is run here.
"""

import itertools
import json
import os
import platform
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import axe_playwright_python
import nbformat
import pytest
from playwright.sync_api import expect, sync_playwright

from resnext_course.publishing import book
from resnext_course.publishing.notebook_runner import FOLDER, LIVE, METADATA, NAMES, find

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 120  # seconds; on two cores that also run other tests a first start is slow
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def page():
    """A page of 1280×720, as large as a projector's."""
    expect.set_options(timeout=1000 * PATIENCE)
    with sync_playwright() as playwright:
        # A sandbox inside a sandbox (a container, root) does not start.
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=options, timeout=1000 * PATIENCE
        )
        page = chromium.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(1000 * PATIENCE)
        yield page
        chromium.close()


# The book, from its files and without a network

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
FAULTS = """() => axe.run(document, {preload: false, resultTypes: ["violations"]}).then(found =>
    found.violations.filter(one => ["serious", "critical"].includes(one.impact)).map(
        one => [one.id, one.nodes[0].html]
    )
)"""
# Paragraphs of three lines and more whose lines have more than 75 letters on average.
LONG_LINES = """() => [...document.querySelectorAll(".bd-article :is(p, li)")].filter(one => {
    const lines = one.clientHeight / parseFloat(getComputedStyle(one).lineHeight);
    const inner = one.closest("td, th") || one.querySelector("p, ul, ol, pre");
    return !inner && lines > 2.5 && one.innerText.length / Math.round(lines) > 75;
}).map(one => one.innerText)"""
# What is wider than the window, or than the column and doesn't scroll there.
TOO_WIDE = """() => [...document.querySelectorAll(".bd-article *")].filter(one =>
    one.getBoundingClientRect().right > document.documentElement.clientWidth
    && !one.closest("pre, .pst-scrollable-table-container, .cell_output, .headerlink")
).map(one => one.outerHTML.slice(0, 200)).concat(
    document.documentElement.scrollWidth > innerWidth ? ["the page"] : []
)"""
READ = ["index.html", f"notebooks/{NAMES[2]}.html", f"notebooks/{NAMES[5]}.html"]


@pytest.fixture
def reader(page, book_folder):
    """Opens a page of the book without a network; whatever it asks for elsewhere is a fault."""
    asked, contexts = [], []

    def open_page(name, width=1280, mode="light"):
        context = page.context.browser.new_context(
            offline=True,
            viewport={"width": width, "height": 800},
            color_scheme=mode,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.on("request", lambda request: asked.append(request.url))
        opened = context.new_page()
        opened.on("pageerror", lambda error: asked.append(str(error)))
        opened.goto((book_folder / name).as_uri())
        return opened

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize(("width", "mode"), [(400, "light"), (1280, "dark")])
def test_a_page_can_be_read_without_eyes_and_in_both_modes(reader, name, width, mode):
    opened = reader(name, width, mode)
    opened.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    opened.evaluate(AXE)
    assert opened.evaluate(FAULTS) == []
    levels = opened.evaluate(
        "[...document.querySelectorAll('article :is(h1, h2, h3, h4)')].map(one => +one.tagName[1])"
    )
    assert levels[0] == 1
    assert all(below <= level + 1 for level, below in itertools.pairwise(levels))


@pytest.mark.parametrize("name", READ)
def test_lines_are_short_and_nothing_is_cut_off_at_any_width(reader, name):
    opened = reader(name)
    opened.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    for width in (400, 768, 1280, 1920):
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate(LONG_LINES) == [], width
        assert opened.evaluate(TOO_WIDE) == [], width


def test_an_answer_is_seen_when_the_reader_opens_it_with_the_keyboard(reader):
    opened = reader(READ[1])
    answer = opened.get_by_text("weights with 32 groups: 4,608")
    expect(answer).to_be_hidden()
    fold = opened.locator("details.fold", has=answer)
    expect(fold.locator("summary")).to_have_text(book.GUESS)
    fold.locator("summary").press("Enter")
    expect(answer).to_be_visible()


def test_the_notebook_can_be_downloaded(reader):
    opened = reader(READ[1])
    with opened.expect_download() as download:
        opened.get_by_role("link", name="Download this notebook").click()
    assert download.value.suggested_filename == f"{NAMES[2]}.ipynb"


def test_the_search_finds_and_the_next_page_follows(reader):
    opened = reader("index.html")
    opened.keyboard.press("Control+k")
    opened.get_by_role("searchbox").locator("visible=true").fill("cardinality")
    opened.keyboard.press("Enter")
    found = opened.locator("#search-results")
    found.get_by_role("link", name="Grouped convolution").first.click()
    expect(opened).to_have_title(re.compile("Grouped convolution"))
    opened.locator("a.right-next").click()
    expect(opened).to_have_title(re.compile("ResNeXt block"))


# Decks


@pytest.fixture(scope="module")
def decks(book_folder):
    return book_folder / "slides"


def open_file(page, file):
    """Opens a file in the browser; returns the addresses elsewhere that it asks for."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    return [url for url in asked if not url.startswith(("file:", "data:"))]


FITTED = (
    "Reveal.isReady() && Reveal.getSlides().every(slide => slide.style.cssText.includes('--fit'))"
)
MEASURE = """() => Reveal.getSlides().map((slide, index) => ({
    number: index + 1,
    heading: (slide.querySelector('h1, h2, h3') ?? slide).innerText.trim().split('\\n')[0],
    below: slide.scrollHeight - 720,
    beside: slide.scrollWidth - 1280,
}))"""

TO_NOTES = """() => {
    const {h, v} = Reveal.getIndices(document.querySelector('aside.notes').closest('section'));
    Reveal.slide(h, v);
}"""


@pytest.mark.parametrize("name", NAMES)
def test_every_slide_fits_with_no_network(page, decks, name):
    """Else: say less on it, or begin a subslide. ``below`` and ``beside`` are pixels."""
    assert open_file(page, decks / f"{name}.html") == []
    page.wait_for_function(FITTED)
    measured = page.evaluate(MEASURE)
    assert len(measured) > 10
    assert [slide for slide in measured if slide["below"] > 0 or slide["beside"] > 0] == []


def test_one_key_goes_through_a_deck_and_only_the_speaker_sees_the_notes(page, decks):
    open_file(page, decks.parent / "notebooks" / f"{NAMES[0]}.html")
    page.get_by_role("link", name="Slides").click()
    page.wait_for_function(FITTED)
    seen = {page.evaluate("Reveal.getSlidePastCount()")}
    for _ in range(5 * page.evaluate("Reveal.getTotalSlides()")):  # fragments stop, too
        if page.evaluate("Reveal.isLastSlide()"):
            break
        page.keyboard.press("Space")
        seen.add(page.evaluate("Reveal.getSlidePastCount()"))
    assert len(seen) == page.evaluate("Reveal.getTotalSlides()")
    page.evaluate(TO_NOTES)
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    expect(opened.value.locator(".speaker-controls-notes")).to_contain_text(re.compile(r"\d min"))
    assert not any(notes.is_visible() for notes in page.locator("aside.notes").all())
    opened.value.close()


def test_the_notes_can_be_printed_with_the_slides(page, decks):
    page.goto((decks / f"{NAMES[0]}.html").as_uri() + "?print-pdf&showNotes=separate-page")
    expect(page.locator(".pdf-page + .speaker-notes-pdf").first).to_contain_text(" min")


def pictures_of(cell):
    """How many PNG pictures a cell's outputs hold."""
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


# JupyterLab

NAME = "04_resnet_vs_resnext_block"
EXPLORER = """\
import ipywidgets
import matplotlib.pyplot as plt
from resnext_course.explorers.panel import Panel
from resnext_helpers import plots

plots.use_style()

def draw(number):
    if number < 0:
        raise ValueError("Choose 0 or more.")
    figure, axis = plt.subplots()
    axis.plot([0, number])
    return plots.Picture(figure, "a line", number=number)

Panel(draw, number=ipywidgets.IntSlider(1, -1, 1, description="number"))"""
SAVED = nbformat.read(FOLDER / f"{NAME}.ipynb", 4).cells


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The start of a notebook's address in a JupyterLab that knows nothing of the learner's."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell(EXPLORER), nbformat.v4.new_markdown_cell("## Below")]
    small = nbformat.v4.new_notebook(cells=cells)
    for name, notebook in {
        "explorer": small,
        **{p.stem: nbformat.read(p, 4) for p in find()},
    }.items():
        notebook.metadata.update(METADATA | LIVE)
        notebook.metadata["language_info"]["version"] = platform.python_version()
        nbformat.write(notebook, folder / f"{name}.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site, token = f"http://127.0.0.1:{port}", secrets.token_hex()
    options = {"ip": "127.0.0.1", "port": port, "IdentityProvider.token": token}
    options |= {"ServerApp.root_dir": folder, "LabApp.expose_app_in_browser": True}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    own = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    page_config = folder / "CONFIG" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    without = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    page_config.write_text(json.dumps(without))  # its question would lie over the slides
    log = folder / "log"
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, **own})
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(f"{site}/api?token={token}"):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        yield lambda name: f"{site}/lab/tree/{name}.ipynb?token={token}&reset"
    finally:
        server.terminate()
        server.wait(30)


def answers(address):
    try:
        return urllib.request.urlopen(address, timeout=5).status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def notebook(lab, page):
    """The notebook, opened as from a fresh clone."""
    return Notebook(page, lab(NAME))


class Notebook:
    """A notebook in JupyterLab; ``panel`` in the scripts is its ``NotebookPanel``."""

    def __init__(self, page, address):
        self.page = page
        page.goto(address)
        self.wait_for("() => panel?.context?.isReady && panel.sessionContext.isReady")

    def do(self, function, argument=None):
        """Calls a function of JavaScript, and returns what it returns."""
        return self.page.evaluate(with_panel(function), argument)

    def wait_for(self, function, argument=None):
        """Waits until a function of JavaScript returns true."""
        # Asked at every drawn frame, as by default, Chromium would draw all the time.
        self.page.wait_for_function(with_panel(function), arg=argument, polling=50)

    def activate(self, cell_id):
        """Makes a cell the active one; returns its place on the page."""
        index = self.do(
            """async id => {
                const index = panel.content.widgets.findIndex(cell => cell.model.id === id);
                panel.content.activeCellIndex = index;
                await panel.content.scrollToItem(index, 'start');
                return index;
            }""",
            cell_id,
        )
        return self.page.locator(f'.jp-Notebook [data-windowed-list-index="{index}"]')


def with_panel(function):
    panel = "window.jupyterapp?.shell.currentWidget"
    return f"argument => {{ const panel = {panel}; return ({function})(argument); }}"


def test_a_fresh_clone_shows_every_picture(notebook):
    assert not notebook.do("() => panel.content.model.cells.get(1).trusted")
    for cell in SAVED:
        if pictures_of(cell):
            shown = notebook.activate(cell.id).locator(".jp-OutputArea-output img")
            shown.nth(pictures_of(cell) - 1).wait_for()
            for image in shown.all():
                assert image.evaluate("one => one.decode().then(() => one.naturalWidth)") > 100


def test_a_notebook_that_was_only_opened_has_no_changes(notebook):
    """JupyterLab writes down what the kernel says of its language, if that is anything new."""
    language = notebook.do("async () => (await panel.sessionContext.session.kernel.info)")
    assert language["language_info"] == METADATA["language_info"]
    assert not notebook.do("() => panel.context.model.dirty")


@pytest.fixture
def deck(notebook):
    """The notebook's slides, started from its toolbar at the first one; its `setup` is run."""
    notebook.activate("setup")
    notebook.do("() => { window.jupyterapp.commands.execute('notebook:run-cell'); }")
    notebook.activate(SAVED[0].id)
    notebook.page.locator(".jp-NotebookPanel-toolbar [data-command='deck:toggle']").click()
    notebook.wait_for("() => document.body.dataset.jpDeckMode === 'presenting'")
    yield notebook
    notebook.page.keyboard.press("Escape")
    notebook.wait_for("() => !document.body.dataset.jpDeckMode")


# Of the slide that is shown: pixels over the window's edges, and hidden in parts that scroll.
TOO_LARGE = """() => {
    const node = panel.content.node;
    const parts = [node, ...node.querySelectorAll('.jp-Notebook, .jp-WindowedPanel-outer')];
    const shown = '.jp-deck-mod-onscreen';
    const inside = node.querySelectorAll(`${shown} :is(.cm-scroller, .jp-OutputArea-output)`);
    const right = Math.max(...parts.map(part => part.getBoundingClientRect().right));
    return {
        below: Math.max(...parts.map(part => part.scrollHeight)) - window.innerHeight,
        beside: right - window.innerWidth,
        scrolls: Math.max(0, ...[...inside].map(one => one.scrollWidth - one.clientWidth)),
    };
}"""
LETTERS = """() => ['.jp-RenderedMarkdown p', '.cm-line'].map(
    kind => parseFloat(getComputedStyle(panel.node.querySelector(kind)).fontSize)
)"""
SHOW = """async index => {
    panel.content.activeCellIndex = index;
    await new Promise(done => setTimeout(done, 50));
}"""


def test_live_slides_advance_with_the_keyboard(deck):
    for index, cell in enumerate(SAVED):
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        if kind == "skip":
            continue
        if index:
            deck.page.keyboard.press("Space")
        deck.wait_for("index => panel.content.activeCellIndex === index", index)


def test_inside_live_slides_an_explorer_runs_and_follows_keyboard_and_mouse(deck):
    cell = deck.activate("explore-price")
    deck.page.keyboard.press("Control+Enter")
    head = deck.page.get_by_role("rowheader", name="cardinality C", exact=True)
    value = cell.get_by_role("row").filter(has=head).get_by_role("cell").last
    expect(value).to_have_text("32")
    handle, picture = cell.locator("[role=slider]").first, cell.locator(".jupyter-widgets img")
    handle.press("ArrowLeft")
    expect(value).to_have_text("16")

    before = picture.get_attribute("src")
    track, knob = cell.locator(".noUi-base").first.bounding_box(), handle.bounding_box()
    height = knob["y"] + knob["height"] / 2
    deck.page.mouse.move(knob["x"] + knob["width"] / 2, height)
    deck.page.mouse.down()
    deck.page.mouse.move(track["x"], height, steps=5)
    deck.page.mouse.up()
    expect(value).to_have_text("1")
    expect(picture).not_to_have_attribute("src", before)
    assert picture.evaluate("one => one.getBoundingClientRect().right <= window.innerWidth")


@pytest.mark.parametrize("name", NAMES)
def test_live_slides_are_as_large_as_the_decks_and_fit(page, lab, name):
    """Else: say less on it, shorten the code, or begin a subslide."""
    cells = nbformat.read(FOLDER / f"{name}.ipynb", 4).cells
    notebook = Notebook(page, lab(name))
    notebook.do("() => { panel.content.activeCellIndex = 0; }")
    notebook.do("() => window.jupyterapp.commands.execute('deck:start')")
    notebook.wait_for("() => document.body.dataset.jpDeckMode === 'presenting'")
    found = []
    for width, height in ((1150, 700), (1366, 768), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        for index, cell in enumerate(cells):
            if cell.metadata.get("slideshow", {}).get("slide_type") in ("slide", "subslide"):
                notebook.do(SHOW, index)
                found.append((cell.id, width, notebook.do(TOO_LARGE)))
    letters = notebook.do(LETTERS)
    notebook.do("() => window.jupyterapp.commands.execute('deck:stop')")
    assert letters == pytest.approx([26, 19], abs=0.2)  # as in deck.css
    assert len(found) > 30
    too_large = [slide for slide in found if max(slide[2].values()) > 0]
    assert not too_large, too_large


@pytest.fixture
def explorer(lab, page):
    """A small notebook whose one explorer was run."""
    notebook = Notebook(page, lab("explorer"))
    notebook.do("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.locator(".resnext-explorer img").wait_for()
    return notebook


def test_a_refused_setting_moves_nothing(explorer):
    page = explorer.page
    before = page.get_by_role("heading", name="Below").bounding_box()
    for _ in range(2):
        page.get_by_role("slider").press("ArrowLeft")
    expect(page.get_by_role("alert")).to_have_text("Choose 0 or more.")
    assert page.get_by_role("heading", name="Below").bounding_box() == before
    page.get_by_role("slider").press("ArrowRight")
    expect(page.get_by_role("alert")).to_have_count(0)


ADVICE = """() => [...panel.node.querySelectorAll('.jp-OutputArea-output, .resnext-explorer')].map(
    one => ['::before', '::after'].map(side => getComputedStyle(one, side).content).join('')
).join('')"""


def test_a_restarted_kernel_leaves_a_sentence_in_place_of_the_controls(explorer):
    page = explorer.page
    advice = "run the notebook's first cells and this one again"
    assert advice not in explorer.do(ADVICE)
    explorer.do("() => { panel.sessionContext.restartKernel(); }")
    expect(page.get_by_role("slider")).to_have_count(0)
    expect(page.locator(".resnext-explorer img")).to_be_visible()
    assert explorer.do(ADVICE).count(advice) == 1
    explorer.do("() => panel.context.save()")
    page.reload()
    explorer.wait_for("() => panel?.context?.isReady && panel.sessionContext.isReady")
    error = page.get_by_text("model not found")
    error.wait_for(state="attached")
    assert error.evaluate("one => getComputedStyle(one).fontSize") == "0px"
    assert explorer.do(ADVICE).count(advice) == 1
