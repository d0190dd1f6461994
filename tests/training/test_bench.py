"""The bench measures what it says: the usual loop is torchvision's, the clock starts after the warm-up, ratios are of medians."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from cnn_course import __main__ as cli
from cnn_course import data, models
from cnn_course.data import standin
from cnn_course.data.cifar10 import _split
from cnn_course.training import bench


@pytest.fixture(scope="module")
def cifar():
    images, labels, test_images, test_labels = standin.draw(1_000, 200)
    return data.Cifar10(_split(images, labels), _split(test_images, test_labels), source="stand-in")


def test_the_usual_loop_gets_each_image_by_itself_as_a_pil_image(cifar):
    seen = []
    dataset = bench.TutorialImages(cifar, lambda image: seen.append(image) or image)
    image, label = dataset[7]
    assert isinstance(image, Image.Image) and seen == [image] and len(dataset) == 1_000
    assert np.array_equal(np.asarray(image), cifar.train.images[7].permute(1, 2, 0).numpy())
    assert label == cifar.train.labels[7]


def test_the_usual_loader_is_the_usual_one(cifar):
    loader = bench.tutorial_loader(cifar)
    images, labels = next(iter(loader))
    assert loader.num_workers == 2 and images.shape == (128, 3, 32, 32) and images.dtype == torch.float32
    assert images.is_contiguous() and abs(images.mean()) < 1 and labels.unique().numel() > 5  # shuffled and normalized
    steps = [type(step).__name__ for step in loader.dataset.transform.transforms]
    assert steps == ["RandomCrop", "RandomHorizontalFlip", "ToTensor", "Normalize"]


def test_one_image_is_timed_by_its_shortest_pass_and_the_net_stays(monkeypatch):
    net, clock = models.build("lenet5", device="meta"), iter((0, 9, 9, 9.004, 9.004, 9.006, 9.006, 9.009))
    monkeypatch.setattr(bench, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    assert bench.one_image(net, torch.device("cpu"), repeats=3) == pytest.approx(2)
    assert next(net.parameters()).is_meta and net.training


def test_speed_leaves_out_the_warm_up(monkeypatch):
    now = 0.0

    def train():
        nonlocal now
        for step in range(10):
            now += 5 if step < 3 and now < 15 else 0.1  # three slow steps, once
            yield 20

    monkeypatch.setattr(bench, "time", SimpleNamespace(perf_counter=lambda: now))
    assert bench.speed(train, torch.device("cpu"), 2.05) == pytest.approx(200)


@pytest.mark.parametrize("kind", ["tutorial", "fit", "bare"])
def test_a_measurement_is_of_a_real_training(cifar, monkeypatch, kind):
    monkeypatch.setattr(data, "load", lambda quiet: cifar)
    found = bench.measure("lenet5", kind, 0.05)
    assert found["speed"] > 10 and found["memory"] > 5
    if kind == "fit":
        assert found["batches"] > 0 and found["test"] > 0


def test_the_table_is_of_medians_taken_in_turns(monkeypatch, capsys):
    order = []

    def elsewhere(name, kind, seconds):
        order.append((name, kind))
        turn = (len(order) - 1) // 6  # 0, 1, 2
        speed = {"tutorial": 100, "fit": 400 * (1, 10, 1)[turn], "bare": 500}[kind]
        return {"speed": speed, "memory": 300.0, **({"batches": 0.01, "test": 2.0} if kind == "fit" else {})}

    monkeypatch.setattr(bench, "_elsewhere", elsewhere)
    assert cli.main(["bench", "vgg_cifar", "lenet5", "--repeats", "3"]) == 0
    assert order[:6] == [(name, kind) for name in ("vgg_cifar", "lenet5") for kind in ("tutorial", "fit", "bare")]
    said = capsys.readouterr().out
    assert "4.00 to 4.00 times, median 4.00" in said and said.index("vgg_cifar") < said.index("lenet5")


def test_a_measurement_that_fails_says_why():
    with pytest.raises(RuntimeError, match="measuring fit of lenet6 failed: ValueError: no model is called 'lenet6'"):
        bench._elsewhere("lenet6", "fit", 0.1)
    for names in (("lenet6",), "lenet6"):
        with pytest.raises(ValueError, match="no model is called 'lenet6'"):
            bench.table(names, quiet=True)


def test_the_ladder_measures_every_step(cifar):
    steps = bench.ladder("lenet5", cifar, seconds=0.05)
    assert list(steps)[0] == "the usual loop" and len(steps) == 4 and all(speed > 10 for speed in steps.values())


def test_layers_are_timed_one_by_one_and_the_warm_up_is_not_counted(monkeypatch):
    clock, calls = iter(range(1_000)), []
    monkeypatch.setattr(bench, "time", SimpleNamespace(perf_counter=lambda: next(clock) ** 2))
    named = {name: (lambda maps, name=name: calls.append(name) or maps + 1) for name in ("conv1", "conv2")}
    took = bench.layers(named, torch.zeros(1), repeats=3)
    assert calls == ["conv1", "conv2"] * 4
    # the clock reads squares: conv1 takes 4 k to 4 k + 1 in pass k, (4 k + 1)^2 - (4 k)^2 = 8 k + 1, conv2 four more
    assert took == {"conv1": 17, "conv2": 21}


def test_a_measurement_that_the_system_killed_ends_in_a_sentence(monkeypatch):
    killed = SimpleNamespace(returncode=-9, stderr="", stdout="")
    monkeypatch.setattr(bench.subprocess, "run", lambda *_, **__: killed)
    with pytest.raises(RuntimeError, match="measuring tutorial of lenet5 failed: it ended with code -9"):
        bench.table(["lenet5"])
