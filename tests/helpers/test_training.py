"""Training: a quick first step, what is kept, what the learner sees, and what a kill costs."""

import dataclasses
import errno
import functools
import json
import shutil
import time
from pathlib import Path

import filelock
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from pictures import make_folder

from resnext_course.train import warm_up_and_cosine
from resnext_helpers import data, layers, photo_folder, training
from resnext_helpers.settings import PROFILES, CourseError

CONFIG = dataclasses.replace(PROFILES["sample"], image_size=32, batch_size=4, epochs=3)


pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config")  # see ``eager``


class Silent(training.Progress):
    def show(self, rows, title):
        pass


class Stop(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch, as the ■ button does."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 1:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def eager(request):
    """No graphs: they take TensorFlow longer to build than these trainings to run."""
    tf.config.run_functions_eagerly("graph" not in request.node.name)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("data") / "birds 鸟", {"Finch": 6, "Owl": 6})


def network(extra=()):
    """A new small network, as a fresh start of the process would make it."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3))
    x = layers.GroupedConv2D(3, 8, groups=3, strides=8)(inputs)
    x = keras.layers.BatchNormalization()(x)
    for layer in extra:
        x = layer(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="fc")(x), name="small")


def photographs(folder, config):
    """As ``data.load``, but without variations, which are others after a stop."""
    report = photo_folder.check(folder, progress=False)
    parts = data.split(report, config.validation_fraction, config.seed)
    passes = tf.Variable(0, trainable=False, dtype=tf.int64)
    form = {"image_size": config.image_size, "batch_size": config.batch_size}
    order = {"training": True, "seed": config.seed, "passes": passes}
    return data.Photos(
        folder,
        "the test's",
        report,
        report.class_names,
        parts,
        train=data.pipeline(parts.train, **order, **form),
        validation=data.pipeline(parts.validation, **form),
        passes=passes,
    )


def train(folder, run_dir, *others, config=CONFIG, rate=1e-2, model=None, **options):
    """Trains a new network, or this one; ``others`` are further callbacks."""
    photos = photographs(folder, config)
    next(iter(photos.train))  # a learner looks at a batch first: the order must not follow from it
    if model is None:
        model = network()
        schedule = warm_up_and_cosine(rate, config.epochs * len(photos.train))
        training.compile_model(model, schedule)
    fit = model.fit
    model.fit = lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, *others], **k)
    try:
        options.setdefault("progress", Silent)
        return training.train(model, photos, config, run_dir, **options), model
    finally:
        model.fit = fit


@pytest.fixture(scope="module")
def alone(folder, tmp_path_factory):
    """A training that nothing disturbed: its folder, its rows, its network."""
    run_dir = tmp_path_factory.mktemp("runs") / "alone"
    return run_dir, *train(folder, run_dir)


def numbers(rows):
    """The rows without what differs in each run."""
    return pd.DataFrame(rows).drop(columns="seconds").to_numpy()


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_same_run(run_dir, rows, alone):
    alone_dir, alone_rows, _ = alone
    np.testing.assert_allclose(numbers(rows), numbers(alone_rows), rtol=1e-4)
    np.testing.assert_array_equal(pd.read_csv(run_dir / "history.csv")["epoch"], [1, 2, 3])
    kept, wanted = (keras.saving.load_model(f / "model.keras") for f in (run_dir, alone_dir))
    for one, other in zip(kept.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_adam_takes_the_same_steps_as_keras_and_puts_one_operation_a_variable_into_the_graph():
    def descend(optimizer, variables):
        optimizer.apply([x * x - 1 for x in variables], variables)

    rng = np.random.default_rng(0)
    start = [rng.normal(size=(3, 4)), rng.normal(size=4)]
    ends, operations = [], []
    for adam in (training.Adam, keras.optimizers.Adam):
        optimizer = adam(keras.optimizers.schedules.CosineDecay(0.1, 8), beta_1=0.8, epsilon=1e-3)
        variables = [keras.Variable(array.astype("float32")) for array in start]
        optimizer.build(variables)
        step = tf.function(functools.partial(descend, optimizer, variables)).get_concrete_function()
        for _ in range(6):
            step()
        operations.append([operation.type for operation in step.graph.get_operations()])
        ends.append([np.asarray(v) for v in (*variables, *optimizer.variables)])
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)  # a float32 has 7 digits
    assert not np.allclose(ends[0][0], start[0])
    assert operations[0].count("ResourceApplyAdam") == 2
    assert len(operations[0]) < len(operations[1])


def test_tensorflow_builds_the_training_graph_once(folder, tmp_path):
    built = []

    class Counter(keras.layers.Layer):
        def call(self, inputs, training=None):
            if training:
                built.append(1)
            return inputs

    model = network([Counter()])
    training.compile_model(model, 1e-2)
    train(folder, tmp_path, model=model, config=dataclasses.replace(CONFIG, epochs=1))
    assert len(built) == 1


def test_the_run_folder_holds_what_the_run_was(folder, alone):
    run_dir, rows, _ = alone
    described = {"classes.json", "settings.json", "split.json"}
    names = {path.name for path in run_dir.iterdir()}
    assert names == {"model.keras", "history.csv", "tensorboard", *described}
    written = pd.read_csv(run_dir / "history.csv").to_dict("records")
    assert [row["epoch"] for row in written] == [1, 2, 3]
    assert [row["val_loss"] for row in written] == [row["val_loss"] for row in rows]
    split = json.loads((run_dir / "split.json").read_text("utf-8"))
    assert sorted(set(split["validation"].values())) == ["Finch", "Owl"]
    assert not split["validation"].keys() & split["train"].keys()
    settings = json.loads((run_dir / "settings.json").read_text("utf-8"))
    assert (settings["image_size"], settings["data_dir"]) == (32, str(folder))
    assert list((run_dir / "tensorboard").rglob("events*"))


def test_the_best_weights_are_kept_and_not_the_last(folder, tmp_path):
    by_epoch = []

    class GetWorse(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:  # from the second epoch on, everything is wrong
                self.model.set_weights([-1000 * w for w in self.model.get_weights()])

        def on_epoch_end(self, epoch, logs=None):
            by_epoch.append(self.model.get_weights())

    rows, model = train(folder, tmp_path, GetWorse(), rate=0.0)
    assert training.best(rows)["epoch"] == 1
    on_disk = keras.saving.load_model(tmp_path / "model.keras").get_weights()
    for kept, disk, first in zip(model.get_weights(), on_disk, by_epoch[0], strict=True):
        np.testing.assert_array_equal(kept, first)
        np.testing.assert_array_equal(disk, first)
    assert not np.allclose(by_epoch[2][0], by_epoch[0][0])


def test_of_equal_accuracies_the_lower_loss_is_better():
    rows = [
        {"epoch": 1, "val_accuracy": 0.9, "val_loss": 0.5},
        {"epoch": 2, "val_accuracy": 0.9, "val_loss": 0.4},
        {"epoch": 3, "val_accuracy": 0.8, "val_loss": 0.1},
    ]
    assert training.best(rows)["epoch"] == 2
    with pytest.raises(CourseError, match="training cell again"):
        training.best([])


@pytest.mark.parametrize("stops", [[1], [1, 2, 2]])
def test_after_a_stop_it_ends_like_the_one_that_was_left_alone(
    folder, alone, tmp_path, stops, capsys
):
    for epoch in stops:
        kept, _ = train(folder, tmp_path / "run", Stop(epoch))
        np.testing.assert_allclose(numbers(kept), numbers(alone[1][:epoch]), rtol=1e-4)
    resumed, model = train(folder, tmp_path / "run")
    assert_same_run(tmp_path / "run", resumed, alone)
    for one, other in zip(model.get_weights(), alone[2].get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert f"{max(stops)} epochs" in capsys.readouterr().out.splitlines()[-1]
    assert not (tmp_path / "run" / training.CHECKPOINT).exists()


class Killed(BaseException):
    """Nothing catches it."""


def half_written(original, at):
    """Like ``original``, but its call number ``at`` dies in the middle of its file."""
    calls = []

    def write(*arguments, **named):
        original(*arguments, **named)
        calls.append(1)
        if len(calls) == at:
            path = next(Path(a) for a in arguments if isinstance(a, str | Path))
            path.write_bytes(path.read_bytes()[:100])
            raise Killed

    return write


@pytest.mark.parametrize(
    ("place", "name", "file"),
    [
        (np, "savez", training.CHECKPOINT),
        (keras.Model, "save", training.BEST),
        (pd.DataFrame, "to_csv", training.HISTORY),
    ],
)
def test_killed_in_the_middle_of_a_file_the_old_one_is_whole(
    folder, alone, tmp_path, place, name, file, monkeypatch
):
    run_dir, before = tmp_path / "run", []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            before.append((run_dir / file).read_bytes())

    # Every epoch is the best one, so that each file is written after each.
    monkeypatch.setattr(training, "best", lambda rows: rows[-1])
    monkeypatch.setattr(place, name, half_written(getattr(place, name), at=2))
    with pytest.raises(Killed):
        train(folder, run_dir, Look())
    monkeypatch.undo()
    assert (run_dir / file).read_bytes() == before[-1]
    assert len(before) == 1
    resumed, _ = train(folder, run_dir)
    np.testing.assert_allclose(numbers(resumed), numbers(alone[1]), rtol=1e-4)
    assert pd.read_csv(run_dir / "history.csv")["epoch"].tolist() == [1, 2, 3]


def test_a_file_is_replaced_at_once_and_not_copied(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with training.atomic_write(path) as temporary:
        temporary.write_text("new")
        written = temporary.stat().st_ino
        assert path.read_text() == "old"
    assert (path.read_text(), path.stat().st_ino) == ("new", written)


def test_a_full_disk_ends_it_with_one_sentence_and_loses_nothing(
    folder, alone, tmp_path, monkeypatch
):
    def fail(*arguments, **named):
        raise OSError(errno.ENOSPC, "No space left on device")

    train(folder, tmp_path / "run", Stop(2))
    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(CourseError, match=r"run can't be used \(No space left"):
        train(folder, tmp_path / "run")
    monkeypatch.undo()
    resumed, _ = train(folder, tmp_path / "run")
    assert_same_run(tmp_path / "run", resumed, alone)


def test_another_training_is_not_taken_up(folder, tmp_path, capsys):
    run_dir = tmp_path / "run"
    train(folder, run_dir, Stop(2))
    before = contents(run_dir)
    other = dataclasses.replace(CONFIG, batch_size=3)
    frozen = network()
    frozen.layers[1].trainable = False
    training.compile_model(frozen, warm_up_and_cosine(1e-2, 9))
    other_loss = network()
    other_loss.compile(
        training.Adam(warm_up_and_cosine(1e-2, 9)),
        keras.losses.SparseCategoricalCrossentropy(),  # of probabilities
        metrics=["accuracy"],
        jit_compile=False,
    )
    birds = make_folder(tmp_path / "birds", {"Finch": 6, "Wren": 6})
    for differs, photos, options in (
        ("optimizer or loss", folder, {"rate": 1e-3}),
        ("batch_size", folder, {"config": other}),
        ("trained weights", folder, {"model": frozen}),
        ("optimizer or loss", folder, {"model": other_loss}),
        ("split", birds, {}),
    ):
        with pytest.raises(CourseError, match=f"differs in .*{differs}.*choose another"):
            train(photos, run_dir, replace=False, **options)
    kept, _ = train(folder, run_dir, Stop(0), rate=1e-3)  # no epoch ends
    assert kept == []
    assert contents(run_dir).items() >= before.items()
    rows, _ = train(folder, run_dir, rate=1e-3)
    assert len(rows) == 3
    assert "differs in optimizer or loss; a new one replaces it" in capsys.readouterr().out


def test_two_trainings_do_not_share_a_folder_and_each_lets_go_of_it_at_its_end(
    folder, alone, tmp_path, monkeypatch
):
    run_dir, lock = tmp_path / "run", filelock.FileLock(tmp_path / ".run.lock", timeout=0)
    with lock, pytest.raises(CourseError, match="Another training"):
        train(folder, run_dir)
    train(folder, run_dir, Stop(0))
    with lock:
        pass
    with pytest.raises(CourseError, match=r"trained for \d+ steps") as refused:
        train(folder, run_dir, model=alone[2])
    with lock:
        pass

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "is_finished", stop)  # which it asks before it trains
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(folder, run_dir)
    with lock:  # though the errors keep the run folder, as a notebook's last error does
        assert refused.value and stopped.value


def test_a_damaged_checkpoint_is_named_and_nothing_is_overwritten(folder, tmp_path):
    run_dir = tmp_path / "run"
    train(folder, run_dir, Stop(2))
    sound = (run_dir / training.CHECKPOINT).read_bytes()
    middle = len(sound) // 2  # where the numbers are
    flipped = sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :]
    for content in (b"", b"no archive", sound[:-1000], flipped):
        (run_dir / training.CHECKPOINT).write_bytes(content)
        before = contents(run_dir)
        with pytest.raises(CourseError, match=r"checkpoint.npz can't be used"):
            train(folder, run_dir)
        assert contents(run_dir) == before


def test_patience_stops_early(folder, tmp_path):
    lazy = dataclasses.replace(CONFIG, epochs=20, patience=2)
    rows, _ = train(folder, tmp_path, config=lazy, rate=0.0)  # nothing gets better
    assert len(rows) < 20


def test_a_class_that_went_away_is_said_in_one_sentence(folder, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "moved")

    class TakeAway(Silent):
        def on_train_begin(self, logs=None):
            super().on_train_begin()
            shutil.rmtree(moved / "Owl")

    with pytest.raises(CourseError, match=r"^No photograph of 'Owl'"):
        train(moved, tmp_path / "run", progress=TakeAway)


@pytest.fixture
def shown(monkeypatch):
    """The pictures that live figures show, in their order; each cell's figure is a new list."""
    pictures = []

    class Handle:
        def update(self, picture):
            pictures[-1].append(picture)

    def display(picture, display_id):
        pictures.append([picture])
        return Handle()

    monkeypatch.setattr(training, "display", display)
    return pictures


