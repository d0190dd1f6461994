"""The recorded experiments: one question each, what is varied, everything else fixed, several seeds; and their results.

`declared` says what is asked, `run` makes the runs, `recorded` holds them, `results` reads them.
"""

from cnn_course.experiments.declared import EXPERIMENTS, Experiment, Variant, find, names
from cnn_course.experiments.fairness import sheet
from cnn_course.experiments.paired import Difference, difference, mean_interval
from cnn_course.experiments.racing import Race, race
from cnn_course.experiments.results import Record, epochs_to, missing, recorded, states

__all__ = ["Difference", "EXPERIMENTS", "Experiment", "Race", "Record", "Variant", "difference", "epochs_to", "find",
           "mean_interval", "missing", "names", "race", "recorded", "sheet", "states"]  # fmt: skip


def __dir__():
    return sorted(__all__)
