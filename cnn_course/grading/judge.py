"""One submission: run it apart, compare what it gave with what is right, and say so. No line of a student's code runs here."""

import ast
import contextlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cnn_course import labs
from cnn_course.exercises.graded import ASSIGNMENTS, GRADED
from cnn_course.grading.confined import Gone, Process

BYTES, CODE = 50_000_000, 500_000  # of a notebook with its pictures, and of characters of code
TRIES, START_SECONDS = 3, 60
# What an answer has no need of: the inside of the checks. Somebody has to read such a cell: it may send what it looked up.
USUAL = "check|hint|solution|yours|names|guess|reveal|sum_up|near|within"
INSIDE = re.compile(
    rf"cnn_course\.(grading|labs|exercises)(?! import ({USUAL})\b)|\b(labs|exercises) as \w|setattr\((?!self)|__globals__"
    rf"|\b(labs|exercises)\.(?!({USUAL})\b)\w|(?m:^[ \t]*(labs|exercises|models)\.[\w.]+ *=[^=])"
)
_one_at_a_time = threading.Lock()  # torch has one generator of random numbers for all threads


@dataclass
class Item:
    """A lab or a question of an assignment: the points that it got, of how many, and what is said to the student."""

    name: str
    points: int
    possible: int
    says: str


@dataclass
class Graded:
    """What came of a submission. remark: why it could not be graded, or not wholly; "" where it could."""

    path: Path
    name: str
    login: str = ""
    number: str = ""  # of the student in Canvas
    sender: str = ""  # the name in Moodle: no notebook can say otherwise
    assignment: str = ""
    items: list[Item] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)  # (cell, counted from 1; what happened)
    remark: str = ""
    seen: list[str] = field(default_factory=list)  # what an instructor should look at

    @property
    def who(self) -> str:
        """One text for each student: the number in Canvas, else the name in Moodle or the notebook with its login, else the file.

        Moodle's own number is another one in each assignment.
        """
        return self.number or (f"{self.sender or self.name} {self.login.lower()}" if self.login else str(self.path))

    @property
    def points(self) -> int | None:
        """The sum of points; None where nothing could be graded."""
        return sum(item.points for item in self.items) if self.items else None

    @property
    def possible(self) -> int:
        return sum(ASSIGNMENTS.get(self.assignment, {}).values())


