"""Training and evaluation: `fit`, `evaluate`, `predict`, and the `History` that a training leaves behind.

Fast for reasons that the last notebook measures: images wait as uint8 in the memory of the training device and whole batches
are augmented at once; convolutions see channels_last memory; 16-bit floats are used where the device gains from them;
memory that was given back is kept for the next batch; and on CUDA forward and backward pass are replayed as one graph.
"""

import ctypes
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache, partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from cnn_course import augment, checkpoint, data, distributed, models, replay


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: SGD with momentum, a learning rate schedule, and what is done to the images.

    lr: the peak learning rate; None picks one for the network and the batch size, see `default_lr`.
    batch_size: None picks 32 for a lesson on a CPU, else 128; see `default_batch_size`.
    schedule: "one-cycle" (up for a quarter of the steps, then down to zero), "steps" (divided by 10 after half and three
    quarters) or "constant". Weight decay acts on weights only, not on biases and norms. augment: see `augment.STANDARD`.
    aux_weight: what each auxiliary loss of a GoogLeNet counts (Szegedy 2014, section 5).
    """

    lr: float | None = None
    batch_size: int | None = None
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    schedule: str = "one-cycle"
    augment: tuple[Callable, ...] = augment.STANDARD
    aux_weight: float = 0.3

    def __str__(self):
        return ", ".join(f"{f.name}={in_words(getattr(self, f.name))}" for f in fields(self))


def in_words(value):
    """A setting as text that is the same in every process: functions by name, without addresses."""
    if isinstance(value, tuple):
        return f"({' '.join(map(in_words, value))})"
    if isinstance(value, partial):
        settings = [*map(in_words, value.args), *(f"{name}={in_words(v)}" for name, v in value.keywords.items())]
        return f"{in_words(value.func)}({' '.join(settings)})"
    return getattr(value, "__qualname__", repr(value))


@dataclass
class History:
    """What one training did: a row an epoch, and how it was made. Accuracies are shares from 0 to 1, losses in nats.

    threads: the processor threads that computed it. learned: share of training images right in the end as they are, without
    augmentation, where somebody measured it (recorded experiments do). split: what "test_loss" and "test_accuracy" in the rows
    were measured on, "test" or "validation" images.
    """

    name: str
    source: str
    seed: int
    parameters: int
    train_images: int
    device: str = "cpu"
    precision: str = "float32"
    threads: int = 1
    split: str = "test"
    learned: float | None = None
    rows: list[dict] = field(default_factory=list)

    @property
    def family(self) -> str | None:
        """The family whose colour the figures use; None for a network that the course does not know."""
        return models.family(self.name) if self.name in models.names() else None

    @property
    def test_accuracy(self) -> float:
        """Share of test images right after the last finished epoch; nan before the first."""
        return self.rows[-1]["test_accuracy"] if self.rows else math.nan

    @property
    def core_seconds(self) -> float:
        """What an epoch took: on a CPU seconds times threads, the same whether one core or two; elsewhere the device's seconds.

        The median of the epochs, so that one slow epoch does not count. nan before the first.
        """
        seconds = [row["seconds"] for row in self.rows]
        return statistics.median(seconds) * (self.threads if self.device == "cpu" else 1) if seconds else math.nan

    @property
    def note(self) -> str:
        """What a figure made from this run must say: empty for the real CIFAR-10."""
        return data.note(self.source)

    def table(self):
        """The rows as a pandas DataFrame, indexed by epoch."""
        import pandas as pd

        return pd.DataFrame(self.rows).set_index("epoch").rename(columns=lambda name: name.replace("test_", f"{self.split}_"))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "History":
        return cls(**json.loads(text))


def fastest(histories: list[History]) -> History:
    """Of several runs of one network that which tells its cost: some machines were slower, some had other work to do.

    Runs on a CPU come before those on a GPU, whose seconds are no core-seconds.
    """
    return min(histories, key=lambda history: (history.device != "cpu", history.core_seconds / history.train_images))


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats, share of images right, and the predicted class of each image (N,)."""

    loss: float
    accuracy: float
    predictions: torch.Tensor


class Diverged(RuntimeError):
    """The loss is no longer a number. `history` keeps the epochs that were finished."""

    def __init__(self, message, history):
        super().__init__(message)
        self.history = history

    def __reduce__(self):  # so that it can be sent from one process to another
        return type(self), (str(self), self.history)


