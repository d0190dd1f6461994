"""The capstone's page: its points add up, its questions can be raced, and its record prints the same interval again."""

import re
import textwrap
from pathlib import Path

import pytest
import striped

from cnn_course import experiments

PAGE = (Path(__file__).parents[2] / "docs" / "teaching" / "capstone.md").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"(?ms)^ *```python\n(.*?)^ *```", PAGE)]


def tables(first):
    """The tables whose first column has this heading, as lists of rows."""
    found = re.findall(rf"(?m)^\| {first} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", PAGE)
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()] for table in found]


def block(words):
    """The one block of code that holds these words."""
    (found,) = (code for code in BLOCKS if words in code)
    return found


RUBRIC, *EXCERPTS = tables("criterion")
LEVELS = {criterion: [int(level.split(":")[0]) for level in levels] for criterion, *levels in RUBRIC}


def test_the_rubric_has_four_levels_and_twenty_points():
    assert 5 <= len(LEVELS) <= 6 and sum(max(levels) for levels in LEVELS.values()) == 20
    assert all(len(set(levels)) == 4 and levels == sorted(levels) and levels[0] == 0 for levels in LEVELS.values())


@pytest.mark.parametrize("graded", EXCERPTS, ids=["weak", "good"])
def test_an_excerpt_gets_points_of_the_rubric_that_add_up(graded):
    *rows, (_, total, _) = graded
    assert [criterion for criterion, *_ in rows] == list(LEVELS)
    assert all(int(points) in LEVELS[criterion] for criterion, points, _ in rows)
    assert sum(int(points) for _, points, _ in rows) == int(total)


def test_the_hours_are_six():
    assert sum(float(hours.removeprefix("up to ")) for hours, *_ in tables("hours")[0]) == 6


def test_the_five_questions_can_be_raced(monkeypatch, capsys):
    """As far as the first step: each network is built and tried, each recipe and budget read."""
    asked = []
    monkeypatch.setattr(experiments.Race, "go_on", lambda race, budget, quiet: asked.append(race.question) or race)
    exec(block("from torch import nn"), {})
    assert len(set(asked)) == 5 and capsys.readouterr().out.count("The same for all: ") == 5


def test_the_record_prints_the_interval_of_the_race(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    few = striped.cifar(64, 200)
    race = experiments.race("?", "lenet5", "alexnet_cifar", budget="0.001 s", cifar=few, epochs=1, quiet=True)
    exec(block("write_text"), {"race": race})
    exec(block("from_dict"), {})
    assert capsys.readouterr().out == f"{race.difference()}\n"
