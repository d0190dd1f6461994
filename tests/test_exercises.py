"""Exercises answer in a sentence whatever was typed; guesses are kept, read as people write them, and told beside the answer."""

import math
from dataclasses import replace

import pytest
import torch

from cnn_course import exercises, models
from cnn_course.exercises import Question, guessing
from cnn_course.exercises.graded import GRADED
from cnn_course.labs.measuring import gradient_norms


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(guessing, "_answers", {})
    return tmp_path


SIDE = Question(
    lambda: 28,
    "(32 - 5) / 1 + 1.",
    "Slide the window along one side and count its places.",
    ((27, "How many posts has a fence of 27 gaps?"), (32, "Without padding the map shrinks.")),
)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (28, "Right. (32 - 5) / 1 + 1."),
        (28.0, "Right. (32 - 5) / 1 + 1."),
        (27, "Not yet. How many posts has a fence of 27 gaps?"),
        (3, "Not yet. Slide the window along one side and count its places."),
        (True, "Not yet. Slide the window along one side and count its places."),
        (..., "Not answered yet: put your answer in place of the dots and run the cell again."),
        (None, "Not answered yet: put your answer in place of the dots and run the cell again."),
    ],
)
def test_a_question_knows_its_answer_and_its_traps(answer, told):
    assert SIDE.says(answer) == told


def test_who_measures_the_effect_of_longer_weights_is_right():
    """The notebook invites to: what is measured is off in the fourth digit."""
    for question, factor, measured in ((exercises.QUESTIONS["06.4"], 10, 0.01), (GRADED["A6.3"], 2, 4)):
        torch.manual_seed(0)
        net, images, labels = models.build("plain20"), torch.rand(8, 3, 32, 32), torch.arange(8)
        before = gradient_norms(net, images, labels)[3]
        with torch.no_grad():
            net.get_submodule([name for name, m in net.named_modules() if isinstance(m, torch.nn.Conv2d)][3]).weight.mul_(factor)
        ratio = gradient_norms(net, images, labels)[3] / before
        assert question.says(ratio if measured < 1 else 1 / ratio).startswith("Right")


def test_an_answer_that_cannot_be_used_ends_in_a_sentence():
    cannot = "Not yet. The check cannot use an answer of type"
    assert SIDE.says("28") == f"{cannot} str (expected a number, without quotes). {SIDE.hint}"
    assert SIDE.says([28]) == f"{cannot} list (expected a number). {SIDE.hint}"
    assert exercises.QUESTIONS["01.3"].says(1).startswith(f"{cannot} int (expected a list of 3 numbers). ")
    assert exercises.QUESTIONS["01.3"].says("abc").startswith(f"{cannot} str (expected a list of 3 numbers). ")
    assert exercises.QUESTIONS["06.1"].says(1).startswith(f"{cannot} int (expected a list of 3 words). ")
    assert exercises.QUESTIONS["04.2"].says(5).startswith(f"{cannot} int (expected letters in quotes). ")


def test_what_is_displayed_is_a_line_and_spoils_nothing():
    assert "reason" not in repr(SIDE) and repr(SIDE).startswith("a question with 2 known wrong answers; ")
    assert repr([exercises.guess("x", "How many?")]) == "[How many?]"


@pytest.mark.parametrize(
    ("given", "expected", "tolerance", "same"),
    [(0.51, 0.5, 0.02, True), (0.53, 0.5, 0.02, False), ((1, 2), [1, 2], 0, True), ((1, 2, 2), (1, 2), 0, False),
     (" Degradation", "degradation", 0, True), ("overfitting", "degradation", 0, False)],
)  # fmt: skip
def test_answers_are_compared_as_people_write_them(given, expected, tolerance, same):
    assert exercises.near(given, expected, tolerance) == exercises.within(tolerance)(given, expected) == same


@pytest.mark.parametrize("number", exercises.QUESTIONS)
def test_a_question_rejects_five_plausible_answers_each_with_its_reason(number):
    right = exercises.QUESTIONS[number].answer()
    question = replace(exercises.QUESTIONS[number], answer=lambda: right)  # it is computed, and asked for eight times
    assert question.says(right) == f"Right. {question.why}"
    reasons = [reason for _, reason in question.traps]
    assert len(reasons) >= 5 and len(set(reasons)) == len(reasons)
    assert [question.says(trap) for trap, _ in question.traps] == [f"Not yet. {reason}" for reason in reasons]


