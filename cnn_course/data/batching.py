"""Batches of normalized images, made on the device that trains: shuffled, augmented as whole batches, turned into floats."""

import inspect
from collections.abc import Callable, Iterator
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnn_course.data.cifar10 import Split
from cnn_course.values import kind, whole

# Over all pixels of the training images, on the scale 0 to 1. The widespread (0.2023, 0.1994, 0.2010) is
# something else: the mean of each image's own standard deviation.
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)


def to_float(images: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) to channels_last float32, per channel of mean 0 and deviation 1 over CIFAR-10. ValueError for others."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        advice = "; add the batch dimension with images[None]" if images.ndim == 3 else ""
        advice += "; give the images as they are in cifar, uint8" if images.dtype != torch.uint8 else ""
        raise ValueError(f"images are {images.dtype} {tuple(images.shape)}; expected torch.uint8 (N, 3, H, W){advice}")
    x = images.to(torch.float32, memory_format=torch.channels_last)
    mean, std = _row(images.shape[3], images.device)
    # Row by row, as they lie in memory: 5 times faster than broadcasting over three channels.
    n, c, h, w = x.shape
    x.permute(0, 2, 3, 1).view(n, h, w * c).sub_(mean).div_(std)
    return x


@lru_cache
def _row(width, device):
    """Mean and deviation of each value of a row of pixels, on the scale 0 to 255."""
    return tuple(torch.tensor(t, device=device).repeat(width) * 255 for t in (MEAN, STD))


def number_of_batches(images: int, batch_size: int) -> int:
    """How many batches `batches` makes of so many images."""
    alone = images % batch_size == 1 and images > batch_size > 1
    return -(-images // batch_size) - alone


def batches(
    split: Split,
    batch_size: int,
    augment: tuple[Callable, ...] = (),
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    epoch: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield x, normalized float32 (B, 3, 32, 32) in channels_last, and y, int64 (B,); the last is the rest.

    A rest of one image joins the batch before: of one, batch norm has no variance. `augment` is a pipeline of transforms as those
    of data.augment, applied to the uint8 batch on the device, which is the split's unless another is named. A transform with
    parameters `index` and `epoch` is told which images of the split these are and in which epoch, from 0.

    The first batch raises ValueError for what is no split, no number of images or no pipeline.
    """
    if not isinstance(split, Split):
        raise ValueError(f"split is {kind(split)}; expected a Split, such as data.load().train")
    check_pipeline(augment)
    batch_size = whole("batch_size", batch_size, 1)
    device = split.images.device if device is None else device
    pixels, labels = split.images.to(device).permute(0, 2, 3, 1).contiguous(), split.labels.to(device)
    home = "cpu" if generator is None else generator.device
    n = len(split)
    order = torch.randperm(n, generator=generator, device=home)
    parts = list(order.to(device).split(batch_size))
    if number_of_batches(n, batch_size) < len(parts):
        parts[-2:] = [torch.cat(parts[-2:])]
    for index in parts:
        images = pixels.index_select(0, index).permute(0, 3, 1, 2)
        for transform in augment:
            images = transformed(images, transform, generator, index=index, epoch=epoch)
        yield to_float(images), labels[index]


def shrunk(images: Tensor, size: int) -> Tensor:
    """Float images (N, C, H, W) at `size` pixels a side, each pixel a mean of those that it covers."""
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def check_pipeline(augment) -> None:
    """ValueError for what is no tuple of transforms."""
    if not isinstance(augment, (tuple, list)) or not all(map(callable, augment)):
        raise ValueError(f"augment is {augment!r:.60}; expected a tuple of functions: (augment.flip,)")


def transformed(images: Tensor, transform: Callable, generator: torch.Generator | None, **told) -> Tensor:
    """What a transform makes of a batch; it is handed the generator, and of what else is `told`, what it has parameters for.

    ValueError for another shape or dtype.
    """
    changed = transform(images, **_wanted(transform, {"generator": generator, **told}))
    if not isinstance(changed, Tensor) or (changed.shape, changed.dtype) != (images.shape, images.dtype):
        name = getattr(transform, "__name__", transform)
        raise ValueError(f"the transform {name} makes {_told(changed)} of {_told(images)}; expected the same shape and dtype")
    return changed


def _wanted(transform, told):
    called = transform.forward if isinstance(transform, nn.Module) else transform  # a module's __call__ takes whatever comes
    try:
        parameters = inspect.signature(called).parameters
    except (TypeError, ValueError):  # a function without a signature
        return {}
    wanted = {name: value for name, value in told.items() if name in parameters}
    if any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters.values()):
        wanted["generator"] = told["generator"]
    return wanted


def _told(value):
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else kind(value)
