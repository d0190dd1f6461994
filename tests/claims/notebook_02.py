"""What notebook 2, AlexNet, claims."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from ledger import cifar, claims_of, says
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnn_course import data, experiments, models, training

claim = claims_of("02_alexnet")
TOP5_LEAD = 26.2 - 15.3  # Krizhevsky 2012, table 2


def layers(net):
    """The convolutions and dense layers of a network, by their last names where these are conv1 or fc6, else by their paths."""
    found = {path: layer for path, layer in net.named_modules() if isinstance(layer, (nn.Conv2d, nn.Linear))}
    return {path.rpartition(".")[2] if ".conv" in path or ".fc" in path else path: layer for path, layer in found.items()}


def alexnet(**settings):
    return models.build("alexnet_two_gpus", device="meta", **settings)


def sizes(net):
    """Parameters of each layer, counted from its tensors."""
    return {name: sum(p.numel() for p in layer.parameters()) for name, layer in layers(net).items()}


def work(net):
    """Multiply-adds of each layer for one image: weights of one output value times output values."""
    found = {}

    def hook(name):
        def count(layer, _, out):
            found[name] = layer.weight[0].numel() * out[0].numel()

        return count

    handles = [layer.register_forward_hook(hook(name)) for name, layer in layers(net).items()]
    net(torch.zeros(1, *net.input_shape, device="meta"))
    for handle in handles:
        handle.remove()
    return found


def dense(counts):
    return sum(count for name, count in counts.items() if name.startswith("fc")) / sum(counts.values())


# ------------------------------------------------------------------------------- counts
@claim("47.6 parameters for each of the 1,281,167 training images of 2012.", "computed")
def _():
    assert f"{sum(sizes(alexnet()).values()) / 1_281_167:.1f}" == "47.6"


@claim("a deep network with 60,965,224 parameters", "computed")
def _():
    assert sum(sizes(alexnet()).values()) == 60_965_224


@claim("Two groups halve the weights; the 256 biases stay.", "computed")
def _():
    one, two = (nn.Conv2d(96, 256, 5, groups=groups) for groups in (1, 2))
    assert 2 * two.weight.numel() == one.weight.numel() and two.bias.numel() == one.bias.numel() == 256


@claim("The dense layers have 96% of the parameters, the convolutions 92% of the arithmetic.", "computed")
def _():
    assert f"{dense(sizes(alexnet())):.0%}" == "96%" and f"{1 - dense(work(alexnet())):.0%}" == "92%"


@claim("they hold 0.06% of the network's parameters, and do 15% of its multiply-adds.", "computed")
def _():
    size, macs = sizes(alexnet()), work(alexnet())
    assert f"{size['conv1'] / sum(size.values()):.2%}" == "0.06%" and f"{macs['conv1'] / sum(macs.values()):.0%}" == "15%"


@claim("It fails for conv3 and conv4:", "computed")
def _():
    size = sizes(alexnet())
    shares = {name: size[name] / sum(size.values()) for name in size if name.startswith("conv")}
    assert {name for name, share in shares.items() if share > 0.01} == {"conv3", "conv4"}
    return {name: f"{share:.2%}" for name, share in shares.items()}


@claim("224 gives 54. Every size from 227 to 230 gives 55, and 227 is the one that leaves no pixel over.", "computed")
def _():
    conv = nn.Conv2d(3, 1, 11, stride=4, device="meta")
    assert conv(torch.zeros(1, 3, 224, 224, device="meta")).shape[-1] == 54
    size = {side: conv(torch.zeros(1, 3, side, side, device="meta")).shape[-1] for side in range(220, 240)}
    assert [side for side, out in size.items() if out == 55] == [227, 228, 229, 230]
    assert [side for side in range(227, 231) if (side - 11) % 4 == 0] == [227]


@claim("nearly equal parameters, and 1.85 times the multiply-adds.", "computed")
def _():
    half = models.build("alexnet", device="meta", channels=(48, 128, 192, 192, 256))
    assert f"{sum(work(alexnet()).values()) / sum(work(half).values()):.2f}" == "1.85"
    assert abs(sum(sizes(alexnet()).values()) / sum(sizes(half).values()) - 1) < 0.03


@claim("Twice as much: it counts the product and the sum apart.", "computed")
def _():
    net, counter = alexnet(), FlopCounterMode(display=False)
    with counter:
        net(torch.zeros(1, 3, 227, 227, device="meta"))
    assert counter.get_total_flops() == 2 * sum(work(net).values())


@claim("Not at all: same maps, same parameters.", "computed")
def _():
    plain, overlapping = alexnet(pool=(2, 2)), alexnet(pool=(3, 2))
    assert sizes(plain) == sizes(overlapping) and work(plain) == work(overlapping)


@claim("Nine parameters in ten. Each draw of dropout is another network.", "computed")
def _():
    size = sizes(alexnet())
    assert 0.88 < (size["fc6"] + size["fc7"]) / sum(size.values()) < 0.92


# ------------------------------------------------------------------------------- activation and start
def arriving(function, variance, depth=8, units=128):
    """The part of a gradient's norm that goes back through a stack of random layers, the mean over ten stacks."""
    parts = []
    for seed in range(10):
        draws = torch.Generator().manual_seed(seed)
        signal, sums = torch.randn(32, units, generator=draws, dtype=torch.float64), []
        for _ in range(depth):
            weight = torch.randn(units, units, generator=draws, dtype=torch.float64) * variance**0.5
            sums.append((signal @ weight).detach().requires_grad_() if not sums else signal @ weight)
            sums[-1].retain_grad()
            signal = function(sums[-1])
        signal.backward(torch.randn(32, units, generator=draws, dtype=torch.float64))
        parts.append(float(sums[0].grad.norm() / sums[-1].grad.norm()))
    return np.mean(parts)


