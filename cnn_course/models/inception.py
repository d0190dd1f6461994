"""GoogLeNet (Szegedy et al. 2014, "Going Deeper with Convolutions", arXiv 1409.4842)."""

from collections import OrderedDict
from functools import partial

import torch
from torch import nn

from cnn_course.models.alexnet import local_response_norm
from cnn_course.models.network import Network, initialize


def conv(in_channels, out_channels, kernel, stride=1, padding=0, batch_norm=False):
    """Convolution and ReLU, as in the paper; with batch norm between them (Ioffe and Szegedy
    2015) the bias is not needed."""
    layers = [nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=not batch_norm)]
    if batch_norm:
        layers.append(nn.BatchNorm2d(out_channels, eps=1e-3))
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


class Inception(nn.Module):
    """Four branches over the same input, concatenated (figure 2b).

    (N, C, H, W) -> (N, n1 + n3 + n5 + pool, H, W).

    n1, n3, n5: channels of the 1x1, 3x3 and 5x5 filters; reduce3, reduce5: channels of the 1x1
    reduction before them, 0 for none (figure 2a, the naive block); pool: channels of the 1x1 after
    the pooling, 0 to keep all C.
    large_kernel: 5 in the paper; torchvision builds 3 (its issue 906).
    """

    def __init__(self, in_channels, n1, reduce3, n3, reduce5, n5, pool, large_kernel=5, batch_norm=False):
        super().__init__()

        def conv1x1(width):
            return conv(in_channels, width, 1, batch_norm=batch_norm)

        def reduced(reduce, width, kernel):
            channels, padding = reduce or in_channels, kernel // 2
            last = conv(channels, width, kernel, padding=padding, batch_norm=batch_norm)
            return nn.Sequential(conv1x1(reduce), last) if reduce else last

        self.branch1 = conv1x1(n1)
        self.branch2 = reduced(reduce3, n3, 3)
        self.branch3 = reduced(reduce5, n5, large_kernel)
        pooling = nn.MaxPool2d(3, stride=1, padding=1)
        self.branch4 = nn.Sequential(pooling, conv1x1(pool)) if pool else pooling
        self.out_channels = n1 + n3 + n5 + (pool or in_channels)

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


class AuxiliaryHead(nn.Module):
    """A small classifier on a middle layer (section 5); used in training only, its loss weighted by 0.3.

    (N, in_channels, H, W) -> logits (N, classes); without `adaptive` H and W are 14.
    """

    def __init__(self, in_channels, classes, width=128, hidden=1024, batch_norm=False, adaptive=True):
        super().__init__()
        # The paper's pooling takes 14x14 to 4x4; an adaptive one makes 4x4 of whatever comes.
        self.pool = nn.AdaptiveAvgPool2d(4) if adaptive else nn.AvgPool2d(5, stride=3)
        self.conv = conv(in_channels, width, 1, batch_norm=batch_norm)  # (N, 128, 4, 4)
        self.fc1 = nn.Linear(width * 16, hidden)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x):
        x = self.conv(self.pool(x)).flatten(1)
        return self.fc2(self.dropout(self.relu(self.fc1(x))))


# Tables, laid out by hand.
# fmt: off
# Table 1: (#1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj) of the nine blocks; "pool" halves the map.
GOOGLENET_BLOCKS = OrderedDict([
    ("3a", (64, 96, 128, 16, 32, 32)), ("3b", (128, 128, 192, 32, 96, 64)), ("pool3", "pool"),
    ("4a", (192, 96, 208, 16, 48, 64)), ("4b", (160, 112, 224, 24, 64, 64)), ("4c", (128, 128, 256, 24, 64, 64)),
    ("4d", (112, 144, 288, 32, 64, 64)), ("4e", (256, 160, 320, 32, 128, 128)), ("pool4", "pool"),
    ("5a", (256, 160, 320, 32, 128, 128)), ("5b", (384, 192, 384, 48, 128, 128)),
])
# Multiples of 16 channels: processors multiply 16 numbers at a time, and other widths train up to a third slower.
CIFAR_BLOCKS = OrderedDict([
    ("3a", (16, 16, 32, 16, 16, 16)), ("3b", (32, 32, 48, 16, 16, 16)), ("pool3", "pool"),
    ("4a", (48, 32, 64, 16, 32, 16)), ("4b", (48, 32, 64, 16, 32, 16)), ("4c", (48, 32, 64, 16, 32, 16)), ("pool4", "pool"),
    ("5a", (64, 48, 96, 16, 32, 32)),
])
# fmt: on


def unreduced(blocks=GOOGLENET_BLOCKS, project=True):
    """The same blocks without the 1x1 reductions before 3x3 and 5x5, as name -> widths.

    project: False leaves out the 1x1 after the pooling as well, which makes them naive (figure 2a).
    """
    return OrderedDict(
        (name, widths if widths == "pool" else (widths[0], 0, widths[2], 0, widths[4], widths[5] * project))
        for name, widths in blocks.items()
    )


