"""The two layers of a notebook: a core that is one lesson, and sections called "Further:", folded until opened."""

import ast
import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))
CORE, LABS = 50, 10  # cells, and as many more for labs
FOLDED = "jp-MarkdownHeadingCollapsed"


def layers(path):
    """The cells of the core, and a list of cells for each folded section; the next heading of its rank ends a section."""
    core, sections, where = [], [], None
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown" and re.match("##? ", "".join(cell["source"])):
            where = core
            if "".join(cell["source"]).startswith("## Further: "):
                sections.append(where := [])
        where.append(cell)
    return core, sections


def minutes(cells):
    """200 words and one figure a minute, ten minutes a lab."""
    words = sum(len("".join(cell["source"]).split()) for cell in cells if cell["cell_type"] == "markdown")
    figures = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
    labs = sum("labs.check(" in "".join(cell["source"]) for cell in cells)
    return words / 200 + figures + 10 * labs


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestLayers:
    def test_the_core_is_short(self, path):
        core, _ = layers(path)
        checks = [place for place, cell in enumerate(core) if "labs.check(" in "".join(cell["source"])]
        assert len(core) - 3 * len(checks) <= CORE and len(core) <= CORE + LABS  # prose, stub and check each

    def test_the_first_cell_tells_the_time(self, path):
        """To five minutes, for the core and for what is folded."""
        core, sections = layers(path)
        said = re.search(r"About (\d+) minutes(?: with \w+ labs)?, and (\d+) more", "".join(core[0]["source"]))
        assert said, "the first cell says: About 30 minutes, and 25 more for the folded sections"
        for told, part in zip(map(int, said.groups()), (core, sum(sections, [])), strict=True):
            assert told % 5 == 0 and abs(told - minutes(part)) <= 3, f"{told} minutes are told, {minutes(part):.0f} are counted"

    def test_the_readme_tells_the_same_time(self, path):
        core, _ = layers(path)
        told = re.search(r"About (\d+) minutes.*?, and (\d+) more", "".join(core[0]["source"])).groups()
        readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
        assert f"| {int(path.stem[:2])} | {told[0]} | {told[1]} | " in readme

    def test_every_further_section_is_folded_and_nothing_else(self, path):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            is_further = "".join(cell["source"]).startswith("## Further: ")
            assert cell["metadata"].get(FOLDED, False) == is_further

    def test_every_layer_can_be_left_out(self, path):
        """The core needs no folded section, and none of these needs another."""
        core, sections = layers(path)
        own = [stored(section) - stored(core) for section in sections]
        for reader, part in enumerate([*sections, core]):
            for writer, only_there in enumerate(own):
                assert reader == writer or not (loaded(part) - stored(part)) & only_there, (reader, writer)

    def test_a_paragraph_has_three_sentences_or_fewer(self, path):
        for heading, paragraph in paragraphs(path):
            if not re.match("Fact check|.*[Ee]xercises|Open questions|Sources", heading):
                assert sentences(paragraph) <= 3, paragraph

    def test_is_small(self, path):
        assert path.stat().st_size < 1_500_000


def paragraphs(path):
    """(the heading above it, the paragraph) of all prose; no lists, tables and formulas."""
    heading = ""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            heading = re.sub("^#+ ", "", source.partition("\n")[0]) if source.startswith("#") else heading
            for paragraph in source.split("\n\n"):
                if not re.search(r"(?m)^(- |\||\$\$|\d\. )", paragraph):
                    yield heading, paragraph


def sentences(paragraph):
    """How many end in it; code, formulas, abbreviations, headings and what is bold at its beginning left out."""
    plain = re.sub(r"`[^`]*`|\$[^$]*\$", "x", paragraph)
    plain = re.sub(r"\b(et al|vs)\.|(?m:^#+ .*\n)|^\*\*[^*]+\*\*", "", plain)
    return len(re.findall(r"[.?!][)*\"]*(?=\s|$)", plain))


def tree(cells):
    """All code of the cells, as ast nodes."""
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return list(ast.walk(ast.parse(re.sub(r"(?m)^(\s*)%.*", r"\1pass", source))))  # IPython's commands are no Python


def loaded(cells):
    return {node.id for node in tree(cells) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def stored(cells):
    """The names that the cells define: by assignment, import, def or class."""
    nodes = tree(cells)
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return names | {node.asname or node.name.partition(".")[0] for node in nodes if isinstance(node, ast.alias)}
