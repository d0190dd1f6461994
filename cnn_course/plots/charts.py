"""Figures of any kind of data: bars, lines, dots, heat maps, images.

All take `title` (a sentence), `note` (small print at the bottom) and `alt` (the sentence that stands for the
picture, made from title and names where it is not given). Without `figsize` (inches) the figure is as large
as its contents need.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cnn_course.plots.canvas import (
    DPI,
    Figure,
    around,
    end_labels,
    key,
    place_labels,
    short,
    short_numbers,
    styled,
    text_width,
    wrap,
)
from cnn_course.plots.colours import ACCENT, GREY, INK, NEUTRAL, PALETTE, colour, is_dark, readable, tint, told_apart


def plain(values) -> dict:
    """A dict of floats (or of dicts of floats) from a dict, a Series or a DataFrame."""
    if hasattr(values, "columns"):
        return {str(row): {str(c): float(values.loc[row, c]) for c in values.columns} for row in values.index}
    if hasattr(values, "items"):
        return {str(k): plain(v) if hasattr(v, "items") else float(v) for k, v in values.items()}
    raise ValueError(f"values is {type(values).__name__}; expected a dict, a Series or a DataFrame")


@styled
def bars(
    values, title="", unit="", errors=None, text=short, mark=(), stacked=False, band=None, limit=None, colours=None,
    note="", alt=""
):  # fmt: skip
    """Horizontal bars, one a label, its value at its end; grouped bars where each label has several values.

    values: label -> number, or label -> {series -> number}, as dict, Series or DataFrame. unit: what the
    numbers are, such as "million parameters". errors: like values, half the length of an error bar. text:
    value -> str; "" hides the numbers. mark: labels that matter, coloured where the others are grey.
    stacked: series one behind the other. band: (low, high, words) shades a range of values. limit:
    (low, high) of the axis; where it leaves zero out, dots stand in for bars, whose length would mislead.
    colours: label (or series) -> colour; by default each family has its own.
    """
    values, errors, mark, colours = plain(values), plain(errors or {}), _names(mark), colours or {}
    if not values:
        raise ValueError("values is empty; expected label -> number")
    labels = list(values)
    grouped = isinstance(values[labels[0]], dict)
    series = list(dict.fromkeys(name for row in values.values() for name in row)) if grouped else [""]
    dots = limit is not None and not limit[0] <= 0 <= limit[1]
    rows = len(labels) * (1 if stacked else len(series))
    tall = (0.32 if rows < 12 else 0.26) * rows + (0.12 * len(labels) if grouped else 0)
    alt = alt or f"{'Stacked bars' if stacked else 'Bars'}: {title or unit} ({', '.join(labels)})"
    figure = Figure(title, (6.4, 1.0 + max(1.0, tall)), alt, note)
    look = {name: colours.get(name) or colour(name, i) for i, name in enumerate(series)}
    if grouped:
        key(figure, look)
    axes = _rows(figure, labels, mark, bottom=(0.28 if stacked or dots else 0.05) + (0.24 if unit else 0.05))

    def column(table, name, absent):
        return np.array([(table.get(label, {}).get(name, absent) if grouped else table.get(label, absent)) for label in labels])

    numbers = {name: column(values, name, math.nan) for name in series}
    half = {name: column(errors, name, 0.0) for name in series}
    shades = look if grouped else {"": [_shade(label, mark, colours) for label in labels]}
    if stacked:
        _stack(axes, numbers, shades, text, limit)
    elif dots:
        _dots(axes, numbers, half, shades, text, limit)
    else:
        _bars(axes, numbers, half, shades, text, limit)
    if band:
        axes.axvspan(band[0], band[1], color=tint(PALETTE[1], 0.3), zorder=0)
        axes.text(band[1], len(labels) - 0.5, f" {band[2]}", fontsize=9, color=readable(PALETTE[1]), va="bottom")
    axes.set_xlabel(unit, labelpad=4)
    return figure


def _names(mark):
    return {mark} if isinstance(mark, str) else set(map(str, mark))


def _shade(label, mark, colours):
    """The colour of a bar: grey where others are marked, else its own, its family's, or a neutral one."""
    if mark and label not in mark:
        return tint(NEUTRAL, 0.6)
    return (colours or {}).get(label) or colour(label, default=ACCENT if label in mark else NEUTRAL)


