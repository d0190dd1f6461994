"""Explorers of notebook 04: a 1x1 convolution mixes channels, a bottleneck saves them (Lin et al. 2013)."""

import re
from dataclasses import dataclass

import ipywidgets
import numpy as np
import torch

from cnn_course import anatomy, plots
from cnn_course.widgets.explorer import Explorer, choice, slider, steps, switch
from cnn_course.widgets.pictures import Picture, panel

BLUE, ORANGE, GREY = plots.PALETTE[0], plots.PALETTE[1], plots.PALETTE[7]


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
    parameters: int


def compute_mix(image, red=0.3, green=0.6, blue=0.1, bias=0.0, relu=False):
    """At every pixel: red R + green G + blue B + bias. image: uint8 (3, H, W), read as 0 to 1."""
    weights = (red, green, blue)
    values = image.float() / 255
    output = torch.einsum("c,chw->hw", torch.tensor(weights, dtype=values.dtype), values) + bias
    output = output.relu() if relu else output
    return Mix(values, output, weights, bias, relu, anatomy.conv_parameters(3, 1, 1))


def _sum_in_words(weights, bias):
    terms = [(weight, name) for weight, name in zip(weights, "RGB", strict=True) if weight]
    terms += [(bias, "")] if bias or not terms else []
    words = "".join(f" {'−' if value < 0 else '+'} {abs(value):.1f} {name}".rstrip() for value, name in terms)
    return words[3:] if words.startswith(" +") else words.strip()


def describe_mix(result):
    """One sentence."""
    r = result
    total = _sum_in_words(r.weights, r.bias)
    total = f"max(0, {total})" if r.relu else total
    height, width = r.output.shape
    return (
        f"Each output pixel is {total} at the same place, without its neighbours: 3 channels become 1, "
        f"{height}x{width} pixels stay {height}x{width}, with {r.parameters} parameters for any size."
    )


@plots.styled
def draw_mix(result):
    """The picture, its channels with their weights, and the sum."""
    r = result
    figure = plots.Figure(figsize=(8.6, 3.9), alt=describe_mix(r))
    sheet = figure.sheet()
    Picture(sheet, 0.1, 3.45, 2.9, r.image, "3 channels in")
    for i, (name, colour) in enumerate((("R", "#c03d3d"), ("G", "#3a923a"), ("B", "#3274a1"))):
        title = f"{r.weights[i]:.1f} × {name}".replace("-", "−")
        Picture(sheet, 3.75, 3.55 - 1.25 * i, 0.97, r.image[i], title, colour, cmap="gray", vmin=0, vmax=1)
    low, high = min(0.0, float(r.output.min())), max(1.0, float(r.output.max()))
    Picture(sheet, 5.45, 3.45, 2.9, r.output, "1 channel out", cmap="gray", vmin=low, vmax=high)
    sheet.text(5.45, 0.25, f"black = {low:.1f}, white = {high:.1f}".replace("-", "−"), fontsize=10)
    return figure


def one_by_one(image=None):
    """Explorer: mix the channels of a photograph by hand.

    image: uint8 (3, H, W); the photograph where none is given.
    """
    if image is None:
        from cnn_course import data

        image = data.photograph(224)
    red, green, blue, bias = MIXES["Grey"]
    controls = {
        "red": slider("Weight of red", red, -2.0, 2.0, 0.1),
        "green": slider("Weight of green", green, -2.0, 2.0, 0.1),
        "blue": slider("Weight of blue", blue, -2.0, 2.0, 0.1),
        "bias": slider("Bias", bias, -1.0, 1.0, 0.1),
        "relu": switch("ReLU after it"),
    }
    buttons = [ipywidgets.Button(description=name, layout=ipywidgets.Layout(width="130px")) for name in MIXES]
    explorer = Explorer(controls, lambda **settings: compute_mix(image, **settings), draw_mix, describe_mix, extras=buttons)
    names = ("red", "green", "blue", "bias")
    for button in buttons:
        button.on_click(lambda b: explorer.set(**dict(zip(names, MIXES[b.description], strict=True))))
    return explorer


# ------------------------------------------------------------------------------ bottleneck
SHAPES = ("1x1, then 3x3", "1x1, 3x3, 1x1")


@dataclass(frozen=True)
class Bottleneck:
    """A 3x3 convolution beside the same through fewer channels. Weights without biases."""

    channels: int  # in and out
    width: int  # channels in the middle
    size: int  # side of the map in pixels
    shape: str
    direct: int  # weights of the 3x3 alone
    weights: int
    curve: dict  # width -> weights
    accuracies: dict  # width (None: no bottleneck) -> test accuracies (%) of the recorded runs
    note: str = ""  # what is to be said about the images of those runs

    @property
    def direct_macs(self):
        return self.direct * self.size**2

    @property
    def macs(self):
        return self.weights * self.size**2


def _weights(channels, width, shape):
    layers = [(channels, width, 1), (width, channels, 3)]
    if shape == SHAPES[1]:
        layers = [(channels, width, 1), (width, width, 3), (width, channels, 1)]
    return sum(anatomy.conv_parameters(*layer, bias=False) for layer in layers)


