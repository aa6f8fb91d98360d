"""What notebook 02 says of the article's way to load photographs, tried on the real loader."""

import unicodedata
from pathlib import Path
from types import SimpleNamespace

import keras
import nbformat
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import layers
from pictures import make_greys
from PIL import Image

from resnext_course import clean_copy
from resnext_course.publishing.notebook_runner import find
from resnext_helpers import data, photo_folder

(NOTEBOOK,) = find(["02"])
CELLS = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, 4).cells}
NFD = unicodedata.normalize("NFD", "mésange")
IMPORTS = {"Path": Path, "keras": keras, "layers": layers, "np": np, "pd": pd, "tf": tf}


def run_cells(*names, **known):
    """Runs the notebook's cells with these names defined, and returns what is defined then."""
    known = IMPORTS | known
    for name in names:
        exec(CELLS[name], known)
    return known


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_greys(tmp_path_factory.mktemp("photographs"), 30)


def epoch(batches):
    """The pictures that share a batch, by their grey, in one pass."""
    return [
        frozenset(np.asarray(images)[:, 0, 0, 0].round(3).tolist()) for images, _labels in batches
    ]


def test_keras_own_arguments_repair_it(folder):
    known = {
        "report": photo_folder.check(folder, progress=False),
        "config": SimpleNamespace(image_size=8),
        "keras_folder": folder,
        "company": lambda batches: set(epoch(batches)),
        "vary": lambda images, training: images,
        "scale": lambda images: images,
    }
    made = run_cells("repaired", "with-map", **known)
    assert not known["company"](made["repaired"]) & known["company"](made["repaired"])
    found = [grey for batch in epoch(made["train"]) for grey in batch]
    files = [Image.open(file).getpixel((0, 0))[0] for file in made["single_train"].file_paths]
    assert sorted(found) == sorted(files)


def test_the_notebooks_split_is_the_helpers(folder):
    report = photo_folder.check(folder, progress=False)
    config = SimpleNamespace(seed=123, validation_fraction=0.2)
    loader = SimpleNamespace(file_paths=[str(report.photos[0].path)])
    known = {"report": report, "config": config, "article_validation": loader}
    made = run_cells("split", "article-split", **known)
    assert set(made["validation"]) == set(data.split(report, 0.2, 123).validation)


def test_the_notebooks_scaling_is_the_helpers():
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    made = run_cells("scale", article_train=SimpleNamespace(take=lambda _: [(pixels, 0)]))
    # float32 numbers up to 2.6, from a few roundings of 1e-7 each
    np.testing.assert_allclose(made["scaled"], data.scale(pixels), atol=1e-5)


@pytest.mark.parametrize(
    ("first", "file", "beside", "copied"),
    [
        ("gull", "{}.jpg", None, False),
        ("gull", "{}.webp", None, True),
        ("gull", NFD + "{}.png", None, False),
        (NFD, "{}.jpg", None, True),
        ("gull", "{}.jpg", "gull/letter.jpg", True),
        ("gull", "{}.jpg", "__MACOSX/._0.jpg", True),
    ],
)
def test_keras_gets_a_folder_that_it_can_read(first, file, beside, copied, tmp_path):
    for name, greys in ((first, (0, 100)), ("owl", (50, 150))):
        (tmp_path / name).mkdir()
        for number, grey in enumerate(greys):
            Image.new("RGB", (8, 8), 3 * (grey,)).save(tmp_path / name / file.format(number))
    if beside:
        (tmp_path / beside).parent.mkdir(exist_ok=True)
        (tmp_path / beside).write_text("Dear bird")
    report = photo_folder.check(tmp_path, progress=False)
    made = run_cells("keras-folder", folder=tmp_path, report=report, clean_copy=clean_copy)
    assert (made["keras_folder"] != tmp_path) == copied
    made = run_cells("article-loader", **made)
    assert made["class_names"] == report.class_names
    assert [len(made[f"article_{part}"].file_paths) for part in ("train", "validation")] == [3, 1]
