"""Run notebooks from top to bottom in fresh kernels and store what they show: python notebooks/execute.py [NOTEBOOK …]

Without arguments it runs all of them. What changes from run to run without meaning is left out of the file: widget ids
(the explorers' static figures stay), the steps of progress bars, times of execution and the version of Python. The address
that stamp.py wrote is kept.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def last_state(text):
    """What a terminal shows in the end of a text with carriage returns: progress bars that were erased are gone."""
    lines = (line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))
    return "\n".join(line.rstrip() for line in lines)


def tidy(cell):
    cell.metadata.pop("execution", None)
    kept = []
    for output in cell.outputs:
        output.get("data", {}).pop(WIDGET_VIEW, None)
        if output.output_type == "stream":
            output.text = last_state(output.text)
        if output.get("text") or output.get("data") or output.output_type == "error":
            kept.append(output)
    cell.outputs = kept


def execute(path):
    notebook, start = nbformat.read(path, as_version=4), time.perf_counter()
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            tidy(cell)
    notebook.metadata = {
        **{key: value for key, value in notebook.metadata.items() if key == "cnn_course"},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    print(f"{path.name}: {len(notebook.cells)} cells in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:  # these runs and guesses are nobody's own
        os.environ["XDG_DATA_HOME"] = folder
        named = [Path(name).resolve() for name in sys.argv[1:]]
        for path in named or [*sorted(HERE.glob("[0-9]*.ipynb")), *sorted(HERE.glob("assignments/*.ipynb"))]:
            execute(path)
