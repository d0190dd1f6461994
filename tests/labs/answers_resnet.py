"""Answers to the labs of notebook 6 as students write them: right ones, each in another style, and wrong ones with the start of
their sentence."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Plain(nn.Module):
    """Layers one by one, other names, a plain `if`."""

    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        self.c1 = nn.Conv2d(in_channels, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.n1 = nn.BatchNorm2d(width)
        self.c2 = nn.Conv2d(width, width, kernel_size=3, padding="same", bias=False)
        self.n2 = nn.BatchNorm2d(width)
        self.stride, self.missing = stride, width - in_channels

    def forward(self, x):
        y = torch.relu(self.n1(self.c1(x)))
        y = self.n2(self.c2(y))
        if self.stride > 1:
            x = x[:, :, ::2, ::2]
        if self.missing:
            n, _, h, w = x.shape
            x = torch.cat([x, torch.zeros(n, self.missing, h, w)], dim=1)
        return torch.relu(x + y)


class Lazy(Plain):
    """Layers that learn their sizes from the first images."""

    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.c1 = nn.LazyConv2d(width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.n1, self.n2 = nn.LazyBatchNorm2d(), nn.LazyBatchNorm2d()


class Late(Plain):
    """What depends on the image is made when the first one comes: zeros to append, and a norm."""

    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        del self.n2

    def forward(self, x):
        y = self.c2(torch.relu(self.n1(self.c1(x))))
        if not hasattr(self, "zeros"):
            self.register_buffer("zeros", torch.zeros(1, self.missing, *y.shape[2:]), persistent=False)
            self.n2 = nn.BatchNorm2d(y.shape[1])
        x = x[:, :, :: self.stride, :: self.stride]
        return torch.relu(self.n2(y) + torch.cat([x, self.zeros.expand(len(x), -1, -1, -1)], dim=1))


class Sequential(nn.Module):
    """The branch as a Sequential, the second half defined first."""

    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        second = [nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)]
        first = [nn.Conv2d(in_channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        self.tail, self.head = nn.Sequential(*second), nn.Sequential(*first)
        self.stride, self.in_channels, self.width = stride, in_channels, width

    def shortcut(self, x):
        return F.pad(x[..., :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.width - self.in_channels))

    def forward(self, x):
        return F.relu(self.tail(self.head(x)).add_(self.shortcut(x)))


def functional(in_channels, width, stride=1):
    """A function that makes a module; its parameters are bare."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = nn.ParameterList([torch.randn(width, c, 3, 3) * 0.1 for c in (in_channels, width)])
            self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))

        def forward(self, x):
            y = self.norms[0](F.conv2d(x, self.weights[0], stride=stride, padding=1)).clamp(min=0)
            y = self.norms[1](F.conv2d(y, self.weights[1], padding=1))
            y[:, :in_channels] += x[:, :, ::stride, ::stride]
            return y.clamp(min=0)

    return Block()


class Early(Plain):
    def forward(self, x):
        y = torch.relu(self.n2(self.c2(torch.relu(self.n1(self.c1(x))))))
        x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing))
        return x + y


class NoEnd(Plain):
    def forward(self, x):
        y = self.n2(self.c2(torch.relu(self.n1(self.c1(x)))))
        return y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing))


class Alone(Plain):
    def forward(self, x):
        return torch.relu(self.n2(self.c2(torch.relu(self.n1(self.c1(x))))))


class Linear(Plain):
    def forward(self, x):
        y = self.n2(self.c2(self.n1(self.c1(x))))
        return torch.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing)))


class Twice(Plain):
    def __init__(self, *settings, **more):
        super().__init__(*settings, **more)
        self.n2 = self.n1


class CopiedLine(Plain):
    """The second norm is there, and the first one stands in its place."""

    def forward(self, x):
        y = torch.relu(self.n1(self.c1(x)))
        y = self.n1(self.c2(y))
        return torch.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing)))


