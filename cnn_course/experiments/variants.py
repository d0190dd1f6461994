"""Networks that only an experiment builds: one thing changed in a network of the course, the rest as it was."""

from collections import OrderedDict

import torch
from torch import nn

from cnn_course import models
from cnn_course.models.densenet import Transition
from cnn_course.models.inception import CIFAR_BLOCKS, conv
from cnn_course.models.network import Network, initialize
from cnn_course.models.resnet import BasicBlock, Bottleneck, ResNet


# ------------------------------------------------------------------------------------- activation
class FigureOne(Network):
    """Figure 1 of the AlexNet paper: the four-layer network that compares activations. (N, 3, 32, 32) -> logits (N, 10).

    Three convolutions and a dense layer. The paper gives no widths; these are those of the CIFAR-10 network in its authors'
    code (convolutions 5x5 with 32, 32 and 64 filters). No batch norm, so that the activation has to do without its help.
    """

    fixed_size = True

    def __init__(self, activation=nn.ReLU, classes=10):
        super().__init__()
        layers = OrderedDict()
        for index, (in_channels, out_channels) in enumerate([(3, 32), (32, 32), (32, 64)], start=1):
            layers[f"conv{index}"] = nn.Conv2d(in_channels, out_channels, 5, padding=2)
            layers[f"act{index}"] = activation()
            layers[f"pool{index}"] = nn.MaxPool2d(3, stride=2, padding=1)
        self.features = nn.Sequential(layers)  # (N, 64, 4, 4)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(64 * 4 * 4, classes))
        initialize(self)

    def forward(self, images):
        return self.classifier(self.features(images))


# ------------------------------------------------------------------------------------- bottleneck
def bottleneck_vgg(bottleneck=None) -> Network:
    """vgg_cifar with 1, 1 and 3 wider convolutions; a 1x1 to `bottleneck` channels goes before each that has more of them."""

    def stage(in_channels, width, convs, *_):
        layers = []
        for _ in range(convs):
            if bottleneck and bottleneck < in_channels:
                layers += [nn.Conv2d(in_channels, bottleneck, 1), nn.BatchNorm2d(bottleneck), nn.ReLU(inplace=True)]
                in_channels = bottleneck
            layers += [nn.Conv2d(in_channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            in_channels = width
        return nn.Sequential(*layers, nn.MaxPool2d(2))

    return models.build("vgg_cifar", convs=(1, 1, 3), widths=(32, 128, 128), stage=stage)


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


# ------------------------------------------------------------------------------------- one_by_one: with 1x1 and without
def nin(widths=None) -> Network:
    """nin_cifar; with `widths` each of its three blocks is its first convolution alone, and a dense layer ends it.

    The dense layer reads the means of the maps: NIN's last 1x1 convolution in other words, for a mean of sums is a sum of means.
    """
    blocks = tuple((width,) for width in widths) if widths else ((32, 32, 32), (96, 96, 96), (128, 128))
    net = models.build("nin_cifar", widths=blocks)
    if widths:
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


def googlenet(scale=None) -> Network:
    """googlenet_cifar; with `scale` every block is a `LargeFilters`, with so many times the block's own 3x3 and 5x5."""
    net = models.build("googlenet_cifar")
    if scale:
        channels = 32  # of the stem
        for name, widths in CIFAR_BLOCKS.items():
            if widths != "pool":
                net.blocks[name] = LargeFilters(channels, round(scale * widths[2]), round(scale * widths[4]))
                channels = net.blocks[name].out_channels
        net.fc = nn.Linear(channels, 10)
    return _begun(net)


def resnet(widths=None) -> Network:
    """Nine bottlenecks (1x1, 3x3, 1x1), shortcuts projected where shapes differ: 29 layers. With `widths` nine basic blocks."""
    if widths:
        return _begun(ResNet(BasicBlock, (3, 3, 3), widths, "A", stem="cifar", classes=10))
    return _begun(ResNet(Bottleneck, (3, 3, 3), (16, 32, 64), "B", stem="cifar", classes=10))


def densenet(growth_rate=None, stem_channels=16) -> Network:
    """densenet_cifar; with `growth_rate` no bottlenecks, and transitions that only pool."""
    if not growth_rate:
        return _begun(models.build("densenet_cifar"))
    settings = {"growth_rate": growth_rate, "stem_channels": stem_channels}
    net = models.build("densenet_cifar", bottleneck=False, compression=1, **settings)
    for name, part in net.stages.named_children():
        if isinstance(part, Transition):
            norm, relu, _, pool = part
            setattr(net.stages, name, nn.Sequential(OrderedDict(norm=norm, relu=relu, pool=pool)))
    return _begun(net)


def _begun(net) -> Network:
    """The network with weights drawn anew, by the inputs of a layer (He et al. 2015, arXiv 1502.01852, equation 10)."""
    initialize(net, mode="fan_in")
    return net
