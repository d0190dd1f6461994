"""Recorded experiments: the record fits its declaration, recording goes on where it stopped, and a run can be made again."""

import json
import math
import re
from dataclasses import replace

import pytest
import striped
import torch

from cnn_course import anatomy, data, experiments, files, models, plots, training
from cnn_course.data import augment
from cnn_course.experiments import EXPERIMENTS, Experiment, Record, Variant, declared
from cnn_course.experiments import run as recording
from cnn_course.training import fitting

RECORDED = [name for name in experiments.names() if experiments.recorded(name).runs]


def lenet(recipe=None):
    return declared._net("lenet5", recipe)


@pytest.fixture
def two(tmp_path, monkeypatch):
    """Two small experiments on striped images, which share a variant; a folder of their own; how often a network is trained."""
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    same = {"epochs": 2, "train_images": 60, "test_images": 20, "seeds": (0, 1)}
    small = {
        "first": Experiment("first", "?", {"plain": lenet(), "flipped": lenet(training.Recipe(augment=(augment.flip,)))}, **same),
        "second": Experiment("second", "?", {"as before": lenet()}, **same, keep={"as before": (1,)}),
        "third": Experiment("third", "?", {"as before": lenet(), "longer": lenet(training.Recipe(lr=0.01))}, **same),
    }
    monkeypatch.setattr(declared, "EXPERIMENTS", small)
    cifar = replace(striped.cifar(60, 20), source="CIFAR-10")
    monkeypatch.setattr(data, "load", lambda quiet=False: cifar)
    recording._cifar.cache_clear()
    trained, fit = [], training.fit
    monkeypatch.setattr(training, "fit", lambda *args, **settings: trained.append(settings["name"]) or fit(*args, **settings))
    yield trained
    recording._cifar.cache_clear()


# ------------------------------------------------------------------------------- recording
def test_record_runs_what_is_missing_seed_by_seed(two):
    recording.record("first", seeds=(1,), quiet=True)
    assert two == ["plain", "flipped"] and experiments.missing("first") == [(0, "plain"), (0, "flipped")]
    recording.record("first", quiet=True)
    kept = experiments.recorded("first")
    assert two == ["plain", "flipped"] * 2 and kept.seeds == 2 and not experiments.missing("first")
    assert [history.seed for history in kept.runs["plain"]] == [0, 1]
    recording.record("first", quiet=True)
    assert len(two) == 4
    row = kept.table().loc["plain"]
    assert row.runs == 2 and 0 <= row["training accuracy"] <= 1 and row.parameters == 62_006 and row["multiply-adds"] == 651_720
    assert kept.machines[0]["torch"] == torch.__version__ and kept.command == "python -m cnn_course record first"


def test_a_run_of_another_experiment_is_taken_over_and_one_whose_weights_are_wanted_is_not(two):
    recording.record("first", quiet=True)
    recording.record("third", quiet=True)
    assert two == ["plain", "flipped"] * 2 + ["longer"] * 2
    first, third = experiments.recorded("first"), experiments.recorded("third")
    assert third.find("as before", 1).rows == first.find("plain", 1).rows
    recording.record("second", seeds=(0, 1), quiet=True)
    assert two[6:] == ["as before"] and (files.RECORDED / "as before-1.safetensors").exists()


def test_two_experiments_at_once_share_a_run(two):
    recording.record("first", "third", seeds=(0,), quiet=True)
    assert sorted(two) == ["flipped", "longer", "plain"] and not experiments.missing("third", (0,))


