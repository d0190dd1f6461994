"""What was recorded of the experiments: a JSON file each in `recorded`, read, compared, summed up and written."""

import json
import math
from dataclasses import asdict, dataclass, field

from cnn_course import files, training
from cnn_course.experiments import declared, paired
from cnn_course.training import speedrun

INITIALIZATION = "fan_in"  # what the networks of `models` begin from


@dataclass(repr=False)
class Record:
    """The results of an experiment: for each variant its histories, one a seed, and how they were made.

    machines: what computed them, and in which precision. variants: label -> "network", "settings" (all that decides a run, as
    text), "varied" (those settings that the network was given), "parameters" and "multiply_adds". sweeps: where the experiment
    looks for learning rates, label -> [rate, share of the validation images right, or None where it diverged], in order of rate.
    """

    name: str
    question: str
    command: str
    machines: list[dict] = field(default_factory=list)
    variants: dict[str, dict] = field(default_factory=dict)
    sweeps: dict[str, list[list]] = field(default_factory=dict)
    runs: dict[str, list[training.History]] = field(default_factory=dict)

    def __repr__(self):
        return f"{self.name}: {self.question} {len(self.runs)} variants, {self.seeds} seeds; see its .table()"

    @property
    def seeds(self) -> int:
        """How many seeds every variant has at least."""
        return min((len(histories) for histories in self.runs.values()), default=0)

    @property
    def multiply_adds(self) -> dict[str, int]:
        """The multiply-adds for one image: label -> number."""
        return {label: variant["multiply_adds"] for label, variant in self.variants.items()}

    @property
    def varied(self) -> dict[str, dict]:
        """The settings that each network was given beyond its own, as JSON keeps them: label -> {setting: value}."""
        return {label: variant["varied"] for label, variant in self.variants.items()}

    def rate(self, label: str) -> float | None:
        """The learning rate that the variant's sweep found best; None without a sweep."""
        tried = self.sweeps.get(label)
        return max(tried, key=lambda pair: pair[1] or 0)[0] if tried else None

    @property
    def remarks(self) -> str:
        """What has to be said with the results: what the weights of older runs began from, and unlike devices or precisions."""
        begun = {label: {run.initialization for run in group if run.initialization} for label, group in self.runs.items()}
        said = []
        for older in sorted(set().union(*begun.values()) - {INITIALIZATION}):
            some = "Some weights" if any(older in of and len(of) > 1 for of in begun.values()) else "Weights"
            others = [label for label, of in begun.items() if older not in of]
            but = f", but for those of {', '.join(others)}" if others else ""
            said.append(f"{some} began from He's {older}, as the course once did{but}.")
        places = {"cpu": "a CPU", "cuda": "a GPU"}
        computed = {(run.precision, run.device) for group in self.runs.values() for run in group}
        if len(computed) > 1:
            kinds = [f"{precision} on {places.get(device, device)}" for precision, device in sorted(computed)]
            said.append(f"Computed in {', '.join(kinds[:-1])} and {kinds[-1]}.")
        return " ".join(said)

    @property
    def operations(self) -> dict[str, float]:
        """The floating-point operations of a run: label -> number, as torch counts them."""
        experiment = declared.find(self.name)
        return {
            label: speedrun.operations(variant.build(), variant.recipe, experiment.train_images, experiment.epochs)
            for label, variant in experiment.variants.items()
        }

    def find(self, label: str, seed: int) -> training.History | None:
        """The run of a variant with this seed, if it was recorded."""
        return next((history for history in self.runs.get(label, []) if history.seed == seed), None)

    def group(self, label: str) -> list[training.History]:
        """The runs of a variant, one a seed. ValueError for a label that is not recorded, with those that are."""
        if label not in self.runs:
            raise ValueError(f"{self.name} has no variant {label!r}; its variants are {', '.join(self.runs)}")
        return self.runs[label]

    def difference(self, a: str, b: str) -> paired.Difference:
        """How much better variant a is than b, and how sure that is. ValueError for a label that is not recorded."""
        return paired.difference(a, b, self.group(a), self.group(b))

    def table(self):
        """One row a variant: runs, parameters, multiply-adds, accuracies in the end (means), deviation over seeds.

        The training accuracy is that of images as they are, without augmentation. Where the experiment asks for six views of a
        test image, their accuracy too; where learning rates were looked for, each variant's own. No times: runs are made on
        several machines, beside other work.
        """
        import pandas as pd

        rows = {}
        for label, histories in self.runs.items():
            tested = pd.Series([history.test_accuracy for history in histories])
            rows[label] = {
                "runs": len(histories),
                "parameters": histories[0].parameters,
                "multiply-adds": self.multiply_adds.get(label, math.nan),
                "training accuracy": pd.Series([history.learned for history in histories], dtype=float).mean(),
                "test accuracy": tested.mean(),
                "deviation": tested.std(),  # nan for a single run
            }
            if declared.find(self.name).views == speedrun.VIEWS:
                rows[label]["six views"] = pd.Series([history.six_views for history in histories], dtype=float).mean()
            if self.sweeps:
                rows[label]["learning rate"] = self.rate(label)
        return pd.DataFrame.from_dict(rows, orient="index")


