"""Explorer of notebook 09: what Muon's polynomial does to the singular values of a step (Jordan 2024)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cnn_course import plots
from cnn_course.training.optimizers import NEWTON_SCHULZ, polynomial
from cnn_course.widgets.explorer import Explorer, choice, counted, slider, steps
from cnn_course.widgets.scales import BLUE, ORANGE, even, scale

POLYNOMIALS = {  # (a, b, c) of a s + b s^3 + c s^5; the others end at 1 and take their time
    "Muon: 3.44, -4.78, 2.03": NEWTON_SCHULZ,
    "cubic: 1.5, -0.5": (1.5, -0.5, 0.0),
    "quintic: 1.875, -1.25, 0.375": (1.875, -1.25, 0.375),
}
VALUES = 24  # singular values of the matrix that is drawn
NEAR = (0.68, 1.14)  # where Muon's polynomial holds all that it has once brought there


@dataclass(frozen=True)
class Pushed:
    """The singular values of a matrix divided by its norm, before and after so many steps of a polynomial."""

    times: int
    name: str
    before: np.ndarray  # falling, (VALUES,)
    after: np.ndarray  # of the same singular vectors
    curve: tuple[np.ndarray, np.ndarray]  # s from 0 to 1, and what becomes of it

    @property
    def near(self) -> int:
        """How many lie in NEAR."""
        return int(((self.after >= NEAR[0]) & (self.after <= NEAR[1])).sum())


@lru_cache(maxsize=256)
def compute(times=3, name="Muon: 3.44, -4.78, 2.03", ratio=100):
    """ratio: the largest singular value over the smallest, those between in equal ratios."""
    before = np.geomspace(1, 1 / ratio, VALUES)
    before /= np.sqrt((before**2).sum())  # as a matrix divided by its norm has them
    line = np.linspace(0, 1, 401)
    after, curve = (polynomial(values, times, POLYNOMIALS[name]) for values in (before, line))
    return Pushed(times, name, before, after, (line, curve))


def describe(r):
    """One sentence."""
    kind = r.name.partition(":")[0]
    kind = "Muon's polynomial" if kind == "Muon" else f"the {kind} polynomial"
    turns = {0: "Without a step", 1: f"After one step of {kind}"}.get(r.times, f"After {r.times} steps of {kind}")
    return (
        f"{turns} the {VALUES} singular values lie between {r.after.min():.3f} and {r.after.max():.3f}, "
        f"{r.near} of them between {NEAR[0]} and {NEAR[1]}."
    )


def draw(r):
    """The polynomial's curve, and every singular value before and after. Returns a plots.Figure."""
    steps_taken = f"after {counted(r.times, 'step')}" if r.times else "without a step"
    title = f"{r.near} of {VALUES} singular values {'is' if r.near == 1 else 'are'} near 1 {steps_taken}"
    figure = plots.Figure(title, (8.6, 3.3), describe(r))
    left, right = figure.panels(1, 2, left=0.75, right=0.2, gaps=(0.9, 0))
    top, last = 1.4, VALUES + 0.5
    for axes, low, high, label in ((left, 0, 1, "a singular value before"), (right, 0.5, last, "singular value, by size")):
        axes.set(xlim=(low, high), ylim=(0, top))
        axes.axhspan(*NEAR, color=BLUE, alpha=0.1, linewidth=0)
        scale(axes, "left", even(0, 1.2), "after" if axes is left else "size")
        scale(axes, "bottom", even(0, 1) if axes is left else {n: str(n) for n in (1, 6, 12, 18, 24)}, label)
    left.plot(*r.curve, color=BLUE, linewidth=1.9)
    places = np.arange(1, VALUES + 1)
    right.plot(places, r.before, "o", color=ORANGE, markerfacecolor="white", markersize=5)
    right.plot(places, r.after, "o", color=BLUE, markersize=5)
    right.text(1, top, "hollow: before, filled: after", va="top", fontsize=9.5)
    return figure


def orthogonal_step():
    """Explorer: how many steps, by which polynomial, and how unequal the singular values of the matrix are."""
    controls = {
        "times": slider("steps", 3, 0, 12, tip="how often the polynomial is applied"),
        "name": choice("polynomial", list(POLYNOMIALS), tip="its coefficients a, b, c"),
        "ratio": steps("largest/smallest", [10, 100, 1000], 100, tip="of the singular values of the matrix"),
    }
    return Explorer(controls, compute, draw, describe)
