"""Architecture diagrams drawn from the models: `block` from a torch.fx graph, `network` from its stages.

One style for all families: convolutions are grey-blue, 1x1 convolutions yellow, pooling is white, numbers on
arrows are channels.
"""

from __future__ import annotations

import copy
import math
import re
from collections import Counter
from dataclasses import dataclass, field

from cnn_course.anatomy import walk
from cnn_course.plots.canvas import around, short, styled, text_width, wrap
from cnn_course.plots.colours import ACCENT, GREY, INK, PALETTE, colour, is_dark, readable, tint
from cnn_course.plots.drawing import Board

SIZE = 9.5


# -------------------------------------------------------------------------------------------------- a block
@dataclass(eq=False)
class Box:
    """One box of the picture. kind: a key of FACES, or "end" for input and output."""

    kind: str
    lines: list[str]
    inputs: list[Box] = field(default_factory=list)
    channels: int | None = None  # of its output
    prefixed: bool = False  # its norm and activation come first, so that nothing is added after it
    along: float = 0.0  # where the centre is on the way from input to output
    row: int = 0  # 0: the main path; negative rows lie above it, or left of it
    size: tuple[float, float] = (0.0, 0.0)


def block(module, input_shape, title="", collapse=(), merge=None, direction=None, note=None, alt=""):
    """The block as boxes and arrows: branches side by side, shortcuts as arcs, a plus where they are added.

    module: any nn.Module that torch.fx can follow, on any device. input_shape: (C, H, W). collapse: module
    classes to draw as one box each. merge: boxes in a row become one; None does it for long blocks only.
    direction: "right" or "down"; None chooses. Raises ValueError for a module that cannot be followed or an
    input that does not fit.
    """
    boxes = _fused(_graph(module, input_shape, tuple(collapse)))
    if merge or (merge is None and _depth(boxes) > 9):
        boxes = _merged(boxes)
    skips = _lay_out(boxes)
    if direction not in (None, "right", "down"):
        raise ValueError(f'direction is {direction!r}; expected "right", "down" or None')
    if direction is None:
        direction = "down" if len({box.row for box in boxes}) > 2 else "right"
    name = type(module).__name__.strip("_")
    title = title or f"{name}: {boxes[0].channels} channels in, {boxes[-1].channels} out"
    note = _note(boxes) if note is None else note
    return _draw(boxes, skips, direction == "down", title, note, alt or f"Diagram. {title}; {_sentence(boxes)}")


@styled
def blocks(parts, title="", note=None, alt=""):
    """Several blocks in one picture, side by side and each from the top down under its name, so that they can be compared.

    parts: name -> (module, (C, H, W)), as `block` takes them; no boxes are merged. Raises ValueError for no parts, and where
    `block` does.
    """
    if not parts:
        raise ValueError("parts is empty; expected name -> (module, (C, H, W))")
    drawn = {name: _fused(_graph(module, shape, ())) for name, (module, shape) in parts.items()}
    plans = {}
    for name, boxes in drawn.items():
        skips = _lay_out(boxes)
        plans[name] = skips, _plan(boxes, skips, down=True)
    wide = {name: max(plan.breadth, text_width(name, 10.5) + 0.2) for name, (_, plan) in plans.items()}
    width, gap = sum(wide.values()) + 0.16 * (len(parts) - 1), 0.16
    title = title or " beside ".join(parts)
    note = _note(sum(drawn.values(), [])) if note is None else note
    sentences = "; ".join(f"{name}: {_sentence(boxes)}" for name, boxes in drawn.items())
    tallest = max(plan.length for _, plan in plans.values())
    height = tallest + 0.28 + around(width, title, note)
    board = Board(width, height, title, alt or f"Diagram. {title}; {sentences}", note)
    left, top = 0.0, height - board.figure.head
    for name, boxes in drawn.items():
        skips, plan = plans[name]
        board.text(left + wide[name] / 2, top - 0.12, name, 10.5)
        _put(board, boxes, skips, plan, left + (wide[name] - plan.breadth) / 2, top - 0.28)
        left += wide[name] + gap
    return board.figure


def _note(boxes):
    return "Numbers: channels." + (" Yellow: 1x1 convolutions." if any(box.kind == "1x1" for box in boxes) else "")


