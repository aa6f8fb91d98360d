"""Small pictures for the tests, and every kind of file that a folder of photographs may hold."""

import struct
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

# Columns: red, green and blue of Display P3 as X, Y, Z under D50 (Apple's profile, rounded).
P3 = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])


def picture(seed, size=(24, 24), mode="RGB"):
    """A picture of random blocks: no two seeds look alike, and it survives a JPEG."""
    colors = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(colors).resize(size, Image.Resampling.NEAREST).convert(mode)


def make_folder(folder, counts):
    """Class folders with ``counts[name]`` different photographs each."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(1, count + 1):
            seed = zlib.crc32(f"{name}/{number}".encode())
            picture(seed).save(folder / name / f"{number:03}.jpg", quality=95)
    return folder


def make_greys(folder, count):
    """Two classes of small pictures, each in a grey of its own by which it can be told apart."""
    for label, name in enumerate(("gull", "owl")):
        (folder / name).mkdir()
        for number in range(count):
            grey = 4 * (2 * number + label)
            Image.new("RGB", (32, 32), (grey, grey, grey)).save(folder / name / f"{number:03}.png")
    return folder


def raw_png(width, height, bits, color_type, rows):
    """A PNG file byte by byte, for the kinds that Pillow can't write."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def cut_off(path):
    picture(901, (200, 200)).save(path, "JPEG")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def rotated(path):
    image = picture(902, (40, 24))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, "JPEG", exif=exif)


def sixteen_bit_grey(path):
    values = np.full((24, 24), 200 * 257, np.uint16)
    values[:12] = 40 * 257
    Image.fromarray(values).save(path, "PNG")


def sixteen_bit_rgb(path):
    row = struct.pack(">HHH", 200 * 257, 100 * 257, 50 * 257) * 24
    path.write_bytes(raw_png(24, 24, 16, 2, [row] * 24))