@claim("from a variance of $1/n$ it loses more than tanh does.", "computed")
def _():
    relu, tanh = (arriving(function, 1 / 128) for function in (torch.relu, torch.tanh))
    assert relu < tanh / 2
    return f"ReLU {relu:.2f}, tanh {tanh:.2f}"


@claim("Each of seven layers halves the squared gradient, and $(1/2)^{7/2} = 0.09$.", "computed")
def _():
    assert f"{0.5**3.5:.2f}" == "0.09" and arriving(torch.relu, 1 / 128) == pytest.approx(0.5**3.5, rel=0.1)


@claim("ReLU passes half of the squared signal, so He et al. (2015) doubled it: $2/n$.", "computed")
def _():
    x = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
    assert (torch.relu(x) ** 2).mean() / (x**2).mean() == pytest.approx(0.5, abs=0.01)
    assert 0.5 < arriving(torch.relu, 2 / 128) < 2


@claim(
    "The networks of this course begin so, but for the last dense layer: no ReLU is behind it, and it takes $1/n$.", "computed"
)
def _():
    torch.manual_seed(0)
    for name in models.COURSE:
        *others, last = layers(models.build(name)).values()
        for layer, twice in [*((layer, 2) for layer in others), (last, 1 if isinstance(last, nn.Linear) else 2)]:
            n = layer.weight[0].numel()
            assert float(layer.weight.detach().std() / math.sqrt(twice / n)) == pytest.approx(1, abs=0.2), name


@claim("0.01 is within a factor of 8 of He's value everywhere.", "computed")
def _():
    ratio = [0.01 / math.sqrt(2 / layer.weight[0].numel()) for layer in layers(alexnet()).values()]
    assert 7 < 1 / min(ratio) < 8 and max(ratio) < 1


@claim("One trap: torch divides $\\alpha$ by the window's 5, the paper does not.", "computed")
def _():
    x = torch.full((1, 9, 1, 1), 30.0)
    middle = [float(nn.LocalResponseNorm(5, alpha, 0.75, 2.0)(x)[0, 4]) for alpha in (1e-4, 5e-4)]
    assert middle == pytest.approx([30 / (2 + alpha * 900) ** 0.75 for alpha in (1e-4, 5e-4)], rel=1e-5)
    paper = 30 / (2 + 1e-4 * 5 * 900) ** 0.75
    assert float(models.alexnet.local_response_norm()(x)[0, 4]) == pytest.approx(paper, rel=1e-5)


