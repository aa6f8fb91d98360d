"""One drawing of a bird.

A bird (`shapes`) is tilted, flipped, fitted into the frame, set before one of seven
backgrounds, partly hidden by leaves, and lit (`scenery`). Every species meets every background and
every light, so that none of them, nor a colour by itself, tells the species.
"""

import numpy as np
from PIL import ImageFilter

from tools.sample_birds.scenery import (
    BACKGROUNDS,
    add_volume,
    branch,
    foreground,
    ground,
    light,
    out_of_focus,
    paint,
)
from tools.sample_birds.shapes import BIRDS, FEET, POSES
from tools.sample_birds.sketch import Sketch, pick

SPECIES = tuple(BIRDS)
SEED = 2017  # another seed gives other drawings


def draw_bird(species, number):
    """One drawing of a bird, as an RGB picture of 224 × 224 pixels.

    Args:
        species: one of `SPECIES`.
        number: from 1; another number gives another drawing.
    """
    rng, size = np.random.default_rng([SEED, SPECIES.index(species), number]), 224
    draw_shapes, chances = BIRDS[species]
    pose = str(rng.choice(POSES, p=chances))
    tilt = rng.uniform(70, 150) if pose == "hanging" else rng.uniform(-15, 15)
    sketch = Sketch()
    bird = sketch.turned(angle=tilt)
    draw_shapes(bird, rng, pose)
    scale, shift = _fit(sketch, rng)
    sketch.move(scale, shift)
    feet = bird.place(FEET) * scale + shift

    picture = out_of_focus(pick(rng, BACKGROUNDS)(rng, size), rng)
    if pose == "standing":
        picture = paint(picture, ground(rng, *feet))
    elif pose != "flying":
        slope = np.sign(scale[0]) * tilt + rng.uniform(-12, 12)
        picture = paint(picture, branch(rng, *feet, slope))
    bird_layer = add_volume(sketch.render(size), rng)
    picture.paste(bird_layer, mask=bird_layer)
    picture = paint(picture, foreground(rng), rng.uniform(0, 2))
    picture = light(picture, rng)
    return picture.filter(ImageFilter.BoxBlur(pick(rng, (0, 0, 0.5, 1))))


def _fit(sketch, rng):
    """Scale (x may be negative: flipped) and shift that bring a sketch into the frame."""
    points = np.vstack([shape["points"] for shape in sketch.shapes])
    low, high = points.min(0), points.max(0)
    width, height = high - low
    scale = min(rng.uniform(0.6, 0.88) / np.sqrt(width * height), 1.02 / max(width, height))
    scale = scale * np.array([pick(rng, (-1, 1)), 1])
    return scale, rng.uniform(0.43, 0.57, 2) - scale * (low + high) / 2
