"""Try your own photo: what the network says of a picture that you upload, and why."""

import ipywidgets as widgets

from resnext_course.explorers._panel import Panel
from resnext_course.explorers.grad_cam import class_control, strength_control
from resnext_course.figures import grad_cam
from resnext_helpers import photos


def explore(run):
    """The panel: upload a photograph; until then it shows the first one of the validation part.

    What is uploaded stays in memory; no file is written.

    Args:
        run: the ``evaluation.Run`` whose network is asked.
    """
    layer = grad_cam.readable_layer(run.model)

    def draw(upload, explained, strength):
        name, pixels = open_upload(upload, run)
        explanation = grad_cam.explain(run.model, run.class_names, pixels, explained, layer)
        picture = grad_cam.picture(pixels, explanation, strength / 100)
        picture.data = {"photo": name, **picture.data}
        return picture

    return Panel(
        draw,
        upload=widgets.FileUpload(accept="image/*", multiple=False, description="choose a photo"),
        explained=class_control(run.class_names),
        strength=strength_control(),
    )


def open_upload(upload, run):
    """What a ``FileUpload`` holds, as the network sees it.

    Args:
        upload: the widget's value: for each file a dict with its ``name`` and its ``content``.
        run: gives the size of a picture, and a photograph where nothing is uploaded.

    Returns:
        The photograph's name, and ``uint8 (image_size, image_size, 3)``.

    Raises:
        ValueError: the content isn't a picture that can be read.
    """
    if not upload:
        first = run.validation[0]
        return f"{first.path.name} (upload your own)", photos.read(first.path, run.image_size)
    name, content = upload[-1]["name"], bytes(upload[-1]["content"])
    try:
        return name, photos.read_bytes(content, name, run.image_size)
    except photos.PhotoError as error:
        raise ValueError(f"{name}: {error.reason}. Choose another file.") from error
