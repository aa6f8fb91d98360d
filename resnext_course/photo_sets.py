"""Downloads public sets of photographs, checks them byte for byte, and unpacks them safely."""

import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

from resnext_helpers.settings import PROJECT, CourseError, display_path

TRIES = 3  # in a row that bring nothing new
PAUSE = 2.0  # seconds between two tries
TIMEOUT = 30  # seconds without a byte
CHUNK = 2**13  # bytes; a chunk that isn't complete when the connection breaks is lost


@dataclass(frozen=True)
class PublicSet:
    """A public set of photographs.

    Attributes:
        url: of the archive, a compressed tar file.
        checksum: of the archive, with the name of the method.
        size: of the archive, in bytes.
        licence: what its photographs may be used for, in a few words.
        inside: the folder in the archive that holds the class folders.
        classes: the number of class folders.
    """

    url: str
    checksum: str
    size: int
    licence: str
    inside: str
    classes: int


# Sizes and checksums: of tf_flowers as TensorFlow Datasets records them, of CUB-200-2011 as
# FastAI.jl checks them.
PUBLIC_SETS = {
    "tf_flowers": PublicSet(
        url="https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
        checksum="sha256:4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
        size=228_813_984,
        licence="CC BY 2.0, the photographers are named in LICENSE.txt",
        inside="flower_photos",
        classes=5,
    ),
    "cub_200_2011": PublicSet(
        url="https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
        checksum="sha256:0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
        size=1_150_585_339,
        licence="no licence given, the photographers keep their rights: for study only",
        inside="CUB_200_2011/images",
        classes=200,
    ),
}


def fetch(name: str, folder: Path | None = None) -> Path:
    """Download a public set of photographs, unless it is there already.

    A download that broke off goes on where it stopped, now or the next time. The archive is
    unpacked only if every byte is as published, and its folder appears all at once.

    Args:
        name: a key of ``PUBLIC_SETS``, as ``"tf_flowers"``.
        folder: where the class folders go; ``data/<name>`` unless given.

    Returns:
        The folder of class folders, ready for ``RESNEXT_DATA``.

    Raises:
        CourseError: the name is unknown, the folder holds something else, the download fails, its
            bytes are wrong, or the archive would write outside its folder.
    """
    if name not in PUBLIC_SETS:
        raise CourseError(
            f"There is no set named {name!r}: choose one of {', '.join(PUBLIC_SETS)}."
        )
    public_set = PUBLIC_SETS[name]
    folder = Path(folder or PROJECT / "data" / name)
    if folder.is_dir() and any(folder.iterdir()):
        found = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
        if len(found) == public_set.classes:
            return folder
        raise CourseError(
            f"{display_path(folder)} holds something other than {name}: choose another folder, or "
            f"move what is in there."
        )
    print(f"{name}: {_megabytes(public_set.size)}; {public_set.licence}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        archive = _download(public_set, folder.parent)
        _unpack(archive, public_set.inside, folder)
        archive.unlink()
    except OSError as error:
        raise CourseError(
            f"{name} can't be saved in {display_path(folder.parent)} ({error.strerror or error}): "
            f"it needs {_megabytes(2 * public_set.size)} of space there, and permission to write."
        ) from error
    return folder


def _download(public_set, folder):
    """The archive, checked; one that lies in ``folder`` already and is right isn't downloaded."""
    archive = folder / PurePosixPath(urlsplit(public_set.url).path).name
    part = archive.with_name(archive.name + ".part")

    def download(url, output_file, _pooch):
        receive_all(url, part, archive, public_set.size)
        part.replace(output_file)

    pooch.get_logger().setLevel("WARNING")  # it would report to stderr
    try:
        pooch.retrieve(
            public_set.url, public_set.checksum, archive.name, folder, downloader=download
        )
    except ValueError as error:  # pooch has deleted the file
        mismatch = str(error).partition(" Deleted")[0]
        raise CourseError(
            f"The bytes that came from {public_set.url} are not the published ones, so they were "
            f"deleted. {mismatch} Run the same line again; if it stays so, the file has changed."
        ) from error
    part.unlink(missing_ok=True)  # left behind if the archive was then saved by hand
    return archive


def receive_all(url, part, archive, size):
    """Fill ``part``, and go on after a break as long as that brings new bytes."""
    failures = 0
    while _size(part) < size:
        before = _size(part)
        try:
            _receive(url, part, size)
            return
        except requests.RequestException as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures == TRIES:
                raise CourseError(
                    f"{_what_failed(error, url, _size(part), size)}. Check your connection and run "
                    f"the same line again: it goes on where it stopped. Or download {url} with a "
                    f"browser, save it as {display_path(archive)}, and run the same line again."
                ) from error
            time.sleep(PAUSE)


def _receive(url, part, size):
    """Receive what ``part`` lacks, or all of it from a server that can't start in the middle."""
    have = _size(part)
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={have}-"}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink(missing_ok=True)  # it isn't the beginning of this file
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(
                desc=part.stem,
                total=size,
                initial=have if resumed else 0,
                unit="B",
                unit_scale=True,
                file=sys.stdout,
            ) as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))


def _what_failed(error, url, have, size):
    host = urlsplit(url).hostname
    if isinstance(error, requests.HTTPError):
        return f"{host} refused the download (it answered {error.response.status_code})"
    if isinstance(error, requests.ConnectionError) and not have:
        return f"There is no connection to {host}"
    return f"The download broke off after {_megabytes(have)} of {_megabytes(size)}"


def _unpack(archive, inside, folder):
    """Unpack the part of a tar file that holds the class folders; all of it appears, or nothing."""
    with (
        TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary,
        tarfile.open(archive) as members,
    ):
        fresh = Path(temporary) / folder.name
        for member in tqdm(members, "Unpacking", unit="file", file=sys.stdout):
            path = _safe_path(member, archive)
            if member.isfile() and path.is_relative_to(inside):
                target = fresh / path.relative_to(inside)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(members.extractfile(member).read())
        if folder.is_dir():
            folder.rmdir()  # an empty one: Windows wouldn't rename over it
        fresh.rename(folder)


def _safe_path(member, archive):
    """Where a member wants to go. Photographs need no links, and no way up or to another drive."""
    path = PurePosixPath(member.name)
    climbs = path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name
    if climbs or not (member.isfile() or member.isdir()):
        raise CourseError(
            f"{archive.name} was not unpacked: its member {member.name!r} could write outside its "
            f"folder. Delete {display_path(archive)}, and tell the teacher of your course."
        )
    return path


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _megabytes(size):
    return f"{size / 1e6:.0f} MB"
