"""What a grader gets: one table for Canvas and Moodle, and a page of feedback for each student."""

import csv
import html
import io
import itertools
import re
from pathlib import Path

from cnn_course import files
from cnn_course.exercises.graded import ASSIGNMENTS
from cnn_course.grading.judge import Graded

# Canvas takes every column behind the first five for an assignment, but for those whose name contains "Current Score": there a
# remark is safe. No row of points possible: Canvas does without, and Moodle takes it for a student whom it does not know.
STUDENT = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
REMARK = "Remark on the Current Score"
STYLE = """:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .4em .8em .4em 0 }
tr { border-bottom: 1px solid #8884 } td:nth-child(2) { white-space: nowrap }"""


def table(graded: list[Graded]) -> str:
    """The CSV: a line a student, a column an assignment. What could not be graded has no points and says why in its remark."""
    names = [name for name in ASSIGNMENTS if any(each.assignment == name for each in graded)]
    students = {}
    for each in graded:
        students.setdefault(each.who, []).append(each)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow([*STUDENT, *names, REMARK])
    for submissions in students.values():
        first = submissions[0]
        points = {each.assignment: each.points for each in submissions if each.points is not None}
        remarks = [f"{each.path.name}: {each.remark}" for each in submissions if each.remark]
        row = [first.name, first.number, "", first.login, "", *(points.get(name, "") for name in names), " ".join(remarks)]
        lines.writerow(map(_harmless, row))
    return text.getvalue()


def _harmless(value):
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


def page(graded: Graded, seed: int) -> str:
    """The feedback for one submission, as HTML that needs nothing from elsewhere."""
    say = html.escape
    title = f"{graded.assignment or graded.path.name}: {graded.name}"
    parts = [f"<h1>{say(title)}</h1>"]
    if graded.points is not None:
        parts.append(f"<p><strong>{graded.points} of {graded.possible} points.</strong></p>")
    if graded.remark:
        parts.append(f"<p>{say(graded.remark)}</p>")
    if graded.items:
        rows = [
            f"<tr><td>{say(item.name)}</td><td>{item.points} of {item.possible}</td><td>{say(item.says)}</td></tr>"
            for item in graded.items
        ]
        parts += ["<table><tr><th>what</th><th>points</th><th>feedback</th></tr>", *rows, "</table>"]
    if graded.errors:
        rows = [f"<li>Code cell {place}: {say(says)}</li>" for place, says in graded.errors]
        parts += ["<h2>When your notebook ran from a fresh kernel</h2>", "<ul>", *rows, "</ul>"]
    parts.append(f"<p><small>Labs were tried in more sizes than the notebook's own check tries, with seed {seed}.</small></p>")
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{say(title)}</title><style>{STYLE}</style>'
    return "\n".join([head, *parts]) + "\n"


def write(graded: list[Graded], folder: Path, seed: int) -> None:
    """Put grades.csv and feedback/ into `folder`, each file in one step."""
    pages = folder / "feedback"
    pages.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / "grades.csv", "\ufeff" + table(graded))  # the mark at the start lets Excel read names in UTF-8
    taken = set()
    for each in graded:
        stem = re.sub(r"[^\w.-]+", "-", f"{each.assignment or 'ungraded'}-{each.login or each.name}")
        first = stem = stem.encode()[:150].decode(errors="ignore").strip("-.")  # a file's name has at most 255 bytes
        for number in itertools.count(2):
            if stem.lower() not in taken:
                break
            stem = f"{first}-{number}"
        taken.add(stem.lower())
        files.write_text(pages / f"{stem}.html", page(each, seed))
