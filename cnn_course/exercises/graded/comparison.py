"""Assignment 8: The comparison."""

from itertools import combinations

from cnn_course import anatomy, experiments, models
from cnn_course.exercises.asking import Question, within
from cnn_course.exercises.comparing import word

NETWORKS = {"A": "alexnet", "B": "densenet201", "C": "resnet20", "D": "resnet34", "E": "vgg13"}


def _by_use():
    """The networks, that with the most multiply-adds for each parameter first."""
    costs = {letter: anatomy.cost(models.build(name, device="meta")) for letter, name in NETWORKS.items()}
    return "".join(sorted(costs, key=lambda letter: costs[letter].macs / costs[letter].parameters, reverse=True))


def _paired(only_a, only_b, images):
    """The interval of a's lead over b in points, from the images that only one of them has right."""
    mean = (only_a - only_b) / images
    error = (((only_a + only_b) / images - mean**2) / images) ** 0.5
    return [100 * (mean + sign * 1.96 * error) for sign in (-1, 1)]


def _steps_that_stand():
    """Of the pairs among the six networks of one size, how many the record decides."""
    record = experiments.recorded("comparison")
    six = [name for name in record.runs if name != "lenet5"]
    return sum(record.difference(*pair).decided for pair in combinations(six, 2))


QUESTIONS = {
    "A8.1": Question(  # five networks, by how often a parameter is used
        _by_use,
        "Multiply-adds over parameters: 214, 168, 150, 85 and 18. Dense layers use a weight once, and the larger their part, "
        "the less a parameter works.",
        "How often is a weight of a convolution used for an image, and how often one of a dense layer? Then count.",
        (
            ("EBDAC", "That is the order of the multiply-adds. Among how many parameters are they shared?"),
            ("EADBC", "That is the order of the parameters. How much does each of them do?"),
            ("CBDAE", "Fewest parameters first. How much does each of them do?"),
            ("AECDB", "From the other end it would be right. Which did the question ask for first?"),
            ("EABDC", "You divide by the parameters of the convolutions. Which others are there?"),
            ("BCDEA", "Two neighbours are exchanged. Which of the two ResNets works on larger maps?"),
        ),
        word,
    ),
    "A8.2": Question(  # 4,000 images, 180 right for a only and 140 for b only
        lambda: _paired(180, 140, 4_000),
        "A point, and 0.88 to each side. Only images that one network alone has right decide; the others count 0.",
        "Each image counts 1, -1 or 0. What is the mean of these numbers, and what their deviation?",
        (
            ([0.14, 1.86], "You let each network have images of its own. Which images decide where both are tested on the same?"),
            ([0.55, 1.45], "That is one standard error to each side. How many make 95%?"),
            ([1.63, 23.37], "You leave out the images on which they agree. What do these count?"),
            ([-1.88, -0.12], "Right but for the sign. Which of the two is to be ahead?"),
            ([0.001, 0.019], "Those are shares. In which unit was the answer asked for?"),
            ([-0.88, 0.88], "Yours lies around zero. Around what does the interval of a difference lie?"),
        ),
        within(0.01),
    ),
    "A8.3": Question(  # percent: at least one of twelve intervals of 95% leaves zero out where nothing is there
        lambda: 100 * (1 - 0.95**12),
        "All twelve hold zero with 0.95 to the 12th. Whoever compares much finds something: say how many comparisons were made.",
        "How likely is it that a single one holds zero? And that all twelve do?",
        (
            (60, "You add up. With 25 comparisons, would it be above 100%?"),
            (5, "That is a single comparison. How often does chance get an opportunity?"),
            (54.0, "So likely is it that none does. Which was asked for?"),
            (34.1, "That is exactly one. What does *at least one* include?"),
            (26.2, "You take one side only. Where else may an interval lie?"),
            (0.46, "That is a share, and about right as one. The question asks for percent."),
            (0, "Nothing is there to be found, true. How often does an interval of 95% say otherwise?"),
        ),
        within(0.3),
    ),
    "A8.4": Question(  # of the fifteen pairs of six networks, those that the record decides
        _steps_that_stand,
        "Undecided are VGG, NIN and DenseNet among each other, and GoogLeNet against ResNet-20: three ranks rather than six.",
        "`itertools.combinations` makes the pairs, and a difference says itself whether it is `decided`.",
        (
            (2, "Those are steps between neighbours of the ranking. Which pairs are there besides?"),
            (15, "That is how many pairs there are. Which of them would other seeds or images turn round?"),
            (14, "Those are other seeds on the same images. What else could be drawn anew?"),
            (17, "You count LeNet-5 in. Which networks did the question name?"),
            (4, "So many are not decided. Which were asked for?"),
            (5, "That is how many steps a ranking of six has. How many pairs has it?"),
            (22, "You count each pair both ways round. Is a against b another question than b against a?"),
        ),
    ),
}
