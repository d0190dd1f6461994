"""The instructor's pages beside their notebooks: the minutes add up, and what a page names or quotes is there."""

import re
from pathlib import Path
from statistics import mean

import nbformat
import pytest

from cnn_course import anatomy, experiments, models

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "teaching").glob("0*.md"))}
NOTEBOOKS = {stem: nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", 4) for stem in PAGES}
HEAD = "| minutes | section | the class | you |"
ASKED, HEARD = "What to ask before which cell", "Misconceptions"
ELSEWHERE = {"01_ilsvrc": {"13%"}, "04_conv1x1": {"6%"}, "05_inception": {"97.5"}, "09_recipe": {"84%", "62%"}}
ANSWERS = {  # what model answers take from elsewhere: other notebooks, papers, runs that were made once
    "01_ilsvrc": {"89.1%"},
    "04_conv1x1": {"16.8", "1.3"},
    "05_inception": {"1603.04779", "2020", "2006.16971", "89%", "88%", "68%", "61%", "12%"},
    "06_resnet": {"3502", "0.8"},
    "07_densenet": {"0.29"},
    "08_comparison": {"3.5", "4.1", "15.5", "34000"},
}
pages = pytest.mark.parametrize("stem", PAGES)


def part(stem, heading):
    """What stands below a heading of a page, as far as the next one of its rank."""
    return re.search(rf"(?ms)^## {heading}\n(.*?)(?=^## |\Z)", PAGES[stem])[1]


def plan(stem, minutes):
    """The rows of a minute plan: (from, to, section)."""
    head, rule, *rows = [line for line in part(stem, f"In {minutes} minutes").splitlines() if line.startswith("|")]
    assert head == HEAD and set(rule) <= set("|- ")
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert all(len(row) == 4 and all(row) for row in cells), "four cells a row, none empty"
    return [(*map(int, times.split("-")), section) for times, section, _, _ in cells]


def sections(stem):
    """The headings of a notebook, and for each whether it stands in a folded section."""
    found, folded = {}, False
    for cell in NOTEBOOKS[stem].cells:
        for rank, heading in re.findall(r"(?m)^(#+) +(.+?) *$", cell.source) if cell.cell_type == "markdown" else ():
            folded = heading.startswith("Further: ") if len(rank) <= 2 else folded
            found[heading] = folded
    return found


def items(stem, heading):
    """The items of a list, at its outer rank."""
    return re.findall(r"(?ms)^- (.*?)(?=^- |\Z)", part(stem, heading))


def plain(text):
    """Numbers without what separates thousands."""
    return re.sub(r"(?<=\d)(?:,(?=\d{3}(?!\d))|_(?=\d))", "", text)


def written(stem):
    """All that can be read in a notebook: sources, text outputs and what is said of its pictures."""
    texts = []
    for cell in NOTEBOOKS[stem].cells:
        texts.append(cell.source)
        for output in cell.get("outputs", ()):
            texts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
            texts.append(output.get("metadata", {}).get("image/png", {}).get("alt", ""))
    return plain("\n".join(texts))


def absent(told, notebook, known=()):
    """The numbers of a text that the notebook does not show: those with a %, with a decimal point, or of four digits and more."""
    for number, percent in re.findall(r"(?<![\w.])(\d+(?:\.\d+)?)( ?%)?", plain(told)):
        if number + percent not in known and (percent or "." in number or len(number) >= 4):
            sign = " ?%" if percent and "." not in number else ""
            if not re.search(rf"(?<![\d.]){re.escape(number)}{sign}(?!\d|\.\d)", notebook):
                yield number + percent


def reckoned(stem):
    """The numbers of a page's model answers that its notebook does not show, from the records and the networks themselves."""
    if stem == "02_alexnet":
        runs = experiments.recorded("augmentation").runs
        learned = {name: 100 * mean(run.learned for run in group) for name, group in runs.items()}
        gaps = {name: learned[name] - 100 * mean(run.accuracy for run in group) for name, group in runs.items()}
        return {f"{learned['none']:.0f}%", f"{learned['flip and crop']:.0f}%", *(f"{gap:.1f}" for gap in gaps.values())}
    if stem in ("04_conv1x1", "05_inception"):
        costs = experiments.recorded("one_by_one").variants
        return {f"{costs[name]['multiply_adds'] / 1e6:.1f}" for name in ("NIN", "NIN without 1x1", "GoogLeNet")}
    if stem == "07_densenet":
        macs = [anatomy.cost(models.build(name)).macs for name in ("densenet201", "resnet101")]
        costs = [anatomy.cost(models.build(name, device="meta")) for name in ("resnet18", "densenet121")]
        millions, billions = (f"{cost.parameters / 1e6:.1f}" for cost in costs), (f"{cost.macs / 1e9:.1f}" for cost in costs)
        return {f"{macs[0] / macs[1]:.0%}", *millions, *billions}
    return set()


def test_every_notebook_has_a_page():
    assert list(PAGES) == [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]


@pages
@pytest.mark.parametrize("minutes", [50, 90])
class TestPlan:
    def test_the_minutes_add_up(self, stem, minutes):
        rows = plan(stem, minutes)
        starts, ends = [start for start, _, _ in rows], [end for _, end, _ in rows]
        assert starts == [0, *ends[:-1]] and ends[-1] == minutes
        assert all(start < end for start, end, _ in rows)

    def test_every_section_is_a_heading_of_the_notebook(self, stem, minutes):
        assert not {section for _, _, section in plan(stem, minutes)} - set(sections(stem))

    def test_only_the_long_plan_opens_folded_sections(self, stem, minutes):
        opened = [section for _, _, section in plan(stem, minutes) if sections(stem).get(section)]
        assert bool(opened) == (minutes == 90), opened

    def test_a_lab_that_is_written_gets_its_ten_minutes(self, stem, minutes):
        """The longest row of each lab; a short one only shows. In 50 minutes some lab is written."""
        labs = [end - start for start, end, section in plan(stem, minutes) if section.startswith("Lab: ")]
        assert max(labs) >= 10, labs


@pages
def test_a_question_precedes_a_cell_that_begins_as_quoted(stem):
    questions = items(stem, ASKED)
    assert 5 <= len(questions) <= 8
    cells = [cell.source for cell in NOTEBOOKS[stem].cells]
    for question in questions:
        quoted = re.match(r"`([^`]+)`", question)
        assert quoted, f"begins with no quoted cell: {question[:60]}"
        start = quoted[1].rstrip("….") or quoted[1]
        assert any(source.startswith(start) for source in cells) or start.lstrip("# ") in sections(stem), start


@pages
@pytest.mark.parametrize("heading", ["In 50 minutes", "In 90 minutes", ASKED, HEARD])
def test_numbers_are_the_notebooks(stem, heading):
    assert heading != HEARD or 4 <= len(items(stem, HEARD)) <= 7
    assert not list(absent(part(stem, heading), written(stem), ELSEWHERE.get(stem, ())))


@pages
def test_numbers_of_the_model_answers_are_the_notebooks_or_are_reckoned(stem):
    told = part(stem, "Open questions")
    assert not list(absent(told, written(stem), reckoned(stem) | ANSWERS.get(stem, set())))
