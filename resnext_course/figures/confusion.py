"""The confusion matrix as a picture."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from sklearn.metrics import ConfusionMatrixDisplay

from resnext_helpers import plots

MOST = 40  # classes that can be read at a notebook's width
_WHITE_TO_SKY = LinearSegmentedColormap.from_list("", ["white", plots.COLORS["sky"]])


def picture(matrix, class_names):
    """A row a true class, a column a predicted class, counts in the cells.

    Of more than 40 classes, it shows the 40 with the most mistakes; 28 if counts have three digits.
    The ``matrix`` is as from ``sklearn.metrics.confusion_matrix``.
    """
    mistakes = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * matrix.diagonal()
    most = min(MOST, 84 // len(str(matrix.max())))
    chosen = np.sort(np.argsort(-mistakes, kind="stable")[:most])
    shown, count = matrix[np.ix_(chosen, chosen)], len(chosen)
    is_small = count <= 6
    names = [plots.fit(class_names[i], 2.4, 2 if is_small else 1) for i in chosen]
    cell = np.clip([5.4 / count, 4.2 / count], [0.36, 0.3], [1.2, 0.7])
    size = np.minimum([3.5, 2] + cell * count, [11, 11])
    figure, axis = plt.subplots(figsize=size)
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
        turn = 90 if count > 24 or len(class_names) > 99 else 0
        axis.set_xticks(range(count), [i + 1 for i in chosen], fontsize=11, rotation=turn)
        axis.set_yticks(range(count), [f"{n}  {i + 1}" for n, i in zip(names, chosen, strict=True)])
        for text in axis.texts:
            text.set_visible(text.get_text() != "0")
        for set_ticks in (axis.set_xticks, axis.set_yticks):
            set_ticks(np.arange(count - 1) + 0.5, minor=True)  # lines between the cells
        axis.tick_params(which="minor", length=0)
        axis.grid(which="minor")
    axis.set(xlabel="predicted", ylabel="true")
    if count < len(class_names):
        axis.set_title(f"the {count} of {len(class_names)} classes with the most mistakes")
    axis.grid(False)
    return plots.Picture(
        figure,
        f"Confusion matrix of {matrix.sum()} photographs; {matrix.trace()} lie on the diagonal, so "
        f"they are right.",
        matrix=matrix,
    )
