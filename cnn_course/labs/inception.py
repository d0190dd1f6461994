"""The labs of notebook 5: the Inception block, and batch norm in training and in evaluation."""

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import models
from cnn_course.labs.lab import Call, Lab, Layer, Mistake

NAMES = ("in_channels", "n1", "reduce3", "n3", "reduce5", "n5", "pool")


# ------------------------------------------------------------------------------------- inception_block
class Block(nn.Module):
    """The block of figure 2b, in steps that a mistake can replace."""

    padding5, dimension = 2, 1

    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__()
        self.one = self.conv(in_channels, n1, 1)
        self.reduce3, self.three = self.conv(in_channels, reduce3, 1), self.conv(reduce3, n3, 3, 1)
        self.reduce5, self.five = self.conv(in_channels, reduce5, 1), self.conv(reduce5, n5, 5, self.padding5)
        self.project = self.conv(in_channels, pool, 1)

    @staticmethod
    def conv(in_channels, out_channels, kernel, padding=0):
        return nn.Conv2d(in_channels, out_channels, kernel, padding=padding)

    def middle(self, x):
        return F.relu(x)

    def pooled(self, x):
        return F.relu(self.project(F.max_pool2d(x, 3, stride=1, padding=1)))

    def branches(self, x):
        three = F.relu(self.three(self.middle(self.reduce3(x))))
        five = F.relu(self.five(self.middle(self.reduce5(x))))
        return [F.relu(self.one(x)), three, five, self.pooled(x)]

    def forward(self, x):
        return torch.cat(self.branches(x), dim=self.dimension)


class NarrowPadding(Block):
    padding5 = 1


class AlongTheBatch(Block):
    dimension = 0


class AlongTheWidth(Block):
    dimension = -1


class Summed(Block):
    def forward(self, x):
        one, three, five, pool = self.branches(x)
        return one + three + five + pool


class ReducedAfter(Block):
    """3x3 and 5x5 on all channels, the 1x1 behind them."""

    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.reduce3, self.three = self.conv(in_channels, reduce3, 3, 1), self.conv(reduce3, n3, 1)
        self.reduce5, self.five = self.conv(in_channels, reduce5, 5, 2), self.conv(reduce5, n5, 1)


class Naive(Block):
    """Figure 2a's filters: no reduction before 3x3 and 5x5."""

    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.three, self.five = self.conv(in_channels, n3, 3, 1), self.conv(in_channels, n5, 5, 2)
        del self.reduce3, self.reduce5

    def branches(self, x):
        return [F.relu(self.one(x)), F.relu(self.three(x)), F.relu(self.five(x)), self.pooled(x)]


class NotProjected(Block):
    def __init__(self, *widths, **named):
        super().__init__(*widths, **named)
        del self.project

    def pooled(self, x):
        return F.max_pool2d(x, 3, stride=1, padding=1)


class ProjectedFirst(Block):
    def pooled(self, x):
        return F.max_pool2d(F.relu(self.project(x)), 3, stride=1, padding=1)


class ReductionUnbent(Block):
    def middle(self, x):
        return x


class Shrinking(Block):
    def pooled(self, x):
        return F.relu(self.project(F.max_pool2d(x, 3, stride=2, padding=1)))


class Averaged(Block):
    def pooled(self, x):
        return F.relu(self.project(F.avg_pool2d(x, 3, stride=1, padding=1)))


class Biasless(Block):
    @staticmethod
    def conv(in_channels, out_channels, kernel, padding=0):
        return nn.Conv2d(in_channels, out_channels, kernel, padding=padding, bias=False)


class NoLastRelu(Block):
    def branches(self, x):
        three, five = self.three(self.middle(self.reduce3(x))), self.five(self.middle(self.reduce5(x)))
        return [self.one(x), three, five, self.project(F.max_pool2d(x, 3, stride=1, padding=1))]


class InPlace(Block):
    def forward(self, x):
        return super().forward(x.relu_())


def _block(shape, *widths):
    return Layer(dict(zip(NAMES, (shape[1], *widths), strict=True)), shape)


JOINED = {  # what four branches of four maps, of two images of 8x8, become when they are joined in another way
    (2, 4, 8, 8): "Your branches are added up. How many channels does figure 2b hand on?",
    (8, 4, 8, 8): "Your branches are joined along the batch. Which dimension counts channels?",
    (2, 4, 8, 32): "Your branches are joined along the width. Which dimension counts channels?",
    (2, 4, 32, 8): "Your branches are joined along the height. Which dimension counts channels?",
}


def _joined(answer):
    """Branches of unlike widths cannot be joined otherwise: with like ones it shows what was meant."""
    try:
        out = answer(**dict.fromkeys(NAMES, 4))(torch.randn(2, 4, 8, 8))
    except Exception:
        return None  # the cases tell it better
    return JOINED.get(tuple(out.shape)) if isinstance(out, torch.Tensor) else None