class ForgottenOfTwo(Plain):
    """One of two norms in a list is never called."""

    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.norms = nn.ModuleList([self.n1, self.n2])
        del self.n1, self.n2

    def forward(self, x):
        y = self.c2(torch.relu(self.norms[0](self.c1(x))))
        return torch.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing)))


class Biased(Plain):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.c1 = nn.Conv2d(in_channels, width, 3, stride, 1)
        self.c2 = nn.Conv2d(width, width, 3, 1, 1)


class Bare(nn.Module):
    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        self.first = nn.Conv2d(in_channels, width, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.stride, self.missing = stride, width - in_channels

    def forward(self, x):
        y = self.second(F.relu(self.first(x)))
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing)))


class Shrinking(Plain):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.c2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)


class Unshrunk(Plain):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.c1 = nn.Conv2d(in_channels, width, 3, 1, 1, bias=False)


class Borderless(Plain):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.c1 = nn.Conv2d(in_channels, width, 3, stride, bias=False)
        self.c2 = nn.Conv2d(width, width, 3, bias=False)


class Front(Plain):
    def forward(self, x):
        y = self.n2(self.c2(torch.relu(self.n1(self.c1(x)))))
        return torch.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.missing, 0)))


class Averaged(Plain):
    def forward(self, x):
        y = self.n2(self.c2(torch.relu(self.n1(self.c1(x)))))
        x = nn.AvgPool2d(self.stride, ceil_mode=True)(x) if self.stride > 1 else x
        return torch.relu(y + F.pad(x, (0, 0, 0, 0, 0, self.missing)))


class BothSides(Plain):
    """As in a popular ResNet for CIFAR-10, where a stage doubles the channels."""

    def forward(self, x):
        y = self.n2(self.c2(torch.relu(self.n1(self.c1(x)))))
        half = self.missing // 2
        return torch.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, self.missing - half)))


class EarlyAndLate(Plain):
    def forward(self, x):
        y = torch.relu(self.n2(self.c2(torch.relu(self.n1(self.c1(x))))))
        return torch.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing)))


class NormLast(Plain):
    def forward(self, x):
        y = self.n2(self.c2(self.n1(torch.relu(self.c1(x)))))
        return torch.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing)))


class LateStride(Plain):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.c1 = nn.Conv2d(in_channels, width, 3, 1, 1, bias=False)
        self.c2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)


class AsItCame(Plain):
    """x is added as it is, whatever its shape."""

    def forward(self, x):
        return torch.relu(self.n2(self.c2(torch.relu(self.n1(self.c1(x))))) + x)


class AllPixels(Plain):
    """The channels are filled up, and no pixel is left out."""

    def forward(self, x):
        y = self.n2(self.c2(torch.relu(self.n1(self.c1(x)))))
        return torch.relu(y + F.pad(x, (0, 0, 0, 0, 0, self.missing)))


class AddedInPlace(Plain):
    def forward(self, x):
        y = self.n2(self.c2(torch.relu(self.n1(self.c1(x)))))
        if self.missing or self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing))
        x += y
        return torch.relu(x)


class Option(Plain):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.down = nn.Identity()
        if stride > 1 or in_channels != width:
            self.down = nn.Sequential(nn.Conv2d(in_channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        return torch.relu(self.n2(self.c2(torch.relu(self.n1(self.c1(x))))) + self.down(x))


class BareOption(Option):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        differs = stride > 1 or in_channels != width
        self.down = nn.Conv2d(in_channels, width, 1, stride, bias=False) if differs else nn.Identity()


class Overwritten(Plain):
    def forward(self, x):
        x = F.relu(x, inplace=True)
        return super().forward(x)


# ------------------------------------------------------------------------------------- bottleneck
class Usual(nn.Module):
    stride_in_first = False

    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        first, second = (stride, 1) if self.stride_in_first else (1, stride)
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 1, first, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, second, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width),
        )  # fmt: skip
        self.downsample = self.make(in_channels, 4 * width, stride)

    def make(self, a, b, stride):
        if a == b and stride == 1:
            return None
        return nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.layers(x) + identity)


