"""How designs and words that a student hands in are compared with what is right."""

from cnn_course import experiments
from cnn_course.exercises.asking import near


def rows(given, length: int, of: str) -> list[tuple[int, ...]]:
    """A design as it was typed, a list of rows of whole numbers. ValueError, said to the student, for all else."""
    if not isinstance(given, (list, tuple)) or not given or not all(isinstance(row, (list, tuple)) for row in given):
        raise ValueError(f"expected a list of {of}")
    if not all(len(row) == length and all(type(value) is int and 0 < value < 10_000 for value in row) for row in given):
        raise ValueError(f"expected a list of {of}, all whole numbers from 1 to 9,999")
    return [tuple(row) for row in given]


def by_fault(fault):
    """Designs are alike where their first fault is the same; those without one are all right."""
    return lambda given, expected: fault(given) == fault(expected)


def joined(given) -> str:
    """Letters that were typed as a word or as a list. TypeError, said to the student, for all else."""
    try:
        return "".join(given)
    except TypeError:
        raise TypeError("expected letters in quotes") from None


def word(given, expected) -> bool:
    """An order, typed as a word or as a list of letters, with or without something between them."""
    return near("".join(filter(str.isalpha, joined(given))), expected)


def choice(letters: str, right):
    """Letters in any order. A wrong choice is in the first trap all of whose mistakes it makes."""

    def same(given, expected):
        mistakes, others = ({*joined(chosen).upper()} & {*letters} ^ {*right()} for chosen in (given, expected))
        return others <= mistakes if others else not mistakes

    return same


def interval(name: str, a: str, b: str) -> list[float]:
    """From where to where variant a of a recorded experiment may be ahead of b, in points."""
    return list(experiments.recorded(name).difference(a, b).interval)
