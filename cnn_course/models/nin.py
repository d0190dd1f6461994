"""Network in Network (Lin, Chen and Yan 2013, arXiv 1312.4400)."""

from collections import OrderedDict
from functools import partial

from torch import nn

from cnn_course.models.network import Network, initialize, refuse_even


def mlpconv(in_channels, widths, kernel, batch_norm=False):
    """A convolution followed by 1x1 convolutions: a small dense network slid over the map
    (section 3.1). widths: the channels of each, the first of `kernel`.

    (N, in_channels, H, W) -> (N, widths[-1], H, W); `kernel` is odd.
    """
    layers = []
    for i, width in enumerate(widths):
        size = kernel if i == 0 else 1
        layers.append(nn.Conv2d(in_channels, width, size, padding=size // 2))
        if batch_norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU(inplace=True))
        in_channels = width
    return nn.Sequential(*layers)


def head(kind, channels, side, classes):
    """From the last maps to logits: (N, channels, side, side) -> (N, classes).

    kind: "average", global average pooling (section 3.2); "max", global max; "dense", a dense layer. ValueError for another.
    """
    if kind == "average":
        return nn.Sequential(nn.Conv2d(channels, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if kind == "max":
        return nn.Sequential(nn.Conv2d(channels, classes, 1), nn.AdaptiveMaxPool2d(1), nn.Flatten())
    if kind == "dense":
        return nn.Sequential(nn.Flatten(), nn.Linear(channels * side * side, classes))
    raise ValueError(f'pooling is {kind!r}; expected "average", "max" or "dense"')


class NIN(Network):
    """Three mlpconv blocks and a head without dense layers. (N, 3, 32, 32) -> logits (N, classes).

    The paper gives no widths; the defaults are those of the definition that its authors released
    (966,986 parameters). The last 1x1 convolution makes one map a class; its mean over all pixels is the logit.
    widths: the channels of each block's convolutions; the head has the last block's third. kernels: the size of each block's
    first filter. pooling: see `head`. mlpconv: the function that makes a block.
    """

    def __init__(
        self, widths=((192, 160, 96), (192, 192, 192), (192, 192)), kernels=(5, 5, 3), pooling="average",
        batch_norm=False, dropout=0.5, mlpconv=mlpconv, classes=10
    ):  # fmt: skip
        super().__init__()
        self.fixed_size = pooling == "dense"
        refuse_even(kernels)
        first, second, third = widths
        self.features = nn.Sequential(
            OrderedDict(
                block1=mlpconv(3, first, kernels[0], batch_norm),  # (N, 96, 32, 32)
                pool1=nn.MaxPool2d(3, stride=2, padding=1),  # (N, 96, 16, 16)
                drop1=nn.Dropout(dropout),
                block2=mlpconv(first[-1], second, kernels[1], batch_norm),  # (N, 192, 16, 16)
                pool2=nn.AvgPool2d(3, stride=2, padding=1),  # (N, 192, 8, 8)
                drop2=nn.Dropout(dropout),
                block3=mlpconv(second[-1], third, kernels[2], batch_norm),  # (N, 192, 8, 8)
            )
        )
        self.head = head(pooling, third[-1], 8, classes)  # (N, 10)
        initialize(self)

    def forward(self, images):
        return self.head(self.features(images))


PRESETS = {"nin": NIN, "nin_cifar": partial(NIN, widths=((32, 32, 32), (96, 96, 96), (128, 128)), batch_norm=True, dropout=0.1)}
