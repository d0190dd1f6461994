"""Every control of every explorer answers at once, a slider through the box beside it too, and Reset restores."""

import time
from statistics import median

import ipywidgets
import pytest
from makers import MAKERS, PARTNERS, another_value
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cnn_course.widgets.gradient_flow import gradient_norms

LIMIT = 0.06  # seconds at the median
PLAIN = 0.047  # seconds that `plain` takes on two quiet cores, where the limit is meant


def plain():
    """Matplotlib's own work, which tells how fast this machine is just now."""
    figure = Figure((9, 3), dpi=110)
    canvas = FigureCanvasAgg(figure)
    for axes in figure.subplots(1, 3):
        axes.plot(range(10))
    canvas.draw()


def cost(function, *arguments):
    """Seconds of this process's own work, so that a busy machine does not count."""
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


@pytest.mark.parametrize("name", MAKERS)
def test_every_control_answers_quickly_and_reset_restores(name):
    explorer = MAKERS[name]()
    first, seconds, yardstick = (explorer.sentence, explorer.picture), [], []
    gradient_norms.cache_clear()
    assert explorer.sentence.endswith(".") and explorer.picture.startswith(b"\x89PNG")
    boxes = dict(row.children for row in explorer.children[0].children if isinstance(row, ipywidgets.HBox))
    for setting, control in explorer.controls.items():
        if (name, setting) in PARTNERS:
            explorer.set(**PARTNERS[name, setting])
        before, value = (explorer.sentence, explorer.picture), another_value(control)
        box = boxes.get(control, control)
        assert box.description == control.description
        seconds.append(cost(setattr, box, "value", value))
        assert control.value == value
        assert explorer.settings[setting] == value and not explorer.problem
        assert (explorer.sentence, explorer.picture) != before, f"{setting} changes nothing"
        yardstick.append(cost(plain))
        seconds.append(cost(explorer.reset))
        assert box.value == control.value
        assert explorer.settings == explorer.defaults and (explorer.sentence, explorer.picture) == first
    limit = LIMIT * max(1, median(yardstick) / PLAIN)
    assert median(seconds) <= limit, f"redraws take {median(seconds):.3f} s; the limit is {limit:.3f} s here"
