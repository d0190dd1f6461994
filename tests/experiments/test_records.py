"""The records that come with the course: each was made as declared, and a run of it can be made again."""

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
            "settings": experiment.settings(label),
            "varied": variant.varied,
            "parameters": cost.parameters,
            "multiply_adds": cost.macs,
        }
        for history in group:
            assert len(history.rows) == experiment.epochs and history.parameters == cost.parameters
            assert (history.network, history.label) == (variant.network, label)
            assert (history.train_images, history.source, history.split) == (experiment.train_images, "CIFAR-10", "test")
            made = {(machine["device"], machine["precision"], machine["threads"]) for machine in kept.machines}
            assert (history.device, history.precision, history.threads) in made


def test_one_lesson_run_again_begins_as_the_recorded_one():
    cifar = data.load(quiet=True)
    if not cifar.is_real:
        pytest.skip("needs the real CIFAR-10")
    torch.manual_seed(0)
    history = training.fit(models.build("lenet5"), cifar.subset(5_000, 1_000), 2, seed=0, quiet=True)
    again, kept = history.rows[0], experiments.recorded("lesson").find("lenet5", 0).rows[0]
    assert again["train_loss"] == pytest.approx(kept["train_loss"], abs=0.03)
    assert again["test_accuracy"] == pytest.approx(kept["test_accuracy"], abs=0.04)
