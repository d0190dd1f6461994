"""Figures of any kind of numbers: bars, lines, dots.

All take `title` (a sentence), `note` (small print at the bottom) and `alt` (the sentence that stands for the
picture, made from title and names where it is not given). Some take `figsize` (inches); the others are as large
as their contents need.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from cnn_course.plots.canvas import Figure, end_labels, key, place_labels, short, styled, text_width, wrap, written
from cnn_course.plots.colours import ACCENT, GREY, INK, NEUTRAL, PALETTE, colour, is_dark, readable, tint, told_apart
from cnn_course.plots.ticks import make_room, set_scales, set_ticks, short_numbers, tidy
from cnn_course.values import kind


def items_of(values, what, expected):
    """The (name, value) pairs of a dict, or of what is like one. ValueError for anything else."""
    if not hasattr(values, "items"):
        raise ValueError(f"{what} is {kind(values)}; expected {expected}")
    return values.items()


def plain(values) -> dict:
    """A dict of floats (or of dicts of floats) from a dict, a Series or a DataFrame."""
    if hasattr(values, "columns"):
        return {str(row): {str(c): float(values.loc[row, c]) for c in values.columns} for row in values.index}
    named = items_of(values, "values", "label -> number, as a dict, a Series or a DataFrame")
    return {str(k): plain(v) if hasattr(v, "items") else float(v) for k, v in named}


@styled
def bars(values, title="", unit="", errors=None, text=short, mark=(), stacked=False, limit=None, colours=None, note="", alt=""):
    """Horizontal bars, one a label, its value at its end; grouped bars where each label has several values.

    values: label -> number, or label -> {series -> number}, as dict, Series or DataFrame. unit: what the
    numbers are, such as "million parameters". errors: like values, half the length of an error bar. text:
    value -> str, or a format such as "{:.1f}"; "" hides the numbers. mark: labels that matter, coloured where the others are
    grey. stacked: series, where there are any, one behind the other. limit: (low, high) of the axis; where it leaves zero out,
    dots stand in for bars, whose length would mislead. colours: label (or series) -> colour; by default each family has its own.
    """
    values, errors, mark, colours = plain(values), plain({} if errors is None else errors), _names(mark), by_text(colours)
    if not values:
        raise ValueError("values is empty; expected label -> number")
    labels = list(values)
    grouped = isinstance(values[labels[0]], dict)
    stacked = stacked and grouped
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
        return np.array([table.get(label, {}).get(name, absent) if grouped else table.get(label, absent) for label in labels])

    numbers = {name: column(values, name, math.nan) for name in series}
    half = {name: column(errors, name, 0.0) for name in series}
    shades = look if grouped else {"": [_shade(label, mark, colours) for label in labels]}
    if stacked:
        _stack(axes, numbers, shades, text, limit)
    elif dots:
        _dots(axes, numbers, half, shades, text, limit)
    else:
        _bars(axes, numbers, half, shades, text, limit)
    axes.set_xlabel(unit, labelpad=4)
    return figure


def _names(mark):
    return {mark} if isinstance(mark, str) else set(map(str, mark))


def by_text(values):
    """A dict or Series with texts as keys, as names are; empty for None."""
    return {} if values is None else {str(name): value for name, value in values.items()}


def _shade(label, mark, colours):
    """The colour of a bar: grey where others are marked, else its own, its family's, or a neutral one."""
    if mark and label not in mark:
        return tint(NEUTRAL, 0.6)
    return colours.get(label) or colour(label, default=ACCENT if label in mark else NEUTRAL)


def beside_rows(labels, mark=()):
    """The inches that the names of rows take at their left."""
    return 0.25 + max(text_width(label, 9.5, "bold" if label in mark else "normal") for label in labels)


def _rows(figure, labels, mark, bottom):
    """Axes with a row a label, from the top down; marked ones in bold."""
    axes = figure.panel(left=beside_rows(labels, mark), right=0.25, bottom=bottom)
    name_rows(axes, labels, mark)
    return axes


