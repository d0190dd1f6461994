"""cnn_course: the CNN architectures that made modern computer vision, to build, count, train and compare."""

__version__ = "0.1.0"
