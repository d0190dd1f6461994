"""Figures of trainings: learning curves, accuracy against size, experiments and how sure their differences are.

Keywords as in `charts`. No default title or `alt` of a reader's own run holds a measured number, so that a stored notebook
compares equal after a new run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import chain, count

import numpy as np

from cnn_course import anatomy, models
from cnn_course.experiments import mean_interval, recorded
from cnn_course.plots import charts
from cnn_course.plots.canvas import Figure, around, end_labels, key, styled, text_width
from cnn_course.plots.colours import GREY, INK, PALETTE, colour, family, tint, told_apart
from cnn_course.plots.ticks import make_room, short_numbers, tidy
from cnn_course.training import History


def _runs(histories) -> dict:
    """name -> histories, one a seed, from all that `curves` takes; what are no seeds of one run get names of their own."""
    runs = {}
    for name, group in _named(histories).items():
        for one in [group] if _are_seeds(group) else [[history] for history in group]:
            runs[untaken(name, runs)] = one
    return runs


def _are_seeds(group) -> bool:
    """Whether runs differ in nothing but their seeds, as far as a history tells."""
    alike = {(each.parameters, each.source, each.train_images, each.split, len(each.rows)) for each in group}
    return len(alike) == 1 and len({history.seed for history in group}) == len(group)


def untaken(name, taken) -> str:
    """The name, or where it is taken "name (2)", "name (3)" and so on."""
    return next(each for each in chain([name], (f"{name} ({i})" for i in count(2))) if each not in taken)


def _named(histories) -> dict:
    """name -> histories, from all that `curves` takes. ValueError where there is none, and for what is no trained history."""
    histories = getattr(histories, "runs", histories)
    if isinstance(histories, Mapping):
        runs = {str(name): _listed(group) for name, group in histories.items()}
    else:
        runs = {}
        for history in _listed(histories):
            runs.setdefault(getattr(history, "label", None), []).append(history)
    if strange := [each for group in runs.values() for each in group if not isinstance(each, History)]:
        raise ValueError(f"{strange[0]!r:.60} is no history; expected a History, as training.fit returns it, or several")
    if not runs or not all(group and all(history.rows for history in group) for group in runs.values()):
        raise ValueError("no history, or one without an epoch; train first: history = training.fit(...)")
    return runs


def _listed(histories) -> list:
    return list(histories) if isinstance(histories, (list, tuple)) else [histories]


def _joined(*facts, between=" ") -> str:
    """The facts that are not empty."""
    return between.join(filter(None, facts))


def _notes(runs) -> str:
    return "; ".join(dict.fromkeys(h.note for group in runs.values() for h in group if h.note))


def _held_out(runs) -> str:
    """What the accuracies were measured on: "test", "validation", or both."""
    return " and ".join(dict.fromkeys(h.split for group in runs.values() for h in group))


def _colour_of(name, group, index):
    """The colour of the family that a name tells, or that the runs are of; a variant of a network has one of its own."""
    first = group[0]
    return colour(name if family(name) or first.label != first.network else first.network, index)


DASHED = {"color": GREY, "linewidth": 1, "linestyle": (0, (4, 3)), "zorder": 1}  # the line that others are compared with
# Metric -> (its label with unit, its column in a History's rows, what is drawn of a value).
METRICS = {
    "loss": ("loss (nats)", "loss", lambda v: v),
    "accuracy": ("accuracy (%)", "accuracy", lambda v: 100 * v),
    "error": ("error (%)", "accuracy", lambda v: 100 - 100 * v),
}


@styled
def curves(
    histories, title="", metrics=("loss", "accuracy"), train=True, colours=None, x="epoch", level=None, note="", alt="",
    figsize=None
):  # fmt: skip
    """Training histories: test (or validation) solid, training dashed; of several seeds the mean, in its 95% interval.

    histories: a History, a list, name -> History or list of Histories, or a recorded experiment. Runs of one name are seeds if
    a history tells no other difference; else each has a line of its own, the second named "lenet5 (2)". metrics: a panel each,
    of "loss" (nats), "accuracy" and "error" (both in percent). train: False leaves the training out, "only" shows nothing else.
    level: (value, words) of a horizontal line in every panel. x: "epoch", or "images" (seen so far, on a logarithmic axis), which
    sets runs of unlike length side by side.
    """
    runs, remarks = _runs(histories), getattr(histories, "remarks", "")
    if x not in ("epoch", "images"):
        raise ValueError(f'x is {x!r}; expected "epoch" or "images"')
    metrics = (metrics,) if isinstance(metrics, str) else metrics
    if wrong := [metric for metric in metrics if metric not in METRICS]:
        raise ValueError(f"metrics has {wrong[0]!r}; expected some of {', '.join(METRICS)}")
    over = _several(runs)
    band = f"A band is the 95% interval of the mean of {over}." if over else ""
    facts = _joined(_joined(note, _notes(runs), between="; "), band, remarks, between="\n")
    title = title or f"{' and '.join(runs) if len(runs) < 4 else f'{len(runs)} networks'}, epoch by epoch"
    wide = {1: 6.4, 2: 8.2}.get(len(metrics), 9.6)
    figure = Figure(title, figsize or (wide, 3.5), alt or f"Curves: {title} ({', '.join(runs)}; {', '.join(metrics)})", facts)
    splits = {True: ("train", "test"), False: ("test",), "only": ("train",)}[train]
    if len(splits) > 1:
        key(figure, {_held_out(runs): (INK, "-"), "training": (GREY, (0, (3, 2)))})
    right = 0.25 + max(text_width(name, 9.5) for name in runs) if len(runs) > 1 else 0.2
    panels = figure.panels(1, len(metrics), left=0.65, right=right, gaps=(0.7, 0))
    shades = dict(zip(runs, _shades(runs, charts.by_text(colours)), strict=True))
    for axes, metric in zip(panels, metrics, strict=True):
        ends = _learning(axes, runs, metric, splits, shades, x)
        label = METRICS[metric][0]
        axes.set(
            xlabel="images seen (log scale)" if x == "images" else x,
            ylabel={True: "", False: f"{_held_out(runs)} ", "only": "training "}[train] + label,
        )
        if level:
            axes.axhline(level[0], **DASHED)
            words = {"fontsize": 9, "color": GREY, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0}}
            axes.annotate(level[1], (0.01, level[0]), xycoords=("axes fraction", "data"), va="bottom", **words)
        _scales(axes, x)
        if len(runs) > 1 and axes is panels[-1]:
            end_labels(axes, [(*end, name, shades[name]) for name, end in ends.items()])
    return figure


def _learning(axes, runs, metric, splits, shades, x):
    """The lines of one panel, the last of `splits` solid, the other dashed; returns where the solid ones end, name -> (x, y)."""
    _, column, scale = METRICS[metric]
    ends = {}
    for split in splits:
        solid = split == splits[-1]
        for name, group in runs.items():
            xs = np.array([row["epoch"] for row in group[0].rows], dtype=float) * (group[0].train_images if x == "images" else 1)
            keys = [f"{history.split if split == 'test' else split}_{column}" for history in group]
            seeds = zip(keys, group, strict=True)
            ys = np.array([[scale(row[key]) for row in history.rows] for key, history in seeds])
            mean, shade = ys.mean(axis=0), shades[name] if solid else tint(shades[name], 0.65)
            axes.plot(
                xs,
                mean,
                color=shade,
                linestyle="-" if solid else (0, (3, 2)),
                linewidth=1.9 if solid else 1.4,
                marker="o" if len(xs) <= 10 else None,
                markersize=4 if solid else 3,
                zorder=3 if solid else 2,
            )
            if solid:
                ends[name] = charts.last_point(xs, mean)
                if len(ys) > 1:
                    images = group[0].held_out_images if split == "test" and metric != "loss" else None
                    low, high = np.transpose([mean_interval(y, images) for y in ys.T])
                    axes.fill_between(xs, low, high, color=shade, alpha=0.2, linewidth=0, zorder=1)
    return ends


def _scales(axes, x):
    """Axes of `curves`: images on a logarithmic scale, epochs by whole numbers."""
    if x == "images":
        axes.set_xscale("log")
    elif axes.get_xlim()[1] - axes.get_xlim()[0] < 1:
        axes.set_xlim(0.5, 1.5)
    tidy(axes, "x" * (x == "images"), whole=x == "epoch")
    make_room(axes, 0.65)


def live(**settings):
    """A callback that draws the curves anew after every epoch: training.fit(..., on_epoch=plots.live()).

    settings: those of `curves`.
    """
    handles = []

    def draw(history):
        from IPython.display import display

        if handles:
            handles[0].update(curves(history, **settings))
        elif handle := display(curves(history, **settings), display_id=True):
            handles.append(handle)

    return draw


def _shades(runs, colours):
    """A colour a run: its family's; more runs of one family get darker and lighter ones."""
    own = told_apart([_colour_of(name, group, i) for i, (name, group) in enumerate(runs.items())])
    return [colours.get(name) or shade for name, shade in zip(runs, own, strict=True)]


