"""What a torch network costs, layer by layer: tables and sums of what `walk` finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cnn_course.anatomy.arithmetic import numbered
from cnn_course.values import kind


def parameters(net) -> int:
    """All parameters of a network, a shared one counted once. Running means and other buffers are none.

    Raises ValueError for what is no network, and for one with lazy layers that have seen no batch yet.
    """
    from cnn_course.anatomy import walk

    walk.settled(walk.network(net))
    return sum(parameter.numel() for parameter in net.parameters())


COLUMNS = ["kind", "input", "output", "kernel", "stride", "parameters", "macs", "output_bytes", "receptive_field", "jump"]


def trace(net, input_shape: tuple[int, ...] | None = None):
    """DataFrame, one row a layer or operation in execution order, for one image of `input_shape` (C, H, W).

    index: the path of the layer ("features.0") or of the operation ("layer1.0.add", "cat_1").
    kind, input and output ("64x32x32"), kernel and stride (None where there is none).
    parameters: a layer that is used twice has them in its first row.
    macs: those of convolutions, linear layers and matrix products.
    output_bytes: 4 for each output value.
    receptive_field, jump: in input pixels; None where an output depends on the whole input, where no single
    size describes all outputs, or where it is unknown (behind a channel shuffle). Batch normalization counts as
    a fixed scale and shift.
    Where height and width differ, kernel, stride, receptive_field and jump are (H, W).

    The net may be on any device, "meta" included. It runs in its present mode, training or evaluation, and is
    left as it was. Raises ValueError where torch.fx cannot follow the net or the input does not fit.
    """
    import pandas as pd

    steps = _steps(net, input_shape)
    rows = []
    for step in steps:
        sides = step.windows
        row = [step.kind, _text(step.inputs), _text(step.outputs), _side(step.kernel), _side(step.stride)]
        row += [step.parameters, step.macs, step.output_bytes]
        row += [_side(sides and [w.size for w in sides]), _side(sides and [w.jump for w in sides])]
        rows.append(row)
    index = pd.Index([s.path for s in steps], name="layer")
    table = pd.DataFrame(rows, columns=COLUMNS, index=index, dtype=object)
    return table.astype({name: "int64" for name in ("parameters", "macs", "output_bytes")})


def stages(net, input_shape: tuple[int, ...] | None = None):
    """DataFrame: `trace` summed over each child of the network, in execution order.

    A container whose children have names, not numbers (stages.stage1, blocks.3a), is shown child by child. An
    operation between two children has its own row.
    columns: kind, output, layers (those with macs, as papers count), parameters, macs, output_bytes.
    """
    import pandas as pd

    from cnn_course.anatomy import walk

    net = walk.network(net)
    columns = ["stage", "kind", "output", "layers", "parameters", "macs", "output_bytes"]
    rows, last, used = [], None, set()
    for step in _steps(net, input_shape):
        path, kind = _stage(net, step)
        if path != last:
            rows.append(dict.fromkeys(columns, 0) | {"stage": numbered(path, used), "kind": kind})
            last = path
        row = rows[-1]
        row["output"] = _text(step.outputs)
        row["layers"] += int(step.macs > 0)
        for name in ("parameters", "macs", "output_bytes"):
            row[name] += getattr(step, name)
    return pd.DataFrame(rows, columns=columns).set_index("stage")


@dataclass(frozen=True)
class Cost:
    """What one image costs. macs_1x1: the macs that 1x1 convolutions do. output_bytes: in float32."""

    parameters: int
    macs: int
    output_bytes: int
    macs_1x1: int
    conv_parameters: int
    linear_parameters: int


def cost(net, input_shape: tuple[int, ...] | None = None) -> Cost:
    """The sums of `trace`. Parameters that the net does not use in its present mode are not counted."""
    steps = _steps(net, input_shape)
    convs = [s for s in steps if s.kind.lower().startswith("conv")]
    return Cost(
        parameters=sum(s.parameters for s in steps),
        macs=sum(s.macs for s in steps),
        output_bytes=sum(s.output_bytes for s in steps),
        macs_1x1=sum(s.macs for s in convs if set(s.kernel) == {1}),
        conv_parameters=sum(s.parameters for s in convs),
        linear_parameters=sum(s.parameters for s in steps if s.kind.lower() == "linear"),
    )


def costs(nets):
    """DataFrame, one row a network: its image ("3x224x224"), parameters, multiply-adds, the bytes that training keeps of one
    image (`kept_bytes`), and in percent the share of dense layers in the parameters and of 1x1 convolutions in the multiply-adds.

    nets: name -> network; each needs an `input_shape` (C, H, W), as those of the course have. ValueError for one without.
    """
    if not isinstance(nets, Mapping):
        raise ValueError(f"nets is {kind(nets)}, expected name -> network: {{'resnet20': models.build('resnet20')}}")
    import pandas as pd

    from cnn_course.anatomy import walk
    from cnn_course.anatomy.memory import kept_bytes

    rows = {}
    for name, net in nets.items():
        net = walk.network(net)
        kept, found = kept_bytes(net), cost(net)
        rows[name] = {
            "image": _text([net.input_shape]),
            "parameters": found.parameters,
            "multiply-adds": found.macs,
            "kept for backward (bytes)": kept,
            "dense (% of parameters)": round(100 * found.linear_parameters / (found.parameters or 1), 1),
            "1x1 (% of multiply-adds)": round(100 * found.macs_1x1 / (found.macs or 1), 1),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _steps(net, input_shape):
    from cnn_course.anatomy import walk  # it needs torch, the arithmetic does not

    return walk.steps(net, input_shape)


def _stage(net, step) -> tuple[str, str]:
    """The path and kind of the part of the network that a step belongs to."""
    module, path = net, []
    for part in step.path.split("."):
        children = dict(module.named_children())
        container = type(module).__name__ in ("Sequential", "ModuleDict", "ModuleList")
        if path and not (container and not any(name.isdigit() for name in children)):
            break
        path.append(part)
        if part not in children:  # an operation, or a layer used again
            return ".".join(path), step.kind
        module = children[part]
    return ".".join(path), type(module).__name__


def _side(values):
    """One number where all sides are equal, else a tuple."""
    return None if values is None else values[0] if len(set(values)) == 1 else tuple(values)


def _text(shapes) -> str:
    """'64x32x32'; of several shapes each is named once: '64x56x56, 5 of 32x56x56'."""
    names = ["x".join(map(str, shape)) for shape in shapes]
    return ", ".join(f"{names.count(n)} of {n}" if names.count(n) > 1 else n for n in dict.fromkeys(names))


def source_weights(block):
    """How strongly each layer of a dense block reads each source (Huang et al. 2016, section 5, "feature reuse").

    block: the layers, each of which appends its maps to what it gets. The mean absolute weight of a layer's first convolution,
    source by source, each row divided by its mean over the sources; scales of batch norms are left out. A DataFrame, a row a
    layer, a column a source (the input of the block, then each layer but the last); nan where a layer comes before the source.
    """
    import pandas as pd
    from torch import nn

    firsts = [next(module for module in layer.modules() if isinstance(module, nn.Conv2d)) for layer in block]
    names = ["input", *(f"layer {i}" for i in range(1, len(firsts)))]
    starts = [0, *(conv.in_channels for conv in firsts)]
    rows = {}
    for i, conv in enumerate(firsts, 1):
        size = conv.weight.detach().abs().mean(dim=(0, 2, 3)).cpu()
        sources = pd.Series([float(size[a:b].mean()) for a, b in zip(starts[:i], starts[1:], strict=False)], index=names[:i])
        rows[f"layer {i}"] = sources / sources.mean()
    return pd.DataFrame(rows).T.reindex(columns=names)
