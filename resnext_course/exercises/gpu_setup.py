"""The exercises of notebook 01."""

import statistics

import numpy as np
import tensorflow as tf

from resnext_course.exercises._exercise import Exercise, is_number
from resnext_course.exercises._slow_device import LAUNCH, TYPICAL, SlowDevice

_ORDER_RULES = (
    (
        "E",
        "D",
        "resnext_helpers chooses how TensorFlow starts, so E must come before its import, D",
    ),
    ("D", "B", "B uses tf, and only D imports it"),
    ("B", "C", "C uses the list gpus, and only B makes it"),
    ("C", "A", "A is the first computation, and devices can only be chosen (C) before it"),
)


def _wrong_order(answer):
    text = "".join(map(str, answer)) if isinstance(answer, str | list | tuple) else ""
    letters = [letter for letter in text.upper() if letter not in " ,;->"]
    if sorted(letters) != list("ABCDE"):
        return 'Write each of the letters A to E once, in your order, such as "ABCDE".'
    for first, second, why in _ORDER_RULES:
        if letters.index(first) > letters.index(second):
            return f"{why}."
    return None


def _wrong_minutes(answer):
    if not is_number(answer):
        return "The answer is one number: minutes."
    for mistake, why in (
        (720, "These are seconds: divide by 60"),
        (0.2, "These are hours: the question asks for minutes"),
        (1.2, "This is one epoch, and there are 10"),
        (432, "More photographs a second must take less time: divide by the speed"),
    ):
        if 0.99 * mistake <= answer <= 1.01 * mistake:
            return f"{why}."
    if not 11.9 <= answer <= 12.1:
        return "Count all photographs that training reads, then divide by the speed."
    return None


def _wrong_batch(answer):
    """(8000 - 400) // 150"""
    if not is_number(answer):
        return "The answer is one number: photographs."
    for mistake, why in (
        (8000 / 150, "Weights, gradients and Adam's numbers need their memory first: subtract it"),
        (8400 / 150, "The 400 MB are used up, so there is less left for photographs, not more"),
        (8000 / 550, "The 400 MB are needed once, not for each photograph"),
        (51, "51 photographs need 400 + 51 × 150 = 8050 MB, which is too much: round down"),
    ):
        if int(mistake) <= answer <= mistake + 0.01:
            return f"{why}."
    if answer == 50:
        return None
    if 50 < answer < 51:
        return "A batch holds whole photographs: round down."
    if answer in (32, 48):
        return f"{answer} photographs fit, but a few more fit too: how many at most?"
    return "How much memory is left for photographs? And how many times 150 MB is that?"


def _wrong_timer(answer):
    """Try a learner's ``seconds_a_run(work, clock)`` on a device whose times are known."""
    if not callable(answer):
        return "The answer is the function itself: answer = seconds_a_run, without brackets."
    device = SlowDevice()
    try:
        result = answer(device.work, device.clock)
        seconds = float(result) if is_number(result) else None
    except Exception as error:
        return f"Called with work and clock, it raised {type(error).__name__}: {error}"
    if seconds is None:
        return f"It should return one number, the seconds, and it returned {result!r}."
    if not device.durations:
        return "It never runs the work: call work()."
    if device.times_read < 2:
        return "Read the clock before and after a run: call clock() twice."
    return _wrong_seconds(seconds, device.durations)


def _wrong_seconds(seconds, durations):
    if seconds < 0:
        return "It returns less than 0: subtract the start from the end."
    if seconds <= 2 * LAUNCH:
        return (
            f"It says {seconds:g} seconds. That is only the start of a run: wait for the result, "
            f"with float(work()), and read the clock after that."
        )
    if len(durations) == 1:
        return "It runs the work once, and the first run is the slowest: warm up, and repeat."
    if len(durations) < 6:
        return f"It runs the work {len(durations)} times: repeat it more often."
    if 0.9 * TYPICAL <= seconds <= 1.1 * TYPICAL:
        return None
    case = f"It says {seconds:.3g} seconds, and a usual run takes {TYPICAL:g}"
    if _is_close(seconds, 1000 * TYPICAL):
        return f"{case}: these are milliseconds."
    # The answer may have counted all runs, or left out a few as its warm-up.
    counted = [durations[warm_up:] for warm_up in range(6) if durations[warm_up:]]
    if any(_is_close(seconds, statistics.mean(runs)) for runs in counted[:3]):
        return f"{case}: the slow first runs are in your mean. Warm up before you read the clock."
    if any(_is_close(seconds, sum(runs)) for runs in counted):
        return f"{case}: that is the time of all runs together."
    if any(_is_close(seconds, slow) for slow in durations[:3]):
        return f"{case}: that is a slow first run. Warm up with a few runs that you don't count."
    if seconds <= 11 * TYPICAL:
        return f"{case}: disturbed runs are in it. Time each run by itself, and take the median."
    return f"{case}. Read the clock just before and just after each run."


