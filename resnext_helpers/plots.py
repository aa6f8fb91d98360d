"""Every figure of the course: one palette, one size scale, and words for who can't see it.

A function here returns a ``Picture``: the drawn figure, the same in words (its alt text), and the
numbers that it shows.
"""

import dataclasses
import io
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib import font_manager
from matplotlib.ticker import PercentFormatter
from PIL import Image

# Okabe and Ito, "Color Universal Design" (2008): told apart with every kind of colour vision.
COLORS = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
}
CYCLE = [COLORS[name] for name in ("blue", "orange", "green", "vermillion", "purple", "sky")]
MARKERS = ["o", "s", "^", "D", "v", "P"]  # the second cue beside the colour
HATCHES = ["", "//", "..", "xx", "\\\\", "++"]

_CHINESE_FONT = Path(__file__).parent / "fonts" / "NotoSansCJKsc-subset.otf"


def use_style():
    """Set Matplotlib's fonts, sizes and colours for the course; call it once in a notebook."""
    _add_chinese_font()
    mpl.rcParams.update(
        {
            "font.family": ["DejaVu Sans", "Noto Sans CJK SC"],
            "font.size": 13,
            "axes.titlesize": 15,
            "axes.labelsize": 13,
            "xtick.labelsize": 12,
            "ytick.labelsize": 12,
            "legend.fontsize": 12,
            "figure.figsize": (9, 4.5),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": mpl.cycler(color=CYCLE),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.alpha": 0.3,
            "lines.linewidth": 2.2,
            "lines.markersize": 7,
            "image.interpolation": "nearest",
        }
    )


def _add_chinese_font():
    """Let Matplotlib find the course's font, for bold text too: it has one weight, and Matplotlib
    logs a warning where it must replace another."""
    fonts = font_manager.fontManager
    if all(font.fname != str(_CHINESE_FONT) for font in fonts.ttflist):
        fonts.addfont(_CHINESE_FONT)
        fonts.ttflist.append(dataclasses.replace(fonts.ttflist[-1], weight=700))


class Picture:
    """A figure with its alt text and its numbers; a notebook shows it as a cell's last value.

    Attributes:
        alt: what the figure shows, in words.
        data: the numbers in it, by name.
        png: the drawn figure, as the bytes of a PNG file.
    """

    def __init__(self, figure, alt, **data):
        self.alt = alt
        self.data = data
        self.png = small_png(drawn(figure))
        plt.close(figure)  # or Jupyter would show it a second time

    def save(self, path):
        """Write the PNG file to ``path``."""
        Path(path).write_bytes(self.png)

    def __repr__(self):
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {"image/png": self.png, "text/plain": self.alt}
        return bundle, {"image/png": {"alt": self.alt}}


