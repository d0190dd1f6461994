"""What notebook 1, the contest and the basics, claims."""

import ast
import math
import re

import torch
import torch.nn.functional as F
from ledger import cifar, claims_of, says, text_of
from torch import nn

from cnn_course import anatomy, data, experiments, models, training
from cnn_course.widgets import sliding

claim = claims_of("01_ilsvrc")


def half(share, images):
    """Half of a 95% interval, in points."""
    return 196 * math.sqrt(share * (1 - share) / images)


def numbers(name):
    """A dict of published numbers, as the notebook's cell holds it."""
    return ast.literal_eval(re.search(rf"\b{name} = ({{.*?}})", text_of("01_ilsvrc"))[1])


def same(a, b):
    return torch.allclose(a, b, atol=1e-4)


# ------------------------------------------------------------------------------- the contest
@claim("The person's number is good to about one point.", "computed")
def _():
    assert 0.9 < half(0.051, 1_500) < 1.2


@claim("The winner's error falls every year, and from 2015 on it is below one person's band", "computed")
def _():
    error = numbers("winners")
    assert list(error.values()) == sorted(error.values(), reverse=True) and list(error) == list(map(str, range(2010, 2018)))
    assert [year for year, e in error.items() if e < 5.1 - half(0.051, 1_500)] == ["2015", "2016", "2017"]


@claim("Only ResNet's interval leaves zero out.", "computed")
def _():
    below = {error: math.hypot(half(0.051, 1_500), half(error / 100, 100_000)) for error in (4.94, 4.82, 3.57)}
    assert [5.1 - error > margin for error, margin in below.items()] == [False, False, True]


@claim("3.4 points, 2.2 of them by crops alone.", "computed")
def _():
    error = numbers("parts")
    one = error["one network, one crop"]
    assert f"{one - error['seven networks, 144 crops']:.1f}" == "3.4" and f"{one - error['one network, 144 crops']:.1f}" == "2.2"


# ------------------------------------------------------------------------------- convolution
@claim("*Edge* adds up to 0, so it answers 0 on a flat wall; *blur* and *sharpen* add up to 1.", "computed")
def _():
    total = {kind: sliding.make_kernel(kind, 3).sum().item() for kind in ("edge", "blur", "sharpen")}
    assert all(math.isclose(total[kind], wanted, abs_tol=1e-6) for kind, wanted in (("edge", 0), ("blur", 1), ("sharpen", 1)))
    assert F.conv2d(torch.full((1, 1, 9, 9), 0.7), sliding.make_kernel("edge", 3)[None, None]).abs().max() < 1e-6


@claim("The output has 14 pixels a side; 7 with stride 2, 5 with stride 3, and 16, like the image, with padding 1.", "computed")
def _():
    settings = ({}, {"stride": 2}, {"stride": 3}, {"padding": 1})
    assert [nn.Conv2d(1, 1, 3, **given)(torch.zeros(1, 1, 16, 16)).shape[-1] for given in settings] == [14, 7, 5, 16]


@claim("A filter spans all input channels and adds them up: 3x5x5 weights and one constant", "computed")
def _():
    layer, image = nn.Conv2d(3, 6, 5), torch.rand(1, 3, 32, 32)
    alone = [F.conv2d(image[:, c : c + 1], layer.weight[:, c : c + 1]) for c in range(3)]
    assert layer.weight[0].shape == (3, 5, 5) and same(layer(image), sum(alone) + layer.bias[:, None, None])
    assert anatomy.parameters(layer) == 456


@claim("The kernel is not flipped: what networks call convolution is **cross-correlation**", "computed")
def _():
    window, kernel = torch.rand(2, 1, 1, 5, 5)
    output = F.conv2d(window, kernel).item()
    assert math.isclose(output, (window * kernel).sum().item(), rel_tol=1e-5)
    assert not math.isclose(output, (window * kernel.flip(2, 3)).sum().item(), rel_tol=1e-5)


def moved_along(pixels, **settings):
    """For each column of the maps, whether all of it is found one place further when the picture moves by so many pixels."""
    wide, layer = torch.rand(1, 3, 40, 40), nn.Conv2d(3, 6, 5, **settings)
    here, moved = layer(wide[..., :32]), layer(wide[..., pixels : pixels + 32])
    return torch.isclose(here[..., 1:], moved[..., :-1], atol=1e-5).flatten(0, 2).all(dim=0)


@claim("Only stride 1 without padding.", "computed")
def _():
    assert moved_along(1).all() and not moved_along(1, stride=2).any() and not moved_along(1, padding=2).all()


@claim("With stride 2 a shift of one pixel falls between two outputs", "computed")
def _():
    assert not moved_along(1, stride=2).any() and moved_along(2, stride=2).all()


