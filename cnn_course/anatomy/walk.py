"""The walk through a torch network: torch.fx turns it into a graph, which runs here on meta tensors.

A meta tensor has a shape and no content, so that reading VGG-16 takes no memory and a few milliseconds.
Beside each result goes the window of input pixels that it depends on.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

import torch
import torch.fx
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import UninitializedTensorMixin
from torch.utils.flop_counter import FlopCounterMode

from cnn_course.anatomy.arithmetic import Window, conv_macs, linear_macs, numbered
from cnn_course.values import whole


@dataclass(eq=False)
class Step:
    """One layer or operation, for one image. Shapes are (channels, height, width)."""

    path: str
    kind: str
    inputs: list[tuple[int, ...]]
    outputs: list[tuple[int, ...]]
    output_bytes: int
    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    parameters: int = 0
    macs: int = 0
    windows: tuple[Window, ...] | None = None  # one a side; None: the whole input, or not known
    module: torch.nn.Module | None = None  # None: a function or a method
    sources: list[Step | None] = field(default_factory=list)  # whose results it reads; None is the image
    node: torch.fx.Node | None = field(default=None, repr=False)


def steps(net: torch.nn.Module, input_shape: tuple[int, ...] | None = None) -> list[Step]:
    """What the network does with an image of `input_shape` (C, H, W), by default its own, in execution order.

    Raises ValueError where torch.fx cannot follow the network or the input does not fit.
    """
    net = network(net)
    name, shape = type(net).__name__, image_shape(net, input_shape)
    try:
        graph = torch.fx.Tracer().trace(net)
    except Exception as error:
        if type(net).__module__.startswith("torch.nn.") and not is_lazy(net):
            return steps(torch.nn.Sequential(net), tuple(shape))  # a layer of torch's own is one step
        advice = "keep tensors out of `if` and `for`, or move that part into a function marked torch.fx.wrap"
        raise ValueError(f"torch.fx cannot follow {name}.forward ({error}): {advice}") from error
    settled(net)
    run = _Run(net, torch.empty(1, *shape, device="meta"))
    for node in graph.nodes:
        try:
            run.visit(node)
        except Exception as error:
            size = "x".join(map(str, shape))
            raise ValueError(f"{name} cannot take {size}: {node.target} fails ({error}){order(net, shape)}") from error
    if run.uncounted:
        warnings.warn(f"multiply-adds that are not counted in {name}: {', '.join(run.uncounted)}", stacklevel=4)
    return run.steps


def image_shape(net: torch.nn.Module, input_shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape of an image: what is given, else what the net declares. ValueError where that is none."""
    shape = input_shape or getattr(net, "input_shape", None)
    if not isinstance(shape, (tuple, list)):
        told = f"input_shape of {type(net).__name__} is {shape!r}"
        raise ValueError(f"{told}, expected (channels, height, width), as in anatomy.cost(net, (3, 32, 32))")
    return tuple(whole("a side of input_shape", side, 1) for side in shape)


def title(net: torch.nn.Module) -> str:
    """What sentences call a network: its name, else its class."""
    return getattr(net, "name", "") or type(net).__name__


def other_channels(net: torch.nn.Module, channels: int) -> str:
    """What is to be said where the first convolution reads another number of channels; "" where it reads so many."""
    first = next((module for module in net.modules() if isinstance(module, torch.nn.modules.conv._ConvNd)), None)
    if first is None or first.in_channels == channels:
        return ""
    return f"the first convolution of {title(net)} reads {first.in_channels} channels, the images have {channels}"


def order(net: torch.nn.Module, shape: tuple[int, ...]) -> str:
    """What to add to an error where the sides of an image may stand in another order."""
    found = other_channels(net, shape[0])
    return found and f"; {found}: input_shape is (channels, height, width)"


def settled(net: torch.nn.Module) -> None:
    """ValueError for a network with layers whose shapes are open."""
    if is_lazy(net):
        raise ValueError(f"{type(net).__name__} has lazy layers, whose shapes nobody knows yet: pass one batch through it first")


def is_lazy(net: torch.nn.Module) -> bool:
    """Whether the network has layers that take their shapes from the first batch."""
    return any(isinstance(value, UninitializedTensorMixin) for value in (*net.parameters(), *net.buffers()))


def network(net) -> torch.nn.Module:
    """The network inside torch.compile, DataParallel or DistributedDataParallel; ValueError for what is none."""
    if isinstance(net, type) and issubclass(net, torch.nn.Module):
        raise ValueError(f"net is the class {net.__name__}, expected a network made of it: {net.__name__}(...)")
    if isinstance(net, str):
        raise ValueError(f"net is the name {net!r}, expected a network: models.build({net!r})")
    if not isinstance(net, torch.nn.Module):
        told = " ".join(repr(net).split())
        raise ValueError(f"net is {told:.80}, expected a torch.nn.Module such as models.build('resnet20')")
    parallel = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    while (inner := net.module if isinstance(net, parallel) else getattr(net, "_orig_mod", None)) is not None:
        net = inner
    return net


