"""The side that nobody trusts: here a submitted notebook runs, and here its answers are tried. Only data leaves this process.

The grader starts it (see confined.py) and compares what it sends with what is right, in a process where no student's code has
ever been. So whatever the notebook does to the checks, to torch or to Python itself, it can only make itself fail.
"""

import contextlib
import os

from cnn_course.exercises import checking as questions
from cnn_course.grading import wire
from cnn_course.labs import checking, sandbox
from cnn_course.labs.lab import plain

LAB_SECONDS = 20
BYTES = 3_000_000_000
LONGEST = 2_000  # characters of an answer


def main():
    """Read a notebook's cells, run them, say what was handed in; then try each lab that is asked for."""
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
    errors = run(asked["cells"], set(asked["skip"]), asked["seconds"], lambda place: tell(wire.written({"cell": place})))
    answers = {number: _answer(answer) for number, answer in questions.handed.items()}
    wanting = {name: _wanting(answer) for name, answer in checking.handed.items()}
    tell(wire.written({"errors": errors, "answers": answers, "labs": wanting}))
    for line in incoming:
        asked = wire.read(line)
        tell(tried(asked["lab"], asked["seed"]))


def run(cells: list[str], skip: set[int], seconds: float, begins) -> list:
    """Run cells as a notebook does, one after the other, also after an error; returns [place, sentence] of each error.

    seconds: of a cell at most. begins: is called with each cell's place before it runs.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    errors = []
    for place, source in enumerate(cells):
        if place in skip:
            continue
        begins(place)
        with sandbox.limited(seconds):
            result = shell.run_cell(source, store_history=True)
            error = result.error_before_exec or result.error_in_exec
        if error is not None:
            late = isinstance(error, sandbox.Overtime)
            errors.append([place, f"The cell was stopped after {seconds:g} seconds." if late else sandbox.told(error)])
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
        value = value.tolist() if hasattr(value, "tolist") else value
        if len(repr(value)) <= LONGEST:
            return value
    return f"a {type(answer).__name__} that is no short answer"


def tried(name: str, seed: int) -> str:
    """A line: what the course's check says of what was handed in, with this seed and in more cases, and what the answer gave."""
    import torch

    torch.set_grad_enabled(True)  # a notebook may have changed it for all that follows
    torch.set_default_dtype(torch.float32)
    lab, answer = checking.find(name), checking.handed[name]

    def work():
        return wire.written({"says": lab.judge(answer, seed, more=True), "observed": lab.observed(answer, seed)})

    line, problem = sandbox.apart(work, LAB_SECONDS)
    return line or wire.written({"says": problem, "observed": []})


if __name__ == "__main__":
    main()
