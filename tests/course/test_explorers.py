"""The explorers: their numbers, by hand and without drawing; what they draw; their panels."""

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
    _panel,
    cardinality,
    grad_cam,
    grouped_convolution,
    mistakes,
    photo_browser,
    training_plan,
)
from resnext_helpers import counting, data, models, photo_folder, photos, plots
from resnext_helpers.photo_folder import Photo

pytestmark = pytest.mark.usefixtures("style")
NAMES = ["owl", "gull"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = pictures.make_folder(tmp_path_factory.mktemp("photos"), {"gull": 3, "owl": 4})
    Image.effect_noise((300, 200), 50).convert("RGB").save(folder / "gull" / "wide.png")
    return folder


# The frame


def square(number, loud):
    if number < 0:
        raise ValueError(f"{number} is below 0 & has no <picture>.")
    figure, axis = plt.subplots(figsize=(3, 2))
    axis.plot([0, number])
    text = f"A line up to {number}{'!' if loud else ''}"
    return plots.Picture(figure, text, number_squared=number**2, loud=loud, half=number / 2, raw=[])


@pytest.fixture
def panel():
    number = widgets.IntSlider(value=40, min=-100, max=100, description="number")
    return _panel.Panel(square, number=number, loud=widgets.Checkbox(description="loud"))


def test_a_moved_control_changes_picture_and_numbers(panel):
    assert 'alt="A line up to 40"' in panel.html and "1,600" in panel.html
    panel.controls["number"].value = 7
    panel.controls["loud"].value = True
    assert 'alt="A line up to 7!"' in panel.html
    assert ">49<" in panel.html and ">yes<" in panel.html and "1,600" not in panel.html


def test_what_has_no_picture_is_explained_and_the_next_picture_comes_back(panel):
    panel.controls["number"].value = -3
    assert panel.picture is None
    assert panel.message == "-3 is below 0 & has no <picture>."
    assert "-3 is below 0 &amp; has no &lt;picture&gt;." in panel.html
    assert 'role="alert"' in panel.html
    assert panel._repr_mimebundle_()[0]["text/plain"] == panel.message
    panel.controls["number"].value = 3
    assert panel.message == "" and ">9<" in panel.html


def test_without_widgets_picture_and_table_stand_in(panel):
    bundle, metadata = panel._repr_mimebundle_()
    assert bundle[_panel.WIDGET]["model_id"]
    assert bundle["text/plain"] == "A line up to 40\nnumber squared: 1,600\nloud: no\nhalf: 20"
    assert metadata["image/png"]["alt"] == bundle["text/plain"]
    drawn = Image.open(io.BytesIO(bundle["image/png"]))
    alone = Image.open(io.BytesIO(panel.picture.png))
    assert drawn.width == alone.width and drawn.height > alone.height


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


@pytest.mark.parametrize(
    ("amounts", "words"),
    [
        ({}, "yes"),
        ({"turn": -10, "zoom": 10, "right": 10, "down": -10, "mirror": True}, "yes"),
        ({"brightness": 20, "contrast": -20}, "yes"),
        ({"turn": 15}, "no, too much: turn"),
        ({"right": -15, "down": 15}, "no, too much: right, down"),
        ({"zoom": -15, "brightness": 25, "contrast": 25}, "much: zoom, brightness, contrast"),
    ],
)
def test_the_limits_of_training_are_named(amounts, words):
    assert photo_browser.in_training(amounts).endswith(words)


def test_the_browser_shows_the_chosen_photograph(folder, figures):
    panel = photo_browser.browse(photo_folder.check(folder, progress=False))
    assert panel.picture.data["class_name"] == "gull"
    assert panel.picture.data["can_happen_in_training"] == "yes"
    panel.controls["number"].value = 4
    panel.controls["brightness"].value = -50
    numbers = panel.picture.data
    assert (numbers["file"], numbers["size_in_pixels"]) == ("wide.png", "300 × 200")
    pixels = photos.read(folder / "gull" / "wide.png", 224)
    assert numbers["scaled_mean_before"] == round(float(data.scale(pixels).numpy().mean()), 2)
    assert numbers["scaled_mean_after"] < numbers["scaled_mean_before"] - 0.5
    assert "mirrored, turn +10°, zoom +10 %, brightness -50 %" in panel.picture.alt
    before, after, histogram = figures[-1].axes
    np.testing.assert_array_equal(before.images[0].get_array(), pixels)
    assert after.images[0].get_array().mean() < pixels.mean() / 1.5
    shares = [sum(patch.get_data()[0]) for patch in histogram.patches]
    assert shares == pytest.approx([100, 100])  # no value lies outside the axis
    with pytest.raises(ValueError, match="'owl' has 4 photographs, so there is no number 5"):
        photo_browser.draw(photo_folder.check(folder, progress=False), "owl", 5)


# 03: grouped convolution

FIRST = {"channels": 8, "filters": 8, "groups": 4, "kernel_size": 3, "side": 16}


@pytest.mark.parametrize(
    ("values", "weights", "macs", "times"),
    [
        # By hand: k · k · channels / groups · filters, and this times side · side.
        ({}, 144, 36_864, 4),
        ({"groups": 1}, 576, 147_456, 1),
        ({"channels": 6, "filters": 12, "groups": 3, "kernel_size": 5}, 600, 153_600, 3),
        # The grouped convolution of ResNeXt-50's conv2, in the size for 224×224: Table 1.
        ({"channels": 128, "filters": 128, "groups": 32, "side": 56}, 4_608, 14_450_688, 32),
        # 2.5 thousand million, far more than a float32 holds exactly.
        (
            {"channels": 128, "filters": 128, "groups": 1, "kernel_size": 7, "side": 56},
            802_816,
            7 * 7 * 128 * 128 * 56 * 56,
            1,
        ),
    ],
)
def test_a_grouped_convolution_is_counted(values, weights, macs, times):
    table, _ = grouped_convolution.count(**{**FIRST, **values})
    assert table["weights, counted"] == weights
    assert table["multiply-adds, counted"] == macs
    assert table["weights, by formula"].endswith(f" = {weights:,}")
    assert table["multiply-adds, by formula"].endswith(f" = {macs:,}")
    assert table["counted = formula"] is True
    assert table["standard layer, weights"] == weights * times
    assert table["standard layer, multiply-adds"] == macs * times
    assert table["times fewer"] == times


def test_the_counts_come_from_the_layer_and_not_from_the_formula(monkeypatch):
    """A layer that forgets its groups: the picture and the numbers must show it."""

    class Forgetful(grouped_convolution.GroupedConv2D):
        def __init__(self, filters, kernel_size, *, groups, **kwargs):
            super().__init__(filters, kernel_size, groups=1, **kwargs)

    monkeypatch.setattr(grouped_convolution, "GroupedConv2D", Forgetful)
    table, feeds = grouped_convolution.count(**FIRST)
    assert table["counted = formula"] is False
    assert table["weights, counted"] == 576 and feeds.all()


def test_each_group_reads_its_own_channels_alone():
    _, feeds = grouped_convolution.count(6, 12, 3, 1, 8)
    np.testing.assert_array_equal(feeds, np.kron(np.eye(3), np.ones((2, 4))))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"groups": 3}, "can't be split into 3 equal groups"),
        ({"filters": 6}, "can't be split into 4 equal groups"),
    ],
)
def test_unequal_groups_are_explained(changed, message):
    with pytest.raises(ValueError, match=message):
        grouped_convolution.count(**{**FIRST, **changed})


