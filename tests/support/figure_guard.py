"""Every figure that is drawn must be one that everybody can read.

``conftest.py`` lays this file where each notebook's kernel finds it at its start. There it looks at
each figure as it is saved, and stops the cell that drew a figure which breaks a rule.
"""

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

SMALLEST_TEXT = 11  # points, in a figure that a page shows in its full size
WIDEST = 11.5  # inches; a page would make it smaller
OKABE_ITO = [  # as in plots.COLORS
    *("#000000", "#E69F00", "#56B4E9", "#009E73"),
    *("#F0E442", "#0072B2", "#D55E00", "#CC79A7"),
]


def problems(figure):
    """What is wrong with a figure, one sentence a problem."""
    found = []
    if figure.get_figwidth() > WIDEST:
        found.append(f"The figure is {figure.get_figwidth():.1f} inches wide, above {WIDEST}.")
    for text in figure.findobj(Text):
        if is_seen(text) and text.get_text().strip() and text.get_fontsize() < SMALLEST_TEXT:
            found.append(f"{text.get_text()!r} has {text.get_fontsize():g} points.")
    for artist in figure.findobj(lambda artist: isinstance(artist, (Line2D, Patch, Text))):
        found += [
            f"{type(artist).__name__} {artist.get_label()!r} has the colour {color}."
            for color in colors(artist)
            if not is_allowed(color)
        ]
    for legend in figure.findobj(Legend):
        found += same_without_color(legend)
    return found


def crowded(figure, shown_at=900):
    """What can't be read in a drawn figure, one sentence a problem, if a page shows it so wide."""
    texts, (width, height) = drawn_texts(figure), figure.bbox.size
    found = []
    if width > 1100 or height > 1500:
        found.append(f"{width:.0f} × {height:.0f} pixels are too large.")
    for i, (text, corners) in enumerate(texts):
        if text.get_fontsize() * min(1, shown_at / width) < 8:
            found.append(f"{text.get_text()!r} is shown too small.")
        if (corners < -1).any() or (corners > figure.bbox.size + 1).any():
            found.append(f"{text.get_text()!r} is cut off.")
        found += [
            f"{text.get_text()!r} lies over {other.get_text()!r}."
            for other, its_corners in texts[:i]
            if overlap(corners, its_corners)
        ]
    return found


def drawn_texts(figure):
    """Each text that is drawn (no tick outside its axis) with the corners of its turned box."""
    draw, texts = Text.draw, []

    def spy(text, renderer):
        if text.get_visible() and text.get_text().strip():
            texts.append(text)
            if text.get_bbox_patch() is None:
                text.set_bbox({"boxstyle": "square,pad=0", "alpha": 0})
        draw(text, renderer)

    Text.draw = spy
    try:
        figure.draw_without_rendering()
    finally:
        Text.draw = draw
    assert texts, "Nothing is written in this figure."
    boxes = [text.get_bbox_patch() for text in texts]
    corners = [box.get_transform().transform(box.get_path().vertices[:4]) for box in boxes]
    return list(zip(texts, corners, strict=True))


def overlap(one, other):
    """Whether two boxes, four corners each, share more than a pixel along every of their sides."""
    for side in (one[1] - one[0], one[2] - one[1], other[1] - other[0], other[2] - other[1]):
        along = side / max(np.hypot(*side), 1e-9)
        a, b = one @ along, other @ along
        if min(a.max(), b.max()) - max(a.min(), b.min()) <= 1:
            return False
    return True


def is_seen(artist):
    return artist.get_visible() and (artist.axes is None or artist.axes.get_visible())


def colors(artist):
    if not is_seen(artist):
        return []
    if isinstance(artist, Patch):
        shown = [artist.get_facecolor()] if artist.get_fill() else []
        return shown + ([artist.get_edgecolor()] if artist.get_linewidth() else [])
    return [artist.get_color()]


def is_allowed(color):
    """A colour of the palette, mixed with white or not; with black, that is any grey."""
    rgb = np.array(to_rgb(color))
    for pure in map(np.array, map(to_rgb, OKABE_ITO)):
        strongest = pure.argmin()
        white = (rgb[strongest] - pure[strongest]) / (1 - pure[strongest])
        if white > -0.02 and abs(white + (1 - white) * pure - rgb).max() < 0.02:
            return True
    return False


def same_without_color(legend):
    """The entries of a legend that only their colour tells apart."""
    seen = {}
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        seen.setdefault(cue(handle), []).append(text.get_text())
    return [
        f"Only the colour tells {' and '.join(map(repr, names))} apart."
        for names in seen.values()
        if len(names) > 1
    ]


def cue(handle):
    """What tells an entry of a legend from another one, beside its colour."""
    if isinstance(handle, Line2D):
        return "line", handle.get_marker(), str(handle.get_linestyle()), handle.get_linewidth()
    hatch = handle.get_hatch() if hasattr(handle, "get_hatch") else None
    return type(handle).__name__, hatch, str(handle.get_linestyle())


def install():
    """Let every figure be looked at as it is saved."""
    save = Figure.savefig

    def savefig(figure, *args, **kwargs):
        save(figure, *args, **kwargs)
        wrong = problems(figure)
        assert not wrong, "A figure that not everybody can read: " + " ".join(wrong[:5])

    Figure.savefig = savefig


if __name__ == "__main__":  # how IPython runs it
    install()
