"""What a training will cost: by hand, on the built network, and in the panel."""

import dataclasses
import itertools
from types import SimpleNamespace

import keras
import pytest

from resnext_course.explorers import training_plan
from resnext_course.explorers.training_plan import Speed, draw, explore, plan, speed_from
from resnext_helpers import counting, models, training

SPEED = Speed(prepare=5.0, fixed=0.1, macs_a_second=100e9)
CHOICE = {"image_size": 128, "batch_size": 16, "epochs": 8, "photographs": 240}


def test_the_time_is_what_a_hand_computes():
    forward = counting.macs(models.ResNeXt50((128, 128, 3)))
    cost = plan(SPEED, **CHOICE)
    assert cost.steps == 12  # 192 of 240 to train on, 16 a step
    assert cost.macs == 3 * 16 * forward
    seconds = 12 * 0.1 + (192 * 3 + 48) * forward / 100e9
    assert cost.epoch == pytest.approx(seconds)
    assert cost.total == pytest.approx(5 + 8 * seconds)


def test_a_batch_that_is_not_full_is_a_step_too():
    assert plan(SPEED, **{**CHOICE, "photographs": 260}).steps == 13


def test_small_batches_pay_the_fixed_part_more_often():
    small = plan(SPEED, **{**CHOICE, "batch_size": 1})
    assert small.steps == 192
    assert small.epoch - plan(SPEED, **CHOICE).epoch == pytest.approx((192 - 12) * 0.1)


def test_memory_of_weights_and_optimizer_is_what_keras_holds():
    model = models.ResNeXt50((32, 32, 3))
    training.compile_model(model, 1e-3)
    model.optimizer.build(model.trainable_variables)
    held = sum(4 * weight.numpy().size for weight in model.weights)
    held += sum(4 * v.numpy().size for v in model.optimizer.variables if v.numpy().size > 1)
    assert plan(SPEED, **CHOICE).weights == held


@pytest.mark.parametrize("depth", [50, 101])
def test_memory_of_feature_maps_is_near_what_the_built_network_keeps(depth):
    model = {50: models.ResNeXt50, 101: models.ResNeXt101}[depth]((64, 64, 3))
    kept = sum(
        layer.output.shape[1] * layer.output.shape[2] * layer.output.shape[3]
        for layer in model.layers
        if isinstance(layer, keras.layers.ReLU) or hasattr(layer, "kernel_size")
    )
    cost = plan(SPEED, **{**CHOICE, "image_size": 64, "batch_size": 4}, depth=depth)
    assert cost.maps == pytest.approx(4 * 4 * kept, rel=0.1)


def test_a_deeper_network_costs_more_of_everything():
    cost, deeper = plan(SPEED, **CHOICE), plan(SPEED, **CHOICE, depth=101)
    for name in ("macs", "epoch", "total", "weights", "maps"):
        assert getattr(deeper, name) > 1.3 * getattr(cost, name)


def test_two_times_give_both_parts_of_a_step():
    forward = counting.macs(models.ResNeXt50((64, 64, 3), 1000))
    seconds = {n: 0.2 + 3 * n * forward / 80e9 for n in training_plan.MEASURED_BATCHES}
    speed = speed_from(9, *seconds.values())
    assert speed.prepare == 9
    assert speed.fixed == pytest.approx(0.2)
    assert speed.macs_a_second == pytest.approx(80e9)


def test_a_disturbed_measurement_still_gives_a_speed():
    speed = speed_from(9, 0.8, 0.5)
    assert 0 <= speed.fixed < 0.5 and speed.macs_a_second > 0
    speed = speed_from(9, 0.0, 0.5)
    assert speed.fixed == 0 and speed.macs_a_second > 0


def test_the_measurement_takes_the_fastest_step_of_each_batch(monkeypatch):
    def small_network(shape, classes):
        inputs = keras.Input(shape)
        x = keras.layers.GlobalAveragePooling2D()(inputs)
        return keras.Model(inputs, keras.layers.Dense(classes, name="fc")(x))

    # The first step prepares the graph, and the first one of another batch is slow as well.
    clock = itertools.accumulate([0, 9, 0.3, 0.2, 0.4, 0.1, 0.6, 0.5, 0.7])
    monkeypatch.setattr(training_plan, "time", SimpleNamespace(perf_counter=clock.__next__))
    monkeypatch.setattr(models, "ResNeXt50", small_network)
    speed = training_plan.measure()
    expected = speed_from(9, 0.2, 0.5)
    assert dataclasses.astuple(speed) == pytest.approx(dataclasses.astuple(expected))
    with pytest.raises(StopIteration):  # as many steps as times above
        next(clock)


def test_a_speed_speaks():
    assert repr(SPEED) == (
        "Preparing the first step: 5 s. Each step: 0.10 s, and 1 s more for each "
        "100 billion multiply-adds."
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image_size": 16}, "16 pixels can't be halved five times"),
        ({"image_size": 32, "batch_size": 1}, "leaves a single number a channel"),
        ({"photographs": 20, "batch_size": 32}, "20 photographs can't fill a batch of 32"),
    ],
)
def test_what_cannot_be_trained_is_explained(changed, message):
    with pytest.raises(ValueError, match=message):
        draw(SPEED, **{**CHOICE, **changed})


def test_one_picture_of_32_pixels_does_leave_zeros():
    """The explanation that the explorer gives, on the real network."""
    model = models.ResNeXt50((32, 32, 3), 4)
    last = keras.Model(model.inputs, model.get_layer("layer4_2_bn3").output)
    pictures = keras.random.normal((2, 32, 32, 3), seed=0)
    assert abs(last(pictures[:1], training=True)).numpy().max() == 0
    assert abs(last(pictures, training=True)).numpy().max() > 0


def test_the_picture_holds_settings_and_profiles():
    picture = draw(SPEED, **CHOICE)
    cost = plan(SPEED, **CHOICE)
    assert picture.data["steps_an_epoch"] == 12
    assert picture.data["minutes_in_all"] == round(cost.total / 60, 2)
    assert picture.data["minutes_an_epoch"] == round(cost.epoch / 60, 2)
    assert picture.data["billion_multiply-adds_a_step"] == round(cost.macs / 1e9, 2)
    full = plan(SPEED, image_size=224, batch_size=8, epochs=10, photographs=240)
    assert f"full profile: {training_plan.duration(full.total)}" in picture.alt
    assert "sample profile:" in picture.alt


@pytest.mark.parametrize(("seconds", "text"), [(29, "29 s"), (216, "3.6 min"), (42_435, "11.8 h")])
def test_a_time_as_one_reads_it(seconds, text):
    assert training_plan.duration(seconds) == text


def test_the_controls_move_the_numbers():
    panel = explore(SPEED)
    assert panel.picture.data == draw(SPEED, **CHOICE).data
    panel.controls["image_size"].value = 64
    panel.controls["depth"].value = 101
    assert panel.picture.data == draw(SPEED, **{**CHOICE, "image_size": 64}, depth=101).data
    panel.controls["image_size"].value = 16
    assert panel.picture is None and "five times" in panel.message
    panel.controls["image_size"].value = 32
    assert panel.message == ""


def test_each_control_has_a_name_and_waits_for_the_end_of_a_move():
    for control in explore(SPEED).controls.values():
        assert control.description
        assert not getattr(control, "continuous_update", False)
