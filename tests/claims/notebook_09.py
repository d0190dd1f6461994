"""The claims of notebook 09."""

import inspect
from dataclasses import fields
from functools import lru_cache
from itertools import pairwise

import torch
import torch.nn.functional as F
from ledger import cifar, claims_of, says
from torch import nn

from cnn_course import anatomy, data, experiments, models, training
from cnn_course.training import optimizers, speedrun
from cnn_course.widgets import orthogonal

claim = claims_of("09_recipe")
FULL = "all of it"


def fastnet():
    torch.manual_seed(0)
    return models.build("fastnet", widths=(64, 128, 128))


@lru_cache
def operations(label, name="ablation"):
    """Of one run of a variant; they do not hang on what it reached."""
    experiment = experiments.find(name)
    variant = experiment.variants[label]
    return speedrun.operations(variant.build(), variant.recipe, experiment.train_images, experiment.epochs)


def against(label, other=FULL):
    return experiments.recorded("ablation").difference(label, other)


def over(label, network):
    """A variant of the ablation against a network of notebook 8, on the same test images."""
    ours, theirs = experiments.recorded("ablation").runs[label], experiments.recorded("comparison").runs[network]
    return experiments.difference(label, network, ours, theirs)


# ------------------------------------------------------------------------------- the network
@claim("six 3x3 convolutions in a row, without a skip connection, a branch or a 1x1", "computed")
def _():
    table = anatomy.trace(fastnet())
    kernels = table[table.kind == "Conv2d"].kernel.tolist()
    assert kernels == [2] + 6 * [3] and not set(table.kind) & {"add", "cat", "sum"}


@claim("here with half the maps in its wider blocks", "computed")
def _():
    published = inspect.signature(models.FastNet).parameters["widths"].default
    assert published == (64, 256, 256)
    assert [2 * block.conv2.out_channels for block in fastnet().blocks[2:]] == list(published[1:])


@claim("the first layer is 2x2, GELU (a smooth ReLU) stands in place of ReLU, batch norm learns a shift but no scale, and the "
       "pooling stands between a convolution and its batch norm.", "computed")  # fmt: skip
def _():
    net = fastnet()
    kinds = [type(layer).__name__ for layer in net.blocks.block1]
    assert net.first.kernel_size == (2, 2) and kinds[:4] == ["Conv2d", "MaxPool2d", "BatchNorm2d", "GELU"]
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(norm.bias.requires_grad and not norm.weight.requires_grad and (norm.weight == 1).all() for norm in norms)


@claim("That is a convolution with twelve filters; with their negatives, 24. `fit` computes them from 1,000 images before the "
       "first step, and trains only their biases.", "computed")  # fmt: skip
def _():
    net = fastnet()
    net.look_at(torch.randn(50, 3, 32, 32))
    assert torch.equal(net.first.weight[:12], -net.first.weight[12:]) and len(net.first.weight) == 24
    assert [p.requires_grad for p in (net.first.weight, net.first.bias)] == [False, True]
    assert training.fitting.LOOKED_AT == 1_000


@claim("It hands on what it gets, with 128 weights that are not 0.", "computed")
def _():
    last, x = fastnet().blocks.block3.conv2, torch.randn(1, 128, 8, 8)
    assert torch.allclose(last(x), x) and last.weight.count_nonzero() == 128


@claim("After two epochs a quarter of the images was never mirrored, and a quarter twice: half of all images were shown the same "
       "way twice.", "computed")  # fmt: skip
def _():
    ways = [(first, second) for first in (False, True) for second in (False, True)]
    assert [sum(sum(way) == times for way in ways) / 4 for times in (0, 2)] == [0.25, 0.25]


@claim("Random filters see little of a patch but its brightness.", "computed")
def _():
    patches = F.unfold(data.to_float(cifar().train.images[:1_000]), 2).transpose(1, 2).reshape(-1, 12)
    variances, axes = torch.linalg.eigh(patches.T @ patches / len(patches))
    first = axes[:, -1].abs()  # nearly the same weight for every number of the patch: brightness
    assert variances[-1] / variances.sum() > 0.8 and first.min() > 0.8 * first.max()
    return f"{variances[-1] / variances.sum():.1%} of the variance in one direction"


