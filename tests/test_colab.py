"""A notebook as Colab opens it: torch, torchvision, matplotlib, IPython and an old ipywidgets are there, cnn_course is not.

The repository that the set-up cell installs from is this checkout, committed to a repository of its own.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PREINSTALLED = ("torch", "torchvision", "matplotlib", "ipython", "ipykernel")
WIDGETS = "ipywidgets==7.7.1"  # what Colab has; its pages show no newer one
WHERE = "import cnn_course, ipywidgets, torch; print(cnn_course.__file__, torch.__version__, ipywidgets.__version__)"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links, which Windows forbids to most users")


def with_requirements(names):
    """The distributions of these names and all that they need, as installed here."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = importlib.metadata.distribution(name)
            needs = map(Requirement, found[name].requires or [])
            waiting += [need.name for need in needs if not need.marker or need.marker.evaluate({"extra": ""})]
    return found.values()


def lend(distributions, site):
    """Link what belongs to these distributions into another environment's site-packages."""
    for distribution in distributions:
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top))


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
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


def test_a_notebook_runs_where_only_torch_is(python, repository, tmp_path, monkeypatch):
    (tmp_path / "kernels" / "colab").mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Colab", "language": "python"}
    (tmp_path / "kernels" / "colab" / "kernel.json").write_text(json.dumps(spec))
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    notebook = nbformat.read(repository / "notebooks" / "01_ilsvrc.ipynb", 4)
    notebook.cells.append(nbformat.v4.new_code_cell(WHERE))
    empty = {"metadata": {"path": str(tmp_path / "empty")}}
    client = NotebookClient(notebook, timeout=600, kernel_name="colab", resources=empty, coalesce_streams=True)
    client.execute()  # raises where a cell does
    course, torch_version, widgets_version = notebook.cells[-1].outputs[0].text.split()
    assert course.startswith(str(python.parents[1])) and f"ipywidgets=={widgets_version}" == WIDGETS
    assert torch_version == torch.__version__
    shown = [output.data for cell in notebook.cells if cell.source.startswith("widgets.") for output in cell.outputs]
    assert shown and all("image/png" in data and "application/vnd.jupyter.widget-view+json" in data for data in shown)
