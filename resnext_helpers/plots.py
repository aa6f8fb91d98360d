"""Every figure of the course: one palette, one size scale, and words for who can't see it.

A function here returns a ``Picture``: the drawn figure, the same in words (its alt text), and the
numbers that it shows.
"""

import dataclasses
import functools
import io
import textwrap
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib import font_manager
from matplotlib.textpath import text_to_path
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

CHINESE_FONT = Path(__file__).parent / "fonts" / "NotoSansCJKsc-subset.otf"
# The course's own, then, for what it lacks, the first of Windows', macOS' and Linux' that is there.
CHINESE_FONTS = ["Noto Sans CJK SC", "Microsoft YaHei", "Arial Unicode MS", "Noto Sans CJK JP"]
_INVISIBLE = "\u3164"  # as a letter


def use_style():
    """Set Matplotlib's fonts, sizes and colours for the course; call it once in a notebook."""
    fonts = font_manager.fontManager
    if all(font.fname != str(CHINESE_FONT) for font in fonts.ttflist):
        fonts.addfont(CHINESE_FONT)
        # Of one weight, for bold text too: Matplotlib logs a warning where it must replace one.
        for font in [font for font in fonts.ttflist if font.name in CHINESE_FONTS]:
            fonts.ttflist.append(dataclasses.replace(font, weight=700))
    known = {font.name for font in fonts.ttflist}
    mpl.rcParams.update(
        {
            "font.family": ["DejaVu Sans", *(name for name in CHINESE_FONTS if name in known)],
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
    """A PNG file without what no eye sees, so that notebooks stay light: in 256 colours, and where
    these change more than one value in 1,000 (photographs), in steps of 4 of 255."""
    file, small, pixels = io.BytesIO(), image.quantize(), np.asarray(image, int)
    if (abs(pixels - small.convert("RGB")) > 12).mean() > 0.001:
        small = Image.fromarray(((pixels + 2) // 4 * 4).clip(max=255).astype(np.uint8))
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


def show(figure, alt, **data):
    """Show a figure that a cell has drawn itself, with its alt text; returns the ``Picture``."""
    picture = Picture(figure, alt, **data)
    display(picture)
    return picture


@functools.cache
def fit(text, inches, lines=1):
    """A text for a figure, in at most so many lines of so many inches at 12 points; … stands for
    what is left out of its middle, and $ begins no formula."""
    for cut in range(len(text) + 1):
        left = (len(text) - cut + 1) // 2
        shown = text[:left] + "…" * bool(cut) + text[left + cut :]
        rows = textwrap.wrap("".join(map(_padded, shown)), int(72 * inches))
        if len(rows) <= lines:
            return "\n".join(rows).replace(_INVISIBLE, "").replace("$", r"\$")


@functools.cache
def _padded(letter):  # to as many letters as it has points, which textwrap can count
    size = font_manager.FontProperties(size=12)
    width, *_ = text_to_path.get_text_width_height_descent(letter, size, ismath=False)
    return _INVISIBLE * int(width) + letter


def photo_grid(images, titles, alt, columns=4):
    """Photographs, uint8 ``(count, height, width, 3)``, in a grid, each under its title."""
    columns = min(columns, len(images))
    rows, width = -(-len(images) // columns), min(2.3, 11 / columns)
    fits = functools.partial(fit, inches=width - 0.1, lines=3)
    shown = ["\n".join(map(fits, title.split("\n"))) for title in titles]
    height = width + 0.26 + 0.21 * max(title.count("\n") for title in shown)
    size, low = (columns * width, rows * height), {"anchor": "S"}  # leaves the room to the titles
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, subplot_kw=low)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, shown, strict=False):
        axis.imshow(image)
        axis.set_title(title, fontsize=12)
    return Picture(figure, alt, titles=list(titles))


def learning_curves(rows, title, epochs):
    """Loss and accuracy by epoch, training beside validation (the article's 3.5).

    ``rows`` are dicts with ``epoch``, ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy``;
    ``epochs`` is how many the axis leaves room for.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4))
    figure.suptitle(title, fontsize=14)
    numbers, series, told = [row["epoch"] for row in rows], {}, []
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        for prefix, label, mark, color in (
            ("", "training", "o-", "blue"),
            ("val_", "validation", "s--", "orange"),
        ):
            values = series[prefix + name] = [row[prefix + name] for row in rows]
            axis.plot(numbers, values, mark, color=COLORS[color], label=label)
            if values:
                told.append(f"{label} {name} {values[0]:.2f} to {values[-1]:.2f}")
        axis.set(xlabel="epoch", ylabel=name, xlim=(0.5, epochs + 0.5))
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend()
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(0, 1.03)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    alt = f"{title}. Loss and accuracy by epoch. {', '.join(told) or 'No epoch has ended yet'}."
    return Picture(figure, alt, **series)
