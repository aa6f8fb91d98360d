"""The explorers: their numbers by hand, what they draw, and their panels."""

import io
from datetime import UTC, datetime
from types import SimpleNamespace

import ipywidgets as widgets
import keras
import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
from PIL import Image

from resnext_course.explorers import (
    cardinality,
    grad_cam,
    grouped_convolution,
    mistakes,
    own_photo,
    photo_browser,
    training_plan,
)
from resnext_course.explorers import panel as panels
from resnext_helpers import data, models, photo_folder, photos, plots
from resnext_helpers.photo_folder import Photo

pytestmark = pytest.mark.usefixtures("style", "unrendered")
RENDER = plots.drawn
NAMES = ["owl", "gull"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = pictures.make_folder(tmp_path_factory.mktemp("photos"), {"gull": 3, "owl": 4})
    Image.effect_noise((300, 200), 50).convert("RGB").save(folder / "gull" / "wide.png")
    return folder


# The frame


def square(number):
    if number < 0:
        raise ValueError(f"{number} is below 0 & has no <picture>.")
    figure, axis = plt.subplots(figsize=(3, 2))
    axis.plot([0, number])
    return plots.Picture(figure, f"A line up to {number}", number_squared=number**2, kind="line")


@pytest.fixture
def panel():
    return panels.Panel(square, number=widgets.IntSlider(40, -100, 100, description="number"))


def test_a_moved_control_changes_picture_and_numbers_or_says_why_it_cannot(panel):
    assert 'alt="A line up to 40"' in panel.shown.value and "1,600" in panel.shown.value
    panel.controls["number"].value = -3
    assert panel.picture is None
    assert panel.message == "-3 is below 0 & has no <picture>."
    assert "-3 is below 0 &amp; has no &lt;picture&gt;." in panel.shown.value
    assert 'role="alert"' in panel.shown.value
    assert '<div aria-hidden="true"' in panel.shown.value  # the last picture keeps the place
    assert 'alt="A line up to 40"' in panel.shown.value
    panel.controls["number"].value = -4
    assert panel.shown.value.count("alert") == panel.shown.value.count("alert]") + 1
    assert panel._repr_mimebundle_()[0]["text/plain"] == panel.message
    panel.controls["number"].value = 3
    assert panel.message == "" and ">9<" in panel.shown.value
    assert 'alt="A line up to 3"' in panel.shown.value and "1,600" not in panel.shown.value


def test_without_widgets_picture_and_table_stand_in(panel, monkeypatch):
    monkeypatch.setattr(plots, "drawn", RENDER)
    panel.controls["number"].value = 50
    bundle, metadata = panel._repr_mimebundle_()
    assert bundle[panels.WIDGET]["model_id"]
    assert bundle["text/plain"] == "A line up to 50\nnumber squared: 2,500\nkind: line"
    assert metadata["image/png"]["alt"] == f"{bundle['text/plain']}\n{panels.RUN}"
    png, alone = bundle["image/png"], panel.picture.png
    both, above = (np.asarray(Image.open(io.BytesIO(one)).convert("L")) for one in (png, alone))
    np.testing.assert_allclose(both[: len(above)], above, atol=9)
    assert both[len(above) :].min() < 50  # words


# 02: the photo browser


def test_each_control_does_what_its_name_says(folder):
    original = photos.read(folder / "owl" / "003.jpg", 224)

    def varied(**amounts):
        return photo_browser.varied(original, **amounts)

    np.testing.assert_allclose(varied(), original, atol=1)
    np.testing.assert_allclose(varied(mirror=True), original[:, ::-1], atol=1)
    np.testing.assert_allclose(varied(turn=90), np.rot90(original), atol=2)  # to the left
    moved = varied(right=25, down=50)
    np.testing.assert_allclose(moved[112:, 56:], original[:112, :168], atol=1)
    both = varied(right=25, mirror=True)  # shifted first, then mirrored
    np.testing.assert_allclose(both, varied(right=25)[:, ::-1], atol=1)
    middle = Image.fromarray(original[56:168, 56:168]).resize((224, 224))
    assert np.abs(varied(zoom=50) - np.asarray(middle)).mean() < 6
    assert varied(contrast=-100).std() < original.std() / 2
    np.testing.assert_allclose(varied(brightness=-100, contrast=-100), 0, atol=0.5)


def test_the_browser_shows_the_chosen_photograph(folder, figures):
    report = photo_folder.check(folder, progress=False)
    panel = photo_browser.browse(report)
    assert panel.picture.data["class_name"] == "gull"
    assert panel.picture.data["can_happen_in_training"] == "yes"
    panel.controls["number"].value = 4
    panel.controls["brightness"].value = -50
    numbers = panel.picture.data
    assert (numbers["file"], numbers["size_in_pixels"]) == ("wide.png", "300 × 200")
    assert numbers["can_happen_in_training"] == "no, too much: brightness"
    pixels = photos.read(folder / "gull" / "wide.png", 224)
    assert numbers["scaled_mean_before"] == round(float(data.scale(pixels).numpy().mean()), 2)
    assert numbers["scaled_mean_after"] < numbers["scaled_mean_before"] - 0.5
    assert "mirrored, turn +10°, zoom +10 %, brightness -50 %" in panel.picture.alt
    before, after, histogram = figures[-1].axes
    np.testing.assert_array_equal(before.images[0].get_array(), pixels)
    assert after.images[0].get_array().mean() < pixels.mean() / 1.5
    shares = [sum(patch.get_data()[0]) for patch in histogram.patches]
    assert shares == pytest.approx([100, 100])  # no value lies outside the axis
    tenth = 100 * 25.5 / pixels.mean()  # of 255, in % of this photograph's mean
    for share, said in ((0.9, "yes"), (1.1, "no, too much: brightness")):
        darker = photo_browser.draw(report, "gull", 4, brightness=-share * tenth)
        assert darker.data["can_happen_in_training"] == said
    with pytest.raises(ValueError, match="'owl' has 4 photographs, so there is no number 5"):
        photo_browser.draw(report, "owl", 5)


# 03: grouped convolution


@pytest.mark.parametrize(
    ("channels", "filters", "groups", "kernel_size", "side", "weights"),
    [
        (8, 8, 4, 3, 16, 144),  # by hand: k · k · channels / groups · filters
        (6, 12, 3, 5, 16, 600),
        (128, 128, 32, 3, 56, 4_608),  # of ResNeXt-50's conv2
        (128, 128, 1, 7, 32, 802_816),  # more multiply-adds than a float32 holds exactly
    ],
)
def test_a_grouped_convolution_is_counted(channels, filters, groups, kernel_size, side, weights):
    measured = grouped_convolution.measure(channels, filters, groups, kernel_size, side)
    assert measured[:2] == (weights, weights * side**2)
    block = np.ones((channels // groups, filters // groups))
    np.testing.assert_array_equal(measured[2], np.kron(np.eye(groups), block))


def test_the_panel_of_groups_follows_its_controls(monkeypatch):
    panel = grouped_convolution.explore()
    panel.controls["groups"].value = 8
    table = panel.picture.data
    assert "8 groups (depthwise convolution): 8 lines" in panel.picture.alt
    assert table["weights, counted"] == 72 and table["weights, by formula"].endswith(" = 72")
    assert table["multiply-adds, by formula"].endswith(f" = {table['multiply-adds, counted']:,}")
    assert (table["counted = formula"], table["times fewer"]) == ("yes", 8)
    panel.controls["groups"].value = 3
    assert "can't be split into 3 equal groups" in panel.message

    class Forgetful(grouped_convolution.GroupedConv2D):
        """A layer that forgets its groups: the numbers must show it."""

        def __init__(self, filters, kernel_size, *, groups, **kwargs):
            super().__init__(filters, kernel_size, groups=1, **kwargs)

    monkeypatch.setattr(grouped_convolution, "GroupedConv2D", Forgetful)
    panel.controls["groups"].value = 2
    assert panel.picture.data["counted = formula"] == "no"


# 04: cardinality


@pytest.mark.parametrize(
    ("cardinality_", "width", "weights", "error"),
    [  # facts of Tables 2 and 3
        (1, 64, 69_632, "23.9 %"),
        (2, 40, 69_760, "23.0 %"),
        (4, 24, 69_888, "22.6 %"),
        (8, 14, 71_456, "22.3 %"),
        (32, 4, 70_144, "22.2 %"),
    ],
)
def test_the_papers_blocks_lie_at_equal_price(cardinality_, width, weights, error, figures):
    assert round(cardinality.width_at_equal_price(cardinality_)) == width
    table = cardinality.draw(cardinality_, width).data
    assert table["weights"] == weights
    assert table["multiply-adds at 56×56 pixels"] == weights * 56 * 56
    assert table["width of the middle C·d"] == cardinality_ * width
    assert table["paper's error with 50 layers"] == error
    assert table["weights, beside the ResNet block"] == f"{weights / 69_632:.1%}"


def test_the_line_is_the_price_and_the_marks_are_where_they_belong(figures):
    picture = cardinality.draw(8, 5)
    assert picture.data["paper's error with 50 layers"] == "not measured in the paper"
    curve, *_ = figures[-1].axes
    line, paper, ring = curve.lines
    paths, width = map(np.array, line.get_data())
    assert paths * (512 * width + 9 * width**2) == pytest.approx(69_632)  # equation 4
    assert list(zip(*paper.get_data(), strict=True)) == [text.xy for text in curve.texts[:5]]
    assert curve.texts[0].get_text() == "23.9 %" and curve.texts[0].xy == (1, 64)
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (8, 5)
    assert paper.get_marker() != ring.get_marker()
    area = curve.collections[0].get_paths()[0]  # grey: too wide
    assert not area.contains_point((2, 120)) and area.contains_point((2, 136))


def test_at_equal_price_the_width_follows_and_else_it_is_free():
    panel = cardinality.explore()
    chosen, width, equal_price = panel.controls.values()
    assert (chosen.value, width.value, width.disabled) == (32, 4, True)
    chosen.value = 8
    assert width.value == panel.picture.data["width of a path d"] == 14
    equal_price.value = False
    assert not width.disabled
    width.value = 40
    assert panel.picture is None
    assert "320 wide, more than the 256" in panel.message and "at most 32" in panel.message
    equal_price.value = True
    assert width.value == panel.picture.data["width of a path d"] == 14


# 05: the plan of a training

SPEED = training_plan.Speed(prepare=5.0, fixed=0.1, macs_a_second=100e9)
CHOICE = {"image_size": 128, "batch_size": 16, "epochs": 8, "photographs": 240}
SIZES = {50: (25e6, 4e9), 101: (50e6, 8e9)}  # made-up parameters and multiply-adds
MACS = 4_230_479_872 * (128 / 224) ** 2  # of ResNeXt-50


def test_the_time_is_what_a_hand_computes():
    cost = training_plan.plan(SPEED, **CHOICE)
    assert cost["parameters"] == 25_028_904
    assert cost["steps an epoch"] == 12  # 192 of 240 to train on, 16 a step
    assert cost["billion multiply-adds a step"] == pytest.approx(3 * 16 * MACS / 1e9)
    seconds = 12 * 0.1 + (192 * 3 + 48) * MACS / 100e9
    assert cost["minutes an epoch"] == pytest.approx(seconds / 60)
    assert cost["minutes in all"] == pytest.approx((5 + 8 * seconds) / 60)
    # A batch that is not full is a step too.
    assert training_plan.plan(SPEED, **{**CHOICE, "photographs": 260})["steps an epoch"] == 13


@pytest.mark.parametrize(
    ("seconds", "fixed", "rate"),
    [
        # The first step prepares the graph, and the first one of another batch is slow as well.
        ([9, 0.3, 0.2, 0.4, 0.25, 0.9, 0.8, 0.7, 0.8], 0.2 - 2 * 0.5 / 30, 3 * 1e6 * 30 / 0.5),
        ([9, *[0.8] * 4, *[0.5] * 4], 0.5 - 32 * 0.05 / 30, 3 * 1e6 * 30 / 0.05),  # a busy machine
    ],
)
def test_two_times_give_both_parts_of_a_step(monkeypatch, seconds, fixed, rate):
    clock, took = SimpleNamespace(now=0.0), iter(seconds)

    def train_on_batch(images, labels):
        assert len(images) == len(labels)
        clock.now += next(took)

    model = SimpleNamespace(train_on_batch=train_on_batch)
    counting = SimpleNamespace(macs=lambda model: 1e6, trainable_parameters=lambda model: 5e6)
    monkeypatch.setattr(training_plan, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(training_plan, "counting", counting)
    monkeypatch.setattr(training_plan, "size", SIZES.get)  # five times as large
    monkeypatch.setattr(training_plan.models, "resnext", lambda *args, **kwargs: model)
    monkeypatch.setattr(training_plan.training, "compile_model", lambda *args, **kwargs: None)
    assert training_plan.measure() == pytest.approx((5 * 9, 5 * fixed, rate))


def test_the_plans_picture_holds_settings_and_profiles(monkeypatch):
    monkeypatch.setattr(training_plan, "size", SIZES.get)
    panel = training_plan.explore(SPEED)
    assert panel.picture.data["steps an epoch"] == 12
    panel.controls["depth"].value = 101
    assert panel.picture.data["parameters"] == 50e6
    profile = {"image_size": 224, "batch_size": 8, "epochs": 10, "photographs": 240}
    minutes = training_plan.plan(SPEED, **profile)["minutes in all"]
    assert f"full profile: {minutes:.1f} min" in panel.picture.alt
    assert "sample profile:" in panel.picture.alt


# 06: mistakes

BIRDS = [*NAMES, "heron"]
LABELS = np.array([0, 0, 0, 1, 1, 2])
PROBABILITIES = np.array(
    [
        [0.90, 0.05, 0.05],  # owl, right
        [0.60, 0.30, 0.10],  # owl, right, unsure
        [0.10, 0.85, 0.05],  # owl, called gull
        [0.10, 0.80, 0.10],  # gull, right
        [0.45, 0.40, 0.15],  # gull, called owl, unsure
        [0.00, 0.01, 0.99],  # heron, right
    ]
)


@pytest.mark.parametrize(
    ("threshold", "true_class", "expected"),
    [
        (0, mistakes.ALL, (6, "6 (100%)", "66.7%", 2, 0)),
        (80, mistakes.ALL, (6, "4 (67%)", "75.0%", 1, 2)),  # 0.80 itself is answered
        (81, mistakes.ALL, (6, "3 (50%)", "66.7%", 1, 3)),
        (80, "owl", (3, "2 (67%)", "50.0%", 1, 1)),
        (99, "owl", (3, "0 (0%)", "nothing is answered", 0, 3)),
    ],
)
def test_mistakes_are_counted_as_by_hand(threshold, true_class, expected):
    picture = mistakes.draw(LABELS, PROBABILITIES, BIRDS, threshold, true_class)
    assert tuple(picture.data.values()) == expected


def test_the_bars_share_each_class_and_the_curves_are_of_the_chosen_one(figures):
    panel = mistakes.explore(LABELS[:5], PROBABILITIES[:5], BIRDS)
    offered = [name for name, _ in panel.controls["true_class"].options]
    assert offered == [mistakes.ALL, "owl", "gull"]  # there is no heron to judge
    panel.controls["true_class"].value = "owl"
    bars, curves = figures[-1].axes
    right, wrong, withheld = ([bar.get_width() for bar in c] for c in bars.containers)
    assert (right, wrong, withheld) == ([1, 1, 0], [1, 0, 0], [1, 1, 0])
    assert len({container[0].get_hatch() for container in bars.containers}) == 3
    bold = [tick.get_text() for tick in bars.get_yticklabels() if tick.get_fontweight() == "bold"]
    assert bold == ["owl"]
    _threshold, answered, accuracy = curves.lines
    assert answered.get_ydata()[[0, 60, 61, 86, 91]] == pytest.approx([1, 1, 2 / 3, 1 / 3, 0])
    assert accuracy.get_ydata()[[0, 61, 86]] == pytest.approx([2 / 3, 0.5, 1])
    assert np.isnan(accuracy.get_ydata()[91])


def test_it_opens_where_a_mistake_is_left(unrendered):
    def opened(labels):
        panel = mistakes.explore(labels, PROBABILITIES, BIRDS)
        return panel.controls["threshold"].value, panel.picture.data["mistakes_left"]

    assert opened(LABELS) == (80, 1)  # the surest mistake has 85%
    assert opened(np.where(LABELS == 0, 0, PROBABILITIES.argmax(axis=1))) == (80, 1)
    assert opened(np.array([0, 0, 1, 1, 1, 2])) == (40, 1)
    assert opened(PROBABILITIES.argmax(axis=1)) == (80, 0)
    assert opened(np.array([0, 0, 1, 1, 0, 0])) == (90, 1)


# 06: Grad-CAM, and a photograph of one's own


@pytest.fixture(scope="module")
def run(folder):
    keras.utils.set_random_seed(0)
    return SimpleNamespace(
        model=models.resnext((64, 64, 3), 2, groups=2, width_per_group=2, blocks=(1, 1, 1, 1)),
        class_names=NAMES,
        image_size=64,
        validation=[Photo(folder / name / "001.jpg", i) for i, name in enumerate(NAMES)],
    )


def test_the_heat_maps_follow_their_controls(run, monkeypatch, figures, tmp_path):
    def heat_map(model, image, k, layer):
        return np.full(model.get_layer(layer).output.shape[1:3], k + 1.0)

    monkeypatch.setattr("resnext_course.figures.grad_cam.heat_map", heat_map)
    panel = grad_cam.explore(run.model, run, np.array([1, 0]), np.array([0.9, 0.25]))
    assert [label for label, _ in panel.controls["photo"].options] == ["1 (25%)", "2 (90%)"]
    assert [label for label, _ in panel.controls["layer"].options][::3] == ["layer1", "layer4"]
    assert panel.picture.data["true class"] == "gull"
    assert panel.picture.data["heat_map"] == "4 × 4 cells"  # a stage whose map can be read
    panel.controls["photo"].value = 0
    panel.controls["explained"].value = "owl"
    panel.controls["layer"].value = "layer2_0_out"
    assert (panel.picture.data["true class"], panel.picture.data["explained"]) == ("owl", "owl")
    assert panel.picture.data["heat_map"] == "8 × 8 cells"
    panel.controls["strength"].value = 20
    assert figures[-1].axes[1].images[1].get_alpha() == 0.2
    path = pictures.add(tmp_path, "EXIF-rotated")
    panel.controls["upload"].value = upload("mine.jpg", path.read_bytes())
    np.testing.assert_array_equal(figures[-1].axes[0].images[0].get_array(), photos.read(path, 64))
    assert panel.picture.data["photo"] == "mine.jpg" and "true class" not in panel.picture.data


def upload(name, content):
    """The value of an ``ipywidgets.FileUpload`` with one file."""
    file = {"name": name, "content": memoryview(content), "size": len(content)}
    return ({**file, "type": "image/jpeg", "last_modified": datetime.now(UTC)},)


def test_the_panel_classifies_what_is_uploaded_and_survives_what_is_not(
    run, folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    panel = own_photo.explore(run.model, run)
    assert panel.picture.data["photo"] == "001.jpg (upload your own)"
    panel.controls["upload"].value = upload("diary.jpg", b"Dear diary,")
    assert panel.picture is None
    assert panel.message.startswith("diary.jpg: not a picture")
    content = (folder / "gull" / "wide.png").read_bytes()
    panel.controls["upload"].value = upload("<b>.jpg", content)
    assert panel.picture.data["photo"] == "<b>.jpg" and panel.message == ""
    assert "&lt;b&gt;.jpg" in panel.shown.value and "<b>.jpg" not in panel.shown.value
    assert list(tmp_path.iterdir()) == []  # nothing was written
