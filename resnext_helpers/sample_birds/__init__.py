"""Draws the course's sample: four species of birds, in the folder layout of real photographs.

A bird (`shapes`) is tilted, flipped, fitted into the frame, set before one of seven
backgrounds, partly hidden by leaves, and lit (`scenery`). Every species meets every background and
every light, so that none of them, nor a colour by itself, tells the species.
"""

import json
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from resnext_helpers.sample_birds.scenery import (
    BACKGROUNDS,
    add_volume,
    branch,
    foreground,
    ground,
    light,
    out_of_focus,
    paint,
)
from resnext_helpers.sample_birds.shapes import BIRDS, FEET, POSES
from resnext_helpers.sample_birds.sketch import Sketch, pick
from resnext_helpers.settings import CourseError, display_path

SPECIES = tuple(BIRDS)
VERSION = 2  # a sample drawn by another version of this module is drawn anew
MARKER = ".sample.json"  # inside the sample's folder: how it was drawn, and a checksum of each file


def _fit(sketch, rng):
    """Scale (x may be negative: flipped) and shift that bring a sketch into the frame."""
    points = np.vstack([shape["points"] for shape in sketch.shapes])
    low, high = points.min(0), points.max(0)
    width, height = high - low
    scale = min(rng.uniform(0.6, 0.88) / np.sqrt(width * height), 1.02 / max(width, height))
    scale = scale * np.array([pick(rng, (-1, 1)), 1])
    return scale, rng.uniform(0.43, 0.57, 2) - scale * (low + high) / 2


def draw_bird(species, rng, size=224):
    """One drawing of a bird, as an RGB picture of ``size`` × ``size`` pixels.

    Args:
        species: one of `SPECIES`.
        rng: a ``numpy.random.Generator``; the same state gives the same drawing.
        size: height and width in pixels.
    """
    draw_shapes, chances = BIRDS[species]
    pose = str(rng.choice(POSES, p=chances))
    tilt = rng.uniform(70, 150) if pose == "hanging" else rng.uniform(-15, 15)
    sketch = Sketch()
    bird = sketch.turned(angle=tilt)
    draw_shapes(bird, rng, pose)
    scale, shift = _fit(sketch, rng)
    sketch.move(scale, shift)
    feet = bird.place(FEET) * scale + shift

    picture = out_of_focus(pick(rng, BACKGROUNDS)(rng, size), rng)
    if pose == "standing":
        picture = paint(picture, ground(rng, *feet))
    elif pose != "flying":
        slope = np.sign(scale[0]) * tilt + rng.uniform(-12, 12)
        picture = paint(picture, branch(rng, *feet, slope))
    bird_layer = add_volume(sketch.render(size), rng)
    picture.paste(bird_layer, mask=bird_layer)
    picture = paint(picture, foreground(rng), rng.uniform(0, 2) * size / 224)
    picture = light(picture, rng)
    return picture.filter(ImageFilter.BoxBlur(pick(rng, (0, 0, 0.5, 1)) * size / 224))


def draw(folder, *, per_class=60, size=224, seed=2017):
    """Draw the sample into ``folder``, one folder a species, unless it is there already.

    It is drawn beside ``folder`` and then renamed, so ``folder`` is complete whenever it exists.

    Args:
        folder: where to draw.
        per_class: number of drawings of each species.
        size: height and width of a drawing, in pixels.
        seed: another seed gives other drawings.

    Returns:
        ``folder`` as a ``Path``.

    Raises:
        CourseError: ``folder`` holds files of the learner's own, or cannot be written.
    """
    folder = Path(folder)
    recipe = {"version": VERSION, "per_class": per_class, "size": size, "seed": seed}
    if _is_complete(folder, recipe):
        return folder
    try:
        _refuse_foreign_files(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            fresh = Path(scratch) / "fresh"
            _write(fresh, recipe)
            _put_in_place(fresh, folder, recipe)
    except OSError as error:
        raise CourseError(
            f"The sample cannot be drawn into {display_path(folder)} ({error.strerror}): make that "
            "folder writable, or set RESNEXT_DATA to a folder of photographs."
        ) from error
    return folder


def _write(folder, recipe):
    checksums = {}
    for label, species in enumerate(SPECIES):
        (folder / species).mkdir(parents=True)
        for number in range(1, recipe["per_class"] + 1):
            rng = np.random.default_rng([recipe["seed"], label, number])
            name = f"{species}/{number:03}.jpg"
            draw_bird(species, rng, recipe["size"]).save(folder / name, quality=88)
            checksums[name] = zlib.crc32((folder / name).read_bytes())
    marker = json.dumps({"recipe": recipe, "files": checksums})
    (folder / MARKER).write_text(marker, encoding="utf-8")


def _put_in_place(fresh, folder, recipe):
    """Move ``fresh`` to ``folder``, unless another process was faster with the same sample."""
    for tries_left in range(20, -1, -1):
        try:
            if folder.exists() and not _is_complete(folder, recipe):
                _refuse_foreign_files(folder)
                folder.replace(fresh.with_name("old"))
            return fresh.replace(folder)
        except OSError:  # another process is moving its own sample here at this very moment
            if _is_complete(folder, recipe):
                return None
            if not tries_left:
                raise
            time.sleep(0.05)


def _read_marker(folder):
    """How the sample in ``folder`` was drawn, and its files' checksums; None, {} if unknown."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return marker["recipe"], dict(marker["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, {}


def _is_complete(folder, recipe):
    drawn_as, files = _read_marker(folder)
    return drawn_as == recipe and all((folder / name).is_file() for name in files)


def _refuse_foreign_files(folder):
    """Raise CourseError if the folder holds anything but our own drawings, unchanged."""
    drawn_as, ours = _read_marker(folder)
    foreign = _first_foreign_file(folder, ours)
    # A marker that changed meanwhile means that another process has just put its sample there.
    if foreign and _read_marker(folder) == (drawn_as, ours):
        raise CourseError(
            f"{display_path(foreign)} is not one of the sample's drawings, so nothing is drawn "
            f"over {display_path(folder)}: move your own files to data/bird_photos."
        )


def _first_foreign_file(folder, ours):
    """A file that is not in ``ours`` (name to checksum), or was changed; None if there is none."""
    for path in [folder] if folder.is_file() else folder.rglob("*"):
        if path.name in (MARKER, ".DS_Store", "Thumbs.db", "desktop.ini"):
            continue
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(folder).as_posix()
        if name not in ours or zlib.crc32(path.read_bytes()) != ours[name]:
            return path
    return None


def contact_sheet(columns=8, rows=1, size=112, seed=2017):
    """``rows`` × ``columns`` drawings of each species below its name, ``size`` pixels each."""
    label = 24
    sheet = Image.new("RGB", (columns * size, len(SPECIES) * (rows * size + label)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, species in enumerate(SPECIES):
        top = row * (rows * size + label)
        pen.text((6, top + 3), species, "black", font_size=16)
        for i in range(rows * columns):
            bird = draw_bird(species, np.random.default_rng([seed, row, i + 1]))
            bird = bird.resize((size, size), Image.Resampling.LANCZOS)
            sheet.paste(bird, (i % columns * size, top + label + i // columns * size))
    return sheet