def best_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def precision(device: torch.device) -> torch.dtype:
    """The dtype of the convolutions: bfloat16 where the hardware multiplies it, float16 on older CUDA, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
    if device.type == "cpu":
        # Without such instructions bfloat16 is emulated: measured at a third of float32's speed on an AVX-512 machine.
        checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        if any(getattr(torch.cpu, check, lambda: False)() for check in checks):
            return torch.bfloat16
    return torch.float32


def _autocast(device):
    dtype = precision(device)
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def lesson(cifar: data.Cifar10) -> tuple[data.Cifar10, int]:
    """The data and the epochs that fit into a lesson: 5,000 images twice on a CPU, all of them ten times on a GPU."""
    if best_device().type == "cpu":
        return cifar.subset(train=5_000, test=1_000), 2
    return cifar, 10


def default_batch_size(device: torch.device, images: int) -> int:
    """The images of a step where the recipe leaves it open, for a run that sees so many `images` in all.

    128 in earnest. 32 for a lesson on a CPU: few images need many steps (ResNet-20 on 5,000 images twice: 46.0% against
    42.1% with 64), even if a step of 128 trains a tenth to a fifth more images a second.
    """
    return 32 if device.type == "cpu" and images < 100_000 else 128


@lru_cache(maxsize=1)
def reuse_memory() -> None:
    """Ask the C library on Linux to keep memory that torch gave back. Measured at batch 128: 10 to 20% more images a second.

    By default it returns the activations of every step to the system, and the next step waits for fresh, zeroed pages.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # a C library without mallopt
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD: only tensors above 32 MB get pages of their own
            mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD: give back what lies free at the top beyond 1 GB
            mallopt(-2, 64 << 20)  # M_TOP_PAD: and grow in large pieces


