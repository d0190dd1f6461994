"""Augmentation: change a batch of images at random without changing what they show.

Every transform takes a batch (N, C, H, W), either uint8 (0 to 255) or float (0 to 1), and returns a new one
of the same shape and type. Each image gets its own random draw. A channels_last batch stays channels_last.
The numbers are drawn on the generator's device (the CPU where there is none), so that a seed means the same
on a CPU and on a GPU.

They raise ValueError for what is no such batch, and for a strength that cannot be.

A pipeline is a tuple of transforms; functools.partial sets parameters: (crop, flip, partial(cutout, size=8)).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_course.data.batching import MEAN, check_pipeline, transformed
from cnn_course.values import is_number, kind, whole

__all__ = ["STANDARD", "alternating_flip", "apply", "brightness", "contrast", "crop", "cutout", "flip", "hue", "pca_colour",
           "principal_colours", "rotate", "saturation", "shear"]  # fmt: skip

LAST = torch.channels_last
Generator = torch.Generator | None
LUMA = (0.299, 0.587, 0.114)  # the shares of R, G and B in brightness (ITU-R BT.601)


def crop(images: Tensor, padding: int = 4, mirrored: bool = False, generator: Generator = None) -> Tensor:
    """Shift by up to `padding` pixels each way; black comes in from outside (He et al. 2015, section 4.2).

    mirrored: not black, but what lies inside of the edge comes in.
    """
    _check(images)
    padding = whole("padding", padding, 0)
    n, c, h, w = images.shape
    pixels = images.permute(0, 2, 3, 1)
    if mirrored:
        rows, columns = (_mirrored(side, padding, images.device) for side in (h, w))
        padded = pixels.index_select(1, rows).index_select(2, columns)
    else:
        padded = F.pad(pixels, (0, 0, padding, padding, padding, padding)).contiguous()
    tall, wide = h + 2 * padding, w + 2 * padding
    shift = torch.randint(2 * padding + 1, (2, n), generator=generator, device=_home(generator)).to(images.device)
    first = torch.arange(n, device=images.device) * tall + shift[0]
    start = (first[:, None] + torch.arange(h, device=images.device)) * wide + shift[1][:, None]
    # A row of the result is w neighbours in memory. Copying whole rows is 5 times faster than pixel by pixel.
    rows = padded.as_strided((n * tall * wide - w + 1, w * c), (c, 1))
    return rows.index_select(0, start.flatten()).view(n, h, w, c).permute(0, 3, 1, 2)


def flip(images: Tensor, p: float = 0.5, generator: Generator = None) -> Tensor:
    """Mirror left and right with probability `p`."""
    _check(images)
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p!r}; expected a probability, 0 to 1")
    n, pixels = len(images), images.permute(0, 2, 3, 1)
    mirrored = _uniform(images, generator, n) < p
    chosen = torch.arange(n, device=images.device) + n * mirrored
    return torch.cat([pixels, pixels.flip(2)]).index_select(0, chosen).permute(0, 3, 1, 2)


def alternating_flip(images: Tensor, index: Tensor, epoch: int, generator: Generator = None) -> Tensor:
    """Mirror half of the images in one epoch, the other half in the next, and so on (Jordan 2024, arXiv 2404.00498, section 3.6).

    index (N,): their numbers in the training set; those and the generator's seed decide in which half an image is.
    """
    _check(images)
    seed = 0 if generator is None else generator.initial_seed()
    mixed = (index.to(images.device) + seed % 2**31 * 50_000) * 2_654_435_761  # as good as random, and no draw
    half = (mixed ^ mixed >> 15) * 2_246_822_519 >> 16 & 1
    return torch.where((half == epoch % 2)[:, None, None, None], images.flip(3), images)


def rotate(images: Tensor, degrees: float = 15, generator: Generator = None) -> Tensor:
    """Turn about the centre by an angle between -degrees and +degrees; the corners that open up are black."""
    angle = _between(images, degrees, "degrees", generator) * math.pi / 180
    cos, sin = angle.cos(), angle.sin()
    return _warp(images, torch.stack([cos, -sin, sin, cos], dim=1))


def shear(images: Tensor, degrees: float = 15, generator: Generator = None) -> Tensor:
    """Slant sideways by an angle between -degrees and +degrees (below 90); rows move, their heights stay."""
    if degrees >= 90:
        raise ValueError(f"degrees is {degrees!r}; expected less than 90, where the slant is infinite")
    slope = (_between(images, degrees, "degrees", generator) * math.pi / 180).tan()
    one, zero = torch.ones_like(slope), torch.zeros_like(slope)
    return _warp(images, torch.stack([one, slope, zero, one], dim=1))


def brightness(images: Tensor, strength: float = 0.4, generator: Generator = None) -> Tensor:
    """Scale every value by 1 - strength to 1 + strength."""
    factor = 1 + _between(images, strength, "strength", generator)
    return _like(images, images.float() * factor.view(-1, 1, 1, 1))


def contrast(images: Tensor, strength: float = 0.4, generator: Generator = None) -> Tensor:
    """Scale each value's distance from the image's mean grey by 1 - strength to 1 + strength."""
    factor = 1 + _between(images, strength, "strength", generator).view(-1, 1, 1, 1)
    mean = _grey(images).mean(dim=(1, 2, 3), keepdim=True)
    return _like(images, mean + (images.float() - mean) * factor)


def saturation(images: Tensor, strength: float = 0.4, generator: Generator = None) -> Tensor:
    """Scale each pixel's distance from its own grey by 1 - strength to 1 + strength."""
    factor = 1 + _between(images, strength, "strength", generator).view(-1, 1, 1, 1)
    grey = _grey(images)
    return _like(images, grey + (images.float() - grey) * factor)


