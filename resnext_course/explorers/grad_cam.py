"""Grad-CAM over the validation photographs, and over your own: what speaks for which class?"""

import ipywidgets as widgets

from resnext_course.explorers.panel import Panel, choice
from resnext_course.figures import grad_cam
from resnext_helpers import evaluation, photos


def explore(run, indices, of_true_class):
    """The panel: choose a photograph, the class, the stage and the strength of the heat map.

    Args:
        run: the ``evaluation.Run`` whose network is asked.
        indices: which of ``run.validation`` to offer, in this order.
        of_true_class: ``(count,)``, for each of ``run.validation`` the probability of its class.
    """

    def draw(photo, strength, **chosen):
        pixels = photos.read(run.validation[photo].path, run.image_size)
        picture = grad_cam.picture(
            run.model, run.class_names, pixels, strength=strength / 100, **chosen
        )
        true_class = run.class_names[run.validation[photo].label]
        picture.data = {"true class": true_class, **picture.data}
        return picture

    offered = [(f"{n} ({of_true_class[i]:.0%})", int(i)) for n, i in enumerate(indices, start=1)]
    stages = list(evaluation.stages(run.model).items())
    first = grad_cam.readable_layer(run.model)
    return Panel(
        draw,
        photo=choice(offered, "photo (probability of its class)"),
        layer=choice(stages, "feature map at the end of", first),
        **_controls(run),
    )


def explore_own(run):
    """The panel: upload a photograph; until then it shows the first one of the validation part.

    What is uploaded stays in memory; no file is written.
    """
    layer = grad_cam.readable_layer(run.model)

    def draw(upload, strength, **chosen):
        name, pixels = open_upload(upload, run)
        picture = grad_cam.picture(
            run.model, run.class_names, pixels, layer=layer, strength=strength / 100, **chosen
        )
        picture.data = {"photo": name, **picture.data}
        return picture

    upload = widgets.FileUpload(accept="image/*", description="choose a photo")
    return Panel(draw, upload=upload, **_controls(run))


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
        first = run.validation[0].path
        return f"{first.name} (upload your own)", photos.read(first, run.image_size)
    name, content = upload[-1]["name"], bytes(upload[-1]["content"])
    try:
        return name, photos.read_bytes(content, name, run.image_size)
    except photos.PhotoError as error:
        raise ValueError(f"{name}: {error.reason}. Choose another file.") from error


def _controls(run):
    strength = widgets.IntSlider(
        60, 0, 100, 10, description="strength of the heat map, in %", continuous_update=False
    )
    explained = choice([grad_cam.MOST_LIKELY, *run.class_names], "class that is explained")
    return {"explained": explained, "strength": strength}
