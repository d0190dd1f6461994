"""Explorers: small laboratories to play with in a notebook. Each function returns an Explorer, ready to show.

Pure functions and drawings are in the modules: `from cnn_course.widgets.convolution import compute`.
"""

from cnn_course.widgets.alexnet import activation, first_filter, groups
from cnn_course.widgets.augmentation import augmentation
from cnn_course.widgets.conv1x1 import bottleneck, one_by_one
from cnn_course.widgets.convolution import convolution
from cnn_course.widgets.explorer import Explorer
from cnn_course.widgets.receptive_field import receptive_field

__all__ = [
    "Explorer", "activation", "augmentation", "bottleneck", "convolution", "first_filter", "groups",
    "one_by_one", "receptive_field",
]  # fmt: skip
