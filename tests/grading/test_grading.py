"""Made-up submissions, honest and hostile: each costs one line of the table, and none reaches the grader or another."""

import csv
import io
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import student
import torch
from nbformat.v4 import new_code_cell, new_notebook

from cnn_course import grading
from cnn_course.__main__ import main
from cnn_course.exercises.graded import ASSIGNMENTS, GRADED
from cnn_course.grading import classroom, confined, judge, report, wire

LAB, CHECK = "dense_layer", 'labs.check("dense_layer", DenseLayer)'
SETUP = "import torch\nfrom torch import nn\nfrom cnn_course import exercises, labs"
RIGHT = student.source(student.right(LAB), "DenseLayer")
ANSWER = f'exercises.check("A7.1", {GRADED["A7.1"].answer()!r})'
SEED = 11
EMPTY = (
    "class DenseLayer(nn.Module):\n    def __init__(self, in_channels, growth_rate):\n        super().__init__()\n        ...\n"
)
NOTHING = EMPTY + "        self.x = 1\n    def forward(self, x):\n        return x"


@pytest.fixture(scope="module", autouse=True)
def walls():
    if why := confined.hindrance():
        reason = f"students' code cannot be confined here ({why}); on Debian and Ubuntu: apt install bubblewrap"
        pytest.fail(reason) if os.environ.get("CNN_COURSE_TESTS") == "all" else pytest.skip(reason)


def notebook(path, *cells, name="Kim Minjun", login="kim@school.org"):
    who = f"student = {json.dumps({'name': name, 'login': login})}"
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in (SETUP, who, *cells)]), path)
    return path


ENDLESS = ("the last cell never ends", "forges messages without end")


def graded(path, case="", **settings):
    """What the judge says; what never ends gets less time, and all the rest as much as anyone's notebook."""
    return judge.grade(path, SEED, **({"cell_seconds": 8} if case in ENDLESS else {}), **settings)


def points(result):
    return {item.name: item.points for item in result.items if item.name in (LAB, "A7.1")}


def says(result, name):
    return next(item.says for item in result.items if item.name == name)


# ------------------------------------------------------------------------------- what honest students hand in
HONEST = {  # what is in the notebook -> the points for the lab and for the question
    "right, in an untidy notebook": (
        [
            ANSWER,
            "1 / 0",
            "%matplotlib inline\nfrom matplotlib import pyplot\npyplot.plot([1])",
            RIGHT + "\n# " + CHECK,
            CHECK,
            CHECK,
            "1 +",
        ],
        (3, 1),
    ),
    "a mistake, and torch set otherwise": (
        [
            RIGHT.replace("torch.cat((x, out), 1)", "torch.cat((x, out), 0)"),
            CHECK,
            "torch.set_default_dtype(torch.float64)",
            "undefined",
        ],
        (0, 0),
    ),
    "what comes last counts": ([RIGHT, CHECK, NOTHING, CHECK, ANSWER, 'exercises.check("A7.1", -1)'], (0, 0)),
    "stubs": ([EMPTY + "    def forward(self, x): ...", CHECK, 'exercises.check("A7.1", ...)'], (0, 0)),
    "the last cell never ends": ([RIGHT, CHECK, ANSWER, "while True:\n    try: pass\n    except Exception: pass"], (3, 1)),
    "a cell ends the process": (["torch.set_grad_enabled(False)", RIGHT, "import os; os._exit(1)", CHECK, ANSWER], (3, 1)),
    "the course's own": (["from cnn_course.models import DenseLayer", CHECK], (0, 0)),
    "the course's own, by another name": (
        ["from cnn_course import models\nclass DenseLayer(models.DenseLayer): pass", CHECK],
        (0, 0),
    ),
    "a helper is defined anew for what follows": (
        [
            "def joined(x, out): return torch.cat((x, out), 1)",
            RIGHT.replace("torch.cat((x, out), 1)", "joined(x, out)"),
            CHECK,
            "def joined(x, out): return x + out",
            "torch.set_default_dtype(torch.float64)",
            "assert torch.ones(1).dtype == torch.float64",
        ],
        (3, 0),
    ),
    "arrays and sets for numbers and lists": (
        [RIGHT, CHECK, f'import numpy\nexercises.check("A7.1", numpy.array({GRADED["A7.1"].answer()!r}))'],
        (3, 1),
    ),
}


