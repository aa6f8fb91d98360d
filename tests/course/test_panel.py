"""The frame of the explorers follows the controls, live and where widgets don't run."""

import io

import ipywidgets as widgets
import matplotlib.pyplot as plt
import pytest
from PIL import Image

from resnext_course.explorers import _panel
from resnext_helpers import plots


def square(number, loud):
    if number < 0:
        raise ValueError(f"{number} is below 0 & has no <picture>.")
    figure, axis = plt.subplots(figsize=(3, 2))
    axis.plot([0, number])
    text = f"A line up to {number}{'!' if loud else ''}"
    return plots.Picture(figure, text, number_squared=number**2, loud=loud, half=number / 2, raw=[])


@pytest.fixture
def panel():
    return _panel.Panel(
        square,
        number=widgets.IntSlider(value=40, min=-100, max=100, description="number"),
        loud=widgets.Checkbox(description="loud"),
    )


def shown(panel):
    return panel._shown.value


def test_the_first_picture_and_its_numbers_are_there_at_once(panel):
    assert panel.picture.data["number_squared"] == 1600
    assert 'alt="A line up to 40"' in shown(panel)
    assert "number squared" in shown(panel) and "1,600" in shown(panel)


def test_a_moved_control_changes_picture_and_numbers(panel):
    panel.controls["number"].value = 7
    panel.controls["loud"].value = True
    assert 'alt="A line up to 7!"' in shown(panel)
    assert ">49<" in shown(panel) and ">yes<" in shown(panel) and "1,600" not in shown(panel)


def test_what_has_no_picture_is_explained_and_the_next_picture_comes_back(panel):
    panel.controls["number"].value = -3
    assert panel.picture is None
    assert panel.message == "-3 is below 0 & has no <picture>."
    assert "-3 is below 0 &amp; has no &lt;picture&gt;." in shown(panel)
    assert 'role="alert"' in shown(panel)
    panel.controls["number"].value = 3
    assert panel.message == "" and ">9<" in shown(panel)


def test_without_widgets_picture_and_table_stand_in(panel):
    bundle, metadata = panel._repr_mimebundle_()
    assert bundle[_panel.WIDGET]["model_id"]
    assert bundle["text/plain"] == "A line up to 40\nnumber squared: 1,600\nloud: no\nhalf: 20"
    assert metadata["image/png"]["alt"] == bundle["text/plain"]
    drawn = Image.open(io.BytesIO(bundle["image/png"]))
    alone = Image.open(io.BytesIO(panel.picture.png))
    assert drawn.width == alone.width and drawn.height > alone.height


def test_a_panel_whose_values_have_no_picture_says_so_without_widgets_too(panel):
    panel.controls["number"].value = -3
    bundle, _ = panel._repr_mimebundle_()
    assert bundle["text/plain"] == "-3 is below 0 & has no <picture>."
    assert "image/png" not in bundle
