"""What TensorFlow can compute on, and how to set it up."""

import keras
import tensorflow as tf

from resnext_helpers.settings import CourseError


def gpus():
    """The GPUs that TensorFlow found, as a list of ``tf.config.PhysicalDevice``."""
    return tf.config.list_physical_devices("GPU")


def use_gpu(every=False):
    """Compute on the first GPU and let its memory grow with need; without a GPU, stay on the CPU.

    The article's 3.2.1. TensorFlow would otherwise take all memory of all GPUs at its start, so
    call this before the first computation. It returns a sentence that says what was chosen.

    With ``every``, compute on all GPUs; a model uses them if it is built in ``strategy``'s scope.
    A ``CourseError`` says that TensorFlow has already started.
    """
    chosen = gpus() if every else gpus()[:1]
    if not chosen:
        return "No GPU was found: TensorFlow computes on the CPU."
    try:
        for gpu in chosen:
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.config.set_visible_devices(chosen, "GPU")
    except RuntimeError as error:
        raise CourseError(
            "TensorFlow has already computed something, so its GPUs can't be set up any more: "
            "restart the kernel and run this first."
        ) from error
    names = ", ".join(gpu.name.removeprefix("/physical_device:") for gpu in chosen)
    return f"TensorFlow computes on {names}, and takes more memory there as it needs it."


def strategy():
    """The ``tf.distribute`` strategy that fits: mirrored over several GPUs, else the default.

    Mirrored, each GPU has a copy of the network and a share of every batch. Build and compile a
    model in the strategy's ``scope()``, and train it with whole batches (``drop_remainder``).
    """
    if len(tf.config.get_visible_devices("GPU")) < 2:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy()


def use_mixed_precision():
    """Compute in float16 and keep the weights in float32 where every visible GPU has float16 matrix
    units (NVIDIA compute capability 7.0 and above).

    It returns the name of Keras' precision policy from now on.
    """
    capabilities = [
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        for gpu in tf.config.get_visible_devices("GPU")
    ]
    policy = "mixed_float16" if capabilities and min(capabilities) >= (7, 0) else "float32"
    keras.mixed_precision.set_global_policy(policy)
    return policy
