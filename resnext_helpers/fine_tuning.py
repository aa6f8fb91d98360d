"""Fine-tuning: a network that was trained on many pictures learns the classes of a few others.

The new head is trained first, then all layers, ten times more slowly: as in Keras' guide *Transfer
learning & fine-tuning*. In both, batch norm keeps to the statistics that came with the weights:

- The convolutions were trained together with them. Statistics of other pictures would change what
  every layer gets, even where no weight changes.
- Those of a batch of 8 or 16 are noisy, and a few photographs give no better ones.

Freezing a batch norm in Keras fixes its scale and offset, too, so it multiplies and adds the same
numbers in training as in use; He et al., *Deep Residual Learning* (2016, Appendix A), fine-tune so.
With many photographs and large batches, training it as well may be better.
"""

import keras

from resnext_helpers.settings import CourseError
from resnext_helpers.training import compile_model, make_variables

HEAD = "fc"  # the last layer, whose size depends on the number of classes
HEAD_RATE = 1e-3  # Adam's usual learning rate: the head starts from chance
RATE = HEAD_RATE / 10  # large steps would undo what the other layers know


def with_new_head(model: keras.Model, num_classes: int) -> keras.Model:
    """A copy of a trained network, with a fresh last layer for other classes.

    The last layer's first weights are drawn as those of the old one were. The given network stays
    as it is.

    Args:
        model: a network of ``resnext_helpers.models``, or one that was saved and loaded.
        num_classes: number of logits.

    Returns:
        A model with the same layer names and input, to logits ``(batch, num_classes)``. It isn't
        compiled.

    Raises:
        CourseError: the network's last layer isn't the dense layer ``fc``.
        ValueError: ``num_classes`` is no positive number.
    """
    _require_head(model)
    if not isinstance(num_classes, int) or num_classes < 1:
        raise ValueError(f"num_classes is {num_classes!r}: give a whole number, 1 or more.")
    config = model.get_config()
    (head,) = [layer for layer in config["layers"] if layer["name"] == HEAD]
    head["config"]["units"] = num_classes
    copy = type(model).from_config(config)
    for layer in model.layers:
        if layer.name != HEAD:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def compile_head_only(model: keras.Model, learning_rate=HEAD_RATE):
    """Freeze all layers but the last one, and compile: the first phase.

    The head's first gradients come from chance; through the frozen layers they do no harm. And a
    step takes about a third of the time, because nothing goes back through the network.

    Args:
        model: a network with a fresh head.
        learning_rate: as in ``training.compile_model``.

    Raises:
        CourseError: the network's last layer isn't the dense layer ``fc``.
    """
    _require_head(model)
    _compile(model, learning_rate, trains=lambda layer: layer.name == HEAD)


def compile_all_layers(model: keras.Model, learning_rate=RATE):
    """Let all layers train but batch norm, and compile: the second phase.

    Args:
        model: a network whose head has been trained.
        learning_rate: as in ``training.compile_model``; about a tenth of the first phase's.
    """
    is_batch_norm = keras.layers.BatchNormalization  # ours is one of them
    _compile(model, learning_rate, trains=lambda layer: not isinstance(layer, is_batch_norm))


def _compile(model, learning_rate, trains):
    model.trainable = True  # a frozen model would freeze its layers, whatever they say
    for layer in model.layers:
        layer.trainable = trains(layer)
    compile_model(model, learning_rate)  # only now Keras takes notice
    make_variables(model)


def _require_head(model):
    last = model.layers[-1]
    if last.name != HEAD or not isinstance(last, keras.layers.Dense):
        raise CourseError(
            f"The last layer of {model.name} is {last.name} ({type(last).__name__}), not the dense "
            f"layer {HEAD}: fine-tune a network of resnext_helpers.models, which gives logits."
        )
