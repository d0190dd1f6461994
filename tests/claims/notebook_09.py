"""The claims of notebook 09."""

import inspect

import pytest
import torch
from ledger import claims_of, says
from torch import nn

from cnn_course import anatomy, experiments, models, training
from cnn_course.training import optimizers, speedrun
from cnn_course.widgets import orthogonal

claim = claims_of("09_recipe")
FULL = "all of it"


def fastnet():
    torch.manual_seed(0)
    return models.build("fastnet", widths=(64, 128, 128))


def operations(label):
    return experiments.recorded("ablation").operations[label]


def against(label, other=FULL):
    return experiments.recorded("ablation").difference(label, other)


def over(label, network):
    """A variant of the ablation against a network of notebook 8, on the same test images."""
    ours, theirs = experiments.recorded("ablation").runs[label], experiments.recorded("comparison").runs[network]
    return experiments.difference(label, network, ours, theirs, 10_000)


# ------------------------------------------------------------------------------- the network
@claim("six 3x3 convolutions in a row, without a skip connection, a branch or a 1x1", "computed")
def _():
    table = anatomy.trace(fastnet())
    kernels = table[table.kind == "Conv2d"].kernel.tolist()
    assert kernels == [2] + 6 * [3] and not set(table.kind) & {"add", "cat", "sum"}


@claim("here with half the maps in its wider blocks", "computed")
def _():
    published = inspect.signature(models.FastNet).parameters["widths"].default
    assert published == (64, 256, 256)
    assert [2 * block.conv2.out_channels for block in fastnet().blocks[2:]] == list(published[1:])


@claim("the first layer is 2x2, GELU stands in place of ReLU, batch norm shifts and does not scale, and the maps shrink between "
       "a convolution and its batch norm.", "computed")  # fmt: skip
def _():
    net = fastnet()
    kinds = [type(layer).__name__ for layer in net.blocks.block1]
    assert net.first.kernel_size == (2, 2) and kinds[:4] == ["Conv2d", "MaxPool2d", "BatchNorm2d", "GELU"]
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(norm.bias.requires_grad and not norm.weight.requires_grad and (norm.weight == 1).all() for norm in norms)


@claim("That is a convolution with twelve filters; with their negatives, 24. `fit` computes them from 1,000 images before the "
       "first step, and trains only their biases.", "computed")  # fmt: skip
def _():
    net = fastnet()
    net.look_at(torch.randn(50, 3, 32, 32))
    assert torch.equal(net.first.weight[:12], -net.first.weight[12:]) and len(net.first.weight) == 24
    assert [p.requires_grad for p in (net.first.weight, net.first.bias)] == [False, True]
    assert training.fitting.LOOKED_AT == 1_000


@claim("It hands on what it gets, with 128 weights that are not 0.", "computed")
def _():
    last, x = fastnet().blocks.block3.conv2, torch.randn(1, 128, 8, 8)
    assert torch.allclose(last(x), x) and last.weight.count_nonzero() == 128


@claim("After two epochs a quarter of the images was never mirrored, and a quarter twice: half of them were shown twice alike.",
       "computed")  # fmt: skip
def _():
    ways = [(first, second) for first in (False, True) for second in (False, True)]
    assert [sum(sum(way) == times for way in ways) / 4 for times in (0, 2)] == [0.25, 0.25]


# ------------------------------------------------------------------------------- the step
@claim("Each step turns every singular value $s$ into $a s + b s^3 + c s^5$ and leaves the vectors alone.", "computed")
def _():
    left, right = (torch.linalg.qr(torch.randn(n, 6, dtype=torch.float64))[0] for n in (6, 9))
    values = torch.tensor([0.9, 0.3, 0.2, 0.1, 0.05, 0.01], dtype=torch.float64)
    values /= values.norm()
    found = left.T @ training.orthogonalized((left * values) @ right.T, steps=1) @ right
    assert torch.allclose(found, torch.diag(orthogonal.polynomial(values, 1)), atol=1e-6)


@claim("Then take the cubic polynomial, which ends at 1 itself.", "computed")
def _():
    after = orthogonal.compute(12, "cubic: 1.5, -0.5", 10).after
    assert after.min() > 0.999 and orthogonal.polynomial(1.0, 1, orthogonal.POLYNOMIALS["cubic: 1.5, -0.5"]) == 1


@claim("Muon's polynomial is steep at zero, where the small values are, and pays for it by a wobble around 1.", "computed")
def _():
    slope, cubic = optimizers.NEWTON_SCHULZ[0], orthogonal.POLYNOMIALS["cubic: 1.5, -0.5"][0]
    many = orthogonal.compute(12, ratio=10).after
    assert slope > 2 * cubic and many.min() < 0.75 and many.max() > 1.1
    return f"slopes {slope} and {cubic}; from {many.min():.2f} to {many.max():.2f} after twelve steps"


# ------------------------------------------------------------------------------- what it costs, what it reaches
@claim("ResNet-20 saw all images 24 times in notebook 8. The network of this notebook sees them four times, at first shrunk.",
       "computed")  # fmt: skip
def _():
    epochs = [experiments.find(name).epochs for name in ("comparison", "ablation")]
    sizes = experiments.find("ablation").variants[FULL].recipe.sizes
    assert epochs == [24, 4] and sizes == speedrun.COURSE.sizes == ((0.36, 20), (0.65, 25))
