"""The recipe of a training: optimizer, learning rate and its schedule, loss; and what stands in for what it leaves open."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course.data import augment
from cnn_course.values import is_number, is_whole, kind

SCHEDULES = ("one-cycle", "steps", "constant", "down")
LATER = ("optimizer", "sizes", "micro_batch", "lookahead")  # settings that records made before them do not name


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: SGD with momentum, a learning rate schedule, and what is done to the images.

    lr: the peak learning rate; None picks one for the network and the batch size, see `default_lr`.
    batch_size: None picks 32 for a lesson on a CPU, else 128, see `default_batch_size`; in the plain loop of `train` always 32.
    schedule: "one-cycle" (up for a quarter of the steps, then down to zero), "steps" (divided by 10 after half and three
    quarters), "constant" or "down" (from the first step in a straight line to zero). Weight decay acts on weights only, not on
    biases and norms. augment: see `augment.STANDARD`.
    aux_weight: what each auxiliary loss of a GoogLeNet counts (Szegedy 2014, section 5).

    optimizer: what makes one of the network, the recipe and the batch size: `sgd`, `muon`, or a function of your own,
    lambda net, recipe, batch_size: torch.optim.Adam(net.parameters(), lr=1e-3). sizes: smaller images first, as
    pairs ((0.4, 24), (0.7, 28)): until that share of the steps images are shrunk to so many pixels a side, then they are whole.
    micro_batch: a step's images go through the network so many at a time (None: all at once), whose gradients add up and whose
    statistics batch norm takes. lookahead: see `Lookahead`. These four and aux_weight are for `fit`: the plain loop of `train`
    refuses the four, and has no auxiliary losses.
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
    optimizer: Callable | None = None  # None: `sgd`
    sizes: tuple[tuple[float, int], ...] = ()
    micro_batch: int | None = None
    lookahead: bool = False

    def __post_init__(self):
        """ValueError for what no training could use, before any image is read."""
        rules = {  # name -> (what is allowed, in words)
            "lr": (lambda v: v is None or is_number(v) and v > 0, "a number above 0, or None"),
            "batch_size": (lambda v: v is None or is_whole(v, 1), "a whole number of at least 1, or None"),
            "momentum": (lambda v: is_number(v) and 0 <= v < 1, "0 or more, below 1"),
            "weight_decay": (lambda v: is_number(v) and v >= 0, "0 or more"),
            "label_smoothing": (lambda v: is_number(v) and 0 <= v < 1, "0 or more, below 1"),
            "aux_weight": (lambda v: is_number(v) and v >= 0, "0 or more"),
            "schedule": (lambda v: v in SCHEDULES, '"one-cycle", "steps", "constant" or "down"'),
            "augment": (lambda v: isinstance(v, tuple) and all(map(callable, v)), "a tuple of functions: (augment.flip,)"),
            "optimizer": (
                lambda v: v is None or callable(v) and not isinstance(getattr(v, "func", v), type),  # a class, a partial of one
                "None, training.muon or such a function: "
                "lambda net, recipe, batch_size: torch.optim.Adam(net.parameters(), lr=1e-3)",
            ),
            "sizes": (_growing, "pairs of a share of the steps and pixels, both growing: ((0.4, 24), (0.7, 28))"),
            "micro_batch": (lambda v: v is None or is_whole(v, 1), "a whole number of at least 1, or None"),
            "lookahead": (lambda v: isinstance(v, bool), "True or False"),
        }
        for name, (allowed, words) in rules.items():
            value = getattr(self, name)
            if not allowed(value):
                raise ValueError(f"{name} is {' '.join(repr(value).split()):.80}; expected {words}")

    @property
    def settings(self) -> dict:
        """Setting -> value; the later ones only where they are not what was done before there were any."""
        every = {field: getattr(self, field.name) for field in fields(self)}
        return {field.name: value for field, value in every.items() if field.name not in LATER or value != field.default}

    @property
    def any_length(self) -> bool:
        """Whether a step does not depend on how many there are in all, so that a run may be prolonged.

        A batch_size that is left open may still change with the length, see `default_batch_size`.
        """
        return self.schedule == "constant" and not self.sizes and not self.lookahead

    def size_at(self, share: float) -> int | None:
        """The pixels a side that images are shrunk to after this share of the steps; None: they are not."""
        return next((size for until, size in self.sizes if share < until), None)

    def __repr__(self):
        return f"Recipe({self})"

    def __str__(self):
        return ", ".join(f"{name}={in_words(value)}" for name, value in self.settings.items())


def _growing(sizes):
    """Whether these are pairs (share of the steps, pixels), both rising."""
    try:
        pairs = [(share, size) for share, size in sizes]
        fits = all(is_number(share) and 0 < share <= 1 and is_whole(size, 1) for share, size in pairs)
    except (TypeError, ValueError):
        return False
    return isinstance(sizes, tuple) and fits and all(a < b for p, q in pairwise(pairs) for a, b in zip(p, q, strict=True))


def in_words(value):
    """A setting as text that is the same in every process: functions by name, without addresses."""
    if isinstance(value, tuple):
        return f"({' '.join(map(in_words, value))})"
    if isinstance(value, partial):
        settings = [*map(in_words, value.args), *(f"{name}={in_words(v)}" for name, v in value.keywords.items())]
        return f"{in_words(value.func)}({' '.join(settings)})"
    return getattr(value, "__qualname__", repr(value))


def for_plain_loop(recipe: Recipe | None) -> Recipe:
    """The recipe, the course's own for None, of a loop that knows none of `LATER`; ValueError where it names one of them."""
    recipe = recipe or Recipe()
    if unknown := [name for name in LATER if name in recipe.settings]:
        raise ValueError(f"the plain loop of training.train knows no {unknown[0]}; training.fit does")
    return recipe