@pytest.mark.parametrize("case", HONEST)
def test_what_counts_is_what_was_handed_to_the_check(case, tmp_path):
    cells, expected = HONEST[case]
    result = graded(notebook(tmp_path / "a.ipynb", *cells), case)
    assert tuple(points(result).values()) == expected, result
    assert result.possible == sum(ASSIGNMENTS["A7_densenet"].values()) and result.points == sum(expected)
    if case.startswith("a mistake"):
        assert says(result, LAB).startswith("Not yet. The batch has doubled")
        assert says(result, "dense_block") == 'Not handed in: no cell gave it to labs.check("dense_block").'
        assert result.errors == [
            (6, "NameError: name 'undefined' is not defined. It happened in `undefined` (line 1 of its cell).")
        ]


# ------------------------------------------------------------------------------- what hostile ones do
TAKE_OVER = """
from cnn_course.labs import checking, lab, sandbox
from cnn_course.exercises import asking, graded
import cnn_course.grading.judge as judge, torch
lab.Lab.judge = lab.Lab.observed = lambda *a, **k: ""
lab.Lab.agrees = lambda *a, **k: True
lab._alike = torch.allclose = torch.equal = lambda *a, **k: True
asking.Question.says = lambda *a: "Right."
judge.grade = judge._judge = lambda *a: 99
"""
SOLVED = """
from cnn_course.labs import lab
real = lab.Lab.observed
lab.Lab.judge, lab.Lab.observed = lambda *a, **k: "", lambda self, answer, seed: real(self, self.reference, seed)
"""
CLAIMS = "class Mine:\n    __eq__ = __le__ = lambda *_: True\n    __sub__ = __abs__ = lambda self, *_: self"
FORGED = """
import os
for stream in range(3, 30):
    try: os.write(stream, b'{"errors": [], "answers": {}, "labs": {}}\\n{"says": "", "observed": []}\\n')
    except OSError: pass
"""
FLOOD = "        try: os.write(stream, b'[' * 10**6)\n        except BaseException: pass"
HOSTILE = {  # the worst that a notebook can get for it
    "edits the checks": ([NOTHING, CHECK, TAKE_OVER, 'exercises.check("A7.1", -1)'], 0),
    "sends what the course's own gives": ([SOLVED, NOTHING, CHECK], 3),  # no better than a copied solution, and it is told
    "an object that is equal to everything": ([CLAIMS, 'exercises.check("A7.1", Mine()); labs.check("dense_layer", Mine())'], 0),
    "prints a gigabyte and wants memory": (
        ["for _ in range(1000): print('x' * 10**6)", "[0] * 10**10", "torch.zeros(10**11)", ANSWER],
        1,
    ),
    "forges messages": ([NOTHING, CHECK, FORGED], 0),
    "forges messages without end": (["import os\nwhile True:\n    for stream in range(3, 9):\n" + FLOOD], 0),
    "many processes": (["import os\nfor _ in range(12):\n    if not os.fork():\n        while True: pass", ANSWER], 1),
}


LOOKED_INSIDE = ("edits the checks", "sends what the course's own gives")


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_notebook_gets_no_more_than_it_earned(case, tmp_path):
    cells, most = HOSTILE[case]
    begun = time.monotonic()
    result = graded(notebook(tmp_path / "a.ipynb", *cells), case)
    assert (result.points or 0) == most, result
    assert ("reaches into the checks" in result.remark) == (case in LOOKED_INSIDE)
    assert time.monotonic() - begun < 90


def test_cells_that_take_too_long_together_cost_only_those_behind_them(tmp_path):
    sleeping = ["import time; time.sleep(2.5)"] * 5
    result = graded(notebook(tmp_path / "a.ipynb", ANSWER, *sleeping, RIGHT, CHECK), cell_seconds=3)
    assert points(result) == {LAB: 0, "A7.1": 1}
    assert result.errors[-1] == (9, "Not run, nor what is behind it: the cells before took the 12 seconds that all have.")


def test_a_login_may_be_a_number_and_the_last_cell_that_is_filled_in_counts():
    assert judge.student(['student = {"name": "", "login": ""}', 'student = {"name": "Kim", "login": 20231234}']) == {
        "name": "Kim",
        "login": "20231234",
    }
    assert judge.student(['student = {"name": "Kim", "login": "kim"}', 'student = {"name": "", "login": ""}'])["login"] == "kim"


