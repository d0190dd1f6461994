"""Every notebook run in JupyterLab as its reader would, with its labs solved, and every explorer moved by keyboard and mouse.

Beside each explorer on the page stands its twin in this process. After every move the page has to show the twin's sentence and,
to the byte, the twin's picture.
"""

import base64
import time

import ipywidgets
import nbformat
import pytest
import student

from cnn_course import data, experiments, training, widgets
from conftest import ROOT, SHOTS

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
# A control that shows, or that changes something, only after another one was set.
PARTNERS = {"numbers": ("kind", "own numbers"), "shortcut": ("stride", 2)}
PAGE, CELL = ".jp-WindowedPanel-outer", ".jp-Notebook .jp-Cell"
ERRORS = ", ".join(f'[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in ("error", "stderr"))
# No cell waits, and the kernel has rested three times in a row (cells far from the screen need not be on the page).
IDLE = """() => {
    const indicator = document.querySelector(".jp-Notebook-ExecutionIndicator");
    const waits = document.querySelector(".jp-Notebook").innerText.includes("[*]:");
    window.rests = indicator.dataset.status === "idle" && !waits ? (window.rests || 0) + 1 : 0;
    return window.rests >= 3;
}"""
FETCH_PNG = """async image => {
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
}"""


class Shown:
    """An explorer on the page and its twin here.

    whole: also the picture has to be the twin's. keys: arrow keys reach a slider (Notebook 7 keeps them, jupyter/notebook
    issue 7716).
    """

    def __init__(self, box, twin, whole, keys):
        self.box, self.twin, self.whole, self.keys = box, twin, whole, keys

    @property
    def sentence(self):
        return " ".join(self.box.locator(".widget-html-content").first.inner_text().split())

    @property
    def picture(self):
        return base64.b64decode(self.box.locator("img.widget-image").evaluate(FETCH_PNG))

    def agrees(self):
        twin = self.twin
        words = f"Not possible: {twin.problem}" if twin.problem else twin.sentence
        picture = self.whole and not twin.problem  # what is impossible leaves the picture as it was
        return self.sentence == " ".join(words.split()) and (not picture or self.picture == twin.picture)

    def wait(self, what):
        end = time.monotonic() + 30
        while not self.agrees():
            assert time.monotonic() < end, f"{what}: the page says {self.sentence!r}, the function {self.twin.sentence!r}"
            time.sleep(0.02)

    def differs(self, before):
        """Whether the page shows another sentence or picture than before; a picture that no twin has may take three seconds."""
        end = time.monotonic() + (0 if self.whole else 3)
        while (self.sentence, self.picture) == before and time.monotonic() < end:
            time.sleep(0.02)
        return (self.sentence, self.picture) != before

    def row(self, control):
        """The element of a control, found by its label."""
        kind = ".widget-checkbox" if isinstance(control, ipywidgets.Checkbox) else ".widget-inline-hbox"
        return self.box.locator(kind).filter(has=self.box.page.get_by_text(control.description, exact=True)).first

    def move(self, control):
        """Move a control with keyboard or mouse, and its twin likewise; yields what was done after each move."""
        row = self.row(control)
        if isinstance(control, ipywidgets.Checkbox):
            row.locator("input").click()
            control.value = not control.value
            yield "ticked"
        elif isinstance(control, ipywidgets.Dropdown):
            last = len(control.options) - 1
            self.choose(control, control.index + 1 if control.index < last else control.index - 1)
            yield "chosen"
        elif isinstance(control, ipywidgets.Text):
            control.value = control.value.replace("4", "5")
            row.locator("input").fill(control.value)
            yield "typed"
        else:
            yield from self.slide(control, row)

    def choose(self, control, index):
        """Choose from a drop-down list, here and there."""
        self.row(control).locator("select").select_option(index=index)
        control.index = index

    def slide(self, control, row):
        """A slider: one step by the arrow key, to its end by another key, and to wherever a click of the mouse brings it."""
        steps = range(len(control.options)) if hasattr(control, "options") else None
        name = "index" if steps else "value"
        high, step = (steps[-1], 1) if steps else (control.max, control.step)
        handle = row.locator(".noUi-handle")
        row.scroll_into_view_if_needed()  # the mouse reaches only what is on screen
        if self.keys:
            now = getattr(control, name)
            up = now + step <= high
            handle.press("ArrowRight" if up else "ArrowLeft")
            setattr(control, name, now + step if up else now - step)
            yield "one step"
            handle.press("End")
            setattr(control, name, high)
            yield "to its end"
        if not isinstance(control, ipywidgets.FloatSlider):  # the page gives its value to one decimal only
            for share in (0.4,) if self.keys else (0.4, 0.8):  # without keys one click may hit the value that is there
                track = row.locator(".noUi-base").bounding_box()
                self.box.page.mouse.click(track["x"] + share * track["width"], track["y"] + track["height"] / 2)
                setattr(control, name, int(float(handle.get_attribute("aria-valuenow"))))
                yield "clicked"


@pytest.fixture(scope="module")
def names():
    """What the notebooks call their things, for the twins; the reader's own run is another one here."""
    row = {"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.3, "test_loss": 2.0, "test_accuracy": 0.3, "seconds": 9.0}
    own = training.History("vgg_cifar", "CIFAR-10", 0, 1, 1, rows=[row])
    return {
        "widgets": widgets,
        "experiments": experiments,
        "cifar": data.load(quiet=True),
        "history": own,
        "record": experiments.recorded("comparison"),
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_student_solves_the_labs_trains_what_they_built_and_plays(path, lab, browser, names):
    """What `pytest --nbval` runs untouched is here done: an answer typed into each stub, every cell run, every explorer moved."""
    run_and_play(path, lab.url(f"doc/tree/{path.name}"), browser, names, solve=True)
    most = 1.75 if path.stem.startswith("08") else 1.5  # GB; notebook 8 times VGG-16, whose weights alone are 0.55
    assert all(peak < most for peak in lab.peak_memory()), lab.peak_memory()


def test_the_first_explorer_in_notebook_7(lab, browser, names):
    pytest.importorskip("notebook", reason="no Notebook 7; install it with: pip install notebook", minversion="7")
    run_and_play(NOTEBOOKS[0], lab.url(f"notebooks/{NOTEBOOKS[0].name}"), browser, names, keys=False)


@pytest.fixture(autouse=True)
def tidy(lab):
    """No kernel outlives its notebook."""
    yield
    lab.end_kernels()


def test_a_student_is_told_what_is_wrong_and_how_good_a_guess_was(lab, browser):
    """One notebook's first lab and first guess, cell by cell."""
    path = next(path for path in NOTEBOOKS if path.stem.startswith("07"))
    notebook = nbformat.read(path, 4)
    name, called, check = next(student.checks(notebook))
    asks, tells = (
        next(place for place, cell in enumerate(notebook.cells) if cell.source.startswith(f"exercises.{what}("))
        for what in ("guess", "reveal")
    )
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    try:
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
        assert "you guessed 1,000" in run_cell(page, tells)
    finally:
        photograph(page, f"{path.stem}-lab")
        page.close()


def run_and_play(path, address, browser, names, keys=True, solve=False):
    notebook = nbformat.read(path, 4)
    page, console = browser.new_page(viewport={"width": 1280, "height": 1400}), []
    page.on("console", lambda message: console.append(message.text) if of_a_cell(message) else None)
    try:
        open_notebook(page, address)
        for place, source in student.typed(notebook).items() if solve else ():
            type_into(page, place, source)
        run_all(page)
        assert page.locator(ERRORS).all_inner_texts() == []
        for name, _, check in student.checks(notebook) if solve else ():
            assert output(page, check).startswith("Passed"), f"{name}: {output(page, check)}"
        assert not solve or page.get_by_text("has not been passed").count() == 0  # what was built is what trains
        sources = [cell.source for cell in notebook.cells if cell.source.startswith("widgets.")]
        boxes = page.locator(".jp-OutputArea-output .widget-vbox", has=page.locator("img.widget-image"))
        assert boxes.count() == len(sources) > 0
        for index, source in enumerate(sources):
            play(Shown(boxes.nth(index), eval(source, names), whole="own=" not in source, keys=keys), source)
        assert page.locator(ERRORS).all_inner_texts() == [] and console == []
    finally:
        photograph(page, path.stem)
        page.close()


def of_a_cell(message):
    """Whether a console message is an error, and none about a file of Jupyter's own that is not there: fonts, an icon.

    What a cell shows by its address, a picture beside the notebook, comes from /files/.
    """
    own = message.text.startswith("Failed to load resource") and "/files/" not in message.location["url"]
    return message.type == "error" and not own


def open_notebook(page, address):
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.locator('.jp-NotebookPanel-toolbar:has-text("Python 3")').first.wait_for(timeout=60_000)
    page.wait_for_function(IDLE, polling=100, timeout=60_000)
    if "/doc/" in address:  # Notebook 7 is only asked for the first explorer
        page.evaluate("jupyterapp.commands.execute('notebook:expand-all-headings')")


def type_into(page, place, source):
    """Put a text in place of what stands in a cell."""
    page.locator(CELL).nth(place).locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(source)


def output(page, place):
    """What stands below a cell."""
    return "\n".join(page.locator(CELL).nth(place).locator(".jp-OutputArea-output").all_inner_texts())


def run_cell(page, place):
    """Run one cell; what it shows then."""
    page.locator(CELL).nth(place).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    page.evaluate("window.rests = 0")
    page.wait_for_function(IDLE, polling=100, timeout=100_000)
    return output(page, place)


def run_all(page):
    page.locator(CELL).first.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_timeout(2000)
    page.wait_for_function(IDLE, polling=500, timeout=400_000)


def play(shown, source):
    """Move every control, then press Reset."""
    shown.wait(f"{source} at first sight")
    for setting, control in shown.twin.controls.items():
        if control.disabled:
            continue
        if setting in PARTNERS:
            partner, value = PARTNERS[setting]
            partner = shown.twin.controls[partner]
            shown.choose(partner, partner.options.index(value))
            shown.wait(f"{source}, {setting} made possible")
        before = shown.sentence, shown.picture
        changed = False
        for done in shown.move(control):
            shown.wait(f"{source}, {setting} {done}")
            changed = shown.differs(before) or changed
        assert changed, f"{source}: {setting} changes nothing"
        shown.box.get_by_role("button", name="Reset").click()
        shown.twin.reset()
        shown.wait(f"{source}, reset")
    for button in list(shown.twin._spots.values())[:1]:  # later points may lie under one another
        before = shown.sentence
        shown.box.locator(f'button[title="{button.tooltip}"]').click()
        button.click()
        shown.wait(f"{source}, a point clicked")
        assert shown.sentence != before


def photograph(page, name):
    """What the screen shows, page by page."""
    SHOTS.mkdir(exist_ok=True)
    tall = page.evaluate(f"document.querySelector('{PAGE}').scrollHeight")
    view = page.evaluate(f"document.querySelector('{PAGE}').clientHeight")
    for number, top in enumerate(range(0, tall, view - 60), start=1):
        page.evaluate(f"document.querySelector('{PAGE}').scrollTop = {top}")
        page.wait_for_timeout(150)
        page.screenshot(path=SHOTS / f"{name}-{number:02d}.png")
