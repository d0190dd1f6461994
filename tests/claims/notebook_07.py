"""What notebook 7, DenseNet, claims."""

from functools import lru_cache

import torch
from ledger import claims_of, says

from cnn_course import anatomy, experiments, models

claim = claims_of("07_densenet")


@lru_cache
def cost(name, **given):
    return anatomy.cost(models.build(name, device="meta", **given))


def block(layers, channels=64, growth_rate=32, bottleneck=True):
    with torch.device("meta"):
        return models.DenseBlock(layers, channels, growth_rate, bottleneck)


def enters(dense):
    """The channels that enter each layer, by sending maps through."""
    found, x = [], torch.zeros(1, dense[0].layers[0].num_features, 8, 8, device="meta")
    for layer in dense:
        found.append(x.shape[1])
        x = layer(x)
    return [*found, x.shape[1]]


# ------------------------------------------------------------------------------- add or concatenate
@claim("keeps every map as it was made, and 16 more come with each step: 32, 48, 64, 80.", "computed")
def _():
    layer, x = models.DenseLayer(16, 16, bottleneck=False), torch.randn(2, 16, 8, 8)
    assert torch.equal(layer(x)[:, :16], x) and enters(block(4, 16, 16))[1:] == [32, 48, 64, 80]


@claim("Every layer of a dense block receives the maps of all before it", "computed")
def _():
    dense, x, made = models.DenseBlock(3, 64, 16), torch.randn(2, 64, 8, 8), []
    for layer in dense:
        received, x = x, layer(x)
        assert all(torch.equal(maps, received[:, first : first + maps.shape[1]]) for first, maps in made)
        made.append((received.shape[1], x[:, received.shape[1] :]))


@claim("the 16 maps that layer 1 makes go to layer 2, to layer 3 and out of the block", "computed")
def _():
    dense, x = models.DenseBlock(3, 64, 16).eval(), torch.randn(1, 64, 8, 8)
    made = dense[0](x)[:, 64:]
    assert made.shape[1] == 16 and torch.equal(dense(x)[:, 64:80], made)
    for later in list(dense)[1:]:
        assert later.layers[2].weight[:, 64:80].abs().min() > 0


@claim("The channels of a dense block grow along a straight line", "computed")
def _():
    found = enters(block(24))
    assert found == [64 + 32 * layer for layer in range(25)] and [found[i] for i in (0, 5, 11, 23)] == [64, 224, 416, 800]


@claim("What one block leaves is more than what the next one receives.", "computed")
def _():
    blocks = [stage for name, stage in models.build("densenet121", device="meta").stages.named_children() if "block" in name]
    ends = [enters(dense) for dense in blocks]
    assert [(found[0], found[-1]) for found in ends] == [(64, 256), (128, 512), (256, 1024), (512, 1024)]


@claim("The pooling halves each side. The 1x1 keeps a share of the channels", "computed")
def _():
    x = torch.zeros(1, 256, 56, 56)
    assert models.Transition(256)(x).shape == (1, 128, 28, 28)
    assert models.Transition(256, compression=1)(x).shape == (1, 256, 28, 28)


# ------------------------------------------------------------------------------- 1x1
def one_layer(channels, bottleneck):
    return anatomy.parameters(models.DenseLayer(channels, 32, bottleneck))


@claim("From 256 channels on, in steps of 32.", "computed")
def _():
    saves = [channels for channels in range(64, 1025, 32) if one_layer(channels, True) < one_layer(channels, False)]
    assert saves == list(range(256, 1025, 32))


@claim("A bottleneck costs more at few channels and saves at many", "computed")
def _():
    assert one_layer(64, True) > one_layer(64, False) and one_layer(1024, True) < one_layer(1024, False)


@claim("With the bottleneck each incoming channel costs 128 weights, without it $9 \\cdot 32 = 288$", "computed")
def _():
    for bottleneck, each in ((True, 128), (False, 288)):
        convolutions = [
            sum(p.numel() for p in models.DenseLayer(channels, 32, bottleneck).parameters() if p.ndim == 4)
            for channels in (64, 65)
        ]
        assert convolutions[1] - convolutions[0] == each


