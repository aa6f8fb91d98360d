"""What the groups of a grouped convolution respond to, over many photographs."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from resnext_helpers import plots

_DIVERGING = LinearSegmentedColormap.from_list(
    "diverging", [plots.COLORS["vermillion"], "white", plots.COLORS["blue"]]
)


def picture(response, similarity, groups, photographs, columns=5):
    """How alike the groups respond, and the photographs that excite some of them most.

    Args:
        response: ``(photographs, groups)``, the mean activation of each group.
        similarity: ``(groups, groups)``, correlations between -1 and 1.
        groups: which groups to show, ``{text: number}``.
        photographs: ``uint8 (count, height, width, 3)``.
        columns: photographs for each group.

    Returns:
        A ``Picture``; its data hold, for each of ``groups``, the numbers of its photographs.
    """
    figure = plt.figure(figsize=(11, 4.8))
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.35])
    _draw_similarity(left.subplots(), similarity)
    rows = np.ravel(right.subfigures(len(groups), 1))
    strongest = {}
    for row, (text, group) in zip(rows, groups.items(), strict=True):
        strongest[text] = np.argsort(-response[:, group], kind="stable")[:columns].tolist()
        row.suptitle(text, x=0.01, ha="left", fontsize=13)
        axes = row.subplots(1, columns, squeeze=False)[0]
        for axis, number in zip(axes, strongest[text], strict=False):
            axis.imshow(photographs[number])
        for axis in axes:
            axis.axis("off")
    between = similarity[~np.eye(len(similarity), dtype=bool)]
    return plots.Picture(
        figure,
        f"Correlations between {len(similarity)} groups, from {between.min():.2f} to "
        f"{between.max():.2f}, and the photographs that excite these most: {'; '.join(groups)}.",
        strongest=strongest,
    )


def _draw_similarity(axis, similarity):
    image = axis.imshow(similarity, cmap=_DIVERGING, vmin=-1, vmax=1)
    axis.figure.colorbar(image, ax=axis, label="correlation", shrink=0.8)
    axis.set(xlabel="group", ylabel="group", title="Do two groups\nrespond to the same photos?")
    axis.title.set_fontsize(13)
    axis.grid(False)