def _graph(module, input_shape, collapse):
    """The boxes of a module in execution order: one a step of the walk, and one at each end."""
    copied = copy.deepcopy(module).to("meta").eval()
    boxes = [Box("end", ["input", _size(input_shape)], channels=input_shape[0])]
    made = {None: boxes[0]}  # step -> its box, or that of the step whose result it hands on
    steps = walk.steps(copied, tuple(input_shape), collapse)
    for step in steps:
        inputs = list(dict.fromkeys(made[source] for source in step.sources))
        kind, words = _describe(step, len(inputs))
        if kind is None:
            made[step] = inputs[0]
            continue
        made[step] = Box(kind, [words], inputs, step.outputs[0][0])
        boxes.append(made[step])
    boxes.append(Box("end", ["output", _size(steps[-1].outputs[0])], [made[steps[-1]]], steps[-1].outputs[0][0]))
    return boxes


def _size(shape):
    return "x".join(map(str, shape))


JOINS = {"add": "+", "mul": "\N{MULTIPLICATION SIGN}"}
WORDS = {
    "BatchNorm2d": "BN",
    "LocalResponseNorm": "LRN",
    "LayerNorm": "LN",
    "GroupNorm": "GN",
    "relu": "ReLU",
    "Dropout": "dropout",
    "Flatten": "flatten",
    "pad": "zero channels",
    "slice": "every 2nd pixel",
    "Sigmoid": "sigmoid",
    "tanh": "tanh",
    "Tanh": "tanh",
    "PadShortcut": "zero channels",
}


def _describe(step, inputs):
    """Kind and words of a step; kind None for one that hands its input on."""
    if step.module is not None:
        return _layer(step.module)
    name = step.kind
    if name in ("cat", "concat", "concatenate"):
        return ("concat", "concat") if inputs > 1 else (None, "")
    if name in JOINS and inputs > 1:
        return "join", JOINS[name]
    if "pool" in name:
        return "pool", name.replace("adaptive_", "").replace("_pool2d", " pool").replace("avg", "average")
    if name in ("contiguous", "dropout", "to"):
        return None, ""
    return "words", WORDS.get(name, name.replace("_", " "))


def _layer(layer):
    """Kind and words of a module that is one box."""
    name = type(layer).__name__
    side = getattr(layer, "kernel_size", None)
    side = (side, side) if isinstance(side, int) else side
    stride = getattr(layer, "stride", 1)
    stride = stride if isinstance(stride, int) else stride[0]
    step = f", stride {stride}" if stride > 1 else ""
    if name == "Conv2d":
        group = layer.groups
        shared = ", depthwise" if group == layer.in_channels > 1 else f", {group} groups" if group > 1 else ""
        return "1x1" if tuple(side) == (1, 1) else "conv", f"conv {side[0]}x{side[1]}{step}{shared}"
    if "Pool" in name:
        what = "average pool" if "Avg" in name else "max pool"
        around = name.startswith("Adaptive")
        return "pool", f"global {what}" if around else f"{what}, {side[0]}x{side[1]}{step}"
    if name == "Linear":
        return "dense", "dense"
    if name == "Identity":
        return None, ""
    if name in WORDS or "activation" in type(layer).__module__:
        return "words", WORDS.get(name, name)
    return "layer", name.strip("_")


def _users(boxes):
    users = {box: [] for box in boxes}
    for box in boxes:
        for source in box.inputs:
            users[source].append(box)
    return users


def _absorb(boxes, box, into):
    """`into` stands for `box` from now on."""
    for other in boxes:
        other.inputs = [into if source is box else source for source in other.inputs]
    boxes.remove(box)


def _fused(boxes):
    """Norms and activations become words in the box of their convolution, after it or before it."""
    layers = ("conv", "1x1", "pool", "dense")
    for box in list(boxes):
        users = _users(boxes)
        before = box.inputs[0] if len(box.inputs) == 1 else None
        alone = before is not None and len(users[before]) == 1
        if box.kind == "words" and alone and (before.kind == "words" or (before.kind in layers and not before.prefixed)):
            if len(before.lines) == 1 and before.kind != "words":
                before.lines.append(box.lines[0])
            else:
                before.lines[-1] += f", {box.lines[0]}"
            before.channels = box.channels
            _absorb(boxes, box, before)
        elif box.kind in layers and alone and before.kind == "words" and before.inputs[0].kind != "join":
            box.lines, box.prefixed, box.inputs = before.lines + box.lines, True, before.inputs
            boxes.remove(before)
        elif box.kind in layers and alone and before.kind == "words" and re.match("BN|LN|GN", before.lines[0]):
            box.lines, box.prefixed, box.inputs = before.lines + box.lines, True, before.inputs
            boxes.remove(before)
    return boxes


