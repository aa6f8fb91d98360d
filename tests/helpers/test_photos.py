import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from pictures import UNUSUAL, add, picture, raw_png, saved_as
from PIL import Image

from resnext_helpers import photos
from resnext_helpers.settings import CourseError


@pytest.mark.parametrize(
    "kind", [kind for kind, (*_, skipped, _words) in UNUSUAL.items() if not skipped]
)
def test_what_can_be_used_is_read_into_one_form(tmp_path, kind):
    pixels = photos.read(add(tmp_path, kind), 16)
    assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8)
    assert pixels.flags.writeable


NOT_PHOTOGRAPHS = (".DS_Store", "._001.jpg", "Thumbs.db", "desktop.ini")


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind, (name, _make, skipped, _words) in UNUSUAL.items()
        if skipped
        and name not in NOT_PHOTOGRAPHS
        and kind not in ("nested folder", "circular link")
    ],
)
def test_what_cannot_be_used_is_refused_with_its_path_and_the_reason(tmp_path, kind):
    path = add(tmp_path, kind)
    with pytest.raises(CourseError) as refusal:
        photos.read(path, 16)
    words = UNUSUAL[kind][-1]
    assert words in refusal.value.reason
    assert path.name in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_pixels_are_kept_exactly_where_nothing_needs_changing(tmp_path):
    picture(1, (32, 32)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(photos.read(tmp_path / "a.png", 32), picture(1, (32, 32)))


def test_the_centre_square_is_cut_out(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, :20], wide[:, 20:40], wide[:, 40:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide.swapaxes(0, 1)).save(tmp_path / "tall.png")
    for name in ("wide.png", "tall.png"):
        assert (photos.read(tmp_path / name, 20) == (0, 255, 0)).all()


def test_resizing_is_smooth(tmp_path):
    """A fine chequerboard becomes even grey; picking single pixels would leave black and white."""
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    Image.fromarray(np.dstack([board] * 3).astype(np.uint8)).save(tmp_path / "board.png")
    small = photos.read(tmp_path / "board.png", 8)
    assert small.min() > 110
    assert small.max() < 145


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(tmp_path, orientation):
    upright = picture(2, (16, 16))
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if undo is None else upright.transpose(undo)
    exif = stored.getexif()
    exif[0x0112] = orientation
    for name in ("a.png", "a.tif"):
        stored.save(tmp_path / name, exif=exif)
        np.testing.assert_array_equal(photos.read(tmp_path / name, 16), upright)


def test_cmyk_keeps_its_colours(tmp_path):
    original = picture(3, (64, 64))
    original.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    np.testing.assert_allclose(photos.read(tmp_path / "cmyk.jpg", 64), original, atol=8)


def test_greyscale_is_repeated_in_three_colours(tmp_path):
    saved_as("PNG", 4, mode="L")(tmp_path / "grey.png")
    pixels = photos.read(tmp_path / "grey.png", 24)
    for channel in range(3):
        np.testing.assert_array_equal(pixels[..., channel], picture(4, mode="L"))


def test_a_palette_becomes_its_colours(tmp_path):
    picture(5).quantize(16).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(photos.read(tmp_path / "palette.png", 24), picture(5))


def test_16_bit_values_are_scaled_not_cut_off(tmp_path):
    grey = photos.read(add(tmp_path, "16-bit grey"), 24)
    assert (grey[0, 0] == 40).all()
    assert (grey[-1, -1] == 128).all()
    assert (photos.read(add(tmp_path, "16-bit RGB"), 24) == (200, 100, 50)).all()


def test_what_is_transparent_becomes_white(tmp_path):
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((0, 0, 200, 255), (0, 0, 4, 8))
    image.paste((0, 0, 0, 128), (4, 4, 8, 8))
    image.save(tmp_path / "alpha.png")
    pixels = photos.read(tmp_path / "alpha.png", 8)
    assert (pixels[:, :4] == (0, 0, 200)).all()
    assert (pixels[:4, 4:] == 255).all()
    assert (pixels[4:, 4:] == 127).all()


def test_an_animation_gives_its_first_frame(tmp_path):
    np.testing.assert_array_equal(
        photos.read(add(tmp_path, "animation"), 24), photos.read(_first_frame(tmp_path), 24)
    )


def _first_frame(folder):
    saved_as("GIF", 905)(folder / "first.gif")
    return folder / "first.gif"


def test_a_very_large_jpeg_is_read_at_a_reduced_size(tmp_path):
    """60 million pixels are more than may be decoded at once, so reading it shows the reduction."""
    large = Image.linear_gradient("L").resize((20_000, 3_000))
    large.save(tmp_path / "plain.jpg")
    pixels = photos.read(tmp_path / "plain.jpg", 32)
    expected = np.linspace(0, 255, 32)[:, None, None]
    np.testing.assert_allclose(pixels, np.broadcast_to(expected, pixels.shape), atol=6)

    large.save(tmp_path / "progressive.jpg", progressive=True)
    with pytest.raises(CourseError, match="20000 × 3000 pixels"):
        photos.read(tmp_path / "progressive.jpg", 32)


def test_pillows_own_limit_is_left_as_it_was(tmp_path):
    limit = Image.MAX_IMAGE_PIXELS
    for content in (b"no picture", raw_png(9_000, 9_000, 8, 2, [])):
        (tmp_path / "a.png").write_bytes(content)
        with warnings.catch_warnings(), pytest.raises(CourseError):
            warnings.simplefilter("error")
            photos.read(tmp_path / "a.png", 8)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_damaged_metadata_neither_stop_a_photo_nor_warn(tmp_path):
    picture(6).save(tmp_path / "garbage.jpg", exif=b"Exif\0\0garbage, not tags")
    directory_cut_off = b"Exif\0\0MM\0*\0\0\0\x08\0\x09" + b"\x01\x12\0\3\0\0"
    picture(6).save(tmp_path / "cut.jpg", exif=directory_cut_off)
    picture(6).save(tmp_path / "fine.jpg")
    script = (
        "import sys; from resnext_helpers import photos\n"
        "a, b, c = (photos.read(name, 24) for name in sys.argv[1:])\n"
        "assert (a == c).all() and (b == c).all()"
    )
    names = [tmp_path / name for name in ("garbage.jpg", "cut.jpg", "fine.jpg")]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *names], capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(CourseError, match="a pipe"):
        photos.read(tmp_path / "pipe.jpg", 8)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(CourseError, match="a folder"):
        photos.read(tmp_path, 8)
    with pytest.raises(CourseError, match="no such file"):
        photos.read(tmp_path / "gone.jpg", 8)


def test_the_fingerprint_follows_the_picture_not_the_bytes(tmp_path):
    picture(7).save(tmp_path / "a.png")
    picture(7).save(tmp_path / "a.bmp")
    picture(8).save(tmp_path / "b.png")
    first, again, other = (
        photos.examine(tmp_path / name).fingerprint for name in ("a.png", "a.bmp", "b.png")
    )
    assert first == again
    assert first != other


def test_an_ordinary_photo_has_no_notes(tmp_path):
    for name in ("a.jpg", "a.JPG", "a.jpeg", "a.png", "a.webp", "a.bmp", "a.tif"):
        picture(9).save(tmp_path / name)
        assert photos.examine(tmp_path / name).notes == [], name
