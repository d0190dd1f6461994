"""Explorers: small laboratories to play with in a notebook. Each function returns an Explorer, ready to show.

Pure functions and drawings are in the modules: `from cnn_course.widgets.convolution import compute`.
"""

from cnn_course.widgets.alexnet import activation, first_filter, groups
from cnn_course.widgets.augmentation import augmentation
from cnn_course.widgets.compare import compare
from cnn_course.widgets.conv1x1 import bottleneck, one_by_one
from cnn_course.widgets.convolution import convolution
from cnn_course.widgets.dense import dense_block
from cnn_course.widgets.explorer import Explorer
from cnn_course.widgets.gradients import gradients
from cnn_course.widgets.inception import inception_block
from cnn_course.widgets.receptive_field import receptive_field
from cnn_course.widgets.residual import residual_block

__all__ = ["Explorer", "activation", "augmentation", "bottleneck", "compare", "convolution", "dense_block", "first_filter",
           "gradients", "groups", "inception_block", "one_by_one", "receptive_field", "residual_block"]