@claim("Compression saves more, both of parameters and of multiply-adds.", "computed")
def _():
    without = {part: cost("densenet121", **{part: value}) for part, value in (("bottleneck", False), ("compression", 1))}
    assert without["compression"].parameters > without["bottleneck"].parameters
    assert without["compression"].macs > without["bottleneck"].macs


@claim("With neither, DenseNet-121 has 2.6 times the parameters and 1.7 times the multiply-adds", "computed")
def _():
    neither, both = cost("densenet121", bottleneck=False, compression=1), cost("densenet121")
    assert f"{neither.parameters / both.parameters:.1f}" == "2.6" and f"{neither.macs / both.macs:.1f}" == "1.7"


@claim('"Neither" still has its three transitions, with 1x1 convolutions that keep all channels.', "computed")
def _():
    stages = models.build("densenet121", device="meta", bottleneck=False, compression=1).stages
    kept = [stage for name, stage in stages.named_children() if name.startswith("transition")]
    shapes = [tuple(stage[2].weight.shape) for stage in kept]
    assert len(shapes) == 3 and all(out == into and (high, wide) == (1, 1) for out, into, high, wide in shapes)


@claim("Its widest layer receives 180 channels.", "computed")
def _():
    stages = models.build("densenet_cifar", device="meta").stages
    assert max(enters(dense)[-2] for name, dense in stages.named_children() if "block" in name) == 180


@claim("They cost: 15% more parameters and 49% more multiply-adds.", "computed")
def _():
    having, lacking = cost("densenet_cifar"), cost("densenet_cifar", bottleneck=False)
    more = [f"{getattr(having, what) / getattr(lacking, what) - 1:.0%}" for what in ("parameters", "macs")]
    assert more == ["15%", "49%"]


@claim("Set the growth rate to 12, the layers to 16 and the channels in to 24, as in the first block", "computed")
def _():
    first = models.build("densenet_bc_100_12", device="meta").stages.block1
    assert (len(first), first[0].layers[0].num_features, first[0].out_channels - 24) == (16, 24, 12)


# ------------------------------------------------------------------------------- which join
@claim("64 channels everywhere, and bottlenecks of 24 instead of 64, bring it to the same parameters.", "record combine")
def _():
    built = {label: variant.build() for label, variant in experiments.find("combine").variants.items()}
    widths = {}
    for label, net in built.items():
        layers = [layer for name, stage in net.stages.named_children() if "block" in name for layer in stage]
        widths[label] = {layer.layers[2].out_channels for layer in layers}
        if label == "add":
            assert {layer.layers[0].num_features for layer in layers} == {layer.out_channels for layer in layers} == {64}
    assert widths == {"add": {24}, "concatenate": {64}}
    size = experiments.recorded("combine").table()["parameters"]
    assert abs(size["add"] / size["concatenate"] - 1) < 0.005


@claim("At equal parameters, concatenating is about a point ahead of adding", "record combine")
def _():
    found = experiments.recorded("combine").difference("concatenate", "add")
    assert says(found, "+0.9") and found.decided and found.seeds == (3, 3) and found.basis == "paired"
    return found


@claim("Concatenating is ahead in each of the three seeds, by 0.9 points (0.3 to 1.5), and does a fifth fewer multiply-adds.",
       "record combine")  # fmt: skip
def _():
    record = experiments.recorded("combine")
    found, work = record.difference("concatenate", "add"), record.multiply_adds
    pairs = list(zip(record.runs["concatenate"], record.runs["add"], strict=True))
    assert len(pairs) == 3 and all(a.seed == b.seed and a.test_accuracy > b.test_accuracy for a, b in pairs)
    assert says(found, "+0.9") and [f"{end:.1f}" for end in found.interval] == ["0.3", "1.5"]
    assert 0.17 < 1 - work["concatenate"] / work["add"] < 0.23
    return found


