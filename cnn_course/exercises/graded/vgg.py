"""Assignment 3: VGG and the receptive field."""

from cnn_course import anatomy
from cnn_course.exercises.asking import Question, within
from cnn_course.exercises.comparing import by_fault, interval, rows

ALLOWED = {(3, 1): anatomy.conv(3), (3, 2): anatomy.conv(3, stride=2), (2, 2): anatomy.pool(2)}


def _stack_fault(design):
    """What keeps a stack of pairs (kernel, stride) from what A3.1 asks for; "" where nothing does."""
    pairs = rows(design, 2, "pairs (kernel, stride)")
    if not {*pairs} <= {*ALLOWED}:
        return "layer"
    if len(pairs) > 6:
        return "many"
    layers = [ALLOWED[pair] for pair in pairs]
    window, jump = anatomy.receptive_field(layers), anatomy.receptive_fields(layers).jump.iloc[-1]
    for name, found, wanted in (("jump", jump, 4), ("window", window, 32)):
        if found != wanted:
            return f"{name} {'small' if found < wanted else 'large'}"
    return ""


def _three_for_seven():
    """The smallest number of channels from which on three 3x3 to 256 have fewer weights than a 7x7."""

    def weights(channels, kernel, layers):
        widths = [channels, *[256] * layers]
        return sum(anatomy.conv_parameters(*pair, kernel, bias=False) for pair in zip(widths, widths[1:], strict=False))

    return next(channels for channels in range(1, 999) if weights(channels, 3, 3) < weights(channels, 7, 1))


def _side_for(answers):
    """The smallest square picture for which VGG-16, its dense layers slid, gives so many answers along a side."""

    def places(side):
        for _ in range(5):
            side = anatomy.output_size(side, 2, 2)
        return side - 6

    return next(side for side in range(224, 9_999) if places(side) == answers)


QUESTIONS = {
    "A3.1": Question(  # a window of 32, a jump of 4, at most six layers
        lambda: [(3, 1), (2, 2), (3, 2), (3, 1), (3, 1), (3, 1)],
        "Once the jump is 4 a 3x3 adds 8 pixels. So 8 pixels and two strides before the last three layers.",
        "How many pixels does a 3x3 add once the jump is 4? Begin at the end: what has to be there before the last layers?",
        (
            ([(3, 1), (2, 2), (3, 2), (7, 1)], "One of your layers is of another kind. Which stack of the three adds as much?"),
            ([(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2), (3, 1), (3, 1)],
             "You take more than six layers. Where does one layer add the most pixels?"),
            ([(2, 2), (3, 1), (3, 1), (3, 1), (3, 1)], "Neighbours lie too close together. What moves them apart?"),
            ([(2, 2), (2, 2), (3, 2), (3, 1), (3, 1)], "Neighbours lie too far apart. How often may the jump double?"),
            ([(2, 2), (2, 2), (3, 1), (3, 1), (3, 1)], "Your window is too small. Which layer adds least where it stands?"),
            ([(2, 2), (2, 2), (3, 1), (3, 1), (3, 1), (3, 1)], "Your window is too large. Where does the same layer add less?"),
        ),
        by_fault(_stack_fault),
    ),
    "A3.2": Question(  # from how many incoming channels on three 3x3 to 256 save
        _three_for_seven,
        "9 (256 c + 2 x 256 x 256) against 49 x 256 c: below 115.2 channels the layers behind cost more than is saved.",
        "Write down, for each of the four layers, how many channels enter. Which of them see c?",
        (
            (115, "Nearly. Count both at 115 and compare."),
            (145, "That is two 3x3 against a 5x5. How many layers see 7 pixels?"),
            (142, "All three of yours read 256 channels. What enters the first?"),
            (256, "There they certainly save. From where on?"),
            (1, "27 is less than 49 only where every layer reads c channels. What does the second layer of the stack read?"),
            (128, "The stage doubles its channels there. Where do the two costs cross?"),
            (58, "Your stack has two layers. How many of them see 7 pixels?"),
        ),
    ),
    "A3.3": Question(  # the smallest picture for 5x5 answers
        lambda: _side_for(5),
        "Five places of a 7x7 need 11 of the last map, and each of those is 32 pixels.",
        "Go backwards: how wide must the last map be, so that a 7x7 has five places along it?",
        (
            (384, "That is a map of 12, where a 7x7 has six places. What does each answer after the first add to 7?"),
            (320, "So many pixels make ten places of the last map. How many windows of 7 begin within them?"),
            (1120, "Five windows side by side. By how much does a window move from answer to answer?"),
            (160, "Five places of the last map. How many of them does one answer read?"),
            (228, "You move the window of 224 by a pixel. How far apart are neighbours of the last map?"),
            (353, "That is enough. Is it the smallest?"),
            (11, "That is the side of the last map. How many pixels is a place of it?"),
        ),
    ),
    "A3.4": Question(  # how far one 5x5 may be ahead of one 7x7
        lambda: interval("stacks", "one 5x5", "one 7x7"),
        "It leaves out zero, and so does the interval for other seeds alone: the 5x5 is ahead, with fewer multiply-adds.",
        "`record.difference(a, b)` has several intervals. Which one draws seeds and images anew?",
        (
            ([0.05, 1.40], "That is for other seeds, without other images. Which one draws both anew?"),
            ([0.34, 1.12], "Those are other images for the same networks. What else could be drawn anew?"),
            ([-1.35, -0.12], "Right but for the sign. Which of the two is to be ahead?"),
            ([0.7, 0.7], "That is the difference that was found. From where to where may it be?"),
            ([-0.61, 0.61], "Yours lies around zero. Around what does the interval of a difference lie?"),
            ([2.46, 3.73], "That is another pair. Which two did the question name?"),
        ),
        within(0.04),
    ),
}  # fmt: skip
