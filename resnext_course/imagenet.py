"""Tells what is in a photograph, with ResNeXt-50 as torchvision trained it on ImageNet.

from resnext_course import imagenet
imagenet.classify("photo.jpg")
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import keras
import numpy as np
from keras.applications import imagenet_utils
from PIL import Image

from resnext_course import photo_sets
from resnext_helpers import photos
from resnext_helpers.models import ResNeXt50
from resnext_helpers.settings import PROJECT, CourseError, display_path
from resnext_helpers.torch_weights import load_torchvision_weights

FOLDER = PROJECT / "data" / "weights"
CROP = 224  # pixels; the side of the square that the network sees
MEAN = np.array([0.485, 0.456, 0.406], "float32")  # of ImageNet's red, green and blue, 0..1
STD = np.array([0.229, 0.224, 0.225], "float32")


@dataclass(frozen=True)
class PublishedWeights:
    """Weights of ResNeXt-50 (32×4d) that torchvision publishes.

    Attributes:
        url: of the file. The last eight digits of its name begin the SHA-256 of its content.
        size: of the file, in bytes; nearly.
        short_side: pixels to which a photograph is resized before its centre is cut out.
    """

    url: str
    size: int
    short_side: int

    @property
    def name(self) -> str:
        return PurePosixPath(self.url).name

    @property
    def checksum(self) -> str:
        return PurePosixPath(self.url).stem.rpartition("-")[2]


# torchvision's class ``ResNeXt50_32X4D_Weights``: 77.6 % and 81.2 % of its validation photographs
# are classified rightly.
PUBLISHED = {
    "V1": PublishedWeights(
        "https://download.pytorch.org/models/resnext50_32x4d-7cdf4587.pth", 100_441_675, 256
    ),
    "V2": PublishedWeights(
        "https://download.pytorch.org/models/resnext50_32x4d-1a0047aa.pth", 100_488_709, 232
    ),
}


def classify(path: str | Path, *, weights: str = "V2", top: int = 5) -> list[tuple[str, float]]:
    """What ResNeXt-50 sees in a photograph: the likeliest of ImageNet's 1000 classes.

    The first call downloads the weights (100 MB) and the names of the classes; later ones need no
    network.

    Args:
        path: a photograph.
        weights: ``"V2"``, or the older and weaker ``"V1"``.
        top: the number of classes to return.

    Returns:
        Pairs of a class and its probability (0..1), the likeliest first.

    Raises:
        CourseError: the photograph can't be read, the weights are unknown, or a download failed.
    """
    pixels = preprocess(path, weights)
    logits = _network(weights)(pixels[None], training=False)
    return _likeliest(keras.ops.convert_to_numpy(keras.ops.softmax(logits)), top)


def preprocess(path: str | Path, weights: str = "V2") -> np.ndarray:
    """A photograph as the published weights expect it, by torchvision's recipe.

    It is turned upright (EXIF), its short side resized smoothly, its centre cut out, its colours
    shifted and scaled as ImageNet's were.

    Returns:
        ``float32`` array ``(224, 224, 3)``, values about -2..3.

    Raises:
        CourseError: the photograph can't be read, or there are no such weights.
    """
    short_side = _published(weights).short_side
    image = photos.whole(Path(path))
    size = [int(short_side * side / min(image.size)) for side in image.size]
    _require_pixels(Path(path), size)
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, upper = (round((side - CROP) / 2) for side in size)
    square = image.crop((left, upper, left + CROP, upper + CROP))
    return (np.asarray(square, "float32") / 255 - MEAN) / STD


def fetch(weights: str = "V2", folder: Path | None = None) -> Path:
    """The file of the published weights, downloaded unless it is there.

    A download that broke off goes on where it stopped, now or the next time. The file is checked
    at each call; one with a wrong checksum is deleted.

    Args:
        weights: a key of ``PUBLISHED``.
        folder: where the file is kept; ``data/weights`` unless given.

    Raises:
        CourseError: there are no such weights, the download failed, the bytes are wrong, or the
            folder can't be written to.
    """
    published = _published(weights)
    file = Path(folder or FOLDER) / published.name
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_name(file.name + ".part")
            photo_sets.receive_all(published.url, part, file, published.size)
            part.replace(file)
        _require_checksum(file, published)
    except OSError as error:
        raise CourseError(
            f"{display_path(file)} can't be saved or read ({error.strerror or error}): it needs "
            f"{published.size / 1e6:.0f} MB of space there, and permission to write."
        ) from error
    return file


def _published(weights):
    if weights not in PUBLISHED:
        raise CourseError(
            f"There are no weights named {weights!r}: choose one of {', '.join(PUBLISHED)}."
        )
    return PUBLISHED[weights]


def _require_checksum(file, published):
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if not found.startswith(published.checksum):
        file.unlink()
        raise CourseError(
            f"{display_path(file)} was not what {published.url} should be (its SHA-256 begins with "
            f"{found[: len(published.checksum)]}), so it was deleted: run the same line again."
        )


@functools.cache
def _network(weights):
    network = ResNeXt50()
    load_torchvision_weights(network, fetch(weights))
    return network


def _require_pixels(path, size):
    width, height = size
    if width * height > photos.MAX_PIXELS:
        raise photos.PhotoError(path, f"too large to classify ({width} × {height} pixels)")


def _likeliest(probabilities, top):
    try:
        (classes,) = imagenet_utils.decode_predictions(probabilities, top=top)
    except Exception as error:  # Keras raises nothing more special
        raise CourseError(
            f"The names of ImageNet's classes can't be downloaded ({error}). Check your connection "
            f"and run the same line again."
        ) from error
    return [(name.replace("_", " "), float(probability)) for _, name, probability in classes]
