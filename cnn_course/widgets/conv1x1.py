"""Explorers of notebook 04: a 1x1 convolution mixes channels, a bottleneck saves them (Lin et al. 2013)."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from cnn_course import anatomy, data, plots
from cnn_course.plots.drawing import Picture, panel
from cnn_course.widgets.explorer import Explorer, choice, counted, minus, slider, steps, switch
from cnn_course.widgets.scales import BLUE, ORANGE, PALE, even, scale

# ------------------------------------------------------------------------- mixing channels
MIXES = {  # button: weights of R, G and B, bias
    "Grey": (0.3, 0.6, 0.1, 0.0),
    "Red only": (1.0, 0.0, 0.0, 0.0),
    "Red against blue": (1.0, 0.0, -1.0, 0.0),
    "Negative": (-0.3, -0.6, -0.1, 1.0),
}


@dataclass(frozen=True)
class Mix:
    """One 1x1 filter over three channels."""

    image: torch.Tensor  # (3, H, W), 0 to 1
    output: torch.Tensor  # (H, W)
    weights: tuple  # of R, G and B
    bias: float
    relu: bool


def compute_mix(image, red=0.3, green=0.6, blue=0.1, bias=0.0, relu=False):
    """At every pixel: red R + green G + blue B + bias. image: uint8 (3, H, W), read as 0 to 1."""
    weights = (red, green, blue)
    values = image.float() / 255
    output = torch.einsum("c,chw->hw", torch.tensor(weights, dtype=values.dtype), values) + bias
    output = output.relu() if relu else output
    return Mix(values, output, weights, bias, relu)


def _sum_in_words(weights, bias):
    terms = [(weight, name) for weight, name in zip(weights, "RGB", strict=True) if weight]
    terms += [(bias, "")] if bias or not terms else []
    words = "".join(f" {'−' if value < 0 else '+'} {abs(value):.1f} {name}".rstrip() for value, name in terms)
    return words[3:] if words.startswith(" +") else words.strip()


def describe_mix(r):
    """One sentence."""
    total = _sum_in_words(r.weights, r.bias)
    total = f"max(0, {total})" if r.relu else total
    height, width = r.output.shape
    return (
        f"Each output pixel is {total} at the same place, without its neighbours: 3 channels become 1, "
        f"{height}x{width} pixels stay {height}x{width}, with {anatomy.conv_parameters(3, 1, 1)} parameters for any size."
    )


def draw_mix(r):
    """The picture, its channels with their weights, and the sum."""
    figure = plots.Figure(figsize=(8.6, 3.9), alt=describe_mix(r))
    sheet = figure.sheet()
    Picture(sheet, 0.1, 3.45, 2.9, r.image, "3 channels in")
    for i, (name, colour) in enumerate((("R", "#c03d3d"), ("G", "#3a923a"), ("B", "#3274a1"))):
        title = f"{minus(r.weights[i], 1)} × {name}"
        Picture(sheet, 3.75, 3.55 - 1.25 * i, 0.97, r.image[i], title, plots.readable(colour), cmap="gray", vmin=0, vmax=1)
    low, high = min(0.0, float(r.output.min())), max(1.0, float(r.output.max()))
    Picture(sheet, 5.45, 3.45, 2.9, r.output, "1 channel out", cmap="gray", vmin=low, vmax=high)
    sheet.text(5.45, 0.25, f"black = {minus(low, 1)}, white = {minus(high, 1)}", fontsize=10)
    return figure


def one_by_one(image=None):
    """Explorer: mix the channels of a photograph by hand.

    image: uint8 (3, H, W); the photograph where none is given.
    """
    image = data.photograph(224) if image is None else image
    presets = {label: dict(zip(("red", "green", "blue", "bias"), mix, strict=True)) for label, mix in MIXES.items()}
    first = presets["Red against blue"]
    controls = {
        "red": slider("Weight of red", first["red"], -2.0, 2.0, 0.1),
        "green": slider("Weight of green", first["green"], -2.0, 2.0, 0.1),
        "blue": slider("Weight of blue", first["blue"], -2.0, 2.0, 0.1),
        "bias": slider("Bias", first["bias"], -1.0, 1.0, 0.1),
        "relu": switch("ReLU after it"),
    }
    return Explorer(controls, partial(compute_mix, image), draw_mix, describe_mix, presets=presets)


# ------------------------------------------------------------------------------ bottleneck
SHAPES = ("1x1, then 3x3", "1x1, 3x3, 1x1")


@dataclass(frozen=True)
class Bottleneck:
    """A 3x3 convolution beside the same through fewer channels. Weights without biases."""

    channels: int  # in and out
    width: int  # channels in the middle
    size: int  # side of the map in pixels
    shape: str
    curve: dict  # width -> weights
    accuracies: dict  # width (None: no bottleneck) -> test accuracies (%) of the recorded runs
    note: str = ""  # what is to be said about the images of those runs

    @property
    def direct(self):
        """Weights of the 3x3 alone."""
        return _weights([(self.channels, self.channels, 3)])

    @property
    def weights(self):
        return self.curve[self.width]


def _layers(channels, width, shape):
    if shape == SHAPES[0]:
        return (channels, width, 1), (width, channels, 3)
    return (channels, width, 1), (width, width, 3), (width, channels, 1)


def _weights(layers):
    return sum(anatomy.conv_parameters(*layer, bias=False) for layer in layers)


def compute_bottleneck(channels=128, width=32, size=32, shape=SHAPES[0], accuracies=None, note=""):
    """Weights and multiply-adds of a 3x3 convolution and of its bottleneck form.

    Raises ValueError for a width above the channels, which is no bottleneck.
    """
    if width > channels:
        raise ValueError(
            f"A width of {width} is more than the {channels} channels around it, so nothing is squeezed: "
            f"choose a width of {channels} or less."
        )
    widths = sorted({*range(max(1, channels // 64), channels + 1, max(1, channels // 64)), width})
    curve = {w: _weights(_layers(channels, w, shape)) for w in widths}
    return Bottleneck(channels, width, size, shape, curve, accuracies or {}, note)


def _round(count):
    return f"{count / 1e6:,.1f} million" if count >= 999_500 else f"{count / 1e3:,.0f} thousand"


def describe_bottleneck(r):
    """One sentence."""
    ratio = r.weights / r.direct
    share = f"{ratio:.0%}" if ratio >= 0.01 else f"{100 * ratio:.1g}%"
    judged = f"{share} of the weights" if ratio != 1 else "just as many weights"
    return (
        f"Through {counted(r.width, 'channel')} ({r.shape}) there are {r.weights:,} weights where a 3x3 over "
        f"{r.channels} channels has {r.direct:,}: {judged}, and {_round(r.weights * r.size**2)} instead of "
        f"{_round(r.direct * r.size**2)} multiply-adds on a {r.size}x{r.size} map."
    )


def draw_bottleneck(r):
    """The channels squeezed, weights against width, and the recorded accuracies where there are any."""
    figure = plots.Figure(figsize=(8.6, 3.7), alt=describe_bottleneck(r), note=r.note)
    thirds = bool(r.accuracies)
    place = (0.012, 0.04, 0.3 if thirds else 0.42, 0.82)
    _squeeze(panel(figure, place, "channels, and weights between them"), r)

    place = (0.385, 0.17, 0.23, 0.69) if thirds else (0.54, 0.17, 0.37, 0.69)
    axes = panel(figure, place, "weights (thousands)")
    widths = list(r.curve)
    axes.plot(widths, [weights / 1000 for weights in r.curve.values()], color=BLUE, linewidth=2)
    axes.axhline(r.direct / 1000, color=PALE, linestyle="--")
    axes.text(0.02 * r.channels, r.direct / 1000 * 1.02, "3x3 alone", color="0.35", fontsize=10, va="bottom")
    axes.plot([r.width], [r.weights / 1000], "o", color=ORANGE, markersize=9)
    top = max(r.direct, *r.curve.values()) / 1000 * 1.15
    axes.set(xlim=(0, r.channels * 1.03), ylim=(0, top))
    scale(axes, "bottom", {width: str(width) for width in range(0, r.channels + 1, r.channels // 4)}, "width (channels)")
    scale(axes, "left", even(0, top))
    million = 1e3 * r.size**2 / 1e6  # multiply-adds of a thousand weights
    scale(axes, "right", {tick / million: words for tick, words in even(0, top * million).items()}, "million multiply-adds")
    if thirds:
        _recorded(panel(figure, (0.765, 0.17, 0.225, 0.69), "recorded accuracy (%)"), r)
    return figure


def _squeeze(axes, r):
    """A column a map, as high as its channels, with the layer that leads to the next."""
    layers = _layers(r.channels, r.width, r.shape)
    for x, count in enumerate([r.channels, *(c_out for _, c_out, _ in layers)]):
        height = count / r.channels * 0.62
        axes.bar(x, height, 0.3, bottom=0.5 - height / 2, color=ORANGE if count == r.width and 0 < x < len(layers) else BLUE)
        axes.text(x, 0.5 - height / 2 - 0.02, f"{count}", ha="center", va="top", fontsize=11)
    for x, layer in enumerate(layers):
        kernel, weights = layer[2], _weights([layer])
        axes.annotate("", (x + 0.8, 0.5), (x + 0.2, 0.5), arrowprops={"arrowstyle": "->", "color": "0.3"})
        axes.text(x + 0.5, 0.87, f"{kernel}x{kernel}\n{weights:,}", ha="center", va="bottom", fontsize=10)
    axes.set(xlim=(-0.3, len(layers) + 0.3), ylim=(0.08, 1))
    axes.set_axis_off()


def _recorded(axes, r):
    """Mean and range of the recorded accuracies by width."""
    known = {width: values for width, values in r.accuracies.items() if width is not None}
    runs = [(width, value) for width, values in known.items() for value in values]
    axes.plot([width for width, _ in runs], [value for _, value in runs], ".", color=PALE)
    axes.plot(list(known), [np.mean(values) for values in known.values()], "o-", color=BLUE)
    if None in r.accuracies:
        mean = np.mean(r.accuracies[None])
        axes.axhline(mean, color=PALE, linestyle="--")
        style = {"color": "0.35", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1}}
        style |= {"ha": "right", "va": "bottom", "transform": axes.get_yaxis_transform()}  # at the right, clear of the y axis
        axes.text(21 / 22, mean, "no bottleneck", fontsize=10, **style)
    axes.margins(y=0.12)
    axes.axvline(r.width, color=ORANGE, linewidth=1.5)
    scale(axes, "bottom", even(*axes.get_xlim()), "width (channels)")
    scale(axes, "left", even(*axes.get_ylim()))


def accuracies_by_width(record):
    """experiments.Record -> {width, or None for no bottleneck: [test accuracy in %, one a seed]}, the widths ascending."""
    found = {
        record.varied[label].get("bottleneck"): [100 * history.test_accuracy for history in histories]
        for label, histories in record.runs.items()
    }
    return dict(sorted(found.items(), key=lambda item: (item[0] is None, item[0])))


def bottleneck(record=None):
    """Explorer: what a 1x1 bottleneck saves, by its width.

    record: the experiments.Record of the bottleneck widths; its accuracies are drawn beside the counts
    of the same bottleneck, 1x1 then 3x3 over 128 channels.
    """
    accuracies, note = None, ""
    if record is not None:
        accuracies = accuracies_by_width(record)
        note = next((history.note for histories in record.runs.values() for history in histories), "")
    controls = {
        "width": steps("Width (channels)", [1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256], 32),
        "channels": steps("Channels in, out", [16, 32, 64, 128, 256, 512], 128),
        "size": steps("Map side (pixels)", [7, 8, 14, 16, 28, 32, 56], 32),
        "shape": choice("Layers", list(SHAPES)),
    }

    def compute(channels, shape, **settings):
        as_recorded = (channels, shape) == (128, SHAPES[0])  # the recorded networks have no other bottleneck
        known = accuracies if as_recorded else None
        return compute_bottleneck(channels=channels, shape=shape, accuracies=known, note=note, **settings)

    return Explorer(controls, compute, draw_bottleneck, describe_bottleneck)
