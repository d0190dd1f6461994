"""DenseNet (Huang, Liu, van der Maaten and Weinberger 2016, "Densely Connected Convolutional
Networks", arXiv 1608.06993)."""

from collections import OrderedDict
from functools import partial

import torch
from torch import nn

from cnn_course.models.network import Network, initialize


class DenseLayer(nn.Module):
    """Makes `growth_rate` new maps from all maps before it and appends them.

    (N, C, H, W) -> (N, C + growth_rate, H, W).

    BN-ReLU-conv 3x3 (section 3, "composite function"); with `bottleneck` a BN-ReLU-conv 1x1 to 4 x
    growth_rate before it.
    """

    def __init__(self, in_channels, growth_rate, bottleneck=True):
        super().__init__()
        self.out_channels = in_channels + growth_rate

        def behind_norm(conv):
            return [nn.BatchNorm2d(conv.in_channels), nn.ReLU(inplace=True), conv]

        layers, channels = [], in_channels
        if bottleneck:
            channels = 4 * growth_rate
            layers += behind_norm(nn.Conv2d(in_channels, channels, 1, bias=False))
        layers += behind_norm(nn.Conv2d(channels, growth_rate, 3, padding=1, bias=False))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return torch.cat([x, self.layers(x)], dim=1)


class DenseBlock(nn.Sequential):
    """`count` dense layers: layer l receives in_channels + growth_rate x (l - 1) maps. The number grows linearly.

    (N, C, H, W) -> (N, C + count x growth_rate, H, W).
    """

    def __init__(self, count, in_channels, growth_rate, bottleneck=True, layer=DenseLayer):
        super().__init__()
        self.out_channels = in_channels
        for _ in range(count):
            self.append(layer(self.out_channels, growth_rate, bottleneck))
            self.out_channels = self[-1].out_channels


class Transition(nn.Sequential):
    """BN-ReLU-conv 1x1 that keeps the share `compression` of the channels, then 2x2 average pooling
    that halves the map (section 3, "pooling layers" and "compression"; the ReLU is in the authors' code).

    (N, C, H, W) -> (N, compression x C, H / 2, W / 2), rounded down.
    """

    def __init__(self, in_channels, compression=0.5):
        out_channels = int(round(in_channels * compression, 9))  # 90 x 0.7 is 62.999999999999993 in floats
        super().__init__(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.AvgPool2d(2),
        )
        self.out_channels = out_channels


class DenseNet(Network):
    """A stem, dense blocks with transitions between, global average pooling, one dense layer.

    (N, 3, H, W) -> logits (N, classes).

    blocks: how many layers each dense block has. growth_rate: the maps that each layer adds (k in the paper).
    stem_channels: the maps that enter the first block. compression: 1 keeps all channels in the
    transitions. bottleneck and compression < 1 together make the paper's DenseNet-BC.
    layer: the class of the layers.
    stem: "imagenet", "cifar" (one 3x3, section 3) or "cifar_pooled" (the same and a pooling: blocks from 16x16 on).
    """

    def __init__(
        self, blocks=(6, 12, 24, 16), growth_rate=32, stem_channels=64, bottleneck=True, compression=0.5,
        layer=DenseLayer, stem="imagenet", classes=1000
    ):  # fmt: skip
        super().__init__()
        self.input_shape = (3, 224, 224) if stem == "imagenet" else (3, 32, 32)
        if not 0 < compression <= 1:
            raise ValueError(f"compression is {compression}; expected a share above 0 and up to 1")
        self.stem, channels = self._make_stem(stem, stem_channels), stem_channels
        stages = OrderedDict()
        for i, count in enumerate(blocks):
            if i > 0:
                transition = Transition(channels, compression)
                stages[f"transition{i}"], channels = transition, transition.out_channels
            block = DenseBlock(count, channels, growth_rate, bottleneck, layer)
            stages[f"block{i + 1}"], channels = block, block.out_channels
        # DenseNet-121: 64 to 256 maps of 56x56, 128 to 512 of 28x28, 256 to 1024 of 14x14, 512 to 1024 of 7x7.
        self.stages = nn.Sequential(stages)
        self.last = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, classes)
        initialize(self)

    @staticmethod
    def _make_stem(stem, channels):
        if stem not in ("imagenet", "cifar", "cifar_pooled"):
            raise ValueError(f'stem is {stem!r}; expected "imagenet", "cifar" or "cifar_pooled"')
        if stem == "imagenet":
            conv = nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)  # (N, 64, 112, 112)
        else:
            conv = nn.Conv2d(3, channels, 3, padding=1, bias=False)  # (N, channels, 32, 32)
        if stem == "cifar":
            return conv
        pool = nn.MaxPool2d(3, stride=2, padding=1)  # (N, 64, 56, 56) or (N, channels, 16, 16)
        return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True), pool)

    def forward(self, images):
        x = self.last(self.stages(self.stem(images)))
        return self.fc(self.flatten(self.pool(x)))


cifar = partial(DenseNet, stem="cifar", classes=10)

PRESETS = {
    "densenet121": DenseNet,
    "densenet161": partial(DenseNet, blocks=(6, 12, 36, 24), growth_rate=48, stem_channels=96),
    "densenet169": partial(DenseNet, blocks=(6, 12, 32, 32)),
    "densenet201": partial(DenseNet, blocks=(6, 12, 48, 32)),
    "densenet40_12": partial(cifar, blocks=(12, 12, 12), growth_rate=12, stem_channels=16, bottleneck=False, compression=1),
    "densenet_bc_100_12": partial(cifar, blocks=(16, 16, 16), growth_rate=12, stem_channels=24),
    # Concatenation at 32x32 costs more time than arithmetic: the course size pools first, as the ImageNet networks do.
    "densenet_cifar": partial(DenseNet, stem="cifar_pooled", classes=10, blocks=(4, 6, 8), growth_rate=16, stem_channels=16),
    # Few layers, each with many maps and no bottleneck: what half an hour on two cores pays for without that pooling.
    "densenet_wide": partial(cifar, blocks=(1, 3, 5), growth_rate=32, stem_channels=32, bottleneck=False),
}
