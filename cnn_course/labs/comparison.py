"""The labs of notebook 8: the error of one result, and the interval of a difference that is measured on the same images."""

from contextlib import suppress

import numpy as np
import torch

from cnn_course.labs.lab import Call, Lab, Mistake


# ------------------------------------------------------------------------------------- standard_error
def standard_error(right):
    """The standard error, in points, of the accuracy that was measured on these images: booleans (N,)."""
    p, n = right.double().mean().item(), len(right)
    return 100 * (p * (1 - p) / n) ** 0.5


def _of(formula):
    """A standard error by another formula, of the share that is right and the number of images."""
    return lambda right: formula(right.double().mean().item(), len(right))


def _answers(share, images):
    return Call(f"standard_error(right), {share:.0%} of {images:,} images right",
                lambda: (torch.arange(images) < round(share * images),))  # fmt: skip


STANDARD_ERROR = Lab(
    "standard_error",
    "how far, in points, an accuracy measured on these images may lie from that on all images of its kind: its standard error; "
    "`right` says of every image whether it was right",
    standard_error,
    hints=(
        "Whether an image is right is a coin that falls on right with probability p. The variance of one such coin is p (1 - p).",
        "The mean of n coins has a variance n times smaller; the standard error is its root. In points: times 100.",
    ),
    cases=(_answers(0.9, 10_000), _answers(0.6, 500), _answers(0.98, 1_000)),
    more=(_answers(0.5, 5_000), _answers(0.73, 4_000)),
    mistakes=(
        Mistake("Yours does not shrink with the number of images. What is a mean of 10,000 images better at than one image?",
                _of(lambda p, n: 100 * (p * (1 - p)) ** 0.5)),
        Mistake("Your result is a variance. What has the unit of an accuracy?", _of(lambda p, n: 100 * p * (1 - p) / n)),
        Mistake("Your result is a variance, of shares. What has the unit of an accuracy, and how many points is 0.003?",
                _of(lambda p, n: p * (1 - p) / n)),
        Mistake("Your result is a share. How many points is 0.003?", lambda right: standard_error(right) / 100),
        Mistake("Only n is under your root. What is the spread of a coin whose variance is p (1 - p)?",
                _of(lambda p, n: 100 * p * (1 - p) / n**0.5)),
        Mistake("Yours shrinks tenfold where ten times as many images are tested. What shrinks so, a variance or its root?",
                _of(lambda p, n: 100 * (p * (1 - p)) ** 0.5 / n)),
        Mistake("Where nearly all is right yours stays large. What is sure of a network that is always right?",
                _of(lambda p, n: 100 * (p / n) ** 0.5)),
        Mistake("Inside the root your p is in per cent. What is 1 - 90?",
                _of(lambda p, n: (100 * p * abs(1 - 100 * p) / n) ** 0.5)),
        Mistake("You give half of a 95% interval. How many standard errors is that?", lambda right: 1.96 * standard_error(right)),
        Mistake("You give two standard errors. How far off is an accuracy usually, not at most?",
                lambda right: 2 * standard_error(right)),
        Mistake("Yours is the same for every accuracy. Is a network that is always right as unsure as one that guesses?",
                _of(lambda p, n: 100 / n**0.5)),
        Mistake("You give the accuracy. How far may it be off?", _of(lambda p, n: 100 * p)),
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------- paired_interval
def paired_interval(right_a, right_b):
    """(low, high): 95% interval, in points, of how much better a is than b on images like these; booleans (N,) for each."""
    change = 100 * (right_a.double() - right_b.double())
    middle, error = change.mean().item(), change.std().item() / len(change) ** 0.5
    return middle - 1.96 * error, middle + 1.96 * error


def _with(error_of, middle_of=lambda a, b: 100 * (a.float().mean() - b.float().mean()).item(), width=1.96):
    def interval(right_a, right_b):
        middle, error = middle_of(right_a, right_b), float(error_of(right_a, right_b))
        return middle - width * error, middle + width * error

    return interval


def _paired(a, b):
    return 100 * (a.float() - b.float()).std() / len(a) ** 0.5


def _variance(a):
    p = a.float().mean()
    return p * (1 - p) / len(a)


def _middle_and(error_of):
    def interval(a, b):
        low, high = paired_interval(a, b)
        return (low + high) / 2, error_of(low, high)

    return interval


def _by_student(a, b):
    from scipy.stats import t  # which takes half a second to import

    return _with(_paired, width=t.ppf(0.975, len(a) - 1))(a, b)


def _split(a, b):
    """The share of images on which the two disagree."""
    return (a != b).float().mean()


def _images(agreement, n):
    a = torch.rand(n) < 0.85
    noise = torch.rand(n) < 0.8
    return a, torch.where(torch.rand(n) < agreement, a, noise)


def _ends(given):
    """Two ends as a tuple, also where they came in an array or a tensor."""
    return tuple(given.tolist()) if isinstance(given, (torch.Tensor, np.ndarray)) and given.shape == (2,) else given


def _middle_and_half(function, a, b):
    """The interval as it is compared: by its ends, a spread by n would be refused wherever one of them lies near zero."""
    ends = _ends(function(a, b))
    if not isinstance(ends, (tuple, list)) or len(ends) != 2:
        return ends
    low, high = ends
    return (low + high) / 2, (high - low) / 2


def _tested(agreement, n):
    written = f"low, high = paired_interval(right_a, right_b); (low + high) / 2, (high - low) / 2  # {n:,} images"
    return Call(written, lambda: _images(agreement, n), _middle_and_half)


def _bootstrapped(answer):
    """The sentence for an interval that is nearly right, but lopsided or another one for the same images in another order."""
    right, order = _images(0.7, 2_000), torch.randperm(2_000)
    low, high = paired_interval(*right)
    with suppress(Exception):  # the cases say what is wrong
        own_low, own_high = map(float, _ends(answer(*right)))
        if max(abs(own_low - low), abs(own_high - high)) > 0.05 * (high - low):
            return None
        again_low, again_high = map(float, _ends(answer(*(each[order] for each in right))))
        lopsided = abs(own_low + own_high - low - high) > 1e-3
        if lopsided or max(abs(again_low - own_low), abs(again_high - own_high)) > 1e-4:
            return (
                f"Yours, {own_low:.2f} to {own_high:.2f}, is nearly {low:.2f} to {high:.2f}, as an interval from a bootstrap is. "
                "This check compares with a formula: how many standard errors of the mean are 95%?"
            )
    return None


PAIRED_INTERVAL = Lab(
    "paired_interval",
    "the 95% interval, as (low, high) in points, of how much better network a is than network b, both tested on the same images",
    paired_interval,
    hints=(
        "Give every image a number: 1 where only a is right, -1 where only b is, 0 where they agree.",
        "The difference is the mean of these numbers. How far off is a mean of n numbers with their spread?",
        "95% of a normal distribution lie within 1.96 standard errors.",
    ),
    cases=(_tested(0.7, 800), _tested(0.0, 5_000)),  # of 800: spreads by n and n - 1 are alike, Student's t is not 1.96
    more=(_tested(0.9, 3_000), _tested(0.3, 10_000)),
    tests=(_bootstrapped,),
    mistakes=(
        Mistake("You add the errors of two results as if they came from different images. On how many images do the two differ?",
                _with(lambda a, b: 100 * (_variance(a) + _variance(b)) ** 0.5)),
        Mistake("You take the error of one result for that of a difference. Which images decide between two networks?",
                _with(lambda a, b: 100 * _variance(a) ** 0.5)),
        Mistake("Yours does not narrow with more images. What does the spread of single images become for their mean?",
                _with(lambda a, b: 100 * (a.float() - b.float()).std())),
        Mistake("Your interval is one standard error to each side: 68%. How many make 95%?", _with(_paired, width=1.0)),
        Mistake("You go two standard errors to each side, a little more than 95%. How many make 95%?", _with(_paired, width=2.0)),
        Mistake("Yours is a little wider, as with Student's t. How far is that from 1.96 for thousands of images?",
                _by_student),
        Mistake("Your ends are exchanged. Which of the two is to come first?", lambda a, b: paired_interval(a, b)[::-1]),
        Mistake("You give the middle and half of the width. Where does the interval begin, and where does it end?",
                _middle_and(lambda low, high: (high - low) / 2)),
        Mistake("You give the middle and its standard error. Between which values is 95%?",
                _middle_and(lambda low, high: (high - low) / 3.92)),
        Mistake("Between your ends lie 95% of the images. Which images does a mean of thousands look like?",
                lambda a, b: tuple(torch.quantile(100 * (a.float() - b.float()), torch.tensor([0.025, 0.975])).tolist())),
        Mistake("Yours narrows tenfold with ten times the images. By how much does the spread of a mean shrink?",
                _with(lambda a, b: 100 * (a.float() - b.float()).std() / len(a))),
        Mistake("You add two standard errors. Which of standard error and variance may be added, and for which images?",
                _with(lambda a, b: 100 * (_variance(a) ** 0.5 + _variance(b) ** 0.5))),
        Mistake("Your spread is that of agreeing or not, 1 or 0. Which number has an image that only b gets right?",
                _with(lambda a, b: 100 * (_split(a, b) * (1 - _split(a, b)) / len(a)) ** 0.5)),
        Mistake("Yours is right as long as neither is ahead. What is the variance of numbers whose mean is not zero?",
                _with(lambda a, b: 100 * (_split(a, b) / len(a)) ** 0.5)),
        Mistake("Your middle is the share of images on which they disagree. Which number has an image that only b gets right?",
                _with(_paired, lambda a, b: 100 * _split(a, b).item())),
        Mistake("Your interval lies on the other side of zero. Which network is to be the better one?",
                _with(_paired, lambda a, b: 100 * (b.float().mean() - a.float().mean()).item())),
        Mistake("Your ends are shares. How many points is 0.01?", lambda a, b: tuple(end / 100 for end in paired_interval(a, b))),
        Mistake("You count only the images on which the two disagree. Out of how many images is an accuracy?",
                lambda a, b: paired_interval(a[a != b], b[a != b])),
        Mistake("Your interval is centred on zero. Where is the difference that was measured?", _with(_paired, lambda a, b: 0.0)),
    ),
)  # fmt: skip

LABS = (STANDARD_ERROR, PAIRED_INTERVAL)
