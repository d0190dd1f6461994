"""The questions of notebook 8."""

from cnn_course.exercises.asking import Question

QUESTIONS: dict[str, Question] = {}
