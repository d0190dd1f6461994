"""What all figures share: `Figure` itself, the style, and words that keep out of each other's way.

Lengths are in inches.
"""

from __future__ import annotations

import base64
import io
import math
import re
import unicodedata
from contextlib import contextmanager
from functools import lru_cache, wraps

import matplotlib
import numpy as np
from matplotlib import RcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as BaseFigure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from cnn_course.plots.colours import FAINT, GREY, INK, readable
from cnn_course.values import kind

DPI = 110
# Tables, laid out by hand.
# fmt: off
STYLE = {
    "font.size": 10, "axes.labelsize": 10, "axes.titlesize": 10.5, "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "axes.labelcolor": INK,
    "text.color": INK,
    "axes.titlelocation": "left", "axes.axisbelow": True, "xtick.color": GREY, "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "grid.color": FAINT, "grid.linewidth": 0.7, "lines.linewidth": 1.9,
    "lines.markersize": 6,
    "axes.formatter.use_mathtext": False, "axes.unicode_minus": True, "image.interpolation": "nearest",
}
# Matplotlib's own looks and the course's upon them, whatever the reader has set: a dark page gets no black panels.
LOOKS = (
    "agg", "axes", "boxplot", "contour", "errorbar", "figure.facecolor", "figure.edgecolor", "font", "grid",
    "hatch", "hist", "image", "legend", "lines", "markers", "mathtext", "patch", "path", "polaraxes", "scatter",
    "text", "xtick", "ytick",
)
# fmt: on
OWN = {key: value for key, value in matplotlib.rcParamsDefault.items() if key.startswith(LOOKS)} | dict(RcParams(STYLE))


@contextmanager
def own_style(**more):
    """The course's style inside, then the reader's settings as they were. (rc_context checks every value: a tenth as fast.)"""
    own = OWN | more
    before = {key: dict.__getitem__(matplotlib.rcParams, key) for key in own}
    dict.update(matplotlib.rcParams, own)
    try:
        yield
    finally:
        dict.update(matplotlib.rcParams, before)


