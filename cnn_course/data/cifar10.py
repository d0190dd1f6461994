"""CIFAR-10: found, or downloaded and verified, or replaced by a stand-in drawn by code. `load()` says which.

CIFAR-10 is 60,000 colour photographs of 32x32 pixels in ten classes (Krizhevsky 2009, "Learning multiple
layers of features from tiny images", chapter 3). They stay uint8 in memory, 184 MB, and become floats a batch at a time.
"""

import contextlib
import os
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from cnn_course.data import download, standin
from cnn_course.data.download import ARCHIVE, FOLDER, DataError, NoMirror
from cnn_course.files import cache_folder
from cnn_course.values import is_whole, whole

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Images, uint8 (N, 3, 32, 32), and their labels, int64 (N,), 0 to 9. ValueError for others."""

    images: Tensor
    labels: Tensor

    def __post_init__(self):
        images, labels = tuple(self.images.shape), tuple(self.labels.shape)
        if self.images.dtype != torch.uint8 or len(images) != 4 or images[1:] != (3, 32, 32):
            raise ValueError(f"images are {self.images.dtype} {images}; expected torch.uint8 (N, 3, 32, 32)")
        if self.labels.dtype != torch.int64 or labels != images[:1]:
            raise ValueError(f"labels are {self.labels.dtype} {labels}; expected torch.int64 {images[:1]}")
        low, high = self.labels.aminmax() if len(self) else (0, 9)
        if low < 0 or high > 9:
            raise ValueError(f"labels go from {low} to {high}; expected 0 to 9, one of ten classes")

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index) -> tuple[Tensor, Tensor]:
        """An image (3, 32, 32) and its label (), of a slice those of several. IndexError past the end, where a `for` stops."""
        return self.images[index], self.labels[index]

    def __repr__(self):
        return f"{len(self):,} images"

    def subset(self, n: int) -> "Split":
        """The first n images. CIFAR-10 comes shuffled, so that these are of all classes. ValueError where there are fewer."""
        _check_count("subset", n, len(self), len(self))
        return Split(self.images[:n], self.labels[:n])


@dataclass(frozen=True, eq=False, repr=False)
class Cifar10:
    """The training and the test split, the names of the classes, and where the images come from.

    held_out: what the test split is, "test" or, of `validation`, "validation".
    """

    train: Split
    test: Split
    classes: tuple = CLASSES
    source: str = "CIFAR-10"
    held_out: str = "test"

    def __repr__(self):
        return f"{self.source}: {self.train} for training, {self.test} for {self.held_out}"

    @property
    def is_real(self) -> bool:
        return self.source == "CIFAR-10"

    @property
    def note(self) -> str:
        """What a figure made from these images has to say about them."""
        return note(self.source)

    def subset(self, train: int | None = None, test: int | None = None) -> "Cifar10":
        """The same with only the first images of each split; None keeps all. ValueError where there are fewer."""
        return replace(
            self,
            train=self.train if train is None else self.train.subset(train),
            test=self.test if test is None else self.test.subset(test),
        )

    def validation(self, images: int = 5_000) -> "Cifar10":
        """The same with the last training images held out in place of the test images.

        Choose learning rates, widths and epochs on these; use the test images once, to report what was chosen.
        ValueError where no image would be left to train on.
        """
        _check_count("validation", images, len(self.train), len(self.train) - 1)
        n = len(self.train) - images
        rest = Split(self.train.images[n:], self.train.labels[n:])
        return replace(self, train=self.train.subset(n), test=rest, held_out="validation")


def _check_count(asked, n, images, most):
    if not is_whole(n, 1) or n > most:
        raise ValueError(f"{asked}({n!r}) of {images:,} images; expected 1 to {most:,}, a whole number")


def note(source: str) -> str:
    """What a figure made from such images has to say about them: nothing when they are CIFAR-10."""
    return "" if source == "CIFAR-10" else "stand-in images drawn by code, not CIFAR-10"


def load(quiet: bool = False) -> Cifar10:
    """CIFAR-10 from $CNN_COURSE_DATA, else your cache, else a download, else the stand-in; prints which.

    Raises DataError where CNN_COURSE_DATA is set and does not lead to the undamaged data set, and where a
    download finds no room; ValueError for a name or a folder. A second call in the same process costs nothing.
    """
    if not isinstance(quiet, bool):
        raise ValueError(
            f"quiet is {quiet!r}; expected True or False. This reads CIFAR-10 alone: its folder is what the environment variable "
            "CNN_COURSE_DATA names, or else data.read(folder)"
        )
    setting, cache = os.environ.get("CNN_COURSE_DATA", ""), cache_folder()
    cifar, where = _load(setting, cache)
    if not cifar.is_real and not download.wrong_files(cache / FOLDER):  # fetched since then, perhaps from another window
        _load.cache_clear()
        cifar, where = _load(setting, cache)
    if not quiet:
        print(where)
    return cifar


@lru_cache(maxsize=1)
def _load(setting, cache):
    if setting:
        return _told(read(named_folder(setting)), "found through CNN_COURSE_DATA")
    with contextlib.suppress(DataError):  # missing or damaged: downloaded below
        return _told(read(cache), "found in your cache")
    try:
        return _told(read(download.fetch(cache)), "downloaded into your cache")
    except NoMirror:
        train_images, train_labels, test_images, test_labels = standin.draw()
        train, test = _split(train_images, train_labels), _split(test_images, test_labels)
        cifar = Cifar10(train, test, standin.CLASSES, "stand-in")
        return (cifar, "Stand-in images drawn by code, not CIFAR-10: no whole copy here, and no mirror sends one.")


def _told(cifar, how):
    return cifar, f"CIFAR-10, {how}: {len(cifar.train):,} training images, {len(cifar.test):,} test images."


def named_folder(setting: str) -> Path:
    """What CNN_COURSE_DATA names, seen from the working directory or else from the package's parent."""
    places = [Path.cwd() / Path(setting).expanduser(), Path(__file__).parents[2] / setting]
    for place in places:
        if place.exists():
            return place
    raise DataError(
        f"CNN_COURSE_DATA is {setting!r}, and nothing has that name. Set it to the folder that holds "
        f"{FOLDER}, or unset it to have the data downloaded."
    )


