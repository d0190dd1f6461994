"""What several rooms' tests need: a wicked pickle, and a machine without data or network."""

import os
import tempfile
from pathlib import Path

import pytest

from cnn_course.data import download, standin


def pytest_configure(config):
    """What is trained here is no reader's run: it is kept in a folder that goes with these tests."""
    config.own_data = tempfile.TemporaryDirectory()
    os.environ["XDG_DATA_HOME"] = config.own_data.name


class Trap:
    """A pickle that makes the file `path` when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)

    @property
    def sprung(self):
        return self.path.exists()


@pytest.fixture
def trap(tmp_path):
    return Trap(tmp_path / "trapped")


@pytest.fixture
def isolated(monkeypatch, tmp_path):
    """No mirrors, an empty cache, no CNN_COURSE_DATA, and a stand-in of 40 + 20 images: a test adds what it is about."""
    monkeypatch.setattr(download, "MIRRORS", ())
    monkeypatch.setattr(download, "ROOM", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CNN_COURSE_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    small = standin.draw(40, 20)
    monkeypatch.setattr(standin, "draw", lambda: small)
