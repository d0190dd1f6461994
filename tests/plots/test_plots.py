"""Every figure with realistic data: nothing cut off, no words over words, the numbers that were put in."""

import gc
import io
import json
import math
import re
import subprocess
import sys
import warnings
import weakref

import matplotlib
import matplotlib.style
import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import FancyArrowPatch
from PIL import Image
from torch import nn

from cnn_course import data, models, plots
from cnn_course.experiments import Record
from cnn_course.plots import boxes, canvas, diagrams
from cnn_course.plots.canvas import spread
from cnn_course.training import Evaluation, History

COURSE = {
    "lenet5": (0.68, 61_706),
    "alexnet_cifar": (0.84, 310_000),
    "vgg_cifar": (0.90, 292_000),
    "nin_cifar": (0.89, 340_000),
    "googlenet_cifar": (0.915, 275_000),
    "resnet20": (0.917, 269_722),
    "densenet_cifar": (0.92, 255_000),
}


def history(name, seed=0, epochs=12, source="CIFAR-10"):
    top, parameters = COURSE.get(name, (0.9, 270_000))
    noise, rows = np.random.RandomState(seed), []
    for epoch in range(1, epochs + 1):
        done = 1 - np.exp(-epoch / 4)
        test = 0.3 + (top - 0.3) * done + 0.005 * noise.randn()
        rows.append(
            {
                "epoch": epoch,
                "train_loss": 2.2 - 1.6 * done,
                "train_accuracy": test + 0.01,
                "test_loss": 2 - 1.4 * done,
                "test_accuracy": test,
                "seconds": 20.0,
            }
        )
    return History(name, source, seed, parameters, 50_000, held_out_images=10_000, rows=rows)


RUNS = {name: [history(name, seed) for seed in range(3)] for name in COURSE}
SMALL = torch.from_numpy(np.random.RandomState(0).randint(0, 256, (40, 3, 32, 32), dtype=np.uint8))
LABELS = torch.arange(40) % 10
YEARS = {2010: 28.2, 2011: 25.8, 2012: 16.4, 2013: 11.7, 2014: 6.7, 2015: 3.57, 2016: 2.99, 2017: 2.25}
WINNERS = {2010: "NEC-UIUC", 2012: "AlexNet", 2014: "GoogLeNet", 2015: "ResNet", 2016: "Trimps-Soushen"}
LAYERS = {f"conv{i}": {"parameters": 10.0**i, "multiply-adds": 10.0 ** (9 - i)} for i in range(1, 8)}
LONG = "A title that is so long that it has to be wrapped, or else it would run out of the figure"
BLOCKS = {"residual": (models.BasicBlock(8, 8), (8, 4, 4)), "dense layer": (models.DenseLayer(8, 4), (8, 4, 4))}