# ------------------------------------------------------------------------------- the step
@claim("This gradient goes far along few directions.", "computed")
def _():
    net, images = fastnet(), data.to_float(cifar().train.images[:100])
    net.look_at(images)
    F.cross_entropy(net(images), cifar().train.labels[:100]).backward()
    gradient = net.blocks.block2.conv2.weight.grad.flatten(1)
    values, level = torch.linalg.svdvals(gradient), torch.linalg.svdvals(training.orthogonalized(gradient, steps=5))
    squares, even = (each[:13].square().sum() / each.square().sum() for each in (values, level))
    assert squares > 0.5 > 0.2 > even
    return f"a tenth of the directions: {squares:.0%} of the squares, {even:.0%} made orthogonal"


@claim("Each step turns every singular value $s$ into $a s + b s^3 + c s^5$ and leaves the vectors alone.", "computed")
def _():
    left, right = (torch.linalg.qr(torch.randn(n, 6, dtype=torch.float64))[0] for n in (6, 9))
    values = torch.tensor([0.9, 0.3, 0.2, 0.1, 0.05, 0.01], dtype=torch.float64)
    values /= values.norm()
    found = left.T @ training.orthogonalized((left * values) @ right.T, steps=1) @ right
    assert torch.allclose(found, torch.diag(orthogonal.polynomial(values, 1)), atol=1e-6)


@claim("Then choose the cubic polynomial, which ends at 1 itself.", "computed")
def _():
    after = orthogonal.compute(12, "cubic: 1.5, -0.5", 10).after
    assert after.min() > 0.999 and orthogonal.polynomial(1.0, 1, orthogonal.POLYNOMIALS["cubic: 1.5, -0.5"]) == 1


@claim("Muon's polynomial is steep at zero, where the small values are, and pays for it by a wobble around 1.", "computed")
def _():
    slope, cubic = optimizers.NEWTON_SCHULZ[0], orthogonal.POLYNOMIALS["cubic: 1.5, -0.5"][0]
    many = orthogonal.compute(12, ratio=10).after
    assert slope > 2 * cubic and many.min() < 0.75 and many.max() > 1.1
    return f"slopes {slope} and {cubic}; from {many.min():.2f} to {many.max():.2f} after twelve steps"


# ------------------------------------------------------------------------------- what it costs, what it reaches
@claim("ResNet-20 saw all images 24 times in notebook 8. FastNet sees them four times, at first shrunk. One whole image costs "
       "ResNet-20 40.6 million multiply-adds and FastNet 54.2 million, of which shrinking leaves about two thirds.",
       "computed")  # fmt: skip
def _():
    epochs = [experiments.find(name).epochs for name in ("comparison", "ablation")]
    sizes = experiments.find("ablation").variants[FULL].recipe.sizes
    assert epochs == [24, 4] and sizes == speedrun.COURSE.sizes == ((0.36, 20), (0.65, 25))
    nets = models.build("resnet20", device="meta"), experiments.find("ablation").variants[FULL].build()
    assert [f"{anatomy.cost(net).macs / 1e6:.1f}" for net in nets] == ["40.6", "54.2"]
    assert 0.64 < (0.36 * 20**2 + 0.29 * 25**2 + 0.35 * 32**2) / 32**2 < 0.69


@claim("FastNet by its own recipe: ahead of DenseNet and NIN, for less than a third of their operations", "record ablation")
def _():
    found = [over(FULL, name) for name in ("densenet_cifar", "nin_cifar")]
    assert [says(*pair) for pair in zip(found, ("+1.0", "+0.8"), strict=True)] == [True, True]
    assert all(each.decided for each in found)
    assert all(operations(FULL) < operations(name, "comparison") / 3 for name in ("densenet_cifar", "nin_cifar"))
    return found


@claim("By the recipe of notebook 8, in four epochs, FastNet is behind all six. By its own it is ahead of DenseNet and NIN, "
       "level with VGG or a little ahead, and behind GoogLeNet and ResNet-20.", "record ablation")  # fmt: skip
