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


def test_equal_parameters_where_the_question_says_so():
    adding, appending = (anatomy.cost(v.build()).parameters for v in EXPERIMENTS["combine"].variants.values())
    assert adding == pytest.approx(appending, rel=0.01)


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


@pytest.mark.parametrize(
    ("name", "work", "parameters"),
    [("equal_work", 0.05, None), ("branches", 0.03, 0.03), ("squeeze", 0, 0), ("separable", 0.03, 0.03)],
)
def test_variants_cost_the_same_where_the_question_says_so(name, work, parameters):
    first, *others = (anatomy.cost(variant.build()) for variant in EXPERIMENTS[name].variants.values())
    if name == "equal_work":
        assert first.macs == pytest.approx(22e6, rel=0.05)
    for other in others:
        assert other.macs == pytest.approx(22e6 if name == "equal_work" else first.macs, rel=work)
        assert parameters is None or other.parameters == pytest.approx(first.parameters, rel=parameters)
