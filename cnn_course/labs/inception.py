"""The labs of notebook 5: the Inception block, and batch norm in training and in evaluation."""

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import models
from cnn_course.labs.lab import Call, Lab, Layer, Mistake, idle
from cnn_course.labs.normalizing import with_batch_norm
from cnn_course.values import kind

NAMES = ("in_channels", "n1", "reduce3", "n3", "reduce5", "n5", "pool")


# ------------------------------------------------------------------------------------- inception_block
class Block(nn.Module):
    """The block of figure 2b, in steps that a mistake can replace."""

    padding3, padding5, dimension = 1, 2, 1

    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__()
        self.one = self.conv(in_channels, n1, 1)
        self.reduce3, self.three = self.conv(in_channels, reduce3, 1), self.conv(reduce3, n3, 3, self.padding3)
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


class NoPadding(Block):
    padding3 = 0


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


class FirstDiagram(NotProjected, Naive):
    """Figure 2a as a whole."""


class ProjectedFirst(Block):
    def pooled(self, x):
        return F.max_pool2d(F.relu(self.project(x)), 3, stride=1, padding=1)


class ReductionUnbent(Block):
    def middle(self, x):
        return x


class Shrinking(Block):
    def pooled(self, x):
        return F.relu(self.project(F.max_pool2d(x, 3, stride=2, padding=1)))


class StrideOfTheKernel(Block):
    def pooled(self, x):
        return F.relu(self.project(F.max_pool2d(x, 3, padding=1)))


class UnpaddedPooling(Block):
    def pooled(self, x):
        return F.relu(self.project(F.max_pool2d(x, 3, stride=1)))


class Unpooled(Block):
    def pooled(self, x):
        return F.relu(self.project(x))


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


class NoRelu(NoLastRelu, ReductionUnbent):
    pass


class ProjectionUnbent(Block):
    def pooled(self, x):
        return self.project(F.max_pool2d(x, 3, stride=1, padding=1))


class InPlace(Block):
    def forward(self, x):
        return super().forward(x.relu_())


def _block(shape, *widths):
    return Layer(dict(zip(NAMES, (shape[1], *widths), strict=True)), shape)


JOINED = {  # what four branches of four maps, of two images of 8x8, become when they are joined in another way
    (2, 4, 8, 8): "Your branches are added up. How many channels does the diagram hand on?",
    (8, 4, 8, 8): "Your branches are joined along the batch. Which dimension counts channels?",
    (2, 4, 8, 32): "Your branches are joined along the width. Which dimension counts channels?",
    (2, 4, 32, 8): "Your branches are joined along the height. Which dimension counts channels?",
}


def _joined(answer):
    """Branches of unlike widths cannot be joined otherwise: with like ones it shows what was meant."""
    try:
        net = answer(**dict.fromkeys(NAMES, 4) | {"in_channels": 5})
        x = torch.randn(2, 5, 8, 8)
        out = net(x)
        out.sum().backward()
        if all(parameter.grad is not None for parameter in net.parameters()):
            return JOINED.get(tuple(out.shape))
        mixed_up = idle(net, x) if out.shape[1] == 16 else ""  # where all four are handed on
    except Exception:
        return None  # the cases tell it better
    return mixed_up or "Some of your layers never reach the output. How many branches does the block hand on?"


ORDER = "Your four branches are all there, in another order than in the diagram. Which one comes first, and which last?"


def _ordered(answer):
    """With unlike widths those of a parameter that a channel depends on tell from which branch the channel comes."""
    widths = dict(zip(NAMES, (9, 5, 3, 6, 2, 4, 7), strict=True))
    ends, found = [widths[name] for name in ("n1", "n3", "n5", "pool")], []
    try:
        net = answer(**widths)
        last = [parameter for parameter in net.parameters() if parameter.shape[0] in ends]
        for channel in net(torch.randn(2, 9, 8, 8)).sum((0, 2, 3)):
            slopes = torch.autograd.grad(channel, last, retain_graph=True, allow_unused=True)
            found += [len(each) for each, slope in zip(last, slopes, strict=True) if slope is not None and slope.any()]
    except Exception:
        return None  # the cases tell it better
    order = list(dict.fromkeys(found))
    return ORDER if order != ends and sorted(order) == sorted(ends) else None


