"""Assignment 2: AlexNet."""

import math

from cnn_course import anatomy, experiments
from cnn_course.exercises.asking import Question, within
from cnn_course.exercises.comparing import word

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


QUESTIONS = {
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
        "The interval reaches from 0.7 points worse to 0.4 better. Twelve epochs and three seeds do not show that the three "
        "together help, nor that they do not.",
        "An interval that holds zero has two ends. Which of them is further from zero?",
        (
            (0.15, "That is the difference that was found. How large may it be, and go unseen?"),
            (0.40, "That is one end of the interval. How far is the other from zero?"),
            (0.55, "That is half of the interval's width. Is it as far from zero on both sides?"),
            (1.11, "That is the whole width. From where is a difference measured?"),
            (0.46, "Those are other seeds on the same images. What else could be drawn anew?"),
            (0.58, "Those are other images for the same networks. What else could be drawn anew?"),
            (1.59, "You compare with another variant. Which two did the question name?"),
        ),
        within(0.02),
    ),
}
