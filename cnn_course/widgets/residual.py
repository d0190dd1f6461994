"""Explorer of notebook 06: a residual block (He et al. 2015, arXiv 1512.03385, figures 2 and 5)."""

from dataclasses import dataclass
from functools import lru_cache

import torch

from cnn_course import anatomy, plots
from cnn_course.models import BasicBlock, Bottleneck
from cnn_course.plots import GREY, short, tint
from cnn_course.plots.drawing import Board
from cnn_course.widgets.explorer import Explorer, choice, slider

BLOCKS = {"basic": BasicBlock, "bottleneck": Bottleneck}


@dataclass(frozen=True)
class ResidualCost:
    """A block on a map of side `size`: the convolutions of its branch and of its shortcut, rows of anatomy.trace."""

    kind: str
    width: int
    option: str
    stride: int
    size: int
    in_channels: int
    out_channels: int
    out_size: int
    layers: tuple  # of the branch; no biases, because batch norm follows each convolution
    projection: object  # of the shortcut; None where it has no weights

    @property
    def weights(self):
        return sum(layer.parameters for layer in self._all())

    @property
    def macs(self):
        return sum(layer.macs for layer in self._all())

    @property
    def name(self):
        """As the paper names it: basic block of 64 channels, bottleneck 256-64-256."""
        if self.kind == "bottleneck":
            return f"bottleneck {self.in_channels}-{self.width}-{self.out_channels}"
        if self.stride == 2:
            return f"basic block from {self.in_channels} to {self.width} channels"
        return f"basic block of {self.width} channels"

    def _all(self):
        return (*self.layers, self.projection) if self.projection else self.layers


@lru_cache(maxsize=256)
def residual_cost(kind="basic", width=64, shortcut="A", stride=1, size=56):
    """Weights and multiply-adds of a residual block.

    `width`: channels of the 3x3 convolutions; a bottleneck returns four times as many. With stride 1 the
    shapes match; with stride 2 the block receives half the channels it returns, on a map of side `size`.
    `shortcut`: option A (identity, zeros for the new channels), B (1x1 projection where shapes differ) or C
    (projection always). ValueError for a width that cannot be halved, as somebody may type it.
    """
    if width % 2:
        raise ValueError(f"width is {width}; it must be even and at least 2, because stride 2 halves the channels in")
    in_channels = BLOCKS[kind].expansion * width // stride
    with torch.device("meta"):
        block = BLOCKS[kind](in_channels, width, stride, shortcut)
    table = anatomy.trace(block, (in_channels, size, size))
    entry, end = f"{in_channels}x{size}x{size}", table["output"].iloc[-1]
    out_channels, out_size, _ = map(int, end.split("x"))
    layers = list(table[table["kind"] == "Conv2d"].itertuples())
    # The projection is the 1x1 that goes all the way from the block's input to its output.
    projection = next((layer for layer in layers if (layer.kernel, layer.input, layer.output) == (1, entry, end)), None)
    layers = tuple(layer for layer in layers if layer is not projection)
    return ResidualCost(kind, width, shortcut, stride, size, in_channels, out_channels, out_size, layers, projection)


def rivals(r):
    """The paper's argument at this width: basic, bottleneck, and basic as wide as the bottleneck."""
    blocks = ("basic", r.width), ("bottleneck", r.width), ("basic", 4 * r.width)
    return tuple(  # by name, as the explorer asks: cached once
        residual_cost(kind=kind, width=width, shortcut=r.option, stride=r.stride, size=r.size) for kind, width in blocks
    )


def describe(r):
    """The one sentence under the controls."""
    cost = f"A {r.name} has {r.weights:,} weights and {short(r.macs)} multiply-adds on a {r.size}x{r.size} map"
    if r.kind == "bottleneck":
        basic = rivals(r)[0]
        times = r.weights / basic.weights
        cost += f"; the weights are {times:.2f} times those of a {basic.name}, and it carries four times as many channels"
    if r.projection:
        share = r.projection.parameters / r.weights
        return f"{cost}; the 1x1 projection on its shortcut holds {share:.0%} of the weights."
    if r.out_channels > r.in_channels:
        return f"{cost}; its shortcut takes every second pixel, fills new channels with zeros and adds no weights."
    return f"{cost}; its shortcut is the identity and adds no weights."


