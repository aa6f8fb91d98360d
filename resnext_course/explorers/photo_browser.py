"""The photo browser: one photograph, and what augmentation can make of it."""

import math

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import scipy.ndimage
from PIL import Image

from resnext_course.explorers._panel import Panel, choice
from resnext_helpers import data, photos, plots

SIDE = 224  # pixels of the pictures that are shown
_BINS = np.linspace(-2.2, 2.7, 36)  # black to white, in scaled values
# How far training goes, in the units of the controls: see ``data.augmentation``.
_LIMITS = {"right": 10, "down": 10, "turn": 10, "zoom": 10, "brightness": 20, "contrast": 20}


def varied_photo(
    report,
    class_name,
    number=1,
    *,
    right=0,
    down=0,
    mirror=False,
    turn=0,
    zoom=0,
    brightness=0,
    contrast=0,
):
    """A photograph beside its variation, as training would make it with these amounts.

    The changes come in the order of the arguments: a photograph that is shifted to the right and
    mirrored has moved to the left.

    Args:
        report: a ``data.Report``; one of its photographs is shown.
        class_name: the photograph's class.
        number: which photograph of this class, from 1.
        right: how far the thing in the picture moves to the right, in % of the width.
        down: how far it moves down, in % of the height.
        mirror: whether left and right change places.
        turn: degrees to the left.
        zoom: how much less of the picture is seen, in % of its width, below 100.
        brightness: change of the mean, in %.
        contrast: change of each value's distance from the mean, in %.

    Returns:
        A ``Picture``; its data hold mean and spread of the scaled values before and after, and
        whether training could draw these amounts.

    Raises:
        ValueError: the class has no such photograph.
    """
    photo = _find(report, class_name, number)
    pixels = photos.read(photo.path, SIDE)
    moved = _move(pixels, right / 100, down / 100, mirror, math.radians(turn), 1 - zoom / 100)
    mean = moved.mean()
    varied = (moved - mean) * (1 + contrast / 100) + mean * (1 + brightness / 100)
    varied = varied.clip(0, 255)
    before, after = (data.scale(image).numpy() for image in (pixels, varied))
    amounts = {"right": right, "down": down, "turn": turn, "zoom": zoom}
    amounts |= {"brightness": brightness, "contrast": contrast}
    with Image.open(photo.path) as file:
        size = f"{file.width} × {file.height}"
    return plots.Picture(
        _draw((pixels, varied.round().astype(np.uint8)), (before, after)),
        f"{class_name}, photograph {number}, before and after: {_in_words(mirror, amounts)}",
        class_name=class_name,
        file=photo.path.name,
        size_in_pixels=size,
        scaled_mean_before=_rounded(before.mean()),
        scaled_mean_after=_rounded(after.mean()),
        scaled_spread_before=_rounded(before.std()),
        scaled_spread_after=_rounded(after.std()),
        can_happen_in_training=_in_training(amounts),
    )


def browse(report):
    """The panel around ``varied_photo``: choose a photograph of the report, and change it."""

    def slider(description, start, least, most, step=5):
        return widgets.IntSlider(
            start,
            least,
            most,
            step,
            description=description,
            continuous_update=False,  # reading and drawing take longer than a slider's move
        )

    return Panel(
        lambda **values: varied_photo(report, **values),
        class_name=choice(report.class_names, "class"),
        number=slider("photograph", 1, 1, max(report.counts().values()), step=1),
        right=slider("shift right, %", 0, -50, 50),
        down=slider("shift down, %", 0, -50, 50),
        mirror=widgets.Checkbox(True, description="mirror"),
        turn=slider("turn left, °", 10, -180, 180),
        zoom=slider("zoom in, %", 10, -50, 90),
        brightness=slider("brightness, %", 20, -100, 100),
        contrast=slider("contrast, %", 0, -100, 100),
    )


def _find(report, class_name, number):
    members = [p for p in report.photos if report.class_names[p.label] == class_name]
    if not 1 <= number <= len(members):
        raise ValueError(
            f"{class_name!r} has {len(members)} photographs, so there is no number {number}."
        )
    return members[number - 1]


def _move(pixels, right, down, mirror, turn, view):
    """The picture from another place: pixel (y, x) shows what was at ``matrix @ (y, x) + offset``.

    What turns in over an edge is the mirror image of what lies inside it, as in training.
    """
    sign, cos, sin = -1 if mirror else 1, view * math.cos(turn), view * math.sin(turn)
    matrix = np.array([[cos, sin], [-sign * sin, sign * cos]])
    middle = np.array([SIDE - 1, SIDE - 1]) / 2
    offset = middle - matrix @ middle - SIDE * np.array([down, right])
    channels = [
        scipy.ndimage.affine_transform(channel, matrix, offset, order=1, mode="reflect")
        for channel in np.moveaxis(pixels.astype(np.float32), -1, 0)
    ]
    return np.stack(channels, axis=-1)


def _rounded(number):
    """Two digits are enough to compare, and every machine gets the same ones."""
    return round(float(number), 2)


def _in_words(mirror, amounts):
    changes = ["mirrored"] * mirror
    changes += [
        f"{name} {n:+}{'°' if name == 'turn' else ' %'}" for name, n in amounts.items() if n
    ]
    return f"{', '.join(changes) or 'nothing is changed'}."


def _in_training(amounts):
    beyond = [name for name, amount in amounts.items() if abs(amount) > _LIMITS[name]]
    return f"no, too much: {', '.join(beyond)}" if beyond else "yes"


def _draw(pictures, scaled):
    """Both pictures, and below them how often each scaled value comes."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), width_ratios=(1, 1, 1.2))
    for axis, picture, title in zip(axes[:2], pictures, ("before", "after"), strict=True):
        axis.imshow(picture)
        axis.set_title(title)
        axis.axis("off")
    for values, color, line, label in zip(
        scaled, ("orange", "blue"), ("--", "-"), ("before", "after"), strict=True
    ):
        counts, _ = np.histogram(values, _BINS)
        axes[2].stairs(
            100 * counts / values.size,
            _BINS,
            color=plots.COLORS[color],
            linestyle=line,
            linewidth=2.2,
            label=label,
        )
    axes[2].set(title="scaled values", xlabel="value", ylabel="% of the values")
    axes[2].legend()
    return figure
