"""What people bring: networks in their own style train like a plain loop, and what cannot work is told in one sentence."""

import random
import warnings
from dataclasses import replace
from functools import partial

import brought
import numpy as np
import pytest
import striped
import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import anatomy, data, diagrams, models, plots, training
from cnn_course.data import augment
from cnn_course.training import checkpoint, gate
from cnn_course.training import device as devices

QUICK = training.Recipe(lr=0.05, augment=())


@pytest.fixture(scope="module")
def cifar():
    return striped.cifar(200, 50)


class Textbook(nn.Module):
    """As most tutorials write it; `reads` channels."""

    def __init__(self, reads=3, classes=10):
        super().__init__()
        self.conv = nn.Conv2d(reads, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * 16 * 16, classes)

    def maps(self, x):
        return F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)

    def forward(self, x):
        x = self.maps(x)
        return self.fc(x.flatten(1))


class Viewing(Textbook):
    def forward(self, x):
        x = self.maps(x)
        return self.fc(x.view(x.size(0), -1))


class ReturnsDict(Textbook):
    key = "logits"

    def forward(self, x):
        return {self.key: super().forward(x), "features": x}


class ReturnsOut(ReturnsDict):
    key = "out"


class ReturnsMore(Textbook):
    def forward(self, x):
        logits = super().forward(x)
        return logits, logits * 0.5