def titles(pictures):
    return [picture.alt.partition(" Loss and accuracy")[0] for picture in pictures]


def test_the_figure_says_that_it_was_stopped_and_goes_on_with_its_curves(
    folder, alone, tmp_path, shown, monkeypatch
):
    monkeypatch.setattr(training.LiveFigure, "SECONDS", 1000)  # a busy machine's batch is slow

    class Slow(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            time.sleep(1)

    train(folder, tmp_path / "run", Slow(), Stop(1), progress=training.LiveFigure)
    rows, _ = train(folder, tmp_path / "run", progress=training.LiveFigure)
    assert rows[0]["seconds"] >= 1
    counts = [[len(picture.data["loss"]) for picture in pictures] for pictures in shown]
    assert counts == [[0, 1, 1], [1, 2, 3]]
    assert shown[-1][-1].data["val_accuracy"] == [row["val_accuracy"] for row in rows]
    before, after = map(titles, shown)
    assert "prepares the first step" in before[0] and "prepares the first step" in after[0]
    assert before[1].startswith("Epoch 2 of 3, about")
    assert before[2] == "Stopped after 1 of 3 epochs."
    assert after[1].startswith("Epoch 3 of 3, about")
    # The seconds are those of all its epochs, not of the last part alone.
    assert after[2] == f"3 epochs, trained in {sum(row['seconds'] for row in rows):.0f} s."


class StopAtTheEnd(keras.callbacks.Callback):
    """■ after the last epoch's last batch: while it validates, or when all is saved."""

    def __init__(self, saved):
        super().__init__()
        self.saved = saved

    def on_epoch_begin(self, epoch, logs=None):
        self.is_last = epoch == 2

    def on_test_begin(self, logs=None):
        if self.is_last and not self.saved:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        if self.is_last:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("saved", "epochs"), [(False, 2), (True, 3)])
