"""The graded assignments: answers reckoned anew by other means, traps that are traps, notebooks that ask what is declared."""

import base64
import importlib.util
import itertools
import json
import math
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
import student
import torch
import torch.nn.functional as F
from scipy.optimize import brentq
from scipy.stats import norm
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnn_course import exercises, experiments, files, labs, models
from cnn_course.exercises.graded import ASSIGNMENTS, GRADED
from cnn_course.labs.checking import untouched

HERE = Path(__file__).parents[1] / "notebooks"
FOLDER = HERE / "assignments"
NOTEBOOKS = {path.stem: nbformat.read(path, 4) for path in sorted(FOLDER.glob("*.ipynb"))}
COURSE = {path.stem: nbformat.read(path, 4) for path in sorted(HERE.glob("[0-9]*.ipynb"))}
assignments = pytest.mark.parametrize("stem", ASSIGNMENTS)


def multiply_adds(net, *shape):
    """As torch counts them; on one image, or on one row of values."""
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        net.to("meta")(torch.empty(1, *shape))
    return counter.get_total_flops() // 2


def raw(name, label, key):
    """One number a run, as the record's file has it."""
    return np.array(
        [
            run["rows"][-1].get(key, run.get(key))
            for run in json.loads((files.RECORDED / f"{name}.json").read_text())["runs"][label]
        ]
    )


def without_a_draw(name, a, b):
    """What a bootstrap tends to: all choices of seeds are equally likely, and each has a normal for the images."""
    kept = json.loads((files.RECORDED / f"{name}.json").read_text())["runs"]
    right = [[np.unpackbits(np.frombuffer(base64.b64decode(run["right"]), np.uint8)) for run in kept[label]] for label in (a, b)]
    means = [[np.mean(drawn, axis=0) for drawn in itertools.product(runs, repeat=len(runs))] for runs in right]
    points = [100 * (ours - theirs) for ours, theirs in itertools.product(*means)]
    each = norm([image.mean() for image in points], [image.std() / len(image) ** 0.5 for image in points])
    return [brentq(lambda x, share=share: each.cdf(x).mean() - share, -50, 50) for share in (0.025, 0.975)]


def loss_behind(gradient):
    """The loss whose gradient this is, by torch."""
    logits = torch.tensor([p % 1 for p in gradient]).log().requires_grad_()  # -0.4 is 0.6 - 1
    loss = F.cross_entropy(logits[None], torch.tensor([1]))
    loss.backward()
    assert torch.allclose(logits.grad, torch.tensor(gradient), atol=1e-6)
    return loss.item()


