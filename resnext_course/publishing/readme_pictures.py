"""The pictures in README.md: one from each notebook, as it shows it."""

import base64
from pathlib import Path

import nbformat

from resnext_helpers.settings import PROJECT

FOLDER = PROJECT / "images"
CELLS = {
    "01_gpu_setup": "host-and-device",
    "02_data_loading_and_visualization": "grid",
    "03_grouped_convolution": "connectivity",
    "04_resnet_vs_resnext_block": "draw-blocks",
    "05_train_resnext50": "train-model",
    "06_evaluation": "confusion-matrix",
}


def write(notebooks: Path = PROJECT / "notebooks", folder: Path = FOLDER) -> None:
    """Take the pictures from the notebooks' outputs.

    Raises:
        StopIteration: a notebook has no such cell, or its cell shows no picture.
    """
    folder.mkdir(exist_ok=True)
    for name, cell_id in CELLS.items():
        cells = nbformat.read(notebooks / f"{name}.ipynb", 4).cells
        outputs = next(cell for cell in cells if cell.id == cell_id).outputs
        png = next(one.data["image/png"] for one in outputs if "image/png" in one.get("data", {}))
        (folder / f"{name}.png").write_bytes(base64.b64decode(png))
