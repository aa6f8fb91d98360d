"""Tells what is in a photograph, with ResNeXt-50 as torchvision trained it on ImageNet."""

import functools
import os

import keras
import numpy as np
import pooch
from keras.applications import imagenet_utils

from resnext_helpers import photos
from resnext_helpers.models import ResNeXt50, load_torchvision_weights
from resnext_helpers.settings import PROJECT, CourseError

# torchvision's first weights (77.6% of its validation photographs are classified rightly), which
# timm publishes under the name of the training.
ADDRESS = "timm/resnext50_32x4d.tv_in1k/resolve/main/model.safetensors"
FOLDER = PROJECT / "data" / "weights"
MEAN = np.array([0.485, 0.456, 0.406], "float32")  # of ImageNet's red, green and blue, 0..1
STD = np.array([0.229, 0.224, 0.225], "float32")


def classify(path, top=5):
    """What ResNeXt-50 sees in a photograph: the likeliest of ImageNet's 1000 classes.

    The first call downloads the weights (100 MB) and the names of the classes; later ones need no
    network.

    Returns:
        ``top`` pairs of a class and its probability (0..1), the likeliest first.

    Raises:
        CourseError: the photograph can't be read, or a download failed.
    """
    # torchvision's recipe: the short side becomes 256 pixels, the centre of 224 is cut out.
    pixels = photos.read(path, 256)[16:240, 16:240].astype("float32") / 255
    logits = network()(((pixels - MEAN) / STD)[None], training=False)
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    try:
        (classes,) = imagenet_utils.decode_predictions(probabilities, top=top)
    except Exception as error:  # Keras raises nothing more special
        raise CourseError(
            f"The names of ImageNet's classes can't be downloaded ({error}). Check your connection "
            f"and run the same line again."
        ) from error
    return [(name.replace("_", " "), float(probability)) for _, name, probability in classes]


def fetch():
    """The file of the weights in ``data/weights/``, downloaded unless it is there.

    ``HF_ENDPOINT`` in the environment names a mirror of the Hugging Face hub. No checksum is known:
    ``load_torchvision_weights`` checks the file's length and the name and shape of each tensor.

    Raises:
        CourseError: the download failed, or the folder can't be written to.
    """
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    name = "resnext50_32x4d.tv_in1k.safetensors"
    pooch.get_logger().setLevel("WARNING")  # it would advise to pin a checksum
    try:
        return pooch.retrieve(f"{hub}/{ADDRESS}", None, name, FOLDER, progressbar=True)
    except OSError as error:
        raise CourseError(
            f"The weights can't be downloaded from {hub} to {FOLDER} ({error}). Check your "
            f"connection and run the same line again, or set HF_ENDPOINT to a mirror of the hub."
        ) from error


@functools.cache
def network():
    """ResNeXt-50 with the published weights; errors as in ``fetch``."""
    model = ResNeXt50()
    load_torchvision_weights(model, fetch())
    return model
