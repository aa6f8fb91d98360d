"""The exercises of notebook 01."""

import numpy as np
import tensorflow as tf

from resnext_helpers.exercises._exercise import Exercise, is_number

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