class Figure(BaseFigure):
    """A matplotlib figure on its own canvas; the sentence `alt` stands for it where no picture can be shown.

    title: a sentence, wrapped, at the upper left. note: small print at the lower left. figsize: width and
    height. Lay axes out with `panel` or `panels`, whose margins leave room for both, or with matplotlib's own `add_axes`.
    ValueError for a title that is no text.
    """

    def __init__(self, title="", figsize=(6.4, 3.6), alt="", note="", **settings):
        if not isinstance(title, str):  # a second thing to draw, handed over beside the first
            several = "several go into one list, [a, b], or get names, {'words': a}"
            raise ValueError(f"title is {kind(title)}, {title!r:.60}; expected a sentence: {several}")
        with own_style():
            super().__init__(figsize=figsize, dpi=settings.pop("dpi", DPI), facecolor="white", **settings)
        FigureCanvasAgg(self)
        self.alt = alt or title or "A figure."
        width, height = figsize
        self.head = self.foot = 0.08  # what title and note take of the height
        if title:
            lines = wrap(title, width - 0.2, 12)
            self.text(0.1 / width, 1 - 0.1 / height, lines, fontsize=12, va="top", ha="left", linespacing=1.25, color=INK)
            self.head += 0.13 + 0.215 * (lines.count("\n") + 1)
        if note:
            lines = wrap(note, width - 0.2, 9)
            self.text(0.1 / width, 0.07 / height, lines, fontsize=9, va="bottom", ha="left", color=GREY)
            self.foot += 0.04 + 0.16 * (lines.count("\n") + 1)

    def panels(self, rows=1, columns=1, left=0.65, right=0.15, bottom=0.5, top=0.05, gaps=(0.7, 0.6), widths=None):
        """A flat list of axes, row by row; margins and gaps (between columns, between rows) in inches."""
        width, height = self.get_size_inches()
        shares = np.array(widths or [1] * columns, dtype=float)
        room = width - left - right - gaps[0] * (columns - 1)
        sides = room * shares / shares.sum()
        tall = (height - self.head - self.foot - bottom - top - gaps[1] * (rows - 1)) / rows
        if min(*sides, tall) <= 0.1:
            advice = "give a larger figsize, or shorten the title, the note or the names"
            raise ValueError(f"figsize ({width:g}, {height:g}) is too small for {rows} x {columns} panels: {advice}")
        axes = []
        for row in range(rows):
            y = height - self.head - top - (row + 1) * tall - row * gaps[1]
            for column in range(columns):
                x = left + sides[:column].sum() + column * gaps[0]
                axes.append(self.add_axes((x / width, y / height, sides[column] / width, tall / height)))
        return axes

    def panel(self, **margins):
        """One axes that fills the figure up to the margins of `panels`."""
        return self.panels(**margins)[0]

    def sheet(self):
        """Axes over the whole figure without ticks; a unit is an inch, (0, 0) the lower left corner."""
        width, height = self.get_size_inches()
        axes = self.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(0, height))
        axes.set_axis_off()
        return axes

    def add_axes(self, *args, **kwargs):
        with own_style():
            return super().add_axes(*args, **kwargs)

    def add_subplot(self, *args, **kwargs):
        with own_style():
            return super().add_subplot(*args, **kwargs)

    def show(self):
        """Display it now, as the last line of a cell does by itself."""
        from IPython.display import display

        display(self)

    def png(self) -> bytes:
        """The picture as PNG."""
        from PIL import Image

        with own_style():
            self.canvas.draw()
        memory = io.BytesIO()
        pixels = np.asarray(self.canvas.buffer_rgba())[..., :3]
        Image.fromarray(np.ascontiguousarray(pixels)).save(memory, "png", dpi=(self.dpi, self.dpi))
        return memory.getvalue()

    def draw(self, renderer):
        """As matplotlib does, with every text in letters that there are."""
        for axis in (axis for axes in self.axes for axis in (axes.xaxis, axes.yaxis)):
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FuncFormatter) and not hasattr(
                formatter.func, "__wrapped__"
            ):  # ticks take their texts from it when they are drawn
                formatter.func = _in_letters_too(formatter.func)
        for text in self.findobj(Text):
            legible, families = in_letters(text.get_text())
            if families:
                text.set_fontfamily(families)
            if legible != text.get_text():
                text.set_text(legible)
        super().draw(renderer)

    def _let_go(self):
        """Drop the pixels, a megabyte or two, that canvas and texts hold: IPython keeps every figure that a cell shows."""
        FigureCanvasAgg(self)
        for text in self.findobj(Text):
            text._renderer = None  # it asks for a new one when it is drawn again

    def __repr__(self):
        return self.alt

    __str__ = __repr__

    def _repr_mimebundle_(self, include=None, exclude=None):
        picture = base64.b64encode(self.png()).decode()
        self._let_go()
        return {"image/png": picture, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def around(width, title="", note="") -> float:
    """The inches of height that title and note take in a figure so wide."""
    probe = Figure(title, (width, 9), note=note)
    return probe.head + probe.foot


def styled(function):
    """Decorator: the course's style holds while the function draws, and no longer."""

    @wraps(function)
    def drawing(*args, **kwargs):
        with own_style():
            return function(*args, **kwargs)

    return drawing


@lru_cache(maxsize=20_000)
def text_width(text, size=10, weight="normal") -> float:
    """The width of a text in inches, that of its longest line. Kept, because measuring takes half a millisecond."""
    text, families = in_letters(str(text))
    font = FontProperties(family=families or FONT, size=size, weight=weight)
    lines = text.split("\n")
    return max(_renderer().get_text_width_height_descent(line, font, False)[0] for line in lines) / DPI


# ------------------------------------------------------------------------------------- letters that not every font has
FONT = "DejaVu Sans"  # comes with matplotlib


@lru_cache(maxsize=2_000)
def in_letters(text: str) -> tuple[str, tuple[str, ...]]:
    """(a text as figures can show it, the fonts that it takes; none: the usual one).

    Letters that DejaVu lacks, as those of Korean names, come from a font of this machine that has them all. Where there is none
    the text is written in Latin letters, and that is said.
    """
    missing = frozenset(letter for letter in text if not letter.isascii()) - _letters(FONT)
    if not missing:
        return text, ()
    if font := _font_with(missing):
        return text, (FONT, font)
    return "".join(_latin(letter) if letter in missing else letter for letter in text), ()


def _in_letters_too(label):
    return wraps(label)(lambda value, place=None: in_letters(str(label(value, place)))[0])


@lru_cache
def _letters(font):
    """The letters that a font of this name has."""
    entries = [entry for entry in fontManager.ttflist if entry.name == font]
    return frozenset(map(chr, get_font(entries[0].fname).get_charmap())) if entries else frozenset()


@lru_cache
def _font_with(missing):
    names = dict.fromkeys(entry.name for entry in fontManager.ttflist if "LastResort" not in entry.fname)
    font = next((name for name in names if missing <= _letters(name)), None)
    if not font:
        letters = "".join(sorted(missing))
        print(f"No font of this machine has the letters {letters}: figures write {''.join(map(_latin, letters))}.")
    return font


def _latin(letter):
    """A letter by its name in Unicode: HANGUL SYLLABLE GIM is "Gim"."""
    name = unicodedata.name(letter, "")
    return name.rpartition(" ")[2].capitalize() if name.startswith("HANGUL SYLLABLE ") else "?"


@lru_cache(maxsize=1)
def _renderer():
    return FigureCanvasAgg(BaseFigure(dpi=DPI)).get_renderer()


def wrap(text, width, size=10) -> str:
    """The text with line breaks, so that no line is wider than `width` inches unless a single word is."""
    lines, space = [], text_width("a a", size) - text_width("aa", size)
    for paragraph in str(text).split("\n"):
        line, used = "", 0.0
        for word in re.split(r" |(?<=\w-)(?=\w)", paragraph):
            gap = "" if line.endswith("-") or not line else " "
            longer = used + len(gap) * space + text_width(word, size)  # word by word: each is measured once, in whatever text
            if line and longer > width:
                lines.append(line)
                line, used = word, text_width(word, size)
            else:
                line, used = line + gap + word, longer
        lines.append(line)
    return "\n".join(lines)


def short(number) -> str:
    """1234567 -> "1.23 M": a count as a reader says it. All digits below 10,000; three of a fraction."""
    number = float(number)  # of numpy and torch too
    if number < 0:
        return f"\N{MINUS SIGN}{short(-number)}"
    if not math.isfinite(number):
        return "–" if math.isnan(number) else "\N{INFINITY}"
    if not number.is_integer() and number < 999.5:
        return f"{number:.3g}"
    if number < 10_000:
        return f"{abs(number):,.0f}"  # of -0.0 too
    unit, size = next((unit, size) for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)) if number >= 0.9995 * size)
    value = number / size
    return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f} {unit}"


