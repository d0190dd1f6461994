"""Training: `fit` trains a network by a `Recipe` and leaves a `History`; `evaluate` and `predict` ask it afterwards."""

from cnn_course.training import runs
from cnn_course.training.checkpoint import CheckpointError
from cnn_course.training.device import best_device, precision
from cnn_course.training.evaluation import Evaluation, ensemble, evaluate, predict
from cnn_course.training.fitting import Diverged, fit, lesson
from cnn_course.training.history import History
from cnn_course.training.loop import train
from cnn_course.training.optimizers import Lookahead, Muon, muon, orthogonalized
from cnn_course.training.recipe import Recipe, default_batch_size, default_lr

__all__ = ["CheckpointError", "Diverged", "Evaluation", "History", "Lookahead", "Muon", "Recipe", "best_device",
           "default_batch_size", "default_lr", "ensemble", "evaluate", "fit", "lesson", "muon", "orthogonalized",
           "precision", "predict", "runs", "train"]  # fmt: skip


def __dir__():
    return sorted(__all__)
