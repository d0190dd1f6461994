"""Explorer of notebook 03: the pixels that one value sees, in theory and by gradients (Luo et al. 2016)."""

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
import torch.nn.functional as F

from cnn_course import anatomy, data, models, plots
from cnn_course.anatomy import walk
from cnn_course.plots.drawing import DARK_ORANGE, Picture, panel
from cnn_course.training.device import seeded
from cnn_course.widgets.explorer import Explorer, choice, slider, steps
from cnn_course.widgets.scales import BLUE, ORANGE, PALE, even, scale

OWN = "own layers"
BUDGET = 600_000  # of work for a redraw
CHANNELS, EXAMPLES = 6, 4  # of the random stacks whose gradients are taken


@dataclass(frozen=True)
class ReceptiveField:
    """The window that one value of a stack depends on. Sizes in input pixels."""

    name: str  # OWN, or a model of the course
    image: torch.Tensor  # uint8 (3, H, W)
    sizes: tuple  # receptive field after each layer; in a model, the largest so far after each operation
    field: torch.Tensor  # (S, S) size of the gradient that each pixel gets, the largest 1; S = min(theory, picture side)
    inner: int  # side of the smallest centred square that holds half of the squared gradient
    note: str = ""  # what is to be said about the image
    kernel: int = 0  # this and what follows: of a stack of one's own
    depth: int = 0
    stride: int = 0
    pooling: int = 0
    channels: int = 0  # in and out of each of its convolutions

    @property
    def parameters(self):
        """Weights of the stack's convolutions."""
        return self.depth * anatomy.conv_parameters(self.channels, self.channels, self.kernel, bias=False)

    @property
    def one_kernel(self):
        """Weights of a single kernel with the same window."""
        return anatomy.conv_parameters(self.channels, self.channels, self.size, bias=False)

    @property
    def size(self):
        """The theoretical receptive field."""
        return self.sizes[-1]

    @property
    def side(self):
        """Pixels on a side of the input: the picture, or what the model takes."""
        return self.image.shape[-1] if self.name == OWN else len(self.field)

    @property
    def sees(self):
        """The verb of the window: a first stride wider than the kernel passes over pixels in it."""
        return "spans" if self.size > self.kernel and self.stride > self.kernel else "sees"

    @property
    def priced(self):
        """Whether one large kernel sees the same: then their weights are compared, and the channels matter."""
        return self.name == OWN and self.stride == 1 and not self.pools

    @property
    def pools(self):
        """Whether a pooling comes before the stack ends."""
        return 0 < self.pooling <= self.depth


def layers(kernel, depth, stride=1, pooling=0):
    """`depth` convolutions, the first with `stride`; 2x2 pooling after every `pooling` of them (0: none)."""
    stack = []
    for i in range(depth):
        stack.append(anatomy.conv(kernel, stride if i == 0 else 1))
        if pooling and (i + 1) % pooling == 0:
            stack.append(anatomy.pool(2))
    return stack


