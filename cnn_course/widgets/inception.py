"""Explorer of notebook 05: an Inception block (Szegedy et al. 2014, arXiv 1409.4842, figure 2, table 1)."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import torch

from cnn_course import anatomy, plots
from cnn_course.models.inception import GOOGLENET_BLOCKS, Inception
from cnn_course.plots import GREY, short, tint
from cnn_course.plots.drawing import FACES, Board
from cnn_course.widgets.explorer import Explorer, as_many, choice, slider, switch

WIDTHS = ("n1", "reduce3", "n3", "reduce5", "n5", "pool")  # as in models.Inception
LABELS = ("#1x1", "#3x3 reduce", "#3x3", "#5x5 reduce", "#5x5", "pool proj")  # as in table 1


def _presets():
    """Block name -> (channels in, side of the map, the six widths), for GoogLeNet's nine blocks."""
    presets, channels, size = {}, 192, 28  # what the stem returns for 224x224 images
    for name, widths in GOOGLENET_BLOCKS.items():
        if widths == "pool":
            size //= 2
        else:
            presets[name] = (channels, size, widths)
            channels = widths[0] + widths[2] + widths[4] + widths[5]
    return presets


PRESETS = _presets()


@dataclass(frozen=True)
class Branch:
    """One of four branches: its convolutions as (kernel, channels out), and their cost."""

    name: str
    convolutions: tuple[tuple[int, int], ...]
    parameters: int  # weights and biases, as in the paper's network
    macs: int


@dataclass(frozen=True)
class InceptionCost:
    """An Inception block; `reduced` are the branches of the block as it is, `full` without the reductions."""

    block: str
    in_channels: int
    size: int
    widths: tuple[int, ...]
    reductions: bool
    reduced: tuple[Branch, ...]
    full: tuple[Branch, ...]

    @property
    def branches(self):
        """The block as set."""
        return self.reduced if self.reductions else self.full

    @property
    def out_channels(self):
        return sum(branch.convolutions[-1][1] for branch in self.branches)

    @property
    def parameters(self):
        return sum(branch.parameters for branch in self.branches)

    @property
    def macs(self):
        return sum(branch.macs for branch in self.branches)

    @property
    def parameters_reduced(self):
        return sum(branch.parameters for branch in self.reduced)

    @property
    def parameters_full(self):
        return sum(branch.parameters for branch in self.full)

    @property
    def is_paper(self):
        return self.widths == PRESETS[self.block][2]


@lru_cache(maxsize=256)
def _branches(channels, size, n1, reduce3, n3, reduce5, n5, pool):
    """The four branches of a models.Inception over `channels` maps of side `size`; a reduction of 0 is left out."""
    with torch.device("meta"):
        module = Inception(channels, n1, reduce3, n3, reduce5, n5, pool)
    table = anatomy.trace(module, (channels, size, size))
    layers = table[table["kind"] == "Conv2d"].itertuples()  # in the order of the branches
    branches = []
    for name, widths in (("1x1", [n1]), ("3x3", [reduce3, n3]), ("5x5", [reduce5, n5]), ("pool", [pool])):
        widths = [width for width in widths if width]
        mine = list(islice(layers, len(widths)))
        convolutions = tuple((layer.kernel, width) for layer, width in zip(mine, widths, strict=True))
        branches.append(Branch(name, convolutions, sum(layer.parameters for layer in mine), sum(layer.macs for layer in mine)))
    return tuple(branches)


def inception_cost(block="3a", reductions=True, n1=64, reduce3=96, n3=128, reduce5=16, n5=32, pool=32):
    """Parameters and multiply-adds of an Inception block, branch by branch.

    `block` names the place in GoogLeNet ("3a" to "5b") and so the channels in and the side of the map; the
    others are the widths of the paper's table 1. Without reductions the 3x3 and the 5x5 read all channels;
    the projection after the pooling stays, so that both blocks return the same channels.
    """
    widths = (n1, reduce3, n3, reduce5, n5, pool)
    channels, size, _ = PRESETS[block]
    reduced, full = _branches(channels, size, *widths), _branches(channels, size, n1, 0, n3, 0, n5, pool)
    return InceptionCost(block, channels, size, widths, reductions, reduced, full)