FIGURES = {
    "bars": lambda: plots.bars({"AlexNet": 61e6, "VGG-16": 138e6, "GoogLeNet": 7e6}, LONG, "parameters", note="A note."),
    "bars, both signs": lambda: plots.bars({"a": -3.5, "b": 12.25, "c": 0.0}, "Gains and losses", "points"),
    "bars with errors": lambda: plots.bars(
        {"no flip": 91.3, "flip": 92.6},
        "Flips help",
        "accuracy (%)",
        errors={"no flip": 0.3, "flip": 0.2},
        limit=(90, 94),
        mark="flip",
    ),
    "grouped": lambda: plots.bars({b: {"with 1x1": 4e5, "without": 1.1e6} for b in ("3a", "3b")}, "Groups", "weights"),
    "stacked": lambda: plots.bars(
        {n: {"1x1": 25, "other": 70, "dense": 5} for n in ("VGG", "NIN")}, "Shares", "share (%)", stacked=True, limit=(0, 100)
    ),
    "side_by_side": lambda: plots.side_by_side(LAYERS, LONG, mark="conv2"),
    "lines": lambda: plots.lines(
        {n: [0.5, 0.7, 0.8 + i / 500] for i, n in enumerate(COURSE)},
        "Lines that end together",
        "epoch",
        "accuracy",
        errors={"resnet20": 0.02},
        marks={"cut": 2},
    ),
    "lines, log": lambda: plots.lines({"plain": {1: 1, 8: 1e-3, 64: 1e-6}}, "Gradients", "depth", "norm", log="xy"),
    "scatter": lambda: plots.scatter({n: (p / 1e6, 100 * a) for n, (a, p) in COURSE.items()}, "Crowded", "x", "y", log="x"),
    "timeline": lambda: plots.timeline(YEARS, LONG, "top-5 error (%)", WINNERS, band=(4, 12, "two trained humans")),
    "histogram": lambda: plots.histogram({"tanh": np.sin(np.arange(999)), "ReLU": np.arange(999) / 999}, "Two", "activation"),
    "heat": lambda: plots.heat(np.arange(30).reshape(5, 6), [f"layer {i}" for i in range(5)], list("abcdef"), LONG, "weight"),
    "heat, both signs": lambda: plots.heat(torch.randn(3, 3), title="A kernel"),
    "images": lambda: plots.images(
        SMALL[:10],
        [f"a {c}" for c in data.CLASSES],
        LONG,
        rows=["first", "second"],
        columns=5,
        overlays=[torch.rand(8, 8)] * 10,
        frames=["red"] * 10,
    ),
    "samples": lambda: plots.samples(data.Split(SMALL, LABELS), 3),
    "one curve": lambda: plots.curves(history("resnet20", epochs=1, source="stand-in")),
    "curves": lambda: plots.curves(RUNS, LONG, ("loss", "accuracy", "error")),
    "curves over images": lambda: plots.curves(RUNS, LONG, "accuracy", train=False, x="images", level=(50, "half")),
    "an experiment": lambda: plots.experiment(Record("norm", "?", "", runs=RUNS), LONG, training=True, own=history("resnet20")),
    "differences": lambda: plots.differences({"a": Record("norm", "?", "", runs=RUNS).difference("resnet20", "lenet5")}, LONG),
    "parameters": lambda: plots.parameters_against_accuracy(RUNS, own=history("resnet20", epochs=2)),
    "confusion": lambda: plots.confusion(Evaluation(1.0, 0.5, LABELS.roll(1)), LABELS),
    "filters": lambda: plots.filters(nn.Conv2d(3, 70, 11)),
    "filters, deep": lambda: plots.filters(torch.randn(4, 40, 3, 3), title=LONG),
    "feature_maps": lambda: plots.feature_maps({"conv1": torch.rand(16, 32, 32), "conv2": torch.rand(1, 4, 16, 16)}),
    "parameters_by_layer": lambda: plots.parameters_by_layer(models.build("alexnet", device="meta")),
    "parameters_by_stage": lambda: plots.parameters_by_layer(models.build("resnet20", device="meta"), by="stage"),
    "receptive_field": lambda: plots.receptive_field(SMALL[0], [3, 5, 7, 15, 31, 63], title=LONG),
    "Inception": lambda: diagrams.block(models.Inception(192, 64, 96, 128, 16, 32, 32), (192, 28, 28)),
    "basic block": lambda: diagrams.block(models.BasicBlock(16, 32, stride=2, shortcut="A"), (16, 32, 32)),
    "bottleneck": lambda: diagrams.block(models.Bottleneck(64, 64), (64, 56, 56)),
    "dense block": lambda: diagrams.block(models.DenseBlock(4, 64, 32), (64, 56, 56)),
    "all see all": lambda: diagrams.dense_block(models.DenseBlock(5, 64, 32)),
    "blocks": lambda: diagrams.blocks(BLOCKS, LONG),
    **{
        name: lambda name=name: diagrams.network(models.build(name, device="meta"))
        for name in ("lenet5", "vgg16", "googlenet", "densenet121")
    },
}


def words(figure):
    """The visible texts of a figure."""
    texts = list(figure.texts)
    for axes in figure.axes:
        texts += axes.texts
        if axes.axison:
            texts += [axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title]
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                labels = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
                texts += [label for place, label in labels if low <= place <= high]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


@pytest.fixture(scope="module", params=list(FIGURES))
def figure(request):
    before = dict(matplotlib.rcParams)
    figure = FIGURES[request.param]()
    figure.canvas.draw()
    assert dict(matplotlib.rcParams) == before  # the style ends with the function
    return figure


def test_nothing_is_cut_off(figure):
    wide, tall = figure.bbox.size
    for text in words(figure):
        box = text.get_window_extent()
        assert min(box.x0, box.y0) >= -0.5 and box.x1 <= wide + 0.5 and box.y1 <= tall + 0.5, text.get_text()


