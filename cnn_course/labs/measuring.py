"""The labs of notebook 6 that measure: the gradient of every convolution, and a search for a learning rate."""

import math
from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import models
from cnn_course.labs.lab import Call, Lab, Mistake


# ------------------------------------------------------------------------------------- gradient_norms
def gradient_norms(net, images, labels):
    """|gradient| / |weight| of every convolution, from the image on, for the cross-entropy of one batch in training mode."""
    net.train()
    net.zero_grad()
    F.cross_entropy(net(images), labels).backward()
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    return [(conv.weight.grad.norm() / conv.weight.norm()).item() for conv in convolutions]


def _each(of=lambda w: w.grad.norm() / w.norm(), loss=F.cross_entropy, clear=True, training=True, kinds=nn.Conv2d):
    """The function with one part done otherwise. of: what is listed of a weight; kinds: of layers that are listed."""

    def norms(net, images, labels):
        net.train(training)
        if clear:
            net.zero_grad()
        loss(net(images), labels).backward()
        return [of(module.weight).item() for module in net.modules() if isinstance(module, kinds)]

    return norms


def _small_resnet():
    net = models.build("resnet20", depth=8, widths=(4, 6, 8)).eval()  # so that who forgets the mode is found
    return net, torch.randn(6, 3, 32, 32), torch.arange(6)


def _asked_twice(measure, net, images, labels):
    net = deepcopy(net)  # what becomes of batch norm's running statistics is not asked
    measure(net, images, labels)
    found = measure(net, images, labels)
    return list(found) if isinstance(found, Iterable) else found