def _():
    six = [name for name in models.COURSE if name != "lenet5"]
    behind, vgg, resnet = [over("none of it", name) for name in six], over(FULL, "vgg_cifar"), over(FULL, "resnet20")
    assert all(each.decided and each.points < 0 for each in behind)
    google, ahead = over(FULL, "googlenet_cifar"), [over(FULL, name) for name in ("densenet_cifar", "nin_cifar", "alexnet_cifar")]
    assert says(vgg, "+0.4") and not vgg.decided and says(resnet, "-1.0") and resnet.decided
    assert says(google, "-0.7") and google.decided and all(each.decided and each.points > 0 for each in ahead)
    return [vgg, resnet, google, *behind, *ahead]


@claim("It has about twice their parameters", "computed")
def _():
    own, six = anatomy.parameters(fastnet()), [name for name in models.COURSE if name != "lenet5"]
    times = [own / anatomy.parameters(models.build(name, device="meta")) for name in six]
    assert 1.9 < min(times) and max(times) < 2.5
    return f"{min(times):.1f} to {max(times):.1f} times"


@claim("it is one and the same network twice, and its two recipes lie five points apart.", "record ablation")
def _():
    found = against("none of it")
    assert says(found, "-5.1") and found.decided
    return found


# ------------------------------------------------------------------------------- what each part is worth
HOLLOW = {"first layer learned": "-0.3", "random filters": "-0.1", "random flips": "-0.1", "no label smoothing": "-0.1",
          "biases 64 times slower": "-0.1", "no Nesterov": "+0.2", "and lookahead": "-0.3"}  # fmt: skip


@claim("Muon and whole images stand out; each of the other seven may be worth nothing", "record ablation")
def _():
    found = {label: against(label) for label in experiments.recorded("ablation").runs if label != FULL}
    assert all(says(found[label], points) and not found[label].decided for label, points in HOLLOW.items())
    assert says(found["SGD, not Muon"], "-1.1") and found["SGD, not Muon"].decided
    assert says(found["whole images"], "+0.9") and found["whole images"].decided
    assert found.keys() - HOLLOW.keys() == {"SGD, not Muon", "whole images", "constant rate", "none of it"}
    return list(found.values())


@claim("One more thing was left out, the fall of the rate: that costs most by far, 27.2 points", "record ablation")
def _():
    found = against("constant rate")
    assert says(found, "-27.2") and found.decided
    return found


@claim("No lower constant rate was tried.", "record ablation")
def _():
    variants = experiments.find("ablation").variants
    assert variants["constant rate"].recipe.lr == variants[FULL].recipe.lr
    assert "constant rate" not in experiments.recorded("ablation").sweeps


@claim("By construction the last steps of Muon are as long as the first, unless the rate falls.", "computed")
def _():
    large, small = (training.orthogonalized(scale * torch.randn(128, 1152), steps=3).norm() for scale in (1, 1e-3))
    assert 0.95 < large / small < 1.05
    return f"lengths {large:.2f} and {small:.2f}, of matrices a thousand times apart"


@claim(
    "Left out one at a time, the upper seven rows, Muon among them, lose 1.7 points, and the two recipes lie 5.1 apart.",
    "record ablation",
)
def _():
    left_out = [*(HOLLOW.keys() - {"and lookahead"}), "SGD, not Muon"]
    lost = -sum(against(label).points for label in left_out)
    assert len(left_out) == 7 and f"{lost:.1f}" == "1.7" and says(against("none of it"), "-5.1")
    return f"{lost:.2f} and {-against('none of it').points:.2f} points"


@claim("the recipe of notebook 8 has other batches, a rate that first rises and larger shifts. (Its whole images are a row, and "
       "bring points.)", "record ablation")  # fmt: skip
