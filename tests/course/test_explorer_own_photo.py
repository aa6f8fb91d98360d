"""An uploaded photo is classified; what is no photo gets a sentence, and nothing is written."""

import io
from datetime import UTC, datetime
from types import SimpleNamespace

import keras
import numpy as np
import pictures
import pytest
from PIL import Image

from resnext_course.explorers.own_photo import explore, open_upload
from resnext_helpers import models, photos
from resnext_helpers.photo_folder import Photo

NAMES = ["owl", "gull"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = pictures.make_folder(tmp_path_factory.mktemp("one"), {"owl": 1})
    keras.utils.set_random_seed(0)
    return SimpleNamespace(
        model=models.resnext((64, 64, 3), 2, groups=4, width_per_group=4, blocks=(1, 1, 1, 1)),
        class_names=NAMES,
        image_size=64,
        validation=[Photo(folder / "owl" / "001.jpg", 0)],
    )


def upload(name, content):
    """The value of an ``ipywidgets.FileUpload`` with one file, as ipywidgets 8 gives it."""
    return (
        {
            "name": name,
            "type": "image/jpeg",
            "size": len(content),
            "content": memoryview(content),
            "last_modified": datetime.now(UTC),
        },
    )


def jpeg(seed, size=(90, 60)):
    file = io.BytesIO()
    pictures.picture(seed, size).save(file, "JPEG", quality=95)
    return file.getvalue()


def test_without_an_upload_the_first_photograph_is_shown(run):
    name, pixels = open_upload((), run)
    assert name == "001.jpg (upload your own)"
    np.testing.assert_array_equal(pixels, photos.read(run.validation[0].path, 64))


def test_an_upload_is_read_as_the_same_file_on_disk(run, tmp_path):
    content = jpeg(5)
    (tmp_path / "mine.jpg").write_bytes(content)
    name, pixels = open_upload(upload("mine.jpg", content), run)
    assert name == "mine.jpg"
    np.testing.assert_array_equal(pixels, photos.read(tmp_path / "mine.jpg", 64))


@pytest.mark.parametrize("kind", pictures.UNUSUAL)
def test_every_kind_of_file_is_read_or_refused_as_on_disk(run, tmp_path, kind):
    path = pictures.add(tmp_path, kind)
    if not path.is_file():
        pytest.skip("no content that could be uploaded")
    given = upload(path.name, path.read_bytes())
    try:
        on_disk = photos.read(path, 64)
    except photos.PhotoError as error:
        with pytest.raises(ValueError) as caught:
            open_upload(given, run)
        reason = str(caught.value)
        assert reason == f"{path.name}: {error.reason}. Choose another file."
    else:
        np.testing.assert_array_equal(open_upload(given, run)[1], on_disk)


def test_the_panel_classifies_what_is_uploaded_and_survives_what_is_not(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel = explore(run)
    assert panel.picture.data["photo"] == "001.jpg (upload your own)"
    first = panel.picture

    panel.controls["upload"].value = upload("<b>.jpg", jpeg(6))
    assert panel.picture.data["photo"] == "<b>.jpg"
    assert panel.picture.png != first.png
    assert "&lt;b&gt;.jpg" in panel._shown.value and "<b>.jpg" not in panel._shown.value

    panel.controls["upload"].value = upload("diary.jpg", b"Dear diary,")
    assert panel.picture is None
    assert panel.message.startswith("diary.jpg: not a picture")
    assert panel.message.endswith("Choose another file.")

    panel.controls["upload"].value = upload("again.png", jpeg(7))
    assert panel.picture.data["photo"] == "again.png" and panel.message == ""
    panel.controls["explained"].value = "gull"
    assert panel.picture.data["explained"] == "gull" and panel.picture.data["photo"] == "again.png"
    assert list(tmp_path.iterdir()) == []  # nothing was written


def test_the_middle_square_is_what_the_network_sees(run):
    wide = Image.new("RGB", (300, 100), "black")
    wide.paste("white", (100, 0, 200, 100))
    file = io.BytesIO()
    wide.save(file, "PNG")
    _name, pixels = open_upload(upload("wide.png", file.getvalue()), run)
    assert pixels[:, 1:-1].min() == 255  # the edges are mixed with what is beside them
    assert pixels.min() > 200


def test_the_controls_are_described(run):
    panel = explore(run)
    assert all(control.description for control in panel.controls.values())
    assert panel.controls["upload"].accept == "image/*"
