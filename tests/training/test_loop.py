"""The page that a student reads computes what `fit` computes."""

import inspect

import pytest
import striped
import torch
from torch import nn

from cnn_course import models, training
from cnn_course.training import device as devices
from cnn_course.training import loop


def with_batch_norm():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(16 * 15 * 15, 10)
    )


@pytest.fixture
def float32(monkeypatch):
    """One thread and 32 bits, for the loop knows no others."""
    monkeypatch.setattr(devices, "precision", lambda device: torch.float32)
    with devices.one_thread():
        yield


@pytest.mark.parametrize("make", [lambda: models.build("lenet5"), with_batch_norm], ids=["lenet5", "batch norm"])
def test_fit_is_the_loop_with_machinery(float32, make, capsys):
    cifar, losses = striped.cifar(train=640, test=200), {}
    for train in (training.train, training.fit):
        torch.manual_seed(3)
        net = make()
        history = train(net, cifar, epochs=2, seed=5)
        losses[train] = [
            row[name] for row in history.rows for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
        ]
        losses[train] += [weights.norm().item() for weights in net.parameters()]
    assert losses[training.train] == pytest.approx(losses[training.fit], abs=1e-6)
    assert losses[training.fit][4] < losses[training.fit][0]  # it learns
    assert capsys.readouterr().out.count("epoch ") == 2


def test_the_loop_is_one_page_and_one_function():
    source = inspect.getsource(loop)
    assert len(source.splitlines()) <= 60 and source.count("def ") == 1