def hue(images: Tensor, degrees: float = 20, generator: Generator = None) -> Tensor:
    """Turn the colour circle by an angle between -degrees and +degrees; greys stay as they are.

    In YIQ, the colour space of NTSC television, Y is the luma and the hue is the angle of (I, Q).
    """
    _check(images, colour=True)
    angle = _between(images, degrees, "degrees", generator) * math.pi / 180
    yiq = torch.tensor([LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)], device=angle.device)
    turn = torch.zeros(len(images), 3, 3, device=angle.device)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 2, 1] = angle.sin()
    turn[:, 1, 2] = -angle.sin()
    return _like(images, torch.einsum("nij,njhw->nihw", yiq.inverse() @ turn @ yiq, images.float()))


def principal_colours(images: Tensor) -> tuple[Tensor, Tensor]:
    """How the colours of `images` (N, 3, H, W) vary: variances (3,) and their axes (3, 3), one a column.

    Values count from 0 to 1, the scale on which AlexNet's 0.1 makes sense: on 0 to 255 a variance is 65,025
    times as large, and every shift would leave the picture.
    """
    _check(images, colour=True)
    pixels = images.transpose(0, 1).flatten(1).float() / _top(images)
    variances, axes = torch.linalg.eigh(torch.cov(pixels).cpu())  # three by three: not a task for a GPU
    return variances, axes


def pca_colour(
    images: Tensor, strength: float = 0.1, colours: tuple[Tensor, Tensor] | None = None, generator: Generator = None
) -> Tensor:
    """Add to the whole image a colour drawn along the principal axes (Krizhevsky et al. 2012, section 4.1).

    `colours`: what `principal_colours` gives for the training set, as in the paper, or else for the batch.
    """
    _check(images, colour=True)
    if not is_number(strength) or strength < 0:
        raise ValueError(f"strength is {strength!r}; expected a standard deviation, 0 or more")
    variances, axes = principal_colours(images) if colours is None else colours
    alpha = torch.randn(len(images), 3, generator=generator, device=_home(generator)) * strength
    shift = (alpha.to(axes) * variances) @ axes.T * _top(images)
    return _like(images, images.float() + shift.to(images.device)[:, :, None, None])


