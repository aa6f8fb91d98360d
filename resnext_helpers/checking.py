"""Finds the folder of photographs, and reads every file in it once, before training."""

import sys
from collections import Counter, defaultdict
from pathlib import Path

from tqdm import tqdm

from resnext_helpers import photos, sample_birds
from resnext_helpers.report import Photo, Problem, Report, normal, printable, relative
from resnext_helpers.settings import PROJECT, CourseError, CourseSettings, display_path

OWN_PHOTOS = PROJECT / "data" / "bird_photos"
SAMPLE = PROJECT / "data" / "sample_birds"

FILE_MANAGER_FILES = ("thumbs.db", "desktop.ini")
FILE_MANAGER_FOLDERS = ("__MACOSX",)  # what a zip made on a Mac leaves behind


def find(config: CourseSettings) -> Path:
    """The folder of photographs: ``RESNEXT_DATA``, else ``data/bird_photos/``, else the sample.

    The sample (``data/sample_birds/``) is drawn on first use.
    """
    folder = config.data_dir or (OWN_PHOTOS if OWN_PHOTOS.is_dir() else SAMPLE)
    return sample_birds.draw(folder) if folder == SAMPLE else folder


def source(folder: Path) -> str:
    """The folder and where it comes from, in words."""
    origins = {
        SAMPLE: "the course's sample: drawings, not photographs",
        OWN_PHOTOS: "your photographs",
    }
    return f"{display_path(folder)} ({origins.get(folder, 'chosen with RESNEXT_DATA')})"


def check_folder(folder: Path, progress: bool = True) -> Report:
    """Read every file in a folder of class folders, as training will, and report on each.

    A photograph that is there twice could be both learned from and tested on, so only the first
    copy in a class is used. Copies in different classes contradict each other: none is used.

    Args:
        folder: holds one folder for each class; each of these holds photographs.
        progress: show a bar on stdout meanwhile.

    Raises:
        CourseError: there aren't two classes, or a class hasn't two usable photographs; the message
            says what was looked for, what was found, and what to do.
    """
    folder = Path(folder)
    class_folders, problems = _class_folders(folder)
    files = [
        Photo(path, label)
        for label, class_folder in enumerate(class_folders)
        for path in _listing(class_folder)
    ]
    examined = {}
    for photo in tqdm(
        files, "Checking photographs", unit="file", file=sys.stdout, disable=not progress
    ):
        try:
            examined[photo] = _examine(photo.path)
        except photos.PhotoError as error:
            problems.append(Problem(photo.path, error.reason, skipped=True))

    copies = _copies(examined, folder)
    problems += [Problem(photo.path, reason, skipped=True) for photo, reason in copies.items()]
    usable = [photo for photo in examined if photo not in copies]
    problems += [
        Problem(photo.path, "; ".join(examined[photo].notes), skipped=False)
        for photo in usable
        if examined[photo].notes
    ]
    problems.sort(key=lambda problem: _order(problem.path))
    class_names = [printable(class_folder.name) for class_folder in class_folders]
    report = Report(folder, class_names, usable, problems)
    _require_two_each(report, class_folders)
    return report


def _class_folders(folder):
    """The class folders in order, and a problem for each file that lies beside them."""
    if not _is_folder(folder):
        found = "this is a file" if folder.exists() else "there is no such folder"
        raise CourseError(
            f"Looked for one folder for each class in {printable(display_path(folder))}, but "
            f"{found}. Make such a folder, or set RESNEXT_DATA to the right one."
        )
    folders = _subfolders(folder)
    files = [p for p in _listing(folder) if not _is_folder(p) and not _file_manager(p)]
    if len(folders) < 2:
        names = f" ({printable(folders[0].name)})" if folders else ""
        found = f"{_count(folders, 'folder')}{names} and {_count(files, 'file')}"
        todo = "Move the photographs into one folder for each class, or name the folder above."
        if folders:
            todo = "Add a folder with photographs of a second class."
        raise _layout_error(folder, found, _did_you_mean(folders) or todo)
    reason = "beside the class folders, in none of them"
    return folders, [Problem(path, reason, skipped=True) for path in files]


def _examine(path):
    if reason := _file_manager(path):
        raise photos.PhotoError(path, reason)
    if _is_folder(path):
        inside = [file for file in path.rglob("*") if not _is_folder(file)]
        reason = (
            f"a folder inside a class folder ({_count(inside, 'file')}): move its photographs up"
        )
        raise photos.PhotoError(path, reason)
    return photos.examine(path)


def _copies(examined, folder):
    """Photographs that aren't used because another file shows the same, each with the reason."""
    groups = defaultdict(list)
    for photo, examination in examined.items():
        groups[examination.fingerprint].append(photo)
    reasons = {}
    for group in groups.values():
        for photo in group:
            rivals = [other for other in group if other.label != photo.label]
            if rivals:
                same = f"the same photograph as {relative(rivals[0].path, folder)}"
                reasons[photo] = f"{same}, in another class: keep the right one"
            elif photo != group[0]:
                reasons[photo] = f"the same photograph as {relative(group[0].path, folder)}"
    return reasons


def _require_two_each(report, class_folders):
    counts = Counter(photo.label for photo in report.photos)
    for label, class_folder in enumerate(class_folders):
        if counts[label] >= 2:
            continue
        found = f"{counts[label]} usable in {printable(class_folder.name)}"
        skipped = [p for p in report.problems if p.skipped and p.path.parent == class_folder]
        if skipped:
            reasons = [f"{relative(p.path, class_folder)}: {p.reason}" for p in skipped[:3]]
            more = "; ..." if len(skipped) > 3 else ""
            found += f" and {_count(skipped, 'skipped file')} ({'; '.join(reasons)}{more})"
        todo = "Add photographs, or remove the folder of a class that you don't need."
        raise _layout_error(report.folder, found, _did_you_mean(class_folders) or todo)


def _layout_error(folder, found, todo):
    return CourseError(
        f"Looked in {printable(display_path(folder))} for two or more folders, one for each "
        f"class, with two or more photographs in each; found {found}. {todo}"
    )


def _did_you_mean(folders):
    """Advice for someone whose class folders lie one level deeper, or None."""
    deeper = [folder for folder in folders if len(_subfolders(folder)) >= 2]
    if not deeper:
        return None
    names = " or ".join(printable(display_path(folder)) for folder in deeper[:3])
    return f"Did you mean {names}? Then set RESNEXT_DATA to it."


def _listing(folder):
    try:
        return sorted(folder.iterdir(), key=_order)
    except OSError as error:
        raise CourseError(
            f"The folder {printable(display_path(folder))} can't be opened ({error.strerror}): "
            f"change its permissions, or choose another folder."
        ) from error


def _subfolders(folder):
    return [path for path in _listing(folder) if _is_folder(path) and not _file_manager(path)]


def _is_folder(path):
    try:
        return path.is_dir()
    except OSError:  # a folder above may be closed to us
        return False


def _file_manager(path):
    if path.name.startswith(".") or path.name.lower() in FILE_MANAGER_FILES:
        return "made by the computer, not a photograph"
    if path.name in FILE_MANAGER_FOLDERS:
        return "made by the computer, not a class"
    return None


def _order(path):
    """Sorts alike on every machine."""
    return [normal(part) for part in path.parts], str(path)


def _count(things, noun):
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