def _inception(answer):
    """Makes of an answer what `models.GoogLeNet` takes as its block; build the network with batch_norm=False."""

    def inception(*widths, **_):
        named = dict(zip(NAMES, widths, strict=True))
        made = answer(**named)
        made.out_channels = named["n1"] + named["n3"] + named["n5"] + named["pool"]
        return made

    return inception


INCEPTION_BLOCK = Lab(
    "inception_block",
    "the block of figure 2b: four branches on one input (1x1; 1x1 then 3x3; 1x1 then 5x5; 3x3 max pooling then 1x1), each "
    "convolution with its ReLU, laid side by side",
    Block,
    models.Inception,
    hints=(
        "All four branches keep height and width. Which padding does that take for 3x3, for 5x5, and for the pooling?",
        "A reduction is a 1x1 convolution of its own, with its ReLU, in front of the larger filter.",
        "`torch.cat` joins along one dimension; the batch is number 0.",
    ),
    tests=(_joined,),
    cases=(
        _block((2, 9, 7, 8), 5, 3, 6, 2, 4, 7),
        _block((1, 8, 6, 9), 3, 2, 5, 4, 7, 6),
    ),
    mistakes=(
        Mistake("Your 5x5 branch comes out two pixels smaller. How far does a window of 5 reach beyond the border?",
                NarrowPadding),
        Mistake(JOINED[8, 4, 8, 8], AlongTheBatch),
        Mistake(JOINED[2, 4, 8, 32], AlongTheWidth),
        Mistake(JOINED[2, 4, 8, 8], Summed),
        Mistake("Your 1x1 comes after the larger filter, which still works on all channels. What shall be made cheap?",
                ReducedAfter),
        Mistake("You built the naive block of figure 2a. What stands before 3x3 and 5x5 in figure 2b, and what does it save?",
                Naive),
        Mistake("All pooled channels are handed on. What keeps the block from growing with every repetition?", NotProjected),
        Mistake("Same shape, same count, other values: your pooling branch projects before it pools. What comes first?",
                ProjectedFirst),
        Mistake("Between reduction and filter nothing bends, so the two are one filter of low rank. What is missing?",
                ReductionUnbent),
        Mistake("Your pooling halves the map, and the branches no longer fit. Which stride keeps the size?", Shrinking),
        Mistake("Your pooling branch averages. Which pooling is in figure 2b?", Averaged),
        Mistake("Your convolutions have no biases. There is no batch norm in 2014: who shifts a channel?", Biasless),
        Mistake("Your branches end without a ReLU. What does section 5 say that all convolutions have?", NoLastRelu),
        Mistake("The block changes its own input: an in-place ReLU works on it. How many branches read it?", InPlace),
    ),
    fits=_inception,
)  # fmt: skip


# ------------------------------------------------------------------------------------- batch_norm
class OneNorm(nn.Module):
    """Batch norm for maps (N, C, H, W), in steps that a mistake can replace."""

    dims, eps, momentum = (0, 2, 3), 1e-5, 0.1

    def __init__(self, channels):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def statistics(self, x):
        return x.mean(self.dims), x.var(self.dims, unbiased=False)

    def remembered(self, x):
        return x.mean((0, 2, 3)), x.var((0, 2, 3))

    def update(self, x):
        with torch.no_grad():
            for buffer, value in zip((self.running_mean, self.running_var), self.remembered(x), strict=True):
                buffer += self.momentum * (value - buffer)

    def scaled(self, x, mean, var):
        x = (x - mean[:, None, None]) / (var[:, None, None] + self.eps).sqrt()
        return self.gamma[:, None, None] * x + self.beta[:, None, None]

    def forward(self, x):
        if not self.training:
            return self.scaled(x, self.running_mean, self.running_var)
        self.update(x)
        return self.scaled(x, *self.statistics(x))


class BatchInEvaluation(OneNorm):
    def forward(self, x):
        if self.training:
            self.update(x)
        return self.scaled(x, *self.statistics(x))


class UpdatedInEvaluation(OneNorm):
    def forward(self, x):
        self.update(x)
        return self.scaled(x, *(self.statistics(x) if self.training else (self.running_mean, self.running_var)))


class NeverUpdated(OneNorm):
    def update(self, x):
        pass


class RunningInTraining(OneNorm):
    def forward(self, x):
        if self.training:
            self.update(x)
        return self.scaled(x, self.running_mean, self.running_var)


class MomentumTurned(OneNorm):
    momentum = 0.9


class OverImages(OneNorm):
    """Each pixel has its own mean: the mean over N only."""

    def statistics(self, x):
        return x.mean(0), x.var(0, unbiased=False)

    def scaled(self, x, mean, var):
        if mean.dim() == 1:
            return super().scaled(x, mean, var)
        x = (x - mean) / (var + self.eps).sqrt()
        return self.gamma[:, None, None] * x + self.beta[:, None, None]


class OverChannels(OneNorm):
    """One image, one mean: layer norm."""

    def statistics(self, x):
        return x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), unbiased=False, keepdim=True)

    def scaled(self, x, mean, var):
        if mean.dim() == 1:
            return super().scaled(x, mean, var)
        return self.gamma[:, None, None] * (x - mean) / (var + self.eps).sqrt() + self.beta[:, None, None]