def draw(r):
    """The block with its shortcut, and the weights of three blocks. Returns a plots.Figure."""
    title = f"{r.name[0].upper()}{r.name[1:]}: {r.weights:,} weights and {short(r.macs)} multiply-adds"
    board = Board(9.2, 3.4, title, alt=describe(r))
    _draw_block(board, r, y=1.25, over=2.25)

    left, blocks = 6.6, rivals(r)
    scale = 2.45 / max(block.weights for block in blocks)
    for block, y in zip(blocks, (2.5, 1.5, 0.5), strict=True):
        here = block == r
        name = f"{block.kind} {block.in_channels}-{block.width}-{block.out_channels}"
        board.text(left, y + 0.34, name, ha="left", weight="bold" if here else "normal")
        words = f"{block.weights:,} weights\n{short(block.macs)} multiply-adds"
        board.text(left, y + 0.1, words, ha="left", size=9, linespacing=1.2)
        colour = tint(plots.FAMILY_COLOURS["ResNet"], 0.6) if here else "#e6e6e6"
        board.bar(left, y - 0.33, block.weights * scale, 0.22, colour)
    return board.figure


def _draw_block(board, r, y, over):
    """The branch at height y, the shortcut at height `over`."""
    fork, plus, wide = 1.08, 4.6, 0.68
    board.text(0.1, y, f"input\n{r.in_channels}x{r.size}x{r.size}", ha="left", size=9, linespacing=1.25)
    left, carried = 0.98, ""
    for i, (layer, x) in enumerate(zip(r.layers, (1.95, 3.4) if len(r.layers) == 2 else (1.6, 2.64, 3.68), strict=True)):
        board.arrow((left, y), (x - wide / 2, y), label=carried)
        lines = [f"conv {layer.kernel}x{layer.kernel}", "BN, ReLU" if i < len(r.layers) - 1 else "BN"]
        if layer.stride > 1:
            lines.insert(1, f"stride {layer.stride}")
        board.box(x, y, "\n".join(lines), "1x1" if layer.kernel == 1 else "conv", wide, 0.56, size=9)
        board.text(x, y - 0.35, f"{layer.parameters:,}", size=9, va="top")
        left, carried = x + wide / 2, layer.output.partition("x")[0]
    board.text(fork, y - 0.75, "below each convolution: its weights", size=9, colour=GREY, ha="left")
    board.arrow((left, y), (plus - 0.13, y), label=carried)
    board.arrow((fork, y), (fork, over), (plus, over), (plus, y + 0.13))
    middle = (fork + plus) / 2
    if r.projection:
        lines = "conv 1x1" + (", stride 2" if r.stride == 2 else "") + "\nBN"
        board.box(middle, over, lines, "1x1", 1.3 if r.stride == 2 else 0.8, size=9)
        board.text(middle, over + 0.25, f"projection: {r.projection.parameters:,} weights", size=9, va="bottom")
    else:
        zeros = r.out_channels - r.in_channels
        words = f"every second pixel, {zeros} channels of zeros" if zeros else "identity"
        board.text(middle, over + 0.07, f"{words}: no weights", size=9, va="bottom")
    board.node(plus, y, "+")
    board.arrow((plus + 0.13, y), (plus + 0.32, y))
    board.box(plus + 0.58, y, "ReLU", "words", 0.52, 0.34)
    board.arrow((plus + 0.84, y), (plus + 1.04, y))
    words = f"output\n{r.out_channels}x{r.out_size}x{r.out_size}"
    board.text(plus + 1.09, y, words, ha="left", size=9, linespacing=1.25)


def residual_block():
    """Explorer: a basic or a bottleneck block, its width, its stride and its shortcut."""
    controls = {
        "kind": choice("block", ["basic", "bottleneck"], tip="two 3x3, or 1x1, 3x3, 1x1"),
        "width": slider("width (channels)", 64, 16, 512, 16, tip="channels of the 3x3 convolutions"),
        "shortcut": choice(
            "shortcut",
            [("A: zeros for new channels", "A"), ("B: 1x1 where shapes differ", "B"), ("C: 1x1 always", "C")],
            tip="the paper's options",
        ),
        "stride": choice("stride", [1, 2], tip="2 where a stage begins: half the map, twice the channels"),
        "size": choice("map side (pixels)", [56, 28, 14, 7], tip="side of the map that comes in"),
    }
    return Explorer(controls, residual_cost, draw, describe)
