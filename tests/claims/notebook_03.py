"""What notebook 3, VGG and the receptive field, claims."""

import torch
import torch.nn.functional as F
from ledger import cifar, claims_of, says
from torch import nn

from cnn_course import anatomy, data, experiments, models
from cnn_course.widgets.windows import inner_side

claim = claims_of("03_vgg_receptive_field")
conv, pool = anatomy.conv, anatomy.pool


def cost(name, **settings):
    return anatomy.cost(models.build(name, device="meta", **settings))


def weights(into, out, side):
    return nn.Conv2d(into, out, side, bias=False).weight.numel()


def count(name, kind):
    return sum(isinstance(module, kind) for module in models.build(name, device="meta").modules())


# ------------------------------------------------------------------------------- one rule
@claim("VGG-16 has sixteen layers with weights: thirteen convolutions in five stages, then three dense layers.", "computed")
def _():
    assert (count("vgg16", nn.Conv2d), count("vgg16", nn.MaxPool2d), count("vgg16", nn.Linear)) == (13, 5, 3)


@claim("Within a stage every convolution is 3x3 and keeps the size of the map; 2x2 max pooling at its end halves each side.",
       "computed")  # fmt: skip
def _():
    for stage in models.build("vgg16", device="meta").features:
        first, *_, last = stage
        shape = (1, first.in_channels, 28, 28)
        assert stage[:-1](torch.empty(shape, device="meta")).shape[2:] == (28, 28)
        assert stage(torch.empty(shape, device="meta")).shape[2:] == (14, 14) and isinstance(last, nn.MaxPool2d)
        assert {m.kernel_size for m in stage if isinstance(m, nn.Conv2d)} == {(3, 3)}


@claim("VGG-16: the work is in the stages, the parameters in the dense layers", "computed")
def _():
    table = anatomy.trace(models.build("vgg16", device="meta"))
    dense = table[table.kind == "Linear"]
    assert dense.parameters.sum() > 0.85 * table.parameters.sum() and dense.macs.sum() < 0.05 * table.macs.sum()


@claim("The first dense layer alone holds more parameters than all convolutions together.", "computed")
def _():
    assert 512 * 7 * 7 * 4096 > cost("vgg16").conv_parameters


# ------------------------------------------------------------------------------- the window
def reached(layers):
    """Input pixels along a side that a linear network of ones lets into one value."""
    net = nn.Sequential(*layers)
    for parameter in net.parameters():
        nn.init.ones_(parameter)
    x = torch.ones(1, 1, 64, 64, requires_grad=True)
    net(x)[0, 0, 1, 1].backward()
    return int((x.grad[0, 0].sum(0) > 0).sum())


@claim("So $n$ layers of 3x3 see $2n + 1$ pixels on a side.", "computed")
def _():
    assert [reached([nn.Conv2d(1, 1, 3)] * n) for n in (1, 2, 3, 8)] == [3, 5, 7, 17]


@claim("After one 2x2 pooling a 3x3 layer adds four pixels instead of two.", "computed")
def _():
    before = [nn.Conv2d(1, 1, 3), nn.AvgPool2d(2)]
    assert reached([*before, nn.Conv2d(1, 1, 3)]) - reached(before) == 4


@claim("For the small network below the rule says 10 pixels on a side.", "computed")
def _():
    assert reached([nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3), nn.AvgPool2d(2), nn.Conv2d(1, 1, 3)]) == 10


@claim("The window is square, its use is not even", "computed")
def _():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3))
    noise = torch.randn(64, 1, 24, 24, requires_grad=True)
    net(noise)[:, :, 3, 3].sum().backward()
    size = noise.grad.abs().mean(dim=0)[0][6:16, 6:16]
    assert (size > 0).all() and (noise.grad.abs().mean(dim=0)[0] > 0).sum() == 100
    assert size[3:7, 3:7].mean() > 3 * torch.cat([size[0], size[-1], size[:, 0], size[:, -1]]).mean()


@claim("One path from a corner, nine from the middle", "computed")
def _():
    ways = torch.zeros(5, 5)
    for r in range(3):
        for c in range(3):
            ways[r : r + 3, c : c + 3] += 1
    assert ways[0, 0] == 1 and ways[2, 2] == ways.max() == 9


@claim("From 10 layers to 40 the window grows almost fourfold, the middle square from 7 to 11 pixels.", "computed")
def _():
    found = {}
    for depth in (10, 40):
        line = torch.ones(1, 1, 1).double()
        for _ in range(depth):
            line = F.conv1d(line, torch.ones(1, 1, 3).double(), padding=2)
        found[depth] = inner_side(torch.outer(line[0, 0], line[0, 0]).sqrt())
    assert found == {10: 7, 40: 11} and 3.8 < 81 / 21 < 4
    return found