def _rows(figure, labels, mark, bottom):
    """Axes with a row a label, from the top down; marked ones in bold."""
    left = 0.25 + max(text_width(label, 9.5, "bold" if label in mark else "normal") for label in labels)
    axes = figure.panel(left=left, right=0.25, bottom=bottom)
    _name_rows(axes, labels, mark)
    return axes


def _name_rows(axes, labels, mark):
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    for tick in axes.get_yticklabels():
        tick.set_fontweight("bold" if tick.get_text() in mark else "normal")


def _beside(numbers, thick=0.8):
    """(name, places of its values, thickness) for series drawn side by side within each row."""
    thick = thick / len(numbers) if len(numbers) > 1 else 0.72
    for j, (name, values) in enumerate(numbers.items()):
        yield name, np.arange(len(values)) + (j - (len(numbers) - 1) / 2) * thick, thick


def _bars(axes, numbers, half, shades, text, limit=None):
    """Bars with their numbers at their ends, which replace the axis."""
    ends = []
    for name, places, thick in _beside(numbers):
        values, errors = numbers[name], half[name]
        look = {"ecolor": INK, "capsize": 2.5, "error_kw": {"linewidth": 1.1}} if errors.any() else {}
        xerr = np.where(errors > 0, errors, np.nan) if errors.any() else None
        drawn = axes.barh(places, values, thick * (0.94 if len(numbers) > 1 else 1), color=shades[name], xerr=xerr, **look)
        words = _words(values, text)
        axes.bar_label(drawn, words, padding=4, fontsize=9.5)
        ends += [(value + math.copysign(error, value), word) for value, error, word in zip(values, errors, words, strict=True)]
    axes.set_xlim(limit or _room(axes, [(end, word) for end, word in ends if not math.isnan(end)]))
    negative = axes.get_xlim()[0] < 0
    axes.spines["left"].set_visible(not negative)
    if negative:
        axes.axvline(0, color=GREY, linewidth=0.8)
    if any(word for _, word in ends):
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
    else:
        short_numbers(axes.xaxis)


def _words(values, text):
    return [text(value) if callable(text) and not math.isnan(value) else "" for value in values]


def _room(axes, ends):
    """Limits that leave room for the words at the ends of bars."""
    wide = axes.bbox.width / axes.figure.dpi
    low, high = min(0, *(end for end, _ in ends)), max(0, *(end for end, _ in ends))
    for end, words in 3 * ends:  # each number changes the scale for the others
        share = min(0.8, (text_width(words, 9.5) + 0.06) / wide)
        if end >= 0:
            high = max(high, low + (end - low) / (1 - share))
        else:
            low = min(low, high - (high - end) / (1 - share))
    return low, high if high > low else 1


def _dots(axes, numbers, half, shades, text, limit):
    """Dots on an axis that leaves zero out, error bars through them."""
    for name, places, _ in _beside(numbers):
        values, errors = numbers[name], half[name]
        rows = zip(values, places, errors, _each(shades[name], len(values)), _words(values, text), strict=True)
        for value, y, error, shade, words in rows:
            axes.errorbar(value, y, xerr=error or None, fmt="o", color=shade, markersize=7, linewidth=1.1, capsize=2.5, zorder=2)
            axes.annotate(words, (value + error, y), (7, 0), textcoords="offset points", fontsize=9.5, va="center_baseline")
    axes.set_xlim(limit)
    axes.grid(True, axis="x")
    short_numbers(axes.xaxis)


def _each(shades, count):
    return shades if isinstance(shades, list) else [shades] * count


