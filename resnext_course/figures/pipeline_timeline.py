"""A drawing of who works when: the CPU prepares batches, the GPU trains on them."""

import matplotlib.pyplot as plt

from resnext_helpers.plots import COLORS, Picture

TRAINING = 2  # all times are made up, so that what happens shows at a glance
WAYS = {  # how long the CPU prepares a batch, when it begins each, and when the GPU does
    "with neither": (3, [0, 5, 10, 15], [3, 8, 13, 18]),
    "with prefetch": (3, [0, 3, 6, 9], [3, 6, 9, 12]),
    "with prefetch, and a cache that is full": (1, [0, 1, 3, 5], [1, 3, 5, 7]),
}


def picture():
    """The same four batches in three ways, one below the other."""
    figure, axes = plt.subplots(len(WAYS), 1, figsize=(10, 4.9), sharex=True)
    ends = {}
    for axis, (way, (preparing, cpu, gpu)) in zip(axes, WAYS.items(), strict=True):
        ends[way] = gpu[-1] + TRAINING
        for y, starts, length, color, hatch in (
            (1, cpu, preparing, "sky", ""),
            (0, gpu, TRAINING, "orange", "//"),
        ):
            look = {"facecolor": COLORS[color], "edgecolor": "black", "hatch": hatch, "alpha": 0.6}
            axis.barh(y, length, 0.8, starts, **look)
            for number, start in enumerate(starts, 1):
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                place = {"ha": "center", "va": "center", "bbox": box}
                axis.text(start + length / 2, y, f"{number}", **place)
        axis.set_title(way, loc="left", fontsize=13)
        axis.set_yticks([1, 0], ["CPU prepares", "GPU trains"])
        axis.grid(False)
    axes[-1].set(xlabel="time (made-up units; the numbers are the batches)", xticks=range(0, 21, 2))
    told = "; ".join(f"{way}, all is done after {end}" for way, end in ends.items())
    alt = "Bars on a line of time: the CPU prepares 4 batches, the GPU trains on them. "
    return Picture(figure, f"{alt}{told[0].upper()}{told[1:]}.", ends=ends)
