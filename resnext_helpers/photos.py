"""One photograph: a file to upright 8-bit RGB pixels, or one sentence why that can't be."""

import contextlib
import functools
import hashlib
import io
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageOps

from resnext_helpers.settings import CourseError, display_path

# What a photograph may be: fewer formats than Pillow knows, as some of its readers start programs.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 50_000_000  # decoded at once; 200 MB of memory a copy
CHECK_SIZE = 64  # pixels; the size at which ``examine`` reads a photograph

# How other files that people have begin, and what they are.
RAW = "a camera's RAW file"
OTHERS = {
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": "a JPEG 2000 picture",
    rb"\0\0\0\x0cJXL |\xff\x0a": "a JPEG XL picture",
    rb".{4}ftyp(hei|hev|mif|msf)": "a HEIC picture",
    rb".{4}ftypavi[fs]": "an AVIF picture",
    rb".{4}ftypcrx|II(U\0|R[OS])|MMOR|FUJIFILM|\0MRM|FOVb": RAW,
    rb".{4}(ftyp|moov|mdat|wide)|RIFF.{4}AVI |\x1aE\xdf\xa3|\0\0\x01[\xb3\xba]|FLV|OggS": "a video",
    rb"%PDF": "a PDF document",
    rb"8BPS|gimp xcf": "a Photoshop or GIMP file",
    rb"\s*(<[?!].{,500})?<svg": "a drawing (SVG)",
    rb"\s*(<!.{,500})?<html|<!doctype html": "a web page",
    rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b": "an archive",
    # In the header of a JPEG's frame the number of bits follows the header's length.
    rb"\xff\xd8.*\xff[\xc0-\xcf]\0[\x0b\x11\x14]\x0c": "a 12-bit JPEG",
}
TODO = "save the photograph in it as an ordinary JPEG"
# RAW files that begin as a TIFF picture does are known by name, by Canon's mark, by DNG's tag.
RAW_ENDINGS = (".dng", ".nef", ".nrw", ".arw", ".sr2", ".pef", ".cr2", ".srw", ".3fr", ".iiq")
DNG_VERSION = 50706

# MAX_PIXELS is tighter than Pillow's own limit, which comes before a large JPEG can be reduced.
Image.MAX_IMAGE_PIXELS = None
# Pillow warns of odd metadata, in the middle of training; the pixels aren't touched by it.
warnings.filterwarnings("ignore", module=r"PIL\.")


class PhotoError(CourseError):
    """A file that can't be used as a photograph; ``reason`` is the message without the path."""

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{display_path(path.parent)}/{path.name}: {reason}.")
        self.reason = reason


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
    return np.array(_decode(Path(path), image_size)[0])


def read_bytes(content: bytes, name: str, image_size: int) -> np.ndarray:
    """As ``read``, for a file that is in memory, such as an upload; ``name`` is for the errors."""
    return np.array(_decode(Path(name), image_size, content)[0])


def whole(path: Path) -> Image.Image:
    """As ``read``, but neither cut nor resized: an 8-bit RGB picture."""
    return _decode(Path(path))[0]


def examine(path: Path) -> tuple[bytes, list[str]]:
    """Read the whole file as training will.

    It returns a fingerprint, the same for two files that show a network the same picture, and notes
    on what is unusual about the file; it raises as ``read``.
    """
    image, notes = _decode(Path(path), CHECK_SIZE)
    pixels = np.array(image)
    colors = (pixels >> 3).reshape(-1, 3).astype(np.int32) @ np.array([1024, 32, 1], np.int32)
    if np.bincount(colors).max() > 0.8 * colors.size:
        notes.append("nearly all of one colour: a picture that says 'image not found'?")
    return hashlib.sha256(pixels).digest(), notes