@claim("That is one size, four epochs, one initialization, and one learning rate, chosen for neither.", "record combine")
def _():
    experiment, record = experiments.find("combine"), experiments.recorded("combine")
    assert {run.initialization for group in record.runs.values() for run in group} == {"fan_in"}
    assert experiment.epochs == 4 and not experiment.rates and not record.sweeps
    assert "learning rate 0.2," in experiments.sheet(record).attrs["caption"]


# ------------------------------------------------------------------------------- memory
@lru_cache
def kept(name):
    return anatomy.kept_bytes(models.build(name, device="meta"))


@claim("Less than half the parameters, a little more than half of the multiply-adds, and 1.6 times the memory", "computed")
def _():
    dense, residual = cost("densenet201"), cost("resnet101")
    memory = kept("densenet201") / kept("resnet101")
    assert dense.parameters < residual.parameters / 2 and 0.5 < dense.macs / residual.macs < 0.6 and f"{memory:.1f}" == "1.6"
    return f"{kept('densenet201') / 1e6:.0f} against {kept('resnet101') / 1e6:.0f} MB an image, {memory:.2f} times"


@claim("By multiply-adds alone DenseNet-201 would need 0.55 times as long for an image as ResNet-101.", "computed")
def _():
    assert f"{cost('densenet201').macs / cost('resnet101').macs:.2f}" == "0.55"


@claim("what is stored grows with the square of the depth", "computed")
def _():
    """The second differences are one and the same, as those of a parabola."""
    found = [anatomy.kept_bytes(block(layers), (64, 8, 8)) for layers in (16, 32, 48, 64)]
    second = [found[i] - 2 * found[i + 1] + found[i + 2] for i in (0, 1)]
    assert second[0] > 0 and second[0] == second[1]


@claim("45% of ResNet-101's, at about its error", "computed")
def _():
    assert f"{cost('densenet201').parameters / cost('resnet101').parameters:.0%}" == "45%"


# ------------------------------------------------------------------------------- a line, summed up
@claim("from 24 to 48 layers they grow 3.8 times, and the factor comes closer to 4 the longer the block is", "computed")
def _():
    size = {layers: anatomy.parameters(block(layers, bottleneck=False)) for layers in (12, 24, 48, 96, 192, 384)}
    factors = [size[2 * layers] / size[layers] for layers in (12, 24, 48, 96, 192)]
    assert f"{factors[1]:.1f}" == "3.8" and factors == sorted(factors) and 3.9 < factors[-1] < 4


@claim("With bottlenecks the curve is quadratic too, and from twelve layers on it lies lower.", "computed")
def _():
    both = [[anatomy.parameters(block(layers, bottleneck=given)) for given in (True, False)] for layers in range(1, 49)]
    assert [layers for layers, (having, lacking) in enumerate(both, 1) if having < lacking] == list(range(12, 49))
    steps = [b[0] - a[0] for a, b in zip(both, both[1:], strict=False)]
    assert len({b - a for a, b in zip(steps, steps[1:], strict=False)}) == 1


@claim("DenseNet-121 has 58 dense layers in its four blocks, two convolutions in each.", "computed")
def _():
    layers = [m for m in models.build("densenet121", device="meta").modules() if isinstance(m, models.DenseLayer)]
    assert len(layers) == 58
    assert all(sum(isinstance(m, torch.nn.Conv2d) for m in layer.modules()) == 2 for layer in layers)


# ------------------------------------------------------------------------------- recorded, folded
@claim("After 24 epochs ResNet-20 is two points ahead of the course's DenseNet", "record comparison")
def _():
    found = experiments.recorded("comparison").difference("densenet_cifar", "resnet20")
    assert says(found, "-2.0") and found.decided
    return found


