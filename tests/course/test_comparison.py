"""The comparison of networks: intervals by hand, honest words, and a rerun at tiny size."""

import math
from dataclasses import replace

import figure_guard
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from resnext_course import comparison, intervals
from resnext_course.comparison import RESNET, RESNEXT, TABLE_2
from resnext_course.figures import comparison_diagrams
from resnext_helpers import counting, data, settings
from resnext_helpers.settings import CourseError

# isort: split
import keras

NUMBERS = [0.90, 0.93, 0.96, 0.91, 0.95]
TINY = {"image_size": 32, "batch_size": 4, "epochs": 2, "learning_rate": 1e-3}
BLOCKS = (1, 1)


def a_run(name, seed, accuracy, date="2026-01-02"):
    """What the benchmark records of a run: validation was better before the last epoch."""
    machine = {"date": date, "cpu": "a CPU", "cores": 2, "system": "Linux x86_64", "python": "3"}
    return {
        "name": name,
        "seed": seed,
        "machine": machine | {"tensorflow": "2", "keras": "3", "numpy": "2"},
        "data": {"photographs": {"BARN OWL": 6, "GULL": 4}, "sha256": "0123"},
        "parameters": 23_000_000,
        "macs": 345_000_000,
        "train": 8,
        "validation": 2,
        "accuracy": [0.5, 0.9],
        "val_accuracy": [1.0, accuracy],
        "ends": [30.0, 60.0],
    }


def gap(mean, spread, count=5):
    """A paired difference of this mean and spread."""
    numbers = np.linspace(-1, 1, count)
    return intervals.interval(mean + spread * numbers / numbers.std(ddof=1))


def test_an_interval_by_hand():
    found = intervals.interval([1, 2, 3])
    assert (found.mean, found.spread, found.count) == (2, 1, 3)
    half = 4.302653 / math.sqrt(3)  # t for 95% and two degrees of freedom, from a printed table
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half))


def test_an_interval_is_scipys():
    found = intervals.interval(NUMBERS)
    wanted = stats.ttest_1samp(NUMBERS, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(wanted))


def test_one_number_tells_nothing():
    found = intervals.interval([0.9])
    assert (found.mean, found.low, found.high) == (0.9, -math.inf, math.inf)
    assert not found.leaves_out_0
    assert intervals.percent(found) == "90.0% (one seed)"


def test_the_luck_of_a_seed_cancels_out_in_pairs():
    first = {1: 0.5, 2: 0.9, 3: 0.7}
    second = {3: 0.72, 1: 0.53, 2: 0.91, 4: 0.1}
    found = intervals.paired(first, second)
    assert found.count == 3
    assert found.mean == pytest.approx(0.02)
    assert found.spread == pytest.approx(0.01)


def test_seeds_that_make_no_pair_are_named():
    with pytest.raises(CourseError, match=r"\[1\] and \[2, 3\] make no pair"):
        intervals.paired({1: 0.9}, {2: 0.9, 3: 0.8})


def test_pairs_needed_by_hand():
    # (1.96 + 0.84)² = 7.85 for a difference as large as the spread, four times that for half.
    assert intervals.pairs_needed(0.02, 0.02) == 8
    assert intervals.pairs_needed(0.02, 0.01) == 32
    assert intervals.pairs_needed(0.0, 0.01) == 2


def test_shares_in_words():
    assert intervals.points(-0.0126, "+") == "−1.3"
    assert intervals.in_points(gap(0.01, 0.0)) == "+1.0 (+1.0 to +1.0)"
    assert intervals.percent(intervals.interval([0.9, 1.0])) == "95.0% (31.5 to 100.0)"


def test_an_interval_that_holds_0_tells_nothing_apart():
    said = comparison.verdict(gap(0.005, 0.03))
    assert "+0.5 (" in said and "5 pairs" in said
    assert "can't tell the two apart" in said
    assert "1.7 points" in said  # Table 3: 23.9 − 22.2
    assert f"about {intervals.pairs_needed(0.03, 0.017)} pairs" in said
    assert "better" not in said


