"""Downloads public sets of photographs, checks them byte for byte, and unpacks them safely."""

import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pooch
from tqdm import tqdm

from resnext_helpers.settings import PROJECT, CourseError, display_path


class PublicSet(NamedTuple):
    """A public set of photographs: a compressed tar file at ``url``, with a folder for each class.

    ``said`` is its size and what its photographs may be used for; ``inside`` is the folder in it
    that holds the class folders.
    """

    url: str
    checksum: str
    said: str
    inside: str
    classes: int


# Checksums: of tf_flowers as TensorFlow Datasets records it, of CUB-200-2011 as FastAI.jl does.
PUBLIC_SETS = {
    "tf_flowers": PublicSet(
        "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
        "sha256:4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
        "229 MB; CC BY 2.0, the photographers are named in LICENSE.txt",
        inside="flower_photos",
        classes=5,
    ),
    "cub_200_2011": PublicSet(
        "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
        "sha256:0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
        "1151 MB; no licence given, the photographers keep their rights: for study only",
        inside="CUB_200_2011/images",
        classes=200,
    ),
}


def fetch(name: str, folder: Path | None = None) -> Path:
    """Download a public set of photographs, unless it is there already.

    The archive is unpacked only if every byte is as published, and its folder appears all at once.

    Args:
        name: a key of ``PUBLIC_SETS``, as ``"tf_flowers"``.
        folder: where the class folders go; ``data/<name>`` unless given.

    Returns:
        The folder of class folders, ready for ``RESNEXT_DATA``.

    Raises:
        CourseError: the name is unknown, the folder holds something else, or the download fails.
    """
    if name not in PUBLIC_SETS:
        raise CourseError(f"There is no set {name!r}: choose one of {', '.join(PUBLIC_SETS)}.")
    url, checksum, said, inside, classes = PUBLIC_SETS[name]
    folder = Path(folder or PROJECT / "data" / name)
    if sum(path.is_dir() for path in folder.glob("[!.]*")) == classes:
        return folder
    if folder.exists():
        raise CourseError(
            f"{display_path(folder)} holds something other than {name}: move it away, or choose "
            f"another folder."
        )
    print(f"{name}: {said}")
    archive = folder.with_name(url.rpartition("/")[2])
    pooch.get_logger().setLevel("WARNING")  # it would report to stderr
    try:
        # pooch's own processor leaves half of the files when it is stopped, and takes them for all.
        pooch.retrieve(url, checksum, archive.name, archive.parent, progressbar=True)
        with TemporaryDirectory(dir=folder.parent) as temporary, tarfile.open(archive) as members:
            shown = tqdm(members, "Unpacking", unit="file", file=sys.stdout)
            members.extractall(temporary, shown, filter="data")
            (Path(temporary) / inside).rename(folder)
    except ValueError as error:  # pooch has deleted them
        raise CourseError(
            f"The bytes that came from {url} are not the published ones: run the same line again; "
            f"if it stays so, the file has changed."
        ) from error
    except (OSError, tarfile.TarError) as error:  # an OSError: also requests' own errors
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise CourseError(
            f"{name} can't be fetched ({reason}). Check your connection, and the space in "
            f"{display_path(folder.parent)}, and run the same line again; or download {url} with a "
            f"browser and save it as {display_path(archive)} before."
        ) from error
    archive.unlink()
    return folder
