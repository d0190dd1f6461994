"""Counts equal the papers', outputs equal torchvision's, and bad input is told so."""

import pytest
import torch
import torchvision

from cnn_course import models
from cnn_course.models import inception, lenet, nin, resnet, vgg

COUNTS = {
    "lenet5_1998": 60_000,
    "lenet5_grey": 61_706,
    "lenet5": 62_006,
    "alexnet": 62_378_344,
    "alexnet_two_gpus": 60_965_224,
    "alexnet_torchvision": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "vgg16_c": 133_638_952,
    "nin": 966_986,
    "googlenet": 6_998_552,
    "googlenet_aux": 13_378_280,
    "googlenet_torchvision": 6_624_904,
    "googlenet_torchvision_aux": 13_004_888,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnet20": 269_722,
    "resnet56": 853_018,
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
}
TWINS = {name: name for name in set(models.names()) & set(torchvision.models.list_models())}
TWINS = {name: TWINS[name] for name in sorted(TWINS) if name not in ("alexnet", "googlenet")}  # ours are the papers'
TWINS |= {"alexnet_torchvision": "alexnet", "googlenet_torchvision": "googlenet"}


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("name, published", COUNTS.items())
def test_parameter_counts(name, published):
    assert count(models.build(name, device="meta")) == published


@pytest.mark.parametrize("name, twin", TWINS.items())
def test_parameter_counts_are_torchvisions(name, twin):
    settings = {"aux_logits": False, "init_weights": False} if twin == "googlenet" else {}
    with torch.device("meta"):
        theirs = torchvision.models.get_model(twin, **settings)
    ours = models.build(name, device="meta")
    assert [tuple(p.shape) for p in ours.parameters()] == [tuple(p.shape) for p in theirs.parameters()]


def copy_weights(source, target):
    """Torchvision's tensors into ours, in order; batch norms get statistics that are not 0 and 1, so that they matter."""
    for module in source.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.8, 1.2)
    theirs, ours = source.state_dict(), target.state_dict()
    assert len(theirs) == len(ours)
    for (_, value), own in zip(theirs.items(), ours.values(), strict=True):
        assert value.shape == own.shape
        own.copy_(value)


