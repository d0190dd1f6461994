"""The questions of notebook 4."""

from cnn_course.exercises.asking import Question

QUESTIONS: dict[str, Question] = {}
