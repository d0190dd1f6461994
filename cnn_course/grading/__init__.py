"""Grading: what students handed in, run apart and judged where no code of theirs runs.

`python -m cnn_course grade FOLDER` grades a class, `python -m cnn_course submit NOTEBOOK` shows a student what a grader will see.
"""

from cnn_course.grading.classroom import grade_folder, others, submit
from cnn_course.grading.judge import Graded, grade

__all__ = ["Graded", "grade", "grade_folder", "others", "submit"]


def __dir__():
    return sorted(__all__)
