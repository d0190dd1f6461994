"""The runs of an experiment: what is missing is run, once; what was stopped goes on; what others have is shared."""

import base64
from functools import partial

import numpy as np
import pytest
import striped
import torch

from cnn_course import data, experiments, files, models, training
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
    assert (history.train_images, history.split, len(history.rows)) == (60, "test", 2) and 0 <= history.learned <= 1
    right = np.unpackbits(np.frombuffer(base64.b64decode(history.right), dtype=np.uint8), count=20)
    assert right.mean() == pytest.approx(history.test_accuracy)
    torch.manual_seed(0)
    net = models.build("lenet5")
    training.fit(net, run._cifar(60, 20), 2, declared.find("first").variants["flipped"].recipe, seed=0, quiet=True)
    said = training.evaluate(net, run._cifar(60, 20).test).predictions
    assert right.tolist() == (said == run._cifar(60, 20).test.labels).int().tolist()
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
    with pytest.raises(ValueError, match="the experiments are: first, second, third"):
        run.record("fourth", quiet=True)


def test_an_experiment_is_recorded_by_one_process_at_a_time(small):
    with run._alone("first"):
        with pytest.raises(RuntimeError, match="another process is recording first"):
            run.record("third", "first", quiet=True)
        run.record("third", seeds=(0,), quiet=True)  # what was locked before the refusal is free again
    run.record("first", seeds=(0,), quiet=True)
    assert not experiments.missing("first", (0,))
