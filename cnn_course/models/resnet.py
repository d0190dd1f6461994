"""ResNet (He, Zhang, Ren and Sun 2015, arXiv 1512.03385) and its pre-activation form (He et al.
2016, arXiv 1603.05027)."""

from collections import OrderedDict
from functools import partial

import torch.nn.functional as F
from torch import nn

from cnn_course.models.network import Network, initialize


class PadShortcut(nn.Module):
    """Option A (section 3.3): take every `stride`-th pixel and fill the missing channels with zeros. No parameters.

    (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride), rounded up.
    """

    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.extra, self.stride = out_channels - in_channels, stride

    def forward(self, x):
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


def conv3x3(in_channels, out_channels, stride=1):
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)


def conv1x1(in_channels, out_channels, stride=1):
    return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


def make_shortcut(option, in_channels, out_channels, stride, norm=True):
    """What carries x past the block: the identity where shapes match, else padding (A) or a projection (B); C always projects.

    norm: batch norm after the projection. "none" gives None, for the plain network.
    """
    if option not in ("A", "B", "C", "none"):
        raise ValueError(f'shortcut is {option!r}; expected "A", "B", "C" or "none"')
    if option == "none":
        return None
    if option != "C" and stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if option == "A":
        return PadShortcut(in_channels, out_channels, stride)
    projection = conv1x1(in_channels, out_channels, stride)
    return nn.Sequential(projection, nn.BatchNorm2d(out_channels)) if norm else projection


class BasicBlock(nn.Module):
    """relu(F(x) + shortcut(x)), where F is two 3x3 convolutions that learn the residual (equation 1; figure 5, left).

    (N, in_channels, H, W) -> (N, width, H/stride, W/stride). With shortcut="none" the same layers of a plain network: relu(F(x)).
    """

    expansion, preact = 1, False

    def __init__(self, in_channels, width, stride=1, shortcut="B"):
        super().__init__()
        self.conv1 = conv3x3(in_channels, width, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = make_shortcut(shortcut, in_channels, width, stride)

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.shortcut is not None:
            out = out + self.shortcut(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """A 1x1 convolution to `width`, a 3x3, a 1x1 to 4 x width, and the shortcut (figure 5, right).

    (N, in_channels, H, W) -> (N, 4 width, H/stride, W/stride).
    The stride sits in the 3x3, as in torchvision; the paper puts it in the first 1x1. Parameters are the same.
    """

    expansion, preact = 4, False

    def __init__(self, in_channels, width, stride=1, shortcut="B"):
        super().__init__()
        self.conv1 = conv1x1(in_channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv1x1(width, 4 * width)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = make_shortcut(shortcut, in_channels, 4 * width, stride)

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.shortcut is not None:
            out = out + self.shortcut(x)
        return self.relu(out)


class PreActBasicBlock(nn.Module):
    """F(x) + x with batch norm and ReLU before each convolution and nothing after the sum (He 2016, figure 4e).

    (N, in_channels, H, W) -> (N, width, H/stride, W/stride). Where F is 0 the block is exactly the identity.
    first: the first block of a stage, where shapes change or the stem ends. There the first batch norm and ReLU come before
    *both* paths (He 2016, appendix, of the first unit; of later stages the authors' code resnet-pre-act.lua, "common BN, ReLU").
    """

    expansion, preact = 1, True

    def __init__(self, in_channels, width, stride=1, shortcut="B", first=False):
        super().__init__()
        self.first = first
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = conv3x3(in_channels, width, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width)
        self.shortcut = make_shortcut(shortcut, in_channels, width, stride, norm=False)

    def forward(self, x):
        out = F.relu(self.bn1(x))
        x = out if self.first else x
        out = self.conv1(out)
        out = self.conv2(F.relu(self.bn2(out)))
        return out if self.shortcut is None else out + self.shortcut(x)


class ResNet(Network):
    """A stem, stages of residual blocks, global average pooling, one dense layer. (N, 3, H, W) -> logits (N, classes).

    blocks: how many blocks each stage has; widths: their width. Every stage but the first halves the map.
    block: one of the three above. shortcut: "A", "B" (section 3.3), "C" (4.1) or "none" for the plain network.
    stem: "imagenet" (7x7 stride 2 and pooling) or "cifar" (one 3x3, section 4.2).
    """

    def __init__(
        self, block=BasicBlock, blocks=(2, 2, 2, 2), widths=(64, 128, 256, 512), shortcut="B", stem="imagenet", classes=1000
    ):
        super().__init__()
        self.input_shape = (3, 224, 224) if stem == "imagenet" else (3, 32, 32)
        self.stem = self._make_stem(stem, widths[0], block.preact)
        channels, stages = widths[0], OrderedDict()
        for i, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            layers = []
            for j in range(count):
                stride = 2 if i > 0 and j == 0 else 1
                first = {"first": j == 0} if block.preact else {}
                layers.append(block(channels, width, stride, shortcut, **first))
                channels = width * block.expansion
            stages[f"stage{i + 1}"] = nn.Sequential(*layers)
        # ImageNet: 56x56, 28x28, 14x14, 7x7. CIFAR-10: (N, 16, 32, 32), (N, 32, 16, 16), (N, 64, 8, 8).
        self.stages = nn.Sequential(stages)
        norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.last = norm if block.preact else nn.Identity()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, classes)
        initialize(self)

    @staticmethod
    def _make_stem(stem, width, preact):
        norm = [] if preact else [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        if stem == "cifar":
            return nn.Sequential(conv3x3(3, width), *norm)  # (N, 16, 32, 32)
        if stem == "imagenet":
            first = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)  # (N, 64, 112, 112)
            return nn.Sequential(first, *norm, nn.MaxPool2d(3, stride=2, padding=1))  # (N, 64, 56, 56)
        raise ValueError(f'stem is {stem!r}; expected "imagenet" or "cifar"')

    def forward(self, images):
        x = self.last(self.stages(self.stem(images)))
        return self.fc(self.flatten(self.pool(x)))


def cifar_resnet(depth, block=BasicBlock, widths=(16, 32, 64), shortcut="A", classes=10):
    """The CIFAR-10 networks of section 4.2: 6n + 2 layers, n blocks of two layers in each of three stages."""
    if depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth is {depth}; a CIFAR-10 ResNet has 6n + 2: 8, 14, 20, 32, 44, 56, 110, ...")
    return ResNet(block, ((depth - 2) // 6,) * 3, widths, shortcut, stem="cifar", classes=classes)


PRESETS = {
    "resnet18": ResNet,
    "resnet34": partial(ResNet, block=BasicBlock, blocks=(3, 4, 6, 3)),
    "resnet50": partial(ResNet, block=Bottleneck, blocks=(3, 4, 6, 3)),
    "resnet101": partial(ResNet, block=Bottleneck, blocks=(3, 4, 23, 3)),
    "resnet152": partial(ResNet, block=Bottleneck, blocks=(3, 8, 36, 3)),
    **{f"resnet{depth}": partial(cifar_resnet, depth=depth) for depth in (20, 32, 44, 56, 110)},
    **{f"plain{depth}": partial(cifar_resnet, depth=depth, shortcut="none") for depth in (20, 32, 44, 56)},
    **{f"preact_resnet{depth}": partial(cifar_resnet, depth=depth, block=PreActBasicBlock) for depth in (20, 56, 110)},
}
