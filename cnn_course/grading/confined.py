"""A process for a student's notebook: with limits of time and memory, an empty home, no network, and nothing of the grader's.

bubblewrap does that, a small program for Linux (`apt install bubblewrap`); it needs no root and no daemon.
"""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import lru_cache
from pathlib import Path

from cnn_course.grading import wire

PACKAGE = Path(__file__).parents[1]
HOME = "/home/student"
LONGEST = 64_000_000  # characters of a line
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/sys/devices/system/cpu")


class Gone(Exception):
    """The process is no more, or says what nobody understands; the message is a sentence for the student."""


@lru_cache(maxsize=1)
def hindrance() -> str:
    """Why this machine cannot confine a process, in its own words; "" where it can."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed"
    command = [*_walls(), sys.executable, "-c", "import cnn_course.grading.student"]
    tried = subprocess.run(command, capture_output=True, text=True, errors="replace", env=_environment(HOME))
    return "" if tried.returncode == 0 else (tried.stderr.strip() or f"it ended with code {tried.returncode}").splitlines()[-1]


def _walls():
    """The command that puts another one behind walls: it sees the system, Python and the course, read-only, and no network."""
    python = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent)}
    seen = [*SYSTEM, *sorted(python), str(PACKAGE), *filter(None, [os.environ.get("CNN_COURSE_DATA")])]
    binds = [part for path in seen for part in ("--ro-bind-try", path, path)]
    apart = ["--unshare-all", "--die-with-parent", "--new-session"]
    fresh = ["--proc", "/proc", "--dev", "/dev", "--size", "500000000", "--tmpfs", "/tmp", "--size", "500000000", "--tmpfs", HOME]
    return ["bwrap", *apart, *fresh, *binds, "--chdir", HOME]  # what is seen last covers the rest: a course below /tmp too


def _environment(home):
    """What the process, and bubblewrap whose /proc it can read, know of the grader's environment: next to nothing."""
    kept = ("PATH", "CNN_COURSE_DATA", "SYSTEMROOT", "OPENBLAS_CORETYPE", "LANG")
    own = {"HOME": home, "USERPROFILE": home, "PYTHONPATH": str(PACKAGE.parent), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    return {name: os.environ[name] for name in kept if name in os.environ} | own | {"IPYTHONDIR": f"{home}/.ipython"}


class Process:
    """A running `cnn_course.grading.student`, behind walls where `confine`; use it in a `with` block."""

    def __init__(self, confine: bool):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = [sys.executable, "-m", "cnn_course.grading.student"]
        self.process = subprocess.Popen(
            [*_walls(), *command] if confine else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.folder.name,
            env=_environment(HOME if confine else self.folder.name),
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self.lines = queue.Queue(maxsize=4)
        self.ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        """Move lines into the queue, so that waiting for one can end. A flood of them waits, and with it whoever wrote it."""
        with contextlib.suppress(OSError, ValueError):
            while line := self.process.stdout.readline(LONGEST):
                while not self.ended.is_set():
                    with contextlib.suppress(queue.Full):
                        self.lines.put(line, timeout=1)
                        break
        with contextlib.suppress(queue.Full):
            self.lines.put("", timeout=1)

    def tell(self, message) -> None:
        with contextlib.suppress(OSError):  # who has ended is found when an answer is expected
            self.process.stdin.write(wire.written(message) + "\n")
            self.process.stdin.flush()

    def hear(self, until: float) -> dict:
        """The next message, before the moment `until` of time.monotonic(); Gone where none comes."""
        try:
            line = self.lines.get(timeout=max(0.01, until - time.monotonic()))
        except queue.Empty:
            raise Gone("it was stopped: it took too long") from None
        if not line:
            raise Gone("its process ended, as a crash, a lack of memory or `os._exit()` does")
        try:
            message = wire.read(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise Gone("it wrote into the channel that reports its answers")
        return message

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL) if hasattr(os, "killpg") else self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        self.folder.cleanup()
