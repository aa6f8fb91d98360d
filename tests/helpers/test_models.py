"""The networks against the paper's tables and the reference implementation's numbers.

Parameters and multiply-adds were counted on torchvision's models, to the digit. The paper's tables
give the same numbers, rounded, and call multiply-adds "FLOPs".
"""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnext_helpers import counting, models

# Layers, groups, width of a group: trainable parameters, parameters with the batch norms' running
# statistics, multiply-adds. For 1000 classes at 224 x 224; 29 layers for 10 classes at 32 x 32.
FAMILY = {
    (50, 1, 64): (25_557_032, 25_610_152, 4_089_184_256),
    (50, 2, 40): (25_425_000, 25_481_896, 4_124_508_160),
    (50, 4, 24): (25_292_968, 25_353_640, 4_159_832_064),
    (50, 8, 14): (25_603_016, 25_667_464, 4_267_409_408),
    (50, 32, 4): (25_028_904, 25_097_128, 4_230_479_872),
    (101, 1, 64): (44_549_160, 44_654_504, 7_801_405_440),
    (101, 32, 4): (44_177_704, 44_315_560, 7_969_996_800),
    (152, 1, 64): (60_192_808, 60_344_232, 11_513_626_624),
    (152, 32, 4): (59_951_400, 60_150_696, 11_709_513_728),
    (29, 1, 64): (4_914_250, 4_934_090, 748_365_824),
    (29, 2, 64): (9_130_314, 9_155_530, 1_411_065_856),
    (29, 4, 64): (17_562_442, 17_598_410, 2_736_465_920),
    (29, 8, 64): (34_426_698, 34_484_170, 5_387_266_048),
    (29, 16, 64): (68_155_210, 68_255_690, 10_688_866_304),
}
BY_DEFAULT = {  # what a function builds without arguments
    "ResNet50": (50, 1, 64),
    "ResNet101": (101, 1, 64),
    "ResNet152": (152, 1, 64),
    "ResNeXt29": (29, 8, 64),
    "ResNeXt50": (50, 32, 4),
    "ResNeXt101": (101, 32, 4),
    "ResNeXt152": (152, 32, 4),
}


def build(layers, groups, width):
    if layers > 29 and (groups, width) == (1, 64):
        return getattr(models, f"ResNet{layers}")()
    return getattr(models, f"ResNeXt{layers}")(groups=groups, width_per_group=width)


@functools.cache
def seeded(name):
    """A network of the family as its function builds it, with the same first weights every time."""
    keras.utils.set_random_seed(0)
    return getattr(models, name)()


@functools.cache
def small_network(image_size=64):
    """Each kind of block once: as quick as a network of the builder can be."""
    shape = (image_size, image_size, 3)
    return models.resnext(shape, 5, groups=32, width_per_group=4, blocks=(2, 1, 1, 1))


