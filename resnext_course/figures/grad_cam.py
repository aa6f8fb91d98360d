"""Grad-CAM as a picture: what speaks for a class, drawn over the photograph."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from resnext_helpers import data, evaluation, plots

MOST_LIKELY = "the most likely"  # instead of a class: whichever the network names


class Explanation(NamedTuple):
    """What a network says of a picture, and which places speak for one class.

    Attributes:
        explained: the name of this class.
        heat: ``(rows, columns)``, as from ``evaluation.heat_map``.
        probabilities: by class name.
    """

    explained: str
    heat: np.ndarray
    probabilities: dict[str, float]


def explain(model, class_names, pixels, explained=MOST_LIKELY, layer=None) -> Explanation:
    """Ask a network for its probabilities and for the heat map of one class.

    Args:
        model: as in ``evaluation.heat_map``.
        class_names: one name a logit.
        pixels: ``uint8 (height, width, 3)`` of the size that the network takes.
        explained: the class whose heat map is made, or ``MOST_LIKELY``.
        layer: as in ``evaluation.heat_map``.

    Raises:
        ValueError: as in ``evaluation.heat_map``, or there is no class of this name.
    """
    image = data.scale(pixels)
    probabilities = evaluation.predict_image(model, image)
    if explained == MOST_LIKELY:
        explained = class_names[probabilities.argmax()]
    if explained not in class_names:
        raise ValueError(f"There is no class {explained!r}: use {', '.join(class_names)}.")
    heat = evaluation.heat_map(model, image, class_names.index(explained), layer)
    return Explanation(explained, heat, dict(zip(class_names, probabilities.tolist(), strict=True)))


def readable_layer(model, cells=4):
    """Name of the deepest stage's last layer whose feature map has ``cells`` rows and columns.

    The deepest layers know most, but of small pictures they keep only 2×2 cells.
    """
    fine = [
        layer
        for layer in evaluation.stages(model).values()
        if min(model.get_layer(layer).output.shape[1:3]) >= cells
    ]
    return fine[-1] if fine else evaluation.last_feature_map(model)


def picture(pixels, explanation, strength=0.6):
    """Draw the photograph, the heat map over it, and the probabilities.

    Args:
        pixels: ``uint8 (height, width, 3)``.
        explanation: what ``explain`` said of it.
        strength: how much the heat map covers the photograph, 0 to 1.

    Returns:
        A ``Picture``; its data are the rows of the explorers' table.
    """
    explained, heat, probabilities = explanation
    hottest = where_hottest(heat)
    figure, axes = plt.subplots(1, 3, figsize=(11, 4), width_ratios=[1, 1, 1.25])
    axes[0].imshow(pixels)
    axes[0].set_title("what the network sees", fontsize=13)
    draw_over(axes[1], pixels, heat, strength)
    axes[1].set_title(f"what speaks for\n{explained}", fontsize=13)
    for axis in axes[:2]:
        axis.axis("off")
    colors = [plots.COLORS["orange" if name == explained else "sky"] for name in probabilities]
    bars = axes[2].barh(
        list(probabilities), list(probabilities.values()), color=colors, edgecolor="black"
    )
    bars[list(probabilities).index(explained)].set_hatch("//")
    shares = {name: f"{share:.1%}" for name, share in probabilities.items()}
    axes[2].bar_label(bars, list(shares.values()), padding=4)
    axes[2].invert_yaxis()
    axes[2].set(xlim=(0, 1.25), xlabel="probability", xticks=[0, 0.5, 1])
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

    A line goes around what is at least half as hot as the hottest cell.

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


def where_hottest(heat):
    """In words, in which of nine parts of the picture the hottest cell lies."""
    if heat.max() == 0:
        return "nowhere"
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    down = ("top", "middle", "bottom")[int((row + 0.5) / heat.shape[0] * 3)]
    across = ("left", "centre", "right")[int((column + 0.5) / heat.shape[1] * 3)]
    return f"{down} {across}"
