"""A drawing of the places that data pass on their way to a GPU."""

import matplotlib.pyplot as plt
import numpy as np

from resnext_helpers.plots import COLORS, Picture


def host_and_device():
    """Disk, host memory, CPU, device memory and GPU, and the roads between them."""
    figure, axis = plt.subplots(figsize=(10, 3.7))
    axis.set(xlim=(-0.1, 9.5), ylim=(0, 3.4), aspect="equal")
    axis.axis("off")
    _draw_box(axis, 1.2, 0.7, "disk", "holds the photographs", "yellow")
    _draw_box(axis, 4.7, 0.7, "host memory", "gigabytes, near the CPU", "sky")
    _draw_box(axis, 4.7, 2.7, "CPU", "a few strong cores", "sky")
    _draw_box(axis, 8.2, 0.7, "device memory", "gigabytes, near the GPU", "orange")
    _draw_box(axis, 8.2, 2.7, "GPU", "thousands of small cores", "orange")
    for x, columns, rows, step, size in ((4.7, 4, 1, 0.33, 17), (8.2, 32, 4, 0.063, 2.7)):
        xs, ys = np.meshgrid(np.arange(columns), np.arange(rows))
        x, y = x + step * (xs - (columns - 1) / 2), 2.35 + step * (ys - (rows - 1) / 2)
        axis.plot(x.ravel(), y.ravel(), "s", color="black", markersize=size)
    for x, word in ((2.4, "read"), (5.9, "copy")):  # narrow, for data pass slowly
        _draw_road(axis, (x, 0.7), (x + 1.1, 0.7), "-|>", 2)
        axis.text(x + 0.55, 0.82, word, ha="center", fontsize=12)
    for x in (4.7, 8.2):
        _draw_road(axis, (x, 1.3), (x, 2.1), "<|-|>", 7)
    return Picture(
        figure,
        "A drawing. Photographs are read from the disk into host memory, the memory of the CPU, "
        "which has a few strong cores. They are copied over a narrow road from host memory to "
        "device memory, the memory of the GPU, which has thousands of small cores.",
    )


def _draw_box(axis, x, y, name, words, color):
    style = {"facecolor": COLORS[color], "edgecolor": "black", "alpha": 0.35, "linewidth": 1.5}
    axis.add_patch(plt.Rectangle((x - 1.2, y - 0.6), 2.4, 1.2, **style))
    lift = 0.18 if "cores" in words else 0
    axis.text(x, y + lift + 0.17, name, ha="center", va="center", fontsize=14, fontweight="bold")
    axis.text(x, y + lift - 0.05, words, ha="center", va="top", fontsize=12)


def _draw_road(axis, start, end, style, width):
    arrow = {"arrowstyle": style, "linewidth": width, "color": "black", "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", end, start, arrowprops=arrow)
