"""In tests an explorer's own error is an error, not a sentence."""

import pytest

from cnn_course.widgets.explorer import Explorer


@pytest.fixture(autouse=True)
def errors_are_raised(monkeypatch, request):
    def fail(self, error):
        raise error

    if "errors_are_told" not in request.fixturenames:
        monkeypatch.setattr(Explorer, "_fail", fail)


@pytest.fixture
def errors_are_told():
    """For tests of how they are told."""
