"""A network made for few operations (Jordan 2024, arXiv 2404.00498, section 3.1 and appendix A).

Six convolutions 3x3 behind a first layer that is computed from the training images, not learned.
"""

from collections import OrderedDict
from functools import partial

import torch
from torch import nn

from cnn_course.models.network import Network


def conv(in_channels, out_channels, dirac):
    """A convolution 3x3 without bias. dirac: its first maps begin as copies of its inputs (section 3.3)."""
    layer = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    if dirac:
        nn.init.dirac_(layer.weight.data[:in_channels])
    return layer


def norm(channels):
    """Batch norm that shifts and does not scale: its weights stay 1, its biases learn."""
    layer = nn.BatchNorm2d(channels, eps=1e-12, momentum=0.4)
    layer.weight.requires_grad = False
    return layer


def block(in_channels, out_channels, dirac, activation):
    """Two convolutions; the maps shrink between the first and its batch norm. (N, C, H, W) -> (N, out_channels, H/2, W/2)."""
    return nn.Sequential(
        OrderedDict(
            conv1=conv(in_channels, out_channels, dirac),
            pool=nn.MaxPool2d(2),
            norm1=norm(out_channels),
            act1=activation(),
            conv2=conv(out_channels, out_channels, dirac),
            norm2=norm(out_channels),
            act2=activation(),
        )
    )


def whitening(images: torch.Tensor, eps: float = 5e-4) -> torch.Tensor:
    """Filters (12, 3, 2, 2) whose outputs over normalized images (N, 3, H, W) are uncorrelated, of variance 1 (section 3.2).

    They are the principal axes of 2x2 patches, divided by the root of their variances; eps keeps the faintest from growing.
    """
    patches = nn.functional.unfold(images, 2).transpose(1, 2).reshape(-1, 12)  # (patches, 3 * 2 * 2)
    variances, axes = torch.linalg.eigh(patches.T @ patches / len(patches))
    return (axes / (variances + eps).sqrt()).T.reshape(12, 3, 2, 2)


class FastNet(Network):
    """(N, 3, H, W) -> logits (N, classes), for images of 16 pixels a side and more.

    All weights but the head's begin as torch draws them: batch norm takes their scale away. whiten: the first layer is
    `whitening` and its negative, computed once by `look_at` (which `training.fit` calls); of it only the biases learn. Else its
    24 filters are learned like all others. dirac: see `conv`.
    """

    smallest = 16

    def __init__(self, widths=(64, 256, 256), whiten=True, dirac=True, activation=nn.GELU, classes=10):
        super().__init__()
        first, second, third = widths
        self.first = nn.Conv2d(3, 24, 2)  # (N, 24, 31, 31)
        self.blocks = nn.Sequential(
            OrderedDict(
                act=activation(),
                block1=block(24, first, dirac, activation),  # (N, 64, 15, 15)
                block2=block(first, second, dirac, activation),  # (N, 256, 7, 7)
                block3=block(second, third, dirac, activation),  # (N, 256, 3, 3)
            )
        )
        self.pool = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())  # (N, 256)
        self.head = nn.Linear(third, classes, bias=False)
        nn.init.normal_(self.head.weight)  # the logits are divided by the features, so that these weights stay of size 1
        self.whiten = whiten
        self.first.weight.requires_grad = not whiten
        self.register_buffer("looked", torch.tensor(False))

    def look_at(self, images):
        """Whiten the first layer by normalized training images (N, 3, H, W), unless it has been done."""
        if self.whiten and not self.looked:
            filters = whitening(images)
            self.first.weight.data.copy_(torch.cat([filters, -filters]))
            self.looked.fill_(True)

    def forward(self, images):
        features = self.pool(self.blocks(self.first(images)))
        return self.head(features) / features.shape[1]


PRESETS = {"fastnet": FastNet, "fastnet_plain": partial(FastNet, whiten=False, dirac=False)}
