"""The questions of notebook 9."""

from cnn_course.exercises.asking import Question, within
from cnn_course.training.optimizers import polynomial
from cnn_course.training.speedrun import COURSE

EPOCHS = 4
FAINT, ENOUGH = 0.001, 0.68  # a singular value, and the lower end of where Muon's polynomial leads


def _share_of_pixels():
    """The pixels that are shown, in per cent of those of whole images all along."""
    begun, pixels = 0.0, 0.0
    for until, side in (*COURSE.sizes, (1.0, 32)):
        pixels += (until - begun) * (side / 32) ** 2
        begun = until
    return 100 * pixels


def _steps():
    """How often the polynomial is applied until the faint value is large enough."""
    return next(steps for steps in range(100) if polynomial(FAINT, steps) >= ENOUGH)


QUESTIONS = {
    "09.1": Question(  # % of the pixels of whole images, with sides of 20 for 36% of the steps, 25 until 65%, then 32
        _share_of_pixels,
        "Two thirds, and so are the operations, nearly: in a convolution each pixel costs the same.",
        "Three parts of the steps, each with its share of the pixels. How long is the second part?",
        (
            (80.2, "An image has two sides. What is left of 32x32 pixels at 20x20?"),
            (88.9, "The second size begins where the first one ends. For what share of the steps is it shown?"),
            (53.7, "How long are whole images shown, after 65% of the steps?"),
            (33.3, "That is what is saved. What share is left?"),
            (39.1, "That is an image of 20 pixels. For how many of the steps is it shown?"),
            (61.0, "That is an image of 25 pixels. For how many of the steps is it shown?"),
        ),
        within(0.7),
    ),
    "09.2": Question(  # % of the images that a coin shows in one and the same way in four epochs
        lambda: 100 * 2 / 2**EPOCHS,
        "And an alternating flip shows none of them so: it is chance without the waste.",
        "Four throws of a coin. In how many of the sixteen ways do they all fall alike?",
        (
            (6.25, "That is always mirrored. What about never mirrored?"),
            (50, "So it is in two epochs. There are four."),
            (25, "In three epochs. Each further one halves it."),
            (0, "That is the alternating flip. A coin has no memory."),
            (37.5, "That is twice each way, the even case. Which images see one way alone?"),
            (87.5, "Those have seen both ways. Who has not?"),
        ),
        within(0.05),
    ),
    "09.3": Question(  # steps until a singular value of 0.001 is above 0.68
        _steps,
        "As long as a value is small, each step multiplies it by nearly 3.4445, the slope at zero: 3.4445 to the 6th is 1,670.",
        "Put 0.001 into a s + b s^3 + c s^5, then the result, and so on. What is the factor while s is small?",
        (
            (3, "That is what the recipe takes. Where is the value after three steps?"),
            (5, "After five steps it has grown 470 times or so. Is that enough?"),
            (7, "One less is enough: near 0.5 the polynomial still more than doubles."),
            (17, "So many takes the cubic polynomial, whose slope at zero is 1.5."),
            (16, "Was it the cubic polynomial, whose slope at zero is 1.5?"),
            (1, "One step multiplies it by about 3.4."),
            (1000, "Does each step add, or multiply?"),
        ),
    ),
}
