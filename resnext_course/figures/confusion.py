"""The confusion matrix as a picture."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from sklearn.metrics import ConfusionMatrixDisplay

from resnext_helpers import plots

MOST, LONGEST = 20, 26  # classes, and letters of a name, that can be read at a notebook's width
_WHITE_TO_SKY = LinearSegmentedColormap.from_list("", ["white", plots.COLORS["sky"]])


def short(name):
    """A class's name, cut where it is too long for a figure."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def picture(matrix, class_names):
    """A row a true class, a column a predicted class, counts in the cells.

    Of more than 20 classes, it shows the 20 with the most mistakes.

    Args:
        matrix: int ``(classes, classes)``, as from ``sklearn.metrics.confusion_matrix``.
        class_names: one name a class.
    """
    right, total = int(matrix.trace()), int(matrix.sum())
    mistakes = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * matrix.diagonal()
    chosen = np.sort(np.argsort(-mistakes, kind="stable")[:MOST])
    shown, count = matrix[np.ix_(chosen, chosen)], len(chosen)
    names = [short(class_names[i]) for i in chosen]
    is_small = count <= 6
    cell = (1.2, 0.7) if is_small else (max(0.36, 5.4 / count), max(0.3, 4.2 / count))
    figure, axis = plt.subplots(figsize=(3.5 + cell[0] * count, 2 + cell[1] * count))
    ConfusionMatrixDisplay(shown, display_labels=names).plot(
        ax=axis,
        cmap=_WHITE_TO_SKY,
        colorbar=False,
        values_format="d",
        text_kw={"color": "black", "fontsize": 16 if is_small else 11},
    )
    axis.images[0].set(clim=(0, max(1, shown.max())))
    axis.set_aspect("auto")
    if is_small:
        axis.set_xticks(range(count), names, rotation=25, ha="right")
    else:  # a column has the number of its row, and no 0 hides what counts
        axis.set_xticks(range(count), [i + 1 for i in chosen], fontsize=11)
        axis.set_yticks(range(count), [f"{n}  {i + 1}" for n, i in zip(names, chosen, strict=True)])
        for text in axis.texts:
            text.set_visible(text.get_text() != "0")
    axis.set(xlabel="predicted", ylabel="true")
    if count < len(class_names):
        axis.set_title(f"the {count} of {len(class_names)} classes with the most mistakes")
    axis.grid(False)
    return plots.Picture(
        figure,
        f"Confusion matrix of {total} photographs; {right} lie on the diagonal, so they are right.",
        matrix=matrix,
    )