def _merged(boxes):
    """Layers that follow one another without a branch become one box of several lines."""
    layers = ("conv", "1x1", "pool", "dense", "words")
    for box in list(boxes):
        before = box.inputs[0] if len(box.inputs) == 1 else None
        if before and box.kind in layers and before.kind in layers and len(_users(boxes)[before]) == 1:
            before.lines, before.channels = before.lines + box.lines, box.channels
            before.kind = before.kind if before.kind == box.kind else "conv"
            _absorb(boxes, box, before)
    return boxes


def _depth(boxes):
    depth = {}
    for box in boxes:
        depth[box] = 1 + max((depth[source] for source in box.inputs), default=-1)
    return depth[boxes[-1]]


def _lay_out(boxes):
    """Give each box its place and its row; returns the shortcuts without a box, (source, target) -> row.

    The longest path is row 0. Each branch beside it takes the nearest row that is free from its fork to its
    join: those that are added to the main path above it, those of a concatenation in the order in which the
    block names them.
    """
    rank = {}
    for box in boxes:
        rank[box] = max((rank[source] + 1 for source in box.inputs), default=0)
        box.along = rank[box]
    main = [boxes[-1]]
    while main[-1].inputs:
        main.append(max(main[-1].inputs, key=lambda source: rank[source]))
    placed, chains, users, order = set(main), [], _users(boxes), {box: i for i, box in enumerate(boxes)}
    for box in boxes:
        if box in placed or not users[box]:
            continue
        chain = [box]
        while users[chain[-1]][0] not in placed and users[chain[-1]][0].inputs[0] is chain[-1]:
            chain.append(users[chain[-1]][0])
        placed.update(chain)
        start, end = box.inputs[0], users[chain[-1]][0]
        step = (rank[end] - rank[start]) / (len(chain) + 1)
        for i, member in enumerate(chain, 1):
            member.along = rank[start] + i * step
        first = next((b for b in reversed(main) if start in b.inputs), end)
        above = end.kind == "join" or order[box] < order[first]
        chains.append((rank[start], rank[end], above, order[box], chain))
    linked = {
        (a, b) for *_, chain in chains for a, b in zip([chain[0].inputs[0], *chain], [*chain, users[chain[-1]][0]], strict=True)
    }
    linked |= set(zip(main[1:], main, strict=False))
    skips = [(rank[a], rank[b], True, order[a], (a, b)) for b in boxes for a in b.inputs if (a, b) not in linked]
    taken, rows = {}, {}
    everything = chains + skips
    for start, end, above, _, what in sorted(everything, key=lambda c: (c[1] - c[0], -c[3] if c[2] else c[3])):
        row = -1 if above else 1
        while any(start < e and s < end for s, e in taken.get(row, [])):
            row += -1 if above else 1
        taken.setdefault(row, []).append((start, end))
        if isinstance(what, tuple):
            rows[what] = row
        else:
            for member in what:
                member.row = row
    return rows


def _sentence(boxes):
    """The block in words, for readers who cannot see it."""
    counts = Counter(", ".join(box.lines) for box in boxes if box.kind not in ("end", "join", "concat"))
    ends = [
        {"+": "added", "concat": "concatenated"}.get(box.lines[0], "multiplied")
        for box in boxes
        if box.kind in ("join", "concat")
    ]
    parts = [f"{n} x {words}" if n > 1 else words for words, n in counts.items()]
    return "; ".join(parts) + (f"; {', '.join(dict.fromkeys(ends))} at the end" if ends else "")


@dataclass
class Plan:
    """Where everything stands, in inches: `along` the way from input to output, and `across` it."""

    down: bool  # the way goes down, else to the right
    digits: float  # the widest number of channels
    users: dict[Box, list[Box]]
    along: dict[Box, float]  # the middle of each box
    across: dict[Box, float]
    lanes: dict[int, float]  # the middle of each row
    bars: dict[Box, tuple[float, float]]  # from where to where across a bar of concatenation reaches
    length: float
    breadth: float

    def extent(self, box):
        """How long a box is on the way, and how wide across it."""
        return box.size[::-1] if self.down else box.size