def name_rows(axes, labels, mark=(), room=0.55):
    """The names of rows, from the top down; room: above the first and below the last, in rows."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 1 + room, -room)
    axes.tick_params(axis="y", length=0)
    for tick in axes.get_yticklabels():
        tick.set_fontweight("bold" if tick.get_text() in mark else "normal")


def _beside(numbers):
    """(name, places of its values, thickness) for series drawn side by side within each row."""
    thick = 0.8 / len(numbers) if len(numbers) > 1 else 0.72
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
    return [written(value, text) for value in values]


def _room(axes, ends):
    """Limits that leave room for the words at the ends of bars."""
    wide = axes.bbox.width / axes.figure.dpi
    low, high = min([0, *(end for end, _ in ends)]), max([0, *(end for end, _ in ends)])
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
def side_by_side(table, title="", units=None, mark=(), colours=None, shares=False, note="", alt=""):
    """One panel of bars for each column of a table: parameters beside multiply-adds, say.

    table: DataFrame or label -> {column -> number}. units: column -> words above its panel, default the
    column's name. shares: write each value's share of its column's sum instead of the value, or of the total that a dict
    column -> number gives. mark, colours: as in `bars`.
    """
    values, mark, colours = plain(table), _names(mark), by_text(colours)
    labels, columns = list(values), list(dict.fromkeys(c for row in values.values() for c in row))
    tall = 0.75 + max(0.9, (0.3 if len(labels) < 12 else 0.245) * len(labels))
    wide = 7.2 if len(columns) < 4 else 8.2
    figure = Figure(title, (wide, tall), alt or f"Bars side by side: {title or ', '.join(columns)} ({', '.join(labels)})", note)
    left = beside_rows(labels, mark)
    heads = [wrap((units or {}).get(c, c), (wide - left) / len(columns) - 0.25, 9.5) for c in columns]
    top = 0.02 + 0.17 * max(head.count("\n") + 1 for head in heads)
    panels = figure.panels(1, len(columns), left=left, right=0.15, bottom=0.05, gaps=(0.25, 0), top=top)
    shades = [_shade(label, mark, colours) for label in labels]
    totals = shares if isinstance(shares, Mapping) else {}
    for axes, column, head in zip(panels, columns, heads, strict=True):
        numbers = np.array([values[label].get(column, math.nan) for label in labels])
        text = _share_of(totals.get(column, np.nansum(numbers))) if shares else short
        _bars(axes, {"": numbers}, {"": np.zeros(len(labels))}, {"": shades}, text)
        name_rows(axes, labels if axes is panels[0] else [""] * len(labels), mark)
        axes.set_title(head, fontsize=9.5, pad=4, color=GREY)
    return figure


def _share_of(total):
    """A function that writes a value as its share of the total."""
    total = total or 1
    return lambda value: "<0.1%" if 0 < value / total < 0.0005 else f"{value / total:.1%}"


@styled
def lines(
    series, title="", xlabel="", ylabel="", errors=None, dashed=(), markers=None, log="", ylim=None, colours=None,
    band=None, marks=None, note="", alt="", figsize=(6.4, 3.6)
):  # fmt: skip
    """Lines with their names at their right ends.

    series: name -> {x: y}, (xs, ys), or ys over 1, 2, ...; a Series or DataFrame will do. Where x are words they stand below
    the axis in their order; ValueError unless it is the same for all. errors: name -> half width of a band, a number or one a
    point. dashed: names drawn dashed. markers: a dot at each point (default: up to 12 points). log: "x", "y" or "xy". band:
    (low, high, words) shades a range of y. marks: words -> x of a vertical line.
    """
    drawn = {str(name): _xy(values) for name, values in items_of(series, "series", "name -> {x: y}, (xs, ys) or ys")}
    if not drawn:
        raise ValueError("series is empty; expected name -> values")
    words = _common_words(series)
    named = [name for name in drawn if not name.startswith("_")]
    figure = Figure(title, figsize, alt or f"Lines: {title or ylabel} ({', '.join(named)}); {xlabel} against {ylabel}", note)
    right = 0.3 + max((text_width(name, 9.5) for name in named), default=0)
    axes = figure.panel(left=0.72, right=right, bottom=0.5, top=0.2 if marks else 0.05)
    set_scales(axes, log)
    _draw_lines(axes, drawn, by_text(errors), _names(dashed), markers, by_text(colours))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set(ylim=ylim) if ylim else None
    tidy(axes, log)
    if words:
        axes.set_xticks(range(1, len(words) + 1), words)
    make_room(axes, 0.72)
    if band:
        axes.axhspan(band[0], band[1], color=tint(PALETTE[1], 0.25), zorder=0, linewidth=0)
        axes.text(axes.get_xlim()[0], band[1], f" {band[2]}", fontsize=9, color=readable(PALETTE[1]), va="bottom")
    for words, x in (marks or {}).items():
        axes.axvline(x, color=GREY, linewidth=0.9, linestyle=":")
        axes.text(x, 1.01, words, transform=axes.get_xaxis_transform(), fontsize=9, color=GREY, va="bottom", ha="center")
    shades = {line.get_label(): line.get_color() for line in axes.lines}
    end_labels(axes, [(*last_point(*drawn[name]), name, shades[name]) for name in named])
    return figure


def last_point(xs, ys):
    """Where a line ends: its last point that is a number."""
    seen = np.flatnonzero(np.isfinite(ys))
    last = seen[-1] if seen.size else -1
    return xs[last], ys[last]


def _common_words(series):
    """The words along the x axis, those of all series that have any. ValueError where they differ."""
    words = {name: own for name, values in series.items() if (own := _words_of_x(values))}
    first = next(iter(words), None)
    for name, own in words.items():
        if own != words[first]:
            told = f"the words along x are {', '.join(own)} in {name!r} and {', '.join(words[first])} in {first!r}"
            raise ValueError(f"{told}; expected the same ones in one order, which pd.DataFrame(series) makes")
    return words.get(first, [])


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


def _draw_lines(axes, drawn, errors, dashed, markers, colours):
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
            zorder=3,
        )
        if name in errors:
            half = np.broadcast_to(np.asarray(errors[name], dtype=float), ys.shape)
            axes.fill_between(xs, ys - half, ys + half, color=shade, alpha=0.18, linewidth=0, zorder=2)


@styled
def scatter(
    points, title="", xlabel="", ylabel="", own=None, errors=None, log="", xlim=None, colours=None, note="", alt="",
    figsize=(6.4, 4.0)
):  # fmt: skip
    """Dots with their names beside them.

    points: name -> (x, y), or a DataFrame with two columns. own: the same for hollow markers, the reader's
    own runs. errors: name -> half the height of its error bar, or (half width, half height). log: "x", "y" or "xy".
    """
    points, own = _pairs(points), _pairs({} if own is None else own)
    errors, colours = by_text(errors), by_text(colours)
    if not points and not own:
        raise ValueError("points is empty; expected name -> (x, y)")
    figure = Figure(title, figsize, alt or f"Scatter: {title or ylabel} ({', '.join(points)}); {xlabel} against {ylabel}", note)
    axes = figure.panel(left=0.75, right=0.2)
    set_scales(axes, log)
    written, clear = [], []
    for hollow, group in ((False, points), (True, own)):
        for i, (name, (x, y)) in enumerate(group.items()):
            shade = colours.get(name) or colour(name, i)
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
    axes.set(xlim=xlim or axes.get_xlim(), ylim=axes.get_ylim())
    axes.grid(True)
    set_ticks(axes, "x", log)
    set_ticks(axes, "y", log)
    make_room(axes, 0.75)
    place_labels(axes, written, keep_clear=clear)
    return figure


def _pairs(points):
    if hasattr(points, "itertuples"):
        return {str(row[0]): (float(row[1]), float(row[2])) for row in points.itertuples()}
    return {str(name): (float(x), float(y)) for name, (x, y) in items_of(points, "points", "name -> (x, y)")}


@styled
def timeline(values, title="", unit="", names=None, band=None, note="", alt=""):
    """Upright bars over time, the value above each and who it was below, and a band to compare with.

    values: year (or any label) -> number. names: year -> words under it. band: (low, high, words).
    """
    values = plain(values)
    if not values:
        raise ValueError("values is empty; expected year -> number")
    names = {str(k): str(v) for k, v in (names or {}).items()}
    figure = Figure(title, (7.2, 3.7), alt or f"Bars over time: {title or unit} ({', '.join(values)})", note)
    slot = (7.2 - 0.85) / len(values)
    under = {k: wrap(v, slot - 0.06, 9) for k, v in names.items()}
    deep = max((v.count("\n") + 1 for v in under.values()), default=0)
    axes = figure.panel(left=0.7, right=0.15, bottom=0.28 + 0.16 * deep, top=0.1)
    for i, (label, value) in enumerate(values.items()):
        axes.bar(i, value, 0.66, color=colour(names.get(label, label)), zorder=2)
    axes.set_ylim(0, max(values.values()) * 1.13)
    for i, value in enumerate(values.values()):
        axes.annotate(short(value), (i, value), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9.5, zorder=5)
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
    if band:
        _compare(axes, band, list(values.values()), slot)
    return figure


def _compare(axes, band, values, slot):
    """A band across bars that are `slot` inches apart, its words at the right above the numbers of bars that they would cross."""
    low, high, words = band
    axes.axhspan(low, high, color=tint(PALETTE[1], 0.55), alpha=0.55, zorder=1, linewidth=0)
    room = axes.get_ylim()[1] * 0.2 / (axes.bbox.height / axes.figure.dpi)
    crossed = [v for i, v in enumerate(values) if i > len(values) - 1 - text_width(words, 9) / slot]
    y = max([high, *(v + room for v in crossed)]) + room * 0.15
    axes.text(len(values) - 0.5, y, words, ha="right", va="bottom", fontsize=9, color=readable(PALETTE[1]), zorder=5)
