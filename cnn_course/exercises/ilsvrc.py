"""The questions of notebook 1."""

import torch
import torch.nn.functional as F

from cnn_course import anatomy
from cnn_course.exercises.asking import Question, within


def _grown():
    """What LeNet-5 gains in parameters by 3x3 filters in its second convolution: that layer's, and the first dense layer's."""

    def parameters(kernel):
        side = anatomy.output_size(14, kernel) // 2
        return anatomy.conv_parameters(6, 16, kernel) + anatomy.linear_parameters(16 * side * side, 120)

    return parameters(3) - parameters(5)


def _gradient():
    logits = torch.zeros(1, 3, requires_grad=True)
    F.cross_entropy(logits, torch.tensor([0])).backward()
    return tuple(logits.grad[0].tolist())


QUESTIONS = {
    "01.1": Question(  # the smallest side with 55 places for 11x11, stride 4
        lambda: next(side for side in range(11, 999) if anatomy.output_size(side, 11, stride=4) == 55),
        "54 steps of 4, and a window of 11. With 224 no equal padding gives 55 without a remainder; many programs take 227.",
        "Where does the last of the 55 windows begin, and where does it end?",
        (
            (224, "So the paper says, but it gives 54 places, and a remainder."),
            (220, "55 steps of 4. How many steps lie between 55 places, and how wide is the last window?"),
            (231, "55 places have one step fewer between them than you count."),
            (228, "That gives 55 too, with a pixel left over. Is it the smallest?"),
            (230, "The largest that gives 55. Which is the smallest?"),
            (605, "Windows side by side; with stride 4 they overlap."),
        ),
    ),
    "01.2": Question(  # LeNet-5 with 3x3 in its second convolution
        _grown,
        "The convolution loses 1,536. But 6x6 values leave the pooling in place of 5x5, and every value more costs 120 weights.",
        "Follow the maps to the first dense layer: what comes out of the pooling now?",
        (
            (-1_536, "That is the convolution alone. What does its output do to the layer behind it?"),
            (21_120, "That is the dense layer alone. What happened to the convolution?"),
            (22_656, "The convolution shrinks: one of the two signs is wrong."),
            (-1_600, "Of the convolution alone, and 64 too many: do its biases change? And what comes behind it?"),
            (880, "That is how many the new convolution has. The question asks for the change of the whole network."),
            (0, "Convolutions and dense layers both change. Count the two."),
        ),
    ),
    "01.3": Question(  # the gradient for three equal logits
        _gradient,
        "p - 1 for the true class, p for the others, with p = 1/3. They add up to zero.",
        "The notebook has it for ten classes: what is p here, and for which class is 1 taken off?",
        (
            ((2 / 3, -1 / 3, -1 / 3), "The signs are turned: that is the direction of the step, against the gradient."),
            ((1 / 3, 1 / 3, 1 / 3), "Those are the probabilities. Which of them is wrong, and by how much?"),
            ((-1.0, 0.0, 0.0), "The other logits count too: would the loss change if one of them grew?"),
            ((-0.9, 0.1, 0.1), "That is for ten classes."),
            ((0.0, 0.0, 0.0), "Equal logits are no minimum: the true class has only a third."),
            ((-1.0, 0.5, 0.5), "They do add up to zero, but p is not 1/2."),
        ),
        within(0.011),
    ),
}
