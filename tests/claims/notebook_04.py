"""What notebook 4, the 1x1 convolution, claims."""

from itertools import pairwise

import torch
import torchvision
from ledger import cifar, claims_of, says
from torch import nn

from cnn_course import anatomy, experiments, models, training

claim = claims_of("04_conv1x1")


def weights(channels, out, side, groups=1):
    return anatomy.conv_parameters(channels, out, side, groups, bias=False)


def between(difference):
    """A Difference's 95% interval, rounded as it is printed."""
    return f"{difference.interval[0]:+.1f} to {difference.interval[1]:+.1f}"


def same(a, b):
    return torch.allclose(a, b, atol=1e-4)


# ------------------------------------------------------------------------------- one pixel
@claim("256x256 stays 256x256: a window of one pixel fits everywhere", "computed")
def _():
    conv = nn.Conv2d(3, 8, 1)
    assert conv(torch.zeros(1, 3, 256, 256)).shape == (1, 8, 256, 256)


@claim("Each filter holds three weights and a bias.", "computed")
def _():
    assert anatomy.parameters(nn.Conv2d(3, 1, 1)) == 3 + 1


@claim("A 1x1 convolution is that dense layer, with the same weights at every pixel.", "computed")
def _():
    conv, dense, image = nn.Conv2d(3, 8, 1), nn.Linear(3, 8), torch.rand(1, 3, 16, 16)
    dense.weight.data, dense.bias.data = conv.weight.data[:, :, 0, 0], conv.bias.data
    assert same(conv(image), dense(image.movedim(1, 3)).movedim(3, 1))