def _():
    variants = experiments.find("ablation").variants
    ours, theirs = variants[FULL].recipe, variants["none of it"].recipe
    assert theirs == training.Recipe() and (theirs.schedule, ours.schedule) == ("one-cycle", "down") and theirs.sizes == ()
    shifts = [inspect.signature(recipe.augment[0]).parameters["padding"].default for recipe in (ours, theirs)]
    assert shifts == [2, 4] and theirs.batch_size != ours.batch_size
    rows = [variant.recipe for label, variant in variants.items() if label not in ("none of it", "constant rate")]
    assert {(recipe.batch_size, recipe.schedule, recipe.augment[0]) for recipe in rows} == {
        (ours.batch_size, "down", ours.augment[0])
    }
    found = against("whole images")
    assert found.decided and found.points > 0
    return found


@claim("SGD in place of Muon, with a momentum and a weight decay of its own, no scaling of filters, and the best of five rates",
       "record ablation")  # fmt: skip
def _():
    variants = experiments.find("ablation").variants
    ours, theirs = variants[FULL].recipe, variants["SGD, not Muon"].recipe
    assert theirs.momentum != ours.momentum and theirs.optimizer.keywords["filter_decay"] > 0
    assert not theirs.optimizer.keywords["orthogonal"]  # and `Muon.step` scales orthogonal groups only
    tried = dict(experiments.recorded("ablation").sweeps["SGD, not Muon"])
    assert len(tried) == 5 and max(tried, key=tried.get) == 3
    return str(tried)


@claim("SGD does about equally well at rates of 1 and 3", "record ablation")
def _():
    record = experiments.recorded("ablation")
    assert all(pairs[0][0] < record.rate(label) < pairs[-1][0] for label, pairs in record.sweeps.items())
    shares = dict(map(tuple, record.sweeps["SGD, not Muon"]))
    assert len(record.sweeps) == 2 and 0 < 5_000 * (shares[3] - shares[1]) < 4  # images
    return f"{ {label: record.rate(label) for label in record.sweeps} }"


@claim("Whole images from the first step reach more in four epochs, and take 1.5 times the operations.", "record ablation")
def _():
    found, times = against("whole images"), operations("whole images") / operations(FULL)
    assert found.decided and found.points > 0 and f"{times:.1f}" == "1.5"
    return found


@claim("Shown whole images, the plain stack of this notebook has 90.4% after four epochs, and ResNet-20 had 90.5% after 24; "
       "the difference may be none, and is at most 0.6 points.", "record ablation")  # fmt: skip
def _():
    found, whole = over("whole images", "resnet20"), experiments.recorded("ablation").table()["test accuracy"]["whole images"]
    assert f"{100 * whole:.1f}" == "90.4" and not found.decided and f"{found.missed:.1f}" == "0.6"
    assert f"{100 * experiments.recorded('comparison').table()['test accuracy']['resnet20']:.1f}" == "90.5"
    return found


@claim("With whole images the plain stack comes as far as ResNet-20 did in notebook 8, or nearly, for less than a quarter of the "
       "operations; it has twice the parameters, so that is not the recipe alone.", "record ablation")  # fmt: skip
def _():
    found, share = (over("whole images", "resnet20"), operations("whole images") / operations("resnet20", "comparison"))
    assert not found.decided and share < 0.25
    ours, theirs = experiments.find("ablation").variants["whole images"].build(), models.build("resnet20")
    assert 1.95 < anatomy.parameters(ours) / anatomy.parameters(theirs) < 2.2
    return f"{found}; {share:.0%} of the operations"


@claim(
    "each of the other seven, lookahead among them, may be worth nothing at this length, and is worth at most 0.8 points.",
    "record ablation",
)
def _():
    found = [against(label) for label in HOLLOW]
    most = max(each.missed for each in found)
    assert f"{most:.1f}" == "0.8" and not any(each.decided for each in found)
    return f"at most {most:.2f} points"


@claim("The operations differ by about 1%. The two may be equal, and lie at most 0.7 points apart.", "record fewer_epochs")
def _():
    four, three = experiments.recorded("ablation"), experiments.recorded("fewer_epochs")
    found = experiments.difference(FULL, "three epochs", four.runs[FULL], three.runs["three epochs"])
    times = operations("three epochs", "fewer_epochs") / operations(FULL)
    assert says(found, "+0.3") and not found.decided and f"{found.missed:.1f}" == "0.7"
    assert 0.005 < abs(times - 1) < 0.015
    return [found, f"{times:.3f} times the operations"]


