"""Explorer of notebook 08: what the recorded models cost and reach, and where your own runs lie."""

from dataclasses import dataclass
from functools import lru_cache
from math import nan
from statistics import mean

from cnn_course import anatomy, experiments, models, plots
from cnn_course.plots import INK, short
from cnn_course.plots.trainings import untaken
from cnn_course.training import History
from cnn_course.widgets.explorer import Explorer, choice, counted, in_words, switch
from cnn_course.widgets.scales import even, scale

# Axis -> (its name in the list, its label with unit, how a sentence says a value of it).
AXES = {
    "parameters": ("parameters", "parameters", "{} parameters"),
    "macs": ("multiply-adds", "multiply-adds for one image", "{} multiply-adds an image"),
    "output_bytes": ("bytes of outputs", "bytes of all outputs for one image (float32)", "{}B of outputs an image"),
    "kept_bytes": ("bytes kept", "bytes kept for the backward pass of one image", "{}B kept for the backward pass of an image"),
}


@dataclass(frozen=True)
class Model:
    """A model and its trainings, one a seed. `costs`: a value for each axis, None where unknown."""

    label: str
    family: str | None
    own: bool
    histories: tuple[History, ...]
    costs: dict[str, float | None]

    @property
    def split(self):
        """What it was tested on: "test" or "validation"."""
        return self.histories[0].split

    @property
    def accuracy(self):
        """Mean over the seeds of the final accuracy there, 0 to 1."""
        return mean(history.accuracy for history in self.histories)

    @property
    def interval(self):
        """The 95% interval of that mean in percent, for other seeds, where there are several, and other images."""
        percent = [100 * history.accuracy for history in self.histories]
        return experiments.mean_interval(percent, self.histories[0].held_out_images)


@dataclass(frozen=True)
class Comparison:
    """The axis, the models shown, the one whose curves are drawn, those better for no more cost."""

    x: str
    shown: tuple[Model, ...]
    chosen: Model
    missing: tuple[str, ...]  # models of which this cost is not known
    better: tuple[str, ...]

    @property
    def note(self):
        """The data's note, if any of the runs is not of CIFAR-10."""
        return next((h.note for model in (*self.shown, self.chosen) for h in model.histories if h.note), "")


@lru_cache(maxsize=64)
def _costs(network, parameters):
    """What a network of the course costs by axis; all but the parameters None where it had settings of its own, or is unknown."""
    costs = dict.fromkeys(AXES) | {"parameters": parameters}
    net = models.build(network, device="meta") if network in models.names() else None
    if net is None or (cost := anatomy.cost(net)).parameters != parameters:
        return costs
    return costs | {"macs": cost.macs, "output_bytes": cost.output_bytes, "kept_bytes": anatomy.kept_bytes(net)}


def _model(label, histories, own):
    first = histories[0]
    return Model(label, first.family or plots.family(label), own, tuple(histories), _costs(first.network, first.parameters))


def gather(record=None, own=None):
    """The models of an experiments.Record, or of its name, and the reader's own histories: dict of label -> Model.

    own: a History or a list of them, labelled "your NAME". Runs without a finished epoch are left out.
    ValueError: an unknown name, or no run at all.
    """
    record = None if record is None else experiments.recorded(record)
    own = [own] if isinstance(own, History) else list(own or ())
    found = {}
    for label, histories in (record.runs if record else {}).items():
        done = [history for history in histories if history.rows]
        if done:
            found[label] = _model(label, done, False)
    for history in own:
        if not history.rows:
            continue
        label = untaken(f"your {history.label or 'network'}", found)
        found[label] = _model(label, [history], True)
    if not found:
        how = f"run it with: {record.command}" if record and record.command else "train one with training.fit(...)"
        raise ValueError(f"there is no finished run to compare; {how}")
    return found