@styled
def parameters_against_accuracy(record, own=(), x="parameters", title="", note="", alt=""):
    """Test accuracy against size: recorded runs filled, own runs hollow.

    record: a recorded experiment, name -> histories (one a seed), or a list of histories. own: histories of
    the reader. x, on a logarithmic axis: "parameters" or "macs". Bars: 95% interval of a mean, for other seeds and other test
    images.
    """
    runs = _runs(record)
    mine = _runs(own) if own else {}
    sizes = {"parameters": "parameters", "macs": "multiply-adds for one image"}
    if x not in sizes:
        raise ValueError(f"x is {x!r}; expected one of {', '.join(sizes)}")
    multiply_adds = getattr(record, "multiply_adds", {})
    dots, bars, shades = {}, {}, {}
    for i, (name, group) in enumerate(runs.items()):
        accuracy = [100 * h.accuracy for h in group]
        dots[name] = _size(name, group, x, multiply_adds), float(np.mean(accuracy))
        if len(group) > 1:  # of one run nobody knows what another seed would do
            low, high = mean_interval(accuracy, group[0].held_out_images)
            bars[name] = (high - low) / 2
        shades[name] = _colour_of(name, group, i)
    hollow = {}
    for name, group in mine.items():
        hollow[f"your {name}"] = _size(name, group, x, {}), float(np.mean([100 * h.accuracy for h in group]))
        shades[f"your {name}"] = _colour_of(name, group, len(shades))
    facts = _joined(
        note,
        f"Bars: 95% interval of the mean of {_several(runs)}." if bars else "",
        getattr(record, "remarks", ""),
        "Hollow: your own runs." if mine else "",
        _unlike(sum(mine.values(), []), runs),
        _notes({**runs, **mine}),
    )
    held_out = _held_out({**runs, **mine})
    return charts.scatter(
        dots,
        title or f"{held_out.capitalize()} accuracy against {sizes[x]}",
        f"{sizes[x]} (log scale)",
        f"{held_out} accuracy (%)",
        own=hollow,
        errors=bars,
        log="x",
        colours=shades,
        note=facts,
        alt=alt,
        figsize=(7.2, 4.4),
    )


