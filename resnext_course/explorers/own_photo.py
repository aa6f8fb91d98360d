"""A photograph of one's own: what does the network say of it?"""

import ipywidgets as widgets

from resnext_course.explorers.panel import Panel
from resnext_course.figures import own_photo
from resnext_helpers import data, photos


def explore(model, run):
    """The panel: upload a photograph; until then it shows the first one of the validation part.

    What is uploaded stays in memory; no file is written.
    """

    def draw(upload):
        name, pixels = open_upload(upload, run)
        probabilities = own_photo.predict_image(model, data.scale(pixels))
        picture = own_photo.picture(pixels, run.class_names, probabilities)
        picture.data = {"photo": name, **picture.data}
        return picture

    return Panel(draw, upload=upload_button())


def upload_button():
    return widgets.FileUpload(accept="image/*", description="choose a photo")


def open_upload(upload, run):
    """Name and pixels of what a ``FileUpload`` holds, as the network of the ``run`` sees it.

    ``upload`` is the widget's value. Where nothing is uploaded, a photograph of the run stands in.
    """
    if not upload:
        first = run.validation[0].path
        return f"{first.name} (upload your own)", photos.read(first, run.image_size)
    name, content = upload[-1]["name"], bytes(upload[-1]["content"])
    try:
        return name, photos.read_bytes(content, name, run.image_size)
    except photos.PhotoError as error:
        raise ValueError(f"{name}: {error.reason}. Choose another file.") from error
