"""The questions of notebook 8."""

import torch

from cnn_course import anatomy, models
from cnn_course.exercises.asking import Question, within

DISAGREE, GAP = 0.08, 0.003  # shares of the test images
DEVIATION = 0.24  # points, of the recorded seeds of vgg_cifar


def _twice_as_wide():
    """By how many times parameters, multiply-adds and kept bytes of ResNet-20 grow from images of 32 to images of 64 pixels."""
    net = models.build("resnet20")
    small, large = ((anatomy.cost(net, (3, side, side)).macs, anatomy.kept_bytes(net, (3, side, side))) for side in (32, 64))
    return 1.0, large[0] / small[0], large[1] / small[1]


def _images():
    """How many test images make 1.96 paired standard errors as small as the gap."""
    return (DISAGREE - GAP**2) * (1.96 / GAP) ** 2


def _best_of_five():
    """How far, in points, the best of five seeds lies above their mean, on average."""
    drawn = torch.randn(200_000, 5, generator=torch.Generator().manual_seed(0))
    return DEVIATION * drawn.amax(dim=1).mean().item()


QUESTIONS = {
    "08.1": Question(  # times parameters, multiply-adds, kept bytes of ResNet-20, for images twice as wide and twice as high
        _twice_as_wide,
        "A weight is used at every place, and there are four times as many places; each leaves values that the way back needs. "
        "The weights stay the same ones: its only dense layer stands behind the mean over the map.",
        "Follow one 3x3 layer. How many weights has it, at how many places is each used, how many values come out?",
        (
            ((4, 4, 4), "Does a 3x3 filter get more weights when its map gets larger?"),
            ((1, 4, 1), "What the backward pass needs kept are maps. Are they as large as before?"),
            ((1, 1, 1), "The same weights, yes. At how many places of a map is each of them used now?"),
            ((1, 2, 2), "Twice as wide, and twice as high."),
            ((2, 4, 4), "Which layer would get more weights? A dense one that reads a whole map: does this network have one?"),
            ((1, 4, 2), "A map has two sides, for its values as for the work."),
            ((1, 16, 4), "Each weight works at more places, but the filter itself does not grow."),
        ),
        within(0.05),
    ),
    "08.2": Question(  # test images for a gap of 0.3 points to leave the interval, where 8% are right for one network only
        _images,
        "More than three times CIFAR-10's test set, and other seeds are not in it. With images of its own for each network it "
        "would be more than twice as many.",
        "Each image counts 1, -1 or 0. What is the deviation of these numbers, and when are 1.96 standard errors 0.003?",
        (
            (8_880, "At that many the gap is one standard error. How many is the end of the interval away?"),
            (76_800, "You let each network have images of its own. Which images decide where both are tested on the same?"),
            (38_400, "That is the error of one accuracy of 90%. Two networks are compared: on which images do they differ?"),
            (10_000, "With so many the interval in the fact check reaches 0.6 points to each side. Does it leave out 0.3?"),
            (2_730, "Only those on which they disagree? Most images tell nothing, but they have to be looked at."),
            (103, "The error falls with the square root of the number of images."),
            (136_600, "An interval reaches 1.96 standard errors to each side of the gap. Did you take twice that?"),
        ),
        lambda given, expected: abs(given - expected) <= 0.05 * expected,
    ),
    "08.3": Question(  # points that the best of five seeds lies above their mean, where one seed varies by 0.24
        _best_of_five,
        "About as much as ResNet-20 is ahead of GoogLeNet here. Ask of a single number whether it was the best of several.",
        "Draw five numbers with torch.randn, take the largest, repeat many times. A deviation of 1 becomes one of 0.24.",
        (
            (0.0, "A mean of five would be off by nothing on average. Is the best of five as likely too low as too high?"),
            (0.24, "That is how far one seed is off, above or below. How far above is the luckiest of five?"),
            (0.11, "That is how much a mean of five wobbles. The question is after the largest."),
            (0.56, "That is from the worst to the best. How far is the best from the middle?"),
            (0.47, "Only one run in forty lies so far above the mean. How often is one of five that lucky?"),
            (1.16, "So it would be if one seed varied by a whole point."),
            (1.2, "Five times the deviation of one? The largest of five is one of them."),
        ),
        within(0.021),
    ),
}
