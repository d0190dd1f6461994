"""The site as a visitor gets it: built without a warning, nothing from elsewhere, no dead link, readable on every screen."""

import importlib.util
import io
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from cnn_course import widgets
from conftest import ROOT, unavailable

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
every_page = pytest.mark.parametrize("page", PAGES)
SECONDS, BYTES = 120, 3_000_000
STRIPS = 6
PAPER, MARGIN = 595, 54  # points: the width of A4, and less than any of its margins
PIXELS = 642  # between the margins


def needed(*modules):
    if missing := [name for name in modules if not importlib.util.find_spec(name)]:
        unavailable(f"no {missing[0]}; install it with: pip install -e '.[dev]'")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, built as the README says."""
    needed("sphinx", "myst_nb", "furo")
    folder, start = tmp_path_factory.mktemp("site"), time.monotonic()
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(ROOT / "docs"), str(folder)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0 and not built.stderr, built.stderr[-3000:]
    assert time.monotonic() - start < SECONDS
    return folder


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


def test_the_notebooks_stand_in_it_whole_with_their_buttons(site):
    for stem in STEMS:
        text = (site / "made" / f"{stem}.html").read_text(encoding="utf-8")
        assert text.count('class="cell docutils container"') >= 25
        for place in ("colab.research.google.com/github", "mybinder.org", "kaggle.com", "/raw/"):
            assert re.search(rf'href="https://[^"]*{re.escape(place)}[^"]*notebooks/{stem}.ipynb', text), place


@every_page
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")], ids=str)
def test_a_page_reads_well_for_all_on_every_screen(page, width, scheme, site, browser):
    """No error in the console, nothing wider than the screen, nothing that axe-core calls serious or critical."""
    needed("axe_playwright_python")
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    window, console = context.new_page(), []
    window.on("console", lambda message: console.append(message.text) if message.type == "error" else None)
    window.on("pageerror", lambda error: console.append(str(error)))
    try:
        window.goto((site / f"{page}.html").as_uri())
        window.wait_for_timeout(300)
        assert console == []
        assert window.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(window).response["violations"]
        bad = [(each["id"], each["nodes"][0]["html"][:200]) for each in found if each["impact"] in ("serious", "critical")]
        assert bad == []
    finally:
        context.close()


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
            assert strip.locator("xpath=../../*[1]//img").count() == 1  # the explorer's own picture, in the same cell
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
    explorer = widgets.one_by_one()
    explorer.set(red=1.0, green=0.0, blue=0.0)
    whole = np.asarray(Image.open(io.BytesIO(explorer.picture)).convert("RGB")).astype(int)
    text = (site / "made" / "04_conv1x1.html").read_text(encoding="utf-8")
    frame = Image.open(site / "_static" / "strips" / "one_by_one-1.png")
    assert explorer.sentence.replace("224x224", "160x160") in text
    assert frame.size == whole.shape[1::-1] and frame.mode == "P"
    packed = np.asarray(frame.convert("RGB")).astype(int)
    grey = np.ptp(whole, axis=2) == 0
    assert np.ptp(packed, axis=2)[grey].max() <= 12  # a map of one channel stays grey
    assert np.median(abs(packed - whole).max(axis=2)) <= 8


@every_page
def test_on_paper_nothing_runs_out_on_the_right(page, site, browser):
    window = browser.new_page(viewport={"width": PIXELS, "height": 900})
    window.emulate_media(media="print")
    window.goto((site / f"{page}.html").as_uri())
    window.wait_for_timeout(300)
    wide = window.evaluate(
        """() => [...document.querySelectorAll("article :is(pre, table, img, mjx-container)")].filter(box => box.offsetParent &&
            (box.scrollWidth > box.clientWidth + 1 && box.clientWidth || box.getBoundingClientRect().right > innerWidth))
            .map(box => box.outerHTML.slice(0, 200))"""
    )
    window.close()
    assert wide == []


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


def read(path):
    """A PDF: its text by page, the boxes (left, bottom, right, top) of its pictures in points, and the addresses it links to."""
    from pypdf import PdfReader

    texts, boxes, links = [], [], []
    for page in PdfReader(path).pages:

        def before(operator, operands, current, text, page=page):
            if operator == b"Do" and page["/Resources"]["/XObject"][operands[0]]["/Subtype"] == "/Image":
                wide, _, _, tall, left, bottom = map(float, current)
                boxes.append((left, min(bottom, bottom + tall), left + wide, max(bottom, bottom + tall)))

        texts.append(page.extract_text(visitor_operand_before=before))
        actions = [each.get_object().get("/A", {}) for each in page.get("/Annots", [])]
        links += [action["/URI"] for action in actions if "/URI" in action]
    return texts, boxes, links


def test_a_printed_notebook_has_every_picture_whole_and_every_word(printed, site):
    """Each picture is drawn once, between the margins: one that breaks over two pages would be drawn twice."""
    for stem in STEMS:
        texts, boxes, links = read(printed / "pdf" / f"{stem}.pdf")
        html = (site / "made" / f"{stem}.html").read_text(encoding="utf-8")
        pictures = len(re.findall(r'<img [^>]*src="\.\./_images/', html))
        assert 8 <= len(texts) <= 40 and len(boxes) == pictures > 5, stem
        for left, bottom, right, top in boxes:
            assert MARGIN < left < right < PAPER - MARGIN and 45 < bottom < top < 842 - 45, stem
        assert [text.strip().splitlines()[-1].strip() for text in texts] == [str(n + 1) for n in range(len(texts))], stem
        whole = re.sub(r"\s", "", "".join(texts))
        article = re.sub(r"<script.*?</script>|<[^>]*>", "", html[: html.index("</article>")], flags=re.S)
        for section in re.findall(r"<h2>(.*?)<a", html):
            assert re.sub(r"\s|<[^>]*>", "", section).replace("&amp;", "&") in whole, section
        last = article.partition("Report a mistake")[0].split()[-3:]  # the last words of the last cell
        assert "".join(last) in whole[-4000:], (stem, last)
        assert all(urlsplit(link).scheme in ("http", "https") for link in links), stem


def test_the_explorers_are_printed_with_their_sentence_and_without_their_strip(printed):
    texts, _, _ = read(printed / "pdf" / "01_ilsvrc.pdf")
    whole = " ".join(" ".join(texts).split())
    assert "turns 16x16 pixels into 14x14 outputs" in whole and "What each setting does to the size" not in whole


def test_the_whole_course_is_one_pdf_whose_contents_give_the_page(printed):
    from pypdf import PdfReader

    path = printed / "pdf" / "cnn_course.pdf"
    texts, boxes, _ = read(path)
    parts = [len(PdfReader(printed / "pdf" / f"{stem}.pdf").pages) for stem in STEMS]
    assert path.stat().st_size < 40_000_000
    starts = [number for number, text in enumerate(texts, start=1) if re.match(r"(\d · .*)\s+\1", text)]
    assert len(starts) == len(STEMS) and [b - a for a, b in zip(starts, starts[1:], strict=False)] == parts[:-1]
    contents = "\n".join(texts[: starts[0] - 1])
    entries = re.findall(r"(?m)^(.+?) (\d+)$", contents)
    assert [int(page) for words, page in entries if re.match(r"\d · ", words)] == starts and len(entries) > 100
    for words, page in entries:
        assert re.sub(r"\s", "", words) in re.sub(r"\s", "", texts[int(page) - 1]), words
    assert "The recorded experiments" in texts[starts[-1] - 1 + parts[-1]] and "squeeze" in texts[-1]
    assert len(PdfReader(path).outline) > 0


def test_the_slides_are_there(printed):
    assert sorted(path.name for path in (printed / "slides").iterdir()) == [f"{stem}.slides.html" for stem in STEMS]


def test_a_site_that_gets_the_pdfs_links_to_them(printed, site, tmp_path):
    assert "PDF" not in (site / "index.html").read_text(encoding="utf-8")
    given, pages = f"html_extra_path={printed / 'pdf'}", [ROOT / "docs" / "index.md"]
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "-D", given, "-d", str(site / ".doctrees")]
    subprocess.run([*command, str(ROOT / "docs"), str(tmp_path / "site"), *map(str, pages)], check=True, capture_output=True)
    text = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert '<a href="cnn_course.pdf">The whole course as one PDF</a>' in text
