"""What both sides of the parity check share: weights, pictures, and the answers of the course.

Nothing here needs PyTorch, so ``tests/helpers/test_parity.py`` uses it too. The numbers come from
NumPy's ``RandomState``, whose stream never changes: PyTorch's answers to them can be recorded once,
as a few sums each, and compared for years.
"""

import contextlib
import zlib
from collections.abc import Mapping

import resnext_helpers  # noqa: F401 (before TensorFlow: it chooses how TensorFlow starts)

# isort: split
import keras
import numpy as np
import tensorflow as tf

from resnext_helpers.torch_weights import (
    load_torchvision_weights,
    to_torch_layout,
    torchvision_names,
)

CLASSES = 10
BATCH = 4
SUMS = 8  # in a fingerprint

# The largest error of an answer, in units of the answer's own norm. 32-bit arithmetic does about a
# quarter of it to the answers of a network of 101 layers, PyTorch's own too (``parity.py`` shows
# both), and a tenth to those of one of 50.
LIMITS = {"logits": 4e-6, "loss": 2e-6, "gradient": 1e-4, "change": 6e-5}


def limit(name: str) -> float:
    """The largest error that the answer ``name`` may have, relative to its norm."""
    return LIMITS[name.split()[0]]


def weights(shapes: Mapping[str, tuple]) -> dict[str, np.ndarray]:
    """A state dict as if from a training: random, and no batch norm in it is trivial.

    Kernels keep the size of what passes through them. The last batch norm of each block is small,
    or 16 additions would make the logits huge.

    Args:
        shapes: of the tensors to make, by torchvision's names.
    """
    return {name: _weight(name, shape) for name, shape in shapes.items()}


def _weight(name, shape):
    numbers = _random(name).uniform(-1, 1, shape)
    if name.endswith("running_var"):
        numbers = 1 + numbers / 2
    elif name.startswith("fc"):
        numbers /= 2048**0.5
    elif len(shape) == 4:
        numbers *= (6 / np.prod(shape[1:])) ** 0.5
    elif name.endswith("weight"):
        numbers = (1 + numbers / 2) * (0.25 if "bn3" in name else 1)
    else:  # a batch norm's shift, or its running mean
        numbers /= 5
    return numbers.astype("float32")


def images(size: int) -> np.ndarray:
    """Random pictures ``(BATCH, size, size, 3)``, about as bright as normalised photographs."""
    return _random(f"images {size}").uniform(-2, 2, (BATCH, size, size, 3)).astype("float32")


def labels() -> np.ndarray:
    """The class of each picture."""
    return np.arange(BATCH) * 3 % CLASSES


def torch_shapes(model: keras.Model) -> dict[str, tuple]:
    """The shape that PyTorch gives to each of the model's weights, by torchvision's names."""
    return {
        name: to_torch_layout(np.broadcast_to(0, variable.shape)).shape
        for name, variable in torchvision_names(model).items()
    }


def keras_answers(model: keras.Model, state_dict: Mapping, size: int) -> dict[str, np.ndarray]:
    """What the course's network makes of ``images(size)`` with the weights in ``state_dict``.

    Returns:
        ``logits`` without training; then of one training step ``loss``, ``gradient of ...`` each
        trained weight and ``change of ...`` each running mean and variance. Shapes are PyTorch's.
    """
    load_torchvision_weights(model, state_dict)
    variables = torchvision_names(model)
    trained = {name: variable for name, variable in variables.items() if variable.trainable}
    running = {name: variable for name, variable in variables.items() if not variable.trainable}
    before = {name: np.array(variable) for name, variable in running.items()}

    with _full_precision():
        answers = {"logits": model(images(size), training=False)}
        answers["loss"], gradients = _training_step(model, list(trained.values()), size)
    for name, gradient in zip(trained, gradients, strict=True):
        answers[f"gradient of {name}"] = to_torch_layout(np.array(gradient))
    for name, variable in running.items():
        answers[f"change of {name}"] = np.array(variable) - before[name]
    return {name: np.asarray(answer, "float64") for name, answer in answers.items()}


@contextlib.contextmanager
def _full_precision():
    """A recent GPU would multiply with 10 binary digits instead of 23."""
    shortened = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(shortened)


def _training_step(model, variables, size):
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function  # as in model.fit, where TensorFlow joins operations
    def step(pictures):
        with tf.GradientTape() as tape:
            loss = cross_entropy(labels(), model(pictures, training=True))
        return loss, tape.gradient(loss, [variable.value for variable in variables])

    return step(images(size))


def error(answer: np.ndarray, truth: np.ndarray) -> float:
    """The norm of the difference, in units of the true answer's norm."""
    return float(np.linalg.norm(answer - truth) / np.linalg.norm(truth))


def fingerprint(name: str, answer: np.ndarray) -> np.ndarray:
    """``SUMS`` numbers for many: sums with random signs, the same signs for the same name.

    They tell how far two answers are apart: the root mean square of the sums' differences is about
    the norm of the answers' difference.
    """
    answer = np.asarray(answer, "float64").ravel()
    bits = np.frombuffer(_random(name).bytes(answer.size), "uint8")
    return np.array([answer.sum() - 2 * answer[bits >> i & 1 == 1].sum() for i in range(SUMS)])


def fingerprint_error(ours: np.ndarray, recorded: np.ndarray, norm: float) -> float:
    """``error``, estimated from two fingerprints and the true answer's norm."""
    return float(np.sqrt(np.mean((ours - recorded) ** 2)) / norm)


def _random(name):
    return np.random.RandomState(zlib.crc32(name.encode()))
