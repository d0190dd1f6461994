"""What all explorers share: the impossible is explained, a picture stands in, nothing leaks."""

import base64
import gc
import io
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import ipywidgets
import numpy as np
import pytest
from makers import MAKERS, another_value, noise
from matplotlib.text import Text
from PIL import Image

from cnn_course import plots, widgets
from cnn_course.widgets.explorer import Explorer, as_many, in_words, slider, steps
from cnn_course.widgets.scales import even, scale

IMPOSSIBLE = {"convolution": {"size": 4, "kernel": 7}, "groups": {"groups": 3}, "bottleneck": {"width": 256}}


def test_these_are_all_explorers():
    assert set(MAKERS) == set(widgets.__all__) - {"Explorer"}


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


@pytest.mark.parametrize(
    "name, settings, words",
    [
        ("groups", {"kernel": 3, "in_channels": 7}, "in_channels is 7; expected one of 8, 16, 32, 48"),
        ("groups", {"kernel": 99}, "kernel is 99; expected a whole number from 1 to 11"),
        ("groups", {"kernel": 3.5}, "kernel is 3.5; expected a whole number from 1 to 11"),
        ("activation", {"x": "1"}, "x is '1'; expected a number from -5.0 to 5.0"),
        ("receptive_field", {"depth": 3, "pooling": 4}, "pooling is 4; expected one of 0, 1, 2, 3"),
        ("inception_block", {"block": "9z"}, "block is '9z'; expected one of '3a', '3b'"),
        ("dense_block", {"layers": 4, "bottleneck": "no"}, "bottleneck is 'no'; expected one of False, True"),
    ],
)
def test_a_value_that_a_control_cannot_take_moves_none(name, settings, words):
    explorer = MAKERS[name]()
    with pytest.raises(ValueError, match=words):
        explorer.set(**settings)
    assert explorer.settings == explorer.defaults


def test_an_output_beyond_the_last_is_the_last():
    explorer = MAKERS["convolution"]()
    explorer.set(position=10_000)
    assert explorer.result.position == explorer.settings["position"] == 14**2


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


ODD = re.compile(r"(?<![\d.,/x×])1 (pixels|channels|steps|numbers|layers|filters|seeds)\b|(?<![\d.])0% of|−0\.0+(?!\d)")


def ends(control):
    """The values at both ends of a control."""
    if isinstance(control, ipywidgets.Checkbox):
        return [False, True]
    if hasattr(control, "options"):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
        return [values[0], values[-1]] if not isinstance(control.value, tuple) else [tuple(values[:1]), tuple(values)]
    return [] if isinstance(control, ipywidgets.Text) else [control.min, control.max]


def corners(explorer):
    """Settings with one control at an end of its own, and with all at the lower or all at the upper ends."""
    both = {name: ends(control) for name, control in explorer.controls.items() if ends(control)}
    yield from (explorer.defaults | {name: value} for name, values in both.items() for value in values)
    yield from (explorer.defaults | {name: values[end] for name, values in both.items()} for end in (0, 1))


@pytest.mark.parametrize("name", MAKERS)
def test_at_the_ends_of_its_controls_an_explorer_stays_in_its_frame_and_counts_like_people(name):
    explorer, drawn = MAKERS[name](), 0
    for settings in corners(explorer):
        try:
            result = explorer._compute(**settings)
        except ValueError:  # refused in words
            continue
        figure, sentence, drawn = explorer._draw(result), explorer._describe(result), drawn + 1
        figure.canvas.draw()
        wide, tall = figure.bbox.size
        texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
        for text in texts:
            box = text.get_window_extent()
            inside = min(box.x0, box.y0) >= -1 and box.x1 <= wide + 1 and box.y1 <= tall + 1
            assert inside, f"{text.get_text()!r} is cut off with {settings}"
        for said in (sentence, *(text.get_text() for text in texts)):
            assert not ODD.search(said), f"{said!r} with {settings}"
    assert drawn > 2


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


def test_an_explorers_picture_is_the_figure_to_the_pixel():
    figure = plots.Figure("Figure", (3, 2))
    explorer = Explorer({"x": slider("x", 0, 0, 9)}, lambda x: x, lambda x: figure, str)
    pixels = np.asarray(Image.open(io.BytesIO(explorer.picture)))
    assert np.array_equal(pixels, np.asarray(figure.canvas.buffer_rgba())[..., :3]) and pixels.min() < 100


