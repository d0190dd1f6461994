"""A History: what it says of a run, and what an older version of the course wrote of one."""

import json
import math
from dataclasses import replace

import pytest
import striped
import torch
from torch import nn

from cnn_course import models, training
from cnn_course.training import History

ROW = {"epoch": 1, "train_loss": 1.5, "train_accuracy": 0.4, "seconds": 2.0, "test_loss": 1.25, "test_accuracy": 0.5}
# As the version of November 2026 wrote it, with one name for network and label, and "test" for all images held out.
OLD = {
    "name": "resnet20",
    "source": "CIFAR-10",
    "seed": 3,
    "parameters": 269722,
    "train_images": 45000,
    "device": "cpu",
    "precision": "float32",
    "threads": 2,
    "split": "test",
    "learned": None,
    "rows": [ROW],
}


def test_the_label_is_the_networks_name_unless_it_is_given():
    history = History("resnet20", "CIFAR-10", 0, 1, 1)
    assert history.label == history.name == "resnet20"
    named = replace(history, label="mine")
    assert (named.network, named.label, named.name, named.family) == ("resnet20", "mine", "mine", "ResNet")


@pytest.mark.parametrize(
    ("build", "name", "network", "label"),
    [
        (lambda: models.build("lenet5"), None, "lenet5", "lenet5"),
        (lambda: models.build("lenet5"), "first try", "lenet5", "first try"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), None, "", "Sequential"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), "resnet20", "", "resnet20"),  # only its label
    ],
)
def test_fit_tells_network_and_label_apart(build, name, network, label):
    history = training.fit(build(), striped.cifar(20, 10), 1, name=name, quiet=True)
    assert (history.network, history.label) == (network, label)
    assert history.family == ("LeNet" if network else None)


def test_validation_is_not_called_test():
    history = training.fit(models.build("lenet5"), striped.cifar(40, 10).validation(20), 1, quiet=True)
    assert list(history.table().columns) == ["train_loss", "train_accuracy", "seconds", "validation_loss", "validation_accuracy"]
    assert history.accuracy == history.rows[0]["validation_accuracy"]
    with pytest.raises(ValueError, match="lenet5 was measured on validation images.*accuracy"):
        history.test_accuracy  # noqa: B018
    assert History.from_json(history.to_json()) == history


def test_accuracy_is_that_of_the_last_epoch():
    history = History("x", "CIFAR-10", 0, 1, 1, rows=[ROW, {**ROW, "epoch": 2, "test_accuracy": 0.75}])
    assert history.accuracy == history.test_accuracy == 0.75
    assert math.isnan(replace(history, rows=[]).test_accuracy)


def test_it_says_in_a_line_what_it_is():
    history = History("resnet20", "CIFAR-10", 0, 1, 5_000, split="validation")
    assert repr(history) == "resnet20: no epoch yet"
    history.rows.append({"validation_accuracy": 0.4561})
    assert repr(history) == "resnet20: 1 x 5,000 images, validation accuracy 45.6%; see its .table()"


def test_the_path_of_a_history_is_no_history():
    with pytest.raises(ValueError, match=r"text is 'run.json'; expected the text of to_json\(\).*read_text"):
        History.from_json("run.json")


def test_an_older_history_loads():
    history = History.from_json(json.dumps(OLD))
    assert (history.network, history.label, history.seed, history.threads, history.right) == ("resnet20", "resnet20", 3, 2, None)
    assert history.rows == [ROW] and history.test_accuracy == 0.5
    variant = History.from_json(json.dumps({**OLD, "name": "batch norm"}))
    assert (variant.network, variant.label, variant.family) == ("", "batch norm", None)
    validated = History.from_json(json.dumps({**OLD, "split": "validation"}))
    assert validated.accuracy == 0.5 and "test_accuracy" not in validated.rows[0]
    assert History.from_json(history.to_json()) == history


def test_a_newer_history_keeps_what_this_version_does_not_know_and_a_missing_field_is_named():
    newer = History.from_json(json.dumps({**OLD, "weather": "fine"}))
    assert newer.others == {"weather": "fine"} and json.loads(newer.to_json())["weather"] == "fine"
    assert History.from_json(newer.to_json()) == newer
    with pytest.raises(ValueError, match="a history without 'seed'; expected the fields network, source, seed"):
        History.from_json(json.dumps({name: value for name, value in OLD.items() if name != "seed"}))
    assert History.from_dict({name: value for name, value in OLD.items() if name != "rows"}).rows == []


def test_a_checkpoint_of_an_older_version_goes_on_with_validation_called_validation(tmp_path):
    path, cifar = tmp_path / "run.pt", striped.cifar(40, 10).validation(20)
    training.fit(models.build("lenet5"), cifar, 2, quiet=True, save=path)
    state = torch.load(path, weights_only=True)
    state["rows"] = [{name.replace("validation_", "test_"): value for name, value in row.items()} for row in state["rows"]]
    torch.save(state, path)
    resumed = training.fit(models.build("lenet5"), cifar, 2, quiet=True, save=path)
    assert len(resumed.rows) == 2 and all({"validation_loss", "validation_accuracy"} <= set(row) for row in resumed.rows)


def test_core_seconds_forgive_an_interrupted_epoch():
    history = History("x", "CIFAR-10", 0, 1, 1, threads=2, rows=[{"seconds": s} for s in (10, 900, 11)])
    assert history.core_seconds == 11 * 2 and replace(history, device="cuda").core_seconds == 11
