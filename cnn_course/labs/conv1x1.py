"""The labs of notebook 4: a 1x1 convolution from a dense layer, NIN's block, the class activation map, the separable pair."""

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course.labs.lab import Call, Lab, Layer, Mistake, convolutions
from cnn_course.labs.normalizing import with_batch_norm
from cnn_course.models import nin


# ------------------------------------------------------------------------------------- pointwise
def pointwise(maps, weight, bias):
    """A 1x1 convolution by a dense layer: F.linear at every pixel. (N, C, H, W), (K, C), (K,) -> (N, K, H, W)."""
    return F.linear(maps.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)


def _viewed(maps):
    """(N, H, W, C) by a reshape, which moves no dimension."""
    n, c, h, w = maps.shape
    return maps.reshape(n, h, w, c)


def _convolves(answer):
    seen = convolutions(answer, torch.randn(2, 3, 4, 5), torch.randn(6, 3), torch.randn(6))
    return "You let torch convolve. Can `F.linear` do it alone?" if seen else None


def _pixels(size, filters):
    shape = "x".join(map(str, size))
    return Call(f"pointwise(maps {shape}, weight {filters}x{size[1]}, bias {filters})",
                lambda: (torch.randn(size), torch.randn(filters, size[1]), torch.randn(filters)))  # fmt: skip


