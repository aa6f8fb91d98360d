"""What a training will cost in time and memory, told before it starts.

The time of a step is taken apart into two: a part that grows with the multiply-adds, and a part
that is the same however few pictures a step has (starting hundreds of small operations, changing
25 million weights). Two measured steps give both.
"""

import math
import time
from dataclasses import dataclass

import ipywidgets as widgets
import keras
import numpy as np
import tensorflow as tf

from resnext_course.explorers._panel import Panel, choice
from resnext_helpers import counting, models, plots, training
from resnext_helpers.settings import PROFILES

GROUPS, WIDTH = 32, 4
MEASURED_SIZE = 64  # pixels
MEASURED_BATCHES = 2, 32
TRIES = 4  # of each batch; the first one of a kind is always slower
FORTH_AND_BACK = 3  # the way back costs two multiply-adds for each one of the way forth
BYTES = 4  # of a float32


@dataclass(frozen=True)
class Speed:
    """How fast a machine trains ResNeXt-50.

    Attributes:
        prepare: seconds until the first step has passed: TensorFlow builds its graph.
        fixed: seconds of each step, however small it is.
        macs_a_second: multiply-adds in a second, beside the fixed part.
    """

    prepare: float
    fixed: float
    macs_a_second: float

    def __repr__(self):
        return (
            f"Preparing the first step: {self.prepare:.0f} s. Each step: {self.fixed:.2f} s, and "
            f"1 s more for each {self.macs_a_second / 1e9:.0f} billion multiply-adds."
        )


@dataclass(frozen=True)
class Plan:
    """What a training costs.

    Attributes:
        steps: training steps an epoch.
        macs: multiply-adds of a step, forth and back.
        epoch: seconds an epoch, validation included.
        total: seconds in all, the preparation included.
        weights: bytes of the weights, and of the two numbers that Adam keeps for each.
        maps: bytes of the feature maps that a step keeps for its way back, roughly.
    """

    steps: int
    macs: int
    epoch: float
    total: float
    weights: int
    maps: int


def measure():
    """Time real training steps of ResNeXt-50, on pictures of 64×64 pixels; takes 10 to 30 s.

    The fastest try counts: what else the machine does can only make a step slower.
    """
    model = models.ResNeXt50((MEASURED_SIZE, MEASURED_SIZE, 3), 4)
    training.compile_model(model, learning_rate=1e-3)
    training.make_variables(model)
    ends = [time.perf_counter()]
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    model.fit(_batches(), callbacks=[clock], shuffle=False, verbose=0)
    seconds = np.diff(ends).tolist()
    return speed_from(seconds[0], min(seconds[1:TRIES]), min(seconds[TRIES + 1 :]))


def _batches():
    """One graph serves both sizes of a batch, because the number of pictures is left open."""
    shape = (MEASURED_SIZE, MEASURED_SIZE, 3)
    sizes = np.repeat(MEASURED_BATCHES, TRIES)

    def draw():
        for size in sizes:
            yield np.zeros((size, *shape), "float32"), np.zeros(size, "int32")

    signature = tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec((None,), tf.int32)
    batches = tf.data.Dataset.from_generator(draw, output_signature=signature)
    return batches.apply(tf.data.experimental.assert_cardinality(len(sizes)))


def speed_from(first, small, large):
    """The ``Speed`` behind three measured times.

    Args:
        first: seconds of the very first step.
        small: seconds of a step with the smaller batch of ``MEASURED_BATCHES``.
        large: seconds of a step with the larger batch.
    """
    fewer, more = (FORTH_AND_BACK * n * _macs(MEASURED_SIZE) for n in MEASURED_BATCHES)
    # A busy machine may make the small step look slower than the large one.
    macs_a_second = (more - fewer) / max(large - small, large / 10)
    fixed = max(0.0, large - more / macs_a_second)
    return Speed(prepare=first, fixed=fixed, macs_a_second=macs_a_second)


def _macs(image_size, depth=50):
    return counting.network_macs(models.BLOCKS[depth], GROUPS, WIDTH, image_size)


