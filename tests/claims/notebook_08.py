"""What notebook 8, the comparison, claims."""

from functools import lru_cache

import numpy as np
import pandas as pd
import torch
import torchvision
from ledger import cifar, claims_of, says
from torch import nn

from cnn_course import anatomy, experiments, models, training

claim = claims_of("08_comparison")
PAPER = ("alexnet_two_gpus", "vgg16", "googlenet", "resnet50", "resnet152", "densenet121")
NAMES = ("alexnet", "vgg16", "vgg19", "googlenet", "resnet18", "resnet50", "resnet152", "densenet121", "densenet201")
SIX = [name for name in models.COURSE if name != "lenet5"]


BLOCKS = {
    "VGG": models.build("vgg16", device="meta").features.stage1[:4],
    "NIN": models.build("nin", device="meta").features.block1,
    "GoogLeNet": models.Inception(192, 64, 96, 128, 16, 32, 32),
    "ResNet-50": models.Bottleneck(256, 64),
    "DenseNet-121": models.DenseLayer(224, 32),
}


def convolutions(module):
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def mobilenet():
    with torch.device("meta"):
        net = torchvision.models.mobilenet_v2()
    net.input_shape = 3, 224, 224
    return net


def macs(net):
    return anatomy.cost(net).macs


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
@claim("Four of the five blocks use 1x1 convolutions; VGG's does not", "computed")
def _():
    having = [any(layer.kernel_size == (1, 1) for layer in convolutions(block)) for block in BLOCKS.values()]
    assert dict(zip(BLOCKS, having, strict=True)) == dict.fromkeys(BLOCKS, True) | {"VGG": False}


@claim("NIN's 1x1 layers mix the maps that a larger filter has made. In the other three a 1x1 stands before a larger filter and "
       "narrows what that has to read.", "computed")  # fmt: skip
def _():
    assert [layer.kernel_size[0] for layer in convolutions(BLOCKS["NIN"])] == [5, 1, 1]
    for name in ("GoogLeNet", "ResNet-50", "DenseNet-121"):
        layers = convolutions(BLOCKS[name])
        pairs = [(one, next_) for one, next_ in zip(layers, layers[1:], strict=False) if one.out_channels == next_.in_channels]
        narrow = [one for one, next_ in pairs if one.kernel_size == (1, 1) and next_.kernel_size > (1, 1)]
        assert narrow and all(one.out_channels < one.in_channels for one in narrow), name


@claim("MobileNetV2 has the fewest parameters and multiply-adds of the seven, and AlexNet keeps the fewest bytes: none is the "
       "cheapest in everything.", "computed")  # fmt: skip
def _():
    nets = {name: models.build(name, device="meta") for name in PAPER} | {"mobilenet_v2": mobilenet()}
    assert len(nets) == 7
    for count, least in ((anatomy.parameters, "mobilenet_v2"), (macs, "mobilenet_v2"), (anatomy.kept_bytes, PAPER[0])):
        assert min(nets, key=lambda name: count(nets[name])) == least


@claim("AlexNet has nine times the parameters of GoogLeNet and half its multiply-adds.", "computed")
def _():
    alexnet, googlenet = cost("alexnet_two_gpus"), cost("googlenet")
    assert 8.5 < alexnet.parameters / googlenet.parameters < 9.5 and 0.4 < alexnet.macs / googlenet.macs < 0.55


@claim("DenseNet-121 has a third of the parameters of ResNet-50 and keeps 1.5 times the bytes", "computed")
def _():
    dense, residual = (models.build(name, device="meta") for name in ("densenet121", "resnet50"))
    kept = anatomy.kept_bytes(dense) / anatomy.kept_bytes(residual)
    assert 0.28 < anatomy.parameters(dense) / anatomy.parameters(residual) < 0.36 and f"{kept:.1f}" == "1.5"


@claim("VGG-16 does no work in 1x1 convolutions, MobileNetV2 nearly nine tenths", "computed")
def _():
    share = anatomy.cost(mobilenet()).macs_1x1 / macs(mobilenet())
    assert cost("vgg16").macs_1x1 == 0 and 0.87 < share < 0.9
    return f"{share:.1%}"