# ------------------------------------------------------------------------------- one step upon another
STEPS = ("first layer computed", "filters that copy", "its shifts and flips", "its label smoothing",
         "its batches, schedule, biases", "Muon", "small images first")  # fmt: skip
IN_ABLATION = {"none of it": "none of it", "Muon": "whole images", "small images first": FULL}


def rung(step):
    """The runs with this step and all those before it."""
    if step in IN_ABLATION:
        return experiments.recorded("ablation").runs[IN_ABLATION[step]]
    return experiments.recorded("step_by_step").runs[step]


def brought(step):
    """What a step brings on top of those before it."""
    below = ("none of it", *STEPS)[STEPS.index(step)]
    return experiments.difference(step, below, rung(step), rung(below))


@claim("in seven steps, each on top of those before it", "computed")
def _():
    """The declarations: from one rung to the next nothing changes but what the step names."""
    found = experiments.find("ablation").variants
    rungs = [found["none of it"], *experiments.find("step_by_step").variants.values(), found["whole images"], found[FULL]]
    changes = []
    for below, above in pairwise(rungs):
        net = {name for name, _ in above.settings.items() ^ below.settings.items()}
        recipe = {
            field.name for field in fields(above.recipe) if getattr(above.recipe, field.name) != getattr(below.recipe, field.name)
        }
        changes.append((above.network, net | recipe))
    assert changes == [
        ("fastnet", {"dirac"}),  # the network of the first rung is fastnet_plain: neither whitened nor dirac
        ("fastnet", {"dirac"}),
        ("fastnet", {"augment"}),
        ("fastnet", {"label_smoothing"}),
        ("fastnet", {"batch_size", "weight_decay", "schedule", "optimizer", "micro_batch"}),
        ("fastnet", {"lr", "momentum", "optimizer"}),
        ("fastnet", {"sizes"}),
    ]


@claim("The first five are trained by SGD, each with the best of four rates", "record step_by_step")
def _():
    record = experiments.recorded("step_by_step")
    assert list(record.runs) == list(STEPS[:5]) and all(len(tried) == 4 for tried in record.sweeps.values())
    assert all(dict(tried)[record.rate(label)] == max(dict(tried).values()) for label, tried in record.sweeps.items())
    assert len(record.sweeps) == 5
    return str({label: record.rate(label) for label in record.sweeps})


@claim("among them shifts shrink from four pixels to two, and label smoothing doubles to 0.2.", "computed")
def _():
    rungs = experiments.find("step_by_step").variants
    before, after = rungs["filters that copy"].recipe, rungs["its label smoothing"].recipe
    shifts = [inspect.signature(recipe.augment[0]).parameters["padding"].default for recipe in (before, after)]
    assert shifts == [4, 2] and (before.label_smoothing, after.label_smoothing) == (0.1, 0.2)


@claim("Upon one another, three steps bring points and the last gives some back", "record step_by_step")
def _():
    found = {step: brought(step) for step in STEPS}
    points = dict(zip(STEPS, ("+1.9", "+0.2", "+1.0", "-0.2", "+0.2", "+2.9", "-0.9"), strict=True))
    assert all(says(found[step], points[step]) for step in STEPS)
    assert [step for step in STEPS if found[step].decided] == [STEPS[0], STEPS[2], STEPS[5], STEPS[6]]
    return list(found.values())


@claim("As the first step, the first layer brings 1.9 points; beside all the rest it may bring none.", "record step_by_step")
def _():
    first, beside = brought("first layer computed"), against("first layer learned")
    assert says(first, "+1.9") and first.decided and says(beside, "-0.3") and not beside.decided
    return [first, beside]


@claim(
    "Muon brings 2.9 on whole images, over SGD at a rate of 1; on small ones leaving it out cost 1.1, with SGD at a rate of 3.",
    "record step_by_step",
)
def _():
    on_whole, on_small = brought("Muon"), against("SGD, not Muon")
    assert says(on_whole, "+2.9") and on_whole.decided and says(on_small, "-1.1") and on_small.decided
    whole = experiments.recorded("step_by_step").rate("its batches, schedule, biases")
    assert (whole, experiments.recorded("ablation").rate("SGD, not Muon")) == (1, 3)
    return [on_whole, on_small]


