"""What a training leaves behind: a row an epoch, and how it was made."""

import base64
import json
import math
import statistics
from dataclasses import MISSING, asdict, dataclass, field, fields

import numpy as np

from cnn_course import data, models


@dataclass(repr=False)
class History:
    """What one training did: a row an epoch, and how it was made. Accuracies are shares from 0 to 1, losses in nats.

    network: its name for `models.build`, "" for a reader's own network. label: what figures and tables call the run, by default
    the network's name. threads: the processor threads that computed it. split: the images held out, "test" or "validation".
    rows: "epoch", "train_loss", "train_accuracy", "seconds", and loss and accuracy of the images held out, "test_loss" and
    "test_accuracy" or "validation_loss" and "validation_accuracy".

    None where nobody measured or said it (recorded experiments do): held_out_images, how many. learned: share of training images
    right in the end as they are, without augmentation. right: which of the held-out images were right in the end, in order, a bit
    each: base64 of numpy's packbits. six_views: their share by the mean of six views each. initialization: the mode of He's that
    the weights began from. others: fields of a file that this version does not know; they are written back.
    """

    network: str
    label: str = field(default="", kw_only=True)
    source: str
    seed: int
    parameters: int
    train_images: int
    device: str = "cpu"
    precision: str = "float32"
    threads: int = 1
    split: str = "test"
    held_out_images: int | None = None
    learned: float | None = None
    right: str | None = None
    six_views: float | None = None
    initialization: str | None = None
    rows: list[dict] = field(default_factory=list)
    others: dict = field(default_factory=dict)

    def __post_init__(self):
        self.label = self.label or self.network

    def __repr__(self):
        if not self.rows:
            return f"{self.name}: no epoch yet"
        images = f"{len(self.rows)} x {self.train_images:,} images"
        return f"{self.name}: {images}, {self.split} accuracy {self.accuracy:.1%}; see its .table()"

    @classmethod
    def of(cls, net, cifar: data.Cifar10, seed: int, label: str | None = None, **made) -> "History":
        """The history of a training of `net` on `cifar` that is about to begin. made: fields that say how."""
        name = getattr(net, "name", "")
        return cls(
            network=name if name in models.names() else "",
            label=label or name or type(net).__name__,
            source=cifar.source,
            seed=seed,
            parameters=sum(p.numel() for p in net.parameters()),
            train_images=len(cifar.train),
            split=cifar.held_out,
            held_out_images=len(cifar.test),
            **made,
        )

    @property
    def name(self) -> str:
        """The label."""
        return self.label

    @property
    def family(self) -> str | None:
        """The family whose colour the figures use; None for a network that the course does not know."""
        return models.family(self.network) if self.network in models.names() else None

    @property
    def accuracy(self) -> float:
        """Share of the images held out, those of `split`, right after the last finished epoch; nan before the first."""
        return self.rows[-1][f"{self.split}_accuracy"] if self.rows else math.nan

    @property
    def test_accuracy(self) -> float:
        """The accuracy on test images. ValueError for a run that was measured on validation images."""
        if self.split != "test":
            raise ValueError(f"{self.label} was measured on {self.split} images, not on test images: ask for its .accuracy")
        return self.accuracy

    def keep_right(self, right) -> None:
        """Keep which of the held-out images were right, all of them in order: booleans (held_out_images,)."""
        self.held_out_images = len(right)
        self.right = base64.b64encode(np.packbits(np.asarray(right, dtype=bool))).decode()

    def right_images(self) -> np.ndarray | None:
        """Which of the held-out images were right in the end, booleans (held_out_images,); None where nobody kept it."""
        if self.right is None:
            return None
        bits = np.frombuffer(base64.b64decode(self.right), dtype=np.uint8)
        return np.unpackbits(bits, count=self.held_out_images).astype(bool)

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

        return pd.DataFrame(self.rows or {"epoch": []}).set_index("epoch")

    def to_json(self) -> str:
        known = asdict(self)
        return json.dumps(known.pop("others") | known)

    @classmethod
    def from_json(cls, text: str) -> "History":
        """From what `to_json` made. ValueError for another text, and for the path of a file."""
        try:
            kept = dict(json.loads(text))
        except (TypeError, ValueError) as error:
            wanted = "expected the text of to_json(), of a file: from_json(Path('run.json').read_text())"
            raise ValueError(f"text is {text!r:.60}; {wanted}") from error
        return cls.from_dict(kept)

    @classmethod
    def from_dict(cls, kept: dict) -> "History":
        """From the fields as JSON keeps them. ValueError, which names it, where a field is missing that cannot be guessed."""
        kept = dict(kept)
        kept |= kept.pop("others", {})  # a level of its own in older records
        own = {f.name: kept[f.name] for f in fields(cls) if f.name in kept}
        needed = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
        if missing := [name for name in needed if name not in own]:
            raise ValueError(f"a history without {missing[0]!r}; expected the fields {', '.join(needed)}")
        return cls(**own | {"others": {name: value for name, value in kept.items() if name not in own}})
