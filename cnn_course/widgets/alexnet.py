"""Explorers of notebook 02: AlexNet's first filters, activations, groups (Krizhevsky et al. 2012)."""

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patches import Rectangle

from cnn_course import anatomy, data, models, plots
from cnn_course.plots.drawing import DARK_ORANGE, Picture, panel, power_of_ten, power_ticks
from cnn_course.widgets.explorer import Explorer, choice, counted, in_words, minus, slider, steps
from cnn_course.widgets.scales import BLUE, ORANGE, PALE, even, scale
from cnn_course.widgets.sliding import make_kernel

SEEN = plots.tint(BLUE, 0.75)  # where a filter sees a channel
CHANNELS = 96  # kernels in AlexNet's first layer
SIDE = 227 / plots.DPI  # inches of a picture: a pixel of the photograph is a pixel of the figure


# ----------------------------------------------------------------------------- first layer
@lru_cache
def alexnet_after_conv1(side=55):
    """Name -> (parameters, multiply-adds) of the seven layers, two groups as published (3.5), behind conv1's maps of `side`."""
    table = anatomy.trace(models.build("alexnet_two_gpus", device="meta"))
    layers = table[table["macs"] > 0].iloc[1:]
    counts = {path.rpartition(".")[2]: tuple(both) for path, *both in layers[["parameters", "macs"]].itertuples()}
    halved = [side]  # by three overlapping poolings: before conv2, before conv3, before fc6
    for _ in range(3):
        halved.append(anatomy.output_size(halved[-1], 3, 2))
    for name, place, published in (("conv2", 1, 27), ("conv3", 2, 13), ("conv4", 2, 13), ("conv5", 2, 13)):
        counts[name] = (counts[name][0], counts[name][1] * halved[place] ** 2 // published**2)
    weights = 256 * halved[3] ** 2 * 4096
    return counts | {"fc6": (weights + 4096, weights)}


@dataclass(frozen=True)
class FirstFilter:
    """AlexNet's first layer with another kernel and stride. Sizes in pixels."""

    kernel: int
    stride: int
    pictures: tuple  # uint8 (3, H, W): the photograph, the small image
    maps: tuple  # the answer of one vertical-edge filter to each, (out, out)
    note: str = ""  # what is to be said about the small image

    @property
    def sizes(self):
        """((photograph side, map side), (small image side, map side))."""
        pairs = zip(self.pictures, self.maps, strict=True)
        return tuple((picture.shape[-1], output.shape[-1]) for picture, output in pairs)

    @property
    def parameters(self):
        """Of the 96 kernels and their biases."""
        return anatomy.conv_parameters(3, CHANNELS, self.kernel)

    @property
    def macs(self):
        """Multiply-adds on the photograph."""
        return anatomy.conv_macs(3, CHANNELS, self.kernel, self.sizes[0][1])

    @property
    def shares(self):
        """Layer name -> (share of such an AlexNet's parameters, share of its multiply-adds), conv1 first."""
        layers = {"conv1": (self.parameters, self.macs), **alexnet_after_conv1(self.sizes[0][1])}
        sums = [sum(column) for column in zip(*layers.values(), strict=True)]
        return {name: (counts[0] / sums[0], counts[1] / sums[1]) for name, counts in layers.items()}


def compute_first_filter(photograph, small, kernel=11, stride=4, note=""):
    """The first layer with kernel x kernel filters and no padding. Images: uint8 (3, H, W).

    Raises ValueError where the window does not fit into an image.
    """
    weights, maps = make_kernel("edge", kernel)[None, None], []
    for image in (photograph, small):
        anatomy.output_size(image.shape[-1], kernel, stride)  # it says in words where no window fits
        maps.append(F.conv2d(image.float().mean(0)[None, None] / 255, weights, stride=stride)[0, 0])
    return FirstFilter(kernel, stride, (photograph, small), tuple(maps), note)


def describe_first_filter(r):
    """One sentence."""
    (large, large_map), (small, small_map) = r.sizes
    parameters, macs = r.shares["conv1"]
    return (
        f"{CHANNELS} kernels of {r.kernel}x{r.kernel} at stride {r.stride} turn a {large}x{large} "
        f"photograph into {large_map}x{large_map} maps and a {small}x{small} image into "
        f"{small_map}x{small_map}; they are {r.parameters:,} parameters ({parameters * 100:.1g}% of such an AlexNet) "
        f"but {r.macs / 1e6:,.0f} million multiply-adds on the photograph ({macs:.1%})."
    )


def draw_first_filter(r):
    """Both images with the window and what one filter keeps of them; the first layer's share of AlexNet."""
    figure = plots.Figure(figsize=(8.6, 5.1), alt=describe_first_filter(r), note=r.note)
    sheet = figure.sheet()
    for row, (picture, output) in enumerate(zip(r.pictures, r.maps, strict=True)):
        size, out = r.sizes[row]
        top = 4.75 - 2.36 * row
        title = f"{size}×{size}, window {r.kernel}×{r.kernel}"
        image = Picture(sheet, 0.1, top, SIDE, picture, title)
        image.box(out // 2 * r.stride, out // 2 * r.stride, r.kernel, ORANGE)
        limit = float(output.abs().max())
        look = {"cmap": "gray", "vmin": -limit, "vmax": limit}
        Picture(sheet, 2.55, top, SIDE, output, f"one map of {CHANNELS}: {out}×{out}", **look)

    _draw_shares(sheet, r.shares, left=5.42, top=4.5)
    return figure


def _draw_shares(sheet, shares, left, top):
    """Two bars a layer from (left, top) downwards, each with its number; lengths in inches."""
    row, percent = 0.49, 0.027  # how high a layer is, and how long one percent
    sheet.text(left, top + 0.33, "dark: multiply-adds, pale: parameters", fontsize=11)
    y = top - row * np.arange(len(shares))
    colours = [ORANGE] + [PALE] * (len(shares) - 1)
    parameters, macs = np.array(list(shares.values())).T * 100
    for values, places, alpha in ((macs, y + 0.1, 1), (parameters, y - 0.1, 0.45)):
        sheet.barh(places, values * percent, 0.19, left=left, color=colours, alpha=alpha)
        for place, value in zip(places, values, strict=True):
            words = f"{value:.1g}%" if value < 0.5 else f"{value:.0f}%"
            sheet.text(left + value * percent + 0.05, place, words, va="center", fontsize=9)
    sheet.plot([left, left], [y[0] + 0.25, y[-1] - 0.25], color=plots.GREY, linewidth=0.8)
    sheet.text(left, y[-1] - 0.34, "share of such an AlexNet", va="top")
    for place, name in zip(y, shares, strict=True):
        sheet.text(left - 0.07, place, name, ha="right", va="center")


def first_filter(cifar=None):
    """Explorer: the kernel and stride of AlexNet's first layer, on a photograph and on a small image.

    cifar: a data.Cifar10 that lends its first test image; the photograph, shrunk, where none is given.
    """
    photograph = data.photograph(227)
    small, note = (data.photograph(32), "") if cifar is None else (cifar.test.images[0].cpu(), cifar.note)
    controls = {"kernel": slider("Kernel (pixels)", 11, 3, 11), "stride": slider("Stride (pixels)", 4, 1, 6)}
    compute = partial(compute_first_filter, photograph, small, note=note)
    return Explorer(controls, compute, draw_first_filter, describe_first_filter)


# ------------------------------------------------------------------------------ activation
FUNCTIONS = {
    "ReLU": F.relu,
    "leaky ReLU": lambda x: F.leaky_relu(x, 0.1),
    "GELU": F.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
SPREADS = {  # deviation of a weight in a layer of n inputs; the names give the variance
    "He, 2/n": lambda n: (2 / n) ** 0.5,
    "Glorot, 1/n": lambda n: (1 / n) ** 0.5,
    "AlexNet, 0.01²": lambda n: 0.01,
}
UNITS, EXAMPLES, DEEPEST = 128, 32, 50


@dataclass(frozen=True)
class Activation:
    """A function, its gradient, and what a stack of layers does to a gradient."""

    function: str
    x: float
    depth: int
    start: str
    value: float  # at x
    slope: float  # at x
    gradients: dict  # function name -> (depth,) gradient norm at each layer's input sum, 1 at the last layer


def _value_and_slope(function, x):
    x = x.clone().requires_grad_()
    y = function(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), slope


@lru_cache
def _numbers():
    """Standard normal (DEEPEST + 2, UNITS, UNITS) from numpy's frozen stream: the same on every machine."""
    return torch.from_numpy(np.random.RandomState(0).standard_normal((DEEPEST + 2, UNITS, UNITS)))


@lru_cache(maxsize=512)
def _gradient_norms(name, depth, start):
    """Norm of the gradient at the input sums of layer 1 to `depth`, divided by the last one."""
    numbers, spread = _numbers(), SPREADS[start](UNITS)
    signal, gradient = numbers[-2, :EXAMPLES], numbers[-1, :EXAMPLES]
    sums = []
    for weights in numbers[:depth] * spread:
        total = (signal @ weights).requires_grad_()
        sums.append((total, weights))
        signal = FUNCTIONS[name](total).detach()
    norms = []
    for total, weights in reversed(sums):  # backpropagation, a layer at a time
        (gradient,) = torch.autograd.grad(FUNCTIONS[name](total), total, gradient)
        norms.append(gradient.norm())
        gradient = gradient @ weights.T
    norms = torch.stack(norms[::-1])
    return norms / norms[-1]


def compute_activation(function="ReLU", x=1.0, depth=20, start="He, 2/n"):
    """An activation function and the gradient that reaches layer 1 of a random stack of `depth` dense layers.

    Each layer has 128 units and no biases; weights are normal with the spread that `start` names. The
    gradient is measured at each layer's input sums. Raises ValueError for an unknown name or a depth
    outside 2 to DEEPEST.
    """
    for value, known in ((function, FUNCTIONS), (start, SPREADS)):
        if value not in known:
            raise ValueError(f"{value!r} is unknown; choose one of {', '.join(known)}")
    if not 2 <= depth <= DEEPEST:
        raise ValueError(f"depth is {depth}; choose 2 to {DEEPEST} layers")
    value, slope = _value_and_slope(FUNCTIONS[function], torch.tensor(float(x)))
    gradients = {name: _gradient_norms(name, depth, start) for name in FUNCTIONS}
    return Activation(function, x, depth, start, float(value), float(slope), gradients)


def _in_words(ratio):
    """How much of the gradient arrives: 0.00012 -> 'about 1/8,000 of the gradient'."""
    if ratio < 1e-6:
        return f"about 10^{minus(np.log10(ratio), 0)} of the gradient"
    if ratio < 0.01:
        rounded = float(f"{1 / ratio:.1g}")
        return f"about 1/{rounded:,.0f} of the gradient"
    if ratio < 1.005:
        return f"{ratio:.0%} of the gradient"
    return f"{float(f'{ratio:.3g}'):,} times the gradient"


def describe_activation(r):
    """One sentence."""
    ratio = float(r.gradients[r.function][0])
    author, variance = r.start.split(", ")
    lost = "" if ratio > 0.01 else ", which hardly learns" if ratio > 1e-6 else ", which cannot learn"
    return (
        f"At x = {minus(r.x, 1)} the gradient of {r.function} is {minus(r.slope, 2)}; through {r.depth} random layers, "
        f"weights of variance {variance} ({author}), {_in_words(ratio)} reaches layer 1{lost}."
    )


def draw_activation(r):
    """Function and gradient; gradient norm by layer for every function."""
    figure = plots.Figure(figsize=(8.6, 3.7), alt=describe_activation(r))
    axes = panel(figure, (0.06, 0.16, 0.38, 0.74), r.function)
    axes.axhline(0, color="0.8", linewidth=0.8)
    axes.axvline(0, color="0.8", linewidth=0.8)
    grid = torch.linspace(-5, 5, 201)
    values, slopes = _value_and_slope(FUNCTIONS[r.function], grid)
    both = ("function", BLUE, values, r.value, 4.75), ("gradient", ORANGE, slopes, r.slope, 4.1)
    for name, colour, curve, point, y in both:
        axes.plot(grid, curve, color=colour, linewidth=2.2)
        axes.plot([r.x], [point], "o", color=colour)
        axes.text(-4.8, y, name, color=plots.readable(colour), fontsize=11)
    axes.set(xlim=(-5, 5), ylim=(-1.5, 5.4))
    scale(axes, "bottom", even(-5, 5), "x, the sum that enters the unit")
    scale(axes, "left", even(-1, 5))

    axes = panel(figure, (0.54, 0.16, 0.34, 0.74), "gradient norm, last layer = 1")
    powers = {name: norms.log10().numpy() for name, norms in r.gradients.items()}
    every = np.concatenate(list(powers.values()))
    low, high = min(-2.0, every.min()), max(2.0, every.max())
    # The gradient travels from the last layer to the first.
    axes.set(xlim=(1.02 * r.depth, 1 - 0.02 * r.depth), ylim=(1.04 * low - 0.04 * high, 1.04 * high - 0.04 * low))
    scale(axes, "left", {tick: power_of_ten(tick) for tick in power_ticks(low, high)})
    layers = {1, r.depth, *range(10, r.depth - 3, 10)}
    scale(axes, "bottom", {layer: str(layer) for layer in layers}, "layer (the gradient arrives from the left)")
    ends = []
    for name, power in powers.items():
        look = {"color": ORANGE, "linewidth": 2.5, "zorder": 3} if name == r.function else {"color": PALE, "linewidth": 1.2}
        axes.plot(range(1, r.depth + 1), power, **look)
        ends.append((1, power[0], name, look["color"]))
    plots.end_labels(axes, ends, size=10)
    return figure


def activation():
    """Explorer: an activation, its gradient, and how much gradient reaches layer 1 of a deep stack."""
    controls = {
        "function": choice("Activation", list(FUNCTIONS)),
        "x": slider("x", 1.0, -5.0, 5.0, 0.1),
        "depth": slider("Depth (layers)", 20, 2, DEEPEST),
        "start": choice("Weights' variance", list(SPREADS)),
    }
    return Explorer(controls, compute_activation, draw_activation, describe_activation)


# ---------------------------------------------------------------------------------- groups
@dataclass(frozen=True)
class Groups:
    """A grouped convolution beside the same one without groups."""

    in_channels: int
    out_channels: int
    groups: int
    curve: dict  # every possible number of groups -> parameters, biases included

    @property
    def seen(self):
        """Input channels that one filter sees."""
        return self.in_channels // self.groups

    @property
    def parameters(self):
        return self.curve[self.groups]


def compute_groups(in_channels=96, out_channels=256, kernel=5, groups=2):
    """Parameters of a grouped convolution. Raises ValueError where the groups cannot share the channels."""
    possible = [g for g in range(1, in_channels + 1) if in_channels % g == 0 and out_channels % g == 0]
    if groups not in possible:
        could = in_words([str(g) for g in possible])
        raise ValueError(f"{groups} groups cannot share {in_channels} channels and {out_channels} filters equally; {could} can.")
    curve = {g: anatomy.conv_parameters(in_channels, out_channels, kernel, g) for g in possible}
    return Groups(in_channels, out_channels, groups, curve)


def describe_groups(r):
    """One sentence."""
    filters = f"each of the {r.out_channels} filters sees"
    if r.groups == 1:
        return f"Without groups {filters} all {r.in_channels} channels: {r.parameters:,} parameters."
    each = "one channel" if r.seen == 1 else f"{r.seen} of the {r.in_channels} channels"
    name = " (a depthwise convolution)" if r.groups == r.in_channels else ""
    return (
        f"With {r.groups} groups {filters} {each}{name}: {r.parameters:,} "
        f"parameters instead of {r.curve[1]:,}, and 1/{r.groups} of the multiply-adds."
    )


def draw_groups(r):
    """Which filter sees which channel, and parameters against groups."""
    figure = plots.Figure(figsize=(8.6, 3.8), alt=describe_groups(r))
    sheet = figure.sheet()
    _draw_wires(sheet, r, (0.45, 2.0), (0.45, 3.25))
    _draw_matrix(sheet, r, (2.95, 5.0), (0.6, 3.25))
    axes = panel(figure, (0.7, 0.16, 0.285, 0.7), "parameters")
    x, y = np.log2(list(r.curve)), np.log10(list(r.curve.values()))
    axes.plot(x, y, "o-", color=PALE, markersize=4)
    here = np.log2(r.groups), np.log10(r.parameters)
    axes.plot(*here, "o", color=ORANGE, markersize=9)
    axes.annotate(f"{r.parameters:,}", here, (8, 8), textcoords="offset points", color=DARK_ORANGE, fontsize=11)
    bottom, top = np.floor(y.min()), np.ceil(y.max() + 0.1)
    axes.set(xlim=(-0.3, x[-1] * 1.1 + 2.4), ylim=(bottom, top))
    scale(axes, "bottom", {np.log2(groups): str(groups) for groups in _few(list(r.curve))}, "groups")
    scale(axes, "left", {tick: f"{10**tick:,}" for tick in power_ticks(bottom, top)})
    return figure


def _draw_matrix(sheet, r, x, y):
    """Filters by input channels, blue where a filter sees a channel. x, y: from and to, in inches."""
    wide, high = (x[1] - x[0]) / r.groups, (y[1] - y[0]) / r.groups
    corners = [(x[0] + i * wide, y[1] - i * high) for i in range(r.groups)]
    blocks = [((a, b), (a + wide, b), (a + wide, b - high), (a, b - high)) for a, b in corners]
    sheet.add_collection(PolyCollection(blocks, facecolors=SEEN, edgecolors=SEEN, linewidths=0.8))  # an edge shows the smallest
    sheet.add_patch(Rectangle((x[0], y[0]), x[1] - x[0], y[1] - y[0], fill=False, edgecolor=PALE, linewidth=0.6))
    sheet.text(x[0], y[1] + 0.09, "blue: filter sees channel", fontsize=11)
    sheet.text(sum(x) / 2, y[0] - 0.22, "input channel", ha="center", va="top")
    sheet.text(x[0] - 0.2, sum(y) / 2, "filter", rotation=90, ha="right", va="center")
    for place, align, number in ((x[0], "left", 1), (x[1], "right", r.in_channels)):
        sheet.text(place, y[0] - 0.06, number, ha=align, va="top", fontsize=9.5)
    for place, align, number in ((y[1], "top", 1), (y[0], "bottom", r.out_channels)):
        sheet.text(x[0] - 0.06, place, number, ha="right", va=align, fontsize=9.5)


def _few(numbers):
    """At most five of the numbers, the first and the last among them."""
    return numbers if len(numbers) <= 5 else [numbers[round(i * (len(numbers) - 1) / 4)] for i in range(5)]


def _dots(channels, groups):
    """How many dots stand for so many channels: 16 at most, of which none belongs to two groups in part."""
    return max(n for n in range(1, 17) if channels % n == 0 and (n % groups == 0 or groups % n == 0))


def _draw_wires(sheet, r, x, y):
    """Up to 16 dots a side, each standing for equally many channels, and a line from channel to filter. x, y: in inches."""
    left, right = _dots(r.in_channels, r.groups), _dots(r.out_channels, r.groups)
    from_group, to_group = np.arange(left) * r.groups // left, np.arange(right) * r.groups // right
    y_left, y_right = (y[1] - (y[1] - y[0]) * (np.arange(count) + 0.5) / count for count in (left, right))
    lines = [((x[0], y_left[i]), (x[1], y_right[j])) for i in range(left) for j in range(right) if from_group[i] == to_group[j]]
    sheet.add_collection(LineCollection(lines, colors=BLUE, linewidths=0.6, alpha=0.7))
    sheet.plot([x[0]] * left + [x[1]] * right, [*y_left, *y_right], "o", color=BLUE)
    sheet.text(x[0] - 0.25, y[1] + 0.09, f"{r.in_channels} channels → {r.out_channels} filters", fontsize=11)
    if r.in_channels > left or r.out_channels > right:
        words = f"a dot: {counted(r.in_channels // left, 'channel')}, {counted(r.out_channels // right, 'filter')}"
        sheet.text(sum(x) / 2, y[0] - 0.12, words, ha="center", va="top", fontsize=9, color="0.3")


def groups():
    """Explorer: what splitting a convolution into groups does to its connections and parameters.

    Starts at AlexNet's second layer, split over two GPUs.
    """
    channels = [8, 16, 32, 48, 64, 96, 128, 192, 256, 384]
    controls = {
        "in_channels": steps("Input channels", channels, 96),
        "out_channels": steps("Filters", channels, 256),
        "kernel": slider("Kernel (pixels)", 5, 1, 11),
        "groups": steps("Groups", [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384], 2),
    }
    return Explorer(controls, compute_groups, draw_groups, describe_groups)
