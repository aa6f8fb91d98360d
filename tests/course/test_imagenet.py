"""``imagenet.classify`` from the download to the names, with a small stand-in for ResNeXt-50.

The stand-in's logits follow from the mean colour of what it sees, so a test can foretell them.
"""

import hashlib
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import keras
import numpy as np
import pytest
from keras.src.applications import imagenet_utils as keras_imagenet
from PIL import Image
from safetensors.numpy import save

from resnext_course import imagenet, photo_sets
from resnext_helpers import models
from resnext_helpers.settings import CourseError

RANDOM = np.random.default_rng(0)
WEIGHTS = {
    "conv1.weight": np.eye(3, dtype="float32")[:, :, None, None],
    "fc.weight": RANDOM.normal(size=(1000, 3)).astype("float32"),
    "fc.bias": RANDOM.normal(size=1000).astype("float32"),
}
FILE = save(WEIGHTS)
COLOUR = (200, 30, 90)


def stand_in():
    pixels = keras.Input((224, 224, 3))
    same = keras.layers.Conv2D(3, 1, use_bias=False, name="conv1")(pixels)
    mean = keras.layers.GlobalAveragePooling2D()(same)
    return keras.Model(pixels, keras.layers.Dense(1000, name="fc")(mean))


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    (tmp_path / "served").mkdir()
    handler = partial(Handler, directory=tmp_path / "served")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked = []
        server.folder = tmp_path / "served"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def published(server, tmp_path, monkeypatch):
    """The stand-in's weights as V2, right on the server; its names of classes; an empty cache."""
    name = f"tiny-{hashlib.sha256(FILE).hexdigest()[:8]}.pth"
    url = f"http://127.0.0.1:{server.server_port}/{name}"
    published = imagenet.PublishedWeights(url, len(FILE), short_side=232)
    (server.folder / name).write_bytes(FILE)
    monkeypatch.setitem(imagenet.PUBLISHED, "V2", published)
    monkeypatch.setattr(imagenet, "FOLDER", tmp_path / "data" / "weights")
    monkeypatch.setattr(imagenet, "ResNeXt50", stand_in)
    monkeypatch.setattr(photo_sets, "PAUSE", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    names = {str(i): [f"n{i:08}", f"class_{i}"] for i in range(1000)}
    monkeypatch.setattr(keras_imagenet, "CLASS_INDEX", names)
    imagenet._network.cache_clear()
    yield published
    imagenet._network.cache_clear()


@pytest.fixture
def photo(tmp_path):
    Image.new("RGB", (320, 240), COLOUR).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def kept():
    return [path.name for path in imagenet.FOLDER.iterdir()] if imagenet.FOLDER.exists() else []


# -- the one-liner -------------------------------------------------------------------------------


def test_the_likeliest_classes_come_first_with_their_probabilities(photo):
    colour = (np.array(COLOUR) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    exponentials = np.exp(WEIGHTS["fc.weight"] @ colour + WEIGHTS["fc.bias"])
    probabilities = exponentials / exponentials.sum()
    best = probabilities.argsort()[::-1]

    found = imagenet.classify(str(photo))
    assert [name for name, _ in found] == [f"class {i}" for i in best[:5]]
    assert [probability for _, probability in found] == pytest.approx(
        list(probabilities[best[:5]]), rel=1e-3
    )
    assert [name for name, _ in imagenet.classify(photo, top=2)] == [name for name, _ in found[:2]]


def test_the_weights_are_downloaded_once_and_checked_each_time(photo, server, published, capsys):
    first = imagenet.classify(photo)
    assert "100%" in capsys.readouterr().out
    assert kept() == [published.name]

    imagenet._network.cache_clear()  # as in another process
    assert imagenet.classify(photo) == first
    assert capsys.readouterr().out == ""
    assert len(server.asked) == 1

    imagenet._network.cache_clear()
    (imagenet.FOLDER / published.name).write_bytes(FILE[:-1] + b"\0")
    with pytest.raises(CourseError, match="deleted: run the same line again"):
        imagenet.classify(photo)
    assert imagenet.classify(photo) == first
    assert len(server.asked) == 2


def test_a_bad_photograph_is_told_before_anything_is_downloaded(tmp_path, server):
    with pytest.raises(CourseError, match="there is no such file"):
        imagenet.classify(tmp_path / "none.jpg")
    (tmp_path / "text.jpg").write_text("not a photograph")
    with pytest.raises(CourseError, match="not a picture"):
        imagenet.classify(tmp_path / "text.jpg")
    assert server.asked == []


def test_unknown_weights_are_named(photo, server):
    with pytest.raises(CourseError, match="no weights named 'V3': choose one of V1, V2"):
        imagenet.classify(photo, weights="V3")
    assert server.asked == []


def test_names_that_cannot_be_downloaded(photo, monkeypatch):
    def no_network(*_, **__):
        raise Exception("URL fetch failure on https://example.org: None -- no route to host")

    monkeypatch.setattr(imagenet.imagenet_utils, "decode_predictions", no_network)
    with pytest.raises(CourseError, match=r"names .* can't be downloaded \(URL fetch failure"):
        imagenet.classify(photo)


# -- the download --------------------------------------------------------------------------------


def test_wrong_bytes_are_deleted(server, published):
    (server.folder / published.name).write_bytes(bytes(len(FILE)))
    with pytest.raises(CourseError, match="so it was deleted") as failure:
        imagenet.fetch()
    assert published.url in str(failure.value)
    assert hashlib.sha256(bytes(len(FILE))).hexdigest()[:8] in str(failure.value)
    assert kept() == []


def test_without_a_network_nothing_is_left(server):
    server.shutdown()
    server.server_close()
    with pytest.raises(CourseError, match="There is no connection to") as failure:
        imagenet.fetch()
    assert "with a browser" in str(failure.value)
    assert kept() == []


def test_a_file_that_the_server_does_not_have(server, published):
    (server.folder / published.name).unlink()
    with pytest.raises(CourseError, match="refused the download"):
        imagenet.fetch()
    assert kept() == []


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CourseError, match="can't be saved or read"):
        imagenet.fetch(folder=tmp_path / "file")


def test_the_published_weights_are_well_described(monkeypatch):
    monkeypatch.undo()
    for weights in imagenet.PUBLISHED.values():
        assert weights.url.startswith("https://download.pytorch.org/models/resnext50_32x4d-")
        assert re.fullmatch("[0-9a-f]{8}", weights.checksum)
        assert 25_000_000 * 4 < weights.size < 25_200_000 * 4
    found = {
        name: (weights.checksum, weights.short_side) for name, weights in imagenet.PUBLISHED.items()
    }
    assert found == {"V1": ("7cdf4587", 256), "V2": ("1a0047aa", 232)}
    assert imagenet.ResNeXt50 is models.ResNeXt50


# -- from a photograph to the network's input ----------------------------------------------------


def random_photo(path, width, height, **options):
    pixels = RANDOM.integers(0, 256, (height, width, 3), "uint8")
    Image.fromarray(pixels).save(path, **options)
    return pixels


@pytest.mark.parametrize(
    ("weights", "size", "left", "upper"),
    [("V2", (232, 300), 4, 38), ("V2", (233, 232), 4, 4), ("V1", (301, 256), 38, 16)],
)
def test_the_centre_is_cut_out_and_scaled(tmp_path, weights, size, left, upper):
    """These photographs have the size already, so that no pixel is mixed with another."""
    pixels = random_photo(tmp_path / "photo.png", *size)
    found = imagenet.preprocess(tmp_path / "photo.png", weights)
    cut = pixels[upper : upper + 224, left : left + 224]
    assert (found.shape, found.dtype) == ((224, 224, 3), "float32")
    expected = (cut / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("weights", "size"), [("V2", (386, 232)), ("V1", (426, 256))])
def test_the_short_side_is_resized_smoothly(tmp_path, weights, size):
    pixels = random_photo(tmp_path / "photo.png", 640, 384)
    Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR).save(tmp_path / "small.png")
    found, expected = (
        imagenet.preprocess(tmp_path / name, weights) for name in ("photo.png", "small.png")
    )
    np.testing.assert_array_equal(found, expected)


def test_a_photograph_is_turned_upright(tmp_path):
    pixels = random_photo(tmp_path / "upright.png", 300, 400)
    turned = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(
        imagenet.preprocess(tmp_path / "turned.png"), imagenet.preprocess(tmp_path / "upright.png")
    )


def test_a_photograph_that_would_fill_the_memory_is_refused(tmp_path):
    Image.new("RGB", (1, 5000)).save(tmp_path / "strip.png")
    with pytest.raises(CourseError, match=r"strip\.png: too large to classify \(232 × 1160000"):
        imagenet.preprocess(tmp_path / "strip.png")