class OfOnePixel(nn.Sequential):
    """An NIN without Flatten: (N, 10, 1, 1)."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3, stride=4), nn.ReLU(), nn.Conv2d(8, 10, 1), nn.AdaptiveAvgPool2d(1))


def lazy():
    return nn.Sequential(nn.LazyConv2d(8, 3, stride=4), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))


def double():
    return Textbook().double()


def compiled():
    return torch.compile(Textbook(), backend="eager")


def parallel():
    return nn.DataParallel(Textbook())


WORKS = (Textbook, Viewing, ReturnsDict, ReturnsOut, ReturnsMore, OfOnePixel, lazy, double, compiled, parallel, *brought.ALL)


def plainly(net, cifar, epochs, recipe, seed=0):
    """The loss of every epoch by a loop that knows nothing of layouts, dtypes or wrappers."""
    net.train()
    weights = list(net.parameters())
    optimizer = torch.optim.SGD(
        [{"params": [p for p in weights if p.ndim > 1], "weight_decay": 5e-4}, {"params": [p for p in weights if p.ndim <= 1]}],
        lr=recipe.lr, momentum=0.9, nesterov=True,
    )  # fmt: skip
    generator, losses = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        summed = 0
        for x, y in data.batches(cifar.train, 32, recipe.augment, generator):
            out = net(x.to(weights[0].dtype).contiguous())
            out = next((out[key] for key in ("logits", "out") if key in out), None) if isinstance(out, dict) else out
            out, *aux = out if isinstance(out, tuple) else (out,)
            pairs = zip((1, 0.3), (out, *aux), strict=False)
            loss = sum(weight * F.cross_entropy(each.flatten(1), y, label_smoothing=0.1) for weight, each in pairs)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            summed += loss.item() * len(y)
        losses.append(summed / len(cifar.train))
    return losses


def fitted(net, cifar, epochs, recipe):
    """The same by `fit`, which must leave the network as its history says."""
    history = training.fit(net, cifar, epochs, recipe, quiet=True)
    assert training.evaluate(net, cifar.test).accuracy == history.accuracy
    return [row["train_loss"] for row in history.rows]


@pytest.mark.parametrize("make", WORKS, ids=lambda make: make.__name__)
def test_networks_as_people_write_them_train_like_a_plain_loop(make, cifar, monkeypatch):
    monkeypatch.setattr(devices, "precision", lambda device: torch.float32)
    recipe = replace(QUICK, schedule="constant", batch_size=32)
    losses = []
    for train in (plainly, fitted):
        torch.manual_seed(0)
        net = make()
        gate.complete(net, cifar.train.images)  # a lazy one draws its weights here
        losses.append(train(net, cifar, 2, recipe))
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.parametrize("make", WORKS, ids=lambda make: make.__name__)
def test_they_train_in_the_machines_own_precision(make, cifar):
    history = training.fit(make(), cifar, 2, QUICK, quiet=True)
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"]
    assert history.precision == ("float64" if make is double else str(training.precision(torch.device("cpu")))[6:])


def test_a_default_dtype_of_double_is_no_obstacle(cifar):
    torch.set_default_dtype(torch.float64)
    try:
        assert training.fit(Textbook(), cifar, 1, QUICK, quiet=True).precision == "float64"
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_slower_layout_is_told_once(cifar, capsys):
    training.fit(Viewing(), cifar, 2, QUICK)
    assert capsys.readouterr().out.count("Viewing calls .view on maps") == 1
    training.fit(Textbook(), cifar, 1, QUICK)
    assert ".view" not in capsys.readouterr().out


def test_predict_takes_a_network_that_views_and_leaves_it_trainable(cifar):
    net = Viewing().to(memory_format=torch.channels_last)
    before = training.predict(net, cifar.test.images[:4])
    assert torch.allclose(before, training.predict(net, cifar.test.images[:4]))
    assert not any(p.is_inference() for p in net.parameters())
    training.fit(net, cifar, 1, QUICK, quiet=True)


@pytest.mark.parametrize("make", brought.ALL, ids=lambda make: make.__name__)
def test_the_rest_of_the_course_reads_them_too(make):
    net = make()
    assert anatomy.cost(net, (3, 32, 32)).parameters == anatomy.parameters(net)
    assert anatomy.kept_bytes(net, (3, 32, 32)) > 0
    assert diagrams.network(net, (3, 32, 32)).png() and plots.parameters_by_layer(net, input_shape=(3, 32, 32)).png()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda cifar: training.evaluate(Textbook(), cifar), "split is a Cifar10, expected a Split"),
        (lambda cifar: training.predict(Textbook, cifar.test.images), "net is the class Textbook"),
        (lambda cifar: training.predict(Textbook(), cifar.test.images[0]), r"expected torch.uint8 \(N, 3, H, W\)"),
        (lambda cifar: training.predict(Textbook(), cifar.test.images.numpy()), "images is an ndarray; expected a uint8 tensor"),
        (lambda cifar: training.predict(Textbook(), cifar.test.images[:0]), "images is an empty tensor"),
        (lambda cifar: training.predict(Textbook(), cifar.test.images, batch_size=0), "batch_size is 0"),
        (lambda cifar: anatomy.cost(Textbook), "net is the class Textbook"),
        (lambda cifar: anatomy.kept_bytes(Textbook), "net is the class Textbook"),
        (lambda cifar: anatomy.parameters(Textbook), "net is the class Textbook"),
        (lambda cifar: anatomy.parameters(nn.LazyLinear(3)), "LazyLinear has lazy layers"),
        (lambda cifar: models.build(20), "no model is called '20'"),
        (lambda cifar: training.fit(Textbook(), cifar, on_epoch=plots.live), r"on_epoch is <function live.* as plots.live\(\)"),
        (lambda cifar: training.fit(Textbook(), cifar, torch.zeros(200)), r"epochs is tensor\(.*; expected a whole number"),
        (lambda cifar: training.lesson(cifar.train), r"cifar is a Split, .* images of your own data.Cifar10\("),
        (lambda cifar: training.fit(Textbook(), cifar.test.images, cifar.test.labels), "cifar is a Tensor, expected the Cifar10"),
        (lambda cifar: plots.curves(3), "expected a History"),
        (lambda cifar: training.evaluate(Textbook(classes=1), cifar.test), "the labels run from 0 to 9, .*classes=10"),
        (lambda cifar: training.lesson(replace(cifar, test=data.Split(*cifar.test[:0]))), "there are 0 test images"),
    ],
)  # fmt: skip
def test_what_is_handed_to_the_others_is_looked_at_too(call, words, cifar):
    with pytest.raises(ValueError, match=words):
        call(cifar)


def test_a_part_of_a_network_predicts_its_maps_and_has_no_accuracy(cifar):
    part = models.build("nin_cifar").features
    assert training.predict(part, cifar.test.images).shape == (50, 128, 8, 8)
    with pytest.raises(ValueError, match=r"returns a tensor \(50, 128, 8, 8\); expected logits"):
        training.evaluate(part, cifar.test)


# ------------------------------------------------------------------------------------- modes
def test_every_module_keeps_its_own_mode(cifar):
    net = Textbook().train()
    net.norm.eval()
    mean = net.norm.running_mean.clone()
    training.predict(net, cifar.test.images[:4])
    assert net.training and net.conv.training and not net.norm.training
    training.fit(net, cifar, 2, QUICK, quiet=True)
    assert net.training and not net.norm.training and torch.equal(net.norm.running_mean, mean)


def test_a_network_in_evaluation_mode_is_trained_whole(cifar):
    net = Textbook().eval()
    training.fit(net, cifar, 1, QUICK, quiet=True)
    assert net.norm.training and net.norm.num_batches_tracked > 0


# ------------------------------------------------------------------------------------- wrapped
@pytest.mark.parametrize("wrap", [partial(torch.compile, backend="eager"), nn.DataParallel], ids=["compiled", "parallel"])
def test_a_wrapped_network_shares_its_checkpoint_and_its_counts_with_the_plain_one(wrap, cifar, tmp_path):
    path, net = tmp_path / "run.pt", Textbook()
    history = training.fit(wrap(net), cifar, 2, QUICK, quiet=True, save=path)
    assert history.label == "Textbook" and not any("module" in name for name in checkpoint.read(path, {})["net"])
    assert training.fit(Textbook(), cifar, 2, QUICK, quiet=True, save=path).rows == history.rows
    assert anatomy.cost(wrap(net), (3, 32, 32)) == anatomy.cost(net, (3, 32, 32))
    assert anatomy.kept_bytes(wrap(net), (3, 32, 32)) == anatomy.kept_bytes(net, (3, 32, 32))


# ------------------------------------------------------------------------------------- float16, one image left
def test_a_step_that_the_scaler_skips_is_no_step_of_the_schedule(cifar, monkeypatch):
    monkeypatch.setattr(devices, "precision", lambda device: torch.float16)

    class Overflowing(Textbook):
        calls = 0

        def forward(self, x):
            out = super().forward(x)
            if self.training:
                self.calls += 1
                out.register_hook(lambda slope: slope * (1e30 if self.calls == 1 else 1))  # the first gradients are infinite
            return out

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        training.fit(Overflowing(), cifar, 1, QUICK, quiet=True)


def test_one_image_left_over_joins_the_batch_before(cifar):
    deep = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 10))
    training.fit(deep, cifar.subset(train=65), 1, replace(QUICK, batch_size=32), quiet=True)
    sizes = [len(labels) for _, labels in data.batches(cifar.train.subset(65), 32)]
    assert sizes == [32, 33] and data.number_of_batches(65, 32) == 2
    for images, batch_size in ((64, 32), (66, 32), (1, 32), (5, 1), (33, 32)):
        made = [len(labels) for _, labels in data.batches(cifar.train.subset(images), batch_size)]
        assert len(made) == data.number_of_batches(images, batch_size) and sum(made) == images


# ------------------------------------------------------------------------------------- told in one sentence
class OfTheFirstOnly(Textbook):
    def forward(self, x):
        return {"scores": super().forward(x)}


class Forgetful(Textbook):
    def forward(self, x):
        super().forward(x)


class MapsOnly(Textbook):
    def forward(self, x):
        return self.maps(x)


class Unregistered(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Conv2d(3, 10, 32)]

    def forward(self, x):
        return self.layers[0](x).flatten(1)


class Numb(Textbook):
    def forward(self, x):
        return super().forward(x).argmax(dim=1)


def spoiled(module):
    if isinstance(module, nn.Linear):
        module.weight.data[0, 0] = float("nan")


def built_without_gradients():
    with torch.inference_mode():
        return Textbook()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Textbook, "net is the class Textbook, expected a network made of it"),
        (lambda: "resnet20", r"net is the name 'resnet20', expected a network: models.build\('resnet20'\)"),
        (lambda: Textbook().forward, "expected a torch.nn.Module"),
        (lambda: None, "net is None, expected a torch.nn.Module"),
        (lambda: Textbook().requires_grad_(False), "all weights of Textbook are frozen"),
        (built_without_gradients, "Textbook was built under torch.inference_mode"),
        (Unregistered, "Unregistered has no parameters.*plain list"),
        (partial(Textbook, reads=1), "first convolution of Textbook reads 1 channels, the images have 3"),
        (partial(Textbook, classes=5), "labels run from 0 to 9, but the network has 5 classes"),
        (OfTheFirstOnly, "returns a dict of 'scores'; expected \"logits\" or \"out\""),
        (Forgetful, "returns nothing.*Is there a return in forward"),
        (MapsOnly, r"returns a tensor \(2, 8, 16, 16\); expected logits \(N, classes\)"),
        (lambda: Textbook().apply(spoiled), "Textbook holds weights that are no numbers"),
        (Numb, r"returns a tensor \(2,\); expected logits"),
        (lambda: models.build("lenet5_grey"), r"got \(2, 3, 32, 32\); for CIFAR-10: models.build\('lenet5'\)"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), "Sequential cannot take images of 3x32x32.*RuntimeError"),
    ],
)  # fmt: skip
def test_a_network_that_cannot_be_trained_is_told_in_a_sentence(make, words, cifar):
    with pytest.raises(ValueError, match=words) as caught:
        training.fit(make(), cifar, 1, QUICK)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 450


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_gradients_that_are_switched_off_are_noticed(off, cifar):
    with off(), pytest.raises(ValueError, match="gradients are switched off here"):
        training.fit(Textbook(), cifar, 1, QUICK)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 1.5}, "epochs is 1.5; expected a whole number of at least 1"),
        ({"epochs": "2"}, "epochs is '2'; expected a whole number"),
        ({"epochs": True}, "epochs is True"),
        ({"seed": -1}, "seed is -1; expected a whole number of at least 0"),
        ({"device": "cuda:7"}, "device is \"cuda:7\", but torch finds .* of that kind here: leave device out"),
        ({"device": "gpu"}, "device is 'gpu'; expected \"cpu\", \"cuda\""),
        ({"device": "meta"}, "device is \"meta\", but torch finds none"),
        ({"cifar": [1, 2]}, "cifar is a list, expected the Cifar10 that data.load"),
        ({"recipe": {"lr": 0.1}}, "recipe is .*expected a Recipe, such as"),
        ({"on_epoch": 3}, "on_epoch is 3, expected a function"),
        ({"save": 3}, "save is 3, expected the path of a file"),
        ({"name": 20}, "name is 20, expected what figures and tables are to call the run"),
    ],
    ids=str,
)  # fmt: skip
def test_a_setting_that_cannot_be_is_told_before_anything_is_read(settings, words, cifar):
    with pytest.raises(ValueError, match=words):
        training.fit(**{"net": Textbook(), "cifar": cifar, "epochs": 1, "recipe": QUICK, **settings})


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", 0), ("lr", float("nan")), ("lr", "0.1"), ("batch_size", 0), ("batch_size", 2.5), ("momentum", 1),
     ("weight_decay", -1), ("label_smoothing", 2), ("schedule", "cosine"), ("augment", augment.flip), ("augment", ("flip",)),
     ("aux_weight", None), ("optimizer", "adam"), ("optimizer", torch.optim.Adam), ("optimizer", partial(torch.optim.Adam, lr=1)),
     ("optimizer", torch.optim.Adam([torch.zeros(1)])), ("sizes", ((0.5, 24), (0.4, 28))), ("sizes", ((0.5, 28), (0.6, 24))),
     ("sizes", ((2.0, 24),)), ("sizes", (24,)), ("sizes", ((0.5, 24, 1),)), ("sizes", [(0.5, 24)]), ("micro_batch", 0),
     ("lookahead", 1)],
)  # fmt: skip
def test_a_recipe_that_no_training_could_use_is_refused_when_it_is_written(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*; expected "):
        training.Recipe(**{name: value})


def test_what_the_message_offers_for_an_optimizer_of_torchs_trains(cifar):
    with pytest.raises(ValueError, match="such a function: lambda net") as told:
        training.Recipe(optimizer=torch.optim.Adam)
    offered = eval(str(told.value).partition("such a function: ")[2], {"torch": torch})
    recipe = training.Recipe(optimizer=offered, augment=())
    assert repr(recipe).startswith("Recipe(lr=None, ") and " at 0x" not in repr(recipe)
    assert len(training.fit(Textbook(), cifar, 1, recipe, quiet=True).rows) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"lr": 0.1}, r"lr is a setting of the recipe: training.fit\(net, cifar, recipe=training.Recipe\(lr=0.1\)\)"),
     ({"epoch": 2}, "fit has no setting 'epoch'")],
)  # fmt: skip
def test_a_setting_in_the_wrong_place_is_told_where_it_belongs(settings, words, cifar):
    with pytest.raises(TypeError, match=words):
        training.fit(Textbook(), cifar, **settings)


def test_numbers_of_numpy_are_numbers():
    assert training.Recipe(lr=np.float32(0.1), batch_size=np.int64(8)).batch_size == 8


@pytest.mark.parametrize(
    ("last", "words"),
    [(nn.Softmax(1), "after a softmax.*cannot fall below 1.46"), (nn.LogSoftmax(1), "after a log-softmax.*changes nothing"),
     (nn.Identity(), "")],
)  # fmt: skip
def test_probabilities_where_logits_belong_are_noticed_and_trained_all_the_same(last, words, cifar, capsys):
    history = training.fit(nn.Sequential(Textbook(), last), cifar, 1, QUICK)
    told = capsys.readouterr().out
    assert len(history.rows) == 1
    if words:
        assert all(part in told for part in words.split(".*"))
    else:
        assert "softmax" not in told


@pytest.mark.parametrize(("classes", "told"), [(1_000, True), (10, False)])
def test_classes_that_no_image_has_are_noticed_and_trained_all_the_same(classes, told, cifar, capsys):
    assert len(training.fit(Textbook(classes=classes), cifar, 1, QUICK).rows) == 1
    said = f"The network has {classes:,} classes, the images 10; build it with classes=10. Training goes on."
    assert (said in capsys.readouterr().out) == told


def test_what_the_note_on_softmax_says_is_true():
    sure = F.one_hot(torch.tensor([3]), 10).float()  # the best that probabilities can be
    assert f"{F.cross_entropy(sure, torch.tensor([3])).item():.2f}" == "1.46"
    logits = torch.randn(5, 10)
    assert torch.allclose(F.cross_entropy(logits.log_softmax(1), torch.arange(5)), F.cross_entropy(logits, torch.arange(5)))


# ------------------------------------------------------------------------------------- augmentation of one's own
def mirror(images):
    return images.flip(3)


def numpy_noise(images):
    return (images + torch.from_numpy(np.random.randint(0, 9, images.shape, dtype=np.uint8))).clamp(max=255)


def python_flip(images):
    return images.flip(3) if random.random() < 0.5 else images


def test_a_transform_may_take_only_images(cifar):
    training.fit(Textbook(), cifar, 1, replace(QUICK, augment=(mirror, augment.flip)), quiet=True)
    assert torch.equal(augment.apply(cifar.test.images, (mirror,)), cifar.test.images.flip(3))


@pytest.mark.parametrize(
    ("transform", "words"), [(lambda x: x.float(), "float32"), (lambda x: x[:, :, 1:], r"31, 32"), (lambda x: None, "nothing")]
)
def test_a_transform_that_makes_something_else_is_named(transform, words, cifar):
    with pytest.raises(ValueError, match=f"the transform <lambda> makes .*{words}.*; expected the same shape and dtype"):
        training.fit(Textbook(), cifar, 1, replace(QUICK, augment=(transform,)), quiet=True)


@pytest.mark.parametrize("transform", [numpy_noise, python_flip])
def test_whatever_an_augmentation_draws_from_the_same_seed_gives_the_same_run(transform, cifar, tmp_path):
    recipe = replace(QUICK, augment=(transform,))

    def run(epochs, **settings):
        torch.manual_seed(0)
        history = training.fit(Textbook(), cifar, epochs, recipe, quiet=True, **settings)
        return [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]

    before = random.getstate(), np.random.get_state()[1].copy()
    whole = run(3)
    assert random.getstate() == before[0] and (np.random.get_state()[1] == before[1]).all()
    random.random(), np.random.rand()
    assert run(3) == whole

    def stop(history):
        if len(history.rows) == 2:
            raise KeyboardInterrupt

    run(3, save=tmp_path / "run.pt", on_epoch=stop)
    random.random(), np.random.rand()
    assert run(3, save=tmp_path / "run.pt") == whole


# ------------------------------------------------------------------------------------- files
def test_the_folder_of_a_checkpoint_is_made_and_a_folder_in_its_place_is_refused(cifar, tmp_path):
    training.fit(Textbook(), cifar, 1, QUICK, quiet=True, save=tmp_path / "new" / "run.pt")
    assert (tmp_path / "new" / "run.pt").exists()
    with pytest.raises(ValueError, match="a folder; expected a file"):
        training.fit(Textbook(), cifar, 1, QUICK, quiet=True, save=tmp_path)
    with pytest.raises(ValueError, match="its folder cannot be made"):
        training.fit(Textbook(), cifar, 1, QUICK, quiet=True, save=tmp_path / "new" / "run.pt" / "more" / "run.pt")


def test_weights_go_from_the_file_of_a_run_into_a_network_as_the_readme_says(cifar, tmp_path):
    net, again = Textbook(), Textbook()
    training.fit(net, cifar, 1, QUICK, quiet=True, save=tmp_path / "run.pt")
    again.load_state_dict(torch.load(tmp_path / "run.pt", map_location="cpu")["net"])
    assert torch.equal(training.predict(net, cifar.test.images), training.predict(again, cifar.test.images))


def test_a_full_disk_costs_no_epoch(cifar, tmp_path, monkeypatch, capsys):
    written, write = [], checkpoint.write

    def full_at_first(path, state):
        written.append(len(state["rows"]))
        if len(written) < 3:
            raise OSError(28, "No space left on device")
        write(path, state)

    monkeypatch.setattr(checkpoint, "write", full_at_first)
    history = training.fit(Textbook(), cifar, 3, QUICK, save=tmp_path / "run.pt")
    told = capsys.readouterr().out
    assert len(history.rows) == 3 and written == [1, 2, 3] and len(checkpoint.read(tmp_path / "run.pt", {})["rows"]) == 3
    assert told.count("could not be saved") == 2 and "No space left on device" in told and "after the next epoch" in told


def test_a_disk_that_is_full_leaves_the_old_checkpoint(cifar, tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    training.fit(Textbook(), cifar, 1, replace(QUICK, schedule="constant"), quiet=True, save=path)
    before = path.read_bytes()

    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "write_bytes", full)
    assert len(training.fit(Textbook(), cifar, 2, replace(QUICK, schedule="constant"), quiet=True, save=path).rows) == 2
    assert path.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == ["run.pt"]


def test_a_memory_that_is_too_small_is_not_hidden_by_another_error(cifar):
    class Hungry(Textbook):
        def forward(self, x):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        training.fit(Hungry(), cifar, 1, QUICK)


def test_models_of_the_course_still_speak_for_themselves(cifar):
    with pytest.raises(ValueError, match="lenet5 takes images"):
        training.predict(models.build("lenet5"), torch.zeros(2, 3, 40, 40, dtype=torch.uint8))
