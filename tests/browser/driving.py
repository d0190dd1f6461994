"""A notebook's page, driven by keyboard and mouse, and beside each explorer on it its twin in this process.

After every move the page has to show the twin's sentence and, to the byte, the twin's picture. What the files here share stands
here too, not in conftest.py: of that name there are several.
"""

import base64
import os
import time
from pathlib import Path

import ipywidgets
import nbformat
import pytest
import student

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "screenshots"  # git ignores it
SET_UP = """from cnn_course import data, exercises, experiments, labs, training, widgets
cifar = data.load(quiet=True)
record = experiments.recorded("comparison")
row = {"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.3, "test_loss": 2.0, "test_accuracy": 0.3, "seconds": 9.0}
history = training.History("vgg_cifar", "CIFAR-10", 0, 1, 1, rows=[row])"""

PATIENCE = 30  # seconds that a page may take to follow, beside other tests on two cores
# A control that shows, or that changes something, only after another one was set.
PARTNERS = {"numbers": ("kind", "own numbers"), "shortcut": ("stride", 2)}
CELL = ".jp-Notebook .jp-Cell"
SLIDERS = (ipywidgets.IntSlider, ipywidgets.FloatSlider, ipywidgets.SelectionSlider)
ERRORS = ", ".join(f'[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in ("error", "stderr"))
# No cell waits, and the kernel has rested three times in a row (cells far from the screen need not be on the page).
IDLE = """() => {
    const indicator = document.querySelector(".jp-Notebook-ExecutionIndicator");
    const waits = [...document.querySelectorAll(".jp-Notebook .jp-InputPrompt")].some(each => each.textContent.includes("[*]"));
    window.rests = indicator.dataset.status === "idle" && !waits ? (window.rests || 0) + 1 : 0;
    return window.rests >= 3;
}"""
FETCH_PNG = """async image => {
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
}"""


def unavailable(reason):
    if os.environ.get("CNN_COURSE_TESTS") == "all":
        pytest.fail(reason)
    pytest.skip(reason)


def cells(beginning):
    """The sources of all cells of the course that begin so."""
    notebooks = [nbformat.read(path, 4) for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]
    return [cell.source for notebook in notebooks for cell in notebook.cells if cell.source.startswith(beginning)]


def bench():
    """A notebook of all explorers, all guess boxes and one lab: its stub comes last but two."""
    lab, called, _ = next(student.checks(nbformat.read(next((ROOT / "notebooks").glob("07*.ipynb")), 4)))
    tried = (f"class {called}: ...", f'labs.check("{lab}", {called})', f'labs.hint("{lab}")')
    sources = [SET_UP, *cells("widgets."), *cells("exercises.guess("), *tried]
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )


class Shown:
    """An explorer on the page and its twin here.

    whole: also the picture has to be the twin's. brief: each control is moved once, as are all sliders but the first in any
    case. No arrow key is pressed on a drop-down list: a notebook that edits no cell keeps it for itself (jupyter/notebook
    issue 7716).
    """

    def __init__(self, box, twin, whole=True, brief=False):
        self.box, self.twin, self.whole, self.brief = box, twin, whole, brief

    @property
    def sentence(self):
        return " ".join(self.box.get_by_role("status").inner_text().split())

    @property
    def picture(self):
        return base64.b64decode(self.box.locator("img.widget-image").evaluate(FETCH_PNG))

    def agrees(self):
        twin = self.twin
        words = f"Not possible: {twin.problem}" if twin.problem else twin.sentence
        picture = self.whole and not twin.problem  # what is impossible leaves the picture as it was
        return self.sentence == " ".join(words.split()) and (not picture or self.picture == twin.picture)

    def wait(self, what):
        end = time.monotonic() + PATIENCE
        while not self.agrees():
            assert time.monotonic() < end, f"{what}: the page says {self.sentence!r}, the function {self.twin.sentence!r}"
            time.sleep(0.1)

    def differs(self, before):
        """Whether the page shows another sentence or picture than before; it may take its time where no twin has the picture."""
        end = time.monotonic() + (0 if self.whole else PATIENCE)
        while (self.sentence, self.picture) == before and time.monotonic() < end:
            time.sleep(0.1)
        return (self.sentence, self.picture) != before

    def find(self, control):
        """What a screen reader finds by the control's name."""
        kinds = {ipywidgets.Checkbox: "checkbox", ipywidgets.Text: "textbox", ipywidgets.Dropdown: "combobox"}
        return self.box.get_by_role(kinds.get(type(control), "spinbutton"), name=control.description, exact=True)

    def move(self, control):
        """Move a control with keyboard or mouse, and its twin likewise; yields what was done after each move."""
        found = self.find(control)
        if isinstance(control, ipywidgets.Checkbox):
            found.press("Space")
            control.value = not control.value
            yield "ticked"
        elif isinstance(control, ipywidgets.Dropdown):
            found.press("Home" if control.index else "End")
            control.index = 0 if control.index else len(control.options) - 1
            yield "chosen"
        elif isinstance(control, ipywidgets.Text):
            control.value = control.value.replace("4", "5")
            found.fill(control.value)
            yield "typed"
        else:
            yield from self.slide(control, found)

    def choose(self, control, index):
        """Choose from a drop-down list, here and there."""
        self.find(control).select_option(index=index)
        control.index = index

    def slide(self, control, found):
        """A slider: its box one step by an arrow key and to the end, and its handle to wherever the mouse clicks."""
        steps = range(len(control.options)) if hasattr(control, "options") else None
        name = "index" if steps else "value"
        high, step = (steps[-1], 1) if steps else (control.max, control.step)
        now = getattr(control, name)
        up = now + step <= high
        found.press("ArrowUp" if up else "ArrowDown")
        setattr(control, name, round(now + step if up else now - step, 10))
        yield "one step"
        first = next(each for each in self.twin.controls.values() if isinstance(each, SLIDERS))
        if self.brief or control is not first:
            return
        found.fill(str(control.options[high] if steps else high))
        found.press("Enter")
        setattr(control, name, high)
        yield "to its end"
        if not isinstance(control, ipywidgets.FloatSlider):  # the page gives its value to one decimal only
            row = self.box.locator(".widget-slider", has=self.box.page.get_by_text(control.description, exact=True))
            row.scroll_into_view_if_needed()  # the mouse reaches only what is on screen
            track = row.locator(".noUi-base").bounding_box()
            self.box.page.mouse.click(track["x"] + 0.4 * track["width"], track["y"] + track["height"] / 2)
            setattr(control, name, int(float(row.locator(".noUi-handle").get_attribute("aria-valuenow"))))
            yield "clicked"


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
    if "/doc/" in address:  # in Notebook 7 the page tried has no headings
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
    page.evaluate("window.rests = 0")
    page.wait_for_function(IDLE, polling=200, timeout=400_000)


def play(shown, source):
    """Move every control, then press Reset. A slider by its box; the first one by all that a slider can be moved by."""
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
            changed = changed or shown.differs(before)
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
