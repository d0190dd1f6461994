"""The commands of the course: `python -m cnn_course` lists them."""

import argparse
import contextlib
import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
from pathlib import Path

PACKAGES = ("ipywidgets", "jupyterlab", "matplotlib", "seaborn", "pandas", "tqdm", "safetensors", "filelock", "pytest", "nbval")


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def _positive(number):
    def parse(text):
        with contextlib.suppress(ValueError):
            if 0 < number(text) < float("inf"):
                return number(text)
        kind = "a whole number, 1 or more" if number is int else "a number above 0"
        raise argparse.ArgumentTypeError(f"{text!r}; expected {kind}")

    return parse


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 where `doctor` finds something to do, 2 after an error."""
    parser = _Parser(
        prog="python -m cnn_course", description="A course on CNN architectures, at the command line."
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    command = commands.add_parser("data", help="fetch CIFAR-10 ahead of class (170 MB), or say where it is")
    command.add_argument(
        "--from", dest="archive", metavar="FILE", help="unpack this cifar-10-python.tar.gz instead"
    )
    command.set_defaults(run=fetch)

    command = commands.add_parser("train", help="train a model on CIFAR-10; under torchrun, on several GPUs or machines")
    command.add_argument("model", metavar="MODEL", help="its name, for example resnet20")
    command.add_argument(
        "--epochs", type=_positive(int), required=True, metavar="N", help="passes over the training images"
    )
    command.add_argument("--batch-size", type=_positive(int), metavar="N", help="images a step, of all processes together")
    command.add_argument("--lr", type=_positive(float), metavar="X", help="highest learning rate")
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another seed, another start (default 0)"
    )
    command.add_argument("--validation", type=_positive(int), metavar="N",
                         help="hold out N training images and report on those: for choosing, with the test images unseen")
    command.add_argument("--save", type=Path, metavar="FILE",
                         help="keep the run there after every epoch; the same command again resumes it")
    command.add_argument("--history", type=Path, metavar="FILE", help="write the history there in the end, as JSON")
    command.set_defaults(run=train)

    command = commands.add_parser("bench", help="measure images a second: fit, the usual tutorial's loop, the bare limit")
    command.add_argument("models", metavar="MODEL", nargs="*", help="which; left out, the course-size models")
    command.add_argument("--repeats", type=_positive(int), default=3, metavar="N", help="how often, in turns (default 3)")
    command.add_argument("--seconds", type=_positive(float), default=4, metavar="X", help="of each measurement (default 4)")
    command.set_defaults(run=bench)

    command = commands.add_parser("record", help="run what is missing of the recorded experiments, or list them")
    command.add_argument("names", metavar="NAME", nargs="*", help="which experiments; left out, all are listed")
    command.add_argument("--list", action="store_true", help="what exists of each, what it cost, what is missing")
    command.add_argument("--seeds", type=int, nargs="+", metavar="N", help="these seeds (default: the experiment's own)")
    command.add_argument("--jobs", type=_positive(int), default=1, metavar="N", help="runs side by side (default 1)")
    command.set_defaults(run=record)

    command = commands.add_parser(
        "doctor", help="say what is fine on this machine, and what to do about the rest"
    )
    command.set_defaults(run=doctor)

    options = parser.parse_args(arguments)
    if "run" not in options:
        parser.print_help()
        return 0
    try:
        return options.run(options) or 0
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


def fetch(options):
    """Make sure that CIFAR-10 is here: installed from a file, found, or downloaded."""
    from cnn_course import data

    if options.archive:
        data.install(options.archive)
        print("CIFAR-10 checked and unpacked into your cache.")
    elif not data.load().is_real:
        raise data.NoMirror(
            f"CIFAR-10 is not here. Get {data.ARCHIVE} on a machine with a network, and then: "
            "python -m cnn_course data --from FILE"
        )


def train(options):
    """Train a model on all of CIFAR-10 with the course's recipe."""
    import torch

    from cnn_course import checkpoint, data, distributed, models, training

    for option, path in (("--save", options.save), ("--history", options.history)):
        if path and not path.parent.is_dir():
            raise ValueError(f"{option} {path}: there is no folder {path.parent}; make it first")
    settings = {"batch_size": options.batch_size, "lr": options.lr}
    recipe = training.Recipe(**{name: value for name, value in settings.items() if value is not None})
    torch.manual_seed(options.seed)
    net = models.build(options.model)
    with distributed.group() as device:
        with distributed.first_alone():
            cifar = data.load(quiet=distributed.rank() > 0)
        if options.validation:
            cifar = cifar.validation(options.validation)
        history = training.fit(net, cifar, options.epochs, recipe, options.seed, device, options.model, save=options.save)
        if options.history and distributed.rank() == 0:
            text = history.to_json() + "\n"
            checkpoint.into_place(options.history, lambda part: part.write_text(text, encoding="utf-8"))


