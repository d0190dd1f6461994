"""What holds for all tests, the notebooks among them: one torch thread a process, and the longest files first."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is loaded; a notebook's kernel inherits it
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two processes of two threads each would wait for one another

LONG = ("test_data", "test_explorers", "test_records", "test_notebooks_in_a_browser", "test_colab")


def pytest_collection_modifyitems(items):
    """Notebooks and other long files first, so that all processes end together; the order within a file stays."""
    items.sort(key=lambda item: (item.path.suffix != ".ipynb", item.path.stem not in LONG))
