"""What is asked of a value before it is used, and how a refused one is described."""

import difflib
import math
from collections.abc import Iterable
from numbers import Real
from operator import index


def is_whole(value, least: int) -> bool:
    """Whether it is a whole number of at least `least`: an int, or one of numpy or torch. True is none."""
    try:
        return "bool" not in str(getattr(value, "dtype", type(value))) and index(value) >= least
    except TypeError:  # of a tensor with several values too
        return False


def is_number(value) -> bool:
    """Whether it is a finite number, whole or not. True is none."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


def whole(name: str, value, least: int) -> int:
    """`value` as an int. Raises ValueError where it is not a whole number of at least `least`."""
    if not is_whole(value, least):
        raise ValueError(f"{name} is {value!r:.60}; expected a whole number of at least {least}")
    return index(value)


def suggestion(asked, known: Iterable[str], cutoff: float = 0.4) -> str:
    """The question whether the nearest of the known names was meant, such as "did you mean 'resnet20'? ", or "" if none is near.

    cutoff: how alike they must be, from 0, anything, to 1, the same (difflib's ratio).
    """
    near = difflib.get_close_matches(str(asked), known, n=1, cutoff=cutoff)
    return f"did you mean {near[0]!r}? " if near else ""


def kind(value) -> str:
    """What a value is, in words."""
    name = type(value).__name__
    return "nothing" if value is None else f"a{'n' * name.lower().startswith(tuple('aeio') + ('ndarray',))} {name}"
