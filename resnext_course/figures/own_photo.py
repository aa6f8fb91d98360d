"""What a network says of one photograph."""

import keras
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax

from resnext_helpers import plots

MOST = 5  # classes that get a bar


def predict_image(model, image):
    """The probabilities, ``(classes,)``, that a network gives one scaled picture ``(h, w, 3)``."""
    # From one input, not from a list of one: Keras would warn of the difference. And not by Keras'
    # ``predict``, which builds a graph for each new shape.
    network = keras.Model(model.inputs[0], model.outputs[0])
    return softmax(network(np.asarray(image)[None], training=False).numpy()[0])


def picture(pixels, class_names, probabilities):
    """A photograph, as the network sees it, and how probable the likeliest classes are.

    ``pixels`` are ``uint8 (height, width, 3)``, ``probabilities`` sum to 1, one for each class.
    """
    figure, (photo, bars) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=[1, 1.6])
    photo.imshow(pixels)
    photo.axis("off")
    shares = draw_probabilities(bars, class_names, probabilities)
    return plots.Picture(
        figure,
        "A photo as the network sees it, and the probabilities: "
        + ", ".join(map(" ".join, shares.items())),
        **{f"probability of {name}": share for name, share in shares.items()},
    )


def draw_probabilities(axis, class_names, probabilities, marked=None):
    """Draw bars of the likeliest classes, with another colour and hatch for the ``marked`` one.

    Returns the drawn probabilities as texts, by class.
    """
    likeliest = np.argsort(-probabilities, kind="stable")[:MOST].tolist()
    if marked is not None and (number := class_names.index(marked)) not in likeliest:
        likeliest[-1] = number
    shares = {class_names[i]: f"{probabilities[i]:.1%}" for i in likeliest}
    for row, (name, share) in enumerate(shares.items()):
        color, hatch = ("orange", "//") if name == marked else ("sky", None)
        style = {"color": plots.COLORS[color], "hatch": hatch, "edgecolor": "black"}
        bar = axis.barh(row, probabilities[likeliest[row]], **style)
        axis.bar_label(bar, [share], padding=4)
    axis.set_yticks(range(len(shares)), [plots.fit(name, 2.6, 2) for name in shares])
    axis.invert_yaxis()
    left_out = len(class_names) > MOST
    xlabel = "probability" + f"\n({MOST} of {len(class_names)} classes)" * left_out
    axis.set(xlim=(0, 1.25), xlabel=xlabel, xticks=[0, 0.5, 1])
    return shares
