"""Explorers: small laboratories to play with in a notebook. Each function returns an Explorer, ready to show.

Pure functions and drawings are in the modules: `from cnn_course.widgets.sliding import compute`.
"""

from cnn_course.widgets.alexnet import activation, first_filter, groups
from cnn_course.widgets.augmenting import augmentation
from cnn_course.widgets.comparison import compare
from cnn_course.widgets.conv1x1 import bottleneck, one_by_one
from cnn_course.widgets.dense import dense_block
from cnn_course.widgets.explorer import Explorer
from cnn_course.widgets.gradient_flow import gradients
from cnn_course.widgets.inception import inception_block
from cnn_course.widgets.orthogonal import orthogonal_step
from cnn_course.widgets.residual import residual_block
from cnn_course.widgets.sliding import convolution
from cnn_course.widgets.windows import receptive_field

__all__ = ["Explorer", "activation", "augmentation", "bottleneck", "compare", "convolution", "dense_block", "first_filter",
           "gradients", "groups", "inception_block", "one_by_one", "orthogonal_step", "receptive_field",
           "residual_block"]  # fmt: skip


def __dir__():
    return sorted(__all__)