def comparison(found, x="parameters", curves=None, shown=None):
    """What to draw. found: from `gather`; curves: whose curves are drawn; shown: labels, default all.

    ValueError: an unknown axis or label, or no model shown.
    """
    if x not in AXES:
        raise ValueError(f"x is {x!r}; the axes are {', '.join(AXES)}")
    shown = list(found) if shown is None else list(shown)
    curves = curves or best(found)
    for label in (*shown, curves):
        if label not in found:
            raise ValueError(f"there is no model {label!r}; there are {', '.join(found)}")
    if not shown:
        raise ValueError("no model is chosen: tick at least one")
    chosen = found[curves]
    known = tuple(found[label] for label in shown if found[label].costs[x] is not None)
    missing = tuple(label for label in shown if found[label].costs[x] is None)
    cost = chosen.costs[x]
    better = []
    if cost is not None:
        rivals = [model for model in known if not model.own and model is not chosen]
        better = [m.label for m in rivals if m.costs[x] <= cost and m.accuracy > chosen.accuracy]
    return Comparison(x, known, chosen, missing, tuple(better))


def best(found):
    """The label of the recorded model with the highest accuracy; of the own ones where none is recorded."""
    recorded = [model for model in found.values() if not model.own] or list(found.values())
    return max(recorded, key=lambda model: model.accuracy).label


def describe(r):
    """The one sentence under the controls. It ranks recorded models only: your run does not change it."""
    c = r.chosen
    seeds = "one seed" if len(c.histories) == 1 else f"mean of {len(c.histories)} seeds"
    cost = c.costs[r.x]
    said = "a cost that is not known here" if cost is None else AXES[r.x][2].format(short(cost))
    reach = f"{c.label} gets {c.accuracy:.1%} of the {c.split} images right ({seeds}) with {said}"
    if c.own:
        reach += f", after {_epochs(c)}"
    if cost is None or all(model.own or model is c for model in r.shown):
        return reach + "."
    if r.better:
        who = in_words(r.better) if len(r.better) <= 3 else f"{len(r.better)} of the recorded models shown"
        return f"{reach}; {who} {'is' if len(r.better) == 1 else 'are'} better for no more."
    return f"{reach}; no recorded model shown here is better for as little."


def _epochs(model):
    history = model.histories[0]
    return f"{counted(len(history.rows), 'epoch')} of {history.train_images:,} images"


def _colour(model):
    return plots.FAMILY_COLOURS.get(model.family, plots.NEUTRAL)


def draw(r):
    """Left: cost against accuracy. Right: the curves of one model.

    Returns a plots.Figure; its `spots` are the places of the models, label -> (x, y), shares from the upper left corner.
    """
    counts = {len(model.histories) for model in r.shown if model.interval[0] < model.interval[1]}  # of those with a bar
    notes = []
    if counts:
        seeds = "" if counts == {1} else ", and for other seeds where there are several"
        notes.append(f"Bars: 95% interval, for other test images{seeds}.")
    notes += [f"{model.label}: {_epochs(model)}." for model in r.shown if model.own]
    if r.missing:
        notes.append(f"Not shown, cost not known: {in_words(r.missing)}.")
    if r.note:
        notes.append(f"{r.note[0].upper()}{r.note[1:]}.")
    title = f"{_splits(r).capitalize()} accuracy against {AXES[r.x][0]}, and {r.chosen.label} while it learns"
    figure = plots.Figure(title, (9.2, 4.1), describe(r), " ".join(notes))
    left, right = figure.panels(columns=2, widths=(1.45, 1), gaps=(0.75, 0.6), bottom=0.48, top=0.25)
    _draw_points(left, r)
    _draw_curves(right, r.chosen)
    places = left.transData + figure.transFigure.inverted()
    points = {model.label: places.transform((model.costs[r.x], 100 * model.accuracy)) for model in r.shown}
    figure.spots = {label: (x, 1 - y) for label, (x, y) in points.items()}
    return figure


