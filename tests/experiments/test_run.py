"""The runs of an experiment: what is missing is run, once; what was stopped goes on; what others have is shared."""

import base64
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import striped
import torch

from cnn_course import data, experiments, files, models, training
from cnn_course.data import augment
from cnn_course.experiments import Experiment, Variant, declared, run
from cnn_course.training import checkpoint


def test_record_runs_what_is_missing(small):
    run.record("first", seeds=(1,), quiet=True)
    before = experiments.recorded("first")
    assert experiments.missing("first") == [(0, "plain"), (0, "flipped")] and list(before.runs) == ["plain", "flipped"]
    run.record("first", quiet=True)
    kept = experiments.recorded("first")
    assert kept.seeds == 2 and not experiments.missing("first")
    for label, group in kept.runs.items():  # seconds and all: what was there was not run again
        assert [history.seed for history in group] == [0, 1] and group[1] == before.runs[label][0]
    written = (small / "first.json").read_bytes()
    run.record("first", quiet=True)
    assert (small / "first.json").read_bytes() == written


def test_a_run_is_kept_with_all_that_made_it(small):
    run.record("first", seeds=(0,), quiet=True)
    kept = experiments.recorded("first")
    history = kept.find("flipped", 0)
    assert (history.network, history.label, history.family) == ("lenet5", "flipped", "LeNet")
    assert (history.train_images, history.split, len(history.rows)) == (60, "test", 2)
    right = np.unpackbits(np.frombuffer(base64.b64decode(history.right), dtype=np.uint8), count=20)
    assert right.mean() == pytest.approx(history.test_accuracy)
    torch.manual_seed(0)
    net = models.build("lenet5")
    training.fit(net, run._cifar(60, 20), 2, declared.find("first").variants["flipped"].recipe, seed=0, quiet=True)
    said = training.evaluate(net, run._cifar(60, 20).test).predictions
    assert right.tolist() == (said == run._cifar(60, 20).test.labels).int().tolist()
    learned = training.evaluate(net, run._cifar(60, 20).train.subset(20)).accuracy  # as many as are tested, as they are
    assert history.learned == pytest.approx(learned, abs=1e-5)
    (machine,) = kept.machines
    assert (machine["torch"], machine["threads"]) == (torch.__version__, torch.get_num_threads())
    assert (machine["device"], machine["precision"]) == (history.device, history.precision)
    row = kept.table().loc["flipped"]
    assert row.runs == 1 and row.parameters == 62_006 and row["multiply-adds"] == 651_720
    assert kept.command == "python -m cnn_course record first"


def test_a_run_of_another_experiment_is_taken_over(small):
    run.record("first", quiet=True)
    run.record("third", quiet=True)
    first, third = experiments.recorded("first"), experiments.recorded("third")
    for seed in (0, 1):  # no other training takes the same seconds
        assert third.find("as before", seed).rows == first.find("plain", seed).rows
        assert third.find("slower", seed).rows != first.find("plain", seed).rows
    assert third.find("as before", 0).label == "as before"


def test_experiments_at_once_share_runs_and_go_seed_by_seed(small, capsys):
    run.record("first", "third")
    said = [line.rpartition(":")[0] for line in capsys.readouterr().out.splitlines()]
    labels = ("first, plain", "third, as before", "first, flipped", "third, slower")
    assert said == [f"{label}, seed {seed}" for seed in (0, 1) for label in labels]
    first, third = experiments.recorded("first"), experiments.recorded("third")
    assert third.find("as before", 0).rows == first.find("plain", 0).rows


@pytest.mark.parametrize("together", [True, False])
def test_weights_that_are_wanted_are_kept_whoever_else_has_the_run(small, together):
    if not together:
        run.record("first", quiet=True)
    run.record(*["first", "second"][not together :], quiet=True)
    assert not experiments.missing("second") and [path.name for path in small.glob("*.safetensors")] == [
        "as before-1.safetensors"
    ]


def test_recording_goes_on_in_the_epoch_where_it_was_stopped(small, monkeypatch):
    def stop(history):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "fit", partial(training.fit, on_epoch=stop))
        run.record("third", seeds=(0,), quiet=True)
    assert not experiments.recorded("third").runs
    (part,) = (files.cache_folder() / "recording").glob("*.pt")
    (done,) = checkpoint.read(part, {})["rows"]
    run.record("third", seeds=(0,), quiet=True)
    rows = experiments.recorded("third").find("as before", 0).rows
    assert rows[0]["seconds"] == round(done["seconds"], 5) and not part.exists()  # that epoch was not run again
    torch.manual_seed(0)
    straight = training.fit(models.build("lenet5"), run._cifar(60, 20), 2, seed=0, quiet=True)
    assert rows[1]["train_loss"] == round(straight.rows[1]["train_loss"], 5)


