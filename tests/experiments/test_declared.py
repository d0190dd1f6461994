"""The experiments as they are declared: every variant can be built and trained, and says what is varied."""

import json
import re

import pytest
import torch
from torch import nn

from cnn_course import anatomy, experiments, models
from cnn_course.experiments import EXPERIMENTS, Variant, variants


@pytest.mark.parametrize("name", experiments.names())
def test_every_variant_can_be_trained(name):
    for label, variant in EXPERIMENTS[name].variants.items():
        net = variant.build().train()
        assert re.match(r"\w+\(.*\), lr=", str(variant)), label
        out = net(torch.zeros(2, 3, 32, 32))
        assert (out[0] if isinstance(out, tuple) else out).shape == (2, 10), label


def test_variants_name_their_settings():
    assert str(Variant("alexnet_cifar", {"norm": None})).startswith("build('alexnet_cifar' norm=None), lr=None")


def test_what_a_variant_varies_can_be_written_as_json():
    variant = Variant("vgg_cifar", {"activation": nn.Tanh, "convs": (1, 3), "norm": None, "bottleneck": 32})
    assert variant.varied == {"activation": "Tanh", "convs": [1, 3], "norm": None, "bottleneck": 32}
    assert json.loads(json.dumps(variant.varied)) == variant.varied and Variant("lenet5").varied == {}


def test_one_by_one_compares_at_equal_cost():
    """Within 3% in multiply-adds and in parameters, and without a single 1x1 where the label says so."""
    costs = {label: anatomy.cost(variant.build()) for label, variant in EXPERIMENTS["one_by_one"].variants.items()}
    pairs = [("NIN", "NIN without 1x1"), ("GoogLeNet", "GoogLeNet without 1x1"), ("DenseNet", "DenseNet without 1x1")]
    for having, lacking in [*pairs, ("ResNet-20 with 1x1", "ResNet-20")]:
        with_, without = costs.pop(having), costs.pop(lacking)
        assert with_.macs_1x1 > 0.2 * with_.macs and without.macs_1x1 == 0
        assert without.macs == pytest.approx(with_.macs, rel=0.03)
        assert without.parameters == pytest.approx(with_.parameters, rel=0.03)
    assert not costs


def test_the_experiments_local_response_norm_is_torchs_also_for_values_of_raw_pixels():
    maps, norm = 3 * torch.randn(2, 7, 5, 6), models.alexnet.local_response_norm()
    torch.testing.assert_close(variants.LRN()(maps), norm(maps))
    torch.testing.assert_close(variants.LRN(64)(maps), norm(64 * maps) / 64)
    assert (variants.LRN(64)(maps) / variants.LRN()(maps)).min() < 0.5  # there it bites
