"""The recorded experiments: one question each, what is varied, everything else fixed, several seeds; and their results.

`declared` says what is asked, `run` makes the runs, `recorded` holds them, `results` reads them.
"""

from cnn_course.experiments.declared import EXPERIMENTS, Experiment, Variant, find, names
from cnn_course.experiments.results import Difference, Record, epochs_to, missing, recorded, states

__all__ = ["EXPERIMENTS", "Difference", "Experiment", "Record", "Variant", "epochs_to", "find", "missing", "names", "recorded",
           "states"]  # fmt: skip
