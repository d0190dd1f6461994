"""What is read out of records: tables, differences and their errors, states, figures; and the file that a record is."""

import json
import re
from dataclasses import asdict, replace

import pytest
import torch
from made_up import record

from cnn_course import experiments, files, plots, training
from cnn_course.experiments import results, run


# ------------------------------------------------------------------------------- files
def test_a_record_is_a_line_a_run_and_reads_as_it_was_written(small):
    run.record("first", quiet=True)
    kept = experiments.recorded("first")
    text = (small / "first.json").read_text()
    assert sum(line.startswith('   {"network": "lenet5", "label": ') for line in text.splitlines()) == 4
    results.write(kept)
    assert (small / "first.json").read_text() == text and json.loads(text)["name"] == "first"


def test_an_older_record_loads(tmp_path, monkeypatch):
    """Before runs said what their weights began from and how many images they were tested on."""
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    unknown = ("held_out_images", "initialization")
    history = {name: value for name, value in asdict(record(none=(0.8,)).runs["none"][0]).items() if name not in unknown}
    variant = {"network": "alexnet_cifar", "settings": "…", "varied": {}, "parameters": 1000, "multiply_adds": 5}
    head = {"name": "norm", "question": "Which?", "command": "python -m cnn_course record norm", "machines": [{"torch": "2.14"}]}
    (tmp_path / "norm.json").write_text(json.dumps({**head, "variants": {"none": variant}, "runs": {"none": [history]}}))
    kept = experiments.recorded("norm")
    (old,) = kept.runs["none"]
    assert (old.held_out_images, old.initialization, old.test_accuracy) == (10_000, "fan_out", 0.8)
    assert kept.table().loc["none", "multiply-adds"] == 5 and kept.varied == {"none": {}}


@pytest.mark.parametrize(
    "text", ['{"name": "norm", ', "[]", '{"name": "norm"}', '{"name": "norm", "runs": {}}', '{"runs": {"none": [{}]}}',
             '{"name": "norm", "question": "?", "command": "", "runs": {}, "weather": "fine"}']
)  # fmt: skip
def test_a_damaged_record_says_how_to_get_it_back(tmp_path, monkeypatch, text):
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    (tmp_path / "norm.json").write_text(text)
    with pytest.raises(ValueError, match=rf"norm.json is damaged.*git checkout -- {re.escape(str(tmp_path / 'norm.json'))}"):
        experiments.recorded("norm")


def test_a_record_tells_what_is_varied_and_what_it_costs():
    widths = {label: varied["bottleneck"] for label, varied in experiments.recorded("bottleneck").varied.items()}
    assert widths == {"8": 8, "16": 16, "32": 32, "64": 64, "none": None}
    assert experiments.recorded("activation").varied["tanh"] == {"activation": "Tanh"}
    assert experiments.recorded("dropout").multiply_adds == dict.fromkeys(("no dropout", "dropout 0.5"), 18_302_208)


def test_a_record_says_in_a_line_what_it_is():
    assert repr(record(none=(0.8, 0.7), few=(0.6, 0.5))).endswith("2 variants, 2 seeds; see its .table()")


def test_an_unknown_variant_or_experiment_is_named_beside_those_that_there_are():
    with pytest.raises(ValueError, match="norm has no variant 'batch'; its variants are none, few"):
        record(none=(0.8,), few=(0.6,)).difference("none", "batch")
    with pytest.raises(ValueError, match="called 'comparision'; did you mean 'comparison'. The experiments are"):
        experiments.recorded("comparision")
    with pytest.raises(ValueError, match="called .'norm'.; did you mean 'norm'"):
        experiments.recorded(["norm"])


def test_an_experiment_is_a_line():
    for experiment in experiments.EXPERIMENTS.values():
        assert repr(experiment).startswith(f"{experiment.name}: ") and len(repr(experiment)) < 250
        assert all(repr(variant) == str(variant) for variant in experiment.variants.values())