def describe(r):
    """The one sentence under the controls."""
    where = f"Block {r.block}" if r.is_paper else f"With your widths in place of {r.block}'s, the block"
    ratio = r.parameters_reduced / r.parameters_full
    if not r.reductions:
        verb = "has" if r.is_paper else "without 1x1 reductions has"
        where += " without its 1x1 reductions" if r.is_paper else ""
        return (
            f"{where} {verb} {r.parameters_full:,} parameters, {as_many(1 / ratio)} as with them "
            f"({r.parameters_reduced:,}), for the same {r.out_channels} channels out."
        )
    if ratio >= 1:
        return (
            f"{where} is no smaller with its 1x1 reductions than without: {r.parameters_reduced:,} parameters "
            f"against {r.parameters_full:,}, because the reductions are too wide to save anything."
        )
    left = f"{ratio:.0%}" if ratio < 0.995 else "nearly all"
    return (
        f"{where} needs {r.parameters_reduced:,} parameters; without the 1x1 reductions it would need "
        f"{r.parameters_full:,}, so they leave {left} of them."
    )


def draw(r):
    """The block from left to right, and beside each branch what it costs. Returns a plots.Figure."""
    shade = tint(plots.FAMILY_COLOURS["GoogLeNet"], 0.5)
    rows, top, tall, bars = (3.0, 2.32, 1.64, 0.96), 3.3, 2.7, 5.2
    place = f"block {r.block}" if r.is_paper else f"a block of yours in the place of {r.block}"
    title = f"GoogLeNet, {place}: {r.parameters:,} parameters and {short(r.macs)} multiply-adds"
    board = Board(9.2, 3.8, title, alt=describe(r))
    board.text(0.1, 1.98, f"input\n{r.in_channels}x{r.size}x{r.size}", ha="left", size=9, linespacing=1.25)
    board.line((0.95, rows[-1]), (0.95, rows[0]), width=0.04)
    other = r.full if r.reductions else r.reduced
    scale = 2.2 / max(branch.parameters for branch in (*r.branches, *other))
    for branch, rival, y in zip(r.branches, other, rows, strict=True):
        steps = [(f"conv {k}x{k}", 0.74, "1x1" if k == 1 else "conv", c) for k, c in branch.convolutions]
        if branch.name == "pool":  # the pooling keeps the channels
            steps.insert(0, ("max pool\n3x3", 0.74, "pool", r.in_channels))
        left, carried = 0.95, ""
        for (name, wide, kind, channels), x in zip(steps, (1.65, 3.0) if len(steps) == 2 else (2.32,), strict=True):
            board.arrow((left, y), (x - wide / 2, y), label=carried)
            board.box(x, y, name, kind, wide)
            left, carried = x + wide / 2, channels
        height = tall * carried / r.out_channels
        board.text(3.58, y + 0.06, str(carried), size=9, va="bottom")
        board.arrow((left, y), (3.75, y), (4.2, top - height / 2))
        board.bar(4.2, top - height, 0.28, height, FACES["concat"])
        top -= height
        board.bar(bars, y - 0.19, branch.parameters * scale, 0.38, shade)
        if rival.parameters != branch.parameters:
            board.bar(bars, y - 0.19, rival.parameters * scale, 0.38, edge=GREY, dashed=True)
        end = bars + max(branch.parameters, rival.parameters) * scale
        words = f"{branch.parameters:,} parameters\n{short(branch.macs)} multiply-adds"
        board.text(end + 0.1, y, words, ha="left", size=9, linespacing=1.25)
    words = f"concatenated\n{r.out_channels}x{r.size}x{r.size}"
    board.text(4.34, top - 0.08, words, va="top", size=9, linespacing=1.2)
    words = f"dashed: {'without' if r.reductions else 'with'} the 1x1 reductions"
    board.text(bars, top - 0.08, words, ha="left", va="top", size=9, colour=GREY)
    return board.figure


def inception_block():
    """Explorer: the widths of an Inception block in GoogLeNet's nine places, with or without reductions."""
    widths = {
        name: slider(label, width, 8, most, 8, tip=f"channels of {label}")
        for name, label, width, most in zip(WIDTHS, LABELS, PRESETS["3a"][2], (384, 192, 384, 96, 192, 192), strict=True)
    }
    controls = {
        "block": choice("GoogLeNet block", list(PRESETS), tip="the place in GoogLeNet; sets the paper's widths"),
        "reductions": switch("1x1 reductions", True, tip="1x1 convolutions before the 3x3 and the 5x5"),
        **widths,
    }
    linked = {"block": lambda block: dict(zip(WIDTHS, PRESETS[block][2], strict=True))}
    return Explorer(controls, inception_cost, draw, describe, linked=linked)
