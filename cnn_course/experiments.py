"""The recorded experiments: one question each, what is varied, everything else fixed, several seeds; and their results.

The results lie in cnn_course/recorded/NAME.json; `recording` makes them.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

from cnn_course import augment, models, training

FOLDER = models.RECORDED


@dataclass(frozen=True)
class Variant:
    """One answer that is tried: the network that `models.build` makes of a name and settings, and the recipe that trains it."""

    network: str
    settings: dict = field(default_factory=dict)
    recipe: training.Recipe = training.Recipe()

    @property
    def build(self) -> Callable[[], models.Network]:
        """Makes the network, with new weights."""
        return partial(models.build, self.network, **self.settings)

    def __str__(self):
        return f"{training.in_words(self.build)}, {self.recipe}"


@dataclass(frozen=True)
class Experiment:
    """One question put to training runs: the variants by their labels, everything else the same for all.

    keep: label -> the seeds whose weights are kept, for `models.build(label, pretrained=True)`.
    """

    name: str
    question: str
    variants: dict[str, Variant]
    epochs: int = 4
    train_images: int = 50_000
    test_images: int = 10_000
    seeds: tuple[int, ...] = (0, 1, 2)
    keep: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def settings(self, label: str) -> str:
        """All that decides how a variant is trained, but for the seed; equal settings, equal runs."""
        return f"{self.variants[label]}; {self.epochs} epochs, {self.train_images} images, {self.test_images} tested"


@dataclass
class Record:
    """The results of an experiment: for each variant its histories, one a seed, and how they were made.

    machines: what computed them. variants: label -> its network, settings, parameters and multiply-adds.
    """

    name: str
    question: str
    command: str
    machines: list[dict] = field(default_factory=list)
    variants: dict[str, dict] = field(default_factory=dict)
    runs: dict[str, list[training.History]] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """How many seeds every variant has at least."""
        return min((len(histories) for histories in self.runs.values()), default=0)

    @property
    def test_images(self) -> int:
        """The images that each accuracy was measured on."""
        return EXPERIMENTS[self.name].test_images

    def find(self, label: str, seed: int) -> training.History | None:
        """The run of a variant with this seed, if it was recorded."""
        return next((history for history in self.runs.get(label, []) if history.seed == seed), None)

    def difference(self, a: str, b: str) -> "Difference":
        """How much better a is than b. Its variance: that of the seeds' means, and p (1 - p) / n for each on n test images."""
        points, variance, seeds = 0.0, 0.0, []
        for label, sign in ((a, 1), (b, -1)):
            accuracies = torch.tensor([history.test_accuracy for history in self.runs[label]], dtype=torch.float64)
            p, count = accuracies.mean().item(), len(accuracies)
            points += sign * p
            variance += p * (1 - p) / self.test_images + (accuracies.var().item() / count if count > 1 else 0)
            seeds.append(count)
        return Difference(a, b, 100 * points, 100 * variance**0.5, tuple(seeds))

    def table(self):
        """One row a variant: runs, parameters, multiply-adds, accuracies in the end (means), deviation over seeds, core-minutes.

        The training accuracy is that of images as they are, without augmentation. A core-minute is a minute of one processor
        core: minutes of training times threads. It is that of the run that `training.fastest` gives; nan where all were made
        on a GPU.
        """
        import pandas as pd

        rows = {}
        for label, histories in self.runs.items():
            tested = pd.Series([history.test_accuracy for history in histories])
            rows[label] = {
                "runs": len(histories),
                "parameters": histories[0].parameters,
                "multiply-adds": self.variants.get(label, {}).get("multiply_adds", float("nan")),
                "training accuracy": pd.Series([history.learned for history in histories], dtype=float).mean(),
                "test accuracy": tested.mean(),
                "deviation": tested.std(),  # nan for a single run
                "core-minutes": _core_minutes(training.fastest(histories)),
            }
        return pd.DataFrame.from_dict(rows, orient="index")


