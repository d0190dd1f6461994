"""A block as boxes before anything is drawn: what stands in each, from a torch.fx graph, and where, as a Plan; for `diagrams`."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

from cnn_course.anatomy import walk
from cnn_course.plots.canvas import text_width

SIZE = 9.5  # of the words in boxes, in points
LAYERS = ("conv", "1x1", "pool", "dense")  # kinds of boxes that take norms and activations in


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


def boxes_of(module, input_shape):
    """The boxes of a module in execution order, norms and activations in those of their layers. Arguments as for `block`."""
    return _fused(_graph(module, input_shape))


def _graph(module, input_shape):
    """The boxes of a module in execution order: one a step of the walk, and one at each end."""
    module = walk.network(module)
    input_shape = walk.image_shape(module, input_shape)
    copied = walk.without_numbers(module).eval()
    boxes = [Box("end", ["input", _size(input_shape)], channels=input_shape[0])]
    made = {None: boxes[0]}  # step -> its box, or that of the step whose result it hands on
    steps = walk.steps(copied, input_shape)
    if not steps:
        raise ValueError(f"{type(module).__name__} does nothing with its input; expected a module with a step to draw")
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
    "Sigmoid": "sigmoid",
    "tanh": "tanh",
    "Tanh": "tanh",
}


def _describe(step, inputs):
    """Kind and words of a step; kind None for one that hands its input on."""
    if step.module is not None:
        return described(step.module)
    name = step.kind
    if name in ("cat", "concat", "concatenate"):
        return ("concat", "concat") if inputs > 1 else (None, "")
    if name in JOINS and inputs > 1:
        return "join", JOINS[name]
    if "pool" in name:
        return "pool", name.replace("adaptive_", "").replace("_pool2d", " pool").replace("avg", "average")
    if name in ("contiguous", "dropout", "to"):
        return None, ""
    if name in ("slice", "pad"):
        before, after = step.inputs[0], step.outputs[0]
        if name == "pad":
            return "words", "zero channels" if before[1:] == after[1:] else "padding"
        return (None, "") if before == after else ("words", _cut(before, after, step.node.args[1]))
    return "words", WORDS.get(name, name.replace("_", " "))


def _cut(before, after, index):
    """What x[index] takes of maps (C, H, W)."""
    if len(before) != 3 or len(after) != 3:
        return "slice"
    if before[1:] == after[1:]:
        return f"{after[0]} of {before[0]} channels"
    parts = index if isinstance(index, tuple) else (index,)
    step = max((part.step for part in parts if isinstance(part, slice) and isinstance(part.step, int)), default=1)
    return f"every {step}{({2: 'nd', 3: 'rd'}).get(step, 'th')} pixel" if step > 1 else "crop"


def described(layer):
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
        if name.startswith("Adaptive"):
            size = layer.output_size if isinstance(layer.output_size, tuple) else 2 * (layer.output_size,)
            return "pool", f"global {what}" if set(size) == {1} else f"{what} to {'x'.join(map(str, size))}"
        return "pool", f"{what}, {side[0]}x{side[1]}{step}"
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
    for box in list(boxes):
        before = _only_before(box, boxes)
        if before is None:
            continue
        if box.kind == "words" and (before.kind == "words" or (before.kind in LAYERS and not before.prefixed)):
            if len(before.lines) == 1 and before.kind != "words":
                before.lines.append(box.lines[0])
            else:
                before.lines[-1] += f", {box.lines[0]}"
            before.channels = box.channels
            _absorb(boxes, box, before)
        elif box.kind in LAYERS and before.kind == "words" and _prefix(before):
            box.lines, box.prefixed, box.inputs = before.lines + box.lines, True, before.inputs
            boxes.remove(before)
    return boxes


def _only_before(box, boxes):
    """The one box that `box` reads, if nothing else reads it; else None."""
    return box.inputs[0] if len(box.inputs) == 1 and len(_users(boxes)[box.inputs[0]]) == 1 else None


def _prefix(words):
    """Whether a norm or activation belongs to the layer after it: always, but for an activation right behind a plus."""
    return words.inputs[0].kind != "join" or re.match("BN|LN|GN", words.lines[0])


def merged(boxes):
    """Layers that follow one another without a branch become one box of several lines."""
    for box in list(boxes):
        before = _only_before(box, boxes)
        if before and {box.kind, before.kind} <= {*LAYERS, "words"}:
            before.lines, before.channels = before.lines + box.lines, box.channels
            before.kind = before.kind if before.kind == box.kind else "conv"
            _absorb(boxes, box, before)
    return boxes


def depth(boxes):
    """How many boxes the longest way from input to output has, the input not counted."""
    return _ranks(boxes)[boxes[-1]]


def _ranks(boxes):
    """Box -> how many boxes the longest way to it has."""
    rank = {}
    for box in boxes:
        rank[box] = max((rank[source] + 1 for source in box.inputs), default=0)
    return rank


def _lay_out(boxes):
    """Give each box its place and its row; returns the shortcuts without a box, (source, target) -> row.

    The longest path is row 0. Each branch beside it takes the nearest row that is free from its fork to its
    join: those that are added to the main path above it, those of a concatenation in the order in which the
    block names them.
    """
    rank, users, order = _ranks(boxes), _users(boxes), {box: i for i, box in enumerate(boxes)}
    for box in boxes:
        box.along = rank[box]
    main = _main_path(boxes, rank)
    linked = set(zip(main[1:], main, strict=False))
    beside = []  # (from, to, whether above, its turn, what) of all that stands beside
    for chain in _chains(boxes, main, users):
        start, end = chain[0].inputs[0], users[chain[-1]][0]
        step = (rank[end] - rank[start]) / (len(chain) + 1)
        for i, member in enumerate(chain, 1):
            member.along = rank[start] + i * step
        first = next((box for box in reversed(main) if start in box.inputs), end)
        turn = order[chain[0]]
        beside.append((rank[start], rank[end], end.kind == "join" or turn < order[first], turn, chain))
        linked |= set(zip([start, *chain], [*chain, end], strict=True))
    skips = [(source, box) for box in boxes for source in box.inputs if (source, box) not in linked]
    beside += [(rank[source], rank[box], True, order[source], (source, box)) for source, box in skips]
    skipped = {}
    for what, row in _rows(beside):
        if isinstance(what, tuple):
            skipped[what] = row
        else:
            for member in what:
                member.row = row
    return skipped


def _main_path(boxes, rank):
    """The boxes of the longest way, the output first."""
    main = [boxes[-1]]
    while main[-1].inputs:
        main.append(max(main[-1].inputs, key=lambda source: rank[source]))
    return main


def _chains(boxes, main, users):
    """Lists of boxes beside the main path, each a branch from its fork to its join."""
    placed = set(main)
    for box in boxes:
        if box in placed or not users[box]:
            continue
        chain = [box]
        while users[chain[-1]][0] not in placed and users[chain[-1]][0].inputs[0] is chain[-1]:
            chain.append(users[chain[-1]][0])
        placed.update(chain)
        yield chain


def _rows(beside):
    """(what, its row) for each of (from, to, whether above, its turn, what): the nearest row that is free all the way."""
    taken = {}
    for start, end, above, _, what in sorted(beside, key=lambda c: (c[1] - c[0], -c[3] if c[2] else c[3])):
        step = -1 if above else 1
        row = next(row for row in count(step, step) if not any(start < e and s < end for s, e in taken.get(row, [])))
        taken.setdefault(row, []).append((start, end))
        yield what, row


def sentence(boxes):
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

    boxes: list[Box]
    skips: dict[tuple[Box, Box], int]  # shortcuts without a box, (source, target) -> row
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


def planned(boxes, down=None):
    """The Plan of boxes, each of which it gives its row and its size. down: None takes it where there are more than two rows."""
    skips = _lay_out(boxes)
    down = len({box.row for box in boxes}) > 2 if down is None else down
    _measure(boxes, down)
    digits = max(text_width(str(box.channels), 9) for box in boxes)
    plan = Plan(boxes, skips, down, digits, _users(boxes), {}, {}, {}, {}, 0.0, 0.0)
    _place_along(plan)
    _place_across(plan)
    return plan


def _measure(boxes, down):
    for box in boxes:
        if box.kind == "join":
            box.size = 0.3, 0.3
        elif box.kind == "concat":
            box.size = (0.75, 0.25) if down else (0.25, 0.72)
        else:
            box.size = max(text_width(line, SIZE) for line in box.lines) + 0.2, 0.165 * len(box.lines) + 0.16


def _place_along(plan):
    """A column for each rank, gaps wide enough for the numbers on the arrows; boxes of a short branch stand in between."""
    boxes = plan.boxes
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


def _place_across(plan):
    """Rows of boxes are as thick as their boxes, rows of shortcuts thin; bars span the rows of their branches."""
    boxes, skips = plan.boxes, plan.skips
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


def route(plan, source, box):
    """An arrow between two boxes: its corners (along, across), and where its number stands."""
    start = plan.along[source] + plan.extent(source)[0] / 2
    end = plan.along[box] - plan.extent(box)[0] / 2
    own, target, half = plan.across[source], plan.across[box], plan.extent(box)[1] / 2
    low, high = plan.bars.get(box, (target, target))
    middle, stub = plan.along[box], start + 0.13
    if (source, box) in plan.skips:  # around
        beside = plan.lanes[plan.skips[source, box]]
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
