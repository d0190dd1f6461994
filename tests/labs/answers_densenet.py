"""Answers to the labs of notebook 7 as students write them."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from cnn_course import models


# ------------------------------------------------------------------------------------- dense_layer
class Layer(nn.Module):
    def __init__(self, in_channels, growth_rate):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 4 * growth_rate, kernel_size=1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * growth_rate)
        self.conv2 = nn.Conv2d(4 * growth_rate, growth_rate, kernel_size=3, padding=1, bias=False)

    def forward(self, x):
        out = self.conv1(F.relu(self.bn1(x)))
        out = self.conv2(F.relu(self.bn2(out)))
        return torch.cat((x, out), 1)


class ByLinear(nn.Module):
    """The 1x1 as a dense layer over the channels."""

    def __init__(self, in_channels, growth_rate):
        super().__init__()
        k = growth_rate
        self.mix = nn.Linear(in_channels, 4 * k, bias=False)
        self.first, self.second = nn.BatchNorm2d(in_channels), nn.BatchNorm2d(4 * k)
        self.look = nn.Conv2d(4 * k, k, 3, 1, 1, bias=False)

    def forward(self, x):
        y = self.first(x).relu().movedim(1, -1)
        y = self.mix(y).movedim(-1, 1)
        return torch.cat([x, self.look(torch.relu(self.second(y)))], dim=-3)


def in_a_row(in_channels, growth_rate):
    class Row(nn.Sequential):
        def forward(self, x):
            return torch.hstack([x, super().forward(x)])

    k = growth_rate
    return Row(nn.BatchNorm2d(in_channels), nn.ReLU(), nn.Conv2d(in_channels, 4 * k, 1, bias=False), nn.BatchNorm2d(4 * k),
               nn.ReLU(True), nn.Conv2d(4 * k, k, 3, padding="same", bias=False))  # fmt: skip


class Forgetful(Layer):
    def forward(self, x):
        return super().forward(x)[:, x.shape[1] :]


class Backwards(Layer):
    def forward(self, x):
        out = super().forward(x)
        return torch.cat([out[:, x.shape[1] :], x], 1)


class WrongDimension(Layer):
    def forward(self, x):
        out = self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x))))))
        return torch.cat([x, out])


class Residual(Layer):
    def forward(self, x):
        return self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x)))))) + x


class OldOrder(nn.Module):
    def __init__(self, in_channels, growth_rate):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, 4 * growth_rate, 1, bias=False), nn.BatchNorm2d(4 * growth_rate), nn.ReLU(),
            nn.Conv2d(4 * growth_rate, growth_rate, 3, padding=1, bias=False), nn.BatchNorm2d(growth_rate), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x):
        return torch.cat([x, self.body(x)], 1)


class Direct(nn.Module):
    def __init__(self, in_channels, growth_rate):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(in_channels), nn.Conv2d(in_channels, growth_rate, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv(self.norm(x).relu())], 1)


class Narrow(Layer):
    def __init__(self, in_channels, growth_rate):
        super().__init__(in_channels, growth_rate)
        self.conv1 = nn.Conv2d(in_channels, growth_rate, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(growth_rate)
        self.conv2 = nn.Conv2d(growth_rate, growth_rate, 3, padding=1, bias=False)


class Unbent(Layer):
    def forward(self, x):
        return torch.cat([x, self.conv2(self.bn2(self.conv1(F.relu(self.bn1(x)))))], 1)


class FirstUnbent(Layer):
    def forward(self, x):
        return torch.cat([x, self.conv2(F.relu(self.bn2(self.conv1(self.bn1(x)))))], 1)


class StraightLayer(Layer):
    def forward(self, x):
        return torch.cat([x, self.conv2(self.bn2(self.conv1(self.bn1(x))))], 1)


class ReluFirst(Layer):
    def forward(self, x):
        return torch.cat([x, self.conv2(self.bn2(F.relu(self.conv1(self.bn1(F.relu(x))))))], 1)


class Offset(Layer):
    def __init__(self, in_channels, growth_rate):
        super().__init__(in_channels, growth_rate)
        self.conv1 = nn.Conv2d(in_channels, 4 * growth_rate, 1)
        self.conv2 = nn.Conv2d(4 * growth_rate, growth_rate, 3, padding=1)


class InPlace(Layer):
    def forward(self, x):
        x = F.relu(x, inplace=True)
        return super().forward(x)


# ------------------------------------------------------------------------------------- dense_block
def of_the_course(count, in_channels, growth_rate):
    return nn.Sequential(*(models.DenseLayer(in_channels + i * growth_rate, growth_rate) for i in range(count)))


class Listed(nn.Module):
    def __init__(self, count, in_channels, growth_rate):
        super().__init__()
        self.layers = nn.ModuleList()
        channels = in_channels
        for _ in range(count):
            self.layers.append(Layer(channels, growth_rate))
            channels += growth_rate

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Collected(nn.Module):
    """New maps are kept apart and put together for each layer."""

    def __init__(self, count, in_channels, growth_rate):
        super().__init__()
        for i in range(count):
            setattr(self, f"layer{i}", Forgetful(in_channels + growth_rate * i, growth_rate))
        self.count = count

    def forward(self, x):
        maps = [x]
        for i in range(self.count):
            maps.append(getattr(self, f"layer{i}")(torch.cat(maps, dim=1)))
        return torch.cat(maps, dim=1)


class Chain(nn.Module):
    def __init__(self, count, in_channels, growth_rate):
        super().__init__()
        self.layers = nn.ModuleList([Forgetful(in_channels if i == 0 else growth_rate, growth_rate) for i in range(count)])

    def forward(self, x):
        out = [x]
        for layer in self.layers:
            out.append(layer(out[-1]))
        return torch.cat(out, 1)


class Star(nn.Module):
    def __init__(self, count, in_channels, growth_rate):
        super().__init__()
        self.layers = nn.ModuleList([Forgetful(in_channels, growth_rate) for i in range(count)])

    def forward(self, x):
        return torch.cat([x] + [layer(x) for layer in self.layers], 1)


class Reused(Listed):
    def __init__(self, count, in_channels, growth_rate):
        super().__init__(1, in_channels, growth_rate)
        self.count = count

    def forward(self, x):
        for _ in range(self.count):
            x = self.layers[0](x)
        return x


def from_one(count, in_channels, growth_rate):
    return nn.Sequential(*(Layer(in_channels + (i - 1) * growth_rate, growth_rate) for i in range(1, count)))


def up_to_count(count, in_channels, growth_rate):
    return nn.Sequential(*(Layer(in_channels + i * growth_rate, growth_rate) for i in range(count + 1)))


class WithoutInput(Listed):
    def forward(self, x):
        return super().forward(x)[:, x.shape[1] :]


def exponential(count, in_channels, growth_rate):
    layers = []
    for _ in range(count):
        layers.append(Layer(in_channels, in_channels))
        in_channels *= 2
    return nn.Sequential(*layers)


class PlainList(nn.Module):
    def __init__(self, count, in_channels, growth_rate):
        super().__init__()
        self.layers = [Layer(in_channels + i * growth_rate, growth_rate) for i in range(count)]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


# ------------------------------------------------------------------------------------- transition
def row(in_channels, compression=0.5):
    kept = int(in_channels * compression)
    return nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(), nn.Conv2d(in_channels, kept, 1, bias=False), nn.AvgPool2d(2))


class PoolFirst(nn.Module):
    """Averaging and a 1x1 convolution commute: pooling first gives the same for less."""

    def __init__(self, in_channels, compression=0.5):
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.weight = nn.Parameter(torch.randn(int(compression * in_channels), in_channels))

    def forward(self, x):
        x = F.avg_pool2d(self.bn(x).relu(), 2)
        return torch.einsum("nchw,kc->nkhw", x, self.weight)


class StridedMean(nn.Module):
    def __init__(self, in_channels, compression=0.5):
        super().__init__()
        self.theta = int(in_channels * compression)
        self.bn, self.conv = nn.BatchNorm2d(in_channels), nn.Conv2d(in_channels, self.theta, 1, bias=False)

    def forward(self, x):
        x = self.conv(F.relu(self.bn(x)))
        x = x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
        return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4


class T(nn.Module):
    def __init__(self, in_channels, compression=0.5):
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, self.kept(in_channels, compression), 1, bias=False)

    def kept(self, channels, compression):
        return int(channels * compression)

    def before(self, x):
        return self.conv(F.relu(self.bn(x)))

    def forward(self, x):
        return F.avg_pool2d(self.before(x), 2)


class Max(T):
    def forward(self, x):
        return nn.MaxPool2d(2)(self.before(x))


class Full(T):
    def forward(self, x):
        return self.before(x)


class Quarter(T):
    def forward(self, x):
        return F.avg_pool2d(F.avg_pool2d(self.before(x), 2), 2)


class EverySecond(T):
    def __init__(self, in_channels, compression=0.5):
        super().__init__(in_channels, compression)
        self.conv = nn.Conv2d(in_channels, self.kept(in_channels, compression), 1, 2, bias=False)

    def forward(self, x):
        return self.before(x)


class Half(T):
    def kept(self, channels, compression):
        return channels // 2


class All(T):
    def kept(self, channels, compression):
        return channels


class Minus(T):
    def kept(self, channels, compression):
        return channels - int(compression * channels)


class Straight(T):
    def before(self, x):
        return self.conv(self.bn(x))


class Three(T):
    def __init__(self, in_channels, compression=0.5):
        super().__init__(in_channels, compression)
        self.conv = nn.Conv2d(in_channels, self.kept(in_channels, compression), 3, padding=1, bias=False)


class After(T):
    def __init__(self, in_channels, compression=0.5):
        super().__init__(in_channels, compression)
        self.bn = nn.BatchNorm2d(int(in_channels * compression))

    def before(self, x):
        return F.relu(self.bn(self.conv(x)))


RIGHT = {
    "dense_layer": (Layer, ByLinear, in_a_row),
    "dense_block": (of_the_course, Listed, Collected),
    "transition": (row, PoolFirst, StridedMean),
}


class Shifted(T):
    def __init__(self, in_channels, compression=0.5):
        super().__init__(in_channels, compression)
        self.conv = nn.Conv2d(in_channels, self.kept(in_channels, compression), 1)


WRONG = {
    "dense_layer": {
        Forgetful: "Only the new maps come out",
        Backwards: "All maps are there, but the new ones come first",
        WrongDimension: "The batch has doubled",
        Residual: "Your layer adds where shapes allow it",
        OldOrder: "Batch norm and ReLU come after your convolutions",
        Direct: "Your 3x3 works on all incoming maps",
        Narrow: "Your bottleneck is growth_rate wide",
        Unbent: "Between your two convolutions stands no ReLU",
        FirstUnbent: "Between your first batch norm and the 1x1 stands no ReLU",
        StraightLayer: "Your layer has no ReLU at all",
        ReluFirst: "Your ReLUs come before the batch norms",
        Offset: "Your convolutions have biases",
        InPlace: "The old maps come out changed",
    },
    "dense_block": {
        Chain: "Your layers form a chain",
        Star: "Each of your layers reads the block's input",
        Reused: "Your second layer meets more maps",
        from_one: "Your block has one layer too few",
        up_to_count: "Your block has one layer too many",
        WithoutInput: "The block's own input is missing",
        exponential: "Your channels double",
        PlainList: "Layers stand in `self.layers`, a plain list",
    },
    "transition": {
        Shifted: "Your convolution has biases",
        Max: "Your transition keeps the largest",
        Full: "Your maps keep their size",
        Quarter: "Each side shrinks to a quarter",
        EverySecond: "Three of four values are thrown away",
        Half: "Your channels are halved whatever",
        All: "Your channels stay as they are",
        Minus: "`compression` is the share that is kept",
        Straight: "Between batch norm and convolution nothing bends",
        Three: "Your convolution looks at its neighbours",
        After: "Your batch norm comes after the convolution",
    },
}
