"""What a trained network knows: its run folder, its predictions, its mistakes."""

import functools
import json
import textwrap
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.special import softmax

from resnext_helpers import data, models, photo_folder, training
from resnext_helpers.photo_folder import Photo
from resnext_helpers.settings import CourseError, CourseSettings, display_path

# Each is read with the help of those before it.
FILES = ("settings.json", "classes.json", "split.json", "history.csv", "model.keras")


@dataclass(frozen=True)
class Run:
    """A trained network and what is needed to judge it."""

    folder: Path
    class_names: list[str]  # one a logit
    image_size: int  # height and width of a picture, in pixels
    history: list[dict]  # one an epoch, by the names of history.csv
    validation: list[Photo]  # what training never saw

    @functools.cached_property
    def model(self) -> keras.Model:
        """From scaled pictures, ``(batch, image_size, image_size, 3)``, to logits.

        It is read in Keras' safe mode, which runs no code from the file.
        """
        path = self.folder / FILES[-1]
        try:
            model = keras.saving.load_model(path, compile=False)
        except Exception as error:  # a damaged file, or one of another version: nearly anything
            raise _unusable(path, error) from error
        shape = (*model.input_shape, model.output_shape[-1])
        wanted = (None, self.image_size, self.image_size, 3, len(self.class_names))
        if any(size not in (None, right) for size, right in zip(shape, wanted, strict=True)):
            raise _unusable(path, f"it is for {shape[1]} pixels and {shape[-1]} classes")
        return model


def load_run(folder: Path) -> Run:
    """Read what ``training.RunFolder`` wrote; the model only when it is asked for.

    Raises:
        CourseError: a file of the run is missing or damaged, or the photographs have moved away.
    """
    found = {}
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise CourseError(
                f"The run in {display_path(folder)} has no {name}: train with notebook 05."
            )
        try:
            found[name] = _read(path, *found.values())
        except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise _unusable(path, error) from error
    (_, image_size), class_names, validation, history, _ = found.values()
    gone = [photo.path for photo in validation if not photo.path.is_file()]
    if gone:
        raise CourseError(
            f"{len(gone)} of the {len(validation)} validation photographs are not there any more, "
            f"{display_path(gone[0])} for one: put them back, or train again with notebook 05."
        )
    return Run(folder, class_names, image_size, history, validation)


def _read(path, place=None, class_names=None, *_others):
    """What a file of a run holds, with what the files before it held; of a model, only that its end
    is there. Any error says that somebody or something has changed the file."""
    if path.suffix == ".keras":
        return zipfile.ZipFile(path).close()
    if path.suffix == ".csv":
        rows = pd.read_csv(path)
        numbers = rows[["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]].to_numpy(float)
        if not len(rows) or not np.isfinite(numbers).all():
            raise ValueError("a number is missing")
        return rows.to_dict("records")
    content = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    if path.name == "settings.json":
        return Path(content["data_dir"]), int(content["image_size"])
    if path.name == "classes.json":
        if not all(isinstance(name, str) for name in content) or len({*content}) < len(content):
            raise ValueError("its classes are no different names")
        return content
    folder, _ = place
    parts = content["validation"].items()
    return [Photo(folder / name, class_names.index(of_class)) for name, of_class in parts]


def _unusable(path, error):
    """``CourseError`` on a file of a run, with the first line of what is wrong."""
    first = textwrap.shorten(str(error).partition("\n")[0], 150) or type(error).__name__
    return CourseError(
        f"{display_path(path)} is damaged, or not as this course writes it ({first}): train again "
        f"with notebook 05."
    )


def find_run(config: CourseSettings) -> Run:
    """The run of notebook 05 on these photographs, or a small one, trained in seconds, if none is.

    Prints which it is. Errors as in ``load_run``: a damaged run isn't passed over in silence.
    """
    folder = photo_folder.find(config)
    full, quick = config.run_dir(folder), replace(config, profile="quick").run_dir(folder)
    for run_dir in (full, quick):
        if any((run_dir / name).exists() for name in FILES):
            run = load_run(run_dir)
            print(f"The run in {display_path(run_dir)}: {len(run.history)} epochs.")
            return run
    print("There is no run of notebook 05 yet: a small network is trained instead, in seconds.")
    # One block a stage instead of 3, 4, 6 and 3, and small pictures: faster, and less accurate.
    small = replace(config, image_size=48, batch_size=16, epochs=6, learning_rate=2e-3)
    birds = data.load(small)
    shape, classes = (small.image_size, small.image_size, 3), len(birds.class_names)
    form = {"groups": 32, "width_per_group": 4, "blocks": (1, 1, 1, 1), "name": "small_resnext"}
    model = models.resnext(shape, classes, **form)
    training.compile_model(model, small.learning_rate)
    training.train(model, birds, small, quick)
    return load_run(quick)


def predict_image(model, image):
    """The probabilities, ``(classes,)``, that a network gives one scaled picture ``(h, w, 3)``."""
    # From one input, not from a list of one: Keras would warn of the difference. And not by Keras'
    # ``predict``, which builds a graph for each new shape.
    network = keras.Model(model.inputs[0], model.outputs[0])
    return softmax(network(np.asarray(image)[None], training=False).numpy()[0])


def heat_map(model, image, class_index, layer=None):
    """How much each cell of a map raises a class's logit: Grad-CAM (Selvaraju et al., 2017).

    Args:
        model: functional network from ``(batch, height, width, 3)`` to logits.
        image: one scaled picture, ``(height, width, 3)``.
        class_index: number of the class whose logit is explained.
        layer: name of the layer whose output is the feature map; ``last_feature_map`` if None.

    Returns:
        ``float32 (rows, columns)``, one number a cell of the feature map, none below 0. All are 0
        where nothing raises the logit.

    Raises:
        ValueError: there is no such layer, or its output is no feature map.
    """
    features = model.get_layer(layer or last_feature_map(model)).output
    if len(features.shape) != 4:
        raise ValueError(
            f"The output of {layer!r} has no rows and columns: choose a layer before the pooling, "
            f"such as {last_feature_map(model)!r}."
        )
    # From one input, not from a list of one: Keras would warn of the difference at each call.
    to_both = keras.Model(model.inputs[0], [features, model.outputs[0]])
    pictures = tf.convert_to_tensor(image)[None]
    with tf.GradientTape() as tape:
        tape.watch(pictures)  # or nothing is recorded where no layer is trainable
        features, logits = to_both(pictures, training=False)
        score = logits[:, class_index]
    gradients = tf.cast(tape.gradient(score, features), tf.float32)
    weights = tf.reduce_mean(gradients, (1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * tf.cast(features, tf.float32), -1))[0].numpy()


def last_feature_map(model):
    """Name of the last layer whose output has rows, columns and channels.

    Raises:
        ValueError: no layer's has. The picture itself is no feature map.
    """
    for layer in reversed(model.layers):
        if len(layer.output.shape) == 4 and not isinstance(layer, keras.layers.InputLayer):
            return layer.name
    raise ValueError(
        f"{model.name} has no feature map: none of its layers keeps rows and columns. If a whole "
        f"network is one of its layers, ask that network."
    )


def stages(model):
    """The last layer of each stage of a ResNeXt or ResNet, as ``{"layer1": name of the layer}``."""
    ends = [layer.name for layer in model.layers if layer.name.endswith("_out")]
    return {name.partition("_")[0]: name for name in ends}