def random_images(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# -- the family --------------------------------------------------------------------------------


@pytest.mark.parametrize(("layers", "groups", "width"), FAMILY)
def test_formula_model_and_paper_agree_to_the_digit(layers, groups, width):
    parameters, with_statistics, macs = FAMILY[layers, groups, width]
    model = build(layers, groups, width)
    assert counting.trainable_parameters(model) == parameters
    assert model.count_params() == with_statistics
    assert counting.macs(model) == macs

    network = dict(blocks=models.BLOCKS[layers], groups=groups, width_per_group=width)
    network |= dict(num_classes=10, cifar=True) if layers == 29 else {}
    assert counting.network_parameters(**network) == parameters
    assert counting.network_parameters(**network, trainable_only=False) == with_statistics
    assert counting.network_macs(**network, image_size=32 if layers == 29 else 224) == macs


@pytest.mark.parametrize("name", BY_DEFAULT)
def test_each_function_asks_the_builder_for_the_network_of_its_name(name, monkeypatch):
    layers, groups, width = BY_DEFAULT[name]
    asked = []
    monkeypatch.setattr(models, "resnext", lambda *args, **options: asked.append((args, options)))
    getattr(models, name)()
    getattr(models, name)((96, 96, 3), 7, zero_init_residual=True)
    assert asked[0][0] == (((32, 32, 3), 10) if layers == 29 else ((224, 224, 3), 1000))
    assert asked[1][0] == ((96, 96, 3), 7)
    for (_, options), from_zero in zip(asked, (False, True), strict=True):
        assert options.pop("name").startswith(name.lower())
        assert options.pop("cifar", False) == (layers == 29)
        assert options == {
            "groups": groups,
            "width_per_group": width,
            "blocks": models.BLOCKS[layers],
            "zero_init_residual": from_zero,
        }


def test_the_name_says_how_many_layers_have_weights():
    for layers, blocks in models.BLOCKS.items():
        assert 1 + 3 * sum(blocks) + 1 == layers  # the stem's, the blocks' and the last one


def test_resnet50_is_one_group_of_64_channels():
    assert seeded("ResNet50").get_layer("layer1_0_conv2").kernel.shape == (3, 3, 64, 64)


def test_29_layers_keep_a_small_pictures_size_in_stem_and_first_stage():
    model = seeded("ResNeXt29")
    assert model.input_shape == (None, 32, 32, 3)
    assert model.get_layer("conv1").kernel.shape == (3, 3, 3, 64)
    assert not any(isinstance(layer, keras.layers.MaxPooling2D) for layer in model.layers)
    shapes = [model.get_layer(f"layer{stage}_2_out").output.shape[1:] for stage in (1, 2, 3)]
    assert shapes == [(32, 32, 256), (16, 16, 512), (8, 8, 1024)]
    widths = [model.get_layer(f"layer{stage}_0_conv2").output.shape[-1] for stage in (1, 2, 3)]
    assert widths == [512, 1024, 2048]
    shortcuts = [layer.name for layer in model.layers if "downsample_0" in layer.name]
    assert shortcuts == [f"layer{stage}_0_downsample_0" for stage in (1, 2, 3)]
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"groups": 0}, "groups is 0: give a whole number, 1 or more"),
        ({"groups": 2.0}, "groups is 2.0"),
        ({"width_per_group": -4}, "width_per_group is -4"),
        ({"num_classes": 0}, "num_classes is 0"),
        ({"num_classes": None}, "num_classes is None"),
        ({"blocks": ()}, r"blocks is \(\): give the number of residual blocks in each stage"),
        ({"blocks": (3, 0)}, r"blocks is \(3, 0\)"),
        ({"blocks": 3}, "blocks is 3"),
        ({"input_shape": (224, 224)}, r"input_shape is \(224, 224\): give the height, width and"),
        ({"input_shape": (8, 224, 224, 3)}, "input_shape is"),
        ({"input_shape": (0, 224, 3)}, "input_shape is"),
        ({"input_shape": (224, 224, None)}, "input_shape is"),
        ({"input_shape": 224}, "input_shape is 224"),
    ],
)
def test_what_is_no_network_is_refused(wrong, message):
    right = dict(input_shape=(32, 32, 3), num_classes=5, groups=2, width_per_group=4, blocks=(1,))
    with pytest.raises(ValueError, match=message):
        models.resnext(**right | wrong)


def test_the_smallest_picture_has_one_pixel():
    model = models.resnext((1, 1, 3), 5, groups=4, width_per_group=4, blocks=(1, 1, 1, 1))
    assert np.isfinite(model(random_images((2, 1, 1, 3)))).all()


def test_layers_with_weights_have_the_reference_names():
    expected = {"conv1", "bn1", "fc"}
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        expected |= {f"layer{stage}_0_downsample_{i}" for i in (0, 1)}
        for block in range(blocks):
            for i in (1, 2, 3):
                expected |= {f"layer{stage}_{block}_{kind}{i}" for kind in ("conv", "bn")}
    assert {layer.name for layer in seeded("ResNeXt50").layers if layer.weights} == expected