def _normalizes(answer):
    """Many a block on the web is that of 2015."""
    try:
        net = answer(**dict.fromkeys(NAMES, 4))
    except Exception:
        return None
    if isinstance(net, nn.Module) and any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in net.modules()):
        return "Your block normalizes, as blocks do from 2015 on. What did a convolution have in 2014, beside its ReLU?"
    return None


def _inception(answer):
    """Makes of an answer what `models.GoogLeNet` takes as its block, and gives it the batch norm that the network asks for."""

    def inception(*widths, batch_norm=False, **_):
        named = dict(zip(NAMES, widths, strict=True))
        made = with_batch_norm(answer(**named), eps=1e-3, bias=False) if batch_norm else answer(**named)
        made.out_channels = named["n1"] + named["n3"] + named["n5"] + named["pool"]
        return made

    return inception


INCEPTION_BLOCK = Lab(
    "inception_block",
    "the block of the diagram: four branches on one input, laid side by side",
    Block,
    source=models.Inception,
    hints=(
        "All four branches keep height and width. Which padding does that take for 3x3, for 5x5, and for the pooling?",
        "A reduction is a 1x1 convolution of its own, with its ReLU, in front of the larger filter.",
        "`torch.cat` joins along one dimension; the batch is number 0.",
    ),
    tests=(_joined, _normalizes, _ordered),
    cases=(
        _block((2, 9, 7, 8), 5, 3, 6, 2, 4, 7),
        _block((1, 8, 6, 9), 3, 2, 5, 4, 7, 6),
    ),
    more=(_block((3, 7, 5, 10), 6, 4, 8, 3, 2, 9),),
    mistakes=(
        Mistake("Your 5x5 branch comes out two pixels smaller. How far does a window of 5 reach beyond the border?",
                NarrowPadding),
        Mistake("Your 3x3 branch comes out two pixels smaller. How far does a window of 3 reach beyond the border?", NoPadding),
        Mistake("Your pooling comes out two pixels smaller. What keeps a window at the border from falling off?",
                UnpaddedPooling),
        Mistake("Your pooling leaves a third of each side: its stride is its window's size unless you say otherwise. How far "
                "shall it move?", StrideOfTheKernel),
        Mistake(JOINED[8, 4, 8, 8], AlongTheBatch),
        Mistake(JOINED[2, 4, 8, 32], AlongTheWidth),
        Mistake(JOINED[2, 4, 8, 8], Summed),
        Mistake("Your 1x1 comes after the larger filter, which still works on all channels. What shall be made cheap?",
                ReducedAfter),
        Mistake("You built the naive block, but for its projection. What stands before 3x3 and 5x5 in the diagram, and why?",
                Naive),
        Mistake("You built the naive block as a whole, neither reduced nor projected. Which 1x1 convolutions are missing?",
                FirstDiagram),
        Mistake("All pooled channels are handed on. What keeps the block from growing with every repetition?", NotProjected),
        Mistake("Same shape, same count, other values: your pooling branch projects before it pools. What comes first?",
                ProjectedFirst),
        Mistake("Between reduction and filter nothing bends, so the two are one filter of low rank. What is missing?",
                ReductionUnbent),
        Mistake("Your pooling halves the map, and the branches no longer fit. Which stride keeps the size?", Shrinking),
        Mistake("Your fourth branch projects x as it is, and nothing pools. What does the diagram put before the projection?",
                Unpooled),
        Mistake(ORDER),
        Mistake("Your pooling branch averages. Which pooling is in the diagram?", Averaged),
        Mistake("Your convolutions have no biases. There is no batch norm in 2014: who shifts a channel?", Biasless),
        Mistake("Your branches end without a ReLU. What does section 5 say that all convolutions have?", NoLastRelu),
        Mistake("Your block has no ReLU at all. What are two linear layers in a row?", NoRelu),
        Mistake("Your projection ends without a ReLU, the other branches have one. What has every convolution of the paper?",
                ProjectionUnbent),
        Mistake("The block changes its own input: an in-place ReLU works on it. How many branches read it?", InPlace),
    ),
    fits=_inception,
)  # fmt: skip


