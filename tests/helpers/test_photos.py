"""One photograph: every kind of file that people have becomes the same kind of array."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pictures import COMPUTERS, P3, UNUSUAL, add, display_p3, picture, saved_as, with_text
from PIL import Image, ImageCms

from resnext_helpers import photos
from resnext_helpers.settings import CourseError

USED = [kind for kind, (*_, skipped, _words) in UNUSUAL.items() if not skipped]
SKIPPED = [kind for kind in UNUSUAL if kind not in (*USED, *COMPUTERS, "nested folder")]


@pytest.mark.parametrize("kind", USED)
def test_what_can_be_used_is_read_into_one_form(tmp_path, kind):
    path = add(tmp_path, kind)
    pixels = photos.read(path, 16)
    assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8)
    np.testing.assert_array_equal(photos.read_bytes(path.read_bytes(), path.name, 16), pixels)


@pytest.mark.parametrize("kind", SKIPPED)
def test_what_cannot_be_used_is_refused_with_its_path_and_the_reason(tmp_path, kind):
    path = add(tmp_path, kind)
    with pytest.raises(CourseError) as refusal:
        photos.read(path, 16)
    assert UNUSUAL[kind][-1] in refusal.value.reason
    assert path.name in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_centre_square_is_cut_out_and_kept_exactly(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = picture(1, (20, 20))
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide.swapaxes(0, 1)).save(tmp_path / "tall.png")
    np.testing.assert_array_equal(photos.read(tmp_path / "wide.png", 20), wide[:, 20:40])
    tall = wide.swapaxes(0, 1)
    np.testing.assert_array_equal(photos.read(tmp_path / "tall.png", 20), tall[20:40])
    np.testing.assert_array_equal(photos.whole(tmp_path / "tall.png"), tall)


def test_resizing_is_smooth(tmp_path):
    """A fine chequerboard becomes even grey; picking single pixels would leave black and white."""
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    Image.fromarray(np.dstack([board] * 3).astype(np.uint8)).save(tmp_path / "board.png")
    small = photos.read(tmp_path / "board.png", 8)
    assert 110 < small.min() <= small.max() < 145


UNDO = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", UNDO)
def test_a_photo_is_turned_upright(tmp_path, orientation):
    upright, undo = picture(2, (16, 16)), UNDO[orientation]
    stored = upright if undo is None else upright.transpose(undo)
    exif = stored.getexif()
    exif[0x0112] = orientation
    for name in ("a.png", "a.tif", "a.webp"):
        stored.save(tmp_path / name, exif=exif, lossless=True)
        np.testing.assert_array_equal(photos.read(tmp_path / name, 16), upright)


def test_other_colours_become_rgb(tmp_path):
    picture(3, (64, 64)).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    np.testing.assert_allclose(photos.read(tmp_path / "cmyk.jpg", 64), picture(3, (64, 64)), atol=8)
    saved_as("PNG", 4, mode="L")(tmp_path / "grey.png")
    np.testing.assert_array_equal(
        photos.read(tmp_path / "grey.png", 24), picture(4, mode="L").convert("RGB")
    )
    picture(5).quantize(16).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(photos.read(tmp_path / "palette.png", 24), picture(5))


def test_colours_of_another_profile_become_srgb(tmp_path):
    """Against the definition: P3's light to X, Y, Z, to sRGB's light, to its numbers."""
    xyz_to_srgb = np.array(  # under D50 (Lindbloom, "RGB/XYZ Matrices", Bradford-adapted)
        [[3.1339, -1.6169, -0.4906], [-0.9788, 1.9161, 0.0335], [0.0719, -0.2290, 1.4052]]
    )
    levels = np.linspace(60, 200, 5).astype(np.uint8)  # so dull that sRGB has them all
    pixels = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(5, 25, 3)
    light = (pixels / 255) ** 2.2 @ P3.T @ xyz_to_srgb.T
    inside = ((light > 0.01) & (light < 0.99)).all(-1)
    wanted = 255 * (1.055 * light.clip(0.01) ** (1 / 2.4) - 0.055)
    for name in ("p3.png", "p3.tif"):
        Image.fromarray(pixels).save(tmp_path / name, icc_profile=display_p3())
        found = np.asarray(photos.whole(tmp_path / name), float)
        assert abs(found - wanted)[inside].max() < 2.5
        assert abs(found - pixels)[inside].max() > 20
    Image.fromarray(pixels).save(tmp_path / "bad.png", icc_profile=b"no profile" * 20)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(tmp_path / "srgb.png", icc_profile=srgb)
    for name in ("bad.png", "srgb.png"):
        np.testing.assert_array_equal(photos.whole(tmp_path / name), pixels)
        assert photos.examine(tmp_path / name)[1] == []


def test_a_png_whose_other_chunks_are_damaged_is_used(tmp_path):
    with_text(tmp_path / "text.png")
    np.testing.assert_array_equal(photos.whole(tmp_path / "text.png"), picture(931))
    assert photos.examine(tmp_path / "text.png")[1] == []


def test_16_bit_values_are_scaled_not_cut_off(tmp_path):
    grey = photos.read(add(tmp_path, "16-bit grey"), 24)
    assert (grey[0, 0] == 40).all() and (grey[-1, -1] == 200).all()
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
    saved_as("GIF", 905)(tmp_path / "first.gif")
    np.testing.assert_array_equal(
        photos.read(add(tmp_path, "animation"), 24), photos.read(tmp_path / "first.gif", 24)
    )


def test_a_very_large_jpeg_is_read_at_a_reduced_size(tmp_path):
    """180 million pixels are more than Pillow opens by itself; some phones have 200 million."""
    large = Image.linear_gradient("L").resize((20_000, 9_000), Image.Resampling.BOX)
    large.save(tmp_path / "plain.jpg")
    pixels = photos.read(tmp_path / "plain.jpg", 32)
    expected = np.linspace(0, 255, 32)[:, None, None]
    np.testing.assert_allclose(pixels, np.broadcast_to(expected, pixels.shape), atol=6)
    with pytest.raises(CourseError, match="20000 × 9000 pixels"):
        photos.whole(tmp_path / "plain.jpg")


def test_damaged_metadata_neither_stop_a_photo_nor_warn(tmp_path):
    picture(6).save(tmp_path / "fine.jpg")
    picture(6).save(tmp_path / "garbage.jpg", exif=b"Exif\0\0garbage, not tags")
    directory_cut_off = b"Exif\0\0MM\0*\0\0\0\x08\0\x09" + b"\x01\x12\0\3\0\0"
    picture(6).save(tmp_path / "cut.jpg", exif=directory_cut_off)
    script = (
        "import sys; from pathlib import Path; from resnext_helpers import photos\n"
        "fine, *odd = (photos.read(path, 24) for path in map(Path, sys.argv[1:]))\n"
        "assert all((one == fine).all() for one in odd)"
    )
    paths = [tmp_path / name for name in ("fine.jpg", "garbage.jpg", "cut.jpg")]
    command = [sys.executable, "-W", "error", "-c", script, *paths]  # pytest has filters of its own
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(photos.read, pipe, 8)
        try:
            with pytest.raises(CourseError, match="a pipe"):
                reading.result(timeout=10)
        finally:  # let a read end that waits all the same
            os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(CourseError, match="a folder"):
        photos.read(tmp_path, 8)
    with pytest.raises(CourseError, match="no such file"):
        photos.read(tmp_path / "gone.jpg", 8)


def test_an_ordinary_photo_has_no_notes(tmp_path):
    for name in ("a.jpg", "a.JPG", "a.jpeg", "a.png", "a.webp", "a.bmp", "a.tif"):
        picture(9).save(tmp_path / name)
        assert photos.examine(tmp_path / name)[1] == [], name
