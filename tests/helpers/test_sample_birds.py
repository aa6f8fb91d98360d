"""The drawn sample: what is in its folder, when it is drawn, and what it gives away."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score

from resnext_helpers import sample_birds
from resnext_helpers.sample_birds import SPECIES
from resnext_helpers.settings import CourseError

PER_CLASS = 30
SIZE = 64
SMALL = {"per_class": 2, "size": 32}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "sample_birds"
    return sample_birds.draw(folder, per_class=PER_CLASS, size=SIZE)


@pytest.fixture(scope="module")
def drawings(sample):
    """Pixels (drawings, height, width, 3) and labels of the whole sample."""
    paths = [sorted((sample / species).iterdir()) for species in SPECIES]
    pixels = np.array([np.asarray(Image.open(path)) for paths_ in paths for path in paths_])
    return pixels, np.repeat(np.arange(len(SPECIES)), PER_CLASS)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def accuracy(features, labels):
    """How often a linear classifier is right about drawings that it has not seen."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    classifier = LogisticRegression(C=10, max_iter=2000)
    return cross_val_score(classifier, features, labels, cv=folds).mean()


# --- What is drawn ------------------------------------------------------------------------------


def test_the_folder_looks_like_the_courses_photographs(sample):
    visible = {name for name in contents(sample) if not name.startswith(".")}
    numbers = range(1, PER_CLASS + 1)
    assert visible == {f"{species}/{number:03}.jpg" for species in SPECIES for number in numbers}
    for name in visible:
        with Image.open(sample / name) as image:
            image.load()
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIZE, SIZE))


def test_no_two_drawings_are_alike(sample):
    files = contents(sample)
    assert len(set(files.values())) == len(files)


def test_the_seed_decides_every_byte(tmp_path):
    first = contents(sample_birds.draw(tmp_path / "a", **SMALL))
    assert contents(sample_birds.draw(tmp_path / "b", **SMALL)) == first
    other = contents(sample_birds.draw(tmp_path / "c", **SMALL, seed=1))
    assert other.keys() == first.keys()
    assert not any(other[name] == first[name] for name in first)


def test_a_drawing_depends_on_its_generator_alone():
    pixels = [
        np.asarray(sample_birds.draw_bird("Cockatoo", np.random.default_rng(seed), size=48))
        for seed in (3, 3, 4)
    ]
    assert pixels[0].shape == (48, 48, 3)
    assert (pixels[0] == pixels[1]).all()
    assert (pixels[0] != pixels[2]).mean() > 0.5


def test_the_contact_sheet_shows_the_samples_first_drawings(sample):
    sheet = sample_birds.contact_sheet(columns=2, rows=1, size=224)
    assert sheet.width == 2 * 224
    for row, species in enumerate(SPECIES):
        top = (row + 1) * sheet.height // len(SPECIES) - 224
        shown = sheet.crop((224, top, 448, top + 224))
        drawn = sample_birds.draw_bird(species, np.random.default_rng([2017, row, 2]))
        assert np.array_equal(np.asarray(shown), np.asarray(drawn))


# --- What it gives away -------------------------------------------------------------------------


def test_colours_alone_do_not_tell_the_species(drawings):
    pixels, labels = drawings
    bins = [
        np.histogramdd(picture.reshape(-1, 3), bins=8, range=[(0, 256)] * 3)[0].ravel()
        for picture in pixels
    ]
    share = np.array(bins) / SIZE**2
    assert accuracy(np.sqrt(share), labels) < 0.8


