"""How sure a difference between two networks is, and a mean of several runs: intervals of 95%.

Two questions, apart and together. Would other seeds turn it round? And would other test images? All runs are tested on the same
images, so two networks are compared image by image: what is hard for both tells nothing about either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnn_course import show

DRAWS = 10_000  # of the bootstrap; the ends of an interval then move by about 0.01 points from one stream of draws to another
Z = 1.96  # standard errors to each side for 95%, where they are known well
Interval = tuple[float, float]


@dataclass(frozen=True)
class Difference:
    """By how much variant `a` is better than `b`, in points of test accuracy, with intervals of 95% as (low, high).

    interval: for other seeds and other test images together. of_seeds: for other seeds on these images, None where a variant has
    one seed. of_images: for other images and these very networks. seeds: how many of each. basis: "paired" where all runs say
    which images they got right, "paired by some" where only some do, "unpaired" where none do; then `of_images` is too wide.
    """

    a: str
    b: str
    points: float
    interval: Interval
    of_seeds: Interval | None
    of_images: Interval
    seeds: tuple[int, int]
    basis: str

    @property
    def decided(self) -> bool:
        """Whether it stands: there are several seeds, and zero lies neither in the interval nor in theirs."""
        return self.of_seeds is not None and not _holds_zero(self.of_seeds) and not _holds_zero(self.interval)

    @property
    def missed(self) -> float:
        """The largest difference, in points, that an interval still allows, either way: of few seeds theirs is the wider one."""
        return max(map(abs, (*self.interval, *(self.of_seeds or ()))))

    def __str__(self):
        seeds = f"other seeds {_to(self.of_seeds)}" if self.of_seeds else "one seed, so nothing is known of others"
        text = f"{self.a} against {self.b}: {_signed(self.points)} points, 95% interval {_to(self.interval)}"
        text += f" ({seeds}; other images {_to(self.of_images)}{'' if self.basis == 'paired' else ', ' + self.basis})"
        if _holds_zero(self.interval):
            text += f": it may be none, and is at most {self.missed:.1f}"
        elif not self.decided:
            text += ": other seeds may turn it round"
        return show.prose(text, indent="    ")

    __repr__ = __str__


def difference(a: str, b: str, runs_a: Sequence, runs_b: Sequence) -> Difference:
    """The Difference of two groups of training histories, all tested on the same images. ValueError where they were not.

    Seeds: Welch's interval for two means, Student's t for so few. Images: paired, the standard error of the mean over images
    of (share of a's runs that are right - share of b's). Together: percentiles of a bootstrap that draws the runs of each
    variant and the images anew, each with replacement. Of three seeds a bootstrap makes too little, a third less variance than
    they have: hence their own interval beside it, and `decided` asks for both. Where runs do not say which images they got right,
    the bootstrap gives way to the sum of both variances; a single accuracy p then has p (1 - p) / images.
    """
    tested = {(run.held_out_images, run.split) for run in (*runs_a, *runs_b)}
    if len(tested) > 1:
        told = sorted(f"{count:,} {split}" if count else f"nobody says how many {split}" for count, split in tested)
        raise ValueError(f"{a} and {b} were measured on {' and '.join(told)} images; compare like with like")
    ((images, _),) = tested
    if images is None:
        raise ValueError(f"the runs of {a} and {b} do not say how many images they were tested on: set their held_out_images")
    accuracies = [np.array([100 * run.accuracy for run in runs]) for runs in (runs_a, runs_b)]
    points = accuracies[0].mean() - accuracies[1].mean()
    kept = [[bits for run in runs if (bits := run.right_images()) is not None] for runs in (runs_a, runs_b)]
    some = all(kept)
    if some:
        error = 100 * (np.mean(kept[0], axis=0) - np.mean(kept[1], axis=0)).std(ddof=1) / images**0.5
    else:
        error = sum(mean * (100 - mean) / images for mean in (group.mean() for group in accuracies)) ** 0.5
    if basis := some and all(len(group) == len(bits) for group, bits in zip(accuracies, kept, strict=True)):
        interval = _bootstrap(*kept)
    else:
        seeds = sum(group.var(ddof=1) / len(group) for group in accuracies if len(group) > 1)
        interval = _around(points, Z * (error**2 + seeds) ** 0.5)
    return Difference(
        a,
        b,
        float(points),
        interval,
        _welch(*accuracies),
        _around(points, Z * error),
        (len(runs_a), len(runs_b)),
        "paired" if basis else "paired by some" if some else "unpaired",
    )


def mean_interval(percent: Sequence[float], images: int | None = None) -> Interval:
    """The interval of 95% for the mean of several runs, one number a seed, in percent.

    For other seeds: Student's t. With `images`, for other test images as well: p (1 - p) / images, the two added as variances.
    Of a single run only the images are known; without them its interval is its own value.
    """
    values = np.asarray(percent, dtype=float)
    mean, half = values.mean(), 0.0
    if len(values) > 1:
        half = _t(len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    if images:
        half = np.hypot(half, Z * (mean * (100 - mean) / images) ** 0.5)
    return _around(mean, half)


def _bootstrap(right_a, right_b, seed=0):
    """Percentiles 2.5 and 97.5 of the difference in points. Images on which all runs agree alike are drawn as one kind."""
    random = np.random.default_rng(seed)
    right = np.stack([*right_a, *right_b]).astype(np.uint8)
    kinds, counts = np.unique(right, axis=1, return_counts=True)
    images = random.multinomial(counts.sum(), counts / counts.sum(), size=DRAWS)  # how often each kind is drawn
    accuracy = 100 * images @ kinds.T / counts.sum()  # (DRAWS, runs)
    mean = []
    for first, count in ((0, len(right_a)), (len(right_a), len(right_b))):
        drawn = random.integers(first, first + count, size=(DRAWS, count))
        mean.append(np.take_along_axis(accuracy, drawn, axis=1).mean(axis=1))
    low, high = np.percentile(mean[0] - mean[1], (2.5, 97.5))
    return float(low), float(high)


def _welch(a, b):
    if min(len(a), len(b)) < 2:
        return None
    parts = [group.var(ddof=1) / len(group) for group in (a, b)]
    variance, points = sum(parts), a.mean() - b.mean()
    if variance == 0:
        return _around(points, 0)
    freedom = variance**2 / sum(part**2 / (len(group) - 1) for part, group in zip(parts, (a, b), strict=True))
    return _around(points, _t(freedom) * variance**0.5)


def _t(freedom):
    """Student's t that 2.5% lie above."""
    from scipy.stats import t  # which takes half a second to import

    return float(t.ppf(0.975, freedom))


def _around(middle, half):
    return float(middle - half), float(middle + half)


def _holds_zero(interval):
    return interval[0] <= 0 <= interval[1]


def _signed(points):
    return f"{round(points, 1) + 0.0:+.1f}"  # never -0.0


def _to(interval):
    return f"{_signed(interval[0])} to {_signed(interval[1])}"
