"""Executes the course: for a learner (``run``), or to renew the committed outputs (``rewrite``)."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
from ipykernel.ipkernel import IPythonKernel

from resnext_course.publishing import book, slides
from resnext_course.publishing.execution import execute, kernel_environment
from resnext_helpers import photo_folder, settings
from resnext_helpers.settings import PROJECT, CourseError, display_path

FOLDER = PROJECT / "notebooks"
NAMES = (
    "01_gpu_setup",
    "02_data_loading_and_visualization",
    "03_grouped_convolution",
    "04_resnet_vs_resnext_block",
    "05_train_resnext50",
    "06_evaluation",
)
ACCURACY = """\
**Validation accuracy {best:.3f}**: the network that you trained names {best:.0%} of the photographs
right that it did not learn from. Guessing names about {guess:.0%} right. The number is the best
epoch's, which these photographs have chosen, so it is a little too good.
[Notebook 06](notebooks/06_evaluation.ipynb) looks at this network, and says how sure it is."""
RUNS = PROJECT / "build" / "runs"  # inside the project, so that outputs show a path of no machine
METADATA = {
    # JupyterLab adds what is missing here, and a notebook that was only opened would be changed.
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": IPythonKernel.language_info | {"version": "3.11.7"},  # of one machine, for all
}
# How jupyterlab-slideshow shows slides in JupyterLab.
LIVE = {"@deathbeds/jupyterlab-fonts": json.loads((slides.TEMPLATES / "live.json").read_text())}


def run(notebooks: list[Path] | None = None, folder: Path = book.FOLDER) -> None:
    """Executes notebooks (all six unless given) as the learner's settings say, into a book.

    The notebooks themselves are left as they are; ``folder`` gets the pages and ``index.html``.

    Raises:
        CourseError: the photographs can't be used, or a cell failed.
    """
    if (index := folder / "index.html").is_file():
        print(f"The book of last time: open {display_path(index)} in a browser.")
        print("All is executed again now; Ctrl-C ends it.")
    print("Executing takes a few minutes on two cores.", flush=True)
    config = settings.load()
    photos = photo_folder.find(config)
    report = photo_folder.check(photos, progress=sys.stdout.isatty())
    told = f"{len(report.photos)} pictures of {len(report.class_names)} classes"
    print(f"Profile {config.profile}, {display_path(photos)}: {told}.", flush=True)
    if skipped := sum(problem.skipped for problem in report.problems):
        print(f"Files skipped: {skipped}; notebook 02 and the command check-data say why.")
    chapters, stopped = read(notebooks), None
    try:
        for path in notebooks or find():
            execute(chapters[path.stem], path, kernel_environment())
    except CourseError as error:
        stopped = error
    parts = [f"## Your run\n\nExecuted with {told}, in the profile `{config.profile}`."]
    history = config.run_dir(photos) / "history.csv"
    if history.is_file() and not stopped:
        best, model = pd.read_csv(history)["val_accuracy"].max(), history.with_name("model.keras")
        parts.append(ACCURACY.format(best=best, guess=1 / len(report.class_names)))
        print(f"Validation accuracy: {best:.3f}\nTrained model: {display_path(model)}")
    if stopped:
        name = f"notebooks/{path.name}"
        parts.append(f"**It stopped** in [{name}]({name}). What follows was executed elsewhere.")
    print(book.build(chapters, folder, "\n\n".join(parts)), end="")
    if stopped:
        page = folder / "notebooks" / f"{path.stem}.html"
        raise CourseError(f"{stopped}\nIts page up to there: {display_path(page)}") from stopped
    print(f"Book: {display_path(index)}")


def rewrite(paths: list[Path], refresh: bool = False, runs: Path = RUNS) -> list[Path]:
    """Executes notebooks in place, on the sample, and writes those whose content changed.

    Cells tagged ``nbval-ignore-output`` print what differs on each run (times, losses). Without
    ``refresh`` they keep their outputs, as long as the cell and the kinds of its outputs are the
    same: so an unchanged notebook stays the same to the byte. ``runs``, the folder of trained
    models, is emptied first: the sixth notebook evaluates what the fifth one trains.

    Returns:
        The notebooks that were written.

    Raises:
        CourseError: a cell failed; its notebook is left as it was.
    """
    shutil.rmtree(runs, ignore_errors=True)
    changed = []
    for path in paths:
        notebook = nbformat.read(path, 4)
        execute(notebook, path, kernel_environment(**pinned_settings(runs)))
        if not refresh:
            keep_outputs(notebook, nbformat.read(path, 4))
        if _write(notebook, path):
            changed.append(path)
    return changed


def find(names: list[str] | None = None) -> list[Path]:
    """The notebooks that ``names`` mean ("03", or a file's name), in order; all six without names.

    Raises:
        CourseError: a name means none.
    """
    wanted = tuple(Path(name).name.removesuffix(".ipynb") for name in names or NAMES)
    for name in wanted:
        if not any(known.startswith(name) for known in NAMES if name):
            raise CourseError(f"There is no notebook {name!r}: use a number from 01 to 06.")
    return [FOLDER / f"{known}.ipynb" for known in NAMES if known.startswith(wanted)]


def read(paths: list[Path] | None = None) -> dict[str, nbformat.NotebookNode]:
    """Notebooks (all six unless given) by name, as their files are."""
    return {path.stem: nbformat.read(path, 4) for path in paths or find()}


def committed(paths: list[Path]) -> dict[str, nbformat.NotebookNode]:
    """Notebooks by name as git has them committed, or as their files are where there is no git."""
    notebooks = read(paths)
    for path in paths if shutil.which("git") else ():
        command = ["git", "-C", str(path.parent), "show", f"HEAD:./{path.name}"]
        shown = subprocess.run(command, capture_output=True)
        if shown.returncode == 0 and shown.stdout.split() != path.read_bytes().split():
            print(f"{path.name} was changed since it was committed; here it is the committed one.")
            notebooks[path.stem] = nbformat.reads(shown.stdout.decode("utf-8"), 4)
    return notebooks


def pinned_settings(runs: Path) -> dict[str, str]:
    """The settings under which outputs are compared: the sample, and a folder for its models."""
    return {
        "RESNEXT_PROFILE": "sample",
        "RESNEXT_DATA": str(photo_folder.SAMPLE),
        "RESNEXT_RUNS": str(runs),
        "RESNEXT_EPOCHS": "",
    }


def keep_outputs(notebook: nbformat.NotebookNode, earlier: nbformat.NotebookNode) -> None:
    """Gives back the earlier outputs to the cells that print something else on each run."""
    before = {cell.id: cell for cell in earlier.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        old = before.get(cell.id)
        if (
            old is not None
            and "nbval-ignore-output" in cell.metadata.get("tags", [])
            and old.source == cell.source
            and _kinds(old.outputs) == _kinds(cell.outputs)
        ):
            cell.outputs = old.outputs


def _kinds(outputs):
    """What sort of thing each output is, without its content."""
    return [(one.output_type, one.get("name"), sorted(one.get("data", {}))) for one in outputs]


def _write(notebook, path):
    """Writes the notebook if its text is new, and says whether it was."""
    notebook.metadata.update(METADATA | LIVE)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if widget := output.get("data", {}).get("application/vnd.jupyter.widget-view+json"):
                widget["model_id"] = cell.id  # a new random name in each run would be a change
    text = nbformat.writes(notebook) + "\n"
    if text == path.read_text(encoding="utf-8"):
        return False
    path.write_text(text, encoding="utf-8", newline="\n")
    return True