def _stack(axes, numbers, shades, text, limit):
    """Series one behind the other, each value in its part where it fits."""
    numbers = {name: np.nan_to_num(values) for name, values in numbers.items()}
    starts, drawn = 0, {}
    for name, values in numbers.items():
        drawn[name] = axes.barh(range(len(values)), values, 0.72, left=starts, color=shades[name], edgecolor="white")
        starts = starts + values
    axes.set_xlim(limit or (0, starts.max()))
    inch = (axes.get_xlim()[1] - axes.get_xlim()[0]) / (axes.bbox.width / axes.figure.dpi)
    for name, values in numbers.items():
        words = [w if text_width(w, 9) < v / inch - 0.06 else "" for v, w in zip(values, _words(values, text), strict=True)]
        ink = "white" if is_dark(shades[name]) else INK
        axes.bar_label(drawn[name], words, label_type="center", fontsize=9, color=ink)
    short_numbers(axes.xaxis)


@styled
def side_by_side(table, title="", units=None, text=None, mark=(), colours=None, shares=False, note="", alt="", figsize=None):
    """One panel of bars for each column of a table: parameters beside multiply-adds, say.

    table: DataFrame or label -> {column -> number}. units: column -> words above its panel, default the
    column's name. shares: write each value's share of its column's sum instead of the value. text: as in `bars`, or
    column -> such a function. mark, colours: as in `bars`.
    """
    values, mark = plain(table), _names(mark)
    labels, columns = list(values), list(dict.fromkeys(c for row in values.values() for c in row))
    tall = 0.75 + max(0.9, (0.3 if len(labels) < 12 else 0.245) * len(labels))
    size = figsize or (7.2 if len(columns) < 4 else 8.2, tall)
    figure = Figure(title, size, alt or f"Bars side by side: {title or ', '.join(columns)} ({', '.join(labels)})", note)
    left = 0.25 + max(text_width(label, 9.5, "bold" if label in mark else "normal") for label in labels)
    heads = [wrap((units or {}).get(c, c), (size[0] - left) / len(columns) - 0.25, 9.5) for c in columns]
    top = 0.02 + 0.17 * max(head.count("\n") + 1 for head in heads)
    panels = figure.panels(1, len(columns), left=left, right=0.15, bottom=0.05, gaps=(0.25, 0), top=top)
    shades = [_shade(label, mark, colours) for label in labels]
    for axes, column, head in zip(panels, columns, heads, strict=True):
        numbers = np.array([values[label].get(column, math.nan) for label in labels])
        write = (text.get(column) if isinstance(text, Mapping) else text) or short
        _bars(axes, {"": numbers}, {"": np.zeros(len(labels))}, {"": shades}, _share_of(numbers) if shares else write)
        _name_rows(axes, labels if axes is panels[0] else [""] * len(labels), mark)
        axes.set_title(head, fontsize=9.5, pad=4, color=GREY)
    return figure


def _share_of(numbers):
    """A function that writes a value as its share of their sum."""
    total = np.nansum(numbers) or 1
    return lambda value: "<0.1%" if 0 < value / total < 0.0005 else f"{value / total:.1%}"