def default_batch_size(device: torch.device, images: int) -> int:
    """The images of a step where the recipe leaves it open, for a run that sees so many `images` in all.

    128 in earnest. 32 for a lesson on a CPU: few images need many steps (ResNet-20 on 5,000 images twice: 46.0% against
    42.1% with 64), even if a step of 128 trains a tenth to a fifth more images a second.
    """
    return 32 if device.type == "cpu" and images < 100_000 else 128


def default_lr(net: nn.Module, batch_size: int) -> float:
    """The peak learning rate where the recipe leaves it open: 0.05 with batch norm, 0.02 without.

    With batch norm it grows in proportion to batches above 32 images (Goyal 2017, arXiv 1706.02677, section 2.1). ResNet-20 after
    four epochs, one seed: 82.1% with 32 images and 0.05; with 128 images 80.8 at 0.1, 82.2 at 0.2, 83.1 at 0.4.
    """
    normalized = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules())
    return 0.05 * max(1, batch_size / 32) if normalized else 0.02


def optimizer(net: nn.Module, recipe: Recipe, batch_size: int) -> torch.optim.Optimizer:
    """The optimizer that the recipe asks for."""
    return (recipe.optimizer or sgd)(net, recipe, batch_size)


def sgd(net: nn.Module, recipe: Recipe, batch_size: int = 32) -> torch.optim.SGD:
    """The optimizer of a recipe: weights decay, biases and norms do not."""
    matrices = [p for p in net.parameters() if p.ndim > 1]
    vectors = [p for p in net.parameters() if p.ndim <= 1]  # biases and norms
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    lr = default_lr(net, batch_size) if recipe.lr is None else recipe.lr
    nesterov = recipe.nesterov and recipe.momentum > 0
    fused = True if next(net.parameters()).device.type == "cuda" else None  # one kernel for all parameters; None: torch's choice
    return torch.optim.SGD(groups, lr=lr, momentum=recipe.momentum, nesterov=nesterov, fused=fused)


def scheduler(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """The schedule that the recipe asks for, laid out for so many steps; its .step() after each sets the rates of the next."""
    lr_scheduler = torch.optim.lr_scheduler
    if recipe.schedule == "one-cycle":
        steps = max(steps, 3)  # torch divides by the steps of each phase: one up and one down at least
        return lr_scheduler.OneCycleLR(
            optimizer,
            [group["lr"] for group in optimizer.param_groups],
            total_steps=steps,
            pct_start=max(0.25, 2 / steps),
            anneal_strategy="linear",
            cycle_momentum=False,
            div_factor=10,
        )
    if recipe.schedule == "down":
        return lr_scheduler.LinearLR(optimizer, 1, 1 / steps / 1e6, total_iters=steps)
    if recipe.schedule == "steps":
        return lr_scheduler.MultiStepLR(optimizer, [steps // 2, steps * 3 // 4])
    return lr_scheduler.ConstantLR(optimizer, factor=1)


def heads(outputs, maps: bool = False) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """(logits (N, classes), those of auxiliary heads) of what a network returns; ValueError where that is neither.

    It may be a tensor, several, or a dict with "logits" or "out". Maps of one pixel, (N, classes, 1, 1), are flattened. maps:
    larger ones are welcome too, as a part of a network makes them.
    """
    if isinstance(outputs, dict):
        key = next((key for key in ("logits", "out") if key in outputs), None)
        if key is None:
            raise ValueError(
                f'the network returns a dict of {", ".join(map(repr, outputs))}; expected "logits" or "out" among them'
            )
        outputs = [outputs[key], *([outputs["aux"]] if "aux" in outputs else [])]
    logits = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    for place, each in enumerate(logits):
        if not isinstance(each, torch.Tensor):
            hint = ". Is there a return in forward?" if each is None else ""
            raise ValueError(f"the network returns {kind(each)}; expected logits, a tensor (N, classes){hint}")
        if each.ndim == 4 and each.shape[2:] == (1, 1):
            logits[place] = each = each.flatten(1)
        if each.ndim != 2 and not maps:
            raise ValueError(
                f"the network returns a tensor {tuple(each.shape)}; expected logits (N, classes). Is a Flatten or a mean missing?"
            )
    if not logits:
        raise ValueError("the network returns nothing in its tuple; expected logits, a tensor (N, classes)")
    return logits[0], logits[1:]


def loss_of(outputs, labels, recipe) -> tuple[torch.Tensor, torch.Tensor]:
    """(logits, loss): their cross-entropy, plus the weighted auxiliary losses where the network has such heads."""
    logits, auxiliary = heads(outputs)
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
    for aux in auxiliary:
        loss = loss + recipe.aux_weight * F.cross_entropy(aux.float(), labels, label_smoothing=recipe.label_smoothing)
    return logits, loss
