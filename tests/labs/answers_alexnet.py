"""Answers to the labs of notebook 2 as students write them."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.functional import conv2d as imported


# ------------------------------------------------------------------------------------- grouped_conv
def by_slices(maps, weight, groups):
    c, k = maps.shape[1] // groups, weight.shape[0] // groups
    out = []
    for g in range(groups):
        out.append(F.conv2d(maps[:, g * c : (g + 1) * c], weight[g * k : (g + 1) * k], padding="same"))
    return torch.cat(out, dim=1)


def one_large_filter(maps, weight, groups):
    """A full weight with zeros where a group may not look."""
    k, c, r, s = weight.shape
    full = torch.zeros(k, c * groups, r, s)
    for i in range(k):
        g = i // (k // groups)
        full[i, g * c : (g + 1) * c] = weight[i]
    return F.conv2d(maps, full, padding=r // 2)


def filter_by_filter(maps, weight, groups):
    parts, each = maps.split(maps.shape[1] // groups, 1), len(weight) // groups
    return torch.cat([F.conv2d(parts[i // each], w[None], padding=w.shape[-1] // 2) for i, w in enumerate(weight)], 1)


def halves(maps, weight, groups, inputs=None, filters=None, join=lambda parts: torch.cat(parts, 1), padding=True):
    c, k, out = maps.shape[1] // groups, weight.shape[0] // groups, []
    for g in range(groups):
        x = inputs(maps, g, c, groups) if inputs else maps[:, g * c : (g + 1) * c]
        w = filters(weight, g, k, groups) if filters else weight[g * k : (g + 1) * k]
        out.append(F.conv2d(x, w, padding=w.shape[-1] // 2 if padding else 0))
    return join(out)


def same_maps(maps, weight, groups):
    return halves(maps, weight, groups, inputs=lambda m, g, c, n: m[:, :c])


def same_filters(maps, weight, groups):
    return halves(maps, weight, groups, filters=lambda w, g, k, n: w[:k])


def summed(maps, weight, groups):
    return halves(maps, weight, groups, join=lambda parts: torch.stack(parts).sum(0))


def every_second_map(maps, weight, groups):
    return halves(maps, weight, groups, inputs=lambda m, g, c, n: m[:, g::n])


def every_second_filter(maps, weight, groups):
    return halves(maps, weight, groups, filters=lambda w, g, k, n: w[g::n])


def other_way_round(maps, weight, groups):
    return halves(maps, weight, groups, inputs=lambda m, g, c, n: m[:, (n - 1 - g) * c : (n - g) * c])


def stacked(maps, weight, groups):
    return halves(maps, weight, groups, join=torch.cat)


def small(maps, weight, groups):
    return halves(maps, weight, groups, padding=False)


def torchs_own(maps, weight, groups):
    k, c, size, _ = weight.shape
    layer = nn.Conv2d(c * groups, k, size, padding=size // 2, bias=False, groups=groups)
    layer.weight.data = weight
    return layer(maps)


def torchs_own_by_import(maps, weight, groups):
    return imported(maps, weight, None, 1, weight.shape[-1] // 2, 1, groups)


def padding_of_one(maps, weight, groups):
    return torch.cat([F.conv2d(m, w, padding=1) for m, w in zip(maps.chunk(groups, 1), weight.chunk(groups), strict=True)], 1)


def shuffled(maps, weight, groups):
    out = halves(maps, weight, groups)
    n, k, h, w = out.shape
    return out.view(n, groups, k // groups, h, w).transpose(1, 2).reshape(n, k, h, w)


def first_and_second(maps, weight, groups):
    c, k, pad = maps.shape[1] // 2, weight.shape[0] // 2, weight.shape[-1] // 2
    one, two = F.conv2d(maps[:, :c], weight[:k], padding=pad), F.conv2d(maps[:, c:], weight[k:], padding=pad)
    return torch.cat([one, two], dim=1)


def split_by_groups(maps, weight, groups):
    pad = weight.shape[-1] // 2
    pairs = zip(maps.split(groups, 1), weight.split(groups), strict=False)
    return torch.cat([F.conv2d(m, w, padding=pad) for m, w in pairs], 1)


# ------------------------------------------------------------------------------------- he_normal
def by_torch(weight):
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def by_hand(weight):
    fan_in = weight.size(1) * math.prod(weight.shape[2:])
    weight.data = torch.randn_like(weight) * math.sqrt(2 / fan_in)


def by_copy(weight):
    inputs = weight.flatten(1).shape[1]
    with torch.no_grad():
        weight.copy_(torch.normal(0.0, (2.0 / inputs) ** 0.5, weight.shape))


def fan(weight):
    return weight[0].numel(), weight.shape[0] * math.prod(weight.shape[2:])


def filled(weight, std):
    nn.init.normal_(weight, 0, std)


def variance(weight):
    filled(weight, 2 / fan(weight)[0])


def lecun(weight):
    filled(weight, fan(weight)[0] ** -0.5)


def fan_out(weight):
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def channels(weight):
    filled(weight, math.sqrt(2 / weight.shape[1]))


def window(weight):
    filled(weight, math.sqrt(2 / (math.prod(weight.shape[2:]) if weight.dim() == 4 else weight.shape[1])))


def glorot(weight):
    nn.init.xavier_normal_(weight)


def krizhevsky(weight):
    filled(weight, 0.01)


def standard(weight):
    filled(weight, 1)


def not_in_place(weight):
    return torch.randn_like(weight) * (2 / fan(weight)[0]) ** 0.5


def all_weights(weight):
    filled(weight, math.sqrt(2 / weight.numel()))


def number_of_filters(weight):
    filled(weight, math.sqrt(2 / len(weight)))


def two_by_root(weight):
    filled(weight, 2 / math.sqrt(fan(weight)[0]))


def root_by_n(weight):
    filled(weight, math.sqrt(2) / fan(weight)[0])


def recorded(weight):
    weight.normal_(0, math.sqrt(2 / weight[0].numel()))


def for_four_dimensions(weight):
    filled(weight, math.sqrt(2 / (weight.shape[1] * weight.shape[2] * weight.shape[3])))


def dense_by_filters(weight):
    filled(weight, math.sqrt(2 / (weight[0].numel() if weight.dim() == 4 else weight.shape[0])))


def uniform(weight):
    nn.init.kaiming_uniform_(weight, nonlinearity="relu")


def uniform_above_zero(weight):
    weight.data = torch.rand_like(weight) * (2 / fan(weight)[0]) ** 0.5


# ------------------------------------------------------------------------------------- dropout
def bernoulli(x, p, training):
    if training:
        return x * torch.bernoulli(torch.full_like(x, 1 - p)) / (1 - p)
    return x


def functional(x, p, training):
    return F.dropout(x, p, training)


def where(x, p, training):
    return torch.where(torch.rand(x.shape) < p, torch.zeros(()), x / (1 - p)) if training else x


def never(x, p, training):
    return where(x, p, not training) if not training else x


def always(x, p, training):
    return where(x, p, True)


def kept_is_dropped(x, p, training):
    return x * (torch.rand_like(x) < p) / p if training else x


def one_row(x, p, training):
    return x * (torch.rand(x.shape[-1]) > p) / (1 - p) if training else x


def as_in_2012(x, p, training):
    return x * (torch.rand_like(x) > p) if training else x * (1 - p)


def unscaled(x, p, training):
    return x * (torch.rand_like(x) > p) if training else x


def by_p(x, p, training):
    return x * (torch.rand_like(x) > p) / p if training else x


def shrunk(x, p, training):
    return x * (torch.rand_like(x) > p) * (1 - p) if training else x


def seeded(x, p, training):
    generator = torch.Generator().manual_seed(1)
    return x * (torch.rand(x.shape, generator=generator) > p) / (1 - p) if training else x


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, p):
        return x * (torch.rand_like(x) > p) / (1 - p)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def straight_through(x, p, training):
    return StraightThrough.apply(x, p) if training else x


def in_place(x, p, training):
    if training:
        x[torch.rand_like(x) < p] = 0
        x /= 1 - p
    return x


def one_number(x, p, training):
    return x * (torch.rand(1) > p) / (1 - p) if training else x


def shuffled_places(x, p, training):
    if not training:
        return x
    mask = torch.ones(x.numel())
    mask[torch.randperm(x.numel())[: int(p * x.numel())]] = 0
    return x * mask.view(x.shape) / (1 - p)


def mask_alone(x, p, training):
    return (torch.rand_like(x) > p).float() if training else x


def unrecorded(x, p, training):
    with torch.no_grad():
        return where(x, p, training)


def in_two_words(x, p, training):
    return ("training", x) if training else ("evaluation", x)


# ------------------------------------------------------------------------------------- crop_and_flip
def by_loop(images, padding=4):
    n, c, h, w = images.shape
    big = torch.zeros(n, c, h + 2 * padding, w + 2 * padding)
    big[:, :, padding : padding + h, padding : padding + w] = images
    out = []
    for image in big:
        top, left = int(torch.randint(2 * padding + 1, ())), int(torch.randint(2 * padding + 1, ()))
        image = image[:, top : top + h, left : left + w]
        out.append(torch.flip(image, [2]) if torch.rand(1).item() > 0.5 else image)
    return torch.stack(out)


def by_index(images, padding=4):
    n, _, h, w = images.shape
    y = torch.randint(0, 2 * padding + 1, (n, 1, 1)) + torch.arange(h)[:, None]
    columns = torch.arange(w).expand(n, w)
    columns = torch.where(torch.rand(n, 1) < 0.5, columns, w - 1 - columns)
    x = torch.randint(0, 2 * padding + 1, (n, 1, 1)) + columns[:, None]
    return F.pad(images, (padding,) * 4).movedim(1, -1)[torch.arange(n)[:, None, None], y, x].movedim(-1, 1)


def flip_first(images, padding=4):
    h, w = images.shape[2:]
    coin = (torch.rand(len(images)) < 0.5)[:, None, None, None]
    images = torch.where(coin, images.flip(3), images)
    padded = F.pad(images, [padding] * 4)
    out = torch.empty_like(images)
    for i in range(len(images)):
        y, x = torch.randint(0, 2 * padding + 1, (2,))
        out[i] = padded[i, :, y : y + h, x : x + w]
    return out


def base(images, padding, place, coin, dimension=-1, mode="constant"):
    h, w = images.shape[2:]
    out = []
    for i, image in enumerate(F.pad(images, [padding] * 4, mode=mode)):
        y, x = place(i)
        image = image[:, y : y + h, x : x + w]
        out.append(image.flip(dimension) if coin(i) else image)
    return torch.stack(out)


def toss(i):
    return bool(torch.rand(()) < 0.5)


def random_place(padding, last=1):
    return lambda i: torch.randint(0, 2 * padding + last, (2,)).tolist()


def one_place(images, padding=4):
    y, x = (2 * padding, 1)
    return base(images, padding, lambda i: (y, x), toss)


def never_shifted(images, padding=4):
    return torch.where((torch.rand(len(images)) < 0.5)[:, None, None, None], images.flip(-1), images)


def diagonal(images, padding=4):
    return base(images, padding, lambda i: [int(torch.randint(0, 2 * padding + 1, ()))] * 2, toss)


def never_mirrored(images, padding=4):
    return base(images, padding, random_place(padding), lambda i: False)


def always_mirrored(images, padding=4):
    return base(images, padding, random_place(padding), lambda i: True)


def last_left_out(images, padding=4):
    return base(images, padding, random_place(padding, 0), toss)


def one_coin(images, padding=4):
    heads = toss(0)
    return base(images, padding, random_place(padding), lambda i: heads)


def to_one_side(images, padding=4):
    return base(images, padding, lambda i: torch.randint(padding + 1, (2,)).tolist(), toss)


def four_pixels(images, padding=4):
    return base(images, 4, random_place(4), toss)


def upside_down(images, padding=4):
    return base(images, padding, random_place(padding), toss, 1)


def first_dimension(images, padding=4):
    return base(images, padding, random_place(padding), toss, 0)


def half_a_turn(images, padding=4):
    return base(images, padding, random_place(padding), toss, (1, 2))


def reflected(images, padding=4):
    return base(images, padding, random_place(padding), toss, mode="reflect")


def shifted_or_mirrored(images, padding=4):
    h, w = images.shape[2:]
    padded, out = F.pad(images, [padding] * 4), torch.empty_like(images)
    for i in range(len(images)):
        y, x = torch.randint(0, 2 * padding + 1, (2,))
        out[i] = padded[i, :, y : y + h, x : x + w]
        if torch.rand(()) < 0.5:
            out[i] = torch.flip(images[i], [2])
    return out


def shifted_and_mirrored(images, padding=4):
    h, w = images.shape[2:]
    padded, out = F.pad(images, [padding] * 4), images.clone()
    for i in range(len(images)):
        y, x = torch.randint(0, 2 * padding + 1, (2,))
        if torch.rand(()) < 0.5:
            out[i] = padded[i, :, y : y + h, x : x + w].flip(2)
    return out


def as_list(images, padding=4):
    return list(by_loop(images, padding))


def rolled(images, padding=4):
    return torch.stack([image.roll((1 + i % 2, 1), (1, 2)) for i, image in enumerate(images)])


RIGHT = {
    "grouped_conv": (by_slices, one_large_filter, filter_by_filter),
    "he_normal": (by_torch, by_hand, by_copy),
    "dropout": (bernoulli, functional, where),
    "crop_and_flip": (by_loop, by_index, flip_first),
}


def first_half(images, padding=4):
    return base(images, padding, random_place(padding), lambda i: i < len(images) // 2)


def seeded_places(images, padding=4):
    generator = torch.Generator().manual_seed(0)
    return base(images, padding, lambda i: torch.randint(2 * padding + 1, (2,), generator=generator).tolist(), toss)


def frozen_for_good(weight):
    weight.requires_grad = False
    weight.normal_(0, (2 / weight[0].numel()) ** 0.5)


def from_numpy(weight):
    weight.data = torch.randn(weight.shape, dtype=torch.float64) * (2 / weight[0].numel()) ** 0.5


def mask_of_doubles(x, p, training):
    return x * (torch.rand(x.shape, dtype=torch.float64) >= p).double() / (1 - p) if training else x


WRONG = {
    "grouped_conv": {
        same_maps: "All your groups read the same maps",
        same_filters: "All your groups use the same filters",
        summed: "Your groups are added up",
        every_second_map: "Your groups take every second map",
        every_second_filter: "Your groups take every second filter",
        other_way_round: "Your first filters read the last maps",
        stacked: "Your groups are joined along the batch",
        small: "Your maps shrink",
        torchs_own: "Your convolution has `groups` itself",
        torchs_own_by_import: "Your convolution has `groups` itself",
        padding_of_one: "Your padding suits a window of 3 alone",
        shuffled: "Your groups take turns in the output",
        first_and_second: "You make two groups whatever",
        split_by_groups: "Each of your parts is `groups` long",
    },
    "he_normal": {
        frozen_for_good: "Your weights no longer learn",
        from_numpy: "Your weights are of torch.float64 now",
        variance: "Your weights have the variance",
        lecun: "Your variance is 1 / n",
        fan_out: "Your n counts the outputs",
        channels: "Your n counts channels only",
        window: "Your n counts the window only",
        glorot: "Your variance is that of Glorot",
        krizhevsky: "Your deviation is 0.01 whatever",
        standard: "Your weights are left at a deviation of 1",
        not_in_place: "The weights are what they were before",
        uniform_above_zero: "The mean of your weights is",
        all_weights: "Your n counts all weights",
        number_of_filters: "Your n counts the filters",
        two_by_root: "The 2 stands outside of your root",
        root_by_n: "The n stands outside of your root",
        recorded: "torch does not let you write into a parameter",
        for_four_dimensions: "With the weight (300, 200) of a dense layer: IndexError",
        dense_by_filters: "A weight of (300, 200) has a deviation of 0.08",
        uniform: "None of your weights is far from the others",
    },
    "dropout": {
        mask_of_doubles: "The output is of torch.float64, the input of torch.float32",
        never: "Nothing is dropped in training",
        always: "In evaluation values are dropped as well",
        kept_is_dropped: "Three quarters are zero",
        one_row: "One mask serves many",
        as_in_2012: "You scale in evaluation",
        unscaled: "The values that stay are as large as before",
        by_p: "The values that stay grow by 1 / p",
        shrunk: "The values that stay shrink",
        seeded: "Called again your dropout drops the same",
        straight_through: "The gradient does not pass",
        in_place: "Your dropout changes its own input",
        one_number: "All values go at once, or none",
        shuffled_places: "The same number of values is zero each time",
        mask_alone: "The values that stay are all the same number",
        unrecorded: "The gradient does not pass",
        in_two_words: "What comes back is ('training'",
    },
    "crop_and_flip": {
        first_half: "Which images are mirrored hangs on their place",
        seeded_places: "The first image of a batch is always shifted alike",
        one_place: "Of 48 images all are shifted alike",
        never_shifted: "Of 48 images none is shifted",
        diagonal: "Your shifts go along one line",
        never_mirrored: "No image is mirrored",
        always_mirrored: "Every image is mirrored",
        last_left_out: "At one end a place of the window is never used",
        one_coin: "All images of a batch are mirrored, or none",
        to_one_side: "Your images are shifted one way only",
        four_pixels: "Your images are shifted further than `padding`",
        upside_down: "Some images stand on their heads",
        first_dimension: "In some images red and blue have changed places",
        half_a_turn: "Some images are turned round",
        reflected: "No image has a black border",
        shifted_or_mirrored: "Your mirrored images are shifted all alike",
        shifted_and_mirrored: "Only your mirrored images are shifted",
        as_list: "What comes back is a list, expected one tensor",
        rolled: "The pixels are all there",
    },
}
