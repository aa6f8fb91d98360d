"""A drawing of who works when: the CPU prepares batches, the GPU trains on them."""

import matplotlib.pyplot as plt

from resnext_helpers.plots import COLORS, Picture

BATCHES, READING, REST, TRAINING = 4, 2, 1, 2  # made-up times that show what happens at a glance
WAYS = {  # CPU's time for a batch, and how many batches it may be ahead
    "with neither": (READING + REST, 0),
    "with prefetch": (READING + REST, 1),
    "with prefetch, and a cache that is full": (REST, 1),
}


def schedule(preparing, ahead):
    """When the CPU begins each batch, when the GPU does, and when all is done."""
    cpu, gpu, done = [], [], 0
    for number in range(BATCHES):
        ready = cpu[-1] + preparing if cpu else 0  # with the batch before
        taken = [0, *gpu][number] if ahead else done  # there is room for this one
        cpu.append(max(ready, taken))
        gpu.append(max(cpu[-1] + preparing, done))
        done = gpu[-1] + TRAINING
    return cpu, gpu, done


def picture():
    """The same four batches in three ways, one below the other."""
    figure, axes = plt.subplots(len(WAYS), 1, figsize=(10, 4.9), sharex=True)
    ends = {}
    for axis, (way, (preparing, ahead)) in zip(axes, WAYS.items(), strict=True):
        cpu, gpu, ends[way] = schedule(preparing, ahead)
        for y, starts, length, color, hatch in (
            (1, cpu, preparing, "sky", ""),
            (0, gpu, TRAINING, "orange", "//"),
        ):
            look = {"facecolor": COLORS[color], "edgecolor": "black", "hatch": hatch, "alpha": 0.6}
            axis.barh([y] * BATCHES, length, 0.8, starts, **look)
            for number, start in enumerate(starts, 1):
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                place = {"ha": "center", "va": "center", "bbox": box}
                axis.text(start + length / 2, y, f"{number}", **place)
        axis.set_title(way, loc="left", fontsize=13)
        axis.set_yticks([1, 0], ["CPU prepares", "GPU trains"])
        axis.grid(False)
    axes[-1].set(xlabel="time (made-up units; the numbers are the batches)", xticks=range(0, 21, 2))
    told = "; ".join(f"{way}, all is done after {end}" for way, end in ends.items())
    alt = f"Bars on a line of time: the CPU prepares {BATCHES} batches, the GPU trains on them. "
    return Picture(figure, f"{alt}{told[0].upper()}{told[1:]}.", ends=ends)