def test_the_panel_of_groups_follows_its_controls():
    panel = grouped_convolution.explore()
    assert {name: control.value for name, control in panel.controls.items()} == FIRST
    panel.controls["groups"].value = 8
    assert panel.picture.data["weights, counted"] == 72
    assert list(panel.picture.data["pairs"]) == ["8 → 8 channels, 8 groups (depthwise convolution)"]
    assert "pairs" not in _panel.rows(panel.picture.data)


# 04: cardinality


@pytest.mark.parametrize(
    ("point", "weights", "error"),
    [
        # Facts of Tables 2 and 3.
        ((1, 64), 69_632, "23.9 %"),
        ((2, 40), 69_760, "23.0 %"),
        ((4, 24), 69_888, "22.6 %"),
        ((8, 14), 71_456, "22.3 %"),
        ((32, 4), 70_144, "22.2 %"),
        ((8, 13), None, "not measured in the paper"),
        ((16, 7), None, "not measured in the paper"),
        ((1, 100), None, "not measured in the paper"),
    ],
)
def test_a_blocks_price_and_the_papers_error(point, weights, error):
    table = cardinality.count(*point)
    assert table["weights"] == (weights or counting.template_block_parameters(*point))
    assert table["multiply-adds at 56×56 pixels"] == table["weights"] * 56 * 56
    assert table["width of the middle C·d"] == point[0] * point[1]
    assert table["paper's error with 50 layers"] == error
    assert table["weights, beside the ResNet block"] == f"{table['weights'] / 69_632:.1%}"


