"""The questions of notebook 2."""

from cnn_course.exercises.asking import Question

QUESTIONS: dict[str, Question] = {}
