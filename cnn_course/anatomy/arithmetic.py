"""What a layer does, in numbers: output size, receptive field, parameters, multiply-adds (MACs). Needs no torch.

Receptive fields follow Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks",
Distill 2019 (doi 10.23915/distill.00021).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cnn_course.values import whole


def numbered(name: str, used: set[str]) -> str:
    """The name, or name_1, name_2 and so on where it is taken; the result is added to `used`."""
    free = name
    for i in range(1, len(used) + 2):
        if free not in used:
            break
        free = f"{name}_{i}"
    used.add(free)
    return free


# ---------------------------------------------------------------------------- size and receptive field
@dataclass(frozen=True)
class Layer:
    """A convolution or pooling layer, the same along height and width, in pixels of its own input."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def __post_init__(self):
        for name, least in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            whole(name, getattr(self, name), least)

    @property
    def window(self) -> int:
        """The side of what one output sees of the layer's own input: d(k-1) + 1."""
        return self.dilation * (self.kernel - 1) + 1


def conv(kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Layer:
    """A convolution, described by what decides its output size and receptive field."""
    return Layer(kernel, stride, padding, dilation)


def pool(kernel: int, stride: int | None = None, padding: int = 0) -> Layer:
    """A pooling layer. Its stride is the kernel where none is given, its padding half a kernel at most."""
    layer = Layer(kernel, kernel if stride is None else stride, padding)
    if padding > kernel // 2:
        raise ValueError(
            f"padding is {padding}, but pooling with a kernel of {kernel} takes at most "
            f"{kernel // 2}: no window may lie in the padding alone"
        )
    return layer


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """The side of the output for an input of side `size`: floor((size + 2p - d(k-1) - 1) / s) + 1.

    Raises ValueError where no window fits.
    """
    layer = Layer(kernel, stride, padding, dilation)
    room = whole("size", size, 1) + 2 * padding - layer.window
    result = room // stride + 1
    if result < 1:
        raise ValueError(
            f"a window of {layer.window} (kernel {kernel}, dilation {dilation}) does not fit "
            f"into {size} pixels with padding {padding}: use a smaller kernel, more padding "
            "or a larger input"
        )
    return result


@dataclass(frozen=True)
class Window:
    """What output i depends on, along one side: input pixels lo + i * jump to hi + i * jump, both included.

    lo may be negative and hi beyond the image: that part of the window lies in the padding.
    """

    lo: int = 0
    hi: int = 0
    jump: int = 1

    @property
    def size(self) -> int:
        return self.hi - self.lo + 1

    def read(self, first: int, last: int, stride: int = 1) -> Window:
        """After an operation whose output i reads its inputs i * stride + first to i * stride + last."""
        return Window(self.lo + first * self.jump, self.hi + last * self.jump, self.jump * stride)

    def then(self, layer: Layer) -> Window:
        """The window after one more layer."""
        return self.read(-layer.padding, layer.window - 1 - layer.padding, layer.stride)


def _stack(layers) -> list[Layer]:
    layers = list(layers) if isinstance(layers, Iterable) else [layers]
    for number, layer in enumerate(layers, start=1):
        if not isinstance(layer, Layer):
            shown = " ".join(repr(layer).split())
            raise ValueError(f"layer {number} is {shown:.60}, expected conv(...) or pool(...); for a network: anatomy.trace(net)")
    return layers


def _windows(layers) -> list[Window]:
    windows = [Window()]
    for layer in _stack(layers):
        windows.append(windows[-1].then(layer))
    return windows


def receptive_field(layers) -> int:
    """The side, in input pixels, of the square that one output value of the stack of layers depends on."""
    return _windows(layers)[-1].size


def receptive_fields(layers, input_size: int | None = None):
    """DataFrame, one row a layer: kernel, stride, receptive_field and jump (input pixels), output_size.

    output_size is a column where `input_size`, the side of the image, is given.
    """
    import pandas as pd

    layers, rows, size = _stack(layers), [], input_size
    for layer, seen in zip(layers, _windows(layers)[1:], strict=True):
        rows.append({"kernel": layer.kernel, "stride": layer.stride, "receptive_field": seen.size, "jump": seen.jump})
        if size is not None:
            size = output_size(size, layer.kernel, layer.stride, layer.padding, layer.dilation)
            rows[-1]["output_size"] = size
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="layer"))


# ---------------------------------------------------------------------------- parameters and MACs
def _area(name: str, sides) -> int:
    sides = (sides, sides) if hasattr(sides, "__index__") else tuple(sides)
    return math.prod(whole(name, side, 1) for side in sides)


def conv_parameters(in_channels: int, out_channels: int, kernel, groups: int = 1, bias: bool = True) -> int:
    """Weights and biases of a convolution. kernel: side or (H, W). A filter spans one group's channels."""
    in_channels, out_channels = whole("in_channels", in_channels, 1), whole("out_channels", out_channels, 1)
    groups = whole("groups", groups, 1)
    for name, value in (("in_channels", in_channels), ("out_channels", out_channels)):
        if value % groups:
            raise ValueError(f"{name} is {value}, which {groups} groups cannot share equally")
    return out_channels * (in_channels // groups * _area("kernel", kernel) + bool(bias))


def linear_parameters(in_features: int, out_features: int, bias: bool = True) -> int:
    """Weights and biases of a fully connected layer."""
    return whole("out_features", out_features, 1) * (whole("in_features", in_features, 1) + bool(bias))


def conv_macs(in_channels: int, out_channels: int, kernel, output_size, groups: int = 1) -> int:
    """Multiply-adds of a convolution for one image, without biases. output_size: side or (H, W)."""
    weights = conv_parameters(in_channels, out_channels, kernel, groups, bias=False)
    return weights * _area("output_size", output_size)


def linear_macs(in_features: int, out_features: int) -> int:
    """Multiply-adds of a fully connected layer for one image, without biases."""
    return linear_parameters(in_features, out_features, bias=False)
