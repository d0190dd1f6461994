"""The questions of notebook 2."""

import math

import torch

from cnn_course import anatomy, models
from cnn_course.exercises.asking import Question, within
from cnn_course.training.device import seeded


def _uses():
    """How many multiply-adds of one image a single weight of conv2 takes part in."""
    net = models.build("alexnet_two_gpus", device="meta")
    return anatomy.trace(net).macs["features.conv2"] / net.features.conv2.weight.numel()


def _without_counting_groups():
    """By what the signal behind conv5 changes where the inputs of grouped filters are counted as if there were one group."""
    with seeded(0):
        net, images = models.build("alexnet_cifar", groups=2, norm=None), torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        before = net.features(images).norm()
        for layer in net.features:
            if getattr(layer, "groups", 1) == 2:
                layer.weight /= math.sqrt(2)
        return (net.features(images).norm() / before).item()


def _never_as_it_is(epochs=12, padding=4):
    """Percent of the images that are not shown once as they are, of shifts and mirror images that are all as likely."""
    return 100 * (1 - 1 / (2 * (2 * padding + 1) ** 2)) ** epochs


def _one_for_all():
    """The deviation that has He's effect when all of the first seven layers share it."""
    weights = [p for p in models.build("alexnet_two_gpus", device="meta").parameters() if p.dim() > 1][:7]
    return math.exp(sum(math.log(math.sqrt(2 / weight[0].numel())) for weight in weights) / len(weights))


QUESTIONS = {
    "02.1": Question(  # multiply-adds that one weight of conv2 takes part in
        _uses,
        "The filter slides over 27 x 27 places, before the pooling and whatever the groups. A weight of fc6 is used once: "
        "hence few parameters and much work here, and the reverse there.",
        "A filter stands at every place of the map that it makes. How large is that map, as it leaves the convolution?",
        (
            (1, "So it is in a dense layer. What does a convolution do with the same filter?"),
            (169, "The box in the diagram is the map behind the pooling. Where has the filter been before?"),
            (27, "The filter slides in two directions."),
            (3025, "That is the map of conv1, as it leaves the convolution. What comes before conv2?"),
            (364.5, "The groups halve what a filter sees. Do they halve the places at which it stands?"),
            (25, "That is how many weights look at one map. You were asked about a single one of them."),
            (18_225, "You count for all 25 weights of a window. How many of them were you asked about?"),
            (186_624, "Another filter has weights of its own. Does it use this one?"),
            (529, "That is a convolution without padding. Does the map shrink here?"),
            (223_948_800, "That is what all weights of the layer do together."),
        ),
        within(0.7),  # work over parameters, biases among them, or as the diagram rounds them
    ),
    "02.2": Question(  # the signal behind conv5, with He's initialization whose n forgets the groups of conv2, conv4 and conv5
        _without_counting_groups,
        "Three of the five layers count twice as many inputs as they have. Each draws weights too small by a root of 2, and "
        "ReLU and pooling hand that on: 1 / sqrt(8).",
        "Which layers have groups, by what is n wrong there, and what does that do to a deviation?",
        (
            (0.7071, "That is one layer. How many of the five have groups?"),
            (0.5, "Either you count two layers, or you take one of them for twice as bad as it is. Which layers have groups?"),
            (0.125, "n stands in the variance. What happens to the deviation, and so to the signal?"),
            (0.1768, "You count all five. Do conv1 and conv3 have groups?"),
            (2.828, "n was taken too large. Do the weights get larger?"),
            (8, "You divide where n stands below the line. And is a signal as large as its variance?"),
            (1, "A ReLU does cut off half. But what does it do with a signal that is half as large?"),
            (1.4142, "n was taken too large, and that in more than one layer."),
        ),
        within(0.006),
    ),
    "02.3": Question(  # percent of the images that twelve epochs of shifts and mirrors never show as they are
        _never_as_it_is,
        "There are 2 x 9 x 9 = 162 versions, and (161/162)^12 is 0.93. Most images are never seen as they are, and the "
        "squares in the record's figure are measured on images as they are.",
        "How many versions of an image are there, all as likely? Then think of what has to happen twelve times.",
        (
            (7.2, "That many are shown as they are at least once. Which ones were asked for?"),
            (99.4, "That is a single epoch. How often does the network get the chance?"),
            (86.1, "Shifts alone: what about the mirror?"),
            (91.0, "From -4 to +4: are there eight shifts?"),
            (50.4, "You shift in one direction only. Can an image go up and to the left?"),
            (68.3, "Up to 4 pixels *each* way: which shifts does that allow?"),
            (0, "Twelve draws, but out of how many versions?"),
            (0.93, "That is a share, and about right as one. The question asks for percent."),
        ),
        within(0.6),
    ),
    "02.4": Question(  # one deviation for the first seven layers
        _one_for_all,
        "0.01 over the seventh root of 3e-4, three times AlexNet's. It nearly suits conv3 to conv5; conv1 wants more than twice "
        "as much, fc6 less than half.",
        "A layer's factor is its deviation over He's. What must the seven factors give together, and how do they combine?",
        (
            (0.0356, "That is the mean of He's seven values. Do the factors of layers in a row add up?"),
            (0.034, "That is the one in the middle. Do the others on both sides of it make up for each other?"),
            (0.0305, "fc8 is in there too. Which layers does the signal behind fc7 come through?"),
            (0.0261, "You took the mean of n first. Do the factors of layers in a row add up?"),
            (0.0031, "You went the other way. Is 0.01 too large or too small for these layers?"),
            (33.6, "You make up for all seven layers, and that in each of them."),
            (0.01, "With 0.01 the product of the seven is 3e-4. What should it be?"),
        ),
        within(0.0006),
    ),
}  # fmt: skip