@claim("with padding, four columns near the border meet a zero in place of a pixel, or the reverse", "computed")
def _():
    assert (~moved_along(1, padding=2)).sum() == 4


@claim("Lecture notes often have $(N-F)/S + 1$, the case $P = 0$, $D = 1$.", "computed")
def _():
    for n, f, s in ((32, 5, 1), (8, 3, 2), (11, 3, 4), (227, 11, 4)):
        assert nn.Conv2d(1, 1, f, s, device="meta")(torch.empty(1, 1, n, n, device="meta")).shape[-1] == (n - f) // s + 1


@claim("Without padding one window sees a corner pixel, nine see the middle", "computed")
def _():
    image = torch.zeros(1, 1, 7, 7, requires_grad=True)
    F.conv2d(image, torch.ones(1, 1, 3, 3)).sum().backward()
    assert image.grad[0, 0, 0, 0] == 1 and image.grad[0, 0, 3, 3] == 9


@claim("Partly: a corner pixel has four windows.", "computed")
def _():
    image = torch.zeros(1, 1, 7, 7, requires_grad=True)
    F.conv2d(image, torch.ones(1, 1, 3, 3), padding=1).sum().backward()
    assert image.grad[0, 0, 0, 0] == 4


@claim("Without padding fifteen 3x3 layers leave 2 of 32 pixels", "computed")
def _():
    maps = torch.zeros(1, 1, 32, 32)
    for _ in range(15):
        maps = F.conv2d(maps, torch.zeros(1, 1, 3, 3))
    assert maps.shape[-1] == 2


# ------------------------------------------------------------------------------- pooling
@claim("Averaging four independent values halves their noise. The maximum calms it less, and lifts it: "
       "the largest of the four is on average one deviation above zero.", "computed")  # fmt: skip
def _():
    noise = torch.randn(200_000, 4, generator=torch.Generator().manual_seed(1))
    mean, most = noise.mean(dim=1), noise.amax(dim=1)
    assert abs(mean.std() - 0.5) < 0.01 and 0.55 < most.std() < 0.95 and abs(most.mean() - 1.03) < 0.02


@claim("In a picture neighbours are not independent", "computed")
def _():
    grey = data.photograph(50).float().mean(dim=0)
    assert torch.corrcoef(torch.stack([grey[:, 1:].flatten(), grey[:, :-1].flatten()]))[0, 1] > 0.8


@claim("Only the dense one, which has a weight for every value of the map. A convolution has the same parameters whatever it "
       "slides over; pooling saves it work.", "computed")  # fmt: skip
def _():
    conv = {side: anatomy.cost(nn.Conv2d(6, 16, 5), (6, side, side)) for side in (28, 14)}
    assert conv[28].parameters == conv[14].parameters and conv[28].macs > conv[14].macs
    assert nn.Linear(6 * 28 * 28, 120).weight.numel() == 4 * nn.Linear(6 * 14 * 14, 120).weight.numel()


# ------------------------------------------------------------------------------- LeNet-5
@claim("Without it two dense layers in a row would be one, for a weighted sum of weighted sums is a weighted sum.", "computed")
def _():
    first, second, x = nn.Linear(20, 30), nn.Linear(30, 10), torch.randn(5, 20)
    weight, bias = second.weight @ first.weight, second.weight @ first.bias + second.bias
    assert same(second(first(x)), F.linear(x, weight, bias)) and not same(second(F.relu(first(x))), F.linear(x, weight, bias))


@claim("A dense layer is a convolution whose filter covers the whole map.", "computed")
def _():
    dense, conv, maps = nn.Linear(400, 120), nn.Conv2d(16, 120, 5), torch.rand(2, 16, 5, 5)
    conv.weight.data, conv.bias.data = dense.weight.data.view(120, 16, 5, 5), dense.bias.data
    assert same(dense(maps.flatten(1)), conv(maps).flatten(1))


@claim("A value of the last maps depends on 16x16 pixels, its **receptive field**", "computed")
def _():
    features = models.build("lenet5").features
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            layer.weight.data.fill_(1.0)
    features = nn.Sequential(*(nn.AvgPool2d(2) if isinstance(layer, nn.MaxPool2d) else layer for layer in features))
    image = torch.ones(1, 3, 32, 32, requires_grad=True)
    features(image)[0, 0, 2, 2].backward()
    rows, columns = image.grad[0, 0].nonzero().T
    assert rows.unique().numel() == columns.unique().numel() == 16


@claim("The two convolutions hold 4.6% of LeNet-5's parameters.", "computed")
def _():
    net = models.build("lenet5", device="meta")
    assert f"{anatomy.parameters(net.features) / anatomy.parameters(net):.1%}" == "4.6%"


