"""Files: where the course keeps them, and how one is replaced in a single step."""

import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

RECORDED = Path(__file__).parent / "experiments" / "recorded"  # results and weights that come with the course


def cache_folder() -> Path:
    """Where this user's downloads live: among temporary files where the user has no home."""
    return _folder("XDG_CACHE_HOME", ".cache", "Library/Caches")


def data_folder() -> Path:
    """Where this user's own work lives: the runs that were trained, the guesses that were made."""
    return _folder("XDG_DATA_HOME", ".local/share", "Library/Application Support")


def _folder(variable, linux, mac):
    if os.environ.get(variable):
        return Path(os.environ[variable]) / "cnn_course"
    try:
        home = Path.home()
    except RuntimeError:  # a container that runs under a number without a name
        return Path(tempfile.gettempdir()) / f"cnn_course-{getattr(os, 'getuid', os.getlogin)()}"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local")) / "cnn_course"
    return home / (mac if sys.platform == "darwin" else linux) / "cnn_course"


def into_place(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file beside `path`, and move it there in one step; cut off, the old file stays."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Put a text file into place; half a character, which no file can hold, becomes a question mark."""
    into_place(path, partial(Path.write_text, data=text, encoding="utf-8", errors="replace", newline=""))
