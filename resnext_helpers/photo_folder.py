"""A folder of photographs: where it is, and what in it can be used, file by file."""

import os
import sys
import tempfile
import unicodedata
import zipfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from resnext_helpers import photos
from resnext_helpers.settings import PROJECT, CourseError, CourseSettings, display_path

OWN_PHOTOS = PROJECT / "data" / "bird_photos"
SAMPLE = PROJECT / "data" / "sample_birds"
SAMPLE_ZIP = PROJECT / "data" / "sample_birds.zip"

UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's categories
LISTED = 5  # so many files of one kind are listed one by one
STAND_INS = 4  # so many copies of a picture are no accident
BY_COMPUTER = ("thumbs.db", "desktop.ini", "__macosx")  # made by Windows, and by a Mac's zip


@dataclass(frozen=True)
class Photo:
    """A photograph that can be used: its file, and the number of its class in ``class_names``."""

    path: Path
    label: int


@dataclass(frozen=True)
class Problem:
    """A file worth knowing about: why, and whether it is skipped or still used."""

    path: Path
    reason: str
    skipped: bool


@dataclass(frozen=True)
class Report:
    """What is in a folder of class folders."""

    folder: Path
    class_names: list[str]  # in the order of the labels 0, 1, 2, ...
    photos: list[Photo]  # that can be used, sorted by class and name
    problems: list[Problem]  # files that are skipped, or used but unusual, sorted by path

    def counts(self) -> dict[str, int]:
        """Usable photographs a class."""
        counts = Counter(photo.label for photo in self.photos)
        return {name: counts[label] for label, name in enumerate(self.class_names)}

    def table(self) -> str:
        """The report as plain text: photographs a class, then each problem with its reason."""
        skipped = sum(problem.skipped for problem in self.problems)
        used = len(self.problems) - skipped
        lines = [f"Folder: {_printable(display_path(self.folder))}", "", "photographs  class"]
        counts = {**self.counts(), "in all": len(self.photos)}
        lines += [f"{count:11}  {name}" for name, count in counts.items()]
        lines += ["", f"Files skipped: {skipped}; used, but worth a look: {used}"]
        alike = defaultdict(list)
        for problem in self.problems:
            alike[problem.skipped, problem.reason].append(problem.path)
        for (skipped, reason), paths in alike.items():
            verdict = "skipped" if skipped else "used"
            some = paths if len(paths) <= LISTED else paths[:1]
            more = f" and {len(paths) - 1:,} more" * (some != paths)
            names = (_printable(path.relative_to(self.folder).as_posix()) for path in some)
            lines += [f"{verdict:8} {name}{more}: {reason}" for name in names]
        return "\n".join(lines)


def find(config: CourseSettings) -> Path:
    """The folder of photographs: ``RESNEXT_DATA``, else ``data/bird_photos/``, else the sample."""
    folder = config.data_dir or (OWN_PHOTOS if OWN_PHOTOS.is_dir() else SAMPLE)
    return unpack_sample() if folder == SAMPLE else folder


def source(folder: Path) -> str:
    """The folder and where it comes from, in words."""
    origins = {SAMPLE: "the course's sample: drawings, not photographs"}
    origins[OWN_PHOTOS] = "your photographs"
    return f"{display_path(folder)} ({origins.get(folder, 'chosen with RESNEXT_DATA')})"


def unpack_sample() -> Path:
    """Put what ``data/sample_birds/`` lacks of the sample there, and return this folder.

    Each drawing appears whole, so a second process may do the same at the same time. A
    ``CourseError`` says that the folder can't be written to.
    """
    try:
        with zipfile.ZipFile(SAMPLE_ZIP) as archive:
            lacking = [m for m in archive.infolist() if _size(SAMPLE / m.filename) != m.file_size]
            if lacking:
                with tempfile.TemporaryDirectory(dir=SAMPLE.parent) as temporary:
                    for member in lacking:
                        (SAMPLE / member.filename).parent.mkdir(parents=True, exist_ok=True)
                        unpacked = Path(archive.extract(member, temporary))
                        unpacked.replace(SAMPLE / member.filename)
    except OSError as error:
        raise CourseError(
            f"The sample can't be unpacked into {display_path(SAMPLE)} ({error.strerror}): make "
            f"that folder writable, or set RESNEXT_DATA to a folder of photographs."
        ) from error
    return SAMPLE


def _size(path):
    return path.stat().st_size if path.is_file() else None