def without_numbers(net: torch.nn.Module) -> torch.nn.Module:
    """A copy on the device "meta", which takes no memory for weights: its tensors have shapes and no content.

    ValueError for lazy layers, which have no shapes yet.
    """
    settled(net)
    twins = {id(buffer): torch.empty_like(buffer, device="meta") for buffer in net.buffers()}
    for weights in net.parameters():
        twins[id(weights)] = torch.nn.Parameter(torch.empty_like(weights, device="meta"), weights.requires_grad)
    return deepcopy(net, twins)  # it takes from `twins` what it would copy


def output(net: torch.nn.Module, path: str, images: torch.Tensor) -> torch.Tensor:
    """What one step (its path in `steps`) makes of real images (N, C, H, W); it can be differentiated."""
    wanted = {step.path: step.node for step in steps(net, tuple(images.shape[1:]))}[path]
    graph, copies = torch.fx.Graph(), {}
    for node in wanted.graph.nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
        if node is wanted:
            break
    graph.output(copies[wanted])
    return torch.fx.GraphModule(net, graph)(images)


def _meta(tensor):
    """The same shape on the meta device, floats as float32 whatever the precision of the net."""
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return torch.empty_like(tensor, device="meta", dtype=dtype)


def _call(module, args, kwargs):
    if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):  # slow on meta tensors, and keeps the shape
        if args[0].shape[1] != module.num_features:
            raise ValueError(f"{args[0].shape[1]} channels, expected {module.num_features}")
        return torch.empty_like(args[0])
    state = {name: _meta(t) for name, t in (*module.named_parameters(), *module.named_buffers())}
    return torch.func.functional_call(module, state, args, kwargs)


def _tensors(result) -> list[torch.Tensor]:
    return [t for t in (result if isinstance(result, (tuple, list)) else [result]) if torch.is_tensor(t)]


@dataclass
class _Run:
    """Runs the graph node by node and writes down a step for each operation on the image."""

    net: torch.nn.Module
    image: torch.Tensor
    steps: list[Step] = field(default_factory=list)
    values: dict = field(default_factory=dict)  # node -> its result
    windows: dict = field(default_factory=dict)  # node -> its windows, where the result depends on the image
    weights: dict = field(default_factory=dict)  # node -> the parameters in its result, where it does not
    counted: dict = field(default_factory=dict)  # id of a parameter -> the first node that uses it
    paths: set = field(default_factory=set)
    made: dict = field(default_factory=dict)  # node -> the step that it stands for; None: the image
    uncounted: list = field(default_factory=list)  # steps whose multiply-adds nobody knows

    def visit(self, node):
        args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), self.values.__getitem__)
        if node.op == "placeholder":
            self.values[node] = args[0] if args else self.image
            if not args:
                self.windows[node], self.made[node] = (Window(),) * (self.image.dim() - 2), None
        elif node.op == "get_attr":
            owner, _, name = node.target.rpartition(".")
            tensor = getattr(self.net.get_submodule(owner), name)
            self.values[node] = _meta(tensor)
            self.weights[node] = [tensor] if isinstance(tensor, torch.nn.Parameter) else []
        elif node.op == "call_module":
            module = self.net.get_submodule(node.target)
            self.values[node] = _call(module, args, kwargs)
            self.record(node, type(module).__name__, module, args, kwargs)
        elif node.op == "call_method":
            self.values[node] = getattr(args[0], node.target)(*args[1:], **kwargs)
            self.record(node, node.target, None, args, kwargs)
        elif node.op == "call_function":
            self.values[node] = node.target(*args, **kwargs)
            self.record(node, node.target.__name__, None, args, kwargs)

    def record(self, node, kind, module, args, kwargs):
        outputs = _tensors(self.values[node])
        sources = [n for n in node.all_input_nodes if n in self.windows]
        held = [p for n in node.all_input_nodes for p in self.weights.get(n, ())]
        if not outputs or not sources:
            self.weights[node] = held  # a number, or a computation on weights alone
            return
        kind = {"getitem": "slice", "iadd": "add", "imul": "mul"}.get(kind.strip("_"), kind.strip("_"))
        if kind == "squeeze" and outputs[0].shape[:1] != (1,):
            raise ValueError("of a single image it drops the dimension of the batch too: write .flatten(1) in its place")
        if self.hands_on(node, kind, self.values[sources[0]]):
            self.windows[node], self.made[node] = self.windows[sources[0]], self.made[sources[0]]
            return
        modules = list(node.meta.get("nn_module_stack", {}).values())
        home = modules[-1][0] if modules else ""
        path = home if module is not None else f"{home}.{kind}".strip(".")
        inputs = [tuple(t.shape[1:]) for n in sources for t in _tensors(self.values[n])]
        shapes, values = [tuple(t.shape[1:]) for t in outputs], sum(t.numel() for t in outputs)
        step = Step(numbered(path, self.paths), kind, inputs, shapes, output_bytes=4 * values)
        parameters = {id(p): p for p in (*(module.parameters() if module is not None else ()), *held)}
        new = [p for key, p in parameters.items() if self.counted.setdefault(key, node) is node]
        step.parameters = sum(p.numel() for p in new)
        settings = _settings(step, module, args, kwargs)
        step.kernel, step.stride = settings.get("kernel_size"), settings.get("stride")
        step.module, step.node, step.sources = module, node, [self.made[source] for source in sources]
        step.macs = _macs(step, settings)
        if step.macs is None:
            step.macs = operations(lambda: self.again(node, module, args, kwargs)) // 2
            if not step.macs:
                self.uncounted.append(f"{step.path} ({kind})")
        step.windows = self.windows[node] = _windows(step, settings, [self.windows[n] for n in sources])
        self.made[node] = step
        self.steps.append(step)

    def again(self, node, module, args, kwargs):
        if module is not None:
            return _call(module, args, kwargs)
        return getattr(args[0], node.target)(*args[1:], **kwargs) if node.op == "call_method" else node.target(*args, **kwargs)

    def hands_on(self, node, kind, source) -> bool:
        """Whether a node does no work: identity, an item of a tuple, a check marked with torch.fx.wrap."""
        if kind == "Identity" or kind == "slice" and not torch.is_tensor(source):
            return True
        home = getattr(node.target, "__module__", None) or "torch"
        foreign = callable(node.target) and home.split(".")[0] not in ("torch", "_operator", "builtins")
        return foreign and self.values[node] is source