BY_HAND = {  # 03.2 and 04.1 ask for a design
    "01.1": 227, "01.2": 11 * 120 * 16 - 6 * 16 * 16, "01.3": (-2 / 3, 1 / 3, 1 / 3), "02.1": 27 * 27, "02.2": 8**-0.5,
    "02.3": 100 * (161 / 162) ** 12, "02.4": (2**7 / math.prod((363, 1200, 2304, 1728, 1728, 9216, 4096))) ** (1 / 14),
    "03.1": 25 * 64 * 128 / (9 * 64 * 128 + 9 * 128 * 128), "03.3": 6 * 10, "03.4": 17, "04.2": "ACF", "04.3": 64, "05.1": 5,
    "05.2": 164, "05.3": (-1, 1, -1, 1), "05.4": 145 * 32 + 289 * 32, "05.5": 44,
    "06.1": ("degradation", "overfitting", "neither"), "06.2": 16 * 64, "06.3": 1, "06.4": 0.01, "07.1": 16, "07.2": 96,
    "07.3": 78 + 13, "08.1": (1, 4, 4), "08.2": 0.08 * (1.96 / 0.003) ** 2, "08.3": 0.24 * 1.163,
    "09.1": 100 * (0.36 * 20**2 + 0.29 * 25**2 + 0.35 * 32**2) / 32**2, "09.2": 12.5, "09.3": 6,
}  # fmt: skip


@pytest.mark.parametrize("number", sorted({*exercises.QUESTIONS} - {"03.2", "04.1"}))
def test_an_answer_by_hand_is_right(number):
    assert exercises.QUESTIONS[number].says(BY_HAND[number]).startswith("Right. ")


def test_an_unknown_number_names_a_known_one():
    for number, meant in {"3.2": "03.2", "a41": "A4.1"}.items():
        with pytest.raises(ValueError, match=f"no question has the number '{number}'; did you mean '{meant}'"):
            exercises.check(number, 28)


@pytest.mark.parametrize(
    ("text", "value"),
    [("30 %", 30), ("1,200", 1200), ("2.5 million", 2.5e6), ("7k", 7000), ("1/4", 0.25), ("about 12", 12), ("3 times", 3),
     ("-4", -4), ("many", None), ("", None), ("1/0", None), ("1,5", 1.5), ("0,125", 0.125), ("1,234,567", 1234567),
     ("2 370", 2370), ("10 millions", 1e7), ("10 Mio.", 1e7), ("2.5 mil", 2.5e6), ("3 bn", 3e9), ("10만 개", 1e5), ("1e6", 1e6),
     ("10^6", 1e6), ("-10^6", -1e6), ("2x", 2), ("−3", -3), ("5 배", 5), ("12 px?", 12), ("10 zillion", None), ("10-20", None),
     ("3 4", None), ("9e99^9", None)],
)  # fmt: skip
def test_a_guess_is_read_as_people_write_it(text, value):
    assert guessing.number(text) == value


def test_a_box_knows_its_own_unit_and_shows_what_it_read():
    box = exercises.guess("x", "How deep?", "layers")
    for typed, shown in (("1,5", "noted: 1.5"), ("2.5 million Layers", "noted: 2,500,000"), ("5 pounds", "layers, no number")):
        box.text.value = typed
        assert shown in box.row.children[-1].value
        assert guessing.kept().get("x") == guessing.number(typed, "layers")
    box.text.value = "1234567.8"
    assert guessing.number(exercises.guess("x", "Again?").text.value) == 1234568


def test_a_guess_is_kept_and_told_beside_the_answer(capsys):
    exercises.reveal("04.share", 52.3, "%", 1)
    exercises.sum_up()
    assert capsys.readouterr().out == "52.3%\n"  # nobody guessed: nothing but the answer
    box = exercises.guess("04.share", "What percentage of ResNet-50's multiply-adds are in 1x1 convolutions?", "%")
    box.text.value = "about 26 %"
    exercises.reveal("04.share", 52.3, "%", 1)
    exercises.sum_up()
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "52.3% (you guessed 26%, 2.0 times off)"
    assert told[1] == "Your 1 guesses: 0 within a tenth of the answer, half of them within a factor of 2.0."
    assert exercises.guess("04.share", "Again?", "%").text.value == "26"
    box.text.value = "0.01"
    exercises.reveal("04.share", 2370, " times")
    assert capsys.readouterr().out == "2,370 times (you guessed 0.01 times, 237,000 times off)\n"
    box.text.value = ""
    assert guessing.kept() == {}


@pytest.mark.parametrize("text", ["[]", '{"a": null}', '{"a": [1]}', "3", "{"])
def test_a_damaged_file_of_guesses_is_no_guess(own_folder, text):
    exercises.guess("x", "How many?").text.value = "4"
    guessing._file().write_text(text)
    assert guessing.kept() == {} and exercises.guess("x", "How many?").text.value == ""


def test_a_box_shows_its_question_where_there_are_no_widgets():
    box = exercises.guess("x", "How many?")
    assert box._repr_mimebundle_()["text/plain"] == "How many?"
    box.text.value = "some"
    assert "no number" in box.row.children[-1].value and guessing.kept() == {}


def test_a_disk_that_takes_no_file_stops_nobody(own_folder):
    (own_folder / "cnn_course").write_text("a file where the folder should be")
    exercises.guess("x", "How many?").text.value = "4"
    assert guessing.kept() == {}