def test_it_sees_neither_the_graders_files_nor_a_network(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADERS_SECRET", "hunter2")
    mine = tmp_path / "other.ipynb"
    mine.write_text("secret")
    looks = f"""
import os, pathlib, shutil, socket
def tried(work):
    try: return work()
    except Exception as error: return type(error).__name__
found = dict(
    other=tried(lambda: open({str(mine)!r}).read()),
    home=os.listdir(pathlib.Path.home()),
    variables=[name for name in os.environ if "COURSE_T" in name or "SECRET" in name],
    around="hunter2" in tried(lambda: open("/proc/1/environ").read()),
    net=tried(lambda: socket.create_connection(("192.0.2.1", 80), 2)),
    system=tried(lambda: open("/usr/mine", "w")),
    course=tried(lambda: open(os.path.dirname(labs.__file__) + "/mine", "w")),
    tests=os.path.exists({str(student.FOLDER)!r}),
)
shutil.rmtree(pathlib.Path.home(), ignore_errors=True)
shutil.rmtree(os.path.dirname(labs.__file__), ignore_errors=True)
raise RuntimeError(str(found))
"""
    result = graded(notebook(tmp_path / "a.ipynb", looks, ANSWER))
    expected = {
        "other": "FileNotFoundError",
        "home": [".ipython"],
        "variables": [],
        "around": False,
        "net": "OSError",
        "system": "OSError",
        "course": "OSError",
    }
    assert str(expected | {"tests": False}) in result.errors[0][1], result.errors
    assert mine.read_text() == "secret" and points(result)["A7.1"] == 1


@pytest.mark.parametrize(
    "line",
    [
        'exercises.check("A7.1", exercises.checking.GRADED["A7.1"].answer())',
        'labs.check("dense_layer", lambda *a: labs.find("dense_layer").reference(*a))',
        "import cnn_course.labs as L",
        "from cnn_course import exercises as e",
        "labs.check = print",
    ],
)
def test_a_cell_that_reaches_into_the_checks_is_seen(line):
    assert judge.INSIDE.search(f"x = 1\n{line}")


def test_what_the_course_itself_writes_is_not():
    files = sorted((Path(judge.__file__).parents[2] / "notebooks" / "assignments").glob("*.ipynb"))
    assert len(files) == 9
    assert [source for path in files for source in judge.code(path) if judge.INSIDE.search(source)] == []


def test_much_text_takes_no_time(tmp_path):
    start = time.process_time()
    for source in ("\n" * 400_000, "student={\n" * 40_000, "student = {" + "{" * 400_000):
        judge.INSIDE.search(source)
        assert judge.student([source]) == {}
    assert time.process_time() - start < 2
    result = graded(notebook(tmp_path / "a.ipynb", ANSWER, "x" * 500_001))
    assert "characters of code; at most 500,000 are read" in result.remark


# ------------------------------------------------------------------------------- a class
def handed_in(path, points=None, moment=0, **who):
    path.touch()
    os.utime(path, (moment, moment))
    items = [] if points is None else [judge.Item("A7.1", points, 1, "")]
    return judge.Graded(path, assignment="A7_densenet", items=items, remark="" if items else "It cannot be read.", **who)


def test_nobody_gets_anothers_grade_by_a_login(tmp_path):
    ann = handed_in(tmp_path / "a", 1, name="Ann", login="ann@x", sender="Ann")
    bob = handed_in(tmp_path / "b", 0, 5, name="Bob", login="Ann@x", sender="Bob")
    found = classroom._distinct(classroom._newest([ann, bob]))
    assert [(each.name, each.points, each.login) for each in found] == [("Ann", 1, ""), ("Bob", 0, "")]
    flat = [replace(each, login="ann@x", sender="") for each in found]
    assert [each.login for each in classroom._distinct(classroom._newest(flat))] == ["", ""]
    assert all("Somebody else, too, says that the login is" in each.remark for each in found)
    folder = tmp_path / "Bob Bad_22_assignsubmission_file_"
    assert judge._sender(folder / "ann_815_9000_A7.ipynb") == {"name": "Bob Bad", "sender": "Bob Bad"}


def test_a_student_has_one_line_for_two_assignments(tmp_path):
    """Moodle's folders have another number in each."""
    first = handed_in(tmp_path / "a", 1, name="Lee", login="lee@x", sender="Lee")
    second = replace(handed_in(tmp_path / "b", 1, name="Lee", login="lee@x", sender="Lee"), assignment="A6_resnet")
    found = classroom._distinct(classroom._newest([first, second]))
    assert len(report.table(found).splitlines()) == 2 and all(each.login == "lee@x" for each in found)


def test_a_later_file_that_failed_is_told_with_its_reason(tmp_path):
    (kept,) = classroom._newest(
        [handed_in(tmp_path / "a", 1, name="x", login="x"), handed_in(tmp_path / "b", None, 9, name="x", login="x")]
    )
    assert (kept.points, kept.remark) == (1, "b, handed in later, could not be graded: It cannot be read.")


def test_names_may_be_long_and_equal(tmp_path):
    same = [handed_in(tmp_path / str(place), 1, login="가" * 100, name="x") for place in range(40)]
    report.write(same, tmp_path / "out", SEED)
    assert len(list((tmp_path / "out" / "feedback").iterdir())) == 40


def test_a_class_is_graded_and_the_table_opens_in_canvas_and_moodle(tmp_path, capsys):
    folder = tmp_path / "class"
    moodle = folder / "Lee Jisoo_4711_assignsubmission_file_"
    moodle.mkdir(parents=True)
    notebook(folder / "kimminjun_815_9000_A7.ipynb", RIGHT, CHECK, ANSWER)
    notebook(moodle / "A7.ipynb", ANSWER, name="", login="")
    (folder / "broken.ipynb").write_text('{"cells": [')
    (folder / "none.ipynb").write_text("[]")
    notebook(folder / "formula.ipynb", "1", name="=HYPERLINK(1)", login="+x")
    notebook(folder / "unnamed.ipynb", ANSWER, name="<b>", login="@y")
    notebook(folder / "odd.ipynb", ANSWER, name="\ud800", login="odd")  # half a character, which no file can hold
    (folder / "link.ipynb").symlink_to(folder / "broken.ipynb")
    notebook(folder / "early.ipynb", RIGHT, CHECK, login="choi@school.org", name="Choi")
    os.utime(folder / "early.ipynb", (1, 1))
    notebook(folder / "late.ipynb", ANSWER, login="choi@school.org", name="Choi")
    for other in ("page.pdf", ".DS_Store"):
        (folder / other).write_text("no notebook")

    assert main(["grade", str(folder), "--seed", "3", "--jobs", "2"]) == 0
    out = capsys.readouterr().out
    assert "8 submissions, 3 of them without a grade; seed 3" in out
    assert "page.pdf: no notebook, so it is not in the table" in out and ".DS_Store" not in out
    text = (tmp_path / "class-graded" / "grades.csv").read_text(encoding="utf-8-sig")
    head, *rows = csv.reader(io.StringIO(text))
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "A7_densenet", "Remark on the Current Score"]
    by_name = {row[0]: row for row in rows}
    assert by_name["Kim Minjun"][1:6] == ["815", "", "kim@school.org", "", "4"]
    assert by_name["Lee Jisoo"][5] == "1" and by_name["Choi"][5] == "1"
    assert "early.ipynb, handed in earlier, does not count." in by_name["Choi"][6]
    assert by_name["broken"][5] == "" and "cannot be read as a notebook" in by_name["broken"][6]
    assert by_name["'=HYPERLINK(1)"][3] == "'+x" and "Nothing of an assignment" in by_name["'=HYPERLINK(1)"][6]
    pages = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "class-graded" / "feedback").iterdir()}
    assert len(pages) == len(rows) == 8
    assert "&lt;b&gt;" in pages["A7_densenet--y.html"] and all("<script" not in page for page in pages.values())
    assert "4 of 13 points" in pages["A7_densenet-kim-school.org.html"]


