"""A race of the reader's own: it tells what differs, trains in turns within its time, and answers beside the prediction."""

from types import SimpleNamespace

import pytest
import striped
import torch
from torch import nn

from cnn_course import data, experiments, models, training
from cnn_course.experiments import racing
from cnn_course.training import evaluation


@pytest.fixture(scope="module")
def cifar():
    return striped.cifar(64, 200)


def own():
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 10))


def raced(cifar, a="lenet5", b=own, budget="0.001 s", **settings):
    return experiments.race("?", a, b, **{"budget": budget, "cifar": cifar, "epochs": 1, "quiet": True, **settings})


def rows(history):
    """All but what a clock says."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]


def paired(race):
    """Both have the seeds 0, 1, 2 and so on, each once."""
    return all([run.seed for run in runs] == list(range(race.seeds)) for runs in race.runs.values())


def test_a_race_names_what_differs_and_answers_with_an_interval(cifar, capsys):
    race = experiments.race("Do ten classes need five layers?", own, "lenet5", predicted=1.5, budget="1 s", cifar=cifar, epochs=1)
    told = capsys.readouterr().out
    assert "The same for all: 1 epoch of 64 images" in told and "own lenet5" in " ".join(told.split())
    assert "parameters 5,354 62,006" in " ".join(told.split())  # what differs in rows, the networks in columns
    assert race.seeds >= 2 and str(race).startswith("Do ten classes need five layers?\nown against lenet5: ")
    low, high = race.difference().interval
    verdict = "inside" if low <= 1.5 <= high else "outside"
    assert f"{race.seeds} seeds each, 200 test images.\nYou predicted +1.5 points: {verdict} the interval" in str(race)


def test_runs_are_those_of_fit_with_the_seeds_in_turn_and_can_go_on(cifar):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    race = raced(cifar, ("lenet5", training.Recipe(lr=0.1)), "lenet5")
    assert torch.rand(1) == expected  # torch's own stream was left alone
    assert list(race.runs) == ["lenet5 (first)", "lenet5 (second)"] and race.seeds == 2
    race.longest = 0.0  # whatever the first two took, there is time for a third
    race.go_on(0.1, quiet=True)
    assert race.seeds > 2 and paired(race)
    torch.manual_seed(1)
    again = training.fit(models.build("lenet5"), cifar, 1, seed=1, quiet=True)
    assert rows(race.runs["lenet5 (second)"][1]) == rows(again)


def test_it_stays_within_its_time_and_testing_is_part_of_it(cifar, monkeypatch):
    evaluate, now = evaluation.evaluate, 0.0

    def slowly(*arguments):
        nonlocal now
        now += 0.4  # only a test takes time, and each takes the same
        return evaluate(*arguments)

    monkeypatch.setattr(evaluation, "evaluate", slowly)
    monkeypatch.setattr(racing, "time", SimpleNamespace(monotonic=lambda: now))
    race = raced(cifar, budget="3 s")
    assert race.longest == pytest.approx(0.8) and race.seeds == 3 and now == pytest.approx(2.4)


def test_what_a_seed_took_is_remembered_and_a_budget_that_holds_none_is_told(cifar, capsys):
    race = raced(cifar)
    race.longest = 75.0
    assert race.go_on("1 min").seeds == 2
    assert "Nothing was trained: a seed of both takes about 75 s, the budget is 60 s." in capsys.readouterr().out


def test_two_seeds_are_trained_whatever_they_take_and_that_is_told(cifar, capsys):
    assert raced(cifar, budget="0.01 s", quiet=False).seeds == 2
    assert "two are needed, and take more than the budget." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limit", "spent", "pair", "owed", "left"),
    [(60, 10, 0, 2, 50), (60, 10, 20, 2, 50), (60, 10, 25, 2, 40), (60, 10, 100, 2, 190), (60, 40, 35, 0, 0), (60, 80, 35, 2, 0)],
)
def test_the_time_left_is_that_of_the_seeds_that_are_still_to_come(limit, spent, pair, owed, left):
    assert racing._left(limit, spent, pair, owed) == left


def test_progress_tells_the_time_left_and_whose_turn_it_is(cifar, capsys):
    raced(cifar, budget="2 s", quiet=False)
    told = capsys.readouterr().out
    assert " s left, until " in told and "seed no. 1, lenet5" in told and "seed no. 2, own" in told


# ------------------------------------------------------------------------------- interrupts
def cut(monkeypatch, turn, where="fit"):
    """Interrupt at the turn-th training (or test) of a race; those before and after it go through."""
    home = {"fit": training, "evaluate": evaluation}[where]
    work, calls = getattr(home, where), []

    def interrupted(*arguments, **settings):
        calls.append(1)
        if len(calls) == turn:
            raise KeyboardInterrupt
        return work(*arguments, **settings)

    monkeypatch.setattr(home, where, interrupted)
    return calls


@pytest.mark.parametrize("where", ["fit", "evaluate"])
@pytest.mark.parametrize("turn", [1, 2, 3, 4])
def test_an_interrupt_keeps_every_finished_run_and_the_seeds_stay_paired(cifar, monkeypatch, capsys, turn, where):
    calls = cut(monkeypatch, turn, where)
    race = raced(cifar)
    told = capsys.readouterr().out
    seeds = (turn - 1) // 2
    assert race.seeds == seeds and paired(race)
    kept = f"{seeds} seed{'s' * (seeds != 1)} of both {'is' if seeds == 1 else 'are'} kept"
    assert told == f'Interrupted. {kept}{"" if turn % 2 else ", and the next one of lenet5"}. `.go_on("5 min")` continues.\n'
    race.go_on(0.01, quiet=True)
    assert race.seeds == 2 and paired(race) and len(calls) == 5  # four runs, and only the one that was cut begins again
    assert {label: [rows(run) for run in runs] for label, runs in race.runs.items()} == {
        label: [rows(run) for run in runs] for label, runs in raced(cifar).runs.items()
    }


@pytest.mark.parametrize("place", ["in an epoch", "as progress is told"])
def test_an_interrupt_that_a_training_takes_for_itself_stops_the_race(cifar, monkeypatch, capsys, place):
    asked = []

    def stop(*_, **__):
        asked.append(1)
        if place == "in an epoch" or len(asked) == 2:  # told first before a training, then in it
            raise KeyboardInterrupt
        return 0.0

    with monkeypatch.context() as patch:
        patch.setattr(data, "batches", stop) if place == "in an epoch" else patch.setattr(racing, "_left", stop)
        race = raced(cifar)
    assert race.seeds == 0 and str(race) == "? No seed of both has been trained yet."
    assert capsys.readouterr().out == 'Interrupted. 0 seeds of both are kept. `.go_on("5 min")` continues.\n'
    assert race.go_on(0.01, quiet=True).seeds == 2 and paired(race)


def test_an_interrupt_between_two_statements_pairs_nothing_twice(cifar):
    race = raced(cifar)
    race.half = {label: runs[-1] for label, runs in race.runs.items()}  # as right after `runs` was set
    race.longest = 0.0
    race.go_on(0.1, quiet=True)
    assert race.seeds > 2 and paired(race)


def test_a_network_that_diverges_ends_the_race_in_a_sentence(cifar, capsys):
    race = raced(cifar, b=("lenet5", training.Recipe(lr=1e9)), epochs=3)
    assert race.seeds == 0 and "The race ended at seed no. 1, which is left out: the loss of lenet5 (second) is" in str(race)
    assert "Recipe(lr=" in capsys.readouterr().out


# ------------------------------------------------------------------------------- what else can be given
def test_validation_images_and_images_that_are_no_photographs_are_named(cifar):
    race = raced(cifar.validation(24))
    assert "2 seeds each, 24 validation images." in str(race)
    assert str(race).endswith("Stand-in images drawn by code, not CIFAR-10.")


def test_blocks_of_the_readers_own_race_against_the_courses(cifar):
    class Block(models.BasicBlock):
        pass

    race = raced(cifar, lambda: models.build("resnet20", block=Block), "resnet20")
    assert list(race.runs) == ["resnet20 (first)", "resnet20 (second)"] and race.difference().points == 0


def test_a_network_with_lazy_layers_has_a_sheet_too(cifar, capsys):
    race = raced(cifar, lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), "lenet5", quiet=False)
    assert race.seeds == 2 and "30,730" in capsys.readouterr().out.replace(" ", "")


SAME = own()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"a": "lenet"}, "no model is called 'lenet'"),
        ({"a": own()}, "expected a name, or what builds a new network"),
        ({"a": lambda: 3}, "makes an int; expected an nn.Module"),
        ({"a": lambda: SAME}, "Sequential is the same network each time; expected a new one for each seed"),
        ({"a": lambda: nn.Sequential(nn.Flatten(), nn.Linear(9, 10))}, "Sequential cannot be trained: "),
        ({"a": lambda: nn.Conv2d(3, 10, 3)}, "Conv2d cannot be trained: "),
        ({"a": lambda: nn.Sequential(nn.Flatten(), nn.Linear(3072, 5))}, "the training labels run from 0 to 9"),
        ({"a": nn.Identity}, "Identity cannot be trained: Identity has no parameters"),
        ({"b": "alexnet"}, "alexnet cannot be trained: alexnet takes images (N, 3, 227, 227)"),
        ({"a": ("lenet5", 0.1)}, "beside a network stands 0.1; expected a Recipe"),
        ({"a": own}, "both are one and the same network"),
        ({"a": "lenet5", "b": ("lenet5", training.Recipe())}, "both are one and the same network"),
        ({"budget": "long"}, "budget is 'long'; expected a time such as \"10 min\""),
        ({"budget": "100 ms"}, "budget is '100 ms'"),
        ({"budget": 0}, "budget is 0"),
        ({"budget": float("inf")}, "budget is inf"),
        ({"predicted": "3 points"}, "predicted is '3 points'; expected by how many points"),
    ],
    ids=["unknown", "a network", "no network", "not a new one", "wrong size", "no logits", "few classes", "no parameters",
         "large images", "no recipe", "one function", "one recipe", "budget in words", "budget in ms", "budget 0",
         "budget without end", "prediction in words"],
)  # fmt: skip
def test_what_cannot_run_is_named_before_anything_is_trained(cifar, monkeypatch, change, words):
    monkeypatch.delattr(training, "fit")
    with pytest.raises(ValueError) as raised:
        raced(cifar, **{"a": "lenet5", **change})
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("given", "expected"), [("90 s", 90), ("10 min", 600), ("5 m", 300), ("1 hour", 3600), ("1.5h", 5400), (12, 12)]
)
def test_a_budget_is_read_as_people_write_it(given, expected):
    assert experiments.racing.seconds(given) == expected
