"""Machines as they are: killed processes, strange surroundings, damaged and wicked files. A clear end, and nothing lost."""

import json
import os
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from cnn_course import data, files, models
from cnn_course.data import download
from cnn_course.doctor import CHECKS
from cnn_course.models import pretrained
from cnn_course.training import checkpoint

# The command line on a small stand-in, without a network.
COMMAND = """
import sys
from cnn_course import __main__
from cnn_course.data import download, standin
small = standin.draw(100, 50)
standin.draw, download.MIRRORS = lambda: small, ()
sys.exit(__main__.main(sys.argv[1:]))
"""
# Trains or records on striped images, for ever; FOLDER is filled in.
FOR_EVER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {tests!r})
import striped
from cnn_course import data, experiments, files, models, training
from cnn_course.experiments import declared
from cnn_course.experiments import run as recording
folder = Path({folder!r})
cifar = replace(striped.cifar(60, 20), source="CIFAR-10")
data.load, files.RECORDED = lambda quiet=False: cifar, folder
runs = {{"quick": experiments.Variant("lenet5"), "long": experiments.Variant("lenet5", dict(classes=11))}}
small = dict(train_images=60, test_images=20, seeds=range(500))
declared.EXPERIMENTS = {{"small": experiments.Experiment("small", "?", runs, epochs=3, **small)}}
{what}
"""


def surroundings(tmp_path, **changes):
    """An environment with a cache of its own; a change to None takes a variable out."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "CNN_COURSE_DATA": "", **changes}
    return {name: value for name, value in environment.items() if value is not None}


# ------------------------------------------------------------------------------ killed
def killed(tmp_path, what, files, often=8):
    """Run `what` in a process of its own and kill it once the newest of `files()` was written `often` times."""
    code = FOR_EVER.format(tests=str(Path(__file__).parent), folder=str(tmp_path), what=what)
    process = subprocess.Popen([sys.executable, "-c", code], env=surroundings(tmp_path), stderr=subprocess.PIPE, text=True)
    seen, end = set(), time.monotonic() + 60
    try:
        while len(seen) < often and process.poll() is None and time.monotonic() < end:
            seen |= {path.stat().st_mtime_ns for path in files()}
            time.sleep(0.002)
    finally:
        process.kill()
    said = process.communicate()[1]
    assert len(seen) >= often, said[-2000:]


def test_a_killed_training_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "run.pt"
    train = "training.fit(models.build('lenet5'), cifar, 100_000, save=folder / 'run.pt', quiet=True)"
    killed(tmp_path, train, lambda: tmp_path.glob("run.pt"))
    first = checkpoint.read(path, {})["rows"]
    killed(tmp_path, train, lambda: tmp_path.glob("run.pt"), often=5)  # the same command goes on from there
    second = checkpoint.read(path, {})["rows"]
    assert len(second) > len(first) >= 1 and second[: len(first)] == first


def test_a_killed_recording_leaves_a_whole_record_and_its_lock_free(tmp_path, monkeypatch):
    record = "recording.record('small', quiet=True)"
    killed(tmp_path, record, lambda: tmp_path.glob("small.json"))
    first = json.loads((tmp_path / "small.json").read_text())["runs"]
    killed(tmp_path, record, lambda: tmp_path.glob("small.json"), often=5)
    second = json.loads((tmp_path / "small.json").read_text())["runs"]
    for label in ("quick", "long"):
        assert len(second[label]) > len(first[label]) and second[label][: len(first[label])] == first[label]


# ------------------------------------------------------------------------------ strange surroundings
@pytest.mark.parametrize(
    "changes",
    [
        {"OMP_NUM_THREADS": "4096", "HOME": None},
        {"OMP_NUM_THREADS": "many", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_training_works_in_strange_surroundings_and_folders(tmp_path, changes):
    folder = tmp_path / "실습 été"
    folder.mkdir()
    arguments = ["train", "lenet5", "--epochs", "1", "--save", f"{folder}/run.pt", "--history", f"{folder}/history.json"]
    environment = surroundings(tmp_path, XDG_CACHE_HOME=str(folder / "cache"), **changes)
    run = subprocess.run([sys.executable, "-c", COMMAND, *arguments], env=environment, cwd=folder, capture_output=True)
    assert run.returncode == 0, run.stderr.decode(errors="replace")[-2000:]
    assert b"stand-in" in run.stdout and {path.name for path in folder.iterdir()} >= {"run.pt", "history.json"}


def test_a_user_without_a_home_has_a_cache(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert files.cache_folder().name == f"cnn_course-{os.getuid()}"


def test_doctor_minds_too_many_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4096)
    with pytest.raises(RuntimeError, match="4096 threads.*unset OMP_NUM_THREADS"):
        CHECKS["threads"]()


# ------------------------------------------------------------------------------ damaged and wicked files
def test_a_wicked_data_file_is_not_run(tmp_path, trap):
    """The files of CIFAR-10 are pickles; only those with the known md5 are opened."""
    folder = tmp_path / data.FOLDER
    folder.mkdir()
    for name, _ in download.members():
        (folder / name).write_bytes(pickle.dumps(trap))
    with pytest.raises(data.DataError, match="data_batch_1 is damaged"):
        data.read(folder)
    assert not trap.sprung


@pytest.mark.parametrize("kind", ["cut", "noise", "empty", "pickle"])
def test_damaged_or_wicked_weights_are_refused_and_kept(tmp_path, monkeypatch, trap, kind):
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    pretrained.save_weights(models.build("lenet5"), "lenet5", 0)
    path = tmp_path / "lenet5-0.safetensors"
    whole = path.read_bytes()
    wicked = pickle.dumps(trap)
    path.write_bytes({"cut": whole[: len(whole) // 2], "noise": b"noise" * 100, "empty": b"", "pickle": wicked}[kind])
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"lenet5-0.safetensors is damaged.*git checkout -- {re.escape(str(path))}"):
        models.build("lenet5", pretrained=True)
    assert path.read_bytes() == before and not trap.sprung