def test_recording_goes_on_in_the_epoch_where_it_was_stopped(two, monkeypatch):
    evaluate, asked = training.evaluate, []

    def stop(*args):
        asked.append(1)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return evaluate(*args)

    monkeypatch.setattr(training, "evaluate", stop)
    monkeypatch.setattr(fitting, "evaluate", stop)
    with pytest.raises(KeyboardInterrupt):
        recording.record("third", seeds=(0,), quiet=True)
    assert not experiments.recorded("third").runs
    recording.record("third", seeds=(0,), quiet=True)
    assert len(asked) == 2 + 2 + 3  # the first epoch of the first run was kept; and each run is asked what it has learned
    recording.record("first", seeds=(0,), quiet=True)  # takes that run over
    torch.manual_seed(0)
    straight = training.fit(models.build("lenet5"), recording._cifar(60, 20), 2, seed=0, quiet=True, name="x")
    assert experiments.recorded("first").find("plain", 0).rows[1]["train_loss"] == round(straight.rows[1]["train_loss"], 5)


def test_processes_side_by_side_share_the_threads(tmp_path, monkeypatch):
    if not data.load(quiet=True).is_real:
        pytest.skip("needs the real CIFAR-10, which the processes load")
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small = Experiment("small", "?", {"a": lenet(), "b": lenet(training.Recipe(lr=1e9))}, 1, 64, 10, seeds=(0, 1))
    monkeypatch.setattr(declared, "EXPERIMENTS", {"small": small})
    with pytest.raises(training.Diverged, match="learning rate"):
        recording.record("small", jobs=2, quiet=True)
    kept = experiments.recorded("small")
    assert kept.seeds == 2 and list(kept.runs) == ["a"]
    assert {history.threads for history in kept.runs["a"]} == {max(1, torch.get_num_threads() // 2)}


def test_nothing_is_recorded_on_the_stand_in(two, monkeypatch):
    monkeypatch.setattr(data, "load", lambda quiet=False: striped.cifar(60, 20))
    with pytest.raises(data.DataError, match="python -m cnn_course data"):
        recording.record("first", quiet=True)
    with pytest.raises(ValueError, match="the experiments are: first, second, third"):
        recording.record("fourth", quiet=True)


def test_an_experiment_is_recorded_by_one_process_at_a_time(two):
    with recording._alone("first"):
        with pytest.raises(RuntimeError, match="another process is recording first"):
            recording.record("third", "first", quiet=True)
        recording.record("third", seeds=(0,), quiet=True)  # what was locked before the refusal is free again
    recording.record("first", seeds=(0,), quiet=True)
    assert not experiments.missing("first", (0,))


def test_a_record_is_a_line_a_run_and_reads_as_it_was_written(two):
    recording.record("first", quiet=True)
    kept = experiments.recorded("first")
    text = (files.RECORDED / "first.json").read_text()
    assert sum(line.startswith('   {"name"') for line in text.splitlines()) == 4
    recording.write(kept)
    assert (files.RECORDED / "first.json").read_text() == text and json.loads(text)["name"] == "first"


def test_states_say_what_is_there_and_what_it_will_cost(two):
    recording.record("first", seeds=(0,), quiet=True)
    states = experiments.states()
    assert states.loc["first", ["recorded", "missing"]].tolist() == [2, 2]
    assert states.loc["first", "to go"] == pytest.approx(states.loc["first", "core-hours"])
    assert states.loc["third", "missing"] == 4 and states["to go"].isna().tolist() == [False, True, True]


# ------------------------------------------------------------------------------- reading
def record(**accuracies):
    runs = {
        label: [
            training.History(
                label,
                "CIFAR-10",
                seed,
                1000,
                50_000,
                learned=a + 0.05,
                rows=[
                    {"epoch": 1, "train_loss": 1.0, "train_accuracy": a, "test_loss": 1.0, "test_accuracy": a, "seconds": 60.0}
                ],
            )
            for seed, a in enumerate(group)
        ]
        for label, group in accuracies.items()
    }
    return Record("norm", "Which?", "python -m cnn_course record norm", runs=runs)


def test_difference_is_in_points_with_the_error_of_seeds_and_images():
    found = record(a=(0.90, 0.92), b=(0.80, 0.80)).difference("a", "b")
    variance = 0.91 * 0.09 / 10_000 + 0.0002 / 2 + 0.8 * 0.2 / 10_000
    assert found.points == pytest.approx(11) and found.error == pytest.approx(100 * variance**0.5) and found.measurable
    assert str(found) == "a against b: +11.0 points, standard error 1.1"
    same = record(a=(0.900,), b=(0.902,)).difference("a", "b")
    assert not same.measurable and "no measurable difference" in str(same) and "there is one seed" in str(same)
    mixed = record(a=(0.9,), b=(0.9001, 0.9003)).difference("a", "b")
    assert str(mixed).startswith("a against b: +0.0 points") and "(one seed of a)" in str(mixed)


def test_core_seconds_forgive_an_interrupted_epoch():
    history = training.History("x", "CIFAR-10", 0, 1, 1, threads=2, rows=[{"seconds": s} for s in (10, 900, 11)])
    assert history.core_seconds == 11 * 2 and replace(history, device="cuda").core_seconds == 11


def test_a_variant_costs_what_its_fastest_run_took():
    kept = record(a=(0.90, 0.92))
    kept.runs["a"][0].rows[0]["seconds"] = 600.0  # a slower machine, or one with other work
    assert kept.table().loc["a", "core-minutes"] == 1
    kept.runs["a"][1] = replace(kept.runs["a"][1], device="cuda")
    assert kept.table().loc["a", "core-minutes"] == 10  # a GPU's minutes are no core's
    kept.runs["a"][0] = replace(kept.runs["a"][0], device="cuda")
    assert math.isnan(kept.table().loc["a", "core-minutes"])


@pytest.mark.parametrize(
    ("accuracies", "epochs"), [((0.2, 0.4), 0.25), ((0.1, 0.2), 1), ((0.05, 0.14), torch.nan), ((0.9,), 0.03125)]
)
def test_epochs_to_an_accuracy_are_read_off_between_the_middles_of_epochs(accuracies, epochs):
    rows = [{"epoch": i, "train_accuracy": a} for i, a in enumerate(accuracies, start=1)]
    history = training.History("x", "CIFAR-10", 0, 1, 1, rows=rows)
    assert experiments.epochs_to(history, 0.15) == pytest.approx(epochs, nan_ok=True)


def test_a_long_title_takes_no_room_from_the_rows():
    figures = [plots.experiment(record(a=(0.90,), b=(0.80,)), "a is better, and again a is better" * times) for times in (1, 5)]
    rows = [figure.axes[0].get_position().height * figure.get_size_inches()[1] for figure in figures]
    assert rows[0] == pytest.approx(rows[1]) and figures[0].get_size_inches()[1] < figures[1].get_size_inches()[1]


def test_the_figure_says_every_mean_and_shows_every_seed():
    figure = plots.experiment(record(a=(0.90, 0.92), b=(0.80, 0.81)), "a is better", training=True)
    assert figure.alt == "Test accuracy (2 seeds): a 91.0%, b 80.5%"
    axes = figure.axes[0]
    drawn = {round(float(x), 6) for line in axes.lines for x in line.get_xdata()}
    assert {90, 92, 80, 81, 91, 80.5, 96, 85.5} <= drawn
    one = plots.experiment(record(a=(0.9,), b=(0.8, 0.8)), only=["b", "a"])
    assert "1 to 2 seeds" in one.alt and one.alt.index("b 80") < one.alt.index("a 90")
    with pytest.raises(ValueError, match="python -m cnn_course record norm"):
        plots.experiment(record())


def test_the_band_is_two_standard_errors_of_a_difference():
    figure = plots.experiment(record(a=(0.9,), b=(0.8,)))
    axes = figure.axes[0]
    band = axes.transData.inverted().transform_bbox(axes.patches[0].get_window_extent())
    assert (band.x0, band.x1) == (pytest.approx(90 - 0.6 * 2**0.5), pytest.approx(90 + 0.6 * 2**0.5))


# ------------------------------------------------------------------------------- what is kept
@pytest.mark.parametrize("name", RECORDED)
def test_the_record_was_made_as_declared(name):
    experiment, kept = EXPERIMENTS[name], experiments.recorded(name)
    assert kept.question == experiment.question and kept.command == f"python -m cnn_course record {name}" and kept.machines
    assert set(kept.runs) == set(kept.variants) <= set(experiment.variants)
    for label, group in kept.runs.items():
        variant = experiment.variants[label]
        cost = anatomy.cost(variant.build())
        assert kept.variants[label] == {
            "network": variant.network,
            "settings": experiment.settings(label),
            "parameters": cost.parameters,
            "multiply_adds": cost.macs,
        }
        for history in group:
            assert len(history.rows) == experiment.epochs and history.parameters == cost.parameters
            assert (history.train_images, history.source, history.split) == (experiment.train_images, "CIFAR-10", "test")


@pytest.mark.parametrize("name", experiments.names())
def test_every_variant_can_be_trained(name):
    for label, variant in EXPERIMENTS[name].variants.items():
        net = variant.build().train()
        assert re.match(r"\w+\(.*\), lr=", str(variant)), label
        out = net(torch.zeros(2, 3, 32, 32))
        assert (out[0] if isinstance(out, tuple) else out).shape == (2, 10), label


def test_equal_parameters_where_the_question_says_so():
    adding, appending = (anatomy.cost(v.build()).parameters for v in EXPERIMENTS["combine"].variants.values())
    assert adding == pytest.approx(appending, rel=0.01)


def test_one_lesson_run_again_begins_as_the_recorded_one():
    cifar = data.load(quiet=True)
    if not cifar.is_real:
        pytest.skip("needs the real CIFAR-10")
    torch.manual_seed(0)
    history = training.fit(models.build("lenet5"), cifar.subset(5_000, 1_000), 2, seed=0, quiet=True)
    again, kept = history.rows[0], experiments.recorded("lesson").find("lenet5", 0).rows[0]
    assert again["train_loss"] == pytest.approx(kept["train_loss"], abs=0.03)
    assert again["test_accuracy"] == pytest.approx(kept["test_accuracy"], abs=0.04)


# ------------------------------------------------------------------------------- weights
def test_weights_are_kept_in_half_precision_and_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    net = models.build("lenet5")
    models.save_weights(net, "lenet5", 3)
    assert models.weights() == {"lenet5": [3]} and (tmp_path / "lenet5-3.safetensors").stat().st_size < 2.2 * 62_006
    again = models.build("lenet5", pretrained=True, seed=3)
    assert not again.training
    for before, after in zip(net.parameters(), again.parameters(), strict=True):
        assert after.dtype == torch.float32 and torch.allclose(before, after, rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="resnet20.*seed 0.*lenet5 3"):
        models.build("resnet20", pretrained=True)
    with pytest.raises(ValueError, match="meta device has no memory"):
        models.build("lenet5", "meta", pretrained=True, seed=3)
    with pytest.raises(ValueError, match="do not fit other settings"):
        models.build("lenet5", pretrained=True, seed=3, classes=7)


@pytest.mark.parametrize(("name", "seed"), [(name, seed) for name, seeds in models.weights().items() for seed in seeds])
def test_a_pretrained_network_reaches_its_recorded_accuracy(name, seed):
    cifar = data.load(quiet=True)
    if not cifar.is_real:
        pytest.skip("needs the real CIFAR-10")
    found = training.evaluate(models.build(name, pretrained=True, seed=seed), cifar.test).accuracy
    assert found == pytest.approx(experiments.recorded("comparison").find(name, seed).test_accuracy, abs=0.002)


def test_all_weights_together_stay_below_15_megabytes():
    assert sum(path.stat().st_size for path in files.RECORDED.glob("*.safetensors")) < 15e6


def test_variants_name_their_settings():
    assert str(Variant("alexnet_cifar", {"norm": None})).startswith("build('alexnet_cifar' norm=None), lr=None")
