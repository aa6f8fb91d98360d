"""What the browser tests do with the explorers: one line a move, and every control is moved."""

import re
from typing import NamedTuple

CLICK = "click"
WEIGHTS = "megabytes for weights and Adam"
THRESHOLD = "answer only from a probability of, in %"
STRENGTH = "strength of the heat map, in %"
PHOTO = "photo (probability of its class)"
EXPLAINED = "class that is explained"
IN_TRAINING = "can happen in training"
# Of notebook 05's network for 64 pixels, or the one for 48 that 06 trains where there is none.
FIRST_STAGE = re.compile("16 × 16 cells|12 × 12 cells")
ANY = re.compile("..")  # depends on the network that was trained


class Move(NamedTuple):
    """A control that is moved. The table's row must show the value, and the picture change.

    ``how`` is where the mouse takes a slider's handle, as a fraction of its track; or ``CLICK``; or
    the keys that are pressed while the control has the focus. ``redraws`` is whether the picture
    depends on it.
    """

    notebook: str
    cell: str
    control: str
    how: float | str
    row: str
    value: str | re.Pattern
    redraws: bool = True


MOVES = [
    Move("02", "explorer", "photograph", "ArrowRight", "file", "002.jpg"),
    Move("02", "explorer", "photograph", 1.0, "file", "060.jpg"),
    Move("02", "explorer", "class", "ArrowRight", "class name", "Black Skimmer"),
    Move("02", "explorer", "mirror", CLICK, IN_TRAINING, "yes"),
    Move("02", "explorer", "shift right, %", "Home", IN_TRAINING, "no, too much: right"),
    Move("02", "explorer", "shift down, %", 1.0, IN_TRAINING, "no, too much: right, down"),
    Move("02", "explorer", "turn left, °", "Home", IN_TRAINING, "no, too much: right, down, turn"),
    Move("02", "explorer", "contrast, %", "End", IN_TRAINING, re.compile("turn, contrast")),
    Move("02", "explorer", "zoom in, %", 1.0, IN_TRAINING, re.compile("turn, zoom, contrast")),
    Move("02", "explorer", "brightness, %", "Home", IN_TRAINING, re.compile("zoom, brightness,")),
    Move("03", "explore-groups", "groups", "ArrowLeft ArrowLeft", "times fewer", "2"),
    Move("03", "explore-groups", "groups", 0.0, "times fewer", "1"),
    Move("03", "explore-groups", "channels in", "Home", "weights, counted", "288"),
    Move("03", "explore-groups", "channels out (filters)", "Home", "weights, counted", "144"),
    Move("03", "explore-groups", "kernel size", "Home", "weights, counted", "16", redraws=False),
    Move("03", "explore-groups", "feature map size", 0.0, "times fewer", "1", redraws=False),
    Move("04", "explore-price", "cardinality C", "ArrowLeft", "cardinality C", "16"),
    Move("04", "explore-price", "cardinality C", 0.0, "width of a path d", "64"),
    Move("04", "explore-price", "equal price: d follows C", CLICK, "cardinality C", "1", False),
    Move("04", "explore-price", "width of a path d", "ArrowLeft", "width of a path d", "63"),
    Move("04", "explore-price", "equal price: d follows C", CLICK, "width of a path d", "64"),
    Move("05", "explore-training-plan", "photographs", "ArrowRight", "steps an epoch", "13"),
    Move("05", "explore-training-plan", "photographs", 1.0, "steps an epoch", "100"),
    Move("05", "explore-training-plan", "batch size", "ArrowLeft", "steps an epoch", "200"),
    Move("05", "explore-training-plan", "epochs", "End", "steps an epoch", "200"),
    Move("05", "explore-training-plan", "network", "ArrowRight", WEIGHTS, "531"),
    Move("05", "explore-training-plan", "image size (pixels)", 1.0, WEIGHTS, "531"),
    Move("06", "explore-mistakes", "true class", "ArrowRight", "photographs", "12"),
    Move("06", "explore-mistakes", "true class", 0.0, "photographs", "48"),
    Move("06", "explore-mistakes", THRESHOLD, "Home", "withheld", "0"),
    Move("06", "explore-mistakes", THRESHOLD, 1.0, "photographs", "48"),
    Move("06", "explore-grad-cam", PHOTO, "ArrowRight", "hottest", ANY),
    # Which may be the most likely class, whose picture was there before.
    Move("06", "explore-grad-cam", EXPLAINED, "ArrowRight", "explained", "Bananaquit", False),
    Move("06", "explore-grad-cam", EXPLAINED, "End", "explained", "Cockatoo"),
    Move("06", "explore-grad-cam", "feature map at the end of", 0.0, "heat map", FIRST_STAGE),
    Move("06", "explore-grad-cam", STRENGTH, "Home", "hottest", ANY),
    Move("06", "explore-grad-cam", STRENGTH, 1.0, "hottest", ANY),
]
