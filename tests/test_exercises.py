"""Exercises answer in a sentence whatever was typed; guesses are kept, read as people write them, and told beside the answer."""

import pytest

from cnn_course import exercises
from cnn_course.exercises import Question, guessing


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(guessing, "_answers", {})
    return tmp_path


HALF = Question(
    lambda n: n == 28,
    "(32 - 5) / 1 + 1.",
    "Slide the window along one side and count its places.",
    ((27, "How many posts has a fence of 27 gaps?"), (lambda n: n > 32, "A window without padding cannot make a map grow.")),
)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (28, "Right. (32 - 5) / 1 + 1."),
        (27, "Not yet. How many posts has a fence of 27 gaps?"),
        (40, "Not yet. A window without padding cannot make a map grow."),
        (3, "Not yet. Slide the window along one side and count its places."),
        (..., "Not answered yet: put your answer in place of the dots and run the cell again."),
        (None, "Not answered yet: put your answer in place of the dots and run the cell again."),
        ("28", "Not yet. Slide the window along one side and count its places."),
    ],
)
def test_a_question_knows_its_answer_and_its_traps(answer, told):
    assert HALF.says(answer) == told


def test_an_answer_that_cannot_be_used_ends_in_a_sentence():
    said = Question(lambda n: n + 1 == 2, "", "Give a number.").says("one")
    assert said.startswith("Not yet. The check cannot use an answer of type str") and said.endswith("Give a number.")


@pytest.mark.parametrize(
    ("text", "value"),
    [("30 %", 30), ("1,200", 1200), ("2.5 million", 2.5e6), ("7k", 7000), ("1/4", 0.25), ("about 12", 12), ("3 times", 3),
     ("-4", -4), ("many", None), ("", None), ("1/0", None)],
)  # fmt: skip
def test_a_guess_is_read_as_people_write_it(text, value):
    assert guessing.number(text) == value


def test_a_guess_is_kept_and_told_beside_the_answer(capsys):
    exercises.reveal("04.share", 52.3, "%", 1)
    exercises.sum_up()
    assert capsys.readouterr().out == "52.3%\n"  # nobody guessed: nothing but the answer
    box = exercises.guess("04.share", "How many percent of ResNet-50's multiply-adds are in 1x1 convolutions?", "%")
    box.text.value = "about 26 %"
    exercises.reveal("04.share", 52.3, "%", 1)
    exercises.sum_up()
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "52.3% (you guessed 26%, 2.0 times off)"
    assert told[1] == "Your 1 guesses: 0 within a tenth of the answer, half of them within a factor of 2."
    assert exercises.guess("04.share", "Again?", "%").text.value == "26"
    box.text.value = ""
    assert guessing.kept() == {}


def test_a_box_shows_its_question_where_there_are_no_widgets():
    box = exercises.guess("x", "How many?")
    assert box._repr_mimebundle_()["text/plain"] == "How many?"
    box.text.value = "some"
    assert "no number" in box.row.children[0].value and guessing.kept() == {}


def test_a_disk_that_takes_no_file_stops_nobody(own_folder):
    (own_folder / "cnn_course").write_text("a file where the folder should be")
    exercises.guess("x", "How many?").text.value = "4"
    assert guessing.kept() == {}
