"""A comparison of the reader's own: two networks, a prediction, and as many seeds in turns as the time allows."""

import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from torch import nn
from tqdm import tqdm

from cnn_course import data, models, show, training
from cnn_course.experiments import fairness, paired
from cnn_course.training import gate
from cnn_course.training.device import seeded
from cnn_course.training.evaluation import right_images
from cnn_course.values import is_number, kind

FEWEST = 2  # seeds of each, or nothing is known of others
UNITS = {"s": 1, "m": 60, "h": 3600}
Runner = str | Callable[[], nn.Module] | tuple


@dataclass
class Race:
    """Two networks on the same images, seed by seed. Printed, it answers its question and holds the prediction against it.

    predicted: by how many points the first was said to win, negative where it was said to lose; None where nothing was said.
    runs: of both the same seeds, 0, 1, 2 and so on. half: the next seed's run of one of them, where the other has not finished.
    longest: the seconds that the slowest seed took, training and testing both. remark: what ended the race before its time.
    """

    question: str
    runners: dict[str, tuple[Callable[[], nn.Module], training.Recipe]]
    cifar: data.Cifar10
    epochs: int
    predicted: float | None = None
    runs: dict[str, list[training.History]] = field(default_factory=dict)
    half: dict[str, training.History] = field(default_factory=dict)
    longest: float = 0.0
    remark: str = ""

    def sheet(self):
        """What differs between the two besides what is asked; see `experiments.sheet`."""
        seen, device = self.epochs * len(self.cifar.train), training.best_device()
        rows = {}
        for label, (make, recipe) in self.runners.items():
            gate.complete(net := _built(make, 0), self.cifar.train.images)
            rows[label] = fairness.facts(net, recipe, seen, device)
        return fairness.unlike(rows, f"{self.epochs} epoch{'s' * (self.epochs != 1)} of {len(self.cifar.train):,} images")

    def go_on(self, budget: str | float = "10 min", quiet: bool = False) -> "Race":
        """Train and test both with one seed after the other, while another fits into the budget; the Race, printed, answers.

        budget: "10 min", "90 s", "1 h", or seconds. The first two seeds are trained whatever they take. Interrupted, or where a
        network diverges, it keeps every run that was finished, and the next call begins with the one that is missing.
        """
        limit, begun, owed = seconds(budget), time.monotonic(), FEWEST - self.seeds
        self.remark = ""
        if owed <= 0 and self.longest > limit:
            print(f"Nothing was trained: a seed of both takes about {_words(self.longest)}, the budget is {_words(limit)}.")
        with tqdm(bar_format="{percentage:3.0f}%|{bar:20}| {desc}", total=1, file=sys.stdout, leave=False, disable=quiet) as bar:

            def tell(label, place, done):
                """Say how long it takes yet; `done` of the run of the runner in this place is over."""
                now, share = time.monotonic(), (place + done) / len(self.runners)
                pair = max(self.longest, (now - start) / share if share else 0)
                left = _left(limit, now - begun, pair, owed)
                bar.n, bar.total = now - begun, now - begun + left + 1e-9
                end = f"{datetime.now() + timedelta(seconds=left):%H:%M}"
                bar.set_description_str(f"about {_words(left)} left, until {end}: seed no. {self.seeds + 1}, {label}")

            try:
                while self.seeds < FEWEST or time.monotonic() - begun + self.longest <= limit:
                    start = time.monotonic()
                    self.half = {label: history for label, history in self.half.items() if history.seed == self.seeds}
                    whole = not self.half
                    for place, label in enumerate(self.runners):
                        if label not in self.half:
                            self.half[label] = self._run(label, partial(tell, label, place))
                    # both in one step: an interrupt comes before or after it, and never leaves one with a seed more
                    self.runs = {label: [*self.runs.get(label, ()), self.half[label]] for label in self.runners}
                    if whole:
                        self.longest = max(self.longest, time.monotonic() - start)
                    if self.seeds == 1 < owed and 2 * self.longest > limit and not quiet:
                        bar.write(f"A seed of both takes {_words(self.longest)}; two are needed, and take more than the budget.")
            except KeyboardInterrupt:
                print(f'Interrupted. {self._kept()} `.go_on("5 min")` continues.')
            except training.Diverged as error:
                self.remark = f"The race ended at seed no. {self.seeds + 1}, which is left out: {error}."
                print(f"{self.remark} {self._kept()}")
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
        return paired.difference(a, b, runs_a, runs_b)

    def __str__(self):
        if not self.seeds:
            return f"{self.question} No seed of both has been trained yet. {self.remark}".rstrip()
        found, images = self.difference(), f"{len(self.cifar.test):,} {self.cifar.held_out} images"
        lines = [self.question, f"{found}.", f"{_counted(self.seeds)} each, {images}."]
        if self.predicted is not None:
            low, high = found.interval
            verdict = "inside the interval"
            if not low <= self.predicted <= high:
                verdict = f"outside the interval, too {'low' if self.predicted < low else 'high'}"
            lines.append(f"You predicted {self.predicted:+.1f} points: {verdict}.")
        if self.cifar.note:
            lines.append(f"{self.cifar.note[0].upper()}{self.cifar.note[1:]}.")
        return show.prose("\n".join(filter(None, [*lines, self.remark])))

    __repr__ = __str__

    def _kept(self):
        """What is there, in words."""
        one = next((f", and the next one of {label}" for label, run in self.half.items() if run.seed == self.seeds), "")
        return f"{_counted(self.seeds)} of both {'is' if self.seeds == 1 else 'are'} kept{one}."

    def _run(self, label, tell):
        """Train and test one network with the next seed; tell(share of it that is done). KeyboardInterrupt if it was cut."""
        (make, recipe), seed, told = self.runners[label], self.seeds, 0

        def after_an_epoch(history):
            nonlocal told
            tell(len(history.rows) / (self.epochs + 1))  # testing it once more counts for an epoch
            told += 1

        tell(0)
        net = _built(make, seed)
        history = training.fit(net, self.cifar, self.epochs, recipe, seed, name=label, quiet=True, on_epoch=after_an_epoch)
        if told < self.epochs:  # `fit` takes an interrupt for itself
            raise KeyboardInterrupt
        history.keep_right(right_images(net, self.cifar.test))
        return history