class SlicedProjection(Usual):
    """The projection as a slice and a dense layer; the shortcut is computed first."""

    def make(self, a, b, stride):
        if a == b and stride == 1:
            return None
        self.step = stride
        self.matrix, self.norm = nn.Linear(a, b, bias=False), nn.BatchNorm2d(b)
        return True

    def forward(self, x):
        out = self.layers(x)
        if self.downsample:
            x = x[:, :, :: self.step, :: self.step]
            x = self.norm(self.matrix(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return (out + x).clamp(min=0)


def with_parts(in_channels, width, stride=1):
    block = Usual(in_channels, width, stride)
    block.layers[2] = nn.ReLU()
    return block


class NoNormThere(Usual):
    def make(self, a, b, stride):
        return None if a == b and stride == 1 else nn.Conv2d(a, b, 1, stride, bias=False)


class ReluThere(Usual):
    def make(self, a, b, stride):
        made = super().make(a, b, stride)
        return made and nn.Sequential(made, nn.ReLU())


class Everywhere(Usual):
    def make(self, a, b, stride):
        return nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))


class OnlyIfStride(Usual):
    def make(self, a, b, stride):
        return super().make(a, b, stride) if stride > 1 else None


class BigProjection(Usual):
    def make(self, a, b, stride):
        return None if a == b and stride == 1 else nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b))


class SameWidth(Usual):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.layers[6], self.layers[7] = nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width)
        self.downsample = self.make(in_channels, width, stride)


class AsInThePaper(Usual):
    stride_in_first = True


class Inverted(Usual):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        w = 4 * width
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, w, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU(),
            nn.Conv2d(w, w, 3, stride, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU(),
            nn.Conv2d(w, w, 1, bias=False), nn.BatchNorm2d(w),
        )  # fmt: skip


class ReluOnBranch(Usual):
    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.layers(x)) + identity


class OneBend(Usual):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.layers[5] = nn.Identity()


class FirstBend(Usual):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.layers[2] = nn.Identity()


class BranchUnbent(Usual):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.layers[2] = self.layers[5] = nn.Identity()


class BiasesThere(Usual):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.layers[0] = nn.Conv2d(in_channels, width, 1)
        self.layers[3] = nn.Conv2d(width, width, 3, stride, 1)
        self.layers[6] = nn.Conv2d(width, 4 * width, 1)

    def make(self, a, b, stride):
        return None if a == b and stride == 1 else nn.Sequential(nn.Conv2d(a, b, 1, stride), nn.BatchNorm2d(b))


class NothingAfterTheSum(Usual):
    def forward(self, x):
        return self.layers(x) + (x if self.downsample is None else self.downsample(x))


class ThirdRelu(Usual):
    def forward(self, x):
        return torch.relu(self.layers(x).relu() + (x if self.downsample is None else self.downsample(x)))


class BranchOnly(Usual):
    def forward(self, x):
        return self.layers(x).relu()


class OptionA(Usual):
    def make(self, a, b, stride):
        return lambda x: F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, b - a))


# ------------------------------------------------------------------------------------- preact_block
class Pre(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)])
        self.convs = nn.ModuleList([nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2)])

    def f(self, x):
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = conv(F.relu(norm(x)))
        return x

    def forward(self, x):
        return x + self.f(x)


def pre_sequential(channels):
    class Residual(nn.Sequential):
        def forward(self, x):
            return super().forward(x) + x

    def unit():
        return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 3, 1, 1, bias=False)]

    return Residual(*unit(), *unit())


class PreClone(Pre):
    def forward(self, x):
        out = x.clone()
        out += self.f(x)
        return out


class PreEnd(Pre):
    def forward(self, x):
        return torch.relu(x + self.f(x))


class Year2015(Pre):
    def f(self, x):
        return self.norms[1](self.convs[1](torch.relu(self.norms[0](self.convs[0](x)))))

    def forward(self, x):
        return torch.relu(self.f(x) + x)


class HalfWay(Year2015):
    def forward(self, x):
        return self.f(x) + x