def transparent(path):
    image = picture(903, mode="RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(path, "PNG")


def half_transparent_palette(path):
    image = picture(904).quantize(8)
    image.save(path, "PNG", transparency=0)


def animated(path):
    first, second = picture(905), picture(906)
    first.save(path, "GIF", save_all=True, append_images=[second])


def nested(path):
    path = path.with_suffix("")
    path.mkdir()
    for number in (1, 2, 3):
        picture(910 + number).save(path / f"{number}.jpg")


def saved_as(file_format, seed=920, **options):
    return lambda path: picture(seed, **options).save(path, file_format)


def display_p3():
    """An ICC profile as phones write it: another red, green and blue, and a gamma of 2.2."""

    def tag(kind, *numbers):
        return (
            kind + bytes(4) + struct.pack(f">{len(numbers)}i", *(round(n * 65536) for n in numbers))
        )

    gamma = b"curv" + bytes(4) + struct.pack(">IHH", 1, round(2.2 * 256), 0)
    name = b"desc" + bytes(4) + struct.pack(">I", 11) + b"Display P3" + bytes(79)
    white = 0.9642, 1.0, 0.8249
    tags = {b"desc": name, b"wtpt": tag(b"XYZ ", *white)}
    tags |= {
        letter + b"XYZ": tag(b"XYZ ", *P3[:, i]) for i, letter in enumerate((b"r", b"g", b"b"))
    }
    tags |= {letter + b"TRC": gamma for letter in (b"r", b"g", b"b")}
    place = 132 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for signature, content in tags.items():
        table += signature + struct.pack(">II", place + len(body), len(content))
        body += content
    head = struct.pack(">I4xI", place + len(body), 0x02100000) + b"mntrRGB XYZ " + bytes(12)
    head += b"acsp" + bytes(28) + tag(b"", *white)[4:]
    return head.ljust(128, b"\0") + table + body


def with_text(path):
    """A PNG with more text than Pillow reads, and with a damaged chunk of another kind."""
    text = PngImagePlugin.PngInfo()
    text.add_text("note", "x" * 5_000_000, zip=True)
    picture(931).save(path, "PNG", pnginfo=text)
    whole = path.read_bytes()
    damaged = struct.pack(">I", 7) + b"tIME" + bytes(7) + b"????"
    path.write_bytes(whole[:33] + damaged + whole[33:])  # behind the header


def with_12_bits(path):
    saved_as("JPEG", 932)(path)
    path.write_bytes(path.read_bytes().replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"))


def raw_photo(path):
    """As a camera's DNG: a TIFF with a small picture, and the version of DNG."""
    picture(933).save(path, "TIFF", tiffinfo={50706: b"\1\4\0\0"})


def message(path):
    """As a web site sends it in place of a photograph that is gone."""
    image = Image.new("RGB", (240, 160), "#eee")
    image.paste(picture(934), (20, 60))
    image.save(path, "PNG")


def bytes_of(content):
    return lambda path: path.write_bytes(content)


# Files that nobody put there: as UNUSUAL.
COMPUTERS = {
    "macOS' file": (".DS_Store", bytes_of(b"\0\0\0\1Bud1"), True, "made by the computer"),
    "macOS' shadow": ("._001.jpg", bytes_of(b"\0\5\x16\7"), True, "made by the computer"),
    "Windows' file": ("Thumbs.db", bytes_of(b"\xd0\xcf\x11\xe0"), True, "made by the computer"),
    "Windows' settings": ("desktop.ini", bytes_of(b"[ViewState]"), True, "made by the computer"),
}

# What lies in a class folder: name, how it is made, is it skipped, what the report says of it.
UNUSUAL = {
    "empty file": ("empty.jpg", bytes_of(b""), True, "empty (0 bytes)"),
    "truncated JPEG": ("cut.jpg", cut_off, True, "cut off"),
    "text": ("text.jpg", bytes_of(b"Dear diary,\n"), True, "not a picture"),
    "JPEG 2000": ("wave.jpg", saved_as("JPEG2000"), True, "a JPEG 2000 picture: save"),
    "JPEG XL": ("x.jxl", bytes_of(b"\xff\x0a" + bytes(20)), True, "a JPEG XL picture: save"),
    "JPEG XL in a box": ("b.jxl", bytes_of(b"\0\0\0\x0cJXL \r\n\x87\n"), True, "a JPEG XL picture"),
    "AVIF": ("a.jpg", bytes_of(b"\0\0\0\x1cftypavif\0\0\0\0"), True, "an AVIF picture: save"),
    "DNG": ("sony.tif", raw_photo, True, "a camera's RAW file: save"),
    "NEF": ("nikon.NEF", bytes_of(b"MM\0*" + bytes(20)), True, "a camera's RAW file: save"),
    "CR3": ("canon.cr3", bytes_of(b"\0\0\0\x18ftypcrx \0\0"), True, "a camera's RAW file: save"),
    "12-bit JPEG": ("12.jpg", with_12_bits, True, "a 12-bit JPEG: save"),
    "PDF": ("scan.pdf", bytes_of(b"%PDF-1.7\n"), True, "a PDF document: save"),
    "video": ("film.jpg", bytes_of(b"\0\0\0\x14ftypisom\0\0"), True, "a video: save"),
    "archive": ("all.zip", bytes_of(b"PK\3\4" + bytes(20)), True, "an archive: save"),
    "colours of a phone": (
        "p3.jpg",
        lambda path: picture(935).save(path, "JPEG", icc_profile=display_p3()),
        False,
        "colours of 'Display P3', converted to sRGB",
    ),
    "message": ("gone.png", message, False, "'image not found'"),
    "HTML page": ("page.jpg", bytes_of(b"<!DOCTYPE html>"), True, "a web page"),
    "HEIC": ("phone.jpg", bytes_of(b"\0\0\0\x18ftypheic\0\0\0\0"), True, "HEIC"),
    "PNG as JPEG": ("png.jpg", saved_as("PNG"), False, "holds a PNG picture"),
    "GIF as JPEG": ("gif.jpg", saved_as("GIF", 921), False, "holds a GIF picture"),
    "WebP as JPEG": ("webp.jpg", saved_as("WEBP", 922), False, "holds a WEBP picture"),
    "BMP as JPEG": ("bmp.jpg", saved_as("BMP", 923), False, "holds a BMP picture"),
    "TIFF as JPEG": ("tiff.jpg", saved_as("TIFF", 924), False, "holds a TIFF picture"),
    "no ending": ("photo", saved_as("JPEG", 925), False, "holds a JPEG picture"),
    "animation": ("moving.gif", animated, False, "only its first frame"),
    "CMYK": ("cmyk.jpg", saved_as("JPEG", 926, mode="CMYK"), False, "CMYK"),
    "greyscale": ("grey.jpg", saved_as("JPEG", 927, mode="L"), False, "greyscale"),
    "black and white": ("bw.png", saved_as("PNG", 928, mode="1"), False, "greyscale"),
    "palette": ("palette.png", saved_as("PNG", 929, mode="P"), False, "palette"),
    "palette with alpha": ("stamp.png", half_transparent_palette, False, "laid on white"),
    "16-bit grey": ("deep.png", sixteen_bit_grey, False, "16-bit"),
    "16-bit RGB": ("deeper.png", sixteen_bit_rgb, False, "16-bit"),
    "32-bit": ("float.tif", saved_as("TIFF", 930, mode="F"), True, "32-bit"),
    "alpha": ("alpha.png", transparent, False, "laid on white"),
    "EXIF-rotated": ("rotated.jpg", rotated, False, "turned upright"),
    "too large": (
        "bomb.png",
        bytes_of(raw_png(20_000, 20_000, 8, 2, [])),
        True,
        "too large to read (20000 × 20000 pixels)",
    ),
    **COMPUTERS,
    "nested folder": ("more", nested, True, "a folder inside a class folder (3 files)"),
    "dead link": (
        "link.jpg",
        lambda path: path.symlink_to(path.parent / "gone.jpg"),
        True,
        "a link that points nowhere",
    ),
    "circular link": ("loop.jpg", lambda path: path.symlink_to(path), True, "link"),
}

# Names that must work like any other.
NAMES = [
    "two words.jpg",
    "白颊噪鹛 01.jpg",
    "🦜 parrot 👨‍👩‍👧.jpg",
    "%s {0} #1 & 'quoted'.jpg",
    "ALL CAPS.JPG",
    unicodedata.normalize("NFD", "Égrette é.jpg"),
]


def add(folder, kind):
    """Put one of ``UNUSUAL`` into a folder and return its path."""
    name, make, _skipped, _words = UNUSUAL[kind]
    path = Path(folder) / name
    try:
        make(path)
    except OSError as error:  # not every system lets everybody make links
        pytest.skip(f"{kind} can't be made here: {error}")
    return path