def check(folder: Path, progress: bool = True) -> Report:
    """Read every file in a folder of class folders, as training will, and report on each.

    A photograph that is there twice could be both learned from and tested on, so only the first
    copy in a class is used. Copies in different classes contradict each other: none is used.

    Args:
        folder: holds one folder for each class; each of these holds photographs.
        progress: show a bar on stdout meanwhile.

    Raises:
        CourseError: there aren't two classes, or a class hasn't two usable photographs; the message
            says where it looked, what was found, and what to do.
    """
    folder = Path(folder)
    class_folders = _subfolders(folder)
    beside = [p for p in _listing(folder) if not _is_folder(p) and not _by_computer(p)]
    if len(class_folders) < 2:
        names = "".join(f" ({_printable(one.name)})" for one in class_folders)
        found = f"{len(class_folders)} folder(s){names} and {len(beside)} file(s)"
        raise _layout_error(folder, class_folders, found)
    _refuse_names_alike(class_folders)
    odd = [p for p in class_folders if "�" in _printable(p.name) or p.name != p.name.strip(". ")]
    reason = "the class folder's name has a blank or a dot at an end, or signs that don't show"
    problems = [Problem(p, f"{reason} ({p.name!a}): rename it", False) for p in odd]
    problems += [Problem(p, "beside the class folders, in none of them", True) for p in beside]
    inside = [Photo(p, label) for label, one in enumerate(class_folders) for p in _listing(one)]
    bar = {"unit": "file", "file": sys.stdout, "disable": not progress}
    usable = {}
    for photo in tqdm(inside, "Checking photographs", **bar):
        try:
            usable[photo] = _examine(photo.path)
        except photos.PhotoError as error:
            problems.append(Problem(photo.path, error.reason, skipped=True))
    for photo, reason in _copies(usable):
        problems.append(Problem(photo.path, f"the same photograph as {reason}", skipped=True))
        del usable[photo]
    for photo, (_fingerprint, notes) in usable.items():
        if notes:
            problems.append(Problem(photo.path, "; ".join(notes), skipped=False))
    problems.sort(key=lambda problem: _order(problem.path))
    report = Report(folder, [_printable(one.name) for one in class_folders], [*usable], problems)
    counts = Counter(photo.label for photo in usable)
    for label, one in enumerate(class_folders):
        if counts[label] < 2:
            skipped = [p for p in problems if p.skipped and p.path.parent == one]
            reasons = [f"{_printable(p.path.name)}: {p.reason}" for p in skipped[:3]]
            found = f"{counts[label]} usable in {_printable(one.name)}, {len(skipped)} skipped"
            raise _layout_error(folder, class_folders, "; ".join([found, *reasons]))
    return report


def _refuse_names_alike(class_folders):
    """Names that print alike, or that are one name to another system, would mix up two classes."""
    seen = {}
    for one in class_folders:
        visible = "".join(c for c in one.name if unicodedata.category(c) not in UNSEEN)
        alike = unicodedata.normalize("NFKC", visible).casefold().rstrip(". ").split()
        twin = seen.setdefault(tuple(alike), one)
        if twin != one:
            raise CourseError(
                f"In {_printable(display_path(one.parent))}, the class folders {twin.name!a} "
                f"and {one.name!a} can't be told apart in print or on other systems: rename "
                f"one of them, or join the two."
            )


def _examine(path):
    if _by_computer(path):
        raise photos.PhotoError(path, "made by the computer, not a photograph")
    if _is_folder(path):
        count = sum(not _is_folder(file) for file in path.rglob("*"))
        reason = f"a folder inside a class folder ({count} files): move its photographs up"
        raise photos.PhotoError(path, reason)
    return photos.examine(path)


def _copies(examined):
    """Photographs that aren't used because another file shows the same, and which one that is."""
    groups = defaultdict(list)
    for photo, (fingerprint, _notes) in examined.items():
        groups[fingerprint].append(photo)
    for first, *others in groups.values():
        if len(others) >= STAND_INS:
            notes = examined[first][1]
            notes.append(f"in {len(others) + 1} files: a picture that stands for missing ones?")
        rival = next((photo for photo in others if photo.label != first.label), None)
        for photo in (first, *others) if rival else others:
            twin = rival if rival and photo.label == first.label else first
            name = _printable(f"{twin.path.parent.name}/{twin.path.name}")
            yield photo, f"{name}, in another class: keep the right one" if rival else name


def _layout_error(folder, class_folders, found):
    deeper = [one for one in class_folders if len(_subfolders(one)) >= 2]
    todo = "Add what is missing, or remove the folder of a class that you don't need."
    if deeper:
        names = " or ".join(_printable(display_path(one)) for one in deeper[:3])
        todo = f"Did you mean {names}? Then set RESNEXT_DATA to it."
    return CourseError(
        f"Looked in {_printable(display_path(folder))} for two or more folders, one for each "
        f"class, with two or more photographs in each; found {found}. {todo}"
    )


def _listing(folder):
    try:
        return sorted(folder.iterdir(), key=_order)
    except OSError as error:
        raise CourseError(
            f"The folder {_printable(str(folder.absolute()))} can't be opened ({error.strerror}): "
            f"make it, change its permissions, or set RESNEXT_DATA to a folder of class folders."
        ) from error


def _subfolders(folder):
    return [path for path in _listing(folder) if _is_folder(path) and not _by_computer(path)]


def _is_folder(path):
    return os.path.isdir(path)  # noqa: PTH112 (Path.is_dir raises where a folder above is closed)


def _by_computer(path):
    return path.name.startswith(".") or path.name.lower() in BY_COMPUTER


def _order(path):
    """Sorts alike on every machine: macOS may write é as two characters where Linux has one."""
    return unicodedata.normalize("NFC", path.as_posix()), str(path)


def _printable(text):
    """A name with � for a line break, for bytes that aren't text, for signs that don't show."""
    text = unicodedata.normalize("NFC", text)
    unseen = {c for c in text if unicodedata.category(c) in UNSEEN} - {*"\u200c\u200d"}  # joiners
    return "".join("�" if c in unseen else c for c in text)
