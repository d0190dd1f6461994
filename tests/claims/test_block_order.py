"""What notebook 6 says of the two orders of a residual block, as it says it, and what the record says."""

import json
from pathlib import Path

from cnn_course import experiments

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "06_resnet.ipynb"
TITLE = "At twenty layers, after four epochs, the order of 2015 is ahead in each seed"
PROSE = (
    "Each of the three seeds says that the old order is ahead, one of them by a third of what the others say. "
    "Three are few, and the lead is smaller than two of its standard errors"
)


def test_the_notebook_says_so():
    source = "\n".join("".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"])
    assert TITLE in source and PROSE in source


def test_the_record_says_so():
    record = experiments.recorded("block_order")
    pairs = zip(record.runs["after"], record.runs["before"], strict=True)
    leads = sorted(after.accuracy - before.accuracy for after, before in pairs)
    assert len(leads) == 3 and leads[0] > 0 and all(0.25 < leads[0] / lead < 0.4 for lead in leads[1:])
    assert all(len(run.rows) == 4 for group in record.runs.values() for run in group)
    difference = record.difference("after", "before")
    assert 0 < difference.points < 2 * difference.error