def lenet(side, values):
    first = [nn.Conv2d(3, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.Flatten()]
    return multiply_adds(nn.Sequential(*first, nn.Linear(values, 120), nn.Linear(120, 84), nn.Linear(84, 10)), 3, side, side)


def five_layers():
    conv = nn.Conv2d
    work = {
        "A": multiply_adds(conv(3, 64, 7, 2, 3), 3, 224, 224),
        "B": multiply_adds(conv(64, 192, 3, 1, 1), 64, 56, 56),
        "C": multiply_adds(conv(256, 256, 3, 1, 1, groups=8), 256, 28, 28),
        "D": multiply_adds(conv(96, 128, 5, 1, 2, groups=2), 96, 27, 27),
        "E": multiply_adds(nn.Linear(9216, 4096), 9216),
    }
    return "".join(sorted(work, key=lambda name: -work[name]))


def by_use():
    use = {}
    for letter, name in zip("ABCDE", ("alexnet", "densenet201", "resnet20", "resnet34", "vgg13"), strict=True):
        net = models.build(name, device="meta").eval()
        use[letter] = multiply_adds(net, *net.input_shape) / sum(p.numel() for p in net.parameters())
    return "".join(sorted(use, key=lambda name: -use[name]))


def each_image():
    values = np.array([1] * 180 + [-1] * 140 + [0] * 3680)
    half = 1.96 * values.std() / 4000**0.5
    return [100 * (values.mean() - half), 100 * (values.mean() + half)]


def training_of_two_sizes():
    """PFLOPs of 300,000 images, half of them of half the side: torch's count of a convolution, scaled to 40 million."""
    net = nn.Conv2d(125, 125, 5, padding=2, bias=False, device="meta")
    total = 0
    for side in (16, 32):
        images = torch.empty(1, 125, side, side, device="meta", requires_grad=True)
        with FlopCounterMode(display=False) as counter:
            net(images).sum().backward()
        total += 150_000 * counter.get_total_flops() * 40e6 / (125 * 125 * 25 * 32 * 32)
    return total / 1e15


AGAIN = {  # by other means than the package's
    "A1.2": lambda: lenet(48, 16 * 9 * 9),
    "A1.3": lambda: loss_behind((0.3, -0.4, 0.1)),
    "A1.4": lambda: [0.6 + side * 196 * (0.06 * 0.94 / 2e4 + 0.066 * 0.934 / 2e4) ** 0.5 for side in (-1, 1)],
    "A2.1": five_layers,
    "A2.2": lambda: math.ceil(math.log(1000) / math.log((2 / 576) ** 0.5 / 0.03)),
    "A2.3": lambda: math.ceil(math.log(0.5) / math.log(49 / 50)),
    "A2.4": lambda: max(map(abs, without_a_draw("augmentation", "and cutout", "none"))),
    "A3.2": lambda: 2 * 9 * 256 // (49 - 9) + 1,
    "A3.3": lambda: 32 * (5 + 7 - 1),
    "A3.4": lambda: without_a_draw("stacks", "one 5x5", "one 7x7"),
    "A4.2": lambda: "ACDF",
    "A4.3": lambda: 100 * (784 * 256 * 128 + 196 * 128 * 512) / (784 * 256 * 128 + 196 * 128 * 512 + 196 * 9 * 128 * 128),
    "A5.2": lambda: [6 / 4, 6 * (3 - 2) / 4 + 1],
    "A5.3": lambda: math.comb(6, 3),
    "A6.1": lambda: math.isqrt((4 + 9 + 4) * 96**2 // 18),
    "A6.2": lambda: 100 * (1 + 15 + 105 + 455 + 1365 + 3003) / 2**15,
    "A6.3": lambda: 2 * 2,
    "A6.4": lambda: 100 * (raw("degradation", "plain-20", "learned").mean() - raw("degradation", "plain-56", "learned").mean()),
    "A7.2": lambda: sum(range(24, 133, 12)) / (24 + 120),
    "A7.3": lambda: 9 * 64 * 32 // (9 * 32 - 64) + 1,
    "A7.4": lambda: without_a_draw("growth_rate", "24", "8"),
    "A8.1": by_use,
    "A8.2": each_image,
    "A8.3": lambda: 100 - 100 * 0.95**12,
    "A9.1": training_of_two_sizes,
    "A9.2": lambda: 100 * sum(abs(2 * sum(throws) - 6) >= 4 for throws in itertools.product((0, 1), repeat=6)) / 2**6,
    "A9.3": lambda: np.linalg.solve([[1, 0, 0], [1, 1, 1], [1, 3, 5]], [2, 1, 0]).tolist(),
}


DESIGNS = ["A1.1", "A3.1", "A4.1", "A5.1", "A7.1"]  # many answers are right, see below


COUNTS = ["A8.4", "A9.4"]  # of differences that are decided: tests/experiments/test_paired.py has these by a plainer way


def test_every_answer_is_reckoned_again():
    assert {*AGAIN, *DESIGNS, *COUNTS} == {*GRADED}


@pytest.mark.parametrize("number", AGAIN)
def test_an_answer_reckoned_by_other_means_is_right(number):
    assert GRADED[number].says(AGAIN[number]()).startswith("Right. ")


def reads(net, shape):
    """Which pixels and channels the middle of the output depends on: (C, H, W)."""
    for weight in net.parameters():
        nn.init.ones_(weight)
    image = torch.ones(1, *shape, requires_grad=True)
    out = net(image)
    out[0, -1, out.shape[2] // 2, out.shape[3] // 2].backward()
    return image.grad[0] != 0


def test_designs_do_what_is_asked_by_what_torch_makes_of_them():
    shrinking = nn.Sequential(*(nn.Conv2d(1, 1, *pair, bias=False) for pair in GRADED["A1.1"].answer()))
    image = torch.ones(1, 1, 96, 96, requires_grad=True)
    out = shrinking(image)
    out.sum().backward()
    assert out.shape[2:] == (6, 6) and image.grad.count_nonzero() == 96 * 96

    kinds = {(3, 1): lambda: nn.Conv2d(1, 1, 3), (3, 2): lambda: nn.Conv2d(1, 1, 3, 2), (2, 2): lambda: nn.AvgPool2d(2)}
    stack = nn.Sequential(*(kinds[pair]() for pair in GRADED["A3.1"].answer()))
    seen = reads(stack, (1, 100, 100))[0].any(0).nonzero()
    assert seen.max() - seen.min() == 31
    assert stack(torch.ones(1, 1, 32 + 4 * 9, 68)).shape[2] == 10  # ten places, so nine steps of four

    path = nn.Sequential(*(nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False) for i, o, k, s, g in GRADED["A4.1"].answer()))
    seen = reads(path, (128, 28, 28))
    assert path(torch.ones(1, 128, 28, 28)).shape == (1, 256, 14, 14)
    assert seen.any(2).any(1).all() and seen.any(0).any(0).sum() >= 5
    assert multiply_adds(path, 128, 28, 28) <= 8_000_000

    n1, reduce3, n3, reduce5, n5, pool = GRADED["A5.1"].answer()
    assert n1 + n3 + n5 + pool == 256 and min(n1, n5, pool) >= 32 and n3 >= 128 and 2 * reduce3 >= n3 and 2 * reduce5 >= n5
    assert 257 * (n1 + reduce3 + reduce5 + pool) + (9 * reduce3 + 1) * n3 + (25 * reduce5 + 1) * n5 <= 140_000

    rate, layers = GRADED["A7.1"].answer()
    reads_of = [start + rate * layer for start in (48, (48 + rate * layers) // 2) for layer in range(layers)]
    assert reads_of[-1] + rate == 168 and layers >= 4 and 9 * rate * sum(reads_of) <= 174_000


@pytest.mark.parametrize(
    ("number", "also"),
    [
        ("A1.1", [[2, 2], [4, 4], [2, 2]]),
        ("A3.1", [(2, 2), (3, 1), (2, 2), (3, 1), (3, 1), (3, 1)]),
        ("A4.1", [(128, 128, 3, 2, 128), (128, 128, 3, 1, 128), (128, 256, 1, 1, 1)]),
        ("A5.1", [48, 64, 128, 16, 32, 48]),
        ("A7.1", [24, 4]),
    ],
)
def test_another_design_is_as_right(number, also):
    assert GRADED[number].says(also).startswith("Right. ")


@pytest.mark.parametrize("number", DESIGNS)
@pytest.mark.parametrize("typed", [7, "AB", [], [7], [(3, 1.5)], [(0, 0)], (10**9,) * 6, [(10**9,) * 5], [(10**9, 1)] * 3])
def test_what_is_no_design_ends_in_a_sentence(number, typed):
    assert GRADED[number].says(typed).startswith("Not yet. The check cannot use an answer of type ")


@pytest.mark.parametrize("number", GRADED)
def test_a_question_rejects_five_plausible_answers_each_with_its_reason(number):
    right = GRADED[number].answer()
    question = replace(GRADED[number], answer=lambda: right)  # it is computed, and asked for eight times
    assert question.says(right) == f"Right. {question.why}"
    reasons = [reason for _, reason in question.traps]
    assert len(reasons) >= 5 and len(set(reasons)) == len(reasons)
    assert [question.says(trap) for trap, _ in question.traps] == [f"Not yet. {reason}" for reason in reasons]


def test_letters_in_any_order_and_orders_in_one():
    assert GRADED["A4.2"].says("fdca").startswith("Right. ") and GRADED["A4.2"].says(["A", "C", "D", "F"]).startswith("Right. ")
    assert GRADED["A2.1"].says(list("badce")).startswith("Right. ") and GRADED["A2.1"].says("BADEC").startswith("Not yet. ")


def test_records_that_questions_read_are_complete():
    """A run more would move an answer, and the sentences with it."""
    for name in ("augmentation", "stacks", "degradation", "growth_rate", "comparison", "ablation"):
        assert experiments.missing(name) == [], name


# ------------------------------------------------------------------------------- the notebooks
def test_every_graded_question_is_in_one_assignment_and_no_other_question_is():
    asked = [part for parts in ASSIGNMENTS.values() for part in parts if part in GRADED]
    assert asked == list(GRADED) and not {*GRADED} & {*exercises.QUESTIONS}
    assert list(ASSIGNMENTS) == list(NOTEBOOKS)


@assignments
def test_a_notebook_checks_what_is_declared_once_each_and_nothing_else(stem):
    source = "\n".join(cell.source for cell in NOTEBOOKS[stem].cells if cell.cell_type == "code")
    assert re.findall(r'(?:labs|exercises)\.check\("([^"]+)"', source) == list(ASSIGNMENTS[stem])
    assert len(re.findall(r"\bcheck\(", source)) == len(ASSIGNMENTS[stem])
    assert [lab for lab, _, _ in student.checks(NOTEBOOKS[stem])] == [part for part in ASSIGNMENTS[stem] if part not in GRADED]


@assignments
def test_the_points_in_the_headings_are_the_declared_ones(stem):
    headings = re.findall(r"^## (\d+) · .+ \((\d+) points?\)$", "\n".join(cell.source for cell in NOTEBOOKS[stem].cells), re.M)
    assert [int(points) for _, points in headings] == list(ASSIGNMENTS[stem].values())
    assert [int(place) for place, _ in headings] == list(range(1, len(headings) + 1))
    assert f"\n\n{sum(ASSIGNMENTS[stem].values())} points, " in NOTEBOOKS[stem].cells[0].source


@assignments
def test_a_stub_is_the_course_s_own_and_untouched(stem, tmp_path):
    course = COURSE[next(name for name in COURSE if name.startswith(f"0{stem[1]}"))]
    stubs = {lab: course.cells[place - 1].source for lab, _, place in student.checks(course)}
    for lab, called, place in student.checks(NOTEBOOKS[stem]):
        cell = NOTEBOOKS[stem].cells[place - 1]
        assert cell.source == stubs[lab] and not cell.outputs
        (tmp_path / f"{lab}.py").write_text(f"from torch import nn\n\n{cell.source}\n")
        spec = importlib.util.spec_from_file_location(lab, tmp_path / f"{lab}.py")
        spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
        assert untouched(getattr(module, called)) and lab in labs.names()


@assignments
def test_a_notebook_begins_as_the_course_does_and_asks_who_you_are(stem):
    first, set_up, imports, who, login = NOTEBOOKS[stem].cells[:5]
    assert set_up.source == COURSE["01_ilsvrc"].cells[1].source and "import" in imports.source
    assert f"`python -m cnn_course submit {stem}.ipynb`" in first.source and "email address or a number" in who.source
    assert login.source == 'student = {"name": "", "login": ""}'


@assignments
def test_nothing_is_answered_in_a_stored_notebook(stem):
    for cell in NOTEBOOKS[stem].cells:
        if "exercises.check(" in cell.source:
            assert cell.source.startswith("answer = ...\n") and cell.outputs[0].text.startswith("Not answered yet: ")
        elif "labs.check(" in cell.source:
            assert cell.outputs[0].text.startswith("Not started: ")


def test_a_stamp_reaches_the_assignments_and_changes_nothing_else(tmp_path):
    shutil.copy(HERE.parent / "pyproject.toml", tmp_path)
    shutil.copytree(FOLDER, tmp_path / "notebooks" / "assignments")
    shutil.copy(HERE / "stamp.py", tmp_path / "notebooks")
    subprocess.run([sys.executable, tmp_path / "notebooks" / "stamp.py", "https://example.org/me/course"], check=True)
    for stem, notebook in NOTEBOOKS.items():
        was = (FOLDER / f"{stem}.ipynb").read_text(encoding="utf-8")
        now = (tmp_path / "notebooks" / "assignments" / f"{stem}.ipynb").read_text(encoding="utf-8")
        assert now == was.replace(f'"{notebook.metadata.cnn_course.repository}"', '"https://example.org/me/course"') != was
