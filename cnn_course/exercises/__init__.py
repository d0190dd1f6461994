"""Questions and guesses: what a reader answers, checked at once, with the answers out of sight.

exercises.check("03.2", answer)
exercises.guess("03.stack", "How many pixels on a side?")      # a box; reveal("03.stack", 7) tells the answer beside the guess
"""

from cnn_course.exercises.asking import Question, near, within
from cnn_course.exercises.checking import QUESTIONS, check
from cnn_course.exercises.guessing import guess, reveal, sum_up

__all__ = ["QUESTIONS", "Question", "check", "guess", "near", "reveal", "sum_up", "within"]


def __dir__():  # what a reader completes: no modules
    return sorted(__all__)
