"""The site as a visitor gets it: built without a warning, nothing from elsewhere, no dead link, readable on every screen."""

import importlib.util
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from conftest import ROOT, unavailable

PAGES = ["index", "reference", "made/results", "made/claims", "teaching/index"]
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
PAGES += [f"{folder}/{stem}" for folder in ("made", "teaching") for stem in STEMS]
every_page = pytest.mark.parametrize("page", PAGES)
SECONDS, BYTES = 120, 3_000_000


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
