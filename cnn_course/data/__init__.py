"""CIFAR-10 and what is made of it: `load()` finds, fetches or replaces it, `batches()` makes floats, `augment` changes images."""

from cnn_course.data import augment
from cnn_course.data.batching import MEAN, STD, batches, number_of_batches, shrunk, to_float
from cnn_course.data.cifar10 import CLASSES, Cifar10, Split, load, named_folder, note, photograph, picture, read
from cnn_course.data.download import ARCHIVE, FOLDER, DataError, NoMirror, fetch, install

__all__ = ["ARCHIVE", "CLASSES", "FOLDER", "MEAN", "STD", "Cifar10", "DataError", "NoMirror", "Split", "augment", "batches",
           "fetch", "install", "load", "named_folder", "note", "number_of_batches", "photograph",
           "picture", "read", "shrunk", "to_float"]  # fmt: skip


def __dir__():
    return sorted(__all__)