def return_memory() -> None:
    """Give the system what `reuse_memory` kept, between trainings: else a notebook grows each time its cells are run again."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)


def _has_batch_norm(net):
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules())


def default_lr(net: nn.Module, batch_size: int) -> float:
    """The peak learning rate where the recipe leaves it open: 0.05 with batch norm, 0.02 without.

    With batch norm it grows in proportion to batches above 32 images (Goyal 2017, arXiv 1706.02677, section 2.1). ResNet-20 after
    four epochs, one seed: 82.1% with 32 images and 0.05; with 128 images 80.8 at 0.1, 82.2 at 0.2, 83.1 at 0.4.
    """
    return 0.05 * max(1, batch_size / 32) if _has_batch_norm(net) else 0.02


def sgd(net: nn.Module, recipe: Recipe, batch_size: int = 32) -> torch.optim.SGD:
    """The optimizer of a recipe: weights decay, biases and norms do not."""
    matrices = [p for p in net.parameters() if p.ndim > 1]
    vectors = [p for p in net.parameters() if p.ndim <= 1]  # biases and norms
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    lr = default_lr(net, batch_size) if recipe.lr is None else recipe.lr
    nesterov = recipe.nesterov and recipe.momentum > 0
    fused = True if next(net.parameters()).device.type == "cuda" else None  # one kernel for all parameters; None: torch's choice
    return torch.optim.SGD(groups, lr=lr, momentum=recipe.momentum, nesterov=nesterov, fused=fused)


def _scheduler(optimizer, recipe, steps):
    lr_scheduler, lr = torch.optim.lr_scheduler, optimizer.param_groups[0]["lr"]
    if recipe.schedule == "one-cycle":
        steps = max(steps, 3)  # torch divides by the steps of each phase: one up and one down at least
        return lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=max(0.25, 2 / steps),
                                       anneal_strategy="linear", cycle_momentum=False, div_factor=10)
    if recipe.schedule == "steps":
        return lr_scheduler.MultiStepLR(optimizer, [steps // 2, steps * 3 // 4])
    if recipe.schedule == "constant":
        return lr_scheduler.ConstantLR(optimizer, factor=1)
    raise ValueError(f'schedule is {recipe.schedule!r}; expected "one-cycle", "steps" or "constant"')


def _loss(outputs, labels, recipe):
    """Cross-entropy of the logits, plus the weighted auxiliary losses where the network has such heads."""
    logits, *auxiliary = outputs if isinstance(outputs, tuple) else (outputs,)
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
    for aux in auxiliary:
        loss = loss + recipe.aux_weight * F.cross_entropy(aux.float(), labels, label_smoothing=recipe.label_smoothing)
    return logits, loss


def _check(net, cifar, epochs, device):
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; expected 1 or more")
    if any(p.is_meta for p in net.parameters()):
        raise ValueError('this network was built with device="meta" and has no weights; build it without device to train it')
    net.to(device, memory_format=torch.channels_last)
    classes = predict(net, cifar.train.images[:2]).shape[1]
    for title, split in (("training", cifar.train), (cifar.held_out, cifar.test)):
        low, high = int(split.labels.min()), int(split.labels.max())
        if low < 0 or high >= classes:
            raise ValueError(
                f"the {title} labels run from {low} to {high}, but the network has {classes} classes, "
                f"0 to {classes - 1}; build it with classes={high + 1}"
            )


def fit(
    net: nn.Module,
    cifar: data.Cifar10,
    epochs: int = 2,
    recipe: Recipe | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    name: str | None = None,
    quiet: bool = False,
    on_epoch: Callable[[History], None] | None = None,
    save: str | Path | None = None,
) -> History:
    """Train `net` in place on `cifar.train`, test it on `cifar.test` after every epoch, return the History.

    The same seed, machine and thread count give the same history. Interrupting keeps the epochs done. on_epoch is called with
    the history after each epoch, for live plots. quiet prints nothing.

    save: a file that holds the run after every epoch. If it is there already, the run resumes from it, and ends with the
    history and the weights, to the bit, of a run that was never cut; so after an interrupt, run the same line again.

    Under torchrun each process trains on its share of every batch (batch_size counts the images of all processes together), and
    gradients are averaged by DistributedDataParallel. Batch norm's statistics are those of each process's own share, and the
    running ones are the first process's, so the result equals one process that accumulates the gradients of the shares.

    Raises ValueError for labels or images that do not fit the network, Diverged when the loss is no longer a number,
    CheckpointError for a file in `save` that is damaged or holds another run.
    """
    recipe, device = recipe or Recipe(), torch.device(device) if device else best_device()
    _check(net, cifar, epochs, device)
    history = History(
        name=name or getattr(net, "name", "") or type(net).__name__,
        source=cifar.source,
        seed=seed,
        parameters=sum(p.numel() for p in net.parameters()),
        train_images=len(cifar.train),
        device=device.type,
        precision=str(precision(device)).removeprefix("torch."),
        threads=torch.get_num_threads(),
        split=cifar.held_out,
    )
    quiet = quiet or distributed.rank() > 0
    run = _Run(net, cifar, epochs, recipe, history, device)
    bar = tqdm(total=run.steps, desc=history.name, unit="batch", file=sys.stdout, leave=False, disable=quiet, mininterval=0.5)
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), bar:
            torch.manual_seed(seed + distributed.rank())  # dropout: each process its own
            if save and Path(save).exists():
                run.resume(Path(save), bar)
                if not quiet:
                    print(f"{save} holds {len(history.rows)} of {epochs} epochs; going on from there.")
            for epoch in range(len(history.rows) + 1, epochs + 1):
                row = run.epoch(bar)
                if not math.isfinite(row["train_loss"]):
                    raise Diverged(
                        f"the loss of {history.name} is {row['train_loss']} in epoch {epoch}; its learning rate goes up to "
                        f"{run.lr:.3g}, try one five times smaller: Recipe(lr={run.lr / 5:.2g})", history
                    )
                result = distributed.from_first(lambda: evaluate(net, cifar.test, device))
                history.rows.append({"epoch": epoch, **row, "test_loss": result.loss, "test_accuracy": result.accuracy})
                if save and distributed.rank() == 0:
                    run.save(Path(save))
                bar.set_postfix_str(f"{history.split} accuracy {result.accuracy:.1%}")
                if on_epoch:
                    if not bar.disable:
                        bar.display("")  # behind a figure that on_epoch may show, this half of the bar would stay
                    on_epoch(history)
    except KeyboardInterrupt:
        print(f"Interrupted; the {len(history.rows)} finished epochs are kept.")
    finally:
        return_memory()
    if not quiet and history.rows:
        seconds = sum(row["seconds"] for row in history.rows)
        print(
            f"{history.name}: {len(history.rows)} x {history.train_images:,} images in {seconds:.0f} s on {device.type}, "
            f"{history.split} accuracy {history.test_accuracy:.1%}" + (f" ({history.note})" if history.note else "")
        )
    return history


class _Run:
    """The moving parts of one training: network, optimizer, schedule, loss scale, random streams and history."""

    def __init__(self, net, cifar, epochs, recipe, history, device):
        self.net, self.split, self.recipe, self.history, self.device = net, cifar.train, recipe, history, device
        self.batch_size = recipe.batch_size or default_batch_size(device, len(cifar.train) * epochs)
        smallest = len(cifar.train) % self.batch_size or self.batch_size
        if smallest < distributed.processes():
            raise ValueError(
                f"a batch of {smallest} images cannot be shared by {distributed.processes()} processes: {len(cifar.train):,} "
                f"images in batches of {self.batch_size}; choose another batch_size"
            )
        self.batches = math.ceil(len(cifar.train) / self.batch_size)
        self.steps = self.batches * epochs
        self.model = distributed.wrap(net)
        self.optimizer = sgd(net, recipe, self.batch_size)
        self.lr = self.optimizer.param_groups[0]["lr"]
        self.scheduler = _scheduler(self.optimizer, recipe, self.steps)
        # 2**10 rather than torch's 2**16: the first steps overflow less often, and a step that overflows is lost
        self.scaler = torch.amp.GradScaler(device.type, init_scale=2.0**10, enabled=precision(device) == torch.float16)
        self.generator = torch.Generator(device).manual_seed(history.seed)
        self.replay = None  # on CUDA: forward and backward of a full batch as a graph, recorded at the first of them
        reuse_memory()

    def epoch(self, bar):
        """One pass over the images: mean loss and accuracy on augmented images, seconds. Stops once the loss is no number."""
        self.net.train()
        self.replays = replay.possible(self.net, self.device)
        start, seen = time.perf_counter(), 0
        sums = torch.zeros(2, device=self.device)  # of the losses and of the right answers
        batches = data.batches(self.split, self.batch_size, self.recipe.augment, self.generator, self.device)
        for step, (images, labels) in enumerate(batches):
            # All processes draw the same batch and each takes its part, so that the run does not depend on their number.
            sums += self._step(distributed.share(images), distributed.share(labels), of=len(labels))
            seen += len(labels)
            bar.update()
            if step % 50 == 0 and not distributed.total(sums)[0].isfinite():  # asked rarely: the answer waits for a GPU
                break
        loss, right = distributed.total(sums).tolist()
        return {"train_loss": loss / seen, "train_accuracy": right / seen, "seconds": time.perf_counter() - start}

    def _step(self, images, labels, of):
        """One step of the optimizer on this process's share of a batch `of` so many images: summed loss, right answers."""
        if self.replays and of == self.batch_size:
            self.replay = self.replay or replay.Replay(self._gradients, self.net, images, labels)
            result = self.replay(images, labels)
        else:
            self.optimizer.zero_grad(set_to_none=True)
            # gradients are averaged over processes, whose shares may differ by an image
            result = self._gradients(images, labels, len(labels) * distributed.processes() / of)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.scheduler.step()
        return result

    def _gradients(self, images, labels, weight=1.0):
        """Forward and backward pass: the gradients of the mean loss, times weight; returns summed loss, right answers."""
        with _autocast(self.device):
            logits, loss = _loss(self.model(images), labels, self.recipe)
        self.scaler.scale(loss * weight).backward()
        return torch.stack([loss.detach() * len(labels), (logits.detach().argmax(dim=1) == labels).sum()])

    def _settings(self):
        """What has to be the same for a run to be resumed."""
        history = self.history
        return {"network": f"{history.name} of {history.parameters:,} parameters", "images": f"{history.train_images:,} "
                f"of {history.source}, {history.split}", "steps": self.steps, "batch_size": self.batch_size,
                "seed": history.seed, "recipe": str(self.recipe), "precision": history.precision}

    def _parts(self):
        return {"net": self.net, "optimizer": self.optimizer, "scheduler": self.scheduler, "scaler": self.scaler}

    def _generators(self):
        """The random streams: of batches and augmentation, and torch's own, which dropout draws from."""
        own = {"batches": self.generator, "cpu": torch.default_generator}
        if self.device.type == "cuda":
            index = self.device.index
            own["cuda"] = torch.cuda.default_generators[torch.cuda.current_device() if index is None else index]
        return own

    def save(self, path):
        checkpoint.write(path, {
            "settings": self._settings(), "rows": self.history.rows,
            **{name: part.state_dict() for name, part in self._parts().items()},
            "generators": {name: generator.get_state() for name, generator in self._generators().items()},
        })

    def resume(self, path, bar):
        state = checkpoint.read(path, self._settings())
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        for name, generator in self._generators().items():
            generator.set_state(state["generators"][name])
        self.history.rows.extend(state["rows"])
        bar.update(len(self.history.rows) * self.batches)