def cutout(images: Tensor, size: int = 16, generator: Generator = None) -> Tensor:
    """Cover a square of `size` pixels a side, anywhere, also half outside (DeVries and Taylor 2017).

    The square takes CIFAR-10's mean colour, which is 0 once normalized, as in the paper.
    """
    _check(images, colour=True)
    size = whole("size", size, 1)
    n, _, h, w = images.shape
    y, x = _uniform(images, generator, 2, n, 1)
    rows = torch.arange(h, device=images.device) - (y * h).long() + size // 2
    columns = torch.arange(w, device=images.device) - (x * w).long() + size // 2
    inside = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[:, None, :]
    mean = _like(images, torch.tensor(MEAN, device=images.device).view(1, 3, 1, 1) * _top(images))
    return torch.where(inside[:, None], mean, images)


STANDARD = (crop, flip)


def apply(images: Tensor, pipeline: tuple, generator: Generator = None) -> Tensor:
    """Pass a batch through every transform of a pipeline in turn, as the first images of a first epoch."""
    check_pipeline(pipeline)
    told = {"index": torch.arange(len(images), device=images.device), "epoch": 0}
    for transform in pipeline:
        images = transformed(images, transform, generator, **told)
    return images


def __dir__():
    return sorted(__all__)


def _check(images, colour=False):
    if not isinstance(images, torch.Tensor) or images.ndim != 4 or (colour and images.shape[1] != 3):
        shape = tuple(images.shape) if isinstance(images, torch.Tensor) else kind(images)
        raise ValueError(f"images are {shape}; expected a batch (N, {3 if colour else 'C'}, H, W), such as image[None]")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}; expected uint8 (0 to 255) or float (0 to 1)")


def _home(generator):
    return "cpu" if generator is None else generator.device


def _uniform(images, generator, *shape):
    """Numbers in [0, 1) on the images' device."""
    return torch.rand(*shape, generator=generator, device=_home(generator)).to(images.device)


def _between(images, limit, name, generator):
    """A number in [-limit, limit) for each image."""
    _check(images)
    if not is_number(limit) or limit < 0:
        raise ValueError(f"{name} is {limit!r}; expected 0 or more: the draw is between minus and plus that")
    return (_uniform(images, generator, len(images)) * 2 - 1) * limit


def _top(images):
    return 255 if images.dtype == torch.uint8 else 1


def _grey(images):
    """Luma, (N, 1, H, W)."""
    _check(images, colour=True)
    weights = torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)
    return (images.float() * weights).sum(1, keepdim=True)


def _mirrored(side, padding, device):
    """The places that a row of so many pixels is read from, with `padding` mirrored ones on either side."""
    if padding >= side:
        raise ValueError(f"padding is {padding!r}; expected less than the {side} pixels that there are to mirror")
    place = torch.arange(-padding, side + padding, device=device).abs()
    return torch.where(place < side, place, 2 * (side - 1) - place)


def _warp(images, matrix):
    """Read each pixel from where `matrix` (N, 4: row by row, pixels from the centre) sends it."""
    n, _, h, w = images.shape
    # affine_grid counts x in half-widths and y in half-heights, from the centre.
    theta = F.pad((matrix * torch.tensor([1, h / w, w / h, 1], device=images.device)).view(n, 2, 2), (0, 1))
    grid = F.affine_grid(theta, images.shape, align_corners=False)
    return _like(images, F.grid_sample(images.float(), grid, align_corners=False))


def _like(images, values):
    """`values` rounded and clipped into the range, type and memory layout of `images`."""
    values = values.clamp(0, _top(images))
    values = values.round().to(torch.uint8) if images.dtype == torch.uint8 else values.to(images.dtype)
    return values.contiguous(memory_format=LAST) if images.is_contiguous(memory_format=LAST) else values
