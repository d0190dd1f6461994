"""Explorer of notebook 02: data augmentation, each transform of cnn_course.augment with its strength."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch

from cnn_course import data, plots
from cnn_course.data import augment
from cnn_course.plots.drawing import Picture
from cnn_course.widgets.explorer import Explorer, counted, in_words, slider

DRAWS = 15


class Transform(NamedTuple):
    """A transform of cnn_course.data.augment and the slider of its strength; 0 leaves it out."""

    label: str
    unit: str
    first: int
    most: int
    step: int
    function: Callable
    parameter: str  # of the function, which takes a share where the unit is %
    words: str


TRANSFORMS = {
    name: Transform(*row)
    for name, row in {
        "crop": ("Crop", "pixels", 4, 16, 1, augment.crop, "padding", "shifted by up to {pixels}"),
        "flip": ("Mirror", "%", 50, 100, 5, augment.flip, "p", "mirrored in {}% of the draws"),
        "rotate": ("Rotate", "degrees", 0, 90, 5, augment.rotate, "degrees", "turned by up to {}°"),
        "shear": ("Shear", "degrees", 0, 60, 5, augment.shear, "degrees", "slanted by up to {}°"),
        "brightness": ("Brightness", "%", 0, 100, 5, augment.brightness, "strength", "up to {}% darker or brighter"),
        "contrast": ("Contrast", "%", 0, 100, 5, augment.contrast, "strength", "with up to {}% less or more contrast"),
        "saturation": ("Saturation", "%", 0, 100, 5, augment.saturation, "strength", "with up to {}% less or more colour"),
        "hue": ("Hue", "degrees", 0, 180, 5, augment.hue, "degrees", "with the hue turned by up to {}°"),
        "pca_colour": ("PCA colour", "%", 0, 100, 5, augment.pca_colour, "strength", "with PCA colour noise of {}%"),
        "cutout": ("Cutout", "pixels", 0, 32, 2, augment.cutout, "size", "with a square of {0}x{0} pixels cut out"),
    }.items()
}


@dataclass(frozen=True)
class Augmented:
    """One image and DRAWS random versions of it."""

    image: torch.Tensor  # uint8 (3, H, W)
    draws: torch.Tensor  # uint8 (DRAWS, 3, H, W)
    strengths: dict  # setting -> strength in its own unit, only those that are on
    note: str


def pipeline(colours=None, **strengths):
    """The tuple of transforms for `strengths`, settings of TRANSFORMS in their units; 0 leaves one out.

    colours: augment.principal_colours of the training images, for pca_colour.
    """
    steps = []
    for name, strength in strengths.items():
        transform = TRANSFORMS[name]
        if strength:
            settings = {transform.parameter: strength / 100 if transform.unit == "%" else strength}
            if transform.function is augment.pca_colour:
                settings["colours"] = colours
            steps.append(partial(transform.function, **settings))
    return tuple(steps)


def compute(image, draw=1, colours=None, note="", **strengths):
    """DRAWS versions of `image`, uint8 (3, H, W). The same `draw` number gives the same random draws."""
    batch = image[None].repeat(DRAWS, 1, 1, 1)
    draws = augment.apply(batch, pipeline(colours, **strengths), torch.Generator().manual_seed(draw))
    return Augmented(image, draws, {name: value for name, value in strengths.items() if value}, note)


def describe(r):
    """One sentence."""
    if not r.strengths:
        return f"No transform is on: all {DRAWS} draws are the image itself, the same in every epoch."
    told = [TRANSFORMS[name].words.format(value, pixels=counted(value, "pixel")) for name, value in r.strengths.items()]
    listed = in_words(told)
    return f"Each time the network meets this image it is {listed}; the label stays the same."


def draw(r):
    """The image, large, and its draws."""
    from torchvision.utils import make_grid  # slow to import: not before it is needed

    figure = plots.Figure(figsize=(8.6, 3.6), alt=describe(r), note=r.note)
    sheet = figure.sheet()
    Picture(sheet, 0.1, 3.25, 2.9, r.image, "the image")
    gap = max(1, r.image.shape[-1] // 16)
    mosaic = make_grid(r.draws, nrow=5, padding=gap, pad_value=255)[:, gap:-gap, gap:-gap]  # one image is quicker to draw than 15
    Picture(sheet, 3.55, 3.25, 4.85, mosaic, f"{DRAWS} draws")
    return figure


def augmentation(cifar=None):
    """Explorer: every transform with its strength, on training images; 0 leaves a transform out.

    cifar: a data.Cifar10; the photograph, shrunk, where none is given.
    """
    if cifar is None:
        images, note = data.photograph(32)[None], ""
    else:
        images, note = cifar.train.images[:1000].cpu(), cifar.note
    colours = augment.principal_colours(images)
    controls = {"image": slider("Image number", 0, 0, min(len(images), 200) - 1), "draw": slider("Draw again", 1, 1, 50)}
    for name, transform in TRANSFORMS.items():
        label = f"{transform.label} ({transform.unit})"
        controls[name] = slider(label, transform.first, 0, transform.most, transform.step)
    if len(images) == 1:
        del controls["image"]
    return Explorer(
        controls, lambda image=0, **settings: compute(images[image], colours=colours, note=note, **settings), draw, describe
    )
