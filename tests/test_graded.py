"""Graded questions: what holds for the others holds for them."""

import pytest

from cnn_course.exercises.graded import GRADED


@pytest.mark.parametrize("number", GRADED)
def test_a_question_rejects_five_plausible_answers_each_with_its_reason(number):
    question = GRADED[number]
    assert question.says(question.answer()) == f"Right. {question.why}"
    reasons = [reason for _, reason in question.traps]
    assert len(reasons) >= 5 and len(set(reasons)) == len(reasons)
    assert [question.says(trap) for trap, _ in question.traps] == [f"Not yet. {reason}" for reason in reasons]
