"""The explorer of notebook 03 shows what real layers connect and cost."""

import keras
import numpy as np
import pytest

from resnext_course.explorers import _panel
from resnext_course.explorers import grouped_convolution as explorer

pytestmark = pytest.mark.usefixtures("style")


FIRST = {"channels": 8, "filters": 8, "groups": 4, "kernel_size": 3, "side": 16}


def shown(**changes):
    return explorer.draw(**{**FIRST, **changes})


@pytest.mark.parametrize(
    ("values", "weights", "macs", "times"),
    [
        # By hand: k · k · channels / groups · filters, and this times side · side.
        ({}, 144, 36_864, 4),
        ({"groups": 1}, 576, 147_456, 1),
        ({"groups": 8}, 72, 18_432, 8),
        ({"kernel_size": 1, "side": 8}, 16, 1_024, 4),
        ({"channels": 6, "filters": 12, "groups": 3, "kernel_size": 5}, 600, 153_600, 3),
        # The grouped convolution of ResNeXt-50's conv2, in the size for 224×224: Table 1.
        ({"channels": 128, "filters": 128, "groups": 32, "side": 56}, 4_608, 14_450_688, 32),
    ],
)
def test_numbers(values, weights, macs, times):
    data = shown(**values).data
    assert data["weights, counted"] == weights
    assert data["multiply-adds, counted"] == macs
    assert data["weights, by formula"].endswith(f" = {weights:,}")
    assert data["multiply-adds, by formula"].endswith(f" = {macs:,}")
    assert data["counted = formula"] is True
    assert data["standard layer, weights"] == weights * times
    assert data["standard layer, multiply-adds"] == macs * times
    assert data["times fewer"] == times


def test_the_largest_counts_are_exact():
    """The layer's total, 2.5 thousand million, is far more than a float32 holds exactly."""
    data = shown(channels=128, filters=128, groups=1, kernel_size=7, side=56).data
    assert data["multiply-adds, counted"] == 7 * 7 * 128 * 128 * 56 * 56


def test_the_counts_come_from_the_layer_and_not_from_the_formula(monkeypatch):
    """A layer that forgets its groups: the picture and the numbers must show it."""

    class Forgetful(explorer.GroupedConv2D):
        def __init__(self, filters, kernel_size, *, groups, **kwargs):
            super().__init__(filters, kernel_size, groups=1, **kwargs)

    monkeypatch.setattr(explorer, "GroupedConv2D", Forgetful)
    data = shown().data
    assert data["counted = formula"] is False
    assert (data["weights, counted"], data["multiply-adds, counted"]) == (576, 147_456)
    ((_, pairs),) = data["pairs"].items()
    assert len(pairs) == 64


@pytest.mark.parametrize(
    ("channels", "filters", "groups"), [(8, 8, 4), (6, 12, 3), (12, 6, 6), (32, 64, 32)]
)
def test_the_picture_shows_what_keras_own_layer_connects(channels, filters, groups):
    layer = keras.layers.Conv2D(filters, 3, groups=groups, use_bias=False)
    layer.build((None, None, None, channels))
    pairs = set()
    for channel in range(channels):
        x = np.zeros((1, 3, 3, channels), "float32")
        x[..., channel] = np.random.default_rng(0).normal(size=(1, 3, 3))
        pairs |= {(channel, int(o)) for o in np.flatnonzero(layer(x))}
    picture = shown(channels=channels, filters=filters, groups=groups)
    assert list(picture.data["pairs"].values()) == [pairs]
    assert f"{len(pairs)} lines" in picture.alt


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"groups": 3},
            "8 input channels can't be shared equally by 3 groups: "
            "with 8 input channels and 8 filters, choose 1, 2, 4 or 8 groups.",
        ),
        (
            {"filters": 6},
            "6 filters can't be shared equally by 4 groups: "
            "with 8 input channels and 6 filters, choose 1 or 2 groups.",
        ),
        (
            {"groups": 128},
            "8 input channels can't be shared equally by 128 groups: "
            "with 8 input channels and 8 filters, choose 1, 2, 4 or 8 groups.",
        ),
    ],
)
def test_unequal_groups_are_explained(values, message):
    with pytest.raises(ValueError) as error:
        shown(**values)
    assert str(error.value) == message


def test_every_setting_is_drawn_or_explained():
    for channels in explorer.CHANNELS:
        for groups in explorer.GROUPS:
            settings = {"channels": channels, "filters": 12, "groups": groups}
            if channels % groups == 0 and 12 % groups == 0:
                assert shown(**settings, side=8).data["times fewer"] == groups
            else:
                with pytest.raises(ValueError, match=r"choose [\d, or]+ groups\.$"):
                    shown(**settings, side=8)


def test_the_titles_name_the_two_ends():
    titles = {groups: next(iter(shown(groups=groups).data["pairs"])) for groups in (1, 4, 8)}
    assert titles == {
        1: "8 → 8 channels, standard convolution",
        4: "8 → 8 channels, 4 groups",
        8: "8 → 8 channels, 8 groups (depthwise convolution)",
    }


def test_the_panel_follows_its_controls():
    panel = explorer.explore()
    assert {name: control.value for name, control in panel.controls.items()} == FIRST
    assert panel.picture.data["weights, counted"] == 144
    panel.controls["groups"].value = 3
    assert panel.picture is None and "choose 1, 2, 4 or 8 groups" in panel.message
    panel.controls["groups"].value = 8
    assert panel.message == "" and panel.picture.data["weights, counted"] == 72


def test_each_control_has_a_name_and_draws_when_let_go():
    for control in explorer.explore().controls.values():
        assert control.description
        assert not control.continuous_update


def test_the_table_shows_all_numbers_and_no_list_of_pairs():
    names = [name for name, _ in _panel.rows(shown().data)]
    assert names == [
        "weights, counted",
        "weights, by formula",
        "multiply-adds, counted",
        "multiply-adds, by formula",
        "counted = formula",
        "standard layer, weights",
        "standard layer, multiply-adds",
        "times fewer",
    ]
