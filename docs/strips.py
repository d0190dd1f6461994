"""Strips: an explorer at a few settings, one picture and one sentence each, for a page that has no kernel.

The explorers of the package draw them while the site is built; neither a training nor CIFAR-10 is needed. Radio buttons and a
style sheet do the stepping, so a strip works by keyboard and without a script.
"""

import html
import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from cnn_course import data, experiments, widgets


@dataclass(frozen=True)
class Strip:
    """legend: what the reader compares. steps: label of a button -> settings, the others being the defaults."""

    make: Callable[[], widgets.Explorer]
    legend: str
    steps: dict[str, dict]


END = {"position": 10_000}  # the last output there is: nothing is left pale
BARE = {"batch_norm": False}
STRIPS = {  # the function of cnn_course.widgets that a cell calls -> what stands below its picture
    "convolution": Strip(
        widgets.convolution,
        "What each setting does to the size of the output",
        {
            "3x3": END,
            "7x7": {"kernel": 7, **END},
            "padding 1": {"padding": 1, **END},
            "stride 2": {"stride": 2, **END},
            "dilation 2": {"dilation": 2, **END},
            "blur": {"kind": "blur", **END},
        },
    ),
    "receptive_field": Strip(
        widgets.receptive_field,
        "How far a value sees, and where most of its gradient is",
        {
            "1 layer": {"depth": 1},
            "2 layers": {"depth": 2},
            "5 layers": {"depth": 5},
            "12 layers": {"depth": 12},
            "6, pooling after every 2": {"depth": 6, "pooling": 2},
            "vgg_cifar": {"name": "vgg_cifar"},
        },
    ),
    "one_by_one": Strip(
        lambda: widgets.one_by_one(data.photograph(160)),
        "One filter, four weights",
        {
            "red only": {"red": 1.0, "green": 0.0, "blue": 0.0},
            "grey": {"red": 0.3, "green": 0.6, "blue": 0.1},
            "negative": {"red": -0.3, "green": -0.6, "blue": -0.1, "bias": 1.0},
            "blue against red": {"red": -1.0, "green": 0.0, "blue": 1.0},
            "blue against red, ReLU": {"red": -1.0, "green": 0.0, "blue": 1.0, "relu": True},
        },
    ),
    "gradients": Strip(
        widgets.gradients,
        "56 layers before the first step: what lets the gradient through?",
        {
            "weights of 0.01": {"init": "small", **BARE},
            "Glorot": {"init": "Glorot", **BARE},
            "He": BARE,
            "He, batch norm": {},
            "He, skip": {"skip": True, **BARE},
            "He, batch norm, skip": {"skip": True},
        },
    ),
    "dense_block": Strip(
        widgets.dense_block,
        "Where the channels and the parameters of a dense block come from",
        {
            "6 layers": {"layers": 6},
            "24 layers": {},
            "48 layers": {"layers": 48},
            "growth rate 12": {"growth_rate": 12},
            "no 1x1": {"bottleneck": False},
            "no compression": {"compression": 1.0},
        },
    ),
    "compare": Strip(
        lambda: widgets.compare(experiments.recorded("comparison")),
        "Which network is worth its price, and at which price?",
        {
            "parameters: vgg_cifar": {"x": "parameters", "curves": "vgg_cifar"},
            "parameters: densenet_cifar": {"x": "parameters", "curves": "densenet_cifar"},
            "multiply-adds: googlenet_cifar": {"x": "macs", "curves": "googlenet_cifar"},
            "multiply-adds: resnet20": {"x": "macs", "curves": "resnet20"},
            "bytes kept: nin_cifar": {"x": "kept_bytes", "curves": "nin_cifar"},
        },
    ),
}


def frames(name):
    """(label, sentence, PNG bytes) of each step. RuntimeError where the explorer refuses the settings of one."""
    strip = STRIPS[name]
    explorer = strip.make()
    for label, settings in strip.steps.items():
        explorer.set(**{**explorer.defaults, **settings})
        if explorer.problem:
            raise RuntimeError(f"{name}, {label}: {explorer.problem}")
        # A palette takes a third of the bytes. MAXCOVERAGE keeps the colours that few pixels have, those of words.
        picture, packed = Image.open(io.BytesIO(explorer.picture)).convert("RGB"), io.BytesIO()
        picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
        yield label, explorer.sentence, packed.getvalue()


def strip(name, folder, address):
    """Write the frames of an explorer into `folder`, which a page finds at `address`, and return the strip as HTML."""
    labels, pictures, sentences = [], [], []
    for number, (label, sentence, picture) in enumerate(frames(name), start=1):
        path = folder / f"{name}-{number}.png"
        path.write_bytes(picture)
        width, height = Image.open(path).size
        said, first = html.escape(sentence), " checked" if number == 1 else ""
        labels.append(f'<label><input type="radio" name="strip-{name}"{first}> {html.escape(label)}</label>')
        pictures.append(f'<img src="{address}/{path.name}" width="{width}" height="{height}" alt="{said}">')
        sentences.append(f"<p>{said}</p>")
    return "\n".join(
        [
            f'<div class="strip"><fieldset><legend>{html.escape(STRIPS[name].legend)}</legend>',
            *labels,
            '</fieldset>\n<div class="frames">',
            *pictures,
            '</div>\n<div class="said" aria-live="polite">',
            *sentences,
            "</div></div>",
        ]
    )