@claim("A 3x3 filter needs the picture in order. A 1x1 filter does not know that there is a picture.", "computed")
def _():
    order, image = torch.randperm(256), torch.rand(1, 3, 16, 16)

    def shuffle(maps):
        return maps.flatten(2)[:, :, order].view(maps.shape)

    for side, agree in ((1, True), (3, False)):
        conv = nn.Conv2d(3, 8, side, padding=side // 2)
        assert same(conv(shuffle(image)), shuffle(conv(image))) == agree


@claim("Not one pixel more. They add two ReLUs", "computed")
def _():
    assert anatomy.receptive_field([anatomy.conv(5)] + [anatomy.conv(1)] * 2) == anatomy.receptive_field([anatomy.conv(5)])
    block = models.build("nin", device="meta").features.block1
    assert sum(isinstance(layer, nn.ReLU) for layer in block) == 1 + 2


@claim("NIN is three such blocks and a head that takes the mean of each map", "computed")
def _():
    nin = models.build("nin", device="meta")
    assert not any(isinstance(layer, nn.Linear) for layer in nin.modules()) and [
        name for name, _ in nin.features.named_children() if name.startswith("block")
    ] == ["block1", "block2", "block3"]
    assert any(isinstance(layer, nn.AdaptiveAvgPool2d) for layer in nin.head.modules()), nin.head


@claim("one for each convolution: three in each of NIN's first two blocks, two in its last,", "computed")
def _():
    features = models.build("nin", device="meta").features
    blocks = (features.block1, features.block2, features.block3)
    assert [sum(isinstance(layer, nn.Conv2d) for layer in block) for block in blocks] == [3, 3, 2]


# ------------------------------------------------------------------------------- bottleneck
@claim("the 3x3 now reads a quarter of the channels, and the 1x1 in front of it has a ninth of its weights.", "computed")
def _():
    assert 128 // 32 == 4 and weights(32, 128, 3) == 9 * weights(128, 32, 1)


@claim("The multiply-adds follow the weights exactly, because every weight is used once at each pixel.", "computed")
def _():
    for layer in (nn.Conv2d(128, 32, 1, bias=False), nn.Conv2d(32, 128, 3, padding=1, bias=False)):
        cost = anatomy.cost(layer, (layer.in_channels, 32, 32))
        assert cost.macs == 32 * 32 * cost.parameters


@claim("The maps do not: there are 32 more of them to keep.", "computed")
def _():
    alone, through = nn.Conv2d(128, 128, 3, padding=1), nn.Sequential(nn.Conv2d(128, 32, 1), nn.Conv2d(32, 128, 3, padding=1))

    def kept(net):
        """Bytes in float32 of the outputs of all convolutions."""
        sizes, x = [], torch.zeros(1, 128, 32, 32)
        for layer in net if isinstance(net, nn.Sequential) else [net]:
            x = layer(x)
            sizes.append(4 * x.numel())
        return sum(sizes)

    assert (kept(alone), kept(through)) == (524_288, 655_360)


@claim("A full 3x3 kernel of 147,456 numbers, and yet made of 40,960.", "computed")
def _():
    assert weights(128, 128, 3) == 147_456 and weights(128, 32, 1) + weights(32, 128, 3) == 40_960


def through(width):
    """A 1x1 to `width` channels and a 3x3 back to 128, and the one 3x3 kernel that does the same."""
    squeeze, expand = nn.Conv2d(128, width, 1, bias=False), nn.Conv2d(width, 128, 3, padding=1, bias=False)
    return squeeze, expand, torch.einsum("omhw,mi->oihw", expand.weight, squeeze.weight[:, :, 0, 0])


@claim("so at most 32 mixtures of the input channels can reach the 3x3", "computed")
def _():
    assert torch.linalg.matrix_rank(through(32)[2].movedim(1, 0).flatten(1)) == 32


@claim("With the ReLU there is no single 3x3 filter bank that does the same: the pair bends.", "computed")
def _():
    squeeze, expand, kernel = through(32)
    x, y = torch.randn(2, 1, 128, 8, 8)
    assert same(nn.functional.conv2d(x, kernel, padding=1), expand(squeeze(x)))
    bent = nn.Sequential(squeeze, nn.ReLU(), expand)
    assert not same(bent(x + y), bent(x) + bent(y))


@claim("With 32 kept, two points are lost, with 16 ten points, and with 8 more than thirty.", "computed")
def _():
    test, net = cifar().test.subset(1_000), models.build("nin_cifar", pretrained=True).requires_grad_(False)
    layer = net.features.block3[0]
    u, s, v = torch.linalg.svd(layer.weight.movedim(1, 0).flatten(1), full_matrices=False)
    maps, accuracy = training.predict(net.features[:6], test.images), {}
    for r in (8, 16, 32, 64, 96):
        layer.weight.data = ((u[:, :r] * s[:r]) @ v[:r]).view(96, 128, 3, 3).movedim(0, 1)
        said = net.head(net.features.block3(maps)).argmax(dim=1)
        accuracy[r] = 100 * (said == test.labels).float().mean().item()
    lost = {r: accuracy[96] - percent for r, percent in accuracy.items()}
    assert abs(lost[64]) < 0.5 and 1.5 < lost[32] < 2.5 and 9 < lost[16] < 11 and lost[8] > 30
    return ", ".join(f"{r}: {percent:.1f}%" for r, percent in accuracy.items())


@claim("At each of four widths the squeezed, smaller network is behind", "record bottleneck")
def _():
    record = experiments.recorded("bottleneck")
    found = [record.difference(width, "none") for width in ("8", "16", "32", "64")]
    assert [f"{difference.points:+.1f}" for difference in found] == ["-11.0", "-6.6", "-3.4", "-2.1"]
    assert all(difference.decided for difference in found)
    return found


@claim("Between 64 channels and 32 the difference may be none, or up to 3.1 points.",
       "record bottleneck")  # fmt: skip
def _():
    record = experiments.recorded("bottleneck")
    found = [record.difference(narrow, wide) for narrow, wide in pairwise(["8", "16", "32", "64"])]
    assert [difference.decided for difference in found] == [True, True, False] and f"{found[2].missed:.1f}" == "3.1"
    assert all(says(difference, points) for difference, points in zip(found, ("-4.4", "-3.1", "-1.4"), strict=True))
    return found


@claim("the network keeps half of its parameters and pays 3.4 points for it (95% interval 2.1 to 4.8).",
       "record bottleneck")  # fmt: skip
def _():
    record = experiments.recorded("bottleneck")
    found, size = record.difference("32", "none"), record.table()["parameters"]
    assert says(found, "-3.4") and between(found) == "-4.8 to -2.1" and 0.45 < size["32"] / size["none"] < 0.55
    return found


@claim(
    "The squeezed networks are behind at every width that was tried: by 11.0 points at 8 channels, 2.1 at 64.",
    "record bottleneck",
)
def _():
    record = experiments.recorded("bottleneck")
    found = [record.difference(width, "none") for width in ("8", "16", "32", "64")]
    assert says(found[0], "-11.0") and says(found[-1], "-2.1") and all(difference.interval[1] < 0 for difference in found)
    return found


@claim("squeezes to that width first: four 1x1 for 8 and 16, three for 32 and 64", "computed")
def _():
    def squeezes(label):
        net = experiments.find("bottleneck").variants[label].build()
        return sum(isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) for layer in net.modules())

    assert [squeezes(label) for label in ("none", "8", "16", "32", "64")] == [0, 4, 4, 3, 3]


