"""A real JupyterLab in a real browser. Where there is none the tests are skipped and say why.

With the environment variable CNN_COURSE_TESTS=all they fail instead.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import briefly
import nbformat
import pytest
from driving import ROOT, SET_UP, SHOTS, bench, of_a_cell, unavailable

PANEL_OR_ALL = "document.querySelector('.jp-WindowedPanel-outer') ?? document.documentElement"  # what scrolls
TOKEN = "course"
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are on the page, not only those on screen
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},  # what one test types, a later one does not find
}


@pytest.fixture(scope="session")
def browser():
    """Chromium, without a window."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("no playwright; install it with: pip install -e '.[dev]'")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        unavailable("no chromium; on Debian and Ubuntu: apt install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A window; what its console says of errors is in `page.console`. Where its test fails, SHOTS has what it showed."""
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    page.console = []
    page.on("console", lambda message: page.console.append(message.text) if of_a_cell(message) else None)
    yield page
    page.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and call.when == "call" and "page" in item.funcargs:
        with contextlib.suppress(Exception):  # of a page that has crashed there is no picture
            photograph(item.funcargs["page"], item.name)
    return report


def photograph(page, name):
    """What the screen shows, page by page."""
    SHOTS.mkdir(exist_ok=True)
    tall, view = page.evaluate(f"(({{scrollHeight, clientHeight}}) => [scrollHeight, clientHeight])({PANEL_OR_ALL})")
    for number, top in enumerate(range(0, tall, view - 60), start=1):
        page.evaluate(f"({PANEL_OR_ALL}).scrollTop = {top}")
        page.wait_for_timeout(150)
        page.screenshot(path=SHOTS / f"{name}-{number:02d}.png")


class Lab:
    """A JupyterLab: its address, and what the kernels that it runs take of the memory."""

    def __init__(self, address, process):
        self.address, self.process = address, process

    def url(self, path):
        return f"{self.address}/{path}?token={TOKEN}"

    def kernels(self):
        """The processes of the kernels, by number."""
        status = {int(path.parent.name): path for path in Path("/proc").glob("[0-9]*/status")}
        fields = {number: self._fields(path) for number, path in status.items()}
        return [number for number, field in fields.items() if field.get("PPid") == str(self.process.pid)]

    def peak_memory(self):
        """GB that each kernel has had at most; nothing on a system without /proc."""
        return [int(self._fields(Path(f"/proc/{number}/status"))["VmHWM"].split()[0]) / 1e6 for number in self.kernels()]

    def end_kernels(self):
        for kernel in json.loads(urllib.request.urlopen(self.url("api/kernels")).read()):
            urllib.request.urlopen(urllib.request.Request(self.url(f"api/kernels/{kernel['id']}"), method="DELETE")).close()

    @staticmethod
    def _fields(path):
        with contextlib.suppress(OSError):  # it has ended
            return dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
        return {}


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """A JupyterLab that serves copies of all notebooks."""
    folder = tmp_path_factory.mktemp("lab")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, folder)
    for name in ("bench", "bench-7"):  # one for each front end: what the other has saved, this one knows no widgets of
        nbformat.write(bench(), folder / f"{name}.ipynb")
    for name, value in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--port={address.rpartition(':')[2]}",
        "--ip=127.0.0.1",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.expose_app_in_browser=True",  # window.jupyterapp, which opens folded sections
    ]
    with (folder / "lab.log").open("w") as log:
        environment = {**os.environ, "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "XDG_DATA_HOME": str(folder / "own")}
        environment |= briefly.environment(folder / "ipython")
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_for(f"{address}/api?token={TOKEN}", server, folder / "lab.log")
            yield Lab(address, server)
        finally:
            server.terminate()
            server.wait(20)


def wait_for(address, server, log):
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            return urllib.request.urlopen(address, timeout=1).read()
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start; it said: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def names():
    """What the notebooks call their things, for the twins; the reader's own run is another one here."""
    found = {}
    exec(SET_UP, found)
    return found
