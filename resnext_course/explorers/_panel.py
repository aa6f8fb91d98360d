"""The frame around every explorer: controls, a picture, and the picture's numbers as a table."""

import base64
import html
import io
from numbers import Integral, Real

import ipywidgets as widgets
from matplotlib.figure import Figure
from PIL import Image

from resnext_helpers import plots

WIDGET = "application/vnd.jupyter.widget-view+json"
_WIDE = {"description_width": "initial"}
# On slides, JupyterLab's button to fold an output lies over its left edge; a control goes above it.
# And a class's name may be longer than the width that ipywidgets gives a slider's value.
_STYLE = """<style>
.resnext-explorer { position: relative; z-index: 1; }
.resnext-explorer .widget-readout { max-width: none; width: auto; }
</style>"""

# The picture becomes smaller so that the table fits beside it, down to a width where its words can
# still be read; then the table goes below.
_BESIDE_EACH_OTHER = (
    '<div style="display: flex; flex-wrap: wrap; align-items: center; gap: 1em">'
    '<div style="flex: 1 1 40em; max-width: max-content">{}</div>'
    '<div style="flex: 0 1 22em">{}</div></div>'
)


class Panel:
    """Controls that draw a picture anew; a notebook shows it as a cell's last value.

    Where widgets don't run (a code host, a notebook that isn't trusted yet, an HTML page), the
    picture and the table of the first values stand in their place.

    Args:
        draw: takes the controls' values by name, and returns a ``Picture`` whose ``data`` is the
            table, or raises a ``ValueError`` whose message is shown instead.
        controls: ipywidgets by the names of ``draw``'s arguments; each with a ``description``.

    Attributes:
        controls: the controls by name.
        picture: the ``Picture`` that is shown, or None where the values have none.
        message: why there is none, or "".
    """

    def __init__(self, draw, **controls):
        self._draw = draw
        self.controls = controls
        self._shown = widgets.HTML()
        for control in controls.values():
            if control.style.has_trait("description_width"):  # a button's style has none
                control.style = {**control.style.get_state(), **_WIDE}
            # Room for its description and for a slider beside it.
            if control.layout.width is None:
                control.layout.width = f"{0.6 * len(control.description) + 18:.0f}em"
            control.observe(self._update, "value")
        beside_each_other = widgets.Layout(flex_flow="row wrap", grid_gap="0 1em")
        above = widgets.Box(list(controls.values()), layout=beside_each_other)
        self._box = widgets.VBox([above, self._shown])
        self._box.add_class("resnext-explorer")
        self._update()

    def _update(self, _change=None):
        values = {name: control.value for name, control in self.controls.items()}
        try:
            self.picture, self.message = self._draw(**values), ""
            self._shown.value = _STYLE + _BESIDE_EACH_OTHER.format(
                _image(self.picture), table(self.picture.data)
            )
        except ValueError as error:
            self.picture, self.message = None, str(error)
            self._shown.value = f'<p role="alert">{html.escape(self.message)}</p>'

    def _repr_mimebundle_(self, include=None, exclude=None):
        live = {WIDGET: self._box._repr_mimebundle_()[WIDGET]}
        if self.picture is None:
            return {**live, "text/plain": self.message}, {}
        text = "\n".join([self.picture.alt, *map(": ".join, rows(self.picture.data))])
        bundle = {**live, "image/png": static(self.picture), "text/plain": text}
        return bundle, {"image/png": {"alt": text}}


def choice(options, description, value=None):
    """A slider through a list: JupyterLab takes the arrow keys away from a drop-down list.

    Args:
        options: a list of texts or numbers, or of pairs of a text and a value.
        description: what is chosen.
        value: which value is chosen at first, or None for the first.
    """
    start = {} if value is None else {"value": value}
    slider = widgets.SelectionSlider(
        options=options, description=description, continuous_update=False, **start
    )
    texts = [str(option[0] if isinstance(option, tuple) else option) for option in options]
    longest = max(map(len, texts))
    slider.layout.width = f"{0.6 * (len(description) + longest) + 14:.0f}em"
    return slider


def rows(data):
    """The numbers of a picture as pairs of texts; what isn't a number or a text is left out."""
    texts = {name: _text(value) for name, value in data.items()}
    return [(name.replace("_", " "), text) for name, text in texts.items() if text is not None]


def _text(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{value:,}"
    if isinstance(value, Real):
        return f"{value:,.4g}"
    return value if isinstance(value, str) else None


def table(data):
    """The numbers of a picture as an HTML table."""
    lines = [
        f'<tr><th scope="row" style="text-align: left; padding-right: 2em">{html.escape(name)}</th>'
        f"<td>{html.escape(text)}</td></tr>"
        for name, text in rows(data)
    ]
    return f'<table style="font-size: 1.1em">{"".join(lines)}</table>'


def _image(picture):
    source = base64.b64encode(picture.png).decode()
    # On a slide, and beside JupyterLab's list of files.
    fits = 'style="max-width: 100%; max-height: 52vh; width: auto; height: auto"'
    return f'<img {fits} alt="{html.escape(picture.alt)}" src="data:image/png;base64,{source}">'


def static(picture):
    """The picture with its table drawn below it, as the bytes of a PNG file."""
    above = Image.open(io.BytesIO(picture.png)).convert("RGB")
    lines = rows(picture.data)
    if not lines:
        return picture.png
    figure = Figure((above.width / 100, 0.3 * len(lines) + 0.2), dpi=100)
    for i, (name, text) in enumerate(lines):
        height = 1 - (i + 0.7) / (len(lines) + 0.7)
        figure.text(0.02, height, name, va="center", weight="bold")
        figure.text(0.5, height, text, va="center")
    below = plots.drawn(figure)
    both = Image.new("RGB", (above.width, above.height + below.height), "white")
    both.paste(above, (0, 0))
    both.paste(below, (0, above.height))
    return plots.small_png(both)
