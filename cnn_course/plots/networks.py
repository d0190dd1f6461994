"""Figures of networks: the images they see, their mistakes, filters, maps and layers.

Keywords as in `charts`.
"""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle

from cnn_course import anatomy, data
from cnn_course.anatomy import walk
from cnn_course.plots import arrays, charts
from cnn_course.plots.arrays import to_array, to_picture
from cnn_course.plots.canvas import DPI, Figure, around, end_labels, short, styled, text_width
from cnn_course.plots.colours import ACCENT, GREY, colour, tint


def samples(images, n=5, title="", note=None, alt=""):
    """The first n images of each class, a class a column. images: a data.Split, or the data.Cifar10 to train on."""
    split = getattr(images, "train", images)
    classes = getattr(images, "classes", data.CLASSES)
    labels = to_array(split.labels)
    chosen = [np.flatnonzero(labels == k)[:n] for k in range(len(classes))]
    grid = [split.images[chosen[k][i]] if i < len(chosen[k]) else None for i in range(n) for k in range(len(classes))]
    note = getattr(images, "note", "") if note is None else note
    words = [*classes, *[""] * (len(grid) - len(classes))]
    title = title or f"The {len(classes)} classes, {n} images of each"
    return arrays.images(
        grid, words, title, columns=len(classes), size=0.68, note=note, alt=alt or f"{title}: {', '.join(classes)}"
    )


@styled
def confusion(evaluation, labels, classes=None, title="", note="", alt=""):
    """Which class is taken for which, in percent of the true class; colour for the mistakes only.

    evaluation: training.Evaluation, predicted classes (N,) or logits (N, classes). labels: true classes (N,), or their Split.
    ValueError where they do not belong together, and for a class without a name in `classes`.
    """
    classes = data.CLASSES if classes is None else classes
    if callable(evaluation):
        raise ValueError("evaluation is a network; evaluate it first: training.evaluate(net, cifar.test)")
    said, true = to_array(getattr(evaluation, "predictions", evaluation)), to_array(getattr(labels, "labels", labels))
    said = said.argmax(axis=1) if said.ndim == 2 else said
    if said.shape != true.shape or said.ndim != 1:
        raise ValueError(f"predictions of shape {said.shape} and labels of shape {true.shape}; expected one prediction a label")
    if (strange := np.setdiff1d((said, true), range(len(classes)))).size:
        advice = "give the names of all classes as classes=[...]"
        raise ValueError(f"class {strange[0]} is predicted or true; expected 0 to {len(classes) - 1}: {advice}")
    counts = np.zeros((len(classes),) * 2)
    np.add.at(counts, (true, said), 1)
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mistakes = np.where(np.eye(len(classes), dtype=bool), np.nan, share)
    title = title or "Where the mistakes are: the class of an image, and what the network says"
    size = (7.0, 5.2 + 0.16 * bool(note))
    figure = arrays.heat(
        mistakes,
        list(classes),
        list(classes),
        title,
        "% of the images of a class",
        "predicted class",
        "true class",
        note=note,
        figsize=size,
        alt=alt or f"Confusion matrix: {title}",
        text=lambda v: f"{v:.0f}" if v >= 0.5 else "",
    )
    for k, value in enumerate(np.diag(share)):
        figure.axes[0].text(k + 0.5, k + 0.5, f"{value:.0f}", ha="center", va="center_baseline", fontsize=9, color=GREY)
    return figure


def filters(weight, n=64, title="", columns=None, note="", alt=""):
    """The filters of a convolution. weight: (out, in, K, K), or the nn.Conv2d itself.

    Three input channels are drawn as colours, each filter on its own scale. Else one row a filter and one
    column an input channel, red above zero and blue below, on one scale for all.
    """
    weight = to_array(getattr(weight, "weight", weight))
    if weight.ndim != 4:
        raise ValueError(f"weight has shape {weight.shape}; expected (out channels, in channels, K, K)")
    out, channels, tall, wide = weight.shape
    if channels == 3:
        chosen = weight[:n]
        low, high = chosen.min(axis=(1, 2, 3), keepdims=True), chosen.max(axis=(1, 2, 3), keepdims=True)
        shown = list((chosen - low) / np.maximum(high - low, 1e-12))
        title = title or f"{len(shown)} of {out} filters of {tall}x{wide}x3, as colours"
        return arrays.images([np.moveaxis(f, 0, 2) for f in shown], None, title, columns or 16, size=0.4, note=note, alt=alt)
    limit = float(np.abs(weight).max())
    few, across = min(out, 8 if channels > 1 else n), min(channels, 12)
    shown = [weight[i, j] for i in range(few) for j in range(across)]
    inputs = f", {across} of {channels} input channels of each" if channels > 1 else ""
    title = title or f"{few} of {out} filters{inputs}"
    rows = [f"filter {i}" for i in range(few)] if channels > 1 else None
    return arrays.images(
        shown,
        None,
        title,
        columns or (across if channels > 1 else 16),
        rows,
        0.42,
        shades="RdBu_r",
        limits=(-limit, limit),
        frames=[GREY] * len(shown),
        frame_width=0.5,
        note=note,
        alt=alt,
    )


def feature_maps(activations, n=8, title="", size=None, note="", alt=""):
    """What channels answer to an image, bright where much, each map on its own scale.

    activations: (C, H, W) or (1, C, H, W), or layer -> such a tensor, one row a layer. n: how many channels at most.
    size: side of a map in inches.
    """
    named = isinstance(activations, Mapping)
    layers = {name: _maps(tensor) for name, tensor in (activations if named else {"": activations}).items()}
    rows = [f"{name}\n{len(maps)} x {maps.shape[1]}x{maps.shape[2]}" for name, maps in layers.items()]
    n = min(n, max(map(len, layers.values()), default=0))
    grid = [image for maps in layers.values() for image in (*maps[:n], *[None] * (n - len(maps)))]
    title = title or f"The first {n} channels" + (" of each layer" if len(layers) > 1 else "")
    return arrays.images(
        grid, None, title, n if named else min(n, 8), rows if named else None, size, shades="viridis", note=note, alt=alt
    )


