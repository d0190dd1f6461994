"""Scales that are quick to draw. Matplotlib makes five artists of each tick, which takes an explorer longer than all else."""

from matplotlib.markers import TICKDOWN, TICKLEFT, TICKRIGHT
from matplotlib.ticker import MaxNLocator

from cnn_course.plots import GREY, PALETTE
from cnn_course.plots.ticks import ShortNumbers

BLUE, ORANGE, PALE = PALETTE[0], PALETTE[1], PALETTE[7]  # of lines and dots; PALE is no colour for words


def scale(axes, side, ticks, label=""):
    """Marks, words and a label at the "bottom", "left" or "right" of the axes. ticks: place -> words; set the limits before."""
    flat, edge = side == "bottom", float(side == "right")
    marker, words_at, far = {  # far: points from the edge to the label
        "bottom": (TICKDOWN, axes.get_xaxis_text1_transform, 19),
        "left": (TICKLEFT, axes.get_yaxis_text1_transform, 9 + 6.2 * _longest(ticks)),
        "right": (TICKRIGHT, axes.get_yaxis_text2_transform, 9 + 6.2 * _longest(ticks)),
    }[side]
    (axes.xaxis if flat else axes.yaxis).set_ticks([])
    axes.spines[side].set_visible(True)
    along, edges = list(ticks), [edge] * len(ticks)
    across = axes.get_xaxis_transform() if flat else axes.get_yaxis_transform()
    style = {"linestyle": "", "color": GREY, "markersize": 3.5, "clip_on": False}
    axes.plot(*((along, edges) if flat else (edges, along)), marker=marker, transform=across, **style)
    place, va, ha = words_at(5)
    for at, words in ticks.items():
        axes.text(*((at, edge) if flat else (edge, at)), words, transform=place, va=va, ha=ha, fontsize=9.5)
    place, va, ha = words_at(far)
    if flat:
        axes.text(sum(axes.get_xlim()) / 2, edge, label, transform=place, va=va, ha=ha)
    else:
        axes.text(edge, sum(axes.get_ylim()) / 2, label, transform=place, va="center", ha=ha, rotation=90)


def _longest(ticks):
    return max(map(len, ticks.values()), default=0)


def even(low, high):
    """Round numbers from low to high, at most six of them: number -> words."""
    words, locator = ShortNumbers(), MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    return {tick: words(tick) for tick in locator.tick_values(low, high) if low <= tick <= high}