# ------------------------------------------------------------------------------------- batch_norm
class BatchNorm(nn.Module):
    """Batch norm for maps (N, C, H, W), same shape (Ioffe and Szegedy 2015, algorithms 1 and 2)."""

    def __init__(self, channels):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
            with torch.no_grad():  # a tenth of the way to this batch; the variance that is remembered has n - 1 below
                self.running_mean += 0.1 * (mean - self.running_mean)
                self.running_var += 0.1 * (x.var((0, 2, 3)) - self.running_var)
        x = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
        return self.gamma[:, None, None] * x + self.beta[:, None, None]


class OneNorm(BatchNorm):
    """The same in steps that a mistake can replace."""

    dims, eps, momentum = (0, 2, 3), 1e-5, 0.1

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


class ByImage(OverChannels):
    """Layer norm as torch has it, without running values."""

    def forward(self, x):
        return self.scaled(x, *self.statistics(x))


class OverPixels(OverChannels):
    """Each map of each image by itself: instance norm."""

    def statistics(self, x):
        return x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)


class OverAll(OneNorm):
    """One mean for the whole batch."""

    dims = (0, 1, 2, 3)

    def remembered(self, x):
        return x.mean().expand(x.shape[1]), x.var(unbiased=False).expand(x.shape[1])

    def scaled(self, x, mean, var):
        return super().scaled(x, *(value.expand(x.shape[1]) for value in (mean, var)))


class Detached(OneNorm):
    def statistics(self, x):
        return super().statistics(x.detach())


class LastBatchOnly(OneNorm):
    momentum = 1


class FromZero(OneNorm):
    def __init__(self, channels):
        super().__init__(channels)
        self.running_var.zero_()


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


class NoEps(OneNorm):
    eps = 0


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


def _made(make, channels):
    """The layer, with scales and shifts that are not 1 and 0."""
    net = make(channels)
    if not isinstance(net, nn.Module):
        raise TypeError(f"your answer makes {kind(net)}; expected an nn.Module")
    with torch.no_grad():
        for place, parameter in enumerate(sorted(net.parameters(), key=lambda p: -p.mean().item())):  # scales first: ones
            parameter += 0.5 * (place + 1) * torch.linspace(-0.5, 1, parameter.numel()).reshape(parameter.shape)
    return net


def _in_training(make, *batches):
    return _made(make, batches[0].shape[1]).train()(batches[0].clone()).detach()


def _slope_in_training(make, *batches):
    leaf = batches[0].clone().requires_grad_()
    out = _made(make, leaf.shape[1]).train()(leaf * 1)
    out.backward(torch.linspace(-1, 1, out.numel()).reshape(out.shape))
    return leaf.grad


def _then_in_evaluation(images):
    def run(make, *batches):
        """What becomes of the first `images` of a last batch in evaluation, after training with those before it."""
        *training, last = batches
        net = _made(make, last.shape[1]).train()
        for batch in training:
            net(batch.clone())
        return net.eval()(last[:images].clone()).detach()

    return run


def _batches():
    channels = torch.tensor([1.0, 5.0, 0.02])[:, None, None]  # the last varies so little that eps is seen
    return [torch.randn(4, 3, 3, 2) * channels + torch.tensor([0.0, 3.0, -1.0])[:, None, None] for _ in range(4)]


def _kept(answer):
    """How the running values are kept: as buffers, free of any graph, by the layer itself."""
    try:
        net = answer(3)
        count = sum(parameter.numel() for parameter in net.parameters())
        if any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in net.modules()):
            return "Your layer leaves the work to torch's BatchNorm. What does that compute in training, and what in evaluation?"
        if count >= 9:
            return "Your running mean and variance are parameters, which are learned from a loss. Where do these two come from?"
        if count > 6:
            name = next(name for name, parameter in net.named_parameters() if parameter.numel() != 3)
            return f"`self.{name}` is a parameter, so training moves it. Which two of batch norm's numbers are learned?"
        unfound = not count and any(isinstance(value, torch.Tensor) and value.requires_grad for value in vars(net).values())
        net(torch.randn(4, 3, 2, 2, requires_grad=True))
        kept, loaded, images = [buffer.clone() for buffer in net.buffers()], answer(3).eval(), torch.randn(4, 3, 2, 2)
        loaded.load_state_dict(net.state_dict())
        forgets = not torch.allclose(net.eval()(images), loaded(images), equal_nan=True)
        moved = not all(map(torch.equal, kept, net.buffers()))
        net.train()
    except Exception:
        return None  # the cases tell it better
    if unfound:
        return UNFOUND
    if count and forgets:
        return "A network that is saved and loaded forgets your running mean and variance. What makes a tensor part of a module?"
    if any(buffer.requires_grad for buffer in net.buffers()):
        return (
            "Your running values hold on to the graph of every batch so far, and memory grows. Which lines are not for learning?"
        )
    return MOVED if moved else None