def _maps(activations):
    """Maps (C, H, W) as an array, of the first image where there is a batch."""
    maps = to_array(activations)
    maps = maps[0] if maps.ndim == 4 else maps
    if maps.ndim != 3:
        raise ValueError(f"the activations have shape {maps.shape}; expected (C, H, W)")
    return maps


def parameters_by_layer(net, by=None, title="", note="", alt="", input_shape=None):
    """Parameters beside multiply-adds of each layer (or stage), with each one's share of the whole.

    net: a network of the course, or any traceable nn.Module with its input_shape (C, H, W); weights are not needed
    (device="meta"). by: "layer" or "stage"; None takes layers while there are at most 24.
    """
    if by not in (None, "layer", "stage"):
        raise ValueError(f'by is {by!r}; expected "layer", "stage" or None')
    net = walk.network(net)
    whole = anatomy.trace(net, input_shape)
    table = whole[whole.macs > 0]
    if by == "stage" or (by is None and len(table) > 24):
        table = anatomy.stages(net, input_shape)
        table = table[(table.parameters > 0) | (table.macs > 0)]
    name = walk.title(net)
    title = title or f"{name}: where the parameters are and where the work is"
    dense = table.kind.str.lower().str.contains("linear")
    shade = colour(name, default=ACCENT)
    labels = layer_names(table)
    shades = {label: tint(shade, 0.4) if d else shade for label, d in zip(labels, dense, strict=True)}
    values = {
        label: {"parameters": row.parameters, "multiply-adds": row.macs}
        for label, row in zip(labels, table.itertuples(), strict=True)
    }
    totals = {"parameters": whole.parameters.sum(), "multiply-adds": whole.macs.sum()}  # those of norms too, which have no row
    units = {what: f"{what}: {short(total)} in all" for what, total in totals.items()}
    note = note or ("Pale: dense layers." if dense.any() else "")
    return charts.side_by_side(values, title, units, shares=totals, colours=shades, note=note, alt=alt)


def layer_names(table):
    """Paths as a reader says them: "features.conv1" is "conv1", "features.stage1.2" is "stage1 conv 2"."""
    names, counts = [], {}
    for path, kind in zip(table.index, table.kind, strict=True):
        holder, _, last = path.rpartition(".")
        first, _, rest = holder.partition(".")
        holder = rest if first in ("features", "classifier", "stages", "blocks") else holder
        if last.isdigit() and kind.startswith(("Conv", "Linear")):
            word = "dense" if kind == "Linear" else "conv"
            counts[holder, word] = counts.get((holder, word), 0) + 1
            last = f"{word} {counts[holder, word]}"
        names.append(f"{holder} {last}".strip())
    return names if len(set(names)) == len(names) else list(table.index)


@styled
def receptive_field(image, boxes, at=None, title="", note="", alt="", size=3.6):
    """Windows drawn on an image, the names at its right.

    image: (3, H, W) or (H, W, 3). boxes: words -> side in pixels, or a list of sides. at: (row, column) of
    the centre, default the middle of the image. A window larger than the image is cut off at its edge and
    says so. size: side of the image.
    """
    picture = to_picture(image)
    tall, wide = picture.shape[:2]
    if not hasattr(boxes, "items"):
        boxes = {f"layer {i}: {side}x{side}": side for i, side in enumerate(boxes, 1)}
    boxes = charts.by_text(boxes)
    if not boxes or any(side < 1 for side in boxes.values()):
        raise ValueError(f"boxes is {boxes!r}; expected sides of at least 1 pixel")
    row, column = at or (tall // 2, wide // 2)
    words = {name: name + (" (more than the image)" if side > min(tall, wide) else "") for name, side in boxes.items()}
    right = 0.45 + max(text_width(text, 9.5) for text in words.values())
    width = size * wide / tall + right + 0.1
    figure = Figure(
        title, (width, size + 0.14 + around(width, title, note)), alt or f"Windows on an image: {', '.join(boxes)}", note
    )
    axes = figure.panel(left=0.1, right=right, bottom=0.03, top=0.05)
    axes.imshow(picture, aspect="auto", interpolation="nearest" if tall < size * DPI else "antialiased")
    axes.set_axis_off()
    axes.set(xlim=(-0.5, wide - 0.5), ylim=(tall - 0.5, -0.5))
    shades = matplotlib.colormaps["plasma"](np.linspace(0.92, 0.25, len(boxes)) if len(boxes) > 1 else [0.85])
    ends = []
    for (name, side), shade in zip(boxes.items(), shades, strict=True):
        x0, y0 = column - side / 2, row - side / 2  # pixel i spans i - 0.5 to i + 0.5
        x0, y0 = (x0, y0) if side % 2 else (x0 - 0.5, y0 - 0.5)
        x1, y1 = min(x0 + side, wide - 0.5), min(y0 + side, tall - 0.5)
        x0, y0 = max(x0, -0.5), max(y0, -0.5)
        for line, edge in ((3.4, "white"), (2, shade)):
            axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, linewidth=line, edgecolor=edge, joinstyle="miter"))
        ends.append((x1, y0, words[name], tuple(shade[:3])))
    end_labels(axes, ends)
    return figure
