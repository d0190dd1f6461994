"""Assignment 4: 1x1 convolution."""

import torch
from torch import nn

from cnn_course import anatomy
from cnn_course.exercises.asking import Question, within
from cnn_course.exercises.comparing import by_fault, choice, rows
from cnn_course.training.device import seeded


def _path_fault(design):
    """What keeps layers (channels in, channels out, kernel, stride, groups) from what A4.1 asks for; "" where nothing does."""
    path = rows(design, 5, "layers (channels in, channels out, side of the filter, stride, groups)")
    if any(before[1] != after[0] for before, after in zip(path, path[1:], strict=False)):
        return "joint"
    if any(into % groups or out % groups for into, out, _, _, groups in path):
        return "shares"
    if (path[0][0], path[-1][1]) != (128, 256):
        return "ends"
    side, costs = 28, []
    reached = torch.eye(path[0][0], dtype=torch.bool)  # which channel of the input each channel can depend on
    for into, out, kernel, stride, groups in path:
        side = anatomy.output_size(side, kernel, stride, padding=kernel // 2)
        costs.append(anatomy.conv_macs(into, out, kernel, side, groups))
        reached = reached.view(groups, into // groups, -1).any(1).repeat_interleave(out // groups, 0)
    if side != 14:
        return "side"
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
    with seeded(0), torch.no_grad():
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


QUESTIONS = {
    "A4.1": Question(  # 128x28x28 to 256x14x14, all channels mixed, a window of 5, at most 8 million multiply-adds
        lambda: [(128, 128, 5, 2, 128), (128, 256, 1, 1, 1)],
        "Look first, one filter a channel, and stride there; then mix at a quarter of the pixels: 7.05 million, where a plain "
        "5x5 needs 160.6.",
        "One layer looks, another mixes. What does each cost at 28 and at 14 pixels?",
        (
            ([(128, 128, 3, 2, 128), (256, 256, 3, 1, 256), (256, 256, 1, 1, 1)],
             "One of your layers expects other channels than the one before hands on. Read it as a chain."),
            ([(128, 128, 5, 2, 3), (128, 256, 1, 1, 1)], "Your groups cannot share the channels equally. Which numbers can?"),
            ([(128, 128, 5, 1, 128), (128, 256, 1, 1, 1)], "Your path does not end at 14x14. Which layer changes the side?"),
            ([(128, 128, 5, 2, 128)], "Your path does not lead from 128 maps to 256. Which layer changes their number?"),
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
