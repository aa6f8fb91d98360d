import os
import shutil
import unicodedata

import pytest
from pictures import NAMES, UNUSUAL, add, make_folder, picture

from resnext_helpers import photos
from resnext_helpers.checking import check_folder
from resnext_helpers.settings import CourseError


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "birds", {"Finch": 3, "Owl": 2})


def check(folder):
    return check_folder(folder, progress=False)


def test_a_clean_folder(folder):
    report = check(folder)
    assert report.class_names == ["Finch", "Owl"]
    assert report.counts() == {"Finch": 3, "Owl": 2}
    assert [(photo.path.name, photo.label) for photo in report.photos] == [
        ("001.jpg", 0),
        ("002.jpg", 0),
        ("003.jpg", 0),
        ("001.jpg", 1),
        ("002.jpg", 1),
    ]
    assert report.problems == []


@pytest.mark.parametrize("kind", UNUSUAL)
def test_each_unusual_file_is_reported_with_path_and_reason(folder, kind):
    path = add(folder / "Owl", kind)
    _name, _make, skipped, words = UNUSUAL[kind]
    report = check(folder)
    (problem,) = report.problems
    assert problem.path.stem == path.stem
    assert words in problem.reason
    assert problem.skipped == skipped
    assert report.counts() == {"Finch": 3, "Owl": 2 if skipped else 3}
    (line,) = [line for line in report.table().splitlines() if f"Owl/{path.stem}" in line]
    assert line.startswith("skipped" if skipped else "used")
    assert words in line


def test_all_unusual_files_together(folder):
    for kind in UNUSUAL:
        add(folder / "Owl", kind)
    report = check(folder)
    used = [kind for kind, (*_, skipped, _words) in UNUSUAL.items() if not skipped]
    assert report.counts() == {"Finch": 3, "Owl": 2 + len(used)}
    assert len(report.problems) == len(UNUSUAL)
    assert f"Files skipped: {len(UNUSUAL) - len(used)}; used, but worth a look: {len(used)}" in (
        report.table()
    )


@pytest.mark.parametrize("name", NAMES)
def test_any_name_works(folder, name):
    (folder / "Owl" / "001.jpg").rename(folder / "Owl" / name)
    (folder / "Owl").rename(folder / name)
    report = check(folder)
    assert report.problems == []
    assert report.counts()[unicodedata.normalize("NFC", name)] == 2


def test_a_name_that_is_no_text_is_shown_all_the_same(folder):
    name = os.fsdecode(b"caf\xe9\n.jpg")
    try:
        (folder / "Owl" / name).write_bytes(b"no picture")
    except OSError:
        pytest.skip("this system has no such names")
    report = check(folder)
    assert "Owl/caf��.jpg" in report.table()
    report.table().encode("utf-8")


def test_a_file_without_permission(folder, monkeypatch):
    open_picture = photos.Image.open

    def refuse(path, **options):
        if path.name == "003.jpg":
            raise PermissionError(13, "Permission denied")
        return open_picture(path, **options)

    monkeypatch.setattr(photos.Image, "open", refuse)
    (problem,) = check(folder).problems
    assert (problem.path.name, problem.skipped) == ("003.jpg", True)
    assert "permission" in problem.reason


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_files_and_folders_without_permission_for_real(folder):
    (folder / "Finch" / "003.jpg").chmod(0)
    (problem,) = check(folder).problems
    assert "permission" in problem.reason
    (folder / "Owl").chmod(0)
    try:
        with pytest.raises(CourseError, match=r"Owl can't be opened .*permissions"):
            check(folder)
    finally:
        (folder / "Owl").chmod(0o700)


def test_a_photo_in_two_classes_is_used_in_neither(folder):
    shutil.copy(folder / "Finch" / "001.jpg", folder / "Owl" / "other name.jpg")
    report = check(folder)
    assert report.counts() == {"Finch": 2, "Owl": 2}
    first, second = report.problems
    assert (first.path, second.path) == (
        folder / "Finch" / "001.jpg",
        folder / "Owl" / "other name.jpg",
    )
    assert "the same photograph as Owl/other name.jpg, in another class" in first.reason
    assert "the same photograph as Finch/001.jpg, in another class" in second.reason
    assert first.skipped and second.skipped


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
    assert [(p.path.name, p.skipped) for p in report.problems] == [
        ("LICENSE.txt", True),
        ("lost.jpg", True),
    ]
    assert "beside the class folders" in report.problems[0].reason


