"""Explorer of notebook 06: how large the gradient of each layer is before the first training step.

The network is small so that the answer comes at once: 3x3 convolutions with 8 channels on 8x8 maps, in blocks
of two. What it shows is a matter of depth, normalization, shortcut and initialization, not of width.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt

import numpy as np
import torch
import torch.nn.functional as F

from cnn_course import plots
from cnn_course.plots import GREY, INK
from cnn_course.plots.drawing import power_of_ten, power_ticks
from cnn_course.training.device import one_thread
from cnn_course.widgets.explorer import Explorer, choice, switch
from cnn_course.widgets.scales import scale

CHANNELS, SIDE, IMAGES, CLASSES = 8, 8, 16, 10
FLOAT32_TINIEST = 1.4e-45  # a smaller number is zero in float32, and so in an ordinary training
# A step of learning rate 0.1 changes a weight by 0.1 x gradient: here by 0.01% to 100% of its size.
HEALTHY = (1e-3, 10.0)


@dataclass(frozen=True)
class Gradients:
    """Settings, and |gradient| / |weight| (Euclidean norms) of each convolution, first to last."""

    depth: int
    batch_norm: bool
    skip: bool
    init: str
    relative: tuple[float, ...]

    @property
    def ratio(self):
        """The first block's number over the last block's; above 1 the gradient grows on its way back."""
        n = self.relative
        return sqrt(n[1] / n[-1] * n[2] / n[-2]) if n[-1] and n[-2] else inf

    @property
    def middle(self):
        """The median over the layers."""
        return sorted(self.relative)[len(self.relative) // 2]

    @property
    def where(self):
        """Which layers are out of the band where the median is: the first one may lie in it."""
        return f"all layers {'but the first' if HEALTHY[0] <= self.relative[0] <= HEALTHY[1] else 'alike'}"

    @property
    def name(self):
        kind = "ResNet" if self.skip else "Plain net"
        norm = "with" if self.batch_norm else "without"
        return f"{kind} of {self.depth} layers {norm} batch norm, {self.init} initialization"


def weight_std(init, in_channels, out_channels, kernel):
    """The standard deviation of normal weights: He (2015), Glorot (2010), or the fixed 0.01 of AlexNet."""
    fan_in, fan_out = in_channels * kernel**2, out_channels * kernel**2
    variances = {"He": 2 / fan_in, "Glorot": 2 / (fan_in + fan_out), "small": 0.01**2}
    return sqrt(variances[init])


def new_weights(depth, init, generator):
    """The first convolution, depth - 2 for the blocks, and the dense layer, drawn as `init` says: (out, in, k, k) each."""
    weights = []
    for c_in, c_out, k in [(3, CHANNELS, 3)] + [(CHANNELS, CHANNELS, 3)] * (depth - 2) + [(CHANNELS, CLASSES, 1)]:
        normal = torch.randn(c_out, c_in, k, k, generator=generator, dtype=torch.float64)
        weights.append((weight_std(init, c_in, c_out, k) * normal).requires_grad_())
    return weights


def logits(images, weights, batch_norm, skip):
    """Convolution, blocks of two, global average, dense layer. (N, 3, H, W) -> (N, CLASSES)."""

    def convolve(x, w):
        x = F.conv2d(x, w, padding=1)
        return F.batch_norm(x, None, None, training=True) if batch_norm else x

    first, *blocks, dense = weights
    x = F.relu(convolve(images, first))
    for w1, w2 in zip(blocks[::2], blocks[1::2], strict=True):
        branch = convolve(F.relu(convolve(x, w1)), w2)
        x = F.relu(branch + x if skip else branch)
    return F.conv2d(x, dense).mean((2, 3))


@lru_cache(maxsize=256)
def gradient_norms(depth=56, batch_norm=True, skip=False, init="He", seed=0):
    """One forward and backward pass through a new network of `depth` layers (even, at least 4), the dense one included.

    Images are random: nothing is learnt yet, so they do not matter. In float64, which holds numbers that
    float32 cannot.
    """
    generator = torch.Generator().manual_seed(seed)
    with one_thread():
        images = torch.randn(IMAGES, 3, SIDE, SIDE, generator=generator, dtype=torch.float64)
        weights = new_weights(depth, init, generator)
        loss = F.cross_entropy(logits(images, weights, batch_norm, skip), torch.arange(IMAGES) % CLASSES)
        grads = torch.autograd.grad(loss, weights[:-1])
        relative = tuple((g.norm() / w.detach().norm()).item() for g, w in zip(grads, weights, strict=False))
    return Gradients(depth, batch_norm, skip, init, relative)


def describe(r):
    """The one sentence under the controls, in words that another processor's rounding cannot change."""
    if r.middle < FLOAT32_TINIEST:
        fate = "every gradient is so small that float32 rounds it to zero, and nothing can be learnt"
    elif r.ratio > 30:
        times = "a thousand" if r.ratio > 1000 else "a hundred" if r.ratio > 100 else "thirty"
        larger = f"more than {times} times larger in the first block than in the last"
        fate = f"the gradient is {larger}; it explodes on its way back"
    elif r.ratio < 1 / 30:
        fate = "the gradient is far smaller in the first block than in the last; it vanishes on its way back"
    elif r.middle < HEALTHY[0]:
        why = "the weights, and with them the signal, are small" if r.skip else "the signal fades on its way forward"
        fate = f"the gradient is too small in {r.where}, because {why}"
    elif r.middle > HEALTHY[1]:
        fate = f"the gradient is too large in {r.where}, because the signal grows on its way forward"
    else:
        fate = "the gradient keeps its size, within a factor of thirty, from the last block to the first"
    return f"{r.name}: {fate}."


