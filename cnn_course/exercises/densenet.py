"""The questions of notebook 7."""

from cnn_course import models
from cnn_course.exercises.asking import Question


def _saves(growth_rate=12):
    """The smallest multiple of the growth rate from which on a 1x1 to four times it, then a 3x3, has fewer weights."""

    def weights(channels, bottleneck):
        layers = models.DenseLayer(channels, growth_rate, bottleneck).layers
        return sum(p.numel() for p in layers.parameters() if p.dim() == 4)

    return next(c for c in range(growth_rate, 1_000, growth_rate) if weights(c, True) < weights(c, False))


QUESTIONS = {
    "07.1": Question(  # 24 maps in, 216 out, growth rate 12
        lambda: next(n for n in range(1, 99) if models.DenseBlock(n, 24, 12).out_channels == 216),
        "The layers add 216 - 24 maps, 12 each.",
        "How many maps did the layers add, all together?",
        (
            (18, "216 / 12 counts the maps that entered as if layers had made them."),
            (192, "So many maps were added. How many does one layer add?"),
            (9, "216 / 24 is by how many times the maps have grown. Does a layer multiply, or add?"),
            (17, "You count a layer that the maps at the entrance would need. Who made those?"),
            (15, "Does the first layer add none?"),
            (3, "24, 48, 96, 192: you let every layer double. Along which line do channels grow?"),
        ),
    ),
    "07.2": Question(  # where a bottleneck begins to save, growth rate 12
        _saves,
        "48 c + 5,184 against 108 c: each incoming channel saves 60 weights, and the second 3x3 costs 5,184 first.",
        "Write down the weights of the 1x1 and of the 3x3 behind it, and those of the 3x3 alone, for c channels.",
        (
            (84, "At 84 the bottleneck still needs 144 weights more. Round the other way."),
            (87, "The first whole number, but the question asks for a multiple of 12."),
            (48, "That is the bottleneck's own width, 4 k. Where do the two curves cross?"),
            (256, "That is the answer for growth rate 32, further up."),
            (12, "Each incoming channel saves from the first one on; but what does the 3x3 behind the bottleneck cost?"),
            (108, "It saves there, but does it not save earlier?"),
        ),
    ),
    "07.3": Question(  # connections of a block of 12 layers, those out of the block included
        lambda: sum(range(1, 13)) + 13,
        "Layer l reads l sources, 1 + 2 + … + 12 in all, and 13 leave the block. The paper counts L (L + 1) / 2, without these.",
        "Layer 1 reads one source, layer 2 two. How many leave the block?",
        (
            (78, "L (L + 1) / 2 counts what leads to a layer. What leads out of the block?"),
            (66, "Every pair of layers once; but each layer reads the block's input as well."),
            (12, "That is a chain. How many sources does the last layer read?"),
            (13, "That is what leaves the block. Who reads it on the way?"),
            (144, "Every layer with every layer: does an early one read what a later one makes?"),
            (90, "12 leave with what the layers made. The block's input leaves as well."),
        ),
    ),
}
