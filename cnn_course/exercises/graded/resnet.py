"""Assignment 6: ResNet."""

import math

from torch import nn

from cnn_course import anatomy, experiments, models
from cnn_course.exercises.asking import Question, within
from cnn_course.exercises.resnet import gradient_with_longer_weights


def _as_wide_as(width):
    """The most channels a basic block may have, so that it has no more weights than the bottleneck of this width."""

    def weights(block):
        return sum(module.weight.numel() for module in block.modules() if isinstance(module, nn.Conv2d))

    neck = weights(models.Bottleneck(4 * width, width))
    return max(
        channels for channels in range(1, 4 * width) if 2 * anatomy.conv_parameters(channels, channels, 3, bias=False) <= neck
    )


def _short_paths(most):
    """Percent of the paths through ResNet-32 that take at most so many branches; at each block a path takes it or the skip."""
    blocks = sum(isinstance(module, models.BasicBlock) for module in models.build("resnet32", device="meta").modules())
    return 100 * sum(math.comb(blocks, taken) for taken in range(most + 1)) / 2**blocks


def _behind_in_training():
    """By how many points plain-56 is behind plain-20 on the training images, as they are."""
    table = experiments.recorded("degradation").table()["training accuracy"]
    return 100 * (table["plain-20"] - table["plain-56"])


QUESTIONS = {
    "A6.1": Question(  # the widest basic block with no more weights than a bottleneck of 96
        lambda: _as_wide_as(96),
        "17 x 96 x 96 weights against 18 c c: the basic block is hardly as wide as the neck, a quarter of what the skip carries.",
        "Count the weights of both: the bottleneck's three layers, in terms of its neck, and the basic block's two.",
        (
            (94, "Nearly. Count the block at 94 and compare."),
            (96, "That is the neck's own width. Which of the two has more weights there?"),
            (384, "So many channels the skip carries. What would two 3x3 of that width cost?"),
            (131, "Your basic block has one 3x3. How many has it?"),
            (81, "One of the bottleneck's 1x1 is missing. What widens again at the end?"),
            (64, "You count the bottleneck's two 1x1. What stands between them?"),
            (67, "You count the bottleneck's 3x3. What stands on both sides of it?"),
            (279, "Your basic block has 1x1 filters. How many places has its window?"),
        ),
    ),
    "A6.2": Question(  # percent of ResNet-32's paths that take at most five branches
        lambda: _short_paths(5),
        "Fifteen blocks, 2 to the 15th paths, 4,944 of them through five branches or fewer. Two in five take seven or eight.",
        "How many blocks are there? At each a path has two ways. How many paths take exactly one branch, exactly two?",
        (
            (100 / 3, "You count branches. How many ways are there to choose five of fifteen?"),
            (9.16, "That is exactly five. What does *at most* include?"),
            (5.92, "That is four or fewer. What does *at most five* include?"),
            (84.91, "That is the other part. Which one was asked for?"),
            (50.0, "Half of the paths take the branch of one given block. How many take at most five of all the branches?"),
            (62.3, "That is for ten blocks. How many has a network of 6n + 2 layers, two to a block?"),
            (0.151, "That is a share, and about right as one. The question asks for percent."),
        ),
        within(0.01),
    ),
    "A6.3": Question(  # by what to multiply the rate for normalized weights that are twice as long
        lambda: round(1 / gradient_with_longer_weights(2), 2),
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
        within(0.01),
    ),
    "A6.4": Question(  # how far plain-56 is behind on clean training images
        _behind_in_training,
        "It is behind on the images it was trained on by about as much as on new ones, so it does not overfit. Each network had "
        "a rate of its own; how far a longer training would close the gap, twelve epochs do not say.",
        "`record.table()` has a mean for each network on images as they are. Which column tells how well something was learned?",
        (
            (21.2, "Those are the test images. Which images tell overfitting from degradation?"),
            (-22.8, "Right but for the sign. Who is behind?"),
            (66.4, "That is what one of them has right. How far is it from the other?"),
            (89.2, "That is what one of them has right. How far is the other from it?"),
            (27.0, "You compare with a residual network. Which two did the question name?"),
            (3.5, "That is from training to test images within one network. Which two networks are compared?"),
            (0.228, "That is a share, and about right as one. The question asks for points."),
        ),
        within(0.1),
    ),
}
