"""The README's table of what the course reaches, made from the records: python docs/front.py writes it anew."""

import re
from math import isnan, sqrt
from pathlib import Path

from cnn_course import experiments

README = Path(__file__).parents[1] / "README.md"
PLACE = re.compile(r"(?s)(<!-- table: python docs/front\.py -->\n\n).*?(\n<!-- end of table -->)")
SHOWN = ("comparison", "half_hour")
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)  # t with 95% between -t and t, for 1, 2, … degrees of freedom


def accuracy(row) -> str:
    """The mean test accuracy in %, and half the width of its 95% interval over seeds (Student's t; at most ten seeds)."""
    half = STUDENT[int(row["runs"]) - 2] * row["deviation"] / sqrt(row["runs"]) if row["runs"] > 1 else float("nan")
    return f"{row['test accuracy']:.1%}" + ("" if isnan(half) else f" ± {100 * half:.1f}")


def minutes(row) -> str:
    """The minutes that training takes on two cores; "–" where every run was made on a GPU."""
    return "–" if isnan(row["core-minutes"]) else f"{row['core-minutes'] / 2:.0f} min"


def table() -> str:
    """The table in Markdown, a row a network, two columns for each experiment that is shown."""
    records = [experiments.recorded(name) for name in SHOWN]
    head = ["network", "parameters", "multiply-adds"]
    for name, record in zip(SHOWN, records, strict=True):
        head += [f"test accuracy: {experiments.find(name).epochs} epochs, {record.seeds} seeds", "on two cores"]
    rows = {}
    for place, record in enumerate(records):
        for network, row in record.table().iterrows():
            counts = [f"`{network}`", f"{row['parameters']:,.0f}", f"{row['multiply-adds'] / 1e6:.1f} million"]
            cells = rows.setdefault(network, counts + [""] * 2 * len(SHOWN))
            cells[3 + 2 * place : 5 + 2 * place] = accuracy(row), minutes(row)
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows.values()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def with_table(text: str) -> str:
    """The README's text with the table between its two comments."""
    return PLACE.sub(lambda found: found[1] + table() + found[2], text)


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