class Common(Pre):
    def forward(self, x):
        h = torch.relu(self.norms[0](x))
        return h + self.convs[1](torch.relu(self.norms[1](self.convs[0](h))))


class Overwrites(Pre):
    def forward(self, x):
        h = F.relu(x, inplace=True)
        h = self.convs[0](self.norms[0](h))
        return self.convs[1](torch.relu(self.norms[1](h))) + x


class WrongOrder(Pre):
    def f(self, x):
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = conv(norm(torch.relu(x)))
        return x


class Unsummed(Pre):
    def forward(self, x):
        return self.f(x)


class HalfBent(Pre):
    def f(self, x):
        return self.convs[1](self.norms[1](self.convs[0](torch.relu(self.norms[0](x)))))


class SharedNorm(Pre):
    def __init__(self, channels):
        super().__init__(channels)
        self.norms = nn.ModuleList([self.norms[0]] * 2)


class FirstStraight(Pre):
    def f(self, x):
        return self.convs[1](torch.relu(self.norms[1](self.convs[0](self.norms[0](x)))))


class BothStraight(Pre):
    def f(self, x):
        return self.convs[1](self.norms[1](self.convs[0](self.norms[0](x))))


class BranchBent(Pre):
    def forward(self, x):
        return x + torch.relu(self.f(x))


class PreBiased(Pre):
    def __init__(self, channels):
        super().__init__(channels)
        self.convs = nn.ModuleList([nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2)])


class PreAddedInPlace(Pre):
    def forward(self, x):
        x += self.f(x)
        return x


# ------------------------------------------------------------------------------------- gradient_norms
def by_modules(net, images, labels):
    net.train()
    for p in net.parameters():
        p.grad = None
    loss = nn.CrossEntropyLoss()(net(images), labels)
    loss.backward()
    return [float(m.weight.grad.norm() / m.weight.data.norm()) for m in net.modules() if isinstance(m, nn.Conv2d)]


def by_autograd(net, images, labels):
    net.train()
    weights = [p for p in net.parameters() if p.dim() == 4]
    gradients = torch.autograd.grad(F.cross_entropy(net(images), labels), weights)
    return [(g.norm() / w.norm()).item() for g, w in zip(gradients, weights, strict=True)]


def on_a_copy(net, images, labels):
    return by_modules(copy.deepcopy(net), images, labels)


def by_names(net, images, labels):
    net.zero_grad()
    F.cross_entropy(net.train()(images), labels).backward()
    found = []
    for _, p in net.named_parameters():
        if p.ndim == 4:
            found.append(((p.grad**2).sum().sqrt() / (p**2).sum().sqrt()).detach())
    return torch.stack(found).tolist()


def _by(net, images, labels, ratio, keep=lambda p: p.ndim == 4, train=True, clear=True, reduction="mean"):
    net.train(train)
    if clear:
        net.zero_grad()
    F.cross_entropy(net(images), labels, reduction=reduction).backward()
    return [float(ratio(p.grad, p.detach())) for p in net.parameters() if keep(p)]


def relative(g, w):
    return g.norm() / w.norm()


def piling_up(net, images, labels):
    return _by(net, images, labels, relative, clear=False)


def evaluating(net, images, labels):
    return _by(net, images, labels, relative, train=False)


def all_matrices(net, images, labels):
    return _by(net, images, labels, relative, lambda p: p.ndim > 1)


def as_it_came(net, images, labels):
    """The mode is the one in which the network happens to be."""
    return _by(net, images, labels, relative, train=net.training)


def divided_wrongly(net, images, labels):
    return _by(net, images, labels, lambda g, w: w.norm() / g.norm())


def softmax_first(net, images, labels):
    net.train().zero_grad()
    F.cross_entropy(torch.softmax(net(images), dim=1), labels).backward()
    return [float(m.weight.grad.norm() / m.weight.norm()) for m in net.modules() if isinstance(m, nn.Conv2d)]


