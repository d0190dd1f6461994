"""Assignment 7: DenseNet."""

from cnn_course import anatomy, models
from cnn_course.exercises.asking import Question, within
from cnn_course.exercises.comparing import by_fault, interval, rows


def _growth_fault(design):
    """What keeps (growth rate, layers) from what A7.1 asks for; "" where nothing does."""
    rate, layers = rows([design], 2, "two numbers")[0]
    first, one_block_more = 48 + rate * layers, rate * layers
    leaves = first // 2 + one_block_more
    if leaves != 168:
        known = {first: "one block", first + one_block_more: "uncompressed"}
        return known.get(168, "few maps" if leaves < 168 else "many maps")
    if layers < 4:
        return "layers"
    blocks = (models.DenseBlock(layers, maps, rate, bottleneck=False) for maps in (48, first // 2))
    weights = sum(p.numel() for block in blocks for p in block.parameters() if p.dim() == 4)
    return "" if weights <= 174_000 else "heavy"


def _written_anew():
    """How many times the maps that leave a block of 10 layers are those that its layers receive, all together."""
    block = models.DenseBlock(10, 24, 12)
    return sum(layer.layers[0].num_features for layer in block) / block.out_channels


def _narrow_saves(rate=32):
    """From how many channels on a 1x1 to twice the growth rate, then a 3x3, has fewer weights than the 3x3 alone."""

    def weights(*layers):
        return sum(anatomy.conv_parameters(*layer, bias=False) for layer in layers)

    neck = 2 * rate
    return next(c for c in range(1, 999) if weights((c, neck, 1), (neck, rate, 3)) < weights((c, rate, 3)))


QUESTIONS = {
    "A7.1": Question(  # growth rate and layers of two blocks, 48 maps in and 168 out, at most 174,000 weights
        lambda: (16, 6),
        "Half of 48 + 96, and 96 again. Few layers that each make many maps read less than many that make few.",
        "What leaves the second block, as a formula of growth rate times layers? Then which of the pairs reads least?",
        (
            ((20, 6), "168 maps leave your first block. What do the transition and the second block make of them?"),
            ((10, 6), "You add up two blocks. What does the transition between them do to the channels?"),
            ((12, 6), "Fewer than 168 maps leave. How many does each block add?"),
            ((24, 6), "More than 168 maps leave. How many does each block add?"),
            ((32, 3), "A block has fewer than four layers. Which other pairs add as many maps?"),
            ((8, 12), "Too many weights. Which layers read the most maps, and how many such are there?"),
        ),
        by_fault(_growth_fault),
    ),
    "A7.2": Question(  # maps that ten layers receive, over those that leave the block
        _written_anew,
        "24, 36, … 132 add up to 780, where 144 maps exist. It grows with the square of the layers, the maps along a line.",
        "How many maps does each of the ten layers receive? And how many are there in the end?",
        (
            (10, "You let each layer receive all. How many does the first one get?"),
            (4.5, "You leave out what enters the block. Who receives it?"),
            (6.42, "You count what leaves as one more copy. Which layer receives it?"),
            (6.25, "Your layers receive what they hand on as well. What does layer 1 receive?"),
            (0.18, "You have it upside down. Which of the two is larger?"),
            (780, "So many maps are received. How many leave?"),
            (32.5, "You divide by what enters. What was to be compared?"),
        ),
        within(0.02),
    ),
    "A7.3": Question(  # from how many channels on a bottleneck of twice the growth rate saves, growth rate 32
        _narrow_saves,
        "64 c + 18,432 against 288 c: each channel saves 224 weights, and the 3x3 behind has to be paid first.",
        "Write the weights down, with and without, for c channels. Where do the two lines cross?",
        (
            (231, "That is for a bottleneck of four times the growth rate. How wide is this one?"),
            (256, "That is for a bottleneck of four times the growth rate, and a multiple of 32. How wide is this one?"),
            (82, "Nearly. Count both at 82 and compare."),
            (96, "There it saves. Does the question ask for a multiple of 32?"),
            (64, "That is the bottleneck's own width. Where do the two lines cross?"),
            (1, "Each channel saves from the first one on. What does the 3x3 behind the bottleneck cost?"),
            (10, "Your 3x3 behind the bottleneck is a 1x1. How many places has it?"),
            (65, "Does a bottleneck save wherever it narrows? Count both."),
        ),
    ),
    "A7.4": Question(  # how far growth rate 24 is ahead of 8
        lambda: interval("growth_rate", "24", "8"),
        "Each of the two steps of eight maps brings points, the second fewer. A growth rate is a size as well.",
        "`record.difference(a, b)` has several intervals. Which one draws seeds and images anew?",
        (
            ([4.93, 8.15], "Those are other seeds on the same images. What else could be drawn anew?"),
            ([6.06, 7.01], "Those are other images for the same networks. What else could be drawn anew?"),
            ([-7.57, -5.46], "Right but for the sign. Which of the two is to be ahead?"),
            ([6.53, 6.53], "That is the difference that was found. From where to where may it be?"),
            ([3.89, 5.75], "That is a step of eight maps. Which two did the question name?"),
            ([0.99, 2.43], "That is the second step of eight maps. Which two did the question name?"),
            ([-1.06, 1.06], "Yours lies around zero. Around what does the interval of a difference lie?"),
        ),
        within(0.1),
    ),
}  # fmt: skip
