"""Muon, lookahead, growing images, micro-batches, several views, and what a training costs: each against a plainer way."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import striped
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from cnn_course import __main__, anatomy, data, models, training
from cnn_course.data import augment
from cnn_course.experiments import fairness
from cnn_course.training import speedrun
from cnn_course.training.optimizers import Lookahead

EVERYTHING = training.Recipe(
    batch_size=64, augment=(partial(augment.crop, padding=2, mirrored=True), augment.alternating_flip), schedule="down",
    optimizer=training.muon, weight_decay=2e-6, sizes=((0.3, 20), (0.6, 25)), micro_batch=24, lookahead=True, lr=0.1,
)  # fmt: skip


@pytest.fixture(scope="module")
def cifar():
    return striped.cifar(train=320, test=100)


def small(**more):
    torch.manual_seed(0)
    return models.build("fastnet", widths=(24, 32, 32), **more)


# ------------------------------------------------------------------------------------- Muon
@settings(deadline=None, max_examples=30)
@given(rows=st.integers(2, 40), columns=st.integers(2, 40), seed=st.integers(0, 10**6))
def test_orthogonalizing_keeps_the_singular_vectors_and_levels_the_values(rows, columns, seed):
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    found = training.orthogonalized(matrix, steps=5)
    levelled = left.T @ found @ right.T  # diagonal, where the singular vectors are the same
    assert torch.allclose(levelled, torch.diag(levelled.diag()), atol=1e-3)
    clear = values / matrix.norm() > 0.01
    assert ((levelled.diag()[clear] > 0.68) & (levelled.diag()[clear] < 1.14)).all()


def test_a_step_turns_filters_by_the_rate_and_what_else_there_is_as_sgd_would():
    net = small()
    recipe = training.Recipe(lr=0.1, momentum=0.6, weight_decay=2e-6, optimizer=training.muon)
    optimizer = training.muon(net, recipe, batch_size=50)
    others = [p for p in net.parameters() if p.requires_grad and p.ndim < 4]
    twins = [p.detach().clone().requires_grad_() for p in others]
    rates = {1: 0.053, 2: 0.67}
    groups = [{"params": [t], "lr": rates[t.ndim] * 50, "weight_decay": 2e-6 / rates[t.ndim]} for t in twins]
    reference = torch.optim.SGD(groups, momentum=0.85, nesterov=True)
    filters = [p for p in net.parameters() if p.requires_grad and p.ndim == 4]
    assert len(filters) == 6
    for _ in range(3):
        before = [p.detach() * len(p) ** 0.5 / p.detach().norm() for p in filters]
        for p in net.parameters():
            p.grad = torch.randn_like(p) / 100
        for twin, p in zip(twins, others, strict=True):
            twin.grad = p.grad.clone()
        optimizer.step()
        reference.step()
        for p, old in zip(filters, before, strict=True):
            values = torch.linalg.svdvals((old - p.detach()).flatten(1)) / 0.1
            assert values.max() < 1.4 and values.median() > 0.4
    assert all(torch.allclose(twin, p, rtol=1e-5) for twin, p in zip(twins, others, strict=True))
    assert torch.equal(net.blocks.block1.norm1.weight, torch.ones(24))  # batch norm does not scale


def test_filters_may_have_ordinary_steps_with_decay_and_momentum_that_does_not_look_ahead():
    net = small(whiten=False)
    recipe = training.Recipe(lr=0.1, momentum=0.6, nesterov=False)
    optimizer = training.muon(net, recipe, batch_size=50, orthogonal=False, filter_decay=0.01)
    filters = [p for p in net.parameters() if p.ndim == 4]
    twins = [p.detach().clone().requires_grad_() for p in filters]
    reference = torch.optim.SGD(twins, lr=0.1, momentum=0.6, weight_decay=0.01)
    for _ in range(3):
        for p in net.parameters():
            p.grad = torch.randn_like(p) if p.requires_grad else None
        for twin, p in zip(twins, filters, strict=True):
            twin.grad = p.grad.clone()
        optimizer.step()
        reference.step()
    assert all(torch.allclose(twin, p, rtol=1e-5, atol=1e-6) for twin, p in zip(twins, filters, strict=True))


@pytest.mark.parametrize("schedule", ["one-cycle", "down"])
def test_every_group_reaches_its_own_rate(schedule):
    from cnn_course.training.recipe import optimizer, scheduler

    recipe = training.Recipe(optimizer=training.muon, schedule=schedule)
    stepper = optimizer(small(), recipe, 128)
    wanted, reached = [group["lr"] for group in stepper.param_groups], []
    changing = scheduler(stepper, recipe, 20)
    for _ in range(20):
        reached.append([group["lr"] for group in stepper.param_groups])
        stepper.step()
        changing.step()
    assert list(map(max, zip(*reached, strict=True))) == pytest.approx(wanted) and wanted == [0.24, 0.053 * 128, 0.67 * 128]
    assert fairness.facts(small(), recipe, 10**9)["learning rate"] == 0.24


def test_filters_that_begin_at_zero_and_single_numbers_learn():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    nn.init.zeros_(net[0].weight)
    net.gain = nn.Parameter(torch.tensor(0.5))
    stepper = training.muon(net, training.Recipe(), 8)
    for _ in range(3):
        stepper.zero_grad()
        (net(torch.rand(8, 3, 6, 6)) * net.gain - 1).square().mean().backward()
        stepper.step()
    assert net[0].weight.isfinite().all() and net[0].weight.norm() > 0 and net.gain != 0.5


def test_lookahead_ends_at_its_mean_and_says_where_it_is():
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    ahead, slow = Lookahead(net, steps=12), 0.0
    for step in range(1, 13):
        with torch.no_grad():
            net.weight += 1
        expected = net.weight.item()
        ahead.after_step()
        if step in (5, 10):
            keeps = 0.95**5 * (step / 12) ** 3
            slow = expected = keeps * slow + (1 - keeps) * expected
        assert net.weight.item() == pytest.approx(slow if step == 12 else expected, rel=1e-6)
    other = Lookahead(nn.Linear(1, 1, bias=False), steps=12)
    on_its_device = other.slow["weight"]  # a checkpoint is read on the CPU
    other.load_state_dict(ahead.state_dict())
    assert other.slow["weight"] is on_its_device
    assert other.step == 12 and other.slow["weight"].item() == pytest.approx(slow, rel=1e-6)


# ------------------------------------------------------------------------------------- recipe
def test_a_setting_that_older_records_do_not_name_is_told_only_where_it_is_used():
    assert "optimizer" not in str(training.Recipe()) and str(training.Recipe()).endswith("aux_weight=0.3")
    assert "optimizer=muon, sizes=((0.3 20) (0.6 25)), micro_batch=24, lookahead=True" in str(EVERYTHING)


def test_images_grow_with_the_share_of_the_steps():
    assert [EVERYTHING.size_at(share) for share in (0, 0.29, 0.3, 0.59, 0.6, 0.99)] == [20, 20, 25, 25, None, None]


def test_the_rate_falls_in_a_straight_line_to_zero():
    from cnn_course.training.recipe import optimizer, scheduler

    recipe = training.Recipe(lr=1.0, schedule="down")
    stepper = optimizer(small(), recipe, 32)
    falling, rates = scheduler(stepper, recipe, 4), []
    for _ in range(4):
        rates.append(stepper.param_groups[0]["lr"])
        stepper.step()
        falling.step()
    assert rates == pytest.approx([1.0, 0.75, 0.5, 0.25], abs=1e-5)


# ------------------------------------------------------------------------------------- images
def test_alternating_flip_shows_every_image_both_ways_in_two_epochs():
    images = torch.randint(256, (400, 3, 8, 8), dtype=torch.uint8)
    index = torch.randperm(50_000, generator=torch.Generator().manual_seed(0))[:400]
    generator = torch.Generator().manual_seed(3)
    shown = [augment.alternating_flip(images, index, epoch, generator) for epoch in range(4)]
    first = (shown[0] == images.flip(3)).flatten(1).all(1)
    second = (shown[1] == images.flip(3)).flatten(1).all(1)
    assert torch.equal(first, ~second) and 140 < first.sum() < 260
    assert torch.equal(shown[0], shown[2]) and torch.equal(shown[1], shown[3])
    for seed in (0, 1, 4, 8, 10**12):
        other = augment.alternating_flip(images, index, 0, torch.Generator().manual_seed(seed))
        agree = (other == shown[0]).flatten(1).all(1).float().mean()
        assert 0.4 < agree < 0.6, seed  # other halves
    moved = augment.alternating_flip(images.flip(0), index.flip(0), 0, generator)
    assert torch.equal(moved, shown[0].flip(0))  # what counts is the image, not its place in the batch


def test_the_plain_loop_and_a_pipeline_tell_it_too(capsys):
    told = []

    def listens(images, index, epoch):
        told.append(epoch)
        return augment.alternating_flip(images, index, epoch)

    training.train(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), striped.cifar(32, 8), 3, training.Recipe(augment=(listens,)))
    assert told == [0, 1, 2]
    images = torch.randint(256, (6, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(augment.apply(images, (augment.alternating_flip,)), augment.alternating_flip(images, torch.arange(6), 0))


def test_batches_tell_a_transform_which_images_and_which_epoch():
    told = []

    def listens(images, index, epoch):
        told.append((index, epoch))
        return images

    split = striped.cifar(train=50, test=10).train
    seen = [labels for _, labels in data.batches(split, 20, (listens,), torch.Generator().manual_seed(0), epoch=7)]
    assert [epoch for _, epoch in told] == [7, 7, 7]
    assert torch.equal(split.labels[torch.cat([index for index, _ in told])], torch.cat(seen))


@given(padding=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_a_mirrored_crop_is_a_window_of_the_mirrored_image(padding, seed):
    images = torch.randint(256, (4, 3, 12, 10), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    around = F.pad(images.float(), (padding,) * 4, mode="reflect").to(torch.uint8)
    for image, whole in zip(augment.crop(images, padding, mirrored=True), around, strict=True):
        windows = whole.unfold(1, 12, 1).unfold(2, 10, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
        assert (windows == image).flatten(1).all(1).any()


def test_a_padding_wider_than_the_image_cannot_mirror():
    with pytest.raises(ValueError, match="padding is 9; expected less than the 8 pixels"):
        augment.crop(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), padding=9, mirrored=True)


def test_six_views_are_an_image_both_ways_and_two_shifts():
    images, net = striped.cifar(train=10, test=20).test.images, small().eval()
    with torch.no_grad():
        x = data.to_float(images)
        around = F.pad(x, (1,) * 4, mode="reflect")
        both = [net(view) / 2 + net(view.flip(3)) / 2 for view in (x, around[..., :32, :32], around[..., 2:, 2:])]
        expected = both[0] / 2 + both[1] / 4 + both[2] / 4
    exact = training.precision(torch.device("cpu")) == torch.float32
    found = training.predict(net, images, views=6)
    assert torch.allclose(found, expected, atol=1e-5 if exact else 0.05)
    assert torch.allclose(training.predict(net, images.flip(3), views=2), training.predict(net, images, views=2), atol=1e-2)
    with pytest.raises(ValueError, match="views is 3; expected one of 1, 2, 6"):
        training.predict(net, images, views=3)


# ------------------------------------------------------------------------------------- the network
def test_the_first_layer_whitens_what_it_has_seen_and_its_filters_never_learn(cifar):
    net = small()
    before = net.first.weight.clone()
    training.fit(net, cifar, 1, EVERYTHING, quiet=True)
    seen = data.to_float(cifar.train.images)
    filters = net.first.weight.float()
    maps = F.conv2d(seen, filters)[:, :12].transpose(0, 1).flatten(1)
    covariance = maps @ maps.T / maps.shape[1]
    assert torch.allclose(covariance, torch.eye(12), atol=0.02)
    assert torch.equal(filters[12:], -filters[:12]) and not torch.equal(filters, before)
    kept = filters.clone()
    net.look_at(seen * 2)
    assert torch.equal(net.first.weight, kept)  # once


def test_a_block_begins_as_copies_of_its_inputs():
    x = torch.randn(2, 24, 9, 9)
    assert torch.allclose(small().blocks.block1.conv1(x), x, atol=1e-5)
    assert not torch.allclose(small(dirac=False).blocks.block1.conv1(x), x, atol=0.1)


@pytest.mark.parametrize("size", [16, 20, 25, 32, 40])
def test_images_of_many_sizes_fit(size):
    assert small()(torch.randn(2, 3, size, size)).shape == (2, 10)


def test_smaller_ones_do_not():
    with pytest.raises(ValueError, match="H and W of 16 or more"):
        small()(torch.randn(2, 3, 15, 15))


# ------------------------------------------------------------------------------------- the training
def test_parts_of_a_batch_add_up_to_its_gradients(cifar):
    """Without batch norm, which sees the parts, the weights are the same but for rounding."""

    def trained(micro_batch):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, 10)).double()
        recipe = training.Recipe(batch_size=64, augment=(), micro_batch=micro_batch)
        history = training.fit(net, cifar, 1, recipe, quiet=True)
        return net[3].weight, history.rows[0]

    (whole, row), (parts, other) = trained(None), trained(24)
    assert torch.allclose(whole, parts, atol=1e-6) and row["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)


def test_fit_feeds_what_the_recipe_says(cifar, monkeypatch):
    fed, epochs, steps = [], [], []

    def listens(images, index, epoch):
        epochs.append(epoch)
        return images

    monkeypatch.setattr(Lookahead, "after_step", lambda self: steps.append(1))
    net = small()
    net.register_forward_hook(lambda net, given, _: fed.append(tuple(given[0].shape[::2])) if net.training else None)
    training.fit(net, cifar, 2, replace(EVERYTHING, augment=(listens,)), quiet=True)  # twice five batches of 64
    assert fed == [(n, side) for side in 3 * [20] + 3 * [25] + 4 * [32] for n in (24, 24, 16)]
    assert epochs == 5 * [0] + 5 * [1] and len(steps) == 10


def test_shrunk_images_are_pillows():
    image = striped.cifar(10, 10).train.images[:1]
    wanted = np.asarray(Image.fromarray(image[0].permute(1, 2, 0).numpy()).resize((20, 20), Image.Resampling.BILINEAR))
    assert abs(data.shrunk(image.float(), 20)[0].permute(1, 2, 0).numpy() - wanted).max() <= 1.5


def test_everything_at_once_learns_and_resumes_to_the_bit(cifar, tmp_path):
    def run(**more):
        net = small()
        return net, training.fit(net, cifar, 4, EVERYTHING, quiet=True, **more)

    def stop(history):
        if len(history.rows) == 2:
            raise KeyboardInterrupt

    whole, history = run()
    run(save=tmp_path / "run.pt", on_epoch=stop)
    resumed, again = run(save=tmp_path / "run.pt")
    assert history.accuracy > 0.4  # a stripe says its class by its row, and rows are shifted
    assert [row["test_loss"] for row in again.rows] == [row["test_loss"] for row in history.rows]
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))


def test_operations_are_three_passes_of_every_image_at_its_size():
    net = models.build("fastnet")
    plain = training.Recipe(batch_size=100, augment=())
    macs = anatomy.cost(net).macs
    first = 24 * 12 * 31 * 31  # whose filters are not learned: no gradient of them, nor of the images
    expected = 2 * 1_000 * (3 * macs - 2 * first)
    assert speedrun.operations(net, plain, 500, 2) == pytest.approx(expected, rel=1e-3)
    half = training.Recipe(batch_size=100, augment=(), sizes=((0.5, 24),))
    small_macs = anatomy.cost(net, (3, 24, 24)).macs
    assert 0.7 < speedrun.operations(net, half, 500, 2) / expected < 0.8 and small_macs / macs == pytest.approx(0.52, abs=0.02)
    by_muon = training.Recipe(batch_size=100, augment=(), optimizer=training.muon, weight_decay=0.0)
    assert speedrun.operations(net, by_muon, 500, 2) > 1.01 * expected  # orthogonal steps are products of matrices too
    assert speedrun.operations(net, speedrun.PUBLISHED, 50_000, 8) == pytest.approx(0.283e15, rel=0.01)
    assert speedrun.operations(net, speedrun.COURSE, 50_000, speedrun.COURSE_EPOCHS) < 0.22e15


def test_the_command_tells_accuracy_seconds_and_operations(cifar, capsys, monkeypatch):
    monkeypatch.setattr(data, "load", lambda: cifar)
    assert __main__.main(["speedrun", "--seeds", "2", "--epochs", "1", "--published"]) == 0
    out = capsys.readouterr().out
    assert out.count("epoch 1: ") == 2 and out.count("PFLOPs") == 3
    assert "seed 1: " in out and "mean of 2 seeds: " in out and "with six views" in out
