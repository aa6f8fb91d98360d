"""The course's settings: one table of numbers that every notebook reads."""

import hashlib
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VARIABLES = {"RESNEXT_PROFILE", "RESNEXT_DATA", "RESNEXT_RUNS", "RESNEXT_EPOCHS"}
MAX_EPOCHS = 10_000


class CourseError(Exception):
    """Something that the learner can put right: what is wrong, where, and what to do."""


@dataclass(frozen=True, repr=False)
class CourseSettings:
    """What a run of the course uses."""

    profile: str  # "sample" (small pictures, a minute on a CPU) or "full" (as in the article)
    image_size: int  # height and width of a photograph, in pixels
    batch_size: int  # photographs in one training step
    epochs: int  # passes over the training photographs
    learning_rate: float  # Adam's peak step size
    patience: int | None = None  # stop early after so many epochs without a better result
    seed: int = 123  # fixes the split, the shuffling and the first weights
    validation_fraction: float = 0.2  # share of the photographs that is kept for validation
    data_dir: Path | None = None  # folder of class folders; None: look for one
    runs_dir: Path = PROJECT / "runs"  # where trained models go, one folder a run

    def run_dir(self, data_dir: Path) -> Path:
        """The run folder for photographs in ``data_dir``: another data set never overwrites it."""
        data_dir = named_folder(data_dir)
        name = f"{self.profile}-{data_dir.name}"
        if data_dir.parent != PROJECT / "data":  # many folders may be called "birds"
            name += f"-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:6]}"
        return self.runs_dir / name

    def without_folders(self):
        """The settings by name, but for where photographs and trained models are."""
        return {name: value for name, value in asdict(self).items() if not name.endswith("_dir")}

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.without_folders().items())

    def _repr_markdown_(self) -> str:
        rows = "\n".join(f"| {name} | {value} |" for name, value in self.without_folders().items())
        return f"| setting | value |\n| --- | --- |\n{rows}"


PROFILES = {
    "sample": CourseSettings("sample", image_size=64, batch_size=16, epochs=5, learning_rate=2e-3),
    # The article's size, batch, epochs and intended rate (its 3.2.3 and 3.4).
    "full": CourseSettings("full", image_size=224, batch_size=8, epochs=10, learning_rate=1e-4),
}


def load(profile: str | None = None) -> CourseSettings:
    """The settings that the environment asks for.

    ``RESNEXT_PROFILE`` picks the profile (``sample`` unless set) where none is given here,
    ``RESNEXT_DATA`` the folder of photographs, ``RESNEXT_RUNS`` the folder for trained models,
    ``RESNEXT_EPOCHS`` a shorter or longer training. A relative path starts at the project's folder.
    A ``CourseError`` says which choice can't be.
    """
    if unknown := {name for name in os.environ if name.startswith("RESNEXT_")} - VARIABLES:
        raise CourseError(
            f"There is no setting {min(unknown)}: use {', '.join(sorted(VARIABLES))}, or unset it."
        )
    name = profile or os.environ.get("RESNEXT_PROFILE") or "sample"
    if name not in PROFILES:
        raise CourseError(
            f"RESNEXT_PROFILE is {name!r}, and there is no such profile: "
            f"use {' or '.join(PROFILES)}."
        )
    chosen = {
        field: named_folder(value)
        for field, variable in (("data_dir", "RESNEXT_DATA"), ("runs_dir", "RESNEXT_RUNS"))
        if (value := os.environ.get(variable))
    }
    if epochs := os.environ.get("RESNEXT_EPOCHS"):
        if not epochs.isdecimal() or not 1 <= int(epochs) <= MAX_EPOCHS:
            wanted = f"give a whole number from 1 to {MAX_EPOCHS}"
            raise CourseError(f"RESNEXT_EPOCHS is {epochs!r}: {wanted}.")
        chosen["epochs"] = int(epochs)
    return replace(PROFILES[name], **chosen)


def named_folder(text, start: Path = PROJECT) -> Path:
    """The folder that somebody has named, in one form however it was written; a relative one begins
    at ``start``. A ``CourseError`` says that a ``~name`` is no user's."""
    try:
        return Path(os.path.abspath(start / Path(text).expanduser()))  # noqa: PTH100 (as below)
    except RuntimeError as error:
        raise CourseError(f"{text}: there is no such user, so write the folder out.") from error


def display_path(path: Path) -> str:
    """``path`` as the course prints it: from the project's folder if it lies inside, with ``/``."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would follow links)
    return (path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path).as_posix()
