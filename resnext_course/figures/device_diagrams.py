"""A drawing of the places that data pass on their way to a GPU."""

import matplotlib.pyplot as plt

from resnext_helpers.plots import COLORS, Picture

# Name, explanation, middle (x, y), colour, and the cores to draw as (rows, columns, side).
_BOXES = (
    ("disk", "holds the photographs", (1.2, 0.7), "yellow", None),
    ("host memory", "gigabytes, near the CPU", (4.7, 0.7), "sky", None),
    ("CPU", "a few strong cores", (4.7, 2.7), "sky", (1, 4, 0.24)),
    ("device memory", "gigabytes, near the GPU", (8.2, 0.7), "orange", None),
    ("GPU", "thousands of small cores", (8.2, 2.7), "orange", (4, 32, 0.045)),
)
# From, to, what is written beside the arrow, and how wide it is: narrow where data pass slowly.
_ROADS = (
    ("disk", "host memory", "read", 2),
    ("host memory", "device memory", "copy", 2),
    ("host memory", "CPU", "", 7),
    ("device memory", "GPU", "", 7),
)
_WIDTH, _HEIGHT = 1.2, 0.6  # from the middle of a box to its edges


def host_and_device():
    """Disk, host memory, CPU, device memory and GPU, and the roads between them.

    Returns:
        A ``Picture``; ``data["roads"]`` holds the drawn ``(from, to)`` pairs.
    """
    figure, axis = plt.subplots(figsize=(10, 3.7))
    axis.set(xlim=(-0.1, 9.5), ylim=(0, 3.4), aspect="equal")
    axis.axis("off")
    places = {}
    for name, words, place, color, cores in _BOXES:
        places[name] = place
        _draw_box(axis, name, words, place, COLORS[color], cores)
    for start, end, word, width in _ROADS:
        _draw_road(axis, places[start], places[end], word, width)
    roads = [(start, end) for start, end, _, _ in _ROADS]
    return Picture(
        figure,
        "A drawing. Photographs are read from the disk into host memory, the memory of the CPU, "
        "which has a few strong cores. They are copied over a narrow road from host memory to "
        "device memory, the memory of the GPU, which has thousands of small cores.",
        roads=roads,
    )


def _draw_box(axis, name, words, place, color, cores):
    x, y = place
    style = {"facecolor": color, "edgecolor": "black", "alpha": 0.35}
    corner = (x - _WIDTH, y - _HEIGHT)
    axis.add_patch(plt.Rectangle(corner, 2 * _WIDTH, 2 * _HEIGHT, linewidth=1.5, **style))
    lift = 0.18 if cores else 0.0
    axis.text(x, y + lift + 0.17, name, ha="center", va="center", fontsize=14, fontweight="bold")
    axis.text(x, y + lift - 0.15, words, ha="center", va="center", fontsize=12)
    if cores:
        _draw_cores(axis, (x, y - 0.35), *cores)


def _draw_cores(axis, middle, rows, columns, side):
    step = 1.4 * side
    for row in range(rows):
        for column in range(columns):
            x = middle[0] + (column - (columns - 1) / 2) * step - side / 2
            y = middle[1] + (row - (rows - 1) / 2) * step - side / 2
            axis.add_patch(plt.Rectangle((x, y), side, side, facecolor="black"))


def _draw_road(axis, start, end, word, width):
    """One way between memories, both ways between a memory and its processor."""
    across = start[1] == end[1]
    begin = (start[0] + _WIDTH, start[1]) if across else (start[0], start[1] + _HEIGHT)
    stop = (end[0] - _WIDTH, end[1]) if across else (end[0], end[1] - _HEIGHT)
    style = {"arrowstyle": "-|>" if across else "<|-|>", "linewidth": width, "color": "black"}
    axis.annotate("", stop, begin, arrowprops={**style, "shrinkA": 0, "shrinkB": 0})
    axis.text((begin[0] + stop[0]) / 2, begin[1] + 0.12, word, ha="center", fontsize=12)