def children(net, images, labels):
    net.train().zero_grad()
    F.cross_entropy(net(images), labels).backward()
    return [float(m.weight.grad.norm() / m.weight.norm()) for m in net.children() if isinstance(m, nn.Conv2d)]


def printing(net, images, labels):
    print(by_modules(net, images, labels))


def absolute(net, images, labels):
    return _by(net, images, labels, lambda g, w: g.norm())


def only_weights(net, images, labels):
    return _by(net, images, labels, lambda g, w: w.norm())


def from_the_end(net, images, labels):
    return by_modules(net, images, labels)[::-1]


def means(net, images, labels):
    return _by(net, images, labels, lambda g, w: g.abs().mean() / w.abs().mean())


def squares(net, images, labels):
    return _by(net, images, labels, lambda g, w: g.square().sum() / w.square().sum())


def total_loss(net, images, labels):
    return _by(net, images, labels, relative, reduction="sum")


# ------------------------------------------------------------------------------------- best_rate
def in_a_dictionary(loss_after, rates, tries):
    losses = {}
    for rate in rates:
        losses[rate] = loss_after(rate)
    step = rates[1] / rates[0]
    while len(losses) < tries:
        best = min(losses, key=lambda rate: (math.isnan(losses[rate]), losses[rate]))
        if best == max(losses):
            new = best * step
        elif best == min(losses):
            new = best / step
        else:
            break
        losses[new] = loss_after(new)
    return min(losses, key=lambda rate: (math.isnan(losses[rate]), losses[rate]))


def in_arrays(loss_after, rates, tries):
    rates = np.array(rates, np.float32)
    losses = np.array([loss_after(rate) for rate in rates])
    ratio = rates[-1] / rates[-2]
    for _ in range(tries - len(rates)):
        losses[np.isnan(losses)] = np.inf
        place = losses.argmin()
        if place == len(rates) - 1:
            rates = np.append(rates, rates[-1] * ratio)
            losses = np.append(losses, loss_after(rates[-1]))
        elif place == 0:
            rates = np.insert(rates, 0, rates[0] / ratio)
            losses = np.insert(losses, 0, loss_after(rates[0]))
        else:
            break
    losses[np.isnan(losses)] = np.inf
    return rates[losses.argmin()]


def in_tensors(loss_after, rates, tries):
    rates = torch.tensor(rates)
    losses = torch.tensor([loss_after(rate) for rate in rates]).nan_to_num(math.inf)
    ratio = rates[1] / rates[0]
    while len(rates) < tries and (place := losses.argmin()) in (0, len(rates) - 1):
        new = rates[place] / ratio if place == 0 else rates[place] * ratio
        rates, order = torch.cat([rates, new[None]]).sort()
        losses = torch.cat([losses, torch.tensor([loss_after(new)]).nan_to_num(math.inf)])[order]
    return rates[losses.argmin()].item()


def by_itself(loss_after, rates, tries, known=None):
    """It calls itself for every rate that it adds, and tries the largest first."""
    known = dict(known or {})
    for rate in sorted(set(rates) - set(known), reverse=True):
        loss = loss_after(rate)
        known[rate] = loss if loss == loss else 1e9
    low, *_, high = tried = sorted(known)
    best = sorted(tried, key=known.get)[0]
    wanted = {low: low * tried[0] / tried[1], high: high * tried[1] / tried[0]}
    if best in wanted and len(known) < tries:
        return by_itself(loss_after, [*tried, wanted[best]], tries, known)
    return best


def _hunt(loss_after, rates, tries, nan=math.inf, up=True, down=True, factor=None, rounds=99):
    """A search with an eye less: what it leaves out is set by its arguments."""
    seen = [(loss_after(rate), rate) for rate in rates]
    factor = factor or rates[1] / rates[0]

    def order(pair):
        return nan if math.isnan(pair[0]) else pair[0]

    for _ in range(rounds):
        best, tried = min(seen, key=order)[1], [rate for _, rate in seen]
        if len(seen) >= tries or not (up and best == max(tried) or down and best == min(tried)):
            break
        new = best * factor if best == max(tried) else best / factor
        seen.append((loss_after(new), new))
    return min(seen, key=order)[1]


