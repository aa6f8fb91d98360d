"""Drawings of devices: the places that data pass on their way to a GPU, and measured times."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from resnext_helpers.plots import COLORS, CYCLE, MARKERS, Picture


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


def runs(times, typical, warm_up=3):
    """Each run's milliseconds and their median, by the device's name."""
    figure, axis = plt.subplots(figsize=(10, 4))
    for name, color, marker, dashes in zip(times, CYCLE, MARKERS, ["--", ":"], strict=False):
        axis.plot(range(1, len(times[name]) + 1), times[name], marker, ls="-", c=color, label=name)
        label = f"{name}, median: {typical[name]:.2g} ms"
        axis.axhline(typical[name], color=color, linestyle=dashes, label=label)
    every = np.concatenate(list(times.values()))
    axis.axvspan(0.5, warm_up + 0.5, color="gray", alpha=0.25, label="warm-up, not counted")
    # From far below to far above, with marks such as 1, 2, 3, 5, 10: a GPU's first run takes a
    # thousand times as long as a usual one, and a CPU's hardly longer.
    axis.set(yscale="log", ylim=(every.min() / 2, every.max() * 2))
    steps = (1, 2, 3, 5) if every.max() < 100 * every.min() else (1,)
    axis.yaxis.set_major_locator(LogLocator(subs=steps))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter("{x:g}")
    longest = max(map(len, times.values()))
    axis.set(xlabel="run", xlim=(0.5, longest + 0.5), xticks=range(1, longest + 1))
    axis.set(ylabel="milliseconds (less is better)", title="One convolution, on this machine")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    medians = ", ".join(f"{name} {value:.2g} ms" for name, value in typical.items())
    alt = f"Lines: milliseconds of each of {longest} runs, on a log scale; median: {medians}."
    return Picture(figure, alt, **times)


def _draw_box(axis, x, y, name, words, color):
    style = {"facecolor": COLORS[color], "edgecolor": "black", "alpha": 0.35, "linewidth": 1.5}
    axis.add_patch(plt.Rectangle((x - 1.2, y - 0.6), 2.4, 1.2, **style))
    lift = 0.18 if "cores" in words else 0
    axis.text(x, y + lift + 0.17, name, ha="center", va="center", fontsize=14, fontweight="bold")
    axis.text(x, y + lift - 0.05, words, ha="center", va="top", fontsize=12)


def _draw_road(axis, start, end, style, width):
    arrow = {"arrowstyle": style, "linewidth": width, "color": "black", "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", end, start, arrowprops=arrow)
