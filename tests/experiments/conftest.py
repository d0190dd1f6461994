from dataclasses import replace

import pytest
import striped

from cnn_course import data, files, training
from cnn_course.data import augment
from cnn_course.experiments import Experiment, Variant, declared, run


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Three small experiments on striped images, which share a variant, and a folder of their own, which it returns."""
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plain = Variant("lenet5")
    flipped = Variant("lenet5", recipe=training.Recipe(augment=(augment.flip,)))
    slower = Variant("lenet5", recipe=training.Recipe(lr=0.01))
    same = {"epochs": 2, "train_images": 60, "test_images": 20, "seeds": (0, 1)}
    experiments = (
        Experiment("first", "?", {"plain": plain, "flipped": flipped}, **same),
        Experiment("second", "?", {"as before": plain}, **same, keep={"as before": (1,)}),
        Experiment("third", "?", {"as before": plain, "slower": slower}, **same),
    )
    monkeypatch.setattr(declared, "EXPERIMENTS", {experiment.name: experiment for experiment in experiments})
    cifar = replace(striped.cifar(60, 20), source="CIFAR-10")
    monkeypatch.setattr(data, "load", lambda quiet=False: cifar)
    run._cifar.cache_clear()
    yield tmp_path
    run._cifar.cache_clear()
