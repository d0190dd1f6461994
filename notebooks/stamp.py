"""Tell every notebook where the course lives: python notebooks/stamp.py [ADDRESS]

On Colab the first cell of a notebook installs the course from the repository that the notebook's metadata names. It is the
ADDRESS, for example https://github.com/me/cnn_course; without one the remote "origin" of this checkout; without that the one in
pyproject.toml, which is kept in step.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
KEPT = re.compile(r'(?m)^(Repository = ")([^"]+)(")$')


def origin() -> str:
    """The address of the remote "origin"; empty where there is no git or no such remote."""
    if not (HERE.parent / ".git").exists():  # not that of a repository further up
        return ""
    try:
        asked = subprocess.run(["git", "remote", "get-url", "origin"], cwd=HERE, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return asked.stdout.strip()


def for_readers(address: str) -> str:
    """The address that everyone can read from: https in place of ssh, no user and no password in it."""
    address = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/]", r"https://\1/", address)
    return re.sub(r"^(https?://)[^/@]+@", r"\1", address)


def stamp(address: str = "") -> None:
    """Write the address into the project and into the metadata of all notebooks; nothing else in them changes."""
    project = PROJECT.read_text(encoding="utf-8")
    address = for_readers(address or origin() or KEPT.search(project).group(2))
    if not re.fullmatch(r"(https?|file)://[^\s\"\\]+", address):
        raise SystemExit(f"{address!r} is no address of a repository; expected one such as https://github.com/me/cnn_course")
    PROJECT.write_text(KEPT.sub(rf"\g<1>{address}\g<3>", project), encoding="utf-8", newline="\n")
    for path in [*HERE.glob("[0-9]*.ipynb"), *HERE.glob("assignments/*.ipynb")]:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["metadata"]["cnn_course"] = {"repository": address}
        text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)  # as nbformat and JupyterLab write it
        path.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"All notebooks name {address}")


if __name__ == "__main__":
    stamp(*sys.argv[1:2])
