"""What notebook 5, Inception, claims."""

import math
from functools import cache

import torch
import torch.nn.functional as F
from ledger import cifar, claims_of, says
from torch import nn

from cnn_course import anatomy, data, experiments, labs, models, training
from cnn_course.models.inception import GOOGLENET_BLOCKS, AuxiliaryHead, Inception

claim = claims_of("05_inception")
NINE = {name: widths for name, widths in GOOGLENET_BLOCKS.items() if widths != "pool"}


@cache
def built(name="googlenet", **settings):
    return models.build(name, device="meta", **settings)


def without(blocks=GOOGLENET_BLOCKS, project=True):
    """A network's blocks without their reductions, written out here anew."""
    bare = {}
    for name, widths in blocks.items():
        n1, _, n3, _, n5, pool = widths if widths != "pool" else [0] * 6
        bare[name] = widths if widths == "pool" else (n1, 0, n3, 0, n5, pool if project else 0)
    return bare


def weights_of(channels, n1, reduce3, n3, reduce5, n5, pool):
    """Weights and biases of the paper's block, by hand; a reduction of 0 is none."""
    count = n1 * (channels + 1) + pool * (channels + 1)
    for reduce, n, side in ((reduce3, n3, 3), (reduce5, n5, 5)):
        count += reduce * (channels + 1) + n * ((reduce or channels) * side * side + 1)
    return count


@cache
def shares():
    """What the reductions leave of each block's parameters."""
    found, channels, sums = {}, 192, [0, 0]
    for name, widths in NINE.items():
        n1, _, n3, _, n5, pool = widths
        counts = weights_of(channels, *widths), weights_of(channels, n1, 0, n3, 0, n5, pool)
        found[name], channels = counts[0] / counts[1], n1 + n3 + n5 + pool
        sums = [total + count for total, count in zip(sums, counts, strict=True)]
    return found | {"all nine": sums[0] / sums[1]}


# ------------------------------------------------------------------------------- the block
@claim("The pooling cannot choose: 192 go in and 192 come out.", "computed")
def _():
    maps = Inception(192, 64, 0, 128, 0, 32, 0)(torch.rand(1, 192, 7, 7))
    assert maps.shape[1] == 64 + 128 + 32 + 192


@claim("So a naive block always returns more channels than it received", "computed")
def _():
    for channels in (1, 192, 832):
        assert Inception(channels, 1, 0, 1, 0, 1, 0).out_channels == channels + 3


@claim("Fourteen times the parameters and eight times the multiply-adds.", "computed")
def _():
    naive, built_ = anatomy.cost(models.build("googlenet", device="meta", blocks=without(project=False))), anatomy.cost(built())
    assert round(naive.parameters / built_.parameters) == 14 and round(naive.macs / built_.macs) == 8


@claim("The 5x5 filters no longer see 192 channels but 16.", "computed")
def _():
    (reduction, _), (five, _) = Inception(192, *NINE["3a"]).branch3
    assert (reduction.kernel_size, reduction.in_channels, five.kernel_size, five.in_channels) == ((1, 1), 192, (5, 5), 16)


@claim("The 5x5 branch of block 3a shrinks most, to a tenth", "computed")
def _():
    n1, reduce3, n3, reduce5, n5, pool = NINE["3a"]
    five = weights_of(192, 0, 0, 0, reduce5, n5, 0) / weights_of(192, 0, 0, 0, 0, n5, 0)
    three = weights_of(192, 0, reduce3, n3, 0, 0, 0) / weights_of(192, 0, 0, n3, 0, 0, 0)
    assert round(five, 1) == 0.1 and three > five
    return f"5x5 {five:.0%}, 3x3 {three:.0%}"


@claim("The first block keeps 42%, the second 35%, each of the other seven between 19 and 27%.", "computed")
def _():
    percent = [round(100 * share) for name, share in shares().items() if name != "all nine"]
    assert percent[:2] == [42, 35] and (min(percent[2:]), max(percent[2:])) == (19, 27) and len(percent[2:]) == 7
    return percent


@claim("Over all nine it is a quarter rather than a third.", "computed")
def _():
    assert 0.23 < shares()["all nine"] < 0.27


@claim("so the shares of the multiply-adds are the same, up to the biases.", "computed")
def _():
    nets = (models.build("googlenet", device="meta", blocks=blocks) for blocks in (GOOGLENET_BLOCKS, without()))
    macs = [anatomy.stages(net).macs for net in nets]
    for name in NINE:
        assert abs(macs[0][f"blocks.{name}"] / macs[1][f"blocks.{name}"] - shares()[name]) < 0.002


