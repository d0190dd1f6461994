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
from matplotlib.colors import to_rgb
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
from cnn_course.plots.colours import ACCENT, GREY, INK, NEUTRAL, PALETTE, colour, family, readable, tint


def plain(values) -> dict:
    """A dict of floats (or of dicts of floats) from a dict, a Series or a DataFrame."""
    if hasattr(values, "columns"):
        return {str(row): {str(c): float(values.loc[row, c]) for c in values.columns} for row in values.index}
    if hasattr(values, "items"):
        return {str(k): plain(v) if hasattr(v, "items") else float(v) for k, v in values.items()}
    raise ValueError(f"values is {type(values).__name__}; expected a dict, a Series or a DataFrame")


@styled
def bars(
    values,
    title="",
    unit="",
    errors=None,
    text=None,
    mark=(),
    stacked=False,
    band=None,
    limit=None,
    colours=None,
    note="",
    alt="",
    figsize=None,
):
    """Horizontal bars, one a label, its value at its end; grouped bars where each label has several values.

    values: label -> number, or label -> {series -> number}, as dict, Series or DataFrame. unit: what the
    numbers are, such as "million parameters". errors: like values, half the length of an error bar. text:
    value -> str, default `short`; "" hides the numbers. mark: labels that matter, coloured where the others
    are grey. stacked: series one behind the other. band: (low, high, words) shades a range of values. limit:
    (low, high) of the axis; where it leaves zero out, dots stand in for bars, whose length would mislead.
    colours: label (or series) -> colour; by default each family has its own.
    """
    values, errors, text = plain(values), plain(errors or {}), short if text is None else text
    if not values:
        raise ValueError("values is empty; expected label -> number")
    labels = list(values)
    grouped = isinstance(values[labels[0]], dict)
    series = list(dict.fromkeys(s for v in values.values() for s in v)) if grouped else [""]
    rows = len(labels) * (1 if stacked else len(series))
    tall = (0.32 if rows < 12 else 0.26) * rows + (0.12 * len(labels) if grouped else 0)
    size = figsize or (6.4, 1.0 + max(1.0, tall))
    kind = "Stacked bars" if stacked else "Bars"
    figure = Figure(title, size, alt or f"{kind}: {title or unit} ({', '.join(labels)})", note)
    look = {s: (colours or {}).get(s) or colour(s, i) for i, s in enumerate(series)}
    if grouped:
        key(figure, look)
    mark = {mark} if isinstance(mark, str) else set(mark)
    left = 0.25 + max(text_width(label, 9.5, "bold" if label in mark else "normal") for label in labels)
    dots = limit is not None and not limit[0] <= 0 <= limit[1]
    axes = figure.panel(left=left, right=0.25, bottom=(0.28 if stacked or dots else 0.05) + (0.24 if unit else 0.05))
    ends, thick = [], 0.72 if stacked or not grouped else 0.8 / len(series)
    for i, label in enumerate(labels):
        start = 0.0
        for j, name in enumerate(series):
            value = values[label].get(name, math.nan) if grouped else values[label]
            if math.isnan(value):
                continue
            shade = look[name] if grouped else _shade(label, mark, colours)
            y = i if stacked or not grouped else i + (j - (len(series) - 1) / 2) * thick
            if dots:
                axes.plot(value, y, "o", color=shade, markersize=7)
            else:
                axes.barh(
                    y, value, thick * (1 if stacked else 0.94), left=start, color=shade, edgecolor="white" if stacked else "none"
                )
            error = (errors.get(label) or {}).get(name) if grouped else errors.get(label)
            if error:
                axes.errorbar(
                    start + value,
                    y,
                    xerr=error,
                    color=shade if dots else INK,
                    linewidth=1.1,
                    capsize=2.5,
                    zorder=1.5 if dots else 3,
                )
            words = text(value) if callable(text) else text
            if stacked and words:
                ends.append((start + value / 2, y, words, abs(value), shade))
            elif words:
                ends.append((value + (error or 0) * (1 if value >= 0 else -1), y, " " * dots + words, None, INK))
            start += value if stacked else 0
    _value_axis(axes, ends, limit, stacked, ticks=dots)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.45, -0.55)
    for tick in axes.get_yticklabels():
        if tick.get_text() in mark:
            tick.set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    if band:
        axes.axvspan(band[0], band[1], color=tint(PALETTE[1], 0.3), zorder=0)
        axes.text(band[1], len(labels) - 0.5, f" {band[2]}", fontsize=9, color=readable(PALETTE[1]), va="bottom")
    axes.set_xlabel(unit, labelpad=4)
    return figure


