"""Explorer of notebook 07: a dense block and its transition (Huang et al. 2016, arXiv 1608.06993)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from matplotlib.colors import ListedColormap

from cnn_course import anatomy, plots
from cnn_course.models import DenseLayer, Transition
from cnn_course.plots import INK, tint
from cnn_course.widgets.explorer import Explorer, as_many, slider, switch
from cnn_course.widgets.scales import even, scale


@dataclass(frozen=True)
class DenseCost:
    """A dense block: channels before and after each layer, parameters of each layer and the transition."""

    growth_rate: int
    bottleneck: bool
    channels: tuple[int, ...]  # layers + 1 values: what layer l+1 receives
    layer_parameters: tuple[int, ...]
    other_parameters: tuple[int, ...]  # the same with the bottleneck switched
    transition_parameters: int
    transition_channels: int

    @property
    def layers(self):
        return len(self.layer_parameters)

    @property
    def in_channels(self):
        return self.channels[0]

    @property
    def factor(self):
        """By what the first layer multiplies the channels."""
        return self.channels[1] / self.channels[0]

    @property
    def exponential(self):
        """The channels, if every layer multiplied them as the first one does."""
        return [self.in_channels * self.factor**i for i in range(self.layers + 1)]

    @property
    def out_channels(self):
        return self.channels[-1]

    @property
    def block_parameters(self):
        return sum(self.layer_parameters)

    @property
    def parameters(self):
        return self.block_parameters + self.transition_parameters


@lru_cache(maxsize=4096)
def _layer(channels, growth_rate, bottleneck):
    """The parameters of a models.DenseLayer that receives `channels` maps."""
    with torch.device("meta"):
        return anatomy.parameters(DenseLayer(channels, growth_rate, bottleneck))


def dense_cost(growth_rate=32, layers=24, in_channels=256, compression=0.5, bottleneck=True):
    """Channels and parameters of a dense block and its transition.

    Layer l receives in_channels + growth_rate (l - 1) channels (section 3); a bottleneck is a 1x1 convolution
    to 4 growth_rate channels before the 3x3; the transition keeps floor(compression x channels).
    """
    channels = tuple(in_channels + growth_rate * i for i in range(layers + 1))
    with torch.device("meta"):
        transition = Transition(channels[-1], compression)
    return DenseCost(
        growth_rate,
        bottleneck,
        channels,
        layer_parameters=tuple(_layer(c, growth_rate, bottleneck) for c in channels[:-1]),
        other_parameters=tuple(_layer(c, growth_rate, not bottleneck) for c in channels[:-1]),
        transition_parameters=anatomy.parameters(transition),
        transition_channels=transition.out_channels,
    )


def describe(r):
    """The one sentence under the controls."""
    with_or_without = "without" if r.bottleneck else "with"
    change = as_many(sum(r.other_parameters) / r.block_parameters)
    kept = "1 channel" if r.transition_channels == 1 else f"{r.transition_channels} channels"  # no commas in channels
    return (
        f"Each layer adds {r.growth_rate} channels, so {_layers(r)} {r.in_channels} to {r.out_channels} in a "
        f"straight line; the block has {r.block_parameters:,} parameters ({with_or_without} the bottleneck "
        f"{change}), and the transition keeps {kept}."
    )


def _layers(r):
    return "1 layer takes" if r.layers == 1 else f"{r.layers} layers take"


def _dress(ax, title, ticks):
    ax.set_title(title, loc="left", y=1.02)  # with y given, matplotlib need not measure the axes
    scale(ax, "bottom", ticks, "layer of the block")
    scale(ax, "left", even(*ax.get_ylim()))


def draw(r):
    """Left: the channels each layer receives, banded by where they come from. Right: its parameters."""
    title = (
        f"{_layers(r)} {r.in_channels} channels to {r.out_channels}: {r.block_parameters:,} parameters, "
        f"{r.parameters:,} with the transition"
    )
    figure = plots.Figure(title, (9.2, 3.7), describe(r))
    left, right = figure.panels(columns=2, widths=(1.15, 1), top=0.25)
    step = 1 if r.layers <= 8 else 2 if r.layers <= 16 else 5 if r.layers <= 30 else 10
    ticks = {i: str(i) for i in range(1, r.layers + 1) if i == 1 or i % step == 0}
    _draw_channels(left, r, ticks)
    _draw_parameters(right, r, ticks)
    return figure


def _draw_channels(ax, r, ticks):
    colour, last, words = plots.FAMILY_COLOURS["DenseNet"], r.layers + 1, {"fontsize": 9, "color": INK}
    sources, columns = np.mgrid[0:last, 1 : last + 1]
    bands = np.ma.masked_where(sources >= columns, sources % 2).astype(float)
    tones = ListedColormap([tint(colour, 0.75), tint(colour, 0.4)])
    ax.pcolormesh(np.arange(0.5, last + 1), [0, *r.channels], bands, cmap=tones, vmin=0, vmax=1)
    top, wide = 1.75 * r.out_channels, max(0.6, 0.1 * last)
    after = last + 0.5 + 1.2 * wide
    ax.set(xlim=(0.3, after + 1.5 * wide), ylim=(0, top))
    room = {i: name for i, name in ticks.items() if last - i >= 0.08 * last}
    _dress(ax, f"Channels in: {r.growth_rate} more at every layer", {**room, last: "out"})
    ax.stairs([r.transition_channels], [after - wide / 2, after + wide / 2], fill=True, color="#bdbdbd")
    kept = f"{r.transition_channels}\nafter the\ntransition"
    ax.text(after, r.transition_channels + 0.01 * top, kept, ha="center", va="bottom", linespacing=1.1, **words)
    x = np.arange(1, last + 1)
    ax.plot(x, r.channels, color=colour, linewidth=2)
    ax.plot(x, np.minimum(r.exponential, 4 * top), "--", color=INK, linewidth=1.3)
    ax.text(last + 0.4, r.out_channels + 0.015 * top, str(r.out_channels), ha="right", va="bottom", **words)
    leaves = next((i for i, value in enumerate(r.exponential) if value > top), last)
    factor = f"{r.factor:.3f}".rstrip("0").rstrip(".")
    dashed = f"dashed: if every layer\nmultiplied them by {factor},\nas the first one does"
    ax.text(0.03 if leaves > 0.5 * last else 0.45, 0.97, dashed, transform=ax.transAxes, va="top", linespacing=1.15, **words)


def _draw_parameters(ax, r, ticks):
    edges = np.arange(0.5, r.layers + 1)
    thousands, other = np.array(r.layer_parameters) / 1e3, np.array(r.other_parameters) / 1e3
    ax.stairs(thousands, edges, fill=True, color=tint(plots.FAMILY_COLOURS["DenseNet"], 0.6))
    ax.stairs(other, edges, color=INK, linewidth=1.2, linestyle="--")
    ax.set(xlim=(0.3, r.layers + 0.7), ylim=(0, 1.3 * max(*thousands, *other)))
    _dress(ax, "Parameters by layer (thousands)", ticks)
    words = f"dashed: {'without' if r.bottleneck else 'with'} the bottleneck"
    ax.text(0.03, 0.97, words, transform=ax.transAxes, va="top", fontsize=9, color=INK)


def dense_block():
    """Explorer: growth rate, layers, input and bottleneck of a dense block, and the compression after it."""
    controls = {
        "growth_rate": slider("growth rate", 32, 4, 48, 4, tip="channels that every layer adds"),
        "layers": slider("layers", 24, 1, 48, tip="layers of the block"),
        "in_channels": slider("channels in", 256, 8, 512, 8, tip="channels before the first layer"),
        "compression": slider("compression", 0.5, 0.1, 1.0, 0.1, tip="share of the channels that the transition keeps"),
        "bottleneck": switch("1x1 bottleneck", True, tip="a 1x1 to 4 x growth rate before each 3x3"),
    }
    return Explorer(controls, dense_cost, draw, describe)