@claim("The DenseNet is two points behind with 8% more parameters, and with half of the multiply-adds.", "record comparison")
def _():
    record = experiments.recorded("comparison")
    size, found = record.table()["parameters"], record.difference("densenet_cifar", "resnet20")
    assert f"{size['densenet_cifar'] / size['resnet20'] - 1:.0%}" == "8%"
    assert 0.5 < record.multiply_adds["densenet_cifar"] / record.multiply_adds["resnet20"] < 0.55
    assert says(found, "-2.0")
    return found


@claim("the difference may be none, and these runs could have missed one of up to 1.1 points", "record half_hour")
def _():
    found = experiments.recorded("half_hour").difference("densenet_wide", "resnet20")
    assert says(found, "-0.3") and not found.decided and f"{found.missed:.1f}" == "1.1"
    return found


@claim("At the same parameters and multiply-adds, within 2%", "record half_hour")
def _():
    table = experiments.recorded("half_hour").table().loc[["densenet_wide", "resnet20"]]
    for what in ("parameters", "multiply-adds"):
        assert abs(table[what]["densenet_wide"] / table[what]["resnet20"] - 1) < 0.02


@claim("The runs of 16 are those that concatenate in *Which join learns better?*.", "record growth_rate")
def _():
    ours, theirs = experiments.recorded("growth_rate").runs["16"], experiments.recorded("combine").runs["concatenate"]
    assert [(run.seed, run.rows) for run in ours] == [(run.seed, run.rows) for run in theirs]


@claim("From 8 to 16 brings 4.8 points (95% interval 3.9 to 5.8).", "record growth_rate")
def _():
    found = experiments.recorded("growth_rate").difference("16", "8")
    assert says(found, "+4.8") and found.decided and [f"{end:.1f}" for end in found.interval] == ["3.9", "5.8"]
    return found


@claim("From 16 to 24 costs more parameters and brings 1.7 (1.0 to 2.4).", "record growth_rate")
def _():
    record = experiments.recorded("growth_rate")
    found, size = record.difference("24", "16"), record.table()["parameters"]
    assert says(found, "+1.7") and found.decided and [f"{end:.1f}" for end in found.interval] == ["1.0", "2.4"]
    assert size["24"] - size["16"] > size["16"] - size["8"]
    return found


@claim("The first eight more maps bring five points, the next eight fewer", "record growth_rate")
def _():
    """Fewer in every case that the intervals allow."""
    record = experiments.recorded("growth_rate")
    first, second = record.difference("16", "8"), record.difference("24", "16")
    assert round(first.points) == 5 and min(first.interval[0], first.of_seeds[0]) > max(second.interval[1], second.of_seeds[1])
    return [first, second]


# ------------------------------------------------------------------------------- who uses whose maps
@lru_cache
def reading(pretrained):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return anatomy.source_weights(models.build("densenet_cifar", pretrained=pretrained).stages.block3)


@claim("From layer 4 on the newest maps weigh most, and the oldest not least", "computed")
def _():
    weights = reading(True).iloc[3:]
    assert list(weights.idxmax(axis=1)) == [f"layer {i}" for i in range(3, 8)] and "input" not in set(weights.idxmin(axis=1))


@claim("After training none is left out: the palest cell still has four fifths of the mean.", "computed")
def _():
    assert 0.8 < reading(True).min().min() < 0.85


@claim("From layer 4 on the palest source is not the oldest, the input, but layer 1 or 2.", "computed")
def _():
    assert set(reading(True).iloc[3:].idxmin(axis=1)) == {"layer 1", "layer 2"}


@claim("the sources lie within a few percent of the row's mean", "computed")
def _():
    assert (reading(False) - 1).abs().max().max() < 0.07


@claim("In ours the input weighs least for layers 2 and 3 only.", "computed")
def _():
    least = reading(True).iloc[1:].idxmin(axis=1)
    assert list(least[least == "input"].index) == ["layer 2", "layer 3"]


# ------------------------------------------------------------------------------- fact check
@claim("Count the parameters of DenseNet-121 and of ResNet-18, which has 18 layers", "computed")
def _():
    assert cost("densenet121").parameters < cost("resnet18").parameters