def test_a_block_that_is_wider_in_its_middle_is_explained():
    with pytest.raises(ValueError, match=r"512 wide, more than the 256.*a width d of at most 8"):
        cardinality.count(32, 16)


def test_the_line_is_the_price_and_the_marks_are_where_they_belong(figures):
    cardinality.draw(8, 5)
    curve, *_ = figures[-1].axes
    line, paper, ring = curve.lines
    for paths, width in np.transpose(line.get_data())[::10]:
        assert counting.template_block_parameters(paths, width) == pytest.approx(69_632)
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
    drawn = cardinality.draw.cache_info().misses
    equal_price.value = False
    assert not width.disabled
    assert cardinality.draw.cache_info().misses == drawn  # the same block isn't drawn anew
    width.value = 40
    assert panel.picture is None and "320 wide" in panel.message
    equal_price.value = True
    assert width.value == panel.picture.data["width of a path d"] == 14


# 05: the plan of a training

SPEED = training_plan.Speed(prepare=5.0, fixed=0.1, macs_a_second=100e9)
CHOICE = {"image_size": 128, "batch_size": 16, "epochs": 8, "photographs": 240}


def test_the_time_is_what_a_hand_computes():
    forward = counting.network_macs(models.BLOCKS[50], 32, 4, 128)
    cost = training_plan.plan(SPEED, **CHOICE)
    assert cost["steps an epoch"] == 12  # 192 of 240 to train on, 16 a step
    assert cost["billion multiply-adds a step"] == pytest.approx(3 * 16 * forward / 1e9)
    seconds = 12 * 0.1 + (192 * 3 + 48) * forward / 100e9
    assert cost["minutes an epoch"] == pytest.approx(seconds / 60)
    assert cost["minutes in all"] == pytest.approx((5 + 8 * seconds) / 60)
    # A batch that is not full is a step too.
    assert training_plan.plan(SPEED, **{**CHOICE, "photographs": 260})["steps an epoch"] == 13


def test_memory_is_near_what_the_built_network_keeps():
    model = models.ResNeXt50((64, 64, 3))
    trained = counting.trainable_parameters(model)
    kept = sum(
        np.prod(layer.output.shape[1:])
        for layer in model.layers
        if isinstance(layer, keras.layers.ReLU) or hasattr(layer, "kernel_size")
    )
    cost = training_plan.plan(SPEED, **{**CHOICE, "image_size": 64, "batch_size": 4})
    weights = 4 * (model.count_params() + 2 * trained) / 1e6
    assert cost["megabytes for weights and Adam"] == pytest.approx(weights)
    maps = 4 * 4 * kept / 1e6
    assert cost["megabytes for feature maps, roughly"] == pytest.approx(maps, rel=0.1)


