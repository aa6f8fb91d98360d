"""Draws the course's sample: ``python -m tools.sample_birds``, from the project's folder."""

import io
import zipfile

from PIL import Image, ImageDraw

from resnext_helpers import photo_folder, plots
from resnext_helpers.settings import PROJECT
from tools.sample_birds.birds import SPECIES, draw_bird

PER_CLASS = 60


def write_zip(path):
    """Write the drawings, in a folder for each species: the same bytes each time."""
    with zipfile.ZipFile(path, "w") as archive:  # stored: JPEGs don't get smaller
        for species in SPECIES:
            for number in range(1, PER_CLASS + 1):
                jpeg = io.BytesIO()
                draw_bird(species, number).save(jpeg, "JPEG", quality=88)
                member = zipfile.ZipInfo(f"{species}/{number:03}.jpg")  # dated 1980, not today
                member.external_attr = 0o644 << 16
                archive.writestr(member, jpeg.getvalue())


def contact_sheet(columns=8, size=112):
    """The first drawings of each species below its name, ``size`` pixels each."""
    label = 24
    sheet = Image.new("RGB", (columns * size, len(SPECIES) * (size + label)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, species in enumerate(SPECIES):
        top = row * (size + label)
        pen.text((6, top + 3), species, "black", font_size=16)
        for i in range(columns):
            bird = draw_bird(species, i + 1).resize((size, size), Image.Resampling.LANCZOS)
            sheet.paste(bird, (i * size, top + label))
    return sheet


write_zip(photo_folder.SAMPLE_ZIP)
(PROJECT / "images" / "sample_birds.png").write_bytes(plots.small_png(contact_sheet()))
