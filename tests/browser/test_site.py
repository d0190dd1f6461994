"""The site as a visitor gets it: built without a warning, nothing from elsewhere, no dead link, readable on every screen.

It is the site of a fork, built by the steps of its workflow.
"""

import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
from driving import ROOT, unavailable
from PIL import Image
from test_fork import PAGES_ON, elsewhere, git, links, original, pushed

from cnn_course import data, experiments, widgets

PAGES = [
    "index",
    "reference",
    "made/results",
    "made/claims",
    "made/answers",
    "teaching/index",
    "teaching/grading",
    "teaching/capstone",
]
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
PAGES += [f"{folder}/{stem}" for folder in ("made", "teaching") for stem in STEMS]
# Of each kind of pages that are made alike axe-core looks at three: it takes long.
ALIKE = [f"{folder}/{stem}" for folder in ("made", "teaching") for number, stem in enumerate(STEMS) if number % 3]
every_page = pytest.mark.parametrize("page", PAGES)
SECONDS, BYTES = 120, 3_000_000
STRIPS = 6
# What hangs on the width is asked again on a phone, and what hangs on colours in the dark.
PHONE, DARK = {"runOnly": ["scrollable-region-focusable", "target-size"]}, {"runOnly": ["color-contrast"]}
AXE = {360: {"light": PHONE}, 1280: {"light": {}, "dark": DARK}}
WIDE, TALL, MARGIN = 595, 842, 50  # points: A4, and a little less than its margins
PIXELS = 642  # between the margins, on a screen
TYPESET = "async () => { if (window.MathJax) await MathJax.startup.promise; await document.fonts.ready; }"
CUT_OFF = """() => [...document.querySelectorAll("article :is(pre, table, img, mjx-container)")].filter(box => box.offsetParent &&
    (box.scrollWidth > box.clientWidth + 1 && box.clientWidth || box.getBoundingClientRect().right > innerWidth))
    .map(box => box.outerHTML.slice(0, 200))"""


def needed(*modules):
    if missing := [name for name in modules if not importlib.util.find_spec(name)]:
        unavailable(f"no {missing[0]}; install it with: pip install -e '.[dev]'")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A fork, and what the workflow of its site made, said and handed on: the one site that is built."""
    if sys.platform == "win32":
        pytest.skip("the steps are for bash, on GitHub's Linux")
    needed("sphinx", "myst_nb", "furo")
    fork, start = pushed(tmp_path_factory.mktemp("published")), cpu_seconds()  # not stamped: both workflows start at once
    folder, said, handed_on = fork.run("site", "build", gh=PAGES_ON)
    return fork, folder / "site", said, handed_on, cpu_seconds() - start


@pytest.fixture(scope="module")
def site(built):
    """The folder of the site, with stand-ins for the PDFs."""
    return built[1]


def test_it_is_built_in_minutes(built):
    assert built[-1] < SECONDS


def cpu_seconds():
    """Of the processes that this one has run; a busy machine does not count."""
    spent = os.times()
    return spent.children_user + spent.children_system


class Page(HTMLParser):
    """What a page links to, shows and loads."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.pictures, self.loaded = [], set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        elif tag == "img":
            self.pictures.append(found)
        elif tag in ("script", "link", "iframe"):
            self.loaded += [found[name] for name in ("src", "href") if found.get(name) and found.get("rel") != "canonical"]


def test_it_is_built_without_a_warning_and_opens_the_forks_own_notebooks(built):
    fork, site, said, handed_on, _ = built
    (sphinx,) = (done for step, done in said.items() if step.startswith("sphinx-build "))
    assert sphinx.stderr == "" and handed_on == "pages=on\n" and "::warning" not in said["pages"].stdout
    in_it = git(fork.bare, "ls-tree", "--name-only", fork.branch, "notebooks/").splitlines()
    for stem in STEMS:
        text = (site / "made" / f"{stem}.html").read_text(encoding="utf-8")
        buttons = re.search(r'(?s)<p class="open-in">(.*?)</p>', text)[1]
        assert re.findall(r'href="([^"]+)"', buttons) == [*links(fork, stem), f"../{stem}.pdf"]
        assert f"notebooks/{stem}.ipynb" in in_it
        assert f'data-report="{fork.address}/issues/new"' in text
    owner, name = original()
    assert list(elsewhere(site, f"{owner}/{name}", f"{owner}.github.io")) == []


@every_page
def test_a_page_is_small_tells_its_pictures_and_takes_nothing_from_elsewhere(page, site):
    path = site / f"{page}.html"
    found = Page(path)
    pictures = {(path.parent / picture["src"]).resolve() for picture in found.pictures}
    assert path.stat().st_size + sum(picture.stat().st_size for picture in pictures) < BYTES
    assert all(picture.get("alt") and not picture["alt"].endswith((".png", "…")) for picture in found.pictures)
    assert [address for address in found.loaded if urlsplit(address).netloc] == []