def _size(name, group, x, multiply_adds):
    if x == "parameters":
        return group[0].parameters
    return multiply_adds[name] if name in multiply_adds else _macs(group[0].network, group[0].parameters)


@lru_cache
def _macs(network, parameters):
    cost = anatomy.cost(models.build(network, device="meta")) if network in models.names() else None
    if cost is None or cost.parameters != parameters:
        advice = "draw name -> (multiply-adds, accuracy) with plots.scatter"
        raise ValueError(f"the multiply-adds of a network of {parameters:,} parameters are not known: {advice}")
    return cost.macs


@styled
def experiment(record, title="", only=(), baseline="", training=False, own=(), colours=None, note="", alt=""):
    """A recorded experiment: accuracy of each variant in the end, a small dot a seed, and how sure their differences are.

    record: an experiments.Record, or its name. only: labels to show, default all. baseline: the variant whose mean is a
    dashed line; the bar of any other is the 95% interval of its difference from that one, for other seeds and other test images
    (`Record.difference`): a bar that reaches the line may be no difference. Default the best. training: squares for the accuracy
    on as many training images, without augmentation. own: histories of the reader, whose name is a label, as hollow dots.
    colours: label -> colour; by default that of the network's family. Where variants have learning rates of their own, a small
    panel shows how they were found, in colours that tell them apart. ValueError for an unknown name or label.
    """
    record = recorded(record)
    runs = {label: record.group(label) for label in ([only] if isinstance(only, str) else only) or record.runs}
    if not runs:
        raise ValueError(f"nothing is recorded of {record.name!r} yet; run: {record.command}")
    mine = {label: group for label, group in (_named(own) if own else {}).items() if label in runs}
    means = {label: 100 * np.mean([h.accuracy for h in group]) for label, group in runs.items()}
    baseline = baseline or max(means, key=means.get)
    line = 100 * np.mean([h.accuracy for h in record.group(baseline)])
    found = {label: record.difference(label, baseline) for label in runs if label != baseline}
    shade = _apart(record, runs) | charts.by_text(colours)
    facts = _joined(
        note,
        f"{_seeds(runs).capitalize()}.",
        "Small dots: one a seed." if max(map(len, runs.values())) > 1 else "",
        _told(found, baseline),
        f"Dots: {_held_out(runs)} images; squares: training images, not augmented." if training else "",
        f"Hollow: your own run{'s' * (sum(map(len, mine.values())) > 1)}." if mine else "",
        _unlike(sum(mine.values(), []), runs),
        replace(record, runs=runs).remarks,
        _notes(runs),
    )
    words = ", ".join(f"{label} {mean:.1f}%" for label, mean in means.items())
    title, width = title or record.question, 8.6 if record.sweeps else 6.8
    figure = Figure(
        title,
        (width, 0.85 + 0.31 * len(runs) + around(width, title, facts)),
        alt or f"{_held_out(runs).capitalize()} accuracy ({_seeds(runs)}): {words}",
        facts,
    )
    axes = figure.panel(left=charts.beside_rows(runs), right=2.6 if record.sweeps else 0.3, bottom=0.52, top=0.22)
    axes.axvline(line, **DASHED)
    for place, (label, group) in enumerate(runs.items()):
        bar = [line + end for end in found[label].interval] if label in found else None
        _answer(axes, place, group, mine.get(label, ()), bar, shade[label], training)
    _rows(axes, runs, 0.6, "accuracy (%)" if training else f"{_held_out(runs)} accuracy (%)")
    if record.sweeps:
        _sweeps(figure.panel(left=width - 1.95, right=0.2, bottom=0.52, top=0.22), record, shade)
    return figure


