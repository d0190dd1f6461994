"""Every notebook run in JupyterLab as its reader would, with its labs solved, and every explorer moved by keyboard and mouse."""

import sys

import nbformat
import pytest
import student
from driving import CELL, ERRORS, ROOT, Shown, open_notebook, output, play, run_all, run_cell, type_into

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_student_solves_the_labs_trains_what_they_built_and_plays(path, lab, page, names):
    """What `pytest --nbval` runs untouched is here done: an answer typed into each stub, every cell run, every explorer moved."""
    notebook = nbformat.read(path, 4)
    open_notebook(page, lab.url(f"doc/tree/{path.name}"))
    for place, source in student.typed(notebook).items():
        type_into(page, place, source)
    run_all(page)
    assert page.locator(ERRORS).all_inner_texts() == []
    for name, _, check in student.checks(notebook):
        assert output(page, check).startswith("Passed"), f"{name}: {output(page, check)}"
    assert page.get_by_text("has not been passed").count() == 0  # what was built is what trains
    sources = [cell.source for cell in notebook.cells if cell.source.startswith("widgets.")]
    boxes = page.locator(".jp-OutputArea-output .widget-vbox", has=page.locator("img.widget-image"))
    boxes.nth(len(sources) - 1).wait_for()  # a kernel at rest does not mean that its widgets are drawn
    assert boxes.count() == len(sources) > 0
    for index, source in enumerate(sources):
        play(Shown(boxes.nth(index), eval(source, names), whole="own=" not in source), source)
    assert page.locator(ERRORS).all_inner_texts() == [] and page.console == []
    most = 1.75 if path.stem.startswith("08") else 1.5  # GB; notebook 8 times VGG-16, whose weights alone are 0.55
    peaks = lab.peak_memory()
    assert all(peak < most for peak in peaks) and (peaks or sys.platform != "linux"), peaks


@pytest.fixture(autouse=True)
def tidy(lab):
    """No kernel outlives its notebook."""
    yield
    lab.end_kernels()


def test_a_student_is_told_what_is_wrong_and_how_good_a_guess_was(lab, page):
    """One notebook's first lab and first guess, cell by cell."""
    path = next(path for path in NOTEBOOKS if path.stem.startswith("07"))
    notebook = nbformat.read(path, 4)
    name, called, check = next(student.checks(notebook))
    asks, tells = (
        next(place for place, cell in enumerate(notebook.cells) if cell.source.startswith(f"exercises.{what}("))
        for what in ("guess", "reveal")
    )
    open_notebook(page, lab.url(f"doc/tree/{path.name}"))
    set_up = [place for place, cell in enumerate(notebook.cells[:check]) if cell.cell_type == "code"]
    for place in set_up:
        run_cell(page, place)
    assert run_cell(page, check).startswith("Not started")
    answer = student.source(student.right(name), called)
    type_into(page, check - 1, answer.replace("torch.cat((x, out), 1)", "torch.cat((x, out), 0)"))
    assert run_cell(page, check - 1) == "" and run_cell(page, check).startswith("Not yet. The batch has doubled")
    type_into(page, check - 1, answer)
    assert run_cell(page, check - 1) == "" and run_cell(page, check).startswith("Passed")
    for place in range(check + 1, tells):
        if notebook.cells[place].cell_type == "code":
            run_cell(page, place)
    page.locator(CELL).nth(asks).locator("input").fill("1000")
    page.locator(CELL).nth(asks).locator("input").press("Enter")
    page.locator(CELL).nth(asks).get_by_role("status").filter(has_text="noted").wait_for()
    assert "you guessed 1,000" in run_cell(page, tells)
