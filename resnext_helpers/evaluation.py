"""A trained network in its run folder, and what is needed to judge it."""

import functools
import json
import textwrap
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from resnext_helpers.photo_folder import Photo
from resnext_helpers.settings import CourseError, display_path

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
    """Read what ``training.RunFolder`` wrote; the model only when it is asked for. A CourseError
    says that a file of the run is missing or damaged, or that the photographs have moved away."""
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
        if not isinstance(content, list) or {*map(type, content)} != {str} or len({*content}) < 2:
            raise ValueError("no list of names")
        if len({*content}) < len(content):
            raise ValueError("two classes have one name")
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
