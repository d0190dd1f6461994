"""The questions of notebook 7."""

from cnn_course.exercises.asking import Question

QUESTIONS: dict[str, Question] = {}
