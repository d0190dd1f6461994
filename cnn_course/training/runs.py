"""The runs that a reader trained, in whatever notebook: a small file each, to be shown beside the recorded ones."""

import contextlib
from datetime import datetime
from pathlib import Path

from cnn_course import data, files
from cnn_course.training.history import History

MOST = 200


def folder() -> Path:
    """Where they lie, among the user's own data."""
    return files.data_folder() / "runs"


def keep(history: History) -> None:
    """Add a run, and let go of the oldest beyond 200. Where the disk takes no file nothing happens: the training goes on."""
    label = "".join(letter if letter.isalnum() else "-" for letter in history.label)[:40]
    with contextlib.suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        path = folder() / f"{datetime.now():%Y-%m-%d %H-%M-%S-%f} {label}.json"
        files.write_text(path, history.to_json() + "\n")
        for old in _paths()[:-MOST]:
            old.unlink(missing_ok=True)


def kept() -> list[History]:
    """The runs, the oldest first. A file that cannot be read is left out."""
    return [history for _, history in _read()]


def latest(cifar: data.Cifar10, epochs: int, most: int = 8) -> list[History]:
    """The last run of each label, of those trained and tested on as many images of this source, for so many epochs.

    The last one, not the best: the best of many runs says how many there were. `most` labels, those trained last.
    """
    wanted = cifar.source, len(cifar.train), cifar.held_out, len(cifar.test), epochs
    found = {}
    for run in kept():
        if (run.source, run.train_images, run.split, run.held_out_images, len(run.rows)) == wanted:
            found.pop(run.label, None)  # so that it moves to the end
            found[run.label] = run
    return list(found.values())[-most:]


def table():
    """One row a run: when it ended, network, training images, epochs, seed, accuracy, and on which images."""
    import pandas as pd

    rows = {}
    for number, (path, history) in enumerate(_read(), start=1):
        day, time = path.name.split(" ")[:2]
        rows[number] = {
            "when": f"{day} {time[:5].replace('-', ':')}",
            "network": history.label,
            "images": history.train_images,
            "epochs": len(history.rows),
            "seed": history.seed,
            "accuracy": history.accuracy,
            "of": f"{history.split} images, {history.source}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def clear() -> int:
    """Delete them all; how many there were."""
    paths = _paths()
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def _paths():
    return sorted(folder().glob("*.json"))


def _read():
    for path in _paths():
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # not by the course, or damaged
            yield path, History.from_json(path.read_text(encoding="utf-8"))
