"""What the browser tests do with the explorers: one line a move."""

import re
from typing import NamedTuple

CLICK = "click"
THRESHOLD = "answer only from a probability of, in %"
CELLS = re.compile(r"\d × \d cells")  # how many depends on the network that was trained
STRENGTH = "strength of the heat map, in %"


class Move(NamedTuple):
    """A control that is moved. The picture must change, and the table's row show the value.

    ``how`` is where the mouse takes a slider's handle, as a fraction of its track; or ``CLICK``; or
    the keys that are pressed while the control has the focus.
    """

    notebook: str
    cell: str
    control: str
    how: float | str
    row: str
    value: str | re.Pattern


MOVES = [
    Move("02", "explorer", "photograph", "ArrowRight", "file", "002.jpg"),
    Move("02", "explorer", "photograph", 1.0, "file", "060.jpg"),
    Move("02", "explorer", "mirror", CLICK, "file", "060.jpg"),
    Move("03", "explore-groups", "groups", "ArrowLeft ArrowLeft", "times fewer", "2"),
    Move("03", "explore-groups", "groups", 0.0, "times fewer", "1"),
    Move("04", "explore-price", "cardinality C", "ArrowLeft", "cardinality C", "16"),
    Move("04", "explore-price", "cardinality C", 0.0, "width of a path d", "64"),
    Move("05", "explore-training-plan", "photographs", "ArrowRight", "steps an epoch", "13"),
    Move("05", "explore-training-plan", "photographs", 1.0, "steps an epoch", "100"),
    Move("06", "explore-mistakes", THRESHOLD, "Home", "withheld", "0"),
    Move("06", "explore-mistakes", THRESHOLD, 1.0, "photographs", "48"),
    Move("06", "explore-grad-cam", STRENGTH, "Home", "heat map", CELLS),
    Move("06", "explore-grad-cam", STRENGTH, 1.0, "heat map", CELLS),
]
