"""The exercises of notebook 01."""

import math
import statistics
import time

import numpy as np
import tensorflow as tf

from .checking import call, is_close, letters, number

ORDER = {  # which letter must come before which, and why
    "ED": "resnext_helpers chooses how TensorFlow starts, so E must come before its import, D.",
    "DB": "B uses tf, and only D imports it.",
    "BC": "C uses the list gpus, and only B makes it.",
    "CA": "A is the first computation, and devices can only be chosen (C) before it.",
}


def check_order(answer):
    order = letters(answer)
    is_whole = sorted(order) == list("ABCDE")
    yield {'Write each of the letters A to E once, in your order, such as "ABCDE".': not is_whole}
    yield {why: order.index(pair[0]) > order.index(pair[1]) for pair, why in ORDER.items()}


BATCHES = {
    53: "The 400 MB are needed first: subtract them.",
    56: "The 400 MB are used up, so there is less left for photographs, not more.",
    14: "The 400 MB are needed once, not for each photograph.",
    51: "51 photographs need 400 + 51 × 150 = 8050 MB, which is too much: round down.",
    50: "A batch holds whole photographs: round down.",
}


def check_batch(answer):
    photographs = number(answer)
    whole = math.floor(photographs)
    otherwise = "How much memory is left for photographs? And how many times 150 MB is that?"
    if 1 <= whole < 50:
        otherwise = f"{whole} photographs fit, but more fit too: how many at most?"
    yield {BATCHES.get(whole, otherwise): photographs != 50}


def seconds_a_run(work, clock=time.perf_counter):
    seconds = []
    for _ in range(20):
        start = clock()
        float(work())
        seconds.append(clock() - start)
    return statistics.median(seconds[3:])


class SlowDevice:
    """Plays a GPU and its clock: it computes while Python goes on; who asks for a result waits.

    Its first three runs are slow, and every seventh is disturbed. The others still get faster and
    faster, by less and less, so that a median tells which runs it is of.
    """

    USUAL, LAUNCH = 0.02, 0.0001  # seconds of a run, and until Python goes on

    def __init__(self):
        self.durations = []  # seconds of all runs up to now
        self.times_read = 0  # of the clock
        self.waited_for = set()  # the runs whose results were read
        self.now = self.ready = 0.0

    def clock(self):
        self.times_read += 1
        return self.now

    def work(self):
        """Start a run; its result, a number, is ready later."""
        run = len(self.durations) + 1
        usual = self.USUAL * (1 + 0.02 / run) if run % 7 else 10 * self.USUAL
        self.durations.append({1: 5.0, 2: 2.0, 3: 1.0}.get(run, usual))
        self.now += self.LAUNCH
        self.ready = max(self.now, self.ready) + self.durations[-1]
        return SlowResult(self, self.ready, run)


class SlowResult:
    """The number 0; every way to read it waits until it is ready."""

    def __init__(self, device, ready, run):
        self.device, self.ready, self.run = device, ready, run

    def numpy(self):
        self.device.now = max(self.device.now, self.ready)
        self.device.waited_for.add(self.run)
        return np.float32(0)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.numpy(), dtype)

    def __float__(self):
        return float(self.numpy())


def check_timer(answer):
    """Try ``answer(work, clock)`` on a device whose times are known."""
    device, said = SlowDevice(), "seconds_a_run(work, clock)"
    seconds = number(call(answer, device.work, device.clock, said=said), said)
    durations, usual = device.durations, SlowDevice.USUAL
    runs, is_usual = len(durations), is_close(seconds, usual, within=0.1)
    of_all = statistics.median(durations or [0]) + SlowDevice.LAUNCH
    yield {
        "It never runs the work: call work().": not runs,
        "It doesn't read the clock that it is given: call clock(), not "
        "time.perf_counter().": not device.times_read,
        "Read the clock before and after a run: call clock() twice.": device.times_read < 2,
        "It returns less than 0: subtract the start from the end.": seconds < 0,
        "It runs the work once, and the first run is the slowest: warm up, and repeat.": runs == 1,
        f"It says {seconds:.3g} seconds: wait for every run, not only the last.": not is_usual
        and device.waited_for == {runs},
        f"It says {seconds:g} seconds. That is only the start of a run: wait for the result, with "
        f"float(work()), and read the clock after that.": seconds <= 2 * SlowDevice.LAUNCH,
        f"It runs the work {runs} times: repeat it more often.": runs < 6,
        "Your median counts all runs: leave out the first runs, the warm-up.": is_close(
            seconds, of_all, within=1e-9
        ),
    }
    if is_usual:
        return

    def is_one_of(wanted):
        return any(is_close(seconds, one, within=0.02) for one in wanted)

    case = f"It says {seconds:.3g} seconds, and a usual run takes {usual:g}"
    # The answer may have counted all runs, or left out a few as its warm-up.
    counted, is_disturbed = [durations[i:] for i in range(min(6, runs))], seconds <= 11 * usual
    yield {
        f"{case}: these are milliseconds.": is_one_of([1000 * usual]),
        f"{case}: the slow first runs are in your mean. Warm up before you read the "
        f"clock.": is_one_of(map(statistics.mean, counted[:3])),
        f"{case}: that is the time of all runs together.": is_one_of(map(sum, counted)),
        f"{case}: that is a slow first run. Warm up with a few runs that you don't "
        f"count.": is_one_of(durations[:3]),
        f"{case}: disturbed runs are in it. Time each run by itself, and take the "
        f"median.": is_disturbed,
        f"{case}. Read the clock just before and just after each run.": True,
    }


def through_float16(gradient, scale):
    small = tf.cast(gradient * scale, tf.float16)
    return tf.cast(small, tf.float32) / scale


def check_loss_scale(answer):
    """Gradients that float16 rounds by less than bfloat16, and neither of them keeps as it is."""
    for gradient, scale in ((1.3e-8, 8192.0), (2.3e-8, 32768.0)):
        said = f"through_float16({gradient}, {scale:g})"
        result = call(answer, tf.constant(gradient), scale, said=said)
        value, is_float16 = number(result, said), np.asarray(result).dtype == np.float16
        wanted = float(through_float16(tf.constant(gradient), scale))
        in_bfloat16 = float(tf.cast(tf.constant(gradient * scale), tf.bfloat16)) / scale
        # float32 rounds at 1e-7, and the roundings of the two types lie 1e-3 apart.
        is_exact, is_bfloat16, is_right = (
            is_close(value, one, 1e-5) for one in (gradient, in_bfloat16, wanted)
        )
        yield {
            "It returns float16: cast to float32 first, then divide.": is_float16,
            f"{gradient} came back as 0: multiply while it is still float32, and divide when it is "
            f"float32 again.": value == 0,
            "The value came back exactly, so it never was float16: cast it on the way.": is_exact,
            "It comes back too large: divide by the scale at the end.": is_close(
                value, gradient * scale, 0.01
            ),
            "It was bfloat16 on the way, which keeps fewer digits: cast it to "
            "float16.": is_bfloat16,
            f"{gradient} came back as {value:.5g}. Through float16 it becomes {wanted:.5g}: only "
            f"multiply, cast, cast back and divide.": not is_right,
        }
