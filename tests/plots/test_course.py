"""Figures of recorded experiments: the means, the seeds and the noise that they draw are those of the record."""

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


def test_the_band_is_two_standard_errors_of_a_difference():
    figure = plots.experiment(record(a=(0.9,), b=(0.8,)))
    axes = figure.axes[0]
    band = axes.transData.inverted().transform_bbox(axes.patches[0].get_window_extent())
    assert (band.x0, band.x1) == (pytest.approx(90 - 0.6 * 2**0.5), pytest.approx(90 + 0.6 * 2**0.5))


def test_multiply_adds_come_from_the_record_and_else_from_the_network():
    kept = experiments.recorded("norm")
    figure = plots.parameters_against_accuracy(kept, x="macs")
    drawn = sorted(float(line.get_xdata()[0]) for line in figure.axes[0].lines if line.get_marker() == "o")
    assert drawn == sorted(map(float, kept.multiply_adds.values()))
    run = kept.runs["batch norm"][0]
    figure = plots.parameters_against_accuracy([run], x="macs")
    assert anatomy.cost(models.build("alexnet_cifar")).macs in [line.get_xdata()[0] for line in figure.axes[0].lines]
    with pytest.raises(ValueError, match="249,450 parameters are not known: give x as name -> number"):
        plots.parameters_against_accuracy([kept.runs["none"][0]], x="macs")