def only_the_grid(loss_after, rates, tries):
    return _hunt(loss_after, rates, tries, rounds=0)


def once_beyond(loss_after, rates, tries):
    return _hunt(loss_after, rates, tries, rounds=1)


def uncounted(loss_after, rates, tries):
    return _hunt(loss_after, rates, math.inf)


def one_too_many(loss_after, rates, tries):
    return _hunt(loss_after, rates, tries + 1)


def tries_beyond_the_grid(loss_after, rates, tries):
    return _hunt(loss_after, rates, len(rates) + tries)


def not_returned(loss_after, rates, tries):
    min(rates, key=loss_after)


def all_tries(loss_after, rates, tries):
    rates, losses = list(rates), []
    factor = rates[1] / rates[0]
    for rate in rates:
        losses.append(loss_after(rate))
    while len(rates) < tries:
        best = rates[np.nan_to_num(losses, nan=1e9).argmin()]
        rates.append(best / factor if best == min(rates) else max(rates) * factor)
        losses.append(loss_after(rates[-1]))
    return rates[np.nan_to_num(losses, nan=1e9).argmin()]


def higher(loss_after, rates, tries):
    return _hunt(loss_after, rates, tries, down=False)


def lower(loss_after, rates, tries):
    return _hunt(loss_after, rates, tries, up=False)


def doubled(loss_after, rates, tries):
    return _hunt(loss_after, rates, tries, factor=2)


def by_argmin(loss_after, rates, tries):
    rates, losses = list(rates), torch.tensor([loss_after(rate) for rate in rates])
    factor = rates[1] / rates[0]
    while len(rates) < tries:
        place = losses.argmin().item()
        best = rates[place]
        if best == max(rates):
            rates.append(best * factor)
        elif best == min(rates):
            rates.append(best / factor)
        else:
            break
        losses = torch.cat([losses, torch.tensor([loss_after(rates[-1])])])
    return rates[losses.argmin()]


def by_min(loss_after, rates, tries):
    losses = {rate: loss_after(rate) for rate in rates}
    factor = rates[1] / rates[0]
    while len(losses) < tries:
        best = min(losses, key=losses.get)
        if best not in (min(losses), max(losses)):
            break
        new = best * factor if best == max(losses) else best / factor
        losses[new] = loss_after(new)
    return min(losses, key=losses.get)


def skipping_nan(loss_after, rates, tries):
    losses = {rate: loss for rate in rates if not math.isnan(loss := loss_after(rate))}
    factor = rates[1] / rates[0]
    while len(losses) < tries:
        best = min(losses, key=losses.get)
        if best not in (max(losses), min(losses)):
            break
        new = best * factor if best == max(losses) else best / factor
        if not math.isnan(loss := loss_after(new)):
            losses[new] = loss
    return min(losses, key=losses.get)


def as_large_as_can_be(loss_after, rates, tries):
    losses = {rate: loss_after(rate) for rate in rates}
    factor = rates[1] / rates[0]
    while len(losses) < tries:
        trained = [rate for rate in losses if not math.isnan(losses[rate])]
        best = max(trained) if trained else min(losses)
        if best == max(losses):
            losses[best * factor] = loss_after(best * factor)
        elif best == min(losses):
            losses[best / factor] = loss_after(best / factor)
        else:
            break
    trained = [rate for rate in losses if not math.isnan(losses[rate])]
    return max(trained)


def upside_down(loss_after, rates, tries):
    return _hunt(lambda rate: -loss_after(rate), rates, tries, nan=-math.inf)


def until_worse(loss_after, rates, tries):
    rate, last = rates[0], loss_after(rates[0])
    for _ in range(tries - 1):
        loss = loss_after(rate * rates[1] / rates[0])
        if not loss < last:
            return rate
        rate, last = rate * rates[1] / rates[0], loss
    return rate


def the_last_one(loss_after, rates, tries):
    tried = []

    def noted(rate):
        tried.append(rate)
        return loss_after(rate)

    _hunt(noted, rates, tries)
    return tried[-1]


