"""What a student calls: check an answer, ask for a hint, read the solution, build with what was passed."""

import ast
import inspect
import textwrap
import types
from collections.abc import Callable

from torch import nn

from cnn_course import show
from cnn_course.labs import alexnet, comparison, conv1x1, densenet, ilsvrc, inception, recipe, resnet, sandbox, vgg
from cnn_course.labs.lab import Lab
from cnn_course.values import kind, suggestion

LABS = {
    lab.name: lab
    for module in (ilsvrc, alexnet, vgg, conv1x1, inception, resnet, densenet, comparison, recipe)
    for lab in module.LABS
}
_hinted: dict[str, int] = {}  # how many hints of a lab were given
_passed: dict[str, Callable] = {}  # what the student wrote, of labs that passed
handed: dict[str, object] = {}  # what was last given to the check, for a grader


def names() -> list[str]:
    """The labs, in the order of the notebooks."""
    return list(LABS)


def find(name: str) -> Lab:
    """A lab. ValueError for an unknown name, with the nearest one."""
    if name not in LABS:
        raise ValueError(f"no lab is called {name!r}; {suggestion(name, LABS)}The labs are: {', '.join(LABS)}")
    return LABS[name]


def check(name: str, answer: Callable) -> None:
    """Print whether the answer does what the lab asks for, else what is wrong with it, in a sentence.

    answer: the class or function that the student wrote. It runs apart, see `sandbox`, for eight seconds at most, and is
    compared with the course's by what it does, whatever its parts are called. Raises ValueError for an unknown lab.
    """
    lab = find(name)
    _passed.pop(name, None)
    handed[name] = answer
    print(show.prose(_verdict(lab, answer)))


def _verdict(lab, answer):
    if untouched(answer):
        return f"Not started: write {lab.asked}. Then run this cell again."
    if borrowed(answer):
        return f"Not yet. What the check was given is the course's own {answer.__name__}. Write yours."
    if isinstance(answer, nn.Module):
        return f"Not yet. The check was given {kind(answer)} that is made already, expected the class, by its name."
    if not callable(answer):
        return f"Not yet. The check was given {answer!r:.80}, expected the class or function itself, by its name."
    found, problem = sandbox.apart(lambda: lab.judge(answer))
    if found != "":
        return f"Not yet. {problem or found}"
    _passed[lab.name] = answer
    return f"Passed: it does what the course's own does{f', in {len(lab.cases)} cases' if len(lab.cases) > 1 else ''}."


def borrowed(answer) -> bool:
    """Whether an answer is a function or class of the course itself, or is made from such a class."""
    kinds = answer.__mro__ if inspect.isclass(answer) else [answer] if inspect.isroutine(answer) else []
    return any(str(kind.__module__).startswith("cnn_course.") for kind in kinds)


def untouched(answer) -> bool:
    """Whether an answer is still its stub: its functions hold nothing but docstrings, dots and super().__init__()."""
    if answer is None or answer is ...:
        return True
    functions = [answer] if isinstance(answer, types.FunctionType) else []
    if isinstance(answer, type):
        own = [kind for kind in answer.__mro__ if kind.__module__.partition(".")[0] not in ("torch", "builtins")]
        functions = [value for kind in own for value in vars(kind).values() if isinstance(value, types.FunctionType)]
    return bool(functions) and all(map(_empty, functions))


def _empty(function):
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        return all(
            ast.unparse(line) in ("...", "pass", "return", "super().__init__()") or _is_text(line) for line in definition.body
        )
    except (OSError, TypeError, ValueError, SyntaxError, AttributeError):  # no source, or a lambda in the midst of a line
        return False


def _is_text(line):
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def hint(name: str) -> None:
    """Print the next hint of a lab; after the last one, where the solution is."""
    lab, place = find(name), _hinted.get(name, 0)
    if place >= len(lab.hints):
        print(f'That was the last hint. `labs.solution("{name}")` shows how the course wrote it.')
        return
    _hinted[name] = place + 1
    print(show.prose(f"Hint {place + 1} of {len(lab.hints)}: {lab.hints[place]}"))


def solution(name: str):
    """The course's own source of a lab, and a line that says what reading it spoils."""
    print("What follows answers the lab. Reading it takes the finding from you; a hint may be enough.")
    return show.source(find(name).solution)


def yours(name: str) -> Callable:
    """What the student built, if it passed in this kernel, to be put to work in the course; else the course's own, told so.

    Raises ValueError for an unknown lab, and for one whose result the course puts nowhere.
    """
    lab = find(name)
    if lab.fits is None:
        fitting = ", ".join(other.name for other in LABS.values() if other.fits)
        raise ValueError(f"the course puts what {name!r} asks for nowhere; it has a place for: {fitting}")
    if name in _passed:
        return lab.fits(_passed[name])
    print(f"The lab {name!r} has not been passed in this kernel: the course's own takes its place.")
    return lab.solution