def test_grade_says_what_it_cannot_do(tmp_path, capsys, monkeypatch):
    assert main(["grade", str(tmp_path / "nowhere")]) == 2 and "is no folder" in capsys.readouterr().err
    assert main(["grade", str(tmp_path)]) == 2 and "no notebook (.ipynb)" in capsys.readouterr().err
    notebook(tmp_path / "a.ipynb", ANSWER)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(confined, "hindrance", confined.hindrance.__wrapped__)  # not as it was found before
    assert main(["grade", str(tmp_path)]) == 2 and "(bubblewrap is not installed)" in capsys.readouterr().err
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho first >&2\necho No permissions to create a namespace >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    assert main(["grade", str(tmp_path)]) == 2 and "(No permissions to create a namespace)" in capsys.readouterr().err


def test_only_a_confined_process_may_start_few_others(tmp_path):
    """Without walls the limit counts all that its user runs, and a lab's own process could not be started."""
    cell = "import resource\nassert resource.getrlimit(resource.RLIMIT_NPROC)[0] != 1000, 'limited'"
    path = notebook(tmp_path / "a.ipynb", cell, ANSWER)
    assert not graded(path, confine=False).errors
    assert "limited" in graded(path).errors[0][1]


# ------------------------------------------------------------------------------- what a student sees before handing in
def test_submit_shows_what_the_grader_sees_and_writes_one_file(tmp_path, capsys):
    path = notebook(tmp_path / "mine.ipynb", RIGHT, CHECK, ANSWER, "undefined")
    assert main(["submit", str(path)]) == 0
    out = capsys.readouterr().out
    assert "saved less than a minute ago" in out and "code cell 6: NameError" in out
    assert "dense_layer     3 points  Passed." in out and "A7.1            1 point   Noted." in out and "Right" not in out
    assert 'Not handed in: no cell gave it to labs.check("transition")' in out
    handed = tmp_path / "A7_densenet-kim-school.org.submission.ipynb"
    assert str(handed) in out and graded(handed).points == 4
    cells = nbformat.read(handed, 4).cells
    assert [cell.source for cell in cells] == [cell.source for cell in nbformat.read(path, 4).cells]