@dataclass(frozen=True)
class Difference:
    """By how much variant `a` is better than `b`: points of test accuracy, the standard error of that, the seeds of each."""

    a: str
    b: str
    points: float
    error: float
    seeds: tuple[int, int]

    @property
    def measurable(self) -> bool:
        """Whether the difference is larger than two standard errors."""
        return abs(self.points) > 2 * self.error

    def __str__(self):
        points = round(self.points, 1) + 0.0  # never -0.0
        what = f"{self.a} against {self.b}: {points:+.1f} points, standard error {self.error:.1f}"
        single = [label for label, count in zip((self.a, self.b), self.seeds, strict=True) if count == 1]
        one = f" (one seed of {single[0]})" if single else ""
        if len(single) == 2:
            one = " (of the test images alone: there is one seed)"
        return what + one + ("" if self.measurable else ", so no measurable difference")

    __repr__ = __str__


def _core_minutes(history):
    """What a run took of a CPU; nan if it was made on a GPU."""
    return history.core_seconds * len(history.rows) / 60 if history.device == "cpu" else math.nan


def epochs_to(history: training.History, accuracy: float) -> float:
    """The epochs until this share of the training images was right, on a straight line between epochs; nan if it never was.

    The accuracy of an epoch is the mean while it ran, so it stands at the epoch's middle; a guess is right once in ten.
    """
    time, right = 0.0, 0.1
    for row in history.rows:
        middle, now = row["epoch"] - 0.5, row["train_accuracy"]
        if now >= accuracy:
            return time + (middle - time) * max(0.0, accuracy - right) / (now - right)
        time, right = middle, now
    return math.nan


def _net(name, recipe=None, **settings):
    return Variant(name, settings, recipe or training.Recipe())


def _images(*transforms):
    return training.Recipe(augment=transforms)


def _constant(lr):
    """Section 3.1 of the AlexNet paper: no regularization; the rate does not change, so that epochs can be compared."""
    return training.Recipe(lr=lr, augment=(), weight_decay=0.0, label_smoothing=0.0, schedule="constant")


# Section 5 of the AlexNet paper; the batch of 128 is what `fit` picks for so many images.
RECIPE_2012 = training.Recipe(lr=0.01, nesterov=False, label_smoothing=0.0, schedule="steps")
COURSE = {name: _net(name) for name in models.COURSE}
ALEXNET, RESNET, DENSENET = COURSE["alexnet_cifar"], COURSE["resnet20"], COURSE["densenet_cifar"]
ACTIVATIONS = {"ReLU": (nn.ReLU, (0.003, 0.01, 0.02)), "tanh": (nn.Tanh, (0.003, 0.01, 0.03)),
               "sigmoid": (nn.Sigmoid, (0.01, 0.03, 0.1))}  # and the learning rates that are tried

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
        Experiment("norm", "Does local response normalization help, and does batch norm?", {
            "none": _net("alexnet_cifar", norm=None),
            "local response norm": _net("alexnet_cifar", norm="lrn"),
            "batch norm": ALEXNET,
        }),
        Experiment("pooling", "Is overlapping pooling better than plain pooling?", {
            "overlapping, 3x3": ALEXNET,
            "plain, 2x2": _net("alexnet_cifar", pool=(2, 2), pool_padding=0),
        }),
        Experiment("dropout", "What does dropout do to a network of this size?", {
            "no dropout": ALEXNET,
            "dropout 0.5": _net("alexnet_cifar", dropout=0.5),
        }),
        Experiment("stacks", "Two small filters or one large one, three or one: equal receptive fields, which is better?", {
            "two 3x3": _net("vgg_cifar"),
            "one 5x5": _net("vgg_cifar", convs=(1, 1, 1), kernel=5),
            "three 3x3": _net("vgg_cifar", convs=(3, 3, 3)),
            "one 7x7": _net("vgg_cifar", convs=(1, 1, 1), kernel=7),
        }),
        Experiment("bottleneck", "How narrow may a 1x1 bottleneck be?", {
            str(width or "none"): _net("vgg_cifar", convs=(1, 1, 3), widths=(32, 128, 128), bottleneck=width)
            for width in (8, 16, 32, 64, None)
        }),
        Experiment("head", "Global average pooling, global max pooling or a dense layer at the end?", {
            "global average": _net("nin_cifar"),
            "global max": _net("nin_cifar", pooling="max"),
            "dense": _net("nin_cifar", pooling="dense"),
        }),
        Experiment("inception", "What do auxiliary heads and batch norm do for GoogLeNet?", {
            "batch norm": _net("googlenet_cifar"),
            "batch norm and auxiliary head": _net("googlenet_cifar", aux=("4a",)),
            "without batch norm": _net("googlenet_cifar", training.Recipe(lr=0.01), batch_norm=False),
        }),
        Experiment("depth", "Is a deeper network better, with skip connections and without?", {
            "plain-20": _net("plain20"), "plain-56": _net("plain56"), "ResNet-20": RESNET, "ResNet-56": _net("resnet56"),
        }),
        Experiment("shortcut", "Where shapes differ, pad the shortcut (A) or project it (B)?", {
            "A: padding": RESNET, "B: projection": _net("resnet20", shortcut="B"),
        }),
        Experiment("block_order", "Batch norm and ReLU after the convolution or before it?", {
            "after": RESNET, "before": _net("preact_resnet20"),
        }),
        Experiment("combine", "Add or concatenate, at equal parameters?", {
            "concatenate": DENSENET,
            "add": _net("densenet_cifar", combine="add", stem_channels=64, growth_rate=6, compression=1),
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
        Experiment("recipe", "What does the recipe do, with one and the same network?", {
            "the course": ALEXNET,
            "AlexNet 2012": _net("alexnet_cifar", RECIPE_2012),
        }, epochs=12),
        Experiment("overfitting", "What does overfitting look like?", {
            "nothing against it": _net("alexnet_cifar", training.Recipe(lr=0.05, augment=(), weight_decay=0.0,
                                                                         label_smoothing=0.0, schedule="constant")),
        }, epochs=20),
        Experiment("activation_rates", "At which learning rate is each activation fastest?", {
            f"{name}, {lr:g}": _net("alexnet_figure1", _constant(lr), activation=activation)
            for name, (activation, rates) in ACTIVATIONS.items() for lr in rates
        }, epochs=3, seeds=(0,)),
        Experiment("activation", "How many epochs does each activation take to 25% training error?", {
            "ReLU": _net("alexnet_figure1", _constant(0.01)),  # the best rates of activation_rates
            "tanh": _net("alexnet_figure1", _constant(0.01), activation=nn.Tanh),
            "sigmoid": _net("alexnet_figure1", _constant(0.03), activation=nn.Sigmoid),
        }, epochs=12),
    )
}


