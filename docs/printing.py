"""The course on paper: python docs/printing.py OUT [--site SITE]

OUT/pdf then has each notebook and, in cnn_course.pdf, the whole course with the recorded experiments; OUT/slides has the
slides of each notebook. All of it comes from what the notebooks have stored: nothing is run, and no network is needed. SITE is
a site that is built already; without one it is built here. Needs Chromium, and: pip install -e '.[dev]'
"""

import argparse
import html
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

HERE = Path(__file__).parent
NOTEBOOKS = sorted((HERE.parent / "notebooks").glob("[0-9]*.ipynb"))
COURSE = [*(path.stem for path in NOTEBOOKS), "results"]  # pages of the site, in SITE/made
NOT_PRINTED = "script, .headerlink, .open-in, .report, .strip"
# A page is ready once its mathematics is set, and all fonts and pictures are there.
READY = """async () => {
    if (window.MathJax) await MathJax.startup.promise;
    await document.fonts.ready;
    await Promise.all([...document.images].map(image => image.decode()));
}"""


def browser(playwright):
    """Chromium, without a window. SystemExit where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        raise SystemExit("no chromium; on Debian and Ubuntu: apt install chromium")
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])


class Part:
    """What a page of the site says, to be put into a document with others: its ids get its name before them."""

    def __init__(self, site, name):
        soup = BeautifulSoup((site / "made" / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        self.name, self.head, self.article = name, soup.head, soup.find("article")
        for one in self.article.select(NOT_PRINTED):
            one.decompose()
        for one in self.article.select("[id]"):
            one["id"] = f"{name}--{one['id']}"
        for link in self.article.select("a[href]"):
            self._lead(link)
        self.scripts = [one for one in soup.select("script") if "MathJax" in one.text or "mathjax" in one.get("src", "")]
        self.title = self.article.h1.get_text()
        self.sections = [(one["id"], one.h2.get_text()) for one in self.article.select("section section[id]") if one.h2]

    def _lead(self, link):
        """A link within the course leads within the document; one to another page of the site leads nowhere on paper."""
        parts = urlsplit(link["href"])
        if parts.scheme:
            return
        name = Path(unquote(parts.path)).stem or self.name
        if name in COURSE:
            link["href"] = "#" + (f"{name}--{parts.fragment}" if parts.fragment else name)
        else:
            del link["href"]


def document(parts, title, before=""):
    """The parts as one HTML page, each under its own running head; it has to lie in SITE/made."""
    named = "\n".join(
        f"@page p{part.name} {{ @top-left {{ content: {json.dumps(part.title, ensure_ascii=False)} }} }}\n"
        f"[id='{part.name}'] {{ page: p{part.name} }}"
        for part in parts
    )
    styles = "\n".join(str(one) for one in parts[0].head.select("meta, link[rel=stylesheet], style"))
    scripts = "\n".join({str(one): None for part in parts for one in part.scripts})
    bodies = "\n".join(f'<article id="{part.name}">{part.article.decode_contents()}</article>' for part in parts)
    return (
        f'<!doctype html><html lang="en"><head>{styles}<title>{html.escape(title)}</title><style>{named}</style></head>'
        f'<body class="printed">{before}{bodies}{scripts}</body></html>'
    )


def front(site, parts, numbers):
    """Title page and table of contents. numbers: id -> page; what is not in it gets a place holder as wide."""
    index = BeautifulSoup((site / "index.html").read_text(encoding="utf-8"), "html.parser").find("article")
    address = index.select_one("[data-report]")["data-report"].removesuffix("/issues/new")
    story = index.select_one("section > p")
    rows = []
    for part in parts:
        sections = part.sections if part.name != "results" else []
        for kind, anchor, words in [("part", part.name, part.title), *(("section", *section) for section in sections)]:
            number = numbers.get(anchor, "000")
            rows.append(f'<li class="{kind}"><a href="#{anchor}">{html.escape(words)}</a><span>{number}</span></li>')
    return (
        f'<div class="cover"><h1>{index.h1.find(string=True)}</h1>{story}<p>{html.escape(address)}</p></div>'
        f'<nav class="inside"><h1>Contents</h1><ol>{"".join(rows)}</ol></nav>'
    )


def pages_of(path):
    """id -> page, for everything in the PDF that a link leads to."""
    reader = PdfReader(path)
    places = reader.named_destinations.items()
    return {name.removeprefix("/"): reader.get_destination_page_number(place) + 1 for name, place in places}


class Press:
    """A browser that prints documents of one site."""

    def __init__(self, chromium, site):
        self.site = site
        self.page = chromium.new_page(color_scheme="light")

    def print(self, text, out):
        """Print an HTML page, which lies in SITE/made meanwhile so that it finds its pictures, to the path `out`."""
        with tempfile.NamedTemporaryFile(dir=self.site / "made", suffix=".html", delete=False) as file:
            file.write(text.encode())
        try:
            self.page.goto(Path(file.name).as_uri())
            self.page.evaluate(READY)
            self.page.pdf(path=out, format="A4", prefer_css_page_size=True, outline=True, tagged=True)
        finally:
            Path(file.name).unlink()


def print_pdfs(site, folder):
    """A PDF of each notebook and, in cnn_course.pdf, the whole course."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = browser(playwright)
        press = Press(chromium, site.resolve())
        parts, out, numbers = [Part(site, name) for name in COURSE], folder / "cnn_course.pdf", {}
        for part in parts[:-1]:
            press.print(document([part], part.title), folder / f"{part.name}.pdf")
        for _ in range(2):  # the second time with the page numbers that the first has found
            press.print(document(parts, "cnn_course", front(site, parts, numbers)), out)
            numbers = pages_of(out)
        chromium.close()


def make_slides(folder):
    """Slides as the README makes them."""
    command = [sys.executable, "-m", "nbconvert", "--to", "slides", f"--output-dir={folder}", *map(str, NOTEBOOKS)]
    subprocess.run(command, check=True, capture_output=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--site", type=Path, help="a site that is built already")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        site = given.site
        if site is None:
            site = Path(made) / "site"  # Sphinx writes beside it, too
            subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(HERE), str(site)], check=True)
        print_pdfs(site, given.out / "pdf")
    make_slides(given.out / "slides")
    print(f"{given.out / 'pdf'} and {given.out / 'slides'} are ready")


if __name__ == "__main__":
    main()
