"""Finding, downloading and serving CIFAR-10; every download comes from a server inside the test."""

import errno
import hashlib
import http.client
import io
import multiprocessing
import os
import pickle
import re
import shutil
import socket
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import quote, unquote, urlsplit

import numpy as np
import pytest
import striped
import torch
import torchvision
from PIL import Image
from torchvision.datasets import CIFAR10

from cnn_course import data, files
from cnn_course.data import augment, cifar10, download, standin

SETTING = os.environ.get("CNN_COURSE_DATA", "")
needs_real = pytest.mark.skipif(not SETTING, reason="CNN_COURSE_DATA is not set")

pytestmark = pytest.mark.usefixtures("isolated")
forks = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="Windows cannot fork a process")


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A CIFAR-10 of 120 images in the original's form, with its md5 sums made known to torchvision."""
    folder = tmp_path / "original" / data.FOLDER
    folder.mkdir(parents=True)
    random, sums = np.random.RandomState(0), {}
    for name, _ in download.members():
        images = random.randint(256, size=(20, 3072), dtype=np.uint8)
        content = {"label_names": list(data.CLASSES)} if "meta" in name else {"data": images, "labels": [*range(10)] * 2}
        (folder / name).write_bytes(pickle.dumps(content))
        sums[name] = [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]
    archive = folder.parent / data.ARCHIVE
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, data.FOLDER)
        for stranger in ("../stranger", f"{data.FOLDER}/stranger"):
            tar.addfile(tarfile.TarInfo(stranger), io.BytesIO())
    monkeypatch.setattr(CIFAR10, "train_list", [sums[name] for name, _ in CIFAR10.train_list])
    monkeypatch.setattr(CIFAR10, "test_list", [sums["test_batch"]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"][1]})
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    return SimpleNamespace(folder=folder, archive=archive, bytes=archive.read_bytes())


@pytest.fixture
def server(small):
    """Mirrors good and bad: server.address("half") is the address of the one that sends half of the archive.

    asked: (mirror, first byte) of every download, probes left out.
    """
    asked, over = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            kind, wanted = unquote(urlsplit(self.path).path).split("/")[1], self.headers.get("Range", "")
            probe = wanted == "bytes=0-65535"
            begin = 0 if probe or not wanted or kind == "refuses ranges" else int(wanted.removeprefix("bytes=").rstrip("-"))
            if not probe:
                asked.append((kind, begin))
            if kind == "hangs" and not probe:
                over.wait(5)
            body = {"wrong": small.bytes[:-9] + b"different", "page": b"<html>Please log in"}.get(kind, small.bytes)
            code = {"gone": 404, "redirects": 302}.get(kind, 206 if begin else 200)
            self.send_response(416 if begin >= len(body) else code)
            self.send_header("Location", f"/good/{data.ARCHIVE}")
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
                body = body[begin:]
            lie = {"claims more": 1000, "claims less": -1000}.get(kind, 0)
            self.send_header("Content-Length", str(len(body) + lie))
            self.end_headers()
            if kind == "half" or (kind in ("stalls", "hangs") and not probe):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                over.wait(0 if kind == "half" else 5)
            elif kind == "trickles" and not probe:
                for start in range(0, len(body), len(body) // 20):
                    self.wfile.write(body[start : start + len(body) // 20])
                    over.wait(0.1)
            else:
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.handle_error = lambda *_: None  # a client that hangs up is expected here
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    address = f"http://127.0.0.1:{httpd.server_port}"
    yield SimpleNamespace(asked=asked, address=lambda kind: f"{address}/{quote(kind)}/{data.ARCHIVE}", proxy=address)
    over.set()
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def in_turn(monkeypatch):
    """Mirrors are tried in the order that is given."""
    monkeypatch.setattr(download, "_probe", lambda mirrors: (list(mirrors), []))


@pytest.fixture
def impatient(monkeypatch):
    """Little patience is had with slow mirrors, and yet more than a good one needs on a busy machine."""
    monkeypatch.setattr(download, "STALL_SECONDS", 0.6)
    monkeypatch.setattr(download, "SLOW", 10_000_000)


def cached():
    """What lies in the cache, by name, but for the lock."""
    return sorted(path.name for path in files.cache_folder().glob("*") if path.name != ".lock")


# Finding


def test_the_three_ways_to_name_the_data(small, monkeypatch, tmp_path, capsys):
    only_archive = tmp_path / "only"
    only_archive.mkdir()
    shutil.copy(small.archive, only_archive)
    for place in (small.folder.parent, small.folder, only_archive):
        monkeypatch.setenv("CNN_COURSE_DATA", str(place))
        cifar = data.load()
        assert cifar.is_real and cifar.note == "" and cifar.classes == data.CLASSES
        assert (len(cifar.train), len(cifar.test)) == (100, 20)
        said = capsys.readouterr().out
        assert said.count("\n") == 1 and "CNN_COURSE_DATA" in said and str(tmp_path) not in said
    first = pickle.loads((small.folder / "data_batch_1").read_bytes())
    assert np.array_equal(cifar.train.images[:20].reshape(20, -1), first["data"])
    assert cifar.train.labels[:20].tolist() == first["labels"]
    assert list(only_archive.iterdir()) == [only_archive / data.ARCHIVE] and not cached()


def test_a_relative_setting_counts_from_here_and_from_the_package(small, monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_COURSE_DATA", "original")
    monkeypatch.chdir(tmp_path)
    assert data.load(quiet=True).is_real
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    cifar10._load.cache_clear()
    monkeypatch.setattr(cifar10, "__file__", str(tmp_path / "cnn_course" / "data" / "cifar10.py"))
    assert data.load(quiet=True).is_real


def test_a_data_set_says_what_it_holds_in_a_line(small, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_DATA", str(small.folder))
    cifar = data.load(quiet=True)
    assert repr(cifar) == f"CIFAR-10: {len(cifar.train):,} images for training, {len(cifar.test):,} images for test"
    assert repr(cifar.validation(5)).endswith("5 images for validation")


def test_a_second_load_costs_nothing_and_quiet_is_quiet(small, monkeypatch, capsys):
    monkeypatch.setenv("CNN_COURSE_DATA", str(small.folder))
    first = data.load(quiet=True)
    assert capsys.readouterr().out == "" and data.load(quiet=True) is first


def test_a_wrong_setting_is_an_error_even_with_a_good_cache(small, monkeypatch, tmp_path):
    data.install(small.archive)
    monkeypatch.setenv("CNN_COURSE_DATA", "no/such/place")
    with pytest.raises(data.DataError, match="CNN_COURSE_DATA is 'no/such/place'.*Set it to"):
        data.load()
    monkeypatch.setenv("CNN_COURSE_DATA", str(tmp_path))
    with pytest.raises(data.DataError, match=f"no CIFAR-10 in .*expected a folder {data.FOLDER}"):
        data.load()


def test_damaged_and_missing_files_are_named(small, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_DATA", str(small.folder))
    damaged = small.folder / "data_batch_3"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (small.folder / "test_batch").unlink()
    with pytest.raises(data.DataError, match=r"data_batch_3 is damaged .*test_batch is missing\. Put a fresh copy"):
        data.load()


def test_a_truncated_archive_is_an_error_and_spares_the_cache(small, monkeypatch):
    data.install(small.archive)
    small.archive.write_bytes(small.bytes[:-100])
    shutil.rmtree(small.folder)
    monkeypatch.setenv("CNN_COURSE_DATA", str(small.archive.parent))
    for attempt in (data.load, lambda: data.install(small.archive)):
        with pytest.raises(data.DataError, match=f"{len(small.bytes) - 100:,} bytes with md5 .*expected md5 .*cut short"):
            attempt()
    assert cached() == [data.FOLDER] and len(data.read(files.cache_folder()).train) == 100


def test_only_the_expected_members_are_unpacked(small):
    place = data.install(small.archive)
    assert sorted(path.name for path in place.iterdir()) == sorted(name for name, _ in download.members())
    assert cached() == [data.FOLDER]


def test_without_data_and_mirrors_the_stand_in_says_what_it_is(capsys):
    cifar = data.load()
    assert not cifar.is_real and cifar.source == "stand-in" and cifar.classes == standin.CLASSES
    assert "not CIFAR-10" in capsys.readouterr().out and "not CIFAR-10" in cifar.note


def test_data_that_came_after_the_stand_in_are_found_without_a_new_start(small, capsys):
    assert not data.load(quiet=True).is_real
    data.install(small.archive)
    assert data.load().is_real and "found in your cache" in capsys.readouterr().out


def test_an_archive_that_cannot_be_read_is_named(small, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(torchvision.datasets.utils, "calculate_md5", refuse)
    with pytest.raises(data.DataError, match=re.escape(f"cannot read {small.archive}: Permission denied")):
        data.install(small.archive)


# Downloading


def test_a_download_lands_in_the_cache_and_is_found_there(server, monkeypatch, capsys):
    monkeypatch.setattr(download, "MIRRORS", (server.address("good"),))
    assert data.load().is_real and "downloaded" in capsys.readouterr().out
    cifar10._load.cache_clear()
    assert data.load().is_real and "found in your cache" in capsys.readouterr().out
    assert server.asked == [("good", 0)] and cached() == [data.FOLDER]


def test_a_damaged_cache_is_downloaded_again(small, server, monkeypatch):
    (data.install(small.archive) / "data_batch_1").write_bytes(b"")
    monkeypatch.setattr(download, "MIRRORS", (server.address("good"),))
    assert data.load(quiet=True).is_real and cached() == [data.FOLDER]


def read_downloaded(server, *kinds):
    """Download from mirrors of these kinds in turn: how many training images there are then."""
    addresses = ["http://127.0.0.1:1/" if kind == "dead" else server.address(kind) for kind in kinds]
    return len(data.read(data.fetch(mirrors=tuple(addresses), quiet=True)).train)


BAD = ["wrong", "half", "page", "gone", "dead", "claims more", "claims less", "stalls", "trickles", "hangs"]


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("good", ["good", "redirects", "refuses ranges"])
def test_a_bad_mirror_gives_way_to_a_good_one(server, in_turn, request, kind, good):
    if kind in ("stalls", "trickles", "hangs"):
        request.getfixturevalue("impatient")
    assert read_downloaded(server, kind, good) == 100
    assert cached() == [data.FOLDER]


def test_the_next_mirror_goes_on_where_the_first_one_stopped(small, server, in_turn):
    assert read_downloaded(server, "half", "good") == 100
    assert server.asked == [("half", 0), ("good", len(small.bytes) // 2)]


def test_the_next_call_goes_on_where_the_last_one_stopped(small, server, in_turn):
    half = len(small.bytes) // 2
    with pytest.raises(data.NoMirror, match=f"{half:,} bytes are kept; the next try goes on from there"):
        read_downloaded(server, "half")
    assert cached() == [download.PART] and read_downloaded(server, "good") == 100
    assert server.asked == [("half", 0), ("good", half)] and cached() == [data.FOLDER]


def test_a_network_that_breaks_is_the_mirrors_failure_and_not_the_disks(server, monkeypatch):
    def breaks(*_):
        raise OSError(errno.EHOSTUNREACH, "No route to host")

    monkeypatch.setattr(http.client.HTTPResponse, "read1", breaks)
    with pytest.raises(data.NoMirror, match="127.0.0.1:[0-9]+: No route to host"):
        data.fetch(mirrors=(server.address("good"),), quiet=True)


@pytest.mark.parametrize("rest", [b"of another file", b"x" * 10_000_000])
def test_a_part_of_something_else_is_thrown_away(server, in_turn, rest):
    files.cache_folder().mkdir(parents=True)
    (files.cache_folder() / download.PART).write_bytes(rest)
    assert read_downloaded(server, "good") == 100 and cached() == [data.FOLDER]


@pytest.mark.parametrize("kind", ["wrong", "page", "gone", "dead", "claims less"])
def test_bad_mirrors_alone_leave_nothing_behind(server, kind):
    with pytest.raises(data.NoMirror, match="127.0.0.1"):
        read_downloaded(server, kind, kind)
    assert cached() == []


def test_a_slow_mirror_is_better_than_none(server, in_turn, impatient):
    assert read_downloaded(server, "trickles") == 100


def downloading(server, kind, unpack_seconds=0):
    """A process of its own, forked, that downloads from a mirror of this kind and rests after each file that it unpacks."""

    def download_it():
        copy = download.shutil.copyfileobj
        download.shutil.copyfileobj = lambda *files: (copy(*files), time.sleep(unpack_seconds))
        download.fetch(mirrors=(server.address(kind),), quiet=True)

    process = multiprocessing.get_context("fork").Process(target=download_it, daemon=True)
    process.start()
    return process


@forks
def test_two_processes_at_once_download_once(server):
    """The second waits for the first, and finds what it has fetched."""
    started = [downloading(server, "trickles") for _ in range(2)]
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0, 0] and len(server.asked) == 1
    assert data.load(quiet=True).is_real and cached() == [data.FOLDER]


@forks
def test_a_killed_download_is_taken_up_again(small, server, in_turn):
    part = files.cache_folder() / download.PART
    killed = downloading(server, "stalls")
    while not (part.exists() and part.stat().st_size):
        assert killed.exitcode is None
        time.sleep(0.01)
    killed.kill()
    killed.join()
    came = part.stat().st_size
    assert download.PART in cached() and any(name.startswith("partial-") for name in cached())
    assert read_downloaded(server, "good") == 100 and cached() == [data.FOLDER]
    assert server.asked[-1] == ("good", came) and 0 < came <= len(small.bytes) // 2


@forks
def test_a_killed_unpacking_leaves_no_half_of_the_data_set(small, server, in_turn):
    killed = downloading(server, "good", unpack_seconds=60)
    while not list(files.cache_folder().glob("partial-*/*/*")):
        assert killed.exitcode is None
        time.sleep(0.01)
    killed.kill()
    killed.join()
    assert data.FOLDER not in cached()
    assert read_downloaded(server, "good") == 100 and cached() == [data.FOLDER]


def test_a_proxy_is_asked(server, monkeypatch):
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", server.proxy)
    place = data.fetch(mirrors=(f"http://nobody.invalid/good/{data.ARCHIVE}",), quiet=True)
    assert len(data.read(place).train) == 100


def test_the_probe_drops_what_cannot_be_the_archive(server):
    urls = [server.address(kind) for kind in ("page", "gone", "good")]
    answering, failures = download._probe(urls)
    assert answering == urls[2:] and len(failures) == 2 and "404" in " ".join(failures)


def test_no_network_is_decided_within_seconds_even_where_packets_vanish(monkeypatch):
    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: time.sleep(30) if host == "lost" else look_up(host, *a, **k))
    assert download.PROBE_SECONDS <= 5
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, never answers
        monkeypatch.setattr(download, "MIRRORS", (f"http://127.0.0.1:{silent.getsockname()[1]}/", "http://lost/"))
        start = time.monotonic()
        assert not data.load(quiet=True).is_real
    assert time.monotonic() - start < 5


def test_a_disk_that_is_full_from_the_start(server, monkeypatch):
    monkeypatch.setattr(download, "ROOM", 1 << 60)
    monkeypatch.setattr(download, "MIRRORS", (server.address("good"),))
    with pytest.raises(data.DataError, match="MB free.*make room") as caught:
        data.load()
    assert not isinstance(caught.value, data.NoMirror) and server.asked == [] and cached() == []


def test_a_disk_that_fills_up_while_downloading(server, monkeypatch):
    class Full(io.FileIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "open", lambda path, mode: Full(path, mode), raising=False)
    with pytest.raises(data.DataError, match="cannot store CIFAR-10 in .*No space left.*make room"):
        data.fetch(mirrors=(server.address("good"),), quiet=True)
    assert cached() == []


def test_a_cache_that_cannot_be_written(small, server, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(data.DataError, match="cannot write in .*XDG_CACHE_HOME"):
        data.fetch(mirrors=(server.address("good"),), quiet=True)
    monkeypatch.setenv("CNN_COURSE_DATA", str(small.folder))
    assert data.load(quiet=True).is_real  # a read-only folder of the class needs no cache


# The images


@pytest.mark.parametrize(
    "images, labels, message",
    [
        (torch.zeros(2, 3, 32, 32), torch.zeros(2).long(), r"torch.float32 \(2, 3, 32, 32\); expected torch.uint8"),
        (torch.zeros(2, 32, 32, 3).byte(), torch.zeros(2).long(), r"\(2, 32, 32, 3\); expected"),
        (torch.zeros(2, 3, 32, 32).byte(), torch.zeros(3).long(), r"torch.int64 \(3,\); expected torch.int64 \(2,\)"),
        (torch.zeros(2, 3, 32, 32).byte(), torch.zeros(2), r"labels are torch.float32"),
        (torch.zeros(2, 3, 32, 32).byte(), torch.tensor([0, 10]), "labels go from 0 to 10; expected 0 to 9"),
        (torch.zeros(2, 3, 32, 32).byte(), torch.tensor([-1, 1]), "labels go from -1 to 1"),
    ],
)
def test_a_split_checks_what_it_is_given(images, labels, message):
    with pytest.raises(ValueError, match=message):
        data.Split(images, labels)


def test_subsets_are_the_first_images():
    cifar = data.load(quiet=True)
    part = cifar.subset(train=7)
    assert len(part.train) == 7 and len(part.test) == 20 and part.source == cifar.source
    assert torch.equal(part.train.images, cifar.train.images[:7]) and torch.equal(part.train.labels, cifar.train.labels[:7])
    for n in (0, 41, "5", 0.5):
        with pytest.raises(ValueError, match=rf"subset\({n!r}\) of 40 images; expected 1 to 40, a whole number"):
            cifar.subset(train=n)
    with pytest.raises(ValueError, match=r"validation\(0.1\) of 40 images; expected 1 to 39"):
        cifar.validation(0.1)


def test_a_split_gives_image_and_label_by_number_and_ends():
    split = striped.cifar(40, 10).train
    image, label = split[3]
    assert torch.equal(image, split.images[3]) and label == split.labels[3] and [len(part) for part in split[5:9]] == [4, 4]
    assert [int(label) for _, label in split] == split.labels.tolist()


def test_to_float_normalizes_by_channel():
    images = torch.randint(256, (5, 3, 6, 7), dtype=torch.uint8)
    expected = (images.double() / 255 - torch.tensor(data.MEAN).view(3, 1, 1)) / torch.tensor(data.STD).view(3, 1, 1)
    x = data.to_float(images)
    assert x.dtype == torch.float32 and x.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(x.double(), expected, atol=1e-5)
    add, give = "; add the batch dimension with images.None.$", "; give the images as they are in cifar, uint8$"
    for wrong, words in ((images.float(), give), (images[0], add), (images[:, :1], "$")):
        with pytest.raises(ValueError, match=rf"expected torch.uint8 \(N, 3, H, W\){words}"):
            data.to_float(wrong)


def test_batches_hold_every_image_once_in_the_order_of_the_seed():
    split = data.load(quiet=True).train

    def epoch(seed, **settings):
        return list(data.batches(split, 16, generator=torch.Generator().manual_seed(seed), **settings))

    first, again, other = epoch(1), epoch(1), epoch(2)
    assert [len(y) for _, y in first] == [16, 16, 8]
    assert all(torch.equal(a, b) for one, two in zip(first, again, strict=True) for a, b in zip(one, two, strict=True))
    assert not torch.equal(first[0][0], other[0][0])
    plain = data.to_float(split.images)
    assert first[0][0].is_contiguous(memory_format=torch.channels_last)
    shuffled, labels = (torch.cat(t) for t in zip(*first, strict=True))
    home = [int(torch.nonzero((plain == x).all((1, 2, 3)))[0]) for x in shuffled]
    assert sorted(home) == list(range(40)) and torch.equal(labels, split.labels[home])
    assert not torch.equal(epoch(1, augment=augment.STANDARD)[0][0], first[0][0])
    with pytest.raises(ValueError, match="batch_size is 0; expected a whole number"):
        next(data.batches(split, 0))
    with pytest.raises(ValueError, match="split is a Cifar10; expected a Split, such as data.load"):
        next(data.batches(data.load(quiet=True), 8))
    for transforms in (augment.flip, augment, ("flip",)):
        with pytest.raises(ValueError, match=r"augment is .*; expected a tuple of functions: \(augment.flip,\)"):
            next(data.batches(split, 8, transforms))


def test_the_photograph():
    image = data.photograph(64)
    assert image.shape == (3, 64, 64) and image.dtype == torch.uint8 and image.float().std() > 30
    with pytest.raises(ValueError, match="size is 0"):
        data.photograph(0)


def test_a_picture_is_the_centre_square_as_one_saw_it(tmp_path):
    picture = Image.new("RGBA", (60, 40), (255, 0, 0, 255))  # on its side: 40 x 60, the left of the file on top
    picture.paste((0, 255, 0, 255), (25, 0, 60, 40))
    orientation = Image.Exif()
    orientation[0x0112] = 6
    picture.convert("RGB").save(tmp_path / "turned.png", exif=orientation)
    picture.save(tmp_path / "plain.png")
    plain, turned = (data.picture(tmp_path / name, 40) for name in ("plain.png", "turned.png"))
    assert plain.shape == data.picture(str(tmp_path / "plain.png"), 40).shape == (3, 40, 40) and plain.dtype == torch.uint8
    assert plain[:, 20, 5].tolist() == [255, 0, 0] and plain[:, 20, 35].tolist() == [0, 255, 0]
    assert turned[:, 5, 20].tolist() == [255, 0, 0] and turned[:, 35, 20].tolist() == [0, 255, 0]
    assert data.picture(tmp_path / "plain.png").shape == (3, 32, 32)


def test_another_data_set_is_not_taken_for_quiet():
    with pytest.raises(ValueError, match="quiet is 'cifar100'; expected True or False.*CNN_COURSE_DATA"):
        data.load("cifar100")


@needs_real
def test_the_constants_are_those_of_the_data_set():
    cifar = data.read(data.named_folder(SETTING))
    assert (len(cifar.train), len(cifar.test)) == (50_000, 10_000)
    assert torch.bincount(cifar.train.labels).tolist() == [5000] * 10
    means, squares, deviations = torch.zeros(3, 3, dtype=torch.float64)
    for chunk in cifar.train.images.split(5000):
        values = chunk.permute(1, 0, 2, 3).flatten(2).double() / 255  # channel, image, pixel
        means += values.mean((1, 2)) / 10
        squares += values.square().mean((1, 2)) / 10
        deviations += values.std(2).mean(1) / 10
    assert means.numpy().round(4).tolist() == list(data.MEAN)
    assert (squares - means**2).sqrt().numpy().round(4).tolist() == list(data.STD)
    assert deviations.tolist() == pytest.approx([0.2023, 0.1994, 0.2010], abs=2e-4)  # the widespread mistake


# The stand-in


def test_the_stand_in_is_the_same_everywhere(monkeypatch):
    monkeypatch.undo()
    parts = standin.draw()
    assert [part.shape for part in parts] == [(50_000, 3, 32, 32), (50_000,), (10_000, 3, 32, 32), (10_000,)]
    assert np.bincount(parts[1]).tolist() == [5000] * 10 and np.bincount(parts[3]).tolist() == [1000] * 10
    assert hashlib.md5(b"".join(part.tobytes() for part in parts)).hexdigest() == "a45e0dc161f879e258a610a03673bbe0"


def test_the_stand_in_is_learnable_but_not_trivial(monkeypatch):
    monkeypatch.undo()
    images, labels, test_images, test_labels = standin.draw(4000, 1000)
    means = np.stack([images[labels == c].mean(0).ravel() for c in range(10)])
    distance = ((test_images.reshape(1000, 1, -1) - means) ** 2).sum(2)
    assert 0.2 < (distance.argmin(1) == test_labels).mean() < 0.5  # the nearest mean image, a classifier without shapes
