"""What README promises on its first screen is what the records say."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_table_is_that_of_the_records(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    import front

    kept = front.PLACE.search(front.README.read_text(encoding="utf-8"))[0]
    assert front.table() in kept, "the records or the table changed: python docs/front.py"
    sys.modules.pop("front")