@claim("On normalized images the sum hardly counts against $k = 2$: LRN multiplies everything by nearly the same number.",
       "computed")  # fmt: skip
def _():
    torch.manual_seed(0)
    net = models.build("alexnet_cifar")
    with torch.no_grad():
        a = torch.relu(net.features.conv1(data.to_float(cifar().test.images[:50])))
    factors = (models.alexnet.local_response_norm()(a) / a)[a > 0]
    assert 0.58 < factors.min() and factors.max() <= 2**-0.75 + 1e-4
    return f"{factors.min():.3f} to {factors.max():.3f}"


# ------------------------------------------------------------------------------- augmentation
def pipelines():
    return experiments.recorded("augmentation")


@claim("Mirrors bring about one point over nothing.", "record augmentation")
def _():
    found = pipelines().difference("flip", "none")
    assert says(found, "+0.9") and found.decided and found.basis == "paired"
    return found


@claim("With shifts on top the test accuracy falls in all three seeds, by 1.0 points on average (0.4 to 1.5): what mirrors "
       "brought is gone.", "record augmentation")  # fmt: skip
def _():
    record = pipelines()
    found, gone = record.difference("flip and crop", "flip"), record.difference("flip and crop", "none")
    assert says(found, "-1.0") and found.decided and [f"{end:.1f}" for end in found.interval] == ["-1.5", "-0.4"]
    pairs = list(zip(record.runs["flip and crop"], record.runs["flip"], strict=True))
    assert len(pairs) == 3 and all(a.seed == b.seed and a.test_accuracy < b.test_accuracy for a, b in pairs)
    assert says(gone, "-0.1") and not gone.decided
    return [found, gone]


@claim("With colour or cutout added to both, the network stays behind mirrors alone.", "record augmentation")
def _():
    found = [pipelines().difference(label, "flip") for label in ("and colour", "and cutout")]
    assert [f"{difference.points:+.1f}" for difference in found] == ["-1.5", "-1.1"]
    assert all(difference.decided for difference in found)
    return found


@claim("13 points without augmentation, 3 with cutout.", "record augmentation")
def _():
    table = pipelines().table()
    gap = 100 * (table["training accuracy"] - table["test accuracy"])
    assert (f"{gap['none']:.0f}", f"{gap['and cutout']:.0f}") == ("13", "3")
    return gap.round(1).to_dict()


@claim("Mirrors and shifts narrow the gap; the highest dot is mirrors alone", "record augmentation")
def _():
    table = pipelines().table()
    gap = table["training accuracy"] - table["test accuracy"]
    assert gap["none"] > 1.5 * gap["flip"] > 2 * gap["flip and crop"] and table["test accuracy"].idxmax() == "flip"


@claim("33 places a side, not 32: 2,178 versions of each image", "computed")
def _():
    places = {(x, x + 224) for x in range(256) if x + 224 <= 256}
    assert len(places) == 33 and 2 * len(places) ** 2 == 2_178 and 2 * 32**2 == 2_048


@claim("It takes nearly all of the noise, so AlexNet's colour noise is brightness with hardly a tint.", "computed")
def _():
    pixels = cifar().train.images[:1000].movedim(1, 0).flatten(1).double().numpy() / 255
    variances, axes = np.linalg.eigh(np.cov(pixels))
    share = variances[-1] ** 2 / (variances**2).sum()
    assert share > 0.98 and abs(axes[:, -1]).max() / abs(axes[:, -1]).min() < 1.15
    return f"{share:.1%} of the noise"


# ------------------------------------------------------------------------------- beside LeNet-5
def compared(name):
    return experiments.recorded(name).difference("alexnet_cifar", "lenet5")


@claim("A lead of 16.7 points.", "record comparison")
def _():
    found = compared("comparison")
    assert says(found, "+16.7") and found.decided
    return found