def _shade(label, mark, colours):
    """The colour of a bar: grey where others are marked, else its own, its family's, or a neutral one."""
    if mark and label not in mark:
        return tint(NEUTRAL, 0.6)
    return (colours or {}).get(label) or colour(label, default=ACCENT if label in mark else NEUTRAL)


def _value_axis(axes, ends, limit, stacked, ticks=False):
    """Limits so that the numbers at the ends of the bars fit, then the numbers, which replace the ticks."""
    figure, gap = axes.figure, 0.06
    wide = axes.bbox.width / figure.dpi
    if limit:
        axes.set_xlim(limit)
    else:
        low, high = min(0, axes.dataLim.x0), max(0, axes.dataLim.x1)
        for end, _, words, _, _ in [] if stacked else 3 * ends:  # each number changes the scale for the others
            share = min(0.8, (text_width(words, 9.5) + gap) / wide)
            if end >= 0:
                high = max(high, low + (end - low) / (1 - share))
            else:
                low = min(low, high - (high - end) / (1 - share))
        axes.set_xlim(low, high if high > low else 1)
    inch = (axes.get_xlim()[1] - axes.get_xlim()[0]) / wide
    for end, y, words, room, shade in ends:
        if room is None:
            side = 1 if end >= 0 else -1
            axes.text(end + side * gap * inch, y, words, fontsize=9.5, va="center_baseline", ha="left" if side > 0 else "right")
        elif text_width(words, 9) < room / inch - 0.06:
            dark = np.dot(to_rgb(shade), (0.3, 0.59, 0.11)) < 0.55
            axes.text(end, y, words, fontsize=9, va="center_baseline", ha="center", color="white" if dark else INK)
    axes.spines["left"].set_visible(axes.get_xlim()[0] >= 0)
    if axes.get_xlim()[0] < 0:
        axes.axvline(0, color=GREY, linewidth=0.8)
    if ticks:
        axes.grid(True, axis="x")
    if ends and not stacked and not ticks:
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
    else:
        short_numbers(axes.xaxis)


@styled
def side_by_side(table, title="", units=None, text=None, mark=(), colours=None, shares=False, note="", alt="", figsize=None):
    """One panel of bars for each column of a table: parameters beside multiply-adds, say.

    table: DataFrame or label -> {column -> number}. units: column -> words above its panel, default the
    column's name. shares: write each value's share of its column's sum instead of the value. mark, colours,
    text: as in `bars`.
    """
    values = plain(table)
    labels, columns = list(values), list(dict.fromkeys(c for row in values.values() for c in row))
    size = figsize or (7.2 if len(columns) < 4 else 8.2, 0.75 + max(0.9, (0.3 if len(labels) < 12 else 0.245) * len(labels)))
    figure = Figure(title, size, alt or f"Bars side by side: {title or ', '.join(columns)} ({', '.join(labels)})", note)
    mark = {mark} if isinstance(mark, str) else set(mark)
    left = 0.25 + max(text_width(label, 9.5, "bold" if label in mark else "normal") for label in labels)
    heads = [wrap((units or {}).get(c, c), (size[0] - left) / len(columns) - 0.25, 9.5) for c in columns]
    panels = figure.panels(
        1,
        len(columns),
        left=left,
        right=0.15,
        bottom=0.05,
        gaps=(0.25, 0),
        top=0.02 + 0.17 * max(h.count("\n") + 1 for h in heads),
    )
    for i, (axes, column, head) in enumerate(zip(panels, columns, heads, strict=True)):
        total = sum(row.get(column, 0) for row in values.values())
        ends = []
        for y, label in enumerate(labels):
            value = values[label].get(column, math.nan)
            if math.isnan(value):
                continue
            axes.barh(y, value, 0.72, color=_shade(label, mark, colours))
            write = text.get(column) if isinstance(text, Mapping) else text
            words = (write or short)(value)
            if shares and total:
                words = "<0.1%" if 0 < value / total < 0.0005 else f"{value / total:.1%}"
            ends.append((value, y, words, None, INK))
        _value_axis(axes, ends, None, False)
        axes.set_yticks(range(len(labels)), labels if i == 0 else [""] * len(labels))
        axes.set_ylim(len(labels) - 0.45, -0.55)
        axes.tick_params(axis="y", length=0)
        axes.set_title(head, fontsize=9.5, pad=4, color=GREY)
        for tick in axes.get_yticklabels():
            if tick.get_text() in mark:
                tick.set_fontweight("bold")
    return figure


