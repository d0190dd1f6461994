"""Networks that only an experiment builds: one thing changed in a network of the course, the rest as it was."""

from collections import OrderedDict
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import models
from cnn_course.models.densenet import DenseBlock
from cnn_course.models.inception import CIFAR_BLOCKS, conv
from cnn_course.models.network import Network, initialize
from cnn_course.models.resnet import Bottleneck, ResNet


# ------------------------------------------------------------------------------------- activation
class FigureOne(Network):
    """Figure 1 of the AlexNet paper: the four-layer network that compares activations. (N, 3, 32, 32) -> logits (N, 10).

    Three convolutions and a dense layer. The paper gives no widths; these are those of the CIFAR-10 network in its authors'
    code (convolutions 5x5 with 32, 32 and 64 filters). No batch norm, so that the activation has to do without its help.
    start: the deviation that all weights are drawn with, 0.01 in section 5; None for He's rule, layer by layer.
    """

    fixed_size = True

    def __init__(self, activation=nn.ReLU, start=None, classes=10):
        super().__init__()
        layers = OrderedDict()
        for index, (in_channels, out_channels) in enumerate([(3, 32), (32, 32), (32, 64)], start=1):
            layers[f"conv{index}"] = nn.Conv2d(in_channels, out_channels, 5, padding=2)
            layers[f"act{index}"] = activation()
            layers[f"pool{index}"] = nn.MaxPool2d(3, stride=2, padding=1)
        self.features = nn.Sequential(layers)  # (N, 64, 4, 4)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(64 * 4 * 4, classes))
        initialize(self)
        if start:
            for weight in (p for p in self.parameters() if p.ndim > 1):
                nn.init.normal_(weight, std=start)

    def forward(self, images):
        return self.classifier(self.features(images))


# ------------------------------------------------------------------------------------- local response normalization
class LRN(nn.Module):
    """Section 3.3 of the AlexNet paper: what `models.alexnet.local_response_norm` does, several times as fast on a processor.

    The sum over five neighbours is a 1x1 convolution with ones around the diagonal. scale: maps are taken to be so many times
    as large, as they are where a network reads raw pixels: only there does the sum count against k = 2. (N, C, H, W) -> the same.
    """

    def __init__(self, scale=1):
        super().__init__()
        self.scale = scale

    def forward(self, x):
        channel = torch.arange(x.shape[1], device=x.device)
        near = (channel[:, None] - channel).abs() <= 2  # n = 5
        sums = F.conv2d(x.square(), near.to(x.dtype)[:, :, None, None])
        root = torch.rsqrt(2 + 1e-4 * self.scale**2 * sums)
        return x * root * root.sqrt()  # to the power of beta = 0.75


class Constant(nn.Module):
    """A factor of 2 ** -0.75, what LRN multiplies by where all activations are small. (N, C, H, W) -> the same."""

    def forward(self, x):
        return x * 2**-0.75


def alexnet_lrn(scale=1) -> Network:
    """alexnet_cifar with an `LRN` behind conv1 and conv2, in place of batch norm."""
    return _with(LRN(scale), LRN(scale))


def alexnet_constant() -> Network:
    """alexnet_cifar with a `Constant` there."""
    return _with(Constant(), Constant())


def _with(norm1, norm2):
    net = models.build("alexnet_cifar", norm="lrn")
    net.features.norm1, net.features.norm2 = norm1, norm2
    return net


# ------------------------------------------------------------------------------------- bottleneck, squeeze
def bottleneck_vgg(bottleneck=None, relu=True) -> Network:
    """vgg_cifar with 1, 1 and 3 wider convolutions; a 1x1 to `bottleneck` channels goes before each that has more of them.

    relu: whether a ReLU follows that 1x1; without it 1x1 and 3x3 are one linear map of low rank.
    """

    def stage(in_channels, width, convs, *_):
        layers = []
        for _ in range(convs):
            if bottleneck and bottleneck < in_channels:
                layers += [nn.Conv2d(in_channels, bottleneck, 1), nn.BatchNorm2d(bottleneck)]
                layers += [nn.ReLU(inplace=True)] if relu else []
                in_channels = bottleneck
            layers += [nn.Conv2d(in_channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            in_channels = width
        return nn.Sequential(*layers, nn.MaxPool2d(2))

    return models.build("vgg_cifar", convs=(1, 1, 3), widths=(32, 128, 128), stage=stage)


# ------------------------------------------------------------------------------------- separable
def separable_vgg(widths=(84, 136, 160)) -> Network:
    """vgg_cifar whose convolutions, the first left out, are depthwise separable: a 3x3 for each channel, then a 1x1.

    Batch norm and ReLU follow both (Howard et al. 2017, arXiv 1704.04861, figure 3).
    """

    def after(layer):
        return [layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)]

    def stage(in_channels, width, convs, *_):
        layers = []
        for _ in range(convs):
            if in_channels == 3:
                layers += after(nn.Conv2d(3, width, 3, padding=1))
            else:
                layers += after(nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False))
                layers += after(nn.Conv2d(in_channels, width, 1, bias=False))
            in_channels = width
        return nn.Sequential(*layers, nn.MaxPool2d(2))

    return models.build("vgg_cifar", widths=widths, stage=stage)