@claim(
    "the same network with ReLU has 77.3% in *How narrow may it get?*, where it began from He's fan_out, and 75.5% here.",
    "record bottleneck",
)
def _():
    former, later = (experiments.recorded(name) for name in ("bottleneck", "squeeze"))
    built = [experiments.find(record.name).settings(label) for record, label in ((former, "32"), (later, "with ReLU"))]
    assert built[0] == built[1].replace(" relu=True", "") and f"{former.table()['test accuracy']['32']:.1%}" == "77.3%"
    assert {run.initialization for run in former.runs["32"]} == {"fan_out"}
    assert {run.initialization for run in later.runs["with ReLU"]} == {"fan_in"}
    assert f"{later.table()['test accuracy']['with ReLU']:.1%}" == "75.5%"


# ------------------------------------------------------------------------------- head
@claim("The mean forgets *where*.", "computed")
def _():
    places, maps = torch.randperm(64), torch.randn(1, 128, 8, 8)
    moved = maps.flatten(2)[:, :, places].view(maps.shape)
    heads = {kind: models.build("nin_cifar", pooling=kind).head for kind in ("average", "dense")}
    assert same(heads["average"](maps), heads["average"](moved)) and not same(heads["dense"](maps), heads["dense"](moved))


@claim("the dense head has a weight for every place of every map and is bound to 32x32 images", "computed")
def _():
    dense, average = (models.build("nin_cifar", pooling=kind) for kind in ("dense", "average"))
    assert dense.head[1].in_features == 64 * 128 and dense.fixed_size and not average.fixed_size


@claim("After four epochs the mean is ahead of the maximum and of the dense head", "record head")
def _():
    record = experiments.recorded("head")
    found = [record.difference("global average", other) for other in ("dense", "global max")]
    assert says(found[0], "+2.0") and says(found[1], "+5.6") and all(difference.decided for difference in found)
    return found


@claim("It is behind on its training images too, so overfitting is not what holds it back in these four epochs.", "record head")
def _():
    record = experiments.recorded("head")
    learned = {label: [round(100 * run.learned, 1) for run in record.runs[label]] for label in ("global average", "dense")}
    assert max(learned["dense"]) < min(learned["global average"])
    return f"on training images: {learned}"


@claim("The maximum has exactly the parameters of the mean, so their number does not explain its distance.", "computed")
def _():
    average, most = (models.build("nin_cifar", device="meta", pooling=kind) for kind in ("average", "max"))
    assert anatomy.parameters(average) == anatomy.parameters(most)


@claim("It is the same number: a mean and a weighted sum may change places.", "computed")
def _():
    conv, maps = nn.Conv2d(128, 10, 1), torch.randn(2, 128, 8, 8)
    assert same(conv(maps).mean(dim=(2, 3)), conv(maps.mean(dim=(2, 3), keepdim=True)).flatten(1))


# ------------------------------------------------------------------------------- beside what came before
@claim("NIN has fewer weights than AlexNet and VGG, and more multiply-adds", "computed")
def _():
    alexnet, vgg, nin = (anatomy.cost(models.build(name, device="meta")) for name in ("alexnet_cifar", "vgg_cifar", "nin_cifar"))
    assert nin.parameters < min(alexnet.parameters, vgg.parameters) and nin.macs > max(alexnet.macs, vgg.macs)


