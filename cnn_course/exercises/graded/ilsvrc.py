"""Assignment 1: ILSVRC and the basics."""

import math

from cnn_course import anatomy
from cnn_course.exercises.asking import Question, within
from cnn_course.exercises.comparing import by_fault, rows


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


QUESTIONS = {
    "A1.1": Question(  # three layers from 96 pixels to 6, none left over
        lambda: [(4, 4), (2, 2), (2, 2)],
        "Strides multiply, here to sixteen at most, and each kernel has to leave a multiple of its stride.",
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
