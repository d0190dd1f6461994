"""Answers to the labs of notebook 5 as students write them."""

import torch
import torch.nn as nn
import torch.nn.functional as F


# ------------------------------------------------------------------------------------- inception_block
def conv_relu(*settings, **more):
    return nn.Sequential(nn.Conv2d(*settings, **more), nn.ReLU())


class Branches(nn.Module):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__()
        self.b1 = conv_relu(in_channels, n1, 1)
        self.b2 = nn.Sequential(conv_relu(in_channels, reduce3, 1), conv_relu(reduce3, n3, 3, padding=1))
        self.b3 = nn.Sequential(conv_relu(in_channels, reduce5, 1), conv_relu(reduce5, n5, 5, padding=2))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_relu(in_channels, pool, 1))

    def forward(self, x):
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)], dim=1)


class PoolingFirst(nn.Module):
    """The branches are computed from the last to the first; one ReLU at the end serves all."""

    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__()
        self.p = nn.Conv2d(in_channels, pool, 1)
        self.five = nn.ModuleList([nn.Conv2d(in_channels, reduce5, 1), nn.Conv2d(reduce5, n5, 5, padding="same")])
        self.three = nn.ModuleList([nn.Conv2d(in_channels, reduce3, 1), nn.Conv2d(reduce3, n3, 3, padding="same")])
        self.one = nn.Linear(in_channels, n1)

    def forward(self, x):
        d = self.p(F.max_pool2d(x, 3, 1, 1))
        c = self.five[1](self.five[0](x).clamp_min(0))
        b = self.three[1](self.three[0](x).clamp_min(0))
        a = self.one(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return torch.relu(torch.cat([a, b, c, d], 1))


def written_in_place(in_channels, n1, reduce3, n3, reduce5, n5, pool):
    class Filled(Branches):
        def forward(self, x):
            out = x.new_empty(len(x), n1 + n3 + n5 + pool, *x.shape[2:])
            out[:, :n1] = self.b1(x)
            out[:, n1 : n1 + n3] = self.b2(x)
            out[:, n1 + n3 : -pool] = self.b3(x)
            out[:, -pool:] = self.b4(x)
            return out

    return Filled(in_channels, n1, reduce3, n3, reduce5, n5, pool)


class ThinPadding(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b3 = nn.Sequential(conv_relu(in_channels, reduce5, 1), conv_relu(reduce5, n5, 5, padding=1))


class BareThree(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b2 = nn.Sequential(conv_relu(in_channels, reduce3, 1), conv_relu(reduce3, n3, 3))


class BareEverywhere(BareThree):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b3 = nn.Sequential(conv_relu(in_channels, reduce5, 1), conv_relu(reduce5, n5, 5))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1), conv_relu(in_channels, pool, 1))


class BarePooling(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1), conv_relu(in_channels, pool, 1))


class DefaultPooling(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b4 = nn.Sequential(nn.MaxPool2d(3, padding=1), conv_relu(in_channels, pool, 1))


class Stacked(Branches):
    def forward(self, x):
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)])


class SideBySide(Branches):
    def forward(self, x):
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)], dim=-1)


class Sum(Branches):
    def forward(self, x):
        return sum([self.b1(x), self.b2(x), self.b3(x), self.b4(x)])


class OnlyOne(Branches):
    def forward(self, x):
        branches = [self.b1(x), self.b2(x), self.b3(x), self.b4(x)]
        return branches[0]