@claim("After 24 epochs AlexNet is far ahead of LeNet-5", "record comparison")
def _():
    runs = experiments.recorded("comparison").runs
    least, most = (100 * end(run.test_accuracy for run in runs[name]) for end, name in ((min, "alexnet_cifar"), (max, "lenet5")))
    assert least - most > 10 and experiments.find("comparison").epochs == 24
    return experiments.recorded("comparison").difference("alexnet_cifar", "lenet5")


@claim("four times the parameters, 28 times the multiply-adds, three more layers, batch norm, ten times the learning rate, "
       "another initialization.", "record comparison")  # fmt: skip
def _():
    record, nets = experiments.recorded("comparison"), [models.build(name, device="meta") for name in ("alexnet_cifar", "lenet5")]
    (a, b), (deep, flat) = ([sum(count(net).values()) for net in nets] for count in (sizes, work))
    assert f"{a / b:.0f}" == "4" and f"{deep / flat:.0f}" == "28" and len(layers(nets[0])) == len(layers(nets[1])) + 3
    batch_norms = [sum(isinstance(module, nn.BatchNorm2d) for module in net.modules()) for net in nets]
    assert batch_norms == [5, 0]
    sheet = experiments.sheet(record, "alexnet_cifar", "lenet5")
    assert sheet["learning rate"]["alexnet_cifar"] == pytest.approx(10 * sheet["learning rate"]["lenet5"])
    assert sheet["weights began from"].to_dict() == {"alexnet_cifar": "fan_out", "lenet5": "fan_in"}


@claim("After a lesson the same two are 3.9 points apart", "record lesson")
def _():
    found = compared("lesson")
    assert says(found, "+3.9") and found.decided
    return found


@claim("after the first epoch here 14.1, after the tenth 8.8.", "record comparison")
def _():
    means = [
        [sum(run.rows[epoch]["test_accuracy"] for run in experiments.recorded("comparison").runs[name]) / 5 for epoch in (0, 9)]
        for name in ("alexnet_cifar", "lenet5")
    ]
    assert [f"{100 * (a - b):.1f}" for a, b in zip(*means, strict=True)] == ["14.1", "8.8"]


@claim("the true lead may be one point, or seven.", "record lesson")
def _():
    found = compared("lesson")
    assert [f"{end:.0f}" for end in found.interval] == ["1", "7"]
    return found


@claim("After 24 epochs of all images it is 16.7 points", "record comparison")
def _():
    found = compared("comparison")
    assert says(found, "+16.7") and found.decided
    return found


# ------------------------------------------------------------------------------- what made it win
@claim("The lead to explain is 26.2 - 15.3 = 10.9 points of top-5, on the test set; 9.8 without outside images", "computed")
def _():
    assert f"{TOP5_LEAD:.1f}" == "10.9" and f"{26.2 - 16.4:.1f}" == "9.8"


@claim("No single part comes near 10.9 points. The largest that the paper measured is the average of five networks", "computed")
def _():
    """Sections 3.2, 3.3, 3.4, 4.1, 6 and 7, table 2."""
    top1 = {"depth": 2.0, "cards": 1.7, "lrn": 1.4, "pooling": 0.4, "colour": 1.0, "views": 39.0 - 37.5, "data": 38.1 - 36.7}
    top5 = {"cards": 1.2, "lrn": 1.2, "pooling": 0.3, "views": 18.3 - 17.0, "data": 16.4 - 15.4}
    five = 40.7 - 38.1, 18.2 - 16.4
    assert max(top1.values()) < five[0] and max(top5.values()) < five[1] < TOP5_LEAD / 5


@claim(
    'Somebody adds up the top-5 column of the table of parts, 6.8 points, and says: "These parts explain six tenths', "computed"
)
def _():
    """Sections 3.2, 3.3, 3.4 and 6, table 2."""
    parts = [1.2, 1.2, 0.3, 18.3 - 17.0, 18.2 - 16.4, 16.4 - 15.4]
    assert f"{sum(parts):.1f}" == "6.8" and f"{sum(parts) / TOP5_LEAD:.1f}" == "0.6"


