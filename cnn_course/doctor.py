"""The doctor: is all that the course needs on this machine? Each check returns what it found, or raises with what to do."""

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
from functools import partial
from pathlib import Path

LISTED = Path(__file__).parents[1] / "requirements.txt"  # in a checkout; a course that pip installed alone has none


def examine() -> int:
    """Print one line a check; returns 1 where there is something to do, else 0."""
    todo = 0
    for name, check in CHECKS.items():
        try:
            print(f"ok     {name:12} {check()}", flush=True)
        except Exception as error:  # a check that breaks is a finding too
            print(f"TO DO  {name:12} {error}", flush=True)
            todo += 1
    print("All is ready." if not todo else f"{todo} of {len(CHECKS)} lines need you.")
    return int(todo > 0)


def _needs():
    """What the course needs, package by package with its versions, as pip reads them."""
    if LISTED.with_name("pyproject.toml").exists():  # else a requirements.txt there is somebody else's
        return [line for line in LISTED.read_text(encoding="utf-8").splitlines() if line[:1].isalpha()]
    try:
        return [line for line in importlib.metadata.requires("cnn_course") if "extra ==" not in line]
    except importlib.metadata.PackageNotFoundError:  # a copy of the package alone
        return []


def _version(package):
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise RuntimeError(f"{package} is missing: pip install -r requirements.txt") from None
    from packaging.requirements import Requirement

    for asked in map(Requirement, _needs()):
        if asked.name == package and not asked.specifier.contains(version, prereleases=True):
            raise RuntimeError(f"{version}, the course needs {asked.specifier}: pip install --upgrade -r requirements.txt")
    return version


def _imported(package):
    _version(package)
    try:
        return importlib.import_module(package).__version__
    except Exception as error:
        raise RuntimeError(f"{error}: pip install --upgrade torch torchvision (both at once, they must match)") from error


def _device():
    import torch

    from cnn_course import training

    device = training.best_device()
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()


def _threads():
    import torch

    threads, processors = torch.get_num_threads(), os.cpu_count() or 1
    if threads > processors:
        raise RuntimeError(f"{threads} threads for torch on {processors} processors: unset OMP_NUM_THREADS")
    return f"{threads} for torch, of {processors} logical processors"


def _precision():
    from cnn_course.training import device

    return device.name_of(device.precision(device.best_device()))


def _data():
    from cnn_course import data, files

    setting = os.environ.get("CNN_COURSE_DATA", "")
    place = data.named_folder(setting) if setting else files.cache_folder()
    if not setting and not (place / data.FOLDER).exists():
        raise data.DataError("no CIFAR-10 here yet: python -m cnn_course data fetches it (170 MB)")
    cifar = data.read(place)
    return f"CIFAR-10, all files undamaged: {len(cifar.train) + len(cifar.test):,} images"


def _disk():
    from cnn_course import data, files
    from cnn_course.data import download

    folder = files.cache_folder()
    to_come = not os.environ.get("CNN_COURSE_DATA") and not (folder / data.FOLDER).exists()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if to_come and free < download.ROOM:
        raise RuntimeError(f"{free / 1e6:,.0f} MB free, CIFAR-10 takes {download.ROOM / 1e6:.0f} MB while it unpacks: make room")
    return f"{free / 1e9:,.1f} GB free"


PACKAGES = [re.match(r"[\w-]+", line)[0] for line in _needs()]
CHECKS = {
    "Python": platform.python_version,
    "torch": lambda: _imported("torch"),
    "torchvision": lambda: _imported("torchvision"),
    "device": _device,
    "threads": _threads,
    "precision": _precision,
    "data": _data,
    "disk": _disk,
    **{package: partial(_version, package) for package in PACKAGES if package not in ("torch", "torchvision")},
}
