"""What the README and CONTRIBUTING say is what there is."""

import json
import re
import runpy
from pathlib import Path

import pytest
import striped

from cnn_course import data

ROOT = Path(__file__).parents[1]
README, CONTRIBUTING = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md"))


def test_the_table_is_that_of_the_records():
    front = runpy.run_path(str(ROOT / "docs" / "front.py"))
    assert len(front["PLACE"].findall(README)) == 1
    assert front["with_table"](README) == README, "the table is an old one; write it anew with: python docs/front.py"


def drawn():
    """The files and folders of CONTRIBUTING's tree."""
    folders, found = [], set()
    for line in re.search(r"(?s)```\n(.*?)```", CONTRIBUTING)[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 4
        for name in re.match(r"\s*((?:\S+(?:/|\.py) *)+)", line)[1].split():
            path = "".join(folders[:depth]) + name
            found.add(path)
            if name.endswith("/"):
                folders[depth:] = [name]
    return found


def test_the_tree_is_that_of_the_files():
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cnn_course").rglob("*.py") if path.name != "__init__.py"}
    assert {path for path in drawn() if not (ROOT / path).exists()} == set(), "no longer there"
    assert package - drawn() == set(), "not yet drawn"


def test_files_that_the_text_names_exist():
    named = re.findall(r"\]\((?!https?:)([^)]+)\)|`((?:cnn_course|tests|docs|notebooks)/[\w./]*)`", README + CONTRIBUTING)
    assert len(named) > 15
    assert [name for name in map("".join, named) if not (ROOT / name).exists()] == []


def test_a_container_is_made_by_the_command_that_the_readme_has_for_machines_without_a_gpu():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    (opened,) = container["customizations"]["codespaces"]["openFiles"]
    assert f"\n{container['postCreateCommand']} && jupyter lab {opened}\n" in README and (ROOT / opened).exists()
    environment = re.match(r"python3 -m venv (\S+) ", container["postCreateCommand"])[1]
    assert container["remoteEnv"]["PATH"].startswith(f"${{containerWorkspaceFolder}}/{environment}/bin:")
    assert f"/{environment}/bin/python" in container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert {"ms-toolsai.jupyter"} <= set(container["customizations"]["vscode"]["extensions"]) and container["forwardPorts"] == [
        8888
    ]


@pytest.mark.parametrize("code", re.findall(r"(?s)```python\n(.*?)```", README), ids=["five lines", "your own"])
def test_the_examples_run(code, monkeypatch):
    monkeypatch.setattr(data, "load", lambda: striped.cifar(1_000, 500))
    names = {}
    exec(code, names)
    assert names["history"].rows
