"""What a learner sees: JupyterLab and the pages, in a real browser (Chromium)."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import sync_playwright

from resnext_helpers.commands import notebook_runner
from resnext_helpers.settings import PROJECT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: install it (Debian: apt-get install chromium)"
)


@pytest.fixture
def page():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            # A sandbox inside a sandbox (a container, root) does not start.
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser.new_page(viewport={"width": 1280, "height": 800})
        browser.close()


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on a copy of the notebooks; gives the address of a notebook."""
    shutil.copytree(PROJECT / "notebooks", tmp_path / "notebooks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    options = {
        "ip": "127.0.0.1",
        "port": port,
        "IdentityProvider.token": token,
        "ServerApp.root_dir": tmp_path,
        "LabApp.expose_app_in_browser": True,
    }
    log = tmp_path / "lab.log"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    # Its own folder for settings: the learner's stay as they are.
    environment = {**os.environ, "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings")}
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, log)
        yield lambda name: f"http://127.0.0.1:{port}/lab/tree/notebooks/{name}?token={token}"
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(address, server, log):
    for _ in range(240):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    raise AssertionError(f"JupyterLab did not start: {log.read_text()}")


READY = """() => {
    const notebook = window.jupyterapp.shell.currentWidget;
    return Promise.all([notebook.context.ready, notebook.sessionContext.ready]).then(() => true);
}"""
KERNEL_IDLE = (
    "window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
)
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
CODE_CELLS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
    .filter(cell => cell.type === 'code')
    .map(cell => ({id: cell.id, count: cell.executionCount, outputs: cell.outputs.toJSON()}))"""


def test_jupyterlab_runs_a_whole_notebook(page, lab):
    page.set_default_timeout(240_000)
    page.goto(lab("03_grouped_convolution.ipynb"))
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext")
    page.evaluate(READY)
    page.wait_for_function(KERNEL_IDLE)
    before = page.evaluate(CODE_CELLS)
    assert [cell["count"] for cell in before] == list(range(1, len(before) + 1))
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")

    page.evaluate(RUN_ALL)
    page.wait_for_function(KERNEL_IDLE)
    page.wait_for_function(f"({CODE_CELLS})().every(cell => cell.count !== null)")

    cells = page.evaluate(CODE_CELLS)
    pictures = 0
    for cell in cells:
        for output in cell["outputs"]:
            assert output["output_type"] != "error", (cell["id"], output)
            assert output.get("name") != "stderr", (cell["id"], output)
            pictures += "image/png" in output.get("data", {})
    assert [cell["count"] for cell in cells] == list(range(1, len(before) + 1))
    assert pictures == sum(
        "image/png" in output.get("data", {}) for cell in before for output in cell["outputs"]
    )
    assert pictures >= 5


@pytest.fixture
def pages(tmp_path):
    """The pages of one notebook; asked for before ``page``, whose event loop tolerates no other."""
    notebook_runner.run(notebook_runner.find(["04"]), tmp_path)
    return tmp_path


def test_a_page_shows_its_pictures_with_no_network(pages, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto((pages / "04_resnet_vs_resnext_block.html").as_uri())

    pictures = page.locator("img").all()
    assert len(pictures) >= 5
    for picture in pictures:
        assert picture.evaluate("one => one.complete && one.naturalWidth > 300")
        assert len(picture.get_attribute("alt")) > 20
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []

    page.goto((pages / "index.html").as_uri())
    page.get_by_role("link").first.click()
    page.wait_for_url("**/04_resnet_vs_resnext_block.html")
