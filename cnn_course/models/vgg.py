"""VGG (Simonyan and Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", arXiv 1409.1556)."""

from collections import OrderedDict
from functools import partial

import torch
from torch import nn

from cnn_course.models.network import Network, initialize, refuse_even


def stage(in_channels, width, convs, kernel=3, last_kernel=None, batch_norm=False):
    """`convs` convolutions of the same width, each with a ReLU, then 2x2 max pooling that halves the map.

    (N, in_channels, H, W) -> (N, width, H / 2, W / 2), rounded down.
    """
    kernels = [kernel] * convs
    kernels[-1] = last_kernel or kernel
    layers = []
    for size in kernels:
        layers.append(nn.Conv2d(in_channels, width, size, padding=size // 2))  # keeps H and W
        if batch_norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU(inplace=True))
        in_channels = width
    return nn.Sequential(*layers, nn.MaxPool2d(2))


class VGG(Network):
    """Stages of 3x3 convolutions, then three dense layers. (N, 3, S, S) -> logits (N, classes).

    convs: how many convolutions each stage has; widths: their channels (table 1 of the paper).
    kernel: the size of every filter, 3 in the paper. last_kernels: that of the last filter of each
    stage where it differs. stage: the function that makes a stage. batch_norm: after every convolution. hidden: the values of
    the first two dense layers, behind each of which stands `dropout`. image_size: S, halved by every stage.
    """

    fixed_size = True

    def __init__(
        self, convs=(2, 2, 3, 3, 3), widths=(64, 128, 256, 512, 512), kernel=3, last_kernels=None, batch_norm=False,
        hidden=4096, dropout=0.5, stage=stage, image_size=224, classes=1000
    ):  # fmt: skip
        super().__init__()
        if len(convs) != len(widths):
            raise ValueError(f"convs has {len(convs)} stages and widths {len(widths)}; expected one number a stage in both")
        self.input_shape = (3, image_size, image_size)
        last_kernels = last_kernels or (kernel,) * len(convs)
        refuse_even((kernel, *filter(None, last_kernels)))
        if image_size < 2 ** len(convs):
            raise ValueError(f"no pixel of a {image_size}x{image_size} image is left after {len(convs)} poolings; "
                             "use a larger image_size or fewer stages")  # fmt: skip
        ins = (3, *widths)
        # (N, 64, 112, 112), (N, 128, 56, 56), (N, 256, 28, 28), (N, 512, 14, 14), (N, 512, 7, 7) in the paper's network
        self.features = nn.Sequential(
            OrderedDict(
                (f"stage{i + 1}", stage(ins[i], widths[i], convs[i], kernel, last_kernels[i], batch_norm))
                for i in range(len(convs))
            )
        )
        side = image_size // 2 ** len(convs)
        self.classifier = nn.Sequential(
            nn.Flatten(),  # (N, 25088)
            nn.Linear(widths[-1] * side * side, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )
        initialize(self)

    def forward(self, images):
        return self.classifier(self.features(images))


def as_convolutions(net: VGG) -> nn.Sequential:
    """The same network with its dense layers turned into convolutions (section 3.2): the first
    becomes SxS, the others 1x1.

    Takes images of any size at least that of `net`, returns a map of logits (N, classes, H', W'),
    1x1 at the trained size. The convolutions of `net` are shared, not copied.
    """
    layers = list(net.features)
    channels = [m for m in net.features.modules() if isinstance(m, nn.Conv2d)][-1].out_channels
    for layer in net.classifier:
        if isinstance(layer, nn.Linear):
            side = round((layer.in_features / channels) ** 0.5)
            conv = nn.Conv2d(channels, layer.out_features, side, device=layer.weight.device, dtype=layer.weight.dtype)
            with torch.no_grad():
                conv.weight.copy_(layer.weight.view(layer.out_features, channels, side, side))
                conv.bias.copy_(layer.bias)
            layers.append(conv)
            channels = layer.out_features
        elif not isinstance(layer, nn.Flatten):
            layers.append(layer)
    return nn.Sequential(*layers)


CONVS = {"vgg11": (1, 1, 2, 2, 2), "vgg13": (2, 2, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # A, B, D, E

PRESETS = {
    **{name: partial(VGG, convs=convs) for name, convs in CONVS.items()},
    **{f"{name}_bn": partial(VGG, convs=convs, batch_norm=True) for name, convs in CONVS.items()},
    "vgg16_c": partial(VGG, last_kernels=(3, 3, 1, 1, 1)),  # column C: its third filters are 1x1
    "vgg_cifar": partial(
        VGG, convs=(2, 2, 2), widths=(24, 48, 96), batch_norm=True, hidden=64, dropout=0.0, image_size=32, classes=10
    ),
}
