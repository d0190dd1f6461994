"""Guesses: a box above the cell that answers. The guess is kept among the reader's own data, and the answer is told beside it.

Without a front end, or without a guess, nothing changes: an answer then stands alone.
"""

import contextlib
import json
import math
import re
import statistics

from cnn_course import files

# Not every page knows that it is dark: words bring the ground on which they can be read.
STYLE = """<style>
.cnn-course-guess { background: var(--jp-layout-color0, white); color: var(--jp-content-font-color1, black); }
.cnn-course-guess.cnn-course-guess :focus-visible { outline: 2px solid #0173b2 !important; outline-offset: 1px; }
</style>"""

_SCALES = {
    "k": 1e3, "thousand": 1e3, "천": 1e3, "만": 1e4, "m": 1e6, "mil": 1e6, "mio": 1e6, "million": 1e6, "백만": 1e6, "억": 1e8,
    "b": 1e9, "bn": 1e9, "billion": 1e9,
}  # fmt: skip
_NUMBER = re.compile(  # a comma before three digits groups them, any other is a decimal point
    r"(?:about|around|approx\.?|ca\.?|약|[~≈])?\s*(-?)\s*"
    r"(?:([1-9]\d{0,2}(?:[,\s_]\d{3})+(?:\.\d+)?)|(\d{1,15}(?:[.,]\d+)?|[.,]\d+))(e[+-]?\d\d?)?"
    rf"(?:(?:\^|\*\*)(\d\d?))?\s*(?:/\s*(\d+))?\s*({'|'.join(_SCALES)})?s?"
    r"\s*(?:percent|%p?|times|x|×|pixels?|px|points?|channels?|parameters?|weights?|퍼센트|배|개|픽셀|점|채널)?[.?!]*"
)
_answers: dict[str, float] = {}  # what was revealed in this kernel


def _file():
    return files.data_folder() / "guesses.json"


def kept() -> dict[str, float]:
    """The guesses, by name; none where there is no readable file."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):  # whatever the file has become
        found = json.loads(_file().read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in found.items()}
    return {}


def keep(name: str, value: float | None) -> None:
    """Keep a guess, or take it back with None. A disk that takes no file is no reason to stop."""
    guesses = kept() | {name: value}
    text = json.dumps({name: value for name, value in guesses.items() if value is not None}, indent=1) + "\n"
    with contextlib.suppress(OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        files.write_text(_file(), text)


def clear() -> int:
    """Delete them all; how many there were."""
    guesses = kept()
    with contextlib.suppress(OSError):
        _file().unlink(missing_ok=True)
    return len(guesses)


def number(text: str, unit: str = "") -> float | None:
    """The number in what somebody typed: "30 %", "1,200", "1,5", "2.5 million", "7k", "1e6", "1/3"; None where there is none."""
    typed = re.sub("[−–]", "-", text.lower()).strip().removesuffix(unit.lower()).strip()
    if found := _NUMBER.fullmatch(typed):
        sign, grouped, plain, exponent, power, below, scale = found.groups(default="")
        digits = re.sub(r"[,\s_]", "", grouped) or plain.replace(",", ".")
        with contextlib.suppress(ArithmeticError):
            return float(sign + "1") * float(digits + exponent) ** int(power or 1) / int(below or 1) * _SCALES.get(scale, 1)
    return None


def guess(name: str, question: str, unit: str = ""):
    """A box that asks `question` and keeps what is typed under `name`, such as "04.bottleneck", for `reveal`."""
    import ipywidgets

    before = kept().get(name)
    note = ipywidgets.HTML(_status(unit))
    box = ipywidgets.Text(
        value="" if before is None else _written(before),
        placeholder=f"your guess{f', {unit}' if unit else ''}",
        continuous_update=False,
        description=question,
        style={"description_width": "0px"},  # seen is the question at the left, which can break over lines; this one is read out
        layout={"width": "180px"},
    )

    def typed(change):
        value = number(change["new"], unit)
        keep(name, value)
        told = "" if value is None else f"noted: {_written(value)}"
        if value is None and change["new"].strip():
            told = "no number is read there; write 25, 1.5, 1/3 or 2 million"
        note.value = _status(", ".join(filter(None, (unit, told))))

    box.observe(typed, "value")
    row = ipywidgets.HBox([ipywidgets.HTML(STYLE + question), box, note])
    row.add_class("cnn-course-guess")
    return _Box(question, row, box)


def _written(value):
    """A number so that it can be read, and read back."""
    return f"{value:,.0f}" if abs(value) < 1e15 and (value.is_integer() or abs(value) > 1e5) else f"{value:,g}"


def _status(text):
    """A note that a screen reader says when it changes."""
    return f'<span role="status">{text}</span>'


class _Box:
    """What a cell shows: the box where widgets work, the question elsewhere."""

    def __init__(self, question, row, text):
        self.question, self.row, self.text = question, row, text

    def __repr__(self):
        return self.question

    def _repr_mimebundle_(self, **_):
        view = {"version_major": 2, "version_minor": 0, "model_id": self.row.model_id}
        return {"text/plain": self.question, "application/vnd.jupyter.widget-view+json": view}


def reveal(name: str, answer: float, unit: str = "", digits: int = 0) -> None:
    """Print an answer, and the guess beside it if there is one."""
    _answers[name] = answer
    print(_with_guess(f"{answer:,.{digits}f}{unit}", kept().get(name), answer, unit))


def _with_guess(told, guess, answer, unit):
    if guess is None:
        return told
    distance = f"{_rounded(_off(guess, answer))} times" if guess > 0 < answer and guess != answer else ""
    return f"{told} (you guessed {_written(guess)}{unit}{f', {distance} off' if distance else ''})"


def _off(guess, answer):
    return max(guess / answer, answer / guess)


def _rounded(factor):
    return f"{factor:,.1f}" if factor < 100 else f"{factor:,.0f}"


def sum_up() -> None:
    """One line on how far off the guesses were whose answers this kernel has revealed; nothing where there are none."""
    guesses = kept()
    pairs = [(guesses[name], answer) for name, answer in _answers.items() if name in guesses]
    factors = [_off(*pair) for pair in pairs if min(pair) > 0]
    if factors:
        middle = _rounded(statistics.median(factors))
        close = sum(math.isclose(guess, answer, rel_tol=0.1) for guess, answer in pairs)
        print(f"Your {len(pairs)} guesses: {close} within a tenth of the answer, half of them within a factor of {middle}.")