@styled
def lines(
    series,
    title="",
    xlabel="",
    ylabel="",
    errors=None,
    dashed=(),
    markers=None,
    log="",
    xlim=None,
    ylim=None,
    colours=None,
    band=None,
    marks=None,
    whole=None,
    note="",
    alt="",
    figsize=(6.4, 3.6),
):
    """Lines with their names at their right ends.

    series: name -> {x: y}, (xs, ys), or ys over 1, 2, ...; a Series or DataFrame will do. errors: name ->
    half width of a band, a number or one a point. dashed: names drawn dashed. markers: a dot at each point
    (default: up to 12 points). log: "x", "y" or "xy". band: (low, high, words) shades a range of y. marks:
    words -> x of a vertical line. whole: x are whole numbers.
    """
    drawn = {str(name): _xy(values) for name, values in series.items()}
    if not drawn:
        raise ValueError("series is empty; expected name -> values")
    figure = Figure(title, figsize, alt or f"Lines: {title or ylabel} ({', '.join(drawn)}); {xlabel} against {ylabel}", note)
    named = [name for name in drawn if not name.startswith("_")]
    right = 0.3 + max((text_width(name, 9.5) for name in named), default=0)
    axes = figure.panel(left=0.72, right=right, bottom=0.5, top=0.2 if marks else 0.05)
    _draw_lines(axes, drawn, errors or {}, dashed, markers, log, colours or {})
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set(xlim=xlim) if xlim else None
    axes.set(ylim=ylim) if ylim else None
    tidy(axes, log, whole)
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


def _xy(values):
    """Two arrays from {x: y}, a Series, a pair (xs, ys), or ys alone."""
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
    used = {}
    for i, (name, (xs, ys)) in enumerate(drawn.items()):
        shade = colours.get(name) or colour(name, i)
        if name not in colours and family(name):  # more networks of one family: darker, lighter, darkest
            used[family(name)] = turn = used.get(family(name), -1) + 1
            shade = (shade, tuple(0.55 * np.array(to_rgb(shade))), tint(shade, 0.55), tuple(0.3 * np.array(to_rgb(shade))))[
                turn % 4
            ]
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
    if "x" not in log:
        if whole or (whole is None and len(xs) and np.all(xs == np.round(xs))):
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
    points,
    title="",
    xlabel="",
    ylabel="",
    own=None,
    errors=None,
    log="",
    xlim=None,
    ylim=None,
    colours=None,
    note="",
    alt="",
    figsize=(6.4, 4.0),
):
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
    values,
    title="",
    unit="",
    names=None,
    band=None,
    line=None,
    text=None,
    mark=(),
    colours=None,
    note="",
    alt="",
    figsize=(7.2, 3.7),
):
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
    named = values if hasattr(values, "items") else {"": values}
    groups = {str(name): to_array(numbers).ravel() for name, numbers in named.items()}
    low, high = xlim or (min(map(np.min, groups.values())), max(map(np.max, groups.values())))
    edges = np.linspace(low, high, bins + 1)
    figure = Figure(title, figsize, alt or f"Histogram: {title or xlabel} ({', '.join(groups)})", note)
    if len(groups) > 1:
        key(figure, {name: colour(name, i) for i, name in enumerate(groups)})
    axes = figure.panel(left=0.75)
    for i, (name, numbers) in enumerate(groups.items()):
        counts = np.histogram(numbers, edges)[0] / len(numbers)
        axes.stairs(counts, edges, color=colour(name, i) if name else ACCENT, fill=len(groups) == 1, linewidth=1.8)
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(low, high))
    axes.grid(True, axis="y")
    short_numbers(axes.xaxis)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


