"""The questions of the graded assignments, and what each assignment asks for: labs by their names, questions by their numbers.

A grader says whether an answer is right; in the notebook `exercises.check` only notes it.
"""

import math
from collections import Counter
from itertools import combinations, product

import torch
from torch import nn

from cnn_course import anatomy, experiments, models
from cnn_course.exercises.asking import Question, near, within
from cnn_course.labs.resnet import gradient_norms

ASSIGNMENTS: dict[str, dict[str, int]] = {  # what is handed in under this name -> the points of each part
    "A1_ilsvrc": {"output_size": 3, "conv2d": 3, "train_step": 3, "A1.1": 1, "A1.2": 1, "A1.3": 1, "A1.4": 1},
    "A2_alexnet": {"grouped_conv": 3, "he_normal": 3, "crop_and_flip": 3, "A2.1": 1, "A2.2": 1, "A2.3": 1, "A2.4": 1},
    "A3_vgg_receptive_field": {
        "receptive_field": 3, "vgg_stage": 3, "as_convolution": 3, "A3.1": 1, "A3.2": 1, "A3.3": 1, "A3.4": 1,
    },
    "A4_conv1x1": {"pointwise": 3, "mlpconv": 3, "separable": 3, "A4.1": 1, "A4.2": 1, "A4.3": 1},
    "A5_inception": {"inception_block": 3, "batch_norm": 3, "A5.1": 1, "A5.2": 1, "A5.3": 1},
    "A6_resnet": {"basic_block": 3, "bottleneck": 3, "gradient_norms": 3, "A6.1": 1, "A6.2": 1, "A6.3": 1, "A6.4": 1},
    "A7_densenet": {"dense_layer": 3, "dense_block": 3, "transition": 3, "A7.1": 1, "A7.2": 1, "A7.3": 1, "A7.4": 1},
    "A8_comparison": {"standard_error": 3, "paired_interval": 3, "A8.1": 1, "A8.2": 1, "A8.3": 1, "A8.4": 1},
}  # fmt: skip


# ------------------------------------------------------------------------------- how designs and words are compared
def rows(given, length: int, of: str) -> list[tuple[int, ...]]:
    """A design as it was typed, a list of rows of whole numbers. ValueError, said to the student, for all else."""
    if not isinstance(given, (list, tuple)) or not given or not all(isinstance(row, (list, tuple)) for row in given):
        raise ValueError(f"expected a list of {of}")
    if not all(len(row) == length and all(type(value) is int and 0 < value < 10_000 for value in row) for row in given):
        raise ValueError(f"expected a list of {of}, all whole numbers from 1 to 9,999")
    return [tuple(row) for row in given]


def by_fault(fault):
    """Designs are alike where their first fault is the same; those without one are all right."""
    return lambda given, expected: fault(given) == fault(expected)


def word(given, expected) -> bool:
    """An order, typed as a word or as a list of letters."""
    return near("".join(given), expected)


def choice(letters: str, right):
    """Letters in any order. A wrong choice is in the first trap all of whose mistakes it makes."""

    def same(given, expected):
        mistakes, others = ({*"".join(chosen).upper()} & {*letters} ^ {*right()} for chosen in (given, expected))
        return others <= mistakes if others else not mistakes

    return same


def interval(name: str, a: str, b: str) -> list[float]:
    """From where to where variant a of a recorded experiment may be ahead of b, in points."""
    return list(experiments.recorded(name).difference(a, b).interval)


# ------------------------------------------------------------------------------- 1 · ILSVRC and the basics
def _shrinking_fault(design):
    """What keeps three layers (kernel, stride) without padding from making 6 places of 96 pixels; "" where nothing does."""
    layers, size = rows(design, 2, "pairs (kernel, stride)"), 96
    if len(layers) != 3:
        return "count"
    if max(kernel for kernel, _ in layers) > 5:
        return "kernel"
    if any(stride > kernel for kernel, stride in layers):
        return "gap"
    for kernel, stride in layers:
        if size < kernel:
            return "small"
        if (size - kernel) % stride:
            return "rest"
        size = anatomy.output_size(size, kernel, stride)
    return "" if size == 6 else "small" if size < 6 else "large"