def _told(found, baseline):
    """What the bars of an experiment are, and which of them promise more than the seeds alone keep."""
    if not found:
        return ""
    bases = " or ".join(sorted({difference.basis for difference in found.values()} - {"paired"}))
    clear = {label: each for label, each in found.items() if not each.interval[0] <= 0 <= each.interval[1]}
    unsure = ", ".join(label for label, each in clear.items() if not each.decided)
    return _joined(
        f"Bars: 95% interval of the difference from {baseline}, the dashed line{f' ({bases})' if bases else ''}.",
        f"Clear of the line, yet other seeds may turn it round: {unsure}." if unsure else "",
    )


def _apart(record, runs):
    """The colour of each variant: its family's; where a panel of rates has lines of one family, colours that tell them apart."""
    shade = {label: colour(group[0].network or label, i) for i, (label, group) in enumerate(runs.items())}
    if record.sweeps and len(set(shade.values())) == 1:
        shade = dict(zip(runs, PALETTE, strict=False))
    return shade


def _answer(axes, place, runs, mine, bar, shade, training):
    """A variant's row: the mean of its runs, with a bar from and to; its seeds; its training accuracy; the reader's own runs."""
    import seaborn  # which imports pyplot: not before it is needed

    test = [100 * h.accuracy for h in runs]
    mean = np.mean(test)
    ends = [[mean - bar[0]], [bar[1] - mean]] if bar else None
    axes.errorbar(mean, place, xerr=ends, fmt="o", color=shade, markersize=8, linewidth=1.4, capsize=3, zorder=4)
    if len(test) > 1:  # the seeds below their mean, none over another
        below, pale = np.full(len(test), place + 0.24), tint(shade, 0.6)
        seaborn.swarmplot(x=test, y=below, color=pale, size=3.5, orient="h", native_scale=True, ax=axes)
    hollow = {"color": "white", "markeredgecolor": shade}
    if training:
        axes.plot(100 * np.array([h.learned for h in runs], dtype=float).mean(), place, "s", **hollow, markersize=6.5, zorder=4)
    for h in mine:
        axes.plot(100 * h.accuracy, place, "o", **hollow, markeredgewidth=1.8, markersize=9)