def plan(speed, *, image_size, batch_size, epochs, photographs, depth=50):
    """Work out what a training costs, before it starts.

    Args:
        speed: of the machine, from ``measure``.
        image_size: height and width of a picture, in pixels.
        batch_size: photographs in one training step.
        epochs: passes over the training photographs.
        photographs: all of them; a fifth is kept for validation.
        depth: layers of the network, 50, 101 or 152.

    Raises:
        ValueError: no network can be trained so.
    """
    _check(image_size, batch_size, photographs)
    validation = round(photographs * PROFILES["sample"].validation_fraction)
    steps = math.ceil((photographs - validation) / batch_size)
    macs = _macs(image_size, depth)
    trainable, total = (
        counting.network_parameters(models.BLOCKS[depth], GROUPS, WIDTH, trainable_only=only)
        for only in (True, False)
    )
    # The fixed part, and the graph, grow with the network.
    larger = trainable / counting.network_parameters(models.BLOCKS[50], GROUPS, WIDTH)
    forth = FORTH_AND_BACK * (photographs - validation) + validation  # no way back in validation
    epoch = steps * speed.fixed * larger + macs * forth / speed.macs_a_second
    return Plan(
        steps=steps,
        macs=FORTH_AND_BACK * macs * batch_size,
        epoch=epoch,
        total=speed.prepare * larger + epochs * epoch,
        weights=BYTES * (total + 2 * trainable),
        maps=BYTES * batch_size * _kept_numbers(image_size, depth),
    )


def _kept_numbers(image_size, depth):
    """Numbers kept for the way back, for one picture: behind each convolution, and behind the batch
    norm and the ReLU that follow it."""
    convolutions = counting.network_convolutions(models.BLOCKS[depth], GROUPS, WIDTH, image_size)
    return 2 * sum(channels * side**2 for _, channels, _, side, _ in convolutions)


def _check(image_size, batch_size, photographs):
    if image_size < 32:
        raise ValueError(
            f"The network halves the picture five times, and {image_size} pixels can't be halved "
            f"five times: choose at least 32."
        )
    if image_size == 32 and batch_size == 1:
        raise ValueError(
            "One picture of 32 pixels leaves a single number a channel in stack 4. Batch norm "
            "subtracts the mean, which is this number, and 0 remains: choose a larger picture or "
            "batch."
        )
    if batch_size > photographs:
        raise ValueError(
            f"{photographs} photographs can't fill a batch of {batch_size}: choose a smaller batch "
            f"or more photographs."
        )


def draw(speed, *, image_size, batch_size, epochs, photographs, depth=50):
    """Bars of the time that these settings take, beside the course's two profiles.

    Arguments and errors as in ``plan``. The profiles are those of ``settings``, with as many
    photographs and ResNeXt-50.
    """
    yours = plan(
        speed,
        image_size=image_size,
        batch_size=batch_size,
        epochs=epochs,
        photographs=photographs,
        depth=depth,
    )
    minutes = {"your settings": yours.total / 60}
    for name, profile in PROFILES.items():
        chosen = {field: getattr(profile, field) for field in ("image_size", "epochs")}
        batch = min(profile.batch_size, photographs)
        cost = plan(speed, photographs=photographs, batch_size=batch, **chosen)
        minutes[f"{name} profile"] = cost.total / 60
    texts = {name: duration(60 * value) for name, value in minutes.items()}
    bars = plots.bars(
        minutes,
        "Estimated time of a training: " + ", ".join(": ".join(pair) for pair in texts.items()),
        ylabel="minutes in all (estimated)",
        title=f"{photographs} photographs on this machine",
        labels=texts,
        horizontal=True,
    )
    bars.data = {
        "steps_an_epoch": yours.steps,
        "billion_multiply-adds_a_step": round(yours.macs / 1e9, 2),
        "minutes_an_epoch": round(yours.epoch / 60, 2),
        "minutes_in_all": round(yours.total / 60, 2),
        "megabytes_for_weights_and_Adam": round(yours.weights / 1e6),
        "megabytes_for_feature_maps,_roughly": round(yours.maps / 1e6),
    }
    return bars


def duration(seconds):
    """A time as one reads it: seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 100 * 60 else f"{seconds / 3600:,.1f} h"


def explore(speed):
    """The controls around ``draw``."""
    lazy = {"continuous_update": False}

    return Panel(
        lambda **settings: draw(speed, **settings),
        image_size=choice([16, 32, 64, 96, 128, 160, 192, 224, 320], "image size (pixels)", 128),
        batch_size=choice([1, 2, 4, 8, 16, 32, 64], "batch size", 16),
        epochs=widgets.IntSlider(value=8, min=1, max=50, description="epochs", **lazy),
        photographs=widgets.IntSlider(
            value=240, min=20, max=2000, step=20, description="photographs", **lazy
        ),
        depth=choice([(f"ResNeXt-{depth}", depth) for depth in (50, 101, 152)], "network"),
    )