MOVED = "Your running values move in evaluation too: who looks at test images changes the network. When may they move?"
UNFOUND = "Your scale and shift are tensors that no optimizer finds. What makes a tensor a parameter of a module?"


BATCH_NORM = Lab(
    "batch_norm",
    "batch norm for maps (N, C, H, W), for training and for evaluation",
    OneNorm,
    source=BatchNorm,
    hints=(
        "One mean and one variance for each channel: over which three dimensions?",
        "`self.training` says which mode it is. In training the running values move a tenth of the way to the batch's.",
        '`self.register_buffer("mean", ...)` keeps a tensor that is saved with the layer and that no optimizer touches.',
        "torch divides the variance by n where it normalizes, and by n - 1 where it remembers.",
    ),
    tests=(_kept,),
    cases=(
        Call("a batch in training", _batches, _in_training),
        Call("the gradient of a batch in training", _batches, _slope_in_training),
        Call("three batches in training, then one image in evaluation", _batches, _then_in_evaluation(1)),
        Call("three batches in training, then a batch in evaluation", _batches, _then_in_evaluation(4)),
    ),
    more=(Call("three batches in training, then three images in evaluation", _batches, _then_in_evaluation(3)),),
    mistakes=(
        Mistake("In evaluation an image's result depends on its neighbours. Which mean does a single image have?",
                BatchInEvaluation),
        Mistake(MOVED, UpdatedInEvaluation),
        Mistake(UNFOUND),
        Mistake("Your running values never move. What shall evaluation use after training?", NeverUpdated),
        Mistake("In training yours normalizes by the running values. Whose mean does the batch have?", RunningInTraining),
        Mistake("Your running values jump nine tenths of the way each time. Which part of the way is momentum 0.1 in torch?",
                MomentumTurned),
        Mistake("Each pixel has a mean of its own in yours. How many means has a channel?", OverImages),
        Mistake("Each image is normalized by itself, over all its channels: that is layer norm. Over what does batch norm "
                "average?", OverChannels),
        Mistake("Each image is normalized by itself, in evaluation as in training: that is layer norm. Whose mean does batch "
                "norm take?", ByImage),
        Mistake("Each map of each image is normalized by itself: that is instance norm. Where is the batch?", OverPixels),
        Mistake("All channels share one mean in yours. What does the formula call x: the whole batch, or a channel of it?",
                OverAll),
        Mistake("The outputs are right, but no gradient passes through your mean and variance. Do they change when x does?",
                Detached),
        Mistake("Your running values are those of the last batch. What do the batches before it have to say?", LastBatchOnly),
        Mistake("Right in training, but your running variance begins at 0. Which variance changes nothing?", FromZero),
        Mistake("You normalize by the variance with n - 1. With which one does torch normalize?", UnbiasedInTraining),
        Mistake("Right in training, a little off in evaluation: you remember the variance with n. Which one estimates that of "
                "all images?", BiasedRemembered),
        Mistake("Your eps stands outside the root. What happens in a channel that hardly varies?", EpsOutside),
        Mistake("Your eps is missing. What becomes of a channel that hardly varies?", NoEps),
        Mistake("You divide by the variance. What has the unit of x?", NoRoot),
        Mistake("No scale and shift can be learned. What if a layer needs its mean elsewhere?", NoGamma),
    ),
)  # fmt: skip

LABS = (INCEPTION_BLOCK, BATCH_NORM)