@pytest.mark.parametrize(
    "name, twin, size",
    [
        ("alexnet_torchvision", "alexnet", 224),
        ("vgg11_bn", "vgg11_bn", 224),
        ("googlenet_torchvision", "googlenet", 224),
        ("resnet18", "resnet18", 97),
        ("resnet50", "resnet50", 97),
        ("densenet121", "densenet121", 97),
    ],
)
def test_outputs_are_torchvisions(name, twin, size):
    torch.manual_seed(0)
    settings = {"aux_logits": False, "init_weights": False} if twin == "googlenet" else {}
    theirs, ours = torchvision.models.get_model(twin, **settings).eval(), models.build(name).eval()
    with torch.no_grad():
        copy_weights(theirs, ours)
        images = torch.randn(2, 3, size, size)
        expected, got = theirs(images), ours(images)
    assert torch.allclose(got, expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


def test_blocks_without_reductions_are_those_of_figure_2a():
    assert inception.unreduced()["3a"] == (64, 0, 128, 0, 32, 32) and inception.unreduced()["pool3"] == "pool"
    assert inception.unreduced(inception.CIFAR_BLOCKS, project=False)["5a"] == (64, 0, 96, 0, 32, 0)
    assert list(inception.unreduced()) == list(inception.GOOGLENET_BLOCKS)


def test_auxiliary_heads_are_torchvisions():
    torch.manual_seed(0)
    theirs = torchvision.models.googlenet(aux_logits=True, init_weights=False).aux1.eval()
    ours = inception.AuxiliaryHead(512, 1000, batch_norm=True).eval()
    with torch.no_grad():
        copy_weights(theirs, ours)
        maps = torch.randn(2, 512, 14, 14)
        assert torch.allclose(ours(maps), theirs(maps), atol=1e-5)


@pytest.mark.parametrize("name", models.COURSE)
def test_course_sizes_run_and_learn(name):
    """Logits of the right shape, a gradient for every parameter, and the budget of the course."""
    torch.manual_seed(0)
    net = models.build(name).train()
    logits = net(torch.randn(4, 3, 32, 32))
    assert logits.shape == (4, 10)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert count(net) < 100_000 if name == "lenet5" else 200_000 <= count(net) <= 320_000


def test_every_name_builds_and_names_its_family():
    for name in models.names():
        net = models.build(name, device="meta")
        assert net.name == name and models.family(name) in models.FAMILIES


@pytest.mark.parametrize(
    "name, words",
    [
        ("resnet21", r"did you mean 'resnet\d+'\? The models are: lenet5,"),
        ("ResNet20", "did you mean 'resnet20'"),
        ("densenet-121", "did you mean 'densenet121'"),
        ("zzz", "The models are: lenet5,"),
        ("vgg", "VGG is a family: vgg11, .*vgg_cifar. The course trains 'vgg_cifar'"),
        ("inception", "GoogLeNet is a family: .*The course trains 'googlenet_cifar'"),
        ("FastNet", "FastNet is a family: fastnet, fastnet_plain$"),
    ],
)
def test_unknown_name_suggests_the_nearest_or_the_family(name, words):
    with pytest.raises(ValueError, match=f"no model is called '{name}'; {words}"):
        models.build(name)


@pytest.mark.parametrize("name", ["resnet20", "alexnet"])
def test_unknown_setting_suggests_the_nearest(name):
    with pytest.raises(
        TypeError, match=f"{name} has no setting 'num_classes'; did you mean 'classes'. Its settings are: .*, classes$"
    ):
        models.build(name, num_classes=100)


def test_a_setting_that_the_depth_decides_is_none():
    with pytest.raises(TypeError, match="resnet20 has no setting 'blocks'; .*: depth, block, widths, shortcut, classes$"):
        models.build("resnet20", blocks=(1, 1, 1))


@pytest.mark.parametrize(
    "images, error, words",
    [
        (torch.zeros(2, 1, 32, 32), ValueError, r"\(N, 3, H, W\).*\(2, 1, 32, 32\)"),
        (torch.zeros(3, 32, 32), ValueError, "batch dimension"),
        (torch.zeros(2, 3, 16, 16), ValueError, "32 or more"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), TypeError, "to_float"),
        ([1, 2], TypeError, "list"),
    ],
)
def test_wrong_images_are_told_so(images, error, words):
    with pytest.raises(error, match=words):
        models.build("resnet20")(images)


