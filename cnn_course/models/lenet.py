"""LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998, "Gradient-Based Learning Applied to Document
Recognition", section II.B)."""

from functools import partial

import torch
from torch import nn

from cnn_course.models.network import Network, initialize


class LeNet5(Network):
    """LeNet-5 as it is built today: full connections, plain pooling, a dense output layer.

    (N, in_channels, 32, 32) -> logits (N, classes). 61,706 parameters with one input channel, 62,006 with three.
    """

    fixed_size = True

    def __init__(self, in_channels=3, classes=10, activation=nn.ReLU, pooling=nn.MaxPool2d):
        super().__init__()
        self.input_shape = (in_channels, 32, 32)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5),
            activation(),  # (N, 6, 28, 28)
            pooling(2),  # (N, 6, 14, 14)
            nn.Conv2d(6, 16, 5),
            activation(),  # (N, 16, 10, 10)
            pooling(2),  # (N, 16, 5, 5)
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),  # (N, 400)
            nn.Linear(400, 120),
            activation(),
            nn.Linear(120, 84),
            activation(),
            nn.Linear(84, classes),
        )
        initialize(self)

    def forward(self, images):
        return self.classifier(self.features(images))


class ScaledTanh(nn.Module):
    """A tanh(S a) with A = 1.7159 and S = 2/3 (LeCun 1998, equation 6)."""

    def forward(self, x):
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """Layers S2 and S4: the mean of 2x2 pixels (section II.B adds the four), times a trainable number a map, plus a bias."""

    def __init__(self, channels):
        super().__init__()
        self.pool = nn.AvgPool2d(2)
        self.coefficient = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return self.coefficient[:, None, None] * self.pool(x) + self.bias[:, None, None]


class PartialConvolution(nn.Module):
    """Layer C3: each of the 16 maps sees only some of the 6 maps below (LeCun 1998, table I):
    1,516 parameters, not 2,416."""

    SEES = [[(first + i) % 6 for i in range(3)] for first in range(6)]
    SEES += [[(first + i) % 6 for i in range(4)] for first in range(6)]
    SEES += [[0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 2, 3, 4, 5]]

    def __init__(self):
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(len(seen), 1, 5) for seen in self.SEES)

    def forward(self, x):
        pairs = zip(self.maps, self.SEES, strict=True)
        return torch.cat([conv(x[:, seen]) for conv, seen in pairs], dim=1)


class RadialBasisOutput(nn.Module):
    """The output layer of 1998: minus the squared distance to a fixed code of +1 and -1 for each
    class; nothing is learned.

    The paper's codes are 7x12 drawings of the digits; here they are drawn at random, once, with a fixed seed.
    """

    def __init__(self):
        super().__init__()
        codes = torch.randint(0, 2, (10, 84), generator=torch.Generator().manual_seed(1998), device="cpu")
        self.register_buffer("codes", codes.float() * 2 - 1)

    def forward(self, x):
        return -((x.unsqueeze(1) - self.codes) ** 2).sum(dim=2)


class LeNet5Of1998(Network):
    """LeNet-5 as published: partial C3, trainable subsampling, radial basis output. Exactly 60,000 trainable parameters.

    (N, 1, 32, 32) -> logits (N, 10).
    """

    input_shape = (1, 32, 32)
    fixed_size = True

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)  # (N, 6, 28, 28), 156 parameters
        self.s2 = Subsampling(6)  # (N, 6, 14, 14), 12
        self.c3 = PartialConvolution()  # (N, 16, 10, 10), 1,516
        self.s4 = Subsampling(16)  # (N, 16, 5, 5), 32
        self.c5 = nn.Conv2d(16, 120, 5)  # (N, 120, 1, 1), 48,120
        self.f6 = nn.Linear(120, 84)  # (N, 84), 10,164
        self.output = RadialBasisOutput()  # (N, 10), none
        self.squash = ScaledTanh()

    def forward(self, images):
        x = self.squash(self.s2(self.squash(self.c1(images))))
        x = self.squash(self.s4(self.squash(self.c3(x))))
        x = self.squash(self.c5(x)).flatten(1)
        return self.output(self.squash(self.f6(x)))


PRESETS = {"lenet5": LeNet5, "lenet5_grey": partial(LeNet5, in_channels=1), "lenet5_1998": LeNet5Of1998}
