"""The kit for pictures made of boxes, arrows and images, for diagrams and explorers alike. Lengths are in inches.

Quick enough to answer a slider: a `Board` needs no Axes, and all `Picture`s of a figure share one pair.
"""

import math

from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path

from cnn_course.plots.canvas import Figure
from cnn_course.plots.colours import ACCENT, GREY, INK, NEUTRAL, PALETTE, readable, tint

FACES = {
    "conv": tint(NEUTRAL, 0.42),
    "1x1": tint(PALETTE[8], 0.75),
    "pool": "white",
    "words": "#f3f3f3",
    "layer": tint(ACCENT, 0.2),
    "join": "white",
    "concat": "#e4e4e4",
    "dense": "#e4e4e4",
}  # of boxes, by kind
DARK_ORANGE = readable(PALETTE[1])  # the palette's orange, dark enough for words on white


class Board:
    """A figure with a title to put boxes and arrows on; (0, 0) is the lower left corner and one unit is one inch."""

    def __init__(self, width, height, title, alt, note=""):
        self.figure = Figure(title, (width, height), alt, note)
        self.width, self.height = width, height

    def _put(self, artist, z):
        artist.set(transform=self.figure.dpi_scale_trans, zorder=z)
        self.figure.add_artist(artist)

    def text(self, x, y, text, size=9.5, colour=INK, ha="center", va="center", **style):
        self.figure.text(x / self.width, y / self.height, text, fontsize=size, color=colour, ha=ha, va=va, zorder=6, **style)

    def box(self, x, y, text, face, width=0.6, height=0.4, size=9.5, **style):
        """A rounded box around (x, y) with its text; face: a colour, or a kind of FACES."""
        corner = (x - width / 2, y - height / 2)
        look = {"facecolor": FACES.get(face, face) if isinstance(face, str) else face, "edgecolor": INK, "linewidth": 0.9}
        self._put(FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.06", **look), 4)
        if text:
            self.text(x, y, text, size, **{"linespacing": 1.2, **style})

    def bar(self, x, y, width, height, colour="none", edge=INK, dashed=False):
        """A rectangle with its lower left corner at (x, y)."""
        look = {"linewidth": 1.2, "linestyle": "--"} if dashed else {"linewidth": 0.9}
        self._put(Rectangle((x, y), width, height, facecolor=colour, edgecolor=edge, **look), 4 if dashed else 3)

    def node(self, x, y, sign):
        """A small circle with a sign in it, such as "+"."""
        self._put(Circle((x, y), 0.14, facecolor="white", edgecolor=INK, linewidth=1), 4)
        self.text(x, y - 0.005, sign, size=13.5, va="center_baseline")

    def line(self, *points, width=0.015, colour=GREY):
        """A broken line of straight pieces, `width` inches thick."""
        self._put(Line2D(*zip(*points, strict=True), color=colour, linewidth=72 * width, solid_capstyle="butt"), 1)

    def arrow(self, *points, label="", width=0.015, colour=GREY):
        """An arrow through the points, with round corners; `label` stands above the middle of its last piece."""
        points = [p for i, p in enumerate(points) if i == 0 or math.dist(p, points[i - 1]) > 1e-6]
        look = {"arrowstyle": "-|>", "mutation_scale": 9, "shrinkA": 0, "shrinkB": 0, "joinstyle": "round"}
        self._put(FancyArrowPatch(path=_rounded(points), linewidth=72 * width, color=colour, **look), 2)
        if label != "":
            (x0, y0), (x1, y1) = points[-2:]
            self.text(x0 + (x1 - x0 - 0.1) / 2, (y0 + y1) / 2 + 0.04, str(label), size=9, va="bottom")


def _rounded(points):
    """The path through the points, its corners rounded."""
    vertices, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        near = []
        for other in (before, after):
            far = math.dist(corner, other)
            cut = min(0.09, far / 2) / far
            near.append(tuple(c + (o - c) * cut for c, o in zip(corner, other, strict=True)))
        vertices += [near[0], corner, near[1]]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*vertices, points[-1]], [*codes, Path.LINETO])


class Picture:
    """A tensor, (3, H, W) in colour or (H, W) with imshow's `options`, on a plots.Figure.sheet, in inches.

    (x, y) is its upper left corner, `size` its longer side; the title stands above. All images share the
    sheet's one pair of axes, because every further pair costs 10 ms. `box` and `text` count in the
    picture's pixels, or so that `across` of them make its width.
    """

    def __init__(self, sheet, x, y, size, pixels, title="", colour="black", frame=False, across=None, **options):
        rows, columns = pixels.shape[-2:]
        width, height = (size * side / max(rows, columns) for side in (columns, rows))
        self.sheet, self.x, self.y, self.pixel = sheet, x, y, width / (across or columns)
        image = pixels.permute(1, 2, 0) if pixels.ndim == 3 else pixels
        sheet.imshow(image.numpy(), extent=(x, x + width, y - height, y), aspect="auto", **options)
        sheet.text(x, y + 0.08, title, fontsize=11, color=colour, va="bottom")
        if frame:
            sheet.add_patch(Rectangle((x, y - height), width, height, fill=False, edgecolor="0.6"))

    def box(self, left, top, side, colour, linewidth=2.5):
        """A square frame whose upper left pixel is (left, top)."""
        side = side * self.pixel
        corner = self.x + left * self.pixel, self.y - top * self.pixel - side
        self.sheet.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=linewidth))

    def dots(self, columns, rows, colour):
        """A dot in the middle of each pixel (columns[i], rows[i])."""
        x, y = (
            [a + (i + 0.5) * b for i in places] for a, b, places in ((self.x, self.pixel, columns), (self.y, -self.pixel, rows))
        )
        self.sheet.plot(x, y, "s", color=colour, markersize=2.5)

    def text(self, column, row, words, **style):
        """Words in the middle of a pixel."""
        x, y = self.x + (column + 0.5) * self.pixel, self.y - (row + 0.5) * self.pixel
        self.sheet.text(x, y, words, ha="center", va="center", **style)


def panel(figure, place, title=""):
    """Axes at `place` (left, bottom, width, height as shares of the figure), the title at a fixed height."""
    axes = figure.add_axes(place)
    # A given y saves matplotlib's search for a free height: 10 ms a pair of axes.
    axes.set_title(title, fontsize=11, color="black", y=1.0)
    return axes


def power_ticks(low, high):
    """Exponents from low to high for an axis of powers of ten: at most seven, a round step apart, through 0.

    The axis itself is plain and holds logarithms: matplotlib's own log axis would take another 40 ms.
    """
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if (high - low) / step <= 6.5)
    return list(range(math.ceil(low / step) * step, math.floor(high) + 1, step))


def power_of_ten(exponent):
    """-4 -> "10⁻⁴", in plain characters: quicker to draw than mathematics."""
    return "1" if exponent == 0 else "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