@claim("VGG and NIN end within a point of each other", "record comparison")
def _():
    found = experiments.recorded("comparison").difference("vgg_cifar", "nin_cifar")
    assert says(found, "+0.4") and not found.decided
    return found


@claim("1x1 convolutions do none of VGG-16's work and nine tenths of MobileNetV2's", "computed")
def _():
    with torch.device("meta"):
        mobilenet = anatomy.cost(torchvision.models.mobilenet_v2(), (3, 224, 224))
    assert anatomy.cost(models.build("vgg16", device="meta")).macs_1x1 == 0 and 0.88 < mobilenet.macs_1x1 / mobilenet.macs < 0.92


# ------------------------------------------------------------------------------- one_by_one
def worth(having, lacking):
    return experiments.recorded("one_by_one").difference(having, lacking)


@claim("made so wide that both have the same parameters *and* the same multiply-adds (within 3%)", "record one_by_one")
def _():
    table = experiments.recorded("one_by_one").table()
    for having, lacking in ONE_BY_ONE:
        for cost in ("parameters", "multiply-adds"):
            assert abs(table[cost][lacking] / table[cost][having] - 1) < 0.03


ONE_BY_ONE = (
    ("NIN", "NIN without 1x1"),
    ("GoogLeNet", "GoogLeNet without 1x1"),
    ("ResNet-20 with 1x1", "ResNet-20"),
    ("DenseNet", "DenseNet without 1x1"),
)


@claim("Three seeds each: with 1x1 NIN and GoogLeNet gain, ResNet-20 loses", "record one_by_one")
def _():
    found = [worth(*pair) for pair in ONE_BY_ONE]
    assert all(difference.seeds == (3, 3) for difference in found)
    assert [difference.interval[0] > 0 for difference in found] == [True, True, False, False]
    assert [difference.interval[1] < 0 for difference in found] == [False, False, True, False]
    return found


@claim("NIN is 3.6 points better with its 1x1 layers (95% interval 2.9 to 4.3), and GoogLeNet 1.1 (0.6 to 1.7).",
       "record one_by_one")  # fmt: skip
def _():
    found = [worth(*ONE_BY_ONE[0]), worth(*ONE_BY_ONE[1])]
    assert says(found[0], "+3.6") and says(found[1], "+1.1")
    assert list(map(between, found)) == ["+2.9 to +4.3", "+0.6 to +1.7"]
    return found


@claim("ResNet-20 is 1.7 points worse when it gets them (1.2 to 2.2).", "record one_by_one")
def _():
    found = worth(*ONE_BY_ONE[2])
    assert says(found, "-1.7") and between(found) == "-2.2 to -1.2"
    return found


@claim("DenseNet may be level, up to half a point better or 1.5 points worse with its 1x1 layers (so far the interval for other "
       "seeds alone goes; its bar ends at 1.2).", "record one_by_one")  # fmt: skip
def _():
    found = worth(*ONE_BY_ONE[3])
    assert found.interval[0] < 0 < found.interval[1] and f"{found.missed:.1f}" == "1.5"
    assert [f"{-low:.1f}" for low, _ in (found.interval, found.of_seeds)] == ["1.2", "1.5"] and 0.4 < found.of_seeds[1] < 0.6
    return found


@claim("The other three are decided: zero lies in no interval of theirs.", "record one_by_one")
def _():
    found = [worth(*pair) for pair in ONE_BY_ONE[:3]]
    intervals = [interval for each in found for interval in (each.interval, each.of_seeds, each.of_images)]
    assert not any(low <= 0 <= high for low, high in intervals) and all(each.decided for each in found)
    return found


@claim("with three seeds each it gained in NIN (2.9 to 4.3 points) and GoogLeNet (0.6 to 1.7) and lost in ResNet-20 "
       "(1.2 to 2.2), with DenseNet undecided", "record one_by_one")  # fmt: skip
