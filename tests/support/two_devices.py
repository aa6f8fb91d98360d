"""The same trainings on one device and on two: ``python two_devices.py FOLDER``.

It leaves ``results.pickle`` in the folder, and what ``training.train`` writes in ``one`` and
``two``. The two devices must be made before TensorFlow starts, and the package is imported before
TensorFlow, which it sets up: so this runs in a process of its own.
"""

import pickle
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from resnext_helpers import data, devices, models, settings, training

# isort: split
import keras
import numpy as np
import tensorflow as tf
from pictures import make_folder

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_visible_devices(cpu)
tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
STRATEGIES = {"one": devices.strategy(), "two": devices.strategy(["CPU:0", "CPU:1"])}


def network(on, blocks, policy="float32"):
    """A small ResNeXt, compiled, always with the same first weights."""
    keras.utils.set_random_seed(1)
    keras.mixed_precision.set_global_policy(policy)
    with STRATEGIES[on].scope():
        model = models.resnext((32, 32, 3), 4, groups=4, width_per_group=2, blocks=blocks)
        if policy == "float64":  # the last layer, too
            features = model.get_layer("avgpool").output
            model = keras.Model(model.inputs, keras.layers.Dense(4)(features))
        training.compile_model(model, 1e-3)
    training.make_variables(model)
    return model


def copies(model):
    """For each variable that training changes: its numbers on each device."""
    strategy = model.distribute_strategy
    return [
        [copy.numpy() for copy in strategy.experimental_local_results(variable.value)]
        for variable in (*model.weights, *model.optimizer.variables)
    ]


def course(folder, on):
    """Train as the course does: 19 photographs in batches of 8, 8 and 2, twice."""
    birds = make_folder(folder / f"birds-{on}", {"Finch": 6, "Gull": 6, "Owl": 6, "Wren": 5})
    config = replace(
        settings.PROFILES["sample"],
        image_size=32,
        batch_size=8,
        epochs=2,
        data_dir=birds,
    )
    model = network(on, (1,), "float64")
    photos = data.load(config, progress=False)
    assert len(photos.split.train) == 19
    if on == "one":  # leave out what two devices can't share
        photos = replace(photos, train=devices.share(photos, config.batch_size, 2))
    rows = training.train(model, photos, config, folder / on, report=lambda *shown: None)
    return {"rows": rows, "copies": copies(model)}


def uneven(on, policy, shares=None):
    """Train on batches of 8, 8 and 5.

    Where ``shares`` of the last batch are given, each of them counts the same, however many
    pictures it has.
    """
    labels = np.arange(21) % 4
    noise = np.random.default_rng(0).normal(size=(21, 32, 32, 3))
    images = noise + labels[:, None, None, None] / 2
    weights = np.ones(21)
    if shares:
        weights[16:] = np.repeat([sum(shares) / share / len(shares) for share in shares], shares)
    model = network(on, (1,), policy)
    first = model.get_weights()
    plain = tf.data.Dataset.from_tensor_slices((images, labels)).batch(8)
    weighted = tf.data.Dataset.from_tensor_slices((images, labels, weights)).batch(8)
    history = model.fit(
        weighted if shares else plain, validation_data=plain, shuffle=False, verbose=0
    ).history
    return {
        "moved": [now - before for now, before in zip(model.get_weights(), first, strict=True)],
        "is statistic": ["moving" in weight.path for weight in model.weights],
        "copies": copies(model),
        "optimizer": type(model.optimizer).__name__,
        "history": history,
        "predictions": model.predict(plain, verbose=0),
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    results = {
        "course": {on: course(folder, on) for on in STRATEGIES},
        "two": uneven("two", "float64"),
        "one": uneven("one", "float64"),
        "weighted": uneven("one", "float64", shares=(3, 2)),
        "float16": uneven("two", "mixed_float16"),
    }
    (folder / "results.pickle").write_bytes(pickle.dumps(results))
