"""The slides of every notebook, made by the README's command: each one fits on the screen, and each notebook has some."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from driving import ROOT, unavailable

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
# What require.js does on the slides: load reveal.js, then start it.
REQUIRE = """window.require = (settings, addresses, start) => Promise.all(addresses.map(address => new Promise(done => {
    document.head.append(Object.assign(document.createElement("script"), {src: address, onload: done}));
}))).then(() => start(Reveal, RevealNotes));"""
MEASURE = """async () => {
    const slides = [];
    for (const slide of Reveal.getSlides()) {
        const {h, v} = Reveal.getIndices(slide);
        Reveal.slide(h, v, 99);
        await new Promise(done => setTimeout(done, 20));
        slides.push({name: `${h + 1}.${v + 1}`, height: slide.scrollHeight, words: slide.innerText.trim(),
                     empty: !slide.innerText.trim() && !slide.querySelector("img")});
    }
    return slides;
}"""


@pytest.fixture(scope="module")
def reveal():
    """The folder of a reveal.js, which the slides take from the network otherwise."""
    package = importlib.util.find_spec("sphinx_revealjs")
    if not package:
        unavailable("no reveal.js; install the one in: pip install --no-deps sphinx-revealjs")
    return Path(package.submodule_search_locations[0]) / "_static" / "revealjs"


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """The folder that the README's command fills."""
    folder = tmp_path_factory.mktemp("slides")
    command = [sys.executable, "-m", "nbconvert", "--to", "slides", f"--output-dir={folder}", *map(str, NOTEBOOKS)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_slide_fits_on_the_screen(path, slides, reveal, browser):
    def offline(route):
        address = route.request.url
        if "reveal.js@" in address:
            route.fulfill(path=reveal / address.partition("reveal.js@")[2].partition("/")[2])
        elif "require" in address:
            route.fulfill(body=REQUIRE, content_type="text/javascript")
        elif address.startswith("file:"):
            route.continue_()
        else:
            route.abort()

    page = browser.new_page(viewport={"width": 960, "height": 700})
    try:
        page.route("**/*", offline)
        page.goto((slides / f"{path.stem}.slides.html").as_uri())
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        shown, room = page.evaluate(MEASURE), page.evaluate("Reveal.getConfig().height")
    finally:
        page.close()
    assert len(shown) > 20
    faults = [(s["name"], s["height"], " ".join(s["words"].split())[:60]) for s in shown if s["height"] > room or s["empty"]]
    assert not faults, faults