@pytest.mark.parametrize(
    ("stage", "width", "channels", "size"),
    [(1, 128, 256, 56), (2, 256, 512, 28), (3, 512, 1024, 14), (4, 1024, 2048, 7)],
)
def test_widths_and_sizes_of_each_stage(stage, width, channels, size):
    model = seeded("ResNeXt50")
    assert model.get_layer(f"layer{stage}_0_conv2").kernel.shape == (3, 3, width // 32, width)
    assert model.get_layer(f"layer{stage}_0_conv1").output.shape[-1] == width
    assert model.get_layer(f"layer{stage}_2_out").output.shape == (None, size, size, channels)


# -- first weights and batch norm --------------------------------------------------------------


FIRST_WEIGHTS = ["ResNeXt50", "ResNet50", "ResNeXt29"]
NUMBER_OF_KERNELS = {"ResNeXt50": 53, "ResNet50": 53, "ResNeXt29": 31}
# A measured spread or share strays from the true one by chance. Beyond five of its own standard
# errors it does so once in two million times, and these tests look at about 500.
ERRORS = 5


@pytest.mark.parametrize("name", FIRST_WEIGHTS)
def test_every_kernel_starts_normal_with_the_reference_spread(name):
    """Normal, mean 0, variance 2 / (kernel area x filters): He et al. (2015), from the outputs."""
    kernels = {
        layer.name: layer.kernel.numpy()
        for layer in seeded(name).layers
        if hasattr(layer, "kernel") and layer.name != "fc"
    }
    assert len(kernels) == NUMBER_OF_KERNELS[name]
    for layer, kernel in kernels.items():
        height, width, _, filters = kernel.shape
        scaled = kernel / np.sqrt(2 / (height * width * filters))
        n = kernel.size
        assert abs(scaled.mean()) < ERRORS / np.sqrt(n), layer
        assert abs(scaled.std() - 1) < ERRORS / np.sqrt(2 * n), layer
        share = 0.0455  # of a normal distribution, beyond two standard deviations
        beyond = (abs(scaled) > 2).mean()  # none, had the distribution been cut there
        assert abs(beyond - share) < ERRORS * np.sqrt(share * (1 - share) / n), layer


def test_the_first_grouped_kernel_starts_at_0_042():
    kernel = seeded("ResNeXt50").get_layer("layer1_0_conv2").kernel.numpy()
    assert kernel.std() == pytest.approx(0.042, abs=0.002)


@pytest.mark.parametrize("name", FIRST_WEIGHTS)
def test_the_last_layer_starts_evenly_between_two_bounds(name):
    last = seeded(name).get_layer("fc")
    for weights in (last.kernel.numpy(), last.bias.numpy()):
        scaled = weights * np.sqrt(last.kernel.shape[0])  # from -1 to 1
        n = weights.size
        assert abs(scaled).max() <= 1 + 1e-6
        assert abs(scaled.mean()) < ERRORS * np.sqrt(1 / 3 / n)
        assert abs((scaled**2).mean() - 1 / 3) < ERRORS * np.sqrt(4 / 45 / n)


@pytest.mark.parametrize("name", FIRST_WEIGHTS)
def test_batch_norm_has_the_papers_numbers_behind_every_convolution(name):
    norms = [
        layer for layer in seeded(name).layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(norms) == NUMBER_OF_KERNELS[name]
    for norm in norms:
        assert (norm.momentum, norm.epsilon) == (0.9, 1e-5), norm.name
        for weight, first in zip(norm.weights, (1, 0, 0, 1), strict=True):
            np.testing.assert_array_equal(weight, first, err_msg=weight.path)


def test_no_convolution_has_a_bias():
    for layer in seeded("ResNeXt50").layers:
        if layer.name != "fc" and not isinstance(layer, keras.layers.BatchNormalization):
            assert len(layer.weights) <= 1, layer.name


# -- the whole network -------------------------------------------------------------------------


def test_the_outputs_are_logits():
    model = small_network()
    logits = model(random_images((2, 64, 64, 3))).numpy()
    assert logits.shape == (2, 5)
    assert model.get_layer("fc").activation is keras.activations.linear
    assert not np.allclose(logits.sum(axis=1), 1)  # as they would after a softmax


def test_saves_and_loads_in_safe_mode(tmp_path):
    model = small_network()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    images = random_images((2, 64, 64, 3))
    np.testing.assert_array_equal(loaded(images), model(images))


def test_any_image_size_with_the_same_weights():
    flexible = models.resnext((None, None, 3), 5, groups=32, width_per_group=4, blocks=(2, 1, 1, 1))
    flexible.set_weights(small_network().get_weights())
    images = random_images((2, 64, 64, 3))
    np.testing.assert_allclose(flexible(images), small_network()(images), rtol=1e-4, atol=1e-5)
    assert flexible(random_images((1, 96, 50, 3))).shape == (1, 5)


def test_every_weight_gets_a_gradient():
    model = small_network()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(random_images((2, 64, 64, 3)), training=True) ** 2)
    for weight, gradient in zip(
        model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True
    ):
        assert gradient is not None and np.abs(gradient).max() > 0, weight.path


def test_logits_stay_in_32_bits_with_mixed_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = models.resnext((32, 32, 3), 5, groups=4, width_per_group=4, blocks=(1,))
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.get_layer("layer1_0_conv2").compute_dtype == "float16"
    assert model.output.dtype == "float32"


def test_zero_init_residual_starts_every_block_as_its_shortcut():
    model = models.resnext(
        (32, 32, 3), 5, groups=32, width_per_group=4, blocks=(2, 1, 1, 1), zero_init_residual=True
    )
    scales = {
        layer.name: layer.gamma
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    for name, gamma in scales.items():
        np.testing.assert_array_equal(gamma, 0 if name.endswith("_bn3") else 1, err_msg=name)

    inputs = model.get_layer("layer1_1_conv1").input
    block = keras.Model(inputs, model.get_layer("layer1_1_out").output)
    pixels = np.random.default_rng(0).uniform(0, 1, (1, 8, 8, 256)).astype("float32")
    np.testing.assert_array_equal(block(pixels), pixels)


def test_without_it_every_scale_starts_at_one_as_in_the_reference():
    for layer in small_network().layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            np.testing.assert_array_equal(layer.gamma, 1, err_msg=layer.name)
