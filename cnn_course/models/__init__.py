"""The networks of the course, one file a family. `build(name)` makes one, `names()` lists them all.

Names that end in `_cifar`, `resnet20` and `densenet_wide` are the course sizes: 0.2 to 0.3 million parameters for 32x32 images.
"""

import inspect
import re
from contextlib import nullcontext
from numbers import Real

import torch
from torch import nn

from cnn_course.models import alexnet, densenet, fast, inception, lenet, network, nin, resnet, vgg
from cnn_course.models import pretrained as kept
from cnn_course.models.alexnet import AlexNet
from cnn_course.models.densenet import DenseBlock, DenseLayer, DenseNet, Transition
from cnn_course.models.fast import FastNet
from cnn_course.models.inception import AuxiliaryHead, GoogLeNet, Inception
from cnn_course.models.lenet import LeNet5, LeNet5Of1998
from cnn_course.models.network import Network
from cnn_course.models.nin import NIN
from cnn_course.models.pretrained import weights
from cnn_course.models.resnet import BasicBlock, Bottleneck, PreActBasicBlock, ResNet
from cnn_course.models.vgg import VGG
from cnn_course.models.weight_cards import cards
from cnn_course.values import is_number, suggestion, whole

__all__ = ["COURSE", "FAMILIES", "build", "cards", "family", "names", "AlexNet", "AuxiliaryHead", "BasicBlock", "Bottleneck",
           "DenseBlock", "DenseLayer", "DenseNet", "FastNet", "GoogLeNet", "Inception", "LeNet5", "LeNet5Of1998", "NIN",
           "Network", "PreActBasicBlock", "ResNet", "Transition", "VGG", "weights"]  # fmt: skip

FAMILIES = {
    "LeNet": lenet,
    "AlexNet": alexnet,
    "VGG": vgg,
    "NIN": nin,
    "GoogLeNet": inception,
    "ResNet": resnet,
    "DenseNet": densenet,
    "FastNet": fast,
}
COURSE = ("lenet5", "alexnet_cifar", "vgg_cifar", "nin_cifar", "googlenet_cifar", "resnet20", "densenet_cifar")


def names() -> list[str]:
    """All names that `build` knows, family by family."""
    return [name for module in FAMILIES.values() for name in module.PRESETS]


def family(name: str) -> str:
    """The family of a network: "LeNet", "AlexNet", "VGG", "NIN", "GoogLeNet", "ResNet", "DenseNet" or "FastNet".
    ValueError, with the nearest one, for a name that is none."""
    for title, module in FAMILIES.items():
        if name in module.PRESETS:
            return title
    raise ValueError(f"no model is called {str(name)!r}; {_advice(_plain(name))}")


def _plain(name):
    return re.sub(r"[-_\s]", "", str(name)).lower()


def _advice(asked):
    """What to ask for in place of a name, plain, that is none: one of a family if it is a family's, else the nearest."""
    for title, module in FAMILIES.items():
        if asked in (_plain(title), module.__name__.rpartition(".")[2]):
            course = next((name for name in COURSE if name in module.PRESETS), None)
            return f"{title} is a family: {', '.join(module.PRESETS)}" + (f". The course trains {course!r}" if course else "")
    return f"{suggestion(asked, names())}The models are: {', '.join(names())}"


def build(
    name: str, device: str | torch.device | None = None, pretrained: bool = False, seed: int | None = None, **settings
) -> Network:  # fmt: skip
    """A new network, randomly initialized; `settings` replace those of the preset, for example
    build("resnet20", shortcut="B").

    device="meta" gives a network with shapes and counts but no memory: enough for `anatomy`.
    pretrained: in evaluation mode with the weights of the recorded comparison, those of its run with this `seed`, by default 0.
    Raises ValueError for an unknown name (with the nearest one), for a number that no layer can have, for a device that is not
    there, for a seed without pretrained, and where no undamaged weights are kept; TypeError for a setting that the network does
    not have.
    """
    preset = FAMILIES[family(name)].PRESETS[name]
    if seed is not None and not pretrained:
        raise ValueError(f"seed={seed!r} chooses among recorded weights: add pretrained=True; before a random start call "
                         f"torch.manual_seed({seed!r})")  # fmt: skip
    for setting, value in settings.items():
        _check(setting, value)
    with nullcontext() if device is None else network.existing(device, meta=True):
        try:
            net = preset(**settings)
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            known = list(inspect.signature(preset).parameters)
            if strange := next((setting for setting in settings if setting not in known), None):
                advice = f"{suggestion(strange, known)}Its settings are: {', '.join(known) or 'none'}"
                raise TypeError(f"{name} has no setting {strange!r}; {advice}") from None
            told = ", ".join(f"{setting}={value!r:.60}" for setting, value in settings.items())
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{name} cannot be built with {told}: {error}") from error
    known = ((path, parameter) for path, parameter in net.named_parameters() if not nn.parameter.is_lazy(parameter))
    if empty := next((path for path, parameter in known if parameter.numel() == 0), None):
        raise ValueError(f"{name} with these settings has a layer without channels, {empty.rpartition('.')[0]}")
    net.name = name
    return kept.load_weights(net, seed or 0) if pretrained else net


WHOLE = ("classes", "growth_rate", "stem_channels", "in_channels", "kernel", "first_kernel", "first_stride", "groups")


def _check(setting, value):
    """ValueError for a number of channels, classes or pixels that is not one, and for a share that is none."""
    if isinstance(value, (tuple, list)):
        for part in value:
            _check(setting, part)
    elif setting == "dropout":
        if not is_number(value) or not 0 <= value < 1:
            raise ValueError(f"dropout is {value!r}; expected a number of 0 or more, below 1")
    elif setting in WHOLE or isinstance(value, Real) and not isinstance(value, bool) and setting != "compression":
        whole(setting, value, 0 if "padding" in setting else 1)


def __dir__():
    return sorted(__all__)
