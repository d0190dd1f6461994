"""ResNet (He, Zhang, Ren and Sun 2015, arXiv 1512.03385) and its pre-activation form (He et al.
2016, arXiv 1603.05027)."""

from collections import OrderedDict
from functools import partial

import torch.nn.functional as F
from torch import nn

from cnn_course.models.network import Network, initialize


class PadShortcut(nn.Module):
    """Option A (section 3.3): take every `stride`-th pixel and fill the missing channels with zeros. No parameters."""

    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.extra, self.stride = out_channels - in_channels, stride

    def forward(self, x):
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


def make_shortcut(option, in_channels, out_channels, stride, preact):
    """What carries x past the block: identity where shapes match, else padding (A) or a 1x1
    projection (B); C always projects."""
    if option == "none":
        return None
    same = stride == 1 and in_channels == out_channels
    if same and option in ("A", "B"):
        return nn.Identity()
    if option == "A":
        return PadShortcut(in_channels, out_channels, stride)
    if option in ("B", "C"):
        projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        return projection if preact else nn.Sequential(projection, nn.BatchNorm2d(out_channels))
    raise ValueError(f'shortcut is {option!r}; expected "A", "B", "C" or "none"')


class ResidualBlock(nn.Module):
    """output = last(F(x) + shortcut(x)): the branch F learns the residual (section 3.1, equation 1).

    The 2015 block ends in a ReLU; the pre-activation block ends in the sum, so that F = 0 gives
    exactly x. With shortcut="none" it is the same layers of a plain network: last(F(x)).
    """

    def __init__(self, branch, in_channels, out_channels, stride, shortcut, preact):
        super().__init__()
        self.branch = branch
        self.shortcut = make_shortcut(shortcut, in_channels, out_channels, stride, preact)
        self.last = nn.Identity() if preact else nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.branch(x)
        if self.shortcut is not None:
            out = out + self.shortcut(x)
        return self.last(out)


def conv_layers(convs, preact):
    """Convolutions in a row: conv-BN-ReLU-...-conv-BN, or in the order of 2016 BN-ReLU-conv-...-BN-ReLU-conv."""
    layers = []
    for i, conv in enumerate(convs):
        if preact:
            # the first ReLU must not change x itself: the shortcut still needs it
            layers += [nn.BatchNorm2d(conv.in_channels), nn.ReLU(inplace=i > 0), conv]
        else:
            layers += [conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*(layers if preact else layers[:-1]))


def conv3x3(in_channels, out_channels, stride=1):
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)


def conv1x1(in_channels, out_channels, stride=1):
    return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions (figure 5, left). (N, in_channels, H, W) -> (N, width, H/stride, W/stride)."""

    expansion = 1

    def __init__(self, in_channels, width, stride=1, shortcut="B", preact=False):
        convs = [conv3x3(in_channels, width, stride), conv3x3(width, width)]
        super().__init__(conv_layers(convs, preact), in_channels, width, stride, shortcut, preact)


class Bottleneck(ResidualBlock):
    """1x1 to `width`, 3x3, 1x1 to 4 x width (figure 5, right).

    (N, in_channels, H, W) -> (N, 4 width, H/stride, W/stride).
    The stride sits in the 3x3, as in torchvision; the paper puts it in the first 1x1. Parameters are the same.
    """

    expansion = 4

    def __init__(self, in_channels, width, stride=1, shortcut="B", preact=False):
        out_channels = width * self.expansion
        convs = [conv1x1(in_channels, width), conv3x3(width, width, stride), conv1x1(width, out_channels)]
        branch = conv_layers(convs, preact)
        super().__init__(branch, in_channels, out_channels, stride, shortcut, preact)


class ResNet(Network):
    """A stem, stages of residual blocks, global average pooling, one dense layer. (N, 3, H, W) -> logits (N, classes).

    blocks: how many blocks each stage has; widths: their width. Every stage but the first halves the map.
    shortcut: "A", "B", "C" (section 3.3) or "none" for the plain network. preact: the block order of 2016.
    stem: "imagenet" (7x7 stride 2 and pooling) or "cifar" (one 3x3, section 4.2).
    """

    def __init__(
        self,
        block=BasicBlock,
        blocks=(2, 2, 2, 2),
        widths=(64, 128, 256, 512),
        shortcut="B",
        preact=False,
        stem="imagenet",
        classes=1000,
    ):
        super().__init__()
        self.input_shape = (3, 224, 224) if stem == "imagenet" else (3, 32, 32)
        self.stem = self._make_stem(stem, widths[0], preact)
        channels, stages = widths[0], OrderedDict()
        for i, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            layers = []
            for j in range(count):
                stride = 2 if i > 0 and j == 0 else 1
                layers.append(block(channels, width, stride, shortcut, preact))
                channels = width * block.expansion
            stages[f"stage{i + 1}"] = nn.Sequential(*layers)
        # ImageNet: 56x56, 28x28, 14x14, 7x7. CIFAR-10: (N, 16, 32, 32), (N, 32, 16, 16), (N, 64, 8, 8).
        self.stages = nn.Sequential(stages)
        norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.last = norm if preact else nn.Identity()
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


def cifar_resnet(depth, shortcut="A", **settings):
    """The CIFAR-10 networks of section 4.2: 6n + 2 layers, n blocks of two layers in each of three stages."""
    if depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth is {depth}; a CIFAR-10 ResNet has 6n + 2: 8, 14, 20, 32, 44, 56, 110, ...")
    settings = {"widths": (16, 32, 64), "classes": 10, **settings}
    return ResNet(blocks=((depth - 2) // 6,) * 3, shortcut=shortcut, stem="cifar", **settings)


PRESETS = {
    "resnet18": ResNet,
    "resnet34": partial(ResNet, block=BasicBlock, blocks=(3, 4, 6, 3)),
    "resnet50": partial(ResNet, block=Bottleneck, blocks=(3, 4, 6, 3)),
    "resnet101": partial(ResNet, block=Bottleneck, blocks=(3, 4, 23, 3)),
    "resnet152": partial(ResNet, block=Bottleneck, blocks=(3, 8, 36, 3)),
    **{f"resnet{depth}": partial(cifar_resnet, depth=depth) for depth in (20, 32, 44, 56, 110)},
    **{f"plain{depth}": partial(cifar_resnet, depth=depth, shortcut="none") for depth in (20, 32, 44, 56)},
    **{f"preact_resnet{depth}": partial(cifar_resnet, depth=depth, preact=True) for depth in (20, 56, 110)},
}