def test_no_words_over_words(figure):
    boxes = [(text.get_text(), text.get_window_extent().padded(-2)) for text in words(figure)]
    for i, (text, a) in enumerate(boxes):
        for other, b in boxes[i + 1 :]:
            assert not (a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1), f"{text!r} over {other!r}"


def test_words_are_large_enough(figure):
    width = figure.get_size_inches()[0]
    for text in words(figure):  # 9 points at 6.4 inches, 8 on a slide
        assert text.get_fontsize() >= (8 if width > 9 else 9 if text.axes is None else 8), text.get_text()


def said(figure):
    return [text.get_text() for text in words(figure)]


def test_a_figure_is_a_picture_and_a_sentence():
    figure = plots.bars({"a": 1, "b": 2}, "B is twice as large", "metres")
    bundle, metadata = figure._repr_mimebundle_()
    assert bundle["image/png"].startswith("iVBORw0KGgo")
    assert metadata["image/png"]["alt"] == bundle["text/plain"] == repr(figure) == "Bars: B is twice as large (a, b)"
    assert figure.png()[:4] == b"\x89PNG"


def test_sentences_hold_no_measured_number():
    for draw in (plots.curves, plots.parameters_against_accuracy):
        assert draw([history("resnet20", 1)]).alt == draw([history("resnet20", 2)]).alt


def test_figures_from_the_stand_in_say_so():
    note = history("resnet20", source="stand-in").note
    assert "stand-in" in note and any(note in text for text in said(plots.curves(history("resnet20", source="stand-in"))))


def test_no_pyplot_and_the_palette_of_seaborn():
    code = (
        "import json, sys, cnn_course.plots, cnn_course.show; "
        "print('matplotlib.pyplot' in sys.modules); import seaborn; "
        "print(json.dumps(seaborn.color_palette('colorblind').as_hex()))"
    )
    pyplot, hexes = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split("\n")[:2]
    assert pyplot == "False" and json.loads(hexes) == list(plots.PALETTE)


def test_a_colour_for_each_family():
    assert len({to_hex(c) for c in plots.FAMILY_COLOURS.values()}) == len(plots.FAMILY_COLOURS)
    assert set(models.FAMILIES) <= set(plots.FAMILY_COLOURS)
    for name in models.names():
        assert plots.family(name) in (models.family(name), "Plain")


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=12), st.floats(0.1, 20))
@settings(max_examples=60, deadline=None)
def test_spread_keeps_order_and_distance(wanted, gap):
    places = spread(wanted, gap)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(places[order]) >= gap - 1e-6).all()
    if (np.diff(np.sort(wanted)) >= gap).all():
        assert np.allclose(places, wanted)


def test_spread_stays_inside():
    assert np.allclose(spread([5, 5, 5], 1, 0, 5), [3, 4, 5]) and np.allclose(spread([0, 0], 2, 0, 9), [0, 2])


@pytest.mark.parametrize(
    "number, text",
    [
        (7, "7"),
        (9_999, "9,999"),
        (61_706, "61.7 k"),
        (60_965_224, "61.0 M"),
        (999_999, "1.00 M"),
        (15_470_264_320, "15.5 G"),
        (0.12345, "0.123"),
        (-2.5, "−2.5"),
        (-12_345, "−12.3 k"),
        (-1_234, "−1,234"),
        (-0.0, "0"),
        (math.nan, "–"),
        (999.4, "999"),
        (999.6, "1,000"),
        (np.float32(2.5), "2.5"),
        (torch.tensor(-2.5), "−2.5"),
        (-math.inf, "−∞"),
    ],
)
def test_short(number, text):
    assert plots.short(number) == text


def test_names_and_errors_may_be_numbers_and_columns_of_pandas():
    values = pd.Series({8: 79.3, 16: 84.2})
    bars = plots.bars(values, errors=pd.Series({8: 0.5, 16: 0.4}), colours={8: "#ff0000"})
    assert "#ff0000" in {to_hex(patch.get_facecolor()) for patch in bars.axes[0].patches}
    lines = plots.lines({8: [1, 2], 16: [2, 3]}, errors={8: 0.1}, dashed=(8,), colours={16: "#00ff00"})
    dashed, solid = lines.axes[0].lines[:2]
    assert dashed.get_linestyle() == "--" and solid.get_linestyle() == "-" and solid.get_color() == "#00ff00"
    assert len(lines.axes[0].collections) == 1  # the band
    frame = pd.DataFrame({"x": [1, 2], "y": [3, 4]}, index=["a", "b"])
    assert {"a", "b"} <= set(said(plots.scatter(frame, own=frame, errors={"a": 0.1})))
    assert len(plots.histogram(pd.Series(np.arange(50.0))).axes[0].lines) <= 1  # one group, not fifty
    assert {"t", "u"} <= set(said(plots.heat(pd.DataFrame(np.eye(2), list("rs"), list("ab")), rows=pd.Index(list("tu")))))