class Behind(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b2 = nn.Sequential(conv_relu(in_channels, reduce3, 3, padding=1), conv_relu(reduce3, n3, 1))
        self.b3 = nn.Sequential(conv_relu(in_channels, reduce5, 5, padding=2), conv_relu(reduce5, n5, 1))


class Figure2a(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b2, self.b3 = conv_relu(in_channels, n3, 3, padding=1), conv_relu(in_channels, n5, 5, padding=2)


class Figure2aWhole(Figure2a):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b4 = nn.MaxPool2d(3, stride=1, padding=1)


class AllPooled(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b4 = nn.MaxPool2d(3, stride=1, padding=1)


class PoolLast(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b4 = nn.Sequential(conv_relu(in_channels, pool, 1), nn.MaxPool2d(3, 1, 1))


class Additive(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b2 = nn.Sequential(nn.Conv2d(in_channels, reduce3, 1), conv_relu(reduce3, n3, 3, padding=1))
        self.b3 = nn.Sequential(nn.Conv2d(in_channels, reduce5, 1), conv_relu(reduce5, n5, 5, padding=2))


class NothingPooled(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b4 = conv_relu(in_channels, pool, 1)


class FromTheLast(Branches):
    def forward(self, x):
        return torch.cat([self.b4(x), self.b3(x), self.b2(x), self.b1(x)], dim=1)


class ThreeAndPoolingSwapped(Branches):
    def forward(self, x):
        return torch.cat([self.b1(x), self.b4(x), self.b3(x), self.b2(x)], dim=1)


class OneReductionForTwo(nn.Module):
    """The reduction of one branch is called in two."""

    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__()
        self.b1, self.r3, self.r5 = (conv_relu(in_channels, width, 1) for width in (n1, reduce3, reduce5))
        self.c3, self.c5 = conv_relu(reduce3, n3, 3, padding=1), conv_relu(reduce5, n5, 5, padding=2)
        self.p = conv_relu(in_channels, pool, 1)

    def forward(self, x):
        pooled = F.max_pool2d(x, 3, 1, 1)
        return torch.cat([self.b1(x), self.c3(self.r3(x)), self.c5(self.r3(x)), self.p(pooled)], dim=1)


def made_in_a_function(in_channels, n1, reduce3, n3, reduce5, n5, pool):
    return Branches(in_channels, n1, reduce3, n3, reduce5, n5, pool).forward


class UsualPooling(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 2, 1), conv_relu(in_channels, pool, 1))


class MeanPooling(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b4 = nn.Sequential(nn.AvgPool2d(3, 1, 1), conv_relu(in_channels, pool, 1))


class NoBiases(nn.Module):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__()

        def c(*settings):
            return nn.Sequential(nn.Conv2d(*settings, bias=False), nn.ReLU())

        self.b1, self.b2 = c(in_channels, n1, 1), nn.Sequential(c(in_channels, reduce3, 1), c(reduce3, n3, 3, 1, 1))
        self.b3 = nn.Sequential(c(in_channels, reduce5, 1), c(reduce5, n5, 5, 1, 2))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), c(in_channels, pool, 1))

    def forward(self, x):
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)], dim=1)


class OpenEnd(PoolingFirst):
    def forward(self, x):
        d = self.p(F.max_pool2d(x, 3, 1, 1))
        c, b = self.five[1](self.five[0](x).relu()), self.three[1](self.three[0](x).relu())
        return torch.cat([self.one(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), b, c, d], 1)


class Straight(PoolingFirst):
    def forward(self, x):
        d = self.p(F.max_pool2d(x, 3, 1, 1))
        c, b = self.five[1](self.five[0](x)), self.three[1](self.three[0](x))
        return torch.cat([self.one(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), b, c, d], 1)


class OpenProjection(Branches):
    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__(in_channels, n1, reduce3, n3, reduce5, n5, pool)
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(in_channels, pool, 1))


class OfTorchvision(nn.Module):
    bias = False

    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool):
        super().__init__()

        def c(i, o, size=1):
            conv = nn.Conv2d(i, o, size, padding=size // 2, bias=self.bias)
            return nn.Sequential(conv, nn.BatchNorm2d(o, eps=0.001), nn.ReLU(inplace=True))

        self.b1, self.b2 = c(in_channels, n1), nn.Sequential(c(in_channels, reduce3), c(reduce3, n3, 3))
        self.b3 = nn.Sequential(c(in_channels, reduce5), c(reduce5, n5, 5))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), c(in_channels, pool))

    def forward(self, x):
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)], dim=1)


class ShiftedTwice(OfTorchvision):
    bias = True


class Overwriting(Branches):
    def forward(self, x):
        return super().forward(F.relu_(x))


