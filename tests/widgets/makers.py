"""One explorer of each kind, and moves that answer."""

import ipywidgets
import torch

from cnn_course import data, experiments, training, widgets
from cnn_course.widgets.windows import OWN


def noise(seed, source="CIFAR-10"):
    images = torch.randint(256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    split = data.Split(images, torch.arange(8))
    return data.Cifar10(split, split, source=source)


def own():
    row = {"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.3, "test_loss": 2.0, "test_accuracy": 0.3, "seconds": 9.0}
    return training.History("lenet5", "CIFAR-10", 0, 62_006, 5_000, rows=[row])


MAKERS = {
    "convolution": widgets.convolution,
    "first_filter": lambda: widgets.first_filter(noise(0)),
    "activation": widgets.activation,
    "groups": widgets.groups,
    "augmentation": lambda: widgets.augmentation(noise(0)),
    "receptive_field": widgets.receptive_field,
    "one_by_one": widgets.one_by_one,
    "bottleneck": lambda: widgets.bottleneck(experiments.recorded("bottleneck")),
    "inception_block": widgets.inception_block,
    "residual_block": widgets.residual_block,
    "gradients": widgets.gradients,
    "dense_block": widgets.dense_block,
    "orthogonal_step": widgets.orthogonal_step,
    "compare": lambda: widgets.compare(experiments.recorded("lesson"), own()),
}
# Moves that need a partner: a text that only counts for own numbers, groups that must divide, a shortcut where shapes differ.
PARTNERS = {
    ("convolution", "numbers"): {"kernel": 3, "kind": "own numbers"},
    ("receptive_field", "kernel"): {"name": OWN},
    ("receptive_field", "channels"): {"stride": 1, "pooling": 0},
    ("groups", "groups"): {"in_channels": 96, "out_channels": 96},
    ("residual_block", "shortcut"): {"stride": 2},
}


def another_value(control):
    """A value near the present one."""
    if isinstance(control, ipywidgets.Checkbox):
        return not control.value
    if isinstance(control, ipywidgets.Text):
        return control.value.replace("4", "5")
    if hasattr(control, "options"):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
        place = values.index(control.value)
        return values[place + 1 if place + 1 < len(values) else place - 1]
    return control.value + control.step if control.value + control.step <= control.max else control.value - control.step
