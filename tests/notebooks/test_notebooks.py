"""What every stored notebook promises its reader, checked without running it (pytest --nbval runs it)."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from cnn_course import experiments

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
IDEAS = "ilsvrc alexnet vgg_receptive_field conv1x1 inception resnet densenet comparison recipe"
NAMES = [f"{number:02}_{idea}" for number, idea in enumerate(IDEAS.split(), start=1)]

ADDRESS, SITE = (
    re.search(f'{name} = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1]
    for name in ("Repository", "Documentation")
)
ABSOLUTE_PATH = re.compile(r"(?<![\w:/.<>~$-])/(?:home|root|work|tmp|usr|Users)/[\w.-]+")


def notebook(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells(path):
    return notebook(path)["cells"]


def code(path):
    return [cell for cell in cells(path) if cell["cell_type"] == "code"]


def text(cell):
    return "".join("".join(o.get("text", "")) + "".join(o.get("data", {}).get("text/plain", "")) for o in cell["outputs"])


def prose_and_code():
    return "\n".join("".join(cell["source"]) for path in NOTEBOOKS for cell in cells(path))


def seeds(name):
    """How many seeds every variant of an experiment has been run with."""
    kept = experiments.recorded(name)
    return min(len(kept.runs.get(label, [])) for label in experiments.find(name).variants)


# What is drawn has to stand in a notebook; from a record of one seed, whose others are still to come, nothing is drawn yet.
COMPLETE = [name for name in experiments.names() if seeds(name) > 1 or len(experiments.find(name).seeds) == seeds(name)]


@pytest.mark.parametrize("name", COMPLETE)
def test_every_recorded_experiment_is_drawn_with_its_command(name):
    assert f'experiments.recorded("{name}")' in prose_and_code() and f"python -m cnn_course record {name}" in prose_and_code()


def test_commands_that_record_name_experiments():
    named = re.findall(r"python -m cnn_course record (\w+)", prose_and_code())
    assert len(named) > 5 and set(named) <= set(experiments.names())


@pytest.fixture
def fork(tmp_path):
    """A copy of what stamp.py works on."""
    for path in (ROOT / "pyproject.toml", ROOT / "notebooks" / "stamp.py", *NOTEBOOKS):
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    return tmp_path


def stamp(folder, *address):
    return subprocess.run([sys.executable, folder / "notebooks" / "stamp.py", *address], capture_output=True, text=True)


def test_a_forks_address_is_stamped_into_all_notebooks_and_nothing_else_changes(fork):
    before = {path: path.read_text(encoding="utf-8") for path in (fork / "pyproject.toml", *fork.rglob("*.ipynb"))}
    assert len(before) == 10 and all(text.count(f'"{ADDRESS}"') == 1 for text in before.values())
    assert stamp(fork, "https://example.org/me/course").returncode == 0
    after = {path: path.read_text(encoding="utf-8") for path in before}
    new = {ADDRESS: "https://example.org/me/course", SITE: "https://me.github.io/course/"}
    assert after == {path: re.sub("|".join(map(re.escape, new)), lambda old: new[old[0]], text) for path, text in before.items()}
    wrong = stamp(fork, "me/course")
    assert wrong.returncode == 1 and "'me/course' is no address" in wrong.stderr


@pytest.mark.parametrize(
    "origin", ["https://example.org/me/course", "https://me:secret@example.org/me/course", "git@example.org:me/course"]
)
def test_the_address_is_that_of_the_remote_and_holds_no_secret(fork, origin):
    for command in (["init", "--quiet"], ["remote", "add", "origin", origin]):
        subprocess.run(["git", *command], cwd=fork, check=True)
    assert stamp(fork).stdout == "All notebooks name https://example.org/me/course\n"


def test_githubs_address_has_no_git_at_its_end_and_the_branch_is_that_of_the_remote(fork):
    """A page of GitHub has no .git in its address, though a clone has."""
    for command in (["init", "--quiet"], ["remote", "add", "origin", "git@github.com:me/course.git"]):
        subprocess.run(["git", *command], cwd=fork, check=True)
    subprocess.run(["git", "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"], cwd=fork, check=True)
    assert stamp(fork).stdout == "All notebooks name https://github.com/me/course\n"
    assert 'Notebooks = "https://github.com/me/course/tree/trunk/notebooks"' in (fork / "pyproject.toml").read_text(
        encoding="utf-8"
    )


def test_a_notebook_that_is_executed_anew_keeps_its_address_and_nothing_of_the_machine(tmp_path):
    path, kept = tmp_path / "small.ipynb", {"cnn_course": {"repository": "https://example.org/me/course"}}
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1")], metadata=kept | {"widgets": {}}), path)
    subprocess.run([sys.executable, ROOT / "notebooks" / "execute.py", path], check=True)
    stored = notebook(path)["metadata"]
    assert stored.keys() == {"cnn_course", "kernelspec", "language_info"} and kept.items() <= stored.items()
    assert text(code(path)[0]) == "2" and "version" not in stored["language_info"]


def test_where_the_course_is_missing_the_set_up_cell_says_what_to_run():
    hidden = new_code_cell("import sys\nsys.modules['cnn_course'] = None")
    run = new_notebook(cells=[hidden, new_code_cell("".join(code(NOTEBOOKS[0])[0]["source"]))])
    NotebookClient(run, allow_errors=True, kernel_name="python3").execute()
    (said,) = run.cells[1].outputs
    shown = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(said.traceback))  # without colours
    assert said.ename == "ModuleNotFoundError" and "Run `pip install -r requirements.txt` in the course's folder" in shown


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="there is one process")
def test_a_process_of_several_has_one_thread_and_so_has_its_kernel():
    run = new_notebook(cells=[new_code_cell("import torch; print(torch.get_num_threads())")])
    NotebookClient(run, kernel_name="python3").execute()
    assert torch.get_num_threads() == int(run.cells[0].outputs[0].text) == int(os.environ["OMP_NUM_THREADS"])


MEMORY = """Out.clear()  # IPython keeps what a cell shows
gc.collect()
print(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])"""
SET_UP = """import gc
import torch
from cnn_course import data, models, plots, training, widgets
cifar = data.load(quiet=True).subset(640, 100)"""
AGAIN = (
    """history = training.fit(models.build("alexnet_cifar"), cifar, epochs=1, quiet=True)
