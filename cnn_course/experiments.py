"""The recorded experiments: what is varied, everything else fixed, several seeds; and the reader of their results.

`python -m cnn_course record NAME` runs what is missing of an experiment and keeps it in cnn_course/recorded/NAME.json.
"""

import json
import platform
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import torch

from cnn_course import checkpoint, data, models, training

FOLDER = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Experiment:
    """One question put to training runs. variants: label -> a function that builds the network; recipe: the same for all."""

    name: str
    question: str
    variants: dict[str, Callable[[], models.Network]]
    epochs: int
    train_images: int = 50_000
    test_images: int = 10_000
    seeds: tuple[int, ...] = (0, 1, 2)
    recipe: training.Recipe = training.Recipe()


@dataclass
class Record:
    """The results of an experiment: for each variant its histories, one a seed, and how they were made."""

    name: str
    question: str
    command: str
    machine: dict = field(default_factory=dict)
    runs: dict[str, list[training.History]] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """How many seeds every variant has at least."""
        return min((len(histories) for histories in self.runs.values()), default=0)

    def table(self):
        """One row a variant: runs, parameters, mean and standard deviation of the final test accuracy, seconds of training."""
        import pandas as pd

        rows = {}
        for label, histories in self.runs.items():
            accuracies = torch.tensor([history.test_accuracy for history in histories], dtype=torch.float64)
            seconds = [sum(row["seconds"] for row in history.rows) for history in histories]
            rows[label] = {
                "runs": len(histories),
                "parameters": histories[0].parameters,
                "test accuracy": accuracies.mean().item(),
                "deviation": accuracies.std().item() if len(histories) > 1 else float("nan"),
                "seconds": sum(seconds) / len(seconds),
            }
        return pd.DataFrame.from_dict(rows, orient="index")


def _course(names=models.COURSE):
    return {name: partial(models.build, name) for name in names}


EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment("lesson", "How far does each architecture get in one lesson: 5,000 images, two epochs?", _course(),
                   epochs=2, train_images=5_000, test_images=1_000),
        Experiment("comparison", "What does each architecture reach with the same recipe on all 50,000 images?", _course(),
                   epochs=6, seeds=(0,)),
    )
}  # fmt: skip


def names() -> list[str]:
    """The experiments that are declared."""
    return list(EXPERIMENTS)


def _find(name):
    if name not in EXPERIMENTS:
        raise ValueError(f"no experiment is called {name!r}; the experiments are: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def recorded(name: str) -> Record:
    """What has been recorded of an experiment; no runs at all if it has not been run yet. ValueError for an unknown name."""
    experiment, path = _find(name), FOLDER / f"{name}.json"
    if not path.exists():
        return Record(name, experiment.question, f"python -m cnn_course record {name}")
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["runs"] = {label: [training.History(**run) for run in runs] for label, runs in kept["runs"].items()}
    return Record(**kept)


def _machine():
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=FOLDER, capture_output=True, text=True).stdout.strip()
    processor = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return {"torch": torch.__version__, "processor": processor, "threads": torch.get_num_threads(), "commit": commit,
            "date": date.today().isoformat()}  # fmt: skip


def record(name: str, seeds: tuple[int, ...] | None = None, quiet: bool = False) -> Record:
    """Run what is missing of an experiment, and write the file after every run, so that it can be stopped and continued.

    Raises DataError without the real CIFAR-10: nothing is recorded on the stand-in.
    """
    experiment, cifar = _find(name), data.load(quiet)
    if not cifar.is_real:
        raise data.DataError("experiments are recorded on the real CIFAR-10; fetch it with: python -m cnn_course data")
    cifar = cifar.subset(experiment.train_images, experiment.test_images)
    result = recorded(name)
    for seed in seeds or experiment.seeds:
        for label, build in experiment.variants.items():
            done = result.runs.setdefault(label, [])
            if seed in [history.seed for history in done]:
                continue
            torch.manual_seed(seed)
            done.append(training.fit(build(), cifar, experiment.epochs, experiment.recipe, seed, name=label, quiet=quiet))
            result.machine = _machine()
            FOLDER.mkdir(exist_ok=True)
            text = json.dumps(asdict(result), indent=1)
            checkpoint.into_place(FOLDER / f"{name}.json", partial(Path.write_text, data=text, encoding="utf-8"))
    return result
