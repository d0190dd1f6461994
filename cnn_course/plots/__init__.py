"""Figures: one message each, its title a sentence, drawn without pyplot: a figure is a value like any other.

The last line of a cell, `plots.lines(...)`, shows the figure; its text form is the sentence `alt`, which says
what is to be seen. Earlier in a cell `figure.show()` shows it; `figure.savefig("name.png")` keeps it in a file. `charts` and
`arrays` draw data of any kind, `trainings` and `networks` what the course measures; `canvas`, `ticks` and `colours` hold what
all share.
"""

from cnn_course.plots.arrays import heat, histogram, images
from cnn_course.plots.canvas import DPI, Figure, end_labels, key, own_style, place_labels, short, styled, text_width, wrap
from cnn_course.plots.charts import bars, lines, scatter, side_by_side, timeline
from cnn_course.plots.colours import ACCENT, FAMILY_COLOURS, GREY, INK, NEUTRAL, PALETTE, colour, family, readable, tint
from cnn_course.plots.networks import confusion, feature_maps, filters, parameters_by_layer, receptive_field, samples
from cnn_course.plots.trainings import curves, differences, experiment, live, parameters_against_accuracy

__all__ = ["ACCENT", "DPI", "FAMILY_COLOURS", "GREY", "INK", "NEUTRAL", "PALETTE", "Figure", "bars", "colour",
           "confusion", "curves", "differences", "end_labels", "experiment", "family", "feature_maps", "filters",
           "heat", "histogram", "images", "key", "lines", "live", "own_style", "parameters_against_accuracy",
           "parameters_by_layer", "place_labels", "readable", "receptive_field", "samples", "scatter", "short",
           "side_by_side", "styled", "text_width", "timeline", "tint", "wrap"]  # fmt: skip


def __dir__():
    return sorted(__all__)