@claim("the paths' standard deviation does, from 2.6 to 5.2 pixels.", "computed")
def _():
    found = []
    for depth in (10, 40):
        line = torch.ones(1, 1, 1).double()
        for _ in range(depth):
            line = F.conv1d(line, torch.ones(1, 1, 3).double(), padding=2)
        share, place = line[0, 0] / line.sum(), torch.arange(-depth, depth + 1)
        found.append((share * place**2).sum().sqrt().item())
    assert [f"{deviation:.1f}" for deviation in found] == ["2.6", "5.2"] and abs(found[1] / found[0] - 2) < 1e-9
    return found


# ------------------------------------------------------------------------------- two small, one big
@claim("The ratio is 25/18 whatever the number of channels, as long as both layers have as many in as out.", "computed")
def _():
    assert all(18 * weights(c, c, 5) == 25 * 2 * weights(c, c, 3) for c in (3, 64, 128))


@claim("A stack's price grows with the window's side, a filter's with its area", "computed")
def _():
    for depth in range(1, 6):
        side = 2 * depth + 1
        assert weights(8, 8, side) == 64 * side**2 and depth * weights(8, 8, 3) == 64 * 9 * (side - 1) / 2


@claim("With the ReLU no 5x5 filter can do what the stack does.", "computed")
def _():
    torch.manual_seed(0)
    first, second, x, y = torch.randn(1, 1, 3, 3), torch.randn(1, 1, 3, 3), *torch.randn(2, 1, 1, 12, 12)

    def bent(image):
        return F.conv2d(F.conv2d(image, first).relu(), second)

    assert not torch.allclose(bent(x + y), bent(x) + bent(y), atol=1e-2)


@claim("The 5x5 network has 15% more weights in its convolutions.", "computed")
def _():
    ratio = cost("vgg13", kernel=5, convs=(1,) * 5).conv_parameters / cost("vgg13").conv_parameters
    assert round(ratio, 2) == 1.15


STACKS = [("two 3x3", "one 5x5"), ("three 3x3", "one 7x7"), ("three 3x3", "two 3x3")]


def stacks():
    record = experiments.recorded("stacks")
    return [record.difference(a, b) for a, b in STACKS]


@claim("The widths are such that within a pair parameters and multiply-adds are equal, too (within 1%). All 50,000 images, "
       "twelve epochs, three seeds (`python -m cnn_course record stacks`).", "record stacks")  # fmt: skip
def _():
    table = experiments.sheet("stacks")[["parameters", "multiply-adds"]].astype(float)
    assert all((abs(table.loc[a] / table.loc[b] - 1) < 0.01).all() for a, b in STACKS[:2])
    assert experiments.find("stacks").epochs == 12
    assert all(len(runs) == 3 for runs in experiments.recorded("stacks").runs.values())


@claim("At equal windows and equal cost the stacks of 3x3 end ahead of the large filters", "record stacks")
def _():
    found, variants = stacks()[:2], experiments.find("stacks").variants
    assert all(difference.decided and difference.points > 0 for difference in found)
    for pair in found:
        traces = [anatomy.trace(variants[label].build()) for label in (pair.a, pair.b)]
        windows = [list(trace.receptive_field[trace.kind == "MaxPool2d"]) for trace in traces]
        assert windows[0] == windows[1] and len(windows[0]) == 3  # behind each stage
    return found


@claim("Two 3x3 are 3.1 points ahead of one 5x5 (95% interval 2.5 to 3.7), "
       "and three 3x3 4.9 points ahead of one 7x7 (4.2 to 5.6)", "record stacks")  # fmt: skip
def _():
    found = stacks()[:2]
    assert says(found[0], "+3.1") and says(found[1], "+4.9")
    assert [f"{end:.1f}" for difference in found for end in difference.interval] == ["2.5", "3.7", "4.2", "5.6"]
    return found


@claim("In the paper's test and in ours the stacks were ahead, in ours at equal parameters and equal multiply-adds.",
       "record stacks")  # fmt: skip
def _():
    found, table = stacks()[:2], experiments.sheet("stacks")[["parameters", "multiply-adds"]].astype(float)
    assert all(difference.decided and difference.points > 0 for difference in found)
    assert all((abs(table.loc[a] / table.loc[b] - 1) < 0.01).all() for a, b in STACKS[:2])
    return found


@claim("Three 3x3 are 1.1 points ahead of two (0.5 to 1.7), with 41% more parameters and 72% more multiply-adds.",
       "record stacks")  # fmt: skip
def _():
    found, table = stacks()[2], experiments.sheet("stacks")[["parameters", "multiply-adds"]].astype(float)
    assert found.decided and says(found, "+1.1")
    assert [f"{end:.1f}" for end in found.interval] == ["0.5", "1.7"]
    assert (100 * (table.loc["three 3x3"] / table.loc["two 3x3"] - 1)).round().tolist() == [41, 72]
    return found


# ------------------------------------------------------------------------------- trained
@claim("VGG ends 2.8 points above AlexNet.", "record comparison")
def _():
    found = experiments.recorded("comparison").difference("vgg_cifar", "alexnet_cifar")
    assert found.decided and says(found, "+2.8")
    return found


