"""What a training leaves behind: a row an epoch, and how it was made."""

import json
import math
import statistics
from dataclasses import asdict, dataclass, field

from cnn_course import data, models


@dataclass
class History:
    """What one training did: a row an epoch, and how it was made. Accuracies are shares from 0 to 1, losses in nats.

    threads: the processor threads that computed it. learned: share of training images right in the end as they are, without
    augmentation, where somebody measured it (recorded experiments do). split: what "test_loss" and "test_accuracy" in the rows
    were measured on, "test" or "validation" images.
    """

    name: str
    source: str
    seed: int
    parameters: int
    train_images: int
    device: str = "cpu"
    precision: str = "float32"
    threads: int = 1
    split: str = "test"
    learned: float | None = None
    rows: list[dict] = field(default_factory=list)

    @property
    def family(self) -> str | None:
        """The family whose colour the figures use; None for a network that the course does not know."""
        return models.family(self.name) if self.name in models.names() else None

    @property
    def test_accuracy(self) -> float:
        """Share of test images right after the last finished epoch; nan before the first."""
        return self.rows[-1]["test_accuracy"] if self.rows else math.nan

    @property
    def core_seconds(self) -> float:
        """What an epoch took: on a CPU seconds times threads, the same whether one core or two; elsewhere the device's seconds.

        The median of the epochs, so that one slow epoch does not count. nan before the first.
        """
        seconds = [row["seconds"] for row in self.rows]
        return statistics.median(seconds) * (self.threads if self.device == "cpu" else 1) if seconds else math.nan

    @property
    def note(self) -> str:
        """What a figure made from this run must say: empty for the real CIFAR-10."""
        return data.note(self.source)

    def table(self):
        """The rows as a pandas DataFrame, indexed by epoch."""
        import pandas as pd

        return pd.DataFrame(self.rows).set_index("epoch").rename(columns=lambda name: name.replace("test_", f"{self.split}_"))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "History":
        return cls(**json.loads(text))


def fastest(histories: list[History]) -> History:
    """Of several runs of one network that which tells its cost: some machines were slower, some had other work to do.

    Runs on a CPU come before those on a GPU, whose seconds are no core-seconds.
    """
    return min(histories, key=lambda history: (history.device != "cpu", history.core_seconds / history.train_images))