def imagenet_stem(batch_norm):
    """224x224 images to 192 maps of 28x28; local response normalization where there is no batch norm."""
    lrn = nn.Identity if batch_norm else local_response_norm
    return nn.Sequential(
        OrderedDict(
            conv1=conv(3, 64, 7, stride=2, padding=3, batch_norm=batch_norm),  # (N, 64, 112, 112)
            pool1=nn.MaxPool2d(3, stride=2, ceil_mode=True),  # (N, 64, 56, 56)
            norm1=lrn(),
            reduce2=conv(64, 64, 1, batch_norm=batch_norm),
            conv2=conv(64, 192, 3, padding=1, batch_norm=batch_norm),  # (N, 192, 56, 56)
            norm2=lrn(),
            pool2=nn.MaxPool2d(3, stride=2, ceil_mode=True),  # (N, 192, 28, 28)
        )
    ), 192


def cifar_stem(batch_norm):
    """32x32 images to 32 maps of 16x16."""
    return nn.Sequential(
        OrderedDict(
            conv1=conv(3, 32, 3, padding=1, batch_norm=batch_norm),  # (N, 32, 32, 32)
            pool1=nn.MaxPool2d(3, stride=2, ceil_mode=True),  # (N, 32, 16, 16)
        )
    ), 32


class GoogLeNet(Network):
    """A stem, inception blocks, global average pooling, one dense layer. (N, 3, H, W) -> logits (N, classes).

    aux: names of the blocks after which an auxiliary head sits, ("4a", "4d") in the paper. While
    training such a network returns (logits, auxiliary logits, ...) and expects `input_shape`; in
    evaluation the heads are not used.
    layout: "paper"; "torchvision", which has 3x3 filters for the 5x5 (its issue 906), a last pooling of 2x2 and heads that pool
    to 4x4 whatever comes; or "cifar", for 32x32 images: a short stem, and the heads of torchvision.
    batch_norm: after every convolution (Ioffe and Szegedy 2015), in place of the stem's local response normalization.
    inception: the class of the blocks. aux_size: of a head, the channels of its 1x1 and the values of its first dense layer.
    dropout: before the last dense layer.
    """

    def __init__(
        self, blocks=GOOGLENET_BLOCKS, aux=(), layout="paper", batch_norm=False, dropout=0.4, aux_size=(128, 1024),
        inception=Inception, classes=1000
    ):  # fmt: skip
        super().__init__()
        if layout not in ("paper", "torchvision", "cifar"):
            raise ValueError(f'layout is {layout!r}; expected "paper", "torchvision" or "cifar"')
        if unknown := [name for name in aux if name not in blocks]:
            raise ValueError(f"no block is called {unknown[0]!r}; auxiliary heads can follow {', '.join(blocks)}")
        self.input_shape = (3, 32, 32) if layout == "cifar" else (3, 224, 224)
        self.stem, channels = (cifar_stem if layout == "cifar" else imagenet_stem)(batch_norm)
        self.blocks, self.aux = nn.ModuleDict(), nn.ModuleDict()
        for name, widths in blocks.items():
            if widths == "pool":
                kernel = 2 if layout == "torchvision" and name == "pool4" else 3  # 14x14 to 7x7 either way
                self.blocks[name] = nn.MaxPool2d(kernel, stride=2, ceil_mode=True)
            else:
                large_kernel = 3 if layout == "torchvision" else 5
                block = inception(channels, *widths, large_kernel=large_kernel, batch_norm=batch_norm)
                self.blocks[name], channels = block, block.out_channels
            if name in aux:
                adaptive = layout != "paper"
                self.aux[name] = AuxiliaryHead(channels, classes, *aux_size, batch_norm=batch_norm, adaptive=adaptive)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()  # (N, 1024)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, classes)
        initialize(self)

    def forward(self, images):
        x, auxiliary = self.stem(images), []
        for name, block in self.blocks.items():
            x = block(x)
            if self.training and name in self.aux:
                auxiliary.append(self.aux[name](x))
        logits = self.fc(self.dropout(self.flatten(self.pool(x))))
        return (logits, *auxiliary) if auxiliary else logits


PRESETS = {
    "googlenet": GoogLeNet,
    "googlenet_aux": partial(GoogLeNet, aux=("4a", "4d")),
    "googlenet_torchvision": partial(GoogLeNet, layout="torchvision", batch_norm=True),
    "googlenet_torchvision_aux": partial(GoogLeNet, layout="torchvision", batch_norm=True, aux=("4a", "4d")),
    "googlenet_cifar": partial(
        GoogLeNet, blocks=CIFAR_BLOCKS, layout="cifar", batch_norm=True, dropout=0.1, aux_size=(32, 64), classes=10
    ),
}
