"""How the tests are spread over processes (pytest-xdist; pyproject.toml asks for it): one thread each, long files first."""

import os
import sys
import tempfile
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported; the kernels of the notebooks inherit it
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.path.insert(0, str(Path(__file__).parent / "tests"))
    import briefly

    OWN = tempfile.TemporaryDirectory()  # it goes with this process
    os.environ |= briefly.environment(Path(OWN.name))

# The longest first, so that all processes end together; every other file comes after these.
LONGEST = (
    "test_colab.py",
    "test_notebooks_in_a_browser.py",
    "test_front_ends.py",
    "test_notebooks.py",
    "test_site.py",
    "test_grading.py",
    "test_claims.py",
    "02_alexnet.ipynb",
    "08_comparison.ipynb",
    "05_inception.ipynb",
    "06_resnet.ipynb",
    ".ipynb",
    "test_labs.py",
    "test_weights.py",
    "test_slides.py",
    "test_faults.py",
    "test_explorers.py",
    "test_speed.py",
    "test_data.py",
    "test_training.py",
    "test_gate.py",
    "test_distributed.py",
    "test_run.py",
    "test_fork.py",
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: next((place for place, end in enumerate(LONGEST) if item.path.name.endswith(end)), len(LONGEST)))