@styled
def differences(found, title="", note="", alt="", figsize=None):
    """Differences of a recorded experiment, a row each: points of test accuracy and their 95% interval, beside a line at zero.

    found: words -> experiments.Difference. A dot is filled where the difference stands (`Difference.decided`), else hollow.
    """
    if not found:
        raise ValueError("there is no difference to draw; ask a record: {'words': record.difference(a, b)}")
    found = dict(charts.items_of(found, "found", "{'words': record.difference(a, b)}"))
    fewest = min(min(difference.seeds) for difference in found.values())
    seeds = "one seed, so nothing is known of others" if fewest == 1 else "for other seeds and other test images"
    facts = _joined(note, f"Bars: 95% interval ({seeds}). Hollow: other seeds or other images may turn it round.")
    words = ", ".join(f"{label} {difference.points:+.1f}" for label, difference in found.items())
    size = figsize or (6.8, 0.8 + 0.31 * len(found) + around(6.8, title, facts))
    figure = Figure(title, size, alt or f"Differences in points of test accuracy: {words}", facts)
    axes = figure.panel(left=charts.beside_rows(found), right=0.3, bottom=0.52, top=0.2)
    axes.axvline(0, **DASHED)
    for i, (label, difference) in enumerate(found.items()):
        shade = colour(label, i)
        ends = np.abs(np.array(difference.interval) - difference.points)[:, None]
        face = shade if difference.decided else "white"
        axes.errorbar(
            difference.points, i, xerr=ends, fmt="o", color=shade, markerfacecolor=face, markersize=8, linewidth=1.4, capsize=3
        )
    _rows(axes, found, 0.5, "points of test accuracy")
    return figure


def _rows(axes, labels, room, unit):
    charts.name_rows(axes, list(labels), room=room)
    axes.set_xlabel(unit, labelpad=4)
    axes.margins(x=0.08)
    axes.grid(True)


def _sweeps(axes, record, shade):
    """How each variant came to its learning rate: accuracy on training images that were held out, the chosen rate filled."""
    for label, own in shade.items():
        if label not in record.sweeps:  # its recipe names a rate
            continue
        rates, accuracy = zip(*((rate, 100 * share) for rate, share in record.sweeps[label] if share is not None), strict=True)
        axes.plot(rates, accuracy, "o-", color=own, markerfacecolor="white", markersize=3.5, linewidth=1.1)
        best = rates.index(record.rate(label))
        axes.plot(rates[best], accuracy[best], "o", color=own, markersize=5, zorder=4)
    axes.set_xscale("log")
    axes.set(xlabel="learning rate (log)", ylabel="validation (%)")
    axes.set_xticks(sorted({rate for tried in record.sweeps.values() for rate, _ in tried})[::2])
    axes.minorticks_off()
    short_numbers(axes.xaxis)
    axes.grid(True)


def _several(runs) -> str:
    """The seeds of the variants that have more than one, in words, and whether others have one; nothing if all have one."""
    counts = sorted({len(group) for group in runs.values()} - {1})
    alone = " (without one: a single run)" if any(len(group) == 1 for group in runs.values()) else ""
    return f"{' or '.join(map(str, counts))} seeds{alone}" if counts else ""


def _unlike(own, runs) -> str:
    """A warning where the reader's runs have seen more images than the recorded ones, as on a GPU, or fewer."""
    seen = [{h.train_images * len(h.rows) for h in group} for group in (own, sum(map(list, runs.values()), []))]
    if not seen[0] or seen[0] == seen[1]:
        return ""
    yours, recorded = (" or ".join(f"{images:,}" for images in sorted(each)) for each in seen)
    return f"Yours saw {yours} images in all, the recorded ones {recorded}."


def _seeds(runs) -> str:
    """How many seeds the runs have, in words: "3 seeds", "1 to 3 seeds"."""
    counts = sorted({len(group) for group in runs.values()})
    if len(counts) > 1:
        return f"{counts[0]} to {counts[-1]} seeds"
    return "one seed" if counts == [1] else f"{counts[0]} seeds"
