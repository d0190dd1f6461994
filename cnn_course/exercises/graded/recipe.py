"""Assignment 9: What a recipe is worth."""

from math import comb

from cnn_course import experiments
from cnn_course.exercises.asking import Question, within

MACS, IMAGES, EPOCHS = 40_000_000, 50_000, 6  # of a whole image forward; of the training
THROWS, ALIKE = 6, 5


def _pflops():
    """Of a training whose images have half their side in the first half of the steps."""
    forward_and_backward = 2 * 3 * MACS
    return forward_and_backward * IMAGES * EPOCHS * (0.5 * 0.25 + 0.5) / 1e15


def _mostly_alike():
    """The images, in per cent, that a coin shows in one way in so many epochs or more."""
    return 100 * 2 * sum(comb(THROWS, heads) for heads in range(ALIKE, THROWS + 1)) / 2**THROWS


def _decided():
    """How many of the changes in the ablation other seeds and other images do not turn round."""
    record = experiments.recorded("ablation")
    return sum(record.difference(label, "all of it").decided for label in record.runs if label != "all of it")


QUESTIONS = {
    "A9.1": Question(  # PFLOPs of six epochs, half of the steps with images of half the side
        _pflops,
        "0.072 with whole images, and of the first half of it only a quarter is left.",
        "Two operations a multiply-add, forward and backward, 300,000 images. What does an image of 16 pixels a side cost?",
        (
            (0.072, "That is with whole images all along. What do the small ones cost?"),
            (0.054, "An image has two sides. What is left of it when both are halved?"),
            (0.018, "So much it would be with small images to the end. When do they become whole?"),
            (0.0225, "You count a multiply-add as one operation. What does it consist of?"),
            (0.015, "That is the way forward. How many times its work does the way back take?"),
            (0.03, "The way back computes two gradients. Of what, besides the weights?"),
            (0.0075, "That is one epoch. How many are there?"),
            (45, "In TFLOPs it would be right. How many of them are a PFLOP?"),
        ),
        within(0.0004),
    ),
    "A9.2": Question(  # % of the images that a coin shows in one way at least five times in six epochs
        _mostly_alike,
        "Fourteen of the 64 ways: six heads or six tails, and six ways each for one exception.",
        "Six throws have 64 ways to fall. In how many is one side up five times or six?",
        (
            (10.94, "That is one of the two ways to be shown. What about the other?"),
            (3.125, "Six times alike. What does *at least five* include?"),
            (18.75, "That is five times exactly. What does *at least* include?"),
            (9.375, "Mirrored exactly five times. What about never, and the other way round?"),
            (78.125, "Those are the others. Which were asked for?"),
            (31.25, "That is three times each way. Which images see one way nearly always?"),
            (0, "That is the alternating flip. A coin has no memory."),
        ),
        within(0.06),
    ),
    "A9.3": Question(  # (a, b, c) of a polynomial that keeps 1, is level there, and has slope 2 at zero
        lambda: [2, -1.5, 0.5],
        "a = 2 is the slope at zero; b + c = -1 keeps 1; 3 b + 5 c = -2 makes it level there. Values come to 1 and stay, more "
        "slowly than by Muon's.",
        "Three conditions, three numbers. What is the derivative of a s + b s^3 + c s^5, at 0 and at 1?",
        (
            ([1.5, -0.5, 0], "That is the cubic one, whose slope at zero is 1.5. Which was asked for?"),
            ([3.4445, -4.7750, 2.0315], "That is Muon's. What is its slope at zero, and does it keep 1?"),
            ([2, -1, 0], "1 stays 1. How steep is yours there?"),
            ([2, 0, -1], "1 stays 1. Your slope there is -3: what should it be?"),
            ([2, 0.5, -1.5], "Which of the two numbers belongs to the fifth power?"),
            (
                [1.875, -1.25, 0.375],
                "It keeps 1 and is level there, and even its second derivative is 0. What is its slope at zero?",
            ),
            ([2, -0.667, 0], "Yours is level at 1. Where does it take 1 itself?"),
        ),
        within(0.01),
    ),
    "A9.4": Question(  # of the eleven changes of the ablation, those whose interval leaves zero out
        _decided,
        "SGD, whole images, the rate that never falls, and the recipe of notebook 8. What a figure leaves out counts too.",
        "A difference says itself whether it is `decided`. Go through all labels of `record.runs` but the whole recipe.",
        (
            (2, "That is what the notebook's figure shows. Which labels of the record did it leave out?"),
            (3, "One is missing. Did you compare the recipe of notebook 8 and the rate that never falls?"),
            (7, "So many are not decided. Which were asked for?"),
            (11, "That is how many there are. Which of them would other seeds or images turn round?"),
            (5, "Is the whole recipe compared with itself among yours? Or one that only other seeds leave alone?"),
            (10, "Some of these have an interval that holds zero. Which are `decided`?"),
        ),
    ),
}
