"""``imagenet.classify`` from the download to the names, with a small stand-in for ResNeXt-50.

The stand-in's logits follow from the mean colour of what it sees, so a test can foretell them.
"""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import keras
import numpy as np
import pytest
from keras.src.applications import imagenet_utils as keras_imagenet
from PIL import Image
from safetensors.numpy import save_file

from resnext_course import imagenet
from resnext_helpers.settings import CourseError

RANDOM = np.random.default_rng(0)
WEIGHTS = {
    "conv1.weight": np.ascontiguousarray(np.eye(3, dtype="float32")[:, :, None, None]),
    "fc.weight": RANDOM.normal(size=(1000, 3)).astype("float32"),
    "fc.bias": RANDOM.normal(size=1000).astype("float32"),
}
COLOUR, BORDER = (200, 30, 90), (0, 255, 0)


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
def hub(tmp_path, monkeypatch):
    """A hub that serves the stand-in's weights; an empty folder for them, names of classes."""
    file = tmp_path / "hub" / "timm/resnext50_32x4d.tv_in1k/resolve/main/model.safetensors"
    file.parent.mkdir(parents=True)
    save_file(WEIGHTS, file)
    monkeypatch.setattr(imagenet, "FOLDER", tmp_path / "weights")
    monkeypatch.setattr(imagenet, "ResNeXt50", stand_in)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    names = {str(i): [f"n{i:08}", f"class_{i}"] for i in range(1000)}
    monkeypatch.setattr(keras_imagenet, "CLASS_INDEX", names)
    imagenet.network.cache_clear()
    handler = partial(Handler, directory=tmp_path / "hub")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked, server.file = [], file
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()
    imagenet.network.cache_clear()


@pytest.fixture
def photo(tmp_path):
    """A colour inside; around it, what isn't in the centre of 224/256 of the short side."""
    picture = Image.new("RGB", (400, 256), BORDER)
    picture.paste(COLOUR, (88, 16, 312, 240))
    picture.save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_the_likeliest_classes_come_first_and_the_weights_are_downloaded_once(hub, photo):
    colour = (np.array(COLOUR) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    exponentials = np.exp(WEIGHTS["fc.weight"] @ colour + WEIGHTS["fc.bias"])
    probabilities = exponentials / exponentials.sum()
    best = probabilities.argsort()[::-1][:3]
    found = imagenet.classify(str(photo), top=3)
    assert [name for name, _ in found] == [f"class {i}" for i in best]
    assert [share for _, share in found] == pytest.approx(list(probabilities[best]), rel=1e-3)
    imagenet.network.cache_clear()  # as in another process
    assert imagenet.classify(photo, top=3) == found
    assert len(hub.asked) == 1


def test_a_bad_photograph_is_told_before_anything_is_downloaded(hub, tmp_path):
    (tmp_path / "text.jpg").write_text("not a photograph")
    with pytest.raises(CourseError, match=r"text\.jpg"):
        imagenet.classify(tmp_path / "text.jpg")
    assert hub.asked == []


def test_a_download_that_fails_leaves_nothing_and_says_so(hub, photo):
    hub.file.unlink()
    with pytest.raises(
        CourseError, match=r"can't be downloaded from http://127.0.0.1.*HF_ENDPOINT"
    ):
        imagenet.classify(photo)
    assert not list(imagenet.FOLDER.glob("*"))


def test_names_that_cannot_be_downloaded(hub, photo, monkeypatch):
    def no_network(*_, **__):
        raise Exception("URL fetch failure on https://example.org: None -- no route to host")

    monkeypatch.setattr(imagenet.imagenet_utils, "decode_predictions", no_network)
    with pytest.raises(CourseError, match=r"names .* can't be downloaded \(URL fetch failure"):
        imagenet.classify(photo)