def test_a_format_writes_the_numbers_and_an_empty_one_hides_them():
    assert "1.2" in said(plots.bars({"a": 1.23}, text="{:.1f}")) and "1.23" not in said(plots.bars({"a": 1.23}, text=""))
    assert "0.50" in said(plots.heat([[0.5, 1.0]], text="{:.2f}"))


def test_colours_of_rows_side_by_side_go_by_numbers_too():
    figure = plots.side_by_side({1: {"a": 1}, 2: {"a": 2}}, colours={1: "#ff0000"})
    assert to_hex(figure.axes[0].patches[0].get_facecolor()) == "#ff0000"


@pytest.mark.parametrize("shade", [*plots.PALETTE, "white", "black"])
def test_readable_has_contrast(shade):
    part = np.array(plots.readable(shade))
    light = np.where(part <= 0.03928, part / 12.92, ((part + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)
    assert 1.05 / (light + 0.05) >= 4.49


def test_bars_are_as_long_as_their_values():
    figure = plots.bars({"VGG-16": 138, "ResNet-50": 25.6}, unit="million")
    assert [bar.get_width() for bar in figure.axes[0].patches] == [138, 25.6]
    assert [to_hex(bar.get_facecolor()) for bar in figure.axes[0].patches] == [plots.FAMILY_COLOURS[f] for f in ("VGG", "ResNet")]
    assert "25.6" in said(figure)
    assert not plots.bars({"a": 91, "b": 92}, limit=(90, 93)).axes[0].patches  # a bar that does not start at 0 would lie


def test_bars_of_nothing_and_a_stack_of_one():
    assert "a" in said(plots.bars({"a": math.nan}))
    flat = plots.bars({"a": 1, "b": 2}, stacked=True)
    assert flat.alt.startswith("Bars") and [bar.get_width() for bar in flat.axes[0].patches] == [1, 2]


def test_a_histogram_tells_shares_of_all_values_of_those_beyond_its_limits_too():
    (area,) = plots.histogram([0.5] * 50 + [9.0] * 50, xlim=(0, 1)).axes[0].collections
    assert area.get_paths()[0].vertices[:, 1].max() == pytest.approx(0.5)


def test_curves_of_training_only_over_images():
    run = history("resnet20")
    figure = plots.curves(run, metrics="error", train="only", x="images", level=(25, "25 %"))
    line, level = figure.axes[0].lines
    assert line.get_xdata() == pytest.approx([row["epoch"] * run.train_images for row in run.rows])
    assert line.get_ydata() == pytest.approx([100 - 100 * row["train_accuracy"] for row in run.rows])
    assert level.get_ydata() == [25, 25] and figure.axes[0].get_ylabel() == "training error (%)"


def test_curves_draw_what_was_measured():
    run = history("resnet20")
    axes = plots.curves(run, metrics="error").axes[0]
    errors = [100 - 100 * row["test_accuracy"] for row in run.rows]
    assert any(np.allclose(line.get_ydata(), errors) for line in axes.lines if len(line.get_ydata()) == len(errors))


def test_confusion_takes_logits_and_a_split():
    told = [said(plots.confusion(says, data.Split(SMALL, LABELS))) for says in (LABELS.roll(1), torch.eye(10)[LABELS.roll(1)])]
    assert told[0] == told[1] == said(plots.confusion(LABELS.roll(1), LABELS))
    assert told[0] == said(plots.confusion(LABELS.roll(1), LABELS, np.array(data.CLASSES)))


@pytest.mark.parametrize("one", [SMALL[0], SMALL[0].permute(1, 2, 0).numpy(), SMALL[0, 0]])
def test_one_image_is_one_picture(one):
    (drawn,) = plots.images(one).axes[0].images
    assert drawn.get_array().shape[:2] == (32, 32)


def test_a_split_gives_its_images():
    assert len(plots.images(data.Split(SMALL, LABELS)).axes[0].images) == 40
    assert len(plots.images(np.zeros((16, 4, 4))).axes[0].images) == 16


def test_a_figure_is_shown_within_a_cell(capsys):
    plots.bars({"a": 1}, "A bar").show()
    assert capsys.readouterr().out == "Bars: A bar (a)\n"


def test_confusion_counts_by_true_class():
    figure = plots.confusion(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 1]), classes=("cat", "dog"))
    numbers = {text.get_position(): text.get_text() for text in figure.axes[0].texts if text.get_text()}
    assert {(x - 0.5, y - 0.5): word for (x, y), word in numbers.items()} == {(1, 0): "33", (0, 0): "67", (1, 1): "100"}