def compute_bottleneck(channels=128, width=32, size=32, shape=SHAPES[0], accuracies=None, note=""):
    """Weights and multiply-adds of a 3x3 convolution and of its bottleneck form.

    Raises ValueError for an unknown shape or for a width above the channels, which is no bottleneck.
    """
    if shape not in SHAPES:
        raise ValueError(f"shape is {shape!r}; choose one of: {'; '.join(SHAPES)}")
    if width > channels:
        raise ValueError(
            f"A width of {width} is more than the {channels} channels around it, so nothing is squeezed: "
            f"choose a width of {channels} or less."
        )
    widths = sorted({*range(max(1, channels // 64), channels + 1, max(1, channels // 64)), width})
    curve = {w: _weights(channels, w, shape) for w in widths}
    direct = anatomy.conv_parameters(channels, channels, 3, bias=False)
    return Bottleneck(channels, width, size, shape, direct, curve[width], curve, accuracies or {}, note)


def _round(count):
    return f"{count / 1e6:,.1f} million" if count >= 999_500 else f"{count / 1e3:,.0f} thousand"


def describe_bottleneck(result):
    """One sentence."""
    r = result
    ratio = r.weights / r.direct
    plural = "channel" if r.width == 1 else "channels"
    judged = f"{ratio:.0%} of the weights" if ratio != 1 else "just as many weights"
    return (
        f"Through {r.width} {plural} ({r.shape}) there are {r.weights:,} weights where a 3x3 over "
        f"{r.channels} channels has {r.direct:,}: {judged}, and {_round(r.macs)} instead of "
        f"{_round(r.direct_macs)} multiply-adds on a {r.size}x{r.size} map."
    )


@plots.styled
def draw_bottleneck(result):
    """The channels squeezed, weights against width, and the recorded accuracies where there are any."""
    r = result
    figure = plots.Figure(figsize=(8.6, 3.7), alt=describe_bottleneck(r), note=r.note)
    thirds = bool(r.accuracies)
    place = (0.012, 0.04, 0.3 if thirds else 0.42, 0.82)
    _squeeze(panel(figure, place, "channels, and weights between them"), r)

    place = (0.385, 0.17, 0.23, 0.69) if thirds else (0.54, 0.17, 0.37, 0.69)
    axes = panel(figure, place, "weights (thousands)")
    widths = list(r.curve)
    axes.plot(widths, [weights / 1000 for weights in r.curve.values()], color=BLUE, linewidth=2)
    axes.axhline(r.direct / 1000, color=GREY, linestyle="--")
    axes.text(0.02 * r.channels, r.direct / 1000 * 1.02, "3x3 alone", color="0.35", fontsize=10, va="bottom")
    axes.plot([r.width], [r.weights / 1000], "o", color=ORANGE, markersize=9)
    axes.set_ylim(0, max(r.direct, *r.curve.values()) / 1000 * 1.15)
    axes.set_xlim(0, r.channels * 1.03)
    axes.set_xticks(range(0, r.channels + 1, r.channels // 4))
    axes.set_xlabel("width (channels)")
    million = 1e3 * r.size**2 / 1e6  # multiply-adds of a thousand weights
    right = axes.secondary_yaxis("right", functions=(lambda w: w * million, lambda m: m / million))
    right.set_ylabel("million multiply-adds")
    if thirds:
        _recorded(panel(figure, (0.765, 0.17, 0.225, 0.69), "recorded accuracy (%)"), r)
    return figure


def _squeeze(axes, r):
    """A column a map, as high as its channels, with the layer that leads to the next."""
    spatial = [1, 3] if r.shape == SHAPES[0] else [1, 3, 1]
    channels = [r.channels, r.width] + ([r.width] if len(spatial) == 3 else []) + [r.channels]
    for x, count in enumerate(channels):
        height = count / r.channels * 0.62
        axes.bar(x, height, 0.3, bottom=0.5 - height / 2, color=ORANGE if count == r.width and 0 < x < len(spatial) else BLUE)
        axes.text(x, 0.5 - height / 2 - 0.02, f"{count}", ha="center", va="top", fontsize=11)
        if x < len(spatial):
            k = spatial[x]
            weights = anatomy.conv_parameters(count, channels[x + 1], k, bias=False)
            axes.annotate("", (x + 0.8, 0.5), (x + 0.2, 0.5), arrowprops={"arrowstyle": "->", "color": "0.3"})
            axes.text(x + 0.5, 0.87, f"{k}x{k}\n{weights:,}", ha="center", va="bottom", fontsize=10)
    axes.set_xlim(-0.3, len(spatial) + 0.3)
    axes.set_ylim(0.08, 1)
    axes.set_axis_off()


def _recorded(axes, r):
    """Mean and range of the recorded accuracies by width."""
    known = {width: values for width, values in r.accuracies.items() if width is not None}
    for width, values in known.items():
        axes.plot([width] * len(values), values, ".", color=GREY)
    axes.plot(list(known), [np.mean(values) for values in known.values()], "o-", color=BLUE)
    if None in r.accuracies:
        mean = np.mean(r.accuracies[None])
        axes.axhline(mean, color=GREY, linestyle="--")
        axes.text(
            max(known, default=1),
            mean,
            "no bottleneck",
            color="0.35",
            fontsize=10,
            ha="right",
            va="bottom",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.margins(y=0.12)
    axes.axvline(r.width, color=ORANGE, linewidth=1.5)
    axes.set_xlabel("width (channels)")


def accuracies_by_width(record):
    """experiments.Record -> {width, or None for no bottleneck: [test accuracy in %, one a seed]}.

    The width is the number in a variant's label, such as "width 32"; a label without a number is the net without one.
    """
    found = {}
    for label, histories in record.runs.items():
        number = re.search(r"\d+", label)
        found[int(number.group()) if number else None] = [100 * history.test_accuracy for history in histories]
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
