"""The questions of notebook 6."""

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import models
from cnn_course.exercises.asking import Question, within
from cnn_course.labs.measuring import gradient_norms
from cnn_course.training.device import seeded

DEEPER_AND_SHALLOWER = {"A": ((9, 14), (5, 11)), "B": ((1, 14), (5, 11)), "C": ((1, 10), (5, 11))}  # errors: training, test


def _diagnoses():
    found = []
    for (train, test), (train_before, test_before) in DEEPER_AND_SHALLOWER.values():
        worse = "degradation" if train > train_before else "overfitting"
        found.append(worse if test > test_before else "neither")
    return found


def _silenced():
    """ResNet-20 whose branches all give zero, at first: the scale of each block's last batch norm is 0."""
    net = models.build("resnet20")
    for block in net.modules():
        if isinstance(block, models.BasicBlock):
            nn.init.zeros_(block.bn2.weight)
    return net


def _heard():
    """How many of the values behind the stem have an influence on what leaves the last block."""
    x = torch.ones(1, 16, 32, 32, requires_grad=True)
    _silenced().eval().stages(x).sum().backward()
    return int(x.grad.count_nonzero())


def _reached():
    """How many of the convolutions get a gradient."""
    with seeded(0):
        net = _silenced().train()
        F.cross_entropy(net(torch.randn(8, 3, 32, 32)), torch.arange(8)).backward()
    return sum(bool(module.weight.grad.any()) for module in net.modules() if isinstance(module, nn.Conv2d))


def gradient_with_longer_weights(times):
    """|gradient| / |weight| of a normalized layer whose weights are so many times as long, over what it was before."""
    with seeded(0):
        net, images, labels = models.build("plain20"), torch.randn(8, 3, 32, 32), torch.arange(8)
        before = gradient_norms(net, images, labels)[5]
        with torch.no_grad():
            [module for module in net.modules() if isinstance(module, nn.Conv2d)][5].weight.mul_(times)
        return gradient_norms(net, images, labels)[5] / before


QUESTIONS = {
    "06.1": Question(  # overfitting, degradation or neither, of three pairs
        _diagnoses,
        "More layers made A worse on its own training images and B only on new ones. C is better on both, with a wider gap.",
        "Which of the two errors says how well a network was trained? Compare that one first. Is anything else worse?",
        (
            (("overfitting", "overfitting", "neither"), "One of the two that you say overfit learned its training images worse."),
            (("degradation", "degradation", "neither"), "One of the two that you say degraded has almost no training error."),
            (("degradation", "overfitting", "overfitting"), "The gap of C is wide. On which images is it worse?"),
            (("degradation", "overfitting", "degradation"), "A low training error is no fault. What is worse in C?"),
            (("overfitting", "degradation", "neither"), "Two words are exchanged. On which images does overfitting look good?"),
            (("overfitting", "overfitting", "overfitting"), "All six networks have such a gap. Compare deeper with shallower."),
            (("neither", "overfitting", "neither"), "The gap of A is narrower than its rival's. Is A as good, then?"),
        ),
    ),
    "06.2": Question(  # how many of the 16 x 32 x 32 values behind the stem reach the end of ResNet-20 by skips alone
        _heard,
        "Two stages begin with a skip that takes one pixel of four: 16 channels of 8 x 8 are left, beside 48 channels of zeros.",
        "Follow one channel from block to block. Where does the skip leave pixels out, and in which directions?",
        (
            (16_384, "A skip hands everything on where shapes match. Do they match at all nine blocks?"),
            (8_192, "Every second pixel along a row. What happens to the rows?"),
            (4_096, "One change of shape, or all that enters the pooling? Count the changes, and mind the zeros."),
            (256, "You shrink the map three times. Does the first stage begin with a stride?"),
            (64, "The pooling makes a mean of each channel. How many values does a mean listen to?"),
            (0, "Each branch gives zero. What else enters the sums?"),
            (16, "You count channels. How many of their pixels does a mean listen to?"),
        ),
    ),
    "06.3": Question(  # convolutions of ResNet-20 with a gradient, with the scale of each last batch norm at 0
        _reached,
        "What goes back into a branch is multiplied by its scale, 0. The stem is reached by the skips. The scales do get "
        "gradients, so from the second step on all 19 may learn.",
        "A gradient that goes back into a branch passes its last batch norm first. What is it multiplied by there?",
        (
            (19, "The skips do carry a gradient past every block. What multiplies the part that turns off into a branch?"),
            (0, "Does every convolution of the network lie on a branch?"),
            (10, "You let one convolution of each block learn. Which factor do both of them have behind them?"),
            (9, "You let one convolution of each block learn, and cut off the one that lies on no branch."),
            (18, "That is the number of convolutions on branches. What stands between them and the sums?"),
            (2, "The dense layer learns too. Is it one of the 19?"),
            (3, "Shortcut A has no convolution where a stage begins. What is left that is on no branch?"),
        ),
    ),
    "06.4": Question(  # |gradient| / |weight| after the weights of a normalized convolution are multiplied by 10
        lambda: round(gradient_with_longer_weights(10), 3),
        "The outputs stay, so weights ten times as long feel a tenth of the slope, and that is divided by their length.",
        "Does the loss change? Then how steep is it along weights that are ten times as long?",
        (
            (0.1, "You have one of two effects. Either the gradient changes, or what divides it: which did you leave out?"),
            (1, "The loss stays the same, yes. But a step of the same length turns longer weights by less."),
            (10, "Larger outputs would have larger gradients. What does batch normalization make of them?"),
            (100, "Two factors of ten, but which way does each go?"),
            (0.001, "You divide by ten once too often."),
            (0, "It gets small, but which step of the calculation would make it vanish?"),
        ),
        within(0.0003),  # who measures it finds it to three digits
    ),
}  # fmt: skip