def test_classes_and_photos_come_in_the_same_order_on_every_machine(tmp_path):
    """macOS spells É as E and an accent: sorted by code points it would come before "Eule"."""
    composed = make_folder(tmp_path / "linux", {"Eule": 2, "Égrette": 2, "Zaunkönig": 2})
    apart = tmp_path / "macos"
    for class_folder in composed.iterdir():
        shutil.copytree(class_folder, apart / unicodedata.normalize("NFD", class_folder.name))
    assert check(apart).class_names == check(composed).class_names
    assert check(apart).class_names == ["Eule", "Zaunkönig", "Égrette"]


def test_the_table(folder):
    (folder / "Owl").rename(folder / "猫头鹰")
    add(folder / "猫头鹰", "empty file")
    lines = check(folder).table().splitlines()
    assert lines == [
        f"Folder: {folder.as_posix()}",
        "",
        "class   photographs",
        "Finch   3",
        "猫头鹰  2",
        "total   5",
        "",
        "Files skipped: 1; used, but worth a look: 0",
        "skipped  猫头鹰/empty.jpg  the file is empty (0 bytes)",
    ]


def test_a_bar_is_shown_on_stdout_while_checking(folder, capsys):
    check_folder(folder)
    shown = capsys.readouterr()
    assert "Checking photographs" in shown.out
    assert "5/5" in shown.out
    assert shown.err == ""
    check(folder)
    assert capsys.readouterr() == ("", "")


def no_folder(folder):
    pass


def a_file(folder):
    folder.write_text("birds")


def no_class(folder):
    folder.mkdir()


def one_class(folder):
    make_folder(folder, {"Finch": 3})


def photos_without_classes(folder):
    make_folder(folder.parent, {folder.name: 3})


def one_level_too_high(folder):
    make_folder(folder / "bird_photos", {"Finch": 2, "Owl": 2})


def split_in_folders(folder):
    for part in ("test", "train", "val"):
        make_folder(folder / part, {"Finch": 2, "Owl": 2})


def class_of_one(folder):
    make_folder(folder, {"Finch": 3, "Owl": 1})


def empty_class(folder):
    make_folder(folder, {"Finch": 3, "Owl": 0})


def class_of_broken_files(folder):
    make_folder(folder, {"Finch": 3, "Owl": 1})
    for kind in ("empty file", "text", "truncated JPEG", "HEIC"):
        add(folder / "Owl", kind)


def class_of_one_copied(folder):
    make_folder(folder, {"Finch": 3, "Owl": 1})
    shutil.copy(folder / "Owl" / "001.jpg", folder / "Owl" / "002.jpg")


# What is in the folder: what was looked for, what was found, what to do.
LAYOUTS = [
    (
        no_folder,
        "Looked for one folder for each class",
        "no such folder",
        "or set RESNEXT_DATA",
    ),
    (a_file, "Looked for one folder for each class", "this is a file", "or set RESNEXT_DATA"),
    (no_class, "two or more folders", "found 0 folders and 0 files", "one folder for each class"),
    (one_class, "two or more folders", "found 1 folder (Finch) and 0 files", "a second class"),
    (
        photos_without_classes,
        "two or more folders",
        "0 folders and 3 files",
        "Move the photo",
    ),
    (
        one_level_too_high,
        "two or more folders",
        "1 folder (bird_photos)",
        "birds/bird_photos? Then",
    ),
    (split_in_folders, "two or more photographs", "0 usable in test", "birds/test or "),
    (class_of_one, "two or more photographs in each", "found 1 usable in Owl", "Add photographs"),
    (empty_class, "two or more photographs in each", "found 0 usable in Owl", "remove the folder"),
    (class_of_broken_files, "two or more", "1 usable in Owl and 4 skipped files (", "cut.jpg: cut"),
    (
        class_of_one_copied,
        "two or more",
        "1 usable in Owl and 1 skipped file (002",
        "Add photographs",
    ),
]


@pytest.mark.parametrize(
    ("make", "looked_for", "found", "to_do"), LAYOUTS, ids=[make.__name__ for make, *_ in LAYOUTS]
)
def test_a_folder_that_cannot_be_trained_on(tmp_path, make, looked_for, found, to_do):
    folder = tmp_path / "birds"
    make(folder)
    with pytest.raises(CourseError) as refusal:
        check(folder)
    message = str(refusal.value)
    for words in (folder.as_posix(), looked_for, found, to_do):
        assert words in message
    assert "\n" not in message