@claim("Small images give back 0.9 points, for a third fewer operations.", "record ablation")
def _():
    found, times = brought("small images first"), operations(FULL) / operations("whole images")
    assert says(found, "-0.9") and found.decided and 0.64 < times < 0.69
    return f"{found}; {times:.2f} times the operations"


@claim("The seven steps add up to the 5.1 points between the two recipes", "record step_by_step")
def _():
    total, found = sum(brought(step).points for step in STEPS), against("none of it")
    assert f"{total:.1f}" == "5.1" and says(found, "-5.1")
    return found


@claim("SGD's rates are a factor of three apart and were chosen by one seed", "record step_by_step")
def _():
    for tried in experiments.recorded("step_by_step").sweeps.values():
        assert all(2.9 < above / below < 3.4 for below, above in pairwise(sorted(rate for rate, _ in tried)))


@claim("The computed first layer may be worth nothing beside the others, and is worth 1.9 points as the first of seven steps.",
       "record step_by_step")  # fmt: skip
def _():
    found = [brought("first layer computed"), against("first layer learned")]
    assert says(found[0], "+1.9") and not found[1].decided
    return found


@claim("as the first of seven steps the computed first layer brings 1.9.", "record step_by_step")
def _():
    found = brought("first layer computed")
    assert says(found, "+1.9") and found.decided
    return found


# ------------------------------------------------------------------------------- a lesson
def in_a_lesson(label, network):
    """A variant of `fast_lesson` against the lesson of a network by the recipe of notebook 8."""
    ours, theirs = experiments.recorded("fast_lesson").runs[label], experiments.recorded("lesson").runs[network]
    return experiments.difference(label, network, ours, theirs)


@claim("In a lesson the recipe brings FastNet 22 points; ResNet-20 needs rates of its own", "record fast_lesson")
def _():
    record = experiments.recorded("fast_lesson")
    found = record.difference("FastNet", "FastNet, recipe of notebook 8")
    fits = record.difference("ResNet-20, rates of its own", "ResNet-20, recipe of FastNet")
    assert says(found, "+22.1") and found.decided and says(fits, "+47.1") and fits.decided
    return [found, fits]


@claim("By this recipe, with rates of its own and whole images, ResNet-20 ends 13 points behind FastNet, which has twice its "
       "parameters.",
       "record fast_lesson")  # fmt: skip
def _():
    found = experiments.recorded("fast_lesson").difference("FastNet", "ResNet-20, rates of its own")
    ours, theirs = (experiments.find("fast_lesson").variants[label].build() for label in (found.a, found.b))
    assert says(found, "+13.1") and found.decided
    assert 1.95 < anatomy.parameters(ours) / anatomy.parameters(theirs) < 2.2
    return found


@claim("ResNet-20 by FastNet's rates does no better than guessing: it needs much lower ones", "record fast_lesson")
def _():
    runs = experiments.recorded("fast_lesson").runs["ResNet-20, recipe of FastNet"]
    low, high = experiments.mean_interval([100 * run.test_accuracy for run in runs], 1_000)
    assert low < 10 < high < 15
    return f"{low:.1f} to {high:.1f}%"


@claim("it needs much lower ones for its biases, the scales of batch norm and its dense layer.", "computed")
def _():
    own = experiments.find("fast_lesson").variants["ResNet-20, rates of its own"].recipe.optimizer.keywords
    assert [round(optimizers.BIAS_LR / own["bias_lr"]), round(optimizers.HEAD_LR / own["head_lr"])] == [53, 670]


@claim(
    "it has 57.9%, where the recipe of notebook 8 brought 44.4%: 13.5 points more (95% interval 10.1 to 16.9).",
    "record fast_lesson",
)
def _():
    found = in_a_lesson("ResNet-20, rates of its own", "resnet20")
    means = [experiments.recorded(name).table()["test accuracy"] for name in ("fast_lesson", "lesson")]
    assert [f"{100 * mean:.1f}" for mean in (means[0][found.a], means[1][found.b])] == ["57.9", "44.4"] and found.decided
    assert says(found, "+13.5") and [f"{end:.1f}" for end in found.interval] == ["10.1", "16.9"]
    return found


