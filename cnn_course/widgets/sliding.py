"""Explorer of notebook 01: a convolution, step by step on a real image."""

from dataclasses import dataclass
from functools import partial

import ipywidgets
import torch
import torch.nn.functional as F

from cnn_course import anatomy, data, plots
from cnn_course.plots.drawing import DARK_ORANGE, Picture
from cnn_course.widgets.explorer import Explorer, choice, counted, minus, slider, text
from cnn_course.widgets.scales import ORANGE

KERNELS = ("edge", "blur", "sharpen", "identity", "own numbers")
LARGEST = 32  # pixels on a side of the input


@dataclass(frozen=True)
class Convolution:
    """One kernel at work. Sizes in pixels; `picture` is (3, H, W) from 0 to 1 and includes the padding."""

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    position: int  # 1 for the first output, row by row
    filters: int
    picture: torch.Tensor  # (3, size + 2 padding, size + 2 padding)
    weights: torch.Tensor  # (kernel, kernel), applied to the mean of R, G and B
    output: torch.Tensor  # (out_size, out_size)
    kind: str = "edge"  # one of KERNELS
    note: str = ""  # what is to be said about the image

    @property
    def out_size(self):
        return len(self.output)

    @property
    def row(self):
        """Of the output at `position`."""
        return (self.position - 1) // self.out_size

    @property
    def column(self):
        return (self.position - 1) % self.out_size

    @property
    def seen(self):
        """The rows of the image, and its columns, that some window reads."""
        reads = {i * self.stride + j * self.dilation - self.padding for i in range(self.out_size) for j in range(self.kernel)}
        return reads & set(range(self.size))

    @property
    def unseen(self):
        """Rows at the bottom, and columns on the right, that no window reaches."""
        return self.size - 1 - max(self.seen, default=-1)

    @property
    def parameters(self):
        """Of a layer with `filters` such filters over 3 channels."""
        return anatomy.conv_parameters(3, self.filters, self.kernel)

    @property
    def window(self):
        """Top row, left column and side of the window, in pixels of the padded picture."""
        return self.row * self.stride, self.column * self.stride, self.dilation * (self.kernel - 1) + 1

    @property
    def value(self):
        """The output under the window."""
        return float(self.output[self.row, self.column])

    @property
    def formula(self):
        """The output size with the numbers filled in."""
        room = f"{self.size} + 2×{self.padding} − {self.dilation}×({self.kernel} − 1) − 1"
        return f"floor(({room}) / {self.stride}) + 1 = {self.out_size}"


def make_kernel(kind, kernel, numbers=""):
    """The (kernel, kernel) weights of one of KERNELS. Raises ValueError where the kernel cannot be made."""
    middle = (kernel - 1) // 2
    identity = torch.zeros(kernel, kernel)
    identity[middle, middle] = 1
    mean = torch.full((kernel, kernel), 1 / kernel**2)
    if kind == "identity":
        return identity
    if kind == "blur":
        return mean
    if kind == "own numbers":
        return _read_numbers(numbers, kernel)
    if kernel == 1:
        raise ValueError(f"A 1x1 kernel sees one pixel and no neighbour, so it cannot do {kind}: choose a larger kernel.")
    if kind == "sharpen":
        return 2 * identity - mean
    ramp = torch.arange(kernel) - (kernel - 1) / 2  # edge: bright on the right minus bright on the left
    return (ramp / ramp.clamp(min=0).sum()).expand(kernel, kernel) / kernel


def _a_kernel(side):
    return f"{'An' if side in (8, 11) else 'A'} {side}x{side} kernel"


def _read_numbers(numbers, kernel):
    words = numbers.replace(",", " ").replace(";", " ").split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        raise ValueError(f"Own numbers are read as numbers with spaces between them, not {numbers!r}.") from None
    if len(values) != kernel**2:
        raise ValueError(f"{_a_kernel(kernel)} takes {counted(kernel**2, 'number')}, row by row; you gave {len(values)}.")
    if not all(abs(value) < 1e6 for value in values):
        raise ValueError("Own numbers must be finite and below a million.")
    return torch.tensor(values).reshape(kernel, kernel)


def compute(image, size=16, kernel=3, stride=1, padding=0, dilation=1, position=1, kind="edge", numbers="", filters=6, note=""):
    """Slide one kernel over `image`, uint8 (3, H, W), shrunk to size x size pixels.

    Output size: floor((size + 2p - d(k - 1) - 1) / s) + 1. A position past the last output means the last
    one. Raises ValueError, in words, for impossible settings.
    """
    out_size = anatomy.output_size(size, kernel, stride, padding, dilation)
    weights = make_kernel(kind, kernel, numbers)
    picture = F.interpolate(image[None].float() / 255, size=(size, size), mode="area")[0]
    picture = F.pad(picture, [padding] * 4)
    output = F.conv2d(picture.mean(0)[None, None], weights[None, None], stride=stride, dilation=dilation)[0, 0]
    position = min(max(position, 1), out_size**2)
    return Convolution(size, kernel, stride, padding, dilation, position, filters, picture, weights, output, kind, note)