@styled
def lines(
    series, title="", xlabel="", ylabel="", errors=None, dashed=(), markers=None, log="", xlim=None, ylim=None,
    colours=None, band=None, marks=None, whole=None, note="", alt="", figsize=(6.4, 3.6)
):  # fmt: skip
    """Lines with their names at their right ends.

    series: name -> {x: y}, (xs, ys), or ys over 1, 2, ...; a Series or DataFrame will do. Where x are words, the same ones
    for all, they stand below the axis in their order. errors: name -> half width of a band, a number or one a point. dashed:
    names drawn dashed. markers: a dot at each point (default: up to 12 points). log: "x", "y" or "xy". band: (low, high, words)
    shades a range of y. marks: words -> x of a vertical line. whole: x are whole numbers.
    """
    drawn = {str(name): _xy(values) for name, values in series.items()}
    if not drawn:
        raise ValueError("series is empty; expected name -> values")
    named = [name for name in drawn if not name.startswith("_")]
    figure = Figure(title, figsize, alt or f"Lines: {title or ylabel} ({', '.join(named)}); {xlabel} against {ylabel}", note)
    right = 0.3 + max((text_width(name, 9.5) for name in named), default=0)
    axes = figure.panel(left=0.72, right=right, bottom=0.5, top=0.2 if marks else 0.05)
    _draw_lines(axes, drawn, errors or {}, dashed, markers, log, colours or {})
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set(xlim=xlim) if xlim else None
    axes.set(ylim=ylim) if ylim else None
    tidy(axes, log, whole)
    if words := next(filter(None, (_words_of_x(values) for _, values in series.items())), None):
        axes.set_xticks(range(1, len(words) + 1), words)
    make_room(axes, 0.72)
    if band:
        axes.axhspan(band[0], band[1], color=tint(PALETTE[1], 0.25), zorder=0, linewidth=0)
        axes.text(axes.get_xlim()[0], band[1], f" {band[2]}", fontsize=9, color=readable(PALETTE[1]), va="bottom")
    for words, x in (marks or {}).items():
        axes.axvline(x, color=GREY, linewidth=0.9, linestyle=":")
        axes.text(x, 1.01, words, transform=axes.get_xaxis_transform(), fontsize=9, color=GREY, va="bottom", ha="center")
    shades = {line.get_label(): line.get_color() for line in axes.lines}
    end_labels(axes, [(drawn[name][0][-1], drawn[name][1][-1], name, shades[name]) for name in named])
    return figure


def make_room(axes, room):
    """Move the left edge of axes so that label and tick labels just fit beside it. room: inches they may take."""
    figure, (low, high) = axes.figure, sorted(axes.get_ylim())
    words = axes.yaxis.get_major_formatter().format_ticks([y for y in axes.get_yticks() if low <= y <= high])
    needed = 0.42 + max((text_width(word, 9.5) for word in words), default=0)
    box, width = axes.get_position(), figure.get_size_inches()[0]
    axes.set_position((box.x0 + (needed - room) / width, box.y0, box.width + (room - needed) / width, box.height))


def _words_of_x(values):
    """The keys of a dict or Series if they are words, in their order; else an empty list."""
    keys = list(values.keys()) if hasattr(values, "keys") else []
    return keys if all(isinstance(key, str) and not key.replace(".", "", 1).isdecimal() for key in keys) else []


def _xy(values):
    """Two arrays from {x: y}, a Series, a pair (xs, ys), or ys alone; words count as 1, 2, ..."""
    if _words_of_x(values):
        values = list(values.values() if isinstance(values, Mapping) else values)
    if hasattr(values, "items"):
        pairs = list(values.items())
        return np.array([p[0] for p in pairs], dtype=float), np.array([float(p[1]) for p in pairs])
    if isinstance(values, tuple) and len(values) == 2 and np.ndim(values[0]) == 1:
        return np.asarray(values[0], dtype=float), np.asarray(values[1], dtype=float)
    ys = np.asarray(values, dtype=float)
    if ys.ndim != 1 or not len(ys):
        raise ValueError(f"a line is an array of shape {ys.shape}; expected {{x: y}}, (xs, ys) or numbers")
    return np.arange(1, len(ys) + 1, dtype=float), ys


def _draw_lines(axes, drawn, errors, dashed, markers, log, colours, width=1.9):
    axes.set_xscale("log" if "x" in log else "linear")
    axes.set_yscale("log" if "y" in log else "linear")
    own = [name for name in drawn if name not in colours]
    colours = dict(zip(own, told_apart([colour(name, i) for i, name in enumerate(drawn) if name in own]), strict=True)) | colours
    for name, (xs, ys) in drawn.items():
        shade = colours[name]
        dots = len(xs) <= 12 if markers is None else markers
        axes.plot(
            xs,
            ys,
            color=shade,
            linestyle=(0, (4, 2)) if name in dashed else "-",
            marker="o" if dots else None,
            label=name,
            markersize=4.5,
            linewidth=width,
            zorder=3,
        )
        if name in errors:
            half = np.broadcast_to(np.asarray(errors[name], dtype=float), ys.shape)
            axes.fill_between(xs, ys - half, ys + half, color=shade, alpha=0.18, linewidth=0, zorder=2)


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
    log_ticks(axes, "y") if "y" in log else short_numbers(axes.yaxis)