class OverPixels(OverChannels):
    """Each map of each image by itself: instance norm."""

    def statistics(self, x):
        return x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)


class UnbiasedInTraining(OneNorm):
    def statistics(self, x):
        return x.mean(self.dims), x.var(self.dims, unbiased=True)


class BiasedRemembered(OneNorm):
    def remembered(self, x):
        return x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)


class EpsOutside(OneNorm):
    def scaled(self, x, mean, var):
        x = (x - mean[:, None, None]) / (var[:, None, None].sqrt() + self.eps)
        return self.gamma[:, None, None] * x + self.beta[:, None, None]


class NoRoot(OneNorm):
    def scaled(self, x, mean, var):
        x = (x - mean[:, None, None]) / (var[:, None, None] + self.eps)
        return self.gamma[:, None, None] * x + self.beta[:, None, None]


class NoGamma(OneNorm):
    def __init__(self, channels):
        super().__init__(channels)
        del self.gamma, self.beta

    def scaled(self, x, mean, var):
        return (x - mean[:, None, None]) / (var[:, None, None] + self.eps).sqrt()


def _trained(make, *batches):
    """Outputs of three batches in training mode, of a single image and of a batch in evaluation, with scales that are not 1."""
    *training, last = batches
    net = make(training[0].shape[1])
    if not isinstance(net, nn.Module):
        raise TypeError(f"your answer makes {type(net).__name__}; expected an nn.Module")
    with torch.no_grad():
        for place, parameter in enumerate(net.parameters()):
            parameter += 0.5 * (place + 1) * torch.linspace(-0.5, 1, parameter.numel()).reshape(parameter.shape)
    outputs = [net.train()(batch.clone()) for batch in training]
    outputs += [net.eval()(last[:1].clone()), net(last.clone())]
    return [len(list(net.parameters())), *(out.detach() for out in outputs)]


def _batches():
    channels = torch.tensor([1.0, 5.0, 0.02])[:, None, None]  # the last varies so little that eps is seen
    return [torch.randn(4, 3, 3, 2) * channels + torch.tensor([0.0, 3.0, -1.0])[:, None, None] for _ in range(4)]


def _without_statistics(answer):
    """Statistics that are no buffers are lost when the network is saved."""
    try:
        net = answer(3)
        net(torch.randn(4, 3, 2, 2))
    except Exception:
        return None  # the case tells it better
    if isinstance(net, nn.Module) and any(True for _ in net.parameters()) and sum(b.numel() for b in net.buffers()) < 6:
        return "A network that is saved and loaded forgets your running mean and variance. What makes a tensor part of a module?"
    return None


BATCH_NORM = Lab(
    "batch_norm",
    "batch norm for maps (N, C, H, W) without nn.BatchNorm2d: the batch's own mean and variance in training, running ones in "
    "evaluation (momentum 0.1, eps 1e-5), then a scale and a shift for each channel",
    OneNorm,
    OneNorm,
    hints=(
        "One mean and one variance for each channel: over which three dimensions?",
        "`self.training` says which mode it is. In training the running values move a tenth of the way to the batch's.",
        "torch divides the variance by n where it normalizes, and by n - 1 where it remembers.",
    ),
    tests=(_without_statistics,),
    cases=(Call("three batches in training, then evaluation", _batches, _trained),),
    mistakes=(
        Mistake("In evaluation an image's result depends on its neighbours. Which mean does a single image have?",
                BatchInEvaluation),
        Mistake("Your running values move in evaluation too: who looks at test images changes the network. When may they move?",
                UpdatedInEvaluation),
        Mistake("Your running values never move. What shall evaluation use after training?", NeverUpdated),
        Mistake("In training yours normalizes by the running values. Whose mean does the batch have?", RunningInTraining),
        Mistake("Your running values jump nine tenths of the way each time. Which part of the way is momentum 0.1 in torch?",
                MomentumTurned),
        Mistake("Each pixel has a mean of its own in yours. How many means has a channel?", OverImages),
        Mistake("Each image is normalized by itself, over all its channels: that is layer norm. Over what does batch norm "
                "average?", OverChannels),
        Mistake("Each map of each image is normalized by itself: that is instance norm. Where is the batch?", OverPixels),
        Mistake("You normalize by the variance with n - 1. With which one does torch normalize?", UnbiasedInTraining),
        Mistake("Right in training, a little off in evaluation: you remember the variance with n. Which one estimates that of "
                "all images?", BiasedRemembered),
        Mistake("Your eps stands outside the root. What happens in a channel that hardly varies?", EpsOutside),
        Mistake("You divide by the variance. What has the unit of x?", NoRoot),
        Mistake("No scale and shift can be learned. What if a layer needs its mean elsewhere?", NoGamma),
    ),
)  # fmt: skip

LABS = (INCEPTION_BLOCK, BATCH_NORM)