@claim("Five bring about two points, a sixth of the error.", "computed")
def _():
    test = cifar().test.subset(4_000)
    nets = [models.build("alexnet_cifar", pretrained=True, seed=seed) for seed in range(5)]
    said = torch.stack([F.softmax(training.predict(net, test.images), dim=1) for net in nets])
    alone = 100 * (said.argmax(dim=2) == test.labels).float().mean().item()
    five = 100 * (said.mean(dim=0).argmax(dim=1) == test.labels).float().mean().item()
    assert 1.5 < five - alone < 3 and 0.12 < (five - alone) / (100 - alone) < 0.21
    return f"{alone:.1f}% alone, {five:.1f}% together, on 4,000 images"


@claim("a tenth of the error: another measure, of a thousand classes.", "computed")
def _():
    assert f"{(18.2 - 16.4) / 18.2:.1f}" == "0.1"


# ------------------------------------------------------------------------------- the first kernel
def kernel(label):
    return experiments.recorded("first_kernel").difference(label, "5x5")


@claim("Between 3x3 and 5x5 there may be no difference.", "record first_kernel")
def _():
    found = kernel("3x3")
    assert says(found, "+0.3") and not found.decided
    return found


@claim("7x7 is behind in every seed, 1.2 points on average, and its interval just reaches zero; 11x11 is 3.6 points behind, "
       "although it has 4% more parameters.", "record first_kernel")  # fmt: skip
def _():
    record, (seven, eleven) = experiments.recorded("first_kernel"), map(kernel, ("7x7", "11x11"))
    assert says(seven, "-1.2") and seven.of_seeds[1] < 0 <= seven.interval[1] < 0.1
    assert all(a.test_accuracy < b.test_accuracy for a, b in zip(record.runs["7x7"], record.runs["5x5"], strict=True))
    table = record.table()["parameters"]
    assert says(eleven, "-3.6") and eleven.decided and f"{table['11x11'] / table['5x5'] - 1:.0%}" == "4%"
    return [seven, eleven]


@claim("A stride of 4 costs 17.4 points. It also takes away 94% of the multiply-adds and 37% of the parameters",
       "record first_kernel")  # fmt: skip
def _():
    found, nets = kernel("5x5, stride 4"), [models.build("alexnet_cifar", device="meta", first_stride=s) for s in (4, 1)]
    assert says(found, "-17.4") and found.decided
    less = [1 - sum(count(nets[0]).values()) / sum(count(nets[1]).values()) for count in (work, sizes)]
    assert [f"{share:.0%}" for share in less] == ["94%", "37%"]
    return found


@claim("11x11 costs points on small images, and the stride costs more", "record first_kernel")
def _():
    found = [kernel(label) for label in ("11x11", "5x5, stride 2", "5x5, stride 4")]
    assert says(found[1], "-6.2") and all(a > b for a, b in pairwise([0, *(difference.points for difference in found)]))
    return found


# ------------------------------------------------------------------------------- pooling
@claim("Every run with overlap is ahead of every run without.", "record pooling")
def _():
    record, labels = experiments.recorded("pooling"), ("overlapping, 3x3", "plain, 2x2")
    ends = {label: [run.test_accuracy for run in record.runs[label]] for label in labels}
    assert min(ends["overlapping, 3x3"]) > max(ends["plain, 2x2"])
    return record.difference(*labels)


@claim("Overlapping pooling is ahead in every run, and other images might undo it", "record pooling")
def _():
    found = experiments.recorded("pooling").difference("overlapping, 3x3", "plain, 2x2")
    assert says(found, "+0.6") and found.of_seeds[0] > 0 > found.interval[0]
    return found


@claim("A difference of half a point between single runs can be chance, before another seed has been tried.", "record comparison")
def _():
    first, second = (run.right_images() for run in experiments.recorded("comparison").runs["alexnet_cifar"][:2])
    error = 100 * (1.0 * first - second).std(ddof=1) / 100
    assert f"{100 * (first != second).mean():.1f}" == "8.9" and 0.5 < 1.96 * error
    return f"standard error {error:.2f} points"


