"""Intervals of a record are drawn when a claim asks for one, and once: most conditions fail or hold before they do."""

from functools import cache

import numpy as np
import pytest

from cnn_course.experiments import paired


class Late:
    """An interval of two ends that is drawn when one of them is wanted."""

    def __init__(self, draw):
        self.draw = draw

    def __getitem__(self, end):
        return self.draw()[end]

    def __iter__(self):
        return iter(self.draw())


@pytest.fixture(scope="module", autouse=True)
def drawn_late_and_once():
    bootstrap = paired._bootstrap

    @cache
    def drawn(a, b, images):
        return bootstrap(*(np.frombuffer(bits, dtype=bool).reshape(-1, images) for bits in (a, b)))

    def late(right_a, right_b):
        a, b = (np.asarray(right, dtype=bool) for right in (right_a, right_b))
        return Late(lambda: drawn(a.tobytes(), b.tobytes(), a.shape[1]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paired, "_bootstrap", late)
        yield