def test_a_deeper_network_costs_more_of_everything():
    cost, deeper = (training_plan.plan(SPEED, **CHOICE, depth=depth) for depth in (50, 101))
    grown = [name for name in cost if deeper[name] > 1.3 * cost[name]]
    assert grown == [name for name in cost if name != "steps an epoch"]


def test_two_times_give_both_parts_of_a_step():
    forward = counting.network_macs(training_plan.SMALL, 32, 4, 64)
    small, large = (0.2 + 3 * n * forward / 80e9 for n in training_plan.BATCHES)
    speed = training_plan.speed_from(9, small, large)
    assert speed.macs_a_second == pytest.approx(80e9)
    assert speed.fixed / 0.2 == pytest.approx(speed.prepare / 9)
    assert 2 < speed.fixed / 0.2 < 4  # ResNeXt-50 has about three times as many weights
    disturbed = training_plan.speed_from(9, 0.8, 0.5)
    assert disturbed.fixed >= 0 and disturbed.macs_a_second > 0


def test_the_measurement_takes_the_fastest_step_of_each_batch(monkeypatch):
    """The first step prepares the graph, and the first one of another batch is slow as well."""
    took = iter([9, 0.3, 0.2, 0.4, 0.25, 0.9, 0.6, 0.5, 0.7])
    clock = SimpleNamespace(now=0.0)

    def train_on_batch(images, labels):
        assert len(images) == len(labels)
        clock.now += next(took)

    model = SimpleNamespace(train_on_batch=train_on_batch)
    monkeypatch.setattr(training_plan, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(training_plan.models, "resnext", lambda *args, **kwargs: model)
    monkeypatch.setattr(training_plan.training, "compile_model", lambda *args, **kwargs: None)
    speed, expected = training_plan.measure(), training_plan.speed_from(9, 0.2, 0.5)
    assert speed == pytest.approx(expected)


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
        training_plan.plan(SPEED, **{**CHOICE, **changed})


def test_the_plans_picture_holds_settings_and_profiles():
    panel = training_plan.explore(SPEED)
    assert panel.picture.data["steps an epoch"] == 12
    panel.controls["depth"].value = 101
    assert panel.picture.data["megabytes for weights and Adam"] == 531
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
    ("threshold", "expected"),
    [
        (0, (6, "6 (100%)", "66.7%", 2, 0)),
        (80, (6, "4 (67%)", "75.0%", 1, 2)),  # 0.80 itself is answered
        (81, (6, "3 (50%)", "66.7%", 1, 3)),
        (90, (6, "2 (33%)", "100.0%", 0, 4)),
        (100, (6, "0 (0%)", "nothing is answered", 0, 6)),
    ],
)
def test_mistakes_are_counted_as_by_hand(threshold, expected):
    shares = mistakes.decide(LABELS, PROBABILITIES, threshold)
    assert tuple(mistakes.count(shares).values()) == expected


def test_the_bars_share_each_class_and_the_curves_are_of_the_chosen_one(figures):
    panel = mistakes.explore(LABELS, PROBABILITIES, BIRDS)
    assert panel.picture.data["withheld"] == 2
    panel.controls["true_class"].value = "owl"
    assert (panel.picture.data["photographs"], panel.picture.data["withheld"]) == (3, 1)
    bars, curves = figures[-1].axes
    right, wrong, withheld = ([bar.get_width() for bar in c] for c in bars.containers)
    assert (right, wrong, withheld) == ([1, 1, 1], [1, 0, 0], [1, 1, 0])
    assert len({container[0].get_hatch() for container in bars.containers}) == 3
    bold = [tick.get_text() for tick in bars.get_yticklabels() if tick.get_fontweight() == "bold"]
    assert bold == ["owl"]
    _threshold, answered, accuracy = curves.lines
    assert answered.get_ydata()[[0, 60, 61, 86, 91]] == pytest.approx([1, 1, 2 / 3, 1 / 3, 0])
    assert accuracy.get_ydata()[[0, 61, 86]] == pytest.approx([2 / 3, 0.5, 1])
    assert np.isnan(accuracy.get_ydata()[91])
    with pytest.raises(ValueError, match="no photograph of heron to judge"):
        mistakes.draw(LABELS[:5], PROBABILITIES[:5], BIRDS, 50, "heron")


