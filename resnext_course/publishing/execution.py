"""Executes one notebook, with a line of progress and errors in one sentence."""

import asyncio
import os
import time
from pathlib import Path

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from resnext_course.terminal import StatusLine
from resnext_helpers.settings import CourseError


def kernel_environment(**changes: str) -> dict[str, str]:
    """This process's environment with ``changes``, made fit for notebooks."""
    environ = {**os.environ, "PYTHONUTF8": "1", **changes}
    # A backend that the user chose for scripts would keep figures out of the notebook.
    environ.pop("MPLBACKEND", None)
    return environ


def execute(notebook: NotebookNode, path: Path, environ: dict[str, str]) -> float:
    """Executes a notebook from its first cell, in a new kernel of this Python, in its own folder.

    Args:
        notebook: gets the new outputs; if a cell fails, those up to there.
        path: the notebook's file.
        environ: the kernel's environment variables (see ``kernel_environment``).

    Returns:
        Seconds.

    Raises:
        CourseError: a cell failed; the message names notebook, cell and error.
    """
    for cell in _code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    progress = _Progress(path.stem, notebook)
    client = NotebookClient(
        notebook,
        timeout=None,
        startup_timeout=180,
        kernel_name="python3",
        kernel_manager_class=_ThisPython,
        coalesce_streams=True,
        shutdown_kernel="immediate",  # so that Ctrl-C need not wait for a step of training
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=progress.start_cell,
    )
    remark = "stopped"
    try:
        with asyncio.Runner(loop_factory=_Loop) as runner:
            runner.run(_execute(client, environ, progress))
        remark = ""
    except (CellExecutionError, DeadKernelError) as error:
        where = f"{path.name} stopped in cell {progress.cell!r}"
        raise CourseError(f"{where}: {_reason(error)}") from error
    finally:
        progress.finish(remark)
    return progress.seconds


def _code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _reason(error):
    if isinstance(error, DeadKernelError):
        return (
            "its Python ended, most often because the memory was full. "
            "Close other programs, then try again."
        )
    # The course's own messages are sentences; any other error needs its type to be understood.
    own = error.ename == CourseError.__name__
    return error.evalue.strip() if own else f"{error.ename}: {error.evalue.strip()}"


async def _execute(client, environ, progress):
    ticking = asyncio.create_task(progress.tick())
    try:
        await client.async_execute(env=environ)
    except DeadKernelError:
        # nbclient raises this, too, when Ctrl-C cancels what it waits for.
        if asyncio.current_task().cancelling():
            raise asyncio.CancelledError from None
        raise
    finally:
        ticking.cancel()


class _Loop(asyncio.SelectorEventLoop):
    """Leaves Ctrl-C to asyncio; nbclient's own handler would stop the kernel and nothing else."""

    def add_signal_handler(self, *args):
        raise NotImplementedError  # which nbclient expects, since Windows has no handlers


class _ThisPython(AsyncKernelManager):
    """Starts kernels of the Python that runs now, whichever one is registered as "python3"."""

    @property
    def kernel_spec(self):
        # By default every kernel warns on the terminal that messages within this computer are
        # not encrypted.
        return KernelSpec(**get_kernel_dict(extra_arguments=["--log-level=ERROR"]))


class _Progress:
    """A notebook's line of progress: its name, cell n of m, seconds."""

    def __init__(self, name, notebook):
        self.cell = None
        self._name = name
        self._number = 0
        self._total = sum(bool(cell.source.strip()) for cell in _code_cells(notebook))
        self._started = time.monotonic()
        self._line = StatusLine()

    @property
    def seconds(self):
        return time.monotonic() - self._started

    def start_cell(self, cell, cell_index):
        self.cell = cell.id
        self._number += 1
        self._line.update(self._text())

    async def tick(self):
        while True:
            self._line.update(self._text())
            await asyncio.sleep(1)

    def finish(self, remark):
        self._line.finish(f"{self._text()}  {remark}".rstrip())

    def _text(self):
        return f"{self._name:<35}cell {self._number:>2} of {self._total:<3}{self.seconds:>5.0f} s"