def draw(r):
    """Relative gradient norm by layer, beside a ResNet of the same depth. Returns a plots.Figure."""
    figure = plots.Figure(f"{r.name}: gradients before the first step", (8.6, 3.8), describe(r))
    ax = figure.panel(left=0.75, top=0.1)
    healthy = gradient_norms(depth=r.depth, batch_norm=True, skip=True, init="He")  # by name, as the explorer asks: cached once
    layers = np.arange(1, r.depth)
    here, other = np.log10(np.maximum(r.relative, 1e-300)), np.log10(healthy.relative)
    low, high = min(-4, 1.04 * here.min() - 0.6), max(2.5, here.max() + 0.6)
    gap = 0.02 * (high - low)  # between words and what they belong to
    ax.set(xlim=(0.2, r.depth - 0.2), ylim=(low, high))
    scale(ax, "left", {tick: power_of_ten(tick) for tick in power_ticks(low, high)}, "|gradient| / |weight|")
    every = 5 if r.depth > 14 else 1
    scale(ax, "bottom", {i: str(i) for i in layers if i == 1 or i % every == 0}, "layer (1 is next to the image)")

    def write(x, y, words, above, ha="left"):
        ax.text(x, y + (gap if above else -gap), words, va="bottom" if above else "top", ha=ha, fontsize=9, color=GREY)

    bottom, top = np.log10(HEALTHY)
    ax.axhspan(bottom, top, color="#eef3ee", zorder=0)
    thin = high - low > 15  # the band has no room for words
    write(0.6, bottom, "in the band, a step at learning rate 0.1 moves the weights by 0.01% to 100%", above=not thin)
    if low < -46:
        zero = np.log10(FLOAT32_TINIEST)
        ax.axhline(zero, color=GREY, linewidth=1, linestyle="--")
        write(0.6, zero, "below this line float32 holds only zero", above=True)
    if healthy.relative != r.relative:
        ax.plot(layers, other, color=GREY, linewidth=1.2)
        i, words = len(layers) // 2, "with batch norm, skip and He"
        if thin:
            write(layers[-1], other[i] - 3 * gap, words, above=False, ha="right")
        else:
            above = here[i] < other[i]
            write(layers[i], other[i] + (gap if above else -gap), words, above, ha="center")
    ax.plot(layers, here, "o-", color=plots.FAMILY_COLOURS["ResNet"] if r.skip else INK, markersize=4, linewidth=1.6)
    return figure


def gradients():
    """Explorer: depth, batch norm, skip connection and initialization against the gradient of each layer."""
    controls = {
        "depth": choice("depth (layers)", [8, 14, 20, 32, 44, 56], 56, tip="weight layers, the dense one included"),
        "batch_norm": switch("batch norm", True, tip="batch norm after each convolution"),
        "skip": switch("skip connection", False, tip="a shortcut around every two layers"),
        "init": choice(
            "initialization",
            [("He: sqrt(2 / fan in)", "He"), ("Glorot: sqrt(2 / (fan in + fan out))", "Glorot"), ("small: 0.01", "small")],
            tip="standard deviation of the first weights",
        ),
    }
    return Explorer(controls, gradient_norms, draw, describe)