def read(place: Path | str) -> Cifar10:
    """Cifar10 from `place`: the folder cifar-10-batches-py, the archive, or a folder that holds one of them.

    torchvision reads it, once the md5 of every file has proved right. Raises DataError.
    """
    place = Path(place)
    for folder in (place, place / FOLDER):
        if any((folder / name).is_file() for name, _ in download.members()):
            return _read_folder(folder)
    archive = place / ARCHIVE if place.is_dir() else place
    if not archive.is_file():
        raise DataError(f"no CIFAR-10 in {place}: expected a folder {FOLDER} or the file {ARCHIVE} there")
    try:
        with tempfile.TemporaryDirectory(prefix="cnn_course-") as temporary:
            return _read_folder(download.unpack(archive, Path(temporary)))
    except OSError as error:
        raise DataError(f"cannot unpack {archive}: {error.strerror}. Unpack it yourself, beside it.") from error


def _read_folder(folder):
    from torchvision.datasets import CIFAR10

    if wrong := download.wrong_files(folder):
        raise DataError(f"CIFAR-10 in {folder}: {', '.join(wrong)}. Put a fresh copy there.")

    class Batches(CIFAR10):
        base_folder = ""  # the batch files lie in `folder` itself, whatever its name

        def _check_integrity(self):
            return True  # done above, once for both splits, and with a message that names the file

    parts = (Batches(folder, train=train) for train in (True, False))
    return Cifar10(*(_split(part.data.transpose(0, 3, 1, 2), part.targets) for part in parts))


def _split(images, labels):
    """A Split of images (N, 3, 32, 32) in channels_last memory, from which a batch is cut fastest."""
    images = torch.as_tensor(images).contiguous(memory_format=torch.channels_last)
    return Split(images, torch.as_tensor(labels, dtype=torch.int64))


def photograph(size: int = 227) -> Tensor:
    """A photograph (uint8, (3, size, size)): Grace Hopper, 1984, by the US Navy; it comes with matplotlib."""
    from matplotlib.cbook import get_sample_data

    with get_sample_data("grace_hopper.jpg") as file:
        return picture(file, size)


def picture(path: Path | str, size: int = 32) -> Tensor:
    """The centre square of an image file, resized, in RGB: uint8 (3, size, size). picture(path)[None] is a batch of one.

    Raises ValueError for a size that is none, OSError for a file that is missing or no image.
    """
    from PIL import Image, ImageOps

    size = whole("size", size, 1)
    with Image.open(path) as file:
        upright = ImageOps.exif_transpose(file)  # a telephone notes how it was held, and turns no pixel
        image = ImageOps.fit(upright.convert("RGB"), (size, size))
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(size, size, 3)
    return pixels.permute(2, 0, 1).contiguous()
