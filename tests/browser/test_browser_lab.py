"""What a learner and a presenter see: each notebook in JupyterLab, in a real browser."""

import shutil

import browser
import nbformat
import pytest
from explorer_moves import CLICK, MOVES
from pictures import make_folder, picture
from playwright.sync_api import expect

from resnext_course.explorers._panel import WIDGET
from resnext_course.publishing.notebook_runner import FOLDER, NAMES

pytestmark = browser.needs_chromium


COUNT_PICTURES = """() => {
    window.picturesSeen = {};
    for (const {id, outputs} of panel.content.model.cells) {
        const seen = new Set();
        outputs?.changed.connect(() => {
            for (const {data} of outputs.toJSON()) seen.add(data?.['image/png']);
            seen.delete(undefined);
            window.picturesSeen[id] = seen.size;
        });
    }
}"""

EPOCHS = 3
SHORT_TRAINING = """
import dataclasses, os
os.environ.update(RESNEXT_DATA=r"{birds}", RESNEXT_RUNS=r"{runs}")
from resnext_helpers import settings
settings.PROFILES["sample"] = dataclasses.replace(settings.PROFILES["sample"], epochs={epochs})
"""


@pytest.fixture(scope="module", params=NAMES)
def notebook(request, lab, page):
    """A notebook, opened as from a fresh clone."""
    shutil.copy(FOLDER / f"{request.param}.ipynb", lab.folder)
    notebook = lab.open(page, f"{request.param}.ipynb")
    notebook.name = request.param
    notebook.saved = nbformat.read(FOLDER / f"{request.param}.ipynb", 4).cells
    notebook.moves = [move for move in MOVES if request.param.startswith(move.notebook)]
    yield notebook
    notebook.shut_down()


@pytest.fixture(scope="module")
def ran(notebook, tmp_path_factory):
    """The notebook after all its cells ran; ``pictures_seen`` tells how many each cell showed."""
    if notebook.name.startswith("05"):  # which trains with the whole sample under nbval
        folder = tmp_path_factory.mktemp("few")
        birds = make_folder(folder / "birds", dict.fromkeys(("Finch", "Gull", "Owl", "Wren"), 10))
        short = SHORT_TRAINING.format(birds=birds, runs=folder / "runs", epochs=EPOCHS)
        notebook.silently(short)
    notebook.do(COUNT_PICTURES)
    notebook.run_all()
    notebook.pictures_seen = notebook.do("() => window.picturesSeen")
    return notebook


def test_a_fresh_clone_shows_every_picture(notebook):
    assert not notebook.do("() => panel.content.model.cells.get(1).trusted")
    for cell in notebook.saved:
        if browser.pictures([cell]):
            shown = notebook.activate(cell.id).locator(".jp-OutputArea-output img")
            shown.nth(browser.pictures([cell]) - 1).wait_for()
            assert shown.count() == browser.pictures([cell])
            for image in shown.all():
                assert (
                    image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
                )


def test_all_cells_run(ran):
    cells = [cell for cell in ran.cells() if cell["cell_type"] == "code"]
    for cell in cells:
        for output in cell["outputs"]:
            assert output["output_type"] != "error", (cell["id"], output)
            assert output.get("name") != "stderr", (cell["id"], output)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    # More where notebook 06 finds no model, and trains a small one.
    assert browser.pictures(cells) >= browser.pictures(ran.saved) > 0


def try_out(notebook, cell, move):
    """Moves a control of an explorer as a learner would, and waits for what must come of it."""
    notebook.wait_until_idle()  # a learner looks at what the last move did
    control = cell.locator(".widget-inline-hbox").filter(
        has=cell.page.get_by_text(move.control, exact=True)
    )
    expect(control.locator("[disabled]")).to_have_count(0)  # it may follow another until now
    before = picture_of(cell)
    act(control, control.locator("[role=slider], select, input").first, move.how)
    row = cell.page.get_by_role("rowheader", name=move.row, exact=True)
    expect(cell.get_by_role("row").filter(has=row).get_by_role("cell").last).to_have_text(
        move.value
    )
    if move.redraws:
        wait_for_another_picture(cell, before)


def picture_of(cell):
    return cell.locator(".jupyter-widgets img").get_attribute("src")


def wait_for_another_picture(cell, before):
    cell.page.wait_for_function(
        "([cell, before]) => ![before, undefined].includes(cell.querySelector('img')?.src)",
        arg=[cell.element_handle(), before],
    )


def act(control, handle, how):
    if how == CLICK:
        handle.set_checked(not handle.is_checked())
    elif isinstance(how, str):
        handle.focus()
        expect(handle).to_be_focused()
        for key in how.split():
            handle.press(key)
    else:
        track = control.locator(".noUi-base").bounding_box()
        start = handle.bounding_box()
        height = start["y"] + start["height"] / 2
        mouse = control.page.mouse
        mouse.move(start["x"] + start["width"] / 2, height)
        mouse.down()
        mouse.move(track["x"] + how * track["width"], height, steps=5)
        mouse.up()


