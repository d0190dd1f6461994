"""The ledger: each sentence of a notebook that states a finding, what it rests on, and when it may stand.

A claim is a function that asserts its condition and returns what it found, as words or a Difference. `claims_of` enters it:

    claim = claims_of("04_conv1x1")

    @claim("The sentence as it stands in the notebook.", "record one_by_one")
    def _():
        found = experiments.recorded("one_by_one").difference("NIN", "NIN without 1x1")
        assert says(found, "+3.6") and found.decided
        return found

`python -m cnn_course claims` prints the ledger.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from cnn_course import data

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parents[1] / "notebooks"
LEDGER = []


class NoCifar(Exception):
    """A claim about real images cannot be checked without them."""


def cifar():
    """The real CIFAR-10. Raises NoCifar where it is not here."""
    found = data.load(quiet=True)
    if not found.is_real:
        raise NoCifar("needs the real CIFAR-10")
    return found


@dataclass(frozen=True)
class Claim:
    """notebook: its file without the ending. rests_on: "computed" or "record NAME". check: AssertionError where it fails."""

    notebook: str
    sentence: str
    rests_on: str
    check: Callable[[], object]

    @property
    def record(self) -> str:
        """The name of the record it rests on; "" for a computed one."""
        return self.rests_on.removeprefix("record ") if self.rests_on.startswith("record ") else ""

    @property
    def stands(self) -> bool:
        """Whether the notebook says so, word for word."""
        return plain(self.sentence) in text_of(self.notebook)


def claims_of(notebook: str):
    """A decorator that enters claims of this notebook."""

    def claim(sentence, rests_on):
        def enter(check):
            LEDGER.append(Claim(notebook, sentence, rests_on, check))
            return check

        return enter

    return claim


def says(difference, points: str) -> bool:
    """Whether a Difference rounds to these points, written as "+1.2"."""
    return f"{difference.points:+.1f}" == points


@lru_cache
def text_of(notebook):
    """All that a notebook's cells say, prose and code, in one line."""
    cells = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    return plain(" ".join("".join(cell["source"]) for cell in cells))


def plain(text):
    """Words one space apart: a sentence may be broken over lines."""
    return re.sub(r"\s+", " ", text).strip()


def entered() -> list[Claim]:
    """The whole ledger, notebook by notebook."""
    for path in sorted(HERE.glob("notebook_*.py")):
        import_module(path.stem)
    return LEDGER


def show() -> int:
    """Print every claim with what it rests on and what was found; returns how many fail, by the condition or by the sentence."""
    claims, failed = entered(), 0
    for claim in claims:
        try:
            assert claim.stands
            found = claim.check()
        except NoCifar as reason:
            found = f"not checked, {reason}"
        except AssertionError:
            found, failed = "FAILS" if claim.stands else "FAILS: the notebook does not say so", failed + 1
        words = plain("; ".join(map(str, found if isinstance(found, list) else [found or ""])))
        print(f"{claim.notebook}: {claim.sentence}\n    {claim.rests_on}" + (f": {words}" if words else ""))
    print(f"{len(claims)} claims" + (f", {failed} of them FAIL" if failed else ""))
    return failed
