"""cnn_course: the CNN architectures that made modern computer vision, to build, count, train and compare."""

import importlib

__version__ = "0.1.0"

# Rooms inside other rooms that a notebook imports by their short names: from cnn_course import diagrams.
_SHORT = {"augment": "cnn_course.data.augment", "bench": "cnn_course.training.bench", "diagrams": "cnn_course.plots.diagrams"}


def __getattr__(name):
    if name in _SHORT:
        return importlib.import_module(_SHORT[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
