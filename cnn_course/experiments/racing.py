"""A comparison of the reader's own: two networks, a prediction, and as many seeds in turns as the time allows."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn
from tqdm import tqdm

from cnn_course import data, models, training
from cnn_course.experiments import fairness, paired

FEWEST = 2  # seeds of each, or nothing is known of others
UNITS = {"s": 1, "sec": 1, "min": 60, "h": 3600}
Runner = str | Callable[[], nn.Module] | tuple


@dataclass
class Race:
    """Two networks on the same images, seed by seed. Printed, it answers its question and holds the prediction against it.

    predicted: by how many points the first was said to win, negative where it was said to lose; None where nothing was said.
    """

    question: str
    runners: dict[str, tuple[Callable[[], nn.Module], training.Recipe]]
    cifar: data.Cifar10
    epochs: int
    predicted: float | None = None
    runs: dict[str, list[training.History]] = field(default_factory=dict)

    def sheet(self):
        """What differs between the two besides what is asked; see `experiments.sheet`."""
        seen = self.epochs * len(self.cifar.train)
        rows = {label: fairness.facts(make(), recipe, seen) for label, (make, recipe) in self.runners.items()}
        return fairness.unlike(rows, f"{self.epochs} epochs of {len(self.cifar.train):,} images")

    def go_on(self, budget: str | float = "10 min", quiet: bool = False) -> "Race":
        """Train both with one seed after the other until the budget would be exceeded; interrupted, it keeps whole seeds.

        budget: "10 min", "90 s", "1 h", or seconds. Two seeds are trained whatever they take.
        """
        limit, begun, longest = seconds(budget), time.monotonic(), 0.0
        with tqdm(total=round(limit), desc="race", unit="s", leave=False, disable=quiet) as bar:
            try:
                while self.seeds < FEWEST or time.monotonic() - begun + longest <= limit:
                    start, seed = time.monotonic(), self.seeds
                    pair = {label: self._run(label, seed) for label in self.runners}
                    for label, history in pair.items():
                        self.runs.setdefault(label, []).append(history)
                    longest = max(longest, time.monotonic() - start)
                    bar.set_postfix_str(f"{self.seeds} seeds", refresh=False)
                    bar.update(min(round(time.monotonic() - begun), bar.total) - bar.n)
            except KeyboardInterrupt:
                print(f'Interrupted; {self.seeds} whole seeds are kept. `.go_on("5 min")` continues.')
        return self

    @property
    def seeds(self) -> int:
        """How many seeds both have."""
        return min((len(self.runs.get(label, ())) for label in self.runners), default=0)

    def difference(self) -> paired.Difference:
        """How much better the first is, and how sure that is. ValueError before the first whole seed."""
        if not self.seeds:
            raise ValueError("no seed has been trained by both: call .go_on()")
        (a, runs_a), (b, runs_b) = self.runs.items()
        return paired.difference(a, b, runs_a, runs_b, len(self.cifar.test))

    def __str__(self):
        if not self.seeds:
            return f"{self.question} Nothing has been trained yet."
        found = self.difference()
        text = f"{self.question}\n{found}.\n{self.seeds} seeds each, {len(self.cifar.test):,} {self.cifar.held_out} images."
        if self.predicted is None:
            return text
        low, high = found.interval
        inside = low <= self.predicted <= high
        verdict = "inside the interval" if inside else f"outside the interval, too {'low' if self.predicted < low else 'high'}"
        return f"{text}\nYou predicted {self.predicted:+.1f} points: {verdict}."

    __repr__ = __str__

    def _run(self, label, seed):
        make, recipe = self.runners[label]
        torch.manual_seed(seed)
        net = make()
        history = training.fit(net, self.cifar, self.epochs, recipe, seed, name=label, quiet=True)
        if len(history.rows) < self.epochs:
            raise KeyboardInterrupt
        history.keep_right((training.evaluate(net, self.cifar.test).predictions == self.cifar.test.labels).numpy())
        return history


def race(
    question: str, a: Runner, b: Runner, predicted: float | None = None, budget: str | float = "10 min",
    cifar: data.Cifar10 | None = None, epochs: int | None = None, quiet: bool = False
) -> Race:  # fmt: skip
    """Train two networks in turns, seed by seed, for as long as the budget lasts; print the Race to read the answer.

    a, b: a name for `models.build`; a function that builds a network, the reader's own class for instance; or a pair of one of
    these and a Recipe. predicted: by how many points a will be ahead. cifar, epochs: the lesson's, if left out. What differs
    between the two besides what is asked is printed first. Both see the same images in the same order, one seed after the other.

    Raises ValueError for what cannot run, and where both are one and the same.
    """
    if cifar is None or epochs is None:
        small, usual = training.lesson(cifar or data.load(quiet=True))
        cifar, epochs = small if cifar is None else cifar, usual if epochs is None else epochs
    seconds(budget)
    runners = dict(map(_runner, (a, b)))
    if len(runners) < 2:  # one name: told apart by what else was given
        runners = {
            f"{label} ({place})": runner for place, (label, runner) in zip(("first", "second"), map(_runner, (a, b)), strict=True)
        }
    found = Race(question, runners, cifar, epochs, predicted)
    sheet = found.sheet()
    if not quiet:
        print(sheet.attrs["caption"])
        print(sheet.to_string() if len(sheet.columns) else "Nothing that the course can see differs between the two.")
    return found.go_on(budget, quiet)


def seconds(budget: str | float) -> float:
    """A budget in seconds. ValueError for what is none."""
    if isinstance(budget, (int, float)) and not isinstance(budget, bool) and budget > 0:
        return float(budget)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|min|h)\w*\s*", str(budget))
    if not found or float(found[1]) == 0:
        raise ValueError(f'budget is {budget!r}; expected a time such as "10 min", "90 s" or "1 h", or seconds')
    return float(found[1]) * UNITS[found[2]]


def _runner(given):
    """(label, (what builds the network, recipe))."""
    what, recipe = given if isinstance(given, tuple) else (given, training.Recipe())
    if not isinstance(recipe, training.Recipe):
        raise ValueError(f"beside a network stands {recipe!r}; expected a Recipe, such as training.Recipe(lr=0.1)")
    if isinstance(what, str):
        models.family(what)  # an unknown name raises here
        return what, (lambda: models.build(what), recipe)
    if isinstance(what, nn.Module) or not callable(what):
        raise ValueError(
            f"a runner is {what!r:.60}; expected a name, or what builds a new network for each seed: lambda: Net(...)"
        )
    if not isinstance(made := what(), nn.Module):
        raise ValueError(f"{what!r:.60} makes a {type(made).__name__}; expected an nn.Module")
    label = getattr(made, "name", "") or (
        what.__name__ if getattr(what, "__name__", "<lambda>") != "<lambda>" else type(made).__name__
    )
    return label, (what, recipe)