def how_good(loss_after, rates, tries):
    seen = {}

    def noted(rate):
        seen[rate] = loss_after(rate)
        return seen[rate]

    return seen[_hunt(noted, rates, tries)]


def to_be_sure(loss_after, rates, tries):
    best = _hunt(loss_after, rates, tries)
    print("loss", loss_after(best))
    return best


RIGHT = {
    "basic_block": (Plain, Lazy, Late, Sequential, functional),
    "bottleneck": (Usual, SlicedProjection, with_parts),
    "preact_block": (Pre, pre_sequential, PreClone),
    "gradient_norms": (by_modules, by_autograd, by_names, on_a_copy),
    "best_rate": (in_a_dictionary, in_arrays, in_tensors, by_itself),
}


class ZerosWithStride(Plain):
    """What is missing is looked for where the block strides, and nowhere else."""

    def forward(self, x):
        y = self.n2(self.c2(torch.relu(self.n1(self.c1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.missing))
        return torch.relu(x + y)


class PixelsWithChannels(Plain):
    def forward(self, x):
        y = self.n2(self.c2(torch.relu(self.n1(self.c1(x)))))
        if self.missing:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.missing))
        return torch.relu(x + y)


class OnlyIfChannels(Usual):
    def make(self, a, b, stride):
        return None if a == b else super().make(a, b, stride)


class ProjectionWithoutStride(Usual):
    def make(self, a, b, stride):
        return None if a == b and stride == 1 else nn.Sequential(nn.Conv2d(a, b, 1, bias=False), nn.BatchNorm2d(b))


class OneNormInTheNeck(Usual):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.layers[4] = self.layers[1]


class BiasesInTheBranch(BiasesThere):
    def make(self, a, b, stride):
        return Usual.make(self, a, b, stride)


def anew_each_round(loss_after, rates, tries):
    rates, factor = list(rates), rates[1] / rates[0]
    while True:
        losses = [loss_after(rate) for rate in rates]
        losses = [math.inf if math.isnan(loss) else loss for loss in losses]
        best = losses.index(min(losses))
        if len(rates) == tries or 0 < best < len(rates) - 1:
            return rates[best]
        rates = [rates[0] / factor, *rates] if best == 0 else [*rates, rates[-1] * factor]


