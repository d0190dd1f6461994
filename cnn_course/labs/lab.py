"""What a lab is: something that a student builds, what it has to do, and the mistakes that people make in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from cnn_course.anatomy.walk import is_lazy
from cnn_course.labs import sandbox
from cnn_course.labs.carrying import carry, unmoved, unused
from cnn_course.training.device import seeded
from cnn_course.values import kind

COMPARABLE = (torch.Tensor, nn.Module, int, float, tuple, list, str)
NUMBERS = (int, float, np.floating)
CHANGED = "the layer changes its own input: who else reads that tensor?"


@dataclass(frozen=True)
class Mistake:
    """What is often written instead. says: names the symptom and asks the next question.

    made: does what such an answer does; None where a test or a `Drawn` case finds it by itself.
    """

    says: str
    made: Callable | None = None


@dataclass(frozen=True)
class Lab:
    """A thing to build, and a check that compares what the student's does with what the course's does, on `cases`.

    asked: what is to be built, in words that end a sentence. reference: the course's own. source: whose source is the
    solution, if not the reference's.
    tests: functions of the student's answer that return None, or the sentence of what is wrong. They are asked before the cases,
    and find what no comparison can: a parameter that is not registered. more: cases of other sizes, which only a grader tries.
    hints: one after the other. fits: makes of an answer what the course's network takes in place of its own part, as in
    models.build("resnet20", block=...).
    """

    name: str
    asked: str
    reference: Callable
    hints: tuple[str, ...]
    cases: tuple = ()
    mistakes: tuple[Mistake, ...] = ()
    tests: tuple[Callable, ...] = ()
    more: tuple = ()
    fits: Callable | None = None
    source: object = None

    def __repr__(self):  # a line without hints and mistakes: those are asked for
        return f"{self.name}: {self.asked}; {len(self.cases)} cases, {len(self.mistakes)} mistakes"

    @property
    def solution(self):
        """What `labs.solution` shows the source of."""
        return self.source or self.reference

    def judge(self, answer, seed: int = 0, more: bool = False) -> str:
        """ "" where the answer does what it should; else what is wrong with it, in a sentence or two.

        seed: of the weights and inputs that are tried. more: try the cases of other sizes too.
        """
        for test in self.tests:
            with seeded(seed):
                if found := test(answer):
                    return found
        cases = [case.held(answer, seed) for case in self.cases + self.more * more]
        first = next(filter(None, (difference(self.reference) for difference in cases)), "")
        if first:
            for mistake in self.mistakes:
                if mistake.made and not any(difference(mistake.made) for difference in cases):
                    return mistake.says
        return first

    def observed(self, answer, seed: int) -> list:
        """What the answer gives in every case, as plain data: to be compared elsewhere, out of the answer's reach."""
        return [plain(case.observed(answer, self.reference, seed)) for case in self.cases + self.more]

    def agrees(self, observed: list, expected: list) -> bool:
        """Whether `observed` is right, where `expected` is what the reference gives with the same seed."""
        cases = self.cases + self.more
        return len(observed) == len(cases) and all(map(lambda case, *pair: case.agrees(*pair), cases, observed, expected))


class Case:
    """What an answer is tried with."""

    def difference(self, answer: Callable, reference: Callable, seed: int = 0) -> str:
        """ "" where both do the same; else the first thing in which they differ."""
        return self.held(answer, seed)(reference)

    def held(self, answer: Callable, seed: int) -> Callable[[Callable], str]:
        """`difference` for one answer: what tells the difference from each reference that it is given."""
        raise NotImplementedError


