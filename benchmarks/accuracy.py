"""How well networks and recipes do, trained from scratch on the same photographs.

``python benchmarks/accuracy.py --data DIR`` trains what accuracy.json doesn't hold yet, each run in
a process of its own, and writes it there; it can be stopped and started again. All of it takes
hours. ``--rerun CASE SEED`` trains one again and prints it beside the recorded one.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from machine import machine  # noqa: E402

from resnext_helpers import settings  # noqa: E402 (before TensorFlow, so that it starts as set up)
from resnext_helpers.models import TABLE_2  # noqa: E402

RESULTS = HERE / "accuracy.json"
PACKAGES = ("tensorflow", "keras", "numpy")


class Case(NamedTuple):
    """What is trained: the network (cardinality × width), and how.

    ``recipe`` is "course" (scaled and augmented pictures, warm-up and cosine), or the article's:
    "as written", "groups mended", or "rate mended" (also compiled with the rate it meant to use).
    """

    image_size: int
    batch_size: int
    epochs: int
    learning_rate: float
    recipe: str = "course"
    groups: int = 32
    width_per_group: int = 4
    label_smoothing: float = 0.0


ARTICLE = {"image_size": 224, "batch_size": 8, "epochs": 10, "learning_rate": 1e-3}
SMALL = {"image_size": 64, "batch_size": 16, "epochs": 12, "learning_rate": 2e-3}
SEEDS = {"article": 2, "small": 5}
CASES = {
    **{
        f"article, {recipe}": Case(**ARTICLE, recipe=recipe)
        for recipe in ("as written", "groups mended")
    },
    "article, course's recipe": Case(**ARTICLE),
    "article, rate mended": Case(**{**ARTICLE, "learning_rate": 1e-4}, recipe="rate mended"),
    **{
        f"small, {groups}×{width}": Case(**SMALL, groups=groups, width_per_group=width)
        for groups, width in TABLE_2.items()
    },
    "small, 32×4, label smoothing": Case(**SMALL, label_smoothing=0.1),
}


def train(case, seed, folder):
    """One run: the split, the first weights and the order of training all follow from the seed.

    Returns:
        The network's size, for each epoch losses and accuracies, and the seconds at its end.
    """
    import article  # imports TensorFlow, which the process that waits does without

    from resnext_helpers import counting, data

    # isort: split
    import keras

    names = ("image_size", "batch_size", "epochs", "learning_rate")
    config = replace(
        settings.PROFILES["full"],
        seed=seed,
        data_dir=folder,
        **{name: getattr(case, name) for name in names},
    )
    photos = data.load(config, progress=False)
    if case.recipe == "course":
        model = course_network(case, photos, seed)
    else:
        keras.utils.set_random_seed(seed)
        as_written = case.recipe == "as written"
        model = article.resnext(case.image_size, len(photos.class_names), as_written)
        article.compile_model(model, case.learning_rate)
        photos = article.feed(photos, config)
    started = time.perf_counter()
    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter() - started)
    )
    history = fit(model, photos, case.epochs, clock)
    article.measure_statistics(model, photos.train)
    anew = model.evaluate(photos.validation, verbose=0, return_dict=True)["accuracy"]
    return {
        "parameters": counting.trainable_parameters(model),
        "macs": counting.macs(model) if case.recipe == "course" else None,
        "train": len(photos.split.train),
        "validation": len(photos.split.validation),
        **{name: [float(value) for value in values] for name, values in history.items()},
        "ends": ends,
        "val_accuracy_anew": anew,  # with batch norm's statistics of the last weights
    }


def course_network(case, photos, seed, blocks=None):
    """A fresh network with the course's recipe: cross-entropy, Adam, warm-up and cosine."""
    import keras

    from resnext_course.train import warm_up_and_cosine
    from resnext_helpers import models, training

    keras.utils.set_random_seed(seed)
    model = models.resnext(
        (case.image_size, case.image_size, 3),
        len(photos.class_names),
        groups=case.groups,
        width_per_group=case.width_per_group,
        blocks=blocks or models.BLOCKS[50],
    )
    schedule = warm_up_and_cosine(case.learning_rate, case.epochs * len(photos.train))
    training.compile_model(model, schedule)
    if case.label_smoothing:  # (Szegedy et al., 2016, Section 7); the sparse loss doesn't know it
        smooth = keras.losses.CategoricalCrossentropy(True, label_smoothing=case.label_smoothing)
        model.compile(
            optimizer=model.optimizer,
            loss=lambda labels, logits: smooth(keras.ops.one_hot(labels, logits.shape[-1]), logits),
            metrics=["accuracy"],
            jit_compile=False,
        )
    return model


def fit(model, photos, epochs, callback):
    """Train a compiled network; its losses and accuracies, by Keras' names, one an epoch."""
    photos.passes.assign(0)  # every network meets the same pictures in the same order
    return model.fit(
        photos.train,
        validation_data=photos.validation,
        epochs=epochs,
        shuffle=False,  # the dataset does it
        verbose=0,
        callbacks=[callback],
    ).history


def fingerprint(folder):
    """Which photographs were used: how many a class, and a hash of all names and bytes."""
    files = sorted(path for path in folder.glob("*/*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.parent.name}/{path.name}".encode() + path.read_bytes())
    names = sorted({path.parent.name for path in files})
    counts = {name: sum(path.parent.name == name for path in files) for name in names}
    return {"photographs": counts, "sha256": digest.hexdigest()[:16]}


def run(name, seed, folder):
    """``train`` in a process of its own: memory and threads start afresh."""
    done = subprocess.run(
        [sys.executable, __file__, "--data", folder, "--train", name, str(seed)],
        stdout=subprocess.PIPE,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def load():
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []


def missing(results):
    """Case and seed of every run that isn't recorded, so that few seeds of all come first."""
    recorded = {(one["name"], one["seed"]) for one in results}
    wanted = [
        (name, seed)
        for seed in range(1, max(SEEDS.values()) + 1)
        for name in CASES
        if seed <= SEEDS[name.partition(",")[0]]
    ]
    return [one for one in wanted if one not in recorded]


def measure(folder, only, seeds):
    photographs = fingerprint(folder)
    for name, seed in missing(load()):
        if not name.startswith(only) or seed > seeds:
            continue
        result = run(name, seed, folder)
        where = {"machine": machine(PACKAGES), "data": photographs}
        results = [*load(), {"name": name, "seed": seed, **where, **result}]
        temporary = RESULTS.with_suffix(".new")
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        temporary.replace(RESULTS)
        print(f"{name}, seed {seed}: {result['val_accuracy'][-1]:.3f}", flush=True)


def rerun(name, seed, folder):
    recorded = [one for one in load() if (one["name"], one["seed"]) == (name, seed)]
    runs = [("recorded", one) for one in recorded] + [("now", run(name, seed, folder))]
    for label, one in runs:
        print(f"{label}: {one['val_accuracy'][-1]:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder of class folders")
    parser.add_argument("--only", default="", help="how the cases' names begin: article or small")
    parser.add_argument("--seeds", type=int, default=max(SEEDS.values()), help="no seed above it")
    parser.add_argument("--rerun", nargs=2, metavar=("CASE", "SEED"))
    parser.add_argument("--train", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.data.resolve()
    if options.train:
        name, seed = options.train
        print(json.dumps(train(CASES[name], int(seed), folder)))
    elif options.rerun:
        rerun(options.rerun[0], int(options.rerun[1]), folder)
    else:
        measure(folder, options.only, options.seeds)


if __name__ == "__main__":
    main()
