"""The weights that come with the course: small, whole, and as good as their runs were.

One seed of each network is tried; with the environment variable CNN_COURSE_TESTS=all every one.
"""

import os

import pytest
import torch

from cnn_course import data, experiments, files, models, training
from cnn_course.models import pretrained

TRIED = [
    (name, seed)
    for name, seeds in models.weights().items()
    for seed in (seeds if os.environ.get("CNN_COURSE_TESTS") == "all" else seeds[:1])
]


def test_weights_are_kept_in_half_precision_and_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "RECORDED", tmp_path)
    net = models.build("lenet5")
    pretrained.save_weights(net, "lenet5", 3)
    assert models.weights() == {"lenet5": [3]} and (tmp_path / "lenet5-3.safetensors").stat().st_size < 2.2 * 62_006
    again = models.build("lenet5", pretrained=True, seed=3)
    assert not again.training
    for before, after in zip(net.parameters(), again.parameters(), strict=True):
        assert after.dtype == torch.float32 and torch.allclose(before, after, rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="resnet20.*seed 0.*lenet5 3"):
        models.build("resnet20", pretrained=True)
    with pytest.raises(ValueError, match="meta device has no memory"):
        models.build("lenet5", "meta", pretrained=True, seed=3)
    with pytest.raises(ValueError, match="do not fit other settings"):
        models.build("lenet5", pretrained=True, seed=3, classes=7)
    with pytest.raises(ValueError, match=r"seed=3 chooses among recorded weights: .* torch.manual_seed\(3\)"):
        models.build("lenet5", seed=3)


@pytest.mark.parametrize(("name", "seed"), TRIED)
def test_a_pretrained_network_gets_right_what_its_run_got_right(name, seed):
    """Image by image; the run may have computed in 16 bits, and the weights are kept in 16."""
    cifar = data.load(quiet=True)
    if not cifar.is_real:
        pytest.skip("needs the real CIFAR-10")
    some = cifar.test.subset(2_000)
    right = training.evaluate(models.build(name, pretrained=True, seed=seed), some).predictions == some.labels
    recorded = experiments.recorded("comparison").find(name, seed).right_images()
    assert (right.numpy() == recorded[:2_000]).mean() > 0.995


def test_the_weights_that_the_comparison_keeps_are_all_there():
    wanted = experiments.find("comparison").keep
    assert models.weights() == {name: list(wanted[name]) for name in sorted(wanted)}


def test_all_weights_together_stay_below_15_megabytes():
    assert sum(path.stat().st_size for path in files.RECORDED.glob("*.safetensors")) < 15e6
