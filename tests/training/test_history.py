"""A History: what it says of a run, and what is read of one that another version of the course wrote."""

import json
import math
from dataclasses import replace

import pytest
import striped
from torch import nn

from cnn_course import models, training
from cnn_course.training import History

ROW = {"epoch": 1, "train_loss": 1.5, "train_accuracy": 0.4, "seconds": 2.0, "test_loss": 1.25, "test_accuracy": 0.5}
KEPT = {
    "network": "resnet20",
    "source": "CIFAR-10",
    "seed": 3,
    "parameters": 269722,
    "train_images": 45000,
    "threads": 2,
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
    empty = replace(history, rows=[])  # interrupted in its first epoch
    assert math.isnan(empty.test_accuracy) and empty.table().empty and empty.table().index.name == "epoch"


def test_it_says_in_a_line_what_it_is():
    history = History("resnet20", "CIFAR-10", 0, 1, 5_000, split="validation")
    assert repr(history) == "resnet20: no epoch yet"
    history.rows.append({"validation_accuracy": 0.4561})
    assert repr(history) == "resnet20: 1 x 5,000 images, validation accuracy 45.6%; see its .table()"


def test_the_path_of_a_history_is_no_history():
    with pytest.raises(ValueError, match=r"text is 'run.json'; expected the text of to_json\(\).*read_text"):
        History.from_json("run.json")
    with pytest.raises(ValueError, match="text is '3'"):
        History.from_json("3")


def test_what_a_record_does_not_say_has_its_default_and_a_level_of_others_is_opened():
    history = History.from_dict({**KEPT, "others": {"six_views": 0.5, "weather": "fine"}})
    assert (history.label, history.threads, history.split, history.right) == ("resnet20", 2, "test", None)
    assert history.six_views == 0.5 and history.others == {"weather": "fine"} and history.test_accuracy == 0.5
    assert History.from_json(history.to_json()) == history


def test_which_images_were_right_is_kept_for_as_many_as_were_tested():
    history = History("x", "CIFAR-10", 0, 1, 1)
    assert history.right_images() is None
    right = [True, False, True] * 7  # a number that is no multiple of eight
    history.keep_right(right)
    assert history.held_out_images == 21 and history.right_images().tolist() == right
    assert History.from_json(history.to_json()).right_images().tolist() == right


def test_a_newer_history_keeps_what_this_version_does_not_know_and_a_missing_field_is_named():
    newer = History.from_json(json.dumps({**KEPT, "weather": "fine"}))
    assert newer.others == {"weather": "fine"} and json.loads(newer.to_json())["weather"] == "fine"
    assert History.from_json(newer.to_json()) == newer
    with pytest.raises(ValueError, match="a history without 'seed'; expected the fields network, source, seed"):
        History.from_json(json.dumps({name: value for name, value in KEPT.items() if name != "seed"}))
    assert History.from_dict({name: value for name, value in KEPT.items() if name != "rows"}).rows == []


def test_core_seconds_forgive_an_interrupted_epoch():
    history = History("x", "CIFAR-10", 0, 1, 1, threads=2, rows=[{"seconds": s} for s in (10, 900, 11)])
    assert history.core_seconds == 11 * 2 and replace(history, device="cuda").core_seconds == 11
