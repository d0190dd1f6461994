"""The reader's own runs: every training that says what it does is kept, 200 of them, and can be listed and cleared."""

from dataclasses import replace

import pytest
import striped

from cnn_course import __main__, models, training
from cnn_course.exercises import guessing
from cnn_course.training import runs


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "cnn_course" / "runs"


@pytest.fixture
def history():
    cifar = striped.cifar(40, 20)
    return training.fit(models.build("lenet5"), cifar, 1, quiet=True)


def test_a_training_is_kept_and_a_quiet_one_is_not(history, own_folder):
    assert runs.kept() == []
    cifar = striped.cifar(40, 20)
    own = training.fit(models.build("lenet5"), cifar, 2)
    assert runs.kept() == [own]
    assert [path.suffix for path in own_folder.iterdir()] == [".json"]


def test_a_run_that_was_over_is_not_kept_once_more(tmp_path):
    cifar, constant = striped.cifar(40, 20), training.Recipe(schedule="constant")
    for epochs, quiet, rows in ((1, True, []), (1, False, [1]), (1, False, [1]), (2, False, [1, 2])):
        training.fit(models.build("lenet5"), cifar, epochs, constant, save=tmp_path / "run.pt", quiet=quiet)
        assert [len(run.rows) for run in runs.kept()] == rows


def test_the_last_two_hundred_are_kept(history, monkeypatch):
    assert runs.MOST == 200
    monkeypatch.setattr(runs, "MOST", 3)
    for seed in range(5):
        history.seed = seed
        runs.keep(history)
    assert [kept.seed for kept in runs.kept()] == [2, 3, 4]


def test_the_last_run_of_each_label_is_found_among_those_that_were_trained_alike(history):
    cifar = striped.cifar(40, 20)
    for seed in range(60):  # of the labels "net 0" to "net 11" five runs each
        runs.keep(replace(history, seed=seed, label=f"net {seed % 12}"))
    for other in ({"train_images": 41}, {"held_out_images": 21}, {"split": "validation"}, {"source": "else"}, {"rows": []}):
        runs.keep(replace(history, label="unlike", **other))
    found = runs.latest(cifar, 1, most=3)
    assert [(run.label, run.seed) for run in found] == [("net 9", 57), ("net 10", 58), ("net 11", 59)]
    assert len(runs.latest(cifar, 1)) == 8 and runs.latest(cifar, 2) == []


def test_a_damaged_file_and_a_disk_that_takes_none_lose_nothing(history, own_folder):
    runs.keep(history)
    (own_folder / "0.json").write_text("{")
    (own_folder / "1.json").write_text("{}")
    assert len(runs.kept()) == 1
    runs.clear()
    own_folder.rmdir()
    own_folder.write_text("a file where the folder should be")
    runs.keep(history)
    assert runs.kept() == []


def test_the_command_lists_and_clears(history, capsys):
    assert __main__.main(["runs"]) == 0 and "No run yet" in capsys.readouterr().out
    history.label = "my/net: 1"
    runs.keep(history)
    assert __main__.main(["runs"]) == 0
    out = capsys.readouterr().out
    assert "my/net: 1" in out and f"{history.accuracy:.1%}" in out and "test images" in out
    guessing.keep("04.bottleneck", 30)
    assert __main__.main(["runs", "--clear"]) == 0 and capsys.readouterr().out == "Deleted: 1 runs, 1 guesses.\n"
    assert runs.kept() == [] and guessing.kept() == {}
