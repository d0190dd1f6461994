"""Architecture diagrams drawn from the models: `block` from a torch.fx graph, `network` from its stages.

One style for all families: convolutions are grey-blue, 1x1 convolutions yellow, pooling is white, numbers on
arrows are channels.
"""

from __future__ import annotations

import math
from collections import Counter

from cnn_course import anatomy
from cnn_course.anatomy import walk
from cnn_course.plots.boxes import SIZE, boxes_of, depth, described, merged, planned, route, sentence
from cnn_course.plots.canvas import around, short, styled, text_width, wrap
from cnn_course.plots.charts import items_of
from cnn_course.plots.colours import ACCENT, GREY, INK, PALETTE, colour, is_dark, readable, tint
from cnn_course.plots.drawing import Board
from cnn_course.plots.networks import layer_names

__all__ = ["block", "blocks", "dense_block", "network"]


def __dir__():
    return sorted(__all__)


@styled
def block(module, input_shape, title="", note=None, alt=""):
    """The block as boxes and arrows: branches side by side, shortcuts as arcs, a plus where they are added.

    module: any nn.Module that torch.fx can follow, on any device; of a long one boxes in a row become one. input_shape:
    (C, H, W). Raises ValueError for a module that cannot be followed or an input that does not fit.
    """
    module = walk.network(module)
    boxes = boxes_of(module, input_shape)
    if depth(boxes) > 9:
        boxes = merged(boxes)
    plan = planned(boxes)
    name = type(module).__name__.strip("_")
    title = title or f"{name}: {boxes[0].channels} channels in, {boxes[-1].channels} out"
    note = _note(boxes) if note is None else note
    wide, tall = (plan.breadth, plan.length) if plan.down else (plan.length, plan.breadth)
    width = max(wide, min(6.4, text_width(title, 12) + 0.25), 3.4)
    height = tall + around(width, title, note)
    board = Board(width, height, title, alt or f"Diagram. {title}; {sentence(boxes)}", note)
    _put(board, plan, (width - wide) / 2 if plan.down else 0.0, height - board.figure.head)
    return board.figure


@styled
def blocks(parts, title="", note=None, alt=""):
    """Several blocks in one picture, side by side and each from the top down under its name, so that they can be compared.

    parts: name -> (module, (C, H, W)), as `block` takes them; no boxes are merged. Raises ValueError for no parts, and where
    `block` does.
    """
    if not parts:
        raise ValueError("parts is empty; expected name -> (module, (C, H, W))")
    named = items_of(parts, "parts", "name -> (module, (C, H, W))")
    plans = {name: planned(boxes_of(module, shape), down=True) for name, (module, shape) in named}
    wide = {name: max(plan.breadth, text_width(name, 10.5) + 0.2) for name, plan in plans.items()}
    gap = 0.16
    width = sum(wide.values()) + gap * (len(parts) - 1)
    title = title or " beside ".join(parts)
    note = _note([box for plan in plans.values() for box in plan.boxes]) if note is None else note
    sentences = "; ".join(f"{name}: {sentence(plan.boxes)}" for name, plan in plans.items())
    tallest = max(plan.length for plan in plans.values())
    height = tallest + 0.28 + around(width, title, note)
    board = Board(width, height, title, alt or f"Diagram. {title}; {sentences}", note)
    left, top = 0.0, height - board.figure.head
    for name, plan in plans.items():
        board.text(left + wide[name] / 2, top - 0.12, name, 10.5)
        _put(board, plan, left + (wide[name] - plan.breadth) / 2, top - 0.28)
        left += wide[name] + gap
    return board.figure


def _note(boxes):
    return "Numbers: channels." + (" Yellow: 1x1 convolutions." if any(box.kind == "1x1" for box in boxes) else "")


def _put(board, plan, left, top):
    """Draw a planned block on a board, its upper left corner at (left, top)."""
    down = plan.down

    def point(along, across):
        return (left + across, top - along) if down else (left + along, top - across)

    beside = {"ha": "left"} if down else {"va": "bottom"}
    for box in plan.boxes:
        for source in box.inputs:
            corners, number = route(plan, source, box)
            board.arrow(*(point(*corner) for corner in corners))
            x, y = point(*number)
            board.text(x + 0.05 * down, y + 0.035 * (not down), str(source.channels), size=9, **beside)
    for box in plan.boxes:
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
MOST = 30  # stages that fit in a picture
TALLEST = 1.25  # the box of the largest map, in inches


