"""Tell the course where it lives: python notebooks/stamp.py [ADDRESS [BRANCH]]

On Colab the first cell of a notebook installs the course from the repository that the notebook's metadata names; the links of
README.md, CITATION.cff and the site lead there too. It is the ADDRESS, for example https://github.com/me/cnn_course, and the
BRANCH that its readers get; without them those of this checkout's remote "origin"; without that those in pyproject.toml, which
is kept in step.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TEXTS = ("pyproject.toml", "README.md", "CITATION.cff")
KEPT = re.compile(r'(?m)^Notebooks = "(.+)/tree/(.+)/notebooks"$')
LINKS = {  # what a link in those texts looks like, whoever's it is, and what stands there in this repository
    r'(?m)^(Repository = |repository-code: )"[^"]+': r'\1"{address}',
    r'(?m)^Notebooks = "[^"]+': 'Notebooks = "{address}/tree/{branch}/notebooks',
    r"https://[^\s/]+\.github\.io/([^\s/)\"]+/)?": "{site}",
    r"(codespaces\.new|mybinder\.org/v2/gh)/[^\s/]+/[^\s/?)]+": r"\1/{owner}/{name}",
    r"colab\.research\.google\.com/github/\S+?(?=/notebooks/)": "colab.research.google.com/github/{owner}/{name}/blob/{branch}",
    r"pip install git\+[^\s`]+": "pip install git+{address}",
}


def git(*command: str) -> str:
    """What git answers in this checkout; nothing where there is no git, no checkout or no answer."""
    if not (HERE.parent / ".git").exists():  # not that of a repository further up
        return ""
    try:
        return subprocess.run(["git", *command], cwd=HERE, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return ""


def for_readers(address: str) -> str:
    """The address that everyone can read from: https in place of ssh, no user and no password in it, GitHub's without .git."""
    address = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/]", r"https://\1/", address)
    address = re.sub(r"^(https?://)[^/@]+@", r"\1", address).rstrip("/")
    return address.removesuffix(".git") if address.startswith("https://github.com/") else address


def linked(text: str, address: str, branch: str) -> str:
    """The text with all links to the course changed to this repository, to its site, and to where its notebooks open."""
    owner, name = address.split("/")[-2:]
    home = f"{owner}.github.io"
    site = f"https://{home}/" + (f"{name}/" if name.lower() != home.lower() else "")
    for link, new in LINKS.items():
        text = re.sub(link, new.format(address=address, branch=branch, owner=owner, name=name, site=site), text)
    return text


def stamp(address: str = "", branch: str = "") -> None:
    """Write the address into the texts and into the metadata of all notebooks; nothing else in them changes."""
    kept = KEPT.search((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    branch = branch or git("symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/") or kept[2]
    address = for_readers(address or git("remote", "get-url", "origin") or kept[1])
    if not re.fullmatch(r"(https?|file)://[^\s\"\\]+", address):
        raise SystemExit(f"{address!r} is no address of a repository; expected one such as https://github.com/me/cnn_course")
    for path in filter(Path.exists, map(HERE.parent.joinpath, TEXTS)):
        path.write_text(linked(path.read_text(encoding="utf-8"), address, branch), encoding="utf-8", newline="\n")
    for path in [*HERE.glob("[0-9]*.ipynb"), *HERE.glob("assignments/*.ipynb")]:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["metadata"]["cnn_course"] = {"repository": address}
        text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)  # as nbformat and JupyterLab write it
        path.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"All notebooks name {address}")


if __name__ == "__main__":
    stamp(*sys.argv[1:3])