plots.curves(history)""",
    "widgets.convolution()",
    "plots.feature_maps(torch.rand(8, 64, 64))",
)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here to read a kernel's memory from")
def test_a_kernel_whose_cells_are_run_again_and_again_does_not_grow():
    """Five rounds take 10 MB, for ipywidgets keeps every widget; a training, or the pixels of its figures, would be more."""
    rounds = [(*AGAIN, MEMORY)] * 8
    run = new_notebook(cells=[new_code_cell(source) for source in (SET_UP, *sum(rounds, ()))])
    NotebookClient(run, timeout=600, kernel_name="python3").execute()
    kilobytes = [int(cell.outputs[0].text) for cell in run.cells if cell.source == MEMORY]
    assert kilobytes[7] - kilobytes[2] < 25_000, kilobytes


def test_the_nine_notebooks_are_there():
    assert [path.stem for path in NOTEBOOKS] == NAMES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def test_begins_with_the_common_set_up_cell(self, path):
        assert code(path)[0]["source"] == code(NOTEBOOKS[0])[0]["source"]
        assert "import cnn_course" in "".join(code(path)[0]["source"]) and len(code(path)[0]["source"]) <= 8
        assert notebook(path)["metadata"]["cnn_course"] == {"repository": ADDRESS}

    def test_is_stored_from_one_run_without_errors_or_warnings(self, path):
        assert [cell["execution_count"] for cell in code(path)] == list(range(1, len(code(path)) + 1))
        for cell in code(path):
            for output in cell["outputs"]:
                assert output["output_type"] != "error" and output.get("name") != "stderr", "".join(cell["source"])

    def test_most_text_is_compared(self, path):
        printing = [cell for cell in code(path) if text(cell).strip()]
        compared = [cell for cell in printing if "nbval-ignore-output" not in cell["metadata"].get("tags", [])]
        assert len(compared) >= 0.6 * len(printing)

    def test_no_printed_line_and_no_line_of_code_in_prose_is_so_long_that_it_breaks_within_a_word(self, path):
        printed = [line for cell in code(path) for o in cell["outputs"] for line in "".join(o.get("text", "")).split("\n")]
        prose = "\n".join("".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "markdown")
        shown = [line for block in re.findall(r"```(.*?)```", prose, re.DOTALL) for line in block.split("\n")]
        assert not [line for line in (*printed, *shown) if len(line) > 100]

    def test_was_run_on_the_real_cifar10_and_names_no_place_on_a_machine(self, path):
        shown = "\n".join(text(cell) for cell in code(path))
        assert "CIFAR-10, found through" in shown or "CIFAR-10, downloaded" in shown
        assert not ABSOLUTE_PATH.search(shown) and "not CIFAR-10" not in shown

    def test_has_exercises_an_explorer_and_sources(self, path):
        source = "\n".join("".join(cell["source"]) for cell in cells(path))
        for part in ("exercises.check(", "widgets.", "training.fit(", "experiments.recorded(", "## Sources"):
            assert part in source, part

    def test_links_to_its_neighbours(self, path):
        source, place = "\n".join("".join(cell["source"]) for cell in cells(path)), NAMES.index(path.stem)
        for name in NAMES[max(0, place - 1) : place] + NAMES[place + 1 : place + 2]:
            assert f"({name}.ipynb)" in source

    def test_means_under_a_figure_are_the_records(self, path):
        """nbval does not compare a figure beside which the reader's own run is drawn."""
        for cell in code(path):
            names = re.findall(r'recorded\("(\w+)"\)', "".join(cell["source"]))
            for line in re.findall(r"Test accuracy \(.*", text(cell)) if names else ():
                means = experiments.recorded(names[0]).table()["test accuracy"]
                for label, share in re.findall(r"(?:: |, )([^,:][^%]*?) (\d+\.\d)%", line):
                    assert f"{100 * means[label]:.1f}" == share, (names[0], label)