def test_processes_side_by_side_share_the_threads_and_survive_one_that_diverges(tmp_path, monkeypatch):
    if not data.load(quiet=True).is_real:
        pytest.skip("needs the real CIFAR-10, which the processes load")
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    variants = {"a": Variant("lenet5"), "b": Variant("lenet5", recipe=training.Recipe(lr=1e9))}
    monkeypatch.setattr(declared, "EXPERIMENTS", {"small": Experiment("small", "?", variants, 1, 64, 10, seeds=(0, 1))})
    with pytest.raises(training.Diverged, match="learning rate"):
        run.record("small", jobs=2, quiet=True)
    kept = experiments.recorded("small")
    assert kept.seeds == 2 and list(kept.runs) == ["a"]
    assert {history.threads for history in kept.runs["a"]} == {max(1, torch.get_num_threads() // 2)}


def test_nothing_is_recorded_on_the_stand_in(small, monkeypatch):
    monkeypatch.setattr(data, "load", lambda quiet=False: striped.cifar(60, 20))
    with pytest.raises(data.DataError, match="python -m cnn_course data"):
        run.record("first", quiet=True)
    assert not list(small.glob("*.json"))
    with pytest.raises(ValueError, match="The experiments are: first, second, third"):
        run.record("fourth", quiet=True)


def test_an_experiment_is_recorded_by_one_process_at_a_time(small):
    with run._alone("first"):
        with pytest.raises(RuntimeError, match="another process is recording first"):
            run.record("third", "first", quiet=True)
        run.record("third", seeds=(0,), quiet=True)  # what was locked before the refusal is free again
    run.record("first", seeds=(0,), quiet=True)
    assert not experiments.missing("first", (0,))


# ------------------------------------------------------------------------------- learning rates
@pytest.fixture
def swept(small, monkeypatch):
    """An experiment whose variants look for their rates, and a made-up answer to every trial: label, rate -> accuracy."""
    variants = {"plain": Variant("lenet5"), "flipped": Variant("lenet5", recipe=training.Recipe(augment=(augment.flip,)))}
    experiment = Experiment("swept", "?", variants, 2, 60, 20, seeds=(0,), rates=(0.01, 0.02, 0.04, 0.08))
    monkeypatch.setitem(declared.EXPERIMENTS, "swept", experiment)
    best, tried = {"plain": 0.02, "flipped": 0.64}, []

    def try_rate(task):
        tried.append((task.label, task.lr))
        if task.label == "plain" and task.lr == 0.08:
            raise training.Diverged("the loss is nan", None)
        device, precision = run._here()
        accuracy = 0.9 / (1 + abs(np.log2(task.lr / best[task.label])))
        return SimpleNamespace(accuracy=accuracy, device=device, precision=precision, threads=1)

    monkeypatch.setattr(run, "_try_rate", try_rate)
    return tried


def test_every_variant_gets_the_best_rate_of_a_grid_that_grows_until_it_lies_inside(swept):
    run.record("swept", quiet=True)
    kept = experiments.recorded("swept")
    assert kept.rate("plain") == 0.02 and [rate for rate, _ in kept.sweeps["plain"]] == [0.01, 0.02, 0.04, 0.08]
    assert dict(kept.sweeps["plain"])[0.08] is None  # it diverged
    assert kept.rate("flipped") == 0.64 and [rate for rate, _ in kept.sweeps["flipped"]][-3:] == [0.32, 0.64, 1.3]
    assert "lr=0.02," in kept.variants["plain"]["settings"] and "lr=0.64," in kept.variants["flipped"]["settings"]
    assert kept.variants["plain"]["settings"] == declared.find("swept").settings("plain", 0.02) and kept.seeds == 1
    done = len(swept)
    run.record("swept", quiet=True)
    assert len(swept) == done  # what was tried is not tried again


def test_a_rate_is_tried_on_training_images_that_are_held_out(small, monkeypatch):
    seen = []

    def fit(net, cifar, epochs, recipe, seed, **settings):
        seen.append((len(cifar.train), len(cifar.test), cifar.held_out, epochs, recipe.lr, recipe.batch_size, seed))
        return training.History("lenet5", "CIFAR-10", 0, 1, 1, split="validation", rows=[{"validation_accuracy": 0.5}])

    monkeypatch.setattr(training, "fit", fit)
    assert run._try_rate(run.Task(declared.find("first"), "plain", 0, 0.3)).accuracy == 0.5
    assert seen == [(54, 6, "validation", 1, 0.3, 32, 0)]
    monkeypatch.setitem(declared.EXPERIMENTS, "first", replace(declared.find("first"), epochs=2_000))
    run._try_rate(run.Task(declared.find("first"), "plain", 0, 0.3))
    assert seen[1][5] == 128  # that of the whole run, which sees 120,000 images; the trial sees half of them


def test_a_variant_whose_recipe_names_a_rate_keeps_it(swept, monkeypatch):
    experiment = declared.find("swept")
    fixed = replace(experiment, variants=experiment.variants | {"plain": experiment.variants["plain"].at(0.5)})
    monkeypatch.setitem(declared.EXPERIMENTS, "swept", fixed)
    run.record("swept", quiet=True)
    kept = experiments.recorded("swept")
    assert list(kept.sweeps) == ["flipped"] and "lr=0.5" in kept.variants["plain"]["settings"]


@pytest.mark.parametrize(
    ("tried", "wanted"),
    [
        ([], [0.1, 0.2]),
        ([[0.1, 0.5]], [0.2]),
        ([[0.1, 0.5], [0.2, 0.6]], [0.4]),
        ([[0.1, 0.6], [0.2, 0.5]], [0.05]),
        ([[0.1, 0.5], [0.2, 0.6], [0.4, None]], []),
        ([[0.1, None], [0.2, None]], []),
    ],
)
def test_what_a_sweep_tries_next(tried, wanted):
    assert run._untried(tried, (0.1, 0.2)) == wanted and run._untried(tried, ()) == []


def test_a_run_that_began_otherwise_is_not_taken_over(small):
    run.record("first", quiet=True)
    kept = experiments.recorded("first")
    kept.runs["plain"][0].initialization = "fan_out"
    experiments.results.write(kept)
    run.record("third", quiet=True)
    again = experiments.recorded("third")
    assert again.find("as before", 0).rows != kept.find("plain", 0).rows
    assert again.find("as before", 1).rows == kept.find("plain", 1).rows
    assert {history.initialization for group in again.runs.values() for history in group} == {"fan_in"}


def test_a_record_is_not_completed_in_another_precision_nor_from_other_weights(small, swept, monkeypatch):
    run.record("first", "second", seeds=(0,), quiet=True)
    kept = experiments.recorded("second")
    kept.runs["as before"][0].initialization = "fan_out"
    experiments.results.write(kept)
    with pytest.raises(RuntimeError, match="second was recorded in .*, its weights began from fan_out; .* begin from fan_in"):
        run.record("second", quiet=True)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):  # after its rates were found, before a run
        patch.setattr(run, "_made", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        run.record("swept", quiet=True)
    monkeypatch.setattr(run, "_here", lambda: ("cpu", "float64"))
    for name in ("first", "swept"):
        with pytest.raises(
            RuntimeError, match=rf"{name} was recorded in \w+ on cpu, .*; this machine computes in float64 on cpu"
        ):
            run.record(name, quiet=True)
    assert experiments.recorded("first").seeds == 1
    run.record("first", seeds=(0,), quiet=True)  # nothing is missing


def test_an_experiment_that_asks_for_six_views_keeps_what_they_reach_and_counts_its_operations(small, monkeypatch):
    monkeypatch.setitem(declared.EXPERIMENTS, "viewed", replace(declared.find("first"), name="viewed", seeds=(0,), views=6))
    run.record("viewed", "third", seeds=(0,), quiet=True)
    kept = experiments.recorded("viewed")
    reached = [group[0].six_views for group in kept.runs.values()]
    torch.manual_seed(0)
    net = models.build("lenet5")
    training.fit(net, run._cifar(60, 20), 2, declared.find("viewed").variants["plain"].recipe, seed=0, quiet=True)
    assert reached[0] == pytest.approx(training.evaluate(net, run._cifar(60, 20).test, views=6).accuracy, abs=1e-5)
    assert list(kept.table()["six views"]) == reached
    assert set(kept.operations) == {"plain", "flipped"} and len(set(kept.operations.values())) == 1
    cost = kept.variants["plain"]["multiply_adds"]
    assert 4 < kept.operations["plain"] / (2 * 60 * cost) < 6  # two a multiply-add: forward, and twice that on the way back
    assert '"six_views"' in (small / "viewed.json").read_text() and '"six_views"' not in (small / "third.json").read_text()