def test_parameters_by_layer_shares():
    texts = said(plots.parameters_by_layer(models.build("alexnet_two_gpus", device="meta")))
    assert "61.9%" in texts and "fc6" in texts and "parameters: 61.0 M in all" in texts


@pytest.mark.parametrize("by", ["layer", "stage"])
def test_parameters_by_layer_are_shares_of_the_whole_network_norms_too(by):
    net = nn.Sequential(nn.Conv2d(2, 4, 1, bias=False), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1, bias=False))
    texts = said(plots.parameters_by_layer(net, by, input_shape=(2, 8, 8)))
    assert "parameters: 24 in all" in texts and texts.count("33.3%") == (3 if by == "stage" else 2)


def test_feature_maps_are_as_many_as_there_are_and_stand_in_the_row_of_their_layer():
    assert plots.feature_maps(torch.zeros(3, 4, 4)).alt == "3 images: The first 3 channels"
    figure = plots.feature_maps({"conv1": torch.rand(16, 8, 8)}, n=9)
    assert "conv1\n16 x 8x8" in said(figure) and len({image.get_extent()[2] for image in figure.axes[0].images}) == 1


def test_receptive_field_boxes():
    figure = plots.receptive_field(SMALL[0], {"3x3": 3, "all": 99})
    small, large = figure.axes[0].patches[1], figure.axes[0].patches[3]
    assert (small.get_x(), small.get_y(), small.get_width(), small.get_height()) == (14.5, 14.5, 3, 3)
    assert (large.get_x(), large.get_width()) == (-0.5, 32) and "all (more than the image)" in said(figure)
    wide = plots.receptive_field(torch.rand(3, 16, 20), pd.Series({"a": 16, "b": 18}))
    assert {"a", "b (more than the image)"} <= set(said(wide))


def test_block_diagrams_tell_the_channels():
    inception = said(diagrams.block(models.Inception(192, 64, 96, 128, 16, 32, 32, batch_norm=True), (192, 28, 28)))
    assert inception.count("conv 1x1\nBN, ReLU") == 4 and {"64", "96", "128", "16", "32", "256", "256x28x28"} <= set(inception)
    plain = said(diagrams.block(models.BasicBlock(64, 64, shortcut="none"), (64, 8, 8)))
    assert "+" not in plain and "conv 3x3\nBN, ReLU" in plain
    assert "+" in said(diagrams.block(models.BasicBlock(64, 64), (64, 8, 8)))
    assert said(diagrams.block(models.PreActBasicBlock(64, 64), (64, 8, 8))).count("BN, ReLU\nconv 3x3") == 2
    dense = said(diagrams.block(models.DenseBlock(3, 64, 32), (64, 8, 8)))
    assert dense.count("concat") == 3 and {"64", "96", "128", "160"} <= set(dense)


