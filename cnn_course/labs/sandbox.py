"""A student's code at arm's length: in a process of its own, with a limit of time and memory, and errors told in a sentence.

The process is a fork of this one, so it has everything that the student's cells defined; whatever it does to itself, the kernel
stays as it was. Windows has no fork, and on macOS Apple's libraries may end a forked process: there the code runs here.
"""

import contextlib
import io
import linecache
import multiprocessing
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

SECONDS, BYTES = 8, 2_000_000_000
PACKAGE = str(Path(__file__).parents[1])
FORKS = sys.platform == "linux"


class Overtime(BaseException):
    """Raised within code that takes too long; no `except Exception` in it stops that."""


def apart(work: Callable[[], str], seconds: float = SECONDS) -> tuple[str | None, str]:
    """(what `work` returned, "") or (None, a sentence that says why it returned nothing). Nothing that it prints is shown."""
    late = f"Your code was stopped after {seconds:.0f} seconds: does a loop end?"
    if not FORKS:
        with limited(seconds, late):
            return _quietly(work)
        return None, late
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(work, there), daemon=True)
    process.start()
    there.close()
    try:
        if not here.poll(seconds):
            return None, late
        return here.recv()
    except EOFError:
        process.join(2)
        return None, "Your code ended the process that ran it, as a crash or `exit()` does."
    finally:
        process.kill()
        process.join()
        here.close()


def _child(work, pipe):
    import torch

    torch.set_num_threads(1)  # the threads of the parent are not there any more
    limit_memory(BYTES)
    pipe.send(_quietly(work))


def limit_memory(extra_bytes: int) -> None:
    """Let this process take so many bytes more than now, where the system knows such limits."""
    with contextlib.suppress(ImportError, OSError, ValueError, StopIteration):
        import resource

        with open("/proc/self/status", encoding="ascii") as status:
            taken = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmSize"))
        resource.setrlimit(resource.RLIMIT_AS, (taken + extra_bytes, taken + extra_bytes))


@contextlib.contextmanager
def limited(seconds: float, says: str = ""):
    """Raise Overtime(says) in what takes longer, again and again until it gives in, and end in peace.

    Without limit where there is no such signal (Windows), and outside of the main thread.
    """

    def stop(*_):
        raise Overtime(says)

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before, begun = signal.signal(signal.SIGALRM, stop), time.monotonic()
    rest, again = signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # those of a limit around this one
    try:
        yield
    except Overtime:  # between the code's end and the next line
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if rest:
            signal.setitimer(signal.ITIMER_REAL, max(rest - (time.monotonic() - begun), 0.001), again)


def _quietly(work):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            return work(), ""
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: it is the student's code
            return None, told(error)


def told(error: BaseException) -> str:
    """An error in one sentence: what, and in which line of the student's own code."""
    if isinstance(error, Overtime):
        return str(error)
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        what = "More memory was asked for than the check gives"
    else:
        message = " ".join(str(error).split())
        what = f"{type(error).__name__}: {message[:300]}" if message else type(error).__name__
    line = own_line(error)
    return f"{what.rstrip('.')}. {line}".rstrip()


def own_line(error: BaseException) -> str:
    """The last line of the error's traceback that is the student's: not torch's, not the course's."""
    foreign = (PACKAGE, *{sys.prefix, sys.base_prefix, str(Path(contextlib.__file__).parent)})
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(foreign) and not frame.filename.startswith("<frozen"):
            text = linecache.getline(frame.filename, frame.lineno).strip() or frame.line or ""
            return f"It happened in `{text}` (line {frame.lineno} of its cell)." if text else ""
    return ""