@styled
def scatter(
    points, title="", xlabel="", ylabel="", own=None, errors=None, log="", xlim=None, ylim=None, colours=None, note="",
    alt="", figsize=(6.4, 4.0)
):  # fmt: skip
    """Dots with their names beside them.

    points: name -> (x, y), or a DataFrame with two columns. own: the same for hollow markers, the reader's
    own runs. errors: name -> half the height of its error bar, or (half width, half height). log: "x", "y" or "xy".
    """
    points, own, errors = _pairs(points), _pairs(own or {}), errors or {}
    if not points and not own:
        raise ValueError("points is empty; expected name -> (x, y)")
    figure = Figure(title, figsize, alt or f"Scatter: {title or ylabel} ({', '.join(points)}); {xlabel} against {ylabel}", note)
    axes = figure.panel(left=0.75, right=0.2)
    axes.set_xscale("log" if "x" in log else "linear")
    axes.set_yscale("log" if "y" in log else "linear")
    written, clear = [], []
    for hollow, group in ((False, points), (True, own)):
        for i, (name, (x, y)) in enumerate(group.items()):
            shade = (colours or {}).get(name) or colour(name, i)
            half = errors.get(name) if not hollow else None
            if half is not None:
                wide, tall = half if isinstance(half, tuple) else (0, half)
                axes.errorbar(x, y, xerr=wide or None, yerr=tall or None, color=shade, linewidth=1.2, capsize=2.5, zorder=2)
                clear.append((x, y - tall, x, y + tall))
            axes.plot(
                [x],
                [y],
                "o",
                markersize=9 if hollow else 7.5,
                color="white" if hollow else shade,
                markeredgecolor=shade,
                markeredgewidth=1.8 if hollow else 0,
                zorder=4,
            )
            written.append((x, y, name, shade))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.margins(0.3, 0.14)  # room for names beside the outermost dots
    axes.set(xlim=xlim or axes.get_xlim(), ylim=ylim or axes.get_ylim())
    axes.grid(True)
    log_ticks(axes, "x") if "x" in log else short_numbers(axes.xaxis)
    log_ticks(axes, "y") if "y" in log else short_numbers(axes.yaxis)
    make_room(axes, 0.75)
    place_labels(axes, written, keep_clear=clear)
    return figure


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


def _pairs(points):
    if hasattr(points, "itertuples"):
        return {str(row[0]): (float(row[1]), float(row[2])) for row in points.itertuples()}
    return {str(name): (float(x), float(y)) for name, (x, y) in points.items()}


