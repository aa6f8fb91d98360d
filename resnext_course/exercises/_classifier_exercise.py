"""The exercise of notebook 05 that repairs a classifier whose faults give no error message."""

import warnings

import keras
import numpy as np

from resnext_course.exercises._exercise import Exercise

RATE = 0.003
CLASSES = 3


def _compile(answer):
    if not callable(answer):
        return f"{answer!r} is no function: write def my_classifier(...) and give its name."
    inputs = keras.Input((4, 4, 8))
    try:
        model = answer(inputs, inputs, CLASSES, RATE)
    except Exception as error:
        return f"It fails with {type(error).__name__}: {str(error).rstrip('.')}."
    if not isinstance(model, keras.Model):
        return f"It returns {type(model).__name__}, not the model."
    if model.output_shape != (None, CLASSES):
        return f"Asked for {CLASSES} classes, the model gives the shape {model.output_shape[1:]}."
    if not model.compiled:
        return "The model isn't compiled: model.compile(...) before return."
    return _wrong_rate(model) or _wrong_loss(model)


def _wrong_rate(model):
    rate = float(model.optimizer.learning_rate)
    if np.isclose(rate, RATE):
        return None
    if np.isclose(rate, 1e-3):
        return (
            f"Asked for a rate of {RATE}, it trains with 0.001, Keras' own: the optimizer that "
            f"you made isn't used. Pass the object, not its name."
        )
    return f"Asked for a rate of {RATE}, it trains with {rate:.4g}."


def _wrong_loss(model):
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(32, 4, 4, 8)).astype("float32")
    labels = np.arange(32) % CLASSES
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scores = model.evaluate(pictures, labels, verbose=0, return_dict=True)
    except Exception:
        return (
            "The loss can't use labels such as 0, 1, 2. For whole numbers take "
            "SparseCategoricalCrossentropy."
        )
    outputs = model.predict(pictures, verbose=0)
    gives_probabilities = (outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-4)
    if gives_probabilities and any("from_logits" in str(one.message) for one in caught):
        return (
            "The model ends with a softmax, and the loss says from_logits=True: one softmax too "
            "many. Keras warns and leaves one out, if it sees both. Decide for one of them."
        )
    probabilities = outputs if gives_probabilities else keras.ops.softmax(outputs)
    true = np.take_along_axis(np.array(probabilities), labels[:, None], axis=1)
    if not np.isclose(scores["loss"], -np.log(true).mean(), rtol=1e-3):
        if not gives_probabilities:
            return (
                "The model gives logits, and the loss takes them for probabilities. Nothing "
                "fails, and it learns badly. Say from_logits=True."
            )
        return (
            f"The loss is {scores['loss']:.3f}, and for these probabilities the cross-entropy is "
            f"{-np.log(true).mean():.3f}."
        )
    if not any("acc" in name for name in scores):
        return "Nobody would see the accuracy: metrics=['accuracy'] is missing."
    return None


COMPILE = Exercise(
    _compile,
    praise="Model and loss agree on what a number means, and your learning rate is used.",
    hints=(
        "There are two faults, and neither gives an error. Read each argument of compile, and ask "
        "what it is given.",
        "Is the object in the variable optimizer used? And how many softmaxes are there, one in "
        "the model and one in the loss?",
        "optimizer=optimizer, and a Dense layer without activation.",
    ),
    solution="""\
def my_classifier(inputs, features, num_classes, learning_rate):
    x = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(inputs, keras.layers.Dense(num_classes)(x))  # logits, no softmax
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),  # the object, not its name
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model
With a softmax in the model, from_logits=False would be right, too.""",
)
