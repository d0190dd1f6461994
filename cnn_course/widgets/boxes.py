"""Quick figures for explorers, and a board for block pictures: boxes, arrows and bars in inches.

A redraw must answer a slider at once: no text is measured, and the board has no Axes.
"""

import textwrap
from math import hypot

from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle

from cnn_course.plots import GREY, INK, Figure
from cnn_course.plots.diagrams import FACES


def quick_figure(title, width, height, alt, note=""):
    """A plots.Figure whose title is known to fit in one line; the note is wrapped by counting characters."""
    figure = Figure(figsize=(width, height), alt=alt)
    figure.text(0.1 / width, 1 - 0.1 / height, title, fontsize=12, va="top", color=INK)
    figure.head += 0.345
    if note:
        lines = textwrap.wrap(note, int(15.5 * width))
        figure.text(0.1 / width, 0.07 / height, "\n".join(lines), fontsize=9, va="bottom", color=GREY)
        figure.foot += 0.04 + 0.16 * len(lines)
    return figure


class Board:
    """A figure of the given size with a title; (0, 0) is the lower left corner and one unit is one inch."""

    def __init__(self, width, height, title, alt):
        self.figure = quick_figure(title, width, height, alt)
        self.width, self.height = width, height

    def _put(self, patch, z):
        patch.set(transform=self.figure.dpi_scale_trans, zorder=z)
        self.figure.add_artist(patch)

    def text(self, x, y, text, size=9.5, colour=INK, ha="center", va="center", **style):
        self.figure.text(x / self.width, y / self.height, text, fontsize=size, color=colour, ha=ha, va=va, zorder=6, **style)

    def box(self, x, y, text, kind, width=0.6, height=0.4, size=9.5):
        """A rounded box around (x, y) with its text, in the colour that the diagrams give its kind."""
        patch = FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            facecolor=FACES[kind],
            edgecolor=INK,
            boxstyle="round,pad=0,rounding_size=0.05",
            linewidth=0.9,
        )
        self._put(patch, 3)
        self.text(x, y, text, size=size, linespacing=1.1)

    def bar(self, x, y, width, height, colour=None, edge=INK, dashed=False):
        """A rectangle with its lower left corner at (x, y)."""
        self._put(
            Rectangle(
                (x, y),
                width,
                height,
                facecolor=colour or "none",
                edgecolor=edge,
                linewidth=1.2 if dashed else 0.9,
                linestyle="--" if dashed else "-",
            ),
            4 if dashed else 3,
        )

    def node(self, x, y, sign, radius=0.13):
        """A small circle with a sign in it, such as "+"."""
        self._put(Circle((x, y), radius, facecolor="white", edgecolor=INK, linewidth=0.9), 3)
        self.text(x, y, sign, size=13, va="center_baseline")

    def line(self, *points, width=0.022, colour=GREY):
        """A broken line of straight pieces, `width` inches thick, with square corners."""
        for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
            length = hypot(x1 - x0, y1 - y0) or 1
            dx, dy = (x1 - x0) / length * width / 2, (y1 - y0) / length * width / 2
            corners = [
                (x0 - dx - dy, y0 - dy + dx),
                (x1 + dx - dy, y1 + dy + dx),
                (x1 + dx + dy, y1 + dy - dx),
                (x0 - dx + dy, y0 - dy - dx),
            ]
            self._put(Polygon(corners, facecolor=colour, edgecolor="none"), 1)

    def arrow(self, *points, label="", at=0.5, width=0.022, colour=GREY):
        """An arrow through the points; `label` stands above its last piece, at the share `at` of it."""
        (x0, y0), (x1, y1) = points[-2:]
        length = hypot(x1 - x0, y1 - y0) or 1
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        head, half = 0.1, 0.045
        neck = (x1 - head * ux, y1 - head * uy)
        self.line(*points[:-1], neck, width=width, colour=colour)
        self._put(
            Polygon(
                [(x1, y1), (neck[0] - half * uy, neck[1] + half * ux), (neck[0] + half * uy, neck[1] - half * ux)],
                facecolor=colour,
                edgecolor="none",
            ),
            2,
        )
        if label != "":
            self.text(x0 + at * (x1 - x0), y0 + at * (y1 - y0) + 0.06, str(label), size=9, va="bottom")