@claim("Whole images cost more and reach more; at equal operations the two may be equal", "record ablation")
def _():
    found, times = against("whole images"), operations("whole images") / operations(FULL)
    three = experiments.recorded("fewer_epochs").runs["three epochs"]
    assert says(found, "+0.9") and found.decided and times > 1.4
    assert not experiments.difference(FULL, "three", experiments.recorded("ablation").runs[FULL], three).decided
    return found


# ------------------------------------------------------------------------------- at full width
def full_width(name):
    return experiments.recorded(name).runs["FastNet"]


def over_resnet(name):
    """FastNet by this recipe against the ResNet-20 of notebook 8, one view of each test image."""
    theirs = experiments.recorded("comparison").runs["resnet20"]
    return experiments.difference(name, "resnet20", full_width(name), theirs)


@claim("With 256 maps in its wider blocks FastNet is the network of the published record", "computed")
def _():
    assert [block.conv2.out_channels for block in models.build("fastnet", device="meta").blocks[1:]] == [64, 256, 256]


@claim("takes eight epochs of whole images, 2,000 a step", "computed")
def _():
    recipe = experiments.find("published").variants["FastNet"].recipe
    assert (experiments.find("published").epochs, recipe.batch_size, recipe.sizes) == (8, 2_000, ())


@claim("The course's takes nine epochs of images that grow, 1,000 a step", "computed")
def _():
    recipe = experiments.find("speedrun").variants["FastNet"].recipe
    assert (experiments.find("speedrun").epochs, recipe.batch_size) == (9, 1_000) and recipe.sizes


@claim("FastNet at full width: two to three points above ResNet-20 by one view, for fewer operations", "record speedrun")
def _():
    found = over_resnet("speedrun")
    assert says(found, "+2.5") and found.decided
    assert operations("FastNet", "speedrun") < 0.8 * operations("resnet20", "comparison")
    return found


@claim("By one view the two recipes bring FastNet 2.5 and 2.6 points above the ResNet-20 of notebook 8", "record published")
def _():
    found = [over_resnet("speedrun"), over_resnet("published")]
    assert all(map(says, found, ("+2.5", "+2.6"))) and all(each.decided for each in found)
    return found


@claim("it has seven times the parameters.", "computed")
def _():
    times = [anatomy.parameters(models.build(name, device="meta")) for name in ("fastnet", "resnet20")]
    assert 6.5 < times[0] / times[1] < 7.5


@claim("By six views both recipes have 93.8%, and the published one takes 30% more operations.", "record published")
def _():
    runs = [full_width(name) for name in ("speedrun", "published")]
    means = [sum(run.six_views for run in group) / len(group) for group in runs]
    assert [f"{100 * mean:.1f}" for mean in means] == ["93.8", "93.8"]
    times = operations("FastNet", "published") / operations("FastNet", "speedrun")
    assert f"{times:.1f}" == "1.3"
    return f"{means[0]:.2%} and {means[1]:.2%}; {times:.3f} times the operations"


@claim("By one view the two may be level, and lie at most 0.6 points apart.", "record published")
def _():
    found = experiments.difference("published", "course", full_width("published"), full_width("speedrun"))
    assert says(found, "+0.1") and not found.decided and f"{found.missed:.1f}" == "0.6"
    return found


@claim("**94.0% for 0.22 PFLOPs was the aim of the course's recipe, and it is missed by 0.2 points.** With other seeds the mean "
       "may lie between 93.7 and 93.8%.", "record speedrun")  # fmt: skip
def _():
    six, cost = [100 * run.six_views for run in full_width("speedrun")], operations("FastNet", "speedrun") / 1e15
    low, high = experiments.mean_interval(six)
    assert f"{94 - sum(six) / len(six):.1f}" == "0.2" and (f"{low:.1f}", f"{high:.1f}") == ("93.7", "93.8") and cost <= 0.22
    return f"{low:.2f} to {high:.2f}% for {cost:.3f} PFLOPs"


