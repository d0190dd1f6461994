"""`fit` learns, repeats itself to the bit, keeps and resumes what is done, and explains what is wrong."""

import dataclasses
from functools import partial

import pytest
import striped
import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import data, models, training
from cnn_course.data import augment
from cnn_course.training import checkpoint, cuda_graph, distributed
from cnn_course.training import device as devices
from cnn_course.training.recipe import loss_of, sgd
from cnn_course.training.recipe import scheduler as make_schedule

FAST = training.Recipe(batch_size=16, lr=0.05, augment=())


@pytest.fixture(scope="module")
def cifar():
    return striped.cifar(train=640, test=200)


def tiny(classes=10):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(8 * 8 * 8, classes)
    )


def test_fit_learns_and_tells(cifar, capsys):
    history = training.fit(tiny(), cifar, epochs=2, recipe=FAST, name="tiny")
    assert history.test_accuracy > 0.7
    assert [row["epoch"] for row in history.rows] == [1, 2]
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"]
    assert list(history.table().columns) == ["train_loss", "train_accuracy", "seconds", "test_loss", "test_accuracy"]
    printed = capsys.readouterr().out
    assert "2 x 640 images" in printed and "stand-in" in printed


def test_same_seed_same_history_to_the_bit(cifar):
    def run(seed):
        return without_seconds(training.fit(tiny(), cifar, epochs=2, seed=seed, quiet=True))

    assert run(0) == run(0) != run(1)


def test_fit_leaves_the_callers_random_stream_alone(cifar):
    torch.manual_seed(7)
    expected = torch.rand(3)
    net = tiny()
    torch.manual_seed(7)
    training.fit(net, cifar, epochs=1, quiet=True)
    assert torch.equal(torch.rand(3), expected)


def test_quiet_prints_nothing(cifar, capsys):
    training.fit(tiny(), cifar, epochs=1, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_figure_between_two_epochs_leaves_no_half_of_the_bar_behind(cifar, capsys):
    training.fit(tiny(), cifar, epochs=2, on_epoch=lambda history: print("\rFIGURE"))
    parts = capsys.readouterr().out.split("\rFIGURE\n")
    assert len(parts) == 3 and "50%" in parts[0]
    assert [part.rpartition("\r")[2].strip() for part in parts[:2]] == ["", ""]


def test_interrupt_keeps_the_finished_epochs(cifar, capsys):
    def stop(history):
        if len(history.rows) == 2:
            raise KeyboardInterrupt

    history = training.fit(tiny(), cifar, epochs=5, on_epoch=stop)
    assert len(history.rows) == 2 and "2 finished epochs are kept" in capsys.readouterr().out


def without_seconds(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]


def interrupted(cifar, path, after, recipe=FAST, epochs=4):
    """A run that is stopped in the middle of an epoch, when `after` epochs are finished."""
    net, batches = tiny(), data.batches

    def cut(*arguments, **settings):
        for number, batch in enumerate(batches(*arguments, **settings)):
            if number == 3 and finished == after:
                raise KeyboardInterrupt
            yield batch

    finished = 0

    def count(history):
        nonlocal finished
        finished = len(history.rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "batches", cut)
        return training.fit(net, cifar, epochs, recipe, quiet=True, save=path, on_epoch=count)


@pytest.mark.parametrize("schedule", ["one-cycle", "steps", "constant"])
def test_a_resumed_run_is_the_uncut_one_to_the_bit(cifar, tmp_path, schedule):
    recipe = dataclasses.replace(FAST, schedule=schedule, augment=augment.STANDARD)
    whole, net = tiny(), tiny()
    nn.init.zeros_(net[0].weight)  # resumed weights must come from the file
    expected = training.fit(whole, cifar, 4, recipe, quiet=True)
    assert len(interrupted(cifar, tmp_path / "run.pt", 2, recipe).rows) == 2
    history = training.fit(net, cifar, 4, recipe, quiet=True, save=tmp_path / "run.pt")
    assert without_seconds(history) == without_seconds(expected)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), whole.state_dict().values(), strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"epochs": 5}, "epochs 4, but this one has epochs 5.*laid out for so many epochs.*constant"),
        ({"seed": 1}, "seed 0, but this one has seed 1"),
        ({"recipe": dataclasses.replace(FAST, lr=0.1)}, "lr=0.05.*lr=0.1"),
    ],
)
def test_a_file_of_another_run_is_refused_and_kept(cifar, tmp_path, change, words):
    path = tmp_path / "run.pt"
    training.fit(tiny(), cifar, 4, FAST, quiet=True, save=path)
    before = path.read_bytes()
    with pytest.raises(checkpoint.CheckpointError, match=words):
        training.fit(tiny(), cifar, **{"epochs": 4, "recipe": FAST, "save": path, "quiet": True, **change})
    assert path.read_bytes() == before


