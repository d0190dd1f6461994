"""The questions of notebook 6."""

from cnn_course import anatomy
from cnn_course.exercises.asking import Question
from cnn_course.models.resnet import Bottleneck


def _bottleneck_weights():
    return anatomy.cost(Bottleneck(512, 128), (512, 28, 28)).conv_parameters


QUESTIONS = {
    "06.1": Question(  # weights of a bottleneck 512-128-512, without batch norm
        _bottleneck_weights,
        "The 3x3 works on a quarter of the channels and still holds more than half of the weights.",
        "A 1x1 from 512 to 128, a 3x3 from 128 to 128, a 1x1 from 128 to 512. How many weights has each?",
        (
            (147_456, "That is the 3x3 alone. What stands before and behind it?"),
            (131_072, "Those are the two 1x1 layers. What stands between them?"),
            (212_992, "One of the two 1x1 layers is missing: the block narrows, and it widens again."),
            (2_359_296, "Your 3x3 works on all 512 channels. Where does the block narrow?"),
            (279_296, "Without biases: batch normalization brings its own. Which of your terms are no weights?"),
            (140_928, "Biases and batch normalization are in there. Which terms are weights of a convolution?"),
        ),
    )
}