@claim("The pooling sees what the 3x3 sees.", "computed")
def _():
    seen = anatomy.trace(built()).receptive_field
    assert seen["blocks.3a.branch4.1.0"] == seen["blocks.3a.branch2.1.0"] == 43


# ------------------------------------------------------------------------------- the network
@claim("The three convolutions of the stem do 30% of the multiply-adds with 2% of the parameters.", "computed")
def _():
    stages = anatomy.stages(built())
    stem = stages[stages.index.str.startswith("stem.")]
    assert (stem.parameters > 0).sum() == 3
    assert [round(100 * stem[c].sum() / stages[c].sum()) for c in ("macs", "parameters")] == [30, 2]


@claim("GoogLeNet works hardest at its beginning and keeps its parameters at its end", "computed")
def _():
    stages = anatomy.stages(built())
    stages = stages[stages.parameters > 0]
    places = list(stages.index)
    assert set(stages.macs.nlargest(2).index) == {"stem.conv2", "blocks.3b"} and places.index("blocks.3b") < len(places) / 2
    assert set(stages.parameters.nlargest(3).index) == set(places[-3:])


@claim("VGG-19's is 34 million short, GoogLeNet's 3 million.", "computed")
def _():
    short = [anatomy.parameters(built(name)) / 1e6 - said for name, said in (("vgg19", 110), ("googlenet", 4))]
    assert list(map(round, short)) == [34, 3] and round(anatomy.parameters(built("alexnet_two_gpus")) / 1e6) == 61


@claim("In convolutions alone GoogLeNet has more parameters than AlexNet.", "computed")
def _():
    ours, alexnet = (anatomy.cost(built(name)) for name in ("googlenet", "alexnet_two_gpus"))
    assert ours.conv_parameters > 2 * alexnet.conv_parameters and ours.linear_parameters < alexnet.linear_parameters / 50


@claim("22 layers, and three tenths as many parameters in convolutions as VGG-19.", "computed")
def _():
    assert round(anatomy.cost(built()).conv_parameters / anatomy.cost(built("vgg19")).conv_parameters, 1) == 0.3


@claim("22 is right.", "computed")
def _():
    stem, fc = 3, 1
    assert sum(isinstance(layer, nn.Conv2d) for layer in built().stem.modules()) == stem
    deepest = max(sum(isinstance(layer, nn.Conv2d) for layer in branch.modules()) for branch in built().blocks["3a"].children())
    assert stem + deepest * len(NINE) + fc == 22


@claim("the nine have eight different settings", "computed")
def _():
    assert (len(set(NINE.values())), len(NINE)) == (8, 9)


@claim("Its stem has two local response normalizations, as AlexNet has, and no layer has batch norm.", "computed")
def _():
    for name in ("googlenet", "alexnet"):
        layers = list(built(name).modules())
        assert sum(isinstance(layer, nn.LocalResponseNorm) for layer in layers) == 2
        assert not any(isinstance(layer, nn.BatchNorm2d) for layer in layers)


# ------------------------------------------------------------------------------- the comparison
def leads(*others):
    record = experiments.recorded("comparison")
    return [record.difference("googlenet_cifar", other) for other in others]


@claim("GoogLeNet ends above the networks before it", "record comparison")
def _():
    found = leads("alexnet_cifar", "vgg_cifar", "nin_cifar")
    assert all(difference.decided and difference.points > 0 for difference in found)
    return found


@claim("GoogLeNet is 1.5 points better than NIN with three fifths of its multiply-adds, and 1.1 better than VGG at equal "
       "multiply-adds. All three leads stand, for other seeds and other images.", "record comparison")  # fmt: skip
def _():
    found = leads("nin_cifar", "vgg_cifar", "alexnet_cifar")
    assert all(map(says, found, ("+1.5", "+1.1", "+3.9"))) and all(difference.decided for difference in found)
    macs = experiments.recorded("comparison").multiply_adds
    nin, vgg = (macs["googlenet_cifar"] / macs[name] for name in ("nin_cifar", "vgg_cifar"))
    assert 0.55 < nin < 0.65 and abs(vgg - 1) < 0.02
    return found


@claim("NIN does the most multiply-adds of the four.", "computed")
def _():
    macs = {name: anatomy.cost(built(name)).macs for name in ("alexnet_cifar", "vgg_cifar", "nin_cifar", "googlenet_cifar")}
    assert max(macs, key=macs.get) == "nin_cifar"


def convolutions(module):
    return sum(isinstance(layer, nn.Conv2d) for layer in module.modules())