def _decode(path, image_size=None, content=None):
    """The picture (with a size: its square), upright and in 8-bit RGB, and the notes on it."""
    start = b""
    try:
        if path.exists() and not path.is_file():  # reading from a pipe, we would wait for ever
            raise PhotoError(path, "not a file but a folder, a pipe or a device")
        with path.open("rb") if content is None else io.BytesIO(content) as file:
            start = file.read(2**17)
            if not start:
                raise PhotoError(path, "the file is empty (0 bytes)")
            with Image.open(file, formats=FORMATS) as image:
                if DNG_VERSION in getattr(image, "tag_v2", ()) or _named_raw(path, start):
                    raise PhotoError(path, f"{RAW}: {TODO}")
                notes = list(_notes(path, image))
                size = f"{image.width} × {image.height} pixels"
                if image_size and not image.info.get("progressive"):
                    # A plain JPEG is decoded at 1/2, 1/4 or 1/8 of its size: less memory and time.
                    image.draft(None, (2 * image_size, 2 * image_size))
                if image.width * image.height > MAX_PIXELS:
                    todo = "save it smaller, or as a plain JPEG"
                    raise PhotoError(path, f"too large to read ({size}): {todo}")
                image.load()
                profile = image.info.get("icc_profile")
                image = _opaque_8_bit(path, _upright(image, notes))
                if image_size:  # before the colours, which take longer
                    side = image_size, image_size
                    image = ImageOps.fit(image, side, Image.Resampling.BILINEAR)
                return _srgb(image, profile, notes), notes
    except PhotoError:
        raise
    # A broken file makes Pillow raise nearly anything: SyntaxError, struct.error, zlib.error, ...
    except Exception as error:
        if start.startswith(b"\x89PNG"):
            content = content or path.read_bytes()
            if (bare := _bare_png(content)) != content:
                return _decode(path, image_size, bare)
        raise PhotoError(path, _reason(path, error, start)) from error


def _named_raw(path, start):
    is_tiff = start[:4] in (b"II*\0", b"MM\0*")
    return is_tiff and (path.suffix.lower() in RAW_ENDINGS or start[8:10] == b"CR")


def _bare_png(content):
    """A PNG file without the chunks that its pixels don't need, which may be damaged or huge."""
    kept, place = [content[:8]], 8
    while place < len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4])
        if content[place + 4 : place + 5].isupper() or content[place + 4 : place + 8] == b"tRNS":
            kept.append(content[place:end])
        place = end
    return b"".join(kept)


def _notes(path, image):
    """What makes this photograph unusual, though it can be used."""
    content = "JPEG" if image.format == "MPO" else image.format  # MPO: a phone's JPEG with extras
    if Image.registered_extensions().get(path.suffix.lower()) not in (content, image.format):
        yield f"holds a {content} picture, whatever its name says"
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


def _upright(image, notes):
    with contextlib.suppress(Exception):  # damaged EXIF data: the picture itself is whole
        if image.getexif().get(ExifTags.Base.Orientation) in range(2, 9):
            image = ImageOps.exif_transpose(image)
            notes.append("turned upright, as its EXIF data ask")
    return image


def _opaque_8_bit(path, image):
    if image.mode[0] in "IF":  # 16 bits and more; Pillow's own conversion would cut off at 255
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 65535:
            raise PhotoError(path, "its pixels are 32-bit numbers, not a photograph's")
        image = Image.fromarray((values / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert({"1": "L", "P": "RGB", "RGBA": "RGB"}.get(image.mode, image.mode))


def _srgb(image, profile, notes):
    mode, name, to_srgb = _profile(profile)
    if mode == image.mode or (mode, image.mode) == ("RGB", "L"):
        image = ImageCms.applyTransform(image.convert(mode), to_srgb)
        notes.append(f"colours of {name!r}, converted to sRGB")
    return image.convert("RGB")


@functools.lru_cache(32)
def _profile(content):
    """An ICC profile: the mode of its colours, its name, the transform to sRGB. The mode is None
    where there is none, where it is damaged, and where its colours are sRGB's (3 of 255)."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[profile.profile.xcolor_space.strip()]
        to_srgb = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
        name = ImageCms.getProfileDescription(profile).strip()[:40]
    except (ImageCms.PyCMSError, OSError, KeyError, TypeError):
        return None, None, None
    ramps = [Image.linear_gradient("L").rotate(90 * i) for i in range(Image.getmodebands(mode))]
    colors = Image.merge(mode, ramps)
    change = ImageChops.difference(colors.convert("RGB"), ImageCms.applyTransform(colors, to_srgb))
    return mode if max(high for _, high in change.getextrema()) > 3 else None, name, to_srgb


def _reason(path, error, start):
    if _named_raw(path, start):
        return f"{RAW}: {TODO}"
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            return f"a link that points nowhere (to {path.readlink()})"
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "you have no permission to read it"
    if isinstance(error, Image.UnidentifiedImageError):
        for beginning, kind in OTHERS.items():
            if re.match(beginning, start, re.DOTALL | re.IGNORECASE):
                return f"{kind}: {TODO}"
        return f"not a picture, or its beginning is damaged (it starts with {start[:12]!r})"
    if "truncated" in str(error).lower():
        return "cut off: the end of the picture is missing"
    return f"damaged, or of a kind that can't be read ({error or type(error).__name__})"