# ------------------------------------------------------------------------------------- batch_norm
class ByHand(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("var", torch.ones(1, channels, 1, 1))

    def forward(self, x):
        if self.training:
            mean = x.mean(dim=(0, 2, 3), keepdim=True)
            var = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
            n = x.numel() / x.shape[1]
            self.mean = 0.9 * self.mean + 0.1 * mean.detach()
            self.var = 0.9 * self.var + 0.1 * var.detach() * n / (n - 1)
        else:
            mean, var = self.mean, self.var
        return (x - mean) / torch.sqrt(var + 1e-5) * self.weight + self.bias


class ShiftFirst(ByHand):
    """The shift is made before the scale."""

    def __init__(self, channels):
        super().__init__(channels)
        scale = self.weight
        del self.weight
        self.weight = scale


class Flat(nn.Module):
    """Channels in front, everything else in a row."""

    def __init__(self, channels):
        super().__init__()
        self.g, self.b = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("m", torch.zeros(channels))
        self.register_buffer("v", torch.ones(channels))

    def forward(self, x):
        rows = x.transpose(0, 1).flatten(1)
        if self.training:
            self.m.lerp_(rows.mean(1).detach(), 0.1)
            self.v.lerp_(rows.var(1).detach(), 0.1)
            var, mean = torch.var_mean(rows, dim=1, correction=0)
        else:
            mean, var = self.m, self.v
        scale = self.g * (var + 1e-5).rsqrt()
        return x * scale.view(1, -1, 1, 1) + (self.b - mean * scale).view(1, -1, 1, 1)


def from_functional(channels):
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
            self.register_buffer("mean", torch.zeros(channels))
            self.register_buffer("var", torch.ones(channels))

        def forward(self, x):
            return F.batch_norm(x, self.mean, self.var, self.weight, self.bias, self.training)

    return Functional()


class Base(nn.Module):
    """In pieces, to be broken below."""

    def __init__(self, channels):
        super().__init__()
        self.w, self.b = nn.Parameter(torch.ones(channels, 1, 1)), nn.Parameter(torch.zeros(channels, 1, 1))
        self.register_buffer("rm", torch.zeros(channels, 1, 1))
        self.register_buffer("rv", torch.ones(channels, 1, 1))

    def own(self, x):
        return x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)

    @torch.no_grad()
    def remember(self, x, share=0.1, unbiased=True):
        self.rm = (1 - share) * self.rm + share * x.mean((0, 2, 3))[:, None, None]
        self.rv = (1 - share) * self.rv + share * x.var((0, 2, 3), unbiased=unbiased)[:, None, None]

    def apply_to(self, x, mean, var):
        return self.w * (x - mean) / torch.sqrt(var + 1e-5) + self.b

    def forward(self, x):
        if self.training:
            self.remember(x)
            return self.apply_to(x, *self.own(x))
        return self.apply_to(x, self.rm, self.rv)


class AlwaysBatch(Base):
    def forward(self, x):
        return self.apply_to(x, *self.own(x))


class NothingKept(AlwaysBatch):
    """No running values at all."""

    def __init__(self, channels):
        super().__init__(channels)
        del self.rm, self.rv

    def remember(self, x):
        pass


class MeanKept(Base):
    def __init__(self, channels):
        super().__init__(channels)
        del self.rv

    @torch.no_grad()
    def remember(self, x):
        self.rm = 0.9 * self.rm + 0.1 * x.mean((0, 2, 3))[:, None, None]

    def forward(self, x):
        mean, var = self.own(x)
        if self.training:
            self.remember(x)
        return self.apply_to(x, mean if self.training else self.rm, var)


def group_norm(channels):
    return nn.GroupNorm(1, channels)


class LearnedEpsilon(Base):
    def __init__(self, channels):
        super().__init__(channels)
        self.eps = nn.Parameter(torch.tensor(1e-5))

    def apply_to(self, x, mean, var):
        return self.w * (x - mean) / torch.sqrt(var + self.eps) + self.b


