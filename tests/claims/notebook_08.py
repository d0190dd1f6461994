"""What notebook 8, the comparison, claims."""

from functools import lru_cache

import numpy as np
import pandas as pd
import torch
import torchvision
from ledger import cifar, claims_of, says

from cnn_course import anatomy, experiments, models, training

claim = claims_of("08_comparison")
PAPER = ("alexnet_two_gpus", "vgg16", "googlenet", "resnet50", "resnet152", "densenet121")
NAMES = ("alexnet", "vgg16", "vgg19", "googlenet", "resnet18", "resnet50", "resnet152", "densenet121", "densenet201")
SIX = [name for name in models.COURSE if name != "lenet5"]


def cost(name):
    return anatomy.cost(models.build(name, device="meta"))


def card():
    """torchvision's weight cards: parameters, multiply-adds and top-5 accuracy of nine networks."""
    rows = {}
    for name in NAMES:
        meta = torchvision.models.get_model_weights(name).IMAGENET1K_V1.meta
        rows[name] = meta["num_params"], meta["_ops"], meta["_metrics"]["ImageNet-1K"]["acc@5"]
    return pd.DataFrame(rows, index=["parameters", "multiply-adds", "top-5"]).T


# ------------------------------------------------------------------------------- costs
@claim("No network is the cheapest in everything", "computed")
def _():
    table = pd.DataFrame({name: vars(cost(name)) for name in PAPER}).T
    table["kept"] = [anatomy.kept_bytes(models.build(name, device="meta")) for name in PAPER]
    assert len(set(table[["parameters", "macs", "output_bytes", "kept"]].idxmin())) > 1


@claim("AlexNet has nine times the parameters of GoogLeNet and half its multiply-adds.", "computed")
def _():
    alexnet, googlenet = cost("alexnet_two_gpus"), cost("googlenet")
    assert 8.5 < alexnet.parameters / googlenet.parameters < 9.5 and 0.4 < alexnet.macs / googlenet.macs < 0.55


@claim("DenseNet-121 has a third of the parameters of ResNet-50 and keeps half as much again", "computed")
def _():
    dense, residual = (models.build(name, device="meta") for name in ("densenet121", "resnet50"))
    kept = anatomy.kept_bytes(dense) / anatomy.kept_bytes(residual)
    assert 0.28 < anatomy.parameters(dense) / anatomy.parameters(residual) < 0.36 and 1.4 < kept < 1.6
    return f"{kept:.2f} times the bytes"


@claim("Dense layers hold most of AlexNet and VGG, and little of what came after", "computed")
def _():
    share = {name: cost(name).linear_parameters / cost(name).parameters for name in PAPER}
    assert min(share["alexnet_two_gpus"], share["vgg16"]) > 0.85 and max(share[name] for name in PAPER[2:]) < 0.16


@claim("From GoogLeNet on, 1x1 convolutions do a large share of the work", "computed")
def _():
    share = {name: cost(name).macs_1x1 / cost(name).macs for name in PAPER}
    assert share["alexnet_two_gpus"] == share["vgg16"] == 0 and min(share[name] for name in PAPER[2:]) > 0.2
    return {name: f"{part:.0%}" for name, part in share.items()}


@claim("ResNet-50 and DenseNet-121: fewer parameters than VGG-16, and better", "computed")
def _():
    table = card()
    for name in ("resnet50", "densenet121"):
        assert table["parameters"][name] < table["parameters"]["vgg16"] and table["top-5"][name] > table["top-5"]["vgg16"]


@claim("Against multiply-adds the order is another one", "computed")
def _():
    table = card()
    assert list(table.sort_values("parameters").index) != list(table.sort_values("multiply-adds").index)


@claim("Across families parameters say nothing about accuracy", "computed")
def _():
    rank = card().corr("spearman")["top-5"]["parameters"]
    assert abs(rank) < 0.1
    return f"rank correlation {rank:.2f}"


@claim("Among the three ResNets accuracy rises with parameters, and three points in a row are no law.", "computed")
def _():
    assert np.isclose(card().filter(like="resnet", axis=0).corr("spearman")["top-5"]["parameters"], 1)


# ------------------------------------------------------------------------------- noise
def standard_error(p, n):
    return 100 * (p * (1 - p) / n) ** 0.5


@claim("To halve the noise you need four times the test images", "computed")
def _():
    assert np.isclose(standard_error(0.9, 40_000), standard_error(0.9, 10_000) / 2)


