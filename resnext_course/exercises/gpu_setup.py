"""The exercises of notebook 01."""

import math
import statistics
import time
from inspect import getsource

import numpy as np
import tensorflow as tf

from .checking import AnswerError, Exercise, call, is_close, letters, number, one_number, refuse_if

ORDER = {  # which letter must come before which, and why
    "ED": "resnext_helpers chooses how TensorFlow starts, so E must come before its import, D.",
    "DB": "B uses tf, and only D imports it.",
    "BC": "C uses the list gpus, and only B makes it.",
    "CA": "A is the first computation, and devices can only be chosen (C) before it.",
}


def check_order(answer):
    order = letters(answer)
    refuse_if(
        sorted(order) != list("ABCDE"),
        'Write each of the letters A to E once, in your order, such as "ABCDE".',
    )
    for (first, second), why in ORDER.items():
        refuse_if(order.index(first) > order.index(second), why)


BATCHES = {
    53: "Weights, gradients and Adam's numbers need their memory first: subtract it.",
    56: "The 400 MB are used up, so there is less left for photographs, not more.",
    14: "The 400 MB are needed once, not for each photograph.",
    51: "51 photographs need 400 + 51 × 150 = 8050 MB, which is too much: round down.",
    50: "A batch holds whole photographs: round down.",
    32: "32 photographs fit, but a few more fit too: how many at most?",
    48: "48 photographs fit, but a few more fit too: how many at most?",
}


def check_batch(answer):
    """(8000 - 400) // 150"""
    photographs = number(answer)
    otherwise = "How much memory is left for photographs? And how many times 150 MB is that?"
    refuse_if(photographs != 50, BATCHES.get(math.floor(photographs), otherwise))


def seconds_a_run(work, clock=time.perf_counter):
    seconds = []
    for _ in range(20):
        start = clock()
        float(work())
        seconds.append(clock() - start)
    return statistics.median(seconds[3:])


class SlowDevice:
    """Plays a device and its clock, so that nobody waits when a timing function is checked.

    Like a GPU, it computes while Python goes on; only who asks for a result waits. Its first three
    runs are slow, and every seventh is disturbed.
    """

    USUAL, LAUNCH = 0.02, 0.0001  # seconds of a run, and until Python goes on

    def __init__(self):
        self.durations = []  # seconds of all runs up to now
        self.times_read = 0  # of the clock
        self.now = self.ready = 0.0

    def clock(self):
        self.times_read += 1
        return self.now

    def work(self):
        """Start a run; its result, a number, is ready later."""
        run = len(self.durations) + 1
        usual = self.USUAL if run % 7 else 10 * self.USUAL
        self.durations.append({1: 5.0, 2: 2.0, 3: 1.0}.get(run, usual))
        self.now += self.LAUNCH
        self.ready = max(self.now, self.ready) + self.durations[-1]
        return SlowResult(self, self.ready)


class SlowResult:
    """The number 0; every way to read it waits until it is ready."""

    def __init__(self, device, ready):
        self.device, self.ready = device, ready

    def numpy(self):
        self.device.now = max(self.device.now, self.ready)
        return np.float32(0)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.numpy(), dtype)

    def __float__(self):
        return float(self.numpy())

    def __int__(self):
        return int(self.numpy())

    def __repr__(self):
        return repr(self.numpy())


def check_timer(answer):
    """Try ``answer(work, clock)`` on a device whose times are known."""
    device, said = SlowDevice(), "seconds_a_run(work, clock)"
    seconds = number(call(answer, device.work, device.clock, said=said), said)
    durations, usual = device.durations, SlowDevice.USUAL
    runs = len(durations)
    refuse_if(not runs, "It never runs the work: call work().")
    refuse_if(device.times_read < 2, "Read the clock before and after a run: call clock() twice.")
    refuse_if(seconds < 0, "It returns less than 0: subtract the start from the end.")
    refuse_if(
        seconds <= 2 * SlowDevice.LAUNCH,
        f"It says {seconds:g} seconds. That is only the start of a run: wait for the result, with "
        f"float(work()), and read the clock after that.",
    )
    refuse_if(
        runs == 1, "It runs the work once, and the first run is the slowest: warm up, and repeat."
    )
    refuse_if(runs < 6, f"It runs the work {runs} times: repeat it more often.")
    if is_close(seconds, usual, within=0.1):
        return

    def is_one_of(wanted):
        return any(is_close(seconds, one, within=0.02) for one in wanted)

    # The answer may have counted all runs, or left out a few as its warm-up.
    counted = [durations[warm_up:] for warm_up in range(6) if durations[warm_up:]]
    for is_so, why in (
        (is_one_of([1000 * usual]), ": these are milliseconds."),
        (
            is_one_of(map(statistics.mean, counted[:3])),
            ": the slow first runs are in your mean. Warm up before you read the clock.",
        ),
        (is_one_of(map(sum, counted)), ": that is the time of all runs together."),
        (
            is_one_of(durations[:3]),
            ": that is a slow first run. Warm up with a few runs that you don't count.",
        ),
        (
            seconds <= 11 * usual,
            ": disturbed runs are in it. Time each run by itself, and take the median.",
        ),
        (True, ". Read the clock just before and just after each run."),
    ):
        refuse_if(is_so, f"It says {seconds:.3g} seconds, and a usual run takes {usual:g}{why}")


