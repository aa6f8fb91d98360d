"""The frame around every explorer: controls, a picture, and the picture's numbers as a table."""

import base64
import html
import io
import itertools

import ipywidgets as widgets
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from resnext_helpers import plots

WIDGET = "application/vnd.jupyter.widget-view+json"
RUN = "Run this cell in JupyterLab to get its controls."  # below a picture that nothing moves
# On slides, JupyterLab's button to fold an output lies over its left edge; a control goes above it.
# A class's name may be longer than the width that ipywidgets gives a slider's value. The picture
# becomes smaller so that the table fits beside it, down to a width where its words can still be
# read; then the table goes below. And it fits on a slide, and beside JupyterLab's list of files.
# ipywidgets marks what has lost its kernel, and would leave controls that move nothing.
_STYLE = """<style>
.resnext-explorer { position: relative; z-index: 1; }
.resnext-explorer .widget-readout { max-width: none; width: auto; }
.resnext-explorer.jupyter-widgets-disconnected > :first-child,
.resnext-explorer.jupyter-widgets-disconnected [role=alert],
.resnext-explorer .jupyter-widgets-disconnected::before { display: none; }
.resnext-explorer.jupyter-widgets-disconnected::before {
  content: "The kernel was restarted: run the notebook's first cells and this one again.";
}
.resnext-explorer.jupyter-widgets-disconnected::before, .resnext-explorer [role=alert] {
  margin: 0; padding: 0.3em 0.8em; border-left: 6px solid var(--jp-warn-color1, #d55e00);
  font: var(--jp-content-font-size1, 14px) / 1.4 var(--jp-content-font-family, sans-serif);
  color: var(--jp-content-font-color1, black); background: var(--jp-layout-color2, #eee);
}
.resnext-explorer [role=alert] { position: absolute; z-index: 1; max-width: 40em; }
.resnext-explorer [role=alert]:only-child { position: static; }
.resnext-explorer [role=alert] + div { opacity: 0.3; }
</style>"""
_SHOWN = """
<div style="display: flex; flex-wrap: wrap; align-items: center; gap: 1em">
<div style="flex: 1 1 40em; max-width: max-content">
<img style="max-width: 100%; max-height: 52vh; width: auto; height: auto"
 alt="{alt}" src="data:image/png;base64,{png}"></div>
<div style="flex: 0 1 22em; overflow-wrap: anywhere">{table}</div></div>"""


class Panel:
    """Controls that draw a picture anew; a notebook shows it as a cell's last value.

    Where widgets don't run (a code host, a notebook that isn't trusted yet, an HTML page), the
    picture and the table of the first values stand in their place.

    Args:
        draw: takes the controls' values by name, and returns a ``Picture`` whose ``data``, texts
            and numbers, are the table; or raises a ``ValueError`` whose message is shown instead.
        controls: ipywidgets by the names of ``draw``'s arguments; each with a ``description``.

    Attributes:
        controls: the controls by name.
        picture: the ``Picture`` that is shown, or None where the values have none.
        message: why there is none, or "".
        shown: the ``HTML`` widget below the controls.
    """

    def __init__(self, draw, **controls):
        self._draw = draw
        self._last = ""  # the last picture, to a reader of the screen no picture any more
        self.controls = controls
        self.shown = widgets.HTML()
        for control in controls.values():
            if control.style.has_trait("description_width"):  # a button's style has none
                control.style.description_width = "initial"
            # Room for its description and for a slider beside it.
            if control.layout.width is None:
                control.layout.width = f"{0.6 * len(control.description) + 18:.0f}em"
            control.observe(self._update, "value")
        beside_each_other = widgets.Layout(flex_flow="row wrap", grid_gap="0 1em")
        above = widgets.Box(list(controls.values()), layout=beside_each_other)
        self._box = widgets.VBox([above, self.shown])
        self._box.add_class("resnext-explorer")
        self._update()

    def _update(self, _change=None):
        values = {name: control.value for name, control in self.controls.items()}
        try:
            self.picture, self.message = self._draw(**values), ""
        except ValueError as error:
            self.picture, self.message = None, str(error)
            # Over the last picture, dimmed: what is below stays where it is.
            alert = f'<p role="alert">{html.escape(self.message)}</p>'
            self.shown.value = f"{_STYLE}<div>{alert}{self._last}</div>"
            return
        shown = _SHOWN.format(
            alt=html.escape(self.picture.alt),
            png=base64.b64encode(self.picture.png).decode(),
            table=pd.Series(_rows(self.picture)).to_frame().to_html(header=False, border=0),
        )
        self._last = shown.replace("<div", '<div aria-hidden="true"', 1)
        self.shown.value = f"{_STYLE}{shown}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        live = {WIDGET: self._box._repr_mimebundle_()[WIDGET]}
        if self.picture is None:
            return {**live, "text/plain": self.message}, {}
        text = "\n".join([self.picture.alt, *map(": ".join, _rows(self.picture).items())])
        bundle = {**live, "image/png": _with_table(self.picture), "text/plain": text}
        return bundle, {"image/png": {"alt": f"{text}\n{RUN}"}}


def choice(options, description, value=None):
    """A slider through a list: JupyterLab takes the arrow keys away from a drop-down list.

    ``options`` are texts or numbers, or pairs of a text and a value; the first one is chosen if
    ``value`` is left out.
    """
    pairs = [option if isinstance(option, tuple) else (str(option), option) for option in options]
    # A slider has no formulas: a $ is a $.
    pairs = [(plots.fit(text, 3).replace(r"\$", "$"), option) for text, option in pairs]
    longest = max(len(text) for text, _ in pairs)
    return widgets.SelectionSlider(
        options=pairs,
        value=pairs[0][1] if value is None else value,
        description=description,
        continuous_update=False,
        layout={"width": f"{0.6 * (len(description) + longest) + 14:.0f}em"},
    )


def _rows(picture):
    """The numbers of a picture as texts by name."""
    return {
        name.replace("_", " "): value if isinstance(value, str) else f"{value:,}"
        for name, value in picture.data.items()
    }


def _with_table(picture):
    """The picture with its table drawn below it, as the bytes of a PNG file."""
    above, table = Image.open(io.BytesIO(picture.png)).convert("RGB"), _rows(picture)
    rows = [[plots.fit(text, above.width / 270, 3) for text in row] for row in table.items()]
    lines = [1 + max(text.count("\n") for text in row) for row in rows]
    height = 0.3 * sum(lines) + 0.6
    figure = Figure((above.width / 100, height), dpi=100)
    for (name, value), before in zip(rows, itertools.accumulate(lines, initial=0), strict=False):
        place = {"y": 1 - (0.1 + 0.3 * before) / height, "va": "top", "linespacing": 1.5}
        figure.text(0.02, s=name, weight="bold", **place)
        figure.text(0.5, s=value, **place)
    figure.text(0.02, 0.02, RUN, style="italic")
    below = plots.drawn(figure)
    both = Image.new("RGB", (above.width, above.height + below.height), "white")
    both.paste(above)
    both.paste(below, (0, above.height))
    return plots.small_png(both)