POINTWISE = Lab(
    "pointwise",
    "a 1x1 convolution without a convolution: F.linear at every pixel, for maps (N, C, H, W)",
    pointwise,
    hints=(
        "F.linear works on the last dimension, whatever stands before it. Where are the channels of an image?",
        "`permute` moves a dimension; `view` and `reshape` only cut the same row of numbers elsewhere.",
    ),
    tests=(_convolves,),
    cases=(_pixels((2, 3, 4, 5), 6), _pixels((2, 4, 4, 4), 4), _pixels((1, 5, 3, 7), 2)),
    more=(_pixels((3, 1, 6, 2), 5), _pixels((2, 7, 1, 5), 1)),
    mistakes=(  # x: maps, w: weight, b: bias
        Mistake("The shape is right, the values are not: your reshape cuts the row of numbers anew. What moves a dimension?",
                lambda x, w, b: F.linear(_viewed(x), w, b).permute(0, 3, 1, 2)),
        Mistake("Neither of your reshapes moves a dimension: both cut the row of numbers anew. What brings channels to the end?",
                lambda x, w, b: F.linear(_viewed(x), w, b).reshape(len(x), -1, *x.shape[2:])),
        Mistake("On the way back your reshape mixes pixels and channels. What undoes a permute?",
                lambda x, w, b: F.linear(x.permute(0, 2, 3, 1), w, b).reshape(len(x), -1, *x.shape[2:])),
        Mistake("The channels come last. In which place does a convolution leave them?",
                lambda x, w, b: F.linear(x.permute(0, 2, 3, 1), w, b)),
        Mistake("Height and width have changed places on the way. In which order does the permute name them?",
                lambda x, w, b: F.linear(x.permute(0, 3, 2, 1), w, b).permute(0, 3, 1, 2)),
        Mistake("F.linear has worked along the width. Which dimension comes last when it is called?", F.linear),
        Mistake("Every map is off by one constant. What else does F.linear take?",
                lambda x, w, b: pointwise(x, w, None)),
        Mistake("All pixels of a map are the same. Did each of them go through the dense layer?",
                lambda x, w, b: pointwise(x.mean((2, 3), keepdim=True), w, b).expand(-1, -1, *x.shape[2:])),
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------- mlpconv
class OneMlpconv(nn.Module):
    """NIN's block: a convolution, then 1x1 ones, a ReLU after each."""

    behind, bias = 1, True  # the size of those behind the first; whether all have biases

    def __init__(self, in_channels, widths, kernel):
        super().__init__()
        ins, widths = [in_channels, *widths], self.used(widths)
        made = zip(ins, widths, self.sizes(kernel, len(widths)), strict=False)
        self.convs = nn.ModuleList(self.conv(i, o, size, self.padding(size, kernel)) for i, o, size in made)

    def used(self, widths):
        return widths

    def sizes(self, kernel, count):
        return [kernel, *[self.behind] * (count - 1)]

    def padding(self, size, kernel):
        return size // 2

    def conv(self, in_channels, out_channels, size, padding):
        return nn.Conv2d(in_channels, out_channels, size, padding=padding, bias=self.bias)

    def forward(self, x):
        for conv in self.convs:
            x = F.relu(conv(x))
        return x


class LargeAgain(OneMlpconv):
    behind = 3


class OneSize(OneMlpconv):
    def sizes(self, kernel, count):
        return [kernel] * count


class OneTooFew(OneMlpconv):
    def used(self, widths):
        return widths[:-1]


class TwoAlways(OneMlpconv):
    def used(self, widths):
        return widths[:2]


class ThreeAlways(OneMlpconv):
    def used(self, widths):
        a, b, c = widths
        return a, b, c


class ThirdByIndex(OneMlpconv):
    def used(self, widths):
        return widths[0], widths[1], widths[2]


class NeverBent(OneMlpconv):
    def forward(self, x):
        for conv in self.convs:
            x = conv(x)
        return x


class BentFirst(OneMlpconv):
    def forward(self, x):
        x = F.relu(self.convs[0](x))
        for conv in self.convs[1:]:
            x = conv(x)
        return x


class ReturnsEarly(OneMlpconv):
    def forward(self, x):
        return F.relu(self.convs[0](x))


class Normed(OneMlpconv):
    def conv(self, in_channels, out_channels, size, padding):
        return nn.Sequential(super().conv(in_channels, out_channels, size, padding), nn.BatchNorm2d(out_channels))


class BentOnce(OneMlpconv):
    def forward(self, x):
        for conv in self.convs:
            x = conv(x)
        return F.relu(x)


class OpenEnd(OneMlpconv):
    def forward(self, x):
        for conv in self.convs[:-1]:
            x = F.relu(conv(x))
        return self.convs[-1](x)


class NoPadding(OneMlpconv):
    def padding(self, size, kernel):
        return 0


class PaddedPointwise(OneMlpconv):
    def padding(self, size, kernel):
        return kernel // 2


class PaddedForFive(OneMlpconv):
    def padding(self, size, kernel):
        return 2 if size > 1 else 0


class NoBias(OneMlpconv):
    bias = False


class PointwiseFirst(OneMlpconv):
    def sizes(self, kernel, count):
        return [*[1] * (count - 1), kernel]


def _mlpconv(answer):
    """Makes of an answer what `models.NIN` takes as its block, and gives it the batch norm that the network asks for."""

    def make(in_channels, widths, kernel, batch_norm=False):
        block = answer(in_channels=in_channels, widths=widths, kernel=kernel)
        return with_batch_norm(block) if batch_norm else block

    return make


MLPCONV = Lab(
    "mlpconv",
    "NIN's block: a convolution of `kernel`x`kernel` that keeps the size, then 1x1 convolutions, a ReLU after each; `widths` are "
    "the output channels, one number for each convolution",
    OneMlpconv,
    source=nin.mlpconv,
    hints=(
        "Only the first convolution looks at neighbours, so only it needs padding: how much for a kernel of 5, and of 3?",
        "A loop over `widths` makes one convolution a turn. What does the next one take in?",
    ),
    cases=(
        Layer({"in_channels": 3, "widths": (6, 5, 4), "kernel": 5}, (2, 3, 9, 8)),
        Layer({"in_channels": 4, "widths": (7, 3, 5), "kernel": 3}, (2, 4, 6, 7)),
        Layer({"in_channels": 3, "widths": (5, 4), "kernel": 3}, (2, 3, 7, 6)),
    ),
    more=(
        Layer({"in_channels": 2, "widths": (5, 3, 6), "kernel": 7}, (1, 2, 10, 9)),
        Layer({"in_channels": 5, "widths": (4, 6), "kernel": 5}, (3, 5, 6, 7)),
    ),
    mistakes=(
        Mistake("All your convolutions look at neighbours. What size makes a dense layer at every pixel?", OneSize),
        Mistake("Behind your first convolution stand others of 3x3. What size makes a dense layer at every pixel?", LargeAgain),
        Mistake("Your block never has more than two convolutions. What repeats, once for each width?", TwoAlways),
        Mistake("Your block is right for three widths and stops at two, which NIN's last block has. What repeats, once for each?",
                ThreeAlways),
        Mistake("Your block asks for a third width where there are two, as in NIN's last block. What repeats, once for each?",
                ThirdByIndex),
        Mistake("Your block has one convolution too few. Which of the widths is never used?", OneTooFew),
        Mistake("Nothing in your block bends. What are several linear steps in a row?", NeverBent),
        Mistake("Your block bends behind its first convolution only. What do the 1x1 layers add then?", BentFirst),
        Mistake("Your block comes back after its first convolution. Where does `return` stand?", ReturnsEarly),
        Mistake("Your block has batch norm, which came two years after NIN. What follows a convolution in the diagram?", Normed),
        Mistake("Your convolutions bend once, at the end. How many steps are linear layers in a row worth?", BentOnce),
        Mistake("Your block ends without a ReLU. What follows each of the layers?", OpenEnd),
        Mistake("Your maps shrink. What keeps a window of 5 from losing the border?", NoPadding),
        Mistake("Your maps grow: every convolution has the first one's padding. How far does a 1x1 reach?", PaddedPointwise),
        Mistake("Your padding is right for a kernel of 5 only. How far does a kernel of 3 reach beyond the border?",
                PaddedForFive),
        Mistake("Your convolutions have no biases. What shifts a map, where no batch norm follows?", NoBias),
        Mistake("Your large filter comes last. Which of the layers looks at the image?", PointwiseFirst),
    ),
    fits=_mlpconv,
)  # fmt: skip


# ------------------------------------------------------------------------------------- separable
class Separable(nn.Module):
    """Depthwise 3x3, then 1x1, each with batch norm and ReLU (Howard et al. 2017, arXiv 1704.04861, figure 3).

    (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride), rounded up.
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        x = F.relu(self.bn1(self.depthwise(x)))
        return F.relu(self.bn2(self.pointwise(x)))


class OneSeparable(nn.Module):
    """The same in steps that a mistake can replace."""

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.depth, self.norm1 = self.depthwise(in_channels, stride), nn.BatchNorm2d(in_channels)
        self.point, self.norm2 = self.pointwise(in_channels, out_channels), nn.BatchNorm2d(out_channels)
        self.change(in_channels, out_channels, stride)

    def change(self, in_channels, out_channels, stride):
        """A mistake puts other layers in place of these."""

    def depthwise(self, channels, stride):
        return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False)

    def pointwise(self, in_channels, out_channels):
        return nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x):
        x = F.relu(self.norm1(self.depth(x)))
        return F.relu(self.norm2(self.point(x)))


class NotGrouped(OneSeparable):
    def depthwise(self, channels, stride):
        return nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)


class HalfGrouped(OneSeparable):
    def depthwise(self, channels, stride):
        return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=2, bias=False)


class MixedByThree(OneSeparable):
    def pointwise(self, in_channels, out_channels):
        return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)


class StrideInTheSecond(OneSeparable):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, 1)
        self.point = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


class PointFirst(OneSeparable):
    def change(self, in_channels, out_channels, stride):
        self.point, self.norm1 = self.pointwise(in_channels, out_channels), nn.BatchNorm2d(out_channels)
        self.depth = self.depthwise(out_channels, stride)

    def forward(self, x):
        return F.relu(self.norm2(self.depth(F.relu(self.norm1(self.point(x))))))


class BiasedPair(OneSeparable):
    def depthwise(self, channels, stride):
        return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels)

    def pointwise(self, in_channels, out_channels):
        return nn.Conv2d(in_channels, out_channels, 1)


class LinearBetween(OneSeparable):
    def forward(self, x):
        return F.relu(self.norm2(self.point(self.norm1(self.depth(x)))))


class StraightPair(OneSeparable):
    def forward(self, x):
        return self.norm2(self.point(self.norm1(self.depth(x))))


class OpenPair(OneSeparable):
    def forward(self, x):
        return self.norm2(self.point(F.relu(self.norm1(self.depth(x)))))


class SixBetween(OneSeparable):
    def forward(self, x):
        return F.relu6(self.norm2(self.point(F.relu6(self.norm1(self.depth(x))))))


class BentBeforeTheNorm(OneSeparable):
    def forward(self, x):
        return self.norm2(F.relu(self.point(self.norm1(F.relu(self.depth(x))))))


class StrideTwice(OneSeparable):
    def change(self, in_channels, out_channels, stride):
        self.point = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


class StrideUnused(OneSeparable):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels)


class NoPaddingAround(OneSeparable):
    def depthwise(self, channels, stride):
        return nn.Conv2d(channels, channels, 3, stride, groups=channels, bias=False)


class NoNorm(OneSeparable):
    def change(self, in_channels, out_channels, stride):
        self.norm1 = self.norm2 = nn.Identity()


class OneNorm(OneSeparable):
    def change(self, in_channels, out_channels, stride):
        del self.norm1

    def forward(self, x):
        return F.relu(self.norm2(self.point(self.depth(x))))


SEPARABLE = Lab(
    "separable",
    "a depthwise separable convolution: a 3x3 for each channel by itself, then a 1x1 that mixes, each with batch norm and ReLU; "
    "the stride belongs to the 3x3",
    OneSeparable,
    source=Separable,
    hints=(
        "`nn.Conv2d(..., groups=g)` cuts the channels into g groups. How many groups give every channel a filter of its own?",
        "The 1x1 alone changes the number of channels.",
    ),
    cases=(
        Layer({"in_channels": 4, "out_channels": 6, "stride": 1}, (3, 4, 7, 6)),
        Layer({"in_channels": 6, "out_channels": 4, "stride": 2}, (3, 6, 8, 9)),
    ),
    more=(
        Layer({"in_channels": 5, "out_channels": 8, "stride": 2}, (2, 5, 7, 10)),
        Layer({"in_channels": 3, "out_channels": 7, "stride": 1}, (2, 3, 5, 9)),
    ),
    mistakes=(
        Mistake("Each of your 3x3 filters sees all channels. Which setting gives every channel its own?", NotGrouped),
        Mistake("Your 3x3 has two groups. How many are there when each channel is a group?", HalfGrouped),
        Mistake("Your mixing convolution looks at neighbours again. What size only mixes?", MixedByThree),
        Mistake("Your stride is in the 1x1, which then throws three pixels of four away. Which of the two sees them all?",
                StrideInTheSecond),
        Mistake("Both convolutions have the stride, so the map shrinks twice. Which of the two looks around?", StrideTwice),
        Mistake("Your map never shrinks. What is `stride` for?", StrideUnused),
        Mistake("Your map loses a border. How far does a window of 3 reach beyond it?", NoPaddingAround),
        Mistake("Your 1x1 comes first. What does figure 3 of the paper do first, look around or mix?", PointFirst),
        Mistake("Your convolutions have biases. What does batch norm do with a constant?", BiasedPair),
        Mistake("Between the two nothing bends. What does figure 3 put after the first batch norm?", LinearBetween),
        Mistake("Your pair ends without a ReLU. What does figure 3 put after the second batch norm?", OpenPair),
        Mistake("Your pair has no ReLU at all. What does figure 3 put behind each batch norm?", StraightPair),
        Mistake("Your values stop at 6: that is ReLU6. Where does figure 3 cut off, below or above?", SixBetween),
        Mistake("Your ReLUs come before the batch norms. What does figure 3 put right behind a convolution?", BentBeforeTheNorm),
        Mistake("Nothing is normalized. What does figure 3 put between a convolution and its ReLU?", NoNorm),
        Mistake("Only your second convolution is normalized. What follows the first?", OneNorm),
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------- class_maps
def class_maps(maps, weight):
    """The class activation maps: maps (N, C, H, W) and the dense layer's weight (K, C) -> (N, K, H, W)."""
    return torch.einsum("nchw,kc->nkhw", maps, weight)


def _scaled(maps, weight):
    found = class_maps(maps, weight)
    low, high = found.amin((2, 3), keepdim=True), found.amax((2, 3), keepdim=True)
    return (found - low) / (high - low)


def _one_class(maps, weight):
    found = class_maps(maps, weight)
    best = found.mean(dim=(2, 3)).argmax(dim=1)
    return found[torch.arange(len(maps)), best]


def _cam(size, classes):
    shape = "x".join(map(str, size))
    return Call(f"class_maps(maps {shape}, weight {classes}x{size[1]})",
                lambda: (torch.rand(size), torch.randn(classes, size[1])))  # fmt: skip


CLASS_MAPS = Lab(
    "class_maps",
    "one map for each class, of which the mean is the class's logit: the last maps (N, C, H, W), weighted by the dense layer's "
    "weight (K, C) behind global average pooling",
    class_maps,
    hints=(
        "The logit of class k is the sum over channels of weight[k, c] times the mean of map c. Leave the mean for later.",
        "That is a 1x1 convolution with the dense layer's weights. `torch.einsum` writes it in one line too.",
    ),
    cases=(_cam((2, 5, 4, 3), 6), _cam((3, 4, 2, 2), 4)),
    more=(_cam((1, 7, 5, 6), 3), _cam((4, 3, 3, 1), 8)),
    mistakes=(  # x: maps, w: weight
        Mistake("You have the logits, not the maps: the mean was taken first. What is left of *where* after it?",
                lambda x, w: x.mean((2, 3)) @ w.T),
        Mistake("Only the first channel is weighted. How many channels does a dense layer read?",
                lambda x, w: class_maps(x[:, :1], w[:, :1])),
        Mistake("There is a map for each pair of class and channel. Over what does a dense layer sum?",
                lambda x, w: x[:, None] * w[:, :, None, None]),
        Mistake("The classes come last. Where does a convolution put them?", lambda x, w: class_maps(x, w).permute(0, 2, 3, 1)),
        Mistake("The logits are the sums of your maps. What of a map does global average pooling take?",
                lambda x, w: class_maps(x, w) / x[0, 0].numel()),
        Mistake("Your maps are too small by the number of channels. Sum or mean?", lambda x, w: class_maps(x, w) / x.shape[1]),
        Mistake("Your maps are never negative. What does it say where a place speaks *against* a class?",
                lambda x, w: class_maps(x, w).clamp(min=0)),
        Mistake("Each of your maps runs from 0 to 1, so the mean is no logit any more. When may a picture be scaled?", _scaled),
        Mistake("Your maps sum up to one over the classes. Were probabilities asked for, or what adds up to the logits?",
                lambda x, w: class_maps(x, w).softmax(1)),
        Mistake("There is one map an image. How many classes can be asked about?", _one_class),
    ),
)  # fmt: skip

LABS = (POINTWISE, MLPCONV, CLASS_MAPS, SEPARABLE)