@styled
def timeline(
    values, title="", unit="", names=None, band=None, line=None, text=None, mark=(), colours=None, note="", alt="",
    figsize=(7.2, 3.7)
):  # fmt: skip
    """Upright bars over time, the value above each and who it was below, and a band to compare with.

    values: year (or any label) -> number. names: year -> words under it. band: (low, high, words), line:
    (value, words).
    """
    values, text = plain(values), text or short
    names = {str(k): str(v) for k, v in (names or {}).items()}
    figure = Figure(title, figsize, alt or f"Bars over time: {title or unit} ({', '.join(values)})", note)
    slot = (figsize[0] - 0.85) / len(values)
    under = {k: wrap(v, slot - 0.06, 9) for k, v in names.items()}
    deep = max((v.count("\n") + 1 for v in under.values()), default=0)
    axes = figure.panel(left=0.7, right=0.15, bottom=0.28 + 0.16 * deep, top=0.1)
    mark = {mark} if isinstance(mark, str) else set(map(str, mark))
    for i, (label, value) in enumerate(values.items()):
        shade = (colours or {}).get(label) or colour(names.get(label, label), default=ACCENT if label in mark else NEUTRAL)
        axes.bar(i, value, 0.66, color=shade, zorder=2)
    axes.set_ylim(0, max(values.values()) * 1.13)
    for i, value in enumerate(values.values()):
        axes.annotate(text(value), (i, value), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9.5, zorder=5)
    axes.set_xlim(-0.55, len(values) - 0.45)
    axes.set_xticks(range(len(values)), [""] * len(values))
    for i, label in enumerate(values):
        for row, words in enumerate([label, *under.get(label, "").split("\n")]):  # each on its own baseline
            axes.annotate(
                words,
                (i, 0),
                xytext=(0, -13 - 11.5 * row),
                textcoords="offset points",
                ha="center",
                va="baseline",
                fontsize=9.5 if row == 0 else 9,
                color=INK if row == 0 else GREY,
                annotation_clip=False,
            )
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(unit)
    short_numbers(axes.yaxis)
    shade = PALETTE[1]
    if band:
        axes.axhspan(band[0], band[1], color=tint(shade, 0.55), alpha=0.55, zorder=1, linewidth=0)
    if line:
        axes.axhline(line[0], color=shade, linewidth=1.5, linestyle=(0, (4, 2)), zorder=3)
    places = [place for place in ((band and band[1], band and band[2]), line or (None, None)) if place[0] is not None]
    for height, words in places:  # at the right, above the numbers of the bars that they would cross
        room = axes.get_ylim()[1] * 0.2 / (axes.bbox.height / figure.dpi)
        wide = text_width(words, 9) / slot
        crossed = [v for i, v in enumerate(values.values()) if i > len(values) - 1 - wide]
        top = max([height, *(v + room for v in crossed if v + room > height)])
        axes.text(
            len(values) - 0.5, top + room * 0.15, words, ha="right", va="bottom", fontsize=9, color=readable(shade), zorder=5
        )
    return figure


@styled
def histogram(values, title="", xlabel="", ylabel="share of values", bins=40, xlim=None, note="", alt="", figsize=(6.4, 3.2)):
    """The distribution of one or several sets of numbers. values: name -> numbers, or numbers alone."""
    import seaborn  # which imports pyplot: not before it is needed

    named = values if hasattr(values, "items") else {"": values}
    groups = {str(name): to_array(numbers).ravel() for name, numbers in named.items()}
    low, high = xlim or (min(map(np.min, groups.values())), max(map(np.max, groups.values())))
    figure = Figure(title, figsize, alt or f"Histogram: {title or xlabel} ({', '.join(filter(None, groups)) or xlabel})", note)
    shades = {name: colour(name, i) if name else ACCENT for i, (name, _) in enumerate(groups.items())}
    if len(groups) > 1:
        key(figure, shades)
    axes = figure.panel(left=0.75)
    look = {"bins": bins, "binrange": (low, high), "stat": "proportion", "element": "step", "linewidth": 1.8, "ax": axes}
    for name, numbers in groups.items():
        seaborn.histplot(x=numbers, color=shades[name], fill=len(groups) == 1, **look)
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(low, high))
    axes.grid(True, axis="y")
    short_numbers(axes.xaxis)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


