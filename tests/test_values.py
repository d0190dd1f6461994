"""What counts as a number, and how a refused value is described."""

import numpy as np
import pytest
import torch

from cnn_course import models
from cnn_course.data import augment
from cnn_course.values import is_number, is_whole, kind, suggestion, whole


@pytest.mark.parametrize("value", [3, np.int64(3), torch.tensor(3)])
def test_whole_numbers_of_any_library_become_ints(value):
    assert is_whole(value, 3) and not is_whole(value, 4)
    assert type(whole("size", value, 1)) is int and whole("size", value, 1) == 3


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), 2.0, np.float32(2), "2", None, [2], torch.tensor([2, 3])])
def test_what_is_no_whole_number_is_named(value):
    assert not is_whole(value, 0)
    with pytest.raises(ValueError, match="^size is (?s:.*); expected a whole number of at least 1$"):
        whole("size", value, 1)


@pytest.mark.parametrize(("value", "yes"), [(1, True), (0.5, True), (np.float32(0.5), True), (True, False), ("1", False),
                                            (float("nan"), False), (float("inf"), False), (10**400, False)])  # fmt: skip
def test_numbers_are_finite_and_no_truth(value, yes):
    assert is_number(value) is yes


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: augment.crop(torch.zeros(1, 3, 8, 8), True), "padding is True; expected a whole number of at least 0"),
        (lambda: augment.cutout(torch.zeros(1, 3, 8, 8), True), "size is True; expected a whole number"),
        (lambda: models.build("resnet20", widths=(16, float("nan"), 64)), "widths is nan; expected a whole number"),
        (lambda: models.build("vgg16", image_size=float("inf")), "image_size is inf; expected a whole number"),
    ],
)
def test_they_are_refused_where_they_are_asked_for(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_kind_has_its_article():
    assert [kind(value) for value in (None, 1, "a", np.zeros(1), [])] == ["nothing", "an int", "a str", "an ndarray", "a list"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [("resnt20", "did you mean 'resnet20'? "), (["resnet56"], "did you mean 'resnet56'? "), ("zzz", ""), (None, "")],
)
def test_the_nearest_name_is_suggested_where_one_is_near(asked, words):
    assert suggestion(asked, ("resnet20", "resnet56")) == words