def test_older_runs_say_what_their_weights_began_from():
    kept = record(a=(0.9,))
    assert kept.remarks == ""
    kept.runs["a"][0].initialization = "fan_out"
    assert "fan_out" in kept.remarks and "fan_out" in " ".join(text.get_text() for text in plots.experiment(kept).texts)
    kept.runs["a"].append(replace(kept.runs["a"][0], seed=1, precision="bfloat16", initialization="fan_in"))
    assert kept.remarks.startswith("Some weights") and kept.remarks.endswith(
        "Computed in bfloat16 on a CPU and float32 on a CPU."
    )
    kept.runs["b"] = [replace(kept.runs["a"][0], precision="bfloat16", initialization="fan_in")]
    assert "but for those of b. " in kept.remarks
    kept.runs["b"][0].device = "cuda"
    assert kept.remarks.endswith("Computed in bfloat16 on a CPU, bfloat16 on a GPU and float32 on a CPU.")
    assert {run.initialization for run in experiments.recorded("bottleneck").runs["8"]} == {"fan_out"}


def test_states_say_what_is_there_and_what_it_will_cost(small):
    run.record("first", seeds=(0,), quiet=True)
    states = experiments.states()
    assert states.loc["first", ["recorded", "missing"]].tolist() == [2, 2]
    assert states.loc["first", "to go"] == pytest.approx(states.loc["first", "core-hours"])
    assert states.loc["third", "missing"] == 4 and states["to go"].isna().tolist() == [False, True, True]


# ------------------------------------------------------------------------------- numbers
@pytest.mark.parametrize(
    ("accuracies", "epochs"), [((0.2, 0.4), 0.25), ((0.1, 0.2), 1), ((0.05, 0.14), torch.nan), ((0.9,), 0.03125)]
)
def test_epochs_to_an_accuracy_are_read_off_between_the_middles_of_epochs(accuracies, epochs):
    rows = [{"epoch": i, "train_accuracy": a} for i, a in enumerate(accuracies, start=1)]
    history = training.History("x", "CIFAR-10", 0, 1, 1, rows=rows)
    assert experiments.epochs_to(history, 0.15) == pytest.approx(epochs, nan_ok=True)


# ------------------------------------------------------------------------------- figures
def test_a_long_title_takes_no_room_from_the_rows():
    figures = [plots.experiment(record(a=(0.90,), b=(0.80,)), "a is better, and again a is better" * times) for times in (1, 5)]
    rows = [figure.axes[0].get_position().height * figure.get_size_inches()[1] for figure in figures]
    assert rows[0] == pytest.approx(rows[1]) and figures[0].get_size_inches()[1] < figures[1].get_size_inches()[1]


def test_the_sheet_says_what_else_differs_and_what_does_not():
    record = experiments.recorded("recipe")
    sheet = experiments.sheet(record)
    assert set(sheet.columns) == {"learning rate", "nesterov", "label smoothing", "schedule"}
    assert sheet.loc["AlexNet 2012", "schedule"] == "steps" and sheet.loc["the course", "label smoothing"] == 0.1
    assert (
        "12 epochs of 50,000 images, parameters 249,962" in sheet.attrs["caption"] and "batch size 128" in sheet.attrs["caption"]
    )
    nothing = experiments.sheet(experiments.recorded("block_order"))  # "before" has another order, which no column tells
    assert list(nothing) == ["what differs"] and set(nothing["what differs"]) == {"nothing that is listed here"}
    begun = experiments.sheet(experiments.recorded("comparison"), "lenet5", "vgg_cifar")["weights began from"]
    assert begun.to_dict() == {"lenet5": "fan_in", "vgg_cifar": "fan_out"}
    pair = experiments.sheet(experiments.recorded("comparison"), "vgg_cifar", "nin_cifar")
    assert list(pair.index) == ["vgg_cifar", "nin_cifar"] and pair.loc["nin_cifar", "dropout"] == 0.1
    assert experiments.sheet("recipe").equals(sheet)
    with pytest.raises(ValueError, match="has no variant 'vgg'; its variants are lenet5, alexnet_cifar"):
        experiments.sheet(experiments.recorded("comparison"), "vgg")


def test_what_a_newer_version_kept_of_a_run_is_written_back(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    kept = record(none=(0.9,))
    kept.variants, kept.runs["none"][0].others = {"none": {"network": "alexnet_cifar"}}, {"weather": "fine"}
    for _ in range(2):
        results.write(kept)
        kept = experiments.recorded(kept.name)
    assert kept.runs["none"][0].others == {"weather": "fine"}