@claim("LeNet-5: the parameters sit in the first dense layer, the work is done by the convolutions", "computed")
def _():
    trace = anatomy.trace(models.build("lenet5", device="meta"))
    assert trace.parameters["classifier.1"] > 0.75 * trace.parameters.sum()
    assert trace.macs[trace.kind == "Conv2d"].sum() > 0.9 * trace.macs.sum()
    assert anatomy.parameters(models.build("lenet5", device="meta")) == 62_006


@claim("C5 is called a convolution: its 5x5 filters cover the whole 5x5 map, so it is today's dense layer, "
       "with the same 48,120 parameters.", "computed")  # fmt: skip
def _():
    net = models.build("lenet5_1998", device="meta")
    assert isinstance(net.c5, nn.Conv2d) and net.c5.kernel_size == (5, 5)
    assert anatomy.trace(net).output["c5"] == "120x1x1"
    assert anatomy.parameters(net.c5) == anatomy.parameters(nn.Linear(400, 120)) == 48_120


@claim("15 of the 16 filters of C3 see only some of the maps below", "computed")
def _():
    sees = models.lenet.PartialConvolution.SEES
    assert len(sees) == 16 and sum(len(set(maps)) < 6 for maps in sees) == 15


@claim("60 connections of 25 weights and 16 biases make 1,516 parameters, not 2,416.", "computed")
def _():
    assert sum(map(len, models.lenet.PartialConvolution.SEES)) == 60 and 60 * 25 + 16 == 1_516
    assert anatomy.parameters(models.build("lenet5_1998", device="meta").c3) == 1_516
    assert anatomy.parameters(nn.Conv2d(6, 16, 5)) == 2_416


# ------------------------------------------------------------------------------- learning
@claim("for the logit of a wrong class it is $p_k$, for that of the true class $p_k - 1$", "computed")
def _():
    logits = torch.randn(1, 10, requires_grad=True)
    F.cross_entropy(logits, torch.tensor([3])).backward()
    assert same(logits.grad, logits.softmax(dim=1) - F.one_hot(torch.tensor([3]), 10))


@claim("and no answer gets a loss below 0.50", "computed")
def _():
    smoothed, true = training.Recipe().label_smoothing, torch.tensor([0])
    losses = [F.cross_entropy(torch.tensor([[z] + [0.0] * 9]), true, label_smoothing=smoothed) for z in torch.arange(0, 20, 0.01)]
    assert f"{min(losses):.2f}" == "0.50"


@claim("more than 400 recorded runs are tested on its one test set, after every epoch", "computed")
def _():
    runs = [run for name in experiments.names() for group in experiments.recorded(name).runs.values() for run in group]
    on_test = [run for run in runs if run.split == "test"]
    assert len(on_test) > 400 and all("test_accuracy" in row for run in on_test for row in run.rows)
    return f"{len(on_test)} runs"


# ------------------------------------------------------------------------------- the lesson
SUCCESSORS = [name for name in models.COURSE if name != "lenet5"]


def ahead(name):
    return experiments.recorded("lesson").difference(name, "lenet5")


@claim("They are small versions for images of 32x32 pixels, about four times LeNet-5's size", "computed")
def _():
    size = {name: anatomy.parameters(models.build(name, device="meta")) for name in models.COURSE}
    assert all(3.5 < size[name] / size["lenet5"] < 5 for name in SUCCESSORS)


@claim("NIN, GoogLeNet, ResNet-20 and DenseNet are 5.7 to 12.4 points ahead, AlexNet 3.9 (95% interval 0.9 to 7.0).",
       "record lesson")  # fmt: skip
def _():
    found = [ahead(name) for name in ("nin_cifar", "googlenet_cifar", "resnet20", "densenet_cifar", "alexnet_cifar")]
    assert [f"{difference.points:+.1f}" for difference in found] == ["+10.9", "+12.4", "+5.7", "+8.5", "+3.9"]
    assert all(difference.decided for difference in found)
    assert [f"{end:.1f}" for end in found[-1].interval] == ["0.9", "7.0"]
    return found


@claim("Images that two networks both get right, or both miss, tell nothing of their difference", "computed")
def _():
    one, other = torch.rand(2, 1_000, generator=torch.Generator().manual_seed(0)) < 0.6
    apart = one != other
    assert one.sum() - other.sum() == one[apart].sum() - other[apart].sum() and apart.sum() < 1_000


@claim("VGG may be ahead by up to 5.1 points, level, or up to 5.6 behind.", "record lesson")
def _():
    found = ahead("vgg_cifar")
    assert says(found, "-0.3") and not found.decided and [f"{end:.1f}" for end in found.of_seeds] == ["-5.6", "5.1"]
    return found


@claim("The table says what else differs from LeNet-5: all others have batch norm (notebook 5), 2.5 times the learning rate and "
       "28 to 62 times the multiply-adds; NIN (Network in Network, notebook 4) and GoogLeNet have dropout too (notebook 2).",
       "record lesson")  # fmt: skip