def written(number, text) -> str:
    """A number as `text` says it, a function or a format such as "{:.1f}"; nothing for nan, and where `text` is empty."""
    if not text or math.isnan(number):
        return ""
    return text.format(number) if isinstance(text, str) else text(number)


def spread(wanted, gap, low=-math.inf, high=math.inf):
    """Positions as near to the wanted ones as can be, in their order, at least `gap` apart."""
    order = np.argsort(wanted, kind="stable")
    blocks = []  # [mean of what its members want, members]
    for rank in order:
        blocks.append([float(wanted[rank]), [rank]])
        while len(blocks) > 1 and blocks[-1][0] - blocks[-2][0] < gap * (len(blocks[-1][1]) + len(blocks[-2][1])) / 2:
            (a, first), (b, second) = blocks[-2:]
            n, m = len(first), len(second)
            blocks[-2:] = [[(a * n + b * m) / (n + m), first + second]]
    places = np.empty(len(order))
    for middle, members in blocks:
        start = middle - gap * (len(members) - 1) / 2
        places[members] = start + gap * np.arange(len(members))
    ranked = places[order]
    if len(ranked) and ranked[-1] > high:  # push down from the top, then up from the bottom
        ranked = np.minimum(ranked, high - gap * np.arange(len(ranked))[::-1])
    if len(ranked) and ranked[0] < low:
        ranked = np.maximum(ranked, low + gap * np.arange(len(ranked)))
    places[order] = ranked
    return places


def end_labels(axes, ends, size=9.5):
    """Names at the right of their lines, moved apart. ends: (x, y, text, colour); set the limits before."""
    if not ends:
        return
    pixels = axes.transData.transform([(x, y) for x, y, _, _ in ends])
    box, dpi = axes.bbox, axes.figure.dpi
    line = 1.28 * size / 72 * dpi
    tall = [line * (text.count("\n") + 1) for _, _, text, _ in ends]
    places = spread(pixels[:, 1], max(tall), box.y0, box.y1)
    for (x0, y0), y, (_, _, text, shade) in zip(pixels, places, ends, strict=True):
        left = box.x1 + 0.1 * dpi
        if abs(y - y0) > 3 or x0 < box.x1 - 0.25 * dpi:
            inner = axes.transData.inverted().transform([(x0 + 4, y0), (left - 3, y)])
            axes.plot(*inner.T, color=shade, linewidth=0.8, linestyle=(0, (1, 1.5)), clip_on=False, scalex=False, scaley=False)
        _write(axes, text, (left, y), size, shade, ha="left")


def _write(axes, text, pixels, size, shade, ha):
    """A text at a place in pixels."""
    where = axes.figure.transFigure.inverted().transform(pixels)  # fractions hold at any resolution
    look = {"fontsize": size, "color": readable(shade), "va": "center", "ha": ha}
    axes.annotate(text, where, xycoords="figure fraction", annotation_clip=False, **look)