def _lenet_at(side):
    """Multiply-adds of LeNet-5 for a colour image of this side, its first dense layer as large as it has to be."""
    first = anatomy.output_size(side, 5)
    second = anatomy.output_size(first // 2, 5)
    convolutions = anatomy.conv_macs(3, 6, 5, first) + anatomy.conv_macs(6, 16, 5, second)
    widths = [16 * (second // 2) ** 2, 120, 84, 10]
    return convolutions + sum(map(anatomy.linear_macs, widths, widths[1:]))


def _loss_behind(gradient):
    """The loss of an image, from the gradient of its logits: the one below zero is that of the true class, p - 1."""
    return -math.log(1 + min(gradient))


def _unpaired(first, second, images):
    """The interval of the difference of two errors, in percent, that were counted on images of their own."""
    variance = sum(error * (100 - error) / images for error in (first, second))
    return [second - first + sign * 1.96 * variance**0.5 for sign in (-1, 1)]


ILSVRC = {
    "A1.1": Question(  # three layers from 96 pixels to 6, none left over
        lambda: [(4, 4), (2, 2), (2, 2)],
        "Strides multiply: sixteen places become one, and each kernel has to leave a multiple of its stride.",
        "Go backwards: n places of a window need (n - 1) strides and one kernel.",
        (
            ([(4, 4), (4, 4)], "You take another number of layers than three. What could the missing one do?"),
            ([(6, 6), (2, 2), (3, 1)], "One of your kernels is wider than 5. Which two layers see as far?"),
            ([(2, 4), (2, 2), (2, 2)], "A stride is larger than its kernel. Who reads the pixels in between?"),
            ([(5, 4), (3, 2), (3, 2)], "A last step does not fit, so pixels are dropped. What is (size - kernel) / stride?"),
            ([(4, 4), (4, 4), (2, 1)], "Fewer than 6 places are left. By how much do your strides divide the side?"),
            ([(3, 3), (2, 2), (2, 2)], "More than 6 places are left. By how much do your strides divide the side?"),
        ),
        by_fault(_shrinking_fault),
    ),
    "A1.2": Question(  # multiply-adds of LeNet-5 at 48x48
        lambda: _lenet_at(48),
        "The first convolution stands at 44 x 44 places, the second at 18 x 18, and 16 x 9 x 9 values enter the dense layers.",
        "Follow one side through the network. At how many places does each filter stand, and how many weights has it?",
        (
            (_lenet_at(32), "That is the network for 32x32. Which numbers change with the side?"),
            (1_707_720, "The convolutions are right. How many values does the first dense layer read now?"),
            (1_466_370, "You multiply by how many times the pixels grew. Is the lost border as large a part of both?"),
            (2_706_600, "In yours the maps keep their size. Does a 5x5 without padding fit at every pixel?"),
            (169_526, "That is how many parameters there are. How often is a weight of a convolution used?"),
            (1_648_800, "That is the convolutions. What comes behind them?"),
            (1_832_254, "You count biases. Is a bias multiplied with anything?"),
        ),
    ),
    "A1.3": Question(  # the loss, from the gradient (0.3, -0.4, 0.1) of the logits
        lambda: _loss_behind((0.3, -0.4, 0.1)),
        "Below zero is the true class, p - 1 = -0.4. So p = 0.6, and the loss is -ln p.",
        "For one class the gradient is p - 1, for the others p. Which is which?",
        (
            (0.916, "You take 0.4 for the probability of the true class. What was subtracted from it?"),
            (1.204, "The first class has a gradient above zero. Is that the sign of the true one?"),
            (2.303, "You take the smallest number for the probability. What does the sign of a gradient tell?"),
            (0.6, "That is a probability. What is the loss of it?"),
            (0.4, "That is how far the probability is from 1. What is the loss made of?"),
            (0.222, "Which logarithm does the cross-entropy take?"),
            (0.737, "Which logarithm does the cross-entropy take here, that of 2?"),
            (-0.511, "Is a loss below zero possible, with a probability below 1?"),
        ),
        within(0.01),
    ),
    "A1.4": Question(  # 6.0% and 6.6%, each on 20,000 images of its own
        lambda: _unpaired(6.0, 6.6, 20_000),
        "Both err, so the variances add: 1.96 times the root of their sum is just short of half a point.",
        "What is the standard error of each number? Then how do the errors of two independent numbers combine?",
        (
            ([-0.07, 1.27], "You add up the two errors. What adds up of two independent numbers?"),
            ([0.36, 0.84], "That is one standard error to each side. How many make 95%?"),
            ([0.26, 0.94], "Only one of the two numbers errs in yours. Which?"),
            ([0.001, 0.011], "Those are shares. In which unit are the errors given?"),
            ([-1.08, -0.12], "That is how far the second is ahead. Which difference was asked for?"),
            ([-0.48, 0.48], "That lies around zero. Around what does the interval of a difference lie?"),
        ),
        within(0.02),
    ),
}  # fmt: skip

# ------------------------------------------------------------------------------- 2 · AlexNet
LAYERS = {
    "A": anatomy.conv_macs(3, 64, 7, 112),
    "B": anatomy.conv_macs(64, 192, 3, 56),
    "C": anatomy.conv_macs(256, 256, 3, 28, groups=8),
    "D": anatomy.conv_macs(96, 128, 5, 27, groups=2),
    "E": anatomy.linear_macs(9216, 4096),
}


def _layers_until(share, deviation, weights):
    """After how many layers a signal is below this share, by He's reckoning, where each is drawn with this deviation."""
    factor = deviation / math.sqrt(2 / weights)
    return next(layers for layers in range(1, 999) if factor**layers < share)


def _epochs_until_shown(padding):
    """After how many epochs an image was more likely than not shown as it is, of shifts and mirrors that are all as likely."""
    versions = 2 * (2 * padding + 1) ** 2
    return next(epochs for epochs in range(1, 999) if 1 - (1 - 1 / versions) ** epochs > 0.5)


ALEXNET = {
    "A2.1": Question(  # five layers, by their multiply-adds
        lambda: "".join(sorted(LAYERS, key=LAYERS.get, reverse=True)),
        "Weights of one filter, times filters, times places: 347, 118, 112, 58 and 38 million. The dense layer has the most "
        "weights and does the least work.",
        "For each layer: how many weights has one filter, how many filters are there, at how many places does each stand?",
        (
            ("CBDAE", "Your filters of C and D read all channels. What do groups leave of them?"),
            ("EDBCA", "That is the order of the weights. How often is each weight used?"),
            ("ECDAB", "From the other end it would be right. Which did the question ask for first?"),
            ("ABDCE", "A has a stride. At how many places do its filters stand?"),
            ("BADEC", "You divide by the groups twice. Do they change the number of filters?"),
            ("ABCDE", "That is the order of the outputs. What does each output cost?"),
        ),
        word,
    ),
    "A2.2": Question(  # deviation 0.03, 3x3 on 64 channels: after how many layers is a thousandth left?
        lambda: _layers_until(1e-3, 0.03, 64 * 9),
        "Each layer has a factor of 0.03 over He's 0.059, about a half, and it takes ten halvings and a bit to a thousandth.",
        "What is He's deviation for these layers? By which factor does one layer miss it, and what do several do together?",
        (
            (10, "Nearly. What is left after so many layers, to a tenth of a thousandth?"),
            (6, "You follow the variance. Is the size of a signal its variance?"),
            (22, "You measure against 1 / n. What does the ReLU take away?"),
            (4, "Your n counts channels. How many weights has a filter for each of them?"),
            (3, "Your n counts the places of a window. In how many channels does the filter look?"),
            (2, "You take the deviation itself for the factor of a layer. With what is it compared?"),
        ),
    ),
    "A2.3": Question(  # shifts of up to two pixels, and mirrors: epochs until an image was probably shown as it is
        lambda: _epochs_until_shown(2),
        "There are 2 x 5 x 5 = 50 versions, and 0.98 to the 35th is the first power below one half.",
        "How many versions of an image are there, all as likely? When is *never* less likely than a half?",
        (
            (25, "Half as many epochs as versions. Can a version not come twice?"),
            (50, "So many versions there are. After so many epochs, how likely is it that this one never came?"),
            (34, "Nearly. Is it more likely than not by then?"),
            (17, "You count the shifts. What else is drawn?"),
            (22, "From -2 to +2: how many shifts are that?"),
            (7, "You shift along one side. Can an image go up and to the left?"),
        ),
    ),
    "A2.4": Question(  # what the record of augmentations may have missed between "and cutout" and "none"
        lambda: experiments.recorded("augmentation").difference("and cutout", "none").missed,
        "The interval reaches from 1.2 points worse to 0.9 better. Twelve epochs and three seeds do not show that all of it "
        "together helps, nor that it does not.",
        "An interval that holds zero has two ends. Which of them is further from zero?",
        (
            (0.15, "That is the difference that was found. How large may it be, and go unseen?"),
            (0.90, "That is one end of the interval. How far is the other from zero?"),
            (1.05, "That is half of the interval's width. Is it as far from zero on both sides?"),
            (2.11, "That is the whole width. From where is a difference measured?"),
            (0.58, "Those are other seeds on the same images. What else could be drawn anew?"),
            (1.17, "Those are other images for the same networks. What else could be drawn anew?"),
            (2.33, "You compare with another variant. Which two did the question name?"),
        ),
        within(0.02),
    ),
}

# ------------------------------------------------------------------------------- 3 · VGG and the receptive field
ALLOWED = {(3, 1): anatomy.conv(3), (3, 2): anatomy.conv(3, stride=2), (2, 2): anatomy.pool(2)}


def _stack_fault(design):
    """What keeps a stack of pairs (kernel, stride) from what A3.1 asks for; "" where nothing does."""
    pairs = rows(design, 2, "pairs (kernel, stride)")
    if not {*pairs} <= {*ALLOWED}:
        return "layer"
    if len(pairs) > 6:
        return "many"
    layers = [ALLOWED[pair] for pair in pairs]
    window, jump = anatomy.receptive_field(layers), anatomy.receptive_fields(layers).jump.iloc[-1]
    for name, found, wanted in (("jump", jump, 4), ("window", window, 32)):
        if found != wanted:
            return f"{name} {'small' if found < wanted else 'large'}"
    return ""


def _three_for_seven():
    """The smallest number of channels from which on three 3x3 to 256 have fewer weights than a 7x7."""

    def weights(channels, kernel, layers):
        widths = [channels, *[256] * layers]
        return sum(anatomy.conv_parameters(*pair, kernel, bias=False) for pair in zip(widths, widths[1:], strict=False))

    return next(channels for channels in range(1, 999) if weights(channels, 3, 3) < weights(channels, 7, 1))


def _side_for(answers):
    """The smallest square picture for which VGG-16, its dense layers slid, gives so many answers along a side."""

    def places(side):
        for _ in range(5):
            side = anatomy.output_size(side, 2, 2)
        return side - 6

    return next(side for side in range(224, 9_999) if places(side) == answers)


VGG = {
    "A3.1": Question(  # a window of 32, a jump of 4, at most six layers
        lambda: [(3, 1), (2, 2), (3, 2), (3, 1), (3, 1), (3, 1)],
        "Once the jump is 4 a 3x3 adds 8 pixels. So 8 pixels and two strides before the last three layers.",
        "How many pixels does a 3x3 add once the jump is 4? Begin at the end: what has to be there before the last layers?",
        (
            ([(3, 1), (2, 2), (3, 2), (7, 1)], "One of your layers is of another kind. Which stack of the three adds as much?"),
            ([(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2), (3, 1), (3, 1)],
             "You take more than six layers. Where does one layer add the most pixels?"),
            ([(2, 2), (3, 1), (3, 1), (3, 1), (3, 1)], "Neighbours lie too close together. What moves them apart?"),
            ([(2, 2), (2, 2), (3, 2), (3, 1), (3, 1)], "Neighbours lie too far apart. How often may the jump double?"),
            ([(2, 2), (2, 2), (3, 1), (3, 1), (3, 1)], "Your window is too small. Which layer adds least where it stands?"),
            ([(2, 2), (2, 2), (3, 1), (3, 1), (3, 1), (3, 1)], "Your window is too large. Where does the same layer add less?"),
        ),
        by_fault(_stack_fault),
    ),
    "A3.2": Question(  # from how many incoming channels on three 3x3 to 256 save
        _three_for_seven,
        "9 (256 c + 2 x 256 x 256) against 49 x 256 c: below 115.2 channels the layers behind cost more than is saved.",
        "Write down, for each of the four layers, how many channels enter. Which of them see c?",
        (
            (115, "Nearly. Count both at 115 and compare."),
            (145, "That is two 3x3 against a 5x5. How many layers see 7 pixels?"),
            (142, "All three of yours read 256 channels. What enters the first?"),
            (256, "There they certainly save. From where on?"),
            (1, "27 is less than 49, where as many channels enter as leave. Do they in the second layer of the stack?"),
            (128, "The stage doubles its channels there. Where do the two costs cross?"),
            (58, "Your stack has two layers. How many of them see 7 pixels?"),
        ),
    ),
    "A3.3": Question(  # the smallest picture for 5x5 answers
        lambda: _side_for(5),
        "Five places of a 7x7 need 11 of the last map, and each of those is 32 pixels.",
        "Go backwards: how wide must the last map be, so that a 7x7 has five places along it?",
        (
            (384, "There the 7x7 has more places than five. Does each answer need a seventh place of its own?"),
            (320, "So many pixels make ten places of the last map. How many windows of 7 begin within them?"),
            (1120, "Five windows side by side. By how much does a window move from answer to answer?"),
            (160, "Five places of the last map. How many of them does one answer read?"),
            (228, "You move the window of 224 by a pixel. How far apart are neighbours of the last map?"),
            (353, "That is enough. Is it the smallest?"),
            (11, "That is the side of the last map. How many pixels is a place of it?"),
        ),
    ),
    "A3.4": Question(  # how far one 5x5 may be ahead of one 7x7
        lambda: interval("stacks", "one 5x5", "one 7x7"),
        "It holds zero: the 5x5 may be ahead, level, or half a point behind. With three seeds the record does not tell.",
        "`record.difference(a, b)` has several intervals. Which one draws seeds and images anew?",
        (
            ([-0.64, 2.44], "Those are other seeds on the same images. What else could be drawn anew?"),
            ([-0.27, 2.07], "Those are other images for the same networks. What else could be drawn anew?"),
            ([-2.36, 0.56], "Right but for the sign. Which of the two is to be ahead?"),
            ([0.9, 0.9], "That is the difference that was found. From where to where may it be?"),
            ([-1.46, 1.46], "Yours lies around zero. Around what does the interval of a difference lie?"),
            ([2.87, 5.65], "That is another pair. Which two did the question name?"),
        ),
        within(0.03),
    ),
}  # fmt: skip


# ------------------------------------------------------------------------------- 4 · 1x1 convolution
def _path_fault(design):
    """What keeps layers (channels in, channels out, kernel, stride, groups) from what A4.1 asks for; "" where nothing does."""
    path = rows(design, 5, "layers (channels in, channels out, side of the filter, stride, groups)")
    if any(before[1] != after[0] for before, after in zip(path, path[1:], strict=False)):
        return "joint"
    if any(into % groups or out % groups for into, out, _, _, groups in path):
        return "shares"
    side, costs = 28, []
    reached = torch.eye(path[0][0], dtype=torch.bool)  # which channel of the input each channel can depend on
    for into, out, kernel, stride, groups in path:
        side = anatomy.output_size(side, kernel, stride, padding=kernel // 2)
        costs.append(anatomy.conv_macs(into, out, kernel, side, groups))
        reached = reached.view(groups, into // groups, -1).any(1).repeat_interleave(out // groups, 0)
    if (path[0][0], path[-1][1], side) != (128, 256, 14):
        return "ends"
    if not reached.all():
        return "unmixed"
    if anatomy.receptive_field([anatomy.conv(kernel, stride) for _, _, kernel, stride, _ in path]) < 5:
        return "window"
    if sum(costs) <= 8_000_000:
        return ""
    return "heavy filter" if path[costs.index(max(costs))][2] > 1 else "heavy mixing"


def _centred(x):
    return x - x.mean((2, 3), keepdim=True)


STEPS = {
    "A": lambda: nn.Conv2d(4, 4, 1),
    "B": lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4),
    "C": lambda: nn.BatchNorm2d(4),
    "D": nn.ReLU,
    "E": lambda: nn.MaxPool2d(3, 1, 1),
    "F": lambda: _centred,
}


def _blind_to_places():
    """The steps that give the same before the pixels are shuffled, each image's in one way for all channels, and after."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        maps, order = torch.randn(2, 4, 6, 8), torch.randperm(48)

        def shuffled(x):
            return x.flatten(2)[..., order].view_as(x)

        steps = {name: make() for name, make in STEPS.items()}
        return "".join(name for name, do in steps.items() if torch.allclose(do(shuffled(maps)), shuffled(do(maps)), atol=1e-5))


def _mixing_share():
    """Percent of a bottleneck's multiply-adds that its 1x1 do, 256 to 128 to 512 channels, 28 pixels to 14 in the 3x3."""
    first, middle, last = (
        anatomy.conv_macs(256, 128, 1, 28),
        anatomy.conv_macs(128, 128, 3, 14),
        anatomy.conv_macs(128, 512, 1, 14),
    )
    return 100 * (first + last) / (first + middle + last)


CONV1X1 = {
    "A4.1": Question(  # 128x28x28 to 256x14x14, all channels mixed, a window of 5, at most 8 million multiply-adds
        lambda: [(128, 128, 5, 2, 128), (128, 256, 1, 1, 1)],
        "Look first, one filter a channel, and stride there; then mix at a quarter of the pixels: 7.05 million, where a plain "
        "5x5 needs 160.6.",
        "One layer looks, another mixes. What does each cost at 28 and at 14 pixels?",
        (
            ([(128, 128, 3, 2, 128), (256, 256, 3, 1, 256), (256, 256, 1, 1, 1)],
             "One of your layers expects other channels than the one before hands on. Read it as a chain."),
            ([(128, 128, 5, 2, 3), (128, 256, 1, 1, 1)], "Your groups cannot share the channels equally. Which numbers can?"),
            ([(128, 128, 5, 1, 128), (128, 256, 1, 1, 1)], "Not 256x14x14 leaves your path. Which layer changes the side?"),
            ([(128, 256, 5, 2, 128)], "Some channels of yours never meet. Which layer could introduce them?"),
            ([(128, 128, 3, 2, 128), (128, 256, 1, 1, 1)], "Your window is too small. What sees further, and what does it cost?"),
            ([(128, 256, 3, 2, 1), (256, 256, 3, 1, 1)],
             "Too much work, and a large filter does most of it. On how many channels has it to look at once?"),
            ([(128, 256, 1, 1, 1), (256, 256, 5, 2, 256)],
             "Too much work, and a 1x1 does most of it. At how many pixels does it mix?"),
        ),
        by_fault(_path_fault),
    ),
    "A4.2": Question(  # what may be done before the pixels are shuffled, or after
        _blind_to_places,
        "They treat a pixel by itself, or take a mean over all places. The two with a window know their neighbours.",
        "Which of these know who a pixel's neighbours are?",
        (
            ("ABCDF", "The depthwise 3x3 (B): does a pixel keep its neighbours when all are shuffled?"),
            ("ACDEF", "The pooling (E) has a window as well. Which values are in it after the shuffle?"),
            ("CDF", "The 1x1 (A): what does it read besides its own pixel?"),
            ("ADF", "The batch norm (C): does a mean over all places depend on their order?"),
            ("ACF", "The ReLU (D): what does it read besides its own value?"),
            ("ACD", "Taking the mean off (F): does a mean over all places depend on their order?"),
        ),
        choice("ABCDEF", _blind_to_places),
    ),
    "A4.3": Question(  # percent of a bottleneck's work that its 1x1 convolutions do, the stride in the 3x3
        _mixing_share,
        "The first 1x1 still works on 28x28 pixels and costs nearly as much as the 3x3 on 14x14.",
        "At how many pixels does each of the three work? The stride is in the 3x3.",
        (
            (40.0, "All three of yours work on maps of one size. Where does the side change?"),
            (42.9, "That is the share of the 3x3. Which one was asked for?"),
            (25.0, "Your 3x3 stands at 28x28 places. How many are left to it with its stride?"),
            (38.1, "That is the first 1x1. Which other one is there?"),
            (19.0, "That is the last 1x1. Which other one is there?"),
            (66.7, "You count layers. Does each of them do as much?"),
            (92.3, "Your 3x3 has one weight for each pair of channels. How many places has it?"),
        ),
        within(0.5),
    ),
}  # fmt: skip


# ------------------------------------------------------------------------------- 5 · Inception
def _block_fault(design):
    """What keeps (n1, reduce3, n3, reduce5, n5, pool) on 256 channels from what A5.1 asks for; "" where nothing does."""
    n1, reduce3, n3, reduce5, n5, pool = rows([design], 6, "six widths")[0]
    if n1 + n3 + n5 + pool != 256:
        return "channels"
    if min(n1, n3, n5, pool) < 32:
        return "branch"
    if n3 < 128:
        return "half"
    if 2 * reduce3 < n3 or 2 * reduce5 < n5:
        return "narrow"
    if anatomy.parameters(models.Inception(256, *design)) <= 140_000:
        return ""
    return "five" if n5 > 32 else "three" if n3 > 128 else "wide"


def _folded():
    """Weight and bias of a convolution that does what it did with its batch norm, in evaluation."""
    conv, norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=1e-9).eval()
    values = {conv.weight: 1.0, conv.bias: 3.0, norm.weight: 6.0, norm.bias: 1.0, norm.running_mean: 2.0, norm.running_var: 16.0}
    with torch.no_grad():
        for place, value in values.items():
            place.fill_(value)
        at_zero, at_one = (norm(conv(torch.full((1, 1, 1, 1), x))).item() for x in (0.0, 1.0))
    return [at_one - at_zero, at_zero]


def _most_paths():
    """Of the paths through three blocks, how many have the window that most have."""
    branches = [anatomy.conv(1), anatomy.conv(3), anatomy.conv(5), anatomy.pool(3, 1)]
    return max(Counter(map(anatomy.receptive_field, product(branches, repeat=3))).values())


INCEPTION = {
    "A5.1": Question(  # an inception block from 256 channels to 256, with at most 140,000 parameters
        lambda: (64, 64, 128, 16, 32, 32),
        "131,920. Channels are cheapest by a 1x1 or behind the pooling, 257 parameters each, and dearest by the 5x5.",
        "What does one more channel cost in each of the four branches?",
        (
            ((64, 64, 128, 16, 64, 32), "Your branches do not return 256 channels. Which of the six numbers are returned?"),
            ((80, 64, 128, 8, 16, 32), "A branch returns fewer than 32 channels. Which?"),
            ((96, 48, 96, 16, 32, 32), "Your 3x3 returns less than half of the channels. Where could they come from?"),
            ((64, 32, 128, 16, 32, 32), "A reduction keeps too little. How many channels does the filter behind it return?"),
            ((32, 64, 128, 32, 64, 32), "Too many parameters: your 5x5 returns more than 32 channels. Who is cheaper?"),
            ((32, 80, 160, 16, 32, 32), "Too many parameters: your 3x3 returns more than 128 channels. Which branch is cheaper?"),
            ((64, 96, 128, 16, 32, 32), "Too many parameters: a reduction is wide. How narrow may it be?"),
        ),
        by_fault(_block_fault),
    ),
    "A5.2": Question(  # a batch norm in evaluation, folded into the convolution in front of it
        _folded,
        "gamma / sigma = 6/4 multiplies the weights, and the bias becomes (3 - 2) x 6/4 + 1. In evaluation the layer is free.",
        "Write y as a multiple of x and a number. What does the layer do to the bias that was there?",
        (
            ([0.375, 1.375], "You divide by the variance. Which unit has the result then?"),
            ([0.25, 1.25], "The layer has learned a scale. Where is it in yours?"),
            ([1.5, -2.0], "The convolution has a bias of its own. What becomes of it?"),
            ([1.5, 5.5], "The running mean is missing. From what is it subtracted?"),
            ([1.5, 1.5], "The layer's own shift is missing. What comes at the very end?"),
            ([1.5, 1.0], "The old bias is not scaled in yours. Does it come before the scale or behind it?"),
            ([24.0, 25.0], "You multiply by sigma. Does a wide spread get wider?"),
        ),
        within(0.01),
    ),
    "A5.3": Question(  # paths through three blocks with the most common window
        _most_paths,
        "A block adds 0, 2, 4 or 2: like two coins. Three blocks are six coins, and three heads come in 20 of 64 ways.",
        "Which windows do the paths have, and how many ways lead to each? Begin with one block.",
        (
            (7, "That is how many windows there are. How many paths share the most common one?"),
            (64, "Those are all paths. Do all see as much?"),
            (6, "That is for two blocks. What does the third add to each?"),
            (9, "64 over 7: are all windows as common?"),
            (15, "That is the window next to it. Which is the most common?"),
            (24, "You count ways to take three different branches. Which branches see the same?"),
            (8, "That is the paths of a 3x3 or a pooling only. How else can the same window come about?"),
        ),
    ),
}  # fmt: skip


# ------------------------------------------------------------------------------- 6 · ResNet
def _as_wide_as(width):
    """The most channels a basic block may have, so that it has no more weights than the bottleneck of this width."""

    def weights(block):
        return sum(module.weight.numel() for module in block.modules() if isinstance(module, nn.Conv2d))

    neck = weights(models.Bottleneck(4 * width, width))
    return max(
        channels for channels in range(1, 4 * width) if 2 * anatomy.conv_parameters(channels, channels, 3, bias=False) <= neck
    )


def _short_paths(most):
    """Percent of the paths through ResNet-32 that take at most so many branches; at each block a path takes it or the wire."""
    blocks = sum(isinstance(module, models.BasicBlock) for module in models.build("resnet32", device="meta").modules())
    return 100 * sum(math.comb(blocks, taken) for taken in range(most + 1)) / 2**blocks


def _rate_for_twice_the_weights():
    """By what the rate has to be multiplied, so that a normalized layer of weights twice as long turns as much in a step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net, images, labels = models.build("plain20"), torch.randn(8, 3, 32, 32), torch.arange(8)
        before = gradient_norms(net, images, labels)[5]
        with torch.no_grad():
            [module for module in net.modules() if isinstance(module, nn.Conv2d)][5].weight.mul_(2)
        return round(before / gradient_norms(net, images, labels)[5], 2)


def _behind_in_training():
    """By how many points plain-56 is behind plain-20 on the training images, as they are."""
    table = experiments.recorded("depth").table()["training accuracy"]
    return 100 * (table["plain-20"] - table["plain-56"])


RESNET = {
    "A6.1": Question(  # the widest basic block with no more weights than a bottleneck of 96
        lambda: _as_wide_as(96),
        "17 x 96 x 96 weights against 18 c c: the basic block is hardly as wide as the neck, a quarter of what the wire carries.",
        "Write both counts down, one for the neck w, one for the channels c. What are 17 w w over 18?",
        (
            (94, "Nearly. Count the block at 94 and compare."),
            (96, "That is the neck's own width. Which of the two has more weights there?"),
            (384, "So many channels the wire carries. What would two 3x3 of that width cost?"),
            (132, "Your basic block has one 3x3. How many has it?"),
            (81, "One of the bottleneck's 1x1 is missing. What widens again at the end?"),
            (64, "You count the bottleneck's two 1x1. What stands between them?"),
            (67, "You count the bottleneck's 3x3. What stands on both sides of it?"),
            (279, "Your basic block has 1x1 filters. How many places has its window?"),
        ),
    ),
    "A6.2": Question(  # percent of ResNet-32's paths that take at most five branches
        lambda: _short_paths(5),
        "Fifteen blocks, 2 to the 15th paths, 4,944 of them through five branches or fewer. Most take seven or eight.",
        "How many blocks are there? At each a path has two ways. How many paths take exactly one branch, exactly two?",
        (
            (33.3, "You count branches. How many ways are there to choose five of fifteen?"),
            (9.16, "That is exactly five. What does *at most* include?"),
            (5.92, "That is four or fewer. What does *at most five* include?"),
            (84.9, "That is the other part. Which one was asked for?"),
            (50.0, "That is one block. Which paths take the branch of at most five out of all?"),
            (62.3, "That is for ten blocks. How many has a network of 6n + 2 layers, two to a block?"),
            (0.151, "That is a share, and about right as one. The question asks for percent."),
        ),
        within(0.01),
    ),
    "A6.3": Question(  # by what to multiply the rate for normalized weights that are twice as long
        _rate_for_twice_the_weights,
        "The gradient is half, and has to turn weights twice as long. Weights that grow slow their own learning down.",
        "Does the loss change? How long is the gradient then, and how long are the weights that it has to turn?",
        (
            (2, "You make up for one of two effects. Which other number changed?"),
            (1, "The outputs are the same, yes. But how steep is the loss along longer weights?"),
            (0.5, "Do longer weights turn more in a step of the same length?"),
            (0.25, "Two factors of two, but which way does each go?"),
            (8, "You count a factor of two once too often. What changes besides gradient and length?"),
            (16, "Is it the squares of both, or both?"),
        ),
    ),
    "A6.4": Question(  # how far plain-56 is behind on clean training images
        _behind_in_training,
        "It is behind on the images it was trained on by more than on new ones, so it does not overfit. After four epochs at one "
        "rate that is a slow start, not yet the paper's degradation.",
        "`record.table()` has a mean for each network on images as they are. Which column tells how well something was learned?",
        (
            (36.8, "Those are the test images. Which images tell overfitting from degradation?"),
            (-38.4, "Right but for the sign. Who is behind?"),
            (41.1, "That is what one of them has right. How far is it from the other?"),
            (79.5, "That is what one of them has right. How far is the other from it?"),
            (43.2, "You compare with a residual network. Which two did the question name?"),
            (1.7, "That is from training to test images within one network. Which two networks are compared?"),
            (0.384, "That is a share, and about right as one. The question asks for points."),
        ),
        within(0.1),
    ),
}


# ------------------------------------------------------------------------------- 7 · DenseNet
def _growth_fault(design):
    """What keeps (growth rate, layers) from what A7.1 asks for; "" where nothing does."""
    rate, layers = rows([design], 2, "two numbers")[0]
    first, one_block_more = 48 + rate * layers, rate * layers
    leaves = first // 2 + one_block_more
    if leaves != 168:
        known = {first: "one block", first + one_block_more: "uncompressed"}
        return known.get(168, "few maps" if leaves < 168 else "many maps")
    if layers < 4:
        return "layers"
    blocks = (models.DenseBlock(layers, maps, rate, bottleneck=False) for maps in (48, first // 2))
    weights = sum(p.numel() for block in blocks for p in block.parameters() if p.dim() == 4)
    return "" if weights <= 174_000 else "heavy"


def _written_anew():
    """How many times the maps that leave a block of 10 layers are those that its layers receive, all together."""
    block = models.DenseBlock(10, 24, 12)
    return sum(layer.layers[0].num_features for layer in block) / block.out_channels


def _narrow_saves(rate=32):
    """From how many channels on a 1x1 to twice the growth rate, then a 3x3, has fewer weights than the 3x3 alone."""

    def weights(*layers):
        return sum(anatomy.conv_parameters(*layer, bias=False) for layer in layers)

    neck = 2 * rate
    return next(c for c in range(1, 999) if weights((c, neck, 1), (neck, rate, 3)) < weights((c, rate, 3)))


DENSENET = {
    "A7.1": Question(  # growth rate and layers of two blocks, 48 maps in and 168 out, at most 174,000 weights
        lambda: (16, 6),
        "Half of 48 + 96, and 96 again. Few layers that each make many maps read less than many that make few.",
        "What leaves the second block, as a formula of growth rate times layers? Then which of the pairs reads least?",
        (
            ((20, 6), "168 maps leave your first block. What do the transition and the second block make of them?"),
            ((10, 6), "You add up two blocks. What does the transition between them do to the channels?"),
            ((12, 6), "Fewer than 168 maps leave. How many does each block add?"),
            ((24, 6), "More than 168 maps leave. How many does each block add?"),
            ((32, 3), "A block has fewer than four layers. Which other pairs add as many maps?"),
            ((8, 12), "Too many weights. Which layers read the most maps, and how many such are there?"),
        ),
        by_fault(_growth_fault),
    ),
    "A7.2": Question(  # maps that ten layers receive, over those that leave the block
        _written_anew,
        "24, 36, … 132 add up to 780, where 144 maps exist. It grows with the square of the layers, the maps along a line.",
        "How many maps does each of the ten layers receive? And how many are there in the end?",
        (
            (10, "You let each layer receive all. How many does the first one get?"),
            (4.5, "You leave out what enters the block. Who receives it?"),
            (6.42, "You count what leaves as one more copy. Which layer receives it?"),
            (6.25, "Your layers receive what they hand on as well. What does layer 1 receive?"),
            (0.18, "You have it upside down. Which of the two is larger?"),
            (780, "So many maps are received. How many leave?"),
            (32.5, "You divide by what enters. What was to be compared?"),
        ),
        within(0.02),
    ),
    "A7.3": Question(  # from how many channels on a bottleneck of twice the growth rate saves, growth rate 32
        _narrow_saves,
        "64 c + 18,432 against 288 c: each channel saves 224 weights, and the 3x3 behind has to be paid first.",
        "Write the weights down, with and without, for c channels. Where do the two lines cross?",
        (
            (256, "That is for a bottleneck of four times the growth rate. How wide is this one?"),
            (82, "Nearly. Count both at 82 and compare."),
            (96, "There it saves. Does the question ask for a multiple of 32?"),
            (64, "That is the bottleneck's own width. Where do the two lines cross?"),
            (1, "Each channel saves from the first one on. What does the 3x3 behind the bottleneck cost?"),
            (10, "Your 3x3 behind the bottleneck is a 1x1. How many places has it?"),
            (65, "Does a bottleneck save wherever it narrows? Count both."),
        ),
    ),
    "A7.4": Question(  # how far growth rate 24 is ahead of 8
        lambda: interval("growth_rate", "24", "8"),
        "Between 16 and 24 other seeds may turn it round; between 8 and 24 they do not. A growth rate is a size as well.",
        "`record.difference(a, b)` has several intervals. Which one draws seeds and images anew?",
        (
            ([6.23, 10.07], "Those are other seeds on the same images. What else could be drawn anew?"),
            ([6.99, 9.31], "Those are other images for the same networks. What else could be drawn anew?"),
            ([-9.76, -6.54], "Right but for the sign. Which of the two is to be ahead?"),
            ([5.35, 10.94], "You add up the ends of two intervals. Do both steps err the same way at once?"),
            ([8.15, 8.15], "That is the difference that was found. From where to where may it be?"),
            ([5.14, 7.69], "That is a step of eight maps. Which two did the question name?"),
            ([-1.6, 1.6], "Yours lies around zero. Around what does the interval of a difference lie?"),
        ),
        within(0.1),
    ),
}  # fmt: skip

# ------------------------------------------------------------------------------- 8 · The comparison
NETWORKS = {"A": "alexnet", "B": "densenet201", "C": "resnet20", "D": "resnet34", "E": "vgg13"}


def _by_use():
    """The networks, that with the most multiply-adds for each parameter first."""
    costs = {letter: anatomy.cost(models.build(name, device="meta")) for letter, name in NETWORKS.items()}
    return "".join(sorted(costs, key=lambda letter: costs[letter].macs / costs[letter].parameters, reverse=True))


def _paired(only_a, only_b, images):
    """The interval of a's lead over b in points, from the images that only one of them has right."""
    mean = (only_a - only_b) / images
    error = (((only_a + only_b) / images - mean**2) / images) ** 0.5
    return [100 * (mean + sign * 1.96 * error) for sign in (-1, 1)]


def _steps_that_stand():
    """Of the pairs among the six networks of one size, how many the record decides."""
    record = experiments.recorded("comparison")
    six = [name for name in record.runs if name != "lenet5"]
    return sum(record.difference(*pair).decided for pair in combinations(six, 2))


COMPARISON = {
    "A8.1": Question(  # five networks, by how often a parameter is used
        _by_use,
        "Multiply-adds over parameters: 214, 168, 151, 85 and 18. Dense layers use a weight once, and the larger their part, "
        "the less a parameter works.",
        "How often is a weight of a convolution used for an image, and how often one of a dense layer? Then count.",
        (
            ("EBDAC", "That is the order of the multiply-adds. Among how many parameters are they shared?"),
            ("EADBC", "That is the order of the parameters. How much does each of them do?"),
            ("CBDAE", "Fewest parameters first. How much does each of them do?"),
            ("AECDB", "From the other end it would be right. Which did the question ask for first?"),
            ("EABDC", "You divide by the parameters of the convolutions. Which others are there?"),
            ("BCDEA", "Two neighbours are exchanged. Which of the two ResNets works on larger maps?"),
        ),
        word,
    ),
    "A8.2": Question(  # 4,000 images, 180 right for a only and 140 for b only
        lambda: _paired(180, 140, 4_000),
        "A point, and 0.88 to each side. Reckoned apart the two results would overlap by far.",
        "Each image counts 1, -1 or 0. What is the mean of these numbers, and what their deviation?",
        (
            ([-0.5, 2.5], "You let each network have images of its own. Which images decide where both are tested on the same?"),
            ([0.55, 1.45], "That is one standard error to each side. How many make 95%?"),
            ([1.63, 23.37], "You leave out the images on which they agree. What do these count?"),
            ([-1.88, -0.12], "Right but for the sign. Which of the two is to be ahead?"),
            ([0.001, 0.019], "Those are shares. In which unit was the answer asked for?"),
            ([-0.04, 2.04], "You take the error of one accuracy. Which numbers have the mean that you want?"),
            ([-0.88, 0.88], "Yours lies around zero. Around what does the interval of a difference lie?"),
        ),
        within(0.02),
    ),
    "A8.3": Question(  # percent: at least one of twelve intervals of 95% leaves zero out where nothing is there
        lambda: 100 * (1 - 0.95**12),
        "All twelve hold zero with 0.95 to the 12th. Whoever compares much finds something: say how many comparisons were made.",
        "How likely is it that a single one holds zero? And that all twelve do?",
        (
            (60, "You add up. With 25 comparisons, would it be above 100%?"),
            (5, "That is a single comparison. How often does chance get an opportunity?"),
            (54.0, "So likely is it that none does. Which was asked for?"),
            (34.1, "That is exactly one. What does *at least one* include?"),
            (26.2, "You take one side only. Where else may an interval lie?"),
            (0.46, "That is a share, and about right as one. The question asks for percent."),
            (0, "Nothing is there to be found, true. How often does an interval of 95% say otherwise?"),
        ),
        within(0.3),
    ),
    "A8.4": Question(  # of the fifteen pairs of six networks, those that the record decides
        _steps_that_stand,
        "Undecided are VGG, NIN and DenseNet among each other, and GoogLeNet against ResNet-20: three ranks rather than six.",
        "`itertools.combinations` makes the pairs, and a difference says itself whether it is `decided`.",
        (
            (2, "Those are steps between neighbours of the ranking. Which pairs are there besides?"),
            (15, "That is how many pairs there are. Which of them would other seeds or images turn round?"),
            (14, "Those are other seeds on the same images. What else could be drawn anew?"),
            (17, "You count LeNet-5 in. Which networks did the question name?"),
            (4, "So many are not decided. Which were asked for?"),
            (5, "That is how many steps a ranking of six has. How many pairs has it?"),
            (22, "You count each pair both ways round. Is a against b another question than b against a?"),
        ),
    ),
}

GRADED: dict[str, Question] = ILSVRC | ALEXNET | VGG | CONV1X1 | INCEPTION | RESNET | DENSENET | COMPARISON
