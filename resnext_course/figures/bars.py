"""Numbers by name as bars."""

import matplotlib.pyplot as plt

from resnext_helpers import plots


def picture(values, alt, *, xlabel, title=""):
    """One bar a name, its value written on it; ``xlabel`` is the quantity and its unit."""
    row, places = min(0.5, 12 / len(values)), range(len(values))  # a row's height in inches
    figure, axis = plt.subplots(figsize=(9, 1.4 + row * len(values)))
    color = plots.COLORS["sky"]
    drawn = axis.barh(places, list(values.values()), color=color, edgecolor="black")
    axis.set_yticks(places, [plots.fit(name, 4, int(4 * row)) for name in values])
    axis.bar_label(drawn, [f"{value:,}" for value in values.values()], padding=3)
    axis.margins(x=0.15)
    axis.invert_yaxis()
    axis.set(xlabel=xlabel, title=title)
    return plots.Picture(figure, alt, values=dict(values))
