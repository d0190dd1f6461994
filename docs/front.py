"""The README's table of what the course reaches, made from the records: python docs/front.py writes it anew."""

import re
from pathlib import Path

from cnn_course import experiments

README = Path(__file__).parents[1] / "README.md"
PLACE = re.compile(r"(?s)(<!-- table: python docs/front\.py -->\n\n).*?(\n<!-- end of table -->)")
SHOWN = ("comparison", "half_hour")


def accuracy(runs) -> str:
    """The mean test accuracy in %, and half the width of its 95% interval, for other seeds and other test images."""
    low, high = experiments.mean_interval([100 * run.test_accuracy for run in runs], runs[0].held_out_images)
    return f"{(low + high) / 2:.1f}% ± {(high - low) / 2:.1f}"


def table() -> str:
    """The table in Markdown, a row a network, a column for each experiment that is shown, and what has to be said with them."""
    records = [experiments.recorded(name) for name in SHOWN]
    head = ["network", "parameters", "multiply-adds"]
    for name, record in zip(SHOWN, records, strict=True):
        head.append(f"test accuracy: {experiments.find(name).epochs} epochs, {record.seeds} seeds")
    rows = {}
    for place, record in enumerate(records):
        for network, row in record.table().iterrows():
            counts = [f"`{network}`", f"{row['parameters']:,.0f}", f"{row['multiply-adds'] / 1e6:.1f} million"]
            rows.setdefault(network, counts + [""] * len(SHOWN))[3 + place] = accuracy(record.runs[network])
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows.values()]
    notes = [f"{experiments.find(record.name).epochs} epochs: {record.remarks}" for record in records if record.remarks]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "".join(f"\n{note}\n" for note in notes)


def with_table(text: str) -> str:
    """The README's text with the table between its two comments."""
    return PLACE.sub(lambda found: found[1] + table() + found[2], text)


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
