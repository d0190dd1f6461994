"""Answers to the labs of notebook 3 as students write them."""

import torch
import torch.nn as nn
import torch.nn.functional as F


# ------------------------------------------------------------------------------------- receptive_field
def backwards(layers):
    """From the last layer to the first, as it is often taught."""
    size = 1
    for kernel, stride in reversed(layers):
        size = (size - 1) * stride + kernel
    return size


def by_positions(layers):
    """The first and the last pixel that output 0 sees."""
    first = last = 0
    for kernel, stride in layers[::-1]:
        first, last = first * stride, last * stride + kernel - 1
    return last - first + 1


def recursive(layers):
    if not layers:
        return 1
    (kernel, stride), *rest = layers
    return (recursive(rest) - 1) * stride + kernel


def added(layers):
    return sum(k for k, s in layers)


def multiplied(layers):
    size = 1
    for k, _s in layers:
        size = size * k
    return size


def no_strides(layers):
    return sum(k - 1 for k, s in layers) + 1


def stride_first(layers):
    r, j = 1, 1
    for k, s in layers:
        j = j * s
        r = r + (k - 1) * j
    return r


def off_by_one(layers):
    r, j = 0, 1
    for k, s in layers:
        r += (k - 1) * j
        j *= s
    return r


def previous_stride(layers):
    r, previous = 1, 1
    for k, s in layers:
        r, previous = r + (k - 1) * previous, s
    return r


def summed_strides(layers):
    r, j = 1, 1
    for k, s in layers:
        r += (k - 1) * j
        j = j + s - 1
    return r


def pixels(layers):
    return backwards(layers) * backwards(layers)


def wrong_way(layers):
    r = 1
    for k, s in layers:
        r = (r - 1) * s + k
    return r


def strides_of_the_others(layers):
    r, j = 1, 1
    for k, s in reversed(layers):
        r += (k - 1) * j
        j *= s
    return r


def own_strides(layers):
    r = 1
    for k, s in layers:
        r += (k - 1) * s
    return r


def whole(layers):
    r, j = 1, 1
    for k, s in layers:
        r += k * j
        j *= s
    return r


def whole_from_zero(layers):
    r, j = 0, 1
    for k, s in layers:
        r += k * j
        j *= s
    return r


def half_frames(layers):
    r, j = 1, 1
    for k, s in layers:
        r += (k - 1) // 2 * j if k % 2 else k // 2 * j
        j *= s
    return r


def two_a_layer(layers):
    return 1 + 2 * len(layers)


def returns_at_once(layers):
    r, j = 1, 1
    for k, s in layers:
        r += (k - 1) * j
        j *= s
        return r


# ------------------------------------------------------------------------------------- vgg_stage
def in_a_loop(in_channels, width, convs):
    layers = []
    for _ in range(convs):
        layers.append(nn.Conv2d(in_channels, width, 3, padding=1))
        layers.append(nn.ReLU(inplace=True))
        in_channels = width
    layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


class Stage(nn.Module):
    def __init__(self, in_channels, width, convs):
        super().__init__()
        self.first = nn.Conv2d(in_channels, width, 3, padding="same")
        self.rest = nn.ModuleList(nn.Conv2d(width, width, 3, padding="same") for _ in range(convs - 1))

    def forward(self, x):
        x = F.relu(self.first(x))
        for conv in self.rest:
            x = F.relu(conv(x))
        return F.max_pool2d(x, kernel_size=2)


class PoolThenRelu(Stage):
    """The largest of four values, then the ReLU: the same for less."""

    def forward(self, x):
        x = self.first(x)
        for conv in self.rest:
            x = conv(F.relu(x))
        return F.relu(F.max_pool2d(x, 2))


def build(in_channels, width, convs, size=3, padding=1, relus=None, pool=(2, 2, 0), pools=False, bias=True):
    layers = []
    for i in range(convs):
        layers.append(nn.Conv2d(in_channels, width, size, padding=padding, bias=bias))
        layers += [nn.ReLU()] if relus is None or i in relus else []
        layers += [nn.MaxPool2d(2)] if pools else []
        in_channels = width
    return nn.Sequential(*layers, *([nn.MaxPool2d(*pool)] if pool and not pools else []))


def pool_each(in_channels, width, convs):
    return build(in_channels, width, convs, pools=True)


def one_relu(in_channels, width, convs):
    return build(in_channels, width, convs, relus=(convs - 1,))


def last_without(in_channels, width, convs):
    return build(in_channels, width, convs, relus=range(convs - 1))