@styled
def heat(
    matrix,
    rows=None,
    columns=None,
    title="",
    unit="",
    xlabel="",
    ylabel="",
    text=None,
    diverging=False,
    limits=None,
    mask=None,
    note="",
    alt="",
    figsize=None,
):
    """A matrix as colours, and as numbers where the cells are large enough.

    matrix: (R, C), or a DataFrame, whose labels are used. rows, columns: names. unit: what the numbers are.
    text: number -> str, "" for none. diverging: white at zero, for numbers of both signs. limits: (low, high)
    of the colours. mask: boolean (R, C), True where a cell stays blank.
    """
    if hasattr(matrix, "columns"):
        rows, columns = rows or list(map(str, matrix.index)), columns or list(map(str, matrix.columns))
    matrix = to_array(matrix).astype(float)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"matrix has shape {matrix.shape}; expected (rows, columns)")
    mask = np.isnan(matrix) if mask is None else np.asarray(mask, dtype=bool) | np.isnan(matrix)
    count, wide = matrix.shape
    rows, columns = [str(r) for r in rows or []], [str(c) for c in columns or []]
    cell = min(0.62, 4.8 / wide, 4.6 / count)
    left = 0.2 + max((text_width(r, 9.5) for r in rows), default=0.1) + (0.25 if ylabel else 0)
    slant = columns and max(text_width(c, 9.5) for c in columns) > cell - 0.06
    tall = (0.1 + max(text_width(c, 9.5) for c in columns) if slant else 0.25) if columns else 0.05
    bottom = 0.1 + (0.25 if xlabel else 0)
    size = figsize or (
        max(left + cell * wide + 1.0, min(4.6, text_width(title, 12) + 0.25)),
        0.45 + 0.2 * (len(title) > 50) + bottom + tall + max(cell * count, 1.0),
    )
    if figsize is None and note:
        size = size[0], size[1] + 0.2
    figure = Figure(title, size, alt or f"Heat map: {title or unit} ({count} x {wide})", note)
    axes = figure.panel(left=left, right=size[0] - left - cell * wide if figsize is None else 0.95, bottom=bottom, top=tall)
    low, high = limits or (np.min(matrix, where=~mask, initial=np.inf), np.max(matrix, where=~mask, initial=-np.inf))
    if diverging:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    shades = matplotlib.colormaps["RdBu_r" if diverging else "Blues"].with_extremes(bad="#f2f2f2")
    picture = axes.imshow(np.ma.array(matrix, mask=mask), cmap=shades, vmin=low, vmax=high, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=90 if slant else 0)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    for spine in axes.spines.values():
        spine.set_visible(False)
    box, inches = axes.get_position(), figure.get_size_inches()
    write = text if text is not None else short
    words = {} if write == "" else {(i, j): write(matrix[i, j]) for i in range(count) for j in range(wide) if not mask[i, j]}
    side = min(box.width * inches[0] / wide - 0.04, 2.2 * box.height * inches[1] / count)
    widest = max(words.values(), key=len, default="")
    fits = words and text_width(widest, 9) <= side
    if fits or (words and text_width(widest, 8) <= side):
        for (i, j), word in words.items():
            rgba = shades((matrix[i, j] - low) / max(high - low, 1e-12))
            axes.text(
                j,
                i,
                word,
                ha="center",
                va="center_baseline",
                fontsize=9 if fits else 8,
                color="white" if np.dot(rgba[:3], (0.3, 0.59, 0.11)) < 0.5 else INK,
            )
    bar = figure.add_axes((box.x1 + 0.12 / inches[0], box.y0, 0.13 / inches[0], box.height))
    figure.colorbar(picture, cax=bar)
    bar.spines["outline"].set_visible(False)
    bar.yaxis.set_major_locator(MaxNLocator(4))
    short_numbers(bar.yaxis)
    bar.tick_params(length=0, labelsize=9)
    bar.set_ylabel(unit, fontsize=9)
    return figure


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
    items,
    titles=None,
    title="",
    columns=None,
    rows=None,
    size=None,
    overlays=None,
    shades="gray",
    limits=None,
    frames=None,
    frame_width=2,
    note="",
    alt="",
):
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
    columns = columns or min(len(items), 8 if len(items) > 12 else 6)
    count = math.ceil(len(items) / columns)
    ratio = max(item.shape[0] / item.shape[1] for item in items if item is not None)
    left = 0.1 + (0.12 + max(text_width(r, 9.5) for r in rows) if rows else 0)
    gap = 0.06 if not titles else 0.12
    side = size or min(2.6, (7.2 - left - 0.1) / columns - gap)
    words = [wrap(t, side + gap - 0.04, 9) for t in titles] if titles else []
    above = [max((w.count("\n") + 1 for w in words[i * columns : (i + 1) * columns] if w), default=0) for i in range(count)]
    deep = [0.165 * lines + 0.06 if lines else 0 for lines in above]
    wide = max(left + columns * (side + gap) + 0.1 - gap, 3.2 if title else 0)
    tall = 0.04 + around(wide, title, note) + count * (side * ratio + gap) + sum(deep)
    figure = Figure(title, (wide, tall), alt or f"{len(items)} images: {title}", note)
    sheet = figure.sheet()
    y = tall - figure.head + 0.04
    for row in range(count):
        y -= deep[row] + side * ratio + (gap if row else 0)
        if rows:
            sheet.text(left - 0.1, y + side * ratio / 2, rows[row], ha="right", va="center", fontsize=9.5)
        for column, item in enumerate(items[row * columns : (row + 1) * columns]):
            place = row * columns + column
            if item is None:
                continue
            x = left + column * (side + gap)
            h, w = item.shape[:2]
            scale = min(side / w, side * ratio / h)
            extent = (x + (side - w * scale) / 2, x + (side + w * scale) / 2, y, y + h * scale)
            sheet.imshow(
                item,
                extent=extent,
                aspect="auto",
                cmap=shades,
                interpolation="nearest" if scale * DPI > 1 else "antialiased",
                vmin=limits and limits[0],
                vmax=limits and limits[1],
            )
            if overlays is not None and overlays[place] is not None:
                _overlay(sheet, to_array(overlays[place]), extent)
            if frames and frames[place]:
                sheet.add_patch(
                    Rectangle(
                        extent[::2],
                        extent[1] - extent[0],
                        extent[3] - extent[2],
                        fill=False,
                        edgecolor=frames[place],
                        linewidth=frame_width,
                    )
                )
            if words:
                sheet.text(
                    x + side / 2,
                    y + side * ratio + 0.05,
                    words[place],
                    ha="center",
                    va="bottom",
                    fontsize=9,
                    linespacing=1.15,
                    color=readable(frames[place]) if frames and frames[place] else INK,
                )
    sheet.set(xlim=(0, wide), ylim=(0, tall))
    return figure


def _overlay(axes, weight, extent):
    weight = np.clip((weight - weight.min()) / max(np.ptp(weight), 1e-9), 0, 1)
    rgba = matplotlib.colormaps["inferno"](weight)
    rgba[..., 3] = 0.15 + 0.5 * weight
    axes.imshow(rgba, extent=extent, aspect="auto", interpolation="bilinear")
