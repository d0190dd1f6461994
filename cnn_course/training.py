"""Training and evaluation: `fit`, `evaluate`, `predict`, and the `History` that a training leaves behind.

Fast for three reasons that the last notebook measures: images wait as uint8 in the memory of the training device and whole
batches are augmented at once; convolutions see channels_last memory; and 16-bit floats are used where the device gains from them.
"""

import json
import math
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from cnn_course import augment, data, models


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: SGD with momentum, a learning rate schedule, and what is done to the images.

    lr: the peak learning rate; None picks 0.05 for a network with batch norm and 0.02 for one without.
    batch_size: None picks 32 on a CPU, where what fits the cache is fastest, and 128 elsewhere.
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


@dataclass
class History:
    """What one training did: a row an epoch, and how it was made. Accuracies are shares from 0 to 1, losses in nats."""

    name: str
    source: str
    seed: int
    parameters: int
    train_images: int
    device: str = "cpu"
    precision: str = "float32"
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
    def note(self) -> str:
        """What a figure made from this run must say: empty for the real CIFAR-10."""
        return data.note(self.source)

    def table(self):
        """The rows as a pandas DataFrame, indexed by epoch."""
        import pandas as pd

        return pd.DataFrame(self.rows).set_index("epoch")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "History":
        return cls(**json.loads(text))


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


def _has_batch_norm(net):
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules())


def _optimizer(net, recipe):
    matrices = [p for p in net.parameters() if p.ndim > 1]
    vectors = [p for p in net.parameters() if p.ndim <= 1]  # biases and norms
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    lr = recipe.lr if recipe.lr is not None else (0.05 if _has_batch_norm(net) else 0.02)
    nesterov = recipe.nesterov and recipe.momentum > 0
    return torch.optim.SGD(groups, lr=lr, momentum=recipe.momentum, nesterov=nesterov)


def _scheduler(optimizer, recipe, steps):
    lr_scheduler, lr = torch.optim.lr_scheduler, optimizer.param_groups[0]["lr"]
    if recipe.schedule == "one-cycle":
        return lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.25, anneal_strategy="linear",
                                       cycle_momentum=False, div_factor=10)  # fmt: skip
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
    for title, split in (("training", cifar.train), ("test", cifar.test)):
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
) -> History:
    """Train `net` in place on `cifar.train`, test it on `cifar.test` after every epoch, return the History.

    The same seed, machine and thread count give the same history. Interrupting keeps the epochs done. on_epoch is called with
    the history after each epoch, for live plots. quiet prints nothing.
    Raises ValueError for labels or images that do not fit the network, Diverged when the loss is no longer a number.
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
    )
    run = _Run(net, cifar.train, epochs, recipe, seed, device)
    bar = tqdm(total=run.steps, desc=history.name, unit="batch", file=sys.stdout, leave=False, disable=quiet, mininterval=0.5)
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), bar:
            torch.manual_seed(seed)  # dropout
            for epoch in range(1, epochs + 1):
                row = run.epoch(bar)
                if not math.isfinite(row["train_loss"]):
                    raise Diverged(
                        f"the loss of {history.name} is {row['train_loss']} in epoch {epoch}, at a learning rate of "
                        f"{run.optimizer.param_groups[0]['lr']:.3g}; try one five times smaller: Recipe(lr=...)", history
                    )  # fmt: skip
                result = evaluate(net, cifar.test, device)
                history.rows.append({"epoch": epoch, **row, "test_loss": result.loss, "test_accuracy": result.accuracy})
                bar.set_postfix_str(f"test accuracy {result.accuracy:.1%}")
                if on_epoch:
                    on_epoch(history)
    except KeyboardInterrupt:
        print(f"Interrupted; the {len(history.rows)} finished epochs are kept.")
    if not quiet and history.rows:
        seconds = sum(row["seconds"] for row in history.rows)
        print(
            f"{history.name}: {len(history.rows)} x {history.train_images:,} images in {seconds:.0f} s on {device.type}, "
            f"test accuracy {history.test_accuracy:.1%}" + (f" ({history.note})" if history.note else "")
        )
    return history


class _Run:
    """The moving parts of one training: network, optimizer, schedule, loss scale and random stream."""

    def __init__(self, net, split, epochs, recipe, seed, device):
        self.net, self.split, self.recipe, self.device = net, split, recipe, device
        self.batch_size = recipe.batch_size or (32 if device.type == "cpu" else 128)
        self.steps = math.ceil(len(split) / self.batch_size) * epochs
        self.optimizer = _optimizer(net, recipe)
        self.scheduler = _scheduler(self.optimizer, recipe, self.steps)
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision(device) == torch.float16)
        self.generator = torch.Generator(device).manual_seed(seed)

    def epoch(self, bar):
        """One pass over the images: mean loss and accuracy on augmented images, seconds. Stops once the loss is no number."""
        self.net.train()
        start, seen = time.perf_counter(), 0
        loss_sum, right = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        batches = data.batches(self.split, self.batch_size, self.recipe.augment, self.generator, self.device)
        for step, (images, labels) in enumerate(batches):
            logits, loss = self._step(images, labels)
            loss_sum += loss.detach() * len(labels)
            right += (logits.detach().argmax(dim=1) == labels).sum()
            seen += len(labels)
            bar.update()
            if step % 50 == 0 and not math.isfinite(loss_sum.item()):  # asked rarely, since the answer waits for a GPU
                break
        return {
            "train_loss": loss_sum.item() / seen,
            "train_accuracy": right.item() / seen,
            "seconds": time.perf_counter() - start,
        }

    def _step(self, images, labels):
        with _autocast(self.device):
            logits, loss = _loss(self.net(images), labels, self.recipe)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.scheduler.step()
        return logits, loss


@torch.inference_mode()
def predict(
    net: nn.Module, images: torch.Tensor, device: torch.device | str | None = None, batch_size: int = 500
) -> torch.Tensor:
    """Logits (N, classes), float32 on the CPU, for uint8 images (N, C, H, W). The network's mode is left as it was."""
    device = torch.device(device) if device else next(net.parameters()).device
    was_training = net.training
    net.eval()
    try:
        with _autocast(device):
            logits = [net(data.to_float(chunk.to(device))).float().cpu() for chunk in images.split(batch_size)]
    finally:
        net.train(was_training)
    return torch.cat(logits)


def evaluate(net: nn.Module, split: data.Split, device: torch.device | str | None = None) -> Evaluation:
    """Loss and accuracy of `net` on a split, without augmentation, one view of each image."""
    logits, labels = predict(net, split.images, device), split.labels.cpu()
    predictions = logits.argmax(dim=1)
    accuracy = (predictions == labels).float().mean().item()
    return Evaluation(F.cross_entropy(logits, labels).item(), accuracy, predictions)
