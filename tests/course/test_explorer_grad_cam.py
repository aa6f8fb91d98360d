"""The explorer of heat maps shows the chosen photograph, class and stage."""

from types import SimpleNamespace

import keras
import numpy as np
import pictures
import pytest

from resnext_course.explorers.grad_cam import explore
from resnext_helpers import models
from resnext_helpers.photo_folder import Photo

NAMES = ["owl", "gull"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = pictures.make_folder(tmp_path_factory.mktemp("two"), {"owl": 2, "gull": 2})
    keras.utils.set_random_seed(0)
    return SimpleNamespace(
        model=models.resnext((64, 64, 3), 2, groups=4, width_per_group=4, blocks=(1, 1, 1, 1)),
        class_names=NAMES,
        image_size=64,
        validation=[
            Photo(folder / name / f"00{i}.jpg", NAMES.index(name)) for name in NAMES for i in (1, 2)
        ],
    )


def test_the_panel_follows_its_controls(run):
    panel = explore(run, np.array([3, 0]), np.array([0.9, 0.5, 0.5, 0.25]))
    labels = [label for label, _number in panel.controls["photo"].options]
    assert labels == ["1 (25%)", "2 (90%)"]
    assert panel.picture.data["true class"] == "gull"
    assert panel.picture.data["heat_map"] == "4 × 4 cells"
    first = panel.picture
    panel.controls["photo"].value = 0
    assert panel.picture.png != first.png
    for name in NAMES:
        panel.controls["explained"].value = name
        assert panel.picture.data["explained"] == name
    panel.controls["explained"].value = "owl"
    panel.controls["layer"].value = "layer2_0_out"
    assert panel.picture.data["heat_map"] == "8 × 8 cells"
    covered = panel.picture.png
    panel.controls["strength"].value = 0
    assert panel.picture.png != covered
    assert panel.message == "" and all(c.description for c in panel.controls.values())


def test_only_networks_of_the_course_have_stages_to_choose(run):
    panel = explore(run, [0], np.ones(4))
    assert [label for label, _layer in panel.controls["layer"].options] == [
        "layer1",
        "layer2",
        "layer3",
        "layer4",
    ]
