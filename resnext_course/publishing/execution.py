"""Executes one notebook, with a bar of progress and errors in one sentence."""

import asyncio
import os
import time
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from resnext_helpers.settings import CourseError


def kernel_environment(**changes: str) -> dict[str, str]:
    """This process's environment with ``changes``, made fit for notebooks."""
    environ = {**os.environ, "PYTHONUTF8": "1", **changes}
    # A backend that the user chose for scripts would keep figures out of the notebook.
    environ.pop("MPLBACKEND", None)
    return environ


def execute(notebook: NotebookNode, path: Path, environ: dict[str, str]) -> None:
    """Executes a notebook in a new kernel of this Python, in the folder of its file ``path``.

    The notebook gets the new outputs; if a cell fails, those up to there.

    Raises:
        CourseError: a cell failed; the message names notebook, cell and error.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        cell.outputs, cell.execution_count = [], None
    total = sum(bool(cell.source.strip()) for cell in cells)
    reached = []

    def begin(cell, cell_index):
        reached.append(cell.id)
        bar.set_postfix_str(cell.id, refresh=False)
        bar.update()

    client = NotebookClient(
        notebook,
        timeout=None,
        startup_timeout=180,
        kernel_name="python3",
        # Every kernel would warn that messages within this computer are not encrypted.
        extra_arguments=["--log-level=ERROR"],
        coalesce_streams=True,
        shutdown_kernel="immediate",  # so that Ctrl-C need not wait for a step of training
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=begin,
    )
    started = time.monotonic()
    bar = tqdm(total=total, desc=path.stem, unit="cell", leave=False, disable=None)
    try:
        with bar, asyncio.Runner(loop_factory=_Loop) as runner:
            runner.run(_run(client, environ))
    except (CellExecutionError, DeadKernelError) as error:
        where = f"{path.name} stopped in cell {reached[-1]!r}" if reached else path.name
        raise CourseError(f"{where}: {_reason(error)}") from error
    finally:
        took = f"{time.monotonic() - started:>5.0f} s"
        print(f"{path.stem:<35}cell {len(reached):>2} of {total:<3}{took}", flush=True)


def _reason(error):
    if isinstance(error, DeadKernelError):
        return (
            "its Python ended, most often because the memory was full. "
            "Close other programs, then try again."
        )
    # The course's own messages are sentences; any other error needs its type to be understood.
    own = error.ename == CourseError.__name__
    return error.evalue.strip() if own else f"{error.ename}: {error.evalue.strip()}"


async def _run(client, environ):
    try:
        await client.async_execute(env=environ)
    except DeadKernelError:
        # nbclient raises this, too, when Ctrl-C cancels what it waits for.
        if asyncio.current_task().cancelling():
            raise asyncio.CancelledError from None
        raise


class _Loop(asyncio.SelectorEventLoop):
    """Leaves Ctrl-C to asyncio; nbclient's own handler would stop the kernel and nothing else."""

    def add_signal_handler(self, *args):
        raise RuntimeError  # which nbclient expects, since Windows has no handlers