def _splits(r):
    """Of which images the accuracies are."""
    return " or ".join(sorted({model.split for model in r.shown})) or "test"


def _draw_points(ax, r):
    if not r.shown:
        ax.set_axis_off()
        ax.text(0.5, 0.5, "no cost is known of what is ticked", ha="center", transform=ax.transAxes)
        return
    x, y = [m.costs[r.x] for m in r.shown], [100 * m.accuracy for m in r.shown]
    bottoms, tops = zip(*(model.interval for model in r.shown), strict=True)
    low, high = min(bottoms), max(tops)
    room, most = max(high - low, 1.0), 1.3 * max(x)
    ax.set(xlim=(0, most), ylim=(max(low - 0.12 * room, 0), min(high + 0.12 * room, 100.5)))
    scale(ax, "bottom", even(*ax.get_xlim()), AXES[r.x][1])
    ticks = {tick: words for tick, words in _percent(ax).items() if len(words) < 5}  # longer ones push the label out
    scale(ax, "left", ticks, f"{_splits(r)} accuracy (%)")
    colours = [_colour(m) for m in r.shown]  # a list: matplotlib 3.8 takes a tuple of two for a colour and its alpha
    ax.vlines(x, bottoms, tops, colours, linewidth=1.6)
    for own, marker in ((False, "o"), (True, "D")):
        some = [model for model in r.shown if model.own == own]
        ax.scatter(
            [model.costs[r.x] for model in some],
            [100 * model.accuracy for model in some],
            [75 if model is r.chosen else 40 for model in some],
            marker=marker,
            c=["white" if own else _colour(model) for model in some],
            edgecolors=[INK if model is r.chosen else _colour(model) for model in some],
            linewidths=1.6,
            zorder=3,
        )
    labels = [model.label for model in r.shown]
    plots.place_labels(ax, list(zip(x, y, labels, colours, strict=True)), keep_clear=zip(x, bottoms, x, tops, strict=True))


def _draw_curves(ax, model):
    last = max(len(history.rows) for history in model.histories)
    for key, style in (("train_accuracy", "--"), (f"{model.split}_accuracy", "-")):
        x, y = [], []
        for history in model.histories:  # all seeds in one line with gaps: quick to draw
            x += [row["epoch"] for row in history.rows] + [nan]
            y += [100 * row[key] for row in history.rows] + [nan]
        ax.plot(x, y, style, color=_colour(model), linewidth=1.4, marker="o" if last == 1 else None)
    ax.set_xlim(1 - 0.04 * last, last + 0.04 * last)
    ax.set_title(f"solid: {model.split}, dashed: training", loc="left", y=1.02, fontsize=9.5)
    epochs = even(1, last)
    scale(ax, "bottom", {epoch: words for epoch, words in epochs.items() if epoch == round(epoch)}, "epoch")
    scale(ax, "left", _percent(ax), "accuracy (%)")


def _percent(ax):
    """Round numbers along y, none above 100."""
    low, high = ax.get_ylim()
    return even(low, min(high, 100))


def compare(record=None, own=None):
    """Explorer: choose models and a cost; see it against accuracy, and the curves of one model, chosen by a click on its point.

    record: an experiments.Record, as experiments.recorded("comparison"), or its name; own: a History or a list of them.
    """
    found = gather(record, own)
    only_own = all(model.own for model in found.values())  # else they are not ticked: a short run would flatten the rest

    def compute(x, curves, **ticked):
        return comparison(found, x, curves, [label for label, on in ticked.items() if on])

    controls = {
        "x": choice("cost", [(name, key) for key, (name, _, _) in AXES.items()], tip="the horizontal axis"),
        "curves": choice("curves of", list(found), best(found), tip="the model drawn at the right"),
        **{label: switch(label, only_own or not model.own, tip=f"show {label}") for label, model in found.items()},
    }
    return Explorer(controls, compute, draw, describe, picks="curves")