WRONG = {
    "basic_block": {
        ZerosWithStride: "With stride 1 and more channels than came in",
        PixelsWithChannels: "Your shortcut leaves out pixels where channels",
        Early: "The output is never below the shortcut",
        EarlyAndLate: "You have a ReLU before the sum and one after it",
        NormLast: "Your first ReLU comes before its batch norm",
        NoEnd: "Outputs are negative in places",
        Alone: "With the branch at zero",
        Linear: "Without the sum your branch is one linear map",
        Twice: "The parameters of one batch norm are missing",
        CopiedLine: "`self.n2` is never used. Which layer did you call in its place?",
        ForgottenOfTwo: "`self.norms[1]` is never used.",
        Bare: "The convolutions are right, but nothing normalizes",
        Biased: "Your convolutions have biases",
        Shrinking: "With stride 2 the branch shrinks twice",
        LateStride: "With stride 2 your second convolution strides",
        Unshrunk: "With stride 2 only one of branch and shortcut shrinks",
        AsItCame: "Where shapes differ your x is added as it came",
        AllPixels: "With stride 2 only one of branch and shortcut shrinks",
        Borderless: "The branch loses a border",
        Front: "Shapes are right, but x lands in the last channels",
        BothSides: "Your zeros stand on both sides",
        Averaged: "Your shortcut averages pixels",
        Option: "Your shortcut has weights",
        BareOption: "Your shortcut is a 1x1 convolution",
        Overwritten: "Your block changes its own input",
        AddedInPlace: "With in_channels 6, width 6, stride 1 and an input of 3x6x9x7: in training mode the layer changes its own",
    },
    "bottleneck": {
        OnlyIfChannels: "With stride 2 and equal channels",
        ProjectionWithoutStride: "With stride 2 your projection keeps every pixel",
        OneNormInTheNeck: "One batch norm serves both narrow",
        BiasesInTheBranch: "The three convolutions of your branch",
        NoNormThere: "Your projection has no batch norm",
        ReluThere: "Your projection ends in a ReLU",
        Everywhere: "You project where shapes are the same",
        OnlyIfStride: "With stride 1 your shortcut and your branch",
        BigProjection: "Your projection is a 3x3",
        SameWidth: "Your last 1x1 hands on `width` maps",
        AsInThePaper: "Your stride is in the first 1x1",
        Inverted: "Your 3x3 works on 4 x width channels",
        ReluOnBranch: "The ReLU at the end comes before your sum",
        FirstBend: "Between your first 1x1 and the 3x3 nothing bends",
        BranchUnbent: "Your branch has no ReLU at all",
        OneBend: "Between your 3x3 and the last 1x1 nothing bends",
        BiasesThere: "All your convolutions have biases",
        NothingAfterTheSum: "Outputs of your block are negative",
        ThirdRelu: "There is a ReLU before your sum and one after it",
        BranchOnly: "Your block gives the branch alone",
        OptionA: "Your shortcut fills up with zeros",
    },
    "preact_block": {
        PreEnd: "Your output is never negative",
        Year2015: "You built the block of 2015",
        HalfWay: "Nothing follows the sum, which is right",
        Common: "Your shortcut carries x after batch norm and ReLU",
        Overwrites: "Your block overwrites x",
        WrongOrder: "Your ReLUs come before the batch norms",
        Unsummed: "With the branch at zero your block gives zero. Where is x?",
        HalfBent: "Between your two convolutions there is a batch norm",
        SharedNorm: "One batch norm serves two places",
        FirstStraight: "Before your first convolution there is a batch norm but no ReLU",
        BothStraight: "Your branch has no ReLU at all",
        BranchBent: "Your branch ends in a ReLU",
        PreBiased: "Your convolutions have biases",
        PreAddedInPlace: "With channels 5 and an input of 3x5x7x6: in training mode the layer changes its own input",
    },
    "gradient_norms": {
        piling_up: "Asked a second time",
        evaluating: "You measure in evaluation mode",
        as_it_came: "You measure in evaluation mode",
        divided_wrongly: "Your ratios are upside down",
        softmax_first: "Your loss gets probabilities",
        children: "Your list is empty",
        printing: "`gradient_norms(net, images, labels), asked twice`: nothing comes back",
        all_matrices: "Your list has one value too many",
        absolute: "Your values are the gradients alone",
        only_weights: "Your values are the sizes of the weights",
        from_the_end: "Your list begins at the wrong end",
        means: "You compare mean sizes",
        squares: "Your ratios are squared",
        total_loss: "Your gradients are as many times too large",
    },
    "best_rate": {
        anew_each_round: "You train the old rates again in every round",
        only_the_grid: "Your search ends with the grid",
        once_beyond: "You look beyond the grid once",
        uncounted: "Your search trains more networks than it may",
        one_too_many: "Your search trains more networks than it may",
        tries_beyond_the_grid: "Your search trains more networks than it may",
        not_returned: "`best_rate(loss_after, (0.02, 0.06, 0.18), 8), sorted(tried)  # 0.07 is best`: nothing comes back.",
        all_tries: "You go on until all tries are spent",
        higher: "Your search only goes up",
        lower: "Your search only goes down",
        doubled: "Beyond the grid your rates are twice or half",
        by_argmin: "You chose a rate that diverged",
        by_min: "Your search stays at a rate that diverged",
        skipping_nan: "You forget the rates that diverged",
        as_large_as_can_be: "You take the largest rate that trains at all",
        upside_down: "You take the rate with the largest loss",
        until_worse: "You climb from the smallest rate",
        the_last_one: "You return the rate that you tried last",
        how_good: "What comes back is the smallest loss",
        to_be_sure: "You train the best rate a second time",
    },
}