def test_every_explorer_is_moved():
    for name in NAMES:
        cells = nbformat.read(FOLDER / f"{name}.ipynb", 4).cells
        explorers = {
            cell.id
            for cell in cells
            for output in cell.get("outputs", [])
            if WIDGET in output.get("data", {})
        }
        moved = {move.cell for move in MOVES if name.startswith(move.notebook)}
        assert explorers - {"explore-own-photo"} == moved  # it has a test of its own below


def test_explorers_follow_keyboard_and_mouse(ran):
    for move in ran.moves:
        try_out(ran, ran.activate(move.cell), move)


CUT = """cell => cell.querySelector('.jupyter-widgets img').getBoundingClientRect().right
    - cell.querySelector('.jp-OutputArea').getBoundingClientRect().right"""


def test_an_explorers_picture_is_not_cut_beside_the_list_of_files(ran):
    for cell_id in {move.cell for move in ran.moves}:
        assert ran.activate(cell_id).evaluate(CUT) <= 0


def test_every_control_is_moved_and_none_is_a_list_without_arrow_keys(ran):
    for cell_id in {move.cell for move in ran.moves}:
        controls = ran.activate(cell_id).locator(".jupyter-widgets .widget-inline-hbox")
        names = {name.strip("\u200b ") for name in controls.locator("label").all_inner_texts()}
        assert names - {""} == {move.control for move in ran.moves if move.cell == cell_id}
        assert not controls.locator("select").count()


@pytest.fixture
def deck(ran):
    """The notebook's slides, started from its toolbar at the first one."""
    ran.activate(ran.saved[0].id)
    ran.page.locator(".jp-NotebookPanel-toolbar [data-command='deck:toggle']").click()
    ran.wait_for("() => document.body.dataset.jpDeckMode === 'presenting'")
    yield ran
    ran.command("deck:stop")


def slide_type(cell):
    return cell.metadata.get("slideshow", {}).get("slide_type")


TOO_TALL = """() => {
    const node = panel.content.node;
    const parts = [node, ...node.querySelectorAll('.jp-Notebook, .jp-WindowedPanel-outer')];
    return Math.max(...parts.map(part => part.scrollHeight)) - window.innerHeight;
}"""


def test_live_slides_advance_with_the_keyboard_and_fit(deck):
    too_tall = []
    for index, cell in enumerate(deck.saved):
        if slide_type(cell) == "skip":
            continue
        if index:
            deck.page.keyboard.press("Space")
        deck.wait_for("index => panel.content.activeCellIndex === index", index)
        if slide_type(cell) and deck.do(TOO_TALL) > 0:
            too_tall.append((cell.id, deck.do(TOO_TALL)))
    assert too_tall == []


def test_inside_live_slides_cells_run_and_explorers_move(deck):
    for cell_id in dict.fromkeys(move.cell for move in deck.moves):
        cell = deck.activate(cell_id)
        count = "() => panel.content.activeCell.model.executionCount"
        before = deck.do(count)
        deck.page.keyboard.press("Control+Enter")
        deck.wait_for(f"before => ({count})() > before", before)
        deck.wait_until_idle()
        for move in deck.moves:
            if move.cell == cell_id:
                try_out(deck, cell, move)
    deck.page.keyboard.press("Escape")
    deck.wait_for("() => !document.body.dataset.jpDeckMode")


@pytest.mark.parametrize("notebook", NAMES[4:5], indirect=True)
def test_training_shows_a_live_figure(ran):
    """A new picture after each epoch."""
    assert ran.pictures_seen["train-model"] >= EPOCHS > 1


@pytest.mark.parametrize("notebook", NAMES[5:], indirect=True)
def test_an_uploaded_photo_is_classified(ran, tmp_path):
    picture(1, (300, 300)).save(tmp_path / "mine.png")
    cell = ran.activate("explore-own-photo")
    before = picture_of(cell)
    with ran.page.expect_file_chooser() as chooser:
        cell.get_by_role("button", name="choose a photo").click()
    chooser.value.set_files(tmp_path / "mine.png")
    expect(cell.get_by_role("cell", name="mine.png", exact=True)).to_be_visible()
    wait_for_another_picture(cell, before)
    chances = [
        float(text.removesuffix("%"))
        for text in cell.get_by_role("row")
        .filter(has_text="probability of")
        .locator("td")
        .all_inner_texts()
    ]
    assert len(chances) == 4 and sum(chances) == pytest.approx(100, abs=0.3)
