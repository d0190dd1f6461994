"""Two processes under torchrun train the network that one process trains which accumulates the gradients of two half-batches.

Run as a script, this file is such a process.
"""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import striped
import torch

from cnn_course import __main__ as cli
from cnn_course import data, models, training
from cnn_course.training import device as devices
from cnn_course.training.recipe import loss_of, sgd
from cnn_course.training.recipe import scheduler as make_schedule

EPOCHS, BATCH_SIZE, LR = 2, 32, 0.02


def little_cifar():
    """197 images: the last batch has five, three for one process and two for the other."""
    return striped.cifar(train=197, test=50)


def in_float32(device):
    """Instead of training.precision: 16 bits round too coarsely for a comparison, and not every processor has them."""
    return torch.float32


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setattr(devices, "precision", in_float32)


def accumulated():
    """The losses of each epoch and the network, trained in one process, a half-batch at a time."""
    cifar, recipe = little_cifar(), training.Recipe(batch_size=BATCH_SIZE, lr=LR)
    torch.manual_seed(0)
    net = models.build("resnet20").to(memory_format=torch.channels_last).train()
    optimizer = sgd(net, recipe)
    scheduler = make_schedule(optimizer, recipe, EPOCHS * math.ceil(197 / BATCH_SIZE))
    generator, losses = torch.Generator().manual_seed(0), []
    for _ in range(EPOCHS):
        total = 0.0
        for images, labels in data.batches(cifar.train, BATCH_SIZE, recipe.augment, generator):
            optimizer.zero_grad()
            for half, target in zip(images.tensor_split(2), labels.tensor_split(2), strict=True):
                loss = loss_of(net(half), target, recipe)[1] * len(half)
                (loss / len(images)).backward()
                total += loss.item()
            optimizer.step()
            scheduler.step()
        losses.append(total / 197)
    return losses, net


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What two processes saved, their history, and what they printed."""
    folder = tmp_path_factory.mktemp("torchrun")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    tests = str(Path(__file__).parents[1])  # for `striped`
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": tests}
    run = subprocess.run([*torchrun, __file__], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    history = training.History.from_json((folder / "history.json").read_text())
    return torch.load(folder / "run.pt", weights_only=True), history, run.stdout


def test_two_processes_equal_one_that_accumulates(together):
    saved, history, _ = together
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as torchrun's processes: another number rounds differently, and training blows that up
    try:
        losses, net = accumulated()
    finally:
        torch.set_num_threads(threads)
    assert [row["train_loss"] for row in history.rows] == pytest.approx(losses, abs=1e-3)
    for name, weights in net.named_parameters():
        assert torch.allclose(saved["net"][name], weights, atol=1e-3), name


def test_two_processes_speak_once_and_agree(together):
    saved, history, printed = together
    assert printed.count("resnet20: 2 x 197 images") == 1
    net = models.build("resnet20")
    net.load_state_dict(saved["net"])
    assert history.test_accuracy == training.evaluate(net, little_cifar().test).accuracy


if __name__ == "__main__":
    data.load = lambda quiet=False: little_cifar()
    devices.precision = in_float32
    sys.exit(
        cli.main(
            [
                "train",
                "resnet20",
                "--epochs",
                str(EPOCHS),
                "--batch-size",
                str(BATCH_SIZE),
                "--lr",
                str(LR),
                "--save",
                "run.pt",
                "--history",
                "history.json",
            ]
        )
    )
