"""Rewrite the table on README's first screen from the records: python docs/front.py"""

import re
from pathlib import Path

from cnn_course import experiments
from cnn_course.plots import short

README = Path(__file__).parents[1] / "README.md"
PLACE = re.compile(r"(?s)(<!-- made by docs/front.py -->\n).*?(<!-- end -->)")
STUDENT = {3: 4.303, 5: 2.776}  # by the number of seeds: 97.5% of Student's t, which leaves 95% between minus and plus that


def table() -> str:
    """Markdown: each network of the comparison, what it costs, what it reaches in 24 epochs and, where recorded, in 60."""
    records = [experiments.recorded(name) for name in ("comparison", "half_hour")]
    tables = [record.table() for record in records]
    lines = ["| network | parameters | multiply-adds | after 24 epochs | minutes | after 60 epochs | minutes |", "|" + "---|" * 7]
    for name in dict.fromkeys([*tables[0].index, *tables[1].index]):
        row = next(table.loc[name] for table in tables if name in table.index)
        cells = [name, short(int(row["parameters"])), short(int(row["multiply-adds"]))]
        for found in tables:
            cells += (
                [_accuracy(found.loc[name]), f"{found.loc[name]['core-minutes'] / 2:.0f}"] if name in found.index else ["", ""]
            )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _accuracy(row):
    half = STUDENT[int(row["runs"])] * row["deviation"] / row["runs"] ** 0.5
    return f"{100 * row['test accuracy']:.1f} ± {100 * half:.1f}%"


if __name__ == "__main__":
    README.write_text(
        PLACE.sub(lambda found: found[1] + table() + found[2], README.read_text(encoding="utf-8")), encoding="utf-8"
    )
