"""Networks compared fairly: the same recipe, several seeds, and what the runs can tell.

``benchmarks/accuracy.py`` trained the recorded runs with ``network`` and ``fit``, as ``rerun`` does
on the learner's photographs.

An accuracy here is that of the *last* epoch on the validation photographs. The best epoch's would
be too good: these same photographs would have chosen it.
"""

import json
import statistics
import time
from dataclasses import replace

import keras

from resnext_course.intervals import Interval, in_points, interval, paired, pairs_needed, points
from resnext_helpers import data, models, training
from resnext_helpers.settings import PROJECT, CourseError, display_path

RECORDED = PROJECT / "benchmarks" / "accuracy.json"
RECIPE = {"image_size": 64, "batch_size": 16, "epochs": 12, "learning_rate": 2e-3}
RESNET, RESNEXT = "ResNet-50", "ResNeXt-50"
TABLE_2 = {  # networks of equal complexity: cardinality, width, and the paper's error (Table 3, %)
    RESNET: (1, 64, 23.9),
    "2×40d": (2, 40, 23.0),
    "4×24d": (4, 24, 22.6),
    "8×14d": (8, 14, 22.3),
    RESNEXT: (32, 4, 22.2),
}
PAPER_GAIN = (TABLE_2[RESNET][2] - TABLE_2[RESNEXT][2]) / 100


def load(path=RECORDED) -> list[dict]:
    """The recorded runs, one dict a run, as ``benchmarks/accuracy.py`` wrote them.

    Raises:
        CourseError: the file is missing.
    """
    if not path.exists():
        raise CourseError(
            f"{display_path(path)} is missing, which holds the recorded runs: get it from where "
            f"the course is from, or record your own with benchmarks/accuracy.py."
        )
    return json.loads(path.read_text(encoding="utf-8"))


def accuracies(results, case) -> dict[int, float]:
    """The last epoch's validation accuracy, 0 to 1, by seed; ``case`` as the benchmark names it."""
    return {run["seed"]: run["val_accuracy"][-1] for run in results if run["name"] == case}


def by_network(results, labels=TABLE_2) -> dict[str, dict[int, float]]:
    """The recorded ``accuracies`` of networks of Table 2, by their names in ``TABLE_2``."""
    return {label: accuracies(results, _case(label)) for label in labels}


def _case(label):
    """How the benchmark names a network of Table 2."""
    return "small, {}×{}".format(*TABLE_2[label])


def provenance(results) -> str:
    """In words: what recorded these runs, when, on which machine, and with which photographs."""

    def all_of(name):
        return " and ".join(sorted({str(run["machine"][name]) for run in results}))

    dates = sorted({run["machine"]["date"] for run in results})
    when = f"{dates[0]} to {dates[-1]}" if len(dates) > 1 else dates[0]
    species = results[0]["data"]["photographs"]
    train, validation = (results[0][part] for part in ("train", "validation"))
    return (
        f"{len(results)} runs of benchmarks/accuracy.py, {when}, on {all_of('cpu')},\n"
        f"{all_of('cores')} cores, {all_of('system')}; Python {all_of('python')}, "
        f"TensorFlow {all_of('tensorflow')}, Keras {all_of('keras')}.\n"
        f"{sum(species.values())} photographs of {len(species)} species, {train} to train and "
        f"{validation} ({validation / (train + validation):.0%}) to validate,\n"
        f"drawn anew for each seed: "
        f"{', '.join(name.capitalize() for name in species)}."
    )


def how_long(results) -> str:
    """In words: how long the recorded runs took that ``rerun`` does again."""
    seconds = [
        run["ends"][-1]
        for label in (RESNET, RESNEXT)
        for run in results
        if run["name"] == _case(label)
    ]
    minutes = 2 * statistics.fmean(seconds) / 60
    return (
        f"The recorded pairs took about {minutes:.0f} minutes each, on "
        f"{results[0]['machine']['cores']} cores that did other work, too."
    )


def against_resnet(networks) -> dict[str, Interval]:
    """Every other network minus ResNet-50 (see ``paired``), by its name.

    ``networks`` is as from ``by_network``; one without a seed of ResNet-50's is left out.
    """
    first = networks[RESNET]
    return {
        label: paired(first, seeds)
        for label, seeds in networks.items()
        if label != RESNET and first.keys() & seeds.keys()
    }