def test_shapes_and_colours_together_do_tell_the_species(drawings):
    """Even a linear look at coarse pixels beats guessing (0.25): the labels are the birds' own."""
    pixels, labels = drawings
    coarse = pixels.reshape(len(pixels), 16, SIZE // 16, 16, SIZE // 16, 3).mean((2, 4))
    assert accuracy(coarse.reshape(len(pixels), -1) / 255, labels) > 0.5


def test_the_edge_of_the_picture_does_not_tell_the_species(drawings):
    pixels, labels = drawings
    near, far = slice(0, 6), slice(-6, None)
    corners = [pixels[:, y, x].mean((1, 2)) for y in (near, far) for x in (near, far)]
    means = np.concatenate(corners, axis=1)
    assert accuracy(means / 255, labels) < 0.5  # guessing gives 0.25


def test_every_species_meets_every_background(monkeypatch):
    met = {species: set() for species in SPECIES}

    def watched(background):
        def draw(rng, size):
            met[species].add(background.__name__)
            return background(rng, size)

        return draw

    backgrounds = sample_birds.BACKGROUNDS
    monkeypatch.setattr(sample_birds, "BACKGROUNDS", [watched(one) for one in backgrounds])
    for species in SPECIES:
        for seed in range(40):
            sample_birds.draw_bird(species, np.random.default_rng(seed), size=16)
    assert all(len(names) == len(backgrounds) for names in met.values()), met


@pytest.mark.parametrize("species", SPECIES)
def test_the_bird_fills_much_of_the_frame(species, monkeypatch):
    """Drawn on white and on black, with no perch and no leaves: what stays the same is the bird."""
    for part in ("ground", "branch", "foreground"):
        monkeypatch.setattr(sample_birds, part, lambda *args: sample_birds.Sketch())

    def draw_on(shade, seed):
        plain = Image.new("RGB", (SIZE, SIZE), (shade,) * 3)
        monkeypatch.setattr(sample_birds, "BACKGROUNDS", [lambda rng, size: plain])
        bird = sample_birds.draw_bird(species, np.random.default_rng(seed), SIZE)
        return np.asarray(bird, float)

    lengths = []
    for seed in range(20):
        bird = np.abs(draw_on(255, seed) - draw_on(0, seed)).max(2) < 60
        rows, columns = np.nonzero(bird)
        assert len(rows) > 0.05 * SIZE**2
        lengths.append(max(np.ptp(rows), np.ptp(columns)) / SIZE)
    assert 0.6 < np.median(lengths) < 0.98


# --- When it is drawn ---------------------------------------------------------------------------


def test_a_complete_sample_is_left_alone(sample):
    def times():
        return {path: path.stat().st_mtime_ns for path in [sample, *sample.rglob("*")]}

    before = times()
    assert sample_birds.draw(sample, per_class=PER_CLASS, size=SIZE) == sample
    assert times() == before


@pytest.mark.parametrize("change", [{"per_class": 3}, {"size": 40}, {"seed": 5}])
def test_another_recipe_replaces_the_sample(tmp_path, change):
    sample_birds.draw(tmp_path / "sample", **SMALL)
    recipe = SMALL | change
    sample_birds.draw(tmp_path / "sample", **recipe)
    assert contents(tmp_path / "sample") == contents(sample_birds.draw(tmp_path / "new", **recipe))


def test_a_sample_of_another_version_is_drawn_anew(tmp_path, monkeypatch):
    folder = sample_birds.draw(tmp_path / "sample", **SMALL)
    before = (folder / "Cockatoo").stat().st_ino
    monkeypatch.setattr(sample_birds, "VERSION", sample_birds.VERSION + 1)
    sample_birds.draw(folder, **SMALL)
    assert (folder / "Cockatoo").stat().st_ino != before


def test_a_lost_drawing_comes_back(tmp_path):
    folder = sample_birds.draw(tmp_path / "sample", **SMALL)
    complete = contents(folder)
    (folder / "Cockatoo" / "002.jpg").unlink()
    (folder / ".DS_Store").write_bytes(b"left by the file manager")
    assert contents(sample_birds.draw(folder, **SMALL)) == complete


def test_stopping_half_way_leaves_nothing(tmp_path, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setitem(sample_birds.BIRDS, "Black Throated Bushtiti", (stop, (1, 0, 0, 0)))
        with pytest.raises(KeyboardInterrupt):
            sample_birds.draw(tmp_path / "sample", **SMALL)
    assert not list(tmp_path.iterdir())


def start_drawing(folder, per_class):
    code = (
        "import sys; from resnext_helpers import sample_birds; "
        "sample_birds.draw(sys.argv[1], per_class=int(sys.argv[2]), size=32)"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(folder), str(per_class)])


def test_a_killed_drawing_is_started_again(tmp_path):
    process = start_drawing(tmp_path / "sample", per_class=5000)
    while process.poll() is None and not list(tmp_path.rglob("003.jpg")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert list(tmp_path.rglob("003.jpg")), "the process ended before it drew"
    assert not (tmp_path / "sample").exists()
    assert len(contents(sample_birds.draw(tmp_path / "sample", **SMALL))) == 2 * len(SPECIES) + 1


@pytest.mark.parametrize("older", [False, True], ids=["first-use", "over-an-older-sample"])
def test_two_processes_at_once_both_end_well(tmp_path, older):
    folder = tmp_path / "sample"
    if older:
        sample_birds.draw(folder, per_class=1, size=32)
    processes = [start_drawing(folder, per_class=6) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert len(contents(folder)) == 6 * len(SPECIES) + 1
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]


@pytest.mark.parametrize("failures", [1, 1000])
def test_a_folder_that_another_process_holds_is_tried_again(tmp_path, monkeypatch, failures):
    calls = []

    def replace(source, target, move=Path.replace):
        calls.append(target)
        if len(calls) <= failures:
            raise PermissionError(13, "Permission denied")
        return move(source, target)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(sample_birds.time, "sleep", lambda seconds: None)
    if failures == 1:
        assert (sample_birds.draw(tmp_path / "sample", **SMALL) / sample_birds.MARKER).is_file()
    else:
        with pytest.raises(CourseError, match=r"cannot be drawn into .* \(Permission denied\)"):
            sample_birds.draw(tmp_path / "sample", **SMALL)
        assert not list(tmp_path.iterdir())


# --- What belongs to the learner ----------------------------------------------------------------


def test_photographs_of_the_learner_are_never_replaced(tmp_path):
    photo = tmp_path / "sample" / "Cockatoo" / "001.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"my own photograph")
    with pytest.raises(CourseError, match=r"001\.jpg is not one of the sample's drawings"):
        sample_birds.draw(tmp_path / "sample", **SMALL)
    assert contents(tmp_path) == {"sample/Cockatoo/001.jpg": b"my own photograph"}


@pytest.mark.parametrize(
    "name", ["Cockatoo/mine.jpg", "Cockatoo/001.jpg", "notes.txt", "Owl/1.jpg"]
)
def test_files_added_to_a_sample_are_never_deleted(tmp_path, name):
    folder = sample_birds.draw(tmp_path / "sample", **SMALL)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"mine")
    before = contents(tmp_path)
    sample_birds.draw(folder, **SMALL)  # it is complete, so there is nothing to draw
    with pytest.raises(CourseError, match="not one of the sample's drawings"):
        sample_birds.draw(folder, **SMALL, seed=1)
    assert contents(tmp_path) == before


def test_a_file_added_while_the_sample_is_drawn_is_kept(tmp_path, monkeypatch):
    folder = sample_birds.draw(tmp_path / "sample", **SMALL)
    draw_bird = sample_birds.draw_bird

    def draw_and_add(*args):
        (folder / "late.jpg").write_bytes(b"mine")
        return draw_bird(*args)

    monkeypatch.setattr(sample_birds, "draw_bird", draw_and_add)
    with pytest.raises(CourseError, match=r"late\.jpg"):
        sample_birds.draw(folder, **SMALL, seed=1)
    assert (folder / "late.jpg").read_bytes() == b"mine"
    assert len(contents(folder)) == 2 * len(SPECIES) + 2


@pytest.mark.parametrize("marker", ["", "[]", '{"recipe": 3}', '{"version": 1}'])
def test_a_damaged_marker_means_that_nothing_is_ours(tmp_path, marker):
    folder = sample_birds.draw(tmp_path / "sample", **SMALL)
    (folder / sample_birds.MARKER).write_text(marker)
    with pytest.raises(CourseError, match="not one of the sample's drawings"):
        sample_birds.draw(folder, **SMALL)


def test_a_file_where_the_folder_should_be_gets_one_sentence(tmp_path):
    (tmp_path / "sample").write_text("not a folder")
    with pytest.raises(CourseError, match="not one of the sample's drawings"):
        sample_birds.draw(tmp_path / "sample", **SMALL)
    with pytest.raises(CourseError, match="cannot be drawn into"):
        sample_birds.draw(tmp_path / "sample" / "inside", **SMALL)
