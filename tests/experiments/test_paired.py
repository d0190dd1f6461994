"""Differences and their intervals, against independent arithmetic: loops that draw seeds and images, scipy's Welch test."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import record
from scipy import stats

from cnn_course import experiments, training
from cnn_course.experiments.paired import mean_interval

IMAGES = 2_000


def runs(right):
    """Histories of networks that got these images right: booleans (runs, images)."""
    made = []
    for seed, bits in enumerate(right):
        rows = [{"epoch": 1, "train_accuracy": 0.5, "test_accuracy": bits.mean()}]
        made.append(training.History("lenet5", "CIFAR-10", seed, 1, 1, rows=rows))
        made[-1].keep_right(bits)
    return made


def networks(count, accuracy, seed, spread=0.0):
    """`count` made-up networks that find the same images hard. Their accuracies differ by about `spread`."""
    random = np.random.default_rng(seed)
    ease = np.random.default_rng(99).normal(size=IMAGES)
    level = stats.norm.ppf(accuracy) * 1.5 + spread * random.normal(size=count)
    return np.stack([ease + 0.5 * random.normal(size=IMAGES) + one > 0 for one in level])


def difference(a, b):
    return experiments.difference("a", "b", runs(a), runs(b))


def test_the_interval_is_that_of_a_bootstrap_over_seeds_and_images():
    a, b = networks(3, 0.80, 1, spread=0.1), networks(4, 0.78, 2, spread=0.1)
    random, drawn = np.random.default_rng(7), []
    for _ in range(4_000):
        images = random.integers(IMAGES, size=IMAGES)
        seeds = random.integers(3, size=3), random.integers(4, size=4)
        drawn.append(100 * (a[seeds[0]][:, images].mean() - b[seeds[1]][:, images].mean()))
    found = difference(a, b)
    assert found.points == pytest.approx(100 * (a.mean() - b.mean()))
    assert found.interval == pytest.approx(np.percentile(drawn, (2.5, 97.5)), abs=0.15)
    assert found.basis == "paired" and found.seeds == (3, 4)


def test_the_two_questions_have_answers_of_their_own():
    a, b = networks(3, 0.80, 1, spread=0.1), networks(4, 0.78, 2, spread=0.1)
    found = difference(a, b)
    welch = stats.ttest_ind(100 * a.mean(axis=1), 100 * b.mean(axis=1), equal_var=False).confidence_interval()
    assert found.of_seeds == pytest.approx((welch.low, welch.high))
    each = 100 * (a.mean(axis=0) - b.mean(axis=0))
    paired = stats.norm.interval(0.95, each.mean(), stats.sem(each))
    assert found.of_images == pytest.approx(paired, rel=1e-4)


def test_pairing_is_worth_what_the_networks_have_in_common():
    a, b = networks(1, 0.80, 1), networks(1, 0.80, 2)
    with_bits = difference(a, b)
    without = runs(a), runs(b)
    for run in (*without[0], *without[1]):
        run.right = None
    found = experiments.difference("a", "b", *without)
    p = [group.mean() for group in (a, b)]
    half = 1.96 * 100 * sum(share * (1 - share) / IMAGES for share in p) ** 0.5
    assert found.basis == "unpaired" and found.interval == pytest.approx((found.points - half, found.points + half))
    assert with_bits.interval[1] - with_bits.interval[0] < 0.75 * 2 * half


def test_runs_that_kept_their_bits_speak_for_those_that_did_not():
    a, b = runs(networks(3, 0.80, 1)), runs(networks(3, 0.78, 2))
    for run in (*a[1:], *b[1:]):
        run.right = None
    found = experiments.difference("a", "b", a, b)
    alone = experiments.difference("a", "b", a[:1], b[:1])
    assert found.basis == "paired by some" and np.diff(found.of_images) == pytest.approx(np.diff(alone.of_images))
    assert found.seeds == (3, 3) and "paired by some" in str(found)


def test_runs_that_were_tested_on_other_images_are_not_compared():
    a, b = runs(networks(2, 0.80, 1)), runs(networks(2, 0.78, 2)[:, :1_000])
    with pytest.raises(ValueError, match="a and b were measured on 1,000 test and 2,000 test images; compare like with like"):
        experiments.difference("a", "b", a, b)
    for run in a:
        run.held_out_images = None
    with pytest.raises(ValueError, match="the runs of a and a do not say how many images"):
        experiments.difference("a", "a", a, a)


def test_the_same_network_twice_differs_by_nothing():
    a = networks(2, 0.8, 1)
    found = difference(a, a)
    assert (found.points, found.of_images) == (0, (0, 0)) and not found.decided


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 1000))
def test_the_other_way_round_all_signs_turn(count_a, count_b, seed):
    a, b = networks(count_a, 0.7, seed), networks(count_b, 0.75, seed + 1)
    one, other = difference(a, b), difference(b, a)
    assert one.points == pytest.approx(-other.points) and one.missed == pytest.approx(other.missed, abs=0.2)
    for name in ("interval", "of_images") + ("of_seeds",) * (one.of_seeds is not None):
        low, high = getattr(other, name)
        assert getattr(one, name) == pytest.approx((-high, -low), abs=0.2), name


def test_it_says_in_words_what_it_found():
    far = difference(networks(3, 0.9, 1), networks(3, 0.6, 2))
    assert (
        far.decided and str(far).startswith(f"a against b: +{far.points:.1f} points, 95% interval +") and str(far).endswith(")")
    )
    near = str(difference(networks(3, 0.8, 1), networks(3, 0.8, 2)))
    assert "it may be none, and is at most " in near and "other seeds " in near and "other images " in near
    alone = record(a=(0.9,), b=(0.7, 0.7)).difference("a", "b")
    assert "one seed, so nothing is known of others" in str(alone) and str(alone).endswith("other seeds may turn it round")
    few = record(a=(0.96, 0.90), b=(0.84, 0.80)).difference("a", "b")
    assert str(few).endswith("other seeds may turn it round") and not few.decided and few.interval[0] > 0
    assert "-0.0" not in str(record(a=(0.9,), b=(0.90001,)).difference("a", "b"))


def test_what_may_have_been_missed_is_what_either_interval_allows():
    two = record(a=(0.90, 0.86), b=(0.87, 0.87)).difference("a", "b")
    assert two.missed == max(map(abs, two.of_seeds)) > 2 * max(map(abs, two.interval))
    assert str(two).endswith(f"is at most {two.missed:.1f}")
    one = record(a=(0.90,), b=(0.89, 0.90)).difference("a", "b")
    assert one.missed == max(map(abs, one.interval))


def test_the_interval_of_a_mean_is_students_over_seeds_and_wider_over_images():
    percent = [80.0, 82.0, 81.0]
    assert mean_interval(percent) == pytest.approx(stats.t.interval(0.95, 2, np.mean(percent), stats.sem(percent)), rel=1e-4)
    low, high = mean_interval(percent, 1_000)
    assert (low + high) / 2 == pytest.approx(81) and high - low > np.diff(mean_interval(percent))
    assert mean_interval([80.0]) == (80, 80) and mean_interval([50.0], 10_000) == pytest.approx((50 - 0.98, 50 + 0.98))
