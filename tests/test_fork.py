"""A fork as GitHub's workflows make it: pushed to an empty repository under another owner, another name, another branch.

The shell steps of the workflows are taken out of their files and run one by one, each job in a clone of its own. Left out, by
name, is what needs GitHub or a network: actions/... and pip install. A fork's site takes a minute to build: the one that is
built is looked at in tests/browser/test_site.py.
"""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
WORKFLOWS = ROOT / ".github" / "workflows"
LEFT_OUT = ("actions/checkout", "actions/setup-python", "actions/upload-pages-artifact", "actions/deploy-pages")
ON_THE_DEFAULT_BRANCH = "github.ref_name == github.event.repository.default_branch"
TEXTS = (".md", ".html", ".js", ".toml", ".yml", ".cff", ".py", ".json", ".ipynb", ".txt")
PAGES_ON, PAGES_OFF = "echo workflow", "echo 'gh: Not Found (HTTP 404)' >&2; exit 1"  # what GitHub's own command line says

# Printing takes a minute, and tests/browser/test_site.py tries it.
PDFS = " ".join(f"printed/pdf/{name}.pdf" for name in ("cnn_course", *STEMS))
PRINTED = {"python docs/printing.py printed": f"mkdir -p printed/pdf && touch {PDFS}"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the steps are for bash, on GitHub's Linux")

FAST = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.compression", "GIT_CONFIG_VALUE_0": "0"}  # nothing is kept for long


def git(folder, *command):
    done = subprocess.run(["git", *command], cwd=folder, env=os.environ | FAST, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stdout + done.stderr)
    return done.stdout.strip()


def triggers(workflow):
    return yaml.safe_load((WORKFLOWS / f"{workflow}.yml").read_text(encoding="utf-8"))[True]  # YAML reads `on` as true


def shell_steps(workflow, job):
    """The shell commands of a job, with their names; every other step has to be one of those known to be left out."""
    whole = yaml.safe_load((WORKFLOWS / f"{workflow}.yml").read_text(encoding="utf-8"))["jobs"][job]
    assert whole["if"] == ON_THE_DEFAULT_BRANCH
    for step in whole["steps"]:
        if "uses" in step:
            assert step["uses"].split("@")[0] in LEFT_OUT
            assert "token" not in step.get("with", {}), "what another token pushes starts the workflows again"
        elif not step["run"].startswith(("pip install", "sudo apt-get")):
            assert "${{" not in step["run"], "only GitHub can fill that in"
            yield step.get("id", step.get("name", step["run"])), PRINTED.get(step["run"].partition("  #")[0], step["run"])


class Fork:
    """A repository on GitHub, in a folder: it has an owner, a name and a branch, and it holds a course."""

    def __init__(self, folder, owner, name, branch, source):
        self.folder, self.owner, self.name, self.branch, self.source = folder, owner, name, branch, source
        self.address, self.place = f"https://github.com/{owner}/{name}", f"{owner}/{name}"
        self.bare = folder / "github.git"
        folder.mkdir()
        git(folder, "init", "--quiet", "--bare", f"--initial-branch={branch}", self.bare)
        git(source, "push", "--quiet", self.bare.as_uri(), f"HEAD:refs/heads/{branch}")
        self.jobs = 0

    @property
    def commits(self):
        return git(self.bare, "log", "--format=%an: %s", self.branch).splitlines()

    def run(self, workflow, job, gh=PAGES_OFF):
        """Run a job's steps as a push to the branch does; returns its clone, what its steps said and what they handed on."""
        self.jobs += 1
        folder, tools, handed_on = (self.folder / f"{what}{self.jobs}" for what in ("clone", "tools", "output"))
        git(self.folder, "clone", "--quiet", "--depth=1", f"--branch={self.branch}", self.bare.as_uri(), folder)
        tools.mkdir()
        (tools / "gh").write_text(f"#!/bin/sh\n{gh}\n")
        (tools / "gh").chmod(0o755)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "GIT_", "PYTHONPATH"))
        }
        environment |= FAST | {
            "PATH": os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "GIT_CONFIG_GLOBAL": os.devnull,  # no name and no address of whoever runs the tests
            "GIT_CONFIG_NOSYSTEM": "1",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": self.place,
            "GITHUB_REPOSITORY_OWNER": self.owner,
            "GITHUB_REF": f"refs/heads/{self.branch}",
            "GITHUB_REF_NAME": self.branch,
            "GITHUB_OUTPUT": str(handed_on),
        }
        handed_on.touch()
        said = {}
        for name, command in shell_steps(workflow, job):
            done = subprocess.run(["bash", "-e", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{name}: {(done.stdout + done.stderr)[-3000:]}"
            said[name] = done
        return folder, said, handed_on.read_text()


def links(fork, stem):
    """Where the four buttons of a notebook's page lead in this fork."""
    file = f"notebooks/{stem}.ipynb"
    return [
        f"https://colab.research.google.com/github/{fork.place}/blob/{fork.branch}/{file}",
        f"https://mybinder.org/v2/gh/{fork.place}/{fork.branch}?urlpath=lab/tree/{file}",
        f"https://kaggle.com/kernels/welcome?src={fork.address}/blob/{fork.branch}/{file}",
        f"{fork.address}/raw/{fork.branch}/{file}",
    ]


def elsewhere(folder, *others):
    """The places in text that lead where this fork is not: to the words or to OWNER. This test's own file may."""
    told = re.compile("|".join([r"\bOWNER\b", *(rf"\b{re.escape(other)}" for other in others)]))
    for path in folder.rglob("*"):
        if path.suffix in TEXTS and ".git" not in path.parts and path.name != Path(__file__).name:
            text = path.read_text(encoding="utf-8")
            if any(word in text for word in ("OWNER", *others)):
                text = re.sub(r'"image/png": "[^"]*"', "", text)
                yield from (f"{path}: {text[found.start() - 60 : found.end() + 60]}" for found in told.finditer(text))


def original():
    """The owner and the name that this checkout was stamped with."""
    return re.search(r'(?m)^Repository = ".*/([^/]+)/([^/]+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8")).groups()


def pushed(folder):
    """A fork in this folder, as it is when this checkout has just been pushed to it, without what git ignores."""
    source = folder / "source"
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in filter(lambda name: (ROOT / name).exists(), listed):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    git(source, "init", "--quiet", "--initial-branch=work")
    git(source, "add", "--all")
    git(source, "-c", "user.name=me", "-c", "user.email=me@example.org", "commit", "--quiet", "--message=course")
    return Fork(folder / "fork", "Some-Body", "deep.vision_101", "master", source)


@pytest.fixture(scope="module")
def fork(tmp_path_factory):
    """A fork that stamp.yml has just stamped."""
    fork = pushed(tmp_path_factory.mktemp("first"))
    fork.tree, *_ = fork.run("stamp", "stamp")
    return fork


def test_the_first_push_stamps_the_fork_once_and_starts_nothing_more(fork):
    assert fork.commits == ["github-actions[bot]: All links lead to this repository", "me: course"]
    changed = git(fork.bare, "diff", "--name-only", f"{fork.branch}~", fork.branch).splitlines()
    notebooks = git(fork.tree, "ls-files", "*.ipynb").splitlines()  # the assignments too
    assert len(notebooks) >= len(STEMS) == 9 and changed == sorted(["CITATION.cff", "README.md", "pyproject.toml", *notebooks])
    fork.run("stamp", "stamp")  # as if that commit had started the workflow again, which GitHub does not let it do
    assert len(fork.commits) == 2 and git(fork.tree, "status", "--porcelain") == ""


def test_nothing_in_it_leads_elsewhere(fork):
    owner, name = original()
    folder = fork.tree
    assert list(elsewhere(folder, f"{owner}/{name}", f"{owner}.github.io")) == []
    for path in folder.rglob("*.ipynb"):
        stored = path.read_text(encoding="utf-8")
        assert stored.count(f'"repository": "{fork.address}"') == 1
    citation = yaml.safe_load((folder / "CITATION.cff").read_text(encoding="utf-8"))
    site = f"https://{fork.owner}.github.io/{fork.name}/"
    assert (citation["repository-code"], citation["url"]) == (fork.address, site)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for address in (site, f"https://codespaces.new/{fork.place}", f"https://mybinder.org/v2/gh/{fork.place}/HEAD?"):
        assert f"({address}" in readme
    opened = re.findall(rf"https://colab\.research\.google\.com/github/{fork.place}/blob/{fork.branch}/([^)\s]+)", readme)
    assert opened and all(git(folder, "ls-files", file) == file for file in opened)


@pytest.mark.parametrize(
    ("gh", "told"),
    [(PAGES_OFF, "Choose Settings, Pages, Source: GitHub Actions"), ("echo legacy", "Choose Settings"), (PAGES_ON, "")],
    ids=["off", "from a branch", "on"],
)
def test_the_site_is_published_where_the_pages_are_on_and_else_it_is_said_how(gh, told, tmp_path):
    (tmp_path / "gh").write_text(f"#!/bin/sh\n{gh}\n")
    (tmp_path / "gh").chmod(0o755)
    step = dict(shell_steps("site", "build"))["pages"]
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "GITHUB_OUTPUT": str(tmp_path / "out"),
        "GITHUB_REPOSITORY": "me/course",
    }
    done = subprocess.run(["bash", "-e", "-c", step], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and told in done.stdout and bool(told) != (tmp_path / "out").exists()
    (tmp_path / "gh").write_text("#!/bin/sh\necho 'gh: Server Error (HTTP 502)' >&2; exit 1\n")
    done = subprocess.run(["bash", "-e", "-c", step], env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "HTTP 502" in done.stdout, "GitHub is out of order, which is not the fork's to mend"


def test_both_workflows_run_on_a_push_and_by_hand():
    assert triggers("stamp").keys() == triggers("site").keys() == {"push", "workflow_dispatch"}
    site = yaml.safe_load((WORKFLOWS / "site.yml").read_text(encoding="utf-8"))["jobs"]
    assert site["publish"]["needs"] == "build" and site["publish"]["if"] == "needs.build.outputs.pages == 'on'"


def test_a_fork_of_the_fork_is_stamped_anew(fork, tmp_path):
    second = Fork(tmp_path / "second", "another", "another.github.io", "release/2027", fork.bare)
    folder, *_ = second.run("stamp", "stamp")
    assert second.commits[0] == "github-actions[bot]: All links lead to this repository"
    assert list(elsewhere(folder, fork.place, f"{fork.owner}.github.io", f"/{fork.branch}/notebooks")) == []
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "(https://another.github.io/)" in readme and f"/{second.place}/blob/release/2027/notebooks/" in readme
    assert f'Notebooks = "{second.address}/tree/release/2027/notebooks"' in (folder / "pyproject.toml").read_text(
        encoding="utf-8"
    )


def test_what_a_sync_brings_from_the_course_is_stamped_too():
    linked = runpy.run_path(str(ROOT / "notebooks" / "stamp.py"))["linked"]
    new = "[site](https://a.github.io/b/), [lab](https://codespaces.new/a/b). `%pip install git+https://github.com/a/b`, (https://a.github.io/)"
    old = linked(new, "https://github.com/me/course", "main")
    assert re.findall(r"https://([^\s`)]+)", old) == [
        "me.github.io/course/",
        "codespaces.new/me/course",
        "github.com/me/course",
        "me.github.io/course/",
    ]
    assert linked(linked(old, "https://github.com/a/b", "x"), "https://github.com/me/course", "main") == old