# ---------------------------------------------------------------------------- what an operation does
# The names of the arguments after the first, for layers that are used as functions (F.conv2d and so on).
ARGUMENTS = {
    "conv": ("weight", "bias", "stride", "padding", "dilation", "groups"),
    "convtranspose": ("weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    "maxpool": ("kernel_size", "stride", "padding", "dilation"),
    "avgpool": ("kernel_size", "stride", "padding"),
    "pad": ("pad",),
    "slice": ("index",),
    "normalize": ("p", "dim"),
    **dict.fromkeys(("cummax", "cummin", "cumprod", "cumsum", "logcumsumexp", "logsoftmax", "softmax", "softmin"), ("dim",)),
}
# Products of matrices, beside the layers above; torch's counter knows most of them.
PRODUCTS = ("addbmm", "addmm", "addmv", "baddbmm", "bilinear", "cdist", "chainmatmul", "dot", "einsum", "inner", "mm", "multidot",
            "multiheadattentionforward", "mv", "scaleddotproductattention", "tensordot", "vecdot")  # fmt: skip
# Here an output value depends on more than the inputs at its own place.
MIXING = ("groupnorm", "instancenorm", "layernorm", "convtranspose", "linear", "matmul", "bmm", "flip", "roll", "transpose",
          "permute", "swapaxes", "swapdims", "movedim", "moveaxis", *PRODUCTS)  # fmt: skip


def _family(kind: str) -> str:
    """'MaxPool2d' and 'max_pool2d' -> 'maxpool'."""
    return re.sub(r"[123]d$", "", kind.lower().replace("_", ""))


def _settings(step, module, args, kwargs) -> dict:
    """What decides cost and window: kernel_size, stride, padding and dilation by side, groups; pad; index."""
    family, sides = _family(step.kind), len(step.inputs[0]) - 1
    if module is not None:
        found = dict(vars(module))
    else:
        found = {**dict(zip(ARGUMENTS.get(family, ()), args[1:], strict=False)), **kwargs}
    if family == "slice":
        return {"index": found["index"]}
    if "dim" in ARGUMENTS.get(family, ()):
        return {"dim": found.get("dim")}
    if family in ("matmul", "bmm"):
        return {"inner": args[0].shape[-1]}
    if family.endswith("pad"):
        pad = found.get("pad", found.get("padding"))
        return {} if pad is None else {"pad": pad}  # none: somebody's own function
    if family.startswith("adaptive"):
        pairs = list(zip(step.inputs[0][1:], step.outputs[0][1:], strict=True))
        kernel = tuple(before // after for before, after in pairs)
        if any(before % after for before, after in pairs):
            return {}  # windows of several sizes
        return {"kernel_size": kernel, "stride": kernel, "padding": (0,) * sides, "dilation": (1,) * sides}
    if family in ("conv", "convtranspose") and module is None:
        found["kernel_size"] = found["weight"].shape[2:]
    if not found.get("kernel_size"):
        return {}
    default = 1 if family.startswith("conv") else found["kernel_size"]
    found = {"padding": 0, "dilation": 1, "groups": 1, **found, "stride": found.get("stride") or default}
    result = {"groups": found["groups"]}
    for name in ("kernel_size", "stride", "dilation", "padding"):
        value = found[name]
        if value == "same":
            value = [d * (k - 1) // 2 for k, d in zip(result["kernel_size"], result["dilation"], strict=True)]
        value = (0,) if value == "valid" else (value,) if isinstance(value, int) else tuple(value)
        result[name] = value * sides if len(value) == 1 else value
    return result


def _macs(step, settings) -> int | None:
    """By the arithmetic of the course where that is known; None: torch's counter has to tell."""
    family, before, after = _family(step.kind), step.inputs[0], step.outputs[0]
    if family == "conv":
        return conv_macs(before[0], after[0], settings["kernel_size"], after[1:], settings["groups"])
    if family == "convtranspose":
        return conv_macs(before[0], after[0], settings["kernel_size"], before[1:], settings["groups"])
    if family in ("linear", "matmul", "bmm"):
        values, width = step.output_bytes // 4, after[-1] if after else 1  # of a product with a vector one number is left
        return linear_macs(settings.get("inner", before[-1]), width) * (values // width)
    weights = step.module.parameters() if step.module is not None and family not in ("embedding", "layernorm", "rmsnorm") else ()
    return None if family in PRODUCTS or any(p.ndim > 1 for p in weights) else 0


def operations(work: Callable) -> int:
    """The floating-point operations of a computation, 2 a multiply-add, by torch's own counter.

    It sees attention only where that is written out (MATH).
    """
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        work()
    return counter.get_total_flops()


def _windows(step, settings, before) -> tuple[Window, ...] | None:
    """The windows of the outputs, from the union of those of the inputs; None: the whole input or unknown."""
    family, sizes = _family(step.kind), step.inputs[0][1:]
    if any(w is None or len(w) != len(sizes) for w in before) or family.startswith(MIXING):
        return None
    if (dim := settings.get("dim")) is not None and dim % (2 + len(sizes)) > 1:  # along a side, as a softmax over a row
        return None
    if not sizes or len(step.outputs[0]) != len(sizes) + 1:  # there is no map, or another kind of map
        return None
    sides = list(zip(*before, strict=True))
    if any(len({w.jump for w in side}) > 1 for side in sides):
        return None
    union = [Window(min(w.lo for w in side), max(w.hi for w in side), side[0].jump) for side in sides]
    if "kernel_size" in settings:
        if family.startswith("adaptive") and settings["kernel_size"] == sizes and math.prod(sizes) > 1:
            return None
        each = (settings[name] for name in ("kernel_size", "stride", "padding", "dilation"))
        reads = [(-p, d * (k - 1) - p, s) for k, s, p, d in zip(*each, strict=True)]
    elif "index" in settings:
        reads = _slices(settings["index"], sizes)
        if reads is None:
            return None
    elif "pad" in settings:  # torch names the last side first: (left, right, top, bottom, ...)
        firsts = [*settings["pad"][::2], *(0 for _ in sizes)][: len(sizes)]
        reads = [(-first, -first, 1) for first in reversed(firsts)]
    elif all(shape[1:] == sizes for shape in step.inputs + step.outputs):
        reads = [(0, 0, 1)] * len(sizes)  # value by value
    else:
        return None
    return tuple(side.read(*read) for side, read in zip(union, reads, strict=True))


def _slices(index, sizes) -> list[tuple[int, int, int]] | None:
    """What x[index] reads along each side, for x of shape (N, C, *sizes); None where it picks by a list."""
    index = list(index) if isinstance(index, tuple) else [index]
    dots = next((i for i, item in enumerate(index) if item is Ellipsis), None)
    if dots is not None:
        index[dots : dots + 1] = [slice(None)] * (len(sizes) + 3 - len(index))
    index += [slice(None)] * (len(sizes) + 2 - len(index))
    reads = []
    for item, size in zip(index[2:], sizes, strict=True):
        if not isinstance(item, slice):
            return None
        start, _, step = item.indices(size)
        reads.append((start, start, step))
    return reads