def _():
    found = [worth(*pair) for pair in ONE_BY_ONE]
    assert list(map(between, found[:3])) == ["+2.9 to +4.3", "+0.6 to +1.7", "-2.2 to -1.2"]
    assert found[3].interval[0] < 0 < found[3].interval[1]
    return found


@claim("ResNet-20 is squeezed to 15 channels, where ResNet-50 has 64.", "computed")
def _():
    def narrowest(net):
        return min(layer.in_channels for layer in net.modules() if isinstance(layer, nn.Conv2d) and layer.in_channels > 3)

    built = experiments.find("one_by_one").variants["ResNet-20 with 1x1"].build()
    assert (narrowest(built), narrowest(models.build("resnet50", device="meta"))) == (15, 64)


@claim(
    "NIN's nine layers become four, and ResNet's twenty become 29, or 32 with the 1x1 convolutions on its skip connections",
    "computed",
)
def _():
    built = {label: variant.build() for label, variant in experiments.find("one_by_one").variants.items()}

    def layers(net):
        """Layers with weights, the projections of shortcuts left out, as the ResNet paper counts."""
        kinds = (nn.Conv2d, nn.Linear)
        return sum(isinstance(layer, kinds) and "shortcut" not in name for name, layer in net.named_modules())

    assert (layers(built["NIN"]), layers(built["NIN without 1x1"])) == (9, 4)
    assert (layers(built["ResNet-20"]), layers(built["ResNet-20 with 1x1"])) == (20, 29)
    assert sum(isinstance(layer, (nn.Conv2d, nn.Linear)) for layer in built["ResNet-20 with 1x1"].modules()) == 32


@claim("has 12% of the 3x3's weights", "computed")
def _():
    assert round(100 * (weights(128, 128, 3, 128) + weights(128, 128, 1)) / weights(128, 128, 3)) == 12


# ------------------------------------------------------------------------------- groups
@claim("With $g$ groups the weights are divided by $g$.", "computed")
def _():
    assert all(weights(128, 128, 3, g) * g == weights(128, 128, 3) for g in (1, 2, 4, 32, 128))


@claim("For many channels the saving approaches a factor of 9, the area of the filter.", "computed")
def _():
    factor = [weights(c, c, 3) / (weights(c, c, 3, groups=c) + weights(c, c, 1)) for c in (64, 512, 4096, 65536)]
    assert factor == sorted(factor) and 8.99 < factor[-1] < 9


@claim("Twice the width, and slightly fewer parameters.", "computed")
def _():
    with torch.device("meta"):
        resnext, resnet = torchvision.models.resnext50_32x4d(), torchvision.models.resnet50()
    assert resnext.layer1[0].conv2.in_channels == 2 * resnet.layer1[0].conv2.in_channels
    assert 0.95 < anatomy.parameters(resnext) / anatomy.parameters(resnet) < 1


@claim("here too the 1x1 convolutions are left with nine tenths of the work", "computed")
def _():
    with torch.device("meta"):
        cost = anatomy.cost(torchvision.models.resnext50_32x4d(), (3, 224, 224))
    assert 0.89 < cost.macs_1x1 / cost.macs < 0.93


# ------------------------------------------------------------------------------- fact check
@claim("Three pixels of four are thrown away unseen", "computed")
def _():
    image = torch.ones(1, 4, 56, 56, requires_grad=True)
    nn.Conv2d(4, 8, 1, stride=2, bias=False)(image).sum().backward()
    assert (image.grad[0].abs().sum(dim=0) == 0).float().mean() == 0.75


@claim("NIN without its 1x1 layers is smaller by a sixth; with the same large filters it is larger by a third", "computed")
def _():
    nin, ends, filters = (
        anatomy.parameters(models.build("nin", device="meta", **given))
        for given in ({}, {"widths": ((96,), (192,), (192,))}, {"widths": ((192,), (192,), (192,))})
    )
    assert 1 / 7 < 1 - ends / nin < 1 / 5 and 0.28 < filters / nin - 1 < 0.36
    return f"{nin:,} with; {ends:,} and {filters:,} without"


