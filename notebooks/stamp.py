"""Tell every notebook where the course lives: python notebooks/stamp.py [ADDRESS]

On Colab the first cell of a notebook installs the course from the repository that the notebook's metadata name. ADDRESS, for
example https://github.com/me/cnn_course, is kept in pyproject.toml too; without it, that of this checkout's origin is taken.
"""

import re
import subprocess
import sys
from pathlib import Path

import nbformat

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
KEPT = re.compile(r'(?m)^(Repository = ")([^"]+)(")$')


def origin():
    """The address that this checkout was cloned from, else the one in pyproject.toml."""
    asked = subprocess.run(["git", "remote", "get-url", "origin"], cwd=HERE, capture_output=True, text=True)
    ssh = re.sub(r"^git@([^:]+):", r"https://\1/", asked.stdout.strip())
    return ssh.removesuffix(".git") or KEPT.search(PROJECT.read_text(encoding="utf-8")).group(2)


def stamp(address=None):
    """Write the address into the project and the metadata of all notebooks."""
    address = address or origin()
    if not re.fullmatch(r"(https?|ssh|file)://[^\s\"\\]+", address):
        raise SystemExit(f"{address!r} is no address of a repository; expected one such as https://github.com/me/cnn_course")
    PROJECT.write_text(KEPT.sub(rf"\g<1>{address}\g<3>", PROJECT.read_text(encoding="utf-8")), encoding="utf-8")
    for path in sorted(HERE.glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata["cnn_course"] = {"repository": address}
        nbformat.write(notebook, path)
    print(f"All notebooks install the course from {address}")


if __name__ == "__main__":
    stamp(*sys.argv[1:2])