def core_minutes(history):
    """What a run took of a CPU; nan if it was made on a GPU."""
    return history.core_seconds * len(history.rows) / 60 if history.device == "cpu" else math.nan


def epochs_to(history: training.History, accuracy: float) -> float:
    """The epochs until this share of the training images was right, on a straight line between epochs; nan if it never was.

    The accuracy of an epoch is the mean while it ran, so it stands at the epoch's middle; a guess is right once in ten.
    """
    time, right = 0.0, 0.1
    for row in history.rows:
        middle, now = row["epoch"] - 0.5, row["train_accuracy"]
        if now >= accuracy:
            return time + (middle - time) * max(0.0, accuracy - right) / (now - right)
        time, right = middle, now
    return math.nan


def recorded(name: str | Record) -> Record:
    """What has been recorded of an experiment; no runs at all if it has not been run yet. A Record is returned as it is.

    ValueError for an unknown name or a damaged file.
    """
    if isinstance(name, Record):
        return name
    experiment, path = declared.find(name), files.RECORDED / f"{name}.json"
    if not path.exists():
        return Record(name, experiment.question, f"python -m cnn_course record {name}")
    older = {"initialization": "fan_out", "held_out_images": experiment.test_images}  # of all runs before a run said it
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        for label, runs in kept["runs"].items():
            kept["runs"][label] = [training.History.from_dict(older | run) for run in runs]
        return Record(**kept)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        told = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is damaged ({told}); get the course's copy again: git checkout -- {path}") from None


def write(record: Record) -> None:
    """Write a record to its file in one step, a line a run, so that a new run changes only its own lines."""
    files.RECORDED.mkdir(exist_ok=True)
    parts = asdict(record)
    runs = parts.pop("runs")
    for run in sum(runs.values(), []):
        run |= run.pop("others")
        if run["six_views"] is None:  # most experiments ask for one view
            del run["six_views"]
    lines = [
        f"  {json.dumps(label)}: [\n" + ",\n".join(f"   {json.dumps(run)}" for run in group) + "\n  ]"
        for label, group in runs.items()
    ]
    head = json.dumps(parts, indent=1, ensure_ascii=False).removesuffix("\n}")
    text = head + ',\n "runs": {\n' + ",\n".join(lines) + "\n }\n}\n"
    files.write_text(files.RECORDED / f"{record.name}.json", text)


def missing(name: str, seeds: tuple[int, ...] | None = None) -> list[tuple[int, str]]:
    """(seed, label) of the runs that the experiment still lacks, all variants of a seed before the next seed."""
    experiment, kept = declared.find(name), recorded(name)
    return [(seed, label) for seed in seeds or experiment.seeds for label in experiment.variants if not kept.find(label, seed)]


def states():
    """One row an experiment: variants, epochs, runs wanted and recorded, core-hours spent and still to spend on a CPU.

    What a missing run costs is what the fastest recorded run of its variant took, else the mean of the other variants; a
    rough guess, for the machines differ.
    """
    import pandas as pd

    rows = {}
    for name, experiment in declared.EXPERIMENTS.items():
        kept, lacking = recorded(name), missing(name)
        runs = [history for group in kept.runs.values() for history in group]
        spent = pd.Series(map(core_minutes, runs), dtype=float).sum()  # leaves out nan
        took = {label: pd.Series(map(core_minutes, group), dtype=float).min() for label, group in kept.runs.items()}
        cost = pd.Series(took, dtype=float).dropna()
        open_ = sum(cost.get(label, cost.mean()) for _, label in lacking)
        rows[name] = {
            "variants": len(experiment.variants),
            "epochs": experiment.epochs,
            "recorded": len(runs),
            "missing": len(lacking),
            "core-hours": spent / 60,
            "to go": open_ / 60,
        }
    return pd.DataFrame.from_dict(rows, orient="index")
