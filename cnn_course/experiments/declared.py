"""The experiments: one question each, what is varied, everything else fixed, several seeds."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from torch import nn

from cnn_course import models, training
from cnn_course.data import augment
from cnn_course.experiments import variants
from cnn_course.training import optimizers, speedrun
from cnn_course.training.recipe import in_words
from cnn_course.values import suggestion


@dataclass(frozen=True, repr=False)
class Variant:
    """One answer that is tried: a network of the course with other settings, and the recipe that trains it.

    make: what builds it in place of `models.build(network)`: one of `variants`, whose nearest relative `network` then names.
    """

    network: str
    settings: dict = field(default_factory=dict)
    recipe: training.Recipe = training.Recipe()
    make: Callable[..., models.Network] | None = None

    @property
    def build(self) -> Callable[[], models.Network]:
        """Makes the network, with new weights."""
        return partial(self.make or partial(models.build, self.network), **self.settings)

    def at(self, lr: float | None) -> "Variant":
        """The same with this learning rate; None leaves it the recipe's."""
        return self if lr is None else replace(self, recipe=replace(self.recipe, lr=lr))

    @property
    def varied(self) -> dict:
        """The settings as JSON keeps them: classes and functions by their names, tuples as lists."""
        return json.loads(json.dumps(self.settings, default=in_words))

    def __str__(self):
        return f"{in_words(self.build)}, {self.recipe}"

    __repr__ = __str__


@dataclass(frozen=True, repr=False)
class Experiment:
    """One question put to training runs: the variants by their labels, everything else the same for all.

    keep: label -> the seeds whose weights are kept, for `models.build(label, pretrained=True)`. rates: learning rates, each
    a factor of two or three above the last, of which every variant whose recipe leaves it open gets the best before its runs
    begin (see `run`); none: the recipes' own. views: of each test image, whose mean counts beside the single view that every run
    reports: 1 or 6.
    """

    name: str
    question: str
    variants: dict[str, Variant]
    epochs: int = 4
    train_images: int = 50_000
    test_images: int = 10_000
    seeds: tuple[int, ...] = (0, 1, 2)
    keep: dict[str, tuple[int, ...]] = field(default_factory=dict)
    rates: tuple[float, ...] = ()
    views: int = 1

    def __repr__(self):
        each = f"{self.epochs} epochs of {self.train_images:,} images, {len(self.seeds)} seeds"
        return f"{self.name}: {self.question} {len(self.variants)} variants, {each}; see its .variants"

    def settings(self, label: str, lr: float | None = None) -> str:
        """All that decides how a variant is trained, but for the seed; equal settings, equal runs. lr: the rate it was given."""
        return f"{self.variants[label].at(lr)}; {self.epochs} epochs, {self.train_images} images, {self.test_images} tested"


def _net(name, recipe=None, **settings):
    return Variant(name, settings, recipe or training.Recipe())


def _images(*transforms):
    return training.Recipe(augment=transforms)


def _fast(settings=None, **changes):
    """The speedrun of the course, with half as many maps; changes: what is otherwise in its recipe."""
    return _net("fastnet", replace(speedrun.COURSE, **changes), **FAST, **(settings or {}))


def _plainly(recipe=None, **settings):
    """The same network; its recipe is that of notebook 8 unless another is given."""
    return _net("fastnet", recipe, **FAST, **settings)


def _figure1(activation, **settings):
    """Section 3.1 of the AlexNet paper: no regularization; the rate does not change, so that epochs can be compared."""
    recipe = training.Recipe(augment=(), weight_decay=0.0, label_smoothing=0.0, schedule="constant")
    return Variant("alexnet_cifar", {"activation": activation, **settings}, recipe, variants.FigureOne)


