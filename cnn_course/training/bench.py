"""How fast training is on this machine: `training.fit`, the loop of the usual tutorial, and the bare limit, side by side.

`python -m cnn_course bench` measures in turns, each time in a process of its own, and prints the medians as one table.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import CIFAR10
from tqdm import tqdm

from cnn_course import data, models, training
from cnn_course.training import cuda_graph
from cnn_course.training.device import name_of, reuse_memory
from cnn_course.training.recipe import sgd

BATCH_SIZE = 128  # of a training in earnest, and of most tutorials


class TutorialImages(CIFAR10):
    """torchvision's CIFAR10, given the training images that `data.load` holds instead of reading them once more."""

    def __init__(self, cifar: data.Cifar10, transform):
        self.data = cifar.train.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.targets = cifar.train.labels.tolist()
        self.transform, self.target_transform = transform, None


def tutorial_loader(cifar: data.Cifar10) -> DataLoader:
    """Batches as most tutorials make them: each image is a PIL image, transformed by itself, in two worker processes."""
    transform = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(data.MEAN, data.STD),
        ]
    )
    return DataLoader(TutorialImages(cifar, transform), batch_size=BATCH_SIZE, shuffle=True, num_workers=2)


def tutorial(net: nn.Module, cifar: data.Cifar10, device: torch.device, seconds: float) -> float:
    """Images a second of the usual loop: float32, plain SGD, the loss added up as it goes."""
    net.to(device).train()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    loader = tutorial_loader(cifar)
    running_loss = 0.0

    def train():
        nonlocal running_loss
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = criterion(net(images), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
            yield len(labels)

    return speed(train, device, seconds)


def plain(
    net: nn.Module,
    cifar: data.Cifar10,
    device: torch.device,
    seconds: float,
    layout: torch.memory_format = torch.contiguous_format,
    dtype: torch.dtype = torch.float32,
) -> float:
    """Images a second of the same loop with whole batches augmented at once, in a memory layout and a dtype."""
    net.to(device, memory_format=layout).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    generator = torch.Generator(device).manual_seed(0)

    def train():
        for images, labels in data.batches(cifar.train, BATCH_SIZE, training.Recipe().augment, generator, device):
            optimizer.zero_grad()
            _gradients(net, images.contiguous(memory_format=layout), labels, dtype)
            optimizer.step()
            yield len(labels)

    return speed(train, device, seconds)


def bare(net: nn.Module, device: torch.device, seconds: float) -> float:
    """Images a second of forward, backward and step on one batch that lies ready, as fast as `fit` knows on this device."""
    reuse_memory()
    net.to(device, memory_format=torch.channels_last).train()
    optimizer = sgd(net, training.Recipe(lr=1e-3))
    images = torch.randn(BATCH_SIZE, 3, 32, 32, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(BATCH_SIZE, device=device) % 10
    gradients = partial(_gradients, net, dtype=training.precision(device))
    if cuda_graph.possible(net, device):
        gradients = cuda_graph.Replay(gradients, net, images, labels)

    def train():
        for _ in range(1_000):
            optimizer.zero_grad()
            gradients(images, labels)
            optimizer.step()
            yield BATCH_SIZE

    return speed(train, device, seconds)


def _gradients(net, images, labels, dtype):
    with torch.autocast(images.device.type, dtype, enabled=dtype != torch.float32):
        loss = nn.functional.cross_entropy(net(images).float(), labels)
    loss.backward()
    return loss.detach()


def speed(train, device: torch.device, seconds: float) -> float:
    """Images a second. `train` is a pass over the images that yields how many a step took; it is repeated as time asks.

    The first three steps, in which workers start and memory is claimed, do not count.
    """
    steps, images, start = 0, 0, time.perf_counter()
    while True:
        for count in train():
            steps, images = steps + 1, images + count
            if steps == 3:
                synchronize(device)
                images, start = 0, time.perf_counter()
            elif steps > 3 and time.perf_counter() - start > seconds:
                synchronize(device)
                return images / (time.perf_counter() - start)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def fit(net: nn.Module, cifar: data.Cifar10, device: torch.device, seconds: float) -> float:
    """Images a second of `training.fit`, from the seconds in its own history: all that an epoch does but the test."""
    recipe = training.Recipe(batch_size=BATCH_SIZE)

    def run(images):
        epochs = max(1, round(images / len(cifar.train)))
        part = cifar.subset(min(images, len(cifar.train)), 100)
        rows = training.fit(net, part, epochs, recipe, device=device, quiet=True).rows
        return epochs * len(part.train) / sum(row["seconds"] for row in rows)

    run(3 * BATCH_SIZE)  # to warm up
    first = run(5 * BATCH_SIZE)
    return run(max(5, int(first * seconds / BATCH_SIZE)) * BATCH_SIZE)


def one_image(net: nn.Module, device: torch.device | None = None, repeats: int = 5) -> float:
    """Milliseconds that a trained network needs for one image, in float32: the shortest of `repeats` passes after one to warm up.

    The shortest, because other work on the machine only makes a pass longer. net: with an `input_shape`, on any device, "meta"
    too; a copy runs, its weights all zero, as the time does not depend on them. device: default the best one.
    """
    device = device or training.best_device()
    copy = deepcopy(net).to_empty(device=device).eval()
    for tensor in (*copy.parameters(), *copy.buffers()):
        tensor.detach().zero_()
    image = torch.zeros(1, *net.input_shape, device=device)

    def measure():
        synchronize(device)
        start = time.perf_counter()
        copy(image)
        synchronize(device)
        return 1000 * (time.perf_counter() - start)

    with torch.inference_mode():
        return several(measure, repeats)[1]


def several(measure: Callable[[], float], repeats: int = 5) -> tuple[float, float, float]:
    """Median, least and largest of what `measure` returns in `repeats` calls, after one to warm up."""
    measure()
    found = [measure() for _ in range(repeats)]
    return statistics.median(found), min(found), max(found)


@torch.inference_mode()
def layers(named: dict[str, nn.Module], images: torch.Tensor, repeats: int = 5) -> dict[str, float]:
    """Median seconds of each layer, by its name, in passes of `images` (N, C, H, W) through all of them, one after another.

    The first pass, which warms up, is not counted.
    """
    passes = []
    for _ in range(repeats + 1):
        maps, took = images, {}
        for name, layer in named.items():
            start = time.perf_counter()
            maps = layer(maps)
            synchronize(maps.device)
            took[name] = time.perf_counter() - start
        passes.append(took)
    return {name: statistics.median(took[name] for took in passes[1:]) for name in named}


def prepared(cifar: data.Cifar10, device: torch.device, seconds: float = 1) -> float:
    """Images a second that `data.batches` shuffles, crops, mirrors and normalizes, with nothing trained on them."""
    generator = torch.Generator(device).manual_seed(0)

    def prepare():
        for _, labels in data.batches(cifar.train, BATCH_SIZE, training.Recipe().augment, generator, device):
            yield len(labels)

    return speed(prepare, device, seconds)


def ladder(name: str, cifar: data.Cifar10, seconds: float = 3) -> dict[str, float]:
    """Images a second on this machine, one change after another, from the usual loop to what `fit` does."""
    device, last = training.best_device(), torch.channels_last
    sixteen = training.precision(device)
    sixteen = torch.bfloat16 if sixteen == torch.float32 else sixteen  # measured even where `fit` would not use it
    steps = {
        "the usual loop": tutorial(models.build(name), cifar, device, seconds),
        "whole batches augmented": plain(models.build(name), cifar, device, seconds),
        "and channels_last": plain(models.build(name), cifar, device, seconds, last),
        f"and {name_of(sixteen)}": plain(models.build(name), cifar, device, seconds, last, sixteen),
    }
    if device.type == "cuda":
        steps["and replayed as a graph"] = fit(models.build(name), cifar, device, seconds)
    return steps


def measure(name: str, kind: str, seconds: float) -> dict:
    """What the table is made of: a model trained as "tutorial", "fit" or "bare" for so many seconds.

    speed: images a second. memory: the peak of the process, MB. Of "fit" also test: seconds for 10,000 images, and batches:
    the share of the time that making batches takes.
    """
    device, cifar = training.best_device(), data.load(quiet=True)
    net = models.build(name)
    _reset_peak(device)
    if kind == "bare":
        return {"speed": bare(net, device, seconds), "memory": _peak(device)}
    if kind == "tutorial":
        return {"speed": tutorial(net, cifar, device, seconds), "memory": _peak(device)}
    found = {"speed": fit(net, cifar, device, seconds), "memory": _peak(device)}
    start = time.perf_counter()
    training.predict(net, cifar.test.images, device)
    found["test"] = (time.perf_counter() - start) * 10_000 / len(cifar.test)
    found["batches"] = found["speed"] / prepared(cifar, device)
    return found


def _reset_peak(device):
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        with suppress(OSError):  # Linux; elsewhere the peak includes reading the data
            Path("/proc/self/clear_refs").write_text("5")


def _peak(device):
    """Peak memory in MB: allocated on a GPU, else of this process with its libraries and data, but not of its workers."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    with suppress(OSError):
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1e3
    with suppress(ImportError):  # Windows has no such module
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return float("nan")


def table(names: tuple[str, ...] = models.COURSE, repeats: int = 3, seconds: float = 4, quiet: bool = False):
    """A DataFrame, one row a model: medians of `repeats` measurements, taken in turns, each in a fresh process.

    Raises ValueError for an unknown model, RuntimeError when a measurement fails.
    """
    import pandas as pd

    names = (names,) if isinstance(names, str) else names
    for name in names:
        models.family(name)  # an unknown name is told before anything runs
    jobs = [(name, kind) for _ in range(repeats) for name in names for kind in ("tutorial", "fit", "bare")]
    found = [
        {"model": name, "kind": kind, **_elsewhere(name, kind, seconds)}
        for name, kind in tqdm(jobs, unit="measurement", disable=quiet, leave=False)
    ]
    medians = pd.DataFrame(found).groupby(["model", "kind"], sort=False).median().unstack("kind")
    return pd.DataFrame(
        {
            "tutorial (images/s)": medians["speed", "tutorial"],
            "fit (images/s)": medians["speed", "fit"],
            "bare limit (images/s)": medians["speed", "bare"],
            "fit / tutorial": medians["speed", "fit"] / medians["speed", "tutorial"],
            "fit / bare": medians["speed", "fit"] / medians["speed", "bare"],
            "batches (share)": medians["batches", "fit"],
            "epoch of 50,000 (s)": 50_000 / medians["speed", "fit"],
            "test of 10,000 (s)": medians["test", "fit"],
            "fit (MB)": medians["memory", "fit"],
            "tutorial (MB)": medians["memory", "tutorial"],
        }
    ).loc[list(names)]


def _elsewhere(name, kind, seconds):
    command = [sys.executable, "-m", "cnn_course.training.bench", name, kind, str(seconds)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        said = run.stderr.strip() or f"it ended with code {run.returncode}"  # the system kills without a word
        raise RuntimeError(f"measuring {kind} of {name} failed: {said.splitlines()[-1]}")
    return json.loads(run.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