@pytest.mark.parametrize(("setting", "grows"), [({}, True), ({"sizes": ((0.5, 32),)}, False), ({"lookahead": True}, False)])
def test_a_run_goes_on_for_more_epochs_where_no_step_depends_on_their_number(cifar, tmp_path, setting, grows):
    recipe, path = dataclasses.replace(FAST, schedule="constant", **setting), tmp_path / "run.pt"
    training.fit(tiny(), cifar, 1, recipe, quiet=True, save=path)
    if grows:
        longer = training.fit(tiny(), cifar, 2, recipe, quiet=True, save=path)
        assert without_seconds(longer) == without_seconds(training.fit(tiny(), cifar, 2, recipe, quiet=True))
        with pytest.raises(checkpoint.CheckpointError, match="more epochs already"):
            training.fit(tiny(), cifar, 1, recipe, quiet=True, save=path)
    else:
        with pytest.raises(checkpoint.CheckpointError, match="no sizes and no lookahead, can go on for more"):
            training.fit(tiny(), cifar, 2, recipe, quiet=True, save=path)


def test_the_plain_loop_refuses_what_it_does_not_know(cifar):
    for name, value in {"optimizer": training.muon, "micro_batch": 8, "lookahead": True, "sizes": ((0.5, 24),)}.items():
        with pytest.raises(ValueError, match=f"the plain loop of training.train knows no {name}; training.fit does"):
            training.train(tiny(), cifar, 1, dataclasses.replace(FAST, **{name: value}))


@pytest.mark.parametrize("kind", ["cut", "noise", "empty", "pickle"])
def test_a_damaged_or_wicked_file_is_refused_and_kept(cifar, tmp_path, trap, kind):
    path = tmp_path / "run.pt"
    training.fit(tiny(), cifar, 1, FAST, quiet=True, save=path)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "noise": b"noise" * 100, "empty": b"", "pickle": b""}[kind])
    if kind == "pickle":
        torch.save({"settings": trap}, path)
    before = path.read_bytes()
    with pytest.raises(checkpoint.CheckpointError, match="run.pt is damaged or no checkpoint.*Move it away"):
        training.fit(tiny(), cifar, 1, FAST, quiet=True, save=path)
    assert path.read_bytes() == before and not trap.sprung


OTHER = dict(
    lr=0.3, batch_size=64, momentum=0.8, nesterov=False, weight_decay=0.0, label_smoothing=0.0, schedule="constant",
    augment=(partial(augment.cutout, size=8),), aux_weight=0.0, optimizer=training.muon, sizes=((0.5, 24),), micro_batch=16,
    lookahead=True
)  # fmt: skip


def test_recipes_are_told_apart_by_every_setting():
    cutout = training.Recipe(augment=(partial(augment.cutout, size=12),))
    names = [field.name for field in dataclasses.fields(training.Recipe)]
    told = {str(recipe) for recipe in (training.Recipe(), cutout, *(training.Recipe(**{name: OTHER[name]}) for name in names))}
    assert len(told) == len(names) + 2 and not any(" at 0x" in text for text in told)


def test_validation_images_leave_the_test_images_unseen(cifar):
    held_out = cifar.validation(40)
    assert torch.equal(held_out.test.images, cifar.train.images[600:]) and len(held_out.train) == 600
    history = training.fit(tiny(), held_out, 1, FAST, quiet=True)
    assert history.split == "validation" and "validation_accuracy" in history.table()
    with pytest.raises(ValueError, match=r"validation\(640\) of 640 images; expected 1 to 639"):
        cifar.validation(640)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bit_floats_learn_too(cifar, monkeypatch, dtype):
    monkeypatch.setattr(devices, "precision", lambda device: dtype)
    history = training.fit(tiny(), cifar, 2, FAST, quiet=True)
    assert history.precision == str(dtype)[6:] and history.test_accuracy > 0.8


def test_a_loss_that_is_no_number_stops_with_advice(cifar, tmp_path):
    with pytest.raises(training.Diverged, match=r"goes up to 1e\+30.*five times smaller.*lr=2e\+29") as caught:
        training.fit(tiny(), cifar, epochs=2, recipe=training.Recipe(lr=1e30), quiet=True, save=tmp_path / "run.pt")
    assert caught.value.history.rows == [] and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "make, epochs, words",
    [
        (lambda: tiny(5), 1, "0 to 9.*5 classes.*classes=10"),
        (tiny, 0, "epochs is 0"),
        (lambda: models.build("resnet20", device="meta"), 1, "meta"),
    ],
)
def test_what_does_not_fit_is_explained(cifar, make, epochs, words):
    with pytest.raises(ValueError, match=words):
        training.fit(make(), cifar, epochs=epochs)