def names() -> list[str]:
    """The experiments that are declared."""
    return list(EXPERIMENTS)


def find(name: str) -> Experiment:
    """The declaration of an experiment. ValueError for an unknown name, with those that exist."""
    if name not in EXPERIMENTS:
        raise ValueError(f"no experiment is called {name!r}; the experiments are: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def recorded(name: str) -> Record:
    """What has been recorded of an experiment; no runs at all if it has not been run yet.

    ValueError for an unknown name or a damaged file.
    """
    experiment, path = find(name), FOLDER / f"{name}.json"
    if not path.exists():
        return Record(name, experiment.question, f"python -m cnn_course record {name}")
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); get the course's copy again: git checkout -- {path}") from None
    kept["runs"] = {label: [training.History(**run) for run in runs] for label, runs in kept["runs"].items()}
    return Record(**kept)


def missing(name: str, seeds: tuple[int, ...] | None = None) -> list[tuple[int, str]]:
    """(seed, label) of the runs that the experiment still lacks, all variants of a seed before the next seed."""
    experiment, kept = find(name), recorded(name)
    return [(seed, label) for seed in seeds or experiment.seeds for label in experiment.variants if not kept.find(label, seed)]


def states():
    """One row an experiment: variants, epochs, runs wanted and recorded, core-hours spent and still to spend on a CPU.

    What a missing run costs is what the fastest recorded run of its variant took, else the mean of the other variants.
    """
    import pandas as pd

    rows = {}
    for name, experiment in EXPERIMENTS.items():
        kept, lacking = recorded(name), missing(name)
        runs = [history for group in kept.runs.values() for history in group]
        spent = pd.Series(map(_core_minutes, runs), dtype=float).sum()  # leaves out nan
        cost = kept.table()["core-minutes"].dropna() if runs else pd.Series(dtype=float)
        open_ = sum(cost.get(label, cost.mean()) for _, label in lacking)
        rows[name] = {"variants": len(experiment.variants), "epochs": experiment.epochs, "recorded": len(runs),
                      "missing": len(lacking), "core-hours": spent / 60, "to go": open_ / 60}
    return pd.DataFrame.from_dict(rows, orient="index")