@styled
def heat(
    matrix, rows=None, columns=None, title="", unit="", xlabel="", ylabel="", text=short, diverging=False, limits=None,
    note="", alt="", figsize=None
):  # fmt: skip
    """A matrix as colours, and as numbers where the cells are large enough.

    matrix: (R, C), or a DataFrame, whose labels are used; nan leaves a cell blank. rows, columns: names. unit: what the
    numbers are. text: number -> str, "" for none. diverging: white at zero, for numbers of both signs. limits: (low, high) of
    the colours.
    """
    import seaborn  # which imports pyplot: not before it is needed

    if hasattr(matrix, "columns"):
        rows, columns = rows or list(matrix.index), columns or list(matrix.columns)
    matrix = to_array(matrix).astype(float)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"matrix has shape {matrix.shape}; expected (rows, columns)")
    rows, columns = [list(map(str, names if names is not None else [])) for names in (rows, columns)]
    place = _heat_places(matrix.shape, rows, columns, title, note, bool(xlabel), bool(ylabel), figsize)
    figure = Figure(title, place["size"], alt or f"Heat map: {title or unit} ({matrix.shape[0]} x {matrix.shape[1]})", note)
    axes = figure.panel(**place["margins"])
    low, high = limits or (np.nanmin(matrix), np.nanmax(matrix))
    if diverging:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    box, inches = axes.get_position(), figure.get_size_inches()
    bar = figure.add_axes((box.x1 + 0.12 / inches[0], box.y0, 0.13 / inches[0], box.height))
    words = np.array([["" if math.isnan(v) or text == "" else text(v) for v in row] for row in matrix])
    side = min(box.width * inches[0] / matrix.shape[1] - 0.04, 2.2 * box.height * inches[1] / matrix.shape[0])
    widest = max(words.ravel(), key=len)
    size = next((size for size in (9, 8) if text_width(widest, size) <= side), None)
    axes.set_facecolor("#f2f2f2")  # of blank cells
    seaborn.heatmap(
        matrix,
        vmin=low,
        vmax=high,
        cmap="RdBu_r" if diverging else "Blues",
        annot=words if size else None,
        fmt="",
        annot_kws={"fontsize": size, "va": "center_baseline"},
        xticklabels=columns,
        yticklabels=rows,
        ax=axes,
        cbar_ax=bar,
    )
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False, rotation=0)
    axes.tick_params(axis="x", rotation=90 if place["slant"] else 0)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    bar.yaxis.set_major_locator(MaxNLocator(4))
    short_numbers(bar.yaxis)
    bar.tick_params(length=0, labelsize=9)
    bar.set_ylabel(unit, fontsize=9)
    return figure


def _heat_places(shape, rows, columns, title, note, xlabel, ylabel, figsize) -> dict:
    """Size and margins of a heat map whose cells are square where room is left for all names; slant: columns named upwards."""
    count, wide = shape
    cell = min(0.62, 4.8 / wide, 4.6 / count)
    left = 0.2 + max((text_width(row, 9.5) for row in rows), default=0.1) + 0.25 * ylabel
    longest = max((text_width(column, 9.5) for column in columns), default=0)
    slant = longest > cell - 0.06
    top = (0.1 + longest if slant else 0.25) if columns else 0.05
    bottom = 0.1 + 0.25 * xlabel
    width = max(left + cell * wide + 1.0, min(4.6, text_width(title, 12) + 0.25))
    size = figsize or (width, 0.45 + 0.2 * (len(title) > 50) + 0.2 * bool(note) + bottom + top + max(cell * count, 1.0))
    right = 0.95 if figsize else size[0] - left - cell * wide
    return {"size": size, "slant": slant, "margins": {"left": left, "right": right, "top": top, "bottom": bottom}}


