"""The questions of notebook 5."""

from itertools import count, product

import torch
from torch import nn

from cnn_course import anatomy
from cnn_course.exercises.asking import Question, within
from cnn_course.models.inception import GOOGLENET_BLOCKS

STEM = [anatomy.conv(7, 2), anatomy.pool(3, 2), anatomy.conv(1), anatomy.conv(3), anatomy.pool(3, 2)]
BRANCHES = [anatomy.conv(1), anatomy.conv(3), anatomy.conv(5), anatomy.pool(3, 1)]


def _windows():
    """How many windows the paths through blocks 3a and 3b have."""
    return len({anatomy.receptive_field([*STEM, *path]) for path in product(BRANCHES, repeat=2)})


def _widest_reduction():
    """The widest reduction of block 3a's 3x3 branch that still saves parameters."""
    width = GOOGLENET_BLOCKS["3a"][2]
    plain = anatomy.conv_parameters(192, width, 3)
    return max(r for r in range(1, 193) if anatomy.conv_parameters(192, r, 1) + anatomy.conv_parameters(r, width, 3) < plain)


def _two_images():
    norm = nn.BatchNorm2d(1, eps=1e-9)
    batches = (torch.tensor(pair).view(2, 1, 1, 1) for pair in ((3.0, 7.0), (3.0, 700.0)))
    return [value for batch in batches for value in norm(batch).flatten().tolist()]


def _two_small_for_a_large():
    return anatomy.conv_parameters(16, 32, 3) + anatomy.conv_parameters(32, 32, 3)


def _batches_until_near():
    """Batches of mean 5 until a running mean that begins at 0 is within 1%."""
    norm, batch = nn.BatchNorm2d(1), torch.full((2, 1, 2, 2), 5.0)
    for batches in count(1):
        norm(batch)
        if norm.running_mean.item() > 0.99 * 5:
            return batches


QUESTIONS = {
    "05.1": Question(  # windows of the 16 paths through 3a and 3b
        _windows,
        "Paths multiply, windows add: 27 pixels, and 0, 16, 32, 48 or 64 more. One path sees the smallest, six the middle one.",
        "Write down what each branch of a block adds to the window; then the sums of two such numbers.",
        (
            (16, "You count paths. Does the pooling see anything that the 3x3 does not?"),
            (9, "Three by three. Is a 1x1 and then a 5x5 larger or smaller than a 5x5 and then a 1x1?"),
            (6, "Unordered pairs of three. Compare a 3x3 twice with a 1x1 and a 5x5."),
            (3, "That is one block. What does the second add to each of the three?"),
            (4, "Four branches, or four steps from the smallest window to the largest? Count the windows themselves."),
            (8, "You add up the branches of two blocks. A path takes one of each."),
        ),
    ),
    "05.2": Question(  # the widest reduction that saves
        _widest_reduction,
        "Each channel adds 1,345 parameters, and the line meets the plain 3x3 between 164 and 165. The paper's 96 is well below.",
        "Write the count of the two layers as a function of r: it is a straight line. And a width is a whole number.",
        (
            (165, "Nearly. Count the branch at 165 and compare."),
            (191, "You count the 3x3 alone. What does the reduction itself cost?"),
            (192, "At 192 the 3x3 reads what it read before. What was added in front of it?"),
            (96, "That is the paper's. How much wider could it be?"),
            (128, "That is what the branch returns. Does a reduction stop saving where it is as wide as that?"),
            (54, "That leaves a third, the number of the lecture notes. The question asks where nothing is saved any more."),
            (76, "Your 3x3 has one weight for each pair of channels. How many places has it?"),
        ),
    ),
    "05.3": Question(  # two images of one pixel a channel, batch norm in training
        _two_images,
        "Of two values only the order is left: the larger becomes 1, by however much it is larger. Statistics need many values; "
        "64 images with maps of 32x32 have 65,536 a channel.",
        "Four numbers. Take the mean of the two values, then the root of their mean squared distance from it.",
        (
            ([-2, 2, -348.5, 348.5], "The mean is gone, the spread is not. What do you divide by?"),
            ([-0.71, 0.71, -0.71, 0.71], "You divide the squares by n - 1. Which variance does the layer normalize by?"),
            ([-0.5, 0.5, -0.003, 0.003], "You divide by the variance. Which unit has the result then?"),
            ([0, 0, 0, 0], "You normalize each image by itself. Whose mean is it in training?"),
            ([-1, 1, -174.25, 174.25], "The second batch is divided by the spread of the first. Which batch does the layer ask?"),
            ([0, 1, 0, 1], "You stretch from the smallest to the largest. What does the formula take off instead?"),
            ([3, 7, 3, 700], "With scale 1 and shift 0 the last step does nothing. What comes before it?"),
            ([1, -1, 1, -1], "Right but for the sign. Is the larger value above the mean?"),
        ),
        within(0.01),
    ),
    "05.4": Question(  # two 3x3 of 32 channels in place of block 3a's 5x5
        _two_small_for_a_large,
        "More than the 5x5: the second 3x3 reads 32 channels, where the 5x5 read 16. The 28% that two 3x3 save are for equal "
        "channels.",
        "Two layers, each with its own number of input channels. What does the second read?",
        (
            (12_832, "That is the 5x5. The window is the same: are the parameters?"),
            (9_239, "72% of the 5x5: true where all layers have the same channels. Have these?"),
            (9_280, "Both of yours read 16 channels. What does the first hand to the second?"),
            (6_960, "Your first 3x3 returns 16 channels. How many does the question give it?"),
            (18_496, "Both of yours read 32 channels. What does the reduction hand to the first?"),
            (13_824, "The weights are right. What else has a convolution of 2014?"),
            (4_640, "That is the first of the two."),
        ),
    ),
    "05.5": Question(  # batches until a running mean is within 1%
        _batches_until_near,
        "What is missing shrinks by a tenth of itself each time: 0.9 to the 43rd is 1.08%, to the 44th 0.97%. After ten batches "
        "it would still be 35%.",
        "What is missing after one batch, and which part of that after the next?",
        (
            (10, "A tenth of the way each time, but of the way that is left. How far is it after two batches?"),
            (43, "Nearly: what is missing after 43 batches, to a hundredth of a per cent?"),
            (45, "One more than needed. What is missing after 44?"),
            (22, "That is within 10%. The question asks for 1%."),
            (2, "You let each batch take nine tenths. Which part is kept, and which is new?"),
            (1, "One batch gives the average 0.5, not 5. How does it begin?"),
            (99, "You take one per cent at a time. What shrinks, and by which factor?"),
        ),
    ),
}  # fmt: skip
