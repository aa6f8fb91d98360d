"""What the check of a folder found, and how it is written down."""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from resnext_helpers.settings import display_path


@dataclass(frozen=True)
class Photo:
    """A photograph that can be used: its file, and the number of its class in ``class_names``."""

    path: Path
    label: int


@dataclass(frozen=True)
class Problem:
    """A file worth knowing about: why, and whether it is skipped or used all the same."""

    path: Path
    reason: str
    skipped: bool


@dataclass(frozen=True)
class Report:
    """What is in a folder of class folders.

    Attributes:
        folder: the folder that was checked.
        class_names: one name a class, in the order of the labels 0, 1, 2, ...
        photos: every photograph that can be used, sorted by class and name.
        problems: every file that is skipped, or used but unusual, sorted by path.
    """

    folder: Path
    class_names: list[str]
    photos: list[Photo]
    problems: list[Problem]

    def counts(self) -> dict[str, int]:
        """Usable photographs a class."""
        counts = Counter(photo.label for photo in self.photos)
        return {name: counts[label] for label, name in enumerate(self.class_names)}

    def table(self) -> str:
        """The report as plain text: photographs a class, then each problem with its reason."""
        classes = [("class", "photographs"), *self.counts().items(), ("total", len(self.photos))]
        skipped = sum(problem.skipped for problem in self.problems)
        problems = [
            ("skipped" if p.skipped else "used", relative(p.path, self.folder), p.reason)
            for p in self.problems
        ]
        lines = [
            f"Folder: {printable(display_path(self.folder))}",
            "",
            *_columns(classes),
            "",
            f"Files skipped: {skipped}; used, but worth a look: {len(problems) - skipped}",
            *_columns(problems),
        ]
        return "\n".join(lines)


def normal(name: str) -> str:
    """One spelling of a name: macOS may write é as two characters where Linux has one."""
    return unicodedata.normalize("NFC", name)


def printable(text: str) -> str:
    """A file's name may hold a line break, or bytes that aren't text: � in their place."""
    return "".join("�" if unicodedata.category(c) in ("Cc", "Cs") else c for c in normal(text))


def relative(path: Path, folder: Path) -> str:
    """``path`` from ``folder`` on, with ``/``, fit for printing."""
    return printable(path.relative_to(folder).as_posix())


def _columns(rows):
    """Rows as lines with aligned cells."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_pad, row, widths)).rstrip() for row in rows]


def _pad(cell, width):
    return cell + " " * (width - _width(cell))


def _width(text):
    """Columns in a terminal: a Chinese character or an emoji takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
