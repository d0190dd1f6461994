"""What is handed to `fit`, `evaluate` and `predict`, looked at before anything is computed.

A network as people write them works; what cannot is told in one sentence: the value, what was expected, what to do.
"""

import inspect
import math
import os
import random
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import nn

from cnn_course import data, models
from cnn_course.anatomy import walk
from cnn_course.models.network import existing
from cnn_course.training import device as devices
from cnn_course.training.recipe import Recipe, heads
from cnn_course.values import kind


# ------------------------------------------------------------------------------------- the network
def network(net) -> nn.Module:
    """The network without what wraps it (torch.compile, DataParallel). ValueError for what is none, or has no weights yet."""
    plain = walk.network(net)
    if any(p.is_meta for p in plain.parameters()):
        raise ValueError('this network was built with device="meta" and has no weights; build it without device to train it')
    return plain


def trainable(net: nn.Module) -> None:
    """ValueError where no gradient could reach a weight."""
    name, weights = walk.title(net), list(net.parameters())
    if not torch.is_grad_enabled():
        raise ValueError("gradients are switched off here, by torch.no_grad or inference_mode: call fit outside of it")
    if not weights:
        raise ValueError(f"{name} has no parameters: there is nothing to train. Are its layers in a plain list?")
    if any(p.is_inference() for p in weights):
        raise ValueError(f"{name} was built under torch.inference_mode, where weights can never be trained: build it outside")
    if not any(p.requires_grad for p in weights):
        raise ValueError(f"all weights of {name} are frozen: give some back with net.requires_grad_(True) before training")
    if not all(p.isfinite().all() for p in weights):
        raise ValueError(f"{name} holds weights that are no numbers, as after a training that diverged: build it anew")


@contextmanager
def evaluating(net: nn.Module):
    """Evaluation mode inside; afterwards every module is in the mode that it was in, a batch norm that was frozen too."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def frozen(net: nn.Module) -> list[nn.Module]:
    """The parts that their owner put into evaluation mode while the network is in training mode."""
    return [module for module in net.modules() if not module.training] if net.training else []


# ------------------------------------------------------------------------------------- how it is called
@dataclass
class Caller:
    """Calls a network with normalized images as it can take them: in its own dtype, and in the memory layout that it bears.

    channels_last is the fast one; a network that writes x.view(x.size(0), -1) needs the ordinary one, and gets it for good.
    """

    net: nn.Module
    layout: torch.memory_format = torch.channels_last

    @property
    def dtype(self) -> torch.dtype:
        return next((p.dtype for p in self.net.parameters() if p.is_floating_point()), torch.float32)

    def __call__(self, images: torch.Tensor):
        """Outputs of images (N, C, H, W)."""
        try:
            return self._call(images)
        except RuntimeError as error:
            if self.layout != torch.channels_last or "view size is not compatible" not in str(error):
                raise
        self.layout = torch.contiguous_format
        with torch.inference_mode(False):  # weights that are moved under it could never be trained again
            self.net.to(memory_format=torch.contiguous_format)
        return self._call(images)

    def _call(self, images):
        dtype = self.dtype
        with devices.autocast(images.device, dtype):
            return self.net(images.to(dtype).contiguous(memory_format=self.layout))


@contextmanager
def explained(net: nn.Module, images: torch.Tensor):
    """An error of the network becomes a ValueError that says what does not fit; the course's own networks say so already."""
    try:
        yield
    except Exception as error:
        if (
            isinstance(error, torch.OutOfMemoryError)
            or isinstance(net, models.Network)
            and isinstance(error, (ValueError, TypeError))
        ):
            if isinstance(net, models.Network) and (advice := _in_the_course(net, images)):
                raise ValueError(f"{error}{advice}") from None
            raise
        raise ValueError(_reason(net, images, error)) from error


def complete(net: nn.Module, images: torch.Tensor) -> None:
    """Let lazy layers take their shapes from two uint8 images; every other network is left alone."""
    if walk.is_lazy(net):
        with torch.inference_mode(False), torch.no_grad(), evaluating(net), explained(net, images):
            net(data.to_float(images[:2].clone()))


def _in_the_course(net, images):
    """Which network of the same family is made for images as small as these; "" where there is none."""
    size = tuple(images.shape[1:])
    if size != (3, 32, 32) or net.input_shape == size or net.name not in models.names():
        return ""
    own = (name for name in models.COURSE if models.family(name) == models.family(net.name))
    return next((f"; for CIFAR-10: models.build({name!r})" for name in own), "")


def _reason(net, images, error):
    name, (_, channels, height, width) = walk.title(net), images.shape
    if other := walk.other_channels(net, channels):
        return f"{other}: build it for {channels}"
    message = " ".join(str(error).split())
    return f"{name} cannot take images of {channels}x{height}x{width}: {type(error).__name__}: {message:.300}"


