"""The labs of notebook 3: the receptive field of a stack, a stage of VGG, a dense layer turned into a convolution."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course.labs.lab import Call, Lab, Layer, Mistake
from cnn_course.labs.normalizing import with_batch_norm
from cnn_course.models import vgg
from cnn_course.values import kind


# ------------------------------------------------------------------------------------- receptive_field
def receptive_field(layers):
    """The side of the window that one output looks at, for layers (kernel, stride) from the image on."""
    size, jump = 1, 1
    for kernel, stride in layers:
        size += (kernel - 1) * jump
        jump *= stride
    return size


def _own_stride_first(layers):
    size, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        size += (kernel - 1) * jump
    return size


def _jumping(jump_after):
    """Another rule for how far neighbours lie apart behind a layer: of how far before it, and its stride."""

    def size_of(layers):
        size, jump = 1, 1
        for kernel, stride in layers:
            size += (kernel - 1) * jump
            jump = jump_after(jump, stride)
        return size

    return size_of


STACKS = (
    [(3, 1), (3, 1)],
    [(3, 1)] * 3,
    [(5, 1)],
    [(3, 2), (3, 1)],
    [(11, 4), (3, 2), (5, 1)],
    [(3, 1), (2, 2), (3, 1), (2, 2), (3, 2)],
    [],
)
MORE_STACKS = ([(7, 2), (3, 2), (3, 1), (3, 1)], [(5, 1), (5, 1), (1, 1)], [(2, 2)] * 4, [(3, 3), (5, 2)])


def _stack(layers):
    return Call(f"receptive_field({layers})", lambda: (list(layers),))


RECEPTIVE_FIELD = Lab(
    "receptive_field",
    "the side of the receptive field (수용 영역) of a stack of layers, given as pairs (kernel, stride) from the image on",
    receptive_field,
    hints=(
        "One layer of 3 sees 3 pixels; the second layer's window of 3 places adds one pixel on each side. And a third?",
        "Behind a layer with stride 2, neighbours lie two pixels apart. Keep count of that distance as you go.",
    ),
    cases=tuple(map(_stack, STACKS)),
    more=tuple(map(_stack, MORE_STACKS)),
    mistakes=(
        Mistake("You add up kernels. Two layers of 3 share the pixel in the middle: how often is it counted?",
                lambda layers: sum(kernel for kernel, _ in layers)),
        Mistake("You multiply kernels. How far do the windows of two neighbours of the first layer lie apart?",
                lambda layers: math.prod(kernel for kernel, _ in layers)),
        Mistake("Right without strides. How far apart are neighbours behind a layer of stride 2?",
                lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers)),
        Mistake("A layer's own stride comes too early in yours. Whose places does its window span, its own or the layer's "
                "before?", _own_stride_first),
        Mistake("You are one short each time. How many pixels does no layer at all see?",
                lambda layers: receptive_field(layers) - 1),
        Mistake("Only the last stride counts in yours. What do two strides of 2 make of the distance?",
                _jumping(lambda jump, stride: stride)),
        Mistake("You add strides up. What do strides of 4 and 2 in a row make of the distance?",
                _jumping(lambda jump, stride: jump + stride - 1)),
        Mistake("You count all pixels of the window. What is its side?", lambda layers: receptive_field(layers) ** 2),
        Mistake("Your answer is that of the stack upside down. At which end does your loop begin, and does its step go that way?",
                # Also what the step of a walk from the last layer to the first gives, taken from the first to the last.
                lambda layers: receptive_field(layers[::-1])),
        Mistake("In yours each layer knows its own stride only. How far apart are neighbours after strides of 4 and 2?",
                lambda layers: 1 + sum((kernel - 1) * stride for kernel, stride in layers)),
        Mistake("Each of your layers adds its whole kernel. How many places of its window are new, beside the one in the middle?",
                lambda layers: receptive_field([(kernel + 1, stride) for kernel, stride in layers])),
        Mistake("You begin with nothing and add whole kernels. Of what a second window spans, how much was seen before?",
                lambda layers: receptive_field([(kernel + 1, stride) for kernel, stride in layers]) - 1),
        Mistake("Your window grows on one side only. How much wider is a picture in a frame one pixel wide?",
                lambda layers: receptive_field([(kernel // 2 + 1, stride) for kernel, stride in layers])),
        Mistake("You count layers. Does each of them have a kernel of 3 and stride 1?", lambda layers: 2 * len(layers) + 1),
        Mistake("Only your first layer counts. How often does a loop run that meets a `return`?",
                lambda layers: receptive_field(layers[:1]) if layers else None),
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------- vgg_stage
class OneStage(nn.Module):
    """`convs` convolutions of one width, a ReLU after each, then 2x2 max pooling."""

    kernel, padding, bias = 3, 1, True

    def __init__(self, in_channels, width, convs):
        super().__init__()
        ins = self.ins(in_channels, width, convs)
        outs = self.outs(width, len(ins))
        self.convs = nn.ModuleList(nn.Conv2d(a, b, self.kernel, padding=self.padding, bias=self.bias)
                                   for a, b in zip(ins, outs, strict=True))  # fmt: skip
        self.change()

    def change(self):
        """A mistake puts other layers in place of these."""

    def ins(self, in_channels, width, convs):
        return [in_channels] + [width] * (convs - 1)

    def outs(self, width, convs):
        return [width] * convs

    def pool(self, x):
        return F.max_pool2d(x, 2)

    def forward(self, x):
        for conv in self.convs:
            x = F.relu(conv(x))
        return self.pool(x)


class PooledAfterEach(OneStage):
    def forward(self, x):
        for conv in self.convs:
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return x


class ReluOnce(OneStage):
    def forward(self, x):
        for conv in self.convs:
            x = conv(x)
        return self.pool(F.relu(x))


class LastUnbent(OneStage):
    def forward(self, x):
        *first, last = self.convs
        for conv in first:
            x = F.relu(conv(x))
        return self.pool(last(x))


class Unpadded(OneStage):
    padding = 0


class Averaged(OneStage):
    def pool(self, x):
        return F.avg_pool2d(x, 2)


class Unpooled(OneStage):
    def pool(self, x):
        return x


class Overlapping(OneStage):
    def pool(self, x):
        return F.max_pool2d(x, 3, 2, 1)


class LargeFilters(OneStage):
    kernel, padding = 5, 2


class OneConvLess(OneStage):
    def ins(self, in_channels, width, convs):
        return super().ins(in_channels, width, convs - 1)


class OneConvMore(OneStage):
    def ins(self, in_channels, width, convs):
        return super().ins(in_channels, width, convs + 1)


class WidenedLast(OneStage):
    """The width changes at the last convolution, not at the first."""

    def ins(self, in_channels, width, convs):
        self.inside = in_channels
        return [in_channels] * convs

    def outs(self, width, convs):
        return [self.inside] * (convs - 1) + [width]


class OneForAll(OneStage):
    """One convolution, used again and again."""

    def change(self):
        first, *others = self.convs
        self.convs = nn.ModuleList([first, *others[:1] * len(others)])


class Biasless(OneStage):
    bias = False


class AllFromTheImage(OneStage):
    """Each convolution expects what enters the stage."""

    def ins(self, in_channels, width, convs):
        return [in_channels] * convs


class AlwaysTwo(OneStage):
    def ins(self, in_channels, width, convs):
        return super().ins(in_channels, width, 2)


class Unbent(OneStage):
    def forward(self, x):
        for conv in self.convs:
            x = conv(x)
        return self.pool(x)


class PooledFirst(OneStage):
    def forward(self, x):
        x = self.pool(x)
        for conv in self.convs:
            x = F.relu(conv(x))
        return x


class Strided(Unpooled):
    """The last convolution halves the map."""

    def change(self):
        self.convs[-1].stride = (2, 2)


class Normalized(OneStage):
    def change(self):
        with_batch_norm(self)


def _stage(answer):
    """Makes of an answer what `models.VGG` takes as its stage, and gives it the batch norm that the network asks for."""

    def make(in_channels, width, convs, kernel=3, last_kernel=None, batch_norm=False):
        stage = answer(in_channels=in_channels, width=width, convs=convs)
        return with_batch_norm(stage) if batch_norm else stage

    return make


VGG_STAGE = Lab(
    "vgg_stage",
    "a stage of VGG: `convs` convolutions of 3x3 that keep the size, all of one width, a ReLU after each, then 2x2 max pooling",
    OneStage,
    source=vgg.stage,
    hints=(
        "The first convolution takes in_channels, the others what the one before puts out. A loop can keep count of that.",
        "The pooling comes once, at the end.",
    ),
    cases=(
        Layer({"in_channels": 3, "width": 5, "convs": 3}, (2, 3, 8, 12)),
        Layer({"in_channels": 4, "width": 6, "convs": 2}, (2, 4, 9, 8)),
        Layer({"in_channels": 4, "width": 6, "convs": 1}, (2, 4, 8, 8)),
    ),
    more=(
        Layer({"in_channels": 5, "width": 3, "convs": 4}, (3, 5, 6, 11)),
        Layer({"in_channels": 1, "width": 7, "convs": 2}, (1, 1, 10, 5)),
    ),
    mistakes=(
        Mistake("Your maps are halved more than once. How often does a stage pool?", PooledAfterEach),
        Mistake("Between your convolutions nothing bends. Why would three 3x3 then be better than one 7x7?", ReluOnce),
        Mistake("Your last convolution has no ReLU. What follows each of them?", LastUnbent),
        Mistake("Every convolution takes a border away. How much padding does a window of 3 need?", Unpadded),
        Mistake("Your pooling averages. Which one does section 2.1 name?", Averaged),
        Mistake("Your maps keep their size. What ends a stage?", Unpooled),
        Mistake("Your pooling windows overlap: those are AlexNet's. How large are VGG's?", Overlapping),
        Mistake("Your filters are 5x5. What is the paper about?", LargeFilters),
        Mistake("Your stage has one convolution too few. From which number does `range` count?", OneConvLess),
        Mistake("Your stage has one convolution too many. From which number does `range` count?", OneConvMore),
        Mistake("Your stage becomes wide at its last convolution. At which one does VGG's?", WidenedLast),
        Mistake("Several of your convolutions are one and the same. How many layers shall learn?", OneForAll),
        Mistake("Your convolutions have no biases. The paper knows no batch norm: what shifts a map there?", Biasless),
        Mistake("Each of your convolutions takes in_channels. How many channels does the second one get?", AllFromTheImage),
        Mistake("Your stage has two convolutions, whatever `convs` is. Stages 3 to 5 of VGG-16 have how many?", AlwaysTwo),
        Mistake("Your stage has no ReLU at all. What do linear layers in a row make?", Unbent),
        Mistake("You pool before the convolutions. On how large a map shall they work?", PooledFirst),
        Mistake("Your last convolution strides instead of pooling. Which layer halves the map in VGG?", Strided),
        Mistake("Your stage normalizes. Batch norm came after VGG, and the course adds it by itself: what does the paper "
                "put behind a convolution?", Normalized),
    ),
    fits=_stage,
)  # fmt: skip


# ------------------------------------------------------------------------------------- as_convolution
def as_convolution(linear, channels):
    """The convolution that does on maps (N, channels, S, S) what `linear` does on their flattened values."""
    side = round((linear.in_features / channels) ** 0.5)
    conv = nn.Conv2d(channels, linear.out_features, side)
    with torch.no_grad():
        conv.weight.copy_(linear.weight.view(-1, channels, side, side))
        conv.bias.copy_(linear.bias)
    return conv


def _converted(weight=lambda w: w, bias=lambda b: b):
    """The right convolution, what it gets of weight (K, C, S, S) and bias changed; None: it keeps that of a new one."""

    def convert(linear, channels):
        conv = nn.Conv2d(channels, linear.out_features, round((linear.in_features / channels) ** 0.5))
        if weight:
            conv.weight.data = weight(linear.weight.detach().view(conv.weight.shape)).clone()
        if bias:
            conv.bias.data = bias(linear.bias.detach()).clone()
        return conv

    return convert


def _one_by_one(linear, channels):
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1)
    conv.weight.data, conv.bias.data = linear.weight.detach()[:, :, None, None], linear.bias.detach()
    return conv


def _padded(linear, channels):
    conv = as_convolution(linear, channels)
    conv.padding = (conv.kernel_size[0] // 2,) * 2
    return conv


def _side_by_side(linear, channels):
    conv = as_convolution(linear, channels)
    conv.stride = conv.kernel_size
    return conv


def _area_for_side(rows):
    """The weights, cut into `rows` of filters as wide as the map has places: an error, that of whoever takes S x S for S."""

    def convert(linear, channels):
        places = linear.in_features // channels
        return linear.weight.view(rows or linear.out_features, channels, places, places)

    return convert


def _channels_last(weight):
    """As if the flattening had gone through pixels first, and channels last."""
    k, c, s, _ = weight.shape
    return weight.reshape(k, s, s, c).permute(0, 3, 1, 2)


def _dense_layer(channels, side, classes):
    def arguments():
        maps = [torch.randn(2, channels, side, side), torch.randn(1, channels, side + 2, side + 3)]
        return nn.Linear(channels * side * side, classes), channels, maps

    return Call(f"as_convolution(nn.Linear({channels * side * side}, {classes}), channels={channels})", arguments, _applied)


def _applied(answer, linear, channels, maps):
    """Where the dense layer fits, and on a larger image, where it is a map of answers."""
    conv = answer(linear, channels)
    if conv is None:
        return None
    if not isinstance(conv, nn.Module):
        raise TypeError(f"your answer returns {kind(conv)}; expected an nn.Conv2d")
    return [conv(each).detach() for each in maps]


AS_CONVOLUTION = Lab(
    "as_convolution",
    "the convolution that does on maps (N, channels, S, S) what a given dense layer does on their flattened values, and works on "
    "larger maps too",
    as_convolution,
    hints=(
        "The dense layer has a weight for each value of the map, and so has a filter as large as the map. How large is S?",
        "`flatten` goes through channel 0 row by row, then channel 1. `view` cuts the row of weights in the same order.",
    ),
    cases=(
        _dense_layer(3, 2, 5),
        _dense_layer(4, 3, 6),
    ),
    more=(_dense_layer(2, 5, 3), _dense_layer(7, 1, 4)),
    mistakes=(
        Mistake("The shapes are right, but your convolution has weights of its own. Whose should it have?",
                _converted(weight=None, bias=None)),
        Mistake("Your convolution takes as many channels as the dense layer takes values. How large is its window?", _one_by_one),
        Mistake("Your biases are zero. Where are the dense layer's?", _converted(bias=torch.zeros_like)),
        Mistake("Your weights lie as if flattening went through the channels of one pixel first. In which order does it go?",
                _converted(_channels_last)),
        Mistake("Rows and columns of your filters have changed places. In which order does flattening go through a map?",
                _converted(lambda w: w.transpose(2, 3))),
        Mistake("Your filters are turned by half a circle. Does torch's convolution flip them?",
                _converted(lambda w: w.flip(2, 3))),
        Mistake("Where the dense layer gives one answer yours gives a map: it pads. How many places has a window on a map of its "
                "own size?", _padded),
        Mistake("The weights are right, but the biases are those that a new convolution happens to have. Whose should it have?",
                _converted(bias=None)),
        Mistake("The biases are right, but the weights are those that a new convolution happens to have. Which tensor has them?",
                _converted(weight=None)),
        Mistake("On a larger map your windows stand side by side. By how many places shall a filter move?", _side_by_side),
        Mistake("Your answer still flattens the whole map, so it takes one size only. What slides over a larger one?",
                lambda linear, channels: nn.Sequential(nn.Flatten(), linear)),
        Mistake("Your filters are as wide as the map has places. How wide is a map of S x S places?", _area_for_side(-1)),
        Mistake("You divide by the channels and take what is left for S. How many places has a map of side S?",
                _area_for_side(None)),
    ),
)  # fmt: skip

LABS = (RECEPTIVE_FIELD, VGG_STAGE, AS_CONVOLUTION)