# ------------------------------------------------------------------------------------- combine
class AddingLayer(nn.Module):
    """A dense layer that makes C maps and adds them, a residual layer. (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, in_channels, growth_rate, bottleneck=True):
        super().__init__()
        self.out_channels, width = in_channels, 4 * growth_rate  # of the bottleneck
        self.layers = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, in_channels, 3, padding=1, bias=False),
        )

    def forward(self, x):
        return x + self.layers(x)


def adding_densenet(stem_channels=64, growth_rate=6) -> Network:
    """densenet_cifar whose layers add; adding needs one width throughout, so the transitions keep all channels."""
    settings = {"stem_channels": stem_channels, "growth_rate": growth_rate, "compression": 1}
    return models.build("densenet_cifar", layer=AddingLayer, **settings)


# ------------------------------------------------------------------------------------- branches
class SomeBranches(nn.Module):
    """An Inception block of its 3x3 branch, and of its 1x1 branch where `ones`. (N, C, H, W) -> (N, n1 + n3 or n3, H, W)."""

    def __init__(self, in_channels, n1, reduce3, n3, *_, ones, batch_norm, **__):
        super().__init__()
        reduce = conv(in_channels, reduce3, 1, batch_norm=batch_norm)
        self.branches = nn.ModuleList([nn.Sequential(reduce, conv(reduce3, n3, 3, padding=1, batch_norm=batch_norm))])
        if ones:
            self.branches.append(conv(in_channels, n1, 1, batch_norm=batch_norm))
        self.out_channels = n1 * ones + n3

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def googlenet_branches(ones, stages) -> Network:
    """googlenet_cifar with `SomeBranches`, so many times as wide as its own by stage (3, 4 and 5)."""
    blocks = OrderedDict(
        (name, widths if widths == "pool" else tuple(round(stages[int(name[0]) - 3] * width) for width in widths))
        for name, widths in CIFAR_BLOCKS.items()
    )
    return models.build("googlenet_cifar", blocks=blocks, inception=partial(SomeBranches, ones=ones))


# ------------------------------------------------------------------------------------- one_by_one: without 1x1, or with
def nin_without(widths=(40, 104, 128)) -> Network:
    """nin_cifar, each of whose three blocks is its first convolution alone; a dense layer ends it.

    The dense layer reads the means of the maps: NIN's last 1x1 convolution in other words, for a mean of sums is a sum of means.
    """
    net = models.build("nin_cifar", widths=tuple((width,) for width in widths))
    net.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))
    return _begun(net)


class LargeFilters(nn.Module):
    """An Inception block without a 1x1: its 3x3 and its 5x5 over all channels. (N, C, H, W) -> (N, n3 + n5, H, W)."""

    def __init__(self, in_channels, n3, n5):
        super().__init__()
        self.branch3 = conv(in_channels, n3, 3, padding=1, batch_norm=True)
        self.branch5 = conv(in_channels, n5, 5, padding=2, batch_norm=True)
        self.out_channels = n3 + n5

    def forward(self, x):
        return torch.cat([self.branch3(x), self.branch5(x)], dim=1)


def googlenet_without(stages=(0.75, 0.65625, 0.65625)) -> Network:
    """googlenet_cifar, each of whose blocks is a `LargeFilters`: so many times its own 3x3 and 5x5, by stage (3, 4 and 5)."""
    net, channels = models.build("googlenet_cifar"), 32  # of the stem
    for name, widths in CIFAR_BLOCKS.items():
        if widths != "pool":
            scale = stages[int(name[0]) - 3]
            net.blocks[name] = LargeFilters(channels, round(scale * widths[2]), round(scale * widths[4]))
            channels = net.blocks[name].out_channels
    net.fc = nn.Linear(channels, 10)
    return _begun(net)


def densenet_without(growth_rates=(22, 10, 10), stem_channels=32) -> Network:
    """densenet_cifar without bottlenecks, with a growth rate for each block and transitions that only pool."""
    net, channels = models.build("densenet_cifar", stem_channels=stem_channels), stem_channels
    for i, growth_rate in enumerate(growth_rates, start=1):
        if i > 1:
            norm = OrderedDict(norm=nn.BatchNorm2d(channels), relu=nn.ReLU(inplace=True), pool=nn.AvgPool2d(2))
            setattr(net.stages, f"transition{i - 1}", nn.Sequential(norm))
        count = len(getattr(net.stages, f"block{i}"))
        setattr(net.stages, f"block{i}", DenseBlock(count, channels, growth_rate, bottleneck=False))
        channels += count * growth_rate
    net.last[0], net.fc = nn.BatchNorm2d(channels), nn.Linear(channels, 10)
    return _begun(net)


def resnet_with(widths=(15, 30, 60)) -> Network:
    """ResNet-20's nine blocks as bottlenecks (1x1, 3x3, 1x1), shortcuts projected where shapes differ: 29 layers."""
    return ResNet(Bottleneck, (3, 3, 3), widths, "B", stem="cifar", classes=10)


def _begun(net) -> Network:
    """The network with all weights drawn anew, those of the parts that were put in as well."""
    initialize(net)
    return net
