"""What a training will cost in time and memory, told before it starts.

The time of a step is taken apart into two: a part that grows with the multiply-adds, and a part
that is the same however few pictures a step has (starting hundreds of small operations, changing
millions of weights). Two measured steps of a small network give both.
"""

import math
import time
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from resnext_course.explorers._panel import Panel, choice
from resnext_helpers import counting, models, plots, training
from resnext_helpers.settings import PROFILES

SMALL = (1, 1, 1, 1)  # blocks a stage of the network that is measured, on pictures of 64 pixels
BATCHES = 2, 32
FORTH_AND_BACK = 3  # the way back costs two multiply-adds for each one of the way forth
# What is kept for the way back of one 224-pixel picture: the numbers behind each convolution, batch
# norm and ReLU, roughly.
KEPT_NUMBERS = {50: 28.8e6, 101: 42.4e6, 152: 59.3e6}


class Speed(NamedTuple):
    """How fast a machine trains ResNeXt-50."""

    prepare: float  # seconds until the first step has passed: TensorFlow builds its graph
    fixed: float  # seconds of each step, however small it is
    macs_a_second: float  # multiply-adds in a second, beside the fixed part

    def __repr__(self):
        return (
            f"Preparing the first step: {self.prepare:.0f} s. Each step: {self.fixed:.2f} s, and "
            f"1 s more for each {self.macs_a_second / 1e9:.0f} billion multiply-adds."
        )


def measure():
    """Time training steps of a small ResNeXt; takes a few seconds.

    The fastest of a kind counts: what else the machine does can only make a step slower.
    """
    model = models.resnext((64, 64, 3), 4, groups=32, width_per_group=4, blocks=SMALL)
    training.compile_model(model, learning_rate=1e-3)

    def seconds(pictures):
        batch = np.zeros((pictures, 64, 64, 3), "float32"), np.zeros(pictures, "int32")
        start = time.perf_counter()
        model.train_on_batch(*batch)
        return time.perf_counter() - start

    first = seconds(BATCHES[0])
    return speed_from(first, *(min(seconds(batch) for _ in range(4)) for batch in BATCHES))


def speed_from(first, small, large):
    """The ``Speed`` of ResNeXt-50 behind the seconds of three steps of the small network.

    They are the ``first`` step of all, and one with each of the ``BATCHES``.
    """
    macs_a_picture = FORTH_AND_BACK * counting.network_macs(SMALL, 32, 4, 64)
    fewer, more = (macs_a_picture * pictures for pictures in BATCHES)
    # A busy machine may make the small step look slower than the large one.
    macs_a_second = (more - fewer) / max(large - small, large / 10)
    fixed = max(0.0, large - more / macs_a_second)
    fifty, measured = (counting.network_parameters(b, 32, 4) for b in (models.BLOCKS[50], SMALL))
    larger = fifty / measured  # so grow the fixed part and the graph
    return Speed(prepare=larger * first, fixed=larger * fixed, macs_a_second=macs_a_second)


def plan(speed, *, image_size, batch_size, epochs, photographs, depth=50):
    """Work out what a training costs, before it starts.

    Args:
        speed: of the machine, from ``measure``.
        image_size: height and width of a picture, in pixels.
        batch_size: photographs in one training step.
        epochs: passes over the training photographs.
        photographs: all of them; a fifth is kept for validation.
        depth: layers of the network, 50, 101 or 152.

    Returns:
        The rows of the table: numbers by names with their units.

    Raises:
        ValueError: no network can be trained so.
    """
    if image_size < 32:
        raise ValueError(
            f"The network halves the picture five times, and {image_size} pixels can't be halved "
            f"five times: choose at least 32."
        )
    if image_size == 32 and batch_size == 1:
        raise ValueError(
            "One picture of 32 pixels leaves a single number a channel in stack 4. Batch norm "
            "subtracts the mean, this number, and 0 remains: choose a larger picture or batch."
        )
    if batch_size > photographs:
        raise ValueError(
            f"{photographs} photographs can't fill a batch of {batch_size}: choose a smaller batch "
            f"or more photographs."
        )
    blocks = models.BLOCKS[depth]
    validation = round(photographs / 5)
    steps = math.ceil((photographs - validation) / batch_size)
    macs = counting.network_macs(blocks, 32, 4, image_size)
    trainable = counting.network_parameters(blocks, 32, 4)
    total = counting.network_parameters(blocks, 32, 4, trainable_only=False)
    larger = trainable / counting.network_parameters(models.BLOCKS[50], 32, 4)
    forth = FORTH_AND_BACK * (photographs - validation) + validation  # no way back in validation
    epoch = steps * speed.fixed * larger + macs * forth / speed.macs_a_second
    kept = KEPT_NUMBERS[depth] * (image_size / 224) ** 2
    return {
        "steps an epoch": steps,
        "billion multiply-adds a step": FORTH_AND_BACK * macs * batch_size / 1e9,
        "minutes an epoch": epoch / 60,
        "minutes in all": (speed.prepare * larger + epochs * epoch) / 60,
        # Four bytes a number; Adam keeps two numbers for each weight.
        "megabytes for weights and Adam": 4 * (total + 2 * trainable) / 1e6,
        "megabytes for feature maps, roughly": 4 * batch_size * kept / 1e6,
    }


def draw(speed, photographs, **chosen):
    """Bars of the time that these settings take, beside the course's two profiles.

    Arguments and errors as in ``plan``.
    """
    yours = plan(speed, photographs=photographs, **chosen)
    minutes = {"your settings": yours["minutes in all"]}
    for name, profile in PROFILES.items():
        cost = plan(
            speed,
            image_size=profile.image_size,
            batch_size=min(profile.batch_size, photographs),
            epochs=profile.epochs,
            photographs=photographs,
        )
        minutes[f"{name} profile"] = cost["minutes in all"]
    texts = {name: f"{value:,.1f} min" for name, value in minutes.items()}
    bars = plots.bars(
        minutes,
        "Estimated time of a training: " + ", ".join(map(": ".join, texts.items())),
        ylabel="minutes in all (estimated)",
        title=f"{photographs} photographs on this machine",
        labels=texts,
        horizontal=True,
    )
    bars.data = {name: round(n, 2) if n < 100 else round(n) for name, n in yours.items()}
    return bars


def explore(speed):
    """The controls around ``draw``."""
    lazy = {"continuous_update": False}
    return Panel(
        lambda **settings: draw(speed, **settings),
        image_size=choice([16, 32, 64, 96, 128, 160, 192, 224, 320], "image size (pixels)", 128),
        batch_size=choice([1, 2, 4, 8, 16, 32, 64], "batch size", 16),
        epochs=widgets.IntSlider(8, 1, 50, description="epochs", **lazy),
        photographs=widgets.IntSlider(240, 20, 2000, 20, description="photographs", **lazy),
        depth=choice([(f"ResNeXt-{depth}", depth) for depth in (50, 101, 152)], "network"),
    )
