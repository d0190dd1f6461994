"""Labs: what a student builds, checked by what it does. `check` says in a sentence what is wrong, or that it passes.

labs.check("basic_block", BasicBlock)
labs.hint("basic_block")                  # the next hint; there are several
labs.solution("basic_block")              # the course's own source
models.build("resnet20", block=labs.yours("basic_block"))
"""

from cnn_course.labs.checking import LABS, check, find, hint, names, solution, yours
from cnn_course.labs.lab import Call, Lab, Layer, Mistake

__all__ = ["Call", "LABS", "Lab", "Layer", "Mistake", "check", "find", "hint", "names", "solution", "yours"]


def __dir__():  # what a reader completes: no modules
    return sorted(__all__)