@lru_cache(maxsize=256)
def effective_field(stack, side):
    """(S, S) root mean square gradient of one output value by input pixel; S = min(receptive field, side).

    stack: tuple of anatomy.Layer, in which 2x2 with stride 2 is a maximum pooling. Random weights (He et
    al. 2015) and inputs from a fixed seed, ReLU between convolutions. Where the field is larger than
    `side`, borders are padded and the middle value is asked.
    """
    size = anatomy.receptive_field(stack)
    canvas = min(size, side)
    work, out = 0, canvas
    for layer in stack:
        out = out // layer.stride if canvas < size else (out - layer.kernel) // layer.stride + 1
        work += out**2 * layer.kernel**2
    nets = max(1, min(16, BUDGET // max(work, 1)))  # random stacks, side by side
    source = np.random.RandomState(0)  # numpy's frozen stream: the same numbers on every machine

    def normal(*shape):
        return torch.from_numpy(source.standard_normal(shape)).float()

    x = normal(EXAMPLES, nets * CHANNELS, canvas, canvas).requires_grad_()
    signal = x
    for i, layer in enumerate(stack):
        if layer == anatomy.pool(2):
            signal = F.max_pool2d(signal, 2, ceil_mode=canvas < size)
            continue
        spread = (2 / (CHANNELS * layer.kernel**2)) ** 0.5
        weights = spread * normal(nets * CHANNELS, CHANNELS, layer.kernel, layer.kernel)
        padding = layer.kernel // 2 if canvas < size else 0
        signal = F.conv2d(signal, weights, stride=layer.stride, padding=padding, groups=nets)
        signal = signal.relu() if i < len(stack) - 1 else signal
    middle = _middle(signal)
    (gradient,) = torch.autograd.grad((middle * normal(*middle.shape)).sum(), x)
    return _normed(gradient)


def _middle(maps):
    """(N, C) of (N, C, H, W): the middle value; where a side is even, the examples take turns."""
    n = torch.arange(len(maps))
    height, width = maps.shape[2:]
    return maps[n, :, (height - 1 + n % 2) // 2, (width - 1 + n // 2 % 2) // 2]


def _normed(gradient):
    field = gradient.double().square().mean((0, 1)).sqrt()
    return (field / field.max().clamp(min=1e-30)).float()


def inner_side(field, share=0.5):
    """Side of the smallest centred square that holds `share` of the squared gradient."""
    energy = field.double().square()
    side = energy.shape[0]
    for cut in range((side - 1) // 2, -1, -1):
        if energy[cut : side - cut, cut : side - cut].sum() >= share * energy.sum():
            return side - 2 * cut
    return side


def compute(image, name=OWN, kernel=3, depth=2, stride=1, pooling=0, channels=128, note=""):
    """The field of a stack of equal layers, or of a model of the course. image: uint8 (3, H, W), drawn upon."""
    if name != OWN:
        sizes, field = model_field(name)
        return ReceptiveField(name, image, sizes, field, inner_side(field), note)
    stack = tuple(layers(kernel, depth, stride, pooling))
    sizes = tuple(anatomy.receptive_field(stack[: i + 1]) for i in range(len(stack)))
    field = effective_field(stack, image.shape[-1])
    return ReceptiveField(OWN, image, sizes, field, inner_side(field), note, kernel, depth, stride, pooling, channels)


@lru_cache
def model_field(name):
    """A model of the course, random weights: (each new receptive field on the way, its `effective_field`)."""
    with seeded(0):
        net = models.build(name)
        x = torch.randn(8, *net.input_shape).requires_grad_()
        for module in net.modules():  # batch norm at work, dropout off
            module.train("Dropout" not in type(module).__name__)
        table = anatomy.trace(net)
        table["spatial"] = [min(map(int, shape.split("x")[1:]), default=1) > 1 for shape in table["output"]]
        middle = _middle(walk.output(net, table.index[table["spatial"]][-1], x))
        (gradient,) = torch.autograd.grad((middle * torch.randn(middle.shape)).sum(), x)
    table = table[table["receptive_field"].notna()]
    largest = table["receptive_field"][table["spatial"]].cummax()  # branches end at different sizes
    return tuple(int(size) for size in largest.unique()), _normed(gradient)


def describe(r):
    """One sentence."""
    window = f"{r.size}x{r.size} pixels"
    inner = f"half of the squared gradient comes through the middle {r.inner}x{r.inner}"
    if r.name != OWN:
        beyond = f", more than the {r.side}x{r.side} of its input" if r.size > r.side else ""
        return f"One value of the last map of {r.name} sees {window}{beyond}; in a random network {inner}."
    what = f"{r.depth} layers of {r.kernel}x{r.kernel}" if r.depth > 1 else f"One layer of {r.kernel}x{r.kernel}"
    if r.pooling > r.depth:
        what += f" (too few for a pooling after every {r.pooling})"
    if r.size > r.side:
        window += f", more than the picture's {r.side}x{r.side}"
    if not r.priced:
        steps = [f"stride {r.stride} first"] * (r.stride > 1)
        steps += ["2x2 pooling after " + ("each" if r.pooling == 1 else f"every {r.pooling}")] * r.pools
        return f"{what}, {' and '.join(steps)}: one value {r.sees} {window}; {inner}."
    if r.depth == 1:
        return f"{what}: one value sees {window} at {r.parameters:,} weights ({r.channels} channels); {inner}."
    saved = 1 - r.parameters / r.one_kernel
    than = f"{saved:.0%} fewer" if saved > 0 else f"{-saved:.0%} more"
    return (
        f"{what} see {window}, as one {r.size}x{r.size} kernel would, with {than} weights ({r.parameters:,} "
        f"against {r.one_kernel:,} at {r.channels} channels); {inner}."
    )


def draw(r):
    """The window on the picture, the gradient inside it, and the price (or the growth by layer)."""
    figure = plots.Figure(figsize=(8.6, 3.7), alt=describe(r), note=r.note)
    covered = " (all of it)" if r.size > r.side else ""
    title = f"{r.sees} {r.size}×{r.size} pixels{covered}"
    sheet = figure.sheet()
    picture = Picture(sheet, 0.1, 3.2, 2.85, r.image, title, BLUE, across=r.side)
    for size, colour in ((min(r.size, r.side), BLUE), (r.inner, ORANGE)):
        picture.box((r.side - size) // 2, (r.side - size) // 2, size, colour)

    title, look = f"gradient: half in {r.inner}×{r.inner}", {"cmap": "viridis", "vmin": 0, "vmax": 1}
    picture = Picture(sheet, 3.2, 3.2, 2.85, r.field, title, DARK_ORANGE, **look)
    corner = (len(r.field) - r.inner) // 2
    picture.box(corner, corner, r.inner, plots.INK, linewidth=4.5)  # orange alone hardly shows on yellow and green
    picture.box(corner, corner, r.inner, ORANGE)

    axes = panel(figure, (0.775, 0.15, 0.215, 0.72))
    if r.priced:
        unit, name = (1e6, "millions") if r.one_kernel >= 1e7 else (1e3, "thousands")
        names = [f"{r.depth} ×\n{r.kernel}x{r.kernel}", f"1 ×\n{r.size}x{r.size}"]
        values = (r.parameters / unit, r.one_kernel / unit)
        bars = axes.bar((0, 1), values, color=[BLUE, PALE], width=0.6)
        axes.bar_label(bars, [f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in values], fontsize=10)
        axes.set_ylim(0, max(values) * 1.15)
        scale(axes, "bottom", dict(enumerate(names)))
        axes.set_title(f"weights ({name})", y=1.0, fontsize=11)
    else:
        count = len(r.sizes)
        axes.plot(range(1, count + 1), r.sizes, "o-", color=BLUE, markersize=4)
        axes.axhline(r.side, color=PALE, linestyle="--")
        axes.text(1, r.side, "input", color="0.35", fontsize=10, va="bottom")
        axes.set(xlim=(0.5, max(count, 2) + 0.5), ylim=(0, max(r.size, r.side) * 1.15))
        label = "layer" if r.name == OWN else "layer that widens it"
        scale(axes, "bottom", {i: str(i) for i in range(1, count + 1, -(-count // 6))}, label)
        axes.set_title("receptive field (pixels)", y=1.0, fontsize=11)
    scale(axes, "left", even(*axes.get_ylim()))
    return figure


def receptive_field(image=None, note=""):
    """Explorer: the window of any stack of layers, or of a model of the course, by theory and by gradients.

    image: uint8 (3, H, W), square; the photograph, shrunk, where none is given. It is only drawn upon.
    note: small print under the picture.
    """
    image = data.photograph(64) if image is None else image
    controls = {
        "name": choice("Network", [OWN, *models.COURSE]),
        "kernel": slider("Kernel (pixels)", 3, 1, 11, 2),
        "depth": slider("Depth (layers)", 2, 1, 12),
        "stride": slider("First stride", 1, 1, 4),
        "pooling": choice("2x2 pooling", [("none", 0), ("after each layer", 1), ("after every 2", 2), ("after every 3", 3)]),
        "channels": steps("Channels", [16, 32, 64, 128, 256, 512], 128),
    }

    def adjust(controls, result):
        for name, control in controls.items():
            control.disabled = name != "name" and controls["name"].value != OWN
        if result is not None:
            controls["channels"].disabled = not result.priced  # a control that changes nothing invites no one

    return Explorer(controls, partial(compute, image, note=note), draw, describe, adjust=adjust)
