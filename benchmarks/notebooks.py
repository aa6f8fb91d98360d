"""What one student needs for each notebook: seconds, processor time, memory.

``python benchmarks/notebooks.py`` executes the six notebooks in order, each in a new kernel, on the
sample, and writes notebooks.json and NOTEBOOKS.md into this folder; it takes a few minutes (Linux
only). The notebooks are left as they are. While it runs, leave the machine alone.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from machine import machine  # noqa: E402
from report import table  # noqa: E402

from resnext_course.publishing import execution, notebook_runner  # noqa: E402

INTERVAL = 0.1  # seconds between two looks at the memory
PACKAGES = ("tensorflow", "keras", "jupyterlab", "ipykernel")


class Watch:
    """What the processes take that this one starts while it watches, and those that they start.

    Attributes:
        peak: the most memory (RSS) that they held together, bytes; a shared page counts for each.
        kept: what they held at the last look, bytes.
        cpu: processor seconds of those that have ended.
    """

    def __enter__(self):
        self.peak = self.kept = 0
        self._before = self._cpu()
        self._others = set(psutil.Process().children())
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._done.set()
        self._thread.join()
        self.cpu = self._cpu() - self._before

    def _look(self):
        while not self._done.wait(INTERVAL):
            held = 0
            for child in set(psutil.Process().children()) - self._others:
                held += _memory_with_children(child)
            self.peak = max(self.peak, held)
            self.kept = held or self.kept  # 0: all have ended

    @staticmethod
    def _cpu():
        times = os.times()
        return times.children_user + times.children_system


def _memory_with_children(process):
    held = 0
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended before it was looked at
        held += process.memory_info().rss
        for child in process.children():
            held += _memory_with_children(child)
    return held


def cost(path, environ):
    """What executing one notebook takes, beside the server: seconds, processor seconds, bytes."""
    notebook = nbformat.read(path, 4)
    with Watch() as watch:
        seconds = execution.execute(notebook, path, environ)
    return {"seconds": seconds, "cpu": watch.cpu, "peak": watch.peak, "kept": watch.kept}


def server_memory():
    """Bytes that JupyterLab's server holds for one student, once it gave out its page."""
    with tempfile.TemporaryDirectory() as folder, Watch() as watch:
        options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--IdentityProvider.token="]
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={folder}"],
            env={**os.environ, "JUPYTER_RUNTIME_DIR": folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            # The server writes its address there, a moment before it listens.
            while not (found := list(Path(folder).glob("jpserver-*.json"))):
                if server.poll() is not None:
                    raise SystemExit("JupyterLab's server doesn't start; `make lab` says why.")
                time.sleep(INTERVAL)
            address = json.loads(found[0].read_text(encoding="utf-8"))["url"]
            patient = requests.Session()
            patient.mount("http://", HTTPAdapter(max_retries=Retry(connect=9, backoff_factor=0.1)))
            patient.get(f"{address}lab", timeout=60).raise_for_status()
            time.sleep(5 * INTERVAL)  # for a last look
        finally:
            server.terminate()
            server.wait()
    return watch.peak


def page(results):
    """NOTEBOOKS.md, from what notebooks.json holds."""
    machine, server, costs = results["machine"], results["server"], results["notebooks"]
    link = "[{0}](../notebooks/{0}.ipynb)"
    rows = [
        (link.format(name), f"{one['seconds']:.0f}", f"{one['cpu']:.0f}", gb(one["peak"]))
        for name, one in costs.items()
    ]
    versions = ", ".join(f"{name} {machine[name]}" for name in PACKAGES)
    largest = server + max(one["peak"] for one in costs.values())
    together = server + sum(one["kept"] for one in costs.values())
    return f"""# What a student needs for each notebook

Measured on {machine["date"]} by `python benchmarks/notebooks.py`: {machine["cpu"]},
{machine["cores"]} cores, {machine["system"]}; Python {machine["python"]}, {versions}.

All cells of the committed notebook, in a new kernel, in the profile `sample` with the drawn birds.
Processor seconds are those of all cores together; memory is what the kernel's processes hold (RSS).

{table(("notebook", "seconds", "processor seconds", "peak memory, GB"), rows)}

- JupyterLab's server, for each student: {gb(server)} GB.
- So a student with one notebook open needs at most {gb(largest)} GB, and one who runs all
  {len(costs)} and shuts down no kernel {gb(together)} GB: a kernel keeps its memory, also when the
  notebook's tab is closed.

[How to serve a class](../classroom/README.md) sizes a server with these figures.
"""


def gb(size):
    return f"{size / 1e9:.1f}"


def main():
    results = {"machine": machine(PACKAGES), "server": server_memory()}
    with tempfile.TemporaryDirectory() as runs:  # 06 evaluates what 05 trained, as for a student
        environ = execution.kernel_environment(**notebook_runner.pinned_settings(Path(runs)))
        paths = notebook_runner.find()
        results["notebooks"] = {path.stem: cost(path, environ) for path in paths}
    (HERE / "notebooks.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (HERE / "NOTEBOOKS.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
