"""The questions of notebook 1."""

from cnn_course.exercises.asking import Question

QUESTIONS: dict[str, Question] = {}
