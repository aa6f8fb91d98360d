"""Fine-tuning changes what it should, and nothing else.

A small network with weights made up here stands in for ImageNet's, which tests can't download.
"""

from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from benchmarks.parity_case import to_torch_layout
from resnext_helpers import counting, data, evaluation, fine_tuning, models, training
from resnext_helpers.models import torchvision_names
from resnext_helpers.settings import PROFILES, CourseError

OLD_CLASSES, NEW_CLASSES, FEATURES = 7, 3, 512


def small_network(num_classes=OLD_CLASSES):
    return models.resnext(
        (32, 32, 3), num_classes, groups=4, width_per_group=2, blocks=(1, 1), name="small"
    )


def pretrained():
    """A network whose batch norms have seen something: no weight has its first value."""
    network = small_network()
    random = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return network


def batch(seed=0):
    """Pictures and their labels, which the mean colour gives away."""
    random = np.random.default_rng(seed)
    labels = random.integers(NEW_CLASSES, size=8)
    pictures = random.normal(size=(8, 32, 32, 3)) + np.eye(3)[labels][:, None, None]
    return pictures.astype("float32"), labels


def weights(model):
    """Copies, by layer and name."""
    return {
        (layer.name, weight.name): keras.ops.convert_to_numpy(weight).copy()
        for layer in model.layers
        for weight in layer.weights
    }


def changed(before, after):
    return {name for name in before if not np.array_equal(before[name], after[name])}


def of_layers(model, *kinds):
    return {
        (layer.name, weight.name)
        for layer in model.layers
        if isinstance(layer, kinds)
        for weight in layer.weights
    }


HEAD = {("fc", "kernel"), ("fc", "bias")}


@pytest.fixture(scope="module")
def phases():
    """The network, its weights before and after each phase, and the losses of each."""
    keras.utils.set_random_seed(0)
    network = fine_tuning.with_new_head(pretrained(), NEW_CLASSES)
    steps, losses = [weights(network)], []
    for prepare in (fine_tuning.compile_head_only, fine_tuning.compile_all_layers):
        prepare(network, learning_rate=1e-3)
        losses.append(network.fit(*batch(), epochs=5, verbose=0).history["loss"])
        steps.append(weights(network))
    return network, steps, losses


# The new head


def test_a_new_head_leaves_all_other_weights_and_every_name():
    old = pretrained()
    new = fine_tuning.with_new_head(old, NEW_CLASSES)
    assert [layer.name for layer in new.layers] == [layer.name for layer in old.layers]
    assert (new.name, new.input_shape) == (old.name, old.input_shape)
    assert new.output_shape == (None, NEW_CLASSES)
    assert changed(weights(old), weights(new)) == HEAD


def test_its_logits_come_from_the_old_features():
    old = pretrained()
    new = fine_tuning.with_new_head(old, NEW_CLASSES)
    pictures, _ = batch()
    features = keras.Model(old.input, old.get_layer("avgpool").output)(pictures)
    kernel, bias = new.get_layer("fc").get_weights()
    np.testing.assert_allclose(new(pictures), features @ kernel + bias, rtol=1e-5, atol=1e-5)


def test_its_first_weights_are_drawn_as_in_a_fresh_network():
    old, bound = pretrained(), FEATURES**-0.5
    heads = [fine_tuning.with_new_head(old, 50).get_layer("fc").get_weights() for _ in range(2)]
    for kernel, bias in heads:
        assert 0.99 * bound < np.abs(kernel).max() <= bound
        assert 0.8 * bound < np.abs(bias).max() <= bound
    assert changed(dict(enumerate(heads[0])), dict(enumerate(heads[1]))) == {0, 1}


def test_training_it_leaves_the_given_network_alone():
    old = pretrained()
    before = weights(old)
    new = fine_tuning.with_new_head(old, NEW_CLASSES)
    fine_tuning.compile_all_layers(new)
    new.train_on_batch(*batch())
    assert changed(weights(old), before) == set()
    assert all(layer.trainable for layer in old.layers)


def test_with_mixed_precision_it_gives_all_digits_of_the_logits():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        old = small_network()
    finally:
        keras.config.set_dtype_policy("float32")
    new = fine_tuning.with_new_head(old, NEW_CLASSES)
    assert new.get_layer("conv1").compute_dtype == "bfloat16"
    assert new.get_layer("fc").compute_dtype == "float32"


def test_weights_of_pytorch_with_other_classes_lead_to_the_same(tmp_path, capsys):
    old = pretrained()
    tensors = {
        name: np.ascontiguousarray(to_torch_layout(keras.ops.convert_to_numpy(variable)))
        for name, variable in torchvision_names(old).items()
    }
    save_file(tensors, tmp_path / "published.safetensors")
    imported = small_network(NEW_CLASSES)
    models.load_torchvision_weights(imported, tmp_path / "published.safetensors")
    assert "published.safetensors is for 7 classes" in capsys.readouterr().out

    new = fine_tuning.with_new_head(old, NEW_CLASSES)
    assert changed(weights(new), weights(imported)) == HEAD
    fine_tuning.compile_head_only(imported)
    imported.train_on_batch(*batch())
    assert changed(weights(new), weights(imported)) == HEAD


# The two phases


@pytest.mark.parametrize(
    "compile_phase", [fine_tuning.compile_head_only, fine_tuning.compile_all_layers]
)
def test_the_optimizer_has_its_variables_before_the_first_step(compile_phase):
    """Born inside the step, they would make TensorFlow build its graph twice."""
    network = fine_tuning.with_new_head(small_network(), NEW_CLASSES)
    compile_phase(network)
    assert network.optimizer.built