DOT = 0.06  # the inches around the middle of a point that words keep clear
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (0.7, -0.7), (-0.7, 0.7), (-0.7, -0.7))


def place_labels(axes, points, keep_clear=()):
    """Write a label beside each point where it covers no label, point or error bar; set limits before.

    points: (x, y, text, colour) in data units. keep_clear: boxes (x0, y0, x1, y1) in data units to stay out
    of. A thin line leads back to the point from afar.
    """
    if not points:
        return
    dpi, size = axes.figure.dpi, 9.5
    at = axes.transData.transform([(x, y) for x, y, _, _ in points])
    r = DOT * dpi
    solid = [(x - r, y - r, x + r, y + r) for x, y in at]
    for x0, y0, x1, y1 in keep_clear:
        (a, b), (c, d) = axes.transData.transform([(x0, y0), (x1, y1)])
        solid.append((a - 1, b - 1, c + 1, d + 1))
    sizes = [(text_width(text, size) * dpi + 4, 1.3 * size / 72 * dpi * (text.count("\n") + 1)) for _, _, text, _ in points]
    boxes, distances = _boxes_beside(at, sizes, np.array(solid), axes.bbox, dpi)
    for place, box, distance in zip(at, boxes, distances, strict=True):
        if distance > r + 0.12 * dpi:
            line = axes.transData.inverted().transform([place, np.clip(place, box[:2] + 2, box[2:] - 2)])
            axes.plot(*line.T, color=GREY, linewidth=0.6, zorder=1, scalex=False, scaley=False)
    for box, (_, _, text, shade) in zip(boxes, points, strict=True):
        _write(axes, text, (box[:2] + box[2:]) / 2, size, shade, ha="center")


def _boxes_beside(at, sizes, solid, inside, dpi):
    """A box (x0, y0, x1, y1) for a text beside each point, and its distance from the point; all in pixels.

    Each tries eight directions at five distances and takes the place that overlaps least with the other boxes, with what is
    solid (boxes as well) and with what is not inside.
    """

    def overlap(tried, others):
        """Of each box tried (C, 4) the area that others (N, 4) cover: (C,)."""
        low = np.maximum(tried[:, None, :2], others[:, :2])
        high = np.minimum(tried[:, None, 2:], others[:, 2:])
        return np.clip(high - low, 0, None).prod(axis=2).sum(axis=1)

    r, bounds = DOT * dpi, np.array([inside.extents])
    distances = np.repeat([r + 1, *(r + share * dpi for share in (0.1, 0.22, 0.38, 0.58))], len(SIDES))
    sides, ranks = np.tile(SIDES, (5, 1)), np.tile(np.arange(len(SIDES)), 5)
    boxes, taken = np.full((len(at), 4), -1e9), np.zeros(len(at))
    crowd = [sum(np.hypot(*(p - q)) < 1.2 * dpi for q in at) for p in at]
    for turn in range(3):  # later turns see where all others went
        for i in np.argsort(crowd, kind="stable")[:: -1 if turn else 1]:
            half, others = np.array(sizes[i]) / 2, np.delete(boxes, i, axis=0)
            middles = at[i] + sides * (distances[:, None] + half)
            tried = np.hstack([middles - half, middles + half])
            outside = 4 * half.prod() - overlap(tried, bounds)
            best = np.argmin(overlap(tried, others) + 4 * overlap(tried, solid) + 3 * outside + distances + ranks)
            boxes[i], taken[i] = tried[best], distances[best]
    return boxes, taken


def key(figure, entries):
    """A line under the title: what colours mean. entries: text -> colour, or (colour, line style)."""
    width, height = figure.get_size_inches()
    x, y = 0.1, height - figure.head - 0.04
    for text, look in entries.items():
        shade, style = look if isinstance(look, tuple) and len(look) == 2 else (look, None)
        wide = text_width(text, 9.5)
        if x + wide + 0.3 > width:
            x, y = 0.1, y - 0.2
            figure.head += 0.2
        if style is None:
            figure.add_artist(Rectangle((x / width, (y - 0.06) / height), 0.13 / width, 0.13 / height, color=shade))
        else:
            figure.add_artist(
                Line2D([x / width, (x + 0.26) / width], [y / height] * 2, color=shade, linestyle=style, linewidth=1.6)
            )
            x += 0.13
        figure.text((x + 0.19) / width, y / height, text, fontsize=9.5, va="center_baseline", ha="left", color=INK)
        x += wide + 0.42
    figure.head += 0.24