# Section 5 of the AlexNet paper; the batch of 128 is what `fit` picks for so many images.
RECIPE_2012 = training.Recipe(nesterov=False, label_smoothing=0.0, schedule="steps")
COURSE = {name: _net(name) for name in models.COURSE}
FAST = {"widths": (64, 128, 128)}  # half of FastNet's maps: a run is cheap enough for many variants
SGD = {"lr": None, "momentum": 0.9, "optimizer": partial(training.muon, orthogonal=False, filter_decay=5e-4)}  # in Muon's place
ALEXNET, RESNET, DENSENET = COURSE["alexnet_cifar"], COURSE["resnet20"], COURSE["densenet_cifar"]
# A table, laid out by hand.
# fmt: off
EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment("lesson", "How far does each architecture get in one lesson: 5,000 images, two epochs?", COURSE,
                   epochs=2, train_images=5_000, test_images=1_000),
        Experiment("comparison", "What does each architecture reach with the same recipe on all 50,000 images?", COURSE,
                   epochs=24, seeds=(0, 1, 2, 3, 4),
                   keep={name: (0,) for name in models.COURSE} | {"alexnet_cifar": (0, 1, 2, 3, 4)}),
        Experiment("half_hour", "What does the same recipe reach in half an hour on two cores?", {
            "resnet20": RESNET,
            "densenet_wide": _net("densenet_wide"),
            "googlenet_cifar": COURSE["googlenet_cifar"],
        }, epochs=60),
        Experiment("first_kernel", "How large should the first kernel be, and what does its stride do?", {
            "3x3": _net("alexnet_cifar", first_kernel=3, first_padding=1),
            "5x5": ALEXNET,
            **{f"{k}x{k}": _net("alexnet_cifar", first_kernel=k, first_padding=k // 2) for k in (7, 11)},
            **{f"5x5, stride {s}": _net("alexnet_cifar", first_stride=s) for s in (2, 4)},
        }),
        Experiment("norm", "Does local response normalization help, and batch norm, where each has a rate of its own?", {
            "none": _net("alexnet_cifar", norm=None),
            "times 0.59": Variant("alexnet_cifar", make=variants.alexnet_constant),
            "local response norm": Variant("alexnet_cifar", make=variants.alexnet_lrn),
            "LRN of raw pixels": Variant("alexnet_cifar", {"scale": 64}, make=variants.alexnet_lrn),
            "batch norm": ALEXNET,
        }, rates=(0.01, 0.03, 0.1, 0.3)),
        Experiment("pooling", "Is overlapping pooling better than plain pooling?", {
            "overlapping, 3x3": ALEXNET,
            "plain, 2x2": _net("alexnet_cifar", pool=(2, 2), pool_padding=0),
        }),
        Experiment("dropout", "What does dropout do where there is overfitting to cure, without augmentation?", {
            "no dropout": _net("alexnet_cifar", _images()),
            "dropout 0.5": _net("alexnet_cifar", _images(), dropout=0.5),
        }, epochs=12),
        Experiment("stacks", "Two small filters or one large, three or one, within a pair at equal work and parameters?", {
            "two 3x3": COURSE["vgg_cifar"],
            "one 5x5": _net("vgg_cifar", convs=(1, 1, 1), kernel=5, widths=(30, 60, 84)),
            "three 3x3": _net("vgg_cifar", convs=(3, 3, 3)),
            "one 7x7": _net("vgg_cifar", convs=(1, 1, 1), kernel=7, widths=(32, 50, 82)),
        }, epochs=12),
        Experiment("bottleneck", "How narrow may a 1x1 bottleneck be?", {
            str(width or "none"): Variant("vgg_cifar", {"bottleneck": width}, make=variants.bottleneck_vgg)
            for width in (8, 16, 32, 64, None)
        }),
        Experiment("head", "Global average pooling, global max pooling or a dense layer at the end?", {
            "global average": _net("nin_cifar"),
            "global max": _net("nin_cifar", pooling="max"),
            "dense": _net("nin_cifar", pooling="dense"),
        }),
        Experiment("inception", "What do batch norm and an auxiliary head do for GoogLeNet, each at a rate of its own?", {
            "neither": _net("googlenet_cifar", batch_norm=False),
            "auxiliary head": _net("googlenet_cifar", batch_norm=False, aux=("4a",)),
            "batch norm": COURSE["googlenet_cifar"],
            "both": _net("googlenet_cifar", aux=("4a",)),
        }, rates=(0.01, 0.03, 0.1, 0.3)),
        Experiment("degradation", "Does a deeper network end better, with skip connections and without, at a rate of its own?", {
            "plain-20": _net("plain20"), "plain-56": _net("plain56"), "ResNet-20": RESNET, "ResNet-56": _net("resnet56"),
        }, epochs=12, rates=(0.01, 0.03, 0.1, 0.3)),
        Experiment("rates", "Which learning rate suits which depth, within 125 steps?", {
            f"{label}, {lr:g}": _net(name, training.Recipe(lr=lr, batch_size=32), widths=(8, 16, 32))
            for label, name in (("plain-20", "plain20"), ("plain-56", "plain56"), ("ResNet-56", "resnet56"))
            for lr in (0.01, 0.03, 0.1, 0.3)
        }, epochs=2, train_images=2_000, test_images=1_000, seeds=(0, 1, 2, 3, 4)),
        Experiment("shortcut", "Where shapes differ, pad the shortcut (A) or project it (B)?", {
            "A: padding": RESNET, "B: projection": _net("resnet20", shortcut="B"),
        }),
        Experiment("block_order", "Batch norm and ReLU after the convolution or before it?", {
            "after": RESNET, "before": _net("preact_resnet20"),
        }),
        Experiment("combine", "Add or concatenate, at equal parameters?", {
            "concatenate": DENSENET,
            "add": Variant("densenet_cifar", make=variants.adding_densenet),
        }),
        Experiment("growth_rate", "What does the growth rate of a DenseNet buy?", {
            "8": _net("densenet_cifar", growth_rate=8), "16": DENSENET, "24": _net("densenet_cifar", growth_rate=24),
        }),
        Experiment("augmentation", "Which augmentation closes the gap between training and test?", {
            "none": _net("alexnet_cifar", _images()),
            "flip": _net("alexnet_cifar", _images(augment.flip)),
            "flip and crop": _net("alexnet_cifar", _images(augment.crop, augment.flip)),
            "and colour": _net("alexnet_cifar", _images(augment.crop, augment.flip, augment.brightness, augment.contrast,
                                                        augment.pca_colour)),
            "and cutout": _net("alexnet_cifar", _images(augment.crop, augment.flip, partial(augment.cutout, size=8))),
        }, epochs=12),
        Experiment("recipe", "What does the recipe do, with one and the same network and a rate of its own for each?", {
            "the course": ALEXNET,
            "AlexNet 2012": _net("alexnet_cifar", RECIPE_2012),
        }, epochs=12, rates=(0.01, 0.03, 0.1, 0.3)),
        Experiment("overfitting", "What does overfitting look like?", {
            "nothing against it": _net("alexnet_cifar", training.Recipe(lr=0.05, augment=(), weight_decay=0.0,
                                                                         label_smoothing=0.0, schedule="constant")),
        }, epochs=20),
        Experiment("activation", "How many epochs does each activation take to 25% training error, at a rate of its own?", {
            "ReLU": _figure1(nn.ReLU), "tanh": _figure1(nn.Tanh), "sigmoid": _figure1(nn.Sigmoid),
            "ReLU, 2012's start": _figure1(nn.ReLU, start=0.01), "tanh, 2012's start": _figure1(nn.Tanh, start=0.01),
        }, epochs=12, rates=(0.003, 0.01, 0.03, 0.1)),
        Experiment("one_by_one", "Does a network gain by its 1x1 convolutions, at equal multiply-adds and equal parameters?", {
            "NIN": COURSE["nin_cifar"],
            "NIN without 1x1": Variant("nin_cifar", make=variants.nin_without),
            "GoogLeNet": COURSE["googlenet_cifar"],
            "GoogLeNet without 1x1": Variant("googlenet_cifar", make=variants.googlenet_without),
            "ResNet-20 with 1x1": Variant("resnet20", make=variants.resnet_with),
            "ResNet-20": RESNET,
            "DenseNet": DENSENET,
            "DenseNet without 1x1": Variant("densenet_cifar", make=variants.densenet_without),
        }, epochs=8),
        Experiment("equal_work", "Which family makes the most of 22 million multiply-adds?", {
            "AlexNet": _net("alexnet_cifar", channels=(36, 52, 68, 68, 52)),
            "VGG": COURSE["vgg_cifar"],
            "NIN": _net("nin_cifar", widths=((24, 24, 24), (72, 72, 72), (96, 96))),
            "GoogLeNet": COURSE["googlenet_cifar"],
            "ResNet": _net("resnet20", widths=(12, 24, 48)),
            "DenseNet": DENSENET,
        }, epochs=8),
        Experiment("branches", "One branch, two or four in an Inception block, at equal multiply-adds and equal parameters?", {
            "3x3": Variant("googlenet_cifar", {"ones": False, "stages": (1.5, 1.4375, 1.4375)}, make=variants.googlenet_branches),
            "1x1 and 3x3": Variant("googlenet_cifar", {"ones": True, "stages": (1.375, 1.28125, 1.28125)},
                                   make=variants.googlenet_branches),
            "all four": COURSE["googlenet_cifar"],
        }, epochs=8),
        Experiment("squeeze", "A ReLU between the squeeze and the 3x3, or none?", {
            "with ReLU": Variant("vgg_cifar", {"bottleneck": 32}, make=variants.bottleneck_vgg),
            "without ReLU": Variant("vgg_cifar", {"bottleneck": 32, "relu": False}, make=variants.bottleneck_vgg),
        }),
        Experiment("separable", "An ordinary 3x3, or depthwise and 1x1, at equal multiply-adds and equal parameters?", {
            "3x3": COURSE["vgg_cifar"],
            "depthwise, then 1x1": Variant("vgg_cifar", make=variants.separable_vgg),
        }, epochs=8),
        Experiment("ablation", "What is each step of the speedrun's recipe worth?", {
            "all of it": _fast(),
            "first layer learned": _fast({"whiten": False}),
            "random filters": _fast({"dirac": False}),
            "random flips": _fast(augment=(speedrun.CROP, augment.flip)),
            "no label smoothing": _fast(label_smoothing=0.0),
            "biases 64 times slower": _fast(optimizer=partial(training.muon, bias_lr=optimizers.BIAS_LR / 64)),
            "SGD, not Muon": _fast(**SGD),
            "no Nesterov": _fast(nesterov=False),
            "constant rate": _fast(schedule="constant"),
            "whole images": _fast(sizes=()),
            "and lookahead": _fast(lookahead=True),
            "none of it": _net("fastnet_plain", **FAST),
        }, epochs=4, rates=(0.1, 0.3, 1, 3)),
        # Between the ablation's "none of it" and its "whole images", each with all that stands above it.
        Experiment("step_by_step", "What does each step of the speedrun's recipe bring on top of those before it?", {
            "first layer computed": _plainly(dirac=False),
            "filters that copy": _plainly(),
            "its shifts and flips": _plainly(training.Recipe(augment=speedrun.COURSE.augment)),
            "its label smoothing": _plainly(training.Recipe(augment=speedrun.COURSE.augment, label_smoothing=0.2)),
            "its batches, schedule, biases": _fast(sizes=(), **SGD),
        }, epochs=4, rates=(0.1, 0.3, 1, 3)),
        Experiment("fewer_epochs", "What do three epochs of larger images reach, for the operations of the ablation's four?", {
            "three epochs": _fast(sizes=((0.34, 25),)),
        }, epochs=3),
        Experiment("fast_lesson", "What does FastNet's recipe reach in a lesson, and what does it do for ResNet-20?", {
            "FastNet": _fast(batch_size=50),
            "FastNet, recipe of notebook 8": _net("fastnet_plain", **FAST),
            "ResNet-20, recipe of FastNet": _net("resnet20", replace(speedrun.COURSE, batch_size=50, sizes=())),
            "ResNet-20, rates of its own": _net("resnet20", replace(  # the best of six, on training images that were held out
                speedrun.COURSE, batch_size=50, sizes=(), optimizer=partial(training.muon, bias_lr=0.001, head_lr=0.001))),
        }, epochs=2, train_images=5_000, test_images=1_000),
        Experiment("quarter_hour", "What does ResNet-20 reach in half as many epochs as in half_hour, by Muon?", {
            "ResNet-20": _net("resnet20", replace(  # the rate: the better of two after ten epochs, on images that were held out
                speedrun.COURSE, lr=0.03, batch_size=125, micro_batch=None, sizes=(), label_smoothing=0.1,
                augment=(partial(augment.crop, mirrored=True), augment.alternating_flip),
                optimizer=partial(training.muon, bias_lr=0.05 / 125, head_lr=0.05 / 125))),
        }, epochs=30),
        Experiment("speedrun", "How far does the course's recipe bring FastNet, and how sure is it?", {
            "FastNet": _net("fastnet", speedrun.COURSE),
        }, epochs=speedrun.COURSE_EPOCHS, seeds=tuple(range(10)), views=speedrun.VIEWS),
        Experiment("published", "How far does the published recipe bring FastNet here?", {
            "FastNet": _net("fastnet", speedrun.PUBLISHED),
        }, epochs=speedrun.PUBLISHED_EPOCHS, views=speedrun.VIEWS),
    )
}
# fmt: on


def names() -> list[str]:
    """The experiments that are declared."""
    return list(EXPERIMENTS)


def find(name: str) -> Experiment:
    """The declaration of an experiment. ValueError for an unknown name, with the nearest one and those that exist."""
    if name not in list(EXPERIMENTS):  # a list: what is no name need not have a hash
        advice = f"{suggestion(name, EXPERIMENTS)}The experiments are: {', '.join(EXPERIMENTS)}"
        raise ValueError(f"no experiment is called {name!r:.60}; {advice}")
    return EXPERIMENTS[name]
