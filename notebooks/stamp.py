"""Tell every notebook where the course lives: python notebooks/stamp.py [ADDRESS]

On Colab and Kaggle the first cell of a notebook installs the course from the ADDRESS of its repository, for example
https://github.com/me/cnn_course. It is kept in pyproject.toml; without an argument the notebooks get the one that stands there.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
KEPT = re.compile(r'(?m)^(Repository = ")([^"]+)(")$')
IN_A_CELL = re.compile(r"(cnn_course @ git\+)([^\\\"]+)(\\\")")


def replace(path, pattern, address):
    """Put the address where the pattern's second group is; how often. Nothing else in the file changes."""
    text, count = pattern.subn(rf"\g<1>{address}\g<3>", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    return count


def stamp(address=None):
    """Write the address into the project and all notebooks."""
    address = address or KEPT.search(PROJECT.read_text(encoding="utf-8")).group(2)
    if not re.fullmatch(r"(https?|ssh|file)://[^\s\"\\]+", address):
        raise SystemExit(f"{address!r} is no address of a repository; expected one such as https://github.com/me/cnn_course")
    replace(PROJECT, KEPT, address)
    for path in sorted(HERE.glob("[0-9]*.ipynb")):
        if replace(path, IN_A_CELL, address) != 1:
            raise SystemExit(f"{path.name} has no set-up cell; copy that of another notebook")
    print(f"All notebooks install the course from {address}")


if __name__ == "__main__":
    stamp(*sys.argv[1:2])