@claim("GoogLeNet has four kinds of branches, and 14 layers on its longest path where NIN has 9.", "computed")
def _():
    net = built("googlenet_cifar")
    blocks = [block for block in net.blocks.values() if convolutions(block)]
    deepest = [max(map(convolutions, block.children())) for block in blocks]
    assert {len(list(block.children())) for block in blocks} == {4}
    assert convolutions(net.stem) + sum(deepest) + 1 == 14 and convolutions(built("nin_cifar")) == 9


@claim("with naive blocks it would be larger than AlexNet.", "computed")
def _():
    naive = models.build("googlenet", device="meta", blocks=without(project=False))
    assert anatomy.parameters(naive) > anatomy.parameters(built("alexnet_two_gpus"))


# ------------------------------------------------------------------------------- windows
@claim("On the one path only the poolings widen the window, to 75 pixels; on the other it is more than three times the image.",
       "computed")  # fmt: skip
def _():
    stem = [(7, 2), (3, 2), (1, 1), (3, 1), (3, 2)]
    for kernel, wanted in ((1, lambda size: size == 75), (5, lambda size: size > 3 * 224)):
        size = jump = 1
        for side, stride in stem + [(3, 2) if widths == "pool" else (kernel, 1) for widths in GOOGLENET_BLOCKS.values()]:
            size, jump = size + (side - 1) * jump, jump * stride
        assert wanted(size)


@claim("The 1x1 of 5b reads all channels of 5a, those of the 5x5 among them, so its window has 587 pixels.", "computed")
def _():
    windows = anatomy.trace(built("googlenet"))["receptive_field"]
    assert windows["blocks.5b.branch1.0"] == 587


# ------------------------------------------------------------------------------- auxiliary classifiers
@claim("Nearly twice, for hardly any work: two dense layers hold 98% of a head", "computed")
def _():
    head, bare, whole = AuxiliaryHead(512, 1000), anatomy.cost(built()), anatomy.cost(built("googlenet_aux").train())
    dense = sum(anatomy.parameters(layer) for layer in (head.fc1, head.fc2))
    assert 1.8 < whole.parameters / bare.parameters < 2 and whole.macs / bare.macs < 1.01
    assert round(100 * dense / anatomy.parameters(head)) == 98


@claim("In evaluation nothing runs through the heads.", "computed")
def _():
    assert anatomy.cost(models.build("googlenet_aux", device="meta").eval()).parameters == anatomy.parameters(built())


@claim("the head's is the larger in 14 of 16 starts by Glorot's rule, and in none of 16 by He's.", "computed")
def _():
    few, larger = cifar().train.subset(32), {}
    images, labels = data.to_float(few.images), few.labels
    for rule, start in (("Glorot", nn.init.xavier_uniform_), ("He", nn.init.kaiming_normal_)):
        larger[rule] = 0
        for seed in range(16):
            torch.manual_seed(seed)
            net = models.build("googlenet_cifar", batch_norm=False, aux=("4a",))
            for weight in (p for p in net.parameters() if p.ndim > 1):
                start(weight)
            losses = [F.cross_entropy(logits, labels) for logits in net(images)]
            main, head = (torch.autograd.grad(loss, net.stem.conv1[0].weight, retain_graph=True)[0].norm() for loss in losses)
            larger[rule] += int(0.3 * head > main)
    assert larger == {"Glorot": 14, "He": 0}
    return larger


# ------------------------------------------------------------------------------- batch normalization
@claim("The same $y$: $\\mu$ and $\\sigma$ grow with the weights and cancel them.", "computed")
def _():
    conv, norm, x = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8, eps=1e-8), torch.randn(4, 3, 9, 9)
    before = norm(conv(x))
    conv.weight.data *= 10
    assert torch.allclose(norm(conv(x)), before, atol=1e-4)


@claim("they begin at mean 0 and variance 1, and each batch moves them a tenth of the way to its own.", "computed")
def _():
    norm, batch = nn.BatchNorm2d(1), torch.tensor([1.0, 5.0]).view(2, 1, 1, 1)
    assert (norm.running_mean.item(), norm.running_var.item()) == (0, 1)
    norm(batch)
    assert math.isclose(norm.running_mean, 0.1 * batch.mean(), rel_tol=1e-6)
    assert math.isclose(norm.running_var, 1 + 0.1 * (batch.var() - 1), rel_tol=1e-6)
    assert {layer.momentum for layer in built("googlenet_cifar").modules() if isinstance(layer, nn.BatchNorm2d)} == {0.1}


