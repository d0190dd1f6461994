"""The side that nobody trusts: here a submitted notebook runs, and here its answers are tried. Only data leaves this process.

The grader starts it (see confined.py) and compares what it sends with what is right, in a process where no student's code has
ever been. So whatever the notebook does to the checks, to torch or to Python itself, it can only make itself fail.
"""

import contextlib
import os
import time

from cnn_course.exercises import checking as questions
from cnn_course.grading import wire
from cnn_course.labs import checking, sandbox
from cnn_course.labs.lab import plain

BYTES = 3_000_000_000
LONGEST = 2_000  # characters of an answer


def main():
    """Run a notebook's cells; try each lab when it is given to its check; say at the end what else was handed in."""
    incoming, outgoing = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what a notebook prints goes nowhere, be it a gigabyte
        os.dup2(nothing, stream)

    def tell(line):
        outgoing.write(line + "\n")
        outgoing.flush()

    asked = wire.read(incoming.readline())
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000_000, 200_000_000))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if asked["confined"]:  # elsewhere all that the user runs would count, and a browser may have as many threads
            resource.setrlimit(resource.RLIMIT_NPROC, (1000, 1000))
    sandbox.limit_memory(BYTES)

    def try_labs():  # now: what a name means in them may be another thing at the end
        handed = dict(checking.handed)
        checking.handed.clear()
        for name, answer in handed.items():
            tell(tried(name, answer, asked["seed"], asked["seconds"]))

    cells = enumerate(asked["cells"])
    kept = [(place, source) for place, source in cells if place not in asked["skip"]]
    errors = run(kept, asked["seconds"], lambda place: tell(wire.written({"cell": place})), try_labs)
    answers = {number: _answer(answer) for number, answer in questions.handed.items()}
    tell(wire.written({"errors": errors, "answers": answers}))


def run(cells: list[tuple[int, str]], seconds: float, begins, ended) -> list:
    """Run cells (place, source) as a notebook does, one after the other, also after an error; returns [place, sentence] of each.

    seconds: of a cell at most; all together have four times that. begins: is called with each cell's place before it runs.
    ended: after it, on time of its own.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    errors, left = [], 4 * seconds
    for place, source in cells:
        if left < 0.1:
            errors.append(
                [place, f"Not run, nor what is behind it: the cells before took the {4 * seconds:g} seconds that all have."]
            )
            break
        begins(place)
        begun, most = time.monotonic(), min(seconds, left)
        with sandbox.limited(most):
            result = shell.run_cell(source, store_history=True)
            error = result.error_before_exec or result.error_in_exec
        left -= time.monotonic() - begun
        if error is not None:
            late = isinstance(error, sandbox.Overtime)
            errors.append([place, f"The cell was stopped after {most:.0f} seconds." if late else sandbox.told(error)])
        ended()
    return errors


def _wanting(answer):
    """Why what was handed in for a lab need not be tried; "" where it has to be."""
    if checking.untouched(answer):
        return "Not started: what was handed in is the empty stub."
    return "What was handed in is the course's own, not yours." if checking.borrowed(answer) else ""


def _answer(answer):
    """An answer as plain data that is small."""
    if answer is None or answer is ...:
        return None
    with contextlib.suppress(Exception):  # of whatever the student's objects do when they are looked at
        value = plain(answer)
        if len(repr(value)) <= LONGEST:
            return value
    return f"a {type(answer).__name__} that is no short answer"


def tried(name: str, answer, seed: int, seconds: float) -> str:
    """A line: what the course's check says of an answer, with this seed and in more cases, and what the answer gave."""
    import torch

    lab = checking.find(name)

    def work():
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)  # a notebook may have changed it for all that follows, and the gradients too
        with torch.enable_grad():
            says, observed = lab.judge(answer, seed, more=True), lab.observed(answer, seed)
        torch.set_default_dtype(before)
        return wire.written({"lab": name, "says": says and f"Not yet. {says}", "observed": observed})

    says = _wanting(answer)
    line, problem = (None, "") if says else sandbox.apart(work, seconds * 2 / 3)
    return line or wire.written({"lab": name, "says": says or f"Not yet. {problem}", "observed": []})


if __name__ == "__main__":
    main()
