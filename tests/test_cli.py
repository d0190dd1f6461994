"""python -m cnn_course: what it prints, what it returns, what it leaves behind."""

import argparse
import json
import os
import subprocess
import sys
from collections import namedtuple

import pytest
import torch

from cnn_course import __main__ as cli
from cnn_course import data, doctor, experiments, files, training
from cnn_course.data import cifar10, download, standin

SETTING = os.environ.get("CNN_COURSE_DATA", "")


@pytest.fixture(autouse=True)
def in_an_empty_folder(isolated, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def fails(capsys, *arguments):
    """The one line that a wrong command prints; its exit code has to be 2."""
    try:
        code = cli.main([*arguments])
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr().err
    assert code == 2 and said.count("\n") == 1 and said.startswith("python -m cnn_course"), said
    return said


def test_the_module_lists_its_commands():
    run = subprocess.run([sys.executable, "-m", "cnn_course"], capture_output=True, text=True)
    assert run.returncode == 0 and run.stderr == ""
    (commands,) = (each for each in cli._parser()._actions if isinstance(each, argparse._SubParsersAction))
    assert len(commands.choices) == 10 and all(f"\n    {command} " in run.stdout for command in commands.choices)


def test_wrong_commands_are_one_line(capsys):
    assert "MODEL, --epochs" in fails(capsys, "train")
    assert "'0'; expected a whole number, 1 or more" in fails(capsys, "train", "lenet5", "--epochs", "0")
    assert "'many'; expected a whole number" in fails(capsys, "train", "lenet5", "--epochs", "many")
    assert "'-1'; expected a number above 0" in fails(capsys, "train", "lenet5", "--epochs", "1", "--lr=-1")
    assert "'nan'" in fails(capsys, "train", "lenet5", "--epochs", "1", "--lr", "nan")
    assert "'resnet20'" in fails(capsys, "train", "resnt20", "--epochs", "1")
    assert "invalid choice: 'tain'" in fails(capsys, "tain")


def test_train_saves_its_history(capsys, tmp_path):
    arguments = ("train", "lenet5", "--epochs", "2", "--batch-size", "25", "--lr", "0.01", "--seed", "7")
    assert cli.main([*arguments, "--history", "history.json"]) == 0
    saved = json.loads((tmp_path / "history.json").read_text())
    assert saved["network"] == "lenet5" and saved["seed"] == 7 and saved["source"] == "stand-in" and len(saved["rows"]) == 2
    assert training.History.from_json((tmp_path / "history.json").read_text()).rows == saved["rows"]
    assert [path.name for path in tmp_path.iterdir()] == ["history.json"]
    assert "not CIFAR-10" in capsys.readouterr().out


def test_train_keeps_to_its_settings(isolated, tmp_path):
    given = ["--epochs", "3", "--batch-size", "25", "--lr", "0.02", "--seed", "7"]
    for name, options in (("given", given), ("left out", ["--epochs", "1"])):
        assert cli.main(["train", "lenet5", *options, "--save", f"{name}.pt"]) == 0
    kept = {name: torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("given", "left out")}
    assert [len(state["rows"]) for state in kept.values()] == [3, 1]
    assert [state["settings"]["seed"] for state in kept.values()] == [7, 0]
    recipes = [training.Recipe(batch_size=25, lr=0.02), training.Recipe()]
    assert [state["settings"]["recipe"] for state in kept.values()] == list(map(str, recipes))


def test_train_looks_for_the_folder_before_it_trains(capsys, isolated):
    for option in ("--save", "--history"):
        said = fails(capsys, "train", "lenet5", "--epochs", "1", option, "none/file")
        assert f"{option} none/file: there is no folder none; make it first" in said and "images" not in said


def test_train_again_resumes(capsys, tmp_path):
    arguments = ["train", "lenet5", "--epochs", "2", "--validation", "10", "--save", "run.pt", "--history"]
    assert cli.main([*arguments, "first.json"]) == 0 == cli.main([*arguments, "again.json"])
    assert (tmp_path / "first.json").read_text() == (tmp_path / "again.json").read_text()
    said = capsys.readouterr().out
    assert "run.pt holds 2 of 2 epochs" in said and "2 x 30 images" in said and "validation accuracy" in said
    assert "epochs 2, but this one has epochs 3" in fails(
        capsys, *arguments[:2], "--epochs", "3", "--validation", "10", "--save", "run.pt"
    )


def test_record_lists_what_is_there_and_what_is_missing(capsys):
    assert cli.main(["record", "--list"]) == 0
    said = capsys.readouterr().out
    for name in experiments.names():
        assert f"\n{name} " in said
    assert "missing" in said and "to go" in said


def test_record_without_the_data_or_with_a_wrong_name_is_one_line(capsys):
    assert "The experiments are: lesson, comparison" in fails(capsys, "record", "lessons")
    assert "python -m cnn_course data" in fails(capsys, "record", "pooling", "--seeds", "99")


def test_data_without_a_network_says_what_to_do(capsys):
    assert "python -m cnn_course data --from FILE" in fails(capsys, "data")


def test_data_from_a_bad_file(capsys, tmp_path):
    assert "none.tar.gz is not a file" in fails(capsys, "data", "--from", "none.tar.gz")
    (tmp_path / "cut.tar.gz").write_bytes(b"\x1f\x8b cut short")
    assert "12 bytes with md5" in fails(capsys, "data", "--from", "cut.tar.gz")
    assert not [path for path in files.cache_folder().iterdir() if path.name != ".lock"]


def test_data_that_is_there(capsys, monkeypatch):
    images, labels, test_images, test_labels = standin.draw()
    cifar = data.Cifar10(cifar10._split(images, labels), cifar10._split(test_images, test_labels))
    monkeypatch.setattr(cifar10, "read", lambda place: cifar)
    assert cli.main(["data"]) == 0 and "found in your cache: 40 training images" in capsys.readouterr().out


def test_doctor_without_data_says_how_to_get_it(capsys):
    assert cli.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    todo = [line for line in lines if line.startswith("TO DO")]
    assert len(todo) == 1 and "python -m cnn_course data fetches it" in todo[0]
    assert [line.split()[1] for line in lines if line.startswith("ok")] == [name for name in doctor.CHECKS if name != "data"]


def test_doctor_asks_for_room_only_where_data_are_to_come(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(download, "ROOM", 400_000_000)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(5_000_000))
    assert cli.main(["doctor"]) == 1 and "TO DO  disk         5 MB free" in capsys.readouterr().out
    monkeypatch.setenv("CNN_COURSE_DATA", str(tmp_path))
    assert cli.main(["doctor"]) == 1 and "ok     disk" in capsys.readouterr().out


def test_doctor_names_what_is_broken(capsys, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_DATA", "no/such/place")
    monkeypatch.setitem(doctor.CHECKS, "gone", lambda: doctor._version("cnn-course-no-such-package"))
    assert cli.main(["doctor"]) == 1
    todo = " ".join(line for line in capsys.readouterr().out.splitlines() if line.startswith("TO DO"))
    assert "'no/such/place'" in todo and "is missing: pip install -r requirements.txt" in todo


def test_doctor_names_a_package_that_is_too_old(monkeypatch):
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda package: "0.1")
    monkeypatch.setattr(doctor, "_needs", lambda: ["torch>=2.4", "tqdm>=4.66"])
    with pytest.raises(RuntimeError, match="0.1, the course needs >=4.66: pip install --upgrade"):
        doctor._version("tqdm")


@pytest.mark.skipif(not SETTING, reason="CNN_COURSE_DATA is not set")
def test_doctor_with_data_is_content(capsys, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_DATA", str(data.named_folder(SETTING)))
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "60,000 images" in said and "All is ready." in said and "TO DO" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes of this kind")
def test_a_reader_who_has_enough_is_no_error():
    """As in `python -m cnn_course claims | head -1`."""
    at_once = os.environ | {"PYTHONUNBUFFERED": "1"}  # a full buffer takes a hundred claims
    command = subprocess.Popen(
        [sys.executable, "-m", "cnn_course", "claims"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=at_once
    )
    command.stdout.close()
    assert command.stderr.read() == b"" and command.wait() == 0
    command.stderr.close()