@claim("in which batch norm sees all 2,000 images of a step; here it sees 250.", "computed")
def _():
    assert {speedrun.PUBLISHED.micro_batch, speedrun.COURSE.micro_batch} == {250} and speedrun.PUBLISHED.batch_size == 2_000


# ------------------------------------------------------------------------------- ResNet-20 in half the epochs
def thirty_against(name):
    """Thirty epochs by Muon against the ResNet-20 of an experiment of notebook 8."""
    ours, theirs = experiments.recorded("quarter_hour").runs["ResNet-20"], experiments.recorded(name).runs["resnet20"]
    return experiments.difference("30 by Muon", name, ours, theirs)


@claim("Sixty epochs of notebook 8's recipe bring it to 91.9%", "record half_hour")
def _():
    assert f"{100 * experiments.recorded('half_hour').table()['test accuracy']['resnet20']:.1f}" == "91.9"
    assert experiments.find("half_hour").epochs == 60


@claim("Now it gets thirty, and from this notebook Muon, a rate that falls in a straight line, and flips that alternate; steps "
       "of 125 images", "computed")  # fmt: skip
def _():
    recipe = experiments.find("quarter_hour").variants["ResNet-20"].recipe
    assert (experiments.find("quarter_hour").epochs, recipe.batch_size, recipe.schedule) == (30, 125, "down")
    assert "muon" in str(recipe) and "alternating_flip" in str(recipe)


@claim("Thirty epochs by Muon bring 91.7%. That is 1.1 points above 24 epochs of notebook 8's recipe (95% interval 0.6 to 1.7), "
       "for a quarter more operations.", "record quarter_hour")  # fmt: skip
def _():
    found, runs = thirty_against("comparison"), experiments.recorded("quarter_hour").runs["ResNet-20"]
    assert f"{100 * sum(run.accuracy for run in runs) / len(runs):.1f}" == "91.7" and len(runs) == 3
    assert says(found, "+1.1") and found.decided and [f"{end:.1f}" for end in found.interval] == ["0.6", "1.7"]
    assert 1.2 < operations("ResNet-20", "quarter_hour") / operations("resnet20", "comparison") < 1.3
    return found


@claim("Against its 60 epochs, which take twice as many, the difference may be none, and is at most 1.1 points.",
       "record quarter_hour")  # fmt: skip
def _():
    found = thirty_against("half_hour")
    assert not found.decided and f"{found.missed:.1f}" == "1.1"
    assert 1.95 < operations("resnet20", "half_hour") / operations("ResNet-20", "quarter_hour") < 2.05
    return found


@claim("Thirty epochs by Muon end near sixty of notebook 8's recipe", "record quarter_hour")
def _():
    found = thirty_against("half_hour")
    assert abs(found.points) < 0.5
    return found


@claim("**92.0% in half the epochs was the aim, and it is missed by 0.3 points.** With other seeds the mean may lie between 91.2 "
       "and 92.2%, which holds the aim.", "record quarter_hour")  # fmt: skip
def _():
    percent = [100 * run.accuracy for run in experiments.recorded("quarter_hour").runs["ResNet-20"]]
    low, high = experiments.mean_interval(percent)
    assert f"{92 - sum(percent) / 3:.2f}" == "0.35" and (f"{low:.1f}", f"{high:.1f}") == ("91.2", "92.2") and low < 92 < high


@claim(
    "the other runs began from another initialization, and two of the three with 60 epochs were made on a GPU.",
    "record half_hour",
)
def _():
    runs = [experiments.recorded(name).runs for name in ("quarter_hour", "half_hour", "comparison")]
    begun = [{run.initialization for run in group} for group in (runs[0]["ResNet-20"], runs[1]["resnet20"], runs[2]["resnet20"])]
    assert begun == [{"fan_in"}, {"fan_out"}, {"fan_out"}]
    assert sorted(run.device for run in runs[1]["resnet20"]) == ["cpu", "cuda", "cuda"]
