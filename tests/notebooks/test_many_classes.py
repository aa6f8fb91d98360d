"""2 to 40 classes with names of 60 letters: every figure and table that shows classes is readable.

The notebooks' own cells draw them, from a folder, with made-up answers of a network.
"""

import ast
import random
from types import SimpleNamespace

import figure_guard
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pictures
import pytest
from matplotlib import font_manager
from matplotlib.text import Text
from PIL import Image

from resnext_course.explorers import panel, photo_browser
from resnext_course.figures import confusion, grad_cam, own_photo
from resnext_helpers import data, photo_folder, photos, plots, settings
from resnext_helpers.settings import PROJECT

HANZI = [c for c in font_manager.get_font(plots.CHINESE_FONT).get_charmap() if c >= 0x4E00]
KINDS = {
    "Chinese": "".join(chr(c) for c in HANZI if c <= 0x9FFF),
    "one word": "abcdefghijklmnopqrstuvwxyzMW_",
    "words": "abcdefghijklmnopqrstuvwxyz-",
    "CAPITALS": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "money": "$€",  # Matplotlib would take what is between two $ for a formula
}
CELLS = {
    "02": ("grid", "balance", "as-seen", "explorer"),
    "06": (
        *("show-classes", "report", "confusion-matrix", "show-mistakes", "predict-own-photo"),
        *("explore-mistakes", "explore-own-photo", "grad-cam-stages", "explore-grad-cam"),
    ),
}


def names_of(kinds, count):
    """Different names of 60 letters, in the order of their folders."""
    chance, names = random.Random(0), []
    for i in range(count):
        kind = kinds[i % len(kinds)]
        letters = chance.choices(KINDS[kind], k=57)
        if kind in ("words", "CAPITALS", "money"):
            letters[7::9] = " " * 6
        names.append(f"x{''.join(letters)}{i:02}")
    return sorted(names)


@pytest.fixture
def run_cells(monkeypatch, tmp_path, style):
    """Run the cells on a folder of these classes; gives each one's figures and its last value.

    All figures must be readable.
    """

    def run_all(names):
        folder = pictures.make_folder(tmp_path / "photos", dict.fromkeys(names, 2))
        monkeypatch.setenv("RESNEXT_DATA", str(folder))
        report, rng = photo_folder.check(folder, progress=False), np.random.default_rng(0)
        count = len(report.class_names)
        probabilities = rng.dirichlet(np.ones(count), count)
        pixels = rng.integers(0, 256, (8, 24, 24, 3), np.uint8)
        batch = data.tf.constant(pixels), data.tf.constant(np.arange(8) % count)
        for module, name, stand_in in (
            (own_photo, "predict_image", lambda *_: probabilities[0]),
            (grad_cam, "heat_map", lambda *_: rng.random((4, 4))),
            (grad_cam, "stages", lambda _: {f"layer{i}": i for i in (1, 2, 3, 4)}),
            (plots, "display", lambda _: None),
        ):
            monkeypatch.setattr(module, name, stand_in)
        known = {
            **{"plt": plt, "np": np, "pd": pd, "plots": plots, "photos": photos, "data": data},
            **{"confusion": confusion, "own_photo": own_photo, "grad_cam": grad_cam},
            "photo_browser": photo_browser,
            **{"config": settings.load(), "report": report, "class_names": report.class_names},
            "run": SimpleNamespace(
                class_names=report.class_names, validation=report.photos[::2], image_size=64
            ),
            "article_train": SimpleNamespace(take=lambda _: [batch]),
            "model": SimpleNamespace(
                predict=lambda *_, **__: probabilities[:1],
                get_layer=lambda _: SimpleNamespace(output=np.empty((1, 4, 4, 3))),
            ),
            "softmax": lambda *_, **__: probabilities[:1],
            **{"probabilities": probabilities, "predicted": probabilities.argmax(axis=1)},
            **{"confidences": probabilities.max(axis=1), "my_photo": None, "k": 1},
            "right": probabilities.argmax(axis=1) == np.arange(count),
            **{"hard_pixels": pixels[0], "hard_image": pixels[:1]},
        }
        figures, values = {}, {}
        for number, cells in CELLS.items():
            (path,) = (PROJECT / "notebooks").glob(f"{number}_*.ipynb")
            sources = {cell.id: cell.source for cell in nbformat.read(path, 4).cells}
            for cell in cells:
                figures[cell] = []

                def drawn(figure, drawn_here=figures[cell]):
                    drawn_here.append(figure)
                    return Image.new("RGB", tuple(figure.bbox.size.astype(int)))

                monkeypatch.setattr(plots, "drawn", drawn)
                *lines, last = ast.parse(sources[cell]).body
                exec(compile(ast.Module(lines, []), cell, "exec"), known)
                value = values[cell] = eval(
                    compile(ast.Expression(last.value), cell, "eval"), known
                )
                if isinstance(value, panel.Panel):
                    value._repr_mimebundle_()  # the picture with its table below it
                for figure in figures[cell]:
                    problems = figure_guard.problems(figure) + figure_guard.crowded(figure)
                    assert [cell, *problems] == [cell]
        return figures, values

    return run_all


@pytest.mark.parametrize(
    ("kinds", "count"),
    [
        (["Chinese", "CAPITALS"], 2),
        (["one word", "Chinese", "words", "CAPITALS", "money"], 7),
        (["Chinese", "words"], 40),
    ],
)
def test_up_to_40_classes_with_long_names_are_readable(run_cells, kinds, count):
    names = names_of(kinds, count)
    figures, values = run_cells(names)
    assert [name for name in figures if not figures[name]] == ["show-classes", "report"]
    for cell in ("show-classes", "report"):  # whole, with every name
        assert [name for name in names if name not in values[cell]._repr_html_()] == []
    (matrix,) = figures["confusion-matrix"]
    assert len(matrix.axes[0].get_yticklabels()) == count and not matrix.axes[0].get_title()
    for cell, about in (("explorer", "class_name"), ("explore-grad-cam", "explained")):
        whole = values[cell].picture.data[about]
        widths = [control.layout.width for control in values[cell].controls.values()]
        assert max(float(width.removesuffix("em")) for width in widths) < 50
        assert whole in names and f"<td>{whole}<" in values[cell].shown.value  # the table


def test_of_more_classes_the_figures_say_what_they_leave_out(run_cells):
    names = names_of(["Chinese", "words"], 60)
    figures, values = run_cells(names)
    for cell, words in (
        ("confusion-matrix", "the 40 of 60 classes with the most mistakes"),
        ("predict-own-photo", "5 of 60 classes"),
        ("explore-own-photo", "5 of 60 classes"),
        ("explore-grad-cam", "5 of 60 classes"),
        ("explore-mistakes", "the 12 of 60 classes with the most mistakes"),
        ("balance", "An uneven set: 40 of 60 classes"),
    ):
        shown = [text.get_text() for text in figures[cell][0].findobj(Text) if text.get_visible()]
        assert [text for text in shown if words in text], (cell, shown)
    values["explore-mistakes"].controls["true_class"].value = names[-1]  # gets a bar all the same
    ticks = figures["explore-grad-cam"][-1].axes[0].get_yticklabels()  # with the last cell's
    assert [tick.get_fontweight() for tick in ticks].count("bold") == 1
    axis = figures["confusion-matrix"][0].axes[0]  # of two digits, they would run together
    assert {tick.get_rotation() for tick in axis.get_xticklabels()} == {90}
    assert "62 rows × 4 columns" in values["report"]._repr_html_()  # pandas' own words
