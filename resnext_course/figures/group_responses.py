"""What the groups of a grouped convolution respond to, over many photographs."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from resnext_helpers import plots

_DIVERGING = LinearSegmentedColormap.from_list(
    "diverging", [plots.COLORS["vermillion"], "white", plots.COLORS["blue"]]
)


def picture(response, similarity, groups, photographs):
    """How alike the groups respond, and the five photographs that excite some of them most.

    ``response`` holds for each photograph the mean activation of each group, ``similarity`` the
    correlations between groups; ``groups`` says which of them to show, ``{text: number}``.
    """
    figure = plt.figure(figsize=(11, 4.8))
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.35])
    axis = left.subplots()
    image = axis.imshow(similarity, cmap=_DIVERGING, vmin=-1, vmax=1)
    left.colorbar(image, ax=axis, label="correlation", shrink=0.8)
    axis.set(xlabel="group", ylabel="group")
    axis.set_title("Do two groups\nrespond to the same photos?", fontsize=13)
    axis.grid(False)
    rows = right.subfigures(len(groups), 1)
    for row, (text, group) in zip(rows, groups.items(), strict=True):
        row.suptitle(text, x=0.01, ha="left", fontsize=13)
        strongest = np.argsort(-response[:, group], kind="stable")
        for axis, number in zip(row.subplots(1, 5), strongest, strict=False):
            axis.imshow(photographs[number])
            axis.axis("off")
    between = similarity[~np.eye(len(similarity), dtype=bool)]
    return plots.Picture(
        figure,
        f"Correlations between {len(similarity)} groups, from {between.min():.2f} to "
        f"{between.max():.2f}, and the photographs that excite these most: {'; '.join(groups)}.",
    )
