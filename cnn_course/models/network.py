"""What every network of the course has in common: a declared input, a check of what it is fed, and an initialization."""

import torch
from torch import nn

SMALLEST = 32  # pixels; below this the ImageNet networks have no pixel left at the end


class Network(nn.Module):
    """Base of the course's networks: normalized images (N, C, H, W) in, logits (N, classes) out.

    `input_shape` is the (C, H, W) that the network was designed for. With `fixed_size` (dense layers that expect a map of one
    size) H and W must match it; otherwise any H and W of at least `smallest`, 32 for most, will do. Raises ValueError or
    TypeError, before anything is computed, for images of another shape or dtype.
    """

    input_shape: tuple[int, int, int] = (3, 32, 32)
    fixed_size = False
    smallest = SMALLEST
    name = ""

    def look_at(self, images):
        """Take from normalized training images (N, C, H, W) what no gradient teaches; most networks take nothing."""

    def __call__(self, images):
        self._check(images)
        return super().__call__(images)

    def _check(self, images):
        c, h, w = self.input_shape
        wanted = f"(N, {c}, {h}, {w})" if self.fixed_size else f"(N, {c}, H, W) with H and W of {self.smallest} or more"
        title = self.name or type(self).__name__
        if not isinstance(images, torch.Tensor):
            raise TypeError(f"{title} takes a tensor {wanted}, not {type(images).__name__}")
        shape = tuple(images.shape)
        fits = len(shape) == 4 and shape[1] == c
        fits = fits and (shape[2:] == (h, w) if self.fixed_size else min(shape[2:]) >= self.smallest)
        if not fits:
            hint = "; add the batch dimension with images[None]" if len(shape) == 3 else ""
            raise ValueError(f"{title} takes images {wanted}, but got {shape}{hint}")
        if not images.is_floating_point():
            raise TypeError(f"{title} takes normalized floats, but got {images.dtype}; convert with data.to_float(images)")


def refuse_even(kernels) -> None:
    """ValueError where one of the filters has an even side: no padding alike on both sides keeps height and width then."""
    if even := [side for side in kernels if side % 2 == 0]:
        raise ValueError(f"a filter of {even[0]}x{even[0]} cannot keep height and width; expected an odd size")


def existing(device: str | torch.device, meta: bool = False) -> torch.device:
    """The device of that name; meta: "meta" will do. ValueError for an unknown one and for one that is not there."""
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f'device is {device!r}; expected "cpu", "cuda", "cuda:1" or "mps", or leave it out') from error
    there = {"cpu": 1, "meta": meta, "cuda": torch.cuda.device_count(), "mps": torch.backends.mps.is_available()}
    number = int(there.get(found.type, 0))
    if (found.index or 0) >= number:
        raise ValueError(f'device is "{found}", but torch finds {number or "none"} of that kind here: leave device out')
    return found


def initialize(net: nn.Module) -> None:
    """He initialization: normal weights of variance 2 over the inputs of a layer, biases zero.

    (He et al. 2015, arXiv 1502.01852, equation 10.) The 2 is there for the ReLU; behind the last dense layer comes none, and its
    variance is 1 over its inputs. (In an auxiliary head it stays 2 over them: so the records with heads began.) Lazy layers draw
    their own weights, torch's way, when they learn their inputs.
    """
    made = (module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear))
    layers = [layer for layer in made if not nn.parameter.is_lazy(layer.weight)]
    last = next((layer for layer in reversed(layers) if isinstance(layer, nn.Linear)), None)
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="linear" if layer is last else "relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
