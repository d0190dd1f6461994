"""The questions of notebook 3."""

from itertools import permutations
from math import prod

import torch
import torch.nn.functional as F

from cnn_course import anatomy
from cnn_course.exercises.asking import Question, within
from cnn_course.training.device import seeded

conv, pool = anatomy.conv, anatomy.pool
FOUR = conv(3), conv(5), pool(2), conv(3, stride=2)


def _doubling():
    stack = anatomy.conv_parameters(64, 128, 3, bias=False) + anatomy.conv_parameters(128, 128, 3, bias=False)
    return anatomy.conv_parameters(64, 128, 5, bias=False) / stack


def _widest():
    return list(max(permutations(FOUR), key=anatomy.receptive_field))


def _jumps(layers):
    """At which jump each of the four layers stands: where that is the same, so is the window."""
    layers = list(layers)
    if sorted(map(repr, layers)) != sorted(map(repr, FOUR)):
        raise ValueError("it takes each of the four layers once, and no other")
    befores = [1, *anatomy.receptive_fields(layers).jump][:-1]
    return sorted(zip(map(repr, layers), befores, strict=True))


def _same_window(given, expected):
    return _jumps(given) == _jumps(expected)


def _places():
    """Of a 7x7 filter on the last map of VGG-16, for a picture of 384x512."""
    sides = [384, 512]
    for _ in range(5):
        sides = [anatomy.output_size(side, 2, 2) for side in sides]
    return prod(anatomy.output_size(side, 7) for side in sides)


def _directions():
    """The rank of the map from two 3x3 filters to their product, a 5x5 filter, near random ones."""

    def product(first, second):
        return F.conv2d(first[None, None], second.flip(0, 1)[None, None], padding=2)

    with seeded(0):
        slopes = torch.autograd.functional.jacobian(product, tuple(torch.randn(2, 3, 3).double()))
    return int(torch.linalg.matrix_rank(torch.cat([slope.reshape(25, 9) for slope in slopes], 1)))


QUESTIONS = {
    "03.1": Question(  # weights of one 5x5 over those of two 3x3, where a stage goes from 64 to 128 channels
        _doubling,
        "Where a stage doubles its channels, the stack saves nothing: here it even costs more. Of five stages only the last "
        "keeps its channels, so the paper's 5x5 network has 15% more weights in its convolutions, not 39%.",
        "Write down, for each of the three layers, how many channels enter and how many leave. Which of them see 64?",
        (
            (1.39, "That is 25/18, for as many channels in as out. Where does this stage change its channels?"),
            (2.78, "That is 25/9: you compare with one 3x3 layer. How many stand in the stack?"),
            (1.08, "That is the stack over the 5x5. Which of the two is asked for?"),
            (0.69, "Both of your 3x3 layers get 128 channels. What enters the stage?"),
            (1.85, "Your 5x5 gets 128 channels, but nothing stands before it that could have made them."),
            (0.46, "Your 5x5 puts out 64 channels. With how many does the stage end?"),
            (5.56, "Your 5x5 gets 128 channels, and your stack has one layer only."),
        ),
        within(0.006),
    ),
    "03.2": Question(  # the order of four layers in which the last value sees most
        _widest,
        "A layer adds (k - 1) jumps, so those that make the jump grow come first: 30 pixels, where the other way round it is 11. "
        "The price: the map is a sixteenth before a filter without a stride has looked at it.",
        "Compare two orders on paper. Which layers make the jump grow, and which can still use it?",
        (
            ([conv(3), conv(5), conv(3, stride=2), pool(2)],
             "Both layers with a stride stand at the end. Who is left to see further for it?"),
            ([conv(3), conv(5), pool(2), conv(3, stride=2)],
             "Your pooling helps one convolution. How many of them could it help?"),
            ([conv(5), conv(3, stride=2), pool(2), conv(3)],
             "Your largest kernel stands first, where its places are one pixel apart. Where would they be further apart?"),
            ([conv(3, stride=2), pool(2), conv(3), conv(5)],
             "One pixel is missing. Which of your first two layers could use the stride of the other better?"),
            ([conv(3), pool(2), conv(3, stride=2), conv(5)],
             "Convolution, then pooling, as networks are built. Are they built for the largest window?"),
            ([pool(2), conv(5), conv(3), conv(3, stride=2)],
             "Your pooling comes early. Is it the only layer that moves neighbours apart?"),
            ([pool(2), conv(3), conv(3, stride=2), conv(5)],
             "Three of the four stand well. Change two neighbours: when does the window grow?"),
        ),
        _same_window,
    ),
    "03.3": Question(  # answers of VGG-16 as convolutions on a picture of 384x512
        _places,
        "Five poolings leave a map of 12x16, where a 7x7 filter has 6x10 places, 32 pixels apart in the picture.",
        "Follow one side through the five stages. How many places has a 7x7 filter on what is left?",
        (
            (1, "One answer comes from a dense layer, which would refuse such a picture. What slides over it instead?"),
            (192, "So many places has the last map. Does a 7x7 filter without padding fit at each of them?"),
            (45, "Put a window of 7 at the beginning of 12 places and move it to the end. Did you count the first place?"),
            (36, "Your answer is that for a square picture. How long is its other side?"),
            (16, "You have the places along both sides. Do they add up, or make a grid?"),
            (46_529, "Your window of 224 pixels moves by one pixel. How far apart are neighbours of the last map?"),
            (2, "You cut the picture into pieces that do not overlap. By how much does the window move from answer to answer?"),
            (60_000, "You count the logits. How many answers do a thousand of them make?"),
        ),
    ),
    "03.4": Question(  # independent directions in which two 3x3 filters of one channel can move the 5x5 filter they make
        _directions,
        "A factor can move from one filter to the other and change nothing, so one of the 18 directions leads nowhere. Of the 25 "
        "dimensions eight are out of reach.",
        "Is there a way to change both filters at once that leaves their product as it is?",
        (
            (18, "So many numbers you may change. Double the first filter and halve the second: what happens to the product?"),
            (25, "So many numbers the product has. Can fewer numbers move them all independently?"),
            (9, "You hold one of the two filters. Both may move."),
            (16, "You take a factor away from each filter. But what one loses, the other gets: how many factors are too many?"),
            (10, "That would be a row times a column, five numbers each. Do 3x3 filters have to be of that kind?"),
            (81, "So many products of two numbers are in it. Do they all land in places of their own?"),
        ),
    ),
}  # fmt: skip