def _is_close(seconds, wanted):
    return abs(seconds - wanted) <= 0.02 * wanted


def _wrong_round_trip(answer):
    if not callable(answer):
        return "The answer is the function itself: exercises.check(..., answer) without brackets."
    for gradient, scale in ((1e-8, 1024.0), (3e-8, 8192.0)):
        try:
            result = answer(tf.constant(gradient), scale)
        except Exception as error:
            return f"Called with ({gradient}, {scale}), it raised {type(error).__name__}: {error}"
        if result is None:
            return "It returns nothing: end it with return."
        wrong = _wrong_gradient(np.asarray(result), gradient, scale)
        if wrong:
            return wrong
    return None


def _wrong_gradient(result, gradient, scale):
    if result.shape != () or not np.issubdtype(result.dtype, np.number):
        return f"It should return one number, and it returned {result!r}."
    if result.dtype == np.float16:
        return "It returns float16: cast to float32 first, then divide."
    value = float(result)
    if value == 0:
        return (
            f"{gradient} came back as 0: multiply while it is still float32, and divide when it is "
            f"float32 again."
        )
    if value == float(np.float32(gradient)):
        return "The value came back exactly, so it never was float16: cast it on the way."
    if np.isclose(value, gradient * scale, rtol=0.01):
        return "It comes back too large: divide by the scale at the end."
    if not np.isclose(value, gradient, rtol=0.01):
        return f"{gradient} came back as {value:.3g}; it should be nearly the same."
    return None


EXERCISES = {
    "01-order": Exercise(
        what_is_wrong=_wrong_order,
        praise="Start-up settings, then the import, then the choice of devices, then computing.",
        hints=(
            "Which line is the first that computes something?",
            "Importing resnext_helpers sets environment variables. Who reads them, and when?",
            "It ends with C, A.",
        ),
        solution=(
            '"EDBCA": resnext_helpers sets the start-up values (E) that TensorFlow reads at its '
            "import (D).\nThe GPUs are listed (B) and chosen (C). The first computation (A) comes "
            "last, for it starts the devices."
        ),
    ),
    "01-minutes": Exercise(
        what_is_wrong=_wrong_minutes,
        praise="12 minutes: worth planning a short break, and worth a smaller trial first.",
        hints=(
            "In one epoch, training reads every photograph once.",
            "Photographs in all epochs, divided by photographs in a second, are seconds.",
        ),
        solution="432 photographs × 10 epochs / 6 photographs a second = 720 s = 12 minutes.",
    ),
    "01-batch": Exercise(
        what_is_wrong=_wrong_batch,
        praise="In 16 bits, a photograph needs about half as much, so nearly twice as many fit.",
        hints=(
            "The 400 MB are there whatever the batch is. What is left of 8000 MB?",
            "Divide what is left by 150 MB, and round down.",
        ),
        solution=(
            "(8000 - 400) / 150 = 50.7, so 50 photographs.\n"
            "The 400 MB: 25 million weights of 4 bytes are 100 MB. Their gradients need as much, "
            "and Adam\nremembers two more numbers for each weight."
        ),
    ),
    "01-timer": Exercise(
        what_is_wrong=_wrong_timer,
        praise="It warms up, waits for each result, and a few disturbed runs don't matter.",
        hints=(
            "Three rules make a measurement honest. Which of them does the function keep?",
            "float(work()) waits for the result. Read the clock after it.",
            "Collect the seconds of each run in a list; its first three are the warm-up.",
        ),
        solution=(
            "It broke all three rules: no warm-up, no waiting, a mean instead of a median.\n"
            "import statistics\n\n\n"
            "def seconds_a_run(work, clock=time.perf_counter):\n"
            "    seconds = []\n"
            "    for _ in range(20):\n"
            "        start = clock()\n"
            "        float(work())\n"
            "        seconds.append(clock() - start)\n"
            "    return statistics.median(seconds[3:])"
        ),
    ),
    "01-loss-scale": Exercise(
        what_is_wrong=_wrong_round_trip,
        praise="The small gradient survived its trip through float16.",
        hints=(
            "float16 can't hold 1e-8, but it can hold 1e-8 × 1024.",
            "Four steps: multiply, cast to tf.float16, cast to tf.float32, divide.",
        ),
        solution=(
            "def through_float16(gradient, scale):\n"
            "    small = tf.cast(gradient * scale, tf.float16)\n"
            "    return tf.cast(small, tf.float32) / scale"
        ),
    ),
}
