"""Answers to the labs of notebook 4 as students write them."""

import torch
import torch.nn as nn
import torch.nn.functional as F


# ------------------------------------------------------------------------------------- pointwise
def moved(maps, weight, bias):
    return F.linear(maps.movedim(1, -1), weight, bias).movedim(-1, 1)


def flat_pixels(maps, weight, bias):
    n, c, h, w = maps.shape
    pixels = maps.permute(0, 2, 3, 1).reshape(n * h * w, c)
    return (pixels @ weight.T + bias).reshape(n, h, w, -1).permute(0, 3, 1, 2).contiguous()


def loops(maps, weight, bias):
    n, c, h, w = maps.shape
    out = torch.empty(n, len(weight), h, w)
    layer = nn.Linear(c, len(weight))
    layer.weight.data, layer.bias.data = weight, bias
    with torch.no_grad():
        for y in range(h):
            for x in range(w):
                out[:, :, y, x] = layer(maps[:, :, y, x])
    return out


def by_view(maps, weight, bias):
    n, c, h, w = maps.shape
    return F.linear(maps.view(n, h, w, c), weight, bias).permute(0, 3, 1, 2)


def twice_reshaped(maps, weight, bias):
    n, c, h, w = maps.shape
    return F.linear(maps.reshape(n * h * w, c), weight, bias).reshape(n, -1, h, w)


def convolved(maps, weight, bias):
    return F.conv2d(maps, weight[:, :, None, None], bias)


def by_a_layer(maps, weight, bias):
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
    layer.weight.data, layer.bias.data = weight[:, :, None, None], bias
    return layer(maps)


def viewed_back(maps, weight, bias):
    n, c, h, w = maps.shape
    out = F.linear(maps.permute(0, 2, 3, 1).reshape(-1, c), weight, bias)
    return out.view(n, len(weight), h, w)


def forgotten_back(maps, weight, bias):
    return maps.permute(0, 2, 3, 1) @ weight.T + bias


def transposed(maps, weight, bias):
    return F.linear(maps.transpose(1, 3), weight, bias).permute(0, 3, 1, 2)


def straight(maps, weight, bias):
    return F.linear(maps, weight, bias)


def no_bias(maps, weight, bias):
    return torch.einsum("nchw,kc->nkhw", maps, weight)


def pooled(maps, weight, bias):
    n, _, h, w = maps.shape
    return F.linear(maps.mean((-1, -2)), weight, bias).view(n, -1, 1, 1).repeat(1, 1, h, w)


# ------------------------------------------------------------------------------------- mlpconv
def in_a_row(in_channels, widths, kernel):
    layers = []
    for size, width in zip((kernel, 1, 1), widths, strict=False):
        layers += [nn.Conv2d(in_channels, width, size, padding="same"), nn.ReLU()]
        in_channels = width
    return nn.Sequential(*layers)


class WithLinear(nn.Module):
    def __init__(self, in_channels, widths, kernel):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, widths[0], kernel, padding=(kernel - 1) // 2)
        self.mlp = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths[:-1], widths[1:], strict=True))

    def forward(self, x):
        x = torch.relu(self.conv(x)).permute(0, 2, 3, 1)
        for dense in self.mlp:
            x = torch.relu(dense(x))
        return x.permute(0, 3, 1, 2)


class BesideTheList(nn.Module):
    """The loop goes over a plain list, and the layers are registered beside it."""

    def __init__(self, in_channels, widths, kernel):
        super().__init__()
        self.layers = []
        for i, width in enumerate(widths):
            self.layers.append(nn.Conv2d(in_channels, width, 1 if i else kernel, padding="same"))
            setattr(self, f"conv{i}", self.layers[i])
            in_channels = width

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x


class RegisteredTwice(BesideTheList):
    """The same layers in a list and in the stack that runs."""

    def __init__(self, in_channels, widths, kernel):
        super().__init__(in_channels, widths, kernel)
        self.stack = nn.Sequential(*(part for layer in self.layers for part in (layer, nn.ReLU())))

    def forward(self, x):
        return self.stack(x)


