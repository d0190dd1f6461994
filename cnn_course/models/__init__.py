"""The networks of the course, one file a family. `build(name)` makes one, `names()` lists them all.

Names that end in `_cifar`, and `resnet20`, are the course sizes: 0.2 to 0.5 million parameters for 32x32 images.
"""

import difflib
from contextlib import nullcontext

import torch

from cnn_course.models import alexnet, densenet, inception, lenet, nin, resnet, vgg
from cnn_course.models.alexnet import AlexNet
from cnn_course.models.densenet import DenseBlock, DenseLayer, DenseNet, Transition
from cnn_course.models.inception import AuxiliaryHead, GoogLeNet, Inception
from cnn_course.models.lenet import LeNet5, LeNet5Of1998
from cnn_course.models.network import Network
from cnn_course.models.nin import NIN
from cnn_course.models.pretrained import load_weights, save_weights, weights
from cnn_course.models.resnet import BasicBlock, Bottleneck, PreActBasicBlock, PreActBottleneck, ResNet
from cnn_course.models.vgg import VGG
from cnn_course.models.weight_cards import cards

__all__ = ["COURSE", "FAMILIES", "build", "cards", "family", "names", "AlexNet", "AuxiliaryHead", "BasicBlock", "Bottleneck",
           "DenseBlock", "DenseLayer", "DenseNet", "GoogLeNet", "Inception", "LeNet5", "LeNet5Of1998", "NIN", "Network",
           "PreActBasicBlock", "PreActBottleneck", "ResNet", "Transition", "VGG", "load_weights", "save_weights",
           "weights"]  # fmt: skip

FAMILIES = {
    "LeNet": lenet,
    "AlexNet": alexnet,
    "VGG": vgg,
    "NIN": nin,
    "GoogLeNet": inception,
    "ResNet": resnet,
    "DenseNet": densenet,
}
COURSE = ("lenet5", "alexnet_cifar", "vgg_cifar", "nin_cifar", "googlenet_cifar", "resnet20", "densenet_cifar")


def names() -> list[str]:
    """All names that `build` knows, family by family."""
    return [name for module in FAMILIES.values() for name in module.PRESETS]


def family(name: str) -> str:
    """The family of a network: "LeNet", "AlexNet", "VGG", "NIN", "GoogLeNet", "ResNet" or "DenseNet"."""
    for title, module in FAMILIES.items():
        if name in module.PRESETS:
            return title
    near = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
    advice = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"no model is called {name!r}; {advice}The models are: {', '.join(names())}")


def build(name: str, device: str | torch.device | None = None, pretrained: bool = False, seed: int = 0, **settings) -> Network:
    """A new network, randomly initialized; `settings` replace those of the preset, for example
    build("resnet20", shortcut="B").

    device="meta" gives a network with shapes and counts but no memory: enough for `anatomy`.
    pretrained: in evaluation mode with the weights of the recorded comparison, those of its run with this `seed`.
    Raises ValueError for an unknown name (with the nearest one) and where no undamaged weights are kept, TypeError for a setting
    that the network does not have.
    """
    preset = FAMILIES[family(name)].PRESETS[name]
    with torch.device(device) if device is not None else nullcontext():
        net = preset(**settings)
    net.name = name
    return load_weights(net, seed) if pretrained else net