def advice(logits: torch.Tensor, needed: int) -> str:
    """What is to be said about outputs that are probabilities, or their logarithms, or of more classes than needed; else ""."""
    classes = logits.shape[1]
    if classes > 1 and (logits >= 0).all() and _sums_to_one(logits):
        floor = math.log(1 + (classes - 1) / math.e)
        return (
            "The outputs are probabilities, as after a softmax. Cross-entropy expects logits and takes the softmax itself: of "
            f"probabilities of {classes} classes it cannot fall below {floor:.2f}, and its gradients are small. "
            "Leave the softmax out of the network. Training goes on."
        )
    if classes > 1 and (logits <= 0).all() and _sums_to_one(logits.exp()):
        return (
            "The outputs are logarithms of probabilities, as after a log-softmax. Cross-entropy expects logits and takes the "
            "log-softmax itself; a second one changes nothing and costs time. Leave it out. Training goes on."
        )
    if classes > needed:
        return f"The network has {classes:,} classes, the images {needed}; build it with classes={needed}. Training goes on."
    return ""


def _sums_to_one(values):
    return bool(((values.sum(dim=1) - 1).abs() < 0.02).all())  # the rounding of 16 bits


def tried(net: nn.Module, cifar: data.Cifar10, device: torch.device) -> tuple[Caller, torch.Tensor]:
    """(how the network is called, its logits of two training images), the network on that device.

    ValueError for whatever could not be trained on these images.
    """
    plain = network(net)
    images(cifar)
    first = cifar.train.images[:2]
    complete(plain, first)
    trainable(plain)
    caller = Caller(net)
    net.to(device, memory_format=caller.layout)
    with torch.no_grad(), evaluating(net):
        with explained(plain, first):
            outputs = caller(data.to_float(first.to(device)))
        logits = heads(outputs)[0].float()
    labels(cifar, logits.shape[1])
    return caller, logits


# ------------------------------------------------------------------------------------- the rest
def device(wanted: torch.device | str | None) -> torch.device:
    """The device of that name; None: the best there is. ValueError for an unknown one and for one that is not there."""
    if wanted is None:
        return devices.best_device()
    return existing(wanted)


def settings(recipe, name, on_epoch, save, misplaced: dict) -> None:
    """ValueError for what cannot be a recipe, a name, a function of a history or a place; TypeError for a setting that `fit` has
    not."""
    for setting, value in misplaced.items():
        if setting in [field.name for field in fields(Recipe)]:
            right = f"recipe=training.Recipe({setting}={value!r:.60})"
            raise TypeError(f"{setting} is a setting of the recipe: training.fit(net, cifar, {right})")
        raise TypeError(f"fit has no setting {setting!r}, nor has a Recipe; see help(training.fit)")
    if not isinstance(recipe, Recipe):
        raise ValueError(f"recipe is {recipe!r:.60}, expected a Recipe, such as training.Recipe(lr=0.1)")
    if name is not None and not isinstance(name, str):
        raise ValueError(f"name is {name!r:.60}, expected what figures and tables are to call the run, such as 'my ResNet'")
    if on_epoch is not None and not _takes_one(on_epoch):
        raise ValueError(f"on_epoch is {on_epoch!r:.60}, expected a function of the history, such as plots.live() makes")
    if save is not None and not isinstance(save, (str, os.PathLike)):
        raise ValueError(f"save is {save!r:.60}, expected the path of a file, such as 'run.pt'")


def _takes_one(function: Callable) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:  # no function, or one of none or several
        return False
    except ValueError:  # a function of C without a signature
        pass
    return True


def images(cifar) -> None:
    """ValueError for what is no Cifar10, with how to make one of other images."""
    if not isinstance(cifar, data.Cifar10):
        own = "for images of your own data.Cifar10(data.Split(images, labels), data.Split(test_images, test_labels))"
        raise ValueError(f"cifar is {kind(cifar)}, expected the Cifar10 that data.load() returns, {own}")
    for name, split in (("training", cifar.train), (cifar.held_out, cifar.test)):
        if not len(split):
            raise ValueError(f"there are 0 {name} images; expected at least one")


def labels(cifar: data.Cifar10, classes: int) -> None:
    """ValueError for labels that the network has no class for."""
    for name, split in (("training", cifar.train), (cifar.held_out, cifar.test)):
        labels_of(split, classes, f"{name} ")


def labels_of(split: data.Split, classes: int, name: str = "") -> None:
    """The same for one split."""
    low, high = int(split.labels.min()), int(split.labels.max())
    if high >= classes:
        raise ValueError(
            f"the {name}labels run from {low} to {high}, but the network has {classes} classes, "
            f"0 to {classes - 1}; build it with classes={high + 1}"
        )


@contextmanager
def own_random(seed: int):
    """Python's and numpy's random streams begin at `seed` inside, for augmentations that draw from them; then as they were."""
    before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def random_state() -> dict:
    """Where these two streams are, as numbers and texts."""
    kind, keys, *rest = np.random.get_state()
    return {"random": random.getstate(), "numpy": (kind, keys.tolist(), *rest)}


def set_random_state(state: dict) -> None:
    version, keys, following = state["random"]
    random.setstate((version, tuple(keys), following))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
