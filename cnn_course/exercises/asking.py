"""Exercises that answer at once: the reader replaces `...`, runs the cell, and reads whether it is right, and if not why."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """What is asked in a notebook, and what is known about the answers to it.

    right: a function of the answer, true when it is right. why: said then. hint: said of an answer that is in no trap.
    traps: plausible wrong answers, each with the reason: pairs of a value (or a function that is true of it) and a sentence.
    """

    right: Callable[[object], bool]
    why: str
    hint: str
    traps: tuple[tuple[object, str], ...] = ()

    def says(self, answer) -> str:
        """What the reader is told."""
        if answer is None or answer is ...:
            return "Not answered yet: put your answer in place of the dots and run the cell again."
        try:
            if bool(self.right(answer)):
                return f"Right. {self.why}".rstrip()
        except Exception as error:  # whatever the reader typed must end in a sentence, not in a traceback
            return f"Not yet. The check cannot use an answer of type {type(answer).__name__} ({error}). {self.hint}".rstrip()
        return f"Not yet. {next((reason for trap, reason in self.traps if _caught(trap, answer)), self.hint)}".rstrip()


def _caught(trap, answer):
    try:
        return bool(trap(answer)) if callable(trap) else abs(answer - trap) <= 1e-9 * max(1, abs(trap))
    except Exception:
        return False


def check(answer, test, hint="", why=""):
    """Print "Right." and why, or "Not yet." and a hint, or that nothing was answered (None or ...).

    test: a function of the answer that is true when it is right. Raises ValueError where test is no function.
    """
    if not callable(test):
        raise ValueError(f"test is {test!r}; expected a function, such as lambda answer: answer == 5")
    print(Question(test, why, hint).says(answer))
