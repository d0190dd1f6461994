"""Weights carried from one network to another that is written otherwise: by shape, and in the order in which they are used."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations, islice, permutations, product

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

MOST = 24  # ways to try


class _Order(TorchFunctionMode):
    """Notes in which order the parameters of a network take part in operations, those of one operation together."""

    def __init__(self, net):
        super().__init__()
        self.waiting = {id(parameter): parameter for parameter in net.parameters()}
        self.used = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        together = []
        for value in (*args, *(kwargs or {}).values()):
            for leaf in value if isinstance(value, (tuple, list)) else (value,):
                if id(leaf) in self.waiting:
                    together.append(self.waiting.pop(id(leaf)))
        if together:
            self.used.append(together)
        return function(*args, **(kwargs or {}))


@contextmanager
def unmoved(net: nn.Module):
    """Afterwards the buffers, such as batch norm's statistics, are what they were before; a new batch norm's are as new."""
    kept, known = {name: buffer.clone() for name, buffer in net.named_buffers()}, set(net.modules())
    try:
        yield
    finally:
        for layer in set(net.modules()) - known:  # made in the meantime, as a forward pass may do
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.reset_running_stats()
        with torch.no_grad():
            for name, buffer in net.named_buffers():
                if name in kept:
                    buffer.copy_(kept[name])


def in_order_of_use(net: nn.Module, *inputs: torch.Tensor) -> list[list[nn.Parameter]]:
    """The parameters that a forward pass uses, the first used first; those of one operation, as weight and bias, in one list."""
    with torch.no_grad(), unmoved(net), _Order(net) as order:
        net(*inputs)
    return order.used


def unused(net: nn.Module, *inputs: torch.Tensor) -> list[str]:
    """The names of the parameters that a forward pass leaves out."""
    used = {id(parameter) for together in in_order_of_use(net, *inputs) for parameter in together}
    return [name for name, parameter in net.named_parameters() if id(parameter) not in used]


def carry(source: nn.Module, target: nn.Module, *inputs: torch.Tensor) -> Iterator[list[tuple[nn.Parameter, nn.Parameter]]]:
    """Copy the parameters of `source` into `target`, in every way that may be meant; yields the pairs of each. None: no way.

    First the k-th parameter of a shape goes to the k-th of that shape. But branches may be computed in another order: so then
    stretches of operations change places, and then single ones of like shapes, in `MOST` ways at most. Dimensions of size 1 do
    not count, and a matrix may lie on its side (a 1x1 convolution may be written as nn.Linear or as x @ w).
    """
    given, taken = in_order_of_use(source, *inputs), in_order_of_use(target, *inputs)
    seen = set()
    for order in _orders(taken):
        pairs = _matched(sum(given, []), sum(order, []))
        key = tuple(id(match) for _, match in pairs or ())
        if pairs is None or key in seen:
            continue
        seen.add(key)
        for parameter, match in pairs:
            with torch.no_grad():
                values = parameter.detach().reshape(_shape(parameter))
                turned = not _same(tuple(values.shape), _shape(match)) and _turned(tuple(values.shape), _shape(match))
                match.copy_((values.T if turned else values).reshape(match.shape))
        yield pairs
        if len(seen) == MOST:
            return


def _orders(operations):
    """The operations as they are, with two neighbouring stretches exchanged, and with those of like shapes in all orders."""
    yield operations
    for i, j, k in combinations(range(len(operations) + 1), 3):
        yield [*operations[:i], *operations[j:k], *operations[i:j], *operations[k:]]
    like = {}
    for place, parameters in enumerate(operations):
        like.setdefault(tuple(map(_shape, parameters)), []).append(place)
    for ways in islice(product(*(permutations(places) for places in like.values())), 500):
        order = list(operations)
        for places, way in zip(like.values(), ways, strict=True):
            for place, other in zip(places, way, strict=True):
                order[place] = operations[other]
        yield order


def _matched(given, taken):
    """Pairs of parameters, each with the first of its shape that is left; None where that leaves one alone."""
    pairs = []
    for parameter in given:
        match = next(
            (other for fits in (_same, _turned, _cut) for other in taken if fits(_shape(parameter), _shape(other))), None
        )
        if match is None:
            return None
        taken = [other for other in taken if other is not match]
        pairs.append((parameter, match))
    return None if taken else pairs


def _same(shape, other):
    return shape == other


def _turned(shape, other):
    return len(shape) == 2 and shape == other[::-1]


def _cut(shape, other):
    """A row of weights for each output, in another layout."""
    return bool(shape and other) and shape[0] == other[0] and math.prod(shape) == math.prod(other)


def _shape(parameter):
    return tuple(side for side in parameter.shape if side != 1)
