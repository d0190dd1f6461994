"""Answers to the labs of notebook 8 as students write them."""

import math

import numpy as np
import scipy.stats
import torch


# ------------------------------------------------------------------------------------- standard_error
def by_numpy(right):
    right = np.asarray(right, dtype=float)
    return 100 * right.std() / math.sqrt(len(right))


def by_formula(right):
    p = right.sum().item() / right.numel()
    return math.sqrt(100 * p * 100 * (1 - p) / right.numel())


def by_torch(right):
    return right.double().std(unbiased=False) * 100 / len(right) ** 0.5


def of_a_sample(right):
    """By n - 1, which is the same for hundreds of images."""
    return 100 * (right.float().std() / len(right) ** 0.5).item()


def spread(right):
    return 100 * right.float().std(unbiased=False)


def variance(right):
    return 100 * right.float().var(unbiased=False) / len(right)


def share(right):
    return right.float().std(unbiased=False) / len(right) ** 0.5


def count_only(right):
    p = right.float().mean()
    return 100 * (p / len(right)) ** 0.5


def percent(right):
    p = 100 * right.float().mean().item()
    return math.sqrt(abs(p * (1 - p)) / len(right))


def two_errors(right):
    return 1.96 * by_formula(right)


def by_count(right):
    return 100 / math.sqrt(len(right))


def two(right):
    return 2 * by_formula(right)


def plain_variance(right):
    p = right.float().mean()
    return p * (1 - p) / len(right)


def root_of_n(right):
    p = right.float().mean().item()
    return 100 * (p * (1 - p) / len(right) ** 0.5)


def outside(right):
    p = right.float().mean().item()
    return 100 * (p * (1 - p)) ** 0.5 / len(right)


def accuracy(right):
    return 100 * right.float().mean().item()


# ------------------------------------------------------------------------------------- paired_interval
def by_counting(right_a, right_b):
    n = len(right_a)
    only_a, only_b = (right_a & ~right_b).sum().item(), (right_b & ~right_a).sum().item()
    d = (only_a - only_b) / n
    se = math.sqrt(((only_a + only_b) / n - d * d) / n)
    return 100 * (d - 1.96 * se), 100 * (d + 1.96 * se)


def by_difference(right_a, right_b):
    d = (right_a.int() - right_b.int()).double().numpy() * 100
    half = 1.96 * d.std(ddof=1) / np.sqrt(d.size)
    return [d.mean() - half, d.mean() + half]


def by_covariance(right_a, right_b):
    a, b = right_a.float().numpy(), right_b.float().numpy()
    c = np.cov(a, b)
    se = np.sqrt((c[0, 0] + c[1, 1] - 2 * c[0, 1]) / len(a))
    d = a.mean() - b.mean()
    return float(100 * (d - 1.96 * se)), float(100 * (d + 1.96 * se))


def in_an_array(right_a, right_b):
    return np.array(by_counting(right_a, right_b))


def in_a_tensor(right_a, right_b):
    return torch.tensor(by_counting(right_a, right_b))


def around(d, se, z=1.96):
    return float(d - z * se), float(d + z * se)


def points(a, b):
    return 100 * (a.float().mean() - b.float().mean())


def paired_error(a, b):
    return 100 * (a.float() - b.float()).std() / len(a) ** 0.5


def unpaired(a, b):
    return around(points(a, b), math.hypot(by_formula(a), by_formula(b)))


def of_one(a, b):
    return around(points(a, b), by_formula(a))


def of_an_image(a, b):
    return around(points(a, b), 100 * (a.float() - b.float()).std())


def one_error(a, b):
    return around(points(a, b), paired_error(a, b), 1)


def turned(a, b):
    return around(points(b, a), paired_error(a, b))


def shares(a, b):
    return around(points(a, b) / 100, paired_error(a, b) / 100)


def disagreements(a, b):
    other = a != b
    return around(points(a[other], b[other]), paired_error(a[other], b[other]))


def zero(a, b):
    return around(0.0, paired_error(a, b))


def two_to_each_side(a, b):
    return around(points(a, b), paired_error(a, b), 2)


def high_first(a, b):
    low, high = by_counting(a, b)
    return high, low


def plus_minus(a, b):
    return points(a, b), 1.96 * paired_error(a, b)


def with_its_error(a, b):
    return points(a, b), paired_error(a, b)


def student(a, b):
    change = 100 * (a.double() - b.double()).numpy()
    return scipy.stats.t.interval(0.95, len(change) - 1, change.mean(), scipy.stats.sem(change))


def percentiles(a, b):
    return np.percentile(100 * (a.float() - b.float()).numpy(), (2.5, 97.5))


def over_n(a, b):
    return around(points(a, b), 100 * (a.float() - b.float()).std() / len(a))


def sum_of_errors(a, b):
    return around(points(a, b), by_formula(a) + by_formula(b))


def agreeing(a, b):
    return around(points(a, b), by_formula(a != b))


def mcnemar(a, b):
    return around(points(a, b), 100 * math.sqrt((a != b).sum().item()) / len(a))


def absolute(a, b):
    return around(100 * (a.float() - b.float()).abs().mean(), paired_error(a, b))


def bootstrap(a, b):
    change, random = 100 * (a.float() - b.float()).numpy(), np.random.default_rng(0)
    return np.percentile([random.choice(change, len(change)).mean() for _ in range(1000)], (2.5, 97.5))


def one_end(a, b):
    return by_counting(a, b)[0]


def symmetric_bootstrap(a, b):
    change, random = 100 * (a.float() - b.float()).numpy(), np.random.default_rng(0)
    means = [change[random.integers(len(change), size=len(change))].mean() for _ in range(1000)]
    return around(change.mean(), np.std(means))


RIGHT = {
    "standard_error": (by_numpy, by_formula, by_torch, of_a_sample),
    "paired_interval": (by_counting, by_difference, by_covariance, in_an_array, in_a_tensor),
}
WRONG = {
    "standard_error": {
        spread: "Yours does not shrink with the number",
        variance: "Your result is a variance. ",
        share: "Your result is a share",
        count_only: "Where nearly all is right",
        percent: "Inside the root your p is in per cent",
        two_errors: "You give half of a 95% interval",
        by_count: "Yours is the same for every accuracy",
        accuracy: "You give the accuracy",
        two: "You give two standard errors",
        plain_variance: "Your result is a variance, of shares",
        root_of_n: "Only n is under your root",
        outside: "Yours shrinks tenfold",
    },
    "paired_interval": {
        unpaired: "You add the errors of two results",
        of_one: "You take the error of one result",
        of_an_image: "Yours does not narrow",
        one_error: "Your interval is one standard error",
        turned: "Your interval lies on the other side",
        shares: "Your ends are shares",
        disagreements: "You count only the images",
        zero: "Your interval is centred on zero",
        two_to_each_side: "You go two standard errors",
        student: "Yours is a little wider, as with Student's t",
        high_first: "Your ends are exchanged",
        plus_minus: "You give the middle and half",
        with_its_error: "You give the middle and its standard error",
        percentiles: "Between your ends lie 95% of the images",
        over_n: "Yours narrows tenfold",
        sum_of_errors: "You add two standard errors",
        agreeing: "Your spread is that of agreeing or not",
        mcnemar: "Yours is right as long as neither is ahead",
        absolute: "Your middle is the share of images",
        bootstrap: "Yours, -0.55 to",
        one_end: "`low, high = paired_interval(right_a, right_b); (low + high) / 2, (high - low) / 2  # 800 images`: the",
        symmetric_bootstrap: "Yours, -0.",
    },
}