class AlwaysRemembering(Base):
    def forward(self, x):
        self.remember(x)
        return self.apply_to(x, *(self.own(x) if self.training else (self.rm, self.rv)))


class Amnesia(Base):
    def remember(self, x):
        pass


class AlwaysRunning(Base):
    def forward(self, x):
        if self.training:
            self.remember(x)
        return self.apply_to(x, self.rm, self.rv)


class Jumpy(Base):
    def remember(self, x):
        super().remember(x, 0.9)


class PixelByPixel(Base):
    def own(self, x):
        return x.mean(0, keepdim=True), x.var(0, keepdim=True, unbiased=False)


class LayerNorm(Base):
    def own(self, x):
        return x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), keepdim=True, unbiased=False)


class InstanceNorm(Base):
    def own(self, x):
        return x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)


class Unbiased(Base):
    def own(self, x):
        return x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True)


class RemembersBiased(Base):
    def remember(self, x):
        super().remember(x, unbiased=False)


class OneForAll(Base):
    def own(self, x):
        return x.mean(), x.var(unbiased=False)

    @torch.no_grad()
    def remember(self, x):
        mean, var = self.own(x)
        self.rm, self.rv = 0.9 * self.rm + 0.1 * mean, 0.9 * self.rv + 0.1 * var


class StatisticsWithoutGradient(Base):
    @torch.no_grad()
    def own(self, x):
        return super().own(x)


class OnlyTheLast(Base):
    def remember(self, x):
        super().remember(x, share=1)


class BeginsAtZero(Base):
    def __init__(self, channels):
        super().__init__(channels)
        self.register_buffer("rv", torch.zeros(channels, 1, 1))


class WithItsGraph(Base):
    def remember(self, x):
        n = x.numel() / x.shape[1]
        mean, var = self.own(x)
        self.rm, self.rv = 0.9 * self.rm + 0.1 * mean[0], 0.9 * self.rv + 0.1 * var[0] * n / (n - 1)


class AsParameters(Base):
    def __init__(self, channels):
        super().__init__(channels)
        del self.rm, self.rv
        self.rm = nn.Parameter(torch.zeros(channels, 1, 1), requires_grad=False)
        self.rv = nn.Parameter(torch.ones(channels, 1, 1), requires_grad=False)


class Torchs(nn.BatchNorm2d):
    pass


class WithoutEpsilon(Base):
    def apply_to(self, x, mean, var):
        return self.w * (x - mean) / torch.sqrt(var) + self.b


class EpsilonLate(Base):
    def apply_to(self, x, mean, var):
        return self.w * (x - mean) / (torch.sqrt(var) + 1e-5) + self.b


class Variance(Base):
    def apply_to(self, x, mean, var):
        return self.w * (x - mean) / (var + 1e-5) + self.b


class Unscaled(Base):
    def __init__(self, channels):
        super().__init__(channels)
        del self.w, self.b

    def apply_to(self, x, mean, var):
        return (x - mean) / torch.sqrt(var + 1e-5)


class InADictionary(Base):
    def __init__(self, channels):
        super().__init__(channels)
        del self.rm, self.rv
        self.running = {"rm": torch.zeros(channels, 1, 1), "rv": torch.ones(channels, 1, 1)}

    rm = property(lambda self: self.running["rm"], lambda self, value: self.running.update(rm=value))
    rv = property(lambda self: self.running["rv"], lambda self, value: self.running.update(rv=value))


def makes_a_method(channels):
    return Base(channels).forward


class Attributes(Base):
    def __init__(self, channels):
        super().__init__(channels)
        del self.rm, self.rv
        self.rm, self.rv = torch.zeros(channels, 1, 1), torch.ones(channels, 1, 1)


RIGHT = {"inception_block": (PoolingFirst, Branches, written_in_place), "batch_norm": (ByHand, ShiftFirst, Flat, from_functional)}


class RemembersAfterwards(Base):
    """In evaluation too, once they were used."""

    def forward(self, x):
        out = self.apply_to(x, *(self.own(x) if self.training else (self.rm, self.rv)))
        self.remember(x)
        return out