def two_networks():
    """Paired and unpaired standard error of the difference of two recorded networks, a training each, in points."""
    record = experiments.recorded("comparison")
    a, b = (record.runs[name][0].right_images(10_000) for name in ("resnet20", "googlenet_cifar"))
    unpaired = np.hypot(standard_error(a.mean(), 10_000), standard_error(b.mean(), 10_000))
    return 100 * (a.astype(float) - b).std() / 100, unpaired


@claim("Paired, the error is smaller by a third.", "record comparison")
def _():
    paired, unpaired = two_networks()
    assert 0.25 < 1 - paired / unpaired < 0.4
    return f"{paired:.2f} for {unpaired:.2f} points"


@claim("the interval of the difference reaches half a point to each side, before any seed has changed", "record comparison")
def _():
    paired, _ = two_networks()
    assert 0.45 < 1.96 * paired < 0.65
    return f"±{1.96 * paired:.2f} points"


# ------------------------------------------------------------------------------- the course's networks
@claim("The other six have between 0.23 and 0.29 million parameters, and the parameters do not order them.", "record comparison")
def _():
    table = experiments.recorded("comparison").table().loc[SIX]
    assert table["parameters"].between(0.225e6, 0.295e6).all()
    rank = table.corr("spearman")["test accuracy"]["parameters"]
    assert abs(rank) < 0.6
    return f"rank correlation {rank:.2f}"


@claim("Equal parameters, very different accuracies", "record comparison")
def _():
    found = experiments.recorded("comparison").difference("resnet20", "alexnet_cifar")
    assert says(found, "+4.2") and found.decided
    return found


@claim("GoogLeNet makes the most of its multiply-adds", "record comparison")
def _():
    """Of the networks that need no more than it (within 2%) it is ahead."""
    record = experiments.recorded("comparison")
    least = [name for name in SIX if record.multiply_adds[name] < 1.02 * record.multiply_adds["googlenet_cifar"]]
    found = [record.difference("googlenet_cifar", name) for name in least if name != "googlenet_cifar"]
    assert len(found) == 3 and all(difference.decided and difference.points > 0 for difference in found)
    assert [f"{difference.points:+.1f}" for difference in found] == ["+3.9", "+1.1", "+1.6"]
    return found


@claim("look for two networks that do the same work and end points apart", "record comparison")
def _():
    record = experiments.recorded("comparison")
    found = record.difference("googlenet_cifar", "densenet_cifar")
    work = record.multiply_adds["googlenet_cifar"] / record.multiply_adds["densenet_cifar"]
    assert 0.99 < work < 1.01 and says(found, "+1.6") and found.decided
    return found


@claim("ResNet-20 and GoogLeNet are ahead of VGG, AlexNet is behind the other networks of its size, and LeNet-5 is far behind "
       "them all.", "record comparison")  # fmt: skip
def _():
    record = experiments.recorded("comparison")
    ahead = [record.difference(name, "vgg_cifar") for name in ("resnet20", "googlenet_cifar")]
    behind = [record.difference(name, "alexnet_cifar") for name in SIX if name != "alexnet_cifar"]
    far = [record.difference(name, "lenet5") for name in SIX]
    assert all(difference.decided and difference.points > 0 for difference in [*ahead, *behind, *far])
    assert [f"{d.points:+.1f}" for d in ahead] == ["+1.5", "+1.1"] and says(far[0], "+16.7")
    assert [f"{d.points:+.1f}" for d in behind] == ["+2.8", "+2.4", "+3.9", "+4.2", "+2.2"]
    return [*ahead, *behind]


@claim("ResNet-20, within about a point of the paper after a seventh of its epochs", "record comparison")
def _():
    table, epochs = experiments.recorded("comparison").table(), experiments.find("comparison").epochs
    assert 0 < 91.25 - 100 * table["test accuracy"]["resnet20"] < 1 and 6 < 164 / epochs < 8


@claim("Sixty epochs: three architectures within a point of one another", "record half_hour")
def _():
    tested = experiments.recorded("half_hour").table()["test accuracy"]
    assert [f"{100 * tested[name]:.1f}" for name in ("resnet20", "densenet_wide", "googlenet_cifar")] == ["91.9", "91.7", "91.4"]


