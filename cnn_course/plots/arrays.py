"""Figures of arrays: how their numbers are spread, a matrix as colours, images in a grid.

Keywords as in `charts`.
"""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cnn_course.plots.canvas import DPI, Figure, around, key, short, styled, text_width, wrap, written
from cnn_course.plots.colours import ACCENT, INK, colour, readable
from cnn_course.plots.ticks import short_numbers

MOST = 400  # images in one figure


@styled
def histogram(values, title="", xlabel="", xlim=None, note="", alt=""):
    """The distribution of one or several sets of numbers. values: name -> numbers, or numbers alone."""
    import seaborn  # which imports pyplot: not before it is needed

    named = values if isinstance(values, Mapping) or hasattr(values, "columns") else {"": values}
    groups = {str(name): to_array(numbers).ravel() for name, numbers in named.items()}
    low, high = xlim or (min(map(np.min, groups.values())), max(map(np.max, groups.values())))
    figure = Figure(title, (6.4, 3.2), alt or f"Histogram: {title or xlabel} ({', '.join(filter(None, groups)) or xlabel})", note)
    shades = {name: colour(name, i) if name else ACCENT for i, (name, _) in enumerate(groups.items())}
    if len(groups) > 1:
        key(figure, shades)
    axes = figure.panel(left=0.75)
    look = {"bins": 40, "binrange": (low, high), "element": "step", "linewidth": 1.8, "ax": axes}
    for name, numbers in groups.items():
        share = np.full(len(numbers), 1 / max(len(numbers), 1))  # of all values: "proportion" would leave out those beyond xlim
        seaborn.histplot(x=numbers, weights=share, color=shades[name], fill=len(groups) == 1, **look)
    axes.set(xlabel=xlabel, ylabel="share of values", xlim=(low, high))
    axes.grid(True, axis="y")
    short_numbers(axes.xaxis)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


@styled
def heat(
    matrix, rows=None, columns=None, title="", unit="", xlabel="", ylabel="", text=short, limits=None, note="", alt="",
    figsize=None
):  # fmt: skip
    """A matrix as colours, and as numbers where the cells are large enough.

    matrix: (R, C), or a DataFrame, whose labels are used; nan leaves a cell blank. rows, columns: names. unit: what the
    numbers are. text: number -> str, or a format such as "{:.1f}"; "" for none. limits: (low, high) of the colours.
    """
    import seaborn  # which imports pyplot: not before it is needed

    if hasattr(matrix, "columns"):
        rows, columns = matrix.index if rows is None else rows, matrix.columns if columns is None else columns
    matrix = to_array(matrix).astype(float)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"matrix has shape {matrix.shape}; expected (rows, columns)")
    rows, columns = [list(map(str, names if names is not None else [])) for names in (rows, columns)]
    place = _heat_places(matrix.shape, rows, columns, title, note, bool(xlabel), bool(ylabel), figsize)
    figure = Figure(title, place["size"], alt or f"Heat map: {title or unit} ({matrix.shape[0]} x {matrix.shape[1]})", note)
    axes = figure.panel(**place["margins"])
    low, high = limits or (np.nanmin(matrix), np.nanmax(matrix))
    box, wide = axes.get_position(), figure.get_size_inches()[0]
    bar = figure.add_axes((box.x1 + 0.12 / wide, box.y0, 0.13 / wide, box.height))
    words, size = _words_in_cells(axes, matrix, text)
    axes.set_facecolor("#f2f2f2")  # of blank cells
    seaborn.heatmap(
        matrix,
        vmin=low,
        vmax=high,
        cmap="Blues",
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


def _words_in_cells(axes, matrix, text):
    """(the words of each cell, their size in points): None where the widest does not fit into its cell."""
    words = np.array([[written(value, text) for value in row] for row in matrix])
    box, dpi = axes.bbox, axes.figure.dpi
    side = min(box.width / dpi / matrix.shape[1] - 0.04, 2.2 * box.height / dpi / matrix.shape[0])
    widest = max(words.ravel(), key=len)
    return words, next((size for size in (9, 8) if text_width(widest, size) <= side), None)


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
        low, high = array.min(), array.max()
        if low < -0.5 or high > 1.5:  # more than rounding or a filter adds
            advice = "of normalized images show the uint8 ones, divide 0 to 255 by 255"
            raise ValueError(f"an image has values from {low:.1f} to {high:.1f}; expected 0 to 1, or uint8: {advice}")
        return np.clip(array, 0, 1)
    return array


@styled
def images(
    items, titles=None, title="", columns=None, rows=None, size=None, overlays=None, shades="gray", limits=None,
    frames=None, frame_width=2, note="", alt=""
):  # fmt: skip
    """A grid of images.

    items: tensors or arrays (3, H, W), (H, W, 3) or (H, W), uint8 or floats from 0 to 1; None leaves a gap. Or one such image,
    or a data.Split.
    titles: words above each image. columns: how many in a row. rows: words at the left of each row. size:
    side of an image. overlays: one map (h, w) an image, laid over it in colour, strong where it is large.
    shades: matplotlib colour map of one-channel images; limits: their (low, high), each its own by default.
    frames: a colour, or None, around each image. ValueError for what is no image, for too many, and for titles, overlays or
    frames that are not one an image.
    """
    items = _pictures(items, titles=titles, overlays=overlays, frames=frames)
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


def _pictures(items, **lists):
    """The items of `images` as `to_picture` makes them, None where there is a gap; lists: what else there is one of an image."""
    items = getattr(items, "images", items)  # of a Split
    items = [items] if _is_one(items) else list(items)
    if len(items) > MOST:
        raise ValueError(f"items has {len(items):,} images; expected at most {MOST}: choose some, such as images[:40]")
    for name, given in lists.items():
        if given is not None and len(given) not in (0, len(items)):
            raise ValueError(f"{len(given)} {name} for {len(items)} images; expected a list, one an image")
    items = [None if item is None else to_picture(item) for item in items]
    if all(item is None for item in items):
        raise ValueError("items is empty; expected a list of images")
    return items


def _is_one(items):
    """Whether it is a single image, even one with alpha, which is refused: (H, W, 4), where (N, 4, 4) are N small maps."""
    shape = getattr(items, "shape", ())
    return len(shape) == 2 or (len(shape) == 3 and (3 in (shape[0], shape[2]) or shape[1] != shape[2] == 4))


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
