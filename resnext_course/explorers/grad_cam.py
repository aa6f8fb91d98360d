"""Grad-CAM over the validation photographs: which places speak for which class?"""

import ipywidgets as widgets

from resnext_course.explorers._panel import Panel, choice
from resnext_course.figures import grad_cam
from resnext_helpers import evaluation, photos


def explore(run, indices, of_true_class):
    """The panel: choose a photograph, the class, the stage and the strength of the heat map.

    Args:
        run: the ``evaluation.Run`` whose network is asked.
        indices: which of ``run.validation`` to offer, in this order.
        of_true_class: ``(count,)``, for each of ``run.validation`` the probability of its class.
    """
    offered = [
        (f"{rank} ({of_true_class[i]:.0%})", int(i)) for rank, i in enumerate(indices, start=1)
    ]

    def draw(photo, explained, layer, strength):
        pixels = photos.read(run.validation[photo].path, run.image_size)
        explanation = grad_cam.explain(run.model, run.class_names, pixels, explained, layer)
        picture = grad_cam.picture(pixels, explanation, strength / 100)
        true_class = run.class_names[run.validation[photo].label]
        picture.data = {"true class": true_class, **picture.data}
        return picture

    return Panel(
        draw,
        photo=choice(offered, "photo (probability of its class)"),
        explained=class_control(run.class_names),
        layer=choice(
            list(evaluation.stages(run.model).items()),
            "feature map at the end of",
            grad_cam.readable_layer(run.model),
        ),
        strength=strength_control(),
    )


def class_control(class_names):
    """A slider through the classes whose score can be explained."""
    return choice([grad_cam.MOST_LIKELY, *class_names], "class that is explained")


def strength_control():
    """A slider for how much the heat map covers the photograph, in percent."""
    return widgets.IntSlider(
        60, 0, 100, 10, description="strength of the heat map, in %", continuous_update=False
    )