def test_a_linked_control_moves_others_and_a_preset_is_a_button():
    seen = []

    def draw(total):
        seen.append(total)
        return plots.Figure(figsize=(1, 1))

    controls = {"tens": slider("tens", 0, 0, 9), "ones": slider("ones", 0, 0, 9)}
    explorer = Explorer(
        controls,
        lambda tens, ones: 10 * tens + ones,
        draw,
        str,
        linked={"tens": lambda tens: {"ones": tens}},
        presets={"Answer": {"tens": 4, "ones": 2}},
    )
    controls["tens"].value = 3
    explorer.set(tens=5)
    explorer.set(ones=1, tens=7)
    assert seen == [0, 33, 55, 71]  # each with one redraw
    next(part for part in explorer.children[0].children if getattr(part, "description", "") == "Answer").click()
    assert explorer.result == 42
    explorer.reset()
    assert explorer.settings == {"tens": 0, "ones": 0} and seen[4:] == [42, 0]


@pytest.mark.parametrize("side, axis", [("left", 1), ("right", 1), ("bottom", 0)])
def test_a_scale_writes_its_words_beside_their_places(side, axis):
    figure = plots.Figure(figsize=(4, 3))
    axes = figure.add_axes((0.3, 0.3, 0.4, 0.4))
    axes.set(xlim=(0, 5), ylim=(0, 5))
    scale(axes, side, even(0, 5), "label")
    figure.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert list(boxes) == ["0", "1", "2", "3", "4", "5", "label"]
    for number in range(6):
        box, place = boxes[str(number)], axes.transData.transform((number, number))
        middle = (box.x0 + box.x1, box.y0 + box.y1)[axis] / 2
        assert middle == pytest.approx(place[axis], abs=3)  # pixels
        beyond = {"left": axes.bbox.x0 - box.x1, "right": box.x0 - axes.bbox.x1, "bottom": axes.bbox.y0 - box.y1}[side]
        assert 0 < beyond < 15 and not box.overlaps(boxes["label"])


def test_a_ratio_is_told_in_words():
    ratios = {2.44: "2.4 times as many", 1.04: "about as many", 1: "about as many", 0.996: "about as many", 0.42: "42% as many"}
    assert {ratio: as_many(ratio) for ratio in ratios} == ratios


def test_things_are_listed_in_words():
    assert [in_words(items) for items in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


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


@pytest.mark.parametrize("part", ["compute", "draw", "describe"])
def test_an_error_that_nobody_meant_ends_in_a_sentence_beside_the_old_picture(part, errors_are_told):
    def fails(x):
        if x == 3:
            raise KeyError("where is it")
        return x

    def draw(x):
        figure = plots.Figure("A title", (3, 2))
        figure.panel().plot([0, x])
        return figure

    parts = {"compute": lambda x: x, "draw": draw, "describe": lambda x: f"It is {x}."}
    usual = parts[part]
    parts[part] = lambda x: usual(fails(x))
    explorer = Explorer({"x": slider("x", 1, 0, 5)}, **parts)
    before = explorer.picture
    explorer.set(x=3)
    assert "This does not work here: KeyError" in explorer._words.value and explorer.picture == before
    explorer.set(x=2)
    assert not explorer.problem and "It is 2." in explorer._words.value and explorer.picture != before


def test_two_controls_that_two_threads_move_at_once_are_drawn_one_after_the_other():
    """So ipykernel 7 moves them, while style and number of threads belong to the whole process."""
    inside, most = [], []

    def compute(x, y):
        inside.append(1)
        time.sleep(0.05)
        most.append(len(inside))
        inside.pop()
        return x + y

    explorer = Explorer(
        {"x": slider("x", 0, 0, 9), "y": slider("y", 0, 0, 9)}, compute, lambda _: plots.Figure(figsize=(1, 1)), str
    )
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda move: setattr(explorer.controls[move[0]], "value", move[1]), [("x", 3), ("y", 4)]))
    assert most == [1, 1, 1] and explorer.result == 7


def test_the_box_of_a_list_goes_on_to_the_next_value():
    explorer = Explorer({"x": steps("x", [1, 2, 4, 8], 2)}, lambda x: x, lambda _: plots.Figure(figsize=(1, 1)), str)
    box = explorer.children[0].children[0].children[1]
    for typed, value in ((3, 4), (3, 2), (7, 8), (5, 4), (0, 1), (99, 8)):
        box.value = typed
        assert box.value == explorer.result == value