def grade(path: Path, seed: int, confine: bool = True, cell_seconds: float = 30) -> Graded:
    """Grade a notebook; whatever is wrong with it ends in `remark`, never in an error.

    cell_seconds: how long one of its cells may take; all together may take four times that, and its labs twice that besides.
    """
    graded = Graded(path, **_sender(path))
    try:
        sources = code(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        graded.remark = f"This file cannot be read as a notebook ({' '.join(str(error).split())[:100]})."
        return graded
    inside = [place for place, source in enumerate(sources, start=1) if INSIDE.search(source)]
    graded.seen = [f"Code cell {place} reaches into the checks: read it." for place in inside]
    named = student(sources)
    graded.name, graded.login = named.get("name") or graded.name, named.get("login", "")
    graded.assignment = assignment_of(sources)
    if not graded.assignment:
        graded.remark = 'Nothing of an assignment is checked in it. Is the cell with exercises.check("A…", answer) still there?'
        return graded
    skip = set()
    for _ in range(TRIES):
        reached = None
        try:
            with Process(confine) as process:
                process.tell({"cells": sources, "skip": sorted(skip), "seconds": cell_seconds, "seed": seed, "confined": confine})
                until, message, tried = time.monotonic() + START_SECONDS, {}, {}
                while "errors" not in message:
                    message = process.hear(until)
                    if reached is None:  # now the first cell runs: a machine that starts slowly costs a student nothing
                        until = time.monotonic() + 6 * cell_seconds
                    reached = message.get("cell", reached)
                    if message.get("lab") in ASSIGNMENTS[graded.assignment]:
                        tried[message["lab"]] = message  # the last one counts
                graded.remark = ""
                _judge(graded, message, tried, seed)
                return graded
        except (KeyError, TypeError, ValueError, AttributeError):
            graded.remark = "It wrote into the channel that reports its answers."
            break
        except Gone as gone:
            graded.remark = f"{_of_cell(reached)} {gone}."
            if reached is None or reached in skip or not isinstance(reached, int):
                break
            graded.errors.append((reached + 1, f"Left out: {gone}."))
            skip.add(reached)
    return graded


def _of_cell(place):
    return f"When code cell {place + 1} ran," if isinstance(place, int) else "Before the first cell ran,"


def _judge(graded, message, tried, seed):
    """Fill in what each lab and question of the assignment got."""
    left_out = list(graded.errors)
    graded.errors = left_out + [(int(place) + 1, _text(says)) for place, says in message["errors"]]
    answers, items = message["answers"], []
    for name, possible in ASSIGNMENTS[graded.assignment].items():
        if name in GRADED:
            says = f'Not handed in: no cell gave it to exercises.check("{name}").'
            if name in answers:
                with _one_at_a_time:
                    says = GRADED[name].says(answers[name])
            right = says.startswith("Right.")
        elif name in tried:
            right, says = _lab(tried[name], name, seed)
        else:
            right, says = False, f'Not handed in: no cell gave it to labs.check("{name}").'
        items.append(Item(name, possible * right, possible, says))
    graded.items = items
    ended = [f"Code cell {place} was left out: it ended the run." for place, _ in left_out]
    graded.remark = " ".join([*ended, *graded.seen])


def _lab(message, name, seed):
    says, lab = _text(message.get("says", "")), labs.find(name)
    if says:
        return False, says
    with _one_at_a_time:
        try:
            right = lab.agrees(message.get("observed"), _expected(name, seed))
        except Exception:  # data of another form than a right answer has
            right = False
    return right, "Passed." if right else "Not yet. What it gives is not what the course's own gives, whatever the check said."


@lru_cache(maxsize=64)
def _expected(name, seed):
    lab = labs.find(name)
    return lab.observed(lab.reference, seed)


def _text(value):
    return " ".join(str(value).split())[:600]


# ------------------------------------------------------------------------------------- what is read without running anything
def code(path: Path) -> list[str]:
    """The code cells of a notebook; ValueError and others for a file that is none."""
    if path.stat().st_size > BYTES:
        raise ValueError(f"it has {path.stat().st_size / 1e6:.0f} MB; at most {BYTES / 1e6:.0f} are read")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    if (size := sum(map(len, sources))) > CODE:
        raise ValueError(f"it has {size:,} characters of code; at most {CODE:,} are read")
    return sources


def assignment_of(sources):
    """The assignment of which most is checked, by the names in the text: cells may have been copied into another file."""
    named = set(re.findall(r"""check\(\s*["'](\w[\w.]*)["']""", "\n".join(sources)))
    found = {name: len(named & set(parts)) for name, parts in ASSIGNMENTS.items()}
    best = max(found, key=found.get)
    return best if found[best] else ""


def student(sources: list[str]) -> dict[str, str]:
    """What a notebook says of who wrote it, in `student = {"name": …, "login": …}`; the last that is filled in counts."""
    said = {}
    for source in sources:
        for found in re.finditer(r"^student[ \t]*=[ \t]*(\{[^}]{0,500}\})", source, re.MULTILINE):
            with contextlib.suppress(ValueError, SyntaxError, AttributeError, RecursionError):
                values = ast.literal_eval(found[1])
                plain = {key: values.get(key) for key in ("name", "login") if isinstance(values.get(key), (str, int))}
                said |= {key: text for key, value in plain.items() if (text := _text(value)[:100].strip())}
    return said


def _sender(path):
    """What Canvas and Moodle say of who handed a file in, in its name or its folder's; else the file's own name."""
    for folder in path.parents:
        if found := re.match(r"(.+)_\d+_assignsubmission_file", folder.name):  # Moodle: First Last_123_assignsubmission_file_
            return {"name": found[1], "sender": found[1]}
    if found := re.match(r"([^_]+)_(?:LATE_)?(\d+)_\d+_", path.name):  # Canvas: lastfirst_12345_67890_file.ipynb
        return {"name": found[1], "number": found[2]}
    return {"name": path.stem}