# ------------------------------------------------- normalization, activation, dropout, recipe
@claim("Batch norm is points ahead; LRN cannot be told from a constant", "record norm")
def _():
    record = experiments.recorded("norm")
    lrn = [record.difference(label, "times 0.59") for label in ("local response norm", "LRN of raw pixels")]
    ahead = [record.difference("batch norm", label) for label in record.runs if label != "batch norm"]
    assert [says(*pair) for pair in zip(lrn, ("+0.3", "-0.6"), strict=True)] == [True, True]
    assert not any(found.decided for found in lrn) and all(found.decided and found.points > 5 for found in ahead)
    return lrn + ahead


@claim("Each has a learning rate of its own, the best of four on training images that were held out", "record norm")
def _():
    record = experiments.recorded("norm")
    assert {len(tried) for tried in record.sweeps.values()} == {4} and record.sweeps.keys() == record.runs.keys()
    return f"{', '.join(f'{label} {record.rate(label):g}' for label in record.runs)}"


@claim(
    "LRN on normalized images is ahead of the network with nothing in its place, and the constant may be ahead too.",
    "record norm",
)
def _():
    record = experiments.recorded("norm")
    lrn, constant = (record.difference(label, "none") for label in ("local response norm", "times 0.59"))
    assert says(lrn, "+1.5") and lrn.decided and says(constant, "+1.2") and not constant.decided
    return [lrn, constant]


@claim("Batch norm gains 8.6 points, and not by its rate alone: in the small panel it is ahead at each of the four rates (the "
       "two that diverged at 0.3 have no point).", "record norm")  # fmt: skip
def _():
    record = experiments.recorded("norm")
    found, tried = record.difference("batch norm", "none"), {label: dict(pairs) for label, pairs in record.sweeps.items()}
    own = tried.pop("batch norm")
    assert says(found, "+8.6") and found.decided and len(own) == 4
    assert all((others[rate] or 0) < share for others in tried.values() for rate, share in own.items())
    assert [rate for others in tried.values() for rate, share in others.items() if share is None] == [0.3, 0.3]
    return found


STARTS = ("", ", 2012's start")


def race():
    return experiments.recorded("activation")


def epochs(name):
    """The fewest and the most of a seed, as the notebook writes them."""
    took = sorted(experiments.epochs_to(run, 0.75) for run in race().runs[name])
    return [f"{took[0]:.1f}", f"{took[-1]:.1f}"]


@claim("From He's, ReLU takes 7.7 to 11.4 epochs and tanh 4.2: the race is the other way round. From 2012's they take "
       "4.2 to 4.3 and 4.4 to 4.6.", "record activation")  # fmt: skip
def _():
    took = {name + start: epochs(name + start) for start in STARTS for name in ("ReLU", "tanh")}
    assert list(took.values()) == [["7.7", "11.4"], ["4.2", "4.2"], ["4.2", "4.3"], ["4.4", "4.6"]]
    return took


@claim("From He's start tanh is sooner, from 2012's they are close", "record activation")
def _():
    (slow, _), (_, quick) = epochs("ReLU"), epochs("tanh")
    assert float(slow) > 1.5 * float(quick)
    (first, last), (early, late) = epochs("ReLU, 2012's start"), epochs("tanh, 2012's start")
    assert max(float(last), float(late)) < 1.2 * min(float(first), float(early))


@claim("Both end higher from 2012's start", "record activation")
def _():
    found = [race().difference(f"{name}, 2012's start", name) for name in ("ReLU", "tanh")]
    assert all(difference.decided and difference.points > 0 for difference in found)
    return found


@claim("from 2012's start ReLU ends 4.2 points of test accuracy higher than from He's (3.3 to 5.1), and tanh "
       "3.4 (2.6 to 4.2).", "record activation")  # fmt: skip
def _():
    found = [race().difference(f"{name}, 2012's start", name) for name in ("ReLU", "tanh")]
    assert says(found[0], "+4.2") and says(found[1], "+3.4")
    assert [f"{end:.1f}" for end in found[0].interval] == ["3.3", "5.1"]
    assert [f"{end:.1f}" for end in found[1].interval] == ["2.6", "4.2"]
    return found


