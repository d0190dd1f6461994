"""The questions of notebook 4."""

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import anatomy
from cnn_course.exercises.asking import Question
from cnn_course.exercises.comparing import by_fault, choice
from cnn_course.training.device import seeded

PATH = [(256, 64, 1), (64, 64, 3), (64, 64, 3), (64, 256, 1)]
NARROWEST, MOST = 64, 120_000


def _fault(path):
    """What keeps a path of layers (channels in, channels out, side) from doing what is asked; "" where nothing does."""
    if not isinstance(path, (list, tuple)) or not all(isinstance(layer, (list, tuple)) and len(layer) == 3 for layer in path):
        raise ValueError("expected a list of layers, each (channels in, channels out, side of the filter)")
    if any(before[1] != after[0] for before, after in zip(path, path[1:], strict=False)):
        return "joint"
    if not path or path[0][0] != 256 or path[-1][1] != 256:
        return "ends"
    if min(width for _, width, _ in path) < NARROWEST:
        return "narrow"
    window = anatomy.receptive_field([anatomy.conv(side) for *_, side in path])
    if window != 5:
        return "window " + ("small" if window < 5 else "large")
    if sum(anatomy.conv_parameters(*layer, bias=False) for layer in path) <= MOST:
        return ""
    large = [layer for layer in path if layer[2] > 1]
    if any(reads > NARROWEST for reads, _, _ in large):
        return "reads"
    return "writes" if any(writes > NARROWEST for _, writes, _ in large) else "heavy"


STEPS = {
    "A": lambda x: F.avg_pool2d(x, 2),
    "B": lambda x: F.max_pool2d(x, 2),
    "C": lambda x: x[:, :, ::2, ::2],
    "D": F.relu,
    "E": lambda x: F.pad(x, (1, 1, 1, 1)),
    "F": lambda x: x.repeat_interleave(2, 2).repeat_interleave(2, 3),
}


def _may_change_places():
    """The steps that give the same before a 1x1 convolution with biases and after it."""
    with seeded(0), torch.no_grad():
        conv, maps = nn.Conv2d(4, 3, 1), torch.randn(2, 4, 6, 8)
        return "".join(name for name, do in STEPS.items() if torch.allclose(do(conv(maps)), conv(do(maps)), atol=1e-5))


def _places():
    """How many pixels the 1x1 visits at 448x448 for each one at 224x224: the 7x7 in front of it stands on a map of size / 32."""
    large, small = (anatomy.output_size(size // 32, 7) ** 2 for size in (448, 224))
    return large / small


QUESTIONS = {
    "04.1": Question(  # a path with a window of 5 pixels and few weights
        lambda: PATH,
        "Squeeze, look, look again, widen: 106,496 weights, where a single 5x5 from 256 to 256 channels has 1,638,400.",
        "Which layers need neighbours, and on how many channels do they have to work?",
        (
            (
                [(256, 256, 3), (256, 256, 3)],
                "Too heavy: a large filter reads more than 64 channels. What could make them fewer first?",
            ),
            (
                [(256, 64, 1), (64, 64, 3), (64, 256, 3)],
                "Too heavy: a large filter writes more than 64 channels. What else can add channels?",
            ),
            (
                [(256, 64, 1), (64, 64, 5), (64, 256, 1)],
                "Nearly: the large filter works on 64 channels and is still too heavy. What else sees five pixels (notebook 3)?",
            ),
            ([(256, 64, 1), (64, 64, 3), (64, 256, 1)], "Your window is smaller than 5 pixels. A 1x1 adds none: what does?"),
            (
                [(256, 64, 1), (64, 64, 3), (64, 64, 3), (64, 64, 3), (64, 256, 1)],
                "Your window is larger than 5 pixels. How much does each filter add to it?",
            ),
            (
                [(256, 32, 1), (32, 32, 5), (32, 256, 1)],
                "Somewhere fewer than 64 numbers pass at each pixel. That is cheap, but was it allowed?",
            ),
            (
                [(256, 64, 1), (64, 64, 3), (64, 64, 3)],
                "Your path does not lead from 256 channels to 256. What would the next layer be given?",
            ),
            (
                [(256, 64, 1), (256, 64, 3), (64, 256, 3)],
                "One of your layers expects other channels than the one before hands on. Read it as a chain.",
            ),
        ),
        by_fault(_fault),
    ),
    "04.2": Question(  # what may be done before a 1x1 convolution or after it
        _may_change_places,
        "They leave a pixel's channels together and add nothing, so the mixing may wait. Behind an average pooling it has a "
        "quarter of the pixels, and of the multiply-adds.",
        "Take one pixel or four, two channels, and small numbers. Do both orders by hand.",
        (
            ("ABCF", "Max pooling (B) decides for each channel by itself. Where is the maximum of a mixture of channels?"),
            ("ACDF", "The ReLU (D): take channels 2 and -1 and add them up. Does it matter whether the -1 is cut off first?"),
            ("ACEF", "The border of zeros (E): the filter has a bias. What does it answer where all channels are 0?"),
            ("CF", "Average pooling (A) sums over four places, the 1x1 over the channels. Does the order of two sums matter?"),
            ("AF", "Every second pixel (C): the 1x1 reads one pixel at a time. Does it notice that a neighbour is gone?"),
            ("AC", "Doubled pixels (F): what does a 1x1 answer when it reads the same pixel twice?"),
        ),
        choice("".join(STEPS), _may_change_places),
    ),
    "04.3": Question(  # the work of VGG-16's second dense layer, as a 1x1 convolution, on an image of twice the side
        _places,
        "Five poolings leave 14x14 of 448x448. There the 7x7 stands at 8x8 places, where it had one: the same weights, "
        "used 64 times.",
        "How large is the map that the 7x7 in front of it hands on, for each of the two images?",
        (
            (1, "That is how the weights grow: not at all. How often are they used?"),
            (2, "That is the image's side. What counts for a 1x1 is how many pixels it visits."),
            (4, "The image has four times the pixels. But a 7x7 without padding comes before this layer: count its places."),
            (49, "A 7x7 reads 49 places. How many places can it stand at, on a map of 14x14?"),
            (196, "14x14 is what the 7x7 reads. What does it hand on?"),
            (8, "That is along one side of the map. And along the other?"),
        ),
    ),
}