def describe(r):
    """Two sentences."""
    step = "one pixel at a time" if r.stride == 1 else f"{r.stride} pixels at a time"
    spread = f", spread over {r.window[2]}x{r.window[2]} pixels" if r.dilation > 1 and r.kernel > 1 else ""
    grown = f" with {counted(r.padding, 'pixel')} of padding" if r.padding else ""
    lost = f"; the last {r.unseen} rows and columns are never seen" if r.unseen else ""
    lost = "; the last row and column are never seen" if r.unseen == 1 else lost
    skipped = f"; some {'other ' * bool(r.unseen)}rows and columns are skipped" if len(r.seen) < r.size - r.unseen else ""
    plural = "filter holds" if r.filters == 1 else "filters hold"
    return (
        f"{_a_kernel(r.kernel)}{spread}, moved {step}, turns {r.size}x{r.size} pixels{grown} into "
        f"{r.out_size}x{r.out_size} outputs{lost}{skipped}; {r.filters} {plural} "
        f"{r.filters} × ({r.kernel}×{r.kernel}×3 + 1) = {r.parameters:,} parameters. "
        f'Output {r.position} of the kernel "{r.kind}" is {minus(r.value, 2)}.'
    )


def draw(r):
    """Input with the window, window and kernel enlarged, output so far."""
    figure = plots.Figure(figsize=(8.6, 4.1), alt=describe(r), note=r.note)
    top, left, side = r.window
    rows = top + r.dilation * torch.arange(r.kernel)
    columns = left + r.dilation * torch.arange(r.kernel)

    sheet = figure.sheet()
    shown = r.picture.clone()
    if r.padding:
        inside = torch.zeros(shown.shape[1:], dtype=torch.bool)
        inside[r.padding : -r.padding, r.padding : -r.padding] = True
        shown[:, ~inside] = 0.85
    padded = f" + {r.padding} of padding (zeros)" if r.padding else ""
    picture = Picture(sheet, 0.1, 3.7, 3.1, shown, f"Input: {r.size}×{r.size} pixels{padded}", frame=True)
    picture.box(left, top, side, ORANGE)
    if r.dilation > 1:
        picture.dots(*torch.cartesian_prod(columns, rows).T.tolist(), ORANGE)

    window = r.picture[:, rows[:, None], columns]
    Picture(sheet, 3.65, 3.7, 1.3, window, "Window", DARK_ORANGE, frame=True)
    limit = 1.6 * max(float(r.weights.abs().max()), 1e-9)
    scale = {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit}
    kernel = Picture(sheet, 3.65, 1.9, 1.3, r.weights, "× kernel", frame=True, **scale)
    if r.kernel <= 5:
        for i in range(r.kernel):
            for j in range(r.kernel):
                weight = float(r.weights[i, j])
                number = f"{weight:.{2 if abs(weight) < 10 else 6}g}".replace("-", "−")
                number = number.replace("0.", ".") if abs(weight) < 1 else number
                kernel.text(j, i, number, fontsize=min(10, 30 / r.kernel) * min(1, 5 / len(number)))

    total, largest = float(r.weights.sum()), float(r.output.abs().max())
    # A kernel whose weights sum to 0 answers around 0, which is middle grey; others stretch the picture.
    low, high = (-largest, largest) if abs(total) < 1e-3 else (min(total, 0.0), max(total, 0.0))
    grey = ((r.output - low) / max(high - low, 1e-9)).clamp(0, 1).flatten()
    grey[r.position :] = 0.88 + 0.12 * grey[r.position :]  # not computed yet: pale
    grey = grey.reshape(r.output.shape)
    title = f"Output {r.position} of {r.out_size}×{r.out_size}: {minus(r.value, 2)}"
    output = Picture(sheet, 5.4, 3.7, 3.1, grey, title, frame=True, cmap="gray", vmin=0, vmax=1)
    output.box(r.column, r.row, 1, ORANGE)
    sheet.text(4.3, 0.28, f"Output side = {r.formula}", ha="center", fontsize=11)
    return figure


def convolution(image=None, note=""):
    """Explorer: a kernel slides over an image; kernel, stride, padding and dilation decide what comes out.

    image: uint8 (3, H, W); the photograph where none is given. note: small print under the picture.
    """
    image = data.photograph(LARGEST) if image is None else image
    controls = {
        "size": slider("Input (pixels)", 16, 4, LARGEST),
        "kernel": slider("Kernel (pixels)", 3, 1, 11),
        "stride": slider("Stride (pixels)", 1, 1, 6),
        "padding": slider("Padding (pixels)", 0, 0, 5),
        "dilation": slider("Dilation", 1, 1, 4),
        "position": slider("Output number", 100, 1, 10_000),  # `adjust` ends it at the last output
        "kind": choice("Kernel does", KERNELS),
        "numbers": text("Own numbers", "0 -1 0  -1 4 -1  0 -1 0", tip="the kernel row by row"),
        "filters": slider("Filters", 6, 1, 96),
    }
    play = ipywidgets.Play(min=1, max=196, value=100, interval=150, description="Step through the outputs")
    ipywidgets.jslink((play, "value"), (controls["position"], "value"))

    def adjust(controls, result):
        controls["numbers"].layout.display = None if controls["kind"].value == "own numbers" else "none"
        if result is not None:
            controls["position"].max = play.max = result.out_size**2

    return Explorer(controls, partial(compute, image, note=note), draw, describe, extras=[play], adjust=adjust)