def test_a_stop_after_the_last_batch_counts_right(
    folder, alone, tmp_path, shown, monkeypatch, capsys, saved, epochs
):
    monkeypatch.setattr(training.LiveFigure, "SECONDS", 0)  # it says so after each batch
    train(folder, tmp_path / "run", StopAtTheEnd(saved), progress=training.LiveFigure)
    assert f"Stopped by you; full epochs kept: {epochs}." in capsys.readouterr().out
    rows, _ = train(folder, tmp_path / "run", progress=training.LiveFigure)
    assert_same_run(tmp_path / "run", rows, alone)
    assert not (tmp_path / "run" / training.CHECKPOINT).exists()
    before, after = map(titles, shown)
    assert before[-1] == f"Stopped after {epochs} of 3 epochs."
    assert after[-1].startswith("3 epochs, ")
    assert not any("4 of 3" in title or "about -" in title for title in before + after)
    if saved:
        assert len(after) == 1  # nothing is left to prepare


def test_what_is_over_stays_as_it_is_and_keeps_its_curves(folder, tmp_path, shown, capsys):
    rows, model = train(folder, tmp_path / "run", progress=training.LiveFigure)
    before, weights = contents(tmp_path / "run"), model.get_weights()
    logs = [path for path in before if "tensorboard" in path.parts]
    capsys.readouterr()
    again, _ = train(folder, tmp_path / "run", progress=training.LiveFigure, model=model)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1 and "This training is over" in said[0]
    assert again == rows
    (picture,) = shown[1]
    assert picture.data == shown[0][-1].data
    assert titles([picture]) == titles(shown[0][-1:])
    after = contents(tmp_path / "run")
    assert {path for path in after if path not in before} <= set(
        (tmp_path / "run").rglob("events*")
    )
    assert all(after[path] == content for path, content in before.items() if path not in logs)
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    longer = dataclasses.replace(CONFIG, epochs=4)  # by then the learning rate is 0
    with pytest.raises(CourseError, match="trained for"):
        train(folder, tmp_path / "run", model=model, config=longer)
    training.compile_model(model, 1e-2)  # anew, from the weights that it has
    rows, _ = train(folder, tmp_path / "run", model=model)
    assert len(rows) == 3 and rows != again


