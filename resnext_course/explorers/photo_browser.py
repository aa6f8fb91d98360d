"""The photo browser: one photograph, and what augmentation can make of it."""

import math
from functools import partial

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import scipy.ndimage
from PIL import Image

from resnext_course.explorers.panel import Panel, choice
from resnext_helpers import data, photos, plots

_BINS = np.linspace(-2.2, 2.7, 36)  # black to white, in scaled values
# How far training goes, in the units of the controls: see ``data.augmentation``.
_LIMITS = {"right": 10, "down": 10, "turn": 10, "zoom": 10, "contrast": 20}


def varied(pixels, *, right=0, down=0, mirror=False, turn=0, zoom=0, brightness=0, contrast=0):
    """A photograph's variation, as training would make it with these amounts, as ``float32``.

    The changes come in the order of the arguments: a photograph that is shifted to the right and
    mirrored has moved to the left. ``turn`` is in degrees to the left, all other amounts are in %:
    of the picture's width and height (``zoom``: how much less of them is seen), of the mean, and
    of each value's distance from the mean.
    """
    # From another place: pixel (y, x) shows what was at ``matrix @ (y, x) + offset``. What turns in
    # over an edge is the mirror image of what lies inside it, as in training.
    view, turn, sign = 1 - zoom / 100, math.radians(turn), -1 if mirror else 1
    cos, sin = view * math.cos(turn), view * math.sin(turn)
    matrix = np.array([[cos, sin], [-sign * sin, sign * cos]])
    height, width = pixels.shape[:2]
    middle = np.array([height - 1, width - 1]) / 2
    offset = middle - matrix @ middle - np.array([height * down, width * right]) / 100
    channels = [
        scipy.ndimage.affine_transform(channel, matrix, offset, order=1, mode="reflect")
        for channel in np.moveaxis(pixels.astype(np.float32), -1, 0)
    ]
    moved = np.stack(channels, axis=-1)
    mean = moved.mean()
    brighter = (moved - mean) * (1 + contrast / 100) + mean * (1 + brightness / 100)
    return brighter.clip(0, 255)


def draw(report, class_name, number=1, **amounts):
    """A photograph beside its variation, and how often each scaled value comes.

    ``number`` counts the report's photographs of this class from 1; ``amounts`` are as in
    ``varied``. The picture's data hold mean and spread (standard deviation) of the scaled values.
    """
    members = [p for p in report.photos if report.class_names[p.label] == class_name]
    if number > len(members):
        raise ValueError(
            f"{class_name!r} has {len(members)} photographs, so there is no number {number}."
        )
    path = members[number - 1].path
    pixels = photos.read(path, 224)
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), width_ratios=(1, 1, 1.2))
    means, spreads = {}, {}
    for axis, picture, name, color, line in (
        (axes[0], pixels, "before", "orange", "--"),
        (axes[1], varied(pixels, **amounts), "after", "blue", "-"),
    ):
        axis.imshow(picture.round().astype(np.uint8))
        axis.set_title(name)
        axis.axis("off")
        scaled = data.scale(picture).numpy()
        # Two digits are enough to compare, and every machine gets the same ones.
        means[f"scaled_mean_{name}"] = round(float(scaled.mean()), 2)
        spreads[f"scaled_spread_{name}"] = round(float(scaled.std()), 2)
        shares = 100 * np.histogram(scaled, _BINS)[0] / scaled.size
        style = {"color": plots.COLORS[color], "linestyle": line, "linewidth": 2.2}
        axes[2].stairs(shares, _BINS, label=name, **style)
    axes[2].set(title="scaled values", xlabel="value", ylabel="% of the values")
    axes[2].legend()
    with Image.open(path) as file:
        size = f"{file.width} × {file.height}"
    words = {"mirror": "mirrored", "turn": "turn {:+}°"}
    changes = [words.get(name, name + " {:+} %").format(n) for name, n in amounts.items() if n]
    limits = _LIMITS | {"brightness": 100 * 25.5 / max(pixels.mean(), 1)}  # a tenth of 255
    beyond = [name for name, most in limits.items() if abs(amounts.get(name, 0)) > most]
    return plots.Picture(
        figure,
        f"{class_name}, photograph {number}, before and after: "
        f"{', '.join(changes) or 'nothing is changed'}.",
        class_name=class_name,
        file=path.name,
        size_in_pixels=size,
        **means,
        **spreads,
        can_happen_in_training=f"no, too much: {', '.join(beyond)}" if beyond else "yes",
    )


def browse(report):
    """The panel around ``draw``: choose a photograph of the report, and change it."""
    # Reading and drawing take longer than a slider's move.
    slider = partial(widgets.IntSlider, step=5, continuous_update=False)
    return Panel(
        partial(draw, report),
        class_name=choice(report.class_names, "class"),
        number=slider(1, 1, max(report.counts().values()), step=1, description="photograph"),
        right=slider(0, -50, 50, description="shift right, %"),
        down=slider(0, -50, 50, description="shift down, %"),
        mirror=widgets.Checkbox(True, description="mirror"),
        turn=slider(10, -180, 180, description="turn left, °"),
        zoom=slider(10, -50, 90, description="zoom in, %"),
        brightness=slider(10, -100, 100, description="brightness, %"),
        contrast=slider(0, -100, 100, description="contrast, %"),
    )