@claim("More than twice the work bought ResNet-20 and GoogLeNet a bit more than a point each.", "record half_hour")
def _():
    long, short = (experiments.recorded(name).table()["test accuracy"] for name in ("half_hour", "comparison"))
    gain = {name: f"{100 * (long[name] - short[name]):+.1f}" for name in ("resnet20", "googlenet_cifar")}
    assert gain == {"resnet20": "+1.4", "googlenet_cifar": "+1.2"}
    return gain


@claim("The interval of ResNet-20 holds the 91.25% of its own paper, one run there", "record half_hour")
def _():
    runs = experiments.recorded("half_hour").runs["resnet20"]
    low, high = experiments.mean_interval([100 * run.test_accuracy for run in runs], 10_000)
    assert low < 91.25 < high
    return f"{low:.2f} to {high:.2f}%"


@claim("After a lesson VGG may be no better than LeNet-5, which has a quarter of its parameters", "record lesson")
def _():
    record = experiments.recorded("lesson")
    found, size = record.difference("vgg_cifar", "lenet5"), record.table()["parameters"]
    assert says(found, "-0.3") and not found.decided and 0.2 < size["lenet5"] / size["vgg_cifar"] < 0.3
    return found


@claim("after the full training it is some twenty points ahead.", "record comparison")
def _():
    found = experiments.recorded("comparison").difference("vgg_cifar", "lenet5")
    assert found.decided and 18 < found.points < 22
    return found


# ------------------------------------------------------------------------------- mistakes
@claim("The same pair in six rows of seven; only LeNet-5 has more trouble with something else.", "computed")
def _():
    some, pairs = cifar().test.subset(1_000), {}
    for name in models.COURSE:
        said = training.predict(models.build(name, pretrained=True), some.images).argmax(dim=1)
        counts = torch.zeros(10, 10).index_put_((some.labels, said), torch.tensor(1.0), accumulate=True)
        pairs[name] = divmod(int((counts + counts.T).triu(diagonal=1).argmax()), 10)
    cat_and_dog = [name for name, pair in pairs.items() if pair == (3, 5)]
    assert cat_and_dog == SIX


@lru_cache
def mistakes():
    """How often the recorded ResNet-20 takes one class (row) for another (column), of 10,000 test images."""
    test = cifar().test
    said = training.predict(models.build("resnet20", pretrained=True), test.images).argmax(dim=1)
    counts = torch.zeros(10, 10).index_put_((test.labels, said), torch.tensor(1.0), accumulate=True)
    return counts.fill_diagonal_(0)


@claim("Cats and dogs, in both directions.", "computed")
def _():
    cat, dog = 3, 5
    assert set(torch.topk(mistakes().flatten(), 2).indices.tolist()) == {10 * cat + dog, 10 * dog + cat}


@claim("what crosses between the two most often are birds and airplanes.", "computed")
def _():
    counts, vehicles, animals = mistakes(), (0, 1, 8, 9), (2, 3, 4, 5, 6, 7)
    crossing = {(a, v): float(counts[a, v] + counts[v, a]) for a in animals for v in vehicles}
    assert max(crossing, key=crossing.get) == (2, 0)  # bird, airplane
    return f"{crossing[2, 0]:.0f} of {sum(crossing.values()):.0f}"


# ------------------------------------------------------------------------------- fact check
@claim("its card says 4.7 points more", "computed")
def _():
    first, second = (w.meta["_metrics"]["ImageNet-1K"]["acc@1"] for w in torchvision.models.ResNet50_Weights)
    assert f"{second - first:.1f}" == "4.7"


@claim("the test changed a little too", "computed")
def _():
    first, second = (w.transforms().resize_size[0] for w in torchvision.models.ResNet50_Weights)
    assert (first, second) == (256, 232)
    return f"images resized to {first} and to {second}"


@claim("From VGG to ResNet-152 the parameters fall by more than half.", "computed")
def _():
    assert cost("resnet152").parameters < cost("vgg19").parameters / 2


@claim("The convolutions grew nearly threefold.", "computed")
def _():
    assert 2.7 < cost("resnet152").conv_parameters / cost("vgg19").conv_parameters < 3


@claim("DenseNet-121 has 7.6 times fewer parameters and needs 4 times the multiply-adds.", "computed")
def _():
    alexnet, dense = cost("alexnet_two_gpus"), cost("densenet121")
    assert f"{alexnet.parameters / dense.parameters:.1f}" == "7.6" and 3.8 < dense.macs / alexnet.macs < 4.2


@claim("Nine times as many: a third of the error.", "computed")
def _():
    assert np.isclose(standard_error(0.9, 90_000), standard_error(0.9, 10_000) / 3)