def test_a_batch_too_small_to_share_is_explained(cifar, monkeypatch):
    monkeypatch.setattr(distributed, "processes", lambda: 3)
    with pytest.raises(ValueError, match="a batch of 2 images cannot be shared by 3 processes: 640 images in batches of 11"):
        training.fit(tiny(), cifar, 1, training.Recipe(batch_size=11), quiet=True)


@pytest.mark.parametrize("steps", range(1, 8))
def test_a_run_of_a_few_steps_has_its_schedule(steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler, rates = make_schedule(optimizer, training.Recipe(), steps), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert 0.01 <= max(rates) <= 0.1 + 1e-9 and (steps < 2 or max(rates) == pytest.approx(0.1))


def test_unknown_schedule_lists_the_known():
    with pytest.raises(ValueError, match='"one-cycle", "steps", "constant" or "down"'):
        training.Recipe(schedule="cosine")


@pytest.mark.parametrize("schedule, last", [("one-cycle", 1e-6), ("constant", 0.1)])
def test_schedules_end_where_they_should(schedule, last):
    recipe = training.Recipe(lr=0.1, schedule=schedule)
    optimizer = sgd(tiny(), recipe)
    scheduler = make_schedule(optimizer, recipe, 100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert max(rates) <= 0.1 + 1e-9 and rates[-1] == pytest.approx(last)


def test_the_steps_are_cut_after_a_half_and_after_three_quarters():
    recipe = training.Recipe(lr=0.1, schedule="steps")
    optimizer = sgd(tiny(), recipe)
    scheduler, rates = make_schedule(optimizer, recipe, 40), []
    for _ in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([0.1] * 20 + [0.01] * 10 + [0.001] * 10)


def test_what_the_recipe_leaves_open_depends_on_the_run():
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    sizes = [training.default_batch_size(device, images) for device, images in ((cpu, 10_000), (cpu, 100_000), (cuda, 10_000))]
    assert sizes == [32, 128, 128]
    assert [training.default_lr(tiny(), size) for size in (8, 32, 128)] == pytest.approx([0.05, 0.05, 0.2])
    assert training.default_lr(nn.Linear(1, 1), 128) == 0.02


def test_weight_decay_spares_biases_and_norms():
    decayed, spared = sgd(tiny(), training.Recipe()).param_groups
    assert {p.ndim for p in decayed["params"]} == {2, 4} and {p.ndim for p in spared["params"]} == {1}
    assert decayed["weight_decay"] == 5e-4 and spared["weight_decay"] == 0


def test_auxiliary_losses_count_a_third(cifar):
    labels, logits = torch.tensor([1, 2]), torch.randn(2, 10)
    recipe = training.Recipe()
    plain, heads = loss_of(logits, labels, recipe)[1], loss_of((logits, logits, logits), labels, recipe)[1]
    assert heads == pytest.approx(1.6 * plain.item(), rel=1e-5)


def test_predict_equals_a_plain_forward_and_keeps_the_mode(cifar):
    net = tiny().train()
    logits = training.predict(net, cifar.test.images, batch_size=64)
    assert net.training and logits.shape == (200, 10)
    with torch.no_grad():
        expected = net.eval()(data.to_float(cifar.test.images))
    tolerance = 1e-5 if training.precision(torch.device("cpu")) == torch.float32 else 0.1
    assert torch.allclose(logits, expected, atol=tolerance)


def test_evaluate_counts_what_is_right(cifar):
    net, labels = tiny(), cifar.test.labels
    result, logits = training.evaluate(net, cifar.test), training.predict(net, cifar.test.images)
    assert torch.equal(result.predictions, logits.argmax(1))
    assert result.accuracy == pytest.approx((logits.argmax(1) == labels).double().mean().item())
    assert result.loss == pytest.approx(F.cross_entropy(logits, labels).item())


def test_six_views_are_of_the_whole_image_whatever_its_shape():
    net, images = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 12, 4)), torch.randint(0, 256, (2, 3, 8, 12), dtype=torch.uint8)
    x, around = data.to_float(images), F.pad(data.to_float(images), (1, 1, 1, 1), mode="reflect")
    views = [(x, 2), (around[:, :, :8, :12], 1), (around[:, :, 2:, 2:], 1)]
    with torch.no_grad():
        expected = sum(share * (net(view) + net(view.flip(3))) for view, share in views) / 8
    assert torch.allclose(training.predict(net, images, views=6), expected, atol=0.05, rtol=0.05)