def test_a_loss_that_is_no_number_ends_it_and_replaces_nothing(folder, alone, tmp_path):
    run_dir = shutil.copytree(alone[0], tmp_path / "run")
    before = contents(run_dir)
    with pytest.raises(CourseError, match=r"The loss is nan in epoch 1.*smaller learning rate"):
        train(folder, run_dir, rate=float("nan"))
    assert contents(run_dir).items() >= before.items()


@pytest.mark.parametrize(
    ("accuracy", "counts", "guess"),
    [
        (0.25, (12, 12, 12, 12), True),
        (0.35, (12, 12, 12, 12), True),  # of 48, chance alone gives 17 now and then
        (0.42, (12, 12, 12, 12), False),
        (0.90, (90, 10), True),  # who always says the first
        (0.99, (90, 10), False),
        (1.00, (1, 1), False),
    ],
)
def test_what_counts_as_a_guess(accuracy, counts, guess):
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    assert training.is_a_guess(accuracy, labels) == guess


def test_a_network_that_learns_nothing_is_told_while_it_trains(folder, tmp_path, capsys):
    class Look(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            said.append(capsys.readouterr().out)

    said, config = [], dataclasses.replace(CONFIG, epochs=6)
    train(folder, tmp_path / "run", Look(), config=config, rate=1e-12)
    assert [("learning rate too high" in text) for text in said] == [False] * 4 + [True, False]


@pytest.mark.parametrize("content", ['{"theme": "dark"}', '{"profile": "sam', "[]"])
def test_files_of_others_are_not_replaced(folder, tmp_path, content):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "settings.json").write_text(content)
    (run_dir / "model.keras").write_text("somebody's")
    before = contents(run_dir)
    with pytest.raises(CourseError, match="not of this course"):
        train(folder, run_dir)
    assert contents(run_dir) == before
    for path in before:
        path.unlink()
    (run_dir / "notes.txt").write_text("mine")
    train(folder, run_dir)
    assert (run_dir / "notes.txt").read_text() == "mine"