def no_padding(in_channels, width, convs):
    return build(in_channels, width, convs, padding=0)


def average(in_channels, width, convs):
    return nn.Sequential(build(in_channels, width, convs, pool=None), nn.AvgPool2d(2))


def no_pool(in_channels, width, convs):
    return build(in_channels, width, convs, pool=None)


def alexnets_pool(in_channels, width, convs):
    return build(in_channels, width, convs, pool=(3, 2, 1))


def fives(in_channels, width, convs):
    return build(in_channels, width, convs, size=5, padding=2)


def one_less(in_channels, width, convs):
    layers = [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU()]
    for _ in range(2, convs):
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def one_more(in_channels, width, convs):
    layers = [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU()]
    for _ in range(convs):
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def wide_at_the_end(in_channels, width, convs):
    layers = []
    for i in range(convs):
        layers += [nn.Conv2d(in_channels, in_channels if i < convs - 1 else width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def shared(in_channels, width, convs):
    again = nn.Conv2d(width, width, 3, padding=1)
    layers = [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU()] + [again, nn.ReLU()] * (convs - 1)
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def without_bias(in_channels, width, convs):
    return build(in_channels, width, convs, bias=False)


class SameChannels(Stage):
    def __init__(self, in_channels, width, convs):
        super().__init__(in_channels, width, convs)
        self.rest = nn.ModuleList([nn.Conv2d(in_channels, width, 3, padding=1) for _ in range(convs - 1)])


class Pair(nn.Module):
    def __init__(self, in_channels, width, convs):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        return self.pool(F.relu(self.conv2(F.relu(self.conv1(x)))))


def linear_stage(in_channels, width, convs):
    return build(in_channels, width, convs, relus=())


def pool_before(in_channels, width, convs):
    return nn.Sequential(nn.MaxPool2d(2), build(in_channels, width, convs, pool=None))


def stride_for_pool(in_channels, width, convs):
    net = build(in_channels, width, convs, pool=None)
    net[-2].stride = (2, 2)
    return net


def of_2015(in_channels, width, convs):
    layers = []
    for _ in range(convs):
        layers += [nn.Conv2d(in_channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        in_channels = width
    return nn.Sequential(*layers, nn.MaxPool2d(2))


# ------------------------------------------------------------------------------------- as_convolution
def reshaped(linear, channels):
    side = int((linear.in_features // channels) ** 0.5)
    conv = nn.Conv2d(channels, linear.out_features, kernel_size=side)
    conv.weight = nn.Parameter(linear.weight.detach().reshape(linear.out_features, channels, side, side))
    conv.bias = nn.Parameter(linear.bias.detach())
    return conv


def by_state(linear, channels):
    s = round((linear.in_features / channels) ** 0.5)
    conv = nn.Conv2d(channels, linear.out_features, (s, s))
    conv.load_state_dict({"weight": linear.weight.unflatten(1, (channels, s, s)), "bias": linear.bias})
    return conv


class Wrapped(nn.Module):
    def __init__(self, linear, channels):
        super().__init__()
        self.linear, self.channels = linear, channels

    def forward(self, x):
        side = round((self.linear.in_features / self.channels) ** 0.5)
        return F.conv2d(x, self.linear.weight.view(-1, self.channels, side, side), self.linear.bias)


def not_copied(linear, channels):
    return nn.Conv2d(channels, linear.out_features, round((linear.in_features / channels) ** 0.5))


def all_channels(linear, channels):
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1)
    conv.weight.data = linear.weight.data.view(linear.out_features, linear.in_features, 1, 1)
    conv.bias.data = linear.bias.data
    return conv


def bias_forgotten(linear, channels):
    conv = reshaped(linear, channels)
    conv.bias = nn.Parameter(torch.zeros(linear.out_features))
    return conv


def channels_innermost(linear, channels):
    side = round((linear.in_features / channels) ** 0.5)
    conv = nn.Conv2d(channels, linear.out_features, side)
    conv.weight.data = linear.weight.data.view(-1, side, side, channels).permute(0, 3, 1, 2)
    conv.bias.data = linear.bias.data
    return conv


def mirrored(linear, channels):
    conv = reshaped(linear, channels)
    conv.weight.data = conv.weight.data.transpose(-1, -2)
    return conv


def flipped(linear, channels):
    conv = reshaped(linear, channels)
    conv.weight.data = conv.weight.data.flip((-1, -2))
    return conv


def biases_left(linear, channels):
    side = round((linear.in_features / channels) ** 0.5)
    conv = nn.Conv2d(channels, linear.out_features, side)
    conv.weight.data = linear.weight.data.view(-1, channels, side, side)
    return conv


def weights_left(linear, channels):
    conv = nn.Conv2d(channels, linear.out_features, round((linear.in_features / channels) ** 0.5))
    conv.bias.data = linear.bias.data
    return conv


def tiled(linear, channels):
    side = round((linear.in_features / channels) ** 0.5)
    conv = nn.Conv2d(channels, linear.out_features, side, stride=side)
    conv.weight.data, conv.bias.data = linear.weight.data.view(-1, channels, side, side), linear.bias.data
    return conv


class Flat(nn.Module):
    def __init__(self, linear):
        super().__init__()
        self.linear = linear

    def forward(self, x):
        return self.linear(x.view(len(x), -1))[..., None, None]


def flat(linear, channels):
    return Flat(linear)


def no_root(linear, channels):
    side = linear.in_features // channels
    conv = nn.Conv2d(channels, linear.out_features, side)
    conv.weight.data = linear.weight.data.view(-1, channels, side, side)
    return conv


def no_root_either(linear, channels):
    side = linear.in_features // channels
    conv = nn.Conv2d(channels, linear.out_features, side)
    with torch.no_grad():
        conv.weight.copy_(linear.weight.reshape(conv.weight.shape))
    return conv


def not_returned(linear, channels):
    reshaped(linear, channels)


def weights_alone(linear, channels):
    return reshaped(linear, channels).weight.detach()


def padded(linear, channels):
    conv = reshaped(linear, channels)
    conv.padding = (conv.kernel_size[0] // 2, conv.kernel_size[1] // 2)
    return conv


RIGHT = {
    "receptive_field": (backwards, by_positions, recursive),
    "vgg_stage": (in_a_loop, Stage, PoolThenRelu),
    "as_convolution": (reshaped, by_state, Wrapped),
}
WRONG = {
    "receptive_field": {
        added: "You add up kernels",
        multiplied: "You multiply kernels",
        no_strides: "Right without strides",
        stride_first: "A layer's own stride comes too early",
        off_by_one: "You are one short each time. How many pixels",
        previous_stride: "Only the last stride counts",
        summed_strides: "You add strides up",
        pixels: "You count all pixels",
        wrong_way: "Your answer is that of the stack upside down",
        strides_of_the_others: "Your answer is that of the stack upside down",
        own_strides: "In yours each layer knows its own stride only",
        whole: "Each of your layers adds its whole kernel",
        whole_from_zero: "You begin with nothing and add whole kernels",
        half_frames: "Your window grows on one side only",
        two_a_layer: "You count layers",
        returns_at_once: "Only your first layer counts",
    },
    "vgg_stage": {
        pool_each: "Your maps are halved more than once",
        one_relu: "Between your convolutions nothing bends",
        last_without: "Your last convolution has no ReLU",
        no_padding: "Every convolution takes a border away",
        average: "Your pooling averages",
        no_pool: "Your maps keep their size",
        alexnets_pool: "Your pooling windows overlap",
        fives: "Your filters are 5x5",
        one_less: "Your stage has one convolution too few",
        one_more: "Your stage has one convolution too many",
        wide_at_the_end: "Your stage becomes wide at its last",
        shared: "Several of your convolutions are one and the same",
        without_bias: "Your convolutions have no biases",
        SameChannels: "Each of your convolutions takes in_channels",
        Pair: "Your stage has two convolutions, whatever",
        linear_stage: "Your stage has no ReLU at all",
        pool_before: "You pool before the convolutions",
        stride_for_pool: "Your last convolution strides",
        of_2015: "Your stage normalizes",
    },
    "as_convolution": {
        not_copied: "The shapes are right, but your convolution has weights of its own",
        all_channels: "Your convolution takes as many channels",
        bias_forgotten: "Your biases are zero",
        channels_innermost: "Your weights lie as if flattening",
        mirrored: "Rows and columns of your filters",
        flipped: "Your filters are turned by half a circle",
        padded: "Where the dense layer gives one answer",
        biases_left: "The weights are right, but the biases are those",
        weights_left: "The biases are right, but the weights are those",
        tiled: "On a larger map your windows stand side by side",
        flat: "Your answer still flattens",
        no_root: "Your filters are as wide as the map has places",
        no_root_either: "You divide by the channels",
        not_returned: "`as_convolution(nn.Linear(12, 5), channels=3)`: nothing comes back. Is there a `return`?",
        weights_alone: "`as_convolution(nn.Linear(12, 5), channels=3)`: TypeError: your answer returns a Tensor; expected an nn.",
    },
}
