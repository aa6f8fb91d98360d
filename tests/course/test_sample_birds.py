"""The drawn sample: what ``data/sample_birds.zip`` holds, and that ``tools`` still draws it."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from resnext_helpers.photo_folder import SAMPLE_ZIP
from tools.sample_birds.birds import SPECIES, draw_bird


@pytest.fixture(scope="module")
def sample():
    """The drawings by name: "Cockatoo/001.jpg"."""
    with zipfile.ZipFile(SAMPLE_ZIP) as archive:
        return {n: Image.open(io.BytesIO(archive.read(n))) for n in archive.namelist()}


def test_the_zip_looks_like_the_courses_photographs(sample):
    assert list(sample) == [f"{species}/{n:03}.jpg" for species in SPECIES for n in range(1, 61)]
    forms = {(image.format, image.mode, image.size) for image in sample.values()}
    assert forms == {("JPEG", "RGB", (224, 224))}
    assert len({image.tobytes() for image in sample.values()}) == len(sample)


@pytest.mark.parametrize("species", SPECIES)
def test_the_drawings_are_those_of_the_zip(sample, species):
    for number in (2, 59):
        drawn = np.asarray(draw_bird(species, number), int)
        difference = np.abs(drawn - np.asarray(sample[f"{species}/{number:03}.jpg"]))
        assert difference.mean() < 4  # what a JPEG loses, and what another Pillow may draw