@claim("none of it in VGG-16, half in ResNet-50 and DenseNet-121, nearly nine tenths in MobileNetV2", "computed")
def _():
    share = [cost(name).macs_1x1 / cost(name).macs for name in ("vgg16", "resnet50", "densenet121")]
    assert share[0] == 0 and all(0.48 < part < 0.54 for part in share[1:])


@claim("It mixes or narrows channels for a ninth of the multiply-adds of a 3x3", "computed")
def _():
    small, large = (macs(shaped(nn.Conv2d(64, 32, side, padding=side // 2, bias=False))) for side in (1, 3))
    assert large == 9 * small


def shaped(net):
    net.input_shape = 64, 8, 8
    return net


@claim("ResNet-50 and DenseNet-121: fewer parameters than VGG-16, and better", "computed")
def _():
    table = card()
    for name in ("resnet50", "densenet121"):
        assert table["parameters"][name] < table["parameters"]["vgg16"] and table["top-5"][name] > table["top-5"]["vgg16"]


@claim("AlexNet, GoogLeNet and ResNet-18 have fewer parameters too, and lie below VGG-16.", "computed")
def _():
    table = card()
    smaller = table[table["parameters"] < table["parameters"]["vgg16"]]
    assert set(smaller.index[smaller["top-5"] < table["top-5"]["vgg16"]]) == {"alexnet", "googlenet", "resnet18"}


@claim("VGG-19 does the most work of the nine, and four are better", "computed")
def _():
    table = card()
    assert table["multiply-adds"].idxmax() == "vgg19" and (table["top-5"] > table["top-5"]["vgg19"]).sum() == 4


@claim("Over these nine, parameters put accuracy in no order at all, and multiply-adds in a loose one.", "computed")
def _():
    rank, loose = card().corr("spearman")["top-5"][["parameters", "multiply-adds"]]
    assert abs(rank) < 0.1 and 0.4 < loose < 0.7
    return f"rank correlation {rank:.2f}"


@claim("Among the three ResNets accuracy rises with parameters, and three points in a row are no law.", "computed")
def _():
    assert np.isclose(card().filter(like="resnet", axis=0).corr("spearman")["top-5"]["parameters"], 1)


# ------------------------------------------------------------------------------- noise
def standard_error(p, n):
    return 100 * (p * (1 - p) / n) ** 0.5


def two_networks():
    """Paired and unpaired standard error of the difference of two recorded networks, a training each, in points."""
    record = experiments.recorded("comparison")
    a, b = (record.runs[name][0].right_images() for name in ("resnet20", "googlenet_cifar"))
    unpaired = np.hypot(standard_error(a.mean(), 10_000), standard_error(b.mean(), 10_000))
    return 100 * (a.astype(float) - b).std() / 100, unpaired


@claim("Paired, the error is smaller by a third.", "record comparison")
def _():
    paired, unpaired = two_networks()
    assert 0.25 < 1 - paired / unpaired < 0.4
    return f"{paired:.2f} for {unpaired:.2f} points"


@claim("the interval of the difference reaches 0.6 points to each side, before any seed has changed", "record comparison")
def _():
    paired, _ = two_networks()
    assert f"{1.96 * paired:.1f}" == "0.6"
    return f"±{1.96 * paired:.2f} points"


# ------------------------------------------------------------------------------- the course's networks
@claim("Six of them have about the same number of parameters.", "record comparison")
def _():
    size = experiments.recorded("comparison").table().loc[SIX, "parameters"]
    assert size.between(0.225e6, 0.295e6).all()
    return f"{size.min():,} to {size.max():,}"


@claim("Of the five steps in the ranking two stand; the other three may be none", "record comparison")
def _():
    record = experiments.recorded("comparison")
    order = record.table().loc[SIX, "test accuracy"].sort_values(ascending=False).index
    found = [record.difference(better, worse) for better, worse in zip(order, order[1:], strict=False)]
    assert [difference.decided for difference in found] == [False, True, False, False, True]
    assert all(difference.decided or difference.interval[0] < 0 < difference.interval[1] for difference in found)
    return found


@claim("Between ResNet-20 and GoogLeNet the difference may be none, and is at most 1.0 points; GoogLeNet needs about half the "
       "multiply-adds.", "record comparison")  # fmt: skip
def _():
    record = experiments.recorded("comparison")
    found = record.difference("resnet20", "googlenet_cifar")
    work = record.multiply_adds["googlenet_cifar"] / record.multiply_adds["resnet20"]
    assert says(found, "+0.3") and not found.decided and f"{found.missed:.1f}" == "1.0" and 0.45 < work < 0.56
    return found


@claim("AlexNet, VGG, NIN and GoogLeNet have batch norm and label smoothing here, both of 2015, and had neither in their papers. "
       "Their dropout of 40 or 50% is 10% here, or none.", "computed")  # fmt: skip
def _():
    def has(name, kind):
        return [module for module in models.build(name, device="meta").modules() if isinstance(module, kind)]

    assert training.Recipe().label_smoothing > 0
    papers = {"alexnet_cifar": "alexnet_two_gpus", "vgg_cifar": "vgg16", "nin_cifar": "nin", "googlenet_cifar": "googlenet"}
    for ours, paper in papers.items():
        assert has(ours, nn.BatchNorm2d) and not has(paper, nn.BatchNorm2d)
        assert {layer.p for layer in has(paper, nn.Dropout)} <= {0.4, 0.5} and has(paper, nn.Dropout)
        assert {layer.p for layer in has(ours, nn.Dropout)} <= {0.0, 0.1}


@claim("LeNet-5, without batch norm, has a tenth of it", "record comparison")
def _():
    rate = experiments.sheet(experiments.recorded("comparison"))["learning rate"]
    assert np.isclose(rate["lenet5"], rate["resnet20"] / 10) and rate.drop("lenet5").nunique() == 1


@claim("Of four networks near 20 million multiply-adds GoogLeNet is ahead", "record comparison")
def _():
    record = experiments.recorded("comparison")
    near = [name for name in SIX if 18e6 < record.multiply_adds[name] < 22.5e6]
    found = [record.difference("googlenet_cifar", name) for name in near if name != "googlenet_cifar"]
    assert len(near) == 4 and all(difference.decided and difference.points > 0 for difference in found)
    assert [f"{difference.points:+.1f}" for difference in found] == ["+3.9", "+1.1", "+1.6"]
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


@claim("Every published error lies below ours, by unlike protocols", "record comparison")
def _():
    ours = 100 - 100 * experiments.recorded("comparison").table().loc[SIX, "test accuracy"]
    assert ours.min() > max(8.75, 7.51, 7.17, 6.97, 8.81, 5.24, 4.51)
    return f"ours {ours.min():.1f} to {ours.max():.1f}%"


@claim("The other published ones have from 1.7 to nearly four times its parameters.", "computed")
def _():
    others = ("resnet32", "resnet44", "resnet56", "nin", "densenet40_12", "densenet_bc_100_12")
    times = [cost(name).parameters / cost("resnet20").parameters for name in others]
    assert f"{min(times):.1f}" == "1.7" and 3.7 < max(times) < 4


@claim("nearly twice the multiply-adds of `densenet_cifar`, as many as ResNet-20's", "computed")
def _():
    wide = cost("densenet_wide").macs
    assert 1.8 < wide / cost("densenet_cifar").macs < 2 and 0.98 < wide / cost("resnet20").macs < 1.02


@claim("After sixty epochs ResNet-20's lead over either may be none", "record half_hour")
def _():
    record = experiments.recorded("half_hour")
    pairs = (("resnet20", "densenet_wide"), ("resnet20", "googlenet_cifar"), ("densenet_wide", "googlenet_cifar"))
    found = [record.difference(*pair) for pair in pairs]
    assert not any(difference.decided for difference in found)
    assert [f"{difference.points:+.1f}" for difference in found] == ["+0.3", "+0.5", "+0.3"]
    tested = record.table()["test accuracy"]
    assert [f"{100 * tested[name]:.1f}" for name in ("resnet20", "densenet_wide", "googlenet_cifar")] == ["91.9", "91.7", "91.4"]
    return found


@claim("Its lead over GoogLeNet may be none, and is at most 1.4 points.", "record half_hour")
def _():
    found = experiments.recorded("half_hour").difference("resnet20", "googlenet_cifar")
    assert not found.decided and f"{found.missed:.1f}" == "1.4"
    return found


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
@claim("The same pair in six rows of seven. In LeNet-5's row it ties with the pair that is named, 25 mistakes each", "computed")
def _():
    some, most = cifar().test.subset(1_000), {}
    for name in models.COURSE:
        said = training.predict(models.build(name, pretrained=True), some.images).argmax(dim=1)
        counts = torch.zeros(10, 10).index_put_((some.labels, said), torch.tensor(1.0), accumulate=True)
        mixed = (counts + counts.T).triu(diagonal=1)
        most[name] = [tuple(pair) for pair in (mixed == mixed.max()).nonzero().tolist()]
        assert name != "lenet5" or mixed.max() == 25
    assert most == {"lenet5": [(0, 8), (3, 5)]} | dict.fromkeys(SIX, [(3, 5)])


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


@claim("Most mistakes stay among the animals or among the vehicles", "computed")
def _():
    counts, vehicles, animals = mistakes(), [0, 1, 8, 9], [2, 3, 4, 5, 6, 7]
    crossing = (counts[animals][:, vehicles].sum() + counts[vehicles][:, animals].sum()) / counts.sum()
    assert crossing < 0.25
    return f"{crossing:.0%} cross"


@claim("what crosses between the two most often are birds and airplanes.", "computed")
def _():
    counts, vehicles, animals = mistakes(), (0, 1, 8, 9), (2, 3, 4, 5, 6, 7)
    crossing = {(a, v): float(counts[a, v] + counts[v, a]) for a in animals for v in vehicles}
    assert max(crossing, key=crossing.get) == (2, 0)  # bird, airplane
    return f"{crossing[2, 0]:.0f} of {sum(crossing.values()):.0f}"


# ------------------------------------------------------------------------------- with 1x1 and without
PAIRS = (
    ("NIN", "NIN without 1x1"),
    ("GoogLeNet", "GoogLeNet without 1x1"),
    ("ResNet-20 with 1x1", "ResNet-20"),
    ("DenseNet", "DenseNet without 1x1"),
)


def worth():
    return [experiments.recorded("one_by_one").difference(*pair) for pair in PAIRS]


@claim("Three seeds each: with 1x1 two networks are better, one worse, one undecided", "record one_by_one")
def _():
    assert all(difference.seeds == (3, 3) for difference in worth())
    assert [difference.decided for difference in worth()] == [True, True, True, False]
    assert [difference.points > 0 for difference in worth()] == [True, True, False, False]
    return worth()


def equal(a, b):
    return experiments.recorded("equal_work").difference(a, b)


def wide_resnet(label):
    """ResNet-20 at its own width against a network of 22 million multiply-adds, both after eight epochs."""
    wide, other = experiments.recorded("one_by_one"), experiments.recorded("equal_work")
    return experiments.difference("ResNet-20 of 41 million", label, wide.runs["ResNet-20"], other.runs[label])


@claim("GoogLeNet's three runs are those of *all four* in notebook 5, VGG's those of *3x3* in "
       "notebook 4. Two of GoogLeNet's and two of DenseNet's stand in the 1x1 pairs as well.", "record equal_work")  # fmt: skip
def _():
    def rows(name, label):
        return [run.rows for run in experiments.recorded(name).runs[label]]

    assert rows("equal_work", "GoogLeNet") == rows("branches", "all four")
    assert rows("equal_work", "VGG") == rows("separable", "3x3")
    for name in ("GoogLeNet", "DenseNet"):
        assert sum(run in rows("equal_work", name) for run in rows("one_by_one", name)) == 2


@claim("At 22 million multiply-adds GoogLeNet is ahead of the other five", "record equal_work")
def _():
    found = [equal("GoogLeNet", label) for label in experiments.recorded("equal_work").runs if label != "GoogLeNet"]
    assert all(difference.decided for difference in found)
    assert [f"{difference.points:+.1f}" for difference in found] == ["+4.0", "+1.3", "+3.7", "+1.8", "+1.8"]
    return found


@claim("GoogLeNet is ahead of all five: of VGG by 1.3 points (95% interval 0.7 to 1.9), of AlexNet by 4.0.", "record equal_work")
def _():
    vgg, alexnet = equal("GoogLeNet", "VGG"), equal("GoogLeNet", "AlexNet")
    assert says(vgg, "+1.3") and [f"{end:.1f}" for end in vgg.interval] == ["0.7", "1.9"] and says(alexnet, "+4.0")
    return [vgg, alexnet]


@claim("VGG may be level with ResNet, or up to 1.1 points ahead.", "record equal_work")
def _():
    found = equal("VGG", "ResNet")
    assert not found.decided and says(found, "+0.5") and f"{found.missed:.1f}" == "1.1"
    return found


@claim("ResNet-20 is 1.8 points better than the narrow one after the same eight epochs (notebook 4), and between it and "
       "GoogLeNet the difference may be none, or up to 0.7.", "record equal_work")  # fmt: skip
def _():
    narrow, googlenet = wide_resnet("ResNet"), wide_resnet("GoogLeNet")
    assert says(narrow, "+1.8") and narrow.decided and not googlenet.decided and f"{googlenet.missed:.1f}" == "0.7"
    return [narrow, googlenet]


@claim("Now all six families get 22 million multiply-adds for an image (within 5%)", "computed")
def _():
    work = experiments.sheet("equal_work")["multiply-adds"].astype(float)
    assert ((work / 22e6 - 1).abs() < 0.05).all()


@claim("NIN and ResNet have half the parameters of the others, or little more, GoogLeNet and DenseNet four times the layers of "
       "VGG.", "computed")  # fmt: skip
def _():
    sheet = experiments.sheet("equal_work")
    own, layers = sheet["parameters"].astype(float), sheet["convolutions and dense layers"].astype(float)
    others = own.drop(["NIN", "ResNet"])
    assert all(0.44 < own[name] / other < 0.62 for name in ("NIN", "ResNet") for other in others)
    assert all(4 < layers[name] / layers["VGG"] < 5 for name in ("GoogLeNet", "DenseNet"))


@claim("NIN is 3.6 points better with its 1x1 layers than without and GoogLeNet 1.1; ResNet-20 loses 1.7 when it gets them, and "
       "DenseNet's 0.5 may be none.", "record one_by_one")  # fmt: skip
def _():
    found = worth()
    assert [f"{difference.points:+.1f}" for difference in found] == ["+3.6", "+1.1", "-1.7", "-0.5"]
    assert found[3].interval[0] < 0 < found[3].interval[1]
    return found


@claim("at equal cost two of our four are better with it, and deeper too, with three seeds each.", "record one_by_one")
def _():
    better = [difference for difference in worth() if difference.decided and difference.points > 0]
    assert len(better) == 2 and all(difference.seeds == (3, 3) for difference in better)
    layers = experiments.sheet("one_by_one")["convolutions and dense layers"]
    assert all(layers[difference.a] > layers[difference.b] for difference in better)
    return better


@claim("the widths are such that each pair has the same parameters and multiply-adds (within 3%).", "record one_by_one")
def _():
    table = experiments.recorded("one_by_one").table()
    for pair in PAIRS:
        for column in ("parameters", "multiply-adds"):
            assert abs(table[column][pair[0]] / table[column][pair[1]] - 1) < 0.03


@claim("at equal cost the version with it has more layers, of other widths.", "computed")
def _():
    variants = experiments.find("one_by_one").variants
    for pair in PAIRS:
        having, lacking = (convolutions(variants[label].build()) for label in pair)
        large = [{layer.out_channels for layer in layers if layer.kernel_size > (1, 1)} for layers in (having, lacking)]
        assert len(having) > len(lacking) and large[0] != large[1]


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


@claim("From VGG-19 to ResNet-152 the parameters fall by more than half.", "computed")
def _():
    assert cost("resnet152").parameters < cost("vgg19").parameters / 2


@claim("The convolutions grew nearly threefold.", "computed")
def _():
    assert 2.7 < cost("resnet152").conv_parameters / cost("vgg19").conv_parameters < 3


@claim("DenseNet-121 has 7.6 times fewer parameters than AlexNet and needs 4 times the multiply-adds.", "computed")
def _():
    alexnet, dense = cost("alexnet_two_gpus"), cost("densenet121")
    assert f"{alexnet.parameters / dense.parameters:.1f}" == "7.6" and 3.8 < dense.macs / alexnet.macs < 4.2