def _():
    table = experiments.sheet(experiments.recorded("lesson"))
    for name in models.COURSE:
        has = any(isinstance(module, nn.BatchNorm2d) for module in models.build(name, device="meta").modules())
        assert has == (name != "lenet5") == (table["normalization"][name] == "batch")
    rates = table["learning rate"]
    assert all(math.isclose(rates[name] / rates["lenet5"], 2.5) for name in SUCCESSORS)
    times = [table["multiply-adds"][name] / table["multiply-adds"]["lenet5"] for name in SUCCESSORS]
    assert (f"{min(times):.0f}", f"{max(times):.0f}") == ("28", "62")
    assert [name for name in models.COURSE if table["dropout"][name]] == ["nin_cifar", "googlenet_cifar"]


# ------------------------------------------------------------------------------- recorded in earnest
def alexnets():
    return experiments.recorded("comparison").runs["alexnet_cifar"]


@claim("Two AlexNets of this course, trained by the same recipe from other seeds, each have about 86% of the 10,000 test images "
       "right.", "record comparison")  # fmt: skip
def _():
    accuracy = [run.test_accuracy for run in alexnets()]
    assert all(0.855 < share < 0.865 for share in accuracy[:2]) and f"{sum(accuracy) / len(accuracy):.1%}" == "86.3%"


@claim("Paired, the error is three fifths of what two separate results suggest.", "record comparison")
def _():
    one, other = [run.right_images() for run in alexnets()[:2]]
    only_one, only_other = (one & ~other).sum() / 10_000, (~one & other).sum() / 10_000  # as McNemar's test counts them
    paired = math.sqrt((only_one + only_other - (only_one - only_other) ** 2) / 10_000)
    apart = math.sqrt(sum(right.mean() * (1 - right.mean()) for right in (one, other)) / 10_000)
    assert 0.55 < paired / apart < 0.65
    return f"{100 * paired:.2f} points paired, {100 * apart:.2f} apart"


@claim("In the end the recorded runs have 69.6% right. After one epoch they had 39.3%, about as much as the recorded lesson's "
       "38.7%", "record comparison")  # fmt: skip
def _():
    def mean(runs, epoch):
        return f"{sum(run.rows[epoch]['test_accuracy'] for run in runs) / len(runs):.1%}"

    runs, lesson = (experiments.recorded(name).runs["lenet5"] for name in ("comparison", "lesson"))
    assert (mean(runs, -1), mean(runs, 0), mean(lesson, -1)) == ("69.6%", "39.3%", "38.7%")


@claim("so that 10,000 images are 314 steps and 50,000 are 391", "computed")
def _():
    cpu, found = torch.device("cpu"), {name: experiments.find(name) for name in ("lesson", "comparison")}
    batch = {name: training.recipe.default_batch_size(cpu, e.epochs * e.train_images) for name, e in found.items()}
    assert batch == {"lesson": 32, "comparison": 128} and found["lesson"].train_images * found["lesson"].epochs == 10_000
    assert 2 * math.ceil(5_000 / 32) == 314 and math.ceil(50_000 / 128) == 391


@claim("the lesson's learning rate has fallen to zero by then, and the long run's is still rising", "computed")
def _():
    def rates(epochs, per_epoch):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.02)
        schedule = training.recipe.scheduler(optimizer, training.Recipe(), epochs * per_epoch)
        for _ in range(epochs * per_epoch - 1):
            yield optimizer.param_groups[0]["lr"]
            optimizer.step()
            schedule.step()
        yield optimizer.param_groups[0]["lr"]

    lesson, earnest = list(rates(2, 157)), list(rates(24, 391))
    assert lesson[-1] < 1e-4 and earnest[391] > earnest[390] and max(earnest) > 3 * earnest[391]


# ------------------------------------------------------------------------------- three numbers
@claim("The left column is the copied triple, to the last digit; the right column is `data.STD`.", "computed")
def _():
    images = cifar().train.images.float() / 255
    copied = images.flatten(2).std(dim=2).mean(dim=0)
    assert [f"{value:.4f}" for value in copied.tolist()] == ["0.2023", "0.1994", "0.2010"]
    right = images.movedim(1, 0).flatten(1).double().std(dim=1)
    assert [f"{value:.4f}" for value in right.tolist()] == [f"{value:.4f}" for value in data.STD]


@claim("Inputs divided by the left one come out 22 to 30% too large.", "computed")
def _():
    ratio = [f"{right / copied - 1:.0%}" for right, copied in zip(data.STD, (0.2023, 0.1994, 0.2010), strict=True)]
    assert min(ratio) == "22%" and max(ratio) == "30%"


# ------------------------------------------------------------------------------- exercises