def to_array(values) -> np.ndarray:
    """A numpy array from a tensor (on any device, of any float type), a list or an array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values
        return values.numpy()
    return np.asarray(values)


def to_picture(image) -> np.ndarray:
    """(H, W) or (H, W, 3) for imshow from uint8 or float (3, H, W), (1, H, W), (H, W) or (H, W, 3)."""
    array = to_array(image)
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3):
        array = np.moveaxis(array, 0, 2)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        raise ValueError(f"an image has shape {array.shape}; expected (3, H, W), (H, W, 3) or (H, W)")
    if array.ndim == 3 and array.dtype != np.uint8:
        return np.clip(array, 0, 1)
    return array


@styled
def images(
    items, titles=None, title="", columns=None, rows=None, size=None, overlays=None, shades="gray", limits=None,
    frames=None, frame_width=2, note="", alt=""
):  # fmt: skip
    """A grid of images.

    items: tensors or arrays (3, H, W), (H, W, 3) or (H, W), uint8 or floats from 0 to 1; None leaves a gap.
    titles: words above each image. columns: how many in a row. rows: words at the left of each row. size:
    side of an image. overlays: one map (h, w) an image, laid over it in colour, strong where it is large.
    shades: matplotlib colour map of one-channel images; limits: their (low, high), each its own by default.
    frames: a colour, or None, around each image.
    """
    items = [None if item is None else to_picture(item) for item in items]
    if all(item is None for item in items):
        raise ValueError("items is empty; expected a list of images")
    grid = _Grid(items, titles, rows, columns, size)
    wide = max(grid.width, 3.2 if title else 0)
    tall = 0.04 + around(wide, title, note) + grid.height
    figure = Figure(title, (wide, tall), alt or f"{len(items)} images: {title}", note)
    sheet = figure.sheet()
    scale = {"vmin": limits and limits[0], "vmax": limits and limits[1], "cmap": shades}
    for i, (item, (x, y)) in enumerate(zip(items, grid.corners(tall - figure.head + 0.04), strict=True)):
        if rows and i % grid.columns == 0:
            words = rows[i // grid.columns]
            sheet.text(grid.left - 0.1, y + grid.side * grid.ratio / 2, words, ha="right", va="center", fontsize=9.5)
        if item is None:
            continue
        extent = grid.extent(item, x, y)
        smooth = "nearest" if extent[1] - extent[0] > item.shape[1] / DPI else "antialiased"
        sheet.imshow(item, extent=extent, aspect="auto", interpolation=smooth, **scale)
        if overlays is not None and overlays[i] is not None:
            _overlay(sheet, to_array(overlays[i]), extent)
        frame = frames[i] if frames else None
        if frame:
            corner, width, height = extent[::2], extent[1] - extent[0], extent[3] - extent[2]
            sheet.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=frame, linewidth=frame_width))
        if grid.words:
            x, y = x + grid.side / 2, y + grid.side * grid.ratio + 0.05
            ink = readable(frame) if frame else INK
            sheet.text(x, y, grid.words[i], ha="center", va="bottom", fontsize=9, linespacing=1.15, color=ink)
    sheet.set(xlim=(0, wide), ylim=(0, tall))
    return figure


class _Grid:
    """Where the images of a grid stand, in inches: each in a cell as high as the tallest, words above it."""

    def __init__(self, items, titles, rows, columns, size):
        self.columns = columns or min(len(items), 8 if len(items) > 12 else 6)
        self.ratio = max(item.shape[0] / item.shape[1] for item in items if item is not None)
        self.left = 0.1 + (0.12 + max(text_width(row, 9.5) for row in rows) if rows else 0)
        self.gap = 0.12 if titles else 0.06
        self.side = size or min(2.6, (7.2 - self.left - 0.1) / self.columns - self.gap)
        self.words = [wrap(words, self.side + self.gap - 0.04, 9) for words in titles] if titles else []
        self.deep = []  # what the words above each row take
        for start in range(0, len(items), self.columns):
            lines = max((w.count("\n") + 1 for w in self.words[start : start + self.columns] if w), default=0)
            self.deep.append(0.165 * lines + 0.06 if lines else 0)
        self.width = self.left + self.columns * (self.side + self.gap) + 0.1 - self.gap
        self.height = len(self.deep) * (self.side * self.ratio + self.gap) + sum(self.deep)
        self.count = len(items)

    def corners(self, top):
        """The lower left corner of each cell, row by row from `top` down."""
        for i in range(self.count):
            row, column = divmod(i, self.columns)
            if column == 0:
                top -= self.deep[row] + self.side * self.ratio + (self.gap if row else 0)
            yield self.left + column * (self.side + self.gap), top

    def extent(self, item, x, y):
        """(left, right, bottom, top) of an image in the cell at (x, y): as large as fits, in the middle."""
        h, w = item.shape[:2]
        scale = min(self.side / w, self.side * self.ratio / h)
        return x + (self.side - w * scale) / 2, x + (self.side + w * scale) / 2, y, y + h * scale


def _overlay(axes, weight, extent):
    weight = np.clip((weight - weight.min()) / max(np.ptp(weight), 1e-9), 0, 1)
    rgba = matplotlib.colormaps["inferno"](weight)
    rgba[..., 3] = 0.15 + 0.5 * weight
    axes.imshow(rgba, extent=extent, aspect="auto", interpolation="bilinear")
