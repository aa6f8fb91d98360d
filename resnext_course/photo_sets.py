"""Downloads public sets of photographs, checks them byte for byte, and unpacks them safely."""

import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pooch
from tqdm import tqdm

from resnext_helpers.settings import PROJECT, CourseError, display_path


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
        raise CourseError(
            f"There is no set named {name!r}: choose one of {', '.join(PUBLIC_SETS)}."
        )
    public_set = PUBLIC_SETS[name]
    folder = Path(folder or PROJECT / "data" / name)
    if _is_complete(folder, public_set):
        return folder
    if folder.exists():
        raise CourseError(
            f"{display_path(folder)} holds something other than {name}: move it away, or choose "
            f"another folder."
        )
    print(f"{name}: {public_set.size / 1e6:.0f} MB; {public_set.licence}")
    archive = folder.with_name(public_set.url.rpartition("/")[2])
    pooch.get_logger().setLevel("WARNING")  # it would report to stderr
    form = {"total": public_set.size, "unit": "B", "unit_scale": True, "file": sys.stdout}
    try:
        with tqdm(desc=archive.name, **form) as bar:
            loader = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16)
            pooch.retrieve(
                public_set.url, public_set.checksum, archive.name, archive.parent, None, loader
            )
        with TemporaryDirectory(dir=folder.parent) as temporary, tarfile.open(archive) as members:
            shown = tqdm(members, "Unpacking", unit="file", file=sys.stdout)
            members.extractall(temporary, shown, filter="data")
            (Path(temporary) / public_set.inside).rename(folder)
    except ValueError as error:  # pooch has deleted them
        raise CourseError(
            f"The bytes that came from {public_set.url} are not the published ones: run the same "
            f"line again; if it stays so, the file has changed."
        ) from error
    except (OSError, tarfile.TarError) as error:  # an OSError: also requests' own errors
        if not _is_complete(folder, public_set):  # no other process was faster
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise CourseError(
                f"{name} can't be fetched ({reason}). Check your connection, and the space in "
                f"{display_path(folder.parent)}, and run the same line again; or download "
                f"{public_set.url} with a browser and save it as {display_path(archive)} before."
            ) from error
    archive.unlink(missing_ok=True)
    return folder


def _is_complete(folder, public_set):
    return sum(path.is_dir() for path in folder.glob("[!.]*")) == public_set.classes