@claim("It also has 6% more parameters, 20% more multiply-adds and one layer more", "computed")
def _():
    vgg, alexnet = cost("vgg_cifar"), cost("alexnet_cifar")
    assert round(100 * vgg.parameters / alexnet.parameters) == 106 and round(100 * vgg.macs / alexnet.macs) == 120
    layers = [count(name, (nn.Conv2d, nn.Linear)) for name in ("vgg_cifar", "alexnet_cifar")]
    assert layers[0] == layers[1] + 1


# ------------------------------------------------------------------------------- further
@claim("By 3.8%, and the multiply-adds by 27%", "computed")
def _():
    d, e = cost("vgg16"), cost("vgg19")
    assert round(e.parameters / d.parameters, 3) == 1.038 and round(e.macs / d.macs, 2) == 1.27


@claim("D also has 14.7M weights in its convolutions against 10.0M in C.", "computed")
def _():
    assert [round(cost(name).conv_parameters / 1e6, 1) for name in ("vgg16", "vgg16_c")] == [14.7, 10.0]


@claim(
    "Almost: 212 of 224. Column C has the depth of D and sees 156 pixels. AlexNet needs eight convolutions and poolings for 195",
    "computed",
)
def _():
    found = {}
    for name in ("vgg16", "vgg16_c", "alexnet"):
        trace = anatomy.trace(models.build(name, device="meta"))
        found[name] = trace.receptive_field[trace.kernel.notna()].tolist()
    assert [sides[-1] for sides in found.values()] == [212, 156, 195] and len(found["alexnet"]) == 8


@claim("The stack pays with 50% more memory", "computed")
def _():
    def block(side, n):
        return nn.Sequential(*[m for _ in range(n) for m in (nn.Conv2d(128, 128, side, padding=side // 2), nn.ReLU())])

    assert anatomy.kept_bytes(block(3, 2), (128, 32, 32)) == 1.5 * anatomy.kept_bytes(block(5, 1), (128, 32, 32))


@claim(r"it needs at least $m = 1.39\,C$, and then nothing is saved", "computed")
def _():
    assert round(25 / 18, 2) == 1.39


def slide():
    """Of the recorded vgg_cifar, slid over sixteen test images: probabilities (10, 13, 13), and where no whole image is."""
    net, images = models.build("vgg_cifar", pretrained=True).eval().requires_grad_(False), cifar().test.images[:16]
    picture = images.view(4, 4, 3, 32, 32).permute(2, 0, 3, 1, 4).reshape(1, 3, 128, 128)
    between = torch.ones(13, 13, dtype=torch.bool)
    between[::4, ::4] = False
    return models.vgg.as_convolutions(net).eval()(data.to_float(picture))[0].softmax(dim=0), between


@claim("It finds the ships, and says ship between them too", "computed")
def _():
    likely, between = slide()
    labels = cifar().test.labels[:16].view(4, 4)
    assert (likely[8, ::4, ::4][labels == 8] > 0.5).all() and (likely[8] > 0.5)[between].sum() >= 5


@claim("None of those windows holds a whole image, and in 111 of the 153 one class still gets more than half", "computed")
def _():
    likely, between = slide()
    assert abs((likely.amax(dim=0) > 0.5)[between].sum() - 111) <= 1 and between.sum() == 153  # of bfloat16 or not


@claim("Between VGG and LeNet-5 the difference may be none, or up to 5.6 points; AlexNet leads VGG, but other seeds "
       "may turn that round.",
       "record lesson")  # fmt: skip
def _():
    record = experiments.recorded("lesson")
    found = [record.difference("vgg_cifar", other) for other in ("lenet5", "alexnet_cifar")]
    assert f"{found[0].missed:.1f}" == "5.6" and says(found[0], "-0.3") and says(found[1], "-4.2")
    assert not any(difference.decided for difference in found) and found[1].interval[1] < 0
    return found


@claim("At full size the dense layers hold 89% or more.", "computed")
def _():
    shares = {name: cost(name).conv_parameters / cost(name).parameters for name in ("lenet5", "alexnet_two_gpus", "vgg16")}
    assert [round(100 * share, 1) for share in shares.values()] == [4.6, 3.8, 10.6]
    return shares


@claim("VGG-16 has 2.3 times AlexNet's parameters, and 6.3 times in convolutions alone.", "computed")
def _():
    vgg, alexnet = cost("vgg16"), cost("alexnet_two_gpus")
    assert round(vgg.parameters / alexnet.parameters, 1) == 2.3
    assert round(vgg.conv_parameters / alexnet.conv_parameters, 1) == 6.3


@claim("True of columns A, B, D and E; C has three 1x1 layers", "computed")
def _():
    for name in ("vgg11", "vgg13", "vgg16", "vgg19", "vgg16_c"):
        sides = [m.kernel_size[0] for m in models.build(name, device="meta").modules() if isinstance(m, nn.Conv2d)]
        assert sides.count(1) == 3 * (name == "vgg16_c") and set(sides) <= {1, 3}
