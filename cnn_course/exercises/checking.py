"""What a reader calls: check an answer to a question of a notebook, by its number."""

from cnn_course import show
from cnn_course.exercises import alexnet, comparison, conv1x1, densenet, ilsvrc, inception, recipe, resnet, vgg
from cnn_course.exercises.asking import Question, plain
from cnn_course.exercises.graded import GRADED
from cnn_course.values import suggestion

QUESTIONS: dict[str, Question] = {
    number: question
    for module in (ilsvrc, alexnet, vgg, conv1x1, inception, resnet, densenet, comparison, recipe)
    for number, question in module.QUESTIONS.items()
}
handed: dict[str, object] = {}  # what was last given to the check, for a grader


def check(number: str, answer) -> None:
    """Print "Right." and why, "Not yet." and what the answer overlooks, or that nothing was answered (None or ...).

    number: the question's, such as "03.2"; of an assignment's, such as "A3.2", only the receipt is printed, for a grader
    judges it later. Raises ValueError for one that is not there.
    """
    if number in GRADED:
        handed[number] = plain(answer)
        print(show.prose(GRADED[number].notes(answer)))
        return
    if number not in QUESTIONS:
        text = str(number).upper()
        advice = suggestion(text, GRADED if text.startswith("A") else QUESTIONS, cutoff=0)
        raise ValueError(f"no question has the number {number!r}; {advice}It stands in the cell's heading")
    print(show.prose(QUESTIONS[number].says(answer)))
