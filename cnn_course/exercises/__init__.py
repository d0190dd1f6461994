"""Exercises and guesses: what a reader answers, checked at once, with the answers out of sight."""

from cnn_course.exercises.asking import Question, check
from cnn_course.exercises.guessing import guess, reveal, sum_up

__all__ = ["Question", "check", "guess", "reveal", "sum_up"]