@dataclass(frozen=True)
class Layer(Case):
    """A case of a lab whose answer makes an nn.Module: the settings to make it with, and the shape of its input.

    Weights find their places by shape and order of use: parts that may run in any order need unlike widths.
    """

    settings: dict
    shape: tuple[int, ...]

    def held(self, answer, seed):
        """Layers are alike where they behave alike with the same weights: so a new one is made each time, to take them."""

        def difference(reference):
            with seeded(seed):
                return self._difference(answer, reference, seed, [])

        return difference

    def observed(self, answer, reference, seed):
        """Outputs and gradients of the answer's layer with the weights of the reference's; [] where they differ."""
        seen = []
        with seeded(seed):
            return [] if self._difference(answer, reference, seed, seen) else seen

    @staticmethod
    def agrees(observed, expected):
        return _alike(observed, expected)

    def _difference(self, answer, reference, seed, seen):
        where = f"With {_settings(self.settings)} and an input of {_shape(self.shape)}: "
        x = torch.randn(self.shape)
        expected, got = (_tried(lambda make=make: self._made(make, x)) for make in (reference, answer))
        if isinstance(expected, Exception) or isinstance(got, Exception):
            return _failures(expected, got, where)
        if not isinstance(got[0], nn.Module):
            return f"{where}your answer makes {kind(got[0])}; expected an nn.Module."
        (ours, out), (theirs, own) = expected, got
        if found := _unlike(own, out):
            return where + found
        if (count := _count(theirs)) != _count(ours):
            if count < _count(ours) and (name := _plain_list(theirs)):
                return f"Layers stand in `self.{name}`, a plain list: torch trains none of them. Which list does it look into?"
            return f"{where}the layer has {count:,} parameters, expected {_count(ours):,}."
        torch.manual_seed(seed + 1)  # the answer may have drawn more or fewer numbers than the reference
        with torch.no_grad():
            for parameter in ours.parameters():
                if parameter.dim() == 1:  # biases that are all 0 and scales that are all 1 would hide what is done with them
                    parameter += 0.3 * torch.randn_like(parameter)
        batches = torch.randn(2, *self.shape) * torch.logspace(0, 1.5, self.shape[0]).view(-1, *[1] * (len(self.shape) - 1))
        first = None
        for pairs in carry(ours, theirs, x):
            with unmoved(ours), unmoved(theirs):
                found = self._in_modes(ours, theirs, pairs, batches, seen)
            if not found:
                return ""
            first = first or where + found
        return (
            first
            or idle(theirs, x)
            or f"{where}your parameters have the shapes {_shapes(theirs)}; the check can follow {_shapes(ours)}, each used once."
        )

    def _in_modes(self, ours, theirs, pairs, batches, seen):
        seen.clear()
        for mode, batch in zip(("training", "evaluation"), batches, strict=True):
            for net in (ours, theirs):
                net.train(mode == "training")
            if found := self._compared(ours, theirs, pairs, batch, seen):
                return f"in {mode} mode {found}"
        return ""

    def _made(self, make, x):
        net = make(**self.settings)
        if not isinstance(net, nn.Module):
            return net, None
        if is_lazy(net):  # its layers take their shapes from the first images
            with torch.no_grad():
                net.eval()(x.clone())
        with unmoved(net):
            return net, net.train()(x.clone())

    @staticmethod
    def _compared(ours, theirs, pairs, x, seen):
        """The first difference in outputs, in the input afterwards, or in gradients. What `theirs` gave is added to `seen`."""
        results = []
        for net in (ours, theirs):
            net.zero_grad()
            leaf = x.clone().requires_grad_()
            given = leaf * 1  # so that a layer may try to change its input in place
            before = given.detach().clone()
            out = net(given)
            if results and (found := _unlike(out, results[0][0])):
                return found
            changed = not torch.equal(given.detach(), before)
            if not out.requires_grad:
                return "no gradient flows back from the output. What cuts it off: detach, no_grad, numpy?"
            try:
                out.backward(torch.linspace(-1, 1, out.numel()).reshape(out.shape))
            except RuntimeError as error:
                return CHANGED if changed else f"there is no way back: {sandbox.told(error)}"
            results.append((out.detach(), changed, leaf.grad))
        (out, kept, slope), (own, own_kept, own_slope) = results
        if own_kept != kept:
            return CHANGED
        if not _alike(own, out):
            return _first_difference(own, out)
        if not _alike(own_slope, slope):
            return "the outputs are right, but the gradient of the input differs."
        slopes = [[_slope(parameter).reshape(-1).sort()[0] for parameter in pair] for pair in pairs]
        if not all(_alike(*pair) for pair in slopes):
            return "the outputs are right, but a parameter has another gradient."
        seen.append([own, own_slope, [slope for _, slope in slopes]])
        return ""