@torch.inference_mode()
def predict(
    net: nn.Module, images: torch.Tensor, device: torch.device | str | None = None, batch_size: int | None = None
) -> torch.Tensor:
    """Logits (N, classes), float32 on the CPU, for uint8 images (N, C, H, W). The network's mode is left as it was.

    batch_size: None picks 100 on a CPU, whose caches hold that (a third faster than 500), and 1,000 elsewhere.
    """
    device = torch.device(device) if device else next(net.parameters()).device
    batch_size = batch_size or (100 if device.type == "cpu" else 1_000)
    was_training = net.training
    net.eval()
    try:
        with _autocast(device):
            logits = [net(data.to_float(chunk.to(device))).float() for chunk in images.split(batch_size)]
    finally:
        net.train(was_training)
    return torch.cat(logits).cpu()  # once at the end: on a GPU every copy waits for the answer


def evaluate(net: nn.Module, split: data.Split, device: torch.device | str | None = None) -> Evaluation:
    """Loss and accuracy of `net` on a split, without augmentation, one view of each image."""
    logits, labels = predict(net, split.images, device), split.labels.cpu()
    predictions = logits.argmax(dim=1)
    accuracy = (predictions == labels).float().mean().item()
    return Evaluation(F.cross_entropy(logits, labels).item(), accuracy, predictions)
