"""Networks as students bring them from other courses' exercises, each in the style of where it comes from."""

import torch
import torch.nn.functional as F
from torch import nn


class Tutorial(nn.Module):
    """The first network of most tutorials: every layer an attribute, view(-1, ...) before the dense ones."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 16 * 5 * 5)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class FromAList(nn.Module):
    """A VGG out of a list of numbers and "M"."""

    def __init__(self, cfg=(16, "M", 32, "M", 64, "M")):
        super().__init__()
        layers, channels = [], 3
        for v in cfg:
            if v == "M":
                layers += [nn.MaxPool2d(kernel_size=2, stride=2)]
            else:
                layers += [nn.Conv2d(channels, v, kernel_size=3, padding=1), nn.BatchNorm2d(v), nn.ReLU(inplace=True)]
                channels = v
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(64 * 4 * 4, 10)

    def forward(self, x):
        x = self.features(x)
        return self.classifier(x.view(x.size(0), -1))


class Block(nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        identity = x
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return F.relu(out)


class Looped(nn.Module):
    """A ResNet in a ModuleList, the mean over height and width by hand."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 1, 1)
        self.layers = nn.ModuleList([Block(16, 16), Block(16, 32, 2), Block(32, 64, 2)])
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        return self.fc(x.mean([2, 3]))


class Gated(nn.Module):
    """Squeeze and excitation; reshape with the sizes taken from the tensor."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 2, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 4, 1), nn.ReLU(), nn.Conv2d(4, 16, 1), nn.Sigmoid())
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = self.conv(x)
        x = x * self.gate(x)
        n, c, h, w = x.shape
        return self.fc(x.reshape(n, c, h * w).mean(-1))


class Concatenating(nn.Module):
    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleDict({str(k): nn.Conv2d(3, 8, k, padding=k // 2) for k in (1, 3, 5)})
        self.fc = nn.Linear(24, 10)

    def forward(self, x):
        x = torch.cat([F.relu(branch(x)) for branch in self.branches.values()], dim=1)
        return self.fc(F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1))


class Patches(nn.Module):
    """A small vision transformer with a class token."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 8, 8)
        self.token, self.place = nn.Parameter(torch.zeros(1, 1, 32)), nn.Parameter(torch.zeros(1, 17, 32))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, dropout=0.0), 2)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.place
        return self.head(self.encoder(x)[:, 0])


class Mixing(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 8, 8)
        self.over_places, self.over_channels, self.head = nn.Linear(16, 16), nn.Linear(32, 32), nn.Linear(32, 10)

    def forward(self, x):
        x = self.patches(x).flatten(2)
        x = (x + self.over_places(x)).transpose(1, 2)
        return self.head((x + F.gelu(self.over_channels(x))).mean(1))


class RowByRow(nn.Module):
    """An LSTM that reads the image line by line."""

    def __init__(self):
        super().__init__()
        self.lstm, self.fc = nn.LSTM(96, 32, batch_first=True), nn.Linear(32, 10)

    def forward(self, x):
        _, (hidden, _) = self.lstm(x.permute(0, 2, 1, 3).flatten(2))
        return self.fc(hidden[-1])


class UpAgain(nn.Module):
    """A small U-Net, its map averaged to logits."""

    def __init__(self):
        super().__init__()
        self.down, self.up, self.out = nn.Conv2d(3, 8, 3, 2, 1), nn.ConvTranspose2d(8, 8, 2, 2), nn.Conv2d(11, 10, 1)

    def forward(self, x):
        return self.out(torch.cat([x, self.up(self.down(x).relu())], 1)).mean((-1, -2))


def unusual_layers():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2), nn.GroupNorm(4, 16), nn.SiLU(),
        nn.Conv2d(16, 16, 3, groups=16, padding_mode="reflect", padding=1),
        nn.InstanceNorm2d(16, affine=True), nn.Hardswish(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


def dense_only():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 64), nn.ReLU(), nn.Linear(64, 10))


ALL = (Tutorial, FromAList, Looped, Gated, Concatenating, Patches, Mixing, RowByRow, UpAgain, unusual_layers, dense_only)
