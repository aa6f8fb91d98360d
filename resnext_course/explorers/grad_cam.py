"""Grad-CAM over the validation photographs, and over your own: where which class is seen"""

import ipywidgets as widgets

from resnext_course.explorers.own_photo import open_upload, upload_button
from resnext_course.explorers.panel import Panel, choice
from resnext_course.figures import grad_cam
from resnext_helpers import photos


def explore(model, run, indices, of_true_class):
    """The panel: choose a photograph, the class, the stage and the strength of the heat map.

    It offers those of ``run.validation`` that ``indices`` names, in this order; ``of_true_class``
    holds for each of ``run.validation`` the probability of its class.
    """

    def draw(photo, upload, strength, **chosen):
        if upload:
            name, pixels = open_upload(upload, run)
            about = {"photo": name}
        else:
            pixels = photos.read(run.validation[photo].path, run.image_size)
            about = {"true class": run.class_names[run.validation[photo].label]}
        picture = grad_cam.picture(
            model, run.class_names, pixels, strength=strength / 100, **chosen
        )
        picture.data = {**about, **picture.data}
        return picture

    stages = grad_cam.stages(model)
    # The deepest layers know most, but of small pictures they keep only 2×2 cells.
    readable = [name for name in stages.values() if model.get_layer(name).output.shape[1] >= 4]
    offered = [(f"{n} ({of_true_class[i]:.0%})", int(i)) for n, i in enumerate(indices, start=1)]
    return Panel(
        draw,
        photo=choice(offered, "photo (probability of its class)"),
        upload=upload_button(),
        layer=choice(list(stages.items()), "feature map at the end of", readable[-1]),
        explained=choice([grad_cam.MOST_LIKELY, *run.class_names], "class that is explained"),
        strength=widgets.IntSlider(
            60, 0, 100, 10, description="strength of the heat map, in %", continuous_update=False
        ),
    )
