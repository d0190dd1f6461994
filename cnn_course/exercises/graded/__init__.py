"""The questions of the graded assignments, and what each assignment asks for: labs by their names, questions by their numbers.

A grader says whether an answer is right; in the notebook `exercises.check` only notes it.
"""

from cnn_course.exercises.asking import Question
from cnn_course.exercises.graded import alexnet, comparison, conv1x1, densenet, ilsvrc, inception, recipe, resnet, vgg

ASSIGNMENTS: dict[str, dict[str, int]] = {  # what is handed in under this name -> the points of each part
    "A1_ilsvrc": {"output_size": 3, "conv2d": 3, "train_step": 3, "A1.1": 1, "A1.2": 1, "A1.3": 1, "A1.4": 1},
    "A2_alexnet": {"grouped_conv": 3, "he_normal": 3, "crop_and_flip": 3, "A2.1": 1, "A2.2": 1, "A2.3": 1, "A2.4": 1},
    "A3_vgg_receptive_field": {
        "receptive_field": 3, "vgg_stage": 3, "as_convolution": 3, "A3.1": 1, "A3.2": 1, "A3.3": 1, "A3.4": 1,
    },
    "A4_conv1x1": {"pointwise": 3, "mlpconv": 3, "separable": 3, "A4.1": 1, "A4.2": 1, "A4.3": 1},
    "A5_inception": {"inception_block": 3, "batch_norm": 3, "A5.1": 1, "A5.2": 1, "A5.3": 1},
    "A6_resnet": {"basic_block": 3, "bottleneck": 3, "gradient_norms": 3, "A6.1": 1, "A6.2": 1, "A6.3": 1, "A6.4": 1},
    "A7_densenet": {"dense_layer": 3, "dense_block": 3, "transition": 3, "A7.1": 1, "A7.2": 1, "A7.3": 1, "A7.4": 1},
    "A8_comparison": {"standard_error": 3, "paired_interval": 3, "A8.1": 1, "A8.2": 1, "A8.3": 1, "A8.4": 1},
    "A9_recipe": {"alternating_flip": 3, "orthogonalize": 3, "A9.1": 1, "A9.2": 1, "A9.3": 1, "A9.4": 1},
}  # fmt: skip

PARTS = (ilsvrc, alexnet, vgg, conv1x1, inception, resnet, densenet, comparison, recipe)
GRADED: dict[str, Question] = {number: question for part in PARTS for number, question in part.QUESTIONS.items()}