class PlainTensors(Base):
    def __init__(self, channels):
        super().__init__(channels)
        w, b = self.w.detach().clone(), self.b.detach().clone()
        del self.w, self.b
        self.w, self.b = w.requires_grad_(), b.requires_grad_()


WRONG = {
    "inception_block": {
        ThinPadding: "Your 5x5 branch comes out two pixels smaller",
        BareThree: "Your 3x3 branch comes out two pixels smaller",
        BareEverywhere: "Your 3x3 branch comes out two pixels smaller",
        BarePooling: "Your pooling comes out two pixels smaller",
        DefaultPooling: "Your pooling leaves a third of each side",
        Stacked: "Your branches are joined along the batch",
        SideBySide: "Your branches are joined along the width",
        Sum: "Your branches are added up",
        OnlyOne: "Some of your layers never reach the output",
        Behind: "Your 1x1 comes after the larger filter",
        Figure2a: "You built the naive block",
        Figure2aWhole: "You built the naive block as a whole",
        AllPooled: "All pooled channels are handed on",
        PoolLast: "Same shape, same count, other values",
        Additive: "Between reduction and filter nothing bends",
        NothingPooled: "Your fourth branch projects x as it is",
        FromTheLast: "Your four branches are all there, in another order",
        ThreeAndPoolingSwapped: "Your four branches are all there, in another order",
        OneReductionForTwo: "`self.r5[0]` is never used.",
        made_in_a_function: "With in_channels 9, n1 5, reduce3 3, n3 6, reduce5 2, n5 4, pool 7 and an input of 2x9x7x8: your "
        "answer makes a method; expected an nn.Module.",
        UsualPooling: "Your pooling halves the map",
        MeanPooling: "Your pooling branch averages",
        NoBiases: "Your convolutions have no biases",
        OpenEnd: "Your branches end without a ReLU",
        Straight: "Your block has no ReLU at all",
        OpenProjection: "Your projection ends without a ReLU",
        OfTorchvision: "Your block normalizes, as blocks do from 2015 on",
        ShiftedTwice: "Your block normalizes, as blocks do from 2015 on",
        Overwriting: "The block changes its own input",
    },
    "batch_norm": {
        RemembersAfterwards: "Your running values move in evaluation too",
        PlainTensors: "Your scale and shift are tensors that no optimizer finds",
        AlwaysBatch: "In evaluation an image's result depends on its neighbours",
        NothingKept: "In evaluation an image's result depends on its neighbours",
        MeanKept: "`three batches in training, then one image in evaluation`: ",
        group_norm: "Each image is normalized by itself, in evaluation as in training",
        LearnedEpsilon: "`self.eps` is a parameter",
        InADictionary: "A network that is saved and loaded forgets",
        makes_a_method: "`a batch in training`: TypeError: your answer makes a method; expected an nn.Module",
        AlwaysRemembering: "Your running values move in evaluation too",
        Amnesia: "Your running values never move",
        AlwaysRunning: "In training yours normalizes by the running values",
        Jumpy: "Your running values jump nine tenths",
        PixelByPixel: "Each pixel has a mean of its own",
        LayerNorm: "Each image is normalized by itself, over all its channels",
        InstanceNorm: "Each map of each image is normalized by itself",
        Unbiased: "You normalize by the variance with n - 1",
        RemembersBiased: "Right in training, a little off in evaluation",
        OneForAll: "All channels share one mean",
        StatisticsWithoutGradient: "The outputs are right, but no gradient passes",
        OnlyTheLast: "Your running values are those of the last batch",
        BeginsAtZero: "Right in training, but your running variance begins at 0",
        WithItsGraph: "Your running values hold on to the graph",
        AsParameters: "Your running mean and variance are parameters",
        Torchs: "Your layer leaves the work to torch's",
        WithoutEpsilon: "Your eps is missing",
        EpsilonLate: "Your eps stands outside the root",
        Variance: "You divide by the variance",
        Unscaled: "No scale and shift can be learned",
        Attributes: "A network that is saved and loaded forgets",
    },
}