def test_fixed_size_networks_name_their_size():
    with pytest.raises(ValueError, match=r"\(N, 3, 32, 32\).*\(1, 3, 64, 64\)"):
        models.build("vgg_cifar")(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: models.build("resnet20", shortcut="D"), '"A", "B", "C"'),
        (lambda: models.build("resnet20", depth=21), "6n . 2"),
        (lambda: models.build("alexnet_cifar", norm="layer"), '"lrn"'),
        (lambda: models.build("alexnet", image_size=32, device="meta"), "no pixel is left.*first_stride"),
        (lambda: models.build("nin_cifar", pooling="sum"), '"average"'),
        (lambda: models.build("googlenet_cifar", aux=("9z",)), "'9z'"),
        (lambda: models.build("densenet_cifar", compression=0), "compression"),
        (lambda: resnet.ResNet(stem="x"), "stem"),
        (lambda: models.build("googlenet", layout="x"), '"paper", "torchvision"'),
        (lambda: models.build("lenet5", device="gpu"), 'device is \'gpu\'; expected "cpu", "cuda"'),
        (lambda: models.build("lenet5", device="cuda:99"), 'device is "cuda:99", but torch finds .*: leave device out'),
        (lambda: models.build("lenet5", classes=0), "classes is 0; expected a whole number of at least 1"),
        (lambda: models.build("lenet5", classes="10"), "classes is '10'"),
        (lambda: models.build("densenet_cifar", growth_rate=-1), "growth_rate is -1"),
        (lambda: models.build("densenet_cifar", compression=0.01), "a layer without channels, stages.transition1"),
        (lambda: models.build("alexnet_cifar", first_padding=-1), "first_padding is -1; expected a whole number of at least 0"),
        (lambda: models.build("alexnet_cifar", dropout=1), "dropout is 1; expected a number"),
        (lambda: models.build("vgg_cifar", widths=(0, 8, 8)), "widths is 0"),
        (lambda: models.build("vgg_cifar", kernel=2), "a filter of 2x2 cannot keep height and width; expected an odd size"),
        (lambda: models.build("vgg_cifar", image_size=4), "no pixel of a 4x4 image is left after 3 poolings"),
        (lambda: models.build("vgg_cifar", convs=(1, 1)), "convs has 2 stages and widths 3"),
        (lambda: models.build("resnet20", widths=(16, 32)), r"resnet20 cannot be built with widths=\(16, 32\)"),
        (lambda: models.build("vgg_cifar", convs=(), widths=()), r"vgg_cifar cannot be built with convs=\(\), widths=\(\)"),
        (lambda: models.build("nin_cifar", kernels=(5,)), r"nin_cifar cannot be built with kernels=\(5,\)"),
        (lambda: models.build("nin_cifar", kernels=(4, 4, 4)), "a filter of 4x4 cannot keep height and width"),
        (lambda: models.build("resnet18", block="basic"), "resnet18 cannot be built with block='basic'"),
        (lambda: models.build("alexnet_cifar", pool=(8, 8), first_kernel=1), r"convolutions and poolings .* or pool \(8, 8\)"),
    ],
)
def test_impossible_settings_are_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_zero_branch_gives_relu_in_2015_and_identity_in_2016():
    x = torch.randn(2, 16, 8, 8)
    for make in (resnet.BasicBlock, resnet.PreActBasicBlock):
        block = make(16, 16).eval()
        for p in block.parameters():
            torch.nn.init.zeros_(p)
        assert torch.equal(block(x), x if block.preact else x.relu())


def test_before_a_stage_both_paths_see_the_first_activation():
    """The authors' "common BN, ReLU": with zeros in the branch the shortcut's result is left, of relu(bn(x)) and not of x."""
    torch.manual_seed(0)
    x = torch.randn(2, 16, 8, 8)
    unit = resnet.PreActBasicBlock(16, 16, stride=2, first=True).eval()
    unit.bn1.bias.data.fill_(0.5)
    torch.nn.init.zeros_(unit.conv2.weight)
    assert torch.equal(unit(x), unit.shortcut(unit.bn1(x).relu())) and unit(x).shape == (2, 16, 4, 4)


def test_the_first_unit_of_each_stage_has_the_common_activation():
    stages = models.build("preact_resnet20").stages
    assert [[unit.first for unit in stage] for stage in stages] == [[True, False, False]] * 3


def test_the_layout_of_googlenet_is_a_setting_of_its_own():
    paper, normed = (models.build("googlenet", device="meta", aux=("4a",), batch_norm=b) for b in (False, True))
    assert [type(net.aux["4a"].pool).__name__ for net in (paper, normed)] == ["AvgPool2d"] * 2
    assert paper.blocks["pool4"].kernel_size == normed.blocks["pool4"].kernel_size == 3
    theirs = models.build("googlenet", device="meta", aux=("4a",), layout="torchvision")
    assert theirs.blocks["pool4"].kernel_size == 2 and type(theirs.aux["4a"].pool).__name__ == "AdaptiveAvgPool2d"


def test_plain_network_has_the_same_layers_without_the_sum():
    plain, residual = models.build("plain20"), models.build("resnet20")
    assert [p.shape for p in plain.parameters()] == [p.shape for p in residual.parameters()]
    assert not any(isinstance(m, resnet.PadShortcut) for m in plain.modules())


def test_padding_shortcut_takes_every_second_pixel_and_adds_zero_channels():
    x = torch.randn(1, 4, 6, 6)
    out = resnet.PadShortcut(4, 8, 2)(x)
    assert torch.equal(out[:, :4], x[:, :, ::2, ::2]) and not out[:, 4:].any()