def bench(options):
    """Print one table: for each model, images a second of three ways to train, ratios, memory."""
    from cnn_course import bench, models

    table = bench.table(options.models or models.COURSE, options.repeats, options.seconds)
    print(table.round(2).T.to_string())
    ratio = table["fit / tutorial"]
    print(f"fit against the tutorial's loop: {ratio.min():.2f} to {ratio.max():.2f} times, median {ratio.median():.2f}")


def record(options):
    """Run what is missing of the experiments named, and print their tables; without a name, list all."""
    from cnn_course import experiments, recording

    if options.list or not options.names:
        print(experiments.states().round(2).to_string())
        return
    recording.record(*options.names, seeds=options.seeds, jobs=options.jobs)
    for name in options.names:
        print(f"\n{experiments.find(name).question}\n{experiments.recorded(name).table().round(4).to_string()}")


def doctor(options):
    """One line a check. Each check returns what it found, or raises with what to do."""
    todo = 0
    for name, check in CHECKS.items():
        try:
            print(f"ok     {name:12} {check()}", flush=True)
        except Exception as error:  # a check that breaks is a finding too
            print(f"TO DO  {name:12} {error}", flush=True)
            todo += 1
    print("All is ready." if not todo else f"{todo} of {len(CHECKS)} lines need you.")
    return int(todo > 0)


def _version(package):
    from packaging.requirements import Requirement

    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise RuntimeError(f"{package} is missing: pip install -r requirements.txt") from None
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # run from its folder, the course is not installed
        for asked in map(Requirement, importlib.metadata.requires("cnn_course")):
            if asked.name == package and not asked.specifier.contains(version, prereleases=True):
                raise RuntimeError(f"{version}, the course needs {asked.specifier}: pip install --upgrade -r requirements.txt")
    return version


def _imported(package):
    _version(package)
    try:
        return importlib.import_module(package).__version__
    except Exception as error:
        raise RuntimeError(
            f"{error}: pip install --upgrade torch torchvision (both at once, they must match)"
        ) from error


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
    from cnn_course import training

    return str(training.precision(training.best_device())).removeprefix("torch.")


def _data():
    from cnn_course import data

    setting = os.environ.get("CNN_COURSE_DATA", "")
    place = data.named_folder(setting) if setting else data.cache_folder()
    if not setting and not (place / data.FOLDER).exists():
        raise data.DataError("no CIFAR-10 here yet: python -m cnn_course data fetches it (170 MB)")
    cifar = data.read(place)
    return f"CIFAR-10, all files undamaged: {len(cifar.train) + len(cifar.test):,} images"


def _disk():
    from cnn_course import data

    folder = data.cache_folder()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < data.ROOM:
        raise RuntimeError(
            f"{free / 1e6:,.0f} MB free, CIFAR-10 takes {data.ROOM / 1e6:.0f} MB while it unpacks: make room"
        )
    return f"{free / 1e9:,.1f} GB free"


CHECKS = {
    "Python": platform.python_version,
    "torch": lambda: _imported("torch"),
    "torchvision": lambda: _imported("torchvision"),
    "device": _device,
    "threads": _threads,
    "precision": _precision,
    "data": _data,
    "disk": _disk,
    **{package: lambda package=package: _version(package) for package in PACKAGES},
}

if __name__ == "__main__":
    sys.exit(main())