def through_float16(gradient, scale):
    small = tf.cast(gradient * scale, tf.float16)
    return tf.cast(small, tf.float32) / scale


def check_loss_scale(answer):
    for gradient, scale in ((1e-8, 1024.0), (3e-8, 8192.0)):
        said = f"through_float16({gradient}, {scale:g})"
        result = call(answer, tf.constant(gradient), scale, said=said)
        value = number(result, said)
        refuse_if(
            np.asarray(result).dtype == np.float16,
            "It returns float16: cast to float32 first, then divide.",
        )
        refuse_if(
            value == 0,
            f"{gradient} came back as 0: multiply while it is still float32, and divide when it is "
            f"float32 again.",
        )
        refuse_if(
            value == float(np.float32(gradient)),
            "The value came back exactly, so it never was float16: cast it on the way.",
        )
        refuse_if(
            is_close(value, gradient * scale, within=0.01),
            "It comes back too large: divide by the scale at the end.",
        )
        refuse_if(
            not is_close(value, gradient, within=0.01),
            f"{gradient} came back as {value:.3g}; it should be nearly the same.",
        )


EXERCISES = {
    "01-order": Exercise(
        check_order,
        praise="Start-up settings, then the import, then the choice of devices, then computing.",
        hints=(
            "Which line is the first that computes something?",
            "Importing resnext_helpers sets environment variables. Who reads them, and when?",
            "It ends with C, A.",
        ),
        solution="""\
resnext_helpers sets the start-up values (E) that TensorFlow reads at its import (D).
The GPUs are listed (B) and chosen (C). The first computation (A) comes last, for it starts the
devices.
answer = "EDBCA\"""",
    ),
    "01-minutes": Exercise(
        one_number(
            12,
            {
                720: "These are seconds: divide by 60.",
                0.2: "These are hours: the question asks for minutes.",
                1.2: "This is one epoch, and there are 10.",
                432: "More photographs a second must take less time: divide by the speed.",
            },
            otherwise="Count all photographs that training reads, then divide by the speed.",
            within=0.008,
        ),
        praise="12 minutes: worth planning a short break, and worth a smaller trial first.",
        hints=(
            "In one epoch, training reads every photograph once.",
            "Photographs in all epochs, divided by photographs in a second, are seconds.",
        ),
        solution="432 photographs × 10 epochs / 6 photographs a second = 720 s = 12 minutes.\n"
        "answer = 432 * 10 / 6 / 60",
    ),
    "01-batch": Exercise(
        check_batch,
        praise="In 16 bits, a photograph needs about half as much, so nearly twice as many fit.",
        hints=(
            "The 400 MB are there whatever the batch is. What is left of 8000 MB?",
            "Divide what is left by 150 MB, and round down.",
        ),
        solution="""\
(8000 - 400) / 150 = 50.7, so 50 photographs.
The 400 MB: 25 million weights of 4 bytes are 100 MB. Their gradients need as much, and Adam
remembers two more numbers for each weight.
answer = (8000 - 400) // 150""",
    ),
    "01-timer": Exercise(
        check_timer,
        praise="It warms up, waits for each result, and a few disturbed runs don't matter.",
        hints=(
            "Three rules make a measurement honest. Which of them does the function keep?",
            "float(work()) waits for the result. Read the clock after it.",
            "Collect the seconds of each run in a list; its first three are the warm-up.",
        ),
        solution="It broke all three rules: no warm-up, no waiting, a mean instead of a median.\n"
        f"import statistics\n\n\n{getsource(seconds_a_run)}",
    ),
    "01-loss-scale": Exercise(
        check_loss_scale,
        praise="The small gradient survived its trip through float16.",
        hints=(
            "float16 can't hold 1e-8, but it can hold 1e-8 × 1024.",
            "Four steps: multiply, cast to tf.float16, cast to tf.float32, divide.",
        ),
        solution=getsource(through_float16),
    ),
}