def race(
    question: str, a: Runner, b: Runner, predicted: float | None = None, budget: str | float = "10 min",
    cifar: data.Cifar10 | None = None, epochs: int | None = None, quiet: bool = False
) -> Race:  # fmt: skip
    """Train two networks in turns, seed by seed, for as long as the budget lasts; print the Race to read the answer.

    a, b: a name for `models.build`; a function that builds a network, the reader's own class for instance; or a pair of one of
    these and a Recipe. predicted: by how many points a will be ahead. cifar, epochs: the lesson's, if left out. What differs
    between the two besides what is asked is printed first. Both see the same images in the same order, one seed after the other.

    Raises ValueError for what cannot run, before anything is trained, and where both are one and the same.
    """
    if predicted is not None and not is_number(predicted):
        raise ValueError(f"predicted is {predicted!r}; expected by how many points the first will be ahead, such as 1.5")
    seconds(budget)
    if cifar is None or epochs is None:
        small, usual = training.lesson(cifar or data.load(quiet=True))
        cifar, epochs = small if cifar is None else cifar, usual if epochs is None else epochs
    if _plain(a) == _plain(b):
        raise ValueError("both are one and the same network with one recipe; change what the question asks about in one of them")
    runners = [_runner(given, cifar) for given in (a, b)]
    if runners[0][0] == runners[1][0]:  # one name: told apart by what else was given
        runners = [(f"{label} ({place})", runner) for place, (label, runner) in zip(("first", "second"), runners, strict=True)]
    found = Race(question, dict(runners), cifar, epochs, predicted)
    if not quiet:
        sheet = found.sheet()
        print(show.prose(sheet.attrs["caption"]))
        unlike = sheet.T.apply(lambda column: column.map(fairness.words))
        print(unlike.to_string() if len(unlike) else "Nothing that the course can see differs between the two.")
    return found.go_on(budget, quiet)


def seconds(budget: str | float) -> float:
    """A budget in seconds. ValueError for what is none."""
    if is_number(budget) and budget > 0:
        return float(budget)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|secs?|seconds?|m|mins?|minutes?|h|hours?)\s*", str(budget))
    if not found or float(found[1]) == 0:
        raise ValueError(f'budget is {budget!r}; expected a time such as "10 min", "90 s" or "1 h", or seconds')
    return float(found[1]) * UNITS[found[2][0]]


def _left(limit, spent, pair, owed):
    """Seconds until the race ends, where a seed of both takes `pair`, 0 if nobody knows, and `owed` of them come in any case."""
    whole = max(owed, limit // pair) * pair if pair else limit
    return max(0.0, whole - spent)


def _words(time_):
    return f"{time_:.0f} s" if time_ < 90 else f"{time_ / 60:.0f} min" if time_ < 5400 else f"{time_ / 3600:.1f} h"


def _counted(seeds):
    return f"{seeds} seed{'s' * (seeds != 1)}"


def _plain(given):
    """(what builds the network, recipe), whichever way it was given."""
    return given if isinstance(given, tuple) and len(given) == 2 else (given, training.Recipe())


def _built(make, seed):
    """A network with the weights of a seed; torch's own stream of random numbers goes on as it was."""
    with seeded(seed):
        return make()


def _runner(given, cifar):
    """(label, (what builds the network, recipe)), after a trial of both."""
    what, recipe = _plain(given)
    if not isinstance(recipe, training.Recipe):
        raise ValueError(f"beside a network stands {recipe!r}; expected a Recipe, such as training.Recipe(lr=0.1)")
    name = what if isinstance(what, str) else ""
    if name:
        models.family(name)  # an unknown name raises here
        what = partial(models.build, name)
    if isinstance(what, nn.Module) or not callable(what):
        raise ValueError(
            f"a runner is {what!r:.60}; expected a name, or what builds a new network for each seed: lambda: Net(...)"
        )
    first, second = _built(what, 0), _built(what, 1)
    if not isinstance(first, nn.Module):
        raise ValueError(f"{what!r:.60} makes {kind(first)}; expected an nn.Module")
    named = getattr(what, "__name__", "<lambda>")
    label = name or getattr(first, "name", "") or (type(first).__name__ if named == "<lambda>" else named)
    if {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}:
        raise ValueError(f"{label} is the same network each time; expected a new one for each seed: lambda: Net(...)")
    try:
        gate.tried(first, cifar, training.best_device())
    except ValueError as error:
        raise ValueError(f"{label} cannot be trained: {error}") from error
    return label, (what, recipe)
