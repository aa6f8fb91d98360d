"""What the browser tests share: Chromium, JupyterLab, and what they ask of a notebook in it."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: install it (Debian: apt-get install chromium)"
)
# On a machine with two cores that also runs other tests, a first start may take minutes.
PATIENCE = 240  # seconds


@contextmanager
def browser_page():
    """A page of 1280×720, as large as a projector's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            # A sandbox inside a sandbox (a container, root) does not start.
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            timeout=1000 * PATIENCE,
        )
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.set_default_navigation_timeout(1000 * PATIENCE)
        yield page
        browser.close()


class Lab:
    """A JupyterLab that knows nothing of the learner's: not the settings, nor what they trust."""

    def __init__(self, folder: Path):
        self.folder = folder / "files"
        self.folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._site = f"http://127.0.0.1:{free.getsockname()[1]}"
        self._token = secrets.token_hex()
        self._log = folder / "lab.log"
        options = {
            "ip": "127.0.0.1",
            "port": self._site.rpartition(":")[2],
            "IdentityProvider.token": self._token,
            "ServerApp.root_dir": self.folder,
            "LabApp.expose_app_in_browser": True,
        }
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += [f"--{name}={value}" for name, value in options.items()]
        own = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
        without = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        page_config = folder / "CONFIG" / "labconfig" / "page_config.json"
        page_config.parent.mkdir(parents=True)
        page_config.write_text(json.dumps(without))  # its question would lie over the slides
        with self._log.open("w") as log:
            self._server = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **own}
            )

    def wait(self):
        """Waits until it answers."""
        for _ in range(2 * PATIENCE):
            assert self._server.poll() is None, self._log.read_text()
            try:
                urllib.request.urlopen(f"{self._site}/api?token={self._token}").close()
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.5)
        raise AssertionError(f"JupyterLab did not start: {self._log.read_text()}")

    def open(self, page, name):
        """Opens a notebook of ``folder`` and waits for its kernel; returns an ``OpenNotebook``."""
        page.goto(f"{self._site}/lab/tree/{name}?token={self._token}&reset")
        notebook = OpenNotebook(page)
        ready = "() => panel?.context?.isReady && panel.sessionContext.isReady"
        notebook.wait_for(ready, timeout=1000 * PATIENCE)
        notebook.wait_until_idle()
        return notebook

    def stop(self):
        self._server.terminate()
        self._server.wait(30)


class OpenNotebook:
    """A notebook in JupyterLab; ``panel`` in the scripts is its ``NotebookPanel``."""

    def __init__(self, page):
        self.page = page

    def do(self, function, argument=None):
        """Calls a function of JavaScript, and returns what it returns."""
        return self.page.evaluate(_with_panel(function), argument)

    def wait_for(self, function, argument=None, timeout=None):
        """Waits until a function of JavaScript returns true."""
        # Asked at every drawn frame, as by default, Chromium would draw all the time.
        self.page.wait_for_function(
            _with_panel(function), arg=argument, timeout=timeout, polling=50
        )

    def command(self, name):
        """Executes one of JupyterLab's commands and waits until it is done."""
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def wait_until_idle(self):
        idle = "() => panel.sessionContext.session?.kernel?.status === 'idle'"
        self.wait_for(idle, timeout=1000 * PATIENCE)

    def silently(self, code):
        """Executes Python in the kernel, without a cell."""
        self.do(
            """code => panel.sessionContext.session.kernel
                .requestExecute({code, silent: true, store_history: false}).done""",
            code,
        )

    def cells(self):
        """The notebook's cells as they are now, as in its file."""
        return self.do("() => panel.content.model.toJSON().cells")

    def run_all(self):
        """Runs all cells, with no outputs left from before."""
        self.command("notebook:clear-all-cell-outputs")
        self.command("notebook:run-all-cells")
        self.wait_until_idle()

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

    def shut_down(self):
        """Ends its kernel: with TensorFlow in it, a kernel holds a gigabyte."""
        self.do("() => panel.sessionContext.shutdown()")


def _with_panel(function):
    panel = "window.jupyterapp?.shell.currentWidget"
    return f"argument => {{ const panel = {panel}; return ({function})(argument); }}"


def pictures(cells):
    """How many PNG pictures the cells' outputs hold."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)
