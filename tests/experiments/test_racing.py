"""A race of the reader's own: it tells what differs, trains in turns within its time, and answers beside the prediction."""

import time

import pytest
import torch
from torch import nn

from cnn_course import data, experiments, models, training


@pytest.fixture(scope="module")
def cifar():
    return data.load(quiet=True).subset(64, 200)


def own():
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 10))


def test_a_race_names_what_differs_and_answers_with_an_interval(cifar, capsys):
    race = experiments.race("Do ten classes need five layers?", own, "lenet5", predicted=1.5, budget="1 s", cifar=cifar, epochs=1)
    told = capsys.readouterr().out
    assert "The same for all: 1 epochs of 64 images" in told and "parameters" in told and "own" in told and "lenet5" in told
    assert race.seeds >= 2 and str(race).startswith("Do ten classes need five layers?\nown against lenet5: ")
    low, high = race.difference().interval
    verdict = "inside" if low <= 1.5 <= high else "outside"
    assert f"You predicted +1.5 points: {verdict} the interval" in str(race)


def test_runs_are_those_of_fit_with_the_seeds_in_turn_and_can_go_on(cifar):
    race = experiments.race(
        "Which rate?", ("lenet5", training.Recipe(lr=0.1)), "lenet5", budget=0.1, cifar=cifar, epochs=1, quiet=True
    )
    assert list(race.runs) == ["lenet5 (first)", "lenet5 (second)"] and race.seeds == 2
    race.go_on("0.1 s", quiet=True)
    assert race.seeds >= 2
    torch.manual_seed(1)
    again = training.fit(models.build("lenet5"), cifar, 1, seed=1, quiet=True)
    drop = lambda rows: [{name: value for name, value in row.items() if name != "seconds"} for row in rows]  # noqa: E731
    assert drop(race.runs["lenet5 (second)"][1].rows) == drop(again.rows)


def test_it_stays_within_its_time(cifar):
    begun = time.monotonic()
    race = experiments.race("?", "lenet5", own, budget="3 s", cifar=cifar, epochs=1, quiet=True)
    assert time.monotonic() - begun < 8 and race.seeds > 2


def test_an_interrupt_keeps_whole_seeds(cifar, monkeypatch, capsys):
    fit, calls = training.fit, []

    def interrupted(*arguments, **settings):
        calls.append(settings["name"])
        if len(calls) == 4:  # in the second seed of the second runner
            raise KeyboardInterrupt
        return fit(*arguments, **settings)

    monkeypatch.setattr(training, "fit", interrupted)
    race = experiments.race("?", "lenet5", own, budget="30 s", cifar=cifar, epochs=1, quiet=True)
    assert race.seeds == 1 and "1 whole seeds are kept" in capsys.readouterr().out
    assert {len(runs) for runs in race.runs.values()} == {1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"a": "lenet"}, "no model is called 'lenet'"),
        ({"a": own()}, "expected a name, or what builds a new network"),
        ({"a": lambda: 3}, "makes a int; expected an nn.Module"),
        ({"a": ("lenet5", 0.1)}, "beside a network stands 0.1; expected a Recipe"),
        ({"budget": "long"}, "budget is 'long'; expected a time such as \"10 min\""),
        ({"budget": 0}, "budget is 0"),
    ],
    ids=["unknown", "a network", "no network", "no recipe", "budget in words", "budget 0"],
)
def test_what_cannot_run_is_named_before_anything_is_trained(cifar, change, words):
    settings = {"a": "lenet5", "b": own, "budget": 1, "cifar": cifar, "epochs": 1, "quiet": True, **change}
    with pytest.raises(ValueError) as raised:
        experiments.race("?", **settings)
    assert words in str(raised.value)
