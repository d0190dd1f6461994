"""The questions of notebook 5."""

from cnn_course.exercises.asking import Question

QUESTIONS: dict[str, Question] = {}
