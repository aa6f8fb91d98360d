"""class.toml: what differs from class to class, and a sentence for what can't be used in it."""

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path

from resnext_helpers.settings import CourseError

# A part of a Linux account's name. (\Z: JupyterHub compares just the beginning of a name.)
NAME = r"[a-z][a-z0-9]{0,23}\Z"
INSTRUCTOR = "instructor"


@dataclass(frozen=True)
class Room:
    """A class: who may come in, and what each student may use."""

    passwords: dict[str, str]  # of each name, the instructor's too
    password: str | None  # of a name that is added while the hub runs; None: is not let in
    memory: str
    cores: int

    @property
    def students(self) -> list[str]:
        return [name for name in self.passwords if name != INSTRUCTOR]

    def lets_in(self, name: str, password: str) -> bool:
        """Whether that is the name's password. (JupyterHub asks if the name is in the class.)"""
        right = self.passwords.get(name, self.password)
        return bool(right) and compare_digest(password.encode(), right.encode())


def read(file: Path) -> Room:
    """The class, or a CourseError that says what is wrong with the file."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise CourseError(
            f"There is no {file.absolute()}: copy class.example.toml there, and fill it in."
        ) from None
    except (OSError, ValueError) as error:  # a file that isn't UTF-8, or isn't TOML
        raise CourseError(f"{file.absolute()} can't be read: {error}.") from None
    try:
        return _room(**values)
    except TypeError as error:  # a line is missing, or is one too many
        known = "password, instructor_password, students, memory and cores"
        found = ", ".join(values) or "nothing"
        raise CourseError(f"{file.name} needs {known}, and has {found}.") from error
    except CourseError as error:
        raise CourseError(f"{file.name}: {error}") from None


def _room(instructor_password, students, memory, cores, password=None):
    own = isinstance(students, dict)  # a password for each name
    if not own and not isinstance(students, list):
        raise CourseError('students is a list of names, such as ["ana", "bo"].')
    if own and password is not None:
        raise CourseError("each student has a password of their own: leave the line password out.")
    if not students:
        raise CourseError("students is empty: nobody could log in.")
    for name, times in Counter(map(str, students)).items():
        if not re.match(NAME, name) or name == INSTRUCTOR:
            raise CourseError(
                f"{name!r} can't be a student's name: take 1 to 24 small letters (a to z) and "
                f"digits, with a letter first, and not {INSTRUCTOR!r}."
            )
        if times > 1:
            raise CourseError(f"{name!r} is there {times} times: two students would share files.")
    passwords = students if own else dict.fromkeys(students, password)
    for name, secret in passwords.items():
        what = f"the password of {name!r}" if own else "password"
        _check(what, secret, 8)
        if secret == instructor_password:
            raise CourseError(f"{what} is the instructor's too: take another one.")
    _check("instructor_password", instructor_password, 32)
    if not isinstance(memory, str) or not re.fullmatch(r"[1-9]\d*G", memory):
        raise CourseError(f'memory is {memory!r}: write whole gigabytes, such as "4G".')
    if type(cores) is not int or cores < 1:
        raise CourseError(f"cores is {cores!r}: write a whole number from 1, without quotes.")
    return Room({**passwords, INSTRUCTOR: instructor_password}, password, memory, cores)


def _check(what, secret, shortest):
    if not isinstance(secret, str) or len(secret) < shortest or secret != secret.strip():
        raise CourseError(
            f"{what} needs at least {shortest} characters, in quotes, with no blanks at its ends."
        )
