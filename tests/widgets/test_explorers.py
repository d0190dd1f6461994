"""What all explorers share: every control answers at once, Reset restores, the impossible is explained, nothing leaks."""

import base64
import gc
import json
import time
from statistics import median

import ipywidgets
import pytest
import torch

from cnn_course import data, experiments, plots, training, widgets
from cnn_course.widgets.explorer import Explorer, slider
from cnn_course.widgets.gradient_flow import gradient_norms
from cnn_course.widgets.windows import OWN


def noise(seed, source="CIFAR-10"):
    images = torch.randint(256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    split = data.Split(images, torch.arange(8))
    return data.Cifar10(split, split, source=source)


def own():
    row = {"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.3, "test_loss": 2.0, "test_accuracy": 0.3, "seconds": 9.0}
    return training.History("lenet5", "CIFAR-10", 0, 62_006, 5_000, rows=[row])


MAKERS = {
    "convolution": widgets.convolution,
    "first_filter": lambda: widgets.first_filter(noise(0)),
    "activation": widgets.activation,
    "groups": widgets.groups,
    "augmentation": lambda: widgets.augmentation(noise(0)),
    "receptive_field": widgets.receptive_field,
    "one_by_one": widgets.one_by_one,
    "bottleneck": lambda: widgets.bottleneck(experiments.recorded("bottleneck")),
    "inception_block": widgets.inception_block,
    "residual_block": widgets.residual_block,
    "gradients": widgets.gradients,
    "dense_block": widgets.dense_block,
    "compare": lambda: widgets.compare(experiments.recorded("lesson"), own()),
}
# Moves that need a partner: a text that only counts for own numbers, groups that must divide, a shortcut where shapes differ.
PARTNERS = {
    ("convolution", "numbers"): {"kernel": 3, "kind": "own numbers"},
    ("receptive_field", "kernel"): {"name": OWN},
    ("receptive_field", "channels"): {"stride": 1, "pooling": 0},
    ("groups", "groups"): {"in_channels": 96, "out_channels": 96},
    ("residual_block", "shortcut"): {"stride": 2},
}
IMPOSSIBLE = {"convolution": {"size": 4, "kernel": 7}, "groups": {"groups": 3}, "bottleneck": {"width": 256}}


def test_these_are_all_explorers():
    assert set(MAKERS) == set(widgets.__all__) - {"Explorer"}


def another_value(control):
    """A value near the present one."""
    if isinstance(control, ipywidgets.Checkbox):
        return not control.value
    if isinstance(control, ipywidgets.Text):
        return control.value.replace("4", "5")
    if hasattr(control, "options"):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
        place = values.index(control.value)
        return values[place + 1 if place + 1 < len(values) else place - 1]
    return control.value + control.step if control.value + control.step <= control.max else control.value - control.step


def cost(function, *arguments):
    """Seconds of this process's own work, so that a busy machine does not count."""
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def slowness():
    """How much slower than on two quiet cores, where a plain figure of three panels takes 55 ms, this machine is now."""

    def plain():
        figure = plots.Figure("Plain", (9, 3))
        for axes in figure.subplots(1, 3):
            axes.plot(range(10))
        figure.png()

    return max(1, median(cost(plain) for _ in range(7)) / 0.055)


@pytest.mark.parametrize("name", MAKERS)
def test_every_control_answers_quickly_and_reset_restores(name):
    explorer = MAKERS[name]()
    first, seconds = (explorer.sentence, explorer.picture), []
    gradient_norms.cache_clear()
    assert explorer.sentence.endswith(".") and explorer.picture.startswith(b"\x89PNG")
    for setting, control in explorer.controls.items():
        if (name, setting) in PARTNERS:
            explorer.set(**PARTNERS[name, setting])
        before, value = (explorer.sentence, explorer.picture), another_value(control)
        seconds.append(cost(setattr, control, "value", value))
        assert explorer.settings[setting] == value and not explorer.problem
        assert (explorer.sentence, explorer.picture) != before, f"{setting} changes nothing"
        seconds.append(cost(explorer.reset))
        assert explorer.settings == explorer.defaults and (explorer.sentence, explorer.picture) == first
    limit = 0.06 * slowness()
    assert median(seconds) <= limit, f"redraws take {median(seconds):.3f} s; the limit is {limit:.3f} s here"


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_the_impossible_is_explained_and_the_picture_stays(name):
    explorer = MAKERS[name]()
    first = (explorer.sentence, explorer.picture)
    explorer.set(**IMPOSSIBLE[name])
    assert explorer.problem and explorer.problem[-20:] in explorer._words.value
    assert (explorer.sentence, explorer.picture) == first
    explorer.reset()
    assert not explorer.problem and explorer.sentence[:20] in explorer._words.value
    with pytest.raises(ValueError, match="no setting colour"):
        explorer.set(colour=1)


@pytest.mark.parametrize("name", MAKERS)
def test_without_widgets_the_default_sentence_and_picture_stand_in(name):
    explorer = MAKERS[name]()
    bundle, metadata = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == metadata["image/png"]["alt"] == explorer.sentence
    assert base64.b64decode(bundle["image/png"]) == explorer.picture
    json.dumps(bundle)


@pytest.mark.parametrize("make", [widgets.first_filter, widgets.augmentation])
def test_the_stored_text_is_the_same_for_all_images_and_the_stand_in_says_so(make):
    real, stand_in = make(noise(0)), make(noise(1, "stand-in"))
    (one, metadata), (two, _) = real._repr_mimebundle_(), stand_in._repr_mimebundle_()
    assert one["text/plain"] == two["text/plain"] == real.sentence == metadata["image/png"]["alt"]
    assert base64.b64decode(one["image/png"]) == real.picture
    assert "application/vnd.jupyter.widget-view+json" in one
    assert stand_in.result.note and not real.result.note
    real.set(**{next(iter(real.controls)): another_value(next(iter(real.controls.values())))})
    assert real._repr_mimebundle_()[0]["text/plain"] == one["text/plain"]  # the default, whatever is on show


def test_an_explorer_in_few_lines():
    def compute(x, y):
        if x + y > 5:
            raise ValueError(f"<{x + y}> is too much")
        return x + y

    def draw(total):
        figure = plots.Figure(figsize=(1, 1))
        figure.text(0, 0, total)
        return figure

    def adjust(controls, result):
        controls["y"].max = 4 - controls["x"].value if result is not None else 9

    sliders = {"x": slider("x", 1, 0, 9), "y": slider("y", 2, 0, 9)}
    explorer = Explorer(sliders, compute, draw, "The sum is {}.".format, adjust=adjust)
    assert explorer.sentence == "The sum is 3." and sliders["y"].max == 3
    sliders["x"].value = 2
    assert explorer.sentence == "The sum is 4."
    sliders["x"].value = 9
    assert explorer.problem == "<11> is too much" and "&lt;11&gt;" in explorer._words.value
    assert explorer.sentence == "The sum is 4."
    explorer.set(x=0, y=4)
    assert explorer.settings == {"x": 0, "y": 4} and explorer.result == 4
    explorer.reset()
    assert explorer.settings == explorer.defaults == {"x": 1, "y": 2}
    with pytest.raises(ValueError, match="default settings"):
        Explorer({"x": slider("x", 9, 0, 9), "y": slider("y", 9, 0, 9)}, compute, draw, str)


def figures():
    gc.collect()
    return sum(type(thing) is plots.Figure for thing in gc.get_objects())


def test_five_hundred_moves_leak_no_figures():
    explorer = Explorer({"x": slider("x", 0, 0, 9)}, lambda x: float(x), lambda x: plots.Figure(f"{x}", (1, 1)), str)
    before = figures()
    for move in range(1, 501):
        explorer.controls["x"].value = move % 10
    assert explorer.sentence == "0.0" and figures() <= before


@pytest.mark.parametrize("name", MAKERS)
def test_an_explorer_keeps_no_figure_and_is_made_of_standard_widgets(name):
    """Standard widgets are all that Colab, VS Code and Notebook know without an extension."""
    before = figures()
    explorer = MAKERS[name]()
    explorer.set(**{next(iter(explorer.controls)): another_value(next(iter(explorer.controls.values())))})
    assert figures() <= before
    inside = [explorer]
    for widget in inside:
        assert widget._model_module in ("@jupyter-widgets/base", "@jupyter-widgets/controls")
        inside += getattr(widget, "children", ())
