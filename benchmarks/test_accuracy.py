"""The benchmark of accuracy trains what it says, and its pages say what it recorded."""

import json
import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import accuracy
import article
import numpy as np
import pytest
from pictures import make_greys

from resnext_helpers import counting, data, models, settings
from resnext_helpers.layers import BatchNorm

# isort: split
import keras
from keras import layers

FOLDER = Path(__file__).parent
RECORDED = accuracy.load()

# The article's code (its 3.3.1 to 3.3.4), with fewer groups and stages.


conv = partial(layers.Conv2D, padding="same", use_bias=False)
norm = partial(layers.BatchNormalization, epsilon=1.001e-5)


def grouped_block(init_x, strides, groups, g_channels, late_bound):
    group_list = []
    for c in range(groups):
        if late_bound:
            part = layers.Lambda(lambda x: x[:, :, :, c * g_channels : (c + 1) * g_channels])  # noqa: B023
        else:
            part = layers.Lambda(lambda x, c=c: x[:, :, :, c * g_channels : (c + 1) * g_channels])
        group_list.append(conv(g_channels, (3, 3), strides=strides)(part(init_x)))
    return layers.ReLU()(norm()(layers.concatenate(group_list, axis=3)))


def block(x, filters, late_bound, strides=1, groups=2, conv_shortcut=True):
    shortcut = x
    if conv_shortcut:
        shortcut = norm()(conv(filters * 2, (1, 1), strides=strides)(x))
    x = layers.ReLU()(norm()(conv(filters, (1, 1))(x)))
    x = grouped_block(x, strides, groups, int(filters / groups), late_bound)
    x = norm()(conv(filters * 2, (1, 1))(x))
    return layers.ReLU()(layers.Add()([x, shortcut]))


def articles_own(late_bound):
    inputs = layers.Input((32, 32, 3))
    x = layers.ZeroPadding2D((3, 3))(inputs)
    x = layers.ReLU()(norm()(layers.Conv2D(64, (7, 7), strides=2, padding="valid")(x)))
    x = layers.ZeroPadding2D((1, 1))(x)
    x = layers.MaxPool2D((3, 3), strides=2, padding="valid")(x)
    x = block(x, 8, late_bound)
    x = block(x, 8, late_bound, conv_shortcut=False)
    x = block(x, 16, late_bound, strides=2)
    x = layers.GlobalAvgPool2D()(x)
    x = layers.Dense(4, activation="softmax")(x)
    return keras.Model(inputs, x)