class Looped(nn.Module):
    def __init__(self, in_channels, widths, kernel):
        super().__init__()
        self.convs = nn.ModuleList()
        for i, width in enumerate(widths):
            k = kernel if i == 0 else 1
            self.convs.append(nn.Conv2d(in_channels, width, k, padding=k // 2))
            in_channels = width

    def forward(self, x):
        for conv in self.convs:
            x = torch.relu_(conv(x))
        return x


def block(in_channels, widths, kernel, behind=1, padding=None, behind_padding=0, relus="all", bias=True):
    """A loop over the widths; all but the first are `behind` x `behind`."""
    layers = []
    for i, width in enumerate(widths):
        size, pad = (behind, behind_padding) if i else (kernel, kernel // 2 if padding is None else padding)
        layers.append(nn.Conv2d(in_channels, width, size, padding=pad, bias=bias))
        last = i == len(widths) - 1
        if relus == "all" or relus == ("last" if last else "but the last"):
            layers.append(nn.ReLU())
        in_channels = width
    return nn.Sequential(*layers)


def all_of_one_size(in_channels, widths, kernel):
    return block(in_channels, widths, kernel, kernel, behind_padding=kernel // 2)


def three_threes(in_channels, widths, kernel):
    return block(in_channels, widths, kernel, 3, behind_padding=1)


def two_layers(in_channels, widths, kernel):
    return nn.Sequential(nn.Conv2d(in_channels, widths[0], kernel, padding=kernel // 2), nn.ReLU(),
                         nn.Conv2d(widths[0], widths[1], 1), nn.ReLU())  # fmt: skip


def three_layers(in_channels, widths, kernel):
    a, b, c = widths
    return nn.Sequential(nn.Conv2d(in_channels, a, kernel, padding=kernel // 2), nn.ReLU(), nn.Conv2d(a, b, 1), nn.ReLU(),
                         nn.Conv2d(b, c, 1), nn.ReLU())  # fmt: skip


def third_by_index(in_channels, widths, kernel):
    return nn.Sequential(nn.Conv2d(in_channels, widths[0], kernel, padding=kernel // 2), nn.ReLU(),
                         nn.Conv2d(widths[0], widths[1], 1), nn.ReLU(),
                         nn.Conv2d(widths[1], widths[2], 1), nn.ReLU())  # fmt: skip


def from_one(in_channels, widths, kernel):
    layers = [nn.Conv2d(in_channels, widths[0], kernel, padding=kernel // 2), nn.ReLU()]
    for i in range(1, len(widths) - 1):
        layers += [nn.Conv2d(widths[i - 1], widths[i], 1), nn.ReLU()]
    return nn.Sequential(*layers)


def no_relu(in_channels, widths, kernel):
    return block(in_channels, widths, kernel, relus="none")


def first_relu(in_channels, widths, kernel):
    net = block(in_channels, widths, kernel, relus="none")
    return nn.Sequential(net[0], nn.ReLU(), *net[1:])


class ReturnInTheLoop(Looped):
    def forward(self, x):
        for conv in self.convs:
            x = torch.relu(conv(x))
            return x


def with_batch_norm(in_channels, widths, kernel):
    layers = []
    for i, width in enumerate(widths):
        size = 1 if i else kernel
        layers += [nn.Conv2d(in_channels, width, size, padding=size // 2), nn.BatchNorm2d(width), nn.ReLU()]
        in_channels = width
    return nn.Sequential(*layers)


def last_relu(in_channels, widths, kernel):
    return block(in_channels, widths, kernel, relus="last")


def no_last_relu(in_channels, widths, kernel):
    return block(in_channels, widths, kernel, relus="but the last")


def unpadded(in_channels, widths, kernel):
    return block(in_channels, widths, kernel, padding=0)


def padded_all(in_channels, widths, kernel):
    return block(in_channels, widths, kernel, behind_padding=kernel // 2)


def padded_by_two(in_channels, widths, kernel):
    return block(in_channels, widths, kernel, padding=2)


def biasless(in_channels, widths, kernel):
    return block(in_channels, widths, kernel, bias=False)


def reversed_sizes(in_channels, widths, kernel):
    *ones, last = widths
    layers = []
    for width in ones:
        layers += [nn.Conv2d(in_channels, width, 1), nn.ReLU()]
        in_channels = width
    return nn.Sequential(*layers, nn.Conv2d(in_channels, last, kernel, padding=kernel // 2), nn.ReLU())


# ------------------------------------------------------------------------------------- separable
def mobile(in_channels, out_channels, stride=1, groups=None, last=1, bias=False, relu=True):
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=groups or in_channels, bias=bias), nn.BatchNorm2d(in_channels),
        *([nn.ReLU()] if relu else []),
        nn.Conv2d(in_channels, out_channels, last, padding=last // 2, bias=bias), nn.BatchNorm2d(out_channels), nn.ReLU(),
    )  # fmt: skip


class Named(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.bn2, self.pw = nn.BatchNorm2d(out_channels), nn.Linear(in_channels, out_channels, bias=False)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.dw = nn.Parameter(torch.randn(in_channels, 1, 3, 3))
        self.stride, self.groups = stride, in_channels

    def forward(self, x):
        x = self.bn1(F.conv2d(x, self.dw, stride=self.stride, padding=1, groups=self.groups)).relu()
        return self.bn2(self.pw(x.movedim(1, 3)).movedim(3, 1)).relu()


class ChannelByChannel(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.dw = nn.Parameter(torch.randn(in_channels, 9))
        self.n1, self.n2 = nn.BatchNorm2d(in_channels), nn.BatchNorm2d(out_channels)
        self.pw = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.stride = stride

    def forward(self, x):
        kernel = self.dw.view(-1, 1, 3, 3)
        maps = [F.conv2d(x[:, i : i + 1], kernel[i : i + 1], stride=self.stride, padding=1) for i in range(x.shape[1])]
        x = F.relu(self.n1(torch.cat(maps, 1)))
        return F.relu(self.n2(self.pw(x)))


def linear_end(in_channels, out_channels, stride=1):
    return mobile(in_channels, out_channels, stride)[:-1]


def two_strides(in_channels, out_channels, stride=1):
    net = mobile(in_channels, out_channels, stride)
    net[3] = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    return net


def no_stride(in_channels, out_channels, stride=1):
    return mobile(in_channels, out_channels)


def no_padding(in_channels, out_channels, stride=1):
    net = mobile(in_channels, out_channels, stride)
    net[0].padding = (0, 0)
    return net


def no_norm(in_channels, out_channels, stride=1):
    net = mobile(in_channels, out_channels, stride)
    return nn.Sequential(net[0], nn.ReLU(), net[3], nn.ReLU())


def ordinary(in_channels, out_channels, stride=1):
    return mobile(in_channels, out_channels, stride, groups=1)


def two_groups(in_channels, out_channels, stride=1):
    return mobile(in_channels, out_channels, stride, groups=2)


def three_by_three(in_channels, out_channels, stride=1):
    return mobile(in_channels, out_channels, stride, last=3)


def with_bias(in_channels, out_channels, stride=1):
    return mobile(in_channels, out_channels, stride, bias=True)


def unbent(in_channels, out_channels, stride=1):
    return mobile(in_channels, out_channels, stride, relu=False)


def without_relu(in_channels, out_channels, stride=1):
    return nn.Sequential(*(layer for layer in mobile(in_channels, out_channels, stride) if not isinstance(layer, nn.ReLU)))


def late_stride(in_channels, out_channels, stride=1):
    net = mobile(in_channels, out_channels)
    net[3] = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    return net


def mixing_first(in_channels, out_channels, stride=1):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, stride, 1, groups=out_channels, bias=False), nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )  # fmt: skip


def one_norm(in_channels, out_channels, stride=1):
    depthwise = nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=in_channels, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU())


# ------------------------------------------------------------------------------------- class_maps
def as_convolution(maps, weight):
    return F.conv2d(maps, weight[:, :, None, None])


def as_matrix(maps, weight):
    return (weight @ maps.flatten(2)).unflatten(2, maps.shape[2:])


def class_by_class(maps, weight):
    return torch.stack([(maps * w.view(1, -1, 1, 1)).sum(1) for w in weight], dim=1)


def logits(maps, weight):
    return F.linear(F.adaptive_avg_pool2d(maps, 1).flatten(1), weight)


def first_channel(maps, weight):
    return maps[:, :1] * weight[:, 0].view(1, -1, 1, 1)


def products(maps, weight):
    return maps.unsqueeze(1) * weight.view(1, *weight.shape, 1, 1)


def classes_last(maps, weight):
    return F.linear(maps.permute(0, 2, 3, 1), weight)


def over_pixels(maps, weight):
    return as_convolution(maps, weight) / (maps.shape[2] * maps.shape[3])


def means(maps, weight):
    return torch.stack([(maps * w.view(1, -1, 1, 1)).mean(1) for w in weight], dim=1)


def with_relu(maps, weight):
    return F.relu(as_convolution(maps, weight))


def zero_to_one(maps, weight):
    found = as_matrix(maps, weight)
    flat = found.flatten(2)
    flat = flat - flat.min(-1, keepdim=True)[0]
    return (flat / flat.max(-1, keepdim=True)[0]).view_as(found)


def probabilities(maps, weight):
    return F.softmax(as_convolution(maps, weight), 1)


def the_best(maps, weight):
    found = as_convolution(maps, weight)
    return torch.stack([each[each.mean((1, 2)).argmax()] for each in found])


RIGHT = {
    "pointwise": (moved, flat_pixels, loops),
    "mlpconv": (in_a_row, WithLinear, Looped, BesideTheList, RegisteredTwice),
    "separable": (mobile, Named, ChannelByChannel),
    "class_maps": (as_convolution, as_matrix, class_by_class),
}


def six_at_most(in_channels, out_channels, stride=1):
    net = mobile(in_channels, out_channels, stride)
    return nn.Sequential(*(nn.ReLU6() if isinstance(layer, nn.ReLU) else layer for layer in net))


def bent_first(in_channels, out_channels, stride=1):
    depth, norm1, relu1, point, norm2, relu2 = mobile(in_channels, out_channels, stride)
    return nn.Sequential(depth, relu1, norm1, point, relu2, norm2)


WRONG = {
    "pointwise": {
        by_view: "The shape is right, the values are not",
        twice_reshaped: "Neither of your reshapes moves a dimension",
        convolved: "You let torch convolve",
        by_a_layer: "You let torch convolve",
        viewed_back: "On the way back your reshape",
        forgotten_back: "The channels come last",
        transposed: "Height and width have changed places",
        straight: "F.linear has worked along the width",
        no_bias: "Every map is off by one constant",
        pooled: "All pixels of a map are the same",
    },
    "mlpconv": {
        all_of_one_size: "All your convolutions look at neighbours",
        three_threes: "Behind your first convolution stand others of 3x3",
        two_layers: "Your block never has more than two convolutions",
        three_layers: "Your block is right for three widths",
        third_by_index: "Your block asks for a third width",
        no_relu: "Nothing in your block bends",
        first_relu: "Your block bends behind its first convolution only",
        ReturnInTheLoop: "Your block comes back after its first",
        with_batch_norm: "Your block has batch norm",
        from_one: "Your block has one convolution too few",
        last_relu: "Your convolutions bend once",
        no_last_relu: "Your block ends without a ReLU",
        unpadded: "Your maps shrink",
        padded_all: "Your maps grow",
        padded_by_two: "Your padding is right for a kernel of 5 only",
        biasless: "Your convolutions have no biases",
        reversed_sizes: "Your large filter comes last",
    },
    "separable": {
        six_at_most: "Your values stop at 6",
        bent_first: "Your ReLUs come before the batch norms",
        ordinary: "Each of your 3x3 filters sees all channels",
        two_groups: "Your 3x3 has two groups",
        three_by_three: "Your mixing convolution looks at neighbours",
        late_stride: "Your stride is in the 1x1",
        two_strides: "Both convolutions have the stride",
        no_stride: "Your map never shrinks",
        no_padding: "Your map loses a border",
        linear_end: "Your pair ends without a ReLU",
        no_norm: "Nothing is normalized",
        mixing_first: "Your 1x1 comes first",
        with_bias: "Your convolutions have biases",
        unbent: "Between the two nothing bends",
        without_relu: "Your pair has no ReLU at all",
        one_norm: "Only your second convolution is normalized",
    },
    "class_maps": {
        logits: "You have the logits, not the maps",
        first_channel: "Only the first channel is weighted",
        products: "There is a map for each pair",
        classes_last: "The classes come last",
        over_pixels: "The logits are the sums of your maps",
        means: "Your maps are too small",
        with_relu: "Your maps are never negative",
        zero_to_one: "Each of your maps runs from 0 to 1",
        probabilities: "Your maps sum up to one",
        the_best: "There is one map an image",
    },
}