@claim("If your block passed, it is the one that trains; the course puts batch norm behind its convolutions.", "computed")
def _():
    def written(in_channels, n1, reduce3, n3, reduce5, n5, pool):
        return Inception(in_channels, n1, reduce3, n3, reduce5, n5, pool)

    net = built("googlenet_cifar", inception=labs.find("inception_block").fits(written))
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in net.modules()) == 37
    assert anatomy.parameters(net) == anatomy.parameters(built("googlenet_cifar"))


@torch.no_grad()
def spread(scale, batch_norm):
    torch.manual_seed(0)
    net = models.build("googlenet_cifar", batch_norm=batch_norm)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight *= scale
    x = net.stem(torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    return torch.stack([(x := block(x)).std() for block in net.blocks.values()])


@claim("Without it a factor of 2 at each layer becomes a factor of more than a thousand at the end. With it the three lines are "
       "one.", "computed")  # fmt: skip
def _():
    assert spread(2, False)[-1] > 1000 * spread(1, False)[-1]
    assert all(torch.allclose(spread(scale, True), spread(1, True), rtol=0.03) for scale in (0.5, 2))


@claim("One more a channel remains.", "computed")
def _():
    channels = sum(layer.out_channels for layer in built().modules() if isinstance(layer, nn.Conv2d))
    assert anatomy.parameters(built(batch_norm=True)) - anatomy.parameters(built()) == channels


@claim("In evaluation, a small batch's own mean and variance cost accuracy", "computed")
def _():
    few, net = cifar().test.subset(500), models.build("googlenet_cifar", pretrained=True)

    def accuracy(size):
        return 100 * (training.predict(net, few.images, batch_size=size).argmax(dim=1) == few.labels).float().mean().item()

    kept = accuracy(100)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean = layer.running_var = None
    asked = {size: accuracy(size) for size in (4, 16, 100)}
    assert kept - asked[4] > 15 and kept - asked[16] > 3 and kept - asked[100] < 3
    return f"running averages {kept:.0f}%, " + ", ".join(f"{size} images {percent:.0f}%" for size, percent in asked.items())


# ------------------------------------------------------------------------------- after one lesson
@claim("After one lesson GoogLeNet leads VGG by 12.6 points, where 24 epochs leave 1.1.", "record lesson")
def _():
    found = experiments.recorded("lesson").difference("googlenet_cifar", "vgg_cifar")
    assert says(found, "+12.6") and found.decided and says(leads("vgg_cifar")[0], "+1.1")
    return found


@claim("Against NIN its lead may be none, and is at most 4.1 points.", "record lesson")
def _():
    found = experiments.recorded("lesson").difference("googlenet_cifar", "nin_cifar")
    assert not found.decided and found.interval[0] < 0 and round(found.missed, 1) == 4.1 and says(found, "+1.5")
    return found


# ------------------------------------------------------------------------------- the numbers in books
@claim("It is 8.7, and no variant reaches 12.", "computed")
def _():
    alexnet = anatomy.parameters(built("alexnet_two_gpus"))
    variants = ("googlenet", "googlenet_torchvision", "googlenet_aux", "googlenet_torchvision_aux")
    factors = [alexnet / anatomy.parameters(built(name)) for name in variants]
    assert round(factors[0], 1) == 8.7 and max(factors) < 12


@claim("2.7 K weights on 112x112 maps make its 34 million, but a 7x7 over three channels with 64 filters has 9.2 K.", "computed")
def _():
    assert 33.5 < 2.7 * 1024 * 112**2 / 1e6 < 35 and round(7 * 7 * 3 * 64 / 1024, 1) == 9.2


@claim('Neither "12 times" nor the 4 million of the quiz follows from the table.', "computed")
def _():
    printed = 1024 * sum((2.7, 112, 159, 380, 364, 437, 463, 580, 840, 1072, 1388, 1000))
    assert printed / 1e6 > 6.9 and anatomy.parameters(built("alexnet_two_gpus")) / printed < 9


@claim("No: 62.5% in the first block, 50% in the last.", "computed")
def _():
    large = [100 * (n3 + n5) / (n1 + n3 + n5 + pool) for n1, _, n3, _, n5, pool in NINE.values()]
    assert (large[0], large[-1]) == (62.5, 50)


# ------------------------------------------------------------------------------- after 2014
@claim("Two 3x3 leave 72% of a 5x5, the split 7x7 leaves 2/7", "computed")
def _():
    assert 2 * 3 * 3 / 5**2 == 0.72 and (7 + 7) / 7**2 == 2 / 7


@claim("the separable one 2.6%", "computed")
def _():
    assert round(100 * (192 * 49 + 192 * 192) / (192 * 192 * 49), 1) == 2.6


@claim("The target is not 1 for the right class, but 0.91, and 0.01 for each of the other nine.", "computed")
def _():
    right, other = 0.9 + 0.1 / 10, 0.1 / 10
    logits, smoothing = torch.randn(1, 10), training.Recipe().label_smoothing
    wanted = -(other * logits.log_softmax(1).sum() + (right - other) * logits.log_softmax(1)[0, 3])
    assert torch.isclose(F.cross_entropy(logits, torch.tensor([3]), label_smoothing=smoothing), wanted)


# ------------------------------------------------------------------------------- one branch, two or four
def more_branches(more, fewer):
    return experiments.recorded("branches").difference(more, fewer)


@claim("parameters and multiply-adds are equal (within 3%). Eight epochs on all images, three seeds (`python -m cnn_course "
       "record branches`).", "record branches")  # fmt: skip
def _():
    table = experiments.sheet("branches")[["parameters", "multiply-adds"]].astype(float)
    assert (table.max() / table.min() < 1.03).all()
    assert experiments.find("branches").epochs == 8
    assert all(len(runs) == 3 for runs in experiments.recorded("branches").runs.values())


@claim("At equal cost two branches are ahead of one, and four ahead of two", "record branches")
def _():
    found = more_branches("1x1 and 3x3", "3x3"), more_branches("all four", "1x1 and 3x3")
    assert all(difference.decided and difference.points > 0 for difference in found)
    return list(found)


@claim("Four branches are 2.7 points ahead of one (95% interval 2.1 to 3.3).", "record branches")
def _():
    found = more_branches("all four", "3x3")
    assert says(found, "+2.7") and [f"{end:.1f}" for end in found.interval] == ["2.1", "3.3"]
    return found


@claim("Most of it comes with the second branch, the 1x1: 1.9 points. The 5x5 and the pooling bring another 0.8 (0.2 to 1.4)",
       "record branches")  # fmt: skip
def _():
    second, rest = more_branches("1x1 and 3x3", "3x3"), more_branches("all four", "1x1 and 3x3")
    assert says(second, "+1.9") and says(rest, "+0.8") and [f"{end:.1f}" for end in rest.interval] == ["0.2", "1.4"]
    return [second, rest]


@claim("the longest path has 14 layers in all three.", "computed")
def _():
    for variant in experiments.find("branches").variants.values():
        net = variant.build()
        blocks = [block for block in net.blocks.values() if not isinstance(block, nn.MaxPool2d)]
        longest = [max(sum(isinstance(m, nn.Conv2d) for m in branch.modules()) for branch in branches(block)) for block in blocks]
        stem = sum(isinstance(m, nn.Conv2d) for m in net.stem.modules())
        assert stem + sum(longest) + 1 == 14


def branches(block):
    """The branches of an Inception block, of which some versions keep a list."""
    return getattr(block, "branches", None) or list(block.children())


# ------------------------------------------------------------------------------- batch norm and the head, two by two
@claim("Batch norm brings 16 points; the head may bring nothing, with batch norm and without", "record inception")
def _():
    record = experiments.recorded("inception")
    norm, heads = record.difference("batch norm", "neither"), head()
    assert round(norm.points) == 16 and norm.decided and not any(found.decided for found in heads)
    return [norm, *heads]


@claim("Batch norm brings 16.4 points, and it allows ten times the rate.", "record inception")
def _():
    record = experiments.recorded("inception")
    found = record.difference("batch norm", "neither")
    assert says(found, "+16.4") and math.isclose(record.rate("batch norm") / record.rate("neither"), 10)
    return found


@claim("But the rate is not all: in the small panel batch norm is ahead at each of the four rates that were tried with it and "
       "without", "record inception")  # fmt: skip
def _():
    norm, neither = (dict(experiments.recorded("inception").sweeps[label]) for label in ("batch norm", "neither"))
    assert len(norm.keys() & neither.keys()) == 4 and all(norm[rate] > neither[rate] for rate in neither)


@claim("Without batch norm other seeds could put it from 3.2 points behind to 1.1 ahead, with batch norm from 0.8 behind to 1.3 "
       "ahead.", "record inception")  # fmt: skip
def _():
    assert [f"{low:.1f} {high:.1f}" for low, high in (found.of_seeds for found in head())] == ["-3.2 1.1", "-0.8 1.3"]
    return head()


def head():
    """What the auxiliary head brings, without batch norm and with it."""
    record = experiments.recorded("inception")
    return record.difference("auxiliary head", "neither"), record.difference("both", "batch norm")