@dataclass(frozen=True)
class Call(Case):
    """A case of a lab whose answer is a function. written: the call as one writes it; arguments: makes them anew each time.

    run: calls it, ``run(function, *arguments)``, and returns what is compared; without it that is what the function returns.
    Arguments have to be left as the reference leaves them.
    """

    written: str
    arguments: Callable[[], tuple]
    run: Callable | None = None

    def observed(self, answer, reference, seed):
        """What comes back, and the arguments afterwards."""
        got, left = self._called(answer, seed)
        return [got, [each for each in left if isinstance(each, COMPARABLE)]]

    @staticmethod
    def agrees(observed, expected):
        return _alike(observed, expected)

    def held(self, answer, seed):
        """The answer is called once, for the first reference, and what it gave is kept: it may be slow."""
        gave = cache(lambda: self._called(answer, seed))
        return lambda reference: self._difference(*self._called(reference, seed), *gave())

    def _difference(self, expected, left, got, own_left):
        where = f"`{self.written}`: "
        if isinstance(expected, Exception) or isinstance(got, Exception):
            return _failures(expected, got, where)
        if got is None and expected is not None:
            return f"{where}nothing comes back. Is there a `return`?"
        if not _alike(got, expected):
            return where + _values(got, expected)
        if not all(_alike(a, b) for a, b in zip(own_left, left, strict=True) if isinstance(b, COMPARABLE)):
            return f"{where}the result is right, but what the function was given is not left as it should be."
        return ""

    def _called(self, function, seed):
        """(what came of it, or its error; the arguments afterwards)."""
        with seeded(seed):
            given = self.arguments()
            return _tried(lambda: self.run(function, *given) if self.run else function(*given)), given


@dataclass(frozen=True)
class Drawn(Case):
    """A case of a lab whose answer is random: no two runs agree, so there is nothing to compare with.

    draws: function of the answer that returns what it gave, in a list. says: of that list None, or the sentence of what is wrong.
    """

    draws: Callable[[Callable], list]
    says: Callable[[list], str | None]

    def observed(self, answer, reference, seed):
        with seeded(seed):
            return self.draws(answer)

    def held(self, answer, seed):
        """There is nothing to compare with."""
        return lambda reference: self.says(self.observed(answer, reference, seed)) or ""

    def agrees(self, observed, expected):
        return len(observed) == len(expected) and self.says(observed) is None


class _Watched(TorchFunctionMode):
    """Notes in how many groups each convolution is that torch is asked for, under whichever name."""

    def __init__(self):
        super().__init__()
        self.groups = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(function, "__name__", "").startswith("conv"):  # (input, weight, bias, stride, padding, dilation, groups)
            self.groups.append(kwargs.get("groups", args[6] if len(args) > 6 else 1))
        return function(*args, **kwargs)


def convolutions(answer: Callable, *arguments) -> list[int]:
    """The groups of each convolution that the answer, called with these, lets torch compute."""
    with _Watched() as watched, suppress(Exception):  # errors are the cases' to tell
        answer(*arguments)
    return watched.groups


def plain(value):
    """A value as data that holds no code of whoever made it: None, booleans, numbers, texts, tensors, and lists of these."""
    if isinstance(value, torch.Tensor):
        return value.detach().as_subclass(torch.Tensor).cpu().clone()
    if isinstance(value, np.ndarray):
        return plain(torch.from_numpy(np.array(value))) if value.dtype.kind in "biuf" else str(type(value))
    if isinstance(value, nn.Module):
        return plain(list(value.state_dict().values()))
    if isinstance(value, Exception):
        return [type(value).__name__, *_numbers(value)]
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if value is None or isinstance(value, (bool, np.bool_)):
        return value if value is None else bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value)
    return str(value) if isinstance(value, str) else f"a {type(value).__name__}"


def _tried(work):
    try:
        return work()
    except Exception as error:
        return error


def _failures(expected, got, where):
    """Two errors are alike where they are of one kind and name the same numbers; one alone is told."""
    if not isinstance(got, Exception):
        return where + "no error comes, where one is expected."
    same = type(got) is type(expected) and _numbers(expected) == _numbers(got)
    return "" if same else where + sandbox.told(got)


def _numbers(error):
    """The numbers that an error names, sorted: a + b and b + a say so in another order."""
    return sorted(re.findall(r"\d+", str(error)))