@claim("Where global average pooling ends the network, dense layers hold few of the parameters", "computed")
def _():
    share = {}
    for name in ("alexnet_two_gpus", "vgg16", "nin", "googlenet", "resnet50"):
        cost = anatomy.cost(models.build(name, device="meta"))
        share[name] = cost.linear_parameters / cost.parameters
    assert min(share["alexnet_two_gpus"], share["vgg16"]) > 0.85 and max(list(share.values())[2:]) < 0.16
    return {name: f"{part:.0%}" for name, part in share.items()}


# ------------------------------------------------------------------------------- separable
def separable():
    return experiments.recorded("separable").difference("depthwise, then 1x1", "3x3")


@claim("Parameters and multiply-adds are equal (within 1%). Eight epochs on all images, three seeds (`python -m cnn_course "
       "record separable`).", "record separable")  # fmt: skip
def _():
    table = experiments.sheet("separable")[["parameters", "multiply-adds"]].astype(float)
    assert (table.max() / table.min() < 1.01).all()
    assert experiments.find("separable").epochs == 8
    assert all(len(runs) == 3 for runs in experiments.recorded("separable").runs.values())


@claim("At equal cost these runs find no gain in the pairs. They may be half a point ahead, level, or up to 2.1 points behind: "
       "the interval for seeds and images leaves out zero, the one for other seeds alone goes from -2.1 to +0.5.",
       "record separable")  # fmt: skip
def _():
    found = separable()
    assert says(found, "-0.8") and not found.decided and f"{found.missed:.1f}" == "2.1" and found.interval[1] < 0
    assert [f"{end:+.1f}" for end in found.of_seeds] == ["-2.1", "+0.5"]
    return found


@claim("The separable VGG may be level with the one of 3x3, half a point ahead, or 2.1 behind", "record separable")
def _():
    found = separable()
    assert says(found, "-0.8") and not found.decided and f"{found.missed:.1f}" == "2.1"
    return found


@claim("With the pairs it has five layers more, each with its own batch norm, and 62% of its parameters are in its first dense "
       "layer, where the other has 37%.", "computed")  # fmt: skip
def _():
    pair, plain = (experiments.find("separable").variants[label].build() for label in ("depthwise, then 1x1", "3x3"))
    norms = [sum(isinstance(module, nn.BatchNorm2d) for module in net.modules()) for net in (pair, plain)]
    layers = [sum(isinstance(module, (nn.Conv2d, nn.Linear)) for module in net.modules()) for net in (pair, plain)]
    shares = [anatomy.parameters(net.classifier[1]) / anatomy.parameters(net) for net in (pair, plain)]
    assert layers[0] == layers[1] + 5 and norms == [11, 6] and [f"{share:.0%}" for share in shares] == ["62%", "37%"]


# ------------------------------------------------------------------------------- squeeze
@claim("once with a ReLU (and batch norm) between squeeze and 3x3, once with batch norm alone: the same parameters, the same "
       "multiply-adds", "record squeeze")  # fmt: skip
def _():
    table = experiments.recorded("squeeze").table()
    for cost in ("parameters", "multiply-adds"):
        assert table[cost]["with ReLU"] == table[cost]["without ReLU"]
    counts = [
        [sum(isinstance(layer, kind) for layer in variant.build().modules()) for kind in (nn.BatchNorm2d, nn.ReLU)]
        for variant in experiments.find("squeeze").variants.values()
    ]
    assert counts[0][0] == counts[1][0] and counts[0][1] > counts[1][1]


@claim("Without a ReLU in the squeeze this VGG is better, in every seed", "record squeeze")
def _():
    record = experiments.recorded("squeeze")
    pairs = list(zip(record.runs["with ReLU"], record.runs["without ReLU"], strict=True))
    assert len(pairs) == 3 and all(bent.seed == flat.seed and bent.accuracy < flat.accuracy for bent, flat in pairs)
    return record.difference("without ReLU", "with ReLU")


@claim("The one without is 2.4 points better (95% interval 1.4 to 3.3).", "record squeeze")
def _():
    found = experiments.recorded("squeeze").difference("without ReLU", "with ReLU")
    assert says(found, "+2.4") and between(found) == "+1.4 to +3.3" and found.decided
    return found
