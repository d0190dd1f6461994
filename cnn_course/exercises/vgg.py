"""The questions of notebook 3."""

from cnn_course.exercises.asking import Question

QUESTIONS: dict[str, Question] = {}