def _plan(boxes, skips, down):
    """The Plan of boxes that have their rows, with shortcuts from `_lay_out`; gives each box its size."""
    _measure(boxes, down)
    digits = max(text_width(str(box.channels), 9) for box in boxes)
    plan = Plan(down, digits, _users(boxes), {}, {}, {}, {}, 0.0, 0.0)
    _place_along(plan, boxes)
    _place_across(plan, boxes, skips)
    return plan


def _measure(boxes, down):
    for box in boxes:
        if box.kind == "join":
            box.size = 0.3, 0.3
        elif box.kind == "concat":
            box.size = (0.75, 0.25) if down else (0.25, 0.72)
        else:
            box.size = max(text_width(line, SIZE) for line in box.lines) + 0.2, 0.165 * len(box.lines) + 0.16


def _place_along(plan, boxes):
    """A column for each rank, gaps wide enough for the numbers on the arrows; boxes of a short branch stand in between."""
    ranks = sorted({box.along for box in boxes if box.along == int(box.along)})
    forks = {box.along for box in boxes if len(plan.users[box]) > 1}
    middle, edge = {}, 0.12
    for rank in ranks:
        deep = max((plan.extent(box)[0] for box in boxes if box.along == rank), default=0)
        middle[rank] = edge + deep / 2
        fork = rank in forks
        edge += deep + (0.36 + 0.12 * fork if plan.down else plan.digits + (0.42 if fork else 0.3))
    plan.length = middle[ranks[-1]] + deep / 2 + 0.12
    for box in boxes:
        low, share = math.floor(box.along), box.along - math.floor(box.along)
        plan.along[box] = middle[low] + (share and share * (middle[low + 1] - middle[low]))


def _place_across(plan, boxes, skips):
    """Rows of boxes are as thick as their boxes, rows of shortcuts thin; bars span the rows of their branches."""
    rows = sorted({box.row for box in boxes} | set(skips.values()))
    least, gap = (0.3, 0.22) if plan.down else (0.2, 0.26)
    at = 0.12
    for row in rows:
        thick = max((plan.extent(box)[1] for box in boxes if box.row == row and box.kind != "concat"), default=0.0)
        plan.lanes[row] = at + max(thick, least) / 2
        at += max(thick, least) + gap + plan.digits * (plan.down and row != rows[-1])
    plan.breadth = at - gap + 0.12
    plan.across = {box: plan.lanes[box.row] for box in boxes}
    bars = {box: [source.row for source in box.inputs if (source, box) not in skips] for box in boxes if box.kind == "concat"}
    last = boxes[-1].inputs[0]
    if list(bars) == [last] and len(last.inputs) > 2:  # the only bar stands amid its branches
        beside = [plan.lanes[row] for row in bars[last]]
        for box in (boxes[0], last, boxes[-1]):
            plan.across[box] = (min(beside) + max(beside)) / 2
    for box, beside in bars.items():
        wide = len(box.inputs) > 2
        low, high = (plan.lanes[min(beside)], plan.lanes[max(beside)]) if wide else (plan.lanes[box.row],) * 2
        reach = plan.extent(box)[1] / 2 if low == high else 0.4 if plan.down else 0.16
        plan.bars[box] = low - reach, high + reach


def _route(plan, source, box, lane):
    """An arrow between two boxes: its corners (along, across), and where its number stands. lane: a shortcut's row, or None."""
    start = plan.along[source] + plan.extent(source)[0] / 2
    end = plan.along[box] - plan.extent(box)[0] / 2
    own, target, half = plan.across[source], plan.across[box], plan.extent(box)[1] / 2
    low, high = plan.bars.get(box, (target, target))
    middle, stub = plan.along[box], start + 0.13
    if lane is not None:  # around
        beside = plan.lanes[lane]
        entry = (low if box in plan.bars else target - half) if beside < target else target + half
        return [(start, own), (stub, own), (stub, beside), (middle, beside), (middle, entry)], ((stub + middle) / 2, beside)
    if low <= own <= high:  # straight on
        near = ((stub if len(plan.users[source]) > 1 else start) + end - 0.08) / 2
        return [(start, own), (end, own)], (near, own)
    if source.row == 0:  # out of a fork into a branch
        near = (stub + end - 0.08) / 2 if end - stub < 1 or plan.down else end - plan.digits / 2 - 0.14
        return [(start, own), (stub, own), (stub, target), (end, target)], (near, target)
    entry = target + half * (1 if own > target else -1)  # from a branch into the main path
    return [(start, own), (middle, own), (middle, entry)], ((start + middle) / 2, own)


