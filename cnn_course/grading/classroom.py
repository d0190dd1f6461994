"""What an instructor does with a folder of notebooks, and a student with one before it is handed in."""

import contextlib
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from cnn_course import files
from cnn_course.exercises.graded import GRADED
from cnn_course.grading import confined, report
from cnn_course.grading.judge import Graded, assignment_of, code, grade, student


def grade_folder(folder: Path, out: Path, seed: int, jobs: int = 2, confine: bool = True) -> list[Graded]:
    """Grade every notebook in `folder` and below, and write grades.csv and feedback/ into `out`.

    Of two by one student for one assignment the newer counts. Raises ValueError for a folder without notebooks, RuntimeError
    where students' code is to be confined and this machine cannot do that.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; give the one that has the submitted notebooks")
    notebooks = [path for path in _files(folder) if path.suffix == ".ipynb"]
    if not notebooks:
        raise ValueError(f"no notebook (.ipynb) is in {folder}")
    if confine and (why := confined.hindrance()):
        raise RuntimeError(
            f"students' code cannot be confined here ({why}): it could read, change and send your files. On Linux install "
            "bubblewrap (apt install bubblewrap); if it is there, docs/teaching/grading.md says how the system lets it work. "
            "Elsewhere use a virtual machine or a container that holds nothing else, with --unconfined"
        )

    def one(path):
        try:
            return grade(path, seed, confine)
        except Exception as error:  # whatever it is, it is one student's
            return Graded(path, path.stem, remark=f"It could not be graded ({type(error).__name__}: {error}).")

    with ThreadPoolExecutor(jobs) as pool:
        found = pool.map(one, notebooks)
        graded = _distinct(_newest(list(tqdm(found, "grade", len(notebooks), unit="notebook"))))
    report.write(graded, out, seed)
    return graded


def others(folder: Path) -> list[Path]:
    """What was handed in and is no notebook, so that nobody is missing from the table unnoticed."""
    return [path for path in _files(folder) if path.suffix != ".ipynb"]


def _files(folder):
    inside = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in inside if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _newest(graded):
    """Of each student and assignment the newest file that could be graded, in the order of names."""
    chosen = {}
    for each in sorted(graded, key=lambda each: (each.points is not None, each.path.stat().st_mtime)):
        other = chosen.get((each.who, each.assignment))
        if other:
            later = other.path.stat().st_mtime > each.path.stat().st_mtime
            said = f"handed in later, could not be graded: {other.remark}" if later else "handed in earlier, does not count."
            each.remark = f"{each.remark} {other.path.name}, {said}".strip()
        chosen[each.who, each.assignment] = each
    return sorted(chosen.values(), key=lambda each: (each.name.lower(), each.assignment))


def _distinct(graded):
    """A login that several claim is nobody's: the table would give one of them the points of another."""
    claimed = {}
    for each in graded:
        claimed.setdefault(each.login.lower(), set()).add(each.who)
    for each in graded:
        if each.login and len(claimed[each.login.lower()]) > 1:
            each.remark = f"{each.remark} Somebody else, too, says that the login is {each.login}: find out whose it is.".strip()
            each.login = ""
    return graded


def submit(notebook: Path, seed: int) -> Path:
    """Run a notebook from a fresh kernel, print what a grader will see, and write the one file to hand in beside it.

    Raises ValueError where nothing could be graded, where the notebook does not say who wrote it, and for a lesson.
    """
    if not notebook.is_file():
        raise ValueError(f"there is no notebook {notebook}")
    if right := _instead_of(notebook):
        raise ValueError(f"{notebook} has no cell student = {{…}}, so this is not the assignment; it is {right}")
    saved = _ago(time.time() - notebook.stat().st_mtime)
    print(f"{notebook.name}, as it was saved {saved}. Is your screen newer than that? Save, and give this line again.")
    result = grade(notebook, seed, confine=False)
    for place, says in result.errors:
        print(f"  code cell {place}: {says}")
    if result.points is None:
        raise ValueError(f"nothing to hand in yet. {result.remark}")
    if result.remark:
        print(result.remark)
    for item in result.items:
        print(f"  {item.name:<16}{item.possible} {'points' if item.possible > 1 else 'point '}  {_receipt(item)}")
    who = student(code(notebook))
    if missing := [key for key in ("name", "login") if not who.get(key)]:
        raise ValueError(f'your {" and your ".join(missing)} must stand in the cell student = {{"name": "…", "login": "…"}}')
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    name = re.sub(r"[^\w.-]+", "-", f"{result.assignment}-{who['login']}")
    path = notebook.with_name(f"{name}.submission.ipynb")
    files.write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    return path


def _instead_of(notebook):
    """The assignment that a lesson was taken for; "" where this may be one."""
    sources = []
    with contextlib.suppress(Exception):  # of a file that cannot be read `grade` tells
        sources = code(notebook)
    assignment = assignment_of(sources)
    lesson = assignment and not any(re.search(r"^student[ \t]*=", source, re.MULTILINE) for source in sources)
    return f"notebooks/assignments/{assignment}.ipynb" if lesson else ""


def _receipt(item):
    """Of a lab the verdict; of a question only whether there is an answer that a grader can use."""
    known = item.name in GRADED and not item.says.startswith(("Not handed in", "Not answered")) and "cannot use" not in item.says
    return "Noted." if known else item.says


def _ago(seconds):
    minutes = seconds / 60
    if minutes < 1:
        return "less than a minute ago"
    return f"{minutes:.0f} minutes ago" if minutes < 120 else f"{minutes / 60:.0f} hours ago"