def _alike(a, b):
    """Whether two values are the same, numbers and tensors within the accuracy of float32."""
    if isinstance(a, nn.Module) and isinstance(b, nn.Module):
        a, b = list(a.state_dict().values()), list(b.state_dict().values())
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        close = dict(rtol=1e-3, atol=1e-4, equal_nan=True)
        return a.shape == b.shape and torch.allclose(a.detach().to(torch.float64), b.detach().to(torch.float64), **close)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, NUMBERS) and isinstance(b, NUMBERS):
        return abs(a - b) <= 1e-4 + 1e-3 * abs(b)
    if isinstance(a, torch.Tensor) and a.numel() == 1 and isinstance(b, (int, float)):
        return a.dim() == 0 and _alike(a.item(), b)
    if isinstance(b, torch.Tensor) or isinstance(a, torch.Tensor):
        return False
    try:
        return bool(a is b or a == b)
    except Exception:  # what an answer's own comparison does is no result
        return False


def _unlike(own, out):
    """What a layer gave is no tensor, or one of another shape or dtype than `out`: in a sentence; "" where it is like it."""
    if not isinstance(own, torch.Tensor):
        return f"the layer returns {kind(own)}; expected a tensor of {_shape(out.shape)}."
    if own.shape != out.shape:
        return f"the output is {_shape(own.shape)}, expected {_shape(out.shape)}."
    return "" if own.dtype == out.dtype else f"the output is of {own.dtype}, expected {out.dtype}."


def _first_difference(own, out):
    wrong = ~torch.isclose(own, out, rtol=1e-3, atol=1e-4)
    place = tuple(wrong.nonzero()[0].tolist())
    return (
        f"{wrong.float().mean():.0%} of the output values differ; the first is {own[place]:.5g} at {list(place)}, "
        f"expected {out[place]:.5g}."
    )


def _values(got, expected):
    if isinstance(got, (tuple, list)) and isinstance(expected, (tuple, list)):
        if len(got) != len(expected):
            return f"{len(got)} values come back, expected {len(expected)}."
        place = next(i for i, pair in enumerate(zip(got, expected, strict=True)) if not _alike(*pair))
        return f"value {place + 1} of {len(expected)}: " + _values(got[place], expected[place])
    if isinstance(got, torch.Tensor) and isinstance(expected, torch.Tensor) and expected.numel() > 1:
        if got.shape != expected.shape:
            return f"the result is {_shape(got.shape)}, expected {_shape(expected.shape)}."
        return _first_difference(got.detach().float(), expected.detach().float())
    if isinstance(got, torch.Tensor) and got.dim() and got.numel() == 1 and isinstance(expected, NUMBERS):
        return f"the result is a tensor of shape {tuple(got.shape)}, expected a number."
    if isinstance(got, torch.Tensor) == isinstance(expected, torch.Tensor) or isinstance(got, torch.Tensor):
        return f"the result is {_short(got)}, expected {_short(expected)}."
    return f"the result is {kind(got)}, expected {kind(expected)}."


def _short(value):
    """A value as a sentence says it: numbers in six digits."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    return f"{value:.6g}" if isinstance(value, float) else repr(value)[:100]


def _plain_list(net):
    """The name of an attribute that hides modules in a list, tuple or dict; None where there is none."""
    found = set(net.modules())  # what is registered elsewhere too is not hidden
    for module in net.modules():
        for name, value in vars(module).items():
            inside = value.values() if isinstance(value, dict) else value
            if not name.startswith("_") and isinstance(value, (list, tuple, dict)):
                if any(isinstance(part, nn.Module) and part not in found for part in inside):
                    return name
    return None


def idle(net: nn.Module, *inputs: torch.Tensor) -> str:
    """The sentence that names the first layer which a forward pass leaves out; "" where it uses all."""
    left = unused(net, *inputs)
    if not left:
        return ""
    owner = left[0].rpartition(".")[0]
    whole = owner and all(f"{owner}.{name}" in left for name, _ in net.get_submodule(owner).named_parameters())
    name = re.sub(r"\.(\d+)", r"[\1]", f"self.{owner if whole else left[0]}")
    return f"`{name}` is never used. Which layer did you call in its place?"


def _slope(parameter):
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _count(net):
    return sum(parameter.numel() for parameter in net.parameters())


def _shapes(net):
    return ", ".join(_shape(parameter.shape) for parameter in net.parameters()) or "none"


def _shape(shape):
    return "x".join(map(str, shape)) or "a number"


def _settings(settings):
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "no settings"