small_article = partial(article.resnext, 32, 4, groups=2, blocks=(2, 1))


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize("as_written", [True, False])
def test_the_articles_network_is_what_its_loop_computes(as_written):
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(1)
    own, ours = articles_own(as_written), small_article(as_written=as_written)
    for norm in layers_of(ours, layers.BatchNormalization):  # as if it had trained
        norm.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in norm.get_weights()])
    weights = []
    for layer in ours.layers:  # the kernels of the loop's branches lie side by side in one
        grouped = isinstance(layer, article.GroupedConv2D)
        for array in layer.get_weights():
            weights += np.split(array, 2, axis=-1) if grouped else [array]
    own.set_weights(weights)
    images = rng.normal(size=(8, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(ours(images), own(images), atol=1e-5)
    for model in (own, ours):
        model.compile(
            keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=True
        )
        model.train_on_batch(images, np.arange(8) % 4)
    np.testing.assert_allclose(ours(images), own(images), atol=1e-4)
    other = small_article(as_written=not as_written)
    other.set_weights(ours.get_weights())
    assert np.abs(other(images) - own(images)).max() > 1e-2  # the comparison can tell them apart


def test_the_first_weights_of_a_branch_are_glorots():
    keras.utils.set_random_seed(1)
    model = article.resnext(32, 4, as_written=True, blocks=(1, 1))
    for layer, width in zip(layers_of(model, article.GroupedConv2D), (4, 8), strict=True):
        # Glorot and Bengio (2010), equation 16, for 3×3 kernels from and to ``width`` channels.
        limit = (6 / (9 * width + 9 * width)) ** 0.5
        assert 0.99 * limit < np.abs(layer.kernel).max() <= limit


def test_the_articles_rate_is_the_one_that_its_compile_gives():
    """It makes an Adam of 0.0001, and then compiles with ``"adam"``."""
    rate = float(keras.optimizers.get("adam").learning_rate)
    for recipe in ("as written", "groups mended"):
        assert accuracy.CASES[f"article, {recipe}"].learning_rate == pytest.approx(rate)
    assert accuracy.CASES["article, rate mended"].learning_rate == 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_greys(tmp_path_factory.mktemp("photographs"), 10)


def test_the_article_is_fed_raw_pixels_in_the_same_batches(folder):
    config = settings.CourseSettings("", 32, 4, epochs=2, learning_rate=1e-3, data_dir=folder)
    photos = article.feed(data.load(config, progress=False), config)

    def greys(batches):
        return [frozenset(np.asarray(images)[:, 0, 0, 0].round(2)) for images, _ in batches]

    first, second = greys(photos.train), greys(photos.train)
    assert set(first) == set(second)
    assert frozenset().union(*first, *greys(photos.validation)) == set(range(0, 80, 4))
    orders = {tuple(map(tuple, greys(photos.train))) for _ in range(4)}
    assert len(orders) > 1


@pytest.mark.parametrize("norm", [layers.BatchNormalization, BatchNorm])
def test_statistics_measured_anew_are_those_of_all_batches(norm):
    rng = np.random.default_rng(0)
    images = rng.normal(3, 2, (12, 8, 8, 3)).astype("float32")
    batches = [(images[i : i + 4], None) for i in (0, 4, 8)]
    model = keras.Sequential([keras.Input((8, 8, 3)), norm()])
    article.measure_statistics(model, batches)
    article.measure_statistics(model, batches)  # forgets what was there before
    mean, variance = model.layers[0].moving_mean, model.layers[0].moving_variance
    np.testing.assert_allclose(mean, images.mean((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(variance, images.var((0, 1, 2)), rtol=0.05)


TINY = {"image_size": 32, "batch_size": 4, "epochs": 2, "learning_rate": 1e-3}
COURSE = accuracy.Case(**TINY, groups=4, width_per_group=4, label_smoothing=0.1)


def test_a_run_of_the_course_records_its_epochs_and_its_size(monkeypatch, folder):
    monkeypatch.setitem(models.BLOCKS, 50, (1,))
    recorded = json.loads(json.dumps(accuracy.train(COURSE, 1, folder)))
    assert (recorded["train"], recorded["validation"]) == (16, 4)
    for name in ("accuracy", "loss", "val_accuracy", "val_loss", "ends"):
        assert len(recorded[name]) == 2
    assert sorted(recorded["ends"]) == recorded["ends"]
    accuracies = [*recorded["val_accuracy"], recorded["val_accuracy_anew"]]
    assert all(value in (0, 0.25, 0.5, 0.75, 1) for value in accuracies)
    form = {"groups": 4, "width_per_group": 4, "blocks": (1,)}
    model = models.resnext((32, 32, 3), 2, **form)
    assert recorded["parameters"] == counting.trainable_parameters(model)
    assert recorded["macs"] == counting.macs(model)


def test_a_run_of_the_article_is_of_its_network_and_its_pixels(monkeypatch, folder):
    small, fitted = partial(article.resnext, groups=4, blocks=(1,)), []
    monkeypatch.setattr(article, "resnext", small)

    def fit(model, photos, epochs, callback):
        fitted.append(next(iter(photos.train))[0].numpy().max())
        return {"val_accuracy": [0.5]}

    monkeypatch.setattr(accuracy, "fit", fit)
    recorded = accuracy.train(accuracy.Case(**TINY, recipe="as written"), 1, folder)
    assert recorded["parameters"] == counting.trainable_parameters(small(32, 2, True))
    assert recorded["macs"] is None and recorded["val_accuracy"] == [0.5]
    assert fitted[0] > 30  # not scaled


def test_a_network_starts_the_same_whatever_ran_before():
    photos = SimpleNamespace(class_names=["gull", "owl"], train=range(4))
    first, again, other = (
        accuracy.course_network(COURSE, photos, seed, blocks=(1,)) for seed in (2, 2, 3)
    )
    for one, same, different in zip(*(m.get_weights() for m in (first, again, other)), strict=True):
        np.testing.assert_array_equal(one, same)
        assert one.ndim < 2 or (one != different).any()
    loss = first.compute_loss(y=np.zeros(1), y_pred=np.array([[20.0, -20.0]]))
    assert float(loss) == pytest.approx(0.05 * 40)  # smoothed, or it would be 0


def test_every_network_meets_the_same_pictures_in_the_same_order():
    class Model:
        def fit(self, train, **how):
            assert int(photos.passes) == 0 and not how["shuffle"]
            return SimpleNamespace(history={"loss": [how["epochs"]]})

    passes = keras.Variable(7)  # another network was trained before
    photos = SimpleNamespace(train=None, validation=None, passes=passes)
    assert accuracy.fit(Model(), photos, 3, None) == {"loss": [3]}


def test_what_is_recorded_stays_when_it_is_stopped_and_is_not_trained_again(
    monkeypatch, tmp_path, folder, capsys
):
    trained = []

    def run(name, seed, folder):
        trained.append((name, seed))
        if len(trained) == 3:
            raise KeyboardInterrupt
        return {"val_accuracy": [0.5]}

    monkeypatch.setattr(accuracy, "run", run)
    monkeypatch.setattr(accuracy, "RESULTS", tmp_path / "accuracy.json")
    monkeypatch.setattr(accuracy, "machine", lambda packages: {"date": "2026-01-02"})
    with pytest.raises(KeyboardInterrupt):
        accuracy.measure(folder, only="small", seeds=1)
    accuracy.measure(folder, only="small", seeds=1)
    wanted = [(name, 1) for name in accuracy.CASES if name.startswith("small")]
    assert [(one["name"], one["seed"]) for one in accuracy.load()] == wanted
    assert trained == [*wanted[:3], *wanted[2:]]
    assert accuracy.load()[0]["data"]["photographs"] == {"gull": 10, "owl": 10}
    assert [path.name for path in tmp_path.iterdir()] == ["accuracy.json"]


def test_another_photograph_has_another_fingerprint(tmp_path):
    for name in ("owl", "gull"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"one")
    first = accuracy.fingerprint(tmp_path)
    assert first["photographs"] == {"gull": 1, "owl": 1}
    (tmp_path / "owl" / "1.png").write_bytes(b"two")
    assert accuracy.fingerprint(tmp_path)["sha256"] != first["sha256"]


PARAMETERS = dict(  # torchvision's, for 1000 classes
    zip(
        models.TABLE_2.items(),
        (25_557_032, 25_425_000, 25_292_968, 25_603_016, 25_028_904),
        strict=True,
    )
)


def test_the_recorded_runs_are_of_these_cases_and_of_the_same_photographs():
    assert len({one["data"]["sha256"] for one in RECORDED}) == 1
    assert len({(one["name"], one["seed"]) for one in RECORDED}) == len(RECORDED)
    for one in RECORDED:
        case = accuracy.CASES[one["name"]]
        assert len(one["val_accuracy"]) == len(one["ends"]) == case.epochs
        assert one["train"] + one["validation"] == sum(one["data"]["photographs"].values())
        bias = 0 if case.recipe == "course" else 64  # of the stem's channels
        known = PARAMETERS[case.groups, case.width_per_group] - (1000 - 4) * 2049  # of four classes
        assert one["parameters"] == known + bias


def test_what_the_readme_says_of_the_accuracy_is_in_the_results():
    """Its percentages are those of the results, rounded or not."""
    readme, results = (
        (FOLDER.parent / path).read_text(encoding="utf-8")
        for path in ("README.md", "benchmarks/RESULTS.md")
    )
    (said,) = re.findall(r"^- \*\*Accuracy\*\*.*?(?=\n- )", readme, re.MULTILINE | re.DOTALL)
    known = re.findall(r"[\d.]+(?=%)", results)
    known += [f"{float(number):.0f}" for number in known]
    numbers = re.findall(r"[\d.]+(?=%)", said)
    assert len(numbers) >= 4 and set(numbers) <= set(known)
