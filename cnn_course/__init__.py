"""cnn_course: the CNN architectures that made modern computer vision, to build, count, train and compare."""

import importlib
import pkgutil

__version__ = "0.1.0"

# Rooms inside other rooms that a notebook imports by their short names: from cnn_course import diagrams.
_SHORT = {"augment": "cnn_course.data.augment", "bench": "cnn_course.training.bench", "diagrams": "cnn_course.plots.diagrams"}


def __dir__():
    rooms = {module.name for module in pkgutil.iter_modules(__path__) if module.name != "__main__"}
    return sorted(rooms | {"__version__", *_SHORT})


def __getattr__(name):
    """A room, imported when it is asked for: importing the course stays light."""
    if name in __dir__():
        return importlib.import_module(_SHORT.get(name, f"{__name__}.{name}"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
