"""What a notebook asks of its reader: every lab and every question stands in one place, and the open ones have a model answer."""

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
import student

from cnn_course import exercises, labs

ROOT = Path(__file__).parents[2]
NOTEBOOKS = {path.stem: nbformat.read(path, 4) for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))}
notebooks = pytest.mark.parametrize("stem", NOTEBOOKS)


def asked(stem, what):
    """The names that a notebook hands to exercises.check, .guess or .reveal."""
    return [name for cell in NOTEBOOKS[stem].cells for name in re.findall(rf'exercises\.{what}\(\s*"([^"]+)"', cell.source)]


def test_every_lab_stands_in_one_notebook_in_the_order_of_the_labs():
    assert [lab for notebook in NOTEBOOKS.values() for lab, _, _ in student.checks(notebook)] == labs.names()


@notebooks
def test_a_lab_is_a_task_a_stub_and_a_check(stem):
    cells = NOTEBOOKS[stem].cells
    for lab, called, place in student.checks(NOTEBOOKS[stem]):
        task, stub, check = cells[place - 2 : place + 1]
        assert task.source.startswith("### Lab: ") and f"{called}(" in stub.source and not stub.outputs, lab
        assert check.outputs[0].text.startswith("Not started: "), lab


def test_every_question_stands_in_one_notebook():
    places = Counter(number for stem in NOTEBOOKS for number in asked(stem, "check"))
    assert set(places) == set(exercises.QUESTIONS) and set(places.values()) == {1}
    assert all(number.startswith(stem[:2]) for stem in NOTEBOOKS for number in asked(stem, "check"))


@notebooks
def test_exercises_do_not_show_their_answers(stem):
    assert len(asked(stem, "check")) >= 3
    for cell in NOTEBOOKS[stem].cells:
        if "exercises.check(" in cell.source:
            assert "answer = ..." in cell.source and "lambda" not in cell.source
            assert cell.outputs[0].text.startswith("Not answered yet")


@notebooks
def test_every_guess_is_answered_and_summed_up(stem):
    assert len(asked(stem, "guess")) >= 3 and asked(stem, "guess") == asked(stem, "reveal")
    assert all(name.startswith(stem[:2]) for name in asked(stem, "guess"))
    assert [cell.source for cell in NOTEBOOKS[stem].cells].count("exercises.sum_up()") == 1


@notebooks
def test_two_open_questions_have_a_model_answer(stem):
    (cell,) = (cell for cell in NOTEBOOKS[stem].cells if cell.source.startswith("## Open questions"))
    questions = dict(re.findall(r"^\*\*([AB])\.\*\* (.+)$", cell.source, re.M))
    pages = (ROOT / "docs" / "teaching" / f"{stem}.md").read_text(encoding="utf-8")
    answers = re.findall(r"^### ([AB])\. (.+)\n\n((?:(?!^#).+\n|\n)+)", pages + "\n", re.M)
    assert {letter: question for letter, question, _ in answers} == questions and len(questions) == 2
    assert all(len(answer.split()) > 60 and "A weak answer: " in answer for _, _, answer in answers)
