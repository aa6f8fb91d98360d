"""Grad-CAM as a picture: where a class is seen, drawn over the photograph."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from PIL import Image

from resnext_course.figures import own_photo
from resnext_helpers import data, evaluation, plots

MOST_LIKELY = "the most likely"  # instead of a class: whichever the network names


def readable_layer(model):
    """Name of the deepest stage's last layer whose feature map has 4 rows and columns or more.

    The deepest layers know most, but of small pictures they keep only 2×2 cells.
    """
    stages = evaluation.stages(model).values()
    return [name for name in stages if model.get_layer(name).output.shape[1] >= 4][-1]


def picture(model, class_names, pixels, *, explained, layer, strength):
    """Draw the photograph, the heat map over it, and the probabilities.

    Args:
        model, layer: as in ``evaluation.heat_map``.
        class_names: one name a logit.
        pixels: ``uint8 (height, width, 3)`` of the size that the network takes.
        explained: the class whose heat map is drawn, or ``MOST_LIKELY``.
        strength: how much the heat map covers the photograph, 0 to 1.

    Returns:
        A ``Picture``; its data are the rows of the explorers' table.
    """
    image = data.scale(pixels)
    probabilities = evaluation.predict_image(model, image)
    if explained == MOST_LIKELY:
        explained = class_names[probabilities.argmax()]
    heat = evaluation.heat_map(model, image, class_names.index(explained), layer)
    hottest = where_hottest(heat)
    figure, (photo, over, bars) = plt.subplots(1, 3, figsize=(11, 4), width_ratios=[1, 1, 0.9])
    photo.imshow(pixels)
    photo.set_title("what the network sees", fontsize=13)
    draw_over(over, pixels, heat, strength)
    if heat.max() > 0:
        color_scale(figure, [photo, over])
    over.set_title(f"where it sees\n{plots.fit(explained, 2.1)}", fontsize=13)
    for axis in (photo, over):
        axis.axis("off")
    shares = own_photo.draw_probabilities(bars, class_names, probabilities, explained)
    return plots.Picture(
        figure,
        f"A photo as the network sees it; the Grad-CAM of {explained} over it, hottest: {hottest}; "
        f"the probabilities: {', '.join(map(' '.join, shares.items()))}.",
        explained=explained,
        heat_map=f"{heat.shape[0]} × {heat.shape[1]} cells",
        hottest=hottest,
        **{f"probability of {name}": share for name, share in shares.items()},
    )


def draw_over(axis, pixels, heat, strength=0.6):
    """Draw a picture and a heat map over it.

    Bright is hot, dark is cold; a line parts what is at least half as hot as the hottest cell from
    the rest.

    Args:
        axis: Matplotlib axes.
        pixels: ``uint8 (height, width, 3)``.
        heat: ``(rows, columns)``, none below 0.
        strength: how much the heat map covers the picture, 0 to 1.
    """
    axis.imshow(pixels)
    if heat.max() == 0:
        return
    share = Image.fromarray((heat / heat.max()).astype(np.float32))
    smooth = np.asarray(share.resize(pixels.shape[1::-1], Image.Resampling.BILINEAR))
    axis.imshow(smooth, cmap="inferno", vmin=0, vmax=1, alpha=strength)
    if strength > 0:
        axis.contour(smooth, levels=[0.5], colors="white", linewidths=2.5)


def color_scale(figure, axes):
    """Say beside heat maps which colours are hot, and where the white line lies.

    ``axes`` is the one or the ones over which ``draw_over`` drew.
    """
    scale = ScalarMappable(Normalize(0, 100), "inferno")
    label = "% of the hottest cell"
    bar = figure.colorbar(scale, ax=axes, label=label, ticks=[0, 50, 100], shrink=0.8)
    bar.ax.axhline(50, color="white", linewidth=2.5)


def where_hottest(heat):
    """In words, in which of nine parts of the picture the hottest cell lies."""
    if heat.max() == 0:
        return "nowhere"
    cell = np.array(np.unravel_index(heat.argmax(), heat.shape))
    down, across = ((cell + 0.5) / heat.shape * 3).astype(int)
    return f"{('top', 'middle', 'bottom')[down]} {('left', 'centre', 'right')[across]}"