def drawn(figure):
    """A Matplotlib figure as a picture of Pillow's."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")


def small_png(image):
    """A PNG file in the image's 256 most telling colours: a third of the size keeps notebooks
    light."""
    file = io.BytesIO()
    image.quantize().save(file, "PNG", optimize=True)
    return file.getvalue()


def show(figure, alt, **data):
    """Show a figure that a notebook's cell has drawn itself, with its alt text.

    Returns:
        The ``Picture``.
    """
    picture = Picture(figure, alt, **data)
    display(picture)
    return picture


def photo_grid(images, titles, alt, columns=4):
    """Photographs in a grid, each under its title.

    Args:
        images: uint8 ``(count, height, width, 3)``.
        titles: one text a photograph.
        alt: what the photographs show.
        columns: photographs in a row.
    """
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.3 * columns, 2.5 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image)
        axis.set_title(title, fontsize=12, wrap=True)
    return Picture(figure, alt, titles=list(titles))


def bars(values, alt, *, ylabel, title="", labels=None, horizontal=False):
    """One bar a name, each with its value written on it and its own hatch.

    Args:
        values: numbers by name.
        alt: what the bars show.
        ylabel: the quantity and its unit.
        title: the figure's title.
        labels: texts on the bars, by name; the values themselves if left out.
        horizontal: bars to the right, for long names.
    """
    figure, axis = plt.subplots(figsize=(9, 1.4 + 0.6 * len(values)) if horizontal else None)
    draw = axis.barh if horizontal else axis.bar
    drawn = draw(list(values), list(values.values()), edgecolor="black")
    for i, bar in enumerate(drawn):
        bar.set(facecolor=CYCLE[i % len(CYCLE)], hatch=HATCHES[i % len(HATCHES)], alpha=0.85)
    texts = [(labels or values)[name] for name in values]
    axis.bar_label(drawn, [t if isinstance(t, str) else f"{t:,}" for t in texts], padding=3)
    axis.margins(**({"x": 0.15} if horizontal else {"y": 0.15}))
    (axis.set_xlabel if horizontal else axis.set_ylabel)(ylabel)
    if horizontal:
        axis.invert_yaxis()
    axis.set_title(title)
    return Picture(figure, alt, values=dict(values))


def learning_curves(rows, *, title="", epochs=None):
    """Loss and accuracy by epoch, training beside validation (the article's 3.5).

    Args:
        rows: one dict an epoch with ``epoch``, ``loss``, ``accuracy``, ``val_loss``,
        ``val_accuracy``.
        title: the figure's title.
        epochs: how many epochs the axis leaves room for; as many as there are if left out.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4))
    figure.suptitle(title, fontsize=14)
    series = {
        name: [row[name] for row in rows]
        for name in ("loss", "val_loss", "accuracy", "val_accuracy")
    }
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        numbers = [row["epoch"] for row in rows]
        axis.plot(numbers, series[name], "o-", color=COLORS["blue"], label="training")
        axis.plot(numbers, series[f"val_{name}"], "s--", color=COLORS["orange"], label="validation")
        axis.set(xlabel="epoch", ylabel=name, xlim=(0.5, (epochs or len(rows)) + 0.5))
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend()
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(0, 1.03)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    return Picture(figure, _curves_in_words(rows, title), **series)


def _curves_in_words(rows, title):
    if not rows:
        return f"{title} No epoch has ended yet."
    first, last = rows[0], rows[-1]
    return (
        f"{title}. Loss and accuracy by epoch. From epoch 1 to {last['epoch']}: "
        f"training loss {first['loss']:.2f} to {last['loss']:.2f}, "
        f"validation loss {first['val_loss']:.2f} to {last['val_loss']:.2f}, "
        f"training accuracy {first['accuracy']:.0%} to {last['accuracy']:.0%}, "
        f"validation accuracy {first['val_accuracy']:.0%} to {last['val_accuracy']:.0%}."
    )


def confusion(matrix, class_names):
    """Confusion matrix: a row a true class, a column a predicted class, counts in the cells.

    Args:
        matrix: int ``(classes, classes)``, as from ``sklearn.metrics.confusion_matrix``.
        class_names: one name a class.
    """
    count = len(class_names)
    figure, axis = plt.subplots(figsize=(3.5 + 1.2 * count, 2 + 0.7 * count))
    axis.imshow(matrix, cmap="Blues", vmin=0)
    for row in range(count):
        for column in range(count):
            dark = matrix[row, column] > matrix.max() / 2
            axis.text(
                column,
                row,
                f"{matrix[row, column]}",
                ha="center",
                va="center",
                fontsize=16,
                fontweight="bold" if row == column else "normal",
                color="white" if dark else "black",
            )
    axis.set_xticks(range(count), class_names, rotation=25, ha="right")
    axis.set_yticks(range(count), class_names)
    axis.set(xlabel="predicted", ylabel="true")
    axis.grid(False)
    right, total = int(matrix.trace()), int(matrix.sum())
    return Picture(
        figure,
        f"Confusion matrix of {total} photographs; {right} lie on the diagonal, so they are right.",
        matrix=matrix,
    )
