"""The notebooks as Colab opens them: torch, pandas, IPython and more are there, and an old ipywidgets; cnn_course is not.

The repository that the set-up cell installs from is this checkout, committed to a repository of its own. There is no data.
Every explorer and every guess is shown there; of the notebooks, which tests/browser runs all, one is run whole.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import briefly
import nbformat
import pytest
import torch
from nbclient import NotebookClient
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
PREINSTALLED = (
    "torch",
    "torchvision",
    "matplotlib",
    "pandas",
    "scipy",
    "ipython",
    "ipykernel",
    "jupyterlab",
)  # the last for what WIDGETS needs
WIDGETS = "ipywidgets==7.7.1"  # what Colab has; its pages show no newer one
NAMES = """from cnn_course import data, exercises, experiments, training, widgets
cifar = data.load(quiet=True)
record = experiments.recorded("comparison")
history = record.runs["vgg_cifar"][0]"""
MESSAGE = """import json, os
def blocking_request(request_type, timeout_sec=5):
    assert request_type == "get_ipynb"
    return {"ipynb": json.load(open(os.environ["OPEN_NOTEBOOK"], encoding="utf-8"))}
"""
SHOWN = ("widgets.", "exercises.guess(")
WHERE = "import cnn_course, ipywidgets, torch; print(cnn_course.__file__, torch.__version__, ipywidgets.__version__)"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links, which Windows forbids to most users")


def with_requirements(names):
    """The distributions of these names, as installed here, and all that they need: extras such as cuda-toolkit[cublas] too."""
    found, waiting = {}, [(name, "") for name in names]
    while waiting:
        name, extra = wanted = waiting.pop()
        if wanted not in found:
            found[wanted] = importlib.metadata.distribution(name)
            for need in map(Requirement, found[wanted].requires or []):
                if not need.marker or need.marker.evaluate({"extra": extra}):
                    waiting += [(need.name, extra) for extra in ("", *need.extras)]
    return found.values()


def lend(distributions, site):
    """Link what belongs to these distributions into another environment's site-packages."""
    for distribution in distributions:
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top))


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of such a machine."""
    folder = tmp_path_factory.mktemp("machine")
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    lend(with_requirements(PREINSTALLED), site)
    (site / "google" / "colab").mkdir(parents=True)
    (site / "google" / "colab" / "__init__.py").touch()
    (site / "google" / "colab" / "_message.py").write_text(MESSAGE)
    (site / "colab.pth").write_text("import google.colab")  # Colab's kernels have it from the start
    try:
        run(python, "-m", "pip", "install", "--quiet", WIDGETS)
    except AssertionError as error:
        if os.environ.get("CNN_COURSE_TESTS") == "all":
            raise
        pytest.skip(f"no package index can be reached: {str(error).splitlines()[0]}")
    return python


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The address of a repository that holds this checkout as it is, without what git ignores."""
    folder = tmp_path_factory.mktemp("repository")
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    for name in filter(lambda name: (ROOT / name).exists(), listed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    run(sys.executable, folder / "notebooks" / "stamp.py", f"file://localhost{folder}")  # pip wants a host
    author = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    run("git", "init", "--quiet", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    run("git", *author, "commit", "--quiet", "--message=course", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def course(python, repository, tmp_path_factory):
    """The cells that a fresh kernel of that machine, called "colab", ran: the set-up cell, where the course is, all explorers."""
    folder = tmp_path_factory.mktemp("jupyter")
    for name in ("kernels/colab", "empty"):
        (folder / name).mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Colab", "language": "python"}
    (folder / "kernels" / "colab" / "kernel.json").write_text(json.dumps(spec))
    opened = repository / "notebooks" / NOTEBOOKS[0].name
    notebook = nbformat.read(opened, 4)
    set_up = next(cell for cell in notebook.cells if cell.cell_type == "code")
    shown = [cell.source for path in NOTEBOOKS for cell in nbformat.read(path, 4).cells if cell.source.startswith(SHOWN)]
    notebook.cells = [set_up, *map(nbformat.v4.new_code_cell, [WHERE, NAMES, *shown])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        patch.setenv("OPEN_NOTEBOOK", str(opened))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setenv("CNN_COURSE_DATA", "")
        for name, value in briefly.environment(folder / "ipython").items():
            patch.setenv(name, value)
        patch.delenv("PYTHONPATH", raising=False)
        empty = {"metadata": {"path": str(folder / "empty")}}
        client = NotebookClient(notebook, timeout=600, kernel_name="colab", resources=empty, coalesce_streams=True)
        client.execute()  # raises where a cell does
        yield notebook.cells


def test_the_set_up_cell_brings_the_course_and_leaves_torch_and_ipywidgets(course, python):
    where, torch_version, widgets_version = course[1].outputs[0].text.split()
    assert where.startswith(str(python.parents[2])) and f"ipywidgets=={widgets_version}" == WIDGETS
    assert torch_version == torch.__version__
    assert len(course) > 40
    for cell in course[3:]:
        found = set().union(*(output.data for output in cell.outputs))
        wanted = {"application/vnd.jupyter.widget-view+json"} | ({"image/png"} if cell.source.startswith("widgets.") else set())
        assert wanted <= found, cell.source


def test_a_notebook_in_an_empty_folder_shows_there_what_is_stored(course, tmp_path):
    if os.environ.get("CNN_COURSE_TESTS") != "all":
        pytest.skip("takes minutes; with CNN_COURSE_TESTS=all it is done")
    shutil.copy(NOTEBOOKS[3], tmp_path)  # the one that imports torchvision itself
    run(sys.executable, "-m", "pytest", "--quiet", "--nbval", "--nbval-kernel-name=colab", cwd=tmp_path)