@pytest.mark.parametrize(("mean", "better"), [(0.02, RESNEXT), (-0.02, RESNET)])
def test_an_interval_that_leaves_out_0_names_the_better_and_its_limits(mean, better):
    said = comparison.verdict(gap(mean, 0.005))
    assert f"{better} did better" in said
    assert "Of other photographs it says little" in said


def test_one_pair_is_no_verdict():
    said = comparison.verdict(gap(0.05, 0.0, count=2))
    assert "did better" in said
    said = comparison.verdict(intervals.interval([0.05]))
    assert "+5.0 (one pair)" in said and "better" not in said


def test_several_intervals_are_counted_with_a_warning():
    said = comparison.summary({"2×40d": gap(0.02, 0.001), RESNEXT: gap(0.0, 0.01)})
    assert "1 of 2 paired differences" in said and "leaves out 0 (2×40d)." in said
    assert "by luck alone" in said


def test_the_last_epoch_counts_and_not_the_best():
    runs = [a_run("small, 1×64", 1, 0.7), a_run("small, 32×4", 1, 0.8)]
    networks = comparison.by_network(runs)
    assert networks[RESNET] == {1: 0.7} and networks[RESNEXT] == {1: 0.8}
    assert networks["2×40d"] == {}
    assert comparison.against_resnet(networks)[RESNEXT].mean == pytest.approx(0.1)
    assert comparison.against_resnet(networks).keys() == {RESNEXT}


def test_provenance_says_what_when_where_and_on_which_photographs():
    runs = [a_run("small, 1×64", 1, 0.7), a_run("small, 1×64", 2, 0.7, date="2026-01-04")]
    said = comparison.provenance(runs)
    for words in (
        "2 runs of benchmarks/accuracy.py, 2026-01-02 to 2026-01-04, on a CPU",
        "Python 3, TensorFlow 2, Keras 3",
        "10 photographs of 2 species, 8 to train and 2 (20%) to validate",
        "Barn owl, Gull.",
    ):
        assert words in said
    assert "2026-01-02, on" in comparison.provenance(runs[:1])


def test_the_time_of_a_pair_is_that_of_both_networks():
    runs = [a_run(f"small, {size}", seed, 0.7) for size in ("1×64", "32×4") for seed in (1, 2)]
    assert "about 2 minutes each, on 2 cores" in comparison.how_long(runs)


def test_missing_results_are_named(tmp_path):
    with pytest.raises(CourseError, match=r"accuracy\.json is missing"):
        comparison.load(tmp_path / "accuracy.json")


def test_the_networks_are_those_of_table_2():
    sizes = [(1, 64), (2, 40), (4, 24), (8, 14), (32, 4)]
    assert [row[:2] for row in TABLE_2.values()] == sizes
    assert all(counting.width_at_equal_price(groups) == width for groups, width in sizes)
    assert [row[2] for row in TABLE_2.values()] == [23.9, 23.0, 22.6, 22.3, 22.2]  # Table 3


def test_each_seed_is_a_mark_and_each_mean_an_interval(style, figures):
    measured = {RESNET: dict(enumerate(NUMBERS)), RESNEXT: {1: 0.9, 2: 0.9}}
    picture = comparison_diagrams.dots(measured, "A title")
    (axis,) = figures[0].axes
    for row, (name, by_seed) in enumerate(measured.items()):
        marks, line, star = axis.lines[3 * row : 3 * row + 3]
        mean = intervals.interval(by_seed.values())
        assert list(marks.get_xdata()) == pytest.approx([100 * a for a in by_seed.values()])
        assert len(set(marks.get_ydata())) == len(by_seed)  # equal accuracies don't hide
        assert list(line.get_xdata()) == pytest.approx([100 * mean.low, 100 * mean.high])
        assert list(star.get_xdata()) == pytest.approx([100 * mean.mean])
        assert axis.get_yticklabels()[row].get_text() == name
        assert f"{name} {intervals.percent(mean)}" in picture.alt
    assert axis.lines[0].get_marker() != axis.lines[3].get_marker()