@styled
def _draw(boxes, skips, down, title, note, alt):
    plan = _plan(boxes, skips, down)
    wide, tall = (plan.breadth, plan.length) if down else (plan.length, plan.breadth)
    width = max(wide, min(6.4, text_width(title, 12) + 0.25), 3.4)
    height = tall + around(width, title, note)
    board = Board(width, height, title, alt, note)
    _put(board, boxes, skips, plan, (width - wide) / 2 if down else 0.0, height - board.figure.head)
    return board.figure


def _put(board, boxes, skips, plan, left, top):
    """Draw a planned block on a board, its upper left corner at (left, top)."""
    down = plan.down

    def point(along, across):
        return (left + across, top - along) if down else (left + along, top - across)

    beside = {"ha": "left"} if down else {"va": "bottom"}
    for box in boxes:
        for source in box.inputs:
            corners, number = _route(plan, source, box, skips.get((source, box)))
            board.arrow(*(point(*corner) for corner in corners))
            x, y = point(*number)
            board.text(x + 0.05 * down, y + 0.035 * (not down), str(source.channels), size=9, **beside)
    for box in boxes:
        low, high = plan.bars.get(box, (plan.across[box],) * 2)
        x, y = point(plan.along[box], (low + high) / 2)
        wide, tall = box.size
        if box in plan.bars:
            wide, tall = (high - low, tall) if down else (wide, high - low)
        if box.kind == "end":
            board.text(x, y + 0.0825, box.lines[0], SIZE, GREY)
            board.text(x, y - 0.0825, box.lines[1], SIZE)
        elif box.kind == "join":
            board.node(x, y, box.lines[0])
        else:
            upwards = 90 if box in plan.bars and not down else 0
            board.box(x, y, "\n".join(box.lines), box.kind, wide, tall, SIZE, rotation=upwards)


@styled
def dense_block(block, title="", note="The number at the start of a line: its maps.", alt=""):
    """A dense block on which all see all: a line for the maps of each source, an arrow from it to every later layer.

    block: a models.DenseBlock on any device, of at most 5 layers. Raises ValueError for more.
    """
    reads = [layer.layers[0].num_features for layer in block]
    if not 1 <= len(reads) <= 5:
        raise ValueError(f"the block has {len(reads)} layers; expected 1 to 5, which can be told apart")
    makes = [reads[0], *(layer.out_channels - count for layer, count in zip(block, reads, strict=True))]
    title = title or f"Each of {len(reads)} layers receives the maps of all before it"
    wide, tall, gap, lane, apart = 1.15, 0.62, 0.55, 0.27, 0.19
    xs = [1.15 + wide / 2 + i * (wide + gap) for i in range(len(makes))]  # of the layers, and of all maps in the end
    width = xs[-1] + wide / 2 + 0.15
    alt = alt or f"Diagram. {title}: layers that receive {', '.join(map(str, reads))} maps; {block.out_channels} leave the block"
    board = Board(width, 0.35 + tall + lane * len(makes) + 0.2 + around(width, title, note), title, alt, note)
    y = board.figure.foot + 0.12 + tall / 2
    top = y + tall / 2
    for i, (count, shade) in enumerate(zip(makes, PALETTE, strict=False)):
        high = top + 0.3 + lane * (len(makes) - 1 - i)
        start = 0.78 if i == 0 else xs[i - 1] + wide / 2 + 0.14
        if i:
            board.line((xs[i - 1] + wide / 2, y), (start, y), (start, high), colour=shade, width=0.02)
        else:
            board.text(start - 0.06, high, f"input: {count}", SIZE, readable(shade), ha="right")
        last = xs[-1] + apart * (i - (len(makes) - 1) / 2)
        board.line((start, high), (last, high), colour=shade, width=0.02)
        for j, x in enumerate(xs[i:], i + 1):
            at = x + apart * (i - (j - 1) / 2)
            board.arrow((at, high), (at, top), colour=shade, width=0.02)
        if i:
            board.text(start + 0.05, y, str(count), SIZE, readable(shade), ha="left")
    for i, (x, count) in enumerate(zip(xs, reads, strict=False), 1):
        board.box(x, y, f"layer {i}\nreceives {count}", "layer", wide, tall, SIZE)
    board.box(xs[-1], y, f"all maps\n{block.out_channels}", "concat", wide, tall, SIZE)
    return board.figure