def test_an_ensemble_averages_probabilities_over_all_choices():
    sure, torn, wrong = torch.tensor([[9.0, 0]]), torch.tensor([[0.0, 1]]), torch.tensor([[0.0, 20]])
    right = training.ensemble([sure, torn, wrong], torch.tensor([0]))
    # alone: only `sure`; in pairs: sure and torn; all three: two of about one against one
    assert right == {1: pytest.approx(1 / 3), 2: pytest.approx(1 / 3), 3: 0.0}
    with pytest.raises(ValueError, match="empty"):
        training.ensemble([], torch.tensor([0]))


@pytest.mark.parametrize(("kind", "wanted"), [("cpu", (5_000, 1_000, 2)), ("cuda", (6_000, 2_000, 10))])
def test_a_lesson_is_short_on_a_cpu_and_whole_on_a_gpu(kind, wanted, monkeypatch):
    monkeypatch.setattr(devices, "best_device", lambda: torch.device(kind))
    big = data.Cifar10(
        *(data.Split(torch.zeros(n, 3, 32, 32, dtype=torch.uint8), torch.zeros(n, dtype=torch.int64)) for n in (6_000, 2_000))
    )
    small, epochs = training.lesson(big)
    assert (len(small.train), len(small.test), epochs) == wanted
    tiny_one, epochs = training.lesson(big.subset(100, 20))  # as many as there are
    assert (len(tiny_one.train), len(tiny_one.test), epochs) == (100, 20, wanted[2])


def test_a_graph_stands_only_for_layers_that_are_known_and_unwatched():
    cuda, known = torch.device("cuda"), models.build("resnet20")
    assert (
        cuda_graph.possible(known, cuda)
        and cuda_graph.possible(tiny(), cuda)
        and not cuda_graph.possible(known, torch.device("cpu"))
    )
    watched = models.build("resnet20")
    watched.stages.stage1[0].register_forward_hook(lambda *_: None)
    assert not cuda_graph.possible(watched, cuda) and not cuda_graph.possible(nn.DataParallel(tiny()), cuda)
    assert not cuda_graph.possible(nn.Sequential(type("Mine", (nn.Identity,), {"__module__": "__main__"})(), tiny()), cuda)


def test_full_batches_are_replayed_and_the_rest_is_not(cifar, monkeypatch):
    sizes = []

    class Again:  # computes the step anew where CUDA would replay it
        def __init__(self, gradients, net, images, labels):
            self.gradients, self.net = gradients, net

        def __call__(self, images, labels):
            sizes.append(len(images))
            self.net.zero_grad()
            return self.gradients(images, labels)

    recipe = dataclasses.replace(FAST, batch_size=100)
    usual, replayed = tiny(), tiny()
    expected = training.fit(usual, cifar, 2, recipe, quiet=True)
    monkeypatch.setattr(cuda_graph, "possible", lambda net, device: True)
    monkeypatch.setattr(cuda_graph, "Replay", Again)
    history = training.fit(replayed, cifar, 2, recipe, quiet=True)
    assert sizes == [100] * 12 and history.rows[-1]["train_loss"] == expected.rows[-1]["train_loss"]
    assert all(map(torch.equal, usual.state_dict().values(), replayed.state_dict().values()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_learns_too(cifar):
    assert training.fit(tiny(), cifar, 2, FAST, device="cuda", quiet=True).test_accuracy > 0.8


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_graph_computes_what_is_computed_without_it(cifar):
    with_graph, watched = tiny(), tiny()
    watched.register_forward_hook(lambda *_: None)
    for net in (with_graph, watched):
        training.fit(net, cifar, 2, FAST, device="cuda", quiet=True)
    assert all(map(torch.equal, with_graph.state_dict().values(), watched.state_dict().values()))


WITHOUT_BATCH_NORM = {"lenet5": {}, "alexnet_cifar": {"norm": None}, "googlenet_cifar": {"batch_norm": False}}


@pytest.mark.parametrize("name", WITHOUT_BATCH_NORM)
def test_networks_without_batch_norm_learn_at_their_default_rates(name):
    torch.manual_seed(0)
    net = models.build(name, **WITHOUT_BATCH_NORM[name])
    assert training.default_lr(net, 32) == training.default_lr(net, 128) == 0.02
    history = training.fit(net, data.load(quiet=True).subset(2_560, 500), 2, quiet=True)
    assert history.rows[-1]["train_loss"] < 2.29 and history.accuracy > 0.14