class Cut(nn.Module):
    def __init__(self, cut):
        super().__init__()
        self.cut, self.conv = cut, nn.Conv2d(8, 4, 1)

    def forward(self, x):
        return self.cut(self.conv(x))


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (lambda x: x[:, :, ::2, ::2], "every 2nd pixel"),
        (lambda x: x[:, :, ::3, ::3], "every 3rd pixel"),
        (lambda x: x[:, :3], "3 of 4 channels"),
        (lambda x: x[:, :, 1:, 1:], "crop"),
        (lambda x: x[:, :, :4, :4], "crop"),
        (lambda x: x[:, :, 0, 0], "slice"),
        (lambda x: x[:, 0], "slice"),
        (lambda x: x[:, :, ::1, ::1], None),
        (lambda x: F.pad(x, (0, 0, 0, 0, 0, 4)), "zero channels"),
        (lambda x: F.pad(x, (1, 1, 1, 1)), "padding"),
        (nn.AdaptiveAvgPool2d(1), "global average pool"),
        (nn.AdaptiveAvgPool2d((1, 1)), "global average pool"),
        (nn.AdaptiveMaxPool2d(4), "max pool to 4x4"),
    ],
)
def test_a_diagram_tells_what_is_cut_off_padded_and_pooled(cut, words):
    made = boxes.boxes_of(Cut(cut), (8, 7, 7))[1:-1]
    assert [line for box in made for line in box.lines] == ["conv 1x1", *filter(None, [words])]


def test_in_a_dense_block_all_see_all():
    figure = diagrams.dense_block(models.DenseBlock(3, 64, 16))
    texts = said(figure)
    assert {"layer 1\nreceives 64", "layer 2\nreceives 80", "layer 3\nreceives 96", "all maps\n112", "input: 64"} <= set(texts)
    assert texts.count("16") == 3  # the maps that each layer makes
    arrows = [artist for artist in figure.findobj(FancyArrowPatch)]
    assert len(arrows) == 1 + 2 + 3 + 4  # a layer receives one line more than that before it, and so does the end


def test_blocks_are_drawn_side_by_side_under_their_names():
    figure = diagrams.blocks(BLOCKS, "Two")
    places = {text.get_text(): text.get_position()[0] for text in words(figure)}
    assert places["residual"] < places["dense layer"] and {"+", "concat", "Two"} <= set(places)
    assert "Yellow" in str(said(figure)) and "conv 1x1" in str(said(figure))
    assert "Yellow" not in str(said(diagrams.blocks({"residual": BLOCKS["residual"]})))


def test_block_leaves_the_module_alone():
    block = models.BasicBlock(8, 8)
    before = {name: tensor.clone() for name, tensor in block.state_dict().items()}
    diagrams.block(block, (8, 4, 4))
    assert block.training and all(torch.equal(before[name], tensor) for name, tensor in block.state_dict().items())


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_a_wrapped_network_is_drawn_as_the_one_inside(wrap):
    net, block = models.build("lenet5", device="meta"), models.BasicBlock(8, 8)
    for draw in (diagrams.network, plots.parameters_by_layer):
        assert (draw(wrap(net)).alt, said(draw(wrap(net)))) == (draw(net).alt, said(draw(net)))
    assert diagrams.block(wrap(block), (8, 4, 4)).alt == diagrams.block(block, (8, 4, 4)).alt


