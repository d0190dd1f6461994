"""The records that come with the course: each was made as declared, and a run of it can be made again."""

from itertools import pairwise

import pytest
import torch

from cnn_course import anatomy, data, experiments, models, training
from cnn_course.experiments import EXPERIMENTS


@pytest.mark.parametrize("name", [name for name in experiments.names() if experiments.recorded(name).runs])
def test_the_record_was_made_as_declared(name):
    experiment, kept = EXPERIMENTS[name], experiments.recorded(name)
    assert kept.question == experiment.question and kept.command == f"python -m cnn_course record {name}" and kept.machines
    assert set(kept.runs) == set(kept.variants) <= set(experiment.variants)
    for label, group in kept.runs.items():
        variant = experiment.variants[label]
        cost = anatomy.cost(variant.build())
        assert kept.variants[label] == {
            "network": variant.network,
            "settings": experiment.settings(label, kept.rate(label)),
            "varied": variant.varied,
            "parameters": cost.parameters,
            "multiply_adds": cost.macs,
        }
        seeds = {history.seed for history in group}
        assert len(seeds) == len({str(history.rows) for history in group}) == len(group) and seeds <= set(experiment.seeds)
        for history in group:
            assert [row["epoch"] for row in history.rows] == [*range(1, experiment.epochs + 1)]
            assert history.parameters == cost.parameters
            assert (history.network, history.label) == (variant.network, label)
            assert (history.train_images, history.source, history.split) == (experiment.train_images, "CIFAR-10", "test")
            made = {(machine["device"], machine["precision"], machine["threads"]) for machine in kept.machines}
            assert (history.device, history.precision, history.threads) in made
            assert history.held_out_images == experiment.test_images
            right, rounded = history.right_images(), history.initialization == "fan_out"  # old weights were kept in 16 bits
            assert right is None or right.mean() == pytest.approx(history.test_accuracy, abs=0.001 if rounded else 1e-9)


MIXED = {"half_hour"}  # from before `record` refused it


@pytest.mark.parametrize("name", [name for name in experiments.names() if experiments.recorded(name).runs])
def test_what_is_compared_was_computed_alike(name):
    """Newer records in all runs; older ones at least in the runs of one seed."""
    runs = [history for group in experiments.recorded(name).runs.values() for history in group]
    newer = {(run.device, run.precision) for run in runs if run.initialization == "fan_in"}
    by_seed = [{(run.device, run.precision) for run in runs if run.seed == seed} for seed in {run.seed for run in runs}]
    assert len(newer) <= 1 and (max(map(len, by_seed)) > 1) == (name in MIXED)


@pytest.mark.parametrize("name", [name for name in experiments.names() if EXPERIMENTS[name].rates])
def test_every_variant_has_a_rate_with_a_worse_one_on_either_side(name):
    kept = experiments.recorded(name)
    searched = [label for label in kept.runs if EXPERIMENTS[name].variants[label].recipe.lr is None]
    assert set(searched) == set(kept.sweeps) or not kept.runs
    for label in searched:
        rates = [rate for rate, _ in kept.sweeps[label]]
        assert len(rates) >= 4 and min(rates) < kept.rate(label) < max(rates)
        assert all(1.9 < high / low < 3.4 for low, high in pairwise(rates))


def test_one_lesson_run_again_begins_as_the_recorded_one():
    cifar = data.load(quiet=True)
    if not cifar.is_real:
        pytest.skip("needs the real CIFAR-10")
    torch.manual_seed(0)
    history = training.fit(models.build("lenet5"), cifar.subset(5_000, 1_000), 2, seed=0, quiet=True)
    again, kept = history.rows[0], experiments.recorded("lesson").find("lenet5", 0).rows[0]
    assert again["train_loss"] == pytest.approx(kept["train_loss"], abs=0.03)
    assert again["test_accuracy"] == pytest.approx(kept["test_accuracy"], abs=0.04)