@claim("From He's start 0.01 is too much for ReLU already (48% on the held-out images, 66% at 0.003)", "record activation")
def _():
    tried = dict(map(tuple, race().sweeps["ReLU"]))
    assert [f"{100 * tried[rate]:.0f}" for rate in (0.01, 0.003)] == ["48", "66"]


@claim("(Sigmoid, from He's start only, ends at 72.0% of the test images.)", "record activation")
def _():
    assert f"{race().table()['test accuracy']['sigmoid']:.1%}" == "72.0%" and "sigmoid, 2012's start" not in race().runs


@claim(
    "folded below, its test accuracy is below that of tanh from He's start, and may be level from 2012's.", "record activation"
)
def _():
    found = [race().difference("ReLU" + start, "tanh" + start) for start in STARTS]
    assert [f"{difference.points:+.1f}" for difference in found] == ["-1.5", "-0.7"]
    assert [difference.decided for difference in found] == [True, False] and found[0].a == "ReLU"
    return found


@claim("hence 1.6 million multiply-adds more in the sheet, where five for each value would be 0.2.", "computed")
def _():
    counted = experiments.sheet("norm")["multiply-adds"]
    more = int(counted["local response norm"]) - int(counted["none"])
    net, values = models.build("alexnet_cifar", norm="lrn"), []
    for module in net.modules():
        if isinstance(module, nn.LocalResponseNorm):
            module.register_forward_hook(lambda _module, _inputs, output: values.append(output[0].numel()))
    net(torch.zeros(1, 3, 32, 32))
    assert f"{more / 1e6:.1f}" == "1.6" and len(values) == 2 and f"{5 * sum(values) / 1e6:.1f}" == "0.2"


@claim("Dropout narrows the gap, yet the test accuracy falls", "record dropout")
def _():
    found = experiments.recorded("dropout").difference("dropout 0.5", "no dropout")
    assert says(found, "-1.8") and found.decided
    return found


@claim("though our small net lost 1.8 points by dropout.", "record dropout")
def _():
    found = experiments.recorded("dropout").difference("dropout 0.5", "no dropout")
    assert says(found, "-1.8") and found.decided
    return found


@claim("The gap between training and test images shrinks from 12.7 points to 7.9, and no seed gains by it", "record dropout")
def _():
    record = experiments.recorded("dropout")
    gaps = 100 * (record.table()["training accuracy"] - record.table()["test accuracy"])
    assert gaps.map("{:.1f}".format).to_dict() == {"no dropout": "12.7", "dropout 0.5": "7.9"}
    without, dropped = ([run.test_accuracy for run in record.runs[label]] for label in gaps.index)
    assert all(a > b for a, b in zip(without, dropped, strict=True))
    return record.difference("dropout 0.5", "no dropout")


@claim("the paper's hidden layers have 4,096 units each, this net's have 128.", "computed")
def _():
    for name, units in (("alexnet", 4_096), ("alexnet_cifar", 128)):
        classifier = models.build(name, device="meta").classifier
        assert classifier.fc6.out_features == classifier.fc7.out_features == units


def recipes():
    return experiments.recorded("recipe").difference("the course", "AlexNet 2012")


@claim("One network, two recipes: the course's is ahead", "record recipe")
def _():
    found = recipes()
    assert says(found, "+3.1") and found.decided
    return found


@claim("The course's recipe ends 3.1 points ahead (95% interval 2.5 to 3.8), with a rate of 0.3 against 0.03.", "record recipe")
def _():
    found, record = recipes(), experiments.recorded("recipe")
    assert says(found, "+3.1") and [f"{end:.1f}" for end in found.interval] == ["2.5", "3.8"]
    assert [record.rate(label) for label in (found.a, found.b)] == [0.3, 0.03]
    return found


@claim("and label smoothing; which of them does it, these runs do not say.", "record recipe")
def _():
    assert set(experiments.sheet("recipe")) == {"learning rate", "nesterov", "label smoothing", "schedule"}
