"""The photo browser shows what training's own augmentation makes of a photograph."""

import io

import numpy as np
import pytest
from pictures import make_folder
from PIL import Image

from resnext_course.explorers import photo_browser
from resnext_course.explorers.photo_browser import browse, varied_photo
from resnext_helpers import data, photo_folder, photos, plots


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("photos"), {"gull": 3, "owl": 4})
    Image.effect_noise((300, 200), 50).convert("RGB").save(folder / "gull" / "wide.png")
    return photo_folder.check(folder, progress=False)


@pytest.fixture
def drawn(monkeypatch):
    """The pictures before and after that were drawn last, and their scaled values."""
    kept = {}
    draw = photo_browser._draw

    def spy(pictures, scaled):
        kept.update(zip(("before", "after"), pictures, strict=True), scaled=scaled)
        kept["figure"] = draw(pictures, scaled)
        return kept["figure"]

    monkeypatch.setattr(photo_browser, "_draw", spy)
    return kept


def test_without_a_change_the_photograph_stays(report, drawn):
    picture = varied_photo(report, "owl", 2)
    np.testing.assert_array_equal(
        drawn["before"], photos.read(report.folder / "owl" / "002.jpg", 224)
    )
    np.testing.assert_allclose(drawn["after"], drawn["before"].astype(int), atol=1)
    assert picture.data["scaled_mean_after"] == picture.data["scaled_mean_before"]
    assert picture.alt == "owl, photograph 2, before and after: nothing is changed."


def test_the_numbers_belong_to_the_photograph(report, drawn):
    picture = varied_photo(report, "gull", 4, brightness=-50)
    numbers = picture.data
    assert (numbers["class_name"], numbers["file"]) == ("gull", "wide.png")
    assert numbers["size_in_pixels"] == "300 × 200"
    for name, values in zip(("before", "after"), drawn["scaled"], strict=True):
        assert numbers[f"scaled_mean_{name}"] == pytest.approx(values.mean(), abs=0.006)
        assert numbers[f"scaled_spread_{name}"] == pytest.approx(values.std(), abs=0.006)
    np.testing.assert_allclose(
        drawn["scaled"][1].mean(), data.scale(drawn["after"]).numpy().mean(), atol=0.01
    )
    assert numbers["scaled_mean_after"] < numbers["scaled_mean_before"] - 0.5


def test_the_figure_holds_both_pictures_and_both_histograms(report, drawn):
    varied_photo(report, "owl", 1, contrast=-80)
    before, after, histogram = drawn["figure"].axes
    np.testing.assert_array_equal(before.images[0].get_array(), drawn["before"])
    np.testing.assert_array_equal(after.images[0].get_array(), drawn["after"])
    for patch, values in zip(histogram.patches, drawn["scaled"], strict=True):
        shares, edges, _ = patch.get_data()
        assert sum(shares) == pytest.approx(100)  # no value lies outside the axis
        counted, _ = np.histogram(values, edges)
        np.testing.assert_allclose(shares, 100 * counted / values.size)
    assert histogram.patches[0].get_linestyle() != histogram.patches[1].get_linestyle()


def test_each_control_does_what_its_name_says(report, drawn):
    def after(**amounts):
        varied_photo(report, "owl", 3, **amounts)
        return drawn["after"].astype(int)

    original = after()
    np.testing.assert_allclose(after(mirror=True), original[:, ::-1], atol=1)
    np.testing.assert_allclose(after(turn=90), np.rot90(original), atol=2)  # to the left
    moved = after(right=25, down=50)
    np.testing.assert_allclose(moved[112:, 56:], original[:112, :168], atol=1)
    both = after(right=25, mirror=True)  # shifted first, then mirrored
    np.testing.assert_allclose(both, after(right=25)[:, ::-1], atol=1)
    large = after(zoom=50)
    middle = Image.fromarray(original[56:168, 56:168].astype(np.uint8)).resize((224, 224))
    assert np.abs(large - np.asarray(middle)).mean() < 6
    assert after(contrast=-100).std() < original.std() / 2
    np.testing.assert_array_equal(after(brightness=-100, contrast=-100), 0)


@pytest.mark.parametrize(
    ("amounts", "words"),
    [
        ({}, "yes"),
        ({"turn": -10, "zoom": 10, "right": 10, "down": -10, "mirror": True}, "yes"),
        ({"brightness": 20, "contrast": -20}, "yes"),
        ({"turn": 15}, "no, too much: turn"),
        ({"zoom": -15}, "no, too much: zoom"),
        ({"right": -15, "down": 15}, "no, too much: right, down"),
        ({"brightness": 25, "contrast": 25}, "no, too much: brightness, contrast"),
    ],
)
def test_the_limits_of_training_are_named(report, amounts, words):
    assert varied_photo(report, "owl", **amounts).data["can_happen_in_training"] == words


def test_the_alt_text_names_the_changes(report):
    picture = varied_photo(report, "owl", mirror=True, turn=-15, brightness=20)
    assert picture.alt.endswith("before and after: mirrored, turn -15°, brightness +20 %.")


@pytest.mark.parametrize(
    ("class_name", "number", "words"),
    [
        ("owl", 5, "'owl' has 4 photographs, so there is no number 5."),
        ("owl", 0, "so there is no number 0"),
        ("crow", 1, "'crow' has 0 photographs"),
    ],
)
def test_a_photograph_that_is_not_there_is_explained(report, class_name, number, words):
    with pytest.raises(ValueError, match=words):
        varied_photo(report, class_name, number)


def test_the_panel_follows_its_controls(report):
    panel = browse(report)
    assert panel.picture.data["class_name"] == "gull"
    assert panel.controls["number"].max == 4
    panel.controls["class_name"].value = "owl"
    panel.controls["number"].value = 2
    panel.controls["turn"].value = 180
    assert panel.picture.data["file"] == "002.jpg"
    assert panel.picture.data["can_happen_in_training"] == "no, too much: turn"
    assert "turn +180°" in panel.picture.alt
    assert all(control.description for control in panel.controls.values())


def test_the_first_picture_could_come_in_training(report):
    picture = browse(report).picture
    assert picture.data["can_happen_in_training"] == "yes"
    assert "mirrored" in picture.alt
    assert Image.open(io.BytesIO(picture.png)).width <= 1100
    assert isinstance(picture, plots.Picture)
