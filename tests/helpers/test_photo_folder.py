"""A folder of photographs: found, unpacked, checked file by file, or refused in one sentence."""

import os
import shutil
import subprocess
import sys
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from pictures import NAMES, UNUSUAL, add, make_folder, picture

from resnext_helpers import photo_folder
from resnext_helpers.settings import PROFILES, CourseError


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "birds", {"Finch": 3, "Owl": 2})


def check(folder):
    return photo_folder.check(folder, progress=False)


# --- Where the photographs are ---


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A data folder without photographs, and a sample of two drawings."""
    monkeypatch.setattr(photo_folder, "OWN_PHOTOS", tmp_path / "bird_photos")
    monkeypatch.setattr(photo_folder, "SAMPLE", tmp_path / "sample_birds")
    monkeypatch.setattr(photo_folder, "SAMPLE_ZIP", tmp_path / "sample_birds.zip")
    with zipfile.ZipFile(tmp_path / "sample_birds.zip", "w") as archive:
        archive.writestr("Finch/001.jpg", b"a finch")
        archive.writestr("Owl/001.jpg", b"an owl")
    return tmp_path


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_resnext_data_comes_first_then_your_photographs_then_the_sample(places):
    config = PROFILES["sample"]
    assert photo_folder.find(config) == places / "sample_birds"
    assert "drawings" in photo_folder.source(places / "sample_birds")
    (places / "bird_photos").mkdir()
    assert photo_folder.find(config) == places / "bird_photos"
    assert "your photographs" in photo_folder.source(places / "bird_photos")
    chosen = places / "elsewhere"
    assert photo_folder.find(replace(config, data_dir=chosen)) == chosen
    assert "RESNEXT_DATA" in photo_folder.source(chosen)


@pytest.mark.parametrize(
    "before",
    [{}, {"Finch/001.jpg": b"a fin"}, {"Finch/001.jpg": b"older drawing", "mine.jpg": b"mine"}],
    ids=["first use", "cut off", "an older one"],
)
def test_the_sample_is_completed(places, before):
    sample = places / "sample_birds"
    for name, content in before.items():
        (sample / name).parent.mkdir(parents=True, exist_ok=True)
        (sample / name).write_bytes(content)
    assert photo_folder.find(replace(PROFILES["sample"], data_dir=sample)) == sample
    assert contents(sample) == before | {"Finch/001.jpg": b"a finch", "Owl/001.jpg": b"an owl"}
    assert {path.name for path in places.iterdir()} == {"sample_birds", "sample_birds.zip"}


def test_a_complete_sample_is_not_touched(places):
    sample = photo_folder.unpack_sample()
    before = {path: path.stat().st_ctime_ns for path in [places, sample, *sample.rglob("*")]}
    photo_folder.unpack_sample()
    assert {path: path.stat().st_ctime_ns for path in before} == before


def test_several_processes_may_unpack_the_sample_at_once(places):
    script = (
        "import sys; from pathlib import Path; from resnext_helpers import photo_folder\n"
        "photo_folder.SAMPLE, photo_folder.SAMPLE_ZIP = map(Path, sys.argv[1:])\n"
        "photo_folder.unpack_sample()"
    )
    command = [sys.executable, "-c", script, photo_folder.SAMPLE, photo_folder.SAMPLE_ZIP]
    for process in [subprocess.Popen(command) for _ in range(3)]:
        assert process.wait(timeout=120) == 0
    assert contents(places / "sample_birds") == {
        "Finch/001.jpg": b"a finch",
        "Owl/001.jpg": b"an owl",
    }


def test_a_sample_that_cannot_be_unpacked_gets_one_sentence(places):
    (places / "sample_birds").write_text("in the way")
    with pytest.raises(CourseError, match=r"can't be unpacked .*RESNEXT_DATA"):
        photo_folder.unpack_sample()


# --- What is in a folder ---


def test_each_unusual_file_is_reported_with_path_and_reason(folder):
    paths = {kind: add(folder / "Owl", kind) for kind in UNUSUAL}
    report = check(folder)
    used = [kind for kind, (*_, skipped, _words) in UNUSUAL.items() if not skipped]
    assert report.counts() == {"Finch": 3, "Owl": 2 + len(used)}
    assert len(report.problems) == len(UNUSUAL)
    lines = report.table().splitlines()
    assert (
        f"Files skipped: {len(UNUSUAL) - len(used)}; used, but worth a look: {len(used)}" in lines
    )
    for kind, path in paths.items():
        (problem,) = [p for p in report.problems if p.path.stem == path.stem]
        *_, skipped, words = UNUSUAL[kind]
        assert problem.skipped == skipped and words in problem.reason, kind
        verdict = "skipped" if skipped else "used   "
        start = f"{verdict}  Owl/{problem.path.name}: "
        assert any(line.startswith(start) and words in line for line in lines), kind


@pytest.mark.parametrize("name", NAMES)
def test_any_name_works(folder, name):
    (folder / "Owl" / "001.jpg").rename(folder / "Owl" / name)
    (folder / "Owl").rename(folder / name)
    report = check(folder)
    assert report.problems == []
    assert report.counts()[unicodedata.normalize("NFC", name)] == 2


def test_a_name_that_is_no_text_is_shown_all_the_same(folder):
    try:
        (folder / "Owl" / os.fsdecode(b"caf\xe9\n.jpg")).write_bytes(b"no picture")
    except OSError:
        pytest.skip("this system has no such names")
    assert "Owl/caf��.jpg" in check(folder).table()


def test_a_file_and_a_folder_without_permission(folder, monkeypatch):
    """Root may read everything, so the refusal is made up."""

    def refuse(path, *rest, real):
        if path.name in ("003.jpg", "Owl"):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest)

    for name in ("open", "iterdir"):
        real = getattr(Path, name)
        monkeypatch.setattr(Path, name, lambda *args, real=real: refuse(*args, real=real))
        if name == "open":
            (problem,) = check(folder).problems
            assert (problem.path.name, problem.skipped) == ("003.jpg", True)
            assert "permission" in problem.reason
    with pytest.raises(CourseError, match=r"Owl can't be opened .*permissions"):
        check(folder)


def test_a_photo_in_two_classes_is_used_in_neither(folder):
    for name in ("other name.jpg", "a third.jpg"):
        shutil.copy(folder / "Finch" / "001.jpg", folder / "Owl" / name)
    report = check(folder)
    assert report.counts() == {"Finch": 2, "Owl": 2}
    assert [
        (p.path.name, p.skipped, p.reason.split(", in another class")[0]) for p in report.problems
    ] == [
        ("001.jpg", True, "the same photograph as Owl/a third.jpg"),
        ("a third.jpg", True, "the same photograph as Finch/001.jpg"),
        ("other name.jpg", True, "the same photograph as Finch/001.jpg"),
    ]
    assert all("in another class" in problem.reason for problem in report.problems)


def test_a_picture_that_stands_for_many_is_noted(folder):
    for number in range(6):
        picture(76).save(folder / "Owl" / f"gone{number}.png")
    report = check(folder)
    assert report.counts() == {"Finch": 3, "Owl": 3}
    first, *others = report.problems
    assert (first.path.name, first.skipped) == ("gone0.png", False) and "6 files" in first.reason
    assert len(others) == 5 and all(problem.skipped for problem in others)


def test_many_files_of_one_kind_get_one_line(folder):
    for number in range(1000):
        (folder / "Owl" / f"{number}.txt").write_text("a note")
    *_, line = check(folder).table().splitlines()
    assert line.startswith("skipped  Owl/0.txt and 999 more: not a picture")


def test_a_photo_twice_in_a_class_is_used_once(folder):
    shutil.copy(folder / "Finch" / "002.jpg", folder / "Finch" / "copy of 002.jpg")
    picture(77).save(folder / "Owl" / "a.png")
    picture(77).save(folder / "Owl" / "b.bmp")  # other bytes, the same picture
    report = check(folder)
    assert report.counts() == {"Finch": 3, "Owl": 3}
    assert [(p.path.name, p.reason) for p in report.problems] == [
        ("copy of 002.jpg", "the same photograph as Finch/002.jpg"),
        ("b.bmp", "the same photograph as Owl/a.png"),
    ]


def test_links_to_photos_and_to_class_folders_work(folder, tmp_path):
    make_folder(tmp_path / "elsewhere", {"Wren": 2})
    (folder / "Wren").symlink_to(tmp_path / "elsewhere" / "Wren")
    picture(78).save(tmp_path / "far.jpg")
    (folder / "Owl" / "near.jpg").symlink_to(tmp_path / "far.jpg")
    report = check(folder)
    assert report.counts() == {"Finch": 3, "Owl": 3, "Wren": 2}
    assert report.problems == []


def test_files_beside_the_class_folders(folder):
    picture(79).save(folder / "lost.jpg")
    (folder / "LICENSE.txt").write_text("CC BY")
    (folder / ".DS_Store").write_bytes(b"Bud1")
    for hidden in (".git", ".ipynb_checkpoints", "__MACOSX"):
        (folder / hidden).mkdir()
    report = check(folder)
    assert report.class_names == ["Finch", "Owl"]
    assert [p.path.name for p in report.problems] == ["LICENSE.txt", "lost.jpg"]
    assert all(p.skipped and "beside the class folders" in p.reason for p in report.problems)


def test_classes_come_in_the_same_order_on_every_machine(tmp_path):
    """macOS spells É as E and an accent: sorted by code points it would come before "Eule"."""
    composed = make_folder(tmp_path / "linux", {"Eule": 2, "Égrette": 2, "Zaunkönig": 2})
    apart = tmp_path / "macos"
    for class_folder in composed.iterdir():
        shutil.copytree(class_folder, apart / unicodedata.normalize("NFD", class_folder.name))
    assert check(apart).class_names == check(composed).class_names
    assert check(apart).class_names == ["Eule", "Zaunkönig", "Égrette"]


def test_a_bar_is_shown_on_stdout_while_checking(folder, capsys):
    photo_folder.check(folder)
    shown = capsys.readouterr()
    assert "5/5" in shown.out and shown.err == ""
    check(folder)
    assert capsys.readouterr() == ("", "")


# --- Folders that can't be trained on ---


TWINS = {  # how a second folder's name differs from "Mésange d'eau"
    "accents apart": unicodedata.normalize("NFD", "Mésange d'eau"),
    "case": "mésange D'EAU",
    "a blank at the end": "Mésange d'eau ",
    "two blanks": "Mésange  d'eau",
    "a dot at the end": "Mésange d'eau.",
    "a sign that doesn't show": "Mésange\u200b d'eau",
    "a control character": "Mésange\x01 d'eau",
    "the direction of writing": "\u202aMésange d'eau",
    "wide letters": "Ｍésange d'eau",
}


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
def test_two_names_that_cannot_be_told_apart_are_refused(tmp_path, twin):
    folder = tmp_path / "birds"
    try:
        make_folder(folder, {"Mésange d'eau": 2, "Owl": 2, twin: 2})
    except OSError:
        pytest.skip("this system has no such names, or takes them for one")
    if len(list(folder.iterdir())) < 3:
        pytest.skip("this system takes them for one")
    with pytest.raises(CourseError, match="can't be told apart") as refusal:
        check(folder)
    assert ascii(twin) in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["Owl ", "Owl.", "Owl\u200b", "O\twl"])
def test_a_class_name_that_other_systems_change_is_noted(folder, name):
    (folder / "Owl").rename(folder / name)
    report = check(folder)
    (problem,) = report.problems
    assert not problem.skipped and ascii(name) in problem.reason
    assert any("rename it" in line for line in report.table().splitlines())


BIRDS = {"Finch": 3, "Owl": 1}
UNUSABLE = ("empty file", "text", "truncated JPEG", "HEIC")
IN_PARTS = {f"{part}/{bird}": 2 for part in ("test", "train", "val") for bird in ("Finch", "Owl")}
LAYOUTS = {  # how many photographs are where, and what the sentence says
    "no class": ({}, ["two or more folders, one for each class", "0 folder(s) and 0 file(s)"]),
    "one class": ({"Finch": 3}, ["1 folder(s) (Finch) and 0 file(s)", "Add what is missing"]),
    "no class folders": ({"": 3}, ["0 folder(s) and 3 file(s)"]),
    "one level too high": ({"all/Finch": 2, "all/Owl": 2}, ["1 folder(s)", "birds/all? Then set"]),
    "split": (IN_PARTS, ["0 usable in test", "birds/test or ", "Then set RESNEXT_DATA"]),
    "class of one": (BIRDS, ["two or more photographs", "1 usable in Owl"]),
    "empty class": ({"Finch": 3, "Owl": 0}, ["0 usable in Owl", "remove the folder"]),
    "broken files": (BIRDS, ["1 usable in Owl, 4 skipped", "cut.jpg: cut off"]),
    "copies": (BIRDS, ["1 usable in Owl, 1 skipped", "002.jpg: the same"]),
    "no folder": (None, ["No such file", "set RESNEXT_DATA"]),
    "a file": (None, ["Not a directory", "set RESNEXT_DATA"]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_that_cannot_be_trained_on(tmp_path, layout):
    folder, (counts, words) = tmp_path / "birds", LAYOUTS[layout]
    if counts is not None:
        make_folder(folder, counts).mkdir(exist_ok=True)
    if layout == "a file":
        folder.write_text("birds")
    for kind in UNUSABLE if layout == "broken files" else ():
        add(folder / "Owl", kind)
    if layout == "copies":
        shutil.copy(folder / "Owl" / "001.jpg", folder / "Owl" / "002.jpg")
    with pytest.raises(CourseError) as refusal:
        check(folder)
    message = str(refusal.value)
    for part in (folder.as_posix(), *words):
        assert part in message
    assert "\n" not in message