def test_a_single_seed_has_a_mark_and_no_endless_line(style, figures):
    comparison_diagrams.dots({RESNET: {1: 0.9}}, "A title")
    low, high = figures[0].axes[0].get_xlim()
    assert 50 < low < 90 < high < 130


def test_our_errors_stand_beside_the_papers_at_the_same_scale(style, figures):
    measured = {name: {1: 0.9, 2: 0.92, 3: 0.94} for name in TABLE_2}
    picture = comparison_diagrams.beside_paper(measured)
    left, right = figures[0].axes
    assert list(left.lines[0].get_ydata()) == [23.9, 23.0, 22.6, 22.3, 22.2]
    assert list(left.lines[0].get_xdata()) == [1, 2, 4, 8, 32]
    assert list(right.lines[0].get_ydata()) == pytest.approx([8] * 5)
    assert np.ptp(left.get_ylim()) == pytest.approx(np.ptp(right.get_ylim()))
    mean = intervals.interval([8, 6, 10])
    assert picture.data["lows"] == pytest.approx([mean.low] * 5)
    assert picture.data["highs"] == pytest.approx([mean.high] * 5)
    assert f"C = 32: 22.2%, 8.0% ({mean.low:.1f} to {mean.high:.1f})" in picture.alt


@pytest.mark.parametrize(
    "draw",
    [lambda runs: comparison_diagrams.dots(runs, "A title"), comparison_diagrams.beside_paper],
)
def test_the_figures_can_be_read_by_everybody(style, figures, draw):
    draw({name: {1: 0.9, 2: 1.0, 3: 0.94} for name in TABLE_2})
    assert figure_guard.problems(figures[0]) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of ten pictures, dark and light."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for name, light in (("gull", 60), ("owl", 160)):
        (folder / name).mkdir()
        for number in range(10):
            pixels = rng.integers(light, light + 60, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:03}.png")
    return folder


@pytest.fixture
def config(folder):
    return replace(settings.PROFILES["sample"], data_dir=folder)


def test_a_network_trains_the_same_whatever_ran_before(config):
    config = replace(config, **TINY, seed=2)
    photos = data.load(config, progress=False)

    def losses(groups, width):
        model = comparison.network(config, photos, groups, width, blocks=BLOCKS)
        return comparison.fit(model, photos, config.epochs, keras.callbacks.Callback())["loss"]

    first = losses(4, 4)
    assert losses(1, 8) != pytest.approx(first, rel=1e-3)
    assert losses(4, 4) == pytest.approx(first, rel=1e-3)


def test_label_smoothing_reaches_the_loss(config):
    config = replace(config, **TINY, seed=2)
    photos = data.load(config, progress=False)
    sure = np.array([[20.0, -20.0]])
    plain, smooth = (
        comparison.network(config, photos, 4, 4, label_smoothing=share, blocks=BLOCKS)
        for share in (0.0, 0.1)
    )
    assert float(plain.compute_loss(y=np.zeros(1), y_pred=sure)) == pytest.approx(0, abs=1e-4)
    assert float(smooth.compute_loss(y=np.zeros(1), y_pred=sure)) == pytest.approx(0.05 * 40)


def test_a_rerun_says_how_long_it_takes_shows_each_epoch_and_the_end(config, capsys):
    reached = comparison.rerun(config, 3, recipe=TINY, blocks=BLOCKS)
    lines = capsys.readouterr().out.splitlines()
    assert "min for both." in lines[0]
    wanted = [f"{name}, epoch {epoch} of 2" for name in (RESNET, RESNEXT) for epoch in (1, 2)]
    assert [line.partition(":")[0] for line in lines[1:5]] == wanted
    assert reached.keys() == {RESNET, RESNEXT}
    for name, line in ((RESNET, lines[2]), (RESNEXT, lines[4])):
        assert line.endswith(f"{reached[name]:.1%}")
        assert f"{name} {reached[name]:.1%}" in lines[5]
    assert "one pair" in lines[6]
