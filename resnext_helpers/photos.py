"""One photograph: reads a file into the form that training needs, or says why it can't be read."""

import hashlib
import io
import stat
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from resnext_helpers.settings import CourseError, display_path

# What a photograph may be: fewer formats than Pillow knows, as some of its readers start programs.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 50_000_000  # decoded at once; 200 MB of memory a copy
LARGE_SIDE = 10_000  # pixels; a longer side is worth a note
CHECK_SIZE = 64  # pixels; the size at which ``examine`` reads a photograph

EMPTY = "the file is empty (0 bytes)"

ORIENTATION_TAG = 0x0112  # EXIF: how the camera was held
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_open_lock = threading.Lock()

# Pillow warns of odd metadata, in the middle of training; the pixels aren't touched by it.
warnings.filterwarnings("ignore", module=r"PIL\.")


class PhotoError(CourseError):
    """A file that can't be used as a photograph; ``reason`` is the message without the path."""

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{display_path(path.parent)}/{path.name}: {reason}.")
        self.reason = reason


@dataclass(frozen=True)
class Examination:
    """What reading a usable photograph showed.

    Attributes:
        fingerprint: the same for two files that show a network the same picture.
        notes: what is unusual about the file.
    """

    fingerprint: bytes
    notes: list[str]


def read(path: Path, image_size: int) -> np.ndarray:
    """The photograph in ``path`` as pixels, whatever kind of picture the file holds.

    Its content decides, not its name. It is turned upright (EXIF) and converted to 8-bit RGB: what
    is transparent becomes white, an animation gives its first frame. Then its centre square is cut
    out and resized smoothly.

    Returns:
        ``uint8`` array ``(image_size, image_size, 3)``, values 0..255.

    Raises:
        PhotoError: the file is missing, broken, not a picture, or too large to decode.
    """
    return _decode(Path(path), image_size)[0]


def read_bytes(content: bytes, name: str, image_size: int) -> np.ndarray:
    """As ``read``, for a file that is in memory, such as an upload; ``name`` is for the errors."""
    return _decode(Path(name), image_size, content)[0]


def examine(path: Path) -> Examination:
    """Read the whole file as training will, and tell what is unusual about it.

    Raises:
        PhotoError: as for ``read``.
    """
    pixels, notes = _decode(Path(path), CHECK_SIZE)
    return Examination(hashlib.sha256(pixels).digest(), notes)


def _decode(path, image_size, content=None):
    try:
        if content is None:
            _require_content(path)
        elif not content:
            raise PhotoError(path, EMPTY)
        with open_image(path if content is None else io.BytesIO(content)) as image:
            size = image.size
            _reduce(image, image_size)
            if image.width * image.height > MAX_PIXELS:
                too_large = f"too large to read ({size[0]} × {size[1]} pixels)"
                raise PhotoError(path, f"{too_large}: save it smaller, or as a plain JPEG")
            notes = list(_notes(path, image, size))
            image.load()
            turn = UPRIGHT.get(orientation(image))
            if turn is not None:
                notes.append("turned upright, as its EXIF data ask")
                image = image.transpose(turn)
            square = ImageOps.fit(
                to_rgb(path, image), (image_size, image_size), Image.Resampling.BILINEAR
            )
            return np.array(square), notes
    except PhotoError:
        raise
    # A broken file makes Pillow raise nearly anything: SyntaxError, struct.error, zlib.error, ...
    except Exception as error:
        raise PhotoError(path, _reason(path, error, content)) from error


def _require_content(path):
    """Refuse what isn't a regular file before opening it: a pipe would make us wait for ever."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise PhotoError(path, "a folder, not a photograph")
    if not stat.S_ISREG(status.st_mode):
        raise PhotoError(path, "not a file but a pipe, a socket or a device")
    if status.st_size == 0:
        raise PhotoError(path, EMPTY)


def open_image(source):
    """Open the picture, a path or a binary file, which reads only its header.

    Pillow's own limit on pixels would come too early here: before a large JPEG can be reduced, and
    without telling the picture's width and height. ``_decode`` applies a tighter one right after.
    """
    with _open_lock:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(source, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _reduce(image, image_size):
    """Let a large JPEG be decoded at 1/2, 1/4 or 1/8 of its size: less memory, less time."""
    if not image.info.get(
        "progressive"
    ):  # a progressive one is held in memory in full all the same
        image.draft(None, (2 * image_size, 2 * image_size))


def _notes(path, image, size):
    """What makes this photograph unusual, though it can be used."""
    content = "JPEG" if image.format == "MPO" else image.format  # MPO: a phone's JPEG with extras
    if Image.registered_extensions().get(path.suffix.lower()) not in (content, image.format):
        yield f"holds a {content} picture, whatever its name says"
    if max(size) > LARGE_SIDE:
        yield f"very large ({size[0]} × {size[1]} pixels), slow to read"
    if ";16" in f"{image.mode} {image.tile}":
        yield "16-bit, reduced to 8-bit"
    if image.mode in ("1", "L", "LA"):
        yield "greyscale, repeated in three colours"
    if image.mode == "CMYK":
        yield "CMYK (made for printing), converted to RGB"
    if image.mode in ("P", "PA"):
        yield "palette colours, converted to RGB"
    if image.has_transparency_data:
        yield "transparent, laid on white"
    if content != "JPEG" and getattr(image, "is_animated", False):
        yield "animated, only its first frame is used"


def orientation(image):
    """The number in the EXIF data that says how the camera was held, or None (see ``UPRIGHT``)."""
    try:
        return image.getexif().get(ORIENTATION_TAG)
    except Exception:  # damaged EXIF data: the picture itself may be whole
        return None


def to_rgb(path, image):
    """The picture in 8-bit RGB, whatever its mode; ``path`` is for the error."""
    if image.mode[0] in "IF":  # 16 bits and more; Pillow's own conversion would cut off at 255
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 65535:
            raise PhotoError(path, "its pixels are 32-bit numbers, not a photograph's")
        image = Image.fromarray((values / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _reason(path, error, content=None):
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            return f"a link that points nowhere (to {path.readlink()})"
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "you have no permission to read it"
    if isinstance(error, Image.UnidentifiedImageError):
        return _not_a_picture(_beginning(path) if content is None else content[:12])
    if "truncated" in str(error).lower():
        return "cut off: the end of the picture is missing"
    return f"damaged, or of a kind that can't be read ({error or type(error).__name__})"


def _beginning(path):
    with path.open("rb") as file:
        return file.read(12)


def _not_a_picture(start):
    if start[4:8] == b"ftyp":
        return "a HEIC or AVIF picture or a video: save it as a JPEG"
    return f"not a picture, or its beginning is damaged (it starts with {start!r})"
