"""Figures of recorded experiments: the means, the seeds and the noise that they draw are those of the record."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import record

from cnn_course import anatomy, experiments, models, plots


def test_the_figure_says_every_mean_and_shows_every_seed():
    figure = plots.experiment(record(a=(0.90, 0.92), b=(0.80, 0.81)), "a is better", training=True)
    assert figure.alt == "Test accuracy (2 seeds): a 91.0%, b 80.5%"
    axes = figure.axes[0]
    figure.canvas.draw()  # which is when the swarm takes its places
    drawn = {round(float(x), 6) for line in axes.lines for x in line.get_xdata()}
    drawn |= {round(float(x), 6) for dots in axes.collections for x, _ in dots.get_offsets()}
    assert {90, 92, 80, 81, 91, 80.5, 96, 85.5} <= drawn
    one = plots.experiment(record(a=(0.9,), b=(0.8, 0.8)), only=["b", "a"])
    assert "1 to 2 seeds" in one.alt and one.alt.index("b 80") < one.alt.index("a 90")
    with pytest.raises(ValueError, match="python -m cnn_course record norm"):
        plots.experiment(record())


def test_the_bars_are_the_intervals_of_the_difference_from_the_dashed_line():
    kept = record(a=(0.90, 0.92), b=(0.80, 0.81), c=(0.85,))
    figure = plots.experiment(kept, baseline="b")
    axes = figure.axes[0]
    lines = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in lines] == [80.5]
    ends = {tuple(segment[:, 0]) for bars in axes.containers if bars[2] for segment in bars[2][0].get_segments()}
    expected = {tuple(80.5 + end for end in kept.difference(label, "b").interval) for label in "ac"}
    assert sorted(ends) == [pytest.approx(pair) for pair in sorted(expected)]


def test_the_caption_says_what_a_bar_leaves_out():
    """What is unpaired, which bars the seeds alone do not bear out, and of older weights only those that are shown."""
    said = {name: " ".join(text.get_text() for text in plots.experiment(name).texts) for name in ("pooling", "separable", "head")}
    assert "the dashed line (unpaired)." in " ".join(said["pooling"].split())
    assert "other seeds may turn it round: depthwise, then 1x1." in " ".join(said["separable"].split())
    assert "unpaired" not in said["head"] and "turn it round" not in " ".join(said["head"].split())
    shown = plots.experiment("comparison", only=["alexnet_cifar", "vgg_cifar"])
    assert "lenet5" not in " ".join(text.get_text() for text in shown.texts)


def test_a_bar_of_a_mean_and_a_band_are_its_interval():
    kept = record(a=(0.90, 0.92), b=(0.80, 0.81))
    low, high = experiments.mean_interval([90, 92], 10_000)
    bars = [b[2][0].get_segments()[0] for b in plots.parameters_against_accuracy(kept).axes[0].containers]
    assert any(np.allclose(bar[:, 1], (low, high)) for bar in bars)
    bands = plots.curves(kept, metrics="accuracy", train=False).axes[0].collections
    assert any(np.isclose(band.get_paths()[0].vertices[:, 1].max(), high) for band in bands)


def test_runs_of_one_name_that_are_no_seeds_of_one_run_are_told_apart():
    first, second = record(a=(0.7, 0.8)).runs["a"]  # seeds 0 and 1
    again, larger, longer = replace(first), replace(second, parameters=2000), replace(second, rows=second.rows * 2)
    drawn = replace(second, source="stand-in")
    assert "mean of 2 seeds" in str(said(plots.curves([first, second])))
    for other in (again, larger, longer, drawn):
        figure = plots.curves([first, other])
        assert figure.alt.startswith("Curves: a and a (2), ") and "seeds" not in str(said(figure))
        assert {"your a", "your a (2)"} <= set(said(plots.parameters_against_accuracy(record(b=(0.9,)), own=[first, other])))
    axes = plots.experiment(record(a=(0.9,), b=(0.8,)), own=[first, replace(first, rows=second.rows)]).axes[0]
    hollow = [line for line in axes.lines if line.get_marker() == "o" and line.get_color() == "white"]
    assert [line.get_xdata()[0] for line in hollow] == pytest.approx([70, 80])


def test_colours_of_runs_go_by_names_that_are_numbers_too():
    runs = record(a=(0.7,)).runs["a"]
    assert "red" in [line.get_color() for line in plots.curves({8: runs}, colours={8: "red"}).axes[0].lines]


def said(figure):
    return [text.get_text() for text in (*figure.texts, *figure.axes[0].texts)]


def test_differences_have_their_intervals_and_are_hollow_where_they_may_turn_round():
    kept = record(a=(0.90, 0.92), b=(0.80, 0.81), c=(0.80, 0.82))
    found = {"a": kept.difference("a", "b"), "c": kept.difference("c", "b")}
    drawn = plots.differences(found, "Two").axes[0].containers
    assert [dots.get_xdata()[0] for dots, *_ in drawn] == pytest.approx([each.points for each in found.values()])
    spans = [tuple(bars[0].get_segments()[0][:, 0]) for _, _, bars in drawn]
    assert spans == [pytest.approx(each.interval) for each in found.values()]
    hollow = [dots.get_markerfacecolor() == "white" for dots, *_ in drawn]
    assert hollow == [not each.decided for each in found.values()] == [False, True]


def test_an_experiment_goes_by_its_name_and_a_label_by_those_that_there_are():
    assert plots.experiment("norm").alt == plots.experiment(experiments.recorded("norm")).alt
    one = plots.experiment(record(a=(0.9,), b=(0.8,)), only="a", baseline="b")  # which is not shown
    assert one.axes[0].lines[0].get_xdata()[0] == 80
    for settings in ({"only": "c"}, {"baseline": "c"}):
        with pytest.raises(ValueError, match="norm has no variant 'c'; its variants are a, b"):
            plots.experiment(record(a=(0.9,), b=(0.8,)), **settings)


def test_own_runs_that_saw_more_images_are_told():
    def words(figure):
        return " ".join(" ".join(text.get_text() for text in figure.texts).split())

    kept, lesson = record(a=(0.90, 0.92), b=(0.80, 0.81)), record(a=(0.7,)).runs["a"][0]
    longer = replace(lesson, rows=lesson.rows * 10)
    for draw in (plots.experiment, plots.parameters_against_accuracy):
        assert "Yours saw" not in words(draw(kept, own=[lesson])) and "Yours saw" not in words(draw(kept))
        assert "Yours saw 500,000 images in all, the recorded ones 50,000." in words(draw(kept, own=longer))


def test_a_sweep_is_drawn_beside_its_result():
    kept = record(a=(0.90, 0.92), b=(0.80, 0.81))
    kept.sweeps = {"a": [[0.1, 0.5], [0.2, 0.6], [0.4, None]], "b": [[0.1, 0.4], [0.2, 0.3], [0.4, 0.2]]}
    _, small = plots.experiment(kept).axes
    chosen = {(line.get_xdata()[0], line.get_ydata()[0]) for line in small.lines if len(line.get_xdata()) == 1}
    assert chosen == {(0.2, 60), (0.1, 40)} and len(small.lines) == 4
    assert kept.table()["learning rate"].tolist() == [0.2, 0.1]


def test_multiply_adds_come_from_the_record_and_else_from_the_network():
    kept = experiments.recorded("norm")
    figure = plots.parameters_against_accuracy(kept, x="macs")
    drawn = sorted(float(line.get_xdata()[0]) for line in figure.axes[0].lines if line.get_marker() == "o")
    assert drawn == sorted(map(float, kept.multiply_adds.values()))
    run = kept.runs["batch norm"][0]
    figure = plots.parameters_against_accuracy([run], x="macs")
    assert anatomy.cost(models.build("alexnet_cifar")).macs in [line.get_xdata()[0] for line in figure.axes[0].lines]
    with pytest.raises(ValueError, match="249,450 parameters are not known: draw name -> .* with plots.scatter"):
        plots.parameters_against_accuracy([kept.runs["none"][0]], x="macs")
    for mine in (replace(run, network="mine"), replace(run, network="")):  # no model's name
        with pytest.raises(ValueError, match="are not known: draw name"):
            plots.parameters_against_accuracy([mine], x="macs")
    slim = replace(run, label="batch norm", parameters=1_234)  # of the record's label, and another network
    with pytest.raises(ValueError, match="of 1,234 parameters are not known"):
        plots.parameters_against_accuracy(kept, own=slim, x="macs")