# ------------------------------------------------------------------------------------------------ a network
MOST = 15  # columns that fit on a slide
TALLEST = 1.25  # the box of the largest map, in inches


@styled
def network(net, input_shape=None, title="", note="", alt="", figsize=(10, 5.2)):
    """The whole network from left to right, under each stage its parameters and its multiply-adds.

    net: a network of the course or any nn.Module that torch.fx can follow, device="meta" will do. A box is as
    high as the map that leaves the stage (logarithmic), the numbers on the arrows are channels; the default note says so.
    """
    note = note or "In a box: the size of the maps that leave the stage, after its pooling. On the arrows: channels."
    columns, image = _columns(net, input_shape)
    name = getattr(net, "name", "") or type(net).__name__
    shade = colour(name, default=ACCENT)
    total = {key: sum(column[key] for column in columns) for key in ("parameters", "macs")}
    counts = f"{short(total['parameters'])} parameters, {short(total['macs'])} multiply-adds for one image"
    title = title or f"{name}: {counts}"
    alt = alt or f"Diagram of {name}, from image to logits: " + "; ".join(f"{c['name']} {c['words']}" for c in columns)
    board = Board(*figsize, title, alt.replace("\n", ", "), note)
    width, height = figsize
    left, right = 1.25, 0.45  # for the image, and for the number on the last arrow
    slot = (width - left - right) / len(columns)
    size = 9 if slot > 0.72 else 8  # of the words, in points
    xs, wide = [left + slot * (i + 0.5) for i in range(len(columns))], min(0.62, slot * 0.5)
    words = [wrap(column["words"], slot - 0.06, size) for column in columns]
    y = height - board.figure.head - 0.28 - TALLEST / 2
    below = y - TALLEST / 2 - 0.08 - 0.15 * max(word.count("\n") + 1 for word in words)
    side = f"{image[1]}x{image[2]}"
    board.text(0.12, y + 0.09, "image", 9, GREY, ha="left")
    board.text(0.12, y - 0.09, side, 9, ha="left")
    starts = [0.18 + text_width(side, 9), *(x + wide / 2 for x in xs)]
    # Of a sequence (length, channels) the channels come last.
    numbers = [image[0], *(column["shape"][-1 if len(column["shape"]) == 2 else 0] for column in columns)]
    for start, end, number in zip(starts, [*(x - wide / 2 for x in xs), width - 0.1], numbers, strict=True):
        board.arrow((start, y), (end, y))
        board.text((start + end) / 2 - 0.02, y + 0.04, str(number), size, va="bottom")
    _stages(board, columns, words, xs, y, wide, size, shade)
    floor = board.figure.foot + 0.06
    half = (below - board.figure.foot - 0.1) / 2
    for key, what, at in (("parameters", "parameters", floor + half), ("macs", "multiply-adds", floor)):
        board.text(0.12, at + half - 0.26, f"{what}: {short(total[key])} in all", 9.5, GREY, ha="left", va="bottom")
        board.line((0.12, at), (width - 0.12, at), width=0.011)
        _tally(board, columns, key, xs, at, half - 0.5, wide, size, shade)
    return board.figure


def _stages(board, columns, words, xs, y, wide, size, shade):
    """A box a stage, as high as its map, with its name above and what it consists of below."""
    largest = max((column["shape"][1] for column in columns if len(column["shape"]) == 3), default=1)
    for x, column, word in zip(xs, columns, words, strict=True):
        shape, flat = column["shape"], _flat(column)
        tall = 0.3 if flat else 0.3 + (TALLEST - 0.3) * math.sqrt(shape[1] / largest)
        face = _face(column, shade)
        side = "" if flat else f"{shape[1]}x{shape[2]}"
        upwards = 0 if text_width(side, size) < wide - 0.04 else 90
        board.box(x, y, side, face, wide, tall, size, colour="white" if is_dark(face) else INK, rotation=upwards)
        board.text(x, y + max(tall, 0.3) / 2 + 0.05, column["name"], size + 0.5, va="bottom")
        board.text(x, y - TALLEST / 2 - 0.04, word, size, GREY, va="top", linespacing=1.15)


