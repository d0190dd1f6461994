"""What a question of a notebook is: a right answer, why it is right, and what is wrong with those that people give instead."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real


def plain(given):
    """An answer as numbers, texts and lists, whatever they came in: an array, a tensor, a Series, a set, a fraction.

    A lone value in an array is a number. What is none of these stays as it is.
    """
    if isinstance(given, (set, frozenset)):
        given = sorted(given, key=str)
    if hasattr(given, "tolist"):
        with contextlib.suppress(Exception):  # of an object that only looks like an array
            given = given.tolist()
            given = given[0] if isinstance(given, list) and len(given) == 1 and not isinstance(given[0], list) else given
    if type(given) in (list, tuple):
        return type(given)(map(plain, given))
    if isinstance(given, (Real, Decimal)) and not isinstance(given, (bool, int)):
        return int(given) if isinstance(given, Integral) else float(given)
    return given


def near(given, expected, tolerance: float = 0.0) -> bool:
    """Whether two answers are one: numbers within `tolerance`, texts but for case and blanks, lists place by place.

    TypeError, said to the reader, for a list where a number is expected, and the other way round.
    """
    if isinstance(expected, str):
        return str(given).strip().lower() == expected.strip().lower()
    if isinstance(expected, (tuple, list)):
        if isinstance(given, str) or not hasattr(given, "__iter__"):
            raise TypeError(f"expected a list of {len(expected)} {'words' if isinstance(expected[0], str) else 'numbers'}")
        return len(given) == len(expected) and all(near(*pair, tolerance) for pair in zip(given, expected, strict=True))
    if isinstance(given, bool) or isinstance(expected, bool):
        return given is expected
    if isinstance(given, (str, tuple, list, dict, set)):
        raise TypeError(f"expected a number{', without quotes' if isinstance(given, str) else ''}")
    return abs(given - expected) <= tolerance + 1e-9 * abs(expected)


def within(tolerance: float) -> Callable[[object, object], bool]:
    """For answers that are rounded."""
    return lambda given, expected: near(given, expected, tolerance)


@dataclass(frozen=True)
class Question:
    """A question that stands in a notebook, and what is known about its answers.

    answer: computes a right one. why: said then. hint: said of an answer that is in no trap. traps: plausible wrong answers, each
    with what it overlooks. accepts: whether an answer is the same as another, here the right one or a trap's.
    """

    answer: Callable[[], object]
    why: str
    hint: str
    traps: tuple[tuple[object, str], ...]
    accepts: Callable[[object, object], bool] = near

    def __repr__(self):  # a line that spoils nothing
        return f"a question with {len(self.traps)} known wrong answers; exercises.check asks it by its number"

    def says(self, given) -> str:
        """What the reader is told; whatever was typed ends in a sentence, not in a traceback."""
        if given is None or given is ...:
            return "Not answered yet: put your answer in place of the dots and run the cell again."
        given = plain(given)
        try:
            if self.accepts(given, self.answer()):
                return f"Right. {self.why}"
        except Exception as error:
            return f"Not yet. The check cannot use an answer of type {type(given).__name__} ({error}). {self.hint}"
        return f"Not yet. {next((reason for trap, reason in self.traps if self._is(given, trap)), self.hint)}"

    def notes(self, given) -> str:
        """What the reader is told where the verdict waits for a grader: whether there is an answer, of a kind that it can use."""
        if given is None or given is ...:
            return self.says(given)
        given = plain(given)
        try:
            self.accepts(given, self.answer())
            return f"Noted: {given!r:.80}. Whether it is right you learn when it has been graded."
        except Exception as error:
            return f"A grader cannot use an answer of type {type(given).__name__} ({error})."

    def _is(self, given, trap):
        try:
            return bool(self.accepts(given, trap))
        except Exception:  # an answer of another kind is another answer
            return False
