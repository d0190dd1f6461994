"""Assignment 5: Inception."""

from collections import Counter
from itertools import product

import torch
from torch import nn

from cnn_course import anatomy, models
from cnn_course.exercises.asking import Question, within
from cnn_course.exercises.comparing import by_fault, rows


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


QUESTIONS = {
    "A5.1": Question(  # an inception block from 256 channels to 256, with at most 140,000 parameters
        lambda: (64, 64, 128, 16, 32, 32),
        "One such block has 131,920. Channels are cheapest by a 1x1 or behind the pooling, 257 parameters each. Behind a "
        "reduction to r channels one costs 9 r + 1 by a 3x3 and 25 r + 1 by a 5x5, here 577 and 401.",
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