def _tally(board, columns, key, xs, floor, room, wide, size, shade):
    """A bar a stage with its number, the largest as high as `room`."""
    most = max(1, *(column[key] for column in columns))
    for x, column in zip(xs, columns, strict=True):
        tall = column[key] / most * room
        board.bar(x - wide / 2, floor, wide, tall, _face(column, shade), edge="none")
        board.text(x, floor + tall + 0.03, short(column[key]), size, va="bottom")


def _flat(column):
    """Whether a stage has no map to show."""
    return len(column["shape"]) != 3 or column["dense"]


def _face(column, shade):
    return tint(shade, 0.35 if _flat(column) else 0.85)


def _columns(net, input_shape):
    """A dict for each box of `network`: name, words, shape (C, H, W) or (C,), dense, parameters, macs."""
    from cnn_course import anatomy
    from cnn_course.plots.course import layer_names

    table = anatomy.trace(net, input_shape)
    image = tuple(input_shape or net.input_shape)
    if len(image) != 3:
        raise ValueError(f"input_shape is {image}; a diagram begins with an image (channels, height, width)")
    stages = list(anatomy.stages(net, input_shape).index)
    named = dict(net.named_modules())
    layers = dict(zip(table.index[table.macs > 0], layer_names(table[table.macs > 0]), strict=True))
    groups, position = [], 0
    for path, row in zip(table.index, table.itertuples(), strict=True):
        if not _within(path, stages[position]) and _within(path, stages[min(position + 1, len(stages) - 1)]):
            position += 1
        if not groups or groups[-1][0] != stages[position]:
            groups.append((stages[position], []))
        groups[-1][1].append((path, row))
    working = [sum(row.macs > 0 for _, row in rows) for _, rows in groups]
    small = sum(working) <= 8
    split = []
    for (stage, rows), count in zip(groups, working, strict=True):
        dense = all(row.kind == "Linear" for _, row in rows if row.macs)
        flat = all("." not in path[len(stage) + 1 :] for path, _ in rows)
        if count > 1 and (small or dense) and flat:
            split += [(path, [(path, row)]) for path, row in rows]
        else:
            split.append((stage, rows))
    columns = []
    for path, rows in split:
        macs = sum(row.macs for _, row in rows)
        shapes = [tuple(map(int, row.output.split("x"))) for _, row in rows]
        maps = [shape for shape in shapes if len(shape) == 3 and shape[1] > 1]
        shape = maps[-1] if maps else shapes[-1]
        kinds = Counter(_words(named.get(path)))
        words = [f"{n} \N{MULTIPLICATION SIGN} {w}" if n > 1 else w for w, n in kinds.items()]
        if not macs and columns:
            columns[-1]["words"] += "".join(f"\n{w}" for w in words if w not in columns[-1]["words"].split("\n"))
            columns[-1]["parameters"] += sum(row.parameters for _, row in rows)
            if maps:
                columns[-1]["shape"] = shape
        elif macs:
            name = layers.get(path) or path.rpartition(".")[2]
            columns.append(
                {
                    "name": name.rpartition(".")[2],
                    "words": "\n".join(words),
                    "shape": shape,
                    "macs": macs,
                    "parameters": sum(row.parameters for _, row in rows),
                    "dense": all(row.kind == "Linear" for _, row in rows if row.macs),
                }
            )
    if len(columns) > 2 * MOST:
        raise ValueError(
            f"{type(net).__name__} has {len(columns)} stages, too many for a picture; draw its parts with diagrams.block"
        )
    return columns, image


def _within(path, stage):
    return path == stage or path.startswith(f"{stage}.")


def _words(module):
    """What a stage consists of: its blocks by name, else its layers without norms and activations."""
    children = list(module.children()) if module is not None else []
    blocks = [child for child in children if list(child.children()) and type(child).__name__ not in ("Sequential", "ModuleList")]
    if module is None:
        return []
    if not children:
        kind, words = _layer(module)
        return [] if kind in (None, "words") else [words.partition(",")[0] if kind == "pool" else words]
    if hasattr(module, "__getitem__"):  # a Sequential
        return [type(child).__name__ for child in blocks] or [word for child in children for word in _words(child)]
    return [type(module).__name__]