def test_head_only_changes_the_head_and_not_one_bit_elsewhere(phases):
    _, (first, after_head, _), _ = phases
    assert changed(first, after_head) == HEAD


def test_all_layers_change_but_batch_norm(phases):
    network, (_, after_head, last), _ = phases
    norms = of_layers(network, keras.layers.BatchNormalization)
    assert {name for _, name in norms} == {"gamma", "beta", "moving_mean", "moving_variance"}
    assert changed(after_head, last) == set(last) - norms


def test_each_phase_lowers_the_loss(phases):
    _, _, (head, all_layers) = phases
    assert head[-1] < head[0]
    assert all_layers[-1] < 0.7 * head[-1]


@pytest.mark.parametrize("prepare", [fine_tuning.compile_head_only, fine_tuning.compile_all_layers])
def test_the_network_answers_in_training_as_in_use(prepare):
    network = pretrained()
    prepare(network)
    pictures, _ = batch()
    in_training = network(pictures, training=True)
    np.testing.assert_array_equal(in_training, network(pictures, training=False))


def test_without_freezing_the_answers_and_the_statistics_change_although_no_weight_does():
    network = pretrained()
    pictures, labels = batch()
    before, answers = weights(network), network(pictures, training=False)
    training.compile_model(network, learning_rate=0.0)
    network.train_on_batch(pictures, labels)
    names = changed(before, weights(network))
    assert {name for _, name in names} == {"moving_mean", "moving_variance"}
    assert np.abs(network(pictures, training=False) - answers).max() > 0.1


def test_what_trains_is_counted():
    network = fine_tuning.with_new_head(pretrained(), NEW_CLASSES)
    whole = counting.trainable_parameters(network)
    norms = [w for w in network.trainable_weights if w.name in ("gamma", "beta")]
    fine_tuning.compile_head_only(network)
    assert counting.trainable_parameters(network) == FEATURES * NEW_CLASSES + NEW_CLASSES
    fine_tuning.compile_all_layers(network)
    assert counting.trainable_parameters(network) == whole - sum(w.shape[0] for w in norms)


def test_a_phase_does_not_depend_on_what_was_frozen_before():
    network = pretrained()
    network.trainable = False
    fine_tuning.compile_all_layers(network)
    thawed = {weight.path for weight in network.trainable_weights}
    fine_tuning.compile_head_only(network)
    assert {w.path for w in network.trainable_weights} == {"fc/kernel", "fc/bias"}
    fine_tuning.compile_all_layers(network)
    assert {w.path for w in network.trainable_weights} == thawed > {"conv1/kernel", "fc/bias"}


def test_all_layers_train_ten_times_more_slowly_than_the_head():
    network = pretrained()
    rates = []
    for prepare in (fine_tuning.compile_head_only, fine_tuning.compile_all_layers):
        prepare(network)
        rates.append(float(network.optimizer.learning_rate))
    assert rates[0] == pytest.approx(10 * rates[1])


# With the course's training


def test_a_saved_run_gives_the_same_logits_and_goes_on_to_the_next_phase(tmp_path):
    random = np.random.default_rng(0)
    for name, brightness in (("bright", 200), ("dark", 30)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            pixels = random.integers(brightness, brightness + 50, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    config = replace(
        PROFILES["sample"],
        image_size=32,
        batch_size=4,
        epochs=1,
        data_dir=tmp_path / "photos",
        runs_dir=tmp_path,
    )
    photos = data.load(config, progress=False)
    network = fine_tuning.with_new_head(pretrained(), 2)
    pictures = keras.ops.convert_to_tensor(batch()[0])
    for prepare in (fine_tuning.compile_head_only, fine_tuning.compile_all_layers):
        prepare(network)
        training.train(network, photos, config, tmp_path / "run", report=lambda *shown: None)
        loaded = evaluation.load_run(tmp_path / "run").model
        np.testing.assert_array_equal(loaded(pictures), network(pictures))
        assert weights(loaded).keys() == weights(network).keys()
        network = loaded


# What can't be fine-tuned


def without_a_head():
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Flatten(name="flat")(inputs), name="other")


def with_a_softmax_behind():
    network = small_network()
    return keras.Model(network.input, keras.layers.Softmax(name="p")(network.output), name="other")


def with_a_head_that_is_not_dense():
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Conv2D(2, 8, name="fc")(inputs), name="other")


@pytest.mark.parametrize(
    "use",
    [lambda model: fine_tuning.with_new_head(model, 2), fine_tuning.compile_head_only],
    ids=["new head", "head only"],
)
@pytest.mark.parametrize(
    ("build", "last"),
    [
        (without_a_head, "flat (Flatten)"),
        (with_a_softmax_behind, "p (Softmax)"),
        (with_a_head_that_is_not_dense, "fc (Conv2D)"),
    ],
)
def test_a_network_without_the_dense_layer_fc_is_refused(use, build, last):
    with pytest.raises(CourseError) as failure:
        use(build())
    assert str(failure.value) == (
        f"The last layer of other is {last}, not the dense layer fc: fine-tune a network of "
        f"resnext_helpers.models, which gives logits."
    )


@pytest.mark.parametrize("num_classes", [0, -1, 2.5])
def test_a_number_of_classes_that_is_none_is_refused(num_classes):
    with pytest.raises(ValueError, match=rf"num_classes is {num_classes}: give a whole number"):
        fine_tuning.with_new_head(pretrained(), num_classes)
