"""The confusion matrix as a picture."""

import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap
from sklearn.metrics import ConfusionMatrixDisplay

from resnext_helpers import plots

_WHITE_TO_SKY = LinearSegmentedColormap.from_list("", ["white", plots.COLORS["sky"]])


def picture(matrix, class_names):
    """A row a true class, a column a predicted class, counts in the cells.

    Args:
        matrix: int ``(classes, classes)``, as from ``sklearn.metrics.confusion_matrix``.
        class_names: one name a class.
    """
    count = len(class_names)
    figure, axis = plt.subplots(figsize=(3.5 + 1.2 * count, 2 + 0.7 * count))
    ConfusionMatrixDisplay(matrix, display_labels=class_names).plot(
        ax=axis,
        cmap=_WHITE_TO_SKY,
        colorbar=False,
        values_format="d",
        text_kw={"color": "black", "fontsize": 16},
    )
    axis.set_xticks(range(count), class_names, rotation=25, ha="right")
    axis.set(xlabel="predicted", ylabel="true")
    axis.grid(False)
    right, total = int(matrix.trace()), int(matrix.sum())
    return plots.Picture(
        figure,
        f"Confusion matrix of {total} photographs; {right} lie on the diagonal, so they are right.",
        matrix=matrix,
    )