@every_page
def test_no_link_within_the_site_is_dead(page, site):
    path, pages = site / f"{page}.html", {}
    for link in Page(path).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
        assert target.exists(), link
        if parts.fragment and target.suffix == ".html":
            pages[target] = pages.get(target) or Page(target)
            assert unquote(parts.fragment) in pages[target].anchors, link


def test_the_notebooks_stand_in_it_whole(site):
    for stem in STEMS:
        text = (site / "made" / f"{stem}.html").read_text(encoding="utf-8")
        code = [cell for cell in nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", 4).cells if cell.cell_type == "code"]
        assert len(re.findall(r'class="cell [^"]*container"', text)) == len(code)
        assert f'href="../{stem}.pdf">To print (PDF)</a>' in text
    assert 'href="cnn_course.pdf">The whole course as one PDF</a>' in (site / "index.html").read_text(encoding="utf-8")


@every_page
def test_a_page_reads_well_for_all_on_every_screen_and_on_paper(page, site, browser):
    """Nothing wider than a phone, a laptop or a sheet, no error in the console, nothing that axe-core calls serious."""
    needed("axe_playwright_python")
    from axe_playwright_python.sync_playwright import Axe

    window, console, bad = browser.new_page(viewport={"width": 360, "height": 900}), [], []
    window.on("console", lambda message: console.append(message.text) if message.type == "error" else None)
    window.on("pageerror", lambda error: console.append(str(error)))
    try:
        window.goto((site / f"{page}.html").as_uri())
        window.evaluate(TYPESET)
        for width in AXE:
            window.set_viewport_size({"width": width, "height": 900})
            assert window.evaluate("document.documentElement.scrollWidth") <= width
        window.set_viewport_size({"width": PIXELS, "height": 900})
        window.emulate_media(media="print")
        assert window.evaluate(CUT_OFF) == []
        assert console == []  # asked before axe-core looks for style sheets, which a page from a file may not
        for width, schemes in AXE.items() if page not in ALIKE else []:
            window.set_viewport_size({"width": width, "height": 900})
            for scheme, rules in schemes.items():
                window.emulate_media(media="screen", color_scheme=scheme)
                for each in Axe().run(window, options=rules | {"resultTypes": ["violations"]}).response["violations"]:
                    if each["impact"] in ("serious", "critical"):
                        bad.append((width, scheme, each["id"], each["nodes"][0]["html"][:200]))
    finally:
        window.close()
    assert bad == []


def test_a_table_sorts_and_a_report_names_its_section(site, browser):
    window = browser.new_page(viewport={"width": 1280, "height": 900})
    window.goto((site / "made" / "results.html").as_uri())
    table = window.locator("table.sortable").first
    column = len(table.locator("th").all_inner_texts()) - 1
    for order, reverse in (("ascending", False), ("descending", True)):
        table.locator("th button").nth(column).click()
        shown = [
            float(text.rstrip("%"))
            for text in table.locator(f"tbody td:nth-child({column + 1})").all_inner_texts()
            if text != "nan"
        ]
        assert shown == sorted(shown, reverse=reverse) and table.locator("th").nth(column).get_attribute("aria-sort") == order
    link = window.locator("[data-report]")
    link.evaluate("link => { link.addEventListener('click', event => event.preventDefault()); link.click(); }")
    assert "made%2Fresults" in link.get_attribute("href") and "Section" in link.get_attribute("href")
    window.close()


def test_a_strip_is_stepped_through_with_the_keyboard_and_without_a_script(site, browser):
    """Each step shows one picture and says its sentence, as the alt text does; nothing below it moves."""
    context, seen = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=False), 0
    window = context.new_page()
    for stem in STEMS:
        window.goto((site / "made" / f"{stem}.html").as_uri())
        for strip in window.locator(".strip").all():
            group, said = strip.get_by_role("group"), strip.locator(".said")
            steps, labels = group.get_by_role("radio"), group.locator("label").all_inner_texts()
            assert group.locator("legend").inner_text() and 4 <= len(labels) == steps.count() <= 7
            assert said.get_attribute("aria-live") == "polite"
            assert strip.locator("xpath=../../img").count() == 1  # the explorer's own picture, in the same cell
            shown, heights = [], set()
            steps.first.focus()
            for label in labels:
                assert group.get_by_role("radio", name=label.strip(), exact=True).is_checked()
                (picture,) = [each for each in strip.locator("img").all() if each.is_visible()]
                (sentence,) = [each.inner_text() for each in said.locator("p").all() if each.is_visible()]
                assert picture.get_attribute("alt") == sentence
                shown.append((site / "made" / picture.get_attribute("src")).read_bytes())
                heights.add(strip.bounding_box()["height"])
                window.keyboard.press("ArrowRight")
            assert len(set(shown)) == len(labels) and len(heights) == 1
            seen += 1
    context.close()
    assert seen == STRIPS


