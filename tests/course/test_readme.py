"""README.md is true: its links lead somewhere, its pictures and minutes are the notebooks'."""

import io
import re

import nbformat
import numpy as np
import pytest
from PIL import Image

from resnext_course.publishing import readme_pictures
from resnext_course.publishing.notebook_runner import NAMES
from resnext_helpers.settings import PROJECT

README = (PROJECT / "README.md").read_text("utf-8")


def test_every_link_and_picture_is_there():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    assert len(links) > 12
    for link in links:
        assert (PROJECT / link).exists(), link


def test_every_picture_has_an_alternative_text():
    pictures = re.findall(r"<img [^>]+>", README)
    assert len(pictures) == 6
    for picture in pictures:
        assert re.search(r'alt="[^"]{20,}"', picture), picture
    assert all(len(alt) > 20 for alt in re.findall(r"!\[([^\]]*)\]", README))


@pytest.mark.parametrize("name", NAMES)
def test_minutes_are_those_of_the_notebook(name):
    first = nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", 4).cells[0].source
    minutes = re.search(r"\*\*Time\*\* (\d+) minutes", first)[1]
    row = next(line for line in README.splitlines() if f"notebooks/{name}.ipynb) |" in line)
    assert row.endswith(f"| {minutes} |")


def test_pictures_are_those_of_the_notebooks(tmp_path):
    readme_pictures.write(folder=tmp_path)
    fresh = sorted(path.name for path in tmp_path.iterdir())
    assert fresh == [f"{name}.png" for name in NAMES]
    for name in fresh:
        committed = Image.open(readme_pictures.FOLDER / name).convert("RGB")
        drawn = Image.open(io.BytesIO((tmp_path / name).read_bytes())).convert("RGB")
        assert np.array_equal(committed, drawn), f"images/{name} is stale: run `make notebooks`"


def test_the_windows_lines_are_commands_that_exist():
    import resnext_course.__main__ as course

    for command in re.findall(r"-m resnext_course ([a-z-]+)", README):
        with pytest.raises(SystemExit) as stopped:
            course.main([command, "--help"])
        assert stopped.value.code == 0
