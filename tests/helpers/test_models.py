"""The networks against the paper's tables and the reference implementation's numbers.

Parameters and multiply-adds were counted on torchvision's models, to the digit. The paper's tables
give the same numbers, rounded, and call multiply-adds "FLOPs".
"""

import keras
import numpy as np
import pytest

from resnext_helpers import counting, models, training

BUILD = {"ResNeXt-50": models.ResNeXt50, "ResNet-50": models.ResNet50}


@pytest.fixture(scope="module")
def networks():
    """Each network of 50 layers, built once, with the same first weights every time."""
    keras.utils.set_random_seed(0)
    return {name: build() for name, build in BUILD.items()}


@pytest.fixture(scope="module")
def small():
    """Each kind of block once: as quick as a network of the builder can be."""
    return small_network((64, 64, 3))


def small_network(shape):
    return models.resnext(shape, 5, groups=32, width_per_group=4, blocks=(2, 1, 1, 1))


def random_images(shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    ("name", "parameters", "with_statistics", "macs"),
    [
        ("ResNeXt-50", 25_028_904, 25_097_128, 4_230_479_872),
        ("ResNet-50", 25_557_032, 25_610_152, 4_089_184_256),
    ],
)
def test_each_network_costs_what_the_paper_says(networks, name, parameters, with_statistics, macs):
    model = networks[name]
    assert counting.trainable_parameters(model) == parameters
    assert model.count_params() == with_statistics
    assert counting.macs(model) == macs
    assert all(2 + 3 * sum(blocks) == depth for depth, blocks in models.BLOCKS.items())


@pytest.mark.parametrize(
    ("build", "name", "kernel"),
    [
        (models.ResNeXt50, "resnext50_16x2d", (3, 3, 2, 32)),
        (models.ResNet50, "resnet50", (3, 3, 64, 64)),
    ],
)
def test_what_a_function_is_given_reaches_the_network(build, name, kernel, monkeypatch):
    monkeypatch.setitem(models.resnext.__kwdefaults__, "blocks", (1,))
    options = {"groups": 16, "width_per_group": 2} if build is models.ResNeXt50 else {}
    model = build((40, 48, 1), 7, **options, zero_init_residual=True)
    assert (model.name, model.input_shape, model.output_shape) == (
        (name, (None, 40, 48, 1), (None, 7))
    )
    assert model.get_layer("layer1_0_conv2").kernel.shape == kernel
    assert not np.any(model.get_layer("layer1_0_bn3").gamma)


# -- first weights and batch norm ----------------------------------------------------------------

# A measured spread or share strays from the true one by chance. Beyond five of its own standard
# errors it does so once in two million times, and these tests look at about 500.
ERRORS = 5


@pytest.mark.parametrize("name", BUILD)
def test_every_kernel_starts_normal_with_the_reference_spread(networks, name):
    """Normal, mean 0, variance 2 / (kernel area x filters): He et al. (2015), from the outputs."""
    for layer in networks[name].layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        kernel = np.array(layer.kernel)
        height, width, _, filters = kernel.shape
        scaled = kernel / np.sqrt(2 / (height * width * filters))
        n = kernel.size
        assert abs(scaled.mean()) < ERRORS / np.sqrt(n), layer
        assert abs(scaled.std() - 1) < ERRORS / np.sqrt(2 * n), layer
        share = 0.0455  # of a normal distribution, beyond two standard deviations
        beyond = (abs(scaled) > 2).mean()  # none, had the distribution been cut there
        assert abs(beyond - share) < ERRORS * np.sqrt(share * (1 - share) / n), layer


def test_the_last_layer_starts_evenly_between_two_bounds(networks):
    last = networks["ResNeXt-50"].get_layer("fc")
    for weights in (np.array(last.kernel), np.array(last.bias)):
        scaled = weights * np.sqrt(2048)  # from -1 to 1
        n = weights.size
        assert abs(scaled).max() <= 1 + 1e-6
        assert abs(scaled.mean()) < ERRORS * np.sqrt(1 / 3 / n)
        assert abs((scaled**2).mean() - 1 / 3) < ERRORS * np.sqrt(4 / 45 / n)


def test_the_papers_batch_norm_and_no_bias_behind_every_convolution(networks):
    layers, number = networks["ResNeXt-50"].layers, 53
    norms = [one for one in layers if isinstance(one, keras.layers.BatchNormalization)]
    assert [len(one.weights) for one in layers if "conv" in type(one).__name__.lower()] == (
        number * [1]
    )
    assert len(norms) == number
    for norm in norms:
        assert (norm.momentum, norm.epsilon) == (0.9, 1e-5), norm.name
        for weight, first in zip(norm.weights, (1, 0, 0, 1), strict=True):
            np.testing.assert_array_equal(weight, first, err_msg=weight.path)


def test_a_block_that_starts_at_zero_is_relu_of_its_input():
    x = keras.Input((8, 8, 256))
    form = {"channels": 256, "width": 128, "groups": 32}
    model = keras.Model(x, models.block(x, **form, zero_init_residual=True, name="block"))
    images = random_images((2, 8, 8, 256))
    np.testing.assert_array_equal(model(images), np.maximum(images, 0))
    for name in ("bn1", "bn2"):
        np.testing.assert_array_equal(model.get_layer(f"block_{name}").gamma, 1)


def test_saves_and_loads_in_safe_mode(small, tmp_path):
    small.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    images = random_images((2, 64, 64, 3))
    np.testing.assert_array_equal(loaded(images), small(images))


def test_any_image_size_with_the_same_weights(small):
    flexible = small_network((None, None, 3))
    flexible.set_weights(small.get_weights())
    images = random_images((2, 64, 64, 3))
    np.testing.assert_allclose(flexible(images), small(images), rtol=1e-4, atol=1e-5)
    assert np.isfinite(flexible(random_images((1, 50, 1, 3)))).all()


def test_a_network_trains_in_16_bits_with_weights_and_logits_of_32():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = models.resnext((32, 32, 3), 2, groups=4, width_per_group=2, blocks=(1,))
    finally:
        keras.config.set_dtype_policy(before)
    training.compile_model(model, 1e-3)
    labels = np.arange(8) % 2
    pictures = random_images((8, 32, 32, 3)) + labels[:, None, None, None]
    losses = model.fit(pictures, labels, batch_size=8, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.get_layer("layer1_0_conv2").compute_dtype == "float16"
    assert model.output.dtype == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}
