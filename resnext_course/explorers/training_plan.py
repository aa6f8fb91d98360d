"""What a training will cost in time, told before it starts.

The time of a step is taken apart into two: a part that grows with the multiply-adds, and a part
that is the same however few pictures a step has (starting hundreds of small operations, changing
millions of weights). Two measured steps of a small network give both.
"""

import functools
import math
import time
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from resnext_course.explorers.panel import Panel, choice
from resnext_course.figures import bars
from resnext_helpers import counting, models, training
from resnext_helpers.settings import PROFILES

BATCHES = 2, 32  # pictures of 64 pixels in the two measured steps
FORTH_AND_BACK = 3  # the way back costs two multiply-adds for each one of the way forth


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


@functools.cache
def size(depth):
    """Parameters, and multiply-adds for 224×224 pixels, of a ResNeXt of 50, 101 or 152 layers."""
    form = {"groups": 32, "width_per_group": 4, "blocks": models.BLOCKS[depth]}
    model = models.resnext((224, 224, 3), 1000, **form)
    return counting.trainable_parameters(model), counting.macs(model)


def measure():
    """Time training steps of a small ResNeXt, as the ``Speed`` of ResNeXt-50; takes a few seconds.

    The fastest of a kind counts: what else the machine does can only make a step slower.
    """
    form = {"groups": 32, "width_per_group": 4, "blocks": (1, 1, 1, 1)}
    model = models.resnext((64, 64, 3), 4, **form)
    training.compile_model(model, learning_rate=1e-3)

    def seconds(pictures):
        batch = np.zeros((pictures, 64, 64, 3), "float32"), np.zeros(pictures, "int32")
        start = time.perf_counter()
        model.train_on_batch(*batch)
        return time.perf_counter() - start

    first = seconds(BATCHES[0])
    small, large = (min(seconds(batch) for _ in range(4)) for batch in BATCHES)
    fewer, more = (FORTH_AND_BACK * counting.macs(model) * batch for batch in BATCHES)
    # A busy machine may make the small step look slower than the large one.
    macs_a_second = (more - fewer) / max(large - small, large / 10)
    fixed = max(0.0, large - more / macs_a_second)
    larger = size(50)[0] / counting.trainable_parameters(model)  # so grow fixed part and graph
    return Speed(larger * first, larger * fixed, macs_a_second)


def plan(speed, *, image_size, batch_size, epochs, photographs, depth=50):
    """Work out what a training costs, before it starts: numbers by names with their units.

    ``speed`` is the machine's, from ``measure``. ``photographs`` are all that there are; a fifth of
    them is kept for validation. The ``depth`` is as in ``size``.
    """
    parameters, macs = size(depth)
    macs *= (image_size / 224) ** 2
    larger = parameters / size(50)[0]
    validation = round(photographs / 5)
    steps = math.ceil((photographs - validation) / batch_size)
    forth = FORTH_AND_BACK * (photographs - validation) + validation  # no way back in validation
    epoch = steps * speed.fixed * larger + macs * forth / speed.macs_a_second
    return {
        "parameters": parameters,
        "steps an epoch": steps,
        "billion multiply-adds a step": FORTH_AND_BACK * macs * batch_size / 1e9,
        "minutes an epoch": epoch / 60,
        "minutes in all": (speed.prepare * larger + epochs * epoch) / 60,
    }


def draw(speed, photographs, **chosen):
    """Bars of the time that settings, as in ``plan``, take, beside the course's two profiles."""
    settings = {"your settings": chosen}
    for name, profile in PROFILES.items():
        fields = "image_size", "batch_size", "epochs"
        settings[f"{name} profile"] = {field: getattr(profile, field) for field in fields}
    costs = {name: plan(speed, photographs=photographs, **s) for name, s in settings.items()}
    minutes = {name: round(cost["minutes in all"], 1) for name, cost in costs.items()}
    told = ", ".join(f"{name}: {value:,} min" for name, value in minutes.items())
    shown = bars.picture(
        minutes,
        f"Estimated time of a training: {told}",
        xlabel="minutes in all (estimated)",
        title=f"{photographs} photographs on this machine",
    )
    shown.data = {
        n: value if isinstance(value, int) else round(value, 2)
        for n, value in costs["your settings"].items()
    }
    return shown


def explore(speed):
    """The controls around ``draw``."""
    slider = functools.partial(widgets.IntSlider, continuous_update=False)
    return Panel(
        functools.partial(draw, speed),
        image_size=choice((32, 64, 96, 128, 160, 192, 224, 320), "image size (pixels)", 128),
        batch_size=choice((1, 2, 4, 8, 16, 32, 64), "batch size", 16),
        epochs=slider(8, 1, 50, description="epochs"),
        photographs=slider(240, 20, 2000, 20, description="photographs"),
        depth=choice([(f"ResNeXt-{depth}", depth) for depth in (50, 101, 152)], "network"),
    )