def test_a_frame_is_the_explorer_at_its_setting_in_its_colours(site):
    explorer = widgets.one_by_one(data.photograph(160))
    explorer.set(red=1.0, green=0.0, blue=0.0)
    text = (site / "made" / "04_conv1x1.html").read_text(encoding="utf-8")
    assert f'_static/strips/one_by_one-1.png" width="946" height="429" alt="{explorer.sentence}"' in text
    frame = Image.open(site / "_static" / "strips" / "one_by_one-1.png")
    packed, whole = (np.asarray(each.convert("RGB")).astype(int) for each in (frame, Image.open(io.BytesIO(explorer.picture))))
    assert np.ptp(packed, axis=2)[np.ptp(whole, axis=2) == 0].max() <= 10  # a map of one channel stays grey
    assert abs(packed - whole).max() <= 40


@pytest.fixture(scope="module")
def printed(site, browser, tmp_path_factory):
    """The folder that docs/printing.py fills."""
    needed("pypdf", "nbconvert")
    folder, before = tmp_path_factory.mktemp("printed"), sorted(site.rglob("*"))
    command = [sys.executable, str(ROOT / "docs" / "printing.py"), str(folder), "--site", str(site)]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]
    assert sorted(site.rglob("*")) == before
    return folder


def drawn(page):
    """The text of a page of a PDF, and the boxes (left, bottom, right, top) of its pictures in points."""
    boxes = []

    def look(operator, operands, current, _):
        if operator == b"Do" and page["/Resources"]["/XObject"][operands[0]]["/Subtype"] == "/Image":
            wide, _, _, tall, left, bottom = map(float, current)
            boxes.append((left, bottom, left + wide, bottom + tall))

    return page.extract_text(visitor_operand_before=look), boxes


def squeezed(text):
    """Without white space, which a PDF does not keep, and with the quotation marks of a keyboard."""
    return re.sub(r"\s", "", text.translate(str.maketrans("‘’“”", "''\"\"")))


def test_a_printed_notebook_has_every_picture_whole_and_every_section(printed, site):
    """Each picture is drawn once, between the margins: one that breaks over two pages would be drawn twice."""
    from pypdf import PdfReader

    for stem in STEMS:
        pages = PdfReader(printed / "pdf" / f"{stem}.pdf").pages
        texts, boxes = zip(*map(drawn, pages), strict=True)
        shown = Page(site / "made" / f"{stem}.html")
        pictures = [picture for picture in shown.pictures if "_images" in picture["src"]]
        assert 10 <= len(pages) <= 40 and len(pictures) == len([box for each in boxes for box in each]) > 5, stem
        for left, bottom, right, top in (box for each in boxes for box in each):
            assert MARGIN < left < right < WIDE - MARGIN and MARGIN < bottom < top < TALL - MARGIN / 2, stem
        assert [int(text.splitlines()[1]) for text in texts] == [*range(1, len(pages) + 1)]  # below the running head
        whole = squeezed("".join(texts))
        notebook = json.loads((ROOT / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8"))
        sections = re.findall(
            r"(?m)^## (.*)", "\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")
        )
        assert any(section.startswith("Further") for section in sections)
        assert [section for section in sections if squeezed(section) not in whole] == [], stem
        words = re.findall(r"\w{5,}", re.sub(r"\(.*?\)", "", "".join(notebook["cells"][-1]["source"])))
        assert [word for word in words if word not in whole[-6000:]] == [], stem
        links = [each.get_object().get("/A", {}).get("/URI") for page in pages for each in page.get("/Annots", [])]
        assert {urlsplit(link).scheme for link in links if link} <= {"http", "https"}, stem


def test_an_explorer_is_printed_with_its_sentence_and_without_its_strip(printed):
    from pypdf import PdfReader

    whole = squeezed("".join(page.extract_text() for page in PdfReader(printed / "pdf" / "01_ilsvrc.pdf").pages[3:9]))
    assert "turns16x16pixelsinto14x14outputs" in whole and "Whateachsetting" not in whole


def test_the_whole_course_is_one_pdf_whose_contents_give_the_page(printed):
    from pypdf import PdfReader

    path = printed / "pdf" / "cnn_course.pdf"
    pages = PdfReader(path).pages
    assert path.stat().st_size < 40_000_000 and "Nine notebooks" in pages[0].extract_text()
    line = re.compile(r"(?m)^(\D.*|\d · .*) (\d+)$")
    first = int(line.search(pages[1].extract_text())[2])  # the page of the first notebook: the contents end before it
    entries = [(words, int(number)) for page in pages[1 : first - 1] for words, number in line.findall(page.extract_text())]
    starts = [number for words, number in entries if re.match(r"\d · |The recorded", words)]
    assert len(entries) > 100
    assert starts == sorted(starts) and len(starts) == len(STEMS) + 1
    for words, number in entries[::8]:
        text = pages[number - 1].extract_text()
        assert squeezed(words) in squeezed(text.split("\n", 2)[2]) and int(text.splitlines()[1]) == number, words
    last = [name for name in experiments.names() if experiments.recorded(name).runs][-1]
    assert last in pages[-1].extract_text()


def test_each_notebook_has_its_slides(printed):
    assert sorted(path.name for path in (printed / "slides").iterdir()) == [f"{stem}.slides.html" for stem in STEMS]