# 06: Grad-CAM, and a photograph of one's own


@pytest.fixture(scope="module")
def run(folder):
    keras.utils.set_random_seed(0)
    return SimpleNamespace(
        model=models.resnext((64, 64, 3), 2, groups=4, width_per_group=4, blocks=(1, 1, 1, 1)),
        class_names=NAMES,
        image_size=64,
        validation=[Photo(folder / name / "001.jpg", i) for i, name in enumerate(NAMES)],
    )


def test_the_heat_maps_follow_their_controls(run):
    panel = grad_cam.explore(run, np.array([1, 0]), np.array([0.9, 0.25]))
    assert [label for label, _ in panel.controls["photo"].options] == ["1 (25%)", "2 (90%)"]
    assert [label for label, _ in panel.controls["layer"].options][::3] == ["layer1", "layer4"]
    assert panel.picture.data["true class"] == "gull"
    assert panel.picture.data["heat_map"] == "4 × 4 cells"  # a stage whose map can be read
    panel.controls["photo"].value = 0
    panel.controls["explained"].value = "owl"
    panel.controls["layer"].value = "layer2_0_out"
    assert (panel.picture.data["true class"], panel.picture.data["explained"]) == ("owl", "owl")
    assert panel.picture.data["heat_map"] == "8 × 8 cells"
    covered = panel.picture.png
    panel.controls["strength"].value = 0
    assert panel.picture.png != covered


def upload(name, content):
    """The value of an ``ipywidgets.FileUpload`` with one file, as far as it is used."""
    file = {"name": name, "content": memoryview(content), "size": len(content)}
    return ({**file, "type": "image/jpeg", "last_modified": datetime.now(UTC)},)


@pytest.mark.parametrize("kind", ["EXIF-rotated", "16-bit grey", "text", "too large"])
def test_an_upload_is_read_or_refused_as_the_same_file_on_disk(run, tmp_path, kind):
    path = pictures.add(tmp_path, kind)
    given = upload(path.name, path.read_bytes())
    try:
        on_disk = photos.read(path, 64)
    except photos.PhotoError as error:
        with pytest.raises(ValueError) as caught:
            grad_cam.open_upload(given, run)
        assert str(caught.value) == f"{path.name}: {error.reason}. Choose another file."
    else:
        np.testing.assert_array_equal(grad_cam.open_upload(given, run)[1], on_disk)


def test_the_panel_classifies_what_is_uploaded_and_survives_what_is_not(
    run, folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    panel = grad_cam.explore_own(run)
    assert panel.picture.data["photo"] == "001.jpg (upload your own)"
    first = panel.picture.png
    content = (folder / "gull" / "wide.png").read_bytes()
    panel.controls["upload"].value = upload("<b>.jpg", content)
    assert panel.picture.data["photo"] == "<b>.jpg" and panel.picture.png != first
    assert "&lt;b&gt;.jpg" in panel.html and "<b>.jpg" not in panel.html
    panel.controls["upload"].value = upload("diary.jpg", b"Dear diary,")
    assert panel.picture is None
    assert panel.message.startswith("diary.jpg: not a picture")
    panel.controls["upload"].value = upload("again.png", content)
    assert panel.picture.data["photo"] == "again.png" and panel.message == ""
    assert list(tmp_path.iterdir()) == []  # nothing was written


def test_every_control_is_described_and_draws_when_it_is_let_go(run):
    for panel in (
        grouped_convolution.explore(),
        cardinality.explore(),
        training_plan.explore(SPEED),
        grad_cam.explore(run, [0], np.ones(2)),
    ):
        for control in panel.controls.values():
            assert control.description
            assert not getattr(control, "continuous_update", False)