def verdict(gap: Interval) -> str:
    """What a paired difference, ResNeXt-50 minus ResNet-50, says of the two, and what it can't."""
    found = f"{RESNEXT} minus {RESNET}, in points: {in_points(gap)}"
    if gap.count == 1:
        return f"{found}. It takes more to tell them apart."
    found += f", {gap.count} pairs."
    if not gap.leaves_out_0:
        return (
            f"{found}\nThe interval holds 0: these runs can't tell the two apart. To see a "
            f"difference of\n{points(PAPER_GAIN)} points (the paper's, on ImageNet) in 8 of 10 "
            f"experiments, it takes about {pairs_needed(gap.spread, PAPER_GAIN)} pairs."
        )
    better, worse = (RESNEXT, RESNET) if gap.mean > 0 else (RESNET, RESNEXT)
    return (
        f"{found}\nThe interval leaves out 0: {better} did better than {worse} with this recipe on "
        f"these photographs.\nOf other photographs it says little."
    )


def summary(gaps) -> str:
    """How many of several differences (see ``against_resnet``) are more than luck may be."""
    clear = [label for label, gap in gaps.items() if gap.leaves_out_0]
    names = f" ({', '.join(clear)})" if clear else ""
    return (
        f"{len(clear)} of {len(gaps)} paired differences from {RESNET} have a 95% interval that "
        f"leaves out 0{names}.\n"
        f"Among several intervals, one does so by luck alone more often than 5 times in 100."
    )


def network(config, photos, groups, width_per_group, *, label_smoothing=0.0, blocks=None):
    """A fresh network with the course's recipe: cross-entropy, Adam, warm-up and cosine.

    Args:
        config: gives the picture size, the epochs and the peak learning rate; the first weights
            follow from its seed.
        photos: what it will train on (see ``data.load``).
        groups, width_per_group: the cardinality and the width, as in ``models.resnext``.
        label_smoothing: as in ``training.compile_model``.
        blocks: residual blocks in each stage; those of 50 layers if left out.
    """
    keras.utils.set_random_seed(config.seed)
    model = models.resnext(
        (config.image_size, config.image_size, 3),
        len(photos.class_names),
        groups=groups,
        width_per_group=width_per_group,
        blocks=blocks or models.BLOCKS[50],
    )
    schedule = training.warm_up_and_cosine(config.learning_rate, config.epochs * len(photos.train))
    training.compile_model(model, schedule, label_smoothing)
    return model


def fit(model, photos, epochs, callback) -> dict[str, list[float]]:
    """Train a compiled network; its losses and accuracies, by Keras' names, one an epoch."""
    training.make_variables(model)
    photos.passes.assign(0)  # every network meets the same pictures in the same order
    return model.fit(
        photos.train,
        validation_data=photos.validation,
        epochs=epochs,
        shuffle=False,  # the dataset does it
        verbose=0,
        callbacks=[callback],
    ).history


def rerun(config, seed, *, recipe=None, blocks=None) -> dict[str, float]:
    """Train ResNet-50 and ResNeXt-50 on your photographs, as the recorded runs were.

    Prints how long it will take, a line for each epoch, and what came out.

    Args:
        config: finds the photographs (see ``photo_folder.find``).
        seed: a whole number, from which the split, the first weights and the order follow.
        recipe: settings in place of ``RECIPE``.
        blocks: as in ``network``.

    Returns:
        The last epoch's validation accuracy of both, 0 to 1, by name.

    Raises:
        CourseError: as ``data.load``.
    """
    config = replace(config, seed=seed, **(recipe or RECIPE))
    photos = data.load(config, progress=False)

    def fresh(label):
        return network(config, photos, *TABLE_2[label][:2], blocks=blocks)

    seconds = sum(_seconds_of_training(fresh(one), photos, config) for one in (RESNET, RESNEXT))
    print(f"{photos.source}: about {max(1, round(seconds / 60))} min for both.", flush=True)
    reached = {}
    for label in (RESNET, RESNEXT):

        def tell(epoch, logs, label=label):
            accuracy = f"validation accuracy {logs['val_accuracy']:.1%}"
            print(f"{label}, epoch {epoch + 1} of {config.epochs}: {accuracy}", flush=True)

        callback = keras.callbacks.LambdaCallback(on_epoch_end=tell)
        reached[label] = fit(fresh(label), photos, config.epochs, callback)["val_accuracy"][-1]
    print(
        ", ".join(f"{label} {accuracy:.1%}" for label, accuracy in reached.items()), "at the end."
    )
    print(verdict(interval([reached[RESNEXT] - reached[RESNET]])))
    return reached


def _seconds_of_training(model, photos, config):
    """An estimate from one step, which spoils the network's first weights."""
    batch = next(iter(photos.train))
    model.train_on_batch(*batch)  # its graph is built
    start = time.perf_counter()
    model.train_on_batch(*batch)
    step = time.perf_counter() - start
    # A validation step has no gradients, which take two thirds of a training step.
    return step * config.epochs * (len(photos.train) + len(photos.validation) / 3)