@styled
def network(net, input_shape=None, title="", note="", alt=""):
    """The whole network from left to right, under each stage its parameters and its multiply-adds.

    net: a network of the course or any nn.Module that torch.fx can follow, device="meta" will do. A box is as
    high as the map that leaves the stage (logarithmic), the numbers on the arrows are channels; the default note says so.
    """
    note = note or "In a box: the size of the maps that leave the stage, after its pooling. On the arrows: channels."
    net = walk.network(net)
    columns, image = _columns(net, input_shape)
    name = walk.title(net)
    shade = colour(name, default=ACCENT)
    total = {key: sum(column[key] for column in columns) for key in ("parameters", "macs")}
    counts = f"{short(total['parameters'])} parameters, {short(total['macs'])} multiply-adds for one image"
    title = title or f"{name}: {counts}"
    alt = alt or f"Diagram of {name}, from image to logits: " + "; ".join(f"{c['name']} {c['words']}" for c in columns)
    width, height = 10, 5.2
    board = Board(width, height, title, alt.replace("\n", ", "), note)
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
    """(a dict for each box of `network`, the shape of the image).

    The keys: name, words, shape (C, H, W) or (C,), dense, parameters, macs.
    """
    table = anatomy.trace(net, input_shape)
    image = tuple(input_shape or net.input_shape)
    if len(image) != 3:
        raise ValueError(f"input_shape is {image}; a diagram begins with an image (channels, height, width)")
    working = table[table.macs > 0]
    names = dict(zip(working.index, layer_names(working), strict=True))
    modules = dict(net.named_modules())
    columns = []
    for path, rows in _parts(table, list(anatomy.stages(net, input_shape).index)):
        macs, parameters = sum(row.macs for row in rows), sum(row.parameters for row in rows)
        shapes = [tuple(map(int, row.output.split("x"))) for row in rows]
        maps = [shape for shape in shapes if len(shape) == 3 and shape[1] > 1]
        kinds = Counter(_words(modules.get(path)))
        words = [f"{n} \N{MULTIPLICATION SIGN} {w}" if n > 1 else w for w, n in kinds.items()]
        if macs:
            columns.append(
                {
                    "name": (names.get(path) or path).rpartition(".")[2],
                    "words": "\n".join(words),
                    "shape": (maps or shapes)[-1],
                    "macs": macs,
                    "parameters": parameters,
                    "dense": _dense(rows),
                }
            )
        elif columns:  # what does no work stands with the box before it
            before = columns[-1]
            before["words"] += "".join(f"\n{w}" for w in words if w not in before["words"].split("\n"))
            before["parameters"] += parameters
            before["shape"] = maps[-1] if maps else before["shape"]
    if not columns:
        raise ValueError(f"{type(net).__name__} has no convolution and no dense layer to draw; see diagrams.block")
    if len(columns) > MOST:
        raise ValueError(
            f"{type(net).__name__} has {len(columns)} stages, too many for a picture; draw its parts with diagrams.block"
        )
    return columns, image


def _parts(table, stages):
    """(path, its rows of the trace) for each box: a stage, or a layer where a stage is dense or the whole network small."""
    groups, position = [], 0
    for row in table.itertuples():
        if not _within(row.Index, stages[position]) and _within(row.Index, stages[min(position + 1, len(stages) - 1)]):
            position += 1
        if not groups or groups[-1][0] != stages[position]:
            groups.append((stages[position], []))
        groups[-1][1].append(row)
    small = sum(table.macs > 0) <= 8
    for stage, rows in groups:
        several = sum(row.macs > 0 for row in rows) > 1
        flat = all("." not in row.Index[len(stage) + 1 :] for row in rows)
        if several and flat and (small or _dense(rows)):
            yield from ((row.Index, [row]) for row in rows)
        else:
            yield stage, rows


def _dense(rows):
    return all(row.kind == "Linear" for row in rows if row.macs)


def _within(path, stage):
    return path == stage or path.startswith(f"{stage}.")


def _words(module):
    """What a stage consists of: its blocks by name, else its layers without norms and activations."""
    if module is None:
        return []
    children = list(module.children())
    if not children:
        kind, words = described(module)
        return [] if kind in (None, "words") else [words.partition(",")[0] if kind == "pool" else words]
    if hasattr(module, "__getitem__"):  # a Sequential
        names = [type(child).__name__ for child in children if list(child.children())]
        blocks = [name for name in names if name not in ("Sequential", "ModuleList")]
        return blocks or [word for child in children for word in _words(child)]
    return [type(module).__name__]