@pytest.mark.parametrize(
    ("cells", "who", "words"),
    [
        (["1"], {}, "nothing to hand in yet. Nothing of an assignment is checked in it."),
        ([ANSWER], {"name": "", "login": ""}, "your name and your login must stand in the cell student ="),
    ],
    ids=["nothing", "nobody"],
)
def test_submit_says_what_is_missing(cells, who, words, tmp_path, capsys):
    assert main(["submit", str(notebook(tmp_path / "mine.ipynb", *cells, **who))]) == 2
    assert words in capsys.readouterr().err


def test_submit_sends_who_gives_the_lesson_to_its_assignment(tmp_path, capsys):
    path = tmp_path / "07_densenet.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in (SETUP, "import time; time.sleep(60)", CHECK)]), path)
    start = time.monotonic()
    assert main(["submit", str(path)]) == 2 and time.monotonic() - start < 30  # it is not run
    assert "this is not the assignment; it is notebooks/assignments/A7_densenet.ipynb" in capsys.readouterr().err


# ------------------------------------------------------------------------------- the wire
def test_plain_data_comes_back_as_it_was():
    values = [None, True, 3, 2.5, "text", [torch.randn(2, 3), torch.tensor(True), torch.arange(4), torch.zeros(0, 2)], {"a": [1]}]
    back = wire.read(wire.written(values))
    assert back[:5] == values[:5] and back[6] == {"a": [1]}
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(values[5], back[5], strict=True))


@pytest.mark.parametrize(
    "line",
    ["", "{", "[" * 100_000, '{"tensor": "AAAA", "kind": "float32", "shape": [2]}',
     '{"tensor": "", "kind": "object", "shape": [0]}',
     '{"tensor": "AAAAAAAA", "kind": "int8", "shape": [-2, -3]}', '{"tensor": 3, "kind": "int8", "shape": []}', "1" * 10_000],
    ids=lambda line: line[:30],
)  # fmt: skip
def test_any_other_line_is_refused(line):
    with pytest.raises(ValueError, match="no line of this wire"):
        wire.read(line)


def test_the_table_has_a_column_for_each_assignment(tmp_path):
    one = judge.Graded(tmp_path / "a", "Kim", "k", assignment="A7_densenet", items=[judge.Item("A7.1", 1, 1, "Right.")])
    two = judge.Graded(tmp_path / "b", "Kim", "k", assignment="A1_ilsvrc", items=[judge.Item("A1.1", 0, 1, "Not yet.")])
    head, row = csv.reader(io.StringIO(report.table([one, two])))
    assert head[5:7] == ["A1_ilsvrc", "A7_densenet"] and row[5:7] == ["0", "1"]
    assert grading.Graded is judge.Graded