def test_a_transition_keeps_its_share_rounded_down():
    """In floats 90 x 0.7 is a little less than 63."""
    kept = {(90, 0.7): 63, (9, 0.7): 6, (10, 0.35): 3, (257, 0.5): 128}
    assert {given: models.Transition(*given).out_channels for given in kept} == kept


def test_the_block_of_nin_can_be_ones_own():
    """Called with in_channels, widths, kernel and batch_norm; the course's own in its place changes nothing."""
    asked = []

    def own(*settings):
        asked.append(settings)
        return nin.mlpconv(*settings)

    with torch.device("meta"):
        net = models.build("nin", mlpconv=own)
    assert asked == [(3, (192, 160, 96), 5, False), (96, (192, 192, 192), 5, False), (192, (192, 192), 3, False)]
    assert count(net) == COUNTS["nin"]


def test_dense_layers_as_convolutions_give_the_same_logits():
    torch.manual_seed(0)
    net = models.build("vgg_cifar").eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(vgg.as_convolutions(net).eval()(images).flatten(1), net(images), atol=1e-4)
        assert vgg.as_convolutions(net).eval()(torch.randn(1, 3, 48, 64)).shape == (1, 10, 3, 5)


def test_auxiliary_heads_speak_in_training_only():
    images = torch.randn(2, 3, 32, 32)
    for batch_norm in (True, False):
        net = models.build("googlenet_cifar", aux=("4a",), batch_norm=batch_norm)
        assert [o.shape for o in net.train()(images)] == [(2, 10), (2, 10)]
        assert net.eval()(images).shape == (2, 10)


def test_partial_connections_of_1998():
    """Table I: six maps see three, nine see four, one sees all; every map below is used ten times."""
    sees = lenet.PartialConvolution.SEES
    assert [len(s) for s in sees] == [3] * 6 + [4] * 9 + [6]
    assert all(sum(i in s for s in sees) == 10 for i in range(6))


# ------------------------------------------------------------------------------- how weights begin
@pytest.mark.parametrize("name", [*models.COURSE, "plain20", "preact_resnet20", "alexnet_two_gpus"])
def test_every_layer_begins_from_hes_variance_by_its_inputs(name):
    torch.manual_seed(0)
    layers = [layer for layer in models.build(name).modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)]
    for layer in layers:
        inputs, count = layer.weight[0].numel(), layer.weight.numel()  # inputs of one output: channels of its group x window
        relu = layer is not layers[-1] or isinstance(layer, torch.nn.Conv2d)  # none follows the last dense layer
        expected = ((2 if relu else 1) / inputs) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=max(0.05, 3 / count**0.5))
        assert layer.bias is None or not layer.bias.any()


@pytest.mark.parametrize("settings", [{}, {"aux": ("4a",)}])
def test_a_googlenet_without_batch_norm_keeps_its_signal_from_block_to_block(settings):
    torch.manual_seed(0)
    net = models.build("googlenet_cifar", batch_norm=False, **settings)
    with torch.no_grad():
        x = net.stem(torch.randn(16, 3, 32, 32))
        spread = [(x := block(x)).std().item() for block in net.blocks.values()]
    assert max(spread) < 3 * min(spread)


def test_cards_are_torchvisions():
    cards = models.cards()
    vgg16 = torchvision.models.VGG16_Weights.IMAGENET1K_V1.meta
    row = cards.loc["vgg16"]
    assert row["parameters"] == vgg16["num_params"] == 138_357_544 and row["multiply-adds (billions)"] == vgg16["_ops"]
    assert row["top-1 (%)"] < row["top-5 (%)"] == vgg16["_metrics"]["ImageNet-1K"]["acc@5"]
    first, second = (models.cards(["resnet50"], weights)["top-1 (%)"].item() for weights in ("IMAGENET1K_V1", "IMAGENET1K_V2"))
    assert second > first
    assert models.cards("resnet50").equals(models.cards(["resnet50"]))
    with pytest.raises(ValueError, match="vgg16 has no weights 'V9'; it has IMAGENET1K_V1"):
        models.cards(["vgg16"], "V9")
    with pytest.raises(ValueError, match="vgg99"):
        models.cards(["vgg99"])