def test_network_counts():
    texts = said(diagrams.network(models.build("vgg16", device="meta")))
    assert {"103 M", "2 × conv 3x3\nmax pool", "512", "7x7", "parameters: 138 M in all"} <= set(texts)


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: plots.bars({}), "empty"),
        (lambda: plots.bars([1, 2]), "values is a list; expected label"),
        (lambda: plots.lines([1, 2, 3]), "series is a list; expected name"),
        (lambda: plots.lines(history("resnet20")), "series is a History"),
        (lambda: plots.scatter([1, 2], [3, 4]), "points is a list; expected name"),
        (lambda: plots.differences([1]), "found is a list; expected {'words'"),
        (lambda: diagrams.blocks([models.BasicBlock(8, 8)]), "parts is a list; expected name"),
        (lambda: plots.lines({"a": np.zeros((2, 2))}), r"\(2, 2\)"),
        (lambda: plots.lines({"a": {"x": 1, "y": 2}, "b": {"y": 3, "x": 4}}), "y, x in 'b' and x, y in 'a'.*pd.DataFrame"),
        (lambda: plots.timeline({}), "values is empty; expected year"),
        (lambda: plots.images(np.zeros((8, 6, 4))), r"shape \(8, 6, 4\); expected"),
        (lambda: plots.lines({"a": [1, 2]}, figsize=(1, 1)), r"\(1, 1\) is too small .*: give a larger figsize, or shorten"),
        (lambda: plots.heat(np.zeros(3)), r"\(3,\)"),
        (lambda: diagrams.network(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), (3, 8, 8)), "Sequential has no convolution and no"),
        (lambda: plots.images([np.zeros((2, 4, 4, 3))]), r"\(2, 4, 4, 3\)"),
        (lambda: plots.images(SMALL[:2], ["a", "b", "c"]), "3 titles for 2 images"),
        (lambda: plots.images(SMALL[:2], "Two images"), "10 titles for 2 images"),
        (lambda: plots.images(np.zeros((401, 4, 4))), "401 images; expected at most 400"),
        (lambda: plots.images((SMALL[:2] / 255 - 0.5) / 0.25), "values from -2.0 to 2.0; expected 0 to 1.*uint8"),
        (lambda: plots.curves(history("resnet20", epochs=0)), "train first"),
        (lambda: plots.curves(history("resnet20"), metrics="loss_rate"), "loss_rate"),
        (lambda: plots.curves({"a": []}), "train first"),
        (lambda: plots.curves(history("resnet20"), history("lenet5")), "title is a History.*several go into one list"),
        (lambda: plots.curves(history("resnet20"), x="time"), '"epoch" or "images"'),
        (lambda: plots.parameters_against_accuracy(RUNS, x="width"), "width"),
        (lambda: plots.confusion(torch.zeros(3, dtype=int), torch.zeros(4, dtype=int)), r"\(3,\) and labels of shape \(4,\)"),
        (lambda: plots.confusion(models.build("lenet5"), LABELS), "evaluate it first"),
        (lambda: plots.confusion(torch.tensor([999]), torch.tensor([0])), "class 999 .* expected 0 to 9: give the names"),
        (lambda: plots.filters(torch.zeros(3, 3)), r"\(3, 3\)"),
        (lambda: plots.feature_maps(torch.zeros(3)), r"\(3,\)"),
        (lambda: plots.receptive_field(SMALL[0], [0]), "at least 1"),
        (lambda: plots.parameters_by_layer(models.build("lenet5"), by="block"), "block"),
        (lambda: diagrams.block(Branching(), (3, 4, 4)), "Branching"),
        (lambda: diagrams.block(models.BasicBlock(8, 8), (3, 4, 4)), "3x4x4"),
        (lambda: diagrams.block("x", (3, 4, 4)), "net is the name 'x'"),
        (lambda: diagrams.block(models.BasicBlock, (3, 4, 4)), "net is the class BasicBlock"),
        (lambda: diagrams.block(models.BasicBlock(8, 8), None), "input_shape of BasicBlock is None"),
        (lambda: diagrams.block(nn.Identity(), (3, 4, 4)), "Identity does nothing with its input"),
        (lambda: diagrams.dense_block(models.DenseBlock(6, 8, 4)), "6 layers"),
        (lambda: diagrams.blocks({}), "parts is empty"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_short_logarithmic_axis_has_numbers_too():
    axes = plots.scatter({"a": (229_866, 1), "b": (291_610, 2)}, "Close", log="x").axes[0]
    low, high = axes.get_xlim()
    assert len([t for t in axes.xaxis.get_ticklabels() if t.get_text()]) >= 3 and low < 229_866 and high > 291_610


def test_notes_say_where_there_is_only_one_run():
    some = {"resnet20": RUNS["resnet20"], "lenet5": RUNS["lenet5"][:1]}
    words = [text.get_text() for figure in (plots.curves(some), plots.parameters_against_accuracy(some)) for text in figure.texts]
    assert "A band is the 95% interval of the mean of 3 seeds (without one: a single run)." in words
    assert "Bars: 95% interval of the mean of 3 seeds (without one: a single run)." in words


def test_words_on_the_x_axis_of_lines_stand_in_their_order():
    axes = plots.lines({"a": {"3a": 1, "pool3": 3, "4a": 2}, "b": {"3a": 2, "pool3": 2, "4a": 2}}, "Blocks").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["3a", "pool3", "4a"]
    assert list(axes.lines[0].get_xdata()) == [1, 2, 3] and list(axes.lines[0].get_ydata()) == [1, 3, 2]
    numbers = plots.lines({"a": {"8": 1, "16": 3}}, "Widths").axes[0]
    assert list(numbers.lines[0].get_xdata()) == [8, 16]


def test_the_name_of_a_line_stands_at_its_last_number():
    ends = [plots.lines({"a": [1, 2, *end]}, ylim=(0, 4)).axes[0].texts[0].xyann for end in ([], [math.nan])]
    assert np.isfinite(ends[1]).all() and ends[1] == pytest.approx(ends[0])


def test_tint():
    assert plots.tint("black", 0.5) == (0.5, 0.5, 0.5) and np.allclose(plots.tint("#0173b2", 1), to_rgb("#0173b2"))


def test_a_figure_that_was_shown_keeps_no_pixels_and_can_be_changed_and_shown_again():
    figure = plots.lines({"a": {1: 2, 3: 4}}, "A line")
    renderer = weakref.ref(figure.canvas.get_renderer())
    first = figure._repr_mimebundle_()
    gc.collect()
    assert renderer() is None  # IPython keeps every figure that a cell shows, and a renderer holds a megabyte
    figure.axes[0].set_xlabel("another name")
    assert figure._repr_mimebundle_() != first


def test_a_log_axis_tells_small_powers_apart():
    figure = plots.lines({"a": [1, 1e-25, 1e-50]}, log="y")
    figure.canvas.draw()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == len(set(labels)) >= 3 and all(re.fullmatch(r"10*|1e−[1-9]\d*", label) for label in labels)


def test_few_even_steps_have_a_tick_each():
    """Odd windows have odd ticks."""
    axes = plots.lines({"a": {3: 1, 5: 2, 7: 3, 9: 4, 11: 5}}).axes[0]
    assert list(axes.get_xticks()) == [3, 5, 7, 9, 11]


# ---------------------------------------------------------------------------- whatever the reader has set or is called
def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB"))


def test_a_figure_is_the_courses_own_whatever_the_readers_style():
    def draw():
        return plots.bars({"김철수": 3, "b": 2}, "Two", "points")

    usual, before = pixels(draw()), dict(matplotlib.rcParams)
    with matplotlib.style.context(["dark_background", "fivethirtyeight"]), matplotlib.rc_context({"font.family": "serif"}):
        inside = dict(matplotlib.rcParams)
        assert (pixels(draw()) == usual).all() and dict(matplotlib.rcParams) == inside
    assert dict(matplotlib.rcParams) == before


@pytest.fixture
def fonts(monkeypatch):
    """Only the fonts that come with matplotlib; the test may add some."""
    own = [entry for entry in canvas.fontManager.ttflist if "mpl-data" in entry.fname]
    listed = list(own)
    monkeypatch.setattr(canvas.fontManager, "ttflist", listed)
    caches = (canvas.in_letters, canvas._font_with, canvas._letters, canvas.text_width)
    for cache in caches:
        cache.cache_clear()
    yield listed
    for cache in caches:
        cache.cache_clear()


def test_a_korean_name_is_written_in_latin_letters_where_no_font_has_its_own_and_that_is_said_once(fonts, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plots.bars({"김철수": 3, "b": 2}, "Two of 김철수", "points")
        first = pixels(figure)
        assert (pixels(plots.bars({"GimCeolSu": 3, "b": 2}, "Two of GimCeolSu", "points")) == first).all()
    assert capsys.readouterr().out == "No font of this machine has the letters 김수철: figures write GimSuCeol.\n"


def test_a_font_that_has_the_letters_is_found(fonts, monkeypatch, capsys):
    """A stand-in for a Korean font: one that claims these letters."""
    font = next(entry for entry in fonts if entry.name == "STIXGeneral")
    known = canvas._letters
    monkeypatch.setattr(
        canvas, "_letters", lambda name: known(name) | (frozenset("김철수") if name == font.name else frozenset())
    )
    assert canvas.in_letters("김철수 a") == ("김철수 a", ("DejaVu Sans", "STIXGeneral"))
    assert canvas.in_letters("naïve – 10 × 3") == ("naïve – 10 × 3", ()) and capsys.readouterr().out == ""


def test_a_network_of_sequences_has_a_diagram_and_what_is_no_image_has_none():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.head = nn.Conv2d(3, 16, 8, 8), nn.Linear(16, 10)
            self.encoder = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)

        def forward(self, images):
            return self.head(self.encoder(self.patches(images).flatten(2).transpose(1, 2)).mean(1))

    assert "encoder" in diagrams.network(Tokens(), (3, 32, 32)).alt
    with pytest.raises(ValueError, match=r"input_shape is \(3,\); a diagram begins with an image"):
        diagrams.network(nn.Linear(3, 3), (3,))