GRADIENT_NORMS = Lab(
    "gradient_norms",
    "a function that lists |gradient| / |weight| of each convolution",
    gradient_norms,
    hints=(
        "`net.modules()` goes through a network in the order in which its parts were made. Which of them are convolutions?",
        "A gradient of 0.1 is large for weights of 0.01 and small for weights of 10: divide `.grad.norm()` by `.norm()`.",
    ),
    cases=(Call("gradient_norms(net, images, labels), asked twice", _small_resnet, _asked_twice),),
    mistakes=(
        Mistake("Asked a second time you give another answer: gradients add up. Who empties .grad before backward?",
                _each(clear=False)),
        Mistake("You measure in evaluation mode. By which statistics does batch norm divide while the network learns?",
                _each(training=False)),
        Mistake("Your list has one value too many, that of the dense layer. Which kind of layer was asked for?",
                _each(kinds=(nn.Conv2d, nn.Linear))),
        Mistake("Your values are the gradients alone. How large is a step of 0.1 for weights of 0.01?",
                _each(lambda w: w.grad.norm())),
        Mistake("Your values are the sizes of the weights. Where is the gradient?", _each(lambda w: w.norm())),
        Mistake("Your list begins at the wrong end. Which layer sees the image?",
                lambda net, images, labels: gradient_norms(net, images, labels)[::-1]),
        Mistake("You compare mean sizes, not norms. What does `.norm()` do with one large value among many small ones?",
                _each(lambda w: w.grad.abs().mean() / w.abs().mean())),
        Mistake("Your ratios are squared. What does a norm end with?", _each(lambda w: (w.grad**2).sum() / (w**2).sum())),
        Mistake("Your ratios are upside down. What would a layer without any gradient get?",
                _each(lambda w: w.norm() / w.grad.norm())),
        Mistake("Your loss gets probabilities. Which step does `F.cross_entropy` take by itself?",
                _each(loss=lambda logits, labels: F.cross_entropy(logits.softmax(1), labels))),
        Mistake("Your list is empty. How deep into the network does your loop look?", lambda net, images, labels: []),
        Mistake("Your gradients are as many times too large as the batch has images. Which loss does the course train with?",
                _each(loss=lambda logits, labels: F.cross_entropy(logits, labels, reduction="sum"))),
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------- best_rate
def best_rate(loss_after, rates, tries):
    """The rate with the smallest loss, once a worse one lies on either side of it or `tries` networks have been trained.

    loss_after(rate): trains a new network and returns its loss, nan where it diverged. rates: each the same factor above
    the last; where all diverge, the smallest is the best. tries: no fewer than the rates.
    """
    factor, losses, wanted = rates[1] / rates[0], {}, list(rates)
    while wanted:
        for rate in wanted:
            loss = loss_after(rate)
            losses[rate] = math.inf if math.isnan(loss) else loss
        best = min(losses, key=losses.get)
        beyond = {min(losses): best / factor, max(losses): best * factor}
        wanted = [beyond[best]] if best in beyond and len(losses) < tries else []
    return best


class Search:
    """The same in steps that a mistake can replace."""

    def __init__(self, loss_after, rates, tries):
        self.loss_after, self.rates, self.tries, self.losses = loss_after, rates, tries, {}
        self.factor = rates[1] / rates[0]

    def train(self, rate):
        self.losses[rate] = self.loss_after(rate)

    def loss(self, rate):
        return math.inf if math.isnan(self.losses[rate]) else self.losses[rate]

    def best(self):
        return min(self.losses, key=self.loss)

    def beyond(self):
        """The rate to try next; None where the best has neighbours."""
        best = self.best()
        return {min(self.losses): best / self.factor, max(self.losses): best * self.factor}.get(best)

    def goes_on(self):
        return len(self.losses) < self.tries

    def found(self):
        for rate in self.rates:
            self.train(rate)
        while self.goes_on() and (rate := self.beyond()):
            self.train(rate)
        return self.best()

    @classmethod
    def function(cls):
        return lambda loss_after, rates, tries: cls(loss_after, rates, tries).found()


class GridAlone(Search):
    def goes_on(self):
        return False


class OneMore(Search):
    def goes_on(self):
        return super().goes_on() and len(self.losses) == len(self.rates)


class AllAnew(Search):
    def train(self, rate):
        for known in [*self.losses] if len(self.losses) >= len(self.rates) else []:
            super().train(known)
        super().train(rate)


class ToTheLastTry(Search):
    def beyond(self):
        return super().beyond() or max(self.losses) * self.factor


class UpAlone(Search):
    def beyond(self):
        return self.best() * self.factor if self.best() == max(self.losses) else None


class DownAlone(Search):
    def beyond(self):
        return self.best() / self.factor if self.best() == min(self.losses) else None


class ByTwo(Search):
    def __init__(self, loss_after, rates, tries):
        super().__init__(loss_after, rates, tries)
        self.factor = 2


class NanIsSmallest(Search):
    """As `argmin` of numpy and torch has it."""

    def loss(self, rate):
        return -math.inf if math.isnan(self.losses[rate]) else self.losses[rate]


class NanIsNeverLeft(Search):
    """As Python's `min` has it: nan stays where it comes first, for nothing is smaller."""

    def best(self):
        return min(self.losses, key=self.losses.get)


class NanIsForgotten(Search):
    def train(self, rate):
        if not math.isnan(loss := self.loss_after(rate)):
            self.losses[rate] = loss


class LargestThatTrains(Search):
    def best(self):
        return max((rate for rate in self.losses if self.loss(rate) < math.inf), default=min(self.losses))


class WorstOfAll(Search):
    def best(self):
        return max(self.losses, key=self.loss)


class UntilItRises(Search):
    def found(self):
        rate = self.rates[0]
        self.train(rate)
        while self.goes_on():
            self.train(rate * self.factor)
            if self.loss(rate * self.factor) >= self.loss(rate):
                break
            rate *= self.factor
        return rate


class LastOfAll(Search):
    def found(self):
        super().found()
        return list(self.losses)[-1]


class LossOfTheBest(Search):
    def found(self):
        return self.loss(super().found())


class TrainedOnceMore(Search):
    def found(self):
        best = super().found()
        self.train(best)
        return best


def _made_up(lowest, diverges=math.inf, unlucky=()):
    """A `loss_after` that trains nothing and lists its rates: best at `lowest`, nan from `diverges` on, worse at `unlucky`."""

    def loss_after(rate):
        loss_after.tried.append(float(rate))  # it may come from an array
        if len(loss_after.tried) > 30:
            raise RuntimeError("30 networks have been trained, and there is no end")
        return math.nan if rate >= diverges else 1 + abs(math.log(rate / lowest)) + 3 * (rate in unlucky)

    loss_after.tried = []
    return loss_after


def _search(written, rates, tries, **curve):
    def run(function, loss_after, rates, tries):
        found = function(loss_after, rates, tries)
        return None if found is None else [found, sorted(loss_after.tried)]

    shown = f"best_rate(loss_after, {rates}, {tries}), sorted(tried)  # {written}"
    return Call(shown, lambda: (_made_up(**curve), rates, tries), run)


TOO_MANY = "Your search trains more networks than it may. Does it count those of the grid, and stop before one too many?"


def _too_many(answer):
    loss_after, rates, tries = _made_up(lowest=1e9), (0.02, 0.06, 0.18), 5
    with suppress(Exception):  # the cases say what is wrong
        answer(loss_after, rates, tries)
    return TOO_MANY if len(set(loss_after.tried)) > tries else None


BEST_RATE = Lab(
    "best_rate",
    "a function that finds the best learning rate with a given number of trainings",
    best_rate,
    hints=(
        "Keep a dictionary from rates to losses. Begin with all rates of the grid; what is the factor between two neighbours?",
        "Where does the best rate stand among those you tried? At an end nobody knows what lies beyond it: try the next one "
        "there, and ask again.",
        "A comparison with nan is always false, so `min` may keep it. Which number is worse than any loss?",
    ),
    tests=(_too_many,),
    cases=(
        _search("0.07 is best", (0.02, 0.06, 0.18), 8, lowest=0.07),
        _search("0.9 is best", (0.02, 0.06, 0.18), 8, lowest=0.9),
        _search("0.004 is best", (0.02, 0.06, 0.18), 8, lowest=0.004),
        _search("0.1 and more diverge", (0.02, 0.06, 0.18), 8, lowest=1, diverges=0.1),
        _search("0.01 and more diverge", (0.02, 0.06, 0.18), 8, lowest=1, diverges=0.01),
        _search("more is always better", (0.02, 0.06, 0.18), 5, lowest=1e9),
        _search("0.02 is unlucky", (0.01, 0.02, 0.04, 0.08), 6, lowest=0.03, unlucky=(0.02,)),
        _search("0.001 is best", (0.1, 0.2), 9, lowest=0.001),
    ),
    more=(_search("0.5 and more diverge", (0.01, 0.1, 1.0), 4, lowest=0.3, diverges=0.5),),
    mistakes=(
        Mistake("Your search ends with the grid. If its best rate is the last one, who knows that the next would be worse?",
                GridAlone.function()),
        Mistake("You look beyond the grid once. What if the rate that you find there is at the end again?", OneMore.function()),
        Mistake(TOO_MANY),
        Mistake("You go on until all tries are spent. What can another rate still tell, once the best has a worse one on either "
                "side?", ToTheLastTry.function()),
        Mistake("You train the old rates again in every round. What do you know of them already?", AllAnew.function()),
        Mistake("Your search only goes up. Where does it look when the smallest rate is the best?", UpAlone.function()),
        Mistake("Your search only goes down. Where does it look when the largest rate is the best?", DownAlone.function()),
        Mistake("Beyond the grid your rates are twice or half the last. By which factor do those of the grid differ?",
                ByTwo.function()),
        Mistake("You chose a rate that diverged: its loss is nan, for `argmin` the smallest. What should it count as?",
                NanIsSmallest.function()),
        Mistake("Your search stays at a rate that diverged: for `min` no loss is smaller than nan. What should nan count as?",
                NanIsNeverLeft.function()),
        Mistake("You forget the rates that diverged and try them again. Is none of them the worse neighbour that you look for?",
                NanIsForgotten.function()),
        Mistake("You take the largest rate that trains at all. Which of those that train has the smallest loss?",
                LargestThatTrains.function()),
        Mistake("You take the rate with the largest loss. Is a loss good when it is large?", WorstOfAll.function()),
        Mistake("You climb from the smallest rate and stop where the loss first rises. Can a single run be unlucky?",
                UntilItRises.function()),
        Mistake("You return the rate that you tried last. Is it always the best of all?", LastOfAll.function()),
        Mistake("What comes back is the smallest loss. Which rate had it?", LossOfTheBest.function()),
        Mistake("You train the best rate a second time. What does that cost, and what does it tell?", TrainedOnceMore.function()),
    ),
    fits=lambda answer: answer,
)  # fmt: skip

LABS = (GRADIENT_NORMS, BEST_RATE)
