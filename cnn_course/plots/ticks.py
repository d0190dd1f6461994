"""The numbers along an axis: how they are written, where they stand, and the room they take."""

from __future__ import annotations

import math
import re

import numpy as np
from matplotlib.ticker import Formatter, MaxNLocator, NullFormatter

from cnn_course.plots.canvas import short, text_width


class ShortNumbers(Formatter):
    """Tick labels such as 0.50, 0.75, 1.00 or 500 k, 1 M, on a log axis 1e−20: equally many decimals on a linear one."""

    def _log(self):
        return self.axis is not None and self.axis.get_scale() == "log"

    def __call__(self, value, place=None):
        value = float(value) if self._log() else round(float(value), 10)
        if abs(value) >= 10_000:
            return re.sub(r"\.0+(?=\D|$)", "", short(value))
        return re.sub(r"(?<=e-)0", "", f"{value:,.10g}").replace("-", "\N{MINUS SIGN}")

    def format_ticks(self, values):
        words = [self(value) for value in values]
        if self._log() or any(abs(value) >= 10_000 for value in values):
            return words
        places = max((len(word.partition(".")[2]) for word in words), default=0)
        return [f"{value:,.{places}f}".replace("-", "\N{MINUS SIGN}") for value in values]


def short_numbers(axis):
    axis.set_major_formatter(ShortNumbers())
    axis.set_minor_formatter(NullFormatter())


def tidy(axes, log="", whole=None):
    """A light grid, short numbers, and whole numbers on an x axis of steps."""
    axes.grid(True, axis="y")
    xs = np.concatenate([line.get_xdata() for line in axes.lines]) if axes.lines else np.zeros(0)
    even = len(set(xs)) <= 8 and len(set(np.diff(sorted(set(xs))))) == 1
    if "x" not in log:
        if whole is not False and even and np.all(xs == np.round(xs)):
            axes.set_xticks(sorted(set(xs)))  # odd windows have odd ticks
        elif whole or (whole is None and len(xs) and np.all(xs == np.round(xs))):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
        short_numbers(axes.xaxis)
    elif len(set(xs)) <= 8:
        axes.set_xticks(sorted(set(xs)))
        axes.minorticks_off()
        short_numbers(axes.xaxis)
    else:
        log_ticks(axes, "x")
    set_ticks(axes, "y", log)


def set_scales(axes, log):
    """Logarithmic scales for the axes that `log` names: "x", "y", "xy" or none."""
    axes.set(**{f"{which}scale": "log" for which in "xy" if which in log})


def set_ticks(axes, which, log):
    """Short numbers along one axis, "x" or "y", at ticks of its own where `log` names it."""
    log_ticks(axes, which) if which in log else short_numbers(getattr(axes, f"{which}axis"))


def log_ticks(axes, which):
    """Ticks at 1, 2, 5 times powers of ten; where an axis of less than a decade has not three of them, at round numbers."""
    axis = getattr(axes, f"{which}axis")
    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    steps, every = (1, 2, 5) if decades < 2.5 else (1,), max(1, round(decades / 5))
    ticks = [s * 10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1, every) for s in steps]
    inside = [t for t in ticks if low <= t <= high]
    if len(inside) < 3 and decades < 1:
        inside = [t for t in MaxNLocator(4, steps=[1, 2, 5, 10], min_n_ticks=3).tick_values(low, high) if low <= t <= high]
    axis.set_ticks(inside)
    axis.set_ticks([], minor=True)
    axes.set(**{f"{which}lim": (low, high)})
    short_numbers(axis)


def make_room(axes, room):
    """Move the left edge of axes so that label and tick labels just fit beside it. room: inches they may take."""
    figure, (low, high) = axes.figure, sorted(axes.get_ylim())
    words = axes.yaxis.get_major_formatter().format_ticks([y for y in axes.get_yticks() if low <= y <= high])
    needed = 0.42 + max((text_width(word, 9.5) for word in words), default=0)
    box, width = axes.get_position(), figure.get_size_inches()[0]
    axes.set_position((box.x0 + (needed - room) / width, box.y0, box.width + (room - needed) / width, box.height))
